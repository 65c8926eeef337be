"""``Values``: some numbers that a model was asked for, with what is known of their error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmm.checks import check_prob
from bayesmm.design.naming import SAMPLE_DIMS
from bayesmm.errors import ModelError, near_matches
from bayesmm.results.intervals import about, of_draws

if TYPE_CHECKING:
    import xarray as xr

REAL, POSITIVE, CORRELATION, SHARE = (-np.inf, np.inf), (0.0, np.inf), (-1.0, 1.0), (0.0, 1.0)
"""The range of a coefficient, of a standard deviation, of a correlation, of a share of the variance."""
RANGES = {"fixed": REAL, "sd": POSITIVE, "dispersion": POSITIVE, "corr": CORRELATION}
"""The range of a parameter, by its kind."""


@dataclass(frozen=True, eq=False, repr=False)
class Values(Mapping[str, float]):
    """m numbers by name, each with its error: of an estimate a point with a standard error, else draws.

    ``values["Days"]`` is a number: the estimate, or the mean of the draws.

    Attributes
    ----------
    estimate
        (m,) the estimates, or the means of the draws.
    se
        (m,) their standard errors, or the sds of the draws; missing where there is none.
    ranges
        (m, 2) between which bounds each may be.
    draws
        The draws (chain, draw, value) of a posterior; None for an estimate.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> values = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy")).fit().r2()
    >>> round(values["marginal"], 3)
    0.279
    >>> values.table(prob=0.95).round(2)
                 estimate    se  lower  upper
    marginal         0.28  0.08   0.15   0.45
    conditional      0.80  0.04   0.70   0.87
    """

    estimate: pd.Series
    se: pd.Series
    ranges: np.ndarray
    draws: xr.DataArray | None = None

    @classmethod
    def about(
        cls,
        labels: Sequence[str],
        estimate: np.ndarray,
        se: np.ndarray,
        ranges: Sequence[tuple[float, float]],
    ) -> Values:
        """Points with standard errors."""
        index = pd.Index(labels, dtype=object)
        return cls(
            pd.Series(estimate, index, dtype=float, name="estimate"),
            pd.Series(se, index, dtype=float, name="se"),
            np.array(ranges, dtype=float).reshape(-1, 2),
        )

    @classmethod
    def of_draws(
        cls,
        labels: Sequence[str],
        draws: np.ndarray,
        ranges: Sequence[tuple[float, float]],
        coords: Mapping[str, np.ndarray],
    ) -> Values:
        """Draws (chains, draws, m); ``coords`` has the labels of chains and draws."""
        import xarray as xr

        flat = draws.reshape(-1, draws.shape[-1])
        found = cls.about(labels, flat.mean(axis=0), flat.std(axis=0, ddof=1), ranges)
        named = {dim: coords[dim] for dim in SAMPLE_DIMS} | {"value": np.array(labels, dtype=str)}
        return cls(
            found.estimate, found.se, found.ranges, xr.DataArray(draws, named, (*SAMPLE_DIMS, "value"))
        )

    def interval(self, prob: float = 0.95) -> pd.DataFrame:
        """Columns ``lower`` and ``upper``.

        Of draws the interval is equal-tailed or the shortest, as ArviZ is set. Of an estimate it is Wald's,
        on a scale on which the value has no bounds, so that it stays within them.

        Parameters
        ----------
        prob
            The probability.

        Raises
        ------
        ModelError
            If ``prob`` is no probability.
        """
        prob = check_prob(prob)
        if self.draws is None:
            ends = about(self.estimate.to_numpy(), self.se.to_numpy(), self.ranges, prob)
        else:
            ends = of_draws(self.draws.to_numpy().reshape(-1, len(self)), prob)
        return pd.DataFrame({"lower": ends[0], "upper": ends[1]}, index=self.estimate.index)

    def table(self, prob: float = 0.95) -> pd.DataFrame:
        """Columns ``estimate``, ``se``, ``lower``, ``upper``."""
        return pd.concat([self.estimate, self.se, self.interval(prob)], axis=1)

    def __getitem__(self, label: str) -> float:
        if label not in self.estimate.index:
            raise ModelError(
                f"there is no value {label!r}",
                expected=f"one of {', '.join(map(repr, self.estimate.index))}",
                advice=near_matches(label, list(map(str, self.estimate.index))),
            )
        return float(self.estimate.iloc[self.estimate.index.get_loc(label)])

    def __iter__(self) -> Iterator[str]:
        return iter(self.estimate.index)

    def __len__(self) -> int:
        return len(self.estimate)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.estimate, dtype=dtype)

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()
