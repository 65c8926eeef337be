"""Where a search begins: variances from the moments of the levels' sums, which are linear in them.

With r the residuals of least squares, b_gj = Z_gj'r and N_gj,hl = Z_gj'Z_hl, and with E[rr'] taken for σ²V,

    E[Σ_j b_gj b_gj'] = σ²ΣA_gj + Σ_h Σ_jl N_gj,hl (σ²Ψ_h) N_gj,hl'
    E[r'r]            = σ²(n − p) + Σ_h tr(ΣA_h σ²Ψ_h):

as many linear equations as there are variances and covariances, from sums that the cross-product has. In
large data the solution is all but the estimate; in small data it knows at least the sizes.
"""

from __future__ import annotations

import numpy as np

from bayesmm.blocks.cross_product import CrossProduct
from bayesmm.covariance.chart import Chart
from bayesmm.covariance.linear import Linear
from bayesmm.likelihood.variances import Variances

LEAST = 0.03
"""The least relative sd of a start, in natural scales: at zero a search would not find it."""


def moment_start(cross: CrossProduct, variances: Variances, natural: np.ndarray) -> np.ndarray:
    """φ (d,) of the moments' Ψ = λ̃λ̃'; every relative factor the identity if the moments say nothing.

    Cost: one pass over the levels of each factor, and over the observed pairs of levels.

    Parameters
    ----------
    natural
        (d,) in whose units variances are kept off zero.
    """
    entries = _entries(variances)
    equations, sums = _equations(cross, entries)
    solved = np.linalg.lstsq(equations, sums, rcond=1e-10)[0]  # what can't be told apart is shared out evenly
    if not solved[0] > 0.0:
        return variances.start
    phi = variances.start.copy()
    psi = {(t, *at): value for (t, _, *at), value in zip(entries, solved[1:] / solved[0], strict=True)}
    for t, (own, chart) in enumerate(variances.blocks):
        Psi = np.zeros((chart.k, chart.k))
        for a in range(chart.k):
            for b in range(a + 1):
                Psi[a, b] = Psi[b, a] = psi.get((t, a, b), 0.0)
        least = (LEAST * natural[own.start]) ** 2
        phi[own] = _parameters(chart, np.array(variances.structures[t].sds), Psi, least)
    return phi


def _entries(variances: Variances) -> list[tuple[int, int, int, int]]:
    """(term, its first column in its group, row, column) of what isn't zero in the terms' Ψ."""
    return [
        (t, variances.place(t)[1], a, b)
        for t, chart in enumerate(variances.charts)
        for a in range(chart.k)
        for b in range(a + 1)
        if a == b or variances.structures[t].correlated
    ]


def _equations(
    cross: CrossProduct, entries: list[tuple[int, int, int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    """The matrix and the right-hand side, first of r'r and σ², then of all entries."""
    group_of = {t: g for g, group in enumerate(cross.groups) for t in group.terms}
    places = [(group_of[t], start + a, start + b) for t, start, a, b in entries]
    total = [A.sum(axis=0) for A in cross.diagonal]
    products = {(g, g): _products(A) for g, A in enumerate(cross.diagonal)}
    for (g, h), pair in cross.pairs.items():
        products[g, h] = _products(pair.values)
        products[h, g] = products[g, h].transpose(1, 0, 3, 2)
    b = [F[:, :, -1] for F in cross.fixed]
    squares = [each.T @ each for each in b]
    M, right = np.empty((len(places) + 1, len(places) + 1)), np.empty(len(places) + 1)
    M[0, 0], right[0] = cross.n - cross.p, cross.response[-1, -1]
    for i, (g, e, f) in enumerate(places, start=1):
        twice = 1.0 if e == f else 2.0
        M[i, 0], M[0, i], right[i] = total[g][e, f], twice * total[g][e, f], squares[g][e, f]
        for j, (h, c, d) in enumerate(places, start=1):
            N = products[g, h]
            M[i, j] = N[e, c, f, d] if c == d else N[e, c, f, d] + N[e, d, f, c]
    return M, right


def _products(N: np.ndarray) -> np.ndarray:
    """(k_g, k_h, k_g, k_h) Σ N_ea N_fb over blocks N (m, k_g, k_h)."""
    flat = N.reshape(len(N), -1)
    return (flat.T @ flat).reshape(*N.shape[1:], *N.shape[1:])


def _parameters(chart: Chart, sds: np.ndarray, Psi: np.ndarray, least: float) -> np.ndarray:
    """φ of one term for Ψ, of the structure as far as sds go, and with no eigenvalue below ``least``."""
    if not isinstance(chart, Linear):  # correlations begin where the structure says
        return np.where(chart.nonnegative, np.sqrt(max(np.diag(Psi).mean(), least)), chart.start)
    if Psi[~np.eye(len(Psi), dtype=bool)].any():
        values, vectors = np.linalg.eigh(Psi)
        lam = np.linalg.cholesky((vectors * np.maximum(values, least)) @ vectors.T)
    else:
        variance = np.maximum([np.diag(Psi)[sds == owner].mean() for owner in sds], least)
        lam = np.diag(np.sqrt(variance))
    return chart.parameters(lam[None])[0]
