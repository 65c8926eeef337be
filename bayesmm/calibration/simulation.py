"""Simulation-based calibration (Talts, Betancourt, Simpson, Vehtari & Gelman 2018).

Parameters are drawn from the prior, data from the parameters, the posterior from the data. Then the rank of
each true value among draws of its posterior is uniform, whatever the model, if the sampler is right, and so
is that of any function of parameters and data (Modrák, Moon, Kim, Bürkner, Huurre, Faltejsková, Gelman &
Vehtari 2023). The rank among dependent draws is not, hence they are thinned.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bayesmm.calibration.quantities import quantities
from bayesmm.calibration.result import Calibration, judge
from bayesmm.checks import check_count, check_prob
from bayesmm.errors import ModelError
from bayesmm.model import MixedModel
from bayesmm.posterior import Posterior, sample
from bayesmm.posterior.draw_arrays import DrawArrays
from bayesmm.posterior.predictions import draw_predictions
from bayesmm.posterior.prior_draws import draw_prior
from bayesmm.predict import check_size, rows_of_design
from bayesmm.sampling.progress import Progress
from bayesmm.sampling.seed import seed_of, streams

CHAINS = 2
THIN = 5
"""Every how many-th draw of a chain is ranked among."""
FEWEST = 20
"""Fewer replicates or draws can't tell anything."""


def verify(
    model: MixedModel,
    replicates: int = 200,
    *,
    draws: int = 100,
    prob: float = 0.99,
    method: str = "auto",
    random_seed: Any = None,
    progressbar: bool = True,
) -> Calibration:
    """Whether the sampler draws from the right posterior, for this model, its design and its priors.

    ``replicates`` times: parameters and random effects from the priors, a response from them for the model's
    own X, Z, weights and offset, its posterior by the sampler with the priors as they are, and the rank of
    each true value among draws of it. Ranks that aren't uniform speak against the sampler. What is ranked:
    coefficients, standard deviations, correlations, sigma, the random effects of three levels of each
    factor, and the log-likelihood.

    That a sampler is calibrated says nothing of whether the model suits the data. It takes as long as
    ``replicates`` calls of ``model.sample``: for a small model some 0.2 s each, with ``method="nuts"``, which
    compiles every time, some seconds.

    Parameters
    ----------
    model
        The model. Its response is not used.
    replicates
        How many data sets are simulated.
    draws
        How many nearly independent draws a true value is ranked among; five times as many are made.
    prob
        The probability, at least, that a sampler that is right is found to be so. The rest is divided by the
        number of quantities and of the three tests that each takes (Bonferroni).
    method
        As for ``model.sample``.
    random_seed
        A whole number, a numpy Generator, or None; it is kept.
    progressbar
        Whether to show progress; nothing is shown where standard error isn't a terminal or a notebook.

    Raises
    ------
    ModelError
        If an option can't be, or every replicate fails. A replicate that fails is counted, kept with its
        error and part of the verdict.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
    >>> calibration = bmm.verify(model, replicates=20, random_seed=1)
    >>> calibration.ok, calibration.ranks.shape
    (True, (20, 7))
    """
    replicates, draws = _check(model, replicates, draws, prob)
    seed = seed_of(random_seed)
    clock = time.perf_counter()
    record = _Record()
    with Progress(replicates, "calibration", show=bool(progressbar)) as progress:
        for r, replicate in enumerate(_simulated(model, replicates, seed)):
            try:
                record.add(r, *_rank(replicate, draws, method))
            except Exception as error:  # whatever a sampler does wrong is what this is to find out
                _raise_if_option(error, method, r)
                record.failures[r] = f"{type(error).__name__}: {' '.join(str(error).split())}"
            progress.advance(1)
    if not record.ranks:
        raise ModelError(
            f"all {replicates} replicates failed, the first with {record.failures[0]}",
            expected="data simulated from the priors that the model can be sampled for",
            advice="narrower priors; model.prior_predictive() shows what they say",
        )
    return judge(
        model,
        pd.DataFrame.from_dict(record.ranks, orient="index").rename_axis("replicate"),
        pd.DataFrame(record.dependence).mean(),
        failures=pd.Series(record.failures, dtype=object, name="failure"),
        methods=dict(record.methods),
        diverged=record.diverged,
        replicates=replicates,
        draws=draws,
        prob=float(prob),
        seed=seed,
        seconds=time.perf_counter() - clock,
    )


@dataclass
class _Record:
    """What has come of the replicates so far."""

    ranks: dict[int, dict[str, int]] = field(default_factory=dict)
    dependence: list[dict[str, float]] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)
    methods: Counter[str] = field(default_factory=Counter)
    diverged: int = 0

    def add(self, r: int, ranks: dict[str, int], dependence: dict[str, float], posterior: Posterior) -> None:
        """Add a replicate that went well."""
        self.ranks[r] = ranks
        self.dependence.append(dependence)
        self.methods[posterior.method] += 1
        stats = posterior.data["sample_stats"]
        self.diverged += "diverging" in stats and bool(stats["diverging"].any())


@dataclass(frozen=True, eq=False)
class _Replicate:
    """A model of simulated data, with the one draw of everything that they were simulated from."""

    y: np.ndarray
    truth: DrawArrays
    original: MixedModel
    seed: int


def _simulated(model: MixedModel, replicates: int, seed: int) -> Iterator[_Replicate]:
    """Draws from the prior, and of the response given them; the model of each is made when it is used."""
    check_size(replicates, model.design.n, thin=False)
    prior = draw_prior(model, replicates, seed)
    _, _, levels_rng, noise_rng = streams(seed, 4)
    rngs = {"levels_rng": levels_rng, "noise_rng": noise_rng}
    rows = rows_of_design(model.design)
    y = draw_predictions(model.family, prior, rows, response=True, sample_new=False, **rngs)
    for r in range(replicates):
        truth = DrawArrays(prior.names, {name: array[r : r + 1] for name, array in prior.values.items()})
        own = np.random.SeedSequence([seed, r]).generate_state(1)[0]
        yield _Replicate(y[r], truth, model, int(own))


def _rank(
    replicate: _Replicate, draws: int, method: str
) -> tuple[dict[str, int], dict[str, float], Posterior]:
    """The rank of every true value, the lag-1 autocorrelation of its draws, and the posterior."""
    model = replicate.original.with_response(replicate.y)
    length = -(-draws // CHAINS)
    posterior = sample(
        model,
        draws=THIN * length,
        chains=CHAINS,
        random_seed=replicate.seed,
        method=method,
        effects="draws",
        progressbar=False,
        cores=CHAINS if method == "nuts" else 1,  # small matrices: threads would wait for each other
    )
    thinned = posterior.data["posterior"].to_dataset().isel(draw=slice(THIN - 1, None, THIN))
    drawn = quantities(model, DrawArrays.of(replicate.truth.names, thinned))
    truth = quantities(model, replicate.truth)
    rng = np.random.default_rng([replicate.seed, 1])
    ranks, dependence = {}, {}
    for label, values in drawn.items():
        if not np.isfinite(values).all():
            raise ArithmeticError(f"draws of '{label}' are not finite")
        some = values[:draws]
        ties = int(np.sum(some == truth[label]))
        ranks[label] = int(np.sum(some < truth[label])) + int(rng.integers(ties + 1))
        dependence[label] = _autocorrelation(values.reshape(CHAINS, length))
    return ranks, dependence, posterior


def _autocorrelation(values: np.ndarray) -> float:
    """At lag one, within chains (c, m); nan for draws that never change."""
    centred = values - values.mean()
    variance = float(np.mean(centred**2))
    return float(np.mean(centred[:, 1:] * centred[:, :-1])) / variance if variance > 0 else float("nan")


def _raise_if_option(error: Exception, method: str, r: int) -> None:
    """A method that can't be had for this model is no failure of the sampler."""
    if r == 0 and isinstance(error, ModelError) and error.got.startswith("method is "):
        raise error


def _check(model: object, replicates: Any, draws: Any, prob: Any) -> tuple[int, int]:
    if not isinstance(model, MixedModel):
        raise ModelError(
            f"verify got a {type(model).__name__}",
            expected="a Model",
            advice="bayesmm.verify(model), not what model.sample() or model.fit() gives",
        )
    counts = []
    for name, value, usual in (("replicates", replicates, 200), ("draws", draws, 100)):
        counts.append(check_count(name, value, advice=f"{name}={usual}, the default", least=FEWEST))
    check_prob(prob, usual=0.99)
    return counts[0], counts[1]
