"""Coefficients that are given are another response: all is as for a design that has that response."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayesmm.likelihood import GivenCoefficients, IntegratedLikelihood, LeaveOut, MarginalLikelihood
from tests.designs import CASES, design
from tests.likelihood.points import points
from tests.likelihood.test_integrated_likelihood import prior

every_design = pytest.mark.parametrize("name", CASES)


def columns(name: str) -> np.ndarray:
    """C (n, 2), of the size of y's variation."""
    d = design(name)
    return np.random.default_rng(5).normal(size=(d.n, 2)) * np.std(d.y)


def given(name: str) -> GivenCoefficients:
    d = design(name)
    return GivenCoefficients(IntegratedLikelihood(MarginalLikelihood(d), *prior(d.p)), columns(name))


def other(name: str, delta: np.ndarray) -> IntegratedLikelihood:
    """The likelihood of y − Cδ, formed from its own rows."""
    d = design(name)
    changed = replace(d, rows=replace(d.rows, y=d.y - columns(name) @ delta))
    return IntegratedLikelihood(MarginalLikelihood(changed), *prior(d.p))


def somewhere(model: GivenCoefficients) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(S, G, k, k) λ, (S,) log σ, (S, 2) δ."""
    likelihood = model.integrated.likelihood
    lam = likelihood.group_factors_many(np.array(points(likelihood)))
    log_sigma = np.log(likelihood.coordinates.scale) + np.linspace(-0.7, 0.4, len(lam))
    return lam, log_sigma, np.random.default_rng(7).normal(size=(len(lam), 2))


@every_design
def test_densities_derivatives_and_draws_are_those_of_the_other_response(name: str):
    model = given(name)
    lam, log_sigma, delta = somewhere(model)
    together = model.log_densities(lam, log_sigma, delta, cores=2)
    density, drawn = model.draw(lam, log_sigma, delta, np.random.default_rng(1))
    np.testing.assert_array_equal(density, together)
    for s in range(len(lam)):
        rest = other(name, delta[s])
        value, by_lam, by_sigma, by_delta = model.log_density(lam[s], log_sigma[s], delta[s])
        expected = rest.log_density(lam[s], log_sigma[s])
        assert together[s] == pytest.approx(expected[0], rel=1e-10)
        assert value == pytest.approx(expected[0], rel=1e-10)
        np.testing.assert_allclose(
            by_lam, expected[1], rtol=1e-7, atol=1e-7 * np.abs(expected[1]).max() + 1e-9
        )
        assert by_sigma == pytest.approx(expected[2], rel=1e-7)
        for j, step in enumerate(0.1 * np.eye(2)):  # a quadratic: its central difference is exact
            up, down = (
                model.log_densities(lam[[s]], log_sigma[[s]], delta[[s]] + sign * step)[0] for sign in (1, -1)
            )
            assert by_delta[j] == pytest.approx((up - down) / 0.2, rel=1e-6, abs=1e-7 * abs(value))
        same = np.random.default_rng(1).spawn(len(lam))[s]  # each point is a piece with numbers of its own
        noise = _Given(same)
        _, one = rest.draw(lam[[s]], log_sigma[[s]], noise)
        np.testing.assert_allclose(drawn.beta[s], one.beta[0], rtol=1e-7, atol=1e-9 * np.std(design(name).y))
        for ours, theirs in zip(drawn.effects, one.effects, strict=True):
            np.testing.assert_allclose(
                ours[s], theirs[0], rtol=1e-6, atol=1e-8 * np.abs(theirs).max() + 1e-12
            )


class _Given:
    """Gives its own generator to the single piece of a draw."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def spawn(self, count: int) -> list[np.random.Generator]:
        assert count == 1
        return [self.rng]


@every_design
def test_leaving_out_rows_and_levels_is_that_of_the_other_response(name: str):
    model, d = given(name), design(name)
    lam, log_sigma, delta = somewhere(model)
    lam, log_sigma, delta = lam[:2], log_sigma[:2], delta[:2]
    for unit in (None, *d.factors):
        found = LeaveOut(model.integrated, unit, model).log_densities(lam, log_sigma, delta=delta)
        for s in range(2):
            expected = LeaveOut(other(name, delta[s]), unit).log_densities(lam[[s]], log_sigma[[s]])[0]
            np.testing.assert_allclose(found[s], expected, rtol=1e-7)
