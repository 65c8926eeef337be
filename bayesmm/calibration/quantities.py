"""What is ranked: the parameters, some random effects, and the log-likelihood.

A function of parameters and data too, the log-likelihood, is uniform like the rest, and finds faults that no
parameter shows by itself, such as draws of the prior in place of the posterior (Modrák et al. 2023).
"""

from __future__ import annotations

import numpy as np

from bayesmm.design.naming import Names
from bayesmm.model import MixedModel
from bayesmm.posterior.draw_arrays import DrawArrays
from bayesmm.posterior.log_likelihood import fitted_means, log_densities
from bayesmm.predict import rows_of_design

LEVELS = 3
"""Levels of each random effect that are ranked, evenly spread."""
LOG_LIKELIHOOD = "log likelihood"


def quantities(model: MixedModel, draws: DrawArrays) -> dict[str, np.ndarray]:
    """Label → (S,) values of every quantity at S draws.

    The coefficients, σ, standard deviations and correlations; of each random effect those of three levels;
    and log p(y | β, b, σ) of the model's response.
    """
    found: dict[str, np.ndarray] = {}
    names = draws.names
    for parameter in names.parameters:
        values = draws.values[parameter.name].reshape(len(draws), -1)
        labels = [parameter.name]
        if parameter.dim is not None:
            labels = [f"{parameter.name}[{label}]" for label in names.coords[parameter.dim]]
        found |= {label: values[:, i] for i, label in enumerate(labels)}
    found |= _effects(names, draws)
    found[LOG_LIKELIHOOD] = _log_likelihood(model, draws)
    return found


def _effects(names: Names, draws: DrawArrays) -> dict[str, np.ndarray]:
    """The random effects of some levels."""
    found = {}
    for term in names.terms:
        levels = names.coords[term.factor_dim]
        some = np.unique(np.linspace(0, len(levels) - 1, LEVELS).round().astype(int))
        for effect in term.effects:
            values = draws.values[effect.name]
            if effect.expr_dim is None:
                found |= {f"{effect.name}[{levels[i]}]": values[:, i] for i in some}
            else:
                found |= {
                    f"{effect.name}[{column}, {levels[i]}]": values[:, c, i]
                    for c, column in enumerate(names.coords[effect.expr_dim])
                    for i in some
                }
    return found


def _log_likelihood(model: MixedModel, draws: DrawArrays) -> np.ndarray:
    """(S,) Σ_i log p(y_i | η_i, φ)."""
    found = np.empty(len(draws))
    for at, eta in fitted_means(draws, rows_of_design(model.design)):
        found[at] = log_densities(model, draws, at, eta, out=eta).sum(axis=1)
    return found
