"""Compiled: a'K⁻¹a for the sparse rows a = (Λ'z, x) of a model, K without y.

    K⁻¹ = Var(û − u, β̂)/σ²,   so that   Var(x'β̂ + z'(b̂ − b)) = σ² a'K⁻¹a

(Henderson's mixed-model equations). With K = LL' and L split into head and tail, a'K⁻¹a = ‖y‖² + t'P_TT t:
y solves the head's part L_H y = a_H, t is what is left of a in the tail, P_TT is the inverse on the tail,
formed once. A row meets one level of each factor, so y lives on that level and its ancestors and t on the
tail columns of those: a row costs about the square of the longest of these nodes' rows, whatever the size of
the model.
"""

from __future__ import annotations

import numba
import numpy as np

from bayesmm.likelihood.layout import Head


@numba.njit(cache=True, nogil=True, error_model="numpy")
def quadratic_forms(
    head: Head,
    D: np.ndarray,
    W: np.ndarray,
    P_tail: np.ndarray,
    codes: np.ndarray,
    a: np.ndarray,
    tail_at: np.ndarray,
    tail_k: np.ndarray,
    x: np.ndarray,
) -> np.ndarray:
    """(m,) the quadratic forms of m rows.

    Parameters
    ----------
    head, D, W
        The head and its factor.
    P_tail
        (≥ q + p, ≥ q + p) the symmetric inverse on the tail, of which the first q + p rows count.
    codes
        (G, m) the level of each group, −1 for none.
    a
        (G, m, k_max) λ_g'Xi of each group.
    tail_at, tail_k
        (G,) the first tail column of each group, −1 for those of the head; and the columns of a level.
    x
        (m, p) the fixed part, in the coordinates of the factor.
    """
    H, G = head.k.shape[0], codes.shape[0]
    m, p = x.shape
    size = P_tail.shape[0]
    q = size - p
    k_max = a.shape[2]
    # A row may name a level and, further up, another than the level's own ancestor: up to h + 1 nodes there.
    nodes = np.empty((H, H), dtype=np.int64)
    y = np.empty((H, H, k_max))
    count = np.empty(H, dtype=np.int64)
    t, touched = np.zeros(size), np.empty(size, dtype=np.int64)
    marked = np.zeros(size, dtype=np.bool_)
    out = np.empty(m)
    for i in range(m):
        total, n_touched = 0.0, 0
        count[:] = 0
        for h in range(H):
            code = codes[head.groups[h], i]
            if code >= 0:
                slot = _slot(nodes, y, count, h, head.node_start[h] + code, head.k[h])
                for r in range(head.k[h]):
                    y[h, slot, r] += a[head.groups[h], i, r]
            for slot in range(count[h]):
                total += _substitute(head, D, W, h, slot, nodes, y, count)
                n_touched = _leave(head, W, h, slot, nodes, y, t, touched, marked, n_touched)
        for g in range(G):
            if tail_at[g] >= 0 and codes[g, i] >= 0:
                first = tail_at[g] + codes[g, i] * tail_k[g]
                for r in range(tail_k[g]):
                    n_touched = _touch(first + r, touched, marked, n_touched)
                    t[first + r] += a[g, i, r]
        for c in range(p):
            n_touched = _touch(q + c, touched, marked, n_touched)
            t[q + c] += x[i, c]
        for left in range(n_touched):
            row = touched[left]
            total += t[row] * t[row] * P_tail[row, row]
            inner = 0.0
            for right in range(left):
                inner += P_tail[row, touched[right]] * t[touched[right]]
            total += 2.0 * t[row] * inner
        for left in range(n_touched):
            t[touched[left]] = 0.0
            marked[touched[left]] = False
        out[i] = total
    return out


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _slot(nodes: np.ndarray, y: np.ndarray, count: np.ndarray, h: int, node: int, k: int) -> int:
    """Where a node of factor h has its right-hand side; a new one begins with zeros."""
    for slot in range(count[h]):
        if nodes[h, slot] == node:
            return slot
    slot = count[h]
    nodes[h, slot] = node
    y[h, slot, :k] = 0.0
    count[h] += 1
    return slot


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _touch(column: int, touched: np.ndarray, marked: np.ndarray, n_touched: int) -> int:
    if marked[column]:
        return n_touched
    marked[column] = True
    touched[n_touched] = column
    return n_touched + 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _substitute(
    head: Head,
    D: np.ndarray,
    W: np.ndarray,
    h: int,
    slot: int,
    nodes: np.ndarray,
    y: np.ndarray,
    count: np.ndarray,
) -> float:
    """y ← D⁻¹y of one node, its part taken from its ancestors; returns ‖y‖²."""
    H, k, node = head.k.shape[0], head.k[h], nodes[h, slot]
    d0, w0 = head.diagonal_start[node], head.row_start[node]
    width = head.ancestor_start[h, h] + head.tail_start[node + 1] - head.tail_start[node]
    total = 0.0
    for r in range(k):
        value = y[h, slot, r]
        for c in range(r):
            value -= D[d0 + r * k + c] * y[h, slot, c]
        value /= D[d0 + r * k + r]
        y[h, slot, r] = value
        total += value * value
    for j in range(h + 1, H):
        above = _slot(nodes, y, count, j, head.ancestors[node, j], head.k[j])
        for r in range(k):
            at = w0 + r * width + head.ancestor_start[h, j]
            for c in range(head.k[j]):
                y[j, above, c] -= W[at + c] * y[h, slot, r]
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _leave(
    head: Head,
    W: np.ndarray,
    h: int,
    slot: int,
    nodes: np.ndarray,
    y: np.ndarray,
    t: np.ndarray,
    touched: np.ndarray,
    marked: np.ndarray,
    n_touched: int,
) -> int:
    """Take one node's part from the tail, y's own column left out; returns how many columns are touched."""
    k, node = head.k[h], nodes[h, slot]
    wa = head.ancestor_start[h, h]
    t0, wt = head.tail_start[node], head.tail_start[node + 1] - head.tail_start[node]
    for i in range(wt - 1):
        column = head.tail_columns[t0 + i]
        n_touched = _touch(column, touched, marked, n_touched)
        for r in range(k):
            t[column] -= W[head.row_start[node] + r * (wa + wt) + wa + i] * y[h, slot, r]
    return n_touched
