"""How many columns of a terminal a text takes, and lines that keep within some."""

from __future__ import annotations

import unicodedata


def columns_of(text: str) -> int:
    """Two columns for a wide character, none for a combining one, otherwise one.

    Examples
    --------
    >>> columns_of("γ₀₀"), columns_of("年齢")
    (3, 4)
    """
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) != 0 for character in text)


def wrapped(text: str, width: int, indent: int = 0, hanging: int | None = None) -> list[str]:
    """The text in lines of at most ``width`` columns, broken at spaces and, where there are none, anywhere.

    Parameters
    ----------
    indent, hanging
        Spaces before the first line and before the others, which have as many unless it is said.

    Examples
    --------
    >>> wrapped("sd of the residuals", 12)
    ['sd of the', 'residuals']
    """
    later = indent if hanging is None else hanging
    lines, start = [], " " * indent
    line, empty = start, True
    for word in text.split(" "):
        if not empty and columns_of(line) + 1 + columns_of(word) > width:
            lines.append(line.rstrip())
            line, empty = " " * later, True
        line += word if empty else f" {word}"
        empty = False
        while columns_of(line) > width:
            at = _fitting(line, width)
            lines.append(line[:at])
            line = " " * later + line[at:]
    return [*lines, line.rstrip()]


def _fitting(line: str, width: int) -> int:
    """How many characters of a line fit."""
    at = len(line)
    while columns_of(line[:at]) > width:
        at -= 1
    return at
