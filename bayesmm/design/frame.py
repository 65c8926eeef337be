"""The user's data made ready: one frame, complete rows, plain types, observed levels in their order.

Rows with a missing value in any variable that any part of the model uses are dropped once, for all parts
alike, so that y, X, Z, weights and offset always speak of the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

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


def as_frame(data: Any) -> pd.DataFrame:
    """A pandas frame from a frame, a mapping of columns, or anything with ``to_pandas``.

    Raises
    ------
    DataError
        If it is none of these, or has no rows, or two columns of one name.
    """
    if isinstance(data, Mapping):
        data = _from_mapping(data)
    elif not isinstance(data, pd.DataFrame) and callable(getattr(data, "to_pandas", None)):
        data = data.to_pandas()
    if not isinstance(data, pd.DataFrame):
        raise DataError(
            f"the data are a {type(data).__name__}",
            expected="a pandas DataFrame, a mapping of columns, or an object with to_pandas()",
            advice="pandas.read_csv(path), or bayesmm.load_data('sleepstudy') to see one",
        )
    if len(data) == 0:
        raise DataError(
            "the data have no rows",
            expected="one row for each observation",
            advice="check the file or the filter that made the frame",
        )
    if not data.columns.is_unique:
        twice = sorted(map(str, data.columns[data.columns.duplicated()].unique()))
        raise DataError(
            f"the data have more than one column named {', '.join(map(repr, twice))}",
            expected="column names that are unique",
            advice="rename or drop one of them",
        )
    return data


def _from_mapping(data: Mapping[Any, Any]) -> pd.DataFrame:
    try:
        return pd.DataFrame(dict(data))
    except ValueError as error:
        raise DataError(
            f"the mapping makes no table: {str(error).rstrip('.')}",
            expected="columns of one length, with a value for each row",
            advice="{'y': [1.0, 2.0], 'g': ['a', 'b']}",
        ) from None


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
                advice=near_matches(variable, data.columns),
            )
    return columns


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
    plain = pd.DataFrame({name: _plain(kept[name]) for name in kept.columns}, index=kept.index)
    return Frame(plain, rows, len(data) - len(rows))


def plain_frame(data: pd.DataFrame, variables: Sequence[str]) -> pd.DataFrame:
    """New data in plain types, for a recipe that was made on a :class:`Frame`; missing values stay.

    Raises
    ------
    DataError
        If a numeric column has infinite values.
    """
    return pd.DataFrame({name: _plain(data[name]) for name in variables}, index=data.index)


def aligned(values: Any, name: str, data: pd.DataFrame) -> np.ndarray | None:
    """An optional column, given by its name or as n numbers, as an array of float with one value a row.

    Raises
    ------
    DataError
        If there is no such column, or the values are not numbers, or not one for each row.
    """
    if values is None:
        return None
    if isinstance(values, str):
        check_known(data, [values])
        values = data[values]
    try:
        array = pd.to_numeric(pd.Series(np.asarray(values).ravel())).to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(
            f"{name} are not numbers",
            expected="a column name, or one number for each row",
            advice=f"{name}='column'",
        ) from None
    if len(array) != len(data):
        raise DataError(
            f"{name} have {len(array)} values",
            expected=f"one for each of the {len(data)} rows of the data",
            advice=f"{name}='column' takes them from the data",
        )
    if np.isinf(array).any():
        raise DataError(f"{name} are infinite in places", expected="finite numbers", advice="mend those rows")
    return array


def _plain(column: pd.Series) -> pd.Series:
    """A column in a type that every expression can handle; infinite numbers are an error."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        if len(column.cat.categories) != column.nunique():
            column = column.cat.remove_unused_categories()
        return column
    if pd.api.types.is_complex_dtype(dtype):
        raise DataError(
            f"the column '{column.name}' has complex numbers",
            expected="real numbers, text or categories",
            advice="numpy.real or numpy.abs of it",
        )
    if pd.api.types.is_bool_dtype(dtype) and not column.isna().any():
        return column.astype(bool)
    if pd.api.types.is_numeric_dtype(dtype):
        values = _numbers(column)
        if values.dtype.kind == "f" and np.isinf(values).any():
            count = int(np.isinf(values).sum())
            raise DataError(
                f"the column '{column.name}' is infinite in {count} rows",
                expected="finite numbers",
                advice="drop those rows or mark them missing",
            )
        return pd.Series(values, index=column.index, name=column.name)
    return column


def _numbers(column: pd.Series) -> np.ndarray:
    """A numeric column as int64, uint64 or float64; missing values make it float64."""
    if column.isna().any() or not pd.api.types.is_integer_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    unsigned = pd.api.types.is_unsigned_integer_dtype(column.dtype)
    return column.to_numpy(dtype=np.uint64 if unsigned else np.int64)
