"""``Table``: a titled frame, and its cells as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesmm.sheet.numbers import format_column


@dataclass(frozen=True, eq=False)
class Table:
    """A titled table; the index is its first column.

    Numbers are shown with ``digits`` significant digits, by the rule of :func:`format_column`, or with the
    ``decimals`` that are given for a column, one number for each row.
    """

    title: str
    frame: pd.DataFrame
    digits: int = 5
    decimals: Mapping[str, Sequence[int]] | None = None

    @property
    def numeric(self) -> tuple[bool, ...]:
        """For each column, the names of the rows first, whether it has numbers, which stand to the right."""
        return False, *(dtype.kind in "iuf" for dtype in self.frame.dtypes)

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """The column headings and the rows, as text."""
        frame, decimals = self.frame, self.decimals or {}
        columns = [[str(label) for label in frame.index]]
        for i, name in enumerate(map(str, frame.columns)):
            values = frame.iloc[:, i]
            if name in decimals:
                pairs = zip(values, decimals[name], strict=True)
                columns.append(["" if np.isnan(v) else f"{v:.{places}f}" for v, places in pairs])
            else:
                columns.append(format_column(values, self.digits))
        return ["", *map(str, frame.columns)], [list(row) for row in zip(*columns, strict=True)]
