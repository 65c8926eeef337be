"""An estimate as a page: what was fitted, the variances, the coefficients, and the certificate in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesmm.sheet import Sheet, Table

if TYPE_CHECKING:
    from bayesmm.estimate.estimate import Estimate


def estimate_sheet(estimate: Estimate, prob: float, z: float) -> Sheet:
    """Lay out an estimate; ``z`` is the normal quantile that belongs to ``prob``."""
    design = estimate.model.design
    groups = "; ".join(f"{name}, {len(factor)} levels" for name, factor in design.factors.items())
    rows = f"{design.n}" + (f" ({design.n_dropped} dropped: missing values)" if design.n_dropped else "")
    facts = [
        ("Formula", str(design.formula)),
        ("Criterion", f"{estimate.method}, −2 log-likelihood {estimate.criterion:.4f}"),
        ("Rows", rows),
        ("Groups", groups),
        ("AIC, BIC", f"{estimate.aic:.2f}, {estimate.bic:.2f} ({estimate.npar} parameters)"),
    ]
    references = ", ".join(f"{name} = {level}" for name, level in design.fixed.references.items())
    if references:
        facts.append(("Reference", references))
    if design.aliased:
        facts.append(("Aliased", ", ".join(design.aliased) + " (dropped)"))
    notes = (str(estimate.certificate.verdict), *estimate.certificate.singular_directions)
    return Sheet(
        title=f"Linear mixed model fitted by {estimate.method}",
        facts=tuple(facts),
        tables=(
            Table("Random effects", _variance_table(estimate)),
            Table("Fixed effects", _fixed_table(estimate, prob, z)),
        ),
        notes=notes,
    )


def _variance_table(estimate: Estimate) -> pd.DataFrame:
    rows, index = [], []
    for row in estimate.varcorr.itertuples():
        if row.term2 is not None:
            continue
        index.append("Residual" if row.term1 is None else f"{row.group}: {row.term1}")
        rows.append([row.vcov, row.sdcor])
    frame = pd.DataFrame(rows, index=index, columns=["variance", "sd"])
    correlations = [""] * len(rows)
    for row in estimate.varcorr.itertuples():
        if row.term2 is not None:
            at = index.index(f"{row.group}: {row.term2}")
            text = "undefined" if np.isnan(row.sdcor) else f"{row.sdcor:+.3f}"
            correlations[at] += f"{', ' if correlations[at] else ''}{row.term1} {text}"
    if any(correlations):
        frame["correlation with"] = correlations
    return frame


def _fixed_table(estimate: Estimate, prob: float, z: float) -> pd.DataFrame:
    beta, se = estimate.beta, estimate.se
    percent = f"{100 * prob:g}%"
    return pd.DataFrame(
        {
            "estimate": beta,
            "se": se,
            "z": beta / se,
            f"lower {percent}": beta - z * se,
            f"upper {percent}": beta + z * se,
        }
    )
