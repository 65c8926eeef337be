"""The profile of one parameter: the best criterion at each of its values, and what follows from it.

With D(v) the minimum of the criterion with the parameter held at v and everything else free, v̂ the estimate,

    ζ(v) = sign(v − v̂) √(D(v) − D(v̂))

is a straight line if the likelihood is Gaussian in v, and compared with normal quantiles it gives intervals
without that assumption: {v: |ζ(v)| ≤ z} (Bates, Mächler, Bolker & Walker 2015, section 5.1). Where ζ doesn't
reach −z before the edge of the parameter space, the interval ends at the edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.optimize import brentq
from scipy.special import ndtri

from bayesmm.checks import check_prob
from bayesmm.errors import ModelError
from bayesmm.parallel import one_thread
from bayesmm.search.held import Held
from bayesmm.search.walk import LOWER, Walk
from bayesmm.sheet import Sheet, Table

EXACT, SECANTS = 1e-8, 6
"""What an interval's end may miss of its ζ, and steps of a secant after which a bracket takes over."""
SHOWN = (0.5, 0.8, 0.95, 0.99)
"""The probabilities of the intervals that a notebook shows."""


@dataclass(frozen=True, eq=False, repr=False)
class Profile:
    """The criterion along one parameter.

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
    _walk: Walk

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

    def sheet(self) -> Sheet:
        """The profile as a page: estimate and intervals."""
        probs = [prob for prob in SHOWN if prob <= self.prob] or [self.prob]
        ends = pd.DataFrame(
            [self.interval(prob) for prob in probs],
            index=[f"{100 * prob:g}%" for prob in probs],
            columns=["lower", "upper"],
        )
        facts = (("Estimate", f"{self.estimate:.5g}"), ("Points", str(len(self.values))))
        title = f"Profile of {self.parameter} ({self.method})"
        return Sheet(title, facts, (Table("Intervals", ends),))

    def _repr_html_(self) -> str:
        return self.sheet()._repr_html_()

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


def profile(along: Held, parameter: str, method: str, *, prob: float = 0.999) -> Profile:
    """Walk from an optimum out along a parameter, both ways.

    Parameters
    ----------
    along
        The function with the parameter held.
    parameter, method
        What both are called.
    prob
        How far out: the profile covers the interval of this probability.

    Raises
    ------
    ModelError
        If ``prob`` is no probability, or the walk comes to a lower value than the estimate's.
    """
    check_prob(prob, usual=0.999)
    with one_thread():
        walk = Walk(along, reach=float(ndtri(0.5 + prob / 2)))
        points = [*walk.go(-1.0)[::-1], (along.value, walk.least), *walk.go(1.0)]
    values, deviance = (np.array(column) for column in zip(*points, strict=True))
    if deviance.min() < walk.least - LOWER:
        raise ModelError(
            f"at {parameter} = {values[deviance.argmin()]:.5g} the criterion is {deviance.min():.5f}, "
            f"below the estimate's {walk.least:.5f}",
            expected="an estimate at the minimum",
            advice="a simpler model: this one has several optima, or a flat one",
        )
    zeta = np.sign(values - along.value) * np.sqrt(np.maximum(deviance - walk.least, 0.0))
    for array in (values, deviance, zeta):
        array.flags.writeable = False
    return Profile(parameter, method, along.value, values, deviance, zeta, along.bounds, prob, walk)
