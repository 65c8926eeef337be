"""Coordinates and cross-product from two passes over columns: against matrices, and where digits are few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayesmm as bmm
from bayesmm.blocks import CrossProduct
from bayesmm.design import Design, build_design
from bayesmm.design.sources import INDICATOR, ModelMatrix, Source
from bayesmm.errors import DataError
from bayesmm.likelihood import MarginalLikelihood
from bayesmm.likelihood.coordinates import Coordinates, coordinates_of
from bayesmm.likelihood.profiled import Profiled
from bayesmm.likelihood.row_pass import one_pass
from tests.designs import CASES, design

ONE = [name for name in CASES if len({term.group for term in design(name).terms}) == 1]


def checked_against_matrices(built: Design, found: tuple[Coordinates, CrossProduct] | None = None) -> None:
    """The cross-product is that of [Z X y] written out, in the coordinates that were chosen."""
    coordinates, cross = found or one_pass(built, built.weights)
    w = np.ones(built.n) if built.weights is None else built.weights
    root = np.sqrt(w)[:, None]
    y = built.y - (0.0 if built.offset is None else built.offset)
    XY = root * np.column_stack(
        [built.X @ np.linalg.inv(coordinates.R), (y - built.X @ coordinates.gamma) / coordinates.scale]
    )
    Xi = np.hstack([t.Xi @ np.linalg.inv(T) for t, T in zip(built.terms, coordinates.bases, strict=True)])
    codes, levels, k = built.terms[0].factor.codes, len(built.terms[0].factor), Xi.shape[1]
    J = np.eye(levels)[codes]
    Z = (J[:, :, None] * (root * Xi)[:, None, :]).reshape(built.n, -1)
    diagonal = np.array([(Z.T @ Z)[j * k : (j + 1) * k, j * k : (j + 1) * k] for j in range(levels)])
    np.testing.assert_allclose(cross.diagonal[0], diagonal, atol=1e-10)
    np.testing.assert_allclose(cross.fixed[0], (Z.T @ XY).reshape(levels, k, -1), atol=1e-10)
    np.testing.assert_allclose(cross.response, XY.T @ XY, atol=1e-9)
    np.testing.assert_allclose(cross.response[:-1, :-1], np.eye(built.p), atol=1e-12)
    assert cross.response[-1, -1] == pytest.approx(built.n - built.p, rel=1e-10)
    again = coordinates_of(built)
    np.testing.assert_allclose(
        coordinates.R, again.R, rtol=1e-9, atol=1e-9 * np.abs(again.R).max(initial=0.0)
    )
    np.testing.assert_allclose(coordinates.gamma, again.gamma, rtol=1e-9)
    assert coordinates.scale == pytest.approx(again.scale, rel=1e-12)
    assert coordinates.sum_log_weights == again.sum_log_weights


@pytest.mark.parametrize("name", ONE)
def test_of_every_design_with_one_factor(name: str):
    checked_against_matrices(design(name))


def rows(n: int = 700, levels: int = 40, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g, x = np.sort(rng.integers(0, levels, n)), rng.normal(size=n)
    b = rng.normal(size=(levels, 2))[g]
    frame = pd.DataFrame({"x": x, "g": g, "c": pd.Categorical(np.array(list("uvw"))[rng.integers(0, 3, n)])})
    frame["y"] = 1 + 2 * x + b[:, 0] + b[:, 1] * x + rng.normal(size=n)
    return frame.assign(w=rng.uniform(0.2, 5.0, n), o=rng.normal(size=n))


@pytest.mark.parametrize("options", [{}, {"weights": "w"}, {"weights": "w", "offset": "o"}])
@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x + c + (x | g)",
        "y ~ x * c + (1 | g)",
        "y ~ 1 + (c | g)",
        "y ~ 0 + x + (x | g)",
        "y ~ 0 + c + (1 | g)",
        "y ~ x + (0 + x | g)",
        "y ~ x + (x || g)",
        "y ~ x + (1 | g) + (0 + x + w | g)",
        "y ~ 0 + (1 | g)",
    ],
)
def test_of_rows_in_order_and_in_disorder(formula: str, options: dict[str, str]):
    data = rows()
    checked_against_matrices(build_design(formula, data, **options))
    checked_against_matrices(build_design(formula, data.sample(frac=1.0, random_state=1), **options))


@pytest.mark.parametrize("kind", [np.int8, np.int32])
def test_of_indicators_that_are_read_from_codes_of_either_type(kind: type):
    data = rows()
    built = build_design("y ~ x + c + (x | g)", data)
    codes = data["c"].cat.codes.to_numpy().astype(kind)
    read = [Source(INDICATOR, codes, level) for level in (1, 2)]
    fixed = ModelMatrix(built.n, (*built.sources[:2], *read))
    np.testing.assert_array_equal(fixed.array, built.X)
    checked_against_matrices(replace(built, rows=replace(built.rows, fixed=fixed)))


@pytest.mark.parametrize("options", [{}, {"weights": "w", "offset": "o"}])
@pytest.mark.parametrize(
    "formula", ["y ~ x + c + (x | g)", "y ~ 0 + x + (1 | g) + (0 + x + w | g)", "y ~ 0 + (1 | g)"]
)
@pytest.mark.parametrize("in_order", [True, False])
def test_of_another_response(
    formula: str, options: dict[str, str], in_order: bool, monkeypatch: pytest.MonkeyPatch
):
    data = rows() if in_order else rows().sample(frac=1.0, random_state=1)
    built = build_design(formula, data, **options)
    other = built.with_response(2.0**20 - 30.0 * built.y + np.random.default_rng(9).normal(size=built.n))
    monkeypatch.setattr("bayesmm.likelihood.marginal.FEW_ROWS", 0)
    likelihood = MarginalLikelihood(built)
    changed = likelihood.with_response(other)
    assert not any("array" in vars(term.matrix) for term in built.terms)  # it went by columns
    checked_against_matrices(other, (changed.coordinates, changed.cross))
    assert changed.cross.diagonal[0] is likelihood.cross.diagonal[0]
    fresh = MarginalLikelihood(other)
    phi = np.full(fresh.size, 0.4)
    for reml in (True, False):
        ours, theirs = (Profiled(each, reml=reml).value(phi) for each in (changed, fresh))
        assert ours == pytest.approx(theirs, rel=1e-12)


def fitted(formula: str, data: pd.DataFrame) -> tuple[float, np.ndarray]:
    estimate = bmm.Model(formula, data).fit()
    return estimate.criterion, estimate.theta


def exact(n: int = 3000, levels: int = 300) -> pd.DataFrame:
    """Data that stay exactly representable when 2³⁰ is added."""
    rng = np.random.default_rng(8)
    g, x = np.sort(rng.integers(0, levels, n)), rng.normal(size=n)
    b = rng.normal(size=(levels, 2))[g]
    y = 1 + 2 * x + b[:, 0] + b[:, 1] * x + rng.normal(size=n)
    return pd.DataFrame({"y": np.round(y * 2**18) / 2**18, "x": np.round(x * 2**18) / 2**18, "g": g})


def test_a_large_mean_takes_no_digits():
    data = exact()
    criterion, theta = fitted("y ~ x + (1 | g)", data)
    moved, theta_moved = fitted("y ~ x + (1 | g)", data.assign(y=data["y"] + 2.0**30))
    assert moved == pytest.approx(criterion, rel=1e-12)
    np.testing.assert_allclose(theta_moved, theta, rtol=1e-7)
    moved, theta_moved = fitted("y ~ x + (1 | g)", data.assign(x=data["x"] + 2.0**20))
    assert moved == pytest.approx(criterion, rel=1e-12)
    np.testing.assert_allclose(theta_moved, theta, rtol=1e-7)


def test_slopes_of_a_column_with_a_large_mean():
    """The model is the same: the covariance of intercept and slope moves along, the slope's sd doesn't."""
    data = exact()
    criterion, theta = fitted("y ~ x + (x | g)", data)
    moved, theta_moved = fitted("y ~ x + (x | g)", data.assign(x=data["x"] + 2.0**12))
    assert moved == pytest.approx(criterion, rel=1e-11)
    assert np.hypot(*theta_moved[1:]) == pytest.approx(np.hypot(*theta[1:]), rel=1e-6)


def test_columns_that_are_all_but_dependent_go_another_way():
    data = rows()
    data["z"] = data["x"] + 1e-5 * np.random.default_rng(1).normal(size=len(data))
    assert one_pass(build_design("y ~ x + z + (1 | g)", data), None) is None


def test_a_response_that_x_explains_exactly():
    data = rows()
    with pytest.raises(DataError, match="explain the response exactly"):
        MarginalLikelihood(build_design("y ~ x + (1 | g)", data.assign(y=3.0 + 2.0 * data["x"])))
