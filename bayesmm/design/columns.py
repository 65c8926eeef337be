"""The columns of a model matrix, and the recipe that rebuilds them on other data.

Parsing and evaluating the expressions is formulae's work. What is added here: terms in order of their
degree (main effects before interactions, as R does), names and the columns that belong to each term, the
offset set apart, and errors that name the column at fault.
"""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from formulae.categorical import ContrastMatrix
from formulae.environment import Environment, VarLookupDict
from formulae.matrices import CommonEffectsMatrix, DesignMatrices
from formulae.model_description import model_description
from formulae.terms.terms import Intercept, Term
from formulae.transforms import TRANSFORMS

from bayesmm.errors import BayesmmError, DataError

NAMESPACE: dict[str, Any] = {
    "np": np,
    "abs": np.abs,
    "exp": np.exp,
    "expm1": np.expm1,
    "factor": TRANSFORMS["C"],
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "sqrt": np.sqrt,
}
"""What an expression may call besides formulae's own transforms (scale, center, poly, bs, …)."""


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
        Factor name → reference level, for each factor coded by contrasts.
    lost
        Terms that make no column, such as a factor of one level coded by contrasts.
    known_names
        Names that the expression may use besides columns of the data.
    """

    text: str
    names: tuple[str, ...]
    matrix: np.ndarray
    terms: tuple[TermColumns, ...]
    offset: np.ndarray | None
    references: Mapping[str, str]
    lost: tuple[str, ...]
    known_names: frozenset[str]
    _evaluated: CommonEffectsMatrix | None
    _kept: tuple[int, ...] | None = None

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
            If a column is missing, or a factor has a level that was not seen.
        """
        if self._evaluated is None:
            return np.zeros((len(data), 0)), None
        with explained(self.text):
            rebuilt = self._evaluated.evaluate_new_data(data)
            pieces = [
                np.asarray(rebuilt.design_matrix[:, rebuilt.slices[name]], dtype=float)
                for name in self._evaluated.terms
            ]
        matrix, offset = _split_offset(self._evaluated, pieces, len(data))
        return (matrix if self._kept is None else matrix[:, list(self._kept)]), offset

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


def evaluate_columns(text: str, data: pd.DataFrame, namespace: Mapping[str, Any] | None = None) -> Columns:
    """Evaluate the right-hand side of a formula, such as ``"1 + x * cond"``, on complete rows of data.

    Raises
    ------
    DataError
        If the expression can't be evaluated, or gives a value that is not finite.
    """
    with explained(text):
        description = model_description(text)
        description.common_terms.sort(key=_degree)
        _part(description.common_terms)
        evaluated = DesignMatrices(description, data, _environment(namespace)).common
    if evaluated is None:
        empty = np.zeros((len(data), 0))
        return Columns(text, (), empty, (), None, {}, (), frozenset(namespace or ()), None)
    pieces = [_as_matrix(term.data) for term in evaluated.terms.values()]
    matrix, offset = _split_offset(evaluated, pieces, len(data))
    matrix.flags.writeable = False
    names: list[str] = []
    terms = []
    references: dict[str, str] = {}
    lost: list[str] = []
    for term, piece in zip(evaluated.terms.values(), pieces, strict=True):
        if term.kind == "offset":
            continue
        if piece.shape[1] == 0:
            lost.append(term.name)
            continue
        positions = tuple(range(len(names), len(names) + piece.shape[1]))
        names += list(term.labels)
        terms.append(TermColumns(term.name, positions, _levels(term, piece.shape[1])))
        references.update(_references(term))
    check_finite(names, matrix)
    known = frozenset(namespace or ())
    return Columns(
        text, tuple(names), matrix, tuple(terms), offset, references, tuple(lost), known, evaluated
    )


def _part(terms: Sequence[Any]) -> None:
    """Give each term variables of its own: ``a/b`` would else code a in ``a`` as in ``a:b``, in name only."""
    for term in terms:
        if hasattr(term, "components"):
            term.components = copy.deepcopy(term.components)


def evaluate_response(
    text: str, data: pd.DataFrame, namespace: Mapping[str, Any] | None = None
) -> np.ndarray:
    """Evaluate the left-hand side of a formula: whatever array it gives, of n rows."""
    with explained(text):
        description = model_description(f"{text} ~ 1")
        return DesignMatrices(description, data, _environment(namespace)).response.design_matrix


@contextlib.contextmanager
def explained(text: str) -> Iterator[None]:
    """Turn what formulae raises while it evaluates ``text`` into a DataError; keep its prints to itself."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            yield
    except BayesmmError:
        raise
    except KeyError as error:
        raise DataError(
            f"'{text}' uses {error.args[0]!r}, which is neither a column nor a known function",
            expected="columns of the data, formulae's transforms, and log, exp, sqrt, factor, np.…",
            advice="make the column beforehand, or pass your function in namespace={...}",
        ) from error
    except Exception as error:
        raise DataError(
            f"'{text}' could not be evaluated: {str(error).rstrip('.')}",
            expected="an expression that gives a number or a level for every row",
            advice="check the columns' types, or make the column beforehand",
        ) from error


class _Lookup(VarLookupDict):
    """The names of a formula, the user's before ours; in a pickle only the user's are written."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        super().__init__([dict(namespace), NAMESPACE])

    def __reduce__(self) -> tuple[type[_Lookup], tuple[dict[str, Any]]]:
        return _Lookup, (self._dicts[1],)

    def __deepcopy__(self, memo: object) -> _Lookup:
        return self  # nothing writes to it


def _environment(namespace: Mapping[str, Any] | None) -> Environment:
    return Environment([_Lookup(namespace or {})])


def _degree(term: object) -> int:
    return 0 if isinstance(term, Intercept) else len(term.components) if isinstance(term, Term) else 1


def _as_matrix(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values[:, None] if values.ndim == 1 else values


def _split_offset(
    evaluated: CommonEffectsMatrix, pieces: list[np.ndarray], n: int
) -> tuple[np.ndarray, np.ndarray | None]:
    kinds = [term.kind for term in evaluated.terms.values()]
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


def _references(term: Any) -> dict[str, str]:
    """The reference level of each contrast-coded factor in a term: the one whose contrasts are all zero."""
    found = {}
    for component in getattr(term, "components", ()):
        contrasts = component.contrast_matrix
        if isinstance(contrasts, ContrastMatrix) and component.levels is not None:
            zeros = np.flatnonzero(~np.asarray(contrasts.matrix).any(axis=1))
            if len(zeros) == 1:
                found[component.name] = str(component.levels[zeros[0]])
    return found


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
