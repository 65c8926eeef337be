"""The space that a search moves in: the charts of an objective side by side."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from bayesmm.search.objective import Objective


class Region:
    """Bounds of all parameters, and what the charts say of a point as a whole.

    Attributes
    ----------
    nonnegative
        (d,) of bool: bounded below by zero, with everything smooth across it.
    lower, upper
        (d,) all bounds, zeros among them; ∓∞ for none.
    natural
        (d,) changes that can be told from none.
    """

    def __init__(self, objective: Objective) -> None:
        self.blocks = tuple(objective.blocks)
        self.natural = objective.natural
        charts = [chart for _, chart in self.blocks]
        self.nonnegative = np.concatenate([chart.nonnegative for chart in charts])
        self.lower = np.concatenate([chart.lower for chart in charts])
        self.upper = np.concatenate([chart.upper for chart in charts])

    @cached_property
    def walls(self) -> np.ndarray:
        """(d,) the lower bounds beyond which nothing is defined."""
        return np.where(self.nonnegative, -np.inf, self.lower)

    def free(self, x: np.ndarray) -> np.ndarray:
        """(d,) of bool: what a smooth search may move at x (d,)."""
        return np.concatenate([chart.free(x[at]) for at, chart in self.blocks])

    def canonical(self, x: np.ndarray, small: np.ndarray) -> np.ndarray:
        """The same matrices with all signs as they should be, what is at most ``small`` (d,) at zero."""
        out = x.copy()
        for at, chart in self.blocks:
            out[at] = chart.canonical(x[at], float(small[at].max()))
        return out

    def near_boundary(self, x: np.ndarray, small: np.ndarray) -> bool:
        """Whether :meth:`canonical` would put something on the boundary that isn't there yet."""
        return any(chart.near_boundary(x[at], float(small[at].max())) for at, chart in self.blocks)

    def reduced(self, x: np.ndarray, small: float) -> np.ndarray:
        """x with directions of variation below ``small``, in natural scales, at zero."""
        out = x.copy()
        for at, chart in self.blocks:
            out[at] = chart.reduced(x[at], small * self.natural[at.start])
        return out

    def scan(self, shares: np.ndarray, sizes: np.ndarray, signs: np.ndarray) -> np.ndarray:
        """(S, d) points by ``shares`` of ways between walls, relative sds ``sizes`` and ``signs`` (S, d)."""
        if len(self.blocks) == 1:
            return self.blocks[0][1].scan(shares, sizes, signs)
        parts = [chart.scan(shares[:, at], sizes[:, at], signs[:, at]) for at, chart in self.blocks]
        return np.hstack(parts)
