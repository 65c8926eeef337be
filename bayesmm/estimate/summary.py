"""An estimate as a page: what was fitted, the variances, the coefficients, and the certificate in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtri

from bayesmm.design import Design
from bayesmm.design.identification import unidentified
from bayesmm.estimate.certificate import Certificate
from bayesmm.sheet import Sheet, Table


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
            Table("Random effects", _variance_table(varcorr)),
            Table("Fixed effects", _fixed_table(beta, se, prob)),
        ),
        notes=(
            certificate.verdict,
            *certificate.singular_directions,
            *unidentified(design),
            *_beyond_their_estimates(varcorr, sdcor_se),
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


def _variance_table(varcorr: pd.DataFrame) -> pd.DataFrame:
    rows, index = [], []
    for row in varcorr.itertuples():
        if row.term2 is not None:
            continue
        index.append("Residual" if row.term1 is None else f"{row.group}: {row.term1}")
        rows.append([row.vcov, row.sdcor])
    frame = pd.DataFrame(rows, index=index, columns=["variance", "sd"])
    correlations = [""] * len(rows)
    for row in varcorr.itertuples():
        if row.term2 is not None:
            at = index.index(f"{row.group}: {row.term2}")
            text = "undefined" if np.isnan(row.sdcor) else f"{row.sdcor:+.3f}"
            correlations[at] += f"{', ' if correlations[at] else ''}{row.term1} {text}"
    if any(correlations):
        frame["correlation with"] = correlations
    return frame


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
