"""The models that are timed, with their data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

import bayesmm as bmm


@dataclass(frozen=True)
class Case:
    """A model to time: ``formula`` reads the same in lme4; ``factors`` are made factors there."""

    name: str
    formula: str
    data: Callable[[], pd.DataFrame]
    factors: tuple[str, ...]
    reml: bool = False
    statsmodels: bool = False


def one_factor(n: int, levels: int) -> pd.DataFrame:
    """``y ~ x + (x | g)`` with known variances."""
    rng = np.random.default_rng(1)
    g, x = rng.integers(0, levels, n), rng.normal(size=n)
    b = rng.normal(size=(levels, 2)) @ np.array([[1.0, 0.3], [0.0, 0.5]])
    return pd.DataFrame({"y": 1 + 2 * x + b[g, 0] + b[g, 1] * x + rng.normal(size=n), "x": x, "g": g})


def three_levels(n: int, middle: int, top: int) -> pd.DataFrame:
    """``y ~ x + (1 | a / b)``: rows in ``middle`` units in ``top`` units."""
    rng = np.random.default_rng(2)
    b, x = rng.integers(0, middle, n), rng.normal(size=n)
    a = b % top
    y = 1 + x + rng.normal(size=middle)[b] * 0.7 + rng.normal(size=top)[a] * 0.5 + rng.normal(size=n)
    return pd.DataFrame({"y": y, "x": x, "a": a, "b": b})


def published(name: str) -> Callable[[], pd.DataFrame]:
    return lambda: bmm.load_data(name)


CASES = {
    case.name: case
    for case in (
        Case(
            "sleepstudy",
            "Reaction ~ Days + (Days | Subject)",
            published("sleepstudy"),
            ("Subject",),
            statsmodels=True,
        ),
        Case(
            "penicillin",
            "diameter ~ 1 + (1 | plate) + (1 | sample)",
            published("Penicillin"),
            ("plate", "sample"),
        ),
        Case(
            "hsb",
            "mAch ~ meanses * cses + sector * cses + (cses | school)",
            published("Hsb82"),
            ("school", "sector"),
            statsmodels=True,
        ),
        Case("chem97", "score ~ gcsecnt + (1 | lea / school)", published("Chem97"), ("lea", "school")),
        Case(
            "insteval",
            "y ~ service + (1 | s) + (1 | d) + (1 | dept)",
            published("InstEval"),
            ("s", "d", "dept", "service"),
        ),
        Case("million", "y ~ x + (x | g)", lambda: one_factor(1_000_000, 100_000), ("g",)),
        Case(
            "three-level", "y ~ x + (1 | a / b)", lambda: three_levels(1_000_000, 100_000, 1_000), ("a", "b")
        ),
    )
}

GROWTH = {
    f"n {n:,}, levels {levels:,}": Case(
        "growth", "y ~ x + (x | g)", lambda n=n, k=levels: one_factor(n, k), ("g",)
    )
    for n, levels in (
        (100_000, 10_000),
        (200_000, 10_000),
        (400_000, 10_000),
        (800_000, 10_000),
        (800_000, 20_000),
        (800_000, 40_000),
        (800_000, 80_000),
    )
}
