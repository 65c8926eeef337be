"""The rows to predict for, as arrays: those that were fitted, or new data with their new levels numbered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bayesmm.checks import check_choice
from bayesmm.design import Design, RandomTerm, Rows, TermRows
from bayesmm.design.entrance import as_frame
from bayesmm.design.factor import level_index
from bayesmm.design.given import aligned
from bayesmm.errors import DataError, ModelError
from bayesmm.predict.options import NEW_LEVELS

SHOWN = 8
"""How many levels an error names."""


def rows_to_predict(
    design: Design,
    newdata: Any,
    *,
    new_levels: str,
    include_random: bool | str | Collection[str],
    weights: Any,
    offset: Any,
    need_weights: bool,
) -> Rows:
    """New data as rows, or the rows that were fitted if ``newdata`` is None.

    The options are those of :func:`rows_of_data`.

    Raises
    ------
    DataError, ModelError
        As :func:`rows_of_data`; also if weights or an offset are given for the rows that were fitted.
    """
    check_choice("new_levels", new_levels, NEW_LEVELS)
    if newdata is None:
        for name, given in (("weights", weights), ("offset", offset)):
            if given is not None:
                raise ModelError(
                    f"{'weights are' if name == 'weights' else 'an offset is'} given without new data",
                    expected="newdata that they belong to",
                    advice="the rows that were fitted have their own",
                )
        return rows_of_design(design, include_random=include_random)
    return rows_of_data(
        design,
        newdata,
        new_levels=new_levels,
        include_random=include_random,
        weights=weights,
        offset=offset,
        need_weights=need_weights,
    )


def rows_of_design(design: Design, *, include_random: bool | str | Collection[str] = True) -> Rows:
    """The rows that a design was built from.

    Parameters
    ----------
    include_random
        Whether the random effects count, or the names of the grouping factors whose effects do.

    Raises
    ------
    DataError
        If a name is no grouping factor.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.design import build_design
    >>> rows = rows_of_design(build_design("Reaction ~ Days + (Days | Subject)", load_data("sleepstudy")))
    >>> rows.X.shape, rows.terms[0].Xi.shape, rows.terms[0].n_new
    ((180, 2), (180, 2), 0)
    """
    groups = _included(design, include_random)
    return replace(design.rows, terms=tuple(t if t.group in groups else None for t in design.rows.terms))


def as_new_levels(rows: Rows) -> Rows:
    """The same rows with every level new: groups like those that were fitted, but not the same ones.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.design import build_design
    >>> rows = rows_of_design(build_design("Yield ~ 1 + (1 | Batch)", load_data("Dyestuff")))
    >>> as_new_levels(rows).terms[0].n_new
    6
    """
    return replace(rows, terms=tuple(None if term is None else term.as_new() for term in rows.terms))


def rows_of_data(
    design: Design,
    data: Any,
    *,
    new_levels: str = "error",
    include_random: bool | str | Collection[str] = True,
    weights: Any = None,
    offset: Any = None,
    need_weights: bool = False,
) -> Rows:
    """New data as rows of a design.

    Parameters
    ----------
    data
        m rows with the columns that the right-hand side uses; those of effects that don't count, and the
        response, may be left out. It is not changed.
    new_levels
        What becomes of levels that were not seen: ``"error"``, ``"population"`` or ``"sample"``. Here it only
        decides which are errors: a missing level has no identity of its own, and counts as an error but for
        ``"population"``.
    include_random
        Whether the random effects count, or the names of the grouping factors whose effects do.
    weights, offset
        A column of the data, m numbers or one number: what the model was given by arguments of these names.
        None takes the column that the model was given by its name.
    need_weights
        Whether weights are asked for, if the model has any.

    Raises
    ------
    DataError
        If the data don't fit the formula, have missing values, or levels that were not seen.
    ModelError
        If an option can't be, or weights or offset are missing or superfluous.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.design import build_design
    >>> design = build_design("Reaction ~ Days + (Days | Subject)", load_data("sleepstudy"))
    >>> rows = rows_of_data(design, {"Days": [0, 1], "Subject": [308, 999]}, new_levels="population")
    >>> term = rows.terms[0]
    >>> term.places.tolist(), term.levels.tolist(), term.n_new
    ([0, 1], [0], 1)
    """
    check_choice("new_levels", new_levels, NEW_LEVELS)
    frame = as_frame(data)
    groups = _included(design, include_random)
    rebuilt = design.rebuild(frame, groups=groups)
    _check_complete(design, rebuilt, frame, groups)
    on_data = iter(rebuilt.terms)
    numbered: dict[str, tuple[np.ndarray, int]] = {}
    terms: list[TermRows | None] = []
    for term in design.terms:
        if term.group not in groups:
            terms.append(None)
            continue
        found = next(on_data)
        if term.group not in numbered:
            numbered[term.group] = _numbered(term, found.codes, frame, new_levels)
        codes, n_new = numbered[term.group]
        terms.append(replace(found, own=codes, n_new=n_new))
    return replace(
        rebuilt,
        terms=tuple(terms),
        offset=_offset(design, rebuilt.offset, offset, frame),
        weights=_weights(design, weights, frame, needed=need_weights),
    )


def _included(design: Design, include_random: bool | str | Collection[str]) -> set[str]:
    """The grouping factors whose effects count."""
    if isinstance(include_random, bool | np.bool_):
        return set(design.factors) if include_random else set()
    if isinstance(include_random, str):
        include_random = (include_random,)
    if not isinstance(include_random, Collection):
        raise ModelError(
            f"include_random is {include_random!r}",
            expected="True, False, or the names of grouping factors",
            advice="include_random=False for predictions without random effects",
        )
    for group in include_random:
        design.terms_of(group)
    return set(include_random)


def _check_complete(design: Design, rebuilt: Rows, frame: pd.DataFrame, groups: set[str]) -> None:
    """No row may be missing a predictor; which rows get a prediction is the caller's to say."""
    bad = np.isnan(rebuilt.X).any(axis=1)
    for term in rebuilt.terms:
        bad |= np.isnan(term.Xi).any(axis=1)
    if rebuilt.offset is not None:
        bad |= np.isnan(rebuilt.offset)
    if bad.any():
        used = sorted(design.formula.predictors_of(groups) & set(frame.columns))
        lacking = [name for name in used if frame[name].isna().any()]
        raise DataError(
            f"the new data have missing values in {int(bad.sum())} rows, in "
            f"{', '.join(map(repr, lacking)) or 'a predictor'}",
            expected="a value for each predictor in every row",
            advice=f"newdata.dropna(subset={lacking!r})",
        )


def _numbered(
    term: RandomTerm, codes: np.ndarray, frame: pd.DataFrame, new_levels: str
) -> tuple[np.ndarray, int]:
    """The codes of rows whose new levels are numbered on from those of the fit, and how many are new."""
    unseen = codes < 0
    if not unseen.any():
        return codes, 0
    rows = frame.loc[unseen, list(term.factor.variables)]
    missing = rows.isna().to_numpy().any(axis=1)
    number, new = level_index(rows[~missing], term.factor.variables).factorize()
    if new_levels == "error" and len(new):
        raise _unseen_error(term, new)
    if new_levels != "population" and missing.any():
        raise DataError(
            f"the level of '{term.group}' is missing in {int(missing.sum())} rows of the new data",
            expected="a level in every row",
            advice='new_levels="population" predicts them without the effects of the group',
        )
    after = np.full(len(rows), len(new))  # rows without a level share a number, and an effect of zero
    after[~missing] = number
    codes = codes.copy()
    codes[unseen] = len(term.factor) + after
    return codes, len(new) + bool(missing.any())


def _unseen_error(term: RandomTerm, levels: pd.Index) -> DataError:
    is_combination = isinstance(levels, pd.MultiIndex)
    texts = [":".join(map(str, level)) if is_combination else str(level) for level in levels]
    shown = ", ".join(texts[:SHOWN]) + (", …" if len(texts) > SHOWN else "")
    advice = 'new_levels="population" for an effect of zero, "sample" for one drawn from its distribution'
    if not is_combination and texts[0] in set(term.factor.labels):
        kinds = type(term.levels[0]).__name__, type(levels[0]).__name__
        advice = f"levels of type {kinds[0]}, as in the model's data; these are {kinds[1]}"
    one = len(texts) == 1
    return DataError(
        f"the new data have {len(texts)} {'level' if one else 'levels'} of '{term.group}' that the model has "
        f"not seen: {shown}",
        expected=f"levels among the {len(term.factor)} fitted",
        advice=advice,
    )


def _offset(
    design: Design, by_formula: np.ndarray | None, given: Any, frame: pd.DataFrame
) -> np.ndarray | None:
    """The formula's offset plus the argument's."""
    if given is None:
        given = _remembered("offset", design.given.offset, frame)
    if design.given.has_offset and given is None:
        raise ModelError(
            "the model has an offset of its own, and the new data are given without one",
            expected="an offset for each row of the new data",
            advice="offset='column', or offset=0.0 for none",
        )
    if given is None:
        return by_formula
    if not design.given.has_offset:
        raise ModelError(
            "an offset is given, and the model was built without that argument",
            expected="no offset; one in the formula is taken from the new data",
            advice="add it to the predictions",
        )
    values = _finite("offset", given, frame)
    return values if by_formula is None else values + by_formula


def _weights(design: Design, given: Any, frame: pd.DataFrame, *, needed: bool) -> np.ndarray | None:
    if design.weights is None:
        if given is not None:
            raise ModelError(
                "weights are given, and the model has none",
                expected="no weights: every response has the variance σ²",
                advice="leave weights out",
            )
        return None
    if given is None:
        if not needed:
            return None
        given = _remembered("weights", design.given.weights, frame)
        if given is None:
            raise ModelError(
                "the model has weights, and the new data are given without them",
                expected="a weight for each new row: responses have the variance σ²/w",
                advice="weights='column', or weights=1.0",
            )
    values = _finite("weights", given, frame)
    if (values <= 0).any():
        raise DataError(
            f"{int((values <= 0).sum())} of the weights are zero or negative",
            expected="positive precision weights, Var(y_i) = σ²/w_i",
            advice="drop those rows",
        )
    return values


def _remembered(name: str, column: str | None, frame: pd.DataFrame) -> str | None:
    """The column of the new data that has what the model was given by this column's name."""
    if column is not None and column not in frame.columns:
        raise DataError(
            f"the model has its {name} from the column '{column}', and the new data have no such column",
            expected=f"'{column}', or {name} of their own",
            advice=f"{name}={0.0 if name == 'offset' else 1.0}, or a column of the new data by its name",
        )
    return column


def _finite(name: str, given: Any, frame: pd.DataFrame) -> np.ndarray:
    if not isinstance(given, str) and np.ndim(given) == 0:
        given = np.full(len(frame), given)
    values = aligned(given, name, frame)
    if values is None or np.isnan(values).any():
        raise DataError(
            f"{name} are missing in some rows of the new data",
            expected="a number for each row",
            advice="drop those rows",
        )
    return values
