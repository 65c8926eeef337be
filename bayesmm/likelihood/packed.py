"""A likelihood and the prior of its coefficients as two flat arrays, one of whole numbers, one of real ones.

Compiled code that others generate takes arrays and nothing else, and each array costs it time to compile.
``whole`` begins with a table of (place, rows, columns), a row for each of ``FIELDS``; then come the fields of
whole numbers. The fields of real numbers lie in ``real``. :func:`unpack` gives views, it copies nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic

from bayesmm.likelihood.layout import Head, Tail

FIELDS = 25


class Extent(NamedTuple):
    """What an evaluation needs besides the head and the tail.

    Attributes
    ----------
    k_group
        (G,) columns a level of each group.
    u_start
        (N + 1,) where each node's random effects begin.
    places
        (…, 4) parameter p stands at row r, column c of the relative factor of group g: (p, g, r, c).
    ridge
        (p + 1, p + 1) the prior of β, as it is added to [X y]'[X y] with weight ω.
    prior_mean
        m₀ (p,).
    log_scale
        log s, s being σ's unit.
    constant
        What −2 log p(y | φ, σ) has besides what depends on φ and σ.
    degrees
        n − p.
    """

    k_group: np.ndarray
    u_start: np.ndarray
    places: np.ndarray
    ridge: np.ndarray
    prior_mean: np.ndarray
    log_scale: float
    constant: float
    degrees: float


def pack(head: Head, tail: Tail, extent: Extent) -> tuple[np.ndarray, np.ndarray]:
    """The arrays ``whole`` (int64) and ``real`` (float64)."""
    fields = [np.asarray(field) for part in (head, tail, extent) for field in part]
    table = np.zeros((FIELDS, 3), dtype=np.int64)
    parts: dict[str, list[np.ndarray]] = {"i": [table.ravel()], "f": []}
    ends = {"i": table.size, "f": 0}
    for row, field in zip(table, fields, strict=True):
        kind = field.dtype.kind
        shape = field.shape if field.ndim == 2 else (field.size, 1)
        row[:] = ends[kind], *shape
        parts[kind].append(field.ravel())
        ends[kind] += field.size
    return np.concatenate(parts["i"], dtype=np.int64), np.concatenate(parts["f"], dtype=np.float64)


@intrinsic
def _place(typing_context: Any, flat: types.Array, start: types.Integer) -> tuple[Any, Any]:
    """The address of an element: without a count of references, and whether or not it may be written to."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        return builder.gep(array.data, [args[1]])

    return types.CPointer(flat.dtype)(flat, types.intp), generate


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _vector(whole: np.ndarray, flat: np.ndarray, field: int) -> np.ndarray:
    return numba.carray(_place(flat, whole[3 * field]), (whole[3 * field + 1],))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _matrix(whole: np.ndarray, flat: np.ndarray, field: int) -> np.ndarray:
    return numba.carray(_place(flat, whole[3 * field]), (whole[3 * field + 1], whole[3 * field + 2]))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def unpack(whole: np.ndarray, real: np.ndarray) -> tuple[Head, Tail, Extent]:
    """Views of the arrays under their names, in the order of the fields."""
    head = Head(
        _vector(whole, whole, 0),
        _vector(whole, whole, 1),
        _vector(whole, whole, 2),
        _matrix(whole, whole, 3),
        _matrix(whole, whole, 4),
        _vector(whole, whole, 5),
        _vector(whole, whole, 6),
        _vector(whole, whole, 7),
        _vector(whole, whole, 8),
        _matrix(whole, whole, 9),
        _vector(whole, whole, 10),
        _vector(whole, whole, 11),
        _vector(whole, real, 12),
        _vector(whole, real, 13),
    )
    tail = Tail(_matrix(whole, real, 14), _vector(whole, whole, 15), _vector(whole, whole, 16))
    extent = Extent(
        _vector(whole, whole, 17),
        _vector(whole, whole, 18),
        _matrix(whole, whole, 19),
        _matrix(whole, real, 20),
        _vector(whole, real, 21),
        _vector(whole, real, 22)[0],
        _vector(whole, real, 23)[0],
        _vector(whole, real, 24)[0],
    )
    return head, tail, extent
