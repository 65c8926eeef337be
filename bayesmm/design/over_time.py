"""Columns with positions in time: one for each time, of a variable that is numbers or a factor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bayesmm.design.columns import Columns, Evaluated, evaluate_columns
from bayesmm.design.frame import Frame
from bayesmm.design.lookup import Names
from bayesmm.errors import DataError, ModelError
from bayesmm.formula import Bar

MOST = 200
"""Times beyond which λ, with one row for each, is too large to be what is meant."""


def columns_over_time(
    bar: Bar, structure: str, frame: Frame, names: Names
) -> tuple[Evaluated, tuple[float, ...]]:
    """The indicators of the times behind a bar such as ``(0 + week | id)``, and their positions.

    A variable of numbers has one column for each number that occurs, and the numbers are the positions. The
    levels of a factor are positions where all of them are numbers; else they count 0, 1, 2, …, if the data
    say that they have an order.

    Raises
    ------
    ModelError
        If something else than one variable is behind the bar.
    DataError
        If the levels have no order, or two are at one time.
    """
    columns = evaluate_columns(bar.expr, frame, names)
    recipe, factor = columns.recipe, columns.recipe.only_factor
    if factor is None and len(recipe.names) == 1 and recipe.names != ("Intercept",):
        columns = _by_number(columns, bar, frame, names)
        recipe, factor = columns.recipe, columns.recipe.only_factor
    if factor is None:
        shown = ", ".join(map(repr, recipe.names))
        raise ModelError(
            f"({bar.label}) has the columns {shown} and the covariance {structure!r}",
            expected=f"one variable, the time, without an intercept: (0 + time | {bar.group_name})",
            advice=f"for other effects a bar of their own, and covariance={{'0 + time | {bar.group_name}': "
            f"{structure!r}}}",
        )
    levels, ordered = factor
    try:
        at = tuple(float(level) for level in levels)
    except (TypeError, ValueError):
        if not ordered:
            raise _no_order(bar, recipe, levels) from None
        at = tuple(map(float, range(len(levels))))
    if not np.isfinite(at).all() or (np.diff(at) <= 0).any():
        raise DataError(
            f"the levels of '{recipe.terms[0].name}' in ({bar.label}) aren't times that rise: "
            f"{', '.join(map(str, levels[:12]))}",
            expected="one level for each time, in the order of time",
            advice="a column of numbers, which are put in order",
        )
    return columns, at


def _by_number(columns: Evaluated, bar: Bar, frame: Frame, names: Names) -> Evaluated:
    """The indicators of the numbers that a column has, under the column's own name."""
    (term,) = columns.recipe.terms
    times = len(np.unique(columns.matrix.array))
    if times > MOST:
        raise DataError(
            f"'{term.name}' in ({bar.label}) has {times} different values",
            expected=f"at most {MOST} times, each of which has a random effect in each level",
            advice=f"rounded times, such as round({term.name})",
        )
    indicators = evaluate_columns(f"0 + factor({term.name})", frame, names)
    (own,) = indicators.recipe.terms
    labels = own.levels or ()
    named = replace(
        indicators.recipe,
        text=columns.recipe.text,
        names=tuple(f"{term.name}[{label}]" for label in labels),
        terms=(replace(own, name=term.name),),
    )
    return indicators._replace(recipe=named)


def _no_order(bar: Bar, recipe: Columns, levels: tuple[object, ...]) -> DataError:
    name = recipe.terms[0].name
    shown = ", ".join(map(repr, levels[:4])) + (", …" if len(levels) > 4 else "")
    return DataError(
        f"'{name}' in ({bar.label}) has levels that are neither numbers nor in an order: {shown}",
        expected="times: numbers, or ordered categories",
        advice=f"pandas.Categorical(data[{name!r}], categories=[…], ordered=True)",
    )
