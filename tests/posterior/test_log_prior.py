"""The group ``log_prior``: densities by hand, and what ArviZ makes of them."""

import arviz as az
import numpy as np
import pytest

from bayesmm.datasets import load_data
from bayesmm.model import MixedModel
from bayesmm.posterior import Posterior, sample
from bayesmm.priors import Prior
from tests.posterior.conftest import model_of


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    model = model_of("Reaction ~ Days + (Days | Subject)", "sleepstudy")
    return sample(model, random_seed=1, progressbar=False)


def test_the_densities_are_those_of_the_priors(posterior):
    draws, found, priors = posterior.data["posterior"], posterior.data["log_prior"], posterior.model.priors
    assert set(found.data_vars) == set(priors)
    for name in ("Days", "sigma", "1|Subject_sigma", "Days|Subject_sigma"):
        np.testing.assert_array_equal(found[name], priors[name].logpdf(draws[name].to_numpy()))
    centred = draws["Intercept"] + 4.5 * draws["Days"]  # the mean of Days
    np.testing.assert_allclose(found["Intercept"], priors["Intercept"].logpdf(centred.to_numpy()))
    rho = draws["corr|Subject"].to_numpy()[..., 0]
    np.testing.assert_allclose(found["corr|Subject"], np.log(0.75 * (1 - rho**2)))  # LKJ(2) of two columns


def test_of_several_values_and_of_a_shared_sd():
    model = model_of("score ~ Machine + (0 + Machine | Worker)", "Machines")
    one = MixedModel(
        "score ~ Machine + (0 + Machine | Worker)", load_data("Machines"), covariance={"Worker": "identity"}
    )
    for each in (model, one):
        found = sample(each, draws=50, random_seed=1, progressbar=False).data["log_prior"]
        assert found["Machine"].dims == ("chain", "draw", "Machine_dim")
        assert set(found.data_vars) == set(each.priors)
        assert np.isfinite(found.to_dataset().to_dataarray()).any()


@pytest.mark.filterwarnings("ignore")  # of ArviZ's, on the size of Pareto's tails
def test_arviz_scales_the_powers_of_prior_and_likelihood(posterior):
    data = posterior.log_likelihood().data
    table = az.psense_summary(data, var_names=["Days", "sigma", "Days|Subject_sigma"])
    assert np.isfinite(table[["prior", "likelihood"]].to_numpy(dtype=float)).all()
    assert (table["likelihood"].astype(float) > table["prior"].astype(float)).all()


def test_reweighting_by_it_is_sampling_with_the_priors_to_that_power():
    """Normal and half-normal priors to the power α have variances divided by α."""

    def posterior_of(alpha: float) -> Posterior:
        scale = 1 / np.sqrt(alpha)
        priors = {
            "Intercept": Prior("Normal", mu=1450, sigma=30 * scale),
            "sigma": Prior("HalfNormal", sigma=30 * scale),
            "1|Batch_sigma": Prior("HalfNormal", sigma=20 * scale),
        }
        model = MixedModel("Yield ~ 1 + (1 | Batch)", load_data("Dyestuff"), priors=priors)
        return sample(model, draws=4000, random_seed=1, progressbar=False)

    whole, direct = posterior_of(1.0), posterior_of(0.8)
    total = sum(whole.data["log_prior"].to_dataset().values())
    weights = np.exp(-0.2 * (total - total.mean()))
    weights = weights / weights.sum()
    moved = []
    for name in ("Intercept", "sigma", "1|Batch_sigma"):
        draws, others = whole.data["posterior"][name], direct.data["posterior"][name]
        reweighted = float((weights * draws).sum())
        error = float(draws.std()) / np.sqrt(0.5 * draws.size)
        assert abs(reweighted - float(others.mean())) < 5 * error, name
        moved.append(abs(float(draws.mean()) - float(others.mean())) > 5 * error)
    assert any(moved)


def test_a_prior_that_pulls_is_told_from_one_that_does_not():
    formula, data = "Reaction ~ Days + (Days | Subject)", "sleepstudy"
    base = model_of(formula, data)
    pulled = MixedModel(formula, load_data("sleepstudy"), priors={"Days": Prior("Normal", mu=0, sigma=1.0)})
    sensitivity = []
    for model in (base, pulled):
        whole = sample(model, random_seed=1, progressbar=False).log_likelihood().data
        sensitivity.append(float(az.psense(whole, group="prior", var_names=["Days"])["Days"]))
    assert sensitivity[0] < 0.05 < sensitivity[1]
