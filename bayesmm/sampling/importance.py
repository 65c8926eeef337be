"""Independent proposals for a handful of parameters, made to fit the target, and honest chains from them.

1. The modes, by quasi-Newton steps with the gradient from several starts, and the curvature there.
2. A mixture of two multivariate t distributions about it, a fifth of it twice as wide (a defensive
   component: Hesterberg 1995); a few rounds refit its mean and covariance to weighted draws, the weights
   truncated at √S times their mean (Ionides 2008). Other modes, and places where a weight stays
   large, get a component of their own (Raftery & Bao 2010).
3. Final proposals; their importance weights give the evidence, its standard error, and Pareto's k̂
   (Vehtari, Simpson, Gelman, Yao & Gabry 2024), which says whether the weights can be trusted.
4. Independence Metropolis–Hastings over the proposals, chain by chain: unweighted draws, whose R-hat and
   effective sample sizes tell what they always tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize
from scipy.special import gammaln

from bayesmm.sampling.weights import effective_share, log_mean_weight, truncated

DEGREES = 7.0
WIDE = 2.0
WIDE_SHARE = 0.2
LARGE_WEIGHT = 20.0
"""A weight this many times the mean asks for one more component."""
MOST_BUMPS = 3
BUMP_SHARE = 0.1
STEP = 0.05
"""Of the differences for the curvature, in guessed standard deviations."""
LEAST_CURVATURE = 0.05
"""In units of the guess's: a standard deviation is taken to be at most some four times the guess."""
SAME = 2.0
"""Modes closer than this many standard deviations are one."""
LEAST_MASS = 1e-3
"""The least mass of a mode, relative to the largest, that a component is made for."""
LogDensity = Callable[[np.ndarray], np.ndarray]
"""(S, d) → (S,)."""


@dataclass(frozen=True, eq=False)
class Component:
    """One multivariate t distribution of a mixture: ``cholesky`` (d, d) of its scale matrix."""

    share: float
    mean: np.ndarray
    cholesky: np.ndarray

    def whitened(self, psi: np.ndarray) -> np.ndarray:
        """(S, d) → (S, d): centred, and scaled to the identity."""
        return solve_triangular(self.cholesky, (psi - self.mean).T, lower=True).T

    def logpdf(self, psi: np.ndarray) -> np.ndarray:
        """(S,) without the share."""
        d = len(self.mean)
        squared = np.sum(self.whitened(psi) ** 2, axis=1)
        constant = gammaln((DEGREES + d) / 2) - gammaln(DEGREES / 2) - d / 2 * np.log(DEGREES * np.pi)
        constant -= np.sum(np.log(np.diag(self.cholesky)))
        return constant - (DEGREES + d) / 2 * np.log1p(squared / DEGREES)


@dataclass(frozen=True, eq=False)
class Proposal:
    """A mixture of t distributions, the first of them the main one."""

    components: tuple[Component, ...]

    @classmethod
    def about(cls, mean: np.ndarray, cholesky: np.ndarray) -> Proposal:
        """A t about one centre, a fifth of it twice as wide."""
        return cls((Component(1 - WIDE_SHARE, mean, cholesky), Component(WIDE_SHARE, mean, WIDE * cholesky)))

    def with_bump(self, bump: Component) -> Proposal:
        """The mixture with one more component, which takes its share from all others in proportion."""
        others = tuple(replace(c, share=c.share * (1 - bump.share)) for c in self.components)
        return Proposal((*others, bump))

    def draw(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """(size, d)."""
        which = rng.choice(len(self.components), size, p=[c.share for c in self.components])
        mean = np.stack([c.mean for c in self.components])[which]
        cholesky = np.stack([c.cholesky for c in self.components])[which]
        radius = np.sqrt(DEGREES / rng.chisquare(DEGREES, size))
        return mean + radius[:, None] * np.einsum("sij,sj->si", cholesky, rng.standard_normal(mean.shape))

    def whitened(self, psi: np.ndarray) -> np.ndarray:
        """(S, d) → (S, d), by the main component."""
        return self.components[0].whitened(psi)

    def logpdf(self, psi: np.ndarray) -> np.ndarray:
        """(S,)."""
        return np.logaddexp.reduce([np.log(c.share) + c.logpdf(psi) for c in self.components])


class Source(Protocol):
    """What points were drawn from: its log density is normalised."""

    def logpdf(self, psi: np.ndarray) -> np.ndarray:
        """(S, d) → (S,)."""
        ...


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Points at which the density is known, and the proposals that they were drawn from.

    Attributes
    ----------
    psi, log_density
        (S, d) and (S,).
    sources
        (how many, from what) for each stretch of the points.
    """

    psi: np.ndarray
    log_density: np.ndarray
    sources: tuple[tuple[int, Source], ...]

    def with_points(self, psi: np.ndarray, log_density: np.ndarray, source: Source) -> Evaluated:
        """These points and others, (m, d) and (m,), drawn from a source."""
        return Evaluated(
            np.concatenate([self.psi, psi]),
            np.concatenate([self.log_density, log_density]),
            (*self.sources, (len(psi), source)),
        )

    def with_draws(
        self, target: LogDensity, proposal: Proposal, size: int, rng: np.random.Generator
    ) -> Evaluated:
        """These points and new ones."""
        psi = proposal.draw(size, rng)
        return self.with_points(psi, target(psi), proposal)

    def last(self, most: int) -> Evaluated:
        """The latest points, at most so many."""
        kept, room = [], most
        for size, source in reversed(self.sources):
            if room > 0:
                kept.append((min(size, room), source))
                room -= size
        return Evaluated(self.psi[-most:], self.log_density[-most:], tuple(reversed(kept)))

    @cached_property
    def log_source(self) -> np.ndarray:
        """(S,) log density of the mixture of all proposals, as if each point had come from any of them.

        The deterministic mixture of Owen & Zhou 2000: weights by it are bounded where any proposal is right.
        """
        parts = [np.log(size / len(self.psi)) + source.logpdf(self.psi) for size, source in self.sources]
        return np.logaddexp.reduce(parts)

    @property
    def log_weights(self) -> np.ndarray:
        """(S,)."""
        return self.log_density - self.log_source

    def share(self, proposal: Proposal) -> float:
        """The share of effective draws that a chain with other proposals would have."""
        return effective_share(self.log_weights, proposal.logpdf(self.psi) - self.log_source)


def find_mode(
    log_density: Callable[[np.ndarray], tuple[float, np.ndarray]], start: np.ndarray, width: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The mode (d,) and the covariance (d, d) that the curvature there gives.

    ``width`` (d,) is a guess at the standard deviations: in its units the search begins with an identity
    Hessian, and stops where the gradient is small. A direction's standard deviation is at most some
    four times the guess's: the adaptation rounds mend what is wrong.
    """

    def downhill(u: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = log_density(start + width * u)
        return (-value, -gradient * width) if np.isfinite(value) else (1e100, np.zeros_like(u))

    found = minimize(downhill, np.zeros_like(start), jac=True, method="BFGS", options={"gtol": 0.02})
    rows = []
    for direction in STEP * np.eye(len(start)):
        rows.append((downhill(found.x + direction)[1] - downhill(found.x - direction)[1]) / (2 * STEP))
    hessian = np.array(rows)
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    covariance = (vectors / np.maximum(values, LEAST_CURVATURE)) @ vectors.T
    return start + width * found.x, width[:, None] * covariance * width


def find_modes(
    log_density: Callable[[np.ndarray], tuple[float, np.ndarray]], starts: np.ndarray, width: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The modes that a search from each of the starts (m, d) finds, the heaviest first, with covariances.

    Left out are modes within ``SAME`` standard deviations of a higher one, and those whose share of the mass,
    by Laplace's approximation, is below ``LEAST_MASS``.
    """
    found = [find_mode(log_density, start, width) for start in starts]
    log_mass = [log_density(mode)[0] + 0.5 * np.linalg.slogdet(covariance)[1] for mode, covariance in found]
    kept: list[int] = []
    for i in np.argsort(log_mass)[::-1]:
        mode = found[i][0]
        away = [mode - found[j][0] for j in kept]
        near = [a @ np.linalg.solve(found[j][1], a) < SAME**2 for a, j in zip(away, kept, strict=True)]
        if not any(near) and log_mass[i] > max(log_mass) + np.log(LEAST_MASS):
            kept.append(int(i))
    return [found[i] for i in kept]


def adapt(
    target: LogDensity,
    modes: list[tuple[np.ndarray, np.ndarray]],
    rng: np.random.Generator,
    *,
    rounds: int,
    size: int,
) -> tuple[Proposal, Evaluated]:
    """Refit the proposal to weighted draws, then add components at other modes and where weights stay large.

    Parameters
    ----------
    modes
        Modes with covariances; the first is where the proposal begins.
    rounds, size
        How often it is refitted, from how many draws each time.

    Returns
    -------
    proposal, found
        The fitted proposal, and all points that were evaluated on the way.
    """
    (centre, scale), *others = modes
    d = len(centre)
    found = Evaluated(np.empty((0, d)), np.empty(0), ())
    for _ in range(rounds):
        proposal = Proposal.about(centre, np.linalg.cholesky(scale))
        found = found.with_draws(target, proposal, size, rng)
        psi = found.psi[-size:]
        weights = truncated(found.log_density[-size:] - proposal.logpdf(psi))
        mean, fitted = _moments(psi, weights)
        known = 1.0 / np.sum(weights**2)
        share = known / (known + 5.0 * d)  # few effective draws: keep to what is known already
        centre = share * mean + (1 - share) * centre
        scale = share * fitted + (1 - share) * scale + 1e-12 * np.eye(d)
    proposal = Proposal.about(centre, np.linalg.cholesky(scale))
    for mode, covariance in others:
        bump = Component(BUMP_SHARE, mode, np.linalg.cholesky(covariance))
        found = found.with_draws(target, Proposal((replace(bump, share=1.0),)), size // 2, rng)
        proposal = _fit_bump(proposal, bump, found)
    return _with_bumps(target, proposal, found, scale, rng, size)


def refit(
    target: LogDensity, found: Evaluated, rng: np.random.Generator, *, size: int
) -> tuple[Proposal, Evaluated]:
    """A proposal fitted to all points that were evaluated, with components where weights stay large."""
    mean, scale = _moments(found.psi, truncated(found.log_weights))
    return _with_bumps(target, Proposal.about(mean, np.linalg.cholesky(scale)), found, scale, rng, size)


def _with_bumps(
    target: LogDensity,
    proposal: Proposal,
    found: Evaluated,
    scale: np.ndarray,
    rng: np.random.Generator,
    size: int,
) -> tuple[Proposal, Evaluated]:
    for _ in range(MOST_BUMPS):
        log_ratio = found.log_density - proposal.logpdf(found.psi)
        if np.max(log_ratio) < log_mean_weight(found.log_weights)[0] + np.log(LARGE_WEIGHT):
            break
        bump = _bump(found, int(np.argmax(log_ratio)), scale)
        found = found.with_draws(target, Proposal((replace(bump, share=1.0),)), size // 2, rng)
        mixture = _fit_bump(proposal, bump, found)
        if found.share(mixture) < found.share(proposal):
            break
        proposal = mixture
    return proposal, found


def _bump(found: Evaluated, top: int, scale: np.ndarray) -> Component:
    """A component about one point, as wide as the points around it say.

    As in incremental mixture importance sampling (Raftery & Bao 2010): the nearest points in the metric of
    ``scale`` (d, d), weighted halfway between their weights and equality.
    """
    away = found.psi - found.psi[top]
    distance = np.sum(np.linalg.solve(np.linalg.cholesky(scale), away.T) ** 2, axis=0)
    near = np.argsort(distance)[: max(20, len(distance) // 20)]
    weights = truncated(found.log_weights)[near]
    weights = (weights + weights.mean()) / (2 * weights.sum())
    fitted = (weights[:, None] * away[near]).T @ away[near]
    return Component(BUMP_SHARE, found.psi[top], np.linalg.cholesky(fitted + 0.02 * scale))


def _fit_bump(proposal: Proposal, bump: Component, found: Evaluated) -> Proposal:
    """Centre, width and share of a new component by a step of expectation–maximisation on weighted points."""
    mixture = proposal.with_bump(bump)
    log_own = np.log(bump.share) + bump.logpdf(found.psi) - mixture.logpdf(found.psi)
    own = truncated(found.log_weights) * np.exp(log_own)
    total = own.sum()
    known = total**2 / np.sum(own**2)
    if known < 5 * len(bump.mean):
        return mixture
    mean, fitted = _moments(found.psi, own / total)
    share = float(np.clip(total, BUMP_SHARE, 0.5))
    return proposal.with_bump(Component(share, mean, np.linalg.cholesky(1.2 * fitted)))


def _moments(psi: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and covariance (d, d) under weights that sum to one."""
    mean = weights @ psi
    away = psi - mean
    return mean, (weights[:, None] * away).T @ away


class Metropolis:
    """Independence Metropolis–Hastings, a stretch of proposals at a time.

    Proposal j of a chain is accepted with probability min(1, w_j/w_now), the first of all always.

    Parameters
    ----------
    log_uniform
        (chains, T) logarithms of uniform random numbers, one for each proposal to come.
    """

    def __init__(self, log_uniform: np.ndarray) -> None:
        self._log_uniform = log_uniform
        self._time = 0
        self._now = np.full(len(log_uniform), -np.inf)
        self._place = np.zeros(len(log_uniform), dtype=np.int64)

    def advance(self, log_weights: np.ndarray) -> np.ndarray:
        """(chains, m) log weights of the next proposals → (chains, m) which proposal each draw is.

        Proposals are counted from the first of the chain; a repeated draw is a rejected proposal.
        """
        states = np.empty(log_weights.shape, dtype=np.int64)
        for j in range(log_weights.shape[1]):
            taken = (self._log_uniform[:, self._time] < log_weights[:, j] - self._now) | (self._time == 0)
            self._now = np.where(taken, log_weights[:, j], self._now)
            self._place = np.where(taken, self._time, self._place)
            states[:, j] = self._place
            self._time += 1
        return states
