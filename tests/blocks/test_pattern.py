"""Pattern once, values often: sums, differences, products, refills against dense matrices and made anew."""

from __future__ import annotations

import numpy as np
import pytest

from bayesmm.blocks import CrossProduct, Factorization, Layout, combination, layout_of
from bayesmm.likelihood import MarginalLikelihood, Profiled
from bayesmm.likelihood.coordinates import coordinates_of, cross_product_of, pattern_of, whitened
from tests.blocks.test_cross_product import dense
from tests.designs import CASES, design
from tests.likelihood.points import points

every_design = pytest.mark.parametrize("name", CASES)


def parts(name: str, pieces: int = 3) -> list[CrossProduct]:
    """Cross-products of every third row, on the pattern of all rows."""
    d = design(name)
    coordinates, pattern = coordinates_of(d), pattern_of(d)
    rows = [np.arange(first, d.n, pieces) for first in range(pieces)]
    return [cross_product_of(d, coordinates, some, pattern) for some in rows]


@every_design
def test_some_rows_on_the_pattern_of_all_are_the_dense_cross_product_of_these_rows(name: str):
    d = design(name)
    coordinates, some = coordinates_of(d), np.arange(0, d.n, 2)
    found = cross_product_of(d, coordinates, some, pattern_of(d))
    rows = whitened(d.rows, coordinates, d.weights)
    blocks = []
    for group in found.groups:
        J = np.eye(group.n_levels)[d.terms[group.terms[0]].factor.codes]
        Xi = np.hstack([rows.Xi[t] for t in group.terms])
        blocks.append((J[:, :, None] * Xi[:, None, :]).reshape(d.n, -1))
    whole = np.column_stack([*blocks, rows.XY])[some]
    expected = whole.T @ whole
    np.testing.assert_allclose(dense(found), expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    assert found.n == len(some)


@every_design
def test_sums_differences_multiples_and_products_are_those_of_the_matrices(name: str):
    a, b, c = parts(name)
    A, B, C = map(dense, (a, b, c))
    size = np.abs(A + B + C).max()
    for found, expected in (
        (a + b, A + B),
        (a + b + c - b, A + C),
        (0.3 * a, 0.3 * A),
        (combination([0.3, -1.2, 2.0], [a, b, c]), 0.3 * A - 1.2 * B + 2.0 * C),
    ):
        np.testing.assert_allclose(dense(found), expected, rtol=0, atol=1e-13 * size)
    assert a.inner(b) == pytest.approx(np.trace(A @ B), rel=1e-12, abs=1e-12 * size**2)
    assert (a + b - b).n == a.n
    assert (0.3 * a).n == a.n


@every_design
def test_what_is_left_without_some_rows_is_the_cross_product_of_the_others(name: str):
    d = design(name)
    coordinates, pattern = coordinates_of(d), pattern_of(d)
    gone = np.arange(0, d.n, 4)
    whole = cross_product_of(d, coordinates, pattern=pattern)
    left = whole - cross_product_of(d, coordinates, gone, pattern)
    expected = cross_product_of(d, coordinates, np.setdiff1d(np.arange(d.n), gone), pattern)
    assert left.n == expected.n
    np.testing.assert_allclose(dense(left), dense(expected), rtol=0, atol=1e-12 * d.n)


def test_other_patterns_are_refused():
    d, other = design("crossed"), design("nested")
    one, another = (cross_product_of(each, coordinates_of(each)) for each in (d, other))
    few = cross_product_of(d, coordinates_of(d), slice(0, 3))
    for wrong in (another, few):
        for operation in (
            lambda a, b: a - b,
            lambda a, b: a.inner(b),
            lambda a, b: combination([1, 1], [a, b]),
        ):
            with pytest.raises(ValueError, match=r"one pattern|same pattern"):
                operation(one, wrong)
        with pytest.raises(ValueError, match="its own pattern"):
            layout_of(one).filled(wrong)
    with pytest.raises(ValueError, match="one pattern"):
        combination([], [])


def same_arrays(found: Layout, expected: Layout) -> None:
    for ours, theirs in zip((*found.head, *found.dense), (*expected.head, *expected.dense), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@every_design
def test_a_layout_filled_is_the_layout_made_anew(name: str):
    a, b, _ = parts(name)
    made = layout_of(a)
    before = [array.copy() for array in (*made.head, *made.dense)]
    filled = made.filled(b)
    same_arrays(filled, layout_of(b))
    for kept, now in zip(before, (*made.head, *made.dense), strict=True):
        np.testing.assert_array_equal(kept, now)
    assert filled.head.tail_columns is made.head.tail_columns
    groups, k = len(a.groups), made.k_max
    lam = np.zeros((groups, k, k))
    for g, group in enumerate(a.groups):
        lam[g, : group.k, : group.k] = 0.7 * np.eye(group.k)
    ours, theirs = Factorization(filled, lam), Factorization(layout_of(b), lam)
    assert (ours.log_det_M, ours.log_det_C, ours.r2) == (theirs.log_det_M, theirs.log_det_C, theirs.r2)


@every_design
def test_another_response_gives_the_likelihood_of_its_own_rows(name: str):
    d = design(name)
    y = d.y[::-1] + np.linspace(0.0, 1.0, d.n)
    first = MarginalLikelihood(d)
    _ = first.layout  # so that it is refilled
    found, expected = first.with_response(d.with_response(y)), MarginalLikelihood(d.with_response(y))
    for reml in (True, False):
        ours, theirs = Profiled(found, reml=reml), Profiled(expected, reml=reml)
        for phi in points(expected)[:3]:
            assert ours.value(phi) == pytest.approx(theirs.value(phi), rel=1e-11, abs=1e-9)
            gradients = (objective.value_and_gradient(phi)[1] for objective in (ours, theirs))
            np.testing.assert_allclose(*gradients, rtol=1e-8, atol=1e-7)
    whole = dense(expected.cross)
    np.testing.assert_allclose(dense(found.layout.cross), whole, rtol=0, atol=1e-10 * np.abs(whole).max())
    for ours, theirs in zip(found.cross.diagonal, first.cross.diagonal, strict=True):
        assert ours is theirs
    assert found.cross.pairs is first.cross.pairs
    assert found.pattern is first.pattern
