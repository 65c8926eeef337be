"""Models that several folders' tests look at: each is fitted once and sampled once in a session."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

import bayesmm as bmm
from bayesmm.estimate import Estimate
from bayesmm.posterior import Posterior

MODELS = {
    "sleep": ("Reaction ~ Days + (Days | Subject)", "sleepstudy"),
    "sleep_intercept": ("Reaction ~ Days + (1 | Subject)", "sleepstudy"),
    "sleep_curve": ("Reaction ~ Days + I(Days**2) + (Days | Subject)", "sleepstudy"),
    "sleep_bars": ("Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)", "sleepstudy"),
    "hsb": ("mAch ~ meanses * cses + sector * cses + (cses | school)", "Hsb82"),
    "dyestuff": ("Yield ~ 1 + (1 | Batch)", "Dyestuff"),
    "dyestuff2": ("Yield ~ 1 + (1 | Batch)", "Dyestuff2"),
    "pastes": ("strength ~ 1 + (1 | batch / cask)", "Pastes"),
    "penicillin": ("diameter ~ 1 + (1 | plate) + (1 | sample)", "Penicillin"),
    "machines": ("score ~ Machine + (Machine | Worker)", "Machines"),
    "machines_cells": ("score ~ Machine + (0 + Machine | Worker)", "Machines"),
    "chem": ("score ~ gcsecnt + (gcsecnt | school)", "Chem97"),
    "chem_nested": ("score ~ gcsecnt + (1 | lea/school)", "Chem97"),
    "insteval": ("y ~ service + (1 | s) + (1 | d) + (1 | dept)", "InstEval"),
    "crossed": ("rt ~ x + (x | subject) + (1 | item)", "made up"),
    "long": (
        "reaction_time_in_milliseconds ~ relative_clause_type * `centred log frequency`"
        " + (1 + `centred log frequency` | participant_identifier) + (1 | stimulus_sentence)",
        "made up",
    ),
}
"""Name → formula and data set."""


@cache
def data_of(name: str) -> pd.DataFrame:
    data = MODELS[name][1]
    return crossed_data() if data == "made up" else bmm.load_data(data)


@cache
def fit_of(name: str) -> Estimate:
    return bmm.Model(MODELS[name][0], data_of(name)).fit()


@cache
def posterior_of(name: str) -> Posterior:
    return fit_of(name).model.sample(draws=250, random_seed=1, progressbar=False)


def crossed_data() -> pd.DataFrame:
    """Fourteen subjects, each of whom reads sixteen items twice; columns by long names too."""
    rng = np.random.default_rng(5)
    subject, item = (axis.ravel() for axis in np.mgrid[:14, :32])
    item = item % 16
    n = len(subject)
    x = rng.normal(size=n)
    of_subject, of_item = rng.normal(size=(14, 2)) * [40, 20], 30 * rng.normal(size=16)
    rt = 600 + of_subject[subject, 0] + of_item[item] + (25 + of_subject[subject, 1]) * x
    kinds = np.array(["subject-extracted relative clause", "object-extracted relative clause"])
    return pd.DataFrame(
        {
            "rt": (rt := rt + 50 * rng.normal(size=n)),
            "x": x,
            "subject": [f"s{i}" for i in subject],
            "item": [f"i{i}" for i in item],
            "reaction_time_in_milliseconds": rt,
            "centred log frequency": x,
            "relative_clause_type": kinds[np.arange(n) // 16 % 2],
            "participant_identifier": [f"participant number {i:02d} of laboratory two" for i in subject],
            "stimulus_sentence": [f"the horse raced past the barn {i}" for i in item],
        }
    )
