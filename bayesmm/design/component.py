"""A part of a term met with data: numbers, or a factor's levels; on other rows too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmm.design.codings import Coding, Contrasts, Poly, Treatment, indicators
from bayesmm.design.evaluation import Column, bind, columns_of, has_call, kind_of, looks_beyond_rows
from bayesmm.design.frame import Frame
from bayesmm.design.functions import Coded, Offset
from bayesmm.design.lookup import Names
from bayesmm.design.sources import Source, coded_sources, numbers_of, small_codes
from bayesmm.errors import DataError
from bayesmm.formula.part import Part

_HOLDS = {"numeric": "numbers", "categoric": "text or categories", "offset": "an offset"}
_SHOWN = 12
"""How many levels an error names."""


class Component:
    """A part of an expression: what it means, and what it remembers of the rows of the fit, but for the rows.

    A name alone is a column of the data and is taken as it stands there, without a copy; anything else is
    evaluated.

    Attributes
    ----------
    name, written
        As in :class:`~bayesmm.formula.part.Part`.
    node
        The expression, bound to columns and values.
    columns
        The columns of the data that it uses.
    kind
        ``"numeric"``, ``"categoric"`` or ``"offset"``.
    levels, ordered
        The levels of a factor, in order, and whether the data say that it is one.
    coding
        The coding that a factor has where it makes contrasts.
    row_wise
        Whether each row's value depends on that row alone, and on what is remembered.
    """

    def __init__(self, part: Part, names: Names, frame: Frame) -> None:
        self.name = part.name
        self.written = part.written
        self.node = (
            Column(part.node.name, computes=True) if part.is_name else bind(part.node, names, frame.data)
        )
        self.columns = frozenset(columns_of(self.node))
        self.levels: tuple[Any, ...] = ()
        self.ordered = False
        self.coding: Coding | None = None
        self._shape: tuple[int, ...] = ()
        self.row_wise = True

    @property
    def width(self) -> int:
        """How many columns numbers have."""
        return self._shape[0] if self._shape else 1

    def learn(self, frame: Frame) -> Values:
        """Evaluate on the rows of the fit, and remember what other rows need.

        Raises
        ------
        DataError
            If the values are no numbers and no levels, or not one for each row.
        """
        if isinstance(self.node, Column):
            return self._learn_column(frame, self.node)
        result = self.node(frame.data)
        self.kind = kind_of(result)
        if self.kind not in _HOLDS:
            raise DataError(
                f"'{self.written}' has values of type {self.kind}",
                expected="a number or a level for each row",
                advice="check the columns' types, or make a column of numbers or text beforehand",
            )
        if self.kind == "categoric":
            coded = Coded.of(result)
            self._check_shape(coded.values, 1, frame.n)
            self.levels = self._observed(coded)
            self.ordered = coded.ordered
            self.coding = coded.coding or (Poly() if coded.ordered else Treatment())
        values = self._array(result, frame.n)
        self._shape = values.shape[1:]
        self.row_wise = not has_call(self.node) or not looks_beyond_rows(
            self._on, frame.data[list(self.columns)], values
        )
        return Values(self, values)

    def _learn_column(self, frame: Frame, column: Column) -> Values:
        """A name alone."""
        if frame.is_numeric(column.name):
            self.kind = "numeric"
            return Values(self, frame.source(column.name))
        self.kind = "categoric"
        codes, self.levels, self.ordered = frame.levels(column.name)
        self.coding = Poly() if self.ordered else Treatment()
        column.computes = False  # new levels are named as they are stored
        return Values(self, codes)

    def on(self, data: pd.DataFrame) -> Values:
        """Evaluate on other rows; missing where a variable of the expression is."""
        return Values(self, self._on(data))

    def _on(self, data: pd.DataFrame) -> np.ndarray:
        missing = data[list(self.columns)].isna().to_numpy().any(axis=1)
        if not missing.any():
            return self._rows(data)
        if self.kind == "categoric":
            values = np.full(len(data), -1)
        else:
            values = np.full((len(data), *self._shape), np.nan)
        if not missing.all():
            values[~missing] = self._rows(data[~missing])
        return values

    def _rows(self, data: pd.DataFrame) -> np.ndarray:
        result = self.node(data)
        kind = kind_of(result)
        if self.kind != "categoric" and kind != self.kind:
            raise DataError(
                f"'{self.written}' has {_HOLDS.get(kind, kind)} in the new data and "
                f"{_HOLDS[self.kind]} in the model's",
                expected="columns of the same types as in the model's data",
                advice=f"check the types of {', '.join(map(repr, sorted(self.columns)))}",
            )
        return self._array(result, len(data))

    def contrasts(self, spans: bool) -> Contrasts | None:
        """What a factor's columns are: indicators if they span the intercept; None for numbers."""
        if self.kind != "categoric":
            return None
        if spans:
            return indicators(self.levels)
        if len(self.levels) < 2:
            return Contrasts(np.zeros((len(self.levels), 0)), ())
        return self.coding.contrasts(list(self.levels))

    def _observed(self, coded: Coded) -> tuple[Any, ...]:
        """The levels that occur, in the order given, or sorted."""
        present = set(coded.values.tolist())
        if coded.levels is None:
            try:
                return tuple(sorted(present))
            except TypeError:
                kinds = sorted({type(level).__name__ for level in present})
                raise DataError(
                    f"'{self.written}' mixes levels of the types {', '.join(kinds)}",
                    expected="levels of one type, which have an order",
                    advice="data[column].astype(str)",
                ) from None
        lacking = present - set(coded.levels)
        if lacking:
            raise DataError(
                f"'{self.written}' has values that its levels don't name: "
                f"{_listed(sorted(lacking, key=str))}",
                expected=f"one of the levels given, {_listed(coded.levels)}",
                advice="name all the levels, or drop those rows",
            )
        return tuple(level for level in coded.levels if level in present)

    def _array(self, result: Any, n: int) -> np.ndarray:
        """The numbers (n,) or (n, m) of a result, or the places (n,) of its levels."""
        if self.kind == "categoric":
            return self._codes(result)
        values = np.asarray(result.values if isinstance(result, Offset) else result)
        if isinstance(result, Offset) and values.ndim == 0:
            return np.full(n, float(values))
        self._check_shape(values, 1 if isinstance(result, Offset) else 2, n)
        return values

    def _check_shape(self, values: np.ndarray, most: int, n: int) -> None:
        if not 1 <= values.ndim <= most or len(values) != n:
            found = "one value" if values.ndim == 0 else f"an array of shape {values.shape}"
            raise DataError(
                f"'{self.written}' gives {found} for {n} rows",
                expected="a number or a level for each row",
                advice=f"combine it with a column, as in I(x - {self.written})",
            )

    def _codes(self, result: Any) -> np.ndarray:
        """The places of the rows' levels."""
        values = Coded.of(result).values
        codes = pd.Index(self.levels, dtype=object).get_indexer(pd.Index(values, dtype=object))
        if (codes < 0).any():
            raise self._unseen(values[codes < 0])
        return codes

    def _unseen(self, values: np.ndarray) -> DataError:
        new = list(dict.fromkeys(values.tolist()))
        texts = [str(level) for level in self.levels]
        one = len(new) == 1
        advice = "only grouping factors can have new levels; drop those rows, or fit with rows of that level"
        if str(new[0]) in texts:
            known = self.levels[texts.index(str(new[0]))]
            kinds = type(known).__name__, type(new[0]).__name__
            advice = f"levels of type {kinds[0]}, as in the model's data; these are {kinds[1]}"
        return DataError(
            f"the new data have the level{'' if one else 's'} {_listed(new)} of '{self.written}', which the "
            f"model has not seen",
            expected=f"one of its {len(texts)} levels, {_listed(self.levels)}",
            advice=advice,
        )


class Values:
    """What a component gives on some rows: numbers, or the codes of its levels, −1 where they are missing."""

    def __init__(self, component: Component, values: Source | np.ndarray) -> None:
        is_factor = component.kind == "categoric"
        self._values = small_codes(values, len(component.levels)) if is_factor else values

    def sources(self, contrasts: Contrasts | None) -> tuple[Source, ...]:
        """The columns, a factor's by its contrasts."""
        values = self._values
        if isinstance(values, Source):
            return (values,)
        if contrasts is not None:
            return coded_sources(values, contrasts.matrix)
        return tuple(numbers_of(column) for column in (values.T if values.ndim == 2 else (values,)))


def _listed(levels: Sequence[Any]) -> str:
    shown = ", ".join(map(repr, levels[:_SHOWN]))
    return shown + (f", … ({len(levels)} in all)" if len(levels) > _SHOWN else "")
