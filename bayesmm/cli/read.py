"""A table from a CSV or Parquet file, with an error for each way in which there may be none."""

from __future__ import annotations

import codecs
import gzip
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from bayesmm.errors import DesignNotice, FileError, ModelError, near_matches

SEPARATORS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t"}
"""Ending of a text file → what stands between its columns."""
PARQUET = (".parquet", ".pq")
OTHERS = (";", "\t", "|")
"""What may stand between the columns of a file where a comma was expected."""


def read_table(
    path: Path,
    *,
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    text: Sequence[str] = (),
) -> pd.DataFrame | pa.Table:
    """Read a table; its columns keep the types that the file gives them.

    Parameters
    ----------
    path
        A CSV or Parquet file, by its ending.
    sep, decimal, encoding
        Of a CSV file: the character between columns, that of decimals, and the encoding; by default a comma
        (in a TSV file a tab), a point and UTF-8.
    text
        Columns that are text, whatever they look like. Whole numbers with leading zeros are text anyway, for
        identifiers have them and numbers don't.

    Raises
    ------
    FileError
        If the file is missing, of an unknown kind, empty or malformed.
    ModelError
        If an option can't be.
    """
    ending = _ending(path)
    options = {"sep": sep, "decimal": decimal, "encoding": encoding}
    given = {name: value for name, value in options.items() if value is not None}
    table = (_read_parquet if ending in PARQUET else _read_csv)(path, ending, given, text)
    if len(table) == 0:
        raise _empty(path)
    return table


def _read_parquet(path: Path, ending: str, given: Mapping[str, str], text: Sequence[str]) -> pa.Table:
    for name in given:
        raise ModelError(
            f"--{name} is given, and '{path}' is a Parquet file",
            expected=f"a text file for --{name}",
            advice=f"without --{name}",
        )
    table = _readable(path, ending, lambda: parquet.read_table(path))
    _check_columns(text, table.column_names)
    for name in text:
        as_text = _readable(path, ending, lambda column=table[name]: column.cast(pa.string()))
        table = table.set_column(table.column_names.index(name), name, as_text)
    return table


def _read_csv(path: Path, ending: str, given: Mapping[str, str], text: Sequence[str]) -> pd.DataFrame:
    options = {"sep": SEPARATORS[ending], "decimal": ".", "encoding": "utf-8", **given}
    options["sep"], options["decimal"] = (_character(name, options[name]) for name in ("sep", "decimal"))
    _check_encoding(options["encoding"])
    if options["sep"] == options["decimal"]:
        raise ModelError(
            f"columns and decimals are both marked by {options['sep']!r}",
            expected="a character for each",
            advice="--sep ';' where decimals have a comma",
        )
    _check_columns(text, _readable(path, ending, lambda: _header(path, ending, options)))
    table, padded = _readable(path, ending, lambda: _read_text(path, options, text))
    if padded:
        warnings.warn(
            f"taken as text, for their numbers have leading zeros: {', '.join(map(repr, padded))}",
            DesignNotice,
            stacklevel=3,
        )
    return table


def _ending(path: Path) -> str:
    """The ending of a file that is there.

    Raises
    ------
    FileError
        If it is of an unknown kind, or isn't there.
    """
    known = sorted((*SEPARATORS, *PARQUET), key=len, reverse=True)
    ending = next((ending for ending in known if path.name.lower().endswith(ending)), None)
    if ending is None:
        raise FileError(
            f"'{path}' ends in '{path.suffix or 'nothing'}'",
            expected=f"a file that ends in {', '.join((*SEPARATORS, *PARQUET))}",
            advice="save the table as CSV or Parquet",
        )
    if not path.is_file():
        raise FileError(
            f"there is no file '{path}'" if not path.exists() else f"'{path}' is not a file",
            expected="a CSV or Parquet file",
            advice="check the path and the folder you are in",
        )
    return ending


def _readable[T](path: Path, ending: str, read: Callable[[], T]) -> T:
    """What ``read`` makes of the file.

    Raises
    ------
    FileError
        If it can't be read.
    """
    try:
        return read()
    except FileError:
        raise
    except pd.errors.EmptyDataError:
        raise _empty(path) from None
    except UnicodeError as error:
        raise FileError(
            f"'{path}' can't be read: it is not written in {getattr(error, 'encoding', 'this encoding')}",
            expected="a file in UTF-8, or its encoding",
            advice="--encoding cp1252, which is that of many spreadsheets, or latin-1",
        ) from error
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FileError(
            f"'{path}' can't be read: {reason}",
            expected=f"a well-formed {ending.removeprefix('.')} file",
            advice="open it in a text editor and look at the line named, if one is",
        ) from error


def _header(path: Path, ending: str, options: dict[str, str]) -> list[str]:
    """The names of the columns.

    Raises
    ------
    FileError
        If the header has another separator than the one that was expected.
    """
    with (gzip.open if ending.endswith(".gz") else open)(path, "rt", encoding=options["encoding"]) as lines:
        header = lines.readline()
    other = next((mark for mark in (",", *OTHERS) if mark in header), None)
    if options["sep"] not in header and other is not None:
        shown = header.strip().removeprefix("\ufeff")
        raise FileError(
            f"'{path}' has one column, {shown[:60]!r}",
            expected=f"columns with {_shown(options['sep'])} between them",
            advice=f"--sep {_shown(other)}"
            + (", and --decimal ',' if decimals have one" if other == ";" else ""),
        )
    return pd.read_csv(path, nrows=0, **options).columns.tolist()


def _read_text(path: Path, options: dict[str, str], text: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """The table, and the columns that are kept as text for their leading zeros."""
    table = pd.read_csv(path, dtype=dict.fromkeys(text, str), **options)
    numbers = table.select_dtypes("number")
    whole = [name for name, column in numbers.items() if (column.dropna() % 1 == 0).all()]
    if not whole:
        return table, []
    written = pd.read_csv(path, usecols=whole, dtype=str, **options)
    padded = [name for name in written if written[name].str.fullmatch(r"0\d+").any()]
    table[padded] = written[padded]
    return table, padded


def _check_columns(text: Sequence[str], columns: Sequence[str]) -> None:
    for name in text:
        if name not in columns:
            raise ModelError(
                f"--text is {name!r}, and the file has no such column",
                expected="a column of the file",
                advice=near_matches(name, columns),
            )


def _character(option: str, value: str) -> str:
    value = "\t" if value in ("\\t", "tab") else value
    if len(value) != 1:
        raise ModelError(
            f"--{option} is {value!r}",
            expected="one character",
            advice="--sep ';', or --sep tab" if option == "sep" else "--decimal ','",
        )
    return value


def _check_encoding(value: str) -> None:
    try:
        codecs.lookup(value)
    except LookupError:
        raise ModelError(
            f"--encoding is {value!r}",
            expected="the name of an encoding that Python knows",
            advice="--encoding utf-8, cp1252 or latin-1",
        ) from None


def _shown(character: str) -> str:
    return "tab" if character == "\t" else f"'{character}'"


def _empty(path: Path) -> FileError:
    return FileError(
        f"'{path}' has no rows",
        expected="a header and one row for each observation",
        advice="check how the file was written",
    )
