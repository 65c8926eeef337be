"""What draws say of the numbers that an estimate has too: their means, sds and intervals, as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmm.design import Design
from bayesmm.design.naming import SAMPLE_DIMS, EffectName, name_parameters
from bayesmm.errors import ModelError
from bayesmm.posterior.draw_arrays import DrawArrays
from bayesmm.posterior.log_likelihood import fitted_means
from bayesmm.predict import rows_of_design
from bayesmm.results import Values, scalar_parameters
from bayesmm.results.combinations import combinations_of
from bayesmm.results.intervals import of_draws
from bayesmm.results.values import RANGES, REAL
from bayesmm.results.varcorr import VariancePoints

if TYPE_CHECKING:
    import xarray as xr


def arrays_of(design: Design, data: xr.DataTree) -> DrawArrays:
    """All draws, one chain after the other, as arrays."""
    return DrawArrays.of(name_parameters(design), data["posterior"].to_dataset())


def variance_draws(draws: DrawArrays, design: Design) -> VariancePoints:
    """The variances of each draw."""
    everything = slice(0, len(draws))
    factors = [draws.factor(t, everything) for t in range(len(design.terms))]
    told = [
        np.zeros((len(draws), 0)) if term.corr is None else draws.values[term.corr].reshape(len(draws), -1)
        for term in draws.names.terms
    ]
    covariances = [factor @ factor.transpose(0, 2, 1) for factor in factors]
    return VariancePoints(covariances, told, draws.dispersions(everything))


def labels_of_draws(data: xr.DataTree) -> dict[str, np.ndarray]:
    """The labels of chains and draws."""
    return {dim: data["posterior"].coords[dim].to_numpy() for dim in SAMPLE_DIMS}


def parameter_values(design: Design, data: xr.DataTree) -> Values:
    """Every parameter but the random effects; see :meth:`Fitted.parameters`."""
    found, posterior = scalar_parameters(design), data["posterior"]
    columns = []
    for parameter in found:
        values = posterior[parameter.variable].transpose(*SAMPLE_DIMS, ...).to_numpy()
        columns.append(values if parameter.component is None else values[..., parameter.component])
    ranges = [RANGES[parameter.kind] for parameter in found]
    labels = [parameter.label for parameter in found]
    return Values.of_draws(labels, np.stack(columns, axis=-1), ranges, labels_of_draws(data))


def linear_values(design: Design, data: xr.DataTree, L: Any) -> Values:
    """Linear combinations of the coefficients; see :meth:`Fitted.linear`."""
    labels, matrix = combinations_of(L, design.names)
    draws, coords = arrays_of(design, data), labels_of_draws(data)
    shape = tuple(len(labels) for labels in coords.values())
    values = draws.beta(slice(0, len(draws))) @ matrix.T
    return Values.of_draws(labels, values.reshape(*shape, len(labels)), [REAL] * len(labels), coords)


def effect_moments(design: Design, data: xr.DataTree) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """(ℓ, k) means and (ℓ, k) sds of the random effects of each term."""
    found = []
    for term, names in zip(design.terms, name_parameters(design).terms, strict=True):
        mean, sd = np.empty((len(term.factor), term.k)), np.empty((len(term.factor), term.k))
        for effect in names.effects:
            at = list(effect.positions)
            if effect.name in data["posterior"]:
                draws = _effect_draws(data["posterior"][effect.name], effect)
                mean[:, at], sd[:, at] = draws.mean(axis=0), draws.std(axis=0, ddof=1)
            else:
                mean[:, at], sd[:, at] = (_kept(data, effect, what) for what in ("mean", "sd"))
        found.append((mean, sd))
    return tuple(found)


def effect_intervals(design: Design, data: xr.DataTree, prob: float) -> tuple[np.ndarray, ...]:
    """(2, ℓ, k) ends of the intervals of the random effects of each term.

    Raises
    ------
    ModelError
        If their draws weren't kept, and the summary of them has intervals of another probability.
    """
    found = []
    for term, names in zip(design.terms, name_parameters(design).terms, strict=True):
        ends = np.empty((2, len(term.factor), term.k))
        for effect in names.effects:
            at = list(effect.positions)
            if effect.name in data["posterior"]:
                ends[:, :, at] = of_draws(_effect_draws(data["posterior"][effect.name], effect), prob)
                continue
            kept = float(data["effect_summary"].attrs["ci_prob"])
            if not np.isclose(prob, kept):
                raise ModelError(
                    f"the draws of the random effects weren't kept, but a summary with intervals of {kept:g}",
                    expected=f"prob={kept:g}, or a table without intervals",
                    advice='model.sample(effects="draws"), which needs more memory',
                )
            for end, what in zip(ends, ("lower", "upper"), strict=True):
                end[:, at] = _kept(data, effect, what)
        found.append(ends)
    return tuple(found)


def row_sds(design: Design, data: xr.DataTree) -> np.ndarray:
    """(n,) sds of Xβ + Zb over the draws; missing where the draws of b weren't kept."""
    names = name_parameters(design)
    if any(effect not in data["posterior"] for effect in names.effects):
        return np.full(design.n, np.nan)
    centre: np.ndarray | None = None
    total, squares, count = np.zeros(design.n), np.zeros(design.n), 0
    for _, mean in fitted_means(arrays_of(design, data), rows_of_design(design)):
        centre = mean[0].copy() if centre is None else centre
        away = mean - centre
        total += away.sum(axis=0)
        squares += np.einsum("sn,sn->n", away, away)
        count += len(mean)
    return np.sqrt((squares - total**2 / count) / (count - 1))


def _effect_draws(array: xr.DataArray, effect: EffectName) -> np.ndarray:
    """(S, ℓ, columns) draws of one effect; its own dimensions are [columns,] levels."""
    values = array.transpose(*SAMPLE_DIMS, ...).to_numpy()
    values = values.reshape(-1, *values.shape[2:])
    return values[..., None] if effect.expr_dim is None else values.swapaxes(1, 2)


def _kept(data: xr.DataTree, effect: EffectName, statistic: str) -> np.ndarray:
    """(ℓ, columns) a statistic of one effect that was summed up as it was drawn."""
    values = data["effect_summary"][effect.name].sel(statistic=statistic).to_numpy()
    return values[:, None] if effect.expr_dim is None else values.T
