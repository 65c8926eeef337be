"""``Sheet``: what a result has to say, as facts, tables and notes, shown as text and as HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

FEWEST = 2
"""Significant digits that the smallest number of a column has at least."""
LINE, NARROWEST = 100, 24
"""Columns of text that a line takes at most, if names have at least so many."""
WIDEST = 5
"""Powers of ten between the largest and the smallest number, up to which they share their decimals."""


@dataclass(frozen=True, eq=False)
class Table:
    """A titled table; the index is its first column.

    Numbers are shown with ``digits`` significant digits, by the rule of :func:`format_column`, or with the
    ``decimals`` that are given for a column, one number for each row.
    """

    title: str
    frame: pd.DataFrame
    digits: int = 5
    decimals: Mapping[str, Sequence[int]] | None = None

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """The column headings and the rows, as text."""
        frame, decimals = self.frame, self.decimals or {}
        columns = [[str(label) for label in frame.index]]
        for i, name in enumerate(map(str, frame.columns)):
            values = frame.iloc[:, i]
            if name in decimals:
                pairs = zip(values, decimals[name], strict=True)
                columns.append(["" if np.isnan(v) else f"{v:.{places}f}" for v, places in pairs])
            else:
                columns.append(format_column(values, self.digits))
        return ["", *map(str, frame.columns)], [list(row) for row in zip(*columns, strict=True)]


@dataclass(frozen=True, eq=False)
class Sheet:
    """A result as it is shown to a person.

    Attributes
    ----------
    title
        One line.
    facts
        (label, text) pairs, shown one a line under the title.
    tables
        The tables, in order.
    notes
        Sentences for the end.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        width = max((len(label) for label, _ in self.facts), default=0)
        hanging = "\n" + " " * (width + 4)
        facts = [(label, broken(text, LINE - width - 4).replace("\n", hanging)) for label, text in self.facts]
        parts = [self.title, "\n".join(f"  {label:<{width}}  {text}" for label, text in facts)]
        parts += [f"{table.title}\n{_text_table(table)}" for table in self.tables]
        if self.notes:
            parts.append("\n".join(self.notes))
        return "\n\n".join(part for part in parts if part)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        facts = "".join(
            f"<tr><th scope='row' style='text-align:left'>{html.escape(label)}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for label, text in self.facts
        )
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        tables = "".join(_html_table(table) for table in self.tables)
        facts = f"<table>{facts}</table>" if facts else ""
        return f"<div><h4>{html.escape(self.title)}</h4>{facts}{tables}{notes}</div>"


def format_column(values: pd.Series, digits: int) -> list[str]:
    """The values as text: numbers with the same decimals, ``digits`` significant ones in the largest.

    The smallest has at least ``FEWEST`` of them. Where that would take too many decimals each number has its
    own. Whole-number columns stay whole; missing values are blank; text stays text.

    Examples
    --------
    >>> format_column(pd.Series([66.912, 0.20713, 39.6712]), 4)
    ['66.91', '0.21', '39.67']
    """
    if values.dtype.kind not in "iuf":
        return ["" if v is None or v is pd.NA or v != v else str(v) for v in values]
    numbers = values.to_numpy(dtype=float)
    if np.all(numbers[np.isfinite(numbers)] % 1 == 0):
        return ["" if np.isnan(v) else f"{v:.0f}" for v in numbers]
    sizes = np.abs(numbers[np.isfinite(numbers) & (numbers != 0)])
    largest, smallest = (int(np.floor(np.log10(size))) for size in (sizes.max(), sizes.min()))
    if smallest >= -5 and largest <= 8 and largest - smallest <= WIDEST:
        decimals = max(digits - 1 - largest, FEWEST - 1 - smallest, 0)
        return ["" if np.isnan(v) else f"{v:.{decimals}f}" for v in numbers]
    texts = [_format_number(v, digits) for v in numbers]
    after = [len(text) - text.index(".") if "." in text else 0 for text in texts]
    return [text + " " * (max(after) - n) if text else "" for text, n in zip(texts, after, strict=True)]


def _format_number(value: float, digits: int) -> str:
    if np.isnan(value):
        return ""
    size = int(np.floor(np.log10(abs(value)))) if value != 0 and np.isfinite(value) else 0
    if not -5 <= size <= 8:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(digits - 1 - max(size, -1), 0)}f}"


def broken(name: str, width: int) -> str:
    """A name in lines of at most so many characters, broken after ``|``, ``:`` and spaces, never in a word.

    Examples
    --------
    >>> broken("condition[treated]:time|school:class_sigma", 24)
    'condition[treated]:time|\\nschool:class_sigma'
    """
    lines = [""]
    for piece in re.split(r"(?<=[|: ])", name):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def _text_table(table: Table) -> str:
    heads, rows = table.cells()
    others = sum(max(len(row[i]) for row in [heads, *rows]) + 2 for i in range(1, len(heads)))
    room = max(LINE - 2 - others, NARROWEST)
    names = [broken(row[0], room).split("\n") for row in [heads, *rows]]
    blocks = [
        [[name, *(row[1:] if i == 0 else [""] * (len(row) - 1))] for i, name in enumerate(lines)]
        for lines, row in zip(names, [heads, *rows], strict=True)
    ]
    flat = [line for block in blocks for line in block]
    widths = [max(len(row[i]) for row in flat) for i in range(len(heads))]
    numeric = [False, *(dtype.kind in "iuf" for dtype in table.frame.dtypes)]
    lines = []
    for row in flat:
        cells = [
            f"{cell:>{w}}" if right else f"{cell:<{w}}"
            for cell, w, right in zip(row, widths, numeric, strict=True)
        ]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def _html_table(table: Table) -> str:
    """Numbers to the right, padded with spaces as wide as a digit; text to the left."""
    heads, rows = table.cells()
    numeric = [False, *(dtype.kind in "iuf" for dtype in table.frame.dtypes)]
    styles = [_NUMBER if number else "text-align:left" for number in numeric]
    head = "".join(
        _cell("th scope='col'" if text else "td", style, text)
        for style, text in zip(styles, heads, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            _cell(
                "td" if i else "th scope='row'",
                styles[i],
                text.replace(" ", "\u2007") if numeric[i] else text,
            )
            for i, text in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    title = html.escape(table.title)
    table_html = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<h5>{title}</h5><div style='overflow-x:auto'>{table_html}</div>"


_NUMBER = "text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums"


def _cell(tag: str, style: str, text: str) -> str:
    return f"<{tag} style='{style}'>{html.escape(text)}</{tag.split()[0]}>"
