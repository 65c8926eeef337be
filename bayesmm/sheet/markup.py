"""A sheet as HTML, for a notebook."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from bayesmm.sheet.table import Table

if TYPE_CHECKING:
    from bayesmm.sheet.sheet import Sheet

_NUMBER = "text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums"


def html_of(sheet: Sheet) -> str:
    """Title, facts, tables and notes in one division."""
    facts = "".join(
        f"<tr><th scope='row' style='text-align:left'>{html.escape(label)}</th>"
        f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
        for label, text in sheet.facts
    )
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in sheet.notes)
    tables = "".join(_html_table(table) for table in sheet.tables)
    facts = f"<table>{facts}</table>" if facts else ""
    return f"<div><h4>{html.escape(sheet.title)}</h4>{facts}{tables}{notes}</div>"


def _html_table(table: Table) -> str:
    """Numbers to the right, padded with spaces as wide as a digit; text to the left."""
    heads, rows = table.cells()
    numeric = table.numeric
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


def _cell(tag: str, style: str, text: str) -> str:
    return f"<{tag} style='{style}'>{html.escape(text)}</{tag.split()[0]}>"
