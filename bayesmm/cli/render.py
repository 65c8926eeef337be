"""A :class:`~bayesmm.sheet.Sheet` on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from bayesmm.sheet import Sheet, Table, broken


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
        console.print(_table(table, console.width))
    for note in sheet.notes:
        console.print(escape(note))


def _table(table: Table, width: int) -> RichTable:
    heads, rows = table.cells()
    others = sum(max(len(row[i]) for row in [heads, *rows]) + 2 for i in range(1, len(heads)))
    rows = [[broken(row[0], width - others - 2), *row[1:]] for row in rows]
    shown = RichTable(
        title=escape(table.title), title_justify="left", title_style="italic", box=None, header_style="bold"
    )
    for i, (head, right) in enumerate(zip(heads, table.numeric, strict=True)):
        justify, whole = "right" if right else "left", right or i == 0
        shown.add_column(escape(head), justify=justify, no_wrap=whole, overflow="fold")
    for row in rows:
        shown.add_row(*map(escape, row))
    return shown
