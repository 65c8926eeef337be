"""The default priors' scales, and how a user's priors replace them."""

import numpy as np
import pandas as pd
import pytest

from bayesmm.datasets import load_data
from bayesmm.design import build_design
from bayesmm.errors import PriorError
from bayesmm.priors import Prior, default_priors, resolve_priors


@pytest.fixture(scope="module")
def sleep():
    return load_data("sleepstudy")


@pytest.fixture(scope="module")
def sleep_design(sleep):
    return build_design("Reaction ~ Days + (Days | Subject)", sleep)


@pytest.fixture(scope="module")
def machines_design():
    return build_design("score ~ Machine + (Machine | Worker)", load_data("Machines"))


def sigma_of(prior):
    return prior.parameters["sigma"]


def test_scales_are_those_of_the_data(sleep, sleep_design):
    priors = default_priors(sleep_design)
    s_y, s_x = sleep.Reaction.std(), sleep.Days.std()
    assert priors["Intercept"].parameters["mu"] == pytest.approx(sleep.Reaction.mean())
    assert sigma_of(priors["Intercept"]) == pytest.approx(2.5 * s_y)
    assert priors["Days"].parameters["mu"] == 0
    assert sigma_of(priors["Days"]) == pytest.approx(2.5 * s_y / s_x)
    assert sigma_of(priors["sigma"]) == pytest.approx(s_y)
    assert sigma_of(priors["1|Subject_sigma"]) == pytest.approx(s_y)
    assert sigma_of(priors["Days|Subject_sigma"]) == pytest.approx(s_y / s_x)
    assert priors["corr|Subject"] == Prior("LKJ", eta=2)
    assert priors["1|Subject_sigma"].parameters["nu"] == 4


def test_a_factor_has_a_scale_for_each_column(machines_design):
    priors = default_priors(machines_design)
    s_y = machines_design.y.std(ddof=1)
    expected = s_y / machines_design.X[:, 1:].std(axis=0, ddof=1)
    np.testing.assert_allclose(sigma_of(priors["Machine"]), 2.5 * expected)
    np.testing.assert_allclose(sigma_of(priors["Machine|Worker_sigma"]), expected)


def test_units_of_a_predictor_and_its_mean_do_not_matter(sleep):
    moved = sleep.assign(Days=1e4 * sleep.Days + 1e9)
    here = default_priors(build_design("Reaction ~ Days + (Days | Subject)", sleep))
    there = default_priors(build_design("Reaction ~ Days + (Days | Subject)", moved))
    for name in ("Days", "Days|Subject_sigma"):
        assert sigma_of(there[name]) == pytest.approx(1e-4 * sigma_of(here[name]), rel=1e-6)
    assert here["1|Subject_sigma"] == there["1|Subject_sigma"]


def test_without_an_intercept_the_distance_from_zero_counts(sleep):
    priors = default_priors(build_design("Reaction ~ 0 + Days + (1 | Subject)", sleep))
    size = max(
        sleep.Reaction.std() / sleep.Days.std(),
        np.sqrt(np.mean(sleep.Reaction**2) / np.mean(sleep.Days.astype(float) ** 2)),
    )
    assert sigma_of(priors["Days"]) == pytest.approx(2.5 * size)
    assert "Intercept" not in priors


def test_a_constant_column_has_its_root_mean_square_for_size(sleep):
    data = sleep.assign(three=3.0)
    priors = default_priors(build_design("Reaction ~ 0 + three + (1 | Subject)", data))
    assert sigma_of(priors["three"]) == pytest.approx(2.5 * np.sqrt(np.mean(data.Reaction**2)) / 3)


def test_the_intercepts_prior_knows_the_offset(sleep):
    shifted = build_design("Reaction ~ Days + (1 | Subject)", sleep, offset=np.full(len(sleep), 100.0))
    plain = build_design("Reaction ~ Days + (1 | Subject)", sleep)
    there, here = default_priors(shifted)["Intercept"], default_priors(plain)["Intercept"]
    assert there.parameters["mu"] == pytest.approx(here.parameters["mu"] - 100)
    assert sigma_of(there) == sigma_of(here)


def test_sigma_follows_the_unit_of_the_weights(sleep):
    one = build_design("Reaction ~ Days + (1 | Subject)", sleep, weights=np.ones(len(sleep)))
    four = build_design("Reaction ~ Days + (1 | Subject)", sleep, weights=np.full(len(sleep), 4.0))
    assert sigma_of(default_priors(four)["sigma"]) == pytest.approx(
        2 * sigma_of(default_priors(one)["sigma"])
    )
    assert default_priors(four)["Days"] == default_priors(one)["Days"]


def test_columns_that_share_an_sd_have_one_prior():
    design = build_design(
        "score ~ Machine + (0 + Machine | Worker)", load_data("Machines"), covariance={"Worker": "identity"}
    )
    priors = default_priors(design)
    size = np.sqrt(np.mean(design.terms[0].Xi.var(axis=0, ddof=1)))
    assert sigma_of(priors["Machine|Worker_sigma"]) == pytest.approx(design.y.std(ddof=1) / size)
    assert "corr|Worker" not in priors


def test_every_default_is_proper_and_of_the_right_kind(machines_design):
    resolved = resolve_priors(machines_design, None)
    assert list(resolved) == [
        "Intercept",
        "Machine",
        "sigma",
        "1|Worker_sigma",
        "Machine|Worker_sigma",
        "corr|Worker",
    ]
    assert resolved == default_priors(machines_design)


def test_a_name_beats_its_class(sleep_design):
    wide, narrow, lkj = Prior("HalfNormal", sigma=100), Prior("Exponential", lam=1), Prior("LKJ", eta=4)
    resolved = resolve_priors(sleep_design, {"Days|Subject_sigma": narrow, "sd": wide, "corr": lkj})
    assert resolved["1|Subject_sigma"] == wide
    assert resolved["Days|Subject_sigma"] == narrow
    assert resolved["corr|Subject"] == lkj
    assert resolved["sigma"] == default_priors(sleep_design)["sigma"]


def test_fixed_is_every_coefficient_but_the_intercept(machines_design):
    prior = Prior("StudentT", nu=3, mu=0, sigma=5)
    resolved = resolve_priors(machines_design, {"fixed": prior})
    assert resolved["Machine"] == prior
    assert resolved["Intercept"] == default_priors(machines_design)["Intercept"]


def test_a_column_may_be_called_like_a_class(sleep):
    design = build_design("Reaction ~ sd + (1 | Subject)", sleep.assign(sd=sleep.Days))
    prior = Prior("Normal", mu=0, sigma=1)
    resolved = resolve_priors(design, {"sd": prior})
    assert resolved["sd"] == prior
    assert resolved["1|Subject_sigma"] == default_priors(design)["1|Subject_sigma"]


def test_a_name_with_a_slash_is_found_as_the_formula_writes_it(sleep):
    design = build_design("Reaction ~ I(Days / 2) + (1 | Subject)", sleep)
    prior = Prior("Normal", mu=0, sigma=1)
    assert resolve_priors(design, {"I(Days / 2)": prior})["I(Days ÷ 2)"] == prior


def test_a_factors_prior_may_have_a_value_for_each_level(machines_design):
    prior = Prior("Normal", mu=[0, 1], sigma=3)
    assert resolve_priors(machines_design, {"Machine": prior})["Machine"] == prior


def test_a_half_distribution_may_hold_a_coefficient_above_zero(sleep_design):
    prior = Prior("HalfNormal", sigma=10)
    assert resolve_priors(sleep_design, {"Days": prior})["Days"] == prior


NORMAL, HALF, LKJ = Prior("Normal", mu=0, sigma=1), Prior("HalfNormal", sigma=1), Prior("LKJ", eta=1)


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        ({"Day": NORMAL}, "did you mean 'Days'"),
        ({"nonsense": NORMAL}, "'nonsense', which names no parameter"),
        ({"1|Subject": NORMAL}, "or '1|Subject_sigma'?"),
        ({"Days": 3}, "the prior of 'Days' is 3"),
        ({"Days": "Normal(0, 1)"}, "expected a Prior"),
        ({"Days": LKJ}, "the prior of 'Days' is LKJ"),
        ({"Intercept": LKJ}, "the prior of 'Intercept' is LKJ"),
        ({"sigma": NORMAL}, "the prior of 'sigma' is Normal"),
        ({"sd": NORMAL}, "the prior of '1|Subject_sigma' is Normal"),
        ({"sd": Prior("Uniform", lower=-1, upper=1)}, "is Uniform"),
        ({"corr|Subject": HALF}, "the prior of 'corr|Subject' is HalfNormal"),
        ({"Days": Prior("Normal", mu=[0, 0], sigma=1)}, "of 2 values"),
    ],
)
def test_user_errors(sleep_design, priors, message):
    with pytest.raises(PriorError) as caught:
        resolve_priors(sleep_design, priors)
    assert message in caught.value.one_line


def test_a_wrong_number_of_values(machines_design):
    with pytest.raises(PriorError, match="of 3 values"):
        resolve_priors(machines_design, {"Machine": Prior("Normal", mu=[0, 0, 0], sigma=1)})


@pytest.mark.parametrize("key", ["corr", "fixed"])
def test_a_class_without_members_is_an_error(sleep, key):
    design = build_design("Reaction ~ 1 + (1 | Subject)", sleep)
    with pytest.raises(PriorError, match="this model has none of that class"):
        resolve_priors(design, {key: LKJ if key == "corr" else NORMAL})


def test_the_copy_of_a_shared_sd_names_the_one_to_set():
    data = load_data("sleepstudy")
    design = build_design("Reaction ~ Days + (Days | Subject)", data, covariance={"Subject": "identity"})
    with pytest.raises(PriorError, match=r"'1\|Subject_sigma', the standard deviation that"):
        resolve_priors(design, {"Days|Subject_sigma": HALF})
    assert resolve_priors(design, {"1|Subject_sigma": HALF})["1|Subject_sigma"] == HALF


def test_no_fixed_columns_at_all():
    data = pd.DataFrame({"y": [1.0, 2.0, 4.0, 3.0, 0.5, 2.5], "g": [1, 1, 2, 2, 3, 3]})
    assert list(resolve_priors(build_design("y ~ 0 + (1 | g)", data), None)) == ["sigma", "1|g_sigma"]
