"""Independent columns that share one variance."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from bayesmm.covariance.contract import Covariance


class Identity(Covariance):
    """λ = θI, θ ≥ 0; one parameter for all columns.

    Examples
    --------
    >>> Identity(2).factor([2.0])
    array([[2., 0.],
           [0., 2.]])
    """

    name: ClassVar[str] = "identity"

    @property
    def entries(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        return (tuple((column, column) for column in range(self.k)),)

    def basis(self, gram: np.ndarray) -> np.ndarray:
        """The root of the columns' average mean square: only a multiple of I keeps λ one."""
        return np.sqrt(max(np.trace(gram) / self.k, np.finfo(float).tiny)) * np.eye(self.k)
