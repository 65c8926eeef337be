"""The pictures of X, Z, Z'Z and L show those matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import bayesmm as bmm
from bayesmm.plots import matrices, plot_matrices
from tests.dense import row_by_row
from tests.fits import fit_of


def dense_parts(fit: bmm.Estimate) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """X, Z, Z'Z and L, by dense algebra, with λ from the estimate's covariances."""
    design = fit.model.design
    Z = np.hstack([row_by_row(t.factor.codes, t.Xi, len(t.factor)) for t in design.terms])
    V = Z.copy()
    at = 0
    for term, G in zip(design.terms, fit.covariances, strict=True):
        lam = np.linalg.cholesky(G.to_numpy() / fit.sigma**2)
        width = term.k * len(term.factor)
        V[:, at : at + width] = Z[:, at : at + width] @ np.kron(np.eye(len(term.factor)), lam)
        at += width
    return design.X, Z, Z.T @ Z, np.linalg.cholesky(V.T @ V + np.eye(at))


@pytest.mark.parametrize("name", ["sleep", "penicillin", "machines", "dyestuff"])
def test_shaded_cells_are_the_entries_that_arent_zero(name: str):
    fit = fit_of(name)
    figure = plot_matrices(fit)
    for ax, matrix in zip(figure.axes, dense_parts(fit), strict=True):
        shown = ax.images[0].get_array()
        np.testing.assert_array_equal(
            ~np.ma.getmaskarray(np.ma.masked_invalid(shown)), np.abs(matrix) > 1e-12
        )
        share = 100 * np.mean(np.abs(matrix) > 1e-12)
        rows, columns = matrix.shape
        assert ax.get_title().splitlines()[1:] == [f"{rows} × {columns}", f"{share:.3g}% not zero"]


def test_blue_is_positive_and_red_negative():
    fit = fit_of("penicillin")
    ax = plot_matrices(fit).axes[3]
    shown, L = ax.images[0], dense_parts(fit)[3]
    rgba = shown.cmap(shown.norm(shown.get_array()))
    negative, positive = L < -1e-9, L > 1e-9
    assert negative.any()
    assert (rgba[negative, 0] > rgba[negative, 2]).all()
    assert (rgba[positive, 2] > rgba[positive, 0]).all()


@pytest.mark.parametrize("name", ["sleep", "penicillin", "machines"])
def test_the_sparse_factor_is_the_dense_one(name: str):
    fit = fit_of(name)
    Z = fit.model.design.Z @ matrices.relative_factor(fit.model.design, fit.theta)
    M = sparse.csc_array(Z.T @ Z + sparse.eye_array(Z.shape[1]))
    np.testing.assert_allclose(matrices.cholesky(M).toarray(), dense_parts(fit)[3], atol=1e-10)


def test_large_matrices_are_counted_in_cells():
    fit = fit_of("chem_nested")
    axes = plot_matrices(fit).axes
    Z = fit.model.design.Z
    for ax, nonzero in ((axes[1], Z.nnz), (axes[2], (Z.T @ Z).nnz)):
        image = np.ma.masked_invalid(ax.images[0].get_array())
        assert image.shape == (300, 300)
        n, q = (Z.shape[0] if ax is axes[1] else Z.shape[1]), Z.shape[1]
        cells = np.outer(*(np.histogram(np.arange(m), np.linspace(-0.5, m - 0.5, 301))[0] for m in (n, q)))
        assert np.ma.sum(image * cells) == pytest.approx(nonzero)
        assert image.max() <= 1


def test_a_model_has_its_factor_at_the_identity():
    model = fit_of("dyestuff").model
    ax = plot_matrices(model).axes[3]
    assert ax.get_title().startswith("L at Λ = I")
    assert plot_matrices(fit_of("dyestuff")).axes[3].get_title().startswith("L at the estimate")


def test_a_factor_that_would_be_full_is_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(matrices, "FILLED", 5)
    ax = plot_matrices(fit_of("penicillin")).axes[3]
    assert not ax.images
    assert "left out" in ax.texts[0].get_text()


def test_names_of_the_blocks_stand_below():
    axes = plot_matrices(fit_of("penicillin")).axes
    assert [t.get_text() for t in axes[1].get_xticklabels()] == ["plate", "sample"]
    assert [t.get_text() for t in plot_matrices(fit_of("sleep")).axes[0].get_xticklabels()] == [
        "Intercept",
        "Days",
    ]
