"""Formula × data → Design: every check on the data is made here, before anything is computed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesmm.covariance import STRUCTURES, Covariance, structure_called
from bayesmm.design.arithmetic import remedy
from bayesmm.design.columns import Evaluated, evaluate_columns, evaluate_response
from bayesmm.design.design import Design
from bayesmm.design.entrance import as_frame
from bayesmm.design.factor import Factor, factor_from
from bayesmm.design.frame import Frame, check_known, complete_frame
from bayesmm.design.given import Given, aligned
from bayesmm.design.identification import spanned_columns
from bayesmm.design.lookup import Names
from bayesmm.design.over_time import columns_over_time
from bayesmm.design.random_term import RandomTerm
from bayesmm.design.rank import aliased_sources
from bayesmm.design.rows import Rows
from bayesmm.design.sources import numbers_of
from bayesmm.errors import DataError, DesignNotice, ModelError, near_matches
from bayesmm.families import Family, Gaussian, Response
from bayesmm.families.contract import WEIGHTINGS
from bayesmm.formula import Bar, Formula, LevelEquations, parse_formula
from bayesmm.formula.expressions import read_expression
from bayesmm.formula.piece import Piece

GAUSSIAN = Gaussian("identity")


def build_design(
    formula: str | Formula,
    data: Any,
    *,
    family: Family = GAUSSIAN,
    covariance: Mapping[str, str] | None = None,
    weights: Any = None,
    offset: Any = None,
    namespace: Mapping[str, Any] | None = None,
) -> Design:
    """Build y, X and the random terms of a model.

    Parameters
    ----------
    formula
        lme4's language, or a :class:`~bayesmm.formula.Formula`.
    data
        One row for each observation, as :func:`~bayesmm.design.entrance.as_frame` takes it.
    family
        The response's distribution, which reads it.
    covariance
        Group name or term label → name of a covariance structure, where it isn't what the bar says.
    weights
        Precision weights, a column name or n positive numbers: Var(e_i) = σ²/w_i. A pandas Series belongs to
        the rows of its labels.
    offset
        A column name or n numbers, added to the linear predictor; a pandas Series as for weights.
    namespace
        Functions and values that the formula may use by name, besides those it knows and the variables that
        stand where the model is made.

    Raises
    ------
    FormulaError
        If the formula can't be read.
    DataError
        If the data don't fit the formula.
    ModelError
        If an option names nothing.
    """
    names = Names.of(namespace)
    parsed = parse_formula(formula)
    table = as_frame(data)
    check_known(table, parsed.columns)
    variables = check_known(table, parsed.variables, also=names)
    _check_names(variables)
    extra = {"weights": aligned(weights, "weights", table), "offset": aligned(offset, "offset", table)}
    frame = complete_frame(table, variables, extra)
    response = _response(parsed, frame, names, family)
    y = numbers_of(response.y).array
    used_weights, used_offset = (None if v is None else frame.of_rows(v) for v in extra.values())
    _check_weights(used_weights, family)
    fixed, aliased = _fixed(parsed, frame, names)
    if fixed.offset is not None:
        used_offset = fixed.offset if used_offset is None else used_offset + fixed.offset
    terms = _terms(parsed, frame, names, _checked_covariance(covariance))
    if parsed.levels is not None:
        _check_constant_within(parsed.levels, frame, terms)
    for term, column, other in spanned_columns(terms):
        warnings.warn(
            f"the columns of ({other.label}) add up to '{column}' of ({term.label}), whose variance can't be "
            "told from theirs: without it the model is the same",
            DesignNotice,
            stacklevel=3,
        )
    for array in (used_weights, used_offset):
        if array is not None:
            array.flags.writeable = False
    rows = Rows(fixed.matrix, tuple(t.rows for t in terms), used_offset, used_weights, frame.index, y)
    return Design(
        formula=parsed,
        fixed=fixed.recipe,
        terms=terms,
        rows=rows,
        aliased=aliased,
        n_dropped=frame.n_dropped,
        given=Given.of(data, frame, weights, offset, names.used),
        family=family,
    )


def _check_names(variables: list[str]) -> None:
    if "Intercept" in variables:
        raise DataError(
            "a column of the data is called 'Intercept'",
            expected="a name that the column of ones doesn't have",
            advice="rename the column",
        )


def _checked_covariance(covariance: Any) -> dict[str, str]:
    if covariance is None:
        return {}
    if not isinstance(covariance, Mapping) or not all(isinstance(v, str) for v in covariance.values()):
        raise ModelError(
            f"covariance is {covariance!r}",
            expected=f"a mapping to names of structures: {', '.join(map(repr, STRUCTURES))}",
            advice="covariance={'Subject': 'diagonal'}",
        )
    return dict(covariance)


def _response(formula: Formula, frame: Frame, names: Names, family: Family) -> Response:
    """The left-hand side as the family reads it; a column of numbers isn't copied."""
    name = formula.response
    column = name.strip("`")
    given = frame.columns.get(column)
    if given is None:
        return family.encode(name, np.asarray(evaluate_response(name, frame, names)))
    if getattr(given.dtype, "kind", "O") in "mM":
        raise DataError(
            f"the response '{column}' is not numeric ({given.dtype})",
            expected="a number for each row",
            advice=remedy(given),
        )
    if given.dtype == np.float64:
        return family.encode(name, frame.source(column).array)
    if given.dtype == bool:
        return family.encode(name, given.to_numpy())
    if pd.api.types.is_numeric_dtype(given.dtype):
        return family.encode(name, np.asarray(evaluate_response(name, frame, names)))
    return family.encode(column, given)


def _check_weights(weights: np.ndarray | None, family: Family) -> None:
    if weights is not None and not (weights > 0).all():
        bad = int((weights <= 0).sum())
        raise DataError(
            f"{bad} of the weights are zero or negative",
            expected=f"positive {WEIGHTINGS[family.weighting]}",
            advice="drop the rows that should not count",
        )


def _fixed(formula: Formula, frame: Frame, names: Names) -> tuple[Evaluated, tuple[str, ...]]:
    """X with its aliased columns dropped, and their names."""
    columns = evaluate_columns(formula.fixed, frame, names)
    recipe, matrix, offset = columns
    if recipe.lost:
        warnings.warn(
            f"{', '.join(map(repr, recipe.lost))} makes no column of X: a factor with one level",
            DesignNotice,
            stacklevel=4,
        )
    gone = aliased_sources(matrix)
    aliased = tuple(recipe.names[i] for i in gone)
    if gone:
        warnings.warn(
            f"X is rank deficient: dropped {len(gone)} column{'s' if len(gone) > 1 else ''} that depend "
            f"linearly on others: {', '.join(aliased)}",
            DesignNotice,
            stacklevel=4,
        )
        kept = [i for i in range(len(recipe.names)) if i not in set(gone)]
        columns = Evaluated(recipe.take(kept), matrix.take(kept), offset)
    p = len(columns.recipe.names)
    if p >= frame.n:
        raise DataError(
            f"{p} fixed-effects coefficients and {frame.n} complete rows",
            expected="more rows than coefficients",
            advice="a simpler fixed part, or look for missing values",
        )
    return columns, aliased


def _terms(
    formula: Formula,
    frame: Frame,
    names: Names,
    covariance: dict[str, str],
) -> tuple[RandomTerm, ...]:
    """The random terms, by falling number of levels; terms of one group share one Factor."""
    factors: dict[tuple[str, ...], Factor] = {}
    terms: list[RandomTerm] = []
    for bar in formula.bars:
        if bar.group not in factors:
            factors[bar.group] = _checked_factor(bar, frame)
        terms += _terms_of(bar, factors[bar.group], frame, names, covariance)
    known = {bar.label for bar in formula.bars} | {b.group_name for b in formula.bars if b.structure is None}
    for key in covariance:
        if key not in known and any(bar.group_name == key for bar in formula.bars):
            raise ModelError(
                f"covariance has the key {key!r}, and the formula names a structure for all bars of '{key}'",
                expected="one structure for each bar",
                advice=f"leave {key!r} out of covariance=",
            )
        if key not in known:
            raise ModelError(
                f"covariance has the key {key!r}, which names no random term",
                expected="the name of a grouping factor or the label of a term",
                advice=near_matches(key, known),
            )
    for term in terms:
        _check_term(term, terms)
    return tuple(sorted(terms, key=lambda term: -len(term.factor)))


def _terms_of(
    bar: Bar, factor: Factor, frame: Frame, names: Names, covariance: Mapping[str, str]
) -> list[RandomTerm]:
    """The random terms of a bar: one, but for ``||`` before a term of several columns.

    As in lme4 ``||`` parts the terms of the expression, and not their columns: ``(x + f || g)`` with a factor
    f is ``(1 + x || g) + (0 + f | g)``. A structure that the user chose is that of the whole bar.
    """
    chosen = _chosen(bar, covariance)
    if chosen is not None:
        columns, structure = _structured(bar, chosen, frame, names)
        by_option = bar.structure is None
        return [RandomTerm(bar.label, factor, columns.recipe, structure, columns.matrix, chosen=by_option)]
    recipe, matrix, _ = evaluate_columns(bar.expr, frame, names)
    if bar.correlated or all(term.levels is None for term in recipe.terms):
        structure = STRUCTURES["unstructured" if bar.correlated else "diagonal"](len(recipe.names))
        return [RandomTerm(bar.label, factor, recipe, structure, matrix)]
    expression = read_expression(Piece.of(bar.expr))
    alone = {p.written: evaluate_columns(f"0 + {p.written}", frame, names) for p in expression.products}
    single = [written for written, columns in alone.items() if len(columns.recipe.names) == 1]
    texts = [f"0 + {written} |" for written in alone if written not in single]
    if expression.intercept or single:
        separator = "||" if len(single) + expression.intercept > 1 else "|"
        texts.insert(0, " + ".join(["1" if expression.intercept else "0", *single]) + f" {separator}")
    found = []
    for text in texts:
        recipe, matrix, _ = evaluate_columns(text.rstrip(" |"), frame, names)
        structure = STRUCTURES["diagonal" if text.endswith("||") else "unstructured"](len(recipe.names))
        found.append(RandomTerm(f"{text} {factor.name}", factor, recipe, structure, matrix))
    return found


def _chosen(bar: Bar, covariance: Mapping[str, str]) -> str | None:
    """The structure that the bar or the option names; that of a group is for bars that name none."""
    if bar.structure is None:
        return covariance.get(bar.label, covariance.get(bar.group_name))
    other = covariance.get(bar.label, bar.structure)
    if structure_called(other) is not structure_called(bar.structure):
        raise ModelError(
            f"covariance of '{bar.label}' is {other!r}, and the formula says {bar.structure}({bar.label})",
            expected="one structure for each bar",
            advice=f"leave {bar.label!r} out of covariance=, or '{bar.structure}' out of the formula",
        )
    return bar.structure


def _checked_factor(bar: Bar, frame: Frame) -> Factor:
    factor = factor_from(frame.columns, bar.group)
    if len(factor) < 2:
        raise DataError(
            f"the grouping factor '{factor.name}' has one level, {factor.labels[0]!r}",
            expected="at least two levels; some five or more to learn a variance",
            advice=f"drop ({bar.label}), or check the filter that made the data",
        )
    return factor


def _structured(bar: Bar, name: str, frame: Frame, names: Names) -> tuple[Evaluated, Covariance]:
    """The columns behind a bar whose structure was chosen by name, and that structure."""
    structure = structure_called(name)
    if structure is None:
        raise ModelError(
            f"covariance of '{bar.label}' is {name!r}",
            expected=f"one of {', '.join(map(repr, STRUCTURES))}",
            advice=near_matches(name, STRUCTURES),
        )
    if structure.over_time:
        columns, at = columns_over_time(bar, name, frame, names)
        covariance = structure(len(columns.recipe.names), at)
    else:
        columns = evaluate_columns(bar.expr, frame, names)
        covariance = structure(len(columns.recipe.names))
    if covariance.k == 1 and not structure.one_column:
        raise ModelError(
            f"({bar.label}) has one column, '{columns.recipe.names[0]}', and the covariance {name!r}",
            expected="two columns or more, which correlate",
            advice=f"a factor of several levels, (0 + f | {bar.group_name}), and covariance="
            f"{{'0 + f | {bar.group_name}': {name!r}}} if there are other bars",
        )
    return columns, covariance


def _check_term(term: RandomTerm, terms: list[RandomTerm]) -> None:
    zero = next((position for position, source in enumerate(term.sources) if source.is_zero), None)
    if zero is not None:
        raise _zero_column(term, zero)
    for other in terms:
        both = set(term.columns) & set(other.columns)
        if other is not term and other.group == term.group and both:
            raise DataError(
                f"'{sorted(both)[0]}' stands twice among the random effects of '{term.group}': in "
                f"({other.label}) and in ({term.label})",
                expected="each column once a grouping factor",
                advice=f"(0 + x | {term.group}) leaves the intercept out",
            )


def _zero_column(term: RandomTerm, position: int) -> DataError:
    """The error for a column of zeros: a combination of levels that no row has, or a number that is zero."""
    name = term.columns[position]
    (part,) = (part for part in term.recipe.terms if position in part.positions)
    if part.levels is not None and ":" in part.name:
        return DataError(
            f"no row has the combination of levels '{name}', whose column in ({term.label}) is zero",
            expected="rows in every combination, or the effects of that one may have any variance",
            advice=f"one column of the combinations that occur, and (0 + that column | {term.group})",
        )
    return DataError(
        f"the column '{name}' of ({term.label}) is zero in all rows",
        expected="columns that vary",
        advice="drop it from the term",
    )


def _check_constant_within(levels: LevelEquations, frame: Frame, terms: tuple[RandomTerm, ...]) -> None:
    """Level-2 predictors have one value in each cluster, or the level-2 equation means something else."""
    codes = terms[0].factor.codes
    for name in sorted(levels.level2_variables & set(frame.columns)):
        values = frame.columns[name]
        numbers = pd.factorize(values)[0]
        if len(np.unique(codes * (numbers.max() + 1) + numbers)) > len(terms[0].factor):
            raise DataError(
                f"'{name}' stands in a level-2 equation but varies within '{terms[0].group}'",
                expected="one value for each cluster",
                advice=f"its cluster mean, data.groupby('{levels.group}')['{name}'].transform('mean'), "
                "or put it into the level-1 equation",
            )
