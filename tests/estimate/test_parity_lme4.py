"""Every number that lme4 reports of the reference models, by ML and by REML, within stated tolerances."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesmm.estimate import Estimate
from tests.reference_models import METHODS, NAMES, Lme4Fit, fitted, lme4

CRITERION = 1e-6
"""How far our criterion may lie above lme4's, relatively, and below it, in deviance units."""
COEFFICIENTS = 1e-5
VARIANCES = 1e-4
EFFECTS = 1e-4
"""Of random effects, relative to the largest of its factor's."""

Case = tuple[Estimate, Lme4Fit]

every_fit = pytest.mark.parametrize(
    "case",
    [pytest.param((name, method), id=f"{name}-{method}") for name in NAMES for method in METHODS],
    indirect=True,
)


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    return fitted(*request.param), lme4(*request.param)


def assert_close(ours: object, theirs: object, tolerance: float, scale: object = None) -> None:
    """|ours − theirs| ≤ tolerance · scale; the scale is theirs, one where it is zero."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    scale = np.where(theirs == 0, 1.0, np.abs(theirs)) if scale is None else np.asarray(scale)
    assert ours.shape == theirs.shape
    assert np.all(np.isfinite(ours))
    np.testing.assert_array_less(np.abs(ours - theirs) / scale, tolerance)


@every_fit
def test_the_criterion_is_lme4s(case: Case):
    ours, theirs = case
    assert ours.criterion <= theirs.criterion + CRITERION * abs(theirs.criterion)
    assert ours.criterion >= theirs.criterion - CRITERION


@every_fit
def test_the_counts_and_information_criteria_agree(case: Case):
    ours, theirs = case
    assert (ours.nobs, ours.npar) == (theirs.nobs, theirs.npar)
    assert_close(
        [ours.loglik, ours.aic, ours.bic], [-theirs.criterion / 2, theirs.aic, theirs.bic], CRITERION
    )


@every_fit
def test_the_coefficients_and_their_covariances_agree(case: Case):
    ours, theirs = case
    names = theirs.beta.index
    assert set(ours.beta.index) == set(names)
    assert_close(ours.beta[names], theirs.beta, COEFFICIENTS)
    assert_close(ours.se[names], theirs.se, COEFFICIENTS)
    scale = np.outer(theirs.se, theirs.se)
    assert_close(ours.vcov.loc[names, names], theirs.vcov, 2 * COEFFICIENTS, scale)


@every_fit
def test_the_variance_parameters_agree(case: Case):
    ours, theirs = case
    assert_close(ours.theta, theirs.theta, VARIANCES)
    assert_close(ours.sigma, theirs.sigma, VARIANCES)
    rows = ours.varcorr.fillna({"term1": "", "term2": ""}).set_index(["group", "term1", "term2"])
    assert rows.index[-1] == ("Residual", "", "")
    assert set(rows.index) == set(theirs.varcorr.index)
    rows = rows.loc[theirs.varcorr.index]
    assert_close(rows["sdcor"], theirs.varcorr["sdcor"], VARIANCES)
    assert_close(rows["vcov"], theirs.varcorr["vcov"], 2 * VARIANCES)


@every_fit
def test_the_fit_is_singular_where_lme4_says_so(case: Case):
    ours, theirs = case
    assert ours.singular == theirs.singular
    assert ours.certificate.ok


@every_fit
def test_the_random_effects_and_their_conditional_sds_agree(case: Case):
    ours, theirs = case
    for group, effects in theirs.ranef.items():
        mode, sd = labelled(ours.ranef[group]), labelled(ours.ranef_sd[group])
        assert set(mode.index) == set(effects.mode.index)
        mode = mode.loc[effects.mode.index, effects.mode.columns]
        assert_close(mode, effects.mode, EFFECTS, max(effects.mode.abs().to_numpy().max(), 1e-6))
        if effects.sd is not None:
            sd = sd.loc[effects.sd.index, effects.sd.columns]
            assert_close(sd, effects.sd, EFFECTS, max(effects.sd.to_numpy().max(), 1e-6))


@every_fit
def test_the_fitted_values_and_residuals_agree(case: Case):
    ours, theirs = case
    if theirs.fitted_head is not None:
        assert_close(ours.fitted.iloc[:6], theirs.fitted_head, EFFECTS)
        assert_close(np.sum(ours.residuals**2), theirs.resid_ss, VARIANCES)


@pytest.mark.parametrize("method", METHODS)
def test_a_variance_estimated_as_zero_is_a_normal_answer(method: str):
    """Box & Tiao's simulated batches: the optimum is on the boundary, β̂ the mean, and nothing is wrong."""
    fit = fitted("dyestuff2_singular", method)
    assert fit.theta.tolist() == [0.0]
    assert fit.varcorr["sdcor"].iloc[0] == 0.0
    assert not fit.ranef["Batch"].to_numpy().any()
    assert fit.singular
    assert fit.certificate.ok
    assert "boundary" in fit.certificate.verdict
    assert "Batch" in fit.certificate.singular_directions[0]
    assert "zero" in fit.certificate.singular_directions[0]
    y = fit.model.design.y
    assert fit.beta["Intercept"] == pytest.approx(y.mean(), rel=1e-12)
    degrees = len(y) - 1 if method == "REML" else len(y)
    assert fit.sigma == pytest.approx(np.sqrt(np.sum((y - y.mean()) ** 2) / degrees), rel=1e-12)
    assert fit.se["Intercept"] == pytest.approx(fit.sigma / np.sqrt(len(y)), rel=1e-12)


def labelled(frame: pd.DataFrame) -> pd.DataFrame:
    """Levels as text, combinations joined by colons."""
    labels = [":".join(map(str, level if isinstance(level, tuple) else (level,))) for level in frame.index]
    return frame.set_axis(labels, axis=0)
