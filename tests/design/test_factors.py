"""Grouping factors: the user's own levels, in the user's own types and order."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from bayesmm.design import build_design
from bayesmm.errors import DataError


def factor_of(frame: pd.DataFrame, group: str = "m"):
    return build_design(f"y ~ x + (1 | {group})", frame).terms[0].factor


# a name | 60 values | the levels that are expected, with their types
LEVELS = {
    "ints": (np.repeat([3, 1, 2], 20), [1, 2, 3], int),
    "negative ints": (np.repeat([-3, 1, 0], 20), [-3, 0, 1], int),
    "floats": (np.repeat([2.5, -1.0, 0.1], 20), [-1.0, 0.1, 2.5], float),
    "strings": (np.repeat(["b", "a", "10"], 20), ["10", "a", "b"], str),
    "bools": (np.repeat([True, False], 30), [False, True], bool),
    "dates": (
        np.repeat([datetime.date(2020, 1, 2), datetime.date(2020, 1, 1)], 30),
        [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)],
        datetime.date,
    ),
    "timestamps": (
        pd.to_datetime(["2020-01-02", "2020-01-01"]).repeat(30),
        [pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-02")],
        pd.Timestamp,
    ),
    "categories in their order": (
        pd.Categorical(np.repeat(["lo", "mid", "hi"], 20), ["lo", "mid", "hi", "never"]),
        ["lo", "mid", "hi"],
        str,
    ),
    "int categories": (pd.Categorical(np.repeat([1, 2, 3], 20), [3, 4, 1, 2]), [3, 1, 2], int),
    "nullable ints": (pd.array(np.repeat([2, 1], 30), dtype="Int64"), [1, 2], int),
    "nullable strings": (pd.array(np.repeat(["b", "a"], 30), dtype="string"), ["a", "b"], str),
    "arrow strings": (pd.array(np.repeat(["b", "a"], 30), dtype="string[pyarrow]"), ["a", "b"], str),
    "arrow ints": (pd.array(np.repeat([2, 1], 30), dtype="int64[pyarrow]"), [1, 2], int),
    "unsigned hashes": (np.repeat(np.array([2**63 + 5, 7], dtype=np.uint64), 30), [7, 2**63 + 5], int),
}


@pytest.mark.parametrize(
    ("values", "levels", "kind"),
    [pytest.param(*case, id=name) for name, case in LEVELS.items()],
)
def test_levels_keep_their_type_and_order(frame: pd.DataFrame, values, levels: list, kind: type):
    factor = factor_of(frame.assign(m=values))
    assert factor.levels.tolist() == levels
    assert all(isinstance(level, kind) for level in factor.levels.tolist())
    own = [factor.levels[code] for code in factor.codes]
    assert own == list(values)
    assert [factor.code_of(level) for level in factor.levels] == list(range(len(levels)))


def test_levels_are_the_observed_combinations_only_as_tuples_of_their_own_types(frame: pd.DataFrame):
    frame = frame[~((frame["g"] == 302) & (frame["c"] == "lo"))]
    factor = factor_of(frame, "g:c")
    observed = sorted(set(zip(frame["g"], frame["c"], strict=True)))
    assert factor.levels.tolist() == observed
    assert (302, "lo") not in factor.levels
    assert factor.levels.names == ["g", "c"]
    assert factor.name == "g:c"
    assert [factor.levels[code] for code in factor.codes] == list(zip(frame["g"], frame["c"], strict=True))


def test_combinations_follow_the_orders_of_their_categoricals(frame: pd.DataFrame):
    frame["c"] = pd.Categorical(frame["c"], ["lo", "never", "hi"])
    frame["h"] = pd.Categorical(frame["h"], list("fedcba"))
    levels = factor_of(frame, "h:c").levels.tolist()
    rank = {level: i for i, level in enumerate([*"fedcba", "lo", "hi"])}
    assert levels == sorted(levels, key=lambda level: [rank[part] for part in level])


def test_combinations_of_three_columns(frame: pd.DataFrame):
    factor = factor_of(frame.assign(m=np.tile([2, 1], 30)), "h:c:m")
    rows = list(zip(frame["h"], frame["c"], np.tile([2, 1], 30), strict=True))
    assert factor.levels.tolist() == sorted(set(rows))
    assert [factor.levels[code] for code in factor.codes] == rows


def test_a_factor_of_many_combinations_never_makes_them_all():
    """10⁵ × 10⁵ combinations, 2·10⁵ of them observed."""
    n = 200_000
    rng = np.random.default_rng(3)
    a, b = rng.permutation(n) // 2, rng.permutation(n) // 2
    data = pd.DataFrame({"y": rng.normal(size=2 * n), "a": np.tile(a, 2), "b": np.tile(b, 2)})
    factor = build_design("y ~ 1 + (1 | a:b)", data).terms[0].factor
    assert len(factor) == len(set(zip(a.tolist(), b.tolist(), strict=True)))


def test_terms_of_one_group_share_their_factor(frame: pd.DataFrame):
    design = build_design("y ~ x + (1 | g) + (0 + x | g) + (1 | h)", frame)
    assert design.terms[0].factor is design.terms[1].factor
    assert list(design.factors) == ["g", "h"]
    assert [term.label for term in design.terms_of("g")] == ["1 | g", "0 + x | g"]


def test_the_indicator_has_one_one_in_each_row(frame: pd.DataFrame):
    factor = factor_of(frame, "h")
    np.testing.assert_array_equal(factor.J.toarray(), np.eye(len(factor))[factor.codes])


# A level by its name


@pytest.mark.parametrize("level", [305, np.int64(305), 305.0])
def test_a_cluster_is_found_by_its_level(frame: pd.DataFrame, level: object):
    y, X, Z = build_design("y ~ x + (x | g)", frame).cluster("g", level)
    rows = frame["g"] == 305
    np.testing.assert_array_equal(y, frame.loc[rows, "y"])
    np.testing.assert_array_equal(X[:, 1], frame.loc[rows, "x"])
    np.testing.assert_array_equal(Z, X)


@pytest.mark.parametrize("level", [(305, "lo"), "305:lo"])
def test_a_combination_is_found_by_its_tuple_or_its_label(frame: pd.DataFrame, level: object):
    y, _, _ = build_design("y ~ x + (1 | g:c)", frame).cluster("g:c", level)
    np.testing.assert_array_equal(y, frame.loc[(frame["g"] == 305) & (frame["c"] == "lo"), "y"])


def test_a_cluster_of_several_terms_has_the_columns_of_all(frame: pd.DataFrame):
    design = build_design("y ~ x + (1 | g) + (0 + z | g) + (1 | h)", frame)
    rows = frame["g"] == 303
    np.testing.assert_array_equal(
        design.cluster("g", 303).Z, np.column_stack([np.ones(6), frame.loc[rows, "z"]])
    )


@pytest.mark.parametrize(
    ("group", "level", "words"),
    [
        ("g", 999, ["'g' has no level 999", "10 levels"]),
        ("g", "305", ["'g' has no level '305'", "int", "not as str"]),
        ("gg", 305, ["no grouping factor 'gg'", "did you mean 'g'"]),
        ("c", "lo", ["no grouping factor 'c'"]),
        ("g:c", 305, ["'g:c' has no level 305", "305:lo"]),
        ("g:c", ("305", "lo"), ["'g:c' has no level ('305', 'lo')"]),
        ("g:c", (305, "never"), ["no level (305, 'never')"]),
        ("g", None, ["no level None"]),
        ("g", float("nan"), ["no level nan"]),
        *(("g", odd, ["no level"]) for odd in ([305], {305: 1}, slice(300, 305))),
    ],
)
def test_a_cluster_that_is_not_there_is_an_error_that_helps(
    frame: pd.DataFrame, group: str, level: object, words: list[str]
):
    design = build_design("y ~ x + (1 | g) + (1 | g:c)", frame)
    with pytest.raises(DataError) as error:
        design.cluster(group, level)
    assert all(word in str(error.value) for word in words)
