"""Compiled: the likelihood of one grouping factor, from what its levels' cross-products come to.

At each level A_j = Z_j'Z_j = CC', C (k, k) lower triangular, and Z_j'[X y] = C G, G (k, c), c = p + 1; a
column of C with a zero pivot is zero, and so is its row of G. With F = [X y]'[X y] − Σ G'G, what varies
within levels, and for given λ

    K = I + C'λλ'C = LL',   E = L⁻¹G,   D = L⁻¹C',

there is log|M| = Σ log|K| and S = F + Σ E'E = [X y]'V⁻¹[X y]: sums of squares, so that no digits are lost
where λ is large, and no division by λ, so that all holds where it is singular. S's Cholesky factor gives
log|C| and r².

The derivatives are taken in Ψ = λλ', in the directions of its lower triangle's entries. With ζ = (β̂, −1),
C̄ = C⁻¹ bordered by zeros, W = (m/r²)ζζ' + δC̄, H_j = D'D = A(I + ΨA)⁻¹, E_j = D'E = (I + AΨ)⁻¹Z_j'[X y],
P_j = E_jWE_j' and X_p = ΣE_j'Δ_pE_j the criterion log|M| + δ log|C| + m log r² has

    gradient_p = Σ tr((H_j − P_j)Δ_p)
    Hessian_pq = Σ[−tr(H_jΔ_pH_jΔ_q) + 2 tr(P_jΔ_pH_jΔ_q)]
                 − m[2 ζ'X_pC̄X_qζ/r² + (ζ'X_pζ)(ζ'X_qζ)/r⁴] − δ tr(C̄X_pC̄X_q).

Levels are worked on in tiles, each number of a level an array over the levels of the tile: loops run over
these "lanes", and use the whole width of the processor whatever k is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from bayesmm.blocks.kernels.dense import factor, invert, last_row_solution
from bayesmm.blocks.kernels.lanes import add_product, dot
from bayesmm.blocks.kernels.routine import INTEGER, NUMBER, NUMBERS, REORDERED, offset, routine

LANES = 128
"""Levels in a tile."""
FLAT = 1e-14
"""A pivot of A_j, relative to its diagonal, that is rounding."""
FULL = 1e100
"""A product of determinants beyond which its logarithm is taken."""


@routine(types.void(INTEGER, INTEGER, INTEGER, NUMBERS, NUMBERS, NUMBERS), fastmath=REORDERED)
def reduce_levels(k: int, c: int, levels: int, A: Any, B: Any, F: Any) -> None:
    """A → C, B → G, in place, and F − ΣG'G.

    Parameters
    ----------
    A
        (k(k + 1)/2, ℓ) the lower triangles' rows one after the other; overwritten by C.
    B
        (k, c, ℓ) Z_j'[X y]; overwritten by G.
    F
        (c, c) [X y]'[X y], of which the lower triangle counts; what varies within levels, on return.
    """
    for first in range(0, levels, LANES):
        m = levels - first if levels - first < LANES else LANES
        for a in range(k):
            diagonal = offset(A, (a * (a + 1) // 2 + a) * levels + first)
            for b in range(a):
                entry = offset(A, (a * (a + 1) // 2 + b) * levels + first)
                for d in range(b):
                    left = offset(A, (a * (a + 1) // 2 + d) * levels + first)
                    right = offset(A, (b * (b + 1) // 2 + d) * levels + first)
                    add_product(m, -1.0, left, right, entry)
                pivot = offset(A, (b * (b + 1) // 2 + b) * levels + first)
                for i in range(m):
                    entry[i] = entry[i] / pivot[i] if pivot[i] > 0.0 else 0.0
            for i in range(m):
                rest = diagonal[i]
                for b in range(a):
                    value = A[(a * (a + 1) // 2 + b) * levels + first + i]
                    rest -= value * value
                diagonal[i] = np.sqrt(rest) if rest > FLAT * diagonal[i] else 0.0
            for j in range(c):
                entry = offset(B, (a * c + j) * levels + first)
                for b in range(a):
                    left = offset(A, (a * (a + 1) // 2 + b) * levels + first)
                    right = offset(B, (b * c + j) * levels + first)
                    add_product(m, -1.0, left, right, entry)
                for i in range(m):
                    entry[i] = entry[i] / diagonal[i] if diagonal[i] > 0.0 else 0.0
        for j in range(c):
            for h in range(j + 1):
                for a in range(k):
                    left = offset(B, (a * c + j) * levels + first)
                    F[j * c + h] -= dot(m, left, offset(B, (a * c + h) * levels + first))


@routine(
    types.void(INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    fastmath=REORDERED,
)
def factor_tile(k: int, c: int, levels: int, first: int, m: int, C: Any, G: Any, lam: Any, work: Any) -> None:
    """K's factor and E of the levels ``first`` to ``first + m``.

    Parameters
    ----------
    lam
        (k, k) λ.
    work
        Arrays over the tile, filled: |K|; the inverses of L's diagonal (k); L below it, in the places of a
        (k, k) array, whose first use is C'λ in another (k, k); E (k, c).
    """
    det, V = work, offset(work, (1 + k) * LANES)
    L, E = offset(V, k * k * LANES), offset(V, 2 * k * k * LANES)
    for a in range(k):
        for b in range(k):
            out = offset(V, (a * k + b) * LANES)
            for i in range(m):
                out[i] = 0.0
            for d in range(a if a > b else b, k):
                weight, entry = lam[d * k + b], offset(C, (d * (d + 1) // 2 + a) * levels + first)
                if weight != 0.0:
                    for i in range(m):
                        out[i] += weight * entry[i]
    for i in range(m):
        det[i] = 1.0
    for a in range(k):
        for b in range(a + 1):
            out, one = offset(L, (a * k + b) * LANES), 1.0 if a == b else 0.0
            for i in range(m):
                out[i] = one
            for d in range(k):
                add_product(m, 1.0, offset(V, (a * k + d) * LANES), offset(V, (b * k + d) * LANES), out)
            for d in range(b):
                add_product(m, -1.0, offset(L, (a * k + d) * LANES), offset(L, (b * k + d) * LANES), out)
            inverse = offset(work, (1 + b) * LANES)
            if a == b:
                for i in range(m):
                    det[i] *= out[i]
                    inverse[i] = 1.0 / np.sqrt(out[i])
            else:
                for i in range(m):
                    out[i] *= inverse[i]
        inverse = offset(work, (1 + a) * LANES)
        for j in range(c):
            out, entry = offset(E, (a * c + j) * LANES), offset(G, (a * c + j) * levels + first)
            for i in range(m):
                out[i] = entry[i]
            for d in range(a):
                add_product(m, -1.0, offset(L, (a * k + d) * LANES), offset(E, (d * c + j) * LANES), out)
            for i in range(m):
                out[i] *= inverse[i]


@routine(
    types.void(
        INTEGER, INTEGER, INTEGER, NUMBERS, NUMBERS, NUMBERS, INTEGER, NUMBERS, NUMBERS, NUMBERS, NUMBERS
    ),
    fastmath=REORDERED,
)
def values_at(
    k: int,
    c: int,
    levels: int,
    C: Any,
    G: Any,
    F: Any,
    points: int,
    lam: Any,
    work: Any,
    S: Any,
    out: Any,
) -> None:
    """log|M|, log|C| and r² at some points; nan where S isn't positive definite.

    Parameters
    ----------
    C, G, F
        As :func:`reduce_levels` leaves them.
    lam
        (points, k, k).
    work
        Memory for the tiles.
    S
        (c, c) left with the last point's Cholesky factor.
    out
        (points, 3) filled.
    """
    E = offset(work, (1 + k + 2 * k * k) * LANES)
    for s in range(points):
        for i in range(c * c):
            S[i] = F[i]
        log_det, product = 0.0, 1.0
        for first in range(0, levels, LANES):
            m = levels - first if levels - first < LANES else LANES
            factor_tile(k, c, levels, first, m, C, G, offset(lam, s * k * k), work)
            for i in range(m):
                if product > FULL or work[i] > FULL:
                    log_det += np.log(product)
                    product = 1.0
                product *= work[i]
            for j in range(c):
                for h in range(j + 1):
                    for a in range(k):
                        left = offset(E, (a * c + j) * LANES)
                        S[j * c + h] += dot(m, left, offset(E, (a * c + h) * LANES))
        log_det += np.log(product)
        found = offset(out, 3 * s)
        found[0] = found[1] = found[2] = np.nan
        if factor(c, S) == 1:
            log_det_C = 0.0
            for j in range(c - 1):
                log_det_C += 2.0 * np.log(S[j * c + j])
            found[0], found[1], found[2] = log_det, log_det_C, S[c * c - 1] * S[c * c - 1]


@routine(
    types.void(
        INTEGER,
        INTEGER,
        INTEGER,
        NUMBERS,
        NUMBERS,
        NUMBERS,
        NUMBER,
        NUMBER,
        NUMBERS,
        NUMBERS,
        NUMBERS,
        NUMBERS,
    ),
    fastmath=REORDERED,
)
def derivatives_at(
    k: int,
    c: int,
    levels: int,
    C: Any,
    G: Any,
    F: Any,
    degrees: float,
    with_fixed: float,
    lam: Any,
    work: Any,
    S: Any,
    out: Any,
) -> None:
    """The same at one point, with the gradient and the Hessian of the criterion in Ψ.

    Parameters
    ----------
    C, G, F, lam, work, S
        As for :func:`values_at`; S (2, c, c) is left with its factor and with C̄, ``work`` is larger.
    degrees, with_fixed
        m and δ.
    out
        Filled: log|M|, log|C|, r²; ζ (c,); with q = k(k + 1)/2 the sums over levels of H_j (q,), P_j (q,),
        H_j ⊗ H_j (q, q), P_j ⊗ H_j (q, q) and X (q, c, c); and the Hessian (q, q).
    """
    q, whole = k * (k + 1) // 2, offset(S, c * c)
    values_at(k, c, levels, C, G, F, 1, lam, work, S, out)
    z, H = offset(out, 3), offset(out, 3 + c)
    X = offset(H, 2 * q + 2 * q * q)
    hessian = offset(X, q * c * c)
    for i in range(2 * q + 3 * q * q + q * c * c):
        H[i] = 0.0
    if not np.isfinite(out[2]):
        return
    last_row_solution(c, S, z)
    for i in range(c * c):
        whole[i] = S[i]
    invert(c, c - 1, whole)
    W, kappa = work, degrees / out[2]
    for i in range(c):
        for j in range(c):
            W[i * c + j] = kappa * z[i] * z[j] + with_fixed * whole[i * c + j]
    tiles = offset(work, c * c)
    for first in range(0, levels, LANES):
        m = levels - first if levels - first < LANES else LANES
        factor_tile(k, c, levels, first, m, C, G, lam, tiles)
        add_tile(k, c, levels, first, m, C, W, tiles, H)
    for v in range(q):
        for w in range(v):
            HH = offset(H, 2 * q)
            HH[w * q + v] = HH[v * q + w]
        for i in range(c):
            for j in range(i):
                X[(v * c + j) * c + i] = X[(v * c + i) * c + j]
    curve(k, c, degrees, with_fixed, out[2], z, whole, work, H, hessian)


@routine(
    types.void(INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    fastmath=REORDERED,
)
def add_tile(k: int, c: int, levels: int, first: int, m: int, C: Any, W: Any, tiles: Any, sums: Any) -> None:
    """Add the sums over the levels of a tile to ``sums``, which are laid out as :func:`derivatives_at` says.

    ``tiles`` are as :func:`factor_tile` leaves them; behind them is memory for L⁻¹C' (k, k), H_j and P_j (q
    each), E_j (k, c), and a row of E_jW (c).
    """
    q, L = k * (k + 1) // 2, offset(tiles, (1 + k + k * k) * LANES)
    E = offset(L, k * k * LANES)
    D = offset(E, k * c * LANES)
    H = offset(D, k * k * LANES)
    P, EH = offset(H, q * LANES), offset(H, 2 * q * LANES)
    EW = offset(EH, k * c * LANES)
    for a in range(k):
        inverse = offset(tiles, (1 + a) * LANES)
        for b in range(k):
            out = offset(D, (a * k + b) * LANES)
            for i in range(m):
                out[i] = 0.0
            if b >= a:
                entry = offset(C, (b * (b + 1) // 2 + a) * levels + first)
                for i in range(m):
                    out[i] = entry[i]
            for d in range(a):
                add_product(m, -1.0, offset(L, (a * k + d) * LANES), offset(D, (d * k + b) * LANES), out)
            for i in range(m):
                out[i] *= inverse[i]
    for a in range(k):
        for j in range(c):
            out = offset(EH, (a * c + j) * LANES)
            for i in range(m):
                out[i] = 0.0
            for d in range(k):
                add_product(m, 1.0, offset(D, (d * k + a) * LANES), offset(E, (d * c + j) * LANES), out)
    v = 0
    for a in range(k):
        for j in range(c):
            out = offset(EW, j * LANES)
            for i in range(m):
                out[i] = 0.0
            for h in range(c):
                weight, right = W[j * c + h], offset(EH, (a * c + h) * LANES)
                for i in range(m):
                    out[i] += weight * right[i]
        for b in range(a + 1):
            h_out, p_out = offset(H, v * LANES), offset(P, v * LANES)
            for i in range(m):
                h_out[i] = 0.0
                p_out[i] = 0.0
            for d in range(k):
                add_product(m, 1.0, offset(D, (d * k + a) * LANES), offset(D, (d * k + b) * LANES), h_out)
            for j in range(c):
                add_product(m, 1.0, offset(EW, j * LANES), offset(EH, (b * c + j) * LANES), p_out)
            X = offset(sums, 2 * q + 2 * q * q + v * c * c)
            for j in range(c):
                for h in range(j + 1):
                    X[j * c + h] += dot(m, offset(EH, (a * c + j) * LANES), offset(EH, (b * c + h) * LANES))
                    if a != b:
                        left = offset(EH, (b * c + j) * LANES)
                        X[j * c + h] += dot(m, left, offset(EH, (a * c + h) * LANES))
            v += 1
    for v in range(q):
        left, right = offset(H, v * LANES), offset(P, v * LANES)
        h_sum = p_sum = 0.0
        for i in range(m):
            h_sum += left[i]
            p_sum += right[i]
        sums[v] += h_sum
        sums[q + v] += p_sum
        for w in range(q):
            other = offset(H, w * LANES)
            if w <= v:
                sums[2 * q + v * q + w] += dot(m, left, other)
            sums[2 * q + q * q + v * q + w] += dot(m, right, other)


@routine(types.void(INTEGER, INTEGER, NUMBER, NUMBER, NUMBER, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS))
def curve(
    k: int,
    c: int,
    degrees: float,
    with_fixed: float,
    r2: float,
    z: Any,
    whole: Any,
    work: Any,
    sums: Any,
    hessian: Any,
) -> None:
    """The Hessian (q, q) in Ψ, from sums over levels; ``whole`` is C̄, ``work`` has room for qc(c + 1)."""
    q = k * (k + 1) // 2
    HH, PH, X = offset(sums, 2 * q), offset(sums, 2 * q + q * q), offset(sums, 2 * q + 2 * q * q)
    Xz, CX = work, offset(work, q * c)
    for v in range(q):
        for i in range(c):
            total = 0.0
            for j in range(c):
                total += X[(v * c + i) * c + j] * z[j]
                found = 0.0
                for h in range(c):
                    found += whole[i * c + h] * X[(v * c + h) * c + j]
                CX[(v * c + i) * c + j] = found
            Xz[v * c + i] = total
    v = 0
    for a in range(k):
        for b in range(a + 1):
            w = 0
            for e in range(k):
                for f in range(e + 1):
                    total = 0.0
                    for swap in range(4):
                        if (swap % 2 == 1 and a == b) or (swap >= 2 and e == f):
                            continue
                        a1, b1 = (a, b) if swap % 2 == 0 else (b, a)
                        e1, f1 = (e, f) if swap < 2 else (f, e)
                        left = f1 * (f1 + 1) // 2 + a1 if f1 > a1 else a1 * (a1 + 1) // 2 + f1
                        right = b1 * (b1 + 1) // 2 + e1 if b1 > e1 else e1 * (e1 + 1) // 2 + b1
                        total += PH[left * q + right] + PH[right * q + left] - HH[left * q + right]
                    inner = first = second = trace = 0.0
                    for i in range(c):
                        first += z[i] * Xz[v * c + i]
                        second += z[i] * Xz[w * c + i]
                        for j in range(c):
                            inner += Xz[v * c + i] * whole[i * c + j] * Xz[w * c + j]
                            trace += CX[(v * c + i) * c + j] * CX[(w * c + j) * c + i]
                    total -= degrees * (2.0 * inner / r2 + first * second / (r2 * r2))
                    hessian[v * q + w] = total - with_fixed * trace
                    w += 1
            v += 1
