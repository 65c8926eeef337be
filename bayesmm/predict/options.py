"""The choices that predictions offer, and the checks of what was chosen."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from bayesmm.errors import ModelError, near_matches

KINDS = ("mean", "response")
"""What may be predicted: Xβ + Zb, or a response to be observed."""
NEW_LEVELS = ("error", "population", "sample")
"""What may become of levels that were not seen."""


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Whether an option is one of its choices.

    Raises
    ------
    ModelError
        If not.

    Examples
    --------
    >>> check_choice("kind", "mean", KINDS)
    """
    if not isinstance(value, str) or value not in choices:
        raise ModelError(
            f"{name} is {value!r}",
            expected=f"one of {', '.join(map(repr, choices))}",
            advice=near_matches(value, choices),
        )


def check_count(name: str, value: Any, *, advice: str) -> int:
    """A whole number above zero.

    Raises
    ------
    ModelError
        If it is anything else.

    Examples
    --------
    >>> check_count("draws", 500, advice="draws=500")
    500
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ModelError(f"{name} is {value!r}", expected="a whole number above zero", advice=advice)
    return int(value)
