"""tidy, glance and augment against broom.mixed, and the intervals against glmmTMB and closed forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmm as bmm
from bayesmm.likelihood import Profiled
from bayesmm.results import scalar_parameters
from bayesmm.results.tables import GLANCE, TIDY

OATS = "yield ~ nitro + (1 | Block/Variety)"


def oats(reml: bool = True, **options) -> bmm.Estimate:
    return bmm.Model(OATS, bmm.load_data("Oats"), **options).fit(reml=reml)


def row(table: pd.DataFrame, **where) -> pd.Series:
    """The only row with these entries."""
    found = table[np.logical_and.reduce([table[name] == value for name, value in where.items()])]
    assert len(found) == 1
    return found.iloc[0]


# --- R 4.2.2, lme4 1.1-31 by bobyqa to rhoend = 1e-12, broom.mixed 0.2.9.4, on nlme::Oats


def test_tidy_has_the_columns_and_numbers_of_broom_mixed():
    table = oats().tidy(("fixed", "ran_pars", "ran_vals"))
    assert tuple(table.columns) == TIDY
    expected = {
        "Intercept": (81.8722222222, 6.94528298961, 11.7881765717, 68.2597177001, 95.4847267443),
        "nitro": (73.6666666667, 6.78147990358, 10.8629189667, 60.3752102938, 86.9581230396),
    }
    for term, numbers in expected.items():
        found = row(table, effect="fixed", term=term)
        assert found["group"] is None
        np.testing.assert_allclose(found[list(TIDY[4:])].astype(float), numbers, rtol=1e-7)
    for group, term, estimate in (
        ("Block:Variety", "sd__Intercept", 11.0047004514),
        ("Block", "sd__Intercept", 14.5059853035),
        ("Residual", "sd__Observation", 12.8669534412),
    ):
        found = row(table, effect="ran_pars", group=group, term=term)
        assert found["estimate"] == pytest.approx(estimate, rel=1e-7)
        assert np.isnan(found["statistic"])
    for group, level, *numbers in (
        ("Block:Variety", "VI:Golden Rain", -5.64987096959, 7.40092063433, -20.1554088653, 8.85566692614),
        ("Block", "I", 24.94111286017, 6.56325030514, 12.0773786406, 37.80484707977),
    ):
        found = row(table, effect="ran_vals", group=group, level=level)
        columns = ["estimate", "std_error", "conf_low", "conf_high"]
        np.testing.assert_allclose(found[columns].astype(float), numbers, rtol=1e-7)
        assert found["term"] == "Intercept"
    assert (table["effect"] == "ran_vals").sum() == 18 + 6


def test_glance_has_the_numbers_of_broom_mixed():
    weights = 1 + np.arange(1, 73) % 3
    numbers = {
        "REML": (oats(), 12.8669534412, -296.520876658, 603.041753315, 614.42508391, 593.041753315),
        "ML": (oats(False, weights=weights), 17.8917347857, -305.738605983, 621.477211966, 632.860542561,
               611.477211966),
    }  # fmt: skip
    for method, (fit, *expected) in numbers.items():
        table = fit.glance()
        assert tuple(table.columns) == GLANCE
        assert len(table) == 1
        found = table.iloc[0]
        criterion, other = ("REMLcrit", "deviance") if method == "REML" else ("deviance", "REMLcrit")
        columns = ["sigma", "logLik", "AIC", "BIC", criterion]
        np.testing.assert_allclose(found[columns].astype(float), expected, rtol=1e-7)
        assert (found["method"], found["nobs"], found["df_residual"]) == (method, 72, 67)
        assert found[[other, "log_evidence", "pss", "looic", "elpd_loo", "p_loo"]].isna().all()


def test_augment_has_the_numbers_of_broom_mixed():
    """Of augment() there: .fitted .resid .hat .cooksd .fixed .weights .wtres, with weights of 2, 3, 1, …"""
    table = oats(False, weights=1 + np.arange(1, 73) % 3).augment()
    columns = ["fitted", "resid", "hat", "cooksd", "fixed", "weights", "wtres"]
    expected = [
        (115.492072486, -4.492072485863, 0.231749519303, 0.02475151394889, 81.2979162182, 2, -6.352749832671),
        (130.441393393, -0.441393392967, 0.317413835873, 0.00062194059245, 96.2472371253, 3, -0.764515782743),
        (129.087244203, -8.087244202621, 0.128800986725, 0.01733607014318, 126.145878939, 1, -8.087244202621),
    ]
    np.testing.assert_allclose(table[columns].iloc[[0, 1, 71]], expected, rtol=1e-6)
    assert list(table.columns[:4]) == ["yield", "Block", "Variety", "nitro"]
    pd.testing.assert_series_equal(table["Block"], bmm.load_data("Oats")["Block"], check_dtype=False)


def test_augment_names_the_response_as_the_formula_does_and_takes_offsets_into_the_fit():
    """R: lmer(log(Reaction) ~ Days + offset(Days/100) + (1 | Subject), sleepstudy)."""
    data = bmm.load_data("sleepstudy").set_index(np.arange(180) * 2)
    data.loc[4, "Days"] = np.nan
    full = bmm.Model("log(Reaction) ~ Days + offset(Days/100) + (1 | Subject)", bmm.load_data("sleepstudy"))
    table = full.fit().augment()
    columns = ["log(Reaction)", "fitted", "resid", "hat", "cooksd", "fixed", "offset"]
    expected = [
        (5.51969936724, 5.65190449599, -0.132205128750, 0.108502499985, 0.126447470506, 5.53006480579, 0.0),
        (5.89749337044, 5.90340437145, -0.005911001013, 0.108502499985, 0.000252775866, 5.83307712856, 0.09),
    ]
    np.testing.assert_allclose(table[columns].iloc[[0, 179]], expected, rtol=2e-4)
    lacking = bmm.Model("Reaction ~ Days + (1 | Subject)", data).fit().augment()
    assert list(lacking.index) == [i for i in data.index if i != 4]
    np.testing.assert_array_equal(lacking["Days"], data["Days"].drop(4))


def test_augment_follows_another_response():
    model = bmm.Model(OATS, bmm.load_data("Oats"))
    other = model.with_response(2 * model.design.y + 1).fit().augment()
    np.testing.assert_allclose(other["yield"], 2 * bmm.load_data("Oats")["yield"] + 1)
    np.testing.assert_allclose(other["fitted"], 2 * model.fit().fitted + 1, rtol=1e-8)


def test_the_leverage_is_the_derivative_of_the_fitted_value():
    """H_ii = ∂ŷ_i/∂y_i at fixed variances: ŷ is linear in y, so one changed response shows it exactly."""
    fit = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy")).fit()
    table = fit.augment()
    for i in (0, 57, 179):
        y = fit.model.design.y.copy()
        y[i] += 1.0
        moved = fit.model.with_response(y)
        solution = Profiled(moved.likelihood, reml=True).solution(moved.likelihood.internal(fit.theta))
        design = moved.design
        value = design.X[i] @ solution.beta
        for term, b in zip(design.terms, solution.effects, strict=True):
            value += term.Xi[i] @ b[term.factor.codes[i]]
        assert value - table["fitted"].iloc[i] == pytest.approx(table["hat"].iloc[i], rel=1e-6)


def test_a_column_by_the_name_of_an_answer_is_refused():
    data = bmm.load_data("sleepstudy").rename(columns={"Days": "hat"})
    with pytest.raises(bmm.ModelError, match="rename the column 'hat'"):
        bmm.Model("Reaction ~ hat + (1 | Subject)", data).fit().augment()


# --- intervals of variance parameters and shares


@pytest.mark.parametrize(
    ("reml", "log_sds", "theta", "log_sigma"),
    [
        (True, (0.23589899, 0.21074085), (0.06569134, 0.32713027), 0.11785118 / 2),
        (False, (0.23453500, 0.20764483), (0.08159622, 0.32673914), 0.11785118 / 2),
    ],
)
def test_errors_and_intervals_of_variances_are_those_of_glmmTMB(reml, log_sds, theta, log_sigma):
    """R, glmmTMB 1.1.5, summary(fit$sdr, "fixed"): errors of log sds, of ρ/√(1 − ρ²), and of log σ²."""
    fit = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy")).fit(reml=reml)
    table = fit.tidy("ran_pars", prob=0.95)
    sds = table[table["term"].str.startswith("sd__")]
    expected = np.array([*log_sds, log_sigma])
    np.testing.assert_allclose(sds["std_error"] / sds["estimate"], expected, rtol=2e-5)
    for end, sign in (("conf_low", -1), ("conf_high", 1)):
        np.testing.assert_allclose(
            sds[end], sds["estimate"] * np.exp(sign * 1.959963985 * expected), rtol=1e-5
        )
    corr = row(table, term="cor__Intercept.Days")
    rho = corr["estimate"]
    assert rho / np.sqrt(1 - rho**2) == pytest.approx(theta[0], abs=2e-5)
    assert corr["std_error"] * (1 - rho**2) ** -1.5 == pytest.approx(theta[1], rel=2e-5)
    z = np.arctanh(rho) + np.array([-1, 1]) * 1.959963985 * corr["std_error"] / (1 - rho**2)
    np.testing.assert_allclose(corr[["conf_low", "conf_high"]].astype(float), np.tanh(z), rtol=1e-8)


def test_the_error_of_an_intraclass_correlation_is_that_of_balanced_data():
    """ρ̂ = (F − 1)/(F + n − 1), and F = MSA/MSE of independent mean squares has the variance
    F²(2/(k − 1) + 2/(k(n − 1))) at first order, in k = 6 groups of n = 5 (Searle et al. 1992, sec. 3.6)."""
    fit = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")).fit()
    y = bmm.load_data("Dyestuff")["Yield"].to_numpy().reshape(6, 5)
    F = 5 * y.mean(axis=1).var(ddof=1) / y.var(axis=1, ddof=1).mean()
    rho = (F - 1) / (F + 4)
    se = 5 / (F + 4) ** 2 * F * np.sqrt(2 / 5 + 2 / 24)
    table = fit.icc().table(0.9)
    assert table["estimate"]["Batch"] == pytest.approx(rho, rel=1e-5)
    assert table["se"]["Batch"] == pytest.approx(se, rel=1e-4)
    logit = np.log(rho / (1 - rho)) + np.array([-1, 1]) * 1.644853627 * se / (rho * (1 - rho))
    np.testing.assert_allclose(table.loc["Batch", ["lower", "upper"]], 1 / (1 + np.exp(-logit)), rtol=1e-4)


def test_the_error_of_the_marginal_r2_is_that_of_refits():
    """The sd of R² over models fitted to simulated responses, of 90 subjects where first order is enough."""
    data = pd.concat([bmm.load_data("sleepstudy").assign(copy=i) for i in range(5)], ignore_index=True)
    data["Subject"] = data["Subject"].astype(str) + "-" + data["copy"].astype(str)
    model = bmm.Model("Reaction ~ Days + (Days | Subject)", data)
    start = model.fit()
    responses = model.with_response(start.simulate(random_seed=1)[0]).fit().simulate(250, random_seed=2)
    refits = [model.with_response(responses[i]).fit().r2() for i in responses]
    for share in ("marginal", "conditional"):
        spread = np.std([refit[share] for refit in refits], ddof=1)
        assert start.r2().se[share] == pytest.approx(spread, rel=0.2)


def test_on_the_boundary_there_are_no_errors_and_no_intervals():
    fit = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff2")).fit()
    sd = row(fit.tidy(), term="sd__Intercept")
    assert sd["estimate"] == 0
    assert sd[["std_error", "conf_low", "conf_high"]].isna().all()
    assert fit.icc().table().loc["Batch", ["se", "lower", "upper"]].isna().all()
    assert row(fit.tidy(), term="sd__Observation")["conf_low"] > 0


# --- structures


@pytest.mark.parametrize("structure", ["us", "cs", "csh", "ar1", "ar1h", "toep", "toeph", "diag", "id"])
def test_every_structure_is_told_by_its_contract(structure: str):
    rng = np.random.default_rng(3)
    n = 60 * 3 * 2
    data = pd.DataFrame({"id": np.repeat(np.arange(60), 6), "week": np.tile([0, 1, 2], 120)})
    b = rng.normal(size=(60, 3)) @ np.linalg.cholesky(0.5 ** np.abs(np.subtract.outer(range(3), range(3)))).T
    data["y"] = 2 * b[data["id"], data["week"]] + rng.normal(size=n)
    model = bmm.Model(f"y ~ 1 + {structure}(0 + C(week) | id)", data)
    estimate, posterior = model.fit(), model.sample(draws=200, random_seed=1, progressbar=False)
    tables = [result.tidy("ran_pars") for result in (estimate, posterior)]
    named = ["group", "term"]
    pd.testing.assert_frame_equal(tables[0][named], tables[1][named])
    told = [p for p in scalar_parameters(model.design) if p.kind == "corr"]
    correlations = tables[0][tables[0]["term"].str.startswith("cor__")]
    assert len(correlations) == len(told)
    assert tables[0]["term"].is_unique or structure in ("cs", "ar1", "toep", "id")
    if structure in ("cs", "csh", "ar1", "ar1h"):
        assert correlations["term"].tolist() == [f"cor__{structure}"]
    if structure.startswith("toep"):
        assert correlations["term"].tolist() == ["cor__lag 1", "cor__lag 2"]
    assert correlations["estimate"].between(0, 1).all()
    assert (tables[0]["std_error"] > 0).all()
    pd.testing.assert_frame_equal(
        estimate.varcorr[["group", "term1", "term2"]], posterior.varcorr[["group", "term1", "term2"]]
    )
    np.testing.assert_allclose(posterior.varcorr["sdcor"], estimate.varcorr["sdcor"], rtol=0.3, atol=0.15)


# --- what may be asked


def test_the_rows_are_those_that_were_asked_for():
    fit = oats()
    assert set(fit.tidy("ran_vals")["effect"]) == {"ran_vals"}
    assert fit.tidy(())["term"].tolist() == []
    assert tuple(fit.tidy((), conf_int=False).columns) == TIDY[:7]
    narrow, wide = (fit.tidy(prob=prob) for prob in (0.5, 0.9))
    assert (wide["conf_low"] < narrow["conf_low"]).all()
    with pytest.raises(bmm.ModelError, match="did you mean 'ran_pars'"):
        fit.tidy(("fixed", "ran_par"))
    with pytest.raises(bmm.ModelError, match="prob is 95"):
        fit.tidy(prob=95)


def test_linear_combinations_are_taken_as_arrays_frames_and_mappings():
    fit = bmm.Model("score ~ Machine + (1 | Worker)", bmm.load_data("Machines")).fit()
    names = list(fit.beta.index)
    L = pd.DataFrame({names[1]: [1.0, 1.0], names[2]: [0.0, -1.0]}, index=["B - A", "B - C"])
    by_frame = fit.linear(L).table()
    rows = {"B - A": {names[1]: 1}, "B - C": {names[1]: 1, names[2]: -1}}
    pd.testing.assert_frame_equal(by_frame, fit.linear(rows).table())
    by_array = fit.linear(np.array([[0, 1, 0], [0, 1, -1]])).table()
    np.testing.assert_array_equal(by_array, by_frame)
    variance = fit.vcov.to_numpy()
    assert by_frame["se"]["B - C"] ** 2 == pytest.approx(variance[1, 1] + variance[2, 2] - 2 * variance[1, 2])
    with pytest.raises(bmm.ModelError, match=r"no coefficient 'Machine\[D\]'"):
        fit.linear({"x": {"Machine[D]": 1}})
    for wrong in (np.ones((2, 2)), {"Machine": 1}, [[1, 2, np.nan]], [["a", "b", "c"]]):
        with pytest.raises(bmm.ModelError, match="L is"):
            fit.linear(wrong)


def test_values_are_numbers_by_name():
    values = oats().r2()
    assert dict(values) == values.estimate.to_dict()
    assert values["marginal"] == np.asarray(values)[0]
    with pytest.raises(bmm.ModelError, match="did you mean 'marginal'"):
        values["margnal"]
    assert "marginal" in repr(values)
    assert "marginal" in values._repr_html_()
