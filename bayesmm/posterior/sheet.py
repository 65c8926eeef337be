"""A posterior as a page: how it was made, what readers trip over, the summary, the priors, the verdict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd

from bayesmm.posterior.certificate import Certificate
from bayesmm.posterior.rounding import decimals_of
from bayesmm.sheet import Sheet, Table

if TYPE_CHECKING:
    import xarray as xr

METHODS = {
    "nuts": "NUTS (nutpie) on the hierarchical model",
    "marginal-nuts": "exact: β and b integrated out, NUTS (nutpie) for the variances",
    "marginal": "exact: β and b integrated out, importance proposals for the variances",
    "marginal-pymc": "β and b integrated out, the variances sampled in PyMC, then β and b drawn exactly",
}
"""How each method is called in words."""


def posterior_sheet(data: xr.DataTree, summary: pd.DataFrame, certificate: Certificate) -> Sheet:
    """The page, from the draws, their summary with all digits, and their certificate."""
    return Sheet(
        title="Posterior of a linear mixed model",
        facts=tuple(_facts(data)),
        tables=(Table("Parameters", summary, decimals=decimals_of(summary)), _prior_table(data)),
        notes=(certificate.verdict, *certificate.advice, *json.loads(data.attrs.get("unidentified", "[]"))),
    )


def _facts(data: xr.DataTree) -> list[tuple[str, str]]:
    attributes = data.attrs
    sizes = data["posterior"].sizes
    groups = "; ".join(f"{name}, {count} levels" for name, count in json.loads(attributes["groups"]).items())
    method = METHODS.get(attributes["method"], attributes["method"])
    sampled = json.loads(attributes.get("sampled_coefficients", "[]"))
    if sampled:
        what = f"the variances and {', '.join(sampled)}, whose prior isn't normal"
        method = method.replace("for the variances", f"for {what}")
    facts = [
        ("Formula", attributes["formula"]),
        ("Method", f"{method}; not a REML or ML estimate"),
        ("Draws", f"{sizes['chain']} chains × {sizes['draw']}, seed {attributes.get('seed', 'unknown')}"),
        ("Rows", str(attributes["n_observations"])),
        ("Groups", groups),
    ]
    if "why_nuts" in attributes:
        facts.append(("Why NUTS", attributes["why_nuts"]))
    if "log_evidence" in attributes:
        evidence, error = attributes["log_evidence"], attributes["log_evidence_se"]
        facts.append(("Evidence", f"log p(y) = {evidence:.3f}, Monte Carlo standard error {error:.3f}"))
    references = json.loads(attributes["references"])
    if references:
        facts.append(("Reference", ", ".join(f"{name} = {level}" for name, level in references.items())))
    codings = json.loads(attributes.get("codings", "{}"))
    if codings:
        facts.append(("Contrasts", ", ".join(f"{name}: {coding}" for name, coding in codings.items())))
    if attributes["intercept_prior"] == "centred":
        facts.append(("Intercept", "its prior is on the centred intercept, at the means of X; reported raw"))
    return facts


def _prior_table(data: xr.DataTree) -> Table:
    priors = json.loads(data.attrs["priors"])
    return Table("Priors", pd.DataFrame({"prior": list(priors.values())}, index=list(priors)))
