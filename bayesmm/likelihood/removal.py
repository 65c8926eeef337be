"""Compiled: log p(y_A | y_−A) of sets of rows A, from the inverse of K on the factor's pattern.

Let S be the columns of [ZΛ X] that the rows A touch, W their rows, P = K⁻¹ on S, ζ̂ the mean of (u, β) given
all data, H = W'W, and r = W'(y_A − Wζ̂). With ω = σ², all in the whitened coordinates,

    −2 log p(y_A | y_−A) = n_A log 2πω − log|I − L'HL| + (|y_A − Wζ̂|² + r'L(I − L'HL)⁻¹L'r)/ω,   P = LL',

which for one row with leverage h = w'Pw is log 2πω − log(1 − h) + (y − w'ζ̂)²/(ω(1 − h)).

Random effects u_D that no other row touches, those of the nodes below the level left out, are integrated out
first: W'W, W'y and y'y become those of (I + W_DW_D')^(−1/2)[W y], which the factor's rows give, and
log|I + W_DW_D'| is added. Notation and layout are those of :mod:`bayesmm.blocks.kernels.elimination`.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba.core import types

from bayesmm.blocks.kernels.moments import factorize, solve_and_invert
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
    DIAGONAL_START,
    ENTRY_GROUP,
    ENTRY_START,
    FACTORS,
    GROUPS,
    K_GROUP,
    K_MAX,
    N_DIAGONAL,
    N_GROUPS,
    N_ROWS,
    Q_HEAD,
    RELATIVE,
    ROW_START,
    SCRATCH,
    SIZE,
    TAIL_COLUMNS,
    TAIL_START,
    U_START,
    K,
    Table,
)
from bayesmm.blocks.layout import Layout
from bayesmm.likelihood.units import Cells, Subtrees

LOG_2PI = float(np.log(2 * np.pi))
LEAST = 1e-12
"""The smallest 1 − h, or pivot of I − L'HL, in which digits are left; the result is nan below it.

It is the share that the other rows and the priors have in what is known of some direction of (u, β): so
little only where A alone tells of a coefficient whose prior is a million times as wide as σ.
"""


def remove_rows(
    layout: Layout, lam: np.ndarray, ridge: np.ndarray, omega: np.ndarray, cells: Cells, out: np.ndarray
) -> None:
    """out (S, n) = log p(y_i | y_−i) of the whitened rows at S points.

    Parameters
    ----------
    lam
        (S, G, k_max, k_max) relative factors.
    ridge
        (p + 1, p + 1) of the prior on β; ω times it is added to [X y]'[X y].
    omega
        (S,) residual variances.
    out
        nan where K isn't positive definite, or too few digits are left.
    """
    size = cells.rows.shape[1] - 1
    table = Table(
        cells, (len(cells.node), cells.positions.shape[1], size, len(cells.groups), len(cells.order))
    )
    work = _workspace(layout, size**2 + size)
    _remove_rows(layout.table, len(lam), lam, ridge, omega, table, work, out)


def remove_subtrees(
    layout: Layout, lam: np.ndarray, ridge: np.ndarray, omega: np.ndarray, trees: Subtrees, out: np.ndarray
) -> None:
    """out (S, ℓ) = log p(y_A | y_−A) of all whitened rows of each level; the arguments as in the other."""
    h, first, *arrays = trees
    size = int(np.sqrt(np.diff(trees.start).max())) - 1
    table = Table((*arrays, np.arange(size)), (h, first, len(trees.n)))
    work = _workspace(layout, 4 * (size + 1) ** 2)
    _remove_subtrees(layout.table, len(lam), lam, ridge, omega, table, work, out)


def _workspace(layout: Layout, more: int) -> np.ndarray:
    """One point's factor and moments, with room for more numbers behind them; its parts are told below."""
    numbers, m = layout.table.values, layout.size
    blocks = numbers[N_DIAGONAL] + numbers[N_ROWS]
    return np.empty(2 * blocks + m * m + 3 + numbers[Q_HEAD] + m + numbers[SCRATCH] + more)


@numba.njit(error_model="numpy")
def _tail(t: Any, work: Any) -> Any:
    """The tail's factor T, later its inverse; before it lie D and W, after it three numbers."""
    return offset(work, t[N_DIAGONAL] + t[N_ROWS])


@numba.njit(error_model="numpy")
def _mean(t: Any, work: Any) -> Any:
    """The mean of (u, β): u, then x with y's −1 in the last place."""
    return offset(_tail(t, work), t[SIZE] * t[SIZE] + 3)


@numba.njit(error_model="numpy")
def _inverse(t: Any, work: Any) -> Any:
    """The rest of the inverse on its pattern, X included: PD, PW."""
    return offset(_mean(t, work), t[Q_HEAD] + t[SIZE])


@numba.njit(error_model="numpy")
def _rest(t: Any, work: Any) -> Any:
    """What lies behind."""
    return offset(_inverse(t, work), t[N_DIAGONAL] + t[N_ROWS] + t[SCRATCH])


@routine(INTEGER(INTEGERS, NUMBERS, NUMBERS, NUMBER, NUMBERS))
def _moments(t: Any, lam: Any, ridge: Any, omega: float, work: Any) -> int:
    """Factor K and find the inverse on the pattern and the mean of (u, β); 1 if K is positive definite."""
    W, T = offset(work, t[N_DIAGONAL]), _tail(t, work)
    if factorize(t, lam, ridge, omega, work, W, T, offset(T, t[SIZE] * t[SIZE])) == 0:
        return 0
    solve_and_invert(t, work, W, T, _mean(t, work), _inverse(t, work))
    return 1


# The tables of the sets, as remove_rows and remove_subtrees make them.
NODE, POSITIONS, START, ORDER, CELL_ROWS, CELL_GROUPS, N_CELLS, WIDTH, TOUCHED, N_TOUCHED, N = range(11)
TREE_N, TREE_START, PRODUCTS, BELOW_START, BELOW, BELOW_H, IDENTITY, PLACE, FIRST_NODE, LEVELS = range(10)


@routine(types.void(INTEGERS, INTEGER, NUMBERS, NUMBERS, NUMBERS, INTEGERS, NUMBERS, NUMBERS))
def _remove_rows(t: Any, S: int, lam: Any, ridge: Any, omega: Any, cells: Any, work: Any, out: Any) -> None:
    k_max, k_group, n, width, size = t[K_MAX], integers(t[K_GROUP]), cells[N], cells[WIDTH], cells[TOUCHED]
    node, positions, start = integers(cells[NODE]), integers(cells[POSITIONS]), integers(cells[START])
    order, rows, groups = integers(cells[ORDER]), numbers(cells[CELL_ROWS]), integers(cells[CELL_GROUPS])
    square, P = k_max * k_max, _rest(t, work)
    zeta = offset(P, size * size)
    for s in range(S):
        point, found = offset(lam, s * t[N_GROUPS] * square), offset(out, s * n)
        if _moments(t, point, ridge, omega[s], work) == 0:
            for i in range(n):
                found[i] = np.nan
            continue
        for c in range(cells[N_CELLS]):
            _gather(t, 0, node[c], offset(positions, c * width), width, work, P, zeta)
            at = 0
            for g in range(cells[N_TOUCHED]):  # ΛPΛ' and Λζ: the rows are those of [Z X], without Λ
                k = k_group[groups[g]]
                factor = offset(point, groups[g] * square)
                _scale(size, offset(P, at * size), offset(P, at), offset(zeta, at), factor, k_max, k)
                at += k
            for i in range(start[c], start[c + 1]):
                found[order[i]] = _row_density(size, P, zeta, omega[s], offset(rows, i * (size + 1)))


@routine(types.void(INTEGERS, INTEGER, NUMBERS, NUMBERS, NUMBERS, INTEGERS, NUMBERS, NUMBERS))
def _remove_subtrees(
    t: Any, S: int, lam: Any, ridge: Any, omega: Any, trees: Any, work: Any, out: Any
) -> None:
    H, h, levels, tail_start = t[FACTORS], trees[PLACE], trees[LEVELS], integers(t[TAIL_START])
    n_rows, identity = integers(trees[TREE_N]), integers(trees[IDENTITY])
    step = t[N_GROUPS] * t[K_MAX] * t[K_MAX]
    base = integers(t[K])[h] + integers(t[ANCESTOR_START])[h * H + h]
    P = _rest(t, work)
    for s in range(S):
        point = offset(lam, s * step)
        fine = _moments(t, point, ridge, omega[s], work)
        for j in range(levels):
            if fine == 0:
                out[s * levels + j] = np.nan
                continue
            v = trees[FIRST_NODE] + j
            width = tail_start[v + 1] - tail_start[v] - 1
            size = base + width
            B = offset(P, size * size)
            zeta = offset(B, (size + 1) * (size + 1))
            log_det = _products(t, point, work, trees, j, size + 1, B)
            _gather(t, h, v, identity, width, work, P, zeta)
            value = log_det + n_rows[j] * (LOG_2PI + np.log(omega[s]))
            out[s * levels + j] = -0.5 * (value + _mahalanobis(size, P, zeta, B, omega[s]))


@numba.njit(error_model="numpy")
def _row_density(size: int, P: Any, zeta: Any, omega: float, row: Any) -> float:
    """log p(y_i | y_−i) of a row (size + 1,) [w | y]."""
    leverage, residual = 0.0, row[size]
    for a in range(size):
        value, own = row[a], offset(P, a * size)
        total = 0.5 * own[a] * value
        for b in range(a):
            total += own[b] * row[b]
        leverage += 2.0 * total * value
        residual -= value * zeta[a]
    left = 1.0 - leverage
    if left > LEAST:
        return 0.5 * (np.log(left / omega) - residual * residual / (omega * left) - LOG_2PI)
    return np.nan


@routine(types.void(INTEGERS, INTEGER, INTEGER, INTEGERS, INTEGER, NUMBERS, NUMBERS, NUMBERS))
def _gather(t: Any, h: int, v: int, positions: Any, w: int, work: Any, P: Any, zeta: Any) -> None:
    """P and ζ̂ on the columns of a node v of factor h: own | ancestors' | those of its w tail columns."""
    H, m, k_of, ancestor_start = t[FACTORS], t[SIZE], integers(t[K]), integers(t[ANCESTOR_START])
    tail_start, row_start, relative = integers(t[TAIL_START]), integers(t[ROW_START]), integers(t[RELATIVE])
    u, T, PD = _mean(t, work), _tail(t, work), _inverse(t, work)
    x, PW = offset(u, t[Q_HEAD]), offset(PD, t[N_DIAGONAL])
    t0 = tail_start[v]
    base = k_of[h] + ancestor_start[h * H + h]
    size, at = base + w, 0
    for j in range(h, H):
        a = v if j == h else integers(t[ANCESTORS])[v * H + j]
        k, wa = k_of[j], ancestor_start[j * H + j]
        width = wa + tail_start[a + 1] - tail_start[a]
        for r in range(k):
            own, row = at + r, offset(PW, row_start[a] + r * width)
            block = offset(PD, integers(t[DIAGONAL_START])[a] + r * k)
            zeta[own] = u[integers(t[U_START])[a] + r]
            for c in range(k):
                P[own * size + at + c] = block[c]
            for c in range(wa):
                P[own * size + at + k + c] = P[(at + k + c) * size + own] = row[c]
            for i in range(w):
                place = positions[i] if j == h else relative[(t0 + positions[i]) * H + j]
                P[own * size + base + i] = P[(base + i) * size + own] = row[wa + place]
        at += k
    columns = offset(integers(t[TAIL_COLUMNS]), t0)
    for i in range(w):
        column = columns[positions[i]]
        zeta[base + i] = x[column]
        for c in range(w):
            P[(base + i) * size + base + c] = T[column * m + columns[positions[c]]]


@numba.njit(error_model="numpy")
def _scale(size: int, rows: Any, columns: Any, zeta: Any, lam: Any, k_max: int, k: int) -> None:
    """P ← ΛPΛ' and ζ ← Λζ for a block λ of k columns, in place: P's rows, its columns and ζ from there."""
    for r in range(k - 1, -1, -1):
        row = offset(rows, r * size)
        zeta[r] *= lam[r * k_max + r]
        for c in range(size):
            row[c] *= lam[r * k_max + r]
        for q in range(r):
            factor, other = lam[r * k_max + q], offset(rows, q * size)
            zeta[r] += factor * zeta[q]
            for c in range(size):
                row[c] += factor * other[c]
    for c in range(size):
        row = offset(columns, c * size)
        for r in range(k - 1, -1, -1):
            value = lam[r * k_max + r] * row[r]
            for q in range(r):
                value += lam[r * k_max + q] * row[q]
            row[r] = value


@routine(NUMBER(INTEGERS, NUMBERS, NUMBERS, INTEGERS, INTEGER, INTEGER, NUMBERS))
def _products(t: Any, lam: Any, work: Any, trees: Any, j: int, size: int, B: Any) -> float:
    """B (size, size) = [W y]'(I + W_DW_D')⁻¹[W y] of the level j; gives log|I + W_DW_D'|."""
    H, k_max, h, v = t[FACTORS], t[K_MAX], trees[PLACE], trees[FIRST_NODE] + j
    k_of, ancestor_start = integers(t[K]), integers(t[ANCESTOR_START])
    tail_start, relative = integers(t[TAIL_START]), integers(t[RELATIVE])
    entry_start, below_start = integers(t[ENTRY_START]), integers(trees[BELOW_START])
    square, D, W = k_max * k_max, work, offset(work, t[N_DIAGONAL])
    products = offset(numbers(trees[PRODUCTS]), integers(trees[TREE_START])[j])
    for i in range(size * size):
        B[i] = products[i]
    at = 0
    n_entries = entry_start[v + 1] - entry_start[v]
    for e in range(H - h + n_entries):  # itself, its ancestors, then the levels of the tail's factors
        i = h + e
        g = integers(t[GROUPS])[i] if i < H else integers(t[ENTRY_GROUP])[entry_start[v] + i - H]
        k = integers(t[K_GROUP])[g]
        factor = offset(lam, g * square)
        _scale_products(size, offset(B, at * size), offset(B, at), factor, k_max, k)
        at += k
    base = k_of[h] + ancestor_start[h * H + h]
    log_det = 0.0
    for i in range(below_start[j], below_start[j + 1]):
        d, level = integers(trees[BELOW])[i], integers(trees[BELOW_H])[i]
        k, wa, skipped = k_of[level], ancestor_start[level * H + level], ancestor_start[level * H + h]
        t0 = tail_start[d]
        wt = tail_start[d + 1] - t0
        for r in range(k):
            log_det += 2.0 * np.log(D[integers(t[DIAGONAL_START])[d] + r * k + r])
            row = offset(W, integers(t[ROW_START])[d] + r * (wa + wt))
            for a in range(skipped, wa):
                for b in range(skipped, a + 1):
                    B[(a - skipped) * size + b - skipped] -= row[a] * row[b]
            for a in range(wt):
                value = row[wa + a]
                target = offset(B, (base + relative[(t0 + a) * H + h]) * size)
                for b in range(skipped, wa):
                    target[b - skipped] -= value * row[b]
                for b in range(a + 1):
                    target[base + relative[(t0 + b) * H + h]] -= value * row[wa + b]
    for a in range(size):
        for b in range(a):
            B[b * size + a] = B[a * size + b]
    return log_det


@numba.njit(error_model="numpy")
def _scale_products(size: int, rows: Any, columns: Any, lam: Any, k_max: int, k: int) -> None:
    """B ← Λ'BΛ for a block λ of k columns, in place: B's rows and its columns from there."""
    for r in range(k):
        row = offset(rows, r * size)
        for c in range(size):
            row[c] *= lam[r * k_max + r]
        for q in range(r + 1, k):
            factor, other = lam[q * k_max + r], offset(rows, q * size)
            for c in range(size):
                row[c] += factor * other[c]
    for c in range(size):
        row = offset(columns, c * size)
        for r in range(k):
            value = lam[r * k_max + r] * row[r]
            for q in range(r + 1, k):
                value += lam[q * k_max + r] * row[q]
            row[r] = value


@routine(NUMBER(INTEGER, NUMBERS, NUMBERS, NUMBERS, NUMBER))
def _mahalanobis(size: int, P: Any, zeta: Any, B: Any, omega: float) -> float:
    """−log|I − L'HL| + (|y − Wζ̂|² + r'L(I − L'HL)⁻¹L'r)/ω, for B = [W y]'[W y] and P = LL'.

    P is overwritten by L, ζ̂ by L'r; nan where no digits are left. Room for r and for two matrices of P's
    size lies behind ζ̂.
    """
    r = offset(zeta, size)
    G = offset(r, size)
    HL = offset(G, size * size)
    squares, log_det = B[(size + 1) * (size + 1) - 1], 0.0
    for i in range(size):
        row = offset(B, i * (size + 1))
        total = row[size]
        for q in range(size):
            total -= row[q] * zeta[q]
        r[i] = total
        squares -= (row[size] + total) * zeta[i]
    if not _factor(size, P, 0.0):
        return np.nan
    for i in range(size * size):
        G[i] = HL[i] = 0.0
    for i in range(size):  # the loops inside run along rows
        for q in range(size):
            value = B[i * (size + 1) + q]
            for c in range(q + 1):
                HL[i * size + c] += value * P[q * size + c]
    for q in range(size):
        for i in range(q + 1):
            value = P[q * size + i]
            for c in range(i + 1):
                G[i * size + c] -= value * HL[q * size + c]
    for i in range(size):
        G[i * size + i] += 1.0
        total = 0.0
        for q in range(i, size):
            total += P[q * size + i] * r[q]
        zeta[i] = total
    if not _factor(size, G, LEAST):
        return np.nan
    for i in range(size):
        row = offset(G, i * size)
        total = zeta[i]
        for q in range(i):
            total -= row[q] * r[q]
        r[i] = total / row[i]
        squares += r[i] * r[i]
        log_det -= 2.0 * np.log(row[i])
    return squares / omega + log_det


@numba.njit(error_model="numpy")
def _factor(size: int, A: Any, least: float) -> bool:
    """L of A's lower triangle, in place; whether every pivot was above ``least``."""
    for i in range(size):
        own = offset(A, i * size)
        for j in range(i):
            other = offset(A, j * size)
            total = own[j]
            for q in range(j):
                total -= own[q] * other[q]
            own[j] = total / other[j]
        pivot = own[i]
        for q in range(i):
            pivot -= own[q] * own[q]
        if not pivot > least:
            return False
        own[i] = np.sqrt(pivot)
    return True
