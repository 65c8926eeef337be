"""``FromOptimum``: the questions of every fitted model, answered at the optimum of a criterion."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from bayesmm.checks import check_choice, check_prob
from bayesmm.estimate.uncertainty import Quantity, standard_errors
from bayesmm.likelihood import Profiled, Solution
from bayesmm.predict import prediction_variance, rows_of_design
from bayesmm.results import Fitted, Values, scalar_parameters
from bayesmm.results.combinations import combinations_of
from bayesmm.results.values import RANGES, REAL, SHARE
from bayesmm.results.varcorr import VariancePoints, sdcor_rows, variance_components
from bayesmm.search import Optimum
from bayesmm.variance import R2_KINDS, residual_variance, variance_parts


class FromOptimum(Fitted):
    """Estimates with standard errors: those of β̂ and b̂ in closed form, the others by the delta method."""

    _objective: Profiled
    _optimum: Optimum
    _solution: Solution

    @property
    def sigma(self) -> float:
        """The residual standard deviation, in units of the response."""
        return self._solution.sigma

    @cached_property
    def beta(self) -> pd.Series:
        """(p,) the coefficients, β̂ = (X'V⁻¹X)⁻¹X'V⁻¹y."""
        return pd.Series(self._solution.beta, index=list(self.design.names), name="beta")

    @cached_property
    def vcov(self) -> pd.DataFrame:
        """(p, p) covariance matrix of β̂, σ̂²(X'V⁻¹X)⁻¹ at the estimated variances."""
        names = list(self.design.names)
        return pd.DataFrame(self._solution.vcov, index=names, columns=names)

    @cached_property
    def covariances(self) -> tuple[pd.DataFrame, ...]:
        """(k, k) for each term of the design: Cov(b_j) = σ²λλ'."""
        return tuple(
            pd.DataFrame(self.sigma**2 * lam @ lam.T, index=list(term.columns), columns=list(term.columns))
            for term, lam in zip(self.design.terms, self._solution.factors, strict=True)
        )

    @cached_property
    def varcorr(self) -> pd.DataFrame:
        """Variances and covariances, one a row, the residual last.

        Columns ``group, term1, term2, vcov, sdcor``: for a variance ``term2`` is missing and ``sdcor`` is the
        standard deviation; for a covariance ``sdcor`` is the correlation (missing where a variance is zero).
        A structure that has few correlations for many pairs of columns has a row for each of its own,
        ``term1`` its name and ``term2`` what it is (``"lag 2"``); ``covariances`` has the whole matrices.
        """
        return variance_components(self.design.terms, self._variances)

    @cached_property
    def sdcor_se(self) -> pd.Series:
        """Standard errors of ``varcorr["sdcor"]``, row by row; missing for what lies on the boundary.

        They come from the curvature of the criterion and the delta method, and are rough where there are
        few levels: the sampling distribution of a standard deviation is skewed.
        """
        errors = self._errors(lambda beta, variances: sdcor_rows(variances))
        return pd.Series(errors, index=self.varcorr.index, name="se")

    @property
    def effects_by_term(self) -> tuple[np.ndarray, ...]:
        """(ℓ, k) of each term: the conditional modes of the random effects, b̂ = E[b | y, θ̂, β̂]."""
        return self._solution.effects

    @cached_property
    def effect_sds_by_term(self) -> tuple[np.ndarray, ...]:
        """(ℓ, k) of each term: conditional standard deviations, of b given y with β, θ and σ as estimated."""
        covariances = self._objective.likelihood.conditional_covariances(self._optimum.phi, sigma=self.sigma)
        return tuple(np.sqrt(np.einsum("lii->li", C)) for C in covariances)

    def effect_intervals(self, prob: float) -> tuple[np.ndarray, ...]:
        """(2, ℓ, k) of each term: b̂ ± z times its conditional standard deviation."""
        z = float(ndtri(0.5 + check_prob(prob) / 2))
        pairs = zip(self.effects_by_term, self.effect_sds_by_term, strict=True)
        return tuple(np.stack([b - z * sd, b + z * sd]) for b, sd in pairs)

    @cached_property
    def row_errors(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) standard errors of the fitted values, and the diagonal of the matrix that takes y to them.

        ŷ = Hy with H_ii = w_i Var(x_i'β̂ + z_i'(b̂ − b))/σ², at the estimated variances.
        """
        rows = rows_of_design(self.design)
        variance = prediction_variance(
            self._objective.likelihood,
            self._optimum.phi,
            rows,
            self._solution.factors,
            sigma=self.sigma,
            new_effects=False,
        )
        weights = 1.0 if self.design.weights is None else self.design.weights
        return np.sqrt(variance), weights * variance / self.sigma**2

    def parameters(self) -> Values:
        """Coefficients, standard deviations, correlations and σ, by the names of a posterior's summary.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> model.fit().parameters().table().round(1)
                       estimate    se   lower   upper
        Intercept        1527.5  19.4  1489.5  1565.5
        1|Batch_sigma      42.0  17.1    18.9    93.1
        sigma              49.5   7.1    37.3    65.7
        """
        found = scalar_parameters(self.design)
        sdcor, errors = self.varcorr["sdcor"].to_numpy(), self.sdcor_se.to_numpy()
        beta, se = self.beta.to_numpy(), self.se.to_numpy()
        pairs = [(beta, se) if p.kind == "fixed" else (sdcor, errors) for p in found]
        return Values.about(
            [p.label for p in found],
            np.array([estimate[p.row] for p, (estimate, _) in zip(found, pairs, strict=True)]),
            np.array([error[p.row] for p, (_, error) in zip(found, pairs, strict=True)]),
            [RANGES[p.kind] for p in found],
        )

    def linear(self, L: Any) -> Values:
        """Linear combinations Lβ̂, with standard errors from L Cov(β̂) L'; see :meth:`Fitted.linear`.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> fit = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy")).fit()
        >>> fit.linear({"day 9": {"Intercept": 1, "Days": 9}}).table().round(1)
               estimate    se  lower  upper
        day 9     345.6  14.6  316.9  374.3
        """
        labels, matrix = combinations_of(L, self.design.names)
        errors = np.sqrt(np.maximum(np.einsum("mi,ij,mj->m", matrix, self._solution.vcov, matrix), 0.0))
        return Values.about(labels, matrix @ self._solution.beta, errors, [REAL] * len(labels))

    def r2(self, kind: str | None = None) -> Values:
        """The marginal and the conditional R², by the fixed part alone and with the random effects.

        (Var(Xβ̂) [+ mean z'Ĝz])/(Var(Xβ̂) + mean z'Ĝz + mean σ̂²/w), means over the rows of the data (Nakagawa &
        Schielzeth 2013; Johnson 2014). An offset counts neither as explained nor as unexplained. Standard
        errors are by the delta method; ``kind="fitted"``, with the variance of Xβ̂ + Zb̂ itself, has none. See
        :meth:`Fitted.r2`.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
        >>> model.fit().r2().table().round(3)
                     estimate     se  lower  upper
        marginal        0.279  0.077  0.154  0.450
        conditional     0.799  0.044  0.700  0.871
        """
        kinds = R2_KINDS[:2] if kind is None else (kind,)
        check_choice("kind", kinds[0], R2_KINDS)
        if kind == "fitted":
            linear = self.fitted - (0.0 if self.design.offset is None else self.design.offset)
            part = float(np.var(linear, ddof=1))
            centre, sigma = np.array([linear.mean()]), np.array([self.sigma])
            left = float(residual_variance(self.design, centre, sigma)[0])
            return Values.about(kinds, np.array([part / (part + left)]), np.array([np.nan]), [SHARE])
        return self._shares(kinds)

    def icc(self) -> Values:
        """Each grouping factor's share of what the fixed part leaves: its mean z'Ĝz/(mean z'Ĝz + mean σ̂²/w).

        The variance partition coefficient; with random intercepts alone, the intra-class correlation. With
        random slopes it is an average over the rows (Johnson 2014). Standard errors are by the delta method.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> model.fit().icc().table().round(3)
               estimate     se  lower  upper
        Batch     0.418  0.216  0.112  0.804
        """
        return self._shares(tuple(self.design.factors))

    def _shares(self, labels: tuple[str, ...]) -> Values:
        """Shares of the variance by name."""

        def shares(beta: np.ndarray, at: VariancePoints) -> np.ndarray:
            parts = variance_parts(self.design, beta, at.covariances, *at.dispersions)
            known = parts.icc | {"marginal": parts.marginal_r2, "conditional": parts.conditional_r2}
            return np.column_stack([known[label] for label in labels])

        estimate = shares(self._solution.beta[None], self._variances)[0]
        errors = self._errors(shares, with_fixed=True)
        return Values.about(labels, estimate, errors, [SHARE] * len(labels))

    @property
    def _variances(self) -> VariancePoints:
        return VariancePoints(
            [covariance.to_numpy()[None] for covariance in self.covariances],
            [told[None] for told in self._objective.likelihood.variances.reported(self._optimum.phi)],
            (np.array([self.sigma]),),
        )

    def _errors(self, quantity: Quantity, *, with_fixed: bool = False) -> np.ndarray:
        """Standard errors by the delta method."""
        return standard_errors(
            quantity, self._objective, self._optimum, self._solution, with_fixed=with_fixed
        )
