"""The posterior without its random effects: sample the variance parameters, then draw (b, β) exactly.

For a Gaussian response and normal priors on β the posterior factors as p(ψ | y) p(b, β | ψ, y). The first has
2 to some 12 dimensions and is sampled by importance proposals and independence Metropolis–Hastings
(:mod:`bayesmm.posterior.importance`); the second is normal, and one draw of it comes with each proposal from
the factorization that evaluated it. A rejected proposal's draw of (b, β) is rejected with it, which is
Metropolis–Hastings on the joint space, since its conditional is drawn from exactly.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bayesmm.errors import ModelError
from bayesmm.likelihood import IntegratedLikelihood, MarginalLikelihood
from bayesmm.model import MixedModel
from bayesmm.posterior.certificate import khat_threshold
from bayesmm.posterior.importance import (
    adapt,
    effective_size,
    find_mode,
    log_mean_weight,
    metropolis,
    pareto_k,
)
from bayesmm.posterior.scales import ScaleParameters, normal_prior, not_normal

MOST_PARAMETERS = 12
"""Beyond this many variance parameters importance proposals are not to be relied on."""
LEAST_EFFICIENCY = 0.1
"""The least share of effective proposals."""
SKIP = 25
"""Draws at the start of each chain that are left out."""
LARGEST = 6e9
"""Bytes that the draws of the random effects may take."""
CHUNK = 20_000_000
"""Numbers of random effects that are drawn at a time (160 MB)."""


@dataclass(frozen=True, eq=False)
class MarginalDraws:
    """Draws by names, with how they were come by.

    Attributes
    ----------
    values
        Every variable of the posterior → (chains, draws, …).
    stats
        ``accepted``, ``log_weight`` and ``lp`` of each draw, (chains, draws).
    log_evidence, log_evidence_se
        log p(y) and its Monte Carlo standard error.
    khat
        Pareto's shape of the final weights.
    efficiency
        Effective draws of the weighted proposals, as a share of them.
    acceptance
        The share of proposals that were accepted.
    rounds
        How often the proposal was refitted.
    seconds
        Time by stage.
    """

    values: dict[str, np.ndarray]
    stats: dict[str, np.ndarray]
    log_evidence: float
    log_evidence_se: float
    khat: float
    efficiency: float
    acceptance: float
    rounds: int
    seconds: dict[str, float]

    @property
    def trusted(self) -> bool:
        """Whether the weights pass the gate: Pareto's k̂, and enough effective draws."""
        return self.khat < khat_threshold(self.stats["lp"].size) and self.efficiency > LEAST_EFFICIENCY


def unfit_for_marginal(model: MixedModel) -> str | None:
    """Why a model can't be sampled this way; None if it can."""
    odd = not_normal(model)
    if odd:
        return f"the prior of '{odd[0]}' is {model.priors[odd[0]].distribution}, not Normal"
    size = sum(term.covariance.size for term in model.design.terms) + 1
    if size > MOST_PARAMETERS:
        return f"it has {size} variance parameters, more than {MOST_PARAMETERS}"
    return None


class MarginalTarget:
    """log p(y | ψ) + log p(ψ), with its gradient and with exact draws of (b, β)."""

    def __init__(self, model: MixedModel, likelihood: MarginalLikelihood, cores: int) -> None:
        self.scales = ScaleParameters(model, likelihood)
        with np.errstate(over="ignore"):  # of priors that are far from the data; _check_start tells of it
            self.integrated = IntegratedLikelihood(likelihood, *normal_prior(model))
        self._cores = cores

    @property
    def size(self) -> int:
        """d, the number of variance parameters."""
        return self.scales.size

    def __call__(self, psi: np.ndarray) -> np.ndarray:
        """(S,) log densities."""
        phi, log_sigma = self.scales.internal(psi)
        return self.integrated.log_densities(phi, log_sigma, cores=self._cores) + self.scales.log_prior(psi)

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

    def draw(
        self, psi: np.ndarray, rng: np.random.Generator
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray, tuple[np.ndarray, ...]]]:
        """Piece by piece: which points, log densities, and draws of β (s, p) and b (s, ℓ, k) by term."""
        phi, log_sigma = self.scales.internal(psi)
        q = sum(group.n_levels * group.k for group in self.integrated.likelihood.cross.groups)
        length = max(1, CHUNK // max(q, 1))
        for start in range(0, len(psi), length):
            at = slice(start, min(start + length, len(psi)))
            density, drawn = self.integrated.draw(phi[at], log_sigma[at], rng, cores=self._cores)
            yield at, density + self.scales.log_prior(psi[at]), drawn.beta, drawn.effects


def run_marginal(
    model: MixedModel,
    likelihood: MarginalLikelihood,
    *,
    draws: int,
    chains: int,
    seed: int,
    cores: int,
) -> MarginalDraws:
    """Sample the marginal posterior and draw (b, β).

    Raises
    ------
    ModelError
        If the draws of all random effects would not fit into ``LARGEST`` bytes.
    """
    _check_size(model, chains * (draws + SKIP))
    clock = time.perf_counter()
    seconds: dict[str, float] = {}

    def stage(name: str) -> None:
        nonlocal clock
        seconds[name], clock = time.perf_counter() - clock, time.perf_counter()

    rng = np.random.default_rng(seed)
    target = MarginalTarget(model, likelihood, cores)
    with np.errstate(over="ignore", invalid="ignore"):
        _check_start(target)
    mode, covariance = find_mode(target.with_gradient, target.scales.start)
    stage("mode")
    dear = likelihood.layout.flops > 1e7
    rounds, size = (2, 60 + 20 * target.size) if dear else (3, 1000)
    proposal, *_ = adapt(target, mode, covariance, rng, rounds=rounds, size=size)
    stage("adaptation")
    psi = proposal.draw(chains * (draws + SKIP), rng)
    density = np.empty(len(psi))
    beta = np.empty((len(psi), model.design.p))
    effects = [np.empty((len(psi), len(term.factor), term.k)) for term in model.design.terms]
    for at, piece, some_beta, some_effects in target.draw(psi, rng):
        density[at], beta[at] = piece, some_beta
        for kept, drawn in zip(effects, some_effects, strict=True):
            kept[at] = drawn
    log_weights = density - proposal.logpdf(psi)
    index, accepted = metropolis(log_weights, chains, SKIP, rng)
    values = _named(model, target.scales, psi, beta, effects, index)
    stage("draws")
    evidence, evidence_se = log_mean_weight(log_weights)
    return MarginalDraws(
        values=values,
        stats={"accepted": accepted, "log_weight": log_weights[index], "lp": density[index]},
        log_evidence=evidence,
        log_evidence_se=evidence_se,
        khat=pareto_k(log_weights),
        efficiency=effective_size(log_weights) / len(log_weights),
        acceptance=float(accepted.mean()),
        rounds=rounds,
        seconds=seconds,
    )


def _check_start(target: MarginalTarget) -> None:
    if not np.isfinite(target(target.scales.start[None])[0]):
        raise ModelError(
            "the sampler could not start: the posterior density is not finite at a rough guess",
            expected="priors that allow what the data suggest",
            advice="look at the scale of the data and of the priors: model.priors",
        )


def _check_size(model: MixedModel, size: int) -> None:
    needed = 2 * 8.0 * size * model.design.q
    if needed > LARGEST:
        fewer = int(LARGEST / (2 * 8.0 * model.design.q))
        raise ModelError(
            f"{size:,} draws of {model.design.q:,} random effects take {needed / 1e9:,.0f} GB",
            expected=f"at most {LARGEST / 1e9:,.0f} GB",
            advice=f"fewer draws, some {fewer:,} over all chains: they are nearly independent",
        )


def _named(
    model: MixedModel,
    scales: ScaleParameters,
    psi: np.ndarray,
    beta: np.ndarray,
    effects: list[np.ndarray],
    index: np.ndarray,
) -> dict[str, np.ndarray]:
    """The draws under the posterior's names, (chains, draws, …)."""
    names = scales.names
    values = {name: array[index] for name, array in scales.named(psi).items()}
    for term in names.fixed:
        columns = beta[:, list(term.positions)]
        values[term.name] = (columns[:, 0] if term.dim is None else columns)[index]
    for named, drawn in zip(names.terms, effects, strict=True):
        for effect in named.effects:
            if effect.expr_dim is None:
                values[effect.name] = drawn[index, :, effect.positions[0]]
            else:
                values[effect.name] = drawn[index][..., list(effect.positions)].swapaxes(2, 3)
    return values
