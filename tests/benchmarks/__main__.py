"""Time and peak memory of fits, beside lmer and statsmodels where they are on the machine.

    uv run python -m tests.benchmarks                    all cases but the million-row ones
    uv run python -m tests.benchmarks insteval million   some cases
    uv run python -m tests.benchmarks --growth           how time grows with rows and levels
    uv run --with statsmodels python -m tests.benchmarks hsb

Each program runs in a process of its own and is called ``--repeat`` times in it; the median leaves the first
call out (compilation, caches), except where there is only one. A call goes from data frame and formula to a
fitted model. ``value`` and ``gradient`` are single evaluations of our criterion. lmer needs ``Rscript`` with
lme4 (Debian: r-cran-lme4).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

import bayesmm as bmm
from bayesmm.likelihood import Profiled
from tests.benchmarks.cases import CASES, GROWTH, Case

BIG = {"million", "three-level"}


def time_ours(case: Case, repeat: int) -> dict[str, float]:
    """Seconds of each call, single evaluations, and peak memory, in this process."""
    data = case.data()
    calls = []
    for _ in range(repeat):
        start, spent = time.perf_counter(), time.process_time()
        model = bmm.Model(case.formula, data)
        built = time.perf_counter()
        estimate = model.fit(reml=case.reml)
        ended = time.perf_counter()
        calls.append((ended - start, ended - built, time.process_time() - spent))
    later = calls[1:] or calls
    likelihood = model.likelihood
    phi = likelihood.internal(estimate.theta)
    value = _median(lambda: Profiled(likelihood, reml=case.reml).value(phi))
    gradient = _median(lambda: Profiled(likelihood, reml=case.reml).value_and_gradient(phi))
    return {
        "first": calls[0][0],
        "seconds": statistics.median(call for call, _, _ in later),
        "fit": statistics.median(fit for _, fit, _ in later),
        "cpu": statistics.median(cpu for *_, cpu in later),
        "value_ms": 1e3 * value,
        "gradient_ms": 1e3 * gradient,
        "criterion": estimate.criterion,
        "evaluations": estimate.certificate.evaluations,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def time_statsmodels(case: Case, repeat: int) -> dict[str, float]:
    """One random factor with all its columns: statsmodels' MixedLM, in this process."""
    import statsmodels.formula.api as smf

    data = case.data()
    fixed, bar = case.formula.split(" + (")
    columns, group = bar.rstrip(")").split(" | ")
    calls, cpu = [], []
    for _ in range(repeat):
        start, spent = time.perf_counter(), time.process_time()
        model = smf.mixedlm(fixed, data, groups=data[group], re_formula=f"~{columns}")
        fit = model.fit(reml=case.reml)
        calls.append(time.perf_counter() - start)
        cpu.append(time.process_time() - spent)
    seconds, spent = (statistics.median(each[1:] or each) for each in (calls, cpu))
    return {"seconds": seconds, "cpu": spent, "criterion": -2 * float(fit.llf)}


def time_lmer(case: Case, repeat: int) -> dict[str, float] | None:
    """lmer on the same rows, read from a file before the clock starts."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "data.csv"
        case.data().to_csv(table, index=False)
        factors = ", ".join(f'"{name}"' for name in case.factors)
        script = f"""
            if (!requireNamespace("lme4", quietly = TRUE)) quit(status = 3)
            d <- read.csv("{table}")
            for (f in c({factors})) d[[f]] <- factor(d[[f]])
            s <- cpu <- numeric({repeat})
            for (i in seq_len({repeat})) {{
                spent <- system.time(
                    m <- suppressWarnings(suppressMessages(
                        lme4::lmer({case.formula}, d, REML = {str(case.reml).upper()}))))
                s[i] <- spent[["elapsed"]]
                cpu[i] <- spent[["user.self"]] + spent[["sys.self"]]
            }}
            g <- gc()
            later <- if ({repeat} > 1) -1 else 1
            cat(sprintf('{{"seconds": %g, "cpu": %g, "criterion": %.15g, "memory_mb": %g, "lme4": "%s"}}',
                median(s[later]), median(cpu[later]), -2 * as.numeric(logLik(m)), sum(g[, 6]),
                packageVersion("lme4")))
        """
        done = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def in_process(program: str, name: str, repeat: int) -> dict[str, float]:
    """Run a timing in a process of its own, so that memory is its own too."""
    command = [sys.executable, "-m", "tests.benchmarks", "--worker", program, name, "--repeat", str(repeat)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def _median(call: object, times: int = 9) -> float:
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def compare(names: list[str], repeat: int, lmer_repeat: int) -> pd.DataFrame:
    rows = []
    for name in names:
        case = CASES[name]
        ours = in_process("ours", name, repeat)
        row = {
            "case": name,
            "s": ours["seconds"],
            "fit s": ours["fit"],
            "first s": ours["first"],
            "value ms": ours["value_ms"],
            "+gradient ×": ours["gradient_ms"] / ours["value_ms"],
            "evals": ours["evaluations"],
            "MB": ours["memory_mb"],
        }
        lmer = time_lmer(case, lmer_repeat)
        if lmer:
            row |= {
                "lmer s": lmer["seconds"],
                "lmer/ours": lmer["seconds"] / ours["seconds"],
                "Δ criterion": ours["criterion"] - lmer["criterion"],
                "lmer MB": lmer["memory_mb"],
            }
        if case.statsmodels and importlib.util.find_spec("statsmodels"):
            theirs = in_process("statsmodels", name, 2)
            row |= {"statsmodels/ours": theirs["seconds"] / ours["seconds"]}
        rows.append(row)
    return pd.DataFrame(rows).set_index("case")


def growth(repeat: int) -> pd.DataFrame:
    rows = []
    for name, case in GROWTH.items():
        ours = time_ours(case, repeat)
        rows.append(
            {"case": name, "s": ours["seconds"], "value ms": ours["value_ms"], "evals": ours["evaluations"]}
        )
    return pd.DataFrame(rows).set_index("case")


def show(frame: pd.DataFrame) -> None:
    table = Table(box=None)
    for head in ["", *frame.columns]:
        table.add_column(head, justify="left" if not head else "right")
    for name, row in frame.iterrows():
        table.add_row(str(name), *("" if pd.isna(v) else f"{v:.3g}" for v in row))
    Console(width=160).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--repeat", type=int, default=6, help="calls of ours (6)")
    parser.add_argument("--lmer-repeat", type=int, default=2, help="calls of lmer (2)")
    parser.add_argument("--growth", action="store_true", help="how time grows with rows and levels")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.cases) - set(CASES)
    if unknown:
        parser.error(f"unknown cases: {', '.join(sorted(unknown))}")
    if options.worker:
        time_one = time_ours if options.worker == "ours" else time_statsmodels
        print(json.dumps(time_one(CASES[options.cases[0]], options.repeat)))
    elif options.growth:
        show(growth(options.repeat))
    else:
        names = options.cases or [name for name in CASES if name not in BIG]
        show(compare(names, options.repeat, options.lmer_repeat))


if __name__ == "__main__":
    main()
