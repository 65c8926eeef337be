"""A correlation of its own for each lag."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from bayesmm.covariance.cholesky import cholesky_rows, correlation_cholesky
from bayesmm.covariance.contract import Covariance, Shape


class Toeplitz(Covariance):
    """One variance, and a correlation for each lag |i − j| of equally spaced columns; k parameters.

    It is SAS's TOEP. The shape parameters are the partial autocorrelations r₁ … r_{k−1}, which may be any
    numbers between −1 and 1 (Barndorff-Nielsen & Schou 1973). L is the response of the lattice filter to unit
    innovations: with e_m(t), b_m(t) the forward and backward prediction errors of order m, and
    v_t² = Π_{m≤t}(1 − r_m²), column t is e_0(t), by e_t(t) = v_t ε_t and for m = t, …, 1

        e_{m−1}(t) = e_m(t) + r_m b_{m−1}(t − 1),    b_m(t) = b_{m−1}(t − 1) − r_m e_{m−1}(t);

    the coefficients of the innovations ε₀ … ε_t in it are row t of L.

    Examples
    --------
    >>> L = Toeplitz(3).correlation_factor(np.array([[0.5, 0.2]]))[0]
    >>> (L @ L.T).round(12)
    array([[1. , 0.5, 0.4],
           [0.5, 1. , 0.5],
           [0.4, 0.5, 1. ]])
    """

    name: ClassVar[str] = "toep"
    over_time: ClassVar[bool] = True
    equally_spaced: ClassVar[bool] = True

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
        d = self.k - 1
        return Shape((-1.0,) * d, (1.0,) * d) if d else None

    def correlation_factor(self, r: np.ndarray) -> np.ndarray:
        S, k = len(r), self.k
        L = np.zeros((S, k, k), dtype=r.dtype)
        L[:, 0, 0] = 1.0
        backward = [L[:, 0]]
        """b_0(t − 1) … b_{t−1}(t − 1), each (S, k): the coefficients of the innovations."""
        left = np.ones(S, dtype=r.dtype)
        for t in range(1, k):
            left = left * (1.0 - r[:, t - 1]) * (1.0 + r[:, t - 1])
            e = np.zeros((S, k), dtype=r.dtype)
            e[:, t] = np.sqrt(left)
            new: list[np.ndarray] = []
            for m in range(t, 0, -1):
                partial, b = r[:, m - 1, None], backward[m - 1]
                e = e + partial * b
                new.append(b - partial * e)
            L[:, t] = e
            backward = [e, *reversed(new)]
        return L

    def power_of(self, i: int, j: int) -> tuple[int, float]:
        return abs(i - j) - 1, 1.0

    def meaning(self, m: int) -> str:
        return "neighbours" if m == 0 else f"those that are {m + 1} places apart"

    def shape_of(self, R: np.ndarray) -> np.ndarray:
        """By the recursion of Levinson and Durbin."""
        found = np.zeros((len(R), self.k - 1))
        weights = np.zeros((len(R), 0))
        left = np.ones(len(R))
        for m in range(1, self.k):
            lags = R[:, 1:m, 0]
            partial = (R[:, m, 0] - np.einsum("si,si->s", weights, lags[:, ::-1])) / left
            weights = np.hstack([weights - partial[:, None] * weights[:, ::-1], partial[:, None]])
            left = left * (1.0 - partial) * (1.0 + partial)
            found[:, m - 1] = partial
        return found

    def reported(self, r: np.ndarray) -> np.ndarray:
        """The correlations of the lags: the first column of L."""
        return self.correlation_factor(r)[:, 1:, 0]

    def held_by(self, m: int) -> int | None:
        """The first partial autocorrelation is the correlation of lag 1."""
        return 0 if m == 0 else None

    def factor_of(self, values: np.ndarray) -> np.ndarray:
        lags = np.hstack([np.ones((len(values), 1)), values])
        steps = np.arange(self.k)
        return correlation_cholesky(lags[:, np.abs(steps[:, None] - steps)])

    def rows_of(self, values: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[list[Any]]:
        return cholesky_rows(self.k, lambda i, j: values[j - i - 1], sqrt)

    def labels(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"lag {lag}" for lag in range(1, self.k))


class HeterogeneousToeplitz(Toeplitz):
    """The correlations of ``toep``, each column with a variance of its own (SAS's TOEPH); 2k − 1 parameters.

    It is what glmmTMB calls ``toep``.
    """

    name: ClassVar[str] = "toeph"

    @property
    def sds(self) -> tuple[int, ...]:
        return tuple(range(self.k))
