"""An objective that counts its evaluations and remembers them."""

from __future__ import annotations

import numpy as np

from bayesmm.search.newton import updated
from bayesmm.search.objective import Objective


class Evaluations:
    """The values and gradients of one search.

    Attributes
    ----------
    count
        Values with gradient, so far.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.count = 0
        self._seen: dict[bytes, tuple[float, np.ndarray]] = {}
        self._path: list[tuple[np.ndarray, np.ndarray]] = []
        self._curved: dict[bytes, tuple[float, np.ndarray, np.ndarray]] = {}

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient (d,)."""
        key = x.tobytes()
        if key not in self._seen and self.objective.exact:  # the Hessian comes with them, and will be wanted
            self.with_curvature(x)
        elif key not in self._seen:
            self.count += 1
            self._seen[key] = self.objective.value_and_gradient(x)
        return self._seen[key]

    def value(self, x: np.ndarray) -> float:
        """The value alone, which isn't counted."""
        key = x.tobytes()
        return self._seen[key][0] if key in self._seen else self.objective.value(x)

    def with_curvature(self, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Value, gradient (d,), and the Hessian (d, d) or what is close to it."""
        key = x.tobytes()
        if key not in self._curved:
            self.count += 1
            self._curved[key] = self.objective.with_curvature(x)
            self._seen[key] = self._curved[key][:2]
            self._path.append((x.copy(), self._curved[key][1]))
        return self._curved[key]

    def curvature(self, x: np.ndarray) -> np.ndarray:
        """(d, d) the Hessian at x (d,) by what is known without another evaluation, or one more.

        What :meth:`with_curvature` says, brought up to date with how the gradient changed on the last d ways
        to x: close by these are the Hessian's own products with them.
        """
        _, gradient, B = self.with_curvature(x)
        for passed, before in self._path[-len(x) - 1 :]:
            if (passed != x).any() and np.isfinite(before).all():
                B = updated(B, x - passed, gradient - before)
        return B

    def slopes(self, x: np.ndarray) -> list[np.ndarray]:
        """For each block the derivative in λ̃λ̃' (k, k)."""
        self.count += 1
        return list(self.objective.slopes(x))
