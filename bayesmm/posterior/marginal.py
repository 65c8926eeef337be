"""The posterior without its random effects: sample the variance parameters, then draw (b, β) exactly.

For a Gaussian response and normal priors on β the posterior factors as p(ψ | y) p(b, β | ψ, y). The first has
2 to some 12 dimensions and is sampled by independence Metropolis–Hastings from fitted proposals
(:mod:`bayesmm.posterior.importance`, :mod:`bayesmm.posterior.surrogate`); the second is normal, and one draw
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

from bayesmm.posterior.certificate import weights_are_even
from bayesmm.posterior.effects import Sink
from bayesmm.posterior.importance import (
    Metropolis,
    Proposal,
    adapt,
    effective_size,
    find_modes,
    log_mean_weight,
    pareto_k,
)
from bayesmm.posterior.progress import Progress
from bayesmm.posterior.scales import ScaleParameters
from bayesmm.posterior.surrogate import Surrogate, fit_surrogate
from bayesmm.posterior.target import MarginalTarget

if TYPE_CHECKING:
    import xarray as xr

LEAST_EFFICIENCY = 0.1
"""The least share of effective proposals."""
DEAR = 5e5
"""Multiplications of one point from which points are to be saved."""
WORTH = 0.6
"""What a draw should be worth, in independent ones: cheap proposals are thinned to reach it."""
MOST_THINNED = 5
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
        """Whether the weights pass the gate: Pareto's k̂ or none far above the mean, and enough draws."""
        even = weights_are_even(self.khat, self.largest_weight, self.stats["lp"].size)
        return even and self.efficiency > LEAST_EFFICIENCY


@dataclass(frozen=True, eq=False)
class _Fitted:
    """The proposals at hand after adaptation."""

    base: Proposal
    surrogate: Surrogate | None
    rounds: int
    thin: int

    def and_safer(self) -> list[_Fitted]:
        """These proposals, and what to try if their weights fail: more of the t mixture, then it alone."""
        if self.surrogate is None:
            return [self]
        more = replace(self.surrogate, log_floor=self.surrogate.log_floor + np.log(4.0))
        return [self, replace(self, surrogate=more), replace(self, surrogate=None)]

    def draw(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
        """(size, d) draws, their log density (size,), and the relative error of its constant."""
        if self.surrogate is not None:
            return self.surrogate.draw(size, rng)
        psi = self.base.draw(size, rng)
        return psi, self.base.logpdf(psi), 0.0


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

    rng = np.random.default_rng(seed)
    with Progress(chains * (draws + SKIP), "mode", show=progressbar) as progress:
        target.check_start()
        starts = target.start[None] if _dear(target) else target.starts
        modes = find_modes(target.with_gradient, starts, target.width)
        stage("mode")
        progress.say("adaptation")
        fitted = _fit_proposals(target, modes, rng)
        stage("adaptation")
        progress.say("draws")
        for proposals in fitted.and_safer():
            progress.restart()
            drawn = _draw(target, proposals, sink(), (chains, draws), rng, seconds, progress)
            if drawn.trusted:
                break
    stage("draws")
    return drawn


def _dear(target: MarginalTarget) -> bool:
    return target.integrated.likelihood.layout.flops > DEAR


def _fit_proposals(
    target: MarginalTarget, modes: list[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator
) -> _Fitted:
    """Adapt the t mixture, and fit a surrogate to all the points that it took."""
    dear = _dear(target)
    rounds, size = (2, 60 + 20 * target.size) if dear else (3, 1000 if target.coefficients is None else 2500)
    base, found = adapt(target, modes, rng, rounds=rounds, size=size)
    surrogate, share = fit_surrogate(base, found)
    thin = 1 if dear else int(np.clip(np.ceil(WORTH / share), 1, MOST_THINNED))
    return _Fitted(base, surrogate, rounds, thin)


def _draw(
    target: MarginalTarget,
    fitted: _Fitted,
    sink: Sink,
    shape: tuple[int, int],
    rng: np.random.Generator,
    seconds: dict[str, float],
    progress: Progress,
) -> MarginalDraws:
    """Propose, evaluate and accept, a stretch of time after the other, all chains at once."""
    (chains, draws), thin = shape, fitted.thin
    length, design = (draws + SKIP) * thin, target.scales.model.design
    psi, log_q, constant_error = fitted.draw(chains * length, rng)
    psi, log_q = psi.reshape(chains, length, -1), log_q.reshape(chains, length)
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
    return MarginalDraws(
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
        acceptance=float(accepted.mean()),
        proposal="t mixture" if fitted.surrogate is None else "polynomial surrogate and t mixture",
        rounds=fitted.rounds,
        thin=thin,
        seconds=seconds,
    )


def named_draws(scales: ScaleParameters, psi: np.ndarray, beta: np.ndarray) -> dict[str, np.ndarray]:
    """ψ (chains, draws, d) and β (chains, draws, p) under the posterior's names."""
    shape = psi.shape[:2]
    flat = scales.named(psi[..., : scales.size].reshape(-1, scales.size))
    values = {name: array.reshape(*shape, *array.shape[1:]) for name, array in flat.items()}
    for term in scales.names.fixed:
        columns = beta[..., list(term.positions)]
        values[term.name] = columns[..., 0] if term.dim is None else columns
    return values
