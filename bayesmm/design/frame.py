"""The user's data made ready: one frame, complete rows, plain types, observed levels in their order.

Rows with a missing value in any variable that any part of the model uses are dropped once, for all parts
alike, so that y, X, Z, weights and offset always speak of the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesmm.design.plain import plain
from bayesmm.errors import DataError, near_matches


@dataclass(frozen=True, eq=False)
class Frame:
    """Complete rows of the variables that a model uses.

    Attributes
    ----------
    data
        (n rows) the variables, with pandas' nullable types made plain, and categoricals with their observed
        levels only.
    rows
        (n,) positions of the complete rows in the data as given.
    n_dropped
        How many rows were dropped for missing values.
    """

    data: pd.DataFrame
    rows: np.ndarray
    n_dropped: int


def check_known(data: pd.DataFrame, variables: Iterable[str], also: Iterable[str] = ()) -> list[str]:
    """The variables that are columns of the data.

    Raises
    ------
    DataError
        If one is neither a column nor among the names in ``also``.
    """
    also = set(also)
    columns = []
    for variable in sorted(variables):
        if variable in data.columns:
            columns.append(variable)
        elif variable not in also:
            raise DataError(
                f"the data have no column '{variable}'",
                expected=f"a column for each variable of the formula; the data have {len(data.columns)}",
                advice=_where_else(variable, data) or near_matches(variable, data.columns),
            )
    return columns


def _where_else(variable: str, data: pd.DataFrame) -> str | None:
    """What to do where the data have the variable, but not as a column of this name."""
    if variable in data.index.names:
        return f"data.reset_index(): '{variable}' is in the index of the frame"
    if any(str(name) == variable for name in data.columns):
        return f"data.rename(columns=str): the column's name is {variable} as a number, not as text"
    return None


def complete_frame(
    data: pd.DataFrame, variables: Sequence[str], extra: Mapping[str, np.ndarray | None]
) -> Frame:
    """Keep the rows that are complete in all ``variables`` and all arrays of ``extra``.

    Raises
    ------
    DataError
        If no row is left, or a numeric column has infinite values.
    """
    used = data[list(variables)]
    complete = ~used.isna().to_numpy().any(axis=1)
    for values in extra.values():
        if values is not None:
            complete &= ~np.isnan(values)
    rows = np.flatnonzero(complete)
    if len(rows) == 0:
        missing = {f"the column '{name}'": int(used[name].isna().sum()) for name in variables}
        missing |= {name: int(np.isnan(v).sum()) for name, v in extra.items() if v is not None}
        worst = max(missing, key=lambda name: missing[name])
        raise DataError(
            f"all {len(data)} rows have a missing value in some variable of the model",
            expected="at least some complete rows",
            advice=f"look at {worst}, with {missing[worst]} missing",
        )
    kept = used if len(rows) == len(used) else used.iloc[rows]
    made = pd.DataFrame({name: plain(kept[name]) for name in kept.columns}, index=kept.index)
    return Frame(made, rows, len(data) - len(rows))


def plain_frame(data: pd.DataFrame, variables: Sequence[str]) -> pd.DataFrame:
    """New data in plain types, for a recipe that was made on a :class:`Frame`; missing values stay.

    Raises
    ------
    DataError
        If a numeric column has infinite values.
    """
    return pd.DataFrame({name: plain(data[name]) for name in variables}, index=data.index)
