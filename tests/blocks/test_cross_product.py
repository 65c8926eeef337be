"""[Z X y]'[Z X y] by blocks, in the coordinates of the numerical work, and in chunks of rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import solve_triangular

from bayesmm.blocks import CrossProduct
from bayesmm.design import build_design
from bayesmm.likelihood.coordinates import coordinates_of, cross_product_of, groups_of
from tests.designs import CASES, design

every_design = pytest.mark.parametrize("name", CASES)


def dense(cross: CrossProduct) -> np.ndarray:
    """The blocks put together: groups in order, level by level, then X and y."""
    starts = np.cumsum([0, *(group.n_levels * group.k for group in cross.groups)])
    whole = np.zeros((starts[-1] + cross.p + 1,) * 2)
    for g, group in enumerate(cross.groups):
        for level in range(group.n_levels):
            at = slice(starts[g] + level * group.k, starts[g] + (level + 1) * group.k)
            whole[at, at] = cross.diagonal[g][level]
            whole[at, starts[-1] :] = cross.fixed[g][level]
            whole[starts[-1] :, at] = cross.fixed[g][level].T
    for (g, h), pair in cross.pairs.items():
        k, m = cross.groups[g].k, cross.groups[h].k
        for row, column, block in zip(pair.rows, pair.columns, pair.values, strict=True):
            i, j = starts[g] + row * k, starts[h] + column * m
            whole[i : i + k, j : j + m] = block
            whole[j : j + m, i : i + k] = block.T
    whole[starts[-1] :, starts[-1] :] = cross.response
    return whole


@every_design
def test_the_blocks_are_those_of_the_cross_product_of_the_dense_matrices(name: str):
    d = design(name)
    c = coordinates_of(d)
    root = np.ones(d.n) if d.weights is None else np.sqrt(d.weights)
    offset = 0.0 if d.offset is None else d.offset
    columns = []
    for group in groups_of(d):
        factor = d.terms[group.terms[0]].factor
        Xi = np.hstack([np.linalg.solve(c.bases[t].T, d.terms[t].Xi.T).T for t in group.terms])
        columns.append((np.eye(len(factor))[factor.codes][:, :, None] * Xi[:, None, :]).reshape(d.n, -1))
    X = solve_triangular(c.R, d.X.T, trans="T").T if d.p else d.X
    y = (d.y - offset - d.X @ c.gamma) / c.scale
    A = root[:, None] * np.column_stack([*columns, X, y])
    expected = A.T @ A
    np.testing.assert_allclose(
        dense(cross_product_of(d, c)), expected, rtol=0, atol=1e-11 * np.abs(expected).max()
    )


@every_design
def test_cross_products_of_chunks_add_up_to_the_whole(name: str):
    d = design(name)
    c = coordinates_of(d)
    whole = cross_product_of(d, c)
    for cuts in ([0, 1, d.n], [0, d.n // 3, d.n // 2, d.n]):
        chunks = [cross_product_of(d, c, slice(a, b)) for a, b in pairwise(cuts)]
        total = chunks[0]
        for chunk in chunks[1:]:
            total = total + chunk
        assert (total.n, total.p, total.groups) == (whole.n, whole.p, whole.groups)
        np.testing.assert_allclose(dense(total), dense(whole), rtol=0, atol=1e-12 * d.n)
        for at, pair in whole.pairs.items():
            np.testing.assert_array_equal(
                np.lexsort((pair.columns, pair.rows)), np.arange(len(pair.rows)), err_msg="pairs in order"
            )
            np.testing.assert_array_equal(total.pairs[at].rows, pair.rows)
            np.testing.assert_array_equal(total.pairs[at].columns, pair.columns)


def test_cross_products_of_different_designs_do_not_add():
    one, other = design("nested"), design("crossed")
    with pytest.raises(ValueError, match="different designs"):
        cross_product_of(one, coordinates_of(one)) + cross_product_of(other, coordinates_of(other))


@every_design
def test_in_these_coordinates_everything_is_of_order_one(name: str):
    d = design(name)
    c = coordinates_of(d)
    cross = cross_product_of(d, c)
    np.testing.assert_allclose(cross.response[:-1, :-1], np.eye(d.p), rtol=0, atol=1e-10)
    np.testing.assert_allclose(cross.response[:-1, -1], 0.0, atol=1e-8)
    assert cross.response[-1, -1] == pytest.approx(d.n - d.p, rel=1e-10)
    for term, basis in zip(d.terms, c.bases, strict=True):
        assert np.all(np.diag(basis) > 0)
        assert basis.shape == (term.k, term.k)


def test_a_large_mean_costs_no_digits():
    """The same rows shifted by 1e6: the cross-product in these coordinates stays as it was."""
    rng = np.random.default_rng(5)
    x = rng.integers(0, 64, 80) / 64  # exact in binary, so that the shift loses nothing
    y = rng.integers(0, 1024, 80) / 1024
    data = pd.DataFrame({"x": x, "y": y, "g": np.repeat(range(8), 10)})
    crosses = []
    for shift in (0.0, 2.0**20):
        d = build_design("y ~ x + (1 | g)", data.assign(x=x + shift, y=y + shift))
        crosses.append(dense(cross_product_of(d, coordinates_of(d))))
    np.testing.assert_allclose(crosses[1], crosses[0], rtol=0, atol=1e-7)
