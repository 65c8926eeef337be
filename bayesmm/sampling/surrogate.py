"""A closer proposal: a polynomial fitted to log p, drawn from exactly by rejection under the t mixture.

With t the fitted mixture of :class:`~bayesmm.sampling.importance.Proposal` and g a polynomial in whitened
parameters, fitted by weighted least squares to log p at the points that were evaluated anyway,

    h(ψ) = min(exp g(ψ), M t(ψ)) + c t(ψ)

is a density up to its constant. As h ≤ (M + c) t, drawing ψ from t and keeping it with probability
h/((M + c) t) draws from h exactly (von Neumann 1951). Its tails are those of c t, so that importance weights
p/h have the tails of p/t; where p has its mass they are nearly constant, as g follows its skewness. The mean
of h/t over all that was drawn from t estimates the constant of h, which the evidence needs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from bayesmm.sampling.importance import Evaluated, Proposal
from bayesmm.sampling.weights import effective_share, log_mean_weight, truncated

DEGREES = (2, 3, 4)
FLOORS = (0.25, 1.0)
"""c, as a multiple of the mean of p/t: how much of t there is beside g."""
POINTS_A_COEFFICIENT = 3
DEEP = 25.0
"""Points more than this below the highest log density say nothing about where the mass is."""
MOST_COEFFICIENTS = 350
FOLDS = 2
MOST_POINTS = 2000
"""Points that are fitted, the latest: they come from the best proposals."""


@dataclass(frozen=True, eq=False)
class Surrogate:
    """h and how to draw from it.

    Attributes
    ----------
    base
        t.
    powers
        (F, d) exponents of g's monomials.
    coefficients
        (F,).
    log_cap, log_floor
        log M and log c.
    """

    base: Proposal
    powers: np.ndarray
    coefficients: np.ndarray
    log_cap: float
    log_floor: float

    def log_ratio(self, psi: np.ndarray, log_t: np.ndarray) -> np.ndarray:
        """(S,) log h/t, with log t(ψ) at hand."""
        return self.join(_monomials(self.base.whitened(psi), self.powers) @ self.coefficients, log_t)

    def join(self, g: np.ndarray, log_t: np.ndarray) -> np.ndarray:
        """(S,) log h/t from g and log t."""
        return np.logaddexp(np.minimum(g - log_t, self.log_cap), self.log_floor)

    def draw(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, Normalised, float]:
        """Independent draws.

        Returns
        -------
        psi, source, error
            (size, d) draws; h/∫h; the relative standard error of ∫h.
        """
        log_envelope = float(np.logaddexp(self.log_cap, self.log_floor))
        kept, ratios, found = [], [], 0
        batch = 2 * size
        while found < size:
            psi = self.base.draw(batch, rng)
            log_t = self.base.logpdf(psi)
            log_ratio = self.log_ratio(psi, log_t)
            take = np.log(rng.random(batch)) < log_ratio - log_envelope
            kept.append(psi[take])
            ratios.append(np.exp(log_ratio - log_envelope))
            found += int(take.sum())
            batch = int(1.2 * max(size - found, 100) / max(take.mean(), 0.01))
        ratio = np.concatenate(ratios)
        constant = float(ratio.mean())
        error = float(ratio.std(ddof=1) / np.sqrt(len(ratio)) / constant)
        source = Normalised(self, float(np.log(constant) + log_envelope))
        return np.concatenate(kept)[:size], source, error


@dataclass(frozen=True, eq=False)
class Normalised:
    """h with the logarithm of its constant, ∫h."""

    surrogate: Surrogate
    log_constant: float

    def logpdf(self, psi: np.ndarray) -> np.ndarray:
        """(S,) log h/∫h."""
        log_t = self.surrogate.base.logpdf(psi)
        return log_t + self.surrogate.log_ratio(psi, log_t) - self.log_constant


def fit_surrogate(base: Proposal, found: Evaluated) -> tuple[Surrogate | None, float]:
    """The best of a few polynomials by cross-validation, None if none beats t itself; and its share.

    Parameters
    ----------
    base
        t.
    found
        Points with their log p.

    Returns
    -------
    surrogate, share
        Share: how many effective draws a proposal is foretold to be worth, :func:`effective_share`.
    """
    found = found.last(MOST_POINTS)
    density = found.log_density
    usable = np.isfinite(density) & (density > np.max(density) - DEEP)
    psi, density, log_source = found.psi[usable], density[usable], found.log_source[usable]
    log_t = base.logpdf(psi)
    log_weights = density - log_source
    top, mean = float(np.max(density - log_t)), log_mean_weight(log_weights)[0]
    fold = np.arange(len(psi)) % FOLDS
    best, best_share = None, effective_share(log_weights, log_t - log_source)
    for degree in DEGREES:
        powers = _powers(psi.shape[1], degree)
        if len(powers) > min(MOST_COEFFICIENTS, len(psi) / POINTS_A_COEFFICIENT):
            break
        columns = _monomials(base.whitened(psi), powers)
        sums = [
            _normal_equations(columns[fold == i], density[fold == i], log_weights[fold == i])
            for i in range(FOLDS)
        ]
        whole = [sum(part) for part in zip(*sums, strict=True)]
        g = np.empty(len(psi))
        for i, own in enumerate(sums):
            g[fold == i] = columns[fold == i] @ _solve(*(a - b for a, b in zip(whole, own, strict=True)))
        for floor in FLOORS:
            held = Surrogate(base, powers, np.empty(0), top, float(mean + np.log(floor)))
            share = effective_share(log_weights, held.join(g, log_t) + log_t - log_source)
            if share > best_share:
                best, best_share = replace(held, coefficients=_solve(*whole)), share
    return best, best_share


def _normal_equations(
    columns: np.ndarray, log_density: np.ndarray, log_weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """X'WX and X'Wy of weighted least squares for g."""
    weights = truncated(log_weights) * len(log_weights) + 0.2
    weighted = columns * weights[:, None]
    return weighted.T @ columns, weighted.T @ log_density


def _solve(normal: np.ndarray, right: np.ndarray) -> np.ndarray:
    normal = normal.copy()
    normal[np.diag_indices_from(normal)] *= 1 + 1e-9  # high powers of far points are all but dependent
    return cho_solve(cho_factor(normal), right)


def _powers(d: int, degree: int) -> np.ndarray:
    """(F, d) the exponents of all monomials up to a degree."""
    rows = [
        np.bincount(np.array(combination, dtype=int), minlength=d)
        for size in range(degree + 1)
        for combination in combinations_with_replacement(range(d), size)
    ]
    return np.array(rows)


def _monomials(z: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """(S, F)."""
    ladder = np.ones((int(powers.max()) + 1, *z.shape))
    for degree in range(1, len(ladder)):
        ladder[degree] = ladder[degree - 1] * z
    out = np.ones((len(z), len(powers)))
    for j in range(z.shape[1]):
        out *= ladder[powers[:, j], :, j].T
    return out
