"""Where a plot is drawn: axes of its own, or those that the user gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D

from bayesmm.errors import ModelError
from bayesmm.plots.style import BLACK, LETTER, SMALL, characters, wrapped


def panels(
    ax: Any, n: int, size: tuple[float, float], *, columns: int | None = None, **options: Any
) -> tuple[FigureBase, list[Axes]]:
    """``n`` axes to draw on, and their figure.

    Parameters
    ----------
    ax
        None for a new figure; otherwise one Axes, or an array or sequence of ``n`` of them.
    size
        Width and height of one panel, in inches.
    columns
        How many panels stand side by side; all of them by default. Places left over are taken away.
    **options
        For ``matplotlib.pyplot.subplots``.

    Raises
    ------
    ModelError
        If ``ax`` is something else, or holds another number of axes.
    """
    if ax is not None:
        given = list(np.asarray(ax, dtype=object).ravel()) if _is_many(ax) else [ax]
        odd = [one for one in given if not isinstance(one, Axes)]
        if odd or len(given) != n:
            raise ModelError(
                f"ax is {type(odd[0]).__name__}" if odd else f"ax holds {len(given)} axes",
                expected=f"{n} matplotlib Axes" if n > 1 else "a matplotlib Axes",
                advice=f"fig, ax = plt.subplots(1, {n})" if n > 1 else "fig, ax = plt.subplots()",
            )
        return given[0].get_figure(), given
    columns = min(columns or n, n)
    rows = -(-n // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(size[0] * columns, size[1] * rows),
        layout="constrained",
        squeeze=False,
        **options,
    )
    if "inline" in plt.get_backend():  # a notebook shows what a cell returns: not twice
        plt.close(figure)
    axes = list(grid.ravel())
    for spare in axes[n:]:
        spare.remove()
    for ax in axes[max(n - columns, 0) : n]:
        ax.tick_params(labelbottom=True)
    return figure, axes[:n]


def grid_width(n: int, widest: int = 8) -> int:
    """How many of n panels to put side by side: about three wide for two high, few places left over."""
    if n <= min(5, widest):
        return n
    ideal = min(np.sqrt(1.6 * n), widest)
    near = range(max(2, int(ideal) - 1), min(widest, int(ideal) + 2) + 1)
    return min(near, key=lambda width: (-n % width, abs(width - ideal)))


def legend(figure: FigureBase, axes: Sequence[Axes], *, own: bool, columns: int = 4, title: str = "") -> None:
    """One legend for all the axes: above them in a figure of our own, inside the first in a user's."""
    entries = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if not entries:
        return
    handles, labels = list(entries.values()), list(entries)
    if own:
        inches = figure.bbox.width / figure.dpi
        widest = (max(map(len, labels)) * LETTER + 4) * SMALL / 72  # of a label with its mark
        columns = max(1, min(columns, len(labels), int(inches / widest)))
        where = {"loc": "outside upper center", "ncols": columns, "frameon": False, "title": title or None}
        shown = figure.legend(handles, labels, fontsize=SMALL, **where)
    else:
        shown = axes[0].legend(handles, labels, fontsize=SMALL, framealpha=0.8)
    for handle in shown.legend_handles:
        handle.set_alpha(1.0)
        if isinstance(handle, Line2D):
            handle.set_markersize(max(4.0, handle.get_markersize()))
        elif isinstance(handle, PathCollection):
            handle.set_sizes([22.0])


def say(ax: Axes, text: str) -> None:
    """A remark on the canvas: what isn't to be seen, and why."""
    box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": BLACK, "linewidth": 0.5}
    ax.text(
        0.5,
        0.97,
        wrapped(text, int(0.85 * characters(ax, SMALL)[0])),
        transform=ax.transAxes,
        ha="center",
        va="top",
        fontsize=SMALL,
        bbox=box,
        zorder=10,
    )


def _is_many(ax: Any) -> bool:
    return isinstance(ax, np.ndarray | list | tuple)
