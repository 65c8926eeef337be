"""Expressions bound to the data of a fit, so that they can be evaluated on other rows.

What a call remembers:

- functions with a memory (``scale``, ``poly``, ``ns``, ``cut``, …) keep their state;
- a call that gives anything but one value a row (``mean(x)``, ``np.quantile(x, q)``) keeps what it gave.

Any other call is evaluated anew on new rows, which is right if it looks at each row alone.
:func:`looks_beyond_rows` finds those that don't.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from formulae.terms.call_resolver import LazyCall, LazyValue, LazyVariable

from bayesmm.design.arithmetic import real
from bayesmm.design.functions import Coded, Offset, computes_with_numbers
from bayesmm.design.lookup import Names
from bayesmm.errors import DataError
from bayesmm.formula.part import Grouped

_SAMPLE = 24
"""How many rows :func:`looks_beyond_rows` tries."""
_SAME = 1e-9
"""The relative difference up to which two evaluations of a row are the same."""


class Column:
    """A column of the data: as a real number where it is computed with, otherwise as it is stored."""

    def __init__(self, name: str, *, computes: bool) -> None:
        self.name = name
        self.computes = computes

    def __call__(self, data: pd.DataFrame) -> Any:
        return real(data[self.name]) if self.computes else data[self.name]


class Constant:
    """A value that isn't in the data."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, data: pd.DataFrame) -> Any:
        return self.value


class Operation:
    """Arithmetic or a comparison."""

    def __init__(self, operator: Callable[..., Any], arguments: list[Any]) -> None:
        self.operator = operator
        self.arguments = arguments

    def __call__(self, data: pd.DataFrame) -> Any:
        return self.operator(*(argument(data) for argument in self.arguments))


class Call:
    """A call of a function, with what it remembers of its first evaluation."""

    def __init__(self, function: Any, arguments: list[Any], options: dict[str, Any]) -> None:
        self.function = function() if getattr(function, "__stateful_transform__", False) else function
        self.arguments = arguments
        self.options = options
        self.evaluated = False
        self.remembered: Any = None

    def __call__(self, data: pd.DataFrame) -> Any:
        if self.remembered is not None:
            return self.remembered
        arguments = [argument(data) for argument in self.arguments]
        result = self.function(*arguments, **{name: value(data) for name, value in self.options.items()})
        if not self.evaluated and _is_values(result) and not _is_one_a_row(result, len(data)):
            self.remembered = result
        self.evaluated = True
        return result


Node = Column | Constant | Operation | Call


def bind(node: Any, names: Names, data: pd.DataFrame, *, computes: bool = True) -> Node:
    """formulae's tree with every name bound: to a column of the data, or to what it means elsewhere.

    Parameters
    ----------
    node
        The tree.
    names
        What names mean that are no columns.
    data
        For the names of its columns.
    computes
        Whether what takes the value of the tree computes with numbers.

    Raises
    ------
    DataError
        If a name means nothing, or a value that the caller has for each row.
    """
    if isinstance(node, Grouped):
        return bind(node.node, names, data, computes=computes)
    if isinstance(node, LazyVariable):
        if node.name in data.columns:
            return Column(node.name, computes=computes)
        return _constant(node.name, names, data)
    if isinstance(node, LazyValue):
        return Constant(node.value)
    function = names.function(node.callee) if isinstance(node, LazyCall) else node.op
    computes = computes_with_numbers(function)
    arguments = [bind(argument, names, data, computes=computes) for argument in node.args]
    if not isinstance(node, LazyCall):
        return Operation(function, arguments)
    options = {
        _option(name): bind(value, names, data, computes=computes) for name, value in node.kwargs.items()
    }
    return Call(function, arguments, options)


def columns_of(node: Node) -> set[str]:
    """The columns of the data that a bound expression uses."""
    if isinstance(node, Column):
        return {node.name}
    inner = [*getattr(node, "arguments", ()), *getattr(node, "options", {}).values()]
    return set().union(*(columns_of(argument) for argument in inner))


def has_call(node: Node) -> bool:
    """Whether a function is called anywhere in a bound expression."""
    return isinstance(node, Call) or any(map(has_call, getattr(node, "arguments", ())))


def kind_of(result: Any) -> str:
    """What an expression gave: ``"numeric"``, ``"categoric"``, ``"offset"``, or another type's name.

    Examples
    --------
    >>> kind_of(np.array(["a", "b"])), kind_of(pd.Series(pd.date_range("2020-01-01", periods=2)))
    ('categoric', 'datetime64')
    """
    if isinstance(result, Offset):
        return "offset"
    if isinstance(result, Coded) or isinstance(getattr(result, "dtype", None), pd.CategoricalDtype):
        return "categoric"
    values = np.asarray(result)
    dtype = values.dtype
    if values.ndim == 0 and dtype.kind == "O":
        return type(result).__name__
    if dtype.kind in "biuf":
        return "numeric"
    return "categoric" if dtype.kind in "OUST" else dtype.type.__name__


def looks_beyond_rows(
    rows: Callable[[pd.DataFrame], np.ndarray], data: pd.DataFrame, values: np.ndarray
) -> bool:
    """Whether a row's value depends on other rows.

    A sample of rows, the extreme ones among them, is evaluated in two permuted pieces; each row must get what
    it got in the whole.

    Parameters
    ----------
    rows
        Evaluates any rows of the data.
    data
        (n rows) the data of the fit, with the columns that are used.
    values
        (n,) or (n, m), what the fit got.
    """
    even = np.linspace(0, len(data) - 1, _SAMPLE).astype(int)
    numbers = [column.to_numpy() for _, column in data.items() if column.dtype.kind in "iuf"]
    extreme = [row for column in numbers for row in (column.argmin(), column.argmax())]
    sample = np.random.default_rng(0).permutation(np.unique([*even, *extreme]))
    close = _SAME * (np.max(np.abs(values), initial=0.0) or 1.0)
    for piece in np.array_split(sample, 2):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                again = rows(data.iloc[piece])
        except Exception:  # whatever a user's function raises for few rows
            return True
        if again.shape != values[piece].shape or not np.allclose(again, values[piece], rtol=0, atol=close):
            return True
    return False


def _constant(name: str, names: Names, data: pd.DataFrame) -> Constant:
    value = names.value(name)
    if np.ndim(value) == 1 and len(value) == len(data):
        raise DataError(
            f"'{name}' is no column of the data but a variable with a value for each row",
            expected="columns of the data; other variables hold the same for all rows",
            advice=f"data.assign({name}={name})",
        )
    return Constant(value)


def _option(name: str) -> str:
    """R's names of arguments have dots: ``include.lowest``, ``Boundary.knots``."""
    return name.replace(".", "_").lower() if "." in name else name


def _is_values(result: Any) -> bool:
    return isinstance(result, bool | int | float | str | list | tuple | np.generic | np.ndarray | pd.Series)


def _is_one_a_row(result: Any, n: int) -> bool:
    return not isinstance(result, str) and np.ndim(result) > 0 and len(result) == n
