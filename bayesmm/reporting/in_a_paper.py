"""What a paper says of a model, its software, its data, its convergence and its priors: to be pasted."""

from __future__ import annotations

import numpy as np

from bayesmm.design import Design, RandomTerm
from bayesmm.design.naming import INTERCEPT, name_parameters
from bayesmm.estimate import Estimate
from bayesmm.posterior import Posterior
from bayesmm.posterior.certificate import Certificate as Draws
from bayesmm.priors import resolve_priors
from bayesmm.reporting.layout import listed, number

ROUTES = {
    "marginal": "coefficients and random effects integrated out, by importance proposals for the variances",
    "marginal-nuts": "coefficients and random effects integrated out, by NUTS for the variances",
    "marginal-pymc": "coefficients and random effects integrated out, by PyMC for the variances",
    "nuts": "random effects and all other parameters together, by NUTS",
}
"""How the draws were made, by method."""


def in_a_paper(estimate: Estimate | None, posterior: Posterior | None) -> str:
    """A paragraph for a methods section, about one of the two or both.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> fit = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")).fit()
    >>> print(in_a_paper(fit, None))  # doctest: +ELLIPSIS
    We fitted a linear mixed model of Yield with random intercepts by Batch (Yield ~ 1 + (1 | Batch)) to
    30 rows (6 levels of Batch) by REML with bayesmm ...; the search converged to a minimum inside the
    parameter space.
    """
    import bayesmm

    design = (estimate or posterior).design
    parts = [_fixed(design), *(_random(term) for term in design.terms)]
    groups = listed([f"{len(factor):,} levels of {name}" for name, factor in design.factors.items()])
    weighted = ", with precision weights," if design.weights is not None else ""
    if design.offset is not None:
        parts.append("a known offset")
    with_what = listed([part for part in parts if part])
    searched = "" if estimate is None else f"; {_search(estimate)}"
    how = "" if estimate is None else f" by {estimate.method}"
    said = (
        f"We fitted a linear mixed model of {design.response.strip('`')} with {with_what} ({design.formula}) "
        f"to {design.n:,} rows ({groups}){weighted}{how} with bayesmm {bayesmm.__version__}{searched}."
    )
    return said if posterior is None else f"{said} {_draws(posterior)} {_priors(posterior)}"


def _fixed(design: Design) -> str:
    names = [term.name for term in design.fixed.terms if term.name != INTERCEPT]
    single = [name for name in names if ":" not in name]
    more = " and their interactions" if single and len(single) < len(names) else ""
    if not names:
        return "" if INTERCEPT in design.names else "no fixed effects"
    return f"fixed effects of {listed(single or names, most=8)}{more}"


def _random(term: RandomTerm) -> str:
    slopes = [part.name for part in term.recipe.terms if part.name != INTERCEPT]
    what = ["random intercepts"] if INTERCEPT in term.columns else []
    if slopes:
        what.append(f"{'' if what else 'random '}slopes of {listed(slopes, most=4)}")
    structure = term.covariance
    apart = "" if term.k == 1 else f"{structure.adjective} " if structure.adjective else ""
    how = "" if structure.adjective else f" with the covariance structure {structure.name}"
    return f"{apart}{' and '.join(what)} by {term.group}{how}"


def _search(estimate: Estimate) -> str:
    certificate = estimate.certificate
    verdict = certificate.verdict.rstrip(".")
    if not certificate.ok:
        return f"these estimates are not to be reported ({verdict[0].lower()}{verdict[1:]})"
    if certificate.singular:
        return f"the search converged to a singular fit: {'; '.join(certificate.singular_directions)}"
    return f"the search {verdict[0].lower()}{verdict[1:]}"


def _draws(posterior: Posterior) -> str:
    sizes, draws = posterior.data["posterior"].sizes, posterior.certificate
    made = ROUTES.get(posterior.method, posterior.method)
    count = f"{sizes['chain']} chains of {sizes['draw']:,} draws"
    return f"The posterior of the same model was sampled with {made}: {count}, {_quality(draws)}."


def _quality(draws: Draws) -> str:
    if not draws.ok:
        verdict = draws.verdict.rstrip(".")
        return f"not to be reported ({verdict[0].lower()}{verdict[1:]})"
    smallest = int(min(draws.ess_bulk, draws.ess_tail))
    diverged = ", no divergent transitions" if draws.divergences == 0 else ""
    return f"largest R-hat {draws.rhat:.3f}, smallest effective sample size {smallest:,}{diverged}"


def _priors(posterior: Posterior) -> str:
    """The rules of the defaults that are in use, with the scales of the response, and the user's own."""
    model = posterior.model
    if model is None:
        return ""
    design, defaults = model.design, resolve_priors(model.design, None)
    own = {name: prior for name, prior in model.priors.items() if prior != defaults[name]}
    kinds = {p.kind for p in name_parameters(design).parameters if p.name not in own}
    s_y = number(float(np.std(design.y, ddof=1)))
    weighted = " √mean(w)" if design.weights is not None else ""
    response = design.response.strip("`")
    rules = [
        (
            "intercept",
            f"normal for the intercept at the predictors' means (around the mean of {response}, 2.5 s_y)",
        ),
        (
            "fixed",
            "normal for coefficients (around 0, "
            + ("2.5 s_y/s_x)" if INTERCEPT in design.names else "scaled to the response and the columns)"),
        ),
        ("sd", "half-Student-t(4) for standard deviations of random effects (s_y/s_x; s_y for intercepts)"),
        ("dispersion", f"half-Student-t(4) for the residual standard deviation (s_y{weighted})"),
        ("corr", "LKJ(2) for correlations"),
    ]
    used = [words for kind, words in rules if kind in kinds]
    said = [f"{name} ~ {prior}" for name, prior in own.items()]
    scale = f"scaled to the data, with s_y = {s_y} the standard deviation of {response}"
    scale += " and s_x that of a column" if {"fixed", "sd"} & kinds else ""
    if not used:
        return f"The priors were {listed(said)}."
    return f"The priors were {scale}: {listed([*used, *said], most=24)}."
