"""Sets of rows to be left out, where coefficients are given: what in them changes with y − Cδ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesmm.likelihood.given import square
from bayesmm.likelihood.units import Cells, Subtrees


@dataclass(frozen=True, eq=False)
class GivenCells:
    """``columns`` (n, c): C in the whitened coordinates and in the order of the cells' rows."""

    columns: np.ndarray

    def at(self, cells: Cells, delta: np.ndarray) -> Cells:
        """The cells at δ (c,)."""
        rows = cells.rows.copy()
        rows[:, -1] -= self.columns @ delta
        return cells._replace(rows=rows)


@dataclass(frozen=True, eq=False)
class GivenSubtrees:
    """Where y's products stand among those of all levels.

    ``row`` and ``column`` (e,) are the places of [Z_S X]'y, ``values`` (e, c) what stands there for each of
    C's columns; ``corner`` (ℓ,) the places of y'y, ``gram`` (ℓ, c + 1, c + 1) each level's [y C]'[y C].
    """

    row: np.ndarray
    column: np.ndarray
    values: np.ndarray
    corner: np.ndarray
    gram: np.ndarray

    @classmethod
    def of(
        cls, trees: Subtrees, others: list[Subtrees], rows: np.ndarray, codes: np.ndarray
    ) -> GivenSubtrees:
        """Of the same subtrees for each column's response, and the whitened [y C] (n, c + 1)."""
        size = np.sqrt(np.diff(trees.start)).round().astype(np.int64)
        level = np.repeat(np.arange(len(size)), size - 1)
        within = np.arange(len(level)) - np.repeat(np.cumsum(size - 1) - (size - 1), size - 1)
        start, width = trees.start[level], size[level]
        row, column = start + width * (width - 1) + within, start + within * width + width - 1
        products = rows[:, :, None] * rows[:, None, :]
        gram = np.zeros((len(size), *products.shape[1:]))
        np.add.at(gram, codes, products)
        values = np.stack([other.products[row] for other in others], axis=1)
        return cls(row, column, values, trees.start[1:] - 1, gram)

    def at(self, trees: Subtrees, delta: np.ndarray) -> Subtrees:
        """The subtrees at δ (c,)."""
        products = trees.products.copy()
        change = self.values @ delta
        products[self.row] -= change
        products[self.column] -= change
        products[self.corner] = square(self.gram, delta)
        return trees._replace(products=products)
