"""One verdict on an optimum, with the numbers behind it: never a warning that contradicts it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesmm.covariance import Chart
from bayesmm.design.random_term import RandomTerm
from bayesmm.likelihood import Profiled, Solution
from bayesmm.likelihood.exact_fit import CAUSE, REMEDY, VANISHED
from bayesmm.search import Optimum
from bayesmm.sheet import Sheet

DECREASE = 1e-6
"""Deviance units that a converged optimum may still be above its Newton step's end."""
SINGULAR = 1e-4
"""A relative standard deviation (units of σ, columns of size one) that counts as zero, as in lme4."""


@dataclass(frozen=True, eq=False)
class Certificate:
    """What is known about an optimum.

    Attributes
    ----------
    ok
        Whether it is a local minimum to within ``DECREASE``.
    verdict
        One sentence.
    advice
        What to do about it, if anything.
    expected_decrease
        By how much the criterion would still fall by a Newton step (deviance units).
    gradient_norm
        The largest component of the gradient in a free parameter, per observation.
    hessian_eigenvalues
        (f,) of the Hessian in the free parameters, rising; all positive at a minimum.
    boundary_curvature
        For each term on the boundary the least derivative of the criterion in a relative variance that could
        be added to the term's; nonnegative, but for rounding, at a minimum.
    singular
        Whether some combination of random effects has zero variance.
    singular_directions
        Those combinations, in words.
    distance_to_singular
        The smallest relative standard deviation in any term, (units of σ); 0 for a singular fit.
    restarts
        Why the search was started again, one sentence each.
    evaluations
        Values with gradient, in all.
    """

    ok: bool
    verdict: str
    advice: tuple[str, ...]
    expected_decrease: float
    gradient_norm: float
    hessian_eigenvalues: np.ndarray
    boundary_curvature: np.ndarray
    singular: bool
    singular_directions: tuple[str, ...]
    distance_to_singular: float
    restarts: tuple[str, ...]
    evaluations: int

    def __str__(self) -> str:
        lines = [f"  {what} {number}" for what, number in self._numbers()]
        lines.append(f"  {self._search()}")
        return "\n".join([self.verdict, *lines, *(f"  {line}" for line in self._remarks())])

    def __repr__(self) -> str:
        return str(self)

    def sheet(self) -> Sheet:
        """The verdict as a page, with the numbers behind it."""
        return Sheet(self.verdict, (*self._numbers(), ("search", self._search())), (), self._remarks())

    def _repr_html_(self) -> str:
        return self.sheet()._repr_html_()

    def _numbers(self) -> tuple[tuple[str, str], ...]:
        eigenvalues = ", ".join(f"{v:.3g}" for v in self.hessian_eigenvalues) or "none (all at zero)"
        slopes = ", ".join(f"{v:.3g}" for v in self.boundary_curvature)
        found = [
            ("a Newton step would lower the criterion by", f"{self.expected_decrease:.1e}"),
            ("largest free gradient component per observation", f"{self.gradient_norm:.1e}"),
            ("Hessian eigenvalues", eigenvalues),
        ]
        return (*found, *([("least slope of the criterion in a variance at zero", slopes)] if slopes else []))

    def _search(self) -> str:
        return f"{self.evaluations} evaluations, {len(self.restarts)} restarts"

    def _remarks(self) -> tuple[str, ...]:
        return (*self.singular_directions, *self.advice)


def certify(objective: Profiled, optimum: Optimum, solution: Solution) -> Certificate:
    """Judge an optimum.

    Parameters
    ----------
    objective
        What was minimised.
    optimum
        Where the search ended.
    solution
        What the model is there.
    """
    likelihood = objective.likelihood
    design, factors = likelihood.design, likelihood.factors(optimum.phi)
    relative_sigma = solution.sigma / likelihood.coordinates.scale
    eigenvalues = np.linalg.eigvalsh(optimum.hessian) if optimum.hessian.size else np.zeros(0)
    decrease = optimum.expected_decrease
    n = design.n
    free_gradient = np.abs(optimum.gradient[optimum.free])
    gradient_norm = float(free_gradient.max(initial=0.0) / n)
    smallest = min(float(np.linalg.svd(lam, compute_uv=False)[-1]) for lam in factors)
    distance = smallest if smallest > SINGULAR else 0.0
    variances = likelihood.variances
    walls = [chart.walls(optimum.phi[at]) for at, chart in variances.blocks]
    directions = tuple(
        text
        for term, chart, wall, lam, user in zip(
            design.terms, variances.charts, walls, factors, solution.factors, strict=True
        )
        for text in (
            at_walls(term, chart, wall)
            if wall.any()
            else singular_directions(term.label, term.columns, lam, user)
        )
    )
    flat = len(eigenvalues) > 0 and eigenvalues[0] < 1e-7 * max(1.0, eigenvalues[-1])
    advice: list[str] = []
    if optimum.saddle:
        verdict = "Not converged: the search ended at a saddle point."
        advice.append("Try a simpler random-effects structure, and report this data set to us.")
    elif relative_sigma < VANISHED:
        verdict = (
            "No estimate: the residual sd went to zero, and with it the digits of everything else "
            f"(it is {relative_sigma:.1e} of the sd that the fixed effects leave)."
        )
        advice.append(f"{CAUSE[0].upper()}{CAUSE[1:]}; {REMEDY}.")
    elif decrease > DECREASE:
        verdict = f"Not converged: the criterion could still fall by about {decrease:.1e}."
        advice.append("Rescale or centre predictors of very different size, or simplify the random effects.")
    elif directions:
        verdict = "Converged to a singular fit: the optimum lies on the boundary, which is a normal answer."
        advice.append(_about_singular(directions))
    elif flat:
        verdict = "Converged, but the criterion is nearly flat in some direction: not all is identified."
        advice.append("Simplify the random effects; the terms overlap, or there are few levels.")
    else:
        verdict = "Converged to a minimum inside the parameter space."
    return Certificate(
        ok=not optimum.saddle and relative_sigma >= VANISHED and decrease <= DECREASE,
        verdict=verdict,
        advice=tuple(advice),
        expected_decrease=decrease,
        gradient_norm=gradient_norm,
        hessian_eigenvalues=eigenvalues,
        boundary_curvature=optimum.boundary_curvature,
        singular=bool(directions),
        singular_directions=directions,
        distance_to_singular=distance,
        restarts=optimum.starts,
        evaluations=optimum.evaluations,
    )


def _about_singular(directions: tuple[str, ...]) -> str:
    """What a boundary means: a variance of zero, or a covariance matrix that is singular otherwise."""
    found = []
    if any(text.endswith("zero") for text in directions):
        found.append("The data don't support these variances beyond zero.")
    if any(": the correlation of" in text for text in directions):
        found.append(
            "A correlation at ±1 is a singular covariance matrix: both effects vary, but the data don't show "
            "that they vary apart from each other."
        )
    if any("at its bound" in text or "on the boundary of" in text for text in directions):
        found.append(
            "At its bound a correlation says that effects don't vary apart from each other, or that the data "
            "would have it beyond what the structure allows."
        )
    if any(text.endswith("doesn't vary") for text in directions):
        found.append(
            "A combination that doesn't vary is a singular covariance matrix: all effects vary, but fewer of "
            "them independently than there are columns."
        )
    found.append("Fixed effects and standard errors are right for this optimum.")
    found.append("A posterior shows what the data leave open.")
    return " ".join(found)


def at_walls(term: RandomTerm, chart: Chart, walls: np.ndarray) -> list[str]:
    """Say which shape parameters of a term are at their bounds, by the values that are told of them.

    A parameter that isn't told is a function of those that are, which lie on the boundary together.
    """
    shape, structure = term.covariance.shape, term.covariance
    if shape is None:
        return []
    labels = structure.labels(term.columns) or ("",)
    named = {
        chart.position_of_reported(m): f" of {label}".removesuffix(" of ") for m, label in enumerate(labels)
    }
    first, found, others = len(walls) - shape.size, [], False
    for p in np.flatnonzero(walls):
        if int(p) not in named:
            others = True
            continue
        bound = (shape.upper if walls[p] > 0 else shape.lower)[p - first]
        found.append(f"({term.label}): the correlation{named[int(p)]} is at its bound, {bound:+.4g}")
    if others:
        found.append(f"({term.label}): the correlations are on the boundary of what {structure.name} allows")
    return found


def singular_directions(label: str, columns: tuple[str, ...], lam: np.ndarray, user: np.ndarray) -> list[str]:
    """Say which combinations of a term's effects have zero variance.

    v'b has variance σ²|λ'v|²: the combinations are the left null space of λ.
    """
    k = len(lam)
    if k == 1:
        return [f"({label}): the variance of {columns[0]} is zero"] if lam[0, 0] <= SINGULAR else []
    sizes = np.linalg.svd(lam, compute_uv=False)
    null = int((sizes <= SINGULAR).sum())
    if null == 0:
        return []
    if null == k:
        return [f"({label}): all variances are zero"]
    sds = np.sqrt(np.einsum("ij,ij->i", user, user))
    # T of λ̃ = Tλ is lower triangular with the columns' sizes on its diagonal: what a sd makes in σ's units
    made = sds * np.linalg.norm(lam, axis=1).max() / max(np.linalg.norm(user, axis=1).max(), 1e-300)
    zero = [columns[i] for i in range(k) if made[i] <= SINGULAR]
    found = [f"({label}): the variance of {name} is zero" for name in zero]
    if len(zero) < null:
        alive = [i for i in range(k) if columns[i] not in zero]
        if len(alive) == 2:
            i, j = alive
            correlation = float(user[i] @ user[j] / (sds[i] * sds[j]))
            found.append(f"({label}): the correlation of {columns[i]} and {columns[j]} is {correlation:+.0f}")
        else:
            directions = np.linalg.svd(user[alive] / sds[alive, None])[0][:, -(null - len(zero)) :]
            for vector in directions.T:
                size = np.abs(vector)
                vector = vector / vector[np.flatnonzero(size > 0.999 * size.max())[0]]  # of equals the first
                parts = [
                    f"{weight:+.2f}·{columns[i]}/{sds[i]:.3g}"
                    for weight, i in zip(vector, alive, strict=True)
                    if abs(weight) > 0.05
                ]
                found.append(f"({label}): {' '.join(parts)} doesn't vary")
    return found
