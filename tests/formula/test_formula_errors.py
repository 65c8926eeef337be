"""What parse_formula says of formulas that it can't read, and where it points.

In the cases the brackets ⟦ ⟧ hold the piece under which the carets stand.
"""

from __future__ import annotations

import pytest

from bayesmm.errors import FormulaError
from bayesmm.formula import parse_formula

# marked text | part of what was got | part of the advice
CASES = [
    # the tilde
    ("⟦y + (1 | g)⟧", "no '~'", "behind the response"),
    ("y ~ x ⟦~⟧ (1 | g)", "second '~'", "take it out"),
    ("⟦~⟧ x + (1 | g)", "left of '~'", "write y ~ x + (1 | g)"),
    ("y ⟦~⟧", "right of '~'", "y ~ 1 + (1 | group)"),
    ("(y ⟦~⟧ x + (1 | g))", "inside brackets", "brackets around it"),
    ("y + f(x ⟦~⟧ 1)", "inside brackets", "brackets around it"),
    # the response
    ("y ⟦|⟧ g ~ x", "bar stands in the response", "right of '~'"),
    ("(1 ⟦|⟧ g) ~ x", "bar stands in the response", "right of '~'"),
    ("⟦y + z⟧ ~ x + (1 | g)", "isn't one column", "{y + z}"),
    ("⟦y:z⟧ ~ x + (1 | g)", "isn't one column", "{y:z}"),
    ("⟦1⟧ ~ x + (1 | g)", "isn't one column", "column"),
    ("y ⟦z⟧ ~ x + (1 | g)", "nothing joins 'y' and 'z'", "backquotes"),
    ("y ⟦==⟧ z ~ x + (1 | g)", "'==' can't stand here", "I(…)"),
    ("⟦'y'⟧ ~ x + (1 | g)", "'y' stands where a term should", "`y`"),
    ("y[⟦1⟧] ~ x + (1 | g)", "isn't the name of a level", "'1'"),
    ("y ~ x + ⟦y⟧ + (1 | g)", "stands right of '~' too", "take 'y' out"),
    ("y ~ log(y) * ⟦y⟧ + (1 | g)", "stands right of '~' too", "take 'y' out"),
    ("y ~ x + (x + x:⟦y⟧ | g)", "stands right of '~' too", "take 'y' out"),
    ("log(y) ~ z * ⟦log(y)⟧ + (1 | g)", "stands right of '~' too", "take 'log(y)' out"),
    ("(y) ~ x + ⟦y⟧ + (1 | g)", "stands right of '~' too", "take 'y' out"),
    # brackets and quotes
    ("y ~ ⟦(⟧1 | g", "'(' is never closed", "add the ')'"),
    ("y ~ f⟦(⟧x + (1 | g)", "'(' is never closed", "add the ')'"),
    ("y ~ ⟦{⟧x + (1 | g)", "'{' is never closed", "add the '}'"),
    ("y⟦[⟧a ~ (1 | g)", "'[' is never closed", "add the ']'"),
    ("y ~ 1 | g⟦)⟧", "')' closes nothing", "take it out"),
    ("y ~ x⟦]⟧ + (1 | g)", "']' closes nothing", "take it out"),
    ("y ~ (1 | g⟦]⟧", "where '(' should be closed", "close '(' first"),
    ("y ~ {x⟦)⟧ + (1 | g)", "where '{' should be closed", "close '{' first"),
    ("y ~ ⟦`⟧x + (1 | g)", "quote ` is never closed", "closing `"),
    ("y ~ f(⟦'⟧x) + (1 | g)", "quote ' is never closed", "closing '"),
    ('y ~ f(⟦"⟧x) + (1 | g)', 'quote " is never closed', 'closing "'),
    ("y ~ f('x⟦\"⟧) + (1 | g)", "closed by another kind", "make a column"),
    ("y ~ ⟦``⟧ + (1 | g)", "no name between the backquotes", "write the name"),
    # names, numbers and characters
    ("y ~ ⟦.⟧ + (1 | g)", "'.' stands alone", "write the names out"),
    ("y ~ x + (1 | ⟦.⟧)", "'.' stands alone", "write the names out"),
    ("y ~ ⟦_x⟧ + (1 | g)", "'_x' can't be read as a name", "`_x`"),
    ("y ~ ⟦._x⟧ + (1 | g)", "can't be read as a name", "`._x`"),
    ("y ~ ⟦.x⟧ + (1 | g)", "can't be read as a name", "`.x`"),
    ("y ~ x + (1 | ⟦_g⟧)", "can't be read as a name", "`_g`"),
    ("y ~ ⟦1x⟧ + (1 | g)", "can't be read as a name", "`1x`"),
    ("y ~ ⟦1_000⟧ + (1 | g)", "can't be read as a name", "`1_000`"),
    ("y ~ I(x / ⟦1e3⟧) + (1 | g)", "exponent", "1000"),
    ("y ~ I(x / ⟦2.5e-3⟧) + (1 | g)", "exponent", "0.0025"),
    ("y ~ I(x / ⟦1e-30⟧) + (1 | g)", "exponent", "make a column"),
    ("y ~ I(x / ⟦2.⟧) + (1 | g)", "can't be read as a number", "write 2"),
    ("y ~ I(x / ⟦1.2.3⟧) + (1 | g)", "can't be read as a number", "points"),
    ("y ~ I(x⟦^⟧2) + (1 | g)", "'^' has no meaning", "I(x**2)"),
    ("y ~ a ⟦%⟧in% b + (1 | g)", "'%' has no meaning", "':'"),
    ("y ~ a ⟦//⟧ b + (1 | g)", "'//' has no meaning", "one '/'"),
    ("y ~ ⟦!⟧a + (1 | g)", "'!' has no meaning", "make a column"),
    ("y ~ df⟦$⟧a + (1 | g)", "'$' has no meaning", "alone"),
    ("y ~ a ⟦−⟧ 1 + (1 | g)", "'−' has no meaning", "keyboard's minus"),
    ("y ⟦∼⟧ a + (1 | g)", "'∼' has no meaning", "keyboard's tilde"),
    ("y ~ a + (1 ⟦∣⟧ g)", "'∣' has no meaning", "keyboard's bar"),
    ("y ~ f(⟦“⟧a”) + (1 | g)", "'“' has no meaning", "straight quotes"),
    ("y ~ a ⟦?⟧ b + (1 | g)", "'?' has no meaning", "backquotes"),
    # bars without parentheses
    ("y ~ x + ⟦1 | g⟧", "without parentheses", "write (1 | g), or (x + 1 | g)"),
    ("y ~ ⟦x | g⟧", "without parentheses", "write (x | g)"),
    ("y ~ x + ⟦z || g⟧ + (1 | h)", "without parentheses", "write (z || g), or (x + z || g)"),
    ("y ~ ⟦| g⟧", "without parentheses", "write (1 | g)"),
    ("y ~ ⟦x |⟧", "without parentheses", "write (x | group)"),
    # incomplete bars, too many bars
    ("y ~ (⟦|⟧ g)", "left of the bar", "(1 | g)"),
    ("y ~ (x ⟦|⟧)", "right of the bar", "(x | group)"),
    ("y ~ (⟦||⟧)", "left of the bar", "(1 | group)"),
    ("y ~ (1 | g ⟦|⟧ h)", "second bar", "own parentheses"),
    ("y ~ (1 | ⟦|⟧ g)", "second bar", "without a space"),
    ("y ~ (1 ||⟦|⟧ g)", "second bar", "own parentheses"),
    ("y ~ (x + (1 ⟦|⟧ g) | h)", "inside another bar", "side by side"),
    ("y ~ (1 | (g ⟦|⟧ h))", "inside another bar", "side by side"),
    ("y ~ (log(a ⟦|⟧ b) | h)", "inside another bar", "side by side"),
    # bars that are no summands
    ("y ~ ⟦x:(1 | g)⟧", "':' joins '(1 | g)'", "left of the bar"),
    ("y ~ z + ⟦x*(1 | g)⟧", "'*' joins '(1 | g)'", "left of the bar"),
    ("y ~ ⟦(1 | g)/x⟧ + z", "'/' joins '(1 | g)'", "left of the bar"),
    ("y ~ ⟦(1 | g)**2⟧", "'**' joins '(1 | g)'", "left of the bar"),
    ("y ~ ⟦x*(z + (1 | g))⟧", "'*' joins '(z + (1 | g))'", "left of the bar"),
    ("y ~ z + (⟦x:(1 | g)⟧)", "':' joins '(1 | g)'", "left of the bar"),
    ("y ~ x ⟦- (1 | g)⟧", "a minus", "leave the random term out"),
    ("y ~ x ⟦- (z + (1 | g))⟧", "a minus", "leave the random term out"),
    ("y ~ ⟦-(1 | g)⟧", "a minus", "leave the random term out"),
    ("y ~ ⟦log((1 | g))⟧", "inside 'log((1 | g))'", "'+'"),
    ("y ~ x + ⟦s(1 | g)⟧", "inside 's(1 | g)'", "'+'"),
    ("y ~ x:⟦s(1 | g)⟧", "inside 's(1 | g)'", "'+'"),
    ("y ~ ⟦I(a | b)⟧ + (1 | g)", "inside 'I(a | b)'", "make a column"),
    ("y ~ ⟦{a | b}⟧ + (1 | g)", "inside '{a | b}'", "make a column"),
    ("y ~ ⟦x[a | b]⟧ + (1 | g)", "inside 'x[a | b]'", "'+'"),
    # covariance structures before a bar
    ("y ~ ⟦ar2(0 + x | g)⟧", "inside 'ar2(0 + x | g)'", "did you mean 'ar1'"),
    ("y ~ ⟦Toep(0 + x | g)⟧", "inside 'Toep(0 + x | g)'", "did you mean 'toep'"),
    ("y ~ ⟦hetar1(0 + x | g)⟧", "inside 'hetar1(0 + x | g)'", "write ar1h(…)"),
    ("y ~ ⟦ou(0 + x | g)⟧", "inside 'ou(0 + x | g)'", "write ar1(…), which takes"),
    ("y ~ cs(⟦ar1(0 + x | g)⟧)", "has brackets of its own", "take the brackets out, or the 'cs'"),
    ("y ~ cs(⟦(x | g)⟧)", "has brackets of its own", "take the brackets out"),
    ("y ~ cs(⟦z + (x | g)⟧)", "has brackets of its own", "take the brackets out"),
    ("y ~ ar1(0 + x ⟦||⟧ g)", "'||' stands in 'ar1(0 + x || g)'", "write ar1(0 + x | g)"),
    ("y ~ us(x | g ⟦|⟧ h)", "second bar", "own parentheses"),
    ("y ~ toep(0 + x | g⟦, 2⟧)", "something stands behind the bar", "take it out"),
    ("y ~ us(⟦|⟧ g)", "left of the bar", "(1 | g)"),
    ("y ~ us(0 ⟦|⟧)", "right of the bar", "(0 | group)"),
    ("y ~ us(⟦0⟧ | g)", "nothing random in it", "(1 | g)"),
    ("y ~ us(x | ⟦a + b⟧)", "'a + b' is not a group", "write (x | a) + (x | b)"),
    ("y ~ x:⟦ar1(0 + x | g)⟧", "inside 'ar1(0 + x | g)'", "summand of its own"),
    ("y ~ x ⟦- us(x | g)⟧", "a minus", "leave the random term out"),
    ("y ~ (x | g) + ⟦cs(x | g)⟧", "stands twice", "take one of them out"),
    ("y ~ x ⟦(1 | g)⟧", "nothing joins 'x' and '(1 | g)'", "'+'"),
    ("y ~ (1 | g)⟦(1 | h)⟧", "nothing joins '(1 | g)' and '(1 | h)'", "'+'"),
    ("y ~ (1 | g) ⟦x⟧", "nothing joins '(1 | g)' and 'x'", "'+'"),
    ("y ~ f(x)⟦(1 | g)⟧", "nothing joins 'f(x)' and '(1 | g)'", "'+'"),
    ("y ~ (1 | g) ⟦+⟧", "nothing follows '+'", "take the '+' out"),
    ("y ~ (1 | g) + (x ⟦+⟧)", "nothing follows '+'", "take the '+' out"),
    # groups
    ("y ~ (1 | ⟦a + b⟧)", "'a + b' is not a group", "write (1 | a) + (1 | b)"),
    ("y ~ (x | ⟦a + b + c⟧)", "not a group", "write (x | a) + (x | b) + (x | c)"),
    ("y ~ (1 | (⟦a + b⟧))", "not a group", "write (1 | a) + (1 | b)"),
    (
        "y ~ (x | ⟦a*b⟧)",
        "'a * b' is not a group",
        "(x | a/b) if they are nested, or (x | a) + (x | b) + (x | a:b)",
    ),
    ("y ~ (1 | ⟦a - b⟧)", "not a group", "write (1 | a)"),
    ("y ~ (1 | ⟦a**b⟧)", "not a group", "make a column"),
    ("y ~ (1 | ⟦factor(g)⟧)", "computes a group", "write (1 | g), or make a column"),
    ("y ~ (1 | a:⟦C(g)⟧)", "computes a group", "make a column"),
    ("y ~ (1 | ⟦'g'⟧)", "is a string", "(1 | g)"),
    ("y ~ (1 | ⟦'my g'⟧)", "is a string", "(1 | `my g`)"),
    ("y ~ (1 | ⟦1⟧)", "'1' is not a group", "column"),
    ("y ~ (1 | ⟦g[1]⟧)", "not a group", "column"),
    ("y ~ (1 | ⟦()⟧)", "not a group", "column"),
    ("y ~ (1 | ⟦g h⟧)", "nothing joins 'g' and 'h'", "':' or '/'"),
    ("y ~ (1 | a⟦:⟧)", "':' has nothing on one side", "missing name"),
    ("y ~ (1 | ⟦/⟧a)", "'/' has nothing on one side", "missing name"),
    ("y ~ (1 | a/ ⟦/⟧b)", "'/' has nothing on one side", "missing name"),
    ("y ~ (1 | ⟦+⟧ a)", "'+' has nothing on one side", "missing name"),
    ("y ~ (1 | a:⟦a⟧)", "'a' stands twice", "take one 'a' out"),
    ("y ~ (1 | a/b/⟦a⟧)", "'a' stands twice", "take one 'a' out"),
    ("y ~ (1 | a:⟦`a`⟧)", "'a' stands twice", "take one 'a' out"),
    # effects
    ("y ~ (⟦0⟧ | g)", "nothing random", "(1 | g)"),
    ("y ~ (⟦-1⟧ | g)", "nothing random", "(1 | g)"),
    ("y ~ (⟦x - x - 1⟧ | g)", "nothing random", "(1 | g)"),
    ("y ~ (x + ⟦offset(w)⟧ | g)", "offset stands inside a bar", "+ offset(w)"),
    ("y ~ (⟦offset(log(w))⟧ + x | g)", "offset stands inside a bar", "+ offset(log(w))"),
    ("y ~ (x ⟦z⟧ | g)", "nothing joins 'x' and 'z'", "'+'"),
    ("y ~ (x + ⟦*⟧ z | g)", "'*' stands where a name", "take the '*' out"),
    ("y ~ (x ⟦+⟧ | g)", "nothing follows '+'", "take the '+' out"),
    ("y ~ (⟦()⟧ | g)", "nothing between the parentheses", "write what belongs"),
    ("y ~ (1 + ⟦x**2⟧ | g)", "no power of a sum", "I(x**2)"),
    ("y ~ (x + ⟦2⟧ | g)", "2 stands where a term should", "take it out"),
    # the same bar twice
    ("y ~ (1 | g) + ⟦(1 | g)⟧", "(1 | g) stands twice", "one of them"),
    ("y ~ (x | g) + z + ⟦(1 + x | g)⟧", "(1 + x | g) says the same as (x | g)", "one of them"),
    ("y ~ (x | g) + ⟦(x || g)⟧", "(x || g) says the same as (x | g)", "one of them"),
    ("y ~ (a:b | g) + ⟦(b:a | g)⟧", "says the same as", "one of them"),
    ("y ~ (1 | a) + ⟦(1 | a/b)⟧", "(1 | a) stands twice", "one of them"),
    ("y ~ (1 | a:b) + ⟦(1 | b:a)⟧", "(1 | b:a) says the same as (1 | a:b)", "one of them"),
    # no random term
    ("y ~ ⟦x + z⟧", "ordinary regression", "y ~ x + z + (1 | group)"),
    ("y ~ ⟦1⟧", "ordinary regression", "y ~ 1 + (1 | group)"),
    # the fixed part, where formulae can't read it or would misread it
    ("y ~ x ⟦z⟧ + (1 | g)", "nothing joins 'x' and 'z'", "'+'"),
    ("y ~ (1 | g) + (x ⟦z⟧)", "nothing joins 'x' and 'z'", "'+'"),
    ("y ~ x + (1 | g) + w ⟦z⟧", "nothing joins 'w' and 'z'", "'+'"),
    ("y ~ x:⟦*⟧z + (1 | g)", "'*' stands", "'*' out"),
    ("y ~ (1 | g) + x⟦:⟧", "nothing follows ':'", "take the ':' out"),
    ("y ~ ⟦*⟧ x + (1 | g)", "'*' stands", "'*' out"),
    ("y ~ x ⟦==⟧ 1 + (1 | g)", "'==' can't stand here", "{…}"),
    ("y ~ x ⟦=⟧ 1 + (1 | g)", "'=' can't stand here", "{…}"),
    ("y ~ x⟦,⟧ z + (1 | g)", "',' can't stand here", "{…}"),
    ("y ~ z + ⟦(x == 1)⟧ + (1 | g)", "taken apart", "{…}"),
    ("y ~ ⟦()⟧ + (1 | g)", "nothing between the parentheses", "take them out"),
    ("y ~ x + ⟦2⟧ + (1 | g)", "2 stands where a term should", "offset"),
    ("y ~ x + ⟦'a'⟧ + (1 | g)", "'a' stands where a term should", "`a`"),
    ("y ~ x + ⟦True⟧ + (1 | g)", "True stands where a term should", "take it out"),
    ("y ~ ⟦x['a']⟧ + (1 | g)", "picks a level", "{x == …}"),
    ("y ~ log(⟦x['a']⟧) + (1 | g)", "picks a level", "{x == …}"),
    ("y ~ z + ⟦x**2⟧ + (1 | g)", "no power of a sum", "I(x**2)"),
    ("y ~ ⟦(1 + a)**2⟧ + (1 | g)", "no power of a sum", "I("),
    ("y ~ (a + b)**⟦1.5⟧ + (1 | g)", "whole number", "I((a + b)**1.5)"),
    ("y ~ (a + b)**⟦1⟧ + (1 | g)", "whole number", "I((a + b)**1)"),
    ("y ~ (a + b)**⟦c⟧ + (1 | g)", "whole number", "I((a + b)**c)"),
    ("y ~ z + ⟦1*x⟧ + (1 | g)", "can't be taken apart", "products"),
    ("y ~ z + (⟦x + 1⟧) + (1 | g)", "can't be taken apart", "inner parentheses"),
    ("y ~ ⟦-x⟧ + (1 | g)", "takes a term away from nothing", "negative"),
    ("y ~ ⟦x:offset(w)⟧ + (1 | g)", "offset into a product", "+ offset(…)"),
    ("y ~ log(⟦a:b⟧) + (1 | g)", "can't be computed inside a call", "column"),
    ("y ~ log(a ⟦b⟧) + (1 | g)", "nothing joins 'a' and 'b'", "'+'"),
    ("y ~ f(x, (⟦k=2⟧)) + (1 | g)", "can't be computed inside a call", "column"),
    ("y ~ ⟦f(x)(z)⟧ + (1 | g)", "no function is named", "'+'"),
    ("y ~ f(⟦[⟧1, 2]) + (1 | g)", "'[' stands where a name", "c(1, 2)"),
]


@pytest.mark.parametrize(("marked", "got", "advice"), CASES)
def test_error_points_at_the_piece(marked, got, advice):
    text = marked.replace("⟦", "").replace("⟧", "")
    with pytest.raises(FormulaError) as caught:
        parse_formula(text)
    error = caught.value
    shown = f"{error.text[: error.start]}⟦{error.text[error.start : error.stop]}⟧{error.text[error.stop :]}"
    assert shown == marked
    assert got in error.got
    assert advice in error.advice
    assert error.expected
    assert not error.got.endswith(".")
    assert not error.advice.endswith(".")


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_empty(text):
    with pytest.raises(FormulaError, match="empty"):
        parse_formula(text)


@pytest.mark.parametrize(
    ("value", "name"), [(3, "int"), (None, "NoneType"), (["y ~ x"], "list"), (b"y ~ x", "bytes")]
)
def test_not_a_string(value, name):
    with pytest.raises(FormulaError, match=f"type {name}"):
        parse_formula(value)


def test_carets_stand_under_the_piece_on_one_line():
    with pytest.raises(FormulaError) as caught:
        parse_formula("y ~ x\n  + (1 |\n a + b)")
    lines = str(caught.value).splitlines()
    assert lines[2:4] == ["    y ~ x + (1 | a + b)", "                 ^^^^^"]


def test_deep_nesting_is_refused():
    with pytest.raises(FormulaError, match="nested too deeply"):
        parse_formula("y ~ " + "(" * 3000 + "x" + ")" * 3000 + " + (1 | g)")


@pytest.mark.parametrize("shape", ["{}", "f({})", "(1 | {})"])
def test_nesting_that_is_not_refused_is_read(shape):
    nested = "(" * 38 + "x" + ")" * 38
    parse_formula("y ~ " + shape.format(nested) + " + (1 | g)")


def test_very_long_sums():
    names = [f"x{i}" for i in range(200)]
    assert parse_formula(f"y ~ {' + '.join(names)} + (1 | g)").fixed == " + ".join(names)
    with pytest.raises(FormulaError, match="too many terms"):
        parse_formula(f"y ~ {' + '.join(names * 20)} + (1 | g)")


def test_formulae_s_own_error_is_not_shown():
    with pytest.raises(FormulaError) as caught:
        parse_formula("y ~ 1*x + (1 | g)")
    assert caught.value.__suppress_context__
