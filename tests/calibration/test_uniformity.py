"""The tests of uniformity against enumeration, simulation and known departures."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from bayesmm.calibration.uniformity import (
    band,
    detectable,
    ecdf_p_value,
    judge_ranks,
    limits,
    probability_within,
)

DRAWS, N = 99, 200


def places(u: np.ndarray) -> np.ndarray:
    """Ranks among 99 draws of values whose posterior distribution function is u."""
    return np.minimum((u * (DRAWS + 1)).astype(int), DRAWS)


def smallest_tail(counts: np.ndarray, n: int) -> np.ndarray:
    """The test's statistic as the definition has it, for (S, L) counts of the n ranks below 1, …, L."""
    tails = np.ones(len(counts))
    for i, below in enumerate(
        stats.binom(n, (j + 1) / (counts.shape[1] + 1)) for j in range(counts.shape[1])
    ):
        c = counts[:, i]
        tails = np.minimum(tails, 2 * np.minimum(below.cdf(c), 1 - below.cdf(c - 1)))
    return tails


def test_the_probability_of_staying_within_limits_is_that_of_enumeration():
    draws, n = 3, 5
    lower, upper = np.array([0, 1, 2]), np.array([3, 4, 5])
    inside = 0
    for ranks in product(range(draws + 1), repeat=n):
        counts = [sum(rank < i for rank in ranks) for i in range(1, draws + 1)]
        inside += all(lo <= c <= up for lo, c, up in zip(lower, counts, upper, strict=True))
    assert probability_within(n, lower, upper) == pytest.approx(inside / (draws + 1) ** n, rel=1e-12)


def test_the_p_value_is_that_of_enumeration():
    draws, n = 3, 5
    every = np.array(list(product(range(draws + 1), repeat=n)))
    counts = np.stack([(every < i).sum(axis=1) for i in range(1, draws + 1)], axis=1)
    statistics = smallest_tail(counts, n)
    for k in (0, 17, 100, 500, 1023):
        exact = np.mean(statistics <= statistics[k] * (1 + 1e-9))
        assert ecdf_p_value(every[k], draws) == pytest.approx(exact, abs=1e-10)


def test_limits_hold_exactly_the_counts_with_heavy_tails():
    n, draws, gamma = 30, 9, 0.07
    lower, upper = limits(n, draws, gamma)
    for i in range(draws):
        below = stats.binom(n, (i + 1) / (draws + 1))
        fits = [c for c in range(n + 1) if min(below.cdf(c), 1 - below.cdf(c - 1)) >= gamma / 2]
        assert (lower[i], upper[i]) == (fits[0], fits[-1])


def test_the_band_holds_uniform_ranks_as_often_as_it_says():
    lower, upper = band(50, 19, 0.1)
    rng = np.random.default_rng(1)
    ranks = rng.integers(0, 20, (4000, 50))
    counts = np.stack([(ranks < i).sum(axis=1) for i in range(1, 20)], axis=1)
    inside = np.mean(((counts >= lower) & (counts <= upper)).all(axis=1))
    assert probability_within(50, lower, upper) == pytest.approx(inside, abs=0.015)  # 3 standard errors
    assert probability_within(50, lower, upper) >= 0.9


def test_p_values_of_uniform_ranks_are_uniform():
    rng = np.random.default_rng(2)
    tested = [judge_ranks(rng.integers(0, 20, 60), 19) for _ in range(300)]
    for level in (0.05, 0.2, 0.5):
        allowed = level + 3 * np.sqrt(level * (1 - level) / len(tested))
        for name in ("p_ecdf", "p_shift", "p_spread", "p"):
            assert np.mean([getattr(one, name) <= level for one in tested]) < allowed, (name, level)


@pytest.mark.parametrize(
    ("distort", "shift", "spread"),
    [
        (lambda z: z + 0.6, 1, None),
        (lambda z: z - 0.6, -1, None),
        (lambda z: z * 1.6, 0, 1),
        (lambda z: z / 1.6, 0, -1),
    ],
    ids=["truth too high", "truth too low", "posterior too narrow", "posterior too wide"],
)
def test_departures_are_found_and_named(distort, shift: int, spread: int | None):
    z = np.random.default_rng(3).normal(size=N)
    found = judge_ranks(places(stats.norm.cdf(distort(z))), DRAWS)
    assert found.p < 1e-4
    assert found.shift * shift > 4 if shift else abs(found.shift) < 3
    if spread is None:  # what there is of it comes of the shift
        assert found.spread > 2
        assert abs(found.own_spread) < 3
    else:
        assert found.spread * spread > 4
        assert found.own_spread == pytest.approx(found.spread, abs=1.0)


def test_a_departure_that_is_neither_a_shift_nor_a_spread_is_found_by_the_ecdf():
    u = np.random.default_rng(4).random(N)
    crowded = np.where(
        u < 0.5, 0.25 - 0.2887 * np.sign(u - 0.25) * 0.5, 0.75 + 0.2887 * np.sign(u - 0.75) * 0.5
    )
    found = judge_ranks(places(crowded), DRAWS)
    assert abs(found.shift) < 3
    assert abs(found.spread) < 3
    assert found.p_ecdf < 1e-6


def test_what_is_said_to_be_detectable_is_detected_in_nine_cases_of_ten():
    rng = np.random.default_rng(5)
    level = 0.001
    shift, ratio = detectable(N, level)
    z = rng.normal(size=(2000, N))
    found = {"shift": 0, "spread": 0}
    for row in z:
        ranks = places(stats.norm.cdf(row - shift))
        found["shift"] += 2 * stats.norm.sf(abs(_z(ranks, 1))) <= level / 3
        ranks = places(stats.norm.cdf(row / ratio))
        found["spread"] += 2 * stats.norm.sf(abs(_z(ranks, 2))) <= level / 3
    assert found["shift"] / len(z) == pytest.approx(0.9, abs=0.03)
    assert found["spread"] / len(z) == pytest.approx(0.9, abs=0.03)


def _z(ranks: np.ndarray, power: int) -> float:
    """A standardised moment about the middle, against its enumerated distribution."""
    values = (np.arange(DRAWS + 1) - DRAWS / 2) ** power
    return float(np.sqrt(len(ranks)) * (values[ranks].mean() - values.mean()) / values.std())
