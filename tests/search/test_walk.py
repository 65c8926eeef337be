"""A profile knows a function with one parameter held, and nothing else; a quadratic's is known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import norm

from bayesmm.errors import ModelError
from bayesmm.search.profile import profile


@dataclass
class Quadratic:
    """(u − û)'P(u − û) with u = (v, x): D(v) = (v − v̂)²/[P⁻¹]₁₁, so that ζ is a straight line."""

    P: np.ndarray
    optimum: np.ndarray
    bounds: tuple[float, float] = (-np.inf, np.inf)
    cost: float = 1.0
    least: float = 7.0

    @property
    def value(self) -> float:
        return float(self.optimum[0])

    @property
    def unit(self) -> float:
        return 1.0

    @property
    def start(self) -> np.ndarray:
        return self.optimum[1:]

    @property
    def bounded(self) -> np.ndarray:
        return np.zeros(len(self.start), dtype=bool)

    @property
    def lower(self) -> np.ndarray:
        return np.full(len(self.start), -np.inf)

    @property
    def upper(self) -> np.ndarray:
        return np.full(len(self.start), np.inf)

    @property
    def units(self) -> np.ndarray:
        return np.ones(len(self.start))

    def deviance(self, x: np.ndarray, value: float) -> tuple[float, np.ndarray]:
        off = np.array([value, *x]) - self.optimum
        return float(self.least + off @ self.P @ off), 2.0 * (self.P @ off)[1:]


ROOT = np.array([[2.0, 0.3, -0.5], [0.0, 1.0, 0.8], [0.0, 0.0, 0.4]])
QUADRATIC = Quadratic(ROOT @ ROOT.T, np.array([1.5, -2.0, 0.3]))


@pytest.mark.parametrize("cost", [1.0, 1e7], ids=["cheap", "dear"])
def test_the_profile_of_a_quadratic_is_a_straight_line(cost: float):
    along = Quadratic(QUADRATIC.P, QUADRATIC.optimum, cost=cost)
    se = float(np.sqrt(np.linalg.inv(along.P)[0, 0]))
    found = profile(along, "v", "ML")
    assert found.values[0] < 1.5 - 3.2 * se < 1.5 + 3.2 * se < found.values[-1]
    np.testing.assert_allclose(found.zeta, (found.values - 1.5) / se, rtol=1e-5, atol=1e-5)
    for prob in (0.5, 0.95, 0.99):
        z = norm.ppf(0.5 + prob / 2)
        assert found.interval(prob) == pytest.approx((1.5 - z * se, 1.5 + z * se), rel=1e-6)
    np.testing.assert_allclose(found.density(np.array([1.5])), norm.pdf(0.0) / se, rtol=1e-3)


def test_an_interval_ends_at_the_edge_of_the_space():
    along = Quadratic(QUADRATIC.P, QUADRATIC.optimum, bounds=(1.4, np.inf))
    se = float(np.sqrt(np.linalg.inv(along.P)[0, 0]))
    lower, upper = profile(along, "v", "ML").interval(0.95)
    assert lower == 1.4
    assert upper == pytest.approx(1.5 + norm.ppf(0.975) * se, rel=1e-6)


def test_walls_hold_the_other_parameters():
    """x₁ = x̂₁ + c(v − v̂) would go beyond its wall: from there on it stays on it."""

    @dataclass
    class Walled(Quadratic):
        @property
        def upper(self) -> np.ndarray:
            return np.array([-1.9, np.inf])

    along = Walled(QUADRATIC.P, QUADRATIC.optimum)
    found = profile(along, "v", "ML")
    P = along.P
    for value, deviance in zip(found.values, found.deviance, strict=True):
        v = value - 1.5
        x = -np.linalg.solve(P[1:, 1:], P[1:, 0] * v)
        if x[0] > 0.1:
            x = np.array([0.1, -(P[2, 0] * v + P[2, 1] * 0.1) / P[2, 2]])
        off = np.array([v, *x])
        assert deviance == pytest.approx(7.0 + off @ P @ off, abs=1e-6)
    assert (found.deviance > 7.0 + (found.values - 1.5) ** 2 / np.linalg.inv(P)[0, 0] + 1e-3).any()


def test_a_walk_that_comes_lower_than_its_beginning_says_so():
    class Elsewhere(Quadratic):
        @property
        def value(self) -> float:
            return 1.0

    with pytest.raises(ModelError, match="below the estimate's"):
        profile(Elsewhere(QUADRATIC.P, QUADRATIC.optimum), "v", "ML")
