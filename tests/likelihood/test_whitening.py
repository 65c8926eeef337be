"""Weights are an argument of whitening: rows without any take those of a model that was given them."""

from __future__ import annotations

import numpy as np
import pytest

from bayesmm.datasets import load_data
from bayesmm.design import build_design
from bayesmm.likelihood.coordinates import choose_coordinates, coordinates_of, whitened

SOME = [slice(None), slice(3, 11), np.array([7, 2, 2])]


@pytest.fixture(scope="module")
def weights(sleep) -> np.ndarray:
    return np.random.default_rng(4).uniform(0.2, 3.0, len(sleep))


@pytest.fixture(scope="module")
def sleep():
    return load_data("sleepstudy")


@pytest.mark.parametrize("at", SOME, ids=["all", "some", "by place"])
def test_rows_are_whitened_by_the_weights_that_are_handed_over(sleep, weights: np.ndarray, at):
    formula = "Reaction ~ Days + (Days | Subject)"
    given = build_design(formula, sleep, weights=weights)
    plain = build_design(formula, sleep)
    structures = [term.covariance for term in plain.terms]
    ours, theirs = choose_coordinates(plain.rows, structures, weights), coordinates_of(given)
    np.testing.assert_array_equal(ours.R, theirs.R)
    np.testing.assert_array_equal(ours.gamma, theirs.gamma)
    assert (ours.scale, ours.sum_log_weights) == (theirs.scale, theirs.sum_log_weights)

    # By hand: √w times [X y] in the new coordinates, one row after the other.
    root = np.sqrt(weights)[at]
    X, y = plain.X[at], plain.y[at]
    found = whitened(plain.rows, ours, weights, at)
    np.testing.assert_allclose(found.XY[:, :-1], root[:, None] * np.linalg.solve(ours.R.T, X.T).T, rtol=1e-12)
    np.testing.assert_allclose(found.XY[:, -1], root * (y - X @ ours.gamma) / ours.scale, atol=1e-12)
    by_hand = np.linalg.solve(ours.bases[0].T, plain.terms[0].Xi[at].T).T
    np.testing.assert_allclose(found.Xi[0], root[:, None] * by_hand, rtol=1e-12)


def test_all_rows_alike_are_whitened_without_weights(sleep):
    rows = build_design("Reaction ~ Days + (1 | Subject)", sleep).rows
    structures = [term.covariance for term in build_design("Reaction ~ Days + (1 | Subject)", sleep).terms]
    ones = np.ones(len(rows))
    without, with_ones = (choose_coordinates(rows, structures, w) for w in (None, ones))
    np.testing.assert_allclose(with_ones.R, without.R, rtol=1e-14)
    np.testing.assert_allclose(
        whitened(rows, with_ones, ones).XY, whitened(rows, without, None).XY, rtol=0, atol=1e-13
    )
