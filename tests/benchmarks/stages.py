"""From data frame and formula to the fit, stage by stage.

    OPENBLAS_NUM_THREADS=1 uv run python -m tests.benchmarks.stages
    OPENBLAS_NUM_THREADS=1 uv run python -m tests.benchmarks.stages slopes text --repeat 9

Milliseconds of CPU time in all threads, the least of several calls after a first one: ``model`` is
``bmm.Model(formula, data)``, ``likelihood`` the model and its likelihood, ``fit`` all of it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import pandas as pd
import polars as pl
from rich.console import Console
from rich.table import Table

import bayesmm as bmm
from tests.benchmarks.cases import published
from tests.benchmarks.compiled import RACES, unequal_intercepts

CASES: dict[str, tuple[str, Callable[[], object]]] = {
    "slopes": (RACES["slopes"].formula, RACES["slopes"].data),
    "shuffled": (RACES["shuffled"].formula, RACES["shuffled"].data),
    "polars": (RACES["slopes"].formula, lambda: pl.from_pandas(RACES["slopes"].data())),
    "intercepts": (RACES["intercepts"].formula, unequal_intercepts),
    "text": (RACES["intercepts"].formula, lambda: unequal_intercepts().astype({"c": str})),
    "insteval": ("y ~ service + (1 | s) + (1 | d) + (1 | dept)", published("InstEval")),
    "sleepstudy": (RACES["sleepstudy"].formula, RACES["sleepstudy"].data),
}
STAGES: dict[str, Callable[[str, object], object]] = {
    "model": bmm.Model,
    "likelihood": lambda formula, data: bmm.Model(formula, data).likelihood,
    "fit": lambda formula, data: bmm.Model(formula, data).fit(),
}


def least(call: Callable[[], object], repeat: int) -> float:
    """Milliseconds of CPU time of the cheapest of some calls, after one that isn't counted."""
    call()
    times = []
    for _ in range(repeat):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def measured(names: list[str], repeat: int) -> pd.DataFrame:
    """A row for each case, a column for each stage."""
    found = {}
    for name in names:
        formula, make = CASES[name]
        data = make()
        found[name] = {
            stage: least(lambda run=run, f=formula, d=data: run(f, d), repeat)
            for stage, run in STAGES.items()
        }
    return pd.DataFrame(found).T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help="all if none is named")
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    table = Table("case", *(f"{stage}, ms" for stage in STAGES))
    for name, row in measured(options.cases or list(CASES), options.repeat).iterrows():
        table.add_row(str(name), *(f"{value:.2f}" for value in row))
    Console().print(table)


if __name__ == "__main__":
    main()
