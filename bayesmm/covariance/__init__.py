"""Covariance structures: one a file, all behind the contract of :class:`Covariance`."""

from bayesmm.covariance.chart import Chart
from bayesmm.covariance.contract import Covariance, Shape
from bayesmm.covariance.diagonal import Diagonal
from bayesmm.covariance.identity import Identity
from bayesmm.covariance.linear import Linear
from bayesmm.covariance.unstructured import Unstructured

STRUCTURES: dict[str, type[Covariance]] = {
    structure.name: structure for structure in (Unstructured, Diagonal, Identity)
}

__all__ = ["STRUCTURES", "Chart", "Covariance", "Diagonal", "Identity", "Linear", "Shape", "Unstructured"]
