"""R² and variance partition coefficients of estimates and posteriors, by hand from dense matrices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import linalg

import bayesmm as bmm
from bayesmm.design import build_design
from bayesmm.errors import ModelError
from bayesmm.posterior import Posterior
from bayesmm.variance import variance_parts
from tests.dense import DenseModel
from tests.designs import simulated

FORMULA = "y ~ x * c + offset(z) + (x | a/b) + (1 | h)"


def parts_by_hand(design, beta, covariances, sigma):
    """Var(Xβ), the diagonal of Z_t(I ⊗ G_t)Z_t' by group, and σ²/w, each over the rows."""
    dense = DenseModel.of(design)
    groups = dict.fromkeys(design.factors, 0.0)
    for term, Z, G, n_levels in zip(design.terms, dense.Z, covariances, dense.n_levels, strict=True):
        groups[term.group] += np.mean(np.diag(Z @ linalg.block_diag(*[G] * n_levels) @ Z.T))
    return np.var(design.X @ beta, ddof=1), groups, np.mean(sigma**2 / dense.weights)


@pytest.fixture(scope="module")
def model() -> bmm.Model:
    return bmm.Model(FORMULA, simulated(), weights="w")


@pytest.fixture(scope="module")
def posterior(model) -> Posterior:
    return model.sample(draws=300, random_seed=1, method="marginal", progressbar=False)


def covariances_of(draw, design) -> list[np.ndarray]:
    """G of each term of ``FORMULA`` at one draw, from its named parameters."""
    found = []
    for term in design.terms:
        sds = [float(draw[f"{'1' if c == 'Intercept' else c}|{term.group}_sigma"]) for c in term.columns]
        R = np.eye(len(sds))
        if len(sds) == 2:
            R[0, 1] = R[1, 0] = float(draw[f"corr|{term.group}"].squeeze())
        found.append(np.outer(sds, sds) * R)
    return found


def test_an_estimate(model):
    fit = model.fit()
    fixed, groups, residual = parts_by_hand(
        model.design, fit.beta.to_numpy(), [G.to_numpy() for G in fit.covariances], fit.sigma
    )
    random = sum(groups.values())
    expected = [fixed / (fixed + random + residual), (fixed + random) / (fixed + random + residual)]
    assert list(fit.r2()) == ["marginal", "conditional"]
    np.testing.assert_allclose(fit.r2(), expected, rtol=1e-10)
    for group, part in groups.items():
        assert fit.icc()[group] == pytest.approx(part / (random + residual), rel=1e-10)
    assert list(fit.icc()) == list(model.design.factors)


def test_a_posterior_draw_by_draw(model, posterior):
    both, shares = posterior.r2().draws, posterior.icc().draws
    marginal, conditional = both.sel(value="marginal"), both.sel(value="conditional")
    fitted = posterior.r2("fitted").draws.sel(value="fitted")
    np.testing.assert_array_equal(posterior.r2("marginal").draws.sel(value="marginal"), marginal)
    assert marginal.dims == conditional.dims == fitted.dims == ("chain", "draw")
    assert set(shares["value"].to_numpy()) == {"a", "a:b", "h"}
    design = model.design
    draws = posterior.data["posterior"].dataset
    for at in ({"chain": 0, "draw": 0}, {"chain": 3, "draw": 171}):
        one = draws.isel(at)
        beta = np.concatenate([np.atleast_1d(one[name]) for name in ("Intercept", "x", "c", "x:c")])
        G = covariances_of(one, design)
        fixed, groups, residual = parts_by_hand(design, beta, G, float(one["sigma"]))
        random = sum(groups.values())
        total = fixed + random + residual
        assert float(marginal.isel(at)) == pytest.approx(fixed / total, rel=1e-9)
        assert float(conditional.isel(at)) == pytest.approx((fixed + random) / total, rel=1e-9)
        for group, part in groups.items():
            assert float(shares.sel(value=group).isel(at)) == pytest.approx(
                part / (random + residual), rel=1e-9
            )
        mean = design.X @ beta
        for term, Z in zip(design.terms, DenseModel.of(design).Z, strict=True):
            names = [f"{'1' if c == 'Intercept' else c}|{term.group}" for c in term.columns]
            mean = mean + Z @ np.column_stack([one[name] for name in names]).ravel()
        explained = np.var(mean, ddof=1)
        assert float(fitted.isel(at)) == pytest.approx(explained / (explained + residual), rel=1e-9)


def test_sleepstudy_has_the_numbers_of_lme4():
    """R 4.2.2, lme4 1.1-31: var(X %*% fixef(f)), mean(diag(X %*% VarCorr(f)[[1]] %*% t(X))), sigma(f)^2."""
    fit = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy")).fit()
    assert fit.r2()["marginal"] == pytest.approx(0.27865, abs=5e-5)
    assert fit.r2()["conditional"] == pytest.approx(0.79922, abs=5e-5)
    assert fit.icc()["Subject"] == pytest.approx(0.72166, abs=5e-5)


def test_the_parts_do_not_depend_on_the_origin_of_a_slope():
    """z'Gz averaged over the rows is a property of the model, not of where Days begins."""
    data = bmm.load_data("sleepstudy").assign(Late=lambda d: d["Days"] - 7.0)
    early = bmm.Model("Reaction ~ Days + (Days | Subject)", data).fit()
    late = bmm.Model("Reaction ~ Late + (Late | Subject)", data).fit()
    np.testing.assert_allclose(early.r2(), late.r2(), rtol=1e-5)
    np.testing.assert_allclose(early.icc(), late.icc(), rtol=1e-5)


def test_random_intercepts_alone_give_the_correlation_of_two_rows():
    fit = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")).fit()
    vcov = fit.varcorr["vcov"].to_numpy()
    assert fit.icc()["Batch"] == pytest.approx(vcov[0] / vcov.sum(), rel=1e-12)
    assert fit.r2()["marginal"] == 0.0
    assert fit.r2()["conditional"] == pytest.approx(fit.icc()["Batch"], rel=1e-12)


def test_on_the_boundary_the_shares_are_zero():
    fit = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff2")).fit()
    assert fit.icc()["Batch"] == 0.0
    assert fit.r2()["conditional"] == 0.0


def test_bars_of_one_group_are_added_up():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"g": np.repeat(range(5), 6), "x": rng.normal(size=30), "y": rng.normal(size=30)})
    design = build_design("y ~ x + (1 | g) + (0 + x | g)", frame)
    parts = variance_parts(
        design, np.array([[1.0, 2.0]]), [np.array([[[3.0]]]), np.array([[[5.0]]])], np.array([2.0])
    )
    x = frame["x"].to_numpy()
    assert parts.groups["g"][0] == pytest.approx(3.0 + 5.0 * np.mean(x**2), rel=1e-12)
    assert parts.fixed[0] == pytest.approx(4.0 * np.var(x, ddof=1), rel=1e-12)
    assert parts.residual[0] == pytest.approx(4.0, rel=1e-12)


@pytest.mark.parametrize("kind", ["bayes", 3, ["marginal"]], ids=str)
def test_an_unknown_kind_is_an_error(posterior, kind):
    with pytest.raises(ModelError, match="kind is"):
        posterior.r2(kind)


def test_a_posterior_without_its_model(posterior):
    bare = Posterior(posterior.data)
    for call in (bare.r2, bare.icc):
        with pytest.raises(ModelError, match="without its model"):
            call()
