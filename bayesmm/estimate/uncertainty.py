"""Standard errors of what depends on the variance parameters, from the curvature of the criterion.

With σ profiled out the criterion's Hessian H in the free φ gives Cov(φ̂) = 2H⁻¹. The profiled
log σ̂² = log(r²(φ)/m) moves with φ, so with g = ∂ log r²/∂φ

    Cov(φ̂, log σ̂²) = Cov(φ̂) g,    Var(log σ̂²) = 2/m + g'Cov(φ̂)g,

and anything that is computed from them follows by the delta method; β̂ is asymptotically independent of them.
A parameter on the boundary has no standard error: the curvature says nothing about it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import block_diag

from bayesmm.likelihood import Profiled, Solution
from bayesmm.results.varcorr import VariancePoints
from bayesmm.search import Optimum

STEP = 1e-5
"""Of the differences that stand for derivatives, relative to a parameter's size or error."""
ROUNDING = 1e-9
"""What is left of an error of zero by the differences, relative to the number."""

Quantity = Callable[[np.ndarray, VariancePoints], np.ndarray]
"""β (S, p) and the variances at S points → m numbers (S, m)."""


def variance_covariance(objective: Profiled, optimum: Optimum) -> np.ndarray | None:
    """(f + 1, f + 1) covariance matrix of the free φ̂ and log σ̂²; None where the optimum isn't a minimum."""
    free = np.flatnonzero(optimum.free)
    covariance = np.zeros((len(free) + 1, len(free) + 1))
    if len(free):
        values, vectors = np.linalg.eigh(optimum.hessian)
        if values[0] <= 0:
            return None
        phi_covariance = 2.0 * (vectors / values) @ vectors.T
        slope = objective.likelihood.log_r2_gradient(optimum.phi)[free]
        covariance[:-1, :-1] = phi_covariance
        covariance[:-1, -1] = covariance[-1, :-1] = phi_covariance @ slope
        covariance[-1, -1] = slope @ phi_covariance @ slope
    covariance[-1, -1] += 2.0 / objective.degrees
    return covariance


def standard_errors(
    quantity: Quantity,
    objective: Profiled,
    optimum: Optimum,
    solution: Solution,
    *,
    with_fixed: bool = False,
) -> np.ndarray:
    """(m,) standard errors of numbers computed from the parameters, by the delta method.

    Parameters
    ----------
    quantity
        Computes them at many points at once.
    with_fixed
        Whether they depend on β.

    Returns
    -------
    array
        Missing for what has no error, or an undefined one.
    """
    covariance = variance_covariance(objective, optimum)
    at = np.append(optimum.phi, 2.0 * np.log(solution.sigma))
    moved = [*np.flatnonzero(optimum.free), len(at) - 1]
    variances = objective.likelihood.variances
    room = np.append(np.minimum(variances.upper - optimum.phi, optimum.phi - variances.walls) / 2, np.inf)
    steps = np.minimum(STEP * np.maximum(1.0, np.abs(at[moved])), room[moved])
    beta = np.asarray(solution.beta, dtype=float)
    if with_fixed:
        fixed = np.arange(len(at), len(at) + len(beta))
        steps = np.append(steps, STEP * np.sqrt(np.diag(solution.vcov)))
        moved = [*moved, *fixed]
    point = np.append(at, beta)
    points = np.tile(point, (2 * len(moved), 1))
    for i, (place, step) in enumerate(zip(moved, steps, strict=True)):
        points[2 * i, place] += step
        points[2 * i + 1, place] -= step
    phi, sigma = points[:, : len(at) - 1], np.exp(0.5 * points[:, len(at) - 1])
    factors = variances.unwhitened(variances.group_factors_many(phi))
    G = [sigma[:, None, None] ** 2 * lam @ lam.swapaxes(1, 2) for lam in factors]
    reported = [chart.reported(phi[:, own]) for own, chart in variances.blocks]
    values = quantity(points[:, len(at) :], VariancePoints(G, reported, (sigma,)))
    if covariance is None:
        return np.full(values.shape[1], np.nan)
    if with_fixed:
        covariance = block_diag(covariance, solution.vcov)
    jacobian = (values[::2] - values[1::2]) / (2 * steps[:, None])
    errors = np.sqrt(np.maximum(np.einsum("im,ij,jm->m", jacobian, covariance, jacobian), 0.0))
    rounding = ROUNDING * np.abs(values).max(axis=0)
    return np.where(np.isfinite(errors) & (errors > rounding), errors, np.nan)
