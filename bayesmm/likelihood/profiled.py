"""The criterion that an estimate minimises: ML or REML, with σ profiled out.

One object of these is the ML or the REML criterion of a model, as a function of φ (d,); nothing that takes it
hears of which of the two it is.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from bayesmm.covariance import Chart
from bayesmm.likelihood.marginal import MarginalLikelihood, checked_reml
from bayesmm.likelihood.solution import Solution


class Profiled:
    """−2 log-likelihood, or −2 restricted log-likelihood, as a function of φ.

    Parameters
    ----------
    likelihood
        Of the model.
    reml
        True for the restricted likelihood, False for ML.

    Raises
    ------
    ModelError
        If ``reml`` is neither.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.design import build_design
    >>> likelihood = MarginalLikelihood(build_design("Yield ~ 1 + (1 | Batch)", load_data("Dyestuff")))
    >>> ml = Profiled(likelihood, reml=False)
    >>> round(ml.value(likelihood.internal([0.7525807])), 4)
    327.3271
    """

    def __init__(self, likelihood: MarginalLikelihood, *, reml: bool) -> None:
        self.likelihood = likelihood
        self.reml = checked_reml(reml)
        self.n = likelihood.cross.n

    @property
    def method(self) -> str:
        """``"REML"`` or ``"ML"``."""
        return "REML" if self.reml else "ML"

    @property
    def degrees(self) -> int:
        """m, what σ̂² is a mean over: n, or n − p for REML."""
        return self.n - (self.likelihood.cross.p if self.reml else 0)

    @property
    def size(self) -> int:
        """d, the number of variance parameters besides σ."""
        return self.likelihood.size

    @property
    def blocks(self) -> list[tuple[slice, Chart]]:
        """For each term, where its parameters lie in φ and their chart."""
        return self.likelihood.variances.blocks

    @property
    def natural(self) -> np.ndarray:
        """(d,) changes that the data can tell from none, roughly."""
        return self.likelihood.natural

    @property
    def start(self) -> np.ndarray:
        """(d,) φ where a search begins, from moments."""
        return self.likelihood.moments

    @property
    def cost(self) -> float:
        """Multiplications of one factorization."""
        return self.likelihood.flops

    @property
    def exact(self) -> bool:
        """Whether :meth:`with_curvature` gives the Hessian itself."""
        return self.likelihood.exact

    def checked(self, phi: np.ndarray) -> np.ndarray:
        """φ (d,) as floats.

        Raises
        ------
        ModelError
            If it has another shape, or isn't numbers.
        """
        return self.likelihood.variances.checked(phi)

    def value(self, phi: np.ndarray) -> float:
        """The criterion at φ (d,); +∞ where it can't be evaluated."""
        return self.likelihood.criterion(phi, reml=self.reml)

    def values(self, phi: np.ndarray) -> np.ndarray:
        """(S,) the criterion at many points (S, d), in compiled code."""
        return self.likelihood.criteria(phi, reml=self.reml)

    def value_and_gradient(self, phi: np.ndarray) -> tuple[float, np.ndarray]:
        """The criterion at φ and its gradient (d,), which is valid at singular λ too."""
        return self.likelihood.criterion_and_gradient(phi, reml=self.reml)

    def with_curvature(self, phi: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """The criterion, its gradient (d,), and a matrix (d, d) close to its Hessian."""
        return self.likelihood.with_curvature(phi, reml=self.reml)

    def slopes(self, phi: np.ndarray) -> list[np.ndarray]:
        """For each term S (k, k), the criterion's derivative in its relative covariance λ̃λ̃'."""
        return self.likelihood.covariance_slopes(phi, reml=self.reml)

    def solution(self, phi: np.ndarray) -> Solution:
        """Everything at φ that an estimate reports, in the user's units."""
        return self.likelihood.solution(phi, reml=self.reml)

    def relative_sigma(self, phi: np.ndarray) -> float:
        """σ̂ at φ, in units of the residual sd of a least-squares fit without random effects."""
        return self.likelihood.relative_sigma(phi, reml=self.reml)

    def deviance(self, phi: np.ndarray, log_omega: float) -> tuple[float, np.ndarray]:
        """D(φ, ω), σ not profiled out, and its gradient in (φ, log ω) (d + 1,); +∞ where it has none.

        With ω = σ² in units of the coordinates' scale and m as in :attr:`degrees`,

            D = log|M| + m log(2πω) + r²/ω  [+ log|C| for REML],    ∂D/∂log ω = m − r²/ω.
        """
        likelihood, m = self.likelihood, self.degrees
        with np.errstate(over="ignore"):
            omega = float(np.exp(log_omega))
        f = likelihood.factorization(phi) if 1e-200 < omega < 1e200 else None
        if f is None or not f.positive_definite:
            return np.inf, np.zeros(self.size + 1)
        by_group = f.gradient(1.0 / omega, with_fixed=self.reml)
        gradient = np.append(likelihood.variances.pull_back(phi, by_group), m - f.r2 / omega)
        deviance = f.log_det_M + m * (np.log(2.0 * np.pi) + log_omega) + f.r2 / omega
        if self.reml:
            deviance += f.log_det_C
        return deviance + self._constant, gradient

    @cached_property
    def _constant(self) -> float:
        """What the coordinates add to D."""
        coordinates = self.likelihood.coordinates
        value = 2.0 * self.degrees * np.log(coordinates.scale) - coordinates.sum_log_weights
        return float(value + 2.0 * coordinates.log_det_R if self.reml else value)
