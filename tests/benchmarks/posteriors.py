"""Effective draws a second, beside Bambi with nutpie where an environment with it is named.

    uv run python -m tests.benchmarks.posteriors                             the published data sets
    uv run python -m tests.benchmarks.posteriors million insteval            some cases
    uv run python -m tests.benchmarks.posteriors --bambi ENV/bin/python      and Bambi beside

Bambi pins an older formulae, so that it needs an environment of its own: ``python -m venv ENV`` and
``ENV/bin/pip install bambi nutpie``. A call goes from model object to draws, 4 chains; ``ess`` is the
smallest bulk effective sample size over all parameters, random effects included (their draws of 200 levels
where only a summary is kept). Ours is called ``--repeat`` times in one process and the median leaves the
first call out (compilation, caches); Bambi, which compiles anew for each model, is called twice and the
second counts. ``ratio`` is of those rates; ``first calls`` of the first calls in a process. All programs run
in processes of their own, one after the other.
"""

from __future__ import annotations

import argparse
import json
import resource
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
from tests.benchmarks.cases import CASES, Case, published

POSTERIORS = {
    name: CASES[name] for name in ("sleepstudy", "penicillin", "hsb", "chem97", "insteval", "million")
} | {
    "exam": Case("exam", "normexam ~ standLRT + (standLRT | school)", published("Exam"), ("school",)),
}
BIG = {"million"}

BAMBI = """
import json, sys, time, warnings
import pandas as pd
warnings.simplefilter("ignore")
import arviz as az, bambi as bmb
path, formula, factors, draws, tune, calls = json.loads(sys.argv[1])
data = pd.read_csv(path)
for name in factors:
    data[name] = data[name].astype("category")
model = bmb.Model(formula, data)
for call in range(calls):
    start, spent = time.perf_counter(), time.process_time()
    trace = model.fit(draws=draws, tune=tune, chains=4, random_seed=call + 1, inference_method="nutpie",
                      progressbar=False)
    seconds, cpu = time.perf_counter() - start, time.process_time() - spent
    first = seconds if call == 0 else first
posterior = trace["posterior"]
posterior = getattr(posterior, "dataset", posterior)
worst = {method: [] for method in ("bulk", "tail")}
for method in worst:
    for array in az.ess(posterior, method=method).data_vars.values():
        worst[method].append(float(array.min()))
rhat = max(float(array.max()) for array in az.rhat(posterior).data_vars.values())
times = {"first": first, "seconds": seconds, "cpu": cpu, "bambi": bmb.__version__}
print(json.dumps(times | {"ess": min(worst["bulk"]), "tail": min(worst["tail"]), "rhat": rhat}))
"""


def time_ours(name: str, draws: int, repeat: int) -> dict[str, float]:
    """In this process."""
    import arviz as az

    case = POSTERIORS[name]
    model = bmm.Model(case.formula, case.data())
    calls, cpu = [], []
    for seed in range(repeat):
        start, spent = time.perf_counter(), time.process_time()
        posterior = model.sample(draws=draws, random_seed=seed + 1, progressbar=False)
        calls.append(time.perf_counter() - start)
        cpu.append(time.process_time() - spent)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = posterior.data["posterior"].dataset
    if "effect_draws" in posterior.data.children:
        found = found.merge(posterior.data["effect_draws"].dataset)
    worst = {
        method: min(float(array.min()) for array in az.ess(found, method=method).data_vars.values())
        for method in ("bulk", "tail")
    }
    return {
        "seconds": statistics.median(calls[1:] or calls),
        "first": calls[0],
        "cpu": statistics.median(cpu[1:] or cpu),
        "ess": worst["bulk"],
        "tail": worst["tail"],
        "rhat": max(float(array.max()) for array in az.rhat(found).data_vars.values()),
        "memory_mb": memory,
    }


def in_process(name: str, draws: int, repeat: int) -> dict[str, float]:
    """Ours, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.posteriors", "--worker", name]
    done = subprocess.run(
        [*command, "--draws", str(draws), "--repeat", str(repeat)], capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def time_bambi(python: str, case: Case, draws: int) -> dict[str, float] | None:
    """Bambi with nutpie in another environment; None if it can't sample the model there."""
    with tempfile.TemporaryDirectory() as folder:
        table, script = Path(folder) / "data.csv", Path(folder) / "run.py"
        case.data().to_csv(table, index=False)
        script.write_text(BAMBI, encoding="utf-8")
        calls = 1 if case.name == "insteval" else 2
        given = json.dumps(
            [str(table), case.formula.replace(" / ", "/"), list(case.factors), draws, 1000, calls]
        )
        done = subprocess.run([python, str(script), given], capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def compare(names: list[str], draws: int, repeat: int, bambi: str | None) -> pd.DataFrame:
    rows = []
    for name in names:
        ours = in_process(name, draws, 1 if name in BIG else repeat)
        rate = ours["ess"] / ours["seconds"]
        row = {"case": name, "s": ours["seconds"], "first s": ours["first"], "ess": ours["ess"]}
        row |= {"tail": ours["tail"], "R-hat": ours["rhat"], "ess/s": rate, "MB": ours["memory_mb"]}
        theirs = time_bambi(bambi, POSTERIORS[name], draws) if bambi and name not in BIG else None
        if theirs:
            their_rate = theirs["ess"] / theirs["seconds"]
            row |= {"bambi s": theirs["seconds"], "bambi first s": theirs["first"]}
            row |= {"bambi ess": theirs["ess"], "bambi R-hat": theirs["rhat"]}
            row |= {"bambi ess/s": their_rate, "ratio": rate / their_rate}
            row["first calls"] = ours["ess"] / ours["first"] / (theirs["ess"] / theirs["first"])
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cases", nargs="*", choices=[*POSTERIORS, []])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=4)
    parser.add_argument("--bambi", help="a Python that has Bambi and nutpie")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(time_ours(given.worker, given.draws, given.repeat)))
        return
    names = given.cases or [name for name in POSTERIORS if name not in BIG]
    frame = compare(names, given.draws, given.repeat, given.bambi)
    table = Table(*frame.columns)
    for _, row in frame.iterrows():
        table.add_row(*(v if isinstance(v, str) else "" if pd.isna(v) else f"{v:.4g}" for v in row))
    Console(width=240).print(table)


if __name__ == "__main__":
    main()
