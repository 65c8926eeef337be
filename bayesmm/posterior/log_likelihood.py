"""The pointwise log-likelihood of a posterior's own rows, conditional on β, b and σ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayesmm.design import Rows
from bayesmm.design.naming import OBS, SAMPLE_DIMS, name_parameters
from bayesmm.errors import ModelError
from bayesmm.model import MixedModel
from bayesmm.posterior.data_tree import with_groups
from bayesmm.posterior.draw_arrays import DrawArrays
from bayesmm.predict import draw_pieces, linear_predictor, rows_of_design

if TYPE_CHECKING:
    import xarray as xr

LARGEST = 6e9
"""Bytes that the log-likelihood of all rows at all draws may take."""


def with_log_likelihood(model: MixedModel, data: xr.DataTree) -> xr.DataTree:
    """The posterior's data with a group ``log_likelihood``; see :meth:`Posterior.log_likelihood`."""
    return with_groups(data, {"log_likelihood": log_likelihood(model, data["posterior"].to_dataset())})


def log_likelihood(model: MixedModel, draws: xr.Dataset) -> xr.Dataset:
    """log p(y_i | η_i, φ) (chain, draw, __obs__): of a Gaussian log N(y_i; x_i'β + z_i'b + offset_i, σ²/w_i).

    Raises
    ------
    ModelError
        If it would take more than ``LARGEST`` bytes, or the random effects weren't kept.
    """
    import xarray as xr

    design, names = model.design, name_parameters(model.design)
    arrays = DrawArrays.of(names, draws)
    check_size(len(arrays), design.n)
    rows = rows_of_design(design)
    values = np.empty((len(arrays), design.n))
    for at, eta in fitted_means(arrays, rows, out=values):
        log_densities(model, arrays, at, eta, out=eta)  # a piece of ``values``: nothing else so large is held
    shape = tuple(draws.sizes[dim] for dim in SAMPLE_DIMS)
    coords = {dim: draws.coords[dim].to_numpy() for dim in SAMPLE_DIMS} | {OBS: names.coords[OBS]}
    return xr.Dataset(
        {names.response: ((*SAMPLE_DIMS, OBS), values.reshape(*shape, design.n))}, coords=coords
    )


def log_densities(
    model: MixedModel, draws: DrawArrays, at: slice, eta: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """log p(y_i | η_i, φ) (s, n) of the model's response, given predictors (s, n) of the draws ``at``."""
    dispersions = (value[:, None] for value in draws.dispersions(at))
    design = model.design
    return model.family.log_density(design.y, eta, *dispersions, weights=design.weights, out=out)


def fitted_means(
    draws: DrawArrays, rows: Rows, out: np.ndarray | None = None
) -> Iterator[tuple[slice, np.ndarray]]:
    """Xβ + Zb + offset of the rows that were fitted, some draws at a time: which, and (s, n).

    With ``out`` (S, n) given the means are written there, and the arrays are pieces of it.
    """
    for at in draw_pieces(len(draws), max(len(rows), 1)):
        effects = [
            None if term is None else draws.effects(t, at, term.levels) for t, term in enumerate(rows.terms)
        ]
        yield at, linear_predictor(rows, draws.beta(at), effects, out=None if out is None else out[at])


def check_size(draws: int, rows: int, *, copies: int = 1) -> None:
    """Refuse a log-likelihood that is too large.

    Parameters
    ----------
    copies
        How many arrays of its size will be held at a time.

    Raises
    ------
    ModelError
        If it would take more than ``LARGEST`` bytes.
    """
    needed = 8.0 * draws * rows * copies
    if needed > LARGEST:
        raise ModelError(
            f"log densities of {rows:,} rows or groups at {draws:,} draws take {needed / 1e9:,.1f} GB",
            expected=f"at most {LARGEST / 1e9:,.0f} GB",
            advice=f"posterior.loo(draws={int(draws * LARGEST / needed)}), which takes some of the draws",
        )
