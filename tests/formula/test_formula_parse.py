"""What parse_formula makes of formulas that it can read."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
from formulae import model_description

from bayesmm.formula import Bar, Formula, parse_formula
from bayesmm.formula.expressions import read_expression
from bayesmm.formula.piece import Piece

# text | response | fixed | labels of the bars
READINGS = [
    # the bars of lme4
    ("y ~ (1 | g)", "y", "1", ["1 | g"]),
    ("Reaction ~ Days + (Days | Subject)", "Reaction", "Days", ["Days | Subject"]),
    ("y ~ x + (1 + x | g)", "y", "x", ["1 + x | g"]),
    ("y ~ x + (x || g)", "y", "x", ["x || g"]),
    ("y ~ x + (1 || g)", "y", "x", ["1 || g"]),
    ("y ~ x + (0 + x | g)", "y", "x", ["0 + x | g"]),
    ("y ~ x + (x - 1 | g)", "y", "x", ["x - 1 | g"]),
    ("y ~ x + (-1 + x | g)", "y", "x", ["-1 + x | g"]),
    ("y ~ x + (cond | g)", "y", "x", ["cond | g"]),
    ("y ~ (a * b | g)", "y", "1", ["a * b | g"]),
    ("y ~ ((a + b)**2 | g)", "y", "1", ["(a + b)**2 | g"]),
    ("y ~ (poly(x, 2) | g)", "y", "1", ["poly(x, 2) | g"]),
    ("y ~ (I(x**2) + {x**3} | g)", "y", "1", ["I(x**2) + {x**3} | g"]),
    # groups
    ("y ~ (1 | a:b)", "y", "1", ["1 | a:b"]),
    ("y ~ (1 | a/b)", "y", "1", ["1 | a", "1 | a:b"]),
    ("y ~ (x | a/b/c)", "y", "1", ["x | a", "x | a:b", "x | a:b:c"]),
    ("y ~ (x || a/b)", "y", "1", ["x || a", "x || a:b"]),
    ("y ~ (1 | (a/b))", "y", "1", ["1 | a", "1 | a:b"]),
    ("y ~ (1 | a/(b/c))", "y", "1", ["1 | a", "1 | a:b", "1 | a:b:c"]),
    ("y ~ (1 | a/b:c)", "y", "1", ["1 | a", "1 | a:b:c"]),
    ("y ~ (1 | a:b/c)", "y", "1", ["1 | a:b", "1 | a:b:c"]),
    ("y ~ (1 | (a/b):c)", "y", "1", ["1 | a:c", "1 | a:b:c"]),
    ("y ~ (1 | (g))", "y", "1", ["1 | g"]),
    ("y ~ (1 | g.1_x)", "y", "1", ["1 | g.1_x"]),
    # several bars
    ("y ~ (1 | a) + (1 | b)", "y", "1", ["1 | a", "1 | b"]),
    ("y ~ (1 | g) + (0 + x | g)", "y", "1", ["1 | g", "0 + x | g"]),
    ("y ~ (1 | g) + (x | g)", "y", "1", ["1 | g", "x | g"]),
    ("y ~ (1 | b) + x + (1 | a)", "y", "x", ["1 | b", "1 | a"]),
    # bars anywhere among the summands, with redundant parentheses
    ("y ~ (1 | g) + x", "y", "x", ["1 | g"]),
    ("y ~ x + (1 | g) + z", "y", "x + z", ["1 | g"]),
    ("y ~ x + (1 | g) - z", "y", "x - z", ["1 | g"]),
    ("y ~ (1 | g) - 1", "y", "-1", ["1 | g"]),
    ("y ~ + (1 | g) + x", "y", "x", ["1 | g"]),
    ("y ~ x + + (1 | g)", "y", "x", ["1 | g"]),
    ("y ~ ((1 | g))", "y", "1", ["1 | g"]),
    ("y ~ (((1 | g))) + x", "y", "x", ["1 | g"]),
    ("y ~ ((x) | g)", "y", "1", ["x | g"]),
    ("y ~ ((0 + x) | g)", "y", "1", ["0 + x | g"]),
    ("y ~ (x + (1 | g))", "y", "x", ["1 | g"]),
    ("y ~ 1 + (x + (z | g))", "y", "1 + x", ["z | g"]),
    ("y ~ 0 + ((z | g) + x) + w", "y", "0 + x + w", ["z | g"]),
    ("y ~ w + ((z | g) - x)", "y", "w - x", ["z | g"]),
    ("y ~ w + ((z | g)) + ((1 | h) + (1 | k))", "y", "w", ["z | g", "1 | h", "1 | k"]),
    # the fixed part goes through
    ("y ~ 1 + (1 | g)", "y", "1", ["1 | g"]),
    ("y ~ 0 + (1 | g)", "y", "0", ["1 | g"]),
    ("y ~ 0 + x + (1 | g)", "y", "0 + x", ["1 | g"]),
    ("y ~ x - 1 + (1 | g)", "y", "x - 1", ["1 | g"]),
    ("y ~ x + -1 + (1 | g)", "y", "x + -1", ["1 | g"]),
    ("y ~ (0 + x) + (1 | g)", "y", "0 + x", ["1 | g"]),
    ("y ~ a*b + (1 | g)", "y", "a * b", ["1 | g"]),
    ("y ~ a / b + a:b + (1 | g)", "y", "a/b + a:b", ["1 | g"]),
    ("y ~ (a + b) ** 2 - a:b + (1 | g)", "y", "(a + b)**2 - a:b", ["1 | g"]),
    ("y ~ x + offset(log(w)) + (1 | g)", "y", "x + offset(log(w))", ["1 | g"]),
    ("y ~ bs(x,df = 4) + {x/10} + (1 | g)", "y", "bs(x, df=4) + {x/10}", ["1 | g"]),
    ("y ~ I((x - 5) / 10) + (1 | g)", "y", "I((x - 5)/10)", ["1 | g"]),
    ("y ~ f(x, .5, -1, 'a', True) + (1 | g)", "y", "f(x, .5, -1, 'a', True)", ["1 | g"]),
    ("y ~ {x == 'a  b'} + (1 | g)", "y", "{x == 'a  b'}", ["1 | g"]),
    ("y ~ np.log(x.1) + (1 | g)", "y", "np.log(x.1)", ["1 | g"]),
    ("größe ~ x² + (1 | schüler)", "größe", "x²", ["1 | schüler"]),
    # responses
    ("log(y) ~ (1 | g)", "log(y)", "1", ["1 | g"]),
    ("(y) ~ (1 | g)", "y", "1", ["1 | g"]),
    ("y ~ x + I(y**2) - y + (1 | g)", "y", "x + I(y**2) - y", ["1 | g"]),
    ("{y / 2} ~ (1 | g)", "{y/2}", "1", ["1 | g"]),
    ("y['a b'] ~ (1 | g)", "y['a b']", "1", ["1 | g"]),
    ("p(y, n) ~ (1 | g)", "p(y, n)", "1", ["1 | g"]),
    # backquotes, and bars and tildes that quotes protect
    ("`my y` ~ `a b` + (1 | g)", "`my y`", "`a b`", ["1 | g"]),
    ("y ~ (`a b` | `my  group`:h)", "y", "1", ["`a b` | my  group:h"]),
    ("y ~ `a|b` + `~` + (1 | g)", "y", "`a|b` + `~`", ["1 | g"]),
    ("y ~ (`a|b` | `g|h`)", "y", "1", ["`a|b` | g|h"]),
    ("y ~ f('(a|b') + (1 | g)", "y", "f('(a|b')", ["1 | g"]),
    # spaces
    ("y~x+(0+x||a/b)", "y", "x", ["0 + x || a", "0 + x || a:b"]),
    ("\n  y ~ x\n\t+ (1 |\r\n  g)\n", "y", "x", ["1 | g"]),
    ("y ~\u00a0x + (1 | g)", "y", "x", ["1 | g"]),
    ("y ~ log (x) + (1 | g)", "y", "log(x)", ["1 | g"]),
]


@pytest.mark.parametrize(("text", "response", "fixed", "labels"), READINGS)
def test_reading(text, response, fixed, labels):
    formula = parse_formula(text)
    assert formula.response == response
    assert formula.fixed == fixed
    assert [bar.label for bar in formula.bars] == labels
    assert formula.levels is None


@pytest.mark.parametrize("text", [case[0] for case in READINGS])
def test_text_gives_the_same_formula_again(text):
    formula = parse_formula(text)
    again = parse_formula(str(formula))
    assert again == formula
    assert again.text == formula.text


@pytest.mark.parametrize("text", [case[0] for case in READINGS])
def test_formulae_reads_every_part(text):
    formula = parse_formula(text)
    described = model_description(f"{formula.response} ~ {formula.fixed}").var_names
    for bar in formula.bars:
        described |= model_description(bar.expr).var_names | set(bar.group)
    assert formula.variables == described - {""}


@pytest.mark.parametrize(
    ("right", "terms"),
    [
        ("bs(x, 3):z", ["bs(x, 3):z"]),
        ("ns(x, 3) * z", ["ns(x, 3)", "z", "ns(x, 3):z"]),
        ("(a + poly(x, 2)) * b", ["a", "poly(x, 2)", "b", "a:b", "poly(x, 2):b"]),
        (
            "(a + f('u')) * (b + f(1))",
            ["a", "f('u')", "b", "f(1)", "a:b", "a:f(1)", "f('u'):b", "f('u'):f(1)"],
        ),
        ("I((a + b) * c) + I(a + b * c)", ["I((a + b) * c)", "I(a + b * c)"]),
        ("I(x**2) + I(x ** 2)", ["I(x**2)"]),
    ],
)
def test_calls_stand_in_products_like_names_whatever_formulae_s_version_says(right, terms):
    assert [product.written for product in read_expression(Piece.of(right)).products] == terms


def test_bar_fields():
    (bar,) = parse_formula("y ~ x + (1 + x || `my g`:h)").bars
    assert bar == Bar("1 + x", ("my g", "h"), correlated=False, start=8, stop=27)
    assert (bar.group_name, bar.label) == ("my g:h", "1 + x || my g:h")


def test_a_word_before_a_bar_is_its_structure():
    formula = parse_formula("y ~ id(x) + ar1( 0+x|g ) + us(z | a/b) + (1 | h)")
    assert formula.fixed == "id(x)"
    assert [(bar.structure, bar.label) for bar in formula.bars] == [
        ("ar1", "0 + x | g"),
        ("us", "z | a"),
        ("us", "z | a:b"),
        (None, "1 | h"),
    ]
    assert formula.text[formula.bars[0].start : formula.bars[0].stop] == "ar1( 0+x|g )"
    assert formula != parse_formula("y ~ id(x) + cs(0+x|g) + us(z | a/b) + (1 | h)")


def test_spans_are_those_of_the_text():
    formula = parse_formula("y ~ x + (1|a/b)\n   + ((x || g))")
    pieces = [formula.text[bar.start : bar.stop] for bar in formula.bars]
    assert pieces == ["(1|a/b)", "(1|a/b)", "(x || g)"]


def test_text_is_on_one_line():
    assert parse_formula("\n y ~ x\n   + (1|g)\n").text == "y ~ x + (1|g)"


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("y ~ x + (1 | g)", {"y", "x", "g"}),
        ("log(y) ~ poly(x, 2, raw=True) + (z | a/b)", {"y", "x", "z", "a", "b"}),
        ("`my y` ~ {`a b` + c} + offset(w) + (1 | `g h`)", {"my y", "a b", "c", "w", "g h"}),
        ("y ~ np.log(x) + f('u', k=v) + (1 | g)", {"y", "x", "v", "g"}),
        ("y ~ x - x + (1 | g)", {"y", "g"}),
    ],
)
def test_variables(text, variables):
    assert parse_formula(text).variables == variables


def test_a_formula_is_given_back():
    formula = parse_formula("y ~ (1 | g)")
    assert parse_formula(formula) is formula


def test_formulas_are_values():
    formula = parse_formula("y ~ x + (1 | a/b)")
    assert formula == parse_formula("y~x+(1|a)+(1|a:b)")
    assert formula != parse_formula("y ~ x + (1 | a)")
    assert formula != parse_formula("y ~ x + (1 || a/b)")
    assert len({formula, parse_formula("y~x+(1|a/b)")}) == 1
    assert pickle.loads(pickle.dumps(formula)) == formula
    with pytest.raises(dataclasses.FrozenInstanceError):
        formula.text = ""


def test_a_formula_made_by_hand_knows_its_variables():
    bar = Bar("x", ("g",), correlated=True, start=0, stop=0)
    assert Formula("", "y", "0 + z", (bar,)).variables == {"y", "z", "x", "g"}


def test_nothing_is_printed_or_logged(capfd, caplog):
    parse_formula("y ~ (a + b)**2 + poly(x, 2) + (1 | g)")
    with pytest.raises(ValueError, match="interactions"):
        parse_formula("y ~ x**2 + (1 | g)")
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_names_that_stand_alone_can_only_be_columns():
    formula = parse_formula("log(y) ~ x:z + I(a * pi) + `b c` + (w + f(v) | g/h)")
    assert formula.columns == {"x", "z", "b c", "w", "g", "h"}
