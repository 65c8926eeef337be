"""The way through: text → tokens → response, fixed terms and bars, each read once by formulae as a check."""

from __future__ import annotations

from functools import lru_cache

from bayesmm.errors import FormulaError
from bayesmm.formula.bars import cut_bars
from bayesmm.formula.expressions import read_expression, read_response, read_terms, response_part
from bayesmm.formula.piece import Piece
from bayesmm.formula.terms import Formula
from bayesmm.formula.tokens import BARS, tidy

REMEMBERED = 256
"""How many formulas are remembered."""


def parse_formula(text: str | Formula) -> Formula:
    """Read a mixed-model formula in lme4's language.

    The bars are ``(1 | g)``, ``(x | g)`` (intercept and slope, correlated), ``(x || g)`` (uncorrelated; the
    columns of a factor stay correlated), ``(0 + x | g)``, ``(1 | a:b)`` (the observed combinations) and
    ``(1 | a/b)``, short for ``(1 | a) + (1 | a:b)``. Everything else is formulae's language, with R's
    functions and codings. A `Formula` is given back as it is.

    Parameters
    ----------
    text
        The formula. Line breaks and spaces don't matter.

    Examples
    --------
    >>> formula = parse_formula("Reaction ~ Days + (Days | Subject)")
    >>> formula.fixed
    'Days'
    >>> formula.bars[0].label, formula.bars[0].correlated
    ('Days | Subject', True)

    An error points at the piece that can't be read.

    >>> parse_formula("y ~ x + 1 | g")
    Traceback (most recent call last):
    ...
    bayesmm.errors.FormulaError: a bar stands without parentheses.
    <BLANKLINE>
        y ~ x + 1 | g
                ^^^^^
    <BLANKLINE>
    Expected: parentheses that show what belongs to the bar.
    Try: write (1 | g), or (x + 1 | g) if all of that varies by g.

    Raises
    ------
    FormulaError
        If the formula can't be read, or has no random term.
    """
    if isinstance(text, Formula):
        return text
    return _parsed(text) if isinstance(text, str) else _read(text)


@lru_cache(maxsize=REMEMBERED)
def _parsed(text: str) -> Formula:
    """A formula is of its text alone: what names in it mean is looked up when it meets data."""
    return _read(text)


def _read(text: object) -> Formula:
    whole = read_text(text, "the formula", "Reaction ~ Days + (Days | Subject)")
    response, right = split_response(whole)
    fixed, bars = cut_bars(right)
    if fixed:
        fixed = fixed.bare or fixed
        read_expression(fixed)
    if not bars:
        raise right.error(
            "there is no random term: this is an ordinary regression",
            expected="at least one bar, such as (1 | group)",
            advice=f"write {whole.written} + (1 | group), with a column's name for group",
        )
    _refuse_response(response, right, [*([fixed] if fixed else []), *(Piece.of(bar.expr) for bar in bars)])
    return Formula(
        text=whole.text,
        response=response.written,
        fixed=fixed.written if fixed else "1",
        bars=bars,
    )


def _refuse_response(response: Piece, right: Piece, expressions: list[Piece]) -> None:
    """The response among what predicts it; functions of it, such as its square, are left to the user."""
    part = response_part(response)
    terms = [term for piece in expressions for term in read_terms(piece).common_terms]
    if not any(part in getattr(term, "components", ()) for term in terms):
        return
    lexemes = [token.lexeme for token in response.tokens]
    places = [right[i : i + len(lexemes)] for i in range(len(right) - len(lexemes) + 1)]
    same = [place for place in places if [token.lexeme for token in place.tokens] == lexemes]
    raise min(same, key=lambda place: place.level, default=right).error(
        f"the response '{response.written}' stands right of '~' too",
        expected="terms that predict it",
        advice=f"take '{response.written}' out on the right",
    )


def read_text(text: object, what: str, example: str) -> Piece:
    """Scan a text that a user gave; ``what`` names it and ``example`` shows one in errors.

    Raises
    ------
    FormulaError
        Unless it is a string with something in it, or if it can't be scanned.
    """
    if not isinstance(text, str):
        shown = tidy(repr(text))
        raise FormulaError(
            f"{what} is of type {type(text).__name__}",
            expected=f"a string, such as '{example}'",
            advice="put quotes around it",
            text=shown,
            start=0,
            stop=len(shown),
        )
    if not text.strip():
        raise FormulaError(
            f"{what} is empty",
            expected=f"something such as '{example}'",
            advice="write it out",
            text="",
            start=0,
            stop=1,
        )
    return Piece.of(text)


def split_response(whole: Piece) -> tuple[Piece, Piece]:
    """Part a formula at its ``~``, and check the response.

    Raises
    ------
    FormulaError
        Unless there is one ``~``, one response left of it and something right of it.
    """
    tildes = [i for i, token in enumerate(whole.tokens) if token.kind == "TILDE"]
    if not tildes:
        raise whole.error(
            "there is no '~'",
            expected="response ~ terms",
            advice="put '~' behind the response, as in Reaction ~ Days + (Days | Subject)",
        )
    if len(tildes) > 1:
        raise whole[tildes[1] : tildes[1] + 1].error(
            "there is a second '~'",
            expected="one '~', between the response and the terms",
            advice="take it out; each response has its own model",
        )
    tilde = whole[tildes[0] : tildes[0] + 1]
    if not whole.where({"TILDE"}):
        raise tilde.error(
            "the '~' stands inside brackets",
            expected="response ~ terms",
            advice="take the brackets around it out",
        )
    response, right = whole[: tildes[0]], whole[tildes[0] + 1 :]
    if not response:
        raise tilde.error(
            "nothing stands left of '~'",
            expected="the response, such as y or log(y)",
            advice=f"write y {whole.written}, with the response's name for y",
        )
    if not right:
        raise tilde.error(
            "nothing stands right of '~'",
            expected="terms, among them a random one such as (1 | group)",
            advice=f"write {whole.written} 1 + (1 | group)",
        )
    bars = [i for i, token in enumerate(response.tokens) if token.kind in BARS]
    if bars:
        raise response[bars[0] : bars[0] + 1].error(
            "a bar stands in the response",
            expected="random terms right of the '~'",
            advice="move the bar to the right of '~'",
        )
    read_response(response)
    return response.bare, right
