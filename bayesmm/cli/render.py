"""A :class:`~bayesmm.sheet.Sheet` on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from bayesmm.sheet import Sheet, Table


def show(sheet: Sheet, console: Console) -> None:
    """Print a sheet: title, facts, tables, notes."""
    console.print()
    console.rule(f"[bold]{escape(sheet.title)}", align="left")
    facts = RichTable.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for label, text in sheet.facts:
        facts.add_row(escape(label), escape(text))
    console.print(facts)
    for table in sheet.tables:
        console.print(_table(table))
    for note in sheet.notes:
        console.print(escape(note))


def _table(table: Table) -> RichTable:
    heads, rows = table.cells()
    shown = RichTable(
        title=escape(table.title), title_justify="left", title_style="italic", box=None, header_style="bold"
    )
    numeric = [False, *(dtype.kind in "iuf" for dtype in table.frame.dtypes)]
    for head, right in zip(heads, numeric, strict=True):
        shown.add_column(escape(head), justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in rows:
        shown.add_row(*map(escape, row))
    return shown
