"""The walk of a profile: the least value of a function at one value of a held parameter after another."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np

from bayesmm.parallel import one_thread
from bayesmm.search.held import Held
from bayesmm.search.newton import descend, updated

STEP, LONG_STEP = 0.35, 0.6
"""How far apart the points are in ζ, and how far where the function is dear."""
MAX_POINTS = 60
"""Points in one direction at which the walk gives up; the steps grow in heavy tails, so few need so many."""
CHEAP = 1e6
"""Multiplications of one value up to which Hessians are formed and other valleys are looked for."""
LOWER = 1e-5
"""Units below the estimate's value that are rounding, and not a better optimum."""
FLOOR = 0.03
"""The lower bound, in natural scales, of a first search: at zero a gradient couldn't push off again."""
TOLERANCE, LOOSE = 1e-9, 1e-6
"""What a search may leave of the value, and where the function is dear; ζ errs by it over 2ζ."""
FEW = 12
"""Evaluations after which a search for another valley has shown whether there is one."""


class Walk:
    """The least criterion at one value after another, each search begun where the last ones point."""

    def __init__(self, along: Held, reach: float) -> None:
        self._along = along
        self._reach = reach
        self._bounded, self._units = along.bounded, along.units
        self._lower, self._upper = along.lower, along.upper
        self._cheap = along.cost < CHEAP
        self._without: dict[int, np.ndarray] = {}
        self._step = STEP if self._cheap else LONG_STEP
        self.least = along.deviance(along.start, along.value)[0]
        self._curvature = _curvature(along, along.start, along.value)
        self._path = [(along.value, along.start)]

    def deviance_at(self, value: float) -> float:
        """The least criterion at a value between two of the walk, its search begun between theirs."""
        at = int(np.searchsorted([passed for passed, _ in self._path], value))
        apart = copy(self)  # what a search learns on its way is its own
        apart._without = dict(self._without)
        with one_thread():
            return apart._solve(value, self._path[max(at - 1, 0) : at + 1])[1]

    def go(self, sign: float) -> list[tuple[float, float]]:
        """(value, deviance) of the points on one side of the estimate, going out."""
        along = self._along
        edge = along.bounds[1] if sign > 0 else along.bounds[0]
        passed = [(along.value, along.start)]
        points: list[tuple[float, float]] = []
        zeta, step = 0.0, self._step * along.unit
        while zeta < self._reach and passed[-1][0] != edge and len(passed) < MAX_POINTS:
            value = sign * min(sign * edge, sign * passed[-1][0] + step)
            x, deviance = self._solve(value, passed)
            risen = np.sqrt(max(deviance - self.least, 0.0)) - zeta
            if risen > 1.6 * self._step and step > 1e-6 * (abs(value) + along.unit):
                step *= max(self._step / risen, 0.1)
                continue
            if not np.isfinite(deviance):
                break
            passed.append((value, x))
            zeta += risen
            nearby = zeta <= 0.2 * self._step and value != edge  # so near the estimate rounding shows in ζ
            if not nearby or deviance < self.least - LOWER:
                points.append((value, deviance))
            step *= float(np.clip(self._step / max(risen, 0.1 * self._step), 0.5, 3.0))
        self._path = sorted([*self._path, *passed[1:]], key=lambda point: point[0])
        return points

    def _solve(self, value: float, passed: list[tuple[float, np.ndarray]]) -> tuple[np.ndarray, float]:
        """The free parameters at their best for a value, and the criterion there."""
        start = passed[-1][1]
        if len(passed) > 1:
            (v0, x0), (v1, x1) = passed[-2:]
            start = x1 + (value - v1) / (v1 - v0) * (x1 - x0)
        best = self._lifted(start, value)
        least = self._along.deviance(best, value)[0]
        # A profile may change valleys, most often to one where another variance is zero.
        for i in np.flatnonzero(self._bounded & (best > 0)) if self._cheap else ():
            begin = best.copy()
            begin[i] = 0.0
            starts = (begin, self._without.get(int(i), begin))
            begin = min(starts, key=lambda x: self._along.deviance(x, value)[0])
            without = self._descend(begin, self._lower, value, max_evaluations=FEW)
            self._without[int(i)] = without
            deviance = self._along.deviance(without, value)[0]
            if deviance < least - 1e-9:
                best = self._lifted(without, value)
                least = self._along.deviance(best, value)[0]
        return best, least

    def _lifted(self, start: np.ndarray, value: float) -> np.ndarray:
        """Where a search comes to that begins off the boundary, where the gradient would vanish."""
        floor = np.where(self._bounded, FLOOR * self._units, self._lower)
        x = self._descend(start, floor, value)
        if (x[self._bounded] <= 1.001 * floor[self._bounded]).any():
            x = self._descend(x, self._lower, value)
        return self._descend(x, self._lower, value) if self._cheap else x

    def _descend(self, start: np.ndarray, lower: np.ndarray, value: float, **options: Any) -> np.ndarray:
        if not len(start):
            return start
        # Where it is dear, the Hessian of the last point serves the next.
        if self._cheap:
            self._curvature = _curvature(self._along, start, value)
        last: list[tuple[np.ndarray, np.ndarray]] = []

        def objective(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            deviance, gradient = self._along.deviance(x, value)
            if last:
                self._curvature = updated(self._curvature, x - last[0][0], gradient - last[0][1])
            last[:] = [(x, gradient)]
            return deviance, gradient, self._curvature

        tolerance = TOLERANCE if self._cheap else LOOSE
        return descend(objective, start, lower, self._upper, tolerance=tolerance, **options)


def _curvature(along: Held, x: np.ndarray, value: float) -> np.ndarray:
    """The Hessian in x, from differences of the gradient; those at a wall are taken about a point inside."""
    walls = np.where(along.bounded, -np.inf, along.lower)
    x = np.clip(x, walls, along.upper)
    rows = []
    for i, unit in enumerate(along.units):
        h = 1e-4 * max(unit, abs(x[i]))
        up, down = x.copy(), x.copy()
        middle = np.clip(x[i], walls[i] + 2 * h, along.upper[i] - 2 * h)
        up[i], down[i] = middle + h, middle - h
        rows.append((along.deviance(up, value)[1] - along.deviance(down, value)[1]) / (up[i] - down[i]))
    hessian = np.array(rows).reshape(len(x), len(x))
    return (hessian + hessian.T) / 2
