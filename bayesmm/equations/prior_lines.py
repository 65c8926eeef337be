"""The priors of a model as distributions of its symbols."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from bayesmm.covariance import Covariance
from bayesmm.design.naming import INTERCEPT, TermNames, name_parameters
from bayesmm.equations.digits import short_number
from bayesmm.equations.elision import elided
from bayesmm.equations.notation import Notation, RandomNotation
from bayesmm.equations.page import Section
from bayesmm.equations.tree import (
    Call,
    Dots,
    Equation,
    Expr,
    Infix,
    Number,
    Phrase,
    Power,
    Symbol,
    bold,
    normal,
    product,
    total,
    whole,
)
from bayesmm.equations.unicode import inline
from bayesmm.model import MixedModel
from bayesmm.priors import Prior

GREEK = {"mu": "μ", "sigma": "σ", "nu": "ν", "alpha": "α", "beta": "β", "lam": "λ", "eta": "η"}
MOST_LISTED = 3
"""Of more parameters with one prior the first two and the last are named."""


def prior_section(model: MixedModel, notation: Notation) -> Section:
    """A line for every coefficient, for σ, for the standard deviations and the correlations."""
    names, priors = name_parameters(model.design), model.priors
    lines: list[Equation] = []
    notes: tuple[Phrase, ...] = ()
    for term in names.fixed:
        coefficients: list[Expr] = [notation.fixed[position].coefficient for position in term.positions]
        if term.name == INTERCEPT and len(notation.fixed) > 1:
            lines.append(_centred(coefficients[0], term.positions[0], notation))
            coefficients = [lines[-1].left]
            notes = ((lines[-1].left, " is the expected response at the means of the columns of X."),)
        lines += _grouped(coefficients, priors[term.name])
    for random, named in zip(notation.terms, names.terms, strict=True):
        effects = named.effects[:1] if named.sd_shared else named.effects
        for effect in effects:
            sds = list(dict.fromkeys(random.sds[position] for position in effect.positions))
            lines += _grouped(sds, priors[effect.sd])
        if named.corr is not None:
            R, D = (bold(letter, *random.matrix.sub) for letter in "RD")
            lines.append(Equation(random.matrix, "=", product(D, R, D)))
            lines.append(Equation(D, "=", Call("diag", random.sds)))
            if random.powers:
                lines.append(Equation(R, "=", elided(random.k, random.k, random.correlation)))
                lines += _shape_lines(random, named, priors[named.corr])
                notes += _shape_notes(random, named)
            else:
                lines.append(Equation(R, "~", distribution(priors[named.corr], 0)))
    for name, symbol in notation.dispersions.items():
        lines.append(Equation(symbol, "~", distribution(priors[name], 0)))
    return Section("Priors", tuple(lines), notes)


def _shapes(random: RandomNotation, structure: Covariance) -> list[Symbol]:
    """The structure's shape parameters: what it tells of its correlations, or numbers of their own."""
    d = structure.shape.size
    if [structure.held_by(m) for m in range(len(random.correlations))] == list(range(d)):
        return list(random.correlations)
    return [Symbol("r", sub) for sub in (symbol.sub for symbol in random.correlations)]


def _shape_lines(random: RandomNotation, named: TermNames, prior: Prior) -> list[Equation]:
    """(r − lower)/(upper − lower) ~ Beta(a, b) for each shape parameter."""
    shape = named.covariance.shape
    shares: list[Expr] = []
    for symbol, low, high in zip(_shapes(random, named.covariance), shape.lower, shape.upper, strict=True):
        above = symbol if low == 0 else Call("", (total(symbol, _number(-low)),))
        shares.append(above if high - low == 1 else Infix("/", (above, _number(high - low))))
    return _grouped(shares, prior)


def _shape_notes(random: RandomNotation, named: TermNames) -> tuple[Phrase, ...]:
    first = _shapes(random, named.covariance)[0]
    if first in random.correlations:
        return ()
    return (
        (first, ", … are the partial autocorrelations, which ", random.correlations[0], ", … follow from."),
    )


def distribution(prior: Prior, i: int) -> Expr:
    """The prior of one value: N(μ, σ²) for a normal, otherwise its name with its parameters.

    Parameters
    ----------
    i
        Which value, for a prior with one number for each of several.
    """
    numbers = {
        name: _number(value[i] if isinstance(value, tuple) else value)
        for name, value in prior.parameters.items()
    }
    if prior.distribution == "Normal":
        return normal(numbers["mu"], Power(numbers["sigma"], "2"))
    named = tuple(Infix("=", (_letter(name), number)) for name, number in numbers.items())
    return Call(prior.distribution, named)


def _grouped(parameters: Sequence[Expr], prior: Prior) -> list[Equation]:
    """A line for each run of parameters with the same prior."""
    lines = []
    numbered = [(distribution(prior, i), parameter) for i, parameter in enumerate(parameters)]
    # Alike is what looks alike: the default scales of a factor's columns may differ in their last digits.
    for _, group in groupby(numbered, key=lambda pair: inline(pair[0])):
        run = list(group)
        right = run[0][0]
        alike: list[Expr] = [parameter for _, parameter in run]
        if len(alike) > MOST_LISTED:
            alike = [*alike[:2], Dots("low"), alike[-1]]
        left = Infix(",", tuple(alike)) if len(alike) > 1 else alike[0]
        lines.append(Equation(left, "~", right))
    return lines


def _centred(intercept: Symbol, position: int, notation: Notation) -> Equation:
    """The intercept at the means of the columns of X."""
    X = notation.design.X
    means, sizes = X.mean(axis=0), np.sqrt(np.mean(X**2, axis=0))
    # The mean of a centred column is zero but for rounding.
    slopes = [
        product(short_number(means[c.position]), c.coefficient)
        for c in notation.fixed
        if c.position != position and abs(means[c.position]) > 1e-12 * sizes[c.position]
    ]
    return Equation(Power(intercept, "*"), "=", total(intercept, *slopes))


def _number(value: float) -> Number:
    return whole(int(value)) if float(value).is_integer() and abs(value) < 1e6 else short_number(value)


def _letter(name: str) -> Symbol:
    return Symbol(GREEK[name]) if name in GREEK else Symbol(name, (), "roman")
