"""The exact marginal likelihood of a Gaussian mixed model, b (and for REML β) integrated out.

Read off one factorization (Bates, Mächler, Bolker & Walker 2015, eqs. 34 and 42):

    ML     −2 log L   = log|M| + n (1 + log(2π r²/n))
    REML   −2 log L_R = log|M| + log|C| + (n − p) (1 + log(2π r²/(n − p)))

with σ profiled out, σ̂² = r²/n or r²/(n − p). All constants are included, as in lme4. The parameters are
θ, the entries of the terms' relative factors; inside, they are φ, the same factors in the coordinates of
:mod:`bayesmm.likelihood.coordinates`, where all are of order one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_solve

from bayesmm.blocks.describe import check_memory
from bayesmm.blocks.factorization import COMPILED, Factorization
from bayesmm.blocks.kernels.batch import evaluate_many, evaluate_points
from bayesmm.blocks.kernels.routine import prepare
from bayesmm.blocks.layout import layout_of
from bayesmm.covariance import Covariance
from bayesmm.design.design import Design
from bayesmm.errors import ModelError
from bayesmm.likelihood.coordinates import coordinates_of, cross_product_of
from bayesmm.parallel import one_thread

PROBE = 1e-5
"""How far off the boundary, in natural scales, the slope in a covariance is looked at."""


@dataclass(frozen=True, eq=False)
class Solution:
    """What one factorization says at given parameters, in the user's units.

    Attributes
    ----------
    criterion
        −2 log-likelihood, or −2 restricted log-likelihood.
    theta
        (d,) relative covariance parameters.
    factors
        λ (k, k) for each term: Cov(b_j) = σ²λλ'.
    sigma
        The residual standard deviation.
    beta, vcov
        (p,) the generalised-least-squares coefficients, and (p, p) σ²(X'V⁻¹X)⁻¹.
    effects
        (ℓ, k) for each term: the conditional modes b̂ = E[b | y] at these parameters.
    """

    criterion: float
    theta: np.ndarray
    factors: tuple[np.ndarray, ...]
    sigma: float
    beta: np.ndarray
    vcov: np.ndarray
    effects: tuple[np.ndarray, ...]


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
        self.coordinates = coordinates_of(design)
        self.cross = cross_product_of(design, self.coordinates)
        self.layout = layout_of(self.cross)
        check_memory(self.layout)
        prepare(*COMPILED, evaluate_points)
        self._structures = [term.covariance for term in design.terms]
        ends = np.cumsum([structure.size for structure in self._structures])
        self._slices = [
            slice(int(end) - s.size, int(end)) for end, s in zip(ends, self._structures, strict=True)
        ]
        self._place = {
            t: (g, start)
            for g, group in enumerate(self.cross.groups)
            for t, start in zip(group.terms, group.starts, strict=True)
        }

    def __repr__(self) -> str:
        return (
            f"MarginalLikelihood({str(self.design.formula)!r}: {self.design.n} rows, {self.size} parameters)"
        )

    @property
    def size(self) -> int:
        """d, the number of variance parameters besides σ."""
        return self._slices[-1].stop

    @property
    def nonnegative(self) -> np.ndarray:
        """(d,) of bool: the parameters bounded below by zero."""
        return np.concatenate([structure.nonnegative for structure in self._structures])

    @property
    def blocks(self) -> list[tuple[slice, Covariance]]:
        """For each term, where its parameters lie and their structure."""
        return list(zip(self._slices, self._structures, strict=True))

    @cached_property
    def natural(self) -> np.ndarray:
        """(d,) the relative standard deviations that m rows a level can tell, of the order 1/√m, by term."""
        scale = np.empty(self.size)
        for at, term in zip(self._slices, self.design.terms, strict=True):
            scale[at] = np.sqrt(len(term.factor) / self.cross.n)
        return scale

    @property
    def start(self) -> np.ndarray:
        """(d,) φ with every relative factor the identity."""
        return np.concatenate([s.parameters(np.eye(s.k)) for s in self._structures])

    def checked(self, parameters: np.ndarray, *, many: bool = False) -> np.ndarray:
        """Parameters (d,), or (S, d) if there are many, as floats.

        Raises
        ------
        ModelError
            If they have another shape, or aren't numbers.
        """
        try:
            found = np.asarray(parameters, dtype=float)
        except (TypeError, ValueError):
            raise self._wrong(f"the parameters are {parameters!r}") from None
        if found.ndim != 1 + many or found.shape[-1] != self.size:
            raise self._wrong(f"the parameters have the shape {found.shape}")
        return found

    def internal(self, theta: np.ndarray) -> np.ndarray:
        """θ → φ."""
        factors = self.factors(theta)
        return np.concatenate(
            [
                structure.parameters(self.coordinates.factor_in(t, factors[t]))
                for t, structure in enumerate(self._structures)
            ]
        )

    def external(self, phi: np.ndarray) -> np.ndarray:
        """φ → θ."""
        factors = self.factors(phi)
        return np.concatenate(
            [
                structure.parameters(self.coordinates.factor_out(t, factors[t]))
                for t, structure in enumerate(self._structures)
            ]
        )

    def factors(self, parameters: np.ndarray) -> tuple[np.ndarray, ...]:
        """Parameters (d,) → each term's lower-triangular factor (k, k), in the same coordinates."""
        parameters = self.checked(parameters)
        return tuple(
            structure.factor(parameters[at])
            for structure, at in zip(self._structures, self._slices, strict=True)
        )

    @one_thread()
    def factorization(self, phi: np.ndarray, ridge: np.ndarray | None = None) -> Factorization:
        """The factorization at φ, with a Gaussian prior on β if one is given (as in ``Factorization``)."""
        return Factorization(self.layout, self.group_factors(phi), ridge)

    @one_thread()
    def criterion(self, phi: np.ndarray, *, reml: bool) -> float:
        """−2 log-likelihood (restricted, if ``reml``) at φ; +∞ where it can't be evaluated."""
        f = self.factorization(phi)
        return self._criterion(f, reml) if f.positive_definite else np.inf

    @one_thread()
    def criteria(self, phi: np.ndarray, *, reml: bool) -> np.ndarray:
        """(S,) the criterion at many points (S, d), in compiled code; +∞ where it can't be evaluated."""
        lam, p1 = self.group_factors_many(phi), self.cross.p + 1
        out = evaluate_many(self.layout, lam, np.zeros((p1, p1)), np.ones(len(lam)))
        values = self._value(out[:, 0], out[:, 1], out[:, 2], reml)
        return np.where(np.isfinite(values), values, np.inf)

    @one_thread()
    def criterion_and_gradient(self, phi: np.ndarray, *, reml: bool) -> tuple[float, np.ndarray]:
        """The criterion at φ and its gradient (d,), which is valid at singular λ too."""
        f = self.factorization(phi)
        if not f.positive_definite:
            return np.inf, np.zeros(self.size)
        by_group = f.gradient(self._degrees(reml) / f.r2, with_fixed=reml)
        gradient = self.pull_back(by_group)
        return self._criterion(f, reml), gradient

    def relative_sigma(self, phi: np.ndarray, *, reml: bool) -> float:
        """σ̂ at φ, in units of the residual sd of a least-squares fit without random effects."""
        f = self.factorization(phi)
        return float(np.sqrt(f.r2 / self._degrees(reml))) if f.positive_definite else 0.0

    @one_thread()
    def with_curvature(self, phi: np.ndarray, *, reml: bool) -> tuple[float, np.ndarray, np.ndarray]:
        """The criterion, its gradient (d,), and a matrix (d, d) close to its Hessian.

        The average information of Gilmour, Thompson & Cullis (1995), the mean of observed and expected, with
        σ profiled out, plus the curvature of λ → λλ' itself:

            B_pq = w_p'𝒫w_q/σ² − (h_p'v)(h_q'v)/(m σ⁴) + 2 Σ S_rr' over places (r, c) of p and (r', c) of q,

        h_p = (E_pλ' + λE_p')v, w_p = Zh_p, and S the derivative in λλ', from ∂f/∂λ = 2Sλ. It costs one
        forward substitution a parameter and no trace; it equals the Hessian's expectation at the optimum.
        """
        phi = self.checked(phi)
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
        for t, structure in enumerate(self._structures):
            g, start = self._place[t]
            at, lam = slice(start, start + structure.k), factors[t]
            for p, places in enumerate(structure.entries, start=self._slices[t].start):
                E = np.zeros_like(lam)
                for place in places:
                    E[place] = 1.0
                h[g][:, at, p] = v[g][:, at] @ (E @ lam.T + lam @ E.T)
            S = slopes[t] if slopes is not None else _covariance_slope(by_group[g, at, at], lam)
            correction[self._slices[t], self._slices[t]] = _factor_curvature(structure, S)
        slope = sum(np.einsum("lkp,lk->p", a, b) for a, b in zip(h, v, strict=True))
        information = f.residual_products(h) / omega - np.outer(slope, slope) / (m * omega**2)
        return self._criterion(f, reml), self.pull_back(by_group), information + correction

    @one_thread()
    def covariance_slopes(self, phi: np.ndarray, *, reml: bool) -> list[np.ndarray]:
        """For each term S (k, k), the criterion's derivative in its relative covariance λ̃λ̃'.

        For a small change of it by a matrix Δ the criterion changes by tr(SΔ). Taken from ∂f/∂λ = 2Sλ, so
        that λ has to be invertible; a boundary is looked at from close by, where nothing cancels.
        """
        phi = self._off_boundary(self.checked(phi))
        f = self.factorization(phi)
        by_group = f.gradient(self._degrees(reml) / f.r2, with_fixed=reml)
        slopes = []
        for t, lam in enumerate(self.factors(phi)):
            g, start = self._place[t]
            at = slice(start, start + len(lam))
            slopes.append(_covariance_slope(by_group[g, at, at], lam))
        return slopes

    @one_thread()
    def log_r2_gradient(self, phi: np.ndarray) -> np.ndarray:
        """(d,) ∂ log r²/∂φ: how the profiled log σ̂² moves with the other parameters."""
        f = self.factorization(phi)
        with_r2 = f.gradient(1.0 / f.r2, with_fixed=False)
        return self.pull_back(with_r2 - f.gradient(0.0, with_fixed=False))

    @one_thread()
    def solution(self, phi: np.ndarray, *, reml: bool) -> Solution:
        """Everything at φ that an estimate reports, in the user's units."""
        f, coordinates = self.factorization(phi), self.coordinates
        if not f.positive_definite:
            raise FloatingPointError("the factorization broke down")
        u, z = f.solve()
        sigma = coordinates.scale * np.sqrt(f.r2 / self._degrees(reml))
        p = coordinates.p
        inverse = cho_solve((f.fixed_factor(), True), np.eye(p)) if p else np.zeros((0, 0))
        half = coordinates.unwhiten(inverse)  # C⁻¹R⁻ᵀ, row by row
        vcov = sigma**2 * coordinates.unwhiten(half.T)
        factors = self._external_factors(phi)
        by_group = f.effects(u, z)
        effects = []
        for t, lam in enumerate(factors):
            g, start = self._place[t]
            effects.append(coordinates.scale * by_group[g][:, start : start + len(lam)] @ lam.T)
        theta = self.external(phi)
        for array in (theta, *factors, *effects):
            array.flags.writeable = False
        return Solution(
            criterion=self._criterion(f, reml),
            theta=theta,
            factors=factors,
            sigma=float(sigma),
            beta=coordinates.beta(z[self.layout.q_tail : -1]),
            vcov=(vcov + vcov.T) / 2,
            effects=tuple(effects),
        )

    @one_thread()
    def conditional_covariances(self, phi: np.ndarray, *, sigma: float) -> tuple[np.ndarray, ...]:
        """(ℓ, k, k) for each term: Var(b_j | y, β, θ, σ) = σ²λP_jjλ', as lme4's ``condVar``."""
        blocks = self.factorization(phi).inverse_blocks()
        covariances = []
        for t, lam in enumerate(self._external_factors(phi)):
            g, start = self._place[t]
            at = slice(start, start + len(lam))
            covariances.append(sigma**2 * lam @ blocks[g][:, at, at] @ lam.T)
        return tuple(covariances)

    def pull_back(self, by_group: np.ndarray) -> np.ndarray:
        """Groups' gradients (G, k, k) → (d,)."""
        gradient = np.empty(self.size)
        for t, structure in enumerate(self._structures):
            g, start = self._place[t]
            block = by_group[g, start : start + structure.k, start : start + structure.k]
            gradient[self._slices[t]] = structure.pull_back(block)
        return gradient

    def _external_factors(self, phi: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(self.coordinates.factor_out(t, lam) for t, lam in enumerate(self.factors(phi)))

    def group_factors(self, phi: np.ndarray) -> np.ndarray:
        """φ (d,) → the groups' relative factors (G, k_max, k_max), the terms' blocks on their diagonals."""
        return self.group_factors_many(self.checked(phi)[None])[0]

    def group_factors_many(self, phi: np.ndarray) -> np.ndarray:
        """(S, d) → (S, G, k_max, k_max)."""
        phi, k = self.checked(phi, many=True), self.layout.k_max
        lam = np.zeros((len(phi), len(self.cross.groups), k, k))
        for t, (at, structure) in enumerate(self.blocks):
            g, start = self._place[t]
            for p, places in enumerate(structure.entries, start=at.start):
                for r, c in places:
                    lam[:, g, start + r, start + c] = phi[:, p]
        return lam

    def external_factors_many(self, phi: np.ndarray) -> list[np.ndarray]:
        """(S, d) → each term's λ (S, k, k) in the user's units."""
        phi, found = self.checked(phi, many=True), []
        for t, (at, structure) in enumerate(self.blocks):
            lam = np.zeros((len(phi), structure.k, structure.k))
            for p, places in enumerate(structure.entries, start=at.start):
                for place in places:
                    lam[(slice(None), *place)] = phi[:, p]
            found.append(np.linalg.inv(self.coordinates.bases[t]) @ lam)
        return found

    def internal_many(self, factors: Sequence[np.ndarray]) -> np.ndarray:
        """Each term's λ (S, k, k) in the user's units → φ (S, d): the way back from external_factors_many."""
        parts = []
        for t, (lam, structure) in enumerate(zip(factors, self._structures, strict=True)):
            whitened = self.coordinates.bases[t] @ lam
            parts.append(np.stack([whitened[:, r, c] for (r, c), *_ in structure.entries], axis=1))
        return np.hstack(parts)

    def place(self, term: int) -> tuple[int, int]:
        """The group of a term, and where its columns begin there."""
        return self._place[term]

    def _off_boundary(self, phi: np.ndarray) -> np.ndarray:
        """φ itself, or, if a diagonal is all but zero, a point just off the boundary."""
        low = self.nonnegative & (np.abs(phi) < PROBE * self.natural)
        return np.where(low, PROBE * self.natural, phi) if low.any() else phi

    def _wrong(self, got: str) -> ModelError:
        terms = zip(self.design.terms, self._structures, strict=True)
        parts = ", ".join(f"{structure.size} for ({term.label})" for term, structure in terms)
        return ModelError(
            got,
            expected=f"{self.size} numbers: {parts}; at many points, a row of them for each",
            advice="model.fit().theta, which has them in this order",
        )

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


def _factor_curvature(structure: Covariance, S: np.ndarray) -> np.ndarray:
    """(size, size) ⟨S, ∂²(λλ')/∂θ_p∂θ_q⟩: 2 S_rr' for each pair of places in one column."""
    size = structure.size
    out = np.zeros((size, size))
    for p, places in enumerate(structure.entries):
        for q, others in enumerate(structure.entries):
            out[p, q] = sum(2 * S[r, s] for r, c in places for s, e in others if c == e)
    return out
