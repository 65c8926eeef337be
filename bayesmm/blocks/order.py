"""Which factors make the head and in what order they are eliminated; where everything then stands.

All of this follows from the pattern of a cross-product, from which levels occur together. It is done once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesmm.blocks.cross_product import CrossProduct
from bayesmm.blocks.layout import Head, Layout
from bayesmm.blocks.places import Places


def layout_of(cross: CrossProduct) -> Layout:
    """Choose the head and lay the cross-product out for the kernels."""
    chain = _best_chain(cross)
    tail = tuple(g for g in range(len(cross.groups)) if g not in chain)
    sizes = [cross.groups[g].n_levels * cross.groups[g].k for g in tail]
    offsets = tuple(int(o) for o in np.concatenate([[0], np.cumsum(sizes)])[:-1])
    head, places = _head(cross, chain, tail, offsets)
    filled = head._replace(diagonal=places.head_diagonal(cross), rows=places.head_rows(cross))
    return Layout(cross, chain, tail, offsets, filled, places)


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


def _head(
    cross: CrossProduct, chain: tuple[int, ...], tail: tuple[int, ...], offsets: tuple[int, ...]
) -> tuple[Head, Places]:
    """The head's arrays but for the values, and the places of these."""
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
            own, other = _levels(cross, chain[i], chain[j])
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

    def places(nodes: np.ndarray, position: np.ndarray | int, k: int, width: int) -> np.ndarray:
        """(m, k, width) where blocks stand in nodes' rows that begin at a column ``position``."""
        first = row_start[nodes] + position
        within = np.arange(k)[:, None] * row_width[nodes][:, None, None] + np.arange(width)
        return first[:, None, None] + within

    in_rows, fixed = {}, []
    positions = entries.positions()
    for (g, h), at in entries.members.items():
        nodes = entries.node[at]
        found = places(nodes, ancestor_width[nodes] + positions[at], cross.groups[g].k, cross.groups[h].k)
        in_rows[min(g, h), max(g, h)] = found if g < h else found.transpose(0, 2, 1)
    for i, g in enumerate(chain):
        nodes = np.arange(node_start[i], node_start[i + 1])
        fixed.append(places(nodes, row_width[nodes] - p1, cross.groups[g].k, p1))
        for j in range(i + 1, H):
            h, (own, _) = chain[j], _levels(cross, g, chain[j])
            found = places(node_start[i] + own, ancestor_start[i, j], cross.groups[g].k, cross.groups[h].k)
            in_rows[min(g, h), max(g, h)] = found if g < h else found.transpose(0, 2, 1)
    head = Head(
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
        diagonal=np.empty(0),
        rows=np.empty(0),
    )
    return head, Places(chain, tail, offsets, int(row_start[-1]), tuple(fixed), in_rows)


@dataclass(frozen=True, eq=False)
class _Entries:
    """The levels of tail factors that occur with each node, sorted by (node, tail column)."""

    node: np.ndarray
    group: np.ndarray
    column: np.ndarray
    k: np.ndarray
    members: dict[tuple[int, int], np.ndarray]
    """(group of the head, group of the tail) → (m,) the entry of each pair of their levels."""

    @classmethod
    def of(
        cls,
        cross: CrossProduct,
        chain: tuple[int, ...],
        tail: tuple[int, ...],
        offsets: tuple[int, ...],
        node_start: np.ndarray,
    ) -> _Entries:
        nodes, groups, columns, between = [], [], [], []
        for i, g in enumerate(chain):
            for t, h in enumerate(tail):
                own, other = _levels(cross, g, h)
                nodes.append(node_start[i] + own)
                groups.append(np.full(len(own), h))
                columns.append(offsets[t] + other * cross.groups[h].k)
                between.append((g, h))
        if not nodes:
            none = np.zeros(0, dtype=np.int64)
            return cls(none, none, none, none, {})
        node, group, column = (np.concatenate(parts) for parts in (nodes, groups, columns))
        order = np.lexsort((column, node))
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        ends = np.cumsum([len(part) for part in nodes])
        members = {
            pair: place[end - len(part) : end] for pair, end, part in zip(between, ends, nodes, strict=True)
        }
        k = np.array([cross.groups[h].k for h in range(len(cross.groups))], dtype=np.int64)
        return cls(node[order], group[order], column[order], k[group[order]], members)

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


def _levels(cross: CrossProduct, g: int, h: int) -> tuple[np.ndarray, np.ndarray]:
    """The levels of g and of h in their observed pairs, in the pairs' order."""
    pair = cross.pairs[min(g, h), max(g, h)]
    return (pair.rows, pair.columns) if g < h else (pair.columns, pair.rows)


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
