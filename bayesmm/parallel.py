"""BLAS and LAPACK on one thread.

A fit is a loop of small solves and, with crossed factors, factorizations of milliseconds. On two threads the
large ones gain a quarter when the machine is idle, and all lose a factor of ten when it isn't, because BLAS
threads wait for each other by spinning. Chains and bootstraps make better use of the other cores.

How many threads BLAS uses is one number for the whole process. So that threads of our own don't set it back
under each other's feet, the first one in sets it and the last one out sets it back, whichever threads these
are. threadpoolctl (from 3.8) lets a single thread change the number and ignores all others until that one
gives it up or ends, so control is taken before each change and given up after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ContextDecorator, contextmanager
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import OpenBLASController, ThreadpoolController


class one_thread(ContextDecorator):
    """A context in which BLAS uses one thread; the first to enter it pays some 10 µs, those inside 1 µs."""

    def __enter__(self) -> None:
        _inside.enter()

    def __exit__(self, *raised: object) -> None:
        _inside.leave()


class _Inside:
    """How many are within the context, and what sets the number of threads back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0
        self._limit: Any = None

    def enter(self) -> None:
        with self._lock:
            self._count += 1
            if self._count == 1:
                with _in_control():
                    self._limit = _controller().limit(limits=1, user_api="blas")

    def leave(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0:
                with _in_control():
                    self._limit.restore_original_limits()


_inside = _Inside()


@contextmanager
def _in_control() -> Iterator[None]:
    """A context in which this thread may set how many threads OpenBLAS uses."""
    give_up = getattr(OpenBLASController, "clear_controlling_thread", None)
    if give_up is not None:
        give_up(force=True)
    try:
        yield
    finally:
        if give_up is not None:
            give_up()


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
