"""The documentation names what exists; the build itself, which runs every page, is a command of its own."""

from __future__ import annotations

import ast
import inspect
import json
import pkgutil
import re
from pathlib import Path

import pytest

import bayesmm as bmm
from bayesmm.design.functions import CONSTANTS, FUNCTIONS
from tests.benchmarks.cases import CASES
from tests.benchmarks.first_page import MODELS
from tests.reference_models import NAMES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
API = sorted((DOCS / "api").glob("*.rst"))
SOURCES = [*PAGES, *API]
WIDTH = 76
"""Characters of code that a page shows without scrolling."""
SPEAKERS = {"model": bmm.Model, "reml": bmm.Estimate, "ml": bmm.Estimate, "post": bmm.Posterior}
"""What the variables of the pages are."""

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
every_source = pytest.mark.parametrize("source", SOURCES, ids=lambda page: page.stem)


def documented() -> list[str]:
    """The objects that the API reference has an entry for."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in API)
    return re.findall(r"^\.\. auto(?:class|function|exception|module)::\s+([\w.]+)", text, flags=re.MULTILINE)


def cells(page: Path) -> list[str]:
    """The code cells of a page, without their options."""
    found = re.findall(
        r"^```\{code-cell\}[^\n]*\n(.*?)^```",
        page.read_text(encoding="utf-8"),
        flags=re.DOTALL | re.MULTILINE,
    )
    return [re.sub(r"\A(?::[^\n]*\n)+", "", cell) for cell in found]


def prose(page: Path) -> str:
    """A page without its cells and other fenced blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def without_first_cells(text: str) -> str:
    """Tables without their first column: in it stands what other programs call a thing."""
    return re.sub(r"^\|(?:[^|\\\n]|\\.)*\|", "|", text, flags=re.MULTILINE)


def names_of_bmm(cell: str) -> set[str]:
    """Every ``x`` of a ``bmm.x`` in a cell."""
    attributes = [node for node in ast.walk(ast.parse(cell)) if isinstance(node, ast.Attribute)]
    return {node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == "bmm"}


def is_public(name: str) -> bool:
    """Whether ``bmm.name`` is there for users: what the package exports, and rooms such as ``bmm.plots``."""
    return name in bmm.__all__ or (inspect.ismodule(getattr(bmm, name, None)) and name in dir(bmm))


def toctree(source: Path) -> list[Path]:
    """The pages that a page's toctrees list, without their suffixes."""
    text = source.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\{toctree\}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    blocks += re.findall(r"^\.\. toctree::\n((?:[ \t]+[^\n]*\n|\n)*)", text, flags=re.MULTILINE)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [source.parent / line for line in lines if line and not line.startswith(":")]


def exists(page: Path) -> bool:
    return any(page.with_name(page.name + suffix).is_file() for suffix in (".md", ".rst"))


def test_every_public_name_is_in_the_reference():
    objects = [pkgutil.resolve_name(name) for name in documented()]
    assert [name for name in bmm.__all__ if getattr(bmm, name) not in objects] == []
    assert [name for name in bmm.plots.__all__ if getattr(bmm.plots, name) not in objects] == []


def test_everything_in_the_reference_exists():
    for name in documented():
        pkgutil.resolve_name(name)


def test_every_page_is_in_a_table_of_contents():
    listed = {page.resolve() for source in SOURCES for page in toctree(source)}
    pages = {source.with_suffix("").resolve() for source in SOURCES} - {(DOCS / "index").resolve()}
    assert listed == pages


@every_source
def test_links_lead_somewhere(source: Path):
    text = prose(source)
    if source.suffix == ".md":
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            assert "://" in target or (source.parent / target.partition("#")[0]).is_file(), target
    for target in re.findall(r":doc:`(?:[^`<]*<)?([^`>]+)>?`", text):
        assert exists((DOCS if target.startswith("/") else source.parent) / target.lstrip("/")), target


@every_page
def test_cells_are_python_and_fit_the_page(page: Path):
    for cell in cells(page):
        ast.parse(cell)
        assert max(map(len, cell.splitlines())) <= WIDTH, cell


def leaves_a_picture_unseen(cell: str) -> bool:
    """Whether something is drawn that the cell doesn't show: by its last expression, or by ``plt.show()``.

    Figures of pyplot's own want ``plt.show()``; those of our plots are shown where they are a cell's value.
    """
    body = [part for part in ast.parse(cell).body if not isinstance(part, ast.FunctionDef)]
    calls = [node for part in body for node in ast.walk(part) if isinstance(node, ast.Call)]
    called = {ast.unparse(call.func) for call in calls}
    ours = {name for name in called if re.search(r"\.plot(_\w+)?$", name)}
    if "plt.show" in called:
        return False
    if "plt.subplots" in called or not ours:
        return "plt.subplots" in called
    last = body[-1]
    value = last.value if isinstance(last, ast.Expr) else None
    shown = isinstance(value, ast.Call) and ast.unparse(value.func) in ours
    return not shown or cell.rstrip().endswith(";")


@every_page
def test_every_picture_that_is_drawn_is_seen(page: Path):
    assert [cell for cell in cells(page) if leaves_a_picture_unseen(cell)] == []


@pytest.mark.parametrize(
    ("cell", "unseen"),
    [
        ("bmm.plots.plot_lines(reml)", False),
        ("figure = bmm.plots.plot_lines(reml)", True),
        ("bmm.plots.plot_lines(reml);", True),
        ("comparison.plot()\nprint(1)", True),
        ("fig, ax = plt.subplots()\nax.plot(x, y)", True),
        ("fig, ax = plt.subplots()\nax.plot(x, y)\nplt.show()", False),
        ("def draw(axis):\n    axis.plot(x, y)", False),
        ("reml.summary()", False),
    ],
)
def test_a_picture_that_no_cell_shows_is_found(cell: str, unseen: bool):
    assert leaves_a_picture_unseen(cell) == unseen


@every_page
def test_cells_use_public_names(page: Path):
    for cell in cells(page):
        assert [name for name in names_of_bmm(cell) if not is_public(name)] == []


@every_page
def test_attributes_in_sentences_and_tables_exist(page: Path):
    if page.stem == "architecture":  # there, they are folders
        return
    for code in re.findall(r"`([^`\n]+)`", without_first_cells(prose(page))):
        for speaker, attribute in re.findall(r"\b(\w+)\.(\w+)", code):
            if speaker in SPEAKERS:
                owner = SPEAKERS[speaker]
                assert hasattr(owner, attribute) or attribute in owner.__annotations__, code
            if speaker == "bmm":
                assert is_public(attribute), code


def test_the_pages_were_found():
    assert sum(len(cells(page)) for page in PAGES) > 50


def verdicts() -> list[str]:
    """What every verdict and fault of the certificates says, without its numbers and names."""
    found = []
    for room in ("estimate", "posterior"):
        tree = ast.parse((ROOT / "bayesmm" / room / "certificate.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "verdict":
                found.append(node.value)
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "faults.append":
                found.append(node.args[0])
    return [_longest_constant(node) for node in found]


def _longest_constant(node: ast.AST) -> str:
    pieces = [
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    return max(pieces, key=len).strip(" '(")


def test_every_verdict_has_a_place_on_the_page_of_what_is_wrong():
    headings = " ".join(
        line
        for line in (DOCS / "when-something-is-wrong.md").read_text(encoding="utf-8").splitlines()
        if "#" in line
    )
    assert len(verdicts()) >= 12
    for words in verdicts():
        assert words.split(" (it is")[0].rstrip("., ") in headings, words


def test_the_speeds_on_the_first_page_are_a_record_of_its_command():
    """Which says when and where they were measured; and the page names the command."""
    record = json.loads((DOCS / "speed.json").read_text(encoding="utf-8"))
    assert set(record) == {"date", "machine", "versions", "models"}
    assert list(record["models"]) == list(MODELS)
    assert set(MODELS.values()) <= set(NAMES)
    for name, row in record["models"].items():
        assert row["formula"] == CASES[name].formula
        assert row["fit"]["bayesmm"] > 0
        assert row["draws"]["bayesmm"]["ess"] > 0
    assert "python -m tests.benchmarks.first_page" in (DOCS / "index.md").read_text(encoding="utf-8")


def test_the_page_of_formulas_lists_every_function_and_constant():
    """Those of responses with another distribution aside."""
    text = prose(DOCS / "formulas.md")
    quoted = " ".join(re.findall(r"`[^`]+`", text))
    known = {*FUNCTIONS, *CONSTANTS} - {"p", "prop", "proportion"}
    assert [name for name in sorted(known) if not re.search(rf"(?<![\w.]){re.escape(name)}\b", quoted)] == []
