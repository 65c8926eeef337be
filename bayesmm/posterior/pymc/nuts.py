"""NUTS by nutpie on the hierarchical PyMC model: a model in, arrays of draws out.

nutpie's own interface is used in place of ``pm.sample``, which adds a second pass of checks and fails where a
name has a comma, such as ``poly(x, 2)`` (nutpie joins and splits a variable's dimensions by commas). Its raw
trace is read by position; names and labels are put on by :mod:`bayesmm.posterior.data_tree`.

Compiling costs more than sampling for small data (sleepstudy, 6 parameters and 36 effects, 2 cores): 18 s the
first time a machine meets a model of this shape, 5–6 s in later processes (PyTensor keeps machine code on
disk; half of the rest is numba typing nutpie's own wrapper), 2 s again in one process; sampling 0.6 s.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from bayesmm.design.naming import name_parameters
from bayesmm.model import MixedModel
from bayesmm.posterior.pymc.model import to_pymc
from bayesmm.sampling.nuts import STATS, Draws, stacked, wait


def run_nuts(
    model: MixedModel,
    *,
    draws: int,
    tune: int,
    chains: int,
    seed: int,
    cores: int | None,
    target_accept: float,
    progressbar: bool,
) -> Draws:
    """Draw from the posterior of the hierarchical model.

    The draws depend on the seed alone: not on the number of cores, nor on what is in the compiler's cache.

    Raises
    ------
    ModelError
        If no chain finds a point to start from.
    """
    import nutpie

    start = time.perf_counter()
    compiled = _compile(to_pymc(model))
    compiled_at = time.perf_counter()
    sampler = nutpie.sample(
        compiled,
        draws=draws,
        tune=tune,
        chains=chains,
        cores=cores,
        seed=seed,
        target_accept=target_accept,
        save_warmup=False,
        progress_bar=progressbar,
        return_raw_trace=True,
        blocking=False,
    )
    batches, recorded = wait(sampler, "model.to_pymc() shows the model")
    kept = [~np.asarray(batch.column("tuning")) for batch in recorded]
    names = name_parameters(model.design).dims
    values = {name: stacked(batches, name, compiled.shapes[name], kept) for name in names}
    stats = {new: stacked(recorded, old, (), kept) for old, new in STATS.items()}
    return Draws(
        values,
        stats,
        {"compiling": compiled_at - start, "sampling": time.perf_counter() - compiled_at},
    )


def _compile(hierarchical: Any) -> Any:
    """Compile without fast-math, with which the order of sums, and so every chain, depends on the cache."""
    import nutpie
    import pytensor

    with pytensor.config.change_flags(numba__fastmath=False):
        compiled = nutpie.compile_pymc_model(hierarchical, backend="numba")
    return replace(compiled, dims=None)
