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
    """

    cross: CrossProduct
    chain: tuple[int, ...]
    tail: tuple[int, ...]
    tail_offset: tuple[int, ...]
    head: Head

    def __repr__(self) -> str:
        head, tail = (
            ", ".join(self.cross.groups[g].name for g in place) for place in (self.chain, self.tail)
        )
        return f"Layout(head: {head or 'none'}; tail: {tail or 'none'})"

    @cached_property
    def dense(self) -> Tail:
        """The tail's arrays, made when they are first needed."""
        return _dense(self.cross, self.tail, self.tail_offset)

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

    def with_values(self, head: Head, dense: Tail) -> Layout:
        """The same layout of other values: what the pattern says is shared."""
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


def layout_of(cross: CrossProduct) -> Layout:
    """Choose the head and lay the cross-product out for the kernels."""
    chain = _best_chain(cross)
    tail = tuple(g for g in range(len(cross.groups)) if g not in chain)
    sizes = [cross.groups[g].n_levels * cross.groups[g].k for g in tail]
    offsets = tuple(int(o) for o in np.concatenate([[0], np.cumsum(sizes)])[:-1])
    head = _head(cross, chain, tail, offsets)
    return Layout(cross, chain, tail, offsets, head)


def nested_in(cross: CrossProduct, g: int, h: int) -> bool:
    """Whether each level of group g occurs with a single level of group h."""
    pair = cross.pairs[min(g, h), max(g, h)]
    own = pair.rows if g < h else pair.columns
    return len(own) == cross.groups[g].n_levels


def _best_chain(cross: CrossProduct) -> tuple[int, ...]:
    """The chain of nested groups with the most columns in all; the smallest factor's levels go first."""
    size = [group.n_levels * group.k for group in cross.groups]
    order = sorted(range(len(size)), key=lambda g: cross.groups[g].n_levels)
    best: dict[int, tuple[int, ...]] = {}
    for g in order:  # from few levels to many: what g is nested in has been settled before g
        above = [best[h] for h in best if nested_in(cross, g, h)]
        longest = max(above, key=lambda chain: sum(size[i] for i in chain), default=())
        best[g] = (g, *longest)
    return max(best.values(), key=lambda chain: sum(size[i] for i in chain))


def _dense(cross: CrossProduct, tail: tuple[int, ...], offsets: tuple[int, ...]) -> Tail:
    q = sum(cross.groups[g].n_levels * cross.groups[g].k for g in tail)
    m = q + cross.p + 1
    A = np.zeros((m, m))
    group, first = np.full(m, -1, dtype=np.int64), np.arange(m, dtype=np.int64)
    A[q:, q:] = cross.response
    for t, (g, offset) in enumerate(zip(tail, offsets, strict=True)):
        n_levels, k = cross.groups[g].n_levels, cross.groups[g].k
        at = offset + np.arange(n_levels * k).reshape(n_levels, k)
        group[at], first[at] = g, at[:, :1]
        A[at[:, :, None], at[:, None, :]] = cross.diagonal[g]
        A[offset : offset + n_levels * k, q:] = cross.fixed[g].reshape(n_levels * k, -1)
        A[q:, offset : offset + n_levels * k] = A[offset : offset + n_levels * k, q:].T
        for h, other_offset in zip(tail[t + 1 :], offsets[t + 1 :], strict=True):
            own, other, values = _oriented(cross, g, h)
            columns = other_offset + other[:, None] * cross.groups[h].k + np.arange(cross.groups[h].k)
            A[at[own][:, :, None], columns[:, None, :]] = values
            A[columns[:, :, None], at[own][:, None, :]] = values.transpose(0, 2, 1)
    return Tail(A, group, first)


def _head(
    cross: CrossProduct, chain: tuple[int, ...], tail: tuple[int, ...], offsets: tuple[int, ...]
) -> Head:
    groups = [cross.groups[g] for g in chain]
    H, p1 = len(chain), cross.p + 1
    k = np.array([group.k for group in groups], dtype=np.int64)
    node_start = np.concatenate([[0], np.cumsum([group.n_levels for group in groups])]).astype(np.int64)
    N = int(node_start[-1])
    node_k = np.repeat(k, np.diff(node_start))
    ancestor_start = np.zeros((H, H), dtype=np.int64)
    for i in range(H):
        for j in range(i + 1, H):
            ancestor_start[i, j] = k[i + 1 : j].sum()
        ancestor_start[i, i] = k[i + 1 :].sum()
    ancestors = np.full((N, H), -1, dtype=np.int64)
    for i in range(H):
        for j in range(i + 1, H):
            own, other, _ = _oriented(cross, chain[i], chain[j])
            ancestors[node_start[i] + own, j] = node_start[j] + other
    entries = _Entries.of(cross, chain, tail, offsets, node_start)
    q_tail = sum(cross.groups[g].n_levels * cross.groups[g].k for g in tail)
    tail_width = entries.width(N) + p1
    tail_start = np.concatenate([[0], np.cumsum(tail_width)])
    ancestor_width = np.repeat(np.diag(ancestor_start), np.diff(node_start))
    row_width = ancestor_width + tail_width
    row_start = np.concatenate([[0], np.cumsum(node_k * row_width)])
    diagonal_start = np.concatenate([[0], np.cumsum(node_k**2)])

    tail_columns = np.empty(tail_start[-1], dtype=np.int64)
    entries.write_columns(tail_columns, tail_start)
    for c in range(p1):
        tail_columns[tail_start[1:] - p1 + c] = q_tail + c
    rows = np.zeros(row_start[-1])
    entries.write_values(rows, row_start, row_width, ancestor_width)
    for i, g in enumerate(chain):
        nodes = np.arange(node_start[i], node_start[i + 1])
        _scatter(rows, row_start, row_width, nodes, row_width[nodes] - p1, cross.fixed[g])
        for j in range(i + 1, H):
            own, _, values = _oriented(cross, g, chain[j])
            at = node_start[i] + own
            _scatter(rows, row_start, row_width, at, np.full(len(at), ancestor_start[i, j]), values)
    return Head(
        groups=np.array(chain, dtype=np.int64),
        node_start=node_start,
        k=k,
        ancestors=ancestors,
        ancestor_start=ancestor_start,
        diagonal_start=diagonal_start,
        row_start=row_start,
        tail_start=tail_start,
        tail_columns=tail_columns,
        relative=_relative(ancestors, tail_start, tail_columns, q_tail + p1),
        entry_start=entries.starts(N),
        entry_group=entries.group,
        diagonal=np.concatenate([cross.diagonal[g].ravel() for g in chain]),
        rows=rows,
    )


@dataclass(frozen=True, eq=False)
class _Entries:
    """The levels of tail factors that occur with each node, sorted by (node, tail column)."""

    node: np.ndarray
    group: np.ndarray
    column: np.ndarray
    k: np.ndarray
    blocks: tuple[tuple[np.ndarray, np.ndarray], ...]  # (positions among the entries, values)

    @classmethod
    def of(
        cls,
        cross: CrossProduct,
        chain: tuple[int, ...],
        tail: tuple[int, ...],
        offsets: tuple[int, ...],
        node_start: np.ndarray,
    ) -> _Entries:
        nodes, groups, columns, values = [], [], [], []
        for i, g in enumerate(chain):
            for t, h in enumerate(tail):
                own, other, blocks = _oriented(cross, g, h)
                nodes.append(node_start[i] + own)
                groups.append(np.full(len(own), h))
                columns.append(offsets[t] + other * cross.groups[h].k)
                values.append(blocks)
        if not nodes:
            none = np.zeros(0, dtype=np.int64)
            return cls(none, none, none, none, ())
        node, group, column = (np.concatenate(parts) for parts in (nodes, groups, columns))
        order = np.lexsort((column, node))
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        ends = np.cumsum([len(part) for part in nodes])
        blocks = tuple((place[end - len(part) : end], part) for end, part in zip(ends, values, strict=True))
        k = np.array([cross.groups[h].k for h in range(len(cross.groups))], dtype=np.int64)
        return cls(node[order], group[order], column[order], k[group[order]], blocks)

    def starts(self, n_nodes: int) -> np.ndarray:
        return np.searchsorted(self.node, np.arange(n_nodes + 1)).astype(np.int64)

    def width(self, n_nodes: int) -> np.ndarray:
        """(N,) the number of tail random-effects columns of each node."""
        return np.bincount(self.node, weights=self.k, minlength=n_nodes).astype(np.int64)

    def positions(self) -> np.ndarray:
        """Where each entry's columns begin among the tail columns of its node."""
        before = np.cumsum(self.k) - self.k
        first = np.searchsorted(self.node, self.node)
        return before - before[first] if len(self.node) else before

    def write_columns(self, tail_columns: np.ndarray, tail_start: np.ndarray) -> None:
        at = tail_start[self.node] + self.positions()
        for c in range(int(self.k.max(initial=0))):
            wide = self.k > c
            tail_columns[at[wide] + c] = self.column[wide] + c

    def write_values(
        self, rows: np.ndarray, row_start: np.ndarray, row_width: np.ndarray, ancestor_width: np.ndarray
    ) -> None:
        positions = self.positions()
        for place, values in self.blocks:
            nodes = self.node[place]
            _scatter(rows, row_start, row_width, nodes, ancestor_width[nodes] + positions[place], values)


def _oriented(cross: CrossProduct, g: int, h: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Levels of g, levels of h, and blocks (k_g, k_h) of their observed pairs."""
    if g < h:
        pair = cross.pairs[g, h]
        return pair.rows, pair.columns, pair.values
    pair = cross.pairs[h, g]
    return pair.columns, pair.rows, pair.values.transpose(0, 2, 1)


def _scatter(
    flat: np.ndarray,
    start: np.ndarray,
    width: np.ndarray,
    nodes: np.ndarray,
    position: np.ndarray,
    values: np.ndarray,
) -> None:
    """Write blocks (m, k, c) into nodes' rows, beginning at column ``position`` (m,)."""
    for r in range(values.shape[1]):
        at = start[nodes] + r * width[nodes] + position
        for c in range(values.shape[2]):
            flat[at + c] = values[:, r, c]


def _relative(ancestors: np.ndarray, tail_start: np.ndarray, tail_columns: np.ndarray, m: int) -> np.ndarray:
    """Where each tail column of a node stands among the tail columns of its ancestors."""
    N, H = ancestors.shape
    if H < 2:
        return np.zeros((0, H), dtype=np.int64)
    node = np.repeat(np.arange(N), np.diff(tail_start))
    keys = node * m + tail_columns
    relative = np.zeros((len(keys), H), dtype=np.int64)
    for j in range(1, H):
        ancestor = ancestors[node, j]
        below = ancestor >= 0
        wanted = ancestor[below] * m + tail_columns[below]
        relative[below, j] = np.searchsorted(keys, wanted) - tail_start[ancestor[below]]
    return relative
