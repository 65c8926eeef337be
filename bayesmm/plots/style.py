"""The colours and sizes of every plot, in one place.

The colours are Okabe and Ito's (Color Universal Design, 2008), which people with any of the common colour
deficiencies can tell apart; no plot needs colour alone, since line styles and markers differ too.
"""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

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
LABELLED = 60
"""More levels than this go without their names."""


def effect_label(column: str, response: str) -> str:
    """A coefficient with its unit."""
    return f"{column} ({unit(column, response)})"


def unit(column: str, response: str) -> str:
    """The unit of a coefficient: that of the response for a constant or a level, otherwise per unit."""
    return response if column == INTERCEPT or column.endswith("]") else f"{response} per unit"


def tidy(ax: Axes, *, x: str = "", y: str = "", title: str = "") -> None:
    """Labels, and a frame that stays in the background."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=SMALL)
    if x:
        ax.set_xlabel(x, fontsize=TEXT)
    if y:
        ax.set_ylabel(y, fontsize=TEXT)
    if title:
        ax.set_title(title, fontsize=TEXT)


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
