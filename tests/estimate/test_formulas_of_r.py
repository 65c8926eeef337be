"""Formulas as they are written for lme4, fitted to the figures that lme4 1.1-31 gives under R 4.2.2.

Each figure stands below the call that made it; ``ctl`` is
``lmerControl(optCtrl = list(ftol_abs = 1e-14, xtol_abs = 1e-12, maxeval = 20000))``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmm as bmm
from bayesmm.errors import DesignNotice


@pytest.fixture(scope="module")
def sleep() -> pd.DataFrame:
    sleep = bmm.load_data("sleepstudy")
    return sleep.assign(half=np.where(sleep["Days"] > 4, "late", "early"))


def test_a_factor_behind_two_bars_keeps_its_columns_correlated(sleep: pd.DataFrame):
    # sleepstudy$half <- factor(ifelse(sleepstudy$Days > 4, "late", "early"))
    # m <- lmer(Reaction ~ Days + (0 + Days + half || Subject), sleepstudy, control = ctl)
    # REMLcrit(m); getME(m, "theta")
    estimate = bmm.Model("Reaction ~ Days + (0 + Days + half || Subject)", sleep).fit()
    assert estimate.criterion == pytest.approx(1742.56695511, abs=2e-8)
    assert estimate.criterion < 1742.56695511 + 1e-8
    np.testing.assert_allclose(
        estimate.theta, [0.211019911657, 1.006104344351, 0.973281894376, 0.685944484964], rtol=2e-5
    )


def test_two_bars_with_an_intercept_have_lme4_s_criterion():
    # m <- lmer(score ~ Machine + (Machine || Worker), nlme::Machines, control = ctl); REMLcrit(m)
    with pytest.warns(DesignNotice, match="add up to 'Intercept'"):
        model = bmm.Model("score ~ Machine + (Machine || Worker)", bmm.load_data("Machines"))
    estimate = model.fit()
    assert estimate.criterion == pytest.approx(208.3112186, abs=5e-7)
    assert "The variance of 'Intercept' in (1 | Worker) can't be told from" in str(estimate)


def test_an_ordered_factor_has_the_polynomials_of_r():
    # m <- lmer(angle ~ recipe + temperature + (1 | recipe:replicate), cake, control = ctl)
    # fixef(m); summary(m)$coef[, 2]; REMLcrit(m); temperature is an ordered factor
    cake = bmm.load_data("cake")
    cake["temperature"] = cake["temperature"].cat.as_ordered()
    model = bmm.Model("angle ~ recipe + temperature + (1 | recipe:replicate)", cake)
    estimate = model.fit()
    names = [f"temperature[{order}]" for order in (".L", ".Q", ".C", "^4", "^5")]
    assert list(estimate.beta.index) == ["Intercept", "recipe[B]", "recipe[C]", *names]
    np.testing.assert_allclose(
        estimate.beta[names],
        [6.610942241407, -0.385518272750, -0.548250741150, -1.297678023998, -0.914114077315],
        rtol=1e-10,
    )
    np.testing.assert_allclose(estimate.beta["Intercept"], 33.122222222223, rtol=1e-12)
    np.testing.assert_allclose(estimate.se[names], 0.674564331083, rtol=1e-6)
    assert estimate.criterion == pytest.approx(1675.66480448, abs=1e-8)


def test_scale_divides_by_n_minus_one():
    # m <- lmer(angle ~ scale(temp) + (scale(temp) | recipe:replicate), cake, control = ctl)
    estimate = bmm.Model(
        "angle ~ scale(temp) + (scale(temp) | recipe:replicate)", bmm.load_data("cake")
    ).fit()
    np.testing.assert_allclose(estimate.beta, [32.12222222222, 2.70391776849], rtol=1e-11)
    assert estimate.criterion == pytest.approx(1693.04485515, abs=1e-7)


def test_a_natural_spline_predicts_on_other_rows_as_in_r(sleep: pd.DataFrame):
    # m <- lmer(Reaction ~ ns(Days, 3) + (1 | Subject), sleepstudy, control = ctl); fixef(m)
    # predict(m, data.frame(Days = c(2.5, 9, 12), Subject = c("308", "309", "370")))
    estimate = bmm.Model("Reaction ~ ns(Days, 3) + (1 | Subject)", sleep).fit()
    np.testing.assert_allclose(
        estimate.beta, [255.5253714655, 50.1779910211, 100.6506910900, 80.3087594883], rtol=1e-10
    )
    new = {"Days": [2.5, 9, 12], "Subject": [308, 309, 370]}
    np.testing.assert_allclose(
        estimate.predict(new)["mean"], [316.561538014, 271.039730630, 379.138425369], rtol=1e-8
    )


def test_intervals_and_logarithms_to_a_base_predict_as_in_r(sleep: pd.DataFrame):
    # m <- lmer(Reaction ~ log(Days + 1, 2) + cut(Days, c(-Inf, 2, 5, Inf)) + (1 | Subject), sleepstudy,
    #           control = ctl); predict(m, data.frame(Days = c(2.5, 9, 12), Subject = c("308", "309", "370")))
    formula = "Reaction ~ log(Days + 1, 2) + cut(Days, c(-Inf, 2, 5, Inf)) + (1 | Subject)"
    estimate = bmm.Model(formula, sleep).fit()
    new = {"Days": [2.5, 9, 12], "Subject": [308, 309, 370]}
    np.testing.assert_allclose(
        estimate.predict(new)["mean"], [325.841651765, 256.295448664, 333.465751128], rtol=1e-8
    )
    # fixef(lmer(Reaction ~ cut(Days, 3) + (1 | Subject), sleepstudy, control = ctl))
    estimate = bmm.Model("Reaction ~ cut(Days, 3) + (1 | Subject)", sleep).fit()
    assert list(estimate.beta.index[1:]) == ["cut(Days, 3)[(3,6]]", "cut(Days, 3)[(6,9.01]]"]
    np.testing.assert_allclose(estimate.beta, [267.3753680556, 35.7400097222, 68.0350689815], rtol=1e-10)


def test_predictions_use_the_mean_of_the_fit(sleep: pd.DataFrame):
    """R's own predict takes the mean of the new rows here, 10.5, and is off by 68."""
    formula = "Reaction ~ I((Days - mean(Days)) / sd(Days)) + (1 | Subject)"
    scaled = bmm.Model(formula, sleep).fit()
    plain = bmm.Model("Reaction ~ Days + (1 | Subject)", sleep).fit()
    new = {"Days": [9, 12], "Subject": [308, 309]}
    np.testing.assert_allclose(scaled.predict(new), plain.predict(new), rtol=1e-8)
    np.testing.assert_allclose(scaled.predict(sleep)["mean"], scaled.fitted, rtol=1e-12)
    np.testing.assert_allclose(scaled.predict(sleep.iloc[[7]])["mean"], scaled.fitted[7], rtol=1e-12)


def test_the_header_says_which_contrasts_a_factor_has():
    cake = bmm.load_data("cake")
    cake["temperature"] = cake["temperature"].cat.as_ordered()
    formula = "angle ~ C(recipe, Sum) + temperature + (1 | recipe:replicate)"
    model = bmm.Model(formula, cake)
    said = "Contrasts  C(recipe, Sum): sum, temperature: polynomial"
    assert said in str(model.fit())
    assert said in str(model)
    assert "Reference" not in str(model)
