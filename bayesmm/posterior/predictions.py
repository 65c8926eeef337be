"""Predictions from a posterior: draws of the mean or of the response, for its own rows or for new ones."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmm.checks import check_choice, check_count, check_prob
from bayesmm.design import Design, Rows
from bayesmm.design.entrance import as_frame, frame_of_kind, kind_of
from bayesmm.design.frame import plain_frame
from bayesmm.design.naming import MEAN, OBS, SAMPLE_DIMS, name_parameters, posterior_name
from bayesmm.errors import ModelError
from bayesmm.families import Family
from bayesmm.model import MixedModel
from bayesmm.posterior.data_tree import with_groups
from bayesmm.posterior.draw_arrays import DrawArrays
from bayesmm.predict import (
    KINDS,
    as_new_levels,
    check_size,
    draw_effects,
    draw_pieces,
    linear_predictor,
    pad_effects,
    rows_of_design,
    rows_to_predict,
)
from bayesmm.results.intervals import of_draws
from bayesmm.sampling.seed import seed_of, streams

if TYPE_CHECKING:
    import xarray as xr

EFFECTS = ("fitted", "new")
"""Whose responses are replicated: those of the groups that were fitted, or of others like them."""


def predict(
    model: MixedModel,
    data: xr.DataTree,
    newdata: Any,
    *,
    kind: str,
    new_levels: str,
    random_seed: Any,
    include_random: bool | str | Collection[str],
    weights: Any,
    offset: Any,
    thin: int,
    prob: float,
    draws: bool,
) -> Any:
    """A table of predictions, or a copy of the posterior's data with them; see :meth:`Posterior.predict`."""
    check_choice("kind", kind, KINDS)
    prob = check_prob(prob)
    data = _thinned(data, thin)
    rows = rows_to_predict(
        model.design,
        newdata,
        new_levels=new_levels,
        include_random=include_random,
        weights=weights,
        offset=offset,
        need_weights=kind == "response",
    )
    seed = seed_of(random_seed)
    drawn = _predicted(model, data, rows, kind=kind, new_levels=new_levels, seed=seed)
    drawn.attrs = {"kind": kind, "new_levels": new_levels, "seed": seed, "thin": int(thin)}
    if not draws:
        table = _table(drawn, rows, prob)
        return frame_of_kind(table, model.design.given.kind if newdata is None else kind_of(newdata))
    if newdata is not None:
        constants = _constants(model.design, newdata, rows)
        return with_groups(data, {"predictions": drawn, "predictions_constant_data": constants})
    if kind == "response":
        return with_groups(data, {"posterior_predictive": drawn})
    fitted = data["posterior"].to_dataset().assign({MEAN: drawn[MEAN]})
    return with_groups(data, {"posterior": fitted})


def posterior_predictive(
    model: MixedModel, data: xr.DataTree, *, random_seed: Any, effects: str
) -> xr.DataTree:
    """The posterior's data with replicated responses; see :meth:`Posterior.posterior_predictive`."""
    check_choice("effects", effects, EFFECTS)
    seed = seed_of(random_seed)
    rows = rows_of_design(model.design)
    if effects == "new":
        rows = as_new_levels(rows)
    drawn = _predicted(model, data, rows, kind="response", new_levels="sample", seed=seed)
    drawn.attrs = {"effects": effects, "seed": seed}
    return with_groups(data, {"posterior_predictive": drawn})


def draw_predictions(
    family: Family,
    draws: DrawArrays,
    rows: Rows,
    *,
    response: bool,
    sample_new: bool,
    levels_rng: np.random.Generator,
    noise_rng: np.random.Generator,
) -> np.ndarray:
    """(S, m) the mean or the response of m rows for each of S draws.

    New levels have effects of zero, or (``sample_new``) b ~ N(0, G_s), one for each draw s and level, shared
    by the level's rows. The numbers don't depend on how the draws are cut into pieces, nor the effects on
    whether responses are drawn.
    """
    sizes = [0 if term is None else term.n_new * term.Xi.shape[1] for term in rows.terms]
    ends = np.cumsum(sizes)
    used = sum(0 if term is None else (term.n_known + term.n_new) * term.Xi.shape[1] for term in rows.terms)
    out = np.empty((len(draws), len(rows)))
    for at in draw_pieces(len(draws), max(len(rows), used)):
        noise = levels_rng.standard_normal((at.stop - at.start, sum(sizes))) if sample_new else None
        effects: list[np.ndarray | None] = []
        for t, term in enumerate(rows.terms):
            if term is None:
                effects.append(None)
                continue
            new: np.ndarray | int = term.n_new
            if noise is not None and term.n_new:
                own = noise[:, ends[t] - sizes[t] : ends[t]].reshape(len(noise), term.n_new, -1)
                new = draw_effects(draws.factor(t, at), own)
            effects.append(pad_effects(draws.effects(t, at, term.levels), new))
        linear_predictor(rows, draws.beta(at), effects, out=out[at])
        if response:
            dispersions = (value[:, None] for value in draws.dispersions(at))
            family.draw(noise_rng, out[at], *dispersions, weights=rows.weights, out=out[at])
    return out


def _predicted(
    model: MixedModel, data: xr.DataTree, rows: Rows, *, kind: str, new_levels: str, seed: int
) -> xr.Dataset:
    """The predictions as a Dataset (chain, draw, __obs__)."""
    import xarray as xr

    names = name_parameters(model.design)
    posterior = data["posterior"].to_dataset()
    chains, draws = (posterior.sizes[dim] for dim in SAMPLE_DIMS)
    check_size(chains * draws, len(rows), thin=True)
    levels_rng, noise_rng = streams(seed, 2)
    values = draw_predictions(
        model.family,
        DrawArrays.of(names, posterior),
        rows,
        response=kind == "response",
        sample_new=new_levels == "sample",
        levels_rng=levels_rng,
        noise_rng=noise_rng,
    )
    name = MEAN if kind == "mean" else names.response
    coords = {dim: posterior.coords[dim].to_numpy() for dim in SAMPLE_DIMS} | {OBS: np.arange(len(rows))}
    return xr.Dataset({name: ((*SAMPLE_DIMS, OBS), values.reshape(chains, draws, len(rows)))}, coords=coords)


def _table(drawn: xr.Dataset, rows: Rows, prob: float) -> pd.DataFrame:
    """(m, 4) mean, sd and interval of the draws of each row, as an estimate's predictions have them."""
    values = next(iter(drawn.data_vars.values())).to_numpy().reshape(-1, len(rows))
    lower, upper = of_draws(values, prob)
    columns = {"mean": values.mean(axis=0), "se": values.std(axis=0, ddof=1), "lower": lower, "upper": upper}
    table = pd.DataFrame(columns, index=rows.index)
    included = ["the uncertainty of all parameters"]
    if drawn.attrs["new_levels"] == "sample" and any(term is not None and term.n_new for term in rows.terms):
        included.append("the variance of new levels' effects")
    if drawn.attrs["kind"] == "response":
        included.append("the residual variance")
    table.attrs = drawn.attrs | {"prob": prob, "se_includes": ", ".join(included)}
    return table


def simulated(
    model: MixedModel, data: xr.DataTree, draws: int, random_seed: Any, effects: str
) -> pd.DataFrame:
    """(n, draws) responses, each with the parameters of a draw of its own; see :meth:`Fitted.simulate`."""
    check_choice("effects", effects, EFFECTS)
    arrays = DrawArrays.of(name_parameters(model.design), data["posterior"].to_dataset())
    draws = check_count("draws", draws, advice="draws=100")
    if draws > len(arrays):
        raise ModelError(
            f"draws is {draws}, and the posterior has {len(arrays)}",
            expected="at most one for each draw",
            advice=f"draws={len(arrays)}",
        )
    check_size(draws, model.design.n, thin=False)
    at = (np.arange(draws) + 0.5) * len(arrays) / draws
    some = DrawArrays(arrays.names, {name: x[at.astype(int)] for name, x in arrays.values.items()})
    rows = rows_of_design(model.design)
    levels_rng, noise_rng = streams(seed_of(random_seed), 2)
    responses = draw_predictions(
        model.family,
        some,
        as_new_levels(rows) if effects == "new" else rows,
        response=True,
        sample_new=True,
        levels_rng=levels_rng,
        noise_rng=noise_rng,
    )
    return pd.DataFrame(responses.T, index=model.design.index)


def _thinned(data: xr.DataTree, thin: Any) -> xr.DataTree:
    """Every ``thin``-th draw of each chain; what is of the prior stays."""
    thin = check_count("thin", thin, advice="thin=1 keeps all draws")
    if thin == 1:
        return data
    groups = {}
    for name, node in data.children.items():
        dataset = node.to_dataset()
        if not name.startswith("prior") and "draw" in dataset.dims:
            groups[name] = dataset.isel(draw=slice(None, None, thin))
    return with_groups(data, groups)


def _constants(design: Design, newdata: Any, rows: Rows) -> xr.Dataset:
    """The columns of the new data that were used, weights and offset."""
    import xarray as xr

    frame = as_frame(newdata)
    groups = {term.group for term, used in zip(design.terms, rows.terms, strict=True) if used is not None}
    names = sorted(design.formula.predictors_of(groups) & set(frame.columns))
    constants = {}
    for name, column in plain_frame(frame, names).items():
        numeric = isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufM"
        values = column.to_numpy() if numeric else column.to_numpy(dtype=str)
        constants[posterior_name(str(name))] = (OBS, values)
    for name, values in (("weights__data", rows.weights), ("offset__data", rows.offset)):
        if values is not None:
            constants[name] = (OBS, values)
    return xr.Dataset(constants, coords={OBS: np.arange(len(rows))})
