"""A line while functions are compiled: it takes seconds, once after an installation."""

from __future__ import annotations

import sys
from threading import RLock
from types import TracebackType
from typing import Any, Self

from numba.core import event

TEXT = "Compiling, once after an installation …"
PASS = "numba:run_pass"
"""What numba tells of each step of a compilation; nothing is told of code that is found on disk."""


class Compiling(event.Listener):
    """A context that shows a line from when something is compiled in it to its end; contexts may nest.

    The line is shown on standard error if that is a terminal, and under the cell in a notebook.
    """

    _lock = RLock()
    _depth = 0
    _line: _Terminal | _Notebook | None = None

    def __enter__(self) -> Self:
        with self._lock:
            Compiling._depth += 1
        event.register(PASS, self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        event.unregister(PASS, self)
        with self._lock:
            Compiling._depth -= 1
            if Compiling._depth == 0 and Compiling._line is not None:
                Compiling._line.hide()
                Compiling._line = None

    def on_start(self, event: Any) -> None:
        """A step of a compilation begins."""
        with self._lock:
            if Compiling._line is not None:
                return
            if "ipykernel" in sys.modules:
                Compiling._line = _Notebook()
            elif sys.stderr is not None and sys.stderr.isatty():
                Compiling._line = _Terminal()

    def on_end(self, event: Any) -> None:
        """A step of a compilation ends."""


class _Terminal:
    def __init__(self) -> None:
        sys.stderr.write(TEXT)
        sys.stderr.flush()

    def hide(self) -> None:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


class _Notebook:
    def __init__(self) -> None:
        from IPython.display import display

        self._handle = display({"text/plain": TEXT}, raw=True, display_id=True)

    def hide(self) -> None:
        self._handle.update({"text/plain": ""}, raw=True)
