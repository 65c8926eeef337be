"""BLAS and LAPACK on one thread.

A fit is a loop of small solves and, with crossed factors, factorizations of milliseconds. On two threads the
large ones gain a quarter when the machine is idle, and all lose a factor of ten when it isn't, because BLAS
threads wait for each other by spinning. Chains and bootstraps make better use of the other cores.
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
