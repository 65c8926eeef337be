"""Simulation-based calibration of the marginal sampler (Talts, Betancourt, Simpson, Vehtari & Gelman 2018).

Parameters are drawn from the prior, data from the parameters, the posterior from the data: then the rank of
each true value among the draws is uniform, whatever the model, if and only if the sampler is right.
Here all is written out by hand, so that it shares neither the simulation nor the tests of ``bayesmm.verify``,
which takes more models in tests/calibration.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayesmm.model import MixedModel
from bayesmm.posterior import sample
from bayesmm.priors import Prior

RANKS = 24
"""Draws that a true value is ranked among: it has one of 25 places."""

PRIORS = {
    "Intercept": Prior("Normal", mu=1.0, sigma=2.0),
    "sigma": Prior("HalfStudentT", nu=4.0, sigma=1.0),
    "sd": Prior("HalfNormal", sigma=1.0),
    "corr": Prior("LKJ", eta=2.0),
    "fixed": Prior("Normal", mu=0.5, sigma=1.0),
}


def half_t(rng: np.random.Generator) -> float:
    return float(np.abs(rng.standard_t(4.0)))


def simulate_intercepts(rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, float]]:
    g = np.repeat(np.arange(8), 5)
    truth = {"Intercept": rng.normal(1.0, 2.0), "sigma": half_t(rng), "1|g_sigma": abs(rng.normal())}
    b = truth["1|g_sigma"] * rng.normal(size=8)
    y = truth["Intercept"] + b[g] + truth["sigma"] * rng.normal(size=40)
    return pd.DataFrame({"y": y, "g": g}), truth | {"1|g": b[0]}


def simulate_slopes(rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, float]]:
    g, x = np.repeat(np.arange(10), 6), np.tile(np.linspace(-1.0, 1.5, 6), 10)
    correlation = 2 * rng.beta(2.0, 2.0) - 1  # LKJ(2) of two columns
    truth = {"sigma": half_t(rng), "x": rng.normal(0.5, 1.0), "corr|g": correlation}
    truth |= {"1|g_sigma": abs(rng.normal()), "x|g_sigma": abs(rng.normal())}
    truth["Intercept"] = rng.normal(1.0, 2.0) - x.mean() * truth["x"]  # the prior is on the centred one
    L = np.array([[1.0, 0.0], [correlation, np.sqrt(1 - correlation**2)]])
    b = rng.normal(size=(10, 2)) @ L.T * [truth["1|g_sigma"], truth["x|g_sigma"]]
    y = truth["Intercept"] + b[g, 0] + (truth["x"] + b[g, 1]) * x + truth["sigma"] * rng.normal(size=60)
    return pd.DataFrame({"y": y, "x": x, "g": g}), truth | {"x|g": b[0, 1]}


MODELS = {
    "intercepts": ("y ~ 1 + (1 | g)", simulate_intercepts),
    "slopes": ("y ~ x + (x | g)", simulate_slopes),
}


def ranks(name: str, replicates: int) -> dict[str, np.ndarray]:
    """Parameter → (replicates,) ranks of its true value among ``RANKS`` draws."""
    formula, simulate = MODELS[name]
    found: dict[str, list[int]] = {}
    for seed in range(replicates):
        data, truth = simulate(np.random.default_rng(seed))
        used = {key: prior for key, prior in PRIORS.items() if key in used_keys(formula)}
        model = MixedModel(formula, data, priors=used)
        posterior = sample(model, draws=300, chains=2, random_seed=seed, method="marginal", cores=1)
        for parameter, value in truth.items():
            draws = posterior.data["posterior"][parameter].to_numpy()
            draws = draws.reshape(2, 300, -1)[:, :, 0].ravel()
            thinned = draws[:: len(draws) // RANKS][:RANKS]
            found.setdefault(parameter, []).append(int(np.sum(thinned < value)))
    return {parameter: np.array(values) for parameter, values in found.items()}


def used_keys(formula: str) -> set[str]:
    return {"Intercept", "sigma", "sd"} | ({"corr", "fixed"} if "x" in formula else set())


def assert_uniform(found: dict[str, np.ndarray]) -> None:
    """A χ² test of five bins and one of the mean rank for each; the level allows for their number."""
    level = 0.001 / (2 * len(found))
    for parameter, values in found.items():
        bins = np.bincount(values // 5, minlength=5)
        assert stats.chisquare(bins).pvalue > level, (parameter, bins)
        z = (values.mean() - RANKS / 2) / np.sqrt((RANKS + 1) ** 2 / 12 / len(values))
        assert 2 * stats.norm.sf(abs(z)) > level, (parameter, z)


@pytest.mark.parametrize("name", MODELS)
def test_true_values_have_uniform_ranks_in_a_few_replicates(name: str):
    assert_uniform(ranks(name, 80))


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_true_values_have_uniform_ranks_in_many_replicates(name: str):
    assert_uniform(ranks(name, 1000))
