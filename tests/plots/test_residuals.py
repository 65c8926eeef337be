"""Residuals, their spread, quantiles, and the smooth line."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import PathCollection, PolyCollection
from scipy.stats import norm

import bayesmm as bmm
from bayesmm.plots import plot_residuals, style
from bayesmm.plots.smoother import smooth
from tests.fits import fit_of


def offsets(ax) -> np.ndarray:
    (scatter,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    return np.asarray(scatter.get_offsets())


def test_residuals_and_their_spread_over_the_fitted_values():
    fit = fit_of("sleep")
    first, second, *_ = plot_residuals(fit).axes
    np.testing.assert_allclose(offsets(first), np.column_stack([fit.fitted, fit.residuals]))
    spread = np.sqrt(np.abs(fit.residuals) / fit.sigma)
    np.testing.assert_allclose(offsets(second), np.column_stack([fit.fitted, spread]))
    assert first.get_xlabel() == "fitted (Reaction)"


def test_quantiles_are_normal_quantiles():
    fit = fit_of("sleep")
    axes = plot_residuals(fit).axes[2:]
    wanted = [fit.residuals, fit.ranef["Subject"]["Intercept"], fit.ranef["Subject"]["Days"]]
    for ax, values in zip(axes, wanted, strict=True):
        n = len(values)
        theory = norm.ppf((np.arange(1, n + 1) - 0.5) / n)
        np.testing.assert_allclose(offsets(ax), np.column_stack([theory, np.sort(values)]), atol=1e-12)
        (line,) = ax.lines
        slope = np.ptp(line.get_ydata()) / np.ptp(line.get_xdata())
        assert slope == pytest.approx(np.ptp(np.quantile(values, [0.25, 0.75])) / (2 * norm.ppf(0.75)))
    small = plot_residuals(fit_of("dyestuff")).axes[3]
    np.testing.assert_allclose(offsets(small)[:, 0], norm.ppf((np.arange(1, 7) - 0.375) / 6.25))


def test_many_rows_are_counted_in_hexagons():
    fit = fit_of("hsb")
    first, second, quantiles, *_ = plot_residuals(fit).axes
    for ax in (first, second):
        (hexagons,) = [c for c in ax.collections if isinstance(c, PolyCollection)]
        assert hexagons.get_array().sum() == len(fit.residuals)
    shown = offsets(quantiles)
    assert len(shown) < 4000
    assert shown[[0, -1], 1].tolist() == [fit.residuals.min(), fit.residuals.max()]


def test_weighted_residuals_are_those_of_equal_variance():
    data = bmm.load_data("sleepstudy")
    data["w"] = np.random.default_rng(1).uniform(0.5, 2, len(data))
    fit = bmm.Model("Reaction ~ Days + (Days | Subject)", data, weights="w").fit()
    ax = plot_residuals(fit).axes[0]
    np.testing.assert_allclose(offsets(ax)[:, 1], np.sqrt(data["w"]) * fit.residuals)
    assert ax.get_ylabel() == "residual (√w · Reaction)"


def test_the_smooth_line_leaves_straight_lines_as_they_are():
    rng = np.random.default_rng(3)
    for n in (12, 500, 20_000):
        x = rng.exponential(size=n)
        at, line = smooth(x, 2 - 3 * x)
        np.testing.assert_allclose(line, 2 - 3 * at, atol=1e-9)
        assert (np.diff(at) >= 0).all()


def test_the_smooth_line_follows_a_curve_through_noise():
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 3, 20_000)
    at, line = smooth(x, np.sin(x) + rng.normal(0, 0.3, len(x)))
    assert np.abs(line - np.sin(at)).max() < 0.12
    assert np.abs(line - np.sin(at))[20:-20].max() < 0.08


def test_the_smooth_line_takes_ties_and_constants():
    at, line = smooth(np.repeat([1.0, 2.0, 3.0], 5), np.repeat([1.0, 2.0, 3.0], 5))
    np.testing.assert_allclose(line, at, atol=1e-9)
    at, line = smooth(np.ones(9), np.arange(9.0))
    np.testing.assert_allclose(line, 4.0)
    assert style.MANY == 5_000
