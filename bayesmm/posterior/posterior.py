"""``Posterior``: the draws, with how they were made and what they are worth."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmm.checks import check_choice
from bayesmm.design.naming import name_parameters, posterior_name
from bayesmm.errors import ModelError, near_matches
from bayesmm.model import MixedModel
from bayesmm.posterior import leave_out, log_likelihood, predictions, prior_draws, variance_shares
from bayesmm.posterior.certificate import Certificate, certify
from bayesmm.posterior.rounding import rounded
from bayesmm.posterior.sheet import posterior_sheet, summed_up
from bayesmm.sheet import Sheet
from bayesmm.storage import load_tree, save_tree

if TYPE_CHECKING:
    import xarray as xr
    from arviz_stats import ELPDData


@dataclass(frozen=True, eq=False, repr=False)
class Posterior:
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

    @cached_property
    def certificate(self) -> Certificate:
        """Whether the draws can be used, with the numbers behind the verdict."""
        return certify(self.data)

    @property
    def effects(self) -> tuple[str, ...]:
        """The variables that are random effects."""
        return tuple(
            str(name)
            for name, array in self.data["posterior"].data_vars.items()
            if any(str(dim).endswith("__factor_dim") for dim in array.dims)
        )

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
        from arviz_stats import summary  # arviz itself would bring matplotlib along

        given = {"round_to": "none"} | options
        table = summary(self.data, var_names=self._chosen(var_names, effects, options), **given)
        if var_names is None and effects and "effect_summary" in self.data.children:
            table = pd.concat([table, summed_up(self.data["effect_summary"].dataset, table)])
        return table if "round_to" in options else rounded(table)

    def _chosen(
        self, var_names: str | list[str] | None, effects: bool, options: dict[str, Any]
    ) -> list[str] | str:
        known = [str(name) for name in self.data["posterior"].data_vars]
        if var_names is None:
            return [name for name in known if effects or name not in self.effects]
        given = [var_names] if isinstance(var_names, str) else list(var_names)
        if options.get("filter_vars") is not None:
            _check_filter(given, options["filter_vars"], known)
            return given
        wanted = [posterior_name(name) for name in given]
        for name in wanted:
            if name.removeprefix("~") not in known:
                raise ModelError(
                    f"the posterior has no variable '{name}'",
                    expected=f"one of {', '.join(map(repr, known))}",
                    advice=near_matches(name, known),
                )
        return wanted

    def predict(
        self,
        newdata: Any = None,
        *,
        kind: str = "mean",
        new_levels: str = "error",
        random_seed: Any = None,
        include_random: bool | str | Collection[str] = True,
        weights: Any = None,
        offset: Any = None,
        thin: int = 1,
    ) -> xr.DataTree:
        """The draws with predictions added, for new rows or for those that were fitted; a new DataTree.

        Parameters
        ----------
        newdata
            A frame or mapping with the columns that the right-hand side uses; None for the rows that were
            fitted.
        kind
            ``"mean"``: ``mu`` = Xβ + Zb + offset. ``"response"``: responses to be observed, mu + (σ/√w) z,
            under the response's name.
        new_levels
            What becomes of levels of a grouping factor that were not seen. ``"error"``: an error that names
            them. ``"population"``: b = 0. ``"sample"``: b ~ N(0, G), one draw for each draw of G and each new
            level, shared by the level's rows and independent between levels.
        random_seed
            A whole number, a numpy Generator, or None; it is kept with the predictions.
        include_random
            False for predictions without random effects (newdata then need no grouping factors), or the
            names of the grouping factors whose effects count.
        weights, offset
            Of the new rows, if the model was given such arguments: a column of newdata, m numbers or one.
            What the model has from a column by its name is taken from the same column of newdata.
        thin
            Every how many-th draw is kept, in all groups of the posterior.

        Returns
        -------
        DataTree
            With new data in the groups ``predictions`` and ``predictions_constant_data``. For the model's own
            rows ``mu`` stands in ``posterior`` and responses in ``posterior_predictive``. The dimensions are
            chain, draw and ``__obs__``.

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
        >>> tree = posterior.predict({"Batch": ["A", "new"]}, new_levels="sample", random_seed=1)
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
        )

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

    def r2(self, kind: str = "conditional") -> xr.DataArray:
        """The share of the response's variance that is explained, for each draw: (chain, draw).

        Parameters
        ----------
        kind
            ``"marginal"``: by the fixed part, Var(Xβ)/(Var(Xβ) + mean z'Gz + mean σ²/w).
            ``"conditional"``: by the fixed part and the random effects, (Var(Xβ) + mean z'Gz)/(the same);
            both are of groups like these (Nakagawa & Schielzeth 2013; Johnson 2014).
            ``"fitted"``: by the fitted values of these very groups, Var(Xβ + Zb)/(that + mean σ²/w), each
            with the draw's own b (Gelman, Goodrich, Gabry & Vehtari 2019).

        Raises
        ------
        ModelError
            If there is no such kind, the random effects weren't kept (``"fitted"``), or there is no model.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
        >>> posterior = model.sample(draws=1000, random_seed=1, progressbar=False)
        >>> round(float(posterior.r2("marginal").mean()), 1)
        0.3
        """
        return variance_shares.r2(model_of(self), self.data, kind)

    def icc(self) -> xr.Dataset:
        """Each grouping factor's share of what the fixed part leaves, for each draw.

        The variance partition coefficient: a factor's mean z'Gz over the rows, divided by that of all factors
        plus the mean of σ²/w. With random intercepts alone it is the intra-class correlation, the correlation
        of two rows of one level (of nested levels, the coefficients of all factors that the rows share add
        up). With random slopes the correlation depends on the predictors, and this is their average (Johnson
        2014).

        Raises
        ------
        ModelError
            If there is no model.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> posterior = model.sample(draws=1000, random_seed=1, progressbar=False)
        >>> round(float(posterior.icc()["Batch"].median()), 1)
        0.4
        """
        return variance_shares.icc(model_of(self), self.data)

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
            _check_same(data, model)
        return cls(data, model)

    def sheet(self) -> Sheet:
        """The posterior as a page: how it was made, what readers trip over, the summary, the verdict."""
        return posterior_sheet(self.data, self.summary(round_to="none"), self.certificate)

    def __repr__(self) -> str:
        return str(self.sheet())

    def _repr_html_(self) -> str:
        return self.sheet()._repr_html_()


def _check_same(data: xr.DataTree, model: MixedModel) -> None:
    """Whether a file's formula, response and variables are the model's."""
    design = model.design
    names = name_parameters(design)
    if data.attrs["formula"] != design.formula.text:
        got = f"the file has the posterior of '{data.attrs['formula']}', the model is '{design.formula.text}'"
    elif not np.array_equal(data["observed_data"][names.response].to_numpy(), design.y):
        got = "the file has the posterior of other data than the model's"
    elif set(data["posterior"].data_vars) | set(names.effects) != set(names.dims):
        got = "the file and the model have different parameters, as from another covariance structure"
    else:
        return
    raise ModelError(
        got, expected="the model that was sampled", advice="Posterior.load(path) without a model"
    )


def _check_filter(patterns: list[str], how: object, known: list[str]) -> None:
    """Whether patterns, as ``filter_vars`` reads them, leave any variable.

    Raises
    ------
    ModelError
        If not, or if they can't be read.
    """
    check_choice("filter_vars", how, ("like", "regex"))
    wanted = [pattern for pattern in patterns if not pattern.startswith("~")]
    try:
        found = [
            name
            for name in known
            if any(pattern in name if how == "like" else re.search(pattern, name) for pattern in wanted)
        ]
    except re.error as error:
        raise ModelError(
            f"var_names has {', '.join(map(repr, wanted))}, and not all are regular expressions: {error}",
            expected="regular expressions",
            advice="filter_vars='like' for parts of names as they are written",
        ) from None
    if wanted and not found:
        raise ModelError(
            f"no variable of the posterior has {' or '.join(map(repr, wanted))} in its name",
            expected=f"{'a part' if how == 'like' else 'a regular expression that fits a part'} of one of "
            f"{', '.join(map(repr, known))}",
            advice=near_matches(wanted[0], known),
        )


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
