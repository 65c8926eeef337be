"""One small frame with a column of every kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def frame() -> pd.DataFrame:
    """60 rows: response y, numbers x, z, w > 0 and int k, text c and h, bool b, int group g, dates day."""
    rng = np.random.default_rng(12)
    n = 60
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(1.0, 2.0, n),
            "z": rng.uniform(-1.0, 1.0, n),
            "w": rng.uniform(0.5, 2.0, n),
            "k": np.tile([10, 9, 3], n // 3),
            "c": np.array(["lo", "hi"])[rng.integers(0, 2, n)],
            "b": rng.random(n) < 0.5,
            "g": np.repeat(np.arange(300, 310), 6),
            "h": np.tile(list("abcdef"), n // 6),
            "day": pd.date_range("2020-01-01", periods=n // 6).repeat(6),
        },
        index=[f"r{i}" for i in range(n)],
    )
