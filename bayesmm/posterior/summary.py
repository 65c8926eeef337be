"""The summary of a posterior: ArviZ's table of the variables that were asked for, rounded."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayesmm.checks import check_choice
from bayesmm.design.naming import posterior_name
from bayesmm.errors import ModelError, near_matches
from bayesmm.posterior.rounding import rounded

if TYPE_CHECKING:
    import xarray as xr


def summary_table(
    data: xr.DataTree, var_names: str | list[str] | None, *, effects: bool, options: dict[str, Any]
) -> pd.DataFrame:
    """Mean, sd, interval and diagnostics of each parameter; see :meth:`Posterior.summary`."""
    from arviz_stats import summary  # arviz itself would bring matplotlib along

    given = {"round_to": "none"} | options
    table = summary(data, var_names=_chosen(data, var_names, effects, options), **given)
    if var_names is None and effects and "effect_summary" in data.children:
        table = pd.concat([table, _summed_up(data["effect_summary"].dataset, table)])
    return table if "round_to" in options else rounded(table)


def effect_variables(data: xr.DataTree) -> tuple[str, ...]:
    """The variables that are random effects."""
    return tuple(
        str(name)
        for name, array in data["posterior"].data_vars.items()
        if any(str(dim).endswith("__factor_dim") for dim in array.dims)
    )


def _chosen(
    data: xr.DataTree, var_names: str | list[str] | None, effects: bool, options: dict[str, Any]
) -> list[str]:
    """The variables that are asked for, by their names in the posterior."""
    known = [str(name) for name in data["posterior"].data_vars]
    if var_names is None:
        return [name for name in known if effects or name not in effect_variables(data)]
    given = [var_names] if isinstance(var_names, str) else list(var_names)
    if options.get("filter_vars") is not None:
        _check_filter(given, options["filter_vars"], known)
        return given
    wanted = [posterior_name(name) for name in given]
    for name in wanted:
        if name.removeprefix("~") not in known:
            raise ModelError(
                f"the posterior has no variable '{name}'",
                expected=f"one of {', '.join(map(repr, known))}",
                advice=near_matches(name, known),
            )
    return wanted


def _check_filter(patterns: list[str], how: object, known: list[str]) -> None:
    """Whether patterns, as ``filter_vars`` reads them, leave any variable.

    Raises
    ------
    ModelError
        If not, or if they can't be read.
    """
    check_choice("filter_vars", how, ("like", "regex"))
    wanted = [pattern for pattern in patterns if not pattern.startswith("~")]
    try:
        found = [
            name
            for name in known
            if any(pattern in name if how == "like" else re.search(pattern, name) for pattern in wanted)
        ]
    except re.error as error:
        raise ModelError(
            f"var_names has {', '.join(map(repr, wanted))}, and not all are regular expressions: {error}",
            expected="regular expressions",
            advice="filter_vars='like' for parts of names as they are written",
        ) from None
    if wanted and not found:
        raise ModelError(
            f"no variable of the posterior has {' or '.join(map(repr, wanted))} in its name",
            expected=f"{'a part' if how == 'like' else 'a regular expression that fits a part'} of one of "
            f"{', '.join(map(repr, known))}",
            advice=near_matches(wanted[0], known),
        )


def _summed_up(effects: xr.Dataset, like: pd.DataFrame) -> pd.DataFrame:
    """The rows of random effects that were summed up as they were drawn, in the columns of a summary."""
    parts = []
    for name, array in effects.data_vars.items():
        rows = array.transpose("statistic", ...).to_numpy().reshape(array.sizes["statistic"], -1)
        labels = [
            f"{name}[{', '.join(map(str, at))}]"
            for at in product(*(array.coords[dim].to_numpy() for dim in array.dims if dim != "statistic"))
        ]
        parts.append(pd.DataFrame(rows.T, index=labels, columns=list(like.columns[: len(rows)])))
    return pd.concat(parts).reindex(columns=like.columns)
