"""The log prior densities at a posterior's draws, parameter by parameter: the group ``log_prior``.

``arviz.psense`` and the like raise the prior to a power by them. They are the priors that a user gives: of
coefficients (of the intercept at the means of X), σ, standard deviations and correlations. p(b | G) is part
of the model and not among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayesmm.covariance import Covariance
from bayesmm.design import Design
from bayesmm.design.naming import INTERCEPT, SAMPLE_DIMS, Names, name_parameters
from bayesmm.model import MixedModel
from bayesmm.priors import Prior

if TYPE_CHECKING:
    import xarray as xr


def log_prior(model: MixedModel, draws: xr.Dataset) -> xr.Dataset:
    """log p of every parameter that has a prior, under its name: (chain, draw[, its values]).

    A bar's correlations have one density together.
    """
    import xarray as xr

    design, names, priors = model.design, name_parameters(model.design), model.priors
    values = {
        name: draws[name].transpose(*SAMPLE_DIMS, *dims).to_numpy()
        for name, dims in names.dims.items()
        if name not in names.effects
    }
    structures = {term.corr: term.covariance for term in names.terms}
    found = {}
    for parameter in names.parameters:
        x, dims = values[parameter.name], names.dims[parameter.name]
        if parameter.name == INTERCEPT:
            x = x + _at_the_means(names, values, design)
        if parameter.kind == "corr":
            density = _of_correlations(priors[parameter.name], structures[parameter.name], x)
            found[parameter.name] = (SAMPLE_DIMS, density)
            continue
        if parameter.dim is None and dims:  # one standard deviation that columns share
            x, dims = x[..., 0], ()
        found[parameter.name] = ((*SAMPLE_DIMS, *dims), priors[parameter.name].logpdf(x))
    labels = {dim: names.coords[dim] for _, dims in ((n, v[0][2:]) for n, v in found.items()) for dim in dims}
    sampled = {dim: draws.coords[dim].to_numpy() for dim in SAMPLE_DIMS}
    return xr.Dataset(found, coords=sampled | labels)


def _of_correlations(prior: Prior, structure: Covariance, told: np.ndarray) -> np.ndarray:
    """The one density (chains, draws) of a bar's correlations: of R, or of the shape parameters."""
    sampled = told.shape[:2]
    L = structure.factor_of(told.reshape(np.prod(sampled), -1))
    R = L @ L.swapaxes(1, 2)
    if prior.support == "correlation":
        return prior.logpdf(R).reshape(sampled)
    shape = structure.shape
    width = np.log(np.subtract(shape.upper, shape.lower)).sum()
    return prior.logpdf(shape.share(structure.shape_of(R))).sum(axis=1).reshape(sampled) - width


def _at_the_means(names: Names, draws: Mapping[str, np.ndarray], design: Design) -> np.ndarray | float:
    """x̄'β without the intercept, (chains, draws)."""
    means, total = design.X.mean(axis=0), 0.0
    for fixed in names.fixed:
        if fixed.name != INTERCEPT:
            columns = draws[fixed.name] if fixed.dim is not None else draws[fixed.name][..., None]
            total = total + columns @ means[list(fixed.positions)]
    return total
