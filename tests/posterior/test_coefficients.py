"""Coefficients whose priors aren't normal: sampled with the variances, all else integrated out as ever."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp

from bayesmm.datasets import load_data
from bayesmm.design.naming import INTERCEPT
from bayesmm.model import MixedModel
from bayesmm.posterior import Posterior, sample
from bayesmm.posterior.coefficients import SampledCoefficients
from bayesmm.posterior.target import MarginalTarget
from bayesmm.priors import Prior
from tests.posterior.test_three_routes import assert_agree

PRIORS = {
    "StudentT": Prior("StudentT", nu=3, mu=0, sigma=0.3),
    "Cauchy": Prior("Cauchy", alpha=-1, beta=0.05),
    "Laplace": Prior("Laplace", mu=0, b=0.2),
    "Uniform": Prior("Uniform", lower=-0.2, upper=0.4),
    "wide Uniform": Prior("Uniform", lower=-500, upper=300),
    "HalfNormal": Prior("HalfNormal", sigma=1),
    "HalfStudentT": Prior("HalfStudentT", nu=3, sigma=1),
    "HalfCauchy": Prior("HalfCauchy", beta=0.5),
    "Exponential": Prior("Exponential", lam=2),
    "Gamma": Prior("Gamma", alpha=2, beta=1),
    "InverseGamma": Prior("InverseGamma", alpha=2, beta=1),
    "LogNormal": Prior("LogNormal", mu=0, sigma=1),
    "Weibull": Prior("Weibull", alpha=2, beta=1),
}
NORMAL = {
    INTERCEPT: Prior("Normal", mu=1, sigma=2),
    "x": Prior("Normal", mu=0, sigma=1.5),
    "sigma": Prior("HalfNormal", sigma=1),
    "1|g_sigma": Prior("HalfNormal", sigma=1),
}


@cache
def frame() -> pd.DataFrame:
    """Twelve rows with an effect of x that is none, so that bounds at zero are felt."""
    rng = np.random.default_rng(8)
    g = np.repeat(np.arange(4), 3)
    x = rng.normal(size=12) + 2
    return pd.DataFrame({"g": g, "x": x, "y": 1 + rng.normal(size=4)[g] * 0.7 + 0.8 * rng.normal(size=12)})


def tiny(**priors: Prior) -> MixedModel:
    return MixedModel("y ~ x + (1 | g)", frame(), priors=NORMAL | priors)


def quadrature(model: MixedModel, name: str) -> tuple[float, float, float]:
    """log p(y), and the posterior mean and sd of one coefficient, over a grid of it and of the two sds.

    The other coefficient has a normal prior and is part of the covariance: y − x̃β ~ N(m, V + s²x̃'x̃').
    """
    design = model.design
    X = design.X - [0.0, design.X[:, 1].mean()]
    own, other = (0, 1) if name == INTERCEPT else (1, 0)
    prior = model.priors[[INTERCEPT, "x"][other]].parameters
    sds = np.linspace(0.005, 6.0, 160)
    step = sds[1] - sds[0]
    lower, upper = {"Uniform": (-0.2, 0.4)}.get(model.priors[name].distribution, (-8.0, 12.0))
    if model.priors[name].support == "positive":
        lower = 1e-4
    beta = np.linspace(lower, upper, 2001)
    same = design.terms[0].factor.codes[:, None] == design.terms[0].factor.codes
    column = X[:, other]
    V = sds[:, None, None, None] ** 2 * np.eye(12) + sds[:, None, None] ** 2 * same
    V = V + prior["sigma"] ** 2 * np.outer(column, column)
    away, x = design.y - prior["mu"] * column, X[:, own]
    solved = np.linalg.solve(V, np.stack([away, x], axis=1))
    yy, xy, xx = (np.einsum("abn,n->ab", solved[..., i], v) for i, v in ((0, away), (0, x), (1, x)))
    log_p = -0.5 * (np.linalg.slogdet(2 * np.pi * V)[1] + yy)
    log_p += model.priors["sigma"].logpdf(sds)[:, None] + model.priors["1|g_sigma"].logpdf(sds)
    log_p = log_p[:, :, None] + xy[:, :, None] * beta - 0.5 * xx[:, :, None] * beta**2
    log_p = logsumexp(log_p, axis=(0, 1)) + model.priors[name].logpdf(beta) + 2 * np.log(step)
    width = np.full(len(beta), beta[1] - beta[0])
    width[[0, -1]] /= 2
    total = logsumexp(log_p, b=width)
    weight = np.exp(log_p - total) * width
    mean = float(weight @ beta)
    return float(total), mean, float(np.sqrt(weight @ (beta - mean) ** 2))


@pytest.mark.parametrize(
    ("name", "prior"),
    [("x", kind) for kind in ("StudentT", "Laplace", "Uniform", "HalfNormal", "Exponential", "Gamma")]
    + [(INTERCEPT, "StudentT"), (INTERCEPT, "HalfCauchy")],
)
def test_evidence_mean_and_sd_are_those_of_quadrature(name, prior):
    model = tiny(**{name: PRIORS[prior]})
    posterior = sample(model, draws=2000, random_seed=1, progressbar=False)
    assert posterior.method == "marginal"
    evidence, mean, sd = quadrature(model, name)
    assert posterior.log_evidence == pytest.approx(
        evidence, abs=4 * posterior.data.attrs["log_evidence_se"] + 0.002
    )
    draws = posterior.data["posterior"][name]
    if name == INTERCEPT:  # its prior is on the intercept at the mean of x
        draws = draws + model.design.X[:, 1].mean() * posterior.data["posterior"]["x"]
    independent = posterior.certificate.ess_bulk
    assert abs(float(draws.mean()) - mean) < 4 * sd / np.sqrt(independent)
    assert float(draws.std()) == pytest.approx(sd, rel=0.06)


def test_the_quadrature_knows_the_closed_form():
    """With all priors normal, the evidence of the sampler that integrates β out."""
    posterior = sample(tiny(), draws=2000, random_seed=1, progressbar=False)
    assert quadrature(tiny(), "x")[0] == pytest.approx(
        posterior.log_evidence, abs=4 * posterior.data.attrs["log_evidence_se"] + 0.002
    )


def test_many_degrees_of_freedom_are_the_normal_prior():
    data = load_data("sleepstudy")
    formula, options = "Reaction ~ Days + (Days | Subject)", {"random_seed": 2, "progressbar": False}
    normal = {"Days": Prior("Normal", mu=8, sigma=1), INTERCEPT: Prior("Normal", mu=300, sigma=10)}
    student = {
        "Days": Prior("StudentT", nu=1e8, mu=8, sigma=1),
        INTERCEPT: Prior("StudentT", nu=1e8, mu=300, sigma=10),
    }
    first, second = (sample(MixedModel(formula, data, priors=p), **options) for p in (normal, student))
    assert (first.method, second.method) == ("marginal", "marginal")
    errors = [p.data.attrs["log_evidence_se"] for p in (first, second)]
    assert abs(first.log_evidence - second.log_evidence) < 4 * np.hypot(*errors)
    assert_agree(first, second)


@pytest.mark.parametrize("prior", PRIORS)
def test_the_gradient_is_that_of_differences(prior):
    model = tiny(x=PRIORS[prior])
    target = MarginalTarget(model, cores=1)
    rng = np.random.default_rng(3)
    for _ in range(4):
        psi = target.start + 0.7 * target.width * rng.normal(size=target.size)
        value, gradient = target.with_gradient(psi)
        assert value == pytest.approx(target(psi[None])[0], rel=1e-10)
        for i, step in enumerate(1e-5 * np.eye(target.size)):
            slope = (target((psi + step)[None])[0] - target((psi - step)[None])[0]) / 2e-5
            assert gradient[i] == pytest.approx(slope, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("prior", PRIORS)
def test_the_unbounded_scale_keeps_within_the_bounds_and_integrates_to_one(prior):
    coefficients = SampledCoefficients(tiny(x=PRIORS[prior]))
    lower, upper = {"Uniform": (-0.2, 0.4), "wide Uniform": (-500, 300)}.get(prior, (-np.inf, np.inf))
    lower = 0.0 if PRIORS[prior].support == "positive" else lower
    t = np.linspace(-30, 3000 if lower == 0 else 60, 400_001)[:, None]
    values = coefficients.values(t)
    assert values.min() >= lower
    assert values.max() <= upper
    mass = np.exp(coefficients.log_prior(t))
    assert np.trapezoid(mass, t[:, 0]) == pytest.approx(1, abs=0.002)


@pytest.fixture(scope="module")
def penicillin() -> Posterior:
    """NUTS on the hierarchical model has an effective sample size of 123 in 4,000 draws here."""
    priors = {INTERCEPT: Prior("StudentT", nu=3, mu=23, sigma=2)}
    model = MixedModel("diameter ~ 1 + (1 | plate) + (1 | sample)", load_data("Penicillin"), priors=priors)
    return sample(model, random_seed=1, progressbar=False)


def test_draws_are_worth_nearly_as_much_as_independent_ones(penicillin):
    assert penicillin.method == "marginal"
    assert penicillin.certificate.ok, str(penicillin.certificate)
    assert min(penicillin.certificate.ess_bulk, penicillin.certificate.ess_tail) > 0.6 * 4000
    assert "Intercept, whose prior isn't normal" in " ".join(str(penicillin).split())


@pytest.mark.parametrize(
    "prior",
    [
        Prior("Cauchy", alpha=0, beta=0.02),
        Prior("HalfNormal", sigma=1),
        Prior("Uniform", lower=0, upper=1e6),
        Prior("Uniform", lower=-1e-3, upper=1e-3),
        Prior("StudentT", nu=3, mu=-50, sigma=1),
    ],
)
def test_narrow_wide_far_and_bounded_priors_are_sampled_well(prior):
    posterior = sample(tiny(x=prior), random_seed=1, progressbar=False)
    assert posterior.method == "marginal"
    assert posterior.certificate.ok, str(posterior.certificate)
    assert posterior.certificate.ess_bulk > 0.35 * 4000


def test_many_narrow_heavy_tailed_priors_pick_out_what_there_is():
    rng = np.random.default_rng(0)
    X, g = rng.normal(size=(60, 9)), np.repeat(np.arange(12), 5)
    data = pd.DataFrame(X, columns=[f"x{i}" for i in range(9)]).assign(g=g)
    data["y"] = 2 * X[:, 0] + rng.normal(size=12)[g] + rng.normal(size=60)
    formula = f"y ~ {' + '.join(f'x{i}' for i in range(9))} + (1 | g)"
    model = MixedModel(formula, data, priors={"fixed": Prior("Cauchy", alpha=0, beta=0.05)})
    posterior = sample(model, random_seed=1, progressbar=False)
    assert posterior.certificate.ok, str(posterior.certificate)
    means = posterior.data["posterior"].to_dataset().mean(("chain", "draw"))
    assert abs(float(means["x0"]) - 2) < 0.3
    assert all(abs(float(means[f"x{i}"])) < 0.2 for i in range(1, 9))


def test_a_factors_columns_and_the_intercept_at_once_by_either_sampler():
    priors = {
        "Machine": Prior("StudentT", nu=3, mu=[0, 0], sigma=[5, 10]),
        INTERCEPT: Prior("Cauchy", alpha=60, beta=5),
    }
    model = MixedModel("score ~ Machine + (1 | Worker/Machine)", load_data("Machines"), priors=priors)
    proposals = sample(model, random_seed=1, progressbar=False)
    nuts = sample(model, random_seed=1, method="marginal-nuts", draws=300, tune=300, progressbar=False)
    assert (proposals.method, nuts.method) == ("marginal", "marginal-nuts")
    assert_agree(proposals, nuts)
    summed = sample(model, random_seed=1, effects="summary", progressbar=False)
    np.testing.assert_array_equal(summed.data["posterior"]["Machine"], proposals.data["posterior"]["Machine"])


def test_the_independent_route_gives_the_same():
    model = MixedModel("Yield ~ 1 + (1 | Batch)", load_data("Dyestuff"), priors=DYESTUFF)
    marginal = sample(model, draws=2000, random_seed=1, progressbar=False)
    whole = sample(model, draws=2000, random_seed=1, method="nuts", target_accept=0.98, progressbar=False)
    assert_agree(marginal, whole)


@pytest.mark.slow
def test_the_independent_route_gives_the_same_of_crossed_factors(penicillin):
    whole = sample(
        penicillin.model,
        draws=8000,
        tune=3000,
        random_seed=1,
        method="nuts",
        target_accept=0.99,
        progressbar=False,
    )
    assert_agree(penicillin, whole)


DYESTUFF = {
    INTERCEPT: Prior("Cauchy", alpha=1500, beta=20),
    "sigma": Prior("HalfNormal", sigma=60),
    "1|Batch_sigma": Prior("HalfNormal", sigma=60),
}


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")  # of six batches, one is far out
@pytest.mark.parametrize("unit", [None, "Batch"])
def test_leaving_out_is_what_sampling_without_the_rows_gives(unit):
    data = load_data("Dyestuff")

    def posterior_of(some: pd.DataFrame) -> Posterior:
        model = MixedModel("Yield ~ 1 + (1 | Batch)", some, priors=DYESTUFF)
        return sample(model, random_seed=1, progressbar=False)

    whole = posterior_of(data)
    found = whole.loo(unit)
    rows = data["Batch"].to_numpy() == "C" if unit else np.arange(len(data)) == 7
    without = posterior_of(data[~rows])
    value, khat = (each[2 if unit else 7] for each in (found.elpd_i, found.pareto_k))
    assert float(value) == pytest.approx(whole.log_evidence - without.log_evidence, abs=0.1 if unit else 0.03)
    assert float(khat) < 0.7


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_whatever_else_a_posterior_does(penicillin):
    mean = penicillin.predict(draws=True)["posterior"]["mu"].mean(("chain", "draw")).to_numpy()
    assert np.corrcoef(mean, penicillin.model.design.y)[0, 1] > 0.9
    assert np.isfinite(penicillin.loo("sample", draws=100).elpd)  # by deletion
    assert np.isfinite(penicillin.loo("plate", draws=100).elpd)  # by removal
    assert 0 < penicillin.r2()["conditional"] < 1
    assert penicillin.with_prior(10, random_seed=1).data["prior"][INTERCEPT].shape == (1, 10)
    assert penicillin.log_likelihood().data["log_likelihood"]["diameter"].shape == (4, 1000, 144)
