"""``Posterior``: the draws, with how they were made and what they are worth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmm.design.naming import name_parameters, posterior_name
from bayesmm.errors import ModelError, near_matches
from bayesmm.model import MixedModel
from bayesmm.posterior.certificate import Certificate, certify
from bayesmm.posterior.storage import load_tree, save_tree
from bayesmm.sheet import Sheet, Table

if TYPE_CHECKING:
    import xarray as xr

METHODS = {
    "nuts": "NUTS (nutpie) on the hierarchical model",
    "marginal": "exact: β and b integrated out, importance proposals for the variances",
}
"""How each method is called in words."""


@dataclass(frozen=True, eq=False, repr=False)
class Posterior:
    """Draws from the posterior of a mixed model.

    Attributes
    ----------
    data
        DataTree with the groups ``posterior``, ``sample_stats``, ``observed_data`` and ``constant_data``; its
        attributes say which bayesmm, formula, method and seed made it.
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
        """What made the draws: ``"marginal"`` or ``"nuts"``."""
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
            Whether to have the random effects too, if ``var_names`` doesn't say.
        **options
            For ``arviz.summary``: ``ci_prob``, ``ci_kind``, ``kind``, ``round_to``, …; its defaults are
            ``arviz.rcParams``.

        Raises
        ------
        ModelError
            If a variable is not in the posterior.
        """
        import arviz as az

        return az.summary(self.data, var_names=self._chosen(var_names, effects, options), **options)

    def _chosen(
        self, var_names: str | list[str] | None, effects: bool, options: dict[str, Any]
    ) -> list[str] | str:
        known = [str(name) for name in self.data["posterior"].data_vars]
        if var_names is None:
            return [name for name in known if effects or name not in self.effects]
        if options.get("filter_vars") is not None:
            return var_names
        wanted = [posterior_name(name) for name in ([var_names] if isinstance(var_names, str) else var_names)]
        for name in wanted:
            if name.removeprefix("~") not in known:
                raise ModelError(
                    f"the posterior has no variable '{name}'",
                    expected=f"one of {', '.join(map(repr, known))}",
                    advice=near_matches(name, known),
                )
        return wanted

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
        data = load_tree(path)
        if model is not None:
            _check_same(data, model)
        return cls(data, model)

    def sheet(self) -> Sheet:
        """The posterior as a page: how it was made, what readers trip over, the summary, the verdict."""
        summary = pd.DataFrame(self.summary(round_to="none"))
        return Sheet(
            title="Posterior of a linear mixed model",
            facts=tuple(_facts(self.data)),
            tables=(Table("Parameters", _as_text(summary)), _prior_table(self.data)),
            notes=(self.certificate.verdict, *self.certificate.advice),
        )

    def __repr__(self) -> str:
        return str(self.sheet())

    def _repr_html_(self) -> str:
        return self.sheet()._repr_html_()


def _facts(data: xr.DataTree) -> list[tuple[str, str]]:
    attributes = data.attrs
    sizes = data["posterior"].sizes
    groups = "; ".join(f"{name}, {count} levels" for name, count in json.loads(attributes["groups"]).items())
    method = METHODS.get(attributes["method"], attributes["method"])
    facts = [
        ("Formula", attributes["formula"]),
        ("Method", f"{method}; not a REML or ML estimate"),
        ("Draws", f"{sizes['chain']} chains × {sizes['draw']}, seed {attributes.get('seed', 'unknown')}"),
        ("Rows", str(attributes["n_observations"])),
        ("Groups", groups),
    ]
    if "why_nuts" in attributes:
        facts.append(("Why NUTS", attributes["why_nuts"]))
    if "log_evidence" in attributes:
        evidence, error = attributes["log_evidence"], attributes["log_evidence_se"]
        facts.append(("Evidence", f"log p(y) = {evidence:.3f}, Monte Carlo standard error {error:.3f}"))
    references = json.loads(attributes["references"])
    if references:
        facts.append(("Reference", ", ".join(f"{name} = {level}" for name, level in references.items())))
    if attributes["intercept_prior"] == "centred":
        facts.append(("Intercept", "its prior is on the centred intercept, at the means of X; reported raw"))
    return facts


def _as_text(summary: pd.DataFrame) -> pd.DataFrame:
    """Each number with its own digits: a row may be in thousands and the next a correlation."""
    formats = {"ess": "{:.0f}", "r_hat": "{:.3f}", "mcse": "{:.2g}"}
    shown = {}
    for column in summary.columns:
        pattern = next((text for start, text in formats.items() if str(column).startswith(start)), "{:.4g}")
        shown[column] = [pattern.format(value) for value in summary[column]]
    return pd.DataFrame(shown, index=summary.index)


def _prior_table(data: xr.DataTree) -> Table:
    priors = json.loads(data.attrs["priors"])
    return Table("Priors", pd.DataFrame({"prior": list(priors.values())}, index=list(priors)))


def _check_same(data: xr.DataTree, model: MixedModel) -> None:
    """Whether a file's formula, response and variables are the model's."""
    design = model.design
    names = name_parameters(design)
    if data.attrs["formula"] != design.formula.text:
        got = f"the file has the posterior of '{data.attrs['formula']}', the model is '{design.formula.text}'"
    elif not np.array_equal(data["observed_data"][names.response].to_numpy(), design.y):
        got = "the file has the posterior of other data than the model's"
    elif set(data["posterior"].data_vars) != set(names.dims):
        got = "the file and the model have different parameters, as from another covariance structure"
    else:
        return
    raise ModelError(
        got, expected="the model that was sampled", advice="Posterior.load(path) without a model"
    )
