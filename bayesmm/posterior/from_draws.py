"""``FromDraws``: the questions of every fitted model, answered from draws."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmm.checks import check_prob
from bayesmm.posterior import answers, variance_shares
from bayesmm.posterior.draw_arrays import DrawArrays
from bayesmm.results import Fitted, Values
from bayesmm.results.varcorr import VariancePoints, sdcor_rows, variance_components

if TYPE_CHECKING:
    import xarray as xr


class FromDraws(Fitted):
    """Means, sds and intervals of draws, in the shapes in which an estimate has them.

    Attributes
    ----------
    data
        DataTree with the group ``posterior``, and ``effect_summary`` where random effects were summed up.
    """

    data: xr.DataTree

    @cached_property
    def beta(self) -> pd.Series:
        """(p,) the posterior means of the coefficients."""
        return pd.Series(self._beta_draws.mean(axis=0), index=list(self.design.names), name="beta")

    @cached_property
    def vcov(self) -> pd.DataFrame:
        """(p, p) their posterior covariance matrix."""
        names = list(self.design.names)
        return pd.DataFrame(np.cov(self._beta_draws.T).reshape(len(names), -1), index=names, columns=names)

    @cached_property
    def sigma(self) -> float:
        """The posterior mean of the residual standard deviation, in units of the response."""
        return float(self._variances.dispersions[0].mean())

    @cached_property
    def covariances(self) -> tuple[pd.DataFrame, ...]:
        """(k, k) for each term of the design: the posterior mean of Cov(b_j)."""
        return tuple(
            pd.DataFrame(G.mean(axis=0), index=list(term.columns), columns=list(term.columns))
            for term, G in zip(self.design.terms, self._variances.covariances, strict=True)
        )

    @cached_property
    def varcorr(self) -> pd.DataFrame:
        """The posterior means of variances, covariances, sds and correlations; see :attr:`Fitted.varcorr`.

        ``vcov`` and ``sdcor`` are means each of their own: the mean of a variance is larger than the square
        of the mean of its root.
        """
        return variance_components(self.design.terms, self._variances)

    @cached_property
    def sdcor_se(self) -> pd.Series:
        """The posterior sds of ``varcorr["sdcor"]``, row by row."""
        return pd.Series(sdcor_rows(self._variances).std(axis=0, ddof=1), index=self.varcorr.index, name="se")

    @property
    def effects_by_term(self) -> tuple[np.ndarray, ...]:
        """(ℓ, k) of each term: the posterior means of the random effects."""
        return tuple(mean for mean, _ in self._effect_moments)

    @property
    def effect_sds_by_term(self) -> tuple[np.ndarray, ...]:
        """(ℓ, k) of each term: the posterior sds of the random effects."""
        return tuple(sd for _, sd in self._effect_moments)

    def effect_intervals(self, prob: float) -> tuple[np.ndarray, ...]:
        """(2, ℓ, k) of each term: the ends of the intervals of the random effects' draws."""
        return answers.effect_intervals(self.design, self.data, check_prob(prob))

    @cached_property
    def row_errors(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) posterior sds of Xβ + Zb, missing where draws of b weren't kept; leverages are missing."""
        return answers.row_sds(self.design, self.data), np.full(self.design.n, np.nan)

    def parameters(self) -> Values:
        """The draws of coefficients, standard deviations, correlations and σ, by the summary's names."""
        return answers.parameter_values(self.design, self.data)

    def linear(self, L: Any) -> Values:
        """Draws of linear combinations Lβ; see :meth:`Fitted.linear`."""
        return answers.linear_values(self.design, self.data, L)

    def r2(self, kind: str | None = None) -> Values:
        """Draws of the shares of the response's variance that are explained; see :meth:`Fitted.r2`.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
        >>> posterior = model.sample(draws=1000, random_seed=1, progressbar=False)
        >>> round(posterior.r2()["marginal"], 1), posterior.r2().draws.dims
        (0.3, ('chain', 'draw', 'value'))
        """
        return variance_shares.r2(self.design, self.data, kind)

    def icc(self) -> Values:
        """Draws of each grouping factor's share of what the fixed part leaves; see :meth:`Fitted.icc`.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> posterior = model.sample(draws=1000, random_seed=1, progressbar=False)
        >>> round(posterior.icc()["Batch"], 1)
        0.4
        """
        return variance_shares.icc(self.design, self.data)

    @cached_property
    def _arrays(self) -> DrawArrays:
        return answers.arrays_of(self.design, self.data)

    @cached_property
    def _beta_draws(self) -> np.ndarray:
        return self._arrays.beta(slice(0, len(self._arrays)))

    @cached_property
    def _variances(self) -> VariancePoints:
        return answers.variance_draws(self._arrays, self.design)

    @cached_property
    def _effect_moments(self) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        return answers.effect_moments(self.design, self.data)
