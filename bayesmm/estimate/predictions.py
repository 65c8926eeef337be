"""Point predictions with standard errors and intervals, as a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from bayesmm.checks import check_choice, check_count, check_prob
from bayesmm.design import Design, Rows
from bayesmm.families import Family
from bayesmm.likelihood import MarginalLikelihood, Solution
from bayesmm.predict import (
    KINDS,
    check_size,
    draw_effects,
    linear_predictor,
    pad_effects,
    prediction_variance,
)

NOT_INCLUDED = "not the uncertainty of the variance parameters, which count as known"
"""What none of the standard errors has."""


def check_options(kind: object, prob: object) -> None:
    """Whether a prediction's kind and probability can be.

    Raises
    ------
    ModelError
        If not.
    """
    check_choice("kind", kind, KINDS)
    check_prob(prob)


def prediction_table(
    family: Family,
    likelihood: MarginalLikelihood,
    phi: np.ndarray,
    solution: Solution,
    rows: Rows,
    *,
    kind: str,
    new_levels: str,
    prob: float,
) -> pd.DataFrame:
    """(m, 4) ``mean``, ``se``, ``lower`` and ``upper`` of each row.

    The mean is x'β̂ + z'b̂ + offset with b̂ = 0 for new levels, the interval mean ± z·se.
    """
    effects = [
        None if term is None else pad_effects(b[None, term.levels], term.n_new)
        for term, b in zip(rows.terms, solution.effects, strict=True)
    ]
    mean = linear_predictor(rows, solution.beta[None], effects)[0]
    variance = prediction_variance(
        likelihood, phi, rows, solution.factors, sigma=solution.sigma, new_effects=new_levels == "sample"
    )
    if kind == "response":
        variance += family.moments(mean, solution.sigma, weights=rows.weights)[1]
    se = np.sqrt(variance)
    half = ndtri(0.5 + prob / 2) * se
    table = pd.DataFrame({"mean": mean, "se": se, "lower": mean - half, "upper": mean + half}, rows.index)
    table.attrs = {
        "kind": kind,
        "prob": float(prob),
        "new_levels": new_levels,
        "se_includes": _included(rows, kind, new_levels),
    }
    return table


def _included(rows: Rows, kind: str, new_levels: str) -> str:
    """What the standard errors have in them, in words."""
    included = ["the uncertainty of the coefficients"]
    used = [term for term in rows.terms if term is not None]
    if used:
        included[0] += " and of the random effects"
    if new_levels == "sample" and any(term.n_new for term in used):
        included.append("the variance of new levels' effects")
    if kind == "response":
        included.append("the residual variance")
    return f"{', '.join(included)}; {NOT_INCLUDED}"


def simulated(design: Design, solution: Solution, draws: int, random_seed: Any, effects: str) -> pd.DataFrame:
    """(n, draws) responses at the estimates; see :meth:`Fitted.simulate`."""
    check_choice("effects", effects, ("new", "fitted"))
    draws = check_count("draws", draws, advice="draws=1000")
    check_size(draws, design.n, thin=False)
    rng = np.random.default_rng(random_seed)
    rows = design.rows
    b: list[np.ndarray] = []
    for modes, lam in zip(solution.effects, solution.factors, strict=True):
        if effects == "new":
            noise = rng.standard_normal((draws, *modes.shape))
            b.append(draw_effects(np.tile(solution.sigma * lam, (draws, 1, 1)), noise))
        else:
            b.append(np.tile(modes, (draws, 1, 1)))
    eta = linear_predictor(rows, np.tile(solution.beta, (draws, 1)), b)
    responses = design.family.draw(rng, eta, np.full((draws, 1), solution.sigma), weights=rows.weights)
    return pd.DataFrame(responses.T, index=design.index)
