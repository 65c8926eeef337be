"""The polynomial proposal: its draws, its density and its choice, against known targets."""

import numpy as np
import pytest
from scipy import integrate, stats

from bayesmm.posterior import sample
from bayesmm.sampling.importance import Evaluated, Metropolis, Proposal, adapt, find_modes
from bayesmm.sampling.surrogate import fit_surrogate
from bayesmm.sampling.weights import effective_share, effective_size, pareto_k
from tests.posterior.conftest import model_of


def skewed(psi):
    """log of a normal × a log-gamma density, normalised."""
    x, y = psi.T
    return stats.norm.logpdf(x, 0.5, 1.3) + stats.loggamma.logpdf(y - 0.6 * x, 4.0)


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(1)
    points = np.column_stack([rng.normal(0.5, 1.3, 4000), stats.loggamma.rvs(4.0, size=4000, random_state=2)])
    points[:, 1] += 0.6 * points[:, 0]
    base = Proposal.about(points.mean(axis=0), np.linalg.cholesky(np.cov(points.T)))
    found = Evaluated(np.empty((0, 2)), np.empty(0), ()).with_draws(skewed, base, 1500, rng)
    return base, found, fit_surrogate(base, found)[0]


def test_its_weights_are_nearly_constant_and_give_the_constant(fitted):
    base, _, surrogate = fitted
    rng = np.random.default_rng(3)
    psi, source, error = surrogate.draw(8000, rng)
    log_density = source.logpdf(psi)
    log_weights = skewed(psi) - log_density
    share = effective_size(log_weights) / 8000
    t = base.draw(8000, rng)
    assert share > 0.95 > effective_size(skewed(t) - base.logpdf(t)) / 8000 + 0.05
    assert pareto_k(log_weights) < 0.5
    spread = np.hypot(error, np.sqrt((1 / share - 1) / 8000))
    assert np.mean(np.exp(log_weights)) == pytest.approx(1.0, abs=5 * spread)


def test_draws_have_the_density_that_they_say(fitted):
    """∫h from a grid, and the share of the draws in half the plane."""
    _, _, surrogate = fitted
    psi, source, error = surrogate.draw(40_000, np.random.default_rng(4))
    log_density = source.logpdf(psi)
    side = np.linspace(-40, 40, 1201)
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    log_t = surrogate.base.logpdf(grid)
    h = np.exp(log_t + surrogate.log_ratio(grid, log_t)).reshape(1201, 1201)
    constant = integrate.trapezoid(integrate.trapezoid(h, side), side)
    own = surrogate.base.logpdf(psi[:5])
    said = np.exp(own + surrogate.log_ratio(psi[:5], own) - log_density[:5])
    np.testing.assert_allclose(said, constant, rtol=5 * error)
    marginal = integrate.trapezoid(h, side, axis=1) / constant
    upto = integrate.cumulative_trapezoid(marginal, side, initial=0.0)
    assert stats.kstest(psi[:, 0], lambda x: np.interp(x, side, upto)).pvalue > 0.01


def test_the_share_foretold_is_the_one_found(fitted):
    """The autocorrelation of the chain that the proposals make, for a function that weights don't know of."""
    import arviz as az

    base, _, surrogate = fitted
    rng = np.random.default_rng(5)
    t = base.draw(20_000, rng)
    log_t = base.logpdf(t)
    for share, psi, source in (
        (effective_share(skewed(t) - log_t, np.zeros(20_000)), t, base),
        (effective_share(skewed(t) - log_t, surrogate.log_ratio(t, log_t)), *surrogate.draw(20_000, rng)[:2]),
    ):
        log_weights = (skewed(psi) - source.logpdf(psi)).reshape(4, -1)
        states = Metropolis(np.log(rng.random(log_weights.shape))).advance(log_weights)
        noise = np.take_along_axis(rng.standard_normal(log_weights.shape), states, axis=1)
        assert share == pytest.approx(az.ess(noise, method="mean") / 20_000, rel=0.1)


def test_there_is_none_where_the_mixture_is_the_target_itself():
    base = Proposal.about(np.zeros(3), np.eye(3))
    nothing = Evaluated(np.empty((0, 3)), np.empty(0), ())
    found = nothing.with_draws(base.logpdf, base, 900, np.random.default_rng(1))
    assert fit_surrogate(base, found) == (None, pytest.approx(1.0, abs=0.01))


def test_few_points_make_a_low_degree_or_none(fitted):
    base, _, _ = fitted
    nothing = Evaluated(np.empty((0, 2)), np.empty(0), ())
    few, more = (nothing.with_draws(skewed, base, size, np.random.default_rng(1)) for size in (10, 20))
    assert fit_surrogate(base, few)[0] is None
    low, _ = fit_surrogate(base, more)
    assert low is None or low.powers.sum(axis=1).max() == 2


def test_a_second_mode_gets_a_component_of_its_own():
    """A tenth of the mass is far off: without a component there, its weights would be in the thousands."""

    def two_modes(psi):
        parts = [stats.norm.logpdf(psi, at, width).sum(axis=1) for at, width in ((0.0, 1.0), (7.0, 0.5))]
        return np.logaddexp(np.log(0.9) + parts[0], np.log(0.1) + parts[1])

    def with_gradient(x):
        step = 1e-6 * np.eye(2)
        return two_modes(x[None])[0], (two_modes(x + step) - two_modes(x - step)) / 2e-6

    modes = find_modes(with_gradient, np.array([[0.5, -0.5], [1.0, 0.0], [6.0, 6.5]]), np.ones(2))
    np.testing.assert_allclose([mode for mode, _ in modes], [[0.0, 0.0], [7.0, 7.0]], atol=0.02)
    np.testing.assert_allclose(modes[1][1], 0.25 * np.eye(2), rtol=0.02, atol=0.01)
    base, found = adapt(two_modes, modes, np.random.default_rng(1), rounds=3, size=1000)
    psi = base.draw(20_000, np.random.default_rng(2))
    log_weights = two_modes(psi) - base.logpdf(psi)
    assert np.exp(log_weights.max()) < 10
    assert effective_size(log_weights) / 20_000 > 0.4
    assert np.mean(np.exp(log_weights)) == pytest.approx(1.0, abs=0.03)
    assert len(found.psi) == sum(size for size, _ in found.sources) > 3000


def test_a_model_gets_it_and_says_so():
    posterior = sample(model_of("mAch ~ cses * sector + (cses | school)", "Hsb82"), random_seed=1)
    assert posterior.data.attrs["proposal"] == "polynomial surrogate and t mixture"
    assert posterior.certificate.ok
    assert posterior.data.attrs["acceptance"] > 0.7


def test_weights_that_fail_with_it_are_taken_again_without(monkeypatch):
    import bayesmm.posterior.marginal as marginal

    judged = []

    def trusted(drawn):
        judged.append(drawn.proposal)
        return drawn.proposal == "t mixture"

    monkeypatch.setattr(marginal.MarginalDraws, "trusted", property(trusted))
    posterior = sample(model_of("Yield ~ 1 + (1 | Batch)", "Dyestuff"), draws=100, random_seed=1)
    assert judged[0] == "polynomial surrogate and t mixture"
    assert posterior.data.attrs["proposal"] == "t mixture"
