"""The command line as a user meets it: by its output and its exit code."""

import re
import subprocess
import sys
from types import SimpleNamespace

import pandas as pd
import pytest

import bayesmm as bmm
from bayesmm.cli import main

FORMULA = "Yield ~ 1 + (1 | Batch)"


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["bayesmm", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        printed = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=printed.out, stderr=printed.err)

    return run


def test_the_installed_command_ends_with_the_exit_code_of_its_error():
    arguments = ["fit", "y ~ 1 + (1 | g)", "nowhere.csv"]
    code = f"import sys; sys.argv[1:] = {arguments}; from bayesmm.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("bayesmm: there is no file")


@pytest.fixture(scope="module")
def dyestuff(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "dyestuff.csv"
    bmm.load_data("Dyestuff").to_csv(path, index=False)
    return path


def test_a_formula_doesn_t_see_the_variables_of_the_command_line(run, dyestuff):
    done = run("fit", "Yield ~ I(Yield * sys) + (1 | Batch)", dyestuff)
    assert done.returncode == 1
    assert "no column 'sys'" in done.stderr


def test_demo_shows_model_estimate_posterior_and_comparison(run):
    done = run("demo")
    assert done.returncode == 0, done.stderr
    for piece in (
        "Linear mixed model",
        "fitted by REML",
        "Posterior",
        "REML beside the posterior",
        "Seconds:",
    ):
        assert piece in done.stdout
    assert "251.4" in done.stdout
    assert "corr|Subject[1, Days]" in done.stdout
    assert done.stderr == ""


def test_fit_writes_its_results(run, dyestuff, tmp_path):
    out = tmp_path / "out"
    done = run("fit", FORMULA, dyestuff, "--ml", "--bayes", "--seed", 3, "--output", out)
    assert done.returncode == 0, done.stderr
    assert "fitted by ML" in done.stdout
    estimate = bmm.Model(FORMULA, bmm.load_data("Dyestuff")).fit(reml=False)
    coefficients = pd.read_csv(out / "coefficients.csv", index_col="name")
    assert coefficients.loc["Intercept", "estimate"] == pytest.approx(estimate.beta["Intercept"])
    variances = pd.read_csv(out / "variances.csv")
    assert variances["sdcor"].to_numpy() == pytest.approx(estimate.varcorr["sdcor"].to_numpy())
    assert len(pd.read_csv(out / "effects_Batch.csv")) == 6
    assert bmm.Posterior.load(out / "posterior.nc").data["posterior"].sizes["chain"] == 4
    assert "sigma" in pd.read_csv(out / "comparison.csv", index_col="name").index


def test_fit_reads_parquet_and_ignores_nothing(run, tmp_path):
    path = tmp_path / "sleep.parquet"
    bmm.load_data("sleepstudy").to_parquet(path)
    done = run("fit", "Reaction ~ Days + (Days || Subject)", path)
    assert done.returncode == 0, done.stderr
    assert "diagonal" in done.stdout
    assert "Posterior" not in done.stdout


def test_aliased_columns_are_told_in_a_note(run, tmp_path):
    data = bmm.load_data("sleepstudy").assign(Twice=lambda d: 2 * d["Days"])
    data.to_csv(tmp_path / "sleep.csv", index=False)
    done = run("fit", "Reaction ~ Days + Twice + (1 | Subject)", tmp_path / "sleep.csv")
    assert done.returncode == 0
    assert re.search(r"note: .*Twice", done.stdout)


def test_version(run):
    assert run("--version").stdout.strip() == f"bayesmm {bmm.__version__}"


def bad_files(folder):
    (folder / "empty.csv").write_text("")
    (folder / "header.csv").write_text("a,b\n")
    (folder / "broken.csv").write_text('a,b\n1,2\n1,2,3,4\n"')
    (folder / "semicolons.csv").write_text("a;b\n1,5;2\n")
    (folder / "tabs.csv").write_text("a\tb\n1\t2\n")
    (folder / "latin.csv").write_bytes("a,b\nJosé,2\n".encode("latin-1"))
    (folder / "broken.parquet").write_bytes(b"not parquet")
    (folder / "table.xlsx").write_bytes(b"")
    (folder / "dir.csv").mkdir()


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("nowhere.csv", "there is no file"),
        ("empty.csv", "no rows"),
        ("header.csv", "no rows"),
        ("broken.csv", "can't be read"),
        ("semicolons.csv", "--sep ';', and --decimal ','"),
        ("tabs.csv", "--sep tab"),
        ("latin.csv", "--encoding cp1252"),
        ("broken.parquet", "can't be read"),
        ("table.xlsx", "ends in '.xlsx'"),
        ("dir.csv", "not a file"),
    ],
)
def test_bad_files_are_one_line_and_exit_code_1(tmp_path, file, says):
    from bayesmm.cli.read import read_table

    bad_files(tmp_path)
    with pytest.raises(bmm.FileError) as caught:
        read_table(tmp_path / file)
    assert says in str(caught.value)
    assert caught.value.expected
    assert caught.value.advice
    assert "\n" not in caught.value.one_line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["y ~ x", "{file}"], "random"),
        (["Yield ~ 1 + (1 | Bach)", "{file}"], "did you mean 'Batch'?"),
        (["Yield ~ 1 + (1 | Batch", "{file}"], "never closed"),
        ([FORMULA, "nowhere.csv"], "no file"),
        ([FORMULA, "{file}", "--sep", "ab"], "--sep is 'ab'"),
        ([FORMULA, "{file}", "--sep", "."], "both marked by '.'"),
        ([FORMULA, "{file}", "--sep", ";"], "expected columns with ';' between them; try: --sep ','"),
        ([FORMULA, "{file}", "--decimal", ""], "--decimal is ''"),
        ([FORMULA, "{file}", "--decimal", ","], "both marked by ','"),
        ([FORMULA, "{file}", "--encoding", "utf-99"], "--encoding is 'utf-99'"),
        ([FORMULA, "{file}", "--text", "Bach"], "--text is 'Bach'"),
        ([FORMULA, "{file}", "--weights", "Bach"], "no column 'Bach'"),
        ([FORMULA, "{file}", "--weights", "Batch"], "weights are not numbers"),
        ([FORMULA, "{file}", "--draws", "0"], "--draws is 0"),
        ([FORMULA, "{file}", "--chains", "-1"], "--chains is -1"),
        ([FORMULA, "{file}", "--prior", "Intercept"], "--prior is 'Intercept'"),
        ([FORMULA, "{file}", "--prior", "Intercept=Normal(open('x'), 1)"], "--prior is"),
        ([FORMULA, "{file}", "--prior", "Intercept=Normal(0, 1).x()"], "--prior is"),
        ([FORMULA, "{file}", "--prior", "Intercept=Normal(0, 1, 2)"], "more numbers than Normal"),
        ([FORMULA, "{file}", "--prior", "Intercept=Normal(0, mu=1)"], "more numbers than Normal"),
        ([FORMULA, "{file}", "--prior", "Intercept=Normal(0, -1)"], "sigma of Normal is -1"),
        ([FORMULA, "{file}", "--prior", "Intercept=Norml(0, 1)"], "did you mean 'Normal'"),
        ([FORMULA, "{file}", "--prior", "Intercept=Normal(0)"], "without sigma"),
        ([FORMULA, "{file}", "--prior", "Days=Normal(0, 1)"], "names no parameter"),
        ([FORMULA, "{file}", "--prior", "sd=LKJ(1)"], "above zero"),
        ([FORMULA, "{file}", *2 * ["--prior", "sd=HalfNormal(1)"]], "two priors of 'sd'"),
    ],
)
def test_a_users_mistake_is_one_line_without_traceback(run, dyestuff, arguments, says):
    done = run("fit", *(argument.format(file=dyestuff) for argument in arguments))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("bayesmm: ")
    assert says in done.stderr


def test_wrong_usage_is_exit_code_2(run, dyestuff):
    assert run("fit", FORMULA).returncode == 2
    assert run("fit", FORMULA, dyestuff, "--nonsense").returncode == 2


@pytest.mark.parametrize("bayes", [False, True])
def test_fit_writes_a_report(run, dyestuff, tmp_path, bayes):
    page = tmp_path / "new" / "page.html"
    done = run("fit", FORMULA, dyestuff, *(["--bayes", "--seed", 2] if bayes else []), "--report", page)
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert FORMULA in text
    assert ("beside the posterior" in text) == bayes
    assert "Report of" in done.stdout
    assert ("random_seed=2" in text) == bayes


def test_a_report_that_cant_be_written_is_one_line(run, dyestuff, tmp_path):
    done = run("fit", FORMULA, dyestuff, "--report", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("bayesmm: ")
    assert done.stderr.count("\n") == 1


# What a file says of its columns


def identifiers(folder, sep=",", decimal=".", encoding="utf-8"):
    """A table whose groups are 001 … 010, and 1 … 10 if they were numbers."""
    rows = [f"Größe{sep}id{sep}code{sep}w{sep}x"]
    for i in range(60):
        y, w = (f"{value:.3f}".replace(".", decimal) for value in ((i * 37 % 11) / 7, 1 + i % 3))
        rows.append(sep.join([y, f"{i // 6 + 1:03d}", str(i % 4), w, str(i % 5)]))
    path = folder / "identifiers.csv"
    path.write_text("\n".join(rows), encoding=encoding)
    return path


def test_identifiers_with_leading_zeros_are_text(run, tmp_path):
    out = tmp_path / "out"
    done = run("fit", "Größe ~ x + (1 | id)", identifiers(tmp_path), "--output", out)
    assert done.returncode == 0, done.stderr
    assert "note: taken as text, for their numbers have leading zeros: 'id'" in done.stdout
    levels = pd.read_csv(out / "effects_id.csv", dtype=str).iloc[:, 0].tolist()
    assert levels == [f"{i:03d}" for i in range(1, 11)]


@pytest.mark.parametrize("missing", ["", "NA"])
def test_a_missing_identifier_makes_no_number_of_the_others(tmp_path, missing):
    from bayesmm.cli.read import read_table

    (tmp_path / "ids.csv").write_text(f"id,z,x\n007,0,0.5\n{missing},0,00.5\n010,-3,7\n")
    with pytest.warns(bmm.DesignNotice, match="leading zeros: 'id'$"):
        table = read_table(tmp_path / "ids.csv")
    assert table["id"].dropna().tolist() == ["007", "010"]
    assert table["z"].tolist() == [0, 0, -3]
    assert table["x"].tolist() == [0.5, 0.5, 7.0]


def test_a_column_can_be_taken_as_text(run, tmp_path):
    path = identifiers(tmp_path)
    formula = "Größe ~ code + (1 | id)"
    assert "code[1]" not in run("fit", formula, path).stdout
    shown = run("fit", formula, path, "--text", "code", "--text", "x").stdout
    assert all(f"code[{i}]" in shown for i in (1, 2, 3))
    pd.read_csv(path).to_parquet(tmp_path / "same.parquet")
    assert "code[3]" in run("fit", formula, tmp_path / "same.parquet", "--text", "code").stdout


@pytest.mark.parametrize("sep", [";", "tab", "\\t"])
def test_other_separators_decimals_and_encodings(run, tmp_path, sep):
    mark = ";" if sep == ";" else "\t"
    path = identifiers(tmp_path, mark, ",", "cp1252")
    formula = "Größe ~ x + (1 | id)"
    done = run("fit", formula, path, "--sep", sep, "--decimal", ",", "--encoding", "cp1252")
    assert done.returncode == 0, done.stderr
    expected = run("fit", formula, identifiers(tmp_path))
    assert done.stdout.split("Seconds")[0] == expected.stdout.split("Seconds")[0]


def test_a_parquet_file_has_no_separator(run, tmp_path):
    bmm.load_data("Dyestuff").to_parquet(tmp_path / "d.parquet")
    done = run("fit", FORMULA, tmp_path / "d.parquet", "--sep", ";")
    assert done.returncode == 1
    assert "is a Parquet file" in done.stderr


def test_dictionaries_of_a_parquet_file_have_no_order_of_their_own(run, tmp_path):
    import polars as pl

    data = bmm.load_data("sleepstudy").assign(arm=["treated", "control"] * 90)
    frame = pl.from_pandas(data).with_columns(pl.col("arm").cast(pl.Categorical))
    frame.write_parquet(tmp_path / "p.parquet")
    assert "arm[treated]" in run("fit", "Reaction ~ arm + (1 | Subject)", tmp_path / "p.parquet").stdout


# The options of the model


def test_weights_are_a_column(run, tmp_path):
    path, out = identifiers(tmp_path), tmp_path / "out"
    done = run("fit", "Größe ~ x + (1 | id)", path, "--weights", "w", "--ml", "--output", out)
    assert done.returncode == 0, done.stderr
    data = pd.read_csv(path)
    fit = bmm.Model("Größe ~ x + (1 | id)", data, weights="w").fit(reml=False)
    written = pd.read_csv(out / "coefficients.csv", index_col="name")
    assert written["estimate"].to_numpy() == pytest.approx(fit.beta.to_numpy())


def test_priors_draws_and_chains_ask_for_a_posterior(run, dyestuff, tmp_path):
    options = ["--prior", "Intercept=Normal(1000, sigma=1)", "--prior", "sd = HalfNormal(5)"]
    sizes = ["--draws", 300, "--chains", 3, "--output", tmp_path]
    done = run("fit", FORMULA, dyestuff, *options, *sizes, "--seed", 2)
    assert done.returncode == 0, done.stderr
    assert "Normal(mu=1000, sigma=1)" in done.stdout
    assert "HalfNormal(sigma=5)" in done.stdout
    posterior = bmm.Posterior.load(tmp_path / "posterior.nc").data["posterior"]
    assert dict(posterior["sigma"].sizes) == {"chain": 3, "draw": 300}
    assert float(posterior["Intercept"].mean()) == pytest.approx(1000, abs=5)


def test_a_priors_name_may_have_an_equals_sign_and_its_numbers_may_be_many():
    from bayesmm.cli.prior import read_priors

    found = read_priors(["I(x == 2)=Normal(0, 1)", "cond = Normal([-1, 1e-3], sigma=2)"])
    assert found == {
        "I(x == 2)": bmm.Prior("Normal", mu=0, sigma=1),
        "cond": bmm.Prior("Normal", mu=[-1, 0.001], sigma=2),
    }


def test_the_module_can_be_run():
    done = subprocess.run([sys.executable, "-m", "bayesmm", "--version"], capture_output=True, text=True)
    assert done.stdout.strip() == f"bayesmm {bmm.__version__}"
    done = subprocess.run(
        [sys.executable, "-m", "bayesmm", "fit", "y ~ 1 + (1|g)", "no.csv"], capture_output=True
    )
    assert done.returncode == 1
