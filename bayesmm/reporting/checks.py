"""Posterior predictive checks: what the model would make of the same rows, beside what was observed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import skew

from bayesmm.design.naming import name_parameters
from bayesmm.errors import ModelError
from bayesmm.posterior import Posterior
from bayesmm.reporting.layout import ReportTable, number, table

MOST_NUMBERS = 1e7
"""Replicated responses that are drawn at most."""
MOST_REPLICATES = 400
SHOWN = 40
"""Replicates that are drawn in the picture."""
PROB = 0.9
STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda y: y.mean(axis=-1),
    "sd": lambda y: y.std(axis=-1, ddof=1),
    "skewness": lambda y: skew(y, axis=-1),
    "smallest value": lambda y: y.min(axis=-1),
    "largest value": lambda y: y.max(axis=-1),
}
_WIDTH, _HEIGHT, _MARGIN = 640, 260, 44


@dataclass(frozen=True)
class PredictiveCheck:
    """Replicates of the responses against the responses.

    Attributes
    ----------
    replicates
        How many replicates were drawn.
    table
        Statistics of both.
    observed, replicated
        Points of SVG polylines: the distribution of the responses, and of some replicates.
    ticks
        (place, text) along the axis.
    alt, verdict
        What is to be seen, and what to make of it.
    """

    replicates: int
    table: ReportTable
    observed: str
    replicated: tuple[str, ...]
    ticks: tuple[tuple[float, str], ...]
    alt: str
    verdict: str
    width: int = _WIDTH
    height: int = _HEIGHT


def predictive_check(posterior: Posterior, y: np.ndarray, response: str) -> PredictiveCheck | None:
    """Draw replicates with the posterior's own seed and compare; None where they can't be drawn.

    Responses y_rep ~ N(Xβ + Zb, σ²W⁻¹) with each draw's own b; the share of replicates whose statistic is at
    least the observed one is the posterior predictive p-value (Gelman, Meng & Stern 1996).
    """
    sizes = posterior.data["posterior"].sizes
    total = sizes["chain"] * sizes["draw"]
    wanted = max(min(MOST_REPLICATES, int(MOST_NUMBERS / len(y)), total), 1)
    seed = int(posterior.data.attrs.get("seed", 1))
    thin = min(-(-total // wanted), sizes["draw"])
    try:
        tree = posterior.predict(kind="response", thin=thin, random_seed=seed, draws=True)
    except ModelError:  # the random effects weren't kept
        return None
    if posterior.model is None:
        return None
    name = name_parameters(posterior.model.design).response
    replicates = tree["posterior_predictive"][name].to_numpy().reshape(-1, len(y))
    rows, odd = [], []
    for what, statistic in STATISTICS.items():
        seen, drawn = float(statistic(y)), statistic(replicates)
        low, middle, high = np.quantile(drawn, [(1 - PROB) / 2, 0.5, (1 + PROB) / 2])
        share = float(np.mean(drawn >= seen))
        rows.append([what, *(number(v) for v in (seen, middle, low, high)), number(share, 2)])
        if not 0.025 <= share <= 0.975:
            odd.append(what)
    percent = f"{100 * PROB:g} %"
    heads = ["statistic", "observed", "replicated, median", f"lower {percent}", f"upper {percent}", "share ≥"]
    caption = (
        f"The responses beside {len(replicates)} replicates of them; the last column is the share of "
        "replicates whose statistic is at least the observed one"
    )
    verdict = (
        "By these statistics the replicates look like the data."
        if not odd
        else f"The replicates differ from the data in the {' and the '.join(odd)}."
    )
    observed, replicated, ticks = _outlines(y, replicates[:: max(len(replicates) // SHOWN, 1)][:SHOWN])
    alt = (
        f"The distribution of {response} as a dark line over those of {len(replicated)} replicates. {verdict}"
    )
    laid_out = table(caption, heads, rows)
    return PredictiveCheck(len(replicates), laid_out, observed, replicated, ticks, alt, verdict)


def _outlines(
    y: np.ndarray, replicates: np.ndarray
) -> tuple[str, tuple[str, ...], tuple[tuple[float, str], ...]]:
    """Frequency polygons in the coordinates of the picture."""
    low, high = float(min(y.min(), replicates.min())), float(max(y.max(), replicates.max()))
    bins = int(np.clip(round(2 * len(y) ** (1 / 3)), 8, 40))
    edges = np.linspace(low, high, bins + 1)
    counts = [np.histogram(values, edges)[0] / len(values) for values in (y, *replicates)]
    top = max(float(count.max()) for count in counts)
    centres = np.concatenate([edges[:1], (edges[1:] + edges[:-1]) / 2, edges[-1:]])
    x = _MARGIN + (centres - low) / (high - low) * (_WIDTH - 2 * _MARGIN)

    def points(count: np.ndarray) -> str:
        heights = np.concatenate([[0.0], count, [0.0]])
        y_at = _HEIGHT - _MARGIN - heights / top * (_HEIGHT - _MARGIN - 16)
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y_at, strict=True))

    ticks = [low + part * (high - low) for part in (0.0, 0.25, 0.5, 0.75, 1.0)]
    decimals = max(0, 2 - int(np.floor(np.log10(high - low))))
    places = [_MARGIN + (t - low) / (high - low) * (_WIDTH - 2 * _MARGIN) for t in ticks]
    marks = tuple((round(p, 1), number(t, decimals)) for p, t in zip(places, ticks, strict=True))
    return points(counts[0]), tuple(points(count) for count in counts[1:]), marks
