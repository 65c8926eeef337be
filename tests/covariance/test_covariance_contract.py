"""What every covariance structure promises; a new one in STRUCTURES is picked up by itself."""

from __future__ import annotations

import numpy as np
import pytest

from bayesmm.covariance import STRUCTURES, Covariance

SIZES = (1, 2, 3, 5)

every_structure = pytest.mark.parametrize(
    "structure",
    [pytest.param(cls(k), id=f"{name}-{k}") for name, cls in STRUCTURES.items() for k in SIZES],
)


def some_theta(structure: Covariance, seed: int = 1) -> np.ndarray:
    theta = np.random.default_rng(seed).normal(size=structure.size)
    return np.where(structure.nonnegative, np.abs(theta) + 0.1, theta)


def some_gram(k: int, seed: int = 2) -> np.ndarray:
    """The mean cross-product of columns of very different size."""
    columns = np.random.default_rng(seed).normal(1.0, 1.0, (50, k)) * 10.0 ** np.arange(-2, k - 2)
    return columns.T @ columns / 50


@every_structure
def test_it_is_registered_under_its_name(structure: Covariance):
    assert STRUCTURES[structure.name] is type(structure)


@every_structure
def test_factor_and_parameters_are_each_others_inverse(structure: Covariance):
    theta = some_theta(structure)
    lam = structure.factor(theta)
    assert lam.shape == (structure.k, structure.k)
    np.testing.assert_array_equal(structure.parameters(lam), theta)
    np.testing.assert_array_equal(structure.factor(structure.parameters(lam)), lam)


@every_structure
def test_the_factor_is_linear_in_the_parameters(structure: Covariance):
    a, b = some_theta(structure, 3), some_theta(structure, 4)
    np.testing.assert_allclose(
        structure.factor(2 * a - b), 2 * structure.factor(a) - structure.factor(b), atol=1e-14
    )


@every_structure
def test_the_factor_is_lower_triangular_and_every_parameter_is_in_it(structure: Covariance):
    lam = structure.factor(np.ones(structure.size))
    np.testing.assert_array_equal(lam, np.tril(lam))
    places = [place for entry in structure.entries for place in entry]
    assert len(places) == len(set(places))
    assert all(0 <= column <= row < structure.k for row, column in places)
    assert {(i, i) for i in range(structure.k)} <= set(places)
    assert structure.size == len(structure.entries) == len(structure.nonnegative)


@every_structure
def test_the_parameters_bounded_by_zero_are_those_of_the_diagonal(structure: Covariance):
    lam = structure.factor(np.where(structure.nonnegative, 1.0, 0.0))
    np.testing.assert_array_equal(lam, np.eye(structure.k))
    assert structure.nonnegative.dtype == bool


@every_structure
def test_it_is_correlated_if_some_factor_is_not_diagonal(structure: Covariance):
    lam = structure.factor(np.ones(structure.size))
    assert structure.correlated == bool((lam - np.diag(np.diag(lam))).any())


@every_structure
def test_pull_back_is_the_derivative_through_the_factor(structure: Covariance):
    """For f(λ) = ⟨A, λ∘λ⟩ + ⟨B, λ⟩, by central differences, which are exact for a quadratic."""
    rng = np.random.default_rng(5)
    A, B = rng.normal(size=(2, structure.k, structure.k))
    theta, h = some_theta(structure), 1e-3

    def f(theta: np.ndarray) -> float:
        lam = structure.factor(theta)
        return float(np.sum(A * lam**2 + B * lam))

    expected = [(f(theta + h * e) - f(theta - h * e)) / (2 * h) for e in np.eye(structure.size)]
    pulled = structure.pull_back(2 * A * structure.factor(theta) + B)
    np.testing.assert_allclose(pulled, expected, rtol=1e-9, atol=1e-9)


@every_structure
def test_pull_back_looks_at_the_lower_triangle_only(structure: Covariance):
    gradient = np.random.default_rng(6).normal(size=(structure.k, structure.k))
    noise = gradient + np.triu(np.full_like(gradient, np.nan), 1)
    np.testing.assert_array_equal(structure.pull_back(noise), structure.pull_back(gradient))


@every_structure
def test_the_basis_keeps_the_structure(structure: Covariance):
    T = structure.basis(some_gram(structure.k))
    np.testing.assert_array_equal(T, np.tril(T))
    assert np.all(np.diag(T) > 0)
    for lam in (
        T @ structure.factor(some_theta(structure)),
        np.linalg.inv(T) @ structure.factor(some_theta(structure, 7)),
    ):
        again = structure.factor(structure.parameters(lam))
        np.testing.assert_allclose(again, lam, rtol=1e-10, atol=1e-12 * np.abs(lam).max())


@every_structure
def test_the_basis_takes_up_the_columns_sizes(structure: Covariance):
    """T'T ≈ gram: exactly for an unstructured λ, its diagonal or its trace for the others."""
    gram = some_gram(structure.k)
    T = structure.basis(gram)
    if structure.name == "unstructured":
        np.testing.assert_allclose(T.T @ T, gram, rtol=1e-10, atol=1e-12 * gram.max())
    elif structure.name == "diagonal":
        np.testing.assert_allclose(np.diag(T.T @ T), np.diag(gram), rtol=1e-12)
    np.testing.assert_allclose(np.trace(T.T @ T), np.trace(gram), rtol=1e-10)


@every_structure
def test_the_basis_survives_columns_that_depend_on_each_other(structure: Covariance):
    T = structure.basis(np.ones((structure.k, structure.k)))
    assert np.isfinite(T).all()
    assert np.all(np.diag(T) > 0)


@every_structure
def test_it_is_a_value(structure: Covariance):
    assert structure == type(structure)(structure.k)
    assert hash(structure) == hash(type(structure)(structure.k))
    with pytest.raises(AttributeError):
        structure.k = 7
