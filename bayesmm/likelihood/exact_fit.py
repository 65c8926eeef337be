"""Whether a model can explain its response exactly, and what becomes of its likelihood then."""

from __future__ import annotations

import numpy as np

from bayesmm.likelihood.marginal import MarginalLikelihood
from bayesmm.likelihood.profiled import Profiled

VANISHED = 1e-6
"""A residual sd, relative to that of a fit without random effects, below which rounding is all there is."""
LARGE = 1e7
"""Relative standard deviations at which effects are as good as free."""
CAUSE = "the random effects explain the response exactly, or all but"
REMEDY = "look for a group with one value a level"


def explains_exactly(likelihood: MarginalLikelihood) -> bool:
    """Whether fixed and random effects together leave no residuals, once nothing shrinks the latter.

    Unless there are as many effects as rows the likelihood then has no bound: it rises as σ → 0.
    """
    phi = np.where(likelihood.nonnegative, LARGE, 0.0)
    return Profiled(likelihood, reml=False).relative_sigma(phi) < VANISHED
