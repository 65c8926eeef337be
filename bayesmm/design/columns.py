"""The columns of a model matrix, and the recipe that rebuilds them on other data.

The algebra of terms, the choice between a factor's contrasts and its indicators, and products of columns are
formulae's work; expressions get their meaning in ``evaluation`` and ``component``. What is added here: terms
in order of their degree (main effects before interactions, as R does), names and the columns that belong to
each term, the offset set apart, and errors that name the column at fault.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from formulae.terms.terms import Intercept, Term
from formulae.transforms import Proportion

from bayesmm.design.codings import Treatment
from bayesmm.design.component import Component
from bayesmm.design.face import columns_sheet
from bayesmm.design.lookup import Names
from bayesmm.design.sources import Source, sources_of
from bayesmm.errors import BayesmmError, DataError
from bayesmm.formula.expressions import read_terms, response_part
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


@dataclass(frozen=True, eq=False)
class Columns:
    """A model matrix with names and the recipe that rebuilds it.

    Attributes
    ----------
    text
        The expression the columns come from.
    names
        The p column names.
    matrix
        (n, p) of float, read-only.
    terms
        The terms of the expression with their columns, in order.
    offset
        (n,), the sum of the ``offset(...)`` terms; None if there are none.
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
    matrix: np.ndarray
    terms: tuple[TermColumns, ...]
    offset: np.ndarray | None
    references: Mapping[str, str]
    codings: Mapping[str, str]
    lost: tuple[str, ...]
    variables: frozenset[str]
    _recipe: tuple[Intercept | Term, ...]
    _kept: tuple[int, ...] | None = None

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """The p columns as the data hold them: a pass over the rows reads these and not the matrix."""
        return sources_of(self.matrix)

    def __repr__(self) -> str:
        return f"Columns({self.text!r}: {' × '.join(map(str, self.matrix.shape))})"

    def _repr_html_(self) -> str:
        return columns_sheet(self)._repr_html_()

    def evaluate(self, data: pd.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
        """The same columns on other data, with the transforms' remembered state.

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
        for component in _components(self._recipe):
            if not component.row_wise:
                raise _not_row_wise(component)
        with explained(self.text, data):
            pieces = [_as_matrix(term.eval_new_data(data)) for term in self._recipe]
        matrix, offset = _split_offset(self._recipe, pieces, len(data))
        return (matrix if self._kept is None else matrix[:, list(self._kept)]), offset

    @property
    def only_factor(self) -> tuple[tuple[Any, ...], bool] | None:
        """The levels whose indicators the columns are, and whether the data order them; None for others."""
        components = _components(self._recipe)
        if len(self._recipe) != 1 or len(components) != 1 or components[0].kind != "categoric":
            return None
        (component,) = components
        return (tuple(component.levels), component.ordered) if component.spans_intercept else None

    def without(self, positions: Sequence[int]) -> Columns:
        """These columns less those at ``positions``."""
        gone = set(positions)
        kept = [i for i in range(len(self.names)) if i not in gone]
        renumber = {old: new for new, old in enumerate(kept)}
        terms = []
        for term in self.terms:
            stay = [i for i, position in enumerate(term.positions) if position in renumber]
            if stay:
                levels = None if term.levels is None else tuple(term.levels[i] for i in stay)
                terms.append(TermColumns(term.name, tuple(renumber[term.positions[i]] for i in stay), levels))
        matrix = np.ascontiguousarray(self.matrix[:, kept])
        matrix.flags.writeable = False
        before = range(len(self.names)) if self._kept is None else self._kept
        return replace(
            self,
            names=tuple(self.names[i] for i in kept),
            matrix=matrix,
            terms=tuple(terms),
            _kept=tuple(before[i] for i in kept),
        )


def evaluate_columns(text: str, data: pd.DataFrame, names: Names) -> Columns:
    """Evaluate the right-hand side of a formula, such as ``"1 + x * cond"``, on complete rows of data.

    Raises
    ------
    DataError
        If the expression can't be evaluated, or gives a value that is not finite.
    """
    with explained(text, data):
        model = read_terms(Piece.of(text))
        model.common_terms = sorted(
            (term for term in model.common_terms if isinstance(term, Intercept | Term)), key=_degree
        )
        for term in model.common_terms:
            if isinstance(term, Term):
                # Variables of its own for each term: a/b codes a in "a" otherwise than in "a:b".
                term.components = [Component(part, names, data) for part in term.components]
        model.eval(data, None)
    recipe = tuple(model.common_terms)
    pieces = [_as_matrix(term.data) for term in recipe]
    matrix, offset = _split_offset(recipe, pieces, len(data))
    matrix.flags.writeable = False
    columns: list[str] = []
    terms = []
    lost: list[str] = []
    for term, piece in zip(recipe, pieces, strict=True):
        if term.kind == "offset":
            continue
        if piece.shape[1] == 0:
            lost.append(term.name)
            continue
        positions = tuple(range(len(columns), len(columns) + piece.shape[1]))
        columns += list(term.labels)
        terms.append(TermColumns(term.name, positions, _levels(term, piece.shape[1])))
    check_finite(columns, matrix)
    for term in recipe:
        term.data = None
    components = _components(recipe)
    for component in components:
        component.forget()
    return Columns(
        text=text,
        names=tuple(columns),
        matrix=matrix,
        terms=tuple(terms),
        offset=offset,
        references={c.name: ref for c in components if (ref := _reference(c)) is not None},
        codings={c.name: c.coding.name for c in components if not isinstance(c.coding, Treatment | None)},
        lost=tuple(lost),
        variables=frozenset().union(*(component.columns for component in components)),
        _recipe=recipe,
    )


def evaluate_response(text: str, data: pd.DataFrame, names: Names) -> np.ndarray:
    """Evaluate the left-hand side of a formula: whatever array it gives, of n rows."""
    with explained(text, data):
        response = Component(response_part(Piece.of(text)), names, data)
        values = response.node(data)
        if isinstance(values, Proportion):
            return values.eval()
        if response.reference is not None:
            return np.where(values == response.reference, 1, 0)
        return np.asarray(values)


def _components(recipe: Sequence[Intercept | Term]) -> list[Component]:
    return [component for term in recipe if isinstance(term, Term) for component in term.components]


def _not_row_wise(component: Component) -> DataError:
    return DataError(
        f"'{component.written}' looks at other rows than its own, so that new data would give it another "
        "meaning than it had in the fit",
        expected="for predictions, functions of each row alone, or those whose state is remembered: mean, "
        "sd, min, max, scale, center, poly, ns, bs, cut, …",
        advice=f"write it with mean(x), sd(x), …, or make a column of '{component.written}' beforehand",
    )


@contextlib.contextmanager
def explained(text: str, data: pd.DataFrame) -> Iterator[None]:
    """Turn what functions raise while they evaluate ``text`` on data into a DataError."""
    try:
        with np.errstate(all="ignore"):
            yield
    except BayesmmError:
        raise
    except Exception as error:
        words = {token.lexeme.strip("`") for token in Piece.of(text).tokens}
        columns = [name for name in data.columns if name in words]
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


def _degree(term: object) -> int:
    return 0 if isinstance(term, Intercept) else len(term.components) if isinstance(term, Term) else 1


def _as_matrix(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values[:, None] if values.ndim == 1 else values


def _split_offset(
    recipe: Sequence[Intercept | Term], pieces: list[np.ndarray], n: int
) -> tuple[np.ndarray, np.ndarray | None]:
    kinds = [term.kind for term in recipe]
    columns = [piece for piece, kind in zip(pieces, kinds, strict=True) if kind != "offset"]
    offsets = [piece[:, 0] for piece, kind in zip(pieces, kinds, strict=True) if kind == "offset"]
    matrix = np.column_stack(columns) if columns else np.zeros((n, 0))
    return np.ascontiguousarray(matrix), (np.sum(offsets, axis=0) if offsets else None)


def _levels(term: Any, width: int) -> tuple[str, ...] | None:
    """Labels of a term's columns within the term, or None for a single numeric column."""
    if isinstance(term, Intercept):
        return None
    if term.levels is not None:
        return tuple(str(level) for level in term.levels)
    return None if width == 1 else tuple(str(i) for i in range(width))


def _reference(component: Component) -> str | None:
    """The reference level of a factor with treatment contrasts."""
    if not isinstance(component.coding, Treatment):
        return None
    zeros = np.flatnonzero(~component.contrast_matrix.matrix.any(axis=1))
    return str(component.levels[zeros[0]]) if len(zeros) == 1 else None


def check_finite(names: Sequence[str], matrix: np.ndarray, complete: np.ndarray | None = None) -> None:
    """Whether a matrix (m, p) is finite, at least in the rows where no variable is missing.

    Raises
    ------
    DataError
        If it isn't; the message names the first column at fault.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        if np.isfinite(matrix.sum()):
            return
    bad = ~np.isfinite(matrix)
    if complete is not None:
        bad &= complete[:, None]
    if bad.any():
        column = int(np.flatnonzero(bad.any(axis=0))[0])
        raise DataError(
            f"the column '{names[column]}' is infinite or not a number in {int(bad[:, column].sum())} rows",
            expected="finite numbers",
            advice="drop those rows, or mend the transformation (log of 0 or of a negative number?)",
        )
