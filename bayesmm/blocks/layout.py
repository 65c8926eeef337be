"""The order of elimination, and the arrays that the kernels run over.

The grouping factors that form the best chain of nested factors, g₁ ⊂ g₂ ⊂ …, make the *head*: one node a
level. A level of g₁ meets one level of each factor above it, so eliminating g₁ leaves g₂ block-diagonal, and
so on: the head is factored node by node and nothing fills in. What is left, the other factors, X and y,
makes the *tail*, one dense matrix for LAPACK. A node's row of the factor has the columns

    [its ancestors in the chain | the tail's columns that occur with it | X | y],

stored side by side; all nodes' rows lie in one flat array. Cost of one factorization: Σ_nodes k w²/2 for
the head, with w the width of a node's row, and m³/3 for a tail of m columns.

The head is the chain that leaves the smallest tail; nesting is read off the data (each level of one factor
occurs with a single level of the other), so it doesn't matter how the formula wrote it.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bayesmm.blocks.cross_product import CrossProduct
from bayesmm.blocks.kernels.table import DIAGONAL, ROWS, A, Table
from bayesmm.blocks.places import Places


class Head(NamedTuple):
    """The chain of nested factors, flattened for the kernels.

    With H factors in the chain and N nodes (levels of all of them, in order of elimination):

    Attributes
    ----------
    groups
        (H,) positions of the factors in the cross-product.
    node_start
        (H + 1,) first node of each factor.
    k
        (H,) columns a level.
    ancestors
        (N, H) node numbers of a node's ancestors; −1 for factors not above it.
    ancestor_start
        (H, H) where the columns of ancestor factor j begin in the rows of factor i; [i, i] is the width
        of all ancestors' columns together.
    diagonal_start, row_start
        (N + 1,) where the node's (k, k) and (k, w) blocks begin in the flat arrays.
    tail_start
        (N + 1,) where the node's tail columns begin in ``tail_columns``.
    tail_columns
        The tail columns of each node's row, rising; X and y included.
    relative
        (len(tail_columns), H) the position of each tail column within the ancestor's tail columns.
    entry_start
        (N + 1,) where the node's entries begin in ``entry_group``.
    entry_group
        The tail group of each entry, a level of a tail factor that occurs with the node.
    diagonal, rows
        The values of A = [Z X y]'[Z X y] in this layout, flat.
    """

    groups: np.ndarray
    node_start: np.ndarray
    k: np.ndarray
    ancestors: np.ndarray
    ancestor_start: np.ndarray
    diagonal_start: np.ndarray
    row_start: np.ndarray
    tail_start: np.ndarray
    tail_columns: np.ndarray
    relative: np.ndarray
    entry_start: np.ndarray
    entry_group: np.ndarray
    diagonal: np.ndarray
    rows: np.ndarray


class Tail(NamedTuple):
    """The dense part: the other factors' random effects, then X, then y; m columns, q of them effects.

    Attributes
    ----------
    A
        (m, m) its part of [Z X y]'[Z X y].
    group
        (m,) the group of each column; −1 for X and y.
    first
        (m,) the first column of the level that each column belongs to; itself for X and y.
    """

    A: np.ndarray
    group: np.ndarray
    first: np.ndarray


@dataclass(frozen=True, eq=False)
class Layout:
    """Which factor goes where, and the head's flat arrays.

    Attributes
    ----------
    cross
        The cross-product laid out.
    chain
        The groups of the head, in order of elimination.
    tail
        The other groups, in the order of the tail's columns.
    tail_offset
        The first tail column of each group of ``tail``; X begins at ``q_tail``.
    head
        The head's arrays.
    places
        Where each value of a cross-product of this pattern stands.
    """

    cross: CrossProduct
    chain: tuple[int, ...]
    tail: tuple[int, ...]
    tail_offset: tuple[int, ...]
    head: Head
    places: Places

    def __repr__(self) -> str:
        head, tail = (
            ", ".join(self.cross.groups[g].name for g in place) for place in (self.chain, self.tail)
        )
        return f"Layout(head: {head or 'none'}; tail: {tail or 'none'})"

    @cached_property
    def dense(self) -> Tail:
        """The tail's arrays, made when they are first needed."""
        group, first = np.full(self.size, -1, dtype=np.int64), np.arange(self.size, dtype=np.int64)
        for g, offset in zip(self.tail, self.tail_offset, strict=True):
            n_levels, k = self.cross.groups[g].n_levels, self.cross.groups[g].k
            at = offset + np.arange(n_levels * k).reshape(n_levels, k)
            group[at], first[at] = g, at[:, :1]
        return Tail(self.places.tail_values(self.cross), group, first)

    @property
    def q_tail(self) -> int:
        """The number of random-effects columns in the tail."""
        return sum(self.cross.groups[g].n_levels * self.cross.groups[g].k for g in self.tail)

    @property
    def size(self) -> int:
        """The tail's columns in all: random effects, X and y."""
        return self.q_tail + self.cross.p + 1

    @cached_property
    def flops(self) -> int:
        """Multiplications of one factorization."""
        k, width = self.node_k, self.node_width
        return int(np.sum(k * width * (width + 1) // 2)) + self.size**3 // 6

    @property
    def bytes(self) -> int:
        """Memory of the factor and its workspace."""
        return 8 * (3 * len(self.head.rows) + 3 * len(self.head.diagonal) + 4 * self.size**2)

    @cached_property
    def table(self) -> Table:
        """What the compiled functions take: the arrays by their addresses, and sizes."""
        head, m = self.head, self.size
        numbers = (
            len(self.chain),
            len(self.cross.groups),
            self.k_max,
            m,
            self.q_tail,
            self.u_start[-1],
            len(head.diagonal),
            len(head.rows),
            np.diff(head.row_start).max() + self.k_max**2,
        )
        return Table((*head, *self.dense, self.k_group, self.u_start), [int(number) for number in numbers])

    @cached_property
    def k_group(self) -> np.ndarray:
        """(G,) the columns a level of each group."""
        return np.array([group.k for group in self.cross.groups], dtype=np.int64)

    @property
    def k_max(self) -> int:
        """The most columns that a group has: Λ comes as (G, k_max, k_max)."""
        return int(self.k_group.max())

    @cached_property
    def u_start(self) -> np.ndarray:
        """(N + 1,) where the random effects of each node begin."""
        return np.concatenate([[0], np.cumsum(self.node_k)]).astype(np.int64)

    def filled(self, cross: CrossProduct) -> Layout:
        """The same layout of another cross-product on the same pattern: what the pattern says is shared.

        Raises
        ------
        ValueError
            If the pattern is another.
        """
        if not self.cross.has_pattern_of(cross):
            raise ValueError("a layout is filled by cross-products of its own pattern")
        head = self.head._replace(
            diagonal=self.places.head_diagonal(cross), rows=self.places.head_rows(cross)
        )
        other = self.with_values(head, self.dense._replace(A=self.places.tail_values(cross)))
        other.__dict__["cross"] = cross
        return other

    def with_values(self, head: Head, dense: Tail) -> Layout:
        """The same layout with other values in its arrays."""
        other = copy(self)
        changed = {ROWS: head.rows, DIAGONAL: head.diagonal, A: dense.A}
        other.__dict__.update(head=head, dense=dense, table=self.table.with_arrays(changed))
        return other

    def by_group(self, u: np.ndarray, z: np.ndarray) -> list[np.ndarray]:
        """The head's random effects (S, q_head) and the tail's (S, ≥ q_tail) → (S, ℓ, k) for each group."""
        found: list[np.ndarray] = [np.empty(0)] * len(self.cross.groups)
        for i, g in enumerate(self.chain):
            start, stop = self.u_start[self.head.node_start[i]], self.u_start[self.head.node_start[i + 1]]
            found[g] = u[:, start:stop].reshape(len(u), -1, int(self.head.k[i]))
        for g, offset in zip(self.tail, self.tail_offset, strict=True):
            group = self.cross.groups[g]
            stop = offset + group.n_levels * group.k
            found[g] = z[:, offset:stop].reshape(len(z), -1, group.k)
        return found

    @property
    def node_k(self) -> np.ndarray:
        """(N,) the columns of each node."""
        return np.repeat(self.head.k, np.diff(self.head.node_start))

    @property
    def node_width(self) -> np.ndarray:
        """(N,) the length of each node's rows."""
        return np.diff(self.head.row_start) // self.node_k


LayoutAt = Callable[[int], Layout]
"""The layout of each of a number of points, where they have values of their own."""
