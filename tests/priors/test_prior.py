"""``Prior``: its densities, its support, and what it refuses."""

import math
import pickle

import numpy as np
import pytest
from scipy import integrate, stats

from bayesmm.errors import PriorError
from bayesmm.priors import Prior

DENSITIES = [
    (Prior("Normal", mu=1, sigma=2), 0.5, lambda x: math.exp(-((x - 1) ** 2) / 8) / math.sqrt(8 * math.pi)),
    (Prior("StudentT", nu=3, mu=1, sigma=2), 0.5, lambda x: stats.t.pdf((x - 1) / 2, 3) / 2),
    (Prior("Cauchy", alpha=1, beta=2), 0.5, lambda x: 2 / (math.pi * (4 + (x - 1) ** 2))),
    (Prior("Laplace", mu=1, b=2), 0.5, lambda x: math.exp(-abs(x - 1) / 2) / 4),
    (Prior("Uniform", lower=-1, upper=3), 0.5, lambda x: 0.25),
    (Prior("HalfNormal", sigma=2), 0.5, lambda x: 2 * math.exp(-(x**2) / 8) / math.sqrt(8 * math.pi)),
    (Prior("HalfStudentT", nu=4, sigma=2), 0.5, lambda x: stats.t.pdf(x / 2, 4)),
    (Prior("HalfCauchy", beta=2), 0.5, lambda x: 4 / (math.pi * (4 + x**2))),
    (Prior("Exponential", lam=2), 0.5, lambda x: 2 * math.exp(-2 * x)),
    (Prior("Gamma", alpha=3, beta=2), 0.5, lambda x: 8 / 2 * x**2 * math.exp(-2 * x)),
    (Prior("InverseGamma", alpha=3, beta=2), 0.5, lambda x: 8 / 2 * x**-4 * math.exp(-2 / x)),
    (
        Prior("LogNormal", mu=0.3, sigma=0.7),
        0.5,
        lambda x: stats.norm.pdf(math.log(x), 0.3, 0.7) / x,
    ),
    (Prior("Beta", alpha=2, beta=3), 0.25, lambda x: 12 * x * (1 - x) ** 2),
    (Prior("Weibull", alpha=1.5, beta=2), 0.5, lambda x: 0.75 * (x / 2) ** 0.5 * math.exp(-((x / 2) ** 1.5))),
]
IDS = [prior.distribution for prior, _, _ in DENSITIES]


@pytest.mark.parametrize(("prior", "x", "density"), DENSITIES, ids=IDS)
def test_the_density_is_the_textbook_one(prior, x, density):
    assert float(prior.logpdf(x)) == pytest.approx(math.log(density(x)), rel=1e-12)


@pytest.mark.parametrize(("prior", "x", "density"), DENSITIES, ids=IDS)
def test_the_density_is_proper_and_lives_on_its_support(prior, x, density):
    lower = {"real": -np.inf, "positive": 0.0, "unit": 0.0}[prior.support]
    total = sum(
        integrate.quad(lambda v: math.exp(prior.logpdf(v)), a, b, limit=200)[0]
        for a, b in ((lower, 1.0), (1.0, 3.0), (3.0, np.inf))
    )
    assert total == pytest.approx(1.0, abs=1e-6)
    if prior.support != "real":
        assert prior.logpdf(-0.5) == -np.inf
    if prior.support == "unit":
        assert prior.logpdf(1.5) == -np.inf


@pytest.mark.parametrize("eta", [0.6, 1.0, 2.0, 7.5])
def test_lkj_of_two_is_a_beta_distribution(eta):
    r = np.linspace(-0.9, 0.9, 7)
    R = np.array([[[1, v], [v, 1]] for v in r])
    expected = stats.beta.logpdf((r + 1) / 2, eta, eta) - np.log(2)
    np.testing.assert_allclose(Prior("LKJ", eta=eta).logpdf(R), expected, rtol=1e-12)


@pytest.mark.parametrize("eta", [1.0, 2.0, 3.5])
def test_lkj_of_three_integrates_to_one(eta):
    # r23 = r12 r13 + p √((1 − r12²)(1 − r13²)), p from −1 to 1, covers the positive definite matrices.
    nodes, weights = np.polynomial.legendre.leggauss(80)
    a, b, p = np.meshgrid(nodes, nodes, nodes, indexing="ij")
    width = np.sqrt((1 - a**2) * (1 - b**2))
    R = np.ones((*a.shape, 3, 3))
    for (i, j), r in (((0, 1), a), ((0, 2), b), ((1, 2), a * b + p * width)):
        R[..., i, j] = R[..., j, i] = r
    cell = weights[:, None, None] * weights[None, :, None] * weights[None, None, :]
    assert np.sum(np.exp(Prior("LKJ", eta=eta).logpdf(R)) * width * cell) == pytest.approx(1.0, abs=1e-3)


def test_lkj_is_zero_outside_the_correlation_matrices():
    assert Prior("LKJ", eta=2).logpdf([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]) == -np.inf


def test_several_values_have_parameters_of_their_own():
    prior = Prior("Normal", mu=0, sigma=[1, 2])
    np.testing.assert_allclose(prior.logpdf([[0.5, 0.5]]), stats.norm.logpdf([[0.5, 0.5]], 0, [1, 2]))
    assert prior.size == 2
    assert Prior("Normal", mu=0, sigma=1).size is None


def test_a_prior_is_a_value():
    prior = Prior("Normal", mu=0, sigma=np.array([1.5, 2]))
    assert prior == Prior("Normal", sigma=(1.5, 2), mu=0.0)
    assert len({prior, Prior("Normal", mu=0, sigma=[1.5, 2.0])}) == 1
    assert prior != Prior("Normal", mu=0, sigma=2)
    assert eval(repr(prior)) == prior
    assert repr(prior) == 'Prior("Normal", mu=0, sigma=[1.5, 2])'
    assert str(prior) == "Normal(mu=0, sigma=[1.5, 2])"
    assert pickle.loads(pickle.dumps(prior)) == prior
    with pytest.raises(AttributeError):
        prior.distribution = "Cauchy"
    with pytest.raises(TypeError):
        prior.parameters["mu"] = 1


def test_a_uniform_above_zero_is_positive():
    assert Prior("Uniform", lower=0, upper=3).support == "positive"
    assert Prior("Uniform", lower=-1, upper=3).support == "real"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Prior("Norml", mu=0, sigma=1), "did you mean 'Normal'"),
        (lambda: Prior(3, mu=0), "distribution of a prior is 3"),
        (lambda: Prior("Flat"), "distribution of a prior is 'Flat'"),
        (lambda: Prior("Normal", mu=0, sigm=1), "did you mean 'sigma'"),
        (lambda: Prior("Normal", mu=0), "without sigma"),
        (lambda: Prior("HalfStudentT"), "without nu and sigma"),
        (lambda: Prior("Normal", mu=0, sigma=0), "sigma of Normal is 0"),
        (lambda: Prior("Normal", mu=0, sigma=[1, -1]), r"sigma of Normal is \[1, -1\]"),
        (lambda: Prior("Normal", mu=np.nan, sigma=1), "mu of Normal is nan"),
        (lambda: Prior("Normal", mu="a lot", sigma=1), "mu of Normal is 'a lot'"),
        (lambda: Prior("Normal", mu="3", sigma=1), "mu of Normal is '3'"),
        (lambda: Prior("Normal", mu=None, sigma=1), "mu of Normal is None"),
        (lambda: Prior("Normal", mu=True, sigma=1), "mu of Normal is True"),
        (lambda: Prior("Normal", mu=[[1]], sigma=1), "mu of Normal is"),
        (lambda: Prior("Normal", mu=[], sigma=1), "mu of Normal is"),
        (lambda: Prior("Normal", mu=[1, 2, 3], sigma=[1, 2]), "have 2 and 3 values"),
        (lambda: Prior("Uniform", lower=2, upper=2), "Uniform goes from 2 to 2"),
        (lambda: Prior("LKJ", eta=[1, 2]), "parameters of LKJ"),
        (lambda: Prior("LKJ", eta=-1), "eta of LKJ is -1"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(PriorError, match=message) as caught:
        make()
    assert caught.value.expected
    assert caught.value.advice


def test_a_factors_prior_is_written_as_one_number_where_its_values_share_it():
    assert str(Prior("Normal", mu=[0, 0], sigma=[34.39, 34.39])) == "Normal(mu=0, sigma=34.39)"
    assert str(Prior("Normal", mu=0, sigma=[1.5, 2])) == "Normal(mu=0, sigma=[1.5, 2])"
