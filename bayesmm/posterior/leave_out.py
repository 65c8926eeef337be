"""Leave-one-out cross-validation of a posterior without refits: by row or by group, integrated or not.

*Conditional*: the weights 1/p(y_i | β, b, σ) turn draws given y into draws given y_−i (Gelfand, Dey & Chang
1992). They are heavy-tailed where a row has much to say about its own group's b.

*Integrated*: b and β are integrated out, and what remains to be reweighted are the variance parameters ψ. By
p(ψ | y) ∝ p(ψ | y_−A) p(y_A | y_−A, ψ), with ψ_1, …, ψ_S drawn given y,

    p(y_A | y_−A) = 1 / E[1 / p(y_A | y_−A, ψ)],

so that ℓ_sA = log p(y_A | y_−A, ψ_s), which is known in closed form (:mod:`bayesmm.likelihood.leave_out`),
takes the place of the pointwise log-likelihood in PSIS-LOO (Vehtari, Gelman & Gabry 2017). Coefficients whose
priors aren't normal don't integrate out, and are reweighted with the variance parameters. A single row or
group tells little of ψ, so the weights are nearly even and Pareto's k̂ is small; A may be a whole group, of
which conditional weights can say nothing useful (Merkle, Furr & Rabe-Hesketh 2019).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmm.checks import check_count
from bayesmm.design import Design
from bayesmm.design.naming import OBS, SAMPLE_DIMS, Names, name_parameters, posterior_name
from bayesmm.errors import ModelError, near_matches
from bayesmm.likelihood import IntegratedLikelihood, LeaveOut
from bayesmm.model import MixedModel
from bayesmm.posterior.coefficients import SampledCoefficients
from bayesmm.posterior.draw_arrays import DrawArrays
from bayesmm.posterior.log_likelihood import check_size, log_likelihood
from bayesmm.posterior.scales import normal_prior, not_normal
from bayesmm.sampling.mixing import ess_mean_of
from bayesmm.sampling.progress import Progress
from bayesmm.sampling.psis import Smoothed, smooth

if TYPE_CHECKING:
    import xarray as xr
    from arviz_stats import ELPDData

FEWEST = 100
"""Draws below which the tail of importance weights can't be told."""
FEW = 0.01
"""The share of draws that may be left out since a density has no digits there, as where σ is all but zero."""
THINNED = 1000
"""Draws that are taken of a model for which all of them would take long."""
LONG = 2e10
"""Multiplications, some 10 to 20 seconds, from which on draws are thinned unless their number is given."""
COPIES = 3
"""Arrays of the size of the log densities that importance sampling holds: they, their weights, a copy."""
ROW = "row"
"""The coordinate that has the labels of the rows."""


def loo(
    model: MixedModel,
    data: xr.DataTree,
    unit: Any,
    *,
    integrated: bool,
    draws: Any,
    progressbar: bool = True,
) -> ELPDData:
    """Leave-one-out cross-validation; see :meth:`Posterior.loo`."""
    _check_unit(model.design, unit, integrated)
    names = name_parameters(model.design)
    kept = data["posterior"].to_dataset()
    _check_draws(draws, kept)
    with Progress(1, "densities", show=progressbar) as progress:
        if integrated:
            values = _integrated(model, names, kept, unit, draws, progress)
        else:
            values = _conditional(data, model, kept, draws)
        progress.restart(values.shape[-1], "smoothing")
        return _elpd(values, model, names, kept, unit, integrated, progress)


def _integrated(
    model: MixedModel,
    names: Names,
    kept: xr.Dataset,
    unit: str | None,
    draws: int | None,
    progress: Progress,
) -> xr.DataArray:
    """ℓ (chain, draw, unit) = log p(y_A | y_−A, ψ) at the draws of ψ."""
    import xarray as xr

    coefficients = SampledCoefficients(model) if not_normal(model) else None
    if coefficients is None:
        given, integrated = None, IntegratedLikelihood(model.likelihood, *normal_prior(model))
    else:
        given, integrated = coefficients.given, coefficients.given.integrated
    sets = LeaveOut(integrated, unit, given)
    if draws is None and _count(kept) * sets.work > LONG:
        draws = THINNED
    some = _thinned(kept, draws)
    check_size(_count(some), sets.n_units, copies=COPIES)
    arrays = DrawArrays.of(names, some)
    everything = slice(0, len(arrays))
    (sigma,) = arrays.dispersions(everything)
    factors = [arrays.factor(t, everything) / sigma[:, None, None] for t in range(len(names.terms))]
    progress.restart(len(arrays) * sets.n_units, "densities")
    values = sets.log_densities(
        integrated.likelihood.variances.whitened(factors),
        np.log(sigma),
        delta=None if coefficients is None else coefficients.delta_of(arrays.beta(everything)),
        cores=os.cpu_count() or 1,
        advance=progress.advance,
    )
    dim = OBS if unit is None else f"{posterior_name(unit)}__factor_dim"
    values = values.reshape(*(some.sizes[d] for d in SAMPLE_DIMS), -1)
    known = np.isfinite(values).all(axis=(0, 2))
    if np.mean(known) < 1 - FEW:
        _check_finite(values, names.coords[dim], unit)
    coords = {d: some.coords[d].to_numpy() for d in SAMPLE_DIMS} | {dim: names.coords[dim]}
    return xr.DataArray(values, dims=(*SAMPLE_DIMS, dim), coords=coords).isel(draw=known)


def _conditional(data: xr.DataTree, model: MixedModel, kept: xr.Dataset, draws: int | None) -> xr.DataArray:
    """log p(y_i | β, b, σ) (chain, draw, __obs__)."""
    found = data.children.get("log_likelihood")
    if found is not None and draws is None:
        return found.to_dataset()[name_parameters(model.design).response]
    some = _thinned(kept, draws)
    check_size(_count(some), model.design.n, copies=COPIES)
    return log_likelihood(model, some)[name_parameters(model.design).response]


def _elpd(
    values: xr.DataArray,
    model: MixedModel,
    names: Names,
    kept: xr.Dataset,
    unit: str | None,
    integrated: bool,
    progress: Progress,
) -> ELPDData:
    """PSIS-LOO of ℓ, with labels on what it says of each unit."""
    integrated_out = {*names.effects, *(term.name for term in names.fixed)} - {*not_normal(model)}
    integrated_out = integrated_out if integrated else set()
    some = kept[[name for name in names.dims if name in kept and name not in integrated_out]]
    r_eff = _worth_of_a_draw(some.sel({dim: values.coords[dim] for dim in SAMPLE_DIMS}))
    dim = str(values.dims[-1])
    log_p = values.to_numpy().reshape(-1, values.sizes[dim])
    smoothed = smooth(log_p, r_eff, advance=progress.advance)
    about = {"reading": "integrated" if integrated else "conditional", "unit": unit or "row"}
    labels = {dim: values.coords[dim].to_numpy()}

    def by_unit(name: str, array: np.ndarray) -> xr.DataArray:
        import xarray as xr

        found = xr.DataArray(array, dims=dim, coords=labels, name=name, attrs=about)
        return found.assign_coords({ROW: (OBS, _row_labels(model.design.index))}) if unit is None else found

    elpd = _result_of_arviz(values.rename(names.response), smoothed, r_eff)
    n = len(smoothed.elpd)
    elpd.elpd, elpd.p = float(np.sum(smoothed.elpd)), float(np.sum(smoothed.lppd - smoothed.elpd))
    elpd.se = float(np.sqrt(n * np.var(smoothed.elpd, ddof=1))) if n > 1 else 0.0
    elpd.n_data_points = n
    elpd.elpd_i, elpd.pareto_k = by_unit("elpd_i", smoothed.elpd), by_unit("pareto_k", smoothed.khat)
    elpd.warning = bool(np.any(smoothed.khat > elpd.good_k))
    if elpd.warning:
        untrusted = int(np.sum(smoothed.khat > elpd.good_k))
        what = "rows" if unit is None else f"levels of '{unit}'"
        warnings.warn(
            f"Estimated shape parameter of Pareto distribution is greater than {elpd.good_k:.2f} for "
            f"{untrusted} of {n} {what}, whose values can't be trusted",
            stacklevel=4,
        )
    return elpd


def _result_of_arviz(values: xr.DataArray, smoothed: Smoothed, r_eff: float) -> ELPDData:
    """What ArviZ makes of the two units with the smallest k̂: the object, whatever its class, to be filled in.

    ArviZ sums up one unit after the other, which takes longer than all that was done before.
    """
    import xarray as xr
    from arviz_stats import loo as psis_loo

    dim, shape = str(values.dims[-1]), values.shape[:2]
    two = np.argsort(smoothed.khat)[:2]
    log_weights = xr.DataArray(
        smoothed.log_weights.reshape(-1, *shape),
        dims=(dim, *SAMPLE_DIMS),
        coords={d: values.coords[d].to_numpy() for d in values.dims},
        name=values.name,
    )
    tree = xr.DataTree.from_dict({"log_likelihood": values.isel({dim: two}).to_dataset()})
    found = psis_loo(
        tree,
        pointwise=True,
        reff=r_eff,
        log_weights=log_weights.isel({dim: two}),
        pareto_k=xr.DataArray(smoothed.khat, dims=dim, coords={dim: values.coords[dim]}).isel({dim: two}),
    )
    found.log_weights = log_weights
    return found


def _worth_of_a_draw(draws: xr.Dataset) -> float:
    """The effective sample size for a mean, as a share of the draws, on average over the variables."""
    chains, length = (draws.sizes[dim] for dim in SAMPLE_DIMS)
    if chains == 1:
        return 1.0
    arrays = [array.transpose(*SAMPLE_DIMS, ...).to_numpy() for array in draws.data_vars.values()]
    together = np.concatenate([array.reshape(chains, length, -1) for array in arrays], axis=2)
    return float(np.mean(ess_mean_of(np.ascontiguousarray(together.transpose(2, 0, 1))))) / (chains * length)


def _row_labels(index: pd.Index) -> np.ndarray:
    """The labels of the rows: numbers as they are, anything else as text."""
    if index.dtype.kind in "iuf":
        return index.to_numpy()
    return np.array([str(label) for label in index], dtype=str)


def _thinned(kept: xr.Dataset, draws: int | None) -> xr.Dataset:
    """About so many draws in all, evenly spread over each chain; None for all of them."""
    if draws is None:
        return kept
    chains, length = (kept.sizes[dim] for dim in SAMPLE_DIMS)
    each = min(length, -(-draws // chains))
    return kept.isel(draw=np.linspace(0, length - 1, each).round().astype(int)) if each < length else kept


def _count(kept: xr.Dataset) -> int:
    return kept.sizes["chain"] * kept.sizes["draw"]


def _check_unit(design: Design, unit: Any, integrated: bool) -> None:
    if unit is None:
        return
    if not isinstance(unit, Hashable) or unit not in design.factors:
        raise ModelError(
            f"unit is {unit!r}",
            expected=f"None for single rows, or one of {', '.join(map(repr, design.factors))}",
            advice=near_matches(unit, design.factors),
        )
    if not integrated:
        raise ModelError(
            f"unit is {unit!r} with integrated=False",
            expected="integrated=True: the draws of a group's own effects were drawn knowing its rows",
            advice=f"loo({unit!r}), which integrates the effects out",
        )


def _check_draws(draws: Any, kept: xr.Dataset) -> None:
    if _count(kept) < FEWEST:
        raise ModelError(
            f"the posterior has {_count(kept)} draws",
            expected=f"at least {FEWEST}, to tell the tail of importance weights",
            advice="model.sample(draws=1000)",
        )
    if draws is not None:
        check_count("draws", draws, advice=f"draws={THINNED}, or None", least=FEWEST)


def _check_finite(values: np.ndarray, labels: np.ndarray, unit: str | None) -> None:
    bad = np.flatnonzero(~np.isfinite(values).all(axis=(0, 1)))
    if len(bad):
        which = f"row {labels[bad[0]]}" if unit is None else f"'{labels[bad[0]]}' of '{unit}'"
        raise ModelError(
            f"the predictive density of {which} can't be computed: no other rows tell of some coefficient, "
            "and its prior is too wide",
            expected="priors not a million times as wide as the residuals",
            advice="a narrower normal prior for that coefficient: model.priors",
        )
