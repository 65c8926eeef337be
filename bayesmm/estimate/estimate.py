"""``Estimate``: an ML or REML fit, with lme4's numbers under the field's names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesmm.checks import check_prob
from bayesmm.design.entrance import frame_of_kind, kind_of
from bayesmm.estimate.certificate import Certificate
from bayesmm.estimate.components import variance_components
from bayesmm.estimate.predictions import check_options, prediction_table
from bayesmm.estimate.profile import profile
from bayesmm.estimate.storage import estimate_tree, restored
from bayesmm.estimate.summary import estimate_sheet
from bayesmm.estimate.uncertainty import sdcor_standard_errors
from bayesmm.likelihood import Profiled, Solution
from bayesmm.model import MixedModel
from bayesmm.predict import rows_to_predict
from bayesmm.search import Optimum, Profile
from bayesmm.sheet import Sheet
from bayesmm.storage import save_tree
from bayesmm.variance import VarianceParts, variance_parts


@dataclass(frozen=True, eq=False)
class Estimate:
    """The maximum-likelihood or REML estimate of a Gaussian mixed model.

    Attributes
    ----------
    model
        The model that was fitted.
    certificate
        Whether and where the search converged, in numbers and in words.
    """

    model: MixedModel
    certificate: Certificate
    _objective: Profiled
    _optimum: Optimum
    _solution: Solution

    @property
    def reml(self) -> bool:
        """Whether the criterion was the restricted likelihood."""
        return self._objective.reml

    @property
    def method(self) -> str:
        """``"REML"`` or ``"ML"``."""
        return self._objective.method

    @property
    def nobs(self) -> int:
        """The number of observations used."""
        return self.model.design.n

    @property
    def npar(self) -> int:
        """The number of parameters: coefficients, covariance parameters and σ."""
        return self.model.design.p + len(self.theta) + 1

    @property
    def criterion(self) -> float:
        """−2 log-likelihood at the ML optimum, or −2 restricted log-likelihood at the REML optimum.

        All constants are included, as in lme4.
        """
        return self._solution.criterion

    @property
    def loglik(self) -> float:
        """The (restricted) log-likelihood."""
        return -0.5 * self.criterion

    @property
    def aic(self) -> float:
        """Akaike's criterion, −2 loglik + 2 npar. From REML it compares only models with the same X."""
        return self.criterion + 2 * self.npar

    @property
    def bic(self) -> float:
        """Schwarz's criterion, −2 loglik + npar log(nobs), with all rows counted, as lme4 does."""
        return self.criterion + self.npar * float(np.log(self.nobs))

    @property
    def theta(self) -> np.ndarray:
        """(d,) relative covariance factors' lower triangles, column by column, term after term."""
        return self._solution.theta

    @property
    def sigma(self) -> float:
        """The residual standard deviation, in units of the response."""
        return self._solution.sigma

    @property
    def singular(self) -> bool:
        """Whether the optimum lies on the boundary: some combination of effects has zero variance."""
        return self.certificate.singular

    @cached_property
    def beta(self) -> pd.Series:
        """(p,) the coefficients, β̂ = (X'V⁻¹X)⁻¹X'V⁻¹y."""
        return pd.Series(self._solution.beta, index=list(self.model.design.names), name="beta")

    @cached_property
    def vcov(self) -> pd.DataFrame:
        """(p, p) covariance matrix of β̂, σ̂²(X'V⁻¹X)⁻¹ at the estimated variances."""
        names = list(self.model.design.names)
        return pd.DataFrame(self._solution.vcov, index=names, columns=names)

    @cached_property
    def se(self) -> pd.Series:
        """(p,) standard errors of β̂; they take the variances as known."""
        return pd.Series(np.sqrt(np.diag(self._solution.vcov)), index=self.beta.index, name="se")

    @cached_property
    def covariances(self) -> tuple[pd.DataFrame, ...]:
        """(k, k) for each term of the design: Cov(b_j) = σ²λλ'."""
        return tuple(
            pd.DataFrame(self.sigma**2 * lam @ lam.T, index=list(term.columns), columns=list(term.columns))
            for term, lam in zip(self.model.design.terms, self._solution.factors, strict=True)
        )

    @cached_property
    def varcorr(self) -> pd.DataFrame:
        """Variances and covariances, one a row, the residual last.

        Columns ``group, term1, term2, vcov, sdcor``: for a variance ``term2`` is missing and ``sdcor`` is the
        standard deviation; for a covariance ``sdcor`` is the correlation (missing where a variance is zero).
        A structure that has few correlations for many pairs of columns has a row for each of its own,
        ``term1`` its name and ``term2`` what it is (``"lag 2"``); ``covariances`` has the whole matrices.
        """
        reported = self._objective.likelihood.variances.reported(self._optimum.phi)
        return variance_components(self.model.design.terms, self.covariances, reported, self.sigma)

    @cached_property
    def sdcor_se(self) -> pd.Series:
        """Standard errors of ``varcorr["sdcor"]``, row by row; missing for what lies on the boundary.

        They come from the curvature of the criterion and the delta method, and are rough where there are
        few levels: the sampling distribution of a standard deviation is skewed.
        """
        errors = sdcor_standard_errors(self._objective, self._optimum)
        return pd.Series(errors, index=self.varcorr.index, name="se")

    @cached_property
    def ranef(self) -> dict[str, pd.DataFrame]:
        """Group → (ℓ, k): the conditional modes of the random effects, b̂ = E[b | y, θ̂, β̂]."""
        return self._by_group(self._solution.effects)

    @cached_property
    def ranef_sd(self) -> dict[str, pd.DataFrame]:
        """Group → (ℓ, k): conditional standard deviations, of b given y with β, θ and σ at their estimates.

        They are lme4's ``condVar``; the uncertainty of β̂ and of the variances is not in them.
        """
        covariances = self._objective.likelihood.conditional_covariances(self._optimum.phi, sigma=self.sigma)
        return self._by_group(tuple(np.sqrt(np.einsum("lii->li", C)) for C in covariances))

    @cached_property
    def coef(self) -> dict[str, pd.DataFrame]:
        """Group → (ℓ, c): each level's own coefficients, β̂ plus its random effects by name."""
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
        """(n,) Xβ̂ + Zb̂ + offset, in units of the response."""
        design = self.model.design
        values = design.X @ self._solution.beta
        for term, effects in zip(design.terms, self._solution.effects, strict=True):
            values = values + np.einsum("ij,ij->i", term.Xi, effects[term.factor.codes])
        if design.offset is not None:
            values = values + design.offset
        return pd.Series(values, index=design.index, name="fitted")

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
        """Predictions with standard errors and intervals, one row for each row of the data.

        The standard error is that of x'β̂ + z'b̂ about x'β + z'b, from the joint covariance of (β̂, b̂ − b),
        σ² times the inverse of the matrix of the mixed-model equations (Henderson 1975). The variances of G
        and σ count as known: **their uncertainty is not in it**, and with few levels the intervals are too
        narrow. ``.attrs["se_includes"]`` says so again; a posterior's predictions have it all.

        Parameters
        ----------
        newdata
            A frame or mapping with the columns that the right-hand side uses; None for the rows that were
            fitted.
        new_levels
            What becomes of levels of a grouping factor that were not seen. ``"error"``: an error that names
            them. ``"population"``: their effects count as zero and known, so that mean and se are those of
            the population's line. ``"sample"``: their effects are drawn from N(0, G); the mean is the same,
            and the variance xi'Gxi of the new effect is added.
        kind
            ``"mean"``: the expected response. ``"response"``: a response to be observed, with σ²/w added to
            the variance.
        prob
            The probability of the intervals, mean ± z·se.
        include_random
            False for predictions without random effects (newdata then need no grouping factors), or the
            names of the grouping factors whose effects count.
        weights, offset
            Of the new rows, if the model was given such arguments: a column of newdata, m numbers or one.
            What the model has from a column by its name is taken from the same column of newdata.

        Returns
        -------
        DataFrame
            Columns ``mean``, ``se``, ``lower``, ``upper``; newdata's index. For data of polars, Arrow or
            another library it is a frame of this library, which has no index and no ``attrs``.

        Raises
        ------
        DataError
            If newdata lack a column, have missing or infinite values, or levels that were not seen.
        ModelError
            If an option can't be.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> fit = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy")).fit()
        >>> new = {"Days": [9, 9], "Subject": [308, 999]}
        >>> fit.predict(new, new_levels="sample").round(1)
            mean    se  lower  upper
        0  430.7  13.9  403.5  457.8
        1  345.6  62.0  224.2  467.1
        """
        check_options(kind, prob)
        rows = rows_to_predict(
            self.model.design,
            newdata,
            new_levels=new_levels,
            include_random=include_random,
            weights=weights,
            offset=offset,
            need_weights=kind == "response",
        )
        table = prediction_table(
            self._objective.likelihood,
            self._optimum.phi,
            self._solution,
            rows,
            kind=kind,
            new_levels=new_levels,
            prob=prob,
        )
        library = self.model.design.given.kind if newdata is None else kind_of(newdata)
        return frame_of_kind(table, library)

    @cached_property
    def residuals(self) -> pd.Series:
        """(n,) the response less the fitted values."""
        return pd.Series(
            self.model.design.y - self.fitted.to_numpy(), index=self.fitted.index, name="residual"
        )

    def profile(self, parameter: str, *, prob: float = 0.999) -> Profile:
        """The criterion along a variance parameter, all others at their best: intervals and signed root.

        Parameters
        ----------
        parameter
            A standard deviation, a correlation or ``"sigma"``, by its name in the posterior.
        prob
            How far out to go: the profile covers the interval of this probability.

        Raises
        ------
        ModelError
            If there is no such variance parameter, or its estimate is undefined.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
        >>> profile = model.fit(reml=False).profile("corr|Subject")
        >>> [round(end, 2) for end in profile.interval(0.95)]
        [-0.48, 0.69]
        """
        optimum = self._optimum
        return profile(self._objective, optimum.phi, self.sigma, parameter, prob=prob)

    def r2(self) -> pd.Series:
        """The marginal and the conditional R², by the fixed part alone and with the random effects.

        (Var(Xβ̂) [+ mean z'Ĝz])/(Var(Xβ̂) + mean z'Ĝz + mean σ̂²/w), means over the rows of the data (Nakagawa &
        Schielzeth 2013; Johnson 2014). An offset counts neither as explained nor as unexplained.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
        >>> model.fit().r2().round(3).to_dict()
        {'marginal': 0.279, 'conditional': 0.799}
        """
        parts = self._variance_parts
        values = {"marginal": parts.marginal_r2[0], "conditional": parts.conditional_r2[0]}
        return pd.Series(values, name="r2")

    def icc(self) -> pd.Series:
        """Each grouping factor's share of what the fixed part leaves: its mean z'Ĝz/(mean z'Ĝz + mean σ̂²/w).

        The variance partition coefficient; with random intercepts alone, the intra-class correlation. With
        random slopes it is an average over the rows (Johnson 2014).

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> model.fit().icc().round(3).to_dict()
        {'Batch': 0.418}
        """
        return pd.Series({group: share[0] for group, share in self._variance_parts.icc.items()}, name="icc")

    @cached_property
    def _variance_parts(self) -> VarianceParts:
        return variance_parts(
            self.model.design,
            self._solution.beta[None],
            [covariance.to_numpy()[None] for covariance in self.covariances],
            np.array([self.sigma]),
        )

    def summary(self, prob: float = 0.95) -> Sheet:
        """The fit as a page: header, variances, coefficients, certificate; as text and as HTML.

        Parameters
        ----------
        prob
            The probability of the Wald intervals β̂ ± z·se.

        Raises
        ------
        ModelError
            If ``prob`` is no probability.
        """
        check_prob(prob)
        return estimate_sheet(
            self.model.design,
            self.certificate,
            method=self.method,
            criterion=self.criterion,
            npar=self.npar,
            varcorr=self.varcorr,
            sdcor_se=self.sdcor_se,
            beta=self.beta,
            se=self.se,
            prob=prob,
        )

    def save(self, path: str | Path) -> Path:
        """Write the estimate to a netCDF file, replacing what was there; give its path.

        The file has θ̂, β̂ and its covariances, standard deviations and correlations; not the data.

        Raises
        ------
        FileError
            If it can't be written.
        """
        tree = estimate_tree(
            self.model,
            self.method,
            self.varcorr["sdcor"].to_numpy(),
            self._optimum,
            self._solution,
            self.certificate.verdict,
        )
        return save_tree(tree, path)

    @classmethod
    def load(cls, path: str | Path, model: MixedModel) -> Estimate:
        """Read an estimate that :meth:`save` wrote, without a search.

        Parameters
        ----------
        path
            The file.
        model
            The model that was fitted, of the same data. The certificate is made anew at the file's θ̂.

        Raises
        ------
        FileError
            If the file is missing, empty or malformed.
        ModelError
            If it is the estimate of another model, or of other data.

        Examples
        --------
        >>> import tempfile, bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = model.fit().save(f"{folder}/dyestuff.nc")
        ...     again = bmm.Estimate.load(path, model)
        >>> round(again.sigma, 3), again.certificate.ok
        (49.51, True)
        """
        return cls(model, *restored(path, model))

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def _by_group(self, values: tuple[np.ndarray, ...]) -> dict[str, pd.DataFrame]:
        """Per-term arrays (ℓ, k) as one frame for each grouping factor."""
        frames: dict[str, list[pd.DataFrame]] = {}
        for term, array in zip(self.model.design.terms, values, strict=True):
            frame = pd.DataFrame(array, index=term.levels, columns=list(term.columns))
            frames.setdefault(term.group, []).append(frame)
        return {group: pd.concat(parts, axis=1) for group, parts in frames.items()}
