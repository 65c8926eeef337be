"""Compiled: sums of products of arrays over a tile, which stand in the innermost loops.

They are functions of their own so that they are compiled once, for the whole width of the processor; a tile
is long enough for the call not to matter.
"""

from __future__ import annotations

from typing import Any

from numba.core import types

from bayesmm.blocks.kernels.routine import INTEGER, NUMBER, NUMBERS, REORDERED, routine


@routine(NUMBER(INTEGER, NUMBERS, NUMBERS), fastmath=REORDERED)
def dot(m: int, left: Any, right: Any) -> float:
    """Σ left·right over the first ``m``."""
    total = 0.0
    for i in range(m):
        total += left[i] * right[i]
    return total


@routine(types.void(INTEGER, NUMBER, NUMBERS, NUMBERS, NUMBERS), fastmath=REORDERED)
def add_product(m: int, weight: float, left: Any, right: Any, out: Any) -> None:
    """out += weight·left·right, element by element."""
    for i in range(m):
        out[i] += weight * left[i] * right[i]
