"""The same factorization at many parameters, and exact conditional draws, all in compiled code.

For each of S parameter points: fill, eliminate the head, factor the tail, read off the log-determinants and
r²; then, if asked for, one draw of (u, β) from its exact conditional distribution given the parameters and
the data: L_aug'[u; β] = l_y + σz with z standard normal, one back-substitution with the factor at hand. No
Python runs between the points and the interpreter is free meanwhile, so that threads share the work.
"""

from __future__ import annotations

import numba
import numpy as np

from bayesmm.likelihood.dense import factor
from bayesmm.likelihood.elimination import back_substitute, eliminate_head, fill_head, fill_tail
from bayesmm.likelihood.layout import Head, Layout, Tail


def evaluate_many(
    layout: Layout,
    lam: np.ndarray,
    ridge: np.ndarray,
    omega: np.ndarray,
    noise: np.ndarray,
    draws: np.ndarray,
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
        (S, q + p) standard normal numbers, or (0, 0) if no draws are wanted.
    draws
        (S, q + p): head's u, node by node, then the tail's, then β. It may be ``noise`` itself.
    """
    out = np.empty((len(lam), 3))
    arrays = (layout.head, layout.dense, layout.k_group, layout.u_start, layout.q_tail)
    _evaluate_many(*arrays, lam, ridge, omega, noise, out, draws)
    return out


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _evaluate_many(
    head: Head,
    tail: Tail,
    k_group: np.ndarray,
    u_start: np.ndarray,
    q_tail: int,
    lam: np.ndarray,
    ridge: np.ndarray,
    omega: np.ndarray,
    noise: np.ndarray,
    out: np.ndarray,
    draws: np.ndarray,
) -> None:
    m = tail.group.shape[0]
    D, W, T = np.empty(head.diagonal.shape[0]), np.empty(head.rows.shape[0]), np.empty((m, m))
    q_head = u_start[-1]
    x = np.empty(m)
    for s in range(lam.shape[0]):
        fill_head(head, lam[s], k_group, D, W)
        fill_tail(tail, lam[s], T)
        for i in range(q_tail, m):
            for j in range(q_tail, i + 1):
                T[i, j] += omega[s] * ridge[i - q_tail, j - q_tail]
        log_det = eliminate_head(head, D, W, T)
        if not factor(T) or not np.isfinite(log_det):
            out[s] = np.nan
            continue
        for i in range(q_tail):
            log_det += 2.0 * np.log(T[i, i])
        log_det_C = 0.0
        for i in range(q_tail, m - 1):
            log_det_C += 2.0 * np.log(T[i, i])
        out[s, 0], out[s, 1], out[s, 2] = log_det, log_det_C, T[m - 1, m - 1] ** 2
        if noise.shape[0]:
            sigma = np.sqrt(omega[s])
            for i in range(m - 1):
                x[i] = T[m - 1, i] + sigma * noise[s, q_head + i]
            for i in range(m - 2, -1, -1):
                x[i] /= T[i, i]
                for j in range(i):
                    x[j] -= T[i, j] * x[i]
            x[m - 1] = -1.0
            for i in range(q_head):
                draws[s, i] = sigma * noise[s, i]
            back_substitute(head, u_start, D, W, x, draws[s, :q_head])
            draws[s, q_head:] = x[: m - 1]
