"""Data frame and formula → REML, beside the compiled packages ``glmm`` and ``mixedlm-rs``.

    uv run --with glmm --with mixedlm-rs python -m tests.benchmarks.compiled
    uv run --with glmm --with mixedlm-rs python -m tests.benchmarks.compiled slopes --repeat 9

A package that isn't installed is left out; neither is needed for anything else. Each case is a process, in
which the programs take turns, so that what else the machine does disturbs all of them alike; the first round
isn't counted. Times are medians of the others: ``ms`` by the clock, ``cpu`` of all threads. ``ratio`` is the
best of the others' to ours, by either. ``above`` is by how much a criterion, −2 restricted log-likelihood,
is above the lowest found.

BLAS has one thread, for all of them: on a busy machine its threads wait for each other by spinning, and small
models take ten times as long. Keep no file named ``glmm.py`` beside a script that imports the package.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

import bayesmm as bmm
from tests.benchmarks.cases import one_factor, published

Fitted = Callable[[pd.DataFrame], float]
"""A data frame → the criterion at a model's REML estimate."""


@dataclass(frozen=True)
class Race:
    """One model in the words of each package.

    ``formula`` is lme4's; ``fixed``, ``group`` and ``columns`` say the same to packages that take the bar
    apart (None where they can't fit it).
    """

    formula: str
    data: Callable[[], pd.DataFrame]
    fixed: str | None = None
    group: str | None = None
    columns: str | None = None


def sorted_slopes() -> pd.DataFrame:
    """The million rows of :func:`one_factor`, those of a group side by side, as most files have them."""
    return one_factor(1_000_000, 100_000).sort_values("g", kind="stable", ignore_index=True)


def unequal_intercepts() -> pd.DataFrame:
    """``y ~ x + c + (1 | g)``: 500,264 rows in 125,066 groups of unequal size, c of three categories."""
    rng = np.random.default_rng(3)
    levels, n = 125_066, 500_264
    size = np.bincount(rng.integers(0, levels, n - levels), minlength=levels) + 1
    g, x, c = np.repeat(np.arange(levels), size), rng.normal(size=n), rng.integers(0, 3, n)
    y = 1 + 0.5 * x + 0.3 * c + 0.7 * rng.normal(size=levels)[g] + rng.normal(size=n)
    return pd.DataFrame({"y": y, "x": x, "c": pd.Categorical.from_codes(c, list("uvw")), "g": g})


RACES = {
    "slopes": Race("y ~ x + (x | g)", sorted_slopes, "y ~ x", "g", "~x"),
    "shuffled": Race("y ~ x + (x | g)", lambda: one_factor(1_000_000, 100_000), "y ~ x", "g", "~x"),
    "intercepts": Race("y ~ x + c + (1 | g)", unequal_intercepts, "y ~ x + c", "g", "1"),
    "insteval": Race("y ~ 1 + (1 | s) + (1 | d)", published("InstEval")),
    "sleepstudy": Race(
        "Reaction ~ Days + (Days | Subject)",
        published("sleepstudy"),
        "Reaction ~ Days",
        "Subject",
        "~Days",
    ),
}


def by_bayesmm(race: Race) -> Fitted:
    return lambda data: bmm.Model(race.formula, data).fit().criterion


def by_glmm(race: Race) -> Fitted | None:
    if importlib.util.find_spec("glmm") is None:
        return None
    import glmm

    # without degrees of freedom for tests, which we don't compute either
    return lambda data: -2.0 * glmm.fit(data, race.formula).loglik


def by_mixedlm_rs(race: Race) -> Fitted | None:
    if race.group is None or importlib.util.find_spec("mixedlm_rs") is None:
        return None
    import mixedlm_rs

    columns = None if race.columns == "1" else race.columns

    def fitted(data: pd.DataFrame) -> float:
        model = mixedlm_rs.mixedlm(race.fixed, data, groups=race.group, re_formula=columns)
        return -2.0 * model.fit().llf

    return fitted


PROGRAMS = {"bayesmm": by_bayesmm, "glmm": by_glmm, "mixedlm-rs": by_mixedlm_rs}


def run(name: str, repeat: int) -> pd.DataFrame:
    """One row a program: times of later calls, criterion above the lowest."""
    race = RACES[name]
    data = race.data()
    entered = {program: make(race) for program, make in PROGRAMS.items()}
    programs = {program: fitted for program, fitted in entered.items() if fitted is not None}
    clock: dict[str, list[float]] = {program: [] for program in programs}
    spent: dict[str, list[float]] = {program: [] for program in programs}
    criterion: dict[str, float] = {}
    for turn in range(repeat + 1):
        for program, fitted in programs.items():
            at, cpu = time.perf_counter(), time.process_time()
            criterion[program] = fitted(data)
            if turn:
                clock[program].append(time.perf_counter() - at)
                spent[program].append(time.process_time() - cpu)
    lowest = min(criterion.values())
    rows = []
    for program in programs:
        ours = program == "bayesmm"
        ratio, cpu_ratio = (_ratio(times) if ours else np.nan for times in (clock, spent))
        rows.append(
            {
                "case": name if ours else "",
                "program": program,
                "ms": 1e3 * statistics.median(clock[program]),
                "least": 1e3 * min(clock[program]),
                "cpu": 1e3 * statistics.median(spent[program]),
                "ratio": ratio,
                "cpu ratio": cpu_ratio,
                "above": criterion[program] - lowest,
            }
        )
    return pd.DataFrame(rows)


def _ratio(times: dict[str, list[float]]) -> float:
    """The best of the others' medians to ours; nan without others."""
    medians = {program: statistics.median(each) for program, each in times.items()}
    ours = medians.pop("bayesmm")
    return min(medians.values()) / ours if medians else np.nan


def show(table: pd.DataFrame) -> None:
    shown = Table(box=None)
    for head in table.columns:
        shown.add_column(head, justify="left" if head in ("case", "program") else "right")
    for _, row in table.iterrows():
        shown.add_row(
            *(value if isinstance(value, str) else "" if pd.isna(value) else f"{value:.3g}" for value in row)
        )
    Console(width=100).print(shown)


def in_process(name: str, repeat: int) -> pd.DataFrame:
    """A case in a process of its own, with one BLAS thread from its beginning."""
    command = [sys.executable, "-m", "tests.benchmarks.compiled", "--worker", name, "--repeat", str(repeat)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    return pd.read_csv(io.StringIO(done.stdout), keep_default_na=False, na_values=["nan"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.compiled", description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(RACES)}")
    parser.add_argument("--repeat", type=int, default=5, help="calls of each that count (5)")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.cases) - set(RACES)
    if unknown:
        parser.error(f"unknown cases: {', '.join(sorted(unknown))}")
    if options.worker:
        run(options.worker, options.repeat).to_csv(sys.stdout, index=False, na_rep="nan")
        return
    tables = []
    for name in options.cases or RACES:
        tables.append(in_process(name, 10 * options.repeat if name == "sleepstudy" else options.repeat))
    show(pd.concat(tables))


if __name__ == "__main__":
    main()
