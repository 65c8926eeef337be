"""``verify`` passes a sampler that is right, and finds out those that aren't."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import bayesmm as bmm
from bayesmm.calibration import simulation
from bayesmm.calibration.quantities import quantities
from bayesmm.design.naming import name_parameters
from bayesmm.posterior import Posterior, build_tree, sample
from bayesmm.posterior.draw_arrays import DrawArrays
from bayesmm.posterior.prior_draws import draw_prior

mpl.use("Agg")

G, H = np.repeat(np.arange(12), 5), np.tile(np.arange(5), 12)
ROWS = pd.DataFrame(
    {
        "y": np.random.default_rng(0).normal(size=60),
        "g": G,
        "h": [f"h{h}" for h in H],
        "x": np.tile([-1.0, -0.2, 0.3, 0.9, 2.0], 12),
        "c": np.where(np.arange(60) % 3 == 0, "a", np.where(np.arange(60) % 3 == 1, "b", "c")),
        "w": 0.5 + np.arange(60) % 4,
        "o": np.linspace(-5.0, 5.0, 60),
    }
)
PRIORS = {
    "Intercept": bmm.Prior("Normal", mu=1.0, sigma=2.0),
    "sigma": bmm.Prior("HalfStudentT", nu=4.0, sigma=1.0),
    "sd": bmm.Prior("HalfNormal", sigma=1.0),
}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "near the boundary": (
        "y ~ 1 + (1 | g)",
        {"priors": PRIORS | {"sd": bmm.Prior("HalfNormal", sigma=0.05)}},
    ),
    "crossed": ("y ~ 1 + (1 | g) + (1 | h)", {"priors": PRIORS}),
    "factor slopes, weights and offset": (
        "y ~ c + (x | g)",
        {"priors": PRIORS, "weights": "w", "offset": "o"},
    ),
}
INTERCEPTS = ("y ~ 1 + (1 | g)", {"priors": PRIORS})


def model_of(formula: str, options: dict[str, Any]) -> bmm.Model:
    return bmm.Model(formula, ROWS, **options)


def broken(
    change: Callable[[str, np.ndarray], np.ndarray], whole: Callable[..., Posterior] = sample
) -> Callable[..., Posterior]:
    """A sampler, with its draws changed."""

    def sampler(model: bmm.Model, **options: Any) -> Posterior:
        posterior = whole(model, **options)
        node = posterior.data["posterior"].to_dataset()
        changed = node.map(lambda array: array.copy(data=change(str(array.name), array.to_numpy())))
        data = posterior.data.copy()
        data["posterior"] = type(data).from_dict({"/": changed})
        return replace(posterior, data=data)

    return sampler


def prior_for_posterior(
    model: bmm.Model, *, draws: int, chains: int, random_seed: int, **_: Any
) -> Posterior:
    """A sampler that doesn't look at the data."""
    values = draw_prior(model, draws * chains, random_seed).values
    values = {name: array.reshape(chains, draws, *array.shape[1:]) for name, array in values.items()}
    return Posterior(build_tree(model, values, {}, method="marginal", seed=random_seed, attributes={}), model)


@pytest.mark.parametrize("name", MODELS)
def test_the_sampler_is_calibrated_in_a_few_replicates(name: str):
    found = bmm.verify(model_of(*MODELS[name]), 24, draws=49, random_seed=1)
    assert found.ok, found.verdict
    assert found.verdict.startswith("The sampler is calibrated for this model: the ranks of ")
    assert found.ranks.shape == (24, len(found.table))
    assert found.ranks.to_numpy().min() >= 0
    assert found.ranks.to_numpy().max() <= 49
    assert sum(found.methods.values()) == 24
    assert found.table["autocorrelation"].abs().max() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_the_sampler_is_calibrated_in_many_replicates(name: str):
    found = bmm.verify(model_of(*MODELS[name]), 1000, random_seed=2)
    assert found.ok, found.verdict


@pytest.mark.slow
def test_nuts_is_calibrated():
    found = bmm.verify(model_of(*INTERCEPTS), 40, method="nuts", random_seed=3)
    assert found.methods == {"nuts": 40}
    assert found.ok, found.verdict


def test_standard_deviations_that_are_too_large_are_found(monkeypatch: pytest.MonkeyPatch):
    sampler = broken(lambda name, x: 1.2 * x if name == "sigma" else x)
    monkeypatch.setattr(simulation, "sample", sampler)
    found = bmm.verify(model_of(*INTERCEPTS), 40, draws=49, random_seed=4)
    assert not found.ok
    assert found.table.loc["sigma", "verdict"] == "posterior shifted up"
    assert found.table.loc["sigma", "shift"] < -4
    assert "not calibrated for this model" in found.verdict
    assert "'sigma': posterior shifted up" in found.verdict
    assert found.table.loc["Intercept", "verdict"] == "calibrated"


def test_random_effects_that_are_shrunk_are_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(simulation, "sample", broken(lambda name, x: 0.5 * x if name == "1|g" else x))
    found = bmm.verify(model_of(*INTERCEPTS), 40, draws=49, random_seed=5)
    effects = [label for label in found.table.index if label.startswith("1|g[")]
    assert len(effects) == 3
    assert set(found.table.loc[effects, "verdict"]) == {"posterior too narrow"}
    assert (found.table.loc[["Intercept", "sigma", "1|g_sigma"], "verdict"] == "calibrated").all()


def test_only_the_log_likelihood_finds_draws_of_the_prior(monkeypatch: pytest.MonkeyPatch):
    """Each parameter by itself is uniform: the average posterior is the prior."""
    monkeypatch.setattr(simulation, "sample", prior_for_posterior)
    found = bmm.verify(model_of(*MODELS["crossed"]), 60, random_seed=6)
    others = found.table.drop(index="log likelihood")
    assert (others["verdict"] == "calibrated").all()
    assert found.table.loc["log likelihood", "verdict"].startswith("posterior shifted down")
    assert not found.ok


@pytest.mark.parametrize(
    ("formula", "options", "labels"),
    [
        ("y ~ 0 + c + (0 + c | g)", {}, ["c[b]", "c|g_sigma[c]", "corr|g[c[a], c[b]]", "c|g[b, 11]"]),
        ("y ~ x + (0 + c | g)", {"covariance": {"g": "identity"}}, ["x", "c|g_sigma", "c|g[a, 0]"]),
        ("y ~ x + (x || g) + (1 | h)", {"weights": "w"}, ["x|g_sigma", "1|h_sigma", "1|h[h2]", "x|g[6]"]),
    ],
    ids=["factor slopes", "one sd for all", "uncorrelated"],
)
def test_every_kind_of_parameter_is_ranked(
    monkeypatch: pytest.MonkeyPatch, formula: str, options: dict[str, Any], labels: list[str]
):
    monkeypatch.setattr(simulation, "sample", prior_for_posterior)
    found = bmm.verify(bmm.Model(formula, ROWS, **options), 60, random_seed=13)
    assert set(labels) <= set(found.table.index)
    assert found.table.index[-1] == "log likelihood"
    assert len(found.failures) == 0
    assert (found.table["verdict"].drop("log likelihood") == "calibrated").all()


def test_the_log_likelihood_is_that_of_all_rows():
    model = bmm.Model("y ~ c + (x | g)", ROWS, weights="w", offset="o")
    posterior = model.sample(draws=20, chains=2, random_seed=1, progressbar=False)
    pointwise = posterior.log_likelihood().data["log_likelihood"]["y"].sum("__obs__").to_numpy().ravel()
    draws = DrawArrays.of(name_parameters(model.design), posterior.data["posterior"].to_dataset())
    ours = quantities(model, draws)["log likelihood"]
    np.testing.assert_allclose(ours - pointwise, (ours - pointwise)[0], rtol=1e-9)


def test_draws_that_depend_on_each_other_are_noted(monkeypatch: pytest.MonkeyPatch):
    def stuck(name: str, x: np.ndarray) -> np.ndarray:  # each kept draw stands ten times
        return np.repeat(x[:, ::50], 50, axis=1)[:, : x.shape[1]] if name == "sigma" else x

    monkeypatch.setattr(simulation, "sample", broken(stuck, prior_for_posterior))
    found = bmm.verify(model_of(*INTERCEPTS), 40, random_seed=7)
    assert found.table.loc["sigma", "autocorrelation"] > 0.5
    assert found.table["autocorrelation"].drop(["sigma", "log likelihood"]).abs().max() < 0.1


def test_replicates_that_fail_are_counted_and_part_of_the_verdict(monkeypatch: pytest.MonkeyPatch):
    calls = []

    def sometimes(model: bmm.Model, **options: Any) -> Posterior:
        calls.append(model)
        if len(calls) % 10 == 0:
            raise ArithmeticError("no point to start from")
        return prior_for_posterior(model, **options)

    monkeypatch.setattr(simulation, "sample", sometimes)
    monkeypatch.setattr(simulation, "quantities", lambda model, draws: {"sigma": draws.values["sigma"]})
    found = bmm.verify(model_of(*INTERCEPTS), 30, random_seed=8)
    assert len(calls) == 30
    assert list(found.failures.index) == [9, 19, 29]
    assert list(found.ranks.index) == [r for r in range(30) if r not in (9, 19, 29)]
    assert (found.table["verdict"] == "calibrated").all()
    assert not found.ok
    assert "3 of 30 replicates failed" in found.verdict
    assert "ArithmeticError: no point to start from" in " ".join(str(found).split())


def test_if_all_replicates_fail_the_first_error_is_told(monkeypatch: pytest.MonkeyPatch):
    def never(model: bmm.Model, **options: Any) -> Posterior:
        raise ArithmeticError("no point to start from")

    monkeypatch.setattr(simulation, "sample", never)
    with pytest.raises(bmm.ModelError, match="all 20 replicates failed, the first with ArithmeticError"):
        bmm.verify(model_of(*INTERCEPTS), 20, random_seed=9)


def test_draws_that_are_not_finite_are_a_failure(monkeypatch: pytest.MonkeyPatch):
    def sampler(model: bmm.Model, **options: Any) -> Posterior:
        posterior = prior_for_posterior(model, **options)
        posterior.data["posterior"]["sigma"].to_numpy()[0, 4] = np.nan
        return posterior

    monkeypatch.setattr(simulation, "sample", sampler)
    with pytest.raises(bmm.ModelError, match="draws of 'sigma' are not finite"):
        bmm.verify(model_of(*INTERCEPTS), 20, random_seed=9)


def test_the_priors_stay_those_of_the_model_and_the_response_is_simulated(monkeypatch: pytest.MonkeyPatch):
    model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
    seen: list[bmm.Model] = []

    def sampler(other: bmm.Model, **options: Any) -> Posterior:
        seen.append(other)
        return prior_for_posterior(other, **options)

    monkeypatch.setattr(simulation, "sample", sampler)
    first = bmm.verify(model, 20, random_seed=10)
    assert all(other.priors == model.priors and other.design.X is model.design.X for other in seen)
    assert len({other.design.y.tobytes() for other in seen} | {model.design.y.tobytes()}) == 21
    again = bmm.verify(model, 20, random_seed=10)
    pd.testing.assert_frame_equal(first.ranks, again.ranks)
    assert not first.ranks.equals(bmm.verify(model, 20, random_seed=11).ranks)
    labels = {"Intercept", "Days", "sigma", "1|Subject_sigma", "corr|Subject[1, Days]", "Days|Subject[372]"}
    assert labels <= set(first.ranks.columns)


def test_it_shows_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(simulation, "sample", prior_for_posterior)
    found = bmm.verify(model_of(*INTERCEPTS), 40, random_seed=12)
    assert found.verdict in " ".join(str(found).split())
    assert "40 of 40, each ranked among 100 draws" in " ".join(str(found).split())
    assert "<table>" in found._repr_html_()
    axes = found.plot().axes[0]
    named = [label for label, words in found.table["verdict"].items() if words != "calibrated"]
    assert axes.get_legend_handles_labels()[1] == ["band of the test", *named]
    figure, ax = mpl.pyplot.subplots()
    assert found.plot(ax=ax) is figure
    with pytest.raises(bmm.ModelError, match="ax is str"):
        found.plot(ax="axes")
    mpl.pyplot.close("all")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replicates": 10}, "replicates is 10"),
        ({"replicates": 2.5}, "replicates is 2.5"),
        ({"draws": 5}, "draws is 5"),
        ({"prob": 1.0}, "prob is 1.0"),
        ({"method": "gibbs"}, "method is 'gibbs'"),
        ({"random_seed": "one"}, "random_seed is 'one'"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str):
    with pytest.raises(bmm.ModelError, match=message):
        bmm.verify(model_of(*INTERCEPTS), **options)


def test_it_wants_a_model():
    with pytest.raises(bmm.ModelError, match="verify got a Estimate"):
        bmm.verify(model_of(*INTERCEPTS).fit())


def test_a_method_that_there_is_not_is_refused():
    with pytest.raises(bmm.ModelError, match="method is 'gibbs'"):
        bmm.verify(model_of(*INTERCEPTS), method="gibbs")


def test_priors_that_are_not_normal_are_sampled_rightly_too():
    """A Student and a bounded prior: the coefficients' ranks are uniform with those of all else."""
    priors = PRIORS | {
        "Intercept": bmm.Prior("StudentT", nu=4, mu=0, sigma=1),
        "x": bmm.Prior("HalfNormal", sigma=0.5),
    }
    found = bmm.verify(model_of("y ~ x + (1 | g)", {"priors": priors}), 60, random_seed=17)
    assert found.ok, str(found)
    assert found.methods.get("marginal", 0) > 50
