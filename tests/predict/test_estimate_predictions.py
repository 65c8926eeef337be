"""Point predictions, and their errors against the dense inverse of the mixed-model equations."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats

import bayesmm as bmm
from bayesmm.errors import DataError, ModelError
from bayesmm.predict import error
from tests.dense import DenseModel, row_by_row
from tests.designs import CASES, simulated
from tests.predict.made_up import model_of

every_design = pytest.mark.parametrize("name", CASES)


@cache
def fit_of(name: str) -> bmm.Estimate:
    return model_of(name).fit()


@pytest.fixture(scope="module")
def sleep() -> bmm.Estimate:
    return bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy")).fit()


@pytest.fixture(scope="module")
def nested() -> bmm.Estimate:
    """A chain of two factors crossed with a third, slopes, weights, offsets; no variance is zero."""
    data, rng = simulated(), np.random.default_rng(7)
    a, h = (pd.factorize(data[name])[0] for name in ("a", "h"))
    data["y"] += rng.normal(size=(6, 3))[a, data["b"]] * 2 + rng.normal(size=5)[h]
    data["y"] += 4 * rng.normal(size=6)[a] + rng.normal(size=6)[a] * data["x"] + data["z"] + data["o"]
    fit = bmm.Model("y ~ x + offset(z) + (x | a) + (1 | a:b) + (1 | h)", data, weights="w", offset="o").fit()
    assert not fit.singular
    return fit


def error_covariance(fit: bmm.Estimate) -> np.ndarray:
    """σ² times the inverse of Henderson's matrix in (b, β): Cov(b̂ − b, β̂). G must not be singular."""
    dense = DenseModel.of(fit.model.design)
    Z, W = np.hstack(dense.Z), np.diag(dense.weights)
    G = linalg.block_diag(
        *(np.kron(np.eye(m), C.to_numpy()) for C, m in zip(fit.covariances, dense.n_levels, strict=True))
    )
    A = np.hstack([Z, dense.X])
    H = A.T @ W @ A / fit.sigma**2
    H[: Z.shape[1], : Z.shape[1]] += np.linalg.inv(G)
    return np.linalg.inv(H)


def error_covariance_by_conditioning(fit: bmm.Estimate) -> np.ndarray:
    """The same without G⁻¹, for singular G too: from the law of y, b̂ = GZ'V⁻¹(y − Xβ̂)."""
    dense = DenseModel.of(fit.model.design)
    Z, X = np.hstack(dense.Z), dense.X
    G = linalg.block_diag(
        *(np.kron(np.eye(m), C.to_numpy()) for C, m in zip(fit.covariances, dense.n_levels, strict=True))
    )
    V = Z @ G @ Z.T + fit.sigma**2 * np.diag(1 / dense.weights)
    Vi = np.linalg.inv(V)
    C = np.linalg.inv(X.T @ Vi @ X) if dense.p else np.zeros((0, 0))
    gain = G @ Z.T @ Vi
    cross = -gain @ X @ C
    return np.block([[G - gain @ Z @ G + gain @ X @ C @ X.T @ gain.T, cross], [cross.T, C]])


@every_design
def test_the_fitted_rows(name: str):
    fit = fit_of(name)
    dense = DenseModel.of(fit.model.design)
    rows = np.hstack([*dense.Z, dense.X])
    variance = np.einsum("ij,jk,ik->i", rows, error_covariance_by_conditioning(fit), rows)
    table = fit.predict()
    assert table.columns.tolist() == ["mean", "se", "lower", "upper"]
    np.testing.assert_allclose(table["mean"], fit.fitted, rtol=1e-12)
    np.testing.assert_allclose(table["se"], np.sqrt(variance), rtol=1e-9)
    if not fit.singular:
        variance = np.einsum("ij,jk,ik->i", rows, error_covariance(fit), rows)
        np.testing.assert_allclose(table["se"], np.sqrt(variance), rtol=1e-7)


@every_design
def test_the_populations_line(name: str):
    fit = fit_of(name)
    X = fit.model.design.X
    table = fit.predict(include_random=False)
    offset = 0.0 if fit.model.design.offset is None else fit.model.design.offset
    np.testing.assert_allclose(table["mean"], X @ fit.beta + offset, rtol=1e-12)
    expected = np.sqrt(np.einsum("ij,jk,ik->i", X, fit.vcov, X))
    np.testing.assert_allclose(table["se"], expected, rtol=1e-9, atol=1e-12)


def new_rows() -> pd.DataFrame:
    """Known and new levels in every combination that counts; a and b that never met, too."""
    data = simulated()
    together = set(zip(data["a"], data["b"], strict=True))
    assert (3, 1) in together
    rows = [
        (3, 1, "u", 0.5),
        (3, 1, "new", 0.5),
        (3, 77, "u", -1.0),
        (99, 1, "u", 2.0),
        (99, 1, "new", 2.0),
        (98, 2, "new", 2.0),
    ]
    return pd.DataFrame(rows, columns=["a", "b", "h", "x"]).assign(z=0.3, w=2.0, o=1.0)


@pytest.mark.parametrize("new_levels", ["population", "sample"])
@pytest.mark.parametrize("kind", ["mean", "response"])
def test_new_rows(nested: bmm.Estimate, new_levels: str, kind: str, monkeypatch):
    monkeypatch.setattr(error, "PIECE", 20)
    design, new = nested.model.design, new_rows()
    table = nested.predict(new, new_levels=new_levels, kind=kind, weights="w", offset="o")
    X = np.column_stack([np.ones(len(new)), new["x"]])
    parts, extra = [], np.zeros(len(new))
    for term, G in zip(design.terms, nested.covariances, strict=True):
        Xi = X if term.k == 2 else X[:, :1]
        known = {level: code for code, level in enumerate(term.levels)}
        labels = list(zip(new["a"], new["b"], strict=True)) if term.group == "a:b" else list(new[term.group])
        codes = np.array([known.get(label, -1) for label in labels])
        Z = row_by_row(np.maximum(codes, 0), Xi, len(term.factor))
        Z[codes < 0] = 0.0
        parts.append(Z)
        extra += np.where(codes < 0, np.einsum("ij,jk,ik->i", Xi, G, Xi), 0.0)
    rows = np.hstack([*parts, X])
    variance = np.einsum("ij,jk,ik->i", rows, error_covariance_by_conditioning(nested), rows)
    if new_levels == "sample":
        variance += extra
    if kind == "response":
        variance += nested.sigma**2 / 2.0
    b = np.concatenate([nested.ranef[t.group][list(t.columns)].to_numpy().ravel() for t in design.terms])
    mean = X @ nested.beta + np.hstack(parts) @ b + 1.3
    np.testing.assert_allclose(table["mean"], mean, rtol=1e-10)
    np.testing.assert_allclose(table["se"], np.sqrt(variance), rtol=1e-9)
    np.testing.assert_allclose(table["upper"] - table["mean"], 1.959963985 * table["se"], rtol=1e-8)
    np.testing.assert_allclose(table["mean"] - table["lower"], 1.959963985 * table["se"], rtol=1e-8)


def test_a_level_under_another_ancestor_than_it_was_fitted_under():
    """sample A1 lies in batch A; a new row may say otherwise, and both errors count."""
    fit = fit_of("implicitly nested")
    design = fit.model.design
    new = pd.DataFrame({"sample": ["A:a", "A:a"], "batch": ["A", "C"]})
    table = fit.predict(new)
    parts = []
    for term in design.terms:
        codes = np.array([list(term.levels).index(label) for label in new[term.group]])
        parts.append(row_by_row(codes, np.ones((2, 1)), len(term.factor)))
    rows = np.hstack([*parts, np.ones((2, 1))])
    variance = np.einsum("ij,jk,ik->i", rows, error_covariance_by_conditioning(fit), rows)
    np.testing.assert_allclose(table["se"], np.sqrt(variance), rtol=1e-9)
    assert table["se"].iloc[1] > table["se"].iloc[0]


def test_a_singular_fit():
    """A variance of zero: nothing is added for the effects, and new levels have none either."""
    fit = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff2")).fit()
    assert fit.singular
    own, new = fit.predict(), fit.predict({"Batch": ["new"]}, new_levels="sample")
    np.testing.assert_allclose(own["se"], fit.se["Intercept"], rtol=1e-9)
    np.testing.assert_allclose(new["se"], fit.se["Intercept"], rtol=1e-9)


def test_repeated_sampling(sleep: bmm.Estimate):
    """The errors of predictions of b̂ and β̂ at known variances, over simulated responses, have the sd told."""
    design, rng, S = sleep.model.design, np.random.default_rng(6), 4000
    Z, X = design.Z.toarray(), design.X
    G = np.kron(np.eye(18), sleep.covariances[0])
    b = rng.multivariate_normal(np.zeros(36), G, size=S, method="cholesky")
    y = b @ Z.T + sleep.sigma * rng.normal(size=(S, design.n))
    V = Z @ G @ Z.T + sleep.sigma**2 * np.eye(design.n)
    Vi = np.linalg.inv(V)
    beta = np.linalg.solve(X.T @ Vi @ X, X.T @ Vi @ y.T)
    fitted = X @ beta + Z @ G @ Z.T @ Vi @ (y.T - X @ beta)
    z = (fitted - Z @ b.T) / sleep.predict()["se"].to_numpy()[:, None]
    for row in (0, 95, 179):
        assert stats.kstest(z[row], stats.norm.cdf).pvalue > 1e-3


# The table


def test_the_index_is_that_of_the_data(sleep: bmm.Estimate):
    new = bmm.load_data("sleepstudy").iloc[[5, 3]].set_index(pd.Index(["p", "q"]))
    untouched = new.copy(deep=True)
    table = sleep.predict(new)
    assert table.index.tolist() == ["p", "q"]
    pd.testing.assert_frame_equal(new, untouched)
    dropped = bmm.load_data("sleepstudy").astype({"Days": float})
    dropped.loc[7, "Days"] = np.nan
    fit = bmm.Model("Reaction ~ Days + (1 | Subject)", dropped).fit()
    assert fit.predict().index.equals(fit.model.design.index)
    assert 7 not in fit.predict().index


def test_one_row_is_predicted_as_among_others(sleep: bmm.Estimate):
    data = bmm.load_data("sleepstudy")
    pd.testing.assert_frame_equal(sleep.predict(data.iloc[[42]]), sleep.predict().iloc[[42]], rtol=1e-12)
    without = data.iloc[[42]].drop(columns="Reaction")
    pd.testing.assert_frame_equal(sleep.predict(without), sleep.predict(data.iloc[[42]]))


def test_categories_in_another_order_change_nothing():
    data = bmm.load_data("Machines")
    fit = bmm.Model("score ~ Machine + (Machine | Worker)", data).fit()
    other = data.assign(Machine=pd.Categorical(data["Machine"].astype(str), ["z", "C", "A", "B"]))
    pd.testing.assert_frame_equal(fit.predict(other), fit.predict(), rtol=1e-12)


def test_the_probability_of_the_intervals(sleep: bmm.Estimate):
    table = sleep.predict(prob=0.5)
    half = stats.norm.ppf(0.75) * table["se"]
    np.testing.assert_allclose(table["upper"], table["mean"] + half)
    np.testing.assert_allclose(table["lower"], table["mean"] - half)
    assert table.attrs["prob"] == 0.5


def test_the_table_says_what_is_in_the_errors_and_what_is_not(sleep: bmm.Estimate):
    new = {"Days": [1], "Subject": [1]}
    every = [
        sleep.predict(),
        sleep.predict(kind="response"),
        sleep.predict(include_random=False),
        sleep.predict(new, new_levels="sample"),
        sleep.predict(new, new_levels="population"),
    ]
    told = [table.attrs["se_includes"] for table in every]
    assert all("not the uncertainty of the variance parameters" in text for text in told)
    assert ["residual variance" in text for text in told] == [False, True, False, False, False]
    assert ["random effects" in text for text in told] == [True, True, False, True, True]
    assert ["new levels' effects" in text for text in told] == [False, False, False, True, False]
    assert "uncertainty is not in it" in (bmm.Estimate.predict.__doc__ or "")


def test_the_fit_does_not_change(sleep: bmm.Estimate):
    before = sleep.criterion, sleep.ranef_sd["Subject"].copy()
    sleep.predict({"Days": [1], "Subject": [1]}, new_levels="sample")
    assert sleep.criterion == before[0]
    pd.testing.assert_frame_equal(sleep.ranef_sd["Subject"], before[1])


def test_what_cannot_be(sleep: bmm.Estimate, nested: bmm.Estimate):
    days = {"Days": [1], "Subject": [308]}
    with pytest.raises(ModelError, match="kind is 'draws'"):
        sleep.predict(days, kind="draws")
    with pytest.raises(ModelError, match="new_levels is 'zero'"):
        sleep.predict(new_levels="zero")
    for prob in (0, 1, 95, True, "0.9"):
        with pytest.raises(ModelError, match=f"prob is {prob!r}"):
            sleep.predict(days, prob=prob)
    with pytest.raises(DataError, match="1 level of 'Subject' that the model has not seen: 5"):
        sleep.predict({"Days": [1], "Subject": [5]})
    with pytest.raises(DataError, match="weights from the column 'w', and the new data have no such column"):
        nested.predict(new_rows().drop(columns="w"), kind="response", new_levels="sample", offset=0.0)


@pytest.mark.slow
def test_a_hundred_thousand_groups_in_seconds():
    rng, groups = np.random.default_rng(1), 100_000
    g = np.repeat(np.arange(groups), 2)
    data = pd.DataFrame({"g": g, "x": rng.normal(size=2 * groups)})
    data["y"] = data["x"] + rng.normal(size=groups)[g] + rng.normal(size=2 * groups)
    fit = bmm.Model("y ~ x + (x || g)", data).fit()
    table = fit.predict()
    assert len(table) == 2 * groups
    assert (table["se"] > 0).all()
