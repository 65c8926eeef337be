"""The density that the marginal sampler works on: log p(y | ψ) + log p(ψ), its gradient, draws of (b, β).

ψ are the parameters of the variances (:mod:`bayesmm.posterior.scales`), and after them the coefficients whose
priors aren't normal (:mod:`bayesmm.posterior.coefficients`), if there are any.
"""

from __future__ import annotations

import numpy as np

from bayesmm.errors import ModelError
from bayesmm.likelihood import IntegratedLikelihood, explains_exactly
from bayesmm.likelihood.exact_fit import CAUSE, REMEDY
from bayesmm.model import MixedModel
from bayesmm.posterior.coefficients import SampledCoefficients
from bayesmm.posterior.scales import ScaleParameters, normal_prior, not_normal

NEAR_ZERO = 1e-5
"""A residual sd, relative to that of a fit without random effects, that shows where σ is drawn to."""
STEP = 1e-6
"""Of the differences for what costs nothing."""


class MarginalTarget:
    """log p(y | ψ) + log p(ψ), with its gradient and with exact draws of (b, β)."""

    def __init__(self, model: MixedModel, cores: int) -> None:
        self.coefficients = SampledCoefficients(model) if not_normal(model) else None
        if self.coefficients is not None:
            self.integrated = self.coefficients.given.integrated
        else:
            with np.errstate(over="ignore"):  # of priors that are far from the data; check_start tells of it
                self.integrated = IntegratedLikelihood(model.likelihood, *normal_prior(model))
        self.scales = ScaleParameters(model, self.integrated.likelihood)
        self.cores = cores

    @property
    def size(self) -> int:
        """d, the number of parameters."""
        return self.scales.size + (self.coefficients.size if self.coefficients else 0)

    @property
    def start(self) -> np.ndarray:
        """(d,) a rough guess."""
        return self._joined(self.scales.start, self.coefficients.starts[0] if self.coefficients else None)

    @property
    def starts(self) -> np.ndarray:
        """(m, d) the start, and other places from which a search may find another mode."""
        if self.coefficients is None:
            return self.scales.starts
        first, *others = self.coefficients.starts
        found = [self._joined(start, first) for start in self.scales.starts]
        return np.stack([*found, *(self._joined(self.scales.start, other) for other in others)])

    @property
    def width(self) -> np.ndarray:
        """(d,) standard deviations to be expected."""
        return self._joined(self.scales.width, self.coefficients.width if self.coefficients else None)

    def __call__(self, psi: np.ndarray) -> np.ndarray:
        """(S,) log densities."""
        scales, t = self._parted(psi)
        lam, log_sigma = self.scales.internal(scales)
        prior = self.scales.log_prior(scales)
        if self.coefficients is None:
            return self.integrated.log_densities(lam, log_sigma, cores=self.cores) + prior
        given, delta = self.coefficients.given, self.coefficients.delta(t)
        value = given.log_densities(lam, log_sigma, delta, cores=self.cores)
        return value + prior + self.coefficients.log_prior(t)

    def with_gradient(self, psi: np.ndarray) -> tuple[float, np.ndarray]:
        """The log density at one point and its gradient (d,).

        The likelihood's is analytic; the transforms and the priors, which cost nothing, are differenced.
        """
        scales, t = self._parted(psi)
        around = _around(scales)
        lam, log_sigma = self.scales.internal(around)
        prior = self.scales.log_prior(around)
        d = len(scales)
        jacobian = (lam[:d] - lam[d : 2 * d]).reshape(d, -1) / (2 * STEP)
        if self.coefficients is None:
            value, by_lam, by_sigma = self.integrated.log_density(lam[-1], log_sigma[-1])
            of_coefficients, more = np.empty(0), 0.0
        else:
            delta = self.coefficients.delta(t)
            value, by_lam, by_sigma, by_delta = self.coefficients.given.log_density(
                lam[-1], log_sigma[-1], delta
            )
            own, c = self.coefficients.log_prior(_around(t)), len(t)
            if not np.isfinite(own).all():
                return -np.inf, np.zeros(self.size)
            of_prior, more = (own[:c] - own[c : 2 * c]) / (2 * STEP), own[-1]
            of_coefficients = by_delta * self.coefficients.delta_slope(t) + of_prior
        gradient = jacobian @ by_lam.ravel() + (prior[:d] - prior[d : 2 * d]) / (2 * STEP)
        gradient[-1] += by_sigma
        return value + prior[-1] + more, np.concatenate([gradient, of_coefficients])

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
        psi, log_sigma = self.start, self.scales.size - 1
        psi[log_sigma] += np.log(NEAR_ZERO)
        if self.with_gradient(psi)[1][log_sigma] < 0:
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
            value = self(self.start[None])[0]
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
        scales, t = self._parted(psi)
        lam, log_sigma = self.scales.internal(scales)
        prior = self.scales.log_prior(scales)
        if self.coefficients is None:
            density, drawn = self.integrated.draw(lam, log_sigma, rng, cores=self.cores)
            return density + prior, drawn.beta, drawn.effects
        given, delta = self.coefficients.given, self.coefficients.delta(t)
        density, drawn = given.draw(lam, log_sigma, delta, rng, cores=self.cores)
        density = density + prior + self.coefficients.log_prior(t)
        return density, self.coefficients.whole(t, drawn.beta), drawn.effects

    def _parted(self, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Parameters (…, d) of the variances and of the coefficients."""
        return psi[..., : self.scales.size], psi[..., self.scales.size :]

    def _joined(self, scales: np.ndarray, t: np.ndarray | None) -> np.ndarray:
        return scales if t is None else np.concatenate([scales, t])


def _around(point: np.ndarray) -> np.ndarray:
    """(2d + 1, d) a step up and a step down in each parameter, and the point."""
    steps = STEP * np.eye(len(point))
    return np.vstack([point + steps, point - steps, point[None]])
