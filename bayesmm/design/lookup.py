"""What a name in a formula means besides a column of the data, and the calls of functions bound to it.

Names are looked up once, when the model is built, and what they meant is kept: values and functions, not the
place where they were found. So predictions don't change when a variable of the caller does.
"""

from __future__ import annotations

import sys
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from bayesmm.design.functions import CONSTANTS, FUNCTIONS
from bayesmm.errors import DataError, ModelError, near_matches

_PACKAGE = __name__.split(".")[0]
_MISSING = object()


@dataclass(frozen=True)
class Names:
    """Where names are looked up: what the user gave, what formulas know, the variables of the caller.

    Attributes
    ----------
    given
        ``namespace=``.
    caller
        The variables that stood where the model was made.
    used
        Those of the two that were looked up, with what they mean.
    """

    given: Mapping[str, Any]
    caller: Mapping[str, Any]
    used: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, namespace: Any) -> Names:
        """Those of a ``namespace=`` and of the nearest caller outside this package.

        Raises
        ------
        ModelError
            If the namespace is no mapping from names.
        """
        if namespace is None:
            namespace = {}
        if not isinstance(namespace, Mapping) or not all(isinstance(name, str) for name in namespace):
            raise ModelError(
                f"namespace is {namespace!r}",
                expected="a mapping from names to the functions and values that the formula uses",
                advice="namespace={'f': my_function}",
            )
        return cls(dict(namespace), _caller())

    def __contains__(self, name: object) -> bool:
        """Whether a name means something."""
        return isinstance(name, str) and self._find(name, CONSTANTS)[0] is not _MISSING

    def value(self, name: str) -> Any:
        """What a name inside a call means that is no column.

        Raises
        ------
        DataError
            If it means nothing.
        """
        found = self._used(name, CONSTANTS)
        if found is _MISSING:
            raise DataError(
                f"'{name}' is neither a column of the data nor a value that the formula can see",
                expected="columns, pi, np.…, and variables that stand where the model is made",
                advice=f"namespace={{'{name}': value}}",
            )
        return found

    def function(self, name: str) -> Any:
        """What a name before a parenthesis means.

        Raises
        ------
        DataError
            If it means nothing, or nothing that can be called.
        """
        found = self._used(name, FUNCTIONS, CONSTANTS)
        if found is _MISSING or not callable(found):
            near = near_matches(name, FUNCTIONS)
            raise DataError(
                f"'{name}' is no function that formulas know"
                + ("" if found is _MISSING else f", but of type {type(found).__name__}"),
                expected="one of R's that the documentation lists, one of NumPy's (np.log), or your own",
                advice=(f"{near} Or " if near.startswith("did") else "")
                + f"namespace={{'{name}': function}} for your own",
            )
        return found

    def _used(self, name: str, *ours: Mapping[str, Any]) -> Any:
        found, scope = self._find(name, *ours)
        if scope is self.given or scope is self.caller:
            path = [name] if name in scope else name.split(".")
            value = self.used[path[0]] = scope[path[0]]
            for end in range(2, len(path)):  # a module within one has an import of its own
                value = getattr(value, path[end - 1])
                if isinstance(value, ModuleType):
                    self.used[".".join(path[:end])] = value
        return found

    def _find(self, name: str, *ours: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any] | None]:
        """The first meaning of a name, which may have dots in it or stand for attributes: ``np.pi``."""
        root, *attributes = name.split(".")
        for scope in (self.given, *ours, self.caller):
            if name in scope:
                return scope[name], scope
            found = scope.get(root, _MISSING) if attributes else _MISSING
            for attribute in attributes:
                found = getattr(found, attribute, _MISSING)
            if found is not _MISSING:
                return found, scope
        return _MISSING, None


def _caller() -> Mapping[str, Any]:
    """The variables of the nearest caller outside this package; the command line has none."""
    frame = sys._getframe()
    while frame is not None:
        room = frame.f_globals.get("__name__", "").split(".")
        if room[0] != _PACKAGE:
            return ChainMap(dict(frame.f_locals), frame.f_globals)
        if room[1:2] == ["cli"]:
            break
        frame = frame.f_back
    return {}
