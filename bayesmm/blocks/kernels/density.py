"""Compiled: p(y | λ, σ) with b and β integrated out, and its gradient, in one call at one point.

What :mod:`bayesmm.likelihood.integrated` says of the value and the gradient is done here without Python in
between, in workspaces of the call's own: threads may call it at the same time. Everything that doesn't change
from point to point comes as two flat arrays (:mod:`bayesmm.blocks.packed`). Code that others compile,
such as a sampler's, calls it by its symbol (:mod:`bayesmm.blocks.kernels.routine`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from bayesmm.blocks.kernels.inversion import contract_head, contract_tail
from bayesmm.blocks.kernels.moments import factorize, solve_and_invert
from bayesmm.blocks.kernels.routine import (
    INTEGERS,
    NUMBER,
    NUMBERS,
    integers,
    numbers,
    offset,
    routine,
)
from bayesmm.blocks.kernels.table import (
    K_GROUP,
    K_MAX,
    N_DIAGONAL,
    N_GROUPS,
    N_ROWS,
    Q_HEAD,
    Q_TAIL,
    SCRATCH,
    SIZE,
)
from bayesmm.blocks.packed import (
    PACKED,
    PRIOR_MEAN,
    RIDGE,
    SCALARS,
    unpack,
)

LARGEST_OMEGA = 1e200
"""σ² in the whitened units is taken between the inverse of this and this."""


@routine(NUMBER(INTEGERS, NUMBERS, NUMBERS, NUMBER, NUMBERS))
def log_density(whole: Any, real: Any, lam: Any, log_sigma: float, gradient: Any) -> float:
    """log p(y | λ, σ); −∞, with a gradient of zeros, where it can't be computed.

    Parameters
    ----------
    whole, real
        The likelihood and the prior of β, as :func:`bayesmm.blocks.packed.pack` makes them.
    lam
        (G, k_max, k_max) relative factors, lower triangular, zero beyond a group's own k.
    log_sigma
        log σ in the user's units.
    gradient
        (G k_max k_max + 1,) filled with the derivatives in the lower triangles of λ, and in log σ.
    """
    m = whole[SIZE]
    length = m * m + m + whole[Q_HEAD] + 2 * (whole[N_DIAGONAL] + whole[N_ROWS]) + whole[SCRATCH]
    length += 3
    table, work = np.empty(PACKED, np.int64), np.empty(length)
    return _log_density(whole, real, lam, log_sigma, gradient, table.ctypes, work.ctypes)


@routine(NUMBER(INTEGERS, NUMBERS, NUMBERS, NUMBER, NUMBERS, INTEGERS, NUMBERS))
def _log_density(
    whole: Any, real: Any, lam: Any, log_sigma: float, gradient: Any, t: Any, dets: Any
) -> float:
    """The same with memory for the table, and for the log-determinants and all that is laid behind them."""
    unpack(whole, real, t)
    n_lam = t[N_GROUPS] * t[K_MAX] * t[K_MAX]
    for i in range(n_lam + 1):
        gradient[i] = 0.0
    scalars = numbers(t[SCALARS])
    log_omega = 2.0 * (log_sigma - scalars[0])
    omega = np.exp(log_omega)
    if not (omega < LARGEST_OMEGA and omega * LARGEST_OMEGA > 1.0):
        return -np.inf
    m, q_head, q_tail, k_max = t[SIZE], t[Q_HEAD], t[Q_TAIL], t[K_MAX]
    k_group, ridge, prior_mean = integers(t[K_GROUP]), numbers(t[RIDGE]), numbers(t[PRIOR_MEAN])
    p, n_head = m - q_tail - 1, t[N_DIAGONAL] + t[N_ROWS]
    D = offset(dets, 3)
    W, T = offset(D, t[N_DIAGONAL]), offset(D, n_head)
    u = offset(T, m * m)
    x = offset(u, q_head)
    inverse = offset(x, m)

    if factorize(t, lam, ridge, omega, D, W, T, dets) == 0:
        return -np.inf
    r2 = dets[2]
    value = -0.5 * (scalars[1] + scalars[2] * log_omega + dets[0] + dets[1] + r2 / omega)
    if not np.isfinite(value):
        return -np.inf

    solve_and_invert(t, D, W, T, u, inverse)
    slope = scalars[2] - r2 / omega
    for i in range(p):
        away = x[q_tail + i] - prior_mean[i]
        for j in range(p):
            by_C = T[(q_tail + i) * m + q_tail + j]  # C⁻¹: the block of X in the whole inverse
            slope += ridge[i * (p + 1) + j] * (omega * by_C + away * (x[q_tail + j] - prior_mean[j]))
    kappa = 1.0 / omega
    contract_head(t, lam, inverse, offset(inverse, t[N_DIAGONAL]), kappa, u, x, gradient)
    contract_tail(t, lam, kappa, x, T, gradient)
    for i in range(n_lam):  # a lower triangle in each group; the rest stays zero
        r, c = i // k_max % k_max, i % k_max
        gradient[i] = -gradient[i] if c <= r and r < k_group[i // (k_max * k_max)] else 0.0
    gradient[n_lam] = -slope
    for i in range(n_lam + 1):
        if not np.isfinite(gradient[i]):
            value = -np.inf
    if value == -np.inf:
        for i in range(n_lam + 1):
            gradient[i] = 0.0
    return value


def external() -> types.ExternalFunction:
    """The same for compiled code of others to call, by its symbol, with the arrays' ``ctypes``."""
    _ = log_density.address  # the symbol is known from here on
    return types.ExternalFunction(log_density.symbol, log_density.sig)
