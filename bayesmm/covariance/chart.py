"""What the coordinates of a covariance structure promise to a search.

A chart maps the parameters φ of one term to λ̃ = Tλ, the relative factor in the basis T in which columns have
size one; λ = T⁻¹λ̃ is the factor in the user's units. θ are the same parameters in the user's units: the
entries of λ where λ is linear in them, else relative standard deviations and then the shape parameters.

Two kinds of bounds. Some parameters, the *nonnegative* ones, are bounded below by zero as a matter of
convention or of sign: λ̃(φ) and the criterion are smooth across zero. Where the criterion is even there its
slope says nothing, and the derivative S in the covariance λ̃λ̃' decides whether a variance of zero wants to
grow. Other bounds, those of shape parameters, are walls: nothing is defined beyond.

Derivatives come in two forms. What the likelihood gives is ∂f/∂λ̃, which :meth:`Chart.pull_back` takes to
∂f/∂φ. What curvature needs are those of the covariance λ̃λ̃', which stay finite where λ̃'s don't.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class Chart(ABC):
    """The coordinates φ (size,) of one term's λ̃ (k, k).

    Attributes
    ----------
    k, size
        The numbers of columns and of parameters.
    basis
        T (k, k), lower triangular.
    nonnegative
        (size,) of bool: bounded below by zero, smooth across it.
    lower, upper
        (size,) all bounds, zeros among them; ∓∞ for none.
    start
        (size,) φ with λ̃ the identity, or what is nearest to it.
    """

    k: int
    size: int
    basis: np.ndarray
    nonnegative: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    start: np.ndarray

    @abstractmethod
    def factor(self, phi: np.ndarray) -> np.ndarray:
        """φ (S, size) → λ̃ (S, k, k), lower triangular."""

    @abstractmethod
    def parameters(self, lam: np.ndarray) -> np.ndarray:
        """λ̃ (S, k, k) of this structure → φ (S, size): the inverse of :meth:`factor`."""

    @abstractmethod
    def theta(self, phi: np.ndarray) -> np.ndarray:
        """φ (S, size) → θ (S, size)."""

    @abstractmethod
    def phi(self, theta: np.ndarray) -> np.ndarray:
        """θ (S, size) → φ (S, size)."""

    @abstractmethod
    def pull_back(self, phi: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """∂f/∂λ̃ (S, k, k), of which the lower triangle counts → ∂f/∂φ (S, size), at φ (S, size)."""

    @abstractmethod
    def reported(self, phi: np.ndarray) -> np.ndarray:
        """φ (S, size) → (S, m), what the structure tells of the correlation; missing where nothing varies."""

    def position_of_sd(self, column: int) -> int | None:
        """The parameter that is a column's relative sd times its entry of T's diagonal; None if none is."""
        return None

    def position_of_reported(self, m: int) -> int | None:
        """The parameter that is the m-th value of :meth:`reported`; None if none is."""
        return None

    def walls(self, phi: np.ndarray) -> np.ndarray:
        """(size,) −1 and +1 where a shape parameter is at its lower or upper wall at φ (size,), else 0."""
        return np.zeros(self.size, dtype=int)

    @abstractmethod
    def slopes(self, phi: np.ndarray) -> np.ndarray:
        """(size, k, k) ∂(λ̃λ̃')/∂φ_p at φ (size,), symmetric."""

    @abstractmethod
    def bend(self, phi: np.ndarray, S: np.ndarray) -> np.ndarray:
        """(size, size) ⟨S, ∂²(λ̃λ̃')/∂φ_p∂φ_q⟩ at φ (size,), for symmetric S (k, k)."""

    def natural(self, unit: float) -> np.ndarray:
        """(size,) how large a change can be told from none, where ``unit`` is that of a relative sd."""
        return np.full(self.size, unit)

    def off_boundary(self, phi: np.ndarray, probe: float) -> np.ndarray:
        """φ itself (size,), or a point with λ̃ invertible close by, sds at least ``probe``."""
        low = self.nonnegative & (np.abs(phi) < probe)
        return np.where(low, probe, phi) if low.any() else phi

    @abstractmethod
    def free(self, phi: np.ndarray) -> np.ndarray:
        """(size,) of bool: what a smooth search may move at φ (size,); boundaries hold the rest."""

    @abstractmethod
    def canonical(self, phi: np.ndarray, small: float) -> np.ndarray:
        """φ (size,) of the same covariance, all signs as they should be, what is ≤ ``small`` at zero."""

    @abstractmethod
    def reduced(self, phi: np.ndarray, small: float) -> np.ndarray:
        """φ (size,) with directions of variation smaller than ``small`` at zero; φ itself without any."""

    def near_boundary(self, phi: np.ndarray, small: float) -> bool:
        """Whether :meth:`canonical` would put something at φ (size,) on the boundary that isn't there yet."""
        return bool((self.nonnegative & (phi > 0) & (phi <= small)).any())

    @abstractmethod
    def on_boundary(self, phi: np.ndarray) -> bool:
        """Whether something is at zero or at a wall at φ (size,): :meth:`least_slope` has to judge it."""

    @abstractmethod
    def least_slope(self, phi: np.ndarray, S: np.ndarray, noise: float) -> tuple[float, np.ndarray]:
        """Whether what is on the boundary wants to leave it.

        Parameters
        ----------
        phi
            (size,).
        S
            (k, k) the criterion's derivative in λ̃λ̃', at a point just off the boundary.
        noise
            What a slope must be beneath zero for to count as negative.

        Returns
        -------
        The least derivative of the criterion in a relative variance that could be added, and a direction for
        :meth:`grow`.
        """

    @abstractmethod
    def grow(self, phi: np.ndarray, direction: np.ndarray, step: float) -> np.ndarray:
        """φ (size,) with a relative standard deviation of about ``step`` added in a direction."""

    @abstractmethod
    def scan(self, shares: np.ndarray, sizes: np.ndarray, signs: np.ndarray) -> np.ndarray:
        """(S, size) points to look for other minima at.

        Parameters
        ----------
        shares, sizes, signs
            (S, size): for what lies within walls the share of the way between them, for what doesn't relative
            standard deviations, and signs where they may be negative.
        """
