"""Proposals for a density, fitted as far as its price allows: a t mixture, and a surrogate where it helps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bayesmm.sampling.importance import Evaluated, LogDensity, Proposal, Source, adapt, refit
from bayesmm.sampling.surrogate import Surrogate, fit_surrogate
from bayesmm.sampling.weights import effective_share

WORTH = 0.6
"""What a draw should be worth, in independent ones: cheap proposals are thinned to reach it."""
MOST_THINNED = 5
"""Proposals for each draw at most, before draws have shown what a proposal is worth."""
MOST_PILOTS = 4
"""How many pilots there are at most."""
KEPT = 0.8
"""The part of the foretold share that a pilot must have, or another one follows."""


@dataclass(frozen=True)
class Effort:
    """What a density allows.

    Attributes
    ----------
    dear
        Whether points are to be saved.
    rounds, size
        Of adaptation, and the points of each.
    """

    dear: bool
    rounds: int
    size: int


@dataclass(frozen=True, eq=False)
class Proposals:
    """The proposals at hand, and all points whose density has been evaluated for them.

    ``share`` is how many independent draws each proposal is foretold to be worth, ``thin`` how many of them
    are to be made for a draw that is kept.
    """

    base: Proposal
    surrogate: Surrogate | None
    share: float
    found: Evaluated
    rounds: int
    thin: int
    effort: Effort

    @classmethod
    def fitted(
        cls,
        density: LogDensity,
        modes: list[tuple[np.ndarray, np.ndarray]],
        rng: np.random.Generator,
        effort: Effort,
    ) -> Proposals:
        """The t mixture adapted, and a surrogate fitted to all the points that it took."""
        base, found = adapt(density, modes, rng, rounds=effort.rounds, size=effort.size)
        return cls._to(base, found, effort.rounds, effort)

    @classmethod
    def _to(cls, base: Proposal, found: Evaluated, rounds: int, effort: Effort) -> Proposals:
        """With the surrogate that the points give."""
        surrogate, share = fit_surrogate(base, found)
        thin = 1 if effort.dear else int(np.clip(np.ceil(WORTH / share), 1, MOST_THINNED))
        return cls(base, surrogate, share, found, rounds, thin, effort)

    def refitted(self, density: LogDensity, rng: np.random.Generator) -> Proposals:
        """Fitted again, to all points that there are by now."""
        base, found = refit(density, self.found, rng, size=self.effort.size)
        return self._to(base, found, self.rounds + 1, self.effort)

    def piloted(self, density: LogDensity, rng: np.random.Generator, *, size: int) -> Proposals:
        """Proposals that hold on points that they weren't fitted to: refitted to a few more, until they do.

        Few points of adaptation don't reach where a proposal's weights are largest, and so promise too much.
        A pilot of ``size`` points costs a part of the draws; draws that fail and are made again cost all of
        them.
        """
        current = self
        for _ in range(MOST_PILOTS):
            psi, source, _ = current.draw(size, rng)
            value = density(psi)
            log_weights = value - source.logpdf(psi)
            held = effective_share(log_weights, np.zeros(size)) > KEPT * current.share
            current = replace(current, found=current.found.with_points(psi, value, source))
            current = current.refitted(density, rng)
            if held:
                break
        return current

    def draw(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, Source, float]:
        """(size, d) draws, their density, and the relative error of its constant."""
        if self.surrogate is not None:
            return self.surrogate.draw(size, rng)
        return self.base.draw(size, rng), self.base, 0.0
