"""Compiled functions that are called by symbols: each once, after those that it calls, and none is stale."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import numba
import numpy as np
import pytest

import bayesmm.blocks.kernels
import bayesmm.likelihood
from bayesmm.blocks.kernels import dense, moments
from bayesmm.blocks.kernels.notice import TEXT, Compiling
from bayesmm.blocks.kernels.routine import NUMBER, NUMBERS, Routine, called, routine
from bayesmm.likelihood import removal


def routines() -> list[Routine]:
    rooms = (bayesmm.blocks.kernels, bayesmm.likelihood)
    modules = [
        importlib.import_module(f"{room.__name__}.{module.name}")
        for room in rooms
        for module in pkgutil.iter_modules(room.__path__)
    ]
    return [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Routine) and value.function.__module__ == module.__name__
    ]


def test_symbols_are_unique():
    symbols = [one.symbol for one in routines()]
    assert len(symbols) > 15
    assert len(set(symbols)) == len(symbols)


def test_what_a_routine_calls_is_known_within_functions_that_are_compiled_into_it():
    assert {one.symbol for one in called(moments.factorize.function)} == {
        "bayesmm_blocks_kernels_elimination_fill_head",
        "bayesmm_blocks_kernels_elimination_fill_tail",
        "bayesmm_blocks_kernels_elimination_eliminate_head",
        "bayesmm_blocks_kernels_dense_factor",
    }
    assert removal._gather in called(removal._remove_subtrees.function)


def test_a_constant_of_another_file_is_part_of_the_name_on_disk(monkeypatch: pytest.MonkeyPatch):
    before = dense.factor._digest
    monkeypatch.setitem(dense.factor.function.__globals__, "SMALL", dense.SMALL + 1)
    assert dense.factor._digest != before


@routine(NUMBER(NUMBERS))
def _first(x: Any) -> float:
    return x[0]


def test_threads_that_come_first_at_once_compile_once(monkeypatch: pytest.MonkeyPatch):
    made, barrier, cfunc = [], Barrier(4), numba.cfunc
    monkeypatch.setattr(numba, "cfunc", lambda *args, **kwargs: made.append(1) or cfunc(*args, **kwargs))

    def work(i: int) -> float:
        barrier.wait()
        return _first(np.array([float(i)]))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [0.0, 1.0, 2.0, 3.0]
    assert len(made) == 1


CALLER = """
import numpy as np
from bayesmm.blocks.kernels.routine import NUMBER, NUMBERS, routine
from callee import shifted

@routine(NUMBER(NUMBERS))
def twice(x):
    return 2.0 * shifted(x)

print(twice(np.array([1.0])))
"""
CALLEE = """
import numba

@numba.njit
def shifted(x):
    return x[0] + {by}
"""


def test_a_function_that_changed_in_another_file_is_noticed(tmp_path: Path):
    """numba's own cache goes by the caller's file alone, and would give the old number."""
    (tmp_path / "caller.py").write_text(CALLER)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}
    for by, expected in ((1.0, "4.0"), (1.0, "4.0"), (10.5, "23.0")):
        (tmp_path / "callee.py").write_text(CALLEE.format(by=by))
        done = subprocess.run(
            [sys.executable, "-m", "caller"], capture_output=True, text=True, env=environment
        )
        assert (done.returncode, done.stdout.strip()) == (0, expected), done.stderr


def test_a_notebook_is_told_under_the_cell_while_it_lasts(monkeypatch: pytest.MonkeyPatch):
    shown: list[str] = []

    def display(data: dict[str, str], *, raw: bool, display_id: bool) -> SimpleNamespace:
        shown.append(data["text/plain"])
        return SimpleNamespace(update=lambda data, *, raw: shown.append(data["text/plain"]))

    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    with Compiling():
        assert shown == []
        with Compiling() as inner:
            inner.on_start(None)
            inner.on_start(None)
        assert shown == [TEXT]
    assert shown == [TEXT, ""]
