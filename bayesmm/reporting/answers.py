"""The estimates and, where there is one, the posterior beside them: tables and sentences."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from bayesmm.comparison import Comparison
from bayesmm.design.naming import INTERCEPT, name_parameters
from bayesmm.estimate import Estimate
from bayesmm.posterior import Posterior
from bayesmm.reporting.layout import ReportTable, decimals_for, listed, number, table
from bayesmm.results import Fitted
from bayesmm.results.varcorr import CORRELATION

PROB = 0.95
"""Of the Wald intervals where no posterior sets another probability."""
MOST_ROWS = 150
"""Up to how many parameters have a line of their own."""


def by(answer: Fitted) -> str:
    """What its numbers are, in words: ``"REML"``, ``"ML"`` or ``"posterior mean"``."""
    return answer.method if isinstance(answer, Estimate) else "posterior mean"


def fixed_table(answer: Fitted, prob: float) -> ReportTable:
    """Coefficients with their errors and intervals: Wald's, β̂ ± z·se, or the draws'."""
    rows, found = [], answer.linear(np.eye(len(answer.beta))).table(prob).to_numpy()
    for name, numbers in list(zip(answer.beta.index, found, strict=True))[:MOST_ROWS]:
        at = decimals_for(numbers[1], numbers[0])
        rows.append([str(name), *(number(value, at) for value in numbers)])
    percent, all_of = f"{100 * prob:g} %", _of_all(len(answer.beta))
    wald = isinstance(answer, Estimate)
    caption = f"Coefficients with {'Wald intervals, by ' if wald else 'intervals, by '}{by(answer)}{all_of}"
    error = "se" if wald else "sd"
    return table(caption, ["coefficient", "estimate", error, f"lower {percent}", f"upper {percent}"], rows)


def variance_table(estimate: Fitted) -> ReportTable:
    """Standard deviations and correlations of the random effects, and the residual's."""
    rows, structures = [], {term.covariance.name for term in estimate.model.design.terms}
    for (_, row), se in zip(estimate.varcorr.iterrows(), estimate.sdcor_se, strict=True):
        at = decimals_for(float(se), row["sdcor"])
        if row["term1"] is None:
            what, kind = "", "sd"
        elif row["term2"] is None:
            what, kind = str(row["term1"]), "sd"
        elif row["term1"] in structures:
            own = "" if row["term2"] == CORRELATION else f" {row['term2']}"
            what, kind = f"{row['term1']}{own}", "correlation"
        else:
            what, kind = f"{row['term1']} with {row['term2']}", "correlation"
        value = "undefined" if math.isnan(row["sdcor"]) else number(row["sdcor"], at)
        variance = "" if kind == "correlation" else number(row["vcov"])
        rows.append([str(row["group"]), what, kind, value, number(se, at), variance])
    heads = ["grouping factor", "column", "what", "estimate", "se", "variance"]
    caption = f"Standard deviations and correlations, by {by(estimate)}"
    return table(caption, heads, rows[:MOST_ROWS], text=("column", "what"))


def comparison_table(comparison: Comparison) -> ReportTable:
    """Every parameter from both sides, and what explains a difference."""
    rows = []
    for name, row in list(comparison.table.iterrows())[:MOST_ROWS]:
        at = decimals_for(float(row["sd"]), float(row["mean"]))
        estimate = "undefined" if math.isnan(row["estimate"]) else number(row["estimate"], at)
        numbers = [number(row[key], at) for key in ("se", "mean", "sd", "lower", "upper")]
        rows.append([str(name), estimate, *numbers, number(row["difference"], 2), str(row["verdict"])])
    percent = f"{100 * comparison.prob:g} %"
    heads = ["parameter", "estimate", "se", "mean", "sd", f"lower {percent}", f"upper {percent}"]
    return table(
        f"The {comparison.method} estimate beside the posterior{_of_all(len(comparison.table))}; "
        "the difference is posterior mean less estimate, in posterior sds",
        [*heads, "difference", "verdict"],
        rows,
        text=("verdict",),
        spans=(("", 1), (comparison.method, 2), ("posterior", 4), ("side by side", 2)),
    )


def share_table(estimate: Fitted, posterior: Posterior | None, prob: float) -> ReportTable:
    """R² and the variance partition coefficients, of the estimate and of the posterior."""
    named = [(f"R², {kind}", value) for kind, value in estimate.r2().items()]
    named += [(f"share of {group}", value) for group, value in estimate.icc().items()]
    heads = ["share of the variance", by(estimate)]
    rows = [[name, number(value, 3)] for name, value in named]
    if posterior is not None:
        found = pd.concat([shares.table(prob) for shares in (posterior.r2(), posterior.icc())])
        percent = f"{100 * prob:g} %"
        heads += ["posterior mean", f"lower {percent}", f"upper {percent}"]
        for row, values in zip(rows, found.drop(columns="se").to_numpy(), strict=True):
            row += [number(value, 3) for value in values]
    caption = "How much of the variance is explained, and how what is left divides between groups"
    return table(caption, heads, rows)


def in_short(estimate: Fitted, comparison: Comparison | None) -> list[str]:
    """The answer in a few sentences."""
    response = estimate.design.response.strip("`")
    sentences = [f"{name}: {text}." for name, text in _effects(estimate, comparison, response)]
    spread = []
    for group, columns in _spreads(estimate):
        if not any(sd for _, sd in columns):
            spread.append(f"no difference between levels of {group} is estimated (standard deviation 0)")
            continue
        parts = [f"{number(sd)} in {'the intercept' if c == INTERCEPT else c}" for c, sd in columns]
        spread.append(f"levels of {group} differ with a standard deviation of {listed(parts, most=4)}")
    if spread:
        residual = f"the residuals have one of {number(estimate.sigma)} ({by(estimate)})"
        text = "; ".join([*spread, residual])
        sentences.append(f"{text[0].upper()}{text[1:]}.")
    r2 = estimate.r2()
    share = f"{100 * r2['conditional']:.0f} %"
    alone = (
        f"; the fixed part alone explains {100 * r2['marginal']:.0f} %" if _has_predictors(estimate) else ""
    )
    sentences.append(f"Fixed part and groups together explain {share} of the variance of {response}{alone}.")
    return sentences


def _has_predictors(estimate: Fitted) -> bool:
    return any(name != INTERCEPT for name in estimate.beta.index)


def _effects(estimate: Fitted, comparison: Comparison | None, response: str) -> list[tuple[str, str]]:
    """The first coefficients, each with its interval."""
    found = []
    own = estimate.linear(np.eye(len(estimate.beta))).table(PROB).to_numpy()
    source = f"{by(estimate)} estimate" if isinstance(estimate, Estimate) else by(estimate)
    order = [at for term in name_parameters(estimate.design).fixed for at in term.positions]
    for i, (name, value) in enumerate(estimate.beta.items()):
        if name == INTERCEPT and len(estimate.beta) > 1:
            continue
        (_, se, low, high), prob, what = own[i], PROB, source
        if comparison is not None:  # its first rows are the coefficients, term by term
            row, prob = comparison.table.iloc[order.index(i)], comparison.prob
            value, se, low, high = (float(row[key]) for key in ("mean", "sd", "lower", "upper"))
            what = "posterior mean"
        at = decimals_for(se, value)
        ends = f"{number(low, at)} to {number(high, at)}"
        unit = response if name == INTERCEPT or str(name).endswith("]") else f"{response} per unit"
        found.append((str(name), f"{number(value, at)} {unit} ({what}; {100 * prob:g} % interval {ends})"))
    return found[:4]


def _spreads(estimate: Fitted) -> list[tuple[str, list[tuple[str, float]]]]:
    found: dict[str, list[tuple[str, float]]] = {}
    for row in estimate.varcorr.itertuples():
        if row.term1 is not None and row.term2 is None:
            found.setdefault(str(row.group), []).append((str(row.term1), float(row.sdcor)))
    return list(found.items())[:4]


def _of_all(size: int) -> str:
    return f" (the first {MOST_ROWS} of {size})" if size > MOST_ROWS else ""
