"""The posterior without its random effects: sample the variance parameters, then draw (b, β) exactly.

For a Gaussian response and normal priors on β the posterior factors as p(ψ | y) p(b, β | ψ, y). The first has
2 to some 12 dimensions and is sampled by independence Metropolis–Hastings from fitted proposals
(:mod:`bayesmm.sampling.proposals`); the second is normal, and one draw
of it comes with each proposal from the factorization that evaluated it. A rejected proposal's draw of (b, β)
is rejected with it, which is Metropolis–Hastings on the joint space, since its conditional is drawn from
exactly.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bayesmm.posterior.effects import Sink
from bayesmm.posterior.scales import ScaleParameters
from bayesmm.posterior.target import MarginalTarget
from bayesmm.sampling.importance import Evaluated, Metropolis, find_modes
from bayesmm.sampling.progress import Progress
from bayesmm.sampling.proposals import WORTH, Effort, Proposals
from bayesmm.sampling.weights import (
    effective_share,
    effective_size,
    log_mean_weight,
    pareto_k,
    weights_are_even,
)

if TYPE_CHECKING:
    import xarray as xr

LEAST_EFFICIENCY = 0.1
"""The least share of effective proposals."""
LEAST_WORTH = 0.15
"""What a kept draw has to be worth at least, in independent ones: the certificate asks for 0.1."""
STUCK = 2.0
"""Square roots of a chain's length that a largest weight may have."""
DEAR = 5e5
"""Multiplications of one point from which points are to be saved."""
MOST_RETHINNED = 20
"""Proposals for each draw at most, once draws have shown what a proposal is worth."""
PILOT = 10
"""What part of the draws a pilot takes."""
SKIP = 25
"""Draws at the start of each chain that are left out."""
CHUNK = 20_000_000
"""Numbers of random effects that are drawn at a time (160 MB)."""
WORK = 2e10
"""Multiplications between two looks at the clock."""


@dataclass(frozen=True, eq=False)
class MarginalDraws:
    """Draws by names, with how they were come by.

    Attributes
    ----------
    values
        Every variable of the posterior → (chains, draws, …).
    groups
        More groups for the DataTree: summaries of random effects where their draws aren't kept.
    stats
        ``accepted`` (whether any proposal was, since the draw before), ``log_weight`` and ``lp`` of each
        draw, (chains, draws).
    log_evidence, log_evidence_se
        log p(y) and its Monte Carlo standard error.
    khat
        Pareto's shape of the final weights.
    largest_weight
        The largest of them, in units of their mean.
    efficiency
        Effective draws of the weighted proposals, as a share of them.
    share
        Effective draws of the chains, as a share of the proposals.
    acceptance
        The share of proposals that were accepted.
    proposal
        What the proposals were drawn from, in words.
    rounds
        How often the proposal was refitted.
    thin
        Proposals for each draw that is kept.
    seconds
        Time by stage.
    """

    values: dict[str, np.ndarray]
    groups: dict[str, xr.Dataset]
    stats: dict[str, np.ndarray]
    log_evidence: float
    log_evidence_se: float
    khat: float
    largest_weight: float
    efficiency: float
    share: float
    acceptance: float
    proposal: str
    rounds: int
    thin: int
    seconds: dict[str, float]

    @property
    def attributes(self) -> dict[str, float | int | str]:
        """What is kept with the draws."""
        return {
            "log_evidence": self.log_evidence,
            "log_evidence_se": self.log_evidence_se,
            "khat": self.khat,
            "largest_weight": self.largest_weight,
            "efficiency": self.efficiency,
            "acceptance": self.acceptance,
            "proposal": self.proposal,
            "rounds": self.rounds,
            "thin": self.thin,
        }

    @property
    def trusted(self) -> bool:
        """Whether the weights pass the gate: Pareto's k̂ or none far above the mean, and enough draws.

        A chain stays at a weight w times the mean for some w steps, which cost it about w²/length of them.
        """
        chains, draws = self.stats["lp"].shape
        even = weights_are_even(self.khat, self.largest_weight, chains * draws)
        moves = self.largest_weight < STUCK * np.sqrt(draws * self.thin)
        return even and moves and self.efficiency > LEAST_EFFICIENCY and self.worth > LEAST_WORTH

    @property
    def worth(self) -> float:
        """How many independent draws a kept one is worth, by the weights."""
        return self.thin * self.share


def run_marginal(
    target: MarginalTarget,
    *,
    draws: int,
    chains: int,
    seed: int,
    sink: Callable[[], Sink],
    progressbar: bool,
) -> MarginalDraws:
    """Sample the marginal posterior and draw (b, β).

    Parameters
    ----------
    sink
        Makes what takes the draws of the random effects.

    Raises
    ------
    ModelError
        If the posterior density is not finite where the search begins.
    """
    clock = time.perf_counter()
    seconds: dict[str, float] = {}

    def stage(name: str) -> None:
        nonlocal clock
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - clock
        clock = time.perf_counter()

    def attempt(proposals: Proposals) -> tuple[MarginalDraws, Proposals]:
        """Draws by the proposals, and these with all points that there are then."""
        drawn, found = _draw(target, proposals, sink(), (chains, draws), rng, seconds, progress)
        return drawn, replace(proposals, found=found)

    rng, effort = np.random.default_rng(seed), _effort(target)
    with Progress(chains * (draws + SKIP), "mode", show=progressbar) as progress:
        target.check_start()
        starts = target.start[None] if effort.dear else target.starts
        modes = find_modes(target.with_gradient, starts, target.width)
        stage("mode")
        progress.say("adaptation")
        fitted = Proposals.fitted(target, modes, rng, effort)
        if effort.dear:
            fitted = fitted.piloted(target, rng, size=chains * (draws + SKIP) // PILOT)
        stage("adaptation")
        progress.say("draws")
        drawn, fitted = attempt(fitted)
        if not drawn.trusted or not (effort.dear or drawn.worth > WORTH / 2):
            # What has failed knows best where weights are large, and what a proposal is worth.
            fitted = fitted.refitted(target, rng)
            if not effort.dear:
                more = int(np.clip(np.ceil(WORTH / max(drawn.share, 1e-3)), fitted.thin, MOST_RETHINNED))
                fitted = replace(fitted, thin=more)
            progress.restart()
            drawn, fitted = attempt(fitted)
        if not drawn.trusted:  # the t mixture alone has wider tails than a surrogate
            again = fitted.refitted(target, rng)
            progress.restart()
            drawn, _ = attempt(replace(again, surrogate=None, thin=fitted.thin))
    stage("draws")
    return drawn


def _effort(target: MarginalTarget) -> Effort:
    """Few points where each is dear."""
    if target.integrated.likelihood.layout.flops > DEAR:
        return Effort(dear=True, rounds=2, size=60 + 20 * target.size)
    return Effort(dear=False, rounds=3, size=1000 if target.coefficients is None else 2500)


def _draw(
    target: MarginalTarget,
    fitted: Proposals,
    sink: Sink,
    shape: tuple[int, int],
    rng: np.random.Generator,
    seconds: dict[str, float],
    progress: Progress,
) -> tuple[MarginalDraws, Evaluated]:
    """Propose, evaluate and accept, a stretch of time after the other, all chains at once; and the points."""
    (chains, draws), thin = shape, fitted.thin
    length, design = (draws + SKIP) * thin, target.scales.model.design
    psi, source, constant_error = fitted.draw(chains * length, rng)
    log_q = source.logpdf(psi).reshape(chains, length)
    psi = psi.reshape(chains, length, -1)
    walk = Metropolis(np.log(rng.random((chains, length))))
    density, states = np.empty((chains, length)), np.empty((chains, length), dtype=np.int64)
    beta = np.empty((chains, length, design.p))
    layout = target.integrated.likelihood.layout
    stretch = max(1, int(min(CHUNK / max(design.q, 1), WORK / layout.flops) / (chains * thin))) * thin
    for start in range(0, length, stretch):
        at = slice(start, min(start + stretch, length))
        size = at.stop - start
        value, some_beta, effects = target.draw(psi[:, at].reshape(chains * size, -1), rng)
        density[:, at] = value.reshape(chains, size)
        beta[:, at] = some_beta.reshape(chains, size, -1)
        states[:, at] = walk.advance(density[:, at] - log_q[:, at])
        own = states[:, at][:, thin - 1 :: thin] - start
        rows = np.where(own >= 0, own + size * np.arange(chains)[:, None], -1)
        sink.take(start // thin - SKIP, rows, effects)
        progress.advance(chains * size // thin)
    log_weights = density - log_q
    kept = states[:, thin - 1 :: thin][:, SKIP:]
    chain = np.arange(chains)[:, None]
    accepted = states[:, SKIP * thin :] == np.arange(SKIP * thin, length)
    names = target.scales.names
    evidence, evidence_se = log_mean_weight(log_weights.ravel())
    found = fitted.found.with_points(psi.reshape(chains * length, -1), density.ravel(), source)
    drawn = MarginalDraws(
        values=named_draws(target.scales, psi[chain, kept], beta[chain, kept]) | sink.values(names),
        groups=sink.groups(names),
        stats={
            "accepted": accepted.reshape(chains, draws, thin).any(axis=2),
            "log_weight": log_weights[chain, kept],
            "lp": density[chain, kept],
        },
        log_evidence=evidence,
        log_evidence_se=float(np.hypot(evidence_se, constant_error)),
        khat=pareto_k(log_weights.ravel()),
        largest_weight=float(np.exp(log_weights.max() - evidence)),
        efficiency=effective_size(log_weights.ravel()) / log_weights.size,
        share=effective_share(log_weights.ravel(), np.zeros(log_weights.size)),
        acceptance=float(accepted.mean()),
        proposal="t mixture" if fitted.surrogate is None else "polynomial surrogate and t mixture",
        rounds=fitted.rounds,
        thin=thin,
        seconds=seconds,
    )
    return drawn, found


def named_draws(scales: ScaleParameters, psi: np.ndarray, beta: np.ndarray) -> dict[str, np.ndarray]:
    """ψ (chains, draws, d) and β (chains, draws, p) under the posterior's names."""
    shape = psi.shape[:2]
    flat = scales.named(psi[..., : scales.size].reshape(-1, scales.size))
    values = {name: array.reshape(*shape, *array.shape[1:]) for name, array in flat.items()}
    for term in scales.names.fixed:
        columns = beta[..., list(term.positions)]
        values[term.name] = columns[..., 0] if term.dim is None else columns
    return values
