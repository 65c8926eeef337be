"""Expressions give the same numbers whatever type a column has: nothing wraps, and true + true is two."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from bayesmm.design import build_design

VALUES = np.array([1, 2, 3, 90, 100, 120, 7, 8, 9, 10, 11, 12])


def counts(kind: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "y": np.arange(12.0) ** 2,
            "o": VALUES.astype(kind),
            "b": np.arange(12) % 3 == 0,
            "d": np.arange(12) % 2 == 0,
            "g": np.repeat(["u", "v", "w"], 4),
        }
    )


FRAMES: dict[str, Callable[[pd.DataFrame], object]] = {
    "pandas": lambda frame: frame,
    "pandas on Arrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "pandas nullable": lambda frame: frame.convert_dtypes(),
    "polars": pl.from_pandas,
    "Arrow": pa.Table.from_pandas,
}


def column(expression: str, data: object) -> np.ndarray:
    """What an expression makes of the data."""
    return build_design(f"y ~ {expression} + (1 | g)", data).X[:, 1]


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16", "uint32", "int64", "uint64", "float32"])
@pytest.mark.parametrize("source", FRAMES)
def test_arithmetic_is_that_of_real_numbers_in_every_type(kind: str, source: str):
    data, o = FRAMES[source](counts(kind)), VALUES.astype(float)
    np.testing.assert_array_equal(column("I(o - 5)", data), o - 5)
    np.testing.assert_array_equal(column("I(o * o)", data), o**2)
    np.testing.assert_array_equal(column("{-o**3}", data), -(o**3))
    np.testing.assert_array_equal(column("np.square(o)", data), o**2)
    np.testing.assert_allclose(column("sqrt(o)", data), np.sqrt(o), rtol=1e-15)
    np.testing.assert_array_equal(column("o:o2", FRAMES[source](counts(kind).assign(o2=VALUES))), o**2)
    for transform in ("scale(o)", "center(o)", "poly(o, 2)"):
        expected = column(transform, counts("float64"))
        np.testing.assert_allclose(column(transform, data), expected, atol=1e-14)


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_new_data_of_a_narrow_type_do_not_wrap_either(kind: str):
    design = build_design("y ~ I(o - 5) + o:b + (1 | g)", counts("float64"))
    np.testing.assert_array_equal(design.rebuild(counts(kind)).X, design.X)


def test_a_response_of_a_narrow_type_does_not_wrap():
    design = build_design("I(o - 5) ~ 1 + (1 | g)", counts("uint8"))
    np.testing.assert_array_equal(design.y, VALUES - 5.0)


def test_numbers_beyond_sixty_three_bits_do_not_wrap():
    data = counts("int64").assign(o=VALUES * 10**7, p=VALUES * 10**14, q=VALUES.astype(np.uint64) << 57)
    np.testing.assert_allclose(column("I(o**3)", data), VALUES**3 * 1e21, rtol=1e-14)
    np.testing.assert_allclose(column("o:p", data), VALUES**2 * 1e21, rtol=1e-14)
    np.testing.assert_array_equal(column("q", data), VALUES * 2.0**57)


@pytest.mark.parametrize("source", FRAMES)
def test_true_and_false_count_as_one_and_zero(source: str):
    data = FRAMES[source](counts("int64"))
    b, d = (counts("int64")[name].to_numpy(dtype=float) for name in "bd")
    np.testing.assert_array_equal(column("I(b + d)", data), b + d)
    np.testing.assert_array_equal(column("I(b - d)", data), b - d)
    np.testing.assert_allclose(column("exp(b)", data), np.exp(b), rtol=1e-15)


def test_levels_and_comparisons_keep_whole_numbers_and_text():
    data = counts("uint8").assign(o=np.tile([9, 10, 11], 4).astype("uint8"))
    design = build_design("y ~ factor(o) + I(o > 10):d + I(g == 'u') + (1 | o)", data)
    assert design.names[:3] == ("Intercept", "factor(o)[10]", "factor(o)[11]")
    np.testing.assert_array_equal(design.X[:, 3], [1] * 4 + [0] * 8)
    np.testing.assert_array_equal(design.X[:, 4], (data["o"] > 10) & data["d"])
    assert design.terms[0].levels.tolist() == [9, 10, 11]


def test_the_users_own_functions_get_the_column_as_it_is():
    table = np.linspace(0, 1, 200) ** 2
    design = build_design(
        "y ~ look(o) + (1 | g)", counts("uint8"), namespace={"look": lambda o: table[o.to_numpy()]}
    )
    np.testing.assert_array_equal(design.X[:, 1], table[VALUES])
