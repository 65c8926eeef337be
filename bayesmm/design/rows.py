"""``Rows``: all of a design that has rows, of the fit or of other data; the recipe beside it has none.

η = Xβ + offset + Σ_t Xi_t b_t[codes_t]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from bayesmm.design.factor import Factor
from bayesmm.design.sources import ModelMatrix


@dataclass(frozen=True, eq=False)
class TermRows:
    """One random term on m rows.

    Attributes
    ----------
    factor
        The grouping factor of the fit, with ℓ levels.
    matrix
        The columns of Xi.
    own
        (m,) the level of each row: below ℓ one of the factor's, from there on new ones, numbered in the order
        in which they occur; −1 for one that was not seen and has no number. None for the rows of the fit,
        whose codes the factor has.
    n_new
        How many new levels have a number.
    """

    factor: Factor
    matrix: ModelMatrix
    own: np.ndarray | None = None
    n_new: int = 0

    @property
    def group(self) -> str:
        """The name of the grouping factor."""
        return self.factor.name

    @property
    def n_levels(self) -> int:
        """ℓ, the number of levels of the factor."""
        return len(self.factor)

    @property
    def codes(self) -> np.ndarray:
        """(m,) the level of each row."""
        return self.factor.codes if self.own is None else self.own

    @property
    def Xi(self) -> np.ndarray:
        """(m, k) the term's own model matrix, read-only."""
        return self.matrix.array

    @cached_property
    def fitted_codes(self) -> np.ndarray:
        """(m,) the codes of the factor's levels, −1 for all others."""
        return self.codes if self.own is None else np.where(self.own < self.n_levels, self.own, -1)

    @property
    def levels(self) -> np.ndarray:
        """(n_known,) the codes of the factor's levels that occur, rising."""
        return self._numbered[0]

    @property
    def n_known(self) -> int:
        """How many of the factor's levels occur."""
        return len(self.levels)

    @property
    def places(self) -> np.ndarray:
        """(m,) the place of each row's level among :attr:`levels` and, behind them, the new ones."""
        return self._numbered[1]

    @cached_property
    def _numbered(self) -> tuple[np.ndarray, np.ndarray]:
        if self.own is None:
            return np.arange(self.n_levels), self.codes
        is_known = self.own < self.n_levels
        levels, known = np.unique(self.own[is_known], return_inverse=True)
        places = self.own - self.n_levels + len(levels)
        places[is_known] = known
        return levels, places

    def as_new(self) -> TermRows:
        """The same rows with every level new."""
        n_new = self.n_known + self.n_new
        return replace(self, own=self.places + self.n_levels, n_new=n_new)

    def __repr__(self) -> str:
        k = len(self.matrix.sources)
        return f"TermRows({self.group!r}: {k} column{'' if k == 1 else 's'}, {self.matrix.n} rows)"


@dataclass(frozen=True, eq=False)
class Rows:
    """m rows of a design.

    Attributes
    ----------
    fixed
        The columns of X.
    terms
        The random terms, in the design's order; None for those whose effects are not to count.
    offset
        (m,) added with coefficient one; None for none.
    weights
        (m,) precision weights w, Var(e_i) = σ²/w_i; None for none.
    index
        (m,) the labels of the rows.
    y
        (m,) the response; None where it isn't known.
    """

    fixed: ModelMatrix
    terms: tuple[TermRows | None, ...]
    offset: np.ndarray | None
    weights: np.ndarray | None
    index: pd.Index
    y: np.ndarray | None = None

    def __len__(self) -> int:
        return self.fixed.n

    def __repr__(self) -> str:
        return f"Rows(X: {len(self)} × {self.fixed.shape[1]}, terms: {self.terms!r})"

    @property
    def X(self) -> np.ndarray:
        """(m, p) the fixed-effects model matrix, read-only."""
        return self.fixed.array

    @property
    def Z(self) -> sparse.csr_array:
        """(m, Σkℓ), sparse; the columns of a level that was not seen are zero."""
        blocks = [sparse.csr_array((len(self), 0))]
        blocks += [khatri_rao(t.fitted_codes, t.Xi, t.n_levels) for t in self.terms if t is not None]
        return sparse.csr_array(sparse.hstack(blocks, format="csr"))

    @property
    def unseen(self) -> dict[str, np.ndarray]:
        """Group → (m,) of bool: the rows whose level of that factor was not seen."""
        return {term.group: term.fitted_codes < 0 for term in self.terms if term is not None}


def khatri_rao(codes: np.ndarray, Xi: np.ndarray, n_levels: int) -> sparse.csr_array:
    """Row-wise Kronecker product of the indicator of ``codes`` (n,) with ``Xi`` (n, k): (n, k·ℓ), sparse.

    Codes of −1 (levels not seen) give rows of zeros.
    """
    n, k = Xi.shape
    known = codes >= 0
    columns = (codes[known, None] * k + np.arange(k)).ravel()
    pointer = np.concatenate([[0], np.cumsum(np.where(known, k, 0))])
    return sparse.csr_array((Xi[known].ravel(), columns, pointer), shape=(n, k * n_levels))
