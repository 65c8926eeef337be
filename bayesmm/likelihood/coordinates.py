"""The coordinates in which the numerical work is done: every quantity of order one, whatever the units.

The user's model y = Xβ + Zb + e is the same model as ỹ = X̃β̃ + Z̃b̃ + ẽ with

    ỹ = W^½ (y − offset − Xγ)/s,    γ the least-squares coefficients, s² = Σ w (y − offset − Xγ)²/(n − p),
    X̃ = W^½ X R⁻¹,                  X̃'X̃ = I,
    X̃i = W^½ Xi T⁻¹,                T lower triangular, from the term's covariance structure,

so β = γ + s R⁻¹β̃, σ = s σ̃, b = s T⁻¹b̃ and λ = T⁻¹λ̃. Three things follow. The fit doesn't change with
units. Forming cross-products loses no digits,
since the columns of X̃ are orthonormal and the part of y that X explains has been taken out. And the
parameters of λ̃ all have the same natural scale.

What the change costs the criteria: −2 log-likelihoods of y are those of ỹ plus
``2 m log s − Σ log w + 2 log|R|``, with m = n for ML, m = n − p and the last term for REML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bayesmm.blocks.cross_product import CrossProduct, Group, Whitened
from bayesmm.blocks.pattern import Pattern
from bayesmm.blocks.triangular import solve_triangular
from bayesmm.covariance import Covariance
from bayesmm.design.design import Design
from bayesmm.design.rank import orthonormalizer
from bayesmm.design.rows import Rows
from bayesmm.errors import DataError


@dataclass(frozen=True, eq=False)
class Coordinates:
    """A change of coordinates, fixed once for a design.

    Attributes
    ----------
    R
        (p, p) upper triangular, X̃ = W^½ X R⁻¹.
    gamma
        (p,) the least-squares coefficients.
    scale
        s, in units of y.
    bases
        T (k, k) for each term.
    n
        The number of rows.
    sum_log_weights
        Σ log w.
    """

    R: np.ndarray
    gamma: np.ndarray
    scale: float
    bases: tuple[np.ndarray, ...]
    n: int
    sum_log_weights: float

    @property
    def p(self) -> int:
        """The number of columns of X."""
        return len(self.gamma)

    @cached_property
    def log_det_R(self) -> float:
        """log|R|."""
        return float(np.sum(np.log(np.diag(self.R))))

    def beta(self, beta_tilde: np.ndarray) -> np.ndarray:
        """β̃ (..., p) → β in the user's units."""
        return self.gamma + self.scale * self.unwhiten(beta_tilde)

    def unwhiten(self, vectors: np.ndarray) -> np.ndarray:
        """R⁻¹v for each row v of ``vectors`` (..., p)."""
        if self.p == 0:
            return np.asarray(vectors)
        flat = np.asarray(vectors).reshape(-1, self.p)
        return solve_triangular(self.R, flat.T).T.reshape(np.shape(vectors))


def coordinates_of(design: Design) -> Coordinates:
    """The coordinates of a design with the weights that it was given; see :func:`choose_coordinates`."""
    return choose_coordinates(design.rows, [term.covariance for term in design.terms], design.weights)


def choose_coordinates(
    rows: Rows, structures: Sequence[Covariance], weights: np.ndarray | None
) -> Coordinates:
    """Choose the coordinates from all of the rows.

    Parameters
    ----------
    rows
        The rows of a fit.
    structures
        The covariance structure of each term.
    weights
        (n,) w, by whose root the rows count; None for all alike.

    Raises
    ------
    DataError
        If X explains the response exactly, so that nothing is left to model.
    """
    root = None if weights is None else np.sqrt(weights)
    y = rows.y if rows.offset is None else rows.y - rows.offset
    X = rows.X
    if root is not None:
        y, X = root * y, root[:, None] * X
    n, p = X.shape
    R = orthonormalizer(X) if p else np.zeros((0, 0))
    gamma, scale = _least_squares(X, y, R)
    bases = []
    for term, structure in zip(rows.terms, structures, strict=True):
        weighted = term.Xi if root is None else root[:, None] * term.Xi
        bases.append(structure.basis(weighted.T @ weighted / n))
    log_weights = 0.0 if weights is None else float(np.sum(np.log(weights)))
    return Coordinates(R, gamma, scale, tuple(bases), n, log_weights)


def of_response(coordinates: Coordinates, rows: Rows, weights: np.ndarray | None) -> Coordinates:
    """The coordinates for another response: γ and s are new, what depends on X and Z stays.

    Raises
    ------
    DataError
        As for :func:`choose_coordinates`.
    """
    y = rows.y if rows.offset is None else rows.y - rows.offset
    X = rows.X
    if weights is not None:
        root = np.sqrt(weights)
        y, X = root * y, root[:, None] * X
    gamma, scale = _least_squares(X, y, coordinates.R)
    return replace(coordinates, gamma=gamma, scale=scale)


def _least_squares(X: np.ndarray, y: np.ndarray, R: np.ndarray) -> tuple[np.ndarray, float]:
    """γ (p,), and the residual sd s, for R'R = X'X."""
    n, p = X.shape
    gamma = np.zeros(p)
    residual = y
    for _ in range(2):  # the second pass gives back the digits that a large mean takes from the first
        step = solve_triangular(R, solve_triangular(R, X.T @ residual, transposed=True)) if p else gamma
        gamma = gamma + step
        residual = y - X @ gamma
    scale = float(np.sqrt(residual @ residual / (n - p)))
    check_left(scale, float(np.sqrt(np.mean(y * y))))
    return gamma, scale


def check_left(scale: float, size: float) -> None:
    """Whether the fixed effects leave a residual sd that isn't rounding, beside the response's size.

    Raises
    ------
    DataError
        If they don't.
    """
    if not scale > 1e-12 * size:
        raise DataError(
            "the fixed effects explain the response exactly",
            expected="a response with some variation left",
            advice="look for a predictor that is a copy of the response",
        )


def whitened(
    rows: Rows, coordinates: Coordinates, weights: np.ndarray | None, at: slice | np.ndarray = slice(None)
) -> Whitened:
    """[X̃ ỹ] and X̃i of some rows; chunks of rows go through the same coordinates.

    Parameters
    ----------
    rows
        The rows of a fit.
    coordinates
        Of all of them.
    weights
        (n,) w, by whose root the rows are multiplied; None for none.
    at
        Which rows.
    """
    X = rows.X[at]
    y = rows.y[at] - X @ coordinates.gamma
    if rows.offset is not None:
        y = y - rows.offset[at]
    XY = np.empty((len(y), coordinates.p + 1))
    if coordinates.p:
        XY[:, :-1] = X @ solve_triangular(coordinates.R, np.eye(coordinates.p))
    XY[:, -1] = y / coordinates.scale
    Xi = [
        term.Xi[at] @ solve_triangular(basis, np.eye(len(basis)), lower=True)
        for term, basis in zip(rows.terms, coordinates.bases, strict=True)
    ]
    if weights is not None:
        root = np.sqrt(weights[at])[:, None]
        XY *= root
        Xi = [root * columns for columns in Xi]
    return Whitened(XY, tuple(np.ascontiguousarray(columns) for columns in Xi))


def groups_of(design: Design) -> tuple[Group, ...]:
    """The design's grouping factors, each with the columns of all its terms side by side."""
    members: dict[str, list[int]] = {}
    for position, term in enumerate(design.terms):
        members.setdefault(term.group, []).append(position)
    groups = []
    for name, terms in members.items():
        ends = np.cumsum([design.terms[t].k for t in terms])
        starts = tuple(int(end - design.terms[t].k) for end, t in zip(ends, terms, strict=True))
        n_levels = len(design.terms[terms[0]].factor)
        groups.append(Group(name, n_levels, int(ends[-1]), tuple(terms), starts))
    return tuple(groups)


def pattern_of(design: Design) -> Pattern:
    """Which levels of the design's grouping factors occur together."""
    groups = groups_of(design)
    return Pattern.of(groups, [design.terms[group.terms[0]].factor.codes for group in groups])


def cross_product_of(
    design: Design,
    coordinates: Coordinates,
    at: slice | np.ndarray = slice(None),
    pattern: Pattern | None = None,
) -> CrossProduct:
    """The cross-product of (some rows of) a design, in the given coordinates.

    ``pattern`` is the design's, if it has been found; its values are then those of all rows' pattern. Without
    it the pattern is that of the rows ``at``.
    """
    rows = whitened(design.rows, coordinates, design.weights, at)
    if pattern is not None:
        return pattern.fill(rows, at)
    groups = groups_of(design)
    codes = [design.terms[group.terms[0]].factor.codes[at] for group in groups]
    return Pattern.of(groups, codes).fill(rows)
