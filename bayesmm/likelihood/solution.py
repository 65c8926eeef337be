"""``Solution``: what a likelihood says at given parameters, in the user's units."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np


class HasEffects(Protocol):
    """What conditional modes come from."""

    def effects(self, phi: np.ndarray) -> tuple[np.ndarray, ...]:
        """(ℓ, k) for each term."""


@dataclass(frozen=True, eq=False)
class Solution:
    """What is known at one point.

    Attributes
    ----------
    criterion
        −2 log-likelihood, or −2 restricted log-likelihood.
    theta
        (d,) relative covariance parameters.
    factors
        λ (k, k) for each term: Cov(b_j) = σ²λλ'.
    sigma
        The residual standard deviation.
    beta, vcov
        (p,) the generalised-least-squares coefficients, and (p, p) σ²(X'V⁻¹X)⁻¹.
    """

    criterion: float
    theta: np.ndarray
    factors: tuple[np.ndarray, ...]
    sigma: float
    beta: np.ndarray
    vcov: np.ndarray
    _likelihood: HasEffects
    _phi: np.ndarray

    @cached_property
    def effects(self) -> tuple[np.ndarray, ...]:
        """(ℓ, k) for each term: the conditional modes b̂ = E[b | y]; computed when first asked for."""
        return self._likelihood.effects(self._phi)
