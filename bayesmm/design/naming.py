"""What the parameters of a design are called in a posterior: one place decides, everyone else asks.

The names are Bambi's, so that plotting code carries over: ``Intercept``, ``Days``, ``cond`` with dimension
``cond_dim``; ``Days|Subject`` with dimension ``Subject__factor_dim``, its standard deviation
``Days|Subject_sigma``; the correlations of a bar's columns ``corr|Subject``, one value a pair where they may
be any, otherwise what the covariance structure tells of them; ``sigma``, as the family calls it.

A DataTree doesn't take a ``/`` in a name (it parts its paths with it), so that ``I(x / 2)`` is called
``I(x ÷ 2)``; :func:`posterior_name` makes the change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from bayesmm.covariance import Covariance, Shape
from bayesmm.design.columns import TermColumns
from bayesmm.design.design import Design
from bayesmm.design.factor import Factor
from bayesmm.design.random_term import RandomTerm
from bayesmm.errors import ModelError

INTERCEPT = "Intercept"
MEAN = "mu"
"""The mean Xβ + Zb + offset of a row, which predictions put beside the parameters."""
CENTRED = f"{INTERCEPT}__centred"
"""The intercept at the means of X, as a PyMC model samples it."""
OBS = "__obs__"
SAMPLE_DIMS = ("chain", "draw")


@dataclass(frozen=True)
class Parameter:
    """A parameter with a prior of its own.

    Attributes
    ----------
    name
        Its name in the posterior.
    kind
        ``"intercept"``, ``"fixed"``, ``"dispersion"`` (the family's own), ``"sd"`` or ``"corr"``.
    dim
        The name of its dimension; None for a scalar.
    size
        How many values it has.
    shape
        Of a ``"corr"``: the shape parameters that the prior speaks of.
    """

    name: str
    kind: str
    dim: str | None
    size: int
    shape: Shape | None = None


@dataclass(frozen=True)
class FixedName:
    """The coefficients of one term of X.

    Attributes
    ----------
    name, dim
        The variable and its dimension (None for a scalar).
    positions
        The columns of X that the values belong to, in their order.
    """

    name: str
    dim: str | None
    positions: tuple[int, ...]


@dataclass(frozen=True)
class EffectName:
    """The random effects of one expression term behind a bar, and their standard deviations.

    Attributes
    ----------
    name, sd
        ``Days|Subject`` and ``Days|Subject_sigma``.
    expr_dim
        ``cond__expr_dim`` for a term of several columns, such as a factor's; None for one column.
    positions
        The columns of the term's Xi that the effects belong to.
    """

    name: str
    sd: str
    expr_dim: str | None
    positions: tuple[int, ...]


@dataclass(frozen=True)
class TermNames:
    """The names of one random term.

    Attributes
    ----------
    factor_dim
        ``Subject__factor_dim``.
    effects
        One for each expression term behind the bar, together all k columns of Xi.
    sd_owner
        (k,) for each column the column whose standard deviation it has: itself, except where the covariance
        structure lets columns share one.
    corr, corr_dim
        ``corr|Subject`` and its dimension, which is None for a single number; both None where the columns
        don't correlate.
    covariance
        The structure, which says what ``corr`` means.
    """

    factor_dim: str
    effects: tuple[EffectName, ...]
    sd_owner: tuple[int, ...]
    corr: str | None
    corr_dim: str | None
    covariance: Covariance

    @property
    def sd_shared(self) -> bool:
        """Whether columns share a standard deviation; it is then named after the first of them."""
        return self.sd_owner != tuple(range(len(self.sd_owner)))

    def check_owners(self) -> None:
        """Whether priors can be given: all columns share one standard deviation, or none do.

        Raises
        ------
        ModelError
            If only some of them share one.
        """
        if self.sd_shared and len(set(self.sd_owner)) > 1:
            raise ModelError(
                f"in ({self.effects[0].name} …) only some columns share a standard deviation",
                expected="for a posterior, a covariance structure in which all do, or none",
                advice="two bars, or model.fit(), which has no priors",
            )


class Labels(Mapping[str, np.ndarray]):
    """Dimension → labels (m,), read-only; those of levels and rows are made when they are asked for."""

    def __init__(self) -> None:
        self.made: dict[str, np.ndarray | Callable[[], np.ndarray]] = {}

    def __getitem__(self, dim: str) -> np.ndarray:
        labels = self.made[dim]
        if not isinstance(labels, np.ndarray):
            labels = self.made[dim] = labels()
        labels.flags.writeable = False
        return labels

    def __iter__(self) -> Iterator[str]:
        return iter(self.made)

    def __len__(self) -> int:
        return len(self.made)


@dataclass(frozen=True, eq=False)
class Names:
    """The names of all parameters of a design.

    Attributes
    ----------
    response
        The response, as a variable's name.
    fixed
        The terms of X, in order.
    dispersions
        What the family has besides the location: ``("sigma",)``.
    terms
        The random terms, in the design's order.
    coords
        Dimension → labels (m,): integers and floats as they are, other levels as text.
    """

    response: str
    fixed: tuple[FixedName, ...]
    dispersions: tuple[str, ...]
    terms: tuple[TermNames, ...]
    coords: Mapping[str, np.ndarray]

    @property
    def has_intercept(self) -> bool:
        """Whether X has an intercept column."""
        return any(term.name == INTERCEPT for term in self.fixed)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter that takes a prior: coefficients, dispersions, group sds, correlations."""
        found = [
            Parameter(t.name, "intercept" if t.name == INTERCEPT else "fixed", t.dim, len(t.positions))
            for t in self.fixed
        ]
        found += [Parameter(name, "dispersion", None, 1) for name in self.dispersions]
        for term in self.terms:
            if term.sd_shared:
                found.append(Parameter(term.effects[0].sd, "sd", None, 1))
            else:
                found += [Parameter(e.sd, "sd", e.expr_dim, len(e.positions)) for e in term.effects]
        found += [
            Parameter(t.corr, "corr", t.corr_dim, t.covariance.shape.size, t.covariance.shape)
            for t in self.terms
            if t.corr is not None and t.covariance.shape is not None
        ]
        return tuple(found)

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        """Every variable of the posterior, in its order there → its dimensions after chain and draw."""
        found = {t.name: _dims(t.dim) for t in self.fixed}
        found |= dict.fromkeys(self.dispersions, ())
        found |= {e.sd: _dims(e.expr_dim) for t in self.terms for e in t.effects}
        found |= {t.corr: _dims(t.corr_dim) for t in self.terms if t.corr is not None}
        found |= {e.name: _dims(e.expr_dim, t.factor_dim) for t in self.terms for e in t.effects}
        return found

    @property
    def effects(self) -> tuple[str, ...]:
        """The variables that are random effects."""
        return tuple(effect.name for term in self.terms for effect in term.effects)


def posterior_name(text: str) -> str:
    """What a term of a formula is called in a posterior: its own name, with ``÷`` where it has ``/``.

    Examples
    --------
    >>> posterior_name("I(x / 2)")
    'I(x ÷ 2)'
    """
    return text.replace("/", "÷")


def name_parameters(design: Design) -> Names:
    """Name the parameters of a design.

    Raises
    ------
    ModelError
        If two of them would have the same name, or one the name of a dimension or of what is put beside them.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.design import build_design
    >>> design = build_design("Reaction ~ Days + (Days | Subject)", load_data("sleepstudy"))
    >>> names = name_parameters(design)
    >>> [parameter.name for parameter in names.parameters]
    ['Intercept', 'Days', 'sigma', '1|Subject_sigma', 'Days|Subject_sigma', 'corr|Subject']
    >>> names.dims["Days|Subject"], names.coords["corr|Subject_dim"].tolist()
    (('Subject__factor_dim',), ['1, Days'])
    """
    coords = Labels()
    fixed = tuple(_fixed(term, coords) for term in design.fixed.terms)
    correlated: set[str] = set()
    terms = tuple(_term(term, coords, correlated) for term in design.terms)
    coords.made[OBS] = partial(np.arange, design.n)
    names = Names(posterior_name(design.response), fixed, design.family.dispersions, terms, coords)
    _check_reserved(names, design)
    _check_distinct(names)
    return names


def _fixed(term: TermColumns, coords: Labels) -> FixedName:
    name = posterior_name(term.name)
    dim = None
    if term.levels is not None:
        dim = f"{name}_dim"
        coords.made[dim] = np.array(term.levels, dtype=str)
    return FixedName(name, dim, term.positions)


def _term(term: RandomTerm, coords: Labels, correlated: set[str]) -> TermNames:
    group = posterior_name(term.group)
    factor_dim = f"{group}__factor_dim"
    coords.made[factor_dim] = partial(_levels, term.factor)
    effects = tuple(_effect(part, group, coords) for part in term.recipe.terms)
    corr = corr_dim = None
    if term.covariance.correlated:
        expr = posterior_name(term.recipe.text)
        corr = f"corr|{expr}|{group}" if group in correlated else f"corr|{group}"
        correlated.add(group)
        columns = tuple("1" if name == INTERCEPT else name for name in term.columns)
        labels = term.covariance.labels(columns)
        if labels is not None:
            corr_dim = f"{corr}_dim"
            coords.made[corr_dim] = partial(np.array, labels, dtype=str)
    return TermNames(factor_dim, effects, term.covariance.sds, corr, corr_dim, term.covariance)


def _effect(part: TermColumns, group: str, coords: Labels) -> EffectName:
    expr = "1" if part.name == INTERCEPT else posterior_name(part.name)
    name = f"{expr}|{group}"
    dim = None
    if part.levels is not None:
        labels = np.array(part.levels, dtype=str)
        dim = f"{expr}__expr_dim"
        # The same factor may stand behind two bars with and without its reference level.
        if dim in coords and not np.array_equal(coords[dim], labels):
            dim = f"{name}__expr_dim"
        coords.made[dim] = labels
    return EffectName(name, f"{name}_sigma", dim, part.positions)


def _levels(factor: Factor) -> np.ndarray:
    """Numbers as they are, anything else as text: what a file keeps exactly."""
    if factor.levels.dtype.kind in "iuf":
        return factor.levels.to_numpy()
    labels = factor.labels
    if len(set(labels)) < len(labels):  # 1 and "1" in one column
        labels = [repr(level) for level in factor.levels]
    return np.array(labels, dtype=str)


def _dims(*dims: str | None) -> tuple[str, ...]:
    return tuple(dim for dim in dims if dim is not None)


def _check_reserved(names: Names, design: Design) -> None:
    """What is put beside parameters and data has a name of its own."""
    given = {names.response, *(term.name for term in names.fixed)}
    for name, what in (
        (MEAN, "the mean in predictions"),
        (CENTRED, "the centred intercept in a PyMC model"),
        ("weights__data", "the weights of new rows"),
        ("offset__data", "the offset of new rows"),
    ):
        if name in given or (name.endswith("__data") and name in design.formula.variables):
            raise _called_alike(name, f"'{name}' is what {what} is called", f"rename the column '{name}'")
    for group in design.factors:
        if group in SAMPLE_DIMS:
            raise _called_alike(
                group, f"the draws have a dimension '{group}'", f"rename the grouping factor '{group}'"
            )


def _called_alike(name: str, why: str, advice: str) -> ModelError:
    return ModelError(
        f"two things in the posterior would be called '{name}': {why}",
        expected="a name of its own for each parameter, each dimension and each prediction",
        advice=f"{advice} in the data and in the formula",
    )


def _check_distinct(names: Names) -> None:
    """A DataTree needs different names for all variables and dimensions."""
    used = Counter(term.name for term in names.fixed)
    used.update((names.response, *names.dispersions, OBS, *SAMPLE_DIMS))
    for term in names.terms:
        used.update(name for effect in term.effects for name in (effect.name, effect.sd))
        used.update(_dims(term.corr))
    used.update(dim for dim in names.coords if dim != OBS)
    twice = sorted(name for name, count in used.items() if count > 1)
    if twice:
        raise ModelError(
            f"two things in the posterior would be called '{twice[0]}'",
            expected="a name of its own for each parameter and each dimension",
            advice=f"rename the column '{twice[0]}' of the data"
            if twice[0] in (*names.dispersions, OBS, *SAMPLE_DIMS)
            else "rename one of the columns in the data",
        )
