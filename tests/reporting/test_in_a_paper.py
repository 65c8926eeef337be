"""The paragraph for a paper: model, software, data, convergence and priors, as they are."""

import numpy as np
import pytest

import bayesmm as bmm
from bayesmm.reporting.answers import variance_table
from bayesmm.reporting.in_a_paper import in_a_paper
from tests.fits import fit_of, posterior_of
from tests.reporting.html_page import every, page_of, text_of, tree_of


def test_the_page_ends_with_it():
    (quoted,) = every(tree_of("sleep", bayes=True), "blockquote")
    assert text_of(quoted) == " ".join(in_a_paper(fit_of("sleep"), posterior_of("sleep")).split())
    assert page_of("sleep", bayes=True).paper == in_a_paper(fit_of("sleep"), posterior_of("sleep"))
    *_, last = every(tree_of("sleep", bayes=True), "section")
    assert quoted in list(last)


def test_it_says_what_was_done():
    said = in_a_paper(fit_of("sleep"), posterior_of("sleep"))
    certificate = posterior_of("sleep").certificate
    for words in (
        "mixed model of Reaction with fixed effects of Days and",
        "and correlated random intercepts and slopes of Days by Subject (Reaction",
        "(Reaction ~ Days + (Days | Subject)) to 180 rows (18 levels of Subject) by REML",
        f"with bayesmm {bmm.__version__}",
        "the search converged to a minimum inside the parameter space.",
        "4 chains of 250 draws",
        f"largest R-hat {certificate.rhat:.3f}",
        f"smallest effective sample size {int(min(certificate.ess_bulk, certificate.ess_tail))}.",
        f"with s_y = {np.std(fit_of('sleep').model.design.y, ddof=1):.2f} the standard deviation of Reaction",
        "LKJ(2) for correlations",
    ):
        assert words in said
    assert "posterior" not in in_a_paper(fit_of("sleep"), None)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("penicillin", "of diameter with random intercepts by plate and random intercepts by sample"),
        ("sleep_bars", "random intercepts by Subject and random slopes of Days by Subject"),
        ("hsb", "fixed effects of meanses, cses and sector and their interactions and correlated random"),
        ("dyestuff2", "converged to a singular fit: (1 | Batch): the variance of Intercept is zero."),
        ("pastes", "(30 levels of batch:cask and 10 levels of batch)"),
    ],
)
def test_models_in_words(name, words):
    assert words in in_a_paper(fit_of(name), None)


def test_priors_that_were_chosen_and_weights_are_told():
    data = bmm.load_data("sleepstudy")
    priors = {"Days": bmm.Prior("Normal", mu=0, sigma=10), "corr": bmm.Prior("LKJ", eta=1)}
    weights = np.linspace(1, 2, len(data))
    given = {"weights": weights, "offset": np.full(len(data), 100.0)}
    model = bmm.Model("Reaction ~ Days + (Days | Subject)", data, priors=priors, **given)
    said = in_a_paper(model.fit(), model.sample(draws=50, random_seed=1, progressbar=False))
    assert "Days ~ Normal(mu=0, sigma=10) and corr|Subject ~ LKJ(eta=1)" in said
    assert "LKJ(2)" not in said
    assert "for coefficients" not in said
    assert "(s_y √mean(w))" in said
    assert "to 180 rows (18 levels of Subject), with precision weights, by REML" in said
    assert "slopes of Days by Subject and a known offset (Reaction" in said
    assert "not to be reported (the draws can't be trusted yet" in said


def test_all_priors_may_be_chosen():
    own = bmm.Prior("HalfNormal", sigma=20)
    priors = {"Intercept": bmm.Prior("Normal", mu=1500, sigma=100), "sd": own, "sigma": own}
    model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"), priors=priors)
    said = in_a_paper(model.fit(), model.sample(draws=200, random_seed=1, progressbar=False))
    assert said.endswith(
        "The priors were Intercept ~ Normal(mu=1500, sigma=100), sigma ~ HalfNormal(sigma=20) and "
        "1|Batch_sigma ~ HalfNormal(sigma=20)."
    )


def test_a_structured_covariance_is_named_in_the_paragraph_and_in_the_table():
    machines = bmm.load_data("Machines")
    machines["order"] = machines["Machine"].cat.codes
    fit = bmm.Model("score ~ Machine + toep(0 + order | Worker)", machines).fit()
    assert "slopes of order by Worker with the covariance structure toep (score" in in_a_paper(fit, None)
    rows = variance_table(fit).rows
    assert [row[1:3] for row in rows[3:5]] == [("toep lag 1", "correlation"), ("toep lag 2", "correlation")]
    fit = bmm.Model("score ~ Machine + ar1(0 + order | Worker)", machines).fit()
    assert variance_table(fit).rows[3][1:3] == ("ar1", "correlation")
