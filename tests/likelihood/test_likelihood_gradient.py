"""The analytic gradient is the derivative of the criterion, at singular factors too."""

from __future__ import annotations

import numpy as np
import pytest

from bayesmm.likelihood import MarginalLikelihood, Profiled
from tests.dense import DenseModel
from tests.designs import CASES, design
from tests.likelihood.points import points

REL = 1e-6
"""Relative to the largest component, or to one."""

every_design = pytest.mark.parametrize("name", CASES)
both_criteria = pytest.mark.parametrize("reml", [False, True], ids=["ML", "REML"])


def assert_gradient(ours: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(ours, expected, rtol=0, atol=REL * max(1.0, np.abs(expected).max()))


@both_criteria
@every_design
def test_the_gradient_is_the_complex_step_of_the_dense_criterion(name: str, reml: bool):
    """λ(φ) is linear, so its complex continuation is Σ φ_p E_p, with E_p what the p-th unit vector gives."""
    likelihood, dense = MarginalLikelihood(design(name)), DenseModel.of(design(name))
    unit = [likelihood.factors(likelihood.external(e)) for e in np.eye(likelihood.size)]
    step = 1e-30
    for phi in points(likelihood):
        expected = np.empty(likelihood.size)
        for p in range(likelihood.size):
            at = phi.astype(complex)
            at[p] += step * 1j
            factors = tuple(sum(a * E[t] for a, E in zip(at, unit, strict=True)) for t in range(len(dense.k)))
            expected[p] = dense.profiled(factors, reml=reml).imag / step
        assert_gradient(Profiled(likelihood, reml=reml).value_and_gradient(phi)[1], expected)


@both_criteria
@every_design
def test_the_gradient_is_the_central_difference_of_the_criterion(name: str, reml: bool):
    likelihood = MarginalLikelihood(design(name))
    objective = Profiled(likelihood, reml=reml)
    for phi in points(likelihood):
        expected = np.empty(likelihood.size)
        for p in range(likelihood.size):
            h = 2e-4 * max(1.0, abs(phi[p])) * np.eye(likelihood.size)[p]
            near = objective.value(phi + h) - objective.value(phi - h)
            far = objective.value(phi + 2 * h) - objective.value(phi - 2 * h)
            expected[p] = (8 * near - far) / (12 * h[p])  # five points: the error is of the fourth order
        value, gradient = objective.value_and_gradient(phi)
        assert value == pytest.approx(objective.value(phi), rel=1e-13)
        assert_gradient(gradient, expected)


@both_criteria
@every_design
def test_the_gradient_vanishes_where_all_variances_are_zero(name: str, reml: bool):
    """The criterion is even in every factor."""
    likelihood = MarginalLikelihood(design(name))
    gradient = Profiled(likelihood, reml=reml).value_and_gradient(np.zeros(likelihood.size))[1]
    np.testing.assert_allclose(gradient, 0.0, atol=1e-12)


@every_design
def test_the_gradient_of_the_profiled_variance_is_its_central_difference(name: str):
    likelihood = MarginalLikelihood(design(name))
    for phi in points(likelihood)[:3]:
        expected = np.empty(likelihood.size)
        for p in range(likelihood.size):
            h = 1e-4 * max(1.0, abs(phi[p])) * np.eye(likelihood.size)[p]
            up, down = (Profiled(likelihood, reml=False).solution(phi + s * h).sigma for s in (1, -1))
            expected[p] = 2 * (np.log(up) - np.log(down)) / (2 * h[p])
        np.testing.assert_allclose(
            likelihood.log_r2_gradient(phi), expected, rtol=0, atol=1e-5 * max(1.0, np.abs(expected).max())
        )


@both_criteria
@every_design
def test_the_curvature_is_the_average_information_or_with_one_factor_the_hessian(name: str, reml: bool):
    """y'𝒫V_p𝒫V_q𝒫y/σ² − (y'𝒫V_p𝒫y)(y'𝒫V_q𝒫y)/(mσ⁴) + ⟨∂f/∂V, V_pq⟩, with V relative to σ².

    In the Hessian itself the first counts twice, and tr(𝒫V_p𝒫V_q), V⁻¹ in the place of 𝒫 for ML, is off.
    V_p = Z(E_pλ' + λE_p')Z' and V_pq = Z(E_pE_q' + E_qE_p')Z', where p and q belong to one term.
    """
    likelihood, dense = MarginalLikelihood(design(name)), DenseModel.of(design(name))
    objective = Profiled(likelihood, reml=reml)
    d, m = likelihood.size, dense.n - (dense.p if reml else 0)
    phi = points(likelihood)[1]
    unit = [likelihood.factors(likelihood.external(e)) for e in np.eye(d)]
    factors = likelihood.factors(likelihood.external(phi))
    V = dense.relative_covariance(factors)
    inverse = np.linalg.inv(V)
    P = inverse - inverse @ dense.X @ np.linalg.pinv(dense.X.T @ inverse @ dense.X) @ dense.X.T @ inverse
    omega = dense.y @ P @ dense.y / m
    Py = P @ dense.y
    score = (P if reml else inverse) - np.outer(Py, Py) / omega

    def spread(left: np.ndarray, right: np.ndarray, t: int) -> np.ndarray:
        block = np.kron(np.eye(dense.n_levels[t]), left @ right.T + right @ left.T)
        return dense.Z[t] @ block @ dense.Z[t].T

    terms = range(len(dense.k))
    Vp = [sum(spread(unit[p][t], factors[t], t) for t in terms) for p in range(d)]
    expected = np.array(
        [
            [
                Py @ Vp[p] @ P @ Vp[q] @ Py / omega
                - (Py @ Vp[p] @ Py) * (Py @ Vp[q] @ Py) / (m * omega**2)
                + sum(np.sum(score * spread(unit[p][t], unit[q][t], t)) for t in terms)
                for q in range(d)
            ]
            for p in range(d)
        ]
    )
    if objective.exact:
        inner = P if reml else inverse
        quadratic = np.array([[Py @ Vp[p] @ P @ Vp[q] @ Py / omega for q in range(d)] for p in range(d)])
        expected += quadratic - [
            [np.trace(inner @ Vp[p] @ inner @ Vp[q]) for q in range(d)] for p in range(d)
        ]
    assert objective.exact == (len(likelihood.cross.groups) == 1)
    value, gradient, curvature = objective.with_curvature(phi)
    assert value == pytest.approx(objective.value(phi), rel=1e-13)
    np.testing.assert_allclose(gradient, [np.sum(score * each) for each in Vp], rtol=0, atol=1e-7 * dense.n)
    np.testing.assert_allclose(curvature, expected, rtol=0, atol=1e-7 * np.abs(expected).max())
