"""The random effects in order, with their intervals: the caterpillar."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import FigureBase
from scipy.special import ndtri

from bayesmm.estimate import Estimate
from bayesmm.plots import style
from bayesmm.plots.canvas import legend, panels
from bayesmm.plots.checks import (
    check_estimate,
    check_posterior,
    chosen_columns,
    chosen_group,
    columns_of,
)
from bayesmm.plots.draws import effect_summary, interval_prob
from bayesmm.posterior import Posterior

BAND = 1_000
"""More levels than this have their intervals drawn as one band."""


def plot_effects(
    estimate: Estimate,
    posterior: Posterior | None = None,
    group: str | None = None,
    *,
    columns: Any = None,
    sort_by: str | None = None,
    prob: float | None = None,
    ax: Any = None,
) -> FigureBase:
    """Draw the random effects of a group in order, each with an interval.

    For an estimate the points are the conditional modes and the intervals mode ± z·sd with the conditional
    standard deviations, which take β and the variances as known. A posterior's means and intervals, which
    don't, stand beside them. More than sixty levels go without their names; many are drawn as a band.

    Parameters
    ----------
    estimate
        From ``model.fit()``.
    posterior
        From ``model.sample()`` of the same model.
    group
        The grouping factor; needed where the model has several.
    columns
        Columns of its random effects, a panel each; by default all.
    sort_by
        The column whose modes give the order of all panels; by default the first.
    prob
        The probability of all intervals; by default ArviZ's, ``arviz.rcParams["stats.ci_prob"]``.
    ax
        As many Axes as there are columns.

    Raises
    ------
    ModelError, DataError
        If the model has no such group or columns, or the posterior is of another model.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> fit = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")).fit()
    >>> ax = bmm.plots.plot_effects(fit, prob=0.95).axes[0]
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['F', 'D', 'A', 'B', 'C', 'E']
    """
    check_estimate(estimate, "plot_effects")
    design = estimate.model.design
    group = chosen_group(design, group)
    known = [term.columns[i] for term, i in columns_of(design, group)]
    wanted = [columns] if isinstance(columns, str) else known if columns is None else list(columns)
    wanted = chosen_columns(design, group, wanted, len(wanted) or 1)
    by = wanted[0] if sort_by is None else chosen_columns(design, group, sort_by, 1)[0]
    summaries = None
    if posterior is not None:
        check_posterior(posterior, design)
        summaries = {name: effect_summary(posterior, design, group, name, prob) for name in wanted}
        prob = summaries[wanted[0]][-1]
    prob = interval_prob(prob)
    modes, sds = estimate.ranef[group], estimate.ranef_sd[group]
    order = np.argsort(modes[by].to_numpy(), kind="stable")
    n, labels = len(order), design.factors[group].labels
    height = _height(n, both=posterior is not None)
    figure, axes = panels(ax, len(wanted), (4.2 if len(wanted) > 1 else 5.2, height), sharey=True)
    z, percent = float(ndtri(0.5 + prob / 2)), f"{100 * prob:g}%"
    apart = 0.0 if posterior is None or n > style.LABELLED else 0.19
    for panel, name in zip(axes, wanted, strict=True):
        mode, half = modes[name].to_numpy()[order], z * sds[name].to_numpy()[order]
        what = f"conditional mode, {percent} interval"
        _draw(panel, (mode, mode - half, mode + half), style.ESTIMATE, "o", what, -apart, band=n > BAND)
        if summaries is not None:
            what = f"posterior mean, {percent} interval"
            values = tuple(value[order] for value in summaries[name][:3])
            _draw(panel, values, style.POSTERIOR, "D", what, apart, band=n > style.LABELLED)
        panel.axvline(0.0, color=style.FAINT, linewidth=0.8, zorder=0)
        panel.set_ylim(-0.8, n - 0.2)
        style.tidy(panel, x=f"random effect: {style.effect_label(name, design.response)}")
    first = axes[0]
    first.set_ylabel(group if n <= style.LABELLED else f"{group}, {n:,} in order", fontsize=style.TEXT)
    if n <= style.LABELLED:
        first.set_yticks(np.arange(n), [labels[i] for i in order])
    else:
        first.set_yticks([])
    legend(figure, axes, own=ax is None, columns=2 if len(wanted) > 1 else 1)
    return figure


def _height(n: int, *, both: bool) -> float:
    """Inches that n levels take."""
    return 1.3 + (0.24 if both else 0.19) * n if n <= style.LABELLED else 5.0


def _draw(
    ax: Axes,
    values: tuple[np.ndarray, np.ndarray, np.ndarray],
    colour: str,
    marker: str,
    label: str,
    shift: float,
    *,
    band: bool,
) -> None:
    """Points and the ends of their intervals, one above the other: as lines, or as one band."""
    middle, lower, upper = values
    n = len(middle)
    height = np.arange(n) + shift
    size = 4.5 if n <= style.LABELLED else 1.5
    if band and n > BAND and colour == style.POSTERIOR:  # a second band would hide the first
        dots = {"linewidth": 0, "marker": ",", "rasterized": True, "zorder": 3}
        for values_at in (middle, lower, upper):
            ax.plot(values_at, height, color=colour, **dots)
        ax.plot([], [], color=colour, linewidth=0, marker=".", label=f"{label} (dots)")
        return
    if band:
        fill = {"alpha": 0.3, "linewidth": 0, "step": "mid", "zorder": 1, "rasterized": True}
        ax.fill_betweenx(height, lower, upper, color=colour, **fill)
        dots = {"linewidth": 0, "markersize": size, "rasterized": True, "zorder": 3}
        ax.plot(middle, height, color=colour, marker="," if n > BAND else marker, **dots)
        ax.plot([], [], color=colour, linewidth=4, label=label)
        return
    pieces = np.stack([np.column_stack([lower, height]), np.column_stack([upper, height])], axis=1)
    width = 1.5 if n <= style.LABELLED else 0.7
    ax.add_collection(LineCollection(pieces, colors=colour, linewidths=width, alpha=0.8, zorder=2))
    dots = {"linewidth": 0, "markersize": size, "zorder": 3}
    ax.plot(middle, height, color=colour, marker=marker, label=label, **dots)
