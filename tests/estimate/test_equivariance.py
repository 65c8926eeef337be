"""What must not matter: the order of rows, levels and bars, the basis of X, the units of y and x."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesmm import Estimate, Model
from bayesmm.datasets import load_data
from bayesmm.design import build_design
from bayesmm.likelihood import MarginalLikelihood, Profiled
from tests.designs import simulated

CRITERION = 1e-7
"""Deviance units."""
REL = 1e-6

few = settings(max_examples=6, deadline=None, derandomize=True, database=None)
seeds = st.integers(0, 10_000)

# formula | data
MODELS = {
    "slope": ("Reaction ~ Days + (Days | Subject)", "sleepstudy"),
    "nested": ("strength ~ 1 + (1 | batch/cask)", "Pastes"),
    "crossed slopes": ("y ~ x + c + (x | a) + (1 | h)", "simulated"),
}
every_model = pytest.mark.parametrize("name", MODELS)


def data_of(name: str) -> tuple[str, pd.DataFrame]:
    formula, data = MODELS[name]
    return formula, simulated() if data == "simulated" else load_data(data)


def assert_same_fit(ours: Estimate, expected: Estimate, y_scale: float = 1.0) -> None:
    """The same optimum of the same model, ``ours`` with a response in units ``y_scale`` times smaller."""
    shift = 2 * (ours.nobs - (len(ours.beta) if ours.reml else 0)) * np.log(y_scale)
    assert ours.criterion == pytest.approx(expected.criterion + shift, abs=CRITERION)
    assert ours.certificate.ok
    assert expected.certificate.ok
    assert ours.singular == expected.singular
    se = expected.se.to_numpy() * y_scale
    np.testing.assert_allclose((ours.beta - expected.beta * y_scale) / se, 0.0, atol=10 * REL)
    np.testing.assert_allclose(ours.se, se, rtol=10 * REL)
    assert ours.sigma == pytest.approx(expected.sigma * y_scale, rel=REL)
    np.testing.assert_allclose(
        np.sqrt(ours.varcorr["vcov"].abs()),
        np.sqrt(expected.varcorr["vcov"].abs()) * y_scale,
        rtol=1e-4,
        atol=1e-4 * expected.sigma * y_scale,
    )


def assert_same_effects(ours: Estimate, expected: Estimate, group: str) -> None:
    scale = expected.ranef[group].abs().to_numpy().max()
    np.testing.assert_allclose(
        ours.ranef[group].loc[expected.ranef[group].index], expected.ranef[group], rtol=0, atol=1e-4 * scale
    )


@every_model
@given(seed=seeds)
@few
def test_the_order_of_rows_does_not_matter(name: str, seed: int):
    formula, data = data_of(name)
    shuffled = Model(formula, data.sample(frac=1.0, random_state=seed)).fit()
    expected = Model(formula, data).fit()
    assert_same_fit(shuffled, expected)
    for group in expected.ranef:
        assert_same_effects(shuffled, expected, group)
    pd.testing.assert_series_equal(
        shuffled.fitted.sort_index(), expected.fitted.sort_index(), rtol=1e-6, check_exact=False
    )


@given(seed=seeds)
@few
def test_the_names_of_levels_do_not_matter(seed: int):
    formula, data = data_of("slope")
    levels = data["Subject"].cat.categories
    renamed = np.random.default_rng(seed).permutation(len(levels))
    other = data.assign(Subject=data["Subject"].map(dict(zip(levels, renamed, strict=True))).astype(int))
    ours, expected = Model(formula, other).fit(), Model(formula, data).fit()
    assert_same_fit(ours, expected)
    modes = ours.ranef["Subject"].loc[renamed].to_numpy()
    np.testing.assert_allclose(modes, expected.ranef["Subject"], rtol=0, atol=1e-4 * np.abs(modes).max())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(x | a) + (1 | h) + (1 | m)", "(1 | m) + (x | a) + (1 | h)"),
        ("(1 | a) + (0 + x | a) + (1 | h)", "(1 | h) + (0 + x | a) + (1 | a)"),
        ("(x || a) + (1 | h)", "(1 | h) + (1 | a) + (0 + x | a)"),
        ("(1 | a/b) + (1 | h)", "(1 | h) + (1 | a:b) + (1 | a)"),
    ],
)
@pytest.mark.parametrize("reml", [False, True])
def test_the_order_of_bars_does_not_matter(one: str, other: str, reml: bool):
    fits = [Model(f"y ~ x + {bars}", simulated()).fit(reml=reml) for bars in (one, other)]
    assert fits[0].criterion == pytest.approx(fits[1].criterion, abs=CRITERION)
    np.testing.assert_allclose(fits[0].beta, fits[1].beta, rtol=10 * REL)
    tables = [
        fit.varcorr.fillna({"term2": ""}).set_index(["group", "term1", "term2"])["vcov"] for fit in fits
    ]
    assert set(tables[0].index) == set(tables[1].index)
    np.testing.assert_allclose(tables[0], tables[1].loc[tables[0].index], rtol=1e-4, atol=1e-6)


@given(
    A=st.lists(st.floats(-3, 3), min_size=9, max_size=9)
    .map(lambda numbers: np.array(numbers).reshape(3, 3))
    .filter(lambda A: np.linalg.cond(A) < 50)
)
@few
def test_the_basis_of_x_does_not_matter(A: np.ndarray):
    """X → XA: β̂ → A⁻¹β̂; the ML criterion stays, the REML criterion moves by 2 log|A|."""
    data = simulated()
    X = np.column_stack([np.ones(len(data)), data["x"], data["z"]])
    for i, column in enumerate((X @ A).T):
        data[f"v{i}"] = column
    for reml in (False, True):
        expected = Model("y ~ x + z + (x | a)", data).fit(reml=reml)
        ours = Model("y ~ 0 + v0 + v1 + v2 + (x | a)", data).fit(reml=reml)
        shift = 2 * np.linalg.slogdet(A)[1] if reml else 0.0
        assert ours.criterion == pytest.approx(expected.criterion + shift, abs=CRITERION)
        np.testing.assert_allclose(
            A @ ours.beta, expected.beta, rtol=0, atol=100 * REL * expected.se.to_numpy().max()
        )
        np.testing.assert_allclose(
            A @ ours.vcov.to_numpy() @ A.T, expected.vcov, rtol=0, atol=1e-5 * expected.vcov.to_numpy().max()
        )


@every_model
@pytest.mark.parametrize("unit", [1e-6, 1e6])
@pytest.mark.parametrize("reml", [False, True])
def test_the_unit_of_the_response_does_not_matter(name: str, unit: float, reml: bool):
    formula, data = data_of(name)
    response = formula.split()[0]
    ours = Model(formula, data.assign(**{response: data[response] * unit})).fit(reml=reml)
    assert_same_fit(ours, Model(formula, data).fit(reml=reml), unit)


@pytest.mark.parametrize(("shift", "unit"), [(1e4, 1.0), (-1e4, 1.0), (0.0, 1e4), (0.0, 1e-4), (1e4, 10.0)])
@pytest.mark.parametrize("reml", [False, True])
def test_unit_and_origin_of_a_predictor_do_not_matter(shift: float, unit: float, reml: bool):
    """x → shift + unit·x: a slope and its sd are divided by the unit; what refers to x = 0 refers elsewhere.

    The random intercepts at x = 0 become those at x = −shift/unit of the first model, b0 + b1 x.
    """
    data = simulated()
    expected = Model("y ~ x + c + (x | a) + (1 | h)", data).fit(reml=reml)
    ours = Model("y ~ x + c + (x | a) + (1 | h)", data.assign(x=shift + unit * data["x"])).fit(reml=reml)
    moved = 2 * np.log(unit) if reml else 0.0  # |X'X| is in the REML criterion
    assert ours.criterion == pytest.approx(expected.criterion + moved, abs=10 * CRITERION)
    assert ours.certificate.ok
    assert ours.singular == expected.singular
    assert ours.sigma == pytest.approx(expected.sigma, rel=REL)
    assert ours.beta["x"] * unit == pytest.approx(expected.beta["x"], rel=10 * REL)
    assert ours.se["x"] * unit == pytest.approx(expected.se["x"], rel=10 * REL)
    at = -shift / unit
    origin = expected.beta["Intercept"] + expected.beta["x"] * at
    assert ours.beta["Intercept"] == pytest.approx(origin, rel=10 * REL)
    T = np.array([[1.0, at], [0.0, 1 / unit]])
    G = T @ expected.covariances[0].to_numpy() @ T.T
    np.testing.assert_allclose(ours.covariances[0], G, rtol=1e-3)
    np.testing.assert_allclose(ours.fitted, expected.fitted, rtol=0, atol=1e-5 * expected.sigma)


def test_the_origin_of_a_predictor_does_matter_without_the_correlation():
    """The one that isn't invariant: (x || g) says something else when x is shifted."""
    data = simulated()
    one = Model("y ~ x + (x || a)", data).fit()
    other = Model("y ~ x + (x || a)", data.assign(x=data["x"] + 10)).fit()
    assert abs(one.criterion - other.criterion) > 0.1


@given(seed=seeds)
@few
def test_weights_that_are_whole_numbers_count_as_repeated_rows_for_the_coefficients(seed: int):
    """At the same λ, y with weight 2 has the β̂ and modes of the row twice."""
    rng = np.random.default_rng(seed)
    data = simulated().assign(count=rng.integers(1, 4, 150))
    weighted = MarginalLikelihood(build_design("y ~ x + (x | a)", data, weights="count"))
    repeated = MarginalLikelihood(build_design("y ~ x + (x | a)", data.loc[data.index.repeat(data["count"])]))
    theta = np.array([0.8, 0.1, 0.3])
    a, b = (Profiled(each, reml=False).solution(each.internal(theta)) for each in (weighted, repeated))
    np.testing.assert_allclose(a.beta, b.beta, rtol=1e-9)
    np.testing.assert_allclose(a.effects[0], b.effects[0], rtol=0, atol=1e-9)


def test_a_common_factor_of_the_weights_moves_sigma_only():
    data = simulated()
    one = Model("y ~ x + (x | a)", data, weights="w").fit()
    ten = Model("y ~ x + (x | a)", data, weights=10 * data["w"]).fit()
    assert ten.criterion == pytest.approx(one.criterion, abs=CRITERION)
    assert ten.sigma == pytest.approx(one.sigma * np.sqrt(10), rel=REL)
    np.testing.assert_allclose(ten.beta, one.beta, rtol=REL)
    np.testing.assert_allclose(ten.covariances[0], one.covariances[0], rtol=1e-4)
