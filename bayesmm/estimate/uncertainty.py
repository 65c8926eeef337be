"""Standard errors of standard deviations and correlations, from the curvature of the criterion.

With σ profiled out the criterion's Hessian H in the free φ gives Cov(φ̂) = 2H⁻¹. The profiled
log σ̂² = log(r²(φ)/m) moves with φ, so with g = ∂ log r²/∂φ

    Cov(φ̂, log σ̂²) = Cov(φ̂) g,    Var(log σ̂²) = 2/m + g'Cov(φ̂)g,

and standard deviations, correlations and σ follow by the delta method. A parameter on the boundary has no
standard error: the curvature says nothing about it.
"""

from __future__ import annotations

import numpy as np

from bayesmm.likelihood import MarginalLikelihood, Profiled
from bayesmm.search import Optimum


def sdcor_standard_errors(objective: Profiled, optimum: Optimum) -> np.ndarray:
    """(rows of varcorr,) standard errors of ``sdcor``, in its order; NaN where a variance is zero."""
    free, likelihood = np.flatnonzero(optimum.free), objective.likelihood
    covariance = np.zeros((len(free) + 1, len(free) + 1))
    if len(free):
        values, vectors = np.linalg.eigh(optimum.hessian)
        if values[0] <= 0:
            return np.full(len(_sdcor(likelihood, optimum.phi, 0.0)), np.nan)
        phi_covariance = 2.0 * (vectors / values) @ vectors.T
        slope = likelihood.log_r2_gradient(optimum.phi)[free]
        covariance[:-1, :-1] = phi_covariance
        covariance[:-1, -1] = covariance[-1, :-1] = phi_covariance @ slope
        covariance[-1, -1] = slope @ phi_covariance @ slope
    covariance[-1, -1] += 2.0 / objective.degrees
    log_variance = 2.0 * np.log(objective.solution(optimum.phi).sigma)
    at = np.append(optimum.phi, log_variance)
    variances, columns = likelihood.variances, []
    room = np.full(len(at), np.inf)
    room[:-1] = np.minimum(variances.upper - optimum.phi, optimum.phi - variances.walls) / 2
    for i in [*free, len(at) - 1]:
        step = np.zeros(len(at))
        step[i] = min(1e-5 * max(1.0, abs(at[i])), room[i])
        up, down = at + step, at - step
        difference = _sdcor(likelihood, up[:-1], up[-1]) - _sdcor(likelihood, down[:-1], down[-1])
        columns.append(difference / (2 * step[i]))
    jacobian = np.column_stack(columns)
    errors = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian), 0.0))
    return np.where(np.isfinite(errors) & (errors > 0), errors, np.nan)


def _sdcor(likelihood: MarginalLikelihood, phi: np.ndarray, log_variance: float) -> np.ndarray:
    """Standard deviations and correlations in the order of ``varcorr``, the residual last."""
    sigma = np.exp(0.5 * log_variance)
    values: list[np.ndarray] = []
    reported = likelihood.variances.reported(phi)
    for lam, correlations in zip(likelihood.external_factors(phi), reported, strict=True):
        values += [sigma * np.sqrt(np.einsum("ij,ij->i", lam, lam)), correlations]
    return np.concatenate([*values, [sigma]])
