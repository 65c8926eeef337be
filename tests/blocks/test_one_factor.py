"""The closed form for one grouping factor: against dense algebra, the general factorization, differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayesmm.blocks.alike import LevelsAlike, closed_form, levels_alike
from bayesmm.blocks.cross_product import CrossProduct
from bayesmm.blocks.factorization import Factorization
from bayesmm.blocks.kernels.one_factor import LANES
from bayesmm.blocks.one_factor import AtPoint, OneFactor
from bayesmm.blocks.order import layout_of
from bayesmm.design import build_design
from bayesmm.likelihood.coordinates import coordinates_of, cross_product_of
from tests.dense import DenseModel
from tests.designs import CASES, design

ONE = [name for name in CASES if len({term.group for term in design(name).terms}) == 1]


def points(k: int) -> dict[str, np.ndarray]:
    """λ inside, small, large, singular in one direction or another, and zero."""
    rng = np.random.default_rng(1)
    inside = np.tril(rng.normal(size=(k, k)))
    last, first = inside.copy(), inside.copy()
    last[:, -1] = 0.0
    first[:, 0] = 0.0
    return {
        "inside": inside,
        "small": 0.01 * inside,
        "large": 30.0 * inside,
        "singular": last,
        "singular first": first,
        "zero": np.zeros((k, k)),
    }


def cross_of(name: str):
    built = design(name)
    return cross_product_of(built, coordinates_of(built))


def criterion(at: AtPoint, degrees: float, with_fixed: bool) -> float:
    return at.log_det_M + with_fixed * at.log_det_C + degrees * np.log(at.r2)


def test_there_are_cases_of_every_number_of_columns():
    assert {cross_of(name).groups[0].k for name in ONE} >= {1, 2, 3}


@pytest.mark.parametrize("name", ONE)
def test_values_are_those_of_the_factorization(name: str):
    cross = cross_of(name)
    one, layout = OneFactor(cross), layout_of(cross)
    lams = np.array(list(points(one.k).values()))
    general = [Factorization(layout, lam[None]) for lam in lams]
    expected = np.array([[f.log_det_M, f.log_det_C, f.r2] for f in general])
    np.testing.assert_allclose(one.values(lams), expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("name", ["correlated slope", "weights and offset", "factor slopes"])
def test_values_are_those_of_dense_matrices(name: str):
    built, coordinates = design(name), coordinates_of(design(name))
    dense, one = DenseModel.of(built), OneFactor(cross_of(name))
    for lam in points(one.k).values():
        user = np.linalg.solve(coordinates.bases[0], lam)
        V = dense.relative_covariance((user,)) * dense.weights  # W^½VW^½ has M's determinant
        log_det_M, log_det_C, r2 = one.values(lam[None])[0]
        V_inverse = np.linalg.inv(dense.relative_covariance((user,)))
        C = dense.X.T @ V_inverse @ dense.X
        beta = np.linalg.solve(C, dense.X.T @ V_inverse @ dense.y)
        left = dense.y - dense.X @ beta
        assert log_det_M == pytest.approx(np.linalg.slogdet(V)[1], rel=1e-8, abs=1e-8)
        assert log_det_C + 2 * coordinates.log_det_R == pytest.approx(np.linalg.slogdet(C)[1], rel=1e-8)
        assert r2 * coordinates.scale**2 == pytest.approx(left @ V_inverse @ left, rel=1e-7)


@pytest.mark.parametrize("with_fixed", [True, False])
@pytest.mark.parametrize("name", ONE)
def test_slopes_give_the_gradient_of_the_factorization(name: str, with_fixed: bool):
    cross = cross_of(name)
    one, layout, degrees = OneFactor(cross), layout_of(cross), cross.n - with_fixed * cross.p
    for lam in points(one.k).values():
        f = Factorization(layout, lam[None])
        expected = np.tril(f.gradient(degrees / f.r2, with_fixed=with_fixed)[0])
        at = one.at(lam, degrees=degrees, with_fixed=with_fixed)
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(np.tril(2 * at.slope @ lam) / scale, expected / scale, atol=1e-9)


@pytest.mark.parametrize("with_fixed", [True, False])
@pytest.mark.parametrize("name", ONE)
def test_curvature_is_the_derivative_of_the_slope(name: str, with_fixed: bool):
    """Along all directions of Ψ = λλ', by differences."""
    cross = cross_of(name)
    one, degrees = OneFactor(cross), cross.n - with_fixed * cross.p
    k = one.k
    rows, columns = np.tril_indices(k)
    changes = np.zeros((len(rows), k, k))
    changes[np.arange(len(rows)), rows, columns] = changes[np.arange(len(rows)), columns, rows] = 1.0
    for label in ("inside", "small"):
        lam = points(k)[label]
        at = one.at(lam, degrees=degrees, with_fixed=with_fixed)
        h = 1e-5 * np.linalg.svd(lam @ lam.T, compute_uv=False)[-1]
        expected = []
        for change in changes:
            up, down = (
                one.at(
                    np.linalg.cholesky(lam @ lam.T + s * h * change), degrees=degrees, with_fixed=with_fixed
                )
                for s in (1, -1)
            )
            expected.append((up.gradient(changes) - down.gradient(changes)) / (2 * h))
        scale = np.abs(at.curvature).max()
        np.testing.assert_allclose(at.hessian(changes) / scale, np.array(expected) / scale, atol=2e-5)


@pytest.mark.parametrize("name", ["correlated slope", "factor slopes", "weights and offset"])
def test_slope_and_curvature_hold_where_nothing_varies(name: str):
    """At λ = 0, against one-sided differences of the value along variances that grow from zero."""
    cross = cross_of(name)
    one, degrees = OneFactor(cross), cross.n - cross.p
    k = one.k
    at = one.at(np.zeros((k, k)), degrees=degrees, with_fixed=True)
    here = criterion(at, degrees, True)
    rng = np.random.default_rng(2)
    for _ in range(5):
        v = rng.normal(size=k)
        change = np.outer(v, v)[None]
        root = np.zeros((k, k))
        root[:, 0] = v  # not triangular, and needn't be: only λλ' counts
        steps = 3e-5 * np.arange(1, 6)
        rise = [
            criterion(one.at(np.sqrt(t) * root, degrees=degrees, with_fixed=True), degrees, True) - here
            for t in steps
        ]
        series = np.linalg.solve(steps[:, None] ** np.arange(1, 6), rise)
        assert series[0] == pytest.approx(at.gradient(change)[0], rel=1e-5, abs=1e-5)
        assert 2 * series[1] == pytest.approx(at.hessian(change)[0, 0], rel=1e-2, abs=1e-2)


def test_more_levels_than_a_tile_has():
    rng = np.random.default_rng(3)
    levels, n = 3 * LANES + 5, 1200
    g, x = rng.integers(0, levels, n), rng.normal(size=n)
    data = pd.DataFrame({"y": rng.normal(size=levels)[g] + rng.normal(size=n), "x": x, "g": g})
    built = build_design("y ~ x + (x | g)", data)
    cross = cross_product_of(built, coordinates_of(built))
    one, lam = OneFactor(cross), points(2)["inside"]
    f = Factorization(layout_of(cross), lam[None])
    np.testing.assert_allclose(one.values(lam[None])[0], [f.log_det_M, f.log_det_C, f.r2], rtol=1e-12)


def test_digits_are_kept_where_effects_are_as_good_as_free():
    """At λ = 10⁷ what is left are the residuals of a regression with a coefficient for each level."""
    built, coordinates = design("one intercept"), coordinates_of(design("one intercept"))
    one = OneFactor(cross_of("one intercept"))
    J = built.terms[0].Z.toarray()
    left = built.y - J @ np.linalg.lstsq(J, built.y, rcond=None)[0]
    r2 = one.values(np.array([[[1e7]]]))[0, 2] * coordinates.scale**2
    assert r2 == pytest.approx(left @ left, rel=1e-11)


@pytest.fixture(scope="module")
def unequal():
    """The cross-product of intercepts of many levels of one to nine rows."""
    rng = np.random.default_rng(6)
    g = np.repeat(np.arange(700), rng.integers(1, 10, 700))
    x, c = rng.normal(size=len(g)), np.array(list("uvw"))[rng.integers(0, 3, len(g))]
    y = 1 + x + rng.normal(size=700)[g] + rng.normal(size=len(g))
    built = build_design("y ~ x + c + (1 | g)", pd.DataFrame({"y": y, "x": x, "c": c, "g": g}))
    return cross_product_of(built, coordinates_of(built))


@pytest.mark.parametrize("with_fixed", [True, False])
def test_classes_of_levels_give_what_levels_give(unequal: CrossProduct, with_fixed: bool):
    one, alike = OneFactor(unequal), closed_form(unequal)
    assert isinstance(alike, LevelsAlike)
    lams = np.array([0.0, 1e-3, 0.4, 1.0, 50.0])[:, None, None]
    np.testing.assert_allclose(alike.values(lams), one.values(lams), rtol=1e-11, atol=1e-10)
    degrees = unequal.n - with_fixed * unequal.p
    for lam in lams:
        ours, theirs = (each.at(lam, degrees=degrees, with_fixed=with_fixed) for each in (alike, one))
        for name in ("log_det_M", "log_det_C", "r2", "zeta", "fixed_inverse", "slope", "curvature"):
            a, b = (np.asarray(getattr(each, name)) for each in (ours, theirs))
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(b).max()), err_msg=name)


def test_levels_with_weights_or_slopes_or_few_of_them_make_no_classes():
    assert isinstance(closed_form(cross_of("one intercept")), OneFactor)
    assert isinstance(closed_form(cross_of("weights and offset")), OneFactor)
    assert closed_form(cross_of("nested")) is None


def test_a_singular_point_among_others_is_told_alone(unequal: CrossProduct):
    """Of a response that levels explain nothing is left at a large λ."""
    response = unequal.response.copy()
    within = OneFactor(unequal)._within[2]
    response[-1, -1] -= np.tril(within)[-1, -1] * (1 - 1e-16)
    explained = LevelsAlike(replace(unequal, response=response), levels_alike(unequal))
    values = explained.values(np.array([[[0.1]], [[1e9]]]))
    assert np.isfinite(values[0]).all()
    assert np.isnan(values[1, 1:]).all()
