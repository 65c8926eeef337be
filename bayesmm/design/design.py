"""``Design``: the matrices of a model, y, X and Z, with their names and the recipe that rebuilds them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from bayesmm.design.columns import Columns, check_finite
from bayesmm.design.entrance import as_frame
from bayesmm.design.face import design_sheet
from bayesmm.design.factor import Factor
from bayesmm.design.frame import check_known, plain_frame
from bayesmm.design.given import Given, by_label
from bayesmm.design.random_term import RandomTerm
from bayesmm.design.rows import Rows, TermRows
from bayesmm.design.sources import Source, numbers_of
from bayesmm.errors import DataError, near_matches
from bayesmm.families import Family
from bayesmm.formula import Formula
from bayesmm.sheet import Sheet


class Cluster(NamedTuple):
    """One cluster's own equation, y_j = X_j β + Z_j b_j + e_j.

    ``y`` (n_j,), ``X`` (n_j, p), ``Z`` (n_j, k): the columns behind the bars of this grouping factor.
    """

    y: np.ndarray
    X: np.ndarray
    Z: np.ndarray


@dataclass(frozen=True, eq=False)
class Design:
    """y, X and Z of a mixed model, y = Xβ + Zb + e: a recipe, and the rows that it was made of.

    Attributes
    ----------
    formula
        What it was built from.
    fixed
        The recipe of X: names, terms, codings.
    terms
        The random terms, by falling number of levels (lme4's order); Z has their columns in this order.
    rows
        y, X, Xi, weights, offset and the labels of the rows that were used.
    aliased
        Names of columns of X that were dropped because they depend linearly on others.
    n_dropped
        How many rows were dropped because a variable of the model was missing.
    given
        What was given beside the formula and the data.
    family
        What distribution the response has, by which it was read.
    """

    formula: Formula
    fixed: Columns
    terms: tuple[RandomTerm, ...]
    rows: Rows
    aliased: tuple[str, ...]
    n_dropped: int
    given: Given
    family: Family

    @property
    def response(self) -> str:
        """The response as the formula writes it."""
        return self.formula.response

    @property
    def y(self) -> np.ndarray:
        """(n,) the response, read-only."""
        return self.rows.y

    @property
    def weights(self) -> np.ndarray | None:
        """(n,) precision weights w, Var(e_i) = σ²/w_i; None for none."""
        return self.rows.weights

    @property
    def offset(self) -> np.ndarray | None:
        """(n,) added to Xβ + Zb with coefficient one; None for none."""
        return self.rows.offset

    @property
    def index(self) -> pd.Index:
        """The labels of the rows that were used."""
        return self.rows.index

    @property
    def X(self) -> np.ndarray:
        """(n, p), the fixed-effects model matrix, read-only; written out when it is first asked for."""
        return self.rows.X

    @property
    def sources(self) -> tuple[Source, ...]:
        """The p columns of X as the data hold them: what a pass over the rows reads without forming X."""
        return self.rows.fixed.sources

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the p columns of X."""
        return self.fixed.names

    @property
    def variables(self) -> frozenset[str]:
        """The columns of the data that the model uses; names of functions and constants aside."""
        right = self.fixed.variables.union(*(term.variables for term in self.terms))
        return right | (self.formula.variables - self.formula.predictors)

    @property
    def Z(self) -> sparse.csr_array:
        """(n, Σ kℓ), the random-effects model matrix, sparse; built on demand."""
        return self.rows.Z

    @property
    def n(self) -> int:
        """The number of observations."""
        return len(self.rows)

    @property
    def p(self) -> int:
        """The number of fixed-effects coefficients."""
        return len(self.fixed.names)

    @property
    def q(self) -> int:
        """The number of random effects, Σ kℓ."""
        return sum(term.k * len(term.factor) for term in self.terms)

    @property
    def factors(self) -> dict[str, Factor]:
        """The grouping factors by name, each once."""
        return {term.group: term.factor for term in self.terms}

    @property
    def facts(self) -> dict[str, str]:
        """What a reader of any result has to know: rows used and dropped, codings, aliased columns."""
        rows = f"{self.n}" + (f" ({self.n_dropped} dropped: missing values)" if self.n_dropped else "")
        references = ", ".join(f"{name} = {level}" for name, level in self.fixed.references.items())
        codings = ", ".join(f"{name}: {coding}" for name, coding in self.fixed.codings.items())
        aliased = f"{', '.join(self.aliased)} (dropped)" if self.aliased else ""
        found = {"Rows": rows, "Reference": references, "Contrasts": codings, "Aliased": aliased}
        return {label: text for label, text in found.items() if text}

    def describe(self) -> Sheet:
        """The design as a page: sizes, random terms, first rows.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")).design
        Design of a linear mixed model
        ...
        First 5 rows: y, X and the levels
           Yield  Intercept  Batch
        0   1545          1  A
        1   1440          1  A
        2   1440          1  A
        3   1520          1  A
        4   1580          1  A
        """
        return design_sheet(self)

    def __repr__(self) -> str:
        return str(self.describe())

    def _repr_html_(self) -> str:
        return self.describe()._repr_html_()

    def terms_of(self, group: str) -> tuple[RandomTerm, ...]:
        """The random terms of one grouping factor.

        Raises
        ------
        DataError
            If the model has no such grouping factor.
        """
        found = tuple(term for term in self.terms if term.group == group)
        if not found:
            raise DataError(
                f"the model has no grouping factor {group!r}",
                expected=f"one of {', '.join(map(repr, self.factors))}",
                advice=near_matches(group, self.factors),
            )
        return found

    def cluster(self, group: str, level: Any) -> Cluster:
        """The rows of one cluster: y_j, X_j and Z_j of y_j = X_j β + Z_j b_j + e_j.

        Parameters
        ----------
        group
            The name of a grouping factor.
        level
            One of its levels, in the type that the data have.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
        >>> model.design.cluster("Subject", 309).Z[:2]
        array([[1., 0.],
               [1., 1.]])
        """
        terms = self.terms_of(group)
        rows = np.flatnonzero(terms[0].factor.codes == terms[0].factor.code_of(level))
        Z = np.hstack([term.matrix.rows(rows) for term in terms])
        return Cluster(self.y[rows], self.rows.fixed.rows(rows), Z)

    def with_response(self, y: Any) -> Design:
        """The same design with another response: X, Z, weights and offset are shared, nothing is changed.

        Parameters
        ----------
        y
            (n,) finite numbers that vary, on the scale of the response as the formula writes it: for
            ``log(time) ~ …`` the logarithms. A pandas Series belongs to the rows of its labels.

        Raises
        ------
        DataError
            If they are something else.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> design = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")).design
        >>> other = design.with_response(design.y / 1000)
        >>> float(other.y[0]), float(design.y[0]), other.X is design.X
        (1.545, 1545.0, True)
        """
        if isinstance(y, pd.Series):
            y = by_label(y, f"the new values of '{self.response}'", self.index)
        try:
            values = np.array(y, dtype=float)
        except (TypeError, ValueError):
            values = np.empty(0)
        fault = "not numbers" if values.size == 0 else f"an array of shape {values.shape}"
        if values.shape == (self.n,):
            fault = self.family.fault(values)
        if fault is not None:
            raise DataError(
                f"the new values of '{self.response}' are {fault}",
                expected=f"{self.n} numbers that could be a response, one for each row of the model",
                advice="design.index has the labels of the rows that were used",
            )
        values.flags.writeable = False
        return replace(self, rows=replace(self.rows, y=values))

    def rebuild(self, data: Any, *, groups: Collection[str] | None = None) -> Rows:
        """The same columns on other data: remembered transforms and levels; unseen levels are flagged.

        A missing value gives missing numbers in its own row, a missing level counts as not seen.

        Parameters
        ----------
        data
            m rows with the columns that the right-hand side uses; the response isn't needed.
        groups
            The grouping factors whose terms are wanted; None for all. What only the others use may be left
            out of the data.

        Raises
        ------
        DataError
            If a variable is missing from the data, a factor in X has a level that was not seen, or a column
            is infinite or, where nothing is missing, not a number.
        """
        data = as_frame(data)
        wanted = set(self.factors) if groups is None else set(groups)
        terms_wanted = [term for term in self.terms if term.group in wanted]
        needed = self.fixed.variables.union(*(term.variables for term in terms_wanted))
        frame = plain_frame(data, check_known(data, needed))
        complete = ~frame.isna().to_numpy().any(axis=1)
        X, offset = self.fixed.evaluate(frame)
        check_finite(self.names, X.sources, complete)
        if offset is not None:
            check_finite(("offset",), (numbers_of(offset),), complete)
        terms = []
        for term in terms_wanted:
            Xi, _ = term.recipe.evaluate(frame)
            check_finite(term.columns, Xi.sources, complete)
            terms.append(TermRows(term.factor, Xi, term.factor.recode(data)))
        return Rows(X, tuple(terms), offset, None, frame.index)
