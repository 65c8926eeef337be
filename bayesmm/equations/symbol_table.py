"""What each symbol is in the data and in the results, and the values that the equations take row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bayesmm.design.naming import TermNames, name_parameters
from bayesmm.equations.filled import Values, filled_in
from bayesmm.equations.groups import ROWS
from bayesmm.equations.level_equations import written_equation
from bayesmm.equations.notation import (
    LevelEquation,
    Notation,
    RandomNotation,
)
from bayesmm.equations.page import Entry
from bayesmm.equations.parts import INTERCEPT, Part
from bayesmm.equations.tree import Expr, Phrase, Power, Symbol, evaluate


def symbol_entries(notation: Notation, values: Values | None) -> tuple[Entry, ...]:
    """Every symbol of the level equations and of the one equation, in the order of reading."""
    found = [
        *_indices(notation),
        Entry(notation.response, "response", "", notation.design.response.strip("`"), ("the response",)),
        *_predictors(notation),
        *_given(notation),
        *(
            _level_coefficient(equation, notation)
            for equation in notation.levels
            if equation.left is not None
        ),
        *_coefficients(notation, values),
    ]
    for term, named in zip(notation.terms, name_parameters(notation.design).terms, strict=True):
        found += _effects(term, named, notation, values)
    found.append(Entry(notation.residual, "residual", "", "residuals", ("the residual",)))
    weighted = () if notation.weight is None else (" where ", notation.weight, " is 1")
    for name, symbol in notation.dispersions.items():
        number = None if values is None else filled_in(symbol, notation, values)
        found.append(Entry(symbol, "sd", "", name, ("sd of ", notation.residual, *weighted), number))
    return tuple(found)


def bindings(notation: Notation, values: Values) -> dict[Expr, Any]:
    """A value for each symbol of the equations: numbers, or (n,) arrays of one for each row.

    With these, ``evaluate(equation.right, bindings)`` of the one equation without its residual gives the
    fitted values. The coefficients of the lower levels are found from their own equations.
    """
    design = notation.design
    found: dict[Expr, Any] = {}
    for part in notation.parts:
        if isinstance(part.symbol, Symbol):
            found[part.symbol] = part.values
    for column in notation.fixed:
        found[column.coefficient] = values.beta[column.position]
    for term in notation.terms:
        modes = values.effects[term.position][term.group.factor.codes]
        for c, column in enumerate(term.columns):
            found[column.effect] = modes[:, c]
    if notation.offset is not None:
        found[notation.offset] = design.offset
    for equation in sorted(notation.levels, key=lambda e: -e.level):
        if equation.left is not None:
            found[equation.left] = evaluate(written_equation(equation, notation).right, found)
    return found


def _indices(notation: Notation) -> Iterator[Entry]:
    groups, nested = notation.grouping.groups, notation.grouping.nested
    within = [f", within {group.name}" if nested else "" for group in groups] + [""]
    yield Entry(Symbol(ROWS), "index", "", "rows", (f"{notation.design.n} rows{within[0]}",))
    for g, group in enumerate(groups):
        words: Phrase = (f"{group.size} levels{within[g + 1]}",)
        if not nested:
            index, row = Symbol(group.index), Symbol(ROWS)
            words = (*words, "; ", index, "[", row, "] is the one of row ", row)
        yield Entry(Symbol(group.index), "index", group.name, group.name, words)


def _predictors(notation: Notation) -> Iterator[Entry]:
    seen: set[Symbol] = set()
    for part in notation.parts:
        symbol = part.symbol
        if isinstance(symbol, Power) or symbol in seen:
            continue
        seen.add(symbol)
        group = notation.grouping.groups[part.home - 1].name if part.home else ""
        yield Entry(symbol, "predictor", group, part.name, (_predictor(part, notation),))


def _predictor(part: Part, notation: Notation) -> str:
    """Where a predictor varies, and what an indicator indicates."""
    design = notation.design
    where = "varies between rows"
    if part.home:
        where = f"constant within {notation.grouping.groups[part.home - 1].name}"
    for columns in (design.fixed, *(term.recipe for term in design.terms)):
        for term in columns.terms:
            names = [columns.names[position] for position in term.positions]
            if term.levels is None or part.name not in names or not np.isin(part.values, (0, 1)).all():
                continue
            level = term.levels[names.index(part.name)]
            reference = columns.references.get(term.name)
            against = f" (reference: {reference})" if reference is not None else ""
            return f"1 where {term.name} is {level}{against}; {where}"
    return where


def _given(notation: Notation) -> Iterator[Entry]:
    if notation.offset is not None:
        yield Entry(notation.offset, "offset", "", "offset", ("the offset, known",))
    if notation.weight is not None:
        yield Entry(notation.weight, "weight", "", "weights", ("the precision weight, known",))


def _coefficients(notation: Notation, values: Values | None) -> Iterator[Entry]:
    for column in notation.order:
        number = None if values is None else filled_in(column.coefficient, notation, values)
        yield Entry(column.coefficient, "coefficient", "", column.name, (_of(column.name),), number)


def _level_coefficient(equation: LevelEquation, notation: Notation) -> Entry:
    """A coefficient of a lower level, such as the intercept of Subject j."""
    group = notation.grouping.groups[equation.level - 2]
    trail, wanted = [], equation.left
    while wanted is not None:
        parts, wanted = next(
            (parts, lower.left)
            for lower in notation.levels
            for coefficient, parts in lower.slots
            if coefficient == wanted
        )
        trail += parts
    name = ":".join(part.name for part in trail) or INTERCEPT
    same = {frozenset(part.name for part in c.parts): c.name for c in notation.fixed}
    name = same.get(frozenset(part.name for part in trail), name)
    words = (f"{_of(name)} in {group.name} ", Symbol(group.index))
    return Entry(equation.left, "level coefficient", group.name, name, words)


def _effects(
    term: RandomNotation, named: TermNames, notation: Notation, values: Values | None
) -> Iterator[Entry]:
    group = term.group
    owners = {position: effect.sd for effect in named.effects for position in effect.positions}
    for column in term.columns:
        words = (f"random effect of {group.name} ", Symbol(group.index), f" on the {_of(column.name)}")
        yield Entry(column.plain, "effect", group.name, column.name, words)
    for c, sd in enumerate(term.sds):
        if sd not in term.sds[:c]:
            number = None if values is None else filled_in(sd, notation, values)
            same = [column.plain for column, other in zip(term.columns, term.sds, strict=True) if other == sd]
            yield Entry(sd, "sd", group.name, owners[c], ("sd of ", *_listed(same)), number)
    for (i, j), covariance in term.covariances.items():
        number = None if values is None else filled_in(covariance, notation, values)
        a, b = term.columns[i], term.columns[j]
        words = ("covariance of ", *_listed([a.plain, b.plain]))
        yield Entry(covariance, "covariance", group.name, f"{a.name}, {b.name}", words, number)

    coords = name_parameters(notation.design).coords
    for m, correlation in enumerate(term.correlations):
        number = None if values is None else filled_in(correlation, notation, values)
        label = "" if named.corr_dim is None else f"[{coords[named.corr_dim][m]}]"
        words = (f"correlation of effects in one level: {named.covariance.meaning(m)}",)
        yield Entry(correlation, "correlation", group.name, f"{named.corr}{label}", words, number)


def _of(name: str) -> str:
    return "intercept" if name == INTERCEPT else f"coefficient of {name}"


def _listed(symbols: list[Symbol]) -> list[str | Expr]:
    """a, b and c."""
    words: list[str | Expr] = [symbols[0]]
    for n, symbol in enumerate(symbols[1:], start=2):
        words += [" and " if n == len(symbols) else ", ", symbol]
    return words
