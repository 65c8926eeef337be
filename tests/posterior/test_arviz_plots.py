"""ArviZ draws what we hand over: posterior, prior, replicates and predictions, without a warning.

Warnings are errors in these tests. What is asserted is that the plots show what they should, by the variables
that they draw.
"""

from __future__ import annotations

import arviz as az
import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

import bayesmm as bmm

DATA = {
    "score ~ Machine + (Machine | Worker)": "Machines",
    "strength ~ 1 + (1 | batch/cask)": "Pastes",
}


@pytest.fixture(autouse=True)
def agg():
    """Draw to memory, and close what was drawn."""
    before = mpl.get_backend()
    mpl.use("Agg")
    yield
    plt.close("all")
    mpl.use(before)


@pytest.fixture(scope="module", params=DATA, ids=DATA.values())
def whole(request) -> bmm.Posterior:
    """Draws with prior and replicates: factor slopes with a correlation matrix, and nested intercepts."""
    model = bmm.Model(request.param, bmm.load_data(DATA[request.param]))
    posterior = model.sample(draws=100, random_seed=1, progressbar=False)
    return posterior.with_prior(draws=100, random_seed=2).posterior_predictive(random_seed=3)


def drawn(collection) -> set[str]:
    """The variables that a plot has visuals of."""
    found = set()
    for group in collection.viz.children.values():
        found |= {str(name) for name in group.data_vars}
    return found


def parameters(posterior: bmm.Posterior) -> list[str]:
    return [str(name) for name in posterior.data["posterior"].data_vars if name not in posterior.effects]


@pytest.mark.parametrize("plot", [az.plot_trace_dist, az.plot_forest, az.plot_dist, az.plot_prior_posterior])
def test_parameters(whole: bmm.Posterior, plot):
    collection = plot(whole.data, var_names=parameters(whole))
    assert set(parameters(whole)) <= drawn(collection)


@pytest.mark.parametrize("plot", [az.plot_forest, az.plot_ridge, az.plot_dist])
def test_random_effects(whole: bmm.Posterior, plot):
    name = whole.effects[-1]
    dim = whole.data["posterior"][name].dims[-1]
    few = whole.data["posterior"][dim].to_numpy()[:3].tolist()
    collection = plot(whole.data, var_names=[name], coords={dim: few})
    assert name in drawn(collection)


@pytest.mark.parametrize("kind", ["kde", "ecdf"])
def test_replicates_beside_the_data(whole: bmm.Posterior, kind: str):
    collection = az.plot_ppc_dist(whole.data, num_samples=10, kind=kind)
    response = next(iter(whole.data["observed_data"].data_vars))
    assert drawn(collection) >= {response}
    assert {"predictive_dist", "observed_dist"} <= set(collection.viz.children)


def test_other_predictive_checks(whole: bmm.Posterior):
    for plot in (az.plot_ppc_pit, az.plot_ppc_tstat, az.plot_ppc_interval):
        plot(whole.data)


def test_responses_from_the_prior(whole: bmm.Posterior):
    tree = whole.model.prior_predictive(draws=50, random_seed=1)
    collection = az.plot_ppc_dist(tree, group="prior_predictive", num_samples=10)
    assert "predictive_dist" in collection.viz.children


def test_predictions(whole: bmm.Posterior):
    tree = whole.predict(bmm.load_data(DATA[whole.model.formula.text]).iloc[:3], draws=True)
    for plot in (az.plot_forest, az.plot_dist):
        assert "mu" in drawn(plot(tree, group="predictions"))
    az.plot_ppc_dist(whole.predict(kind="response", thin=5, random_seed=1, draws=True), num_samples=10)
    summary = az.summary(tree, group="predictions")
    assert summary.index.tolist() == ["mu[0]", "mu[1]", "mu[2]"]


def test_the_fitted_mean_is_where_arviz_looks_for_it(whole: bmm.Posterior):
    r2 = az.bayesian_r2(whole.predict(draws=True), pred_mean="mu", scale="sigma", summary=False)
    assert r2.size == 400
    assert ((r2 > 0) & (r2 < 1)).all()
