"""The likelihood with structured covariances against dense algebra, the correlations written out here."""

from __future__ import annotations

import numpy as np
import pytest

from bayesmm.likelihood import MarginalLikelihood, Profiled
from tests.dense import DenseModel
from tests.likelihood.structured import STRUCTURED, structured

every_design = pytest.mark.parametrize("name", STRUCTURED)
both_criteria = pytest.mark.parametrize("reml", [False, True], ids=["ML", "REML"])


def points(likelihood: MarginalLikelihood) -> list[np.ndarray]:
    """φ at the start, inside, with a standard deviation at zero, and close to a wall of every shape."""
    variances, rng = likelihood.variances, np.random.default_rng(2)
    share = rng.uniform(0.2, 0.8, likelihood.size)
    walled = np.isfinite(variances.upper)
    low, high = (np.where(walled, bound, 0.0) for bound in (variances.lower, variances.upper))
    shapes = low + share * (high - low)
    inside = np.where(walled, shapes, np.where(variances.nonnegative, 0.3 + share, share - 0.5))
    zero = inside.copy()
    zero[np.flatnonzero(variances.nonnegative)[-1]] = 0.0
    near = np.where(walled, variances.upper - 1e-3, inside)
    return [likelihood.start, inside, zero, near]


def textbook(name: str, theta: np.ndarray) -> np.ndarray:
    """G/σ² of the first term, for one grouping factor, from θ = (sds, shapes)."""
    positions = {"week": [1, 2, 4, 7], "time": [0.1, 0.5, 0.7, 2.0]}
    k, apart = 4, np.abs(np.subtract.outer(range(4), range(4)))
    if name.startswith("cs"):
        s, rho = theta[:-1] * np.ones(k), theta[-1]
        R = np.where(apart == 0, 1.0, rho)
    elif name.startswith("ar1"):
        t = np.array(positions["time" if "continuous" in name else "week"], dtype=float)
        unit = np.median(np.diff(t)) if "continuous" in name else 1.0
        s, R = theta[:-1] * np.ones(k), theta[-1] ** (np.abs(np.subtract.outer(t, t)) / unit)
    else:
        s, (p1, p2, p3) = theta[0] * np.ones(k), theta[1:]
        r1 = p1
        r2 = r1**2 + p2 * (1 - r1**2)
        inner = np.array([[1, r1], [r1, 1]])
        v = np.array([r1, r2])
        w = v[::-1]
        left = np.sqrt((1 - v @ np.linalg.solve(inner, v)) * (1 - w @ np.linalg.solve(inner, w)))
        r3 = w @ np.linalg.solve(inner, v) + p3 * left
        R = np.array([1, r1, r2, r3])[apart]
    return s[:, None] * R * s


@both_criteria
@pytest.mark.parametrize(
    "name", ["cs", "csh with weights", "ar1 with gaps", "ar1 in continuous time", "toep"]
)
def test_the_criterion_is_that_of_the_covariance_written_out(name: str, reml: bool):
    likelihood, dense = MarginalLikelihood(structured(name)), DenseModel.of(structured(name))
    for phi in points(likelihood):
        G = textbook(name, likelihood.external(phi))
        values, vectors = np.linalg.eigh(G)
        half = vectors * np.sqrt(np.maximum(values, 0.0))
        expected = dense.profiled((half,), reml=reml)
        assert Profiled(likelihood, reml=reml).value(phi) == pytest.approx(expected, rel=1e-10)


@both_criteria
@every_design
def test_the_solution_is_that_of_dense_algebra(name: str, reml: bool):
    likelihood, dense = MarginalLikelihood(structured(name)), DenseModel.of(structured(name))
    for phi in points(likelihood):
        solution = Profiled(likelihood, reml=reml).solution(phi)
        assert solution.criterion == pytest.approx(dense.profiled(solution.factors, reml=reml), rel=1e-10)
        V = dense.covariance(solution.factors, solution.sigma)
        beta, vcov = dense.coefficients(V)
        np.testing.assert_allclose(solution.beta, beta, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(solution.vcov, vcov, rtol=1e-7, atol=1e-10)
        means, _ = dense.conditional(solution.factors, solution.sigma, solution.beta)
        for ours, theirs in zip(solution.effects, means, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-8)


@both_criteria
@every_design
def test_the_gradient_is_the_central_difference_of_the_dense_criterion(name: str, reml: bool):
    likelihood, dense = MarginalLikelihood(structured(name)), DenseModel.of(structured(name))

    def f(phi: np.ndarray) -> float:
        return dense.profiled(likelihood.external_factors(phi), reml=reml)

    for phi in points(likelihood):
        expected = np.empty(likelihood.size)
        for p in range(likelihood.size):
            h = 1e-4 * np.eye(likelihood.size)[p]
            expected[p] = (8 * (f(phi + h) - f(phi - h)) - (f(phi + 2 * h) - f(phi - 2 * h))) / (12 * h[p])
        gradient = Profiled(likelihood, reml=reml).value_and_gradient(phi)[1]
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-5 * max(1.0, np.abs(expected).max()))


@both_criteria
@every_design
def test_the_curvature_is_the_average_information_or_with_one_factor_the_hessian(name: str, reml: bool):
    """As for linear factors, with the derivatives of V = V(φ) by differences."""
    likelihood, dense = MarginalLikelihood(structured(name)), DenseModel.of(structured(name))
    phi, d = points(likelihood)[1], likelihood.size
    objective = Profiled(likelihood, reml=reml)
    _, gradient, curvature = objective.with_curvature(phi)
    steps = 1e-4 * np.eye(d)
    if objective.exact:
        expected = np.array(
            [np.subtract(*(objective.value_and_gradient(phi + s * h)[1] for s in (1, -1))) for h in steps]
        ) / (2e-4)
        np.testing.assert_allclose(curvature, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
        return

    def V(at: np.ndarray) -> np.ndarray:
        return dense.relative_covariance(likelihood.external_factors(at))

    here, m = V(phi), dense.n - (dense.p if reml else 0)
    inverse = np.linalg.inv(here)
    P = inverse - inverse @ dense.X @ np.linalg.inv(dense.X.T @ inverse @ dense.X) @ dense.X.T @ inverse
    omega, Py = dense.y @ P @ dense.y / m, P @ dense.y
    score = (P if reml else inverse) - np.outer(Py, Py) / omega
    Vp = [(V(phi + h) - V(phi - h)) / 2e-4 for h in steps]
    expected = np.empty((d, d))
    for p in range(d):
        for q in range(d):
            a, b = steps[p], steps[q]
            Vpq = (V(phi + a + b) - V(phi + a - b) - V(phi - a + b) + V(phi - a - b)) / 4e-8
            expected[p, q] = (
                Py @ Vp[p] @ P @ Vp[q] @ Py / omega
                - (Py @ Vp[p] @ Py) * (Py @ Vp[q] @ Py) / (m * omega**2)
                + np.sum(score * Vpq)
            )
    np.testing.assert_allclose(gradient, [np.sum(score * each) for each in Vp], rtol=0, atol=1e-5 * dense.n)
    np.testing.assert_allclose(curvature, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@every_design
def test_theta_and_phi_are_each_others_inverse_and_many_points_are_each_alone(name: str):
    likelihood = MarginalLikelihood(structured(name))
    many = np.array(points(likelihood))
    for phi in many:
        np.testing.assert_allclose(likelihood.internal(likelihood.external(phi)), phi, rtol=1e-12, atol=1e-12)
    objective = Profiled(likelihood, reml=True)
    np.testing.assert_allclose(objective.values(many), [objective.value(phi) for phi in many], rtol=1e-12)
