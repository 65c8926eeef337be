"""Every family keeps what the contract promises; one that is added to the list is found here by itself."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from bayesmm.errors import DataError
from bayesmm.families import FAMILIES, Family
from bayesmm.families.contract import WEIGHTINGS
from bayesmm.families.links import LINKS
from bayesmm.priors import Prior
from tests.families.others import Poisson, Student

STEP = 1e-30
"""Of complex steps: derivatives without a difference are exact to rounding."""


@dataclass(frozen=True)
class Case:
    """A family with one of its links, dispersions, and weights of 1 to 5 or none."""

    family: Family
    dispersions: tuple[float, ...]
    weights: np.ndarray | None

    @property
    def eta(self) -> np.ndarray:
        """Predictors that every link takes: (12,)."""
        return np.tile(np.linspace(0.2, 1.8, 6), 2)

    def y(self, seed: int = 0) -> np.ndarray:
        """Responses that the family gives, (12,)."""
        rng = np.random.default_rng(seed)
        return self.family.draw(rng, self.eta, *self.dispersions, weights=self.weights)

    def log_density(self, y, eta, dispersions=None):
        given = self.dispersions if dispersions is None else dispersions
        return self.family.log_density(y, eta, *given, weights=self.weights)

    def __str__(self) -> str:
        weighted = "unweighted" if self.weights is None else "weighted"
        return f"{self.family.name}-{self.family.link}-{'-'.join(map(str, self.dispersions))}-{weighted}"


def cases() -> list[Case]:
    found = []
    for kind in (*FAMILIES.values(), Poisson, Student):
        for link in kind.links():
            family = kind(link)
            for value in (0.6, 2.5):  # of the first dispersion; more of them are 4, 5, …
                dispersions = (value, 4.0, 5.0, 6.0)[: len(family.dispersions)]
                weights = 1.0 + np.arange(12) % 5
                found += [Case(family, dispersions, given) for given in (None, weights)]
                if not dispersions:
                    break
    return found


CASES = pytest.mark.parametrize("case", cases(), ids=str)
FAMILIES_ALONE = pytest.mark.parametrize(
    "family", list({case.family: None for case in cases()}), ids=lambda family: f"{family.name}-{family.link}"
)


@FAMILIES_ALONE
def test_parameters_have_links_symbols_and_priors(family: Family):
    assert family.weighting in WEIGHTINGS
    assert set(family.symbols) == set(family.parameters)
    for links in family.parameters.values():
        assert links
        assert set(links) <= set(LINKS)
    assert set(family.dispersions) == set(family.parameters) - {next(iter(family.parameters))}
    y = Case(family, (1.5, 4.0, 5.0, 6.0)[: len(family.dispersions)], None).y()
    priors = family.dispersion_priors(y, np.full(12, 2.0))
    assert list(priors) == list(family.dispersions)
    assert all(Prior(name, **given).support == "positive" for name, given in priors.values())
    scales = family.scales(y, np.full(12, 0.1))
    assert np.isfinite([scales.centre, scales.spread, scales.from_zero]).all()
    assert scales.spread > 0 <= scales.from_zero


@pytest.mark.parametrize("link", LINKS.values(), ids=lambda link: link.name)
def test_a_link_is_undone_by_its_inverse(link):
    eta = np.linspace(-30.0, 30.0, 13)
    np.testing.assert_allclose(link.of(link.inverse(eta)), eta, rtol=1e-12)


@CASES
def test_derivatives_are_those_of_the_log_density(case: Case):
    y, eta, step = case.y(), case.eta, 1j * STEP
    found = case.family.derivatives(y, eta, *case.dispersions, weights=case.weights)
    beside = case.family.derivatives(y, eta + step, *case.dispersions, weights=case.weights)
    close = {"rtol": 1e-11, "atol": 1e-12}
    np.testing.assert_allclose(found.first, case.log_density(y, eta + step).imag / STEP, **close)
    np.testing.assert_allclose(found.second, np.imag(beside.first) / STEP, **close)
    np.testing.assert_allclose(found.third, np.imag(beside.second) / STEP, **close)
    assert len(found.dispersions) == len(case.dispersions)
    for position, by in enumerate(found.dispersions):
        moved = list(case.dispersions)
        moved[position] = moved[position] * (1 + step)  # log φ + step
        np.testing.assert_allclose(by.value, case.log_density(y, eta, moved).imag / STEP, **close)
        along = np.imag(beside.dispersions[position].value) / STEP
        np.testing.assert_allclose(by.first, along, **close)
        along = np.imag(beside.dispersions[position].first) / STEP
        np.testing.assert_allclose(by.second, along, **close)


def density_at(case: Case, row: int):
    """y → p(y) at one row, for numbers and arrays; of one observation where weights replicate rows."""
    weights = None if case.weights is None else case.weights[row : row + 1]
    if case.family.weighting == "replications":
        weights = None
    eta = case.eta[row]

    def density(y):
        value = case.family.log_density(np.asarray(y, float), eta, *case.dispersions, weights=weights)
        return np.exp(value.reshape(np.shape(y)))

    return density


def support(case: Case, row: int) -> np.ndarray:
    """The whole numbers that a discrete response may be, as far as it matters."""
    low, high = case.family.support
    if case.family.weighting == "trials":
        high = 1.0 if case.weights is None else case.weights[row]
    return np.arange(low, min(high, 500) + 1)


def expectation(case: Case, row: int, of) -> float:
    """E of(y), by a sum or by quadrature."""
    p = density_at(case, row)
    if case.family.discrete:
        y = support(case, row)
        return float(np.sum(of(y) * p(y)))
    low, high = case.family.support
    return integrate.quad(lambda y: float(of(y) * p(y)), low, high, epsabs=1e-11, epsrel=1e-9, limit=200)[0]


@CASES
def test_the_density_has_its_constants_and_the_moments_are_its_own(case: Case):
    mean, variance = case.family.moments(case.eta, *case.dispersions, weights=case.weights)
    assert mean.shape == variance.shape == case.eta.shape
    for row in (0, 4, 9):
        assert expectation(case, row, lambda y: 1.0) == pytest.approx(1.0, abs=1e-7)
        assert expectation(case, row, lambda y: y) == pytest.approx(mean[row], rel=1e-7)
        found = expectation(case, row, lambda y, centre=mean[row]: (y - centre) ** 2)
        assert found == pytest.approx(variance[row], rel=1e-6)


@CASES
def test_draws_have_the_density(case: Case):
    S, row = 20_000, 4
    eta = np.tile(case.eta, (S, 1))
    dispersions = [np.full((S, 1), value) for value in case.dispersions]
    y = case.family.draw(np.random.default_rng(1), eta, *dispersions, weights=case.weights)
    assert y.shape == eta.shape
    drawn, p = y[:, row], density_at(case, row)
    if case.family.discrete:
        values = support(case, row)
        expected = S * p(values)
        many = expected > 10
        counts = np.array([(drawn == value).sum() for value in values])
        z2 = np.sum((counts[many] - expected[many]) ** 2 / expected[many])
        assert stats.chi2.sf(z2, many.sum()) > 1e-4
    else:
        grid = np.linspace(drawn.min(), drawn.max(), 200_001)
        below = integrate.quad(lambda x: float(p(x)), case.family.support[0], grid[0])[0]
        cdf = below + integrate.cumulative_simpson(p(grid), x=grid, initial=0)
        assert stats.kstest(drawn, lambda x: np.interp(x, grid, cdf)).pvalue > 1e-4
    mean, variance = case.family.moments(case.eta, *case.dispersions, weights=case.weights)
    np.testing.assert_allclose((y.mean(axis=0) - mean) / np.sqrt(variance / S), 0, atol=5)


@CASES
def test_nothing_breaks_where_eta_is_extreme(case: Case):
    y = case.y()
    for eta in (-300.0, -30.0, 30.0, 300.0):
        at = np.full(12, eta)
        value = case.log_density(y, at)
        assert (value < np.inf).all()
        assert not np.isnan(value).any()
        found = case.family.derivatives(y, at, *case.dispersions, weights=case.weights)
        parts = [found.first, found.second, found.third]
        parts += [part for by in found.dispersions for part in (by.value, by.first, by.second)]
        assert not np.isnan(parts).any()
        assert (np.diff(case.log_density(y, at + np.linspace(0, 1, 12)[:, None])[:, 0]) * eta < 0).all()


@CASES
def test_draws_at_once_are_those_one_by_one_and_arrays_are_written_in_place(case: Case):
    S, y = 7, case.y()
    eta = case.eta + np.linspace(0, 1, S)[:, None]
    dispersions = [value * np.linspace(1, 2, S)[:, None] for value in case.dispersions]
    together = case.family.log_density(y, eta, *dispersions, weights=case.weights)
    for s in range(S):
        alone = case.log_density(y, eta[s], [value[s, 0] for value in dispersions])
        np.testing.assert_allclose(together[s], alone, rtol=1e-13)
    drawn = case.family.draw(np.random.default_rng(3), eta, *dispersions, weights=case.weights)
    for method, given, wanted in (
        (case.family.log_density, (y,), together),
        (case.family.draw, (np.random.default_rng(3),), drawn),
    ):
        place = eta.copy()
        found = method(*given, place, *dispersions, weights=case.weights, out=place)
        assert found is place
        np.testing.assert_array_equal(place, wanted)


@CASES
def test_pymc_has_the_same_density(case: Case):
    import pymc as pm

    y = case.y()
    dispersions = np.array(case.dispersions)  # a Python float would be one of 32 bits
    name, parameters = case.family.pymc(case.eta, *dispersions, weights=case.weights)
    found = pm.logp(getattr(pm, name).dist(**parameters), y).eval(mode="FAST_COMPILE")
    if case.family.weighting == "replications" and case.weights is not None:
        found = found * case.weights
    np.testing.assert_allclose(found, case.log_density(y, case.eta), rtol=1e-10, atol=1e-12)


@CASES
def test_pymc_takes_variables_of_a_model(case: Case):
    import pymc as pm

    y, names = case.y(), case.family.dispersions
    with pm.Model() as model:
        eta = pm.Normal("eta", shape=12)
        dispersions = [pm.HalfNormal(name) for name in names]
        name, parameters = case.family.pymc(eta, *dispersions, weights=case.weights)
        getattr(pm, name)("y", observed=y, **parameters)
    point = {f"{name}_log__": np.log(value) for name, value in zip(names, case.dispersions, strict=True)}
    found = model.compile_fn(model.observedlogp, mode="FAST_COMPILE")({"eta": case.eta} | point)
    weights = None if case.family.weighting == "replications" else case.weights
    wanted = case.family.log_density(y, case.eta, *case.dispersions, weights=weights).sum()
    assert float(found) == pytest.approx(wanted, rel=1e-10)


@CASES
def test_weights_mean_what_the_family_says(case: Case):
    if case.weights is None:
        return
    eta, w = case.eta, case.weights
    mean, variance = case.family.moments(eta, *case.dispersions, weights=w)
    mean_of_one, variance_of_one = case.family.moments(eta, *case.dispersions)
    if case.family.weighting == "precision":
        np.testing.assert_allclose(mean, mean_of_one)
        np.testing.assert_allclose(variance * w, variance_of_one, rtol=1e-13)
    elif case.family.weighting == "trials":
        np.testing.assert_allclose(mean, w * mean_of_one, rtol=1e-13)
        np.testing.assert_allclose(variance, w * variance_of_one, rtol=1e-13)
    else:
        y = case.y()
        alone = case.family.log_density(y, eta, *case.dispersions)
        np.testing.assert_allclose(case.log_density(y, eta), w * alone, rtol=1e-13)
        np.testing.assert_array_equal((mean, variance), (mean_of_one, variance_of_one))


@FAMILIES_ALONE
def test_a_response_is_read_or_refused_with_advice(family: Family):
    y = Case(family, (1.5, 4.0, 5.0, 6.0)[: len(family.dispersions)], None).y()
    np.testing.assert_array_equal(family.encode("y", y).y, y)
    assert family.fault(y) is None
    assert family.fault(np.append(y, np.nan)) is not None
    missing = np.where(np.arange(12) == 3, np.nan, y)
    for other in (np.full((12, 3), 0.5), pd.Series(["a", "b", "c"] * 4), missing):
        with pytest.raises(DataError, match="Try: "):
            family.encode("y", other)
