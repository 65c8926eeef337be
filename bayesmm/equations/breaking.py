"""Long right-hand sides broken into lines: at plus signs, and inside a product only where one won't fit."""

from __future__ import annotations

from collections.abc import Callable

from bayesmm.equations.tree import Expr, Product, signed, terms_of

type Piece = tuple[str, Expr]
"""What stands before an expression ("", "+", "−" or "·"), and the expression."""


def broken(right: Expr, limit: int, width: Callable[[Expr], int]) -> list[list[Piece]]:
    """The right-hand side as lines of pieces, none wider than ``limit`` unless one piece is.

    Parameters
    ----------
    width
        How wide an expression is, in characters.
    """
    lines: list[list[Piece]] = [[]]
    room = limit
    for sign, term in _pieces(right, limit, width):
        needed = width(term) + (3 if sign else 0)
        if lines[-1] and needed > room:
            lines.append([])
            room = limit - 2
        lines[-1].append((sign, term))
        room -= needed
    return lines


def _pieces(right: Expr, limit: int, width: Callable[[Expr], int]) -> list[Piece]:
    pieces: list[Piece] = []
    for n, term in enumerate(terms_of(right)):
        sign, body = signed(term)
        before = sign if n or sign == "−" else ""
        if width(body) + 5 > limit and isinstance(body, Product):
            factors = body.factors
            pieces.append((before, factors[0]))
            pieces += [("·", factor) for factor in factors[1:]]
        else:
            pieces.append((before, body))
    return pieces
