"""Where each value of a cross-product stands in a layout's arrays: found once, filled often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesmm.blocks.cross_product import CrossProduct


@dataclass(frozen=True, eq=False)
class Places:
    """The places of a layout's values.

    Attributes
    ----------
    chain, tail
        The groups of the head in order of elimination, and those of the tail.
    tail_offset
        The first tail column of each group of the tail.
    n_rows
        The length of the flat array of the head's rows.
    fixed
        For each group of the chain (ℓ, k, p + 1): where its Z'[X y] stands in the head's rows.
    pairs
        For each pair (g, h) of groups that aren't both in the tail, (m, k_g, k_h): where its blocks stand
        in the head's rows.
    """

    chain: tuple[int, ...]
    tail: tuple[int, ...]
    tail_offset: tuple[int, ...]
    n_rows: int
    fixed: tuple[np.ndarray, ...]
    pairs: dict[tuple[int, int], np.ndarray]

    def head_diagonal(self, cross: CrossProduct) -> np.ndarray:
        """The nodes' diagonal blocks, flat."""
        return np.concatenate([cross.diagonal[g].ravel() for g in self.chain])

    def head_rows(self, cross: CrossProduct) -> np.ndarray:
        """The nodes' rows, flat."""
        rows = np.zeros(self.n_rows)
        for g, at in zip(self.chain, self.fixed, strict=True):
            rows[at] = cross.fixed[g]
        for pair, at in self.pairs.items():
            rows[at] = cross.pairs[pair].values
        return rows

    def tail_values(self, cross: CrossProduct) -> np.ndarray:
        """(m, m) the tail's part of [Z X y]'[Z X y], symmetric."""
        q = sum(cross.groups[g].n_levels * cross.groups[g].k for g in self.tail)
        A = np.zeros((q + cross.p + 1, q + cross.p + 1))
        A[q:, q:] = cross.response
        columns = {}
        for g, offset in zip(self.tail, self.tail_offset, strict=True):
            n_levels, k = cross.groups[g].n_levels, cross.groups[g].k
            at = offset + np.arange(n_levels * k).reshape(n_levels, k)
            own = slice(offset, offset + n_levels * k)
            A[at[:, :, None], at[:, None, :]] = cross.diagonal[g]
            A[own, q:] = cross.fixed[g].reshape(n_levels * k, -1)
            A[q:, own] = A[own, q:].T
            columns[g] = at
        for (g, h), pair in cross.pairs.items():
            if g in columns and h in columns:
                rows, cols = columns[g][pair.rows], columns[h][pair.columns]
                A[rows[:, :, None], cols[:, None, :]] = pair.values
                A[cols[:, :, None], rows[:, None, :]] = pair.values.transpose(0, 2, 1)
        return A
