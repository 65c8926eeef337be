"""What a plot is of: an estimate, a posterior, or both; and one value of each coefficient and effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesmm.design import Design
from bayesmm.errors import ModelError
from bayesmm.estimate import Estimate, fit
from bayesmm.model import MixedModel
from bayesmm.plots.checks import check_posterior
from bayesmm.posterior import Posterior
from bayesmm.posterior.posterior import model_of


@dataclass(frozen=True, eq=False)
class Results:
    """The answers about one model that were given: at least one of the two."""

    model: MixedModel
    estimate: Estimate | None
    posterior: Posterior | None


def results_of(first: Any, second: Any, plot: str, *, estimate: bool = False) -> Results:
    """The estimate and the posterior among two arguments, in either order.

    Parameters
    ----------
    first, second
        An Estimate and a Posterior of one model, or one of them and None.
    plot
        The name of the plot, for messages.
    estimate
        Whether the plot can't do without an estimate: it is then fitted by REML where only a posterior is
        given.

    Raises
    ------
    ModelError
        If they are something else, or of two models.
    """
    if not isinstance(first, Estimate | Posterior):
        raise ModelError(
            f"{plot} got a {type(first).__name__}",
            expected="an Estimate or a Posterior, as first argument",
            advice=f"bayesmm.plots.{plot}(model.fit())",
        )
    if isinstance(first, Posterior) and isinstance(second, Estimate):
        first, second = second, first
    if isinstance(first, Estimate):
        if second is not None:
            check_posterior(second, first.model.design)
        return Results(first.model, first, second)
    if second is not None:
        raise ModelError(
            f"{plot} got two: a Posterior and a {type(second).__name__}",
            expected="an Estimate and a Posterior, or one of them",
            advice=f"bayesmm.plots.{plot}(model.fit(), model.sample())",
        )
    model = model_of(first)
    return Results(model, fit(model) if estimate else None, first)


@dataclass(frozen=True, eq=False)
class Centre:
    """One value for each coefficient and random effect: an estimate's, or a posterior's means.

    Attributes
    ----------
    what
        In words.
    beta
        (p,).
    effects
        (ℓ, k) for each term of the design.
    sigma
        The residual standard deviation.
    """

    design: Design
    what: str
    beta: np.ndarray
    effects: tuple[np.ndarray, ...]
    sigma: float

    @property
    def fitted(self) -> np.ndarray:
        """(n,) Xβ + Zb + offset."""
        values = self.design.X @ self.beta
        for term, effects in zip(self.design.terms, self.effects, strict=True):
            values = values + np.einsum("ij,ij->i", term.Xi, effects[term.factor.codes])
        return values if self.design.offset is None else values + self.design.offset

    def of_group(self, group: str) -> pd.DataFrame:
        """(ℓ, k) the random effects of a grouping factor, by the names of their columns."""
        pairs = zip(self.design.terms, self.effects, strict=True)
        parts = [
            pd.DataFrame(values, columns=list(term.columns)) for term, values in pairs if term.group == group
        ]
        return pd.concat(parts, axis=1)


def centre_of(result: Estimate | Posterior) -> Centre:
    """An estimate's β̂ and conditional modes, or the posterior means of β and b."""
    what = result.method if isinstance(result, Estimate) else "posterior mean"
    return Centre(result.design, what, result.beta.to_numpy(), result.effects_by_term, result.sigma)
