"""A model's own symbols: which letter, with which subscripts, stands for which column, coefficient or effect.

Everything that is written later, level by level, in one equation or in matrices, is made of these. They
come from the design's terms, columns and codes, so that what is written is what is fitted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from math import isinf

from bayesmm.design import Design
from bayesmm.design.naming import TermNames, name_parameters
from bayesmm.equations.groups import (
    OFFSETS,
    RESIDUALS,
    WEIGHTS,
    Group,
    Grouping,
    free_name,
    grouping_of,
    squared,
)
from bayesmm.equations.parts import Part, Parts
from bayesmm.equations.tree import ZERO, Equation, Expr, Power, Symbol, bold, power, product, total, whole


@dataclass(frozen=True, eq=False)
class FixedColumn:
    """A column of X: its coefficient's symbol and its parts; ``position`` is its place in X."""

    position: int
    name: str
    coefficient: Symbol
    parts: tuple[Part, ...]


@dataclass(frozen=True, eq=False)
class RandomColumn:
    """A column of a random term.

    Attributes
    ----------
    name
        What the term calls it.
    effect
        Its effect as it stands in an equation: u₀ⱼ, or u₀ with subscript j[i].
    plain
        The same for a level in general, without the row: u₀ⱼ.
    parts
        What the effect is multiplied by, row by row.
    outer
        Those of the parts that vary no faster than the effect itself.
    """

    name: str
    effect: Symbol
    plain: Symbol
    parts: tuple[Part, ...]
    outer: tuple[Part, ...]


@dataclass(frozen=True, eq=False)
class RandomNotation:
    """A random term: its columns, and its covariance matrix Σ.

    ``sds`` (k) are the standard deviations' symbols, shared ones repeated; ``covariances`` the symbols by
    pair of columns, where covariances have their own; ``correlations`` those of what a structure tells of its
    correlations, and ``powers`` which of them to which power the correlation of a pair is. ``matrix`` stands
    for Σ, ``position`` is the term's place among the design's.
    """

    position: int
    group: Group
    columns: tuple[RandomColumn, ...]
    sds: tuple[Symbol, ...]
    covariances: dict[tuple[int, int], Symbol]
    correlations: tuple[Symbol, ...]
    powers: dict[tuple[int, int], tuple[int, float]]
    matrix: Symbol
    shared: bool

    @property
    def k(self) -> int:
        """The number of columns."""
        return len(self.columns)

    def entry(self, row: int, column: int) -> Expr:
        """Σ[row, column]."""
        if row == column:
            return squared(self.sds[row])
        if (min(row, column), max(row, column)) in self.powers:
            correlation = self.correlation(row, column)
            sds = [squared(self.sds[row])] if self.shared else [self.sds[row], self.sds[column]]
            return ZERO if correlation == ZERO else product(*sds, correlation)
        return self.covariances.get((min(row, column), max(row, column)), ZERO)

    def correlation(self, row: int, column: int) -> Expr:
        """R[row, column], where it is a power of one of the ``correlations``."""
        if row == column:
            return whole(1)
        m, exponent = self.powers[min(row, column), max(row, column)]
        if isinf(exponent):
            return ZERO
        return power(self.correlations[m], exponent)


@dataclass(frozen=True, eq=False)
class LevelEquation:
    """The equation of a coefficient of the level below, or of the response.

    Attributes
    ----------
    level
        1 for the rows, g + 2 for groups[g].
    left
        The coefficient; None for the response.
    slots
        The coefficients of this equation with the parts they multiply.
    effects
        The random effects in it.
    path
        The numbers in the subscript of ``left``.
    """

    level: int
    left: Symbol | None
    slots: tuple[tuple[Symbol, tuple[Part, ...]], ...]
    effects: tuple[RandomColumn, ...]
    path: tuple[int, ...]

    @property
    def trivial(self) -> bool:
        """Whether it only says that one coefficient is another."""
        return len(self.slots) == 1 and not self.slots[0][1] and not self.effects

    @property
    def right(self) -> Expr:
        """The right-hand side."""
        terms = [product(coefficient, *symbols(parts)) for coefficient, parts in self.slots]
        terms += [product(column.effect, *symbols(column.outer)) for column in self.effects]
        return total(*terms)


@dataclass(frozen=True, eq=False)
class Notation:
    """The symbols of a whole model.

    Attributes
    ----------
    fixed, order
        The columns of X in their order there, and the order in which equations write them.
    terms
        The random terms in the design's order.
    levels
        The equations level by level; empty where the factors are crossed.
    response, residual, weight, offset
        Their symbols with subscripts; the last two None where the model has none.
    parts
        Every column that is written.
    """

    design: Design
    grouping: Grouping
    fixed: tuple[FixedColumn, ...]
    order: tuple[FixedColumn, ...]
    terms: tuple[RandomNotation, ...]
    levels: tuple[LevelEquation, ...]
    response: Symbol
    residual: Symbol
    weight: Symbol | None
    offset: Symbol | None
    parts: tuple[Part, ...]

    @property
    def dispersions(self) -> dict[str, Symbol]:
        """Parameter of the family besides the location → its letter."""
        family = self.design.family
        return {name: Symbol(family.symbols[name]) for name in family.dispersions}

    @property
    def sigma(self) -> Symbol:
        """The standard deviation of the residual."""
        (found,) = self.dispersions.values()
        return found

    @property
    def variance(self) -> Power:
        """The variance of the residual."""
        return Power(self.sigma, "2")

    @property
    def predictor_terms(self) -> tuple[Expr, ...]:
        """The one equation's right-hand side without its residual: Xβ + Zb + offset, term by term."""
        terms = [product(column.coefficient, *symbols(column.parts)) for column in self.order]
        terms += [product(c.effect, *symbols(c.parts)) for term in self.terms for c in term.columns]
        return (*terms, *self.known)

    @property
    def combined(self) -> Equation:
        """The one equation of the rows."""
        right = total(*self.predictor_terms, self.residual)
        return Equation(self.response, "=", right)

    @property
    def known(self) -> tuple[Symbol, ...]:
        """The offset, if there is one."""
        return () if self.offset is None else (self.offset,)

    @property
    def sizes(self) -> tuple[str, ...]:
        """The levels in words: "180 rows", "18 levels of Subject"."""
        groups = (f"{group.size} levels of {group.name}" for group in self.grouping.groups)
        return (f"{self.design.n} rows", *groups)


def symbols(parts: Iterable[Part]) -> tuple[Expr, ...]:
    """The parts as they are written."""
    return tuple(part.symbol for part in parts)


def numbers(path: tuple[int, ...]) -> tuple[str, ...]:
    """Numbers as subscripts, with commas between them where one has two digits.

    Examples
    --------
    >>> numbers((1, 0)), numbers((10, 0))
    (('1', '0'), ('10', ',', '0'))
    """
    if all(number < 10 for number in path):
        return tuple(map(str, path))
    tokens = [token for number in path for token in (",", str(number))]
    return tuple(tokens[1:])


@dataclass(frozen=True, eq=False)
class Frame:
    """What every notation starts from: the parts of each column, and the letters of the rows."""

    design: Design
    grouping: Grouping
    parts: Parts
    fixed: tuple[tuple[Part, ...], ...]
    random: tuple[tuple[tuple[Part, ...], ...], ...]
    names: tuple[TermNames, ...]
    taken: frozenset[str]

    @classmethod
    def of(cls, design: Design) -> Frame:
        """Take the columns of a design apart."""
        taken = {design.response, *design.names, *(name for term in design.terms for name in term.columns)}
        grouping = grouping_of(design, taken)
        parts = Parts(design, grouping)
        fixed = tuple(parts.of(name, design.X[:, j]) for j, name in enumerate(design.names))
        random = tuple(
            tuple(parts.of(name, term.Xi[:, c]) for c, name in enumerate(term.columns))
            for term in design.terms
        )
        names = name_parameters(design).terms
        return cls(design, grouping, parts, fixed, random, names, frozenset(taken))

    def group_of(self, t: int) -> tuple[int, Group]:
        """The place and the letters of the factor of term t."""
        name = self.design.terms[t].group
        return next((g, group) for g, group in enumerate(self.grouping.groups) if group.name == name)

    def finish(
        self,
        fixed: tuple[FixedColumn, ...],
        order: tuple[FixedColumn, ...],
        columns: list[tuple[RandomColumn, ...]],
        labels: list[tuple[tuple[str, ...], ...]],
        levels: tuple[LevelEquation, ...],
    ) -> Notation:
        """The notation, with the symbols that don't depend on how groups are written.

        ``labels`` are the subscripts of each term's standard deviations.
        """
        design, rows = self.design, self.grouping.subscripts(0)
        taken = set(self.taken)
        terms = []
        for t, (own, subscripts) in enumerate(zip(columns, labels, strict=True)):
            terms.append(self._term(t, own, subscripts))
        return Notation(
            design=design,
            grouping=self.grouping,
            fixed=fixed,
            order=order,
            terms=tuple(terms),
            levels=levels,
            response=Symbol(self.parts.shown(design.response), rows, "roman"),
            residual=Symbol(free_name(RESIDUALS, taken), rows),
            weight=None if design.weights is None else Symbol(free_name(WEIGHTS, taken), rows),
            offset=None if design.offset is None else Symbol(free_name(OFFSETS, taken), rows, "roman"),
            parts=self.parts.all,
        )

    def _term(
        self, t: int, columns: tuple[RandomColumn, ...], labels: tuple[tuple[str, ...], ...]
    ) -> RandomNotation:
        names, (_, group) = self.names[t], self.group_of(t)
        alone = len(self.grouping.groups) == 1
        prefix = () if alone else (group.effect,)
        owners = [labels[owner] for owner in names.sd_owner]
        if names.sd_shared and len(self.design.terms_of(group.name)) == 1 and len(set(owners)) == 1:
            owners = [()] * len(owners)
        wide = any(len(label) > 1 or int(label[0]) > 9 for label in labels if label)
        comma = (",",) if wide else ()
        covariances, powers = {}, {}
        structure = names.covariance
        for i, j in combinations(range(structure.k), 2) if structure.correlated else ():
            found = structure.power_of(i, j)
            if found is not None:
                powers[i, j] = found
                continue
            one, other = sorted((labels[i], labels[j]), key=lambda label: (len(label), label))
            covariances[i, j] = Symbol("τ", (*prefix, *one, *comma, *other))
        lags = range(1 + max((m for m, _ in powers.values()), default=-1))
        several = sum(n.covariance.correlated for n in self.names) > 1
        mark = (str(t + 1),) if several else ()
        marks = [(*mark, *((",",) if mark else ()), str(m + 1)) if len(lags) > 1 else mark for m in lags]
        number = () if len(self.design.terms) == 1 else (str(t + 1),)
        return RandomNotation(
            position=t,
            group=group,
            columns=columns,
            sds=tuple(Symbol("τ", (*prefix, *label)) for label in owners),
            covariances=covariances,
            correlations=tuple(Symbol("ρ", sub) for sub in marks),
            powers=powers,
            matrix=bold("Σ", *number),
            shared=names.sd_shared,
        )
