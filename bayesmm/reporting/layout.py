"""Numbers as they are printed in the report: as many decimals as their uncertainty deserves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

DIGITS = 3
"""Significant digits of an uncertainty; what it belongs to has the same decimals."""


@dataclass(frozen=True)
class ReportTable:
    """A table of the page.

    Attributes
    ----------
    caption
        What it shows.
    heads
        The headings of the columns; the first column names the rows.
    rows
        The cells, as text.
    numeric
        For each column whether its cells are numbers, which are set to the right.
    spans
        Headings over the headings: (text, how many columns); empty for none.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    spans: tuple[tuple[str, int], ...] = ()


def table(
    caption: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    text: Sequence[str] = (),
    spans: Sequence[tuple[str, int]] = (),
) -> ReportTable:
    """Lay out cells; all columns but the first and those named in ``text`` hold numbers.

    Examples
    --------
    >>> made = table("Heights", ["", "cm", "eyes"], [["Ada", "9.5", "blue"]], text=["eyes"])
    >>> made.rows, made.numeric
    ((('Ada', '9.5', 'blue'),), (False, True, False))
    """
    numeric = [position > 0 and head not in text for position, head in enumerate(heads)]
    columns = [
        aligned([row[i] for row in rows]) if numeric[i] else [row[i] for row in rows]
        for i in range(len(heads))
    ]
    cells = tuple(zip(*columns, strict=True))
    return ReportTable(caption, tuple(heads), cells, tuple(numeric), tuple(spans))


def number(value: float, decimals: int | None = None) -> str:
    """A number with a true minus sign; nothing for a missing one; four digits unless decimals are given.

    Examples
    --------
    >>> number(-12.3456, 1), number(0.00012346), number(float("nan")), number(-0.001, 2)
    ('−12.3', '0.0001235', '', '0.00')
    """
    value = float(value)
    if math.isnan(value):
        return ""
    if value == 0 and decimals is None:
        return "0"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = 0 if value == 0 else math.floor(math.log10(abs(value)))
    if not -6 <= size <= 9 and (decimals is None or abs(value) >= 10.0 ** (-decimals)):
        text = f"{value:.3e}"
    else:
        text = f"{value:.{max(3 - size, 0) if decimals is None else decimals}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", "−")


def decimals_for(uncertainty: float, value: float) -> int:
    """Decimals that show an uncertainty with three digits; without one, the value with four.

    Examples
    --------
    >>> decimals_for(6.82, 251.4), decimals_for(0.0512, 6.06), decimals_for(float("nan"), 0.0)
    (2, 4, 3)
    """
    known = math.isfinite(uncertainty) and uncertainty > 0
    scale, digits = (uncertainty, DIGITS) if known else (abs(value), DIGITS + 1)
    if not math.isfinite(scale) or scale == 0:
        return DIGITS
    return min(max(digits - 1 - math.floor(math.log10(scale)), 0), 12)


def aligned(cells: Sequence[str]) -> list[str]:
    """Numbers padded at the right by spaces as wide as a point and as digits, so that points line up."""
    after = [len(cell) - cell.index(".") - 1 if "." in cell else 0 for cell in cells]
    most = max(after, default=0)
    padded = []
    for cell, n in zip(cells, after, strict=True):
        plain = cell and cell.lstrip("−").replace(".", "").isdigit()
        point = "\u2008" if most and not n else ""
        padded.append(cell + (point + "\u2007" * (most - n) if plain else ""))
    return padded


def listed(words: Sequence[str], most: int = 12) -> str:
    """``a, b and c``; beyond ``most`` words, how many more there are.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a"]), listed(list("abcd"), most=2)
    ('a, b and c', 'a', 'a, b and 2 more')
    """
    shown = list(words)
    if len(shown) > most:
        shown = [*shown[:most], f"{len(words) - most} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""
