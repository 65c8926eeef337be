"""Compiled: the tail's dense matrix factored, inverted and solved with, in place.

Up to ``SMALL`` columns plain loops are quicker than the way to LAPACK; beyond that it is LAPACK's own
``dpotrf`` and ``dpotri``, called at the addresses that SciPy exports for Cython. A C-ordered lower triangle
is to LAPACK, which stores by columns, an upper one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding
from numba.core import types
from numba.extending import get_cython_function_address

from bayesmm.blocks.kernels.routine import INTEGER, NUMBERS, offset, routine

SMALL = 48
"""Matrices up to this size are worked on by plain loops; larger ones by LAPACK."""
UPLO = 0x55555555
"""Four letters U: LAPACK looks at the first byte."""
TILE = 32


def _lapack(name: str) -> types.ExternalFunction:
    """A routine of LAPACK with the arguments UPLO, N, A, LDA and INFO.

    Compiled code finds it by the symbol that is made known here, so that it can be kept on disk: an address
    would hold for one process only.
    """
    symbol, pointer = f"bayesmm_{name}", types.voidptr
    binding.add_symbol(symbol, get_cython_function_address("scipy.linalg.cython_lapack", name))
    return types.ExternalFunction(symbol, types.void(pointer, pointer, NUMBERS, pointer, pointer))


_dpotrf = _lapack("dpotrf")
_dpotri = _lapack("dpotri")


@routine(INTEGER(INTEGER, NUMBERS))
def factor(m: int, T: Any) -> int:
    """L of the lower triangle of T (m, m), in place; 1 if T is numerically positive definite, else 0."""
    if m > SMALL:
        whole = np.empty(3, np.int32)
        whole[0], whole[1] = UPLO, m
        _dpotrf(whole.ctypes, whole[1:].ctypes, T, whole[1:].ctypes, whole[2:].ctypes)
        return 1 if whole[2] == 0 else 0
    for j in range(m):
        upper = offset(T, j * m)
        pivot = upper[j]
        for q in range(j):
            pivot -= upper[q] * upper[q]
        if not pivot > 0.0:
            return 0
        pivot = np.sqrt(pivot)
        upper[j] = pivot
        for i in range(j + 1, m):
            row = offset(T, i * m)
            value = row[j]
            for q in range(j):
                value -= row[q] * upper[q]
            row[j] = value / pivot
    return 1


@routine(types.void(INTEGER, INTEGER, NUMBERS))
def invert(m: int, size: int, L: Any) -> None:
    """(LL')⁻¹ of the leading ``size`` rows and columns of L (m, m), in place; zeros in the rest."""
    if size > 0 and m > SMALL:
        whole = np.empty(4, np.int32)
        whole[0], whole[1], whole[2] = UPLO, size, m
        _dpotri(whole.ctypes, whole[1:].ctypes, L, whole[2:].ctypes, whole[3:].ctypes)
    else:
        for j in range(size - 1, -1, -1):  # L⁻¹, from the last column; within it from the last row
            pivot = L[j * m + j]
            for i in range(size - 1, j, -1):
                total = 0.0
                for q in range(j + 1, i + 1):
                    total -= L[i * m + q] * L[q * m + j]
                L[i * m + j] = total / pivot
            L[j * m + j] = 1.0 / pivot
        for i in range(size):  # L⁻ᵀL⁻¹: a row needs those from its own downwards
            for j in range(i + 1):
                total = 0.0
                for q in range(i, size):
                    total += L[q * m + i] * L[q * m + j]
                L[i * m + j] = total
    for i in range(size, m):
        for j in range(i + 1):
            L[i * m + j] = 0.0
    for i0 in range(0, m, TILE):  # the upper triangle, tile by tile
        for j0 in range(0, i0 + 1, TILE):
            for i in range(i0, i0 + TILE if i0 + TILE < m else m):
                for j in range(j0, j0 + TILE if j0 + TILE < i else i):
                    L[j * m + i] = L[i * m + j]


@routine(types.void(INTEGER, NUMBERS, NUMBERS))
def last_row_solution(m: int, L: Any, x: Any) -> None:
    """x (m,) with L'x = −L[m−1, m−1] e: the solution that L's last row stands for, −1 in the last place."""
    x[m - 1] = -1.0
    for j in range(m - 1):
        x[j] = L[(m - 1) * m + j]
    for i in range(m - 2, -1, -1):
        row = offset(L, i * m)
        x[i] /= row[i]
        for j in range(i):
            x[j] -= row[j] * x[i]
