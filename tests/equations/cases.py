"""Models of every kind that the equations know, each built, fitted and written once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import bayesmm as bmm
from bayesmm.equations import Equations, equations_of
from bayesmm.estimate import Estimate
from tests.designs import simulated

HSB_LEVELS = bmm.from_levels(
    "mAch ~ 1 + cses",
    {"1": "1 + meanses + sector + (1)", "cses": "1 + meanses + sector + (1)"},
    group="school",
)


@dataclass(frozen=True)
class Case:
    """A formula, the name of its data or a function that makes them, and options of the model."""

    formula: Any
    data: str | Callable[[], pd.DataFrame]
    options: Mapping[str, Any] = field(default_factory=dict)


def odd_names() -> pd.DataFrame:
    """sleepstudy under names with spaces, signs, letters and brackets that a renderer has to escape."""
    rng = np.random.default_rng(3)
    sleep = bmm.load_data("sleepstudy").rename(
        columns={"Reaction": "reaction_time%", "Days": "days in bed", "Subject": "grp#1"}
    )
    sleep["été"] = rng.normal(size=len(sleep))
    sleep["β&x"] = rng.normal(size=len(sleep))
    sleep["x^2 {a} \\b"] = rng.normal(size=len(sleep))
    sleep['a "$5" <b>'] = rng.normal(size=len(sleep))
    sleep["temp °C²"] = rng.normal(size=len(sleep))
    sleep["kind"] = np.array(["a:b", "it's", "[odd_1", "~"])[rng.integers(0, 4, len(sleep))]
    return sleep


def wide() -> pd.DataFrame:
    """Twenty predictors, two of them with names of more than fifty letters."""
    rng = np.random.default_rng(4)
    sleep = bmm.load_data("sleepstudy").copy()
    for name in WIDE:
        sleep[name] = rng.normal(size=len(sleep))
    return sleep


LONG = ("a_very_long_name_of_a_column_that_goes_on_and_on_and_on", "a_very_long_name_" + "x" * 60)
WIDE = (*(f"covariate_{i}" for i in range(18)), *LONG)


def deep() -> pd.DataFrame:
    """a ⊃ b ⊃ c balanced, crossed with h; z varies with a, m with a:b, x between rows."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "a": np.repeat(range(5), 40),
            "b": np.tile(np.repeat(range(4), 10), 5),
            "c": np.tile(np.repeat(range(2), 5), 20),
            "x": rng.normal(size=200),
            "h": rng.integers(0, 7, 200),
        }
    )
    frame["z"] = frame["a"] % 3
    frame["m"] = np.sin(4 * frame["a"] + frame["b"])
    effects = rng.normal(size=5)
    frame["y"] = frame["x"] + effects[frame["a"]] + rng.normal(size=200)
    return frame


CASES: dict[str, Case] = {
    "sleepstudy": Case("Reaction ~ Days + (Days | Subject)", "sleepstudy"),
    "sleepstudy_zerocorr": Case("Reaction ~ Days + (Days || Subject)", "sleepstudy"),
    "sleepstudy_slope_only": Case("Reaction ~ Days + (0 + Days | Subject)", "sleepstudy"),
    "sleepstudy_two_bars": Case("Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)", "sleepstudy"),
    "intercept_only": Case("Yield ~ 1 + (1 | Batch)", "Dyestuff"),
    "no_fixed_intercept": Case("Reaction ~ 0 + Days + (Days | Subject)", "sleepstudy"),
    "no_fixed_effects": Case("Reaction ~ 0 + (Days | Subject)", "sleepstudy"),
    "poly": Case("log(Reaction) ~ poly(Days, 2) + (1 | Subject)", "sleepstudy"),
    "log_and_square": Case(
        "Reaction ~ log(Days + 1) + Days + I(Days**2) + (Days + I(Days**2) | Subject)", "sleepstudy"
    ),
    "hsb": Case("mAch ~ cses*meanses + cses*sector + (cses|school)", "Hsb82"),
    "hsb_levels": Case(HSB_LEVELS, "Hsb82"),
    "group_slope": Case("normexam ~ standLRT + schavg + (schavg | school)", "Exam"),
    "exam": Case("normexam ~ standLRT*schavg + sex + type + (standLRT | school)", "Exam"),
    "orthodont": Case("distance ~ age * Sex + (age | Subject)", "Orthodont"),
    "penicillin": Case("diameter ~ 1 + (1 | plate) + (1 | sample)", "Penicillin"),
    "insteval": Case("y ~ service + (1 | s) + (1 | d) + (1 | dept)", "InstEval"),
    "pastes": Case("strength ~ 1 + (1 | batch/cask)", "Pastes"),
    "oats": Case("yield ~ nitro + Variety + (1 | Block/Variety)", "Oats"),
    "machines": Case("score ~ Machine + (Machine | Worker)", "Machines"),
    "machines_full": Case("score ~ Machine + (0 + Machine | Worker)", "Machines"),
    "machines_identity": Case(
        "score ~ Machine + (0 + Machine | Worker)", "Machines", {"covariance": {"Worker": "identity"}}
    ),
    "chem97": Case("score ~ gcsecnt + (1 | lea/school)", "Chem97"),
    "chem97_slopes": Case("score ~ gcsecnt*gender + (gcsecnt | lea/school)", "Chem97"),
    "cake": Case("angle ~ recipe * temperature + (1 | recipe:replicate)", "cake"),
    "cake_two_bars": Case("angle ~ recipe * temperature + (1 | replicate) + (1 | recipe:replicate)", "cake"),
    "weights_offset": Case("y ~ x + c + offset(z) + (x | a)", simulated, {"weights": "w", "offset": "o"}),
    "odd_names": Case(
        '`reaction_time%` ~ `days in bed` * été * kind + `β&x` + `x^2 {a} \\b` + `a "$5" <b>` + `temp °C²` '
        "+ (`days in bed` | `grp#1`)",
        odd_names,
    ),
    "wide": Case(f"Reaction ~ Days + {' + '.join(WIDE[:-2])} + {'*'.join(LONG)} + (Days | Subject)", wide),
    "interactions_alone": Case("y ~ x:c + x:z:c + (x | a)", simulated),
    "four_levels": Case("y ~ x*z + m + (x | a/b/c)", deep),
    "nested_and_crossed": Case("y ~ x*z + (1 | a/b) + (x | h)", deep),
    "one_partition_twice": Case("y ~ x + (x | a) + (1 | a_again)", simulated),
    "predictors_named_like_symbols": Case(
        "y ~ e + u + w + (u | g)",
        lambda: simulated().rename(columns={"x": "u", "z": "e", "a": "g"}),
        {"weights": "w"},
    ),
}

NAMES = tuple(CASES)
CROSSED = ("penicillin", "insteval", "nested_and_crossed", "one_partition_twice")
"""Those whose grouping factors form no chain."""


@cache
def data_of(name: str) -> pd.DataFrame:
    """The data of a case."""
    data = CASES[name].data
    return bmm.load_data(data) if isinstance(data, str) else data()


@cache
def model(name: str) -> bmm.Model:
    """The model of a case."""
    case = CASES[name]
    return bmm.Model(case.formula, data_of(name), **case.options)


@cache
def fitted(name: str) -> Estimate:
    """Its REML estimate."""
    return model(name).fit()


@cache
def written(name: str) -> Equations:
    """Its equations in symbols, with priors."""
    return equations_of(model(name), priors=True)


@cache
def filled(name: str) -> Equations:
    """Its equations with the REML estimates in them."""
    return equations_of(model(name), fitted(name), priors=True)
