"""Spline bases as R's package splines has them: ``bs`` and ``ns``, which remember their knots."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.interpolate import BSpline
from scipy.linalg import qr

from bayesmm.errors import DataError


class BasisSpline:
    """B-splines of a degree: R's ``bs(x, df, knots, degree, intercept)``, column for column.

    Beyond the boundary knots, which are the smallest and the largest x of the fit unless they are given, the
    outermost polynomials go on. See de Boor (2001), A Practical Guide to Splines, chapter IX.
    """

    __stateful_transform__ = True
    _name = "bs"

    def __init__(self) -> None:
        self._knots: np.ndarray | None = None

    def __call__(
        self,
        x: Any,
        df: int | None = None,
        knots: Any = None,
        degree: int = 3,
        intercept: bool = False,
        boundary_knots: Any = None,
    ) -> np.ndarray:
        """The basis (n, df)."""
        values = np.asarray(x, dtype=float)
        if self._knots is None:
            self._degree, self._first = degree, 0 if intercept else 1
            fewest = degree + int(intercept)
            self._knots = _knots(self._name, values, df, knots, degree, fewest, boundary_knots)
        return _basis(values, self._knots, self._degree)[:, self._first :]


class NaturalSpline:
    """Natural cubic splines, linear beyond the boundary knots: R's ``ns(x, df, knots, intercept)``.

    Of the cubic B-splines those combinations whose second derivatives vanish at the two boundary knots: an
    orthonormal basis of the null space of the constraints, by Householder reflections as in R.
    """

    __stateful_transform__ = True
    _name = "ns"

    def __init__(self) -> None:
        self._knots: np.ndarray | None = None

    def __call__(
        self,
        x: Any,
        df: int | None = None,
        knots: Any = None,
        intercept: bool = False,
        boundary_knots: Any = None,
    ) -> np.ndarray:
        """The basis (n, df)."""
        values = np.asarray(x, dtype=float)
        if self._knots is None:
            self._first = 0 if intercept else 1
            self._knots = _knots(self._name, values, df, knots, 3, 1 + int(intercept), boundary_knots)
            curvature = _basis(self._knots[[0, -1]], self._knots, 3, derivative=2)[:, self._first :]
            Q, _ = qr(curvature.T)
            self._null = Q[:, 2:]
        low, high = self._knots[[0, -1]]
        inside = np.clip(values, low, high)
        basis = _basis(inside, self._knots, 3)
        beyond = values - inside
        out = beyond != 0
        basis[out] += beyond[out, None] * _basis(inside[out], self._knots, 3, derivative=1)
        return basis[:, self._first :] @ self._null


def _basis(x: np.ndarray, knots: np.ndarray, degree: int, derivative: int = 0) -> np.ndarray:
    """All the B-splines on these knots, or their derivatives, at x (n,): (n, k)."""
    count = len(knots) - degree - 1
    return np.asarray(BSpline(knots, np.eye(count), degree)(x, nu=derivative))


def _knots(
    name: str,
    x: np.ndarray,
    df: int | None,
    inner: Any,
    degree: int,
    fewest: int,
    boundary: Any,
) -> np.ndarray:
    """The inner knots, at quantiles of x unless they are given, between degree + 1 knots at either end."""
    low, high = (np.min(x), np.max(x)) if boundary is None else np.sort(np.asarray(boundary, dtype=float))
    if inner is None:
        count = 0 if df is None else df - fewest
        if count < 0 or count != int(count):
            raise DataError(
                f"{name}(…, df={df}) has too few columns",
                expected=f"a whole number of at least {fewest}",
                advice=f"df={fewest} for no inner knot, and one more for each",
            )
        within = x[(x >= low) & (x <= high)]
        inner = np.quantile(within, np.linspace(0, 1, int(count) + 2)[1:-1])
    inner = np.sort(np.atleast_1d(np.asarray(inner, dtype=float)))
    if not low < high or (inner <= low).any() or (inner >= high).any():
        raise DataError(
            f"the knots of {name}() don't lie between its boundaries {low:g} and {high:g}",
            expected="increasing boundaries, and inner knots strictly between them",
            advice="fewer columns, if many values are the same, or knots=c(…)",
        )
    return np.concatenate([np.full(degree + 1, low), inner, np.full(degree + 1, high)])
