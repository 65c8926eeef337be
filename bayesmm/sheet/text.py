"""A sheet as text, for a terminal or a notebook's plain output."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bayesmm.sheet.table import Table

if TYPE_CHECKING:
    from bayesmm.sheet.sheet import Sheet

LINE, NARROWEST = 100, 24
"""Columns of text that a line takes at most, if names have at least so many."""


def text_of(sheet: Sheet) -> str:
    """Title, facts one a line, tables, notes."""
    width = max((len(label) for label, _ in sheet.facts), default=0)
    hanging = "\n" + " " * (width + 4)
    facts = [(label, broken(text, LINE - width - 4).replace("\n", hanging)) for label, text in sheet.facts]
    parts = [sheet.title, "\n".join(f"  {label:<{width}}  {text}" for label, text in facts)]
    parts += [f"{table.title}\n{_text_table(table)}" for table in sheet.tables]
    if sheet.notes:
        parts.append("\n".join(sheet.notes))
    return "\n\n".join(part for part in parts if part)


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
    lines = []
    for row in flat:
        cells = [
            f"{cell:>{w}}" if right else f"{cell:<{w}}"
            for cell, w, right in zip(row, widths, table.numeric, strict=True)
        ]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return "\n".join(lines)
