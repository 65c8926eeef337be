"""Small triangular systems: LAPACK's ``dtrtrs`` without the way to it, which costs ten times as much."""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dtrtrs


def solve_triangular(
    T: np.ndarray, right: np.ndarray, *, lower: bool = False, transposed: bool = False
) -> np.ndarray:
    """T⁻¹b, or T⁻ᵀb, for a triangular T (k, k) without zeros on its diagonal and b (k,) or (k, m).

    Examples
    --------
    >>> solve_triangular(np.array([[2.0, 1.0], [0.0, 4.0]]), np.array([4.0, 8.0]))
    array([1., 2.])
    """
    if T.size == 0:
        return np.zeros(np.shape(right))
    return dtrtrs(T, right, lower=int(lower), trans=int(transposed))[0]
