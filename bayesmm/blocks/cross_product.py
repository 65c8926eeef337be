"""``CrossProduct``: the blocks of [Z X y]'[Z X y], all that the Gaussian likelihood knows of the data.

Terms that share a grouping factor are joined into one group of k columns a level. The blocks are

- ``diagonal[g]`` (ℓ, k, k): the diagonal blocks of Z_g'Z_g, all that isn't zero there;
- ``fixed[g]`` (ℓ, k, p + 1): Z_g'[X y];
- ``pairs[g, h]``, g < h: the blocks (k_g, k_h) of Z_g'Z_h, for the observed pairs of levels only;
- ``response`` (p + 1, p + 1): [X y]'[X y].

They are formed in one pass over the integer codes and the columns, never through Z or an indicator matrix:
n(k + p + 1)k numbers for each group and nk_gk_h for each pair of groups. Cross-products of different rows
add: ``a + b`` is the cross-product of the rows of both, so data may come in chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np


@dataclass(frozen=True, eq=False)
class Whitened:
    """The whitened rows: ``XY`` (n, p + 1) holds [X̃ ỹ]; ``Xi[t]`` (n, k) each term's X̃i."""

    XY: np.ndarray
    Xi: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Group:
    """A grouping factor with the joined columns of its terms.

    ``terms`` are the positions of the terms in the design, ``starts`` the first column of each.
    """

    name: str
    n_levels: int
    k: int
    terms: tuple[int, ...]
    starts: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Pair:
    """The observed blocks of Z_g'Z_h in order: ``values[m]`` (k_g, k_h) stands at ``rows[m], columns[m]``."""

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class CrossProduct:
    """The blocks of [Z X y]'[Z X y] over ``n`` rows; see the module for their shapes."""

    groups: tuple[Group, ...]
    n: int
    p: int
    diagonal: tuple[np.ndarray, ...]
    fixed: tuple[np.ndarray, ...]
    pairs: dict[tuple[int, int], Pair]
    response: np.ndarray

    def __add__(self, other: CrossProduct) -> CrossProduct:
        """The cross-product of the rows of both."""
        if self.groups != other.groups or self.p != other.p:
            raise ValueError("cross-products of different designs don't add")
        n_levels = [group.n_levels for group in self.groups]
        return CrossProduct(
            groups=self.groups,
            n=self.n + other.n,
            p=self.p,
            diagonal=tuple(a + b for a, b in zip(self.diagonal, other.diagonal, strict=True)),
            fixed=tuple(a + b for a, b in zip(self.fixed, other.fixed, strict=True)),
            pairs={at: _merge(pair, other.pairs[at], n_levels[at[1]]) for at, pair in self.pairs.items()},
            response=self.response + other.response,
        )


def cross_product(groups: tuple[Group, ...], codes: Sequence[np.ndarray], rows: Whitened) -> CrossProduct:
    """The cross-product of transformed rows.

    Cost: one pass over the rows for each group and for each pair of groups; for a pair, a sort of its
    observed combinations unless one factor is nested in the other.

    Parameters
    ----------
    groups
        The grouping factors with their terms.
    codes
        (n,) the level of each row, for each group.
    rows
        [X y] and the terms' columns, in the coordinates of the numerical work.
    """
    XY = rows.XY
    columns, diagonal, fixed = [], [], []
    for group, levels in zip(groups, codes, strict=True):
        Xi = [rows.Xi[t] for t in group.terms]
        columns.append(Xi[0] if len(Xi) == 1 else np.hstack(Xi))
        diagonal.append(np.zeros((group.n_levels, group.k, group.k)))
        fixed.append(np.zeros((group.n_levels, group.k, XY.shape[1])))
        _accumulate(levels, columns[-1], columns[-1], diagonal[-1])
        _accumulate(levels, columns[-1], XY, fixed[-1])
    pairs = {
        (g, h): _pair(codes[g], codes[h], groups[g].n_levels, groups[h].n_levels, columns[g], columns[h])
        for g in range(len(groups))
        for h in range(g + 1, len(groups))
    }
    return CrossProduct(
        groups=groups,
        n=len(XY),
        p=XY.shape[1] - 1,
        diagonal=tuple(diagonal),
        fixed=tuple(fixed),
        pairs=pairs,
        response=XY.T @ XY,
    )


@numba.njit(cache=True)
def _accumulate(slots: np.ndarray, left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """out[slots[i]] += left[i] ⊗ right[i], one pass over the rows."""
    for i in range(slots.shape[0]):
        slot = slots[i]
        for a in range(left.shape[1]):
            value = left[i, a]
            for b in range(right.shape[1]):
                out[slot, a, b] += value * right[i, b]


def _pair(g: np.ndarray, h: np.ndarray, n_g: int, n_h: int, left: np.ndarray, right: np.ndarray) -> Pair:
    parent, nested = _parents(g, h, n_g)
    if nested:
        slots = g
        rows = np.arange(n_g, dtype=np.int64)
        seen = parent >= 0
        if not seen.all():
            renumber = np.cumsum(seen) - 1
            rows, slots = rows[seen], renumber[g]
        columns = parent[rows]
    else:
        keys, slots = np.unique(g * n_h + h, return_inverse=True)
        rows, columns = keys // n_h, keys % n_h
    values = np.zeros((len(rows), left.shape[1], right.shape[1]))
    _accumulate(slots, left, right, values)
    return Pair(rows, columns, values)


@numba.njit(cache=True)
def _parents(g: np.ndarray, h: np.ndarray, n_g: int) -> tuple[np.ndarray, bool]:
    """The level of h with which each level of g occurs (−1 for none), and whether it is only ever one."""
    parent = np.full(n_g, -1, np.int64)
    for i in range(g.shape[0]):
        if parent[g[i]] < 0:
            parent[g[i]] = h[i]
        elif parent[g[i]] != h[i]:
            return parent, False
    return parent, True


def _merge(a: Pair, b: Pair, n_columns: int) -> Pair:
    keys_a, keys_b = a.rows * n_columns + a.columns, b.rows * n_columns + b.columns
    keys = np.union1d(keys_a, keys_b)
    values = np.zeros((len(keys), *a.values.shape[1:]))
    values[np.searchsorted(keys, keys_a)] += a.values
    values[np.searchsorted(keys, keys_b)] += b.values
    return Pair(keys // n_columns, keys % n_columns, values)
