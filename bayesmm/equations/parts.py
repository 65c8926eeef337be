"""Columns of X and of the terms' Xi taken apart: an interaction is the product of the columns it came from.

A column's name says what it might be the product of (``cses:sector[Public]``), the numbers decide: the parts
are used only where their product is the column. Whatever can't be taken apart stays whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from bayesmm.design import Design
from bayesmm.equations.groups import Grouping
from bayesmm.equations.tree import Expr, Power, Symbol
from bayesmm.equations.width import columns_of

INTERCEPT = "Intercept"
LONGEST = 40
"""Names wider than so many columns are shortened in the middle where they stand in an equation."""
_OPENERS, _CLOSERS = "([{", ")]}"
_SQUARE = re.compile(r"I\((.+) \*\* 2\)")


@dataclass(frozen=True, eq=False)
class Part:
    """One factor of a column.

    Attributes
    ----------
    name
        What the design calls it: ``cses``, ``sector[Public]``, ``log(x)``.
    values
        (n,) its numbers.
    home
        Where it varies: 0 between rows, g + 1 between the levels of the grouping's groups[g].
    symbol
        How it is written, with its subscripts.
    """

    name: str
    values: np.ndarray
    home: int
    symbol: Expr


class Parts:
    """The parts that the columns of a design are made of, each written with a symbol of its own."""

    def __init__(self, design: Design, grouping: Grouping) -> None:
        self._grouping = grouping
        self._parts: dict[str, list[Part]] = {}
        self._shown: dict[str, str] = {}
        self._arrays: dict[str, np.ndarray] = {}
        for names, matrix in ((design.names, design.X), *((t.columns, t.Xi) for t in design.terms)):
            for j, name in enumerate(names):
                self._arrays.setdefault(name, matrix[:, j])

    def of(self, name: str, values: np.ndarray) -> tuple[Part, ...]:
        """The parts whose product is the column ``values`` (n,); none for the intercept."""
        if name == INTERCEPT:
            return ()
        pieces = split_name(name)
        if len(pieces) > 1:
            found = self._factors(pieces, values)
            if found is not None:
                return found
        return (self._part(name, values),)

    @property
    def all(self) -> tuple[Part, ...]:
        """Every part that was asked for, in that order."""
        return tuple(part for variants in self._parts.values() for part in variants)

    def _factors(self, pieces: list[str], values: np.ndarray) -> tuple[Part, ...] | None:
        """The pieces as parts if their product is the column; one that stands nowhere else is divided out."""
        known = [piece for piece in pieces if piece in self._arrays]
        rest = [piece for piece in pieces if piece not in self._arrays]
        if not known:
            return None
        product = np.prod([self._arrays[piece] for piece in known], axis=0)
        if not rest:
            same = _equal(product, values)
            return tuple(self._part(piece, self._arrays[piece]) for piece in pieces) if same else None
        defined = product != 0
        if np.any(values[~defined] != 0):
            return None
        quotient = np.divide(values, product, out=np.zeros_like(values), where=defined)
        last = self._part(":".join(rest), quotient, defined)
        return (*(self._part(piece, self._arrays[piece]) for piece in known), last)

    def _part(self, name: str, values: np.ndarray, defined: np.ndarray | None = None) -> Part:
        """The part of this name and these numbers; another column of the same name gets a prime."""
        variants = self._parts.setdefault(name, [])
        for part in variants:
            rows = slice(None) if defined is None else defined
            if _equal(part.values[rows], values[rows]):
                return part
        home = self._grouping.home_of(values, defined)
        shown = self.shown(name + "′" * len(variants))
        symbol = Symbol(shown, self._grouping.subscripts(home), "roman")
        part = Part(name, values, home, self._as_square(name, values) or symbol)
        variants.append(part)
        return part

    def _as_square(self, name: str, values: np.ndarray) -> Expr | None:
        """``I(x ** 2)`` as x², if x is a column too and the numbers agree."""
        match = _SQUARE.fullmatch(name)
        base = match and self._arrays.get(match[1])
        if match is None or base is None or not _equal(base**2, values):
            return None
        (part,) = self.of(match[1], base)
        return Power(part.symbol, "2")

    def shown(self, name: str) -> str:
        """The name, shortened to something unique if it is long."""
        shown = " ".join(name.replace("`", "").split())
        if columns_of(shown) > LONGEST:
            half = LONGEST * len(shown) // columns_of(shown) // 2
            shown = f"{shown[:half]}…{shown[1 - half :]}"
        while self._shown.setdefault(shown, name) != name:
            shown += "′"
        return shown


def split_name(name: str) -> list[str]:
    """A column's name at the colons that stand outside brackets, quotes and backquotes.

    Examples
    --------
    >>> split_name("recipe[B]:temperature[18:5]:`a:b`")
    ['recipe[B]', 'temperature[18:5]', '`a:b`']
    """
    quotes = "".join(mark for mark in "'\"`" if name.count(mark) % 2 == 0)
    pieces, start, depth, quote = [], 0, 0, ""
    for at, character in enumerate(name):
        if quote:
            quote = "" if character == quote else quote
        elif character in quotes:
            quote = character
        elif character in _OPENERS:
            depth += 1
        elif character in _CLOSERS:
            depth -= 1
        elif character == ":" and depth == 0:
            pieces.append(name[start:at])
            start = at + 1
    return [*pieces, name[start:]]


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.max(np.abs(a - b), initial=0.0) <= 1e-10 * np.max(np.abs(b), initial=0.0))
