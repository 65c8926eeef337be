"""What a covariance structure promises.

A term's random effects at one level have the covariance σ²λλ'. A structure says which lower-triangular
factors λ (k, k) it allows, as a linear function of its free parameters θ:

    λ(θ) = Σ_p θ_p E_p,   each E_p lower triangular,

so that the gradient of any function pulls back as ∂f/∂θ_p = ⟨∂f/∂λ, E_p⟩. Some of the parameters (the
diagonal of λ) are bounded below by zero, which makes λ unique and puts singular covariances *on* the
boundary of the parameter space, where an optimum may lie.

A structure also names the changes of basis under which it is closed: for the lower-triangular ``T``
that :meth:`Covariance.basis` returns, Tλ is of the same structure whenever λ is. The numerical work is
done in such a basis, where the columns of the term have size one, so that units don't matter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class Covariance(ABC):
    """The covariance structure of one random term with ``k`` columns.

    A subclass gives :attr:`name`, :attr:`entries` and :meth:`basis`, and nothing else.
    """

    k: int
    name: ClassVar[str]

    @property
    @abstractmethod
    def entries(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """For each parameter the (row, column) places of λ that hold it, row ≥ column."""

    @abstractmethod
    def basis(self, gram: np.ndarray) -> np.ndarray:
        """Lower-triangular T (k, k) with T'T ≈ gram, under which this structure is closed.

        Parameters
        ----------
        gram
            (k, k) symmetric positive semi-definite: the mean cross-product of the term's columns.
        """

    @property
    def size(self) -> int:
        """The number of parameters."""
        return len(self.entries)

    @property
    def nonnegative(self) -> np.ndarray:
        """(size,) of bool: which parameters are bounded below by zero."""
        return np.array([places[0][0] == places[0][1] for places in self.entries], dtype=bool)

    def factor(self, theta: np.ndarray) -> np.ndarray:
        """θ (size,) → λ (k, k), lower triangular."""
        lam = np.zeros((self.k, self.k))
        for value, places in zip(theta, self.entries, strict=True):
            for place in places:
                lam[place] = value
        return lam

    def parameters(self, lam: np.ndarray) -> np.ndarray:
        """λ (k, k) of this structure → θ (size,): the inverse of :meth:`factor`."""
        return np.array([lam[places[0]] for places in self.entries])

    def pull_back(self, gradient: np.ndarray) -> np.ndarray:
        """∂f/∂λ (k, k), of which the lower triangle counts → ∂f/∂θ (size,)."""
        return np.array([sum(gradient[place] for place in places) for places in self.entries])

    @property
    def correlated(self) -> bool:
        """Whether the structure lets different columns correlate."""
        return any(row != column for places in self.entries for row, column in places)
