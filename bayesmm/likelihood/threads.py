"""LAPACK on one thread.

The tail's factorization takes milliseconds and is called in a loop. On two threads it gains a quarter when
the machine is idle and loses a factor of ten when it isn't, because BLAS threads wait for each other by
spinning; chains and bootstraps make better use of the other cores.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager:
    """A context in which BLAS uses one thread; entering it costs some 10 µs."""
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
