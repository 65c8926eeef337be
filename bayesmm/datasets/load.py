"""From a name to a fresh data frame.

The files keep R's distinction between factors and numbers: a factor's cells are quoted, a number's are bare.
pandas forgets the quotes as it reads, so ``factor_columns`` looks for them itself. It stops as soon as it has
seen a cell of every column, so its cost doesn't grow with the file.
"""

from __future__ import annotations

import csv
import gzip
import inspect
import io
import re
import reprlib
import textwrap
from importlib import resources

import numpy as np
import pandas as pd

from bayesmm.datasets.catalogue import CATALOGUE, Dataset
from bayesmm.errors import DatasetError, near_matches

CELL = re.compile(r'(?:^|,)("(?:[^"]|"")*"|[^,]*)')
MISSING = ("", "NA")
INTEGER = re.compile(r"-?[0-9]+")


def load_data(name: str) -> pd.DataFrame:
    """Load one of the embedded data sets into a fresh data frame.

    Factors are unordered categoricals. Their categories are sorted: as numbers of dtype int64 where every
    level is an integer, otherwise as strings. The other columns are int64 where every value is an integer,
    otherwise float64. The values are the published ones, unchanged.

    Parameters
    ----------
    name
        Name of the data set, capitals included; ``bayesmm.list_data()`` shows all names.

    Returns
    -------
    pandas.DataFrame
        Shape (n rows, columns as listed below). Each call reads it anew, so change it as you like.

    Raises
    ------
    DatasetError
        If no data set has exactly this name.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> sleep = load_data("sleepstudy")
    >>> sleep.head(3)
       Reaction  Days Subject
    0  249.5600     0     308
    1  258.7047     1     308
    2  250.8006     2     308
    >>> sleep["Subject"].cat.categories[:3].tolist()
    [308, 309, 310]
    >>> load_data("dyestuff")
    Traceback (most recent call last):
    ...
    bayesmm.errors.DatasetError: there is no data set named 'dyestuff'.
    Expected: the name of an embedded data set, capitals included.
    Try: did you mean 'Dyestuff' or 'Dyestuff2'? – bayesmm.list_data() shows all of them.
    """
    return parse_csv(csv_bytes(find(name)))


def list_data() -> pd.DataFrame:
    """List the embedded data sets.

    Returns
    -------
    pandas.DataFrame
        One row per data set, indexed by ``name``: ``rows`` (their number), ``columns`` (their
        names, separated by commas), ``description`` and ``source``.

    Examples
    --------
    >>> from bayesmm.datasets import list_data
    >>> list_data()[["rows", "columns"]].tail(2)
                 rows                                            columns
    name
    grouseticks   403  INDEX, TICKS, BROOD, HEIGHT, YEAR, LOCATION, c...
    Arabidopsis   625  reg, popu, gen, rack, nutrient, amd, status, t...
    """
    entries = CATALOGUE.values()
    return pd.DataFrame(
        {
            "rows": [entry.rows for entry in entries],
            "columns": [", ".join(entry.columns) for entry in entries],
            "description": [entry.description for entry in entries],
            "source": [entry.source for entry in entries],
        },
        index=pd.Index([entry.name for entry in entries], name="name"),
    )


def find(name: str) -> Dataset:
    """Look a data set up by its exact name; raise ``DatasetError`` if there is none.

    Examples
    --------
    >>> find("cbpp").rows
    56
    """
    if isinstance(name, str) and name in CATALOGUE:
        return CATALOGUE[name]
    if isinstance(name, str):
        got = f"there is no data set named {reprlib.repr(name)}"
    else:
        got = f"the name of a data set can't be of type {type(name).__name__}"
    raise DatasetError(
        got,
        expected="the name of an embedded data set, capitals included",
        advice=f"{near_matches(name, CATALOGUE)} – bayesmm.list_data() shows all of them",
    )


def csv_bytes(entry: Dataset) -> bytes:
    """Read the uncompressed CSV of a data set; ``entry.sha256`` is the checksum of these bytes.

    Examples
    --------
    >>> csv_bytes(CATALOGUE["Dyestuff"])[:24]
    b'"Batch","Yield"\\n"A",1545'
    """
    files = resources.files("bayesmm.datasets") / "files"
    plain = files / f"{entry.name}.csv"
    if plain.is_file():
        return plain.read_bytes()
    return gzip.decompress((files / f"{entry.name}.csv.gz").read_bytes())


def parse_csv(raw: bytes) -> pd.DataFrame:
    """Turn a CSV with quoted factors and bare numbers into a data frame; a bare ``NA`` is missing.

    Examples
    --------
    >>> frame = parse_csv(b'"g","x"\\n"10",1\\n"9",NA\\n')
    >>> frame["g"].cat.categories.tolist(), frame["x"].tolist()
    ([9, 10], [1.0, nan])
    """
    texts = pd.read_csv(io.BytesIO(raw), dtype=str, keep_default_na=False, na_values=list(MISSING))
    cells = texts.astype("category")
    factors = factor_columns(raw)
    return pd.DataFrame(
        {name: as_factor(cells[name]) if name in factors else as_numbers(cells[name]) for name in cells}
    )


def factor_columns(raw: bytes) -> list[str]:
    """Name the columns whose first cell that isn't missing is quoted.

    Examples
    --------
    >>> factor_columns(b'"g","x"\\nNA,1\\n"a",2\\n')
    ['g']
    """
    lines = io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8")
    header = next(csv.reader(lines))
    quoted: dict[str, bool] = {}
    for line in lines:
        for column, cell in zip(header, CELL.findall(line.rstrip("\n")), strict=True):
            if cell not in MISSING:
                quoted.setdefault(column, cell.startswith('"'))
        if len(quoted) == len(header):
            break
    return [column for column in header if quoted.get(column, False)]


def as_factor(cells: pd.Series) -> pd.Series:
    """Sort the levels of a categorical of strings: as integers where all are integers, else as strings.

    Examples
    --------
    >>> as_factor(pd.Series(["10", "9"], dtype="category")).cat.categories.tolist()
    [9, 10]
    >>> as_factor(pd.Series(["3+", "10"], dtype="category")).cat.categories.tolist()
    ['10', '3+']
    """
    levels = cells.cat.categories.tolist()
    if all(INTEGER.fullmatch(level) for level in levels):
        levels = [int(level) for level in levels]
        cells = cells.cat.rename_categories(levels)
    return cells.cat.reorder_categories(sorted(levels))


def as_numbers(cells: pd.Series) -> np.ndarray:
    """Read a categorical of strings as numbers: int64 where all are integers, else float64.

    Python parses the distinct strings, to the last bit; pandas' own parser may be a bit off.

    Examples
    --------
    >>> as_numbers(pd.Series(["1", "10", "1"], dtype="category"))
    array([ 1, 10,  1])
    >>> as_numbers(pd.Series(["1", None], dtype="category"))
    array([ 1., nan])
    """
    codes = cells.cat.codes.to_numpy()
    texts = cells.cat.categories.tolist()
    if (codes >= 0).all() and all(INTEGER.fullmatch(text) for text in texts):
        return np.array([int(text) for text in texts], dtype=np.int64)[codes]
    return np.array([*map(float, texts), np.nan])[codes]  # the code of a missing cell is −1: the last


def describe(entry: Dataset) -> str:
    """Write a data set's paragraph and its list of columns for the docstring of ``load_data``.

    Examples
    --------
    >>> print(describe(CATALOGUE["Dyestuff2"]).splitlines()[-1])
    - ``Yield``: constructed yield, without a unit
    """
    text = f"**{entry.name}**, {entry.rows} rows. {entry.description}. Source: {entry.source}."
    items = [f"- ``{column}``: {meaning}" for column, meaning in entry.columns.items()]
    wrapped = [textwrap.fill(item, width=100, subsequent_indent="  ") for item in items]
    return "\n".join([textwrap.fill(text, width=100), "", *wrapped])


if load_data.__doc__ is not None:  # python -OO strips docstrings
    notes = "\n\n".join(describe(entry) for entry in CATALOGUE.values())
    load_data.__doc__ = f"{inspect.cleandoc(load_data.__doc__)}\n\nNotes\n-----\n{notes}\n"
    del notes
