"""The commands. A user's mistake is one line on standard error and exit code 1; wrong usage is code 2."""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import bayesmm
from bayesmm.cli import options
from bayesmm.errors import BayesmmError, DesignNotice, FileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import Console

    from bayesmm.priors import Prior

app = typer.Typer(
    help="Bayesian mixed models: one formula, the REML estimate and the posterior side by side.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback(invoke_without_command=True)
def version(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Bayesian mixed models: one formula, the REML estimate and the posterior side by side."""
    if show_version:
        typer.echo(f"bayesmm {bayesmm.__version__}")
        raise typer.Exit


@app.command()
def demo(seed: options.Seed = 1, report: options.Page = None) -> None:
    """The main job on embedded data: sleep deprivation and reaction times, 18 subjects over 10 days."""
    run(
        "Reaction ~ Days + (Days | Subject)",
        lambda: bayesmm.load_data("sleepstudy"),
        sampling={"random_seed": seed},
        report=report,
    )


@app.command()
def fit(
    formula: options.Formula,
    file: options.File,
    reml: options.Reml = True,
    weights: options.Weights = None,
    bayes: options.Bayes = False,
    prior: options.Priors = None,
    draws: options.Draws = None,
    chains: options.Chains = None,
    seed: options.Seed = 1,
    sep: options.Sep = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    text: options.Text = None,
    output: options.Output = None,
    report: options.Page = None,
) -> None:
    """Fit a formula to a file."""
    from bayesmm.checks import check_count
    from bayesmm.cli.prior import read_priors
    from bayesmm.cli.read import read_table

    sampling = {}
    for name, value, usual in (("draws", draws, 1000), ("chains", chains, 4)):
        if value is not None:
            sampling[name] = check_count(f"--{name}", value, advice=f"--{name} {usual}")
    priors = read_priors(prior or ())
    run(
        formula,
        lambda: read_table(file, sep=sep, decimal=decimal, encoding=encoding, text=text or ()),
        reml=reml,
        bayes=bayes or bool(priors) or bool(sampling),
        weights=weights,
        priors=priors,
        sampling=sampling | {"random_seed": seed},
        output=output,
        report=report,
    )


def run(
    formula: str,
    read: Callable[[], Any],
    *,
    sampling: Mapping[str, int],
    reml: bool = True,
    bayes: bool = True,
    weights: str | None = None,
    priors: Mapping[str, Prior] | None = None,
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
    with _noted(console):
        data = read()
    started = time.perf_counter()
    with _noted(console):
        model = bayesmm.Model(formula, data, weights=weights, priors=priors)
        show(model.describe(), console)
    built = time.perf_counter()
    estimate = model.fit(reml=reml)
    show(estimate.summary(), console)
    fitted = time.perf_counter()
    spent = [("matrices", built - started), (estimate.method, fitted - built)]
    posterior = comparison = None
    if bayes:
        posterior = model.sample(**sampling)
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


@contextlib.contextmanager
def _noted(console: Console) -> Iterator[None]:
    """Print the notices that are given meanwhile, after what is printed meanwhile."""
    with warnings.catch_warnings(record=True) as notices:
        warnings.simplefilter("always", DesignNotice)
        yield
    for notice in notices:
        console.print(f"note: {notice.message}", markup=False)


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
