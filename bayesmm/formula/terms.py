"""The nouns: a formula, its bars, and the two-level equations it may have come from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

from bayesmm.formula.expressions import read_expression, read_response
from bayesmm.formula.piece import Piece


@dataclass(frozen=True)
class Bar:
    """One random term, ``(expr | group)``.

    Parameters
    ----------
    expr
        What stands left of the bar, for formulae: ``"1 + Days"``, ``"Days"`` (the intercept is implied),
        ``"0 + Days"``. Backquotes are kept.
    group
        The variables whose observed combinations are the levels: ``("Subject",)``, ``("batch", "cask")``.
    correlated
        Whether the effects of one level may be correlated: ``|``; ``||`` says no, but for the columns of one
        term, such as a factor's.
    start, stop
        The bar, with its parentheses, is ``formula.text[start:stop]``. Two bars from one ``a/b`` share them.
    structure
        The word before the parentheses that names a covariance structure: ``"ar1"`` in
        ``ar1(0 + week | id)``; None without one.

    Examples
    --------
    >>> bar = Bar("Days", ("Subject",), correlated=True, start=11, stop=27)
    >>> bar.group_name, bar.label
    ('Subject', 'Days | Subject')
    """

    expr: str
    group: tuple[str, ...]
    correlated: bool
    start: int = field(compare=False)
    stop: int = field(compare=False)
    structure: str | None = None

    @property
    def group_name(self) -> str:
        """The name of the grouping factor: ``"Subject"``, ``"batch:cask"``."""
        return ":".join(self.group)

    @property
    def label(self) -> str:
        """The bar without its parentheses: ``"Days | Subject"``."""
        return f"{self.expr} {'|' if self.correlated else '||'} {self.group_name}"


@dataclass(frozen=True)
class LevelEquations:
    """A two-level model as textbooks write it: an equation for the rows, and one for each coefficient.

    Parameters
    ----------
    level1
        The equation of the rows: ``"mAch ~ 1 + cses"``.
    level2
        For each coefficient that has an equation, its level-1 term (``"1"`` for the intercept) and the
        equation, in the order given. ``(1)`` in an equation is the random effect of the group.
    group
        The grouping variable.
    level2_variables
        The columns that the level-2 equations use: they must be constant within each group.
    random
        The level-1 terms whose coefficients have a random effect, in the order of level 1.

    Examples
    --------
    >>> level2 = (("1", "1 + z + (1)"), ("x", "1 + z"))
    >>> print(LevelEquations("y ~ 1 + x", level2, "g", frozenset({"z"}), random=("1",)))
    level 1:        y ~ 1 + x
    level 2, by g:  1 ~ 1 + z + (1)
                    x ~ 1 + z
    """

    level1: str
    level2: tuple[tuple[str, str], ...]
    group: str
    level2_variables: frozenset[str]
    random: tuple[str, ...]

    def __str__(self) -> str:
        width = max(len(term) for term, _ in self.level2)
        equations = [f"{term:<{width}} ~ {equation}" for term, equation in self.level2]
        second = f"level 2, by {self.group}:"
        heads = ["level 1:", second, *[""] * (len(equations) - 1)]
        lines = [self.level1, *equations]
        return "\n".join(f"{head:<{len(second)}}  {line}" for head, line in zip(heads, lines, strict=True))


@dataclass(frozen=True)
class Formula:
    """A model formula taken apart into response, fixed terms and bars.

    Two formulas are equal if they say the same in the same order, however they were spaced.

    Parameters
    ----------
    text
        The formula on one line.
    response
        What stands left of the ``~``, for formulae: ``"Reaction"``, ``"log(y)"``.
    fixed
        The right-hand side without the bars, for formulae: ``"Days"``, ``"0 + x"``; ``"1"`` if none is left.
    bars
        The random terms in the order of the text; ``(1 | a/b)`` is two of them, ``a`` and ``a:b``.
    levels
        The two-level equations that the formula was made from, if it was.

    Examples
    --------
    >>> from bayesmm.formula import parse_formula
    >>> formula = parse_formula("log(y) ~ x + (1 | batch/cask)")
    >>> formula.response, formula.fixed, [bar.label for bar in formula.bars]
    ('log(y)', 'x', ['1 | batch', '1 | batch:cask'])
    >>> sorted(formula.variables)
    ['batch', 'cask', 'x', 'y']
    """

    text: str = field(compare=False)
    response: str
    fixed: str
    bars: tuple[Bar, ...]
    levels: LevelEquations | None = field(default=None, compare=False)

    @cached_property
    def variables(self) -> frozenset[str]:
        """The columns used anywhere: response, expressions and groups. Names inside calls count too."""
        return self.predictors | read_response(Piece.of(self.response)).variables

    @cached_property
    def columns(self) -> frozenset[str]:
        """The names that stand alone or right of a bar: only columns of the data can have them."""
        expressions = [read_expression(Piece.of(text)) for text in (self.fixed, *(b.expr for b in self.bars))]
        return frozenset().union(
            *(product.alone for expression in expressions for product in expression.products),
            *(bar.group for bar in self.bars),
        )

    @cached_property
    def predictors(self) -> frozenset[str]:
        """The columns used right of the ``~``: what new data must have."""
        return self.predictors_of({bar.group_name for bar in self.bars})

    def predictors_of(self, groups: Collection[str]) -> frozenset[str]:
        """The columns used by the fixed part and by the bars of some grouping factors, by their names."""
        bars = [bar for bar in self.bars if bar.group_name in groups]
        return frozenset().union(
            *(read_expression(Piece.of(text)).variables for text in (self.fixed, *(b.expr for b in bars))),
            *(bar.group for bar in bars),
        )

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Formula({self.text!r})"
