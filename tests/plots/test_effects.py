"""The caterpillar: order, points, intervals, and what becomes of them when there are many."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from scipy.stats import norm

import bayesmm as bmm
from bayesmm.plots import plot_effects, style
from tests.fits import fit_of, posterior_of
from tests.plots.pictures import line, lines_of, segments

MODES, MEANS = "conditional mode, 89% interval", "posterior mean, 89% interval"


def test_points_are_the_modes_in_order_with_their_intervals():
    fit = fit_of("sleep")
    left, right = plot_effects(fit, prob=0.9).axes
    modes, sds = fit.ranef["Subject"], fit.ranef_sd["Subject"]
    order = modes["Intercept"].sort_values().index
    for ax, name in ((left, "Intercept"), (right, "Days")):
        points = line(ax, "conditional mode, 90% interval")
        np.testing.assert_allclose(points[:, 0], modes.loc[order, name])
        np.testing.assert_allclose(points[:, 1], np.arange(18))
        half = norm.ppf(0.95) * sds.loc[order, name]
        ends = np.array(segments(ax))
        np.testing.assert_allclose(ends[:, 0, 0], modes.loc[order, name] - half)
        np.testing.assert_allclose(ends[:, 1, 0], modes.loc[order, name] + half)
    assert [label.get_text() for label in left.get_yticklabels()] == [str(level) for level in order]
    assert right.get_xlabel() == "random effect: Days (Reaction per unit)"


def test_another_column_gives_the_order():
    fit = fit_of("sleep")
    (ax,) = plot_effects(fit, columns="Days", sort_by="Days").axes
    assert (np.diff(line(ax, MODES)[:, 0]) > 0).all()
    ax, _ = plot_effects(fit, columns=["Intercept", "Days"], sort_by="Days").axes
    order = fit.ranef["Subject"]["Days"].sort_values().index
    np.testing.assert_allclose(line(ax, MODES)[:, 0], fit.ranef["Subject"].loc[order, "Intercept"])


def test_posterior_means_and_intervals_stand_beside():
    fit, posterior = fit_of("machines"), posterior_of("machines")
    axes = plot_effects(fit, posterior).axes
    order = np.argsort(fit.ranef["Worker"]["Intercept"].to_numpy())
    draws = posterior.data["posterior"]["Machine|Worker"].stack(s=("chain", "draw"))
    for ax, level in zip(axes[1:], ("B", "C"), strict=True):
        own = draws.sel(Machine__expr_dim=level).transpose("s", ...).to_numpy()[:, order]
        points = line(ax, MEANS)
        np.testing.assert_allclose(points[:, 0], own.mean(axis=0))
        assert (points[:, 1] > line(ax, MODES)[:, 1]).all()  # beside each other, not on top
        *_, posterior_lines = [c for c in ax.collections if isinstance(c, LineCollection)]
        ends = np.array(posterior_lines.get_segments())[:, :, 0]
        np.testing.assert_allclose(ends.T, np.quantile(own, [0.055, 0.945], axis=0))


def test_more_than_sixty_levels_have_no_labels():
    axes = plot_effects(fit_of("hsb")).axes
    assert axes[0].get_yticks().size == 0
    assert axes[0].get_ylabel() == "school, 160 in order"
    assert len(segments(axes[0])) == 160


def test_thousands_are_a_band():
    fit = fit_of("insteval")
    (ax,) = plot_effects(fit, group="s", prob=0.9).axes
    assert not [c for c in ax.collections if isinstance(c, LineCollection)]
    (band,) = ax.collections
    modes, sds = (frame["Intercept"].to_numpy() for frame in (fit.ranef["s"], fit.ranef_sd["s"]))
    z = norm.ppf(0.95)
    extent = band.get_paths()[0].get_extents()
    assert extent.x0 == pytest.approx((modes - z * sds).min())
    assert extent.x1 == pytest.approx((modes + z * sds).max())
    drawn = [one for one in lines_of(ax, style.ESTIMATE) if len(one.get_xdata())]
    np.testing.assert_allclose(drawn[0].get_xdata(), np.sort(modes))


def test_effects_that_were_summed_up_as_they_were_drawn():
    """With a summary in place of draws the intervals are the summary's; no others can be had."""
    model = fit_of("dyestuff").model
    options = {"draws": 250, "random_seed": 1, "progressbar": False}
    kept, summed = model.sample(**options), model.sample(**options, effects="summary")
    fit = fit_of("dyestuff")
    (left,), (right,) = (plot_effects(fit, posterior).axes for posterior in (kept, summed))
    np.testing.assert_allclose(line(right, MEANS), line(left, MEANS), atol=1e-6)
    with pytest.raises(bmm.ModelError, match="weren't kept"):
        plot_effects(fit, summed, prob=0.5)


def test_bad_requests_are_refused():
    with pytest.raises(bmm.ModelError, match="no random effects of 'Day'"):
        plot_effects(fit_of("sleep"), columns=["Day"])
    with pytest.raises(bmm.ModelError, match="no random effects of 'x'"):
        plot_effects(fit_of("sleep"), sort_by="x")
    with pytest.raises(bmm.ModelError, match="prob is 95"):
        plot_effects(fit_of("sleep"), prob=95)
    with pytest.raises(bmm.ModelError, match="1 different"):
        plot_effects(fit_of("sleep"), columns=[])
