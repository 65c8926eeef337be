"""The marginal model in PyMC: its operation, its log density, its draws, and β and b recovered from them."""

from __future__ import annotations

import pickle
from functools import cache
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from pytensor.gradient import NullTypeGradError, verify_grad
from scipy import stats

import bayesmm as bmm
from bayesmm.datasets import load_data
from bayesmm.design.naming import name_parameters
from bayesmm.errors import ModelError
from bayesmm.likelihood import IntegratedLikelihood, MarginalLikelihood
from bayesmm.model import MixedModel
from bayesmm.posterior import Posterior, integrated_logp, recover, sample, to_pymc_marginal
from bayesmm.posterior.pymc.marginal_op import MarginalLogLikelihood, log_likelihood
from bayesmm.posterior.scales import normal_prior
from bayesmm.posterior.target import MarginalTarget
from bayesmm.priors import Prior
from tests.dense import DenseModel
from tests.designs import CASES, simulated
from tests.posterior.conftest import model_of

QUICK = "FAST_COMPILE"
"""A mode that doesn't compile: for a few values of a function."""
DYESTUFF = ("Yield ~ 1 + (1 | Batch)", "Dyestuff")
SLEEP = ("Reaction ~ Days + (Days | Subject)", "sleepstudy")
MACHINES = ("score ~ Machine + (Machine | Worker)", "Machines")
NAMES = [
    "one intercept",
    "correlated slope",
    "uncorrelated slope",
    "one variance for all columns",
    "factor slopes",
    "nested",
    "weights and offset",
    "chain with slopes, crossed with slopes",
    "no fixed effects",
]


@cache
def case_model(name: str) -> MixedModel:
    case = CASES[name]
    data = simulated() if case.data == "simulated" else load_data(case.data)
    return MixedModel(case.formula, data, **case.options)


@cache
def integrated_of(model: MixedModel) -> IntegratedLikelihood:
    return IntegratedLikelihood(MarginalLikelihood(model.design), *normal_prior(model))


def somewhere(integrated: IntegratedLikelihood, seed: int = 1) -> tuple[np.ndarray, float]:
    rng = np.random.default_rng(seed)
    phi = integrated.likelihood.start + 0.3 * rng.normal(size=integrated.size)
    return integrated.likelihood.group_factors(phi).ravel(), float(
        np.log(integrated.likelihood.coordinates.scale) - 0.2
    )


def shape(integrated: IntegratedLikelihood) -> tuple[int, int, int]:
    layout = integrated.likelihood.layout
    return len(layout.cross.groups), layout.k_max, layout.k_max


def symbolic(integrated: IntegratedLikelihood) -> tuple[list[Any], Any]:
    inputs = [pt.dvector("lam"), pt.dscalar("log_sigma")]
    return inputs, log_likelihood(integrated, *inputs)


@pytest.mark.parametrize("mode", [QUICK, "NUMBA"])
def test_the_operation_is_the_integrated_likelihood(mode: str):
    """One function for models of any size: the arrays are its inputs."""
    inputs = [pt.dvector(), pt.dscalar(), pt.lvector(), pt.dvector()]
    value = MarginalLogLikelihood()(*inputs)[0]
    function = pytensor.function(inputs, [value, *pt.grad(value, inputs[:2])], mode=mode)
    for name in NAMES:
        integrated = integrated_of(case_model(name))
        lam, log_sigma = somewhere(integrated)
        found = function(lam, log_sigma, *integrated.packed)
        expected = integrated.log_density(lam.reshape(shape(integrated)), log_sigma)
        for ours, theirs in zip(found, expected, strict=True):
            assert_allclose(ours, np.ravel(theirs) if np.ndim(theirs) else theirs, rtol=1e-12, atol=1e-12)


def test_in_numbas_mode_no_python_runs():
    """Object mode would warn, and warnings are errors here; the inputs need not lie side by side."""
    integrated = integrated_of(model_of(*SLEEP))
    (lam, log_sigma), value = symbolic(integrated)
    strided = value.owner.op(lam[::2], log_sigma, *value.owner.inputs[2:])[0]
    function = pytensor.function([lam, log_sigma], [strided, pt.grad(strided, lam)], mode="NUMBA")
    at, log_s = somewhere(integrated)
    value, gradient = function(np.repeat(at, 2), log_s)
    expected, by_lam, _ = integrated.log_density(at.reshape(shape(integrated)), log_s)
    by_lam = by_lam.ravel()
    assert float(value) == pytest.approx(expected, rel=1e-13)
    assert_allclose(gradient, np.column_stack([by_lam, np.zeros_like(by_lam)]).ravel(), rtol=1e-12)


@pytest.mark.parametrize("name", ["factor slopes", "chain with slopes, crossed with slopes"])
def test_pytensor_finds_the_gradient_right(name: str):
    integrated = integrated_of(case_model(name))
    lam, log_sigma = somewhere(integrated)
    places = np.flatnonzero(lam)  # what lies outside the terms' triangles is zero, and stays so
    verify_grad(
        lambda p, s: log_likelihood(integrated, pt.zeros(lam.size)[places].set(p), s),
        [lam[places], np.array(log_sigma)],
        rng=np.random.default_rng(1),
        mode=QUICK,
    )


def test_where_it_cannot_be_computed_it_is_minus_infinity():
    integrated = integrated_of(model_of(*SLEEP))
    inputs, value = symbolic(integrated)
    function = pytensor.function(inputs, [value, *pt.grad(value, inputs)], mode=QUICK)
    for found in (function([np.nan, 0.0, 0.0, 1.0], 0.0), function([1.0, 0.0, 0.0, 1.0], 900.0)):
        assert found[0] == -np.inf
        assert not np.any(np.hstack(found[1:]))


def test_second_derivatives_are_refused_and_other_inputs_too():
    integrated = integrated_of(model_of(*DYESTUFF))
    (lam, log_sigma), value = symbolic(integrated)
    slope = pt.grad(value, log_sigma)
    with pytest.raises(NullTypeGradError, match="second derivatives"):
        pt.grad(slope, log_sigma)
    whole, real = integrated.packed
    with pytest.raises(TypeError, match="log σ"):
        MarginalLogLikelihood()(pt.dmatrix(), log_sigma, whole, real)
    with pytest.raises(TypeError, match="log σ"):
        MarginalLogLikelihood()(lam, log_sigma, real, whole)


def test_a_graph_with_it_can_be_pickled():
    integrated = integrated_of(model_of(*DYESTUFF))
    inputs, value = pickle.loads(pickle.dumps(symbolic(integrated)))
    lam, log_sigma = somewhere(integrated)
    found = pytensor.function(inputs, value, mode=QUICK)(lam, log_sigma)
    assert float(found) == pytest.approx(
        integrated.log_density(lam.reshape(shape(integrated)), log_sigma)[0], rel=1e-13
    )


def log_density_by_hand(model: MixedModel, point: dict[str, np.ndarray]) -> float:
    """Dense: log N(y; Xm₀, V + XP₀⁻¹X') + the priors of sds, partial correlations and σ + their Jacobians.

    ``point`` has log sds, log odds of p = (1 + partial correlation)/2, and log σ, by PyMC's names.
    """
    names, dense, total, factors = name_parameters(model.design), DenseModel.of(model.design), 0.0, []
    sigma = np.exp(point["sigma_log__"])
    total += float(model.priors["sigma"].logpdf(sigma)) + np.log(sigma)
    for term, named in zip(model.design.terms, names.terms, strict=True):
        sds, R = np.empty(term.k), np.eye(term.k)
        for effect in named.effects[: 1 if named.sd_shared else None]:
            log_sd = point[f"{effect.sd}{'__shared' if named.sd_shared else ''}_log__"]
            sds[slice(None) if named.sd_shared else list(effect.positions)] = np.exp(log_sd)
            total += np.sum(model.priors[effect.sd].logpdf(np.exp(log_sd)) + log_sd)
        if named.corr is not None:
            odds = point[f"{named.corr}__partial_logodds__"]
            p = 1 / (1 + np.exp(-odds))
            c = 2.0 + (term.k - 2 - np.array([i for i, _ in named.covariance.pairs])) / 2  # LKJ(2)
            total += np.sum(stats.beta.logpdf(p, c, c) + np.log(p * (1 - p)))
            partial = dict(zip(named.covariance.pairs, 2 * p - 1, strict=True))
            for i, j in named.covariance.pairs:
                R[i, j] = R[j, i] = partial[i, j]
            if term.k == 3:
                left = np.sqrt((1 - R[0, 1] ** 2) * (1 - R[0, 2] ** 2))
                R[1, 2] = R[2, 1] = partial[1, 2] * left + R[0, 1] * R[0, 2]
        factors.append(np.diag(sds / sigma) @ np.linalg.cholesky(R))
    mean, precision = normal_prior(model)
    V = dense.covariance(tuple(factors), sigma) + dense.X @ np.linalg.solve(precision, dense.X.T)
    return float(total + stats.multivariate_normal(dense.X @ mean, V).logpdf(dense.y))


@pytest.mark.parametrize("name", NAMES)
def test_the_log_density_is_the_dense_one(name: str):
    """To seven digits of log 2 for each half distribution: PyMC has it in single precision."""
    model, rng = case_model(name), np.random.default_rng(2)
    marginal = to_pymc_marginal(model)
    assert max(term.k for term in model.design.terms) <= 3
    point = {
        name: np.asarray(start - 0.7 + 0.3 * rng.normal(size=np.shape(start)))
        for name, start in marginal.initial_point().items()
    }
    outputs = [marginal.logp(), marginal.dlogp()]
    value, gradient = marginal.compile_fn(outputs, inputs=marginal.value_vars, mode=QUICK)(point)
    assert float(value) == pytest.approx(log_density_by_hand(model, point), abs=1e-6)
    expected, step = [], 1e-5
    for variable in marginal.value_vars:
        at = point[variable.name]
        for unit in np.eye(at.size).reshape(-1, *at.shape):
            up, down = (
                log_density_by_hand(model, point | {variable.name: at + h * unit}) for h in (step, -step)
            )
            expected.append((up - down) / (2 * step))
    assert_allclose(gradient, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_a_term_of_the_users_own_is_added():
    model = model_of(*SLEEP)
    marginal = to_pymc_marginal(model)
    point = marginal.initial_point() | {"1|Subject_sigma_log__": np.array(3.0), "sigma_log__": np.array(3.3)}
    before = float(marginal.compile_logp(mode=QUICK)(point))
    import pymc as pm

    with marginal:
        pm.Potential("equal", -0.5 * (marginal["1|Subject_sigma"] - marginal["sigma"]) ** 2)
    after = float(marginal.compile_logp(mode=QUICK)(point))
    assert after - before == pytest.approx(-0.5 * (np.exp(3.0) - np.exp(3.3)) ** 2)


@pytest.mark.parametrize("name", ["factor slopes", "one variance for all columns", "uncorrelated slope"])
def test_variables_of_the_users_own_have_the_same_likelihood(name: str):
    model = case_model(name)
    integrated = integrated_of(model)
    target = MarginalTarget(model, cores=1)
    psi = target.scales.start + 0.3 * np.random.default_rng(3).normal(size=target.size)
    named = {key: values[0] for key, values in target.scales.named(psi[None]).items()}
    lam, log_sigma = target.scales.internal(psi[None])
    value = integrated_logp(model, named).eval(mode=QUICK)
    assert float(value) == pytest.approx(integrated.log_density(lam[0], log_sigma[0])[0], rel=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda named: named.pop("sigma"), "'sigma' is missing"),
        (lambda named: named.update({"1|Batch": 1.0}), "'1|Batch' is unknown"),
    ],
)
def test_variables_that_are_missing_or_unknown(change: Any, message: str):
    named = {"sigma": 1.0, "1|Batch_sigma": 1.0}
    change(named)
    with pytest.raises(ModelError) as caught:
        integrated_logp(model_of(*DYESTUFF), named)
    assert message in str(caught.value)


def test_priors_that_are_not_normal_are_refused():
    priors = {"Intercept": Prior("StudentT", nu=4, mu=1500, sigma=100)}
    model = bmm.Model("Yield ~ 1 + (1 | Batch)", load_data("Dyestuff"), priors=priors)
    with pytest.raises(ModelError, match="'Intercept' is StudentT"):
        model.to_pymc(marginal=True)
    with pytest.raises(ModelError, match="'Intercept' is StudentT"):
        recover(model, xr.DataTree())
    assert "Intercept" in model.to_pymc().named_vars


def test_the_public_face():
    model = bmm.Model(*(DYESTUFF[0], load_data("Dyestuff")))
    assert [v.name for v in model.to_pymc(marginal=True).observed_RVs] == ["Yield"]
    assert [v.name for v in model.to_pymc().free_RVs] == [
        "Intercept",
        "sigma",
        "1|Batch_sigma",
        "1 | Batch__z",
    ]
    assert bmm.recover is recover


def sampled_by_pymc(model: MixedModel, draws: int, **options: Any) -> xr.DataTree:
    import pymc as pm

    with to_pymc_marginal(model):
        return pm.sample(draws=draws, tune=500, chains=2, random_seed=1, progressbar=False, **options)


def assert_agree(ours: Posterior, theirs: Posterior) -> None:
    """Means within five Monte Carlo errors and sds within 15 %, random effects too."""
    a, b = (p.summary(effects=True, round_to="none") for p in (ours, theirs))
    error = np.hypot(a["sd"] / np.sqrt(a["ess_bulk"]), b["sd"] / np.sqrt(b["ess_bulk"]))
    assert (np.abs(a["mean"] - b["mean"]) / error).max() < 5
    assert np.abs(np.log(a["sd"] / b["sd"])).max() < 0.15


@pytest.mark.parametrize(("formula", "data"), [DYESTUFF, SLEEP])
def test_draws_by_nutpie_agree_with_the_marginal_sampler(formula: str, data: str):
    """Another sampler, the same density, and β and b recovered."""
    model = model_of(formula, data)
    trace = sampled_by_pymc(model, 2000)
    assert trace["observed_data"][name_parameters(model.design).response].shape == (model.design.n,)
    posterior = recover(model, trace, random_seed=2)
    assert posterior.method == "marginal-pymc"
    assert posterior.certificate.rhat < 1.02
    assert posterior.certificate.divergences is not None
    assert set(posterior.data["posterior"].data_vars) == set(name_parameters(model.design).dims)
    for name in ("sigma", *(v for v in trace["posterior"].data_vars if str(v).endswith("_sigma"))):
        assert posterior.data["posterior"][name].equals(trace["posterior"][name])
    assert_agree(posterior, sample(model, draws=4000, random_seed=3, method="marginal"))


@pytest.mark.slow
def test_pymcs_own_sampler_in_processes_of_their_own():
    model = model_of(*MACHINES)
    trace = sampled_by_pymc(model, 2000, nuts_sampler="pymc", cores=2)
    assert_agree(recover(model, trace, 2), sample(model, draws=4000, random_seed=3, method="marginal"))


def test_what_is_held_fixed_is_read_from_the_constant_data():
    """pm.do on σ: the posterior of β given σ and the drawn sds has the right mean."""
    import pymc as pm

    model = model_of(*DYESTUFF)
    with pm.do(to_pymc_marginal(model), {"sigma": 50.0}):
        trace = pm.sample(draws=500, tune=300, chains=2, random_seed=1, progressbar=False)
    posterior = recover(model, trace, random_seed=1).data["posterior"]
    assert (posterior["sigma"] == 50.0).all()
    assert float(posterior["Intercept"].mean()) == pytest.approx(1527.5, abs=5.0)


def trace_of(values: dict[str, np.ndarray], coords: dict[str, Any] | None = None) -> xr.DataTree:
    """A trace by hand: (chain, draw, …) arrays under their names, further dimensions named after coords."""
    dims = {name: ("chain", "draw", *list(coords or {})[: array.ndim - 2]) for name, array in values.items()}
    data = {name: (dims[name], array) for name, array in values.items()}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(data, coords=coords)})


def test_each_draw_has_its_own_conditional_distribution():
    """Two points in turn: means and sds of β and b at each are those of the dense normal."""
    model, size = model_of(*SLEEP), 20_000
    dense, (mean, precision) = DenseModel.of(model.design), normal_prior(model)
    points = [(20.0, 4.0, 0.3, 25.0), (40.0, 10.0, -0.5, 30.0)]
    names = ["1|Subject_sigma", "Days|Subject_sigma", "corr|Subject", "sigma"]
    columns = [np.tile([p[i] for p in points], size)[None] for i in range(4)]
    columns[2] = columns[2][:, :, None]
    trace = trace_of(dict(zip(names, columns, strict=True)), {"corr|Subject_dim": ["1, Days"]})
    posterior = recover(model, trace, random_seed=1).data["posterior"]
    W = np.hstack([*dense.Z, dense.X])
    for i, (sd0, sd1, r, sigma) in enumerate(points):
        G = np.array([[sd0**2, r * sd0 * sd1], [r * sd0 * sd1, sd1**2]])
        prior = np.zeros((38, 38))
        prior[:36, :36], prior[36:, 36:] = np.kron(np.eye(18), G), np.linalg.inv(precision)
        before = np.r_[np.zeros(36), mean]
        gain = prior @ W.T @ np.linalg.inv(W @ prior @ W.T + sigma**2 * np.eye(180))
        expected, covariance = before + gain @ (dense.y - W @ before), prior - gain @ W @ prior
        drawn = posterior.isel(chain=0, draw=slice(i, None, 2))
        effects = np.stack([drawn["1|Subject"], drawn["Days|Subject"]], axis=-1).reshape(size, -1)
        found = np.column_stack([effects, drawn["Intercept"], drawn["Days"]])
        sd = np.sqrt(np.diag(covariance))
        assert np.abs((found.mean(axis=0) - expected) / sd).max() < 5 / np.sqrt(size)
        assert np.abs(found.std(axis=0) / sd - 1).max() < 0.03


@pytest.fixture(scope="module")
def machines_trace() -> xr.DataTree:
    return sample(model_of(*MACHINES), draws=50, chains=2, random_seed=1, method="marginal").data


def test_labels_in_another_order_make_no_difference(machines_trace: xr.DataTree):
    model = model_of(*MACHINES)
    posterior = machines_trace["posterior"].to_dataset()
    turned = posterior.isel(Machine__expr_dim=[1, 0], **{"corr|Worker_dim": [2, 0, 1]})
    first = recover(model, machines_trace, random_seed=4, cores=1)
    second = recover(model, xr.DataTree.from_dict({"posterior": turned}), random_seed=4, cores=2)
    assert first.data["posterior"].equals(second.data["posterior"])


def test_equal_seeds_give_equal_draws(machines_trace: xr.DataTree):
    model = model_of(*MACHINES)
    one, two, other = (recover(model, machines_trace, seed).data["posterior"] for seed in (4, 4, 5))
    assert one.equals(two)
    assert not one["1|Worker"].equals(other["1|Worker"])
    assert one["sigma"].equals(other["sigma"])


def test_statistics_of_samplers_are_kept_by_arvizs_names(machines_trace: xr.DataTree):
    shape = (("chain", "draw"), np.zeros((2, 50)))
    recorded = xr.Dataset({"logp": shape, "diverging": shape, "depth": shape, "of_no_use": shape})
    trace = xr.DataTree.from_dict(
        {"posterior": machines_trace["posterior"].to_dataset(), "sample_stats": recorded}
    )
    kept = recover(model_of(*MACHINES), trace, 1).data["sample_stats"]
    assert set(kept.data_vars) == {"lp", "diverging", "tree_depth"}


def without_name(draws: xr.Dataset) -> xr.Dataset:
    return draws.drop_vars("corr|Worker")


def other_labels(draws: xr.Dataset) -> xr.Dataset:
    return draws.assign_coords(Machine__expr_dim=["B", "D"])


def no_labels(draws: xr.Dataset) -> xr.Dataset:
    return draws.drop_vars("Machine__expr_dim")


def one_more_dimension(draws: xr.Dataset) -> xr.Dataset:
    return draws.assign(sigma=draws["sigma"].expand_dims("more", axis=-1))


def changed(name: str, value: float) -> Any:
    return lambda draws: draws.assign({name: draws[name] * 0 + value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_name, "has no 'corr|Worker'"),
        (other_labels, "has the labels B, D"),
        (no_labels, "the labels of no coordinate"),
        (one_more_dimension, "'sigma' of the trace has the dimensions chain, draw, more"),
        (changed("sigma", 0.0), "'sigma' of the trace has the value 0"),
        (changed("sigma", -1.0), "'sigma' of the trace has the value -1"),
        (changed("1|Worker_sigma", np.inf), "'1|Worker_sigma' of the trace has the value inf"),
        (changed("corr|Worker", 1.5), "'corr|Worker' of the trace has the value 1.5"),
        (changed("1|Worker_sigma", 1e300), "density can't be computed"),
    ],
)
def test_traces_of_something_else(machines_trace: xr.DataTree, change: Any, message: str):
    draws = change(machines_trace["posterior"].to_dataset())
    with pytest.raises(ModelError) as caught:
        recover(model_of(*MACHINES), xr.DataTree.from_dict({"posterior": draws}), 1)
    assert message in str(caught.value)


@pytest.mark.parametrize("trace", [None, {"sigma": [1.0]}, xr.DataTree()], ids=str)
def test_what_is_no_trace(trace: Any):
    with pytest.raises(ModelError, match="without a group 'posterior'"):
        recover(model_of(*DYESTUFF), trace)


def test_columns_that_share_an_sd_must_have_one():
    model = case_model("one variance for all columns")
    draws = sample(model, draws=20, chains=1, random_seed=1, method="marginal").data["posterior"].to_dataset()
    sd = draws["Machine|Worker_sigma"]
    assert (
        recover(model, xr.DataTree.from_dict({"posterior": draws}), 1).data["posterior"]["sigma"].size == 20
    )
    draws = draws.assign({"Machine|Worker_sigma": sd * xr.DataArray([1.0, 1.0, 1.1], dims=sd.dims[-1:])})
    with pytest.raises(ModelError, match=r"standard deviations in 'Machine\|Worker_sigma' differ"):
        recover(model, xr.DataTree.from_dict({"posterior": draws}), 1)


def test_draws_that_do_not_fit_into_memory_are_refused(machines_trace: xr.DataTree, monkeypatch):
    import bayesmm.posterior.pymc.recovery as recovery

    monkeypatch.setattr(recovery, "LARGEST", 1e3)
    with pytest.raises(ModelError, match="random effects take"):
        recover(model_of(*MACHINES), machines_trace)


def test_a_recovered_posterior_is_shown_and_saved(machines_trace: xr.DataTree, tmp_path):
    model = model_of(*MACHINES)
    posterior = recover(model, machines_trace, random_seed=1)
    assert "the variances sampled in PyMC" in repr(posterior)
    again = Posterior.load(posterior.save(tmp_path / "machines.nc"), model)
    assert again.method == "marginal-pymc"
    assert again.data["posterior"].equals(posterior.data["posterior"])
