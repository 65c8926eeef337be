"""The ranks of simulation-based calibration: their ECDF less that of uniform ranks, and a band for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import FigureBase

from bayesmm.plots import style
from bayesmm.plots.canvas import legend, panels

COLOURS = (style.VERMILLION, style.BLUE, style.PURPLE, style.ORANGE, style.GREEN, style.BLACK)
DASHES = ("-", "--", "-.", ":")
NAMED = 12
"""How many quantities at fault have a line style of their own."""


def plot_calibration_ranks(
    ranks: pd.DataFrame,
    draws: int,
    limits: tuple[np.ndarray, np.ndarray],
    *,
    failed: Sequence[str] = (),
    ax: Any = None,
) -> FigureBase:
    """Draw the difference between the ECDFs of ranks and that of uniform ranks, one line a quantity.

    Parameters
    ----------
    ranks
        Replicates × quantities, whole numbers from 0 to ``draws``.
    limits
        (draws,) twice: the least and the largest number of ranks below 1, …, ``draws``.
    failed
        The quantities that are drawn in colour, with their names.
    ax
        A matplotlib Axes.

    Raises
    ------
    ModelError
        If ``ax`` is something else.

    Examples
    --------
    >>> ranks = pd.DataFrame({"sigma": [0, 1, 2, 3, 4]})
    >>> figure = plot_calibration_ranks(ranks, 4, (np.array([0, 0, 1, 2]), np.array([3, 4, 5, 5])))
    >>> len(figure.axes[0].lines)
    2
    """
    figure, (axes,) = panels(ax, 1, (5.6, 3.4))
    n, z = len(ranks), np.arange(draws + 2) / (draws + 1)
    lower, upper = (np.concatenate([[0], ends, [n]]) / n - z for ends in limits)
    axes.fill_between(z, lower, upper, color=style.FAINT, alpha=0.35, linewidth=0, label="band of the test")
    axes.axhline(0.0, color=style.FAINT, linewidth=0.8, zorder=1)
    for label in [name for name in ranks.columns if name not in failed]:
        axes.plot(z, _difference(ranks[label], draws), color=style.DATA, linewidth=0.8, alpha=0.7, zorder=2)
    for i, label in enumerate(failed):
        own = i < NAMED
        axes.plot(
            z,
            _difference(ranks[label], draws),
            color=COLOURS[i % len(COLOURS)] if own else style.BLACK,
            linestyle=DASHES[i // len(COLOURS) % len(DASHES)] if own else "-",
            linewidth=1.5 if own else 0.8,
            zorder=3,
            label=label if own else None,
        )
    style.tidy(axes, x="rank of the true value, as a share", y="ECDF less that of uniform ranks")
    legend(figure, [axes], own=ax is None, columns=3)
    return figure


def _difference(ranks: pd.Series, draws: int) -> np.ndarray:
    """(draws + 2,) the share of ranks below each place, less what is expected."""
    counts = np.bincount(ranks.to_numpy(), minlength=draws + 1)
    return np.concatenate([[0.0], np.cumsum(counts) / len(ranks)]) - np.arange(draws + 2) / (draws + 1)
