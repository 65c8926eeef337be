"""The hierarchical model in PyMC: every parameter by its name, with named dimensions.

    y ~ the family's at offset + Xβ + Zb,   b_level = diag(sd) L z_level,   z ~ Normal(0, 1).

Three choices keep it exact and quick:

- X is centred inside (where it has an intercept), which takes the correlation out of intercept and slopes;
  ``Intercept`` is a deterministic of the centred intercept, un-centred in prior and posterior alike.
- L, the Cholesky factor of a bar's correlation matrix, is written down from its canonical partial
  correlations (:mod:`bayesmm.posterior.pymc.scales`).
- Zb is a gather, b[codes] · Xi, and X, codes and y are shared variables: neither a dense Z nor constants that
  a compiler would have to swallow.

Variables whose name has a double underscore (``Intercept__centred``, ``Days | Subject__z``) are what the
sampler moves; they are not kept in a :class:`~bayesmm.posterior.Posterior`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmm.design import Design, RandomTerm
from bayesmm.design.naming import (
    CENTRED,
    INTERCEPT,
    OBS,
    Names,
    TermNames,
    name_parameters,
    posterior_name,
)
from bayesmm.model import MixedModel
from bayesmm.posterior.pymc.scales import correlation_rows, free_variable, standard_deviations
from bayesmm.priors import Prior

if TYPE_CHECKING:
    import pymc as pm


def to_pymc(model: MixedModel) -> pm.Model:
    """The hierarchical model as a ``pm.Model``; its variables are named as in a posterior.

    ``pm.sample`` by nutpie 0.16 fails where a name has a comma, as in ``poly(x, 2)``;
    :func:`bayesmm.posterior.sample` doesn't, nor does ``pm.sample(nuts_sampler="pymc")``.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.model import MixedModel
    >>> model = MixedModel("Reaction ~ Days + (Days | Subject)", load_data("sleepstudy"))
    >>> [variable.name for variable in to_pymc(model).deterministics]
    ['Intercept', 'corr|Subject', '1|Subject', 'Days|Subject']
    """
    import pymc as pm

    design, priors = model.design, model.priors
    names = name_parameters(design)
    with pm.Model(coords=_coords(design, names)) as hierarchical:
        mu = _fixed_part(design, names, priors)
        dispersions = [free_variable(name, priors[name]) for name in names.dispersions]
        for term, named in zip(design.terms, names.terms, strict=True):
            mu = mu + _random_part(term, named, priors)
        if design.offset is not None:
            mu = mu + design.offset
        distribution, given = design.family.pymc(mu, *dispersions, weights=design.weights)
        getattr(pm, distribution)(names.response, **given, observed=design.y, dims=OBS)
    return hierarchical


def _coords(design: Design, names: Names) -> dict[str, Any]:
    columns = {_column_dim(term): np.array(term.columns, dtype=str) for term in design.terms}
    return dict(names.coords) | columns


def _column_dim(term: RandomTerm) -> str:
    return posterior_name(f"{term.label}__column_dim")


def _fixed_part(design: Design, names: Names, priors: dict[str, Prior]) -> Any:
    """Xβ: (n,), or the number 0 if X has no columns."""
    import pymc as pm
    import pytensor.tensor as pt

    slopes = [term for term in names.fixed if term.name != INTERCEPT]
    columns = [j for term in slopes for j in term.positions]
    X = design.X[:, columns]
    if not slopes:
        return free_variable(INTERCEPT, priors[INTERCEPT]) if names.has_intercept else 0.0
    variables = [free_variable(term.name, priors[term.name], term.dim) for term in slopes]
    beta = pt.concatenate([pt.atleast_1d(variable) for variable in variables])
    if not names.has_intercept:
        return pt.sum(X * beta, axis=1)
    means = X.mean(axis=0)
    centred = free_variable(CENTRED, priors[INTERCEPT])
    pm.Deterministic(INTERCEPT, centred - pt.sum(means * beta))
    return centred + pt.sum((X - means) * beta, axis=1)


def _random_part(term: RandomTerm, named: TermNames, priors: dict[str, Prior]) -> Any:
    """Zb of one term: (n,)."""
    import pymc as pm
    import pytensor.tensor as pt

    sd = standard_deviations(term, named, priors)
    z = pm.Normal(posterior_name(f"{term.label}__z"), 0.0, 1.0, dims=(_column_dim(term), named.factor_dim))
    if named.corr is None:
        b = [sd[i] * z[i] for i in range(term.k)]
    else:
        L = correlation_rows(named, priors[named.corr])
        b = [sd[i] * sum(L[i][m] * z[m] for m in range(i + 1)) for i in range(term.k)]
    for effect in named.effects:
        if effect.expr_dim is None:
            pm.Deterministic(effect.name, b[effect.positions[0]], dims=named.factor_dim)
        else:
            stacked = pt.stack([b[j] for j in effect.positions])
            pm.Deterministic(effect.name, stacked, dims=(effect.expr_dim, named.factor_dim))
    codes = term.factor.codes
    return sum(b[j][codes] if (x == 1).all() else b[j][codes] * x for j, x in enumerate(term.Xi.T))
