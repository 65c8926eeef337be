"""How far partial pooling moves each group from its own estimate."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import FigureBase

from bayesmm.design.naming import INTERCEPT
from bayesmm.estimate import Estimate
from bayesmm.plots import style
from bayesmm.plots.canvas import legend, panels
from bayesmm.plots.checks import chosen_columns, chosen_group, columns_of, title_of
from bayesmm.plots.pooling import Pooling, pool
from bayesmm.plots.results import centre_of, results_of
from bayesmm.posterior import Posterior

SPREAD = 4.0
"""Interquartile ranges from the median to the edge of the frame; own estimates beyond lie outside."""


def plot_shrinkage(
    estimate: Estimate | Posterior,
    group: str | None = None,
    columns: tuple[str, str] | None = None,
    *,
    ax: Any = None,
) -> FigureBase:
    """Draw each group's own least-squares estimate and, from there, what partial pooling makes of it.

    With two or more columns of random effects: arrows in the plane of two coefficients. With one: two points
    a group, on one axis, in the order of the groups' own estimates. Other predictors and the effects of other
    grouping factors are held at their means over the group. Groups whose rows don't determine an estimate of
    their own have none; the frame's caption says how many. Where there is nothing to see, as with a variance
    estimated at zero, the picture says why.

    Parameters
    ----------
    estimate
        From ``model.fit()`` or ``model.sample()``.
    group
        The grouping factor; by default the first.
    columns
        Two columns of its random effects; by default the first two.
    ax
        One Axes.

    Raises
    ------
    ModelError, DataError
        If the model has no such group or columns.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> fit = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy")).fit()
    >>> ax = bmm.plots.plot_shrinkage(fit).axes[0]
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('Intercept (Reaction)', 'Days (Reaction per unit)')
    """
    design = results_of(estimate, None, "plot_shrinkage").model.design
    group = chosen_group(design, group)
    known = [term.columns[i] for term, i in columns_of(design, group)]
    plane = len(known) > 1 or columns is not None
    chosen = chosen_columns(design, group, columns, 2) if plane else known
    pooling = pool(estimate, group, known)
    levels = design.factors[group].labels
    figure, (only,) = panels(ax, 1, (5.6, 5.0) if plane else (5.6 + style.beside(levels), _height(levels)))
    at = [pooling.names.index(name) for name in chosen]
    labels = [style.effect_label(name, design.response) for name in chosen]
    effects = centre_of(estimate).of_group(group)[chosen].to_numpy()
    reason = _nothing_to_see(pooling, at, effects)
    if plane:
        caption = _draw_plane(only, pooling, at)
        style.tidy(only, x=labels[0], y=labels[1], title=title_of(design, group, reason or caption))
    else:
        caption = _draw_line(only, pooling, at[0], levels)
        label = f"mean {design.response}" if chosen == [INTERCEPT] else labels[0]
        few = len(pooling.partial) <= style.LABELLED
        y = group if few else f"{group}, in order"
        style.tidy(only, x=label, y=y, title=title_of(design, group, reason or caption))
    legend(figure, [only], own=ax is None)
    return figure


def _height(labels: list[str]) -> float:
    if len(labels) > style.LABELLED:
        return 5.5
    lines = max(style.wrapped(label, style.LEVEL).count("\n") for label in labels)
    return 1.4 + (0.17 + 0.14 * lines) * len(labels)


def _nothing_to_see(pooling: Pooling, at: list[int], effects: np.ndarray) -> str:
    """Why no shrinkage is to be seen; nothing where some is.

    Parameters
    ----------
    effects
        (ℓ, 1 or 2) the random effects of the columns that are drawn.
    """
    if not np.isfinite(pooling.none[:, at]).any():
        names = " and ".join(pooling.names[i] for i in at)
        return f"no level's own rows determine {names}: only what the model says is shown"
    if not effects.any():
        columns = " and of ".join(pooling.names[i] for i in at)
        return f"the estimated variance of {columns} is zero: every level is pulled all the way to the mean"
    return ""


def _draw_plane(ax: Axes, pooling: Pooling, at: list[int]) -> str:
    """Arrows from the groups' own estimates to the partially pooled ones; says what isn't to be seen."""
    start, end = pooling.none[:, at], pooling.partial[:, at]
    own = np.isfinite(start).all(axis=1)
    n = len(end)
    lower, upper = _frame(start[own], end, pooling.complete[at])
    away = end[own] - start[own]
    ax.quiver(
        *start[own].T,
        *away.T,
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.0035 if n <= 200 else 0.0015,
        headwidth=5,
        color=style.DATA,
        alpha=0.7 if n <= 200 else 0.15,
        zorder=2,
        rasterized=n > style.LABELLED * 5,
    )
    dots = style.points(n)
    ax.scatter(*start[own].T, color=style.NO_POOLING, marker="o", zorder=3, label="no pooling", **dots)
    ax.scatter(*end.T, color=style.ESTIMATE, marker="s", zorder=4, label="partial pooling", **dots)
    ax.scatter(
        *pooling.complete[at],
        color=style.COMPLETE_POOLING,
        marker="X",
        s=90,
        zorder=5,
        label="complete pooling",
        edgecolors="white",
    )
    ax.set_xlim(lower[0], upper[0])
    ax.set_ylim(lower[1], upper[1])
    outside = int(np.any((start[own] < lower) | (start[own] > upper), axis=1).sum())
    notes = []
    if not own.all():
        notes.append(f"{n - own.sum():,} of {n:,} without an estimate of their own")
    if outside:
        notes.append(f"{outside:,} start outside the frame")
    return "; ".join(notes)


def _frame(start: np.ndarray, end: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corner of a frame that holds all ends, and the starts but for far outliers."""
    corners = np.vstack([end, centre])
    if len(start):
        low, middle, high = np.quantile(start, [0.25, 0.5, 0.75], axis=0)
        reach = SPREAD * np.maximum(high - low, 1e-12)
        near = np.clip(start, middle - reach, middle + reach)
        corners = np.vstack([corners, near])
    lower, upper = corners.min(axis=0), corners.max(axis=0)
    margin = np.where(upper > lower, 0.06 * (upper - lower), 1.0)
    return lower - margin, upper + margin


def _draw_line(ax: Axes, pooling: Pooling, at: int, labels: list[str]) -> str:
    """One line a group from its own estimate to the partially pooled one, in the order of the former."""
    start, end = pooling.none[:, at], pooling.partial[:, at]
    n = len(end)
    order = np.argsort(np.where(np.isnan(start), end, start), kind="stable")
    height = np.arange(n)
    pieces = np.stack(
        [np.column_stack([start[order], height]), np.column_stack([end[order], height])], axis=1
    )
    own = np.isfinite(start[order])
    ax.add_collection(LineCollection(pieces[own], colors=style.DATA, zorder=2, **style.strokes(n)))
    dots = style.points(n)
    ax.scatter(start[order], height, color=style.NO_POOLING, zorder=3, label="no pooling", **dots)
    ax.scatter(
        end[order], height, color=style.ESTIMATE, marker="s", zorder=4, label="partial pooling", **dots
    )
    complete = {"color": style.COMPLETE_POOLING, "linestyle": ":", "linewidth": 1.2}
    ax.axvline(float(pooling.complete[at]), label="complete pooling", zorder=1, **complete)
    ax.set_ylim(-1, n)
    if n <= style.LABELLED:
        ax.set_yticks(height, [style.wrapped(labels[i], style.LEVEL) for i in order])
    else:
        ax.set_yticks([])
    return "" if own.all() else f"{n - own.sum():,} of {n:,} without an estimate of their own"
