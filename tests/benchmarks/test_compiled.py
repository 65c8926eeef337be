"""Our criterion is nowhere above that of the compiled packages, where these are installed."""

from __future__ import annotations

import pytest

from tests.benchmarks.compiled import PROGRAMS, RACES

HIGHER = 1e-12
"""Relative to a criterion's size: what sums of a million terms are uncertain by."""


@pytest.mark.parametrize("program", [name for name in PROGRAMS if name != "bayesmm"])
@pytest.mark.parametrize("name", ["sleepstudy", "intercepts"])
@pytest.mark.filterwarnings("ignore")
def test_ours_is_as_low(program: str, name: str):
    race = RACES[name]
    theirs = PROGRAMS[program](race)
    if theirs is None:
        pytest.skip(f"{program} isn't installed, or can't fit this model")
    data = race.data()
    least = theirs(data)
    assert PROGRAMS["bayesmm"](race)(data) <= least + HIGHER * abs(least)
