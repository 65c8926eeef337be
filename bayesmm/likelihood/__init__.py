"""The exact Gaussian marginal likelihood: one blocked factorization, its value and its gradient."""

from bayesmm.likelihood.exact_fit import explains_exactly
from bayesmm.likelihood.given import GivenCoefficients, without_given
from bayesmm.likelihood.integrated import ConditionalDraws, IntegratedLikelihood
from bayesmm.likelihood.leave_out import LeaveOut
from bayesmm.likelihood.marginal import MarginalLikelihood
from bayesmm.likelihood.profiled import Profiled
from bayesmm.likelihood.solution import Solution

__all__ = [
    "ConditionalDraws",
    "GivenCoefficients",
    "IntegratedLikelihood",
    "LeaveOut",
    "MarginalLikelihood",
    "Profiled",
    "Solution",
    "explains_exactly",
    "without_given",
]
