"""The criterion that an estimate minimises: ML or REML, with σ profiled out.

Read off one factorization (Bates, Mächler, Bolker & Walker 2015, eqs. 34 and 42):

    ML     −2 log L   = log|M| + n (1 + log(2π r²/n))
    REML   −2 log L_R = log|M| + log|C| + (n − p) (1 + log(2π r²/(n − p)))

with b (and for REML β) integrated out and σ profiled out, σ̂² = r²/n or r²/(n − p). All constants are
included, as in lme4. One object is the criterion of ML or of REML, as a function of φ (d,): nothing that
takes it hears of which of the two it is.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from bayesmm.blocks.factorization import Factorization
from bayesmm.blocks.kernels.batch import evaluate_many
from bayesmm.blocks.one_factor import AtPoint
from bayesmm.covariance import Chart
from bayesmm.errors import ModelError
from bayesmm.likelihood.marginal import MarginalLikelihood
from bayesmm.likelihood.solution import Solution
from bayesmm.parallel import one_thread

PROBE = 1e-5
"""How far off the boundary, in natural scales, the slope in a covariance is looked at."""


class Profiled:
    """−2 log-likelihood, or −2 restricted log-likelihood, as a function of φ.

    Parameters
    ----------
    likelihood
        Of the model.
    reml
        True for the restricted likelihood, False for ML.

    Raises
    ------
    ModelError
        If ``reml`` is neither.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.design import build_design
    >>> likelihood = MarginalLikelihood(build_design("Yield ~ 1 + (1 | Batch)", load_data("Dyestuff")))
    >>> ml = Profiled(likelihood, reml=False)
    >>> round(ml.value(likelihood.internal([0.7525807])), 4)
    327.3271
    """

    def __init__(self, likelihood: MarginalLikelihood, *, reml: bool) -> None:
        self.likelihood = likelihood
        self.reml = checked_reml(reml)
        self.n = likelihood.cross.n
        self._latest: tuple[bytes, AtPoint] | None = None

    @property
    def method(self) -> str:
        """``"REML"`` or ``"ML"``."""
        return "REML" if self.reml else "ML"

    @property
    def degrees(self) -> int:
        """m, what σ̂² is a mean over: n, or n − p for REML."""
        return self.n - (self.likelihood.cross.p if self.reml else 0)

    @property
    def size(self) -> int:
        """d, the number of variance parameters besides σ."""
        return self.likelihood.size

    @property
    def blocks(self) -> list[tuple[slice, Chart]]:
        """For each term, where its parameters lie in φ and their chart."""
        return self.likelihood.variances.blocks

    @property
    def natural(self) -> np.ndarray:
        """(d,) changes that the data can tell from none, roughly."""
        return self.likelihood.natural

    @property
    def start(self) -> np.ndarray:
        """(d,) φ where a search begins, from moments."""
        return self.likelihood.moments

    @property
    def cost(self) -> float:
        """Multiplications of one factorization."""
        return self.likelihood.flops

    @property
    def exact(self) -> bool:
        """Whether :meth:`with_curvature` gives the Hessian itself."""
        return self.likelihood.one_factor is not None

    def checked(self, phi: np.ndarray) -> np.ndarray:
        """φ (d,) as floats.

        Raises
        ------
        ModelError
            If it has another shape, or isn't numbers.
        """
        return self.likelihood.variances.checked(phi)

    @one_thread()
    def value(self, phi: np.ndarray) -> float:
        """−2 log-likelihood (restricted, for REML) at φ; +∞ where it can't be evaluated."""
        if self.likelihood.one_factor is not None:
            return float(self.values(self.checked(phi)[None])[0])
        f = self.likelihood.factorization(phi)
        return self._criterion(f) if f.positive_definite else np.inf

    @one_thread()
    def values(self, phi: np.ndarray) -> np.ndarray:
        """(S,) the criterion at many points (S, d), in compiled code; +∞ where it can't be evaluated."""
        lam, p1 = self.likelihood.group_factors_many(phi), self.likelihood.cross.p + 1
        if self.likelihood.one_factor is not None:
            out = self.likelihood.one_factor.values(lam[:, 0])
        else:
            out = evaluate_many(self.likelihood.layout, lam, np.zeros((p1, p1)), np.ones(len(lam)))
        values = self._value(out[:, 0], out[:, 1], out[:, 2])
        return np.where(np.isfinite(values), values, np.inf)

    @one_thread()
    def value_and_gradient(self, phi: np.ndarray) -> tuple[float, np.ndarray]:
        """The criterion at φ and its gradient (d,), which is valid at singular λ too."""
        if self.likelihood.one_factor is not None:
            return self.with_curvature(phi)[:2]
        f = self.likelihood.factorization(phi)
        if not f.positive_definite:
            return np.inf, np.zeros(self.size)
        by_group = f.gradient(self.degrees / f.r2, with_fixed=self.reml)
        gradient = self.likelihood.variances.pull_back(phi, by_group)
        return self._criterion(f), gradient

    def relative_sigma(self, phi: np.ndarray) -> float:
        """σ̂ at φ, in units of the residual sd of a least-squares fit without random effects."""
        if self.likelihood.one_factor is not None:
            r2 = self._at_point(self.checked(phi)).r2
            return float(np.sqrt(r2 / self.degrees)) if np.isfinite(r2) else 0.0
        f = self.likelihood.factorization(phi)
        return float(np.sqrt(f.r2 / self.degrees)) if f.positive_definite else 0.0

    @one_thread()
    def with_curvature(self, phi: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """The criterion, its gradient (d,), and its Hessian (d, d) or, see ``exact``, a matrix close to it.

        The average information of Gilmour, Thompson & Cullis (1995), the mean of observed and expected, with
        σ profiled out, plus the curvature of λ → λλ' itself:

            B_pq = w_p'𝒫w_q/σ² − (h_p'v)(h_q'v)/(m σ⁴) + 2 Σ S_rr' over places (r, c) of p and (r', c) of q,

        h_p = (E_pλ' + λE_p')v, w_p = Zh_p, and S the derivative in λλ', from ∂f/∂λ = 2Sλ. It costs one
        forward substitution a parameter and no trace; it equals the Hessian's expectation at the optimum.
        """
        phi = self.checked(phi)
        if self.likelihood.one_factor is not None:
            return self._in_closed_form(phi)
        near = self._off_boundary(phi)
        slopes = None if near is phi else self.slopes(phi)
        f, m = self.likelihood.factorization(phi), self.degrees
        if not f.positive_definite:
            return np.inf, np.zeros(len(phi)), np.eye(len(phi))
        omega = f.r2 / m
        by_group = f.gradient(1.0 / omega, with_fixed=self.reml)
        v = f.score_residuals()
        h = [np.zeros((*scores.shape, len(phi))) for scores in v]
        correction = np.zeros((len(phi), len(phi)))
        factors = self.likelihood.factors(phi)
        for t, (at, chart) in enumerate(self.likelihood.variances.blocks):
            g, start = self.likelihood.variances.place(t)
            own = slice(start, start + chart.k)
            for p, H in enumerate(chart.slopes(phi[at]), start=at.start):
                h[g][:, own, p] = v[g][:, own] @ H
            S = slopes[t] if slopes is not None else _covariance_slope(by_group[g, own, own], factors[t])
            correction[at, at] = chart.bend(phi[at], S)
        slope = sum(np.einsum("lkp,lk->p", a, b) for a, b in zip(h, v, strict=True))
        information = f.residual_products(h) / omega - np.outer(slope, slope) / (m * omega**2)
        return (
            self._criterion(f),
            self.likelihood.variances.pull_back(phi, by_group),
            information + correction,
        )

    @one_thread()
    def slopes(self, phi: np.ndarray) -> list[np.ndarray]:
        """For each term S (k, k), the criterion's derivative in its relative covariance λ̃λ̃'.

        For a small change of it by a matrix Δ the criterion changes by tr(SΔ). Taken from ∂f/∂λ = 2Sλ, so
        that λ has to be invertible; a boundary is looked at from close by, where nothing cancels. The closed
        form for one grouping factor needs no such step.
        """
        if self.likelihood.one_factor is not None:
            at = self._at_point(self.checked(phi))
            return self.likelihood.variances.by_term(at.slope[None])
        phi = self._off_boundary(self.checked(phi))
        f = self.likelihood.factorization(phi)
        by_term = self.likelihood.variances.by_term(f.gradient(self.degrees / f.r2, with_fixed=self.reml))
        return [_covariance_slope(*both) for both in zip(by_term, self.likelihood.factors(phi), strict=True)]

    @one_thread()
    def solution(self, phi: np.ndarray) -> Solution:
        """Everything at φ that an estimate reports, in the user's units."""
        phi, coordinates = self.checked(phi), self.likelihood.coordinates
        if self.likelihood.one_factor is not None:
            f = self._at_point(phi)
            zeta, inverse, broken = f.zeta, f.fixed_inverse, not np.isfinite(f.r2)
        else:
            f = self.likelihood.factorization(phi)
            zeta, inverse, broken = f.fixed_solution(), f.fixed_inverse(), not f.positive_definite
        if broken:
            raise FloatingPointError("the factorization broke down")
        sigma = coordinates.scale * np.sqrt(f.r2 / self.degrees)
        half = coordinates.unwhiten(inverse)  # C⁻¹R⁻ᵀ, row by row
        vcov = sigma**2 * coordinates.unwhiten(half.T)
        theta, factors = self.likelihood.external(phi), self.likelihood.external_factors(phi)
        for array in (theta, *factors):
            array.flags.writeable = False
        return Solution(
            criterion=float(self._value(f.log_det_M, f.log_det_C, f.r2)),
            theta=theta,
            factors=factors,
            sigma=float(sigma),
            beta=coordinates.beta(zeta[:-1]),
            vcov=(vcov + vcov.T) / 2,
            _likelihood=self.likelihood,
            _phi=phi,
        )

    def deviance(self, phi: np.ndarray, log_omega: float) -> tuple[float, np.ndarray]:
        """D(φ, ω), σ not profiled out, and its gradient in (φ, log ω) (d + 1,); +∞ where it has none.

        With ω = σ² in units of the coordinates' scale and m as in :attr:`degrees`,

            D = log|M| + m log(2πω) + r²/ω  [+ log|C| for REML],    ∂D/∂log ω = m − r²/ω.
        """
        likelihood, m = self.likelihood, self.degrees
        with np.errstate(over="ignore"):
            omega = float(np.exp(log_omega))
        f = likelihood.factorization(phi) if 1e-200 < omega < 1e200 else None
        if f is None or not f.positive_definite:
            return np.inf, np.zeros(self.size + 1)
        by_group = f.gradient(1.0 / omega, with_fixed=self.reml)
        gradient = np.append(likelihood.variances.pull_back(phi, by_group), m - f.r2 / omega)
        deviance = f.log_det_M + m * (np.log(2.0 * np.pi) + log_omega) + f.r2 / omega
        if self.reml:
            deviance += f.log_det_C
        return deviance + self._constant, gradient

    @cached_property
    def _constant(self) -> float:
        """What the coordinates add to the criterion, and to D."""
        coordinates = self.likelihood.coordinates
        value = 2.0 * self.degrees * np.log(coordinates.scale) - coordinates.sum_log_weights
        return float(value + 2.0 * coordinates.log_det_R if self.reml else value)

    def _at_point(self, phi: np.ndarray) -> AtPoint:
        """The closed form at φ; the latest is kept, for an optimum is asked for more than once."""
        key, latest = phi.tobytes(), self._latest
        if latest is None or latest[0] != key:
            lam, degrees = self.likelihood.group_factors(phi)[0], float(self.degrees)
            at = self.likelihood.one_factor.at(lam, degrees=degrees, with_fixed=self.reml)
            self._latest = latest = key, at
        return latest[1]

    def _in_closed_form(self, phi: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Criterion, gradient and Hessian with one grouping factor; ``blocks.one_factor`` derives them."""
        at = self._at_point(phi)
        if not np.isfinite(at.r2):
            return np.inf, np.zeros(self.size), np.eye(self.size)
        changes, bend = self._bent(phi, at.slope)
        value = float(self._value(at.log_det_M, at.log_det_C, at.r2))
        return value, at.gradient(changes), at.hessian(changes) + bend

    def _bent(self, phi: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(d, k, k) how the one group's Ψ changes with each parameter, and (d, d) ⟨slope, ∂²Ψ⟩."""
        variances, k = self.likelihood.variances, len(slope)
        if len(variances.charts) == 1:
            return variances.charts[0].slopes(phi), variances.charts[0].bend(phi, slope)
        changes, bend = np.zeros((self.size, k, k)), np.zeros((self.size, self.size))
        for t, (own, chart) in enumerate(variances.blocks):
            start = variances.place(t)[1]
            columns = slice(start, start + chart.k)
            changes[own, columns, columns] = chart.slopes(phi[own])
            bend[own, own] = chart.bend(phi[own], slope[columns, columns])
        return changes, bend

    def _off_boundary(self, phi: np.ndarray) -> np.ndarray:
        """φ itself, or, if a λ̃ is all but singular, a point just off the boundary."""
        out = phi
        for at, chart in self.likelihood.variances.blocks:
            probe = PROBE * self.natural[at.start]
            off = chart.off_boundary(phi[at], probe)
            if off is not phi[at] and (off != phi[at]).any():
                out = out.copy() if out is phi else out
                out[at] = off
        return out

    def _criterion(self, f: Factorization) -> float:
        return float(self._value(f.log_det_M, f.log_det_C, f.r2))

    def _value(
        self, log_det_M: np.ndarray | float, log_det_C: np.ndarray | float, r2: np.ndarray | float
    ) -> np.ndarray:
        """The criterion in the user's units, from what a factorization says."""
        value = log_det_M + self.degrees * (1.0 + np.log(2.0 * np.pi * r2 / self.degrees)) + self._constant
        return value + log_det_C if self.reml else value


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
