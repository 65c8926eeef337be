"""What a posterior shows of itself."""

import subprocess
import sys

import arviz as az
import pytest

from bayesmm.errors import ModelError
from bayesmm.posterior import Posterior

PARAMETERS = ["Intercept", "Days", "sigma", "1|Subject_sigma", "Days|Subject_sigma", "corr|Subject[1, Days]"]


def test_the_summary_leaves_the_random_effects_out(sleep_posterior):
    assert list(sleep_posterior.summary().index) == PARAMETERS
    everything = sleep_posterior.summary(effects=True)
    assert len(everything) == len(PARAMETERS) + 36
    assert "Days|Subject[308]" in everything.index
    assert list(sleep_posterior.summary("Days").index) == ["Days"]
    assert len(sleep_posterior.summary(["1|Subject"])) == 18


def test_the_summary_follows_arvizs_settings(sleep_posterior):
    with az.rc_context({"stats.ci_prob": 0.5, "stats.ci_kind": "hdi"}):
        assert "hdi50_lb" in sleep_posterior.summary().columns
    assert "eti89_lb" in sleep_posterior.summary().columns
    assert "eti95_ub" in sleep_posterior.summary(ci_prob=0.95).columns
    assert sleep_posterior.summary(kind="diagnostics").columns[0].startswith("ess")
    assert len(sleep_posterior.summary(["sigma"], filter_vars="like")) == 3


def test_a_variable_that_is_not_there(sleep_posterior):
    with pytest.raises(ModelError, match="did you mean 'Days'"):
        sleep_posterior.summary("Dayz")


@pytest.mark.parametrize(
    ("names", "how", "words"),
    [
        ("Dayz", "like", ["no variable", "'Dayz'", "did you mean 'Days'"]),
        (["^x", "y$"], "regex", ["'^x' or 'y$'", "regular expression"]),
        ("(", "regex", ["regular expressions", "filter_vars='like'"]),
        ("sigma", "lik", ["filter_vars is 'lik'", "did you mean 'like'"]),
    ],
)
def test_a_filter_that_leaves_no_variable_is_told_so(sleep_posterior, names, how: str, words: list[str]):
    with pytest.raises(ModelError) as error:
        sleep_posterior.summary(names, filter_vars=how)
    assert [word for word in words if word not in str(error.value)] == []


def test_filters_are_those_of_arviz(sleep_posterior):
    assert list(sleep_posterior.summary("^sig", filter_vars="regex").index) == ["sigma"]
    assert "sigma" not in sleep_posterior.summary(["~sigma"], filter_vars="like").index


def test_the_page_says_what_readers_trip_over(sleep_posterior, machines_posterior):
    page = repr(sleep_posterior)
    assert "Reaction ~ Days + (Days | Subject)" in page
    assert "not a REML or ML estimate" in page
    assert "4 chains × 2000, seed 1" in page
    assert "Subject, 18 levels" in page
    assert "its prior is on the centred intercept" in page
    assert "HalfStudentT(nu=4, sigma=19.56)" in page
    assert sleep_posterior.certificate.verdict in page
    assert "Reference  Machine = A" in repr(machines_posterior)
    assert "Reaction ~ Days + (Days | Subject)" in sleep_posterior._repr_html_()


def test_what_nuts_does_not_give(sleep_posterior):
    assert sleep_posterior.method == "nuts"
    assert sleep_posterior.log_evidence is None


def test_log_evidence_is_read_from_the_attributes(sleep_posterior):
    data = sleep_posterior.data.copy()
    data.attrs["log_evidence"] = -900.5
    assert Posterior(data).log_evidence == -900.5


def test_a_posterior_does_not_change(sleep_posterior):
    with pytest.raises(AttributeError):
        sleep_posterior.model = None


def test_importing_the_package_imports_no_sampler():
    heavy = "['pymc', 'nutpie', 'arviz', 'xarray', 'pytensor', 'matplotlib']"
    code = f"import sys, bayesmm.posterior; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
