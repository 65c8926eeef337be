"""Random effects of two columns, and the ellipses of their covariance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

import bayesmm as bmm
from bayesmm.plots import plot_correlation
from bayesmm.plots.correlation import ellipse
from tests.fits import fit_of, posterior_of
from tests.plots.pictures import dots, line, segments


def test_points_are_modes_and_the_ellipse_is_that_of_the_covariance():
    fit = fit_of("sleep")
    (ax,) = plot_correlation(fit).axes
    np.testing.assert_allclose(dots(ax, "conditional modes"), fit.ranef["Subject"][["Intercept", "Days"]])
    G = fit.covariances[0].to_numpy()
    curve = line(ax, "95% ellipse, REML")
    size = np.einsum("ij,jk,ik->i", curve, np.linalg.inv(G), curve)
    np.testing.assert_allclose(size, chi2.ppf(0.95, 2))
    values, vectors = np.linalg.eigh(G)
    along = curve @ vectors
    np.testing.assert_allclose(np.abs(along).max(axis=0), np.sqrt(values * chi2.ppf(0.95, 2)), rtol=1e-3)
    assert ax.get_title() == "correlation +0.07"
    assert ax.get_ylabel() == "random effect: Days (Reaction per unit)"


def test_other_columns_and_other_bars():
    fit = fit_of("machines")
    ax = plot_correlation(fit, columns=["Machine[C]", "Intercept"]).axes[0]
    np.testing.assert_allclose(
        dots(ax, "conditional modes"), fit.ranef["Worker"][["Machine[C]", "Intercept"]]
    )
    row = fit.varcorr[(fit.varcorr["term1"] == "Intercept") & (fit.varcorr["term2"] == "Machine[C]")]
    assert ax.get_title() == f"correlation {row['sdcor'].item():+.2f}".replace("-", "−")
    assert plot_correlation(fit_of("sleep_bars")).axes[0].get_title() == "correlation +0.00"


def test_posterior_ellipses_are_those_of_draws():
    posterior = posterior_of("sleep")
    ax = plot_correlation(fit_of("sleep"), posterior, prob=0.5).axes[0]
    draws = posterior.data["posterior"]
    s0, s1, rho = (
        draws[name].to_numpy().ravel() for name in ("1|Subject_sigma", "Days|Subject_sigma", "corr|Subject")
    )
    curves = segments(ax)
    assert len(curves) == 60
    for curve, i in ((curves[0], 0), (curves[-1], len(s0) - 1)):
        G = np.array([[s0[i] ** 2, rho[i] * s0[i] * s1[i]], [rho[i] * s0[i] * s1[i], s1[i] ** 2]])
        size = np.einsum("ij,jk,ik->i", curve, np.linalg.inv(G), curve)
        np.testing.assert_allclose(size, chi2.ppf(0.5, 2))


def test_a_singular_covariance_has_a_flat_ellipse():
    curve = ellipse(np.array([[4.0, 2.0], [2.0, 1.0]]), 0.95)
    np.testing.assert_allclose(curve[:, 0], 2 * curve[:, 1], atol=1e-6)
    assert not ellipse(np.zeros((2, 2)), 0.95).any()


def test_two_columns_are_wanted():
    with pytest.raises(bmm.ModelError, match="2 different ones"):
        plot_correlation(fit_of("dyestuff"))
    with pytest.raises(bmm.ModelError, match="prob is 2"):
        plot_correlation(fit_of("sleep"), prob=2)
