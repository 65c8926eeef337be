"""NUTS by nutpie: what its draws are, and how they are read from its raw trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmm.errors import ModelError

if TYPE_CHECKING:
    import xarray as xr

STATS = {
    "diverging": "diverging",
    "energy": "energy",
    "logp": "lp",
    "depth": "tree_depth",
    "maxdepth_reached": "reached_max_treedepth",
    "n_steps": "n_steps",
    "step_size": "step_size",
    "mean_tree_accept": "acceptance_rate",
}
"""nutpie's names for what it records → ArviZ's."""


@dataclass(frozen=True, eq=False)
class Draws:
    """What a sampler hands over.

    Attributes
    ----------
    values
        Variable → (chains, draws, …).
    stats
        ArviZ's name → (chains, draws).
    seconds
        Time by stage.
    groups
        More groups for the DataTree.
    """

    values: dict[str, np.ndarray]
    stats: dict[str, np.ndarray]
    seconds: dict[str, float]
    groups: dict[str, xr.Dataset] = field(default_factory=dict)


def wait(sampler: Any, hint: str) -> tuple[Any, Any]:
    """The draws and the statistics of a running sampler, as Arrow batches by chain.

    Raises
    ------
    ModelError
        If no chain finds a point to start from.
    """
    try:
        return sampler.wait().get_arrow_trace()
    except RuntimeError as error:
        raise ModelError(
            f"the sampler could not start ({str(error).splitlines()[0]})",
            expected="a finite log density and gradient near the prior's centre",
            advice=f"look at the scale of the data and of your own priors; {hint}",
        ) from error
    except BaseException:  # Ctrl-C too: the chains run in threads of their own
        sampler.cancel()
        raise


def stacked(
    batches: Sequence[Any], name: str, shape: tuple[int, ...], kept: Sequence[np.ndarray]
) -> np.ndarray:
    """A column of each chain's Arrow batch, the kept rows only: (chains, draws, *shape)."""
    import pyarrow

    chains = []
    for batch, rows in zip(batches, kept, strict=True):
        column = pyarrow.array(batch.column(name))
        numbers = (column.flatten() if shape else column).to_numpy(zero_copy_only=False)
        chains.append(numbers.reshape(-1, *shape)[rows])
    return np.stack(chains)
