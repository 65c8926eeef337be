"""The grouping factors as levels: which is nested in which is found from the data, and each gets its letters.

Factors that form a chain, each level of one inside one level of the next, make a model of two, three or four
levels, with subscripts i, j, k, l from the rows up. Any others are written with bracketed indices: row i
belongs to level j[i] of one factor and k[i] of another (Gelman & Hill 2007, section 1.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bayesmm.design import Design, Factor
from bayesmm.equations.tree import Expr, Power, Symbol

ROWS = "i"
INDICES = ("j", "k", "l", "m", "o", "h", "p", "s", "t")
"""Letters for levels, all of which exist as Unicode subscripts; n is the sample size, r an effect."""
CHAIN_EFFECTS = {1: ("u",), 2: ("r", "u"), 3: ("r", "u", "v")}
"""Letters of the random effects of a chain, from its finest factor up (Raudenbush & Bryk 2002)."""
CROSSED_EFFECTS = ("u", "v", "r", "a", "x", "t", "h", "s", "p")
RESIDUALS = ("e", "ε", "ϵ")
WEIGHTS = ("w", "ω", "weight")
OFFSETS = ("offset", "known", "constant")


@dataclass(frozen=True, eq=False)
class Group:
    """A grouping factor with the letters that stand for its levels and for its effects.

    ``index`` is its letter in subscripts, ``effect`` the letter of its random effects.
    """

    factor: Factor
    index: str
    effect: str

    @property
    def name(self) -> str:
        """The factor's name."""
        return self.factor.name

    @property
    def size(self) -> int:
        """How many levels it has."""
        return len(self.factor)


@dataclass(frozen=True, eq=False)
class Grouping:
    """The grouping factors of a design, the one with most levels first.

    Attributes
    ----------
    groups
        The factors with their letters.
    nested
        Whether they form a chain short enough for a notation by levels.
    """

    groups: tuple[Group, ...]
    nested: bool

    def subscripts(self, home: int) -> tuple[str, ...]:
        """The subscripts of what varies between rows (``home`` 0), or between levels of groups[home − 1]."""
        if self.nested:
            return (ROWS, *(group.index for group in self.groups))[home:]
        return (ROWS,) if home == 0 else (f"{self.groups[home - 1].index}[{ROWS}]",)

    def home_of(self, values: np.ndarray, defined: np.ndarray | None = None) -> int:
        """Where a column (n,) varies: 0 between rows, g + 1 if it is constant within the levels of groups[g].

        Of several such factors the one with fewest levels counts. ``defined`` marks the rows that have a
        value; unless one level has two of them, nothing is known.
        """
        rows = np.arange(len(values)) if defined is None else np.flatnonzero(defined)
        for g in reversed(range(len(self.groups))):
            if _constant_within(values[rows], self.groups[g].factor.codes[rows]):
                return g + 1
        return 0


def grouping_of(design: Design, taken: set[str]) -> Grouping:
    """Letter the grouping factors of a design.

    Parameters
    ----------
    taken
        Names in the data, which no letter for an effect should repeat.
    """
    factors = list(design.factors.values())
    chain = all(_inside(fine, coarse) for fine, coarse in pairwise(factors))
    nested = chain and len(factors) in CHAIN_EFFECTS
    letters = CHAIN_EFFECTS[len(factors)] if nested else CROSSED_EFFECTS
    free = [letter for letter in (*letters, *CROSSED_EFFECTS) if letter not in taken]
    effects = list(dict.fromkeys(free))
    # With more factors than letters, letters come again with a number.
    count = len(factors)
    indices = [*INDICES, *(f"{INDICES[0]}{n}" for n in range(1, count))][:count]
    effects = [*effects, *(f"u{n}" for n in range(1, count))][:count]
    return Grouping(tuple(map(Group, factors, indices, effects)), nested)


def free_name(candidates: tuple[str, ...], taken: set[str]) -> str:
    """The first of the candidates that no name in the data repeats."""
    return next((name for name in candidates if name not in taken), candidates[0] + "′")


def squared(sd: Symbol) -> Expr:
    """A variance, as the square of its standard deviation."""
    return Power(sd, "2")


def _inside(fine: Factor, coarse: Factor) -> bool:
    """Whether each level of one factor lies in one level of the other, and some lie in the same."""
    pairs = np.unique(fine.codes * len(coarse) + coarse.codes)
    return len(pairs) == len(fine) > len(coarse)


def _constant_within(values: np.ndarray, codes: np.ndarray) -> bool:
    if len(values) == 0:
        return False
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    if len(starts) == len(values):
        return False
    sorted_values = values[order]
    spread = np.maximum.reduceat(sorted_values, starts) - np.minimum.reduceat(sorted_values, starts)
    return bool(np.max(spread) <= 1e-10 * np.max(np.abs(values)))
