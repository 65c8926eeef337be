"""Two-level equations, as textbooks write them, turned into the one formula.

Level 1 is the equation of the rows, y = β₀ + β₁ x + …. Level 2 says of each coefficient what it depends on,
β₁ = γ₁₀ + γ₁₁ z + u₁. Putting the second into the first gives the main effects (γ₁₀ x), the cross-level
interactions (γ₁₁ x:z) and the random slopes (u₁ x) of the one formula.
See Raudenbush & Bryk (2002), Hierarchical Linear Models, chapter 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bayesmm.errors import FormulaError, near_matches
from bayesmm.formula.expressions import Expression, Product, read_expression
from bayesmm.formula.groups import read_groups
from bayesmm.formula.parse import parse_formula, read_text, split_response
from bayesmm.formula.piece import Piece
from bayesmm.formula.terms import Formula, LevelEquations
from bayesmm.formula.tokens import BARS, OPERAND_ENDS, Token

_LEVEL1 = "mAch ~ 1 + cses"
_LEVEL2 = "1 + meanses + (1)"
_INTERCEPT = "1"


@dataclass(frozen=True)
class _Equation:
    """One level-2 equation: its fixed part, and whether ``(1)`` stands in it."""

    text: str
    fixed: Expression
    random: bool


def from_levels(level1: str, level2: Mapping[str, str], group: str, *, correlated: bool = True) -> Formula:
    """Make one formula of a level-1 equation and the level-2 equations of its coefficients.

    Parameters
    ----------
    level1
        The equation of the rows, ``"mAch ~ 1 + cses"``; the intercept is implied unless ``0 +`` is written.
    level2
        For each level-1 term (``"1"`` is the intercept) the equation of its coefficient. ``(1)`` in it gives
        the coefficient a random effect; without ``0 +`` it has a mean of its own. A term without an equation
        keeps a fixed coefficient.
    group
        The grouping variable, or ``"a:b"``.
    correlated
        Whether the random effects of one group may be correlated (``|``) or not (``||``).

    Examples
    --------
    >>> formula = from_levels(
    ...     "mAch ~ 1 + cses",
    ...     {"1": "1 + meanses + sector + (1)", "cses": "1 + meanses + sector + (1)"},
    ...     group="school",
    ... )
    >>> print(formula)
    mAch ~ 1 + meanses + sector + cses + cses:meanses + cses:sector + (1 + cses | school)
    >>> print(formula.levels)
    level 1:             mAch ~ 1 + cses
    level 2, by school:  1    ~ 1 + meanses + sector + (1)
                         cses ~ 1 + meanses + sector + (1)

    Raises
    ------
    FormulaError
        For an equation that can't be read, one for a coefficient that level 1 doesn't have, a group that
        isn't one grouping variable, and if no coefficient has a random effect.
    """
    response, first, level1 = _read_level1(level1)
    group_piece = _read_group(group)
    equations = _read_level2(level2, first)
    random = tuple(term for term in _terms_of(first) if term in equations and equations[term].random)
    if not random:
        text = next(iter(equations.values())).text if equations else level1
        raise FormulaError(
            "no coefficient has a random effect: there is no '(1)' in the level-2 equations",
            expected=f"'(1)' in at least one of them, as in '{_LEVEL2}'",
            advice=f"add + (1) to the equation of the intercept: {{'1': '{_LEVEL2}'}}",
            text=text,
            start=0,
            stop=len(text),
        )
    effects = [*([] if _INTERCEPT in random else ["0"]), *random]
    bar = f"({' + '.join(effects)} {'|' if correlated else '||'} {group_piece.written})"
    text = f"{response} ~ {' + '.join([*_fixed(first, equations), bar])}"
    levels = LevelEquations(
        level1=level1,
        level2=tuple((term, equation.text) for term, equation in equations.items()),
        group=group_piece.written,
        level2_variables=frozenset().union(*(e.fixed.variables for e in equations.values())),
        random=random,
    )
    return replace(parse_formula(text), levels=levels)


def _terms_of(level1: Expression) -> list[str]:
    """The names under which the coefficients of level 1 are known, the intercept first."""
    return [*([_INTERCEPT] if level1.intercept else []), *(p.written for p in _with_coefficient(level1))]


def _with_coefficient(expression: Expression) -> list[Product]:
    return [product for product in expression.products if not _is_offset(product)]


def _is_offset(product: Product) -> bool:
    return product.name.startswith("offset(")


def _fixed(level1: Expression, equations: Mapping[str, _Equation]) -> list[str]:
    """The summands of the fixed part: level 2 put into level 1, each term once."""
    summands: dict[frozenset[str], str] = {}

    def add(*products: Product) -> None:
        factors = tuple(dict.fromkeys(factor for product in products for factor in product.factors))
        summands.setdefault(frozenset(factors), ":".join(factors))

    intercept = equations.get(_INTERCEPT)
    if intercept:
        for predictor in intercept.fixed.products:
            add(predictor)
    for product in level1.products:
        slope = equations.get(product.written)
        if slope is None or slope.fixed.intercept:
            add(product)
        for predictor in slope.fixed.products if slope else ():
            add(product, predictor)
    has_intercept = level1.intercept and (intercept is None or intercept.fixed.intercept)
    return ["1" if has_intercept else "0", *summands.values()]


def _read_level1(text: object) -> tuple[str, Expression, str]:
    """The response, the right-hand side and the tidy text of the level-1 equation."""
    whole = read_text(text, "the level-1 equation", _LEVEL1)
    response, right = split_response(whole)
    bars = [i for i, token in enumerate(right.tokens) if token.kind in BARS]
    if bars:
        raise right[bars[0] : bars[0] + 1].error(
            "a bar stands in the level-1 equation",
            expected="the equation of the rows, without random terms",
            advice="put (1) into the level-2 equation of each coefficient that varies, and name the group",
        )
    return response.written, read_expression(right.bare or right), whole.written


def _read_group(group: object) -> Piece:
    piece = read_text(group, "the group", "school")
    groups = read_groups(piece)
    if len(groups) > 1:
        raise piece.error(
            f"'{piece.written}' has more than one level of groups",
            expected="one grouping variable: the equations have two levels",
            advice=f"write the one formula, with (… | {piece.written}), for Model",
        )
    return piece


def _read_level2(level2: object, level1: Expression) -> dict[str, _Equation]:
    """The level-2 equations in the order given, keyed by the level-1 term as level 1 writes it."""
    if not isinstance(level2, Mapping):
        shown = " ".join(repr(level2).split())
        raise FormulaError(
            f"the level-2 equations are of type {type(level2).__name__}",
            expected="a dict from level-1 terms to equations",
            advice=f"write {{'1': '{_LEVEL2}'}}, '1' for the intercept",
            text=shown,
            start=0,
            stop=len(shown),
        )
    equations: dict[str, _Equation] = {}
    for key, text in level2.items():
        term = _find(key, level1)
        if term in equations:
            raise _key_error(key, f"'{term}' has two equations", "one equation for each term", "join the two")
        equations[term] = _read_equation(term, text)
    return equations


def _find(key: object, level1: Expression) -> str:
    """The level-1 term that a key means: as written, in another order, or by formulae's name for it."""
    terms = _terms_of(level1)
    if not isinstance(key, str) or not key.strip():
        raise _key_error(key, f"{key!r} is not a level-1 term", _one_of(terms), "name one of them")
    try:
        piece = Piece.of(key)
        wanted = read_expression(piece)
    except FormulaError:
        piece, wanted = None, Expression(intercept=False, products=())
    if piece and piece.written == _INTERCEPT and level1.intercept:
        return _INTERCEPT
    if len(wanted.products) == 1:
        same = [p for p in level1.products if set(p.factors) == set(wanted.products[0].factors)]
        same += [p for p in level1.products if p.name == wanted.products[0].name]
        if same and _is_offset(same[0]):
            raise _key_error(
                key, f"'{key}' has no coefficient", "a term with a coefficient", "leave its equation out"
            )
        if same:
            return same[0].written
    advice = near_matches(key, terms) if terms else "add the term to level 1"
    if key.strip("() ").casefold() == "intercept" and level1.intercept:
        advice = "write '1' for the intercept"
    elif key.strip() == _INTERCEPT:
        advice = "take '0 +' out of level 1, or leave this equation out"
    raise _key_error(key, f"'{key}' is not a term of level 1", _one_of(terms), advice.rstrip("?"))


def _one_of(terms: list[str]) -> str:
    return "one of " + ", ".join(f"'{term}'" for term in terms) if terms else "a level-1 term"


def _key_error(key: object, got: str, expected: str, advice: str) -> FormulaError:
    text = str(key).strip() or "''"
    return FormulaError(got, expected=expected, advice=advice, text=text, start=0, stop=len(text))


def _read_equation(term: str, text: object) -> _Equation:
    whole = read_text(text, f"the level-2 equation of '{term}'", _LEVEL2)
    for i, token in enumerate(whole.tokens):
        if token.kind == "TILDE" or token.kind in BARS:
            raise whole[i : i + 1].error(
                f"'{token.lexeme}' stands in the level-2 equation of '{term}'",
                expected=f"the right-hand side alone, such as '{_LEVEL2}'",
                advice="leave out what is left of '~'" if token.kind == "TILDE" else "write (1) alone",
            )
    kept: list[Token] = []
    random = False
    for signs, body in whole.summands():
        if body and not body.is_parenthesised:
            _refuse_random_factor(body)
        if not body or not body.is_parenthesised:
            kept += [*signs.tokens, *body.tokens]
            continue
        if body.written != "(1)" or any(token.kind == "MINUS" for token in signs.tokens):
            raise _odd_parentheses(Piece(whole.text, signs.tokens[-1:] + body.tokens), body, term)
        if random:
            raise body.error(
                f"'(1)' stands twice in the level-2 equation of '{term}'",
                expected="one random effect for each coefficient",
                advice="take one of them out",
            )
        random = True
    if kept and kept[0].kind == "PLUS":
        kept = kept[1:]
    fixed = read_expression(Piece(whole.text, tuple(kept))) if kept else Expression(True, ())
    _refuse_odd_predictors(whole, term, fixed)
    return _Equation(whole.written, fixed, random)


def _odd_parentheses(piece: Piece, body: Piece, term: str) -> FormulaError:
    """The error for a summand in parentheses other than ``(1)``, or for ``- (1)``."""
    if body.written == "(1)":
        advice = "write + (1), or leave it out for a fixed coefficient"
    else:
        advice = f"write {body.bare.written or 'the term'} without them"
        piece = body
    return piece.error(
        f"'{piece.written}' can't stand in the level-2 equation of '{term}'",
        expected="'(1)', which gives the coefficient its random effect, and no other parentheses",
        advice=advice,
    )


def _refuse_random_factor(body: Piece) -> None:
    """``z:(1)`` looks like a random effect but isn't a summand; ``f(1)`` is an ordinary call."""
    for i in range(len(body) - 2):
        called = i > 0 and body.tokens[i - 1].kind in OPERAND_ENDS
        if body[i : i + 3].written == "(1)" and not called:
            raise body.error(
                f"'(1)' stands inside '{body.written}'",
                expected="'(1)' as a summand of its own",
                advice="write … + (1)",
            )


def _refuse_odd_predictors(whole: Piece, term: str, fixed: Expression) -> None:
    for product in fixed.products:
        if _is_offset(product):
            raise whole.error(
                f"an offset stands in the level-2 equation of '{term}'",
                expected="predictors of the coefficient",
                advice="move the offset to level 1",
            )
        if product.written == term:
            raise whole.error(
                f"'{term}' stands in the equation of its own coefficient",
                expected="level-2 predictors, constant within each group",
                advice=f"take '{term}' out, or write I({term}**2) at level 1",
            )
