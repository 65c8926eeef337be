"""The Hessian of an objective: its own where it has one, else from differences of its gradient."""

from __future__ import annotations

import numpy as np

from bayesmm.search.evaluations import Evaluations
from bayesmm.search.region import Region

DEAR = 1e8
"""Multiplications of one value beyond which one-sided differences have to do."""


def hessian(at: Evaluations, region: Region, x: np.ndarray, free: np.ndarray | None = None) -> np.ndarray:
    """(f, f) in the free parameters of x (d,), or in those given.

    Differences are central unless an evaluation is dear. The value is smooth across zero, so that a step may
    leave the space there, but not across a wall.
    """
    places = np.flatnonzero(region.free(x) if free is None else free)
    if at.objective.exact:
        return at.with_curvature(x)[2][np.ix_(places, places)]
    central = at.objective.cost < DEAR
    here = np.zeros(len(places)) if central else at(x)[1][places]
    rows = []
    for i in places:
        room = min(x[i] - region.walls[i], region.upper[i] - x[i])
        h = min(1e-4 * max(region.natural[i], abs(x[i])), room / 2)
        step = np.zeros_like(x)
        step[i] = h
        up = at(x + step)[1][places]
        rows.append((up - at(x - step)[1][places]) / (2 * h) if central else (up - here) / h)
    found = np.array(rows).reshape(len(places), len(places))
    return (found + found.T) / 2
