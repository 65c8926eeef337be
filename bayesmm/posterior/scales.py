"""The parameters that are left to sample when b and β are integrated out, on an unbounded scale.

ψ = (for each term: x of its standard deviations, then z of its correlations; last log σ).

A standard deviation is s |sinh x|, with s about the least that the data can tell from zero: logarithmic where
it is large, linear about zero, so that a posterior which reaches down to zero has no long tail on the way.
Negative x gives the same model as −x with that column's correlations turned round, and everything is smooth
across zero; of the two, a share κ(x) = 1/(1 + exp(−x/τ)) of the density belongs to x, κ(x) + κ(−x) = 1.

The correlations depend on the shape parameters r of a covariance structure
(:class:`~bayesmm.covariance.contract.Covariance`), each between bounds of its own. tanh z is how far between
them r lies, from −1 to 1. A prior says that (1 + tanh z)/2 ~ Beta(a, b), so that the density of z is

    e^((a − b)z) / (2^(a+b−1) B(a, b) cosh^(a+b) z).

Under LKJ(η) r are the canonical partial correlations, and a = b = η + (k − 2 − i)/2 (Lewandowski, Kurowicka &
Joe 2009). Where a structure doesn't stay itself when the sign of one column is turned, −x means the same as x
in all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln

from bayesmm.covariance import Covariance
from bayesmm.design.naming import INTERCEPT, Names, TermNames, name_parameters
from bayesmm.likelihood import MarginalLikelihood
from bayesmm.model import MixedModel

LEAST = 0.5
"""s, in units of σ√(ℓ/n) over the size of the column: what n/ℓ rows a level can tell."""
TAU = 0.3


@dataclass(frozen=True, eq=False)
class Scales:
    """Standard deviations, correlations and σ at S points, in the user's units.

    ``sds`` (S, k), signed, and ``cholesky`` (S, k, k) of the correlations for each term, ``sigma`` (S,): the
    rows of diag(sds) L are those of a factor of the covariance matrix, whatever the signs.
    """

    sds: tuple[np.ndarray, ...]
    cholesky: tuple[np.ndarray, ...]
    sigma: np.ndarray


class ScaleParameters:
    """ψ of a model: its transforms and its log prior density, vectorised over points.

    Parameters
    ----------
    model
        For the names and priors.
    likelihood
        For the internal coordinates of its relative factors.
    """

    def __init__(self, model: MixedModel, likelihood: MarginalLikelihood) -> None:
        self.model = model
        self.names: Names = name_parameters(model.design)
        (self._sigma,) = self.names.dispersions
        self._likelihood = likelihood
        self._sd_at: list[np.ndarray] = []
        self._corr_at: list[np.ndarray] = []
        size = 0
        for term in self.names.terms:
            term.check_owners()
            owners = sorted(set(term.sd_owner))
            column = {owner: size + i for i, owner in enumerate(owners)}
            self._sd_at.append(np.array([column[owner] for owner in term.sd_owner]))
            size += len(owners)
            shape = term.covariance.shape
            d = 0 if shape is None else shape.size
            self._corr_at.append(np.arange(size, size + d))
            size += d
        self.size = size + 1
        self._small = np.ones(self.size)
        scale, n = likelihood.coordinates.scale, model.design.n
        for term, at in zip(model.design.terms, self._sd_at, strict=True):
            least = LEAST * scale * np.sqrt(len(term.factor) / n)
            self._small[at] = least / np.sqrt(np.mean(term.Xi**2, axis=0))

    @property
    def start(self) -> np.ndarray:
        """(d,) half of the residual sd of a least-squares fit for everything, no correlation."""
        scale = self._likelihood.coordinates.scale
        psi = np.zeros(self.size)
        for term, at in zip(self.model.design.terms, self._sd_at, strict=True):
            psi[at] = np.arcsinh(0.5 * scale / np.sqrt(np.mean(term.Xi**2, axis=0)) / self._small[at])
        psi[-1] = np.log(0.8 * scale)
        return psi

    @property
    def starts(self) -> np.ndarray:
        """(m, d) the start, and, where there are several standard deviations, each a tenth of it in turn.

        Two terms can explain the same variance, and then there may be a mode where either has it.
        """
        several = np.unique(np.concatenate(self._sd_at))
        shrunk = np.arcsinh(np.sinh(self.start[several]) / 10)
        apart = np.tile(self.start, (len(several), 1))
        apart[np.arange(len(several)), several] = shrunk
        return np.stack([self.start, *(apart if len(several) > 1 else ())])

    @property
    def width(self) -> np.ndarray:
        """(d,) standard deviations of ψ to be expected: 1/√(2m) for the log sd of m things, 1/√m for z."""
        found = np.full(self.size, 1 / np.sqrt(2 * self.model.design.n))
        for term, at, corr in zip(self.model.design.terms, self._sd_at, self._corr_at, strict=True):
            found[at] = 1 / np.sqrt(2 * len(term.factor))
            found[corr] = 1 / np.sqrt(len(term.factor))
        return found

    def scales(self, psi: np.ndarray) -> Scales:
        """ψ (S, d) → standard deviations, correlations, σ."""
        sds, cholesky = [], []
        for term, at, corr in zip(self.names.terms, self._sd_at, self._corr_at, strict=True):
            sd = self._small[at] * np.sinh(psi[:, at])
            sds.append(sd if _may_turn(term.covariance) else np.abs(sd))
            cholesky.append(term.covariance.correlation_factor(_shape_at(term.covariance, psi[:, corr])))
        return Scales(tuple(sds), tuple(cholesky), np.exp(psi[:, -1]))

    def internal(self, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """ψ (S, d) → the groups' λ̃ (S, G, k_max, k_max), and log σ (S,)."""
        at = self.scales(psi)
        factors = [
            (sd / at.sigma[:, None])[:, :, None] * L for sd, L in zip(at.sds, at.cholesky, strict=True)
        ]
        return self._likelihood.variances.whitened(factors), psi[:, -1]

    def log_prior(self, psi: np.ndarray) -> np.ndarray:
        """(S,) log p(ψ): the priors of sds, correlations and σ with the Jacobians of their transforms."""
        priors, at = self.model.priors, self.scales(psi)
        total = priors[self._sigma].logpdf(at.sigma) + psi[:, -1]
        for term, sd, sd_at, corr in zip(self.names.terms, at.sds, self._sd_at, self._corr_at, strict=True):
            x = psi[:, np.unique(sd_at)]
            jacobian = np.log(self._small[np.unique(sd_at)]) + _log_cosh(x)
            share = -np.logaddexp(0.0, -x / TAU)
            total = total + self._log_prior_sds(term, np.abs(sd)) + np.sum(jacobian + share, axis=1)
            if term.covariance.shape is not None:
                a, b = term.covariance.shape.beta(priors[term.corr].parameters)
                for z, a_m, b_m in zip(psi[:, corr].T, a, b, strict=True):
                    total = total + (a_m - b_m) * z - (a_m + b_m) * _log_cosh(z)
                    total = total - betaln(a_m, b_m) - (a_m + b_m - 1) * np.log(2)
        return np.where(np.isnan(total), -np.inf, total)

    def _log_prior_sds(self, term: TermNames, sd: np.ndarray) -> np.ndarray:
        priors = self.model.priors
        if term.sd_shared:
            return priors[term.effects[0].sd].logpdf(sd[:, 0])
        total = np.zeros(len(sd))
        for effect in term.effects:
            values = sd[:, list(effect.positions)]
            prior = priors[effect.sd]
            density = prior.logpdf(values if effect.expr_dim is not None else values[:, 0])
            total = total + (density.sum(axis=1) if density.ndim == 2 else density)
        return total

    def named(self, psi: np.ndarray) -> dict[str, np.ndarray]:
        """ψ (S, d) → the posterior's variables of sds, correlations and sigma, (S, …)."""
        at = self.scales(psi)
        found = {self._sigma: at.sigma}
        for term, sd, L, corr in zip(self.names.terms, at.sds, at.cholesky, self._corr_at, strict=True):
            for effect in term.effects:
                values = np.abs(sd[:, list(effect.positions)])
                found[effect.sd] = values[:, 0] if effect.expr_dim is None else values
            if term.corr is None:
                continue
            if term.covariance.turns:
                turned = np.sign(sd)[:, :, None] * L
                told = term.covariance.reported_of(turned @ turned.transpose(0, 2, 1))
            else:
                told = term.covariance.reported(_shape_at(term.covariance, psi[:, corr]))
            found[term.corr] = told[:, 0] if term.corr_dim is None else told
        return found


def normal_prior(model: MixedModel) -> tuple[np.ndarray, np.ndarray]:
    """Mean (p,) and precision (p, p) of the coefficients of X, when all their priors are normal.

    The prior of the intercept is on the centred one, β₀ + x̄'β; with A that map, P = A'diag(1/s²)A.
    """
    design, names = model.design, name_parameters(model.design)
    mean, precision, A = np.zeros(design.p), np.zeros(design.p), np.eye(design.p)
    for term in names.fixed:
        at = list(term.positions)
        parameters = model.priors[term.name].parameters
        mean[at], precision[at] = parameters["mu"], 1.0 / np.square(parameters["sigma"])
        if term.name == INTERCEPT:
            A[at[0]] = design.X.mean(axis=0)
            A[at[0], at[0]] = 1.0
    return np.linalg.solve(A, mean), A.T @ (precision[:, None] * A)


def not_normal(model: MixedModel) -> list[str]:
    """The coefficients whose priors are not normal: with any, β can't be integrated out exactly."""
    names = name_parameters(model.design)
    return [term.name for term in names.fixed if model.priors[term.name].distribution != "Normal"]


def _shape_at(structure: Covariance, z: np.ndarray) -> np.ndarray:
    """z (S, d) → the shape parameters r (S, d)."""
    return z if structure.shape is None else structure.shape.at(np.tanh(z))


def _may_turn(structure: Covariance) -> bool:
    """Whether a standard deviation below zero means what it does above, correlations turned round or not."""
    return structure.turns or structure.shape is None or len(structure.owners) == 1


def _log_cosh(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(x, -x) - np.log(2.0)
