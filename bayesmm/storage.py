"""A result in a file: netCDF-4, one group for each group of the DataTree, everything as it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bayesmm.errors import FileError

if TYPE_CHECKING:
    import xarray as xr

ENGINE = "h5netcdf"


def save_tree(data: xr.DataTree, path: str | Path) -> Path:
    """Write a DataTree; what was at ``path`` is replaced.

    Raises
    ------
    FileError
        If it can't be written.
    """
    path = Path(path)
    try:
        data.to_netcdf(path, engine=ENGINE)
    except OSError as error:
        raise FileError(
            f"'{path}' can't be written: {error}",
            expected="a file in a folder that exists and may be written to",
            advice=f"another path; the folder is '{path.resolve().parent}'",
        ) from error
    return path


def load_tree(path: str | Path, holds: str) -> xr.DataTree:
    """Read what :func:`save_tree` wrote, into memory; the file is closed again.

    Parameters
    ----------
    path
        The file.
    holds
        The group that makes it what is wanted: ``"posterior"`` or ``"estimate"``.

    Raises
    ------
    FileError
        If there is no such file, or it is empty, not netCDF, or holds something else.
    """
    import xarray as xr

    path = Path(path)
    expected = f"a file that {holds.title()}.save wrote"
    if not path.is_file():
        raise FileError(
            f"there is no file '{path}'", expected=expected, advice=f"the path, seen from '{Path.cwd()}'"
        )
    try:
        with xr.open_datatree(path, engine=ENGINE) as opened:
            data = opened.load()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise FileError(
            f"'{path}' can't be read as netCDF ({path.stat().st_size} bytes): {error}",
            expected=expected,
            advice=f"save the {holds} again; a copy may have been cut short",
        ) from error
    if data.attrs.get("created_by") != "bayesmm" or holds not in data.children:
        others = [name.title() for name in ("posterior", "estimate") if name in data.children]
        raise FileError(
            f"'{path}' holds no {holds} of bayesmm's",
            expected=expected,
            advice=f"{others[0]}.load reads this one"
            if others
            else "xarray.open_datatree reads any netCDF file",
        )
    return data
