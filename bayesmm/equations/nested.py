"""The notation of two-, three- and four-level models, where the grouping factors form a chain.

Each column of X is a product of parts that vary at certain levels. Its coefficient is found by going up: the
part of level 1 says whose coefficient it is (β₁ⱼ is that of x_ij), the part of level 2 which predictor in
that coefficient's own equation (γ₁₁ is that of w_j), and so on; 0 stands for no part. Cross-level
interactions and predictors of intercepts are the same thing, seen so. Random effects stand in the equation
of the coefficient that they vary. Letters: Raudenbush & Bryk (2002), chapters 2 and 8.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bayesmm.equations.notation import (
    FixedColumn,
    Frame,
    LevelEquation,
    Notation,
    RandomColumn,
    numbers,
)
from bayesmm.equations.parts import Part
from bayesmm.equations.tree import Expr, Symbol

COEFFICIENTS = {1: ("β", "γ"), 2: ("π", "β", "γ"), 3: ("α", "π", "β", "γ")}
"""Letters of the coefficients from level 1 up, by how many grouping factors there are."""

type Slot = frozenset[Expr]
type Path = tuple[Slot, ...]


@dataclass
class _Paths:
    """The coefficients at every level: a path of slots, one a level, with the number of each slot."""

    number: dict[Path, int] = field(default_factory=dict)
    parts: dict[Path, tuple[Part, ...]] = field(default_factory=dict)

    def add(self, by_level: Iterable[tuple[Part, ...]]) -> Path:
        """The path through the parts of each level, numbered in order of arrival; no part is 0."""
        path: Path = ()
        for parts in by_level:
            parent, path = path, (*path, frozenset(part.symbol for part in parts))
            if path not in self.number:
                brothers = [n for p, n in self.number.items() if p[:-1] == parent]
                self.number[path] = 1 + max(brothers, default=0) if parts else 0
                self.parts[path] = parts
        return path

    def numbers(self, path: Path) -> tuple[int, ...]:
        """The number of each slot on the way."""
        return tuple(self.number[path[: depth + 1]] for depth in range(len(path)))

    def children(self, path: Path) -> list[Path]:
        """The paths that go one level further, by their number."""
        found = [p for p in self.number if len(p) == len(path) + 1 and p[:-1] == path]
        return sorted(found, key=self.number.__getitem__)

    def of_length(self, length: int) -> list[Path]:
        """All paths up to one level, by their numbers."""
        return sorted((p for p in self.number if len(p) == length), key=self.numbers)


def nested_notation(frame: Frame) -> Notation:
    """The notation by levels."""
    depth = len(frame.grouping.groups)
    paths = _Paths()
    fixed_paths = [paths.add(_by_level(parts, 0, depth + 1)) for parts in frame.fixed]
    # Coefficients that have no column in X are numbered after those that have.
    random_paths = [_random_paths(frame, t, paths) for t in range(len(frame.random))]
    letters = COEFFICIENTS[depth]

    def coefficient(path: Path) -> Symbol:
        subscripts = frame.grouping.subscripts(len(path))
        return Symbol(letters[len(path) - 1], _joined(numbers(paths.numbers(path)), subscripts))

    fixed = tuple(
        FixedColumn(j, name, coefficient(path), frame.fixed[j])
        for j, (name, path) in enumerate(zip(frame.design.names, fixed_paths, strict=True))
    )
    columns, labels = [], []
    counts: dict[tuple[int, Path], int] = {}
    for t, own_paths in enumerate(random_paths):
        own, own_labels = _random_columns(frame, t, own_paths, paths, counts)
        columns.append(own)
        labels.append(own_labels)
    by_equation: dict[tuple[int, Path], list[RandomColumn]] = {}
    for t, own_paths in enumerate(random_paths):
        for path, column in zip(own_paths, columns[t], strict=True):
            by_equation.setdefault((len(path) + 1, path), []).append(column)
    levels = []
    for level in range(1, depth + 2):
        for path in paths.of_length(level - 1) if level > 1 else [()]:
            slots = tuple((coefficient(child), paths.parts[child]) for child in paths.children(path))
            effects = tuple(by_equation.get((level, path), ()))
            left = coefficient(path) if path else None
            levels.append(LevelEquation(level, left, slots, effects, paths.numbers(path)))
    order = tuple(sorted(fixed, key=lambda column: paths.numbers(fixed_paths[column.position])))
    return frame.finish(fixed, order, columns, labels, tuple(levels))


def _random_paths(frame: Frame, t: int, paths: _Paths) -> list[Path]:
    """For each column of a term the coefficient that its effects vary."""
    g, _ = frame.group_of(t)
    return [paths.add(_by_level(parts, 0, g + 1)) for parts in frame.random[t]]


def _random_columns(
    frame: Frame, t: int, own_paths: list[Path], paths: _Paths, counts: dict[tuple[int, Path], int]
) -> tuple[tuple[RandomColumn, ...], tuple[tuple[str, ...], ...]]:
    """The columns of a term with their effects, and the subscripts of their standard deviations."""
    g, group = frame.group_of(t)
    columns, labels = [], []
    for name, parts, path in zip(frame.design.terms[t].columns, frame.random[t], own_paths, strict=True):
        outer = tuple(part for part in parts if part.home > g)
        path_numbers = paths.numbers(path)
        if outer:
            # The effect of a predictor of its own level stands in an equation with others: it gets a number
            # that no coefficient has.
            used = [number for p, number in paths.number.items() if p[:-1] == path[:-1]]
            counts[g, path[:-1]] = counts.get((g, path[:-1]), 0) + 1
            path_numbers = (*path_numbers[:-1], max(used) + counts[g, path[:-1]])
        label = numbers(path_numbers)
        effect = Symbol(group.effect, _joined(label, frame.grouping.subscripts(g + 1)))
        columns.append(RandomColumn(name, effect, effect, parts, outer))
        labels.append(label)
    return tuple(columns), tuple(labels)


def _by_level(parts: tuple[Part, ...], start: int, stop: int) -> list[tuple[Part, ...]]:
    return [tuple(part for part in parts if part.home == level) for level in range(start, stop)]


def _joined(label: tuple[str, ...], indices: tuple[str, ...]) -> tuple[str, ...]:
    """Numbers and letters of a subscript: β₁₀ⱼ, and β₁₀,ⱼ after numbers of two digits."""
    comma = (",",) if "," in label or any(len(token) > 1 for token in label) else ()
    return (*label, *(comma if indices else ()), *indices)
