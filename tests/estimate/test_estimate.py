"""What an estimate reports, and that its parts agree with each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmm as bmm
from tests.dense import DenseModel
from tests.designs import CASES, design, simulated
from tests.estimate.made_up import growth, one_way
from tests.reference_models import fitted, model

every_design = pytest.mark.parametrize("name", CASES)


@pytest.fixture(scope="module")
def several() -> bmm.Estimate:
    """Two terms of one group, a combination, weights, offsets and dropped rows."""
    data = simulated()
    data.loc[[3, 77], "x"] = np.nan
    return bmm.Model("y ~ x + c + (x | a) + (0 + z | a) + (1 | a:h)", data, weights="w", offset="o").fit()


def test_fitted_values_and_residuals_add_up_to_the_response(several: bmm.Estimate):
    design = several.model.design
    assert design.n_dropped == 2
    b = np.concatenate(
        [several.ranef[term.group][list(term.columns)].to_numpy().ravel() for term in design.terms]
    )
    expected = design.X @ several.beta + design.Z @ b + design.offset
    np.testing.assert_allclose(several.fitted, expected, rtol=1e-12)
    np.testing.assert_allclose(several.fitted + several.residuals, design.y, rtol=1e-12)
    assert several.fitted.index.equals(design.index)
    assert several.residuals.index.equals(design.index)


def test_the_tables_are_indexed_by_names_and_levels(several: bmm.Estimate):
    assert several.beta.index.tolist() == several.se.index.tolist() == ["Intercept", "x", "c[q]"]
    assert several.vcov.index.tolist() == several.vcov.columns.tolist() == ["Intercept", "x", "c[q]"]
    np.testing.assert_allclose(several.se**2, np.diag(several.vcov), rtol=1e-12)
    assert set(several.ranef) == set(several.ranef_sd) == set(several.coef) == {"a", "a:h"}
    for table in (several.ranef["a"], several.ranef_sd["a"]):
        assert table.columns.tolist() == ["Intercept", "x", "z"]
        assert table.index.tolist() == [0, 1, 2, 3, 4, 5]
    assert isinstance(several.ranef["a:h"].index, pd.MultiIndex)
    assert several.ranef["a:h"].index.names == ["a", "h"]


def test_a_levels_own_coefficients_are_the_common_ones_plus_its_effects(several: bmm.Estimate):
    coef, ranef, beta = several.coef["a"], several.ranef["a"], several.beta
    assert coef.columns.tolist() == ["Intercept", "x", "c[q]", "z"]
    for name in ("Intercept", "x"):
        np.testing.assert_allclose(coef[name], beta[name] + ranef[name])
    assert (coef["c[q]"] == beta["c[q]"]).all()
    np.testing.assert_allclose(coef["z"], ranef["z"])
    np.testing.assert_allclose(
        several.coef["a:h"]["Intercept"], beta["Intercept"] + several.ranef["a:h"]["Intercept"]
    )


def test_varcorr_has_a_row_for_each_variance_and_covariance_the_residual_last(several: bmm.Estimate):
    rows = several.varcorr
    assert rows.columns.tolist() == ["group", "term1", "term2", "vcov", "sdcor"]
    names = [tuple("" if pd.isna(v) else v for v in row) for row in rows.iloc[:, :3].itertuples(index=False)]
    assert names == [
        ("a:h", "Intercept", ""),
        ("a", "Intercept", ""),
        ("a", "x", ""),
        ("a", "Intercept", "x"),
        ("a", "z", ""),
        ("Residual", "", ""),
    ]
    variances = rows["term2"].isna()
    np.testing.assert_allclose(rows.loc[variances, "sdcor"] ** 2, rows.loc[variances, "vcov"])
    sd = rows.set_index(["group", "term1"])["sdcor"]
    assert rows.loc[3, "vcov"] == pytest.approx(
        rows.loc[3, "sdcor"] * rows.loc[1, "sdcor"] * rows.loc[2, "sdcor"]
    )
    assert abs(rows.loc[3, "sdcor"]) <= 1
    assert sd["Residual"].iloc[0] == several.sigma


@every_design
@pytest.mark.parametrize("reml", [False, True])
def test_the_criterion_is_that_of_the_covariances_that_are_reported(name: str, reml: bool):
    """From the reported numbers alone: V from `covariances` and σ, then the dense density."""
    case = CASES[name]
    data = simulated() if case.data == "simulated" else bmm.load_data(case.data)
    fit = bmm.Model(case.formula, data, **case.options).fit(reml=reml)
    dense = DenseModel.of(design(name))
    V = fit.sigma**2 * np.diag(1 / dense.weights)
    for Z, G, m in zip(dense.Z, fit.covariances, dense.n_levels, strict=True):
        V += Z @ np.kron(np.eye(m), G) @ Z.T
    assert fit.loglik == pytest.approx(dense.loglik(V, reml=reml), rel=1e-9)
    if dense.p:
        beta, vcov = dense.coefficients(V)
        np.testing.assert_allclose((fit.beta - beta) / fit.se, 0.0, atol=1e-7)
        np.testing.assert_allclose(fit.se, np.sqrt(np.diag(vcov)), rtol=1e-7)


def test_theta_is_the_relative_factor_column_by_column(several: bmm.Estimate):
    labels = [term.label for term in several.model.design.terms]
    assert labels == ["1 | a:h", "x | a", "0 + z | a"]
    t = several.theta
    for lam, G in zip(([[t[0]]], [[t[1], 0], [t[2], t[3]]], [[t[4]]]), several.covariances, strict=True):
        np.testing.assert_allclose(several.sigma**2 * np.array(lam) @ np.transpose(lam), G, rtol=1e-12)
    assert np.all(t[[0, 1, 3, 4]] >= 0)


def test_information_criteria_count_what_they_say(several: bmm.Estimate):
    assert several.npar == 3 + 5 + 1
    assert several.nobs == 148
    assert several.loglik == pytest.approx(-several.criterion / 2)
    assert several.aic == pytest.approx(several.criterion + 2 * 9)
    assert several.bic == pytest.approx(several.criterion + 9 * np.log(148))


# Standard errors of standard deviations and correlations


def test_standard_errors_of_variances_come_from_the_joint_curvature():
    """The dense REML criterion as a function of the two sds, the correlation and σ: SE = √diag 2H⁻¹."""
    fit = fitted("sleepstudy_slope", "REML")
    dense = DenseModel.of(model("sleepstudy_slope").design)

    def criterion(at: np.ndarray) -> float:
        s0, s1, r, sigma = at
        G = np.array([[s0**2, r * s0 * s1], [r * s0 * s1, s1**2]])
        return -2 * dense.loglik(dense.covariance((np.linalg.cholesky(G) / sigma,), sigma), reml=True)

    rows = fit.varcorr["sdcor"].to_numpy()
    at = np.array([rows[0], rows[1], rows[2], rows[3]])
    h = 1e-3 * np.array([at[0], at[1], 1.0, at[3]])
    steps = np.diag(h)
    H = np.empty((4, 4))
    for i in range(4):
        for j in range(4):
            H[i, j] = (
                criterion(at + steps[i] + steps[j])
                - criterion(at + steps[i] - steps[j])
                - criterion(at - steps[i] + steps[j])
                + criterion(at - steps[i] - steps[j])
            ) / (4 * h[i] * h[j])
    np.testing.assert_allclose(fit.sdcor_se, np.sqrt(np.diag(2 * np.linalg.inv(H))), rtol=1e-3)


@pytest.mark.parametrize("method", ["ML", "REML"])
def test_a_variance_on_the_boundary_has_no_standard_error(method: str):
    fit = fitted("dyestuff2_singular", method)
    assert np.isnan(fit.sdcor_se.iloc[0])
    degrees = fit.nobs - (method == "REML")
    assert fit.sdcor_se.iloc[1] == pytest.approx(fit.sigma / np.sqrt(2 * degrees), rel=1e-6)


def test_a_correlation_of_one_has_no_standard_error_but_its_variances_have():
    fit = bmm.Model("y ~ x + (x | g)", growth(1.0, 0.5, 1.0, 4)).fit()
    assert fit.singular
    assert fit.varcorr["sdcor"].iloc[2] == pytest.approx(1.0)
    assert np.isfinite(fit.sdcor_se.iloc[[0, 1, 3]]).all()
    assert np.isnan(fit.sdcor_se.iloc[2])


# As a page


def test_the_summary_says_what_people_trip_over():
    machines = fitted("machines_nested", "REML")
    text = str(machines.summary())
    for words in (
        "REML",
        "score ~ Machine + (1|Worker/Machine)",
        "Machine = A",
        "Worker, 6 levels",
        "Worker:Machine, 18 levels",
        "54",
        "Machine[B]",
        f"{machines.criterion:.4f}",
        "Converged",
    ):
        assert words in text, words
    assert "ML" in str(fitted("machines_nested", "ML").summary())
    assert "REML" not in str(fitted("machines_nested", "ML").summary())


def test_the_summary_mentions_dropped_rows_aliased_columns_and_singular_fits(several: bmm.Estimate):
    assert "148 (2 dropped: missing values)" in str(several.summary())
    data = one_way(6, 5, 0.4).assign(one=1.0)
    with pytest.warns(bmm.DesignNotice):
        fit = bmm.Model("y ~ one + (1 | g)", data).fit()
    text = str(fit.summary())
    assert "one (dropped)" in text
    assert "singular" in text
    assert "(1 | g): the variance of Intercept is zero" in text


@every_design
def test_every_estimate_can_be_shown(name: str):
    case = CASES[name]
    data = simulated() if case.data == "simulated" else bmm.load_data(case.data)
    fit = bmm.Model(case.formula, data, **case.options).fit()
    assert fit.certificate.verdict in repr(fit)
    assert "<table>" in fit._repr_html_()


def test_html_is_escaped(several: bmm.Estimate):
    data = simulated().assign(c=np.where(np.arange(150) % 2, "<b>one</b>", "<two>"))
    html = bmm.Model("y ~ c + (1 | a)", data).fit()._repr_html_()
    assert "<two>" not in html
    assert "<b>one" not in html
    assert "&lt;b&gt;one" in html


def test_intervals_have_the_probability_that_is_asked_for():
    fit = fitted("sleepstudy_intercept", "REML")
    table = fit.summary(prob=0.9).tables[1].frame
    assert table.loc["Days", "lower 90%"] == pytest.approx(fit.beta["Days"] - 1.6448536 * fit.se["Days"])
    assert table.loc["Days", "upper 90%"] == pytest.approx(fit.beta["Days"] + 1.6448536 * fit.se["Days"])


@pytest.mark.parametrize("prob", [95, 1.0, 0.0, -0.5, "0.9", None, True])
def test_a_probability_that_is_none_is_refused(prob: object):
    with pytest.raises(bmm.BayesmmError, match="prob"):
        fitted("sleepstudy_intercept", "REML").summary(prob=prob)


# What can't be changed, and what can't be estimated


def test_an_estimate_is_frozen(several: bmm.Estimate):
    for name in ("reml", "beta", "certificate"):
        with pytest.raises(AttributeError):
            setattr(several, name, None)


def test_theta_cannot_be_written_to():
    assert not fitted("dyestuff", "REML").theta.flags.writeable


def test_theta_has_the_digits_of_the_closed_form_of_one_way_data():
    """Balanced, REML: σ² = MSW and τ² = (MSB − MSW)/m (Searle, Casella & McCulloch 1992, section 3.8)."""
    y = bmm.load_data("Dyestuff")["Yield"].to_numpy(dtype=float).reshape(6, 5)
    within, between = y.var(axis=1, ddof=1).mean(), 5 * y.mean(axis=1).var(ddof=1)
    expected = np.sqrt((between - within) / (5 * within))
    assert fitted("dyestuff", "REML").theta == pytest.approx([expected], rel=1e-11)


def test_theta_has_the_digits_of_the_closed_form_of_growth_curves():
    """Everyone measured on the same days, REML: G + σ²(X'X)⁻¹ is the covariance of people's own lines."""
    data = bmm.load_data("sleepstudy")
    y = data["Reaction"].to_numpy(dtype=float).reshape(18, 10)
    X = np.column_stack([np.ones(10), np.arange(10.0)])
    lines = np.linalg.lstsq(X, y.T, rcond=None)[0]
    variance = np.sum((y.T - X @ lines) ** 2) / (180 - 36)
    L = np.linalg.cholesky(np.cov(lines) / variance - np.linalg.inv(X.T @ X))
    fit = fitted("sleepstudy_slope", "REML")
    np.testing.assert_allclose(fit.theta, L[np.tril_indices(2)][[0, 1, 2]], rtol=1e-10)
    assert fit.certificate.expected_decrease < 1e-18


@pytest.mark.parametrize("reml", ["ML", "no", 0, 1, None, np.array([True, False])])
def test_reml_is_true_or_false(reml: object):
    with pytest.raises(bmm.ModelError, match="Expected: True or False"):
        model("dyestuff").fit(reml=reml)


def test_reml_may_be_a_boolean_of_numpys():
    assert model("dyestuff").fit(reml=np.bool_(False)).method == "ML"


def test_fitting_twice_gives_the_same_and_leaves_the_model_alone():
    sleep = model("sleepstudy_slope")
    before = sleep.design.X.copy()
    one, other = sleep.fit(), sleep.fit()
    assert one.criterion == pytest.approx(other.criterion, rel=1e-14)
    np.testing.assert_allclose(one.theta, other.theta, rtol=1e-9)
    np.testing.assert_array_equal(sleep.design.X, before)


@pytest.mark.parametrize(
    "ratio",
    [
        1e8,
        1e12,
        1e14,
    ],
)
def test_a_certified_fit_has_its_digits_even_if_groups_differ_enormously(ratio: float):
    """Balanced one-way data: β̂ is the mean, whatever the variances."""
    data = one_way(6, 5, ratio)
    fit = bmm.Model("y ~ 1 + (1 | g)", data).fit()
    if fit.certificate.ok:
        error = (fit.beta["Intercept"] - data["y"].mean()) / fit.se["Intercept"]
        assert abs(error) < 1e-3
        assert fit.sigma == pytest.approx(1.0, rel=1e-3)


def test_a_response_that_the_groups_explain_exactly_is_not_certified():
    """The likelihood grows without bound as σ → 0: there is no estimate."""
    data = pd.DataFrame({"y": [1.0, 1, 2, 2, 5, 5], "g": [1, 1, 2, 2, 3, 3]})
    try:
        fit = bmm.Model("y ~ 1 + (1 | g)", data).fit()
    except bmm.DataError:
        return
    assert not fit.certificate.ok


def test_a_standard_error_beyond_its_standard_deviation_is_marked():
    rng = np.random.default_rng(12)
    g = np.repeat(np.arange(5), 6)
    frame = pd.DataFrame({"g": g, "y": rng.normal(size=30)})
    frame["y"] += 0.25 * np.repeat(rng.normal(size=5), 6)
    estimate = bmm.Model("y ~ 1 + (1 | g)", frame).fit()
    sd, se = estimate.varcorr["sdcor"].iloc[0], estimate.sdcor_se.iloc[0]
    assert 0 < sd < se
    said = f"The standard error of the sd of g: Intercept, {se:.3g}, is beyond the estimate, {sd:.3g}"
    assert said in str(estimate)
    assert "beyond" not in str(bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")).fit())
