"""What the page says is what the estimate, the posterior and the data say."""

import ast
import hashlib

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.special
import scipy.stats

import bayesmm as bmm
from bayesmm.reporting.recipe import code_of, fingerprint
from tests.fits import fit_of, posterior_of
from tests.reporting.html_page import (
    every,
    half_unit,
    number_of,
    page_of,
    parsed,
    table_of,
    text_of,
    tree_of,
)


def close(cell: str, value: float) -> None:
    assert number_of(cell) == pytest.approx(value, abs=half_unit(cell)), (cell, value)


@pytest.mark.parametrize("name", ["sleep", "hsb", "penicillin"])
def test_coefficients_and_their_wald_intervals(name):
    estimate = fit_of(name)
    shown = table_of(tree_of(name), "Coefficients")
    assert list(shown) == list(estimate.beta.index)
    for label, row in shown.items():
        value, se = estimate.beta[label], estimate.se[label]
        wald = (value, se, value - 1.959963985 * se, value + 1.959963985 * se)
        for cell, number in zip(row.values(), wald, strict=True):
            close(cell, number)


def test_variances_are_the_estimates_and_the_undefined_is_called_so():
    estimate = fit_of("sleep")
    tree = tree_of("sleep")
    cells = [
        [text_of(cell) for cell in row]
        for table in every(tree, "table")
        if text_of(next(every(table, "caption"))).startswith("Standard deviations")
        for row in next(every(table, "tbody"))
    ]
    for row, number in zip(cells, estimate.varcorr["sdcor"], strict=True):
        close(row[3], number)
    for row, number in zip(cells, estimate.sdcor_se, strict=True):
        close(row[4], number)


def test_r2_and_shares():
    estimate = fit_of("penicillin")
    shown = table_of(tree_of("penicillin"), "How much of the variance")
    close(shown["R², conditional"]["REML"], estimate.r2()["conditional"])
    for group, share in estimate.icc().items():
        close(shown[f"share of {group}"]["REML"], share)


@pytest.mark.parametrize("name", ["sleep", "dyestuff2"])
def test_the_posterior_stands_beside_the_estimate(name):
    comparison = bmm.compare(posterior_of(name), fit_of(name))
    shown = table_of(tree_of(name, bayes=True), "The REML estimate beside")
    assert list(shown) == list(comparison.table.index)
    percent = f"{100 * comparison.prob:g} %"
    for label, row in comparison.table.iterrows():
        for key in ("mean", "sd"):
            close(shown[label][key], row[key])
        close(shown[label][f"lower {percent}"], row["lower"])
        close(shown[label][f"upper {percent}"], row["upper"])
        if np.isfinite(row["estimate"]):
            close(shown[label]["estimate"], row["estimate"])
        assert shown[label]["verdict"] == row["verdict"]


def test_replicated_statistics_are_those_of_the_posteriors_own_replicates():
    posterior = posterior_of("sleep")
    tree = posterior.predict(kind="response", thin=3, random_seed=1, draws=True)
    replicates = tree["posterior_predictive"]["Reaction"].to_numpy().reshape(-1, 180)
    shown = table_of(tree_of("sleep", bayes=True), "The responses beside")
    y = fit_of("sleep").model.design.y
    close(shown["largest value"]["observed"], y.max())
    close(shown["largest value"]["replicated, median"], np.median(replicates.max(axis=1)))
    close(shown["sd"]["share ≥"], np.mean(replicates.std(axis=1, ddof=1) >= y.std(ddof=1)))


@pytest.mark.usefixtures("undrawn")
def test_the_data_are_described_as_they_are():
    data = bmm.load_data("sleepstudy")
    data = data.drop(index=[5, 6, 7])
    data.loc[20, "Days"] = np.nan
    model = bmm.Model("Reaction ~ Days + (Days | Subject)", data)
    page = parsed(bmm.report(model, model.fit()).html)
    body = text_of(next(every(page, "body")))
    assert "176 were used; 1 more was dropped: a value was missing" in body
    assert "Rows of each level" in body
    groups = table_of(page, "Grouping factors")["Subject"]
    assert [groups[key] for key in ("levels", "fewest rows", "most rows")] == ["18", "7", "10"]
    assert "308 7" in body
    columns = table_of(page, "The response and the columns")
    used = data.dropna()
    for key, value in (("mean", used["Reaction"].mean()), ("sd", used["Reaction"].std())):
        close(columns["Reaction"][key], value)


def test_nesting_references_and_dropped_columns_are_told():
    groups = table_of(tree_of("pastes"), "Grouping factors")
    assert groups["batch:cask"]["nested in"] == "batch"
    assert groups["batch"]["nested in"] == "no other"
    assert "A for Machine" in page_of("machines").html
    data = bmm.load_data("sleepstudy").assign(Twice=lambda d: 2 * d["Days"])
    with pytest.warns(bmm.DesignNotice):
        model = bmm.Model("Reaction ~ Days + Twice + (1 | Subject)", data)
    assert "Twice: they depend linearly on others" in bmm.report(model, model.fit()).html


def test_certificates_are_told_in_words():
    for name in ("sleep", "dyestuff2"):
        page = text_of(tree_of(name, bayes=True))
        assert " ".join(fit_of(name).certificate.verdict.split()) in page
        assert posterior_of(name).certificate.verdict in page
    assert "variance" in fit_of("dyestuff2").certificate.verdict + str(fit_of("dyestuff2").certificate)
    for direction in fit_of("dyestuff2").certificate.singular_directions:
        assert direction in text_of(tree_of("dyestuff2"))


def test_the_question_is_read_off_the_formula():
    for name, question in {
        "sleep": "How does Reaction depend on Days, and how much do levels of Subject differ?",
        "hsb": "How does mAch depend on meanses, cses and sector and their interactions, "
        "and how much do levels of school differ?",
        "penicillin": "How much does diameter differ between levels of plate and levels of sample?",
    }.items():
        assert f'<p class="question">{question}</p>' in page_of(name).html


def test_a_page_without_posterior_says_nothing_of_one():
    page = text_of(next(every(tree_of("sleep"), "main")))
    for word in ("R-hat", "replicate", "prior", "Seed"):
        assert word not in page


def test_the_fingerprint_is_the_documented_digest_and_sees_every_change():
    data = bmm.load_data("Dyestuff")
    design = bmm.Model("Yield ~ 1 + (1 | Batch)", data).design
    codes, levels = pd.factorize(data["Batch"], sort=True)
    digest = hashlib.sha256()
    for piece in (
        b"y(30,)",
        data["Yield"].to_numpy(dtype="<f8").tobytes(),
        b"X(30, 1)",
        np.ones(30, dtype="<f8").tobytes(),
        b"1 | Batch(30, 1)",
        np.ones(30, dtype="<f8").tobytes(),
        b"codes(30,)",
        codes.astype("<i8").tobytes(),
        "\0".join(map(str, levels)).encode(),
    ):
        digest.update(piece)
    assert fingerprint(design) == digest.hexdigest()
    assert fingerprint(design) in page_of("dyestuff").html
    changed = data.copy()
    changed.loc[3, "Yield"] += 1
    renamed = data.assign(Batch=data["Batch"].astype(str).replace("A", "Z0"))
    heavier = bmm.Model("Yield ~ 1 + (1 | Batch)", data, weights=np.full(30, 2.0))
    others = [bmm.Model("Yield ~ 1 + (1 | Batch)", d).design for d in (changed, renamed, data[::-1])]
    found = {fingerprint(d) for d in (design, heavier.design, *others)}
    assert len(found) == 5


@pytest.mark.usefixtures("undrawn")
def test_the_code_on_the_page_makes_the_page_again(tmp_path, monkeypatch):
    data = bmm.load_data("sleepstudy")
    model = bmm.Model(
        "Reaction ~ Days + (Days | Subject)",
        data,
        priors={"Days": bmm.Prior("Normal", mu=0, sigma=10)},
        covariance={"Subject": "diagonal"},
    )
    estimate = model.fit(reml=False)
    posterior = model.sample(draws=200, chains=2, random_seed=4, progressbar=False)
    page = bmm.report(model, estimate, posterior)
    code = text_of_code(page.html)
    assert code == code_of(model, estimate, posterior)
    ast.parse(code)
    monkeypatch.chdir(tmp_path)
    data.to_csv("data.csv", index=False)
    exec(compile(code, "page", "exec"), {})
    again = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert table_of(parsed(again), "The ML estimate") == table_of(parsed(page.html), "The ML estimate")
    assert f"bayesmm {bmm.__version__}" in again


THIRD = 3.0


def cubed(x):
    return x**3


def run(code: str, data: pd.DataFrame, folder, monkeypatch) -> dict:
    """What a recipe makes of data that it reads from a file."""
    monkeypatch.chdir(folder)
    data.to_csv("data.csv", index=False)
    made: dict = {}
    exec(compile(code, "page", "exec"), made)
    return made


@pytest.fixture(scope="module")
def odd() -> pd.DataFrame:
    """Columns that a file doesn't keep the types of: ordered and reordered categories, numbers as text."""
    rng = np.random.default_rng(8)
    data = pd.DataFrame(
        {
            "y": rng.normal(size=120),
            "x": rng.normal(size=120),
            "arm": pd.Categorical(np.tile(["drug", "placebo"], 60), ["placebo", "drug"]),
            "dose": pd.Categorical(np.tile(["low", "mid", "high"], 40), ["low", "mid", "high"], ordered=True),
            "site": rng.choice(["01", "02", "3"], 120),
            "id": np.repeat([f"{i:03d}" for i in range(12)], 10),
            "w": rng.uniform(0.5, 2, 120),
            "log_t": rng.uniform(0, 3, 120),
        }
    )
    data["y"] += rng.normal(size=12)[np.arange(120) // 10]
    return data


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("convert", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])
def test_the_code_names_weights_offset_and_what_the_formula_uses(odd, convert, tmp_path, monkeypatch):
    model = bmm.Model(
        "y ~ cubed(x) + I(x / THIRD) + I(np.linalg.norm(w) * half * x**2) + center(spread(x)):arm"
        " + arm + dose + site + (1 | id)",
        convert(odd),
        weights="w",
        offset="log_t",
        namespace={"cubed": cubed, "half": 0.5, "spread": np.tanh, "unused": print},
    )
    estimate = model.fit()
    code = code_of(model, estimate, None)
    made = run(code, odd, tmp_path, monkeypatch)
    pd.testing.assert_series_equal(made["estimate"].beta, estimate.beta, rtol=1e-6)
    assert made["estimate"].criterion == pytest.approx(estimate.criterion, abs=1e-8)
    assert fingerprint(made["model"].design) == fingerprint(model.design)
    assert made["model"].design.factors["id"].levels.equals(model.design.factors["id"].levels)
    page = text_of(next(every(parsed(bmm.report(model, estimate).html), "body")))
    assert ", the column w" in page
    assert "a known part of the response was given, the column log_t" in page
    assert "Given      weights w and offset log_t" in str(model.design.describe())
    assert "weights='w'" in code
    assert "offset='log_t'" in code
    assert "unused" not in code
    assert "..." not in code


def test_the_code_imports_the_modules_that_the_formula_uses(odd, tmp_path, monkeypatch):
    modules = {"scipy": scipy, "special": scipy.special}
    formula = "y ~ special.expit(x) + scipy.stats.zscore(w):arm + (1 | id)"
    model = bmm.Model(formula, odd, namespace=modules)
    code = code_of(model, model.fit(), None)
    for line in ("import scipy", "import scipy.stats", "import scipy.special as special"):
        assert line in code.splitlines()
    made = run(code, odd, tmp_path, monkeypatch)
    assert fingerprint(made["model"].design) == fingerprint(model.design)


def test_the_code_draws_the_same_posterior_with_what_was_named(odd, tmp_path, monkeypatch):
    model = bmm.Model("y ~ I(x / THIRD) + offset(x) + (1 | id)", odd, weights="w", offset="log_t")
    posterior = model.sample(draws=100, chains=2, random_seed=3, progressbar=False)
    made = run(code_of(model, model.fit(), posterior), odd, tmp_path, monkeypatch)
    for name in ("sigma", "Intercept"):
        ours, again = (p.data["posterior"][name].to_numpy() for p in (posterior, made["posterior"]))
        np.testing.assert_allclose(again, ours, rtol=1e-6)


def test_the_code_says_where_it_lacks_what_can_not_be_written(odd):
    model = bmm.Model("y ~ f(x) + (1 | id)", odd, namespace={"f": lambda x: 2 * x}, offset=odd["log_t"])
    code = code_of(model, model.fit(), None)
    assert "namespace={'f': ...}" in code
    assert "offset=..." in code
    assert "# instead of ... what was given" in code


def text_of_code(page: str) -> str:
    (code,) = (element for element in every(parsed(page), "code") if "import bayesmm" in text_of(element))
    return "".join(code.itertext())


@pytest.mark.usefixtures("undrawn")
def test_code_says_what_it_cannot_know_and_pictures_say_what_is_level():
    data = bmm.load_data("sleepstudy")
    model = bmm.Model("Reaction ~ Days + (1 | Subject)", data, weights=np.linspace(1, 2, 180))
    page = bmm.report(model, model.fit())
    code = text_of_code(page.html)
    assert "weights=..." in code
    assert "offset" not in code
    assert "# instead of ... what was given" in code
    said = [image.get("alt") for image in every(parsed(page.html), "img")]
    slope = model.fit().beta["Days"]
    assert any(f"All lines have the slope {slope:.2f}; they differ in height" in alt for alt in said)


@pytest.mark.usefixtures("undrawn")
def test_summed_up_effects_leave_the_replicates_out():
    model = fit_of("sleep").model
    posterior = model.sample(draws=200, chains=2, random_seed=1, progressbar=False, effects="summary")
    page = bmm.report(model, fit_of("sleep"), posterior).html
    assert "The responses beside" not in page
    assert "The draws of the posterior" in page


def test_versions_are_those_installed():
    import platform

    shown = table_of(tree_of("sleep", bayes=True), "Versions")
    found = {name: row["version"] for name, row in shown.items()}
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert found["bayesmm"] == bmm.__version__
    assert "pymc" not in found  # it made nothing here
    assert "arviz" not in table_of(tree_of("sleep"), "Versions")
