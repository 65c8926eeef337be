"""An estimate in a file: where the optimum is, and what was said of it.

The file has θ̂ and the tables that a reader without the package wants. Everything else follows from θ̂ and the
model's data, and is computed anew: one factorization for the numbers, a few more for the certificate. So a
file can't disagree with what is reported of it, and one that belongs to another model is found out, since
the criterion at θ̂ is another.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bayesmm.errors import ModelError
from bayesmm.likelihood import Profiled, Solution
from bayesmm.model import MixedModel, file_attributes
from bayesmm.parallel import one_thread
from bayesmm.results.parameters import scalar_parameters
from bayesmm.search import Optimum, judge
from bayesmm.storage import load_tree

if TYPE_CHECKING:
    import xarray as xr

SAME = 1e-8
"""By how much, relative to its size, a criterion may differ on another machine."""


def estimate_tree(
    model: MixedModel, method: str, sdcor: np.ndarray, optimum: Optimum, solution: Solution, verdict: str
) -> xr.DataTree:
    """What is kept of an estimate: the group ``estimate``, and attributes that say of what."""
    import xarray as xr

    design = model.design
    labels = [p.label for p in sorted(scalar_parameters(design), key=lambda p: p.row) if p.kind != "fixed"]
    names = np.array(design.names, dtype=str)
    estimate = xr.Dataset(
        {
            "beta": ("coefficient", solution.beta),
            "vcov": (("coefficient", "coefficient_bis"), solution.vcov),
            "theta": ("theta_dim", solution.theta),
            "sdcor": ("parameter", sdcor),
            "sigma": ((), solution.sigma),
        },
        coords={
            "coefficient": names,
            "coefficient_bis": names,
            "parameter": np.array(labels, dtype=str),
        },
    )
    tree = xr.DataTree.from_dict({"estimate": estimate})
    tree.attrs = file_attributes(model, method) | {
        "criterion": solution.criterion,
        "verdict": verdict,
        "restarts": json.dumps(optimum.starts),
        "evaluations": optimum.evaluations,
    }
    return tree


def restored(path: str | Path, model: MixedModel) -> tuple[Profiled, Optimum, Solution]:
    """What an estimate of the model is made of, from its file; what is known of the place is found anew.

    Raises
    ------
    FileError
        If the file is missing, empty or malformed.
    ModelError
        If it is the estimate of another model, or of other data.
    """
    if not isinstance(model, MixedModel):
        raise ModelError(
            f"model is {model!r}", expected="the model that was fitted", advice="Estimate.load(path, model)"
        )
    data = load_tree(path, "estimate")
    found, likelihood = data["estimate"], model.likelihood
    objective = Profiled(likelihood, reml=data.attrs["method"] == "REML")
    theta, names = found["theta"].to_numpy(), [str(name) for name in found["coefficient"].to_numpy()]
    if len(theta) != likelihood.size or names != list(model.design.names):
        raise _other(
            f"of '{data.attrs['formula']}' has {len(theta)} variance parameters and the coefficients "
            f"{', '.join(names)}; the model has {likelihood.size}, and {', '.join(model.design.names)}"
        )
    with one_thread():
        phi = likelihood.internal(theta)
        solution = objective.solution(phi)
        stored = float(data.attrs["criterion"])
        if not abs(solution.criterion - stored) <= SAME * max(1.0, abs(stored)):
            raise _other(
                f"of '{data.attrs['formula']}' has the criterion {stored:.6f}; "
                f"on the model's data it is {solution.criterion:.6f}"
            )
        optimum = judge(
            objective,
            phi,
            starts=tuple(json.loads(data.attrs["restarts"])),
            evaluations=int(data.attrs["evaluations"]),
        )
    return objective, optimum, solution


def _other(got: str) -> ModelError:
    return ModelError(
        f"the estimate in the file {got}",
        expected="the model that was fitted, of the same data",
        advice="model.fit() again; xarray.open_datatree shows what the file has",
    )
