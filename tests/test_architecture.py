"""The order of imports that docs/architecture.md promises holds in the code."""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bayesmm"
PAGE = ROOT / "docs" / "architecture.md"
EVERYWHERE = {"checks", "errors", "sheet"}
WHEN_USED = (
    "arviz",
    "arviz_base",
    "arviz_plots",
    "arviz_stats",
    "jinja2",
    "matplotlib",
    "nutpie",
    "pymc",
    "pytensor",
    "scipy.stats",
    "xarray",
)
"""Loaded when they are used and not before."""


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


def loaded_by(code: str, *names: str) -> set[str]:
    """Which of the modules a process of its own has loaded after some code."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys\n{code}\nprint('loaded:', *(set({names!r}) & sys.modules.keys()))",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded_by("import bayesmm", "numpy", "pandas", "formulae", "numba", *WHEN_USED)


FIT = """
import bayesmm as bmm
estimate = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")).fit()
estimate.summary(), estimate.profile("sigma").interval()
"""
SAMPLE = """
import bayesmm as bmm
posterior = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")).sample(random_seed=1)
print(posterior)
"""
HELP = """
import bayesmm.cli
sys.argv = ["bayesmm", "--help"]
try:
    bayesmm.cli.main()
except SystemExit as left:
    assert left.code == 0
"""


def test_a_fit_loads_nothing_that_it_does_not_use():
    assert not loaded_by(FIT, *WHEN_USED)


def test_the_marginal_sampler_needs_neither_pymc_nor_pictures():
    assert not loaded_by(SAMPLE, "pymc", "pytensor", "nutpie", "matplotlib", "jinja2", "arviz_plots")


def test_the_command_lines_help_loads_nothing_heavy():
    assert not loaded_by(HELP, "numpy", "pandas", "formulae", "numba", *WHEN_USED)


def imported_files(path: Path, modules: dict[str, Path]) -> set[str]:
    """The modules of the package that a file needs to run, inside functions too; types alone don't count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & set(modules)) or {node.module}
    return found & set(modules)


def test_no_files_import_each_other_in_a_circle():
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in FILES}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    graph = {name: imported_files(path, modules) - {name} for name, path in modules.items()}
    assert sum(map(len, graph.values())) > 500
    order = graphlib.TopologicalSorter(graph)
    try:
        order.prepare()
    except graphlib.CycleError as error:
        pytest.fail(" → ".join(error.args[1]))
