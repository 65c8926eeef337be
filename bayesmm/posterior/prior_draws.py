"""Draws from the prior, by the names and dimensions of the posterior; no PyMC is needed for them.

σ, standard deviations, correlations and coefficients come from their priors, the random effects from
b ~ N(0, G). The prior of the intercept is on the centred one, the expected response at the mean of every
column of X, and what is reported is un-centred, β₀ = centred − x̄'β, as in the posterior.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmm.checks import check_count
from bayesmm.covariance import Covariance
from bayesmm.design import Design
from bayesmm.design.naming import INTERCEPT, OBS, SAMPLE_DIMS, Names, TermNames, name_parameters
from bayesmm.errors import ModelError
from bayesmm.model import MixedModel
from bayesmm.posterior.data_tree import tree_attributes, with_groups
from bayesmm.posterior.draw_arrays import DrawArrays
from bayesmm.posterior.predictions import draw_predictions
from bayesmm.predict import check_size, draw_effects, rows_of_design
from bayesmm.predict.linear import LARGEST
from bayesmm.priors import Prior
from bayesmm.sampling.seed import seed_of, streams

if TYPE_CHECKING:
    import xarray as xr


def prior_predictive(model: MixedModel, draws: int = 500, random_seed: Any = None) -> xr.DataTree:
    """Draws of parameters and responses from the prior.

    Parameters
    ----------
    model
        The model.
    draws
        How many, in one chain.
    random_seed
        A whole number, a numpy Generator, or None.

    Returns
    -------
    DataTree
        With the groups ``prior`` (all that a posterior has), ``prior_predictive`` and ``observed_data``.

    Raises
    ------
    ModelError
        If an option can't be, or the draws need too much memory.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.model import MixedModel
    >>> model = MixedModel("Reaction ~ Days + (Days | Subject)", load_data("sleepstudy"))
    >>> tree = prior_predictive(model, draws=100, random_seed=1)
    >>> dict(tree["prior_predictive"].sizes)
    {'chain': 1, 'draw': 100, '__obs__': 180}
    """
    import xarray as xr

    draws, seed = check_count("draws", draws, advice="draws=500"), seed_of(random_seed)
    design, names = model.design, name_parameters(model.design)
    check_size(draws, design.n, thin=False)
    arrays = draw_prior(model, draws, seed)
    _, _, levels_rng, noise_rng = streams(seed, 4)
    y = draw_predictions(
        model.family,
        arrays,
        rows_of_design(design),
        response=True,
        sample_new=False,
        levels_rng=levels_rng,
        noise_rng=noise_rng,
    )
    rows = {OBS: names.coords[OBS]}
    sampled = {"chain": np.arange(1), "draw": np.arange(draws)}
    tree = xr.DataTree.from_dict(
        {
            "prior": as_dataset(arrays),
            "prior_predictive": xr.Dataset(
                {names.response: ((*SAMPLE_DIMS, OBS), y[None])}, coords=sampled | rows
            ),
            "observed_data": xr.Dataset({names.response: (OBS, design.y)}, coords=rows),
        }
    )
    tree.attrs = tree_attributes(model, "prior", seed)
    return tree


def draw_prior(model: MixedModel, draws: int, seed: int) -> DrawArrays:
    """Draws of everything that a posterior has.

    Raises
    ------
    ModelError
        If the random effects need too much memory.
    """
    design, names = model.design, name_parameters(model.design)
    _check_effects(design, draws)
    rng, effects_rng = streams(seed, 4)[:2]
    values = _fixed(design, names, model.priors, draws, rng)
    values |= {name: model.priors[name].draw(rng, (draws,)) for name in names.dispersions}
    for named in names.terms:
        values |= _scales(named, model.priors, draws, rng)
    arrays = DrawArrays(names, values)
    every = slice(0, draws)
    for t, (term, named) in enumerate(zip(design.terms, names.terms, strict=True)):
        noise = effects_rng.standard_normal((draws, len(term.factor), term.k))
        b = draw_effects(arrays.factor(t, every), noise)
        for effect in named.effects:
            if effect.expr_dim is None:
                values[effect.name] = b[:, :, effect.positions[0]]
            else:
                values[effect.name] = b[:, :, list(effect.positions)].swapaxes(1, 2)
    return arrays


def with_prior(model: MixedModel, data: xr.DataTree, *, draws: int, random_seed: Any) -> xr.DataTree:
    """The posterior's data with the group ``prior``; see :meth:`Posterior.with_prior`."""
    draws, seed = check_count("draws", draws, advice="draws=1000"), seed_of(random_seed)
    prior = as_dataset(draw_prior(model, draws, seed))
    prior.attrs = {"seed": seed}
    return with_groups(data, {"prior": prior})


def as_dataset(arrays: DrawArrays) -> xr.Dataset:
    """Draws under their names, in one chain."""
    import xarray as xr

    names = arrays.names
    variables = {
        name: ((*SAMPLE_DIMS, *dims), arrays.values[name][None]) for name, dims in names.dims.items()
    }
    labels = {dim: names.coords[dim] for dims in names.dims.values() for dim in dims}
    return xr.Dataset(variables, coords={"chain": np.arange(1), "draw": np.arange(len(arrays))} | labels)


def _fixed(
    design: Design, names: Names, priors: dict[str, Prior], draws: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """The coefficients, the intercept un-centred."""
    values: dict[str, np.ndarray] = {}
    shift = np.zeros(draws)
    for term in names.fixed:
        shape = (draws,) if term.dim is None else (draws, len(term.positions))
        values[term.name] = priors[term.name].draw(rng, shape)
        if term.name != INTERCEPT:
            means = design.X[:, list(term.positions)].mean(axis=0)
            shift += values[term.name].reshape(draws, -1) @ means
    if names.has_intercept:
        values[INTERCEPT] = values[INTERCEPT] - shift
    return values


def _scales(
    named: TermNames, priors: dict[str, Prior], draws: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Standard deviations and correlations of one term."""
    values: dict[str, np.ndarray] = {}
    shared = priors[named.effects[0].sd].draw(rng, (draws,)) if named.sd_shared else None
    for effect in named.effects:
        shape = (draws,) if effect.expr_dim is None else (draws, len(effect.positions))
        if shared is None:
            values[effect.sd] = priors[effect.sd].draw(rng, shape)
        else:
            values[effect.sd] = np.broadcast_to(shared.reshape(draws, *[1] * (len(shape) - 1)), shape).copy()
    if named.corr is not None:
        told = _correlations(named.covariance, priors[named.corr], draws, rng)
        values[named.corr] = told[:, 0] if named.corr_dim is None else told
    return values


def _correlations(structure: Covariance, prior: Prior, draws: int, rng: np.random.Generator) -> np.ndarray:
    """What is told of a term's correlations, (draws, m)."""
    if prior.support == "correlation":
        return structure.reported_of(prior.draw(rng, (draws, structure.k, structure.k)))
    shape = structure.shape
    return structure.reported(shape.at(2 * prior.draw(rng, (draws, shape.size)) - 1))


def _check_effects(design: Design, draws: int) -> None:
    needed = 8.0 * draws * design.q
    if needed > LARGEST:
        raise ModelError(
            f"{draws:,} prior draws of {design.q:,} random effects take {needed / 1e9:,.1f} GB",
            expected=f"at most {LARGEST / 1e9:,.0f} GB",
            advice=f"draws={int(LARGEST / (8.0 * design.q))}",
        )
