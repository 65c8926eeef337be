"""The columns of a model matrix as a recipe that makes them of data, the rows of the fit or others.

Which factor makes which columns in which term is formulae's algebra (``encoding``); expressions get their
meaning in ``evaluation`` and ``component``. What is added here: the columns of each term and their names, the
offset set apart, and errors that name the column at fault.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product as combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from formulae.transforms import Proportion

from bayesmm.design.codings import Contrasts, Treatment
from bayesmm.design.component import Component, Values
from bayesmm.design.encoding import encoded_terms, parts_of
from bayesmm.design.evaluation import Column, bind
from bayesmm.design.face import columns_sheet
from bayesmm.design.frame import Frame
from bayesmm.design.lookup import Names
from bayesmm.design.sources import INTERCEPT, ModelMatrix, Source, product
from bayesmm.errors import BayesmmError, DataError
from bayesmm.formula.expressions import response_part
from bayesmm.formula.piece import Piece


@dataclass(frozen=True)
class TermColumns:
    """Which columns of a matrix belong to one term of the formula.

    Attributes
    ----------
    name
        The term's name: ``Intercept``, ``Days``, ``cond``, ``x:cond``, ``poly(x, 2)``.
    positions
        The positions of its columns.
    levels
        The columns' labels within the term, for a term that makes several columns (``("b", "c")`` for a
        treatment-coded factor); None for a term that is one numeric column.
    """

    name: str
    positions: tuple[int, ...]
    levels: tuple[str, ...] | None


class _Term(NamedTuple):
    """How a term's columns are made: the product of its components' columns, factors by their contrasts."""

    name: str
    components: tuple[Component, ...]
    contrasts: tuple[Contrasts | None, ...]
    spans: tuple[bool, ...]

    @property
    def is_offset(self) -> bool:
        """Whether it is added with coefficient one, and makes no column."""
        return len(self.components) == 1 and self.components[0].kind == "offset"

    def sources(self, values: Mapping[Component, Values], n: int) -> tuple[Source, ...]:
        """The columns of the term on n rows."""
        if not self.components:
            return (INTERCEPT,)
        factors = [values[c].sources(k) for c, k in zip(self.components, self.contrasts, strict=True)]
        return factors[0] if len(factors) == 1 else product(factors, n)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns: ``cond[b]``, ``poly(x, 2)[0]``, ``x:cond[b]``."""
        if not self.components:
            return (self.name,)
        parts = [_names(c, k) for c, k in zip(self.components, self.contrasts, strict=True)]
        return tuple(map(":".join, combinations(*parts)))

    @property
    def levels(self) -> tuple[str, ...] | None:
        """The labels of the columns within the term; None for a single numeric column."""
        parts = [_labels(c, k) for c, k in zip(self.components, self.contrasts, strict=True)]
        several = [labels for labels in parts if labels is not None]
        return tuple(map(", ".join, combinations(*several))) if several else None


@dataclass(frozen=True, eq=False)
class Columns:
    """The recipe of a model matrix: its columns by name, and how they are made of data; it has no rows.

    Attributes
    ----------
    text
        The expression the columns come from.
    names
        The p column names.
    terms
        The terms of the expression with their columns, in order.
    references
        Factor name → reference level, for each factor with treatment contrasts.
    codings
        Factor name → name of its coding, for each factor with other contrasts.
    lost
        Terms that make no column, such as a factor of one level coded by contrasts.
    variables
        The columns of the data that the expression uses.
    """

    text: str
    names: tuple[str, ...]
    terms: tuple[TermColumns, ...]
    references: Mapping[str, str]
    codings: Mapping[str, str]
    lost: tuple[str, ...]
    variables: frozenset[str]
    _recipe: tuple[_Term, ...]
    _kept: tuple[int, ...] | None = None

    def __repr__(self) -> str:
        return f"Columns({self.text!r}: {len(self.names)} column{'' if len(self.names) == 1 else 's'})"

    def _repr_html_(self) -> str:
        return columns_sheet(self)._repr_html_()

    def evaluate(self, data: pd.DataFrame) -> tuple[ModelMatrix, np.ndarray | None]:
        """The columns on other data, with the transforms' remembered state.

        Parameters
        ----------
        data
            A frame of m rows that has the columns the expression uses.

        Returns
        -------
        matrix, offset
            (m, p), and (m,) or None.

        Raises
        ------
        DataError
            If a column is missing, a factor has a level that was not seen, or a part of the expression
            looks at other rows than its own in a way that can't be remembered.
        """
        components = list(dict.fromkeys(c for term in self._recipe for c in term.components))
        for component in components:
            if not component.row_wise:
                raise _not_row_wise(component)
        with explained(self.text, data):
            values = {component: component.on(data) for component in components}
        pieces, offset = _pieces(self._recipe, values, len(data))
        matrix = ModelMatrix(len(data), [source for piece in pieces for source in piece])
        return (matrix if self._kept is None else matrix.take(self._kept)), offset

    @property
    def only_factor(self) -> tuple[tuple[Any, ...], bool] | None:
        """The levels whose indicators the columns are, and whether the data order them; None for others."""
        components = [component for term in self._recipe for component in term.components]
        if len(self._recipe) != 1 or len(components) != 1 or components[0].kind != "categoric":
            return None
        (component,) = components
        return (component.levels, component.ordered) if self._recipe[0].spans == (True,) else None

    def take(self, order: Sequence[int]) -> Columns:
        """Some of the columns, in this order."""
        place = {old: new for new, old in enumerate(order)}
        terms = []
        for term in self.terms:
            stay = [i for i, position in enumerate(term.positions) if position in place]
            if stay:
                levels = None if term.levels is None else tuple(term.levels[i] for i in stay)
                terms.append(TermColumns(term.name, tuple(place[term.positions[i]] for i in stay), levels))
        before = range(len(self.names)) if self._kept is None else self._kept
        return replace(
            self,
            names=tuple(self.names[i] for i in order),
            terms=tuple(terms),
            _kept=tuple(before[i] for i in order),
        )


class Evaluated(NamedTuple):
    """An expression met with the rows of the fit: its recipe, its columns, and its offset (n,) or None."""

    recipe: Columns
    matrix: ModelMatrix
    offset: np.ndarray | None


def evaluate_columns(text: str, frame: Frame, names: Names) -> Evaluated:
    """Meet the right-hand side of a formula, such as ``"1 + x * cond"``, with complete rows of data.

    Raises
    ------
    DataError
        If the expression can't be evaluated, or gives a value that is not finite.
    """
    with explained(text, frame.columns):
        components = {part: Component(part, names, frame) for part in parts_of(text)}
        values = {component: component.learn(frame) for component in components.values()}
        encoded = encoded_terms(text, tuple(component.kind for component in components.values()))
        recipe = []
        for term in encoded:
            own = tuple(components[part] for part in term.parts)
            codings = tuple(c.contrasts(spans) for c, spans in zip(own, term.spans, strict=True))
            recipe.append(_Term(term.name, own, codings, term.spans))
    pieces, offset = _pieces(recipe, values, frame.n)
    columns: list[str] = []
    terms: list[TermColumns] = []
    lost: list[str] = []
    for term, piece in zip((term for term in recipe if not term.is_offset), pieces, strict=True):
        if not piece:
            lost.append(term.name)
            continue
        terms.append(
            TermColumns(term.name, tuple(range(len(columns), len(columns) + len(piece))), term.levels)
        )
        columns += term.names
    matrix = ModelMatrix(frame.n, [source for piece in pieces for source in piece])
    check_finite(columns, matrix.sources)
    return Evaluated(
        Columns(
            text=text,
            names=tuple(columns),
            terms=tuple(terms),
            references=_references(recipe),
            codings=_codings(recipe),
            lost=tuple(lost),
            variables=frozenset().union(*(component.columns for component in values)),
            _recipe=tuple(recipe),
        ),
        matrix,
        offset,
    )


def evaluate_response(text: str, frame: Frame, names: Names) -> np.ndarray:
    """Evaluate the left-hand side of a formula: whatever array it gives, of n rows."""
    with explained(text, frame.columns):
        part = response_part(Piece.of(text))
        node = Column(part.node.name, computes=True) if part.is_name else bind(part.node, names, frame.data)
        values = node(frame.columns if part.is_name else frame.data)
        if isinstance(values, Proportion):
            return values.eval()
        if part.reference is not None:
            return np.where(values == part.reference, 1, 0)
        return np.asarray(values)


def _pieces(
    recipe: Sequence[_Term], values: Mapping[Component, Values], n: int
) -> tuple[list[tuple[Source, ...]], np.ndarray | None]:
    """The columns of each term but offsets, and the sum of those."""
    pieces, offsets = [], []
    for term in recipe:
        sources = term.sources(values, n)
        if term.is_offset:
            offsets.append(sources[0].column(n))
        else:
            pieces.append(sources)
    return pieces, (np.sum(offsets, axis=0) if offsets else None)


def _names(component: Component, contrasts: Contrasts | None) -> list[str]:
    """The names of a component's columns."""
    labels = _labels(component, contrasts)
    return [component.name] if labels is None else [f"{component.name}[{label}]" for label in labels]


def _labels(component: Component, contrasts: Contrasts | None) -> tuple[str, ...] | None:
    """The labels of a component's columns; None for a single column of numbers."""
    if contrasts is not None:
        return contrasts.labels
    return tuple(map(str, range(component.width))) if component.width > 1 else None


def _contrasted(recipe: Sequence[_Term]) -> Iterator[tuple[Component, Contrasts]]:
    """The factors that make contrasts and not indicators somewhere, with these."""
    for term in recipe:
        for component, contrasts, spans in zip(*term[1:], strict=True):
            if contrasts is not None and not spans:
                yield component, contrasts


def _references(recipe: Sequence[_Term]) -> dict[str, str]:
    """Factor → its reference level, for those with treatment contrasts."""
    found = {}
    for component, contrasts in _contrasted(recipe):
        zeros = np.flatnonzero(~contrasts.matrix.any(axis=1))
        if isinstance(component.coding, Treatment) and len(zeros) == 1:
            found[component.name] = str(component.levels[zeros[0]])
    return found


def _codings(recipe: Sequence[_Term]) -> dict[str, str]:
    """Factor → the name of its coding, for those with other contrasts."""
    pairs = _contrasted(recipe)
    return {c.name: c.coding.name for c, _ in pairs if not isinstance(c.coding, Treatment)}


def _not_row_wise(component: Component) -> DataError:
    return DataError(
        f"'{component.written}' looks at other rows than its own, so that new data would give it another "
        "meaning than it had in the fit",
        expected="for predictions, functions of each row alone, or those whose state is remembered: mean, "
        "sd, min, max, scale, center, poly, ns, bs, cut, …",
        advice=f"write it with mean(x), sd(x), …, or make a column of '{component.written}' beforehand",
    )


@contextlib.contextmanager
def explained(text: str, data: pd.DataFrame | Mapping[str, pd.Series]) -> Iterator[None]:
    """Turn what functions raise while they evaluate ``text`` on data into a DataError."""
    try:
        with np.errstate(all="ignore"):
            yield
    except BayesmmError:
        raise
    except Exception as error:
        words = {token.lexeme.strip("`") for token in Piece.of(text).tokens}
        columns = [name for name in data if name in words]
        levels = [name for name in columns if not pd.api.types.is_numeric_dtype(data[name].dtype)]
        advice = "check the columns' types, or make the column beforehand"
        if levels:
            have = "has" if len(levels) == 1 else "have"
            advice = f"numbers where there are none: {', '.join(map(repr, levels))} {have} text or categories"
        raise DataError(
            f"'{text}' could not be evaluated: {str(error).rstrip('.')}",
            expected="an expression that gives a number or a level for every row",
            advice=advice,
        ) from error


def check_finite(names: Sequence[str], sources: Sequence[Source], complete: np.ndarray | None = None) -> None:
    """Whether columns are finite, at least in the rows where no variable is missing.

    Raises
    ------
    DataError
        If one isn't; the message names the first.
    """
    for name, source in zip(names, sources, strict=True):
        if source.is_finite:
            continue
        bad = ~np.isfinite(source.array)
        if complete is not None:
            bad &= complete
        if bad.any():
            raise DataError(
                f"the column '{name}' is infinite or not a number in {int(bad.sum())} rows",
                expected="finite numbers",
                advice="drop those rows, or mend the transformation (log of 0 or of a negative number?)",
            )
