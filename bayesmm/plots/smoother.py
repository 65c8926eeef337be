"""A smooth line through a scatter: local linear regression on a grid."""

from __future__ import annotations

import numpy as np

POINTS = 160
"""Places on the grid."""
BANDWIDTH = 0.12
"""The kernel's standard deviation, as a share of the grid; the places are quantiles, so of the rows too."""


def smooth(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A local linear regression of y (n,) on x (n,): the places (m,), rising, and the line there (m,).

    The places lie at equally spaced ranks of x, so that the bandwidth follows the density. At each of them a
    straight line in x is fitted with normal weights in the distance of the ranks. Rows are first gathered
    into cells, of equal x or of neighbouring ranks, so that the cost is one sort, whatever n is.
    """
    order = np.argsort(x, kind="stable")
    starts = np.flatnonzero(np.diff(x[order], prepend=-np.inf))  # equal x's stay together
    if len(starts) > 4 * POINTS:
        starts = np.linspace(0, len(x), 4 * POINTS, endpoint=False).astype(int)
    size = np.diff(starts, append=len(x)).astype(float)
    x_cell, y_cell = (np.add.reduceat(values[order], starts) / size for values in (x, y))
    rank = (np.cumsum(size) - 0.5 * size) / len(x)
    places = np.linspace(rank[0], rank[-1], min(POINTS, 8 * len(size)))
    weights = size * np.exp(-0.5 * ((places[:, None] - rank) / BANDWIDTH) ** 2)
    at = np.interp(places, rank, x_cell)
    away = x_cell - at[:, None]
    total = weights.sum(axis=1)
    mean, mean_y = (weights * away).sum(axis=1) / total, weights @ y_cell / total
    centred = away - mean[:, None]
    spread = (weights * centred**2).sum(axis=1)
    slope = np.divide(
        (weights * centred) @ y_cell,
        spread,
        out=np.zeros_like(spread),
        where=spread > 1e-12 * total * np.ptp(x) ** 2,
    )
    return at, mean_y - slope * mean
