"""Compiled: log p(y_A | y_−A) of sets of rows A, from the inverse of K on the factor's pattern.

Let S be the columns of [ZΛ X] that the rows A touch, W their rows, P = K⁻¹ on S, ζ̂ the mean of (u, β) given
all data, H = W'W, and r = W'(y_A − Wζ̂). With ω = σ², all in the whitened coordinates,

    −2 log p(y_A | y_−A) = n_A log 2πω − log|I − L'HL| + (|y_A − Wζ̂|² + r'L(I − L'HL)⁻¹L'r)/ω,   P = LL',

which for one row with leverage h = w'Pw is log 2πω − log(1 − h) + (y − w'ζ̂)²/(ω(1 − h)).

Random effects u_D that no other row touches, those of the nodes below the level left out, are integrated out
first: W'W, W'y and y'y become those of (I + W_DW_D')^(−1/2)[W y], which the factor's rows give, and
log|I + W_DW_D'| is added. Notation and layout are those of :mod:`bayesmm.likelihood.elimination`.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from bayesmm.likelihood.dense import factor, invert, last_row_solution
from bayesmm.likelihood.elimination import back_substitute, eliminate_head, fill_head, fill_tail
from bayesmm.likelihood.inversion import invert_head
from bayesmm.likelihood.layout import Head, Tail
from bayesmm.likelihood.units import Cells, Subtrees

LOG_2PI = np.log(2 * np.pi)
LEAST = 1e-12
"""The smallest 1 − h, or pivot of I − L'HL, in which digits are left; the result is nan below it.

It is the share that the other rows and the priors have in what is known of some direction of (u, β): so
little only where A alone tells of a coefficient whose prior is a million times as wide as σ.
"""


@numba.njit(cache=True, nogil=True, error_model="numpy")
def remove_rows(
    head: Head,
    tail: Tail,
    k_group: np.ndarray,
    u_start: np.ndarray,
    lam: np.ndarray,
    ridge: np.ndarray,
    omega: np.ndarray,
    cells: Cells,
    out: np.ndarray,
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
    work = _workspace(head, tail, u_start)
    t = cells.rows.shape[1] - 1
    P, zeta = np.empty((t, t)), np.empty(t)
    for s in range(lam.shape[0]):
        if not _moments(head, tail, k_group, u_start, lam[s], ridge, omega[s], work):
            out[s] = np.nan
            continue
        for c in range(cells.node.shape[0]):
            _gather(head, u_start, 0, cells.node[c], cells.positions[c], work, P, zeta)
            at = 0
            for g in cells.groups:  # ΛPΛ' and Λζ: the rows are those of [Z X], without Λ
                _scale(P, zeta, lam[s, g], at, k_group[g])
                at += k_group[g]
            rows = slice(cells.start[c], cells.start[c + 1])
            _row_densities(P, zeta, omega[s], cells.rows[rows], cells.order[rows], out[s])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def remove_subtrees(
    head: Head,
    tail: Tail,
    k_group: np.ndarray,
    u_start: np.ndarray,
    lam: np.ndarray,
    ridge: np.ndarray,
    omega: np.ndarray,
    trees: Subtrees,
    out: np.ndarray,
) -> None:
    """out (S, ℓ) = log p(y_A | y_−A) of all whitened rows of each level; the arguments as in the other."""
    work, h = _workspace(head, tail, u_start), trees.h
    t, B, P, zeta = 0, np.empty((1, 1)), np.empty((0, 0)), np.empty(0)
    positions = np.arange(0)
    for s in range(lam.shape[0]):
        if not _moments(head, tail, k_group, u_start, lam[s], ridge, omega[s], work):
            out[s] = np.nan
            continue
        for j in range(trees.n.shape[0]):
            v = trees.first + j
            wt = head.tail_start[v + 1] - head.tail_start[v] - 1
            size = head.k[h] + head.ancestor_start[h, h] + wt
            if size != t:
                t, B, P, zeta = size, np.empty((size + 1, size + 1)), np.empty((size, size)), np.empty(size)
                positions = np.arange(wt)
            log_det = _products(head, k_group, lam[s], work, trees, j, B)
            _gather(head, u_start, h, v, positions, work, P, zeta)
            log_det, squares = _mahalanobis(P, zeta, B, log_det)
            out[s, j] = -0.5 * (trees.n[j] * (LOG_2PI + np.log(omega[s])) + log_det + squares / omega[s])


class Work(NamedTuple):
    """One point's factor and moments.

    ``D``, ``W``, ``T`` the factor, T then the tail's inverse; ``PD``, ``PW`` the rest of the inverse on its
    pattern, X included; ``u``, ``x`` the mean of (u, β), x with y's −1 in the last place.
    """

    D: np.ndarray
    W: np.ndarray
    T: np.ndarray
    PD: np.ndarray
    PW: np.ndarray
    u: np.ndarray
    x: np.ndarray


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _workspace(head: Head, tail: Tail, u_start: np.ndarray) -> Work:
    blocks, rows, m = head.diagonal.shape[0], head.rows.shape[0], tail.group.shape[0]
    return Work(
        np.empty(blocks),
        np.empty(rows),
        np.empty((m, m)),
        np.empty(blocks),
        np.empty(rows),
        np.empty(u_start[-1]),
        np.empty(m),
    )


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _moments(
    head: Head,
    tail: Tail,
    k_group: np.ndarray,
    u_start: np.ndarray,
    lam: np.ndarray,
    ridge: np.ndarray,
    omega: float,
    work: Work,
) -> bool:
    """Factor K and find the inverse on the pattern and the mean of (u, β); whether K is positive definite."""
    T, m = work.T, work.T.shape[0]
    q_tail = m - ridge.shape[0]
    fill_head(head, lam, k_group, work.D, work.W)
    fill_tail(tail, lam, T)
    for i in range(q_tail, m):
        for j in range(q_tail, i + 1):
            T[i, j] += omega * ridge[i - q_tail, j - q_tail]
    log_det = eliminate_head(head, work.D, work.W, T)
    if not factor(T) or not np.isfinite(log_det):
        return False
    work.x[:] = last_row_solution(T)
    work.u[:] = 0.0
    back_substitute(head, u_start, work.D, work.W, work.x, work.u)
    invert(T, m - 1)
    invert_head(head, work.D, work.W, T, work.PD, work.PW)
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _row_densities(
    P: np.ndarray, zeta: np.ndarray, omega: float, rows: np.ndarray, order: np.ndarray, out: np.ndarray
) -> None:
    """log p(y_i | y_−i) of rows (r, t + 1) [w | y] that share P and ζ̂."""
    t = P.shape[0]
    for i in range(rows.shape[0]):
        leverage, residual = 0.0, rows[i, t]
        for a in range(t):
            value = rows[i, a]
            total = 0.5 * P[a, a] * value
            for b in range(a):
                total += P[a, b] * rows[i, b]
            leverage += 2.0 * total * value
            residual -= value * zeta[a]
        left = 1.0 - leverage
        if left > LEAST:
            out[order[i]] = 0.5 * (np.log(left / omega) - residual**2 / (omega * left) - LOG_2PI)
        else:
            out[order[i]] = np.nan


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _gather(
    head: Head,
    u_start: np.ndarray,
    h: int,
    v: int,
    positions: np.ndarray,
    work: Work,
    P: np.ndarray,
    zeta: np.ndarray,
) -> None:
    """P and ζ̂ on the columns of a node v of factor h: own | ancestors' | those of its tail columns."""
    H, w, t0 = head.k.shape[0], positions.shape[0], head.tail_start[v]
    base = head.k[h] + head.ancestor_start[h, h]
    at = 0
    for j in range(h, H):
        a = v if j == h else head.ancestors[v, j]
        k, wa = head.k[j], head.ancestor_start[j, j]
        width = wa + head.tail_start[a + 1] - head.tail_start[a]
        for r in range(k):
            own, d0, w0 = at + r, head.diagonal_start[a] + r * k, head.row_start[a] + r * width
            zeta[own] = work.u[u_start[a] + r]
            for c in range(k):
                P[own, at + c] = work.PD[d0 + c]
            for c in range(wa):
                P[own, at + k + c] = P[at + k + c, own] = work.PW[w0 + c]
            for i in range(w):
                place = positions[i] if j == h else head.relative[t0 + positions[i], j]
                P[own, base + i] = P[base + i, own] = work.PW[w0 + wa + place]
        at += k
    for i in range(w):
        column = head.tail_columns[t0 + positions[i]]
        zeta[base + i] = work.x[column]
        for c in range(w):
            P[base + i, base + c] = work.T[column, head.tail_columns[t0 + positions[c]]]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _scale(P: np.ndarray, zeta: np.ndarray, lam: np.ndarray, at: int, k: int) -> None:
    """P ← ΛPΛ' and ζ ← Λζ for the block λ of k columns that begins at ``at``, in place."""
    t = P.shape[0]
    for r in range(k - 1, -1, -1):
        zeta[at + r] *= lam[r, r]
        for c in range(t):
            P[at + r, c] *= lam[r, r]
        for q in range(r):
            zeta[at + r] += lam[r, q] * zeta[at + q]
            for c in range(t):
                P[at + r, c] += lam[r, q] * P[at + q, c]
    for c in range(t):
        for r in range(k - 1, -1, -1):
            value = lam[r, r] * P[c, at + r]
            for q in range(r):
                value += lam[r, q] * P[c, at + q]
            P[c, at + r] = value


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _products(
    head: Head,
    k_group: np.ndarray,
    lam: np.ndarray,
    work: Work,
    trees: Subtrees,
    j: int,
    B: np.ndarray,
) -> float:
    """B (t + 1, t + 1) = [W y]'(I + W_DW_D')⁻¹[W y] of the level j; gives log|I + W_DW_D'|."""
    h, v, size = trees.h, trees.first + j, B.shape[0]
    at = trees.start[j]
    for a in range(size):
        for b in range(size):
            B[a, b] = trees.products[at + a * size + b]
    at = 0
    for i in range(h, head.k.shape[0]):
        _scale_products(B, lam[head.groups[i]], at, head.k[i])
        at += head.k[i]
    for e in range(head.entry_start[v], head.entry_start[v + 1]):
        g = head.entry_group[e]
        _scale_products(B, lam[g], at, k_group[g])
        at += k_group[g]
    base = head.k[h] + head.ancestor_start[h, h]
    log_det = 0.0
    for i in range(trees.below_start[j], trees.below_start[j + 1]):
        d, level = trees.below[i], trees.below_h[i]
        k, wa, skipped = head.k[level], head.ancestor_start[level, level], head.ancestor_start[level, h]
        t0 = head.tail_start[d]
        wt = head.tail_start[d + 1] - t0
        for r in range(k):
            log_det += 2.0 * np.log(work.D[head.diagonal_start[d] + r * k + r])
            row = head.row_start[d] + r * (wa + wt)
            for a in range(skipped, wa):
                value = work.W[row + a]
                for b in range(skipped, a + 1):
                    B[a - skipped, b - skipped] -= value * work.W[row + b]
            for a in range(wt):
                value, place = work.W[row + wa + a], base + head.relative[t0 + a, h]
                for b in range(skipped, wa):
                    B[place, b - skipped] -= value * work.W[row + b]
                for b in range(a + 1):
                    B[place, base + head.relative[t0 + b, h]] -= value * work.W[row + wa + b]
    for a in range(size):
        for b in range(a):
            B[b, a] = B[a, b]
    return log_det


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _scale_products(B: np.ndarray, lam: np.ndarray, at: int, k: int) -> None:
    """B ← Λ'BΛ for the block λ of k columns that begins at ``at``, in place."""
    size = B.shape[0]
    for r in range(k):
        for c in range(size):
            B[at + r, c] *= lam[r, r]
        for q in range(r + 1, k):
            for c in range(size):
                B[at + r, c] += lam[q, r] * B[at + q, c]
    for c in range(size):
        for r in range(k):
            value = lam[r, r] * B[c, at + r]
            for q in range(r + 1, k):
                value += lam[q, r] * B[c, at + q]
            B[c, at + r] = value


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mahalanobis(P: np.ndarray, zeta: np.ndarray, B: np.ndarray, log_det: float) -> tuple[float, float]:
    """log_det − log|I − L'HL| and |y − Wζ̂|² + r'L(I − L'HL)⁻¹L'r, for B = [W y]'[W y] and P = LL'.

    P is overwritten by L, ζ̂ by L'r.
    """
    t = P.shape[0]
    squares = B[t, t]
    r = np.empty(t)
    for i in range(t):
        total = B[i, t]
        for q in range(t):
            total -= B[i, q] * zeta[q]
        r[i] = total
        squares -= (B[i, t] + total) * zeta[i]
    if not _factor(P, 0.0):
        return np.nan, np.nan
    G, HL = np.zeros((t, t)), np.zeros((t, t))
    for i in range(t):  # the loops inside run along rows
        for q in range(t):
            value = B[i, q]
            for c in range(q + 1):
                HL[i, c] += value * P[q, c]
    for q in range(t):
        for i in range(q + 1):
            value = P[q, i]
            for c in range(i + 1):
                G[i, c] -= value * HL[q, c]
    for i in range(t):
        G[i, i] += 1.0
        total = 0.0
        for q in range(i, t):
            total += P[q, i] * r[q]
        zeta[i] = total
    if not _factor(G, LEAST):
        return np.nan, np.nan
    for i in range(t):
        total = zeta[i]
        for q in range(i):
            total -= G[i, q] * r[q]
        r[i] = total / G[i, i]
        squares += r[i] ** 2
        log_det -= 2.0 * np.log(G[i, i])
    return log_det, squares


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _factor(A: np.ndarray, least: float) -> bool:
    """L of A's lower triangle, in place; whether every pivot was above ``least``."""
    for i in range(A.shape[0]):
        for j in range(i):
            total = A[i, j]
            for q in range(j):
                total -= A[i, q] * A[j, q]
            A[i, j] = total / A[j, j]
        pivot = A[i, i]
        for q in range(i):
            pivot -= A[i, q] ** 2
        if not pivot > least:
            return False
        A[i, i] = np.sqrt(pivot)
    return True
