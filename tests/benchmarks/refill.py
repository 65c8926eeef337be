"""What new numbers cost where the pattern is known: ``python -m tests.benchmarks.refill``.

Milliseconds of CPU, the least of several, for InstEval with its three crossed factors. Rows are transformed
already; one BLAS thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import bayesmm as bmm
from bayesmm.blocks import Pattern, layout_of
from bayesmm.likelihood.coordinates import whitened
from bayesmm.parallel import one_thread

REPEATS = 15


def least(work: Callable[[], Any]) -> float:
    """Milliseconds of CPU."""
    work()
    found = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return 1e3 * min(found)


def main() -> None:
    """Print the table."""
    model = bmm.Model("y ~ service + (1 | s) + (1 | d) + (1 | dept)", bmm.load_data("InstEval"))
    likelihood, design = model.likelihood, model.design
    pattern, layout = likelihood.pattern, likelihood.layout
    rows = whitened(design.rows, likelihood.coordinates, design.weights)
    cross = pattern.fill(rows)
    other = design.with_response(design.y[::-1].copy())
    with one_thread():
        for what, work in {
            "pattern, once": lambda: Pattern.of(pattern.groups, pattern.codes),
            "order of elimination, once": lambda: layout_of(cross),
            "refill: values of the pattern": lambda: pattern.fill(rows),
            "refill: values in the layout": lambda: layout.filled(cross),
            "both": lambda: layout.filled(pattern.fill(rows)),
            "y's column": lambda: cross.with_response(*pattern.column(rows)),
            "likelihood of another response": lambda: likelihood.with_response(other),
        }.items():
            print(f"{what:32s} {least(work):8.2f} ms")


if __name__ == "__main__":
    main()
