"""``Rows``: all of a design that has rows, of the fit or of other data; the recipe beside it has none.

η = Xβ + offset + Σ_t Xi_t b_t[codes_t]
"""

from __future__ import annotations

from dataclasses import dataclass

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
        The grouping factor of the fit.
    matrix
        The columns of Xi.
    own
        (m,) the code of each row: below ℓ a level of the factor, −1 for one that was not seen. None for the
        rows of the fit, whose codes the factor has.
    """

    factor: Factor
    matrix: ModelMatrix
    own: np.ndarray | None = None

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
        The random terms, in the design's order.
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
    terms: tuple[TermRows, ...]
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
        blocks += [khatri_rao(term.codes, term.Xi, term.n_levels) for term in self.terms]
        return sparse.csr_array(sparse.hstack(blocks, format="csr"))

    @property
    def unseen(self) -> dict[str, np.ndarray]:
        """Group → (m,) of bool: the rows whose level of that factor was not seen."""
        return {term.group: term.codes < 0 for term in self.terms}


def khatri_rao(codes: np.ndarray, Xi: np.ndarray, n_levels: int) -> sparse.csr_array:
    """Row-wise Kronecker product of the indicator of ``codes`` (n,) with ``Xi`` (n, k): (n, k·ℓ), sparse.

    Codes of −1 (levels not seen) give rows of zeros.
    """
    n, k = Xi.shape
    known = codes >= 0
    columns = (codes[known, None] * k + np.arange(k)).ravel()
    pointer = np.concatenate([[0], np.cumsum(np.where(known, k, 0))])
    return sparse.csr_array((Xi[known].ravel(), columns, pointer), shape=(n, k * n_levels))
