"""The random part: the bars found among the summands, cut out, and read."""

from __future__ import annotations

from dataclasses import dataclass

from bayesmm.covariance import structure_called, words
from bayesmm.errors import FormulaError, near_matches
from bayesmm.formula.expressions import Expression, read_expression
from bayesmm.formula.groups import Group, read_groups
from bayesmm.formula.piece import Piece
from bayesmm.formula.terms import Bar
from bayesmm.formula.tokens import BARS, OPENERS, OPERAND_ENDS, OPERAND_STARTS, SIGNS, Token

_A_SUMMAND = "a bar as a summand of its own: … + (1 | group)"
# What glmmTMB calls structures that have other names here.
_ELSEWHERE = {
    "homdiag": "id(…)",
    "homcs": "cs(…)",
    "homtoep": "toep(…)",
    "hetar1": "ar1h(…)",
    "ou": "ar1(…), which takes times that aren't whole numbers as continuous",
    "car1": "ar1(…), which takes times that aren't whole numbers as continuous",
}


@dataclass(frozen=True)
class _BarText:
    """A bar as it stands: the piece with its parentheses, and what is left and right of the separator.

    ``structure`` is the word before the parentheses, if there is one.
    """

    whole: Piece
    effect: Piece
    group: Piece
    correlated: bool
    structure: str | None


def cut_bars(right: Piece) -> tuple[Piece, tuple[Bar, ...]]:
    """Part the right-hand side of a formula: what is not a bar, and the bars in their order.

    Examples
    --------
    >>> fixed, bars = cut_bars(Piece.of("(1 | g) + x + (0 + x || a/b)"))
    >>> fixed.written
    'x'
    >>> [bar.label for bar in bars]
    ['1 | g', '0 + x || a', '0 + x || a:b']
    >>> cut_bars(Piece.of("ar1(0 + week | id)"))[1][0].structure
    'ar1'

    Raises
    ------
    FormulaError
        For a bar that is incomplete, that isn't a summand, whose sides can't be read, or that stands twice.
    """
    kept, found = _part(right)
    while kept and kept[0].kind == "PLUS":
        kept = kept[1:]
    bars: list[Bar] = []
    seen: dict[tuple[frozenset[str], bool, frozenset[frozenset[str]]], Bar] = {}
    for text in found:
        expression = _read_effect(text)
        products = frozenset(frozenset(product.factors) for product in expression.products)
        for group in read_groups(text.group, text.effect.written):
            bar = _bar(text, group)
            key = (frozenset(group), expression.intercept, products)
            if key in seen:
                raise _twice(text, bar, seen[key])
            seen[key] = bar
            bars.append(bar)
    return Piece(right.text, tuple(kept)), tuple(bars)


def _bar(text: _BarText, group: Group) -> Bar:
    return Bar(
        expr=text.effect.written,
        group=group,
        correlated=text.correlated,
        structure=text.structure,
        start=text.whole.start,
        stop=text.whole.stop,
    )


def _part(total: Piece) -> tuple[list[Token], list[_BarText]]:
    """Take a sum apart: the tokens that stay, and the bars. Sums in parentheses that hold bars are opened."""
    if total.where(BARS):
        raise _without_parentheses(total)
    kept: list[Token] = []
    found: list[_BarText] = []
    for signs, body in total.summands():
        if not body:
            raise signs.error(
                f"nothing follows '{signs.written}'",
                expected="a term after it",
                advice=f"write the term, or take the '{signs.written}' out",
            )
        if not body.has_bar:
            kept += [*signs.tokens, *body.tokens]
            continue
        if any(token.kind == "MINUS" for token in signs.tokens):
            raise Piece(total.text, signs.tokens + body.tokens).error(
                f"a minus stands before '{body.written}'",
                expected=_A_SUMMAND,
                advice="leave the random term out if the model shouldn't have it",
            )
        word = _structure_before(body)
        if word is not None:
            found.append(_structured(body, word))
            continue
        if not body.is_parenthesised:
            raise _misplaced(body)
        inside = body[1:-1]
        if inside.where(BARS):
            found.append(_split(body, inside))
            continue
        inner_kept, inner_found = _part(inside)
        if inner_kept and inner_kept[0].kind not in SIGNS:
            kept.append(Token("PLUS", "+", None, body.start, body.start, body.level))
        kept += inner_kept
        found += inner_found
    return kept, found


def _structure_before(body: Piece) -> str | None:
    """The word of a covariance structure, if the summand is that and parentheses behind it."""
    if len(body) < 3 or not body[1:].is_parenthesised:
        return None
    word = body.tokens[0]
    known = word.kind == "IDENTIFIER" and structure_called(word.lexeme) is not None
    return word.lexeme if known else None


def _structured(whole: Piece, word: str) -> _BarText:
    """A bar with a structure before its parentheses: ``ar1(0 + week | id)``."""
    inside = whole[2:-1]
    bars, commas = inside.where(BARS), inside.where({"COMMA"})
    if not bars:
        raise inside.error(
            f"in '{whole.written}' the bar has brackets of its own",
            expected=f"one structure for each bar, and the bar in its parentheses: {word}(x | group)",
            advice=f"take the brackets out, or the '{word}'",
        )
    if commas:
        raise inside[commas[0] :].error(
            f"something stands behind the bar in '{whole.written}'",
            expected=f"the bar and nothing else: {word}({inside[: commas[0]].written})",
            advice=f"take it out; the structures are {', '.join(words())}",
        )
    text = _split(whole, inside, word)
    if not text.correlated:
        raise inside[bars[0] : bars[0] + 1].error(
            f"'||' stands in '{whole.written}'",
            expected="one '|': the word before the parentheses says how the effects correlate",
            advice=f"write {word}({text.effect.written} | {text.group.written})",
        )
    return text


def _split(whole: Piece, inside: Piece, structure: str | None = None) -> _BarText:
    """Part what is in the parentheses at its bar."""
    first, *more = inside.where(BARS)
    separator = inside[first : first + 1]
    if more:
        second = inside[more[0] : more[0] + 1]
        spaced = more[0] == first + 1 and inside.tokens[first].kind == "PIPE"
        raise second.error(
            f"a second bar stands in '{whole.written}'",
            expected="one '|' or one '||' in each pair of parentheses",
            advice="write '||' without a space" if spaced else "give each bar its own parentheses",
        )
    effect, group = inside[:first], inside[first + 1 :]
    if not effect:
        raise separator.error(
            "nothing stands left of the bar",
            expected="what varies between the groups, such as 1 or x",
            advice=f"write (1 | {group.written if group else 'group'}) for an intercept",
        )
    if not group:
        raise separator.error(
            "nothing stands right of the bar",
            expected="the name of the grouping variable",
            advice=f"write ({effect.written} | group), with a column's name for group",
        )
    for side in (effect, group):
        if side.has_bar:
            raise _nested_bar(side)
    return _BarText(whole, effect.bare or effect, group, inside.tokens[first].kind == "PIPE", structure)


def _nested_bar(side: Piece) -> FormulaError:
    at = next(i for i, token in enumerate(side.tokens) if token.kind in BARS)
    return side[at : at + 1].error(
        "a bar stands inside another bar",
        expected="names and calls left of the bar, names of groups right of it",
        advice="write the bars side by side: (1 | a) + (x | b)",
    )


def _read_effect(text: _BarText) -> Expression:
    effect = text.effect
    for i in range(len(effect) - 1):
        if effect.tokens[i].lexeme == "offset" and effect.tokens[i + 1].kind == "LEFT_PAREN":
            depth = effect.tokens[i].depth
            close = next(j for j in range(i + 2, len(effect)) if effect.tokens[j].depth == depth)
            raise effect[i : close + 1].error(
                "an offset stands inside a bar",
                expected="an offset among the fixed terms: it has no coefficient that could vary",
                advice=f"move it out: … + {effect[i : close + 1].written}",
            )
    expression = read_expression(effect)
    if expression.is_empty:
        raise effect.error(
            f"'{text.whole.written}' has nothing random in it",
            expected="an intercept or a slope left of the bar",
            advice=f"write (1 | {text.group.written}), or leave the bar out",
        )
    return expression


def _twice(text: _BarText, bar: Bar, first: Bar) -> FormulaError:
    same = bar.label == first.label
    return text.whole.error(
        f"({bar.label}) stands twice" if same else f"({bar.label}) says the same as ({first.label})",
        expected="every random term once; (1 | a/b) already holds (1 | a) and (1 | a:b)",
        advice="take one of them out",
    )


def _without_parentheses(total: Piece) -> FormulaError:
    at = total.where(BARS)[0]
    separator = total.tokens[at].lexeme
    signs = total.where(SIGNS)
    begin = max((i + 1 for i in signs if i < at), default=0)
    end = min((i for i in signs if i > at), default=len(total))
    effect, group = total[begin:at].written, total[at + 1 : end].written
    advice = f"write ({effect or '1'} {separator} {group or 'group'})"
    if begin and effect and group:
        advice += f", or ({total[:at].written} {separator} {group}) if all of that varies by {group}"
    return total[begin:end].error(
        "a bar stands without parentheses",
        expected="parentheses that show what belongs to the bar",
        advice=advice,
    )


def _misplaced(body: Piece) -> FormulaError:
    """The error for a summand that holds a bar but isn't one."""
    at = next(i for i, token in enumerate(body.tokens) if token.kind in BARS)
    openers = _openers_around(body, at)
    for opener in openers:
        before = body.tokens[opener - 1] if opener else None
        is_call = before is not None and before.kind in OPERAND_ENDS
        if body.tokens[opener].kind == "LEFT_PAREN" and not is_call:
            continue
        close = _partner_of(body, opener)
        if is_call and (before.kind == "RIGHT_PAREN" or before.stop < body.tokens[opener].start):
            return _unjoined(body[opener : close + 1], body[:opener])
        return _inside(body[opener - 1 if is_call else opener : close + 1])
    opener = openers[-1]
    close = _partner_of(body, opener)
    after = body.tokens[close + 1] if close + 1 < len(body) else None
    if after is not None and after.kind in OPERAND_STARTS:
        stop = _partner_of(body, close + 1) if after.kind in OPENERS else close + 1
        return _unjoined(body[close + 1 : stop + 1], body[opener : close + 1])
    operator = body[close + 1 : close + 2] if after is not None else body[opener - 1 : opener]
    bar = body[opener : close + 1]
    return body.error(
        f"'{operator.written}' joins '{bar.written}' to something else",
        expected=_A_SUMMAND,
        advice="to let an effect vary, write it left of the bar, as in (x | group)",
    )


def _inside(piece: Piece) -> FormulaError:
    """The error for a bar inside a call or braces."""
    callee = piece.tokens[0].lexeme
    near = near_matches(callee, words())
    if callee in _ELSEWHERE:
        advice = f"write {_ELSEWHERE[callee]}"
    elif callee in ("I", "{"):
        advice = "make a column first: formulae can't compute '|'"
    elif structure_called(callee) is not None:
        advice = f"'{callee}(…)' as a summand of its own"
    else:
        advice = "move the bar out, or put a '+' before its parenthesis"
        if near.startswith("did you mean"):
            advice = f"{near} Otherwise {advice}"
    return piece.error(
        f"a bar stands inside '{piece.written}', where it is no random term",
        expected=_A_SUMMAND,
        advice=advice,
    )


def _unjoined(piece: Piece, before: Piece) -> FormulaError:
    return piece.error(
        f"nothing joins '{before.written}' and '{piece.written}'",
        expected=_A_SUMMAND,
        advice="put a '+' between them",
    )


def _openers_around(body: Piece, at: int) -> list[int]:
    """The brackets that are open at a token, the innermost first."""
    depth = body.tokens[at].depth
    found = []
    for i in range(at - 1, -1, -1):
        if body.tokens[i].kind in OPENERS and body.tokens[i].depth < depth:
            found.append(i)
            depth = body.tokens[i].depth
    return found


def _partner_of(body: Piece, opener: int) -> int:
    depth = body.tokens[opener].depth
    return next(i for i in range(opener + 1, len(body)) if body.tokens[i].depth == depth)
