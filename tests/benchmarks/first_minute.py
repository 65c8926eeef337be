"""What a user waits for: the first fit(), sample(), loo("Subject") and loo() of a process, cold and warm.

    uv run python -m tests.benchmarks.first_minute          cold and warm, by verb
    uv run python -m tests.benchmarks.first_minute --once   once, with the folder that all processes use

Cold is a process with an empty folder of compiled code, as after an installation; warm is the next one with
the same folder. Python's bytecode is cached in both, as it is in any environment that has been used once.
Times are seconds of CPU, user and system, of all threads: others on the machine disturb them little.
``events`` counts numba's own events of a compilation, ``functions`` all that is compiled, C functions too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

VERBS = ("import", "fit", "sample", "loo(Subject)", "loo()")


class Compilations:
    """What numba compiles, as "module.name(types)"; nothing where code is found on disk."""

    def __init__(self) -> None:
        from numba.core import event

        self.events, self.passes = event.RecordingListener(), event.RecordingListener()
        event.register("numba:compile", self.events)
        event.register("numba:run_pass", self.passes)

    @property
    def n_events(self) -> int:
        return sum(record.is_start for _, record in self.events.buffer)

    @property
    def functions(self) -> list[str]:
        typed = (
            record.data
            for _, record in self.passes.buffer
            if record.is_start and record.data["name"].startswith("nopython_type_inference")
        )
        return [f"{data['module']}.{data['qualname']}{data['args']}" for data in typed]


def verbs() -> dict[str, dict[str, Any]]:
    """Of each verb in this process: its CPU seconds, what it compiled, and a number that it gave."""
    compilations = Compilations()
    recorded: dict[str, dict[str, Any]] = {}

    def timed(name: str, call: Callable[[], Any], number: Callable[[Any], float]) -> Any:
        events, functions = compilations.n_events, len(compilations.functions)
        start = time.process_time()
        result = call()
        spent = time.process_time() - start
        recorded[name] = {
            "cpu": spent,
            "events": compilations.n_events - events,
            "functions": compilations.functions[functions:],
            "value": number(result),
        }
        return result

    bmm = timed("import", _import, lambda module: 0.0)
    model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
    timed("fit", model.fit, lambda estimate: estimate.criterion)
    posterior = timed("sample", lambda: model.sample(random_seed=1), _mean_sigma)
    timed("loo(Subject)", lambda: posterior.loo("Subject"), lambda result: float(result.elpd))
    timed("loo()", posterior.loo, lambda result: float(result.elpd))
    return recorded


def _import() -> Any:
    import bayesmm

    _ = bayesmm.Model
    return bayesmm


def _mean_sigma(posterior: Any) -> float:
    return float(posterior.data["posterior"]["sigma"].mean())


def in_process(folder: str | None) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    """The verbs in a process of its own with a folder for compiled code; and its wall time and CPU."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    if folder is not None:
        environment["NUMBA_CACHE_DIR"] = folder
    before, start = os.times(), time.perf_counter()
    command = [sys.executable, "-m", "tests.benchmarks.first_minute", "--once"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    wall, after = time.perf_counter() - start, os.times()
    if done.returncode:
        raise SystemExit(f"exit code {done.returncode}\n{done.stderr}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return json.loads(done.stdout.splitlines()[-1]), {"cpu": cpu, "wall": wall}


def measure() -> pd.DataFrame:
    rows = []
    in_process(None)  # so that bytecode is there
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cold", "warm"):
            recorded, whole = in_process(folder)
            row = {"": name, **{verb: recorded[verb]["cpu"] for verb in VERBS}}
            row["four verbs"] = sum(recorded[verb]["cpu"] for verb in VERBS[1:])
            row["events"] = sum(recorded[verb]["events"] for verb in VERBS)
            row["functions"] = sum(len(recorded[verb]["functions"]) for verb in VERBS)
            row["process CPU"], row["wall"] = whole["cpu"], whole["wall"]
            row["load"] = os.getloadavg()[0]
            rows.append(row)
            print(name, {verb: recorded[verb]["value"] for verb in VERBS[1:]})
    return pd.DataFrame(rows).set_index("")


def show(frame: pd.DataFrame) -> None:
    table = Table(box=None)
    for head in ["", *frame.columns]:
        table.add_column(head, justify="right")
    for name, row in frame.iterrows():
        table.add_row(str(name), *(f"{value:.1f}" for value in row))
    Console(width=160).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tests.benchmarks.first_minute", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--once", action="store_true", help="each verb once, here; what they took, as JSON")
    if parser.parse_args().once:
        print(json.dumps(verbs()))
    else:
        show(measure())


if __name__ == "__main__":
    main()
