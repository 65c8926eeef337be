"""Frames of every library give one design; the order of rows never decides which level is the reference."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import bayesmm as bmm
from bayesmm.design import build_design
from bayesmm.errors import DataError
from tests.design.test_rows import FORMULA, assert_same

LIBRARIES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "polars": pl.from_pandas,
    "Arrow": pa.Table.from_pandas,
    "Arrow without pandas' notes": lambda f: pa.Table.from_pandas(f).replace_schema_metadata(None),
    "an Arrow stream": lambda f: Stream(f),
}


class Stream:
    """What every library of frames offers since Arrow's PyCapsule interface, and no more."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._table = pa.Table.from_pandas(frame)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_library_gives_the_same_design(frame: pd.DataFrame, library: str):
    assert_same(build_design(FORMULA, LIBRARIES[library](frame)), build_design(FORMULA, frame))


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_library_has_its_own_missing_values(frame: pd.DataFrame, library: str):
    nullable = frame.astype({"g": "Int64", "b": "boolean"})
    for i, column in enumerate(["y", "x", "c", "b", "g", "h"]):
        nullable.loc[f"r{7 * i}", column] = None
    nullable["g"] += 2**60  # as floating-point numbers these would be one level
    design = build_design(FORMULA, LIBRARIES[library](nullable))
    assert design.n_dropped == 6
    assert_same(design, build_design(FORMULA, nullable))
    assert design.terms[0].levels.tolist() == [2**60 + level for level in range(300, 310)]


def test_a_structured_array_is_a_table(frame: pd.DataFrame):
    plain = frame.drop(columns="day").astype({"c": "U2", "h": "U1"})
    assert_same(build_design(FORMULA, plain.to_records(index=False)), build_design(FORMULA, frame))


@pytest.mark.parametrize("library", ["polars", "Arrow"])
def test_new_data_come_from_every_library(frame: pd.DataFrame, library: str):
    design = build_design("y ~ x * c + (1 | g) + (1 | h)", frame)
    rebuilt = design.rebuild(LIBRARIES[library](frame[::-1]))
    np.testing.assert_array_equal(rebuilt.X, design.X[::-1])
    np.testing.assert_array_equal(rebuilt.terms[0].codes, design.terms[0].factor.codes[::-1])


# The order of levels


def dose(order: str) -> pd.DataFrame:
    """24 rows that begin with the level named first."""
    names = {"m": "mid", "h": "high", "l": "low"}
    column = np.tile([names[key] for key in order], 8)
    return pd.DataFrame({"y": np.arange(24.0) ** 2 % 7, "dose": column, "g": np.repeat(list("abcdef"), 4)})


def dictionary(frame: pd.DataFrame, levels: list[str] | None = None) -> pa.Array:
    """An Arrow dictionary in the order of appearance, or an ordered one."""
    text = pa.array(frame["dose"])
    if levels is None:
        return text.dictionary_encode()
    codes = pa.array([levels.index(value) for value in frame["dose"]])
    return pa.DictionaryArray.from_arrays(codes, pa.array(levels), ordered=True)


def arrow(frame: pd.DataFrame, levels: list[str] | None = None) -> pa.Table:
    table = pa.table({"y": frame["y"], "g": frame["g"]})
    return table.append_column("dose", dictionary(frame, levels))


def on_arrow(frame: pd.DataFrame, levels: list[str] | None = None) -> pd.DataFrame:
    column = dictionary(frame, levels)
    return frame.assign(dose=pd.array(column, dtype=pd.ArrowDtype(column.type)))


WITHOUT_ORDER: dict[str, Callable[[pd.DataFrame], Any]] = {
    "text": lambda f: f,
    "pandas": lambda f: f.astype({"dose": "category"}),
    "polars": lambda f: pl.from_pandas(f).with_columns(pl.col("dose").cast(pl.Categorical)),
    "Arrow": arrow,
    "pandas on Arrow": on_arrow,
}
LEVELS = ["low", "mid", "high"]
WITH_ORDER: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda f: f.assign(dose=pd.Categorical(f["dose"], categories=LEVELS)),
    "pandas, ordered": lambda f: f.assign(dose=pd.Categorical(f["dose"], categories=LEVELS, ordered=True)),
    "polars": lambda f: pl.from_pandas(f).with_columns(pl.col("dose").cast(pl.Enum(LEVELS))),
    "Arrow": lambda f: arrow(f, LEVELS),
    "pandas on Arrow": lambda f: on_arrow(f, LEVELS),
    "pandas by way of Arrow": lambda f: pa.Table.from_pandas(WITH_ORDER["pandas"](f)),
    "pandas by way of Arrow and back": lambda f: pa.Table.from_pandas(WITH_ORDER["pandas"](f)).to_pandas(),
}


@pytest.mark.parametrize("source", WITHOUT_ORDER)
@pytest.mark.parametrize("order", ["mhl", "lmh", "hlm"])
def test_levels_without_an_order_are_sorted_whatever_the_order_of_the_rows(source: str, order: str):
    design = build_design("y ~ dose + (1 | g)", WITHOUT_ORDER[source](dose(order)))
    assert design.names == ("Intercept", "dose[low]", "dose[mid]")
    assert design.fixed.references == {"dose": "high"}
    by_dose = build_design("y ~ 1 + (1 | dose)", WITHOUT_ORDER[source](dose(order)))
    assert by_dose.terms[0].levels.tolist() == ["high", "low", "mid"]


@pytest.mark.parametrize("source", WITH_ORDER)
@pytest.mark.parametrize("order", ["mhl", "hlm"])
def test_levels_keep_the_order_that_the_user_gave_them(source: str, order: str):
    design = build_design("y ~ dose + (1 | g)", WITH_ORDER[source](dose(order)))
    if source in ("pandas, ordered", "Arrow", "pandas on Arrow"):
        assert design.fixed.codings == {"dose": "polynomial"}
        assert design.X[order.index("l"), 1] < design.X[order.index("m"), 1] < design.X[order.index("h"), 1]
    else:
        assert design.fixed.references == {"dose": "low"}
    by_dose = build_design("y ~ 1 + (1 | dose)", WITH_ORDER[source](dose(order)))
    assert by_dose.terms[0].levels.tolist() == LEVELS


@pytest.mark.parametrize("source", WITHOUT_ORDER)
def test_coefficients_do_not_depend_on_the_order_of_the_rows(source: str):
    forth, back = dose("mhl"), dose("mhl")[::-1].reset_index(drop=True)
    fits = [bmm.Model("y ~ dose + (1 | g)", WITHOUT_ORDER[source](data)).fit() for data in (forth, back)]
    np.testing.assert_allclose(fits[0].beta, fits[1].beta, rtol=1e-9)
    assert fits[0].beta.index.equals(fits[1].beta.index)


def test_levels_that_are_numbers_are_sorted_as_numbers(frame: pd.DataFrame):
    codes = pa.array(frame["k"][::-1]).dictionary_encode()
    table = pa.table({"y": frame["y"], "k": codes})
    assert build_design("y ~ 1 + (1 | k)", table).terms[0].levels.tolist() == [3, 9, 10]


# Predictions


@pytest.fixture(scope="module")
def fits() -> dict[str, bmm.Estimate]:
    data = bmm.load_data("sleepstudy")
    formula = "Reaction ~ Days + (Days | Subject)"
    return {
        "pandas": bmm.Model(formula, data).fit(),
        "polars": bmm.Model(formula, pl.from_pandas(data)).fit(),
        "Arrow": bmm.Model(formula, pa.Table.from_pandas(data)).fit(),
    }


KINDS = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "Arrow": pa.Table}


@pytest.mark.parametrize("library", KINDS)
def test_predictions_come_back_in_the_kind_of_frame_that_was_given(fits, library: str):
    convert = {"pandas": lambda f: f, **LIBRARIES}[library]
    new = pd.DataFrame({"Days": [0, 9], "Subject": [308, 999]})
    expected = fits["pandas"].predict(new, new_levels="sample")
    for fit in fits.values():
        table = fit.predict(convert(new), new_levels="sample")
        assert isinstance(table, KINDS[library])
        values = table if library == "pandas" else table.to_pandas()
        pd.testing.assert_frame_equal(values, expected, rtol=1e-6)
    own = fits[library].predict()
    assert isinstance(own, KINDS[library])
    np.testing.assert_allclose(own["mean"], fits["pandas"].fitted, rtol=1e-6)


def test_new_levels_of_a_fixed_factor_are_named_as_they_are(frame: pd.DataFrame):
    design = build_design("y ~ c + (1 | g)", frame)
    with pytest.raises(DataError, match="the new data have the levels 1, 2 of 'c'"):
        design.rebuild(frame[:2].assign(c=[1, 2]))


def test_predictions_for_a_mapping_are_a_pandas_frame(fits):
    table = fits["polars"].predict({"Days": [0], "Subject": [308]})
    assert isinstance(table, pd.DataFrame)


# What can't be


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (lambda f: pl.from_pandas(f).lazy(), ["LazyFrame", "hasn't been run", "data.collect()"]),
        (lambda f: pl.from_pandas(f)["y"], ["data are a Series"]),
        (lambda f: f["y"], ["data are a Series"]),
        (lambda f: pa.Table.from_pandas(f[["y", "x", "g"]]).select([0, 1, 1, 2]), ["more than one", "'x'"]),
        (lambda f: pl.from_pandas(f[:0]), ["no rows"]),
        (lambda f: pl.from_pandas(f).with_columns(k=pl.col("k").cast(pl.Int128)), ["Arrow", "cast"]),
        (lambda f: f.set_index("g"), ["no column 'g'", "data.reset_index()", "in the index"]),
        (lambda f: f.set_index(["h", "g"]), ["no column 'g'", "data.reset_index()"]),
    ],
    ids=[
        "lazy",
        "polars series",
        "series",
        "a name twice",
        "empty",
        "128 bits",
        "group in the index",
        "in a multi-index",
    ],
)
def test_what_is_no_table_is_told_so(frame: pd.DataFrame, data, words: list[str]):
    with pytest.raises(DataError) as error:
        build_design("y ~ x + (1 | g)", data(frame))
    assert [word for word in words if word not in str(error.value)] == []


def test_a_column_named_by_a_number_is_told_to_be_renamed(frame: pd.DataFrame):
    renamed = frame.rename(columns={"x": 7})
    with pytest.raises(DataError, match=r"no column '7'") as error:
        build_design("y ~ `7` + (1 | g)", renamed)
    assert "data.rename(columns=str)" in error.value.advice
    assert build_design("y ~ `7` + (1 | g)", renamed.rename(columns=str)).names == ("Intercept", "7")


# Objects


def test_objects_that_are_numbers_are_numbers(frame: pd.DataFrame):
    for values in (
        [Decimal(repr(value)) for value in frame["x"]],
        frame["x"].tolist(),
        [Decimal(repr(value)) if i % 2 else value for i, value in enumerate(frame["x"])],
    ):
        converted = frame.assign(x=pd.Series(values, index=frame.index, dtype=object))
        assert_same(build_design(FORMULA, converted), build_design(FORMULA, frame))
        missing = converted.assign(x=converted["x"].where(converted.index != "r3", None))
        assert_same(build_design(FORMULA, missing), build_design(FORMULA, frame.drop(index="r3")))
    decimals = pl.from_pandas(frame).with_columns(pl.col("x").cast(pl.Decimal(20, 4)))
    rounded = frame.assign(x=decimals["x"].cast(float).to_numpy())
    np.testing.assert_allclose(build_design(FORMULA, decimals).X, build_design(FORMULA, rounded).X)


def test_whole_numbers_among_objects_stay_levels(frame: pd.DataFrame):
    huge = frame.assign(g=[level + 2**70 for level in frame["g"].tolist()])
    assert build_design("y ~ x + (1 | g)", huge).terms[0].levels.tolist() == [
        level + 2**70 for level in range(300, 310)
    ]


@pytest.mark.parametrize("library", ["pandas", "polars", "Arrow"])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pd.date_range("2020-01-01", periods=60), ["datetime64", ".dt.days"]),
        (
            [date(2020, 1, 1 + i % 28) for i in range(60)],
            ["date", "pandas.to_datetime(data['x'])", ".dt.days"],
        ),
        (pd.to_timedelta(np.arange(60), "h"), ["timedelta64", "data['x'].dt.total_seconds()"]),
    ],
    ids=["timestamps", "dates", "durations"],
)
def test_times_used_as_numbers_name_column_dtype_and_remedy(frame, library: str, values, words: list[str]):
    data = {"pandas": lambda f: f, **LIBRARIES}[library](frame.assign(x=values))
    for formula in ("y ~ x + (1 | g)", "y ~ scale(x) + (1 | g)", "y ~ z + (x | g)"):
        with pytest.raises(DataError) as error:
            build_design(formula, data)
        assert [word for word in ["'x'", "used as a number", *words] if word not in str(error.value)] == []


def test_mixed_objects_used_as_numbers_name_what_they_are(frame: pd.DataFrame):
    data = frame.assign(x=pd.Series([1, "two", None, 3.5] * 15, dtype=object, index=frame.index))
    with pytest.raises(DataError, match="'x' is used as a number and has the dtype object") as error:
        build_design("y ~ x + (1 | g)", data)
    assert "values of type float and int and str" in error.value.got
    assert "pandas.to_numeric(data['x']" in error.value.advice


def test_dates_group_rows(frame: pd.DataFrame):
    assert len(build_design("y ~ x + (1 | day)", pl.from_pandas(frame)).terms[0].factor) == 10


@pytest.mark.parametrize("library", ["pandas", "polars", "Arrow"])
def test_a_grouping_column_of_lists_is_told_so(frame: pd.DataFrame, library: str):
    lists = frame.assign(g=[[level, 0] for level in frame["g"]])
    data = {"pandas": lambda f: f, **LIBRARIES}[library](lists)
    for formula in ("y ~ x + (1 | g)", "y ~ x + (1 | h:g)"):
        with pytest.raises(DataError, match="the grouping column 'g' has values of type") as error:
            build_design(formula, data)
        assert "astype(str)" in error.value.advice
