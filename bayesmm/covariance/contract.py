"""What a covariance structure promises.

A term's random effects at one level have the covariance σ²λλ' with

    λ = diag(s) L(r),    s_i = the relative standard deviation that column i has,    L L' = R(r),

L the Cholesky factor of a *correlation*, never of a covariance, so that λ is smooth in all its parameters
where standard deviations are zero. A structure is one class in one file, which says

- which columns share a standard deviation (:attr:`Covariance.sds`);
- what else the covariance depends on: the shape parameters r, within bounds (:attr:`Covariance.shape`), and
  L as a function of them (:meth:`Covariance.correlation_factor`), with its inverse
  (:meth:`Covariance.shape_of`);
- what of it is reported under the one name ``corr|group`` (:meth:`Covariance.reported`), and the way back
  (:meth:`Covariance.factor_of`).

The rest follows: the changes of basis under which the structure is closed, the coordinates in which a search
moves (:class:`~bayesmm.covariance.chart.Chart`), names, priors, the sampler's transforms and the summaries.
Derivatives of L are taken by a complex step, which is exact to rounding; for that a structure computes with
the type of the numbers it is given, and without ``abs`` or ``max`` of them. It may write them down itself.
Thereby L can be had of PyTensor's variables too (:meth:`Covariance.correlation_rows`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from bayesmm.covariance.chart import Chart
from bayesmm.covariance.shaped import Shaped
from bayesmm.errors import ModelError

COMPLEX_STEP = 1e-30
BETA = MappingProxyType({"alpha": 2.0, "beta": 2.0})


@dataclass(frozen=True)
class Shape:
    """The parameters of a correlation matrix.

    Attributes
    ----------
    lower, upper
        (d,) the bounds of each: what lies between them gives a positive definite R, the bounds singular ones.
    distribution, default
        The distribution of the prior, ``"Beta"`` or ``"LKJ"``, and the parameters that it has if nothing else
        is said. A Beta is that of (r − lower)/(upper − lower), for each parameter alike.
    lkj
        (d,) for the LKJ distribution, what is added to its η: (1 + r)/2 ~ Beta(η + lkj, η + lkj).

    Examples
    --------
    >>> Shape((-1.0,), (1.0,)).beta({"alpha": 2.0, "beta": 3.0})
    (array([2.]), array([3.]))
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    distribution: str = "Beta"
    default: Mapping[str, float] = field(default=BETA, hash=False)
    lkj: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """d, the number of parameters."""
        return len(self.lower)

    def beta(self, parameters: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """A prior's parameters → (a, b), (d,) each: (r − lower)/(upper − lower) ~ Beta(a, b), independent.

        Under LKJ(η) the canonical partial correlations are independent, with c = η + (k − 2 − i)/2 for those
        in column i (Lewandowski, Kurowicka & Joe 2009, eq. 10).
        """
        if self.distribution == "LKJ":
            c = float(parameters["eta"]) + np.array(self.lkj)
            return c, c
        one = np.ones(self.size)
        return np.asarray(parameters["alpha"]) * one, np.asarray(parameters["beta"]) * one

    def at(self, t: np.ndarray) -> np.ndarray:
        """(…, d) places in the intervals, from −1 at the lower bound to 1 at the upper → r.

        Examples
        --------
        >>> Shape((0.0, -1.0), (1.0, 1.0)).at(np.array([-0.5, -0.5])).tolist()
        [0.25, -0.5]
        """
        low, high = np.array(self.lower), np.array(self.upper)
        return (low + high) / 2 + (high - low) / 2 * t

    def share(self, r: np.ndarray) -> np.ndarray:
        """r (…, d) → how far between its bounds each lies, 0 … 1."""
        low, high = np.array(self.lower), np.array(self.upper)
        return (r - low) / (high - low)


@dataclass(frozen=True)
class Covariance(ABC):
    """The covariance structure of one random term.

    Attributes
    ----------
    k
        The number of columns.
    at
        (k,) their positions in time, rising, for a structure over time; None for the others.
    """

    k: int
    at: tuple[float, ...] | None = None
    name: ClassVar[str]
    word: ClassVar[str] = ""
    """What formulas write before a bar, if not the name: ``us(x | group)``."""
    adjective: ClassVar[str] = ""
    """What effects of several columns are that have it, if a word says all: "correlated"."""
    one_column: ClassVar[bool] = False
    """Whether a term of one column may have it, as a mere variance."""
    over_time: ClassVar[bool] = False
    """Whether the columns have positions."""
    equally_spaced: ClassVar[bool] = False
    """Whether these have to be equally spaced."""

    turns: ClassVar[bool] = False
    """Whether the correlations with one column's sign turned round are of the structure again."""

    def __post_init__(self) -> None:
        """Whether the positions are k numbers that rise, by equal steps if the structure needs it.

        Raises
        ------
        ModelError
            If they aren't.
        """
        if self.at is not None and (len(self.at) != self.k or (np.diff(self.at) <= 0).any()):
            raise ModelError(
                f"the positions of {self.k} columns are {self.at}",
                expected=f"{self.k} numbers that rise",
                advice="one column for each time, in the order of time",
            )
        gaps = np.diff(self.positions)
        if self.equally_spaced and self.k > 2 and not np.allclose(gaps, gaps[0], rtol=1e-9):
            times = ", ".join(f"{time:g}" for time in self.positions)
            raise ModelError(
                f"the times of '{self.name}' aren't equally spaced: {times}",
                expected="equally spaced times, or there are lags that no pair of columns has",
                advice="'ar1', which counts gaps, or 'unstructured'",
            )

    @property
    @abstractmethod
    def sds(self) -> tuple[int, ...]:
        """(k,) the column whose standard deviation each has: (0, 1, 2) its own, (0, 0, 0) one for all."""

    @property
    def shape(self) -> Shape | None:
        """What the correlation depends on; None if the columns are independent."""
        return None

    def correlation_factor(self, r: np.ndarray) -> np.ndarray:
        """r (S, d), within the bounds → L (S, k, k), lower triangular with rows of length one."""
        return np.tile(np.eye(self.k), (len(r), 1, 1))

    def shape_of(self, R: np.ndarray) -> np.ndarray:
        """Correlation matrices (S, k, k) of this structure → r (S, d)."""
        return np.zeros((len(R), 0))

    def reported(self, r: np.ndarray) -> np.ndarray:
        """r (S, d) → (S, m), what is told of the correlation: r itself, if a structure says nothing else."""
        return r

    def reported_of(self, R: np.ndarray) -> np.ndarray:
        """Correlation matrices (S, k, k) of this structure → what is told of them (S, m)."""
        return self.reported(self.shape_of(R))

    def factor_of(self, values: np.ndarray) -> np.ndarray:
        """What is told of the correlation (S, m) → L (S, k, k); values may lie on the bounds."""
        return self.correlation_factor(values)

    def correlation_rows(self, share: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[list[Any]]:
        """L row by row, as lists of scalars of any kind, such as variables of PyTensor.

        Parameters
        ----------
        share
            d scalars: how far between its bounds each shape parameter lies, 0 … 1.
        sqrt
            The square root of such a scalar.
        """
        L = self.correlation_factor(self._shapes(share))[0]
        return [list(L[i, : i + 1]) for i in range(self.k)]

    def reported_scalars(self, share: Sequence[Any]) -> list[Any]:
        """(m,) what is told of the correlation, of scalars of any kind as in :meth:`correlation_rows`."""
        return list(self.reported(self._shapes(share))[0])

    def rows_of(self, values: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[list[Any]]:
        """:meth:`factor_of` for m scalars of any kind: L row by row."""
        told = np.empty((1, len(values)), dtype=object)
        told[0] = values
        L = self.correlation_factor(told)[0]
        return [list(L[i, : i + 1]) for i in range(self.k)]

    def _shapes(self, share: Sequence[Any]) -> np.ndarray:
        """r (1, d) of scalars of any kind, as an array of objects."""
        bounds = zip(self.shape.lower, self.shape.upper, strict=True) if self.shape else ()
        r = np.empty((1, len(share)), dtype=object)
        for p, (each, (low, high)) in enumerate(zip(share, bounds, strict=True)):
            r[0, p] = (low + high) / 2 + (high - low) / 2 * (2 * each - 1)
        return r

    def labels(self, columns: tuple[str, ...]) -> tuple[str, ...] | None:
        """(m,) what the values of :meth:`reported` are called, for columns of these names.

        None where it is a single number that needs no label.
        """
        return None

    def columns_of(self, m: int) -> tuple[int, ...]:
        """The columns whose correlation the m-th value of :meth:`reported` is; none if it is that of many."""
        return ()

    def held_by(self, m: int) -> int | None:
        """The shape parameter that the m-th value of :meth:`reported` is; None for a function of several.

        Values that are shape parameters have profiles.
        """
        return m

    def power_of(self, i: int, j: int) -> tuple[int, float] | None:
        """(m, power): R_ij, i ≠ j, is that power of the m-th value of :meth:`reported`; ∞ for zero.

        None if there is nothing so simple to say; in equations the covariance then has a symbol of its own.
        """
        return None

    def meaning(self, m: int) -> str:
        """What the m-th value of :meth:`reported` is the correlation of: "any two of them"."""
        return "two of them"

    def correlation_slopes(self, r: np.ndarray) -> np.ndarray:
        """(S, d, k, k) ∂L/∂r_p at r (S, d)."""
        found = np.empty((*r.shape, self.k, self.k))
        for p in range(r.shape[1]):
            moved = r.astype(complex)
            moved[:, p] += 1j * COMPLEX_STEP
            found[:, p] = self.correlation_factor(moved).imag / COMPLEX_STEP
        return found

    def correlation_pull_back(self, r: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """∂f/∂L (S, k, k), of which the lower triangle counts → ∂f/∂r (S, d), at r (S, d)."""
        return np.einsum("spij,sij->sp", self.correlation_slopes(r), np.tril(gradient))

    @property
    def positions(self) -> tuple[float, ...]:
        """(k,) the positions in time: 0, 1, 2, … if none are given."""
        return tuple(map(float, range(self.k))) if self.at is None else self.at

    @property
    def remark(self) -> str:
        """What has to be said for the reported values to be understood; mostly nothing."""
        return ""

    @property
    def takes_noise(self) -> bool:
        """Whether G + cI is of the structure whenever G is, for every c ≥ 0, and the columns correlate.

        With one row for each effect such a structure can't be told from the residual variance. Two columns
        that correlate have any covariance, or any with equal variances.
        """
        return self.correlated and self.k == 2

    def absorbs(self, weights: np.ndarray) -> bool:
        """Whether G + cvv' is of the structure whenever G is, for weights v (k,) and every c ≥ 0.

        Another term's column that is the sum of this term's with such weights has a variance that can't be
        told from this term's.
        """
        return False

    @property
    def owners(self) -> tuple[int, ...]:
        """The columns that name a standard deviation, each once, rising."""
        return tuple(sorted(set(self.sds)))

    @property
    def correlated(self) -> bool:
        """Whether the structure lets different columns correlate."""
        return self.shape is not None

    def basis(self, gram: np.ndarray) -> np.ndarray:
        """Lower-triangular T (k, k) that takes up the columns' sizes, so that Tλ is of the structure if λ is.

        The numerical work is done in this basis, where the columns of the term have size one and units don't
        matter: T is diagonal, the root mean square of the columns that share a standard deviation.

        Parameters
        ----------
        gram
            (k, k) symmetric positive semi-definite: the mean cross-product of the term's columns.
        """
        sds, squares = np.array(self.sds), np.diag(gram)
        means = [squares[sds == owner].mean() for owner in self.sds]
        return np.diag(np.sqrt(np.maximum(means, np.finfo(float).tiny)))

    def chart(self, basis: np.ndarray) -> Chart:
        """The coordinates φ of λ̃ = Tλ in which the criterion is searched, for T of :meth:`basis`."""
        return Shaped(self, basis)
