"""The patterns of a model's matrices: X, Z, Z'Z and the Cholesky factor of Λ'Z'ZΛ + I."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import FigureBase
from matplotlib.ticker import MaxNLocator
from scipy import sparse
from scipy.sparse.linalg import splu

from bayesmm.design import Design
from bayesmm.errors import ModelError
from bayesmm.estimate import Estimate
from bayesmm.model import MixedModel
from bayesmm.plots import style
from bayesmm.plots.canvas import panels
from bayesmm.posterior import Posterior
from bayesmm.posterior.posterior import model_of

CELLS = 300
"""Rows or columns up to which each entry has a place of its own; beyond, entries are counted in cells."""
FILLED = 6_000
"""Columns behind the first factor's up to which L is formed: it may be full there, 150 MB at this size."""
NAMED = 12
"""Columns up to which their names stand below."""
LINE = 26
"""Characters of such a name in a line."""


@dataclass(frozen=True, eq=False)
class _Block:
    """A run of columns with a name."""

    name: str
    width: int


def plot_matrices(model: MixedModel | Estimate | Posterior, *, ax: Any = None) -> FigureBase:
    """Draw the patterns of X, Z, Z'Z and L, with LL' = Λ'Z'ZΛ + I.

    Blue entries are positive, red ones negative, the darker the larger: the columns of X and Z relative to
    their largest entries, Z'Z and L to the roots of the diagonals of Z'Z and LL'. A matrix of more than 300
    rows or columns is counted in cells, and the shade is the share of a cell's entries that aren't zero, on a
    logarithmic scale. Λ is that of the estimate, or the identity if a model is given. L's columns are in the
    order of Z; where crossed factors could fill it beyond what a machine likes, it is left out and said so.

    Parameters
    ----------
    model
        A model, or ``model.fit()`` or ``model.sample()``; of a posterior its model counts.
    ax
        Four Axes.

    Raises
    ------
    ModelError
        If it is neither.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> model = bmm.Model("diameter ~ 1 + (1 | plate) + (1 | sample)", bmm.load_data("Penicillin"))
    >>> [ax.get_title().splitlines()[0] for ax in bmm.plots.plot_matrices(model).axes]
    ['X', 'Z', "Z'Z", 'L at Λ = I']
    """
    if isinstance(model, Posterior):
        model = model_of(model)
    if not isinstance(model, MixedModel | Estimate):
        raise ModelError(
            f"plot_matrices got a {type(model).__name__}",
            expected="a Model, an Estimate or a Posterior",
            advice="bayesmm.plots.plot_matrices(model)",
        )
    design = model.model.design if isinstance(model, Estimate) else model.design
    ratios, height = _sides(design)
    figure, axes = panels(ax, 4, (0.67 * sum(ratios), height), gridspec_kw={"width_ratios": ratios})
    Z = sparse.csc_array(design.Z)
    X = sparse.csc_array(design.X)
    blocks = [_Block(term.group, term.k * len(term.factor)) for term in design.terms]
    _draw(axes[0], _by_columns(X), "X", [_Block(name, 1) for name in design.names])
    _draw(axes[1], _by_columns(Z), "Z", blocks)
    cross = sparse.csc_array(Z.T @ Z)
    _draw(axes[2], _by_diagonal(cross, cross.diagonal()), "Z'Z", blocks, square=True)
    at = "at the estimate" if isinstance(model, Estimate) else "at Λ = I"
    if design.q - blocks[0].width > FILLED:
        axes[3].text(
            0.5,
            0.5,
            f"left out: up to {design.q - blocks[0].width:,}\nfull columns",
            ha="center",
            va="center",
            fontsize=style.TEXT,
            transform=axes[3].transAxes,
        )
        axes[3].set_axis_off()
        axes[3].set_title(f"L {at}", fontsize=style.TEXT)
        return figure
    scaled = Z @ relative_factor(design, model.theta) if isinstance(model, Estimate) else Z
    L = cholesky(sparse.csc_array(scaled.T @ scaled) + sparse.eye_array(design.q, format="csc"))
    _draw(axes[3], _by_diagonal(L, L.multiply(L).sum(axis=1), rows=True), f"L {at}", blocks, square=True)
    return figure


def _sides(design: Design) -> tuple[list[float], float]:
    """The widths of the four panels in proportion, and their height in inches, with room for the names."""
    names = [style.wrapped(name, LINE) for name in (*design.names, *(term.group for term in design.terms))]
    lines = max(name.count("\n") + 1 for name in names) if design.p <= NAMED else 1
    longest = max(len(line) for name in names for line in name.split("\n"))
    widths = [float(np.clip((0.12 + 0.06 * lines) * design.p, 0.5, 1.0 + 0.2 * lines)), 1.3, 1.3, 1.3]
    return widths, 3.9 + style.LETTER * style.SMALL / 72 * max(longest - 12, 0)


def relative_factor(design: Design, theta: np.ndarray) -> sparse.csc_array:
    """Λ (q, q) = ⊕ I ⊗ λ(θ), block-diagonal."""
    blocks, start = [], 0
    for term in design.terms:
        users = term.covariance.chart(np.eye(term.k))
        lam = users.factor(theta[None, start : start + users.size])[0]
        start += users.size
        blocks.append(sparse.kron(sparse.eye_array(len(term.factor)), sparse.csc_array(lam)))
    return sparse.csc_array(sparse.block_diag(blocks, format="csc"))


def cholesky(M: sparse.csc_array) -> sparse.csc_array:
    """The lower Cholesky factor of a sparse M ≻ 0 in its own order.

    It is SuperLU's factor without pivoting, M = L̃U with U = DL̃', and L = L̃√D.
    """
    factored = splu(
        sparse.csc_matrix(M), permc_spec="NATURAL", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    return sparse.csc_array(factored.L @ sparse.diags_array(np.sqrt(factored.U.diagonal())))


def _by_columns(matrix: sparse.csc_array) -> sparse.coo_array:
    """Each column relative to its largest entry."""
    largest = np.maximum(abs(matrix).max(axis=0).toarray().ravel(), 1e-300)
    return sparse.coo_array(matrix @ sparse.diags_array(1.0 / largest))


def _by_diagonal(matrix: sparse.csc_array, squares: np.ndarray, *, rows: bool = False) -> sparse.coo_array:
    """Rows and columns (or rows only) relative to the roots of ``squares``."""
    scale = sparse.diags_array(1.0 / np.sqrt(np.maximum(squares, 1e-300)))
    return sparse.coo_array(scale @ matrix if rows else scale @ matrix @ scale)


def _draw(
    ax: Axes, matrix: sparse.coo_array, title: str, blocks: list[_Block], *, square: bool = False
) -> None:
    n, q = matrix.shape
    matrix.eliminate_zeros()
    if max(n, q) <= CELLS:
        values = matrix.toarray()
        shade = np.where(values == 0, np.nan, np.sign(values) * (0.25 + 0.75 * np.abs(values)))
        options = {"cmap": style.SIGNED_MAP, "norm": Normalize(-1.3, 1.3)}
        shade = -shade  # red is the map's upper end
    else:
        bins = [np.linspace(-0.5, size - 0.5, min(size, CELLS) + 1) for size in (n, q)]
        counts, *_ = np.histogram2d(*matrix.coords, bins=bins)
        inside = np.outer(*(np.histogram(np.arange(m), at)[0] for m, at in zip((n, q), bins, strict=True)))
        shade = np.where(counts == 0, np.nan, counts / inside)
        options = {"cmap": style.COUNT_MAP, "norm": LogNorm(np.nanmin(shade) / 3, 1.0)}
    ax.imshow(
        shade,
        extent=(-0.5, q - 0.5, n - 0.5, -0.5),
        aspect="equal" if square else "auto",
        interpolation="nearest",
        **options,
    )
    share = 100 * matrix.nnz / (n * q)
    style.tidy(ax)
    ax.set_title(f"{title}\n{n:,} × {q:,}\n{share:.3g}% not zero", fontsize=style.TEXT)
    ax.spines[:].set_visible(True)
    ends = np.cumsum([block.width for block in blocks])
    if len(blocks) <= NAMED:
        centres = ends - 0.5 * np.array([block.width for block in blocks]) - 0.5
        across = style.characters(ax, style.SMALL)[0]
        level = all(len(block.name) <= across * block.width / q for block in blocks)
        names = [style.wrapped(block.name, LINE) for block in blocks]
        ax.set_xticks(centres, names, rotation=0 if level else 90)
        ax.tick_params(axis="x", length=0)
        for end in ends[:-1] if q > len(blocks) else ():
            ax.axvline(end - 0.5, color=style.FAINT, linewidth=0.6)
            if square:
                ax.axhline(end - 0.5, color=style.FAINT, linewidth=0.6)
    else:
        ax.set_xticks([])
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
