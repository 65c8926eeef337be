"""Independent columns, each with a variance of its own (``||`` in a formula)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from bayesmm.covariance.contract import Covariance


class Diagonal(Covariance):
    """λ = diag(θ), θ ≥ 0; k parameters.

    Examples
    --------
    >>> Diagonal(2).factor([2.0, 1.0])
    array([[2., 0.],
           [0., 1.]])
    """

    name: ClassVar[str] = "diagonal"

    @property
    def entries(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        return tuple(((column, column),) for column in range(self.k))

    def basis(self, gram: np.ndarray) -> np.ndarray:
        """Each column's own root mean square: only a diagonal T keeps λ diagonal."""
        return np.diag(np.sqrt(np.maximum(np.diag(gram), np.finfo(float).tiny)))
