"""Columns as the data hold them: the same as expressions give, and no matrix before it is asked for."""

from __future__ import annotations

import warnings

import formulae
import numpy as np
import pandas as pd
import polars as pl
import pytest

import bayesmm as bmm
from bayesmm.design import build_design
from bayesmm.design.rank import aliased_columns, aliased_sources
from bayesmm.design.sources import INDICATOR, INTERCEPT, NUMBERS, ONES, ModelMatrix, numbers_of
from bayesmm.errors import DesignNotice, PriorError

N = 120


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(20)
    day = rng.integers(0, 7, N)
    return pd.DataFrame(
        {
            "y": rng.normal(size=N),
            "x": rng.normal(size=N),
            "z": rng.uniform(0.5, 2.0, N),
            "k": day.astype(np.int32),
            "b": rng.integers(0, 2, N) == 1,
            "c": pd.Categorical(rng.choice(["lo", "mid", "hi"], N), categories=["hi", "none", "mid", "lo"]),
            "t": rng.choice(["q", "p", "r"], N),
            "g": np.sort(rng.integers(100, 115, N)),
            "h": rng.choice(["s1", "s2", "s3", "s4"], N),
            "w": rng.uniform(0.5, 2.0, N),
        }
    )


def with_gaps(data: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(21)
    gaps = data.copy()
    for name in ("x", "z", "c", "t"):
        gaps.loc[rng.random(N) < 0.1, name] = None
    return gaps


FRAMES = {
    "pandas": lambda data: data,
    "gaps": with_gaps,
    "polars": lambda data: pl.from_pandas(data),
    "mapping": lambda data: {name: data[name] for name in data},
    "strided": lambda data: data.iloc[::2],
}
PAIRS = {
    "y ~ x + k + (x | g)": "I(y) ~ I(x) + I(k) + (I(x) | g)",
    "y ~ x + c + (1 | g)": "y ~ I(x) + factor(c) + (1 | g)",
    "y ~ 0 + c + (0 + c | g)": "y ~ 0 + factor(c) + (0 + factor(c) | g)",
    "y ~ x * c + t + (x || g)": "y ~ I(x) * factor(c) + factor(t) + (I(x) || g)",
    "y ~ c / t + (c || h)": "y ~ factor(c) / factor(t) + (factor(c) || h)",
    "y ~ x + c:t:x + (x:t | g)": "y ~ I(x) + factor(c):factor(t):I(x) + (I(x):factor(t) | g)",
    "y ~ x:z + b + offset(z) + (1 | g/h)": "y ~ I(x):I(z) + I(b) + offset(I(z)) + (1 | g/h)",
    "y ~ C(c, Sum) * x + bs(z, df=4) + (x | g)": "y ~ C(factor(c), Sum) * I(x) + bs(I(z), df=4) + (I(x) | g)",
}


@pytest.mark.parametrize("of", FRAMES)
@pytest.mark.parametrize("plain", PAIRS)
def test_a_name_alone_gives_what_an_evaluated_expression_gives(data: pd.DataFrame, plain: str, of: str):
    frame = FRAMES[of](data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DesignNotice)
        ours = build_design(plain, frame, weights="w", offset="x")
        theirs = build_design(PAIRS[plain], frame, weights="w", offset="x")
    for one, other in ((ours.X, theirs.X), (ours.y, theirs.y), (ours.offset, theirs.offset)):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == np.float64
    np.testing.assert_array_equal(ours.weights, theirs.weights)
    assert (ours.n_dropped > 0) == (of == "gaps")
    assert not any(array.flags.writeable for array in (ours.X, ours.y, ours.terms[0].Xi))
    assert ours.X.flags.c_contiguous
    for term, twin in zip(ours.terms, theirs.terms, strict=True):
        np.testing.assert_array_equal(term.Xi, twin.Xi)
        np.testing.assert_array_equal(term.factor.codes, twin.factor.codes)
        np.testing.assert_array_equal(term.Z.toarray(), twin.Z.toarray())


@pytest.mark.parametrize("right", ["x + k", "x * c", "0 + c:t", "t + x:c + c", "x:z + z", "t * c * x"])
def test_matrices_are_those_of_formulae(data: pd.DataFrame, right: str):
    frame = data.assign(c=data.c.cat.remove_unused_categories())
    theirs = formulae.design_matrices(f"y ~ {right}", frame)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DesignNotice)
        design = build_design(f"y ~ {right} + (1 | g)", frame)
    # In formulae's order of the terms; here main effects come first. Aliased columns are left out here.
    by_name = {}
    for name, term in theirs.common.terms.items():
        columns = np.asarray(theirs.common[name], dtype=float).reshape(N, -1)
        by_name |= dict(zip(["Intercept"] if name == "Intercept" else term.labels, columns.T, strict=True))
    assert set(by_name) == {*design.names, *design.aliased}
    for j, name in enumerate(design.names):
        np.testing.assert_array_equal(design.X[:, j], by_name[name])
    np.testing.assert_array_equal(design.y, theirs.response.design_matrix)


@pytest.mark.parametrize("formula", [*PAIRS, *PAIRS.values()])
def test_sources_written_out_are_the_matrices(data: pd.DataFrame, formula: str):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DesignNotice)
        design = build_design(formula, data)
    pairs = [(design.sources, design.X), *((term.sources, term.Xi) for term in design.terms)]
    for sources, matrix in pairs:
        assert len(sources) == matrix.shape[1]
        for source, column in zip(sources, matrix.T, strict=True):
            if source.kind == ONES:
                assert (column == 1.0).all()
                continue
            is_numbers = source.kind == NUMBERS
            by_hand = source.array if is_numbers else np.where(source.array == source.level, 1.0, 0.0)
            np.testing.assert_array_equal(column, by_hand)
            assert source.array.dtype == (np.float64 if is_numbers else np.int8)
            assert source.array.flags.c_contiguous
            assert not source.array.flags.writeable


def test_a_plain_model_forms_no_matrix_and_copies_no_column(data: pd.DataFrame):
    model = bmm.Model("y ~ x + c + (x | g)", data)
    design = model.design
    matrices = [design.rows.fixed, *(term.matrix for term in design.terms)]
    assert not any("array" in vars(matrix) for matrix in matrices)
    assert np.shares_memory(design.y, data["y"].to_numpy())
    x, indicator = design.sources[1], design.sources[2]
    assert np.shares_memory(x.array, data["x"].to_numpy())
    assert [source.kind for source in design.sources] == [ONES, NUMBERS, INDICATOR, INDICATOR]
    assert indicator.array is design.sources[3].array
    assert (indicator.level, design.sources[3].level) == (1, 2)
    ones, slope = design.terms[0].sources
    assert ones.is_same(design.sources[0])
    assert slope.is_same(x)
    assert not slope.is_same(indicator)
    str(model.fit().summary())
    assert model.priors["x"].distribution == "Normal"
    assert not any("array" in vars(matrix) for matrix in matrices)
    assert design.X is design.X
    assert "array" in vars(design.rows.fixed)


def test_what_becomes_of_the_frame_afterwards_is_nothing_to_the_model(data: pd.DataFrame):
    def changed(frame: pd.DataFrame) -> None:
        frame.loc[:, "x"] = 0.0
        frame["y"] += 1.0
        frame.iloc[3:9, list(frame.columns).index("z")] = -1.0
        frame["c"] = frame["c"].cat.rename_categories(str.upper)
        frame.update(pd.DataFrame({"w": np.zeros(N)}))
        frame["g"] *= 2
        del frame["t"]

    frame = data.copy()
    model = bmm.Model("y ~ x + z + c + t + (x | g)", frame, weights="w")
    changed(frame)
    again = bmm.Model("y ~ x + z + c + t + (x | g)", data, weights="w")
    for one, other in (("X", "X"), ("y", "y"), ("weights", "weights")):
        np.testing.assert_array_equal(getattr(model.design, one), getattr(again.design, other))
    np.testing.assert_array_equal(model.design.terms[0].Z.toarray(), again.design.terms[0].Z.toarray())
    weights = np.full(N, 2.0)
    model = bmm.Model("y ~ x + (1 | g)", data, weights=weights)
    weights[:] = 1.0
    assert (model.design.weights == 2.0).all()


def test_columns_are_copied_where_pandas_does_not_before_it_writes(
    data: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
):
    frame = data.copy()
    monkeypatch.setattr("bayesmm.design.frame.COPIES_ON_WRITE", False)
    design = build_design("y ~ x + c + (x | g)", frame)
    assert not np.shares_memory(design.y, frame["y"].to_numpy())
    assert not np.shares_memory(design.sources[1].array, frame["x"].to_numpy())
    assert not np.shares_memory(design.sources[2].array, frame["c"].array.codes)


@pytest.mark.parametrize("seed", range(40))
def test_columns_are_aliased_by_the_rule_of_the_whole_matrix(seed: int):
    rng = np.random.default_rng(seed)
    n, p = int(rng.choice([7, 60, 5000])), int(rng.integers(1, 7))
    X = rng.normal(size=(n, p)) * 10.0 ** rng.integers(-6, 7, p)
    for j in rng.choice(p, int(rng.integers(0, p)), replace=False):
        others = X[:, [i for i in range(p) if i != j]]
        X[:, j] = (others @ rng.normal(size=p - 1) if p > 1 else 0.0) + rng.choice([0.0, 1e-9, 1e-5]) * X[
            :, j
        ]
    if rng.random() < 0.5:
        X[rng.random(n) < 0.995, 0] = 0.0  # rare, perhaps never among some of the rows
    matrix = ModelMatrix(n, [numbers_of(column) for column in X.T])
    assert aliased_sources(matrix) == aliased_columns(X)


def test_the_intercept_alone_is_never_aliased():
    assert aliased_sources(ModelMatrix(5, [INTERCEPT])) == []
    assert aliased_sources(ModelMatrix(5, [numbers_of(np.zeros(5))])) == [0]


def test_default_priors_wait_and_wrong_priors_do_not(data: pd.DataFrame):
    prior = bmm.Prior("Normal", mu=0, sigma=3)
    model = bmm.Model("y ~ x + (1 | g)", data, priors={"x": prior})
    assert "_priors" not in vars(model)
    assert "array" not in vars(model.design.rows.fixed)
    other = model.with_response(1000 * model.design.y)
    assert other.priors == model.priors  # scaled to the first response, whichever is asked first
    assert model.priors["x"] == prior
    with pytest.raises(PriorError, match="names no parameter"):
        bmm.Model("y ~ x + (1 | g)", data, priors={"nothing": prior})
    with pytest.raises(PriorError, match="sigma"):
        bmm.Model("y ~ x + (1 | g)", data, priors={"sigma": prior})
