"""Compiled: the inverse on the factor's pattern, and the products of blocks that make the gradient.

Notation as in :mod:`bayesmm.likelihood.elimination`.
"""

from __future__ import annotations

import numba
import numpy as np

from bayesmm.likelihood.layout import Head, Tail


@numba.njit(cache=True, nogil=True, error_model="numpy")
def invert_head(
    head: Head, D: np.ndarray, W: np.ndarray, P_tail: np.ndarray, PD: np.ndarray, PW: np.ndarray
) -> None:
    """The blocks of K⁻¹ on the pattern of the factor, from the last node to the first.

    ``P_tail`` (m, m) symmetric is the inverse on the tail, with zeros for columns that are not to count
    (y always; X too when P = M⁻¹ is wanted). With E = D⁻ᵀW and S the columns of a node's row,
    P_jS = −E P_SS and P_jj = (DD')⁻¹ − P_jS E'.
    """
    H = head.k.shape[0]
    widest = 0
    for node in range(head.row_start.shape[0] - 1):
        widest = max(widest, head.row_start[node + 1] - head.row_start[node])
    E = np.empty(widest)
    for h in range(H - 1, -1, -1):
        k = head.k[h]
        eye = np.eye(k).ravel()
        half = np.empty(k * k)
        for node in range(head.node_start[h + 1] - 1, head.node_start[h] - 1, -1):
            d0, w0 = head.diagonal_start[node], head.row_start[node]
            w = head.ancestor_start[h, h] + head.tail_start[node + 1] - head.tail_start[node]
            _solve_transposed(D, d0, W, w0, E, k, w)
            _gather(head, h, node, P_tail, PD, PW, E)
            _solve_transposed(D, d0, eye, 0, half, k, k)
            for r in range(k):
                for c in range(r + 1):
                    value = 0.0
                    for q in range(k):
                        value += half[r * k + q] * half[c * k + q]
                    for i in range(w):
                        value -= PW[w0 + r * w + i] * E[c * w + i]
                    PD[d0 + r * k + c] = value
                    PD[d0 + c * k + r] = value


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _solve_transposed(
    D: np.ndarray, d0: int, rows: np.ndarray, start: int, out: np.ndarray, k: int, w: int
) -> None:
    """out = D⁻ᵀ rows for a lower-triangular block D (k, k) and rows (k, w)."""
    for r in range(k - 1, -1, -1):
        diagonal = D[d0 + r * k + r]
        for i in range(w):
            out[r * w + i] = rows[start + r * w + i]
        for q in range(r + 1, k):
            factor = D[d0 + q * k + r]
            for i in range(w):
                out[r * w + i] -= factor * out[q * w + i]
        for i in range(w):
            out[r * w + i] /= diagonal


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _gather(
    head: Head, h: int, node: int, P_tail: np.ndarray, PD: np.ndarray, PW: np.ndarray, E: np.ndarray
) -> None:
    """PW of the node = −E P_SS, with S the columns of its row and P the inverse found so far."""
    H, k, wa = head.k.shape[0], head.k[h], head.ancestor_start[h, h]
    t0 = head.tail_start[node]
    wt = head.tail_start[node + 1] - t0
    w = wa + wt
    w0 = head.row_start[node]
    m, flat = P_tail.shape[0], P_tail.reshape(-1)
    for i in range(k * w):
        PW[w0 + i] = 0.0
    for i in range(wt):
        source = head.tail_columns[t0 + i] * m
        for r in range(k):
            row, own = r * w + wa, E[r * w + wa + i]
            total = flat[source + head.tail_columns[t0 + i]] * own
            for c in range(i):
                value = flat[source + head.tail_columns[t0 + c]]
                PW[w0 + row + c] -= own * value
                total += E[row + c] * value
            PW[w0 + row + i] -= total
    for j in range(h + 1, H):
        a, ka, o = head.ancestors[node, j], head.k[j], head.ancestor_start[h, j]
        d0, a0 = head.diagonal_start[a], head.row_start[a]
        width = head.ancestor_start[j, j] + head.tail_start[a + 1] - head.tail_start[a]
        for s in range(ka):
            for r in range(k):
                out, own = w0 + r * w, r * w
                for c in range(ka):
                    PW[out + o + c] -= E[own + o + s] * PD[d0 + s * ka + c]
                for j2 in range(j + 1, H):
                    o2, at = head.ancestor_start[h, j2], a0 + s * width + head.ancestor_start[j, j2]
                    for c in range(head.k[j2]):
                        PW[out + o2 + c] -= E[own + o + s] * PW[at + c]
                        PW[out + o + s] -= E[own + o2 + c] * PW[at + c]
                at = a0 + s * width + head.ancestor_start[j, j]
                for i in range(wt):
                    value = PW[at + head.relative[t0 + i, j]]
                    PW[out + wa + i] -= E[own + o + s] * value
                    PW[out + o + s] -= E[own + wa + i] * value


@numba.njit(cache=True, nogil=True, error_model="numpy")
def mirror(lower: np.ndarray, out: np.ndarray) -> None:
    """Copy a lower triangle and its mirror image into the corner of ``out``, tile by tile."""
    n, tile = lower.shape[0], 32
    for i0 in range(0, n, tile):
        for j0 in range(0, i0 + 1, tile):
            for i in range(i0, min(i0 + tile, n)):
                for j in range(j0, min(j0 + tile, i + 1)):
                    value = lower[i, j]
                    out[i, j] = value
                    out[j, i] = value


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _contract(
    A: np.ndarray,
    a_start: int,
    a_stride: int,
    lam: np.ndarray,
    g: int,
    h: int,
    Q: np.ndarray,
    q_start: int,
    q_stride: int,
    out: np.ndarray,
    a: int,
    b: int,
) -> None:
    """out[g] += A λ_h Q' for blocks A and Q (a, b) of groups g and h: one block's part of [Z'ZΛQ]_jj."""
    if a == 1 and b == 1:
        out[g, 0, 0] += A[a_start] * lam[h, 0, 0] * Q[q_start]
        return
    for r in range(a):
        for s in range(b):
            inner = 0.0
            for q in range(s, b):
                inner += A[a_start + r * a_stride + q] * lam[h, q, s]
            for c in range(a):
                out[g, r, c] += inner * Q[q_start + c * q_stride + s]


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _contract_transposed(
    A: np.ndarray,
    a_start: int,
    a_stride: int,
    lam: np.ndarray,
    g: int,
    h: int,
    Q: np.ndarray,
    q_start: int,
    q_stride: int,
    out: np.ndarray,
    a: int,
    b: int,
) -> None:
    """out[h] += A' λ_g Q for the same blocks: the part of the transposed block, which belongs to h."""
    if a == 1 and b == 1:
        out[h, 0, 0] += A[a_start] * lam[g, 0, 0] * Q[q_start]
        return
    for r in range(b):
        for s in range(a):
            inner = 0.0
            for q in range(s, a):
                inner += A[a_start + q * a_stride + r] * lam[g, q, s]
            for c in range(b):
                out[h, r, c] += inner * Q[q_start + s * q_stride + c]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def contract_head(
    head: Head,
    u_start: np.ndarray,
    lam: np.ndarray,
    k_group: np.ndarray,
    PD: np.ndarray,
    PW: np.ndarray,
    kappa: float,
    u: np.ndarray,
    x_tail: np.ndarray,
    gradient: np.ndarray,
) -> None:
    """Add the head's part of Σ_j [Z'Z Λ̄ Q]_jj to each group's gradient (G, k, k), Q = P + κ ζζ'.

    ζ = (û, β̂, −1) brings the residual sum of squares in: −v û' = [Z'Z Z'X Z'y] Λ̄ζ û'. ``PD`` and ``PW`` are
    overwritten by Q.
    """
    H = head.k.shape[0]
    for h in range(H):
        k = head.k[h]
        own = head.groups[h]
        wa = head.ancestor_start[h, h]
        for node in range(head.node_start[h], head.node_start[h + 1]):
            d0, u0, t0 = head.diagonal_start[node], u_start[node], head.tail_start[node]
            wt = head.tail_start[node + 1] - t0
            w = wa + wt
            start = head.row_start[node]
            for r in range(k):
                scaled = kappa * u[u0 + r]
                row = start + r * w
                for c in range(k):
                    PD[d0 + r * k + c] += scaled * u[u0 + c]
                for j in range(h + 1, H):
                    o, a0 = head.ancestor_start[h, j], u_start[head.ancestors[node, j]]
                    for c in range(head.k[j]):
                        PW[row + o + c] += scaled * u[a0 + c]
                for i in range(wt):
                    PW[row + wa + i] += scaled * x_tail[head.tail_columns[t0 + i]]
            _contract(head.diagonal, d0, k, lam, own, own, PD, d0, k, gradient, k, k)
            at, end = start, start + w
            for j in range(h + 1, H):
                g = head.groups[j]
                _contract(head.rows, at, w, lam, own, g, PW, at, w, gradient, k, head.k[j])
                _contract_transposed(head.rows, at, w, lam, own, g, PW, at, w, gradient, k, head.k[j])
                at += head.k[j]
            for e in range(head.entry_start[node], head.entry_start[node + 1]):
                g = head.entry_group[e]
                _contract(head.rows, at, w, lam, own, g, PW, at, w, gradient, k, k_group[g])
                _contract_transposed(head.rows, at, w, lam, own, g, PW, at, w, gradient, k, k_group[g])
                at += k_group[g]
            while at < end:  # the columns of X and y
                for r in range(k):
                    for c in range(k):
                        gradient[own, r, c] += head.rows[at + r * w] * PW[at + c * w]
                at += 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def contract_tail(
    tail: Tail, lam: np.ndarray, k_group: np.ndarray, Q: np.ndarray, gradient: np.ndarray
) -> None:
    """Add the tail's part of Σ_j [Z'Z Λ̄ Q]_jj to each group's gradient."""
    for i in range(Q.shape[0]):
        g, fi = tail.group[i], tail.first[i]
        if g < 0:
            break
        for j in range(Q.shape[0]):
            value = tail.A[i, j]
            if value != 0.0:
                h, fj = tail.group[j], tail.first[j]
                for q in range(j - fj + 1):
                    factor = value * lam[h, j - fj, q] if h >= 0 else value
                    for c in range(k_group[g]):
                        gradient[g, i - fi, c] += factor * Q[fj + q, fi + c]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def multiply_blocks(
    values: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    out_left: np.ndarray,
    out_right: np.ndarray,
) -> None:
    """For blocks A of Z_g'Z_h: out_left[rows] += A right[columns] and out_right[columns] += A' left[rows]."""
    a, b, d = values.shape[1], values.shape[2], right.shape[2]
    for m in range(rows.shape[0]):
        i, j = rows[m], columns[m]
        for r in range(a):
            for c in range(b):
                value = values[m, r, c]
                for x in range(d):
                    out_left[i, r, x] += value * right[j, c, x]
                    out_right[j, c, x] += value * left[i, r, x]
