"""Random effects of levels that were not fitted: b ~ N(0, G), one for each draw of G and each level."""

from __future__ import annotations

import numpy as np


def draw_effects(factor: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """b = λz: (S, k, k) factors of G and (S, ℓ, k) standard normal numbers → (S, ℓ, k).

    Levels of one draw have the same G and numbers of their own.

    Examples
    --------
    >>> lam = np.array([[[2.0, 0.0], [0.6, 0.8]]])
    >>> draw_effects(lam, np.array([[[1.0, 1.0], [-1.0, 0.0]]]))
    array([[[ 2. ,  1.4],
            [-2. , -0.6]]])
    """
    return np.einsum("sij,slj->sli", factor, noise)


def pad_effects(effects: np.ndarray, new: np.ndarray | int) -> np.ndarray:
    """(S, ℓ, k) fitted effects followed by those of the new levels: an array (S, n, k), or n zeros.

    Examples
    --------
    >>> pad_effects(np.ones((1, 2, 1)), 1)[0, :, 0].tolist()
    [1.0, 1.0, 0.0]
    """
    if isinstance(new, int):
        if new == 0:
            return effects
        new = np.zeros((len(effects), new, effects.shape[2]))
    return np.concatenate([effects, new], axis=1)
