"""The density that the marginal sampler works on: log p(y | ψ) + log p(ψ), its gradient, draws of (b, β)."""

from __future__ import annotations

import numpy as np

from bayesmm.errors import ModelError
from bayesmm.likelihood import IntegratedLikelihood, MarginalLikelihood, explains_exactly
from bayesmm.likelihood.exact_fit import CAUSE, REMEDY
from bayesmm.model import MixedModel
from bayesmm.posterior.scales import ScaleParameters, normal_prior

NEAR_ZERO = 1e-5
"""A residual sd, relative to that of a fit without random effects, that shows where σ is drawn to."""


class MarginalTarget:
    """log p(y | ψ) + log p(ψ), with its gradient and with exact draws of (b, β)."""

    def __init__(self, model: MixedModel, likelihood: MarginalLikelihood, cores: int) -> None:
        self.scales = ScaleParameters(model, likelihood)
        with np.errstate(over="ignore"):  # of priors that are far from the data; check_start tells of it
            self.integrated = IntegratedLikelihood(likelihood, *normal_prior(model))
        self.cores = cores

    @property
    def size(self) -> int:
        """d, the number of variance parameters."""
        return self.scales.size

    def __call__(self, psi: np.ndarray) -> np.ndarray:
        """(S,) log densities."""
        phi, log_sigma = self.scales.internal(psi)
        return self.integrated.log_densities(phi, log_sigma, cores=self.cores) + self.scales.log_prior(psi)

    def with_gradient(self, psi: np.ndarray) -> tuple[float, np.ndarray]:
        """The log density at one point and its gradient (d,).

        The likelihood's is analytic; the transforms and the priors, which cost nothing, are differenced.
        """
        step = 1e-6
        around = np.vstack([psi + step * np.eye(len(psi)), psi - step * np.eye(len(psi)), psi[None]])
        phi, log_sigma = self.scales.internal(around)
        prior = self.scales.log_prior(around)
        d = len(psi)
        jacobian = (phi[:d] - phi[d : 2 * d]) / (2 * step)
        value, by_phi, by_sigma = self.integrated.log_density(phi[-1], log_sigma[-1])
        gradient = jacobian @ by_phi + (prior[:d] - prior[d : 2 * d]) / (2 * step)
        gradient[-1] += by_sigma
        return value + prior[-1], gradient

    def check_proper(self) -> None:
        """Whether the posterior density can be integrated: not where it rises without bound as σ → 0.

        It does where the model explains the response exactly, unless there are as many random effects as
        rows, or the prior of σ keeps it from zero.

        Raises
        ------
        ModelError
            If it rises.
        """
        if not explains_exactly(self.integrated.likelihood):
            return
        psi = self.scales.start
        psi[-1] += np.log(NEAR_ZERO)
        if self.with_gradient(psi)[1][-1] < 0:
            raise ModelError(
                "there is no posterior: its density rises without bound as the residual sd goes to zero: "
                + CAUSE,
                expected="a response that varies within the groups",
                advice=REMEDY,
            )

    def check_start(self) -> None:
        """Whether the density is finite where a search begins.

        Raises
        ------
        ModelError
            If it isn't.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            value = self(self.scales.start[None])[0]
        if not np.isfinite(value):
            raise ModelError(
                "the sampler could not start: the posterior density is not finite at a rough guess",
                expected="priors that allow what the data suggest",
                advice="look at the scale of the data and of the priors: model.priors",
            )

    def draw(
        self, psi: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
        """(S,) log densities, and at each point an exact draw of β (S, p) and of b (S, ℓ, k) by term."""
        phi, log_sigma = self.scales.internal(psi)
        density, drawn = self.integrated.draw(phi, log_sigma, rng, cores=self.cores)
        return density + self.scales.log_prior(psi), drawn.beta, drawn.effects
