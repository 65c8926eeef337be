"""Arrays of draws + the names of a design → the DataTree that users hold, whichever sampler drew them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmm.design import Design
from bayesmm.design.identification import unidentified
from bayesmm.design.naming import OBS, SAMPLE_DIMS, name_parameters, posterior_name
from bayesmm.errors import ModelError
from bayesmm.model import MixedModel, file_attributes
from bayesmm.posterior.log_prior import log_prior

if TYPE_CHECKING:
    import xarray as xr

LARGEST_X = 10_000_000
"""X is kept among the constant data up to this many numbers (80 MB)."""


def build_tree(
    model: MixedModel,
    values: Mapping[str, np.ndarray],
    stats: Mapping[str, np.ndarray] | None = None,
    *,
    method: str,
    seed: int | None,
    attributes: Mapping[str, Any] | None = None,
    groups: Mapping[str, xr.Dataset] | None = None,
) -> xr.DataTree:
    """Put draws under their names, dimensions and labels.

    Parameters
    ----------
    model
        The model they are draws of.
    values
        Every variable of ``name_parameters(model.design).dims`` → (chains, draws, …).
    stats
        ArviZ's name of a sampler's statistic → (chains, draws).
    method
        ``"nuts"``, or what else made the draws.
    seed
        What makes them again.
    attributes
        More to keep at the root: strings and numbers.
    groups
        More groups. With ``effect_summary`` among them the random effects need not be among the values.

    Returns
    -------
    DataTree
        With the groups ``posterior``, ``log_prior``, ``sample_stats``, ``observed_data`` and
        ``constant_data``.

    Raises
    ------
    ModelError
        If a variable is missing, unknown, or of the wrong shape.
    """
    import xarray as xr

    names = name_parameters(model.design)
    sizes = {dim: len(labels) for dim, labels in names.coords.items()}
    chains, draws = next(iter(values.values())).shape[:2]
    wanted = names.dims
    if groups and "effect_summary" in groups:
        wanted = {name: dims for name, dims in wanted.items() if name not in names.effects}
    _check_complete(values, wanted)
    posterior = {}
    for name, dims in wanted.items():
        expected = (chains, draws, *(sizes[dim] for dim in dims))
        if values[name].shape != expected:
            raise ModelError(
                f"the draws of '{name}' have the shape {values[name].shape}",
                expected=f"{expected}: chains, draws, {', '.join(dims) or 'nothing more'}",
                advice="hand the draws over in the order of name_parameters(design).dims",
            )
        posterior[name] = ((*SAMPLE_DIMS, *dims), values[name])
    sampled = {"chain": np.arange(chains), "draw": np.arange(draws)}
    labels = {dim: names.coords[dim] for dims in names.dims.values() for dim in dims}
    used = {dim: labels[dim] for dims in wanted.values() for dim in dims}
    rows = {OBS: names.coords[OBS]}
    recorded = {name: (SAMPLE_DIMS, array) for name, array in (stats or {}).items()}
    drawn = xr.Dataset(posterior, coords=sampled | used)
    found = {
        "posterior": drawn,
        "log_prior": log_prior(model, drawn),
        "sample_stats": xr.Dataset(recorded, coords=sampled),
        "observed_data": xr.Dataset({names.response: (OBS, model.design.y)}, coords=rows),
        "constant_data": _constant_data(model.design, rows, labels),
    }
    tree = xr.DataTree.from_dict(found | dict(groups or {}))
    tree.attrs = tree_attributes(model, method, seed) | dict(attributes or {})
    return tree


def with_groups(data: xr.DataTree, groups: Mapping[str, xr.Dataset]) -> xr.DataTree:
    """A new tree with more groups, or others in place of those of the same name; the data are shared."""
    import xarray as xr

    found = {name: node.to_dataset() for name, node in data.children.items()}
    tree = xr.DataTree.from_dict(found | dict(groups))
    tree.attrs = dict(data.attrs)
    return tree


def _check_complete(values: Mapping[str, np.ndarray], dims: Mapping[str, tuple[str, ...]]) -> None:
    for odd, is_odd in ((set(dims) - set(values), "missing"), (set(values) - set(dims), "unknown")):
        if odd:
            raise ModelError(
                f"among the draws '{sorted(odd)[0]}' is {is_odd}",
                expected=f"the variables {', '.join(map(repr, dims))}",
                advice="name_parameters(design).dims has them with their dimensions",
            )


def _constant_data(
    design: Design, rows: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]
) -> xr.Dataset:
    """X (n, p), the codes (n,) of each grouping factor into its levels, weights and offset."""
    import xarray as xr

    constants: dict[str, Any] = {}
    coords = dict(rows)
    if 0 < design.X.size <= LARGEST_X:
        constants["X"] = ((OBS, "X_dim"), design.X)
        coords["X_dim"] = np.array(design.names, dtype=str)
    for group, factor in design.factors.items():
        name = posterior_name(group)
        constants[f"{name}__codes"] = (OBS, factor.codes)
        coords[f"{name}__factor_dim"] = labels[f"{name}__factor_dim"]
    for name, column in (("weights__data", design.weights), ("offset__data", design.offset)):
        if column is not None:
            constants[name] = (OBS, column)
    return xr.Dataset(constants, coords=coords)


def tree_attributes(model: MixedModel, method: str, seed: int | None) -> dict[str, Any]:
    """What a reader of the draws needs to know, as text and numbers, which any file format keeps."""
    design = model.design
    attributes = file_attributes(model, method) | {
        "priors": json.dumps({name: str(prior) for name, prior in model.priors.items()}),
        "intercept_prior": "centred" if name_parameters(design).has_intercept and design.p > 1 else "raw",
    }
    only_priors = unidentified(design)
    if only_priors:
        attributes["unidentified"] = json.dumps(only_priors)
    return attributes if seed is None else attributes | {"seed": seed}
