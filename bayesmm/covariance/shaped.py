"""The chart of a structure by its standard deviations and the shape parameters of its correlation.

    λ̃ = diag(s̃) L(r),    λ̃λ̃' = diag(s̃) R(r) diag(s̃),    φ = (s̃ of the owners, r),

with s̃ = t s for the diagonal t of T, which leaves L as it is. The criterion is a smooth function of λ̃λ̃', and
so of φ up to the walls of r, although L's derivatives grow without bound there: curvature is taken from the
covariance. It isn't even in a single s̃ where columns have their own: a column's sign can't be turned alone.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from bayesmm.covariance.chart import Chart

WALL = 1e-10
"""How close to their bounds shape parameters come, as a share of the interval: 1e-10 of r is nothing in the
criterion, and L has derivatives there."""
RESOLVED = 0.1
"""A change of a shape parameter that can be told from none, as a share of its interval."""
STEP = 1e-4
"""Of differences of ∂R/∂r."""
SHAPES = 64
"""Shapes that are tried where all standard deviations are zero, and any shape is as good."""


class Correlation(Protocol):
    """What is asked of a structure: see :class:`~bayesmm.covariance.contract.Covariance`."""

    k: int

    @property
    def sds(self) -> tuple[int, ...]: ...
    @property
    def owners(self) -> tuple[int, ...]: ...
    @property
    def shape(self) -> Bounds | None: ...
    def correlation_factor(self, r: np.ndarray) -> np.ndarray: ...
    def correlation_slopes(self, r: np.ndarray) -> np.ndarray: ...
    def correlation_pull_back(self, r: np.ndarray, gradient: np.ndarray) -> np.ndarray: ...
    def shape_of(self, R: np.ndarray) -> np.ndarray: ...
    def reported(self, r: np.ndarray) -> np.ndarray: ...
    def held_by(self, m: int) -> int | None: ...


class Bounds(Protocol):
    """The bounds of shape parameters."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]


class Shaped(Chart):
    """The chart of any structure, by what it promises of its correlation.

    Parameters
    ----------
    structure
        With its columns' standard deviations and its shape.
    basis
        T (k, k), diagonal, equal where columns share a standard deviation.
    """

    def __init__(self, structure: Correlation, basis: np.ndarray) -> None:
        self.structure = structure
        self.basis = basis
        self.k = structure.k
        owners = structure.owners
        self.m = len(owners)
        """How many standard deviations there are; φ has them first."""
        self._owner = np.array([owners.index(owner) for owner in structure.sds])
        self._sizes = np.diag(basis)[list(owners)]
        shape = structure.shape
        low, high = (np.array(b, dtype=float) for b in ((shape.lower, shape.upper) if shape else ((), ())))
        self.size = self.m + len(low)
        self.nonnegative = np.arange(self.size) < self.m
        self._range = high - low
        zeros, none = np.zeros(self.m), np.full(self.m, np.inf)
        self.lower = np.concatenate([zeros, low + WALL * self._range])
        self.upper = np.concatenate([none, high - WALL * self._range])
        self.start = np.concatenate([np.ones(self.m), (low + high) / 2])

    def factor(self, phi: np.ndarray) -> np.ndarray:
        return self._sds(phi)[:, :, None] * self.structure.correlation_factor(phi[:, self.m :])

    def parameters(self, lam: np.ndarray) -> np.ndarray:
        sds = np.linalg.norm(lam, axis=2)
        rows = np.divide(lam, sds[:, :, None], out=np.zeros_like(lam), where=sds[:, :, None] > 0)
        R = rows @ rows.swapaxes(1, 2)
        R[:, range(self.k), range(self.k)] = 1.0
        found = np.tile(self.start, (len(lam), 1))
        found[:, : self.m] = sds[:, list(self.structure.owners)]
        some = sds.any(axis=1)
        found[some, self.m :] = self.structure.shape_of(R[some])
        return self._within(found)

    def theta(self, phi: np.ndarray) -> np.ndarray:
        return np.hstack([phi[:, : self.m] / self._sizes, phi[:, self.m :]])

    def phi(self, theta: np.ndarray) -> np.ndarray:
        return np.hstack([theta[:, : self.m] * self._sizes, theta[:, self.m :]])

    def reported(self, phi: np.ndarray) -> np.ndarray:
        told = self.structure.reported(phi[:, self.m :])
        varies = (phi[:, self._owner] > 0).sum(axis=1) > 1
        return np.where(varies[:, None], told, np.nan)

    def position_of_sd(self, column: int) -> int | None:
        return int(self._owner[column])

    def position_of_reported(self, m: int) -> int | None:
        p = self.structure.held_by(m)
        return None if p is None else self.m + p

    def walls(self, phi: np.ndarray) -> np.ndarray:
        found = (phi >= self.upper).astype(int) - ((phi <= self.lower) & ~self.nonnegative)
        return found if self._varies(phi) else np.zeros(self.size, dtype=int)

    def pull_back(self, phi: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        r, gradient = phi[:, self.m :], np.tril(gradient)
        by_row = np.einsum("sij,sij->si", gradient, self.structure.correlation_factor(r))
        by_sd = np.zeros((len(phi), self.m))
        np.add.at(by_sd, (slice(None), self._owner), by_row)
        by_shape = self.structure.correlation_pull_back(r, self._sds(phi)[:, :, None] * gradient)
        return np.hstack([by_sd, by_shape])

    def slopes(self, phi: np.ndarray) -> np.ndarray:
        s, r = self._sds(phi[None])[0], phi[None, self.m :]
        own = np.zeros((self.m, self.k))
        own[self._owner, range(self.k)] = 1.0
        by_sd = own[:, :, None] * self._correlation(r) * s
        by_shape = s[:, None] * self._correlation_slopes(r) * s
        return np.concatenate([by_sd + by_sd.swapaxes(1, 2), by_shape])

    def bend(self, phi: np.ndarray, S: np.ndarray) -> np.ndarray:
        m, d = self.m, self.size - self.m
        s, r = self._sds(phi[None])[0], phi[None, m:]
        own = np.zeros((self.k, m))
        own[range(self.k), self._owner] = 1.0
        out = np.zeros((self.size, self.size))
        out[:m, :m] = 2 * own.T @ (S * self._correlation(r)) @ own
        R_slopes = self._correlation_slopes(r)
        mixed = 2 * np.einsum("io,ij,pij,j->op", own, S, R_slopes, s)
        out[:m, m:], out[m:, :m] = mixed, mixed.T
        weighted = s[:, None] * S * s
        for q in range(d):
            room = min(phi[m + q] - self.lower[m + q], self.upper[m + q] - phi[m + q])
            h = (
                STEP * self._range[q]
                if room > STEP * self._range[q]
                else max(room, WALL * self._range[q]) / 2
            )
            up, down = r.copy(), r.copy()
            up[0, q] += h
            down[0, q] -= h
            bent = (self._correlation_slopes(up) - self._correlation_slopes(down)) / (2 * h)
            out[m:, m + q] = np.einsum("ij,pij->p", weighted, bent)
        out[m:, m:] = (out[m:, m:] + out[m:, m:].T) / 2
        return out

    def natural(self, unit: float) -> np.ndarray:
        return np.concatenate([np.full(self.m, unit), RESOLVED * self._range])

    def off_boundary(self, phi: np.ndarray, probe: float) -> np.ndarray:
        """Standard deviations at least ``probe``, shapes that share of the interval from their walls."""
        inset = np.concatenate([np.full(self.m, probe), probe * self._range])
        near = (phi < inset + np.where(self.nonnegative, 0.0, self.lower)) | (phi > self.upper - inset)
        if not near.any():
            return phi
        shapes = np.clip(phi, self.lower + inset, self.upper - inset)
        return np.where(self.nonnegative, np.maximum(phi, probe), shapes)

    def free(self, phi: np.ndarray) -> np.ndarray:
        """Standard deviations that aren't zero; shapes away from their walls if two columns vary."""
        free = phi > 0
        free[self.m :] = self._varies(phi) & (phi > self.lower)[self.m :] & (phi < self.upper)[self.m :]
        return free

    def canonical(self, phi: np.ndarray, small: float) -> np.ndarray:
        """A single standard deviation has its sign turned; shapes are put on walls that are near.

        A shape at a distance ε from its wall leaves a direction a relative sd of the order √ε.
        """
        out = phi.copy()
        if self.m == 1:
            out[0] = np.abs(out[0])
        out[: self.m][out[: self.m] <= small] = 0.0
        return self._at_walls(out, small)

    def reduced(self, phi: np.ndarray, small: float) -> np.ndarray:
        return self.canonical(phi, small)

    def near_boundary(self, phi: np.ndarray, small: float) -> bool:
        return super().near_boundary(phi, small) or bool((self._at_walls(phi, small) != phi).any())

    def on_boundary(self, phi: np.ndarray) -> bool:
        walls = (phi <= self.lower) | (phi >= self.upper)
        return bool(walls[self.nonnegative].any() or (walls.any() and self._varies(phi)))

    def least_slope(self, phi: np.ndarray, S: np.ndarray, noise: float) -> tuple[float, np.ndarray]:
        """Of standard deviations at zero, and of shapes at their walls.

        The direction has changes of standard deviations, and the shape to go to.
        """
        zero, m = phi[: self.m] <= 0, self.m
        if zero.all():
            return self._from_nothing(S)
        found = []
        slopes = np.einsum("pij,ij->p", self.slopes(phi), S)
        R = self._correlation(phi[None, m:])
        for p in np.flatnonzero(zero):
            direction = np.concatenate([np.eye(m)[p], phi[m:]])
            own = self._owner == p
            alone = float(np.sum((S * R)[np.ix_(own, own)]))
            found.append((float(slopes[p]) if abs(slopes[p]) > noise else alone, direction))
        if self._varies(phi):
            for p in range(m, self.size):
                inward = float(phi[p] <= self.lower[p]) - float(phi[p] >= self.upper[p])
                if inward:
                    direction = np.concatenate([np.zeros(m), phi[m:]])
                    direction[p] = self.start[p]
                    found.append((inward * float(slopes[p]), direction))
        return min(found, key=lambda one: one[0])

    def grow(self, phi: np.ndarray, direction: np.ndarray, step: float) -> np.ndarray:
        out, m = phi.copy(), self.m
        share = 1.0 if (phi[:m] <= 0).all() else min(step, 1.0)
        out[:m] += step * direction[:m]
        out[m:] += share * (direction[m:] - phi[m:])
        return out

    def scan(self, shares: np.ndarray, sizes: np.ndarray, signs: np.ndarray) -> np.ndarray:
        points = sizes.copy()
        low, high = self.lower[self.m :], self.upper[self.m :]
        points[:, self.m :] = low + shares[:, self.m :] * (high - low)
        return points

    def _from_nothing(self, S: np.ndarray) -> tuple[float, np.ndarray]:
        """The least ⟨S, DRD⟩ over shapes and standard deviations of length one, tried at many shapes."""
        d = self.size - self.m
        share = np.random.default_rng(0).uniform(size=(SHAPES, d))
        if d == 1:
            share = np.linspace(0.0, 1.0, SHAPES)[:, None]
        shapes = self.lower[self.m :] + share * (self.upper - self.lower)[self.m :]
        best = (np.inf, np.concatenate([np.ones(self.m), self.start[self.m :]]))
        own = np.zeros((self.k, self.m))
        own[range(self.k), self._owner] = 1.0
        for r in shapes:
            form = own.T @ (S * self._correlation(r[None])) @ own
            vectors = [*np.eye(self.m), np.abs(np.linalg.eigh(form)[1][:, 0])]
            for v in vectors:
                slope = float(v @ form @ v)
                if slope < best[0]:
                    best = (slope, np.concatenate([v, r]))
        return best

    def _at_walls(self, phi: np.ndarray, small: float) -> np.ndarray:
        """Shapes within small² of a wall on it; where nothing varies they are those of the start."""
        out, m = phi.copy(), self.m
        if (phi[:m] == 0).all():
            out[m:] = self.start[m:]
            return out
        near = max(small, 0.0) ** 2 * self._range
        low, high = self.lower[m:], self.upper[m:]
        out[m:] = np.where(phi[m:] <= low + near, low, np.where(phi[m:] >= high - near, high, phi[m:]))
        return out

    def _within(self, phi: np.ndarray) -> np.ndarray:
        return np.where(self.nonnegative, phi, np.clip(phi, self.lower, self.upper))

    def _varies(self, phi: np.ndarray) -> bool:
        """Whether two columns vary, so that their correlation means something."""
        return bool((phi[self._owner] > 0).sum() > 1)

    def _sds(self, phi: np.ndarray) -> np.ndarray:
        """φ (S, size) → s̃ (S, k) of the columns."""
        return phi[:, self._owner]

    def _correlation(self, r: np.ndarray) -> np.ndarray:
        """r (1, d) → R (k, k)."""
        L = self.structure.correlation_factor(r)[0]
        return L @ L.T

    def _correlation_slopes(self, r: np.ndarray) -> np.ndarray:
        """r (1, d) → ∂R/∂r_p (d, k, k)."""
        L, by = self.structure.correlation_factor(r)[0], self.structure.correlation_slopes(r)[0]
        half = by @ L.T
        return half + half.swapaxes(1, 2)
