"""The boundary: whether a point belongs on it, whether one on it wants to leave, and where to.

The value is an even function of each diagonal of a factor, so that at zero its gradient vanishes whether or
not a variance of zero is optimal. There the derivative S in the matrix λ̃λ̃' decides: an optimum needs v'Sv ≥ 0
for every direction v that the chart allows (the Kuhn–Tucker conditions on the cone of covariance matrices).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesmm.search.evaluations import Evaluations
from bayesmm.search.region import Region

FREE_OF_CHARGE = 1e-9
"""What the value may rise by when something small is put to zero."""
SADDLE = 1e-7
"""A slope in a variance, per row, that counts as negative: what it could gain is of order 10⁻¹³ a level."""
BENT = 1e-6
"""A negative curvature, relative to the greatest, that isn't rounding."""
STEPS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Standard deviations that are tried when the boundary is left."""


@dataclass(frozen=True, eq=False)
class Edge:
    """A block on the boundary: its number, the least slope v'Sv, and the direction v."""

    block: int
    slope: float
    direction: np.ndarray


def settle(at: Evaluations, region: Region, x: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Canonical factors, with diagonals up to ``small`` (d,) at exactly zero where that costs nothing."""
    x = region.canonical(x, np.zeros_like(x))
    if region.near_boundary(x, small):
        zeroed = region.canonical(x, small)
        if at.value(zeroed) <= at.value(x) + FREE_OF_CHARGE:
            return zeroed
    return x


def edges(at: Evaluations, region: Region, x: np.ndarray) -> list[Edge]:
    """The blocks that are on the boundary at x (d,)."""
    on = [t for t, (own, chart) in enumerate(region.blocks) if chart.on_boundary(x[own])]
    if not on:
        return []
    slopes, noise = at.slopes(x), SADDLE * at.objective.n
    found = []
    for t in on:
        own, chart = region.blocks[t]
        found.append(Edge(t, *chart.least_slope(x[own], slopes[t], noise)))
    return found


def bends_down(hessian: np.ndarray) -> bool:
    """Whether a Hessian (f, f) has a direction of negative curvature that isn't rounding."""
    if not hessian.size:
        return False
    values = np.linalg.eigvalsh(hessian)
    return bool(values[0] < -BENT * max(1.0, values[-1]))


def escape(
    at: Evaluations, region: Region, x: np.ndarray, hessian: np.ndarray | None, on: list[Edge]
) -> tuple[str, np.ndarray] | None:
    """A reason to search on and a point to start from, or None at a local minimum.

    Parameters
    ----------
    hessian
        (f, f) in the free parameters of x (d,); None to look at the boundary alone.
    on
        The blocks on the boundary.
    """
    if on:
        edge = min(on, key=lambda edge: edge.slope)
        own, chart = region.blocks[edge.block]
        if edge.slope < -SADDLE * at.objective.n:
            trials = []
            for step in STEPS:
                trial = x.copy()
                trial[own] = chart.grow(x[own], edge.direction, step * region.natural[own.start])
                trials.append(trial)
            return "a variance at zero that wants to grow (saddle)", min(trials, key=at.value)
    if hessian is not None and bends_down(hessian):
        direction = np.zeros_like(x)
        direction[region.free(x)] = np.linalg.eigh(hessian)[1][:, 0]
        trials = [x + sign * step * direction for step in STEPS for sign in (1.0, -1.0)]
        bounded = [np.clip(trial, region.lower, region.upper) for trial in trials]
        return "a direction of negative curvature (saddle)", min(bounded, key=at.value)
    return None
