"""Independent proposals for a handful of parameters, made to fit the target, and honest chains from them.

1. The mode, by quasi-Newton steps with the gradient, and the curvature there.
2. A mixture of two multivariate t distributions about it, a fifth of it twice as wide (a defensive
   component: Hesterberg 1995); a few rounds refit its mean and covariance to weighted draws, the weights
   truncated at √S times their mean (Ionides 2008).
3. Final proposals; their importance weights give the evidence, its standard error, and Pareto's k̂
   (Vehtari, Simpson, Gelman, Yao & Gabry 2024), which says whether the weights can be trusted.
4. Independence Metropolis–Hastings over the proposals, chain by chain: unweighted draws, whose R-hat and
   effective sample sizes tell what they always tell. A repeated draw is a rejected proposal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, logsumexp

DEGREES = 7.0
WIDE = 2.0
WIDE_SHARE = 0.2
LogDensity = Callable[[np.ndarray], np.ndarray]
"""(S, d) → (S,)."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """A mixture of two t distributions with one centre: ``cholesky`` (d, d) of the scale matrix."""

    mean: np.ndarray
    cholesky: np.ndarray

    def draw(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """(size, d)."""
        d = len(self.mean)
        width = np.where(rng.random(size) < WIDE_SHARE, WIDE, 1.0)
        radius = np.sqrt(DEGREES / rng.chisquare(DEGREES, size))
        return self.mean + (width * radius)[:, None] * (rng.standard_normal((size, d)) @ self.cholesky.T)

    def logpdf(self, psi: np.ndarray) -> np.ndarray:
        """(S,)."""
        d = len(self.mean)
        standard = np.linalg.solve(self.cholesky, (psi - self.mean).T)
        squared = np.einsum("is,is->s", standard, standard)
        constant = gammaln((DEGREES + d) / 2) - gammaln(DEGREES / 2) - d / 2 * np.log(DEGREES * np.pi)
        constant -= np.sum(np.log(np.diag(self.cholesky)))
        narrow = -(DEGREES + d) / 2 * np.log1p(squared / DEGREES)
        wide = -(DEGREES + d) / 2 * np.log1p(squared / (WIDE**2 * DEGREES)) - d * np.log(WIDE)
        return constant + np.logaddexp(np.log1p(-WIDE_SHARE) + narrow, np.log(WIDE_SHARE) + wide)


def find_mode(
    log_density: Callable[[np.ndarray], tuple[float, np.ndarray]], start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The mode (d,) and the covariance (d, d) that the curvature there gives.

    Directions without negative curvature get variance one: the adaptation rounds mend what is wrong.
    """

    def downhill(psi: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = log_density(psi)
        return (-value, -gradient) if np.isfinite(value) else (1e100, np.zeros_like(psi))

    mode = minimize(downhill, start, jac=True, method="BFGS", options={"gtol": 1e-3, "maxiter": 200}).x
    step = 1e-3
    rows = []
    for direction in step * np.eye(len(mode)):
        rows.append((downhill(mode + direction)[1] - downhill(mode - direction)[1]) / (2 * step))
    hessian = np.array(rows)
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    return mode, (vectors / np.maximum(values, 1.0 / 4.0)) @ vectors.T


def adapt(
    target: LogDensity,
    mode: np.ndarray,
    covariance: np.ndarray,
    rng: np.random.Generator,
    *,
    rounds: int,
    size: int,
) -> tuple[Proposal, np.ndarray, np.ndarray]:
    """Refit the proposal to weighted draws.

    Returns
    -------
    proposal, psi, log_weights
        The fitted proposal, and the last round's draws (size, d) with their log weights.
    """
    proposal = Proposal(mode, np.linalg.cholesky(covariance))
    for _ in range(rounds):
        psi = proposal.draw(size, rng)
        log_weights = target(psi) - proposal.logpdf(psi)
        weights = truncated(log_weights)
        mean = weights @ psi
        away = psi - mean
        fitted = (weights[:, None] * away).T @ away
        known = 1.0 / np.sum(weights**2)
        share = known / (known + 5.0 * len(mode))  # few effective draws: keep to what is known already
        old = proposal.cholesky @ proposal.cholesky.T
        proposal = Proposal(
            share * mean + (1 - share) * proposal.mean,
            np.linalg.cholesky(share * fitted + (1 - share) * old + 1e-12 * np.eye(len(mode))),
        )
    return proposal, psi, log_weights


def truncated(log_weights: np.ndarray) -> np.ndarray:
    """(S,) weights that sum to one, none above √S times their mean."""
    weights = np.exp(log_weights - logsumexp(log_weights))
    weights = np.minimum(weights, np.sqrt(len(weights)) / len(weights))
    return weights / weights.sum()


def metropolis(
    log_weights: np.ndarray, chains: int, skip: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Independence Metropolis–Hastings: a proposal is accepted with probability min(1, w_new/w_now).

    Parameters
    ----------
    log_weights
        (chains · (skip + draws),) of the proposals, chain after chain.
    skip
        How many of each chain's first draws are left out: a chain starts at its first proposal.

    Returns
    -------
    index, accepted
        (chains, draws): which proposal each draw is, and whether it was taken then or kept from before.
    """
    weights = log_weights.reshape(chains, -1)
    log_uniform = np.log(rng.random(weights.shape))
    index = np.zeros(weights.shape, dtype=np.int64)
    now = weights[:, 0].copy()
    place = np.zeros(chains, dtype=np.int64)
    for j in range(1, weights.shape[1]):
        taken = log_uniform[:, j] < weights[:, j] - now
        now = np.where(taken, weights[:, j], now)
        place = np.where(taken, j, place)
        index[:, j] = place
    accepted = index == np.arange(weights.shape[1])
    return (index + weights.shape[1] * np.arange(chains)[:, None])[:, skip:], accepted[:, skip:]


def log_mean_weight(log_weights: np.ndarray) -> tuple[float, float]:
    """log of the mean weight, and its standard error by the delta method."""
    S = len(log_weights)
    value = float(logsumexp(log_weights) - np.log(S))
    relative = np.exp(log_weights - value)
    return value, float(np.std(relative, ddof=1) / np.sqrt(S))


def effective_size(log_weights: np.ndarray) -> float:
    """(Σw)²/Σw²."""
    return float(np.exp(2 * logsumexp(log_weights) - logsumexp(2 * log_weights)))


def pareto_k(log_weights: np.ndarray) -> float:
    """The shape of the generalised Pareto distribution of the largest weights; ∞ where they are too few.

    Zhang & Stephens 2009, with the prior of Vehtari et al. 2024, sec. 2.
    """
    S = len(log_weights)
    tail = int(min(0.2 * S, 3 * np.sqrt(S)))
    if tail < 5:
        return np.inf
    ordered = np.sort(np.exp(log_weights - log_weights.max()))
    x = ordered[-tail:] - ordered[-tail - 1]
    if not x[-1] > 0 or x[0] < 0 or x[int(tail / 4 + 0.5) - 1] <= 0:
        return -np.inf
    m = 30 + int(np.sqrt(tail))
    b = 1 / x[-1] + (1 - np.sqrt(m / (np.arange(1, m + 1) - 0.5))) / (3 * x[int(tail / 4 + 0.5) - 1])
    k = np.mean(np.log1p(-b[:, None] * x), axis=1)
    profile = tail * (np.log(-b / k) - k - 1)
    weights = np.exp(profile - logsumexp(profile))
    shape = float(np.mean(np.log1p(-np.sum(b * weights) * x)))
    return (tail * shape + 5.0) / (tail + 10.0)
