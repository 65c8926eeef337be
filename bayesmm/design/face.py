"""How a design and its parts show themselves: sizes, the terms behind the bars, and the first rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bayesmm.sheet import Sheet, Table

if TYPE_CHECKING:
    from bayesmm.design.columns import Columns
    from bayesmm.design.design import Design
    from bayesmm.design.factor import Factor
    from bayesmm.design.random_term import RandomTerm
    from bayesmm.design.sources import ModelMatrix

ROWS = 5
"""How many rows are shown."""
COLUMNS = 8
"""How many columns of X are shown with them."""


def design_sheet(design: Design) -> Sheet:
    """Sizes, random terms and first rows of a design."""
    facts = [
        ("Formula", str(design.formula)),
        ("y", f"{design.n}: {design.response}"),
        ("X", f"{design.n} × {design.p}: {_listed(design.names)}" if design.p else f"{design.n} × 0"),
        ("Z", f"{design.n} × {design.q}, sparse"),
    ]
    if given := given_columns(design):
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


def term_sheet(term: RandomTerm) -> Sheet:
    """A random term: its group, columns, effects and covariance, and its first rows."""
    shown = min(ROWS, term.matrix.n)
    structure = term.covariance
    size = len(structure.owners) + (0 if structure.shape is None else structure.shape.size)
    rows = matrix_rows(term.columns, term.matrix, shown)
    rows.insert(0, term.group, [term.factor.labels[code] for code in term.factor.codes[:shown]])
    return Sheet(
        title=f"Random term ({term.label})",
        facts=(
            ("Group", f"{term.group}, {rows_of_levels(term.factor)}"),
            ("Effects", f"{term.k} × {len(term.factor)}: {_listed(term.columns)}"),
            ("Covariance", f"{structure.name}, {counted(size, 'parameter')}"),
        ),
        tables=(Table(f"First {shown} rows: the level and Xi", rows),),
    )


def factor_sheet(factor: Factor) -> Sheet:
    """A grouping factor: how many levels and rows, and the first levels."""
    counts = factor.sizes[:ROWS]
    first = pd.DataFrame({"rows": counts}, index=factor.labels[:ROWS])
    return Sheet(
        title=f"Grouping factor {factor.name}",
        facts=(("Levels", rows_of_levels(factor)),),
        tables=(Table(f"First {len(first)} levels", first),),
    )


def columns_sheet(columns: Columns) -> Sheet:
    """A recipe: the columns that it makes, and of what."""
    p = len(columns.names)
    facts = [("Columns", f"{p}: {_listed(columns.names)}" if p else "none")]
    references = ", ".join(f"{name} = {level}" for name, level in columns.references.items())
    if references:
        facts.append(("Reference", references))
    if columns.variables:
        facts.append(("Of", ", ".join(sorted(columns.variables))))
    return Sheet(title=f"Columns of {columns.text}", facts=tuple(facts), tables=())


def rows_of_levels(factor: Factor) -> str:
    """``18 levels of 10 rows``."""
    counts = factor.sizes
    low, high = int(counts.min()), int(counts.max())
    rows = counted(low, "row") if low == high else f"{low} to {high} rows"
    return f"{counted(len(factor), 'level')} of {rows}"


def matrix_rows(names: tuple[str, ...], matrix: ModelMatrix, count: int) -> pd.DataFrame:
    """The first columns of the first rows of a model matrix."""
    few = matrix.rows(slice(0, count))[:, :COLUMNS]
    return pd.DataFrame(few, columns=list(names[:COLUMNS]), index=list(map(str, range(1, count + 1))))


def counted(count: int, what: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _listed(names: tuple[str, ...]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - COLUMNS
    return ", ".join(names[:COLUMNS]) + (f", … ({more} more)" if more > 0 else "")


def given_columns(design: Design) -> list[str]:
    """What was given besides the formula: ``weights w``, or ``weights`` where it had no name."""
    found = []
    if design.weights is not None:
        found.append(f"weights {design.given.weights or ''}".strip())
    if design.given.has_offset:
        found.append(f"offset {design.given.offset or ''}".strip())
    return found


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
    first = design.rows.fixed.rows(slice(0, count))
    columns += [pd.Series(first[:, i], name=name) for i, name in enumerate(design.names[:COLUMNS])]
    for name, factor in design.factors.items():
        labels = factor.labels
        columns.append(pd.Series([labels[code] for code in factor.codes[:count]], name=name, dtype=object))
    return pd.concat(columns, axis=1).set_axis(list(map(str, design.index[:count])), axis=0)
