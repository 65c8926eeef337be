"""Sets of rows that may be left out, as arrays for the kernels: which columns of [Z X] each of them touches.

Two kinds of sets touch only columns between which the inverse of K is known, because they lie on the factor's
pattern (:mod:`bayesmm.blocks.layout`):

- a single row: its level of each factor, and X. Rows with the same levels make a :class:`Cells` entry;
- all rows of one level of a factor in the head, a node: the node, its ancestors, the tail's columns of its
  row, X, and the nodes below it, which touch no other row. These are the :class:`Subtrees`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np

from bayesmm.blocks.layout import Layout
from bayesmm.design.design import Design
from bayesmm.likelihood.coordinates import Coordinates, whitened


class Cells(NamedTuple):
    """The rows, those with the same levels of all factors side by side.

    Attributes
    ----------
    node
        (C,) the node of the head's first factor.
    positions
        (C, w) where the columns of the tail's factors and of X stand among the node's tail columns.
    start
        (C + 1,) the first row of each cell.
    order
        (n,) which row of the design each is.
    rows
        (n, t + 1) [Xi of the head's factors | Xi of the tail's | X | y] in the whitened coordinates.
    groups
        The group of each factor, in that order.
    """

    node: np.ndarray
    positions: np.ndarray
    start: np.ndarray
    order: np.ndarray
    rows: np.ndarray
    groups: np.ndarray


class Subtrees(NamedTuple):
    """The levels of one factor of the head, each with all its rows.

    With S the t columns of a node: its own, its ancestors', its tail columns without y.

    Attributes
    ----------
    h
        The factor's place in the head.
    first
        Its first node.
    n
        (ℓ,) the number of rows of each level.
    start
        (ℓ + 1,) where each level's block begins in ``products``.
    products
        The blocks (t + 1, t + 1) of [Z_S X y]'[Z_S X y] over the level's rows, flat.
    below_start
        (ℓ + 1,) where each level's descendants begin in ``below``.
    below, below_h
        The nodes below each level, and the places of their factors in the head.
    """

    h: int
    first: int
    n: np.ndarray
    start: np.ndarray
    products: np.ndarray
    below_start: np.ndarray
    below: np.ndarray
    below_h: np.ndarray


@dataclass(frozen=True, eq=False)
class _TouchedRows:
    """Each row's levels and values, in the order [head's factors | tail's factors | X | y].

    ``codes[g]`` (n,) of each group; ``values`` (n, t + 1); ``columns`` (n, w) the tail columns of its levels
    of the tail's factors.
    """

    codes: list[np.ndarray]
    values: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, design: Design, coordinates: Coordinates, layout: Layout) -> _TouchedRows:
        transformed = whitened(design.rows, coordinates, design.weights)
        groups = layout.cross.groups
        codes = [design.terms[group.terms[0]].factor.codes for group in groups]
        blocks = [transformed.Xi[t] for g in (*layout.chain, *layout.tail) for t in groups[g].terms]
        columns = [
            offset + codes[g][:, None] * groups[g].k + np.arange(groups[g].k)
            for g, offset in zip(layout.tail, layout.tail_offset, strict=True)
        ]
        return cls(
            codes,
            np.hstack([*blocks, transformed.XY]),
            np.hstack(columns) if columns else np.zeros((design.n, 0), dtype=np.int64),
        )


def cells_of(design: Design, coordinates: Coordinates, layout: Layout) -> Cells:
    """The rows of a design, by cell. Cost: a sort of the rows for each factor in the tail."""
    touched = _TouchedRows.of(design, coordinates, layout)
    cell = touched.codes[layout.chain[0]]
    for g in layout.tail:
        _, cell = np.unique(cell * layout.cross.groups[g].n_levels + touched.codes[g], return_inverse=True)
    _, first, cell = np.unique(cell, return_index=True, return_inverse=True)
    node = touched.codes[layout.chain[0]][first]
    order = np.argsort(cell, kind="stable")
    return Cells(
        node=node,
        positions=np.hstack(
            [_positions(layout, node, touched.columns[first]), _fixed_positions(layout, node)]
        ),
        start=np.concatenate([[0], np.cumsum(np.bincount(cell))]).astype(np.int64),
        order=order.astype(np.int64),
        rows=np.ascontiguousarray(touched.values[order]),
        groups=np.array([*layout.chain, *layout.tail], dtype=np.int64),
    )


def subtree_sizes(layout: Layout, h: int) -> np.ndarray:
    """(ℓ,) t + 1 of each level of the head's factor at place h."""
    head = layout.head
    nodes = slice(head.node_start[h], head.node_start[h + 1])
    return int(head.k[h]) + layout.node_width[nodes]


def subtrees_of(design: Design, coordinates: Coordinates, layout: Layout, h: int) -> Subtrees:
    """The levels of the factor at place h of the head. Cost: one pass over the rows, Σ (t + 1)² numbers."""
    head = layout.head
    touched = _TouchedRows.of(design, coordinates, layout)
    codes = touched.codes[layout.chain[h]]
    n_levels, first = int(head.node_start[h + 1] - head.node_start[h]), int(head.node_start[h])
    sizes = subtree_sizes(layout, h)
    start = np.concatenate([[0], np.cumsum(sizes**2)]).astype(np.int64)
    skipped = int(head.k[:h].sum())
    own = int(head.k[h:].sum())
    node = first + codes
    p1 = layout.cross.p + 1
    tail = _positions(layout, node, touched.columns)
    places = np.empty((len(codes), touched.values.shape[1] - skipped), dtype=np.int64)
    places[:, :own] = np.arange(own)
    places[:, own : own + tail.shape[1]] = own + tail
    places[:, own + tail.shape[1] :] = sizes[codes, None] - p1 + np.arange(p1)
    products = np.zeros(start[-1])
    _accumulate(codes, places, touched.values[:, skipped:], start, sizes, products)
    below = np.arange(first)
    above = head.ancestors[:first, h] - first
    order = np.argsort(above, kind="stable")
    levels = np.repeat(np.arange(h), np.diff(head.node_start[: h + 1]))
    return Subtrees(
        h=h,
        first=first,
        n=np.bincount(codes, minlength=n_levels),
        start=start,
        products=products,
        below_start=np.searchsorted(above[order], np.arange(n_levels + 1)).astype(np.int64),
        below=below[order].astype(np.int64),
        below_h=levels[order].astype(np.int64),
    )


def _positions(layout: Layout, node: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Where tail columns (r, w) stand among the tail columns of a node (r,), each of which has them."""
    head, m = layout.head, layout.size
    counts = np.diff(head.tail_start)
    keys = np.repeat(np.arange(len(counts)), counts) * m + head.tail_columns
    found = np.searchsorted(keys, node[:, None] * m + columns) - head.tail_start[node][:, None]
    return found.astype(np.int64)


def _fixed_positions(layout: Layout, node: np.ndarray) -> np.ndarray:
    """(r, p) where the columns of X stand among the tail columns of a node: last, before y."""
    p = layout.cross.p
    end = np.diff(layout.head.tail_start)[node]
    return end[:, None] - 1 - p + np.arange(p)


@numba.njit(cache=True)
def _accumulate(
    codes: np.ndarray,
    places: np.ndarray,
    values: np.ndarray,
    start: np.ndarray,
    sizes: np.ndarray,
    products: np.ndarray,
) -> None:
    """Add each row's v v' to the block of its level, at the row's places in it."""
    for i in range(codes.shape[0]):
        at, size = start[codes[i]], sizes[codes[i]]
        for a in range(places.shape[1]):
            value, row = values[i, a], at + places[i, a] * size
            for b in range(places.shape[1]):
                products[row + places[i, b]] += value * values[i, b]
