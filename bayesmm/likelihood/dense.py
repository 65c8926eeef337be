"""Compiled: the tail's dense matrix factored, inverted and solved with, in place.

Up to ``SMALL`` columns plain loops are quicker than the way to LAPACK; beyond that it is LAPACK's own
``dpotrf`` and ``dpotri``, called at the addresses that SciPy exports for Cython. A C-ordered lower triangle
is to LAPACK, which stores by columns, an upper one.
"""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import binding
from numba.core import types
from numba.extending import get_cython_function_address

from bayesmm.likelihood.inversion import mirror

SMALL = 48
"""Matrices up to this size are worked on by plain loops; larger ones by LAPACK."""
UPLO = ord("U")


def _lapack(name: str) -> types.ExternalFunction:
    """A routine of LAPACK, all of whose five arguments are pointers.

    Compiled code finds it by the symbol that is made known here, so that it can be kept on disk: an address
    would hold for one process only.
    """
    symbol = f"bayesmm_{name}"
    binding.add_symbol(symbol, get_cython_function_address("scipy.linalg.cython_lapack", name))
    return types.ExternalFunction(symbol, types.void(*[types.voidptr] * 5))


_dpotrf = _lapack("dpotrf")
_dpotri = _lapack("dpotri")


@numba.njit(cache=True, nogil=True, error_model="numpy")
def factor(T: np.ndarray) -> bool:
    """L of the lower triangle of T (m, m), in place; whether T is numerically positive definite."""
    m = T.shape[0]
    if m > SMALL:
        uplo, numbers = np.empty(1, np.uint8), np.empty(2, np.int32)
        uplo[0], numbers[0] = UPLO, m
        _dpotrf(uplo.ctypes, numbers.ctypes, T.ctypes, numbers.ctypes, numbers[1:].ctypes)
        return numbers[1] == 0
    for j in range(m):
        pivot = T[j, j]
        for q in range(j):
            pivot -= T[j, q] ** 2
        if not pivot > 0.0:
            return False
        pivot = np.sqrt(pivot)
        T[j, j] = pivot
        for i in range(j + 1, m):
            value = T[i, j]
            for q in range(j):
                value -= T[i, q] * T[j, q]
            T[i, j] = value / pivot
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def invert(L: np.ndarray, size: int) -> None:
    """(LL')⁻¹ of the leading ``size`` rows and columns of L (m, m), in place; zeros in the rest."""
    m = L.shape[0]
    if m > SMALL:
        uplo, numbers = np.empty(1, np.uint8), np.empty(3, np.int32)
        uplo[0], numbers[0], numbers[1] = UPLO, size, m
        _dpotri(uplo.ctypes, numbers.ctypes, L.ctypes, numbers[1:].ctypes, numbers[2:].ctypes)
    else:
        for j in range(size - 1, -1, -1):  # L⁻¹, from the last column; within it from the last row
            pivot = L[j, j]
            for i in range(size - 1, j, -1):
                total = 0.0
                for q in range(j + 1, i + 1):
                    total -= L[i, q] * L[q, j]
                L[i, j] = total / pivot
            L[j, j] = 1.0 / pivot
        for i in range(size):  # L⁻ᵀL⁻¹: a row needs those from its own downwards
            for j in range(i + 1):
                total = 0.0
                for q in range(i, size):
                    total += L[q, i] * L[q, j]
                L[i, j] = total
    for i in range(size, m):
        for j in range(i + 1):
            L[i, j] = 0.0
    mirror(L, L)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def last_row_solution(L: np.ndarray) -> np.ndarray:
    """x (m,) with L'x = −L[m−1, m−1] e: the solution that L's last row stands for, −1 in the last place."""
    m = L.shape[0]
    x = np.empty(m)
    x[m - 1] = -1.0
    for j in range(m - 1):
        x[j] = L[m - 1, j]
    for i in range(m - 2, -1, -1):
        x[i] /= L[i, i]
        for j in range(i):
            x[j] -= L[i, j] * x[i]
    return x
