"""What every covariance structure and its chart promise; a new one in STRUCTURES is picked up by itself.

Derivatives are compared with differences, factors with correlation matrices and their properties.
"""

from __future__ import annotations

import numpy as np
import pytest

from bayesmm.covariance import STRUCTURES, Chart, Covariance
from tests.covariance.structures import SIZES, made, some_shape

every_structure = pytest.mark.parametrize(
    "structure",
    [pytest.param(made(name, k), id=f"{name}-{k}") for name in STRUCTURES for k in SIZES],
)


def some_gram(k: int, seed: int = 2) -> np.ndarray:
    """The mean cross-product of columns of very different size."""
    columns = np.random.default_rng(seed).normal(1.0, 1.0, (50, k)) * 10.0 ** np.arange(-2, k - 2)
    return columns.T @ columns / 50


def chart_of(structure: Covariance) -> Chart:
    return structure.chart(structure.basis(some_gram(structure.k)))


def some_phi(chart: Chart, count: int = 1, seed: int = 1) -> np.ndarray:
    """(count, size) points well within all bounds."""
    rng = np.random.default_rng(seed)
    sizes, signs = rng.uniform(0.3, 2.0, (count, chart.size)), rng.choice((-1.0, 1.0), (count, chart.size))
    return chart.scan(rng.uniform(size=sizes.shape), sizes, signs)


@every_structure
def test_it_is_registered_under_its_name(structure: Covariance):
    assert STRUCTURES[structure.name] is type(structure)


@every_structure
def test_a_standard_deviation_is_named_after_the_first_column_that_has_it(structure: Covariance):
    assert len(structure.sds) == structure.k
    for column, owner in enumerate(structure.sds):
        assert owner <= column
        assert structure.sds[owner] == owner
    assert structure.owners == tuple(sorted(set(structure.sds)))


@every_structure
def test_the_factor_of_a_correlation_is_lower_triangular_with_rows_of_length_one(structure: Covariance):
    r = some_shape(structure, 20)
    L = structure.correlation_factor(r)
    assert L.shape == (20, structure.k, structure.k)
    np.testing.assert_array_equal(L, np.tril(L))
    np.testing.assert_allclose(np.linalg.norm(L, axis=2), 1.0, rtol=1e-13)
    assert (np.einsum("sii->si", L) > 0).all()


@every_structure
def test_the_shape_is_found_again_in_the_correlation(structure: Covariance):
    r = some_shape(structure, 20)
    L = structure.correlation_factor(r)
    np.testing.assert_allclose(structure.shape_of(L @ L.swapaxes(1, 2)), r, rtol=1e-8, atol=1e-10)


@every_structure
def test_the_slopes_of_the_factor_are_its_differences(structure: Covariance):
    r, h = some_shape(structure, 5), 1e-6
    slopes = structure.correlation_slopes(r)
    for p in range(r.shape[1]):
        step = h * np.eye(r.shape[1])[p]
        difference = structure.correlation_factor(r + step) - structure.correlation_factor(r - step)
        np.testing.assert_allclose(slopes[:, p], difference / (2 * h), atol=1e-8)


@every_structure
def test_pull_back_goes_through_the_slopes_of_the_lower_triangle(structure: Covariance):
    r = some_shape(structure, 5)
    gradient = np.random.default_rng(3).normal(size=(5, structure.k, structure.k))
    expected = [
        [np.sum(np.tril(slope) * np.tril(one)) for slope in slopes]
        for slopes, one in zip(structure.correlation_slopes(r), gradient, strict=True)
    ]
    found = structure.correlation_pull_back(r, gradient)
    np.testing.assert_allclose(found, np.reshape(expected, r.shape), rtol=1e-10, atol=1e-12)


@every_structure
def test_up_to_its_bounds_the_correlation_is_positive_definite_and_there_it_is_singular(
    structure: Covariance,
):
    """The walls are where they must be: 10⁻⁷ of the interval inside, R is all but singular."""
    shape = structure.shape
    if shape is None:
        return
    inside = some_shape(structure, 1)[0]
    for p in range(shape.size):
        width = shape.upper[p] - shape.lower[p]
        for bound in (shape.lower[p] + 1e-7 * width, shape.upper[p] - 1e-7 * width):
            r = inside.copy()
            r[p] = bound
            L = structure.correlation_factor(r[None])[0]
            assert 0 < np.linalg.eigvalsh(L @ L.T)[0] < 1e-5


@every_structure
def test_what_is_reported_has_a_label_for_each_value(structure: Covariance):
    columns = tuple(f"c{i}" for i in range(structure.k))
    if structure.shape is None:
        assert not structure.correlated
        return
    found, labels = structure.reported(some_shape(structure, 4)), structure.labels(columns)
    assert found.shape == (4, 1 if labels is None else len(labels))
    assert (np.abs(found) <= 1).all()


@every_structure
def test_a_prior_is_a_beta_for_each_shape_parameter(structure: Covariance):
    shape = structure.shape
    if shape is not None:
        a, b = shape.beta(shape.default)
        assert a.shape == b.shape == (shape.size,) == (len(shape.upper),)
        assert (a > 0).all()
        assert (b > 0).all()


@every_structure
def test_factor_and_parameters_are_each_others_inverse(structure: Covariance):
    chart = chart_of(structure)
    phi = some_phi(chart, 20)
    lam = chart.factor(phi)
    assert lam.shape == (20, structure.k, structure.k)
    np.testing.assert_array_equal(lam, np.tril(lam))
    np.testing.assert_allclose(chart.parameters(lam), phi, rtol=1e-7, atol=1e-9)


@every_structure
def test_the_covariance_is_that_of_the_structure_whatever_the_basis(structure: Covariance):
    """λ = T⁻¹λ̃ has standard deviations shared as the structure says, and a correlation of its shapes."""
    chart = chart_of(structure)
    lam = np.linalg.inv(chart.basis) @ chart.factor(some_phi(chart, 10))
    sds = np.linalg.norm(lam, axis=2)
    np.testing.assert_allclose(sds, sds[:, list(structure.sds)], rtol=1e-12)
    L = lam / sds[:, :, None]
    R = L @ L.swapaxes(1, 2)
    again = structure.correlation_factor(structure.shape_of(R))
    np.testing.assert_allclose(again @ again.swapaxes(1, 2), R, atol=1e-8)


@every_structure
def test_theta_are_the_parameters_in_the_basis_of_the_user(structure: Covariance):
    chart = chart_of(structure)
    phi = some_phi(chart, 10)
    np.testing.assert_allclose(chart.phi(chart.theta(phi)), phi, rtol=1e-10, atol=1e-12)
    users = structure.chart(np.eye(structure.k))
    lam = np.linalg.inv(chart.basis) @ chart.factor(phi)
    scale = np.abs(lam).max(axis=2, keepdims=True)
    np.testing.assert_allclose(users.factor(chart.theta(phi)) / scale, lam / scale, rtol=1e-9, atol=1e-12)


@every_structure
@pytest.mark.parametrize("zero", [False, True], ids=["inside", "a standard deviation at zero"])
def test_pull_back_is_the_derivative_through_the_factor(structure: Covariance, zero: bool):
    """For f(λ) = ⟨A, λ∘λ⟩ + ⟨B, λ⟩, by central differences."""
    chart = chart_of(structure)
    A, B = np.random.default_rng(5).normal(size=(2, structure.k, structure.k))
    phi, h = some_phi(chart)[0], 1e-5
    if zero:
        phi[np.flatnonzero(chart.nonnegative)[-1]] = 0.0

    def f(at: np.ndarray) -> float:
        lam = chart.factor(at[None])[0]
        return float(np.sum(A * lam**2 + B * lam))

    expected = [(f(phi + h * e) - f(phi - h * e)) / (2 * h) for e in np.eye(chart.size)]
    gradient = (2 * A * chart.factor(phi[None]) + B) + np.triu(np.full_like(A, 1e3), 1)
    np.testing.assert_allclose(chart.pull_back(phi[None], gradient)[0], expected, rtol=1e-7, atol=1e-7)


@every_structure
def test_slopes_and_bend_are_derivatives_of_the_covariance(structure: Covariance):
    chart = chart_of(structure)
    S = np.random.default_rng(6).normal(size=(structure.k, structure.k))
    S = S + S.T
    phi, h = some_phi(chart)[0], 1e-5

    def G(at: np.ndarray) -> np.ndarray:
        lam = chart.factor(at[None])[0]
        return lam @ lam.T

    def along(at: np.ndarray) -> np.ndarray:
        return np.einsum("pij,ij->p", chart.slopes(at), S)

    steps = h * np.eye(chart.size)
    expected = [(G(phi + step) - G(phi - step)) / (2 * h) for step in steps]
    np.testing.assert_allclose(chart.slopes(phi), expected, rtol=1e-6, atol=1e-7)
    bent = [(along(phi + step) - along(phi - step)) / (2 * h) for step in steps]
    np.testing.assert_allclose(chart.bend(phi, S), bent, rtol=1e-5, atol=1e-5)


@every_structure
def test_canonical_parameters_are_of_the_same_covariance(structure: Covariance):
    chart = chart_of(structure)
    phi = some_phi(chart)[0]
    lam = chart.factor(np.stack([phi, chart.canonical(phi, 0.0)]))
    np.testing.assert_allclose(*(lam @ lam.swapaxes(1, 2)), rtol=1e-12)


@every_structure
def test_a_variance_at_zero_grows_where_the_slope_is_negative(structure: Covariance):
    """From λ̃ = 0, with S = −I: everything wants to grow, and a step gives ⟨S, ΔG⟩ the promised slope."""
    chart = chart_of(structure)
    phi = np.where(chart.nonnegative, 0.0, chart.start)
    assert chart.on_boundary(phi)
    assert not chart.free(phi).any()
    slope, direction = chart.least_slope(phi, -np.eye(structure.k), 1e-9)
    assert slope < 0
    lam = chart.factor(chart.grow(phi, direction, 1e-3)[None])[0]
    np.testing.assert_allclose(-np.trace(lam @ lam.T), 1e-6 * slope, rtol=1e-6)


@every_structure
def test_inside_everything_is_free_and_nothing_is_on_the_boundary(structure: Covariance):
    chart = chart_of(structure)
    phi = chart.canonical(some_phi(chart)[0], 0.0)
    assert chart.free(phi).all()
    assert not chart.on_boundary(phi)
    assert chart.off_boundary(phi, 1e-6) is phi
    np.testing.assert_array_equal(chart.reduced(phi, 1e-6), phi)


@every_structure
def test_off_the_boundary_the_factor_can_be_inverted(structure: Covariance):
    chart = chart_of(structure)
    phi = np.where(chart.nonnegative, 0.0, np.where(np.isfinite(chart.upper), chart.upper, 0.3))
    lam = chart.factor(chart.off_boundary(phi, 1e-4)[None])[0]
    assert np.isfinite(np.linalg.inv(lam)).all()


@every_structure
def test_the_basis_takes_up_the_columns_sizes(structure: Covariance):
    """T'T ≈ gram: all of it for an unstructured λ, its diagonal or its trace for the others."""
    gram = some_gram(structure.k)
    T = structure.basis(gram)
    np.testing.assert_array_equal(T, np.tril(T))
    assert np.all(np.diag(T) > 0)
    if structure.name == "unstructured":
        np.testing.assert_allclose(T.T @ T, gram, rtol=1e-10, atol=1e-12 * gram.max())
    elif len(structure.owners) == structure.k:
        np.testing.assert_allclose(np.diag(T.T @ T), np.diag(gram), rtol=1e-12)
    np.testing.assert_allclose(np.trace(T.T @ T), np.trace(gram), rtol=1e-10)


@every_structure
def test_the_basis_survives_columns_that_depend_on_each_other(structure: Covariance):
    T = structure.basis(np.ones((structure.k, structure.k)))
    assert np.isfinite(T).all()
    assert np.all(np.diag(T) > 0)


@every_structure
def test_it_is_a_value(structure: Covariance):
    again = made(structure.name, structure.k)
    assert structure == again
    assert hash(structure) == hash(again)
    with pytest.raises(AttributeError):
        structure.k = 7


@every_structure
def test_what_is_told_of_the_correlation_gives_its_factor_again(structure: Covariance):
    if structure.correlated:
        r = some_shape(structure, 20)
        L, told = structure.correlation_factor(r), structure.reported(r)
        np.testing.assert_allclose(structure.reported_of(L @ L.swapaxes(1, 2)), told, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(structure.factor_of(told), L, rtol=1e-7, atol=1e-9)
        low, high = min(structure.shape.lower), max(structure.shape.upper)
        assert (told >= low - 1e-12).all()
        assert (told <= high + 1e-12).all()
        labels = structure.labels(tuple(map(str, range(structure.k))))
        assert told.shape == (20, 1 if labels is None else len(labels))


class Scalar(float):
    """A number that NumPy doesn't know, with arithmetic and a square root of its own, as PyTensor's have."""

    def __add__(self, other):
        return Scalar(float(self) + float(other))

    def __sub__(self, other):
        return Scalar(float(self) - float(other))

    def __rsub__(self, other):
        return Scalar(float(other) - float(self))

    def __mul__(self, other):
        return Scalar(float(self) * float(other))

    def __truediv__(self, other):
        return Scalar(float(self) / float(other))

    def __pow__(self, other):
        return Scalar(float(self) ** float(other))

    def sqrt(self):
        return Scalar(float(self) ** 0.5)

    __radd__, __rmul__ = __add__, __mul__


@every_structure
def test_the_factor_is_had_of_scalars_too(structure: Covariance):
    """Row by row, of how far the shapes lie between their bounds, and of what is told of the correlation."""
    if not structure.correlated:
        return
    r = some_shape(structure, 1)
    L, told = structure.correlation_factor(r)[0], structure.reported(r)[0]
    scalars = [Scalar(share) for share in structure.shape.share(r)[0]]
    by_shapes = structure.correlation_rows(scalars, Scalar.sqrt)
    by_told = structure.rows_of([Scalar(value) for value in told], Scalar.sqrt)
    for i in range(structure.k):
        np.testing.assert_allclose(np.array(by_shapes[i], float), L[i, : i + 1], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(np.array(by_told[i], float), L[i, : i + 1], rtol=1e-7, atol=1e-9)
    found = structure.reported_scalars(scalars)
    np.testing.assert_allclose(np.array(found, float), told, rtol=1e-10, atol=1e-12)


@every_structure
def test_correlations_are_the_powers_that_equations_write(structure: Covariance):
    r = some_shape(structure, 5)
    L = structure.correlation_factor(r)
    R = L @ L.swapaxes(1, 2)
    told = structure.reported(r) if structure.correlated else None
    for i in range(structure.k):
        for j in range(i + 1, structure.k):
            found = structure.power_of(i, j) if structure.correlated else None
            if found is not None:
                m, power = found
                np.testing.assert_allclose(R[:, i, j], told[:, m] ** power, rtol=1e-9, atol=1e-12)
                assert structure.meaning(m)


@every_structure
def test_a_structure_that_turns_keeps_its_kind_when_a_column_does(structure: Covariance):
    if structure.turns and structure.correlated:
        L = structure.correlation_factor(some_shape(structure, 5))
        L[:, 0] *= -1
        R = L @ L.swapaxes(1, 2)
        again = structure.correlation_factor(structure.shape_of(R))
        np.testing.assert_allclose(again @ again.swapaxes(1, 2), R, rtol=1e-9, atol=1e-12)
