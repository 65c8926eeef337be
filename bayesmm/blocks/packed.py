"""A likelihood and the prior of its coefficients as two flat arrays, one of whole numbers, one of real ones.

Compiled code that others generate takes arrays and nothing else, and each array costs it time to compile;
and arrays, other than addresses, can be kept and sent elsewhere. ``whole`` begins with the places of all
arrays, in the order of :mod:`bayesmm.blocks.kernels.table` and then of :class:`Extent`, and with the layout's
numbers; then come the arrays of whole numbers. Those of real numbers lie in ``real``; their places are
counted down from −1. :func:`unpack` makes a table of addresses of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic

from bayesmm.blocks.kernels.table import ARRAYS, LAYOUT
from bayesmm.blocks.layout import Layout


class Extent(NamedTuple):
    """What an evaluation needs besides the layout.

    Attributes
    ----------
    ridge
        (p + 1, p + 1) the prior of β, as it is added to [X y]'[X y] with weight ω.
    prior_mean
        m₀ (p,).
    scalars
        log s, s being σ's unit; what −2 log p(y | λ, σ) has besides what depends on λ and σ; n − p.
    """

    ridge: np.ndarray
    prior_mean: np.ndarray
    scalars: np.ndarray


RIDGE, PRIOR_MEAN, SCALARS = range(LAYOUT, LAYOUT + 3)
PACKED = LAYOUT + 3
"""The length of the table."""


def pack(layout: Layout, extent: Extent) -> tuple[np.ndarray, np.ndarray]:
    """The arrays ``whole`` (int64) and ``real`` (float64)."""
    table = np.zeros(PACKED, dtype=np.int64)
    table[ARRAYS:LAYOUT] = layout.table.numbers
    whole, real = [table], []
    ends = {"i": PACKED, "f": 0}
    places = [*range(ARRAYS), RIDGE, PRIOR_MEAN, SCALARS]
    for place, array in zip(places, (*layout.table.arrays, *extent), strict=True):
        kind = array.dtype.kind
        table[place] = ends["i"] if kind == "i" else -1 - ends["f"]
        (whole if kind == "i" else real).append(array.ravel())
        ends[kind] += array.size
    return np.concatenate(whole, dtype=np.int64), np.concatenate(real, dtype=np.float64)


@intrinsic
def _address(typing_context: Any, pointer: types.CPointer) -> tuple[Any, Any]:
    """The address that a pointer holds."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ptrtoint(args[0], context.get_value_type(signature.return_type))

    return types.intp(pointer), generate


@numba.njit(error_model="numpy")
def unpack(whole: Any, real: Any, table: Any) -> None:
    """Fill a table (PACKED,) with the addresses of the arrays, and with the numbers."""
    for i in range(PACKED):
        place = whole[i]
        if ARRAYS <= i < LAYOUT:
            table[i] = place
        elif place >= 0:
            table[i] = _address(whole) + 8 * place
        else:
            table[i] = _address(real) + 8 * (-1 - place)
