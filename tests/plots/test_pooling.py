"""Lines and shrinkage: no pooling, complete pooling and partial pooling against their definitions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.quiver import Quiver

import bayesmm as bmm
from bayesmm.plots import plot_lines, plot_shrinkage
from bayesmm.plots.pooling import least_squares, parts, pool
from tests.fits import fit_of, posterior_of
from tests.plots.pictures import dots, line, segments


def slope_and_intercept(points: np.ndarray) -> np.ndarray:
    return np.polyfit(*points.T, 1)


def test_lines_of_each_subject_are_the_three_ways_to_pool():
    fit, data = fit_of("sleep"), bmm.load_data("sleepstudy")
    figure = plot_lines(fit)
    coef = fit.coef["Subject"]
    pooled = np.polyfit(data["Days"], data["Reaction"], 1)
    for ax, (subject, rows) in zip(figure.axes, data.groupby("Subject"), strict=True):
        assert ax.get_title() == str(subject)
        own = np.polyfit(rows["Days"], rows["Reaction"], 1)
        assert slope_and_intercept(line(ax, "no pooling")) == pytest.approx(own)
        assert slope_and_intercept(line(ax, "complete pooling")) == pytest.approx(pooled)
        partial = coef.loc[subject, ["Days", "Intercept"]].to_numpy()
        assert slope_and_intercept(line(ax, "partial pooling")) == pytest.approx(partial)
        (seen,) = ax.collections
        np.testing.assert_allclose(seen.get_offsets(), rows[["Days", "Reaction"]].to_numpy())
    assert figure.get_supxlabel() == "Days"
    assert figure.get_supylabel() == "Reaction"


def test_levels_are_chosen_in_the_users_types_and_order():
    figure = plot_lines(fit_of("sleep"), levels=[372, 308])
    assert [ax.get_title() for ax in figure.axes] == ["372", "308"]
    assert len(plot_lines(fit_of("sleep"), levels=335).axes) == 1
    with pytest.raises(bmm.DataError, match="no level 1"):
        plot_lines(fit_of("sleep"), levels=[308, 1])
    with pytest.raises(bmm.DataError, match="the level as int"):
        plot_lines(fit_of("sleep"), levels="308")
    with pytest.raises(bmm.ModelError, match="levels is empty"):
        plot_lines(fit_of("sleep"), levels=[])


def test_more_groups_than_asked_for_share_a_panel():
    fit = fit_of("sleep")
    figure = plot_lines(fit, max_groups=17)
    (ax,) = figure.axes
    pieces = segments(ax)
    assert len(pieces) == 18
    for piece, (_, row) in zip(pieces, fit.coef["Subject"].iterrows(), strict=True):
        assert slope_and_intercept(piece) == pytest.approx(row[["Days", "Intercept"]].to_numpy())
    assert slope_and_intercept(line(ax, "fixed effects")) == pytest.approx(fit.beta[["Days", "Intercept"]])
    assert len(ax.collections[0].get_offsets()) == 180
    _, one = plt.subplots()
    plot_lines(fit, levels=[308, 309], ax=one)
    assert len(segments(one)) == 2


def test_a_line_with_predictors_of_the_group_goes_through_the_fitted_values():
    """meanses and sector are constant within a school, so that its line is Xβ + Zb itself."""
    fit, data = fit_of("hsb"), bmm.load_data("Hsb82")
    pieces = segments(plot_lines(fit).axes[0])
    fitted = pd.Series(fit.fitted.to_numpy(), index=data.index)
    for piece, (_, rows) in zip(pieces, data.groupby("school", observed=True), strict=True):
        order = np.argsort(rows["cses"].to_numpy())
        np.testing.assert_allclose(piece[:, 0], rows["cses"].to_numpy()[order])
        np.testing.assert_allclose(piece[:, 1], fitted[rows.index].to_numpy()[order], atol=1e-9)


def two_predictors(weights: bool = False) -> tuple[pd.DataFrame, bmm.Model]:
    """Groups of 2 to 9 rows with x, z, a product of them, and a second grouping factor."""
    rng = np.random.default_rng(8)
    g = np.repeat(np.arange(8), np.arange(2, 10))
    n = len(g)
    data = pd.DataFrame(
        {"g": g, "x": rng.normal(1, 1, n), "z": rng.normal(5, 1, n), "h": rng.integers(0, 6, n)}
    )
    u, v, w = rng.normal(size=8), rng.normal(size=8), rng.normal(size=6)
    data["y"] = 2 + u[g] + (1 + v[g]) * data["x"] + 3 * data["z"] + w[data["h"]] + rng.normal(0, 0.5, n)
    data["w"] = rng.uniform(0.5, 3, n) if weights else 1.0
    formula = "y ~ x + z + (x | g) + (1 | h)"
    return data, bmm.Model(formula, data, weights="w" if weights else None)


@pytest.mark.parametrize("weights", [False, True])
def test_what_isnt_shown_is_held_at_its_mean_over_the_group(weights: bool):
    data, model = two_predictors(weights)
    fit = model.fit()
    pooling = pool(fit, "g", ["x"])
    assert pooling.names == ("Intercept", "x")
    assert pooling.adjusted
    effects_h = fit.ranef["h"]["Intercept"].to_numpy()
    rest = fit.beta["z"] * data["z"].to_numpy() + effects_h[data["h"]]
    w = data["w"].to_numpy()
    for j in range(8):
        rows = np.flatnonzero(data["g"] == j)
        mean = np.average(rest[rows], weights=w[rows])
        y = data["y"].to_numpy()[rows] - (rest[rows] - mean)
        np.testing.assert_allclose(pooling.response[rows], y)
        A = np.column_stack([np.ones(len(rows)), data["x"].to_numpy()[rows]])
        root = np.sqrt(w[rows])
        own = np.linalg.lstsq(root[:, None] * A, root * y)[0]
        np.testing.assert_allclose(pooling.none[j], own, rtol=1e-8)
        b = fit.ranef["g"].loc[j]
        partial = [fit.beta["Intercept"] + b["Intercept"] + mean, fit.beta["x"] + b["x"]]
        np.testing.assert_allclose(pooling.partial[j], partial)
    X, root = model.design.X, np.sqrt(w)
    gamma = np.linalg.lstsq(root[:, None] * X, root * model.design.y)[0]
    z = np.average(data["z"], weights=w)
    np.testing.assert_allclose(pooling.complete, [gamma[0] + gamma[2] * z, gamma[1]])
    beta = fit.beta.to_numpy()
    np.testing.assert_allclose(pooling.population, [beta[0] + beta[2] * z, beta[1]])


def test_an_offset_belongs_to_the_line():
    data, _ = two_predictors()
    model = bmm.Model("y ~ x + z + (x | g)", data, offset=np.full(len(data), 100.0))
    plain = bmm.Model("y ~ x + z + (x | g)", data.assign(y=data["y"] - 100.0))
    ours, theirs = (pool(m.fit(), "g", ["x"]) for m in (model, plain))
    shift = np.array([100.0, 0.0])
    np.testing.assert_allclose(ours.partial, theirs.partial + shift, rtol=1e-6)
    np.testing.assert_allclose(ours.complete, theirs.complete + shift, rtol=1e-8)
    np.testing.assert_allclose(ours.none, theirs.none + shift, rtol=1e-6)


def test_a_product_with_a_varying_predictor_stands_at_its_mean():
    data, _ = two_predictors()
    fit = bmm.Model("y ~ x * z + (x | g)", data).fit()
    pooling = pool(fit, "g", ["x"])
    z = data.groupby("g")["z"].mean().to_numpy()
    slope = fit.beta["x"] + fit.beta["x:z"] * z + fit.ranef["g"]["x"].to_numpy()
    np.testing.assert_allclose(pooling.partial[:, 1], slope, rtol=1e-9)


def test_curves_are_the_groups_own_curves():
    fit, data = fit_of("sleep_curve"), bmm.load_data("sleepstudy")
    figure = plot_lines(fit, levels=[308, 332])
    for ax, subject in zip(figure.axes, (308, 332), strict=True):
        rows = data[data["Subject"] == subject]
        own = np.polyval(np.polyfit(rows["Days"], rows["Reaction"], 2), rows["Days"])
        np.testing.assert_allclose(line(ax, "no pooling")[:, 1], own)
        fitted = fit.fitted[rows.index].to_numpy()
        np.testing.assert_allclose(line(ax, "partial pooling")[:, 1], fitted)


def test_a_group_of_one_row_has_a_line_by_partial_pooling_only():
    data = bmm.load_data("sleepstudy")
    data = data[(data["Subject"] != 308) | (data["Days"] == 4)]
    fit = bmm.Model("Reaction ~ Days + (Days | Subject)", data).fit()
    figure = plot_lines(fit, levels=[308, 309])
    labels = [one.get_label() for one in figure.axes[0].lines]
    assert labels == ["complete pooling", "partial pooling"]
    partial = fit.coef["Subject"].loc[308, ["Days", "Intercept"]].to_numpy()
    assert slope_and_intercept(line(figure.axes[0], "partial pooling")) == pytest.approx(partial)
    ax = plot_shrinkage(fit).axes[0]
    assert ax.get_title() == "1 of 18 without an estimate of their own"


def test_a_numeric_predictor_is_wanted():
    with pytest.raises(bmm.ModelError, match="no numeric predictor"):
        plot_lines(fit_of("dyestuff"))
    with pytest.raises(bmm.ModelError, match="x is 'Machine'"):
        plot_lines(fit_of("machines"), x="Machine")
    with pytest.raises(bmm.ModelError, match="did you mean 'Days'"):
        plot_lines(fit_of("sleep"), x="Day")
    ax = plot_lines(fit_of("hsb"), x="meanses").axes[0]
    assert ax.get_xlabel() == "meanses"


def test_least_squares_by_group_keeps_its_digits():
    """Years near 2000 with an intercept; groups that determine nothing are left open."""
    rng = np.random.default_rng(2)
    codes = np.repeat(np.arange(5), [8, 1, 6, 2, 7])
    year = rng.integers(1990, 2020, len(codes)).astype(float)
    year[codes == 3] = 2001.0
    basis = np.column_stack([np.ones(len(codes)), year, (year - 2000) ** 2])[:, :2]
    y = 3 + 0.01 * year + rng.normal(0, 1e-3, len(codes))
    found = least_squares(basis, codes, 5, y, np.ones(len(codes)))
    for j in (0, 2, 4):
        rows = codes == j
        slope, level = np.polyfit(year[rows] - 2000, y[rows], 1)
        np.testing.assert_allclose(found[j], [level - 2000 * slope, slope], rtol=1e-9)
    assert np.isnan(found[[1, 3]]).all()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x", ["x"]),
        ("cses:sector[Catholic]", ["cses", "sector[Catholic]"]),
        ("I(x ** 2):z", ["I(x ** 2)", "z"]),
        ("f(a, {b: 1}):g[1:2]", ["f(a, {b: 1})", "g[1:2]"]),
        ("log(exp(a)):poly(x, 2)[0]", ["log(exp(a))", "poly(x, 2)[0]"]),
        ("I((x - mean(x)) / sd(x)):z", ["I((x - mean(x)) / sd(x))", "z"]),
        ("cut(x, 3)[(0.991,4]]:z", ["cut(x, 3)[(0.991,4]]", "z"]),
    ],
)
def test_a_name_is_taken_apart_at_its_colons(name: str, expected: list[str]):
    assert parts(name) == expected


def test_arrows_lead_from_no_pooling_to_partial_pooling():
    fit, data = fit_of("sleep"), bmm.load_data("sleepstudy")
    ax = plot_shrinkage(fit).axes[0]
    own = np.array([np.polyfit(r["Days"], r["Reaction"], 1)[::-1] for _, r in data.groupby("Subject")])
    partial = fit.coef["Subject"][["Intercept", "Days"]].to_numpy()
    (arrows,) = [c for c in ax.collections if isinstance(c, Quiver)]
    np.testing.assert_allclose(arrows.XY, own)
    np.testing.assert_allclose(np.column_stack([arrows.U, arrows.V]), partial - own, atol=1e-9)
    np.testing.assert_allclose(dots(ax, "no pooling"), own)
    np.testing.assert_allclose(dots(ax, "partial pooling"), partial)
    pooled = np.polyfit(data["Days"], data["Reaction"], 1)[::-1]
    np.testing.assert_allclose(dots(ax, "complete pooling"), [pooled])
    assert ax.get_xlabel() == "Intercept (Reaction)"
    assert ax.get_ylabel() == "Days (Reaction per unit)"


def test_shrinkage_of_intercepts_goes_from_group_means_to_fitted_means():
    fit, data = fit_of("dyestuff"), bmm.load_data("Dyestuff")
    ax = plot_shrinkage(fit).axes[0]
    means = data.groupby("Batch", observed=True)["Yield"].mean().sort_values()
    np.testing.assert_allclose(dots(ax, "no pooling"), np.column_stack([means, np.arange(6)]))
    fitted = fit.coef["Batch"]["Intercept"].loc[means.index]
    np.testing.assert_allclose(dots(ax, "partial pooling")[:, 0], fitted)
    assert [label.get_text() for label in ax.get_yticklabels()] == list(means.index)
    assert ax.get_xlabel() == "mean Yield"
    np.testing.assert_allclose(line(ax, "complete pooling")[:, 0], data["Yield"].mean())


def test_shrinkage_of_cell_means():
    """(0 + Machine | Worker): the basis is the three indicators, and partial pooling the fitted means."""
    fit, data = fit_of("machines_cells"), bmm.load_data("Machines")
    ax = plot_shrinkage(fit, columns=["Machine[A]", "Machine[C]"]).axes[0]
    data["fitted"] = fit.fitted.to_numpy()
    cells = data.groupby(["Worker", "Machine"], observed=True)[["score", "fitted"]].mean().unstack()
    workers = fit.ranef["Worker"].index
    wanted = [cells[what].loc[workers, ["A", "C"]].to_numpy() for what in ("score", "fitted")]
    np.testing.assert_allclose(dots(ax, "no pooling"), wanted[0])
    np.testing.assert_allclose(dots(ax, "partial pooling"), wanted[1])


def test_far_starts_are_left_outside_and_counted():
    ax = plot_shrinkage(fit_of("chem")).axes[0]
    starts, lower = dots(ax, "no pooling"), np.array([ax.get_xlim()[0], ax.get_ylim()[0]])
    upper = np.array([ax.get_xlim()[1], ax.get_ylim()[1]])
    outside = np.any((starts < lower) | (starts > upper), axis=1).sum()
    none = 2410 - len(starts)
    assert (
        ax.get_title()
        == f"{none} of 2,410 without an estimate of their own; {outside} start outside the frame"
    )
    ends = dots(ax, "partial pooling")
    assert ((ends > lower) & (ends < upper)).all()


def test_columns_are_checked():
    with pytest.raises(bmm.ModelError, match="no random effects of 'Dais'"):
        plot_shrinkage(fit_of("sleep"), columns=["Intercept", "Dais"])
    with pytest.raises(bmm.ModelError, match="2 different ones"):
        plot_shrinkage(fit_of("sleep"), columns=["Days", "Days"])
    with pytest.raises(bmm.ModelError, match="1 columns"):
        plot_shrinkage(fit_of("sleep"), columns="Days")


def test_a_picture_without_shrinkage_says_why():
    title = plot_shrinkage(fit_of("dyestuff2")).axes[0].get_title().replace("\n", " ")
    assert (
        title == "the estimated variance of Intercept is zero: every level is pulled all the way to the mean"
    )
    data = bmm.load_data("sleepstudy")
    data["Days"] = data["Subject"].astype("category").cat.codes % 10.0  # one day a subject
    fit = bmm.Model("Reaction ~ Days + (0 + Days | Subject)", data).fit()
    title = plot_shrinkage(fit).axes[0].get_title().replace("\n", " ")
    assert title == "no level's own rows determine Days: only what the model says is shown"


def test_posterior_means_pool_too():
    posterior = posterior_of("sleep")
    ax = plot_shrinkage(posterior).axes[0]
    draws = posterior.data["posterior"]
    own = draws["1|Subject"] + draws["Intercept"], draws["Days|Subject"] + draws["Days"]
    wanted = np.column_stack([part.mean(("chain", "draw")).to_numpy() for part in own])
    np.testing.assert_allclose(dots(ax, "partial pooling"), wanted)
