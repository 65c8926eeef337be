"""Pareto-smoothed importance sampling of many rows at once, by Vehtari et al. 2024, as ArviZ has it.

ArviZ takes one row after the other, at a millisecond each. Here they are taken a stretch at a time, in
threads; the numbers are the same. The raw weights of a row are r_s = 1/p_s; the M largest are replaced by the
expected order statistics of a generalised Pareto distribution fitted to them (Zhang & Stephens 2009), none
above the largest of them. What isn't in the tail has w_s p_s = 1, so that the sum in

    elpd = log Σ w_s p_s − log Σ w_s

has only M terms that are not known beforehand.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

STRETCH = 16
"""Rows that are smoothed together: their workspaces fit into a core's cache."""
FEWEST = 5
"""The fewest weights that make a tail."""
PRIOR_SCALE = 3
PRIOR_SIZE = 10
"""The prior of the shape, worth this many weights at 0.5."""


@dataclass(frozen=True, eq=False)
class Smoothed:
    """Of each of n rows: ``log_weights`` (n, S) of weights that sum to one, Pareto's k̂, two log densities.

    ``elpd`` is log p(y_i | y_−i); ``lppd`` log of the mean of p_s over the draws as they are, given all rows.
    """

    log_weights: np.ndarray
    khat: np.ndarray
    elpd: np.ndarray
    lppd: np.ndarray


def smooth(
    log_likelihood: np.ndarray, r_eff: float, *, advance: Callable[[int], None] | None = None
) -> Smoothed:
    """Smooth the weights 1/p.

    Parameters
    ----------
    log_likelihood
        (S, n) log p_s of each row.
    r_eff
        What a draw is worth, in independent ones.
    advance
        Is told of how many rows have been done.

    Examples
    --------
    >>> log_p = np.random.default_rng(1).normal(size=(1000, 3))
    >>> smooth(log_p, 1.0).khat.round(2)
    array([0.42, 0.37, 0.21])
    """
    S, n = log_likelihood.shape
    tail = int(3 * np.sqrt(S / r_eff)) if S * r_eff > 225 else S // 5
    if not FEWEST <= tail < S:
        raise ValueError(f"a tail of {tail} of {S} weights: at least {FEWEST}, and fewer than all")
    log_weights, found = np.empty((n, S)), np.empty((3, n))

    def work(start: int) -> int:
        at = slice(start, min(start + STRETCH, n))
        found[:, at] = _smooth(np.ascontiguousarray(log_likelihood[:, at].T), tail, log_weights[at])
        return at.stop - at.start

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in pool.map(work, range(0, n, STRETCH)):
            if advance is not None:
                advance(done)
    return Smoothed(log_weights, *found)


def _smooth(log_p: np.ndarray, tail: int, out: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """k̂, elpd and lppd of some rows (b,); their log weights go into ``out`` (b, S)."""
    S = log_p.shape[1]
    largest = np.max(-log_p, axis=1, keepdims=True)
    np.subtract(-log_p, largest, out=out)
    place = np.argpartition(out, S - tail - 1, axis=1)
    cutoff = np.exp(np.take_along_axis(out, place[:, S - tail - 1, None], axis=1))
    place = place[:, S - tail :]
    raw = np.take_along_axis(out, place, axis=1)
    order = np.argsort(raw, axis=1)
    place, raw = np.take_along_axis(place, order, axis=1), np.take_along_axis(raw, order, axis=1)
    khat, smoothed = _fitted_tail(np.exp(raw), cutoff)
    smoothed = np.where(np.isfinite(khat)[:, None], np.minimum(np.log(smoothed), raw[:, -1:]), raw)
    np.put_along_axis(out, place, smoothed, axis=1)
    total = np.log(np.sum(np.exp(out), axis=1, keepdims=True))
    elpd = np.log(S - tail + np.sum(np.exp(smoothed - raw), axis=1)) - largest[:, 0] - total[:, 0]
    out -= total
    highest = np.max(log_p, axis=1)
    lppd = highest + np.log(np.mean(np.exp(log_p - highest[:, None]), axis=1))
    return khat, elpd, lppd


def _fitted_tail(weights: np.ndarray, cutoff: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """k̂ (b,) of tails (b, M) in rising order, and their expected values; nan where there is no fit."""
    M = weights.shape[1]
    x = weights - cutoff
    quartile = x[:, int(M / 4 + 0.5) - 1, None]
    m = 30 + int(np.sqrt(M))
    with np.errstate(all="ignore"):
        grid = 1 - np.sqrt(m / (np.arange(1, m + 1) - 0.5))
        b = grid / (PRIOR_SCALE * quartile) + 1 / x[:, -1:]
        k = np.mean(np.log1p(-b[:, :, None] * x[:, None, :]), axis=2)
        profile = M * (np.log(-b / k) - k - 1)
        w = np.exp(profile - logsumexp(profile, axis=1, keepdims=True))
        w[w < 10 * np.finfo(float).eps] = 0.0
        b = np.sum(b * w, axis=1, keepdims=True) / np.sum(w, axis=1, keepdims=True)
        k = np.mean(np.log1p(-b * x), axis=1, keepdims=True)
        sigma = -k / b
        k = (M * k + PRIOR_SIZE * 0.5) / (M + PRIOR_SIZE)
        p = np.arange(0.5, M) / M
        inverse = np.where(k == 0, -np.log1p(-p), np.expm1(-k * np.log1p(-p)) / np.where(k == 0, 1.0, k))
        expected = np.where(sigma > 0, cutoff + sigma * inverse, np.nan)
    khat = np.where(np.isnan(k), np.inf, k)
    return np.where(quartile > x[:, :1], khat, np.nan)[:, 0], expected
