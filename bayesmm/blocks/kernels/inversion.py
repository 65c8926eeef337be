"""Compiled: the inverse on the factor's pattern, and the products of blocks that make the gradient.

Notation as in :mod:`bayesmm.blocks.kernels.elimination`.
"""

from __future__ import annotations

from typing import Any

import numba
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
    Q_TAIL,
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


@routine(types.void(INTEGERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS))
def invert_head(t: Any, D: Any, W: Any, P_tail: Any, PD: Any, PW: Any, scratch: Any) -> None:
    """The blocks of K⁻¹ on the pattern of the factor, from the last node to the first.

    ``P_tail`` (m, m) symmetric is the inverse on the tail, with zeros for columns that are not to count
    (y always; X too when P = M⁻¹ is wanted). With E = D⁻ᵀW and S the columns of a node's row,
    P_jS = −E P_SS and P_jj = (DD')⁻¹ − P_jS E'. ``scratch`` is room for E and D⁻ᵀ.
    """
    H, k_of, node_start = t[FACTORS], integers(t[K]), integers(t[NODE_START])
    ancestor_start, diagonal_start = integers(t[ANCESTOR_START]), integers(t[DIAGONAL_START])
    row_start, tail_start = integers(t[ROW_START]), integers(t[TAIL_START])
    half, E = scratch, offset(scratch, t[K_MAX] * t[K_MAX])
    for h in range(H - 1, -1, -1):
        k = k_of[h]
        for node in range(node_start[h + 1] - 1, node_start[h] - 1, -1):
            d0, w0 = diagonal_start[node], row_start[node]
            block, own = offset(D, d0), offset(PW, w0)
            w = ancestor_start[h * H + h] + tail_start[node + 1] - tail_start[node]
            for i in range(k * w):
                E[i] = W[w0 + i]
            _solve_transposed(block, E, k, w)
            _gather(t, h, node, P_tail, PD, PW, E)
            for i in range(k * k):
                half[i] = 0.0
            for r in range(k):
                half[r * k + r] = 1.0
            _solve_transposed(block, half, k, k)
            for r in range(k):
                for c in range(r + 1):
                    value = 0.0
                    for q in range(k):
                        value += half[r * k + q] * half[c * k + q]
                    for i in range(w):
                        value -= own[r * w + i] * E[c * w + i]
                    PD[d0 + r * k + c] = value
                    PD[d0 + c * k + r] = value


@numba.njit(error_model="numpy")
def _solve_transposed(D: Any, rows: Any, k: int, w: int) -> None:
    """rows ← D⁻ᵀ rows for a lower-triangular block D (k, k) and rows (k, w)."""
    for r in range(k - 1, -1, -1):
        own, diagonal = offset(rows, r * w), D[r * k + r]
        for q in range(r + 1, k):
            factor = D[q * k + r]
            for i in range(w):
                own[i] -= factor * rows[q * w + i]
        for i in range(w):
            own[i] /= diagonal


@numba.njit(error_model="numpy")
def _gather(t: Any, h: int, node: int, P_tail: Any, PD: Any, PW: Any, E: Any) -> None:
    """PW of the node = −E P_SS, with S the columns of its row and P the inverse found so far."""
    H, m, k_of, ancestor_start = t[FACTORS], t[SIZE], integers(t[K]), integers(t[ANCESTOR_START])
    row_start, tail_start, relative = integers(t[ROW_START]), integers(t[TAIL_START]), integers(t[RELATIVE])
    k, wa, t0 = k_of[h], ancestor_start[h * H + h], tail_start[node]
    wt = tail_start[node + 1] - t0
    w = wa + wt
    columns, own = offset(integers(t[TAIL_COLUMNS]), t0), offset(PW, row_start[node])
    for i in range(k * w):
        own[i] = 0.0
    for i in range(wt):
        source = offset(P_tail, columns[i] * m)
        for r in range(k):
            row, out = offset(E, r * w + wa), offset(own, r * w + wa)
            weight = row[i]
            total = source[columns[i]] * weight
            for c in range(i):
                value = source[columns[c]]
                out[c] -= weight * value
                total += row[c] * value
            out[i] -= total
    for j in range(h + 1, H):
        a, ka, o = integers(t[ANCESTORS])[node * H + j], k_of[j], ancestor_start[h * H + j]
        block = offset(PD, integers(t[DIAGONAL_START])[a])
        width = ancestor_start[j * H + j] + tail_start[a + 1] - tail_start[a]
        for s in range(ka):
            above = offset(PW, row_start[a] + s * width)
            for r in range(k):
                row, out = offset(E, r * w), offset(own, r * w)
                for c in range(ka):
                    out[o + c] -= row[o + s] * block[s * ka + c]
                for j2 in range(j + 1, H):
                    o2, at = ancestor_start[h * H + j2], ancestor_start[j * H + j2]
                    for c in range(k_of[j2]):
                        out[o2 + c] -= row[o + s] * above[at + c]
                        out[o + s] -= row[o2 + c] * above[at + c]
                at = ancestor_start[j * H + j]
                for i in range(wt):
                    value = above[at + relative[(t0 + i) * H + j]]
                    out[wa + i] -= row[o + s] * value
                    out[o + s] -= row[wa + i] * value


@numba.njit(error_model="numpy")
def _contract(
    block: Any, stride: int, right: Any, k_max: int, Q: Any, out: Any, rows: int, columns: int
) -> None:
    """out += A λ_h Q' for blocks A and Q (rows, columns) of groups g and h: a block's part of [Z'ZΛQ]_jj."""
    if rows == 1 and columns == 1:
        out[0] += block[0] * right[0] * Q[0]
        return
    for r in range(rows):
        for s in range(columns):
            inner = 0.0
            for q in range(s, columns):
                inner += block[r * stride + q] * right[q * k_max + s]
            for c in range(rows):
                out[r * k_max + c] += inner * Q[c * stride + s]


@numba.njit(error_model="numpy")
def _contract_transposed(
    block: Any, stride: int, left: Any, k_max: int, Q: Any, out: Any, rows: int, columns: int
) -> None:
    """out += A' λ_g Q for the same blocks: the part of the transposed block, which belongs to h."""
    if rows == 1 and columns == 1:
        out[0] += block[0] * left[0] * Q[0]
        return
    for r in range(columns):
        for s in range(rows):
            inner = 0.0
            for q in range(s, rows):
                inner += block[q * stride + r] * left[q * k_max + s]
            for c in range(columns):
                out[r * k_max + c] += inner * Q[s * stride + c]


@routine(types.void(INTEGERS, NUMBERS, NUMBERS, NUMBERS, NUMBER, NUMBERS, NUMBERS, NUMBERS))
def contract_head(t: Any, lam: Any, PD: Any, PW: Any, kappa: float, u: Any, x: Any, gradient: Any) -> None:
    """Add the head's part of Σ_j [Z'Z Λ̄ Q]_jj to each group's gradient (G, k, k), Q = P + κ ζζ'.

    ζ = (û, β̂, −1) brings the residual sum of squares in: −v û' = [Z'Z Z'X Z'y] Λ̄ζ û'. ``PD`` and ``PW`` are
    overwritten by Q.
    """
    H, k_max, k_of, groups, k_group = (
        t[FACTORS],
        t[K_MAX],
        integers(t[K]),
        integers(t[GROUPS]),
        integers(t[K_GROUP]),
    )
    node_start, ancestors, ancestor_start = (
        integers(t[NODE_START]),
        integers(t[ANCESTORS]),
        integers(t[ANCESTOR_START]),
    )
    diagonal_start, row_start = integers(t[DIAGONAL_START]), integers(t[ROW_START])
    tail_start, tail_columns, u_start = (
        integers(t[TAIL_START]),
        integers(t[TAIL_COLUMNS]),
        integers(t[U_START]),
    )
    entry_start, entry_group = integers(t[ENTRY_START]), integers(t[ENTRY_GROUP])
    diagonal, rows = numbers(t[DIAGONAL]), numbers(t[ROWS])
    square = k_max * k_max
    for h in range(H):
        k = k_of[h]
        lam_own, own = offset(lam, groups[h] * square), offset(gradient, groups[h] * square)
        wa = ancestor_start[h * H + h]
        for node in range(node_start[h], node_start[h + 1]):
            d0, u0, t0 = diagonal_start[node], u_start[node], tail_start[node]
            wt = tail_start[node + 1] - t0
            w = wa + wt
            start = row_start[node]
            for r in range(k):
                scaled = kappa * u[u0 + r]
                row = offset(PW, start + r * w)
                for c in range(k):
                    PD[d0 + r * k + c] += scaled * u[u0 + c]
                for j in range(h + 1, H):
                    o, a0 = ancestor_start[h * H + j], u_start[ancestors[node * H + j]]
                    for c in range(k_of[j]):
                        row[o + c] += scaled * u[a0 + c]
                for i in range(wt):
                    row[wa + i] += scaled * x[tail_columns[t0 + i]]
            _contract(offset(diagonal, d0), k, lam_own, k_max, offset(PD, d0), own, k, k)
            at, end = start, start + w
            n_entries = entry_start[node + 1] - entry_start[node]
            for e in range(H - h - 1 + n_entries):  # the ancestors, then the levels of the tail's factors
                j = h + 1 + e
                g = groups[j] if j < H else entry_group[entry_start[node] + j - H]
                block, Q, kg = offset(rows, at), offset(PW, at), k_group[g]
                _contract(block, w, offset(lam, g * square), k_max, Q, own, k, kg)
                _contract_transposed(block, w, lam_own, k_max, Q, offset(gradient, g * square), k, kg)
                at += kg
            while at < end:  # the columns of X and y
                for r in range(k):
                    for c in range(k):
                        own[r * k_max + c] += rows[at + r * w] * PW[at + c * w]
                at += 1


@routine(types.void(INTEGERS, NUMBERS, NUMBER, NUMBERS, NUMBERS, NUMBERS))
def contract_tail(t: Any, lam: Any, kappa: float, x: Any, P: Any, gradient: Any) -> None:
    """Add the tail's part of Σ_j [Z'Z Λ̄ Q]_jj to each group's gradient; P (m, m) is overwritten by Q."""
    m, q_tail, k_max, a, k_group = t[SIZE], t[Q_TAIL], t[K_MAX], numbers(t[A]), integers(t[K_GROUP])
    group, first = integers(t[TAIL_GROUP]), integers(t[FIRST])
    if q_tail == 0:
        return
    for i in range(m):
        row, scaled = offset(P, i * m), kappa * x[i]
        for j in range(m):
            row[j] += scaled * x[j]
    for i in range(q_tail):
        g, fi = group[i], first[i]
        out = offset(gradient, (g * k_max + i - fi) * k_max)
        for j in range(m):
            value = a[i * m + j]
            if value != 0.0:
                h, fj = group[j], first[j]
                for q in range(j - fj + 1):
                    factor = value * lam[(h * k_max + j - fj) * k_max + q] if h >= 0 else value
                    for c in range(k_group[g]):
                        out[c] += factor * P[(fj + q) * m + fi + c]


@routine(
    types.void(
        INTEGER,
        INTEGER,
        INTEGER,
        INTEGER,
        NUMBERS,
        INTEGERS,
        INTEGERS,
        NUMBERS,
        NUMBERS,
        NUMBERS,
        NUMBERS,
    )
)
def multiply_blocks(
    n: int,
    a: int,
    b: int,
    d: int,
    values: Any,
    rows: Any,
    columns: Any,
    left: Any,
    right: Any,
    out_left: Any,
    out_right: Any,
) -> None:
    """Add to the products of Z'Z what the blocks off its diagonal make of them.

    For n blocks A (a, b) of Z_g'Z_h, at ``rows`` and ``columns``, and d vectors:
    out_left[row] += A right[column] and out_right[column] += A' left[row].
    """
    for i in range(n):
        block, at, other = offset(values, i * a * b), rows[i] * a * d, columns[i] * b * d
        for r in range(a):
            for c in range(b):
                value = block[r * b + c]
                for x in range(d):
                    out_left[at + r * d + x] += value * right[other + c * d + x]
                    out_right[other + c * d + x] += value * left[at + r * d + x]
