"""What stands right of a bar: names joined by ``:`` and ``/``, expanded to one group after another."""

from __future__ import annotations

from itertools import pairwise

from bayesmm.errors import FormulaError
from bayesmm.formula.piece import Piece
from bayesmm.formula.tokens import OPERAND_ENDS, OPERAND_STARTS

Group = tuple[str, ...]

_EXPECTED = "names joined by ':' (combinations) or '/' (nesting)"


def read_groups(piece: Piece, effect: str = "1") -> tuple[Group, ...]:
    """The groups of a bar, each as the names of its variables; ``a/b`` is ``a`` and ``a:b``.

    Parameters
    ----------
    piece
        What stands right of the bar.
    effect
        What stands left of it, for the advice in errors.

    Examples
    --------
    >>> read_groups(Piece.of("a/b/c"))
    (('a',), ('a', 'b'), ('a', 'b', 'c'))
    >>> read_groups(Piece.of("`my lab`:day"))
    (('my lab', 'day'),)

    Raises
    ------
    FormulaError
        For anything but names joined by ``:`` and ``/``, and for a name twice in one group.
    """
    _refuse_other_operators(piece, effect)
    return _nested(piece, effect)


def _nested(piece: Piece, effect: str) -> tuple[Group, ...]:
    """a / b / … : R's algebra, in which everything left of a slash is joined to what stands right of it."""
    first, *rest = _parts(piece, "SLASH")
    groups = _crossed(first, effect)
    for part in rest:
        outer = tuple(dict.fromkeys(name for group in groups for name in group))
        groups += tuple(_join(outer, inner, part) for inner in _crossed(part, effect))
    return groups


def _crossed(piece: Piece, effect: str) -> tuple[Group, ...]:
    """a : b : …"""
    first, *rest = _parts(piece, "COLON")
    groups = _operand(first, effect)
    for part in rest:
        groups = tuple(_join(left, right, part) for left in groups for right in _operand(part, effect))
    return groups


def _operand(piece: Piece, effect: str) -> tuple[Group, ...]:
    if piece.is_parenthesised and len(piece) > 2:
        return _nested(piece[1:-1], effect)
    if len(piece) == 1 and piece.tokens[0].kind in ("IDENTIFIER", "BQNAME"):
        return ((piece.tokens[0].lexeme.strip("`"),),)
    raise _not_a_name(piece, effect)


def _parts(piece: Piece, kind: str) -> list[Piece]:
    """The piece cut at an operator; no part is empty."""
    cuts = piece.where({kind})
    bounds = [-1, *cuts, len(piece)]
    parts = [piece[before + 1 : after] for before, after in pairwise(bounds)]
    for i, part in enumerate(parts):
        if not part:
            operator = piece[cuts[min(i, len(cuts) - 1)] :][:1]
            raise operator.error(
                f"'{operator.written}' has nothing on one side",
                expected=_EXPECTED,
                advice=f"write the missing name, or take the '{operator.written}' out",
            )
    return parts


def _join(left: Group, right: Group, piece: Piece) -> Group:
    twice = [name for name in right if name in left]
    if twice:
        raise piece.error(
            f"'{twice[0]}' stands twice in one group",
            expected="every variable of a group once",
            advice=f"take one '{twice[0]}' out",
        )
    return left + right


def _refuse_other_operators(piece: Piece, effect: str) -> None:
    """Say what to write in place of a + b, a * b and a - b."""
    piece = piece.bare if piece.bare else piece
    for kind in ("PLUS", "MINUS", "STAR"):
        if piece.where({kind}):
            names = [part.written for part in _parts(piece, kind)]
            raise piece.error(
                f"'{piece.written}' is not a group",
                expected=_EXPECTED,
                advice=_instead(kind, effect, names),
            )


def _instead(kind: str, effect: str, names: list[str]) -> str:
    separate = " + ".join(f"({effect} | {name})" for name in names)
    if kind == "PLUS":
        return f"write {separate}"
    if kind == "MINUS":
        return f"write ({effect} | {names[0]})"
    nested, combined = "/".join(names), ":".join(names)
    return (
        f"write ({effect} | {nested}) if they are nested, "
        f"or {separate} + ({effect} | {combined}) if they are crossed"
    )


def _not_a_name(piece: Piece, effect: str) -> FormulaError:
    kinds = [token.kind for token in piece.tokens]
    is_call = len(kinds) > 2 and kinds[:2] == ["IDENTIFIER", "LEFT_PAREN"]
    if is_call and kinds[-1] == "RIGHT_PAREN":
        inner = piece[2:-1].written
        return piece.error(
            f"'{piece.written}' computes a group inside the bar",
            expected=f"{_EXPECTED}; any column can be a group, numbers too",
            advice=f"write ({effect} | {inner}), or make a column of '{piece.written}' first",
        )
    if kinds == ["STRING"]:
        name = piece.written[1:-1]
        return piece.error(
            f"{piece.written} is a string, not a name",
            expected=_EXPECTED,
            advice=f"write ({effect} | {name if name.isidentifier() else f'`{name}`'})",
        )
    for i in range(1, len(kinds)):
        if kinds[i - 1] in OPERAND_ENDS and kinds[i] in OPERAND_STARTS - {"LEFT_PAREN", "LEFT_BRACKET"}:
            return piece.error(
                f"nothing joins '{piece[:i].written}' and '{piece[i:].written}'",
                expected=_EXPECTED,
                advice="put ':' or '/' between them, or backquotes around a name with spaces",
            )
    return piece.error(
        f"'{piece.written}' is not a group",
        expected=_EXPECTED,
        advice="make a column of it first, and name that column here",
    )
