"""Whether two results are of one model: the same formula, data and covariance structures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesmm.design import Design
from bayesmm.design.naming import name_parameters

if TYPE_CHECKING:
    import xarray as xr


def difference(ours: Design, theirs: Design) -> str | None:
    """What is other in their design, in words that follow "of"; None if it is the same.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> data = bmm.load_data("Dyestuff")
    >>> ours, theirs = (bmm.Model("Yield ~ 1 + (1 | Batch)", d).design for d in (data, data.head(12)))
    >>> difference(ours, theirs)
    'other data'
    """
    if ours is theirs:
        return None
    if ours.formula != theirs.formula:
        return f"'{theirs.formula}'"
    if not (_equal(ours.y, theirs.y) and _equal(ours.X, theirs.X)):
        return "other data"
    if not (_equal(ours.weights, theirs.weights) and _equal(ours.offset, theirs.offset)):
        return "a model with other weights or another offset"
    for a, b in zip(ours.terms, theirs.terms, strict=True):
        if a.covariance != b.covariance:
            return "a model with another covariance structure, and so with different parameters"
        if not (_equal(a.Xi, b.Xi) and _equal(a.factor.codes, b.factor.codes) and a.levels.equals(b.levels)):
            return "a model with other groups"
    return None


def difference_in_file(ours: Design, data: xr.DataTree) -> str | None:
    """What is other in the model that draws are of, by what their file has of it, as above."""
    names = name_parameters(ours)
    if data.attrs["formula"] != ours.formula.text:
        return f"'{data.attrs['formula']}'"
    if not _equal(data["observed_data"][names.response].to_numpy(), ours.y):
        return "other data"
    if set(data["posterior"].data_vars) | set(names.effects) != set(names.dims):
        return "a model with another covariance structure, and so with different parameters"
    return None


def _equal(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b)
