"""Draws of a prior against its own log density, and of LKJ against what is known of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from bayesmm.priors import Prior

UNIVARIATE = [
    Prior("Normal", mu=-1, sigma=2),
    Prior("StudentT", nu=3, mu=1, sigma=2),
    Prior("Cauchy", alpha=1, beta=2),
    Prior("Laplace", mu=1, b=2),
    Prior("Uniform", lower=-1, upper=3),
    Prior("HalfNormal", sigma=2),
    Prior("HalfStudentT", nu=4, sigma=2),
    Prior("HalfCauchy", beta=2),
    Prior("Exponential", lam=3),
    Prior("Gamma", alpha=2.5, beta=3),
    Prior("InverseGamma", alpha=2.5, beta=3),
    Prior("LogNormal", mu=0.5, sigma=0.7),
    Prior("Beta", alpha=2, beta=0.7),
    Prior("Weibull", alpha=1.7, beta=3),
]


@pytest.mark.parametrize("prior", UNIVARIATE, ids=lambda prior: prior.distribution)
def test_draws_follow_the_density(prior: Prior):
    """The share of draws between two quantiles of them is the integral of the density there."""
    x = np.sort(prior.draw(np.random.default_rng(1), (20000,)))
    assert x.shape == (20000,)
    ends = x[[100, 4000, 10000, 16000, 19900]]
    if prior.support == "positive":
        assert x[0] >= 0
    for low, high, share in zip(ends, ends[1:], (0.195, 0.3, 0.3, 0.195), strict=False):
        area, _ = integrate.quad(lambda v: np.exp(float(prior.logpdf(v))), low, high)
        assert abs(area - share) < 4 * np.sqrt(share * (1 - share) / len(x))


def test_one_number_for_each_value():
    prior = Prior("HalfStudentT", nu=4, sigma=[1.0, 100.0])
    x = prior.draw(np.random.default_rng(2), (5000, 2))
    for j, sigma in enumerate((1.0, 100.0)):
        assert stats.kstest(x[:, j] / sigma, lambda v: 2 * stats.t.cdf(v, 4) - 1).pvalue > 1e-3
    assert abs(stats.spearmanr(x[:, 0], x[:, 1]).statistic) < 4 / np.sqrt(5000)


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("eta", [0.7, 2.0])
def test_every_correlation_of_lkj_has_the_same_marginal(k: int, eta: float):
    """2 Beta(a, a) − 1 with a = η − 1 + k/2 (Lewandowski, Kurowicka & Joe 2009, sec. 3.2)."""
    R = Prior("LKJ", eta=eta).draw(np.random.default_rng(3), (4000, k, k))
    a = eta - 1 + k / 2
    for i in range(k):
        np.testing.assert_allclose(R[:, i, i], 1.0, rtol=1e-12)
        for j in range(i):
            np.testing.assert_array_equal(R[:, i, j], R[:, j, i])
            assert stats.kstest(R[:, i, j], stats.beta(a, a, loc=-1, scale=2).cdf).pvalue > 1e-3
    assert np.linalg.eigvalsh(R).min() > -1e-12


@pytest.mark.parametrize("eta", [1.0, 3.0])
def test_the_joint_law_of_lkj_is_its_density(eta: float):
    """Against rejection sampling: uniform over the correlation matrices, kept with probability |R|^(η−1)."""
    rng = np.random.default_rng(4)
    r = rng.uniform(-1, 1, (60000, 3))
    det = 1 + 2 * r.prod(axis=1) - (r**2).sum(axis=1)
    kept = (det > 0) & (rng.random(len(r)) < np.maximum(det, 0) ** (eta - 1))
    R = Prior("LKJ", eta=eta).draw(rng, (6000, 3, 3))
    drawn = np.column_stack([R[:, 0, 1], R[:, 0, 2], R[:, 1, 2]])
    for statistic in (
        lambda v: 1 + 2 * v.prod(axis=1) - (v**2).sum(axis=1),
        lambda v: v.prod(axis=1),
        lambda v: v[:, 0] - v[:, 2],
    ):
        assert stats.ks_2samp(statistic(drawn), statistic(r[kept])).pvalue > 1e-3


def test_equal_generators_give_equal_draws():
    for prior in (*UNIVARIATE, Prior("LKJ", eta=2)):
        shape = (4, 3, 3)
        first, again = (prior.draw(np.random.default_rng(5), shape) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        assert first.shape == shape
