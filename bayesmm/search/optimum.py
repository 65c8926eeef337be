"""``Optimum``: where a search ended, and what is known of the place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
    hessian
        (f, f) on the free parameters.
    boundary_curvature
        For each block on the boundary, the least derivative of the value in a variance that could be added to
        the block's; ≥ 0, but for rounding, at an optimum.
    saddle
        Whether there was still a direction downhill when the search gave up.
    starts
        Why the search was started again, one sentence each.
    evaluations
        Values with gradient, in all.
    """

    phi: np.ndarray
    criterion: float
    gradient: np.ndarray
    free: np.ndarray
    hessian: np.ndarray
    boundary_curvature: np.ndarray
    saddle: bool
    starts: tuple[str, ...]
    evaluations: int

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
