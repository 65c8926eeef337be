"""Each group's line over a numeric predictor, with its data, under the three ways to pool."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import FigureBase
from matplotlib.ticker import MaxNLocator

from bayesmm.design import Design
from bayesmm.design.naming import INTERCEPT
from bayesmm.errors import ModelError, near_matches
from bayesmm.estimate import Estimate
from bayesmm.plots import style
from bayesmm.plots.canvas import grid_width, legend, panels
from bayesmm.plots.checks import chosen_group, title_of
from bayesmm.plots.pooling import Pooling, parts, pool
from bayesmm.plots.results import results_of
from bayesmm.posterior import Posterior

KINDS = (
    ("none", "no pooling", style.NO_POOLING, (0, (4, 1.5)), 1.3),
    ("complete", "complete pooling", style.COMPLETE_POOLING, (0, (1, 1.2)), 1.3),
    ("partial", "partial pooling", style.ESTIMATE, "-", 1.7),
)
"""Field, name, colour, dashes, width."""


def plot_lines(
    estimate: Estimate | Posterior,
    x: str | None = None,
    group: str | None = None,
    levels: Any = None,
    *,
    max_groups: int = 24,
    ax: Any = None,
) -> FigureBase:
    """Draw each group's line over a numeric predictor.

    Few groups have a panel each, with their data and the lines of complete pooling (one least-squares fit for
    all), no pooling (the group's own least squares) and partial pooling (the model's: conditional modes, or
    posterior means). Many are drawn in one
    panel, by partial pooling, with the line of the fixed effects. Other predictors and the effects of other
    grouping factors are held at their means over the group, in lines and data alike.

    Parameters
    ----------
    estimate
        From ``model.fit()`` or ``model.sample()``.
    x
        A numeric column of the model; by default the first with random effects of the group, or else the
        first with a fixed effect.
    group
        The grouping factor; by default the first with random effects of ``x``, or of any numeric column, or
        else the first.
    levels
        Which groups to show, a panel each, as the data have them; by default all.
    max_groups
        Up to how many groups have a panel each when ``levels`` doesn't say.
    ax
        One Axes, for all groups together, or as many as there are groups.

    Raises
    ------
    ModelError, DataError
        If the model has no such group, level or numeric column.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> fit = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy")).fit()
    >>> figure = bmm.plots.plot_lines(fit, levels=[308, 309])
    >>> [panel.get_title() for panel in figure.axes]
    ['308', '309']
    """
    design = results_of(estimate, None, "plot_lines").model.design
    group = chosen_group(design, group or _sloped(design, x))
    x = chosen_predictor(design, group, x)
    factor = design.factors[group]
    codes = list(range(len(factor))) if levels is None else _codes(design, group, levels)
    pooling = pool(estimate, group, predictor_columns(design, group, x))
    at = pooling.basis[:, pooling.names.index(x)]
    y = design.response + (", other predictors at the group's mean" if pooling.adjusted else "")
    together = levels is None and len(codes) > max_groups if ax is None else isinstance(ax, Axes)
    if together and not (len(codes) == 1 and isinstance(ax, Axes)):
        figure, (only,) = panels(ax, 1, (6.4, 4.6))
        _draw_together(only, pooling, codes, at)
        style.tidy(only, x=x, y=y, title=title_of(design, group))
        legend(figure, [only], own=ax is None)
        return figure
    size = (1.75, 1.75) if len(codes) > 6 else (2.6, 2.5)
    figure, axes = panels(ax, len(codes), size, columns=grid_width(len(codes)), sharex=True, sharey=True)
    labels = factor.labels
    for panel, code in zip(axes, codes, strict=True):
        _draw_group(panel, pooling, code, at)
        style.tidy(panel, title=labels[code])
        panel.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    if ax is None:
        across, up = style.characters(figure)
        figure.supxlabel(style.wrapped(x, across), fontsize=style.TEXT)
        figure.supylabel(style.wrapped(y, up), fontsize=style.TEXT)
    else:
        for panel in axes:
            style.tidy(panel, x=x, y=y)
    legend(figure, axes, own=ax is None, title=title_of(design, group))
    return figure


def _sloped(design: Design, x: str | None) -> str | None:
    """The first grouping factor with random effects of x, or of any numeric column."""
    for name in design.factors:
        columns = [column for term in design.terms_of(name) for column in _numeric(term.recipe)]
        if columns and x in (None, *columns):
            return name
    return None


def chosen_predictor(design: Design, group: str, x: str | None) -> str:
    """The numeric column asked for, or the first one behind the group's bars, or else of the fixed part."""
    random = [name for term in design.terms_of(group) for name in _numeric(term.recipe)]
    fixed = [name for name in _numeric(design.fixed) if name not in random]
    known = [*random, *fixed]
    if x is None and known:
        return known[0]
    if x in known:
        return str(x)
    what = "the model has no numeric predictor" if x is None else f"x is {x!r}"
    raise ModelError(
        what,
        expected=f"a numeric column: {', '.join(map(repr, known))}" if known else "a numeric column",
        advice=near_matches(x, known) if known else "plot_shrinkage or plot_effects, which need none",
    )


def predictor_columns(design: Design, group: str, x: str) -> list[str]:
    """x, and the other columns that are functions of the same variables, such as ``I(x ** 2)``."""
    variables = _variables(x, design)
    known = dict.fromkeys(
        [*design.names, *(name for term in design.terms_of(group) for name in term.columns)]
    )
    return [x] + [
        name
        for name in known
        if name not in (x, INTERCEPT) and len(parts(name)) == 1 and _variables(name, design) & variables
    ]


def _variables(name: str, design: Design) -> set[str]:
    """The columns of the data that a column's name mentions."""
    return set(re.findall(r"[^\W\d]\w*", name.split("[")[0])) & design.formula.variables


def _numeric(recipe: Any) -> list[str]:
    """The columns that are one number a row and no product."""
    return [
        term.name
        for term in recipe.terms
        if term.levels is None and term.name != INTERCEPT and len(parts(term.name)) == 1
    ]


def _codes(design: Design, group: str, levels: Any) -> list[int]:
    one = isinstance(levels, str | bytes) or not np.iterable(levels)
    wanted = [levels] if one else list(levels)
    if not wanted:
        raise ModelError("levels is empty", expected="at least one level", advice="levels=None for all")
    return [design.factors[group].code_of(level) for level in wanted]


def _draw_group(ax: Axes, pooling: Pooling, code: int, at: np.ndarray) -> None:
    """One group's data and its three lines."""
    rows = np.flatnonzero(pooling.codes == code)
    ax.scatter(at[rows], pooling.response[rows], color=style.DATA, zorder=3, **style.points(20 * len(rows)))
    straight = len(pooling.names) == 2
    shown = rows[np.argsort(at[rows])]
    if straight:  # the same stretch of x for all groups
        shown = np.array([np.argmin(at), np.argmax(at)])
    basis, where = pooling.basis[shown], at[shown]
    for field, label, colour, dashes, width in KINDS:
        values = getattr(pooling, field)
        line = basis @ (values if values.ndim == 1 else values[code])
        if np.isfinite(line).all():
            ax.plot(where, line, color=colour, linestyle=dashes, linewidth=width, label=label)


def _draw_together(ax: Axes, pooling: Pooling, codes: list[int], at: np.ndarray) -> None:
    """Many groups' data, their lines by partial pooling, and the line of the fixed effects."""
    rows = np.flatnonzero(np.isin(pooling.codes, codes))
    rows = rows[np.lexsort((at[rows], pooling.codes[rows]))]
    where = at[rows]
    ax.scatter(where, pooling.response[rows], color=style.DATA, zorder=1, **style.points(len(rows)))
    line = np.einsum("ij,ij->i", pooling.basis[rows], pooling.partial[pooling.codes[rows]])
    starts = np.flatnonzero(np.diff(pooling.codes[rows], prepend=-1))
    pieces = np.split(np.column_stack([where, line]), starts[1:])
    collection = LineCollection(pieces, colors=style.ESTIMATE, zorder=2, **style.strokes(len(codes)))
    collection.set_label("partial pooling")
    ax.add_collection(collection)
    order = np.argsort(at)
    if len(pooling.names) == 2:
        order = order[[0, -1]]
    ax.plot(
        at[order],
        pooling.basis[order] @ pooling.population,
        color=style.COMPLETE_POOLING,
        linewidth=2.2,
        zorder=4,
        label="fixed effects",
    )
