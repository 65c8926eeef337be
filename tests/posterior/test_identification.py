"""What data can't identify: sampled where the priors do, refused at once where there is no posterior."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from bayesmm.errors import ModelError
from bayesmm.model import MixedModel
from bayesmm.posterior import Posterior, sample
from bayesmm.posterior.prior_draws import draw_prior
from bayesmm.posterior.scales import normal_prior
from bayesmm.posterior.target import MarginalTarget
from bayesmm.priors import Prior


def frame(n: int = 8, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return pd.DataFrame(
        {"row": np.arange(n), "pair": np.arange(n) // 2, "x": x, "y": 1 + 0.5 * x + rng.normal(size=n)}
    )


@pytest.fixture(scope="module")
def one_row_a_level() -> Posterior:
    model = MixedModel("y ~ x + (1 | row)", frame())
    return sample(model, draws=2000, random_seed=1, progressbar=False)


def test_one_row_a_level_is_sampled_as_quadrature_says(one_row_a_level):
    """y ~ N(Xm₀, (σ² + τ²)I + XP₀⁻¹X'): two sds, integrated over a grid of them."""
    model = one_row_a_level.model
    mean, precision = normal_prior(model)
    X, y = model.design.X, model.design.y
    v = X @ np.linalg.solve(precision, X.T)
    grid = np.linspace(-9.0, 4.0, 261)  # log sds
    step = grid[1] - grid[0]
    total = np.logaddexp(2 * grid[:, None], 2 * grid[None, :])
    values, inverse = np.unique(total, return_inverse=True)
    eigenvalues, vectors = np.linalg.eigh(v)
    along = (vectors.T @ (y - X @ mean)) ** 2
    variance = np.exp(values)[:, None] + eigenvalues
    log_p = -0.5 * np.sum(np.log(2 * np.pi * variance) + along / variance, axis=1)
    log_p = log_p[inverse].reshape(total.shape)
    for axis, name in ((0, "sigma"), (1, "1|row_sigma")):
        prior = model.priors[name].logpdf(np.exp(grid)) + grid
        log_p = log_p + (prior[:, None] if axis == 0 else prior[None, :])
    evidence = logsumexp(log_p) + 2 * np.log(step)
    assert one_row_a_level.log_evidence == pytest.approx(
        evidence, abs=4 * one_row_a_level.data.attrs["log_evidence_se"]
    )
    weights = np.exp(log_p - logsumexp(log_p))
    for name, weight in (("sigma", weights.sum(axis=1)), ("1|row_sigma", weights.sum(axis=0))):
        draws = one_row_a_level.data["posterior"][name].to_numpy()
        row = one_row_a_level.summary(name, round_to="none").loc[name]
        assert abs(draws.mean() - weight @ np.exp(grid)) < 4 * row["mcse_mean"]
        second = np.sqrt(weight @ np.exp(2 * grid) - (weight @ np.exp(grid)) ** 2)
        assert abs(draws.std() - second) < 4 * row["mcse_sd"]


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")  # eight rows, and one of them far out
def test_it_says_so_and_all_else_works(one_row_a_level):
    assert one_row_a_level.method == "marginal"
    assert one_row_a_level.certificate.ok, str(one_row_a_level.certificate)
    assert "(1 | row) has 8 random effects in 8 rows: only priors tell" in str(one_row_a_level)
    assert np.isfinite(one_row_a_level.loo("row").elpd)  # σ all but vanishes in one draw
    tree = one_row_a_level.predict({"x": [0.0], "row": [99]}, new_levels="sample", random_seed=1, draws=True)
    assert tree["predictions"]["mu"].sizes["__obs__"] == 1


def test_correlated_effects_as_many_as_rows_have_the_evidence_of_draws_from_the_prior():
    """p(y) = E[p(y | β, sds, correlations, σ)] over the prior, b integrated out densely: another route."""
    model = MixedModel("y ~ 1 + (x | pair)", frame(10))
    posterior = sample(model, random_seed=1, progressbar=False)
    draws, design = 40_000, model.design
    arrays = draw_prior(model, draws, 5)
    every = slice(0, draws)
    factors = arrays.factor(0, every)
    term = design.terms[0]
    same = term.factor.codes[:, None] == term.factor.codes
    half = np.einsum("ni,sij->snj", term.Xi, factors)
    V = np.einsum("snj,smj->snm", half, half) * same
    V += arrays.dispersions(every)[0][:, None, None] ** 2 * np.eye(design.n)
    away = design.y - arrays.beta(every) @ design.X.T
    solved = np.linalg.solve(V, away[:, :, None])[:, :, 0]
    log_p = -0.5 * (np.linalg.slogdet(2 * np.pi * V)[1] + np.sum(away * solved, axis=1))
    assert log_p[0] == pytest.approx(multivariate_normal(np.zeros(10), V[0]).logpdf(away[0]))
    evidence = logsumexp(log_p) - np.log(draws)
    error = np.std(np.exp(log_p - evidence)) / np.sqrt(draws)
    assert abs(posterior.log_evidence - evidence) < 4 * np.hypot(
        error, posterior.data.attrs["log_evidence_se"]
    )


def test_dependent_columns_in_a_bar_are_sampled_and_it_says_so():
    model = MixedModel("y ~ x + (1 + x + I(2 * x) || pair)", frame(20))
    posterior = sample(model, draws=500, random_seed=1, progressbar=False)
    assert posterior.certificate.ok, str(posterior.certificate)
    assert "are linearly dependent: only priors tell their variances apart" in str(posterior)


CONSTANT = pd.DataFrame(
    {
        "g": np.repeat(np.arange(10), 6),
        "h": np.tile(np.arange(6), 10),
        "x": np.random.default_rng(2).normal(size=60),
        "y": np.repeat(np.random.default_rng(1).normal(size=10), 6),
    }
)


@pytest.mark.parametrize("method", ["auto", "marginal-nuts", "nuts"])
@pytest.mark.parametrize("formula", ["y ~ 1 + (1 | g)", "y ~ x + (x | g) + (1 | h)"])
def test_a_response_constant_within_groups_is_refused_at_once(formula, method):
    model = MixedModel(formula, CONSTANT)
    start = time.perf_counter()
    with pytest.raises(ModelError, match="rises without bound as the residual sd goes to zero") as caught:
        sample(model, method=method)
    assert "one value a level" in caught.value.advice
    assert time.perf_counter() - start < 20  # and most of that where kernels are compiled


def test_a_prior_that_keeps_sigma_from_zero_makes_a_posterior_of_it():
    for prior, refused in (
        (Prior("InverseGamma", alpha=2, beta=1), False),
        (Prior("Exponential", lam=1), True),
    ):
        model = MixedModel("y ~ 1 + (1 | g)", CONSTANT, priors={"sigma": prior})
        target = MarginalTarget(model, cores=1)
        if refused:
            with pytest.raises(ModelError, match="no posterior"):
                target.check_proper()
        else:
            target.check_proper()
