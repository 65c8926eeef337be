"""What a formula may call: R's functions under their names in R, and those of formulae.

A class is a function with a memory: each call in a formula has an object of it, which takes its state (a
mean, knots, breaks) from the rows of the fit and keeps it. Any other call that gives a number for the whole
column, such as ``mean(x)`` or ``np.quantile(x, 0.9)``, is remembered as that number: see ``evaluation``.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from formulae.transforms import TRANSFORMS

from bayesmm.design.codings import CODINGS, Coding, Sum, Treatment, as_coding
from bayesmm.design.splines import BasisSpline, NaturalSpline
from bayesmm.errors import DataError


@dataclass(frozen=True, eq=False)
class Coded:
    """A factor computed by a call: a level a row, the order of the levels and their coding, where given."""

    values: np.ndarray
    levels: tuple[Any, ...] | None = None
    coding: Coding | None = None
    ordered: bool = False

    @classmethod
    def of(cls, values: Any) -> Coded:
        """A factor from itself, or from a column."""
        if isinstance(values, Coded):
            return values
        if isinstance(getattr(values, "dtype", None), pd.CategoricalDtype):
            dtype = values.dtype
            return cls(np.asarray(values, dtype=object), tuple(dtype.categories), None, bool(dtype.ordered))
        return cls(np.asarray(values))


@dataclass(frozen=True, eq=False)
class Offset:
    """What is added to the prediction with coefficient one: a number a row, or one for all."""

    values: Any


class Scale:
    """(x − m) / s with the mean and the standard deviation of the fit, by n − 1, as R's ``scale``."""

    __stateful_transform__ = True

    def __init__(self) -> None:
        self._state: tuple[float, float] | None = None

    def __call__(self, x: Any, center: Any = True, scale: Any = True) -> Any:
        """x (n,) scaled; ``center`` and ``scale`` may be numbers, or False."""
        if self._state is None:
            m = (np.mean(x) if center else 0.0) if isinstance(center, bool) else center
            # without centring R divides by the root mean square
            s = (sd(x) if center else np.sqrt(np.sum(x**2) / (len(x) - 1))) if scale is True else scale or 1.0
            self._state = m, s
        return (x - self._state[0]) / self._state[1]


class Cut:
    """Intervals of x: R's ``cut(x, breaks)``; with a number of intervals the range of the fit is parted."""

    __stateful_transform__ = True

    def __init__(self) -> None:
        self._breaks: np.ndarray | None = None

    def __call__(
        self,
        x: Any,
        breaks: Any,
        labels: Any = None,
        include_lowest: bool = False,
        right: bool = True,
        dig_lab: int = 3,
        ordered_result: bool = False,
    ) -> Coded | np.ndarray:
        """The interval of each row, by R's labels such as ``(2,5]``; its number with ``labels=False``."""
        x = np.asarray(x, dtype=float)
        if self._breaks is None:
            self._breaks = _equal_breaks(x, breaks) if np.ndim(breaks) == 0 else np.unique(breaks)
        breaks = self._breaks.astype(float)
        names = _interval_names(breaks, include_lowest, right, dig_lab)
        code = np.searchsorted(breaks, x, side="left" if right else "right") - 1
        if include_lowest:
            code = np.where(x == (breaks[0] if right else breaks[-1]), 0 if right else len(names) - 1, code)
        outside = (code < 0) | (code >= len(names))
        if outside.any():
            raise DataError(
                f"cut() has no interval for {x[outside][0]:g}, in {int(outside.sum())} of {len(x)} rows",
                expected=f"numbers within {names[0]} … {names[-1]}",
                advice="breaks that reach further, such as c(-Inf, 1, 2, Inf)",
            )
        if labels is False:
            return code + 1.0
        if labels is not None:
            names = _own_labels(labels, len(names))
        return Coded(np.array(names, dtype=object)[code], names, None, ordered_result)


class Binary:
    """1 where x is a level, 0 elsewhere; without a level the first of the fit, in sorted order."""

    __stateful_transform__ = True

    def __init__(self) -> None:
        self._success: Any = None

    def __call__(self, x: Any, success: Any = None) -> np.ndarray:
        """0 or 1 for each row."""
        if self._success is None:
            self._success = sorted(pd.unique(x))[0] if success is None else success
            if not np.any(x == self._success):
                raise DataError(
                    f"no row of '{x.name}' is {self._success!r}",
                    expected="a level that occurs",
                    advice="write it as the data have it, text in quotes and numbers without",
                )
        return np.where(x == self._success, 1, 0)


def sd(x: Any) -> float:
    """The standard deviation by n − 1."""
    return float(np.std(np.asarray(x, dtype=float), ddof=1))


def var(x: Any) -> float:
    """The variance by n − 1."""
    return float(np.var(np.asarray(x, dtype=float), ddof=1))


def smallest(*values: Any) -> Any:
    """The smallest number of a column, or of several."""
    return np.min([np.min(value) for value in values])


def largest(*values: Any) -> Any:
    """The largest number of a column, or of several."""
    return np.max([np.max(value) for value in values])


def log(x: Any, base: float | None = None) -> Any:
    """The natural logarithm, or that to a base: ``log(x, 2)``."""
    if base is None:
        return np.log(x)
    known = {2: np.log2, 10: np.log10}
    return known[base](x) if base in known else np.log(x) / np.log(base)


def combine(*values: Any) -> np.ndarray:
    """R's ``c``: several numbers or levels, for knots, breaks and levels."""
    return np.array(values)


def coded(x: Any, coding: Any = None, levels: Any = None) -> Coded:
    """A factor with a coding: ``C(x, Sum)``."""
    found = Coded.of(x)
    return Coded(
        found.values,
        found.levels if levels is None else tuple(np.asarray(levels).tolist()),
        found.coding if coding is None else as_coding(coding),
        found.ordered,
    )


def factor(x: Any, levels: Any = None, ordered: bool = False) -> Coded:
    """A column as a factor, numbers too; ``levels`` gives their order."""
    found = coded(x, levels=levels)
    return Coded(found.values, found.levels, found.coding, ordered or found.ordered)


def ordered(x: Any, levels: Any = None) -> Coded:
    """A column as an ordered factor, which has polynomial contrasts."""
    return factor(x, levels, ordered=True)


def relevel(x: Any, ref: Any = None, levels: Any = None) -> Coded:
    """A factor with another reference level."""
    return coded(x, Treatment(ref), levels)


def sum_coded(x: Any, omit: Any = None, levels: Any = None) -> Coded:
    """A factor whose coefficients add up to zero."""
    return coded(x, Sum(omit), levels)


def _equal_breaks(x: np.ndarray, count: Any) -> np.ndarray:
    """R's: equal parts of the range, a thousandth of it wider at the ends."""
    if not isinstance(count, int | np.integer) or count < 2:
        raise DataError(
            f"cut() is to make {count!r} intervals",
            expected="a whole number of at least 2, or the breaks",
            advice="cut(x, 3) or cut(x, c(0, 5, 10))",
        )
    low, high = float(np.nanmin(x)), float(np.nanmax(x))
    breaks = np.linspace(low, high, count + 1)
    breaks[[0, -1]] += (high - low) / 1000 * np.array([-1.0, 1.0])
    return breaks


def _interval_names(breaks: np.ndarray, include_lowest: bool, right: bool, digits: int) -> tuple[str, ...]:
    """``(0,2.5]``: as many digits as it takes to tell the breaks apart, at least three."""
    for precision in range(digits, max(17, digits + 1)):
        texts = [f"{b:.{precision}g}".replace("inf", "Inf") for b in breaks]
        if len(set(texts)) == len(texts):
            break
    opening, closing = ("(", "]") if right else ("[", ")")
    names = [f"{opening}{low},{high}{closing}" for low, high in pairwise(texts)]
    if include_lowest and right:
        names[0] = "[" + names[0][1:]
    if include_lowest and not right:
        names[-1] = names[-1][:-1] + "]"
    return tuple(names)


def _own_labels(labels: Any, count: int) -> tuple[Any, ...]:
    names = tuple(np.asarray(labels).tolist())
    if len(set(names)) != count:
        raise DataError(
            f"cut() has {len(set(names))} labels for {count} intervals",
            expected="a label of its own for each interval",
            advice="labels=False numbers them",
        )
    return names


FUNCTIONS: dict[str, Any] = {
    **TRANSFORMS,
    **CODINGS,
    "B": Binary,
    "C": coded,
    "S": sum_coded,
    "T": relevel,
    "abs": np.abs,
    "as.factor": factor,
    "as.ordered": ordered,
    "binary": Binary,
    "bs": BasisSpline,
    "c": combine,
    "ceiling": np.ceil,
    "cos": np.cos,
    "cut": Cut,
    "exp": np.exp,
    "expm1": np.expm1,
    "factor": factor,
    "floor": np.floor,
    "ifelse": np.where,
    "log": log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "max": largest,
    "mean": np.mean,
    "median": np.median,
    "min": smallest,
    "ns": NaturalSpline,
    "offset": Offset,
    "ordered": ordered,
    "pmax": np.maximum,
    "pmin": np.minimum,
    "quantile": np.quantile,
    "relevel": relevel,
    "round": np.round,
    "scale": Scale,
    "sd": sd,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "standardize": Scale,
    "sum": np.sum,
    "tan": np.tan,
    "var": var,
}
"""Name → function, or class of a function with a memory."""

_OF_FACTORS = (Binary, coded, factor, ordered, relevel, sum_coded)
"""Functions that take a column as it is stored."""
_OF_NUMBERS = (
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.pos, operator.neg),
    *(function for function in FUNCTIONS.values() if function not in _OF_FACTORS),
)


def computes_with_numbers(function: Any) -> bool:
    """Whether a function or an operator computes with numbers; the user's own may do anything.

    Examples
    --------
    >>> [computes_with_numbers(f) for f in (np.exp, operator.add, operator.eq, factor, len)]
    [True, True, False, False, False]
    """
    is_numpys = str(getattr(function, "__module__", "")).split(".")[0] == "numpy"
    return is_numpys or isinstance(function, np.ufunc) or any(function is known for known in _OF_NUMBERS)


CONSTANTS: dict[str, Any] = {
    **CODINGS,
    "FALSE": False,
    "Inf": np.inf,
    "TRUE": True,
    "np": np,
    "pi": np.pi,
}
"""Name → value; ``np`` gives all that NumPy has."""
