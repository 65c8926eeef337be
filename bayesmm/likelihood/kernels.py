"""The compiled kernels: elimination of the head, back-substitution, and the gradient's contraction.

Notation: λ_g (k, k) is the relative factor of group g, A = [Z X y]'[Z X y]. The matrix that is factored is
K = Λ̄'AΛ̄ + I on the random effects, with Λ̄ = diag(Λ, I, 1). A node has a diagonal block D (k, k), its
Cholesky factor after elimination, and a row block W (k, w), which becomes D⁻¹ times the eliminated block;
the layout of both is told in :mod:`bayesmm.likelihood.layout`. Small blocks are looped over: k is 1 to 10.
"""

from __future__ import annotations

import numba
import numpy as np

from bayesmm.likelihood.layout import Head


@numba.njit(cache=True, inline="never")
def _sandwich(A: np.ndarray, left: np.ndarray, right: np.ndarray, out: np.ndarray, a: int, b: int) -> None:
    """out = left' A right for lower-triangular left (a, a) and right (b, b)."""
    for c in range(b):
        for r in range(a):
            total = 0.0
            for q in range(r, a):
                inner = 0.0
                for s in range(c, b):
                    inner += A[q, s] * right[s, c]
                total += left[q, r] * inner
            out[r, c] = total


@numba.njit(cache=True)
def fill_head(
    head: Head, lam: np.ndarray, k_group: np.ndarray, n_fixed: int, D: np.ndarray, W: np.ndarray
) -> None:
    """Write Λ̄'AΛ̄ + I into the nodes' blocks."""
    H = head.k.shape[0]
    one = np.ones((1, 1))
    for h in range(H):
        kh = head.k[h]
        left = lam[head.groups[h]]
        for node in range(head.node_start[h], head.node_start[h + 1]):
            d0 = head.diagonal_start[node]
            A = head.diagonal[d0 : d0 + kh * kh].reshape(kh, kh)
            block = D[d0 : d0 + kh * kh].reshape(kh, kh)
            _sandwich(A, left, left, block, kh, kh)
            for r in range(kh):
                block[r, r] += 1.0
            w = head.ancestor_start[h, h] + head.tail_start[node + 1] - head.tail_start[node]
            r0 = head.row_start[node]
            A = head.rows[r0 : r0 + kh * w].reshape(kh, w)
            row = W[r0 : r0 + kh * w].reshape(kh, w)
            c0 = 0
            for j in range(h + 1, H):
                _sandwich(A[:, c0:], left, lam[head.groups[j]], row[:, c0:], kh, head.k[j])
                c0 += head.k[j]
            for e in range(head.entry_start[node], head.entry_start[node + 1]):
                g = head.entry_group[e]
                _sandwich(A[:, c0:], left, lam[g], row[:, c0:], kh, k_group[g])
                c0 += k_group[g]
            for _ in range(n_fixed):
                _sandwich(A[:, c0:], left, one, row[:, c0:], kh, 1)
                c0 += 1


@numba.njit(cache=True)
def eliminate_head(head: Head, D: np.ndarray, W: np.ndarray, T: np.ndarray) -> float:
    """Factor the head in place and subtract what it explains from the tail T (m, m), lower triangle.

    Returns log|head| = 2 Σ log of the pivots.
    """
    H = head.k.shape[0]
    log_det = 0.0
    for h in range(H):
        kh = head.k[h]
        wa = head.ancestor_start[h, h]
        for node in range(head.node_start[h], head.node_start[h + 1]):
            d0 = head.diagonal_start[node]
            block = D[d0 : d0 + kh * kh].reshape(kh, kh)
            t0, t1 = head.tail_start[node], head.tail_start[node + 1]
            w = wa + t1 - t0
            row = W[head.row_start[node] : head.row_start[node] + kh * w].reshape(kh, w)
            for c in range(kh):
                pivot = block[c, c]
                for q in range(c):
                    pivot -= block[c, q] * block[c, q]
                pivot = np.sqrt(pivot)
                block[c, c] = pivot
                log_det += 2.0 * np.log(pivot)
                for r in range(c + 1, kh):
                    value = block[r, c]
                    for q in range(c):
                        value -= block[r, q] * block[c, q]
                    block[r, c] = value / pivot
                    block[c, r] = 0.0
                for q in range(c):
                    factor = block[c, q]
                    for i in range(w):
                        row[c, i] -= factor * row[q, i]
                for i in range(w):
                    row[c, i] /= pivot
            for j in range(h + 1, H):
                _update_ancestor(head, h, j, node, row, D, W)
            for q in range(kh):
                for i in range(t1 - t0):
                    value = row[q, wa + i]
                    if value != 0.0:
                        target = T[head.tail_columns[t0 + i]]
                        for c in range(i + 1):
                            target[head.tail_columns[t0 + c]] -= value * row[q, wa + c]
    return log_det


@numba.njit(cache=True)
def _update_ancestor(
    head: Head, h: int, j: int, node: int, row: np.ndarray, D: np.ndarray, W: np.ndarray
) -> None:
    """Subtract a node's part from the blocks of its ancestor in factor j."""
    H, kh, wa = head.k.shape[0], head.k[h], head.ancestor_start[h, h]
    t0, t1 = head.tail_start[node], head.tail_start[node + 1]
    a = head.ancestors[node, j]
    ka = head.k[j]
    o = head.ancestor_start[h, j]
    block = D[head.diagonal_start[a] : head.diagonal_start[a] + ka * ka].reshape(ka, ka)
    w = head.ancestor_start[j, j] + head.tail_start[a + 1] - head.tail_start[a]
    target = W[head.row_start[a] : head.row_start[a] + ka * w].reshape(ka, w)
    for q in range(kh):
        for r in range(ka):
            value = row[q, o + r]
            for c in range(ka):
                block[r, c] -= value * row[q, o + c]
            for j2 in range(j + 1, H):
                o2, at = head.ancestor_start[h, j2], head.ancestor_start[j, j2]
                for c in range(head.k[j2]):
                    target[r, at + c] -= value * row[q, o2 + c]
            at = head.ancestor_start[j, j]
            for i in range(t1 - t0):
                target[r, at + head.relative[t0 + i, j]] -= value * row[q, wa + i]


@numba.njit(cache=True)
def back_substitute(
    head: Head, u_start: np.ndarray, D: np.ndarray, W: np.ndarray, x_tail: np.ndarray, u: np.ndarray
) -> None:
    """Given the tail's solution x_tail (m,) (with −1 in y's place), the head's: u_j = D⁻ᵀ(u_j − W x).

    ``u`` comes in holding the right-hand side (zeros for the conditional modes) and leaves as the solution.
    """
    H = head.k.shape[0]
    for h in range(H - 1, -1, -1):
        kh = head.k[h]
        wa = head.ancestor_start[h, h]
        for node in range(head.node_start[h + 1] - 1, head.node_start[h] - 1, -1):
            block = D[head.diagonal_start[node] : head.diagonal_start[node] + kh * kh].reshape(kh, kh)
            t0, t1 = head.tail_start[node], head.tail_start[node + 1]
            w = wa + t1 - t0
            row = W[head.row_start[node] : head.row_start[node] + kh * w].reshape(kh, w)
            u0 = u_start[node]
            for r in range(kh):
                total = u[u0 + r]
                for j in range(h + 1, H):
                    o, a0 = head.ancestor_start[h, j], u_start[head.ancestors[node, j]]
                    for c in range(head.k[j]):
                        total -= row[r, o + c] * u[a0 + c]
                for i in range(t1 - t0):
                    total -= row[r, wa + i] * x_tail[head.tail_columns[t0 + i]]
                u[u0 + r] = total
            for r in range(kh - 1, -1, -1):
                total = u[u0 + r]
                for q in range(r + 1, kh):
                    total -= block[q, r] * u[u0 + q]
                u[u0 + r] = total / block[r, r]


@numba.njit(cache=True)
def _gather(
    head: Head,
    h: int,
    node: int,
    P_tail: np.ndarray,
    PD: np.ndarray,
    PW: np.ndarray,
    E: np.ndarray,
    out: np.ndarray,
) -> None:
    """out (kh, w) = −E P_SS, with S the columns of a node's row and P the inverse found so far."""
    H, kh, wa = head.k.shape[0], head.k[h], head.ancestor_start[h, h]
    t0, t1 = head.tail_start[node], head.tail_start[node + 1]
    wt = t1 - t0
    for r in range(kh):
        for i in range(wa + wt):
            out[r, i] = 0.0
    for i in range(wt):
        source = P_tail[head.tail_columns[t0 + i]]
        for c in range(wt):
            value = source[head.tail_columns[t0 + c]]
            for r in range(kh):
                out[r, wa + c] -= E[r, wa + i] * value
    for j in range(h + 1, H):
        a, ka, o = head.ancestors[node, j], head.k[j], head.ancestor_start[h, j]
        block = PD[head.diagonal_start[a] : head.diagonal_start[a] + ka * ka].reshape(ka, ka)
        w = head.ancestor_start[j, j] + head.tail_start[a + 1] - head.tail_start[a]
        row = PW[head.row_start[a] : head.row_start[a] + ka * w].reshape(ka, w)
        for s in range(ka):
            for c in range(ka):
                for r in range(kh):
                    out[r, o + c] -= E[r, o + s] * block[s, c]
            for j2 in range(j + 1, H):
                o2, at = head.ancestor_start[h, j2], head.ancestor_start[j, j2]
                for c in range(head.k[j2]):
                    value = row[s, at + c]
                    for r in range(kh):
                        out[r, o2 + c] -= E[r, o + s] * value
                        out[r, o + s] -= E[r, o2 + c] * value
            at = head.ancestor_start[j, j]
            for i in range(wt):
                value = row[s, at + head.relative[t0 + i, j]]
                for r in range(kh):
                    out[r, wa + i] -= E[r, o + s] * value
                    out[r, o + s] -= E[r, wa + i] * value


@numba.njit(cache=True)
def _solve_transposed(block: np.ndarray, row: np.ndarray, out: np.ndarray, kh: int, w: int) -> None:
    """out = block⁻ᵀ row for a lower-triangular block (kh, kh)."""
    for i in range(w):
        for r in range(kh - 1, -1, -1):
            value = row[r, i]
            for q in range(r + 1, kh):
                value -= block[q, r] * out[q, i]
            out[r, i] = value / block[r, r]


@numba.njit(cache=True)
def invert_head(
    head: Head, D: np.ndarray, W: np.ndarray, P_tail: np.ndarray, PD: np.ndarray, PW: np.ndarray
) -> None:
    """The blocks of K⁻¹ on the pattern of the factor, from the last node to the first.

    ``P_tail`` (m, m) symmetric is the inverse on the tail, with zeros for columns that are not to count
    (y always; X too when P = M⁻¹ is wanted). With E = D⁻ᵀW and S the columns of a node's row,
    P_jS = −E P_SS and P_jj = (DD')⁻¹ − P_jS E'.
    """
    H = head.k.shape[0]
    for h in range(H - 1, -1, -1):
        kh = head.k[h]
        wa = head.ancestor_start[h, h]
        eye = np.eye(kh)
        half = np.empty((kh, kh))
        for node in range(head.node_start[h + 1] - 1, head.node_start[h] - 1, -1):
            d0 = head.diagonal_start[node]
            block = D[d0 : d0 + kh * kh].reshape(kh, kh)
            t0, t1 = head.tail_start[node], head.tail_start[node + 1]
            w = wa + t1 - t0
            r0 = head.row_start[node]
            row = W[r0 : r0 + kh * w].reshape(kh, w)
            E = np.empty((kh, w))
            _solve_transposed(block, row, E, kh, w)
            P_row = PW[r0 : r0 + kh * w].reshape(kh, w)
            _gather(head, h, node, P_tail, PD, PW, E, P_row)
            _solve_transposed(block, eye, half, kh, kh)
            P_block = PD[d0 : d0 + kh * kh].reshape(kh, kh)
            for r in range(kh):
                for c in range(r + 1):
                    value = 0.0
                    for q in range(kh):
                        value += half[r, q] * half[c, q]
                    for i in range(w):
                        value -= P_row[r, i] * E[c, i]
                    P_block[r, c] = value
                    P_block[c, r] = value


@numba.njit(cache=True, inline="never")
def _contract(A: np.ndarray, lam: np.ndarray, Q: np.ndarray, out: np.ndarray, a: int, b: int) -> None:
    """out[r, c] += Σ A[r, q] lam[q, s] Q[c, s]: one block's part of [AΛQ'] for A (a, b) and Q (a, b)."""
    for r in range(a):
        for s in range(b):
            inner = 0.0
            for q in range(s, b):
                inner += A[r, q] * lam[q, s]
            for c in range(a):
                out[r, c] += inner * Q[c, s]


@numba.njit(cache=True, inline="never")
def _contract_transposed(
    A: np.ndarray, lam: np.ndarray, Q: np.ndarray, out: np.ndarray, a: int, b: int
) -> None:
    """out[r, c] += Σ A[q, r] lam[q, s] Q[s, c]: the same for the transposed block, lam of the rows' group."""
    for r in range(b):
        for s in range(a):
            inner = 0.0
            for q in range(s, a):
                inner += A[q, r] * lam[q, s]
            for c in range(b):
                out[r, c] += inner * Q[s, c]


@numba.njit(cache=True)
def contract_head(
    head: Head,
    u_start: np.ndarray,
    lam: np.ndarray,
    k_group: np.ndarray,
    n_fixed: int,
    PD: np.ndarray,
    PW: np.ndarray,
    kappa: float,
    u: np.ndarray,
    x_tail: np.ndarray,
    gradient: np.ndarray,
) -> None:
    """Add the head's part of Σ_j [Z'Z Λ̄ Q]_jj to each group's gradient (G, k, k), Q = P + κ ζζ'.

    ζ = (û, β̂, −1) brings the residual sum of squares in: −v û' = [Z'Z Z'X Z'y] Λ̄ζ û'.
    """
    H = head.k.shape[0]
    one = np.ones((1, 1))
    for h in range(H):
        kh = head.k[h]
        g_own = head.groups[h]
        wa = head.ancestor_start[h, h]
        Q_block = np.empty((kh, kh))
        for node in range(head.node_start[h], head.node_start[h + 1]):
            d0, u0 = head.diagonal_start[node], u_start[node]
            t0, t1 = head.tail_start[node], head.tail_start[node + 1]
            w = wa + t1 - t0
            r0 = head.row_start[node]
            A = head.rows[r0 : r0 + kh * w].reshape(kh, w)
            Q = PW[r0 : r0 + kh * w].reshape(kh, w).copy()
            P_block = PD[d0 : d0 + kh * kh].reshape(kh, kh)
            for r in range(kh):
                scaled = kappa * u[u0 + r]
                for c in range(kh):
                    Q_block[r, c] = P_block[r, c] + scaled * u[u0 + c]
                for j in range(h + 1, H):
                    o, a0 = head.ancestor_start[h, j], u_start[head.ancestors[node, j]]
                    for c in range(head.k[j]):
                        Q[r, o + c] += scaled * u[a0 + c]
                for i in range(t1 - t0):
                    Q[r, wa + i] += scaled * x_tail[head.tail_columns[t0 + i]]
            own = gradient[g_own]
            _contract(head.diagonal[d0 : d0 + kh * kh].reshape(kh, kh), lam[g_own], Q_block, own, kh, kh)
            c0 = 0
            for j in range(h + 1, H):
                g = head.groups[j]
                _contract(A[:, c0:], lam[g], Q[:, c0:], own, kh, head.k[j])
                _contract_transposed(A[:, c0:], lam[g_own], Q[:, c0:], gradient[g], kh, head.k[j])
                c0 += head.k[j]
            for e in range(head.entry_start[node], head.entry_start[node + 1]):
                g = head.entry_group[e]
                _contract(A[:, c0:], lam[g], Q[:, c0:], own, kh, k_group[g])
                _contract_transposed(A[:, c0:], lam[g_own], Q[:, c0:], gradient[g], kh, k_group[g])
                c0 += k_group[g]
            for _ in range(n_fixed):
                _contract(A[:, c0:], one, Q[:, c0:], own, kh, 1)
                c0 += 1


@numba.njit(cache=True)
def fill_tail_blocks(
    values: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    row_offset: int,
    column_offset: int,
    left: np.ndarray,
    right: np.ndarray,
    symmetric: bool,
    T: np.ndarray,
) -> None:
    """Write Λ'AΛ for blocks of two tail groups (or one, with I added) into T's lower triangle."""
    a, b = values.shape[1], values.shape[2]
    block = np.empty((a, b))
    for m in range(rows.shape[0]):
        _sandwich(values[m], left, right, block, a, b)
        r0, c0 = row_offset + rows[m] * a, column_offset + columns[m] * b
        for r in range(a):
            for c in range(b):
                T[c0 + c, r0 + r] = block[r, c]
            if symmetric:
                T[r0 + r, r0 + r] += 1.0


@numba.njit(cache=True)
def contract_tail_blocks(
    values: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    row_offset: int,
    column_offset: int,
    left: np.ndarray,
    right: np.ndarray,
    symmetric: bool,
    Q: np.ndarray,
    own: np.ndarray,
    other: np.ndarray,
) -> None:
    """The tail's part of [Z'ZΛ̄Q]_jj for blocks of two tail groups (or of one)."""
    a, b = values.shape[1], values.shape[2]
    for m in range(rows.shape[0]):
        r0, c0 = row_offset + rows[m] * a, column_offset + columns[m] * b
        block = Q[r0 : r0 + a, c0 : c0 + b]
        _contract(values[m], right, block, own, a, b)
        if not symmetric:
            _contract_transposed(values[m], left, block, other, a, b)
