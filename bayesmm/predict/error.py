"""The error of a point prediction: Var(x'β̂ + z'(b̂ − b)) at given variances.

(β̂, b̂ − b) has the covariance σ² times the inverse of the matrix of Henderson's mixed-model equations
(Henderson 1975; Robinson 1991, sec. 5.2). A level that was not fitted has b̂ = 0; its b either counts as zero
too, or adds its own variance xi'Gxi = σ²‖λ'xi‖². That the variances themselves are estimated is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import solve_triangular

from bayesmm.design import Rows
from bayesmm.likelihood import MarginalLikelihood
from bayesmm.parallel import one_thread

PIECE = 4_000_000
"""Numbers of rows that are worked on at a time (32 MB)."""


@one_thread()
def prediction_variance(
    likelihood: MarginalLikelihood,
    phi: np.ndarray,
    rows: Rows,
    factors: Sequence[np.ndarray],
    *,
    sigma: float,
    new_effects: bool,
) -> np.ndarray:
    """(m,) the variances of x'β̂ + z'(b̂ − b), in squared units of the response.

    Parameters
    ----------
    likelihood, phi
        The model's likelihood, and the parameters at which it is factored.
    rows
        m rows.
    factors
        λ (k, k) of each term at φ, in the user's units.
    sigma
        The residual standard deviation.
    new_effects
        Whether the variance of new levels' effects is added; without it they count as zero.

    Raises
    ------
    FloatingPointError
        If the factorization breaks down.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.design import build_design
    >>> from bayesmm.predict.rows import rows_of_design
    >>> design = build_design("Yield ~ 1 + (1 | Batch)", load_data("Dyestuff"))
    >>> rows = rows_of_design(design, include_random=False)
    >>> likelihood = MarginalLikelihood(design)
    >>> at = likelihood.internal([1.0])
    >>> variance = prediction_variance(likelihood, at, rows, [np.eye(1)], sigma=1.0, new_effects=False)
    >>> float(variance[0].round(12))  # (σ²/5 + σ²)/6 of the grand mean
    0.2
    """
    f = likelihood.factorization(phi)
    if not f.positive_definite:
        raise FloatingPointError("the factorization broke down")
    G, k = len(likelihood.cross.groups), likelihood.layout.k_max
    p = likelihood.cross.p
    out = np.empty(len(rows))
    back = solve_triangular(likelihood.coordinates.R, np.eye(p)) if p else np.zeros((0, 0))
    length = max(1, PIECE // (G * k + p + 1))
    for start in range(0, len(rows), length):
        at = slice(start, min(start + length, len(rows)))
        m = at.stop - at.start
        codes, a = np.full((G, m), -1, dtype=np.int64), np.zeros((G, m, k))
        extra = np.zeros(m)
        for t, (term, lam) in enumerate(zip(rows.terms, factors, strict=True)):
            if term is None:
                continue
            g, first = likelihood.place(t)
            codes[g] = term.fitted_codes[at]
            scaled = term.Xi[at] @ lam
            a[g, :, first : first + len(lam)] = scaled
            if new_effects:
                extra += np.where(codes[g] < 0, np.einsum("ij,ij->i", scaled, scaled), 0.0)
        out[at] = f.quadratic_forms(codes, a, rows.X[at] @ back) + extra
    return sigma**2 * out
