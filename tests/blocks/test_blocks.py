"""What is told of the factorization beforehand, and the refusal of one that is too large."""

from __future__ import annotations

import os
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from bayesmm.blocks import describe_blocks
from bayesmm.design import Design, build_design
from bayesmm.errors import ModelError
from bayesmm.likelihood import MarginalLikelihood
from tests.designs import CASES, design


@pytest.mark.parametrize("name", CASES)
def test_the_blocks_of_every_design_are_described(name: str):
    likelihood = MarginalLikelihood(design(name))
    sheet = describe_blocks(likelihood.layout)
    table = sheet.tables[0].frame
    assert sorted(table.index) == sorted([*design(name).factors, "X and y"])
    assert table["columns"].sum() == design(name).q + design(name).p + 1
    assert table.loc["X and y", "columns"] == design(name).p + 1
    assert (table["place"] == "head").sum() == len(likelihood.layout.chain)


def crossed(n_levels: int) -> Design:
    rng = np.random.default_rng(0)
    n = 3 * n_levels
    levels = {"g": rng.permutation(n) % n_levels, "h": rng.permutation(n) % n_levels}
    return build_design("y ~ 1 + (1 | g) + (1 | h)", pd.DataFrame({"y": rng.normal(size=n), **levels}))


def pretend_small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", lambda name: 1024)  # pages of 1024 bytes, 1024 of them


def test_a_dense_block_beyond_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch):
    pretend_small_memory(monkeypatch)
    with pytest.raises(ModelError) as error:
        MarginalLikelihood(crossed(500))
    for words in ("dense block of 502 columns", "(h)", "GB", "fewer or simpler crossed terms"):
        assert words in str(error.value)


def test_it_is_refused_before_it_is_allocated(monkeypatch: pytest.MonkeyPatch):
    d = crossed(2500)
    pretend_small_memory(monkeypatch)
    tracemalloc.start()
    try:
        with pytest.raises(ModelError):
            MarginalLikelihood(d)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2500**2 / 2


def test_nested_factors_of_any_size_leave_no_dense_block(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(1)
    n = 20_000
    g = rng.permutation(n) % 5000
    data = pd.DataFrame({"y": rng.normal(size=n), "g": g, "big": g // 5})
    likelihood = MarginalLikelihood(build_design("y ~ 1 + (1 | big) + (1 | g)", data))
    assert likelihood.layout.size == 2
    assert likelihood.layout.bytes < 1e7
