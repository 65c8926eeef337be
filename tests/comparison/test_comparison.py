"""The estimate and the posterior side by side: right rows, right numbers, right words."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesmm as bmm
from bayesmm.comparison import compare
from bayesmm.errors import ModelError


@pytest.fixture(scope="module")
def sleep():
    model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
    return model, model.sample(random_seed=1, progressbar=False)


def with_draws(posterior, **changes):
    """The posterior with some of its draws replaced."""
    data = posterior.data.copy(deep=True)
    draws = data["posterior"].to_dataset()
    for name, values in changes.items():
        draws[name] = (draws[name].dims, values)
    data["posterior"] = xr.DataTree(draws)
    return dataclasses.replace(posterior, data=data)


def test_rows_are_all_parameters_of_both_sides(sleep):
    model, posterior = sleep
    table = bmm.compare(posterior, model.fit()).table
    assert list(table.index) == [
        "Intercept",
        "Days",
        "1|Subject_sigma",
        "Days|Subject_sigma",
        "corr|Subject[1, Days]",
        "sigma",
    ]
    estimate = model.fit()
    assert table["estimate"].to_numpy() == pytest.approx([*estimate.beta, *estimate.varcorr["sdcor"]])
    assert table["se"].to_numpy() == pytest.approx([*estimate.se, *estimate.sdcor_se])


def test_posterior_columns_are_those_of_the_draws(sleep):
    model, posterior = sleep
    table = bmm.compare(posterior, model.fit()).table
    draws = posterior.data["posterior"]["Days"].to_numpy().ravel()
    row = table.loc["Days"]
    assert row["mean"] == pytest.approx(draws.mean())
    assert row["sd"] == pytest.approx(draws.std(ddof=1))
    assert row["lower"] == pytest.approx(np.quantile(draws, 0.055))
    assert row["upper"] == pytest.approx(np.quantile(draws, 0.945))
    assert row["difference"] == pytest.approx((row["mean"] - row["estimate"]) / row["sd"])


def test_sleepstudy_agrees_with_reml_as_theory_says(sleep):
    model, posterior = sleep
    comparison = bmm.compare(posterior, model.fit())
    table = comparison.table
    assert (table["difference"].abs() < 0.5).all()
    # coefficients: same centre, posterior a little wider because the variances are not known
    for name in ("Intercept", "Days"):
        assert abs(table.loc[name, "difference"]) < 0.1
        assert 1.0 < table.loc[name, "sd"] / table.loc[name, "se"] < 1.25
    # standard deviations of 18 levels: skewed, so that the mean lies above the mode
    assert table.loc["1|Subject_sigma", "difference"] > 0
    assert table.loc["Days|Subject_sigma", "difference"] > 0
    assert comparison.verdict.startswith("6 of 6 parameters agree")


def test_the_order_of_the_arguments_does_not_matter(sleep):
    model, posterior = sleep
    estimate = model.fit()
    assert bmm.compare(estimate, posterior).table.equals(bmm.compare(posterior, estimate).table)


def test_prior_pull_is_what_the_prior_moves():
    """A conjugate check: the prior pull of a tight prior on a coefficient is, to first order in its weight,

    Cov(β, log p(β))/sd = −(mean − μ₀) sd/σ₀² for normal draws.
    """
    priors = {"Days": bmm.Prior("Normal", mu=0, sigma=3.0)}
    model = bmm.Model("Reaction ~ Days + (1 | Subject)", bmm.load_data("sleepstudy"), priors=priors)
    posterior = model.sample(random_seed=2, progressbar=False)
    row = compare(posterior, model.fit()).table.loc["Days"]
    assert row["prior_pull"] == pytest.approx(-row["mean"] * row["sd"] / 9.0, rel=0.05)


def test_a_strong_prior_is_named_as_the_reason():
    priors = {"Days": bmm.Prior("Normal", mu=0, sigma=1.0)}
    model = bmm.Model("Reaction ~ Days + (1 | Subject)", bmm.load_data("sleepstudy"), priors=priors)
    comparison = compare(model.sample(random_seed=2, progressbar=False), model.fit())
    assert comparison.table.loc["Days", "verdict"].startswith("prior pull")
    assert "Days (prior pull" in comparison.verdict


def test_a_boundary_estimate_is_named_as_the_reason():
    model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff2"))
    posterior = model.sample(random_seed=1, progressbar=False)
    comparison = compare(posterior, model.fit())
    row = comparison.table.loc["1|Batch_sigma"]
    assert row["estimate"] == 0
    assert np.isnan(row["se"])
    assert row["verdict"].startswith("boundary: the estimate is zero")
    assert "boundary" in comparison.verdict


def test_poor_sampling_is_named_as_the_reason(sleep):
    model, posterior = sleep
    draws = posterior.data["posterior"]["Days"].to_numpy()
    bad = with_draws(posterior, Days=draws + 3.0 * np.arange(4)[:, None])
    comparison = compare(bad, model.fit())
    assert comparison.table.loc["Days", "verdict"].startswith("poor sampling")
    assert "Mind the sampling" in comparison.verdict


def test_factor_coefficients_and_factor_slopes_have_a_row_each():
    model = bmm.Model("score ~ Machine + (Machine | Worker)", bmm.load_data("Machines"))
    posterior = model.sample(draws=200, tune=300, random_seed=1, progressbar=False)
    table = compare(posterior, model.fit()).table
    assert {"Machine[B]", "Machine[C]", "Machine|Worker_sigma[B]", "Machine|Worker_sigma[C]"} <= set(
        table.index
    )
    assert sum(label.startswith("corr|Worker[") for label in table.index) == 3
    assert len(table) == 3 + 3 + 3 + 1


def test_it_shows_itself_as_text_and_html(sleep):
    model, posterior = sleep
    comparison = compare(posterior, model.fit())
    assert "REML beside the posterior" in repr(comparison)
    assert "<table>" in comparison._repr_html_()


def test_answers_for_different_models_are_refused(sleep):
    _, posterior = sleep
    data = bmm.load_data("sleepstudy")
    other = bmm.Model("Reaction ~ Days + (1 | Subject)", data).fit()
    with pytest.raises(bmm.ModelError, match="two answers for the same model"):
        compare(posterior, other)
    fewer = bmm.Model("Reaction ~ Days + (Days | Subject)", data.iloc[:-10]).fit()
    with pytest.raises(bmm.ModelError, match="of other data"):
        compare(posterior, fewer)
    with pytest.raises(bmm.ModelError, match="a Posterior and an Estimate"):
        compare(posterior, posterior)
    with pytest.raises(bmm.ModelError, match="without its model"):
        compare(dataclasses.replace(posterior, model=None), other)


def test_a_posterior_alone_is_compared_with_its_models_reml_estimate(sleep):
    model, posterior = sleep
    alone = compare(posterior)
    assert alone.method == "REML"
    pd.testing.assert_frame_equal(alone.table, compare(posterior, model.fit()).table)


def test_a_posterior_without_its_model_can_not_be_compared_alone(sleep):
    with pytest.raises(ModelError, match="loaded without its model"):
        compare(dataclasses.replace(sleep[1], model=None))


def test_agreement_within_a_wide_interval_is_said_to_be_that():
    """An estimate of 3.2 beside a mean of 3.9 is within half a posterior sd, and not the same number."""
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(4), 6)
    data = pd.DataFrame({"g": g, "y": 5 * rng.normal(size=4)[g] + 6 * rng.normal(size=24)})
    comparison = compare(bmm.Model("y ~ 1 + (1 | g)", data).sample(random_seed=1, progressbar=False))
    row = comparison.table.loc["1|g_sigma"]
    assert abs(row["difference"]) < 0.5
    assert row["mean"] > 1.2 * row["estimate"]
    assert row["verdict"] == f"agree within a wide interval, {row['lower']:.3g} to {row['upper']:.3g}"
    assert "3 of 3 parameters agree" in comparison.verdict


def test_an_estimate_outside_the_interval_does_not_agree(sleep):
    """A far tail makes the sd large and the difference small beside it; the interval is elsewhere."""
    model, posterior = sleep
    draws = 13 + 0.3 * np.random.default_rng(1).normal(size=(4, 1000))
    draws[:, ::25] = -50.0
    row = compare(with_draws(posterior, Days=draws), model.fit()).table.loc["Days"]
    assert abs(row["difference"]) < 0.1
    assert row["estimate"] < row["lower"]
    assert not row["verdict"].startswith("agree")
