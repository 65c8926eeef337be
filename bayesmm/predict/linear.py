"""The linear predictor, (draws, rows), piece by piece so that nothing larger is held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bayesmm.design import Rows
from bayesmm.errors import ModelError

LARGEST = 6e9
"""Bytes that an array of predictions may take."""
PIECE = 4_000_000
"""Numbers that are worked on at a time (32 MB)."""


def check_size(draws: int, rows: int, *, thin: bool) -> None:
    """Refuse an array of predictions that is too large.

    Parameters
    ----------
    thin
        Whether the caller can thin the draws.

    Raises
    ------
    ModelError
        If (draws, rows) numbers take more than ``LARGEST`` bytes.

    Examples
    --------
    >>> check_size(4000, 1000, thin=True)
    """
    needed = 8.0 * draws * rows
    if needed > LARGEST:
        times = int(np.ceil(needed / LARGEST))
        few = f"thin={times}" if thin else f"draws={draws // times}"
        raise ModelError(
            f"predictions of {draws:,} draws for {rows:,} rows take {needed / 1e9:,.1f} GB",
            expected=f"at most {LARGEST / 1e9:,.0f} GB",
            advice=f"{few}, or fewer rows at a time",
        )


def draw_pieces(draws: int, width: int) -> Iterator[slice]:
    """Cut draws into pieces of at most ``PIECE`` numbers, ``width`` of them a draw.

    Examples
    --------
    >>> [at.stop for at in draw_pieces(5, 2_000_000)]
    [2, 4, 5]
    """
    length = max(1, PIECE // max(width, 1))
    for start in range(0, draws, length):
        yield slice(start, min(start + length, draws))


def linear_predictor(
    rows: Rows, beta: np.ndarray, effects: Sequence[np.ndarray | None], out: np.ndarray | None = None
) -> np.ndarray:
    """η (S, m) with η_s = Xβ_s + offset + Σ_t Xi_t b_st[codes_t].

    Parameters
    ----------
    rows
        m rows.
    beta
        (S, p) draws of the coefficients.
    effects
        For each term (S, ℓ, k) draws of its effects, new levels after the fitted ones; what stands where
        ``rows.terms`` has None isn't looked at.
    out
        (S, m) to write to.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.design import build_design
    >>> from bayesmm.predict.rows import rows_of_design
    >>> rows = rows_of_design(build_design("Yield ~ 1 + (1 | Batch)", load_data("Dyestuff")))
    >>> linear_predictor(rows, np.array([[1500.0]]), [np.arange(6.0).reshape(1, 6, 1)])[0, ::5].tolist()
    [1500.0, 1501.0, 1502.0, 1503.0, 1504.0, 1505.0]
    """
    out = np.matmul(beta, rows.X.T, out=out)
    if rows.offset is not None:
        out += rows.offset
    for term, b in zip(rows.terms, effects, strict=True):
        if term is None or b is None:
            continue
        for j, x in enumerate(term.Xi.T):
            part = np.take(b[:, :, j], term.places, axis=1)
            out += part if (x == 1).all() else part * x
    return out
