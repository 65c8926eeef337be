"""One factorization of K = Λ̄'[Z X y]'[Z X y]Λ̄ + I, and everything that is read off it.

K = LL' in the order [head | tail's random effects | X | y]. From the pivots of L come log|M|, log|C| and
the penalised residual sum of squares r²; from its last row, by back-substitution, ζ = (û, β̂, −1); from the
inverse on its pattern (Takahashi's recursion; Neumaier & Groeneveld 1998), the gradient

    ∂f/∂λ_g = 2 Σ_j [ [Z'Z Z'X Z'y] Λ̄ Q ]_jj,   Q = P̄ + κ ζζ',

where P̄ is K⁻¹ without y (for REML: its random-effects block is P + UC⁻¹U') or M⁻¹ (for ML), and κ weighs
r² in the criterion. It holds for singular Λ as for any other, and there is no division by Λ in it.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.blas import dger, dtrsv
from scipy.linalg.lapack import dpotrf, dpotri, dtrtrs

from bayesmm.likelihood import elimination, inversion, row_variances
from bayesmm.likelihood.layout import Layout


class Factorization:
    """The blocked Cholesky factor of K for a layout and a Λ.

    Each has memory of its own and isn't changed once it is made: threads share nothing but the layout.

    Parameters
    ----------
    layout
        The order of elimination, and A = [Z X y]'[Z X y] in it.
    lam
        (G, k_max, k_max) lower-triangular λ of each group, zero beyond its own k.
    ridge
        (p + 1, p + 1) added to [X y]'[X y]: a Gaussian prior on β.

    Attributes
    ----------
    positive_definite
        Whether K was so numerically; otherwise the numbers below are nan.
    log_det_M
        log|Λ'Z'ZΛ + I|.
    log_det_C
        log|X'V⁻¹X| (with V relative to σ²).
    r2
        The penalised residual sum of squares.
    """

    def __init__(self, layout: Layout, lam: np.ndarray, ridge: np.ndarray | None = None) -> None:
        self.layout = layout
        head, m, q = layout.head, layout.size, layout.q_tail
        self._lam = lam
        self._D, self._W = np.empty(len(head.diagonal)), np.empty(len(head.rows))
        self._T = np.empty((m, m))
        elimination.fill_tail(layout.dense, lam, self._T)
        if ridge is not None:
            self._T[q:, q:] += ridge
        elimination.fill_head(head, lam, layout.k_group, self._D, self._W)
        log_det_head = elimination.eliminate_head(head, self._D, self._W, self._T)
        _, info = dpotrf(self._T.T, lower=0, clean=0, overwrite_a=1)
        pivots = np.diag(self._T)
        finite = np.isfinite(log_det_head) and np.isfinite(pivots).all()
        self.positive_definite = bool(info == 0 and finite)
        self.log_det_M = self.log_det_C = self.r2 = np.nan
        if self.positive_definite:
            logs = 2.0 * np.log(pivots[:-1])
            self.log_det_M = log_det_head + float(np.sum(logs[:q]))
            self.log_det_C = float(np.sum(logs[q:]))
            self.r2 = float(pivots[-1] ** 2)

    def solve(self) -> tuple[np.ndarray, np.ndarray]:
        """ζ = (û, β̂, −1): the head's û, flat, and the tail's part (m,)."""
        z = np.zeros(self.layout.size)
        z[-1] = -self._T[-1, -1]
        z = dtrsv(self._T.T, z, lower=0, overwrite_x=1)
        return self._extend(z, np.zeros(self.layout.u_start[-1])), z

    def effects(self, u: np.ndarray, z: np.ndarray) -> list[np.ndarray]:
        """Flat head and tail vectors → (ℓ, k) for each group."""
        return [effects[0] for effects in self.layout.by_group(u[None], z[None])]

    def fixed_factor(self) -> np.ndarray:
        """L_C (p, p), the lower Cholesky factor of C = X'V⁻¹X (V relative to σ²)."""
        q = self.layout.q_tail
        return np.tril(self._T[q:-1, q:-1])

    def inverse_blocks(self) -> list[np.ndarray]:
        """The diagonal blocks of M⁻¹, (ℓ, k, k) for each group."""
        layout, head = self.layout, self.layout.head
        P_tail, PD, _ = self._invert(with_fixed=False)
        found: list[np.ndarray] = [np.empty(0)] * len(layout.cross.groups)
        for i, g in enumerate(layout.chain):
            start, stop = (head.diagonal_start[head.node_start[j]] for j in (i, i + 1))
            k = int(head.k[i])
            found[g] = PD[start:stop].reshape(-1, k, k)
        for g, offset in zip(layout.tail, layout.tail_offset, strict=True):
            group = layout.cross.groups[g]
            at = offset + np.arange(group.n_levels * group.k).reshape(-1, group.k)
            found[g] = P_tail[at[:, :, None], at[:, None, :]]
        return found

    def quadratic_forms(self, codes: np.ndarray, a: np.ndarray, x: np.ndarray) -> np.ndarray:
        """(m,) a'K⁻¹a, K without y, for sparse rows: the error of (û, β̂) along them, relative to σ².

        Parameters
        ----------
        codes
            (G, m) the level of each group, −1 for none.
        a
            (G, m, k_max) λ_g'Xi of each group.
        x
            (m, p) the fixed part.
        """
        layout = self.layout
        size = layout.size - 1
        P_tail = np.zeros((size, size))
        if size:
            inverse, _ = dpotri(np.array(self._T.T[:size, :size], order="F"), lower=0, overwrite_c=1)
            inversion.mirror(inverse.T, P_tail)
        tail_at = np.full(len(layout.cross.groups), -1, dtype=np.int64)
        tail_at[list(layout.tail)] = layout.tail_offset
        return row_variances.quadratic_forms(
            layout.head, self._D, self._W, P_tail, codes, a, tail_at, self.layout.k_group, x
        )

    def gradient(self, kappa: float, *, with_fixed: bool) -> np.ndarray:
        """∂(log|M| + w log|C| + κ-weighted r²)/∂λ, (G, k_max, k_max); its lower triangles count.

        Parameters
        ----------
        kappa
            The derivative of the criterion in r².
        with_fixed
            w: whether log|C| belongs to the criterion.
        """
        layout, head = self.layout, self.layout.head
        u, z = self.solve()
        P_tail, PD, PW = self._invert(with_fixed=with_fixed)
        gradient = np.zeros_like(self._lam)
        inversion.contract_head(
            head, layout.u_start, self._lam, layout.k_group, PD, PW, kappa, u, z, gradient
        )
        if layout.tail:
            Q = dger(kappa, z, z, a=P_tail.T, overwrite_a=1).T
            inversion.contract_tail(layout.dense, self._lam, layout.k_group, Q, gradient)
        return 2.0 * gradient

    def score_residuals(self) -> list[np.ndarray]:
        """v = Z'(y − Xβ̂ − ZΛû), (ℓ, k) for each group."""
        cross = self.layout.cross
        u, z = self.solve()
        fixed = z[self.layout.q_tail :]
        b = [
            (effects @ self._lam[g, : group.k, : group.k].T)[:, :, None]
            for g, (group, effects) in enumerate(zip(cross.groups, self.effects(u, z), strict=True))
        ]
        return [-(F @ fixed) - Ab[:, :, 0] for F, Ab in zip(cross.fixed, self._multiply(b), strict=True)]

    def residual_products(self, h: list[np.ndarray]) -> np.ndarray:
        """(d, d) w'𝒫w/σ² of the working variates w = Zh, with h (ℓ, k, d) for each group, and

        𝒫 = V⁻¹ − V⁻¹X(X'V⁻¹X)⁻¹X'V⁻¹ (relative to σ²): what is left of w after regression on X and,
        shrunk, on Z. One forward substitution for each of the d columns.
        """
        layout, lam, cross = self.layout, self._lam, self.layout.cross
        d, q = h[0].shape[2], layout.q_tail
        Ah = self._multiply(h)
        products = sum(np.einsum("lkx,lky->xy", a, b) for a, b in zip(h, Ah, strict=True))
        head, tail = np.empty((int(self.layout.u_start[-1]), d)), np.zeros((layout.size, d))
        for F, columns in zip(cross.fixed, h, strict=True):
            tail[q:] += np.einsum("lkc,lkx->cx", F, columns)
        tail[-1] = 0.0
        scaled = [
            np.einsum("qr,lqx->lrx", lam[g, : group.k, : group.k], Ah[g]).reshape(-1, d)
            for g, group in enumerate(cross.groups)
        ]
        at = 0
        for g in layout.chain:
            head[at : at + len(scaled[g])] = scaled[g]
            at += len(scaled[g])
        for g, offset in zip(layout.tail, layout.tail_offset, strict=True):
            tail[offset : offset + len(scaled[g])] = scaled[g]
        elimination.forward_substitute(layout.head, self.layout.u_start, self._D, self._W, head, tail)
        reduced, _ = dtrtrs(self._T.T, tail, lower=0, trans=1)
        reduced = reduced[:-1]
        return products - head.T @ head - reduced.T @ reduced

    def _multiply(self, h: list[np.ndarray]) -> list[np.ndarray]:
        """Z'Z h for h (ℓ, k, d) of each group."""
        cross = self.layout.cross
        out = [np.einsum("lab,lbx->lax", A, columns) for A, columns in zip(cross.diagonal, h, strict=True)]
        for (g, j), pair in cross.pairs.items():
            inversion.multiply_blocks(pair.values, pair.rows, pair.columns, h[g], h[j], out[g], out[j])
        return out

    def _extend(self, z: np.ndarray, u: np.ndarray) -> np.ndarray:
        elimination.back_substitute(self.layout.head, self.layout.u_start, self._D, self._W, z, u)
        return u

    def _invert(self, *, with_fixed: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The inverse on the factor's pattern: its tail (m, m), y's row and column zero, and the head's."""
        layout, head, m = self.layout, self.layout.head, self.layout.size
        PD, PW = np.empty_like(self._D), np.empty_like(self._W)
        size = m - 1 if with_fixed else layout.q_tail
        P_tail = np.zeros((m, m))
        if size:
            inverse, _ = dpotri(np.array(self._T.T[:size, :size], order="F"), lower=0, overwrite_c=1)
            inversion.mirror(inverse.T, P_tail)
        inversion.invert_head(head, self._D, self._W, P_tail, PD, PW)
        return P_tail, PD, PW
