"""Intervals: of draws, as ArviZ is set to make them; and about a point, within the range of its value."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, ndtri


def convention() -> tuple[float, str]:
    """The probability and the kind of interval, ``"eti"`` or ``"hdi"``, that ArviZ is set to."""
    from arviz_base import rcParams

    return float(rcParams["stats.ci_prob"]), str(rcParams["stats.ci_kind"])


def of_draws(draws: np.ndarray, prob: float) -> np.ndarray:
    """(S, …) draws → (2, …) ends: equal-tailed or the shortest, as ArviZ is set.

    Examples
    --------
    >>> of_draws(np.arange(101.0), 0.9).round(6).tolist()
    [5.0, 95.0]
    """
    if convention()[1] == "hdi":
        from arviz_stats.base import array_stats

        return np.moveaxis(array_stats.hdi(draws, prob, axis=0), -1, 0)
    return np.quantile(draws, [(1 - prob) / 2, (1 + prob) / 2], axis=0)


def about(estimate: np.ndarray, se: np.ndarray, ranges: np.ndarray, prob: float) -> np.ndarray:
    """(2, m) ends of Wald intervals: normal on a scale without bounds, so that they stay within the range.

    With the range (a, b) that scale is x itself, log(x − a), or log((x − a)/(b − x)): the logarithm of a
    standard deviation, Fisher's z of a correlation, the logit of a share. By the delta method the standard
    error there is se times the slope. Missing at the ends of the range, where the slope says nothing.

    Parameters
    ----------
    estimate, se
        (m,).
    ranges
        (m, 2) a and b, which may be infinite; b only where a is finite.

    Examples
    --------
    >>> about(np.array([2.0, 2.0]), np.array([1.0, 1.0]), np.array([[-np.inf, np.inf], [0, np.inf]]), 0.9)
    array([[0.35514637, 0.87872821],
           [3.64485363, 4.55203322]])
    """
    z = float(ndtri(0.5 + prob / 2))
    low, high = ranges.T
    ends = np.stack([estimate - z * se, estimate + z * se])
    above = np.isfinite(low) & ~np.isfinite(high)
    inside = np.isfinite(low) & np.isfinite(high)
    signs = np.array([[-1.0], [1.0]])
    with np.errstate(all="ignore"):
        a, x, e = low[above], estimate[above], se[above]
        ends[:, above] = a + (x - a) * np.exp(signs * z * e / (x - a))
        a, b, x, e = low[inside], high[inside], estimate[inside], se[inside]
        logit = np.log((x - a) / (b - x))
        ends[:, inside] = a + (b - a) * expit(logit + signs * z * e * (b - a) / ((x - a) * (b - x)))
        at_an_end = (estimate <= low) | (estimate >= high)
    ends[:, at_an_end] = np.nan
    return ends
