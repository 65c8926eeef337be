"""Data and options that don't fit: the class of the error, and what it says was got, expected and to try."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayesmm import Model
from bayesmm.errors import BayesmmError, DataError, FormulaError, ModelError
from bayesmm.likelihood import MarginalLikelihood

Change = Callable[[pd.DataFrame], Any]


def same(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


def put(**columns: Any) -> Change:
    """The frame with columns replaced; a callable gets the frame."""
    return lambda frame: frame.assign(**columns)


# what is wrong | formula | change of the frame | options | class | words of the message
CASES: dict[str, tuple[str, Change, Mapping[str, Any], type[BayesmmError], list[str]]] = {
    # columns
    "an unknown predictor": ("y ~ xx + (1 | g)", same, {}, DataError, ["no column 'xx'", "did you mean 'x'"]),
    "an unknown group": ("y ~ x + (1 | G)", same, {}, DataError, ["no column 'G'", "did you mean 'g'"]),
    "an unknown response": ("Y ~ x + (1 | g)", same, {}, DataError, ["no column 'Y'", "did you mean 'y'"]),
    "nothing like it": ("y ~ qqq + (1 | g)", same, {}, DataError, ["no column 'qqq'", "one of 'y', 'x'"]),
    "two columns of one name": (
        "y ~ x + (1 | g)",
        lambda f: pd.concat([f, f[["x"]]], axis=1),
        {},
        DataError,
        ["more than one column named 'x'", "unique", "rename"],
    ),
    # the formula
    "no random term": ("y ~ x", same, {}, FormulaError, ["no random term", "(1 | group)"]),
    "an unknown function": (
        "y ~ foo(x) + (1 | g)",
        same,
        {},
        DataError,
        ["'foo'", "no function that formulas know", "namespace"],
    ),
    "a function that NumPy doesn't have": (
        "y ~ np.foo(x) + (1 | g)",
        same,
        {},
        DataError,
        ["'np.foo'", "no function that formulas know", "namespace"],
    ),
    "a mistyped function": ("y ~ scael(x) + (1 | g)", same, {}, DataError, ["did you mean 'scale'?"]),
    "a namespace that is a number": (
        "y ~ x + (1 | g)",
        same,
        {"namespace": 3},
        ModelError,
        ["is 3", "mapping"],
    ),
    "a namespace without names": (
        "y ~ x + (1 | g)",
        same,
        {"namespace": {1: 2}},
        ModelError,
        ["is {1: 2}", "names"],
    ),
    "a number for the whole column": (
        "y ~ mean(x) + (1 | g)",
        same,
        {},
        DataError,
        ["'mean(x)' gives one value", "I(x - mean(x))"],
    ),
    "a constant in place of a column": (
        "y ~ pi + (1 | g)",
        same,
        {},
        DataError,
        ["no column 'pi'", "the data have 10"],
    ),
    "a constant in place of a group": (
        "y ~ x + (1 | pi)",
        same,
        {},
        DataError,
        ["no column 'pi'", "the data have 10"],
    ),
    "an empty cell behind a bar": (
        "y ~ x + (0 + c:h | g)",
        lambda f: f[(f["c"] != "lo") | (f["h"] != "b")],
        {},
        DataError,
        ["combination of levels 'c[lo]:h[b]'", "(0 + c:h | g)", "(0 + that column | g)"],
    ),
    "levels of several types": (
        "y ~ factor(c) + (1 | g)",
        lambda f: f.assign(c=[1, "a"] * 30),
        {},
        DataError,
        ["'factor(c)' mixes levels of the types int, str"],
    ),
    "a coding with a level that isn't there": (
        "y ~ C(c, Treatment('high')) + (1 | g)",
        same,
        {},
        DataError,
        ["'high'", "'hi', 'lo'"],
    ),
    "a matrix of contrasts with too few rows": (
        "y ~ C(h, M) + (1 | g)",
        same,
        {"namespace": {"M": np.eye(3)}},
        DataError,
        ["(3, 3)", "a, b, c, d, e, f"],
    ),
    "a coding that is none": ("y ~ C(h, 3) + (1 | g)", same, {}, DataError, ["3 is no coding", "C(x, Sum)"]),
    "levels that leave some out": (
        "y ~ factor(h, levels=c('a', 'b')) + (1 | g)",
        same,
        {},
        DataError,
        ["'c', 'd', 'e', 'f'", "'a', 'b'"],
    ),
    "intervals that leave some out": (
        "y ~ cut(k, c(0, 5)) + (1 | g)",
        same,
        {},
        DataError,
        ["no interval for 10, in 40 of 60 rows", "(0,5]", "Inf"],
    ),
    "a function of numbers on text": (
        "y ~ x + scale(c) + (1 | g)",
        same,
        {},
        DataError,
        ["'x + scale(c)' could not be evaluated", "'c' has text or categories"],
    ),
    "a function that gives nothing": (
        "y ~ f(x) + (1 | g)",
        same,
        {"namespace": {"f": lambda x: None}},
        DataError,
        ["'f(x)' has values of type NoneType"],
    ),
    "a function that gives one level": (
        "y ~ f(x) + (1 | g)",
        same,
        {"namespace": {"f": lambda x: "a"}},
        DataError,
        ["'f(x)' gives one value for 60 rows"],
    ),
    "a coding in place of a term": ("y ~ contr.sum(c) + (1 | g)", same, {}, DataError, ["of type Sum"]),
    "labels that are too few": (
        "y ~ cut(x, 3, labels=c('low', 'high')) + (1 | g)",
        same,
        {},
        DataError,
        ["2 labels", "3 intervals"],
    ),
    "a function that gives a table for each row": (
        "y ~ f(x) + (1 | g)",
        same,
        {"namespace": {"f": lambda x: np.ones((60, 2, 2))}},
        DataError,
        ["'f(x)' gives an array of shape (60, 2, 2) for 60 rows"],
    ),
    "an offset of two columns": (
        "y ~ offset(poly(x, 2)) + (1 | g)",
        same,
        {},
        DataError,
        ["'offset(poly(x, 2))' gives an array of shape (60, 2)"],
    ),
    "a factor in place of a coding": (
        "y ~ C(c, C(h)) + (1 | g)",
        same,
        {},
        DataError,
        ["something of type Coded is no coding"],
    ),
    "one interval": ("y ~ cut(x, 1) + (1 | g)", same, {}, DataError, ["1 intervals", "cut(x, 3)"]),
    "a spline of too few columns": (
        "y ~ bs(x, 2) + (1 | g)",
        same,
        {},
        DataError,
        ["bs(…, df=2)", "at least 3"],
    ),
    "knots beyond the data": ("y ~ ns(x, knots=99) + (1 | g)", same, {}, DataError, ["ns()", "knots"]),
    "a caller's value for each row": (
        "y ~ I(x * u) + (1 | g)",
        same,
        {"namespace": {"u": np.arange(60.0)}},
        DataError,
        ["'u' is no column", "data.assign(u=u)"],
    ),
    "the logarithm of negative numbers": (
        "y ~ log(x) + (1 | g)",
        same,
        {},
        DataError,
        ["log(x)", "infinite or not a number", "negative"],
    ),
    "the logarithm of zero in the response": (
        "log(y) ~ x + (1 | g)",
        put(y=lambda f: np.abs(f["y"]).where(f["x"] > 0, 0.0)),
        {},
        DataError,
        ["response 'log(y)'", "infinite or not a number", "log of 0"],
    ),
    "the logarithm of text": (
        "y ~ log(c) + (1 | g)",
        same,
        {},
        DataError,
        ["log(c)", "'c' has text or categories"],
    ),
    # the response
    "a response of text": (
        "c ~ x + (1 | g)",
        same,
        {},
        DataError,
        ["response 'c' is not numeric", "number", "to_numeric"],
    ),
    "a response of numbers as text": (
        "y ~ x + (1 | g)",
        put(y=lambda f: f["y"].astype(str)),
        {},
        DataError,
        ["response 'y' is not numeric", "to_numeric"],
    ),
    "a categorical response": (
        "k ~ x + (1 | g)",
        put(k=lambda f: f["k"].astype("category")),
        {},
        DataError,
        ["not numeric (category)"],
    ),
    "a response of dates": (
        "day ~ x + (1 | g)",
        same,
        {},
        DataError,
        ["not numeric (datetime64", ".dt.days"],
    ),
    "a constant response": (
        "y ~ x + (1 | g)",
        put(y=2.5),
        {},
        DataError,
        ["is 2.5 in all 60 rows", "varies", "right column"],
    ),
    "an infinite response": (
        "y ~ x + (1 | g)",
        put(y=lambda f: f["y"].where(f["x"] > 0, np.inf)),
        {},
        DataError,
        ["'y' is infinite in", "finite"],
    ),
    # predictors
    "an infinite predictor": (
        "y ~ x + (1 | g)",
        put(x=lambda f: f["x"].where(f.index != "r7", -np.inf)),
        {},
        DataError,
        ["'x' is infinite in 1 rows", "finite", "missing"],
    ),
    "more coefficients than rows": (
        "y ~ factor(i) + (1 | g)",
        put(i=np.arange(60)),
        {},
        DataError,
        ["60 fixed-effects coefficients and 60 complete rows", "more rows", "simpler"],
    ),
    # rows
    "no rows": ("y ~ x + (1 | g)", lambda f: f[:0], {}, DataError, ["no rows", "filter"]),
    "a column that is missing throughout": (
        "y ~ x + (1 | g)",
        put(x=np.nan),
        {},
        DataError,
        ["all 60 rows have a missing value", "'x'"],
    ),
    "no complete row": (
        "y ~ x + (1 | g)",
        put(x=lambda f: f["x"].where(f["g"] < 303), y=lambda f: f["y"].where(f["g"] >= 303)),
        {},
        DataError,
        ["all 60 rows", "'x'"],
    ),
    # grouping factors
    "a group with one level": (
        "y ~ x + (1 | g)",
        put(g="only"),
        {},
        DataError,
        ["'g' has one level, 'only'", "at least two", "drop (1 | g)"],
    ),
    "a column twice among a group's effects": (
        "y ~ x + (x | g) + (x + z | g)",
        same,
        {},
        DataError,
        ["stands twice among the random effects of 'g'", "(0 + x | g)"],
    ),
    "an intercept twice": ("y ~ x + (1 | g) + (x | g)", same, {}, DataError, ["'Intercept' stands twice"]),
    "a random slope of zeros": (
        "y ~ x + (z | g)",
        put(z=0.0),
        {},
        DataError,
        ["'z' of (z | g) is zero in all rows", "drop"],
    ),
    # weights and offset
    "a weight of zero": (
        "y ~ x + (1 | g)",
        put(w=lambda f: f["w"].where(f["x"] > 0, 0.0)),
        {"weights": "w"},
        DataError,
        ["weights are zero or negative", "positive", "σ²/w"],
    ),
    "a negative weight": (
        "y ~ x + (1 | g)",
        same,
        {"weights": np.r_[-1.0, np.ones(59)]},
        DataError,
        ["1 of the weights are zero or negative"],
    ),
    "too few weights": (
        "y ~ x + (1 | g)",
        same,
        {"weights": np.ones(59)},
        DataError,
        ["weights have 59 values", "60 rows"],
    ),
    "one weight for all": ("y ~ x + (1 | g)", same, {"weights": 2.0}, DataError, ["weights have 1 values"]),
    "weights of text": ("y ~ x + (1 | g)", same, {"weights": "c"}, DataError, ["weights are not numbers"]),
    "an infinite weight": (
        "y ~ x + (1 | g)",
        same,
        {"weights": np.r_[np.inf, np.ones(59)]},
        DataError,
        ["weights are infinite"],
    ),
    "an unknown column of weights": (
        "y ~ x + (1 | g)",
        same,
        {"weights": "ww"},
        DataError,
        ["no column 'ww'", "did you mean 'w'"],
    ),
    "missing weights throughout": (
        "y ~ x + (1 | g)",
        same,
        {"weights": np.full(60, np.nan)},
        DataError,
        ["all 60 rows have a missing value"],
    ),
    "too many offsets": (
        "y ~ x + (1 | g)",
        same,
        {"offset": np.ones(61)},
        DataError,
        ["offset have 61 values", "60 rows"],
    ),
    # options
    "an unknown covariance key": (
        "y ~ x + (x | g)",
        same,
        {"covariance": {"gg": "identity"}},
        ModelError,
        ["'gg'", "names no random term", "did you mean 'g'"],
    ),
    "an unknown covariance structure": (
        "y ~ x + (x | g)",
        same,
        {"covariance": {"g": "diagnol"}},
        ModelError,
        ["covariance of 'x | g' is 'diagnol'", "'unstructured'", "did you mean 'diagonal'"],
    ),
    "an unknown family": (
        "y ~ x + (1 | g)",
        same,
        {"family": "gausian"},
        ModelError,
        ["family is 'gausian'", "did you mean 'gaussian'"],
    ),
    "an unknown link": (
        "y ~ x + (1 | g)",
        same,
        {"link": "logit"},
        ModelError,
        ["link is 'logit'", "'identity'", "link=None"],
    ),
    # data of another kind
    "a list": ("y ~ x + (1 | g)", lambda f: [1, 2], {}, DataError, ["data are a list", "DataFrame"]),
    "an array": ("y ~ x + (1 | g)", lambda f: f.to_numpy(), {}, DataError, ["data are a ndarray"]),
    "a path": ("y ~ x + (1 | g)", lambda f: "data.csv", {}, DataError, ["data are a str", "read_csv"]),
    "nothing": ("y ~ x + (1 | g)", lambda f: None, {}, DataError, ["data are a NoneType"]),
}

# The same, for what comes through as an exception of pandas or Python.
RAW: dict[str, tuple[str, Change, Mapping[str, Any], type[BayesmmError], list[str]]] = {
    "columns of different lengths": (
        "y ~ x + (1 | g)",
        lambda f: {"y": [1, 2, 3], "x": [1, 2], "g": [1, 1, 2]},
        {},
        DataError,
        ["length"],
    ),
    "single numbers for columns": (
        "y ~ x + (1 | g)",
        lambda f: {"y": 1, "x": 2, "g": 3},
        {},
        DataError,
        ["row"],
    ),
    "complex numbers": ("y ~ x + (1 | g)", put(x=lambda f: f["x"] + 1j), {}, DataError, ["'x'", "complex"]),
    "a covariance that is no mapping": (
        "y ~ x + (x | g)",
        same,
        {"covariance": "identity"},
        ModelError,
        ["covariance"],
    ),
    "a covariance structure that is no name": (
        "y ~ x + (x | g)",
        same,
        {"covariance": {"g": ["identity"]}},
        ModelError,
        ["covariance"],
    ),
    "a family that is no name": ("y ~ x + (1 | g)", same, {"family": ["gaussian"]}, ModelError, ["family"]),
}


def check(frame: pd.DataFrame, case: tuple) -> None:
    formula, change, options, kind, words = case
    data = change(frame)
    with pytest.raises(kind) as caught:
        Model(formula, data, **options)
    error = caught.value
    assert [word for word in words if word not in str(error)] == []
    assert error.got
    assert error.expected
    assert error.advice
    for part in (error.got, error.expected, error.advice):
        assert part in str(error)
        assert not part.endswith(".")
        assert "None" not in part.replace("NoneType", "").replace("link=None", "")


@pytest.mark.parametrize("wrong", CASES)
def test_a_mistake_is_an_error_that_says_what_to_do(frame: pd.DataFrame, wrong: str):
    check(frame, CASES[wrong])


@pytest.mark.parametrize("wrong", RAW)
def test_a_mistake_of_python_types_is_such_an_error_too(frame: pd.DataFrame, wrong: str):
    check(frame, RAW[wrong])


def test_a_predictor_of_dates_is_refused_in_a_well_formed_sentence(frame: pd.DataFrame):
    words = ["'day'", "datetime64", "used as a number", ".dt.days"]
    for term in ("day", "scale(day)", "I(day - 1)", "day:x"):
        check(frame, (f"y ~ {term} + (1 | g)", same, {}, DataError, words))


@pytest.mark.parametrize(
    ("formula", "y"),
    [
        ("y ~ x + (1 | g)", lambda f: 2 * f["x"] + 1),
        ("y ~ c + (1 | g)", lambda f: np.where(f["c"] == "lo", 5.0, 6.0)),
        ("y ~ z + (1 | g)", lambda f: f["z"]),
        ("y ~ x + (1 | g)", lambda f: 1e-9 * f["x"]),
        ("y ~ x + (1 | g)", lambda f: 1e9 * (f["x"] - 1)),
    ],
)
def test_a_response_that_x_explains_exactly_leaves_nothing_to_model(frame: pd.DataFrame, formula: str, y):
    model = Model(formula, frame.assign(y=y))
    with pytest.raises(DataError, match="explain the response exactly") as error:
        model.fit()
    assert "copy of the response" in str(error.value)


def test_a_response_equal_to_its_offset_leaves_nothing_to_model(frame: pd.DataFrame):
    with pytest.raises(DataError, match="exactly"):
        MarginalLikelihood(Model("y ~ 1 + (1 | g)", frame, offset=frame["y"] + 3).design)


def test_a_response_that_x_explains_very_well_is_fitted(frame: pd.DataFrame):
    y = 2 * frame["x"] + 1e-7 * frame["y"]
    assert Model("y ~ x + (1 | g)", frame.assign(y=y)).fit().beta["x"] == pytest.approx(2, abs=1e-7)


def test_what_is_missing_is_said_of_the_weights_where_they_are_what_is_missing(frame: pd.DataFrame):
    with pytest.raises(DataError) as error:
        Model("y ~ x + (1 | g)", frame, weights=np.full(60, np.nan))
    assert "weights" in error.value.advice


@pytest.mark.parametrize(
    ("formula", "g", "words"),
    [
        ("y ~ x + (1 | g)", np.arange(60), ["'g' has 60 levels in 60 rows", "fewer levels", "coarser"]),
        (
            "y ~ x + (x + z | g)",
            np.arange(60) // 3,
            ["(x + z | g) has 3 columns × 20 levels = 60 random effects and 60 rows", "||", "(1 | g)"],
        ),
    ],
)
def test_as_many_effects_as_rows_have_no_estimate_and_it_says_that_they_can_be_sampled(
    frame: pd.DataFrame, formula: str, g: np.ndarray, words: list[str]
):
    model = Model(formula, frame.assign(g=g))
    with pytest.raises(DataError) as error:
        model.fit()
    assert [word for word in [*words, "model.sample()"] if word not in str(error.value)] == []
