"""The model in PyMC, whole or with its effects integrated out, and the way back from its draws."""

from bayesmm.posterior.pymc.marginal import integrated_logp, to_pymc_marginal
from bayesmm.posterior.pymc.model import to_pymc
from bayesmm.posterior.pymc.recovery import recover

__all__ = ["integrated_logp", "recover", "to_pymc", "to_pymc_marginal"]
