"""The criterion of one grouping factor: value, slope in λλ' and exact Hessian, in closed form.

What :mod:`bayesmm.blocks.kernels.one_factor` derives. No layout is needed, nor a factorization: a point costs
a small Cholesky factor for each level, and its derivatives two to three times as much again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from bayesmm.blocks.cross_product import CrossProduct
from bayesmm.blocks.kernels.one_factor import LANES, derivatives_at, reduce_levels, values_at

ROUNDING = 1e-14
"""An r², relative to y'y, that is made of rounding: no more is known than that effects explain y."""
WIDEST = 6
"""Columns of a factor up to which this pays: the sums for a Hessian grow with k⁴."""


def has_one_factor(cross: CrossProduct) -> bool:
    """Whether a cross-product is that of one grouping factor with few columns."""
    return len(cross.groups) == 1 and cross.groups[0].k <= WIDEST


@dataclass(frozen=True, eq=False)
class AtPoint:
    """What is known at one λ, in Ψ = λλ'; for the criterion log|M| + δ log|C| + m log r².

    Attributes
    ----------
    log_det_M, log_det_C, r2
        nan where S isn't positive definite.
    zeta
        (c,) (β̂, −1).
    fixed_inverse
        (p, p) C⁻¹.
    slope
        (k, k) symmetric: for a small change Δ of Ψ the criterion changes by tr(slope Δ).
    curvature
        (q, q) second derivatives in the lower triangle's entries of Ψ, row by row: in the directions
        e_ae_b' + e_be_a', and e_ae_a' on the diagonal.
    """

    log_det_M: float
    log_det_C: float
    r2: float
    zeta: np.ndarray
    fixed_inverse: np.ndarray
    slope: np.ndarray
    curvature: np.ndarray

    def gradient(self, changes: np.ndarray) -> np.ndarray:
        """(d,) derivatives along parameters that change Ψ by ``changes`` Δ_p (d, k, k): tr(slope Δ_p)."""
        return changes.reshape(len(changes), -1) @ self.slope.ravel()

    def hessian(self, changes: np.ndarray) -> np.ndarray:
        """(d, d) second derivatives along the same, for Ψ linear in the parameters: D²f[Δ_p, Δ_q].

        Where Ψ isn't, ⟨slope, ∂²Ψ⟩ is to be added.
        """
        entries = changes[(slice(None), *_lower(len(self.slope)))]
        return entries @ self.curvature @ entries.T


class OneFactor:
    """Evaluates the criterion of one grouping factor at any λ; safe in threads, as it isn't changed.

    Parameters
    ----------
    cross
        A cross-product with one group; see :func:`has_one_factor`.
    """

    def __init__(self, cross: CrossProduct) -> None:
        group = cross.groups[0]
        self.k, self.c, self.levels = group.k, cross.p + 1, group.n_levels
        rows, columns = _lower(self.k)
        A = np.ascontiguousarray(cross.diagonal[0].transpose(1, 2, 0)[rows, columns])
        B = np.array(cross.fixed[0].transpose(1, 2, 0), order="C")
        F = np.array(cross.response)
        reduce_levels(self.k, self.c, self.levels, A, B, F)
        self._within = (A, B, F)
        self._least = ROUNDING * cross.response[-1, -1]

    def __repr__(self) -> str:
        return f"OneFactor({self.levels} levels, k = {self.k}, p = {self.c - 1})"

    @property
    def flops(self) -> int:
        """Multiplications of one value."""
        k, c = self.k, self.c
        return self.levels * (k**2 * (k + 1) + k**3 // 6 + k * (k + 1) * c // 2 + k * c * (c + 1) // 2)

    def values(self, lam: np.ndarray) -> np.ndarray:
        """(S, 3) log|M|, log|C| and r² at λ (S, k, k); nan where S isn't positive definite."""
        lam, out = np.ascontiguousarray(lam), np.empty((len(lam), 3))
        values_at(*self._sizes, *self._within, len(lam), lam, self._work, np.empty((self.c, self.c)), out)
        out[~(out[:, 2] > self._least)] = np.nan
        return out

    def at(self, lam: np.ndarray, *, degrees: float, with_fixed: bool) -> AtPoint:
        """Value and derivatives at λ (k, k), for m = ``degrees`` and δ = ``with_fixed``."""
        c, q = self.c, self.k * (self.k + 1) // 2
        out, S = np.empty(3 + c + 2 * q + 3 * q * q + q * c * c), np.empty((2, c, c))
        delta = float(with_fixed)
        derivatives_at(
            *self._sizes, *self._within, degrees, delta, np.ascontiguousarray(lam), self._work, S, out
        )
        if not out[2] > self._least:
            out[:3] = np.nan
        sums = out[3 + c :]
        rows, columns = _lower(self.k)
        slope = np.empty((self.k, self.k))
        slope[rows, columns] = slope[columns, rows] = sums[:q] - sums[q : 2 * q]
        return AtPoint(
            log_det_M=float(out[0]),
            log_det_C=float(out[1]),
            r2=float(out[2]),
            zeta=out[3 : 3 + c],
            fixed_inverse=S[1, :-1, :-1],
            slope=slope,
            curvature=sums[-q * q :].reshape(q, q),
        )

    @property
    def _sizes(self) -> tuple[int, int, int]:
        return self.k, self.c, self.levels

    @property
    def _work(self) -> np.ndarray:
        """Memory for the arrays over a tile, and for the Hessian's small products."""
        k, c, q = self.k, self.c, self.k * (self.k + 1) // 2
        lanes = 1 + k + 3 * k * k + 2 * k * c + 2 * q + c
        return np.empty(lanes * LANES + (q + 1) * c * (c + 1))


@cache
def _lower(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a lower triangle, row by row."""
    return np.tril_indices(k)
