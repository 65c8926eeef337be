"""What a search asks of the function that it minimises, and of the space that it moves in.

A point x (d,) is made of blocks, each with a :class:`~bayesmm.covariance.chart.Chart` that knows its bounds
and its boundary: a block stands for a positive semi-definite matrix λ̃λ̃'(x) of its own. Nothing else is known
of what the function means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from bayesmm.covariance.chart import Chart


class Objective(Protocol):
    """A function f of x (d,), smooth inside its bounds; +∞ where it can't be evaluated.

    Attributes
    ----------
    blocks
        Where the parameters of each chart lie in x.
    natural
        (d,) changes of x that can be told from none, roughly.
    start
        (d,) where a search begins if nothing better is known.
    n
        How many observations f sums over: rounding and slopes are judged by it.
    cost
        Multiplications of one value.
    exact
        Whether :meth:`with_curvature` gives the Hessian itself.
    """

    @property
    def blocks(self) -> Sequence[tuple[slice, Chart]]: ...
    @property
    def natural(self) -> np.ndarray: ...
    @property
    def start(self) -> np.ndarray: ...
    @property
    def n(self) -> int: ...
    @property
    def cost(self) -> float: ...
    @property
    def exact(self) -> bool: ...

    def checked(self, x: np.ndarray) -> np.ndarray:
        """x (d,) as floats; a ModelError if it isn't d numbers."""

    def value(self, x: np.ndarray) -> float:
        """f at x (d,)."""

    def values(self, x: np.ndarray) -> np.ndarray:
        """(S,) f at many points x (S, d)."""

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """f and its gradient (d,), which is valid on the boundary too."""

    def with_curvature(self, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """f, its gradient (d,), and its Hessian (d, d) or a matrix close to it."""

    def slopes(self, x: np.ndarray) -> Sequence[np.ndarray]:
        """For each block S (k, k), the derivative of f in λ̃λ̃': f changes by tr(SΔ) with a small Δ."""
