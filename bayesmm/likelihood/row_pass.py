"""Coordinates and cross-product of a design with one grouping factor, in two passes over the columns.

The columns are read where the data hold them (:mod:`bayesmm.design.sources`); neither X nor transformed rows
are formed. The first pass gives means and the centred Gram matrix, and with these the coordinates of
:mod:`bayesmm.likelihood.coordinates`: with Xc = [1, x − x̄] and R_c'R_c = Xc'WXc, R = R_c [1 x̄'; 0 I]. The
second forms, row by row in a tile, the residual r = y − Xγ and the terms' columns X̃i = Xi T⁻¹, and sums for
each level

    A_j = X̃i'WX̃i,   B_j = X̃i'W[Xc r]   →   Z'[X̃ ỹ] = B_j [R_c⁻¹ 0; 0 1/s].

Digits are kept as in the passes over transformed rows: r and X̃i are formed before anything is summed, and
Xc is centred. A column of Xi that is centred too is set right by a constant, Xi T⁻¹ = (Xi − 1m')T⁻¹ +
1(m'T⁻¹), and that constant is computed without rounding in between, because it is small where m is large.

Where the Gram matrix can't be trusted (:data:`TRUSTED`), the caller takes the way over transformed rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from scipy.linalg.lapack import dpotrf

from bayesmm.blocks.cross_product import CrossProduct
from bayesmm.blocks.kernels.row_sums import (
    CODES_AT,
    LONG_CODES_AT,
    NUMBERS_AT,
    ONES_AT,
    ROWS_OF_A_TILE,
    products,
    sums_of_levels,
    sums_of_runs,
)
from bayesmm.blocks.triangular import solve_triangular
from bayesmm.design.design import Design
from bayesmm.design.sources import INDICATOR, NUMBERS, ONES, Source
from bayesmm.likelihood.coordinates import (
    Coordinates,
    check_left,
    groups_of,
)

TRUSTED = 1e-3
"""The least pivot of a scaled Gram matrix from which on it is as good as the rows."""
SETTLED = 1e-8
"""What X may explain of the residual's sum of squares, relatively, after the first pass."""
PROVISIONAL = 512
"""Rows, spread over all, whose mean is taken off in the first pass."""
KINDS = {NUMBERS: NUMBERS_AT, ONES: ONES_AT}


def one_pass(design: Design, weights: np.ndarray | None) -> tuple[Coordinates, CrossProduct] | None:
    """The coordinates and the cross-product; None if the columns of X are all but dependent.

    ``weights`` (n,) are those by whose root the rows count; None for all alike.

    Cost: two passes over the rows, of c²/2 and k(k + 1)/2 + k(p + 1) + c multiplications a row, and kp² for
    each level.

    Raises
    ------
    DataError
        If X explains the response exactly, so that nothing is left to model.
    """
    table = _Table.of(design, weights)
    moments = _Moments.of(table)
    R = _triangle(moments.gram[np.ix_(table.x, table.x)])
    if R is None:
        return None
    gamma = solve_triangular(R, solve_triangular(R, moments.gram[table.x, -1], transposed=True))
    bases = tuple(
        term.covariance.basis(moments.raw(at) / table.n)
        for term, at in zip(design.terms, table.xi, strict=True)
    )
    c, k = table.c, table.k
    rows, columns = np.tril_indices(k)
    own = np.column_stack([rows, columns]) + c
    beside = np.array([(c + a, b) for a in range(k) for b in (*table.x, c - 1)]).reshape(-1, 2)
    weighted = _weights(table, moments, gamma, bases)
    sums, total = _level_sums(design, table, moments, weighted, np.concatenate([own, beside]))
    place = np.zeros((k, k), dtype=np.int64)
    place[rows, columns] = place[columns, rows] = np.arange(len(rows))
    A, B = sums[place], sums[len(rows) :].reshape(k, -1, sums.shape[1])
    left = _left(table, moments, R, total)
    if left is None:
        return None
    scale, beside_y = left

    p = len(gamma)
    whiten = np.zeros((p + 1, p + 1))
    whiten[:p, :p], whiten[p, p] = solve_triangular(R, np.eye(p)), 1.0 / scale
    response = np.eye(p + 1)
    response[p] = response[:, p] = beside_y
    cross = CrossProduct(
        groups=groups_of(design),
        n=table.n,
        p=p,
        diagonal=(A.transpose(2, 0, 1),),
        fixed=(np.matmul(whiten.T, B).transpose(2, 0, 1),),
        pairs={},
        response=response,
    )
    if p:
        # R [1 x̄'; 0 I]; means are zero, the first one's too, if nothing is centred
        R[0] += R[0, 0] * moments.means[table.x]
    log_weights = 0.0 if weights is None else float(np.sum(np.log(weights)))
    gamma = _about_zero(gamma, table, moments)
    return Coordinates(R, gamma, scale, bases, table.n, log_weights), cross


def response_pass(
    design: Design, weights: np.ndarray | None, coordinates: Coordinates
) -> tuple[Coordinates, np.ndarray, np.ndarray] | None:
    """For another response of a design in one-pass coordinates: its coordinates, and its column alone.

    Cost: of the second pass over the rows only k multiplications a row and not k(k + 1)/2 + k(p + 1).

    Returns
    -------
    coordinates, effects, fixed
        With new γ and s; Z'ỹ (ℓ, k); X̃'ỹ and then ỹ'ỹ (p + 1,). None as for :func:`one_pass`.

    Raises
    ------
    DataError
        If X explains the response exactly.
    """
    table = _Table.of(design, weights)
    moments = _Moments.of(table)
    R = _triangle(moments.gram[np.ix_(table.x, table.x)])
    if R is None:
        return None
    gamma = solve_triangular(R, solve_triangular(R, moments.gram[table.x, -1], transposed=True))
    pairs = np.array([(table.c + a, table.c - 1) for a in range(table.k)])
    weighted = _weights(table, moments, gamma, coordinates.bases)
    sums, total = _level_sums(design, table, moments, weighted, pairs)
    left = _left(table, moments, R, total)
    if left is None:
        return None
    scale, fixed = left
    changed = replace(coordinates, gamma=_about_zero(gamma, table, moments), scale=scale)
    return changed, sums.T / scale, fixed


def _left(
    table: _Table, moments: _Moments, R: np.ndarray, total: np.ndarray
) -> tuple[float, np.ndarray] | None:
    """s, and X̃'ỹ and ỹ'ỹ (p + 1,), of [X r]'r among all columns (c,); None if r isn't all that is left."""
    explained = solve_triangular(R, total[table.x], transposed=True)
    if not explained @ explained <= SETTLED * total[-1]:
        return None
    scale = float(np.sqrt((total[-1] - explained @ explained) / (table.n - len(explained))))
    check_left(scale, float(np.sqrt(moments.raw(np.array([table.c - 1]))[0, 0] / table.n)))
    return scale, np.append(explained / scale, total[-1] / scale**2)


def _about_zero(gamma: np.ndarray, table: _Table, moments: _Moments) -> np.ndarray:
    """γ (p,) for the columns as they are, of that for centred ones."""
    if len(gamma) == 0:
        return gamma
    found = gamma.copy()
    found[0] += moments.means[-1] - moments.means[table.x] @ gamma
    return found


@dataclass(frozen=True, eq=False)
class _Table:
    """The distinct columns of X and of the terms, y last.

    Attributes
    ----------
    columns
        (c, 3) as compiled code reads them.
    sources
        (c,) whose arrays hold what is at the addresses.
    x, xi
        Where the columns of X, and those of each term, are among them.
    root
        √w (n,); empty for none.
    """

    columns: np.ndarray
    sources: tuple[Source, ...]
    x: np.ndarray
    xi: tuple[np.ndarray, ...]
    root: np.ndarray
    n: int

    @classmethod
    def of(cls, design: Design, weights: np.ndarray | None) -> _Table:
        found: list[Source] = []

        def places(sources: Sequence[Source]) -> np.ndarray:
            at = []
            for source in sources:
                same = next((i for i, other in enumerate(found) if source.is_same(other)), len(found))
                if same == len(found):
                    found.append(source)
                at.append(same)
            return np.array(at, dtype=np.int64)

        x, xi = places(design.sources), tuple(places(term.sources) for term in design.terms)
        y = design.y if design.offset is None else design.y - design.offset
        found.append(Source(NUMBERS, np.ascontiguousarray(y, dtype=float)))
        columns = np.empty((len(found), 3), dtype=np.int64)
        for row, source in zip(columns, found, strict=True):
            short = source.kind == INDICATOR and source.array.dtype == np.int8
            row[:] = (
                KINDS.get(source.kind, CODES_AT if short else LONG_CODES_AT),
                source.array.ctypes.data,
                source.level,
            )
        root = np.empty(0) if weights is None else np.sqrt(weights)
        return cls(columns, tuple(found), x, xi, root, len(y))

    @property
    def c(self) -> int:
        return len(self.sources)

    @property
    def k(self) -> int:
        """The number of columns of all terms."""
        return sum(map(len, self.xi))

    @property
    def is_ones(self) -> np.ndarray:
        """(c,) of bool."""
        return self.columns[:, 0] == ONES_AT

    @property
    def root_at(self) -> int:
        """The address of √w, or 0."""
        return self.root.ctypes.data if len(self.root) else 0


@dataclass(frozen=True, eq=False)
class _Moments:
    """Weighted means (c,) and the Gram matrix (c, c) about them; about zero, if X doesn't begin with ones.

    The mean of the ones is told as zero: they aren't centred, and products with them are.
    """

    means: np.ndarray
    gram: np.ndarray
    one: int | None

    @classmethod
    def of(cls, table: _Table) -> _Moments:
        c, n, is_ones = table.c, table.n, table.is_ones
        centred = len(table.x) > 0 and bool(is_ones[table.x[0]])
        shift, gram = np.zeros(c), np.zeros((c, c))
        if centred:
            step = max(1, n // PROVISIONAL)
            for a in np.flatnonzero(~is_ones):
                source = table.sources[a]
                some = source.array[::step]
                shift[a] = np.mean(some == source.level if source.kind == INDICATOR else some)
        products(table.columns, c, shift, table.root_at, 0, n, np.empty(c * ROWS_OF_A_TILE), gram)
        gram = np.tril(gram) + np.tril(gram, -1).T
        if not centred:
            return cls(shift, gram, None)
        one = int(table.x[0])
        beyond = np.where(is_ones, 0.0, gram[one] / gram[one, one])
        gram = gram - gram[one, one] * np.outer(beyond, beyond)
        gram[one, ~is_ones] = gram[~is_ones, one] = 0.0
        return cls(shift + beyond, gram, one)

    def raw(self, at: np.ndarray) -> np.ndarray:
        """The Gram matrix of the columns ``at`` as they are."""
        if self.one is None:
            return self.gram[np.ix_(at, at)]
        level = self.means.copy()
        level[self.one] = 1.0
        inner = self.gram[np.ix_(at, at)] * ((at != self.one)[:, None] & (at != self.one))
        return inner + self.gram[self.one, self.one] * np.outer(level[at], level[at])


def _triangle(gram: np.ndarray) -> np.ndarray | None:
    """R, upper triangular, R'R = gram; None if it is all but singular."""
    length = np.sqrt(gram.diagonal())
    if not len(length):
        return gram
    if not length.min() > 0.0:
        return None
    R, failed = dpotrf(gram / (length[:, None] * length), lower=0)
    return None if failed or R.diagonal().min() < TRUSTED else R * length


def _weights(table: _Table, moments: _Moments, gamma: np.ndarray, bases: Sequence[np.ndarray]) -> np.ndarray:
    """What compiled code makes of the centred columns: y's residual, and the terms' columns Xi T⁻¹."""
    c = table.c
    residual = np.zeros(c)
    residual[table.x] = gamma
    rows = [residual]
    for at, basis in zip(table.xi, bases, strict=True):
        inverse = solve_triangular(basis, np.eye(len(basis)), lower=True)
        for a in range(len(basis)):
            row = np.zeros(c + 1)
            row[at] = inverse[:, a]
            if moments.one is not None:
                exact = sum(
                    Fraction(1.0 if b == moments.one else moments.means[b]) * Fraction(weight)
                    for b, weight in zip(at.tolist(), inverse[:, a].tolist(), strict=True)
                )
                row[moments.one], row[c] = 0.0, float(exact)
            rows.append(row)
    return np.concatenate(rows)


def _level_sums(
    design: Design, table: _Table, moments: _Moments, weights: np.ndarray, pairs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sums (m, ℓ) over each level's rows of the products of m pairs of columns; and [X r]'r among all (c,).

    ``pairs`` (m, 2) counts the columns of Xi T⁻¹ from c on; X is centred and not whitened.
    """
    factor, c, k, m = design.terms[0].factor, table.c, table.k, len(pairs)
    levels, pairs = len(factor), np.ascontiguousarray(pairs, dtype=np.int64)
    total, arguments = np.zeros(c), (moments.means, weights, table.root_at, pairs)
    starts = factor.starts
    if starts is not None:
        sums = np.empty((m, levels))
        tile = np.zeros((c + k) * ROWS_OF_A_TILE + m)
        sizes = np.array([c, k, m, 0, levels, levels])
        sums_of_runs(table.columns, sizes, *arguments, starts, tile, sums, total)
        return sums, total
    by_level = np.zeros((levels, m))
    tile = np.empty((c + k + m) * ROWS_OF_A_TILE)
    sizes, codes = np.array([c, k, m]), np.ascontiguousarray(factor.codes)
    sums_of_levels(table.columns, sizes, *arguments, codes, table.n, tile, by_level, total)
    return np.ascontiguousarray(by_level.T), total
