"""Arrays and numbers by their places in a table of whole numbers, as the compiled functions take them.

A table holds the address of each array and, after these, numbers such as sizes. A compiled function takes it
as one pointer ``t`` and finds what it needs by the names below: ``integers(t[NODE_START])``, ``t[SIZE]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


class Table:
    """Addresses of arrays, then numbers; it keeps the arrays, and is made anew of them when it is copied.

    Whoever hands its addresses on has to keep the table itself: threads that make one each, of a layout that
    none had used before, throw all but one away.

    Attributes
    ----------
    arrays
        As they were given, made contiguous and of int64 or float64 if they weren't.
    numbers
        Whole numbers.
    values
        (len(arrays) + len(numbers),) what compiled code takes.
    """

    def __init__(self, arrays: Sequence[np.ndarray], numbers: Sequence[int]) -> None:
        kinds = [np.float64 if array.dtype.kind == "f" else np.int64 for array in arrays]
        self.arrays = tuple(np.ascontiguousarray(a, dtype=k) for a, k in zip(arrays, kinds, strict=True))
        self.numbers = tuple(numbers)
        self.values = np.array([*(a.ctypes.data for a in self.arrays), *self.numbers], dtype=np.int64)

    def with_arrays(self, changed: Mapping[int, np.ndarray]) -> Table:
        """The same table with other arrays, of the same kinds and sizes, in some places."""
        arrays, other = list(self.arrays), object.__new__(Table)
        other.values = self.values.copy()
        for place, array in changed.items():
            arrays[place] = np.ascontiguousarray(array, dtype=arrays[place].dtype)
            other.values[place] = arrays[place].ctypes.data
        other.arrays, other.numbers = tuple(arrays), self.numbers
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        return Table, (self.arrays, self.numbers)


# The arrays of a layout: its head, its tail, and two of both.
(
    GROUPS,
    NODE_START,
    K,
    ANCESTORS,
    ANCESTOR_START,
    DIAGONAL_START,
    ROW_START,
    TAIL_START,
    TAIL_COLUMNS,
    RELATIVE,
    ENTRY_START,
    ENTRY_GROUP,
    DIAGONAL,
    ROWS,
    A,
    TAIL_GROUP,
    FIRST,
    K_GROUP,
    U_START,
) = range(19)
ARRAYS = 19
# Its numbers: factors in the head, groups in all, the most columns of a group, the tail's columns in all and
# those of random effects, the head's random effects, the lengths of its flat arrays, and the room that an
# inversion needs.
FACTORS, N_GROUPS, K_MAX, SIZE, Q_TAIL, Q_HEAD, N_DIAGONAL, N_ROWS, SCRATCH = range(19, 28)
LAYOUT = 28
"""The length of a layout's table."""
