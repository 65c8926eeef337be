"""A grouping factor: integer codes straight from the data, levels in the user's own types."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from bayesmm.design.face import factor_sheet, rows_of_levels
from bayesmm.errors import DataError, near_matches


@dataclass(frozen=True, eq=False)
class Factor:
    """A grouping factor with its observed levels.

    Attributes
    ----------
    variables
        The data columns whose observed combinations are the levels.
    codes
        (n,) of int64: ``levels[codes[i]]`` is the level of row i.
    levels
        (ℓ,) pandas Index, or a MultiIndex for combinations of several columns, in the user's own types
        and order: a categorical's order, otherwise sorted. Observed levels only.
    """

    variables: tuple[str, ...]
    codes: np.ndarray
    levels: pd.Index

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

    @cached_property
    def starts(self) -> np.ndarray | None:
        """(ℓ + 1,) of int64: level c has the rows ``starts[c]:starts[c + 1]``; None if not in order."""
        if len(self.codes) and (np.diff(self.codes) < 0).any():
            return None
        return np.searchsorted(self.codes, np.arange(len(self.levels) + 1)).astype(np.int64)

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


def factor_from(data: pd.DataFrame, variables: tuple[str, ...]) -> Factor:
    """Code the observed combinations of some columns; never all the combinations there could be.

    Cost: a sort of the levels and one pass over the rows.
    """
    codes, levels = _codes_of(data[variables[0]])
    parts = [levels]
    keys = codes
    for variable in variables[1:]:
        more, levels = _codes_of(data[variable])
        parts.append(levels)
        keys = keys * len(levels) + more
    if len(variables) == 1:
        codes.flags.writeable = False
        return Factor(variables, codes, levels.rename(variables[0]))
    observed, codes = np.unique(keys, return_inverse=True)
    arrays = []
    for levels in reversed(parts):
        arrays.append(levels.take(observed % len(levels)))
        observed = observed // len(levels)
    combined = pd.MultiIndex.from_arrays(arrays[::-1], names=list(variables))
    codes = codes.astype(np.int64)
    codes.flags.writeable = False
    return Factor(variables, codes, combined)


def _codes_of(column: pd.Series) -> tuple[np.ndarray, pd.Index]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        present = column.cat.remove_unused_categories()
        return present.cat.codes.to_numpy().astype(np.int64), pd.Index(present.cat.categories)
    check_levels(column)
    codes, levels = pd.factorize(column, sort=True)
    return codes.astype(np.int64), pd.Index(levels)
