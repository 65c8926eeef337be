"""An estimate as a page: what was fitted, the variances, the coefficients, and the certificate in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtri

from bayesmm.design import Design
from bayesmm.design.identification import unidentified
from bayesmm.design.random_term import RandomTerm
from bayesmm.estimate.certificate import Certificate
from bayesmm.results.varcorr import CORRELATION
from bayesmm.sheet import Sheet, Table

SHOWN = 8
"""Correlations of one term that a page shows in a row."""


def estimate_sheet(
    design: Design,
    certificate: Certificate,
    *,
    method: str,
    criterion: float,
    npar: int,
    varcorr: pd.DataFrame,
    sdcor_se: pd.Series,
    beta: pd.Series,
    se: pd.Series,
    prob: float,
) -> Sheet:
    """Lay out an estimate; ``prob`` is the probability of the Wald intervals β̂ ± z·se."""
    groups = "; ".join(f"{name}, {len(factor)} levels" for name, factor in design.factors.items())
    aic, bic = criterion + 2 * npar, criterion + npar * np.log(design.n)
    facts = [
        ("Formula", str(design.formula)),
        ("Criterion", f"{method}, −2 log-likelihood {criterion:.4f}"),
        ("Groups", groups),
        ("AIC, BIC", f"{aic:.2f}, {bic:.2f} ({npar} parameters)"),
    ]
    return Sheet(
        title=f"Linear mixed model fitted by {method}",
        facts=(*facts, *design.facts.items()),
        tables=(
            Table("Random effects", _variance_table(design, varcorr)),
            Table("Fixed effects", _fixed_table(beta, se, prob)),
        ),
        notes=(
            certificate.verdict,
            *certificate.singular_directions,
            *unidentified(design),
            *_beyond_their_estimates(varcorr, sdcor_se),
            *_remarks(design),
        ),
    )


def _beyond_their_estimates(varcorr: pd.DataFrame, sdcor_se: pd.Series) -> list[str]:
    """Standard deviations whose Wald standard errors are larger than they are, which says little of them."""
    return [
        f"The standard error of the sd of {row.group}: {row.term1}, {se:.3g}, is beyond the estimate, "
        f"{row.sdcor:.3g}: a Wald interval says nothing here; profile() does."
        for row, se in zip(varcorr.itertuples(), sdcor_se, strict=True)
        if row.term1 is not None and row.term2 is None and se > row.sdcor
    ]


def _remarks(design: Design) -> list[str]:
    """What has to be said for a structure's correlations to be understood."""
    return [
        f"({term.label}), {term.covariance.name}: {term.covariance.remark}."
        for term in design.terms
        if term.covariance.remark
    ]


def _variance_table(design: Design, varcorr: pd.DataFrame) -> pd.DataFrame:
    """Variances and sds, those that columns share once, with the correlations at the later column of a pair.

    A structure's own correlations stand at the first column of its term, after the structure's name.
    """
    rows = list(varcorr.itertuples())
    index, values, beside = [], [], []
    start, structured = 0, False
    for term in design.terms:
        structure = term.covariance
        place = {}
        for owner in structure.owners:
            place[owner] = len(index)
            index.append(f"{term.group}: {_columns(term, owner)}")
            values.append([rows[start + owner].vcov, rows[start + owner].sdcor])
            beside.append([])
        first, start = place[structure.owners[0]], start + term.k
        while start < len(rows) - 1 and rows[start].term2 is not None:
            row = rows[start]
            text = "undefined" if np.isnan(row.sdcor) else f"{row.sdcor:+.3f}"
            if row.term1 in term.columns:
                beside[place[term.columns.index(row.term2)]].append(f"{row.term1} {text}")
            else:
                structured = True
                name = "" if row.term2 == CORRELATION else f"{row.term2} "
                beside[first].append(f"{'' if beside[first] else structure.name + ' '}{name}{text}")
            start += 1
        if len(beside[first]) > SHOWN and structured:
            beside[first] = [*beside[first][:SHOWN], f"… ({len(beside[first])} in all)"]
    index.append("Residual")
    values.append([rows[-1].vcov, rows[-1].sdcor])
    beside.append([])
    frame = pd.DataFrame(values, index=index, columns=["variance", "sd"])
    if any(beside):
        frame["correlation" if structured else "correlation with"] = [", ".join(texts) for texts in beside]
    return frame


def _columns(term: RandomTerm, owner: int) -> str:
    """The column that has a standard deviation, or the first and the last of those that share it."""
    own = [name for name, its in zip(term.columns, term.covariance.sds, strict=True) if its == owner]
    return own[0] if len(own) == 1 else f"{own[0]} … {own[-1]}"


def _fixed_table(beta: pd.Series, se: pd.Series, prob: float) -> pd.DataFrame:
    percent, z = f"{100 * prob:g}%", float(ndtri(0.5 + prob / 2))
    return pd.DataFrame(
        {
            "estimate": beta,
            "se": se,
            "z": beta / se,
            f"lower {percent}": beta - z * se,
            f"upper {percent}": beta + z * se,
        }
    )
