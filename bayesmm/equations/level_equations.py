"""The model level by level: an equation for the rows, and for each level one for every coefficient below."""

from __future__ import annotations

from bayesmm.equations.elision import elided
from bayesmm.equations.filled import Values, filled_equation
from bayesmm.equations.notation import LevelEquation, Notation, RandomNotation
from bayesmm.equations.page import Section
from bayesmm.equations.tree import (
    ZERO,
    Dots,
    Equation,
    Expr,
    Infix,
    Symbol,
    Words,
    bold,
    normal,
    product,
    terms_of,
    total,
    whole,
)

FEWEST_RENAMED = 3
"""From so many equations on that only say β₂ⱼ = γ₂₀, β₃ⱼ = γ₃₀, … they are written as one."""
RUNNING = ("p", "s", "t")
"""Letters for numbers in subscripts."""


def level_sections(notation: Notation, values: Values | None) -> tuple[Section, ...]:
    """Level 1, level 2, … of nested factors; the rows and then each factor of crossed ones."""
    rows = notation.design.n
    if not notation.grouping.nested:
        first = Section(
            f"Rows ({rows})",
            (filled_equation(notation.combined, notation, values), residual_line(notation, values)),
        )
        return (first, *_group_sections(notation, values))
    sections = []
    for level in range(1, len(notation.grouping.groups) + 2):
        own = [equation for equation in notation.levels if equation.level == level]
        lines = _lines(own, notation, values)
        if level == 1:
            lines.append(residual_line(notation, values))
            title = f"Level 1: rows ({rows})"
        else:
            group = notation.grouping.groups[level - 2]
            lines += [effect_line(t, notation, values) for t in notation.terms if t.group is group]
            title = f"Level {level}: {group.name} ({group.size} levels)"
        sections.append(Section(title, tuple(lines)))
    return tuple(sections)


def written_together(notation: Notation, values: Values | None) -> set[Symbol]:
    """The coefficients that have no equation of their own, since one is written for many of them."""
    found = set()
    for level in {equation.level for equation in notation.levels}:
        own = [equation for equation in notation.levels if equation.level == level]
        found |= {e.left for e in _renamed(own, notation, values) if e.left is not None}
    return found


def effect_line(term: RandomNotation, notation: Notation, values: Values | None) -> Equation:
    """The distribution of a term's random effects at one level: (u₀ⱼ, u₁ⱼ)′ ~ N(0, Σ)."""
    effects: Expr = elided(term.k, 1, lambda i, j: term.columns[i].plain)
    if term.k == 1:
        effects = term.columns[0].plain
    line = Equation(effects, "~", normal(ZERO if term.k == 1 else bold("0"), covariance_matrix(term)))
    return filled_equation(line, notation, values)


def covariance_matrix(term: RandomNotation) -> Expr:
    """Σ written out: a variance, a multiple of the identity or of a correlation matrix, or a matrix."""
    if term.k == 1:
        return term.entry(0, 0)
    if term.shared and len(set(term.sds)) == 1 and not term.covariances:
        same = bold("I", str(term.k))
        return product(term.entry(0, 0), elided(term.k, term.k, term.correlation) if term.powers else same)
    return elided(term.k, term.k, term.entry)


def residual_line(notation: Notation, values: Values | None) -> Equation:
    """e ~ N(0, σ²), or σ² over the row's weight."""
    variance: Expr = notation.variance
    if notation.weight is not None:
        variance = Infix("/", (variance, notation.weight))
    return filled_equation(Equation(notation.residual, "~", normal(ZERO, variance)), notation, values)


def written_equation(equation: LevelEquation, notation: Notation) -> Equation:
    """One equation of a level, in symbols."""
    if equation.left is not None:
        return Equation(equation.left, "=", equation.right)
    terms = terms_of(equation.right) if equation.slots or equation.effects else ()
    return Equation(notation.response, "=", total(*terms, *notation.known, notation.residual))


def _group_sections(notation: Notation, values: Values | None) -> list[Section]:
    """The distributions of the effects of each factor."""
    sections = []
    for group in notation.grouping.groups:
        lines = tuple(effect_line(t, notation, values) for t in notation.terms if t.group is group)
        sections.append(Section(f"{group.name} ({group.size} levels)", lines))
    return sections


def _lines(equations: list[LevelEquation], notation: Notation, values: Values | None) -> list[Equation]:
    """The equations of one level; those that only name a coefficient anew come last, as one if many."""
    renamed = _renamed(equations, notation, values)
    lines = [equation for equation in equations if equation not in renamed]
    written = [filled_equation(written_equation(line, notation), notation, values) for line in lines]
    return [*written, _for_all(renamed, notation)] if renamed else written


def _renamed(
    equations: list[LevelEquation], notation: Notation, values: Values | None
) -> list[LevelEquation]:
    """The equations of one level that are written as one; none if they are few."""
    top = {column.coefficient for column in notation.fixed}
    # A number can't be written for all of them at once.
    found = [e for e in equations if e.trivial and not (values is not None and e.slots[0][0] in top)]
    return found if len(found) >= FEWEST_RENAMED else []


def _for_all(equations: list[LevelEquation], notation: Notation) -> Equation:
    """βₚⱼ = γₚ₀ for p = 2, …, 5, or βₚₛₖ = γₚₛ₀ for all others: many such equations as one."""
    first = equations[0]
    letters = RUNNING[: len(first.path)]
    subscripts = notation.grouping.subscripts
    left = Symbol(first.left.base, (*letters, *subscripts(len(letters))))
    right = Symbol(first.slots[0][0].base, (*letters, "0", *subscripts(len(letters) + 1)))
    condition: Expr = Words("all others")
    places = [equation.path[0] for equation in equations]
    if len(letters) == 1 and places == list(range(places[0], places[-1] + 1)):
        ends = Infix(",", (whole(places[0]), Dots("low"), whole(places[-1])))
        condition = Infix("=", (Symbol(letters[0]), ends))
    return Equation(left, "=", right, condition)
