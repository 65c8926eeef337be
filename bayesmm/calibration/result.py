"""``Calibration``: the ranks, what the tests say of each quantity, and the verdict in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from scipy.special import ndtr

from bayesmm.calibration.uniformity import TESTS, Uniformity, band, detectable, judge_ranks
from bayesmm.model import MixedModel
from bayesmm.sheet import Sheet, Table

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

DEPENDENT = 0.1
"""A lag-1 autocorrelation of the ranked draws from which it may be to blame for what is found."""
CALIBRATED = "calibrated"
NAMED = 4
"""How many quantities at fault the verdict names."""


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """What simulation-based calibration says of the sampler, for one model.

    Attributes
    ----------
    ok
        Whether all quantities pass and no replicate failed.
    verdict
        The whole in a sentence or two.
    table
        One row a quantity: ``mean_rank`` from 0 to 1, 0.5 expected; ``shift`` and ``spread``, standard normal
        if all is right, positive where true values lie too high among the draws, and too far out;
        ``p_ecdf`` of the simultaneous test of their ECDF; ``p`` of all three tests together;
        ``autocorrelation`` of the draws they are ranked among, at lag one; ``verdict``.
    ranks
        (replicates that went well) × quantities, whole numbers from 0 to ``draws``.
    failures
        Replicate → its error.
    level
        A quantity whose ``p`` isn't above it fails: (1 − prob)/quantities.
    replicates, draws, prob, seed
        As they were asked for.
    methods
        Method → how many replicates were sampled by it.
    diverged
        In how many replicates a transition diverged.
    seconds
        How long it took.
    model
        The model.
    """

    ok: bool
    verdict: str
    table: pd.DataFrame
    ranks: pd.DataFrame
    failures: pd.Series
    level: float
    replicates: int
    draws: int
    prob: float
    seed: int
    methods: Mapping[str, int]
    diverged: int
    seconds: float
    model: MixedModel

    def sheet(self) -> Sheet:
        """The calibration as a page."""
        shift, ratio = detectable(len(self.ranks), self.level)
        found = f"a posterior shifted by {shift:.2f} of its sd"
        if ratio > 0:
            found += f", or with an sd of {ratio:.2f} times what it should be"
        methods = ", ".join(f"{name} ({count})" for name, count in self.methods.items())
        facts = [
            ("Verdict", self.verdict),
            ("Formula", str(self.model.formula)),
            ("Replicates", f"{len(self.ranks)} of {self.replicates}, each ranked among {self.draws} draws"),
            ("Method", methods),
            (
                "Tests",
                f"ECDF, mean and spread of the ranks; {self.prob:g} that a right sampler passes, "
                f"Bonferroni: p above {self.level:.2g}",
            ),
            ("Power", f"9 in 10 for {found}"),
        ]
        if self.diverged:
            facts.append(("Divergences", f"in {self.diverged} replicates"))
        if len(self.failures):
            facts.append(("Failures", "; ".join(map(str, self.failures.unique()[:NAMED]))))
        note = "Where the truth lies among the draws; it says nothing of whether the model suits the data."
        return Sheet(
            title="Calibration of the sampler",
            facts=tuple(facts),
            tables=(Table("Quantities", self.table, 3),),
            notes=(note,),
        )

    def plot(self, *, ax: Any = None) -> FigureBase:
        """The ECDF of each quantity's ranks less that of uniform ranks, with the band of the test.

        The lines of a sampler that is right stay inside the band, all of them, with probability ``prob`` at
        least. A line below zero: true values too high among the draws. One that goes up and then down: too
        often at the edges, a posterior that is too narrow; down and then up: one that is too wide.

        Parameters
        ----------
        ax
            A matplotlib Axes.

        Raises
        ------
        ModelError
            If ``ax`` is something else.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> bmm.verify(model, replicates=20, random_seed=1).plot().axes[0].get_xlabel()
        'rank of the true value, as a share'
        """
        from bayesmm.plots.calibration_ranks import plot_calibration_ranks

        limits = band(len(self.ranks), self.draws, self.level / TESTS)
        failed = self.table.index[self.table["verdict"] != CALIBRATED]
        return plot_calibration_ranks(self.ranks, self.draws, limits, failed=list(failed), ax=ax)

    def __repr__(self) -> str:
        return str(self.sheet())

    def _repr_html_(self) -> str:
        return self.sheet()._repr_html_()


def judge(
    model: MixedModel,
    ranks: pd.DataFrame,
    autocorrelation: pd.Series,
    *,
    failures: pd.Series,
    replicates: int,
    draws: int,
    prob: float,
    **kept: Any,
) -> Calibration:
    """Test the ranks of every quantity and put the result into words."""
    level = (1 - prob) / ranks.shape[1]
    rows = {}
    for label in ranks.columns:
        tested = judge_ranks(ranks[label].to_numpy(), draws)
        rows[label] = {
            "mean_rank": ranks[label].mean() / draws,
            "shift": tested.shift,
            "spread": tested.spread,
            "p_ecdf": tested.p_ecdf,
            "p": tested.p,
            "autocorrelation": autocorrelation[label],
            "verdict": _words(tested, level),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    good = bool((table["verdict"] == CALIBRATED).all())
    return Calibration(
        ok=good and len(failures) == 0,
        verdict=_verdict(table, failures, level, replicates),
        table=table,
        ranks=ranks,
        failures=failures,
        level=level,
        replicates=replicates,
        draws=draws,
        prob=prob,
        model=model,
        **kept,
    )


def _words(tested: Uniformity, level: float) -> str:
    """What the ranks say of the draws: where they lie, and how wide."""
    if tested.p > level:
        return CALIBRATED
    shifted, misspread = (TESTS * p <= level for p in (tested.p_shift, tested.p_spread))
    if shifted:
        misspread = TESTS * 2 * ndtr(-abs(tested.own_spread)) <= level
    words = []
    if shifted:
        words.append("shifted down" if tested.shift > 0 else "shifted up")
    if misspread:
        words.append("too narrow" if tested.own_spread > 0 else "too wide")
    return f"posterior {' and '.join(words)}" if words else "ranks not uniform"


def _verdict(table: pd.DataFrame, failures: pd.Series, level: float, replicates: int) -> str:
    at_fault = table[table["verdict"] != CALIBRATED]
    went_well = replicates - len(failures)
    failed = f"{len(failures)} of {replicates} replicates failed" if len(failures) else ""
    if len(at_fault):
        parts = [f"'{label}': {words}" for label, words in at_fault["verdict"].items()]
        more = f"; and {len(parts) - NAMED} more" if len(parts) > NAMED else ""
        text = f"The sampler is not calibrated for this model: {'; '.join(parts[:NAMED])}{more}."
        text += f" {failed[0].upper()}{failed[1:]}." if failed else ""
        dependent = at_fault[at_fault["autocorrelation"] > DEPENDENT]
        if len(dependent):
            text += f" The draws of '{dependent.index[0]}' depend on each other, which may be why."
        return text
    uniform = (
        f"the ranks of {len(table)} quantities in {went_well} replicates are uniform "
        f"(smallest p-value {table['p'].min():.2g}, level {level:.2g})"
    )
    if failed:
        return f"The sampler is not shown to be calibrated for this model: {failed}; in the others {uniform}."
    return f"The sampler is calibrated for this model: {uniform}."
