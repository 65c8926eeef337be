"""``Pattern``: which levels occur together, and the slot of every row; found once, filled with values often.

Values are formed in one pass over the integer codes and the columns, never through Z or an indicator matrix:
n(k + p + 1)k numbers for each group and nk_gk_h for each pair of groups. Finding the pattern takes a sort of
the observed combinations of two factors, unless one is nested in the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from bayesmm.blocks.cross_product import CrossProduct, Group, Pair, Whitened


@dataclass(frozen=True, eq=False)
class Meeting:
    """The observed pairs of levels of two factors, in order.

    Attributes
    ----------
    rows, columns
        (m,) their levels of either factor.
    slots
        (n,) the pair of each row.
    """

    rows: np.ndarray
    columns: np.ndarray
    slots: np.ndarray


@dataclass(frozen=True, eq=False)
class Pattern:
    """What the codes of a design's grouping factors say of [Z X y]'[Z X y].

    Attributes
    ----------
    groups
        The grouping factors with their terms.
    codes
        (n,) the level of each row, for each group.
    meetings
        (g, h), g < h → the pairs of levels that occur together.
    """

    groups: tuple[Group, ...]
    codes: tuple[np.ndarray, ...]
    meetings: dict[tuple[int, int], Meeting]

    @classmethod
    def of(cls, groups: tuple[Group, ...], codes: Sequence[np.ndarray]) -> Pattern:
        """The pattern of n rows with these codes (n,), one array for each group."""
        meetings = {
            (g, h): _meeting(codes[g], codes[h], groups[g].n_levels, groups[h].n_levels)
            for g in range(len(groups))
            for h in range(g + 1, len(groups))
        }
        return cls(groups, tuple(codes), meetings)

    def fill(self, rows: Whitened, at: slice | np.ndarray = slice(None)) -> CrossProduct:
        """The cross-product of transformed rows; the only step whose cost grows with them.

        Parameters
        ----------
        rows
            [X y] and the terms' columns of m rows, in the coordinates of the numerical work.
        at
            Which of the pattern's rows these m are. All by default; of fewer rows the cross-product has the
            same pattern, with zeros where none of them is.
        """
        XY = rows.XY
        codes = [codes[at] for codes in self.codes]
        columns, diagonal, fixed = [], [], []
        for group, levels in zip(self.groups, codes, strict=True):
            Xi = [rows.Xi[t] for t in group.terms]
            columns.append(Xi[0] if len(Xi) == 1 else np.hstack(Xi))
            diagonal.append(np.zeros((group.n_levels, group.k, group.k)))
            fixed.append(np.zeros((group.n_levels, group.k, XY.shape[1])))
            _accumulate(levels, columns[-1], columns[-1], diagonal[-1])
            _accumulate(levels, columns[-1], XY, fixed[-1])
        pairs = {}
        for (g, h), meeting in self.meetings.items():
            values = np.zeros((len(meeting.rows), self.groups[g].k, self.groups[h].k))
            _accumulate(meeting.slots[at], columns[g], columns[h], values)
            pairs[g, h] = Pair(meeting.rows, meeting.columns, values)
        return CrossProduct(
            groups=self.groups,
            n=len(XY),
            p=XY.shape[1] - 1,
            diagonal=tuple(diagonal),
            fixed=tuple(fixed),
            pairs=pairs,
            response=XY.T @ XY,
        )

    def column(self, rows: Whitened) -> tuple[list[np.ndarray], np.ndarray]:
        """Of [X y] and the terms' columns only what goes with y: Z_g'y (ℓ, k) of each group, and [X y]'y.

        It is what :meth:`CrossProduct.with_response` takes.
        """
        y = np.ascontiguousarray(rows.XY[:, -1:])
        found = []
        for group, levels in zip(self.groups, self.codes, strict=True):
            Xi = [rows.Xi[t] for t in group.terms]
            out = np.zeros((group.n_levels, group.k, 1))
            _accumulate(levels, Xi[0] if len(Xi) == 1 else np.hstack(Xi), y, out)
            found.append(out[:, :, 0])
        return found, rows.XY.T @ y[:, 0]


@numba.njit(cache=True)
def _accumulate(slots: np.ndarray, left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """out[slots[i]] += left[i] ⊗ right[i], one pass over the rows."""
    for i in range(slots.shape[0]):
        slot = slots[i]
        for a in range(left.shape[1]):
            value = left[i, a]
            for b in range(right.shape[1]):
                out[slot, a, b] += value * right[i, b]


def _meeting(g: np.ndarray, h: np.ndarray, n_g: int, n_h: int) -> Meeting:
    parent, nested = _parents(g, h, n_g)
    if not nested:
        keys, slots = np.unique(g * n_h + h, return_inverse=True)
        return Meeting(keys // n_h, keys % n_h, slots)
    rows, slots, seen = np.arange(n_g, dtype=np.int64), g, parent >= 0
    if not seen.all():
        renumber = np.cumsum(seen) - 1
        rows, slots = rows[seen], renumber[g]
    return Meeting(rows, parent[rows], slots)


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
