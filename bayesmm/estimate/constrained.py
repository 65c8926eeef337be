"""The criterion with one variance parameter held at a value and everything else free.

σ isn't profiled out: with ω = σ² the free parameters x are mapped to (φ, log ω) so that the constraint holds
at every x:

- *σ held at s*: x = φ.
- *a standard deviation held at s*: it is a parameter of φ, over σ; for an unstructured term once its columns
  are in an order in which its own comes first, so that σλ₁₁ = s; x = (the other entries of φ, log ω).
- *a correlation held at ρ that is a parameter of φ*: x = (the others, log ω).
- *a correlation of an unstructured term held at ρ*: the two columns come first, with the rows (a, 0) and
  (ρd, √(1 − ρ²) d) of λ; a ≥ 0 and d ≥ 0 are free in place of λ₁₁, λ₂₁ and λ₂₂.

Zero standard deviations and correlations of ±1 are values like any others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from bayesmm.design import Design
from bayesmm.errors import ModelError
from bayesmm.likelihood import MarginalLikelihood, Profiled
from bayesmm.results.parameters import ScalarParameter


@dataclass(frozen=True, eq=False)
class Constrained(ABC):
    """One parameter of a fitted model, and the criterion along it.

    Attributes
    ----------
    objective
        The criterion of the model with the parameter's columns first in their term.
    phi, log_omega
        The optimum: (d,) and log σ̂² in units of the coordinates' scale.
    """

    objective: Profiled
    phi: np.ndarray
    log_omega: float
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)

    @property
    @abstractmethod
    def value(self) -> float:
        """The parameter at the optimum, in the user's units."""

    @property
    @abstractmethod
    def start(self) -> np.ndarray:
        """x at the optimum."""

    @property
    @abstractmethod
    def unit(self) -> float:
        """A change of the parameter that could be told from none, roughly."""

    @property
    @abstractmethod
    def bounded(self) -> np.ndarray:
        """(len(x),) of bool: what is bounded below by zero."""

    @property
    @abstractmethod
    def lower(self) -> np.ndarray:
        """(len(x),) all lower bounds, zeros among them."""

    @property
    @abstractmethod
    def upper(self) -> np.ndarray:
        """(len(x),) upper bounds."""

    @property
    @abstractmethod
    def units(self) -> np.ndarray:
        """(len(x),) the natural scales of x."""

    @abstractmethod
    def place(self, x: np.ndarray, value: float) -> tuple[np.ndarray, float, np.ndarray]:
        """φ (d,), log ω, and the derivative (d + 1, len(x)) of both in x."""

    def deviance(self, x: np.ndarray, value: float) -> tuple[float, np.ndarray]:
        """D and its gradient in x; +∞ where it can't be evaluated."""
        phi, log_omega, jacobian = self.place(x, value)
        deviance, gradient = self.objective.deviance(phi, log_omega)
        return deviance, jacobian.T @ gradient

    @property
    def likelihood(self) -> MarginalLikelihood:
        """Of the model with the parameter's columns first in their term."""
        return self.objective.likelihood

    @property
    def cost(self) -> float:
        """Multiplications of one value."""
        return self.objective.cost


@dataclass(frozen=True, eq=False)
class FixedSigma(Constrained):
    """σ held."""

    @property
    def value(self) -> float:
        return float(self.likelihood.coordinates.scale * np.exp(0.5 * self.log_omega))

    @property
    def start(self) -> np.ndarray:
        return self.phi

    @property
    def unit(self) -> float:
        return self.value / float(np.sqrt(2.0 * self.objective.degrees))

    @property
    def bounded(self) -> np.ndarray:
        return self.likelihood.nonnegative

    @property
    def lower(self) -> np.ndarray:
        return self.likelihood.variances.lower

    @property
    def upper(self) -> np.ndarray:
        return self.likelihood.variances.upper

    @property
    def units(self) -> np.ndarray:
        return self.likelihood.natural

    def place(self, x: np.ndarray, value: float) -> tuple[np.ndarray, float, np.ndarray]:
        log_omega = 2.0 * np.log(value / self.likelihood.coordinates.scale) if value > 0 else -np.inf
        return x, log_omega, np.eye(len(x) + 1, len(x))


@dataclass(frozen=True, eq=False)
class FixedSd(Constrained):
    """The standard deviation s = σλ₁₁ held.

    ``at`` is the position of λ₁₁ in φ, ``size`` what λ̃₁₁ is for λ₁₁ = 1.
    """

    at: int
    size: float

    @property
    def value(self) -> float:
        scale = self.likelihood.coordinates.scale
        return float(scale * self.phi[self.at] * np.exp(0.5 * self.log_omega) / self.size)

    @property
    def start(self) -> np.ndarray:
        return np.append(np.delete(self.phi, self.at), self.log_omega)

    @property
    def unit(self) -> float:
        scale = self.likelihood.coordinates.scale * np.exp(0.5 * self.log_omega)
        return float(scale * self.likelihood.natural[self.at] / self.size)

    @property
    def bounded(self) -> np.ndarray:
        return np.append(np.delete(self.likelihood.nonnegative, self.at), False)

    @property
    def lower(self) -> np.ndarray:
        return np.append(np.delete(self.likelihood.variances.lower, self.at), -np.inf)

    @property
    def upper(self) -> np.ndarray:
        return np.append(np.delete(self.likelihood.variances.upper, self.at), np.inf)

    @property
    def units(self) -> np.ndarray:
        return np.append(np.delete(self.likelihood.natural, self.at), 1.0)

    def place(self, x: np.ndarray, value: float) -> tuple[np.ndarray, float, np.ndarray]:
        log_omega = float(x[-1])
        held = value * self.size / self.likelihood.coordinates.scale * np.exp(-0.5 * log_omega)
        jacobian = np.delete(np.eye(len(x) + 1), self.at, axis=1)
        jacobian[self.at, -1] = -0.5 * held
        return np.insert(x[:-1], self.at, held), log_omega, jacobian


@dataclass(frozen=True, eq=False)
class FixedShape(Constrained):
    """A shape parameter held that is a correlation: that of ``cs`` or ``ar1``, or of lag 1.

    ``at`` is its position in φ, ``edges`` its bounds; x are the others, and log ω.
    """

    at: int
    edges: tuple[float, float]

    @property
    def bounds(self) -> tuple[float, float]:
        return self.edges

    @property
    def value(self) -> float:
        variances = self.likelihood.variances
        if self.phi[self.at] <= variances.lower[self.at]:
            return self.edges[0]
        return self.edges[1] if self.phi[self.at] >= variances.upper[self.at] else float(self.phi[self.at])

    @property
    def start(self) -> np.ndarray:
        return np.append(np.delete(self.phi, self.at), self.log_omega)

    @property
    def unit(self) -> float:
        return 0.05 * (self.edges[1] - self.edges[0])

    @property
    def bounded(self) -> np.ndarray:
        return np.append(np.delete(self.likelihood.nonnegative, self.at), False)

    @property
    def lower(self) -> np.ndarray:
        return np.append(np.delete(self.likelihood.variances.lower, self.at), -np.inf)

    @property
    def upper(self) -> np.ndarray:
        return np.append(np.delete(self.likelihood.variances.upper, self.at), np.inf)

    @property
    def units(self) -> np.ndarray:
        return np.append(np.delete(self.likelihood.natural, self.at), 1.0)

    def place(self, x: np.ndarray, value: float) -> tuple[np.ndarray, float, np.ndarray]:
        variances = self.likelihood.variances
        held = float(np.clip(value, variances.lower[self.at], variances.upper[self.at]))
        jacobian = np.delete(np.eye(len(x) + 1), self.at, axis=1)
        return np.insert(x[:-1], self.at, held), float(x[-1]), jacobian


@dataclass(frozen=True, eq=False)
class FixedCorrelation(Constrained):
    """The correlation of a term's first two columns held.

    x holds a and d, times the columns' sizes, where φ has λ̃₁₁ and λ̃₂₂, and nothing for λ̃₂₁; then log ω.
    ``at`` are the positions of the three in φ, ``basis`` the term's T.
    """

    at: tuple[int, int, int]
    basis: np.ndarray
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    @property
    def value(self) -> float:
        (below, diagonal) = self._rows[1]
        return float(np.clip(below / np.hypot(below, diagonal), -1.0, 1.0))

    @property
    def _rows(self) -> np.ndarray:
        """(2, 2) the first two rows of λ."""
        first, below, diagonal = self.phi[list(self.at)]
        return np.linalg.solve(self.basis[:2, :2], np.array([[first, 0.0], [below, diagonal]]))

    @property
    def _sizes(self) -> np.ndarray:
        """(2,) the root mean squares of the two columns, in which a and d are told."""
        return np.linalg.norm(self.basis[:, :2], axis=0)

    @property
    def start(self) -> np.ndarray:
        x = self.phi.copy()
        x[[self.at[0], self.at[2]]] = self._sizes * np.linalg.norm(self._rows, axis=1)
        return np.append(np.delete(x, self.at[1]), self.log_omega)

    @property
    def unit(self) -> float:
        return 0.1

    @property
    def bounded(self) -> np.ndarray:
        return np.append(np.delete(self.likelihood.nonnegative, self.at[1]), False)

    @property
    def lower(self) -> np.ndarray:
        return np.append(np.delete(self.likelihood.variances.lower, self.at[1]), -np.inf)

    @property
    def upper(self) -> np.ndarray:
        return np.append(np.delete(self.likelihood.variances.upper, self.at[1]), np.inf)

    @property
    def units(self) -> np.ndarray:
        return np.append(np.delete(self.likelihood.natural, self.at[1]), 1.0)

    def place(self, x: np.ndarray, value: float) -> tuple[np.ndarray, float, np.ndarray]:
        first, below, diagonal = self.at
        rest = np.sqrt((1.0 - value) * (1.0 + value))
        scaled = self.basis[:2, :2] / self._sizes
        jacobian = np.delete(np.eye(len(x) + 1), below, axis=1)
        # the first two rows of λ are (a, 0) and (ρd, √(1 − ρ²) d), and those of λ̃ are T times them
        jacobian[[first, below], first] = scaled[:, 0]
        jacobian[[below, diagonal], diagonal - 1] = scaled[1, 1] * np.array([value, rest])
        placed = jacobian @ x
        return placed[:-1], float(placed[-1]), jacobian


def constrained(
    objective: Profiled, phi: np.ndarray, sigma: float, parameter: ScalarParameter
) -> Constrained:
    """The criterion along a variance parameter, from the optimum (φ̂, σ̂) of a model.

    The model is formed again if the parameter's columns aren't the first of their term.

    Raises
    ------
    ModelError
        If it is a correlation that is undefined at the optimum.
    """
    likelihood = objective.likelihood
    log_omega = 2.0 * np.log(sigma / likelihood.coordinates.scale)
    if parameter.term is None:
        return FixedSigma(objective, phi, log_omega)
    t = parameter.term
    structure = likelihood.design.terms[t].covariance
    chart, start = likelihood.variances.charts[t], likelihood.variances.slices[t].start
    if parameter.kind == "sd":
        (column,) = parameter.columns
        at = chart.position_of_sd(column)
        if at is not None:
            size = float(likelihood.coordinates.bases[t][column, column])
            return FixedSd(objective, phi, log_omega, start + at, size)
    elif not parameter.columns:
        return _fixed_shape(objective, phi, log_omega, parameter)
    lengths = np.linalg.norm(likelihood.external_factors(phi)[t], axis=1)
    if parameter.kind == "corr" and not lengths[list(parameter.columns)].all():
        raise ModelError(
            f"the estimate of {parameter.label} is undefined: a standard deviation is zero",
            expected="a correlation of two effects that both vary",
            advice="the profiles of the standard deviations",
        )
    k = structure.k
    order = [*parameter.columns, *(i for i in range(k) if i not in parameter.columns)]
    if order != list(range(k)):
        objective, phi = _reordered(objective, phi, t, order)
        likelihood = objective.likelihood
    basis, start = likelihood.coordinates.bases[t], likelihood.variances.slices[t].start
    if parameter.kind == "sd":
        return FixedSd(objective, phi, log_omega, start, float(basis[0, 0]))
    return FixedCorrelation(objective, phi, log_omega, (start, start + 1, start + k), basis)


def _fixed_shape(
    objective: Profiled, phi: np.ndarray, log_omega: float, parameter: ScalarParameter
) -> FixedShape:
    """A correlation that a structure tells of many columns held, where it is one of the shape parameters."""
    t, variances = parameter.term, objective.likelihood.variances
    chart, structure, own = variances.charts[t], variances.structures[t], variances.slices[t]
    m = parameter.component or 0
    if np.isnan(chart.reported(phi[None, own])[0, m]):
        raise ModelError(
            f"the estimate of {parameter.label} is undefined: a standard deviation is zero",
            expected="a correlation of effects that vary",
            advice="the profiles of the standard deviations",
        )
    at = chart.position_of_reported(m)
    if at is None:
        raise ModelError(
            f"{parameter.label} has no profile: in {structure.name!r} it is a function of several parameters",
            expected="a standard deviation, or a correlation that is a parameter, as that of lag 1",
            advice="its standard error in sdcor_se, or the intervals of a posterior, model.sample()",
        )
    p, shape = structure.held_by(m), structure.shape
    return FixedShape(objective, phi, log_omega, own.start + at, (shape.lower[p], shape.upper[p]))


def _reordered(objective: Profiled, phi: np.ndarray, t: int, order: list[int]) -> tuple[Profiled, np.ndarray]:
    """The same model with the columns of one term in another order, and the same point there."""
    likelihood = objective.likelihood
    factors = list(likelihood.external_factors(phi))
    # λ with its rows in the new order is no longer triangular; PλQ is, for the Q of a QR of (Pλ)'
    R = np.linalg.qr(factors[t][order].T, mode="r")
    factors[t] = R.T * np.where(np.diag(R) < 0, -1.0, 1.0)
    again = MarginalLikelihood(_with_columns(likelihood.design, t, order))
    return Profiled(again, reml=objective.reml), again.variances.internal_many(
        [lam[None] for lam in factors]
    )[0]


def _with_columns(design: Design, t: int, order: list[int]) -> Design:
    """The design with the columns of one term in another order."""
    term = design.terms[t]
    terms = (*design.terms[:t], term.in_order(order), *design.terms[t + 1 :])
    return replace(design, terms=terms, rows=replace(design.rows, terms=tuple(t.rows for t in terms)))
