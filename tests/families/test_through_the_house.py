"""Families that the package lacks go through the rooms that ask the family: nothing there is Gaussian."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesmm as bmm
from bayesmm.design.naming import name_parameters
from bayesmm.families import FAMILIES
from bayesmm.model import MixedModel
from bayesmm.posterior import to_pymc
from bayesmm.posterior.draw_arrays import DrawArrays
from bayesmm.posterior.log_likelihood import log_likelihood
from bayesmm.posterior.prior_draws import prior_predictive
from tests.families.others import Poisson, Student

PRIORS = {
    "Intercept": bmm.Prior("Normal", mu=1.0, sigma=0.2),
    "x": bmm.Prior("Normal", mu=0.0, sigma=0.2),
    "sd": bmm.Prior("HalfNormal", sigma=0.2),
}


@pytest.fixture(autouse=True)
def families(monkeypatch):
    monkeypatch.setitem(FAMILIES, "poisson", Poisson)
    monkeypatch.setitem(FAMILIES, "student", Student)


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    x = rng.normal(size=40)
    return pd.DataFrame({"y": rng.poisson(np.exp(1 + 0.3 * x)), "x": x, "g": np.repeat(range(8), 5)})


@pytest.fixture(params=["poisson", "student"])
def model(request, frame: pd.DataFrame) -> MixedModel:
    return MixedModel("y ~ x + (1 | g)", frame, request.param, priors=PRIORS)


def linear(model: MixedModel, draws: DrawArrays) -> np.ndarray:
    """(S, n) Xβ + Zb, written out."""
    every = slice(0, len(draws))
    (term,) = model.design.terms
    b = draws.effects(0, every, np.arange(len(term.factor)))[:, :, 0]
    return draws.beta(every) @ model.design.X.T + b[:, term.factor.codes]


def log_p(model: MixedModel, eta: np.ndarray, draws: DrawArrays) -> np.ndarray:
    """(S, n) by scipy."""
    y = model.design.y
    if model.family.name == "poisson":
        return stats.poisson.logpmf(y, np.exp(eta))
    sigma, nu = (value[:, None] for value in draws.dispersions(slice(0, len(draws))))
    return stats.t.logpdf(y, nu, eta, sigma)


def test_parameters_and_their_priors_are_the_familys(model: MixedModel):
    own = {"poisson": [], "student": ["sigma", "nu"]}[model.family.name]
    names = name_parameters(model.design)
    assert [p.name for p in names.parameters] == ["Intercept", "x", *own, "1|g_sigma"]
    assert list(names.dims) == ["Intercept", "x", *own, "1|g_sigma", "1|g"]
    assert list(model.priors) == ["Intercept", "x", *own, "1|g_sigma"]
    if own:
        assert model.priors["nu"] == bmm.Prior("Gamma", alpha=2, beta=0.1)


def test_default_priors_are_scaled_by_the_family(frame: pd.DataFrame):
    priors = MixedModel("y ~ x + (1 | g)", frame, "poisson").priors
    assert priors["Intercept"] == bmm.Prior("Normal", mu=float(np.log(frame.y.mean())), sigma=2.5)
    assert priors["x"].parameters["sigma"] == pytest.approx(2.5 / frame.x.std(), rel=1e-12)
    assert priors["1|g_sigma"] == bmm.Prior("HalfStudentT", nu=4, sigma=1.0)


def test_prior_draws_have_responses_of_the_family(model: MixedModel):
    tree = prior_predictive(model, draws=4000, random_seed=1)
    draws = DrawArrays.of(name_parameters(model.design), tree["prior"].to_dataset())
    y = tree["prior_predictive"]["y"].to_numpy()[0]
    eta = linear(model, draws)
    if model.family.name == "poisson":
        assert (y == np.floor(y)).all()
        z = (y - np.exp(eta)) / np.exp(eta / 2)
        assert abs(z.mean()) < 0.05
        assert z.var() == pytest.approx(1.0, abs=0.03)
    else:
        sigma, nu = (value[:, None] for value in draws.dispersions(slice(0, 4000)))
        u = stats.t.cdf(y, nu, eta, sigma)[:, ::8]
        assert stats.kstest(u.ravel(), "uniform").pvalue > 1e-4


def test_the_log_likelihood_is_the_familys(model: MixedModel):
    tree = prior_predictive(model, draws=50, random_seed=3)
    prior = tree["prior"].to_dataset()
    draws = DrawArrays.of(name_parameters(model.design), prior)
    found = log_likelihood(model, prior)["y"].to_numpy()[0]
    np.testing.assert_allclose(found, log_p(model, linear(model, draws), draws), rtol=1e-9)


def test_the_model_in_pymc_has_the_familys_density(model: MixedModel):
    draws = DrawArrays.of(
        name_parameters(model.design), prior_predictive(model, draws=1, random_seed=4)["prior"].to_dataset()
    )
    hierarchical = to_pymc(model)
    beta, sd = draws.beta(slice(0, 1))[0], draws.values["1|g_sigma"][0]
    point = {
        "Intercept__centred": beta[0] + beta[1] * model.design.X[:, 1].mean(),
        "x": beta[1],
        "1|g_sigma_log__": np.log(sd),
        "1 | g__z": draws.values["1|g"] / sd,
    }
    point |= {f"{name}_log__": np.log(draws.values[name][0]) for name in draws.names.dispersions}
    found = hierarchical.compile_fn(hierarchical.observedlogp, mode="FAST_COMPILE")(point)
    assert float(found) == pytest.approx(log_p(model, linear(model, draws), draws).sum(), rel=1e-9)


def test_a_response_that_cannot_be_the_familys_is_refused(frame: pd.DataFrame):
    with pytest.raises(bmm.DataError, match="isn't a count"):
        MixedModel("y ~ x + (1 | g)", frame.assign(y=frame.y + 0.5), "poisson")
    model = MixedModel("y ~ x + (1 | g)", frame, "poisson")
    with pytest.raises(bmm.DataError, match="are no count in places"):
        model.with_response(frame.y - 3)
    assert model.with_response(frame.y + 3).family.name == "poisson"


@pytest.mark.parametrize("do", [lambda m: m.fit(), lambda m: m.sample(), lambda m: m.to_pymc(marginal=True)])
def test_what_needs_a_closed_likelihood_says_so(frame: pd.DataFrame, do):
    model = bmm.Model("y ~ x + (1 | g)", frame, family="poisson")
    with pytest.raises(bmm.ModelError, match="'poisson' has no likelihood in closed form"):
        do(model)
