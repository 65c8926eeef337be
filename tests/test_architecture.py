"""The order of imports that docs/architecture.md promises holds in the code."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bayesmm"
PAGE = ROOT / "docs" / "architecture.md"
EVERYWHERE = {"errors", "sheet"}


def floors() -> dict[str, int]:
    """Room → floor, from the table of the page."""
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {room: int(floor) for floor, room in rows}


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """The rooms that a file imports anywhere, inside functions too; type-checking imports count."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names = [node.module or ""]
            if node.module == "bayesmm":
                names = [f"bayesmm.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("bayesmm.")}
    return found


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def test_the_page_lists_every_room_and_no_other():
    assert set(floors()) == {room_of(path) for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_up_the_page_only(path: Path):
    order, here = floors(), room_of(path)
    for room in imported_rooms(path) - {here} - EVERYWHERE:
        assert room in order, f"{path.name} imports from a room that the page doesn't list: {room}"
        assert order[room] < order[here], f"{here} (floor {order[here]}) imports {room} (floor {order[room]})"


def test_importing_the_package_loads_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys, bayesmm; "
        "print(sorted({'pymc', 'arviz', 'matplotlib', 'nutpie', 'pandas', 'formulae'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_fit_loads_neither_pymc_nor_arviz_nor_matplotlib():
    import subprocess
    import sys

    code = (
        "import sys, bayesmm as bmm; "
        "bmm.Model('Yield ~ 1 + (1 | Batch)', bmm.load_data('Dyestuff')).fit().summary(); "
        "print(sorted({'pymc', 'arviz', 'matplotlib', 'nutpie'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
