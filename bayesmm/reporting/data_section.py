"""The structure of the data: rows, columns of X, grouping factors and how they nest."""

from __future__ import annotations

import numpy as np

from bayesmm.design import Design
from bayesmm.design.factor import Factor
from bayesmm.reporting.layout import ReportTable, listed, number, table

LISTED = 40
"""Up to how many levels of a factor are listed with their rows."""
MOST_COLUMNS = 60
"""Up to how many columns of X have a line of their own."""


def data_facts(design: Design) -> list[tuple[str, str]]:
    """Sizes and what was done to the data before anything was computed."""
    gone = design.n_dropped
    were = "were" if gone > 1 else "was"
    dropped = f"{gone} more {were} dropped: a value was missing" if gone else "none was dropped"
    references = listed([f"{level} for {name}" for name, level in design.fixed.references.items()])
    facts = [
        ("Rows", f"{design.n} were used; {dropped}"),
        ("Response", design.response.strip("`")),
        ("Fixed part", f"X has {design.p} columns"),
        ("Random part", f"Z has {design.q} columns, a random effect each"),
    ]
    if references:
        facts.append(("Reference levels", f"{references}; coefficients of the other levels are differences"))
    if design.fixed.codings:
        codings = listed([f"{coding} for {name}" for name, coding in design.fixed.codings.items()])
        facts.append(("Contrasts", codings))
    if design.aliased:
        facts.append(("Dropped columns", f"{listed(design.aliased)}: they depend linearly on others"))
    if design.weights is not None:
        low, high = float(design.weights.min()), float(design.weights.max())
        named = f", the column {design.given.weights}" if design.given.weights else ""
        facts.append(("Weights", f"precision weights from {number(low)} to {number(high)}{named}"))
    if design.offset is not None:
        named = f", the column {design.given.offset}" if design.given.offset else ""
        facts.append(("Offset", f"a known part of the response was given{named}"))
    return facts


def group_table(design: Design) -> ReportTable:
    """Each grouping factor: levels, rows per level, and the factors that its levels lie within."""
    rows = []
    for name, factor in design.factors.items():
        counts = np.bincount(factor.codes, minlength=len(factor))
        within = [other for other, outer in design.factors.items() if other != name and nested(factor, outer)]
        columns = [column for term in design.terms_of(name) for column in term.columns]
        rows.append(
            [
                name,
                number(len(factor), 0),
                number(counts.min(), 0),
                f"{np.median(counts):g}",
                number(counts.max(), 0),
                listed(columns),
                listed(within) or "no other",
            ]
        )
    heads = [
        "grouping factor",
        "levels",
        "fewest rows",
        "median rows",
        "most rows",
        "what varies",
        "nested in",
    ]
    return table("Grouping factors and the rows of their levels", heads, rows, text=heads[-2:])


def level_lists(design: Design) -> list[tuple[str, str]]:
    """Each level with its number of rows, where the levels are few and their rows differ in number."""
    found = []
    for name, factor in design.factors.items():
        counts = np.bincount(factor.codes, minlength=len(factor))
        if len(factor) <= LISTED and counts.min() < counts.max():
            pairs = [f"{label} {count}" for label, count in zip(factor.labels, counts, strict=True)]
            found.append((name, ", ".join(pairs)))
    return found


def column_table(design: Design) -> ReportTable:
    """The response and the columns of X: mean, sd and range."""
    columns = [(design.response.strip("`"), design.y)]
    columns += [(name, design.X[:, i]) for i, name in enumerate(design.names)][:MOST_COLUMNS]
    rows = []
    for name, values in columns:
        values = np.asarray(values)
        numbers = (values.mean(), values.std(ddof=1), values.min(), values.max())
        rows.append([name, *(_short(value) for value in numbers)])
    caption = "The response and the columns of X"
    if design.p > MOST_COLUMNS:
        caption += f" (the first {MOST_COLUMNS} of {design.p})"
    return table(caption, ["column", "mean", "sd", "smallest", "largest"], rows)


def nested(inner: Factor, outer: Factor) -> bool:
    """Whether every level of ``inner`` lies within one level of ``outer``."""
    if len(inner) < len(outer):
        return False
    pairs = np.unique(inner.codes * len(outer) + outer.codes)
    return len(pairs) == len(inner)


def _short(value: float) -> str:
    return number(value, 0) if float(value).is_integer() and abs(value) < 1e9 else number(value)
