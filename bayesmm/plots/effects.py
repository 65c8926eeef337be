"""The random effects in order, with their intervals: the caterpillar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import FigureBase
from scipy.special import ndtri

from bayesmm.design import Design
from bayesmm.estimate import Estimate
from bayesmm.plots import style
from bayesmm.plots.canvas import grid_width, legend, panels
from bayesmm.plots.checks import chosen_columns, chosen_group, columns_of, title_of
from bayesmm.plots.draws import effect_summary, interval_prob
from bayesmm.plots.results import Results, centre_of, results_of
from bayesmm.posterior import Posterior

type Ends = tuple[np.ndarray, np.ndarray, np.ndarray]

BAND = 1_000
"""More levels than this have their intervals drawn as one band."""


def plot_effects(
    estimate: Estimate | Posterior,
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
    don't, stand beside them, or alone. More than sixty levels go without their names; many are drawn as a
    band.

    Parameters
    ----------
    estimate
        From ``model.fit()``; or a posterior alone.
    posterior
        From ``model.sample()`` of the same model.
    group
        The grouping factor; by default all of them, unless ``columns`` or ``sort_by`` are given: then the
        first.
    columns
        Columns of its random effects, a panel each; by default all.
    sort_by
        The column whose effects give the order of all panels; by default the first.
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
    given = results_of(estimate, posterior, "plot_effects")
    design = given.model.design
    one = group is not None or columns is not None or sort_by is not None
    groups = [chosen_group(design, group)] if one else list(design.factors)
    parts = [_Part.of(given, name, columns, sort_by, prob) for name in groups]
    count = sum(len(part.columns) for part in parts)
    both = given.estimate is not None and given.posterior is not None
    labels = [design.factors[part.group].labels for part in parts]
    columns = grid_width(count, widest=3)
    width = (4.2 if count > 1 else 5.2) + max(map(style.beside, labels)) / min(columns, 2)
    height = max(_height(each, both=both) for each in labels)
    figure, axes = panels(ax, count, (width, height), columns=columns)
    at = 0
    for part in parts:
        _draw_part(axes[at : at + len(part.columns)], part, design)
        at += len(part.columns)
    legend(figure, axes, own=ax is None, columns=2)
    return figure


@dataclass(frozen=True, eq=False)
class _Part:
    """The effects of one grouping factor.

    Attributes
    ----------
    order
        (ℓ,) the levels, lowest first.
    modes, means
        For each column middle, lower and upper ends (ℓ,), of the estimate and of the posterior.
    """

    group: str
    columns: list[str]
    order: np.ndarray
    prob: float
    modes: list[Ends] | None
    means: list[Ends] | None

    @classmethod
    def of(cls, given: Results, group: str, columns: Any, sort_by: str | None, prob: float | None) -> _Part:
        design = given.model.design
        known = [term.columns[i] for term, i in columns_of(design, group)]
        wanted = [columns] if isinstance(columns, str) else known if columns is None else list(columns)
        wanted = chosen_columns(design, group, wanted, len(wanted) or 1)
        by = wanted[0] if sort_by is None else chosen_columns(design, group, sort_by, 1)[0]
        modes = means = None
        if given.posterior is not None:
            found = [effect_summary(given.posterior, design, group, name, prob) for name in wanted]
            means, prob = [ends[:3] for ends in found], found[0][-1]
        prob = interval_prob(prob)
        if given.estimate is not None:
            mode, sd = given.estimate.ranef[group], given.estimate.ranef_sd[group]
            z = float(ndtri(0.5 + prob / 2))
            ends = (mode[wanted], mode[wanted] - z * sd[wanted], mode[wanted] + z * sd[wanted])
            middle, lower, upper = (frame.to_numpy() for frame in ends)
            modes = [(middle[:, i], lower[:, i], upper[:, i]) for i in range(len(wanted))]
        values = centre_of(given.estimate or given.posterior).of_group(group)[by]
        return cls(group, wanted, np.argsort(values.to_numpy(), kind="stable"), prob, modes, means)


def _draw_part(axes: Sequence[Axes], part: _Part, design: Design) -> None:
    """The panels of one grouping factor, which share their levels."""
    n, labels = len(part.order), design.factors[part.group].labels
    percent = f"{100 * part.prob:g}%"
    both = part.modes is not None and part.means is not None
    apart = 0.19 if both and n <= style.LABELLED else 0.0
    for i, (panel, name) in enumerate(zip(axes, part.columns, strict=True)):
        if part.modes is not None:
            what = f"conditional mode, {percent} interval"
            values = _sorted(part.modes[i], part.order)
            _draw(panel, values, style.ESTIMATE, "o", what, -apart, band=n > BAND)
        if part.means is not None:
            what = f"posterior mean, {percent} interval"
            values = _sorted(part.means[i], part.order)
            many = n > (style.LABELLED if both else BAND)
            _draw(panel, values, style.POSTERIOR, "D", what, apart, band=many, over=both)
        panel.axvline(0.0, color=style.FAINT, linewidth=0.8, zorder=0)
        panel.set_ylim(-0.8, n - 0.2)
        panel.set_yticks([])
        zero = part.modes is not None and not np.any(part.modes[i])
        style.tidy(
            panel,
            x=f"random effect: {style.effect_label(name, design.response)}",
            title=title_of(design, part.group, "the estimated variance is zero" if zero else ""),
        )
    few = n <= style.LABELLED
    style.tidy(axes[0], y=part.group if few else f"{part.group}, {n:,} in order")
    if few:
        axes[0].set_yticks(np.arange(n), [style.wrapped(labels[i], style.LEVEL) for i in part.order])


def _sorted(ends: Ends, order: np.ndarray) -> Ends:
    middle, lower, upper = (values[order] for values in ends)
    return middle, lower, upper


def _height(labels: list[str], *, both: bool) -> float:
    """Inches that levels take."""
    if len(labels) > style.LABELLED:
        return 5.0
    lines = max(style.wrapped(label, style.LEVEL).count("\n") for label in labels)
    return 1.3 + ((0.24 if both else 0.19) + 0.14 * lines) * len(labels)


def _draw(
    ax: Axes,
    values: Ends,
    colour: str,
    marker: str,
    label: str,
    shift: float,
    *,
    band: bool,
    over: bool = False,
) -> None:
    """Points and the ends of their intervals, one above the other: as lines, or as one band.

    A second band would hide the first that it lies over: many are then dots.
    """
    middle, lower, upper = values
    n = len(middle)
    height = np.arange(n) + shift
    size = 4.5 if n <= style.LABELLED else 1.5
    if band and over and n > BAND:
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
