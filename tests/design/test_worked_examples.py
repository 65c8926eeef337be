"""Designs that can be checked by eye: the worked examples of the literature, entry by entry."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesmm.datasets import load_data
from bayesmm.design import Design, build_design
from bayesmm.design.random_term import khatri_rao


def test_the_six_by_six_of_bates_et_al():
    """Bates, Mächler, Bolker & Walker 2015, section 2.3: three levels, two rows each, Xi = [1 ∓1]."""
    data = pd.DataFrame({"y": [3.0, 1, 4, 1, 5, 9], "x": [-1, 1] * 3, "g": [1, 1, 2, 2, 3, 3], "w": 1.0})
    # A correlated term would have as many effects as rows, which the design refuses; || has the same Z.
    term = build_design("y ~ 1 + (x || g)", data).terms[0]
    np.testing.assert_array_equal(term.Xi, [[1, -1], [1, 1], [1, -1], [1, 1], [1, -1], [1, 1]])
    np.testing.assert_array_equal(
        term.J.toarray(), [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]
    )
    Z = [
        [1, -1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [0, 0, 1, -1, 0, 0],
        [0, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, -1],
        [0, 0, 0, 0, 1, 1],
    ]
    np.testing.assert_array_equal(term.Z.toarray(), Z)
    np.testing.assert_array_equal(khatri_rao(term.factor.codes, term.Xi, 3).toarray(), Z)


def test_the_khatri_rao_product_is_the_row_wise_kronecker_product():
    rng = np.random.default_rng(8)
    codes, Xi = rng.integers(0, 5, 40), rng.normal(size=(40, 3))
    J = np.eye(5)[codes]
    np.testing.assert_array_equal(
        khatri_rao(codes, Xi, 5).toarray(), [np.kron(J[i], Xi[i]) for i in range(40)]
    )


def test_a_level_that_was_not_seen_has_a_row_of_zeros():
    Z = khatri_rao(np.array([1, -1, 0]), np.array([[1.0, 2], [3, 4], [5, 6]]), 2).toarray()
    np.testing.assert_array_equal(Z, [[0, 0, 1, 2], [0, 0, 0, 0], [5, 6, 0, 0]])


@pytest.fixture(scope="module")
def three_subjects() -> Design:
    sleep = load_data("sleepstudy")
    return build_design("Reaction ~ Days + (Days | Subject)", sleep[sleep["Subject"].isin([309, 330, 371])])


def test_the_transposed_z_of_three_sleepers_is_what_lme4_prints(three_subjects: Design):
    """Two rows a subject, intercept and Days, in blocks of ten days (columns)."""
    Zt = np.zeros((6, 30))
    for subject in range(3):
        Zt[2 * subject, 10 * subject : 10 * subject + 10] = 1
        Zt[2 * subject + 1, 10 * subject : 10 * subject + 10] = np.arange(10)
    np.testing.assert_array_equal(three_subjects.Z.toarray().T, Zt)
    assert three_subjects.Z.nnz == 60
    assert three_subjects.terms[0].levels.tolist() == [309, 330, 371]


def test_a_cluster_is_its_own_regression(three_subjects: Design):
    sleep = load_data("sleepstudy").query("Subject == 330")
    y, X, Z = three_subjects.cluster("Subject", 330)
    np.testing.assert_array_equal(y, sleep["Reaction"])
    np.testing.assert_array_equal(X, np.column_stack([np.ones(10), np.arange(10)]))
    np.testing.assert_array_equal(Z, X)


@pytest.mark.parametrize("label", [3, "three"])
def test_substituting_level_two_into_level_one_gives_each_cluster_its_rows(label: int | str):
    """y_ij = β0j + β1j X_ij, β0j = β00 + β01 M_j + u0j, β1j = β10 + β11 M_j + u1j."""
    rng = np.random.default_rng(4)
    labels = np.array([1, 2, 3] if label == 3 else ["one", "three", "two"])
    j = np.repeat([0, 1, 2], [4, 7, 5])
    M, x = rng.normal(size=3)[j], rng.normal(size=16)
    data = pd.DataFrame({"y": rng.normal(size=16), "X": x, "M": M, "g": labels[j]}).sample(
        frac=1.0, random_state=1
    )
    design = build_design("y ~ X * M + (X | g)", data)
    assert design.names == ("Intercept", "X", "M", "X:M")
    b00, b10, b01, b11 = beta = np.array([2.0, -1.0, 0.5, 0.25])
    u0, u1 = u = np.array([0.3, -0.7])
    for cluster in labels:
        rows = data[data["g"] == cluster]
        y, X, Z = design.cluster("g", cluster)
        np.testing.assert_array_equal(y, rows["y"])
        np.testing.assert_array_equal(
            X, np.column_stack([np.ones(len(rows)), rows["X"], rows["M"], rows["X"] * rows["M"]])
        )
        np.testing.assert_array_equal(Z, np.column_stack([np.ones(len(rows)), rows["X"]]))
        substituted = (b00 + b01 * rows["M"] + u0) + (b10 + b11 * rows["M"] + u1) * rows["X"]
        np.testing.assert_allclose(X @ beta + Z @ u, substituted, rtol=1e-13, atol=1e-13)


def test_the_whole_z_holds_the_terms_side_by_side_by_falling_number_of_levels():
    pastes = load_data("Pastes")
    design = build_design("strength ~ 1 + (1 | batch/cask)", pastes)
    assert [term.label for term in design.terms] == ["1 | batch:cask", "1 | batch"]
    np.testing.assert_array_equal(design.Z.toarray(), np.hstack([term.Z.toarray() for term in design.terms]))
    expected = pd.get_dummies(pastes["sample"]).to_numpy(float)
    np.testing.assert_array_equal(design.terms[0].Z.toarray(), expected)
    np.testing.assert_array_equal(
        design.terms[1].Z.toarray(), pd.get_dummies(pastes["batch"]).to_numpy(float)
    )
    assert (design.n, design.p, design.q) == (60, 1, 40)
