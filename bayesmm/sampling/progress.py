"""A progress bar for what takes longer than a second, on a terminal or in a notebook."""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self

PATIENCE = 1.0
"""Seconds before a bar is shown."""


class Progress:
    """Counts what is done; shows a bar on standard error once it has taken a second.

    Parameters
    ----------
    total
        How much there is to do.
    stage
        What is being done at first.
    show
        False for never; nothing is shown either where standard error is neither a terminal nor a notebook's
        with ipywidgets.
    """

    def __init__(self, total: int, stage: str, *, show: bool) -> None:
        self._total, self._stage, self._done = total, stage, 0
        self._show = show and (sys.stderr.isatty() or _has_widgets())
        self._since = time.perf_counter()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, stage: str) -> None:
        """Name what is being done now."""
        self._stage = stage
        self.advance(0)

    def advance(self, amount: int) -> None:
        """Count more as done."""
        self._done += amount
        if self._show and time.perf_counter() - self._since > PATIENCE:
            self._draw()

    def restart(self, total: int | None = None, stage: str | None = None) -> None:
        """Begin counting again, of other things if a total and a stage are given."""
        self._done, self._total = 0, self._total if total is None else total
        self._stage = self._stage if stage is None else stage

    def _draw(self) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(self._stage, total=self._total)
            self._bar.start()
        self._bar.update(self._task, description=self._stage, total=self._total, completed=self._done)


def _has_widgets() -> bool:
    return "ipykernel" in sys.modules and find_spec("ipywidgets") is not None
