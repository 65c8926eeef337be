"""Draws by their names → arrays for numerical work: the way back from the DataTree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesmm.design.naming import SAMPLE_DIMS, Names
from bayesmm.errors import ModelError

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, eq=False)
class DrawArrays:
    """S draws of all parameters.

    Attributes
    ----------
    names
        The names of the design's parameters.
    values
        Variable → (S, …), with the dimensions of ``names.dims``.
    """

    names: Names
    values: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, names: Names, draws: xr.Dataset) -> DrawArrays:
        """The draws of all chains, one after the other."""
        values = {}
        for name, dims in names.dims.items():
            if name in draws:
                array = draws[name].transpose(*SAMPLE_DIMS, *dims).to_numpy()
                values[name] = array.reshape(-1, *array.shape[2:])
        return cls(names, values)

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def dispersions(self, at: slice) -> tuple[np.ndarray, ...]:
        """(s,) of each parameter of the family besides the location: for the Gaussian the residual sds."""
        return tuple(self.values[name][at] for name in self.names.dispersions)

    def beta(self, at: slice) -> np.ndarray:
        """(s, p) coefficients, in the order of X."""
        p = sum(len(term.positions) for term in self.names.fixed)
        beta = np.empty((at.stop - at.start, p))
        for term in self.names.fixed:
            values = self.values[term.name][at]
            beta[:, list(term.positions)] = values[:, None] if term.dim is None else values
        return beta

    def effects(self, term: int, at: slice, levels: np.ndarray) -> np.ndarray:
        """(s, len(levels), k) random effects of some levels of a term.

        Raises
        ------
        ModelError
            If there are no draws of them.
        """
        named = self.names.terms[term]
        out = np.empty((at.stop - at.start, len(levels), len(named.sd_owner)))
        for effect in named.effects:
            if len(levels) and effect.name not in self.values:
                raise ModelError(
                    f"the posterior keeps a summary of '{effect.name}' and not its draws",
                    expected="draws of every random effect",
                    advice='model.sample(effects="draws"), with fewer draws if they take too much memory; or '
                    "predictions with include_random=False",
                )
            if len(levels):
                values = self.values[effect.name][at]
                if effect.expr_dim is None:
                    out[:, :, effect.positions[0]] = values[:, levels]
                else:
                    out[:, :, list(effect.positions)] = values[:, :, levels].swapaxes(1, 2)
        return out

    def factor(self, term: int, at: slice) -> np.ndarray:
        """(s, k, k) lower-triangular factors of a term's covariance G = diag(sd) R diag(sd)."""
        named = self.names.terms[term]
        k = len(named.sd_owner)
        sds = np.empty((at.stop - at.start, k))
        for effect in named.effects:
            values = self.values[effect.sd][at]
            sds[:, list(effect.positions)] = values[:, None] if effect.expr_dim is None else values
        if named.corr is None:
            return sds[:, :, None] * np.eye(k)
        told = self.values[named.corr][at]
        return sds[:, :, None] * named.covariance.factor_of(told[:, None] if named.corr_dim is None else told)
