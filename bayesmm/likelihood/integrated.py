"""p(y | λ, σ) with b and β integrated out, for normal priors on β: what the marginal posterior is made of.

With β ~ N(m₀, P₀⁻¹), ω = σ², ωP₀ added to X'X, ωP₀m₀ to X'y and ωm₀'P₀m₀ to y'y,

    −2 log p(y | λ, σ) = n log 2π + (n − p) log ω + log|M| + log|C| − log|P₀| + r²/ω,
    ∂/∂log ω = n − p + ω tr(C⁻¹P₀) + (β̂ − m₀)'P₀(β̂ − m₀) − r²/ω     at fixed λ,

and its gradient in λ is the kernel's with κ = 1/ω and w = 1. Everything is computed in the whitened
coordinates of :mod:`bayesmm.likelihood.coordinates`, whose change of variables the value allows for.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.linalg import solve_triangular

from bayesmm.blocks.kernels.batch import evaluate_some
from bayesmm.blocks.kernels.dense import SMALL
from bayesmm.blocks.kernels.density import log_density
from bayesmm.blocks.layout import Layout, LayoutAt
from bayesmm.blocks.packed import Extent, pack
from bayesmm.errors import ModelError
from bayesmm.likelihood.marginal import MarginalLikelihood
from bayesmm.parallel import one_thread

STREAMS = 16
"""Pieces of a set of draws that have random numbers of their own."""


@dataclass(frozen=True, eq=False)
class ConditionalDraws:
    """One draw of (b, β) at each of S points, in the user's units.

    ``beta`` (S, p); ``effects`` (S, ℓ, k) for each term.
    """

    beta: np.ndarray
    effects: tuple[np.ndarray, ...]


class IntegratedLikelihood:
    """p(y | λ, σ) of a design with a normal prior on its coefficients.

    λ are the groups' relative factors in the whitened coordinates, (G, k_max, k_max), as
    :meth:`~bayesmm.likelihood.variances.Variances.group_factors_many` makes them of φ, or ``whitened`` of the
    factors in the user's units: whatever a covariance structure is like, here it is its λ.

    Parameters
    ----------
    likelihood
        The design's marginal likelihood: its coordinates, cross-product and layout are used.
    prior_mean, prior_precision
        m₀ (p,) and P₀ (p, p) of the coefficients of X as it stands.
    """

    def __init__(
        self, likelihood: MarginalLikelihood, prior_mean: np.ndarray, prior_precision: np.ndarray
    ) -> None:
        self.likelihood = likelihood
        coordinates = likelihood.coordinates
        p, scale = coordinates.p, coordinates.scale
        half = scale * solve_triangular(coordinates.R, np.eye(p)) if p else np.zeros((0, 0))
        self._precision = half.T @ prior_precision @ half
        self._mean = coordinates.R @ (prior_mean - coordinates.gamma) / scale if p else np.zeros(0)
        Pm = self._precision @ self._mean
        self._ridge = np.zeros((p + 1, p + 1))
        self._ridge[:p, :p] = self._precision
        self._ridge[p, :p] = self._ridge[:p, p] = Pm
        self._ridge[p, p] = self._mean @ Pm
        self._log_det_prior = float(np.linalg.slogdet(self._precision)[1]) if p else 0.0

    @property
    def size(self) -> int:
        """d, the number of relative covariance parameters."""
        return self.likelihood.size

    @property
    def ridge(self) -> np.ndarray:
        """(p + 1, p + 1) what the prior, times ω, adds to [X y]'[X y] in the whitened coordinates."""
        return self._ridge

    @property
    def log_det_prior(self) -> float:
        """log|P₀| in the whitened coordinates."""
        return self._log_det_prior

    def omega(self, log_sigma: np.ndarray, points: int) -> np.ndarray:
        """(S,) ω = σ² in the whitened coordinates.

        Raises
        ------
        ModelError
            If log σ isn't one number for each of the S points.
        """
        found = np.asarray(log_sigma, dtype=float)
        if found.shape != (points,):
            raise ModelError(
                f"log σ has the shape {found.shape}",
                expected=f"({points},), one number for each point",
                advice="np.full(len(lam), log_sigma) for the same σ at all of them",
            )
        with np.errstate(over="ignore", under="ignore"):
            return np.exp(2.0 * (found - np.log(self.likelihood.coordinates.scale)))

    def log_density(
        self, lam: np.ndarray, log_sigma: float, layout: Layout | None = None
    ) -> tuple[float, np.ndarray, float]:
        """log p(y | λ, σ), its gradient in λ (G, k_max, k_max) and its derivative in log σ.

        Lower triangles count, and threads may call it at once.

        Where it can't be computed it is −∞, and the derivatives are zero. ``layout`` is that of another
        response, if it isn't the design's.
        """
        point = self.checked(lam)
        gradient = np.empty(point.size + 1)
        whole, real = self.packed if layout is None else self._pack(layout)
        with one_thread() if self.likelihood.layout.size > SMALL else nullcontext():
            value = log_density(whole, real, point, float(log_sigma), gradient)
        return value, gradient[:-1].reshape(point.shape), float(gradient[-1])

    @cached_property
    def packed(self) -> tuple[np.ndarray, np.ndarray]:
        """What ``density.log_density`` needs besides λ and log σ, as two arrays."""
        return self._pack(self.likelihood.layout)

    def _pack(self, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
        return pack(layout, self._extent)

    @cached_property
    def _extent(self) -> Extent:
        coordinates, cross = self.likelihood.coordinates, self.likelihood.cross
        return Extent(
            ridge=self._ridge,
            prior_mean=self._mean,
            scalars=np.array(
                [np.log(coordinates.scale), self._deviance(0.0, 0.0, 0.0, 1.0), cross.n - cross.p]
            ),
        )

    def log_densities(
        self, lam: np.ndarray, log_sigma: np.ndarray, *, cores: int = 1, layout_at: LayoutAt | None = None
    ) -> np.ndarray:
        """(S,) log p(y | λ_s, σ_s), with λ (S, G, k_max, k_max); −∞ where it can't be computed.

        ``layout_at`` gives the layout of each point s, where they have responses of their own.
        """
        lam = self.checked(lam, many=True)
        omega = self.omega(log_sigma, len(lam))
        out = np.empty((len(lam), 3))

        def work(at: slice) -> None:
            out[at] = evaluate_some(self.likelihood.layout, lam, self._ridge, omega, at, layout_at=layout_at)

        _in_threads(work, _pieces(len(lam), cores), cores)
        return self._values(out, omega)

    def draw(
        self,
        lam: np.ndarray,
        log_sigma: np.ndarray,
        rng: np.random.Generator,
        *,
        cores: int = 1,
        layout_at: LayoutAt | None = None,
    ) -> tuple[np.ndarray, ConditionalDraws]:
        """(S,) log densities, and one exact draw of (b, β) given y at each point; see ``log_densities``.

        The points are shared out in ``STREAMS`` pieces with random numbers of their own, so that the draws
        don't depend on the number of threads.
        """
        likelihood, coordinates = self.likelihood, self.likelihood.coordinates
        q = sum(group.n_levels * group.k for group in likelihood.cross.groups)
        q_head = q - likelihood.layout.q_tail
        lam = self.checked(lam, many=True)
        S = len(lam)
        omega = self.omega(log_sigma, S)
        factors = likelihood.variances.unwhitened(lam)
        out, beta = np.empty((S, 3)), np.empty((S, likelihood.cross.p))
        terms = likelihood.design.terms
        effects = tuple(np.empty((S, len(term.factor), term.k)) for term in terms)
        pieces = _pieces(S, STREAMS)
        streams = dict(zip([at.start for at in pieces], rng.spawn(len(pieces)), strict=True))

        def work(at: slice) -> None:
            raw = streams[at.start].standard_normal((at.stop - at.start, q + likelihood.cross.p))
            out[at] = evaluate_some(likelihood.layout, lam, self._ridge, omega, at, raw, layout_at)
            beta[at] = coordinates.beta(raw[:, q:])
            u = likelihood.layout.by_group(raw[:, :q_head], raw[:, q_head:q])
            for t, (factor, b) in enumerate(zip(factors, effects, strict=True)):
                g, start = likelihood.place(t)
                scaled = coordinates.scale * factor[at].swapaxes(1, 2)
                np.matmul(u[g][:, :, start : start + factor.shape[1]], scaled, out=b[at])

        _in_threads(work, pieces, cores)
        return self._values(out, omega), ConditionalDraws(beta, effects)

    def checked(self, lam: np.ndarray, *, many: bool = False) -> np.ndarray:
        """λ (G, k_max, k_max), or (S, G, k_max, k_max) if there are many, as contiguous floats.

        Raises
        ------
        ModelError
            If they have another shape, or aren't numbers.
        """
        layout = self.likelihood.layout
        shape = (len(layout.cross.groups), layout.k_max, layout.k_max)
        try:
            found = np.ascontiguousarray(lam, dtype=float)
        except (TypeError, ValueError):
            found = np.empty(0)
        if found.ndim != 3 + many or found.shape[-3:] != shape:
            got = f"have the shape {found.shape}" if found.size else f"are {lam!r}"
            raise ModelError(
                f"the relative factors {got}",
                expected=f"{'(S, ' if many else '('}{', '.join(map(str, shape))})",
                advice="model.likelihood.group_factors(phi)",
            )
        return found

    def _values(self, out: np.ndarray, omega: np.ndarray) -> np.ndarray:
        """(S,) log densities from what the factorizations said; −∞ for what isn't finite."""
        with np.errstate(all="ignore"):
            value = -0.5 * self._deviance(out[:, 0], out[:, 1], out[:, 2], omega)
        value[~((omega > 1e-200) & (omega < 1e200))] = -np.inf
        return np.where(np.isfinite(value), value, -np.inf)

    def _deviance(
        self, log_det_M: np.ndarray, log_det_C: np.ndarray, r2: np.ndarray, omega: np.ndarray
    ) -> np.ndarray:
        coordinates, cross = self.likelihood.coordinates, self.likelihood.cross
        value = cross.n * np.log(2 * np.pi) + (cross.n - cross.p) * np.log(omega) + log_det_M + log_det_C
        value = value - self._log_det_prior + r2 / omega
        return value + 2 * cross.n * np.log(coordinates.scale) - coordinates.sum_log_weights


def _pieces(size: int, most: int) -> list[slice]:
    """Up to so many stretches of about the same length."""
    ends = np.linspace(0, size, max(1, min(most, size)) + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(ends)]


def _in_threads(work: Callable[[slice], None], pieces: list[slice], cores: int) -> None:
    with one_thread():
        if cores == 1 or len(pieces) == 1:
            for at in pieces:
                work(at)
        else:
            with ThreadPoolExecutor(min(cores, len(pieces))) as pool:
                list(pool.map(work, pieces))
