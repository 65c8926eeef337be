"""A damped Newton search with lower bounds, for a handful of parameters and an expensive criterion.

Each step solves (|B| + μD)s = −g on the parameters that are not held at a bound, with B close to the Hessian,
|B| the matrix of its absolute eigenvalues (so that negative curvature pushes away, not towards), D its
diagonal and μ a damping that falls while the criterion does what the quadratic promised (Marquardt 1963;
Nocedal & Wright 2006, ch. 4). It stops when a further step would gain less than ``tolerance``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Objective = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]
"""Parameters → value, gradient (d,), approximate Hessian (d, d)."""


def descend(
    objective: Objective,
    start: np.ndarray,
    lower: np.ndarray,
    *,
    tolerance: float = 1e-10,
    max_evaluations: int = 100,
) -> np.ndarray:
    """Follow damped Newton steps downhill from ``start``.

    Parameters
    ----------
    objective
        Value, gradient and approximate Hessian; the value may be infinite.
    start
        (d,) feasible.
    lower
        (d,) lower bounds, −∞ for none.
    tolerance
        The predicted decrease, in units of the value, at which to stop.

    Returns
    -------
    (d,) where the search ended; whether that is a minimum is for a certificate to say.
    """
    x = np.maximum(start, lower)
    value, gradient, curvature = objective(x)
    damping = 1e-2
    for _ in range(max_evaluations):
        free = ~((x <= lower) & (gradient >= 0))
        if not free.any():
            return x
        trial, predicted = _step(x, gradient, curvature, lower, free, damping)
        if predicted < tolerance:
            full, gain = _step(x, gradient, curvature, lower, free, 0.0)
            if gain < tolerance:
                return x
            trial, predicted = full, gain
        new_value, new_gradient, new_curvature = objective(trial)
        if new_value <= value + 1e-13 * abs(value):
            gained = value - new_value
            damping = (
                damping / 10 if gained > 0.5 * predicted else damping * (1 if gained > 0.1 * predicted else 3)
            )
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
    free: np.ndarray,
    damping: float,
) -> tuple[np.ndarray, float]:
    """The next point, within the bounds, and the decrease that the quadratic predicts."""
    g, B = gradient[free], curvature[np.ix_(free, free)]
    values, vectors = np.linalg.eigh((B + B.T) / 2)
    values = np.maximum(np.abs(values), 1e-10 * max(np.abs(values).max(), 1e-300))
    positive = (vectors * values) @ vectors.T
    step = np.linalg.solve(positive + damping * np.diag(np.diag(positive)), -g)
    longest = np.max(np.abs(step) / np.maximum(np.abs(x[free]), 0.5))
    if longest > 2.0:
        step *= 2.0 / longest
    trial = x.copy()
    trial[free] += step
    trial = np.maximum(trial, lower)
    moved = (trial - x)[free]
    return trial, float(-(g @ moved + 0.5 * moved @ positive @ moved))
