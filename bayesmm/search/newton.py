"""A damped Newton search within bounds, for a handful of parameters and an expensive criterion.

Each step minimises the quadratic g's + ½s'(|B| + μD)s within the bounds, with B close to the Hessian, |B| the
matrix of its absolute eigenvalues (so that negative curvature pushes away, not towards), D its diagonal and μ
a damping that falls while the criterion does what the quadratic promised (Marquardt 1963; Nocedal & Wright
2006, ch. 4). Parameters that a step would take across their bound are put on it and the rest solved again.
The search stops when a further step would gain less than ``tolerance``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg.lapack import dposv

Objective = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]
"""Parameters → value, gradient (d,), approximate Hessian (d, d)."""
WELL = 1e-4
"""The least pivot of a Hessian's Cholesky factor, relative to the largest, that is well above rounding."""
LONGEST = 2.0
"""No parameter changes by more than this many times its size (or than this, if it is below one half)."""


def descend(
    objective: Objective,
    start: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray | None = None,
    *,
    tolerance: float = 1e-10,
    max_evaluations: int = 100,
    damping: float = 1e-2,
) -> np.ndarray:
    """Follow damped Newton steps downhill from ``start``.

    Parameters
    ----------
    objective
        Value, gradient and approximate Hessian; the value may be infinite.
    start
        (d,) feasible.
    lower, upper
        (d,) bounds, ∓∞ for none.
    tolerance
        The predicted decrease, in units of the value, at which to stop.
    damping
        μ of the first step: none where the Hessian is exact and the start is good.

    Returns
    -------
    (d,) where the search ended; whether that is a minimum is for a certificate to say.
    """
    upper = np.full(len(start), np.inf) if upper is None else upper
    x = np.clip(start, lower, upper)
    value, gradient, curvature = objective(x)
    for _ in range(max_evaluations):
        if not np.isfinite(value):
            return x
        trial, predicted = _step(x, gradient, curvature, lower, upper, damping)
        if predicted < tolerance:
            trial, predicted = _step(x, gradient, curvature, lower, upper, 0.0)
            if predicted < tolerance:
                return x
        new_value, new_gradient, new_curvature = objective(trial)
        if new_value <= value + 1e-13 * abs(value):
            gained = value - new_value
            damping *= 0.1 if gained > 0.5 * predicted else 1.0 if gained > 0.1 * predicted else 3.0
            x, value, gradient, curvature = trial, new_value, new_gradient, new_curvature
        else:
            damping = max(damping, 1e-3) * 5
            if damping > 1e8:
                return x
    return x


def _step(
    x: np.ndarray,
    gradient: np.ndarray,
    curvature: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    damping: float,
) -> tuple[np.ndarray, float]:
    """The next point, within the bounds, and the decrease that the quadratic predicts."""
    inside = _inner_step(x, gradient, curvature, lower, upper, damping)
    if inside is not None:
        return inside
    held = ((x <= lower) & (gradient >= 0)) | ((x >= upper) & (gradient <= 0))
    free = ~held
    step = np.zeros_like(x)
    if not free.any():
        return x, 0.0
    B = _positive(curvature[np.ix_(free, free)])
    positive = np.zeros_like(curvature)
    positive[np.ix_(free, free)] = B
    damped = positive + damping * np.diag(np.diag(positive))
    while free.any():
        pushed = gradient[free] + damped[np.ix_(free, ~free)] @ step[~free]
        step[free] = np.linalg.solve(damped[np.ix_(free, free)], -pushed)
        across = free & ((x + step < lower) | (x + step > upper))
        if not across.any():
            break
        step[across] = np.clip(x[across] + step[across], lower[across], upper[across]) - x[across]
        free &= ~across
    longest = np.max(np.abs(step) / np.maximum(np.abs(x), 0.5))
    if longest > LONGEST:
        step *= LONGEST / longest
    predicted = -(gradient @ step + 0.5 * step @ positive @ step)
    if predicted <= 0:  # putting parameters on their bounds has spoilt the step: go down the slope instead
        step = np.clip(-gradient / np.maximum(np.diag(damped), 1e-300), lower - x, upper - x)
        step[held] = 0.0
        bend = step @ positive @ step
        step *= min(1.0, -(gradient @ step) / bend) if bend > 0 else 1.0
        predicted = -(gradient @ step + 0.5 * step @ positive @ step)
    return np.clip(x + step, lower, upper), float(predicted)


def _inner_step(
    x: np.ndarray,
    gradient: np.ndarray,
    curvature: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    damping: float,
) -> tuple[np.ndarray, float] | None:
    """The same where the Hessian is well positive definite and no bound is near; None where it isn't so.

    That is most steps of most searches, and takes a tenth of the time.
    """
    factor, step, failed = dposv(curvature, -gradient, lower=1)
    pivots = factor.diagonal()
    if failed or not pivots.min() > WELL * pivots.max():
        return None
    if damping:
        damped = curvature.copy()
        damped.flat[:: len(x) + 1] *= 1.0 + damping
        _, step, _ = dposv(damped, -gradient, lower=1)
    trial = x + step
    long = np.abs(step) > LONGEST * np.maximum(np.abs(x), 0.5)
    if (long | (trial <= lower) | (trial >= upper)).any():
        return None
    return trial, float(-(gradient @ step + 0.5 * step @ curvature @ step))


def _positive(B: np.ndarray) -> np.ndarray:
    """|B|, the matrix with the absolute eigenvalues, none of them negligible."""
    values, vectors = np.linalg.eigh((B + B.T) / 2)
    values = np.maximum(np.abs(values), 1e-10 * max(np.abs(values).max(), 1e-300))
    return (vectors * values) @ vectors.T


def updated(B: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The Hessian that takes a ``step`` to the ``change`` of the gradient (BFGS), or B if there is none."""
    Bs = B @ step
    if not np.isfinite(change).all() or step @ change <= 1e-3 * abs(step @ Bs) or step @ Bs <= 0:
        return B
    return B - np.outer(Bs, Bs) / (step @ Bs) + np.outer(change, change) / (step @ change)
