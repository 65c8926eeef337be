"""What names in a formula mean: columns, then what was given, then what formulas know, then the caller's."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pandas as pd
import pytest

from bayesmm import Model
from bayesmm.design import build_design
from bayesmm.design.lookup import Names
from bayesmm.errors import DataError

UNIT = 3.0


def halved(x):
    return x / 2


def test_variables_and_functions_of_the_caller_are_seen(frame: pd.DataFrame):
    """Local and global ones, functions of modules, through every layer of the package."""
    shift = 0.5
    design = Model(
        "y ~ I((x - shift) / UNIT) + halved(z) + np.sin(z * math.pi) + (0 + halved(x) | g)", frame
    ).design
    by_hand = [(frame["x"] - shift) / 3, frame["z"] / 2]
    np.testing.assert_allclose(design.X[:, 1:], np.column_stack([*by_hand, np.sin(np.pi * frame["z"])]))
    np.testing.assert_allclose(design.terms[0].Xi[:, 0], frame["x"] / 2)
    assert set(design.given.namespace) == {"shift", "UNIT", "halved", "math"}
    assert math.pi == np.pi


def test_what_a_variable_was_is_remembered(frame: pd.DataFrame):
    shift = 0.5
    design = build_design("y ~ I(x - shift) + (1 | g)", frame)
    shift = 100.0
    np.testing.assert_array_equal(design.rebuild(frame[:3]).X, design.X[:3])
    again = pickle.loads(pickle.dumps(design))
    np.testing.assert_array_equal(again.rebuild(frame[:3]).X, design.X[:3])
    assert shift == 100.0


def test_a_column_goes_before_a_variable_and_later_columns_change_nothing(frame: pd.DataFrame):
    x = z2 = 7.0
    design = build_design("y ~ I(x * z2) + (1 | g)", frame)
    np.testing.assert_array_equal(design.X[:, 1], frame["x"] * 7.0)
    new = frame[:3].assign(z2=100.0)
    np.testing.assert_array_equal(design.rebuild(new).X, design.X[:3])
    assert x == z2


def test_the_namespace_goes_before_what_formulas_know_and_that_before_the_caller(frame: pd.DataFrame):
    def center(x):
        raise AssertionError

    assert build_design("y ~ center(x) + (1 | g)", frame).X[:, 1].mean() == pytest.approx(0.0)
    given = build_design("y ~ center(x) + I(z * pi) + (1 | g)", frame, namespace={"center": halved, "pi": 3})
    np.testing.assert_allclose(given.X[:, 1:], np.column_stack([frame["x"] / 2, frame["z"] * 3]))
    assert callable(center)


def test_names_that_mean_nothing_are_named(frame: pd.DataFrame):
    names = Names({"f": halved}, {})
    assert {name for name in ("f", "np.pi", "TRUE", "halved") if name in names} == {"f", "np.pi", "TRUE"}
    with pytest.raises(DataError, match=r"'np\.nothing' is neither a column"):
        names.value("np.nothing")
    with pytest.raises(DataError, match="'pi' is no function that formulas know, but of type float"):
        names.function("pi")


def test_a_function_with_a_memory_of_one_s_own(frame: pd.DataFrame):
    class Standardised:
        __stateful_transform__ = True

        def __init__(self):
            self.state = None

        def __call__(self, x):
            self.state = self.state or (x.mean(), x.std())
            return (x - self.state[0]) / self.state[1]

    design = build_design("y ~ Standardised(x) + (1 | g)", frame)
    np.testing.assert_allclose(design.rebuild(frame[4:5]).X, design.X[4:5], rtol=1e-14)
    assert design.X[:, 1].std(ddof=1) == pytest.approx(1.0)
