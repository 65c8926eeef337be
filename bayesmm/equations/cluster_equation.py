"""One cluster's own equation, y_j = X_j β + Z_j b_j + e_j, with its actual numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesmm.equations.digits import data_numbers
from bayesmm.equations.elision import elided
from bayesmm.equations.filled import Values, filled_in
from bayesmm.equations.matrix_equations import offset_vector
from bayesmm.equations.notation import Notation, RandomNotation
from bayesmm.equations.page import Section
from bayesmm.equations.tree import (
    Equation,
    Expr,
    Matrix,
    Phrase,
    Symbol,
    Under,
    bold,
    product,
    total,
)

ROWS = 6
COLUMNS = 5
"""Longer and wider matrices are elided."""
DIGITS = 4
"""Significant digits of the largest of a column of estimates."""


def cluster_section(notation: Notation, group: str, level: Any, values: Values | None) -> Section:
    """The cluster's equation in symbols with sizes, and in numbers.

    The effects of the other grouping factors are in it too, as the rows of this cluster need them.

    Raises
    ------
    DataError
        If there is no such group, or no such level of it.
    """
    design = notation.design
    found = design.cluster(group, level)
    own = [term for term in notation.terms if term.group.name == group]
    rows = np.flatnonzero(own[0].group.factor.codes == own[0].group.factor.code_of(level))
    letter = own[0].group.index
    others = [term for term in notation.terms if term.group.name != group]
    n = len(rows)
    terms, numbers = [], []
    if design.p:
        beta = [filled_in(c.coefficient, notation, values) for c in notation.fixed]
        terms.append(product(_sized("X", letter, n, design.p), Under(bold("β"), f"{design.p}×1")))
        numbers.append(product(_data(found.X), _vector(beta, COLUMNS)))
    k = found.Z.shape[1]
    terms.append(product(_sized("Z", letter, n, k), _sized("b", letter, k, 1)))
    numbers.append(product(_data(found.Z), _vector(_own_effects(own, level, values), COLUMNS)))
    for term in others:
        symbolic, numeric = _other(term, notation, rows, letter, values)
        terms.append(symbolic)
        numbers.append(symbolic if numeric is None else numeric)
    offset = offset_vector(notation)
    if offset is not None:
        terms.append(_sized(offset.base, letter, n, 1))
        numbers.append(_vector(data_numbers(design.offset[rows])))
    terms.append(_sized("e", letter, n, 1))
    numbers.append(_vector(_residuals(notation, rows, letter, values)))
    label = own[0].group.factor.labels[own[0].group.factor.code_of(level)]
    lines = (
        Equation(_sized("y", letter, n, 1), "=", total(*terms)),
        Equation(_vector(data_numbers(found.y)), "=", total(*numbers)),
    )
    return Section(f"{group} {label} ({n} rows)", lines, _notes(notation, group, letter))


def _notes(notation: Notation, group: str, letter: str) -> tuple[Phrase, ...]:
    """What the blocks of other grouping factors are, and the offset."""
    notes: list[Phrase] = []
    for t, term in enumerate(notation.design.terms):
        if term.group != group:
            blocks = (bold("Z", str(t + 1), letter), " ", bold("b", str(t + 1), letter))
            notes.append((*blocks, f": the random effects ({term.label}) in these rows."))
    if notation.offset is not None:
        notes.append((bold("a", letter), ": the offset."))
    return tuple(notes)


def _sized(base: str, letter: str, rows: int, columns: int, *number: str) -> Under:
    return Under(bold(base, *number, letter), f"{rows}×{columns}")


def _data(values: np.ndarray) -> Matrix:
    """A matrix of numbers, each column with its own decimals."""
    columns = [data_numbers(values[:, j]) for j in range(values.shape[1])]
    return elided(*values.shape, lambda i, j: columns[j][i], rows=ROWS, columns=COLUMNS)


def _vector(entries: Sequence[Expr], most: int = ROWS) -> Matrix:
    return elided(len(entries), 1, lambda i, j: entries[i], rows=most)


def _own_effects(own: list[RandomNotation], level: Any, values: Values | None) -> Sequence[Expr]:
    """The cluster's random effects: symbols, or their modes or means."""
    if values is None:
        return [column.plain for term in own for column in term.columns]
    code = own[0].group.factor.code_of(level)
    return data_numbers(np.concatenate([values.effects[term.position][code] for term in own]), DIGITS)


def _other(
    term: RandomNotation, notation: Notation, rows: np.ndarray, letter: str, values: Values | None
) -> tuple[Expr, Matrix | None]:
    """What a term of another factor adds in these rows: Z and b of the levels met here, and its numbers."""
    number = str(term.position + 1)
    design_term = notation.design.terms[term.position]
    codes = design_term.factor.codes[rows]
    width = term.k * len(np.unique(codes))
    symbolic = product(_sized("Z", letter, len(rows), width, number), _sized("b", letter, width, 1, number))
    if values is None:
        return symbolic, None
    return symbolic, _vector(data_numbers(_contribution(term, notation, rows, values), DIGITS))


def _contribution(term: RandomNotation, notation: Notation, rows: np.ndarray, values: Values) -> np.ndarray:
    """Z b of one term in these rows."""
    design_term = notation.design.terms[term.position]
    effects = values.effects[term.position][design_term.factor.codes[rows]]
    return np.einsum("ij,ij->i", design_term.Xi[rows], effects)


def _residuals(notation: Notation, rows: np.ndarray, letter: str, values: Values | None) -> Sequence[Expr]:
    """e of these rows: symbols, or what the rest leaves of y."""
    if values is None:
        labels = [str(i + 1) for i in range(len(rows))]
        base = notation.residual.base
        return [Symbol(base, (label, *((",",) if len(label) > 1 else ()), letter)) for label in labels]
    design = notation.design
    left = design.y[rows] - design.X[rows] @ values.beta
    for term in notation.terms:
        left = left - _contribution(term, notation, rows, values)
    if design.offset is not None:
        left = left - design.offset[rows]
    return data_numbers(left, DIGITS)
