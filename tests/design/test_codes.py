"""Codes of grouping factors, whatever the type and order of their columns: those of a sort of all rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesmm.design.factor import factor_from

RNG = np.random.default_rng(7)
N = 400
COLUMNS = {
    "dense": RNG.integers(0, 30, N),
    "from a thousand": RNG.integers(1000, 1030, N),
    "below zero": RNG.integers(-15, 15, N),
    "with holes": RNG.integers(0, 30, N) * 7,
    "far apart": RNG.integers(0, 2**62, 25)[RNG.integers(0, 25, N)] - 2**61,
    "one a row": RNG.permutation(N),
    "one for all": np.full(N, 5),
    "two rows": np.array([3, -3]),
    "floats": RNG.integers(0, 9, N) / 4,
    "text": RNG.choice(["b", "a", "Ä", "zz"], N),
    "true or false": RNG.integers(0, 2, N) == 1,
}


@pytest.mark.parametrize("rises", [False, True], ids=["any order", "rising"])
@pytest.mark.parametrize("name", COLUMNS)
def test_codes_levels_and_starts(name: str, rises: bool):
    values = np.sort(COLUMNS[name]) if rises else COLUMNS[name]
    factor = factor_from({"g": pd.Series(values)}, ("g",))
    levels, codes = np.unique(values, return_inverse=True)
    assert factor.levels.tolist() == levels.tolist()
    assert factor.levels.name == "g"
    np.testing.assert_array_equal(factor.codes, codes)
    np.testing.assert_array_equal(factor.sizes, np.bincount(codes))
    assert factor.codes.dtype == np.int64
    assert not factor.codes.flags.writeable
    if (np.diff(codes) >= 0).all():
        np.testing.assert_array_equal(factor.starts, np.searchsorted(codes, np.arange(len(levels) + 1)))
    else:
        assert factor.starts is None


@pytest.mark.parametrize("rises", [False, True], ids=["any order", "rising"])
@pytest.mark.parametrize("n_categories", [3, 127, 128, 300])
def test_categories_keep_their_order_and_lose_those_that_do_not_occur(n_categories: int, rises: bool):
    order = RNG.permutation(n_categories)
    codes = RNG.integers(0, n_categories, 2 * n_categories)
    codes[codes == n_categories // 2] = 0
    codes = np.sort(codes) if rises else codes
    column = pd.Series(pd.Categorical.from_codes(codes, [f"l{i}" for i in order]))
    factor = factor_from({"g": column}, ("g",))
    present, expected = np.unique(codes, return_inverse=True)
    assert factor.levels.tolist() == [f"l{order[i]}" for i in present]
    np.testing.assert_array_equal(factor.codes, expected)
    assert (factor.starts is not None) == rises


@pytest.mark.parametrize("rises", [False, True], ids=["any order", "rising"])
def test_combinations_are_those_that_occur(rises: bool):
    frame = pd.DataFrame({"a": COLUMNS["dense"], "b": COLUMNS["text"]})
    frame = frame.sort_values(["a", "b"]) if rises else frame
    factor = factor_from(frame, ("a", "b"))
    expected = frame.groupby(["a", "b"]).ngroup().to_numpy()
    np.testing.assert_array_equal(factor.codes, expected)
    assert factor.levels.tolist() == sorted(set(zip(frame.a, frame.b, strict=True)))
    assert (factor.starts is not None) == rises
