"""Compiled: at one point, K factored; and the mean of (u, β) with the inverse on the factor's pattern.

What an evaluation, a gradient and leave-one-out have in common. Notation as in
:mod:`bayesmm.blocks.kernels.elimination`; all memory is the caller's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from bayesmm.blocks.kernels.dense import factor, invert, last_row_solution
from bayesmm.blocks.kernels.elimination import back_substitute, eliminate_head, fill_head, fill_tail
from bayesmm.blocks.kernels.inversion import invert_head
from bayesmm.blocks.kernels.routine import INTEGER, INTEGERS, NUMBER, NUMBERS, offset, routine
from bayesmm.blocks.kernels.table import N_DIAGONAL, N_ROWS, Q_HEAD, Q_TAIL, SIZE


@routine(INTEGER(INTEGERS, NUMBERS, NUMBERS, NUMBER, NUMBERS, NUMBERS, NUMBERS, NUMBERS))
def factorize(t: Any, lam: Any, ridge: Any, omega: float, D: Any, W: Any, T: Any, out: Any) -> int:
    """Factor K; 1 if it is numerically positive definite, else 0.

    Parameters
    ----------
    t
        A layout's table.
    lam
        (G, k_max, k_max) relative factors.
    ridge, omega
        ω times (p + 1, p + 1) is added to [X y]'[X y]; it isn't looked at if ω is 0.
    D, W, T
        The factor: the head's blocks, and the tail (m, m).
    out
        (3,) log|M|, log|C|, r²; nan if K isn't positive definite.
    """
    m, q = t[SIZE], t[Q_TAIL]
    out[0] = out[1] = out[2] = np.nan
    fill_head(t, lam, D, W)
    fill_tail(t, lam, T)
    if omega != 0.0:
        for i in range(q, m):
            for j in range(q, i + 1):
                T[i * m + j] += omega * ridge[(i - q) * (m - q) + j - q]
    log_det_M, log_det_C = eliminate_head(t, D, W, T), 0.0
    if not np.isfinite(log_det_M) or factor(m, T) == 0:
        return 0
    for i in range(q):
        log_det_M += 2.0 * np.log(T[i * m + i])
    for i in range(q, m - 1):
        log_det_C += 2.0 * np.log(T[i * m + i])
    r2 = T[m * m - 1] * T[m * m - 1]
    if not np.isfinite(log_det_M + log_det_C + r2):
        return 0
    out[0], out[1], out[2] = log_det_M, log_det_C, r2
    return 1


@routine(types.void(INTEGERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS))
def solve_and_invert(t: Any, D: Any, W: Any, T: Any, moments: Any, rest: Any) -> None:
    """From the factor: the mean of (u, β), and the inverse on the pattern, X included.

    Parameters
    ----------
    T
        Overwritten by the tail's inverse, y's row and column zero.
    moments
        (q_head + m,) the head's u, then the tail's with y's −1 in the last place.
    rest
        The head's part of the inverse: its diagonal blocks, then its rows; behind them room to work in.
    """
    m, q_head = t[SIZE], t[Q_HEAD]
    x = offset(moments, q_head)
    last_row_solution(m, T, x)
    for i in range(q_head):
        moments[i] = 0.0
    back_substitute(t, D, W, x, moments)
    invert(m, m - 1, T)
    PW = offset(rest, t[N_DIAGONAL])
    invert_head(t, D, W, T, rest, PW, offset(PW, t[N_ROWS]))
