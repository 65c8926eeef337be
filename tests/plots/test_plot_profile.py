"""The picture of a profile shows the profile, its intervals and the posterior."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

import bayesmm as bmm
from bayesmm.plots import plot_profile, style
from tests.fits import fit_of, posterior_of
from tests.plots.pictures import line, lines_of


def test_zeta_passes_through_the_ends_of_the_intervals():
    fit = fit_of("sleep")
    left, _ = plot_profile(fit, parameter="Days|Subject_sigma").axes
    profile = fit.profile("Days|Subject_sigma", prob=0.995)
    curve = line(left, "profile")
    np.testing.assert_allclose(curve[:, 1], profile.zeta_at(curve[:, 0]), atol=1e-9)
    drops = [one.get_xydata() for one in lines_of(left, style.DATA)]
    assert len(drops) == 8
    for prob, lower, upper in zip((0.5, 0.8, 0.95, 0.99), drops[::2], drops[1::2], strict=True):
        z = norm.ppf(0.5 + prob / 2)
        assert [lower[0, 0], upper[0, 0]] == pytest.approx(profile.interval(prob))
        assert [lower[1, 1], upper[1, 1]] == pytest.approx([-z, z], abs=1e-9)
    wald = line(left, "Wald")
    se = fit.sdcor_se.iloc[1]
    np.testing.assert_allclose(wald[:, 1], (wald[:, 0] - profile.estimate) / se)
    assert left.get_xlabel() == "Reaction per unit"


def test_densities_have_an_area_of_one():
    fit, posterior = fit_of("sleep"), posterior_of("sleep")
    _, right = plot_profile(fit, posterior, "sigma").axes
    draws = line(right, "posterior")
    assert np.trapezoid(draws[:, 1], draws[:, 0]) == pytest.approx(1, abs=0.02)
    own = next(one for one in lines_of(right, style.ESTIMATE) if len(one.get_xdata()) > 2).get_xydata()
    assert np.trapezoid(own[:, 1], own[:, 0]) == pytest.approx(1, abs=0.01)


def test_a_variance_at_zero_has_half_of_its_density():
    _, right = plot_profile(fit_of("dyestuff2"), parameter="1|Batch_sigma").axes
    own = next(one for one in lines_of(right, style.ESTIMATE) if len(one.get_xdata()) > 2).get_xydata()
    assert np.trapezoid(own[:, 1], own[:, 0]) == pytest.approx(0.5, abs=0.01)


def test_all_parameters_have_a_row_and_profiles_can_be_handed_over():
    fit = fit_of("sleep")
    titles = [ax.get_title() for ax in plot_profile(fit).axes[::2]]
    assert titles == ["1|Subject_sigma", "Days|Subject_sigma", "corr|Subject[1, Days]", "sigma"]
    profile = fit.profile("sigma", prob=0.9)
    left, _ = plot_profile(fit, parameter=profile).axes
    assert len(lines_of(left, style.DATA)) == 4  # no further out than it goes


def test_bad_requests_are_refused():
    fit = fit_of("sleep")
    with pytest.raises(bmm.ModelError, match="no such parameter"):
        plot_profile(fit, parameter="Days")
    with pytest.raises(bmm.ModelError, match="parameter is empty"):
        plot_profile(fit, parameter=[])
    with pytest.raises(bmm.ModelError, match="about another estimate"):
        plot_profile(fit, parameter=fit.model.fit(reml=False).profile("sigma"))
