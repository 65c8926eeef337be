"""``MixedModel``: formula, design, family and priors, immutable. What is done with it lives further down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from bayesmm.design import Design, build_design
from bayesmm.errors import ModelError, near_matches
from bayesmm.families import FAMILIES, Family
from bayesmm.formula import Formula
from bayesmm.likelihood import MarginalLikelihood, Profiled
from bayesmm.parallel import one_thread
from bayesmm.priors import Prior, chosen_priors, resolve_priors


class MixedModel:
    """A mixed model of data: y = Xβ + Zb + e, b ~ N(0, G), e ~ N(0, σ²W⁻¹).

    Parameters
    ----------
    formula
        lme4's language, ``"Reaction ~ Days + (Days | Subject)"``, or what
        :func:`~bayesmm.formula.from_levels` gives.
    data
        A DataFrame of pandas, polars or a library like them, an Arrow table, or a mapping of columns: one row
        for each observation. It is not changed, and columns of numbers are not copied: pandas copies before
        it writes to them, so that the model stays as it is unless something else writes to a frame's memory.
        Rows with a missing value in any variable of the model are dropped. The levels of a factor are in
        sorted order, and the first is the reference, unless the data say an order: a pandas Categorical, a
        polars Enum and an ordered Arrow dictionary keep theirs.
    family
        ``"gaussian"``.
    link
        A link of the family; None for its default.
    priors
        Parameter name or class (``"fixed"``, ``"sd"``, ``"corr"``) → :class:`~bayesmm.priors.Prior`; what
        is not named keeps its default.
    covariance
        Group name or term label → ``"unstructured"``, ``"diagonal"``, ``"identity"``, ``"cs"``, ``"ar1"``,
        ``"toep"`` (one variance), ``"csh"``, ``"ar1h"`` or ``"toeph"`` (a variance for each column), where
        it is not what the bar says. A formula can say it too: ``ar1(0 + week | id)``.
    weights
        Precision weights w, Var(e_i) = σ²/w_i: a column name or n positive numbers. A pandas Series belongs
        to the rows of its labels. A name is remembered: new data are asked for the same column.
    offset
        A column name or n numbers, added to the linear predictor; as for weights.
    namespace
        Functions and values that the formula may use by name, besides those it knows and the variables that
        stand where the model is made; what they are then is remembered.

    Raises
    ------
    FormulaError, DataError, ModelError, PriorError
        Each says what was got, what was expected and what to try.
    """

    def __init__(
        self,
        formula: str | Formula,
        data: Any,
        family: str = "gaussian",
        link: str | None = None,
        *,
        priors: Mapping[str, Prior] | None = None,
        covariance: Mapping[str, str] | None = None,
        weights: Any = None,
        offset: Any = None,
        namespace: Mapping[str, Any] | None = None,
    ) -> None:
        chosen = _family(family, link)
        with one_thread():
            self._design = build_design(
                formula,
                data,
                family=chosen,
                covariance=covariance,
                weights=weights,
                offset=offset,
                namespace=namespace,
            )
        self._chosen = chosen_priors(self._design, priors)
        self._scaled_to = self._design

    @property
    def formula(self) -> Formula:
        """What the model was built from."""
        return self._design.formula

    @property
    def design(self) -> Design:
        """y, X, Z and their names."""
        return self._design

    @property
    def family(self) -> Family:
        """The response distribution and its link."""
        return self._design.family

    @property
    def priors(self) -> dict[str, Prior]:
        """The prior of every parameter, by its name in the posterior; a copy."""
        return dict(self._priors)

    @cached_property
    def _priors(self) -> dict[str, Prior]:
        with one_thread():
            return resolve_priors(self._scaled_to, self._chosen)

    @cached_property
    def likelihood(self) -> MarginalLikelihood:
        """The marginal likelihood of the variance parameters; formed once, used by every fit and sampler.

        ``.internal(theta)`` and ``.external(phi)`` change between its parameters and lme4's θ.

        Raises
        ------
        ModelError
            If the family isn't exact: b and β can't be integrated out then.
        """
        if not self.family.exact:
            exact = [name for name, family in FAMILIES.items() if family.exact]
            raise ModelError(
                f"the family {self.family.name!r} has no likelihood in closed form",
                expected=f"for an estimate or a sampler of variances alone {', '.join(map(repr, exact))}",
                advice="model.to_pymc(), which keeps all parameters",
            )
        with one_thread():
            return MarginalLikelihood(self.design)

    def objective(self, *, reml: bool = True) -> Profiled:
        """−2 log-likelihood, restricted for REML, of the variance parameters: what an estimate minimises.

        ``.value(phi)`` and ``.value_and_gradient(phi)`` are open to any search.

        Raises
        ------
        ModelError
            If ``reml`` is neither True nor False.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> phi = model.likelihood.internal([0.7525807])
        >>> round(model.objective(reml=False).value(phi), 4)
        327.3271
        """
        return Profiled(self.likelihood, reml=reml)

    def with_response(self, y: Any) -> Self:
        """The same model of another response: design and priors as they are, the priors not scaled anew.

        Parameters
        ----------
        y
            (n,) numbers, on the scale of the response as the formula writes it.

        Raises
        ------
        DataError
            If they are not n finite numbers that vary.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> other = model.with_response(model.design.y / 1000)
        >>> other.priors == model.priors, round(other.fit().sigma / model.fit().sigma, 6)
        (True, 0.001)
        """
        other = object.__new__(type(self))  # what is cached belongs to the old response
        other._chosen, other._scaled_to = self._chosen, self._scaled_to
        other._design = self._design.with_response(y)
        if "likelihood" in self.__dict__:
            other.__dict__["likelihood"] = self.likelihood.with_response(other._design)
        return other


def file_attributes(model: MixedModel, method: str) -> dict[str, Any]:
    """What a reader of a result in a file needs to know of its model, as text and numbers."""
    from importlib.metadata import version

    design = model.design
    return {
        "created_by": "bayesmm",
        "bayesmm_version": version("bayesmm"),
        "formula": design.formula.text,
        "family": model.family.name,
        "link": model.family.link,
        "method": method,
        "n_observations": design.n,
        "groups": json.dumps({name: len(factor) for name, factor in design.factors.items()}),
        "references": json.dumps(dict(design.fixed.references)),
        "codings": json.dumps(dict(design.fixed.codings)),
    }


def _family(name: str, link: str | None) -> Family:
    if not isinstance(name, str) or name not in FAMILIES:
        raise ModelError(
            f"family is {name!r}",
            expected=f"one of {', '.join(map(repr, FAMILIES))}",
            advice=near_matches(name, FAMILIES),
        )
    family = FAMILIES[name]
    if link is not None and link not in family.links():
        raise ModelError(
            f"link is {link!r}",
            expected=f"a link of {name!r}: {', '.join(map(repr, family.links()))}",
            advice="link=None for the default",
        )
    return family(link or family.links()[0])
