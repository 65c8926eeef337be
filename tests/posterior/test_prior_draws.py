"""Prior draws without PyMC, against PyMC's of the same model, and what is put together of them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import bayesmm as bmm
from bayesmm.design.naming import name_parameters
from bayesmm.errors import ModelError
from bayesmm.posterior import prior_draws, to_pymc
from tests.designs import simulated
from tests.predict.made_up import made_up_posterior

MODELS = {
    "intercept": lambda: bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")),
    "slope": lambda: bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy")),
    "factor slope": lambda: bmm.Model("score ~ Machine + (Machine | Worker)", bmm.load_data("Machines")),
    "uncorrelated": lambda: bmm.Model("Reaction ~ Days + (Days || Subject)", bmm.load_data("sleepstudy")),
    "one sd for all columns": lambda: bmm.Model(
        "score ~ Machine + (0 + Machine | Worker)",
        bmm.load_data("Machines"),
        covariance={"Worker": "identity"},
    ),
    "weights and offset": lambda: bmm.Model(
        "y ~ 0 + x + offset(z) + (1 | a/b)", simulated(), weights="w", offset="o"
    ),
}
"""Each kind of parameter, and each way in which they go together."""


@pytest.mark.parametrize("name", MODELS)
def test_the_draws_are_distributed_as_pymcs(name: str):
    """Kolmogorov–Smirnov of every variable, and of products that show how they go together."""
    import pymc as pm

    model = MODELS[name]()
    names = name_parameters(model.design)
    ours = model.prior_predictive(draws=2000, random_seed=1)
    with to_pymc(model):
        theirs = pm.sample_prior_predictive(
            2000,
            var_names=[*names.dims, names.response],
            random_seed=2,
            compile_kwargs={"mode": "FAST_COMPILE"},  # which doesn't compile: seconds instead of many
        )
    compared = 0
    for group, variables in (("prior", list(names.dims)), ("prior_predictive", [names.response])):
        own, other = (tree[group].to_dataset() for tree in (ours, theirs))
        for variable in variables:
            assert own[variable].dims == other[variable].dims
            a, b = (_columns(draws[variable]) for draws in (own, other))
            assert a.shape == b.shape
            for j in {0, a.shape[1] // 2, a.shape[1] - 1}:
                compared += 1
                assert stats.ks_2samp(a[:, j], b[:, j]).pvalue > 1e-3, (variable, j)
    flat_own = np.hstack([_columns(ours["prior"][v]) for v in names.dims])
    flat_other = np.hstack([_columns(theirs["prior"][v]) for v in names.dims])
    some = np.linspace(0, flat_own.shape[1] - 1, 8).astype(int)
    for i in some:
        for j in some[some > i]:
            own, other = (np.sign(draws[:, i]) * draws[:, j] for draws in (flat_own, flat_other))
            assert stats.ks_2samp(own, other).pvalue > 1e-4, (i, j)
    assert compared > 4


def _columns(array: xr.DataArray) -> np.ndarray:
    """(draws, values) of one chain."""
    return array.to_numpy()[0].reshape(array.sizes["draw"], -1)


def test_the_intercept_is_uncentred_and_the_centred_one_has_its_prior():
    model = MODELS["slope"]()
    prior = model.prior_predictive(draws=4000, random_seed=3)["prior"]
    centred = prior["Intercept"] + prior["Days"] * model.design.X[:, 1].mean()
    mu, sigma = model.priors["Intercept"].parameters.values()
    assert stats.kstest(centred.to_numpy()[0], stats.norm(mu, sigma).cdf).pvalue > 1e-3
    assert abs(stats.spearmanr(centred.to_numpy()[0], prior["Days"].to_numpy()[0]).statistic) < 4 / np.sqrt(
        4000
    )


def test_the_users_own_priors_are_drawn_from():
    priors = {
        "Days": bmm.Prior("Uniform", lower=5, upper=6),
        "sigma": bmm.Prior("LogNormal", mu=3, sigma=0.01),
        "corr|Subject": bmm.Prior("LKJ", eta=1000),
    }
    model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"), priors=priors)
    prior = model.prior_predictive(draws=300, random_seed=1)["prior"]
    assert 5 <= float(prior["Days"].min()) < float(prior["Days"].max()) <= 6
    assert float(prior["sigma"].std()) < 0.3
    assert float(np.abs(prior["corr|Subject"]).max()) < 0.1


def test_effects_have_the_sds_and_correlations_of_their_draw():
    prior = MODELS["factor slope"]().prior_predictive(draws=2000, random_seed=4)["prior"]
    one = (prior["1|Worker"] / prior["1|Worker_sigma"]).to_numpy()[0]
    machine = prior["Machine|Worker"] / prior["Machine|Worker_sigma"]
    second = machine.sel(Machine__expr_dim="C").to_numpy()[0]
    for values in (one, second):
        assert stats.kstest(values[:, 2], stats.norm.cdf).pvalue > 1e-3
    r = prior["corr|Worker"].sel({"corr|Worker_dim": "1, Machine[C]"}).to_numpy()[0]
    gap = one * second - r[:, None]
    assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(gap.size)
    assert abs(np.mean(one[:, 0] * one[:, 1])) < 4 / np.sqrt(2000)


def test_responses_are_those_of_the_draws_parameters():
    model = MODELS["weights and offset"]()
    design = model.design
    tree = model.prior_predictive(draws=2000, random_seed=5)
    prior, y = tree["prior"], tree["prior_predictive"]["y"].to_numpy()[0]
    mu = prior["x"].to_numpy()[0][:, None] * design.X[:, 0] + design.offset
    for term in design.terms:
        mu = mu + prior[f"1|{term.group}"].to_numpy()[0][:, term.factor.codes]
    z = (y - mu) / prior["sigma"].to_numpy()[0][:, None] * np.sqrt(design.weights)
    assert stats.kstest(z.ravel(), stats.norm.cdf).pvalue > 1e-3


def test_the_tree_has_the_names_of_the_posterior():
    model = MODELS["factor slope"]()
    names = name_parameters(model.design)
    tree = model.prior_predictive(draws=10, random_seed=1)
    assert list(tree.children) == ["prior", "prior_predictive", "observed_data"]
    assert list(tree["prior"].data_vars) == list(names.dims)
    for name, dims in names.dims.items():
        assert tree["prior"][name].dims == ("chain", "draw", *dims)
        for dim in dims:
            assert tree["prior"][dim].to_numpy().tolist() == names.coords[dim].tolist()
    assert tree["prior_predictive"]["score"].dims == ("chain", "draw", "__obs__")
    np.testing.assert_array_equal(tree["observed_data"]["score"], model.design.y)
    assert tree.attrs["seed"] == 1
    assert tree.attrs["formula"] == model.formula.text


def test_equal_seeds_give_equal_draws():
    model = MODELS["slope"]()
    first, again = (model.prior_predictive(draws=20, random_seed=6) for _ in range(2))
    assert first.identical(again)
    other = model.prior_predictive(draws=20, random_seed=7)
    assert not (first["prior"]["sigma"] == other["prior"]["sigma"]).any()
    posterior = made_up_posterior(model)
    both = posterior.with_prior(draws=20, random_seed=6)
    xr.testing.assert_equal(both.data["prior"].to_dataset(), first["prior"].to_dataset())
    assert both.data["prior"].attrs == {"seed": 6}
    assert "prior" not in posterior.data.children


def test_a_posterior_with_prior_and_replicates_is_kept_by_a_file(tmp_path):
    model = MODELS["slope"]()
    posterior = made_up_posterior(model)
    whole = posterior.with_prior(draws=20, random_seed=6).posterior_predictive(random_seed=7)
    again = bmm.Posterior.load(whole.save(tmp_path / "whole.nc"), model)
    assert again.data.identical(whole.data)


def test_what_cannot_be(monkeypatch):
    model = MODELS["slope"]()
    for draws in (0, 2.5, True):
        with pytest.raises(ModelError, match=f"draws is {draws}"):
            model.prior_predictive(draws=draws)
    with pytest.raises(ModelError, match="random_seed is 'one'"):
        model.prior_predictive(random_seed="one")
    with pytest.raises(ModelError, match="10,000,000 draws for 180 rows take 14") as caught:
        model.prior_predictive(draws=10_000_000)
    assert "draws=3333333" in caught.value.advice
    monkeypatch.setattr(prior_draws, "LARGEST", 8.0 * 36 * 100)
    with pytest.raises(ModelError, match="101 prior draws of 36 random effects") as caught:
        model.prior_predictive(draws=101)
    assert caught.value.advice == "draws=100"
