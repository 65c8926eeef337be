"""The blocked factorization says what the dense normal distribution says."""

from __future__ import annotations

import numpy as np
import pytest

from bayesmm.likelihood import MarginalLikelihood, Profiled
from tests.dense import DenseModel
from tests.designs import CASES, design
from tests.likelihood.points import points

REL = 1e-9

every_design = pytest.mark.parametrize("name", CASES)
both_criteria = pytest.mark.parametrize("reml", [False, True], ids=["ML", "REML"])


@both_criteria
@every_design
def test_the_criterion_is_the_dense_log_density(name: str, reml: bool):
    likelihood, dense = MarginalLikelihood(design(name)), DenseModel.of(design(name))
    for phi in points(likelihood):
        solution = Profiled(likelihood, reml=reml).solution(phi)
        V = dense.covariance(solution.factors, solution.sigma)
        assert Profiled(likelihood, reml=reml).value(phi) == pytest.approx(solution.criterion, rel=1e-13)
        assert solution.criterion == pytest.approx(-2 * dense.loglik(V, reml=reml), rel=REL)
        assert solution.criterion == pytest.approx(dense.profiled(solution.factors, reml=reml), rel=REL)


@both_criteria
@every_design
def test_sigma_is_the_best_one(name: str, reml: bool):
    likelihood, dense = MarginalLikelihood(design(name)), DenseModel.of(design(name))
    solution = Profiled(likelihood, reml=reml).solution(points(likelihood)[1])
    best = dense.loglik(dense.covariance(solution.factors, solution.sigma), reml=reml)
    for other in (0.999, 1.001):
        V = dense.covariance(solution.factors, solution.sigma * other)
        assert dense.loglik(V, reml=reml) < best


@every_design
def test_the_coefficients_are_generalised_least_squares(name: str):
    likelihood, dense = MarginalLikelihood(design(name)), DenseModel.of(design(name))
    for phi in points(likelihood):
        solution = Profiled(likelihood, reml=True).solution(phi)
        if dense.p == 0:
            assert solution.beta.shape == (0,)
            assert solution.vcov.shape == (0, 0)
            continue
        beta, vcov = dense.coefficients(dense.covariance(solution.factors, solution.sigma))
        np.testing.assert_allclose(solution.beta, beta, rtol=0, atol=REL * np.sqrt(np.diag(vcov).max()))
        scale = np.sqrt(np.outer(np.diag(vcov), np.diag(vcov)))
        np.testing.assert_allclose(solution.vcov / scale, vcov / scale, rtol=0, atol=REL)


@every_design
def test_the_random_effects_are_the_normals_conditional_mean_and_covariance(name: str):
    likelihood, dense = MarginalLikelihood(design(name)), DenseModel.of(design(name))
    for phi in points(likelihood):
        solution = Profiled(likelihood, reml=True).solution(phi)
        covariances = likelihood.conditional_covariances(phi, sigma=solution.sigma)
        means, expected = dense.conditional(solution.factors, solution.sigma, solution.beta)
        largest = max(np.abs(mean).max() for mean in means)
        spread = max(np.abs(covariance).max() for covariance in expected)
        for mean, covariance, ours, our_covariance in zip(
            means, expected, solution.effects, covariances, strict=True
        ):
            np.testing.assert_allclose(ours, mean, rtol=0, atol=1e-8 * max(largest, 1e-6))
            np.testing.assert_allclose(our_covariance, covariance, rtol=0, atol=1e-8 * max(spread, 1e-6))


@every_design
def test_internal_and_external_parameters_are_each_others_inverse(name: str):
    likelihood = MarginalLikelihood(design(name))
    phi = points(likelihood)[1]
    theta = likelihood.external(phi)
    np.testing.assert_allclose(likelihood.internal(theta), phi, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(Profiled(likelihood, reml=True).solution(phi).theta, theta, rtol=1e-14)
    for ours, lam in zip(
        likelihood.factors(theta), Profiled(likelihood, reml=True).solution(phi).factors, strict=True
    ):
        np.testing.assert_allclose(ours, lam, rtol=1e-12, atol=1e-14)


def test_the_chain_of_nested_factors_is_found_however_the_formula_writes_it():
    layouts = {
        name: MarginalLikelihood(design(name)).layout
        for name in ("nested", "implicitly nested", "crossed", "three-level chain with a crossed factor")
    }
    assert {name: (len(layout.chain), layout.q_tail) for name, layout in layouts.items()} == {
        "nested": (2, 0),
        "implicitly nested": (2, 0),
        "crossed": (1, 6),
        "three-level chain with a crossed factor": (3, 5),
    }


def test_the_likelihood_can_be_evaluated_again_and_again():
    """No value may depend on what was computed before."""
    likelihood = MarginalLikelihood(design("chain with slopes, crossed with slopes"))
    phi, other = points(likelihood)[1], points(likelihood)[0]
    first = Profiled(likelihood, reml=True).value_and_gradient(phi)
    modes = Profiled(likelihood, reml=True).solution(phi).effects
    Profiled(likelihood, reml=False).value_and_gradient(other)
    likelihood.conditional_covariances(other, sigma=1.0)
    again = Profiled(likelihood, reml=True).value_and_gradient(phi)
    assert first[0] == pytest.approx(again[0], rel=1e-14)
    np.testing.assert_allclose(first[1], again[1], rtol=1e-12, atol=1e-12)
    for before, after in zip(modes, Profiled(likelihood, reml=True).solution(phi).effects, strict=True):
        np.testing.assert_allclose(before, after, rtol=1e-12, atol=1e-12)
