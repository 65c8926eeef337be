"""Minimise −2 log-likelihood over the variance parameters, boundary included.

Damped Newton steps with the analytic gradient and the average information (:mod:`bayesmm.estimate.newton`).
The criterion is an even function of each λ_ii, so at λ_ii = 0 its gradient vanishes whether or not a zero
variance is optimal. Therefore

- the first search keeps the diagonals above a small floor, off which the gradient can push them;
- a diagonal that ends there, or tiny, is set to zero if that costs nothing;
- on the boundary the derivative S in the covariance λλ' decides: an optimum needs v'Sv ≥ 0 for every
  direction v of effects (the Kuhn–Tucker conditions on the cone of covariance matrices). Where some v'Sv is
  negative the point is a saddle, and the search goes on with a little variance in that direction;
- at the end the Hessian, from differences of the gradient, says whether it is a minimum.

A term with m rows a level can tell relative standard deviations of the order 1/√m, its *natural scale*; the
floor, the probe and the steps off the boundary are in units of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesmm.estimate.newton import Objective, descend
from bayesmm.likelihood import MarginalLikelihood

TINY = 1e-4
"""A relative standard deviation (λ̃_ii, in units of σ) below which zero is tried."""
FLOOR = 0.03
"""The lower bound of diagonals in the first search: at zero the gradient couldn't push them off again."""
STEPS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Standard deviations that are tried when the boundary is left."""
SADDLE = 1e-7
"""A slope in a variance, per row, that counts as negative: what it could gain is of order 10⁻¹³ a level."""
SMALL = 0.1
"""A direction's standard deviation, in natural scales, small enough to try zero in its place."""
UNFINISHED = 1e-6
"""A gradient, in units of √n over a natural scale, from which the search is finished with the Hessian."""
LAST_STEPS, NOTHING = 3, 1e-18
"""Newton steps at the end, and the promised decrease (the square of sds) at which θ has all its digits."""
MAX_RESTARTS = 8
CHEAP = 15_000
"""Multiplications of one factorization up to which other minima are looked for."""
SCAN = 256
"""Points at which the criterion is scanned for them."""
VALLEYS = 3
"""How many other valleys are descended into."""
DEAR = 1e8
"""Multiplications of one factorization beyond which the Hessian is made do with one-sided differences."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where the search ended, and what is known of the place.

    Attributes
    ----------
    phi
        (d,) parameters in internal coordinates.
    criterion
        −2 (restricted) log-likelihood.
    gradient
        (d,) there.
    free
        (d,) of bool: parameters that are not held at zero.
    hessian
        (f, f) on the free parameters.
    boundary_curvature
        For each term on the boundary, the least derivative of the criterion in a relative variance that
        could be added to the term's; ≥ 0, but for rounding, at an optimum.
    relative_sigma
        σ̂ in units of the residual sd of a least-squares fit without random effects.
    saddle
        Whether there was still a direction downhill when the search gave up.
    starts
        Why the search was started again, one sentence each.
    evaluations
        Values with gradient, in all.
    """

    phi: np.ndarray
    criterion: float
    gradient: np.ndarray
    free: np.ndarray
    hessian: np.ndarray
    boundary_curvature: np.ndarray
    relative_sigma: float
    saddle: bool
    starts: tuple[str, ...]
    evaluations: int

    @property
    def expected_decrease(self) -> float:
        """½ g'H⁻¹g: by how much the criterion would still fall by a Newton step, in deviance units."""
        g = self.gradient[self.free]
        if len(g) == 0:
            return 0.0
        values, vectors = np.linalg.eigh(self.hessian)
        along = vectors.T @ g
        scale = np.maximum(np.abs(values), 1e-8 * max(1.0, np.abs(values).max()))
        return float(0.5 * np.sum(along**2 / scale))


def minimise(likelihood: MarginalLikelihood, *, reml: bool, start: np.ndarray | None = None) -> Optimum:
    """Find the minimum of the ML or REML criterion.

    Parameters
    ----------
    likelihood
        The criterion and its gradient.
    reml
        Which criterion.
    start
        (d,) internal parameters; by default every relative factor is the identity.
    """
    search = _Search(likelihood, reml)
    best = search.local(likelihood.start if start is None else likelihood.variances.checked(start))
    if start is None and likelihood.flops < CHEAP:
        for other in search.other_starts(best.phi):
            found = search.local(other)
            if found.criterion < best.criterion - 1e-6:
                reason = "from another start the search found a lower minimum"
                best = replace(found, starts=(*best.starts, reason))
    return replace(best, evaluations=search.evaluations)


def judge(
    likelihood: MarginalLikelihood,
    phi: np.ndarray,
    *,
    reml: bool,
    starts: tuple[str, ...] = (),
    evaluations: int = 0,
) -> Optimum:
    """What is known of a place, without a search: gradient, Hessian, slopes at the boundary.

    Parameters
    ----------
    phi
        (d,) internal parameters.
    starts, evaluations
        What is told of the search that came there.
    """
    search = _Search(likelihood, reml)
    hessian, boundary = search.hessian(phi), search.boundary(phi)
    saddle = search.escape(phi, hessian, boundary) is not None
    return replace(search.optimum(phi, hessian, boundary, saddle, starts), evaluations=evaluations)


class _Search:
    """The criterion with its bounds, counting evaluations and remembering them."""

    def __init__(self, likelihood: MarginalLikelihood, reml: bool) -> None:
        self.evaluations = 0
        self.nonnegative = likelihood.nonnegative
        self.lower, self.upper = likelihood.variances.lower, likelihood.variances.upper
        self.natural = likelihood.natural
        self._likelihood = likelihood
        self._blocks = likelihood.variances.blocks
        self._walls = np.where(self.nonnegative, -np.inf, self.lower)
        self._reml = reml
        self._seen: dict[bytes, tuple[float, np.ndarray]] = {}

    def __call__(self, phi: np.ndarray) -> tuple[float, np.ndarray]:
        key = phi.tobytes()
        if key not in self._seen:
            self.evaluations += 1
            self._seen[key] = self._likelihood.criterion_and_gradient(phi, reml=self._reml)
        return self._seen[key]

    def value(self, phi: np.ndarray) -> float:
        key = phi.tobytes()
        return self._seen[key][0] if key in self._seen else self._likelihood.criterion(phi, reml=self._reml)

    def local(self, start: np.ndarray) -> Optimum:
        """The minimum that a search from ``start`` comes to, saddles left behind."""
        floor = np.where(self.nonnegative, FLOOR * self.natural, 0.0)
        phi = self.descend(start, floor)
        if (phi[self.nonnegative] <= 1.001 * floor[self.nonnegative]).any():
            phi = self.descend(self.settle(phi, 1.001 * floor), np.zeros_like(phi))
        starts: list[str] = []
        while True:
            settled = self.settle(phi, np.full(len(phi), TINY))
            if (settled[self.nonnegative] == 0).sum() > (phi[self.nonnegative] == 0).sum():
                settled = self.descend(settled, np.zeros_like(phi))
            phi = self.finish(self.try_boundary(settled))
            hessian, boundary = self.hessian(phi), self.boundary(phi)
            escape = self.escape(phi, hessian, boundary)
            given_up = len(starts) == MAX_RESTARTS
            if escape is not None and not given_up:
                reason, onward = escape
                better = self.descend(onward, np.zeros_like(phi))
                if self.value(better) < self.value(phi):
                    starts.append(reason)
                    phi = better
                    continue
            phi = self.polish(phi, hessian)
            return self.optimum(phi, hessian, boundary, escape is not None and given_up, tuple(starts))

    def other_starts(self, best: np.ndarray) -> list[np.ndarray]:
        """Points from which a descent may come to another minimum, the lowest first; usually none.

        The criterion is scanned at points spread over all sizes of the factors. A point lies in another
        valley if the straight way from it to the best minimum so far leads over a hill.
        """
        rng = np.random.default_rng(0)
        size = self.natural * np.exp(rng.uniform(-2.0, np.log(10.0 / self.natural), (SCAN, len(best))))
        signs = rng.choice((-1.0, 1.0), size.shape)
        scan = np.hstack([chart.scan(rng, size[:, at], signs[:, at]) for at, chart in self._blocks])
        height = self._likelihood.criteria(scan, reml=self._reml)
        low = scan[np.argsort(height)[: 4 * VALLEYS]]
        along = np.linspace(0.0, 1.0, 17)[None, :, None]
        way = low[:, None] + along * (best - low)[:, None]
        heights = self._likelihood.criteria(way.reshape(-1, len(best)), reml=self._reml).reshape(len(low), -1)
        beyond_a_hill = np.isfinite(heights[:, 0]) & (heights.max(axis=1) > heights[:, 0] + 1e-6)
        return list(low[beyond_a_hill][:VALLEYS])

    def descend(self, phi: np.ndarray, floor: np.ndarray) -> np.ndarray:
        """Newton steps on the parameters of columns that aren't zero, diagonals at least ``floor``."""
        free = self.free(phi) | (floor.max() > 0)
        if not free.any():
            return phi

        def evaluate(at: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            self.evaluations += 1
            value, gradient, curvature = self._likelihood.with_curvature(at, reml=self._reml)
            self._seen[at.tobytes()] = value, gradient
            return value, gradient, curvature[np.ix_(free, free)]

        return self._newton(evaluate, phi, free, floor)

    def _newton(
        self, evaluate: Objective, phi: np.ndarray, free: np.ndarray, floor: np.ndarray, **options: Any
    ) -> np.ndarray:
        """Newton steps on the ``free`` parameters; ``evaluate`` takes all and gives their Hessian alone."""

        def objective(part: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            at = phi.copy()
            at[free] = part
            value, gradient, hessian = evaluate(at)
            return value, gradient[free], hessian

        lower = np.where(self.nonnegative, floor, self.lower)
        found = phi.copy()
        found[free] = descend(objective, phi[free], lower[free], self.upper[free], **options)
        return found

    def try_boundary(self, phi: np.ndarray) -> np.ndarray:
        """The better of φ and where a search without its small directions of variation comes to.

        Near a singular λ the criterion's valley is narrow and bent, above all where the first pivot is tiny
        and the rows below it aren't; steps along it are short. On the boundary there is no such valley.
        """
        reduced = phi.copy()
        for at, chart in self._blocks:
            reduced[at] = chart.reduced(phi[at], SMALL * self.natural[at.start])
        if (reduced == phi).all():
            return phi
        reduced = self.descend(reduced, np.zeros_like(phi))
        return reduced if self.value(reduced) <= self.value(phi) else phi

    def finish(self, phi: np.ndarray) -> np.ndarray:
        """More steps with the Hessian itself, where the average information has not led to the minimum.

        That is near a singular λ with a tiny pivot, where the two differ.
        """
        free = self.free(phi)
        if not free.any() or self._likelihood.flops > DEAR:
            return phi
        gradient = self(phi)[1][free]
        scale = np.sqrt(self._likelihood.cross.n) / self.natural[free]
        if np.all(np.abs(gradient) < UNFINISHED * scale):
            return phi

        def evaluate(at: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            return *self(at), self.hessian(at, free)

        return self._newton(evaluate, phi, free, np.zeros_like(phi), max_evaluations=30)

    def polish(self, phi: np.ndarray, hessian: np.ndarray) -> np.ndarray:
        """The end of last Newton steps, which go by the gradient alone.

        A search that goes by the value stops with half of its digits in the parameters: a value that is good
        to ε leaves them good to √ε. A step is taken if the gradient promises less of a decrease after it.
        """
        free = self.free(phi)
        if not free.any() or np.linalg.eigvalsh(hessian)[0] <= 0:
            return phi
        step = np.linalg.solve(hessian, -self(phi)[1][free])
        promised = -(self(phi)[1][free] @ step)
        for _ in range(LAST_STEPS):
            trial = phi.copy()
            trial[free] += step
            outside = (trial <= self.lower) | (trial >= self.upper)
            if promised <= NOTHING or outside[free].any():
                break
            value, gradient = self(trial)[0], self(trial)[1][free]
            step = np.linalg.solve(hessian, -gradient)
            if not (np.isfinite(value) and -(gradient @ step) < promised):
                break
            phi, promised = trial, -(gradient @ step)
        return phi

    def settle(self, phi: np.ndarray, small: np.ndarray) -> np.ndarray:
        """Canonical factors, with diagonals up to ``small`` (d,) at exactly zero where that costs nothing."""
        phi = self._canonical(phi, np.zeros_like(phi))
        if any(chart.near_boundary(phi[at], float(small[at].max())) for at, chart in self._blocks):
            zeroed = self._canonical(phi, small)
            if self.value(zeroed) <= self.value(phi) + 1e-9:
                return zeroed
        return phi

    def hessian(self, phi: np.ndarray, free: np.ndarray | None = None) -> np.ndarray:
        """(f, f) in the free parameters (or those given), from differences of the gradient.

        They are central unless an evaluation is dear. The criterion is smooth across zero, so that a step may
        leave the parameter space.
        """
        at = np.flatnonzero(self.free(phi) if free is None else free)
        if self._likelihood.exact:
            return self._likelihood.with_curvature(phi, reml=self._reml)[2][np.ix_(at, at)]
        central = self._likelihood.flops < DEAR
        here = np.zeros(len(at)) if central else self(phi)[1][at]
        rows = []
        for i in at:
            room = min(phi[i] - self._walls[i], self.upper[i] - phi[i])
            h = min(1e-4 * max(self.natural[i], abs(phi[i])), room / 2)
            step = np.zeros_like(phi)
            step[i] = h
            up = self(phi + step)[1][at]
            rows.append((up - self(phi - step)[1][at]) / (2 * h) if central else (up - here) / h)
        hessian = np.array(rows).reshape(len(at), len(at))
        return (hessian + hessian.T) / 2

    def boundary(self, phi: np.ndarray) -> list[tuple[float, int, np.ndarray]]:
        """For each term on the boundary: the least slope v'Sv, the term, and v in its effects (k,)."""
        on = [t for t, (at, chart) in enumerate(self._blocks) if chart.on_boundary(phi[at])]
        if not on:
            return []
        self.evaluations += 1
        slopes = self._likelihood.covariance_slopes(phi, reml=self._reml)
        found = []
        for t in on:
            at, chart = self._blocks[t]
            slope, direction = chart.least_slope(phi[at], slopes[t], SADDLE * self._likelihood.cross.n)
            found.append((slope, t, direction))
        return found

    def escape(
        self, phi: np.ndarray, hessian: np.ndarray, boundary: list[tuple[float, int, np.ndarray]]
    ) -> tuple[str, np.ndarray] | None:
        """A reason to search on and a point to start from, or None at a local minimum."""
        if boundary:
            least, t, direction = min(boundary, key=lambda entry: entry[0])
            at, chart = self._blocks[t]
            if least < -SADDLE * self._likelihood.cross.n:
                trials = []
                for step in STEPS:
                    trial = phi.copy()
                    trial[at] = chart.grow(phi[at], direction, step * self.natural[at.start])
                    trials.append(trial)
                return "a variance at zero that wants to grow (saddle)", min(trials, key=self.value)
        if hessian.size:
            values, vectors = np.linalg.eigh(hessian)
            if values[0] < -1e-6 * max(1.0, values[-1]):
                direction = np.zeros_like(phi)
                direction[self.free(phi)] = vectors[:, 0]
                trials = [phi + sign * step * direction for step in STEPS for sign in (1.0, -1.0)]
                bounded = [np.clip(x, self.lower, self.upper) for x in trials]
                return "a direction of negative curvature (saddle)", min(bounded, key=self.value)
        return None

    def optimum(
        self,
        phi: np.ndarray,
        hessian: np.ndarray,
        boundary: list[tuple[float, int, np.ndarray]],
        saddle: bool,
        starts: tuple[str, ...],
    ) -> Optimum:
        value, gradient = self(phi)
        return Optimum(
            phi=phi,
            criterion=value,
            gradient=gradient,
            free=self.free(phi),
            hessian=hessian,
            boundary_curvature=np.array([least for least, *_ in boundary]),
            relative_sigma=self._likelihood.relative_sigma(phi, reml=self._reml),
            saddle=saddle,
            starts=starts,
            evaluations=self.evaluations,
        )

    def free(self, phi: np.ndarray) -> np.ndarray:
        """(d,) of bool: parameters in columns of λ whose diagonal is not zero."""
        return np.concatenate([chart.free(phi[at]) for at, chart in self._blocks])

    def _canonical(self, phi: np.ndarray, small: np.ndarray) -> np.ndarray:
        """Parameters of the same covariances: diagonals nonnegative, columns zero where one is ≤ ``small``.

        For a positive semi-definite λλ' it is the Cholesky factor in which a zero pivot's column is zero.
        """
        out = phi.copy()
        for at, chart in self._blocks:
            out[at] = chart.canonical(phi[at], float(small[at].max()))
        return out
