"""The colours and sizes of every plot, in one place.

The colours are Okabe and Ito's (Color Universal Design, 2008), which people with any of the common colour
deficiencies can tell apart; no plot needs colour alone, since line styles and markers differ too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from bayesmm.design.naming import INTERCEPT

BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
OKABE_ITO = (BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE)

DATA = "#707070"
"""Observations."""
FAINT = "#B0B0B0"
"""Guide lines."""
ESTIMATE = BLUE
"""What an estimate says; of the three ways to pool, partial pooling."""
POSTERIOR = VERMILLION
"""What a posterior says."""
NO_POOLING = ORANGE
"""Each group for itself."""
COMPLETE_POOLING = BLACK
"""All groups as one."""
COUNT_MAP = "Blues"
"""Shares of entries."""
SIGNED_MAP = "RdBu_r"
"""Values on both sides of zero."""

TEXT = 9
"""Points: labels."""
SMALL = 8
"""Points: ticks, titles of small panels, legends."""
MANY = 5_000
"""More points than this are counted in hexagons, or drawn as an image inside a vector file."""
LETTER = 0.53
"""The mean width of a letter, as a share of its size."""
REACH = 1.2
"""How far a title may reach, as a share of the width of its axes."""
LEVEL = 32
"""Characters of a level's name in a line."""
LABELLED = 60
"""More levels than this go without their names."""


def effect_label(column: str, response: str) -> str:
    """A coefficient with its unit."""
    return f"{column} ({unit(column, response)})"


def unit(column: str, response: str) -> str:
    """The unit of a coefficient: that of the response for a constant or a level, otherwise per unit."""
    return response if column == INTERCEPT or column.endswith("]") else f"{response} per unit"


def tidy(ax: Axes, *, x: str = "", y: str = "", title: str = "") -> None:
    """Labels, in as many lines as the axes' sides ask for, and a frame that stays in the background."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=SMALL)
    width, height = characters(ax)
    if x:
        ax.set_xlabel(wrapped(x, int(0.9 * width)), fontsize=TEXT)
    if y:
        ax.set_ylabel(wrapped(y, height), fontsize=TEXT)
    if title:
        ax.set_title(wrapped(title, int(REACH * width)), fontsize=TEXT)


def characters(part: Axes | FigureBase, size: float = TEXT) -> tuple[int, int]:
    """How many characters of a size in points stand along the lower and the left side of axes or a figure."""
    inches = (part.bbox.width / part.figure.dpi, part.bbox.height / part.figure.dpi)
    across, up = (int(inch * 72 / (LETTER * size)) for inch in inches)
    return across, up


def beside(labels: Sequence[str]) -> float:
    """Inches that levels' names take beside axes, beyond those that short ones do; none if there are many."""
    if len(labels) > LABELLED:
        return 0.0
    longest = max(len(line) for label in labels for line in wrapped(label, LEVEL).split("\n"))
    return LETTER * SMALL / 72 * max(longest - 8, 0)


def wrapped(text: str, width: int) -> str:
    """Lines of at most ``width`` characters, broken at spaces and beside the signs that names are made of.

    A word longer than a line is broken after an underscore, a point or a hyphen, if it has one; never
    elsewhere.

    Examples
    --------
    >>> print(wrapped("relative_clause[object]|participant_sigma", 26))
    relative_clause[object]|
    participant_sigma
    >>> wrapped("Reaction per unit", 40)
    'Reaction per unit'
    """
    pieces = []
    for piece in re.findall(r"[^\s|:\[(,]*[\s|:,]+|[\[(]?[^\s|:\[(,]+[|:,\s]*|[\[(]", text):
        pieces += [piece] if len(piece.strip()) <= width else re.findall(r"[^_.\-]*[_.\-]+|[^_.\-]+", piece)
    return "\n".join(line.rstrip() for line in _filled(pieces, width))


def _filled(pieces: Sequence[str], width: int) -> list[str]:
    lines: list[str] = []
    for piece in pieces:
        if lines and len((lines[-1] + piece).rstrip()) <= width:
            lines[-1] += piece
        else:
            lines.append(piece)
    return lines


def points(n: int) -> dict[str, Any]:
    """How n points are drawn: smaller, fainter and at last as an image the more there are."""
    if n <= 200:
        return {"s": 18, "alpha": 0.9, "linewidths": 0}
    if n <= MANY:
        return {"s": 8, "alpha": 0.5, "linewidths": 0}
    return {"s": 2, "alpha": 0.25, "linewidths": 0, "rasterized": True}


def strokes(n: int) -> dict[str, Any]:
    """How n lines are drawn."""
    if n <= 30:
        return {"linewidths": 1.4, "alpha": 0.9}
    if n <= 300:
        return {"linewidths": 0.8, "alpha": 0.6}
    return {"linewidths": 0.4, "alpha": 0.15 if n > 1500 else 0.3, "rasterized": True}
