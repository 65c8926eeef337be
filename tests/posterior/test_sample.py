"""Sampling: known answers, labels, equal seeds, and every option that can't be."""

import numpy as np
import pytest

from bayesmm.datasets import load_data
from bayesmm.design.naming import name_parameters
from bayesmm.errors import ModelError
from bayesmm.model import MixedModel
from bayesmm.posterior import sample
from bayesmm.priors import Prior
from bayesmm.sampling.nuts import STATS
from tests.posterior.conftest import model_of


def mean(posterior, name):
    return posterior.data["posterior"][name].mean(("chain", "draw")).to_numpy()


def test_sleepstudy_agrees_with_reml(sleep_posterior):
    """lme4's REML fit: β 251.405, 10.467; sds 24.741, 5.922; corr 0.066; σ 25.592; se of β 6.825, 1.546."""
    assert sleep_posterior.certificate.ok, str(sleep_posterior.certificate)
    assert mean(sleep_posterior, "Intercept") == pytest.approx(251.405, abs=1.0)
    assert mean(sleep_posterior, "Days") == pytest.approx(10.467, abs=0.25)
    assert mean(sleep_posterior, "sigma") == pytest.approx(25.592, abs=0.6)
    # a posterior mean lies above the mode: skewed to the right, 18 subjects
    assert 24.741 < mean(sleep_posterior, "1|Subject_sigma") < 29
    assert 5.922 < mean(sleep_posterior, "Days|Subject_sigma") < 7.2
    assert mean(sleep_posterior, "corr|Subject")[0] == pytest.approx(0.066, abs=0.1)
    sd = sleep_posterior.data["posterior"]["Intercept"].std().item()
    assert 6.825 < sd < 8.5


def test_random_effects_are_close_to_the_conditional_modes(sleep_posterior):
    """lme4's ranef of subjects 308 and 309: intercepts 2.2587, −40.3986; slopes 9.1990, −8.6197."""
    effects = sleep_posterior.data["posterior"]
    intercepts = effects["1|Subject"].sel(Subject__factor_dim=[308, 309]).mean(("chain", "draw"))
    slopes = effects["Days|Subject"].sel(Subject__factor_dim=[308, 309]).mean(("chain", "draw"))
    np.testing.assert_allclose(intercepts, [2.2587, -40.3986], atol=2.5)
    np.testing.assert_allclose(slopes, [9.1990, -8.6197], atol=0.5)


def test_the_tree_has_names_dims_and_labels(machines_posterior):
    data = machines_posterior.data
    kept = {"posterior", "log_prior", "sample_stats", "observed_data", "constant_data"}
    assert set(data.children) == kept
    posterior = data["posterior"]
    assert posterior["Machine"].dims == ("chain", "draw", "Machine_dim")
    assert posterior["Machine|Worker"].dims == ("chain", "draw", "Machine__expr_dim", "Worker__factor_dim")
    assert posterior["Machine|Worker_sigma"].coords["Machine__expr_dim"].to_numpy().tolist() == ["B", "C"]
    assert posterior["corr|Worker"].sizes["corr|Worker_dim"] == 3
    assert posterior["1|Worker"].coords["Worker__factor_dim"].dtype.kind == "i"
    assert not [name for name in posterior.data_vars if "__" in str(name)]
    assert set(data["sample_stats"].data_vars) == set(STATS.values())
    assert data["observed_data"]["score"].dims == ("__obs__",)


def test_correlations_lie_between_their_bounds_and_move(machines_posterior):
    corr = machines_posterior.data["posterior"]["corr|Worker"]
    assert float(abs(corr).max()) < 1
    assert (corr.std(("chain", "draw")) > 0.05).all()


@pytest.fixture(scope="module")
def small():
    return model_of("Yield ~ 1 + (1 | Batch)", "Dyestuff")


def test_equal_seeds_give_equal_draws_on_any_number_of_cores(small):
    options = {"draws": 50, "tune": 100, "chains": 3, "progressbar": False}
    first = sample(small, random_seed=7, cores=1, **options)
    again = sample(small, random_seed=7, cores=2, **options)
    other = sample(small, random_seed=8, **options)
    assert first.data["posterior"].equals(again.data["posterior"])
    assert first.data["sample_stats"].equals(again.data["sample_stats"])
    assert not first.data["posterior"].equals(other.data["posterior"])
    chains = first.data["posterior"]["sigma"].to_numpy()
    assert not np.array_equal(chains[0], chains[1])


def test_the_seed_is_kept_whoever_chose_it(small):
    options = {"draws": 20, "tune": 50, "chains": 1, "progressbar": False}
    chosen = sample(small, **options)
    again = sample(small, random_seed=chosen.data.attrs["seed"], **options)
    assert chosen.data["posterior"].equals(again.data["posterior"])
    from_generator = [sample(small, random_seed=np.random.default_rng(3), **options) for _ in range(2)]
    assert from_generator[0].data["posterior"].equals(from_generator[1].data["posterior"])


def test_nothing_is_shown_where_there_is_no_terminal(small, capfd):
    sample(small, draws=20, tune=50, chains=1, random_seed=1)
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 0}, "draws is 0"),
        ({"draws": 10.5}, "draws is 10.5"),
        ({"draws": True}, "draws is True"),
        ({"tune": -1}, "tune is -1"),
        ({"chains": 0}, "chains is 0"),
        ({"chains": "four"}, "chains is 'four'"),
        ({"cores": 0}, "cores is 0"),
        ({"method": "nutz"}, "did you mean 'nuts'"),
        ({"method": None}, "method is None"),
        ({"target_accept": 1.0}, "target_accept is 1.0"),
        ({"target_accept": "high"}, "target_accept is 'high'"),
        ({"random_seed": -1}, "random_seed is -1"),
        ({"random_seed": 2**63}, "random_seed is 9223372036854775808"),
        ({"random_seed": 1.5}, "random_seed is 1.5"),
        ({"random_seed": [1, 2]}, "random_seed is"),
    ],
)
def test_options_that_cannot_be(small, options, message):
    with pytest.raises(ModelError) as caught:
        sample(small, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize("method", ["marginal", "nuts"])
def test_a_prior_without_a_finite_start(method):
    far = {"Intercept": Prior("Normal", mu=1e200, sigma=1)}
    model = MixedModel("Yield ~ 1 + (1 | Batch)", load_data("Dyestuff"), priors=far)
    with pytest.raises(ModelError, match="could not start") as caught:
        sample(model, draws=20, tune=20, chains=1, random_seed=1, method=method, progressbar=False)
    assert "backtrace" not in str(caught.value)


@pytest.mark.parametrize("method", ["marginal", "nuts"])
def test_names_with_commas_and_slashes_are_sampled(method):
    model = model_of("Reaction ~ poly(Days, 2) + (0 + I(Days / 2) | Subject)", "sleepstudy")
    posterior = sample(model, draws=20, tune=50, chains=2, random_seed=1, method=method, progressbar=False)
    assert posterior.data["posterior"]["poly(Days, 2)"].shape == (2, 20, 2)
    assert posterior.data["posterior"]["I(Days ÷ 2)|Subject"].shape == (2, 20, 18)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("formula", "data", "options"),
    [
        ("Reaction ~ Days + (Days || Subject)", "sleepstudy", {}),
        ("score ~ Machine + (0 + Machine | Worker)", "Machines", {"covariance": {"Worker": "identity"}}),
        ("strength ~ 1 + (1 | batch/cask)", "Pastes", {}),
    ],
)
def test_other_structures_are_sampled(formula, data, options):
    model = MixedModel(formula, load_data(data), **options)
    posterior = sample(model, random_seed=1, method="nuts", progressbar=False, target_accept=0.95)
    assert posterior.certificate.divergences < 20
    assert posterior.certificate.rhat < 1.05
    assert np.isfinite(posterior.summary().to_numpy()).all()


def test_a_structure_in_which_some_columns_share_an_sd_has_no_posterior_and_says_so(monkeypatch):
    from dataclasses import replace

    import bayesmm.posterior.scales as scales

    model = model_of("score ~ Machine + (Machine | Worker)", "Machines")
    names = name_parameters(model.design)
    some = replace(names, terms=(replace(names.terms[0], sd_owner=(0, 1, 1)),))
    monkeypatch.setattr(scales, "name_parameters", lambda design: some)
    with pytest.raises(ModelError, match="only some columns share a standard deviation"):
        sample(model)


def test_the_model_shows_the_options_of_its_sampler():
    import inspect

    from bayesmm import Model

    ours = dict(inspect.signature(Model.sample).parameters)
    theirs = dict(inspect.signature(sample).parameters)
    del ours["self"], theirs["model"]
    assert ours == theirs
