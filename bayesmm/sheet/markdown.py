"""A sheet in Markdown: facts as a list, tables with pipes, notes as paragraphs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bayesmm.sheet.table import Table

if TYPE_CHECKING:
    from bayesmm.sheet.sheet import Sheet

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#&$])")
"""What starts emphasis, code, a link, HTML, an entity, a formula or another cell."""


def markdown_of(sheet: Sheet, *, facts: bool) -> str:
    """The whole sheet, or its tables alone."""
    blocks = []
    if facts:
        blocks.append(f"**{escaped(sheet.title)}**")
        if sheet.facts:
            blocks.append("\n".join(f"- {escaped(label)}: {escaped(text)}" for label, text in sheet.facts))
    for table in sheet.tables:
        blocks += [f"**{escaped(table.title)}**", _table(table)]
    if facts:
        blocks += [escaped(note) for note in sheet.notes]
    return "\n\n".join(blocks) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it stands, in one line.

    Examples
    --------
    >>> print(escaped("Days|Subject_sigma"))
    Days\\|Subject\\_sigma
    """
    return _SPECIAL.sub(r"\\\1", text.replace("\n", " "))


def _table(table: Table) -> str:
    heads, rows = table.cells()
    rule = ["--:" if right else ":--" for right in table.numeric]
    cells = [[escaped(text.strip()) for text in row] for row in rows]
    return "\n".join(_line(row) for row in ([escaped(head) for head in heads], rule, *cells))


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
