"""The profile of a variance parameter, as a signed root and as a density, with the posterior over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from scipy.special import ndtri

from bayesmm.design import Design
from bayesmm.errors import ModelError
from bayesmm.estimate import Estimate
from bayesmm.plots import style
from bayesmm.plots.canvas import legend, panels
from bayesmm.plots.draws import density, scalar_draws
from bayesmm.plots.posterior_and_estimate import parameter_unit, point_estimate
from bayesmm.plots.results import results_of
from bayesmm.posterior import Posterior
from bayesmm.results import ScalarParameter, find_parameter, scalar_parameters
from bayesmm.search import Profile

KINDS = ("sd", "corr", "dispersion")
LEVELS = (0.5, 0.8, 0.95, 0.99)
"""The probabilities whose intervals are drawn."""
PAGES = ((3, (3.7, 2.9), 1), (8, (2.7, 2.2), 2), (np.inf, (2.2, 1.9), 3))
"""Up to how many profiles have panels of which size, in inches, and how many of them stand side by side."""
REACH = 0.995
"""How far out the profile goes."""


def plot_profile(
    estimate: Estimate | Posterior,
    posterior: Posterior | None = None,
    parameter: str | Profile | Sequence[str | Profile] | None = None,
    *,
    ax: Any = None,
) -> FigureBase:
    """Draw the profile of variance parameters on two scales, side by side.

    Left ζ, the signed root of the rise of the criterion: a straight line where the Wald interval (dashed) is
    right; the profile's intervals of 50, 80, 95 and 99 % are drawn in. Right the same as a density, dΦ(ζ)/dv,
    and over it the posterior density, which has the prior in it too.

    Parameters
    ----------
    estimate
        From ``model.fit()``; of a posterior alone the profiles are those of its model's REML estimate.
    posterior
        From ``model.sample()`` of the same model.
    parameter
        Names of standard deviations or correlations, ``"sigma"``, or what ``estimate.profile`` gave for them;
        by default all whose estimate isn't undefined. A profile takes some hundred evaluations of the
        criterion, seconds where they are dear.
    ax
        Two Axes for each parameter.

    Raises
    ------
    ModelError
        If there is no such variance parameter, or the posterior is of another model.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> fit = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")).fit()
    >>> left, right = bmm.plots.plot_profile(fit, parameter="1|Batch_sigma").axes
    >>> left.get_title(), right.get_ylabel()
    ('1|Batch_sigma', 'density')
    """
    given = results_of(estimate, posterior, "plot_profile", estimate=True)
    design, fitted, posterior = given.model.design, given.estimate, given.posterior
    assert fitted is not None
    profiles = _profiles(fitted, parameter)
    size, abreast = next((size, abreast) for most, size, abreast in PAGES if len(profiles) <= most)
    figure, axes = panels(ax, 2 * len(profiles), size, columns=2 * abreast)
    for row, (named, profile) in enumerate(profiles):
        left, right = axes[2 * row : 2 * row + 2]
        unit = parameter_unit(design, named)
        _draw_zeta(left, profile, point_estimate(fitted, named)[1])
        _draw_density(right, profile, None if posterior is None else scalar_draws(posterior, named))
        right.set_xlim(left.get_xlim())
        style.tidy(left, x=unit, y="ζ", title=named.label)
        style.tidy(right, x=unit, y="density", title=named.label)
    legend(figure, axes, own=ax is None, columns=3)
    return figure


def _has_profile(design: Design, named: ScalarParameter) -> bool:
    """Whether it is a parameter: a structure may tell of correlations that are functions of several."""
    if named.kind != "corr" or named.term is None or named.columns:  # a pair of columns can be held
        return True
    return design.terms[named.term].covariance.held_by(named.component or 0) is not None


def _profiles(
    estimate: Estimate, parameter: str | Profile | Sequence[str | Profile] | None
) -> list[tuple[ScalarParameter, Profile]]:
    """The parameters asked for, each with its profile."""
    design = estimate.model.design
    wanted = [parameter] if isinstance(parameter, str | Profile) else parameter
    if wanted is None:
        variances = [named for named in scalar_parameters(design) if named.kind in KINDS]
        wanted = [
            named.label
            for named in variances
            if np.isfinite(point_estimate(estimate, named)[0]) and _has_profile(design, named)
        ]
    if not wanted:
        raise ModelError(
            "parameter is empty", expected="at least one name", advice="parameter=None for all of them"
        )
    found = []
    for one in wanted:
        named = find_parameter(design, one.parameter if isinstance(one, Profile) else one, KINDS)
        profile = one if isinstance(one, Profile) else estimate.profile(named.label, prob=REACH)
        if profile.method != estimate.method or not np.isclose(
            profile.estimate, point_estimate(estimate, named)[0], rtol=1e-6, atol=1e-12
        ):
            raise ModelError(
                f"the profile of {profile.parameter} is about another estimate",
                expected=f"a profile of this {estimate.method} estimate",
                advice=f"estimate.profile({profile.parameter!r})",
            )
        found.append((named, profile))
    return found


def _draw_zeta(ax: Axes, profile: Profile, se: float) -> None:
    """ζ over the parameter, with the ends of the intervals."""
    fine = np.linspace(profile.values[0], profile.values[-1], 400)
    ax.plot(fine, profile.zeta_at(fine), color=style.ESTIMATE, linewidth=1.6, zorder=3, label="profile")
    wald = (fine - profile.estimate) / se if np.isfinite(se) else np.full(len(fine), np.nan)
    seen = (wald >= profile.zeta[0]) & (wald <= profile.zeta[-1])
    if seen.any():
        dashes = {"color": style.BLACK, "linewidth": 0.9, "linestyle": (0, (4, 2)), "zorder": 2}
        ax.plot(fine[seen], wald[seen], label="Wald", **dashes)
    ax.axhline(0.0, color=style.FAINT, linewidth=0.7, zorder=0)
    for prob in (prob for prob in LEVELS if prob <= profile.prob):
        z = float(ndtri(0.5 + prob / 2))
        lower, upper = profile.interval(prob)
        for end, height in ((lower, -z), (upper, z)):
            on_curve = float(profile.zeta_at(end))  # to the spline's error; less at the parameter's bound
            reached = height if np.isclose(on_curve, height, atol=1e-3) else on_curve
            ax.plot([end, end], [0.0, reached], color=style.DATA, linewidth=0.8, zorder=1)
            ax.axhline(height, color=style.FAINT, linewidth=0.6, linestyle=":", zorder=0)
        ax.annotate(
            f"{100 * prob:g}%",
            (0.0, z),
            xycoords=("axes fraction", "data"),
            xytext=(3, 1),
            textcoords="offset points",
            va="bottom",
            fontsize=style.SMALL - 1,
            color=style.DATA,
        )
    ax.plot(profile.estimate, 0.0, color=style.ESTIMATE, marker="o", markersize=5, zorder=4, linewidth=0)


def _draw_density(ax: Axes, profile: Profile, draws: np.ndarray | None) -> None:
    """The profile's density, the posterior's, and the estimate."""
    if draws is not None:
        grid, height = density(draws)
        ax.fill_between(grid, height, color=style.POSTERIOR, alpha=0.25, linewidth=0)
        ax.plot(grid, height, color=style.POSTERIOR, linewidth=1.2, label="posterior")
    fine = np.linspace(profile.values[0], profile.values[-1], 400)
    ax.plot(fine, profile.density(fine), color=style.ESTIMATE, linewidth=1.6)
    ax.axvline(profile.estimate, color=style.ESTIMATE, linewidth=1.0, linestyle=(0, (3, 2)))
    ax.set_ylim(bottom=0.0)
