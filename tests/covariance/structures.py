"""Structures of all sizes, with positions where they need them, and shapes inside their bounds."""

from __future__ import annotations

import numpy as np

from bayesmm.covariance import STRUCTURES, Covariance

SIZES = (1, 2, 3, 5)


def made(name: str, k: int) -> Covariance:
    """A structure of k columns; one over time has them at 0, 1, 2, …"""
    cls = STRUCTURES[name]
    return cls(k, tuple(range(k))) if cls.over_time else cls(k)


def some_shape(structure: Covariance, count: int, seed: int = 4) -> np.ndarray:
    """(count, d) shapes inside the bounds, none of them close to one."""
    shape = structure.shape
    if shape is None:
        return np.zeros((count, 0))
    lower, upper = np.array(shape.lower), np.array(shape.upper)
    share = np.random.default_rng(seed).uniform(0.1, 0.9, (count, shape.size))
    return lower + share * (upper - lower)
