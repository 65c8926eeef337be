"""Every name that a docstring or a page refers to exists."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"[~`](bayesmm(?:\.\w+)+)")
PAGES = [path for kind in ("md", "rst") for path in ROOT.glob(f"docs/**/*.{kind}")]
SOURCES = [ROOT / "README.md", *sorted(ROOT.glob("bayesmm/**/*.py")), *sorted(PAGES)]
FILES = [path for path in SOURCES if "_build" not in path.parts and NAME.search(path.read_text("utf-8"))]


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or leads from one to an attribute or a field."""
    parts = name.split(".")
    for i in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:i]))
        except ImportError:
            continue
        for part in parts[i:]:
            if part in getattr(found, "__annotations__", {}):
                return True
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_what_does_not_exist_is_found_out():
    assert exists("bayesmm.design.design.Design.n_dropped")
    assert not exists("bayesmm.design.design.Design.no_such_thing")
    assert not exists("bayesmm.no_such_room.thing")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_referred_to_exists(path: Path):
    names = set(NAME.findall(path.read_text(encoding="utf-8")))
    assert not {name for name in names if not exists(name)}
