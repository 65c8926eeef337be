"""ML and REML: search, certificate, estimate."""

from bayesmm.estimate.certificate import Certificate
from bayesmm.estimate.estimate import Estimate
from bayesmm.estimate.fit import fit
from bayesmm.estimate.optimise import Optimum, minimise
from bayesmm.estimate.profile import Profile

__all__ = [
    "Certificate",
    "Estimate",
    "Optimum",
    "Profile",
    "fit",
    "minimise",
]
