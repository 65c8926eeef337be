"""The posterior density of each parameter with the estimate and both intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from scipy.special import ndtri

from bayesmm.design import Design
from bayesmm.design.naming import posterior_name
from bayesmm.errors import ModelError, near_matches
from bayesmm.estimate import Estimate
from bayesmm.plots import style
from bayesmm.plots.canvas import grid_width, legend, panels
from bayesmm.plots.draws import density, interval_prob, scalar_draws
from bayesmm.plots.results import results_of
from bayesmm.posterior import Posterior
from bayesmm.results import ScalarParameter, scalar_parameters
from bayesmm.results.intervals import of_draws


def plot_posterior_and_estimate(
    posterior: Posterior,
    estimate: Estimate | None = None,
    var_names: str | list[str] | None = None,
    *,
    prob: float | None = None,
    ax: Any = None,
) -> FigureBase:
    """Draw each parameter's posterior density, its interval, and the estimate with its Wald interval.

    Below each density lie the posterior mean and interval, and the estimate ± z·se. An estimate on the edge
    of the parameter space (a standard deviation of zero, a correlation of ±1) has no standard error and is a
    point only; a correlation that is undefined isn't drawn.

    Parameters
    ----------
    posterior, estimate
        From ``model.sample()`` and ``model.fit()`` of one model; without an estimate, REML's is made.
    var_names
        Variables of the posterior or single components such as ``"corr|Subject[1, Days]"``; by default all
        but the random effects.
    prob
        The probability of both intervals; by default ArviZ's, ``arviz.rcParams["stats.ci_prob"]``.
    ax
        As many Axes as there are parameters.

    Raises
    ------
    ModelError
        If they aren't of the same model, or there is no such parameter.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
    >>> posterior = model.sample(draws=200, random_seed=1, progressbar=False)
    >>> figure = bmm.plots.plot_posterior_and_estimate(posterior, model.fit())
    >>> [panel.get_title() for panel in figure.axes]
    ['Intercept', '1|Batch_sigma', 'sigma']
    """
    given = results_of(posterior, estimate, "plot_posterior_and_estimate", estimate=True)
    design, estimate, posterior = given.model.design, given.estimate, given.posterior
    assert estimate is not None
    if posterior is None:
        raise ModelError(
            "plot_posterior_and_estimate got an Estimate alone",
            expected="a Posterior, as first argument",
            advice="bayesmm.plots.plot_posterior_and_estimate(model.sample(), model.fit())",
        )
    chosen = _chosen(design, var_names)
    prob = interval_prob(prob)
    figure, axes = panels(ax, len(chosen), (2.7, 2.2), columns=grid_width(len(chosen), widest=4))
    for panel, parameter in zip(axes, chosen, strict=True):
        value, se = point_estimate(estimate, parameter)
        _draw(panel, scalar_draws(posterior, parameter), value, se, prob, parameter.kind, estimate.method)
        style.tidy(panel, x=parameter_unit(design, parameter), title=parameter.label)
    legend(figure, axes, own=ax is None)
    return figure


def point_estimate(estimate: Estimate, parameter: ScalarParameter) -> tuple[float, float]:
    """An estimate of one number and its standard error; missing if there is none."""
    if parameter.kind == "fixed":
        return float(estimate.beta.iloc[parameter.row]), float(estimate.se.iloc[parameter.row])
    return float(estimate.varcorr["sdcor"].iloc[parameter.row]), float(estimate.sdcor_se.iloc[parameter.row])


def parameter_unit(design: Design, parameter: ScalarParameter) -> str:
    """What a parameter is measured in."""
    if parameter.kind == "corr":
        return "correlation"
    if parameter.kind == "dispersion":
        return design.response
    names = design.names if parameter.term is None else design.terms[parameter.term].columns
    at = parameter.row if parameter.term is None else parameter.columns[0]
    return style.unit(names[at], design.response)


def _chosen(design: Design, var_names: str | list[str] | None) -> list[ScalarParameter]:
    known = list(scalar_parameters(design))
    if var_names is None:
        return known
    chosen = []
    for name in [var_names] if isinstance(var_names, str) else var_names:
        wanted = posterior_name(name) if isinstance(name, str) else name
        found = [parameter for parameter in known if wanted in (parameter.label, parameter.variable)]
        if not found:
            names = dict.fromkeys([p.variable for p in known] + [p.label for p in known])
            raise ModelError(
                f"there is no parameter {name!r} to compare",
                expected=f"names among {', '.join(map(repr, names))}",
                advice=near_matches(name, names),
            )
        chosen += [parameter for parameter in found if parameter not in chosen]
    if not chosen:
        raise ModelError("var_names is empty", expected="at least one name", advice="var_names=None for all")
    return chosen


def _draw(ax: Axes, draws: np.ndarray, value: float, se: float, prob: float, kind: str, method: str) -> None:
    """A density over the axis; the two intervals under it, at −0.10 and −0.22 of the density's height."""
    grid, height = density(draws)
    height = height / height.max()
    ax.fill_between(grid, height, color=style.POSTERIOR, alpha=0.25, linewidth=0)
    ax.plot(grid, height, color=style.POSTERIOR, linewidth=1.2)
    percent = f"{100 * prob:g}%"
    lower, upper = of_draws(draws, prob)
    ax.plot([lower, upper], [-0.1, -0.1], color=style.POSTERIOR, linewidth=2.5, solid_capstyle="butt")
    ax.plot(
        draws.mean(),
        -0.1,
        color=style.POSTERIOR,
        marker="D",
        markersize=5,
        linewidth=0,
        label=f"posterior mean, {percent} interval",
    )
    half = 0.0
    if np.isfinite(value):
        half = float(ndtri(0.5 + prob / 2)) * se if np.isfinite(se) else 0.0
        ax.plot([value, value], [-0.22, 1.0], color=style.ESTIMATE, linewidth=1.0, linestyle=(0, (3, 2)))
        ax.plot(
            [value - half, value + half],
            [-0.22, -0.22],
            color=style.ESTIMATE,
            linewidth=2.5,
            solid_capstyle="butt",
        )
        ax.plot(
            value,
            -0.22,
            color=style.ESTIMATE,
            marker="o",
            markersize=5,
            linewidth=0,
            label=f"{method} estimate, {percent} Wald interval",
        )
    else:
        ax.text(
            0.98,
            0.95,
            f"{method}: undefined",
            transform=ax.transAxes,
            ha="right",
            va="top",
            fontsize=style.SMALL,
            color=style.ESTIMATE,
        )
    ax.axhline(0.0, color=style.FAINT, linewidth=0.6, zorder=0)
    ax.set_ylim(-0.34, 1.08)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ends = np.quantile(draws, [0.001, 0.999])
    shown = [*ends, *((value - half, value + half) if np.isfinite(value) else ())]
    margin = 0.04 * (max(shown) - min(shown))
    ax.set_xlim(min(shown) - margin, max(shown) + margin)
    for edge in {"sd": (0.0,), "corr": (-1.0, 1.0)}.get(kind, ()):
        if min(shown) - margin <= edge <= max(shown) + margin:
            ax.axvline(edge, color=style.FAINT, linewidth=0.8, zorder=0)
