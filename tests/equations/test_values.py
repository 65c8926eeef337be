"""Numbers in the place of symbols, one cluster's numbers, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesmm as bmm
from bayesmm.equations import equations_of
from bayesmm.equations.filled import values_of
from bayesmm.equations.tree import Equation, Expr, Matrix, Number, Power, Product, Sum, Under
from bayesmm.errors import DataError, ModelError
from bayesmm.posterior import Posterior
from tests.equations.cases import NAMES, filled, fitted, model, written

ESTIMATED = tuple(name for name in NAMES if name != "insteval")


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    return model("sleepstudy").sample(draws=300, random_seed=5, progressbar=False)


def entries(matrix: Expr) -> list[list[float]]:
    assert isinstance(matrix, Matrix)
    return [[entry.value for entry in row] for row in matrix.rows if isinstance(row[0], Number)]


def summands(equation: Equation) -> tuple[Expr, ...]:
    assert isinstance(equation.right, Sum)
    return equation.right.terms


# Estimates


@pytest.mark.parametrize("name", ESTIMATED)
def test_the_table_of_symbols_has_the_estimates(name: str):
    estimate, table = fitted(name), filled(name).symbols
    coefficients = table[table["kind"] == "coefficient"].set_index("name")["value"]
    pd.testing.assert_series_equal(
        coefficients.reindex(estimate.beta.index), estimate.beta, check_names=False, check_dtype=False
    )
    varcorr = estimate.varcorr
    sds = table[table["kind"] == "sd"]["value"].to_numpy()
    wanted = varcorr["sdcor"][varcorr["term2"].isna()].to_numpy()
    if name == "machines_identity":  # one standard deviation for three columns
        wanted = wanted[2:]
    np.testing.assert_allclose(sds, wanted, rtol=1e-12, atol=1e-12)
    covariances = table[table["kind"] == "covariance"]["value"].to_numpy()
    np.testing.assert_allclose(covariances, varcorr["vcov"][varcorr["term2"].notna()], rtol=1e-12, atol=1e-12)


def test_the_numbers_are_those_of_the_estimate():
    """The numbers in the tree keep all their digits."""
    estimate, equations = fitted("sleepstudy"), filled("sleepstudy")
    level2 = equations.levels.sections[1].equations
    assert [summands(line)[0].value for line in level2[:2]] == estimate.beta.to_list()
    covariance = level2[2].right.arguments[1]
    np.testing.assert_allclose(entries(covariance), estimate.covariances[0], rtol=1e-12)
    residual = equations.levels.sections[0].equations[1].right.arguments[1]
    assert residual == Power(Number(estimate.sigma, "25.59"), "2")
    first, slope, *_ = summands(equations.combined.sections[0].equations[0])
    assert first.value == estimate.beta["Intercept"]
    assert slope.factors[0].value == estimate.beta["Days"]


@pytest.mark.parametrize(("reml", "source"), [(True, "REML estimates"), (False, "ML estimates")])
def test_the_source_of_the_numbers_is_said(reml: bool, source: str):
    statement = model("sleepstudy").equations(model("sleepstudy").fit(reml=reml))
    assert statement.values == source
    assert f"  Numbers  {source}\n" in statement.text
    assert source in statement.html


def test_symbols_have_no_numbers_unless_asked():
    statement = model("sleepstudy").equations()
    assert statement.values is None
    assert "value" not in statement.symbols
    assert "Numbers" not in statement.text


def test_a_variance_of_zero():
    """On the boundary a variance is 0, not the square of it."""
    dyestuff2 = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff2"))
    estimate = dyestuff2.fit()
    assert estimate.covariances[0].iloc[0, 0] == 0
    assert "u₀ⱼ ~ N(0, 0)" in dyestuff2.equations(estimate).levels.text


# Posteriors


def test_of_a_posterior_the_means(posterior: Posterior):
    draws = posterior.data["posterior"]
    statement = model("sleepstudy").equations(posterior)
    table = statement.symbols["value"]
    assert statement.values == "posterior means"
    means = {name: float(draws[name].mean()) for name in ("Intercept", "Days", "sigma")}
    assert table["γ₀₀"] == pytest.approx(means["Intercept"], rel=1e-12)
    assert table["γ₁₀"] == pytest.approx(means["Days"], rel=1e-12)
    assert table["σ"] == pytest.approx(means["sigma"], rel=1e-12)
    sd = [float(draws[f"{name}|Subject_sigma"].mean()) for name in ("1", "Days")]
    assert table[["τ₀", "τ₁"]].to_list() == pytest.approx(sd, rel=1e-12)
    correlation = float(draws["corr|Subject"].mean())
    assert table["τ₀₁"] == pytest.approx(sd[0] * sd[1] * correlation, rel=1e-12)


def test_of_a_posterior_the_mean_effects(posterior: Posterior):
    found = values_of(model("sleepstudy"), posterior).effects[0]
    draws = posterior.data["posterior"]
    wanted = [draws[f"{name}|Subject"].mean(("chain", "draw")).to_numpy() for name in ("1", "Days")]
    np.testing.assert_allclose(found, np.column_stack(wanted), rtol=1e-12)


def test_of_a_posterior_with_a_factor_behind_the_bar():
    machines = model("machines_full")
    sampled = machines.sample(draws=100, random_seed=2, progressbar=False)
    values = values_of(machines, sampled)
    draws = sampled.data["posterior"]
    means = draws["Machine|Worker"].mean(("chain", "draw"))
    by_worker = means.transpose("Worker__factor_dim", ...).to_numpy()
    np.testing.assert_allclose(values.effects[0], by_worker, rtol=1e-12)
    np.testing.assert_allclose(
        np.sqrt(np.diag(values.covariances[0])),
        draws["Machine|Worker_sigma"].mean(("chain", "draw")),
        rtol=1e-12,
    )
    assert np.linalg.eigvalsh(values.covariances[0])[0] > 0


# One cluster

CLUSTERS = [
    ("sleepstudy", "Subject", 309),
    ("hsb", "school", "1224"),
    ("pastes", "batch", "A"),
    ("pastes", "batch:cask", "A:a"),
    ("penicillin", "plate", "a"),
    ("nested_and_crossed", "h", 3),
    ("weights_offset", "a", 2),
    ("sleepstudy_two_bars", "Subject", 309),
    ("no_fixed_effects", "Subject", 309),
    ("cake", "recipe:replicate", ("A", 1)),
]


def level_of(name: str, group: str, level: object) -> object:
    """The level in the type that the data have."""
    levels = model(name).design.factors[group].levels
    return level if level in levels or isinstance(levels, pd.MultiIndex) else levels.dtype.type(level)


def shown(values: np.ndarray, most: int) -> np.ndarray:
    """What is left when the middle of an array is left out."""
    return values if len(values) <= most else np.concatenate([values[: most - 2], values[-1:]])


@pytest.mark.parametrize(("name", "group", "level"), CLUSTERS)
def test_a_cluster_has_the_design_s_numbers(name: str, group: str, level: object):
    level = level_of(name, group, level)
    y, X, Z = model(name).design.cluster(group, level)
    section = written(name).cluster(group, level).sections[0]
    numbers = section.equations[1]
    np.testing.assert_array_equal(np.ravel(entries(numbers.left)), shown(y, 6))
    matrices = [m for term in summands(numbers) if isinstance(term, Product) for m in term.factors[:1]]
    wanted = [m for m in (X, Z) if m.shape[1]]
    for matrix, array in zip(matrices, wanted, strict=False):
        columns = [j for j, entry in enumerate(matrix.rows[0]) if isinstance(entry, Number)]
        rows = [row for row in matrix.rows if isinstance(row[0], Number)]
        found = np.array([[row[j].value for j in columns] for row in rows])
        np.testing.assert_array_equal(found, shown(shown(array, 6).T, 5).T)
    sizes = [f.note for term in summands(section.equations[0]) for f in getattr(term, "factors", (term,))]
    n = len(y)
    assert sizes[0] == (f"{n}×{X.shape[1]}" if X.shape[1] else f"{n}×{Z.shape[1]}")
    assert f"{n}×{Z.shape[1]}" in sizes
    assert sizes[-1] == f"{n}×1"


@pytest.mark.parametrize(("name", "group", "level"), CLUSTERS)
def test_a_cluster_s_equation_holds(name: str, group: str, level: object):
    """With numbers, the right-hand side of every row adds up to y; short clusters show all their rows."""
    level = level_of(name, group, level)
    numbers = filled(name).cluster(group, level).sections[0].equations[1]
    design, estimate = model(name).design, fitted(name)
    total = 0.0
    for term in summands(numbers):
        if isinstance(term, Product):
            matrix, vector = term.factors
            if any(not isinstance(entry, Number) for entry in matrix.rows[0]):  # too wide to be shown whole
                beta = estimate.beta.to_numpy()
                total = total + shown(design.cluster(group, level).X @ beta, 6)
                np.testing.assert_array_equal(np.ravel(entries(vector)), shown(beta, 5))
                continue
            total = total + np.array(entries(matrix)) @ np.ravel(entries(vector))
        else:
            total = total + np.ravel(entries(term))
    np.testing.assert_allclose(total, np.ravel(entries(numbers.left)), rtol=1e-9, atol=1e-9)


def test_a_cluster_in_words():
    text = filled("pastes").cluster("batch:cask", "A:a").text
    assert text.split("\n")[0] == "batch:cask A:a (2 rows)"
    assert text.endswith("\n\n  Z₂ⱼ b₂ⱼ: the random effects (1 | batch) in these rows.")


def test_effects_of_other_factors_keep_their_symbols_without_values():
    section = written("penicillin").cluster("plate", "a").sections[0]
    _, _, other, _ = summands(section.equations[1])
    assert all(isinstance(factor, Under) for factor in other.factors)
    assert [factor.note for factor in other.factors] == ["6×6", "6×1"]


# What is refused


@pytest.mark.parametrize(
    ("group", "level", "message"),
    [
        ("Subjct", 309, r"no grouping factor 'Subjct'[\s\S]*did you mean 'Subject'"),
        ("Subject", 999, r"'Subject' has no level 999"),
        ("Subject", "309", r"as int64, the type that the data have"),
    ],
)
def test_a_cluster_that_is_not_there(group: str, level: object, message: str):
    with pytest.raises(DataError, match=message):
        written("sleepstudy").cluster(group, level)


@pytest.mark.parametrize("values", ["REML", 3.0, {"Days": 10.0}, model])
def test_values_of_another_kind(values: object):
    with pytest.raises(ModelError, match="Expected: an Estimate or a Posterior"):
        equations_of(model("sleepstudy"), values)


def test_values_of_another_formula():
    with pytest.raises(ModelError, match=r"the values are of 'Reaction ~ Days \+ \(Days \|\| Subject\)'"):
        model("sleepstudy").equations(fitted("sleepstudy_zerocorr"))


def refit(change: str) -> bmm.Model:
    """sleepstudy's model with something changed that its formula doesn't tell."""
    data, options = bmm.load_data("sleepstudy").copy(), {}
    if change == "response":
        data["Reaction"] = data["Reaction"] + 1.0
    if change == "predictor":
        data["Days"] = 9 - data["Days"]
    if change == "groups":
        data["Subject"] = np.roll(data["Subject"].to_numpy(), 5)
    if change == "covariance":
        options["covariance"] = {"Subject": "diagonal"}
    if change == "weights":
        options["weights"] = np.linspace(1.0, 2.0, len(data))
    if change == "offset":
        options["offset"] = np.ones(len(data))
    return bmm.Model("Reaction ~ Days + (Days | Subject)", data, **options)


@pytest.mark.parametrize("change", ["response", "predictor", "groups", "covariance", "weights", "offset"])
def test_values_of_the_same_formula_on_other_data(change: str):
    with pytest.raises(ModelError, match="the values are of"):
        model("sleepstudy").equations(refit(change).fit())


def test_values_of_the_same_model_built_again_are_taken():
    assert model("sleepstudy").equations(refit("nothing").fit()).values == "REML estimates"


def test_a_posterior_without_its_model(posterior: Posterior):
    with pytest.raises(ModelError, match="loaded without its model"):
        model("sleepstudy").equations(Posterior(posterior.data))
