"""Correlations that fall with the distance in time, as in an autoregression of first order."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np

from bayesmm.covariance.contract import Covariance, Shape


class Autoregressive(Covariance):
    """One variance, and the correlation ρ^(|t_i − t_j|/u) of columns at the times t; 2 parameters.

    It is SAS's AR(1), but for gaps, which count. The unit u is the greatest common divisor of the distances
    where the times are whole numbers, so that it is one step if they are equally spaced; −1 < ρ < 1. Between
    other times u is the median distance of neighbours, and 0 < ρ < 1: in continuous time a correlation can't
    change its sign. Each column depends on those before it through the last alone, so that with
    d_j = (t_j − t_{j−1})/u

        L_i0 = ρ^((t_i − t_0)/u),    L_ij = ρ^((t_i − t_j)/u) √(1 − ρ^(2d_j)),  i ≥ j > 0.

    Examples
    --------
    >>> L = Autoregressive(3, (1.0, 2.0, 4.0)).correlation_factor(np.array([[0.5]]))[0]
    >>> (L @ L.T).round(12)
    array([[1.   , 0.5  , 0.125],
           [0.5  , 1.   , 0.25 ],
           [0.125, 0.25 , 1.   ]])
    """

    name: ClassVar[str] = "ar1"
    over_time: ClassVar[bool] = True

    @property
    def sds(self) -> tuple[int, ...]:
        return (0,) * self.k

    @property
    def shape(self) -> Shape | None:
        if self.k == 1:
            return None
        return Shape((-1.0 if self.whole else 0.0,), (1.0,))

    @cached_property
    def whole(self) -> bool:
        """Whether all times are whole numbers."""
        return all(float(time).is_integer() for time in self.positions)

    @cached_property
    def unit(self) -> float:
        """u, the distance at which the correlation is ρ."""
        gaps = np.diff(self.positions)
        if len(gaps) == 0:
            return 1.0
        return float(np.gcd.reduce(gaps.astype(int)) if self.whole else np.median(gaps))

    @cached_property
    def _steps(self) -> np.ndarray:
        """(k,) the times in units of u, from the first on: whole numbers if the times are."""
        steps = (np.array(self.positions) - self.positions[0]) / self.unit
        return np.rint(steps).astype(int) if self.whole else steps

    def correlation_factor(self, r: np.ndarray) -> np.ndarray:
        steps = self._steps
        apart = np.tril(steps[:, None] - steps)
        L = np.tril(r[:, :, None] ** apart) if self.k > 1 else np.ones((len(r), 1, 1))
        if self.k > 1:
            L[:, :, 1:] = L[:, :, 1:] * np.sqrt(1.0 - r ** (2 * np.diff(steps)))[:, None]
        return L

    def power_of(self, i: int, j: int) -> tuple[int, float]:
        return 0, float(abs(self._steps[j] - self._steps[i]))

    def meaning(self, m: int) -> str:
        return f"those that are {self.unit:g} apart"

    def shape_of(self, R: np.ndarray) -> np.ndarray:
        if self.k == 1:
            return np.zeros((len(R), 0))
        steps = np.diff(self._steps)
        if self.whole:
            odd = np.where(steps % 2 == 1, steps, np.inf)  # of an even power the sign is lost
            at = int(np.argmin(odd))
        else:
            at = int(np.argmin(np.abs(steps - 1.0)))
        value = R[:, at + 1, at]
        return (np.sign(value) * np.abs(value) ** (1.0 / steps[at]))[:, None]

    @property
    def remark(self) -> str:
        return "" if self.unit == 1.0 else f"the correlation is that at a distance of {self.unit:g}"


class HeterogeneousAutoregressive(Autoregressive):
    """The correlations of ``ar1``, each column with a variance of its own (ARH(1)); k + 1 parameters."""

    name: ClassVar[str] = "ar1h"

    @property
    def sds(self) -> tuple[int, ...]:
        return tuple(range(self.k))
