"""Fit a model by ML or REML: likelihood, search, estimate; each step is open to the user."""

from __future__ import annotations

from bayesmm.design.identification import check_identified
from bayesmm.estimate.estimate import Estimate
from bayesmm.model import MixedModel
from bayesmm.parallel import one_thread
from bayesmm.search import minimise


def fit(model: MixedModel, *, reml: bool = True) -> Estimate:
    """The REML (or ML) estimate of a Gaussian mixed model.

    Parameters
    ----------
    model
        The model; its priors play no part here.
    reml
        True for the restricted likelihood, which allows for the estimation of β; False for ML.

    Raises
    ------
    ModelError
        If ``reml`` is neither True nor False.
    DataError
        If a term has as many random effects as there are rows.
    """
    check_identified(model.design)
    objective = model.objective(reml=reml)
    with one_thread():
        optimum = minimise(objective)
        solution = objective.solution(optimum.phi)
    return Estimate(model, objective, optimum, solution)
