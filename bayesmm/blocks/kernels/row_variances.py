"""Compiled: a'K⁻¹a for the sparse rows a = (Λ'z, x) of a model, K without y.

    K⁻¹ = Var(û − u, β̂)/σ²,   so that   Var(x'β̂ + z'(b̂ − b)) = σ² a'K⁻¹a

(Henderson's mixed-model equations). With K = LL' and L split into head and tail, a'K⁻¹a = ‖y‖² + t'P_TT t:
y solves the head's part L_H y = a_H, t is what is left of a in the tail, P_TT is the inverse on the tail,
formed once. A row meets one level of each factor, so y lives on that level and its ancestors and t on the
tail columns of those: a row costs about the square of the longest of these nodes' rows, whatever the size of
the model.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba.core import types

from bayesmm.blocks.kernels.routine import INTEGER, INTEGERS, NUMBER, NUMBERS, integers, offset, routine
from bayesmm.blocks.kernels.table import (
    ANCESTOR_START,
    ANCESTORS,
    DIAGONAL_START,
    FACTORS,
    GROUPS,
    K_GROUP,
    K_MAX,
    N_GROUPS,
    NODE_START,
    Q_TAIL,
    ROW_START,
    SIZE,
    TAIL_COLUMNS,
    TAIL_START,
    K,
)
from bayesmm.blocks.layout import Layout


def quadratic_forms(
    layout: Layout,
    D: np.ndarray,
    W: np.ndarray,
    P_tail: np.ndarray,
    codes: np.ndarray,
    a: np.ndarray,
    x: np.ndarray,
) -> np.ndarray:
    """(m,) the quadratic forms of m rows.

    Parameters
    ----------
    layout, D, W
        The layout, and its head's factor.
    P_tail
        (q + p + 1, q + p + 1) the symmetric inverse on the tail; its last row and column don't count.
    codes
        (G, m) the level of each group, −1 for none.
    a
        (G, m, k_max) λ_g'Xi of each group.
    x
        (m, p) the fixed part, in the coordinates of the factor.
    """
    H, k_max, size = len(layout.chain), layout.k_max, layout.size
    tail_at = np.full(len(layout.cross.groups), -1, dtype=np.int64)
    tail_at[list(layout.tail)] = layout.tail_offset
    y, t = np.empty(H * H * k_max), np.zeros(size)
    nodes, touched = np.zeros(H * H + H, dtype=np.int64), np.zeros(2 * size + 1, dtype=np.int64)
    out = np.empty(codes.shape[1])
    rows = [np.ascontiguousarray(codes), np.ascontiguousarray(a), tail_at, np.ascontiguousarray(x)]
    _quadratic_forms(layout.table, D, W, P_tail, len(out), *rows, nodes, y, touched, t, out)
    return out


@routine(
    types.void(
        INTEGERS,
        NUMBERS,
        NUMBERS,
        NUMBERS,
        INTEGER,
        INTEGERS,
        NUMBERS,
        INTEGERS,
        NUMBERS,
        INTEGERS,
        NUMBERS,
        INTEGERS,
        NUMBERS,
        NUMBERS,
    )
)
def _quadratic_forms(
    table: Any,
    D: Any,
    W: Any,
    P_tail: Any,
    m: int,
    codes: Any,
    a: Any,
    tail_at: Any,
    x: Any,
    nodes: Any,
    y: Any,
    touched: Any,
    t: Any,
    out: Any,
) -> None:
    """What :func:`quadratic_forms` calls.

    A row may name a level and, further up, another than the level's own ancestor: of factor h there may be
    up to h + 1 ``nodes`` (H, H), with their y (H, H, k_max); their counts (H,) lie behind them. t (size,) is
    zero between rows; ``touched`` are its places that aren't, behind them marks of these, and their number.
    """
    H, G, k_max, size, q = table[FACTORS], table[N_GROUPS], table[K_MAX], table[SIZE], table[Q_TAIL]
    groups, k_of, k_group = integers(table[GROUPS]), integers(table[K]), integers(table[K_GROUP])
    node_start, count, p = integers(table[NODE_START]), offset(nodes, H * H), size - 1 - q
    n_touched = offset(touched, 2 * size)
    for i in range(m):
        total, n_touched[0] = 0.0, 0
        for h in range(H):
            count[h] = 0
        for h in range(H):
            g, k = groups[h], k_of[h]
            code = codes[g * m + i]
            if code >= 0:
                slot = _slot(H, k_max, nodes, y, h, node_start[h] + code, k)
                own = offset(y, (h * H + slot) * k_max)
                for r in range(k):
                    own[r] += a[(g * m + i) * k_max + r]
            for slot in range(count[h]):
                total += _substitute(table, D, W, h, slot, nodes, y)
                _leave(table, W, h, slot, nodes, y, t, touched)
        for g in range(G):
            code = codes[g * m + i]
            if tail_at[g] >= 0 and code >= 0:
                first = tail_at[g] + code * k_group[g]
                for r in range(k_group[g]):
                    _touch(size, first + r, touched)
                    t[first + r] += a[(g * m + i) * k_max + r]
        for c in range(p):
            _touch(size, q + c, touched)
            t[q + c] += x[i * p + c]
        for left in range(n_touched[0]):
            row = touched[left]
            own = offset(P_tail, row * size)
            inner = 0.5 * t[row] * own[row]
            for right in range(left):
                inner += own[touched[right]] * t[touched[right]]
            total += 2.0 * t[row] * inner
        for left in range(n_touched[0]):
            t[touched[left]] = 0.0
            touched[size + touched[left]] = 0
        out[i] = total


@numba.njit(error_model="numpy")
def _slot(H: int, k_max: int, nodes: Any, y: Any, h: int, node: int, k: int) -> int:
    """Where a node of factor h has its right-hand side; a new one begins with zeros."""
    count, own = offset(nodes, H * H), offset(nodes, h * H)
    for slot in range(count[h]):
        if own[slot] == node:
            return slot
    slot = count[h]
    own[slot] = node
    for r in range(k):
        y[(h * H + slot) * k_max + r] = 0.0
    count[h] += 1
    return slot


@numba.njit(error_model="numpy")
def _touch(size: int, column: int, touched: Any) -> None:
    """Note a column of the tail, unless it has been noted."""
    marked, n_touched = offset(touched, size), offset(touched, 2 * size)
    if marked[column] == 0:
        marked[column] = 1
        touched[n_touched[0]] = column
        n_touched[0] += 1


@routine(NUMBER(INTEGERS, NUMBERS, NUMBERS, INTEGER, INTEGER, INTEGERS, NUMBERS))
def _substitute(table: Any, D: Any, W: Any, h: int, slot: int, nodes: Any, y: Any) -> float:
    """y ← D⁻¹y of one node, its part taken from its ancestors; returns ‖y‖²."""
    H, k_max, k_of = table[FACTORS], table[K_MAX], integers(table[K])
    ancestor_start, tail_start = integers(table[ANCESTOR_START]), integers(table[TAIL_START])
    node, k, own = nodes[h * H + slot], k_of[h], offset(y, (h * H + slot) * k_max)
    block = offset(D, integers(table[DIAGONAL_START])[node])
    width = ancestor_start[h * H + h] + tail_start[node + 1] - tail_start[node]
    total = 0.0
    for r in range(k):
        value = own[r]
        for c in range(r):
            value -= block[r * k + c] * own[c]
        value /= block[r * k + r]
        own[r] = value
        total += value * value
    for j in range(h + 1, H):
        above = _slot(H, k_max, nodes, y, j, integers(table[ANCESTORS])[node * H + j], k_of[j])
        other = offset(y, (j * H + above) * k_max)
        for r in range(k):
            row = offset(W, integers(table[ROW_START])[node] + r * width + ancestor_start[h * H + j])
            for c in range(k_of[j]):
                other[c] -= row[c] * own[r]
    return total


@numba.njit(error_model="numpy")
def _leave(table: Any, W: Any, h: int, slot: int, nodes: Any, y: Any, t: Any, touched: Any) -> None:
    """Take one node's part from the tail, y's own column left out."""
    H, tail_start = table[FACTORS], integers(table[TAIL_START])
    node, k, own = nodes[h * H + slot], integers(table[K])[h], offset(y, (h * H + slot) * table[K_MAX])
    wa, t0 = integers(table[ANCESTOR_START])[h * H + h], tail_start[node]
    wt, columns = tail_start[node + 1] - t0, offset(integers(table[TAIL_COLUMNS]), t0)
    rows = offset(W, integers(table[ROW_START])[node] + wa)
    for i in range(wt - 1):
        column = columns[i]
        _touch(table[SIZE], column, touched)
        for r in range(k):
            t[column] -= rows[r * (wa + wt) + i] * own[r]
