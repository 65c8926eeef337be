"""Small designs of every kind that the layout knows: cases for the likelihood and the optimiser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from bayesmm.datasets import load_data
from bayesmm.design import Design, build_design


@dataclass(frozen=True)
class Case:
    """A formula with its data and options."""

    formula: str
    data: str
    options: Mapping[str, Any] = field(default_factory=dict)


CASES: dict[str, Case] = {
    "one intercept": Case("Yield ~ 1 + (1 | Batch)", "Dyestuff"),
    "correlated slope": Case("Reaction ~ Days + (Days | Subject)", "sleepstudy"),
    "uncorrelated slope": Case("Reaction ~ Days + (Days || Subject)", "sleepstudy"),
    "slope without intercept": Case("Reaction ~ Days + (0 + Days | Subject)", "sleepstudy"),
    "several bars on one factor": Case(
        "Reaction ~ Days + (1 | Subject) + (0 + Days + I(Days**2) | Subject)", "sleepstudy"
    ),
    "one variance for all columns": Case(
        "score ~ Machine + (0 + Machine | Worker)", "Machines", {"covariance": {"Worker": "identity"}}
    ),
    "factor slopes": Case("score ~ Machine + (Machine | Worker)", "Machines"),
    "nested": Case("strength ~ 1 + (1 | batch/cask)", "Pastes"),
    "implicitly nested": Case("strength ~ 1 + (1 | sample) + (1 | batch)", "Pastes"),
    "crossed": Case("diameter ~ 1 + (1 | plate) + (1 | sample)", "Penicillin"),
    "weights and offset": Case(
        "y ~ x + c + offset(z) + (x | a)", "simulated", {"weights": "w", "offset": "o"}
    ),
    "nested slopes": Case("y ~ x * c + (x | a/b)", "simulated"),
    "three-level chain with a crossed factor": Case(
        "y ~ x + (1 | a/b/c) + (1 | h)", "simulated", {"weights": "w"}
    ),
    "chain with slopes, crossed with slopes": Case(
        "y ~ x + (z || a) + (x + z | a:b) + (x | h)", "simulated", {"offset": "o"}
    ),
    "two tails": Case("y ~ x + (x | m) + (z | h) + (1 | c)", "simulated"),
    "two factors with the same partition": Case("y ~ x + (x | a) + (1 | a_again)", "simulated"),
    "no fixed effects": Case("y ~ 0 + (x | a) + (1 | h)", "simulated"),
}


@cache
def design(name: str) -> Design:
    """The design of a case."""
    case = CASES[name]
    data = simulated() if case.data == "simulated" else load_data(case.data)
    return build_design(case.formula, data, **case.options)


def simulated(n: int = 150, seed: int = 20) -> pd.DataFrame:
    """Unbalanced rows of ``a`` ⊃ ``b`` ⊃ ``c``, crossed with ``h`` and ``m``; x, z, weights, offset.

    ``b`` and ``c`` are labelled within what they are nested in; ``a_again`` is ``a`` under other labels.
    """
    rng = np.random.default_rng(seed)
    a = np.sort(rng.choice(6, n, p=np.array([1, 2, 3, 4, 5, 6]) / 21))
    frame = pd.DataFrame(
        {
            "a": a,
            "b": rng.integers(0, 3, n),
            "c": np.array(["p", "q"])[rng.integers(0, 2, n)],
            "h": np.array(list("uvwst"))[rng.integers(0, 5, n)],
            "m": rng.integers(0, 9, n),
            "x": rng.normal(1.0, 2.0, n),
            "z": rng.uniform(-1.0, 1.0, n),
            "w": rng.uniform(0.3, 3.0, n),
            "o": rng.normal(0.0, 5.0, n),
        }
    )
    frame["a_again"] = 100 - frame["a"]
    effects = {name: rng.normal(size=(len(levels), 2)) for name, levels in (("a", range(6)), ("m", range(9)))}
    u, v = effects["a"][frame["a"]], effects["m"][frame["m"]]
    frame["y"] = 3.0 + u[:, 0] + (1.0 + 0.5 * u[:, 1]) * frame["x"] + v[:, 0] + rng.normal(0.0, 1.5, n)
    return frame
