"""Which rows are used, in which types they may come, and that nothing of the user's is changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from bayesmm.design import Design, build_design
from bayesmm.errors import DesignNotice
from bayesmm.likelihood import MarginalLikelihood

FORMULA = "y ~ x + c + b + (x | g) + (1 | h)"


def assert_same(ours: Design, expected: Design) -> None:
    np.testing.assert_array_equal(ours.y, expected.y)
    np.testing.assert_array_equal(ours.X, expected.X)
    assert ours.names == expected.names
    assert [term.label for term in ours.terms] == [term.label for term in expected.terms]
    for a, b in zip(ours.terms, expected.terms, strict=True):
        np.testing.assert_array_equal(a.Xi, b.Xi)
        np.testing.assert_array_equal(a.factor.codes, b.factor.codes)
        assert a.levels.tolist() == b.levels.tolist()


# Missing rows


def test_rows_with_a_missing_value_anywhere_are_dropped_once_for_all_parts(frame: pd.DataFrame):
    missing = {"y": "r3", "x": "r10", "c": "r20", "g": "r31", "z": "r40"}
    for column, row in missing.items():
        frame[column] = frame[column].astype(object if column in "cg" else float)
        frame.loc[row, column] = None if column in "cg" else np.nan
    frame["g"] = frame["g"].astype("Int64")
    weights = frame["w"].to_numpy().copy()
    weights[50] = np.nan
    offset = np.arange(60.0)
    offset[55] = np.nan
    design = build_design("y ~ x + c + (z | g)", frame, weights=weights, offset=offset)
    gone = [3, 10, 20, 31, 40, 50, 55]
    kept = np.delete(np.arange(60), gone)
    assert design.n_dropped == len(gone)
    assert design.n == len(design.y) == len(design.X) == len(design.terms[0].Xi) == 53
    assert design.index.tolist() == [f"r{i}" for i in kept]
    np.testing.assert_array_equal(design.weights, weights[kept])
    np.testing.assert_array_equal(design.offset, kept)
    np.testing.assert_array_equal(design.terms[0].Xi[:, 1], frame["z"].iloc[kept])
    assert design.terms[0].levels.tolist() == list(range(300, 310))


def test_a_missing_value_in_a_column_that_is_not_used_costs_nothing(frame: pd.DataFrame):
    frame["z"] = np.nan
    frame["w"] = np.inf
    assert build_design(FORMULA, frame).n_dropped == 0


def test_an_infinite_value_in_a_row_that_is_dropped_anyway_is_no_error(frame: pd.DataFrame):
    frame.loc["r5", ["x", "y"]] = [np.inf, np.nan]
    assert build_design(FORMULA, frame).n_dropped == 1


def test_a_level_whose_rows_are_all_dropped_is_no_level(frame: pd.DataFrame):
    frame.loc[frame["g"] == 304, "x"] = np.nan
    levels = build_design(FORMULA, frame).terms[0].levels.tolist()
    assert levels == [300, 301, 302, 303, 305, 306, 307, 308, 309]


# Any frame will do


def nullable(frame: pd.DataFrame) -> pd.DataFrame:
    types = {"y": "Float64", "x": "Float64", "g": "Int64", "b": "boolean", "c": "string", "h": "string"}
    return frame.astype(types)


def arrow(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.convert_dtypes(dtype_backend="pyarrow")


def text_as_categories(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype({"c": "category", "h": "category"})


def small_types(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype({"g": "int16", "x": "float64"})


class PolarsLike:
    """All that is asked of a frame of another library."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def to_pandas(self) -> pd.DataFrame:
        return self._frame


@pytest.mark.parametrize(
    "convert",
    [
        nullable,
        arrow,
        text_as_categories,
        small_types,
        PolarsLike,
        pa.Table.from_pandas,
        lambda frame: {name: frame[name].to_numpy() for name in frame},
        lambda frame: {name: frame[name].tolist() for name in frame},
        lambda frame: frame.set_axis(np.zeros(len(frame), dtype=int), axis=0),
        lambda frame: frame.set_index(["g", "h"], drop=False).rename_axis([None, None]),
        lambda frame: frame.astype({"x": pd.SparseDtype(float)}),
        lambda frame: frame.assign(**{"unused": [[i] for i in range(60)]}),
        lambda frame: frame.rename(columns={"k": 7}),
    ],
    ids=[
        "nullable types",
        "arrow types",
        "categories",
        "small types",
        "polars-like",
        "arrow table",
        "arrays",
        "lists",
        "one index label",
        "multi-index",
        "sparse",
        "objects in another column",
        "a column without a text name",
    ],
)
def test_the_design_does_not_depend_on_how_the_columns_are_stored(frame: pd.DataFrame, convert):
    assert_same(build_design(FORMULA, convert(frame.drop(columns="day"))), build_design(FORMULA, frame))


@pytest.mark.parametrize("convert", [nullable, arrow])
def test_missing_values_of_every_storage_are_seen(frame: pd.DataFrame, convert):
    converted = convert(frame.drop(columns="day"))
    for i, column in enumerate(["y", "x", "c", "b", "g", "h"]):
        converted.iloc[7 * i, converted.columns.get_loc(column)] = pd.NA
    kept = frame.drop(index=[f"r{7 * i}" for i in range(6)])
    design = build_design(FORMULA, converted)
    assert design.n_dropped == 6
    assert_same(design, build_design(FORMULA, kept))


def test_names_that_are_not_names_work_in_backquotes(frame: pd.DataFrame):
    renamed = frame.rename(columns={"y": "the y", "x": "my x", "g": "the-group"})
    design = build_design("`the y` ~ `my x` + (`my x` | `the-group`)", renamed)
    expected = build_design("y ~ x + (x | g)", frame)
    np.testing.assert_array_equal(design.X, expected.X)
    assert design.names == ("Intercept", "my x")
    assert design.terms[0].group == "the-group"


@pytest.mark.parametrize("weights", ["w", "list", "series"])
def test_weights_come_as_a_name_or_as_numbers(frame: pd.DataFrame, weights: str):
    given = {"w": "w", "list": frame["w"].tolist(), "series": frame["w"]}[weights]
    np.testing.assert_array_equal(build_design("y ~ x + (1 | g)", frame, weights=given).weights, frame["w"])


@pytest.mark.parametrize("convert", [lambda frame: frame, nullable, arrow, lambda f: f.astype({"b": object})])
@pytest.mark.parametrize("response", ["b", "`b`", "{x > 1}"])
def test_a_response_of_true_and_false_counts_as_one_and_zero_with_a_notice(frame, convert, response):
    with pytest.warns(DesignNotice, match="true or false, and counts as 1 or 0"):
        design = build_design(f"{response} ~ z + (1 | g)", convert(frame))
    expected = frame["b"] if "b" in response else frame["x"] > 1
    np.testing.assert_array_equal(design.y, expected.astype(float))


# Nothing is changed


def test_the_users_frame_and_arrays_stay_as_they_are(frame: pd.DataFrame):
    before = frame.copy(deep=True)
    weights, offset = frame["w"].to_numpy(copy=True), np.ones(60)
    design = build_design(
        "y ~ scale(x) + poly(z, 2) + log(w) + c + (x | g/h)",
        frame.assign(h="a"),
        weights=weights,
        offset=offset,
    )
    design.rebuild(frame.assign(h="a"))
    MarginalLikelihood(design)
    pd.testing.assert_frame_equal(frame, before)
    np.testing.assert_array_equal(weights, before["w"])
    weights[0], offset[0] = 5.0, 7.0  # the user's own arrays can still be written to
    assert design.weights[0] == before["w"].iloc[0]
    assert design.offset[0] == 1.0
    frame.loc["r0", "y"] = 99.0
    assert design.y[0] == before.loc["r0", "y"]


def test_the_arrays_of_a_design_are_read_only(frame: pd.DataFrame):
    design = build_design(FORMULA, frame, weights="w", offset="z")
    arrays = {
        "y": design.y,
        "X": design.X,
        "Xi": design.terms[0].Xi,
        "weights": design.weights,
        "offset": design.offset,
    }
    assert {name for name, array in arrays.items() if array.flags.writeable} == set()


def test_the_codes_of_a_factor_cannot_be_changed(frame: pd.DataFrame):
    factor = build_design(FORMULA, frame).terms[0].factor
    before = factor.codes.copy()
    J = factor.J
    if J.indices.flags.writeable:
        J.indices[0] = 3
    np.testing.assert_array_equal(factor.codes, before)
    assert not factor.codes.flags.writeable


def test_a_design_and_its_parts_are_frozen(frame: pd.DataFrame):
    design = build_design(FORMULA, frame)
    for thing, name in ((design, "y"), (design.terms[0], "label"), (design.fixed, "matrix")):
        with pytest.raises(AttributeError):
            setattr(thing, name, None)
