"""The profile of a variance parameter: the best criterion at each of its values, and what follows from it.

With D(v) the minimum of the criterion with the parameter held at v and everything else free, v̂ the estimate,

    ζ(v) = sign(v − v̂) √(D(v) − D(v̂))

is a straight line if the likelihood is Gaussian in v, and compared with normal quantiles it gives intervals
without that assumption: {v: |ζ(v)| ≤ z} (Bates, Mächler, Bolker & Walker 2015, section 5.1). Where ζ doesn't
reach −z before the edge of the parameter space, the interval ends at the edge.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.optimize import brentq
from scipy.special import ndtri

from bayesmm.checks import check_prob
from bayesmm.errors import ModelError
from bayesmm.estimate.constrained import Constrained, constrained
from bayesmm.estimate.newton import descend
from bayesmm.estimate.optimise import FLOOR
from bayesmm.likelihood import MarginalLikelihood
from bayesmm.parallel import one_thread
from bayesmm.results.parameters import find_parameter
from bayesmm.sheet import Sheet, Table

KINDS = ("sd", "corr", "sigma")
STEP, LONG_STEP = 0.35, 0.6
"""How far apart the points are in ζ, and how far where the criterion is dear."""
MAX_POINTS = 60
"""Points in one direction at which the walk gives up; the steps grow in heavy tails, so few need so many."""
LOWER = 1e-5
"""Deviance units below the estimate's criterion that are rounding, and not a better optimum."""
CHEAP = 1e6
"""Multiplications of one factorization up to which Hessians are formed and other valleys are looked for."""

TOLERANCE, LOOSE = 1e-9, 1e-6
"""Deviance units that a search may leave, and those where the criterion is dear; ζ errs by it over 2ζ."""
EXACT, SECANTS = 1e-8, 6
"""What an interval's end may miss of its ζ, and steps of a secant after which a bracket takes over."""
SHOWN = (0.5, 0.8, 0.95, 0.99)
"""The probabilities of the intervals that a notebook shows."""
FEW = 12
"""Evaluations after which a search for another valley has shown whether there is one."""


@dataclass(frozen=True, eq=False, repr=False)
class Profile:
    """The criterion along one variance parameter.

    Attributes
    ----------
    parameter
        Its name, as in the posterior.
    method
        ``"ML"`` or ``"REML"``.
    estimate
        v̂, in the user's units.
    values
        (m,) rising, the estimate among them.
    deviance
        (m,) the least −2 (restricted) log-likelihood at each value.
    zeta
        (m,) the signed root of the deviance's rise.
    bounds
        The edges of the parameter's space.
    prob
        The probability up to which there are intervals.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> fit = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")).fit(reml=False)
    >>> lower, upper = fit.profile("1|Batch_sigma").interval(0.95)
    >>> print(f"{lower:.1f} {upper:.1f}")
    12.2 84.1
    """

    parameter: str
    method: str
    estimate: float
    values: np.ndarray
    deviance: np.ndarray
    zeta: np.ndarray
    bounds: tuple[float, float]
    prob: float
    _walk: _Walk

    def interval(self, prob: float = 0.95) -> tuple[float, float]:
        """``{v: |ζ(v)| ≤ z}`` with z the normal quantile of (1 + prob)/2.

        Raises
        ------
        ModelError
            If ``prob`` is no probability, or the profile doesn't reach so far out.
        """
        check_prob(prob)
        z = float(ndtri(0.5 + prob / 2))
        return self._end(-z), self._end(z)

    def zeta_at(self, values: np.ndarray) -> np.ndarray:
        """ζ at values between the least and the greatest of the profile, by a cubic spline."""
        return self._spline(np.asarray(values, dtype=float))

    def density(self, values: np.ndarray) -> np.ndarray:
        """dΦ(ζ(v))/dv: the density under which the profile's intervals have their probabilities.

        For a sample of one parameter it is a likelihood's answer to a posterior density; what it lacks to an
        area of one lies on an edge of the parameter space, or beyond the profile. Zero outside the profile.
        """
        values = np.asarray(values, dtype=float)
        inside = (values >= self.values[0]) & (values <= self.values[-1])
        slope = np.maximum(self._spline(values, 1), 0.0)
        return np.where(inside, np.exp(-0.5 * self._spline(values) ** 2) / np.sqrt(2 * np.pi) * slope, 0.0)

    def __repr__(self) -> str:
        prob = min(0.95, self.prob)
        lower, upper = self.interval(prob)
        return (
            f"Profile of {self.parameter} ({self.method}): estimate {self.estimate:.5g}, "
            f"{100 * prob:g}% interval {lower:.5g} to {upper:.5g}, {len(self.values)} points"
        )

    def _repr_html_(self) -> str:
        probs = [prob for prob in SHOWN if prob <= self.prob] or [self.prob]
        ends = pd.DataFrame(
            [self.interval(prob) for prob in probs],
            index=[f"{100 * prob:g}%" for prob in probs],
            columns=["lower", "upper"],
        )
        facts = (("Estimate", f"{self.estimate:.5g}"), ("Points", str(len(self.values))))
        title = f"Profile of {self.parameter} ({self.method})"
        return Sheet(title, facts, (Table("Intervals", ends),))._repr_html_()

    @cached_property
    def _spline(self) -> CubicSpline | PchipInterpolator:
        """ζ between the points: a cubic spline, or a monotone one where there are kinks that it overshoots.

        Kinks lie where the best of the other parameters reach an edge of their space, or change valleys.
        """
        spline = CubicSpline(self.values, self.zeta)
        between = np.linspace(self.values[:-1], self.values[1:], 9)
        rises = np.diff(spline(between), axis=0) >= -1e-9
        return spline if rises.all() else PchipInterpolator(self.values, self.zeta)

    def _end(self, z: float) -> float:
        """Where ζ first is ``z`` on the way out from the estimate; the edge of the space if it never is."""
        outward = self.zeta >= 0 if z > 0 else self.zeta <= 0
        values, zeta = self.values[outward], np.abs(self.zeta[outward])
        if z < 0:
            values, zeta = values[::-1], zeta[::-1]
        beyond = np.flatnonzero(zeta >= abs(z))
        if len(beyond) == 0:
            edge = self.bounds[1] if z > 0 else self.bounds[0]
            if len(values) and values[-1] == edge:
                return float(edge)
            raise ModelError(
                f"the profile of {self.parameter} reaches |ζ| = {zeta.max(initial=0.0):.2f}",
                expected=f"{abs(z):.2f}, for an interval of this probability",
                advice="profile(parameter, prob=...) with a larger probability",
            )
        at = int(beyond[0])
        if at == 0:
            return float(values[0])
        ends = sorted((float(values[at - 1]), float(values[at])))
        if zeta[at] == abs(z):
            return float(values[at])
        return self._crossing(z, *ends)

    def _crossing(self, z: float, low: float, high: float) -> float:
        """Where ζ is ``z`` between two points: the spline's answer, refined with the criterion itself."""

        def miss(value: float) -> float:
            rise = max(self._walk.deviance_at(value) - self._walk.least, 0.0)
            return float(np.copysign(np.sqrt(rise), z)) - z

        resolution = 1e-12 * max(abs(low), abs(high))
        at = float(brentq(lambda value: float(self._spline(value)) - z, low, high, xtol=resolution))
        error, slope = miss(at), float(self._spline(at, 1))
        for _ in range(SECANTS):
            if abs(error) <= EXACT:
                return at
            onward = at - error / slope if slope > 0 else low
            if not low < onward < high or abs(onward - at) <= resolution:
                break
            new = miss(onward)
            at, error, slope = onward, new, (new - error) / (onward - at)
        return at if abs(error) <= EXACT else float(brentq(miss, low, high, xtol=resolution))


def profile(
    likelihood: MarginalLikelihood,
    phi: np.ndarray,
    sigma: float,
    parameter: str,
    *,
    reml: bool,
    prob: float = 0.999,
) -> Profile:
    """Walk from the optimum (φ̂, σ̂) out along a variance parameter, both ways.

    Parameters
    ----------
    parameter
        A standard deviation, a correlation or ``"sigma"``, by its name in the posterior.
    prob
        How far out: the profile covers the interval of this probability.

    Raises
    ------
    ModelError
        If there is no such variance parameter, its correlation is undefined at the optimum, or ``prob`` is
        no probability.
    """
    check_prob(prob, usual=0.999)
    named = find_parameter(likelihood.design, parameter, KINDS)
    with one_thread():
        along = constrained(likelihood, phi, sigma, named, reml=reml)
        walk = _Walk(along, reach=float(ndtri(0.5 + prob / 2)))
        points = [*walk.go(-1.0)[::-1], (along.value, walk.least), *walk.go(1.0)]
    values, deviance = (np.array(column) for column in zip(*points, strict=True))
    if deviance.min() < walk.least - LOWER:
        raise ModelError(
            f"at {named.label} = {values[deviance.argmin()]:.5g} the criterion is {deviance.min():.5f}, "
            f"below the estimate's {walk.least:.5f}",
            expected="an estimate at the minimum",
            advice="a simpler model: this one has several optima, or a flat one",
        )
    zeta = np.sign(values - along.value) * np.sqrt(np.maximum(deviance - walk.least, 0.0))
    for array in (values, deviance, zeta):
        array.flags.writeable = False
    method = "REML" if reml else "ML"
    return Profile(named.label, method, along.value, values, deviance, zeta, along.bounds, prob, walk)


class _Walk:
    """The least criterion at one value after another, each search begun where the last ones point."""

    def __init__(self, along: Constrained, reach: float) -> None:
        self._along = along
        self._reach = reach
        self._bounded, self._units = along.bounded, along.units
        self._zeros = np.where(self._bounded, 0.0, -np.inf)
        self._cheap = along.likelihood.flops < CHEAP
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
            if zeta > 0.2 * self._step or value == edge:  # so near the estimate rounding shows in ζ
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
            without = self._descend(begin, self._zeros, value, max_evaluations=FEW)
            self._without[int(i)] = without
            deviance = self._along.deviance(without, value)[0]
            if deviance < least - 1e-9:
                best = self._lifted(without, value)
                least = self._along.deviance(best, value)[0]
        return best, least

    def _lifted(self, start: np.ndarray, value: float) -> np.ndarray:
        """Where a search comes to that begins off the boundary, where the gradient would vanish."""
        floor = np.where(self._bounded, FLOOR * self._units, -np.inf)
        x = self._descend(start, floor, value)
        if (x[self._bounded] <= 1.001 * floor[self._bounded]).any():
            x = self._descend(x, self._zeros, value)
        return self._descend(x, self._zeros, value) if self._cheap else x

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
                self._curvature = _updated(self._curvature, x - last[0][0], gradient - last[0][1])
            last[:] = [(x, gradient)]
            return deviance, gradient, self._curvature

        tolerance = TOLERANCE if self._cheap else LOOSE
        return descend(objective, start, lower, tolerance=tolerance, **options)


def _curvature(along: Constrained, x: np.ndarray, value: float) -> np.ndarray:
    """The Hessian in x, from differences of the gradient."""
    rows = []
    for i, unit in enumerate(along.units):
        step = np.zeros(len(x))
        step[i] = 1e-4 * max(unit, abs(x[i]))
        up, down = along.deviance(x + step, value)[1], along.deviance(x - step, value)[1]
        rows.append((up - down) / (2 * step[i]))
    hessian = np.array(rows).reshape(len(x), len(x))
    return (hessian + hessian.T) / 2


def _updated(B: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The Hessian that takes a ``step`` to the ``change`` of the gradient (BFGS), or B if there is none."""
    Bs = B @ step
    if not np.isfinite(change).all() or step @ change <= 1e-3 * abs(step @ Bs) or step @ Bs <= 0:
        return B
    return B - np.outer(Bs, Bs) / (step @ Bs) + np.outer(change, change) / (step @ change)
