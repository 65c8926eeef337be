"""The numbers of a column as text: the same decimals, as many as the largest and the smallest deserve."""

from __future__ import annotations

import numpy as np
import pandas as pd

FEWEST = 2
"""Significant digits that the smallest number of a column has at least."""
WIDEST = 5
"""Powers of ten between the largest and the smallest number, up to which they share their decimals."""


def format_column(values: pd.Series, digits: int) -> list[str]:
    """The values as text: numbers with the same decimals, ``digits`` significant ones in the largest.

    The smallest has at least ``FEWEST`` of them. Where that would take too many decimals each number has its
    own. Whole-number columns stay whole; missing values are blank; text stays text.

    Examples
    --------
    >>> format_column(pd.Series([66.912, 0.20713, 39.6712]), 4)
    ['66.91', '0.21', '39.67']
    """
    if values.dtype.kind not in "iuf":
        return ["" if v is None or v is pd.NA or v != v else str(v) for v in values]
    numbers = values.to_numpy(dtype=float)
    if np.all(numbers[np.isfinite(numbers)] % 1 == 0):
        return ["" if np.isnan(v) else f"{v:.0f}" for v in numbers]
    sizes = np.abs(numbers[np.isfinite(numbers) & (numbers != 0)])
    largest, smallest = (int(np.floor(np.log10(size))) for size in (sizes.max(), sizes.min()))
    if smallest >= -5 and largest <= 8 and largest - smallest <= WIDEST:
        decimals = max(digits - 1 - largest, FEWEST - 1 - smallest, 0)
        return ["" if np.isnan(v) else f"{v:.{decimals}f}" for v in numbers]
    texts = [_format_number(v, digits) for v in numbers]
    after = [len(text) - text.index(".") if "." in text else 0 for text in texts]
    return [text + " " * (max(after) - n) if text else "" for text, n in zip(texts, after, strict=True)]


def _format_number(value: float, digits: int) -> str:
    if np.isnan(value):
        return ""
    size = int(np.floor(np.log10(abs(value)))) if value != 0 and np.isfinite(value) else 0
    if not -5 <= size <= 8:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(digits - 1 - max(size, -1), 0)}f}"
