"""``tidy``, ``glance`` and ``augment``: a result as frames of one shape, whichever way it was fitted.

The columns are those of the R package broom.mixed, with underscores for its dots; what a result doesn't know
is missing, so that tables of several results can be put under each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesmm.checks import check_choice, check_prob
from bayesmm.design import Design
from bayesmm.errors import ModelError
from bayesmm.results.parameters import ScalarParameter, scalar_parameters

if TYPE_CHECKING:
    from bayesmm.results.fitted import Fitted

EFFECTS = ("fixed", "ran_pars", "ran_vals")
TIDY = (
    "effect", "group", "level", "term", "estimate", "std_error", "statistic", "conf_low", "conf_high"
)  # fmt: skip
GLANCE = (
    "method", "nobs", "sigma", "logLik", "AIC", "BIC", "REMLcrit", "deviance", "df_residual",
    "log_evidence", "pss", "looic", "elpd_loo", "p_loo",
)  # fmt: skip
BROOM = {"sigma": "sd__Observation"}
"""What broom.mixed calls the parameters of a family."""
AUGMENT = ("fitted", "se_fit", "resid", "hat", "cooksd", "fixed", "offset", "weights", "wtres")


def tidy(result: Fitted, effects: str | Iterable[str], *, conf_int: bool, prob: float) -> pd.DataFrame:
    """One row for each number that was estimated; see :meth:`Fitted.tidy`."""
    chosen = (effects,) if isinstance(effects, str) else tuple(effects)
    for effect in chosen:
        check_choice("effects", effect, EFFECTS)
    prob = check_prob(prob)
    parts = []
    if "fixed" in chosen or "ran_pars" in chosen:
        parts.append(_parameters(result, chosen, conf_int, prob))
    if "ran_vals" in chosen:
        parts += _random_effects(result, conf_int, prob)
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(TIDY))
    rows = rows.reindex(columns=list(TIDY)).astype(dict.fromkeys(TIDY[:4], object))
    rows[list(TIDY[:4])] = rows[list(TIDY[:4])].where(rows[list(TIDY[:4])].notna(), None)
    return rows if conf_int else rows.drop(columns=["conf_low", "conf_high"])


def _parameters(result: Fitted, chosen: tuple[str, ...], conf_int: bool, prob: float) -> pd.DataFrame:
    """Coefficients in the order of X, then each term's standard deviations and correlations, then σ."""
    values, design = result.parameters(), result.design
    parameters = scalar_parameters(design)
    order = sorted(range(len(parameters)), key=lambda i: (parameters[i].kind != "fixed", parameters[i].row))
    order = [i for i in order if ("fixed" if parameters[i].kind == "fixed" else "ran_pars") in chosen]
    named = [_named(parameters[i], design) for i in order]
    rows = pd.DataFrame(named, columns=["effect", "group", "term"])
    rows["estimate"] = values.estimate.to_numpy()[order]
    rows["std_error"] = values.se.to_numpy()[order]
    rows["statistic"] = np.nan
    if values.draws is None:
        is_fixed = rows["effect"] == "fixed"
        rows.loc[is_fixed, "statistic"] = rows["estimate"] / rows["std_error"]
    if conf_int:
        rows[["conf_low", "conf_high"]] = values.interval(prob).to_numpy()[order]
    return rows


def _named(parameter: ScalarParameter, design: Design) -> tuple[str, str | None, str]:
    """Effect, group and term, as broom.mixed calls them: ``sd__Days``, ``cor__Intercept.Days``."""
    if parameter.kind == "fixed":
        return "fixed", None, design.names[parameter.row]
    if parameter.kind == "dispersion":
        return "ran_pars", "Residual", BROOM.get(parameter.label, parameter.label)
    term = design.terms[parameter.term or 0]
    columns = [term.columns[i] for i in parameter.columns]
    if parameter.kind == "sd":
        return "ran_pars", term.group, f"sd__{columns[0]}"
    if len(columns) == 2:
        return "ran_pars", term.group, f"cor__{'.'.join(columns)}"
    label = parameter.label.partition("[")[2].removesuffix("]")
    return "ran_pars", term.group, f"cor__{label or term.covariance.name}"


def _random_effects(result: Fitted, conf_int: bool, prob: float) -> list[pd.DataFrame]:
    """Level by level of each column of each grouping factor."""
    parts = []
    ends = result.effect_intervals(prob) if conf_int else None
    for t, term in enumerate(result.design.terms):
        estimate, se = result.effects_by_term[t], result.effect_sds_by_term[t]
        for i, column in enumerate(term.columns):
            rows = pd.DataFrame({"level": term.factor.labels}, dtype=object)
            rows["effect"], rows["group"], rows["term"] = "ran_vals", term.group, column
            rows["estimate"], rows["std_error"] = estimate[:, i], se[:, i]
            if ends is not None:
                rows["conf_low"], rows["conf_high"] = ends[t][0][:, i], ends[t][1][:, i]
            parts.append(rows)
    return parts


def glance(result: Fitted, *, looic: bool) -> pd.DataFrame:
    """One row for the whole fit; see :meth:`Fitted.glance`."""
    known = {"method": result.method, "nobs": result.nobs, "sigma": result.sigma}
    row = dict.fromkeys(GLANCE, np.nan) | known | result.fit_statistics(looic=looic)
    return pd.DataFrame([row], columns=list(GLANCE))


def augment(result: Fitted) -> pd.DataFrame:
    """The rows that were fitted, with what the fit says of each; see :meth:`Fitted.augment`."""
    design = result.design
    weights = np.ones(design.n) if design.weights is None else design.weights
    offset = np.zeros(design.n) if design.offset is None else design.offset
    residuals = result.residuals.to_numpy()
    se, hat = result.row_errors
    p, sigma = design.p, result.sigma
    pearson = np.sqrt(weights) * residuals
    said = {
        "fitted": result.fitted.to_numpy(),
        "se_fit": se,
        "resid": residuals,
        "hat": hat,
        "cooksd": (pearson / (1 - hat)) ** 2 * hat / (sigma**2 * p) if p else np.full(design.n, np.nan),
        "fixed": design.X @ result.beta.to_numpy() + offset,
        "offset": offset,
        "weights": weights,
        "wtres": pearson,
    }
    columns = _model_columns(design)
    twice = [name for name in columns if name in said]
    if twice:
        raise ModelError(
            f"the data have a column '{twice[0]}', which is what augment calls one of its own",
            expected=f"other names than {', '.join(AUGMENT)}",
            advice=f"rename the column '{twice[0]}' in the data and in the formula",
        )
    return pd.DataFrame(columns | said, index=design.index)


def _model_columns(design: Design) -> dict[str, np.ndarray | pd.Series]:
    """The response as the formula writes it, and what the right-hand side uses as the data have it."""
    columns: dict[str, np.ndarray | pd.Series] = {design.response.strip("`"): design.y}
    data = design.given.frame.columns
    return columns | {name: data[name] for name in sorted(design.formula.predictors) if name in data}
