"""Numbers in the place of symbols: from an estimate, or as means of a posterior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesmm.covariance import Covariance
from bayesmm.design import Design
from bayesmm.design.naming import name_parameters
from bayesmm.equations.digits import estimate_number
from bayesmm.equations.notation import Notation, RandomNotation
from bayesmm.equations.tree import Equation, Expr, Matrix, Number, Power, transform
from bayesmm.errors import ModelError
from bayesmm.estimate import Estimate
from bayesmm.likelihood.variances import sds_and_correlations
from bayesmm.model import MixedModel
from bayesmm.posterior import Posterior
from bayesmm.results.same_model import difference

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, eq=False)
class Values:
    """Values for all symbols of a model.

    Attributes
    ----------
    source
        What they are, in words: ``"REML estimates"``, ``"posterior means"``.
    beta
        (p,) the coefficients.
    covariances
        (k, k) for each term of the design, Σ.
    effects
        (ℓ, k) for each term of the design: modes, or means.
    sigma
        The residual standard deviation.
    """

    source: str
    beta: np.ndarray
    covariances: tuple[np.ndarray, ...]
    effects: tuple[np.ndarray, ...]
    sigma: float


def values_of(model: MixedModel, given: object) -> Values:
    """The values that an Estimate or a Posterior of this very model has for its symbols.

    Of a posterior they are the means of the coefficients, effects, standard deviations and correlations, as
    in its summary; variances and covariances are made of these.

    Raises
    ------
    ModelError
        If it is something else, or of another model.
    """
    if not isinstance(given, Estimate | Posterior):
        raise ModelError(
            f"values is a {type(given).__name__}",
            expected="an Estimate or a Posterior of this model",
            advice="model.equations(model.fit()) or model.equations(model.sample())",
        )
    if given.model is None:
        raise ModelError(
            "the posterior was loaded without its model",
            expected="a Posterior that knows its model",
            advice="Posterior.load(path, model=model)",
        )
    other = difference(model.design, given.model.design)
    if other is not None:
        raise ModelError(
            f"the values are of {other}, the model is '{model.formula}'",
            expected="an Estimate or a Posterior of this very model",
            advice="take both from one Model: model.equations(model.fit())",
        )
    return _from_estimate(given) if isinstance(given, Estimate) else _from_posterior(given, model.design)


def filled_in(expression: Expr, notation: Notation, values: Values | None) -> Expr:
    """The expression with numbers in the place of coefficients, variances and covariances.

    In a matrix a variance is one number; alone it is the square of a standard deviation.
    """
    if values is None:
        return expression
    alone = _numbers(notation, values)
    inside = dict(alone)
    for node, number in alone.items():
        if isinstance(number, Power):
            inside[node] = estimate_number(number.base.value**2)

    def change(node: Expr) -> Expr | None:
        if isinstance(node, Matrix):
            return Matrix(tuple(tuple(transform(entry, inside.get) for entry in row) for row in node.rows))
        return alone.get(node)

    return transform(expression, change)


def filled_equation(equation: Equation, notation: Notation, values: Values | None) -> Equation:
    """The equation with numbers on its right; a coefficient that it defines keeps its symbol on the left."""
    return Equation(
        equation.left, equation.relation, filled_in(equation.right, notation, values), equation.condition
    )


def _numbers(notation: Notation, values: Values) -> dict[Expr, Expr]:
    """Symbol, or square of a symbol, → its number, or the square of its number."""
    found: dict[Expr, Expr] = {
        column.coefficient: estimate_number(values.beta[column.position]) for column in notation.fixed
    }
    for term, covariance in zip(notation.terms, values.covariances, strict=True):
        for i, sd in enumerate(term.sds):
            found[sd] = number = estimate_number(np.sqrt(covariance[i, i]))
            found[Power(sd, "2")] = _square(number)
        found |= {symbol: estimate_number(covariance[i, j]) for (i, j), symbol in term.covariances.items()}
        found |= _correlations(term, covariance, notation.design.terms[term.position].covariance)
    found[notation.sigma] = number = estimate_number(values.sigma)
    found[notation.variance] = _square(number)
    return found


def _correlations(term: RandomNotation, G: np.ndarray, structure: Covariance) -> dict[Expr, Expr]:
    """What a structure tells of its correlations, and their powers; where nothing varies there are none."""
    sd, R = sds_and_correlations(G)
    if not term.powers or not sd.all():
        return {}
    told = structure.reported_of(R[None])[0]
    found: dict[Expr, Expr] = dict(zip(term.correlations, map(estimate_number, told), strict=True))
    for i, j in term.powers:
        found[term.correlation(i, j)] = estimate_number(R[i, j])
        if not term.shared:
            found[term.entry(i, j)] = found[term.entry(j, i)] = estimate_number(G[i, j])
    return found


def _square(sd: Number) -> Expr:
    return Power(sd, "2") if sd.value else sd


def _from_estimate(estimate: Estimate) -> Values:
    terms = estimate.model.design.terms
    return Values(
        source=f"{estimate.method} estimates",
        beta=estimate.beta.to_numpy(),
        covariances=tuple(covariance.to_numpy() for covariance in estimate.covariances),
        effects=tuple(estimate.ranef[term.group][list(term.columns)].to_numpy() for term in terms),
        sigma=estimate.sigma,
    )


def _from_posterior(posterior: Posterior, design: Design) -> Values:
    group, covariances = posterior.data["posterior"], []
    for term, named in zip(design.terms, name_parameters(design).terms, strict=True):
        sd, R = np.zeros(term.k), np.eye(term.k)
        for effect in named.effects:
            sd[list(effect.positions)] = _mean(group[effect.sd])
        if named.corr is not None:
            L = named.covariance.factor_of(_mean(group[named.corr]).reshape(1, -1))[0]
            R = L @ L.T
        covariances.append(R * np.outer(sd, sd))
    return Values(
        source="posterior means",
        beta=posterior.beta.to_numpy(),
        covariances=tuple(covariances),
        effects=posterior.effects_by_term,
        sigma=posterior.sigma,
    )


def _mean(draws: xr.DataArray) -> np.ndarray:
    return draws.mean(("chain", "draw")).to_numpy()
