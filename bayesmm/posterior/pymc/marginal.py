"""The model in PyMC with b and β integrated out: what is left are standard deviations, correlations and σ.

    y ~ p(y | sds, correlations, σ) = ∫∫ N(y; offset + Xβ + Zb, σ²W⁻¹) N(b; 0, G) N(β; m₀, P₀⁻¹) db dβ,

exact, as one operation (:mod:`bayesmm.posterior.pymc.marginal_op`). Two to some thirty parameters are left,
and no funnel between b and its scale, so that NUTS takes few and long steps. b and β are drawn afterwards by
:func:`bayesmm.posterior.recover`.

From the user's sds and correlations to the whitened relative factor (:mod:`bayesmm.likelihood.coordinates`):
λ̃ = T diag(sd/σ) L, of which the structure's entries are φ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmm.design.naming import OBS, Names, name_parameters
from bayesmm.errors import ModelError, near_matches
from bayesmm.likelihood import IntegratedLikelihood
from bayesmm.model import MixedModel
from bayesmm.posterior.pymc.scales import correlation_rows, free_variable, standard_deviations
from bayesmm.posterior.scales import normal_prior, not_normal

if TYPE_CHECKING:
    import pymc as pm


def to_pymc_marginal(model: MixedModel) -> pm.Model:
    """The marginal model as a ``pm.Model``; its variables are named as in a posterior.

    The response is an observed variable whose log density is that of all rows together. It can't be drawn
    from: predictions are made of a posterior that has β and b.

    Where crossed factors leave a large dense block (``model.blocks()``), sample within
    :func:`bayesmm.parallel.one_thread`: chains in threads whose BLAS has threads too wait for each other.

    Parameters
    ----------
    model
        The model.

    Raises
    ------
    ModelError
        If the prior of a coefficient isn't normal.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> model = MixedModel("Reaction ~ Days + (Days | Subject)", load_data("sleepstudy"))
    >>> marginal = to_pymc_marginal(model)
    >>> [variable.name for variable in marginal.free_RVs]
    ['sigma', '1|Subject_sigma', 'Days|Subject_sigma', 'corr|Subject__partial']

    Terms of one's own are added in its context:

    >>> import pymc as pm
    >>> with marginal:
    ...     ratio = pm.Deterministic("ratio", marginal["1|Subject_sigma"] / marginal["sigma"])
    ...     _ = pm.Potential("about one", pm.logp(pm.LogNormal.dist(0.0, 0.5), ratio))
    """
    import pymc as pm

    integrated = _integrated(model)
    design, priors = model.design, model.priors
    names = name_parameters(design)
    with pm.Model(coords=_coords(names)) as marginal:
        (sigma,) = (free_variable(name, priors[name]) for name in names.dispersions)
        sds, rows = [], []
        for term, named in zip(design.terms, names.terms, strict=True):
            sds.append(standard_deviations(term, named, priors))
            rows.append(
                _identity(term.k) if named.corr is None else correlation_rows(named, priors[named.corr])
            )
        lam, log_sigma = _internal(integrated, sds, rows, sigma)

        def logp(y: Any, lam: Any, log_sigma: Any, mean: Any) -> Any:
            return _log_likelihood(integrated, lam, log_sigma)

        pm.CustomDist(
            names.response,
            lam,
            log_sigma,
            _prior_mean(model),
            logp=logp,
            signature="(d),(),(n)->(n)",
            observed=design.y,
            dims=OBS,
        )
    return marginal


def integrated_logp(model: MixedModel, variables: Mapping[str, Any]) -> Any:
    """log p(y | sds, correlations, σ) with b and β integrated out, as a scalar of variables of one's own.

    For a ``pm.Model`` with other priors than :class:`~bayesmm.priors.Prior` has: hyperpriors, sds that depend
    on each other. The model's own priors on the coefficients count, its priors on sds, correlations and σ
    don't.

    Parameters
    ----------
    model
        The model.
    variables
        The posterior's name of each sd, correlation and ``sigma`` → a PyTensor variable or numbers, of the
        posterior's shape.

    Raises
    ------
    ModelError
        If a variable is missing or unknown, or the prior of a coefficient isn't normal.

    Examples
    --------
    >>> import pymc as pm
    >>> from bayesmm.datasets import load_data
    >>> model = MixedModel("diameter ~ 1 + (1 | plate) + (1 | sample)", load_data("Penicillin"))
    >>> with pm.Model() as own:
    ...     size = pm.HalfNormal("size", 2.0)
    ...     sds = {name: pm.HalfNormal(name, size) for name in ("1|plate_sigma", "1|sample_sigma")}
    ...     sigma = pm.HalfNormal("sigma", 2.0)
    ...     _ = pm.Potential("diameter", integrated_logp(model, sds | {"sigma": sigma}))
    """
    import pytensor.tensor as pt

    names = name_parameters(model.design)
    wanted = [*names.dispersions, *(effect.sd for term in names.terms for effect in term.effects)]
    wanted += [term.corr for term in names.terms if term.corr is not None]
    for name in [*variables, *wanted]:
        if name not in wanted or name not in variables:
            raise ModelError(
                f"among the variables '{name}' is {'missing' if name in wanted else 'unknown'}",
                expected=f"the variables {', '.join(map(repr, wanted))}",
                advice=near_matches(name, wanted),
            )
    sds, rows = [], []
    for term, named in zip(model.design.terms, names.terms, strict=True):
        sd: list[Any] = [None] * term.k
        for effect in named.effects:
            values = pt.as_tensor(variables[effect.sd])
            for place, j in enumerate(effect.positions):
                sd[j] = values if effect.expr_dim is None else values[place]
        sds.append(sd)
        if named.corr is None:
            rows.append(_identity(term.k))
        else:
            told = pt.as_tensor(variables[named.corr])
            scalars = (
                [told]
                if named.corr_dim is None
                else [told[m] for m in range(len(names.coords[named.corr_dim]))]
            )
            rows.append(named.covariance.rows_of(scalars, pt.sqrt))
    integrated = _integrated(model)
    (sigma,) = (pt.as_tensor(variables[name]) for name in names.dispersions)
    return _log_likelihood(integrated, *_internal(integrated, sds, rows, sigma))


def _integrated(model: MixedModel) -> IntegratedLikelihood:
    odd = not_normal(model)
    if odd:
        raise ModelError(
            f"the prior of '{odd[0]}' is {model.priors[odd[0]].distribution}",
            expected="normal priors on all coefficients: only those integrate out exactly",
            advice=f'priors={{"{odd[0]}": bayesmm.Prior("Normal", …)}}, or to_pymc() with the coefficients',
        )
    return IntegratedLikelihood(model.likelihood, *normal_prior(model))


def _log_likelihood(integrated: IntegratedLikelihood, lam: Any, log_sigma: Any) -> Any:
    from bayesmm.posterior.pymc.marginal_op import log_likelihood

    return log_likelihood(integrated, lam, log_sigma)


def _internal(
    integrated: IntegratedLikelihood,
    sds: Sequence[Sequence[Any]],
    rows: Sequence[Sequence[Sequence[Any]]],
    sigma: Any,
) -> tuple[Any, Any]:
    """λ̃ of the groups, flat, and log σ, from each term's sds and the rows of L of its correlations."""
    import pytensor.tensor as pt

    likelihood = integrated.likelihood
    k_max = likelihood.layout.k_max
    lam: list[Any] = [pt.as_tensor(0.0)] * (len(likelihood.cross.groups) * k_max**2)
    for t, T in enumerate(likelihood.coordinates.bases):
        g, start = likelihood.place(t)
        relative = [sd / sigma for sd in sds[t]]
        for r in range(len(T)):
            for c in range(r + 1):
                # T and L are lower triangular, and often diagonal
                inner = [m for m in range(c, r + 1) if T[r, m] != 0.0 and not _is_zero(rows[t][m][c])]
                if inner:
                    at = (g * k_max + start + r) * k_max + start + c
                    lam[at] = sum(T[r, m] * relative[m] * rows[t][m][c] for m in inner)
    return pt.stack(lam), pt.log(sigma)


def _is_zero(value: Any) -> bool:
    return isinstance(value, float) and value == 0.0


def _prior_mean(model: MixedModel) -> np.ndarray:
    """E[y] (n,) before the data; from it PyMC learns how long y is."""
    design, (mean, _) = model.design, normal_prior(model)
    return design.X @ mean + (0.0 if design.offset is None else design.offset)


def _identity(k: int) -> list[list[float]]:
    return [[0.0] * j + [1.0] for j in range(k)]


def _coords(names: Names) -> dict[str, np.ndarray]:
    """Those that its variables have: factor levels are not among them."""
    effects = [effect.expr_dim for term in names.terms for effect in term.effects]
    pairs = [term.corr_dim for term in names.terms]
    return {dim: names.coords[dim] for dim in [OBS, *effects, *pairs] if dim is not None}
