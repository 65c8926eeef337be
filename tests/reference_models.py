"""Models of published data with lme4's fits of them, each read and fitted once.

``tests/reference/*.json`` holds fits by lme4 1.1-31 (R 4.2.2, the best of two optimisers, tight tolerances).
What R calls ``recipeB:temperature185`` and ``cask:batch`` we call ``recipe[B]:temperature[185]`` and
``batch:cask``, and R may order the parts of an interaction or of a combination otherwise. The translation is
made here, and only here.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayesmm as bmm
from bayesmm.estimate import Estimate

FOLDER = Path(__file__).parent / "reference"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))
METHODS = ("ML", "REML")


@dataclass(frozen=True)
class Effects:
    """Random effects of one factor, levels (as text) × columns; conditional sds where lme4 has them."""

    mode: pd.DataFrame
    sd: pd.DataFrame | None


@dataclass(frozen=True)
class Lme4Fit:
    """What lme4 says of a model, under our names.

    ``varcorr`` is indexed by (group, term1, term2), the missing terms ""; ``ranef`` is by group.
    """

    criterion: float
    aic: float
    bic: float
    theta: np.ndarray
    sigma: float
    beta: pd.Series
    se: pd.Series
    vcov: pd.DataFrame
    varcorr: pd.DataFrame
    singular: bool
    nobs: int
    npar: int
    ranef: dict[str, Effects]
    fitted_head: np.ndarray | None
    resid_ss: float | None


@cache
def model(name: str) -> bmm.Model:
    """The named model, on the embedded data."""
    reference = _json(name)
    return bmm.Model(reference["formula_bmm"], bmm.load_data(reference["data"]))


@cache
def fitted(name: str, method: str) -> Estimate:
    """Our fit of the named model by "ML" or "REML"."""
    return model(name).fit(reml=method == "REML")


@cache
def lme4(name: str, method: str) -> Lme4Fit:
    """lme4's fit of the named model."""
    reference = _json(name)
    fit = reference[method.lower()]
    names = _Names.of(model(name), bmm.load_data(reference["data"]))
    beta = [names.coefficient(r) for r in fit["beta"]]
    return Lme4Fit(
        criterion=fit["criterion"],
        aic=fit["aic"],
        bic=fit["bic"],
        theta=np.atleast_1d(fit["theta"]).astype(float),
        sigma=fit["sigma"],
        beta=pd.Series(list(fit["beta"].values()), beta),
        se=pd.Series([fit["se"][r] for r in fit["beta"]], beta),
        vcov=pd.DataFrame(np.array(fit["vcov"], dtype=float), beta, beta),
        varcorr=names.varcorr(fit["varcorr"]),
        singular=fit["singular"],
        nobs=fit["nobs"],
        npar=fit["npar"],
        ranef={names.group(group): names.effects(group, e) for group, e in fit.get("ranef", {}).items()},
        fitted_head=np.array(fit["fitted_head"]) if "fitted_head" in fit else None,
        resid_ss=fit.get("resid_ss"),
    )


@dataclass(frozen=True)
class _Names:
    """R's names → ours, for one model.

    ``factors`` are the categorical columns with their levels as text, ``coefficients`` the columns of X,
    ``effects_of`` the columns behind the bars of each group.
    """

    factors: dict[str, list[str]]
    coefficients: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, model: bmm.Model, data: pd.DataFrame) -> _Names:
        columns: dict[str, tuple[str, ...]] = {}
        for term in model.design.terms:
            columns[term.group] = columns.get(term.group, ()) + term.columns
        factors = {
            name: [str(level) for level in data[name].cat.categories]
            for name in model.formula.variables
            if isinstance(data[name].dtype, pd.CategoricalDtype)
        }
        return cls(factors, model.design.names, columns)

    def coefficient(self, name: str, known: Collection[str] | None = None) -> str:
        """A column's name: a factor's level stands right behind the factor, and parts come in any order."""
        if name == "(Intercept)":
            return "Intercept"
        parts = []
        for part in name.split(":"):
            readings = [
                f"{factor}[{level}]"
                for factor, levels in self.factors.items()
                for level in levels
                if part == factor + level
            ]
            parts.append(_only(readings or [part], f"readings of {part}"))
        known = self.coefficients if known is None else known
        return _only([o for o in map(":".join, permutations(parts)) if o in known], f"{name} in {known}")

    def group(self, name: str) -> str:
        """``cask:batch`` → ``batch:cask``; ``Subject.1`` (a second bar) → ``Subject``."""
        name = name.split(".")[0]
        same = [g for g in self.columns if sorted(g.split(":")) == sorted(name.split(":"))]
        return _only(same, f"{name} in {list(self.columns)}")

    def level(self, label: str, group: str) -> str:
        """A level's label, its parts in our order: ``a:A`` of ``cask:batch`` → ``A:a``."""
        ours = self.group(group).split(":")
        if len(ours) == 1:
            return label
        parts = dict(zip(group.split(":"), label.split(":"), strict=True))
        return ":".join(parts[name] for name in ours)

    def effects(self, group: str, effects: dict[str, Any]) -> Effects:
        levels = [self.level(label, group) for label in effects["levels"]]
        known = self.columns[self.group(group)]
        terms = [self.coefficient(term, known) for term in np.atleast_1d(effects["terms"])]
        mode = pd.DataFrame(effects["mode"], levels, terms)
        if not effects["condsd"]:
            return Effects(mode, None)
        return Effects(mode, pd.DataFrame(np.reshape(effects["condsd"], mode.shape), levels, terms))

    def varcorr(self, rows: list[dict[str, Any]]) -> pd.DataFrame:
        index, values = [], []
        for row in rows:
            if row["grp"] == "Residual":
                index.append(("Residual", "", ""))
            else:
                group = self.group(row["grp"])
                known = self.columns[group]
                terms = [self.coefficient(v, known) if v else "" for v in (row["var1"], row["var2"])]
                index.append((group, *terms))
            values.append((row["vcov"], row["sdcor"]))
        names = ["group", "term1", "term2"]
        return pd.DataFrame(values, pd.MultiIndex.from_tuples(index, names=names), ["vcov", "sdcor"])


def _only(found: list[str], what: str) -> str:
    assert len(found) == 1, f"{what}: {found}"
    return found[0]


@cache
def _json(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
