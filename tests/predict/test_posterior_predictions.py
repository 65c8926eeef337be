"""Predictions from a posterior, recomputed by hand from its draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import bayesmm as bmm
from bayesmm.design.naming import name_parameters
from bayesmm.errors import DataError, ModelError
from bayesmm.predict import linear
from tests.designs import CASES, simulated
from tests.predict.made_up import beta_of, covariances_of, effects_of, flat, made_up_posterior, model_of

every_design = pytest.mark.parametrize("name", CASES)


def draws_of(tree: xr.DataTree, group: str, name: str) -> np.ndarray:
    """(S, rows) of a variable."""
    array = tree[group][name]
    assert array.dims == ("chain", "draw", "__obs__")
    return array.to_numpy().reshape(-1, array.sizes["__obs__"])


@pytest.fixture(scope="module")
def sleep() -> bmm.Posterior:
    model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
    return made_up_posterior(model, draws=6)


@pytest.fixture(scope="module")
def many() -> bmm.Posterior:
    """Enough draws for moments."""
    model = bmm.Model("y ~ x + (x | a) + (0 + z | a) + (1 | a:h)", simulated())
    return made_up_posterior(model, chains=2, draws=4000)


# The model's own rows


@every_design
def test_the_mean_of_the_fitted_rows_is_that_of_the_matrices(name: str):
    posterior = made_up_posterior(model_of(name))
    design = posterior.model.design
    expected = beta_of(posterior) @ design.X.T + effects_of(posterior) @ design.Z.T
    if design.offset is not None:
        expected = expected + design.offset
    tree = posterior.predict(draws=True)
    np.testing.assert_allclose(draws_of(tree, "posterior", "mu"), expected, rtol=1e-12, atol=1e-12)
    assert "mu" not in posterior.data["posterior"]
    assert set(tree.children) == set(posterior.data.children)


@every_design
def test_responses_of_the_fitted_rows_have_the_residual_sd(name: str):
    posterior = made_up_posterior(model_of(name))
    design = posterior.model.design
    names = name_parameters(design)
    tree = posterior.predict(kind="response", random_seed=4, draws=True)
    y = draws_of(tree, "posterior_predictive", names.response)
    mu = draws_of(posterior.predict(draws=True), "posterior", "mu")
    weights = 1.0 if design.weights is None else design.weights
    z = (y - mu) / flat(posterior, "sigma")[:, None] * np.sqrt(weights)
    assert stats.kstest(z.ravel(), stats.norm.cdf).pvalue > 1e-3
    assert "mu" not in tree["posterior"]


def test_one_row_by_hand(sleep: bmm.Posterior):
    draws = sleep.data["posterior"]
    expected = (
        draws["Intercept"]
        + 7.5 * draws["Days"]
        + draws["1|Subject"].sel(Subject__factor_dim=335)
        + 7.5 * draws["Days|Subject"].sel(Subject__factor_dim=335)
    )
    tree = sleep.predict({"Days": [7.5], "Subject": [335]}, draws=True)
    np.testing.assert_allclose(tree["predictions"]["mu"].isel(__obs__=0), expected, rtol=1e-13)


def test_rows_may_come_in_any_order_and_levels_more_than_once(sleep: bmm.Posterior):
    data = bmm.load_data("sleepstudy")
    order = np.random.default_rng(1).integers(0, len(data), 400)
    own = draws_of(sleep.predict(draws=True), "posterior", "mu")
    again = draws_of(sleep.predict(data.iloc[order], draws=True), "predictions", "mu")
    np.testing.assert_allclose(again, own[:, order], rtol=1e-13)


def test_factor_slopes_by_hand():
    model = bmm.Model("score ~ Machine + (Machine | Worker)", bmm.load_data("Machines"))
    posterior = made_up_posterior(model)
    draws = posterior.data["posterior"]
    worker = {"Worker__factor_dim": 4}
    expected = (
        draws["Intercept"]
        + draws["Machine"].sel(Machine_dim="C")
        + draws["1|Worker"].sel(worker)
        + draws["Machine|Worker"].sel(worker).sel(Machine__expr_dim="C")
    )
    mu = posterior.predict({"Machine": ["C"], "Worker": [4]}, draws=True)["predictions"]["mu"]
    np.testing.assert_allclose(mu.isel(__obs__=0), expected, rtol=1e-13)


@pytest.mark.parametrize("order", [["C", "B", "A"], ["extra", "C", "A", "B"]])
def test_categories_in_another_order_change_nothing(order: list[str]):
    data = bmm.load_data("Machines")
    posterior = made_up_posterior(bmm.Model("score ~ Machine + (Machine | Worker)", data))
    other = data.assign(
        Machine=pd.Categorical(data["Machine"].astype(str), order),
        Worker=pd.Categorical(data["Worker"], list(data["Worker"].cat.categories)[::-1]),
    )
    own, new = posterior.predict(draws=True), posterior.predict(other, draws=True)
    np.testing.assert_array_equal(new["predictions"]["mu"], own["posterior"]["mu"])


# What the tree holds


def test_new_data_stand_beside_their_predictions(sleep: bmm.Posterior):
    new = pd.DataFrame({"Days": [0, 9], "Subject": [308, 309], "unused": [1, 2]}, index=["p", "q"])
    tree = sleep.predict(new, random_seed=7, draws=True)
    assert set(tree.children) == {*sleep.data.children, "predictions", "predictions_constant_data"}
    constants = tree["predictions_constant_data"]
    assert list(constants.data_vars) == ["Days", "Subject"]
    assert constants["Days"].to_numpy().tolist() == [0, 9]
    assert constants["Subject"].to_numpy().tolist() == [308, 309]
    assert tree["predictions"].attrs == {"kind": "mean", "new_levels": "error", "seed": 7, "thin": 1}
    assert tree.attrs == sleep.data.attrs
    xr.testing.assert_identical(tree["posterior"].to_dataset(), sleep.data["posterior"].to_dataset())


def test_categories_weights_and_offset_among_the_constants():
    model = bmm.Model("y ~ x + c + (1 | b)", simulated(), weights="w", offset="o")
    posterior = made_up_posterior(model)
    new = simulated().astype({"c": "category"}).iloc[:3]
    constants = posterior.predict(new, weights="w", offset="o", draws=True)["predictions_constant_data"]
    assert constants["c"].to_numpy().tolist() == new["c"].tolist()
    assert constants["c"].dtype.kind == "U"
    np.testing.assert_array_equal(constants["weights__data"], new["w"])
    np.testing.assert_array_equal(constants["offset__data"], new["o"])


def test_predictions_of_odd_names_are_kept_by_a_file(tmp_path):
    data = simulated().assign(day=pd.Timestamp("2020-01-01"))
    data["day"] += pd.to_timedelta(data["m"], unit="D")
    model = bmm.Model("y ~ I(x / 2) + (1 | day) + (1 | a:h)", data)
    posterior = made_up_posterior(model)
    tree = posterior.predict(data.iloc[:4], draws=True)
    kept = bmm.Posterior(tree, model)
    again = bmm.Posterior.load(kept.save(tmp_path / "odd.nc"), model)
    xr.testing.assert_identical(again.data["predictions"].to_dataset(), tree["predictions"].to_dataset())


def test_neither_the_posterior_nor_the_new_data_change(sleep: bmm.Posterior):
    before = sleep.data.copy(deep=True)
    new = bmm.load_data("sleepstudy").iloc[:5].copy()
    untouched = new.copy(deep=True)
    for options in ({}, {"kind": "response"}, {"thin": 2}, {"newdata": new, "kind": "response"}):
        sleep.predict(**options, random_seed=1, draws=True)
    sleep.posterior_predictive(1)
    sleep.with_prior(10, 1)
    assert sleep.data.identical(before)
    pd.testing.assert_frame_equal(new, untouched)


def test_the_response_is_not_needed(sleep: bmm.Posterior):
    new = bmm.load_data("sleepstudy").iloc[[3, 50]]
    with_it, without = sleep.predict(new, draws=True), sleep.predict(new.drop(columns="Reaction"), draws=True)
    xr.testing.assert_identical(with_it["predictions"].to_dataset()["mu"], without["predictions"]["mu"])


def test_thinning_keeps_every_nth_draw_of_the_posterior_and_none_less_of_the_prior(sleep: bmm.Posterior):
    both = sleep.with_prior(7, random_seed=1)
    whole, thinned = both.predict(draws=True), both.predict(thin=4, draws=True)
    assert thinned["posterior"]["draw"].to_numpy().tolist() == [0, 4]
    np.testing.assert_array_equal(thinned["posterior"]["mu"], whole["posterior"]["mu"][:, ::4])
    assert thinned["prior"].sizes["draw"] == 7
    new = both.predict({"Days": [1], "Subject": [308]}, thin=4, draws=True)
    assert dict(new["predictions"].sizes) == {"chain": 2, "draw": 2, "__obs__": 1}


# Which effects count


def test_without_random_effects_no_grouping_factor_is_needed(sleep: bmm.Posterior):
    mu = draws_of(sleep.predict({"Days": [0, 9]}, include_random=False, draws=True), "predictions", "mu")
    np.testing.assert_allclose(mu, beta_of(sleep) @ np.array([[1, 1], [0, 9]]), rtol=1e-13)
    own = draws_of(sleep.predict(include_random=False, draws=True), "posterior", "mu")
    np.testing.assert_allclose(own, beta_of(sleep) @ sleep.model.design.X.T, rtol=1e-13)


def test_the_effects_of_one_factor_alone():
    model = bmm.Model("diameter ~ 1 + (1 | plate) + (1 | sample)", bmm.load_data("Penicillin"))
    posterior = made_up_posterior(model)
    draws = posterior.data["posterior"]
    expected = draws["Intercept"] + draws["1|sample"].sel(sample__factor_dim="C")
    for groups in ("sample", ["sample"], ("sample",)):
        mu = posterior.predict({"sample": ["C"]}, include_random=groups, draws=True)["predictions"]["mu"]
        np.testing.assert_allclose(mu.isel(__obs__=0), expected, rtol=1e-13)
    with pytest.raises(DataError, match=r"no grouping factor 'smple'"):
        posterior.predict(include_random=["smple"], draws=True)
    with pytest.raises(ModelError, match="include_random is 3"):
        posterior.predict(include_random=3, draws=True)


# New levels


def test_new_levels_are_an_error_that_names_them(sleep: bmm.Posterior):
    new = {"Days": [1, 2, 3], "Subject": [308, 1, 2]}
    with pytest.raises(DataError, match=r"2 levels of 'Subject' .* not seen: 1, 2") as caught:
        sleep.predict(new, draws=True)
    assert 'new_levels="population"' in caught.value.advice
    with pytest.raises(DataError, match=r"20 levels .*: 0, 1, 2, 3, 4, 5, 6, 7, …"):
        sleep.predict({"Days": [1] * 20, "Subject": list(range(20))}, draws=True)
    with pytest.raises(DataError) as caught:
        sleep.predict({"Days": [1], "Subject": ["308"]}, draws=True)
    assert "levels of type int" in caught.value.advice
    nested = made_up_posterior(model_of("nested"))
    with pytest.raises(DataError, match=r"1 level of 'batch:cask' .* not seen: A:z"):
        nested.predict({"batch": ["A"], "cask": ["z"]}, draws=True)


def test_population_gives_new_levels_an_effect_of_zero(sleep: bmm.Posterior):
    new = {"Days": [9, 9, 9], "Subject": [1, 308, 1]}
    mu = draws_of(sleep.predict(new, new_levels="population", draws=True), "predictions", "mu")
    line = beta_of(sleep) @ [1, 9]
    np.testing.assert_allclose(mu[:, [0, 2]], np.column_stack([line, line]), rtol=1e-13)
    known = draws_of(sleep.predict({"Days": [9], "Subject": [308]}, draws=True), "predictions", "mu")
    np.testing.assert_allclose(mu[:, 1], known[:, 0], rtol=1e-13)


def test_a_row_of_a_known_and_a_new_level(many: bmm.Posterior):
    """a is known and a:h is not: the effects of a count as fitted."""
    design, new = many.model.design, pd.DataFrame({"x": [2.0], "z": [3.0], "a": [4], "h": ["new"]})
    mu = draws_of(many.predict(new, new_levels="population", draws=True), "predictions", "mu")[:, 0]
    draws = {name: flat(many, name) for name in ("1|a", "x|a", "z|a")}
    code = design.factors["a"].code_of(4)
    expected = beta_of(many) @ [1, 2] + draws["1|a"][:, code]
    expected = expected + 2 * draws["x|a"][:, code] + 3 * draws["z|a"][:, code]
    np.testing.assert_allclose(mu, expected, rtol=1e-12)


def test_a_level_shares_its_draw_and_different_levels_do_not(sleep: bmm.Posterior):
    """Two rows of one level lie on one line; two levels have lines of their own."""
    new = {"Days": [0, 1, 2, 0, 1, 2], "Subject": [1, 1, 1, 2, 2, 2]}
    mu = draws_of(sleep.predict(new, new_levels="sample", random_seed=1, draws=True), "predictions", "mu")
    np.testing.assert_allclose(mu[:, 2] - mu[:, 1], mu[:, 1] - mu[:, 0], rtol=1e-9)
    np.testing.assert_allclose(mu[:, 5] - mu[:, 4], mu[:, 4] - mu[:, 3], rtol=1e-9)
    assert (np.abs(mu[:, 0] - mu[:, 3]) > 1e-6).all()
    assert (np.abs(np.diff(mu[:, 0])) > 1e-6).all()


def test_sampled_effects_have_the_covariance_of_each_draw(many: bmm.Posterior):
    """Standardised by each draw's G, what is added to Xβ is normal; levels and terms are independent."""
    S = len(flat(many, "sigma"))
    # New levels u and v; rows that pick out the intercept, x and z of a, with h such that a:h is new too.
    new = pd.DataFrame({"a": [90, 90, 90, 91], "h": ["u"] * 4, "x": [0.0, 1, 0, 0], "z": [0.0, 0, 1, 0]})
    mu = draws_of(many.predict(new, new_levels="sample", random_seed=5, draws=True), "predictions", "mu")
    b = mu - beta_of(many) @ np.column_stack([np.ones(4), new["x"]]).T
    slope, z = b[:, 1] - b[:, 0], b[:, 2] - b[:, 0]
    labels = [term.label for term in many.model.design.terms]
    xa, za, ah = (labels.index(label) for label in ("x | a", "0 + z | a", "1 | a:h"))
    G = covariances_of(many, xa)
    own = covariances_of(many, za)[:, 0, 0]
    combined = covariances_of(many, ah)[:, 0, 0]
    intercept_sd = np.sqrt(G[:, 0, 0] + combined)
    standard = [b[:, 0] / intercept_sd, slope / np.sqrt(G[:, 1, 1]), z / np.sqrt(own), b[:, 3] / intercept_sd]
    for values in standard:
        assert stats.kstest(values, stats.norm.cdf).pvalue > 1e-3
    expected = G[:, 0, 1] / (intercept_sd * np.sqrt(G[:, 1, 1]))
    product = standard[0] * standard[1] - expected
    assert abs(product.mean()) < 4 * product.std() / np.sqrt(S)
    for i, j in ((0, 2), (1, 2), (0, 3), (1, 3), (2, 3)):
        assert abs(np.mean(standard[i] * standard[j])) < 4 / np.sqrt(S), (i, j)


def test_correlations_at_the_edge_can_be_sampled_from(sleep: bmm.Posterior):
    data = sleep.data.copy(deep=True)
    data["posterior"]["corr|Subject"][:] = 1.0
    edge = bmm.Posterior(data, sleep.model)
    new = {"Days": [0, 1], "Subject": [1, 1]}
    mu = draws_of(edge.predict(new, new_levels="sample", random_seed=1, draws=True), "predictions", "mu")
    b = mu - beta_of(edge) @ np.array([[1, 1], [0, 1]])
    ratio = flat(edge, "Days|Subject_sigma") / flat(edge, "1|Subject_sigma")
    np.testing.assert_allclose((b[:, 1] - b[:, 0]) / b[:, 0], ratio, rtol=1e-9)


def test_a_missing_level(sleep: bmm.Posterior):
    new = pd.DataFrame({"Days": [1, 2, 3], "Subject": [308, None, 7]})
    mu = draws_of(sleep.predict(new, new_levels="population", draws=True), "predictions", "mu")
    np.testing.assert_allclose(mu[:, 1], beta_of(sleep) @ [1, 2], rtol=1e-13)
    for new_levels in ("error", "sample"):
        with pytest.raises(DataError, match="level of 'Subject' is missing in 1 rows"):
            sleep.predict(new.iloc[:2], new_levels=new_levels, draws=True)


# Seeds


def test_equal_seeds_give_equal_predictions_however_they_are_cut(many: bmm.Posterior, monkeypatch):
    new = simulated().iloc[:9].assign(a=[0, 0, 50, 51, 50, 1, 2, 3, 51])
    options = {"new_levels": "sample", "kind": "response", "random_seed": 11}
    first = draws_of(many.predict(new, **options, draws=True), "predictions", "y")
    monkeypatch.setattr(linear, "PIECE", 1000)
    np.testing.assert_array_equal(
        draws_of(many.predict(new, **options, draws=True), "predictions", "y"), first
    )
    other = draws_of(many.predict(new, **options | {"random_seed": 12}, draws=True), "predictions", "y")
    assert (first != other).all()
    generators = [np.random.default_rng(5) for _ in range(2)]
    one, two = (many.predict(new, **options | {"random_seed": g}, draws=True) for g in generators)
    assert one["predictions"].attrs["seed"] == two["predictions"].attrs["seed"]
    xr.testing.assert_identical(one["predictions"].to_dataset(), two["predictions"].to_dataset())


def test_the_noise_does_not_move_the_new_effects(sleep: bmm.Posterior):
    new = {"Days": [4], "Subject": [1]}
    options = {"new_levels": "sample", "random_seed": 3}
    mu = draws_of(sleep.predict(new, **options, draws=True), "predictions", "mu")
    y = draws_of(sleep.predict(new, kind="response", **options, draws=True), "predictions", "Reaction")
    assert np.abs((y - mu) / flat(sleep, "sigma")[:, None]).max() < 4


# Weights and offsets


@pytest.fixture(scope="module")
def weighted() -> bmm.Posterior:
    model = bmm.Model("y ~ x + offset(z) + (x | a)", simulated(), weights="w", offset="o")
    return made_up_posterior(model, draws=2000)


def test_new_responses_have_their_weights(weighted: bmm.Posterior):
    new = simulated().iloc[:3]
    for weights in ("w", new["w"].to_numpy(), new["w"].tolist()):
        tree = weighted.predict(new, kind="response", weights=weights, offset=0.0, random_seed=2, draws=True)
        mu = draws_of(weighted.predict(new, offset=0.0, draws=True), "predictions", "mu")
        noise = (draws_of(tree, "predictions", "y") - mu) / flat(weighted, "sigma")[:, None]
        z = noise * np.sqrt(new["w"].to_numpy())
        assert stats.kstest(z.ravel(), stats.norm.cdf).pvalue > 1e-3


def test_new_means_have_both_offsets(weighted: bmm.Posterior):
    new = simulated().iloc[:3]
    without = draws_of(weighted.predict(new.assign(z=0.0), offset=0.0, draws=True), "predictions", "mu")
    both = draws_of(weighted.predict(new, offset="o", draws=True), "predictions", "mu")
    np.testing.assert_allclose(both - without, np.tile(new["z"] + new["o"], (len(both), 1)), rtol=1e-9)
    own = draws_of(weighted.predict(draws=True), "posterior", "mu")
    np.testing.assert_allclose(both, own[:, :3], rtol=1e-12)


def test_weights_and_offsets_that_are_missing_or_too_many(weighted: bmm.Posterior, sleep: bmm.Posterior):
    new, days = simulated().iloc[:3], {"Days": [1], "Subject": [308]}
    with pytest.raises(DataError, match="weights from the column 'w'"):
        weighted.predict(new.drop(columns="w"), kind="response", offset="o", draws=True)
    with pytest.raises(DataError, match="offset from the column 'o'"):
        weighted.predict(new.drop(columns="o"), draws=True)
    with pytest.raises(ModelError, match="weights are given, and the model has none"):
        sleep.predict(days, weights=[1.0], draws=True)
    with pytest.raises(ModelError, match="an offset is given, and the model was built without"):
        sleep.predict(days, offset=[1.0], draws=True)
    with pytest.raises(ModelError, match="weights are given without new data"):
        weighted.predict(weights="w", draws=True)
    with pytest.raises(ModelError, match="an offset is given without new data"):
        weighted.predict(offset="o", draws=True)
    with pytest.raises(DataError, match="2 of the weights are zero or negative"):
        weighted.predict(new, weights=[1, 0, -1], offset="o", draws=True)
    with pytest.raises(DataError, match="weights are missing"):
        weighted.predict(new, weights=[1, np.nan, 1], offset="o", draws=True)
    with pytest.raises(DataError, match="offset have 2 values"):
        weighted.predict(new, offset=[1, 2], draws=True)
    with pytest.raises(DataError, match="no column 'ww'"):
        weighted.predict(new, weights="ww", offset="o", draws=True)


# Replicates of the groups


def test_replicated_responses_of_the_fitted_groups(many: bmm.Posterior):
    again = many.posterior_predictive(random_seed=8)
    assert isinstance(again, bmm.Posterior)
    assert again.model is many.model
    assert "posterior_predictive" not in many.data.children
    tree = many.predict(kind="response", random_seed=8, draws=True)
    np.testing.assert_array_equal(again.data["posterior_predictive"]["y"], tree["posterior_predictive"]["y"])
    assert again.data["posterior_predictive"].attrs == {"effects": "fitted", "seed": 8}


def test_replicated_responses_of_new_groups(many: bmm.Posterior):
    """Var(y | draw) = diag(ZGZ') + σ²: the fitted effects don't count, rows of one level go together."""
    design = many.model.design
    y = draws_of(many.posterior_predictive(8, effects="new").data, "posterior_predictive", "y")
    rest = y - beta_of(many) @ design.X.T
    S = len(rest)
    variance = np.tile(flat(many, "sigma")[:, None] ** 2, (1, design.n))
    i, j = np.flatnonzero(design.factors["a:h"].codes == 0)[:2]
    shared = np.zeros(S)
    for t, term in enumerate(design.terms):
        G = covariances_of(many, t)
        variance += np.einsum("ij,sjk,ik->si", term.Xi, G, term.Xi)
        shared += np.einsum("j,sjk,k->s", term.Xi[i], G, term.Xi[j])
    z = rest / np.sqrt(variance)
    for column in (i, j, design.n - 1):
        assert stats.kstest(z[:, column], stats.norm.cdf).pvalue > 1e-3
    product = z[:, i] * z[:, j] - shared / np.sqrt(variance[:, i] * variance[:, j])
    assert abs(product.mean()) < 4 * product.std() / np.sqrt(S)
    assert stats.pearsonr(rest[:, i], effects_of(many)[:, 0]).pvalue > 1e-3


# Errors


def test_options_that_cannot_be(sleep: bmm.Posterior):
    days = {"Days": [1], "Subject": [308]}
    with pytest.raises(ModelError, match="kind is 'means'"):
        sleep.predict(days, kind="means", draws=True)
    for newdata in (days, None):
        with pytest.raises(ModelError, match="new_levels is 'zero'"):
            sleep.predict(newdata, new_levels="zero", draws=True)
    for thin in (0, True, 1.5):
        with pytest.raises(ModelError, match=f"thin is {thin}"):
            sleep.predict(days, thin=thin, draws=True)
    with pytest.raises(ModelError, match="random_seed is -1"):
        sleep.predict(days, random_seed=-1, draws=True)
    with pytest.raises(ModelError, match="effects is 'old'"):
        sleep.posterior_predictive(effects="old")


def test_a_posterior_without_its_model(sleep: bmm.Posterior):
    alone = bmm.Posterior(sleep.data)
    for attempt in (alone.predict, alone.posterior_predictive, alone.with_prior):
        with pytest.raises(ModelError, match="without its model"):
            attempt()


def test_data_that_do_not_fit(sleep: bmm.Posterior):
    with pytest.raises(DataError, match="no column 'Subject'"):
        sleep.predict({"Days": [1]}, draws=True)
    with pytest.raises(DataError, match=r"missing values in 1 rows, in 'Days'"):
        sleep.predict({"Days": [1, np.nan], "Subject": [308, 308]}, draws=True)
    with pytest.raises(DataError, match="the column 'Days' is infinite in 1 rows"):
        sleep.predict({"Days": [1, np.inf], "Subject": [308, 308]}, draws=True)
    with pytest.raises(DataError, match="the data have no rows"):
        sleep.predict(bmm.load_data("sleepstudy").iloc[:0], draws=True)
    with pytest.raises(DataError, match="the data are a int"):
        sleep.predict(3, draws=True)


def test_too_many_predictions_are_refused_with_a_way_out(sleep: bmm.Posterior, monkeypatch):
    monkeypatch.setattr(linear, "LARGEST", 8.0 * 12 * 180 / 3)
    with pytest.raises(ModelError, match="12 draws for 180 rows") as caught:
        sleep.predict(draws=True)
    assert "thin=3" in caught.value.advice
    assert sleep.predict(thin=3, draws=True)["posterior"]["mu"].shape == (2, 2, 180)


def test_a_summary_of_the_effects_in_place_of_their_draws(sleep: bmm.Posterior):
    data = sleep.data.copy()
    data["posterior"] = xr.DataTree(data["posterior"].to_dataset().drop_vars(["1|Subject", "Days|Subject"]))
    summed_up = bmm.Posterior(data, sleep.model)
    with pytest.raises(ModelError, match=r"a summary of '1\|Subject'") as caught:
        summed_up.predict(draws=True)
    assert 'effects="draws"' in caught.value.advice
    assert "mu" in summed_up.predict(include_random=False, draws=True)["posterior"]
    new = summed_up.predict({"Days": [1], "Subject": [1]}, new_levels="sample", draws=True)
    assert np.isfinite(new["predictions"]["mu"]).all()
    assert "posterior_predictive" in summed_up.posterior_predictive(1, effects="new").data.children
