"""Three answers for every group: each for itself, all as one, and between the two.

A group's response is described by a few *basis* columns B of the model, such as the intercept and Days. What
the model says of the rows of group j beyond them, c (other predictors, the offset, the effects of other
groups), is held at its mean over the group, so that the three answers differ by how they pool and by nothing
else:

- *no pooling*: least squares of y − (c − c̄_j) on B within the group; nothing where the group's rows don't
  determine it;
- *partial pooling*: Xβ̂ + Zb̂ of the estimate or the posterior means, written in the basis;
- *complete pooling*: least squares of y on X over all rows, written in the basis at the overall means.

A column that is a basis column times another (``cses:sector[Catholic]``) belongs to the basis column, with
the other factor at its mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesmm.design import Design
from bayesmm.design.naming import INTERCEPT
from bayesmm.estimate import Estimate
from bayesmm.plots.results import centre_of
from bayesmm.posterior import Posterior


@dataclass(frozen=True, eq=False)
class Pooling:
    """Coefficients of the basis columns under the three ways to pool.

    Attributes
    ----------
    names
        The m basis columns.
    basis
        (n, m).
    codes
        (n,) the group of each row.
    none, partial
        (ℓ, m); rows of ``none`` are missing where the group doesn't determine them.
    complete, population
        (m,) the least-squares fit without groups, and the fixed effects β̂.
    response
        (n,) y less what was held at its mean.
    adjusted
        Whether that differs from y.
    """

    names: tuple[str, ...]
    basis: np.ndarray
    codes: np.ndarray
    none: np.ndarray
    partial: np.ndarray
    complete: np.ndarray
    population: np.ndarray
    response: np.ndarray
    adjusted: bool


def pool(result: Estimate | Posterior, group: str, names: list[str]) -> Pooling:
    """The three answers of an estimate or a posterior for a group, in terms of some columns of its model.

    Parameters
    ----------
    names
        Columns of X or of the group's random terms; the intercept is added unless they span it.
    """
    centre = centre_of(result)
    design = centre.design
    factor, n_levels = design.factors[group], len(design.factors[group])
    names, basis = _basis(design, group, names)
    ones = np.linalg.lstsq(basis, np.ones(design.n))[0]
    weights = np.ones(design.n) if design.weights is None else design.weights
    effects = {id(term): b for term, b in zip(design.terms, centre.effects, strict=True)}

    rest = np.zeros(design.n) if design.offset is None else design.offset.copy()
    for term in design.terms:
        if term.group != group:
            rest += np.einsum("ij,ij->i", term.Xi, effects[id(term)][term.factor.codes])
    own = [
        (name, term.Xi[:, i], effects[id(term)][:, i])
        for term in design.terms_of(group)
        for i, name in enumerate(term.columns)
    ]
    mean = _Means(factor.codes, n_levels, weights)
    fixed = list(zip(design.names, design.X.T, centre.beta, strict=True))
    partial, extra = _in_basis([*fixed, *own], names, basis, ones, mean)
    rest = rest + extra
    deviation = rest - mean(rest)[factor.codes]
    partial = partial + mean(rest)[:, None] * ones

    root = np.sqrt(weights)
    offset = 0.0 if design.offset is None else design.offset
    gamma = np.linalg.lstsq(root[:, None] * design.X, root * (design.y - offset))[0]
    all_rows = _Means(np.zeros(design.n, dtype=np.int64), 1, weights)
    shift = float(np.average(offset + np.zeros(design.n), weights=weights)) * ones
    lines = []
    for beta in (gamma, centre.beta):
        columns = list(zip(design.names, design.X.T, beta, strict=True))
        line, beyond = _in_basis(columns, names, basis, ones, all_rows)
        lines.append(line[0] + all_rows(beyond)[0] * ones + shift)
    return Pooling(
        names=tuple(names),
        basis=basis,
        codes=factor.codes,
        none=least_squares(basis, factor.codes, n_levels, design.y - deviation, weights),
        partial=partial,
        complete=lines[0],
        population=lines[1],
        response=design.y - deviation,
        adjusted=bool(np.abs(deviation).max() > 1e-9 * np.abs(design.y).max()),
    )


def least_squares(
    basis: np.ndarray, codes: np.ndarray, n_levels: int, y: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """(ℓ, m) weighted least squares of y on the basis within each group; missing where undetermined.

    The normal equations of columns of size one, of all groups at once.
    """
    m = basis.shape[1]
    root = np.sqrt(weights)[:, None]
    size = np.sqrt(np.mean(basis**2, axis=0))
    scaled = root * basis / size
    # taking the groups' means out of all columns but a constant one keeps the digits that a large mean costs
    constant = np.flatnonzero(np.ptp(basis, axis=0) == 0)
    shift = np.zeros((n_levels, m))
    if len(constant):
        mean = _Means(codes, n_levels, weights)
        shift = np.column_stack([mean(basis[:, c]) for c in range(m)])
        shift[:, constant[0]] = 0.0
        scaled = root * (basis - shift[codes]) / size
    target = root[:, 0] * y
    gram, right = np.zeros((n_levels, m, m)), np.zeros((n_levels, m))
    for i in range(m):
        right[:, i] = np.bincount(codes, scaled[:, i] * target, n_levels)
        for j in range(i + 1):
            gram[:, i, j] = gram[:, j, i] = np.bincount(codes, scaled[:, i] * scaled[:, j], n_levels)
    values, vectors = np.linalg.eigh(gram)
    determined = values[:, 0] > 1e-10 * np.maximum(values[:, -1], 1e-300)
    values[~determined] = 1.0
    along = np.einsum("lij,li->lj", vectors, right) / values
    found = np.einsum("lij,lj->li", vectors, along) / size
    if len(constant):
        found[:, constant[0]] -= np.sum(shift * found, axis=1) / basis[0, constant[0]]
    found[~determined] = np.nan
    return found


def parts(name: str) -> list[str]:
    """The factors of a column's name: ``"x:I(a ** 2)"`` → ``["x", "I(a ** 2)"]``."""
    found, depth = [""], 0
    for character in name:
        depth += (character in "([") - (character in ")]")
        if character == ":" and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return found


class _Means:
    """Weighted means over the rows of each group."""

    def __init__(self, codes: np.ndarray, n_levels: int, weights: np.ndarray) -> None:
        self.codes, self.n_levels, self.weights = codes, n_levels, weights

    def __call__(self, values: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
        """(n,) → (ℓ,); over the rows ``where`` only, missing if there are none."""
        weights = self.weights if where is None else self.weights * where
        total = np.bincount(self.codes, weights, self.n_levels)
        sums = np.bincount(self.codes, weights * values, self.n_levels)
        return np.divide(sums, total, out=np.full(self.n_levels, np.nan), where=total > 0)


def _in_basis(
    columns: list[tuple[str, np.ndarray, float | np.ndarray]],
    names: list[str],
    basis: np.ndarray,
    ones: np.ndarray,
    mean: _Means,
) -> tuple[np.ndarray, np.ndarray]:
    """Columns with coefficients, numbers or (ℓ,) by group → the basis's (ℓ, m), and the rest (n,)."""
    line, rest = np.zeros((mean.n_levels, len(names))), np.zeros(len(basis))
    for name, column, coefficient in columns:
        if name == INTERCEPT and name not in names:
            line += np.multiply.outer(np.broadcast_to(coefficient, mean.n_levels), ones)
        elif name in names:
            line[:, names.index(name)] += coefficient
        elif (at := next((names.index(part) for part in parts(name) if part in names), None)) is not None:
            line[:, at] += coefficient * _other_factor(column, basis[:, at], mean)
        else:
            rest += np.broadcast_to(coefficient, mean.n_levels)[mean.codes] * column
    return line, rest


def _other_factor(column: np.ndarray, factor: np.ndarray, mean: _Means) -> np.ndarray:
    """(ℓ,) the mean of column/factor in each group where the factor isn't zero; overall if it always is."""
    seen = factor != 0
    ratio = np.divide(column, factor, out=np.zeros_like(column), where=seen)
    found = mean(ratio, seen)
    return np.where(np.isnan(found), np.average(ratio[seen]), found)


def _basis(design: Design, group: str, names: list[str]) -> tuple[list[str], np.ndarray]:
    known = dict(zip(design.names, design.X.T, strict=True))
    for term in design.terms_of(group):
        known |= dict(zip(term.columns, term.Xi.T, strict=True))
    columns = np.column_stack([known[name] for name in names])
    ones = np.ones(design.n)
    if np.abs(columns @ np.linalg.lstsq(columns, ones)[0] - ones).max() > 1e-8:
        return [INTERCEPT, *names], np.column_stack([ones, columns])
    return list(names), columns
