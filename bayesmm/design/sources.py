"""``Source``: one column of a model matrix as the data hold it, for whoever passes over the rows.

A matrix (n, p) is p sources, and need not be formed for a pass over its rows: row i of a column is

    array[i]                 NUMBERS      a variable, or what an expression made of it;
    1 if array[i] == level   INDICATOR    a level of a factor, whose codes are the array;
    1                        ONES         the intercept; the array is empty.

Arrays are one-dimensional, contiguous, read-only and finite: float64 for numbers, int8 for codes (int32 where
a factor has more than 127 levels). A column that stands in X and behind a bar is one array, and so are the
codes of all indicators of a factor, so that :meth:`Source.is_same` tells without looking at rows. A pass over
a design's rows needs ``design.sources`` and ``term.sources`` for X and Xi; ``design.y``, ``design.offset`` and
``design.weights``, (n,) of float64; and ``term.factor.starts``, which says where the rows of each level are if
they are in order. Nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

    def column(self, n: int) -> np.ndarray:
        """(n,) of float, the column written out.

        Examples
        --------
        >>> Source(INDICATOR, np.array([0, 2, 2], dtype=np.int8), 2).column(3).tolist()
        [0.0, 1.0, 1.0]
        """
        if self.kind == ONES:
            return np.ones(n)
        return self.array if self.kind == NUMBERS else (self.array == self.level).astype(float)


def written_out(sources: Sequence[Source], n: int) -> np.ndarray:
    """The matrix (n, p) of some sources, read-only."""
    matrix = np.empty((n, len(sources)))
    for j, source in enumerate(sources):
        matrix[:, j] = source.column(n)
    matrix.flags.writeable = False
    return matrix


def sources_of(matrix: np.ndarray) -> tuple[Source, ...]:
    """The columns of a matrix (n, p) that is there already: numbers, or ones."""
    found = []
    for column in matrix.T:
        if (column == 1.0).all():
            found.append(Source(ONES, np.empty(0)))
            continue
        numbers = np.ascontiguousarray(column)
        numbers.flags.writeable = False
        found.append(Source(NUMBERS, numbers))
    return tuple(found)
