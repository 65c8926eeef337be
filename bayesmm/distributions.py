"""The distributions that a prior may have: log densities in closed form, and draws.

Written out rather than taken from ``scipy.stats``, whose checks cost a hundred times the arithmetic on the
few numbers that a sampler asks about at a time, and whose import costs half a second. The names of
distributions and parameters are PyMC's. Improper distributions are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Distribution:
    """What a distribution takes, written "mu sigma>0"; its support; log p(x, *parameters); and draws from it.

    ``draw(rng, shape, *parameters)`` gives an array of the shape.
    """

    takes: str
    support: str
    logpdf: Callable[..., Any]
    draw: Callable[..., Any]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of what it takes."""
        return tuple(self.takes.replace(">0", "").split())

    @property
    def positive(self) -> tuple[str, ...]:
        """Those that have to be positive."""
        return tuple(name.removesuffix(">0") for name in self.takes.split() if name.endswith(">0"))


def _normal(x: Any, mu: Any, sigma: Any) -> Any:
    return -0.5 * (((x - mu) / sigma) ** 2 + LOG_2PI) - np.log(sigma)


def _student(x: Any, nu: Any, mu: Any, sigma: Any) -> Any:
    constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - 0.5 * np.log(np.pi * nu)
    return constant - np.log(sigma) - (nu + 1) / 2 * np.log1p(((x - mu) / sigma) ** 2 / nu)


def _cauchy(x: Any, alpha: Any, beta: Any) -> Any:
    return -np.log(np.pi * beta) - np.log1p(((x - alpha) / beta) ** 2)


def _laplace(x: Any, mu: Any, b: Any) -> Any:
    return -np.abs(x - mu) / b - np.log(2 * b)


def _uniform(x: Any, lower: Any, upper: Any) -> Any:
    return np.where((x >= lower) & (x <= upper), -np.log(np.asarray(upper - lower, dtype=float)), -np.inf)


def _exponential(x: Any, lam: Any) -> Any:
    return np.log(lam) - lam * x


def _gamma(x: Any, alpha: Any, beta: Any) -> Any:
    return alpha * np.log(beta) - special.gammaln(alpha) + special.xlogy(alpha - 1, x) - beta * x


def _inverse_gamma(x: Any, alpha: Any, beta: Any) -> Any:
    inside = np.where(x > 0, x, 1.0)
    value = alpha * np.log(beta) - special.gammaln(alpha) - (alpha + 1) * np.log(inside) - beta / inside
    return np.where(x > 0, value, -np.inf)


def _log_normal(x: Any, mu: Any, sigma: Any) -> Any:
    log_x = np.log(np.where(x > 0, x, 1.0))
    return np.where(x > 0, _normal(log_x, mu, sigma) - log_x, -np.inf)


def _weibull(x: Any, alpha: Any, beta: Any) -> Any:
    z = np.maximum(x, 0.0) / beta
    return np.log(alpha / beta) + special.xlogy(alpha - 1, z) - z**alpha


def _beta(x: Any, alpha: Any, beta: Any) -> Any:
    inside = special.xlogy(alpha - 1, np.clip(x, 0.0, 1.0)) + special.xlogy(
        beta - 1, 1 - np.clip(x, 0.0, 1.0)
    )
    return np.where((x >= 0) & (x <= 1), inside - special.betaln(alpha, beta), -np.inf)


def _positive(logpdf: Callable[..., Any]) -> Callable[..., Any]:
    """A density that is zero below zero."""
    return lambda x, *p: np.where(x < 0, -np.inf, logpdf(np.maximum(x, 0.0), *p))


def _half(logpdf: Callable[..., Any]) -> Callable[..., Any]:
    """The upper half of a density that is symmetric about zero, which is where it is centred."""
    return lambda x, *p: np.where(x < 0, -np.inf, np.log(2.0) + logpdf(x, *p))


def _lkj(R: np.ndarray, eta: float) -> np.ndarray:
    """log LKJ(R | η) = (η − 1) log|R| − log c for correlation matrices R (…, k, k).

    Lewandowski, Kurowicka & Joe 2009, eq. 16.
    """
    k = R.shape[-1]
    i = np.arange(1, k)
    b = eta + (k - 1 - i) / 2
    log_c = np.sum((2 * eta - 2 + k - i) * (k - i)) * np.log(2) + np.sum((k - i) * special.betaln(b, b))
    sign, log_det = np.linalg.slogdet(R)
    return np.where(sign > 0, (eta - 1) * log_det - log_c, -np.inf)


def _lkj_draw(rng: np.random.Generator, shape: tuple[int, ...], eta: float) -> np.ndarray:
    """(…, k, k) correlation matrices R = LL' from their canonical partial correlations.

    These are independent, (1 + ρ_ij)/2 ~ Beta(c, c), c = η + (k − 2 − i)/2 for columns i < j (0-based) given
    those before i, and L[j, i] = ρ_ij Π_{m<i} √(1 − ρ_mj²) (Lewandowski, Kurowicka & Joe 2009, sec. 2.4).
    """
    k = shape[-1]
    L = np.zeros(shape)
    for j in range(k):
        left = np.ones(shape[:-2])
        for i in range(j):
            c = eta + (k - 2 - i) / 2
            p = rng.beta(c, c, size=shape[:-2])
            L[..., j, i] = left * (2 * p - 1)
            left = left * 2 * np.sqrt(p * (1 - p))
        L[..., j, j] = left
    return L @ np.swapaxes(L, -1, -2)


DISTRIBUTIONS: dict[str, Distribution] = {
    name: Distribution(takes, support, logpdf, draw)
    for name, takes, support, logpdf, draw in (
        ("Normal", "mu sigma>0", "real", _normal, lambda r, n, m, s: r.normal(m, s, n)),
        (
            "StudentT",
            "nu>0 mu sigma>0",
            "real",
            _student,
            lambda r, n, nu, m, s: m + s * r.standard_t(nu, n),
        ),
        ("Cauchy", "alpha beta>0", "real", _cauchy, lambda r, n, a, b: a + b * r.standard_cauchy(n)),
        ("Laplace", "mu b>0", "real", _laplace, lambda r, n, m, b: r.laplace(m, b, n)),
        ("Uniform", "lower upper", "real", _uniform, lambda r, n, a, b: r.uniform(a, b, n)),
        (
            "HalfNormal",
            "sigma>0",
            "positive",
            _half(lambda x, s: _normal(x, 0.0, s)),
            lambda r, n, s: np.abs(r.normal(0.0, s, n)),
        ),
        (
            "HalfStudentT",
            "nu>0 sigma>0",
            "positive",
            _half(lambda x, nu, s: _student(x, nu, 0.0, s)),
            lambda r, n, nu, s: np.abs(s * r.standard_t(nu, n)),
        ),
        (
            "HalfCauchy",
            "beta>0",
            "positive",
            _half(lambda x, b: _cauchy(x, 0.0, b)),
            lambda r, n, b: np.abs(b * r.standard_cauchy(n)),
        ),
        (
            "Exponential",
            "lam>0",
            "positive",
            _positive(_exponential),
            lambda r, n, lam: r.exponential(1 / lam, n),
        ),
        ("Gamma", "alpha>0 beta>0", "positive", _positive(_gamma), lambda r, n, a, b: r.gamma(a, 1 / b, n)),
        (
            "InverseGamma",
            "alpha>0 beta>0",
            "positive",
            _inverse_gamma,
            lambda r, n, a, b: b / r.gamma(a, 1.0, n),
        ),
        ("LogNormal", "mu sigma>0", "positive", _log_normal, lambda r, n, m, s: r.lognormal(m, s, n)),
        (
            "Weibull",
            "alpha>0 beta>0",
            "positive",
            _positive(_weibull),
            lambda r, n, a, b: b * r.weibull(a, n),
        ),
        ("Beta", "alpha>0 beta>0", "unit", _beta, lambda r, n, a, b: r.beta(a, b, n)),
        ("LKJ", "eta>0", "correlation", _lkj, _lkj_draw),
    )
}
"""The distributions by name."""
