"""Reading numbers back from a picture."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.lines import Line2D


def line(ax: Axes, label: str) -> np.ndarray:
    """(m, 2) the points of the one line with a label."""
    (found,) = [one for one in ax.lines if one.get_label() == label]
    return found.get_xydata()


def lines_of(ax: Axes, colour: str) -> list[Line2D]:
    """The lines of a colour."""
    return [one for one in ax.lines if one.get_color() == colour]


def dots(ax: Axes, label: str) -> np.ndarray:
    """(n, 2) the points of the one scatter with a label."""
    (found,) = [c for c in ax.collections if isinstance(c, PathCollection) and c.get_label() == label]
    return np.asarray(found.get_offsets())


def segments(ax: Axes) -> list[np.ndarray]:
    """The pieces of the one collection of lines."""
    (found,) = [c for c in ax.collections if isinstance(c, LineCollection)]
    return list(found.get_segments())
