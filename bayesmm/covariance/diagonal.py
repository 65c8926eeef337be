"""Independent columns, each with a variance of its own (``||`` in a formula)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from bayesmm.covariance.chart import Chart
from bayesmm.covariance.contract import Covariance
from bayesmm.covariance.linear import Linear


class Diagonal(Covariance):
    """λ = diag(θ), θ ≥ 0; k parameters.

    Examples
    --------
    >>> Diagonal(2).chart(np.eye(2)).factor(np.array([[2.0, 1.0]]))
    array([[[2., 0.],
            [0., 1.]]])
    """

    name: ClassVar[str] = "diagonal"
    adjective: ClassVar[str] = "uncorrelated"
    one_column: ClassVar[bool] = True
    word: ClassVar[str] = "diag"

    @property
    def sds(self) -> tuple[int, ...]:
        return tuple(range(self.k))

    def chart(self, basis: np.ndarray) -> Chart:
        return Linear(tuple(((column, column),) for column in range(self.k)), basis)
