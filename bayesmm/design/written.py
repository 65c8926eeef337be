"""The user's own values as Python text that makes them again, as far as it can be written."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

NOT_WRITTEN = "..."
MOST = 50
"""Up to how many numbers an array is written out."""


@dataclass(frozen=True)
class Written:
    """A value as text.

    Attributes
    ----------
    text
        An expression; ``...`` if there is none, and empty if the import alone gives the value its name.
    imports
        The import that it needs; empty for none.
    """

    text: str
    imports: str = ""


def written(name: str, value: Any) -> Written:
    """What makes a value again under its name: a literal, an import, or ``...``.

    Examples
    --------
    >>> import math
    >>> written("cut", 2.5).text, written("root", math.sqrt), written("m", math).imports
    ('2.5', Written(text='math.sqrt', imports='import math'), 'import math as m')
    >>> written("f", lambda x: x).text
    '...'
    """
    if isinstance(value, ModuleType):
        alias = "" if name == value.__name__ or "." in name else f" as {name}"
        return Written("", f"import {value.__name__}{alias}")
    if isinstance(value, np.ndarray):
        text = _literal(value.tolist()) if value.size <= MOST else None
        return Written(NOT_WRITTEN) if text is None else Written(f"np.array({text})", "import numpy as np")
    text = _literal(value.item() if isinstance(value, np.generic) else value)
    if text is not None:
        return Written(text)
    module, path = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if module not in (None, "__main__") and path is not None and _at(module, path) is value:
        return Written(f"{module}.{path}", f"import {module}")
    return Written(NOT_WRITTEN)


def _literal(value: Any) -> str | None:
    """A number, text, None, or a list, tuple or dict of them; otherwise None."""
    if isinstance(value, float) and not np.isfinite(value):
        return f"float('{value}')"
    if value is None or type(value) in (bool, int, float, str):
        return repr(value)
    if type(value) in (list, tuple):
        parts = [_literal(part) for part in value]
        if None in parts:
            return None
        inside = ", ".join(parts) + ("," if type(value) is tuple and len(parts) == 1 else "")
        return f"[{inside}]" if type(value) is list else f"({inside})"
    if type(value) is dict:
        parts = [part for pair in value.items() for part in map(_literal, pair)]
        if None in parts:
            return None
        return "{" + ", ".join(f"{k}: {v}" for k, v in zip(parts[::2], parts[1::2], strict=True)) + "}"
    return None


def _at(module: str, path: str) -> Any:
    found: Any = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found
