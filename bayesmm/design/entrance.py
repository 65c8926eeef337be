"""How data enter and leave: any library's frame becomes one of pandas, and predictions one of the same kind.

The levels of a factor are in sorted order, unless the data say an order: a pandas Categorical, a polars Enum
and an ordered Arrow dictionary keep theirs. (A polars Categorical and other Arrow dictionaries have none of
their own, but that in which the rows happened to come.)
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from bayesmm.errors import DataError

PANDAS = nw.Implementation.PANDAS
RUN = ("toPandas", "collect", "compute", "to_pandas", "df")
"""Methods by which queries of one library or another are run."""


def as_frame(data: Any) -> pd.DataFrame:
    """A pandas frame from a frame of any library that narwhals or Arrow knows, or from a mapping of columns.

    Raises
    ------
    DataError
        If it is none of these, or a query that hasn't been run, or has no rows, or two columns of one name.

    Examples
    --------
    >>> import polars as pl
    >>> data = pl.DataFrame({"dose": ["low", "high"]}, schema={"dose": pl.Enum(["low", "high"])})
    >>> as_frame(data)["dose"].cat.categories.tolist()
    ['low', 'high']
    >>> as_frame(data.cast({"dose": pl.Categorical}))["dose"].cat.categories.tolist()
    ['high', 'low']
    """
    if not isinstance(data, pd.DataFrame):
        data = _from_mapping(data) if isinstance(data, Mapping) else _from_another(data)
    if len(data) == 0:
        raise DataError(
            "the data have no rows",
            expected="one row for each observation",
            advice="check the file or the filter that made the frame",
        )
    if not data.columns.is_unique:
        raise _named_twice(data.columns[data.columns.duplicated()])
    if any(map(_is_dictionary, data.dtypes.array)):
        dictionaries = [name for name, dtype in data.dtypes.items() if _is_dictionary(dtype)]
        data = data.copy(deep=False)
        for name in dictionaries:
            data[name] = _categories(pa.chunked_array(pa.array(data[name].array)), data.index)
    return data


def kind_of(data: Any) -> nw.Implementation:
    """The library whose frame it is; pandas for what is no frame.

    Examples
    --------
    >>> import pyarrow as pa
    >>> kind_of(pa.table({"y": [1.0]})).name, kind_of({"y": [1.0]}).name
    ('PYARROW', 'PANDAS')
    """
    if isinstance(data, pd.DataFrame):
        return PANDAS
    frame = nw.from_native(data, pass_through=True)
    return frame.implementation if isinstance(frame, nw.DataFrame) else PANDAS


def frame_of_kind(table: pd.DataFrame, kind: nw.Implementation) -> Any:
    """A pandas table as a frame of another library; row labels, which only pandas has, are left behind.

    Examples
    --------
    >>> frame_of_kind(pd.DataFrame({"mean": [1.5]}), nw.Implementation.POLARS).to_dict(as_series=False)
    {'mean': [1.5]}
    """
    if kind is PANDAS:
        return table
    columns = {str(name): column.to_numpy() for name, column in table.items()}
    return nw.from_dict(columns, backend=kind).to_native()


def _from_mapping(data: Mapping[Any, Any]) -> pd.DataFrame:
    try:
        return pd.DataFrame(dict(data))
    except ValueError as error:
        raise DataError(
            f"the mapping makes no table: {str(error).rstrip('.')}",
            expected="columns of one length, with a value for each row",
            advice="{'y': [1.0, 2.0], 'g': ['a', 'b']}",
        ) from None


def _from_another(data: Any) -> pd.DataFrame:
    """A frame of another library than pandas."""
    if isinstance(data, pa.Table):
        return _from_arrow(data)
    if isinstance(data, np.ndarray) and data.dtype.names is not None:
        return pd.DataFrame({name: data[name] for name in data.dtype.names})
    frame = nw.from_native(data, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        run = next((name for name in RUN if callable(getattr(data, name, None))), "collect")
        raise DataError(
            f"the data are a {type(data).__name__}, a query that hasn't been run",
            expected="a frame with its rows",
            advice=f"data.{run}()",
        )
    if isinstance(frame, nw.DataFrame):
        if frame.implementation.is_pandas_like():
            return frame.to_pandas()
        found = _from_arrow(_to_arrow(frame))
        for name, kind in frame.schema.items():
            if isinstance(kind, nw.Enum):  # an order of levels, but no ordered factor
                found[name] = found[name].cat.set_categories(list(kind.categories), ordered=False)
        return found
    if hasattr(data, "__arrow_c_stream__"):
        with contextlib.suppress(pa.ArrowInvalid):  # a column has it too
            return _from_arrow(pa.table(data))
    if callable(getattr(data, "to_pandas", None)) and isinstance(found := data.to_pandas(), pd.DataFrame):
        return found
    raise DataError(
        f"the data are a {type(data).__name__}",
        expected="a DataFrame of pandas, polars or their like, an Arrow table, or a mapping of columns",
        advice="pandas.read_csv(path), or bayesmm.load_data('sleepstudy') to see one",
    )


def _to_arrow(frame: nw.DataFrame) -> pa.Table:
    try:
        return frame.to_arrow()
    except Exception as error:  # each library raises its own for types that Arrow doesn't have
        raise DataError(
            f"the data have a type that Arrow doesn't know: {str(error).rstrip('.')}",
            expected="numbers, true and false, text, dates or categories",
            advice="drop the columns that the model doesn't use, and cast the others",
        ) from error


def _from_arrow(table: pa.Table) -> pd.DataFrame:
    """An Arrow table in pandas' types; whole numbers stay whole where some are missing."""
    twice = [name for name in table.column_names if table.column_names.count(name) > 1]
    if twice:
        raise _named_twice(pd.Index(twice))
    for i, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(i, field.name, _with_signed_codes(table[field.name]))
    frame = table.to_pandas(types_mapper=_whole, split_blocks=True)  # one block a column needs no copy
    from_pandas = {
        column["name"]
        for column in (table.schema.pandas_metadata or {}).get("columns", [])
        if column["pandas_type"] == "categorical"
    }
    for field in table.schema:
        if pa.types.is_dictionary(field.type) and field.name in frame and field.name not in from_pandas:
            frame[field.name] = _categories(table[field.name], frame.index)
    return frame


def _with_signed_codes(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A dictionary column whose codes have a sign: polars' have none, which older Arrows take ill."""
    kind = pa.dictionary(pa.int64(), column.type.value_type, column.type.ordered)
    chunks = [
        pa.DictionaryArray.from_arrays(
            chunk.indices.cast(pa.int64()), chunk.dictionary, ordered=column.type.ordered
        )
        for chunk in column.chunks
    ]
    return pa.chunked_array(chunks, type=kind)


def _whole(kind: pa.DataType) -> pd.ArrowDtype | None:
    return pd.ArrowDtype(kind) if pa.types.is_integer(kind) or pa.types.is_boolean(kind) else None


def _is_dictionary(dtype: Any) -> bool:
    return isinstance(dtype, pd.ArrowDtype) and pa.types.is_dictionary(dtype.pyarrow_dtype)


def _categories(column: pa.ChunkedArray, index: pd.Index) -> pd.Series:
    """A dictionary column as a pandas Categorical: in its own order if it has one, otherwise sorted."""
    found = column.to_pandas().set_axis(index)
    return found if found.cat.ordered else found.cat.set_categories(found.cat.categories.sort_values())


def _named_twice(names: pd.Index) -> DataError:
    return DataError(
        f"the data have more than one column named {', '.join(map(repr, sorted(set(map(str, names)))))}",
        expected="column names that are unique",
        advice="rename or drop one of them",
    )
