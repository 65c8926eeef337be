"""Codings of factors: what the columns of a factor with k levels hold, and what they are called.

In a model that has an intercept for it, a factor makes k − 1 columns, its contrasts; otherwise, whatever its
coding, k indicators, one a level. Both as in R.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bayesmm.errors import DataError

_ORDERS = (".L", ".Q", ".C")


class Contrasts(NamedTuple):
    """``matrix`` (k, m): row i has the columns of level i; ``labels`` of its m columns."""

    matrix: np.ndarray
    labels: tuple[str, ...]


def indicators(levels: Sequence[Any]) -> Contrasts:
    """One column for each level.

    Examples
    --------
    >>> indicators(["a", "b"]).matrix
    array([[1., 0.],
           [0., 1.]])
    """
    return Contrasts(np.eye(len(levels)), _texts(levels))


@dataclass(frozen=True)
class Treatment:
    """Differences from a reference level: the first, or ``reference``, or by R's ``base`` that many-th."""

    reference: Any = None
    base: int = 1
    name = "treatment"

    def contrasts(self, levels: Sequence[Any]) -> Contrasts:
        """The columns for these levels."""
        position = _position(self.reference, levels, min(self.base, len(levels)) - 1)
        return _without(indicators(levels), position)


@dataclass(frozen=True)
class Sum:
    """Differences from the mean of the levels' means: 1 for its own level, −1 for the one that is ``omit``.

    Without ``omit`` that is the last one, as in R.
    """

    omit: Any = None
    name = "sum"

    def contrasts(self, levels: Sequence[Any]) -> Contrasts:
        """The columns for these levels."""
        position = _position(self.omit, levels, len(levels) - 1)
        matrix, labels = _without(indicators(levels), position)
        matrix[position] = -1.0
        return Contrasts(matrix, labels)


@dataclass(frozen=True)
class Helmert:
    """Each level from the second on against the mean of those before it; as R's ``contr.helmert``."""

    name = "Helmert"

    def contrasts(self, levels: Sequence[Any]) -> Contrasts:
        """The columns for these levels."""
        k = len(levels)
        matrix = np.triu(np.full((k, k - 1), -1.0))
        matrix[np.arange(1, k), np.arange(k - 1)] = np.arange(1, k)
        return Contrasts(matrix, _texts(levels[1:]))


@dataclass(frozen=True)
class Diff:
    """Each level from the second on against the one before it; as ``contr.sdif`` of R's package MASS."""

    name = "successive differences"

    def contrasts(self, levels: Sequence[Any]) -> Contrasts:
        """The columns for these levels."""
        k = len(levels)
        above = np.arange(k)[:, None] > np.arange(k - 1)
        labels = tuple(f"{after}-{before}" for before, after in pairwise(levels))
        return Contrasts(above - np.arange(k - 1, 0, -1) / k, labels)


@dataclass(frozen=True)
class Poly:
    """Orthonormal polynomials in the levels' places, or in ``scores``: ``.L``, ``.Q``, ``.C``, ``^4``, …

    As R's ``contr.poly``, which is R's coding of ordered factors.
    """

    scores: Any = None
    name = "polynomial"

    def contrasts(self, levels: Sequence[Any]) -> Contrasts:
        """The columns for these levels."""
        k = len(levels)
        scores = np.arange(k, dtype=float) if self.scores is None else np.asarray(self.scores, dtype=float)
        if scores.shape != (k,) or len(np.unique(scores)) < k:
            raise DataError(
                f"Poly has {scores.size} scores",
                expected=f"{k} different numbers, one for each of the levels {', '.join(_texts(levels))}",
                advice="Poly() for levels at equal distances",
            )
        Q, R = np.linalg.qr(np.vander(scores - scores.mean(), k, increasing=True))
        labels = tuple(_ORDERS[i - 1] if i <= len(_ORDERS) else f"^{i}" for i in range(1, k))
        return Contrasts((Q * np.sign(np.diag(R)))[:, 1:], labels)


@dataclass(frozen=True, eq=False)
class Matrix:
    """The user's own matrix (k, m): a row for each level in their order, a column for each contrast.

    A pandas frame may have the levels as its index, in any order, and the contrasts' names as its columns.
    """

    matrix: Any
    name = "own"

    def contrasts(self, levels: Sequence[Any]) -> Contrasts:
        """The columns for these levels."""
        given = self.matrix
        if isinstance(given, pd.DataFrame) and set(given.index) == set(levels):
            given = given.loc[list(levels)]
        values = np.asarray(given, dtype=float)
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or len(values) != len(levels) or not np.isfinite(values).all():
            raise DataError(
                f"the matrix of contrasts has the shape {values.shape}",
                expected=f"finite numbers, a row for each of the levels {', '.join(_texts(levels))}",
                advice="the rows stand in the order of the levels",
            )
        names = given.columns if isinstance(given, pd.DataFrame) else range(1, values.shape[1] + 1)
        return Contrasts(values, _texts(list(names)))


Coding = Treatment | Sum | Helmert | Diff | Poly | Matrix

CODINGS: dict[str, type] = {
    "Treatment": Treatment,
    "Sum": Sum,
    "Helmert": Helmert,
    "Diff": Diff,
    "Poly": Poly,
    "contr.treatment": Treatment,
    "contr.sum": Sum,
    "contr.helmert": Helmert,
    "contr.sdif": Diff,
    "contr.poly": Poly,
}
"""What a formula may call a coding, by R's names too."""


def as_coding(given: Any) -> Coding | None:
    """A coding from itself, its class, its name or a matrix; None for None.

    Raises
    ------
    DataError
        For anything else.
    """
    if given is None or isinstance(given, Coding):
        return given
    if isinstance(given, str) and given in CODINGS:
        given = CODINGS[given]
    if isinstance(given, type) and issubclass(given, Coding):
        return given()
    if isinstance(given, pd.DataFrame | np.ndarray | list | tuple):
        return Matrix(given)
    shown = (
        repr(given) if isinstance(given, str | int | float) else f"something of type {type(given).__name__}"
    )
    raise DataError(
        f"{shown} is no coding of a factor",
        expected="Treatment, Sum, Helmert, Diff or Poly, or a matrix with a row for each level",
        advice="C(x, Sum), C(x, Treatment('b')), or a matrix in namespace={'M': M} and C(x, M)",
    )


def _position(level: Any, levels: Sequence[Any], default: int) -> int:
    if level is None:
        return default
    if level not in levels:
        raise DataError(
            f"a coding names the level {level!r}, which the factor doesn't have",
            expected=f"one of its levels {', '.join(map(repr, levels))}",
            advice="write the level as the data have it, text in quotes and numbers without",
        )
    return list(levels).index(level)


def _without(contrasts: Contrasts, position: int) -> Contrasts:
    labels = contrasts.labels[:position] + contrasts.labels[position + 1 :]
    return Contrasts(np.delete(contrasts.matrix, position, axis=1), labels)


def _texts(levels: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(level) for level in levels)
