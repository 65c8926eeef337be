"""NUTS by nutpie on a density that Python computes, with its gradient; nothing is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bayesmm.sampling.nuts import STATS, stacked, wait

WithGradient = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""(d,) → log p and its gradient (d,)."""


class NotFinite(ArithmeticError):
    """The density can't be computed at a point: nutpie counts a divergence and goes on."""

    is_recoverable = True


def sample_density(
    with_gradient: WithGradient, centre: np.ndarray, root: np.ndarray, **settings: Any
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Draws ψ (chains, draws, d) and the sampler's statistics.

    Parameters
    ----------
    with_gradient
        The density.
    centre, root
        (d,) and (d, d): the chains move in u, ψ = centre + root u, in which the density should have an
        identity covariance about the origin.
    **settings
        nutpie's.

    Raises
    ------
    ModelError
        If no chain finds a point to start from.
    """
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    d = len(centre)

    def logp(u: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = with_gradient(centre + root @ u)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            raise NotFinite
        return float(value), root.T @ gradient

    compiled = from_pyfunc(
        ndim=d,
        make_logp_fn=lambda: logp,
        make_expand_fn=lambda *_: lambda u: {"psi": centre + root @ u},
        expanded_dtypes=[np.dtype(np.float64)],
        expanded_shapes=[(d,)],
        expanded_names=["psi"],
        make_initial_point_fn=lambda seed: np.random.default_rng(seed).standard_normal(d),
    )
    sampler = nutpie.sample(compiled, save_warmup=False, return_raw_trace=True, blocking=False, **settings)
    batches, recorded = wait(sampler, "model.priors")
    kept = [~np.asarray(batch.column("tuning")) for batch in recorded]
    stats = {new: stacked(recorded, old, (), kept) for old, new in STATS.items()}
    return stacked(batches, "psi", (d,), kept), stats
