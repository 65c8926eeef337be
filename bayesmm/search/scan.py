"""Other valleys: points from which a descent may come to another minimum."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bayesmm.search.evaluations import Evaluations
from bayesmm.search.region import Region

SCAN = 256
"""Points at which the value is looked at."""
VALLEYS = 3
"""How many other valleys are descended into."""
ALONG = np.linspace(0.0, 1.0, 17)[None, :, None]
"""The shares of a way at which a hill is looked for."""
HILL = 1e-6
"""What a way must rise by to lead over a hill."""


def other_valleys(at: Evaluations, region: Region, best: np.ndarray) -> list[np.ndarray]:
    """Points (d,) in other valleys than the best minimum so far, the lowest first; usually none.

    The value is looked at in points spread over all sizes of the factors. A point lies in another valley if
    the straight way from it to the best leads over a hill.
    """
    spread, signs, shares = _draws(len(best))
    size = region.natural * np.exp(spread * (np.log(10.0 / region.natural) + 2.0) - 2.0)
    points = region.scan(shares, size, signs)
    height = at.objective.values(points)
    low = points[np.argsort(height)[: 4 * VALLEYS]]
    way = low[:, None] + ALONG * (best - low)[:, None]
    heights = at.objective.values(way.reshape(-1, len(best))).reshape(len(low), -1)
    beyond_a_hill = np.isfinite(heights[:, 0]) & (heights.max(axis=1) > heights[:, 0] + HILL)
    return list(low[beyond_a_hill][:VALLEYS])


@lru_cache(maxsize=32)
def _draws(d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(SCAN, d) numbers between zero and one, signs, and such numbers again; always the same."""
    rng = np.random.default_rng(0)
    found = rng.uniform(size=(SCAN, d)), rng.choice((-1.0, 1.0), (SCAN, d)), rng.uniform(size=(SCAN, d))
    for array in found:
        array.flags.writeable = False
    return found
