"""Which columns a factor makes in which term: formulae's algebra, asked once for a text and kinds of parts.

Whether a factor gets indicators or contrasts depends on the terms of the expression and on which of its parts
are numbers and which factors, and on nothing else of the data: so the answer is remembered.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from formulae.terms import Variable
from formulae.terms.terms import Intercept, Term

from bayesmm.formula.expressions import read_terms
from bayesmm.formula.part import Part
from bayesmm.formula.piece import Piece

REMEMBERED = 256
"""How many expressions are remembered."""


class EncodedTerm(NamedTuple):
    """One term of an expression: the product of its parts, none for the intercept.

    ``spans`` says of each part, if it is a factor, whether it makes an indicator for each level, and so spans
    the intercept, or contrasts.
    """

    name: str
    parts: tuple[Part, ...]
    spans: tuple[bool, ...]


@lru_cache(maxsize=REMEMBERED)
def parts_of(text: str) -> tuple[Part, ...]:
    """The parts of an expression, ``"1 + x * cond"``, each once.

    Examples
    --------
    >>> [part.name for part in parts_of("1 + x * cond + log(x)")]
    ['x', 'cond', 'log(x)']
    """
    return tuple(dict.fromkeys(part for term in _terms(text) for part in getattr(term, "components", ())))


@lru_cache(maxsize=REMEMBERED)
def encoded_terms(text: str, kinds: tuple[str, ...]) -> tuple[EncodedTerm, ...]:
    """The terms of an expression in order of their degree, main effects before interactions, as in R.

    Terms that formulae adds for a factor that would otherwise have too few columns are among them.

    Parameters
    ----------
    text
        The expression.
    kinds
        For each of :func:`parts_of` ``"numeric"``, ``"categoric"`` or ``"offset"``.

    Examples
    --------
    >>> [(term.name, term.spans) for term in encoded_terms("0 + f + x:f", ("categoric", "numeric"))]
    [('f', (True,)), ('x:f', (False, True))]
    """
    kind_of = dict(zip(parts_of(text), kinds, strict=True))
    model = read_terms(Piece.of(text))
    model.common_terms = _terms(text)
    for term in model.common_terms:
        if isinstance(term, Term):
            # Variables of its own for each term: a/b codes a in "a" otherwise than in "a:b".
            term.components = [_Asked(part, kind_of[part]) for part in term.components]
    model.eval(pd.DataFrame(), None)
    found = []
    for term in model.common_terms:
        asked = term.components if isinstance(term, Term) else ()
        found.append(
            EncodedTerm(
                term.name, tuple(a.part for a in asked), tuple(bool(a.spans_intercept) for a in asked)
            )
        )
    return tuple(found)


def _terms(text: str) -> list[Intercept | Term]:
    terms = (term for term in read_terms(Piece.of(text)).common_terms if isinstance(term, Intercept | Term))
    return sorted(terms, key=_degree)


def _degree(term: Intercept | Term) -> int:
    return len(term.components) if isinstance(term, Term) else 0


class _Asked(Variable):
    """A part as formulae's algebra sees it: of some kind, without rows, and told how it is to be coded."""

    def __init__(self, part: Part, kind: str) -> None:
        super().__init__(part.name, part.reference)
        self.part = part
        self.kind = kind
        self.value = np.empty(0)

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def set_type(self, data_mask: pd.DataFrame) -> None:
        """The kind is given."""

    def set_data(self, spans_intercept: bool | None = None) -> None:
        """Be told whether to span the intercept."""
        self.spans_intercept = spans_intercept
