"""The same questions to an estimate and a posterior: names, shapes, indexes, and nearly the same numbers."""

from __future__ import annotations

import inspect
from functools import cache

import numpy as np
import pandas as pd
import pytest

import bayesmm as bmm
from bayesmm.results import Fitted
from bayesmm.results.tables import AUGMENT, GLANCE, TIDY

PRIORS = {
    "fixed": bmm.Prior("Normal", mu=0, sigma=1000),
    "sd": bmm.Prior("HalfNormal", sigma=100),
    "sigma": bmm.Prior("HalfNormal", sigma=100),
    "corr": bmm.Prior("LKJ", eta=1),
}
FORMULA = "y ~ x + kind + (x | group) + (1 | site)"
QUESTIONS = {
    "beta": lambda fit: fit.beta,
    "se": lambda fit: fit.se,
    "vcov": lambda fit: fit.vcov,
    "varcorr": lambda fit: fit.varcorr,
    "sdcor_se": lambda fit: fit.sdcor_se,
    "covariances": lambda fit: fit.covariances[0],
    "ranef": lambda fit: fit.ranef["group"],
    "ranef_sd": lambda fit: fit.ranef_sd["group"],
    "coef": lambda fit: fit.coef["group"],
    "fitted": lambda fit: fit.fitted,
    "residuals": lambda fit: fit.residuals,
    "predict": lambda fit: fit.predict(),
    "predict new": lambda fit: fit.predict(NEW, new_levels="population", prob=0.8),
    "predict responses": lambda fit: fit.predict(include_random="site", kind="response"),
    "simulate": lambda fit: fit.simulate(3, random_seed=1),
    "parameters": lambda fit: fit.parameters().table(0.9),
    "linear": lambda fit: fit.linear({"at 2": {"Intercept": 1, "x": 2}, "slope": {"x": 1}}).table(),
    "r2": lambda fit: fit.r2().table(),
    "r2 fitted": lambda fit: fit.r2("fitted").table(),
    "icc": lambda fit: fit.icc().table(),
    "tidy": lambda fit: fit.tidy(),
    "tidy all": lambda fit: fit.tidy(("fixed", "ran_pars", "ran_vals"), prob=0.8),
    "tidy without intervals": lambda fit: fit.tidy("ran_vals", conf_int=False),
    "glance": lambda fit: fit.glance(),
    "augment": lambda fit: fit.augment(),
}
NEW = pd.DataFrame(
    {"x": [0.5, 1.5], "kind": ["a", "b"], "group": [3, 999], "site": ["s1", "s2"]}, index=[7, 8]
)


@cache
def data() -> pd.DataFrame:
    """Many groups, so that the priors say little and standard deviations are hardly skewed."""
    rng = np.random.default_rng(8)
    group, site = np.repeat(np.arange(250), 8), rng.integers(0, 30, 2000)
    x, kind = rng.normal(size=2000), rng.choice(["a", "b"], 2000)
    b = rng.normal(size=(250, 2)) @ np.array([[1.5, 0.4], [0.0, 0.8]])
    y = 10 + 2 * x + (kind == "b") + b[group, 0] + b[group, 1] * x + 0.8 * rng.normal(size=30)[site]
    frame = pd.DataFrame(
        {
            "y": y + rng.normal(size=2000),
            "x": x,
            "kind": kind,
            "group": group,
            "site": [f"s{i}" for i in site],
        }
    )
    return frame.set_index(np.arange(2000) + 100)


@cache
def results() -> tuple[bmm.Estimate, bmm.Posterior]:
    model = bmm.Model(FORMULA, data(), priors=PRIORS)
    return model.fit(), model.sample(draws=1000, random_seed=3, progressbar=False)


@pytest.mark.parametrize("question", QUESTIONS)
def test_both_answer_in_one_shape(question: str):
    estimate, posterior = (QUESTIONS[question](result) for result in results())
    assert type(estimate) is type(posterior)
    assert estimate.shape == posterior.shape
    assert estimate.index.equals(posterior.index)
    if isinstance(estimate, pd.DataFrame):
        assert list(estimate.columns) == list(posterior.columns)
        same = [name for name in estimate if estimate[name].dtype == object]
        if question != "glance":
            pd.testing.assert_frame_equal(estimate[same], posterior[same])
            assert list(estimate.dtypes) == list(posterior.dtypes)
    else:
        assert estimate.name == posterior.name


def test_what_is_said_by_name_is_the_same():
    estimate, posterior = results()
    assert isinstance(estimate, Fitted)
    assert isinstance(posterior, Fitted)
    assert estimate.nobs == posterior.nobs == 2000
    assert isinstance(estimate.sigma, float)
    assert isinstance(posterior.sigma, float)
    assert posterior.sigma == pytest.approx(estimate.sigma, rel=0.01)
    for result in results():
        assert list(result.tidy().columns) == list(TIDY)
        assert list(result.glance().columns) == list(GLANCE)
        assert list(result.augment().columns) == ["y", "group", "kind", "site", "x", *AUGMENT]
        assert isinstance(result.sheet(0.9), type(estimate.summary()))
        assert str(result) == str(result.sheet())


@pytest.mark.parametrize(
    "name", [name for name, _ in inspect.getmembers(Fitted, inspect.isfunction) if not name.startswith("_")]
)
def test_verbs_take_the_same_arguments(name: str):
    contract = inspect.signature(getattr(Fitted, name)).parameters
    for kind in (bmm.Estimate, bmm.Posterior):
        own = inspect.signature(getattr(kind, name)).parameters
        assert list(own)[: len(contract)] == list(contract)
        assert {own[p].default for p in contract} == {contract[p].default for p in contract}
        assert all(own[p].default is not inspect.Parameter.empty for p in set(own) - set(contract))


@pytest.mark.parametrize(
    ("question", "sds"),
    [("beta", 0.1), ("fitted", 0.2), ("ranef", 0.2), ("coef", 0.2), ("predict", 0.2), ("predict new", 0.3)],
)
def test_means_are_near_the_estimates(question: str, sds: float):
    """In posterior sds: what is left is Monte Carlo, and that the variances are not known."""
    estimate, posterior = (QUESTIONS[question](result) for result in results())
    if question.startswith("predict"):
        error = posterior["se"].to_numpy()
        estimate, posterior = estimate["mean"], posterior["mean"]
    elif question == "beta":
        error = results()[1].se.to_numpy()
    else:
        error = results()[1].row_errors[0] if question == "fitted" else 0.2
    assert np.abs((estimate - posterior).to_numpy() / error).max() < sds


@pytest.mark.parametrize("question", ["se", "ranef_sd", "predict", "predict new", "predict responses"])
def test_errors_are_near_each_other(question: str):
    estimate, posterior = (QUESTIONS[question](result) for result in results())
    if question.startswith("predict"):
        estimate, posterior = estimate["se"], posterior["se"]
    np.testing.assert_allclose(posterior, estimate, rtol=0.15)


def test_variance_parameters_and_shares_are_near_each_other():
    """Whose intervals are the same, but for skew: the estimate's are on scales without bounds."""
    for question in ("parameters", "r2", "icc", "linear", "tidy"):
        estimate, posterior = (QUESTIONS[question](result) for result in results())
        if question == "tidy":
            names = {"std_error": "se", "conf_low": "lower", "conf_high": "upper"}
            estimate, posterior = estimate.rename(columns=names), posterior.rename(columns=names)
        error = posterior["se"]
        assert ((posterior["estimate"] - estimate["estimate"]).abs() < 0.35 * error).all(), question
        for end in ("lower", "upper"):
            assert ((posterior[end] - estimate[end]).abs() < 0.6 * error).all(), (question, end)
        np.testing.assert_allclose(posterior["se"], estimate["se"], rtol=0.2)


def test_simulated_responses_have_the_moments_of_the_model():
    """Var(y_i) = z'Gz + 0.8² + σ², across draws and rows; of the groups themselves only σ² is left."""
    for result in results():
        design = result.design
        new = result.simulate(400, random_seed=1).to_numpy()
        mean = design.X @ result.beta.to_numpy()
        variance = np.full(design.n, result.sigma**2)
        for term, G in zip(design.terms, result.covariances, strict=True):
            variance += np.einsum("ni,ij,nj->n", term.Xi, G.to_numpy(), term.Xi)
        z = (new - mean[:, None]) / np.sqrt(variance)[:, None]
        assert abs(z.mean()) < 0.05
        assert z.std() == pytest.approx(1, abs=0.02)
        own = (
            result.simulate(400, random_seed=1, effects="fitted").to_numpy()
            - result.fitted.to_numpy()[:, None]
        )
        expected = np.sqrt(result.sigma**2 + (0 if isinstance(result, bmm.Estimate) else 0.3))
        assert result.sigma * 0.99 < own.std() < 1.1 * expected
        pd.testing.assert_frame_equal(result.simulate(2, random_seed=5), result.simulate(2, random_seed=5))
        with pytest.raises(bmm.ModelError, match="effects is"):
            result.simulate(effects="old")
        with pytest.raises(bmm.ModelError, match="draws is 0"):
            result.simulate(0)


def test_a_posterior_without_its_model_says_what_it_lacks():
    alone = bmm.Posterior(results()[1].data)
    for ask in (lambda p: p.beta, lambda p: p.tidy(), lambda p: p.augment(), lambda p: p.r2()):
        with pytest.raises(bmm.ModelError, match="without its model"):
            ask(alone)
    assert "Parameters" in str(alone)


def test_leaving_out_is_a_question_to_posteriors():
    estimate, posterior = results()
    with pytest.raises(bmm.ModelError, match="looic is True for an estimate"):
        estimate.glance(looic=True)
    model = bmm.Model("diameter ~ 1 + (1 | plate) + (1 | sample)", bmm.load_data("Penicillin"))
    posterior = model.sample(draws=500, random_seed=1, progressbar=False)
    row, loo = posterior.glance(looic=True).iloc[0], posterior.loo(progressbar=False)
    assert (row["elpd_loo"], row["p_loo"]) == pytest.approx((float(loo.elpd), float(loo.p)))
    assert row["looic"] == pytest.approx(-2 * row["elpd_loo"])
    assert row["log_evidence"] == posterior.log_evidence
    assert row["pss"] == 2000


def test_effects_that_were_summed_up_have_rows_too():
    model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
    options = {"draws": 500, "random_seed": 1, "progressbar": False}
    whole, summed = model.sample(**options), model.sample(**options, effects="summary")
    pd.testing.assert_frame_equal(
        whole.tidy("ran_vals", conf_int=False), summed.tidy("ran_vals", conf_int=False)
    )
    kept = float(summed.data["effect_summary"].attrs["ci_prob"])
    pd.testing.assert_frame_equal(
        whole.tidy("ran_vals", prob=kept), summed.tidy("ran_vals", prob=kept), rtol=1e-3, atol=0.05
    )
    with pytest.raises(bmm.ModelError, match="weren't kept"):
        summed.tidy("ran_vals", prob=kept / 2)
    np.testing.assert_allclose(summed.fitted, whole.fitted, rtol=1e-10)
    assert summed.augment()["se_fit"].isna().all()
    assert whole.augment()["se_fit"].notna().all()
