"""One column in a plain type: float64, int64, true and false, text, or categories in their order."""

from __future__ import annotations

from numbers import Number

import numpy as np
import pandas as pd
import pyarrow as pa

from bayesmm.errors import DataError

NUMBERS = frozenset({"integer", "floating", "mixed-integer-float", "decimal"})
"""What pandas calls objects that are numbers, all of them or but for the missing."""
SOME = 1024
"""How many rows most often have every category of a factor."""


def plain(column: pd.Series) -> pd.Series:
    """A column in a type that every expression can handle.

    Objects that are all numbers, or all true or false, are taken as such; dates and other objects stay, for
    they may be levels of a grouping factor.

    Raises
    ------
    DataError
        If numbers are complex or infinite.

    Examples
    --------
    >>> from decimal import Decimal
    >>> plain(pd.Series([Decimal("0.5"), 2], dtype=object)).tolist()
    [0.5, 2.0]
    """
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and (dtype.kind == "b" or dtype in (np.int64, np.float64)):
        if dtype.kind == "f":
            _check_not_infinite(column.to_numpy(), column.name)
        return column
    if isinstance(dtype, pd.CategoricalDtype):
        return column if _all_occur(column.array) else column.cat.remove_unused_categories()
    if pd.api.types.is_complex_dtype(dtype):
        raise DataError(
            f"the column '{column.name}' has complex numbers",
            expected="real numbers, text or categories",
            advice="numpy.real or numpy.abs of it",
        )
    if pd.api.types.is_object_dtype(dtype):
        column = _from_objects(column)
    elif isinstance(dtype, pd.ArrowDtype) and pa.types.is_nested(dtype.pyarrow_dtype):
        return column.astype(object)
    if pd.api.types.is_bool_dtype(column.dtype) and not column.isna().any():
        return column.astype(bool)
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = _numbers(column)
        if values.dtype.kind == "f":
            _check_not_infinite(values, column.name)
        return pd.Series(values, index=column.index, name=column.name)
    return column


def _check_not_infinite(values: np.ndarray, name: object) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(
            f"the column '{name}' is infinite in {int(infinite.sum())} rows",
            expected="finite numbers",
            advice="drop those rows or mark them missing",
        )


def _all_occur(factor: pd.Categorical) -> bool:
    """Whether every category has a row; most often the first rows tell."""
    for codes in (factor.codes[:SOME], factor.codes):
        if codes.min(initial=0) < 0:
            codes = codes[codes >= 0]
        if np.bincount(codes, minlength=len(factor.categories)).all():
            return True
    return False


def _from_objects(column: pd.Series) -> pd.Series:
    """A column of objects as numbers, or as true and false, if they are."""
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind == "boolean":
        return column.astype("boolean")
    if kind in ("mixed", "mixed-integer") and all(isinstance(value, Number) for value in column.dropna()):
        kind = "floating"
    if kind not in NUMBERS:
        return column
    try:
        return column.astype("Int64" if kind == "integer" else np.float64)
    except (OverflowError, TypeError, ValueError):  # whole numbers beyond int64 can be levels still
        return column


def _numbers(column: pd.Series) -> np.ndarray:
    """A numeric column as int64 or float64, as uint64 beyond int64; missing values make it float64."""
    if column.isna().any() or not pd.api.types.is_integer_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    beyond = pd.api.types.is_unsigned_integer_dtype(column.dtype) and column.max() > np.iinfo(np.int64).max
    return column.to_numpy(dtype=np.uint64 if beyond else np.int64)
