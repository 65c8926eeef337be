"""Two columns of a group's random effects, and the covariance they are thought to come from."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import FigureBase
from scipy.stats import chi2

from bayesmm.checks import check_prob
from bayesmm.estimate import Estimate
from bayesmm.plots import style
from bayesmm.plots.canvas import legend, panels
from bayesmm.plots.checks import chosen_columns, chosen_group, title_of
from bayesmm.plots.draws import covariance_draws
from bayesmm.plots.results import centre_of, results_of
from bayesmm.posterior import Posterior

ELLIPSES = 60
"""Draws of the posterior whose ellipses are shown."""


def plot_correlation(
    estimate: Estimate | Posterior,
    posterior: Posterior | None = None,
    group: str | None = None,
    columns: tuple[str, str] | None = None,
    *,
    prob: float = 0.95,
    ax: Any = None,
) -> FigureBase:
    """Draw the conditional modes of two columns of random effects, and the ellipse of their covariance Ĝ.

    The ellipse {b: b'Ĝ⁻¹b = c} holds ``prob`` of N(0, Ĝ); conditional modes are shrunk and fill less of it.
    With a posterior there is a thin ellipse for each of some sixty draws of G, spread evenly over the draws;
    of a posterior alone the points are the posterior means.

    Parameters
    ----------
    estimate
        From ``model.fit()``; or a posterior alone.
    posterior
        From ``model.sample()`` of the same model.
    group
        The grouping factor; by default the first with two columns of random effects.
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
    given = results_of(estimate, posterior, "plot_correlation")
    check_prob(prob)
    design = given.model.design
    group = chosen_group(design, group, columns=2)
    chosen = chosen_columns(design, group, columns, 2)
    figure, (only,) = panels(ax, 1, (5.4, 4.8))
    effects = centre_of(given.estimate or given.posterior).of_group(group)[chosen].to_numpy()
    percent = f"{100 * prob:g}%"
    if given.posterior is not None:
        draws = covariance_draws(given.posterior, design, group, chosen)
        some = draws[np.unique(np.linspace(0, len(draws) - 1, ELLIPSES).astype(int))]
        ellipses = LineCollection(
            [ellipse(one, prob) for one in some], colors=style.POSTERIOR, linewidths=0.7, alpha=0.35, zorder=1
        )
        ellipses.set_label(f"{percent} ellipses of {len(some)} draws")
        only.add_collection(ellipses)
    if given.estimate is not None:
        colour, label = style.ESTIMATE, "conditional modes"
        G = group_covariance(given.estimate, group, chosen)
        shape = f"{percent} ellipse, {given.estimate.method}"
        only.plot(*ellipse(G, prob).T, color=colour, linewidth=1.8, zorder=4, label=shape)
    else:
        colour, label = style.POSTERIOR, "posterior means"
        G = draws.mean(axis=0)
    only.scatter(*effects.T, color=colour, zorder=3, label=label, **style.points(len(effects)))
    only.axhline(0.0, color=style.FAINT, linewidth=0.7, zorder=0)
    only.axvline(0.0, color=style.FAINT, linewidth=0.7, zorder=0)
    zero = [name for name, variance in zip(chosen, np.diag(G), strict=True) if variance == 0]
    title = "correlation undefined"
    if zero:
        title += f": the estimated variance of {' and of '.join(zero)} is zero"
    elif given.estimate is None:
        rho = draws[:, 0, 1] / np.sqrt(draws[:, 0, 0] * draws[:, 1, 1])
        title = f"posterior mean of the correlation {_signed(rho.mean())}"
    else:
        title = f"correlation {_signed(G[0, 1] / np.sqrt(G[0, 0] * G[1, 1]))}"
    x, y = (f"random effect: {style.effect_label(name, design.response)}" for name in chosen)
    style.tidy(only, x=x, y=y, title=title_of(design, group, title))
    legend(figure, [only], own=ax is None, columns=3)
    return figure


def _signed(correlation: float) -> str:
    return f"{correlation:+.2f}".replace("-", "−")


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
