"""What the user gives beside formula and data: weights, an offset, own names; and how to ask for it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from bayesmm.design.entrance import PANDAS, kind_of
from bayesmm.design.frame import Frame, check_known
from bayesmm.design.plain import plain
from bayesmm.design.written import Written, written
from bayesmm.errors import DataError

SHOWN = 5
"""How many labels an error names."""


@dataclass(frozen=True, eq=False)
class Given:
    """How a model was given, but for its formula: for predictions of new data, and to write it down again.

    Attributes
    ----------
    frame
        The columns of the data that are used.
    kind
        The library whose frame the data were; pandas for mappings.
    weights, offset
        The columns that were named; None where numbers were given, or nothing.
    has_offset
        Whether there was an offset besides the formula's.
    namespace
        The user's own names that the formula uses, written down.
    """

    frame: Frame
    kind: nw.Implementation = PANDAS
    weights: str | None = None
    offset: str | None = None
    has_offset: bool = False
    namespace: Mapping[str, Written] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Any, frame: Frame, weights: Any, offset: Any, own: Mapping[str, Any]) -> Given:
        """From what was given: the data, their complete rows, weights, offset, and own names."""
        return cls(
            frame=frame,
            kind=kind_of(data),
            weights=weights if isinstance(weights, str) else None,
            offset=offset if isinstance(offset, str) else None,
            has_offset=offset is not None,
            namespace={name: written(name, value) for name, value in own.items()},
        )

    @property
    def factors(self) -> dict[str, tuple[list[Any], bool]]:
        """Column → levels and whether they are ordered, for the categories among them."""
        return {
            str(name): (column.cat.categories.tolist(), bool(column.cat.ordered))
            for name, column in self.frame.columns.items()
            if isinstance(column.dtype, pd.CategoricalDtype)
        }

    @property
    def text(self) -> tuple[str, ...]:
        """Columns of text that would be taken for numbers if they were read from a file."""
        return tuple(str(name) for name, c in self.frame.columns.items() if _looks_like_numbers(c))


def _looks_like_numbers(column: pd.Series) -> bool:
    """Whether a column of text, or of categories of text, has nothing but numbers in it."""
    is_category = isinstance(column.dtype, pd.CategoricalDtype)
    values = column.cat.categories if is_category else column
    if not pd.api.types.is_string_dtype(values) or len(values) == 0:
        return False
    try:
        float(values[0] if is_category else values.iloc[0])
        pd.to_numeric(pd.Series(values.unique(), dtype=object))
    except (TypeError, ValueError):
        return False
    return True


def aligned(values: Any, name: str, data: pd.DataFrame) -> np.ndarray | None:
    """Weights or an offset, given by a column's name or as n numbers, as an array of float, one for each row.

    A pandas Series belongs to the rows of its labels, whatever their order; all else to the rows in order.

    Raises
    ------
    DataError
        If there is no such column, or the values are not numbers, or not one for each row.

    Examples
    --------
    >>> data = pd.DataFrame({"y": [1.0, 2.0]}, index=["a", "b"])
    >>> aligned(pd.Series({"b": 7, "a": 5}), "weights", data).tolist()
    [5.0, 7.0]
    """
    if values is None:
        return None
    if isinstance(values, str):
        check_known(data, [values])
        values = data[values]
    elif isinstance(values, pd.DataFrame) and values.shape[1] == 1:
        values = by_label(values.iloc[:, 0], name, data.index)
    elif isinstance(values, pd.Series):
        values = by_label(values, name, data.index)
    column = values if isinstance(values, pd.Series) else pd.Series(_one_dimensional(values, name))
    array = _numbers(column, name)
    if len(array) != len(data):
        raise DataError(
            f"{name} have {len(array)} values",
            expected=f"one for each of the {len(data)} rows of the data",
            advice=f"{name}='column' takes them from the data",
        )
    return array


def _one_dimensional(values: Any, name: str) -> np.ndarray:
    """(n,) values from (n,), (n, 1) or a single one."""
    array = np.asarray(values)
    if array.ndim > 1 and array.size != len(array):
        raise DataError(
            f"{name} have the shape {array.shape}",
            expected="one number for each row",
            advice=f"{name}='column' takes them from the data",
        )
    return array.ravel()


def _numbers(column: pd.Series, name: str) -> np.ndarray:
    """A column as float64; missing values are not numbers."""
    if not pd.api.types.is_complex_dtype(column.dtype):
        if (
            pd.api.types.is_float_dtype(column.dtype)
            and np.isinf(column.to_numpy(float, na_value=np.nan)).any()
        ):
            raise DataError(
                f"{name} are infinite in places", expected="finite numbers", advice="mend those rows"
            )
        column = plain(column)
        if pd.api.types.is_numeric_dtype(column.dtype):
            return column.to_numpy(dtype=float)
    raise DataError(
        f"{name} are not numbers",
        expected="a column name, or one number for each row",
        advice=f"{name}='column'",
    )


def by_label(values: pd.Series, name: str, index: pd.Index) -> pd.Series:
    """A Series in the order of the rows, whose labels are given; one of another length as it is.

    Raises
    ------
    DataError
        If its labels are not those of the rows, or don't tell which value belongs to which.
    """
    if values.index.equals(index) or len(values) != len(index):
        return values
    odd = values.index.symmetric_difference(index, sort=False)
    if len(odd):
        one_side = "a label of theirs" if odd[0] in values.index else "a row of the data"
        shown = ", ".join(map(str, odd[:SHOWN])) + (", …" if len(odd) > SHOWN else "")
        raise DataError(
            f"the index of {name} is not that of the data: {one_side} has no partner, as in {shown}",
            expected="a Series with the labels of the rows, in any order",
            advice="series.to_numpy(), which belongs to the rows in their order",
        )
    if not index.is_unique:
        raise DataError(
            f"the labels of {name} are in another order than the rows of the data, and some stand twice",
            expected="labels that tell which value belongs to which row",
            advice="series.to_numpy(), which belongs to the rows in their order, or make it a column",
        )
    return values.reindex(index)
