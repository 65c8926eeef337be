"""One random term: a bar of the formula, or a part of one, met with the data.

Z is the row-wise Kronecker (Khatri–Rao) product of the indicator matrix J (n, ℓ) with the term's own model
matrix Xi (n, k): row i of Z holds Xi[i] in the k columns of its own level and zeros elsewhere (Bates,
Mächler, Bolker & Walker 2015, eq. 7). It is written down from the integer codes, so it costs n·k numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from bayesmm.covariance import Covariance
from bayesmm.design.columns import Columns
from bayesmm.design.face import counted, term_sheet
from bayesmm.design.factor import Factor
from bayesmm.design.rows import TermRows, khatri_rao
from bayesmm.design.sources import ModelMatrix, Source


@dataclass(frozen=True, eq=False)
class RandomTerm:
    """A random term ``(expr | group)`` on data.

    Attributes
    ----------
    label
        ``"Days | Subject"``.
    factor
        The grouping factor, with codes and levels.
    recipe
        The columns behind the bar, rebuilt on other data by ``recipe.evaluate(data)``.
    covariance
        The structure of λ, the factor of this term's relative covariance.
    matrix
        The columns of Xi on the rows of the fit.
    chosen
        Whether the structure was chosen by ``covariance=``, and not by the bar.
    """

    label: str
    factor: Factor
    recipe: Columns
    covariance: Covariance
    matrix: ModelMatrix
    chosen: bool = False

    @property
    def group(self) -> str:
        """The name of the grouping factor."""
        return self.factor.name

    @property
    def variables(self) -> frozenset[str]:
        """The columns of the data that the term uses."""
        return self.recipe.variables.union(self.factor.variables)

    @property
    def levels(self) -> pd.Index:
        """The ℓ observed levels."""
        return self.factor.levels

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the k columns of Xi."""
        return self.recipe.names

    @property
    def k(self) -> int:
        """The number of columns of Xi."""
        return len(self.recipe.names)

    @property
    def Xi(self) -> np.ndarray:
        """The term's own model matrix, (n, k), read-only."""
        return self.matrix.array

    @property
    def sources(self) -> tuple[Source, ...]:
        """The k columns of Xi as the data hold them: what a pass over the rows reads without forming Xi."""
        return self.matrix.sources

    @property
    def rows(self) -> TermRows:
        """What of the term has rows."""
        return TermRows(self.factor, self.matrix)

    def in_order(self, order: Sequence[int]) -> RandomTerm:
        """The same term with its columns in another order."""
        return replace(self, recipe=self.recipe.take(order), matrix=self.matrix.take(order))

    @property
    def J(self) -> sparse.csr_array:
        """The (n, ℓ) indicator matrix of the grouping factor."""
        return self.factor.J

    @property
    def Z(self) -> sparse.csr_array:
        """(n, k·ℓ), sparse: the columns of level 1, then those of level 2, and so on."""
        return khatri_rao(self.factor.codes, self.Xi, len(self.factor))

    def __repr__(self) -> str:
        return (
            f"RandomTerm({self.label!r}: {counted(self.k, 'column')} × {counted(len(self.factor), 'level')}, "
            f"{self.covariance.name})"
        )

    def _repr_html_(self) -> str:
        return term_sheet(self)._repr_html_()
