"""A grouping factor: integer codes straight from the data, levels in the user's own types."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from bayesmm.design.face import factor_sheet, rows_of_levels
from bayesmm.design.plain import plain
from bayesmm.errors import DataError, near_matches

RANGE = 4
"""Whole numbers whose range is at most so many times their count are coded by a table of the range."""
SMALL_RANGE = 1024
"""A range that is small whatever their count."""
FEW = 4096
"""The rows that are looked at first for whether they are in order."""


class Factor:
    """A grouping factor with its observed levels.

    Attributes
    ----------
    variables
        The data columns whose observed combinations are the levels.
    levels
        (ℓ,) pandas Index, or a MultiIndex for combinations of several columns, in the user's own types
        and order: a categorical's order, otherwise sorted. Observed levels only.
    """

    def __init__(
        self,
        variables: tuple[str, ...],
        codes: np.ndarray | None,
        levels: pd.Index,
        starts: np.ndarray | None = None,
    ) -> None:
        """Of the codes (n,), or of the starts (ℓ + 1,) where the rows are in the order of the levels."""
        self.variables = variables
        self.levels = levels
        self._given = codes, starts

    @cached_property
    def codes(self) -> np.ndarray:
        """(n,) of int64, read-only: ``levels[codes[i]]`` is the level of row i."""
        codes, starts = self._given
        if codes is None:
            codes = np.repeat(np.arange(len(self.levels)), np.diff(starts))
        codes = codes.astype(np.int64, copy=False).view()
        codes.flags.writeable = False
        return codes

    @cached_property
    def starts(self) -> np.ndarray | None:
        """(ℓ + 1,) of int64: level c has the rows ``starts[c]:starts[c + 1]``; None if not in order."""
        codes, starts = self._given
        return starts if codes is None else _starts(codes)

    @property
    def sizes(self) -> np.ndarray:
        """(ℓ,) how many rows each level has."""
        if self._given[0] is None:
            return np.diff(self.starts)
        return np.bincount(self.codes, minlength=len(self.levels))

    @property
    def name(self) -> str:
        """``Subject``, or ``batch:cask`` for combinations."""
        return ":".join(self.variables)

    def __len__(self) -> int:
        return len(self.levels)

    @property
    def labels(self) -> list[str]:
        """The levels as text, ``A:a`` for combinations."""
        if isinstance(self.levels, pd.MultiIndex):
            return [":".join(map(str, level)) for level in self.levels]
        return [str(level) for level in self.levels]

    def __repr__(self) -> str:
        return f"Factor({self.name!r}: {rows_of_levels(self)})"

    def _repr_html_(self) -> str:
        return factor_sheet(self)._repr_html_()

    @property
    def J(self) -> sparse.csr_array:
        """The (n, ℓ) indicator matrix, sparse."""
        n = len(self.codes)
        return sparse.csr_array(
            (np.ones(n), self.codes.copy(), np.arange(n + 1)), shape=(n, len(self.levels))
        )

    def code_of(self, level: object) -> int:
        """The code of one level.

        Raises
        ------
        DataError
            If there is no such level.
        """
        wanted = level
        if isinstance(self.levels, pd.MultiIndex) and isinstance(level, str):
            matches = [code for code, label in enumerate(self.labels) if label == level]
            if len(matches) == 1:
                return matches[0]
        try:
            return int(self.levels.get_loc(wanted))
        except (KeyError, TypeError, ValueError, pd.errors.InvalidIndexError):
            advice = near_matches(level, self.labels)
            if str(level) in self.labels:
                kind = type(self.levels[0]).__name__
                advice = f"the level as {kind}, the type that the data have, not as {type(level).__name__}"
            raise DataError(
                f"'{self.name}' has no level {level!r}",
                expected=f"one of its {len(self.levels)} levels",
                advice=advice,
            ) from None

    def recode(self, data: pd.DataFrame) -> np.ndarray:
        """The codes (m,) of the rows of other data; −1 where the level was not seen."""
        return self.levels.get_indexer(level_index(data, self.variables)).astype(np.int64)


def level_index(data: pd.DataFrame, variables: tuple[str, ...]) -> pd.Index:
    """The levels of every row (m,), in their own types."""
    columns = [plain_values(data[variable]) for variable in variables]
    for column in columns:
        check_levels(column)
    if len(columns) == 1:
        return pd.Index(columns[0])
    return pd.MultiIndex.from_arrays(columns, names=list(variables))


def check_levels(column: pd.Series) -> None:
    """Whether the values of a column can be levels.

    Raises
    ------
    DataError
        If they are lists or their like.
    """
    if not pd.api.types.is_object_dtype(column.dtype) or pd.api.types.infer_dtype(column) != "mixed":
        return
    odd = next((value for value in column if not isinstance(value, Hashable)), None)
    if odd is not None:
        raise DataError(
            f"the grouping column '{column.name}' has values of type {type(odd).__name__}",
            expected="text, numbers, dates or categories",
            advice=f"data['{column.name}'].astype(str), or a column for each element",
        )


def plain_values(column: pd.Series) -> pd.Series:
    """A column's values in plain types, a categorical's in its categories'; objects if some are missing."""
    if column.isna().any():
        return column.astype(object)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype(column.cat.categories.dtype)
    return column


def factor_from(columns: Mapping[str, pd.Series] | pd.DataFrame, variables: tuple[str, ...]) -> Factor:
    """Code the observed combinations of some columns; never all the combinations there could be.

    Cost: one or two passes over the rows for whole numbers of a range like theirs, and for categories; a
    hash of the rows and a sort of the levels for others.
    """
    if len(variables) == 1:
        codes, levels, starts = _coded(columns[variables[0]])
        return Factor(variables, codes, levels.rename(variables[0]), starts)
    keys: Any = 0
    parts = []
    for variable in variables:
        more = factor_from(columns, (variable,))
        parts.append(more.levels)
        keys = keys * len(more) + more.codes
    codes, observed, starts = _coded_numbers(keys)
    arrays = []
    for levels in reversed(parts):
        arrays.append(levels.take(observed % len(levels)))
        observed = observed // len(levels)
    combined = pd.MultiIndex.from_arrays(arrays[::-1], names=list(variables))
    return Factor(variables, codes, combined, starts)


def _coded(column: pd.Series) -> tuple[np.ndarray | None, pd.Index, np.ndarray | None]:
    """Codes, levels and starts of a column: either codes or starts."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        factor = plain(column).array  # without the categories that don't occur
        starts = _starts(factor.codes)
        return (factor.codes if starts is None else None), factor.categories, starts
    if column.dtype == np.int64:
        codes, levels, starts = _coded_numbers(column.to_numpy())
        return codes, pd.Index(levels), starts
    check_levels(column)
    codes, levels = pd.factorize(column, sort=True)
    return codes, pd.Index(levels), None


def _coded_numbers(keys: np.ndarray) -> tuple[np.ndarray | None, np.ndarray, np.ndarray | None]:
    """Codes, rising levels and starts of whole numbers (n,)."""
    starts = _starts(keys)
    if starts is not None:
        return None, keys[starts[:-1]], starts
    low, high = int(keys.min()), int(keys.max())
    base = low if low < 0 or low > len(keys) else 0
    if high - base >= RANGE * len(keys) + SMALL_RANGE:
        codes, levels = pd.factorize(keys, sort=True)
        return codes, levels, None
    places = keys - base if base else keys
    present = np.zeros(high - base + 1, dtype=bool)
    present[places] = True
    number = np.cumsum(present) - 1
    return number.take(places), np.flatnonzero(present) + base, None


def _starts(codes: np.ndarray) -> np.ndarray | None:
    """Where each run of equal numbers begins, and the end of the last; None if they fall anywhere."""
    few, after, before = slice(0, FEW), codes[1:], codes[:-1]
    if (after[few] < before[few]).any() or (after < before).any():
        return None
    (rises,) = np.nonzero(after != before)
    starts = np.empty(len(rises) + 2, dtype=np.int64)
    starts[0], starts[-1] = 0, len(codes)
    np.add(rises, 1, out=starts[1:-1])
    return starts
