"""Find a minimum, boundary included, and judge a place.

Damped Newton steps with an analytic gradient and a matrix close to the Hessian (``newton``).
At a diagonal of zero the gradient vanishes whether or not zero is optimal. Therefore

- the first search keeps the diagonals above a small floor, off which the gradient can push them;
- a diagonal that ends there, or tiny, is set to zero if that costs nothing;
- on the boundary the slopes in the matrices decide (``boundary``): a point with a negative
  one is a saddle, and the search goes on with a little variance in that direction;
- at the end the Hessian says whether it is a minimum.

Natural scales are what data can tell from none; the floor and the steps off the boundary are in their
units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bayesmm.search.boundary import Edge, edges, escape, settle
from bayesmm.search.evaluations import Evaluations
from bayesmm.search.hessian import DEAR, hessian
from bayesmm.search.newton import descend
from bayesmm.search.objective import Objective
from bayesmm.search.optimum import Optimum
from bayesmm.search.region import Region
from bayesmm.search.scan import other_valleys

TINY = 1e-4
"""A diagonal of a factor below which zero is tried."""
FLOOR = 0.03
"""The lower bound of diagonals in the first search: at zero the gradient couldn't push them off again."""
SMALL = 0.1
"""A direction's standard deviation, in natural scales, small enough to try zero in its place."""
UNFINISHED = 1e-6
"""A gradient, in units of √n over a natural scale, from which the search is finished with the Hessian."""
LAST_STEPS, NOTHING = 3, 1e-18
"""Newton steps at the end, and the promised decrease (the square of sds) at which x has all its digits."""
NEARLY_FLAT = 1e-4
"""Relative curvature at which the Hessian is formed again after the last steps."""
MAX_RESTARTS = 8
CHEAP = 15_000
"""Multiplications of one value up to which other minima are looked for."""
LOWER = 1e-6
"""What another minimum must be lower by to be taken for another."""

Curved = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]
"""x (d,) → value, gradient (d,), Hessian (f, f) of the free parameters."""


def minimise(objective: Objective, start: np.ndarray | None = None) -> Optimum:
    """Find the minimum of an objective.

    Parameters
    ----------
    objective
        What is minimised.
    start
        (d,) where to begin; by default the objective's own start. Other valleys are only looked for if none
        is given.
    """
    search = _Search(objective)
    best = search.local(objective.start if start is None else objective.checked(start))
    if start is None and objective.cost < CHEAP:
        for other in other_valleys(search.at, search.region, best.phi):
            found = search.local(other)
            if found.criterion < best.criterion - LOWER:
                reason = "from another start the search found a lower minimum"
                best = replace(found, starts=(*best.starts, reason))
    return replace(best, evaluations=search.at.count)


def judge(
    objective: Objective, x: np.ndarray, *, starts: tuple[str, ...] = (), evaluations: int = 0
) -> Optimum:
    """What is known of a place x (d,), without a search: gradient, Hessian, slopes at the boundary.

    Parameters
    ----------
    starts, evaluations
        What is told of the search that came there.
    """
    search = _Search(objective)
    bent, on = search.hessian(x), edges(search.at, search.region, x)
    downhill = escape(search.at, search.region, x, bent, on) is not None
    return replace(search.optimum(x, bent, on, downhill, starts), evaluations=evaluations)


class _Search:
    """The steps of one search, on evaluations that they share."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.at = Evaluations(objective)
        self.region = Region(objective)

    def local(self, start: np.ndarray) -> Optimum:
        """The minimum that a search from ``start`` comes to, saddles left behind."""
        at, region, bounded = self.at, self.region, self.region.nonnegative
        floor, zeros = np.where(bounded, FLOOR * region.natural, 0.0), np.zeros(len(start))
        x = self.descend(start, floor)
        if (x[bounded] <= 1.001 * floor[bounded]).any():
            x = self.descend(settle(at, region, x, 1.001 * floor), zeros)
        starts: list[str] = []
        while True:
            settled = settle(at, region, x, np.full(len(x), TINY))
            if (settled[bounded] == 0).sum() > (x[bounded] == 0).sum():
                settled = self.descend(settled, zeros)
            x = self.finish(self.try_boundary(settled))
            bent, on = self.hessian(x), edges(at, region, x)
            onward = escape(at, region, x, bent, on)
            given_up = len(starts) == MAX_RESTARTS
            if onward is not None and not given_up:
                reason, begin = onward
                better = self.descend(begin, zeros)
                if at.value(better) < at.value(x):
                    starts.append(reason)
                    x = better
                    continue
            x, before = self.polish(x, bent), x
            if bent is not None and x is not before and (self.objective.exact or _nearly_flat(bent)):
                bent = hessian(at, region, x)
            return self.optimum(x, bent, on, onward is not None and given_up, tuple(starts))

    def hessian(self, x: np.ndarray) -> np.ndarray | None:
        """(f, f) at x (d,); None where it would take differences of dear gradients: who asks for it pays."""
        dear = not self.objective.exact and self.objective.cost > DEAR
        return None if dear else hessian(self.at, self.region, x)

    def descend(self, x: np.ndarray, floor: np.ndarray) -> np.ndarray:
        """Newton steps on the parameters of columns that aren't zero, diagonals at least ``floor`` (d,)."""
        free = self.region.free(x) | (floor.max() > 0)
        if not free.any():
            return x

        def evaluate(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            value, gradient, curvature = self.at.with_curvature(x)
            return value, gradient, curvature if free.all() else curvature[np.ix_(free, free)]

        return self._newton(evaluate, x, free, floor, **({"damping": 0.0} if self.objective.exact else {}))

    def _newton(
        self, evaluate: Curved, x: np.ndarray, free: np.ndarray, floor: np.ndarray, **options: Any
    ) -> np.ndarray:
        """Newton steps on the ``free`` parameters; ``evaluate`` takes all and gives their Hessian alone."""

        def objective(part: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            if free.all():
                return evaluate(part)
            whole = x.copy()
            whole[free] = part
            value, gradient, bent = evaluate(whole)
            return value, gradient[free], bent

        region = self.region
        lower = np.where(region.nonnegative, floor, region.lower)
        found = x.copy()
        found[free] = descend(objective, x[free], lower[free], region.upper[free], **options)
        return found

    def try_boundary(self, x: np.ndarray) -> np.ndarray:
        """The better of x and where a search without its small directions of variation comes to.

        Near a singular factor the valley is narrow and bent, above all where the first pivot is tiny and the
        rows below it aren't; steps along it are short. On the boundary there is no such valley.
        """
        reduced = self.region.reduced(x, SMALL)
        if (reduced == x).all():
            return x
        reduced = self.descend(reduced, np.zeros_like(x))
        return reduced if self.at.value(reduced) <= self.at.value(x) else x

    def finish(self, x: np.ndarray) -> np.ndarray:
        """More steps with the Hessian itself, where what is close to it has not led to the minimum.

        That is near a singular factor with a tiny pivot, where the two differ.
        """
        free = self.region.free(x)
        if not free.any() or self.objective.cost > DEAR:
            return x
        gradient = self.at(x)[1][free]
        scale = np.sqrt(self.objective.n) / self.region.natural[free]
        if np.all(np.abs(gradient) < UNFINISHED * scale):
            return x

        def evaluate(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            return *self.at(x), hessian(self.at, self.region, x, free)

        return self._newton(evaluate, x, free, np.zeros_like(x), max_evaluations=30)

    def polish(self, x: np.ndarray, bent: np.ndarray | None) -> np.ndarray:
        """The end of last Newton steps, which go by the gradient alone.

        A search that goes by the value stops with half of its digits in the parameters: a value that is good
        to ε leaves them good to √ε. A step is taken if the gradient promises less of a decrease after it.
        """
        region = self.region
        free = region.free(x)
        if bent is None:
            bent = self.at.curvature(x)[np.ix_(free, free)]
        if not free.any() or np.linalg.eigvalsh(bent)[0] <= 0:
            return x
        step = np.linalg.solve(bent, -self.at(x)[1][free])
        promised = -(self.at(x)[1][free] @ step)
        for _ in range(LAST_STEPS):
            trial = x.copy()
            trial[free] += step
            outside = (trial <= region.lower) | (trial >= region.upper)
            if promised <= NOTHING or outside[free].any():
                break
            value, gradient = self.at(trial)[0], self.at(trial)[1][free]
            step = np.linalg.solve(bent, -gradient)
            if not (np.isfinite(value) and -(gradient @ step) < promised):
                break
            x, promised = trial, -(gradient @ step)
        return x

    def optimum(
        self, x: np.ndarray, bent: np.ndarray | None, on: list[Edge], given_up: bool, starts: tuple[str, ...]
    ) -> Optimum:
        value, gradient = self.at(x)
        return Optimum(
            phi=x,
            criterion=value,
            gradient=gradient,
            free=self.region.free(x),
            boundary_curvature=np.array([edge.slope for edge in on]),
            starts=starts,
            evaluations=self.at.count,
            _given_up=given_up,
            _hessian=bent,
            _objective=self.objective,
        )


def _nearly_flat(bent: np.ndarray) -> bool:
    """Whether what is left of a gradient could be seen in the least curvature, as along a bent valley."""
    values = np.linalg.eigvalsh(bent)
    return bool(values[0] < NEARLY_FLAT * values[-1])
