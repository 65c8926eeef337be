"""``Fitted``: what every fitted model can be asked, under one name and with an answer of one shape."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesmm.design import Design
from bayesmm.results import tables
from bayesmm.results.values import Values
from bayesmm.sheet import Sheet


class Fitted(ABC):
    """A model that was fitted, by whatever method.

    Of an estimate, numbers are estimates and errors standard errors; of a posterior they are the means and
    the sds of draws. Who asks needn't know which it is.
    """

    @property
    @abstractmethod
    def design(self) -> Design:
        """y, X, Z and their names.

        Raises
        ------
        ModelError
            If the result came from a file and its model wasn't given.
        """

    @property
    @abstractmethod
    def method(self) -> str:
        """How it was fitted, in a word."""

    @property
    @abstractmethod
    def beta(self) -> pd.Series:
        """(p,) the coefficients, by the names of the columns of X."""

    @property
    @abstractmethod
    def vcov(self) -> pd.DataFrame:
        """(p, p) the covariance matrix of their errors."""

    @property
    @abstractmethod
    def sigma(self) -> float:
        """The residual standard deviation, in units of the response."""

    @property
    @abstractmethod
    def covariances(self) -> tuple[pd.DataFrame, ...]:
        """(k, k) for each term of the design: Cov(b_j)."""

    @property
    @abstractmethod
    def varcorr(self) -> pd.DataFrame:
        """Variances and covariances, one a row, the residual last.

        Columns ``group, term1, term2, vcov, sdcor``: for a variance ``term2`` is missing and ``sdcor`` is the
        standard deviation; for a covariance ``sdcor`` is the correlation (missing where a variance is zero).
        A structure that has few correlations for many pairs of columns has a row for each of its own,
        ``term1`` its name and ``term2`` what it is (``"lag 2"``); ``covariances`` has the whole matrices.
        """

    @property
    @abstractmethod
    def sdcor_se(self) -> pd.Series:
        """The errors of ``varcorr["sdcor"]``, row by row; missing where there is none."""

    @property
    @abstractmethod
    def effects_by_term(self) -> tuple[np.ndarray, ...]:
        """(ℓ, k) the random effects of each term of the design."""

    @property
    @abstractmethod
    def effect_sds_by_term(self) -> tuple[np.ndarray, ...]:
        """(ℓ, k) their standard deviations."""

    @abstractmethod
    def effect_intervals(self, prob: float) -> tuple[np.ndarray, ...]:
        """(2, ℓ, k) the ends of their intervals.

        Raises
        ------
        ModelError
            If only intervals of another probability were kept.
        """

    @property
    @abstractmethod
    def row_errors(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) the error of each fitted value, and its leverage; missing where it isn't known."""

    @abstractmethod
    def fit_statistics(self, *, looic: bool) -> dict[str, float]:
        """What :meth:`glance` says of this kind of fit, besides method, nobs and sigma."""

    @abstractmethod
    def parameters(self) -> Values:
        """All parameters but the random effects: coefficients, standard deviations, correlations, sigma.

        They have the names that the summary of a posterior gives them.
        """

    @abstractmethod
    def linear(self, L: Any) -> Values:
        """Linear combinations of the coefficients, Lβ.

        Parameters
        ----------
        L
            An array (m, p) or (p,); a frame with columns named as coefficients; or label → {coefficient:
            number}. Coefficients that aren't named count zero.

        Raises
        ------
        ModelError
            If it is something else, or names a coefficient that isn't there.
        """

    @abstractmethod
    def r2(self, kind: str | None = None) -> Values:
        """Shares of the response's variance that are explained.

        Parameters
        ----------
        kind
            ``"marginal"``: by the fixed part, Var(Xβ)/(Var(Xβ) + mean z'Gz + mean σ²/w).
            ``"conditional"``: by the fixed part and the random effects, (Var(Xβ) + mean z'Gz)/(the same);
            both are of groups like these, with means over the rows of the data (Nakagawa & Schielzeth 2013;
            Johnson 2014). ``"fitted"``: by the fitted values of these very groups, Var(Xβ + Zb)/(that + mean
            σ²/w) (Gelman, Goodrich, Gabry & Vehtari 2019). None for the first two. An offset counts neither
            as explained nor as unexplained.

        Raises
        ------
        ModelError
            If there is no such kind.
        """

    @abstractmethod
    def icc(self) -> Values:
        """Each grouping factor's share of what the fixed part leaves: its mean z'Gz/(mean z'Gz + mean σ²/w).

        The variance partition coefficient; with random intercepts alone the intra-class correlation, the
        correlation of two rows of one level (of nested levels, the coefficients of all factors that the rows
        share add up). With random slopes it is an average over the rows (Johnson 2014).
        """

    @abstractmethod
    def predict(
        self,
        newdata: Any = None,
        *,
        new_levels: str = "error",
        kind: str = "mean",
        prob: float = 0.95,
        include_random: bool | str | Collection[str] = True,
        weights: Any = None,
        offset: Any = None,
    ) -> Any:
        """A frame with ``mean``, ``se``, ``lower`` and ``upper``, one row for each row of the data."""

    @abstractmethod
    def simulate(self, draws: int = 1, random_seed: Any = None, *, effects: str = "new") -> pd.DataFrame:
        """Responses that the fitted model would make of the rows of the data, one column for each draw.

        y ~ N(Xβ + Zb + offset, σ²/w): of an estimate at its parameters, the parametric bootstrap; of a
        posterior each with the parameters of one of its draws, evenly spread.

        Parameters
        ----------
        draws
            How many.
        random_seed
            A whole number, a numpy Generator, or None.
        effects
            ``"new"``: of other groups like these, b drawn from N(0, G). ``"fitted"``: of these very groups.

        Returns
        -------
        DataFrame
            (n, draws), with the labels of the rows.

        Raises
        ------
        ModelError
            If an option can't be.
        """

    @abstractmethod
    def sheet(self, prob: float | None = None) -> Sheet:
        """The result as a page."""

    @abstractmethod
    def save(self, path: str | Path) -> Path:
        """Write it to a netCDF file, replacing what was there; give its path."""

    @property
    def nobs(self) -> int:
        """The number of observations used."""
        return self.design.n

    @cached_property
    def se(self) -> pd.Series:
        """(p,) the errors of the coefficients: standard errors, or posterior sds."""
        return pd.Series(np.sqrt(np.diag(self.vcov)), index=self.beta.index, name="se")

    @cached_property
    def ranef(self) -> dict[str, pd.DataFrame]:
        """Group → (ℓ, k): the random effects; conditional modes of an estimate, means of a posterior."""
        return self._by_group(self.effects_by_term)

    @cached_property
    def ranef_sd(self) -> dict[str, pd.DataFrame]:
        """Group → (ℓ, k): the standard deviations of the random effects, given y.

        Of an estimate they are lme4's ``condVar``, with β, θ and σ at their estimates; the uncertainty of
        these is not in them. Of a posterior it is.
        """
        return self._by_group(self.effect_sds_by_term)

    @cached_property
    def coef(self) -> dict[str, pd.DataFrame]:
        """Group → (ℓ, c): each level's own coefficients, β plus its random effects by name."""
        found = {}
        for group, effects in self.ranef.items():
            names = [*self.beta.index, *(name for name in effects.columns if name not in self.beta.index)]
            table = pd.DataFrame(
                {name: np.full(len(effects), self.beta.get(name, 0.0)) for name in names}, index=effects.index
            )
            found[group] = table.add(effects, fill_value=0.0)[names]
        return found

    @cached_property
    def fitted(self) -> pd.Series:
        """(n,) Xβ + Zb + offset, in units of the response."""
        design = self.design
        values = design.X @ self.beta.to_numpy()
        for term, effects in zip(design.terms, self.effects_by_term, strict=True):
            values = values + np.einsum("ij,ij->i", term.Xi, effects[term.factor.codes])
        if design.offset is not None:
            values = values + design.offset
        return pd.Series(values, index=design.index, name="fitted")

    @cached_property
    def residuals(self) -> pd.Series:
        """(n,) the response less the fitted values."""
        return pd.Series(self.design.y - self.fitted.to_numpy(), index=self.fitted.index, name="residual")

    def tidy(
        self,
        effects: str | Iterable[str] = ("fixed", "ran_pars"),
        *,
        conf_int: bool = True,
        prob: float = 0.95,
    ) -> pd.DataFrame:
        """One row for each number that was estimated, in the columns of broom.mixed.

        Parameters
        ----------
        effects
            ``"fixed"``, the coefficients; ``"ran_pars"``, standard deviations and correlations; and
            ``"ran_vals"``, the random effects level by level.
        conf_int
            Whether to have the columns ``conf_low`` and ``conf_high``.
        prob
            Their probability. Of an estimate they are Wald's, of standard deviations on the logarithmic
            scale, of correlations on Fisher's; of a posterior those of the draws, as ArviZ is set.

        Returns
        -------
        DataFrame
            Columns ``effect, group, level, term, estimate, std_error, statistic, conf_low, conf_high``.
            Terms are called as in broom.mixed, ``sd__Days``, ``cor__Intercept.Days``, ``sd__Observation``.
            The statistic is estimate/std_error of the coefficients of an estimate, and missing elsewhere.

        Raises
        ------
        ModelError
            If an option can't be.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> fit = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy")).fit()
        >>> fit.tidy("fixed")[["term", "estimate", "std_error", "statistic"]].round(2)
                term  estimate  std_error  statistic
        0  Intercept    251.41       6.82      36.84
        1       Days     10.47       1.55       6.77
        """
        return tables.tidy(self, effects, conf_int=conf_int, prob=prob)

    def glance(self, *, looic: bool = False) -> pd.DataFrame:
        """One row for the whole fit; what a kind of fit doesn't have is missing.

        Parameters
        ----------
        looic
            Whether to leave each row of a posterior out too, as :meth:`Posterior.loo` does.

        Returns
        -------
        DataFrame
            Columns ``method, nobs, sigma``; of an estimate ``logLik, AIC, BIC``, ``REMLcrit`` or
            ``deviance``, and ``df_residual``; of a posterior ``log_evidence``, ``pss``, the number of draws,
            and with ``looic`` also ``looic, elpd_loo, p_loo``.

        Raises
        ------
        ModelError
            If rows of an estimate are to be left out.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> fit = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")).fit()
        >>> fit.glance()[["nobs", "AIC", "REMLcrit", "df_residual"]].round(2)
           nobs     AIC  REMLcrit  df_residual
        0    30  325.65    319.65           27
        """
        return tables.glance(self, looic=looic)

    def augment(self) -> pd.DataFrame:
        """The rows that were fitted, with what the fit says of each.

        Returns
        -------
        DataFrame
            The response as the formula writes it and the variables of the right-hand side; then ``fitted``,
            its error ``se_fit``, ``resid``; ``hat``, the leverage, and ``cooksd``, Cook's distance, at the
            variances of an estimate; ``fixed``, the prediction without random effects; ``offset``,
            ``weights``, and ``wtres``, the residual times √w.

        Raises
        ------
        ModelError
            If a variable has the name of one of these columns.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> fit = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy")).fit()
        >>> fit.augment()[["Reaction", "fitted", "resid", "hat", "fixed"]].head(2).round(2)
           Reaction  fitted  resid   hat   fixed
        0    249.56  253.66  -4.10  0.23  251.41
        1    258.70  273.33 -14.63  0.17  261.87
        """
        return tables.augment(self)

    def __repr__(self) -> str:
        return str(self.sheet())

    def _repr_html_(self) -> str:
        return self.sheet()._repr_html_()

    def _by_group(self, values: Sequence[np.ndarray]) -> dict[str, pd.DataFrame]:
        """Per-term arrays (ℓ, k) as one frame for each grouping factor."""
        frames: dict[str, list[pd.DataFrame]] = {}
        for term, array in zip(self.design.terms, values, strict=True):
            frame = pd.DataFrame(array, index=term.levels, columns=list(term.columns))
            frames.setdefault(term.group, []).append(frame)
        return {group: pd.concat(parts, axis=1) for group, parts in frames.items()}
