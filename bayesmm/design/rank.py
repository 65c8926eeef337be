"""Which columns of X are linear combinations of those before them, and a well-conditioned basis for the rest.

The rule is R's: going from left to right, a column is aliased when what is left of it after projection on
the columns already kept is less than 1e-7 of its length.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import qr

from bayesmm.design.sources import NUMBERS, ModelMatrix

TOLERANCE = 1e-7
SOME = 512
"""How many rows most often settle that no column is aliased."""
ROWS_A_COLUMN = 8
"""How many rows a column there are at least among them."""
CLEAR = 1e-3
"""The scaled length from which on what is left of a column is exact to many digits."""
MARGIN = 10.0
"""By how much it has to exceed the tolerance there."""


def aliased_columns(X: np.ndarray, tolerance: float = TOLERANCE) -> list[int]:
    """Positions of the columns of X (n, p) that depend linearly on columns before them."""
    length = np.sqrt(np.einsum("ij,ij->j", X, X))
    zero = [j for j in range(X.shape[1]) if length[j] == 0]
    kept = [j for j in range(X.shape[1]) if length[j] > 0]
    while kept:
        R = _triangle(X[:, kept] / length[kept])
        small = np.flatnonzero(np.abs(np.diag(R)) < tolerance)
        if len(small) == 0 and len(kept) <= len(X):
            break
        kept.pop(int(small[0]) if len(small) else len(X))
    return sorted(set(range(X.shape[1])) - set(kept) | set(zero))


def aliased_sources(matrix: ModelMatrix) -> list[int]:
    """As :func:`aliased_columns`; the matrix is formed only where some of its rows don't settle it.

    What is left of a column after projection is no shorter over all rows than over some of them. So where it
    is longer than the tolerance already there, by a margin for rounding, no column is aliased.
    """
    n, p = matrix.shape
    if p == 0 or (p == 1 and not matrix.sources[0].is_zero):
        return []
    some = matrix.rows(slice(0, n, max(1, n // max(SOME, ROWS_A_COLUMN * p))))
    with np.errstate(all="ignore"):  # what overflows is left to the whole matrix
        gram = some.T @ some
        length = np.sqrt(gram.diagonal())
        try:
            left = np.linalg.cholesky(gram / np.outer(length, length)).diagonal()
        except np.linalg.LinAlgError:
            left = np.zeros(p)
        whole = np.array([np.sqrt(n if s.kind != NUMBERS else s.square) for s in matrix.sources])
        if left.min() > CLEAR and (left * length > MARGIN * TOLERANCE * whole).all():
            return []
    return aliased_columns(matrix.array)


def orthonormalizer(X: np.ndarray) -> np.ndarray:
    """Upper-triangular R (p, p) with positive diagonal such that the columns of XR⁻¹ are orthonormal.

    X (n, p) has full column rank.
    """
    length = np.sqrt(np.einsum("ij,ij->j", X, X))
    R = _triangle(X / length)
    return np.where(np.diag(R) < 0, -1.0, 1.0)[:, None] * R * length


def _triangle(X: np.ndarray) -> np.ndarray:
    """The R of X = QR for columns of length one.

    By the cross-product where it is well conditioned (half the cost, and no copy of X); by Householder
    reflections where it is not.
    """
    gram = X.T @ X
    try:
        R = np.linalg.cholesky(gram).T
    except np.linalg.LinAlgError:
        R = None
    if R is None or np.min(np.abs(np.diag(R)), initial=1.0) < CLEAR:
        (R,) = qr(X, mode="r", check_finite=False)
        R = R[: X.shape[1]]
        if len(R) < X.shape[1]:
            R = np.vstack([R, np.zeros((X.shape[1] - len(R), X.shape[1]))])
    return R
