"""What the commands take, with the help that is shown for it, in panels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def _option(panel: str, text: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=text, metavar=metavar, rich_help_panel=panel)


Formula = Annotated[str, typer.Argument(help='lme4\'s language: "y ~ x + (x | g)".')]
File = Annotated[Path, typer.Argument(help="A CSV or Parquet file, one row for each observation.")]

Reml = Annotated[bool, _option("Model", "Which likelihood to maximise.", "--reml/--ml")]
Weights = Annotated[
    str | None, _option("Model", "Precision weights w, residual variance σ²/w.", metavar="COLUMN")
]

Bayes = Annotated[bool, _option("Posterior", "Sample the posterior too, and compare.", "--bayes")]
Priors = Annotated[
    list[str] | None,
    _option(
        "Posterior", "'Days=Normal(0, 10)'; repeatable; implies --bayes.", "--prior", metavar="NAME=EXPR"
    ),
]
Draws = Annotated[int | None, _option("Posterior", "Draws in each chain, 1000; implies --bayes.")]
Chains = Annotated[int | None, _option("Posterior", "Independent chains, 4; implies --bayes.")]
Seed = Annotated[int, _option("Posterior", "Seed of the random numbers.")]

Sep = Annotated[str | None, _option("Data", "What stands between columns: a character, or tab.")]
Decimal = Annotated[str | None, _option("Data", "The decimal point: '.' or ','.")]
Encoding = Annotated[str | None, _option("Data", "The encoding, where it isn't UTF-8.")]
Text = Annotated[list[str] | None, _option("Data", "A column of text; repeatable.", metavar="COLUMN")]

Output = Annotated[Path | None, _option("Results", "A folder to write tables and draws to.")]
Page = Annotated[Path | None, _option("Results", "An HTML file to write a report to.", "--report")]
