"""Profiles of variance parameters: lme4's intervals, brute force, edges of the parameter space, errors."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import norm

import bayesmm as bmm
from bayesmm.estimate import Estimate
from bayesmm.results import scalar_parameters
from bayesmm.search import Profile
from tests.dense import DenseModel
from tests.estimate.made_up import small_sample
from tests.reference_models import FOLDER, fitted

LME4 = {  # lme4's names of what confint(profile(fit)) has → ours; fixed effects aren't profiled here
    "dyestuff": {"sd_(Intercept)|Batch": "1|Batch_sigma", "sigma": "sigma"},
    "sleepstudy_intercept": {"sd_(Intercept)|Subject": "1|Subject_sigma", "sigma": "sigma"},
    "sleepstudy_slope": {
        "sd_(Intercept)|Subject": "1|Subject_sigma",
        "cor_Days.(Intercept)|Subject": "corr|Subject",
        "sd_Days|Subject": "Days|Subject_sigma",
        "sigma": "sigma",
    },
    "sleepstudy_zerocorr": {
        "sd_(Intercept)|Subject": "1|Subject_sigma",
        "sd_Days|Subject": "Days|Subject_sigma",
        "sigma": "sigma",
    },
    "pastes_nested": {
        "sd_(Intercept)|cask:batch": "1|batch:cask_sigma",
        "sd_(Intercept)|batch": "1|batch_sigma",
        "sigma": "sigma",
    },
    "penicillin_crossed": {
        "sd_(Intercept)|plate": "1|plate_sigma",
        "sd_(Intercept)|sample": "1|sample_sigma",
        "sigma": "sigma",
    },
    # lme4 found no upper end for sigma here, and a lower one that is not right: the brute force has it
    "orthodont_growth": {
        "sd_(Intercept)|Subject": "1|Subject_sigma",
        "cor_age.(Intercept)|Subject": "corr|Subject",
        "sd_age|Subject": "age|Subject_sigma",
    },
}


@cache
def profiled(name: str, method: str, parameter: str) -> Profile:
    return fitted(name, method).profile(parameter)


class BruteForce:
    """−2 log-likelihood in sds, correlations and σ, by dense matrices; for terms of one or two columns."""

    def __init__(self, fit: Estimate) -> None:
        self.design, self.reml = fit.model.design, fit.reml
        self.parameters = sorted(
            (p for p in scalar_parameters(self.design) if p.kind != "fixed"), key=lambda p: p.row
        )
        self.dense = DenseModel.of(self.design)
        self.estimate = fit.varcorr["sdcor"].to_numpy()

    def deviance(self, u: np.ndarray) -> float:
        factors, at = [], 0
        for term in self.design.terms:
            lam, at = np.diag(u[at : at + term.k]), at + term.k
            if term.k == 2 and term.covariance.correlated:
                rho = u[at]
                lam = lam @ np.array([[1.0, 0.0], [rho, np.sqrt(max(1 - rho**2, 0.0))]])
                at += 1
            factors.append(lam / u[-1])
        return -2 * self.dense.loglik(self.dense.covariance(tuple(factors), u[-1]), reml=self.reml)

    def least(self, parameter: str, value: float, starts: int = 3) -> float:
        """The least deviance with one parameter held, from several random starts."""
        held = next(i for i, p in enumerate(self.parameters) if parameter in (p.label, p.variable))
        free = [i for i in range(len(self.parameters)) if i != held]
        kinds = [self.parameters[i].kind for i in free]
        unit = np.array([self._unit(i) for i in free])
        bounds = [{"corr": (-1, 1), "sd": (0, None), "dispersion": (1e-2, None)}[kind] for kind in kinds]
        rng = np.random.default_rng(1)
        found = []
        for _ in range(starts):
            start = [rng.uniform(-0.8, 0.8) if k == "corr" else rng.uniform(0.3, 1.5) for k in kinds]

            def at(x: np.ndarray) -> float:
                u = np.empty(len(self.parameters))
                u[held], u[free] = value, x * unit
                return self.deviance(u)

            found.append(minimize(at, start, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13}).fun)
        return min(found)

    def _unit(self, i: int) -> float:
        parameter = self.parameters[i]
        if parameter.kind == "corr":
            return 1.0
        if parameter.kind == "dispersion":
            return self.estimate[-1]
        column = self.design.terms[parameter.term].Xi[:, parameter.columns[0]]
        return self.estimate[-1] / np.sqrt(np.mean(column**2))


@pytest.mark.parametrize("name", LME4)
def test_intervals_are_lme4s(name: str):
    reference = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["profile_ci"]
    rows = dict(
        zip(reference["terms"], zip(reference["lower"], reference["upper"], strict=True), strict=True)
    )
    for theirs, ours in LME4[name].items():
        profile = profiled(name, "ML", ours)
        size = max(1e-3, profile.estimate)
        # lme4 interpolates between points some 0.5 apart in ζ; most ends agree to 1e-4
        assert profile.interval(0.95) == pytest.approx(rows[theirs], rel=1e-3, abs=1e-3 * size), ours


@pytest.mark.parametrize(
    ("name", "method", "parameter", "at"),
    [
        ("sleepstudy_slope", "REML", "1|Subject_sigma", 2),
        ("sleepstudy_slope", "ML", "Days|Subject_sigma", -2),
        ("sleepstudy_slope", "REML", "corr|Subject", 3),
        ("sleepstudy_slope", "REML", "sigma", -1),
        ("orthodont_growth", "ML", "sigma", 3),
        ("orthodont_growth", "REML", "corr|Subject", 2),
        ("penicillin_crossed", "REML", "1|sample_sigma", 1),
        ("dyestuff", "REML", "1|Batch_sigma", -1),
        ("pastes_nested", "ML", "sigma", 0),
    ],
)
def test_points_are_what_brute_force_finds(name: str, method: str, parameter: str, at: int):
    profile = profiled(name, method, parameter)
    least = BruteForce(fitted(name, method)).least(parameter, profile.values[at])
    assert profile.deviance[at] == pytest.approx(least, abs=2e-5)


@pytest.mark.parametrize(
    ("seed", "parameter", "at"), [(9, "x|g_sigma", 3), (18, "corr|g", -1), (0, "sigma", -1)]
)
def test_points_are_what_brute_force_finds_with_many_optima(seed: int, parameter: str, at: int):
    """Small samples with singular optima, x far from zero, and several valleys."""
    formula, data = small_sample(seed)
    fit = bmm.Model(formula, data).fit(reml=seed % 2 == 0)
    profile = fit.profile(parameter)
    least = BruteForce(fit).least(parameter, profile.values[at], starts=6)
    assert profile.deviance[at] <= least + 1e-5
    assert profile.deviance[at] >= least - 1e-2  # the brute force may stop short in a narrow valley


def test_zeta_is_the_signed_root_of_the_rise():
    profile, fit = profiled("sleepstudy_slope", "REML", "sigma"), fitted("sleepstudy_slope", "REML")
    assert profile.estimate == pytest.approx(fit.sigma, rel=1e-12)
    at = list(profile.values).index(profile.estimate)
    assert profile.deviance[at] == pytest.approx(fit.criterion, abs=1e-9)
    assert profile.zeta[at] == 0
    rise = profile.deviance - fit.criterion
    np.testing.assert_allclose(profile.zeta**2, rise, atol=1e-9)
    assert (np.sign(profile.zeta) == np.sign(profile.values - profile.estimate)).all()
    assert (np.diff(profile.values) > 0).all()
    np.testing.assert_allclose(profile.zeta_at(profile.values), profile.zeta, atol=1e-12)


def test_an_interval_ends_where_zeta_is_the_normal_quantile():
    profile = profiled("sleepstudy_slope", "ML", "1|Subject_sigma")
    lower, upper = profile.interval(0.9)
    force = BruteForce(fitted("sleepstudy_slope", "ML"))
    for end in (lower, upper):
        rise = force.least("1|Subject_sigma", end) - fitted("sleepstudy_slope", "ML").criterion
        assert rise == pytest.approx(norm.ppf(0.95) ** 2, abs=1e-3)


@pytest.mark.parametrize("parameter", ["1|Batch_sigma", "sigma"])
@pytest.mark.parametrize("prob", [0.5, 0.9, 0.95, 0.99])
def test_an_intervals_ends_have_the_digits_of_the_criterion(parameter: str, prob: float):
    """Balanced one-way data, 6 × 5: sums of squares between and within are all that the criterion needs."""
    y = bmm.load_data("Dyestuff")["Yield"].to_numpy(dtype=float).reshape(6, 5)
    between, within = 5 * np.sum((y.mean(axis=1) - y.mean()) ** 2), 5 * np.sum(y.var(axis=1))

    def criterion(tau: float, sigma: float) -> float:
        total = sigma**2 + 5 * tau**2
        return 6 * np.log(total) + between / total + 24 * np.log(sigma**2) + within / sigma**2

    def least(value: float) -> float:
        held = (lambda other: (value, other)) if parameter != "sigma" else (lambda other: (other, value))
        best = minimize_scalar(lambda u: criterion(*held(u)), bounds=(1e-9, 400.0), options={"xatol": 1e-9})
        return best.fun

    profile = profiled("dyestuff", "ML", parameter)
    rise = norm.ppf(0.5 + prob / 2) ** 2
    lowest = least(profile.estimate)
    for end in profile.interval(prob):
        if end > 0:
            assert least(end) - lowest == pytest.approx(rise, abs=1e-6)
        else:  # no between variance is still inside the interval
            assert least(0.0) - lowest <= rise


def test_the_density_has_the_intervals_probabilities():
    profile = profiled("sleepstudy_slope", "REML", "Days|Subject_sigma")
    for prob in (0.5, 0.95):
        fine = np.linspace(*profile.interval(prob), 4001)
        assert np.trapezoid(profile.density(fine), fine) == pytest.approx(prob, abs=1e-5)
    assert profile.density(np.array([0.0, 1e6])).tolist() == [0.0, 0.0]


def test_a_profile_at_no_correlation_is_the_model_without_one():
    profile = profiled("sleepstudy_slope", "ML", "corr|Subject")
    fit, without = fitted("sleepstudy_slope", "ML"), fitted("sleepstudy_zerocorr", "ML")
    assert fit.criterion + profile.zeta_at(0.0) ** 2 == pytest.approx(without.criterion, abs=1e-5)


@pytest.mark.parametrize("method", ["ML", "REML"])
def test_a_profile_goes_to_the_model_without_the_variance(method: str):
    """At zero it is the fit without the term, and the interval that doesn't reach its end begins there."""
    profile = profiled("pastes_nested", method, "1|batch_sigma")
    without = bmm.Model("strength ~ 1 + (1 | batch:cask)", bmm.load_data("Pastes")).fit(reml=method == "REML")
    assert profile.values[0] == 0
    assert profile.deviance[0] == pytest.approx(without.criterion, abs=1e-6)
    assert profile.interval(0.95)[0] == 0
    assert profile.interval(0.4)[0] > 0


def test_a_profile_of_a_variance_estimated_as_zero_only_rises():
    profile = profiled("dyestuff2_singular", "REML", "1|Batch_sigma")
    assert profile.estimate == profile.values[0] == 0
    assert (np.diff(profile.zeta) > 0).all()
    lower, upper = profile.interval(0.95)
    assert lower == 0
    # balanced one-way layout: REML in closed form, with the mean squares between and within
    y = fitted("dyestuff2_singular", "REML").model.design.y.reshape(6, 5)
    between = 5 * np.sum((y.mean(axis=1) - y.mean()) ** 2)
    within = np.sum((y - y.mean(axis=1, keepdims=True)) ** 2)

    def deviance(sd: float, var: float) -> float:
        return 24 * np.log(var) + within / var + 5 * np.log(var + 5 * sd**2) + between / (var + 5 * sd**2)

    held = minimize(lambda v: deviance(upper, np.exp(v[0])), [2.0], options={"gtol": 1e-9}).fun
    free = minimize(lambda v: deviance(0.0, np.exp(v[0])), [2.0], options={"gtol": 1e-9}).fun
    assert held - free == pytest.approx(norm.ppf(0.975) ** 2, abs=1e-4)


@pytest.mark.parametrize("method", ["ML", "REML"])
def test_a_correlation_is_open_where_a_variance_may_be_zero(method: str):
    """With the slope's variance at zero every correlation fits equally: the profile stays flat there."""
    profile = profiled("orthodont_growth", method, "corr|Subject")
    without = profiled("orthodont_growth", method, "age|Subject_sigma")
    assert profile.interval(0.95) == (-1.0, 1.0)
    assert profile.values[[0, -1]].tolist() == [-1.0, 1.0]
    assert profile.zeta.min() == pytest.approx(without.zeta[0], abs=1e-5)
    assert (np.diff(profile.zeta) > -1e-6).all()
    assert (np.diff(profile.zeta_at(np.linspace(-1, 1, 500))) > -1e-6).all()


def test_names_of_factor_slopes_and_other_orders_of_columns():
    """The third of three columns comes first while it is profiled; nothing else changes."""
    fit = fitted("machines_slopes", "ML")
    profile = profiled("machines_slopes", "ML", "Machine|Worker_sigma[C]")
    table = fit.varcorr
    row = table[(table["term1"] == "Machine[C]") & table["term2"].isna()]
    assert profile.estimate == pytest.approx(row["sdcor"].item(), rel=1e-9)
    assert profile.deviance.min() == pytest.approx(fit.criterion, abs=1e-8)
    other = profiled("machines_slopes", "ML", "corr|Worker[Machine[B], Machine[C]]")
    row = table[(table["term1"] == "Machine[B]") & (table["term2"] == "Machine[C]")]
    assert other.estimate == pytest.approx(row["sdcor"].item(), rel=1e-9)
    # the same model with its levels in another order has the same profile, wherever the column stands
    data = bmm.load_data("Machines")
    data["Machine"] = pd.Categorical(data["Machine"], categories=["A", "C", "B"])
    turned = bmm.Model("score ~ Machine + (Machine | Worker)", data).fit(reml=False)
    again = turned.profile("Machine|Worker_sigma[C]")
    assert again.interval(0.95) == pytest.approx(profile.interval(0.95), rel=1e-5)
    again = turned.profile("corr|Worker[Machine[C], Machine[B]]")
    assert again.interval(0.95) == pytest.approx(other.interval(0.95), rel=1e-5)


def test_a_shared_variance_has_one_profile():
    data = bmm.load_data("Machines")
    fit = bmm.Model("score ~ Machine + (0 + Machine | Worker)", data, covariance={"Worker": "identity"}).fit()
    first, last = (fit.profile(f"Machine|Worker_sigma[{level}]") for level in "AC")
    assert first.estimate == pytest.approx(fit.varcorr["sdcor"].iloc[0])
    assert first.interval(0.95) == pytest.approx(last.interval(0.95), rel=1e-9)


def test_profiles_follow_the_units():
    data = bmm.load_data("sleepstudy")
    fit = fitted("sleepstudy_slope", "REML")
    data["Reaction"], data["Days"] = 1e-3 * data["Reaction"], 24.0 * data["Days"]
    other = bmm.Model("Reaction ~ Days + (Days | Subject)", data).fit()
    ours, theirs = (f.profile("Days|Subject_sigma").interval(0.95) for f in (fit, other))
    assert np.array(theirs) * 24e3 == pytest.approx(np.array(ours), rel=1e-6)


def test_a_dear_criterion_has_a_profile_too(monkeypatch: pytest.MonkeyPatch):
    """The way that saves evaluations comes to the same intervals."""
    import bayesmm.search.walk as module

    fit = fitted("penicillin_crossed", "REML")
    monkeypatch.setattr(module, "CHEAP", 0.0)
    for parameter in ("1|plate_sigma", "1|sample_sigma", "sigma"):
        dear = fit.profile(parameter).interval(0.95)
        assert dear == pytest.approx(
            profiled("penicillin_crossed", "REML", parameter).interval(0.95), rel=2e-4
        )


def test_it_shows_its_interval():
    text = repr(profiled("dyestuff", "ML", "1|Batch_sigma"))
    assert text == "Profile of 1|Batch_sigma (ML): estimate 37.26, 95% interval 12.197 to 84.063, 20 points"


def test_bad_requests_are_refused():
    fit = fitted("sleepstudy_slope", "REML")
    with pytest.raises(bmm.ModelError, match=r"did you mean 'Days\|Subject_sigma'"):
        fit.profile("Days|Subjct_sigma")
    with pytest.raises(bmm.ModelError, match="no such parameter as 'Days'"):
        fit.profile("Days")
    with pytest.raises(bmm.ModelError, match="is 3 parameters"):
        fitted("machines_slopes", "ML").profile("corr|Worker")
    with pytest.raises(bmm.ModelError, match="prob is 95"):
        fit.profile("sigma", prob=95)
    profile = fit.profile("sigma", prob=0.8)
    with pytest.raises(bmm.ModelError, match="larger probability"):
        profile.interval(0.999)
    with pytest.raises(bmm.ModelError, match="prob is 0"):
        profile.interval(0)


def test_an_undefined_correlation_has_no_profile():
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"x": np.tile(np.arange(6.0), 8), "g": np.repeat(np.arange(8), 6)})
    noise = rng.normal(size=(8, 6))
    noise -= noise.mean(axis=1, keepdims=True)
    data["y"] = noise.ravel()  # no variance between the groups
    fit = bmm.Model("y ~ x + (x | g)", data).fit()
    assert np.isnan(fit.varcorr["sdcor"].iloc[2])
    with pytest.raises(bmm.ModelError, match="a standard deviation is zero"):
        fit.profile("corr|g")
