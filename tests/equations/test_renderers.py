"""The three ways of writing: within the terminal's width, valid MathML, LaTeX that compiles."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bayesmm.equations.display import Display
from bayesmm.equations.latex import escaped, latex
from bayesmm.equations.mathml import mathml
from bayesmm.equations.page import Section
from bayesmm.equations.tree import (
    Call,
    Dots,
    Equation,
    Infix,
    Matrix,
    Number,
    Power,
    Product,
    Sum,
    Symbol,
    Under,
    Words,
    bold,
    column,
    whole,
)
from bayesmm.equations.unicode import WIDTH, box, inline
from bayesmm.equations.width import columns_of, wrapped
from tests.equations.cases import NAMES, filled, model, written

FILLED = ("sleepstudy", "hsb", "oats", "penicillin", "cake", "machines_identity", "weights_offset", "wide")
X = Symbol("x", ("i", "j"), "roman")


def displays(name: str) -> list[Display]:
    """All that can be shown of a model: the whole with priors, a cluster, with numbers too."""
    term = model(name).design.terms[0]
    statements = [written(name), *([filled(name)] if name in FILLED else [])]
    found = []
    for statement in statements:
        found += [statement.display, statement.cluster(term.group, term.levels[0])]
    return found


# Unicode


@pytest.mark.parametrize("name", NAMES)
def test_text_keeps_within_the_terminal(name: str):
    for display in displays(name):
        for line in display.text.split("\n"):
            assert columns_of(line) <= WIDTH == 100, line
            assert line == line.rstrip()


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (Symbol("β", ("1", "j")), "β₁ⱼ"),
        (Symbol("u", ("0", "j[i]")), "u₀ⱼ[ᵢ]"),
        (Symbol("τ", ("u", "00", ",", "10")), "τᵤ₀₀,₁₀"),
        (Symbol("β", ("q", "j")), "β_qj"),
        (Power(Symbol("τ", ("0",)), "2"), "τ₀²"),
        (Power(bold("W"), "−1"), "W⁻¹"),
        (Product((Symbol("γ", ("1", "0")), X, Symbol("w", ("j",), "roman"))), "γ₁₀ xᵢⱼ·wⱼ"),
        (Product((bold("Z"), bold("G"), Power(bold("Z"), "′"))), "ZGZ′"),
        (Sum((Number(1.5, "1.5"), Product((Number(-2.0, "-2.0"), X)), X)), "1.5 − 2.0 xᵢⱼ + xᵢⱼ"),
        (Sum((Number(-1.5, "-1.5"), X)), "−1.5 + xᵢⱼ"),
        (Number(3.2e-7, "3.200e-07"), "3.200×10⁻⁷"),
        (Call("diag", (whole(1), Dots("low"), whole(3))), "diag(1, …, 3)"),
        (Product((whole(2), Sum((X, X)))), "2 (xᵢⱼ + xᵢⱼ)"),
    ],
)
def test_one_line(expression, text: str):
    assert inline(expression) == text


def test_matrices_line_up():
    wide, tall = Matrix(((Number(-1.5, "-1.5"), Symbol("a")), (Dots("down"), Dots("down")))), column(X, X, X)
    assert box(wide).lines == ("⎡−1.5  a⎤", "⎣ ⋮    ⋮⎦")
    assert box(Product((wide, tall))).lines == (
        "⎡−1.5  a⎤ ⎡xᵢⱼ⎤",
        "⎣ ⋮    ⋮⎦ ⎢xᵢⱼ⎥",
        "          ⎣xᵢⱼ⎦",
    )


def test_sizes_stand_under_their_matrices():
    assert box(Under(bold("X"), "180×2")).lines == ("  X  ", "180×2")


def test_text_is_wrapped_by_its_width_on_the_screen():
    assert wrapped("年齢の長い名前", 8) == ["年齢の長", "い名前"]
    assert wrapped("one two three", 7, 2) == ["  one", "  two", "  three"]


# MathML

CHILDREN = {"msub": 2, "msup": 2, "munder": 2, "mover": 2, "mfrac": 2, "msubsup": 3, "munderover": 3}
LEAVES = {"mi", "mn", "mo", "mtext", "mspace"}
ROWS = {"math", "mrow", "mtd"}
ATTRIBUTES = {
    "math": {"display", "style"},
    "mi": {"mathvariant"},
    "mo": {"stretchy", "style"},
    "mrow": {"style"},
    "mtd": {"style", "columnspan"},
    "mtext": {"style"},
    "mspace": {"width"},
}


def assert_valid(element: ElementTree.Element) -> None:
    """MathML Core's rules on what may stand where, for the elements that are used."""
    tag = element.tag.removeprefix("{http://www.w3.org/1998/Math/MathML}")
    assert tag in {*CHILDREN, *LEAVES, *ROWS, "mtable", "mtr"}, tag
    assert set(element.attrib) <= ATTRIBUTES.get(tag, set()), (tag, element.attrib)
    assert element.get("mathvariant") in {None, "normal"}
    children = [child.tag.rpartition("}")[2] for child in element]
    if tag in CHILDREN:
        assert len(children) == CHILDREN[tag], ElementTree.tostring(element)
    if tag in LEAVES:
        assert not children
        assert tag == "mspace" or (element.text or "").strip()
    else:
        assert not (element.text or "").strip()
    if tag == "mtable":
        assert set(children) == {"mtr"}
        # Every row of a table has as many cells.
        assert len({sum(int(c.get("columnspan", "1")) for c in row) for row in element}) == 1
    if tag == "mtr":
        assert set(children) == {"mtd"}
    for child in element:
        assert not (child.tail or "").strip()
        assert_valid(child)


@pytest.mark.parametrize("name", NAMES)
def test_mathml_is_valid(name: str):
    for display in displays(name):
        root = ElementTree.fromstring(display.mathml)
        assert root.tag == "{http://www.w3.org/1998/Math/MathML}math"
        assert_valid(root)


@pytest.mark.parametrize("name", NAMES)
def test_html_is_well_formed_and_its_mathematics_valid(name: str):
    for display in displays(name):
        root = ElementTree.fromstring(display.html)
        found = [e for e in root.iter() if e.tag == "{http://www.w3.org/1998/Math/MathML}math"]
        assert len(found) >= len(display.sections)
        for element in found:
            element.tail = None
            assert_valid(element)
        assert "script" not in display.html


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        (X, "<msub><mi mathvariant='normal'>x</mi><mrow><mi>i</mi><mi>j</mi></mrow></msub>"),
        (Symbol("a<b", (), "roman"), "<mi>a&lt;b</mi>"),
        (bold("β"), "<mi>𝛃</mi>"),
        (bold("Σ", "1"), "<msub><mi>𝚺</mi><mn>1</mn></msub>"),
        (Power(Symbol("τ", ("0",)), "2"), "<msubsup><mi>τ</mi><mn>0</mn><mn>2</mn></msubsup>"),
        (Number(-1.5, "-1.5"), "<mrow><mo>−</mo><mn>1.5</mn></mrow>"),
        (Words("R & D"), "<mtext>R &amp; D</mtext>"),
        (
            Symbol("u", ("j[i]",)),
            "<msub><mi>u</mi><mrow><mi>j</mi><mo stretchy='false'>[</mo><mi>i</mi>"
            "<mo stretchy='false'>]</mo></mrow></msub>",
        ),
    ],
)
def test_mathml_of(expression, code: str):
    assert mathml(expression) == code


@pytest.mark.parametrize("name", ["sleepstudy", "machines", "hsb"])
def test_fences_of_matrices_grow_without_a_font_for_mathematics(name: str):
    """Browsers stretch operators by tables of a font; what has no such font draws the edges of a row."""
    space = "{http://www.w3.org/1998/Math/MathML}"
    for display in (written(name).levels, written(name).matrix):
        tree = ElementTree.fromstring(display.mathml)
        parents = {child: parent for parent in tree.iter() for child in parent}
        matrices = [t for t in tree.iter(space + "mtable") if parents[t].tag == space + "mrow"]
        assert matrices
        for matrix in matrices:
            assert "linear-gradient" in parents[matrix].get("style")
        for row in tree.iter(space + "mrow"):
            first = row[0] if len(row) else row
            tall = any(one in matrices for one in row.iter())
            if first.tag == space + "mo" and first.text in ("(", "[") and tall:
                assert first.get("style") == "display: none"


# LaTeX


def environments(source: str) -> list[str]:
    """The names of environments as they are left open; raises where one closes another."""
    open_ones: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", source):
        if kind == "begin":
            open_ones.append(name)
        else:
            assert open_ones.pop() == name
    return open_ones


def brace_depth(source: str) -> int:
    depth = 0
    for brace in re.findall(r"(?<!\\)(?:\\\\)*([{}])", source):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    return depth


@pytest.mark.parametrize("name", NAMES)
def test_latex_is_balanced(name: str):
    for display in displays(name):
        source = display.latex
        assert environments(source) == []
        assert brace_depth(source) == 0
        assert source.count(r"\left") == source.count(r"\right")
        assert source.count("\\[\n") == source.count("\n\\]") == len(display.sections)
        for row in aligned_rows(source):
            assert row.count("&") == 1, row
        packages = set(re.findall(r"\\(?:usepackage|RequirePackage)", source))
        assert not packages


def aligned_rows(source: str) -> list[str]:
    """The rows of the aligned environments, with matrices taken out."""
    rows = []
    for body in re.findall(r"\\begin\{aligned\}\n(.*?)\n\\end\{aligned\}", source, flags=re.DOTALL):
        plain = re.sub(r"\\begin\{(bmatrix|array)\}.*?\\end\{\1\}", "M", body).replace(r"\&", "")
        rows += plain.split(" \\\\\n")
    return rows


@pytest.mark.parametrize("name", NAMES)
def test_latex_of_a_notebook_is_one_piece_of_mathematics(name: str):
    source = written(name)._repr_latex_()
    assert source.startswith("$$\n\\begin{aligned}\n")
    assert source.endswith("\n\\end{aligned}\n$$")
    assert environments(source) == []
    assert brace_depth(source) == 0
    assert not re.search(r"(?<!\\)[#%$~]", source.strip("$"))


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        (Symbol("my_column", ("i",), "roman"), r"\mathrm{my\_column}_{i}"),
        (Symbol("100% & #1", (), "roman"), r"\mathrm{100\%\ \&\ \#1}"),
        (Symbol("a-b^c", (), "roman"), r"\mathrm{a\text{-}b{\wedge}c}"),
        (Symbol("été", (), "roman"), r"\mathrm{\text{é}t\text{é}}"),
        (Symbol("β1", (), "roman"), r"\mathrm{{\beta}1}"),
        (bold("β"), r"\boldsymbol{\beta}"),
        (bold("I", "18"), r"\mathbf{I}_{18}"),
        (Number(3.2e-7, "3.200e-07"), r"3.200\times 10^{-7}"),
        (Sum((X, Product((Number(-2.0, "-2.0"), X)))), r"\mathrm{x}_{ij} - 2.0\,\mathrm{x}_{ij}"),
        (Infix("⊗", (bold("I", "6"), bold("Σ"))), r"\mathbf{I}_{6} \otimes \boldsymbol{\Sigma}"),
    ],
)
def test_latex_of(expression, code: str):
    assert latex(expression) == code


def test_latex_text_is_escaped():
    assert escaped("a_b & c% {x} β <5>") == r"a\_b \& c\% \{x\} $\beta$ \textless{}5\textgreater{}"


def test_latex_compiles(tmp_path: Path):
    """All displays of all models in one document with amsmath and amssymb; a missing TeX is no failure.

    The structure is tested above in any case.
    """
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex on this machine")
    parts = [display.latex for name in NAMES for display in displays(name)]
    parts += [written(name)._repr_latex_() for name in NAMES]
    preamble = "\\documentclass{article}\n\\usepackage{amsmath,amssymb}\n\\begin{document}\n"
    body = "\n\\clearpage\n".join(parts)
    (tmp_path / "all.tex").write_text(f"{preamble}{body}\n\\end{{document}}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=120)
    log = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, log[-3000:]
    assert "Missing character" not in log


# The displays themselves


def test_every_rendering_is_at_hand_everywhere():
    statement = written("sleepstudy")
    for shown in (statement, statement.levels, statement.combined, statement.matrix, statement.priors):
        assert str(shown) == repr(shown) == shown.text
        assert shown._repr_html_() == shown.html
        assert shown._repr_latex_().startswith("$$")
        assert "<math" in shown.mathml
        assert r"\begin{aligned}" in shown.latex


def test_long_equations_break_at_plus_signs():
    equation = Equation(X, "=", Sum(tuple(Symbol(f"term{n}", (), "roman") for n in range(30))))
    lines = Display((Section("Long", (equation,)),)).text.split("\n")[2:]
    assert len(lines) > 1
    assert all(line.startswith("        + term") for line in lines[1:])
    assert " ".join(" ".join(lines).split()).count("term") == 30
