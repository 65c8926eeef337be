"""``Prior``, and the rules that scale the default priors to the data.

With s_y = sd(y) and s_x the sd of a column, the defaults are

- intercept ~ Normal(mean(y − offset), 2.5 s_y). It is the prior of the *centred* intercept, the expected
  response at the mean of every column of X; the intercept that is reported is un-centred afterwards.
- coefficients ~ Normal(0, 2.5 s_y/s_x). Without an intercept nothing is centred, and the columns' and the
  response's distances from zero count too: the scale is the larger of s_y/s_x and rms(y)/rms(x), times 2.5.
- sigma ~ HalfStudentT(4, s_y √mean(w)), w the precision weights, 1 if there are none.
- group sd ~ HalfStudentT(4, s_y/s_x of the term's own column); s_y for an intercept. Columns that share one
  sd have s_x² averaged over them.
- correlations ~ LKJ(2), where they may be any.
- the shape parameters of other covariance structures: how far each lies between its bounds, from 0 to 1, is
  Beta(2, 2). That is ρ of ``cs`` and ``ar1``, and of ``toep`` the partial autocorrelations. At two columns it
  is LKJ(2).

All are proper, so that prior predictive draws and the evidence exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from bayesmm.design import Design
from bayesmm.design.naming import (
    INTERCEPT,
    Names,
    Parameter,
    TermNames,
    name_parameters,
    posterior_name,
)
from bayesmm.distributions import DISTRIBUTIONS
from bayesmm.errors import PriorError, near_matches

CLASSES = ("fixed", "sd", "corr")
"""Keys that set the priors of a whole class: coefficients but the intercept, group sds, correlations."""


@dataclass(frozen=True, init=False, repr=False)
class Prior:
    """A proper prior distribution of a parameter.

    Parameters
    ----------
    distribution
        ``Normal(mu, sigma)``, ``StudentT(nu, mu, sigma)``, ``Cauchy(alpha, beta)``, ``Laplace(mu, b)``,
        ``Uniform(lower, upper)``, ``HalfNormal(sigma)``, ``HalfStudentT(nu, sigma)``, ``HalfCauchy(beta)``,
        ``Exponential(lam)``, ``Gamma(alpha, beta)``, ``InverseGamma(alpha, beta)``, ``LogNormal(mu, sigma)``,
        ``Weibull(alpha, beta)``, ``LKJ(eta)`` or ``Beta(alpha, beta)``; the parameters are PyMC's. The last
        two are of correlations: LKJ of matrices that may be any, Beta of where between its bounds the
        parameter of another covariance structure lies.
    **parameters
        Numbers, or one number for each value of a parameter that has several, such as a factor's.

    Raises
    ------
    PriorError
        If there is no such distribution, or its parameters are missing, unknown or impossible.

    Examples
    --------
    >>> Prior("Normal", mu=0, sigma=10)
    Prior("Normal", mu=0, sigma=10)
    >>> Prior("HalfStudentT", nu=4, sigma=2.5).support
    'positive'
    >>> float(Prior("Exponential", lam=2).logpdf(0).round(3))
    0.693
    """

    distribution: str
    _items: tuple[tuple[str, float | tuple[float, ...]], ...]

    def __init__(self, distribution: str, **parameters: Any) -> None:
        if not isinstance(distribution, str) or distribution not in DISTRIBUTIONS:
            raise PriorError(
                f"the distribution of a prior is {distribution!r}",
                expected=f"one of {', '.join(DISTRIBUTIONS)}",
                advice=near_matches(distribution, DISTRIBUTIONS),
            )
        wanted = DISTRIBUTIONS[distribution].parameters
        _check_names(distribution, wanted, parameters)
        items = tuple((name, _value(distribution, name, parameters[name])) for name in wanted)
        _check_values(distribution, dict(items))
        object.__setattr__(self, "distribution", distribution)
        object.__setattr__(self, "_items", items)

    @property
    def parameters(self) -> Mapping[str, float | tuple[float, ...]]:
        """Parameter name → a number, or a tuple of them; read-only."""
        return MappingProxyType(dict(self._items))

    @property
    def support(self) -> str:
        """``"real"``, ``"positive"`` (a Uniform from zero or above too), ``"correlation"`` or ``"unit"``."""
        if self.distribution == "Uniform" and np.min(self.parameters["lower"]) >= 0:
            return "positive"
        return DISTRIBUTIONS[self.distribution].support

    @property
    def size(self) -> int | None:
        """How many values it speaks of; None if its parameters are single numbers."""
        return next((len(value) for _, value in self._items if isinstance(value, tuple)), None)

    def logpdf(self, x: Any) -> np.ndarray:
        """log p(x).

        Parameters
        ----------
        x
            (…) numbers, or (…, m) for a prior of ``size`` m; for LKJ correlation matrices (…, k, k).
        """
        parameters = (np.array(value) if isinstance(value, tuple) else value for _, value in self._items)
        return np.asarray(DISTRIBUTIONS[self.distribution].logpdf(np.asarray(x, dtype=float), *parameters))

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Independent draws.

        Parameters
        ----------
        rng
            Where the randomness comes from.
        shape
            Of the result: (…), or (…, m) for a prior of ``size`` m; for LKJ (…, k, k), correlation matrices.

        Examples
        --------
        >>> import numpy as np
        >>> x = Prior("Normal", mu=[10, 100], sigma=1).draw(np.random.default_rng(1), (1000, 2))
        >>> x.mean(axis=0).round().tolist()
        [10.0, 100.0]
        >>> Prior("LKJ", eta=2).draw(np.random.default_rng(1), (5, 3, 3)).shape
        (5, 3, 3)
        """
        parameters = (np.array(value) if isinstance(value, tuple) else value for _, value in self._items)
        return np.asarray(DISTRIBUTIONS[self.distribution].draw(rng, shape, *parameters))

    def __repr__(self) -> str:
        items = ", ".join(f"{name}={_written(value)}" for name, value in self._items)
        return f'Prior("{self.distribution}", {items})'

    def __str__(self) -> str:
        return f"{self.distribution}({', '.join(f'{name}={_short(value)}' for name, value in self._items)})"


def default_priors(design: Design) -> dict[str, Prior]:
    """The default prior of every parameter, scaled to the data; the rules are at the head of this module.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.design import build_design
    >>> design = build_design("Reaction ~ Days + (Days | Subject)", load_data("sleepstudy"))
    >>> for name, prior in default_priors(design).items():
    ...     print(name, "~", prior)
    Intercept ~ Normal(mu=298.5, sigma=140.8)
    Days ~ Normal(mu=0, sigma=48.89)
    sigma ~ HalfStudentT(nu=4, sigma=56.33)
    1|Subject_sigma ~ HalfStudentT(nu=4, sigma=56.33)
    Days|Subject_sigma ~ HalfStudentT(nu=4, sigma=19.56)
    corr|Subject ~ LKJ(eta=2)
    """
    names = name_parameters(design)
    scales = design.family.scales(design.y, design.offset)
    s_y, from_zero = scales.spread, 0.0 if names.has_intercept else scales.from_zero
    priors: dict[str, Prior] = {}
    for term in names.fixed:
        if term.name == INTERCEPT:
            priors[INTERCEPT] = Prior("Normal", mu=scales.centre, sigma=2.5 * s_y)
        else:
            columns = [design.sources[j].column(design.n) for j in term.positions]
            widths = [2.5 * max(s_y / _size(x), from_zero / _root_mean_square(x)) for x in columns]
            priors[term.name] = Prior("Normal", mu=0.0, sigma=_one_or_many(widths, term.dim))
    for name, (distribution, given) in design.family.dispersion_priors(design.y, design.weights).items():
        priors[name] = Prior(distribution, **given)
    for term, named in zip(design.terms, names.terms, strict=True):
        priors |= _sd_priors(named, s_y, [_size(source.column(design.n)) for source in term.sources])
    priors |= {
        parameter.name: Prior(parameter.shape.distribution, **parameter.shape.default)
        for parameter in names.parameters
        if parameter.shape is not None
    }
    return priors


def resolve_priors(design: Design, user: Mapping[str, Prior] | None) -> dict[str, Prior]:
    """The prior of every parameter: the default, unless the user names it or its class.

    Parameters
    ----------
    user
        Parameter name, or class, → prior. ``"fixed"`` is all coefficients but the intercept, ``"sd"`` all
        standard deviations of random effects (not ``sigma``), ``"corr"`` all correlations. A name beats its
        class, also where a column of the data is called like a class.

    Raises
    ------
    PriorError
        If a key names nothing, a value is no Prior, or a distribution can't be the parameter's.
    """
    chosen = chosen_priors(design, user)
    resolved = default_priors(design) | chosen
    return {parameter.name: resolved[parameter.name] for parameter in name_parameters(design).parameters}


def chosen_priors(design: Design, user: Mapping[str, Prior] | None) -> dict[str, Prior]:
    """The priors of the parameters that the user names, or whose class; rows aren't looked at.

    Raises
    ------
    PriorError
        As :func:`resolve_priors`.
    """
    names = name_parameters(design)
    if not user:
        return {}
    parameters = {parameter.name: parameter for parameter in names.parameters}
    chosen: dict[str, Prior] = {}
    by_name: dict[str, Prior] = {}
    for key, prior in dict(user).items():
        if not isinstance(prior, Prior):
            raise PriorError(
                f"the prior of '{key}' is {prior!r}",
                expected="a Prior",
                advice=f'priors={{"{key}": bayesmm.Prior("Normal", mu=0, sigma=10)}}, with what fits',
            )
        name = posterior_name(str(key))
        if name in parameters:
            by_name[name] = prior
            continue
        members = [p.name for p in parameters.values() if p.kind == name] if name in CLASSES else []
        if not members:
            raise _names_nothing(key, names)
        chosen |= dict.fromkeys(members, prior)
    chosen |= by_name
    for name, prior in chosen.items():
        _check_fits(parameters[name], prior)
    return chosen


def _size(x: np.ndarray) -> float:
    """The sd of a column; of a constant one its root mean square, which for an intercept is 1."""
    size = float(np.std(x, ddof=1))
    return size if size > 1e-10 * _root_mean_square(x) else _root_mean_square(x)


def _root_mean_square(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x**2)))


def _sd_priors(named: TermNames, s_y: float, sizes: list[float]) -> dict[str, Prior]:
    if named.sd_shared:
        size = float(np.sqrt(np.mean(np.square(sizes))))
        return {named.effects[0].sd: Prior("HalfStudentT", nu=4.0, sigma=s_y / size)}
    return {
        effect.sd: Prior(
            "HalfStudentT",
            nu=4.0,
            sigma=_one_or_many([s_y / sizes[j] for j in effect.positions], effect.expr_dim),
        )
        for effect in named.effects
    }


def _one_or_many(values: list[float], dim: str | None) -> float | tuple[float, ...]:
    return values[0] if dim is None else tuple(values)


def _check_names(distribution: str, wanted: tuple[str, ...], given: Mapping[str, Any]) -> None:
    for name in given:
        if name not in wanted:
            raise PriorError(
                f"{distribution} has no parameter '{name}'",
                expected=f"{distribution}({', '.join(wanted)})",
                advice=near_matches(name, wanted),
            )
    missing = [name for name in wanted if name not in given]
    if missing:
        raise PriorError(
            f"{distribution} is given without {' and '.join(missing)}",
            expected=f"{distribution}({', '.join(wanted)})",
            advice=f'Prior("{distribution}", {", ".join(f"{name}=…" for name in wanted)})',
        )


def _value(distribution: str, name: str, value: Any) -> float | tuple[float, ...]:
    try:
        array = np.asarray(np.nan if isinstance(value, bool | str) else value, dtype=float)
    except (TypeError, ValueError):
        array = np.array(np.nan)
    if array.ndim > 1 or array.size == 0 or not np.isfinite(array).all():
        raise PriorError(
            f"{name} of {distribution} is {value!r}",
            expected="a finite number, or one for each value of the parameter",
            advice=f"{name}=1.0",
        )
    return float(array) if array.ndim == 0 else tuple(float(v) for v in array)


def _check_values(distribution: str, items: Mapping[str, float | tuple[float, ...]]) -> None:
    for name in DISTRIBUTIONS[distribution].positive:
        if np.min(items[name]) <= 0:
            raise PriorError(
                f"{name} of {distribution} is {_short(items[name])}",
                expected="a number above zero",
                advice=f"{name}=1.0; for an all but fixed value, a small one",
            )
    lengths = {len(value) for value in items.values() if isinstance(value, tuple)}
    if len(lengths) > 1 or (distribution == "LKJ" and lengths):
        raise PriorError(
            f"the parameters of {distribution} have {' and '.join(map(str, sorted(lengths)))} values",
            expected="single numbers" if distribution == "LKJ" else "as many values each, or single numbers",
            advice="one number where all values share it",
        )
    if distribution == "Uniform" and np.any(np.asarray(items["lower"]) >= np.asarray(items["upper"])):
        raise PriorError(
            f"Uniform goes from {_short(items['lower'])} to {_short(items['upper'])}",
            expected="lower < upper",
            advice="exchange them",
        )


_SUPPORTS = {
    "fixed": (("real", "positive"), "a distribution of a real number", "Normal or StudentT"),
    "sd": (("positive",), "a distribution above zero", "HalfStudentT, HalfNormal, Exponential or Gamma"),
    "LKJ": (("correlation",), "a distribution of a correlation matrix", 'Prior("LKJ", eta=2)'),
    "Beta": (
        ("unit",),
        "a Beta, of where between their bounds the parameters of its covariance structure lie",
        'Prior("Beta", alpha=2, beta=2)',
    ),
}


def _check_fits(parameter: Parameter, prior: Prior) -> None:
    """Whether the prior's support and size are the parameter's."""
    kind = {"intercept": "fixed", "dispersion": "sd"}.get(parameter.kind, parameter.kind)
    fits, expected, advice = _SUPPORTS[kind if parameter.shape is None else parameter.shape.distribution]
    if prior.support not in fits:
        raise PriorError(f"the prior of '{parameter.name}' is {prior}", expected=expected, advice=advice)
    if prior.size is not None and (parameter.dim is None or prior.size != parameter.size):
        raise PriorError(
            f"the prior of '{parameter.name}' is {prior}, of {prior.size} values",
            expected="single numbers"
            if parameter.dim is None
            else f"{parameter.size} values, or single numbers",
            advice=f"'{parameter.name}' has one value"
            if parameter.dim is None
            else f"one for each label of '{parameter.dim}'",
        )


def _names_nothing(key: object, names: Names) -> PriorError:
    known = [parameter.name for parameter in names.parameters]
    advice = near_matches(key, [*known, *CLASSES])
    if key in CLASSES:
        advice = "drop the key: this model has none of that class"
    for term in names.terms:
        if any(key == effect.sd for effect in term.effects):
            advice = f"'{term.effects[0].sd}', the standard deviation that the term's columns share"
    return PriorError(
        f"priors has the key {key!r}, which names no parameter",
        expected=f"one of {', '.join(map(repr, known))}, or a class: {', '.join(map(repr, CLASSES))}",
        advice=advice,
    )


def _short(value: float | tuple[float, ...]) -> str:
    if isinstance(value, tuple):
        if len(set(value)) == 1:
            return _short(value[0])
        return "[" + ", ".join(_short(v) for v in value) + "]"
    return f"{value:.4g}"


def _written(value: float | tuple[float, ...]) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_written(v) for v in value) + "]"
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
