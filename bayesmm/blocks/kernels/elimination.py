"""Compiled: fill the factor's blocks, eliminate the head, and substitute forward and back.

Notation: λ_g (k, k) is the relative factor of group g, A = [Z X y]'[Z X y]. The matrix that is factored is
K = Λ̄'AΛ̄ + I on the random effects, with Λ̄ = diag(Λ, I, 1). A node has a diagonal block D (k, k), its
Cholesky factor after elimination, and a row block W (k, w), which becomes D⁻¹ times the eliminated block;
the layout of both is told in :mod:`bayesmm.blocks.layout`, whose table ``t`` is. All blocks lie in flat
arrays and are reached by their first element and the length of their rows; ``lam`` (G, k_max, k_max) too.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba.core import types

from bayesmm.blocks.kernels.routine import (
    INTEGER,
    INTEGERS,
    NUMBER,
    NUMBERS,
    integers,
    numbers,
    offset,
    routine,
)
from bayesmm.blocks.kernels.table import (
    ANCESTOR_START,
    ANCESTORS,
    DIAGONAL,
    DIAGONAL_START,
    ENTRY_GROUP,
    ENTRY_START,
    FACTORS,
    FIRST,
    GROUPS,
    K_GROUP,
    K_MAX,
    NODE_START,
    RELATIVE,
    ROW_START,
    ROWS,
    SIZE,
    TAIL_COLUMNS,
    TAIL_GROUP,
    TAIL_START,
    U_START,
    A,
    K,
)


@numba.njit(error_model="numpy")
def _sandwich(
    block: Any, stride: int, left: Any, right: Any, k_max: int, out: Any, rows: int, columns: int
) -> None:
    """out = λ_g' A λ_h for a block A (rows, columns) of groups g and h; A and out lie alike."""
    if rows == 1 and columns == 1:
        out[0] = left[0] * block[0] * right[0]
        return
    for c in range(columns):
        for r in range(rows):
            total = 0.0
            for q in range(r, rows):
                inner = 0.0
                for s in range(c, columns):
                    inner += block[q * stride + s] * right[s * k_max + c]
                total += left[q * k_max + r] * inner
            out[r * stride + c] = total


@routine(types.void(INTEGERS, NUMBERS, NUMBERS, NUMBERS))
def fill_head(t: Any, lam: Any, D: Any, W: Any) -> None:
    """Write Λ̄'AΛ̄ + I into the nodes' blocks."""
    H, k_max, groups, k_of, k_group = (
        t[FACTORS],
        t[K_MAX],
        integers(t[GROUPS]),
        integers(t[K]),
        integers(t[K_GROUP]),
    )
    node_start, ancestor_start = integers(t[NODE_START]), integers(t[ANCESTOR_START])
    diagonal_start, row_start, tail_start = (
        integers(t[DIAGONAL_START]),
        integers(t[ROW_START]),
        integers(t[TAIL_START]),
    )
    entry_start, entry_group = integers(t[ENTRY_START]), integers(t[ENTRY_GROUP])
    diagonal, rows = numbers(t[DIAGONAL]), numbers(t[ROWS])
    square = k_max * k_max
    for h in range(H):
        k = k_of[h]
        own = offset(lam, groups[h] * square)
        for node in range(node_start[h], node_start[h + 1]):
            d0 = diagonal_start[node]
            _sandwich(offset(diagonal, d0), k, own, own, k_max, offset(D, d0), k, k)
            for r in range(k):
                D[d0 + r * k + r] += 1.0
            w = ancestor_start[h * H + h] + tail_start[node + 1] - tail_start[node]
            start = row_start[node]
            at, end = start, start + w
            n_entries = entry_start[node + 1] - entry_start[node]
            for e in range(H - h - 1 + n_entries):  # the ancestors, then the levels of the tail's factors
                j = h + 1 + e
                g = groups[j] if j < H else entry_group[entry_start[node] + j - H]
                other = offset(lam, g * square)
                _sandwich(offset(rows, at), w, own, other, k_max, offset(W, at), k, k_group[g])
                at += k_group[g]
            while at < end:  # the columns of X and y
                for r in range(k):
                    total = 0.0
                    for q in range(r, k):
                        total += own[q * k_max + r] * rows[at + q * w]
                    W[at + r * w] = total
                at += 1


@routine(types.void(INTEGERS, NUMBERS, NUMBERS))
def fill_tail(t: Any, lam: Any, T: Any) -> None:
    """Write Λ̄'AΛ̄ + I of the tail into T's lower triangle."""
    m, k_max, a, group, first = t[SIZE], t[K_MAX], numbers(t[A]), integers(t[TAIL_GROUP]), integers(t[FIRST])
    for i in range(m):
        g, fi = group[i], first[i]
        wi = i - fi
        for j in range(i + 1):
            h, fj = group[j], first[j]
            value = a[i * m + j]
            if g < 0 and h < 0:
                T[i * m + j] = value
            elif value == 0.0 and k_max == 1:
                T[i * m + j] = 0.0
            else:
                total = 0.0
                wj = j - fj
                for q in range(wi, k_max if g >= 0 else 1):
                    left = lam[(g * k_max + q) * k_max + wi] if g >= 0 else 1.0
                    if left != 0.0:
                        for s in range(wj, k_max):
                            right = lam[(h * k_max + s) * k_max + wj]
                            if right != 0.0:
                                total += left * a[(fi + q) * m + fj + s] * right
                T[i * m + j] = total
        if g >= 0:
            T[i * m + i] += 1.0


@routine(NUMBER(INTEGERS, NUMBERS, NUMBERS, NUMBERS))
def eliminate_head(t: Any, D: Any, W: Any, T: Any) -> float:
    """Factor the head in place and subtract what it explains from the tail T (m, m), lower triangle.

    Returns log|head| = 2 Σ log of the pivots.
    """
    H, m, k_of, node_start = t[FACTORS], t[SIZE], integers(t[K]), integers(t[NODE_START])
    ancestor_start, diagonal_start = integers(t[ANCESTOR_START]), integers(t[DIAGONAL_START])
    row_start, tail_start = integers(t[ROW_START]), integers(t[TAIL_START])
    tail_columns = integers(t[TAIL_COLUMNS])
    log_det = 0.0
    for h in range(H):
        k = k_of[h]
        wa = ancestor_start[h * H + h]
        for node in range(node_start[h], node_start[h + 1]):
            columns = offset(tail_columns, tail_start[node])
            wt = tail_start[node + 1] - tail_start[node]
            w = wa + wt
            w0 = row_start[node]
            log_det += _eliminate_node(offset(D, diagonal_start[node]), offset(W, w0), k, w)
            for j in range(h + 1, H):
                _update_ancestor(t, h, j, node, D, W)
            for q in range(k):
                row = offset(W, w0 + q * w + wa)
                for i in range(wt):
                    value = row[i]
                    if value != 0.0:
                        target = offset(T, columns[i] * m)
                        for c in range(i + 1):
                            target[columns[c]] -= value * row[c]
    return log_det


@numba.njit(error_model="numpy")
def _eliminate_node(D: Any, W: Any, k: int, w: int) -> float:
    """Cholesky of one block D, W ← D⁻¹W; returns the log determinant."""
    log_det = 0.0
    for c in range(k):
        pivot = D[c * k + c]
        for q in range(c):
            pivot -= D[c * k + q] * D[c * k + q]
        pivot = np.sqrt(pivot)
        D[c * k + c] = pivot
        log_det += 2.0 * np.log(pivot)
        for r in range(c + 1, k):
            value = D[r * k + c]
            for q in range(c):
                value -= D[r * k + q] * D[c * k + q]
            D[r * k + c] = value / pivot
            D[c * k + r] = 0.0
        row = offset(W, c * w)
        for q in range(c):
            factor = D[c * k + q]
            for i in range(w):
                row[i] -= factor * W[q * w + i]
        for i in range(w):
            row[i] /= pivot
    return log_det


@numba.njit(error_model="numpy")
def _update_ancestor(t: Any, h: int, j: int, node: int, D: Any, W: Any) -> None:
    """Subtract a node's part from the blocks of its ancestor in factor j."""
    H, k_of, ancestor_start, tail_start = (
        t[FACTORS],
        integers(t[K]),
        integers(t[ANCESTOR_START]),
        integers(t[TAIL_START]),
    )
    relative, row_start = integers(t[RELATIVE]), integers(t[ROW_START])
    wa, t0 = ancestor_start[h * H + h], tail_start[node]
    wt = tail_start[node + 1] - t0
    a = integers(t[ANCESTORS])[node * H + j]
    ka, o = k_of[j], ancestor_start[h * H + j]
    d0, a0 = integers(t[DIAGONAL_START])[a], row_start[a]
    w = ancestor_start[j * H + j] + tail_start[a + 1] - tail_start[a]
    for q in range(k_of[h]):
        row = row_start[node] + q * (wa + wt)
        for r in range(ka):
            value = W[row + o + r]
            target = a0 + r * w
            for c in range(ka):
                D[d0 + r * ka + c] -= value * W[row + o + c]
            for j2 in range(j + 1, H):
                o2, at = ancestor_start[h * H + j2], ancestor_start[j * H + j2]
                for c in range(k_of[j2]):
                    W[target + at + c] -= value * W[row + o2 + c]
            at = target + ancestor_start[j * H + j]
            for i in range(wt):
                W[at + relative[(t0 + i) * H + j]] -= value * W[row + wa + i]


@routine(types.void(INTEGERS, NUMBERS, NUMBERS, INTEGER, NUMBERS, NUMBERS))
def forward_substitute(t: Any, D: Any, W: Any, d: int, rhs: Any, tail: Any) -> None:
    """Solve with the head of L for ``rhs`` (q_head, d), in place, and take its part from ``tail`` (m, d)."""
    H, k_of, node_start, ancestors = (
        t[FACTORS],
        integers(t[K]),
        integers(t[NODE_START]),
        integers(t[ANCESTORS]),
    )
    ancestor_start, diagonal_start = integers(t[ANCESTOR_START]), integers(t[DIAGONAL_START])
    row_start, tail_start = integers(t[ROW_START]), integers(t[TAIL_START])
    tail_columns, u_start = integers(t[TAIL_COLUMNS]), integers(t[U_START])
    for h in range(H):
        k = k_of[h]
        wa = ancestor_start[h * H + h]
        for node in range(node_start[h], node_start[h + 1]):
            block, t0 = offset(D, diagonal_start[node]), tail_start[node]
            wt = tail_start[node + 1] - t0
            for r in range(k):
                own = offset(rhs, (u_start[node] + r) * d)
                row = offset(W, row_start[node] + r * (wa + wt))
                for q in range(r):
                    above = offset(rhs, (u_start[node] + q) * d)
                    for x in range(d):
                        own[x] -= block[r * k + q] * above[x]
                for x in range(d):
                    own[x] /= block[r * k + r]
                for j in range(h + 1, H):
                    at, a0 = ancestor_start[h * H + j], u_start[ancestors[node * H + j]]
                    for c in range(k_of[j]):
                        for x in range(d):
                            rhs[(a0 + c) * d + x] -= row[at + c] * own[x]
                for i in range(wt):
                    for x in range(d):
                        tail[tail_columns[t0 + i] * d + x] -= row[wa + i] * own[x]


@routine(types.void(INTEGERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS))
def back_substitute(t: Any, D: Any, W: Any, x: Any, u: Any) -> None:
    """Given the tail's solution x (m,) (with −1 in y's place), the head's: u_j = D⁻ᵀ(u_j − W x).

    ``u`` comes in holding the right-hand side (zeros for the conditional modes) and leaves as the solution.
    """
    H, k_of, node_start, ancestors = (
        t[FACTORS],
        integers(t[K]),
        integers(t[NODE_START]),
        integers(t[ANCESTORS]),
    )
    ancestor_start, diagonal_start = integers(t[ANCESTOR_START]), integers(t[DIAGONAL_START])
    row_start, tail_start = integers(t[ROW_START]), integers(t[TAIL_START])
    tail_columns, u_start = integers(t[TAIL_COLUMNS]), integers(t[U_START])
    for h in range(H - 1, -1, -1):
        k = k_of[h]
        wa = ancestor_start[h * H + h]
        for node in range(node_start[h + 1] - 1, node_start[h] - 1, -1):
            block, t0, own = offset(D, diagonal_start[node]), tail_start[node], offset(u, u_start[node])
            wt = tail_start[node + 1] - t0
            for r in range(k):
                row = offset(W, row_start[node] + r * (wa + wt))
                total = own[r]
                for j in range(h + 1, H):
                    o, above = ancestor_start[h * H + j], offset(u, u_start[ancestors[node * H + j]])
                    for c in range(k_of[j]):
                        total -= row[o + c] * above[c]
                for i in range(wt):
                    total -= row[wa + i] * x[tail_columns[t0 + i]]
                own[r] = total
            for r in range(k - 1, -1, -1):
                total = own[r]
                for q in range(r + 1, k):
                    total -= block[q * k + r] * own[q]
                own[r] = total / block[r * k + r]
