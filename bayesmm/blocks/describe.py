"""The structure that was chosen for a model's factorization, told before anything is fitted."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd

from bayesmm.blocks.layout import Layout
from bayesmm.errors import ModelError
from bayesmm.sheet import Sheet, Table


def describe_blocks(layout: Layout) -> Sheet:
    """Which factor is eliminated how, with sizes, memory and work.

    The head's factors are eliminated level by level; their blocks stay (block-)diagonal. What is left, with X
    and y, is one dense matrix. Work is in multiplications for one value of the criterion; a gradient takes
    two to three times as much again.
    """
    cross, head = layout.cross, layout.head
    node_k, width = layout.node_k, layout.node_width
    rows = []
    for i, g in enumerate(layout.chain):
        nodes = slice(head.node_start[i], head.node_start[i + 1])
        group = cross.groups[g]
        kind = "diagonal" if group.k == 1 else f"block-diagonal, {group.k} × {group.k}"
        if i:
            kind += f", holds {cross.groups[layout.chain[i - 1]].name}"
        stored = int(np.sum(node_k[nodes] * (node_k[nodes] + width[nodes])))
        work = int(np.sum(node_k[nodes] * width[nodes] * (width[nodes] + 1) // 2))
        rows.append((group.name, "head", kind, group.n_levels, group.n_levels * group.k, stored, work))
    for g in layout.tail:
        group = cross.groups[g]
        rows.append((group.name, "tail", "dense", group.n_levels, group.n_levels * group.k, 0, 0))
    m = layout.size
    rows.append(("X and y", "tail", "dense", 0, cross.p + 1, 0, 0))
    columns = ["factor", "place", "block", "levels", "columns", "stored", "work"]
    frame = pd.DataFrame(rows, columns=columns).set_index("factor")
    dense = frame["place"] == "tail"
    share = frame.loc[dense, "columns"] / m
    frame.loc[dense, "stored"] = np.round(share * m * m).astype(int)
    frame.loc[dense, "work"] = np.round(share * m**3 / 6).astype(int)
    return Sheet(
        title="Blocks of the factorization",
        facts=(
            ("Head", " ⊂ ".join(cross.groups[g].name for g in layout.chain)),
            ("Tail", f"dense, {m} × {m}"),
            ("Memory", f"{layout.bytes / 1e6:,.1f} MB"),
            ("One value", f"{layout.flops:,} multiplications"),
        ),
        tables=(Table("Numbers stored and multiplications, by factor", frame),),
    )


def check_memory(layout: Layout) -> None:
    """Refuse a factorization that the machine has no memory for.

    Raises
    ------
    ModelError
        If its workspace is larger than nine tenths of the machine's memory.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else np.inf
    if layout.bytes > 0.9 * memory:
        tail = ", ".join(layout.cross.groups[g].name for g in layout.tail)
        raise ModelError(
            f"the crossed factors leave a dense block of {layout.size:,} columns ({tail}), "
            f"{layout.bytes / 1e9:,.0f} GB in all",
            expected=f"at most {0.9 * memory / 1e9:,.0f} GB on this machine",
            advice="fewer or simpler crossed terms; only the largest chain of nested factors is kept sparse",
        )
