"""R-hat and effective sample sizes of many scalars at once, by Vehtari et al. 2021, as ArviZ has them.

ArviZ takes one scalar after the other, at 2 to 10 ms each. Here ranks, autocovariances and Geyer's sequences
are array operations over all of them; the numbers are the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri
from scipy.stats import rankdata

TOGETHER = 200_000
"""Draws that are looked at together, so that workspaces stay in the cache; threads share the rest."""


@dataclass(frozen=True, eq=False)
class Mixing:
    """Of each scalar: rank-normalised split R-hat, and the effective sample sizes of its bulk and tail.

    R-hat is nan for one that has a single value.
    """

    rhat: np.ndarray
    ess_bulk: np.ndarray
    ess_tail: np.ndarray


def mixing_of(draws: np.ndarray, prob: float) -> Mixing:
    """Look at scalars.

    Parameters
    ----------
    draws
        (V, chains, draws) finite numbers; R-hat wants at least two chains.
    prob
        The tail is what lies below and above the quantiles ``prob`` and 1 − ``prob``.

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(size=(2, 4, 500))
    >>> mixing_of(draws, 0.9).ess_bulk.round()
    array([2009., 2045.])
    """

    def work(some: np.ndarray) -> list[np.ndarray]:
        normal = _normal_scores(_split(some))
        ends = np.quantile(some, sorted((prob, 1 - prob)), axis=(1, 2))
        tails = [_effective(_split((some <= end[:, None, None]).astype(float))) for end in ends]
        return [_worse_rhat(some, normal), _effective(normal), np.minimum(*tails)]

    return Mixing(*_in_threads(work, draws))


def rhat_of(draws: np.ndarray) -> np.ndarray:
    """(V,) rank-normalised split R-hat of scalars (V, chains, draws)."""
    return _in_threads(lambda some: [_worse_rhat(some, _normal_scores(_split(some)))], draws)[0]


def ess_mean_of(draws: np.ndarray) -> np.ndarray:
    """(V,) effective sample sizes for the means of scalars (V, chains, draws)."""
    return _in_threads(lambda some: [_effective(_split(some))], draws)[0]


def _in_threads(work: Callable[[np.ndarray], list[np.ndarray]], draws: np.ndarray) -> list[np.ndarray]:
    step = max(1, TOGETHER // max(draws[:1].size, 1))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(work, [draws[at : at + step] for at in range(0, len(draws), step)]))
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def _worse_rhat(draws: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """The larger of R-hat of location and, of draws folded about their median, of scale."""
    halves = _split(draws)
    middle = np.median(halves, axis=(1, 2), keepdims=True)
    location, scale = _rhat(normal), _rhat(_normal_scores(np.abs(halves - middle)))
    return np.where(scale > location, scale, location)


def _split(draws: np.ndarray) -> np.ndarray:
    """Each chain's halves as two chains; of an odd number the middle draw is left out."""
    half = draws.shape[2] // 2
    return np.concatenate([draws[:, :, :half], draws[:, :, -half:]], axis=1)


def _normal_scores(draws: np.ndarray) -> np.ndarray:
    """Φ⁻¹ of the ranks among all draws, (r − 3/8)/(S + 1/4) (Blom 1958)."""
    flat = draws.reshape(len(draws), -1)
    size = flat.shape[1]
    scores = ndtri((np.arange(1.0, size + 0.5, 0.5) - 0.375) / (size + 0.25))  # ties have halves of ranks
    return scores[(2.0 * rankdata(flat, axis=1)).astype(np.int64) - 2].reshape(draws.shape)


def _rhat(draws: np.ndarray) -> np.ndarray:
    n = draws.shape[2]
    between = n * np.var(draws.mean(axis=2), axis=1, ddof=1)
    within = np.var(draws, axis=2, ddof=1).mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt((between / within + n - 1) / n)


def _effective(draws: np.ndarray) -> np.ndarray:
    """Chains' draws over 1 + 2 Σ autocorrelations, cut off by Geyer's initial monotone sequence.

    Geyer 1992: sums of neighbouring autocorrelations ρ_2k + ρ_2k+1 are positive and fall with k; the first
    that isn't positive is noise, and so is any rise.
    """
    V, chains, n = draws.shape
    size = chains * n
    covariance = _mean_autocovariance(draws)
    within = covariance[:, :1] * n / (n - 1.0)
    total = within * (n - 1.0) / n
    if chains > 1:
        total = total + np.var(draws.mean(axis=2), axis=1, ddof=1)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = 1.0 - (within - covariance) / total
    rho[:, 0] = 1.0
    last = max(n - 3, 0) // 2  # the first pair at which the search has to stop, if it didn't before
    pairs = rho[:, 0 : 2 * last + 2 : 2] + rho[:, 1 : 2 * last + 2 : 2]
    stop = np.where((pairs <= 0.0).any(axis=1), np.argmax(pairs <= 0.0, axis=1), last)
    every = np.arange(V)
    falling = np.cumsum(np.minimum.accumulate(pairs, axis=1), axis=1)
    summed = np.where(stop > 0, falling[every, stop - 1], 0.0)
    even, kept = rho[every, 2 * stop], (pairs[every, stop] >= 0.0) | (stop == 0)
    tau = -1.0 + 2.0 * summed + np.where((even > 0.0) | kept, even, 0.0)
    constant = np.ptp(draws, axis=(1, 2)) < np.finfo(float).resolution
    return np.where(constant, float(size), size / np.maximum(tau, 1 / np.log10(size)))


def _mean_autocovariance(draws: np.ndarray) -> np.ndarray:
    """(V, n) at each lag, averaged over chains; n is the divisor at every lag."""
    n = draws.shape[2]
    length = next_fast_len(2 * n, real=True)
    transformed = rfft(draws - draws.mean(axis=2, keepdims=True), n=length, axis=2)
    power = np.mean(transformed.real**2 + transformed.imag**2, axis=1)
    return irfft(power, n=length, axis=1)[:, :n] / n
