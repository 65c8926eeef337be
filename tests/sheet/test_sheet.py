"""Sheets as frames, LaTeX and Markdown: read back by other means, they say what they said."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

import bayesmm as bmm
from bayesmm.sheet import Sheet, Table
from tests.fits import fit_of, posterior_of

NASTY = 'a_b & 50% of #1 $x$ {y} ~z^2 \\ <tag> | c*d* `e` [f](g) "q"'
FRAME = pd.DataFrame(
    {
        "value": [-12.5, 0.25, np.nan],
        "tiny % of_x": [-1.5e-12, 3e7, 2.0],
        "count": [1, 20, 300],
        "says": ["plain", NASTY, None],
    },
    index=["Intercept", NASTY, "corr|g[1, x_2]"],
)
NASTY_SHEET = Sheet(f"A {NASTY}", (("Fact & all", NASTY),), (Table(f"T {NASTY}", FRAME),), (NASTY, "k̂ ≥ σ²"))

SHEETS = [
    pytest.param(lambda: NASTY_SHEET, id="nasty"),
    pytest.param(lambda: fit_of("sleep").summary(), id="estimate"),
    pytest.param(lambda: fit_of("machines").model.describe(), id="model"),
    pytest.param(lambda: fit_of("machines").model.design.describe(), id="design"),
    pytest.param(lambda: posterior_of("sleep").sheet(), id="posterior"),
    pytest.param(lambda: bmm.compare(posterior_of("sleep"), fit_of("sleep")).sheet(), id="comparison"),
    pytest.param(lambda: fit_of("sleep").model.blocks(), id="blocks"),
    pytest.param(lambda: fit_of("sleep").profile("sigma").sheet(), id="profile"),
    pytest.param(lambda: fit_of("sleep").certificate.sheet(), id="search"),
    pytest.param(lambda: posterior_of("sleep").certificate.sheet(), id="draws"),
]
every_sheet = pytest.mark.parametrize("make", SHEETS)


def shown(table: Table) -> list[list[str]]:
    """Headings and cells, without the spaces that line them up."""
    heads, rows = table.cells()
    return [[cell.strip() for cell in row] for row in (heads, *rows)]


# --- Markdown


def parsed_tables(text: str) -> list[tuple[list[list[str]], list[str]]]:
    """The cells and the alignments of every table, by a parser of GitHub's Markdown."""
    tables = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "table_open":
            tables.append(([], []))
        elif token.type == "tr_open":
            tables[-1][0].append([])
        elif token.type == "th_open":
            tables[-1][1].append(str(token.attrGet("style")))
        elif token.type == "inline" and tables and token.level >= 4:
            assert all(child.type == "text" for child in token.children), token.content
            tables[-1][0][-1].append("".join(child.content for child in token.children))
    return tables


@every_sheet
def test_markdown_read_back_has_the_cells_of_the_sheet(make):
    sheet = make()
    found = parsed_tables(sheet.to_markdown())
    assert len(found) == len(sheet.tables)
    for (cells, styles), table in zip(found, sheet.tables, strict=True):
        assert cells == shown(table)
        assert ["right" in style for style in styles] == list(table.numeric)


@every_sheet
def test_markdown_read_back_has_title_facts_and_notes(make):
    sheet = make()
    blocks = [
        t for t in MarkdownIt("commonmark").enable("table").parse(sheet.to_markdown()) if t.type == "inline"
    ]
    texts = ["".join(c.content for c in token.children if c.type == "text") for token in blocks]
    facts = [f"{label}: {' '.join(text.split())}" for label, text in sheet.facts]
    for said in (sheet.title, *facts, *(table.title for table in sheet.tables), *sheet.notes):
        assert " ".join(said.split()) in [" ".join(text.split()) for text in texts]
    alone = sheet.to_markdown(facts=False)
    assert sheet.tables == () or parsed_tables(alone) == parsed_tables(sheet.to_markdown())
    assert not any(label in alone for label, _ in sheet.facts if label == "Fact & all")


# --- LaTeX

COMMANDS = {
    r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^", r"\textless{}": "<",
    r"\textgreater{}": ">", r"\textbar{}": "|", r"\textasciigrave{}": "`", "{''}": '"', "{[}": "[",
    r"\ldots{}": "…", r"\%": "%", r"\&": "&", r"\#": "#", r"\_": "_", r"\$": "$", r"\{": "{", r"\}": "}",
    r"$\times$": "×", r"$\sigma$": "σ", r"$\beta$": "β", r"$\geq$": "≥", r"$^{2}$": "²", r"$-$": "−",
    r"$\hat{k}$": "k̂", "--": "–",
}  # fmt: skip
"""What the commands mean, by the documentation of LaTeX."""
TOKENS = re.compile("|".join(map(re.escape, sorted(COMMANDS, key=len, reverse=True))))


def read(latex: str) -> str:
    """What LaTeX prints for a text."""
    return TOKENS.sub(lambda found: COMMANDS[found[0]], latex)


def cells_of(row: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)&", row.removesuffix(r"\\"))]


def typeset(number: str) -> str:
    """A number as a table in LaTeX has it."""
    found = re.fullmatch(r"(-?[\d.]+)e([+-]\d+)", number)
    if found:
        return rf"${found[1]} \times 10^{{{int(found[2])}}}$"
    return f"${number}$" if number.startswith("-") else number


@every_sheet
def test_latex_is_well_formed_and_has_the_cells_of_the_sheet(make):
    sheet = make()
    latex = sheet.to_latex()
    assert latex.isascii()
    bare = latex
    for command in (r"\\\\", r"\\[{}%&#_$]"):
        bare = re.sub(command, "", bare)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert "%" not in bare
    assert "#" not in bare
    environments = re.findall(r"\\(begin|end)\{(\w+)\}", latex)
    opened: list[str] = []
    for what, name in environments:
        if what == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    bodies = re.findall(
        r"\\caption\{([^\n]*)\}\n\\begin\{tabular\}\{([^\n]*)\}\n\\toprule\n(.*?)\\bottomrule",
        latex,
        flags=re.DOTALL,
    )
    if sheet.facts:
        title, _, body = bodies.pop(0)
        assert read(title) == sheet.title
        facts = [[read(cell) for cell in cells_of(line)] for line in body.splitlines()]
        assert facts == [[label, text.replace("\n", " ")] for label, text in sheet.facts]
    for (title, columns, body), table in zip(bodies, sheet.tables, strict=True):
        assert read(title) == table.title
        assert columns == "".join("r" if right else "l" for right in table.numeric)
        lines = [cells_of(line) for line in body.splitlines() if line != r"\midrule"]
        for cells, (i, row) in zip(lines, enumerate(shown(table)), strict=True):
            for cell, text, right in zip(cells, row, table.numeric, strict=True):
                assert (cell == typeset(text)) if right and i else (read(cell) == text)
    for note in sheet.notes:
        assert note.replace("\n", " ") in read(latex)


def test_latex_without_facts_has_the_tables_alone():
    sheet = fit_of("sleep").summary()
    latex = sheet.to_latex(facts=False)
    assert latex.count(r"\begin{tabular}") == 2
    assert sheet.facts[0][0] not in latex
    assert sheet.notes[0] not in latex


# --- frames


def test_a_frame_has_the_numbers_unrounded():
    fit = fit_of("sleep")
    frame = fit.summary().to_frame("Fixed effects")
    np.testing.assert_array_equal(frame["estimate"], fit.beta)
    np.testing.assert_array_equal(frame["se"], fit.se)
    frame.iloc[:] = 0.0
    assert fit.summary().to_frame("Fixed effects")["se"].min() > 1


def test_several_tables_stand_under_each_other():
    sheet = fit_of("sleep").summary()
    whole = sheet.to_frame()
    assert list(whole.index.unique("table")) == [table.title for table in sheet.tables]
    for table in sheet.tables:
        own = whole.loc[table.title]
        pd.testing.assert_frame_equal(
            own[list(table.frame.columns)], table.frame, check_names=False, check_dtype=False
        )
        assert own[[c for c in own.columns if c not in table.frame.columns]].isna().all(axis=None)
    alone = Sheet("t", (), (Table("only", FRAME),))
    pd.testing.assert_frame_equal(alone.to_frame(), FRAME)
    assert Sheet("t", (("a", "b"),), ()).to_frame().empty


def test_a_table_that_is_not_there_is_refused():
    with pytest.raises(bmm.ModelError, match="did you mean 'Fixed effects'"):
        fit_of("sleep").summary().to_frame("Fixed efects")
    with pytest.raises(bmm.ModelError, match="a sheet with tables"):
        Sheet("t", (), ()).to_frame("x")
