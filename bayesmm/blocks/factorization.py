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
from scipy.linalg import cho_solve
from scipy.linalg.lapack import dtrtrs

from bayesmm.blocks.kernels.dense import invert, last_row_solution
from bayesmm.blocks.kernels.elimination import back_substitute, forward_substitute
from bayesmm.blocks.kernels.inversion import contract_head, contract_tail, invert_head, multiply_blocks
from bayesmm.blocks.kernels.moments import factorize
from bayesmm.blocks.kernels.row_variances import quadratic_forms
from bayesmm.blocks.kernels.table import SCRATCH
from bayesmm.blocks.layout import Layout

COMPILED = (
    factorize,
    last_row_solution,
    back_substitute,
    invert,
    invert_head,
    contract_head,
    contract_tail,
)
"""The compiled functions that a factorization needs; curvature needs one more."""


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
        head, m = layout.head, layout.size
        self._lam = np.ascontiguousarray(lam)
        self._D, self._W = np.empty(len(head.diagonal)), np.empty(len(head.rows))
        self._T, found = np.empty((m, m)), np.empty(3)
        prior = np.empty(0) if ridge is None else np.ascontiguousarray(ridge)
        omega = float(ridge is not None)
        factor = (self._D, self._W, self._T)
        fine = factorize(layout.table, self._lam, prior, omega, *factor, found)
        self.positive_definite = bool(fine)
        self.log_det_M, self.log_det_C, self.r2 = found.tolist()

    def solve(self) -> tuple[np.ndarray, np.ndarray]:
        """ζ = (û, β̂, −1): the head's û, flat, and the tail's part (m,)."""
        t, m = self.layout.table, self.layout.size
        u, z = np.zeros(self.layout.u_start[-1]), np.empty(m)
        last_row_solution(m, self._T, z)
        back_substitute(t, self._D, self._W, z, u)
        return u, z

    def effects(self, u: np.ndarray, z: np.ndarray) -> list[np.ndarray]:
        """Flat head and tail vectors → (ℓ, k) for each group."""
        return [effects[0] for effects in self.layout.by_group(u[None], z[None])]

    def fixed_solution(self) -> np.ndarray:
        """(β̂, −1), (p + 1,)."""
        z = np.empty(self.layout.size)
        last_row_solution(len(z), self._T, z)
        return z[self.layout.q_tail :]

    def fixed_inverse(self) -> np.ndarray:
        """C⁻¹ (p, p)."""
        p = self.layout.cross.p
        return cho_solve((self.fixed_factor(), True), np.eye(p)) if p else np.zeros((0, 0))

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
        layout, m = self.layout, self.layout.size
        inverse = self._T.copy()
        invert(m, m - 1, inverse)
        return quadratic_forms(layout, self._D, self._W, inverse, codes, a, x)

    def gradient(self, kappa: float, *, with_fixed: bool) -> np.ndarray:
        """∂(log|M| + w log|C| + κ-weighted r²)/∂λ, (G, k_max, k_max); its lower triangles count.

        Parameters
        ----------
        kappa
            The derivative of the criterion in r².
        with_fixed
            w: whether log|C| belongs to the criterion.
        """
        t, gradient = self.layout.table, np.zeros_like(self._lam)
        u, z = self.solve()
        P_tail, PD, PW = self._invert(with_fixed=with_fixed)
        contract_head(t, self._lam, PD, PW, kappa, u, z, gradient)
        contract_tail(t, self._lam, kappa, z, P_tail, gradient)
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
        forward_substitute(layout.table, self._D, self._W, d, head, tail)
        reduced, _ = dtrtrs(self._T.T, tail, lower=0, trans=1)
        reduced = reduced[:-1]
        return products - head.T @ head - reduced.T @ reduced

    def _multiply(self, h: list[np.ndarray]) -> list[np.ndarray]:
        """Z'Z h for h (ℓ, k, d) of each group."""
        cross = self.layout.cross
        h = [np.ascontiguousarray(columns) for columns in h]
        products = (np.einsum("lab,lbx->lax", A, x) for A, x in zip(cross.diagonal, h, strict=True))
        out = [np.ascontiguousarray(product) for product in products]
        for (g, j), pair in cross.pairs.items():
            n, sizes = len(pair.rows), (*pair.values.shape[1:], h[g].shape[2])
            blocks = map(np.ascontiguousarray, (pair.values, pair.rows, pair.columns))
            multiply_blocks(n, *sizes, *blocks, h[g], h[j], out[g], out[j])
        return out

    def _invert(self, *, with_fixed: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The inverse on the factor's pattern: its tail (m, m), y's row and column zero, and the head's."""
        layout, m = self.layout, self.layout.size
        t, P_tail = layout.table, self._T.copy()
        PD, PW, scratch = np.empty_like(self._D), np.empty_like(self._W), np.empty(t.values[SCRATCH])
        invert(m, m - 1 if with_fixed else layout.q_tail, P_tail)
        invert_head(t, self._D, self._W, P_tail, PD, PW, scratch)
        return P_tail, PD, PW
