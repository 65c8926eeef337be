"""Expressions compute with real numbers: whole numbers and true/false become float64 where they are used so.

numpy's own arithmetic would wrap whole numbers of a narrow type or without a sign, and beyond 2⁶³ those of
any; and the sum of two columns of true/false is an "or" to it. Codings of factors, comparisons and the user's
own functions get a column as it is stored, so that levels keep their names.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesmm.errors import DataError

DAYS = "(day - day.min()).dt.days with day = {0}, or data['{1}'].astype(str) for a factor"
REMEDIES = {
    "date": DAYS.format("pandas.to_datetime(data['{0}'])", "{0}"),
    "datetime": DAYS.format("data['{0}']", "{0}"),
    "timedelta": "a number in a unit, such as data['{0}'].dt.total_seconds()",
}
"""What pandas calls the values of a column → what makes numbers of it."""
OTHERWISE = (
    "pandas.to_numeric(data['{0}'], errors='coerce') for numbers, data['{0}'].astype(str) for a factor"
)


def real(column: pd.Series) -> pd.Series:
    """A column as an expression may compute with it: numbers as float64, text and categories as they are.

    Raises
    ------
    DataError
        If it has dates, times or objects of several kinds.

    Examples
    --------
    >>> real(pd.Series([250, 7], dtype="uint8")).tolist()
    [250.0, 7.0]
    """
    kind = getattr(column.dtype, "kind", "O")
    if kind in "biu":
        return column.astype(np.float64)
    if kind == "f" or isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column):
        return column
    raise DataError(
        f"the column '{column.name}' is used as a number and has {_said(column)}",
        expected="numbers, true and false, text or categories",
        advice=remedy(column),
    )


def remedy(column: pd.Series) -> str:
    """What makes numbers, or a factor, of a column that is neither."""
    values = pd.api.types.infer_dtype(column, skipna=True).removesuffix("64")
    return REMEDIES.get(values, OTHERWISE).format(column.name)


def _said(column: pd.Series) -> str:
    """The dtype of a column, for objects with the types of what it holds."""
    if column.dtype != object:
        return f"the dtype {column.dtype}"
    types = sorted({type(value).__name__ for value in column})
    return f"the dtype object, with values of type {' and '.join(types[:3])}"
