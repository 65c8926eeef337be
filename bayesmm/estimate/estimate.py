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
from bayesmm.design import Design
from bayesmm.design.entrance import frame_of_kind, kind_of
from bayesmm.errors import ModelError
from bayesmm.estimate.certificate import Certificate, certify
from bayesmm.estimate.from_optimum import FromOptimum
from bayesmm.estimate.predictions import check_options, prediction_table, simulated
from bayesmm.estimate.profile import profile
from bayesmm.estimate.storage import estimate_tree, restored
from bayesmm.estimate.summary import estimate_sheet
from bayesmm.likelihood import Profiled, Solution
from bayesmm.model import MixedModel
from bayesmm.parallel import one_thread
from bayesmm.predict import rows_to_predict
from bayesmm.search import Optimum, Profile
from bayesmm.sheet import Sheet
from bayesmm.storage import save_tree


@dataclass(frozen=True, eq=False, repr=False)
class Estimate(FromOptimum):
    """The maximum-likelihood or REML estimate of a Gaussian mixed model.

    Attributes
    ----------
    model
        The model that was fitted.
    """

    model: MixedModel
    _objective: Profiled
    _optimum: Optimum
    _solution: Solution

    @cached_property
    def certificate(self) -> Certificate:
        """Whether and where the search converged, in numbers and in words."""
        with one_thread():
            return certify(self._objective, self._optimum, self._solution)

    @property
    def reml(self) -> bool:
        """Whether the criterion was the restricted likelihood."""
        return self._objective.reml

    @property
    def method(self) -> str:
        """``"REML"`` or ``"ML"``."""
        return self._objective.method

    @property
    def design(self) -> Design:
        """y, X, Z and their names."""
        return self.model.design

    @property
    def npar(self) -> int:
        """The number of parameters: coefficients, covariance parameters and σ."""
        return self.design.p + len(self.theta) + 1

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
    def singular(self) -> bool:
        """Whether the optimum lies on the boundary: some combination of effects has zero variance."""
        return self.certificate.singular

    def fit_statistics(self, *, looic: bool) -> dict[str, float]:
        """The criterion and what is made of it."""
        if looic:
            raise ModelError(
                "looic is True for an estimate",
                expected="a posterior, whose draws are weighted to leave rows out",
                advice="model.sample().glance(looic=True)",
            )
        criterion = {"REMLcrit" if self.reml else "deviance": self.criterion}
        degrees = {"df_residual": self.nobs - self.npar}
        return {"logLik": self.loglik, "AIC": self.aic, "BIC": self.bic} | criterion | degrees

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
            self.design,
            newdata,
            new_levels=new_levels,
            include_random=include_random,
            weights=weights,
            offset=offset,
            need_weights=kind == "response",
        )
        table = prediction_table(
            self.model.family,
            self._objective.likelihood,
            self._optimum.phi,
            self._solution,
            rows,
            kind=kind,
            new_levels=new_levels,
            prob=prob,
        )
        library = self.design.given.kind if newdata is None else kind_of(newdata)
        return frame_of_kind(table, library)

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

    def simulate(self, draws: int = 1, random_seed: Any = None, *, effects: str = "new") -> pd.DataFrame:
        """Responses at the estimated parameters, one column for each draw; see :meth:`Fitted.simulate`.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> other = model.fit().simulate(2, random_seed=1)
        >>> other.shape, model.with_response(other[0]).fit().certificate.ok
        ((30, 2), True)
        """
        return simulated(self.design, self._solution, draws, random_seed, effects)

    def sheet(self, prob: float | None = None) -> Sheet:
        """The fit as a page, as :meth:`summary` gives it."""
        return self.summary() if prob is None else self.summary(prob)

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
            self.design,
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
