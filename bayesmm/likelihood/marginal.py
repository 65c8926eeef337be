"""What the exact marginal likelihoods of a Gaussian mixed model are computed from.

A design's cross-product in whitened coordinates, its factorization at any relative factors, and the forms
of the variance parameters: θ in the user's units, and φ, the same in the coordinates of
:mod:`bayesmm.likelihood.coordinates`, where all are of order one. :mod:`bayesmm.likelihood.profiled` makes
the criteria of ML and REML of it, :mod:`bayesmm.likelihood.integrated` the density that a posterior needs.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from bayesmm.blocks.alike import closed_form
from bayesmm.blocks.describe import check_memory
from bayesmm.blocks.factorization import COMPILED, Factorization
from bayesmm.blocks.kernels.batch import evaluate_points
from bayesmm.blocks.kernels.routine import prepare
from bayesmm.blocks.layout import Layout
from bayesmm.blocks.order import layout_of
from bayesmm.blocks.pattern import Pattern
from bayesmm.design.design import Design
from bayesmm.likelihood.coordinates import (
    coordinates_of,
    cross_product_of,
    of_response,
    pattern_of,
    whitened,
)
from bayesmm.likelihood.moment_start import moment_start
from bayesmm.likelihood.row_pass import one_pass, response_pass
from bayesmm.likelihood.variances import Variances
from bayesmm.parallel import one_thread

FEW_ROWS = 20_000
"""Rows up to which another response of one grouping factor goes by matrices, which are quicker there."""


class MarginalLikelihood:
    """The likelihood of a design's variance parameters, as far as no criterion is chosen.

    Parameters
    ----------
    design
        y, X and Z; their cross-product is formed once, here.
    """

    @one_thread()
    def __init__(self, design: Design) -> None:
        self.design = design
        found = one_pass(design, design.weights) if len(design.factors) == 1 else None
        if found is None:
            coordinates = coordinates_of(design)
            found = coordinates, cross_product_of(design, coordinates, pattern=self.pattern)
        self.coordinates, self.cross = found
        self.one_factor = closed_form(self.cross)
        if self.one_factor is None:
            _ = self.layout  # whether there is memory for it is told at once
        terms = design.terms
        self.variances = Variances(
            [term.covariance for term in terms],
            self.coordinates.bases,
            [term.label for term in terms],
            self.cross,
        )

    def __repr__(self) -> str:
        return (
            f"MarginalLikelihood({str(self.design.formula)!r}: {self.design.n} rows, {self.size} parameters)"
        )

    @one_thread()
    def with_response(self, design: Design) -> MarginalLikelihood:
        """The likelihood of the same design with another response, :meth:`Design.with_response`.

        Nothing is formed but y's column of the cross-product: pattern, order of elimination and all values of
        X and Z are shared. Its parameters φ are those of this one.

        Raises
        ------
        DataError
            If X explains the response exactly.
        """
        found = None
        if len(design.factors) == 1 and design.n > FEW_ROWS:
            found = response_pass(design, design.weights, self.coordinates)
        if found is not None:
            coordinates, effects, fixed = found
            cross = self.cross.with_response([effects], fixed)
        else:
            coordinates = of_response(self.coordinates, design.rows, design.weights)
            rows = whitened(design.rows, coordinates, design.weights)
            cross = self.cross.with_response(*self.pattern.column(rows))
        other = object.__new__(type(self))  # what else is kept belongs to the old response
        other.design, other.coordinates, other.cross = design, coordinates, cross
        other.variances = self.variances
        other.one_factor = closed_form(cross)
        if "pattern" in self.__dict__:
            other.__dict__["pattern"] = self.pattern
        if "layout" in self.__dict__:
            other.__dict__["layout"] = self.layout.filled(cross)
        return other

    @cached_property
    def pattern(self) -> Pattern:
        """Which levels of the grouping factors occur together, and where each row's values go."""
        return pattern_of(self.design)

    @cached_property
    def layout(self) -> Layout:
        """The order of elimination; with one grouping factor only what goes beyond the criterion needs it."""
        layout = layout_of(self.cross)
        check_memory(layout)
        prepare(*COMPILED, evaluate_points)
        return layout

    @cached_property
    def flops(self) -> int:
        """Multiplications of one factorization of the general kind."""
        if self.one_factor is None:
            return self.layout.flops
        c = self.cross.p + 1
        return self.one_factor.levels * (self.one_factor.k * c * (c + 1) // 2) + c**3 // 6

    @property
    def size(self) -> int:
        """d, the number of variance parameters besides σ."""
        return self.variances.size

    @property
    def nonnegative(self) -> np.ndarray:
        """(d,) of bool: the parameters bounded below by zero, across which all is smooth."""
        return self.variances.nonnegative

    @cached_property
    def natural(self) -> np.ndarray:
        """(d,) changes that m rows a level can tell from none: of relative sds of the order 1/√m, by term."""
        units = [np.sqrt(len(term.factor) / self.cross.n) for term in self.design.terms]
        charts = zip(self.variances.charts, units, strict=True)
        return np.concatenate([chart.natural(unit) for chart, unit in charts])

    @property
    def start(self) -> np.ndarray:
        """(d,) φ with every relative factor the identity, or what is nearest to it."""
        return self.variances.start

    @cached_property
    def moments(self) -> np.ndarray:
        """(d,) φ where a search may begin: what moments say of the variances."""
        return moment_start(self.cross, self.variances, self.natural)

    def internal(self, theta: np.ndarray) -> np.ndarray:
        """θ → φ."""
        return self.variances.phi(theta)

    def external(self, phi: np.ndarray) -> np.ndarray:
        """φ → θ."""
        return self.variances.theta(phi)

    def factors(self, phi: np.ndarray) -> tuple[np.ndarray, ...]:
        """φ (d,) → each term's lower-triangular λ̃ (k, k)."""
        return self.variances.factors(phi)

    def external_factors(self, phi: np.ndarray) -> tuple[np.ndarray, ...]:
        """φ (d,) → each term's lower-triangular λ (k, k), in the user's units."""
        return self.variances.external_factors(phi)

    @one_thread()
    def factorization(self, phi: np.ndarray, ridge: np.ndarray | None = None) -> Factorization:
        """The factorization at φ, with a Gaussian prior on β if one is given (as in ``Factorization``)."""
        return Factorization(self.layout, self.group_factors(phi), ridge)

    @one_thread()
    def log_r2_gradient(self, phi: np.ndarray) -> np.ndarray:
        """(d,) ∂ log r²/∂φ: how the profiled log σ̂² moves with the other parameters."""
        f = self.factorization(phi)
        with_r2 = f.gradient(1.0 / f.r2, with_fixed=False)
        return self.variances.pull_back(phi, with_r2 - f.gradient(0.0, with_fixed=False))

    @one_thread()
    def effects(self, phi: np.ndarray) -> tuple[np.ndarray, ...]:
        """(ℓ, k) for each term: the conditional modes b̂ = E[b | y] at φ, in the user's units."""
        f = self.factorization(phi)
        if not f.positive_definite:
            raise FloatingPointError("the factorization broke down")
        by_group, found = f.effects(*f.solve()), []
        for t, lam in enumerate(self.external_factors(phi)):
            g, start = self.variances.place(t)
            found.append(self.coordinates.scale * by_group[g][:, start : start + len(lam)] @ lam.T)
        for array in found:
            array.flags.writeable = False
        return tuple(found)

    @one_thread()
    def conditional_covariances(self, phi: np.ndarray, *, sigma: float) -> tuple[np.ndarray, ...]:
        """(ℓ, k, k) for each term: Var(b_j | y, β, θ, σ) = σ²λP_jjλ', as lme4's ``condVar``."""
        blocks = self.factorization(phi).inverse_blocks()
        covariances = []
        for t, lam in enumerate(self.external_factors(phi)):
            g, start = self.variances.place(t)
            at = slice(start, start + len(lam))
            covariances.append(sigma**2 * lam @ blocks[g][:, at, at] @ lam.T)
        return tuple(covariances)

    def group_factors(self, phi: np.ndarray) -> np.ndarray:
        """φ (d,) → the groups' relative factors (G, k_max, k_max), the terms' blocks on their diagonals."""
        return self.group_factors_many(self.variances.checked(phi)[None])[0]

    def group_factors_many(self, phi: np.ndarray) -> np.ndarray:
        """(S, d) → (S, G, k_max, k_max)."""
        return self.variances.group_factors_many(phi)

    def place(self, term: int) -> tuple[int, int]:
        """The group of a term, and where its columns begin there."""
        return self.variances.place(term)
