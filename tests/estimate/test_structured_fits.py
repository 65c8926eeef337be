"""Fits with structured covariances: the optimum, its boundaries, what is told of it, and what is refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import bayesmm as bmm
from bayesmm.design.identification import saturated_term
from bayesmm.errors import DataError, ModelError
from bayesmm.likelihood import Profiled
from tests.dense import DenseModel

K = 4
APART = np.abs(np.subtract.outer(range(K), range(K)))
NAMES = ("cs", "csh", "ar1", "ar1h", "toep", "toeph")
GAP = 1e-6

every_structure = pytest.mark.parametrize("name", NAMES)
both_criteria = pytest.mark.parametrize("reml", [False, True], ids=["ML", "REML"])


def correlation(name: str, r: np.ndarray) -> np.ndarray:
    """R as a textbook has it; for Toeplitz r are the correlations of the lags themselves."""
    if name.startswith("cs"):
        return np.where(APART == 0, 1.0, r[0])
    return r[0] ** APART if name.startswith("ar1") else np.array([1.0, *r])[APART]


@cache
def simulated(kind: str, seed: int = 7) -> pd.DataFrame:
    """30 groups of K times, two rows each, with effects of the correlation and the sds of a kind."""
    R, s = {
        "autoregressive": (0.7**APART, np.ones(K)),
        "alternating": ((-0.6) ** APART, np.ones(K)),
        "constant": (np.ones((K, K)), np.ones(K)),
        "contrasts": (np.where(APART == 0, 1.0, -1 / (K - 1)), np.ones(K)),
        "nothing": (np.eye(K), np.zeros(K)),
        "one that doesn't vary": (0.7**APART, np.array([1.0, 0.0, 2.0, 1.0])),
    }[kind]
    rng = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(R)
    b = s * (rng.normal(size=(30, K)) @ (vectors * np.sqrt(np.maximum(values, 0.0))).T)
    g, t = np.repeat(np.arange(30), 2 * K), np.tile(np.repeat(np.arange(K), 2), 30)
    frame = pd.DataFrame({"g": g, "week": t, "f": pd.Categorical(t)})
    frame["y"] = 2.0 + 0.3 * t + b[g, t] + rng.normal(size=len(g))
    return frame


def model(name: str, kind: str) -> bmm.Model:
    return bmm.Model(f"y ~ week + {name}(0 + f | g)", simulated(kind))


def best_by_brute_force(name: str, kind: str, reml: bool) -> float:
    """The least dense criterion that a general optimiser finds from several starts, in other parameters."""
    design = model(name, kind).design
    dense = DenseModel.of(design)
    n_sds = K if name.endswith("h") else 1
    m = 1 if name[:2] in ("cs", "ar") else K - 1

    def f(x: np.ndarray) -> float:
        R, s = correlation(name, np.tanh(x[n_sds:])), np.exp(x[:n_sds]) * np.ones(K)
        values, vectors = np.linalg.eigh(R)
        if values[0] < 0:
            return 1e6 * (1 - values[0])
        half = s[:, None] * vectors * np.sqrt(values)
        return float(dense.profiled((half,), reml=reml))

    rng = np.random.default_rng(3)
    starts = [np.concatenate([rng.normal(0, 0.3, n_sds), rng.normal(0, 0.15, m)]) for _ in range(2)]
    options = {"maxfev": 2000, "xatol": 1e-6, "fatol": 1e-8, "adaptive": True}
    return min(minimize(f, x, method="Nelder-Mead", options=options).fun for x in starts)


@both_criteria
@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, "autoregressive") for name in ("cs", "ar1", "toep", "csh")] + [("ar1", "alternating")],
)
def test_no_other_search_finds_a_lower_criterion(name: str, kind: str, reml: bool):
    fit = model(name, kind).fit(reml=reml)
    assert fit.certificate.ok
    assert not fit.singular
    assert fit.criterion == pytest.approx(best_by_brute_force(name, kind, reml), abs=1e-5)


@both_criteria
def test_structures_that_hold_each_other_have_criteria_in_that_order(reml: bool):
    for kind in ("autoregressive", "alternating"):
        data = simulated(kind)
        found = {
            name: bmm.Model("y ~ week + (0 + f | g)", data, covariance={"g": name}).fit(reml=reml).criterion
            for name in ("identity", "diagonal", "unstructured", *NAMES)
        }
        for small, large in (
            ("identity", "cs"), ("identity", "ar1"), ("cs", "toep"), ("ar1", "toep"), ("toep", "toeph"),
            ("cs", "csh"), ("ar1", "ar1h"), ("csh", "toeph"), ("ar1h", "toeph"), ("diagonal", "csh"),
            ("toeph", "unstructured"),
        ):  # fmt: skip
            assert found[large] <= found[small] + GAP


@every_structure
@pytest.mark.parametrize("kind", ["constant", "contrasts", "nothing", "one that doesn't vary"])
def test_on_the_boundary_no_step_inside_lowers_the_criterion(name: str, kind: str):
    m = bmm.Model(f"y ~ week + {name}(0 + f | g)", simulated(kind, seed=4))
    fit = m.fit()
    likelihood, phi = m.likelihood, m.likelihood.internal(fit.theta)
    variances = likelihood.variances
    assert fit.certificate.ok
    objective = Profiled(likelihood, reml=True)
    here = objective.value(phi)
    assert fit.criterion == pytest.approx(here, rel=1e-12)
    rng, wall = np.random.default_rng(0), np.isfinite(variances.upper)
    for size in (1e-1, 1e-2, 1e-3):
        for _ in range(40):
            trial = phi + size * rng.normal(size=len(phi)) * rng.integers(0, 2, len(phi))
            trial = np.clip(trial, variances.lower, np.where(wall, variances.upper, np.inf))
            assert objective.value(trial) >= here - GAP


def test_a_boundary_is_told_in_words():
    contrasts = bmm.Model("y ~ week + cs(0 + f | g)", simulated("contrasts", seed=4)).fit()
    assert contrasts.singular
    assert contrasts.certificate.singular_directions == (
        "(0 + f | g): the correlation is at its bound, -0.3333",
    )
    assert "correlation" in contrasts.certificate.advice[0]
    still = bmm.Model("y ~ week + csh(0 + f | g)", simulated("one that doesn't vary", seed=4)).fit()
    assert "(0 + f | g): the variance of f[1] is zero" in still.certificate.singular_directions


@every_structure
def test_the_fit_doesnt_change_with_units(name: str):
    data = simulated("autoregressive")
    fit = model(name, "autoregressive").fit()
    other = bmm.Model(f"y ~ week + {name}(0 + f | g)", data.assign(y=1e4 * data["y"] - 7.0)).fit()
    np.testing.assert_allclose(other.theta, fit.theta, rtol=1e-5, atol=1e-7)
    assert other.sigma == pytest.approx(1e4 * fit.sigma, rel=1e-7)


@every_structure
def test_varcorr_has_the_structures_own_correlations(name: str):
    fit = model(name, "autoregressive").fit()
    table, G = fit.varcorr, fit.covariances[0].to_numpy()
    own = table[table["term2"].notna()]
    R = G / np.sqrt(np.outer(np.diag(G), np.diag(G)))
    assert list(own["term1"].unique()) == [name]
    np.testing.assert_allclose(own["sdcor"], R[0, 1:] if name.startswith("toep") else R[:1, 1])
    np.testing.assert_allclose(table["sdcor"].iloc[:K], np.sqrt(np.diag(G)))
    if not name.endswith("h"):
        np.testing.assert_allclose(own["vcov"], G[0, 1:] if name == "toep" else G[:1, 1])
    correlations = own["sdcor"].map("{:+.3f}".format)
    assert all(text in str(fit.summary()) for text in correlations)
    assert len(fit.theta) == len(set(np.round(fit.theta, 12))) == m_parameters(name)
    assert fit.npar == m_parameters(name) + 3


def m_parameters(name: str) -> int:
    return (K if name.endswith("h") else 1) + (K - 1 if name.startswith("toep") else 1)


@every_structure
def test_standard_errors_are_those_of_the_dense_observed_information(name: str):
    """From the Hessian of −2 log L in (sds, correlations, log σ), σ not profiled out, by differences."""
    fit = model(name, "autoregressive").fit(reml=False)
    dense = DenseModel.of(fit.model.design)
    table = fit.varcorr
    n_sds = K if name.endswith("h") else 1
    own = table["term2"].notna().to_numpy()
    x = np.concatenate([table["sdcor"].to_numpy()[:n_sds], table["sdcor"].to_numpy()[own], [fit.sigma]])

    def f(at: np.ndarray) -> float:
        R, s = correlation(name, at[n_sds:-1]), at[:n_sds] * np.ones(K)
        lam = s[:, None] * np.linalg.cholesky(R) / at[-1]
        return -2 * dense.loglik(dense.covariance((lam,), at[-1]), reml=False)

    h = 1e-3 * np.eye(len(x))
    H = np.array([[(f(x + a + b) - f(x + a - b) - f(x - a + b) + f(x - a - b)) / 4e-6 for a in h] for b in h])
    expected = np.sqrt(np.diag(2 * np.linalg.inv(H)))
    se = fit.sdcor_se.to_numpy()
    found = np.concatenate([se[:n_sds], se[own], se[-1:]])
    np.testing.assert_allclose(found, expected, rtol=2e-3)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("ar1", "corr|g"),
        ("ar1h", "f|g_sigma[2]"),
        ("cs", "corr|g"),
        ("cs", "f|g_sigma[0]"),
    ],
)
def test_a_profile_is_the_dense_criterion_at_its_best(name: str, parameter: str):
    """The least −2 log L with the parameter held, by a general optimiser on dense algebra."""
    fit = model(name, "autoregressive").fit(reml=False)
    profile, dense = fit.profile(parameter, prob=0.95), DenseModel.of(fit.model.design)
    assert profile.deviance.min() == pytest.approx(fit.criterion, abs=1e-6)
    n_sds, m = K if name.endswith("h") else 1, m_parameters(name) - (K if name.endswith("h") else 1)
    held = n_sds if parameter.startswith("corr") else int(parameter[-2]) if n_sds > 1 else 0
    table = fit.varcorr
    own = table["term2"].notna().to_numpy()
    best = np.concatenate([table["sdcor"].to_numpy()[:n_sds], table["sdcor"].to_numpy()[own], [fit.sigma]])
    assert profile.estimate == pytest.approx(best[held], rel=1e-6)
    for end in profile.interval(0.9):

        def f(free: np.ndarray, end: float = end) -> float:
            x = np.insert(free, held, end)
            R, s, sigma = correlation(name, x[n_sds : n_sds + m]), x[:n_sds] * np.ones(K), x[-1]
            values, vectors = np.linalg.eigh(R)
            outside = max(-values[0], -s.min(), -sigma)
            if outside >= 0:
                return 1e4 * (1 + outside)
            half = s[:, None] * vectors * np.sqrt(values) / sigma
            return -2 * dense.loglik(dense.covariance((half,), sigma), reml=False)

        options = {"maxfev": 3000, "xatol": 1e-6, "fatol": 1e-8, "adaptive": True}
        least = minimize(f, np.delete(best, held), method="Nelder-Mead", options=options).fun
        assert least - fit.criterion == pytest.approx(1.6448536269514722**2, abs=2e-4)


def test_the_profile_of_lag_1_is_the_criterion_at_its_best():
    """Its partial autocorrelation held, by another optimiser with bounds, from several starts."""
    fit = model("toep", "autoregressive").fit(reml=False)
    objective = Profiled(fit.model.likelihood, reml=False)
    variances, phi = fit.model.likelihood.variances, fit.model.likelihood.internal(fit.theta)
    bounds = np.delete(np.column_stack([variances.lower, variances.upper]), 1, axis=0)
    for end in fit.profile("corr|g[lag 1]", prob=0.95).interval(0.9):

        def f(free: np.ndarray, end: float = end) -> tuple[float, np.ndarray]:
            value, gradient = objective.value_and_gradient(np.insert(free, 1, end))
            return value, np.delete(gradient, 1)

        starts = [np.array([phi[0], second, third]) for second in (-0.5, 0.0) for third in (-0.9, 0.0, 0.9)]
        options = {"ftol": 1e-14}
        found = [
            minimize(f, x, jac=True, method="L-BFGS-B", bounds=bounds, options=options).fun for x in starts
        ]
        assert min(found) - fit.criterion == pytest.approx(1.6448536269514722**2, abs=1e-5)


def test_what_has_no_profile_says_what_has_one():
    fit = model("toep", "autoregressive").fit()
    with pytest.raises(
        ModelError, match=r"corr\|g\[lag 2\] has no profile: in 'toep' it is a function of several"
    ):
        fit.profile("corr|g[lag 2]")


def test_what_is_fitted_is_saved_and_read_again(tmp_path: Path):
    m = model("toeph", "autoregressive")
    fit = m.fit()
    again = bmm.Estimate.load(fit.save(tmp_path / "fit.nc"), m)
    assert again.criterion == pytest.approx(fit.criterion, rel=1e-12)
    np.testing.assert_allclose(again.theta, fit.theta, rtol=1e-12)
    pd.testing.assert_frame_equal(again.varcorr, fit.varcorr)


def test_new_times_are_refused_and_new_groups_predicted():
    data = simulated("autoregressive")
    fit = bmm.Model("y ~ 1 + ar1(0 + week | g)", data).fit()
    new = pd.DataFrame({"week": [0, 3], "g": [0, 999]})
    table = fit.predict(new, new_levels="sample", kind="mean")
    assert table["se"].iloc[1] > fit.varcorr["sdcor"].iloc[0]
    with pytest.raises(DataError, match="level 9 of"):
        fit.predict(new.assign(week=9), new_levels="sample")


# What is refused


def test_structures_need_columns_that_they_can_order():
    data = simulated("autoregressive").assign(text=lambda d: "w" + d["f"].astype(str))
    for formula, error, match in (
        ("y ~ week + ar1(1 | g)", ModelError, "without an intercept"),
        ("y ~ week + ar1(week | g)", ModelError, "the columns 'Intercept', 'week'"),
        ("y ~ 1 + cs(0 + week | g)", ModelError, "has one column, 'week'"),
        ("y ~ 1 + ar1(0 + text | g)", DataError, "neither numbers nor in an order"),
        ("y ~ 1 + toep(0 + I(week**2) | g)", ModelError, "aren't equally spaced: 0, 1, 4, 9"),
    ):
        with pytest.raises(error, match=match):
            bmm.Model(formula, data)


def test_a_structure_that_takes_the_residuals_in_needs_several_rows_for_an_effect():
    data = simulated("autoregressive").groupby(["g", "week", "f"], as_index=False, observed=True)["y"].mean()
    for name in ("cs", "toep"):
        with pytest.raises(DataError, match="random effects and 120 rows"):
            bmm.Model(f"y ~ 1 + {name}(0 + f | g)", data).fit()
    assert saturated_term(bmm.Model("y ~ 1 + ar1(0 + f | g)", data).design) is None


def test_an_intercept_beside_a_structure_that_takes_it_in_is_noticed():
    data = simulated("autoregressive")
    for name in ("cs", "toep"):
        with pytest.warns(bmm.errors.DesignNotice, match="add up to 'Intercept'"):
            bmm.Model(f"y ~ 1 + {name}(0 + f | g) + (1 | g)", data)
    bmm.Model("y ~ 1 + ar1(0 + f | g) + (1 | g)", data)
