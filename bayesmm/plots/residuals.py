"""What an estimate leaves unexplained: residuals and random effects against what the model assumes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from scipy.special import ndtri

from bayesmm.estimate import Estimate
from bayesmm.plots import style
from bayesmm.plots.canvas import panels, say
from bayesmm.plots.checks import columns_of
from bayesmm.plots.results import centre_of, results_of
from bayesmm.plots.smoother import smooth
from bayesmm.posterior import Posterior


def plot_residuals(estimate: Estimate | Posterior, *, ax: Any = None) -> FigureBase:
    """Draw residuals over fitted values, their spread over fitted values, and normal Q–Q plots.

    The residuals are y − ŷ with ŷ = Xβ̂ + Zb̂, times √w where the model has weights. The scale–location panel
    has ``√(|residual|/σ̂)``. The lines are local linear regressions. Then come normal Q–Q plots of the
    residuals and of each column of random effects, with a line through the quartiles. More than 5,000 points
    are counted in hexagons.

    Conditional modes are shrunk, and the more the fewer rows their level has, so that their Q–Q plots bend
    less than the random effects themselves would.

    Parameters
    ----------
    estimate
        From ``model.fit()``; or from ``model.sample()``, whose means of β, b and σ are then taken.
    ax
        Three Axes, and one more for each column of random effects.

    Raises
    ------
    ModelError
        If it isn't an estimate.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> fit = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")).fit()
    >>> len(bmm.plots.plot_residuals(fit).axes)
    4
    """
    design = results_of(estimate, None, "plot_residuals").model.design
    centre = centre_of(estimate)
    effects = [(group, term.columns[i]) for group in design.factors for term, i in columns_of(design, group)]
    n = 3 + len(effects)
    figure, axes = panels(ax, n, (3.3, 2.9), columns=2 if n == 4 else 3)
    fitted = centre.fitted
    residuals = design.y - fitted
    if design.weights is not None:
        residuals = np.sqrt(design.weights) * residuals
    unit = design.response if design.weights is None else f"√w · {design.response}"
    _scatter(axes[0], fitted, residuals)
    axes[0].axhline(0.0, color=style.BLACK, linewidth=0.8, linestyle=":", zorder=2)
    style.tidy(
        axes[0], x=f"fitted ({design.response})", y=f"residual ({unit})", title="residuals over fitted values"
    )
    _scatter(axes[1], fitted, np.sqrt(np.abs(residuals) / centre.sigma))
    style.tidy(axes[1], x=f"fitted ({design.response})", y="√(|residual| / σ̂)", title="scale–location")
    _quantiles(axes[2], residuals)
    style.tidy(axes[2], x="normal quantile", y=f"residual ({unit})", title="residuals, Q–Q")
    for panel, (group, column) in zip(axes[3:], effects, strict=True):
        values = centre.of_group(group)[column].to_numpy()
        _quantiles(panel, values)
        if not values.any():
            say(panel, "The estimated variance is zero: all effects are.")
        what = "mode" if isinstance(estimate, Estimate) else "mean"
        y = f"{what} ({style.unit(column, design.response)})"
        style.tidy(panel, x="normal quantile", y=y, title=f"{column} | {group}, Q–Q")
    return figure


def normal_quantiles(n: int) -> np.ndarray:
    """(n,) Φ⁻¹((i − a)/(n + 1 − 2a)), a = 3/8 up to ten values and 1/2 beyond (Blom 1958; R's ppoints)."""
    a = 0.375 if n <= 10 else 0.5
    return ndtri((np.arange(1, n + 1) - a) / (n + 1 - 2 * a))


def _scatter(ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    if len(x) > style.MANY:
        ax.hexbin(x, y, gridsize=45, bins="log", cmap=style.COUNT_MAP, mincnt=1, linewidths=0, zorder=1)
    else:
        ax.scatter(x, y, color=style.DATA, zorder=1, **style.points(len(x)))
    ax.plot(*smooth(x, y), color=style.VERMILLION, linewidth=1.6, zorder=3)


def _quantiles(ax: Axes, values: np.ndarray) -> None:
    """Sorted values over normal quantiles, and the line through their quartiles."""
    n = len(values)
    theory, sample = normal_quantiles(n), np.sort(values)
    if n > style.MANY:  # neighbours in the middle lie on top of each other; every value of the tails is kept
        shown = np.unique(
            np.concatenate([np.arange(500), np.linspace(0, n - 1, 2000).astype(int), np.arange(n - 500, n)])
        )
        theory, sample = theory[shown], sample[shown]
    ax.scatter(theory, sample, color=style.ESTIMATE, zorder=2, **style.points(n if n <= style.MANY else 3000))
    low, high = np.quantile(values, [0.25, 0.75])
    slope = (high - low) / (ndtri(0.75) - ndtri(0.25))
    ends = theory[[0, -1]]
    line = 0.5 * (low + high) + slope * ends
    ax.plot(ends, line, color=style.BLACK, linewidth=0.9, linestyle="--", zorder=1)
