"""Random effects of levels that were not fitted: b ~ N(0, G), one for each draw of G and each level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def correlation_factor(values: np.ndarray, pairs: Sequence[tuple[int, int]], k: int) -> np.ndarray:
    """Correlations (S, len(pairs)) of the pairs (i, j), i < j, of k columns → L (S, k, k), LL' = R.

    Cholesky row by row, with pivots that rounding has made negative set to zero: a correlation may be as
    near to ±1 as the numbers go.

    Examples
    --------
    >>> correlation_factor(np.array([[0.6]]), [(0, 1)], 2)
    array([[[1. , 0. ],
            [0.6, 0.8]]])
    """
    R = np.tile(np.eye(k), (len(values), 1, 1))
    for m, (i, j) in enumerate(pairs):
        R[:, j, i] = values[:, m]
    L = np.zeros_like(R)
    for j in range(k):
        for i in range(j):
            rest = R[:, j, i] - np.einsum("sm,sm->s", L[:, j, :i], L[:, i, :i])
            np.divide(rest, L[:, i, i], out=L[:, j, i], where=L[:, i, i] > 0)
        L[:, j, j] = np.sqrt(np.maximum(R[:, j, j] - np.einsum("sm,sm->s", L[:, j, :j], L[:, j, :j]), 0.0))
    return L


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
