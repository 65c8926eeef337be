"""R² and variance partition coefficients of a posterior, draw by draw."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bayesmm.design.naming import SAMPLE_DIMS, name_parameters, posterior_name
from bayesmm.errors import ModelError, near_matches
from bayesmm.posterior.draw_arrays import DrawArrays
from bayesmm.posterior.log_likelihood import fitted_means
from bayesmm.posterior.predictions import model_of
from bayesmm.predict import rows_of_design
from bayesmm.variance import VarianceParts, residual_variance, variance_parts

if TYPE_CHECKING:
    import xarray as xr

    from bayesmm.posterior.posterior import Posterior

KINDS = ("marginal", "conditional", "fitted")


def r2(posterior: Posterior, kind: str) -> xr.DataArray:
    """R² of every draw; see :meth:`Posterior.r2`."""
    if kind not in KINDS:
        raise ModelError(
            f"kind is {kind!r}",
            expected=f"one of {', '.join(map(repr, KINDS))}",
            advice=near_matches(kind, KINDS),
        )
    if kind == "fitted":
        values = _fitted_r2(posterior)
    else:
        parts = _parts(posterior)
        values = parts.marginal_r2 if kind == "marginal" else parts.conditional_r2
    return _by_draw(posterior, {"r2": values})["r2"].assign_attrs(kind=kind)


def icc(posterior: Posterior) -> xr.Dataset:
    """Variance partition coefficients of every draw; see :meth:`Posterior.icc`."""
    return _by_draw(
        posterior, {posterior_name(group): share for group, share in _parts(posterior).icc.items()}
    )


def _arrays(posterior: Posterior) -> DrawArrays:
    names = name_parameters(model_of(posterior).design)
    return DrawArrays.of(names, posterior.data["posterior"].to_dataset())


def _parts(posterior: Posterior) -> VarianceParts:
    draws, design = _arrays(posterior), model_of(posterior).design
    everything = slice(0, len(draws))
    factors = [draws.factor(t, everything) for t in range(len(design.terms))]
    return variance_parts(
        design,
        draws.beta(everything),
        [factor @ factor.transpose(0, 2, 1) for factor in factors],
        draws.sigma(everything),
    )


def _fitted_r2(posterior: Posterior) -> np.ndarray:
    """Var_i(x_i'β + z_i'b)/(that + residual variance), with each draw's own b."""
    draws, design = _arrays(posterior), model_of(posterior).design
    rows = replace(rows_of_design(design), offset=None)
    fitted = np.empty(len(draws))
    for at, mean in fitted_means(draws, rows):
        fitted[at] = mean.var(axis=1, ddof=1)
    return fitted / (fitted + residual_variance(design, draws.sigma(slice(0, len(draws)))))


def _by_draw(posterior: Posterior, values: dict[str, np.ndarray]) -> xr.Dataset:
    import xarray as xr

    draws = posterior.data["posterior"]
    shape = tuple(draws.sizes[dim] for dim in SAMPLE_DIMS)
    return xr.Dataset(
        {name: (SAMPLE_DIMS, array.reshape(shape)) for name, array in values.items()},
        coords={dim: draws.coords[dim].to_numpy() for dim in SAMPLE_DIMS},
    )
