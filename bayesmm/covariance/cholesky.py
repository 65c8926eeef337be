"""Cholesky factors of matrices that may be singular, or that rounding has made a little less than that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def correlation_cholesky(R: np.ndarray) -> np.ndarray:
    """Correlation matrices (S, k, k), of which the lower triangle counts → L (S, k, k), LL' = R.

    Row by row, with pivots that rounding has made negative set to zero: a correlation may be as near to ±1 as
    the numbers go.

    Examples
    --------
    >>> correlation_cholesky(np.array([[[1.0, 0.6], [0.6, 1.0]]]))
    array([[[1. , 0. ],
            [0.6, 0.8]]])
    """
    L = np.zeros_like(R)
    for j in range(R.shape[1]):
        for i in range(j):
            rest = R[:, j, i] - np.einsum("sm,sm->s", L[:, j, :i], L[:, i, :i])
            np.divide(rest, L[:, i, i], out=L[:, j, i], where=L[:, i, i] > 0)
        L[:, j, j] = np.sqrt(np.maximum(R[:, j, j] - np.einsum("sm,sm->s", L[:, j, :j], L[:, j, :j]), 0.0))
    return L


def cholesky_rows(k: int, entry: Callable[[int, int], Any], sqrt: Callable[[Any], Any]) -> list[list[Any]]:
    """L row by row, of a correlation matrix with scalars of any kind: ``entry(i, j)`` for i < j.

    Examples
    --------
    >>> cholesky_rows(2, lambda i, j: 0.6, lambda x: x**0.5)
    [[1.0], [0.6, 0.8]]
    """
    L: list[list[Any]] = []
    for j in range(k):
        row: list[Any] = []
        for i in range(j):
            rest = entry(i, j) - sum(row[m] * L[i][m] for m in range(i))
            row.append(rest / L[i][i] if i else rest)
        L.append([*row, sqrt(1.0 - sum(value**2 for value in row)) if row else 1.0])
    return L


def semidefinite_cholesky(G: np.ndarray, tolerance: float) -> np.ndarray:
    """Lower L with LL' ≈ G ⪰ 0, the column of a pivot at or below ``tolerance`` zero."""
    L = np.zeros_like(G)
    for c in range(len(G)):
        rest = G[c:, c] - L[c:, :c] @ L[c, :c]
        if rest[0] > max(tolerance, 1e-9) ** 2:
            L[c:, c] = rest / np.sqrt(rest[0])
    return L
