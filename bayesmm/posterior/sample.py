"""``sample``: a model → its posterior."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesmm.checks import check_choice, check_count, check_prob
from bayesmm.errors import ModelError
from bayesmm.model import MixedModel
from bayesmm.parallel import one_thread
from bayesmm.posterior.data_tree import build_tree
from bayesmm.posterior.effects import KeptEffects, Sink, SummarisedEffects
from bayesmm.posterior.marginal import MarginalDraws, run_marginal
from bayesmm.posterior.marginal_nuts import run_marginal_nuts
from bayesmm.posterior.posterior import Posterior
from bayesmm.posterior.pymc.nuts import run_nuts
from bayesmm.posterior.scales import not_normal
from bayesmm.posterior.target import MarginalTarget
from bayesmm.sampling.nuts import Draws
from bayesmm.sampling.seed import seed_of

METHODS = ("auto", "marginal", "marginal-nuts", "nuts")
MOST_PARAMETERS = 12
"""Beyond this many parameters importance proposals are not to be relied on."""
EFFECTS = ("auto", "draws", "summary")
LARGEST = 8e9
"""Bytes that the draws of the random effects may take."""
LARGE = 2e9
"""Bytes of draws of random effects from which "auto" keeps a summary."""


def sample(
    model: MixedModel,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    random_seed: int | np.random.Generator | None = None,
    method: str = "auto",
    effects: str = "auto",
    progressbar: bool = True,
    target_accept: float = 0.9,
    cores: int | None = None,
) -> Posterior:
    """Draw from the posterior of a model.

    Parameters
    ----------
    model
        The model.
    draws, tune
        Draws to keep in each chain, and for NUTS steps before them that adapt it and are thrown away.
    chains
        Independent chains.
    random_seed
        A whole number of at most 64 bits, or a numpy Generator that gives one; None takes one from the
        system. Equal seeds give equal draws, whatever ``cores`` is; the seed is kept with the draws.
    method
        ``"marginal"``, or ``"auto"``: β and b are integrated out, the variance parameters are sampled by
        importance proposals, and β and b drawn exactly given them. Coefficients whose priors aren't normal
        don't integrate out, and are sampled with the variance parameters. Where there are more than 12
        parameters in all, or the weights can't be trusted, by NUTS on the same density, which
        ``"marginal-nuts"`` asks for outright. ``"nuts"``: NUTS on the hierarchical model, compiled by PyMC:
        the independent route. The summary says what was used and why.
    effects
        ``"draws"`` keeps every draw of every random effect: 8 bytes each, 3.2 GB for 4,000 draws of 100,000
        effects. ``"summary"`` keeps the mean, sd and interval of each, and the draws of 200 levels of each
        factor, by which convergence is judged; only the marginal method has it. ``"auto"`` keeps draws up to
        2 GB, as far as there is a choice. Fewer ``draws`` are the other way to need less.
    progressbar
        Whether to show progress; nothing is shown where standard error isn't a terminal or a notebook.
    target_accept
        The acceptance rate that the step size is tuned to: higher is slower and follows tighter bends.
    cores
        How many threads to use; None takes what the machine has.

    Raises
    ------
    ModelError
        If an option can't be, there is no posterior since the random effects explain the response exactly, or
        no chain finds a point to start from.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
    >>> posterior = sample(model, draws=500, tune=500, random_seed=1, progressbar=False)
    >>> posterior.data["posterior"]["Intercept"].shape
    (4, 500)
    """
    check_choice("method", method, METHODS)
    check_choice("effects", effects, EFFECTS)
    draws = check_count("draws", draws, advice="draws=1000")
    tune = check_count("tune", tune, advice="tune=1000")
    chains = check_count("chains", chains, advice="chains=4")
    cores = None if cores is None else check_count("cores", cores, advice="cores=None")
    accept = check_prob(target_accept, name="target_accept", advice="0.9, or 0.99 where transitions diverge")
    seed = seed_of(random_seed)
    common = {"draws": draws, "chains": chains, "seed": seed, "progressbar": bool(progressbar)}
    nuts = {"tune": tune, "target_accept": accept}
    target = MarginalTarget(model, cores or os.cpu_count() or 1)
    target.check_proper()
    if method == "nuts":
        if effects == "summary":
            raise ModelError(
                "effects is 'summary', but the model is sampled by NUTS",
                expected="the marginal method, which sums up the random effects as it draws them",
                advice="effects='draws', and Posterior.summary(effects=True)",
            )
        drawn = run_nuts(model, cores=cores, **common, **nuts)
        return _posterior(model, drawn, "nuts", seed, nuts)
    kept = _kept_effects(model, effects, chains * draws)
    common |= {"sink": lambda: kept(model.design.terms, chains, draws)}
    note = None
    with one_thread():
        if method != "marginal-nuts":
            if target.size <= MOST_PARAMETERS:
                found = run_marginal(target, **common)
                if found.trusted:
                    return _posterior(model, found, "marginal", seed, found.attributes)
                note = f"the weights of importance proposals can't be trusted (k̂ {found.khat:.2f})"
            else:
                what = "variance parameters" if target.coefficients is None else "parameters"
                note = f"{target.size} {what} are more than the {MOST_PARAMETERS} for which proposals do"
        drawn = run_marginal_nuts(target, **common, **nuts)
    return _posterior(model, drawn, "marginal-nuts", seed, nuts, note)


def _posterior(
    model: MixedModel,
    drawn: MarginalDraws | Draws,
    method: str,
    seed: int,
    attributes: Mapping[str, Any],
    note: str | None = None,
) -> Posterior:
    """The draws of any method as what the user gets; ``note`` says why it was NUTS."""
    said = dict(attributes) | {f"seconds_{what}": seconds for what, seconds in drawn.seconds.items()}
    if note is not None:
        said["why_nuts"] = note
    if method != "nuts" and not_normal(model):
        said["sampled_coefficients"] = json.dumps(not_normal(model))
    data = build_tree(
        model,
        drawn.values,
        drawn.stats,
        method=method,
        seed=seed,
        attributes=said,
        groups=drawn.groups,
    )
    return Posterior(data, model)


def _kept_effects(model: MixedModel, effects: str, size: int) -> type[Sink]:
    """What takes the draws of the random effects: all of them, or a summary."""
    needed = 8.0 * size * model.design.q
    if effects == "summary" or (effects == "auto" and needed > LARGE):
        return SummarisedEffects
    if needed > LARGEST:
        raise ModelError(
            f"{size:,} draws of {model.design.q:,} random effects take {needed / 1e9:,.0f} GB",
            expected=f"at most {LARGEST / 1e9:,.0f} GB",
            advice=f"effects='summary', or at most {int(LARGEST / (8.0 * model.design.q)):,} draws in all",
        )
    return KeptEffects
