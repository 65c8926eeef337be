"""Compiled: sums of products of columns over rows, and over the rows of each level of one factor.

Columns are read where the data hold them, a tile of rows at a time. A tile fits into the processor's nearest
memory, where centring, weighting and all products are done; nothing of the size of the data is written.

A table of columns has three whole numbers a column: what it is (``NUMBERS_AT`` an address of float64,
``CODES_AT`` and ``LONG_CODES_AT`` of int8 and int32, whose column is 1 where the code is the third number, or
``ONES_AT``), the address, and that code.
"""

from __future__ import annotations

from typing import Any

from numba.core import types

from bayesmm.blocks.kernels.lanes import dot
from bayesmm.blocks.kernels.routine import (
    INTEGER,
    INTEGERS,
    NUMBERS,
    REORDERED,
    integers_of_8,
    integers_of_32,
    numbers,
    offset,
    routine,
)

NUMBERS_AT, CODES_AT, LONG_CODES_AT, ONES_AT = range(4)
"""What a column is read from."""
ROWS_OF_A_TILE = 256
"""Rows in a tile: 2 KB a column."""


@routine(types.void(INTEGERS, INTEGER, NUMBERS, INTEGER, INTEGER, INTEGER, NUMBERS), fastmath=REORDERED)
def read_tile(columns: Any, c: int, shift: Any, root: int, first: int, m: int, tile: Any) -> None:
    """√w (column − shift) of the rows ``first`` to ``first + m``.

    Parameters
    ----------
    columns
        (c, 3) a table of columns.
    shift
        (c,) what is taken off each.
    root
        The address of √w (n,), 0 for none.
    tile
        (c, ROWS_OF_A_TILE) filled.
    """
    for a in range(c):
        kind, place, level, off = columns[3 * a], columns[3 * a + 1], columns[3 * a + 2], shift[a]
        out = offset(tile, a * ROWS_OF_A_TILE)
        if kind == NUMBERS_AT:
            values = offset(numbers(place), first)
            for i in range(m):
                out[i] = values[i] - off
        elif kind == CODES_AT:
            short = offset(integers_of_8(place), first)
            for i in range(m):
                out[i] = (1.0 if short[i] == level else 0.0) - off
        elif kind == LONG_CODES_AT:
            long = offset(integers_of_32(place), first)
            for i in range(m):
                out[i] = (1.0 if long[i] == level else 0.0) - off
        else:
            for i in range(m):
                out[i] = 1.0 - off
        if root != 0:
            by = offset(numbers(root), first)
            for i in range(m):
                out[i] *= by[i]


@routine(
    types.void(INTEGERS, INTEGER, NUMBERS, INTEGER, INTEGER, INTEGER, NUMBERS, NUMBERS), fastmath=REORDERED
)
def products(
    columns: Any, c: int, shift: Any, root: int, first: int, last: int, tile: Any, total: Any
) -> None:
    """Add V'V to the lower triangle of ``total`` (c, c), V as :func:`read_tile` has it."""
    for row in range(first, last, ROWS_OF_A_TILE):
        m = last - row if last - row < ROWS_OF_A_TILE else ROWS_OF_A_TILE
        read_tile(columns, c, shift, root, row, m, tile)
        for a in range(c):
            left = offset(tile, a * ROWS_OF_A_TILE)
            for b in range(a + 1):
                total[a * c + b] += dot(m, left, offset(tile, b * ROWS_OF_A_TILE))


@routine(
    types.void(INTEGERS, INTEGERS, NUMBERS, NUMBERS, INTEGER, INTEGER, INTEGER, NUMBERS, NUMBERS),
    fastmath=REORDERED,
)
def changed_tile(
    columns: Any,
    sizes: Any,
    shift: Any,
    weights: Any,
    root: int,
    first: int,
    m: int,
    tile: Any,
    total: Any,
) -> None:
    """A tile of columns, y last, with y's residual in its place and changed columns behind them.

    Parameters
    ----------
    columns, shift, root, first, m
        As for :func:`read_tile`.
    sizes
        c and k: columns, and changed columns.
    weights
        (c,) what of each column is taken off y (y's own isn't looked at), then (k, c + 1) the changed
        columns: the weight of each column, and of √w.
    tile
        (c + k, ROWS_OF_A_TILE) filled.
    total
        (c,) the products of all columns with the residual are added.
    """
    c, k = sizes[0], sizes[1]
    read_tile(columns, c, shift, root, first, m, tile)
    for a in range(k):
        out, of = offset(tile, (c + a) * ROWS_OF_A_TILE), offset(weights, c + a * (c + 1))
        constant = of[c]
        if root != 0:
            by = offset(numbers(root), first)
            for i in range(m):
                out[i] = constant * by[i]
        else:
            for i in range(m):
                out[i] = constant
        for b in range(c):
            weight, column = of[b], offset(tile, b * ROWS_OF_A_TILE)
            if weight != 0.0:
                for i in range(m):
                    out[i] += weight * column[i]
    y = offset(tile, (c - 1) * ROWS_OF_A_TILE)
    for b in range(c - 1):
        weight, column = weights[b], offset(tile, b * ROWS_OF_A_TILE)
        if weight != 0.0:
            for i in range(m):
                y[i] -= weight * column[i]
    for a in range(c):
        total[a] += dot(m, offset(tile, a * ROWS_OF_A_TILE), y)


@routine(
    types.void(INTEGERS, INTEGERS, NUMBERS, NUMBERS, INTEGER, INTEGERS, INTEGERS, NUMBERS, NUMBERS, NUMBERS),
    fastmath=REORDERED,
)
def sums_of_runs(
    columns: Any,
    sizes: Any,
    shift: Any,
    weights: Any,
    root: int,
    pairs: Any,
    starts: Any,
    tile: Any,
    out: Any,
    total: Any,
) -> None:
    """The sums of products over the rows of each level, where these stand side by side.

    A sum is formed in a register and written once.

    Parameters
    ----------
    columns, shift, weights, root, total
        As for :func:`changed_tile`.
    sizes
        c, k, the number of pairs, the first level, the last, and the number of all.
    pairs
        (n_pairs, 2) which columns of a tile are multiplied.
    starts
        (ℓ + 1,) where the rows of each level begin.
    tile
        (c + k, ROWS_OF_A_TILE), and behind it (n_pairs,) zeros.
    out
        (n_pairs, ℓ) filled at these levels.
    """
    c, k, n_pairs, level, last, n_levels = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5]
    end, open_sums = starts[last], offset(tile, (c + k) * ROWS_OF_A_TILE)
    for row in range(starts[level], end, ROWS_OF_A_TILE):
        m = end - row if end - row < ROWS_OF_A_TILE else ROWS_OF_A_TILE
        changed_tile(columns, sizes, shift, weights, root, row, m, tile, total)
        after = level
        for q in range(n_pairs):
            left = offset(tile, pairs[2 * q] * ROWS_OF_A_TILE)
            right = offset(tile, pairs[2 * q + 1] * ROWS_OF_A_TILE)
            sums, found, i, after = offset(out, q * n_levels), open_sums[q], 0, level
            while after < last and starts[after + 1] - row <= m:
                stop = starts[after + 1] - row
                for j in range(i, stop):
                    found += left[j] * right[j]
                sums[after] = found
                found, i = 0.0, stop
                after += 1
            for j in range(i, m):
                found += left[j] * right[j]
            open_sums[q] = found
        level = after


@routine(
    types.void(
        INTEGERS,
        INTEGERS,
        NUMBERS,
        NUMBERS,
        INTEGER,
        INTEGERS,
        INTEGERS,
        INTEGER,
        NUMBERS,
        NUMBERS,
        NUMBERS,
    ),
    fastmath=REORDERED,
)
def sums_of_levels(
    columns: Any,
    sizes: Any,
    shift: Any,
    weights: Any,
    root: int,
    pairs: Any,
    codes: Any,
    n: int,
    tile: Any,
    out: Any,
    total: Any,
) -> None:
    """The same for rows in any order: ``codes`` (n,) are their levels, ``out`` (ℓ, n_pairs) is added to."""
    c, k, n_pairs = sizes[0], sizes[1], sizes[2]
    for row in range(0, n, ROWS_OF_A_TILE):
        m = n - row if n - row < ROWS_OF_A_TILE else ROWS_OF_A_TILE
        changed_tile(columns, sizes, shift, weights, root, row, m, tile, total)
        levels, product = offset(codes, row), offset(tile, (c + k) * ROWS_OF_A_TILE)
        for q in range(n_pairs):
            left = offset(tile, pairs[2 * q] * ROWS_OF_A_TILE)
            right = offset(tile, pairs[2 * q + 1] * ROWS_OF_A_TILE)
            for i in range(m):
                product[i * n_pairs + q] = left[i] * right[i]
        for i in range(m):
            sums, of = offset(out, levels[i] * n_pairs), offset(product, i * n_pairs)
            for q in range(n_pairs):
                sums[q] += of[q]
