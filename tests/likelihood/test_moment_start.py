"""Where a search begins: the moments' equations in dense matrices, and what their solution is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmm as bmm
from bayesmm.likelihood import MarginalLikelihood
from bayesmm.likelihood.moment_start import LEAST, moment_start
from tests.dense import DenseModel
from tests.designs import CASES, design


def dense_moments(likelihood: MarginalLikelihood) -> list[np.ndarray] | None:
    """Each term's Ψ in whitened coordinates, with E[rr'] = σ²V written out; None without a variance left."""
    built = likelihood.design
    dense, bases = DenseModel.of(built), likelihood.coordinates.bases
    root = np.sqrt(dense.weights)
    Z = [
        root[:, None, None] * np.einsum("nlk,kh->nlh", each.reshape(len(each), levels, k), np.linalg.inv(T))
        for each, levels, k, T in zip(dense.Z, dense.n_levels, dense.k, bases, strict=True)
    ]
    X = root[:, None] * dense.X
    y = root * dense.y
    r = y - X @ np.linalg.lstsq(X, y, rcond=None)[0] if dense.p else y
    pieces = [np.eye(dense.n)]
    entries = [
        (t, a, b)
        for t, (k, structure) in enumerate(zip(dense.k, likelihood.variances.structures, strict=True))
        for a in range(k)
        for b in range(a + 1)
        if a == b or structure.correlated
    ]
    for t, a, b in entries:
        one = Z[t][:, :, a] @ Z[t][:, :, b].T
        pieces.append(one if a == b else one + one.T)
    looks = [lambda V: np.trace(V)]
    for t, a, b in entries:
        looks.append(lambda V, left=Z[t][:, :, a], right=Z[t][:, :, b]: np.sum(left * (V @ right)))
    M = np.array([[look(V) for V in pieces] for look in looks])
    M[0, 0] = dense.n - dense.p
    sums = np.array([look(np.outer(r, r)) for look in looks])
    solved = np.linalg.lstsq(M, sums, rcond=1e-10)[0]
    if solved[0] <= 0:
        return None
    found = [np.zeros((k, k)) for k in dense.k]
    for (t, a, b), value in zip(entries, solved[1:] / solved[0], strict=True):
        found[t][a, b] = found[t][b, a] = value
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_start_solves_the_equations_written_out(name: str):
    likelihood = MarginalLikelihood(design(name))
    phi = moment_start(likelihood.cross, likelihood.variances, likelihood.natural)
    expected = dense_moments(likelihood)
    if expected is None:
        np.testing.assert_array_equal(phi, likelihood.variances.start)
        return
    for t, (lam, Psi) in enumerate(zip(likelihood.factors(phi), expected, strict=True)):
        structure = likelihood.variances.structures[t]
        if structure.name == "identity":
            Psi = np.trace(Psi) / len(Psi) * np.eye(len(Psi))
        values, vectors = np.linalg.eigh(Psi)
        least = (LEAST * likelihood.natural[likelihood.variances.slices[t].start]) ** 2
        kept = (vectors * np.maximum(values, least)) @ vectors.T
        np.testing.assert_allclose(lam @ lam.T, kept, rtol=1e-6, atol=1e-8 * np.abs(kept).max())


def test_in_large_data_it_is_all_but_the_estimate():
    rng = np.random.default_rng(4)
    levels, n = 2000, 20_000
    g, x = rng.integers(0, levels, n), rng.normal(size=n)
    b = rng.normal(size=(levels, 2)) @ np.array([[1.0, 0.3], [0.0, 0.5]])
    data = pd.DataFrame({"y": 1 + 2 * x + b[g, 0] + b[g, 1] * x + rng.normal(size=n), "x": x, "g": g})
    model = bmm.Model("y ~ x + (x | g)", data)
    start = model.likelihood.external(model.likelihood.moments)
    np.testing.assert_allclose(start, model.fit().theta, rtol=0.05, atol=0.02)


def test_it_is_inside_where_the_moments_are_not():
    """Groups that vary less than chance would have it."""
    rng = np.random.default_rng(7)
    data = pd.DataFrame({"g": np.repeat(np.arange(20), 5), "y": rng.normal(size=100)})
    data["y"] -= 0.9 * data.groupby("g")["y"].transform("mean")
    likelihood = bmm.Model("y ~ 1 + (1 | g)", data).likelihood
    assert likelihood.moments == pytest.approx(LEAST * likelihood.natural)
