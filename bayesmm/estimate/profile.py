"""The profile of a model's variance parameter, by its name."""

from __future__ import annotations

import numpy as np

from bayesmm.checks import check_prob
from bayesmm.estimate.constrained import constrained
from bayesmm.likelihood import Profiled
from bayesmm.parallel import one_thread
from bayesmm.results.parameters import find_parameter
from bayesmm.search import Profile
from bayesmm.search.profile import profile as profile_along

KINDS = ("sd", "corr", "dispersion")


def profile(objective: Profiled, phi: np.ndarray, sigma: float, parameter: str, *, prob: float) -> Profile:
    """Walk from the optimum (φ̂, σ̂) out along a variance parameter, both ways.

    Parameters
    ----------
    parameter
        A standard deviation, a correlation or ``"sigma"``, by its name in the posterior.
    prob
        How far out: the profile covers the interval of this probability.

    Raises
    ------
    ModelError
        If there is no such variance parameter, its correlation is undefined at the optimum, or ``prob`` is
        no probability.
    """
    check_prob(prob, usual=0.999)
    named = find_parameter(objective.likelihood.design, parameter, KINDS)
    with one_thread():
        along = constrained(objective, phi, sigma, named)
    return profile_along(along, named.label, objective.method, prob=prob)
