"""Properties that hold for every formula."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bayesmm.errors import FormulaError
from bayesmm.formula import from_levels, parse_formula
from bayesmm.formula.piece import Piece, spell
from bayesmm.formula.tokens import scan

NAMES = st.sampled_from(["x", "z", "a.b", "c_1", "`my x`", "`p|q`", "größe"])
CALLS = st.sampled_from(["log(x)", "I(x**2)", "{(x - 5)/10}", "poly(z, 2)", "f('a|b', k=-1)"])
ATOMS = NAMES | CALLS
TERMS = ATOMS | st.builds("{}:{}".format, NAMES, NAMES) | st.builds("{}*{}".format, NAMES, NAMES)
SUMS = st.builds(
    lambda first, terms: "+".join([*first, *terms]),
    st.sampled_from([[], ["1"], ["0"], ["-1"]]),
    st.lists(TERMS, min_size=1, max_size=3),
)
GROUP_NAMES = ["g", "h", "k.1", "`my g`"]
GROUPS = st.permutations(GROUP_NAMES).flatmap(
    lambda names: st.lists(st.sampled_from(":/"), max_size=3).map(
        lambda joins: "".join(name + join for name, join in zip(names, [*joins, ""], strict=False))
    )
)
WORDS = st.sampled_from(["us", "diag", "id", "cs", "csh", "ar1", "ar1h", "toep", "toeph", "identity"])
BARS = st.builds("({}{}{})".format, SUMS | st.just("1"), st.sampled_from(["|", "||"]), GROUPS) | st.builds(
    "{}({}|{})".format, WORDS, SUMS, GROUPS
)
SPACES = st.text(" \n\t", max_size=2)


def refusal(text):
    """The error that a text gives, or None."""
    try:
        parse_formula(text)
    except FormulaError as error:
        return error
    return None


@st.composite
def formulas(draw):
    """A formula without spaces; bars that say the same twice are left out."""
    bars: list[str] = []
    for bar in draw(st.lists(BARS, min_size=1, max_size=3)):
        error = refusal("y~" + "+".join([*bars, bar]))
        if error is None:
            bars.append(bar)
        else:
            assert "says the same" in error.got or "twice" in error.got
    summands = draw(st.permutations([*bars, *draw(st.lists(TERMS, max_size=3))]))
    return draw(st.sampled_from(["y", "log(y)", "`my y`"])) + "~" + "+".join(summands)


def spread(data, text):
    """The same text with white space anywhere between its tokens."""
    return "".join(data.draw(SPACES) + token.lexeme + data.draw(SPACES) for token in scan(text))


@settings(deadline=None)
@given(formulas(), st.data())
def test_white_space_does_not_matter(text, data):
    assert parse_formula(spread(data, text)) == parse_formula(text)


@settings(deadline=None)
@given(formulas(), st.data())
def test_spans_hold_the_bars(text, data):
    formula = parse_formula(spread(data, text))
    for bar in formula.bars:
        piece = Piece.of(formula.text[bar.start : bar.stop])
        assert piece[1 if bar.structure else 0 :].is_parenthesised
        assert piece.written.startswith(
            f"{bar.structure or ''}({bar.expr} {'|' if bar.correlated else '||'} "
        )


@settings(deadline=None)
@given(formulas())
def test_the_text_gives_the_formula_again(text):
    formula = parse_formula(text)
    again = parse_formula(str(formula))
    assert (again, again.text) == (formula, formula.text)


@settings(deadline=None)
@given(formulas())
def test_parts_put_together_give_the_formula_again(text):
    formula = parse_formula(text)
    groups = [":".join(f"`{name}`" for name in bar.group) for bar in formula.bars]
    bars = [
        f"{bar.structure or ''}({bar.expr} {'|' if bar.correlated else '||'} {group})"
        for bar, group in zip(formula.bars, groups, strict=True)
    ]
    assert parse_formula(f"{formula.response} ~ {formula.fixed} + {' + '.join(bars)}").bars == formula.bars


@settings(deadline=None)
@given(st.permutations(["(1|a)", "us(x|b)", "(0+z||c)", "x", "w:z", "(1|d:e)"]))
def test_bars_keep_their_order(summands):
    formula = parse_formula("y ~ " + " + ".join(summands))
    written = [f"{bar.structure or ''}({bar.label})".replace(" ", "") for bar in formula.bars]
    assert written == [s for s in summands if "|" in s]
    assert formula.fixed == " + ".join(s for s in summands if "|" not in s)


@settings(deadline=None)
@given(SUMS)
def test_spelling_keeps_the_tokens(text):
    tokens = scan(text)
    again = scan(spell(tokens))
    assert [(t.kind, t.lexeme) for t in again] == [(t.kind, t.lexeme) for t in tokens]


PIECES = ["y", "x", "g", "1", "0", "~", "+", "-", "*", "/", ":", "**", "|", "||", "(", ")", "{", "}", "["]
PIECES += [
    "]",
    "`",
    "'",
    ",",
    ".",
    "=",
    "==",
    " ",
    "\n",
    "_",
    "1e3",
    "^",
    "%",
    "I(",
    "offset(",
    "(1|g)",
    "y~",
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(max_size=20))
def test_any_text_is_read_or_refused_with_a_place(text):
    error = refusal(text)
    if error is None:
        formula = parse_formula(text)
        assert parse_formula(str(formula)) == formula
        assert formula.variables
    else:
        assert 0 <= error.start < error.stop <= max(1, len(error.text))
        assert str(error)


@settings(deadline=None)
@given(st.sets(st.sampled_from(["1", "x", "w"]), min_size=1), st.booleans())
def test_levels_give_the_bar_of_the_random_coefficients(random, correlated):
    level2 = {term: "1 + z" + (" + (1)" if term in random else "") for term in ["w", "x", "1"]}
    formula = from_levels("y ~ x + w", level2, "g", correlated=correlated)
    (bar,) = formula.bars
    assert set(bar.expr.split(" + ")) - {"0"} == random
    assert bar.correlated is correlated
    assert formula.levels is not None
    assert formula.levels.level2_variables == {"z"}
    assert formula.fixed == "1 + z + x + x:z + w + w:z"
