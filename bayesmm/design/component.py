"""A factor of a term met with data: numbers, or a factor's levels with their coding; on other rows too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from formulae.terms import Variable

from bayesmm.design.codings import Coding, Contrasts, Poly, Treatment, indicators
from bayesmm.design.evaluation import Column, bind, columns_of, has_call, kind_of, looks_beyond_rows
from bayesmm.design.functions import Coded, Offset
from bayesmm.design.lookup import Names
from bayesmm.errors import DataError
from bayesmm.formula.part import Part

_HOLDS = {"numeric": "numbers", "categoric": "text or categories", "offset": "an offset"}
_SHOWN = 12
"""How many levels an error names."""


class Component(Variable):
    """What formulae's terms are made of, evaluated here.

    formulae decides which factors of a model get indicators and which contrasts, and multiplies columns out;
    for that it asks its components for ``kind``, ``value``, ``labels`` and ``contrast_matrix``.

    Attributes
    ----------
    name, written
        As in :class:`~bayesmm.formula.part.Part`.
    kind
        ``"numeric"``, ``"categoric"`` or ``"offset"``.
    value
        (n,) or (n, m), the columns; None after :meth:`forget`.
    levels, ordered
        The levels of a factor, in order, and whether the data say that it is one.
    coding
        The coding of a factor that has contrasts.
    row_wise
        Whether each row's value depends on that row alone, and on what is remembered.
    """

    def __init__(self, part: Part, names: Names, data: pd.DataFrame) -> None:
        super().__init__(part.name, part.reference)
        self.written = part.written
        self.node = bind(part.node, names, data)
        self.columns = frozenset(columns_of(self.node))
        self.coding: Coding | None = None
        self.row_wise = True

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def set_type(self, data_mask: pd.DataFrame) -> None:
        """Evaluate the expression on the data of the fit."""
        result = self.node(data_mask)
        self.kind = kind_of(result)
        if self.kind not in ("numeric", "categoric", "offset"):
            raise DataError(
                f"'{self.written}' has values of type {self.kind}",
                expected="a number or a level for each row",
                advice="check the columns' types, or make a column of numbers or text beforehand",
            )
        if self.kind == "categoric":
            self._check_shape(Coded.of(result).values, 1, len(data_mask))
        self._fitted = result
        self._data = data_mask

    def set_data(self, spans_intercept: bool | None = None) -> None:
        """Make the columns: indicators of the levels if they span the intercept, contrasts if not."""
        if self.kind == "categoric":
            coded = Coded.of(self._fitted)
            self.levels = self._observed(coded)
            self.ordered = coded.ordered
            coding = coded.coding or (Poly() if coded.ordered else Treatment())
            self.coding = None if spans_intercept else coding
            if isinstance(self.node, Column):
                self.node.computes = False  # new levels are named as they are stored
            self.contrast_matrix = (
                indicators(self.levels) if spans_intercept else _contrasts(coding, self.levels)
            )
        self.spans_intercept = spans_intercept
        self.value = self._columns(self._fitted, self._data)
        self._width = self.value.shape[1:]
        self.row_wise = not has_call(self.node) or not looks_beyond_rows(
            self.eval_new_data, self._data[list(self.columns)], self.value
        )
        self._fitted = self._data = None

    def eval_new_data(self, data_mask: pd.DataFrame) -> np.ndarray:
        """The columns (m,) or (m, k) on other rows; missing where a variable of the expression is."""
        missing = data_mask[list(self.columns)].isna().to_numpy().any(axis=1)
        if not missing.any():
            return self._rows(data_mask)
        values = np.full((len(data_mask), *self._width), np.nan)
        if not missing.all():
            values[~missing] = self._rows(data_mask[~missing])
        return values

    def _rows(self, data_mask: pd.DataFrame) -> np.ndarray:
        result = self.node(data_mask)
        kind = kind_of(result)
        if self.kind != "categoric" and kind != self.kind:
            raise DataError(
                f"'{self.written}' has {_HOLDS.get(kind, kind)} in the new data and "
                f"{_HOLDS[self.kind]} in the model's",
                expected="columns of the same types as in the model's data",
                advice=f"check the types of {', '.join(map(repr, sorted(self.columns)))}",
            )
        return self._columns(result, data_mask)

    def forget(self) -> None:
        """Let go of the columns, which the whole matrix holds too."""
        self.value = None

    def _observed(self, coded: Coded) -> list[Any]:
        """The levels that occur, in the order given, or sorted."""
        present = set(coded.values.tolist())
        if coded.levels is None:
            try:
                return sorted(present)
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
        return [level for level in coded.levels if level in present]

    def _columns(self, result: Any, data: pd.DataFrame) -> np.ndarray:
        if self.kind == "categoric":
            return self.contrast_matrix.matrix[self._codes(result)]
        values = np.asarray(result.values if isinstance(result, Offset) else result)
        if isinstance(result, Offset) and values.ndim == 0:
            return np.full(len(data), float(values))
        self._check_shape(values, 1 if isinstance(result, Offset) else 2, len(data))
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


def _contrasts(coding: Coding, levels: list[Any]) -> Contrasts:
    if len(levels) < 2:
        return Contrasts(np.zeros((len(levels), 0)), ())
    return coding.contrasts(levels)


def _listed(levels: Sequence[Any]) -> str:
    shown = ", ".join(map(repr, levels[:_SHOWN]))
    return shown + (f", … ({len(levels)} in all)" if len(levels) > _SHOWN else "")
