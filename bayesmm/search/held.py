"""What a profile asks of the function that it goes along."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Held(Protocol):
    """A function with one parameter held at a value, of the free ones x (m,).

    Attributes
    ----------
    value
        The parameter at the optimum.
    bounds
        The edges of its space.
    unit
        A change of it that could be told from none, roughly.
    start
        (m,) x at the optimum.
    bounded
        (m,) of bool: bounded below by zero, and smooth across it.
    lower, upper
        (m,) all bounds of x, zeros among them.
    units
        (m,) the natural scales of x.
    cost
        Multiplications of one value.
    """

    @property
    def value(self) -> float: ...
    @property
    def bounds(self) -> tuple[float, float]: ...
    @property
    def unit(self) -> float: ...
    @property
    def start(self) -> np.ndarray: ...
    @property
    def bounded(self) -> np.ndarray: ...
    @property
    def lower(self) -> np.ndarray: ...
    @property
    def upper(self) -> np.ndarray: ...
    @property
    def units(self) -> np.ndarray: ...
    @property
    def cost(self) -> float: ...

    def deviance(self, x: np.ndarray, value: float) -> tuple[float, np.ndarray]:
        """The function and its gradient (m,) at x (m,), the parameter at ``value``; +∞ where it has none."""
