"""Leave-one-out by reweighting against leave-one-out by fitting again, and the pointwise log-likelihood."""

from __future__ import annotations

from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from scipy import special, stats

from bayesmm.datasets import load_data
from bayesmm.errors import ModelError
from bayesmm.likelihood import MarginalLikelihood
from bayesmm.model import MixedModel
from bayesmm.posterior import Posterior, sample
from bayesmm.posterior import leave_out as leave_out_module
from bayesmm.posterior import log_likelihood as log_likelihood_module
from bayesmm.posterior.data_tree import with_groups
from bayesmm.posterior.draw_arrays import DrawArrays
from bayesmm.posterior.scales import ScaleParameters
from bayesmm.priors import Prior
from tests.dense import DenseModel
from tests.designs import simulated
from tests.posterior.conftest import model_of

pytestmark = pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto:UserWarning")

CENTRE, SPREAD, TAU, SIGMA = 1500.0, 100.0, 60.0, 60.0
"""The priors of the Dyestuff model, which are given so that they are the same whatever is left out."""


@pytest.fixture(scope="module")
def dyestuff() -> Posterior:
    priors = {
        "Intercept": Prior("Normal", mu=CENTRE, sigma=SPREAD),
        "1|Batch_sigma": Prior("HalfStudentT", nu=4, sigma=TAU),
        "sigma": Prior("HalfStudentT", nu=4, sigma=SIGMA),
    }
    model = MixedModel("Yield ~ 1 + (1 | Batch)", load_data("Dyestuff"), priors=priors)
    return sample(model, draws=5000, random_seed=1, progressbar=False)


@pytest.fixture(scope="module")
def weighted() -> Posterior:
    model = MixedModel("y ~ x + c + offset(z) + (x | a) + (1 | h)", simulated(), weights="w", offset="o")
    return sample(model, draws=500, random_seed=2, method="marginal", progressbar=False)


def log_evidence(y: np.ndarray, batch: np.ndarray) -> float:
    """log p(y) of the one-way model by a trapezoid rule over (log τ, log σ).

    With n_j rows and means m_j, V_j = σ²I + τ²11' gives log|V_j| = (n_j − 1) log σ² + log v_j,
    v_j = σ² + n_jτ², and 1'V_j⁻¹1 = n_j/v_j; the intercept's normal prior is integrated out by hand.
    """
    side = np.linspace(-6.0, 4.0, 400)
    log_tau, log_sigma = np.meshgrid(np.log(TAU) + side, np.log(SIGMA) + side / 4, indexing="ij")
    tau2, sigma2 = np.exp(2 * log_tau), np.exp(2 * log_sigma)
    away = y - CENTRE
    log_det, squares = np.zeros_like(tau2), np.zeros_like(tau2)
    information, score = np.full_like(tau2, SPREAD**-2), np.zeros_like(tau2)
    for j in np.unique(batch):
        own = away[batch == j]
        n, total = len(own), own.sum()
        v = sigma2 + n * tau2
        log_det += (n - 1) * np.log(sigma2) + np.log(v)
        squares += (np.sum(own**2) - tau2 * total**2 / v) / sigma2
        information += n / v
        score += total / v
    density = log_det + np.log(SPREAD**2 * information) + squares - score**2 / information
    density = -0.5 * (density + len(y) * np.log(2 * np.pi))
    for log_value, scale in ((log_tau, TAU), (log_sigma, SIGMA)):
        density += np.log(2) + stats.t.logpdf(np.exp(log_value), 4, 0, scale) + log_value
    cell = (side[1] - side[0]) ** 2 / 4
    return float(special.logsumexp(density) + np.log(cell))


@pytest.mark.parametrize(("unit", "largest_shape", "error"), [(None, 0.5, 0.03), ("Batch", 0.9, 0.1)])
def test_it_is_what_fitting_again_without_the_rows_gives(dyestuff, unit, largest_shape, error):
    """log p(y_A | y_−A) = log p(y) − log p(y_−A), both by quadrature.

    Over eight seeds the largest k̂ was 0.21 to 0.32 for rows and 0.44 to 0.67 for batches (E or D, the
    farthest from the rest), and the largest error 0.003 to 0.008 and 0.006 to 0.032; sums were within 0.03.
    """
    design = dyestuff.model.design
    batch = design.factors["Batch"].codes
    units = np.arange(design.n) if unit is None else batch
    whole = log_evidence(design.y, batch)
    assert dyestuff.log_evidence == pytest.approx(whole, abs=0.05)
    elpd = dyestuff.loo(unit)
    expected = [whole - log_evidence(design.y[units != a], batch[units != a]) for a in range(units.max() + 1)]
    np.testing.assert_allclose(elpd.elpd_i, expected, rtol=0, atol=error)
    assert elpd.elpd == pytest.approx(sum(expected), abs=0.1)
    assert elpd.pareto_k.max() < largest_shape
    assert elpd.pareto_k.median() < 0.4
    assert elpd.n_samples == 20_000


def test_integrated_weights_are_evener_than_conditional_ones(sleep_posterior):
    with pytest.warns(UserWarning, match="shape parameter of Pareto"):
        conditional = sleep_posterior.loo(integrated=False)
    integrated = sleep_posterior.loo()
    assert integrated.pareto_k.mean() < conditional.pareto_k.mean() - 0.1
    assert 5 * (integrated.pareto_k > 0.4).sum() < (conditional.pareto_k > 0.4).sum()
    assert integrated.p < 0.5 * conditional.p
    assert integrated.elpd == pytest.approx(conditional.elpd, abs=3.0)


def test_either_sampler_gives_the_same(sleep_posterior, sleep_model):
    marginal = sample(sleep_model, draws=2000, random_seed=3, method="marginal", progressbar=False)
    assert (sleep_posterior.method, marginal.method) == ("nuts", "marginal")
    ours, theirs = marginal.loo(), sleep_posterior.loo()
    np.testing.assert_allclose(ours.elpd_i, theirs.elpd_i, atol=0.1)
    assert ours.elpd == pytest.approx(theirs.elpd, abs=0.5)


def test_the_conditional_reading_is_arviz_by_hand(dyestuff):
    import arviz as az

    by_hand = az.loo(dyestuff.log_likelihood().data, pointwise=True)
    ours = dyestuff.loo(integrated=False)
    for field in ("elpd", "se", "p"):  # the same sums, in another order
        assert ours[field] == pytest.approx(by_hand[field], rel=1e-12)
    np.testing.assert_allclose(ours.pareto_k, by_hand.pareto_k, atol=1e-12)
    again = dyestuff.log_likelihood().loo(integrated=False)  # from the group that is there already
    assert again.elpd == pytest.approx(by_hand.elpd, rel=1e-12)


def test_the_log_likelihood_is_the_normal_of_each_row(weighted):
    design = weighted.model.design
    draws = weighted.data["posterior"].dataset
    found = weighted.log_likelihood().data["log_likelihood"]["y"]
    assert found.dims == ("chain", "draw", "__obs__")
    dense = DenseModel.of(design)
    at = {"chain": 2, "draw": 123}
    one = draws.isel(at)
    beta = [float(one["Intercept"]), float(one["x"]), *np.atleast_1d(one["c"])]
    by_term = {
        "a": np.column_stack([one["1|a"], one["x|a"]]),
        "h": one["1|h"].to_numpy()[:, None],
    }
    mean = design.X @ beta + design.offset
    for term, Z in zip(design.terms, dense.Z, strict=True):
        mean = mean + Z @ by_term[term.group].ravel()
    sd = float(one["sigma"]) / np.sqrt(design.weights)
    np.testing.assert_allclose(found.isel(at), stats.norm.logpdf(design.y, mean, sd), rtol=1e-9)


def test_the_log_likelihood_does_not_depend_on_how_it_is_cut(weighted, monkeypatch):
    whole = weighted.log_likelihood().data["log_likelihood"]["y"]
    monkeypatch.setattr("bayesmm.predict.linear.PIECE", 1000)
    np.testing.assert_allclose(weighted.log_likelihood().data["log_likelihood"]["y"], whole, rtol=1e-12)


def test_the_posterior_itself_is_not_changed(dyestuff):
    before = set(dyestuff.data.children)
    more = dyestuff.log_likelihood()
    assert set(dyestuff.data.children) == before
    assert set(more.data.children) == before | {"log_likelihood"}
    assert more.data.attrs == dyestuff.data.attrs


@pytest.mark.parametrize(
    ("formula", "data", "options"),
    [
        ("Reaction ~ Days + (Days | Subject)", "sleepstudy", {}),
        ("Reaction ~ Days + (Days || Subject)", "sleepstudy", {}),
        ("score ~ Machine + (Machine | Worker)", "Machines", {}),
        ("score ~ Machine + (0 + Machine | Worker)", "Machines", {"covariance": {"Worker": "identity"}}),
        ("yield ~ 0 + nitro + (1 | Block) + (nitro | Variety)", "Oats", {}),
    ],
)
def test_names_lead_back_to_the_likelihoods_parameters(formula, data, options):
    model = MixedModel(formula, load_data(data), **options)
    likelihood = MarginalLikelihood(model.design)
    scales = ScaleParameters(model, likelihood)
    psi = scales.start + 0.3 * np.random.default_rng(1).normal(size=(20, scales.size))
    lam, log_sigma = scales.internal(psi)
    draws = DrawArrays(scales.names, scales.named(psi))
    everything = slice(0, 20)
    (sigma,) = draws.dispersions(everything)
    factors = [draws.factor(t, everything) / sigma[:, None, None] for t in range(len(model.design.terms))]
    np.testing.assert_allclose(np.log(sigma), log_sigma, rtol=1e-12)
    np.testing.assert_allclose(likelihood.variances.whitened(factors), lam, rtol=1e-9, atol=1e-12)


def test_levels_and_rows_have_their_labels(dyestuff, weighted):
    batches = dyestuff.loo("Batch")
    for field in (batches.elpd_i, batches.pareto_k):
        assert field.dims == ("Batch__factor_dim",)
        assert field.coords["Batch__factor_dim"].to_numpy().tolist() == list("ABCDEF")
        assert field.attrs["reading"] == "integrated"
        assert field.attrs["unit"] == "Batch"
    frame = load_data("Dyestuff").drop(index=3)
    frame.index = [f"run {i}" for i in frame.index]
    posterior = sample(MixedModel("Yield ~ 1 + (1 | Batch)", frame), draws=100, random_seed=1)
    for integrated in (True, False):
        rows = posterior.loo(integrated=integrated)
        assert rows.elpd_i.coords["row"].to_numpy()[2:4].tolist() == ["run 2", "run 4"]
        assert rows.elpd_i.attrs["reading"] == ("integrated" if integrated else "conditional")
        assert rows.pareto_k.coords["__obs__"].to_numpy().tolist() == list(range(29))


def test_arviz_compares_two_models(sleep_model):
    import arviz as az

    intercept = MixedModel("Reaction ~ Days + (1 | Subject)", load_data("sleepstudy"))
    results = {
        name: sample(model, draws=1000, random_seed=1, method="marginal", progressbar=False).loo()
        for name, model in (("intercepts", intercept), ("slopes", sleep_model))
    }
    table = az.compare(results)
    assert list(table.index) == ["slopes", "intercepts"]
    assert table.loc["slopes", "rank"] == 0
    # the slopes' marginal AIC is better by 42.1; half of that is the scale of the elpd
    assert -30 < table.loc["intercepts", "elpd_diff"] < -10


@pytest.mark.parametrize("unit", [None, "Batch"])
def test_arviz_plots_the_shapes(dyestuff, unit):
    import arviz as az
    from matplotlib import pyplot

    backend = matplotlib.get_backend()
    pyplot.switch_backend("Agg")
    try:
        drawn = az.plot_khat(dyestuff.loo(unit))
        assert drawn.viz["khat"] is not None
        pyplot.close("all")
    finally:
        pyplot.switch_backend(backend)


def test_some_of_the_draws_do(dyestuff):
    some, everything = dyestuff.loo(draws=1000), dyestuff.loo()
    assert some.n_samples == 1000
    assert some.log_weights.sizes["draw"] == 250
    assert some.log_weights.coords["draw"].to_numpy()[[0, -1]].tolist() == [0, 4999]
    np.testing.assert_allclose(some.elpd_i, everything.elpd_i, atol=0.1)
    assert dyestuff.loo(draws=10**6).n_samples == 20_000
    assert dyestuff.loo(integrated=False, draws=1000).n_samples == 1000


def test_draws_are_thinned_where_all_would_take_long(dyestuff, monkeypatch):
    monkeypatch.setattr(leave_out_module, "LONG", 1.0)
    assert dyestuff.loo().n_samples == 1000
    assert dyestuff.loo(draws=2000).n_samples == 2000


def test_it_takes_no_draws_of_the_random_effects(dyestuff):
    kept = dyestuff.data["posterior"].to_dataset().drop_vars("1|Batch")
    without = replace(dyestuff, data=with_groups(dyestuff.data, {"posterior": kept}))
    assert without.loo("Batch").elpd == dyestuff.loo("Batch").elpd
    with pytest.raises(ModelError, match="not its draws"):
        without.loo(integrated=False)


def test_a_coefficient_that_one_group_alone_tells_of():
    frame = load_data("Dyestuff").assign(only=lambda d: 1.0 * (d["Batch"] == "C"))
    model = MixedModel(
        "Yield ~ 0 + everywhere + only + (1 | Batch)",
        frame.assign(everywhere=1.0),
        priors={"only": Prior("Normal", mu=0, sigma=1e10)},
    )
    posterior = sample(model, draws=200, random_seed=1, method="marginal", progressbar=False)
    with pytest.raises(ModelError, match="'C' of 'Batch'"):
        posterior.loo("Batch")


BAD = [
    ({"unit": "batch"}, "unit is 'batch'"),
    ({"unit": 3}, "unit is 3"),
    ({"unit": ["Batch"]}, "unit is"),
    ({"unit": "Batch", "integrated": False}, "integrated=False"),
    ({"draws": 10}, "draws is 10"),
    ({"draws": 1000.5}, "draws is 1000.5"),
    ({"draws": True}, "draws is True"),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=[str(options) for options, _ in BAD])
def test_options_that_cannot_be(dyestuff, options, message):
    with pytest.raises(ModelError, match=message):
        dyestuff.loo(**options)


def test_a_posterior_without_its_model(dyestuff):
    bare = Posterior(dyestuff.data)
    for call in (bare.loo, bare.log_likelihood):
        with pytest.raises(ModelError, match="without its model"):
            call()


def test_too_few_draws_for_a_tail():
    posterior = sample(model_of("Yield ~ 1 + (1 | Batch)", "Dyestuff"), draws=20, random_seed=1)
    with pytest.raises(ModelError, match="has 80 draws"):
        posterior.loo()


def test_too_much_memory_is_an_error_with_advice(dyestuff, monkeypatch):
    monkeypatch.setattr(log_likelihood_module, "LARGEST", 8.0 * 30 * 1500)
    with pytest.raises(ModelError, match=r"loo\(draws=1500\)"):
        dyestuff.log_likelihood()
    for integrated in (True, False):  # which hold three arrays of that size
        with pytest.raises(ModelError, match=r"loo\(draws=500\)"):
            dyestuff.loo(integrated=integrated)
        assert dyestuff.loo(integrated=integrated, draws=500).n_samples == 500
