"""Charts in which λ̃ is linear in φ: every parameter is an entry of λ̃, or several equal ones.

    λ̃(φ) = Σ_p φ_p E_p,   each E_p lower triangular with ones at the parameter's places,

so that ∂f/∂φ_p = ⟨∂f/∂λ̃, E_p⟩, and the criterion is even in each diagonal place.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular

from bayesmm.covariance.chart import Chart

Places = tuple[tuple[tuple[int, int], ...], ...]
"""For each parameter the (row, column) places of λ̃ that hold it, row ≥ column."""


class Linear(Chart):
    """The chart of a structure whose columns don't correlate: each parameter holds diagonal places.

    Parameters
    ----------
    places
        Of each parameter; diagonal ones here, any in a class that has rules of its own.
    basis
        T (k, k).
    """

    def __init__(self, places: Places, basis: np.ndarray) -> None:
        self.places = places
        self.basis = basis
        self.k = len(basis)
        self.size = len(places)
        self.nonnegative = np.array([cells[0][0] == cells[0][1] for cells in places], dtype=bool)
        self.lower = np.where(self.nonnegative, 0.0, -np.inf)
        self.upper = np.full(self.size, np.inf)
        self.start = np.where(self.nonnegative, 1.0, 0.0)
        self._row, self._column, self._of = (
            np.array(column)
            for column in zip(*((r, c, p) for p, cells in enumerate(places) for r, c in cells), strict=True)
        )
        self._first = [(cells[0][0], cells[0][1]) for cells in places]
        columns = [column for _, column in self._first]
        pivots = {column: p for p, (row, column) in enumerate(self._first) if row == column}
        self._pivot = np.array([pivots[column] for column in columns])
        """For each parameter the one that its column has on the diagonal."""
        self._slopes = np.zeros((self.size, self.k, self.k))
        self._slopes[self._of, self._row, self._column] = 1.0

    def factor(self, phi: np.ndarray) -> np.ndarray:
        lam = np.zeros((len(phi), self.k, self.k))
        lam[:, self._row, self._column] = phi[:, self._of]
        return lam

    def parameters(self, lam: np.ndarray) -> np.ndarray:
        rows, columns = zip(*self._first, strict=True)
        return lam[:, list(rows), list(columns)]

    def theta(self, phi: np.ndarray) -> np.ndarray:
        lam = [solve_triangular(self.basis, one, lower=True) for one in self.factor(phi)]
        return self.parameters(np.reshape(lam, (-1, self.k, self.k)))

    def phi(self, theta: np.ndarray) -> np.ndarray:
        return self.parameters(self.basis @ self.factor(theta))

    def reported(self, phi: np.ndarray) -> np.ndarray:
        return np.zeros((len(phi), 0))

    def position_of_sd(self, column: int) -> int | None:
        return next(p for p, cells in enumerate(self.places) if (column, column) in cells)

    def pull_back(self, phi: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        found = np.zeros((len(gradient), self.size))
        for r, c, p in zip(self._row, self._column, self._of, strict=True):
            found[:, p] += gradient[:, r, c]
        return found

    def slopes(self, phi: np.ndarray) -> np.ndarray:
        lam = self.factor(phi[None])[0]
        return self._slopes @ lam.T + lam @ self._slopes.swapaxes(1, 2)

    def bend(self, phi: np.ndarray, S: np.ndarray) -> np.ndarray:
        return 2.0 * self._slopes.reshape(self.size, -1) @ (S @ self._slopes).reshape(self.size, -1).T

    def free(self, phi: np.ndarray) -> np.ndarray:
        """The entries of columns of λ̃ whose diagonal isn't zero."""
        return phi[self._pivot] != 0.0

    def canonical(self, phi: np.ndarray, small: float) -> np.ndarray:
        size = np.abs(phi)
        return np.where(size <= small, 0.0, size)

    def reduced(self, phi: np.ndarray, small: float) -> np.ndarray:
        return np.where(phi < small, 0.0, phi)

    def on_boundary(self, phi: np.ndarray) -> bool:
        return bool((self.nonnegative & (phi <= 0)).any())

    def least_slope(self, phi: np.ndarray, S: np.ndarray, noise: float) -> tuple[float, np.ndarray]:
        """Single standard deviations, in the directions of all the columns that have them."""
        best = (np.inf, np.zeros(self.k))
        for p in np.flatnonzero(phi <= 0):
            columns = [row for row, _ in self.places[p]]
            slope = float(sum(S[r, r] for r in columns))
            if slope < best[0]:
                direction = np.zeros(self.k)
                direction[columns] = 1.0
                best = (slope, direction)
        return best

    def grow(self, phi: np.ndarray, direction: np.ndarray, step: float) -> np.ndarray:
        lam = self.factor(phi[None])[0]
        return self.parameters(np.sqrt(lam**2 + np.diag((step * direction) ** 2))[None])[0]

    def scan(self, shares: np.ndarray, sizes: np.ndarray, signs: np.ndarray) -> np.ndarray:
        return np.where(self.nonnegative, sizes, sizes * signs)
