"""The exact Gaussian marginal likelihood: one blocked factorization, its value and its gradient."""

from bayesmm.likelihood.blocks import describe_blocks
from bayesmm.likelihood.exact_fit import explains_exactly
from bayesmm.likelihood.factorization import Factorization
from bayesmm.likelihood.given import GivenCoefficients, without_given
from bayesmm.likelihood.integrated import ConditionalDraws, IntegratedLikelihood
from bayesmm.likelihood.layout import Layout, layout_of
from bayesmm.likelihood.leave_out import LeaveOut
from bayesmm.likelihood.marginal import MarginalLikelihood, Solution, checked_reml
from bayesmm.likelihood.threads import one_thread

__all__ = [
    "ConditionalDraws",
    "Factorization",
    "GivenCoefficients",
    "IntegratedLikelihood",
    "Layout",
    "LeaveOut",
    "MarginalLikelihood",
    "Solution",
    "checked_reml",
    "describe_blocks",
    "explains_exactly",
    "layout_of",
    "one_thread",
    "without_given",
]
