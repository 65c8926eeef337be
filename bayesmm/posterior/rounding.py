"""How many decimals a posterior's summary shows: as many as the Monte Carlo error leaves, shared by a column.

The last decimal of means, sds and intervals is the first digit of the smallest Monte Carlo standard error of
a mean among the rows. Rows whose errors are orders of magnitude apart, as parameters in thousands and in
thousandths are, each have their own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

APART = 1e4
"""Between the largest and the smallest error of a table, from which its rows have decimals of their own."""
MOST = 12
FIXED = {"ess": 0, "r_hat": 3}
"""Columns, by how they begin, that always have so many decimals."""


def decimals_of(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Column → (rows,) decimals."""
    if "mcse_mean" in table:
        error = table["mcse_mean"].to_numpy(dtype=float)
    else:  # a hundredth of the sd is what 10,000 independent draws know it to
        error = table["sd"].to_numpy(dtype=float) / 100 if "sd" in table else np.full(len(table), np.nan)
    usable = np.isfinite(error) & (error > 0)
    found = np.full(len(table), 3)
    found[usable] = np.clip(-np.floor(np.log10(error[usable])), 0, MOST).astype(int)
    if usable.any() and np.max(error[usable]) < APART * np.min(error[usable]):
        found[:] = np.max(found[usable])
    decimals = {}
    for column in map(str, table.columns):
        fixed = next((number for start, number in FIXED.items() if column.startswith(start)), None)
        decimals[column] = np.full(len(table), fixed) if fixed is not None else found
        if column.startswith("mcse"):
            decimals[column] = found + 1
    return decimals


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """The numbers of a summary, rounded.

    Examples
    --------
    >>> rounded(pd.DataFrame({"mean": [149.52, 0.2461], "sd": [1.61, 0.31], "mcse_mean": [0.026, 0.0051]}))
         mean    sd  mcse_mean
    0  149.520  1.61     0.0260
    1    0.246  0.31     0.0051
    """
    decimals, out = decimals_of(table), {}
    for column in table.columns:
        values = table[column].to_numpy(dtype=float)
        places = decimals[str(column)]
        out[column] = [round(float(v), int(d)) for v, d in zip(values, places, strict=True)]
    return pd.DataFrame(out, index=table.index)
