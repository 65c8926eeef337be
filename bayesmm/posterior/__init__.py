"""Bayes: the hierarchical model in PyMC, draws from its posterior, and what they are worth."""

from bayesmm.posterior.certificate import Certificate, certify
from bayesmm.posterior.data_tree import build_tree
from bayesmm.posterior.posterior import Posterior
from bayesmm.posterior.pymc import integrated_logp, recover, to_pymc, to_pymc_marginal
from bayesmm.posterior.sample import sample

__all__ = [
    "Certificate",
    "Posterior",
    "build_tree",
    "certify",
    "integrated_logp",
    "recover",
    "sample",
    "to_pymc",
    "to_pymc_marginal",
]
