"""Any covariance: every entry of the lower triangle is free.

In the coordinates of a search λ̃ is linear in its entries. Covariance matrices are a cone, and where λ̃ is
singular an optimum needs v'Sv ≥ 0 for every direction v of effects, S the criterion's derivative in λ̃λ̃'
(the Kuhn–Tucker conditions on the cone): :class:`Cone` has the rules. A correlation matrix is written by its
canonical partial correlations r, row by row of the Cholesky factor (Lewandowski, Kurowicka & Joe 2009):

    L[j, i] = r_ij Π_{m<i} √(1 − r_mj²),    L[j, j] = Π_{m<j} √(1 − r_mj²).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from bayesmm.covariance.chart import Chart
from bayesmm.covariance.cholesky import cholesky_rows, correlation_cholesky, semidefinite_cholesky
from bayesmm.covariance.contract import Covariance, Shape
from bayesmm.covariance.linear import Linear


class Unstructured(Covariance):
    """Standard deviations and correlations of all columns; k(k + 1)/2 parameters.

    θ are the entries of λ, a lower triangle with a nonnegative diagonal, column by column.

    Examples
    --------
    >>> Unstructured(2).chart(np.eye(2)).factor(np.array([[2.0, 0.5, 1.0]]))
    array([[[2. , 0. ],
            [0.5, 1. ]]])
    """

    name: ClassVar[str] = "unstructured"
    adjective: ClassVar[str] = "correlated"
    one_column: ClassVar[bool] = True
    word: ClassVar[str] = "us"
    turns: ClassVar[bool] = True

    @property
    def sds(self) -> tuple[int, ...]:
        return tuple(range(self.k))

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs (i, j), i < j, of columns that the shape parameters and the correlations belong to."""
        return tuple(combinations(range(self.k), 2))

    @property
    def shape(self) -> Shape | None:
        d = len(self.pairs)
        if d == 0:
            return None
        lkj = tuple((self.k - 2 - i) / 2 for i, _ in self.pairs)
        return Shape((-1.0,) * d, (1.0,) * d, "LKJ", {"eta": 2.0}, lkj)

    def correlation_factor(self, r: np.ndarray) -> np.ndarray:
        L = np.tile(np.eye(self.k, dtype=r.dtype), (len(r), 1, 1))
        place = {pair: m for m, pair in enumerate(self.pairs)}
        for j in range(1, self.k):
            left = np.ones(len(r), dtype=r.dtype)
            for i in range(j):
                partial = r[:, place[i, j]]
                L[:, j, i] = left * partial
                left = left * np.sqrt((1 - partial) * (1 + partial))
            L[:, j, j] = left
        return L

    def correlation_pull_back(self, r: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        place = {pair: m for m, pair in enumerate(self.pairs)}
        found = np.zeros(r.shape)
        for j in range(1, self.k):
            partial = r[:, [place[i, j] for i in range(j)]]
            rest = np.sqrt((1 - partial) * (1 + partial))
            left = np.cumprod(np.hstack([np.ones((len(r), 1)), rest]), axis=1)
            by_left = gradient[:, j, j]
            for i in reversed(range(j)):
                bent = partial[:, i] / np.maximum(rest[:, i], np.finfo(float).tiny)
                found[:, place[i, j]] = left[:, i] * (gradient[:, j, i] - by_left * bent)
                by_left = gradient[:, j, i] * partial[:, i] + by_left * rest[:, i]
        return found

    def shape_of(self, R: np.ndarray) -> np.ndarray:
        L = np.linalg.cholesky(R)
        found = np.empty((len(R), len(self.pairs)))
        for m, (i, j) in enumerate(self.pairs):
            found[:, m] = L[:, j, i] / np.linalg.norm(L[:, j, i:], axis=1)
        return found

    def reported(self, r: np.ndarray) -> np.ndarray:
        """The correlations of the pairs."""
        L = self.correlation_factor(r)
        return np.stack([np.einsum("sm,sm->s", L[:, i], L[:, j]) for i, j in self.pairs], axis=1)

    def reported_of(self, R: np.ndarray) -> np.ndarray:
        return np.stack([R[:, i, j] for i, j in self.pairs], axis=1)

    def factor_of(self, values: np.ndarray) -> np.ndarray:
        R = np.tile(np.eye(self.k), (len(values), 1, 1))
        for m, (i, j) in enumerate(self.pairs):
            R[:, j, i] = values[:, m]
        return correlation_cholesky(R)

    def correlation_rows(self, share: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[list[Any]]:
        rows: list[list[Any]] = []
        for j in range(self.k):
            row: list[Any] = []
            left: Any = 1.0
            for i in range(j):
                p = share[self.pairs.index((i, j))]
                row.append(left * (2 * p - 1))
                left = left * 2 * sqrt(p * (1 - p))
            rows.append([*row, left])
        return rows

    def rows_of(self, values: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[list[Any]]:
        return cholesky_rows(self.k, lambda i, j: values[self.pairs.index((i, j))], sqrt)

    def labels(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"{columns[i]}, {columns[j]}" for i, j in self.pairs)

    def basis(self, gram: np.ndarray) -> np.ndarray:
        """The lower-triangular T with T'T = gram: any lower triangle keeps λ lower triangular.

        T'T = gram is the Cholesky factorization of gram with its rows and columns reversed. A direction
        in which gram is numerically singular keeps its own scale instead.
        """
        scale = np.sqrt(np.maximum(np.diag(gram), np.finfo(float).tiny))
        correlation = gram / np.outer(scale, scale)
        eigenvalues = np.linalg.eigvalsh(correlation)
        if eigenvalues[0] < 1e-13:
            correlation = correlation + 1e-13 * np.eye(self.k)
        reverse = np.linalg.cholesky(correlation[::-1, ::-1])
        return np.ascontiguousarray(reverse.T[::-1, ::-1]) * scale

    @property
    def takes_noise(self) -> bool:
        return self.k > 1

    def absorbs(self, weights: np.ndarray) -> bool:
        return self.k > 1

    def columns_of(self, m: int) -> tuple[int, ...]:
        return self.pairs[m]

    def held_by(self, m: int) -> int | None:
        return None

    def chart(self, basis: np.ndarray) -> Chart:
        return Cone(basis) if self.k > 1 else Linear((((0, 0),),), basis)


class Cone(Linear):
    """The chart of all lower triangles with a nonnegative diagonal, column by column."""

    def __init__(self, basis: np.ndarray) -> None:
        k = len(basis)
        super().__init__(tuple(((row, column),) for column in range(k) for row in range(column, k)), basis)

    def position_of_sd(self, column: int) -> int | None:
        """Only the first row of λ̃ has one entry."""
        return None

    def reported(self, phi: np.ndarray) -> np.ndarray:
        """The correlations of the pairs of columns, in the user's units."""
        lam = np.linalg.solve(self.basis, self.factor(phi))
        length = np.linalg.norm(lam, axis=2)
        pairs = list(combinations(range(self.k), 2))
        found = np.full((len(phi), len(pairs)), np.nan)
        for m, (i, j) in enumerate(pairs):
            product = length[:, i] * length[:, j]
            inner = np.einsum("sm,sm->s", lam[:, i], lam[:, j])
            np.divide(inner, product, out=found[:, m], where=product > 0)
        return found

    def canonical(self, phi: np.ndarray, small: float) -> np.ndarray:
        """The Cholesky factor in which a zero pivot's column is zero, for pivots up to ``small``."""
        lam = self.factor(phi[None])[0]
        if (np.diag(lam) <= small).any():
            return self._parameters(semidefinite_cholesky(lam @ lam.T, small))
        return phi

    def reduced(self, phi: np.ndarray, small: float) -> np.ndarray:
        """Singular values of λ̃ below ``small`` are put to zero."""
        lam = self.factor(phi[None])[0]
        size = float(np.sqrt(phi @ phi))
        if abs(float(np.prod(phi[self.nonnegative]))) > small * size ** (self.k - 1):
            return phi  # |det λ̃| is no more than the least singular value times the others
        left, sizes, _ = np.linalg.svd(lam)
        kept = (left * np.where(sizes < small, 0.0, sizes))[:, sizes >= small]
        if kept.shape[1] < np.linalg.matrix_rank(lam):
            return self._parameters(semidefinite_cholesky(kept @ kept.T, 1e-6))
        return phi

    def least_slope(self, phi: np.ndarray, S: np.ndarray, noise: float) -> tuple[float, np.ndarray]:
        """The least v'Sv over all unit directions v of effects.

        In directions that have variance already v'Sv is zero at an optimum, but for rounding: it is told for
        those that have none, unless some other direction goes down by more than the ``noise``.
        """
        values, vectors = np.linalg.eigh(S)
        if values[0] < -noise:
            return float(values[0]), vectors[:, 0]
        basis, sizes, _ = np.linalg.svd(self.factor(phi[None])[0])
        null = basis[:, sizes <= 1e-8 * max(sizes[0], 1e-8)] if sizes[0] > 0 else np.eye(self.k)
        values, within = np.linalg.eigh(null.T @ S @ null)
        return float(values[0]), null @ within[:, 0]

    def grow(self, phi: np.ndarray, direction: np.ndarray, step: float) -> np.ndarray:
        lam, v = self.factor(phi[None])[0], step * direction
        return self._parameters(semidefinite_cholesky(lam @ lam.T + np.outer(v, v), 0.0))

    def _parameters(self, lam: np.ndarray) -> np.ndarray:
        return self.parameters(lam[None])[0]
