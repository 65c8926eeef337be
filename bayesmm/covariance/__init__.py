"""Covariance structures: one a file, all behind the contract of :class:`Covariance`."""

from bayesmm.covariance.contract import Covariance
from bayesmm.covariance.diagonal import Diagonal
from bayesmm.covariance.identity import Identity
from bayesmm.covariance.unstructured import Unstructured

STRUCTURES: dict[str, type[Covariance]] = {
    structure.name: structure for structure in (Unstructured, Diagonal, Identity)
}

__all__ = ["STRUCTURES", "Covariance", "Diagonal", "Identity", "Unstructured"]
