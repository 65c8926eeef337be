"""Two columns of a group's random effects, and the covariance they are thought to come from."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import FigureBase
from scipy.stats import chi2

from bayesmm.estimate import Estimate
from bayesmm.plots import style
from bayesmm.plots.canvas import legend, panels
from bayesmm.plots.checks import check_estimate, check_posterior, check_prob, chosen_columns, chosen_group
from bayesmm.plots.draws import covariance_draws
from bayesmm.posterior import Posterior

ELLIPSES = 60
"""Draws of the posterior whose ellipses are shown."""


def plot_correlation(
    estimate: Estimate,
    posterior: Posterior | None = None,
    group: str | None = None,
    columns: tuple[str, str] | None = None,
    *,
    prob: float = 0.95,
    ax: Any = None,
) -> FigureBase:
    """Draw the conditional modes of two columns of random effects, and the ellipse of their covariance Ĝ.

    The ellipse {b: b'Ĝ⁻¹b = c} holds ``prob`` of N(0, Ĝ); conditional modes are shrunk and fill less of it.
    With a posterior there is a thin ellipse for each of some sixty draws of G, spread evenly over the draws.

    Parameters
    ----------
    estimate
        From ``model.fit()``.
    posterior
        From ``model.sample()`` of the same model.
    group
        The grouping factor; needed where the model has several.
    columns
        Two columns of its random effects; by default the first two.
    prob
        The probability that the ellipses hold.
    ax
        One Axes.

    Raises
    ------
    ModelError, DataError
        If the model has no such group or columns, or the posterior is of another model.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> fit = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy")).fit()
    >>> bmm.plots.plot_correlation(fit).axes[0].get_title()
    'correlation +0.07'
    """
    check_estimate(estimate, "plot_correlation")
    check_prob(prob)
    design = estimate.model.design
    group = chosen_group(design, group)
    chosen = chosen_columns(design, group, columns, 2)
    if posterior is not None:
        check_posterior(posterior, design)
    figure, (only,) = panels(ax, 1, (5.4, 4.8))
    modes = estimate.ranef[group][chosen].to_numpy()
    only.scatter(
        *modes.T, color=style.ESTIMATE, zorder=3, label="conditional modes", **style.points(len(modes))
    )
    G = group_covariance(estimate, group, chosen)
    percent = f"{100 * prob:g}%"
    if posterior is not None:
        draws = covariance_draws(posterior, design, group, chosen)
        some = draws[np.unique(np.linspace(0, len(draws) - 1, ELLIPSES).astype(int))]
        ellipses = LineCollection(
            [ellipse(one, prob) for one in some], colors=style.POSTERIOR, linewidths=0.7, alpha=0.35, zorder=1
        )
        ellipses.set_label(f"{percent} ellipses of {len(some)} draws")
        only.add_collection(ellipses)
    only.plot(
        *ellipse(G, prob).T,
        color=style.ESTIMATE,
        linewidth=1.8,
        zorder=4,
        label=f"{percent} ellipse, {estimate.method}",
    )
    only.axhline(0.0, color=style.FAINT, linewidth=0.7, zorder=0)
    only.axvline(0.0, color=style.FAINT, linewidth=0.7, zorder=0)
    product = np.sqrt(G[0, 0] * G[1, 1])
    title = "correlation undefined: a variance is zero"
    if product > 0:
        title = f"correlation {G[0, 1] / product:+.2f}".replace("-", "−")
    x, y = (f"random effect: {style.effect_label(name, design.response)}" for name in chosen)
    style.tidy(only, x=x, y=y, title=title)
    legend(figure, [only], own=ax is None, columns=3)
    return figure


def group_covariance(estimate: Estimate, group: str, columns: list[str]) -> np.ndarray:
    """(2, 2) Ĝ of two columns; those of different bars don't covary."""
    G = np.zeros((2, 2))
    for term, covariance in zip(estimate.model.design.terms, estimate.covariances, strict=True):
        if term.group == group:
            here = [i for i in (0, 1) if columns[i] in term.columns]
            names = [columns[i] for i in here]
            G[np.ix_(here, here)] = covariance.loc[names, names].to_numpy()
    return G


def ellipse(G: np.ndarray, prob: float) -> np.ndarray:
    """(181, 2) points of the ellipse that holds ``prob`` of N(0, G); a stretch of a line if G is singular."""
    values, vectors = np.linalg.eigh(G)
    turn = np.linspace(0.0, 2.0 * np.pi, 181)
    axes = vectors * np.sqrt(np.maximum(values, 0.0) * chi2.ppf(prob, 2))
    return np.column_stack([np.cos(turn), np.sin(turn)]) @ axes.T
