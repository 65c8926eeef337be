"""The pictures of the page: drawn by ``plots``, kept as data in the page, told in words beside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from bayesmm.comparison import Comparison
from bayesmm.design.naming import INTERCEPT
from bayesmm.errors import ModelError
from bayesmm.posterior import Posterior
from bayesmm.reporting.layout import listed, number
from bayesmm.results import Fitted, scalar_parameters

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

LARGEST_SVG = 250_000
"""Bytes from which a picture is kept as an image if that is smaller."""
DPI = 144
"""Of pictures kept as images: two dots a pixel of the screen at their natural size."""
MOST_GROUPS = 4
"""Grouping factors whose effects are drawn."""
MOST_COLUMNS = 4
"""Columns of random effects that are drawn of one factor."""
MOST_PARAMETERS = 12
"""Parameters whose posterior is drawn."""


@dataclass(frozen=True)
class Picture:
    """A picture in the page.

    Attributes
    ----------
    source
        A data URI.
    alt
        What is to be seen, in words.
    caption
        What is drawn, and how to read it.
    width, height
        Pixels at the natural size.
    """

    source: str
    alt: str
    caption: str
    width: int
    height: int


def group_pictures(estimate: Fitted, posterior: Posterior | None) -> Iterator[Picture]:
    """Lines or shrinkage of the first grouping factor that has them, and the effects of each factor."""
    from bayesmm.plots import plot_effects

    design = estimate.design
    yield from lines_picture(estimate)
    for group in list(design.factors)[:MOST_GROUPS]:
        columns = list(estimate.ranef[group].columns)[:MOST_COLUMNS]
        yield drawn(
            lambda group=group, columns=columns: plot_effects(estimate, posterior, group, columns=columns),
            alt=_effects_alt(estimate, group, columns),
            caption=f"The effects of {group} in order, with intervals"
            + ("." if posterior is None else f": {estimate.method} modes and posterior means."),
        )


def lines_picture(estimate: Fitted) -> Iterator[Picture]:
    """Each group's line over the first predictor with random effects, or else over the first at all."""
    from bayesmm.plots import plot_lines

    design = estimate.design
    slopes = {
        term.group: name
        for term in reversed(design.terms)
        for part in term.recipe.terms
        for name in [part.name]
        if part.levels is None and name != INTERCEPT and ":" not in name
    }
    predictors = [
        part.name
        for part in design.fixed.terms
        if part.levels is None and part.name != INTERCEPT and ":" not in part.name
    ]
    group = next(iter(reversed(slopes)), next(iter(design.factors)))
    x = slopes.get(group, predictors[0] if predictors else None)
    if x is None:
        return
    count = len(design.factors[group])
    coefficients = estimate.coef[group]
    alt = f"{design.response} over {x} for {count} levels of {group}."
    if x in coefficients:
        low, high = coefficients[x].idxmin(), coefficients[x].idxmax()
        if coefficients[x].max() > coefficients[x].min():
            what = "slopes" if x in estimate.beta else f"levels' own effects of {x}"
            alt += (
                f" By partial pooling the {what} run from {number(coefficients[x].min())} ({_label(low)}) to "
                f"{number(coefficients[x].max())} ({_label(high)})"
            )
            alt += f"; the fixed effect is {number(estimate.beta[x])}" if x in estimate.beta else ""
            mixed = any(x in name.split(":") and name != x for name in estimate.beta.index)
            alt += " (where the columns that it interacts with are zero)." if mixed else "."
        else:
            heights = estimate.ranef[group].get(INTERCEPT)
            apart = heights is not None and heights.max() > heights.min()
            alt += f" All lines have the slope {number(coefficients[x].iloc[0])}"
            alt += "; they differ in height." if apart else " and the same height."
    together = count > 24
    caption = f"The lines of the levels of {group} over {x}" + (
        ", by partial pooling, with the line of the fixed effects."
        if together
        else ", under three ways to pool: each level for itself, all as one, and the model's between the two."
    )
    try:
        yield drawn(lambda: plot_lines(estimate, x, group), alt=alt, caption=caption)
    except ModelError:  # the predictor isn't one that lines can be drawn over
        return


def residual_picture(estimate: Fitted) -> Picture:
    """Residuals over fitted values, their spread, and normal quantiles."""
    from bayesmm.plots import plot_residuals

    design = estimate.design
    residuals = estimate.residuals.to_numpy()
    if design.weights is not None:
        residuals = residuals * np.sqrt(design.weights)
    fitted, scaled = estimate.fitted.to_numpy(), residuals / estimate.sigma
    far = int((np.abs(scaled) > 3).sum())
    expected = 2 * design.n * (1 - 0.99865)
    spread = _correlation(fitted, np.sqrt(np.abs(scaled)))
    kurtosis = float(np.mean((scaled - scaled.mean()) ** 4) / np.var(scaled) ** 2)
    words = "steady" if abs(spread) < 0.2 else "growing" if spread > 0 else "shrinking"
    tails = "heavier than" if kurtosis > 3.5 else "lighter than" if kurtosis < 2.5 else "about those of"
    where = f"smallest {number(scaled.min(), 1)}, largest {number(scaled.max(), 1)} residual sds"
    alt = (
        "Residuals over fitted values, their spread, and normal quantile plots of residuals and effects. "
        f"The spread is {words} along the fitted values (correlation {number(spread, 2)}); {far} of "
        f"{design.n} residuals lie beyond three sds, where a normal distribution has {number(expected, 1)}; "
        f"the tails are {tails} a normal distribution's ({where})."
    )
    return drawn(
        lambda: plot_residuals(estimate),
        alt=alt,
        caption="Residuals: a level cloud and straight quantile plots are what the model assumes.",
    )


def posterior_picture(comparison: Comparison) -> Picture:
    """Each parameter's posterior density, with the estimate below it."""
    from bayesmm.plots import plot_posterior_and_estimate

    estimate, posterior = comparison.estimate, comparison.posterior
    labels = [parameter.label for parameter in scalar_parameters(estimate.design)]
    shown = labels if len(labels) <= MOST_PARAMETERS else labels[-MOST_PARAMETERS:]
    rows = comparison.table
    outside = rows.index[~rows["estimate"].between(rows["lower"], rows["upper"])]
    percent = f"{100 * comparison.prob:g} %"
    where = "Every estimate lies inside the posterior's interval"
    if len(outside):
        where = f"Outside the posterior's interval lie the estimates of {listed(list(map(str, outside)), 6)}"
    alt = f"Posterior densities of {listed(shown)}, each with its {percent} interval. {where}."

    def draw() -> FigureBase:
        if len(shown) <= 3:
            return plot_posterior_and_estimate(posterior, estimate, shown, prob=comparison.prob)
        axes = _grid(len(shown), (2.9, 2.3))
        figure = plot_posterior_and_estimate(posterior, estimate, shown, prob=comparison.prob, ax=axes)
        _raise_legend(figure, axes[0])
        return figure

    return drawn(
        draw,
        alt=alt,
        caption=f"The posterior of each parameter, and below it its mean and {percent} interval beside the "
        f"{comparison.method} estimate with its Wald interval.",
    )


def drawn(draw: Callable[[], FigureBase], *, alt: str, caption: str) -> Picture:
    """Draw a picture and keep it, as drawing or as image, whichever is smaller; the same each time.

    The user's settings of matplotlib don't count, and no window opens.
    """
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    own = {"svg.hashsalt": "bayesmm", "figure.facecolor": "white", "savefig.facecolor": "white"}
    with plt.ioff(), mpl.rc_context():
        mpl.rcParams.update({k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith("backend")})
        mpl.rcParams.update(own | {"interactive": False})
        figure: Any = draw()
        width, height = (round(96 * inches) for inches in figure.get_size_inches())
        svg, png = io.BytesIO(), io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        data, kind = svg.getvalue(), "svg+xml"
        if len(data) > LARGEST_SVG:
            figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
            if len(png.getvalue()) < len(data):
                data, kind = png.getvalue(), "png"
        plt.close(figure)
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return Picture(source, alt, caption, width, height)


def _grid(n: int, size: tuple[float, float], columns: int = 3) -> list[Any]:
    """Axes three abreast, so that a page's width keeps their text readable."""
    import matplotlib.pyplot as plt

    columns = 2 if n == 4 else min(columns, n)
    rows = -(-n // columns)
    shape = (size[0] * columns, size[1] * rows)
    figure, grid = plt.subplots(rows, columns, figsize=shape, layout="constrained", squeeze=False)
    engine: Any = figure.get_layout_engine()
    engine.set(h_pad=0.1, w_pad=0.08)
    axes = list(grid.ravel())
    for spare in axes[n:]:
        spare.remove()
    return axes[:n]


def _raise_legend(figure: Any, ax: Any) -> None:
    """From inside the first panel to above them all."""
    shown = ax.get_legend()
    if shown is not None:
        handles, labels = ax.get_legend_handles_labels()
        shown.remove()
        figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=8)


def _effects_alt(estimate: Fitted, group: str, columns: list[str]) -> str:
    z = float(ndtri(0.975))
    parts = []
    for name in columns:
        modes, sds = estimate.ranef[group][name], estimate.ranef_sd[group][name]
        if not np.any(sds.to_numpy() > 0):
            parts.append(f"{name}: all are zero, since the estimated variance is")
            continue
        clear = int((np.abs(modes) > z * sds).sum())
        parts.append(
            f"{name}: from {number(modes.min())} ({_label(modes.idxmin())}) to {number(modes.max())} "
            f"({_label(modes.idxmax())}); {clear} of {len(modes)} are clear of zero at 95 %"
        )
    return f"Effects of {len(estimate.ranef[group])} levels of {group}, lowest first. {'. '.join(parts)}."


def _label(level: Any) -> str:
    return ":".join(map(str, level)) if isinstance(level, tuple) else str(level)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if np.std(a) == 0 or np.std(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
