"""NUTS on the marginal density: b and β integrated out, for when importance proposals would not do.

nutpie is handed log p(ψ | y) and its analytic gradient as a Python function, in coordinates in which the
density about its mode has an identity covariance. (b, β) are then drawn exactly for every draw of ψ, as
:mod:`bayesmm.posterior.marginal` does. Nothing is compiled, and PyMC is not needed. One evaluation costs a
quarter of a millisecond for a small model; chains take turns at the interpreter.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from bayesmm.posterior.effects import Sink
from bayesmm.posterior.marginal import CHUNK, named_draws
from bayesmm.posterior.target import MarginalTarget
from bayesmm.sampling.density_nuts import sample_density
from bayesmm.sampling.importance import find_modes
from bayesmm.sampling.nuts import Draws


def run_marginal_nuts(
    target: MarginalTarget,
    *,
    draws: int,
    tune: int,
    chains: int,
    seed: int,
    target_accept: float,
    sink: Callable[[], Sink],
    progressbar: bool,
) -> Draws:
    """Draw from the marginal posterior by NUTS, and (b, β) exactly given its draws.

    Raises
    ------
    ModelError
        If no chain finds a point to start from.
    """
    start = time.perf_counter()
    target.check_start()
    centre, covariance = find_modes(target.with_gradient, target.start[None], target.width)[0]
    root = np.linalg.cholesky(covariance)
    psi, stats = sample_density(
        target.with_gradient,
        centre,
        root,
        draws=draws,
        tune=tune,
        chains=chains,
        cores=target.cores,
        seed=seed,
        target_accept=target_accept,
        progress_bar=progressbar,
    )
    sampled = time.perf_counter()
    rng, design = np.random.default_rng([seed, 1]), target.scales.model.design
    effects, beta = sink(), np.empty((chains, draws, design.p))
    stretch = max(1, int(CHUNK / max(design.q, 1) / chains))
    for first in range(0, draws, stretch):
        at = slice(first, min(first + stretch, draws))
        size = at.stop - first
        _, some, b = target.draw(psi[:, at].reshape(chains * size, -1), rng)
        beta[:, at] = some.reshape(chains, size, -1)
        effects.take(first, np.arange(chains * size).reshape(chains, size), b)
    names = target.scales.names
    return Draws(
        values=named_draws(target.scales, psi, beta) | effects.values(names),
        groups=effects.groups(names),
        stats=stats,
        seconds={"sampling": sampled - start, "effects": time.perf_counter() - sampled},
    )
