"""The marginal sampler against NUTS, quadrature, dense algebra and itself."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from bayesmm.datasets import load_data
from bayesmm.errors import ModelError
from bayesmm.likelihood import IntegratedLikelihood, MarginalLikelihood
from bayesmm.model import MixedModel
from bayesmm.posterior import sample
from bayesmm.posterior.effects import KeptEffects
from bayesmm.posterior.marginal import run_marginal
from bayesmm.posterior.scales import ScaleParameters, normal_prior
from bayesmm.posterior.target import MarginalTarget
from bayesmm.priors import Prior
from bayesmm.sampling.importance import Metropolis, Proposal
from bayesmm.sampling.weights import log_mean_weight, pareto_k
from tests.posterior.conftest import model_of

MODELS = [
    ("Yield ~ 1 + (1 | Batch)", "Dyestuff"),
    ("Yield ~ 1 + (1 | Batch)", "Dyestuff2"),
    ("Reaction ~ Days + (Days | Subject)", "sleepstudy"),
    ("Reaction ~ Days + (Days || Subject)", "sleepstudy"),
    ("diameter ~ 1 + (1 | plate) + (1 | sample)", "Penicillin"),
    ("strength ~ 1 + (1 | batch/cask)", "Pastes"),
    ("score ~ Machine + (Machine | Worker)", "Machines"),
    ("yield ~ 0 + nitro + (1 | Block) + (nitro | Variety)", "Oats"),
]


def target_of(model):
    return MarginalTarget(model, cores=1)


@pytest.mark.parametrize(("formula", "data"), MODELS)
def test_the_gradient_is_that_of_the_density(formula, data):
    target = target_of(model_of(formula, data))
    rng = np.random.default_rng(1)
    psi = target.scales.start + 0.3 * rng.normal(size=target.size)
    _, gradient = target.with_gradient(psi)
    step = 1e-5
    around = np.vstack([psi + step * np.eye(target.size), psi - step * np.eye(target.size)])
    values = target(around)
    differences = (values[: target.size] - values[target.size :]) / (2 * step)
    np.testing.assert_allclose(gradient, differences, rtol=1e-5, atol=1e-5 * np.abs(gradient).max())


def test_the_prior_of_the_scales_integrates_to_one():
    """log_prior has all its constants: over ψ its exponential has integral 1."""
    model = model_of("Reaction ~ Days + (Days | Subject)", "sleepstudy")
    scales = ScaleParameters(model, MarginalLikelihood(model.design))
    # ψ = (x of an sd, x of an sd, z, log σ): independent, so one axis at a time
    base = scales.start
    grid = np.linspace(-18, 18, 20_001)
    reference = scales.log_prior(base[None])[0]
    log_integral = -(scales.size - 1) * reference
    for axis in range(scales.size):
        points = np.tile(base, (len(grid), 1))
        points[:, axis] += grid
        log_integral += np.log(integrate.trapezoid(np.exp(scales.log_prior(points)), grid))
    assert log_integral == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("data", ["Dyestuff", "Dyestuff2"])
def test_evidence_and_moments_agree_with_quadrature(data):
    """Two variance parameters: a grid does the whole posterior."""
    model = model_of("Yield ~ 1 + (1 | Batch)", data)
    target = target_of(model)
    side = np.linspace(-9.0, 4.5, 900)
    psi = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2) + target.scales.start
    density = target(psi)
    top = density.max()
    mass = np.exp(density - top)
    cell = (side[1] - side[0]) ** 2
    posterior = sample(model, draws=4000, random_seed=1)
    error = posterior.data.attrs["log_evidence_se"]
    assert error < 0.02
    assert posterior.log_evidence == pytest.approx(top + np.log(mass.sum() * cell), abs=5 * error)
    named = target.scales.named(psi)
    for name in ("1|Batch_sigma", "sigma"):
        exact = float(np.sum(mass * named[name]) / mass.sum())
        draws = posterior.data["posterior"][name].to_numpy()
        assert draws.mean() == pytest.approx(exact, abs=5 * draws.std() / np.sqrt(4000))


@pytest.mark.parametrize(("formula", "data"), MODELS[:1] + MODELS[2:3] + MODELS[4:5])
def test_conditional_draws_are_those_of_the_dense_normal(formula, data):
    model = model_of(formula, data)
    design = model.design
    likelihood = MarginalLikelihood(design)
    mean, precision = normal_prior(model)
    integrated = IntegratedLikelihood(likelihood, mean, precision)
    rng = np.random.default_rng(2)
    phi = np.abs(likelihood.start + 0.3 * rng.normal(size=likelihood.size))
    sigma = 0.7 * np.std(design.y)
    size = 20_000
    lam = likelihood.group_factors(phi)[None]
    _, drawn = integrated.draw(np.tile(lam, (size, 1, 1, 1)), np.full(size, np.log(sigma)), rng)
    factors = [factor[0] for factor in likelihood.variances.unwhitened(lam)]
    G_inverse = [
        np.kron(np.eye(len(term.factor)), np.linalg.inv(sigma**2 * lam @ lam.T))
        for term, lam in zip(design.terms, factors, strict=True)
    ]
    ZX = np.hstack([design.Z.toarray(), design.X])
    Q = ZX.T @ ZX / sigma**2
    at = 0
    for block in [*G_inverse, precision]:
        Q[at : at + len(block), at : at + len(block)] += block
        at += len(block)
    rhs = ZX.T @ design.y / sigma**2
    rhs[design.q :] += precision @ mean
    C = np.linalg.inv(Q)
    got = np.hstack([*(effects.reshape(size, -1) for effects in drawn.effects), drawn.beta])
    sd = np.sqrt(np.diag(C))
    assert np.abs((got.mean(axis=0) - C @ rhs) / sd).max() < 5 / np.sqrt(size)
    scaled = np.cov(got.T) / np.outer(sd, sd)
    assert np.abs(scaled - C / np.outer(sd, sd)).max() < 0.04


@pytest.mark.parametrize(("formula", "data"), [MODELS[2], MODELS[1]])
def test_it_agrees_with_nuts(formula, data):
    """Two routes that share nothing but the model's definition."""
    model = model_of(formula, data)
    exact = sample(model, draws=2000, random_seed=1)
    nuts = sample(model, draws=2000, random_seed=2, method="nuts", progressbar=False, target_accept=0.95)
    assert exact.method == "marginal"
    for posterior in (exact, nuts):
        assert posterior.certificate.rhat < 1.02
    ours, theirs = exact.summary(round_to="none"), nuts.summary(round_to="none")
    error = np.hypot(ours["sd"] / np.sqrt(ours["ess_bulk"]), theirs["sd"] / np.sqrt(theirs["ess_bulk"]))
    assert (np.abs(ours["mean"] - theirs["mean"]) / error).max() < 5
    assert np.abs(np.log(ours["sd"] / theirs["sd"])).max() < 0.15
    effects = [name for name in exact.effects]
    for name in effects:
        a, b = (p.data["posterior"][name].to_numpy() for p in (exact, nuts))
        spread = b.std(axis=(0, 1))
        assert np.abs((a.mean(axis=(0, 1)) - b.mean(axis=(0, 1))) / spread).max() < 0.2


@pytest.mark.parametrize(("formula", "data"), MODELS)
def test_certificates_are_good_on_real_data(formula, data):
    posterior = sample(model_of(formula, data), random_seed=1)
    assert posterior.method == "marginal"
    assert posterior.certificate.ok, str(posterior.certificate)
    assert posterior.certificate.khat < 0.7
    assert posterior.certificate.rhat < 1.01


def test_the_same_seed_gives_the_same_draws_on_any_number_of_cores():
    model = model_of("Reaction ~ Days + (Days | Subject)", "sleepstudy")
    first, second = (sample(model, draws=50, random_seed=4, cores=cores) for cores in (1, 2))
    assert first.data["posterior"].equals(second.data["posterior"])


def test_many_variance_parameters_go_to_nuts_on_the_same_density():
    model = model_of("score ~ Machine + (Machine | Worker)", "Machines")
    posterior = sample(model, draws=60, tune=100, chains=2, random_seed=1, method="marginal-nuts")
    assert posterior.method == "marginal-nuts"
    assert "diverging" in posterior.data["sample_stats"]
    large = model_of("angle ~ recipe + (temperature | replicate)", "cake")
    posterior = sample(large, draws=10, tune=30, chains=1, random_seed=1, progressbar=False)
    assert posterior.method == "marginal-nuts"
    assert "22 variance parameters are more than the 12" in repr(posterior)


def test_weights_that_cannot_be_trusted_go_to_nuts_on_the_same_density(monkeypatch):
    import bayesmm.posterior.marginal as marginal

    monkeypatch.setattr(marginal.MarginalDraws, "trusted", property(lambda drawn: False))
    model = model_of("Yield ~ 1 + (1 | Batch)", "Dyestuff")
    posterior = sample(model, draws=100, tune=100, chains=2, random_seed=1, progressbar=False)
    assert posterior.method == "marginal-nuts"
    assert "the weights of importance proposals can't be trusted" in repr(posterior)
    summed = sample(model, draws=100, tune=100, chains=2, random_seed=1, effects="summary")
    for name in ("Intercept", "sigma"):
        np.testing.assert_array_equal(summed.data["posterior"][name], posterior.data["posterior"][name])
    np.testing.assert_allclose(
        summed.data["effect_summary"]["1|Batch"].sel(statistic="mean"),
        posterior.data["posterior"]["1|Batch"].mean(("chain", "draw")),
    )


def test_draws_that_do_not_fit_into_memory_are_refused(monkeypatch):
    import importlib

    monkeypatch.setattr(importlib.import_module("bayesmm.posterior.sample"), "LARGEST", 1e5)
    model = model_of("Reaction ~ Days + (Days | Subject)", "sleepstudy")
    with pytest.raises(ModelError, match="random effects take"):
        sample(model, effects="draws")


@pytest.mark.parametrize("thinned", [4e8, 4 * 36 * 100 * 4])
def test_a_summary_of_effects_is_that_of_their_draws(monkeypatch, thinned):
    import bayesmm.posterior.effects as effects
    import bayesmm.posterior.marginal as marginal

    monkeypatch.setattr(effects, "THINNED", thinned)
    monkeypatch.setattr(effects, "CHECKED", 5)
    monkeypatch.setattr(marginal, "CHUNK", 36 * 4 * 70)  # stretches of 70 draws: states are carried over
    model = model_of("Reaction ~ Days + (Days | Subject)", "sleepstudy")
    every, summed = (sample(model, draws=400, random_seed=3, effects=kept) for kept in ("draws", "summary"))
    assert summed.effects == ()
    stride = 1 if thinned == 4e8 else 4
    for name in every.effects:
        draws = every.data["posterior"][name].to_numpy()
        flat = draws.reshape(-1, 18)
        found = summed.data["effect_summary"][name].sel
        np.testing.assert_allclose(found(statistic="mean"), flat.mean(axis=0), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found(statistic="sd"), flat.std(axis=0, ddof=1), rtol=1e-9)
        ends = np.quantile(draws[:, ::stride].reshape(-1, 18), [0.055, 0.945], axis=0)
        np.testing.assert_allclose(found(statistic="lower"), ends[0], rtol=1e-6, atol=1e-5)
        np.testing.assert_allclose(found(statistic="upper"), ends[1], rtol=1e-6, atol=1e-5)
        some = summed.data["effect_draws"][name]
        np.testing.assert_array_equal(some, draws[..., [0, 4, 8, 12, 17]])
    for name in ("Intercept", "sigma", "corr|Subject"):
        np.testing.assert_array_equal(every.data["posterior"][name], summed.data["posterior"][name])
    table = summed.summary(effects=True, round_to="none")
    assert len(table) == 6 + 36
    assert table.loc["Days|Subject[371]", "mean"] == pytest.approx(
        float(every.data["posterior"]["Days|Subject"].sel(Subject__factor_dim=371).mean())
    )
    assert summed.certificate.rhat < 1.05


def test_a_summary_of_effects_needs_the_marginal_method():
    model = model_of("Reaction ~ Days + (Days | Subject)", "sleepstudy")
    with pytest.raises(ModelError, match="effects is 'summary', but the model is sampled by NUTS"):
        sample(model, method="nuts", effects="summary")
    with pytest.raises(ModelError, match="effects is 'sumary'"):
        sample(model, effects="sumary")


def test_priors_matter_as_they_should():
    """A prior that all but fixes σ and the sd leaves only β and b, whose posterior is then known."""
    data = load_data("Dyestuff")
    priors = {
        "sigma": Prior("LogNormal", mu=np.log(50.0), sigma=1e-4),
        "1|Batch_sigma": Prior("LogNormal", mu=np.log(40.0), sigma=1e-4),
        "Intercept": Prior("Normal", mu=1500.0, sigma=20.0),
    }
    posterior = sample(MixedModel("Yield ~ 1 + (1 | Batch)", data, priors=priors), draws=4000, random_seed=1)
    V = 40.0**2 * np.kron(np.eye(6), np.ones((5, 5))) + 50.0**2 * np.eye(30)
    precision = np.ones(30) @ np.linalg.solve(V, np.ones(30)) + 1 / 20.0**2
    mean = (np.ones(30) @ np.linalg.solve(V, data["Yield"].to_numpy(float)) + 1500 / 20.0**2) / precision
    draws = posterior.data["posterior"]["Intercept"].to_numpy().ravel()
    assert draws.mean() == pytest.approx(mean, abs=5 / np.sqrt(precision * 8000))
    assert draws.std() == pytest.approx(1 / np.sqrt(precision), rel=0.05)


def test_proposal_density_integrates_to_one():
    proposal = Proposal.about(np.array([1.0]), np.array([[2.0]]))
    grid = np.linspace(-400, 400, 400_001)
    assert integrate.trapezoid(np.exp(proposal.logpdf(grid[:, None])), grid) == pytest.approx(1.0, abs=1e-4)
    draws = proposal.draw(100_000, np.random.default_rng(1))
    share = integrate.trapezoid(
        np.exp(proposal.logpdf(grid[:, None]))[np.abs(grid - 1) < 3], grid[np.abs(grid - 1) < 3]
    )
    assert np.mean(np.abs(draws - 1) < 3) == pytest.approx(share, abs=0.01)


def test_metropolis_leaves_the_target_alone():
    """From a poor proposal the draws are still the target's."""
    rng = np.random.default_rng(1)
    x = 2.0 * rng.standard_normal((4, 20_000))
    log_weights = stats.norm.logpdf(x) - stats.norm.logpdf(x, scale=2.0)
    log_uniform = np.log(rng.random(x.shape))
    walk = Metropolis(log_uniform)
    states = np.hstack([walk.advance(part) for part in np.split(log_weights, [1, 7000], axis=1)])
    np.testing.assert_array_equal(states, Metropolis(log_uniform).advance(log_weights))
    draws = np.take_along_axis(x, states, axis=1)[:, 100:]
    assert stats.kstest(draws[:, ::20].ravel(), "norm").pvalue > 0.01
    assert 0.5 < np.mean(states == np.arange(20_000)) < 0.9


@pytest.mark.parametrize("k", [0.2, 0.5, 0.9])
def test_pareto_k_finds_the_shape_of_pareto_weights(k):
    rng = np.random.default_rng(1)
    estimates = [pareto_k(-k * np.log(rng.random(20_000))) for _ in range(20)]
    assert np.mean(estimates) == pytest.approx(k, abs=0.1)


def test_log_mean_weight_and_its_error():
    rng = np.random.default_rng(1)
    values = [log_mean_weight(rng.standard_normal(2000) * 0.5) for _ in range(200)]
    estimates, errors = np.array(values).T
    assert estimates.mean() == pytest.approx(0.125, abs=0.01)
    assert estimates.std() == pytest.approx(errors.mean(), rel=0.2)


@pytest.mark.parametrize("seed", [1, 2])
def test_draws_that_proposals_promised_too_much_for_are_made_again(seed: int):
    """Six workers and heavy tails: the first proposals are worth a third of what they promise."""
    priors = {
        "Machine": Prior("Cauchy", alpha=0, beta=5),
        "Intercept": Prior("StudentT", nu=3, mu=50, sigma=10),
    }
    model = MixedModel("score ~ Machine + (Machine | Worker)", load_data("Machines"), priors=priors)
    post = sample(model, random_seed=seed, progressbar=False)
    assert post.method == "marginal"
    assert post.certificate.ok, post.certificate


def test_a_chain_that_would_stay_at_one_weight_is_not_trusted():
    model = model_of("Yield ~ 1 + (1 | Batch)", "Dyestuff")
    drawn = run_marginal(
        MarginalTarget(model, 1),
        draws=400,
        chains=2,
        seed=1,
        sink=lambda: KeptEffects(model.design.terms, 2, 400),
        progressbar=False,
    )
    assert drawn.trusted
    length = 400 * drawn.thin
    assert replace(drawn, largest_weight=1.9 * length**0.5).trusted
    assert not replace(drawn, largest_weight=2.1 * length**0.5).trusted
    assert not replace(drawn, share=0.1 / drawn.thin).trusted
