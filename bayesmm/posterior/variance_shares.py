"""R² and variance partition coefficients of a posterior, draw by draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bayesmm.checks import check_choice
from bayesmm.design import Design
from bayesmm.posterior.answers import arrays_of, labels_of_draws, variance_draws
from bayesmm.posterior.log_likelihood import fitted_means
from bayesmm.predict import rows_of_design
from bayesmm.results import Values
from bayesmm.results.values import SHARE
from bayesmm.variance import R2_KINDS, VarianceParts, residual_variance, variance_parts

if TYPE_CHECKING:
    import xarray as xr


def r2(design: Design, data: xr.DataTree, kind: str | None) -> Values:
    """R² of every draw; see :meth:`Fitted.r2`."""
    if kind is not None:
        check_choice("kind", kind, R2_KINDS)
    if kind == "fitted":
        return _values(data, {"fitted": _fitted_r2(design, data)})
    parts = _parts(design, data)
    shares = {"marginal": parts.marginal_r2, "conditional": parts.conditional_r2}
    return _values(data, shares if kind is None else {kind: shares[kind]})


def icc(design: Design, data: xr.DataTree) -> Values:
    """Variance partition coefficients of every draw; see :meth:`Fitted.icc`."""
    return _values(data, _parts(design, data).icc)


def _parts(design: Design, data: xr.DataTree) -> VarianceParts:
    draws = arrays_of(design, data)
    everything = slice(0, len(draws))
    at = variance_draws(draws, design)
    return variance_parts(design, draws.beta(everything), at.covariances, *at.dispersions)


def _fitted_r2(design: Design, data: xr.DataTree) -> np.ndarray:
    """Var_i(x_i'β + z_i'b)/(that + residual variance), with each draw's own b."""
    draws = arrays_of(design, data)
    rows = replace(rows_of_design(design), offset=None)
    fitted, centre = np.empty(len(draws)), np.empty(len(draws))
    for at, linear in fitted_means(draws, rows):
        fitted[at], centre[at] = linear.var(axis=1, ddof=1), linear.mean(axis=1)
    return fitted / (fitted + residual_variance(design, centre, *draws.dispersions(slice(0, len(draws)))))


def _values(data: xr.DataTree, shares: Mapping[str, np.ndarray]) -> Values:
    coords = labels_of_draws(data)
    shape = tuple(len(labels) for labels in coords.values())
    draws = np.stack([share.reshape(shape) for share in shares.values()], axis=-1)
    return Values.of_draws(list(shares), draws, [SHARE] * len(shares), coords)
