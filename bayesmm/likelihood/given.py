"""p(y | λ, σ, δ): some coefficients given, the others and b integrated out.

What is given takes part as another response, y − Cδ with C (n, c): to the rest of the model it is as if y
itself had been measured so. In the whitened coordinates of :mod:`bayesmm.likelihood.coordinates`, which stay
those of y, [Z X]'(y − Cδ) is linear in δ and (y − Cδ)'(y − Cδ) quadratic, so that a point costs one
factorization and a copy of the arrays, and nothing that grows with the rows. The derivative in δ,

    ∂/∂δ log p = C'W(y − Cδ − Xβ̂ − Zb̂)/σ²,

comes from the modes (b̂, β̂) at that point.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bayesmm.blocks.cross_product import CrossProduct
from bayesmm.blocks.kernels.batch import evaluate_many
from bayesmm.blocks.layout import Layout
from bayesmm.design.design import Design
from bayesmm.design.sources import ModelMatrix
from bayesmm.likelihood.coordinates import whitened
from bayesmm.likelihood.integrated import ConditionalDraws, IntegratedLikelihood


class Responses:
    """The layout of a model for every response y − Σ δ_j c_j.

    Parameters
    ----------
    base
        The layout of the model.
    crosses
        The cross-products for the response y, and for each c_j in its place.
    gram
        (c + 1, c + 1) [y C]'[y C] in the same coordinates.
    """

    def __init__(self, base: Layout, crosses: list[CrossProduct], gram: np.ndarray) -> None:
        self.base, self.gram = base.filled(crosses[0]), gram
        layouts = [self.base, *(base.filled(cross) for cross in crosses[1:])]
        _ = self.base.k_group, self.base.u_start, self.base.table  # worked out once, for all copies
        k, first = self.base.node_k, np.cumsum(self.base.node_k) - self.base.node_k
        row = np.arange(int(k.sum())) - np.repeat(first, k) + 1
        self._at = np.repeat(self.base.head.row_start[:-1], k) + row * np.repeat(self.base.node_width, k) - 1
        self._head = np.stack([layout.head.rows[self._at] for layout in layouts[1:]], axis=1)
        self.tail = np.stack([layout.dense.A[:-1, -1] for layout in layouts[1:]], axis=1)

    def at(self, delta: np.ndarray) -> Layout:
        """The layout at δ (c,)."""
        head, tail = self.base.head, self.base.dense
        rows, A = head.rows.copy(), tail.A.copy()
        rows[self._at] -= self._head @ delta
        A[:-1, -1] -= self.tail @ delta
        A[-1, :-1] = A[:-1, -1]
        A[-1, -1] = square(self.gram, delta)
        return self.base.with_values(head._replace(rows=rows), tail._replace(A=A))


class GivenCoefficients:
    """p(y | λ, σ, δ) of a design, for the response y − Cδ.

    Parameters
    ----------
    integrated
        The likelihood of the design without the columns C, at δ = 0.
    columns
        C (n, c), in units of y.
    """

    def __init__(self, integrated: IntegratedLikelihood, columns: np.ndarray) -> None:
        self.integrated = integrated
        likelihood = integrated.likelihood
        design, coordinates = likelihood.design, likelihood.coordinates
        explained = design.X @ coordinates.gamma + (0.0 if design.offset is None else design.offset)
        responses = [replace(design.rows, y=explained + column) for column in columns.T]
        self.designs = [replace(design, rows=rows) for rows in responses]
        root = 1.0 if design.weights is None else np.sqrt(design.weights)
        together = np.column_stack([design.y - explained, columns]).T * root / coordinates.scale
        self.rows = together.T  # (n, c + 1)
        self.crosses = []
        for each in self.designs:
            rows = whitened(each.rows, coordinates, each.weights)
            self.crosses.append(likelihood.cross.with_response(*likelihood.pattern.column(rows)))
        crosses = [likelihood.cross, *self.crosses]
        self.responses = Responses(likelihood.layout, crosses, self.rows.T @ self.rows)

    def log_densities(
        self, lam: np.ndarray, log_sigma: np.ndarray, delta: np.ndarray, *, cores: int = 1
    ) -> np.ndarray:
        """(S,) log p(y | λ_s, σ_s, δ_s), with δ (S, c); −∞ where it can't be computed."""
        return self.integrated.log_densities(
            lam, log_sigma, cores=cores, layout_at=lambda s: self.responses.at(delta[s])
        )

    def log_density(
        self, lam: np.ndarray, log_sigma: float, delta: np.ndarray
    ) -> tuple[float, np.ndarray, float, np.ndarray]:
        """log p(y | λ, σ, δ) with its derivatives in λ, in log σ and in δ (c,)."""
        integrated, layout = self.integrated, self.responses.at(delta)
        value, by_lam, by_sigma = integrated.log_density(lam, log_sigma, layout)
        if not np.isfinite(value):
            return value, by_lam, by_sigma, np.zeros(len(delta))
        likelihood = integrated.likelihood
        omega = integrated.omega(np.array([log_sigma]), 1)
        q_head, q_tail, p = int(layout.u_start[-1]), layout.q_tail, likelihood.cross.p
        mode = np.zeros((1, q_head + q_tail + p))
        evaluate_many(layout, lam[None], integrated.ridge, omega, mode)
        residual = self.responses.gram[1:, 0] - self.responses.gram[1:, 1:] @ delta
        residual -= self.responses.tail[q_tail:].T @ mode[0, q_head + q_tail :]
        for g, u in enumerate(layout.by_group(mode[:, :q_head], mode[:, q_head:])):
            k = u.shape[2]
            b = u[0] @ lam[g, :k, :k].T
            residual -= [np.sum(cross.fixed[g][:, :, -1] * b) for cross in self.crosses]
        return value, by_lam, by_sigma, residual / omega[0]

    def draw(
        self,
        lam: np.ndarray,
        log_sigma: np.ndarray,
        delta: np.ndarray,
        rng: np.random.Generator,
        *,
        cores: int = 1,
    ) -> tuple[np.ndarray, ConditionalDraws]:
        """(S,) log densities, and one exact draw of b and of the other coefficients at each point."""
        return self.integrated.draw(
            lam, log_sigma, rng, cores=cores, layout_at=lambda s: self.responses.at(delta[s])
        )


def square(gram: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """(…) (y − Cδ)'(y − Cδ) from [y C]'[y C] (…, c + 1, c + 1)."""
    sides = np.concatenate([[1.0], -delta])
    return gram @ sides @ sides


def without_given(design: Design, X: np.ndarray, offset: np.ndarray) -> Design:
    """A design with another fixed part X (n, p) and offset (n,), for numerical work: columns have no names.

    Terms, weights and the response stay.
    """
    fixed = replace(design.fixed, names=tuple(map(str, range(X.shape[1]))), terms=())
    rows = replace(design.rows, fixed=ModelMatrix.of(X), offset=offset)
    return replace(design, fixed=fixed, rows=rows)
