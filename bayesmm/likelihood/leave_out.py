"""log p(y_A | y_−A, λ, σ) of sets of rows A with β and b integrated out: leave-one-out without refits.

Given the variance parameters, y − offset ~ N(Xm₀, V) with V = ZGZ' + R + XP₀⁻¹X', and with Q = V⁻¹ and
e = Q(y − offset − Xm₀)

    y_A | y_−A ~ N(y_A − Q_AA⁻¹e_A, Q_AA⁻¹),
    log p(y_A | y_−A) = ½ log|Q_AA| − ½ e_A'Q_AA⁻¹e_A − (n_A/2) log 2π

(Rue & Held 2005, ch. 2; Sundararajan & Keerthi 2001 for single rows). The prior stays that of all the data.
Q_AA is never formed. Two ways lead to the same numbers:

- *Removal*: by Woodbury's identity all that is needed of Q_AA are small matrices on the columns that the
  rows A touch (:mod:`bayesmm.likelihood.removal`). Where these columns lie on the factor's pattern, for a
  single row and for a level of a factor in the head, one factorization and one inverse on the pattern do for
  all sets.
- *Deletion*: log p(y) − log p(y_−A), from the cross-product without the rows A; one factorization for each
  set. It is for the levels of factors in the tail, whose rows touch nodes all over the head.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import pairwise

import numpy as np

from bayesmm.blocks.cross_product import CrossProduct
from bayesmm.blocks.kernels.batch import evaluate_some
from bayesmm.blocks.layout import Layout, LayoutAt
from bayesmm.errors import ModelError
from bayesmm.likelihood.coordinates import cross_product_of
from bayesmm.likelihood.given import GivenCoefficients, Responses
from bayesmm.likelihood.given_sets import GivenCells, GivenSubtrees
from bayesmm.likelihood.integrated import IntegratedLikelihood
from bayesmm.likelihood.removal import LEAST, remove_rows, remove_subtrees
from bayesmm.likelihood.units import Cells, Subtrees, cells_of, subtree_sizes, subtrees_of
from bayesmm.parallel import one_thread

LARGEST = 4e9
"""Bytes that the cross-products of the sets may take."""
MOST_WORK = 3e12
"""Multiplications that one call may take: about an hour."""
PIECES = 8
"""Pieces of work for each thread, where someone wants to be told how far it is."""
FEW = 100
"""The fewest draws that are worth to be advised."""


class LeaveOut:
    """log p(y_A | y_−A, λ, σ) for all single rows, or for all levels of a grouping factor.

    Parameters
    ----------
    integrated
        The likelihood with β and b integrated out.
    unit
        The name of a grouping factor: each A is all rows of one level. None: each A is one row.
    given
        That of the same likelihood, if some coefficients are given at each point.

    Raises
    ------
    DataError
        If the design has no such grouping factor.
    ModelError
        If the cross-products of the sets don't fit into ``LARGEST`` bytes.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> from bayesmm.likelihood import IntegratedLikelihood
    >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
    >>> integrated = IntegratedLikelihood(model.likelihood, np.array([1500.0]), np.array([[1e-4]]))
    >>> at = model.likelihood.group_factors(model.likelihood.internal([0.85]))
    >>> LeaveOut(integrated, "Batch").log_densities(at[None], np.log([49.5])).round(2)
    array([[-28.32, -25.86, -26.5 , -29.02, -28.42, -26.58]])
    """

    def __init__(
        self,
        integrated: IntegratedLikelihood,
        unit: str | None = None,
        given: GivenCoefficients | None = None,
    ) -> None:
        self.integrated, self.given = integrated, given
        self.unit = unit
        likelihood = integrated.likelihood
        self._design, self._layout = likelihood.design, likelihood.layout
        names = [group.name for group in likelihood.cross.groups]
        self._removal: Cells | Subtrees | None = None
        if unit is None:
            self._codes = np.arange(self._design.n)
            self._removal = cells_of(self._design, likelihood.coordinates, self._layout)
        else:
            self._codes = self._design.terms_of(unit)[0].factor.codes
            g = names.index(unit)
            if g in self._layout.chain:
                h = self._layout.chain.index(g)
                self._check_memory(h)
                self._removal = subtrees_of(self._design, likelihood.coordinates, self._layout, h)
        self._others = None if given is None else self._of_given(given)
        self._change = self._change_of_variables()

    @property
    def n_units(self) -> int:
        """The number of sets."""
        return len(self._change)

    @property
    def work(self) -> float:
        """Multiplications for one point, roughly; what else a set takes is counted as so many of them."""
        flops = float(self._layout.flops)
        if isinstance(self._removal, Cells):
            t = self._removal.rows.shape[1] - 1
            return 3 * flops + 3.0 * t**2 * len(self._removal.node) + (0.5 * t**2 + 100) * self.n_units
        if isinstance(self._removal, Subtrees):
            t = np.sqrt(np.diff(self._removal.start)) - 1
            return 4 * flops + float(np.sum(1.2 * t**3 + 6.0 * t**2 + 1000))
        return flops * self.n_units

    def log_densities(
        self,
        lam: np.ndarray,
        log_sigma: np.ndarray,
        *,
        delta: np.ndarray | None = None,
        cores: int = 1,
        advance: Callable[[int], None] | None = None,
    ) -> np.ndarray:
        """(S, n_units) log p(y_A | y_−A, λ_s, σ_s), in the user's units.

        It is nan where it can't be computed, or no digits would be left: where the rows A alone tell of a
        coefficient whose prior is a million times as wide as σ.

        Parameters
        ----------
        lam
            (S, G, k_max, k_max) relative factors in the whitened coordinates.
        log_sigma
            (S,) log σ.
        delta
            (S, c) the coefficients that are given: log p(y_A | y_−A, λ, σ, δ).
        cores
            Threads to share the points.
        advance
            Is told of how many of the S · n_units densities have been computed since it was last told.

        Raises
        ------
        ModelError
            If it would take more than ``MOST_WORK`` multiplications.
        """
        lam = self.integrated.checked(lam, many=True)
        omega = self.integrated.omega(log_sigma, len(lam))
        self._check_work(len(lam) * self.work, len(lam))
        with one_thread():
            if self._removal is None:
                out = self._delete(lam, omega, delta, cores, advance or _tell_nobody)
            else:
                out = self._remove(self._removal, lam, omega, delta, cores, advance or _tell_nobody)
        return out + self._change

    def _remove(
        self,
        sets: Cells | Subtrees,
        lam: np.ndarray,
        omega: np.ndarray,
        delta: np.ndarray | None,
        cores: int,
        advance: Callable[[int], None],
    ) -> np.ndarray:
        out = np.empty((len(omega), self.n_units))
        kernel = remove_rows if isinstance(sets, Cells) else remove_subtrees

        def some(layout: Layout, sets: Cells | Subtrees, at: slice) -> None:
            kernel(layout, lam[at], self.integrated.ridge, omega[at], sets, out[at])

        def work(at: slice) -> None:
            if delta is None or self.given is None or self._others is None:
                some(self._layout, sets, at)
                return
            for s in range(at.start, at.stop):
                layout = self.given.responses.at(delta[s])
                some(layout, self._others.at(sets, delta[s]), slice(s, s + 1))

        _in_threads(work, len(omega), cores, lambda points: advance(points * self.n_units))
        return out

    def _delete(
        self,
        lam: np.ndarray,
        omega: np.ndarray,
        delta: np.ndarray | None,
        cores: int,
        advance: Callable[[int], None],
    ) -> np.ndarray:
        likelihood, out = self.integrated.likelihood, np.empty((len(omega), self.n_units))
        order = np.argsort(self._codes, kind="stable")
        start = np.searchsorted(self._codes[order], np.arange(self.n_units + 1))
        given = None if delta is None else self.given
        designs = [self._design, *(given.designs if given else ())]
        crosses = [likelihood.cross, *(given.crosses if given else ())]

        def densities(crosses: list[CrossProduct], rows: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
            if given is None or delta is None:
                layout = self._layout.filled(crosses[0])
                return self._log_densities(layout, crosses[0].n, lam, omega, cores, None)
            gone = given.rows[order[:0] if rows is None else rows]
            responses = Responses(self._layout, crosses, given.responses.gram - gone.T @ gone)
            return self._log_densities(
                responses.base, crosses[0].n, lam, omega, cores, lambda s: responses.at(delta[s])
            )

        whole, information = densities(crosses, None)
        for i in range(self.n_units):
            rows = order[start[i] : start[i + 1]]
            parts = [
                cross_product_of(design, likelihood.coordinates, rows, likelihood.pattern)
                for design in designs
            ]
            left_crosses = [cross - part for cross, part in zip(crosses, parts, strict=True)]
            rest, left = densities(left_crosses, rows)
            out[:, i] = np.where(left - information > np.log(LEAST), whole - rest, np.nan)
            advance(len(omega))
        return out

    def _log_densities(
        self,
        layout: Layout,
        n: int,
        lam: np.ndarray,
        omega: np.ndarray,
        cores: int,
        layout_at: LayoutAt | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """(S,) log p of the n whitened rows of a layout, and log|C|, C = X'V⁻¹X + ωP₀."""
        found, p = np.empty((len(omega), 3)), layout.cross.p

        def work(at: slice) -> None:
            found[at] = evaluate_some(layout, lam, self.integrated.ridge, omega, at, layout_at=layout_at)

        _in_threads(work, len(omega), cores)
        log_det_M, log_det_C, r2 = found.T
        constant = n * np.log(2 * np.pi) - self.integrated.log_det_prior
        value = constant + (n - p) * np.log(omega) + log_det_M + log_det_C + r2 / omega
        return -0.5 * value, log_det_C

    def _of_given(self, given: GivenCoefficients) -> GivenCells | GivenSubtrees | None:
        """What the sets are at other responses; None where they are left out by deletion."""
        if isinstance(self._removal, Cells):
            return GivenCells(given.rows[self._removal.order, 1:])
        if isinstance(self._removal, Subtrees):
            coordinates = self.integrated.likelihood.coordinates
            others = [
                subtrees_of(design, coordinates, self._layout, self._removal.h) for design in given.designs
            ]
            return GivenSubtrees.of(self._removal, others, given.rows, self._codes)
        return None

    def _change_of_variables(self) -> np.ndarray:
        """(n_units,) what the change from the whitened rows to y adds: Σ_A (½ log w − log s)."""
        weights = self._design.weights
        scale = self.integrated.likelihood.coordinates.scale
        each = np.full(self._design.n, -np.log(scale))
        if weights is not None:
            each += 0.5 * np.log(weights)
        return np.bincount(self._codes, weights=each)

    def _check_memory(self, h: int) -> None:
        needed = 8.0 * float(np.sum(subtree_sizes(self._layout, h).astype(float) ** 2))
        if needed > LARGEST:
            raise ModelError(
                f"leaving out the levels of '{self.unit}' takes {needed / 1e9:,.0f} GB: each of them occurs "
                "with many levels of the crossed factors",
                expected=f"at most {LARGEST / 1e9:,.0f} GB",
                advice="unit=None, which leaves out single rows",
            )

    def _check_work(self, work: float, points: int) -> None:
        if work > MOST_WORK:
            fewer = int(points * MOST_WORK / work)
            what = "single rows" if self.unit is None else f"the levels of '{self.unit}'"
            other = "single rows (unit=None) or another factor" if self.unit else "a smaller model"
            raise ModelError(
                f"leaving out {what} at {points:,} draws takes {work:,.0e} multiplications",
                expected=f"at most {MOST_WORK:,.0e}, about an hour",
                advice=f"draws={fewer}" if fewer >= FEW else other,
            )


def _in_threads(
    work: Callable[[slice], None], size: int, cores: int, advance: Callable[[int], None] | None = None
) -> None:
    """Call ``work`` on consecutive pieces of range(size), in threads; ``advance`` is told of each done."""
    threads = max(1, min(cores, size))
    count = threads if advance is None else min(size, PIECES * threads)
    ends = np.linspace(0, size, count + 1).astype(int)
    pieces = [slice(start, stop) for start, stop in pairwise(ends)]
    with ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as pool:
        for at, _ in zip(pieces, map(work, pieces) if pool is None else pool.map(work, pieces), strict=True):
            if advance is not None:
                advance(at.stop - at.start)


def _tell_nobody(done: int) -> None:
    pass
