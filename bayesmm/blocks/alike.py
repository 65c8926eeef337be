"""The closed form of one factor where many levels are alike: intercepts without weights.

Levels with the same number of rows share A_j = a and all that depends on it. Of the other numbers only
Q = Σ B_jB_j' over such a class is needed, so that a point costs as much as there are classes: at most √(2n).
With d = 1 + aψ for each class of N levels, and F what :mod:`bayesmm.blocks.kernels.one_factor` calls so,

    log|M| = Σ N log d,   S = F + Σ Q/(ad),   ΣH = Σ Na/d,   X = Σ Q/d²,   ΣP = Σ ⟨W, Q⟩/d².
"""

from __future__ import annotations

import numpy as np

from bayesmm.blocks.cross_product import CrossProduct
from bayesmm.blocks.one_factor import ROUNDING, AtPoint, OneFactor, has_one_factor

FEW = 0.1
"""Numbers in classes, relative to those in levels, at which classes pay."""


def levels_alike(cross: CrossProduct) -> np.ndarray | None:
    """(ℓ,) the number of rows of each level, if that is all that makes A_j and there are few; else None."""
    if cross.groups[0].k != 1:
        return None
    A = cross.diagonal[0][:, 0, 0]
    limit = FEW * len(A) / (cross.p + 1)
    if not (A[0] == np.rint(A[0]) and A.max(initial=0.0) <= limit):
        return None
    rows = A.astype(np.int64)
    return rows if (rows == A).all() and rows.min(initial=1) > 0 else None


class LevelsAlike:
    """Evaluates the criterion as :class:`~bayesmm.blocks.one_factor.OneFactor` does, by classes of levels.

    Parameters
    ----------
    cross
        A cross-product with one group of one column.
    rows
        (ℓ,) what :func:`levels_alike` finds.
    """

    def __init__(self, cross: CrossProduct, rows: np.ndarray) -> None:
        self.k, self.c, self.levels = 1, cross.p + 1, len(rows)
        order = np.argsort(rows.astype(np.int16 if rows.max() < 2**15 else np.int64), kind="stable")
        B = np.take(cross.fixed[0][:, 0].T, order, axis=1)
        counts = np.bincount(rows)
        sizes = np.flatnonzero(counts)
        self._count, self._a = counts[sizes].astype(float), sizes.astype(float)
        ends = np.cumsum(counts[sizes])
        classes = [B[:, end - N : end] for end, N in zip(ends, counts[sizes], strict=True)]
        self._Q = np.array([each @ each.T for each in classes])
        self._within = cross.response - np.tensordot(1.0 / self._a, self._Q, 1)
        self._least = ROUNDING * cross.response[-1, -1]

    def __repr__(self) -> str:
        return f"LevelsAlike({self.levels} levels in {len(self._a)} classes, p = {self.c - 1})"

    def values(self, lam: np.ndarray) -> np.ndarray:
        """(S, 3) log|M|, log|C| and r² at λ (S, 1, 1); nan where S isn't positive definite."""
        d = 1.0 + lam[:, 0] ** 2 * self._a
        S = self._within + np.tensordot(1.0 / (d * self._a), self._Q, 1)
        return np.column_stack([np.log(d) @ self._count, *self._pivots(S)])

    def at(self, lam: np.ndarray, *, degrees: float, with_fixed: bool) -> AtPoint:
        """Value and derivatives at λ (1, 1), for m = ``degrees`` and δ = ``with_fixed``."""
        d, p = 1.0 + lam[0, 0] ** 2 * self._a, self.c - 1
        S = self._within + np.tensordot(1.0 / (d * self._a), self._Q, 1)
        (log_det_C,), (r2,) = self._pivots(S[None])
        if not np.isfinite(r2):
            nothing, none = np.zeros((1, 1)), np.zeros((p, p))
            return AtPoint(np.nan, np.nan, np.nan, np.zeros(self.c), none, nothing, nothing)
        inverse = np.zeros_like(S)
        inverse[:p, :p] = np.linalg.inv(S[:p, :p])
        zeta = np.append(inverse[:p, :p] @ S[:p, p], -1.0)
        W = degrees / r2 * np.outer(zeta, zeta) + with_fixed * inverse
        P = np.tensordot(self._Q, W) / d**2
        X = np.tensordot(1.0 / d**2, self._Q, 1)
        h, Xz, CX = self._a / d, X @ zeta, inverse @ X
        bend = 2.0 * (Xz @ inverse @ Xz) / r2 + (zeta @ Xz) ** 2 / r2**2
        curvature = (2.0 * P - self._count * h) @ h - degrees * bend - with_fixed * np.sum(CX * CX.T)
        return AtPoint(
            log_det_M=float(self._count @ np.log(d)),
            log_det_C=float(log_det_C),
            r2=float(r2),
            zeta=zeta,
            fixed_inverse=inverse[:p, :p],
            slope=np.array([[self._count @ h - P.sum()]]),
            curvature=np.array([[curvature]]),
        )

    def _pivots(self, S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log|C| and r² of (…, c, c); nan where they aren't numbers to rely on."""
        try:
            pivots = np.linalg.cholesky(S).diagonal(axis1=-2, axis2=-1)
        except np.linalg.LinAlgError:
            if len(S) == 1:
                return np.array([np.nan]), np.array([np.nan])
            found = [self._pivots(one[None]) for one in S]
            return np.concatenate([C for C, _ in found]), np.concatenate([r2 for _, r2 in found])
        r2 = pivots[:, -1] ** 2
        fine = r2 > self._least
        log_det_C = 2.0 * np.log(pivots[:, :-1]).sum(axis=1)
        return np.where(fine, log_det_C, np.nan), np.where(fine, r2, np.nan)


def closed_form(cross: CrossProduct) -> OneFactor | LevelsAlike | None:
    """What evaluates the criterion of one grouping factor with few columns; None for other designs."""
    if not has_one_factor(cross):
        return None
    rows = levels_alike(cross)
    return OneFactor(cross) if rows is None else LevelsAlike(cross, rows)
