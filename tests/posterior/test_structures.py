"""Posteriors of models with structured covariances, against integrals, other densities and definitions."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesmm as bmm
from bayesmm.design.naming import name_parameters
from bayesmm.errors import ModelError, PriorError
from bayesmm.likelihood import IntegratedLikelihood
from bayesmm.posterior import sample
from bayesmm.posterior.draw_arrays import DrawArrays
from bayesmm.posterior.log_prior import log_prior
from bayesmm.posterior.pymc.recovery import recover
from bayesmm.posterior.scales import ScaleParameters, normal_prior
from bayesmm.priors import Prior
from tests.posterior.test_three_routes import assert_agree

STRUCTURES = ("cs", "csh", "ar1", "ar1h", "toep", "toeph")


@cache
def data(kind: str = "Machines") -> pd.DataFrame:
    frame = bmm.load_data(kind)
    if kind == "Machines":
        frame = frame.assign(machine=frame["Machine"].cat.codes)
    return frame


def machines(word: str, **options) -> bmm.Model:
    """Three machines at the times 0, 1, 2, three runs of each by every worker."""
    expr = "factor(machine)" if word.startswith("cs") else "machine"
    return bmm.Model(f"score ~ Machine + {word}(0 + {expr} | Worker)", data(), **options)


def some_psi(scales: ScaleParameters, count: int, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return scales.start + 0.7 * rng.standard_normal((count, scales.size))


def definition(word: str, values: np.ndarray, k: int) -> np.ndarray:
    """R by the definition of a structure, from what the posterior tells of it."""
    apart = np.abs(np.arange(k)[:, None] - np.arange(k))
    if word.startswith("cs"):
        return np.where(apart == 0, 1.0, values)
    if word.startswith("ar1"):
        return values**apart
    return np.append(1.0, values)[apart]


@pytest.mark.parametrize("word", STRUCTURES)
def test_names_and_default_priors(word):
    model = machines(word)
    names = name_parameters(model.design)
    (term,) = names.terms
    assert term.corr == "corr|Worker"
    assert model.priors["corr|Worker"] == Prior("Beta", alpha=2, beta=2)
    if word.startswith("toep"):
        assert names.coords[term.corr_dim].tolist() == ["lag 1", "lag 2"]
    else:
        assert names.dims["corr|Worker"] == ()
    sd = model.priors[term.effects[0].sd]
    assert sd.size == (3 if word.endswith("h") else None)


@pytest.mark.parametrize("word", STRUCTURES)
def test_the_factors_are_those_of_the_definition(word):
    """λ of ψ against diag(sd) R diag(sd), R by its definition from the variables that the posterior has."""
    model = machines(word)
    scales = ScaleParameters(model, model.likelihood)
    psi = some_psi(scales, 20)
    at, named = scales.scales(psi), scales.named(psi)
    sds = named[scales.names.terms[0].effects[0].sd]
    for s in range(20):
        lam = at.sds[0][s][:, None] * at.cholesky[0][s]
        R = definition(word, named["corr|Worker"][s], 3)
        np.testing.assert_allclose(lam @ lam.T, np.outer(sds[s], sds[s]) * R, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("word", STRUCTURES)
def test_the_prior_of_psi_is_that_of_the_parameters_and_the_slopes_of_their_transforms(word):
    """With a Beta that isn't symmetric; −x and x have the density of the parameters together."""
    prior = Prior("Beta", alpha=1.5, beta=3.0)
    model = machines(word, priors={"corr": prior})
    scales = ScaleParameters(model, model.likelihood)
    structure = model.design.terms[0].covariance
    d, m = structure.shape.size, len(structure.owners)
    for psi in some_psi(scales, 5):
        signs = np.stack(np.meshgrid(*[[1, -1]] * m)).reshape(m, -1).T
        points = np.tile(psi, (len(signs), 1))
        points[:, :m] *= signs
        together = np.logaddexp.reduce(scales.log_prior(points))

        def parameters(x):
            sd = scales.scales(x[None]).sds[0][0][list(structure.owners)]
            return np.concatenate([np.abs(sd), (1 + np.tanh(x[m : m + d])) / 2, np.exp(x[-1:])])

        steps = 1e-6 * np.eye(len(psi))
        jacobian = np.stack([(parameters(psi + h) - parameters(psi - h)) / 2e-6 for h in steps], axis=1)
        values = parameters(psi)
        own = model.priors[scales.names.terms[0].effects[0].sd].parameters["sigma"]
        expected = stats.beta.logpdf(values[m : m + d], 1.5, 3.0).sum()
        expected += (np.log(2) + stats.t.logpdf(values[:m], 4, scale=own)).sum()
        expected += np.log(2) + stats.t.logpdf(values[-1], 4, scale=model.priors["sigma"].parameters["sigma"])
        expected += np.linalg.slogdet(jacobian)[1]
        np.testing.assert_allclose(together, expected, rtol=1e-6, atol=1e-6)


def test_the_posterior_of_rho_is_the_integral_over_a_grid():
    """Growth of teeth: the density of (sd, ρ, σ) by dense algebra for one child, all alike, on a grid."""
    frame = data("Orthodont")
    priors = {
        "Intercept": Prior("Normal", mu=24.0, sigma=10.0),
        "age": Prior("Normal", mu=0.0, sigma=3.0),
        "sd": Prior("HalfNormal", sigma=3.0),
        "sigma": Prior("HalfNormal", sigma=2.0),
        "corr": Prior("Beta", alpha=2.0, beta=1.5),
    }
    model = bmm.Model("distance ~ age + ar1(0 + age | Subject)", frame, priors=priors)
    posterior = sample(model, draws=2000, random_seed=1, progressbar=False)
    wide = frame.pivot(index="Subject", columns="age", values="distance").to_numpy()
    X = np.column_stack([np.ones(4), np.array([8.0, 10.0, 12.0, 14.0]) - 11.0])
    sd, rho, sigma = np.linspace(0.2, 5.5, 60), np.linspace(-0.3, 0.9995, 80), np.linspace(0.02, 2.4, 60)
    grid = np.stack(np.meshgrid(sd, rho, sigma, indexing="ij"), axis=-1).reshape(-1, 3)
    apart = np.abs(np.subtract.outer(range(4), range(4)))
    V = grid[:, 0, None, None] ** 2 * grid[:, 1, None, None] ** apart
    V = V + grid[:, 2, None, None] ** 2 * np.eye(4)
    inverse = np.linalg.inv(V)
    n = len(wide)
    S = (wide.T @ wide)[None]
    P = np.diag([1 / 100.0, 1 / 9.0])
    m0 = np.array([24.0, 0.0])
    A = n * X.T @ inverse @ X + P
    b = np.einsum("ik,gij,j->gk", X, inverse, wide.sum(axis=0)) + P @ m0
    fit = np.einsum("gk,gk->g", b, np.linalg.solve(A, b[..., None])[..., 0])
    log = -0.5 * (n * np.linalg.slogdet(V)[1] + np.linalg.slogdet(A)[1])
    log += -0.5 * (np.einsum("gij,gji->g", inverse, np.broadcast_to(S, V.shape)) - fit)
    log += stats.norm.logpdf(grid[:, 0], scale=3.0) + stats.norm.logpdf(grid[:, 2], scale=2.0)
    log += stats.beta.logpdf((grid[:, 1] + 1) / 2, 2.0, 1.5)
    weights = np.exp(log - log.max())
    weights /= weights.sum()
    group = posterior.data["posterior"]
    for name, column in (("age|Subject_sigma", 0), ("corr|Subject", 1), ("sigma", 2)):
        draws = group[name].to_numpy().reshape(8000, -1)[:, 0]
        mean = weights @ grid[:, column]
        deviation = np.sqrt(weights @ (grid[:, column] - mean) ** 2)
        assert abs(draws.mean() - mean) < 0.08 * deviation, name
        np.testing.assert_allclose(draws.std(), deviation, rtol=0.08)


@pytest.mark.parametrize("word", ["cs", "ar1h", "toep"])
def test_the_marginal_model_of_pymc_has_the_same_density(word):
    """log p(y | …) + log priors at points of PyMC's own coordinates, both ways."""
    model = machines(word)
    marginal = model.to_pymc(marginal=True)
    structure = model.design.terms[0].covariance
    compiled = marginal.compile_logp(jacobian=False)
    dlogp = marginal.compile_dlogp()
    rng = np.random.default_rng(2)
    scales = ScaleParameters(model, model.likelihood)
    integrated = IntegratedLikelihood(model.likelihood, *normal_prior(model))
    for _ in range(3):
        point = {k: v + 0.3 * rng.standard_normal(np.shape(v)) for k, v in marginal.initial_point().items()}
        share = 1 / (1 + np.exp(-np.atleast_1d(point["corr|Worker__partial_logodds__"])))
        effect = scales.names.terms[0].effects[0]
        single = len(structure.owners) == 1
        log_sd = point[f"{effect.sd}{'__shared' if single else ''}_log__"]
        sd, sigma = np.exp(np.broadcast_to(log_sd, 3)), np.exp(point["sigma_log__"])
        L = structure.correlation_factor(structure.shape.at(2 * share - 1)[None])
        lam = model.likelihood.variances.whitened([(sd / sigma)[None, :, None] * L])
        expected = integrated.log_density(lam[0], np.log(sigma))[0]
        expected += model.priors["sigma"].logpdf(sigma)
        expected += np.sum(model.priors[effect.sd].logpdf(sd[0] if single else sd))
        expected += stats.beta.logpdf(share, 2, 2).sum()
        np.testing.assert_allclose(compiled(point), expected, rtol=1e-9)
        assert np.isfinite(dlogp(point)).all()


@pytest.mark.parametrize("word", STRUCTURES)
def test_the_prior_is_drawn_and_has_its_density(word):
    """The shares of the shape parameters are uniform where they are put through their Beta's distribution."""
    model = machines(word, priors={"corr": Prior("Beta", alpha=3.0, beta=1.5)})
    draws = model.prior_predictive(draws=2000, random_seed=4)["prior"].to_dataset()
    structure = model.design.terms[0].covariance
    told = draws["corr|Worker"].to_numpy().reshape(2000, -1)
    r = structure.shape_of(np.stack([definition(word, values, 3) for values in told]))
    share = (r - np.array(structure.shape.lower)) / np.subtract(structure.shape.upper, structure.shape.lower)
    for column in share.T:
        assert stats.kstest(stats.beta.cdf(column, 3.0, 1.5), "uniform").pvalue > 1e-4
    found = log_prior(model, draws)["corr|Worker"].to_numpy()[0]
    width = np.log(np.subtract(structure.shape.upper, structure.shape.lower)).sum()
    expected = stats.beta.logpdf(share, 3.0, 1.5).sum(axis=1) - width
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("word", ["cs", "ar1", "toeph"])
def test_a_posterior_answers_all_its_questions(word):
    """The factor of its draws is that of the definition; it is compared, and recovered from its own trace."""
    model = machines(word)
    posterior = sample(model, draws=500, random_seed=2, progressbar=False)
    assert posterior.certificate.ok, str(posterior.certificate)
    group = posterior.data["posterior"]
    name = name_parameters(model.design).terms[0].effects[0].sd
    sds, told = group[name].to_numpy().reshape(2000, 3), group["corr|Worker"].to_numpy().reshape(2000, -1)
    G = np.mean([np.outer(s, s) * definition(word, t, 3) for s, t in zip(sds, told, strict=True)], axis=0)
    arrays = DrawArrays.of(name_parameters(model.design), group.to_dataset())
    factor = arrays.factor(0, slice(0, 2000))
    np.testing.assert_allclose(np.mean(factor @ factor.swapaxes(1, 2), axis=0), G, rtol=1e-8)
    table = bmm.compare(posterior, model.fit()).table
    assert {"estimate", "mean"} <= set(table.columns)
    rows = [label for label in table.index if label.startswith("corr|Worker")]
    assert len(rows) == told.shape[1]
    again = recover(model, posterior.data, random_seed=5)
    np.testing.assert_array_equal(
        again.data["posterior"]["corr|Worker"].to_numpy(), group["corr|Worker"].to_numpy()
    )


def test_a_prior_of_the_wrong_kind_says_which_is_right():
    with pytest.raises(PriorError, match="a Beta, of where between their bounds") as caught:
        machines("ar1", priors={"corr|Worker": Prior("LKJ", eta=2)})
    assert 'Prior("Beta", alpha=2, beta=2)' in str(caught.value)
    with pytest.raises(PriorError, match="a distribution of a correlation matrix"):
        bmm.Model("score ~ 1 + (Machine | Worker)", data(), priors={"corr": Prior("Beta", alpha=2, beta=2)})
    with pytest.raises(PriorError, match="a distribution of a real number"):
        machines("cs", priors={"fixed": Prior("Beta", alpha=2, beta=2)})


def test_a_correlation_of_a_trace_lies_within_its_bounds():
    model = machines("cs")
    posterior = sample(model, draws=100, random_seed=2, progressbar=False)
    trace = posterior.data.copy(deep=True)
    trace["posterior"]["corr|Worker"][:] = -0.8
    with pytest.raises(ModelError, match=r"between -0.5 and 1"):
        recover(model, trace)


PROPER = {"sd": Prior("HalfNormal", sigma=5.0), "sigma": Prior("HalfNormal", sigma=3.0)}


def test_the_sampler_is_calibrated_for_an_autoregression():
    result = bmm.verify(machines("ar1", priors=PROPER), replicates=40, random_seed=1)
    assert result.ok, str(result)


@pytest.mark.slow
@pytest.mark.parametrize("word", STRUCTURES)
def test_the_sampler_is_calibrated(word):
    result = bmm.verify(machines(word, priors=PROPER), replicates=400, random_seed=5)
    assert result.ok, str(result)


@pytest.mark.slow
@pytest.mark.parametrize("word", ["cs", "ar1", "toep"])
def test_nuts_on_the_whole_model_agrees(word):
    model = machines(word)
    options = {"draws": 2000, "random_seed": 3, "progressbar": False}
    proposals = sample(model, **options)
    whole = sample(model, method="nuts", target_accept=0.99, **options)
    assert_agree(proposals, whole)


@pytest.mark.parametrize("word", ["csh", "ar1", "toep"])
def test_the_effects_of_the_whole_model_in_pymc_are_those_of_the_definition(word):
    """b = diag(sd) L z, L the Cholesky factor of R by its definition."""
    model = machines(word)
    whole = model.to_pymc()
    (term,) = name_parameters(model.design).terms
    (label,) = (t.label for t in model.design.terms)
    wanted = [whole[term.effects[0].sd], whole["corr|Worker"], whole[term.effects[0].name]]
    compiled = whole.compile_fn(
        whole.replace_rvs_by_values(wanted), inputs=whole.value_vars, on_unused_input="ignore"
    )
    rng = np.random.default_rng(1)
    point = {k: v + 0.5 * rng.standard_normal(np.shape(v)) for k, v in whole.initial_point().items()}
    sd, told, b = compiled(point)
    L = np.linalg.cholesky(definition(word, np.atleast_1d(told), 3))
    np.testing.assert_allclose(b, sd[:, None] * (L @ point[f"{label}__z"]), rtol=1e-9)


def test_new_levels_have_effects_of_the_draws_own_covariance():
    """A new worker's mean: its variance is that of Xβ and the mean of G's diagonal together."""
    model = machines("ar1h")
    posterior = sample(model, draws=1000, random_seed=2, progressbar=False)
    new = data().groupby("Machine", observed=True).head(1).assign(Worker=99)
    found = posterior.predict(new, new_levels="sample", random_seed=3)
    names, group = name_parameters(model.design), posterior.data["posterior"]
    arrays = DrawArrays.of(names, group.to_dataset())
    every = slice(0, 4000)
    fixed = arrays.beta(every) @ model.design.rebuild(new).X.T
    sds = group["machine|Worker_sigma"].to_numpy().reshape(4000, 3)
    expected = np.sqrt(fixed.var(axis=0) + np.mean(sds**2, axis=0))
    np.testing.assert_allclose(found["se"], expected, rtol=0.1)
    np.testing.assert_allclose(found["mean"], fixed.mean(axis=0), atol=0.1 * expected.max())
