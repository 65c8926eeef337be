"""``Posterior``: the draws, with how they were made and what they are worth."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayesmm.checks import check_prob
from bayesmm.design import Design
from bayesmm.errors import ModelError
from bayesmm.model import MixedModel
from bayesmm.posterior import leave_out, log_likelihood, predictions, prior_draws
from bayesmm.posterior.certificate import Certificate, certify
from bayesmm.posterior.from_draws import FromDraws
from bayesmm.posterior.sheet import posterior_sheet
from bayesmm.posterior.summary import effect_variables, summary_table
from bayesmm.results.same_model import difference_in_file
from bayesmm.sheet import Sheet
from bayesmm.storage import load_tree, save_tree

if TYPE_CHECKING:
    import xarray as xr
    from arviz_stats import ELPDData


@dataclass(frozen=True, eq=False, repr=False)
class Posterior(FromDraws):
    """Draws from the posterior of a mixed model.

    Attributes
    ----------
    data
        DataTree with the groups ``posterior``, ``log_prior``, ``sample_stats``, ``observed_data`` and
        ``constant_data``; its attributes say which bayesmm, formula, method and seed made it.
    model
        The model; None if the posterior came from a file and the model wasn't given.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
    >>> posterior = model.sample(draws=500, tune=500, random_seed=1, progressbar=False)
    >>> posterior.method, posterior.data["posterior"]["1|Batch"].dims
    ('marginal', ('chain', 'draw', 'Batch__factor_dim'))
    >>> list(posterior.summary().index)
    ['Intercept', 'sigma', '1|Batch_sigma']
    """

    data: xr.DataTree
    model: MixedModel | None = None

    @property
    def method(self) -> str:
        """What made the draws: ``"marginal"``, ``"nuts"``, or ``"marginal-pymc"`` (see ``recover``)."""
        return str(self.data.attrs["method"])

    @property
    def log_evidence(self) -> float | None:
        """log p(y), where the method gives it; NUTS doesn't."""
        value = self.data.attrs.get("log_evidence")
        return None if value is None else float(value)

    @property
    def design(self) -> Design:
        """y, X, Z and their names, of the posterior's model."""
        return model_of(self).design

    @cached_property
    def certificate(self) -> Certificate:
        """Whether the draws can be used, with the numbers behind the verdict."""
        return certify(self.data)

    @property
    def effects(self) -> tuple[str, ...]:
        """The variables that are random effects."""
        return effect_variables(self.data)

    def summary(
        self, var_names: str | list[str] | None = None, *, effects: bool = False, **options: Any
    ) -> pd.DataFrame:
        """Mean, sd, interval and diagnostics of each parameter, as ``arviz.summary`` makes them.

        Parameters
        ----------
        var_names
            Which variables; by default all but the random effects.
        effects
            Whether to have the random effects too, if ``var_names`` doesn't say. Where their draws weren't
            kept they have a mean, sd and interval, but no diagnostics.
        **options
            For ``arviz.summary``: ``ci_prob``, ``ci_kind``, ``kind``, …; its defaults are ``arviz.rcParams``.
            Numbers are rounded by the smallest Monte Carlo error among them unless ``round_to`` says
            otherwise; ``round_to="none"`` gives all digits.

        Raises
        ------
        ModelError
            If a variable is not in the posterior.
        """
        return summary_table(self.data, var_names, effects=effects, options=options)

    def predict(
        self,
        newdata: Any = None,
        *,
        new_levels: str = "error",
        kind: str = "mean",
        prob: float = 0.95,
        include_random: bool | str | Collection[str] = True,
        weights: Any = None,
        offset: Any = None,
        random_seed: Any = None,
        thin: int = 1,
        draws: bool = False,
    ) -> Any:
        """Predictions with their uncertainty, one row for each row of the data; or their draws.

        Parameters
        ----------
        newdata
            A frame or mapping with the columns that the right-hand side uses; None for the rows that were
            fitted.
        new_levels
            What becomes of levels of a grouping factor that were not seen. ``"error"``: an error that names
            them. ``"population"``: b = 0. ``"sample"``: b ~ N(0, G), one draw for each draw of G and each new
            level, shared by the level's rows and independent between levels.
        kind
            ``"mean"``: ``mu`` = Xβ + Zb + offset. ``"response"``: responses to be observed, mu + (σ/√w) z,
            under the response's name.
        prob
            The probability of the intervals.
        include_random
            False for predictions without random effects (newdata then need no grouping factors), or the
            names of the grouping factors whose effects count.
        weights, offset
            Of the new rows, if the model was given such arguments: a column of newdata, m numbers or one.
            What the model has from a column by its name is taken from the same column of newdata.
        random_seed
            A whole number, a numpy Generator, or None; it is kept with the predictions.
        thin
            Every how many-th draw is taken, of all groups of the posterior.
        draws
            Whether the draws are wanted, and not the table.

        Returns
        -------
        DataFrame, DataTree
            Columns ``mean``, ``se``, ``lower``, ``upper``, as of an estimate: means and sds of the draws, and
            the interval that ArviZ is set to; newdata's index and kind of frame.
            With ``draws`` a new DataTree, the posterior's with more in it. With new data these are the groups
            ``predictions`` and ``predictions_constant_data``. For the model's own rows ``mu`` stands in
            ``posterior`` and responses in ``posterior_predictive``. The dimensions are chain, draw and
            ``__obs__``.

        Raises
        ------
        DataError
            If newdata lack a column, have missing or infinite values, or levels that were not seen.
        ModelError
            If an option can't be, the predictions take too much memory, or there is no model.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> posterior = model.sample(draws=500, random_seed=1, progressbar=False)
        >>> new = {"Batch": ["A", "new"]}
        >>> posterior.predict(new, new_levels="sample", random_seed=1).columns.tolist()
        ['mean', 'se', 'lower', 'upper']
        >>> tree = posterior.predict(new, new_levels="sample", random_seed=1, draws=True)
        >>> dict(tree["predictions"]["mu"].sizes)
        {'chain': 4, 'draw': 500, '__obs__': 2}
        """
        return predictions.predict(
            model_of(self),
            self.data,
            newdata,
            kind=kind,
            new_levels=new_levels,
            random_seed=random_seed,
            include_random=include_random,
            weights=weights,
            offset=offset,
            thin=thin,
            prob=prob,
            draws=bool(draws),
        )

    def simulate(self, draws: int = 1, random_seed: Any = None, *, effects: str = "new") -> pd.DataFrame:
        """Replicated responses, one column for each of some draws; see :meth:`Fitted.simulate`."""
        return predictions.simulated(model_of(self), self.data, draws, random_seed, effects)

    def posterior_predictive(self, random_seed: Any = None, *, effects: str = "fitted") -> Posterior:
        """A posterior that has replicated responses of its own rows too, in ``posterior_predictive``.

        Parameters
        ----------
        random_seed
            A whole number, a numpy Generator, or None.
        effects
            ``"fitted"``: responses of the same groups, y ~ N(Xβ + Zb, σ²W⁻¹) with each draw's own b.
            ``"new"``: of other groups like them, with b drawn afresh from N(0, G); such replicates check
            the distribution of the groups as well.

        Raises
        ------
        ModelError
            If an option can't be, the responses take too much memory, or there is no model.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> posterior = model.sample(draws=500, random_seed=1, progressbar=False)
        >>> dict(posterior.posterior_predictive(random_seed=1).data["posterior_predictive"].sizes)
        {'chain': 4, 'draw': 500, '__obs__': 30}
        """
        data = predictions.posterior_predictive(
            model_of(self), self.data, random_seed=random_seed, effects=effects
        )
        return replace(self, data=data)

    def with_prior(self, draws: int = 1000, random_seed: Any = None) -> Posterior:
        """A posterior that has draws from its prior too, in the group ``prior``, to set beside each other.

        Raises
        ------
        ModelError
            If an option can't be, the draws take too much memory, or there is no model.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> both = model.sample(draws=500, random_seed=1, progressbar=False).with_prior(random_seed=1)
        >>> both.data["prior"]["sigma"].sizes["draw"]
        1000
        """
        data = prior_draws.with_prior(model_of(self), self.data, draws=draws, random_seed=random_seed)
        return replace(self, data=data)

    def log_likelihood(self) -> Posterior:
        """A posterior that has the pointwise log-likelihood too, in ``log_likelihood``: what ArviZ works on.

        log p(y_i | β, b, σ) = log N(y_i; x_i'β + z_i'b + offset_i, σ²/w_i) for each draw and row, under the
        response's name. It is conditional on the random effects, as :meth:`loo` with ``integrated=False``.
        With it ``arviz.psense_summary`` can tell how much prior and likelihood each have to say.

        Raises
        ------
        ModelError
            If it would take more than 6 GB, the random effects weren't kept, or there is no model.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> posterior = model.sample(draws=500, random_seed=1, progressbar=False).log_likelihood()
        >>> dict(posterior.data["log_likelihood"].sizes)
        {'chain': 4, 'draw': 500, '__obs__': 30}
        """
        return replace(self, data=log_likelihood.with_log_likelihood(model_of(self), self.data))

    def loo(
        self,
        unit: str | None = None,
        *,
        integrated: bool = True,
        draws: int | None = None,
        progressbar: bool = True,
    ) -> ELPDData:
        """Expected log predictive density of rows or groups left out, by Pareto-smoothed importance sampling.

        No model is fitted again. The priors stay those of all the data. It gives what ``arviz.loo`` gives,
        for ``arviz.compare``, ``arviz.plot_khat`` and the like; compare only results of one reading. There is
        a warning where Pareto's k̂ says that a value can't be trusted.

        Parameters
        ----------
        unit
            What is left out at a time: None for single rows, or a grouping factor: all rows of one level of
            it, which are then predicted together, as those of a group that was never seen.
        integrated
            True: log p(y_A | y_−A, ψ) with β and b integrated out in closed form, and importance sampling
            over the variance parameters ψ alone, and over coefficients whose priors aren't normal; it takes
            draws of any method. Its ``p`` counts these parameters only. False: conditional on β and b, as
            other packages have it; for rows only, with large k̂ where groups have few rows.
        draws
            How many draws to take, evenly spread. None takes all, or 1000 where all would take long (more
            than 2·10¹⁰ multiplications).
        progressbar
            Whether to show progress, as :meth:`Model.sample` does.

        Returns
        -------
        ELPDData
            With ``elpd_i`` and ``pareto_k`` by row (``__obs__``, and the data's own labels ``row``) or by
            level (``Subject__factor_dim``). Their attributes ``reading`` and ``unit`` say what they are.

        Raises
        ------
        ModelError
            If an option can't be, memory (6 GB) or time don't suffice, or there is no model.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("diameter ~ 1 + (1 | plate) + (1 | sample)", bmm.load_data("Penicillin"))
        >>> posterior = model.sample(draws=1000, random_seed=1, progressbar=False)
        >>> by_plate = posterior.loo("plate")
        >>> by_plate.pareto_k.sizes["plate__factor_dim"], bool(by_plate.pareto_k.max() < 0.7)
        (24, True)
        """
        return leave_out.loo(
            model_of(self),
            self.data,
            unit,
            integrated=integrated,
            draws=draws,
            progressbar=bool(progressbar),
        )

    def fit_statistics(self, *, looic: bool) -> dict[str, float]:
        """Evidence, number of draws and, if asked for, what leaving rows out says."""
        sizes = self.data["posterior"].sizes
        found = {"pss": sizes["chain"] * sizes["draw"]}
        if self.log_evidence is not None:
            found["log_evidence"] = self.log_evidence
        if looic:
            loo = self.loo(progressbar=False)
            found |= {"looic": -2 * float(loo.elpd), "elpd_loo": float(loo.elpd), "p_loo": float(loo.p)}
        return found

    def save(self, path: str | Path) -> Path:
        """Write the draws with all attributes to a netCDF file, replacing what was there; give its path.

        Raises
        ------
        FileError
            If it can't be written.
        """
        return save_tree(self.data, path)

    @classmethod
    def load(cls, path: str | Path, model: MixedModel | None = None) -> Posterior:
        """Read a posterior that :meth:`save` wrote.

        Parameters
        ----------
        path
            The file.
        model
            The model it is the posterior of, for what needs one, such as predictions.

        Raises
        ------
        FileError
            If the file is missing, empty or malformed.
        ModelError
            If it is the posterior of another model.
        """
        data = load_tree(path, "posterior")
        if model is not None:
            _check_of_model(data, model)
        return cls(data, model)

    def sheet(self, prob: float | None = None) -> Sheet:
        """The posterior as a page: how it was made, what readers trip over, the summary, the verdict.

        Parameters
        ----------
        prob
            The probability of the intervals; None for the one that ArviZ is set to.

        Raises
        ------
        ModelError
            If ``prob`` is no probability.
        """
        options = {} if prob is None else {"ci_prob": check_prob(prob)}
        return posterior_sheet(self.data, self.summary(round_to="none", **options), self.certificate)


def model_of(posterior: Posterior) -> MixedModel:
    """The posterior's model.

    Raises
    ------
    ModelError
        If it has none.
    """
    if posterior.model is None:
        raise ModelError(
            "the posterior came from a file, without its model",
            expected="the model, whose design says what to predict",
            advice="Posterior.load(path, model)",
        )
    return posterior.model


def _check_of_model(data: xr.DataTree, model: MixedModel) -> None:
    """Whether a file has the posterior of a model.

    Raises
    ------
    ModelError
        If not.
    """
    other = difference_in_file(model.design, data)
    if other is not None:
        raise ModelError(
            f"the file has the posterior of {other}, the model is '{model.formula}'",
            expected="the model that was sampled",
            advice="Posterior.load(path) without a model",
        )
