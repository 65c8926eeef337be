"""Compiled: fill the factor's blocks, eliminate the head, and substitute forward and back.

Notation: λ_g (k, k) is the relative factor of group g, A = [Z X y]'[Z X y]. The matrix that is factored is
K = Λ̄'AΛ̄ + I on the random effects, with Λ̄ = diag(Λ, I, 1). A node has a diagonal block D (k, k), its
Cholesky factor after elimination, and a row block W (k, w), which becomes D⁻¹ times the eliminated block;
the layout of both is told in :mod:`bayesmm.likelihood.layout`. All blocks lie in flat arrays and are reached
by their first element and the length of their rows, because k is 1 to 10 and a view costs more than the
arithmetic on it.
"""

from __future__ import annotations

import numba
import numpy as np

from bayesmm.likelihood.layout import Head, Tail


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _sandwich(
    A: np.ndarray,
    start: int,
    stride: int,
    lam: np.ndarray,
    g: int,
    h: int,
    out: np.ndarray,
    a: int,
    b: int,
) -> None:
    """out = λ_g' A λ_h for a block A (a, b) of groups g and h; A and out lie alike."""
    if a == 1 and b == 1:
        out[start] = lam[g, 0, 0] * A[start] * lam[h, 0, 0]
        return
    for c in range(b):
        for r in range(a):
            total = 0.0
            for q in range(r, a):
                inner = 0.0
                for s in range(c, b):
                    inner += A[start + q * stride + s] * lam[h, s, c]
                total += lam[g, q, r] * inner
            out[start + r * stride + c] = total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fill_head(head: Head, lam: np.ndarray, k_group: np.ndarray, D: np.ndarray, W: np.ndarray) -> None:
    """Write Λ̄'AΛ̄ + I into the nodes' blocks."""
    H = head.k.shape[0]
    for h in range(H):
        k = head.k[h]
        own = head.groups[h]
        for node in range(head.node_start[h], head.node_start[h + 1]):
            d0 = head.diagonal_start[node]
            _sandwich(head.diagonal, d0, k, lam, own, own, D, k, k)
            for r in range(k):
                D[d0 + r * k + r] += 1.0
            w = head.ancestor_start[h, h] + head.tail_start[node + 1] - head.tail_start[node]
            start = head.row_start[node]
            at, end = start, start + w
            for j in range(h + 1, H):
                _sandwich(head.rows, at, w, lam, own, head.groups[j], W, k, head.k[j])
                at += head.k[j]
            for e in range(head.entry_start[node], head.entry_start[node + 1]):
                g = head.entry_group[e]
                _sandwich(head.rows, at, w, lam, own, g, W, k, k_group[g])
                at += k_group[g]
            while at < end:  # the columns of X and y
                for r in range(k):
                    total = 0.0
                    for q in range(r, k):
                        total += lam[own, q, r] * head.rows[at + q * w]
                    W[at + r * w] = total
                at += 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fill_tail(tail: Tail, lam: np.ndarray, T: np.ndarray) -> None:
    """Write Λ̄'AΛ̄ + I of the tail into T's lower triangle."""
    for i in range(T.shape[0]):
        g, fi = tail.group[i], tail.first[i]
        wi = i - fi
        for j in range(i + 1):
            h, fj = tail.group[j], tail.first[j]
            if g < 0 and h < 0:
                T[i, j] = tail.A[i, j]
            elif tail.A[i, j] == 0.0 and lam.shape[1] == 1:
                T[i, j] = 0.0
            else:
                total = 0.0
                wj = j - fj
                for q in range(wi, lam.shape[1] if g >= 0 else 1):
                    left = lam[g, q, wi] if g >= 0 else 1.0
                    if left != 0.0:
                        for s in range(wj, lam.shape[1]):
                            right = lam[h, s, wj]
                            if right != 0.0:
                                total += left * tail.A[fi + q, fj + s] * right
                T[i, j] = total
        if g >= 0:
            T[i, i] += 1.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def eliminate_head(head: Head, D: np.ndarray, W: np.ndarray, T: np.ndarray) -> float:
    """Factor the head in place and subtract what it explains from the tail T (m, m), lower triangle.

    Returns log|head| = 2 Σ log of the pivots.
    """
    H, m = head.k.shape[0], T.shape[0]
    flat = T.reshape(-1)
    log_det = 0.0
    for h in range(H):
        k = head.k[h]
        wa = head.ancestor_start[h, h]
        for node in range(head.node_start[h], head.node_start[h + 1]):
            t0 = head.tail_start[node]
            wt = head.tail_start[node + 1] - t0
            w = wa + wt
            w0 = head.row_start[node]
            log_det += _eliminate_node(D, head.diagonal_start[node], W, w0, k, w)
            for j in range(h + 1, H):
                _update_ancestor(head, h, j, node, D, W)
            for q in range(k):
                row = w0 + q * w + wa
                for i in range(wt):
                    value = W[row + i]
                    if value != 0.0:
                        target = head.tail_columns[t0 + i] * m
                        for c in range(i + 1):
                            flat[target + head.tail_columns[t0 + c]] -= value * W[row + c]
    return log_det


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _eliminate_node(D: np.ndarray, d0: int, W: np.ndarray, w0: int, k: int, w: int) -> float:
    """Cholesky of one block D, W ← D⁻¹W; returns the log determinant."""
    log_det = 0.0
    for c in range(k):
        pivot = D[d0 + c * k + c]
        for q in range(c):
            pivot -= D[d0 + c * k + q] ** 2
        pivot = np.sqrt(pivot)
        D[d0 + c * k + c] = pivot
        log_det += 2.0 * np.log(pivot)
        for r in range(c + 1, k):
            value = D[d0 + r * k + c]
            for q in range(c):
                value -= D[d0 + r * k + q] * D[d0 + c * k + q]
            D[d0 + r * k + c] = value / pivot
            D[d0 + c * k + r] = 0.0
        row = w0 + c * w
        for q in range(c):
            factor = D[d0 + c * k + q]
            for i in range(w):
                W[row + i] -= factor * W[w0 + q * w + i]
        for i in range(w):
            W[row + i] /= pivot
    return log_det


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _update_ancestor(head: Head, h: int, j: int, node: int, D: np.ndarray, W: np.ndarray) -> None:
    """Subtract a node's part from the blocks of its ancestor in factor j."""
    H, wa = head.k.shape[0], head.ancestor_start[h, h]
    t0 = head.tail_start[node]
    wt = head.tail_start[node + 1] - t0
    a = head.ancestors[node, j]
    ka, o = head.k[j], head.ancestor_start[h, j]
    d0, a0 = head.diagonal_start[a], head.row_start[a]
    w = head.ancestor_start[j, j] + head.tail_start[a + 1] - head.tail_start[a]
    for q in range(head.k[h]):
        row = head.row_start[node] + q * (wa + wt)
        for r in range(ka):
            value = W[row + o + r]
            target = a0 + r * w
            for c in range(ka):
                D[d0 + r * ka + c] -= value * W[row + o + c]
            for j2 in range(j + 1, H):
                o2, at = head.ancestor_start[h, j2], head.ancestor_start[j, j2]
                for c in range(head.k[j2]):
                    W[target + at + c] -= value * W[row + o2 + c]
            at = target + head.ancestor_start[j, j]
            for i in range(wt):
                W[at + head.relative[t0 + i, j]] -= value * W[row + wa + i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def forward_substitute(
    head: Head, u_start: np.ndarray, D: np.ndarray, W: np.ndarray, rhs: np.ndarray, tail: np.ndarray
) -> None:
    """Solve with the head of L for ``rhs`` (q_head, d), in place, and take its part from ``tail`` (m, d)."""
    H, d = head.k.shape[0], rhs.shape[1]
    for h in range(H):
        k = head.k[h]
        wa = head.ancestor_start[h, h]
        for node in range(head.node_start[h], head.node_start[h + 1]):
            d0, t0, u0 = head.diagonal_start[node], head.tail_start[node], u_start[node]
            wt = head.tail_start[node + 1] - t0
            for r in range(k):
                row = head.row_start[node] + r * (wa + wt)
                for x in range(d):
                    total = rhs[u0 + r, x]
                    for q in range(r):
                        total -= D[d0 + r * k + q] * rhs[u0 + q, x]
                    rhs[u0 + r, x] = total / D[d0 + r * k + r]
                for j in range(h + 1, H):
                    at, a0 = row + head.ancestor_start[h, j], u_start[head.ancestors[node, j]]
                    for c in range(head.k[j]):
                        for x in range(d):
                            rhs[a0 + c, x] -= W[at + c] * rhs[u0 + r, x]
                for i in range(wt):
                    for x in range(d):
                        tail[head.tail_columns[t0 + i], x] -= W[row + wa + i] * rhs[u0 + r, x]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def back_substitute(
    head: Head, u_start: np.ndarray, D: np.ndarray, W: np.ndarray, x_tail: np.ndarray, u: np.ndarray
) -> None:
    """Given the tail's solution x_tail (m,) (with −1 in y's place), the head's: u_j = D⁻ᵀ(u_j − W x).

    ``u`` comes in holding the right-hand side (zeros for the conditional modes) and leaves as the solution.
    """
    H = head.k.shape[0]
    for h in range(H - 1, -1, -1):
        k = head.k[h]
        wa = head.ancestor_start[h, h]
        for node in range(head.node_start[h + 1] - 1, head.node_start[h] - 1, -1):
            d0, t0 = head.diagonal_start[node], head.tail_start[node]
            wt = head.tail_start[node + 1] - t0
            u0 = u_start[node]
            for r in range(k):
                row = head.row_start[node] + r * (wa + wt)
                total = u[u0 + r]
                for j in range(h + 1, H):
                    o, a0 = head.ancestor_start[h, j], u_start[head.ancestors[node, j]]
                    for c in range(head.k[j]):
                        total -= W[row + o + c] * u[a0 + c]
                for i in range(wt):
                    total -= W[row + wa + i] * x_tail[head.tail_columns[t0 + i]]
                u[u0 + r] = total
            for r in range(k - 1, -1, -1):
                total = u[u0 + r]
                for q in range(r + 1, k):
                    total -= D[d0 + q * k + r] * u[u0 + q]
                u[u0 + r] = total / D[d0 + r * k + r]
