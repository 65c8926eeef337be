"""With a normal prior on β integrated out: density, derivatives and exact draws against dense algebra.

y − offset ~ N(Xm₀, V + XP₀⁻¹X'), and (b, β) given y is normal by the usual formulas.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats

from bayesmm.design import build_design
from bayesmm.likelihood import MarginalLikelihood, Profiled
from bayesmm.likelihood.integrated import IntegratedLikelihood
from tests.dense import DenseModel
from tests.designs import CASES, design
from tests.likelihood.points import points

every_design = pytest.mark.parametrize("name", CASES)


def prior(p: int) -> tuple[np.ndarray, np.ndarray]:
    """A prior mean and a precision that isn't diagonal."""
    rng = np.random.default_rng(p)
    A = rng.normal(size=(p, p))
    return rng.normal(size=p), 0.05 * (A @ A.T + np.eye(p))


def integrated(name: str) -> tuple[IntegratedLikelihood, DenseModel]:
    d = design(name)
    return IntegratedLikelihood(MarginalLikelihood(d), *prior(d.p)), DenseModel.of(d)


def dense_log_density(dense: DenseModel, factors: tuple[np.ndarray, ...], sigma: float) -> float:
    mean, precision = prior(dense.p)
    V = dense.covariance(factors, sigma) + dense.X @ np.linalg.solve(precision, dense.X.T)
    covariance = stats.Covariance.from_cholesky(linalg.cholesky(V, lower=True))
    return float(stats.multivariate_normal(dense.X @ mean, covariance).logpdf(dense.y))


def somewhere(model: IntegratedLikelihood) -> tuple[list[np.ndarray], np.ndarray]:
    """Points φ and, for each, a log σ around the size of the residuals."""
    phi = points(model.likelihood)
    return phi, np.log(model.likelihood.coordinates.scale) + np.linspace(-0.7, 0.4, len(phi))


@every_design
def test_the_density_is_the_dense_normal(name: str):
    model, dense = integrated(name)
    phi, log_sigma = somewhere(model)
    expected = []
    for at, log_s in zip(phi, log_sigma, strict=True):
        factors = model.likelihood.factors(model.likelihood.external(at))
        expected.append(dense_log_density(dense, factors, np.exp(log_s)))
    lam = model.likelihood.group_factors_many(np.array(phi))
    one_by_one = [model.log_density(at, log_s)[0] for at, log_s in zip(lam, log_sigma, strict=True)]
    np.testing.assert_allclose(one_by_one, expected, rtol=1e-9)
    for cores in (1, 2):
        together = model.log_densities(lam, log_sigma, cores=cores)
        np.testing.assert_allclose(together, expected, rtol=1e-9)


def density(model: IntegratedLikelihood, at: np.ndarray) -> float:
    """log p at (φ, log σ)."""
    return model.log_density(model.likelihood.group_factors(at[:-1]), at[-1])[0]


@every_design
def test_the_gradient_is_the_central_difference(name: str):
    model, _ = integrated(name)
    for phi, log_sigma in zip(*somewhere(model), strict=True):
        at = np.append(phi, log_sigma)
        expected = np.empty(len(at))
        for i in range(len(at)):
            h = 2e-4 * max(1.0, abs(at[i])) * np.eye(len(at))[i]
            value = [density(model, at + s * h) for s in (-2, -1, 1, 2)]
            expected[i] = (value[0] - 8 * value[1] + 8 * value[2] - value[3]) / (12 * h[i])
        _, by_lam, slope = model.log_density(model.likelihood.group_factors(phi), log_sigma)
        gradient = model.likelihood.variances.pull_back(phi, by_lam)
        np.testing.assert_allclose(
            [*gradient, slope], expected, rtol=0, atol=1e-6 * max(1.0, np.abs(expected).max())
        )


class Noise:
    """In place of a Generator: no noise at the first point, then one unit of noise after the other."""

    row = 0

    def spawn(self, streams: int) -> list[Noise]:
        return [self] * streams

    def standard_normal(self, shape: tuple[int, int]) -> np.ndarray:
        noise = np.zeros((self.row + shape[0], shape[1]))
        np.fill_diagonal(noise[1:], 1.0)
        self.row += shape[0]
        return noise[self.row - shape[0] :]


@pytest.mark.parametrize("at", [1, 3], ids=["inside", "singular"])
@every_design
def test_the_draws_have_the_conditional_mean_and_covariance(name: str, at: int):
    """A draw is linear in its noise, m + Aε: the unit noises show m and A, and AA' is the covariance."""
    model, dense = integrated(name)
    likelihood = model.likelihood
    phi, sigma = points(likelihood)[at], likelihood.coordinates.scale * 0.8
    factors = likelihood.factors(likelihood.external(phi))
    q = sum(k * m for k, m in zip(dense.k, dense.n_levels, strict=True))
    S = 1 + q + dense.p
    lam = likelihood.group_factors_many(np.tile(phi, (S, 1)))
    density, draws = model.draw(lam, np.full(S, np.log(sigma)), Noise())
    np.testing.assert_allclose(density, dense_log_density(dense, factors, sigma), rtol=1e-9)
    drawn = np.hstack([effects.reshape(S, -1) for effects in draws.effects] + [draws.beta])
    mean, A = drawn[0], (drawn[1:] - drawn[0]).T

    prior_mean, precision = prior(dense.p)
    G = linalg.block_diag(
        *(np.kron(np.eye(m), sigma**2 * lam @ lam.T) for lam, m in zip(factors, dense.n_levels, strict=True)),
        np.linalg.inv(precision),
    )
    W = np.hstack([*dense.Z, dense.X])
    before = np.r_[np.zeros(q), prior_mean]
    gain = np.linalg.solve(W @ G @ W.T + sigma**2 * np.diag(1 / dense.weights), W @ G).T
    expected_mean = before + gain @ (dense.y - W @ before)
    expected = G - gain @ W @ G
    scale = np.sqrt(np.maximum(np.diag(expected), 1e-12))
    np.testing.assert_allclose((mean - expected_mean) / scale, 0.0, atol=1e-6)
    np.testing.assert_allclose(A @ A.T / np.outer(scale, scale), expected / np.outer(scale, scale), atol=1e-6)


def test_draws_at_different_points_do_not_mix():
    model, _ = integrated("chain with slopes, crossed with slopes")
    lam = model.likelihood.group_factors_many(np.array(points(model.likelihood)[:3]))
    log_sigma = np.array([0.1, 0.2, 0.3])
    density, draws = model.draw(lam, log_sigma, np.random.default_rng(1), cores=2)
    again_density, again = model.draw(lam, log_sigma, np.random.default_rng(1), cores=1)
    np.testing.assert_allclose(density, again_density, rtol=1e-13)
    np.testing.assert_allclose(draws.beta, again.beta, rtol=1e-10)
    for a, b in zip(draws.effects, again.effects, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.fixture(params=[5, 60], ids=["small tail", "large tail"])
def crossed(request: pytest.FixtureRequest) -> IntegratedLikelihood:
    rng = np.random.default_rng(2)
    levels = {"g": rng.integers(0, 70, 400), "h": rng.integers(0, request.param, 400)}
    d = build_design("y ~ 1 + (1 | g) + (1 | h)", pd.DataFrame({"y": rng.normal(size=400), **levels}))
    return IntegratedLikelihood(MarginalLikelihood(d), np.zeros(1), np.eye(1))


FINE = np.array([0.5, 0.5])
NOT_FINITE = [np.array([0.5, np.nan]), np.array([np.nan, 0.5]), np.array([0.5, np.inf]), np.array([1e200, 1])]


def factors(phi: np.ndarray) -> np.ndarray:
    """λ of two intercepts, (…, 2, 1, 1)."""
    return phi[..., None, None]


@pytest.mark.parametrize("bad", NOT_FINITE, ids=str)
def test_a_point_that_cannot_be_computed_has_density_zero_among_others(
    crossed: IntegratedLikelihood, bad: np.ndarray
):
    density = crossed.log_densities(factors(np.array([FINE, bad, FINE])), np.zeros(3))
    assert np.isfinite(density[[0, 2]]).all()
    assert density[1] == -np.inf


@pytest.mark.parametrize(
    "bad",
    [pytest.param(bad, id=str(bad)) for bad in NOT_FINITE],
)
def test_a_point_that_cannot_be_computed_has_density_zero(crossed: IntegratedLikelihood, bad: np.ndarray):
    assert Profiled(crossed.likelihood, reml=True).value(bad) == np.inf
    assert Profiled(crossed.likelihood, reml=False).value_and_gradient(bad)[0] == np.inf
    assert crossed.log_density(factors(bad), 0.0)[0] == -np.inf


@pytest.mark.parametrize("log_sigma", [-800.0, -400.0, 400.0, 800.0])
def test_an_absurd_sigma_has_density_zero(crossed: IntegratedLikelihood, log_sigma: float):
    assert crossed.log_density(factors(FINE), log_sigma)[0] == -np.inf
    assert crossed.log_densities(factors(FINE[None]), np.array([log_sigma]))[0] == -np.inf
