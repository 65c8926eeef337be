"""One correlation for all pairs of columns."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from bayesmm.covariance.contract import Covariance, Shape


class CompoundSymmetry(Covariance):
    """One variance and one correlation ρ for all columns (SAS's CS); 2 parameters.

    R = (1 − ρ)I + ρ11' is positive definite for −1/(k − 1) < ρ < 1, and its Cholesky factor is

        L_jj² = (1 − ρ)(1 + jρ)/(1 + (j − 1)ρ),    L_ij = ρ √((1 − ρ)/((1 + (j − 1)ρ)(1 + jρ))),  i > j > 0.

    Examples
    --------
    >>> L = CompoundSymmetry(3).correlation_factor(np.array([[0.5]]))[0]
    >>> (L @ L.T).round(12)
    array([[1. , 0.5, 0.5],
           [0.5, 1. , 0.5],
           [0.5, 0.5, 1. ]])
    """

    name: ClassVar[str] = "cs"

    @property
    def sds(self) -> tuple[int, ...]:
        return (0,) * self.k

    @property
    def takes_noise(self) -> bool:
        return self.k == 2 or (self.k > 2 and len(self.owners) == 1)

    def absorbs(self, weights: np.ndarray) -> bool:
        """An intercept: the same is added to all variances and covariances."""
        return len(self.owners) == 1 and np.allclose(weights, weights[0])

    @property
    def shape(self) -> Shape | None:
        return Shape((-1.0 / (self.k - 1),), (1.0,)) if self.k > 1 else None

    def correlation_factor(self, r: np.ndarray) -> np.ndarray:
        L = np.tile(np.eye(self.k, dtype=r.dtype), (len(r), 1, 1))
        if self.k == 1:
            return L
        rho = r[:, 0]
        L[:, 1:, 0] = rho[:, None]
        for j in range(1, self.k):
            before, here = 1.0 + (j - 1) * rho, 1.0 + j * rho
            L[:, j, j] = np.sqrt((1.0 - rho) * here / before)
            if j + 1 < self.k:
                L[:, j + 1 :, j] = (rho * np.sqrt((1.0 - rho) / (before * here)))[:, None]
        return L

    def power_of(self, i: int, j: int) -> tuple[int, float]:
        return 0, 1.0

    def meaning(self, m: int) -> str:
        return "any two of them"

    def shape_of(self, R: np.ndarray) -> np.ndarray:
        return R[:, 1:2, 0]


class HeterogeneousCompoundSymmetry(CompoundSymmetry):
    """One correlation for all pairs, each column with a variance of its own (SAS's CSH); k + 1 parameters.

    It is what glmmTMB calls ``cs``.
    """

    name: ClassVar[str] = "csh"

    @property
    def sds(self) -> tuple[int, ...]:
        return tuple(range(self.k))
