"""The variance parameters of all terms in every form they have, and the ways between the forms.

| form | what it is | who uses it |
|---|---|---|
| φ (d,) | the charts' coordinates, of order one | searches |
| λ̃ = Tλ | relative factors in whitened coordinates | the factorization |
| λ | relative factors in the user's units, Cov(b_j) = σ²λλ' | solutions, draws of b |
| θ (d,) | φ in the user's units; lme4's θ where λ is linear in it | estimates, files |
| s, r | standard deviations (k,) and shape parameters of the correlation | priors, the sampler |

    s, r, σ → λ = diag(s/σ) L(r) → λ̃ = Tλ ↔ φ ↔ θ,    G = σ²λλ' → sds and correlations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesmm.blocks.cross_product import CrossProduct
from bayesmm.blocks.triangular import solve_triangular
from bayesmm.covariance import Chart, Covariance
from bayesmm.errors import ModelError


class Variances:
    """The charts of a design's terms side by side.

    Parameters
    ----------
    structures, bases
        Of each term: its covariance structure, and T (k, k).
    labels
        Of each term, for errors.
    cross
        Which terms make up which group of columns.
    """

    def __init__(
        self,
        structures: Sequence[Covariance],
        bases: Sequence[np.ndarray],
        labels: Sequence[str],
        cross: CrossProduct,
    ) -> None:
        self.structures = tuple(structures)
        self.charts: tuple[Chart, ...] = tuple(
            structure.chart(basis) for structure, basis in zip(structures, bases, strict=True)
        )
        ends = np.cumsum([chart.size for chart in self.charts])
        self.slices = tuple(
            slice(int(end) - chart.size, int(end)) for end, chart in zip(ends, self.charts, strict=True)
        )
        self._labels = tuple(labels)
        self._place = {
            t: (g, start)
            for g, group in enumerate(cross.groups)
            for t, start in zip(group.terms, group.starts, strict=True)
        }
        self._groups = len(cross.groups)
        self._k_max = max((group.k for group in cross.groups), default=0)

    @property
    def size(self) -> int:
        """d, the number of parameters."""
        return self.slices[-1].stop

    @property
    def blocks(self) -> list[tuple[slice, Chart]]:
        """For each term, where its parameters lie and their chart."""
        return list(zip(self.slices, self.charts, strict=True))

    @property
    def nonnegative(self) -> np.ndarray:
        """(d,) of bool: bounded below by zero, with everything smooth across it."""
        return np.concatenate([chart.nonnegative for chart in self.charts])

    @property
    def lower(self) -> np.ndarray:
        """(d,) lower bounds, zeros among them."""
        return np.concatenate([chart.lower for chart in self.charts])

    @property
    def walls(self) -> np.ndarray:
        """(d,) the lower bounds beyond which nothing is defined."""
        return np.where(self.nonnegative, -np.inf, self.lower)

    @property
    def upper(self) -> np.ndarray:
        """(d,) upper bounds."""
        return np.concatenate([chart.upper for chart in self.charts])

    @property
    def start(self) -> np.ndarray:
        """(d,) φ with every relative factor the identity, or what is nearest to it."""
        return np.concatenate([chart.start for chart in self.charts])

    def place(self, term: int) -> tuple[int, int]:
        """The group of a term, and where its columns begin there."""
        return self._place[term]

    def checked(self, parameters: np.ndarray, *, many: bool = False) -> np.ndarray:
        """Parameters (d,), or (S, d) if there are many, as floats.

        Raises
        ------
        ModelError
            If they have another shape, or aren't numbers.
        """
        try:
            found = np.asarray(parameters, dtype=float)
        except (TypeError, ValueError):
            raise self._wrong(f"the parameters are {parameters!r}") from None
        if found.ndim != 1 + many or found.shape[-1] != self.size:
            raise self._wrong(f"the parameters have the shape {found.shape}")
        return found

    def factors(self, phi: np.ndarray) -> tuple[np.ndarray, ...]:
        """φ (d,) → each term's λ̃ (k, k)."""
        phi = self.checked(phi)
        return tuple(chart.factor(phi[None, at])[0] for at, chart in self.blocks)

    def external_factors(self, phi: np.ndarray) -> tuple[np.ndarray, ...]:
        """φ (d,) → each term's λ (k, k)."""
        return tuple(
            solve_triangular(chart.basis, lam, lower=True)
            for chart, lam in zip(self.charts, self.factors(phi), strict=True)
        )

    def whitened(self, factors: Sequence[np.ndarray]) -> np.ndarray:
        """Each term's λ (S, k, k) → the groups' λ̃ (S, G, k_max, k_max)."""
        lam = np.zeros((len(factors[0]), self._groups, self._k_max, self._k_max))
        for t, (chart, factor) in enumerate(zip(self.charts, factors, strict=True)):
            g, start = self._place[t]
            own = slice(start, start + chart.k)
            lam[:, g, own, own] = chart.basis @ factor
        return lam

    def unwhitened(self, lam: np.ndarray) -> list[np.ndarray]:
        """The groups' λ̃ (S, G, k_max, k_max) → each term's λ (S, k, k)."""
        return [
            np.linalg.inv(chart.basis) @ own
            for chart, own in zip(self.charts, self.by_term(lam), strict=True)
        ]

    def internal_many(self, factors: Sequence[np.ndarray]) -> np.ndarray:
        """Each term's λ (S, k, k), of its structure → φ (S, d)."""
        return np.hstack(
            [chart.parameters(chart.basis @ lam) for lam, chart in zip(factors, self.charts, strict=True)]
        )

    def theta(self, phi: np.ndarray) -> np.ndarray:
        """φ (d,) → θ (d,)."""
        phi = self.checked(phi)
        return np.concatenate([chart.theta(phi[None, at])[0] for at, chart in self.blocks])

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """θ (d,) → φ (d,)."""
        theta = self.checked(theta)
        return np.concatenate([chart.phi(theta[None, at])[0] for at, chart in self.blocks])

    def reported(self, phi: np.ndarray) -> list[np.ndarray]:
        """φ (d,) → what each term's structure tells of its correlation (m,); missing where nothing varies."""
        phi = self.checked(phi)
        return [chart.reported(phi[None, at])[0] for at, chart in self.blocks]

    def group_factors_many(self, phi: np.ndarray) -> np.ndarray:
        """φ (S, d) → the groups' λ̃ (S, G, k_max, k_max), the terms' blocks on their diagonals."""
        phi = self.checked(phi, many=True)
        if len(self.charts) == 1:
            return self.charts[0].factor(phi)[:, None]
        lam = np.zeros((len(phi), self._groups, self._k_max, self._k_max))
        for t, (at, chart) in enumerate(self.blocks):
            g, start = self._place[t]
            own = slice(start, start + chart.k)
            lam[:, g, own, own] = chart.factor(phi[:, at])
        return lam

    def by_term(self, by_group: np.ndarray) -> list[np.ndarray]:
        """Groups' blocks (…, G, k_max, k_max) → those of the terms (…, k, k)."""
        found = []
        for t, chart in enumerate(self.charts):
            g, start = self._place[t]
            own = slice(start, start + chart.k)
            found.append(by_group[..., g, own, own])
        return found

    def pull_back(self, phi: np.ndarray, by_group: np.ndarray) -> np.ndarray:
        """Gradients in the groups' λ̃ (G, k_max, k_max), at φ (d,) → (d,)."""
        return self.pull_back_many(self.checked(phi)[None], by_group[None])[0]

    def pull_back_many(self, phi: np.ndarray, by_group: np.ndarray) -> np.ndarray:
        """(S, G, k_max, k_max), at φ (S, d) → (S, d)."""
        blocks = zip(self.blocks, self.by_term(by_group), strict=True)
        return np.hstack([chart.pull_back(phi[:, at], gradient) for (at, chart), gradient in blocks])

    def _wrong(self, got: str) -> ModelError:
        terms = zip(self._labels, self.charts, strict=True)
        parts = ", ".join(f"{chart.size} for ({label})" for label, chart in terms)
        return ModelError(
            got,
            expected=f"{self.size} numbers: {parts}; at many points, a row of them for each",
            advice="model.fit().theta, which has them in this order",
        )


def sds_and_correlations(G: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariance matrices (…, k, k) → standard deviations (…, k) and correlations (…, k, k).

    A correlation with an effect that doesn't vary is missing (NaN).

    Examples
    --------
    >>> sd, R = sds_and_correlations(np.array([[4.0, 3.0], [3.0, 9.0]]))
    >>> sd, float(R[0, 1])
    (array([2., 3.]), 0.5)
    """
    sd = np.sqrt(np.einsum("...ii->...i", G))
    product = sd[..., :, None] * sd[..., None, :]
    R = np.divide(G, product, out=np.full(G.shape, np.nan), where=product > 0)
    return sd, R
