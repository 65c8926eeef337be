"""The variances and correlations of a result, one a row: of an estimate, or means over draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesmm.design.random_term import RandomTerm

CORRELATION = "correlation"
"""What ``term2`` says of a structure's only correlation."""


@dataclass(frozen=True, eq=False)
class VariancePoints:
    """The variances of a model at S points: one estimate, several near it, or draws.

    Attributes
    ----------
    covariances
        Of each term Cov(b_j) (S, k, k).
    reported
        Of each term what its structure tells of the correlation (S, m).
    dispersions
        (S,) of each parameter of the family besides the location: for the Gaussian the residual sds.
    """

    covariances: Sequence[np.ndarray]
    reported: Sequence[np.ndarray]
    dispersions: Sequence[np.ndarray]


def sdcor_rows(points: VariancePoints) -> np.ndarray:
    """(S, rows) standard deviations and correlations in the order of ``varcorr``, the residual last."""
    values: list[np.ndarray] = []
    for G, correlations in zip(points.covariances, points.reported, strict=True):
        values += [np.sqrt(np.einsum("sii->si", G)), correlations]
    return np.column_stack([*values, *points.dispersions])


def variance_components(terms: Sequence[RandomTerm], points: VariancePoints) -> pd.DataFrame:
    """The table ``group, term1, term2, vcov, sdcor``, means over the points; see :attr:`Fitted.varcorr`."""
    names: list[tuple[str, str | None, str | None]] = []
    vcov: list[np.ndarray] = []
    for term, G, correlations in zip(terms, points.covariances, points.reported, strict=True):
        names += [(term.group, name, None) for name in term.columns]
        vcov.append(np.einsum("sii->si", G))
        structure = term.covariance
        labels = structure.labels(term.columns) or (CORRELATION,)
        shared = G[:, 0, 0] if len(structure.owners) == 1 else np.nan
        for m, value in enumerate(correlations.T):
            pair = structure.columns_of(m)
            if pair:
                i, j = pair
                names.append((term.group, term.columns[i], term.columns[j]))
                vcov.append(G[:, i, j])
            else:
                names.append((term.group, structure.name, labels[m]))
                vcov.append(shared * value)
    frame = pd.DataFrame(
        [*names, *[("Residual", None, None) for _ in points.dispersions]],
        columns=["group", "term1", "term2"],
        dtype=object,
    )
    frame["vcov"] = np.column_stack([*vcov, *[dispersion**2 for dispersion in points.dispersions]]).mean(
        axis=0
    )
    frame["sdcor"] = sdcor_rows(points).mean(axis=0)
    return frame
