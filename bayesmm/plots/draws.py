"""Densities and intervals of draws, as ArviZ is set to make them."""

from __future__ import annotations

import numpy as np

from bayesmm.checks import check_prob
from bayesmm.design import Design
from bayesmm.design.naming import name_parameters
from bayesmm.errors import ModelError
from bayesmm.posterior import Posterior
from bayesmm.results import ScalarParameter, scalar_parameters
from bayesmm.results.intervals import convention, of_draws

SMOOTH = 1.25
"""The bandwidth of densities, in Scott's."""


def interval_prob(prob: float | None) -> float:
    """The probability asked for, or the one that ArviZ is set to."""
    if prob is None:
        return convention()[0]
    return check_prob(prob)


def density(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ArviZ's kernel density estimate of draws (S,), reflected at their ends: the grid and the height.

    The bandwidth is ``SMOOTH`` times Scott's: narrower ones show the waves of the draws.
    """
    from arviz_stats.base import array_stats

    grid, height, _ = array_stats.kde(draws, grid_len=256, bw="scott", bw_fct=SMOOTH)
    return grid, height


def scalar_draws(posterior: Posterior, parameter: ScalarParameter) -> np.ndarray:
    """(S,) all draws of one number."""
    values = posterior.data["posterior"][parameter.variable].to_numpy()
    return (values if parameter.component is None else values[..., parameter.component]).ravel()


def effect_summary(
    posterior: Posterior, design: Design, group: str, column: str, prob: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Means and ends of the intervals (ℓ,) of one column of a group's random effects, and the probability.

    Raises
    ------
    ModelError
        If the draws weren't kept, and their summary is of intervals of another probability.
    """
    name, at = _effect_variable(design, group, column)
    if name in posterior.data["posterior"]:
        values = posterior.data["posterior"][name].to_numpy()
        draws = (values if at is None else values[:, :, at]).reshape(-1, values.shape[-1])
        prob = interval_prob(prob)
        return draws.mean(axis=0), *of_draws(draws, prob), prob
    summary = posterior.data["effect_summary"]
    kept = float(summary.attrs["ci_prob"])
    if prob is not None and not np.isclose(prob, kept):
        raise ModelError(
            f"the draws of the random effects weren't kept, but a summary with intervals of {kept:g}",
            expected=f"prob={kept:g}, or None",
            advice='model.sample(effects="draws"), which needs more memory',
        )
    values = [summary[name].sel(statistic=what).to_numpy() for what in ("mean", "lower", "upper")]
    mean, lower, upper = (value if at is None else value[at] for value in values)
    return mean, lower, upper, kept


def _effect_variable(design: Design, group: str, column: str) -> tuple[str, int | None]:
    """The variable of a column of random effects, and the column's place in it."""
    for term, names in zip(design.terms, name_parameters(design).terms, strict=True):
        if term.group == group and column in term.columns:
            position = term.columns.index(column)
            effect = next(effect for effect in names.effects if position in effect.positions)
            return effect.name, None if effect.expr_dim is None else effect.positions.index(position)
    raise KeyError(column)


def covariance_draws(posterior: Posterior, design: Design, group: str, columns: list[str]) -> np.ndarray:
    """(S, 2, 2) draws of the covariance of two columns of a group's random effects."""
    sds, correlation = {}, None
    for parameter in scalar_parameters(design):
        if parameter.term is None or design.terms[parameter.term].group != group:
            continue
        names = [design.terms[parameter.term].columns[i] for i in parameter.columns]
        if parameter.kind == "sd" and names[0] in columns:
            sds[names[0]] = scalar_draws(posterior, parameter)
        elif parameter.kind == "corr" and set(names) == set(columns):
            correlation = scalar_draws(posterior, parameter)
    first, second = (sds[name] for name in columns)
    found = np.zeros((len(first), 2, 2))
    found[:, 0, 0], found[:, 1, 1] = first**2, second**2
    if correlation is not None:
        found[:, 0, 1] = found[:, 1, 0] = correlation * first * second
    return found
