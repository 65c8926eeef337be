"""log p(y_A | y_−A) in closed form against the conditional law of the dense multivariate normal."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats

from bayesmm.design import Design, build_design
from bayesmm.errors import DataError, ModelError
from bayesmm.likelihood import IntegratedLikelihood, LeaveOut, MarginalLikelihood, leave_out
from tests.dense import DenseModel
from tests.designs import CASES, design
from tests.likelihood.points import points

UNITS = [(name, unit) for name in CASES for unit in (None, *design(name).factors)]
every_unit = pytest.mark.parametrize(("name", "unit"), UNITS, ids=[f"{n}, {u or 'rows'}" for n, u in UNITS])


def prior(p: int) -> tuple[np.ndarray, np.ndarray]:
    """A prior mean and a precision that isn't diagonal."""
    rng = np.random.default_rng(p)
    A = rng.normal(size=(p, p))
    return rng.normal(size=p), 0.05 * (A @ A.T + np.eye(p))


def integrated(d: Design) -> IntegratedLikelihood:
    return IntegratedLikelihood(MarginalLikelihood(d), *prior(d.p))


def sets(d: Design, unit: str | None) -> list[np.ndarray]:
    """The rows of each set, as the data have them."""
    codes = np.arange(d.n) if unit is None else d.factors[unit].codes
    return [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]


def conditional(d: Design, model: IntegratedLikelihood, phi: np.ndarray, log_sigma: float, A: np.ndarray):
    """log N(y_A; E[y_A | y_−A], Var[y_A | y_−A]), from the covariance of all rows."""
    dense, likelihood = DenseModel.of(d), model.likelihood
    mean, precision = prior(d.p)
    V = dense.covariance(likelihood.factors(likelihood.external(phi)), np.exp(log_sigma))
    V = V + dense.X @ np.linalg.solve(precision, dense.X.T)
    away = dense.y - dense.X @ mean
    B = np.setdiff1d(np.arange(d.n), A)
    gain = linalg.solve(V[np.ix_(B, B)], V[np.ix_(B, A)], assume_a="pos").T
    variance = V[np.ix_(A, A)] - gain @ V[np.ix_(B, A)]
    return stats.multivariate_normal(gain @ away[B], (variance + variance.T) / 2).logpdf(away[A])


def check(d: Design, unit: str | None, *, most: int = 8) -> None:
    model = integrated(d)
    likelihood = model.likelihood
    phi = [points(likelihood)[i] for i in (1, 2, 3)]  # inside, near the boundary, on it
    log_sigma = np.log(likelihood.coordinates.scale) + np.array([-0.7, 0.0, 0.4])
    found = LeaveOut(model, unit).log_densities(likelihood.group_factors_many(np.array(phi)), log_sigma)
    rows = sets(d, unit)
    assert found.shape == (3, len(rows))
    some = np.unique(np.linspace(0, len(rows) - 1, most).astype(int))
    for s in range(3):
        expected = [conditional(d, model, phi[s], log_sigma[s], rows[a]) for a in some]
        np.testing.assert_allclose(found[s, some], expected, rtol=1e-9, atol=1e-8)


@every_unit
def test_it_is_the_conditional_law_of_the_dense_normal(name: str, unit: str | None):
    check(design(name), unit)


@pytest.mark.parametrize("unit", [None, "g", "h"])
def test_it_is_so_with_a_tail_that_is_left_to_lapack(unit: str | None):
    rng = np.random.default_rng(2)
    levels = {"g": rng.integers(0, 70, 300), "h": rng.integers(0, 60, 300)}
    frame = pd.DataFrame({"y": rng.normal(size=300), "x": rng.normal(size=300), **levels})
    check(build_design("y ~ x + (x | g) + (1 | h)", frame), unit, most=4)


@pytest.mark.parametrize("unit", ["a", "b"])
def test_groups_of_very_different_sizes(unit: str):
    """A level with one row, and one with most of them."""
    rng = np.random.default_rng(3)
    a = np.r_[0, 0, 1, 2, np.full(56, 3)]
    frame = pd.DataFrame({"a": a, "b": rng.integers(0, 4, 60), "x": rng.normal(size=60)})
    frame["y"] = frame["a"] + rng.normal(size=60)
    check(build_design("y ~ x + (x | a) + (1 | b)", frame), unit)


def test_threads_change_nothing():
    d = design("chain with slopes, crossed with slopes")
    model = integrated(d)
    lam = model.likelihood.group_factors_many(np.array(points(model.likelihood)[:4]))
    log_sigma = np.linspace(0.1, 0.5, 4)
    for unit in (None, "a:b", "a", "h"):
        sets_of = LeaveOut(model, unit)
        alone = sets_of.log_densities(lam, log_sigma)
        np.testing.assert_array_equal(sets_of.log_densities(lam, log_sigma, cores=3), alone)


def log_normal_density(V: list[list[Decimal]], y: list[Decimal]) -> Decimal:
    """log N(y; 0, V) by Cholesky in as many digits as the context has."""
    n = len(y)
    L = [[Decimal(0)] * n for _ in range(n)]
    z: list[Decimal] = []
    value = Decimal(0)
    for i in range(n):
        for j in range(i):
            L[i][j] = (V[i][j] - sum(L[i][q] * L[j][q] for q in range(j))) / L[j][j]
        L[i][i] = (V[i][i] - sum(L[i][q] ** 2 for q in range(i))).sqrt()
        z.append((y[i] - sum(L[i][q] * z[q] for q in range(i))) / L[i][i])
        value -= L[i][i].ln() + z[i] ** 2 / 2
    return value - n * (2 * Decimal(np.pi)).ln() / 2


def alone_with_a_coefficient(wide: float) -> tuple[Design, IntegratedLikelihood, np.ndarray]:
    """Each of some sets has a predictor to itself, whose prior has the standard deviation ``wide``."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"g": np.repeat([0, 1, 2, 3, 4], 4), "h": np.arange(20) % 3})
    frame["own_g"], frame["own_h"] = 1.0 * (frame["g"] == 2), 1.0 * (frame["h"] == 1)
    frame["single"] = 1.0 * (frame.index == 5)
    frame["y"] = rng.normal(size=20)
    d = build_design("y ~ own_g + own_h + single + (1 | g) + (1 | h)", frame)
    likelihood = MarginalLikelihood(d)
    model = IntegratedLikelihood(likelihood, np.zeros(4), np.diag(np.full(4, wide**-2)))
    return d, model, likelihood.group_factors(likelihood.internal(np.array([0.7, 0.7])))[None]


@pytest.mark.parametrize("unit", [None, "g", "h"])
def test_no_digits_are_pretended_where_a_set_alone_tells_of_a_coefficient(unit: str | None):
    _, model, lam = alone_with_a_coefficient(1e8)
    found = LeaveOut(model, unit).log_densities(lam, np.log([1.3]))[0]
    lonely = {None: 5, "g": 2, "h": 1}[unit]
    assert np.isnan(found[lonely])


@pytest.mark.parametrize("unit", [None, "g", "h"])
def test_digits_are_kept_where_a_set_alone_tells_of_a_coefficient(unit: str | None):
    wide, sigma = 1e4, 1.3
    tau = 0.7 * sigma
    d, model, lam = alone_with_a_coefficient(wide)
    g, h = (d.factors[name].codes for name in "gh")
    found = LeaveOut(model, unit).log_densities(lam, np.log([sigma]))[0]
    with localcontext() as context:
        context.prec = 60
        X, y = d.X.astype(int), [Decimal(float(v)) for v in d.y]

        def covariance(i: int, j: int) -> Decimal:
            value = Decimal(wide) ** 2 * int(X[i] @ X[j])
            value += Decimal(tau) ** 2 * (int(g[i] == g[j]) + int(h[i] == h[j]))
            return value + Decimal(sigma) ** 2 * int(i == j)

        def density(rows: np.ndarray) -> Decimal:
            return log_normal_density([[covariance(i, j) for j in rows] for i in rows], [y[i] for i in rows])

        everything = np.arange(20)
        whole = density(everything)
        expected = [float(whole - density(np.setdiff1d(everything, A))) for A in sets(d, unit)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_an_unknown_unit_is_an_error():
    with pytest.raises(DataError, match="no grouping factor 'Subjct'"):
        LeaveOut(integrated(design("correlated slope")), "Subjct")


def test_too_much_memory_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(leave_out, "LARGEST", 1000)
    model = integrated(design("crossed"))
    with pytest.raises(ModelError, match="levels of 'plate'"):
        LeaveOut(model, "plate")
    LeaveOut(model, "sample")  # which is left out by deletion, and needs none


@pytest.mark.parametrize("unit", [None, "plate", "sample"])
def test_too_much_work_is_an_error(monkeypatch: pytest.MonkeyPatch, unit: str | None):
    monkeypatch.setattr(leave_out, "MOST_WORK", 1000)
    model = integrated(design("crossed"))
    with pytest.raises(ModelError, match="multiplications"):
        LeaveOut(model, unit).log_densities(np.full((1, 2, 1, 1), 0.5), np.zeros(1))
