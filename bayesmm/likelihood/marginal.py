"""The exact marginal likelihood of a Gaussian mixed model, b (and for REML β) integrated out.

Read off one factorization (Bates, Mächler, Bolker & Walker 2015, eqs. 34 and 42):

    ML     −2 log L   = log|M| + n (1 + log(2π r²/n))
    REML   −2 log L_R = log|M| + log|C| + (n − p) (1 + log(2π r²/(n − p)))

with σ profiled out, σ̂² = r²/n or r²/(n − p). All constants are included, as in lme4. The parameters are
θ, the entries of the terms' relative factors; inside, they are φ, the same factors in the coordinates of
:mod:`bayesmm.likelihood.coordinates`, where all are of order one.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from bayesmm.blocks.describe import check_memory
from bayesmm.blocks.factorization import COMPILED, Factorization
from bayesmm.blocks.kernels.batch import evaluate_many, evaluate_points
from bayesmm.blocks.kernels.routine import prepare
from bayesmm.blocks.layout import Layout
from bayesmm.blocks.one_factor import AtPoint, OneFactor, has_one_factor
from bayesmm.blocks.order import layout_of
from bayesmm.blocks.pattern import Pattern
from bayesmm.design.design import Design
from bayesmm.errors import ModelError
from bayesmm.likelihood.coordinates import (
    coordinates_of,
    cross_product_of,
    of_response,
    pattern_of,
    whitened,
)
from bayesmm.likelihood.moment_start import moment_start
from bayesmm.likelihood.row_pass import one_pass
from bayesmm.likelihood.solution import Solution
from bayesmm.likelihood.variances import Variances
from bayesmm.parallel import one_thread

PROBE = 1e-5
"""How far off the boundary, in natural scales, the slope in a covariance is looked at."""


class MarginalLikelihood:
    """The profiled −2 log-likelihood of a design's variance parameters, with its gradient.

    Parameters
    ----------
    design
        y, X and Z; their cross-product is formed once, here.
    """

    @one_thread()
    def __init__(self, design: Design) -> None:
        self.design = design
        found = one_pass(design, design.weights) if len(design.factors) == 1 else None
        if found is None:
            coordinates = coordinates_of(design)
            found = coordinates, cross_product_of(design, coordinates, pattern=self.pattern)
        self.coordinates, self.cross = found
        self.one_factor = OneFactor(self.cross) if has_one_factor(self.cross) else None
        self._latest: tuple[tuple[bytes, bool], AtPoint] | None = None
        if self.one_factor is None:
            _ = self.layout  # whether there is memory for it is told at once
        terms = design.terms
        self.variances = Variances(
            [term.covariance for term in terms],
            self.coordinates.bases,
            [term.label for term in terms],
            self.cross,
        )

    def __repr__(self) -> str:
        return (
            f"MarginalLikelihood({str(self.design.formula)!r}: {self.design.n} rows, {self.size} parameters)"
        )

    @one_thread()
    def with_response(self, design: Design) -> MarginalLikelihood:
        """The likelihood of the same design with another response, :meth:`Design.with_response`.

        Nothing is formed but y's column of the cross-product: pattern, order of elimination and all values of
        X and Z are shared. Its parameters φ are those of this one.

        Raises
        ------
        DataError
            If X explains the response exactly.
        """
        coordinates = of_response(self.coordinates, design.rows, design.weights)
        rows = whitened(design.rows, coordinates, design.weights)
        cross = self.cross.with_response(*self.pattern.column(rows))
        other = object.__new__(type(self))  # what else is kept belongs to the old response
        other.design, other.coordinates, other.cross = design, coordinates, cross
        other.variances, other._latest = self.variances, None
        other.one_factor = None if self.one_factor is None else OneFactor(cross)
        other.__dict__["pattern"] = self.pattern
        if "layout" in self.__dict__:
            other.__dict__["layout"] = self.layout.filled(cross)
        return other

    @cached_property
    def pattern(self) -> Pattern:
        """Which levels of the grouping factors occur together, and where each row's values go."""
        return pattern_of(self.design)

    @cached_property
    def layout(self) -> Layout:
        """The order of elimination; with one grouping factor only what goes beyond the criterion needs it."""
        layout = layout_of(self.cross)
        check_memory(layout)
        prepare(*COMPILED, evaluate_points)
        return layout

    @cached_property
    def flops(self) -> int:
        """Multiplications of one factorization of the general kind."""
        if self.one_factor is None:
            return self.layout.flops
        c = self.cross.p + 1
        return self.one_factor.levels * (self.one_factor.k * c * (c + 1) // 2) + c**3 // 6

    @property
    def size(self) -> int:
        """d, the number of variance parameters besides σ."""
        return self.variances.size

    @property
    def nonnegative(self) -> np.ndarray:
        """(d,) of bool: the parameters bounded below by zero, across which all is smooth."""
        return self.variances.nonnegative

    @cached_property
    def natural(self) -> np.ndarray:
        """(d,) changes that m rows a level can tell from none: of relative sds of the order 1/√m, by term."""
        units = [np.sqrt(len(term.factor) / self.cross.n) for term in self.design.terms]
        charts = zip(self.variances.charts, units, strict=True)
        return np.concatenate([chart.natural(unit) for chart, unit in charts])

    @property
    def start(self) -> np.ndarray:
        """(d,) φ with every relative factor the identity, or what is nearest to it."""
        return self.variances.start

    @cached_property
    def moments(self) -> np.ndarray:
        """(d,) φ where a search may begin: what moments say of the variances."""
        return moment_start(self.cross, self.variances, self.natural)

    def internal(self, theta: np.ndarray) -> np.ndarray:
        """θ → φ."""
        return self.variances.phi(theta)

    def external(self, phi: np.ndarray) -> np.ndarray:
        """φ → θ."""
        return self.variances.theta(phi)

    def factors(self, phi: np.ndarray) -> tuple[np.ndarray, ...]:
        """φ (d,) → each term's lower-triangular λ̃ (k, k)."""
        return self.variances.factors(phi)

    def external_factors(self, phi: np.ndarray) -> tuple[np.ndarray, ...]:
        """φ (d,) → each term's lower-triangular λ (k, k), in the user's units."""
        return self.variances.external_factors(phi)

    @one_thread()
    def factorization(self, phi: np.ndarray, ridge: np.ndarray | None = None) -> Factorization:
        """The factorization at φ, with a Gaussian prior on β if one is given (as in ``Factorization``)."""
        return Factorization(self.layout, self.group_factors(phi), ridge)

    @one_thread()
    def criterion(self, phi: np.ndarray, *, reml: bool) -> float:
        """−2 log-likelihood (restricted, if ``reml``) at φ; +∞ where it can't be evaluated."""
        if self.one_factor is not None:
            return float(self.criteria(self.variances.checked(phi)[None], reml=reml)[0])
        f = self.factorization(phi)
        return self._criterion(f, reml) if f.positive_definite else np.inf

    @one_thread()
    def criteria(self, phi: np.ndarray, *, reml: bool) -> np.ndarray:
        """(S,) the criterion at many points (S, d), in compiled code; +∞ where it can't be evaluated."""
        lam, p1 = self.group_factors_many(phi), self.cross.p + 1
        if self.one_factor is not None:
            out = self.one_factor.values(lam[:, 0])
        else:
            out = evaluate_many(self.layout, lam, np.zeros((p1, p1)), np.ones(len(lam)))
        values = self._value(out[:, 0], out[:, 1], out[:, 2], reml)
        return np.where(np.isfinite(values), values, np.inf)

    @one_thread()
    def criterion_and_gradient(self, phi: np.ndarray, *, reml: bool) -> tuple[float, np.ndarray]:
        """The criterion at φ and its gradient (d,), which is valid at singular λ too."""
        if self.one_factor is not None:
            return self.with_curvature(phi, reml=reml)[:2]
        f = self.factorization(phi)
        if not f.positive_definite:
            return np.inf, np.zeros(self.size)
        by_group = f.gradient(self._degrees(reml) / f.r2, with_fixed=reml)
        gradient = self.variances.pull_back(phi, by_group)
        return self._criterion(f, reml), gradient

    def relative_sigma(self, phi: np.ndarray, *, reml: bool) -> float:
        """σ̂ at φ, in units of the residual sd of a least-squares fit without random effects."""
        if self.one_factor is not None:
            r2 = self._at_point(self.variances.checked(phi), reml).r2
            return float(np.sqrt(r2 / self._degrees(reml))) if np.isfinite(r2) else 0.0
        f = self.factorization(phi)
        return float(np.sqrt(f.r2 / self._degrees(reml))) if f.positive_definite else 0.0

    @one_thread()
    def with_curvature(self, phi: np.ndarray, *, reml: bool) -> tuple[float, np.ndarray, np.ndarray]:
        """The criterion, its gradient (d,), and its Hessian (d, d) or, see ``exact``, a matrix close to it.

        The average information of Gilmour, Thompson & Cullis (1995), the mean of observed and expected, with
        σ profiled out, plus the curvature of λ → λλ' itself:

            B_pq = w_p'𝒫w_q/σ² − (h_p'v)(h_q'v)/(m σ⁴) + 2 Σ S_rr' over places (r, c) of p and (r', c) of q,

        h_p = (E_pλ' + λE_p')v, w_p = Zh_p, and S the derivative in λλ', from ∂f/∂λ = 2Sλ. It costs one
        forward substitution a parameter and no trace; it equals the Hessian's expectation at the optimum.
        """
        phi = self.variances.checked(phi)
        if self.one_factor is not None:
            return self._in_closed_form(phi, reml)
        near = self._off_boundary(phi)
        slopes = None if near is phi else self.covariance_slopes(phi, reml=reml)
        f, m = self.factorization(phi), self._degrees(reml)
        if not f.positive_definite:
            return np.inf, np.zeros(len(phi)), np.eye(len(phi))
        omega = f.r2 / m
        by_group = f.gradient(1.0 / omega, with_fixed=reml)
        v = f.score_residuals()
        h = [np.zeros((*scores.shape, len(phi))) for scores in v]
        correction = np.zeros((len(phi), len(phi)))
        factors = self.factors(phi)
        for t, (at, chart) in enumerate(self.variances.blocks):
            g, start = self.variances.place(t)
            own = slice(start, start + chart.k)
            for p, H in enumerate(chart.slopes(phi[at]), start=at.start):
                h[g][:, own, p] = v[g][:, own] @ H
            S = slopes[t] if slopes is not None else _covariance_slope(by_group[g, own, own], factors[t])
            correction[at, at] = chart.bend(phi[at], S)
        slope = sum(np.einsum("lkp,lk->p", a, b) for a, b in zip(h, v, strict=True))
        information = f.residual_products(h) / omega - np.outer(slope, slope) / (m * omega**2)
        return self._criterion(f, reml), self.variances.pull_back(phi, by_group), information + correction

    @one_thread()
    def covariance_slopes(self, phi: np.ndarray, *, reml: bool) -> list[np.ndarray]:
        """For each term S (k, k), the criterion's derivative in its relative covariance λ̃λ̃'.

        For a small change of it by a matrix Δ the criterion changes by tr(SΔ). Taken from ∂f/∂λ = 2Sλ, so
        that λ has to be invertible; a boundary is looked at from close by, where nothing cancels. The closed
        form for one grouping factor needs no such step.
        """
        if self.one_factor is not None:
            at = self._at_point(self.variances.checked(phi), reml)
            return self.variances.by_term(at.slope[None])
        phi = self._off_boundary(self.variances.checked(phi))
        f = self.factorization(phi)
        by_term = self.variances.by_term(f.gradient(self._degrees(reml) / f.r2, with_fixed=reml))
        return [_covariance_slope(*both) for both in zip(by_term, self.factors(phi), strict=True)]

    @one_thread()
    def log_r2_gradient(self, phi: np.ndarray) -> np.ndarray:
        """(d,) ∂ log r²/∂φ: how the profiled log σ̂² moves with the other parameters."""
        f = self.factorization(phi)
        with_r2 = f.gradient(1.0 / f.r2, with_fixed=False)
        return self.variances.pull_back(phi, with_r2 - f.gradient(0.0, with_fixed=False))

    @one_thread()
    def solution(self, phi: np.ndarray, *, reml: bool) -> Solution:
        """Everything at φ that an estimate reports, in the user's units."""
        phi, coordinates = self.variances.checked(phi), self.coordinates
        if self.one_factor is not None:
            f = self._at_point(phi, reml)
            zeta, inverse, broken = f.zeta, f.fixed_inverse, not np.isfinite(f.r2)
        else:
            f = self.factorization(phi)
            zeta, inverse, broken = f.fixed_solution(), f.fixed_inverse(), not f.positive_definite
        if broken:
            raise FloatingPointError("the factorization broke down")
        sigma = coordinates.scale * np.sqrt(f.r2 / self._degrees(reml))
        half = coordinates.unwhiten(inverse)  # C⁻¹R⁻ᵀ, row by row
        vcov = sigma**2 * coordinates.unwhiten(half.T)
        theta, factors = self.external(phi), self.external_factors(phi)
        for array in (theta, *factors):
            array.flags.writeable = False
        return Solution(
            criterion=float(self._value(f.log_det_M, f.log_det_C, f.r2, reml)),
            theta=theta,
            factors=factors,
            sigma=float(sigma),
            beta=coordinates.beta(zeta[:-1]),
            vcov=(vcov + vcov.T) / 2,
            _likelihood=self,
            _phi=phi,
        )

    @one_thread()
    def effects(self, phi: np.ndarray) -> tuple[np.ndarray, ...]:
        """(ℓ, k) for each term: the conditional modes b̂ = E[b | y] at φ, in the user's units."""
        f = self.factorization(phi)
        if not f.positive_definite:
            raise FloatingPointError("the factorization broke down")
        by_group, found = f.effects(*f.solve()), []
        for t, lam in enumerate(self.external_factors(phi)):
            g, start = self.variances.place(t)
            found.append(self.coordinates.scale * by_group[g][:, start : start + len(lam)] @ lam.T)
        for array in found:
            array.flags.writeable = False
        return tuple(found)

    @one_thread()
    def conditional_covariances(self, phi: np.ndarray, *, sigma: float) -> tuple[np.ndarray, ...]:
        """(ℓ, k, k) for each term: Var(b_j | y, β, θ, σ) = σ²λP_jjλ', as lme4's ``condVar``."""
        blocks = self.factorization(phi).inverse_blocks()
        covariances = []
        for t, lam in enumerate(self.external_factors(phi)):
            g, start = self.variances.place(t)
            at = slice(start, start + len(lam))
            covariances.append(sigma**2 * lam @ blocks[g][:, at, at] @ lam.T)
        return tuple(covariances)

    def group_factors(self, phi: np.ndarray) -> np.ndarray:
        """φ (d,) → the groups' relative factors (G, k_max, k_max), the terms' blocks on their diagonals."""
        return self.group_factors_many(self.variances.checked(phi)[None])[0]

    def group_factors_many(self, phi: np.ndarray) -> np.ndarray:
        """(S, d) → (S, G, k_max, k_max)."""
        return self.variances.group_factors_many(phi)

    def place(self, term: int) -> tuple[int, int]:
        """The group of a term, and where its columns begin there."""
        return self.variances.place(term)

    @property
    def exact(self) -> bool:
        """Whether :meth:`with_curvature` gives the Hessian itself."""
        return self.one_factor is not None

    def _at_point(self, phi: np.ndarray, reml: bool) -> AtPoint:
        """The closed form at φ; the latest is kept, for an optimum is asked for more than once."""
        key, latest = (phi.tobytes(), reml), self._latest
        if latest is None or latest[0] != key:
            degrees = float(self._degrees(reml))
            at = self.one_factor.at(self.group_factors(phi)[0], degrees=degrees, with_fixed=reml)
            self._latest = latest = key, at
        return latest[1]

    def _in_closed_form(self, phi: np.ndarray, reml: bool) -> tuple[float, np.ndarray, np.ndarray]:
        """Criterion, gradient and Hessian with one grouping factor; ``blocks.one_factor`` derives them."""
        at = self._at_point(phi, reml)
        if not np.isfinite(at.r2):
            return np.inf, np.zeros(self.size), np.eye(self.size)
        changes = np.zeros((self.size, self.one_factor.k, self.one_factor.k))
        bend = np.zeros((self.size, self.size))
        for t, (own, chart) in enumerate(self.variances.blocks):
            start = self.variances.place(t)[1]
            columns = slice(start, start + chart.k)
            changes[own, columns, columns] = chart.slopes(phi[own])
            bend[own, own] = chart.bend(phi[own], at.slope[columns, columns])
        value = float(self._value(at.log_det_M, at.log_det_C, at.r2, reml))
        return value, at.gradient(changes), at.hessian(changes) + bend

    def _off_boundary(self, phi: np.ndarray) -> np.ndarray:
        """φ itself, or, if a λ̃ is all but singular, a point just off the boundary."""
        out = phi
        for at, chart in self.variances.blocks:
            probe = PROBE * self.natural[at.start]
            off = chart.off_boundary(phi[at], probe)
            if off is not phi[at] and (off != phi[at]).any():
                out = out.copy() if out is phi else out
                out[at] = off
        return out

    def _degrees(self, reml: bool) -> int:
        return self.cross.n - self.cross.p if checked_reml(reml) else self.cross.n

    def _criterion(self, f: Factorization, reml: bool) -> float:
        return float(self._value(f.log_det_M, f.log_det_C, f.r2, reml))

    def _value(
        self, log_det_M: np.ndarray | float, log_det_C: np.ndarray | float, r2: np.ndarray | float, reml: bool
    ) -> np.ndarray:
        """The criterion in the user's units, from what a factorization says."""
        coordinates, m = self.coordinates, self._degrees(reml)
        value = log_det_M + m * (1.0 + np.log(2.0 * np.pi * r2 / m))
        value = value + 2.0 * m * np.log(coordinates.scale) - coordinates.sum_log_weights
        return value + log_det_C + 2.0 * coordinates.log_det_R if reml else value


def checked_reml(reml: object) -> bool:
    """Whether the restricted likelihood is meant: True, or False for ML, and nothing else.

    Raises
    ------
    ModelError
        If it is neither.
    """
    if not isinstance(reml, bool | np.bool_):
        raise ModelError(
            f"reml is {reml!r}", expected="True or False", advice="reml=False for ML, reml=True for REML"
        )
    return bool(reml)


def _covariance_slope(gradient: np.ndarray, lam: np.ndarray) -> np.ndarray:
    """S (k, k) from ∂f/∂λ = 2Sλ."""
    S = 0.5 * gradient @ np.linalg.inv(lam)
    return (S + S.T) / 2
