"""``CrossProduct``: the blocks of [Z X y]'[Z X y], all that the Gaussian likelihood knows of the data.

Terms that share a grouping factor are joined into one group of k columns a level. The blocks are

- ``diagonal[g]`` (ℓ, k, k): the diagonal blocks of Z_g'Z_g, all that isn't zero there;
- ``fixed[g]`` (ℓ, k, p + 1): Z_g'[X y];
- ``pairs[g, h]``, g < h: the blocks (k_g, k_h) of Z_g'Z_h, for the observed pairs of levels only;
- ``response`` (p + 1, p + 1): [X y]'[X y].

A :class:`~bayesmm.blocks.pattern.Pattern` forms them of rows. They are a vector space with a product:
``a + b`` is the cross-product of the rows of both, so data may come in chunks, ``a - b`` that without some
rows; R⁻¹ = Σ c_m K_m makes of one for each m the combination Σ c_m A_m, whose derivative in c_m is
⟨∂f/∂A, A_m⟩.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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

    def has_pattern_of(self, other: CrossProduct) -> bool:
        """Whether the other has the same groups, and blocks of the same pairs of levels."""
        return self._is_like(other) and all(
            _same(pair.rows, other.pairs[at].rows) and _same(pair.columns, other.pairs[at].columns)
            for at, pair in self.pairs.items()
        )

    def __add__(self, other: CrossProduct) -> CrossProduct:
        """The cross-product of the rows of both."""
        if not self._is_like(other):
            raise ValueError("cross-products of different designs don't add")
        if self.has_pattern_of(other):
            return self._with(self.n + other.n, np.add, other)
        n_levels = [group.n_levels for group in self.groups]
        pairs = {at: _merge(pair, other.pairs[at], n_levels[at[1]]) for at, pair in self.pairs.items()}
        return replace(self._with(self.n + other.n, np.add, other, pairs=False), pairs=pairs)

    def __sub__(self, other: CrossProduct) -> CrossProduct:
        """The cross-product without some of its rows, of which ``other`` is that; the pattern stays."""
        if not self.has_pattern_of(other):
            raise ValueError("rows are taken from a cross-product by one of the same pattern: Pattern.fill")
        return self._with(self.n - other.n, np.subtract, other)

    def __rmul__(self, weight: float) -> CrossProduct:
        """All blocks times a number; ``n`` is that of the rows still."""
        return combination([weight], [self])

    def inner(self, other: CrossProduct) -> float:
        """⟨A, B⟩ = Σ_ij A_ij B_ij over the whole symmetric matrices: blocks off the diagonal count twice."""
        if not self.has_pattern_of(other):
            raise ValueError("inner products are those of cross-products of one pattern")
        once = [*zip(self.diagonal, other.diagonal, strict=True), (self.response, other.response)]
        twice = [*zip(self.fixed, other.fixed, strict=True)]
        twice += [(pair.values, other.pairs[at].values) for at, pair in self.pairs.items()]
        return float(sum(np.vdot(a, b) for a, b in once) + 2.0 * sum(np.vdot(a, b) for a, b in twice))

    def with_response(self, effects: Sequence[np.ndarray], fixed: np.ndarray) -> CrossProduct:
        """The cross-product with another y: nothing but y's column is touched, the rest is shared.

        Parameters
        ----------
        effects
            (ℓ, k) Z_g'y of each group.
        fixed
            (p + 1,) X'y and then y'y.
        """
        columns = []
        for block, column in zip(self.fixed, effects, strict=True):
            columns.append(block.copy())
            columns[-1][:, :, -1] = column
        response = self.response.copy()
        response[-1], response[:, -1] = fixed, fixed
        return replace(self, fixed=tuple(columns), response=response)

    def _is_like(self, other: CrossProduct) -> bool:
        return self.groups == other.groups and self.p == other.p

    def _with(self, n: int, operation: np.ufunc, other: CrossProduct, *, pairs: bool = True) -> CrossProduct:
        """The blocks of both put together by an operation of numbers."""
        own = self.pairs.items() if pairs else ()
        return replace(
            self,
            n=n,
            diagonal=tuple(operation(a, b) for a, b in zip(self.diagonal, other.diagonal, strict=True)),
            fixed=tuple(operation(a, b) for a, b in zip(self.fixed, other.fixed, strict=True)),
            pairs={
                at: replace(pair, values=operation(pair.values, other.pairs[at].values)) for at, pair in own
            },
            response=operation(self.response, other.response),
        )


def combination(weights: Sequence[float], crosses: Sequence[CrossProduct]) -> CrossProduct:
    """Σ c_m A_m of cross-products of the same rows on one pattern; ``n`` is that of the first.

    Raises
    ------
    ValueError
        If their patterns differ, or there is none.
    """
    if len(crosses) == 0 or not all(crosses[0].has_pattern_of(cross) for cross in crosses[1:]):
        raise ValueError("a combination is one of cross-products of one pattern")

    def sum_of(blocks: Sequence[np.ndarray]) -> np.ndarray:
        return sum(weight * block for weight, block in zip(weights, blocks, strict=True))

    first = crosses[0]
    return replace(
        first,
        diagonal=tuple(sum_of(blocks) for blocks in zip(*(c.diagonal for c in crosses), strict=True)),
        fixed=tuple(sum_of(blocks) for blocks in zip(*(c.fixed for c in crosses), strict=True)),
        pairs={
            at: replace(pair, values=sum_of([cross.pairs[at].values for cross in crosses]))
            for at, pair in first.pairs.items()
        },
        response=sum_of([cross.response for cross in crosses]),
    )


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a is b or np.array_equal(a, b)


def _merge(a: Pair, b: Pair, n_columns: int) -> Pair:
    keys_a, keys_b = a.rows * n_columns + a.columns, b.rows * n_columns + b.columns
    keys = np.union1d(keys_a, keys_b)
    values = np.zeros((len(keys), *a.values.shape[1:]))
    values[np.searchsorted(keys, keys_a)] += a.values
    values[np.searchsorted(keys, keys_b)] += b.values
    return Pair(keys // n_columns, keys % n_columns, values)
