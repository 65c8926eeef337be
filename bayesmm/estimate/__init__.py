"""ML and REML: fit, certificate, estimate."""

from bayesmm.estimate.certificate import Certificate
from bayesmm.estimate.estimate import Estimate
from bayesmm.estimate.fit import fit

__all__ = [
    "Certificate",
    "Estimate",
    "fit",
]
