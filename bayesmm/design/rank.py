"""Which columns of X are linear combinations of those before them, and a well-conditioned basis for the rest.

The rule is R's: going from left to right, a column is aliased when what is left of it after projection on
the columns already kept is less than 1e-7 of its length.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import qr

TOLERANCE = 1e-7


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
    if R is None or np.min(np.abs(np.diag(R)), initial=1.0) < 1e-3:
        (R,) = qr(X, mode="r", check_finite=False)
        R = R[: X.shape[1]]
        if len(R) < X.shape[1]:
            R = np.vstack([R, np.zeros((X.shape[1] - len(R), X.shape[1]))])
    return R
