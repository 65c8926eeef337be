"""What importance weights are worth: effective draws, the evidence, and whether they can be trusted."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

SMALL_WEIGHT = 10.0
"""In units of the mean: weights below it need no look at their shape."""


def truncated(log_weights: np.ndarray) -> np.ndarray:
    """(S,) weights that sum to one, none above √S times their mean."""
    weights = np.exp(log_weights - logsumexp(log_weights))
    weights = np.minimum(weights, np.sqrt(len(weights)) / len(weights))
    return weights / weights.sum()


def effective_share(log_weights: np.ndarray, log_ratio: np.ndarray) -> float:
    """The share of effective draws that Metropolis–Hastings with proposals from h would have.

    From draws of some m, with w = p/m, ρ = h/m and u = w/ρ: a state is left with probability
    a(u) = E_h[min(1, u'/u)], so that a draw is worth 1/E_p[2/a − 1] independent ones.

    Examples
    --------
    >>> import numpy as np
    >>> effective_share(np.zeros(10), np.zeros(10))  # h is p: nothing is rejected
    1.0
    """
    w = np.exp(log_weights - log_weights.max())
    ratio = np.exp(log_ratio - log_ratio.max())
    order = np.argsort(w / ratio)
    w, ratio, u = w[order], ratio[order], (w / ratio)[order]
    larger = ratio.sum() - np.cumsum(ratio) + ratio
    smaller = np.cumsum(ratio * u) - ratio * u
    leaving = (larger + smaller / np.maximum(u, 1e-300)) / ratio.sum()
    return float(w.sum() / np.sum(w * (2 / leaving - 1)))


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


def khat_threshold(size: int) -> float:
    """The k̂ below which S weights can be trusted: min(1 − 1/log₁₀ S, 0.7).

    Examples
    --------
    >>> khat_threshold(4000), round(khat_threshold(100), 2)
    (0.7, 0.5)
    """
    return min(1 - 1 / float(np.log10(max(size, 11))), 0.7)


def weights_are_even(khat: float, largest: float, size: int) -> bool:
    """Whether importance weights can be trusted: by Pareto's k̂, or since none is large.

    k̂ is the shape of the largest weights, whatever their size. Where no weight is above ``SMALL_WEIGHT``
    times the mean their shape doesn't matter: a chain leaves any state in as many steps (Mengersen &
    Tweedie 1996).

    Examples
    --------
    >>> weights_are_even(0.9, 30.0, 4000), weights_are_even(0.9, 3.0, 4000)
    (False, True)
    """
    return khat < khat_threshold(size) or largest < SMALL_WEIGHT
