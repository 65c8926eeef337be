"""The user's data made ready: complete rows, plain types, observed levels in their order; columns not copied.

Rows with a missing value in any variable that any part of the model uses are dropped once, for all parts
alike, so that y, X, Z, weights and offset always speak of the same rows. Where nothing is missing, a column
of numbers or categories is the user's own, as it stands in memory: the frame holds on to it, so that pandas
copies before it writes to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from bayesmm.design.arithmetic import real
from bayesmm.design.lookup import Names
from bayesmm.design.plain import plain
from bayesmm.design.sources import Source, numbers_of, small_codes
from bayesmm.errors import DataError, near_matches

COPIES_ON_WRITE = int(pd.__version__.split(".")[0]) >= 3
"""Whether pandas copies a column that is held on to before it writes to it."""


class Frame:
    """Complete rows of the variables that a model uses.

    Attributes
    ----------
    columns
        Name → (n,) in a plain type; categoricals with their observed levels only.
    index
        (n,) the labels of the rows.
    rows
        (n,) positions of the complete rows in the data as given; None if all are.
    n_dropped
        How many rows were dropped for missing values.
    """

    def __init__(
        self,
        columns: Mapping[str, pd.Series],
        index: pd.Index,
        rows: np.ndarray | None,
        n_dropped: int,
        sources: Mapping[str, Source] = MappingProxyType({}),
    ) -> None:
        self.columns = columns
        self.index = index
        self.rows = rows
        self.n_dropped = n_dropped
        self._sources = dict(sources)
        self._levels: dict[str, tuple[np.ndarray, tuple[Any, ...], bool]] = {}

    @property
    def n(self) -> int:
        """The number of rows."""
        return len(self.index)

    @cached_property
    def data(self) -> pd.DataFrame:
        """The columns as a frame, for expressions that are evaluated."""
        return pd.DataFrame(dict(self.columns), index=self.index)

    def is_numeric(self, name: str) -> bool:
        """Whether a column has numbers, or true and false.

        Raises
        ------
        DataError
            If it has neither these nor levels, but dates or objects of several kinds.
        """
        if getattr(self.columns[name].dtype, "kind", "O") in "biuf":
            return True
        real(self.columns[name])
        return False

    def source(self, name: str) -> Source:
        """A column of numbers as float64; the same object each time."""
        found = self._sources.get(name)
        if found is None:
            found = self._sources[name] = numbers_of(self.columns[name].to_numpy())
        return found

    def levels(self, name: str) -> tuple[np.ndarray, tuple[Any, ...], bool]:
        """The codes (n,) of a factor, the same object each time; its levels in order; whether it is ordered.

        A categorical has an order, text is sorted.
        """
        found = self._levels.get(name)
        if found is None:
            found = self._levels[name] = _levels_of(self.columns[name])
        return found

    def of_rows(self, values: np.ndarray) -> np.ndarray:
        """Values for each row of the data as given, at the complete rows; a copy."""
        return values.copy() if self.rows is None else values[self.rows]


def check_known(data: pd.DataFrame, variables: Iterable[str], also: Names | None = None) -> list[str]:
    """The variables that are columns of the data.

    Raises
    ------
    DataError
        If one is neither a column nor among the names in ``also``.
    """
    known = data.columns
    columns = []
    for variable in sorted(variables):
        if variable in known:
            columns.append(variable)
        elif also is None or variable not in also:
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

    Cost: one scan of each column. Only where a row is dropped are columns copied.

    Raises
    ------
    DataError
        If no row is left, or a numeric column has infinite values.
    """
    used = {name: data[name] if COPIES_ON_WRITE else data[name].copy() for name in variables}
    sources: dict[str, Source] = {}
    lacking = {f"the column '{name}'": _missing(name, column, sources) for name, column in used.items()}
    lacking |= {name: np.isnan(values) for name, values in extra.items() if values is not None}
    missing = {name: rows for name, rows in lacking.items() if rows is not None and rows.any()}
    if not missing:
        columns = {name: used[name] if name in sources else plain(used[name]) for name in variables}
        return Frame(columns, data.index, None, 0, sources)
    rows = np.flatnonzero(~np.logical_or.reduce(list(missing.values())))
    if len(rows) == 0:
        counts = {name: int(rows.sum()) for name, rows in missing.items()}
        worst = max(counts, key=lambda name: counts[name])
        raise DataError(
            f"all {len(data)} rows have a missing value in some variable of the model",
            expected="at least some complete rows",
            advice=f"look at {worst}, with {counts[worst]} missing",
        )
    kept = {name: plain(column.iloc[rows]) for name, column in used.items()}
    return Frame(kept, data.index[rows], rows, len(data) - len(rows))


def plain_frame(data: pd.DataFrame, variables: Sequence[str]) -> pd.DataFrame:
    """New data in plain types, for a recipe that was made on a :class:`Frame`; missing values stay.

    Raises
    ------
    DataError
        If a numeric column has infinite values.
    """
    return pd.DataFrame({name: plain(data[name]) for name in variables}, index=data.index)


def _missing(name: str, column: pd.Series, sources: dict[str, Source]) -> np.ndarray | None:
    """(n,) where a column is missing, None for nowhere; one of finite numbers is put among the sources."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes = column.array.codes
        return codes < 0 if codes.min(initial=0) < 0 else None
    if not isinstance(dtype, np.dtype) or dtype.kind not in "biuf":
        return column.isna().to_numpy()
    if dtype == np.float64:
        source = numbers_of(column.to_numpy())
        if source.is_finite:
            sources[name] = source
            return None
    return np.isnan(column.to_numpy()) if dtype.kind == "f" else None


def _levels_of(column: pd.Series) -> tuple[np.ndarray, tuple[Any, ...], bool]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories, codes = column.array.categories, column.array.codes
        return small_codes(codes, len(categories)), tuple(categories), bool(column.array.ordered)
    found, levels = pd.factorize(column)
    order = sorted(range(len(levels)), key=list(levels).__getitem__)
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return small_codes(places[found], len(levels)), tuple(levels[i] for i in order), False
