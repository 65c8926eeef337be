"""Value and gradient in one compiled call, against the factorization's own and dense algebra; in threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bayesmm.blocks.kernels.dense import SMALL, factor, invert, last_row_solution
from bayesmm.blocks.kernels.density import log_density
from bayesmm.blocks.kernels.table import ARRAYS, LAYOUT
from bayesmm.blocks.packed import PRIOR_MEAN, RIDGE, SCALARS, Extent, pack
from bayesmm.design import build_design
from bayesmm.errors import ModelError
from bayesmm.likelihood import IntegratedLikelihood, MarginalLikelihood
from tests.designs import CASES, design
from tests.likelihood.points import points


def prior(p: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(p)
    A = rng.normal(size=(p, p))
    return rng.normal(size=p), 0.05 * (A @ A.T + np.eye(p))


def by_the_factorization(model: IntegratedLikelihood, phi: np.ndarray, log_sigma: float) -> np.ndarray:
    """(value, gradient in φ, derivative in log σ) from the pieces that fits are made of."""
    likelihood = model.likelihood
    cross, q = likelihood.cross, likelihood.layout.q_tail
    omega = np.exp(2 * log_sigma) / likelihood.coordinates.scale**2
    ridge, p = model.ridge, cross.p
    f = likelihood.factorization(phi, omega * ridge)
    assert f.positive_definite
    by_phi = likelihood.variances.pull_back(phi, f.gradient(1 / omega, with_fixed=True))
    _, z = f.solve()
    L = f.fixed_factor()
    trace = np.trace(np.linalg.solve(L @ L.T, ridge[:p, :p])) if p else 0.0
    prior_mean = np.linalg.solve(ridge[:p, :p], ridge[:p, p])
    away = z[q:-1] - prior_mean
    slope = cross.n - p + omega * trace + away @ ridge[:p, :p] @ away - f.r2 / omega
    value = cross.n * np.log(2 * np.pi) + (cross.n - p) * np.log(omega) + f.log_det_M + f.log_det_C
    value += f.r2 / omega - model.log_det_prior
    value += 2 * cross.n * np.log(likelihood.coordinates.scale) - likelihood.coordinates.sum_log_weights
    return np.array([-0.5 * value, *(-0.5 * by_phi), -slope])


def at_once(model: IntegratedLikelihood, phi: np.ndarray, log_sigma: float) -> np.ndarray:
    likelihood = model.likelihood
    value, by_lam, by_sigma = model.log_density(likelihood.group_factors(phi), log_sigma)
    return np.array([value, *likelihood.variances.pull_back(phi, by_lam), by_sigma])


def assert_same(ours: np.ndarray, expected: np.ndarray) -> None:
    assert ours[0] == pytest.approx(expected[0], rel=1e-12)
    assert_allclose(ours[1:], expected[1:], rtol=0, atol=1e-10 * max(1.0, np.abs(expected[1:]).max()))


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_factorizations_value_and_gradient(name: str):
    model = IntegratedLikelihood(MarginalLikelihood(design(name)), *prior(design(name).p))
    for i, phi in enumerate(points(model.likelihood)):
        log_sigma = np.log(model.likelihood.coordinates.scale) + 0.3 * i - 0.7
        assert_same(at_once(model, phi, log_sigma), by_the_factorization(model, phi, log_sigma))


@pytest.fixture(scope="module", params=["slopes", "chain"])
def large(request: pytest.FixtureRequest) -> IntegratedLikelihood:
    """Tails of 121 and of 65 columns: beyond ``SMALL`` LAPACK factors them."""
    rng = np.random.default_rng(2)
    n = 600
    frame = pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "g": rng.integers(0, 80, n),
            "h": rng.integers(0, 60, n),
            "w": rng.uniform(0.5, 2.0, n),
        }
    )
    frame["block"] = frame["g"] // 10
    formula = {"slopes": "y ~ x + (x | g) + (x | h)", "chain": "y ~ x + (x | block/g) + (1 | h)"}
    d = build_design(formula[request.param], frame, weights="w")
    model = IntegratedLikelihood(MarginalLikelihood(d), *prior(d.p))
    assert model.likelihood.layout.size > SMALL
    return model


def test_large_tails_too(large: IntegratedLikelihood):
    for phi in points(large.likelihood):
        assert_same(at_once(large, phi, -0.1), by_the_factorization(large, phi, -0.1))


def test_the_gradient_of_a_large_tail_is_the_central_difference(large: IntegratedLikelihood):
    at = np.append(points(large.likelihood)[1], -0.1)
    ours = at_once(large, at[:-1], at[-1])
    step = 1e-5
    around = np.vstack([at + step * np.eye(len(at)), at - step * np.eye(len(at))])
    lam = large.likelihood.group_factors_many(around[:, :-1])
    value = large.log_densities(lam, around[:, -1])
    expected = (value[: len(at)] - value[len(at) :]) / (2 * step)
    assert_allclose(ours[1:], expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    here = large.likelihood.group_factors_many(at[None, :-1])
    assert ours[0] == pytest.approx(large.log_densities(here, at[-1:])[0], rel=1e-13)


def test_threads_may_call_it_at_the_same_time(large: IntegratedLikelihood):
    rng = np.random.default_rng(3)
    where = np.abs(rng.normal(0.5, 0.3, (40, large.size + 1)))
    one_by_one = [at_once(large, at[:-1], at[-1]) for at in where]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda at: at_once(large, at[:-1], at[-1]), where))
    assert_array_equal(together, one_by_one)


def test_where_it_cannot_be_computed_the_gradient_is_zero(large: IntegratedLikelihood):
    fine = points(large.likelihood)[1]
    for phi, log_sigma in ((fine * np.nan, 0.0), (fine * 1e200, 0.0), (fine, 400.0), (fine, np.nan)):
        assert_array_equal(at_once(large, phi, log_sigma), [-np.inf] + [0.0] * (large.size + 1))


def test_factors_of_the_wrong_shape_are_refused(large: IntegratedLikelihood):
    shape = large.likelihood.group_factors(large.likelihood.start).shape
    with pytest.raises(ModelError, match=f"Expected: .{', '.join(map(str, shape))}"):
        large.log_density(np.ones(shape[1:]), 0.0)


def test_the_arrays_are_packed_where_the_table_says(large: IntegratedLikelihood):
    layout, size = large.likelihood.layout, large.likelihood.cross.p
    rng = np.random.default_rng(4)
    extent = Extent(
        ridge=rng.normal(size=(size + 1, size + 1)),
        prior_mean=rng.normal(size=size),
        scalars=np.array([0.1, 0.2, 0.3]),
    )
    whole, real = pack(layout, extent)
    found = [*whole[:ARRAYS], *whole[[RIDGE, PRIOR_MEAN, SCALARS]]]
    for place, array in zip(found, (*layout.table.arrays, *extent), strict=True):
        source, start = (whole, place) if place >= 0 else (real, -1 - place)
        assert source.dtype == array.dtype
        assert_array_equal(source[start : start + array.size], array.ravel())
    assert_array_equal(whole[ARRAYS:LAYOUT], layout.table.numbers)


def test_arrays_that_must_not_be_written_to_are_not(large: IntegratedLikelihood):
    whole, real = (array.copy() for array in large.packed)
    whole.flags.writeable = real.flags.writeable = False
    lam = large.likelihood.group_factors(points(large.likelihood)[1])
    gradient = np.empty(lam.size + 1)
    value = log_density(whole, real, lam, -0.1, gradient)
    expected, by_lam, by_sigma = large.log_density(lam, -0.1)
    assert_array_equal([value, *gradient], [expected, *by_lam.ravel(), by_sigma])


@pytest.mark.parametrize("m", [1, 2, 7, SMALL, SMALL + 1, 150])
def test_a_dense_matrix_is_factored_inverted_and_solved_with(m: int):
    rng = np.random.default_rng(m)
    A = rng.normal(size=(m, m))
    K = A @ A.T + m * np.eye(m)
    T = np.where(np.tri(m, dtype=bool), K, np.nan)  # the upper triangle isn't looked at
    assert factor(m, T)
    L = np.tril(T)
    assert_allclose(L @ L.T, K, rtol=1e-12)
    expected = np.zeros(m)
    expected[-1] = -L[-1, -1]
    x = np.empty(m)
    last_row_solution(m, T, x)
    assert_allclose(L.T @ x, expected, atol=1e-11)
    for size in {m, m - 1}:
        P = T.copy()
        invert(m, size, P)
        expected = np.zeros((m, m))
        expected[:size, :size] = np.linalg.inv(K[:size, :size])
        assert_allclose(P, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("m", [3, SMALL + 1])
def test_a_matrix_that_is_not_positive_definite_is_told(m: int):
    K = np.eye(m)
    K[-1, -1] = -1.0
    assert not factor(m, K)
