"""Small designs with structured covariances: one grouping factor, two crossed, two terms, gaps in time."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from bayesmm.design import Design, build_design

STRUCTURED = {
    "cs": "y ~ x + cs(0 + f | a)",
    "csh with weights": "y ~ x + csh(0 + f | a)",
    "ar1 with gaps": "y ~ x + ar1(0 + week | a)",
    "ar1 in continuous time": "y ~ x + ar1(0 + time | a)",
    "ar1h, crossed": "y ~ x + ar1h(0 + week | a) + (x | h)",
    "toep": "y ~ x + toep(0 + f | a)",
    "toeph, crossed with cs": "y ~ x + toeph(0 + f | a) + cs(0 + f | h)",
    "ar1 beside an intercept": "y ~ x + ar1(0 + week | a) + (1 | a)",
}


@cache
def structured_data(n: int = 120, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    place = rng.integers(0, 4, n)
    frame = pd.DataFrame(
        {
            "a": rng.integers(0, 9, n),
            "h": rng.integers(0, 5, n),
            "f": pd.Categorical.from_codes(place, list("pqrs"), ordered=True),
            "week": np.array([1, 2, 4, 7])[place],
            "time": np.array([0.1, 0.5, 0.7, 2.0])[place],
            "x": rng.normal(size=n),
            "w": rng.uniform(0.5, 2.0, n),
        }
    )
    R = 0.6 ** np.abs(np.subtract.outer(range(4), range(4)))
    b = 1.5 * rng.normal(size=(9, 4)) @ np.linalg.cholesky(R).T
    frame["y"] = 3.0 + 0.5 * frame["x"] + b[frame["a"], place] + rng.normal(size=n)
    return frame


@cache
def structured(name: str) -> Design:
    """The design of a case."""
    weights = "w" if "weights" in name else None
    return build_design(STRUCTURED[name], structured_data(), weights=weights)
