"""Coefficients whose priors aren't normal: the sampler's parameters beside those of the variances.

With a normal prior a coefficient integrates out, with any other it doesn't; b integrates out either way. So
the density that is sampled is

    p(ψ, β_N | y) ∝ p(y | ψ, β_N) p(ψ) π(β_N),

with the other coefficients and b integrated out of the first factor (:mod:`bayesmm.likelihood.given`). What
has the prior is the centred intercept, and the columns are centred, so that all priors are of coefficients β̃:

    Xβ = X̃β̃,    x̃_j = x_j − x̄_j,    β̃_0 = β_0 + x̄'β.

Each β_N is written as β(t) on an unbounded scale. With c the least-squares coefficient, u its standard error:

- c + ut, in general;
- μ + s√ν sinh t under a Student or Cauchy prior, whose density in t is sech^ν t, without heavy tails; far
  from μ, where the data outweigh the prior, it is as good as linear;
- L + u log(1 + exp t) above a bound L, which is linear well above it;
- L + (U − L)/(1 + exp(−t)) between L and U.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.special import expit, logit

from bayesmm.design import Design
from bayesmm.design.naming import INTERCEPT, name_parameters
from bayesmm.likelihood import GivenCoefficients, IntegratedLikelihood, MarginalLikelihood, without_given
from bayesmm.model import MixedModel
from bayesmm.priors import Prior

INSIDE = 0.5
"""How far within its bounds a coefficient begins, in standard errors."""
EDGE = 1e-3
"""How far within bounds that are closer than that, as a share of their distance."""
WIDTH = 1.5
"""The most that t is expected to vary: about what a logistic or a hyperbolic secant does."""
FAR = 2.0
"""Standard errors between a prior and the data from which a search begins at the prior's centre too."""


class SampledCoefficients:
    """The c coefficients of a model whose priors aren't normal, and the likelihood that takes them as given.

    Parameters
    ----------
    model
        With at least one such prior.
    """

    def __init__(self, model: MixedModel) -> None:
        design, names = model.design, name_parameters(model.design)
        self._design = design
        self._terms = [
            (term.name, model.priors[term.name], np.array(term.positions))
            for term in names.fixed
            if model.priors[term.name].distribution != "Normal"
        ]
        self.names = tuple(name for name, *_ in self._terms)
        self.positions = np.concatenate([at for *_, at in self._terms])
        self._others = np.setdiff1d(np.arange(design.p), self.positions)
        intercept = [term.positions[0] for term in names.fixed if term.name == INTERCEPT]
        self._intercept = intercept[0] if intercept else None
        self._means = np.zeros(design.p)
        if self._intercept is not None:
            self._means = design.X.mean(axis=0)
            self._means[self._intercept] = 0.0
        self._X = design.X - self._means
        coefficients, errors = _least_squares(design, self._X)
        self._unit = errors[self.positions]
        bounds = [_bounds(prior, len(at)) for _, prior, at in self._terms]
        self._lower, self._upper = (np.concatenate(ends) for ends in zip(*bounds, strict=True))
        tails = [_tails(prior, len(at)) for _, prior, at in self._terms]
        self._mode, self._scale, self._degrees = (np.concatenate(part) for part in zip(*tails, strict=True))
        self._between = np.isfinite(self._upper)
        self._above = np.isfinite(self._lower) & ~self._between
        self._heavy = np.isfinite(self._degrees)
        with np.errstate(invalid="ignore"):
            self._span = np.where(self._between, self._upper - self._lower, 1.0)
            self._wide = np.where(self._heavy, self._scale * np.sqrt(self._degrees), 1.0)
        self._centre = self._within(coefficients[self.positions])
        mean, precision = np.zeros(design.p), np.zeros(design.p)
        for term in names.fixed:
            if model.priors[term.name].distribution == "Normal":
                parameters = model.priors[term.name].parameters
                at = list(term.positions)
                mean[at], precision[at] = parameters["mu"], 1.0 / np.square(parameters["sigma"])
        self._prior = mean[self._others], np.diag(precision[self._others])

    @property
    def size(self) -> int:
        """c."""
        return len(self.positions)

    @cached_property
    def given(self) -> GivenCoefficients:
        """p(y | φ, σ, δ), δ = (β_N − c)/u."""
        design, X = self._design, self._X[:, self.positions]
        offset = X @ self._centre + (0.0 if design.offset is None else design.offset)
        rest = without_given(design, np.ascontiguousarray(self._X[:, self._others]), offset)
        with np.errstate(over="ignore"):  # of priors that are far from the data; check_start tells of it
            integrated = IntegratedLikelihood(MarginalLikelihood(rest), *self._prior)
        return GivenCoefficients(integrated, X * self._unit)

    @property
    def starts(self) -> np.ndarray:
        """(m, c) t of the least-squares coefficients, and of the priors' modes if these are elsewhere."""
        found = [self._centre]
        modes = self._within(np.where(np.isfinite(self._mode), self._mode, self._centre))
        if np.max(np.abs(modes - self._centre) / self._unit) > FAR:
            found.append(modes)
        return np.array([self._unbounded(beta) for beta in found])

    @property
    def width(self) -> np.ndarray:
        """(c,) standard deviations of t to be expected: the data's or the prior's, whichever is less."""
        of_data = self._unit / np.exp(self._log_slope(self.starts[0]))
        of_prior = np.where(self._heavy, WIDTH / np.sqrt(self._degrees), self._scale / self._unit)
        return np.minimum(of_data, np.where(np.isfinite(of_prior), of_prior, WIDTH))

    def values(self, t: np.ndarray) -> np.ndarray:
        """t (…, c) → β_N (…, c), the intercept centred."""
        with np.errstate(over="ignore", invalid="ignore"):
            out = np.where(self._heavy, self._mode + self._wide * np.sinh(t), self._centre + self._unit * t)
            out = np.where(self._above, self._lower + self._unit * np.logaddexp(0.0, t), out)
            between = np.minimum(self._lower + self._span * expit(t), self._upper)
            return np.where(self._between, between, out)

    def delta(self, t: np.ndarray) -> np.ndarray:
        """t (…, c) → δ (…, c)."""
        return (self.values(t) - self._centre) / self._unit

    def delta_of(self, beta: np.ndarray) -> np.ndarray:
        """β (S, p) in the user's units → δ (S, c)."""
        centred = beta.copy()
        if self._intercept is not None:
            centred[:, self._intercept] += beta @ self._means
        return (centred[:, self.positions] - self._centre) / self._unit

    def delta_slope(self, t: np.ndarray) -> np.ndarray:
        """(c,) dδ/dt."""
        return np.exp(self._log_slope(t)) / self._unit

    def log_prior(self, t: np.ndarray) -> np.ndarray:
        """(S,) log π(β_N(t)) + log|dβ_N/dt|."""
        values, total = self.values(t), np.sum(self._log_slope(t), axis=1)
        at = 0
        with np.errstate(all="ignore"):  # at the ends of what a float can be
            for _, prior, positions in self._terms:
                total = total + np.sum(prior.logpdf(values[:, at : at + len(positions)]), axis=1)
                at += len(positions)
        return np.where(np.isnan(total), -np.inf, total)

    def whole(self, t: np.ndarray, others: np.ndarray) -> np.ndarray:
        """β (S, p) in the user's units, from t (S, c) and the other coefficients of X̃."""
        beta = np.empty((len(t), self._design.p))
        beta[:, self.positions], beta[:, self._others] = self.values(t), others
        if self._intercept is not None:
            beta[:, self._intercept] -= beta @ self._means
        return beta

    def _log_slope(self, t: np.ndarray) -> np.ndarray:
        """log dβ/dt."""
        size = np.abs(t)
        log_cosh = size + np.log1p(np.exp(-2 * size)) - np.log(2.0)
        out = np.where(self._heavy, np.log(self._wide) + log_cosh, np.log(self._unit))
        out = np.where(self._above, np.log(self._unit) - np.logaddexp(0.0, -t), out)
        logistic = -np.logaddexp(0.0, t) - np.logaddexp(0.0, -t)
        return np.where(self._between, np.log(self._span) + logistic, out)

    def _unbounded(self, beta: np.ndarray) -> np.ndarray:
        """β_N (c,) → t."""
        away = np.where(self._above, (beta - self._lower) / self._unit, 1.0)
        share = np.where(self._between, (beta - self._lower) / self._span, 0.5)
        from_mode = np.where(self._heavy, (beta - self._mode) / self._wide, 0.0)
        t = np.where(self._heavy, np.arcsinh(from_mode), (beta - self._centre) / self._unit)
        t = np.where(self._above, away + np.log(-np.expm1(-away)), t)
        return np.where(self._between, logit(share), t)

    def _within(self, beta: np.ndarray) -> np.ndarray:
        """β_N (c,), moved to within its bounds."""
        inside = np.minimum(INSIDE * self._unit, np.where(self._between, EDGE * self._span, np.inf))
        return np.clip(beta, self._lower + inside, self._upper - inside)


def _least_squares(design: Design, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(p,) coefficients of X without random effects, and their standard errors."""
    root = 1.0 if design.weights is None else np.sqrt(design.weights)
    y = root * (design.y if design.offset is None else design.y - design.offset)
    Q, R = np.linalg.qr((X.T * root).T)
    inverse = np.linalg.inv(R)
    coefficients = inverse @ (Q.T @ y)
    scale = np.linalg.norm(y - (X.T * root).T @ coefficients) / np.sqrt(design.n - design.p)
    return coefficients, scale * np.linalg.norm(inverse, axis=1)


def _bounds(prior: Prior, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(size,) where a prior's support begins and ends."""
    if prior.distribution == "Uniform":
        lower, upper = prior.parameters["lower"], prior.parameters["upper"]
    else:
        lower, upper = (0.0 if prior.support == "positive" else -np.inf), np.inf
    return np.broadcast_to(lower, size).astype(float), np.broadcast_to(upper, size).astype(float)


def _tails(prior: Prior, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(size,) mode, scale and degrees of freedom of a prior of all real numbers, nan where there is none."""
    names = {
        "StudentT": ("mu", "sigma", "nu"),
        "Cauchy": ("alpha", "beta", None),
        "Laplace": ("mu", "b", "none"),
    }.get(prior.distribution, ("none", "none", "none"))
    found = [1.0 if name is None else prior.parameters.get(name, np.nan) for name in names]
    mode, scale, degrees = (np.broadcast_to(value, size).astype(float) for value in found)
    return mode, scale, degrees
