"""The point estimate and the posterior of the same model, parameter by parameter.

For each coefficient, standard deviation, correlation and σ: the estimate with its standard error beside the
posterior mean, sd and interval, the difference in posterior sds, and what explains it. They agree where the
difference is small and the estimate lies within the interval; where that is since the interval is wide, it
is said. Else these can explain it:

- *boundary*: an estimate at zero (or a correlation at ±1) is the edge of what a posterior covers, so its
  mean lies inside;
- *poor sampling*: the posterior's own certificate says so;
- *prior pull*: how far the parameter's own prior moves its posterior mean. To first order, raising the prior
  to the power 1 + ε moves the mean by ε Cov(θ, log p(θ)), so the covariance over the draws, in posterior
  sds, is the pull (Kallioinen, Paananen, Bürkner & Vehtari 2024);
- *skew*: the posterior mean of a standard deviation with few levels lies above its mode, in theory and here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmm.design.naming import Names, name_parameters
from bayesmm.errors import ModelError
from bayesmm.estimate import Estimate
from bayesmm.estimate.fit import fit
from bayesmm.posterior import Posterior
from bayesmm.posterior.log_prior import log_prior
from bayesmm.results.intervals import convention, of_draws
from bayesmm.results.parameters import ScalarParameter, scalar_parameters
from bayesmm.results.same_model import difference
from bayesmm.sheet import Sheet, Table

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import FigureBase

CLOSE = 0.5
"""A difference in posterior sds that needs no explanation."""
APART = 0.2
"""A share of an estimated sd by which a posterior mean differs from it not without a remark."""
PULL = 0.25
"""A prior pull, in posterior sds, that is worth a word."""
SKEW = 0.35
"""A moment skewness from which a mean is no longer near its mode."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """An estimate and a posterior side by side.

    Attributes
    ----------
    table
        One row a parameter, named as in the posterior's summary: ``estimate, se, mean, sd, lower, upper,
        difference, prior_pull, verdict``; differences and pulls are in posterior sds. The rows are the
        coefficients, the standard deviations, the correlations and sigma. ``se`` is missing on the boundary.
    verdict
        The whole in a sentence or two.
    method, prob
        ``"REML"`` or ``"ML"``, and the probability of the posterior's intervals.
    posterior, estimate
        What was compared.
    """

    table: pd.DataFrame
    verdict: str
    method: str
    prob: float
    posterior: Posterior
    estimate: Estimate

    def sheet(self) -> Sheet:
        """The comparison as a page."""
        percent = f"{100 * self.prob:g}%"
        shown = self.table.drop(columns="prior_pull").round({"difference": 2})
        shown = shown.rename(columns={"lower": f"lower {percent}", "upper": f"upper {percent}"})
        return Sheet(
            title=f"{self.method} beside the posterior",
            facts=(("Verdict", self.verdict),),
            tables=(Table("difference: posterior mean less estimate, in posterior sds", shown, 4),),
        )

    def plot(self, var_names: str | list[str] | None = None, *, ax: Any = None) -> FigureBase:
        """Each parameter's posterior density, with its interval and the estimate's Wald interval.

        Parameters
        ----------
        var_names
            Variables of the posterior, or single rows of the table; by default all rows.
        ax
            As many matplotlib Axes as there are parameters.

        Raises
        ------
        ModelError
            If there is no such parameter.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> comparison = bmm.compare(model.sample(random_seed=1, progressbar=False), model.fit())
        >>> [panel.get_title() for panel in comparison.plot("sigma").axes]
        ['sigma']
        """
        from bayesmm.plots import plot_posterior_and_estimate

        return plot_posterior_and_estimate(self.posterior, self.estimate, var_names, prob=self.prob, ax=ax)

    def __repr__(self) -> str:
        return str(self.sheet())

    def _repr_html_(self) -> str:
        return self.sheet()._repr_html_()


@dataclass(frozen=True, eq=False)
class _Row:
    """One scalar parameter from both sides."""

    label: str
    kind: str
    estimate: float
    se: float
    draws: np.ndarray
    log_prior: np.ndarray
    on_boundary: bool


def compare(posterior: Posterior, estimate: Estimate | None = None) -> Comparison:
    """Put an ML or REML estimate and a posterior of the same model side by side.

    Parameters
    ----------
    posterior
        From ``model.sample()``.
    estimate
        From ``model.fit()``, of the same model; None for its REML estimate, which is found here.

    Raises
    ------
    ModelError
        If they are not of the same formula and data, or not what is expected.
    """
    if isinstance(posterior, Estimate) and isinstance(estimate, Posterior):
        posterior, estimate = estimate, posterior
    if estimate is None and isinstance(posterior, Posterior) and posterior.model is not None:
        estimate = fit(posterior.model)
    _check_same(posterior, estimate)
    prob, _ = convention()
    rows = list(_rows(posterior, estimate))
    records = {}
    for row in rows:
        mean, sd = float(np.mean(row.draws)), float(np.std(row.draws, ddof=1))
        difference = (mean - row.estimate) / sd
        pull = float(np.cov(row.draws.ravel(), row.log_prior.ravel())[0, 1] / sd)
        lower, upper = map(float, of_draws(row.draws.ravel(), prob))
        records[row.label] = {
            "estimate": row.estimate,
            "se": row.se,
            "mean": mean,
            "sd": sd,
            "lower": lower,
            "upper": upper,
            "difference": difference,
            "prior_pull": pull,
            "verdict": _explain(row, difference, pull, (lower, upper), posterior.certificate.ok),
        }
    table = pd.DataFrame.from_dict(records, orient="index")
    verdict = _overall(table, posterior)
    return Comparison(table, verdict, estimate.method, prob, posterior, estimate)


def _check_same(posterior: object, estimate: object) -> None:
    if isinstance(posterior, Posterior) and posterior.model is None:
        raise ModelError(
            "the posterior was loaded without its model",
            expected="a Posterior that knows its model",
            advice="Posterior.load(path, model=model)",
        )
    if not isinstance(posterior, Posterior) or not isinstance(estimate, Estimate):
        raise ModelError(
            f"compare got a {type(posterior).__name__} and a {type(estimate).__name__}",
            expected="a Posterior and an Estimate",
            advice="bayesmm.compare(model.sample(), model.fit())",
        )
    other = difference(posterior.model.design, estimate.model.design)
    if other is not None:
        raise ModelError(
            f"the posterior is of '{posterior.model.formula}', the estimate of {other}",
            expected="two answers for the same model",
            advice="take both from one Model",
        )


def _rows(posterior: Posterior, estimate: Estimate) -> Iterator[_Row]:
    """The scalar parameters: coefficients, standard deviations, correlations, sigma."""
    design = estimate.model.design
    names = name_parameters(design)
    draws = {
        name: posterior.data["posterior"][name].to_numpy() for name in names.dims if name not in names.effects
    }
    densities = log_prior(posterior.model, posterior.data["posterior"].to_dataset())
    varcorr, se = estimate.varcorr["sdcor"].to_numpy(), estimate.sdcor_se.to_numpy()
    for parameter in scalar_parameters(design):
        values = draws[parameter.variable]
        x = values if parameter.component is None else values[..., parameter.component]
        if parameter.kind == "fixed":
            value, error = estimate.beta.iloc[parameter.row], estimate.se.iloc[parameter.row]
        else:
            value, error = varcorr[parameter.row], se[parameter.row]
        yield _Row(
            label=parameter.label,
            kind=parameter.kind,
            estimate=float(value),
            se=float(error),
            draws=x,
            log_prior=_of_component(densities, names, parameter),
            on_boundary=_on_boundary(parameter, float(value), estimate),
        )


def _of_component(densities: xr.Dataset, names: Names, parameter: ScalarParameter) -> np.ndarray:
    """log p at the draws (chains, draws) of one parameter; for correlations, of their whole matrix."""
    name = parameter.variable
    if parameter.kind == "sd" and names.terms[parameter.term].sd_shared:
        name = names.terms[parameter.term].effects[0].sd
    values = densities[name].to_numpy()
    return values if values.ndim == 2 else values[..., parameter.component]


def _on_boundary(parameter: ScalarParameter, value: float, estimate: Estimate) -> bool:
    """Whether an estimate is a standard deviation of zero, or a correlation of ±1 or of nothing."""
    if parameter.kind == "sd":
        column = estimate.model.design.terms[parameter.term].Xi[:, parameter.columns[0]]
        return value <= 1e-4 * estimate.sigma * _unit(column)
    return parameter.kind == "corr" and not abs(value) < 1 - 1e-6


def _unit(column: np.ndarray) -> float:
    """1/rms of a column: the sd of its effect that makes one σ in the response."""
    return 1.0 / float(np.sqrt(np.mean(column**2)))


def _explain(
    row: _Row, difference: float, pull: float, interval: tuple[float, float], sampled_well: bool
) -> str:
    """What to say of one parameter."""
    if row.on_boundary:
        where = "±1" if row.kind == "corr" else "zero"
        if np.isnan(row.estimate):
            return "not estimable: a variance is zero"
        return f"boundary: the estimate is {where}; the posterior shows what the data leave open"
    lower, upper = interval
    if abs(difference) < CLOSE and lower <= row.estimate <= upper:
        away = abs(float(row.draws.mean()) - row.estimate)
        if row.kind in ("sd", "dispersion") and away > APART * row.estimate:
            return f"agree within a wide interval, {lower:.3g} to {upper:.3g}"
        return "agree"
    if not sampled_well:
        return "poor sampling may explain it: see the posterior's certificate"
    rest = difference - pull
    if abs(pull) > PULL and abs(rest) < abs(difference):
        return f"prior pull: {pull:+.1f} sd of the difference"
    centred = row.draws - row.draws.mean()
    skewness = float(np.mean(centred**3) / np.mean(centred**2) ** 1.5)
    if skewness * difference > 0 and abs(skewness) > SKEW:
        return "skewed posterior: its mean lies beyond its mode"
    return "differ: the posterior averages over variances that the estimate fixes"


def _overall(table: pd.DataFrame, posterior: Posterior) -> str:
    agree = int(table["verdict"].str.startswith("agree").sum())
    text = f"{agree} of {len(table)} parameters agree within {CLOSE} posterior sds"
    others = table[table["verdict"] != "agree"]
    if len(others):
        parts = [f"{label} ({verdict})" for label, verdict in others["verdict"].items()]
        text += "; " + "; ".join(parts[:4]) + ("; …" if len(parts) > 4 else "")
    if not posterior.certificate.ok:
        text += f". Mind the sampling: {posterior.certificate.verdict}"
    return text if text.endswith(".") else text + "."
