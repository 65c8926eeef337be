"""The columns of X and Xi: their names, their order, their values, and the same columns on other data."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from bayesmm import Model
from bayesmm.design import build_design
from bayesmm.design.identification import unidentified
from bayesmm.errors import DataError, DesignNotice, ModelError
from bayesmm.likelihood import MarginalLikelihood, Profiled

# right-hand side | names of the columns of X
NAMES = {
    "x": ["Intercept", "x"],
    "0 + x": ["x"],
    "x - 1": ["x"],
    "1": ["Intercept"],
    "0": [],
    "c": ["Intercept", "c[lo]"],
    "0 + c": ["c[hi]", "c[lo]"],
    "0 + c + h": ["c[hi]", "c[lo]", "h[b]", "h[c]", "h[d]", "h[e]", "h[f]"],
    "b": ["Intercept", "b"],
    "factor(k)": ["Intercept", "factor(k)[9]", "factor(k)[10]"],
    "c * x": ["Intercept", "c[lo]", "x", "c[lo]:x"],
    "c:x": ["Intercept", "c[hi]:x", "c[lo]:x"],
    "x:z + z + c + x": ["Intercept", "z", "c[lo]", "x", "x:z"],
    "x:z:c + x:z + c + x + z": ["Intercept", "c[lo]", "x", "z", "x:z", "x:z:c[lo]"],
    "c * x * z": ["Intercept", "c[lo]", "x", "z", "c[lo]:x", "c[lo]:z", "x:z", "c[lo]:x:z"],
    "(c + x + z)**2": ["Intercept", "c[lo]", "x", "z", "c[lo]:x", "c[lo]:z", "x:z"],
    "I(x**2) + {z + 1}": ["Intercept", "I(x ** 2)", "I(z + 1)"],
    "log(w) + np.exp(x)": ["Intercept", "log(w)", "np.exp(x)"],
    "poly(x, 2)": ["Intercept", "poly(x, 2)[0]", "poly(x, 2)[1]"],
    "x + offset(z)": ["Intercept", "x"],
}


@pytest.mark.parametrize("right", NAMES)
def test_columns_are_named_and_stand_by_degree_as_in_r(frame: pd.DataFrame, right: str):
    design = build_design(f"y ~ {right} + (1 | g)", frame)
    assert list(design.names) == NAMES[right]
    assert design.X.shape == (60, len(NAMES[right]))
    positions = [position for term in design.fixed.terms for position in term.positions]
    assert positions == list(range(design.p))


# right-hand side | the last column, by hand
VALUES = {
    "x": lambda f: f["x"],
    "c": lambda f: f["c"] == "lo",
    "b": lambda f: f["b"],
    "c * x": lambda f: (f["c"] == "lo") * f["x"],
    "x:z": lambda f: f["x"] * f["z"],
    "factor(k)": lambda f: f["k"] == 10,
    "c:h": lambda f: (f["c"] == "lo") & (f["h"] == "f"),
    "I(x**2)": lambda f: f["x"] ** 2,
    "log(w)": lambda f: np.log(f["w"]),
    "sqrt(w)": lambda f: np.sqrt(f["w"]),
    "center(x)": lambda f: f["x"] - f["x"].mean(),
    "scale(x)": lambda f: (f["x"] - f["x"].mean()) / f["x"].std(ddof=1),
}


@pytest.mark.parametrize("right", VALUES)
def test_columns_hold_what_their_names_say(frame: pd.DataFrame, right: str):
    design = build_design(f"y ~ {right} + (1 | g)", frame)
    np.testing.assert_allclose(design.X[:, -1], VALUES[right](frame).to_numpy(float), rtol=1e-14, atol=1e-14)


def test_poly_is_orthonormal_with_the_signs_of_r(frame: pd.DataFrame):
    P = build_design("y ~ poly(x, 3) + (1 | g)", frame).X[:, 1:]
    Q, R = np.linalg.qr(np.vander(frame["x"] - frame["x"].mean(), 4, increasing=True))
    np.testing.assert_allclose(P, (Q * np.sign(np.diag(R)))[:, 1:], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("bar", "columns"),
    [
        ("1 | g", ["Intercept"]),
        ("x | g", ["Intercept", "x"]),
        ("x || g", ["Intercept", "x"]),
        ("0 + x | g", ["x"]),
        ("x + z | g", ["Intercept", "x", "z"]),
        ("c | g", ["Intercept", "c[lo]"]),
        ("0 + c | g", ["c[hi]", "c[lo]"]),
        ("c * x | g", ["Intercept", "c[lo]", "x", "c[lo]:x"]),
        ("0 + c || g", ["c[hi]", "c[lo]"]),
    ],
)
def test_the_columns_behind_a_bar_are_named_alike(frame: pd.DataFrame, bar: str, columns: list[str]):
    (term,) = build_design(f"y ~ 1 + ({bar})", frame).terms
    assert term.label == bar.replace("c || g", "c | g")
    assert list(term.columns) == columns
    assert (term.k, term.Xi.shape) == (len(columns), (60, len(columns)))


# a bar | the terms that it is: label, columns, structure
PARTED = {
    "x + z || g": [("x + z || g", ("Intercept", "x", "z"), "diagonal")],
    "c || g": [
        ("1 | g", ("Intercept",), "unstructured"),
        ("0 + c | g", ("c[hi]", "c[lo]"), "unstructured"),
    ],
    "x + c || g": [
        ("1 + x || g", ("Intercept", "x"), "diagonal"),
        ("0 + c | g", ("c[hi]", "c[lo]"), "unstructured"),
    ],
    "0 + x + c:z || g": [
        ("0 + x | g", ("x",), "unstructured"),
        ("0 + c:z | g", ("c[hi]:z", "c[lo]:z"), "unstructured"),
    ],
    "0 + poly(x, 2) + z || g": [
        ("0 + z | g", ("z",), "unstructured"),
        ("0 + poly(x, 2) | g", ("poly(x, 2)[0]", "poly(x, 2)[1]"), "unstructured"),
    ],
    "c * x || g": [
        ("1 + x || g", ("Intercept", "x"), "diagonal"),
        ("0 + c | g", ("c[hi]", "c[lo]"), "unstructured"),
        ("0 + c:x | g", ("c[hi]:x", "c[lo]:x"), "unstructured"),
    ],
}


@pytest.mark.filterwarnings("ignore::bayesmm.errors.DesignNotice")
@pytest.mark.parametrize("bar", PARTED)
def test_two_bars_part_the_terms_and_not_the_columns_as_in_lme4(frame: pd.DataFrame, bar: str):
    terms = build_design(f"y ~ 1 + ({bar})", frame).terms
    assert [(term.label, term.columns, term.covariance.name) for term in terms] == PARTED[bar]
    assert not any(term.chosen for term in terms)


def test_a_structure_that_is_chosen_is_that_of_the_whole_bar(frame: pd.DataFrame):
    for key in ("c + x || g", "g"):
        (term,) = build_design("y ~ 1 + (c + x || g)", frame, covariance={key: "diagonal"}).terms
        assert (term.label, term.covariance.name, term.chosen) == ("c + x || g", "diagonal", True)
        assert term.columns == ("Intercept", "c[lo]", "x")


def test_a_structure_in_the_formula_is_the_one_that_covariance_would_choose(frame: pd.DataFrame):
    for word, name in (("cs", "cs"), ("diag", "diagonal"), ("us", "unstructured"), ("id", "identity")):
        by_option = build_design("y ~ 1 + (0 + c | g) + (1 | h)", frame, covariance={"g": name})
        in_formula = build_design(f"y ~ 1 + {word}(0 + c | g) + (1 | h)", frame)
        assert [(t.label, t.covariance) for t in in_formula.terms] == [
            (t.label, t.covariance) for t in by_option.terms
        ]
        assert not any(term.chosen for term in in_formula.terms)
        by_word = build_design("y ~ 1 + (0 + c | g) + (1 | h)", frame, covariance={"g": word})
        assert by_word.terms[0].covariance == by_option.terms[0].covariance


def test_the_formula_and_covariance_must_not_disagree(frame: pd.DataFrame):
    formula = "y ~ 1 + cs(0 + c | g) + (x || g)"
    assert build_design(formula, frame, covariance={"0 + c | g": "cs", "g": "identity"}).terms[1].k == 2
    with pytest.raises(ModelError, match=r"is 'toep', and the formula says cs\(0 \+ c \| g\)"):
        build_design(formula, frame, covariance={"0 + c | g": "toep"})
    with pytest.raises(ModelError, match="names a structure for all bars of 'g'"):
        build_design("y ~ 1 + cs(0 + c | g)", frame, covariance={"g": "toep"})


def test_an_intercept_beside_the_indicators_of_a_factor_is_noticed(frame: pd.DataFrame):
    with pytest.warns(DesignNotice, match=r"\(0 \+ c \| g\) add up to 'Intercept' of \(1 \| g\)") as notices:
        design = build_design("y ~ 1 + (c || g) + (1 | h)", frame)
    assert len(notices) == 1
    assert ["'Intercept' in (1 | g)" in sentence for sentence in unidentified(design)] == [True]
    with pytest.warns(DesignNotice) as notices:
        Model("y ~ 1 + (c || g)", frame)
    assert notices[0].filename == __file__


def test_the_structure_is_what_the_bar_says_unless_the_user_says_otherwise(frame: pd.DataFrame):
    formula = "y ~ x + (x | g) + (z || h)"
    said = {t.label: t.covariance.name for t in build_design(formula, frame).terms}
    assert said == {"x | g": "unstructured", "z || h": "diagonal"}
    by_group = build_design(formula, frame, covariance={"g": "identity"})
    assert {t.label: t.covariance.name for t in by_group.terms}["x | g"] == "identity"
    by_label = build_design(formula, frame, covariance={"z || h": "unstructured", "g": "diagonal"})
    assert {t.label: t.covariance.name for t in by_label.terms} == {
        "x | g": "diagonal",
        "z || h": "unstructured",
    }


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (["lo", "hi"], ["Intercept", "c[hi]"]),
        (["never", "lo", "hi"], ["Intercept", "c[hi]"]),
        (["hi", "unused", "lo"], ["Intercept", "c[lo]"]),
    ],
)
def test_a_categorical_keeps_its_order_and_its_first_used_category_is_the_reference(
    frame: pd.DataFrame, order: list[str], names: list[str]
):
    frame["c"] = pd.Categorical(frame["c"], order)
    design = build_design("y ~ c + (1 | g)", frame)
    assert list(design.names) == names
    assert design.fixed.references == {"c": next(level for level in order if level in ("lo", "hi"))}


def test_numeric_categories_keep_their_order_too(frame: pd.DataFrame):
    frame["k"] = pd.Categorical(frame["k"], [9, 3, 10])
    assert list(build_design("y ~ k + (1 | g)", frame).names) == ["Intercept", "k[3]", "k[10]"]


def test_a_category_whose_rows_are_all_dropped_is_no_column(frame: pd.DataFrame):
    frame.loc[frame["h"] == "c", "x"] = np.nan
    frame["h"] = frame["h"].astype("category")
    design = build_design("y ~ x + h + (1 | g)", frame)
    assert list(design.names) == ["Intercept", "x", "h[b]", "h[d]", "h[e]", "h[f]"]


# Aliased columns

ALIASED = {
    "x + x2": ("x2",),
    "x2 + x": ("x",),
    "c + c2": ("c2[2]",),
    "h + g_mean + factor(k)": ("factor(k)[9]", "factor(k)[10]"),
    "c * x + c * x2": ("x2", "c[lo]:x2"),
    "one + x": ("one",),
    "nothing + x": ("nothing",),
}


@pytest.mark.parametrize("right", ALIASED)
def test_aliased_columns_are_dropped_with_a_notice_that_names_them(frame: pd.DataFrame, right: str):
    frame = frame.assign(
        x2=2 * frame["x"] + 1e6,
        c2=np.where(frame["c"] == "lo", "2", "1"),
        one=1.0,
        nothing=0.0,
        g_mean=frame.groupby("g")["x"].transform("mean"),
    )
    with pytest.warns(DesignNotice) as notices:
        design = build_design(f"y ~ {right} + (1 | g)", frame)
    assert len(notices) == 1
    assert design.aliased == ALIASED[right]
    assert all(name in str(notices[0].message) for name in ALIASED[right])
    assert not set(design.names) & set(design.aliased)
    assert np.linalg.matrix_rank(design.X / np.linalg.norm(design.X, axis=0)) == design.p


def test_the_notice_points_at_the_line_that_made_the_model(frame: pd.DataFrame):
    with pytest.warns(DesignNotice) as notices:
        Model("y ~ x + one + (1 | g)", frame.assign(one=1.0))
    assert notices[0].filename == __file__


def test_a_model_with_an_aliased_column_is_the_model_without_it(frame: pd.DataFrame):
    frame["x2"] = 3 - 2 * frame["x"]
    with pytest.warns(DesignNotice, match="x2"):
        with_alias = build_design("y ~ x + x2 + c + (x | g)", frame)
    without = build_design("y ~ x + c + (x | g)", frame)
    np.testing.assert_array_equal(with_alias.X, without.X)
    assert with_alias.names == without.names
    new = frame.assign(x2=0.0)[:5]
    np.testing.assert_array_equal(with_alias.rebuild(new).X, without.rebuild(new).X)


def test_a_full_rank_design_gives_no_notice(frame: pd.DataFrame):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert build_design("y ~ x + c + (1 | g)", frame.assign(x=frame["x"] + 1e6)).aliased == ()


# Offsets


def test_offsets_of_formula_and_argument_add_up(frame: pd.DataFrame):
    design = build_design("y ~ x + offset(z) + offset(log(w)) + (1 | g)", frame, offset="x")
    np.testing.assert_allclose(design.offset, frame["z"] + np.log(frame["w"]) + frame["x"])
    assert build_design("y ~ x + (1 | g)", frame).offset is None


def test_an_offset_shifts_the_response_and_nothing_else(frame: pd.DataFrame):
    with_offset = MarginalLikelihood(build_design("y ~ x + (1 | g)", frame, offset="z"))
    shifted = MarginalLikelihood(build_design("y ~ x + (1 | g)", frame.assign(y=frame["y"] - frame["z"])))
    phi = np.array([0.7])
    assert Profiled(with_offset, reml=True).value(phi) == pytest.approx(
        Profiled(shifted, reml=True).value(phi)
    )


# The same columns on other data

STATEFUL = "y ~ scale(x) + center(z) + poly(w, 2) + bs(x, df=5) + c * b + log(w) + (standardize(z) + c | g/h)"


def test_rebuilding_remembers_the_state_of_transforms(frame: pd.DataFrame):
    """On a few rows with their own mean, range and levels the columns are those of the fit."""
    with pytest.warns(DesignNotice, match="bs"):  # scale(x) lies in the span of the splines
        design = build_design(STATEFUL.replace("| g/h", "| g"), frame)
    few = frame.iloc[[7, 30, 31]]
    rebuilt = design.rebuild(few)
    np.testing.assert_allclose(rebuilt.X, design.X[[7, 30, 31]], rtol=0, atol=1e-13)
    np.testing.assert_allclose(rebuilt.Z.toarray(), design.Z.toarray()[[7, 30, 31]], rtol=0, atol=1e-13)
    assert rebuilt.offset is None


def test_rebuilding_needs_neither_response_nor_other_columns(frame: pd.DataFrame):
    design = build_design("log(w) ~ x * c + offset(z) + (x | g:h)", frame.assign(h="a"))
    new = {"x": [1, 2], "c": ["lo", "lo"], "z": [5, 6], "g": [300, 301], "h": ["a", "a"]}
    rebuilt = design.rebuild(new)
    np.testing.assert_array_equal(rebuilt.X, [[1, 1, 1, 1], [1, 2, 1, 2]])
    np.testing.assert_array_equal(rebuilt.offset, [5, 6])
    np.testing.assert_array_equal(rebuilt.Z.toarray()[:, :4], [[1, 1, 0, 0], [0, 0, 1, 2]])


def test_rebuilding_knows_the_functions_and_constants_of_the_namespace(frame: pd.DataFrame):
    design = build_design(
        "y ~ twice(x) + I(z * unit) + (1 | g)", frame, namespace={"twice": lambda v: 2 * v, "unit": 3.0}
    )
    np.testing.assert_allclose(design.X[:, 1:], np.column_stack([2 * frame["x"], 3 * frame["z"]]))
    np.testing.assert_array_equal(design.rebuild(frame[:4]).X, design.X[:4])


def test_the_variables_of_a_design_are_columns(frame: pd.DataFrame):
    design = build_design("log(w) ~ I(x * pi) + C(c, Sum) + (z + np.cos(np.pi * k) | g:h)", frame)
    assert design.variables == {"w", "x", "c", "z", "k", "g", "h"}


def test_levels_that_were_not_seen_are_flagged_and_have_a_zero_row(frame: pd.DataFrame):
    design = build_design("y ~ x + (x | g) + (1 | g:c) + (1 | day)", frame)
    new = pd.DataFrame(
        {
            "x": [1.0, 2.0, 3.0],
            "g": [301, 999, 301],
            "c": ["lo", "lo", "middle"],
            "day": pd.to_datetime(["2020-01-01", "2020-01-01", "2030-01-01"]),
        }
    )
    assert ("lo" in frame.loc[frame["g"] == 301, "c"].tolist()) is True
    rebuilt = design.rebuild(new)
    assert {group: flags.tolist() for group, flags in rebuilt.unseen.items()} == {
        "g": [False, True, False],
        "g:c": [False, True, True],
        "day": [False, False, True],
    }
    assert np.diff(rebuilt.Z.indptr).tolist() == [4, 1, 2]
    assert rebuilt.Z.shape == (3, design.q)


def test_a_new_level_of_a_fixed_factor_is_an_error_that_names_it(frame: pd.DataFrame):
    design = build_design("y ~ c + (1 | g)", frame)
    with pytest.raises(DataError) as caught:
        design.rebuild({"c": ["lo", "middle"], "g": [300, 301]})
    assert str(caught.value) == (
        "the new data have the level 'middle' of 'c', which the model has not seen.\n"
        "Expected: one of its 2 levels, 'hi', 'lo'.\n"
        "Try: only grouping factors can have new levels; drop those rows, or fit with rows of that level."
    )
    numbers = build_design("y ~ factor(k) + (1 | g)", frame)
    with pytest.raises(DataError, match=r"'9'.*(?s:.*)one of its 3 levels, 3, 9, 10(?s:.*)type int.*are str"):
        numbers.rebuild({"k": ["9"], "g": [300]})


def test_text_where_the_model_has_numbers_is_an_error_that_names_the_columns(frame: pd.DataFrame):
    design = build_design("y ~ x + (1 | g)", frame)
    with pytest.raises(
        DataError, match="'x' has text or categories in the new data and numbers in the model's"
    ):
        design.rebuild({"x": ["1", "2"], "g": [300, 301]})


@pytest.mark.parametrize(
    "right", ["c", "factor(k)", "cut(x, 3)", "I(c == 'lo')", "x:c", "ns(x, 2)", "binary(k)"]
)
def test_a_missing_value_gives_a_missing_row_in_every_kind_of_column(frame: pd.DataFrame, right: str):
    """A comparison with a missing level is not 0; no row is predicted for what isn't known."""
    design = build_design(f"y ~ {right} + (1 | g)", frame)
    few = frame.iloc[:4]
    gap = few.assign(**{name: few[name].astype(object).where([True, False, True, True]) for name in "cxk"})
    X = design.rebuild(gap.assign(x=gap["x"].astype(float), k=gap["k"].astype("Int64"))).X
    np.testing.assert_allclose(X[[0, 2, 3]], design.X[[0, 2, 3]], atol=1e-14)
    assert np.isnan(X[1, 1:]).all()
    assert np.isnan(design.rebuild(gap.iloc[[1]].assign(x=np.nan, k=np.nan)).X[0, 1:]).all()


@pytest.mark.parametrize(
    "order",
    [
        ["lo", "hi"],
        ["hi", "lo"],
        ["extra", "lo", "hi"],
    ],
)
def test_the_categories_of_new_data_may_stand_in_any_order(frame: pd.DataFrame, order: list[str]):
    design = build_design("y ~ c * x + (c | g)", frame)
    rebuilt = design.rebuild(frame.assign(c=pd.Categorical(frame["c"], order)))
    np.testing.assert_array_equal(rebuilt.X, design.X)
    np.testing.assert_array_equal(rebuilt.Z.toarray(), design.Z.toarray())


@pytest.mark.parametrize("missing", ["x", "g"])
def test_a_column_that_is_missing_from_new_data_is_named(frame: pd.DataFrame, missing: str):
    design = build_design("y ~ x + (1 | g)", frame)
    with pytest.raises(DataError, match=f"'{missing}'"):
        design.rebuild(frame.drop(columns=missing))


@pytest.mark.parametrize(
    "dtype", ["category", "Int64", "float64", "int32", "int64[pyarrow]"], ids=lambda dtype: dtype
)
def test_levels_are_recognised_in_another_column_type(frame: pd.DataFrame, dtype: str):
    design = build_design("y ~ x + (1 | g)", frame)
    rebuilt = design.rebuild(frame.assign(g=frame["g"].astype(dtype)))
    assert not rebuilt.unseen["g"].any()
    np.testing.assert_array_equal(rebuilt.Z.toarray(), design.Z.toarray())
    fitted_so = build_design("y ~ x + (1 | g)", frame.assign(g=frame["g"].astype(dtype)))
    assert not fitted_so.rebuild(frame).unseen["g"].any()


@pytest.mark.parametrize(
    "dtype",
    [
        "category",
        "Int64",
        "int64[pyarrow]",
        "float64",
        "object",
    ],
)
def test_a_missing_level_in_new_data_is_an_unseen_level(frame: pd.DataFrame, dtype: str):
    design = build_design("y ~ x + (1 | g)", frame)
    g = pd.Series([300, None, 301], dtype=dtype)
    rebuilt = design.rebuild(pd.DataFrame({"x": [1.0, 2.0, 3.0], "g": g}))
    assert rebuilt.unseen["g"].tolist() == [False, True, False]


@pytest.mark.parametrize("dtype", ["float64", "Float64", "Int64", "double[pyarrow]"])
def test_a_missing_predictor_in_new_data_gives_a_missing_row_and_no_other(frame: pd.DataFrame, dtype: str):
    design = build_design("y ~ x + (1 | g)", frame)
    x = pd.Series([1, None, 3], dtype=dtype)
    X = design.rebuild(pd.DataFrame({"x": x, "g": [300, 301, 302]})).X
    np.testing.assert_array_equal(X, [[1, 1], [1, np.nan], [1, 3]])


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("column", ["x", "z", "w"])
def test_an_infinite_value_in_new_data_is_an_error_that_names_its_column(
    frame: pd.DataFrame, column: str, value: float
):
    """In X, behind a bar and in an offset alike; what the formula doesn't use may be infinite."""
    design = build_design("y ~ x + offset(w) + (z | g)", frame)
    new = pd.DataFrame({"x": [1.0, 2.0], "z": [1.0, 2.0], "w": [1.0, 2.0], "g": [300, 301], "y": np.inf})
    design.rebuild(new)
    new.loc[1, column] = value
    with pytest.raises(DataError, match=f"the column '{column}' is infinite in 1 rows"):
        design.rebuild(new)


@pytest.mark.parametrize(
    ("formula", "bad"),
    [
        ("y ~ log(w) + (1 | g)", 0.0),
        ("y ~ sqrt(w) + (1 | g)", -1.0),
        ("y ~ I(1 / w) + (1 | g)", 0.0),
        ("y ~ x + offset(log(w)) + (1 | g)", 0.0),
        ("y ~ x + (0 + log(w) | g)", 0.0),
    ],
)
def test_a_transformation_that_fails_on_new_data_is_an_error(frame: pd.DataFrame, formula: str, bad: float):
    """w is above zero in the fit; log(0), √−1 and 1/0 are no numbers. A missing value stays a missing row."""
    design, new = build_design(formula, frame), frame.iloc[:4]
    with pytest.raises(DataError, match="infinite or not a number in 2 rows"):
        design.rebuild(new.assign(w=[1.0, bad, bad, 1.0]))
    rebuilt = design.rebuild(new.assign(w=[1.0, np.nan, 1.0, 1.0]))
    parts = [rebuilt.X, rebuilt.terms[0].Xi, *([] if rebuilt.offset is None else [rebuilt.offset[:, None]])]
    assert np.isnan(np.hstack(parts)).any(axis=1).tolist() == [False, True, False, False]


def test_rebuilding_for_some_groups_needs_only_their_columns(frame: pd.DataFrame):
    design = build_design("y ~ x + (z | g) + (1 | day) + (x | g:c)", frame)
    rows = frame.iloc[:3]
    whole = design.rebuild(rows)
    assert [term.group for term in whole.terms] == [term.group for term in design.terms]
    without = design.rebuild(rows[["x"]], groups=())
    np.testing.assert_array_equal(without.X, whole.X)
    assert without.terms == ()
    assert without.Z.shape == (3, 0)
    one = design.rebuild(rows[["x", "day"]], groups={"day"})
    assert [term.group for term in one.terms] == ["day"]
    np.testing.assert_array_equal(one.Z.toarray(), design.terms_of("day")[0].Z.toarray()[:3])
    with pytest.raises(DataError, match="no column 'z'"):
        design.rebuild(rows[["x", "g"]], groups={"g"})


def test_a_factor_with_one_level_is_not_lost_without_a_word(frame: pd.DataFrame):
    frame["c"] = "same"
    with pytest.warns(DesignNotice, match="c"):
        build_design("y ~ x + c + (1 | g)", frame)


def test_a_column_named_intercept_is_refused(frame: pd.DataFrame):
    with pytest.raises(ValueError, match="Intercept"):
        build_design("y ~ Intercept + (1 | g)", frame.assign(Intercept=frame["x"]))


def test_a_nested_factor_is_named_as_it_is_coded():
    """a/b is a + a:b: the main effect of a keeps its reference level, whatever a:b needs."""
    data = pd.DataFrame(
        {
            "y": np.arange(60.0),
            "a": ["u", "v"] * 30,
            "b": np.repeat(["x", "y", "z"], 20),
            "g": [*range(10)] * 6,
        }
    )
    design = build_design("y ~ a/b + (1 | g)", data)
    assert design.names == ("Intercept", "a[v]", "a[u]:b[y]", "a[u]:b[z]", "a[v]:b[y]", "a[v]:b[z]")
    assert [term.positions for term in design.fixed.terms] == [(0,), (1,), (2, 3, 4, 5)]
    np.testing.assert_array_equal(design.X[:, 1], data["a"] == "v")
    np.testing.assert_array_equal(design.X[:, 2], (data["a"] == "u") & (data["b"] == "y"))
    np.testing.assert_array_equal(design.rebuild(data.head(5)).X, design.X[:5])
