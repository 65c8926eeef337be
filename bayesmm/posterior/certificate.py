"""One verdict on draws, with the numbers behind it.

Draws are fit to be used when no transition diverged, the chains agree (rank-normalised split R-hat below
1.01) and the bulk and the tail of every variable are known as well as 100 independent draws a chain would
tell (Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021). Every variable counts, random effects too, at about
half a millisecond each; only where they were drawn exactly given the other parameters do 200 levels of a
factor, evenly spread, stand for the rest. Draws by importance proposals must also pass Pareto's k̂ (Vehtari et
al. 2024), or have no weight far above the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmm.posterior.effects import CHECKED, spread
from bayesmm.sampling.mixing import mixing_of, rhat_of
from bayesmm.sampling.weights import khat_threshold, weights_are_even
from bayesmm.sheet import Sheet

if TYPE_CHECKING:
    import xarray as xr

RHAT = 1.01
ESS_PER_CHAIN = 100
FEWEST_DRAWS = 8
"""R-hat needs four draws of each half of a chain."""


@dataclass(frozen=True)
class Certificate:
    """What is known about draws.

    Attributes
    ----------
    ok
        Whether they are fit to be used.
    verdict
        One sentence.
    advice
        What to do, if anything.
    divergences
        How many transitions diverged after tuning; None for a sampler that has none.
    rhat, rhat_at
        The largest rank-normalised split R-hat, and the variable that has it. The three are nan, at "", where
        they can't be computed.
    ess_bulk, ess_bulk_at, ess_tail, ess_tail_at
        The smallest effective sample sizes, and the variables that have them.
    treedepth_hits
        How many transitions were cut short at the largest tree; None for a sampler without trees.
    bfmi
        The smallest energy BFMI of a chain (below 0.3 the tails may be missed); None without energies.
    constant
        Variables that have one value in all draws; they are left out of the above.
    khat
        Pareto's shape of the importance weights, which has to be below min(1 − 1/log₁₀ S, 0.7); None for a
        sampler without weights.
    acceptance
        The share of importance proposals that were accepted; None likewise.
    """

    ok: bool
    verdict: str
    advice: tuple[str, ...]
    divergences: int | None
    rhat: float
    rhat_at: str
    ess_bulk: float
    ess_bulk_at: str
    ess_tail: float
    ess_tail_at: str
    treedepth_hits: int | None
    bfmi: float | None
    constant: tuple[str, ...]
    khat: float | None = None
    acceptance: float | None = None

    def __str__(self) -> str:
        lines = [f"  {what} {number}" for what, number in self._numbers()]
        lines += [f"  {number} {what}" for what, number in self._counts()]
        return "\n".join([self.verdict, *lines, *(f"  {advice}" for advice in self.advice)])

    def __repr__(self) -> str:
        return str(self)

    def sheet(self) -> Sheet:
        """The verdict as a page, with the numbers behind it."""
        return Sheet(self.verdict, (*self._numbers(), *self._counts()), (), self.advice)

    def _repr_html_(self) -> str:
        return self.sheet()._repr_html_()

    def _numbers(self) -> tuple[tuple[str, str], ...]:
        found = []
        if self.rhat_at:
            found += [
                ("largest R-hat", f"{self.rhat:.4f} ({self.rhat_at})"),
                ("smallest effective sample size, bulk", f"{self.ess_bulk:.0f} ({self.ess_bulk_at})"),
                ("smallest effective sample size, tail", f"{self.ess_tail:.0f} ({self.ess_tail_at})"),
            ]
        sizes = (("smallest energy BFMI", self.bfmi), ("Pareto's k̂ of the weights", self.khat))
        return (*found, *((what, f"{value:.2f}") for what, value in sizes if value is not None))

    def _counts(self) -> tuple[tuple[str, str], ...]:
        counts = (
            ("divergent transitions", self.divergences, "d"),
            ("transitions at the largest tree depth", self.treedepth_hits, "d"),
            ("of the proposals accepted", self.acceptance, ".0%"),
        )
        return tuple((what, format(value, form)) for what, value, form in counts if value is not None)


def certify(data: xr.DataTree) -> Certificate:
    """Judge the draws of a DataTree by its groups ``posterior`` and, if it has them, ``sample_stats`` and
    ``effect_draws``, the draws of some levels' random effects where the others' are only summed up.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> draws = np.random.default_rng(1).normal(size=(4, 500))
    >>> data = xr.DataTree.from_dict({"posterior": xr.Dataset({"x": (("chain", "draw"), draws)})})
    >>> print(certify(data).verdict)
    The draws can be used: R-hat is at most 1.005, the effective sample size at least 1788.
    """
    posterior = data["posterior"].dataset
    if "effect_draws" in data.children:
        posterior = posterior.merge(data["effect_draws"].dataset)
    chains, draws = posterior.sizes["chain"], posterior.sizes["draw"]
    divergences, treedepth_hits, bfmi = _sampler_statistics(data)
    constant, broken = _constant_and_broken(posterior)
    worst = {"rhat": (np.nan, ""), "bulk": (np.nan, ""), "tail": (np.nan, "")}
    moving = posterior.drop_vars([*constant, *broken])
    if draws >= FEWEST_DRAWS and not broken and moving.data_vars:
        worst = _worst(_thinned(moving) if str(data.attrs.get("method")).startswith("marginal") else moving)
    faults, advice = _faults(worst, divergences, ESS_PER_CHAIN * chains, draws, broken, not moving.data_vars)
    khat, acceptance = (data.attrs.get(name) for name in ("khat", "acceptance"))
    largest = data.attrs.get("largest_weight", np.inf)
    if khat is not None and not weights_are_even(khat, largest, chains * draws):
        faults.append(f"the importance weights have k̂ {khat:.2f}, above {khat_threshold(chains * draws):.2f}")
        advice.append('method="nuts"')
    if bfmi is not None and bfmi < _bfmi_threshold():
        advice.append(f"the energy BFMI of a chain is {bfmi:.2f}: look at the tails, or sample longer")
    if treedepth_hits:
        advice.append(f"transitions cut short at the largest tree, {treedepth_hits}: slow, but not wrong")
    return Certificate(
        ok=not faults,
        verdict="The draws can't be trusted yet: " + "; ".join(faults) + "." if faults else _praise(worst),
        advice=tuple(dict.fromkeys(advice)),
        divergences=divergences,
        rhat=worst["rhat"][0],
        rhat_at=worst["rhat"][1],
        ess_bulk=worst["bulk"][0],
        ess_bulk_at=worst["bulk"][1],
        ess_tail=worst["tail"][0],
        ess_tail_at=worst["tail"][1],
        treedepth_hits=treedepth_hits,
        bfmi=bfmi,
        constant=tuple(constant),
        khat=khat,
        acceptance=acceptance,
    )


def _thinned(posterior: xr.Dataset) -> xr.Dataset:
    """At most ``CHECKED`` levels of each factor."""
    few = {
        dim: spread(size)
        for dim, size in posterior.sizes.items()
        if str(dim).endswith("__factor_dim") and size > CHECKED
    }
    return posterior.isel(few)


def _sampler_statistics(data: xr.DataTree) -> tuple[int | None, int | None, float | None]:
    """Divergences, hits of the largest tree depth, and the smallest BFMI; None for what isn't there."""
    from arviz_stats import bfmi as bfmi_of

    stats = data["sample_stats"].dataset if "sample_stats" in data.children else {}
    divergences = int(stats["diverging"].sum()) if "diverging" in stats else None
    hits = int(stats["reached_max_treedepth"].sum()) if "reached_max_treedepth" in stats else None
    bfmi = None
    if "energy" in stats and stats["energy"].size and float(stats["energy"].std()) > 0:
        bfmi = float(np.min(bfmi_of(stats["energy"].to_numpy())))
    return divergences, hits, bfmi


def _bfmi_threshold() -> float:
    from arviz_base import rcParams

    return rcParams["stats.bfmi_threshold"]


def _constant_and_broken(posterior: xr.Dataset) -> tuple[list[str], list[str]]:
    """Variables that have one value in all draws, and variables with values that aren't finite."""
    constant, broken = [], []
    for name, array in posterior.data_vars.items():
        values = array.transpose("chain", "draw", ...).to_numpy()
        if not np.isfinite(values).all():
            broken.append(str(name))
        elif (np.ptp(values, axis=(0, 1)) == 0).all():
            constant.append(str(name))
    return constant, broken


def _worst(posterior: xr.Dataset) -> dict[str, tuple[float, str]]:
    """The largest R-hat and the smallest effective sample sizes, with the variables at fault."""
    from arviz_base import rcParams

    arrays = {name: array.transpose("chain", "draw", ...) for name, array in posterior.data_vars.items()}
    places = [(str(name), array[0, 0], i) for name, array in arrays.items() for i in range(array[0, 0].size)]
    chains, draws = posterior.sizes["chain"], posterior.sizes["draw"]
    flat = [np.asarray(a.to_numpy(), dtype=float).reshape(chains, draws, -1) for a in arrays.values()]
    together = np.ascontiguousarray(np.concatenate(flat, axis=2).transpose(2, 0, 1))
    mixing = mixing_of(together, float(rcParams["stats.ci_prob"]))
    rhat = mixing.rhat
    if chains == 1:  # R-hat needs two chains: take the halves for them
        half = draws // 2
        halves = np.concatenate([together[:, :, :half], together[:, :, half : 2 * half]], axis=1)
        rhat = rhat_of(halves)

    def extreme(values: np.ndarray, sign: int) -> tuple[float, str]:
        at = int(np.argmax(np.where(np.isnan(values), -np.inf, sign * values)))
        return (float(values[at]), _label(*places[at])) if not np.isnan(values[at]) else (np.nan, "")

    return {
        "rhat": extreme(rhat, 1),
        "bulk": extreme(mixing.ess_bulk, -1),
        "tail": extreme(mixing.ess_tail, -1),
    }


def _label(name: str, array: Any, flat: int) -> str:
    """``1|Subject[308]``."""
    if array.ndim == 0:
        return name
    place = np.unravel_index(flat, array.shape)
    labels = [
        str(array.coords[dim].to_numpy()[i]) if dim in array.coords else str(i)
        for dim, i in zip(array.dims, place, strict=True)
    ]
    return f"{name}[{', '.join(labels)}]"


def _faults(
    worst: dict[str, tuple[float, str]],
    divergences: int | None,
    enough: int,
    draws: int,
    broken: list[str],
    nothing_moves: bool,
) -> tuple[list[str], list[str]]:
    """What is wrong with the draws, and what to try."""
    faults, advice = [], []
    if broken:
        faults.append(f"'{broken[0]}' has values that are not finite")
        advice.append("look at the scale of the data and of the priors")
    elif nothing_moves:
        faults.append("no variable ever changed its value")
        advice.append("tune longer")
    elif draws < FEWEST_DRAWS:
        faults.append(f"{draws} draws a chain are too few to tell")
        advice.append("draws=1000")
    if divergences:
        faults.append(f"{divergences} transition{'s' if divergences > 1 else ''} diverged")
        advice.append("target_accept=0.99, or tighter priors for standard deviations")
    rhat, at = worst["rhat"]
    if rhat >= RHAT:
        faults.append(f"the chains disagree on '{at}' (R-hat {rhat:.3f})")
        advice.append("twice the tune and draws")
    for which in ("bulk", "tail"):
        ess, at = worst[which]
        if ess < enough:
            faults.append(f"'{at}' has a {which} effective sample size of {ess:.0f}, of {enough} needed")
            advice.append("twice the draws" if rhat < RHAT else "twice the tune and draws")
    return faults, advice


def _praise(worst: dict[str, tuple[float, str]]) -> str:
    ess = min(worst["bulk"][0], worst["tail"][0])
    rhat = worst["rhat"][0]
    return (
        f"The draws can be used: R-hat is at most {rhat:.3f}, the effective sample size at least {ess:.0f}."
    )
