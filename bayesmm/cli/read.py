"""A table from a CSV or Parquet file, with an error for each way in which there may be none."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bayesmm.errors import FileError

READERS = {
    ".csv": pd.read_csv,
    ".csv.gz": pd.read_csv,
    ".tsv": lambda path: pd.read_csv(path, sep="\t"),
    ".parquet": pd.read_parquet,
    ".pq": pd.read_parquet,
}
"""File name ending → reader."""


def read_table(path: Path) -> pd.DataFrame:
    """Read a table; its columns keep the types that the file gives them.

    Raises
    ------
    FileError
        If the file is missing, of an unknown kind, empty or malformed.
    """
    name = path.name.lower()
    ending = next(
        (ending for ending in sorted(READERS, key=len, reverse=True) if name.endswith(ending)), None
    )
    if ending is None:
        raise FileError(
            f"'{path}' ends in '{path.suffix or 'nothing'}'",
            expected=f"a file that ends in {', '.join(READERS)}",
            advice="save the table as CSV or Parquet",
        )
    if not path.is_file():
        raise FileError(
            f"there is no file '{path}'" if not path.exists() else f"'{path}' is not a file",
            expected="a CSV or Parquet file",
            advice="check the path and the folder you are in",
        )
    try:
        table = READERS[ending](path)
    except pd.errors.EmptyDataError:
        raise _empty(path) from None
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FileError(
            f"'{path}' can't be read: {reason}",
            expected=f"a well-formed {ending.removeprefix('.')} file",
            advice="open it in a text editor and look at the line named, if one is",
        ) from error
    if len(table) == 0:
        raise _empty(path)
    return table


def _empty(path: Path) -> FileError:
    return FileError(
        f"'{path}' has no rows",
        expected="a header and one row for each observation",
        advice="check how the file was written",
    )
