"""Minimise −2 log-likelihood over the variance parameters, boundary included.

Damped Newton steps with the analytic gradient and the average information (:mod:`bayesmm.estimate.newton`).
The criterion is an even function of each λ_ii, so at λ_ii = 0 its gradient vanishes whether or not a zero
variance is optimal. Therefore

- the first search keeps the diagonals above a small floor, off which the gradient can push them;
- a diagonal that ends there, or tiny, is set to zero if that costs nothing;
- at a zero diagonal the curvature is looked at instead, by a gradient just off the boundary: the derivative
  of the criterion in the *variance*. Where it is negative the point is a saddle, and the search goes on from
  a step into that direction (Kuhn–Tucker conditions on the cone of covariance matrices);
- at the end the Hessian, from differences of the gradient, says whether it is a minimum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesmm.estimate.newton import descend
from bayesmm.likelihood import MarginalLikelihood

TINY = 1e-4
"""A relative standard deviation (λ̃_ii, in units of σ) below which zero is tried."""
FLOOR = 1e-2
"""The lower bound of diagonals in the first search: at zero the gradient couldn't push them off again."""
PROBE = 1e-3
"""How far off the boundary the curvature is looked at."""
MAX_RESTARTS = 8
DEAR = 1e8
"""Multiplications of one factorization beyond which the Hessian is made do with one-sided differences."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where the search ended, and what is known of the place.

    Attributes
    ----------
    phi
        (d,) parameters in internal coordinates.
    criterion
        −2 (restricted) log-likelihood.
    gradient
        (d,) there.
    free
        (d,) of bool: parameters that are not held at zero.
    hessian
        (f, f) on the free parameters.
    boundary_curvature
        For each parameter at zero, half the derivative of the criterion in that relative variance, ≥ 0 at an
        optimum; for an unstructured term with several, the smallest eigenvalue of the matrix of them.
    starts
        Why the search was started again, one sentence each.
    evaluations
        Values with gradient, in all.
    """

    phi: np.ndarray
    criterion: float
    gradient: np.ndarray
    free: np.ndarray
    hessian: np.ndarray
    boundary_curvature: np.ndarray
    starts: tuple[str, ...]
    evaluations: int

    @property
    def expected_decrease(self) -> float:
        """½ g'H⁻¹g: by how much the criterion would still fall by a Newton step, in deviance units."""
        g = self.gradient[self.free]
        if len(g) == 0:
            return 0.0
        values, vectors = np.linalg.eigh(self.hessian)
        along = vectors.T @ g
        scale = np.maximum(np.abs(values), 1e-8 * max(1.0, np.abs(values).max()))
        return float(0.5 * np.sum(along**2 / scale))


def minimise(likelihood: MarginalLikelihood, *, reml: bool, start: np.ndarray | None = None) -> Optimum:
    """Find the minimum of the ML or REML criterion.

    Parameters
    ----------
    likelihood
        The criterion and its gradient.
    reml
        Which criterion.
    start
        (d,) internal parameters; by default every relative factor is the identity.
    """
    search = _Search(likelihood, reml)
    phi = search.descend(likelihood.start if start is None else np.asarray(start, dtype=float), FLOOR)
    starts: list[str] = []
    while True:
        settled = search.settle(phi)
        if settled is not phi and search.free(settled).any():
            settled = search.settle(search.descend(settled, 0.0))
        elif settled is phi and (phi[search.nonnegative] <= FLOOR).any():
            settled = search.settle(search.descend(phi, 0.0))
        phi = settled
        hessian, boundary = search.hessian(phi, search.free(phi)), search.boundary(phi)
        escape = search.escape(phi, hessian, boundary)
        if escape is not None and len(starts) < MAX_RESTARTS:
            reason, onward = escape
            better = search.descend(onward, 0.0)
            if search.value(better) < search.value(phi) - 1e-9:
                starts.append(reason)
                phi = better
                continue
        return search.optimum(phi, hessian, boundary, tuple(starts))


class _Search:
    """The criterion with its bounds, counting evaluations and remembering them."""

    def __init__(self, likelihood: MarginalLikelihood, reml: bool) -> None:
        self.evaluations = 0
        self.nonnegative = likelihood.nonnegative
        self._likelihood = likelihood
        self._reml = reml
        self._seen: dict[bytes, tuple[float, np.ndarray]] = {}

    def __call__(self, phi: np.ndarray) -> tuple[float, np.ndarray]:
        key = phi.tobytes()
        if key not in self._seen:
            self.evaluations += 1
            self._seen[key] = self._likelihood.criterion_and_gradient(phi, reml=self._reml)
        return self._seen[key]

    def value(self, phi: np.ndarray) -> float:
        key = phi.tobytes()
        return self._seen[key][0] if key in self._seen else self._likelihood.criterion(phi, reml=self._reml)

    def descend(self, phi: np.ndarray, floor: float) -> np.ndarray:
        """Newton steps, diagonals at least ``floor``."""

        def objective(phi: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            self.evaluations += 1
            value, gradient, curvature = self._likelihood.with_curvature(phi, reml=self._reml)
            self._seen[phi.tobytes()] = value, gradient
            return value, gradient, curvature

        return descend(objective, phi, np.where(self.nonnegative, floor, -np.inf))

    def settle(self, phi: np.ndarray) -> np.ndarray:
        """Canonical factors, with tiny diagonals at exactly zero where that costs nothing."""
        phi = canonical(self._likelihood, phi, 0.0)
        for small in (FLOOR * 1.001, TINY):
            if (self.nonnegative & (phi > 0) & (phi <= small)).any():
                zeroed = canonical(self._likelihood, phi, small)
                if self.value(zeroed) <= self.value(phi) + 1e-9:
                    return zeroed
        return phi

    def hessian(self, phi: np.ndarray, free: np.ndarray) -> np.ndarray:
        """(f, f) differences of the gradient, central ones unless an evaluation is dear.

        The criterion is smooth across zero, so that a step may leave the parameter space.
        """
        at = np.flatnonzero(free)
        central = self._likelihood.layout.flops < DEAR
        here = np.zeros(len(at)) if central else self(phi)[1][at]
        rows = []
        for i in at:
            h = 1e-4 * max(1.0, abs(phi[i]))
            step = np.zeros_like(phi)
            step[i] = h
            up = self(phi + step)[1][at]
            rows.append((up - self(phi - step)[1][at]) / (2 * h) if central else (up - here) / h)
        hessian = np.array(rows).reshape(len(at), len(at))
        return (hessian + hessian.T) / 2

    def boundary(self, phi: np.ndarray) -> list[tuple[float, np.ndarray]]:
        """For each term with zero diagonals: the least curvature over directions off the boundary, and that
        direction (d,). One gradient for each zero."""
        found = []
        for at, structure in self._likelihood.blocks:
            zeros = [
                i for i, places in enumerate(structure.entries) if self._diagonal(places) and phi[at][i] == 0
            ]
            if not zeros:
                continue
            column = {structure.entries[i][0][1]: i for i in zeros}
            curvature = np.zeros((len(zeros), len(zeros)))
            for m, i in enumerate(zeros):
                probe = phi.copy()
                probe[at.start + i] = PROBE
                gradient = self(probe)[1][at]
                for r, j in enumerate(zeros[m:], start=m):
                    place = (structure.entries[j][0][0], structure.entries[i][0][1])
                    entry = next((e for e, p in enumerate(structure.entries) if place in p), None)
                    if entry is not None:
                        curvature[r, m] = curvature[m, r] = gradient[entry] / (2 * PROBE)
            values, vectors = np.linalg.eigh(curvature)
            if structure.correlated:
                direction = np.zeros_like(phi)
                first = min(column.values())
                for value, i in zip(vectors[:, 0], zeros, strict=True):
                    place = (structure.entries[i][0][0], structure.entries[first][0][1])
                    entry = next(e for e, p in enumerate(structure.entries) if place in p)
                    direction[at.start + entry] = value
                if direction[at.start + first] < 0:
                    direction = -direction
                found.append((float(values[0]), direction))
            else:
                for m, i in enumerate(zeros):
                    direction = np.zeros_like(phi)
                    direction[at.start + i] = 1.0
                    found.append((float(curvature[m, m]), direction))
        return found

    def escape(
        self, phi: np.ndarray, hessian: np.ndarray, boundary: list[tuple[float, np.ndarray]]
    ) -> tuple[str, np.ndarray] | None:
        """A reason to search on and a point to start from, or None at a local minimum."""
        if boundary:
            least, direction = min(boundary, key=lambda pair: pair[0])
            if least < -1e-7 * max(1.0, abs(self._likelihood.cross.n)):
                return "a variance at zero that wants to grow (saddle)", self._downhill(phi, direction)
        if hessian.size:
            values, vectors = np.linalg.eigh(hessian)
            if values[0] < -1e-6 * max(1.0, values[-1]):
                direction = np.zeros_like(phi)
                direction[self.free(phi)] = vectors[:, 0]
                return "a direction of negative curvature (saddle)", self._downhill(phi, direction)
        return None

    def optimum(
        self,
        phi: np.ndarray,
        hessian: np.ndarray,
        boundary: list[tuple[float, np.ndarray]],
        starts: tuple[str, ...],
    ) -> Optimum:
        value, gradient = self(phi)
        return Optimum(
            phi=phi,
            criterion=value,
            gradient=gradient,
            free=self.free(phi),
            hessian=hessian,
            boundary_curvature=np.array([least for least, _ in boundary]),
            starts=starts,
            evaluations=self.evaluations,
        )

    def _downhill(self, phi: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """The best of a few steps along ± a direction."""
        trials = [
            np.where(self.nonnegative, np.maximum(phi + step * direction, 0.0), phi + step * direction)
            for step in (0.01, 0.03, 0.1, 0.3, 1.0, -0.01, -0.03, -0.1, -0.3, -1.0)
        ]
        return min(trials, key=self.value)

    def free(self, phi: np.ndarray) -> np.ndarray:
        """Parameters in columns of λ whose diagonal is not zero."""
        free = np.ones(len(phi), dtype=bool)
        for at, structure in self._likelihood.blocks:
            dead = {
                places[0][1]
                for i, places in enumerate(structure.entries)
                if self._diagonal(places) and phi[at][i] == 0
            }
            for i, places in enumerate(structure.entries):
                free[at.start + i] = places[0][1] not in dead
        return free

    @staticmethod
    def _diagonal(places: tuple[tuple[int, int], ...]) -> bool:
        return places[0][0] == places[0][1]


def canonical(likelihood: MarginalLikelihood, phi: np.ndarray, tolerance: float) -> np.ndarray:
    """Parameters of the same covariances: diagonals nonnegative, columns zero where one is ≤ tolerance.

    For a positive semi-definite λλ' it is the Cholesky factor in which a zero pivot's column is zero.
    """
    out = phi.copy()
    for at, structure in likelihood.blocks:
        lam = structure.factor(phi[at])
        if not structure.correlated:
            lam = np.abs(lam)
            out[at] = structure.parameters(np.where(lam <= tolerance, 0.0, lam))
        elif (np.diag(lam) <= tolerance).any():
            out[at] = structure.parameters(_semidefinite_cholesky(lam @ lam.T, tolerance))
    return out


def _semidefinite_cholesky(G: np.ndarray, tolerance: float) -> np.ndarray:
    """Lower L with LL' ≈ G ⪰ 0, the column of a pivot at or below ``tolerance`` zero."""
    L = np.zeros_like(G)
    for c in range(len(G)):
        rest = G[c:, c] - L[c:, :c] @ L[c, :c]
        if rest[0] > max(tolerance, 1e-9) ** 2:
            L[c:, c] = rest / np.sqrt(rest[0])
    return L
