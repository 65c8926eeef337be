"""The first call of every verb after an installation: what is compiled, and that it isn't compiled again.

Counts don't depend on the machine. ``python -m tests.benchmarks.first_minute`` has the times.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bayesmm.blocks.kernels.notice import TEXT
from tests.benchmarks.first_minute import VERBS, in_process

MOST = 55
"""Functions that are compiled for the four verbs, numba's own and C functions included."""
MOST_FOR_FIT = 32


def test_each_function_is_compiled_once_and_found_again(tmp_path: Path):
    cold, _ = in_process(str(tmp_path))
    functions = [function for verb in VERBS for function in cold[verb]["functions"]]
    assert 0 < len(functions) <= MOST
    assert len(cold["fit"]["functions"]) <= MOST_FOR_FIT
    ours = [function for function in functions if function.startswith("bayesmm.")]
    assert ours
    assert not [function for function in ours if "Literal[" in function or "omitted(" in function]
    assert not [function for function in functions if function.startswith("numba.cpython.unicode")]
    names = Counter(re.sub(r"(_[0-9a-f]{12})?\(.*", "", function) for function in ours)
    assert {name: count for name, count in names.items() if count > 1} == {}

    warm, _ = in_process(str(tmp_path))
    assert [verb for verb in VERBS if warm[verb]["functions"]] == []
    assert [warm[verb]["value"] for verb in VERBS] == [cold[verb]["value"] for verb in VERBS]


ONE_ROUTINE = """
import numpy as np
from bayesmm.blocks.kernels.dense import last_row_solution
for _ in range(2):
    last_row_solution(1, np.ones((1, 1)), np.empty(1))
"""


def stderr_on_a_terminal(folder: Path) -> str:
    """What a process that needs one routine writes to standard error, which is a terminal."""
    ours, theirs = pytest.importorskip("pty").openpty()
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", ONE_ROUTINE], stderr=theirs, env=environment)
    os.write(theirs, b"\n")
    os.close(theirs)
    assert done.returncode == 0
    text = os.read(ours, 10_000).decode()
    os.close(ours)
    return text.strip()


def test_a_terminal_is_told_of_the_compilation_while_it_lasts(tmp_path: Path):
    assert stderr_on_a_terminal(tmp_path) == f"{TEXT}\r\x1b[K".strip()
    assert stderr_on_a_terminal(tmp_path) == ""


def test_a_pipe_is_told_nothing(tmp_path: Path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", ONE_ROUTINE], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
