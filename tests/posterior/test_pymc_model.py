"""The hierarchical model's log density and prior draws, against densities written by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayesmm.datasets import load_data
from bayesmm.design.naming import name_parameters
from bayesmm.model import MixedModel
from bayesmm.posterior import to_pymc
from bayesmm.priors import Prior
from tests.posterior.conftest import model_of

QUICK = "FAST_COMPILE"
"""A mode that doesn't compile: for a few values of a function."""


def model_names(model):
    return name_parameters(model.design)


def values_of(hierarchical, seed):
    """A point in the sampler's space: value variable → array."""
    rng = np.random.default_rng(seed)
    return {
        name: np.asarray(start + rng.normal(scale=0.3, size=np.shape(start)))
        for name, start in hierarchical.initial_point().items()
    }


def log_density(hierarchical, point, *, jacobian=True, variables=None):
    return float(compiled(hierarchical, hierarchical.logp(vars=variables, jacobian=jacobian))(point))


def compiled(hierarchical, outs):
    """Outputs as a function of a whole point."""
    return hierarchical.compile_fn(outs, inputs=hierarchical.value_vars, mode=QUICK, on_unused_input="ignore")


def evaluate(hierarchical, names, point):
    """Variables of the model (constrained) at a point."""
    outs = hierarchical.replace_rvs_by_values([hierarchical[name] for name in names])
    return dict(zip(names, compiled(hierarchical, outs)(point), strict=True))


def half_t(x, nu, s):
    return np.log(2) + stats.t.logpdf(x, nu, 0, s)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_log_density_of_sleepstudy(sleep_model, seed):
    hierarchical = to_pymc(sleep_model)
    design = sleep_model.design
    point = values_of(hierarchical, seed)
    y, days, codes = design.y, design.X[:, 1], design.terms[0].factor.codes
    s_y, s_x = y.std(ddof=1), days.std(ddof=1)
    centred, slope = point["Intercept__centred"], point["Days"]
    sigma, sd0, sd1 = (
        np.exp(point[f"{n}_log__"]) for n in ("sigma", "1|Subject_sigma", "Days|Subject_sigma")
    )
    p = 1 / (1 + np.exp(-point["corr|Subject__partial_logodds__"]))[0]
    z = point["Days | Subject__z"]
    r = 2 * p - 1
    lam = np.diag([sd0, sd1]) @ np.linalg.cholesky([[1, r], [r, 1]])
    b = (lam @ z).T
    mu = centred + slope * (days - days.mean()) + b[codes, 0] + b[codes, 1] * days
    expected = (
        stats.norm.logpdf(centred, y.mean(), 2.5 * s_y)
        + stats.norm.logpdf(slope, 0, 2.5 * s_y / s_x)
        + half_t(sigma, 4, s_y)
        + np.log(sigma)
        + half_t(sd0, 4, s_y)
        + np.log(sd0)
        + half_t(sd1, 4, s_y / s_x)
        + np.log(sd1)
        + float(Prior("LKJ", eta=2).logpdf([[1, r], [r, 1]]))
        + np.log(2 * p * (1 - p))  # r as a function of the log odds
        + stats.norm.logpdf(z).sum()
        + stats.norm.logpdf(y, mu, sigma).sum()
    )
    assert log_density(hierarchical, point) == pytest.approx(expected, rel=1e-10)
    named = evaluate(hierarchical, ["Intercept", "corr|Subject", "1|Subject", "Days|Subject"], point)
    assert named["Intercept"] == pytest.approx(centred - slope * days.mean())
    np.testing.assert_allclose(named["corr|Subject"], [r])
    np.testing.assert_allclose(np.column_stack([named["1|Subject"], named["Days|Subject"]]), b)


@pytest.mark.parametrize(
    ("formula", "data", "covariance"),
    [
        ("score ~ Machine + (Machine | Worker)", "Machines", None),
        ("score ~ 0 + Machine + (0 + Machine || Worker)", "Machines", None),
        ("score ~ Machine + (0 + Machine | Worker)", "Machines", {"Worker": "identity"}),
        ("strength ~ 1 + (1 | batch/cask)", "Pastes", None),
        ("angle ~ temp + (temperature | replicate)", "cake", None),
        ("Reaction ~ 0 + Days + (1 | Subject) + (0 + Days | Subject)", "sleepstudy", None),
    ],
)
def test_the_likelihood_is_that_of_the_designs_matrices(formula, data, covariance):
    """y ~ N(Xβ + Zb, σ²), with β and b read from the named variables and X, Z from the design."""
    model = MixedModel(formula, load_data(data), covariance=covariance)
    hierarchical, design = to_pymc(model), model.design
    point = values_of(hierarchical, 3)
    named = evaluate(hierarchical, list(model_names(model).dims), point)
    beta = np.concatenate([np.atleast_1d(named[t.name]) for t in model_names(model).fixed])
    b = []
    for term, names in zip(design.terms, model_names(model).terms, strict=True):
        rows = np.vstack([np.atleast_2d(named[effect.name]) for effect in names.effects])
        assert rows.shape == (term.k, len(term.factor))
        b.append(rows.T.ravel())
    mu = design.X @ beta + design.Z @ np.concatenate(b)
    expected = stats.norm.logpdf(design.y, mu, named["sigma"]).sum()
    actual = log_density(hierarchical, point, variables=hierarchical.observed_RVs)
    assert actual == pytest.approx(expected, rel=1e-10)


def test_weights_and_offset():
    data = load_data("sleepstudy")
    weights, offset = 1.0 + data.Days.to_numpy() % 3, 5.0 * data.Days.to_numpy()
    model = MixedModel("Reaction ~ 1 + (1 | Subject)", data, weights=weights, offset=offset)
    hierarchical = to_pymc(model)
    point = values_of(hierarchical, 4)
    named = evaluate(hierarchical, ["Intercept", "sigma", "1|Subject"], point)
    mu = named["Intercept"] + named["1|Subject"][model.design.terms[0].factor.codes] + offset
    expected = stats.norm.logpdf(data.Reaction, mu, named["sigma"] / np.sqrt(weights)).sum()
    actual = log_density(hierarchical, point, variables=hierarchical.observed_RVs)
    assert actual == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("formula", "data", "eta"),
    [
        ("score ~ Machine + (Machine | Worker)", "Machines", 1.5),
        ("y ~ 1 + (x1 + x2 + x3 | g)", None, 3.0),
    ],
    ids=["k=3", "k=4"],
)
def test_the_implied_prior_on_the_correlations_is_lkj(formula, data, eta):
    """density of the partial correlations = LKJ(R) |∂R/∂(their log odds)|."""
    model = MixedModel(
        formula, load_data(data) if data else four_columns(), priors={"corr": Prior("LKJ", eta=eta)}
    )
    (group,) = model.design.factors
    hierarchical = to_pymc(model)
    partial = hierarchical[f"corr|{group}__partial"]
    value = hierarchical.rvs_to_values[partial].name
    (corr,) = hierarchical.replace_rvs_by_values([hierarchical[f"corr|{group}"]])
    correlations = compiled(hierarchical, corr)
    point = values_of(hierarchical, 5)
    u, k, h = point[value], model.design.terms[0].k, 1e-6

    def at(v):
        return correlations(point | {value: v})

    columns = [(at(u + h * e) - at(u - h * e)) / (2 * h) for e in np.eye(len(u))]
    R = np.eye(k)
    R[np.triu_indices(k, 1)] = at(u)
    R = R + np.triu(R, 1).T
    expected = float(Prior("LKJ", eta=eta).logpdf(R)) + np.linalg.slogdet(np.column_stack(columns))[1]
    assert log_density(hierarchical, point, variables=[partial]) == pytest.approx(expected, abs=1e-7)


def four_columns():
    rng = np.random.default_rng(1)
    columns = {name: rng.normal(size=60) for name in ("y", "x1", "x2", "x3")}
    return pd.DataFrame(columns | {"g": np.repeat(np.arange(6), 10)})


PRIORS = [
    Prior("Normal", mu=1, sigma=2),
    Prior("StudentT", nu=3, mu=1, sigma=2),
    Prior("Cauchy", alpha=1, beta=2),
    Prior("Laplace", mu=1, b=2),
    Prior("Uniform", lower=0, upper=3),
    Prior("HalfNormal", sigma=2),
    Prior("HalfStudentT", nu=4, sigma=2),
    Prior("HalfCauchy", beta=2),
    Prior("Exponential", lam=2),
    Prior("Gamma", alpha=3, beta=2),
    Prior("InverseGamma", alpha=3, beta=2),
    Prior("LogNormal", mu=0.3, sigma=0.7),
    Prior("Weibull", alpha=1.5, beta=2),
]


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.distribution)
def test_pymc_means_the_same_by_a_prior(prior):
    """To eight digits: PyMC has a log 2 in single precision inside its half distributions."""
    import pymc as pm

    exact = {name: np.asarray(value) for name, value in prior.parameters.items()}  # 2.0 would become float32
    distribution = getattr(pm, prior.distribution).dist(**exact)
    x = np.array([0.3, 1.7])
    np.testing.assert_allclose(pm.logp(distribution, x).eval(mode=QUICK), prior.logpdf(x), rtol=1e-8)


def test_a_users_prior_stands_on_its_own_sd(sleep_model):
    priors = {
        "1|Subject_sigma": Prior("Exponential", lam=0.1),
        "Days|Subject_sigma": Prior("HalfNormal", sigma=3),
    }
    model = MixedModel("Reaction ~ Days + (Days | Subject)", load_data("sleepstudy"), priors=priors)
    hierarchical = to_pymc(model)
    point = values_of(hierarchical, 6)
    for name, prior in priors.items():
        value = float(point[f"{name}_log__"])
        actual = log_density(hierarchical, point, variables=[hierarchical[name]])
        assert actual == pytest.approx(float(prior.logpdf(np.exp(value))) + value)


@pytest.fixture(scope="module")
def prior_draws(machines_model):
    import pymc as pm

    names = [*model_names(machines_model).dims]
    with to_pymc(machines_model):
        return pm.sample_prior_predictive(4000, var_names=names, random_seed=1)["prior"].isel(chain=0)


def test_prior_draws_match_the_priors(machines_model, prior_draws):
    design, priors = machines_model.design, machines_model.priors
    means = design.X[:, 1:].mean(axis=0)
    mu, s0 = priors["Intercept"].parameters.values()
    slopes = np.array(priors["Machine"].parameters["sigma"])
    raw = stats.norm(mu, np.sqrt(s0**2 + np.sum((slopes * means) ** 2)))  # the un-centred intercept
    s_y = priors["sigma"].parameters["sigma"]
    sds = priors["Machine|Worker_sigma"].parameters["sigma"]
    expected = [
        ("Intercept", (), raw.cdf),
        ("Machine", (1,), stats.norm(0, slopes[1]).cdf),
        ("sigma", (), half_student_cdf(s_y)),
        ("1|Worker_sigma", (), half_student_cdf(s_y)),
        ("Machine|Worker_sigma", (0,), half_student_cdf(sds[0])),
        # each correlation of LKJ(η) of k columns is 2 Beta(c, c) − 1, c = η + k/2 − 1
        ("corr|Worker", (0,), stats.beta(2.5, 2.5, loc=-1, scale=2).cdf),
        ("corr|Worker", (1,), stats.beta(2.5, 2.5, loc=-1, scale=2).cdf),
        ("corr|Worker", (2,), stats.beta(2.5, 2.5, loc=-1, scale=2).cdf),
    ]
    for name, place, cdf in expected:
        draws = prior_draws[name].to_numpy()[(slice(None), *place)]
        assert stats.kstest(draws, cdf).pvalue > 1e-3, name


def half_student_cdf(scale):
    return lambda x: 2 * stats.t.cdf(x / scale, 4) - 1


def test_prior_effects_have_the_prior_sds_and_correlations(prior_draws):
    """b/sd is standard normal, with the correlation of the same draw."""
    one = prior_draws["1|Worker"] / prior_draws["1|Worker_sigma"]
    machine = prior_draws["Machine|Worker"] / prior_draws["Machine|Worker_sigma"]
    for effects in (one, machine.isel(Machine__expr_dim=1)):
        first = effects.isel(Worker__factor_dim=0).to_numpy()
        assert stats.kstest(first, stats.norm.cdf).pvalue > 1e-3
    r = prior_draws["corr|Worker"].isel({"corr|Worker_dim": 1}).to_numpy()
    product = (one * machine.isel(Machine__expr_dim=1)).to_numpy()
    error = (product - r[:, None]).mean()
    assert abs(error) < 4 * (product - r[:, None]).std() / np.sqrt(product.size)


def test_every_variable_has_its_dimensions_and_nothing_else_is_named(machines_model):
    hierarchical, names = to_pymc(machines_model), model_names(machines_model)
    for name, dims in names.dims.items():
        assert tuple(hierarchical.named_vars_to_dims.get(name, ())) == dims
    extra = {v for v in hierarchical.named_vars if v not in names.dims} - {"score"}
    extra -= {value.name for value in hierarchical.value_vars}
    assert all("__" in name for name in extra)
    assert hierarchical.named_vars_to_dims["score"] == ("__obs__",)
    assert hierarchical.coords["Machine__expr_dim"] == ("B", "C")


def test_one_column_and_no_fixed_part():
    model = model_of("Yield ~ 0 + (1 | Batch)", "Dyestuff")
    assert [v.name for v in to_pymc(model).free_RVs] == ["sigma", "1|Batch_sigma", "1 | Batch__z"]
    model = model_of("Yield ~ 1 + (1 | Batch)", "Dyestuff")
    assert [v.name for v in to_pymc(model).free_RVs] == [
        "Intercept",
        "sigma",
        "1|Batch_sigma",
        "1 | Batch__z",
    ]
