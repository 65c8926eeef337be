"""Compiled: p(y | φ, σ) with b and β integrated out, and its gradient, in one call at one point.

What :mod:`bayesmm.likelihood.integrated` says of the value and the gradient is done here without Python in
between, in workspaces of the call's own: threads may call it at the same time. Everything that doesn't change
from point to point comes as two flat arrays (:mod:`bayesmm.likelihood.packed`).

It is compiled once, as a function of pointers as C has them. Code that others compile, such as a sampler's,
calls it by its symbol: compiled into theirs it would cost them as many seconds as it takes by itself, at
every level of their functions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import binding
from numba.core import types

from bayesmm.likelihood.dense import factor, invert, last_row_solution
from bayesmm.likelihood.elimination import back_substitute, eliminate_head, fill_head, fill_tail
from bayesmm.likelihood.inversion import contract_head, contract_tail, invert_head
from bayesmm.likelihood.packed import FIELDS, unpack

LARGEST_OMEGA = 1e200
"""σ² in the whitened units is taken between the inverse of this and this."""
SYMBOL = "bayesmm_log_density"
_P = types.voidptr
SIGNATURE = types.float64(_P, _P, _P, types.int64, types.float64, _P)
"""(whole, real, φ, d, log σ, gradient) → log density."""


def log_density(
    whole: np.ndarray, real: np.ndarray, phi: np.ndarray, log_sigma: float, gradient: np.ndarray
) -> float:
    """log p(y | φ, σ); −∞, with a gradient of zeros, where it can't be computed.

    The arrays are contiguous; their lengths are not checked.

    Parameters
    ----------
    whole, real
        The likelihood and the prior of β, as :func:`bayesmm.likelihood.packed.pack` makes them.
    phi
        (d,) relative covariance parameters.
    log_sigma
        log σ in the user's units.
    gradient
        (d + 1,) filled with the derivatives in φ and in log σ.
    """
    return _function()(
        whole.ctypes.data, real.ctypes.data, phi.ctypes.data, len(phi), log_sigma, gradient.ctypes.data
    )


def external() -> types.ExternalFunction:
    """The same for compiled code to call, by its symbol, with the arrays' addresses (``array.ctypes``)."""
    binding.add_symbol(SYMBOL, _compiled().address)
    return types.ExternalFunction(SYMBOL, SIGNATURE)


@cache
def _function() -> Callable[..., float]:
    return _compiled().ctypes


@cache
def _compiled() -> Any:
    """Compiled when it is first used, and kept on disk; it leaves the interpreter free while it runs."""
    return numba.cfunc(SIGNATURE, cache=True, error_model="numpy")(_log_density)


def _log_density(
    whole_at: Any, real_at: Any, phi_at: Any, d: int, log_sigma: float, gradient_at: Any
) -> float:
    whole = numba.carray(whole_at, (3 * FIELDS,), np.int64)  # its table; the rest lies behind
    real = numba.carray(real_at, (1,), np.float64)
    phi = numba.carray(phi_at, (d,), np.float64)
    gradient = numba.carray(gradient_at, (d + 1,), np.float64)
    head, tail, extent = unpack(whole, real)
    k_group, u_start, places, ridge = extent.k_group, extent.u_start, extent.places, extent.ridge
    m, p = tail.group.shape[0], extent.prior_mean.shape[0]
    q_tail = m - p - 1
    for i in range(d + 1):
        gradient[i] = 0.0
    log_omega = 2.0 * (log_sigma - extent.log_scale)
    omega = np.exp(log_omega)
    if not (omega < LARGEST_OMEGA and omega * LARGEST_OMEGA > 1.0):
        return -np.inf
    k_max = 1
    for g in range(k_group.shape[0]):
        k_max = max(k_max, k_group[g])
    lam = np.zeros((k_group.shape[0], k_max, k_max))
    for i in range(places.shape[0]):
        lam[places[i, 1], places[i, 2], places[i, 3]] = phi[places[i, 0]]

    D, W, T = np.empty(head.diagonal.shape[0]), np.empty(head.rows.shape[0]), np.empty((m, m))
    fill_head(head, lam, k_group, D, W)
    fill_tail(tail, lam, T)
    for i in range(q_tail, m):
        for j in range(q_tail, i + 1):
            T[i, j] += omega * ridge[i - q_tail, j - q_tail]
    log_dets = eliminate_head(head, D, W, T)
    if not factor(T):
        return -np.inf
    for i in range(m - 1):
        log_dets += 2.0 * np.log(T[i, i])
    r2 = T[m - 1, m - 1] ** 2
    value = -0.5 * (extent.constant + extent.degrees * log_omega + log_dets + r2 / omega)
    if not np.isfinite(value):
        return -np.inf

    x, u = last_row_solution(T), np.zeros(u_start[u_start.shape[0] - 1])
    back_substitute(head, u_start, D, W, x, u)
    invert(T, m - 1)
    P, PD, PW = T, np.empty(D.shape[0]), np.empty(W.shape[0])
    slope = extent.degrees - r2 / omega
    for i in range(p):
        away = x[q_tail + i] - extent.prior_mean[i]
        for j in range(p):
            inverse = P[q_tail + i, q_tail + j]  # of C: the block of X in the whole inverse
            slope += ridge[i, j] * (omega * inverse + away * (x[q_tail + j] - extent.prior_mean[j]))
    invert_head(head, D, W, P, PD, PW)
    kappa, by_group = 1.0 / omega, np.zeros(lam.shape)
    contract_head(head, u_start, lam, k_group, PD, PW, kappa, u, x, by_group)
    if q_tail:
        for i in range(m):
            scaled = kappa * x[i]
            for j in range(m):
                P[i, j] += scaled * x[j]
        contract_tail(tail, lam, k_group, P, by_group)
    for i in range(places.shape[0]):
        gradient[places[i, 0]] -= by_group[places[i, 1], places[i, 2], places[i, 3]]
    gradient[d] = -slope
    for i in range(d + 1):
        if not np.isfinite(gradient[i]):
            value = -np.inf
    if value == -np.inf:
        for i in range(d + 1):
            gradient[i] = 0.0
    return value
