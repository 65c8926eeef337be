"""Tests of whether ranks are uniform, and the band around their empirical distribution function.

Let N ranks be independent and uniform on 0, …, L. Three tests, each against what goes wrong in its own way:

- the simultaneous test of the ECDF (Säilynoja, Bürkner & Vehtari 2022), against anything. Its statistic is
  the least pointwise tail probability, γ = min_i 2 min{P(B_i ≤ c_i), P(B_i ≥ c_i)}, with c_i the number of
  ranks below i and B_i ~ Binomial(N, i/(L + 1)), i = 1, …, L. Its distribution is computed exactly: c_i is
  a Markov chain, c_{i+1} − c_i ~ Binomial(N − c_i, 1/(L + 1 − i)), and the probability that it stays within
  limits follows by recursion (their section 2.2, for a discrete uniform distribution in place of the
  continuous one);
- the mean of the ranks, against a shift;
- the mean squared distance of the ranks from L/2, against a posterior that is too narrow or too wide.

The last two are compared with the normal distribution. The p-value of a quantity is three times the least of
the three, at most 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

TESTS = 3
"""How many tests each quantity takes: the correction of its p-value."""
POWER = 0.9
"""The probability with which the smallest detectable fault would be found."""
NORMAL = special.ndtri((np.arange(2000) + 0.5) / 2000)
"""Quantiles of a standard normal variable, to take means over."""


@dataclass(frozen=True)
class Uniformity:
    """What the three tests say of N ranks.

    Attributes
    ----------
    shift, spread
        Standard normal if the ranks are uniform: positive if they are too high, and too far from the middle.
    own_spread
        The same as ``spread``, less what the shift explains: ranks that crowd at one end are far from the
        middle too.
    p_ecdf, p_shift, p_spread
        The p-values.
    """

    shift: float
    spread: float
    own_spread: float
    p_ecdf: float
    p_shift: float
    p_spread: float

    @property
    def p(self) -> float:
        """The least p-value, corrected for the number of tests."""
        return min(1.0, TESTS * min(self.p_ecdf, self.p_shift, self.p_spread))


def judge_ranks(ranks: np.ndarray, draws: int) -> Uniformity:
    """Test (N,) ranks for uniformity on 0, …, ``draws``.

    Examples
    --------
    >>> even = judge_ranks(np.arange(200) % 100, draws=99)
    >>> even.shift, round(even.spread, 3), round(even.p_ecdf, 3)
    (0.0, 0.0, 1.0)
    >>> judge_ranks(np.full(50, 99), draws=99).p < 1e-6
    True
    """
    places = np.arange(draws + 1)
    root = np.sqrt(len(ranks))
    squares = (places - draws / 2) ** 2
    shift = float(root * (ranks.mean() - draws / 2) / places.std())
    spread = float(root * (squares[ranks].mean() - squares.mean()) / squares.std())
    explained = draws**2 * (_spread_of_a_shift(ranks.mean() / draws) - 1 / 12)
    return Uniformity(
        shift=shift,
        spread=spread,
        own_spread=float(spread - root * explained / squares.std()),
        p_ecdf=ecdf_p_value(ranks, draws),
        p_shift=float(2 * special.ndtr(-abs(shift))),
        p_spread=float(2 * special.ndtr(-abs(spread))),
    )


def ecdf_p_value(ranks: np.ndarray, draws: int) -> float:
    """The probability that the ECDF of as many uniform ranks leaves its expectation as far as this one."""
    n = len(ranks)
    counts = np.cumsum(np.bincount(ranks, minlength=draws + 1))[:-1]
    z = np.arange(1, draws + 1) / (draws + 1)
    tails = np.minimum(stats.binom.cdf(counts, n, z), stats.binom.sf(counts - 1, n, z))
    gamma = min(1.0, 2 * float(tails.min()))
    # Strictly inside: every count whose own tail is heavier than the lightest one seen.
    inside = limits(n, draws, gamma * (1 + 1e-9))
    return 1.0 - probability_within(n, *inside)


def limits(n: int, draws: int, gamma: float) -> tuple[np.ndarray, np.ndarray]:
    """(draws,) the least and the largest count below each place whose tails P(B ≤ c), P(B ≥ c) are ≥ γ/2."""
    z = np.arange(1, draws + 1) / (draws + 1)
    lower = stats.binom.ppf(gamma / 2, n, z)
    upper = stats.binom.isf(gamma / 2, n, z)
    # ppf(q) is the least c with P(B ≤ c) ≥ q; isf(q) the least with P(B > c) ≤ q, so that P(B ≥ c) > q.
    lower, upper = (np.clip(np.nan_to_num(ends), 0, n).astype(int) for ends in (lower, upper))
    return lower, upper


def probability_within(n: int, lower: np.ndarray, upper: np.ndarray) -> float:
    """P(lower_i ≤ c_i ≤ upper_i for all i), c_i the number of n uniform ranks below place i."""
    draws = len(lower)
    log_factorial = special.gammaln(np.arange(n + 1) + 1.0)
    states, probability = np.array([0]), np.array([1.0])
    for i in range(draws):
        new = np.arange(lower[i], upper[i] + 1)
        steps, left = new[:, None] - states, n - states
        more = np.maximum(steps, 0)  # steps down are impossible
        log_chance = log_factorial[left] - log_factorial[more] - log_factorial[np.maximum(left - more, 0)]
        log_chance += more * np.log(1 / (draws + 1 - i)) + (left - more) * np.log1p(-1 / (draws + 1 - i))
        chance = np.where((steps >= 0) & (steps <= left), np.exp(np.minimum(log_chance, 0.0)), 0.0)
        states, probability = new, chance @ probability
    return float(min(1.0, probability.sum()))


def band(n: int, draws: int, level: float) -> tuple[np.ndarray, np.ndarray]:
    """(draws,) limits of the counts that uniform ranks leave, anywhere, with probability ``level`` at most.

    Examples
    --------
    >>> lower, upper = band(200, 99, 0.05)
    >>> int(lower[49]), int(upper[49])
    (79, 121)
    """
    low, high = 0.0, level  # pointwise levels between which the right one lies
    for _ in range(16):
        middle = (low + high) / 2
        if 1.0 - probability_within(n, *limits(n, draws, middle)) <= level:
            low = middle
        else:
            high = middle
    return limits(n, draws, low)


def detectable(n: int, level: float) -> tuple[float, float]:
    """The shift, in posterior sds, and the ratio of sds that ``n`` ranks show in 9 cases of 10.

    For normal posteriors: the truth has the rank Φ(z − δ) of a posterior that is δ of its sds too high, and
    Φ(az) of one whose sd is 1/a of what it should be, z standard normal.

    Examples
    --------
    >>> shift, ratio = detectable(200, 0.01)
    >>> round(shift, 2), round(ratio, 2)
    (0.31, 0.78)
    """
    needed = float(special.ndtri(1 - level / TESTS / 2)), float(special.ndtri(POWER))
    shift = _least(lambda delta: special.ndtr(NORMAL + delta) - 0.5, 0.0, n, needed)
    widening = _least(lambda a: (special.ndtr(a * NORMAL) - 0.5) ** 2, 1.0, n, needed)
    return shift, 1 / widening


def _least(
    statistic: Callable[[float], np.ndarray], null: float, n: int, needed: tuple[float, float]
) -> float:
    """The least fault at which the mean of n values of a statistic is beyond its limit often enough."""
    right = statistic(null)
    limit = right.mean() + needed[0] * right.std() / np.sqrt(n)

    def short(fault: float) -> float:
        values = statistic(fault)
        return float(limit + needed[1] * values.std() / np.sqrt(n) - values.mean())

    most = null + 100.0
    return float(optimize.brentq(short, null, most)) if short(most) < 0 else float("inf")


def _spread_of_a_shift(mean: float) -> float:
    """The mean squared distance from ½ of ranks in [0, 1] whose mean is off because of a shift alone."""
    shift = np.sqrt(2) * special.ndtri(np.clip(mean, 1e-6, 1 - 1e-6))
    return float(np.mean((special.ndtr(NORMAL + shift) - 0.5) ** 2))
