"""The correlation matrices of the structures against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from bayesmm.covariance import (
    Autoregressive,
    CompoundSymmetry,
    HeterogeneousAutoregressive,
    HeterogeneousCompoundSymmetry,
    HeterogeneousToeplitz,
    Toeplitz,
    Unstructured,
)
from bayesmm.errors import ModelError
from tests.covariance.structures import some_shape

WHOLE = [(0.0, 1.0, 2.0, 3.0), (1.0, 2.0, 5.0, 6.0), (8.0, 10.0, 14.0, 16.0), (-3.0, 0.0, 3.0)]
CONTINUOUS = [(0.0, 0.5, 1.7, 2.0), (0.1, 0.2, 0.4)]


def correlation(structure, r) -> np.ndarray:
    L = structure.correlation_factor(np.array([r], dtype=float))[0]
    return L @ L.T


@pytest.mark.parametrize("k", [2, 3, 6])
def test_compound_symmetry_has_one_correlation(k: int):
    for rho in (-1 / (k - 1), -0.9 / (k - 1), 0.0, 0.4, 0.999, 1.0):
        expected = np.full((k, k), rho) + (1 - rho) * np.eye(k)
        for cls in (CompoundSymmetry, HeterogeneousCompoundSymmetry):
            np.testing.assert_allclose(correlation(cls(k), [rho]), expected, atol=1e-14)


@pytest.mark.parametrize("at", WHOLE)
def test_at_whole_times_the_correlation_is_a_power_and_may_be_negative(at: tuple[float, ...]):
    structure = Autoregressive(len(at), at)
    steps = np.array(at, dtype=int)
    unit = np.gcd.reduce(np.diff(steps))
    assert structure.unit == unit
    assert structure.shape.lower == (-1.0,)
    for rho in (-1.0, -0.7, 0.0, 0.3, 1.0):
        expected = float(rho) ** (np.abs(np.subtract.outer(steps, steps)) // unit)
        np.testing.assert_allclose(correlation(structure, [rho]), expected, atol=1e-14)


@pytest.mark.parametrize("at", CONTINUOUS)
def test_in_continuous_time_it_is_that_at_the_median_gap_to_a_power(at: tuple[float, ...]):
    structure = HeterogeneousAutoregressive(len(at), at)
    assert structure.unit == pytest.approx(np.median(np.diff(at)))
    assert structure.shape.lower == (0.0,)
    distance = np.abs(np.subtract.outer(at, at)) / np.median(np.diff(at))
    for rho in (1e-6, 0.3, 0.99, 1.0):
        np.testing.assert_allclose(correlation(structure, [rho]), rho**distance, atol=1e-14)


@pytest.mark.parametrize("at", [*WHOLE, *CONTINUOUS])
def test_pull_back_over_time_is_the_difference_wherever_the_times_are(at: tuple[float, ...]):
    structure = Autoregressive(len(at), at)
    gradient = np.random.default_rng(1).normal(size=(1, len(at), len(at)))
    for rho in (-0.6, 0.2, 0.95) if structure.whole else (0.05, 0.5, 0.95):
        r, h = np.array([[rho]]), 1e-6
        up, down = (np.sum(gradient * structure.correlation_factor(r + s * h)) for s in (1, -1))
        found = structure.correlation_pull_back(r, gradient)[0, 0]
        assert found == pytest.approx((up - down) / (2 * h), rel=1e-7, abs=1e-7)
        np.testing.assert_allclose(structure.shape_of(correlation(structure, [rho])[None]), r, rtol=1e-9)


def test_what_the_correlation_of_a_time_is_said_of_is_said_where_it_isnt_one_step():
    assert Autoregressive(3, (0.0, 1.0, 2.0)).remark == ""
    assert "distance of 2" in Autoregressive(3, (8.0, 10.0, 14.0)).remark
    assert "distance of 0.5" in Autoregressive(3, (0.0, 0.5, 1.0)).remark


@pytest.mark.parametrize("k", [2, 3, 5, 8])
def test_shapes_of_toeplitz_are_partial_autocorrelations(k: int):
    """The partial correlation of columns l apart, those between given: by the inverse of the dense matrix."""
    for structure in (Toeplitz(k), HeterogeneousToeplitz(k)):
        for r in some_shape(structure, 5):
            R = correlation(structure, r)
            first = R[0]
            np.testing.assert_allclose(R, first[np.abs(np.subtract.outer(range(k), range(k)))], atol=1e-13)
            np.testing.assert_allclose(structure.reported(r[None])[0], first[1:], atol=1e-13)
            for lag in range(1, k):
                P = np.linalg.inv(R[: lag + 1, : lag + 1])
                assert -P[0, -1] / np.sqrt(P[0, 0] * P[-1, -1]) == pytest.approx(r[lag - 1], abs=1e-9)


def test_an_autoregression_is_a_toeplitz_with_partial_correlations_of_zero_beyond_the_first():
    at = (0.0, 1.0, 2.0, 3.0)
    np.testing.assert_allclose(
        correlation(Toeplitz(4, at), [0.6, 0, 0]), correlation(Autoregressive(4, at), [0.6]), atol=1e-14
    )


@pytest.mark.parametrize("k", [2, 3, 5])
def test_shapes_of_an_unstructured_correlation_are_partial_correlations(k: int):
    """Of columns i and j, the columns before i given."""
    structure = Unstructured(k)
    for r in some_shape(structure, 5):
        R = correlation(structure, r)
        for m, (i, j) in enumerate(structure.pairs):
            within = [*range(i), i, j]
            P = np.linalg.inv(R[np.ix_(within, within)])
            assert -P[-2, -1] / np.sqrt(P[-2, -2] * P[-1, -1]) == pytest.approx(r[m], abs=1e-9)
        np.testing.assert_allclose(structure.reported(r[None])[0], [R[i, j] for i, j in structure.pairs])


def test_the_prior_of_an_unstructured_correlation_is_the_density_of_lewandowski_kurowicka_and_joe():
    """|R|^(η − 1) times the Jacobian of the correlations in the partials, for k = 3, up to a constant."""
    structure, eta = Unstructured(3), 1.7
    a, b = structure.shape.beta({"eta": eta})
    r = some_shape(structure, 6)
    log_beta = ((a - 1) * np.log((1 + r) / 2) + (b - 1) * np.log((1 - r) / 2)).sum(axis=1)
    log_det = [np.linalg.slogdet(correlation(structure, one))[1] for one in r]
    h, log_jacobian = 1e-6, []
    for one in r:
        columns = [
            (structure.reported((one + s)[None]) - structure.reported((one - s)[None]))[0] / (2 * h)
            for s in h * np.eye(3)
        ]
        log_jacobian.append(np.linalg.slogdet(np.array(columns))[1])
    density = (eta - 1) * np.array(log_det) + np.array(log_jacobian)
    np.testing.assert_allclose(log_beta - density, np.full(6, log_beta[0] - density[0]), atol=1e-7)


def test_times_that_toeplitz_cant_have_are_refused():
    assert Toeplitz(3, (1.0, 3.0, 5.0)).positions == (1.0, 3.0, 5.0)
    with pytest.raises(ModelError, match="the times of 'toep' aren't equally spaced: 1, 2, 4"):
        Toeplitz(3, (1.0, 2.0, 4.0))
    with pytest.raises(ModelError, match="Expected: 3 numbers that rise"):
        Autoregressive(3, (1.0, 1.0, 2.0))
    with pytest.raises(ModelError, match="Expected: 3 numbers that rise"):
        Autoregressive(3, (1.0, 2.0))


@pytest.mark.parametrize(
    ("structure", "noise", "constant"),
    [
        (Unstructured(3), True, True),
        (CompoundSymmetry(3), True, True),
        (Toeplitz(3), True, True),
        (Autoregressive(3), False, False),
        (HeterogeneousCompoundSymmetry(3), False, False),
        (HeterogeneousToeplitz(4), False, False),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else str(value),
)
def test_what_a_structure_takes_in_is_of_the_structure(structure, noise: bool, constant: bool):
    """G + cI and G + c11' for some G of the structure: whether its own parameters give it back."""
    s = np.array([0.8 if len(structure.owners) == 1 else 0.5 + 0.3 * i for i in range(structure.k)])
    G = s[:, None] * correlation(structure, some_shape(structure, 1)[0]) * s
    for added, taken in ((np.eye(structure.k), noise), (np.ones((structure.k, structure.k)), constant)):
        sd = np.sqrt(np.diag(G + added))
        R = (G + added) / np.outer(sd, sd)
        shared = np.allclose(sd, sd[list(structure.sds)])
        again = correlation(structure, structure.shape_of(R[None])[0])
        assert (shared and np.allclose(again, R, atol=1e-8)) == taken
    assert structure.takes_noise == noise
    assert structure.absorbs(np.ones(structure.k)) == constant
