"""How a design shows itself: sizes, the terms behind the bars, and the first rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bayesmm.sheet import Sheet, Table

if TYPE_CHECKING:
    from bayesmm.design.design import Design

ROWS = 5
"""How many rows are shown."""
COLUMNS = 8
"""How many columns of X are shown with them."""


def design_sheet(design: Design) -> Sheet:
    """Sizes, random terms and first rows of a design."""
    listed = ", ".join(design.names[:COLUMNS])
    more = design.p - COLUMNS
    if more > 0:
        listed += f", … ({more} more)"
    facts = [
        ("Formula", str(design.formula)),
        ("y", f"{design.n}: {design.response}"),
        ("X", f"{design.n} × {design.p}: {listed}" if design.p else f"{design.n} × 0"),
        ("Z", f"{design.n} × {design.q}, sparse"),
    ]
    given = [
        name
        for name, values in (("weights", design.weights), ("offset", design.offset))
        if values is not None
    ]
    if given:
        facts.append(("Given", " and ".join(given)))
    shown = min(ROWS, design.n)
    return Sheet(
        title="Design of a linear mixed model",
        facts=(*facts, *design.facts.items()),
        tables=(
            Table("Random terms", random_terms(design)),
            Table(f"First {shown} rows: y, X and the levels", first_rows(design, shown)),
        ),
    )


def random_terms(design: Design) -> pd.DataFrame:
    """Each random term with its columns, levels, number of effects and covariance."""
    return pd.DataFrame(
        {
            "columns": [", ".join(term.columns) for term in design.terms],
            "levels": [len(term.factor) for term in design.terms],
            "effects": [term.k * len(term.factor) for term in design.terms],
            "covariance": [term.covariance.name for term in design.terms],
        },
        index=[f"({term.label})" for term in design.terms],
    )


def first_rows(design: Design, count: int) -> pd.DataFrame:
    """The response, the first columns of X and the levels of the first rows, by the rows' labels."""
    columns = [pd.Series(design.y[:count], name=design.response)]
    columns += [pd.Series(design.X[:count, i], name=name) for i, name in enumerate(design.names[:COLUMNS])]
    for name, factor in design.factors.items():
        labels = factor.labels
        columns.append(pd.Series([labels[code] for code in factor.codes[:count]], name=name, dtype=object))
    return pd.concat(columns, axis=1).set_axis(list(map(str, design.index[:count])), axis=0)
