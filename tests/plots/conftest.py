"""Pictures are drawn to memory; models are fitted and sampled once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import matplotlib as mpl
import pytest

import bayesmm as bmm
from bayesmm.estimate import Estimate
from bayesmm.posterior import Posterior

mpl.use("Agg")

MODELS = {
    "sleep": ("Reaction ~ Days + (Days | Subject)", "sleepstudy"),
    "sleep_intercept": ("Reaction ~ Days + (1 | Subject)", "sleepstudy"),
    "sleep_curve": ("Reaction ~ Days + I(Days**2) + (Days | Subject)", "sleepstudy"),
    "sleep_bars": ("Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)", "sleepstudy"),
    "hsb": ("mAch ~ meanses * cses + sector * cses + (cses | school)", "Hsb82"),
    "dyestuff": ("Yield ~ 1 + (1 | Batch)", "Dyestuff"),
    "dyestuff2": ("Yield ~ 1 + (1 | Batch)", "Dyestuff2"),
    "penicillin": ("diameter ~ 1 + (1 | plate) + (1 | sample)", "Penicillin"),
    "machines": ("score ~ Machine + (Machine | Worker)", "Machines"),
    "machines_cells": ("score ~ Machine + (0 + Machine | Worker)", "Machines"),
    "chem": ("score ~ gcsecnt + (gcsecnt | school)", "Chem97"),
    "chem_nested": ("score ~ gcsecnt + (1 | lea/school)", "Chem97"),
    "insteval": ("y ~ service + (1 | s) + (1 | d) + (1 | dept)", "InstEval"),
}


@cache
def fit_of(name: str) -> Estimate:
    formula, data = MODELS[name]
    return bmm.Model(formula, bmm.load_data(data)).fit()


@cache
def posterior_of(name: str) -> Posterior:
    formula, data = MODELS[name]
    return bmm.Model(formula, bmm.load_data(data)).sample(draws=250, random_seed=1, progressbar=False)


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    from matplotlib import pyplot as plt

    yield
    plt.close("all")
