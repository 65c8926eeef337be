"""``Source``: one column of a model matrix as the data hold it, for whoever passes over the rows.

A matrix (n, p) is p sources, and need not be formed for a pass over its rows: row i of a column is

    array[i]                 NUMBERS      a variable, or what an expression made of it;
    1 if array[i] == level   INDICATOR    a level of a factor, whose codes are the array;
    1                        ONES         the intercept; the array is empty.

Arrays are one-dimensional, contiguous, read-only and finite: float64 for numbers, int8 for codes (int32 where
a factor has more than 127 levels). A column that stands in X and behind a bar is one array, and so are the
codes of all indicators of a factor, so that :meth:`Source.is_same` tells without looking at rows. A pass over
a design's rows needs ``design.sources`` and ``term.sources`` for X and Xi; ``design.y``, ``design.offset``
and ``design.weights``, (n,) of float64; and ``term.factor.starts``, which says where the rows of each level
are if they are in order. Nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

NUMBERS, INDICATOR, ONES = 0, 1, 2
"""The kinds of a source."""


@dataclass(frozen=True, eq=False)
class Source:
    """One column of n rows.

    Attributes
    ----------
    kind
        ``NUMBERS``, ``INDICATOR`` or ``ONES``.
    array
        (n,) what it is read from; empty for ``ONES``.
    level
        The code that an indicator is 1 for; 0 for the other kinds.
    """

    kind: int
    array: np.ndarray
    level: int = 0

    def is_same(self, other: Source) -> bool:
        """Whether both are one column by where they come from; equal copies of numbers are not."""
        if self.kind != other.kind or self.level != other.level:
            return False
        return self.kind == ONES or self.array is other.array

    def __repr__(self) -> str:
        kind = ("numbers", "indicator", "ones")[self.kind]
        return f"Source({kind}{f' of {self.level}' if self.kind == INDICATOR else ''})"

    @cached_property
    def square(self) -> float:
        """The sum of squares of numbers: finite if all of them are, unless they are beyond 1e150."""
        with np.errstate(all="ignore"):
            return float(np.dot(self.array, self.array))

    @property
    def is_finite(self) -> bool:
        """Whether no number is missing or infinite."""
        return self.kind != NUMBERS or bool(np.isfinite(self.square) or np.isfinite(self.array).all())

    @property
    def is_zero(self) -> bool:
        """Whether all numbers are zero."""
        return self.kind == NUMBERS and self.square == 0 and not self.array.any()

    def column(self, n: int) -> np.ndarray:
        """(n,) of float, the column written out.

        Examples
        --------
        >>> Source(INDICATOR, np.array([0, 2, 2], dtype=np.int8), 2).column(3).tolist()
        [0.0, 1.0, 1.0]
        """
        return np.ones(n) if self.kind == ONES else self.at(slice(None))

    def at(self, rows: slice | np.ndarray) -> np.ndarray | float:
        """The column at some rows; 1.0, which stands for all of them, for ``ONES``."""
        if self.kind == ONES:
            return 1.0
        if self.kind == NUMBERS:
            return self.array[rows]
        return (self.array[rows] == self.level).astype(float)


INTERCEPT = Source(ONES, np.empty(0))
"""The column of ones."""


class ModelMatrix:
    """A model matrix (n, p) as its sources; written out when it is asked for.

    Attributes
    ----------
    n
        The number of rows.
    sources
        The p columns.
    """

    def __init__(self, n: int, sources: Sequence[Source]) -> None:
        self.n = n
        self.sources = tuple(sources)

    @classmethod
    def of(cls, array: np.ndarray) -> ModelMatrix:
        """A matrix (n, p) that is there already."""
        found = cls(len(array), [numbers_of(column) for column in array.T])
        found.array = _frozen(np.ascontiguousarray(array, dtype=np.float64))
        return found

    @property
    def shape(self) -> tuple[int, int]:
        """(n, p)."""
        return self.n, len(self.sources)

    @cached_property
    def array(self) -> np.ndarray:
        """(n, p) of float, read-only."""
        matrix = self.rows(slice(None))
        matrix.flags.writeable = False
        return matrix

    def rows(self, rows: slice | np.ndarray) -> np.ndarray:
        """Some rows (m, p), for which the rest of the matrix isn't formed."""
        m = len(range(*rows.indices(self.n))) if isinstance(rows, slice) else len(rows)
        matrix = np.empty((m, len(self.sources)))
        for j, source in enumerate(self.sources):
            matrix[:, j] = source.at(rows)
        return matrix

    def take(self, positions: Sequence[int]) -> ModelMatrix:
        """The columns at some positions, in this order."""
        return ModelMatrix(self.n, [self.sources[i] for i in positions])

    def __repr__(self) -> str:
        return f"ModelMatrix({self.n} × {len(self.sources)})"


def product(factors: Sequence[Sequence[Source]], n: int) -> tuple[Source, ...]:
    """The columns of an interaction: the products of its factors' columns, the first's slowest."""
    found = tuple(factors[0])
    for more in factors[1:]:
        found = tuple(_times(a, b, n) for a in found for b in more)
    return found


def _times(a: Source, b: Source, n: int) -> Source:
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = a.column(n) * b.column(n)
    numbers.flags.writeable = False
    return Source(NUMBERS, numbers)


def coded_sources(codes: np.ndarray, contrasts: np.ndarray) -> tuple[Source, ...]:
    """The columns of a factor.

    Parameters
    ----------
    codes
        (n,) the places of the rows' levels; −1 where they are missing, which makes the numbers missing.
    contrasts
        (k, m) what the levels have in the m columns.
    """
    missing = codes < 0 if codes.min(initial=0) < 0 else None
    found = []
    for column in contrasts.T:
        (where,) = np.nonzero(column)
        if missing is None and len(where) == 1 and column[where[0]] == 1.0:
            found.append(Source(INDICATOR, codes, int(where[0])))
            continue
        numbers = column[codes]
        if missing is not None:
            numbers[missing] = np.nan
        numbers.flags.writeable = False
        found.append(Source(NUMBERS, numbers))
    return tuple(found)


def small_codes(codes: np.ndarray, n_levels: int) -> np.ndarray:
    """Codes in the type that sources have, contiguous and read-only; themselves where they are so."""
    kind = np.dtype(np.int8 if n_levels <= np.iinfo(np.int8).max else np.int32)
    if codes.dtype == kind and codes.flags.c_contiguous and not codes.flags.writeable:
        return codes
    return _frozen(np.ascontiguousarray(codes, dtype=kind))


def numbers_of(column: np.ndarray) -> Source:
    """A column of numbers as contiguous float64, read-only; a view of the caller's where it can be one."""
    return Source(NUMBERS, _frozen(np.ascontiguousarray(column, dtype=np.float64)))


def _frozen(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view
