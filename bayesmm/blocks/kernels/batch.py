"""The same factorization at many parameters, and exact conditional draws, all in compiled code.

For each of S parameter points: factor K, read off the log-determinants and r²; then, if asked for, one draw
of (u, β) from its exact conditional distribution given the parameters and the data: L_aug'[u; β] = l_y + σz
with z standard normal, one back-substitution with the factor at hand. No Python runs between the points and
the interpreter is free meanwhile, so that threads share the work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from bayesmm.blocks.kernels.elimination import back_substitute
from bayesmm.blocks.kernels.moments import factorize
from bayesmm.blocks.kernels.routine import INTEGER, INTEGERS, NUMBERS, offset, routine
from bayesmm.blocks.kernels.table import K_MAX, N_DIAGONAL, N_GROUPS, N_ROWS, Q_HEAD, SIZE
from bayesmm.blocks.layout import Layout, LayoutAt


def evaluate_many(
    layout: Layout,
    lam: np.ndarray,
    ridge: np.ndarray,
    omega: np.ndarray,
    noise: np.ndarray | None = None,
) -> np.ndarray:
    """(S, 3) log|M|, log|C| and r² at S points; nan where K isn't positive definite.

    Parameters
    ----------
    lam
        (S, G, k_max, k_max) relative factors.
    ridge
        (p + 1, p + 1) of the prior on β; ωs times it is added to [X y]'[X y].
    omega
        (S,) residual variances.
    noise
        (S, q + p) standard normal numbers, overwritten by the draws: the head's u, node by node, then the
        tail's, then β. None if no draws are wanted.
    """
    head, m = layout.head, layout.size
    out = np.empty((len(lam), 3))
    work = np.empty(len(head.diagonal) + len(head.rows) + m * m + m)
    draws = np.empty(0) if noise is None else noise
    evaluate_points(layout.table, len(lam), lam, ridge, omega, int(noise is not None), draws, work, out)
    return out


def evaluate_some(
    layout: Layout,
    lam: np.ndarray,
    ridge: np.ndarray,
    omega: np.ndarray,
    at: slice,
    noise: np.ndarray | None = None,
    layout_at: LayoutAt | None = None,
) -> np.ndarray:
    """The same at the points ``at``, each with the layout that ``layout_at`` gives.

    ``noise`` is that of these points alone, the rest that of all.
    """
    if layout_at is None:
        return evaluate_many(layout, lam[at], ridge, omega[at], noise)
    found = np.empty((at.stop - at.start, 3))
    for i, s in enumerate(range(at.start, at.stop)):
        one, own = slice(s, s + 1), None if noise is None else noise[i : i + 1]
        found[i] = evaluate_many(layout_at(s), lam[one], ridge, omega[one], own)[0]
    return found


@routine(types.void(INTEGERS, INTEGER, NUMBERS, NUMBERS, NUMBERS, INTEGER, NUMBERS, NUMBERS, NUMBERS))
def evaluate_points(
    t: Any, S: int, lam: Any, ridge: Any, omega: Any, with_draws: int, draws: Any, work: Any, out: Any
) -> None:
    """What :func:`evaluate_many` calls; ``work`` holds D, W, T and the tail's draw."""
    m, q_head = t[SIZE], t[Q_HEAD]
    step = t[N_GROUPS] * t[K_MAX] * t[K_MAX]
    W = offset(work, t[N_DIAGONAL])
    T = offset(W, t[N_ROWS])
    x = offset(T, m * m)
    for s in range(S):
        fine = factorize(t, offset(lam, s * step), ridge, omega[s], work, W, T, offset(out, 3 * s))
        if with_draws and fine:
            sigma, u = np.sqrt(omega[s]), offset(draws, s * (q_head + m - 1))
            noise = offset(u, q_head)
            for i in range(m - 1):
                x[i] = T[(m - 1) * m + i] + sigma * noise[i]
            for i in range(m - 2, -1, -1):
                row = offset(T, i * m)
                x[i] /= row[i]
                for j in range(i):
                    x[j] -= row[j] * x[i]
            x[m - 1] = -1.0
            for i in range(q_head):
                u[i] *= sigma
            back_substitute(t, work, W, x, u)
            for i in range(m - 1):
                noise[i] = x[i]
