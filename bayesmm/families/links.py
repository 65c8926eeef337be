"""Links: what makes of a parameter that lies within bounds a predictor that doesn't."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Link:
    """η = g(μ), and μ = g⁻¹(η).

    Attributes
    ----------
    name
        As users write it: ``"log"``.
    of
        g, elementwise.
    inverse
        g⁻¹, elementwise, for any η; in arithmetic that arrays of NumPy and of PyTensor both know.

    Examples
    --------
    >>> log = LINKS["log"]
    >>> float(log.inverse(log.of(2.0)))
    2.0
    """

    name: str
    of: Callable[[Any], Any]
    inverse: Callable[[Any], Any]


def _same(x: Any) -> Any:
    return x


IDENTITY = Link("identity", _same, _same)
LOG = Link("log", np.log, np.exp)
LINKS: dict[str, Link] = {link.name: link for link in (IDENTITY, LOG)}
