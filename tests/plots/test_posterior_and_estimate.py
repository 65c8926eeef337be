"""Densities with both answers, and ``Comparison.plot``."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot as plt
from scipy.stats import gaussian_kde, norm

import bayesmm as bmm
from bayesmm.plots import plot_posterior_and_estimate, style
from tests.fits import fit_of, posterior_of
from tests.plots.pictures import line, lines_of

MEAN, POINT = "posterior mean, 89% interval", "REML estimate, 89% Wald interval"


def test_each_parameter_has_its_two_answers():
    fit, posterior = fit_of("sleep"), posterior_of("sleep")
    figure = plot_posterior_and_estimate(posterior, fit)
    table = bmm.compare(posterior, fit).table
    assert [ax.get_title() for ax in figure.axes] == list(table.index)
    for ax, (_, row) in zip(figure.axes, table.iterrows(), strict=True):
        assert line(ax, MEAN)[0, 0] == pytest.approx(row["mean"])
        assert line(ax, POINT)[0, 0] == pytest.approx(row["estimate"])
        bars = [one.get_xdata() for one in ax.lines if one.get_linewidth() == 2.5]
        assert bars[0] == pytest.approx([row["lower"], row["upper"]])
        half = norm.ppf(0.945) * row["se"]
        assert bars[1] == pytest.approx([row["estimate"] - half, row["estimate"] + half])


def test_the_density_is_that_of_the_draws():
    posterior = posterior_of("sleep")
    (ax,) = plot_posterior_and_estimate(posterior, fit_of("sleep"), "Days").axes
    curve = lines_of(ax, style.POSTERIOR)[0].get_xydata()
    draws = posterior.data["posterior"]["Days"].to_numpy().ravel()
    assert curve[[0, -1], 0] == pytest.approx([draws.min(), draws.max()], abs=0.005 * np.ptp(draws))
    assert curve[:, 1].max() == pytest.approx(1.0)
    smooth = gaussian_kde(draws)(curve[:, 0])
    np.testing.assert_allclose(curve[:, 1], smooth / smooth.max(), atol=0.08)
    assert ax.get_xlabel() == "Reaction per unit"


def test_names_choose_variables_and_components():
    fit, posterior = fit_of("machines"), posterior_of("machines")
    figure = plot_posterior_and_estimate(posterior, fit, ["Machine", "Machine|Worker_sigma[C]", "sigma"])
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["Machine[B]", "Machine[C]", "Machine|Worker_sigma[C]", "sigma"]
    with pytest.raises(bmm.ModelError, match="did you mean 'Machine'"):
        plot_posterior_and_estimate(posterior, fit, "Machin")
    with pytest.raises(bmm.ModelError, match="var_names is empty"):
        plot_posterior_and_estimate(posterior, fit, [])


def test_an_estimate_on_the_edge_is_a_point_without_interval():
    figure = plot_posterior_and_estimate(posterior_of("dyestuff2"), fit_of("dyestuff2"), "1|Batch_sigma")
    ax = figure.axes[0]
    assert line(ax, POINT).tolist() == [[0.0, -0.22]]
    bars = [one.get_xdata() for one in ax.lines if one.get_linewidth() == 2.5]
    assert list(bars[1]) == [0.0, 0.0]


def test_intervals_follow_arviz():
    from arviz_base import rc_context

    posterior, fit = posterior_of("dyestuff"), fit_of("dyestuff")
    draws = np.sort(posterior.data["posterior"]["1|Batch_sigma"].to_numpy().ravel())
    with rc_context({"stats.ci_prob": 0.8, "stats.ci_kind": "hdi"}):
        ax = plot_posterior_and_estimate(posterior, fit, "1|Batch_sigma").axes[0]
    lower, upper = next(one.get_xdata() for one in ax.lines if one.get_linewidth() == 2.5)
    inside = int(0.8 * len(draws))
    widths = draws[inside:] - draws[: len(draws) - inside]
    assert upper - lower == pytest.approx(widths.min(), rel=0.02)
    assert ax.get_legend_handles_labels()[1][0] == "posterior mean, 80% interval"


def test_a_comparison_draws_itself():
    fit, posterior = fit_of("sleep"), posterior_of("sleep")
    comparison = bmm.compare(posterior, fit)
    assert comparison.posterior is posterior
    assert comparison.estimate is fit
    assert len(comparison.plot().axes) == len(comparison.table)
    _, ax = plt.subplots()
    assert comparison.plot("sigma", ax=ax) is ax.figure
    with pytest.raises(bmm.ModelError, match="no parameter 'Das'"):
        comparison.plot("Das")


def test_two_models_are_refused():
    with pytest.raises(bmm.ModelError, match="two answers for the same model"):
        plot_posterior_and_estimate(posterior_of("dyestuff"), fit_of("sleep"))


def test_either_answer_may_come_first_and_a_missing_estimate_is_made():
    posterior = posterior_of("dyestuff")
    titles = [ax.get_title() for ax in plot_posterior_and_estimate(posterior, fit_of("dyestuff")).axes]
    swapped = plot_posterior_and_estimate(fit_of("dyestuff"), posterior)
    for figure in (swapped, plot_posterior_and_estimate(posterior)):
        assert [ax.get_title() for ax in figure.axes] == titles
        point = line(figure.axes[1], POINT)[0, 0]
        assert point == pytest.approx(fit_of("dyestuff").varcorr["sdcor"].iloc[0], rel=1e-6)
    with pytest.raises(bmm.ModelError, match="got an Estimate alone"):
        plot_posterior_and_estimate(fit_of("dyestuff"))


@pytest.mark.parametrize("name", ["sleep", "machines", "dyestuff2"])
def test_densities_are_smooth(name: str):
    """One hill each: the waves of a thousand draws are not to be seen."""
    for ax in plot_posterior_and_estimate(posterior_of(name), fit_of(name)).axes:
        height = lines_of(ax, style.POSTERIOR)[0].get_ydata()
        top = np.argmax(height)
        waves = np.maximum(-np.diff(height[: top + 1]), 0).sum() + np.maximum(np.diff(height[top:]), 0).sum()
        assert waves < 0.03, ax.get_title()
