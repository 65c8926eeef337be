"""Linear combinations of the coefficients, as users write them, → a matrix and its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmm.errors import ModelError, near_matches


def combinations_of(L: Any, names: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The labels and the matrix (m, p) of m combinations of p coefficients.

    Parameters
    ----------
    L
        An array (m, p) or (p,); a frame with columns named as coefficients; or label → {coefficient:
        number}. Coefficients that aren't named count zero.

    Raises
    ------
    ModelError
        If it is something else, or names a coefficient that isn't there.

    Examples
    --------
    >>> combinations_of({"day 9": {"Intercept": 1, "Days": 9}}, ["Intercept", "Days"])
    (['day 9'], array([[1., 9.]]))
    >>> combinations_of([0, 1], ["Intercept", "Days"])
    (['1'], array([[0., 1.]]))
    """
    if isinstance(L, Mapping):
        if not all(isinstance(row, Mapping) for row in L.values()):
            raise _wrong("a mapping of numbers", names)
        L = pd.DataFrame.from_dict({label: dict(row) for label, row in L.items()}, orient="index")
    if isinstance(L, pd.DataFrame):
        for name in L.columns:
            if name not in names:
                raise ModelError(
                    f"there is no coefficient {name!r}",
                    expected=f"one of {', '.join(map(repr, names))}",
                    advice=near_matches(str(name), names),
                )
        labels, L = [str(label) for label in L.index], L.reindex(columns=list(names)).fillna(0.0)
    else:
        L = np.atleast_2d(np.asarray(L))
        labels = [str(i + 1) for i in range(len(L))]
    try:
        matrix = np.asarray(L, dtype=float)
    except (TypeError, ValueError):
        raise _wrong("not all numbers", names) from None
    if matrix.ndim != 2 or matrix.shape[1] != len(names):
        raise _wrong(f"an array of shape {matrix.shape}", names)
    if not np.isfinite(matrix).all():
        raise _wrong("not finite in places", names)
    return labels, matrix


def _wrong(what: str, names: Sequence[str]) -> ModelError:
    return ModelError(
        f"L is {what}",
        expected=f"numbers for {len(names)} coefficients, (m, {len(names)}), or {{label: {{name: number}}}}",
        advice=f"{{'a': {{{names[0]!r}: 1}}}}" if names else "the model has no coefficients",
    )
