"""What a certificate says of an optimum: its verdict, its words, and that they don't depend on units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesmm.estimate.certificate import singular_directions
from tests.estimate.made_up import growth, one_way, search

SLOPE = "y ~ x + (x | g)"

# Words

T2 = np.array([[2.9, 0.0], [4.5, 5.3]])
"""A change of basis such as sleepstudy's: internal factor = T2 @ user's factor."""
T3 = np.array([[2.0, 0, 0], [1, 3, 0], [0.5, -1, 2]])

# the user's λ | what is said of the columns a, b (and c)
WORDS = {
    "nothing": ([[1, 0], [0.5, 1]], []),
    "perfect correlation": ([[1, 0], [0.5, 0]], ["the correlation of a and b is +1"]),
    "perfect negative correlation": ([[1, 0], [-0.5, 0]], ["the correlation of a and b is -1"]),
    "the first variance": ([[0, 0], [0, 1]], ["the variance of a is zero"]),
    "the second variance": ([[1, 0], [0, 0]], ["the variance of b is zero"]),
    "all variances": ([[0, 0], [0, 0]], ["all variances are zero"]),
    "a pair of three": ([[1, 0, 0], [0.3, 1, 0], [0.3, 1, 0]], ["+1.00·b/1.04 -1.00·c/1.04 doesn't vary"]),
    "one variance of three": ([[1, 0, 0], [0.3, 1, 0], [0, 0, 0]], ["the variance of c is zero"]),
    "the middle variance": ([[1, 0, 0], [0, 0, 0], [0.2, 0, 1]], ["the variance of b is zero"]),
    "two variances of three": (
        [[1, 0, 0], [0, 0, 0], [0, 0, 0]],
        ["the variance of b is zero", "the variance of c is zero"],
    ),
    "a variance and a correlation": (
        [[0, 0, 0], [0, 1, 0], [0, -2, 0]],
        ["the variance of a is zero", "the correlation of b and c is -1"],
    ),
}


@pytest.mark.parametrize("name", WORDS)
def test_what_does_not_vary_is_said_in_the_users_columns(name: str):
    user, expected = WORDS[name]
    lam = np.array(user, dtype=float)
    k = len(lam)
    T = {2: T2, 3: T3}[k]
    said = singular_directions("x | g", ("a", "b", "c")[:k], T @ lam, lam)
    assert said == [f"(x | g): {words}" for words in expected]


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_the_verdict_does_not_depend_on_units(unit: float):
    data = growth(1.0, 0.5, 1.0)
    fits = [search(SLOPE, d)[2] for d in (data, data.assign(x=data["x"] * unit, y=data["y"] / unit))]
    assert fits[0].verdict == fits[1].verdict
    assert fits[0].singular_directions == fits[1].singular_directions


def test_terms_that_cannot_be_told_apart_are_said_to_be_so():
    """The same partition twice: only the sum of the variances is identified."""
    data = one_way(8, 6, 5.0)
    certificate = search("y ~ 1 + (1 | g) + (1 | again)", data.assign(again=-data["g"]))[2]
    assert certificate.ok
    assert "flat" in certificate.verdict or certificate.singular
    assert certificate.advice


def test_a_certificate_prints_its_numbers(growth_data: pd.DataFrame):
    text = str(search("y ~ x + (x || g)", growth_data)[2])
    for words in ("Converged", "Newton step", "gradient", "Hessian eigenvalues", "evaluations"):
        assert words in text


@pytest.fixture
def growth_data() -> pd.DataFrame:
    return growth(1.0, 0.0, 0.0)
