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
        ("broken.parquet", "can't be read"),
        ("table.xlsx", "ends in '.xlsx'"),
        ("dir.csv", "not a file"),
    ],
)
def test_bad_files_are_one_line_and_exit_code_1(tmp_path, file, says):
    from bayesmm.cli.read import read_table

    bad_files(tmp_path)
    with pytest.raises(bmm.FileError, match=re.escape(says)) as caught:
        read_table(tmp_path / file)
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
