"""Data made so that the optimum is known, or lies on the boundary."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesmm.design import build_design
from bayesmm.estimate import Certificate
from bayesmm.estimate.certificate import certify
from bayesmm.likelihood import MarginalLikelihood, Profiled
from bayesmm.search import Optimum, minimise


def one_way(n_levels: int, rows: int, ratio: float, seed: int = 0) -> pd.DataFrame:
    """Balanced y = 10 + u_j + e_ij with MS_between/MS_within exactly ``ratio``, MS_within = 1.

    REML is the analysis of variance: λ̂² = max(0, ratio − 1)/rows.
    """
    rng = np.random.default_rng(seed)
    e = rng.normal(size=(n_levels, rows))
    e -= e.mean(axis=1, keepdims=True)
    e /= np.sqrt(np.sum(e**2) / (n_levels * (rows - 1)))
    u = rng.normal(size=n_levels)
    u -= u.mean()
    u *= np.sqrt(ratio * (n_levels - 1) / (rows * np.sum(u**2)))
    return pd.DataFrame({"y": (10 + u[:, None] + e).ravel(), "g": np.repeat(np.arange(n_levels), rows)})


def growth(intercept: float, slope: float, correlation: float, seed: int = 5) -> pd.DataFrame:
    """12 clusters of 8 rows, x centred, σ = 1: sds of intercept and slope, and their correlation.

    The effects are exactly correlated as asked, and exactly orthogonal to nothing else.
    """
    rng = np.random.default_rng(seed)
    x, g = np.tile(np.arange(8) - 3.5, 12), np.repeat(np.arange(12), 8)
    u, v = rng.normal(size=(2, 12))
    b0, b1 = intercept * u, slope * (correlation * u + np.sqrt(1 - correlation**2) * v)
    y = 1.0 + b0[g] + (0.5 + b1[g]) * x + rng.normal(size=len(g))
    return pd.DataFrame({"y": y, "x": x, "g": g})


def slopes_only(seed: int, rows: int, sd: float) -> pd.DataFrame:
    """8 clusters whose slopes vary and whose intercepts don't."""
    rng = np.random.default_rng(seed)
    g, x, u = np.repeat(np.arange(8), rows), rng.normal(size=8 * rows), rng.normal(size=8)
    return pd.DataFrame({"g": g, "x": x, "y": 1 + sd * u[g] * x + rng.normal(size=8 * rows)})


FORMULAS = (
    "y ~ x + (x | g)",
    "y ~ x + (x || g)",
    "y ~ x + (1 | g) + (1 | h)",
    "y ~ 1 + (1 | g/h)",
    "y ~ x + z + (x + z | g)",
    "y ~ c + (c | g)",
    "y ~ x + (x | g) + (1 | h)",
    "y ~ x + (0 + x | g)",
    "y ~ x + (x | g) + (0 + z | g)",
)


def small_sample(seed: int) -> tuple[str, pd.DataFrame]:
    """A formula and a small data set, many of them with variances that are zero or correlations of ±1."""
    rng = np.random.default_rng(seed)
    n_levels, rows = rng.integers(4, 9), rng.integers(6, 11)
    n = n_levels * rows
    g = np.repeat(np.arange(n_levels), rows) if rng.random() < 0.5 else np.sort(rng.integers(0, n_levels, n))
    frame = pd.DataFrame(
        {
            "g": g,
            "h": rng.integers(0, rng.integers(3, 6), n),
            "x": rng.normal(size=n) + rng.choice([0, 0, 3, 50]),
            "z": rng.normal(size=n) * rng.choice([1, 0.01, 100]),
            "c": np.array(list("abc"))[rng.integers(0, 3, n)],
        }
    )
    u, v = rng.normal(size=(2, n_levels))
    effects = {"none": (0 * u, 0 * u), "intercept": (u, 0 * u), "slope": (0 * u, v), "both": (u, v)}
    effects |= {
        "+1": (u, 0.3 * u),
        "-1": (u, -0.3 * u),
        "small": (0.1 * u, 0.05 * v),
        "large": (99 * u, 9 * v),
    }
    b0, b1 = effects[rng.choice(list(effects))]
    frame["y"] = b0[g] + (0.5 + b1[g]) * (frame["x"] - frame["x"].mean()) + rng.normal(size=n)
    return FORMULAS[seed % len(FORMULAS)], frame


def search(
    formula: str, data: pd.DataFrame, *, reml: bool = True, start: np.ndarray | None = None
) -> tuple[Profiled, Optimum, Certificate]:
    """The steps of a fit, each to look at."""
    objective = Profiled(MarginalLikelihood(build_design(formula, data)), reml=reml)
    optimum = minimise(objective, start)
    return objective, optimum, certify(objective, optimum, objective.solution(optimum.phi))
