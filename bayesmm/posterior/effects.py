"""What is kept of the random effects as they are drawn: every draw, or a summary that needs little memory.

Draws arrive a stretch of time at a time, for all chains at once: the random effects of every proposal of the
stretch, and which of them is each chain's state at each time (−1: the state from before the stretch).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from bayesmm.design import RandomTerm
from bayesmm.design.naming import SAMPLE_DIMS, Names

if TYPE_CHECKING:
    import xarray as xr

CHECKED = 200
"""Levels of each factor whose draws a summary keeps, evenly spread, for R-hat and ESS."""
THINNED = 400e6
"""Bytes for the thinned draws that a summary takes its quantiles from."""
STATISTICS = ("mean", "sd", "lower", "upper")


class Sink(Protocol):
    """Where draws of random effects go."""

    def take(self, start: int, index: np.ndarray, effects: tuple[np.ndarray, ...]) -> None:
        """Take a stretch of time.

        Parameters
        ----------
        start
            The first time of the stretch, counted from the first draw that is kept; negative before it.
        index
            (chains, m) the state of each chain at each time, a row of ``effects``, or −1.
        effects
            (S, ℓ, k) of each term, the proposals of the stretch.
        """

    def groups(self, names: Names) -> dict[str, xr.Dataset]:
        """More groups for the posterior's DataTree."""

    def values(self, names: Names) -> dict[str, np.ndarray]:
        """Variables for the posterior group, (chains, draws, …)."""


class KeptEffects:
    """Every draw of every random effect, (chains, draws, ℓ, k) for each term."""

    def __init__(self, terms: tuple[RandomTerm, ...], chains: int, draws: int) -> None:
        self._draws = [np.empty((chains, draws, len(term.factor), term.k)) for term in terms]
        self._last = [np.empty((chains, len(term.factor), term.k)) for term in terms]

    def take(self, start: int, index: np.ndarray, effects: tuple[np.ndarray, ...]) -> None:
        """See :class:`Sink`."""
        kept = slice(min(max(-start, 0), index.shape[1]), index.shape[1])
        before = index < 0
        for draws, last, drawn in zip(self._draws, self._last, effects, strict=True):
            for c in range(len(index)):
                into = draws[c, max(start, 0) : max(start + kept.stop, 0)]
                np.take(drawn, np.maximum(index[c, kept], 0), axis=0, out=into)
                into[before[c, kept]] = last[c]
                if index[c, -1] >= 0:
                    last[c] = drawn[index[c, -1]]

    def values(self, names: Names) -> dict[str, np.ndarray]:
        """See :class:`Sink`."""
        return named_effects(names, self._draws)

    def groups(self, names: Names) -> dict[str, xr.Dataset]:
        """See :class:`Sink`."""
        return {}


class SummarisedEffects:
    """Mean and sd of each random effect over all draws, quantiles over thinned ones, some levels' draws.

    Memory: 4 bytes a thinned draw of an effect, ``THINNED`` in all, instead of 8 bytes a draw.
    """

    def __init__(self, terms: tuple[RandomTerm, ...], chains: int, draws: int) -> None:
        q = sum(len(term.factor) * term.k for term in terms)
        self._stride = max(1, int(np.ceil(4.0 * chains * draws * q / THINNED)))
        thinned = len(range(0, draws, self._stride))
        shapes = [(len(term.factor), term.k) for term in terms]
        self._thinned = [np.empty((chains * thinned, *shape), dtype=np.float32) for shape in shapes]
        self._filled = 0
        self._levels = [spread(shape[0]) for shape in shapes]
        some = [
            np.empty((chains, draws, len(levels), shape[1]))
            for levels, shape in zip(self._levels, shapes, strict=True)
        ]
        self._last = [np.empty((chains, *shape)) for shape in shapes]
        self._centre: list[np.ndarray] = []
        self._sum = [np.zeros(shape) for shape in shapes]
        self._squares = [np.zeros(shape) for shape in shapes]
        self._count = 0
        self._checked = some

    def take(self, start: int, index: np.ndarray, effects: tuple[np.ndarray, ...]) -> None:
        """See :class:`Sink`."""
        kept = index[:, max(-start, 0) :]
        times = np.arange(max(start, 0), max(start + index.shape[1], 0))
        if not self._centre:
            self._centre = [drawn.mean(axis=0) for drawn in effects]
        if kept.size:
            self._add(times, kept, effects)
        for c in np.flatnonzero(index[:, -1] >= 0):
            for last, drawn in zip(self._last, effects, strict=True):
                last[c] = drawn[index[c, -1]]

    def _add(self, times: np.ndarray, kept: np.ndarray, effects: tuple[np.ndarray, ...]) -> None:
        times_in_force = np.bincount(kept[kept >= 0], minlength=len(effects[0]))
        self._count += kept.size
        chains, at = np.nonzero((times % self._stride == 0) & np.ones_like(kept, dtype=bool))
        filled = slice(self._filled, self._filled + len(at))
        self._filled = filled.stop
        for t, drawn in enumerate(effects):
            last = self._last[t]
            self._accumulate(t, times_in_force, drawn)
            self._accumulate(t, np.sum(kept < 0, axis=1), last)
            for c in range(len(kept)):
                some = self._checked[t][c, times[0] : times[-1] + 1]
                some[:] = drawn[np.maximum(kept[c], 0)[:, None], self._levels[t]]
                some[kept[c] < 0] = last[c, self._levels[t]]
            for place, c, j in zip(range(filled.start, filled.stop), chains, at, strict=True):
                self._thinned[t][place] = drawn[kept[c, j]] if kept[c, j] >= 0 else last[c]

    def _accumulate(self, t: int, counts: np.ndarray, drawn: np.ndarray) -> None:
        for count, row in zip(counts, drawn, strict=True):
            if count:
                away = row - self._centre[t]
                self._sum[t] += count * away
                self._squares[t] += count * away**2

    def values(self, names: Names) -> dict[str, np.ndarray]:
        """See :class:`Sink`."""
        return {}

    def groups(self, names: Names) -> dict[str, xr.Dataset]:
        """``effect_summary`` (statistic, levels), and ``effect_draws`` of some (chain, draw, levels)."""
        import xarray as xr
        from arviz_base import rcParams

        prob = float(rcParams["stats.ci_prob"])
        table = []
        for t, thinned in enumerate(self._thinned):
            mean = self._sum[t] / self._count
            sd = np.sqrt((self._squares[t] - self._count * mean**2) / (self._count - 1))
            ends = _quantiles(thinned, ((1 - prob) / 2, (1 + prob) / 2))
            table.append(np.stack([mean + self._centre[t], sd, *ends])[None])
        dims = {effect: names.dims[effect] for effect in names.effects}
        labels = {dim: names.coords[dim] for effect in dims.values() for dim in effect}
        summary = xr.Dataset(
            {name: (("statistic", *dims[name]), x[0]) for name, x in named_effects(names, table).items()},
            coords=labels | {"statistic": list(STATISTICS)},
            attrs={
                "ci_prob": prob,
                "ci_kind": "eti",
                "draws": self._count,
                "draws_of_quantiles": self._filled,
            },
        )
        few = dict(labels)
        for term, levels in zip(names.terms, self._levels, strict=True):
            few[term.factor_dim] = names.coords[term.factor_dim][levels]
        sampled = {
            dim: np.arange(size) for dim, size in zip(SAMPLE_DIMS, self._checked[0].shape, strict=False)
        }
        checked = xr.Dataset(
            {
                name: ((*SAMPLE_DIMS, *dims[name]), x)
                for name, x in named_effects(names, self._checked).items()
            },
            coords=sampled | few,
        )
        return {"effect_summary": summary, "effect_draws": checked}


def spread(levels: int) -> np.ndarray:
    """At most ``CHECKED`` positions, evenly spread."""
    return np.unique(np.linspace(0, levels - 1, min(levels, CHECKED)).astype(int))


def named_effects(names: Names, by_term: list[np.ndarray]) -> dict[str, np.ndarray]:
    """(…, …, ℓ, k) of each term under the posterior's names: (…, …, [columns,] ℓ)."""
    values = {}
    for term, drawn in zip(names.terms, by_term, strict=True):
        for effect in term.effects:
            if effect.expr_dim is None:
                values[effect.name] = drawn[..., effect.positions[0]]
            else:
                values[effect.name] = drawn[..., list(effect.positions)].swapaxes(2, 3)
    return values


def _quantiles(draws: np.ndarray, probs: tuple[float, float]) -> np.ndarray:
    """(2, ℓ, k) over the first axis, some levels at a time: a quantile needs a copy."""
    out = np.empty((len(probs), *draws.shape[1:]))
    step = max(1, int(20e6 / draws[:, :1].size))
    for start in range(0, draws.shape[1], step):
        at = slice(start, start + step)
        out[:, at] = np.quantile(draws[:, at], probs, axis=0)
    return out
