"""Two-level equations turned into the one formula."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from bayesmm.errors import FormulaError
from bayesmm.formula import LevelEquations, from_levels, parse_formula

HSB = {"1": "1 + meanses + sector + (1)", "cses": "1 + meanses + sector + (1)"}
HSB_TEXT = "mAch ~ 1 + meanses + sector + cses + cses:meanses + cses:sector + (1 + cses | school)"

# level 1 | level 2 | the one formula, for group g
TRANSLATIONS = [
    # intercepts
    ("y ~ 1", {"1": "(1)"}, "y ~ 1 + (1 | g)"),
    ("y ~ 1", {"1": "1 + (1)"}, "y ~ 1 + (1 | g)"),
    ("y ~ 1", {"1": "(1) + z"}, "y ~ 1 + z + (1 | g)"),
    ("y ~ 1", {"1": "0 + z + (1)"}, "y ~ 0 + z + (1 | g)"),
    ("y ~ 1", {"1": "z - 1 + (1)"}, "y ~ 0 + z + (1 | g)"),
    ("y ~ 1", {"1": "(1) - 1"}, "y ~ 0 + (1 | g)"),
    ("y ~ x", {"1": "z + (1)"}, "y ~ 1 + z + x + (1 | g)"),
    # slopes
    ("y ~ x", {"1": "(1)", "x": "(1)"}, "y ~ 1 + x + (1 + x | g)"),
    ("y ~ 1 + x", {"x": "1 + z + (1)", "1": "1 + (1)"}, "y ~ 1 + x + x:z + (1 + x | g)"),
    ("y ~ x", {"x": "1 + (1)"}, "y ~ 1 + x + (0 + x | g)"),
    ("y ~ 0 + x", {"x": "1 + (1)"}, "y ~ 0 + x + (0 + x | g)"),
    ("y ~ x - 1", {"x": "(1)"}, "y ~ 0 + x + (0 + x | g)"),
    ("y ~ x", {"1": "(1)", "x": "z"}, "y ~ 1 + x + x:z + (1 | g)"),
    ("y ~ x + w", {"1": "(1)", "w": "z + (1)"}, "y ~ 1 + x + w + w:z + (1 + w | g)"),
    ("y ~ x + w", {"w": "(1)", "x": "(1)"}, "y ~ 1 + x + w + (0 + x + w | g)"),
    # without a mean of its own
    ("y ~ x", {"1": "(1)", "x": "0 + z"}, "y ~ 1 + x:z + (1 | g)"),
    ("y ~ x", {"1": "(1)", "x": "0 + z + (1)"}, "y ~ 1 + x:z + (1 + x | g)"),
    ("y ~ x", {"1": "(1)", "x": "0 + (1)"}, "y ~ 1 + (1 + x | g)"),
    # products at either level
    ("y ~ x", {"1": "(1)", "x": "u:v"}, "y ~ 1 + x + x:u:v + (1 | g)"),
    ("y ~ x", {"1": "u*v + (1)", "x": "u*v"}, "y ~ 1 + u + v + u:v + x + x:u + x:v + x:u:v + (1 | g)"),
    ("y ~ x", {"1": "(u + v)**2 + (1)"}, "y ~ 1 + u + v + u:v + x + (1 | g)"),
    ("y ~ x", {"1": "u*(v + w) + (1)"}, "y ~ 1 + u + v + w + u:v + u:w + x + (1 | g)"),
    ("y ~ a*b", {"1": "(1)", "a:b": "z + (1)"}, "y ~ 1 + a + b + a:b + a:b:z + (1 + a:b | g)"),
    ("y ~ a*b", {"1": "(1)", "b:a": "(1)"}, "y ~ 1 + a + b + a:b + (1 + a:b | g)"),
    # calls and quoted names, however they are spaced
    ("y ~ I(x**2)", {"1": "(1)", "I(x ** 2)": "z"}, "y ~ 1 + I(x**2) + I(x**2):z + (1 | g)"),
    ("y ~ {x**2}", {"1": "(1)", "I(x**2)": "(1)"}, "y ~ 1 + {x**2} + (1 + {x**2} | g)"),
    (
        "y ~ I((x-5)/10)",
        {"1": "(1)", "I((x - 5)/10)": "z"},
        "y ~ 1 + I((x - 5)/10) + I((x - 5)/10):z + (1 | g)",
    ),
    ("y ~ `a b`", {"1": "log(z) + (1)", "`a b`": "`c d`"}, "y ~ 1 + log(z) + `a b` + `a b`:`c d` + (1 | g)"),
    ("log(y) ~ f(x, k=1)", {"1": "f(1) + (1)"}, "log(y) ~ 1 + f(1) + f(x, k=1) + (1 | g)"),
    ("y ~ x + offset(w)", {"1": "(1)"}, "y ~ 1 + x + offset(w) + (1 | g)"),
    ("y ~ bs(x, 3)", {"1": "(1)", "bs(x, 3)": "z"}, "y ~ 1 + bs(x, 3) + bs(x, 3):z + (1 | g)"),
    # a term that comes twice stays once
    ("y ~ x + z", {"1": "z + (1)"}, "y ~ 1 + z + x + (1 | g)"),
    ("y ~ x + z:x", {"1": "(1)", "x": "z"}, "y ~ 1 + x + x:z + (1 | g)"),
]


@pytest.mark.parametrize(("level1", "level2", "text"), TRANSLATIONS)
def test_translation(level1, level2, text):
    formula = from_levels(level1, level2, "g")
    assert formula.text == text
    assert formula == parse_formula(text)


@pytest.mark.parametrize(
    ("group", "correlated", "bar"),
    [
        ("school", True, "(1 + x | school)"),
        ("school", False, "(1 + x || school)"),
        ("`my school`", True, "(1 + x | `my school`)"),
        ("batch : cask", True, "(1 + x | batch:cask)"),
    ],
)
def test_group(group, correlated, bar):
    formula = from_levels("y ~ x", {"1": "(1)", "x": "(1)"}, group, correlated=correlated)
    assert formula.text == f"y ~ 1 + x + {bar}"


def test_high_school_and_beyond():
    formula = from_levels("mAch ~ 1 + cses", MappingProxyType(HSB), group="school")
    assert str(formula) == HSB_TEXT
    assert formula.levels == LevelEquations(
        level1="mAch ~ 1 + cses",
        level2=tuple(HSB.items()),
        group="school",
        level2_variables=frozenset({"meanses", "sector"}),
        random=("1", "cses"),
    )
    assert str(formula.levels).splitlines() == [
        "level 1:             mAch ~ 1 + cses",
        "level 2, by school:  1    ~ 1 + meanses + sector + (1)",
        "                     cses ~ 1 + meanses + sector + (1)",
    ]


def test_equations_keep_their_order_and_level_1_s_spelling():
    levels = from_levels("y~I(x**2)", {"I(x ** 2)": "z+(1)", " 1 ": "(1)"}, "g").levels
    assert levels.level1 == "y ~ I(x**2)"
    assert levels.level2 == (("I(x**2)", "z + (1)"), ("1", "(1)"))
    assert levels.random == ("1", "I(x**2)")


def test_level2_variables_are_columns():
    levels = from_levels("y ~ x", {"1": "log(u) + (1)", "x": "f(`v w`, 2):u"}, "g").levels
    assert levels.level2_variables == {"u", "v w"}


# level 1 | level 2 | group | the text shown, the piece marked | part of what was got | part of the advice
ERRORS = [
    ("y ~ x", {"xx": "(1)"}, "g", "⟦xx⟧", "not a term of level 1", "'x'"),
    ("y ~ cses", {"1": "(1)", "csse": "z"}, "g", "⟦csse⟧", "not a term of level 1", "did you mean 'cses'"),
    ("y ~ a + b", {"a:b": "(1)"}, "g", "⟦a:b⟧", "not a term of level 1", "one of"),
    ("y ~ a + b", {"a + b": "(1)"}, "g", "⟦a + b⟧", "not a term of level 1", "one of"),
    ("y ~ a", {"a +": "(1)"}, "g", "⟦a +⟧", "not a term of level 1", "one of"),
    ("y ~ x", {"(Intercept)": "(1)"}, "g", "⟦(Intercept)⟧", "not a term", "'1' for the intercept"),
    ("y ~ 0 + x", {"1": "(1)"}, "g", "⟦1⟧", "not a term of level 1", "take '0 +' out"),
    ("y ~ 0", {"x": "(1)"}, "g", "⟦x⟧", "not a term of level 1", "add the term"),
    ("y ~ x", {1: "(1)"}, "g", "⟦1⟧", "1 is not a level-1 term", "name one"),
    ("y ~ x", {"": "(1)"}, "g", "⟦''⟧", "not a level-1 term", "name one"),
    ("y ~ offset(w)", {"offset(w)": "(1)"}, "g", "⟦offset(w)⟧", "no coefficient", "leave"),
    ("y ~ x", {"x": "(1)", " x": "z"}, "g", "⟦x⟧", "'x' has two equations", "join"),
    ("y ~ x", {"1": "1 + z"}, "g", "⟦1 + z⟧", "no coefficient has a random effect", "add + (1)"),
    ("y ~ x", {}, "g", "⟦y ~ x⟧", "no coefficient has a random effect", "add + (1)"),
    ("y ~ x", {"1": "z + ⟦(z)⟧"}, "g", "z + ⟦(z)⟧", "'(z)' can't stand", "write z without"),
    ("y ~ x", {"1": "⟦(0)⟧"}, "g", "⟦(0)⟧", "'(0)' can't stand", "write 0 without"),
    ("y ~ x", {"1": "⟦()⟧"}, "g", "⟦()⟧", "'()' can't stand", "without"),
    ("y ~ x", {"1": "⟦((1))⟧"}, "g", "⟦((1))⟧", "'((1))' can't stand", "write 1 without"),
    ("y ~ x", {"1": "z ⟦- (1)⟧"}, "g", "z ⟦- (1)⟧", "can't stand", "write + (1)"),
    ("y ~ x", {"1": "u + ⟦z:(1)⟧"}, "g", "u + ⟦z:(1)⟧", "'(1)' stands inside 'z:(1)'", "+ (1)"),
    ("y ~ x", {"1": "⟦(1) z⟧"}, "g", "⟦(1) z⟧", "'(1)' stands inside", "+ (1)"),
    ("y ~ x", {"1": "(1) + ⟦(1)⟧"}, "g", "(1) + ⟦(1)⟧", "'(1)' stands twice", "one of them"),
    ("y ~ x", {"1": "(1 ⟦|⟧ g)"}, "g", "(1 ⟦|⟧ g)", "'|' stands in the level-2 equation of '1'", "(1)"),
    ("y ~ x", {"1": "b ⟦~⟧ 1 + (1)"}, "g", "b ⟦~⟧ 1 + (1)", "'~' stands in the level-2", "left of '~'"),
    ("y ~ x", {"x": "⟦x⟧ + (1)"}, "g", "⟦x + (1)⟧", "own coefficient", "I(x**2)"),
    ("y ~ x", {"x": "offset(w) + (1)"}, "g", "⟦offset(w) + (1)⟧", "an offset stands", "level 1"),
    ("y ~ x", {"x": "(1) + z ⟦w⟧"}, "g", "(1) + z ⟦w⟧", "nothing joins 'z' and 'w'", "'+'"),
    ("y ~ x", {"x": "z + (1) ⟦+⟧"}, "g", "z + (1) ⟦+⟧", "nothing follows '+'", "'+' out"),
    ("y ~ x", {"x": "_z"}, "g", "⟦_z⟧", "can't be read as a name", "`_z`"),
    ("y ~ x", {"x": 1}, "g", "⟦1⟧", "equation of 'x' is of type int", "quotes"),
    ("y ~ x", "1 + (1)", "g", "⟦'1 + (1)'⟧", "of type str", "'1' for the intercept"),
    ("y ~ x", ["(1)"], "g", "⟦['(1)']⟧", "of type list", "'1' for the intercept"),
    (
        "y ~ x + (1 ⟦|⟧ g)",
        {"1": "(1)"},
        "g",
        "y ~ x + (1 ⟦|⟧ g)",
        "bar stands in the level-1",
        "name the group",
    ),
    (
        "y ~ log(a ⟦|⟧ b)",
        {"1": "(1)"},
        "g",
        "y ~ log(a ⟦|⟧ b)",
        "bar stands in the level-1",
        "name the group",
    ),
    ("x", {"1": "(1)"}, "g", "⟦x⟧", "no '~'", "behind the response"),
    ("y ~ x ⟦z⟧", {"1": "(1)"}, "g", "y ~ x ⟦z⟧", "nothing joins", "'+'"),
    (None, {"1": "(1)"}, "g", "⟦None⟧", "level-1 equation is of type NoneType", "quotes"),
    ("y ~ x", {"1": "(1)"}, None, "⟦None⟧", "the group is of type NoneType", "quotes"),
    ("y ~ x", {"1": "(1)"}, "a/b", "⟦a/b⟧", "more than one level", "(… | a/b)"),
    ("y ~ x", {"1": "(1)"}, "a + b", "⟦a + b⟧", "not a group", "(1 | a) + (1 | b)"),
]


@pytest.mark.parametrize(("level1", "level2", "group", "marked", "got", "advice"), ERRORS)
def test_error_points_at_the_piece(level1, level2, group, marked, got, advice):
    def unmarked(value):
        return value.replace("⟦", "").replace("⟧", "") if isinstance(value, str) else value

    if isinstance(level2, dict):
        level2 = {key: unmarked(equation) for key, equation in level2.items()}
    with pytest.raises(FormulaError) as caught:
        from_levels(unmarked(level1), level2, group)
    error = caught.value
    shown = f"{error.text[: error.start]}⟦{error.text[error.start : error.stop]}⟧{error.text[error.stop :]}"
    assert shown == marked
    assert got in error.got
    assert advice in error.advice
    assert error.expected


@pytest.mark.parametrize(
    ("level1", "level2", "group", "what"),
    [
        ("", {"1": "(1)"}, "g", "the level-1 equation"),
        ("y ~ x", {"1": " "}, "g", "the level-2 equation of '1'"),
        ("y ~ x", {"1": "(1)"}, "", "the group"),
    ],
)
def test_empty(level1, level2, group, what):
    with pytest.raises(FormulaError, match=f"{what} is empty"):
        from_levels(level1, level2, group)
