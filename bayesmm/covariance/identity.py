"""Independent columns that share one variance."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from bayesmm.covariance.chart import Chart
from bayesmm.covariance.contract import Covariance
from bayesmm.covariance.linear import Linear


class Identity(Covariance):
    """λ = θI, θ ≥ 0; one parameter for all columns.

    Examples
    --------
    >>> Identity(2).chart(np.eye(2)).factor(np.array([[2.0]]))
    array([[[2., 0.],
            [0., 2.]]])
    """

    name: ClassVar[str] = "identity"
    adjective: ClassVar[str] = "uncorrelated"
    one_column: ClassVar[bool] = True
    word: ClassVar[str] = "id"

    @property
    def sds(self) -> tuple[int, ...]:
        return (0,) * self.k

    def chart(self, basis: np.ndarray) -> Chart:
        return Linear((tuple((column, column) for column in range(self.k)),), basis)
