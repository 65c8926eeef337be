"""``sample``: a model → its posterior."""

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import Any

import numpy as np

from bayesmm.errors import ModelError, near_matches
from bayesmm.likelihood import MarginalLikelihood, one_thread
from bayesmm.model import MixedModel
from bayesmm.posterior.data_tree import build_tree
from bayesmm.posterior.effects import KeptEffects, Sink, SummarisedEffects
from bayesmm.posterior.marginal import MarginalDraws, run_marginal, unfit_for_marginal
from bayesmm.posterior.nuts import run_nuts
from bayesmm.posterior.posterior import Posterior
from bayesmm.posterior.seed import seed_of

METHODS = ("auto", "marginal", "nuts")
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
    likelihood: MarginalLikelihood | None = None,
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
        ``"marginal"``: β and b are integrated out, the variance parameters are sampled by importance
        proposals, and β and b drawn exactly given them; it needs normal priors on the coefficients.
        ``"nuts"``: NUTS on the hierarchical model. ``"auto"``: marginal where it is exact and its weights can
        be trusted, otherwise NUTS.
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
    likelihood
        The model's likelihood, if it has been formed already.

    Raises
    ------
    ModelError
        If an option can't be, or no chain finds a point to start from.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
    >>> posterior = sample(model, draws=500, tune=500, random_seed=1, progressbar=False)
    >>> posterior.data["posterior"]["Intercept"].shape
    (4, 500)
    """
    _check_choice("method", method, METHODS)
    _check_choice("effects", effects, EFFECTS)
    draws, tune, chains = (
        _count(name, value) for name, value in (("draws", draws), ("tune", tune), ("chains", chains))
    )
    cores = None if cores is None else _count("cores", cores)
    if isinstance(target_accept, bool) or not isinstance(target_accept, Real) or not 0 < target_accept < 1:
        raise ModelError(
            f"target_accept is {target_accept!r}",
            expected="a number between 0 and 1",
            advice="0.9, or 0.99 where transitions diverge",
        )
    seed = seed_of(random_seed)
    likelihood = likelihood or (MarginalLikelihood(model.design) if method != "nuts" else None)
    note = None
    if method != "nuts":
        note = unfit_for_marginal(model)
        if note is None:
            kept = _kept_effects(model, effects, chains * draws)
            with one_thread():
                drawn = run_marginal(
                    model,
                    likelihood,
                    draws=draws,
                    chains=chains,
                    seed=seed,
                    cores=cores or os.cpu_count() or 1,
                    sink=lambda: kept(model.design.terms, chains, draws),
                    progressbar=bool(progressbar),
                )
            if drawn.trusted or method == "marginal":
                return _from_marginal(model, drawn, seed)
            note = f"its importance weights can't be trusted (k̂ {drawn.khat:.2f})"
        elif method == "marginal":
            raise ModelError(
                f"method is 'marginal', but {note}",
                expected="normal priors on all coefficients and few variance parameters",
                advice="method='auto' or 'nuts'",
            )
    if effects == "summary":
        raise ModelError(
            f"effects is 'summary', but the model is sampled by NUTS{'' if note is None else f': {note}'}",
            expected="the marginal method, which sums up the random effects as it draws them",
            advice="effects='draws', and Posterior.summary(effects=True)",
        )
    drawn = run_nuts(
        model,
        draws=draws,
        tune=tune,
        chains=chains,
        seed=seed,
        cores=cores,
        target_accept=target_accept,
        progressbar=bool(progressbar),
    )
    settings = {"tune": tune, "target_accept": target_accept}
    if note is not None:
        settings["why_nuts"] = f"not sampled by the marginal method: {note}"
    timings = {f"seconds_{what}": seconds for what, seconds in drawn.seconds.items()}
    data = build_tree(
        model, drawn.values, drawn.stats, method="nuts", seed=seed, attributes=settings | timings
    )
    return Posterior(data, model)


def _from_marginal(model: MixedModel, drawn: MarginalDraws, seed: int) -> Posterior:
    attributes = {
        "log_evidence": drawn.log_evidence,
        "log_evidence_se": drawn.log_evidence_se,
        "khat": drawn.khat,
        "efficiency": drawn.efficiency,
        "acceptance": drawn.acceptance,
        "proposal": drawn.proposal,
        "rounds": drawn.rounds,
        "thin": drawn.thin,
    }
    timings = {f"seconds_{what}": seconds for what, seconds in drawn.seconds.items()}
    data = build_tree(
        model,
        drawn.values,
        drawn.stats,
        method="marginal",
        seed=seed,
        attributes=attributes | timings,
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


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ModelError(
            f"{name} is {value!r}",
            expected=f"one of {', '.join(map(repr, choices))}",
            advice=near_matches(value, choices),
        )


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ModelError(
            f"{name} is {value!r}",
            expected="a whole number above zero",
            advice={"chains": "chains=4", "cores": "cores=None"}.get(name, f"{name}=1000"),
        )
    return int(value)
