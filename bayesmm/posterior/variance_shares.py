"""R² and variance partition coefficients of a posterior, draw by draw."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bayesmm.checks import check_choice
from bayesmm.design.naming import SAMPLE_DIMS, name_parameters, posterior_name
from bayesmm.model import MixedModel
from bayesmm.posterior.draw_arrays import DrawArrays
from bayesmm.posterior.log_likelihood import fitted_means
from bayesmm.predict import rows_of_design
from bayesmm.variance import VarianceParts, residual_variance, variance_parts

if TYPE_CHECKING:
    import xarray as xr

KINDS = ("marginal", "conditional", "fitted")


def r2(model: MixedModel, data: xr.DataTree, kind: str) -> xr.DataArray:
    """R² of every draw; see :meth:`Posterior.r2`."""
    check_choice("kind", kind, KINDS)
    if kind == "fitted":
        values = _fitted_r2(model, data)
    else:
        parts = _parts(model, data)
        values = parts.marginal_r2 if kind == "marginal" else parts.conditional_r2
    return _by_draw(data, {"r2": values})["r2"].assign_attrs(kind=kind)


def icc(model: MixedModel, data: xr.DataTree) -> xr.Dataset:
    """Variance partition coefficients of every draw; see :meth:`Posterior.icc`."""
    shares = _parts(model, data).icc
    return _by_draw(data, {posterior_name(group): share for group, share in shares.items()})


def _arrays(model: MixedModel, data: xr.DataTree) -> DrawArrays:
    return DrawArrays.of(name_parameters(model.design), data["posterior"].to_dataset())


def _parts(model: MixedModel, data: xr.DataTree) -> VarianceParts:
    draws, design = _arrays(model, data), model.design
    everything = slice(0, len(draws))
    factors = [draws.factor(t, everything) for t in range(len(design.terms))]
    return variance_parts(
        design,
        draws.beta(everything),
        [factor @ factor.transpose(0, 2, 1) for factor in factors],
        *draws.dispersions(everything),
    )


def _fitted_r2(model: MixedModel, data: xr.DataTree) -> np.ndarray:
    """Var_i(x_i'β + z_i'b)/(that + residual variance), with each draw's own b."""
    draws, design = _arrays(model, data), model.design
    rows = replace(rows_of_design(design), offset=None)
    fitted = np.empty(len(draws))
    for at, mean in fitted_means(draws, rows):
        fitted[at] = mean.var(axis=1, ddof=1)
    return fitted / (fitted + residual_variance(design, *draws.dispersions(slice(0, len(draws)))))


def _by_draw(data: xr.DataTree, values: dict[str, np.ndarray]) -> xr.Dataset:
    import xarray as xr

    draws = data["posterior"]
    shape = tuple(draws.sizes[dim] for dim in SAMPLE_DIMS)
    return xr.Dataset(
        {name: (SAMPLE_DIMS, array.reshape(shape)) for name, array in values.items()},
        coords={dim: draws.coords[dim].to_numpy() for dim in SAMPLE_DIMS},
    )
