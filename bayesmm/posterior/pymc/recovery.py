"""``recover``: β and b drawn exactly, where standard deviations, correlations and σ were sampled alone.

Given y and the variance parameters, β and b are jointly normal, and don't depend on where the variance
parameters came from: from :func:`bayesmm.posterior.pymc.marginal.to_pymc_marginal`, with whatever priors and
terms a user put in, or from a model of the user's own. One exact draw of (b, β) at each draw makes the
posterior whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmm.design.naming import SAMPLE_DIMS, Names, name_parameters
from bayesmm.errors import ModelError
from bayesmm.likelihood import IntegratedLikelihood
from bayesmm.model import MixedModel
from bayesmm.posterior.data_tree import build_tree
from bayesmm.posterior.draw_arrays import DrawArrays
from bayesmm.posterior.effects import named_effects
from bayesmm.posterior.posterior import Posterior
from bayesmm.posterior.scales import normal_prior, not_normal
from bayesmm.sampling.nuts import STATS
from bayesmm.sampling.seed import seed_of

if TYPE_CHECKING:
    import xarray as xr

CHUNK = 20_000_000
"""Numbers of random effects that are drawn at a time (160 MB)."""
LARGEST = 8e9
"""Bytes that the draws of the random effects may take."""


def recover(
    model: MixedModel,
    trace: xr.DataTree,
    random_seed: int | np.random.Generator | None = None,
    *,
    cores: int = 1,
) -> Posterior:
    """The whole posterior, with β and b, from draws of the standard deviations, correlations and σ.

    Parameters
    ----------
    model
        The model whose β and b are wanted; its priors on the coefficients count.
    trace
        What ``pm.sample`` gave for ``model.to_pymc(marginal=True)``, or any DataTree that has the posterior's
        names of sds, correlations and ``sigma`` in its group ``posterior``; what was held fixed, as by
        ``pm.do``, may stand in ``constant_data``. Other variables are left behind.
    random_seed
        A whole number, a numpy Generator, or None. Equal seeds give equal draws.
    cores
        How many threads to use.

    Returns
    -------
    Posterior
        With the draws of the trace, in its order, those of β and b beside them, and the sampler's statistics.
        Its method is ``"marginal-pymc"``.

    Raises
    ------
    ModelError
        If a variable is missing, of another shape or impossible, the prior of a coefficient isn't normal, or
        the random effects take more than 8 GB.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
    >>> trace = model.sample(draws=100, random_seed=1).data  # or pm.sample in model.to_pymc(marginal=True)
    >>> posterior = recover(model, trace, random_seed=2)
    >>> posterior.data["posterior"]["1|Batch"].shape
    (4, 100, 6)
    """
    names = name_parameters(model.design)
    odd = not_normal(model)
    if odd:
        raise ModelError(
            f"the prior of '{odd[0]}' is {model.priors[odd[0]].distribution}",
            expected="normal priors on all coefficients: only then is (b, β) given the rest a normal",
            advice="the model whose trace it is; one with other priors is sampled by model.sample()",
        )
    values, shape = _sampled(names, trace)
    S = shape[0] * shape[1]
    needed = 8.0 * S * model.design.q
    if needed > LARGEST:
        raise ModelError(
            f"{S:,} draws of {model.design.q:,} random effects take {needed / 1e9:,.0f} GB",
            expected=f"at most {LARGEST / 1e9:,.0f} GB",
            advice=f"trace.isel(draw=slice(None, None, {int(np.ceil(needed / LARGEST))}))",
        )
    arrays = DrawArrays(names, {name: array.reshape(S, *array.shape[2:]) for name, array in values.items()})
    seed = seed_of(random_seed)
    beta, effects = _draw(model, arrays, np.random.default_rng(seed), cores)
    beta = beta.reshape(*shape, -1)
    for term in names.fixed:
        columns = beta[..., list(term.positions)]
        values[term.name] = columns[..., 0] if term.dim is None else columns
    values |= named_effects(names, [drawn.reshape(*shape, *drawn.shape[1:]) for drawn in effects])
    data = build_tree(model, values, _statistics(trace, shape), method="marginal-pymc", seed=seed)
    return Posterior(data, model)


def _draw(
    model: MixedModel,
    arrays: DrawArrays,
    rng: np.random.Generator,
    cores: int,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """β (S, p), and b (S, ℓ, k) of each term."""
    design, S = model.design, len(arrays)
    integrated = IntegratedLikelihood(model.likelihood, *normal_prior(model))
    beta = np.empty((S, design.p))
    effects = [np.empty((S, len(term.factor), term.k)) for term in design.terms]
    length = max(1, CHUNK // max(design.q, 1))
    for start in range(0, S, length):
        at = slice(start, min(start + length, S))
        (sigma,) = arrays.dispersions(at)
        factors = [arrays.factor(t, at) / sigma[:, None, None] for t in range(len(design.terms))]
        lam = model.likelihood.variances.whitened(factors)
        density, drawn = integrated.draw(lam, np.log(sigma), rng, cores=cores)
        if not np.isfinite(density).all():
            raise ModelError(
                "at a draw of the trace the model's density can't be computed",
                expected="standard deviations that are not vanishingly small or large beside the data",
                advice="look at the extremes of the trace: az.summary(trace)",
            )
        beta[at] = drawn.beta
        for kept, some in zip(effects, drawn.effects, strict=True):
            kept[at] = some
    return beta, effects


def _sampled(names: Names, trace: xr.DataTree) -> tuple[dict[str, np.ndarray], tuple[int, int]]:
    """Sds, correlations and σ as they are in the trace, (chains, draws, …), and (chains, draws)."""
    if "posterior" not in getattr(trace, "children", ()):
        raise ModelError(
            f"the trace is a {type(trace).__name__} without a group 'posterior'",
            expected="the DataTree that pm.sample returns",
            advice="pm.sample(…) within model.to_pymc(marginal=True), without return_inferencedata=False",
        )
    posterior = trace["posterior"].dataset
    fixed = trace["constant_data"].dataset if "constant_data" in trace.children else {}
    shape = posterior.sizes["chain"], posterior.sizes["draw"]
    values: dict[str, np.ndarray] = {}
    for name, dims in _variance_parameters(names).items():
        if name not in posterior and name not in fixed:
            raise ModelError(
                f"the trace has no '{name}'",
                expected=f"draws of {', '.join(map(repr, _variance_parameters(names)))}",
                advice="the trace of this model's to_pymc(marginal=True)",
            )
        array = _aligned(name, posterior[name] if name in posterior else fixed[name], dims, names.coords)
        values[name] = np.array(np.broadcast_to(array, (*shape, *array.shape[array.ndim - len(dims) :])))
        _check_possible(name, values[name], names)
    for term in names.terms:
        shared = [values[effect.sd].reshape(*shape, -1) for effect in term.effects] if term.sd_shared else []
        if shared and np.ptp(np.concatenate(shared, axis=-1), axis=-1).max() > 0:
            raise ModelError(
                f"the columns' standard deviations in '{term.effects[0].sd}' differ",
                expected="one standard deviation for all columns of the bar: its covariance is 'identity'",
                advice="the trace of this model, or covariance='diagonal' for the model",
            )
    return values, shape


def _variance_parameters(names: Names) -> dict[str, tuple[str, ...]]:
    """σ, sds and correlations → their dimensions after chain and draw."""
    wanted = {*names.dispersions, *(effect.sd for term in names.terms for effect in term.effects)}
    wanted |= {term.corr for term in names.terms if term.corr is not None}
    return {name: dims for name, dims in names.dims.items() if name in wanted}


def _aligned(
    name: str, array: xr.DataArray, dims: tuple[str, ...], coords: Mapping[str, np.ndarray]
) -> np.ndarray:
    """A variable's values, labels in the model's order; with chain and draw in front if it has them."""
    sampled = [dim for dim in SAMPLE_DIMS if dim in array.dims]
    if set(array.dims) != {*sampled, *dims} or len(sampled) == 1:
        raise ModelError(
            f"'{name}' of the trace has the dimensions {', '.join(map(str, array.dims))}",
            expected=f"{', '.join((*SAMPLE_DIMS, *dims))}",
            advice="dims as model.to_pymc(marginal=True) has them",
        )
    for dim in dims:
        labels = [str(label) for label in array.coords[dim].to_numpy()] if dim in array.coords else []
        wanted = [str(label) for label in coords[dim]]
        if sorted(labels) != sorted(wanted):
            raise ModelError(
                f"'{name}' of the trace has the labels {', '.join(labels) or 'of no coordinate'}",
                expected=f"{', '.join(wanted)} along '{dim}'",
                advice="the trace of this model",
            )
        array = array.isel({dim: [labels.index(label) for label in wanted]})
    return array.transpose(*sampled, *dims).to_numpy().astype(float)


def _check_possible(name: str, values: np.ndarray, names: Names) -> None:
    shape = next((term.covariance.shape for term in names.terms if term.corr == name), None)
    low, high = (0.0, np.inf) if shape is None else (min(shape.lower), max(shape.upper))
    inside = (values >= low) & (values <= high) & np.isfinite(values)
    if name in names.dispersions:
        inside &= values > 0
    if not inside.all():
        raise ModelError(
            f"'{name}' of the trace has the value {values[~inside].flat[0]:g}",
            expected="finite standard deviations above 0"
            if shape is None
            else f"correlations between {low:.3g} and {high:.3g}",
            advice="the values themselves, not their logarithms or transforms",
        )


def _statistics(trace: Any, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """The sampler's statistics that are known by name, whichever sampler's they are."""
    if "sample_stats" not in trace.children:
        return {}
    recorded, found = trace["sample_stats"].dataset, {}
    for old, new in STATS.items():
        name = new if new in recorded else old
        if name in recorded and recorded[name].dims == SAMPLE_DIMS and recorded[name].shape == shape:
            found[new] = recorded[name].to_numpy()
    return found
