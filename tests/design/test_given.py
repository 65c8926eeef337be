"""Weights and offsets belong to the rows of their labels; what was given by name is found again by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import bayesmm as bmm
from bayesmm.design import build_design
from bayesmm.errors import DataError, ModelError

FORMULA = "y ~ x + (1 | g)"


@pytest.mark.parametrize("argument", ["weights", "offset"])
def test_a_series_belongs_to_the_rows_of_its_labels(frame: pd.DataFrame, argument: str):
    shuffled = frame["w"].sample(frac=1, random_state=1)
    assert not shuffled.index.equals(frame.index)
    for values in (
        shuffled,
        shuffled.astype("Float64"),
        shuffled.astype("float64[pyarrow]"),
        shuffled.to_frame(),
    ):
        design = build_design(FORMULA, frame, **{argument: values})
        np.testing.assert_array_equal(getattr(design, argument), frame["w"])


@pytest.mark.parametrize(
    "values",
    [
        lambda w: w.to_numpy(),
        lambda w: w.tolist(),
        lambda w: tuple(w),
        lambda w: w.to_numpy()[:, None],
        lambda w: pl.Series(w.to_numpy()),
        lambda w: pa.chunked_array([w.to_numpy()]),
        lambda w: pd.array(w.to_numpy(), dtype="Float64"),
    ],
    ids=["array", "list", "tuple", "column", "polars", "Arrow", "pandas array"],
)
def test_what_has_no_labels_belongs_to_the_rows_in_their_order(frame: pd.DataFrame, values):
    given = values(frame["w"])
    np.testing.assert_array_equal(build_design(FORMULA, frame, weights=given).weights, frame["w"])
    np.testing.assert_array_equal(
        build_design(FORMULA, pl.from_pandas(frame), weights=given).weights, frame["w"]
    )


def test_missing_values_of_other_libraries_drop_their_rows(frame: pd.DataFrame):
    values = [None, *frame["w"].tolist()[1:]]
    for given in (values, pl.Series(values), pa.array(values), pd.Series(values, index=frame.index)):
        assert build_design(FORMULA, frame, weights=given).n_dropped == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w.reset_index(drop=True), ["the index of weights is not that of the data", "to_numpy()"]),
        (lambda w: w.rename({"r3": "r99"}), ["r99", "r3"]),
        (lambda w: w.iloc[1:], ["weights have 59 values"]),
        (lambda w: pd.DataFrame({"a": w, "b": w}), ["weights have the shape (60, 2)"]),
        (lambda w: w.to_numpy().reshape(30, 2), ["weights have the shape (30, 2)"]),
        (lambda w: pd.Series(pd.date_range("2020", periods=60), index=w.index), ["weights are not numbers"]),
        (lambda w: w + 1j, ["weights are not numbers"]),
    ],
    ids=["other labels", "one other label", "too short", "a frame", "a table", "dates", "complex"],
)
def test_values_that_can_not_be_given_to_rows_are_refused(frame: pd.DataFrame, change, words: list[str]):
    with pytest.raises(DataError) as error:
        build_design(FORMULA, frame, weights=change(frame["w"]))
    assert [word for word in words if word not in str(error.value)] == []


def test_labels_that_stand_twice_tell_nothing_in_another_order(frame: pd.DataFrame):
    data = frame.set_axis([f"s{i // 2}" for i in range(60)], axis=0)
    np.testing.assert_array_equal(build_design(FORMULA, data, offset=data["w"]).offset, data["w"])
    with pytest.raises(DataError, match="another order than the rows") as error:
        build_design(FORMULA, data, offset=data["w"][::-1])
    assert "to_numpy()" in error.value.advice


def test_a_new_response_belongs_to_the_rows_of_its_labels(frame: pd.DataFrame):
    design = build_design(FORMULA, frame)
    np.testing.assert_array_equal(design.with_response(frame["z"][::-1]).y, frame["z"])
    with pytest.raises(DataError, match="the index of the new values of 'y' is not that of the data"):
        design.with_response(frame["z"].reset_index(drop=True))


# Predictions


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(12), 8)
    return pd.DataFrame(
        {
            "y": rng.normal(size=96) + rng.normal(size=12)[g],
            "x": rng.normal(size=96),
            "g": g,
            "w": rng.uniform(0.5, 2.0, 96),
            "log_t": rng.uniform(0.0, 3.0, 96),
        }
    )


@pytest.fixture(scope="module")
def named(data: pd.DataFrame) -> bmm.Estimate:
    return bmm.Model(FORMULA, data, weights="w", offset="log_t").fit()


@pytest.mark.parametrize("kind", ["mean", "response"])
def test_new_data_bring_the_columns_that_the_model_was_given_by_name(named, data: pd.DataFrame, kind: str):
    new = data[::-7]
    expected = named.predict(kind=kind).loc[new.index]
    pd.testing.assert_frame_equal(named.predict(new, kind=kind), expected)
    pd.testing.assert_frame_equal(named.predict(new, kind=kind, weights="w", offset="log_t"), expected)
    there = named.predict(pl.from_pandas(new), kind=kind)
    np.testing.assert_allclose(there["se"], expected["se"], rtol=1e-12)


def test_an_argument_takes_the_place_of_the_named_column(named, data: pd.DataFrame):
    new = data.drop(columns=["w", "log_t"])
    without = named.predict(new, offset=0.0)["mean"]
    np.testing.assert_allclose(without, named.predict(data)["mean"] - data["log_t"], atol=1e-12)


def test_new_data_without_the_named_column_are_told_which_is_missing(named, data: pd.DataFrame):
    with pytest.raises(DataError, match="offset from the column 'log_t'") as error:
        named.predict(data.drop(columns="log_t"))
    assert "offset=0.0" in error.value.advice
    with pytest.raises(DataError, match="weights from the column 'w'"):
        named.predict(data.drop(columns="w"), kind="response")
    named.predict(data.drop(columns="w"))  # the mean has no use for weights


def test_an_offset_of_numbers_is_asked_for_even_where_it_was_zero(data: pd.DataFrame):
    fit = bmm.Model(FORMULA, data, offset=np.zeros(96)).fit()
    with pytest.raises(ModelError, match="offset of its own"):
        fit.predict(data)
    np.testing.assert_allclose(fit.predict(data, offset=1.0)["mean"], fit.fitted + 1.0)


def test_weights_of_numbers_are_asked_for_where_responses_are_predicted(data: pd.DataFrame):
    fit = bmm.Model(FORMULA, data, weights=data["w"].to_numpy()).fit()
    with pytest.raises(ModelError, match="model has weights, and the new data are given without"):
        fit.predict(data, kind="response")


def test_new_weights_and_offsets_follow_their_labels_too(named, data: pd.DataFrame):
    new = data.iloc[:9]
    shuffled = new.sample(frac=1, random_state=2)
    table = named.predict(new, offset=shuffled["log_t"], weights=shuffled["w"], kind="response")
    pd.testing.assert_frame_equal(table, named.predict(new, kind="response"))


def test_draws_find_the_named_columns_as_well(data: pd.DataFrame):
    model = bmm.Model(FORMULA, data, weights="w", offset="log_t")
    posterior = model.sample(draws=100, chains=2, random_seed=1, progressbar=False)
    own = posterior.predict(kind="mean", draws=True)["posterior"]["mu"].to_numpy()
    new = posterior.predict(data.iloc[::5], kind="mean", draws=True)["predictions"]["mu"].to_numpy()
    np.testing.assert_allclose(new, own[:, :, ::5], rtol=1e-12)
