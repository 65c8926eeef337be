"""The speeds on the documentation's first page: measured here, kept in ``docs/speed.json``.

    uv run --with statsmodels python -m tests.benchmarks.first_page --bambi ENV/bin/python

Seconds of processor time, over all cores, so that what else the machine does counts little: from data frame
and formula to an ML fit, and from a model to 4 chains of 1,000 draws with the smallest bulk effective sample
size over all parameters. Each program runs in a process of its own whose first call is left out, and
Bambi's environment is that of ``tests.benchmarks.posteriors``. lmer, statsmodels and Bambi are left out where
they aren't there; statsmodels knows one grouping factor; Bambi isn't asked for the two largest models.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import importlib.util
import json
import os
import platform
from pathlib import Path
from typing import Any

import pandas as pd

import bayesmm as bmm
from tests.benchmarks import __main__ as fits
from tests.benchmarks import posteriors
from tests.benchmarks.cases import CASES, Case
from tests.reference_models import fitted, lme4

PAGE = Path(__file__).parents[2] / "docs" / "speed.json"
MODELS = {
    "sleepstudy": "sleepstudy_slope",
    "penicillin": "penicillin_crossed",
    "hsb": "hsb_cross_level",
    "chem97": "chem97_nested",
    "insteval": "insteval_crossed",
}
"""Case → lme4's fit of it among ``tests/reference``."""
LARGE = {"chem97", "insteval"}
DRAWS = 1000


def measured(case: Case, bambi: str | None) -> dict[str, Any]:
    """What all programs take for one model."""
    design = bmm.Model(case.formula, case.data()).design
    ours, sampled = fits.in_process("ours", case.name, 4), posteriors.in_process(case.name, DRAWS, 3)
    row: dict[str, Any] = {
        "formula": case.formula,
        "rows": design.n,
        "levels": {name: len(factor) for name, factor in design.factors.items()},
        "fit": {"bayesmm": ours["cpu"]},
        "draws": {"bayesmm": _rate(sampled)},
    }
    lmer = fits.time_lmer(case, 3)
    if lmer:
        row["fit"]["lme4"] = lmer["cpu"]
        row["lme4"] = lmer["lme4"]
    if case.statsmodels and importlib.util.find_spec("statsmodels"):
        row["fit"]["statsmodels"] = fits.in_process("statsmodels", case.name, 2)["cpu"]
    theirs = posteriors.time_bambi(bambi, case, DRAWS) if bambi and case.name not in LARGE else None
    if theirs:
        row["draws"]["Bambi"] = _rate(theirs)
        row["Bambi"] = theirs["bambi"]
    return row


def _rate(timed: dict[str, float]) -> dict[str, float]:
    return {"seconds": timed["cpu"], "ess": timed["ess"]}


def recorded() -> dict[str, Any]:
    """What was measured last."""
    return json.loads(PAGE.read_text(encoding="utf-8"))


def table(record: dict[str, Any]) -> pd.DataFrame:
    """The recorded speeds, and the distances of our ML fits from lme4's, which are computed anew."""
    rows = {}
    for case, reference in MODELS.items():
        row = record["models"][case]
        ours, theirs = fitted(reference, "ML"), lme4(reference, "ML")
        apart = (ours.beta[theirs.beta.index] - theirs.beta) / theirs.se
        cells: dict[tuple[str, str], float | None] = {("", "rows"): row["rows"]}
        for name in ("bayesmm", "lme4", "statsmodels"):
            cells["ML fit, s", name] = row["fit"].get(name)
        cells["from lme4", "deviance"] = ours.criterion - theirs.criterion
        cells["from lme4", "β"] = float(apart.abs().max())
        for name in ("bayesmm", "Bambi"):
            timed = row["draws"].get(name)
            cells["effective draws/s", name] = timed and timed["ess"] / timed["seconds"]
        rows[case] = cells
    return pd.DataFrame(rows, dtype=float).T


def machine() -> str:
    """Processor, cores and system."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    return f"{processor}, {os.cpu_count()} cores, {platform.system()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bambi", help="a Python that has Bambi and nutpie")
    given = parser.parse_args()
    models = {}
    for name in MODELS:
        models[name] = measured(CASES[name], given.bambi)
        print(name, json.dumps(models[name]), flush=True)
    versions = {"bayesmm": bmm.__version__, "Python": platform.python_version()}
    for row in models.values():
        versions |= {name: row.pop(name) for name in ("lme4", "Bambi") if name in row}
    if importlib.util.find_spec("statsmodels"):
        versions["statsmodels"] = importlib.metadata.version("statsmodels")
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    record = {"date": date, "machine": machine(), "versions": versions, "models": models}
    PAGE.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
