"""Priors as they are written on the command line: ``Days=Normal(0, 10)``. Nothing of it is executed."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from bayesmm.distributions import DISTRIBUTIONS
from bayesmm.errors import PriorError
from bayesmm.priors import Prior

_PRIOR = re.compile(r"(?P<name>.+?)\s*=\s*(?P<expression>[A-Za-z]\w*\s*\(.*\))\s*", re.DOTALL)


def read_priors(texts: Sequence[str]) -> dict[str, Prior]:
    """Parameter or class → prior, from texts such as ``sd=HalfNormal(sigma=5)``.

    Raises
    ------
    PriorError
        If a text can't be read, or says what no prior can be.

    Examples
    --------
    >>> read_priors(["Days=Normal(0, sigma=10)", "corr=LKJ(4)"])
    {'Days': Prior("Normal", mu=0, sigma=10), 'corr': Prior("LKJ", eta=4)}
    """
    found: dict[str, Prior] = {}
    for text in texts:
        match = _PRIOR.fullmatch(text)
        if match is None:
            raise _unreadable(text)
        name = match["name"].strip()
        if name in found:
            raise PriorError(
                f"--prior has two priors of '{name}'", expected="one", advice="leave one of them out"
            )
        found[name] = _prior(text, match["expression"])
    return found


def _prior(text: str, expression: str) -> Prior:
    try:
        call = ast.parse(expression, mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError
        values = [ast.literal_eval(argument) for argument in call.args]
        named = {keyword.arg or "**": ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        raise _unreadable(text) from None
    distribution = call.func.id
    if not values or distribution not in DISTRIBUTIONS:
        return Prior(distribution, **named)
    parameters = DISTRIBUTIONS[distribution].parameters
    if len(values) > len(parameters) or any(name in named for name in parameters[: len(values)]):
        raise PriorError(
            f"--prior is {text!r}, with more numbers than {distribution} has parameters",
            expected=f"{distribution}({', '.join(parameters)})",
            advice="each parameter once, by its name or in this order",
        )
    return Prior(distribution, **dict(zip(parameters, values, strict=False)), **named)


def _unreadable(text: str) -> PriorError:
    return PriorError(
        f"--prior is {text!r}",
        expected="a parameter or class, =, and a distribution with its numbers",
        advice="--prior 'Days=Normal(0, 10)' or --prior 'sd=HalfNormal(5)'",
    )
