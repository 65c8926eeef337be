"""Any covariance: every entry of the lower triangle is free."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from bayesmm.covariance.contract import Covariance


class Unstructured(Covariance):
    """λ is any lower triangle with a nonnegative diagonal; k(k + 1)/2 parameters, column by column.

    Examples
    --------
    >>> Unstructured(2).factor([2.0, 0.5, 1.0])
    array([[2. , 0. ],
           [0.5, 1. ]])
    """

    name: ClassVar[str] = "unstructured"

    @property
    def entries(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        return tuple(((row, column),) for column in range(self.k) for row in range(column, self.k))

    def basis(self, gram: np.ndarray) -> np.ndarray:
        """The lower-triangular T with T'T = gram: any lower triangle keeps λ lower triangular.

        T'T = gram is the Cholesky factorization of gram with its rows and columns reversed. A direction
        in which gram is numerically singular keeps its own scale instead.
        """
        scale = np.sqrt(np.maximum(np.diag(gram), np.finfo(float).tiny))
        correlation = gram / np.outer(scale, scale)
        eigenvalues = np.linalg.eigvalsh(correlation)
        if eigenvalues[0] < 1e-13:
            correlation = correlation + 1e-13 * np.eye(self.k)
        reverse = np.linalg.cholesky(correlation[::-1, ::-1])
        return np.ascontiguousarray(reverse.T[::-1, ::-1]) * scale
