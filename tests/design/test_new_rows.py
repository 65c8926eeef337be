"""A column on new rows means what it meant in the fit: state is remembered, and what can't be is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.stats.mstats import winsorize

from bayesmm.design import build_design
from bayesmm.errors import DataError

# expression | its value by hand, f the frame of the fit
REMEMBERED = {
    "I(x - np.mean(x))": lambda f: f["x"] - f["x"].mean(),
    "I(x - mean(x))": lambda f: f["x"] - f["x"].mean(),
    "I((x - mean(x)) / sd(x))": lambda f: (f["x"] - f["x"].mean()) / f["x"].std(ddof=1),
    "I((x - min(x)) / (max(x) - min(x)))": lambda f: (f["x"] - f["x"].min()) / np.ptp(f["x"]),
    "I(x / np.linalg.norm(x))": lambda f: f["x"] / np.sqrt((f["x"] ** 2).sum()),
    "np.minimum(x, np.quantile(x, 0.9))": lambda f: np.minimum(f["x"], np.quantile(f["x"], 0.9)),
    "I(x - np.mean(x - np.mean(z)))": lambda f: f["x"] - (f["x"] - f["z"].mean()).mean(),
    "scale(center(x))": lambda f: (f["x"] - f["x"].mean()) / f["x"].std(ddof=1),
    "scale(x, scale=False)": lambda f: f["x"] - f["x"].mean(),
    "binary(k)": lambda f: f["k"] == 3,
    "binary(c, 'lo')": lambda f: f["c"] == "lo",
    "I(x > median(x))": lambda f: f["x"] > f["x"].median(),
    "I(x * (b == max(b)))": lambda f: f["x"] * (f["b"] == 1),
}


@pytest.mark.parametrize("call", REMEMBERED)
@pytest.mark.parametrize("formula", ["y ~ {} + (1 | g)", "y ~ z:{} + (1 | g)", "y ~ 1 + (0 + {} | g)"])
def test_what_looks_at_the_whole_column_is_remembered(frame: pd.DataFrame, call: str, formula: str):
    """In the fixed part, in an interaction and behind a bar."""
    design = build_design(formula.format(call), frame)
    by_hand = REMEMBERED[call](frame).to_numpy(float) * (frame["z"] if "z:" in formula else 1.0)
    column = design.terms[0].Xi[:, -1] if "0 +" in formula else design.X[:, -1]
    np.testing.assert_allclose(column, by_hand, rtol=0, atol=1e-13)
    check_rows(design, frame)


def check_rows(design, frame):
    """The data again are the fit; so is one row of them alone, and so are some in another order."""
    for rows in (np.arange(len(frame)), [41], [4], [50, 3, 17]):
        rebuilt = design.rebuild(frame.iloc[rows])
        np.testing.assert_allclose(rebuilt.X, design.X[rows], rtol=0, atol=1e-12)
        for term, again in zip(design.terms, rebuilt.terms, strict=True):
            np.testing.assert_allclose(again.Xi, term.Xi[rows], rtol=0, atol=1e-12)
        if design.offset is not None:
            np.testing.assert_allclose(rebuilt.offset, design.offset[rows], rtol=0, atol=1e-12)


def test_an_offset_remembers_too(frame: pd.DataFrame):
    design = build_design("y ~ x + offset(z - mean(z)) + offset(0.5) + (1 | g)", frame)
    np.testing.assert_allclose(design.offset, frame["z"] - frame["z"].mean() + 0.5)
    check_rows(design, frame)


def standardised(x):
    return (x - x.mean()) / x.std()


def ranked(x):
    return pd.Series(x).rank()


WHOLE = [
    "standardised(x)",
    "np.cumsum(x)",
    "ranked(z)",
    "I(ranked(x) + 2)",
    "np.sort(x)",
    "np.gradient(x)",
]


@pytest.mark.parametrize("call", WHOLE)
@pytest.mark.parametrize("formula", ["y ~ {} + (1 | g)", "y ~ z*{} + (1 | g)", "y ~ 1 + ({} | g)"])
def test_what_cannot_be_remembered_is_refused_on_new_rows(frame: pd.DataFrame, call: str, formula: str):
    """It was evaluated anew without a word, on other rows to other values."""
    namespace = {"standardised": standardised, "ranked": ranked}
    design = build_design(formula.format(call), frame, namespace=namespace)
    with pytest.raises(DataError, match="looks at other rows than its own") as caught:
        design.rebuild(frame)
    assert f"'{call}'" in str(caught.value)
    assert "mean(x), sd(x)" in caught.value.advice


def winsorized(x):
    """Eight rows in ten thousand change, and none of a handful."""
    return np.asarray(winsorize(x.to_numpy(), limits=0.0004))


def test_rows_that_are_extreme_are_tried_too():
    x = np.random.default_rng(7).normal(size=10_000)
    data = pd.DataFrame({"y": -x, "x": x, "g": np.arange(10_000) % 100}).assign(y=np.sin(x))
    design = build_design("y ~ winsorized(x) + (1 | g)", data)
    assert np.sum(design.X[:, 1] != x) == 8
    with pytest.raises(DataError, match=r"'winsorized\(x\)' looks at other rows"):
        design.rebuild(data[:5])


ROW_WISE = [
    "twice(x)",
    "np.where(x > 1, 'high', 'low')",
    "np.exp(-x**2 / 2)",
    "np.hypot(x, z)",
    "np.round(x, 1)",
    "ifelse(x > mean(x), 1, 0)",
    "factor(k):x",
]


@pytest.mark.parametrize("call", ROW_WISE)
def test_what_looks_at_each_row_alone_is_evaluated_on_new_rows(frame: pd.DataFrame, call: str):
    design = build_design(f"y ~ {call} + (1 | g)", frame, namespace={"twice": lambda x: 2 * x})
    check_rows(design, frame)


def test_a_response_may_look_at_the_whole_column(frame: pd.DataFrame):
    design = build_design("I(y - mean(y)) ~ x + (1 | g)", frame)
    np.testing.assert_allclose(design.y, frame["y"] - frame["y"].mean())
    assert len(design.rebuild(frame[:3]).X) == 3


def test_what_is_remembered_is_in_a_pickle(frame: pd.DataFrame):
    design = build_design("y ~ I(z - mean(z)) + scale(w) + ns(x, 3) + (1 | g)", frame)
    again = pickle.loads(pickle.dumps(design))
    np.testing.assert_array_equal(again.rebuild(frame[:3]).X, design.rebuild(frame[:3]).X)
