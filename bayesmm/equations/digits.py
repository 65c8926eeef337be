"""Numbers as they are shown: four significant digits for estimates, the data's own digits for data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesmm.equations.tree import Number

ESTIMATE_DIGITS = 4
DATA_DIGITS = 5


def estimate_number(value: float, digits: int = ESTIMATE_DIGITS) -> Number:
    """A number with ``digits`` significant digits; whole digits are never rounded off below a million.

    Examples
    --------
    >>> [estimate_number(v).text for v in (251.40510, -0.0123456, 12345.6, 0.0, 3.2e-7)]
    ['251.4', '-0.01235', '12346', '0', '3.200e-07']
    """
    value = float(value)
    if value == 0 or not np.isfinite(value):
        return Number(value, f"{value:g}" if value else "0")
    size = int(np.floor(np.log10(abs(float(f"{value:.{digits - 1}e}")))))
    if not -5 <= size <= 6:
        return Number(value, f"{value:.{digits - 1}e}")
    return Number(value, f"{value:.{max(digits - 1 - size, 0)}f}")


def short_number(value: float) -> Number:
    """A number with four significant digits at most, and no zeros at its end.

    Examples
    --------
    >>> short_number(4.5).text, short_number(298.5079).text
    ('4.5', '298.5')
    """
    return Number(float(value), f"{value:.{ESTIMATE_DIGITS}g}")


def data_numbers(values: Sequence[float] | np.ndarray, digits: int = DATA_DIGITS) -> list[Number]:
    """Numbers of one column with equally many decimals: as many as they need, or as ``digits`` allow.

    Examples
    --------
    >>> [number.text for number in data_numbers([0.0, 1.0, 2.0])]
    ['0', '1', '2']
    >>> [number.text for number in data_numbers([205.2658, 3.5])]
    ['205.27', '3.50']
    """
    array = np.asarray(values, dtype=float)
    largest = float(np.max(np.abs(array), initial=0.0))
    if largest == 0:
        return [Number(0.0, "0") for _ in array]
    size = int(np.floor(np.log10(largest)))
    if not -5 <= size <= 9:
        return [Number(float(v), f"{v:.{digits - 1}e}" if v else "0") for v in array]
    most = max(digits - 1 - size, 0)
    decimals = next(
        (d for d in range(most) if np.allclose(np.round(array, d), array, rtol=1e-9, atol=0.0)), most
    )
    return [Number(float(v), _without_negative_zero(f"{v:.{decimals}f}")) for v in array]


def _without_negative_zero(text: str) -> str:
    return text.removeprefix("-") if not text.strip("-0.") else text
