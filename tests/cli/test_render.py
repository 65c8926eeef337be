"""Tables on a terminal: long names break between their parts."""

from io import StringIO

import pandas as pd
from rich.console import Console

from bayesmm.cli.render import show
from bayesmm.sheet import LINE, Sheet, Table, broken


def test_names_break_after_bars_and_colons_and_never_in_a_word():
    name = "condition:time|school:classroom_sigma"
    for width in range(1, 50):
        lines = broken(name, width).split("\n")
        assert "".join(lines) == name
        assert all(line[-1] in "|:" for line in lines[:-1])
    assert broken("short", 3) == "short"


def test_a_wide_table_on_a_narrow_terminal():
    frame = pd.DataFrame({"mean": [1.5], "sd": [0.5]}, index=["condition:time|school:classroom_sigma"])
    console = Console(width=40, file=StringIO(), record=True)
    show(Sheet("A page", (), (Table("Parameters", frame),)), console)
    text = console.export_text()
    assert "condition:time|" in text
    assert "classroom_sigma" in text


def test_a_printed_page_breaks_long_names_too():
    names = ["condition[treated]:time[after]|school:classroom:pupil_sigma", "x"]
    frame = pd.DataFrame({f"column {i}": [1.5, 2.5] for i in range(7)}, index=names)
    sheet = Sheet("A page", (("X", ", ".join(f"condition[{i}]" for i in range(40))),), (Table("All", frame),))
    lines = str(sheet).splitlines()
    assert max(map(len, lines)) <= LINE
    name = [line.split()[0] for line in lines if "condition[treated]" in line or "pupil" in line]
    assert len(name) > 1
    assert name[0].endswith((":", "|"))
    assert name[-1].endswith("pupil_sigma")
    assert sum("1.5" in line for line in lines) == 1
