"""The variances and correlations of an estimate, one a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesmm.design.random_term import RandomTerm

CORRELATION = "correlation"
"""What ``term2`` says of a structure's only correlation."""


def variance_components(
    terms: Sequence[RandomTerm],
    covariances: Sequence[pd.DataFrame],
    reported: Sequence[np.ndarray],
    sigma: float,
) -> pd.DataFrame:
    """The table ``group, term1, term2, vcov, sdcor`` of :attr:`bayesmm.Estimate.varcorr`.

    Parameters
    ----------
    terms, covariances, reported
        The random terms; of each Cov(b_j) (k, k), and what its structure tells of the correlation (m,).
    sigma
        The residual standard deviation.
    """
    rows: list[tuple[str, str | None, str | None, float, float]] = []
    for term, frame, correlations in zip(terms, covariances, reported, strict=True):
        G = frame.to_numpy()
        sd = np.sqrt(np.diag(G))
        rows += [(term.group, name, None, G[i, i], sd[i]) for i, name in enumerate(term.columns)]
        structure = term.covariance
        labels = structure.labels(term.columns) or (CORRELATION,)
        shared = G[0, 0] if len(structure.owners) == 1 else np.nan
        for m, value in enumerate(correlations):
            pair = structure.columns_of(m)
            if pair:
                i, j = pair
                rows.append((term.group, term.columns[i], term.columns[j], G[i, j], value))
            else:
                rows.append((term.group, structure.name, labels[m], shared * value, value))
    rows.append(("Residual", None, None, sigma**2, sigma))
    frame = pd.DataFrame(rows, columns=["group", "term1", "term2", "vcov", "sdcor"], dtype=object)
    return frame.astype({"vcov": float, "sdcor": float})
