"""``Optimum``: where a search ended, and what is known of the place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesmm.parallel import one_thread
from bayesmm.search.boundary import bends_down
from bayesmm.search.evaluations import Evaluations
from bayesmm.search.hessian import hessian
from bayesmm.search.objective import Objective
from bayesmm.search.region import Region


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where a search ended, and what is known of the place.

    Attributes
    ----------
    phi
        (d,) the point.
    criterion
        The value there.
    gradient
        (d,) there.
    free
        (d,) of bool: parameters that no boundary holds.
    boundary_curvature
        For each block on the boundary, the least derivative of the value in a variance that could be added to
        the block's; ≥ 0, but for rounding, at an optimum.
    starts
        Why the search was started again, one sentence each.
    evaluations
        Values with gradient, in all.
    """

    phi: np.ndarray
    criterion: float
    gradient: np.ndarray
    free: np.ndarray
    boundary_curvature: np.ndarray
    starts: tuple[str, ...]
    evaluations: int
    _given_up: bool
    _hessian: np.ndarray | None
    _objective: Objective

    @cached_property
    def hessian(self) -> np.ndarray:
        """(f, f) on the free parameters; where evaluations are dear it is formed when first asked for."""
        if self._hessian is not None:
            return self._hessian
        with one_thread():
            return hessian(Evaluations(self._objective), Region(self._objective), self.phi)

    @property
    def saddle(self) -> bool:
        """Whether there is still a direction downhill: the search gave up, or the Hessian shows it now."""
        return self._given_up or (self._hessian is None and bends_down(self.hessian))

    @property
    def expected_decrease(self) -> float:
        """½ g'H⁻¹g: by how much the value would still fall by a Newton step."""
        g = self.gradient[self.free]
        if len(g) == 0:
            return 0.0
        values, vectors = np.linalg.eigh(self.hessian)
        along = vectors.T @ g
        scale = np.maximum(np.abs(values), 1e-8 * max(1.0, np.abs(values).max()))
        return float(0.5 * np.sum(along**2 / scale))
