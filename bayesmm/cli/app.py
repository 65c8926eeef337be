"""The commands. A user's mistake is one line on standard error and exit code 1; wrong usage is code 2."""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

import bayesmm
from bayesmm.errors import BayesmmError, DesignNotice, FileError

app = typer.Typer(
    help="Bayesian mixed models: one formula, the REML estimate and the posterior side by side.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Seed = Annotated[int, typer.Option("--seed", help="Seed of the random numbers.")]
Page = Annotated[Path | None, typer.Option("--report", help="An HTML file to write a report to.")]


@app.callback(invoke_without_command=True)
def version(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Bayesian mixed models: one formula, the REML estimate and the posterior side by side."""
    if show_version:
        typer.echo(f"bayesmm {bayesmm.__version__}")
        raise typer.Exit


@app.command()
def demo(seed: Seed = 1, report: Page = None) -> None:
    """The main job on embedded data: sleep deprivation and reaction times, 18 subjects over 10 days."""
    data = bayesmm.load_data("sleepstudy")
    run("Reaction ~ Days + (Days | Subject)", data, seed=seed, report=report)


@app.command()
def fit(
    formula: Annotated[str, typer.Argument(help='lme4\'s language: "y ~ x + (x | g)".')],
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file, one row for each observation.")],
    reml: Annotated[bool, typer.Option("--reml/--ml", help="Which likelihood to maximise.")] = True,
    bayes: Annotated[bool, typer.Option("--bayes", help="Sample the posterior too, and compare.")] = False,
    seed: Seed = 1,
    output: Annotated[Path | None, typer.Option("--output", help="A folder to write the results to.")] = None,
    report: Page = None,
) -> None:
    """Fit a formula to a file."""
    from bayesmm.cli.read import read_table

    data = read_table(file)
    run(formula, data, reml=reml, bayes=bayes, seed=seed, output=output, report=report)


def run(
    formula: str,
    data: Any,
    *,
    reml: bool = True,
    bayes: bool = True,
    seed: int = 1,
    output: Path | None = None,
    report: Path | None = None,
) -> None:
    """Model, estimate and, if asked for, posterior and comparison: printed, and written where asked for."""
    from rich.console import Console

    from bayesmm.cli.render import show

    console = Console(width=None if sys.stdout.isatty() else 110)
    folder = None if output is None else _folder(output)
    if report is not None:
        _folder(report.parent, option="--report")
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as notices:
        warnings.simplefilter("always", DesignNotice)
        model = bayesmm.Model(formula, data)
    show(model.describe(), console)
    for notice in notices:
        console.print(f"note: {notice.message}", markup=False)
    built = time.perf_counter()
    estimate = model.fit(reml=reml)
    show(estimate.summary(), console)
    fitted = time.perf_counter()
    spent = [("matrices", built - started), (estimate.method, fitted - built)]
    posterior = comparison = None
    if bayes:
        posterior = model.sample(random_seed=seed)
        comparison = bayesmm.compare(posterior, estimate)
        show(posterior.sheet(), console)
        show(comparison.sheet(), console)
        spent.append(("posterior", time.perf_counter() - fitted))
    console.print("\nSeconds: " + ", ".join(f"{what} {seconds:.2f}" for what, seconds in spent), markup=False)
    if folder is not None:
        write_results(folder, estimate, posterior, comparison)
        console.print(f"Written to {folder}", markup=False)
    if report is not None:
        written = bayesmm.report(model, estimate, posterior, comparison, path=report)
        console.print(f"Report of {written.title} written to {report}", markup=False)


def write_results(folder: Path, estimate: Any, posterior: Any, comparison: Any) -> None:
    """Coefficients, variances and random effects as CSV; the posterior as netCDF."""
    coefficients = estimate.beta.to_frame("estimate").assign(se=estimate.se)
    coefficients.to_csv(folder / "coefficients.csv", index_label="name")
    estimate.varcorr.assign(se=estimate.sdcor_se).to_csv(folder / "variances.csv", index=False)
    for group, effects in estimate.ranef.items():
        effects.to_csv(folder / f"effects_{group.replace(':', '_')}.csv")
    (folder / "summary.txt").write_text(f"{estimate.summary()}\n", encoding="utf-8")
    if posterior is not None:
        posterior.save(folder / "posterior.nc")
        posterior.summary().to_csv(folder / "posterior.csv", index_label="name")
        comparison.table.to_csv(folder / "comparison.csv", index_label="name")


def _folder(path: Path, option: str = "--output") -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"the folder '{path}' can't be made: {error.strerror}",
            expected="a folder to write to",
            advice=f"another {option}",
        ) from None
    return path


def main() -> None:
    """Run the command line: the entry point of the ``bayesmm`` script."""
    try:
        app()
    except BayesmmError as error:
        print(f"bayesmm: {error.one_line}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
