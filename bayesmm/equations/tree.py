"""Mathematics as a tree: symbols, numbers, sums, products, matrices, distributions, and equations of them.

The tree says what is written, not how: :mod:`~bayesmm.equations.unicode`, :mod:`~bayesmm.equations.latex`
and :mod:`~bayesmm.equations.mathml` each write the same tree. What is a number, a symbol, a sum, a product or
a power can also be evaluated, which is how the tests hold the equations against the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

type Style = Literal["italic", "roman", "bold"]
type Relation = Literal["=", "~"]


@dataclass(frozen=True)
class Symbol:
    """A letter or a name with its subscripts.

    Attributes
    ----------
    base
        ``"β"``, ``"Days"``; Greek letters as they are.
    sub
        The subscripts, one a token: ``("0", "j")``, ``("j[i]",)``, ``("10", ",", "1")``.
    style
        Italic for quantities, roman for names from the data, bold for vectors and matrices.
    """

    base: str
    sub: tuple[str, ...] = ()
    style: Style = "italic"


@dataclass(frozen=True)
class Number:
    """A number with its digits; ``value`` keeps all of them, ``text`` (with a "-" if need be) is shown."""

    value: float
    text: str


@dataclass(frozen=True)
class Words:
    """Upright text, such as the name of a distribution."""

    text: str


@dataclass(frozen=True)
class Dots:
    """What is left out: on the line ("low"), across (⋯), down (⋮) or both (⋱)."""

    direction: Literal["low", "across", "down", "diagonal"]


@dataclass(frozen=True)
class Product:
    """Factors side by side."""

    factors: tuple[Expr, ...]


@dataclass(frozen=True)
class Sum:
    """Terms with plus signs; a term that begins with a negative number gets a minus."""

    terms: tuple[Expr, ...]


@dataclass(frozen=True)
class Power:
    """A base with a positive number, ``"−1"``, ``"′"`` (transposed) or ``"*"`` above it."""

    base: Expr
    exponent: str


@dataclass(frozen=True)
class Infix:
    """Items with an operator between them: ``⊗``, ``=``, ``/``, or ``,`` for a list."""

    operator: Literal["⊗", "=", ",", "/"]
    items: tuple[Expr, ...]


@dataclass(frozen=True)
class Call:
    """A name with arguments in parentheses: N(0, σ²), blockdiag(…)."""

    name: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True)
class Matrix:
    """A matrix in brackets, row by row."""

    rows: tuple[tuple[Expr, ...], ...]


@dataclass(frozen=True)
class Under:
    """An expression with a note below it: a matrix and its size."""

    body: Expr
    note: str


type Expr = Symbol | Number | Words | Dots | Product | Sum | Power | Infix | Call | Matrix | Under

type Phrase = tuple[str | Expr, ...]
"""Words with symbols among them."""


@dataclass(frozen=True)
class Equation:
    """``left = right`` or ``left ~ right``, with an optional condition such as q = 1, …, 5."""

    left: Expr
    relation: Relation
    right: Expr
    condition: Expr | None = None


def product(*factors: Expr) -> Expr:
    """The product; a single factor is itself."""
    return factors[0] if len(factors) == 1 else Product(factors)


def total(*terms: Expr) -> Expr:
    """The sum; a single term is itself, and no term is zero."""
    if not terms:
        return Number(0.0, "0")
    return terms[0] if len(terms) == 1 else Sum(terms)


def column(*entries: Expr) -> Matrix:
    """A column vector."""
    return Matrix(tuple((entry,) for entry in entries))


def bold(base: str, *sub: str) -> Symbol:
    """A vector or matrix."""
    return Symbol(base, sub, "bold")


def power(base: Expr, exponent: float) -> Expr:
    """A positive power; the first is the base itself."""
    return base if exponent == 1 else Power(base, f"{exponent:.4g}")


def normal(mean: Expr, covariance: Expr) -> Call:
    """N(mean, covariance)."""
    return Call("N", (mean, covariance))


def whole(value: int) -> Number:
    """A whole number."""
    return Number(float(value), str(value))


ZERO = whole(0)


def signed(term: Expr) -> tuple[str, Expr]:
    """A term of a sum as its sign, "+" or "−", and what follows it."""
    first = term.factors[0] if isinstance(term, Product) else term
    if not isinstance(first, Number) or not first.text.startswith("-"):
        return "+", term
    positive = Number(-first.value, first.text.removeprefix("-"))
    return "−", Product((positive, *term.factors[1:])) if isinstance(term, Product) else positive


def terms_of(expression: Expr) -> tuple[Expr, ...]:
    """The terms of a sum; anything else is one term."""
    return expression.terms if isinstance(expression, Sum) else (expression,)


def transform(expression: Expr, change: Callable[[Expr], Expr | None]) -> Expr:
    """The tree with every node replaced for which ``change`` gives another, from the top down."""
    changed = change(expression)
    if changed is not None:
        return changed
    return _with_parts(expression, lambda part: transform(part, change))


def _with_parts(expression: Expr, f: Callable[[Expr], Expr]) -> Expr:
    match expression:
        case Product(factors):
            return Product(tuple(map(f, factors)))
        case Sum(terms):
            return Sum(tuple(map(f, terms)))
        case Power(base, exponent):
            return Power(f(base), exponent)
        case Infix(operator, items):
            return Infix(operator, tuple(map(f, items)))
        case Call(name, arguments):
            return Call(name, tuple(map(f, arguments)))
        case Matrix(rows):
            return Matrix(tuple(tuple(map(f, row)) for row in rows))
        case Under(body, note):
            return Under(f(body), note)
        case _:
            return expression


def evaluate(expression: Expr, bindings: Mapping[Expr, Any]) -> Any:
    """The value of an expression of numbers, symbols, sums, products and powers.

    Parameters
    ----------
    bindings
        Symbol → a number, or an array of one value a row. A power may be bound as a whole.

    Raises
    ------
    KeyError
        If a symbol is not bound.
    TypeError
        For what has no value, such as a distribution.

    Examples
    --------
    >>> x = Symbol("x", ("i",))
    >>> evaluate(Sum((Number(2.0, "2"), Product((Number(3.0, "3"), x)))), {x: 5.0})
    17.0
    """
    if expression in bindings:
        return bindings[expression]
    match expression:
        case Number(value, _):
            return value
        case Sum(terms):
            return sum(evaluate(term, bindings) for term in terms)
        case Product(factors):
            value: Any = 1.0
            for factor in factors:
                value = value * evaluate(factor, bindings)
            return value
        case Power(base, "2"):
            return np.square(evaluate(base, bindings))
        case Power(base, exponent) if exponent.replace(".", "").isdigit():
            return evaluate(base, bindings) ** float(exponent)
        case Symbol():
            raise KeyError(expression)
        case _:
            raise TypeError(f"{type(expression).__name__} has no value")
