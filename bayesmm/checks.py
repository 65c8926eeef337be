"""What options may be: a choice, a count, a probability. The same words wherever they are refused."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from bayesmm.errors import ModelError, near_matches


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Whether an option is one of its choices.

    Raises
    ------
    ModelError
        If not.

    Examples
    --------
    >>> check_choice("kind", "mean", ("mean", "response"))
    """
    if not isinstance(value, str) or value not in choices:
        raise ModelError(
            f"{name} is {value!r}",
            expected=f"one of {', '.join(map(repr, choices))}",
            advice=near_matches(value, choices),
        )


def check_count(name: str, value: Any, *, advice: str, least: int = 1) -> int:
    """A whole number of at least ``least``.

    Raises
    ------
    ModelError
        If it is anything else.

    Examples
    --------
    >>> check_count("draws", 500, advice="draws=500")
    500
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        expected = "a whole number above zero" if least == 1 else f"a whole number of at least {least}"
        raise ModelError(f"{name} is {value!r}", expected=expected, advice=advice)
    return int(value)


def check_prob(prob: Any, *, usual: float = 0.95, name: str = "prob", advice: str = "") -> float:
    """A probability that an interval can have.

    Parameters
    ----------
    usual
        What is advised.
    name
        What the option is called.
    advice
        In other words than ``prob=0.95``.

    Raises
    ------
    ModelError
        If it is anything else.

    Examples
    --------
    >>> check_prob(0.9)
    0.9
    """
    number = isinstance(prob, Real) and not isinstance(prob, bool)
    if not number or not 0 < prob < 1:
        meant = prob / 100 if number and 1 < prob < 100 else usual
        raise ModelError(
            f"{name} is {prob!r}",
            expected="a probability between 0 and 1",
            advice=advice or f"{name}={meant:g}",
        )
    return float(prob)
