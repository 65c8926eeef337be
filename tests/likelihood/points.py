"""Where the likelihood is put to the test."""

from __future__ import annotations

import numpy as np

from bayesmm.likelihood import MarginalLikelihood


def points(likelihood: MarginalLikelihood, seed: int = 3) -> list[np.ndarray]:
    """φ at the search's start, inside, near the boundary, on it, and with all variances zero."""
    rng = np.random.default_rng(seed)
    free = rng.normal(0.0, 0.7, likelihood.size)
    inside = np.where(likelihood.nonnegative, np.abs(free) + 0.1, free)
    near = np.where(likelihood.nonnegative, 1e-6, free)
    edge = inside.copy()
    edge[np.flatnonzero(likelihood.nonnegative)[-1]] = 0.0
    return [likelihood.start, inside, near, edge, np.zeros(likelihood.size)]
