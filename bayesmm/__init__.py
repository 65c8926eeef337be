"""Bayesian mixed models: one lme4 formula to matrices, exact ML/REML and the full posterior, side by side.

The public names are imported when they are first used, so that ``import bayesmm`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "BayesmmError": "bayesmm.errors",
    "Calibration": "bayesmm.calibration",
    "Comparison": "bayesmm.comparison",
    "DataError": "bayesmm.errors",
    "DatasetError": "bayesmm.errors",
    "DesignNotice": "bayesmm.errors",
    "Estimate": "bayesmm.estimate",
    "FileError": "bayesmm.errors",
    "Fitted": "bayesmm.results",
    "Formula": "bayesmm.formula",
    "FormulaError": "bayesmm.errors",
    "Model": "bayesmm.public",
    "ModelError": "bayesmm.errors",
    "Posterior": "bayesmm.posterior",
    "Prior": "bayesmm.priors",
    "PriorError": "bayesmm.errors",
    "Report": "bayesmm.reporting",
    "Values": "bayesmm.results",
    "compare": "bayesmm.comparison",
    "from_levels": "bayesmm.formula",
    "list_data": "bayesmm.datasets",
    "load_data": "bayesmm.datasets",
    "recover": "bayesmm.posterior",
    "report": "bayesmm.reporting",
    "verify": "bayesmm.calibration",
}
_ROOMS = ("plots",)
"""Rooms that are public as they are: ``bayesmm.plots.plot_lines``."""

__all__ = [*sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"bayesmm.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'bayesmm' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_ROOMS})
