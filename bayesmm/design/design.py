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
from bayesmm.design.face import counted, design_sheet
from bayesmm.design.factor import Factor
from bayesmm.design.frame import check_known, plain_frame
from bayesmm.design.given import Given, by_label
from bayesmm.design.random_term import RandomTerm, khatri_rao
from bayesmm.design.sources import Source
from bayesmm.errors import DataError, near_matches
from bayesmm.formula import Formula
from bayesmm.sheet import Sheet


class Cluster(NamedTuple):
    """One cluster's own equation, y_j = X_j β + Z_j b_j + e_j.

    ``y`` (n_j,), ``X`` (n_j, p), ``Z`` (n_j, k): the columns behind the bars of this grouping factor.
    """

    y: np.ndarray
    X: np.ndarray
    Z: np.ndarray


class RebuiltTerm(NamedTuple):
    """One random term on other data.

    ``group`` its grouping factor, of ``n_levels`` levels; ``codes`` (m,) into them, −1 for a level that was
    not seen; ``Xi`` (m, k) its own model matrix.
    """

    group: str
    n_levels: int
    codes: np.ndarray
    Xi: np.ndarray

    def __repr__(self) -> str:
        return f"RebuiltTerm({self.group!r}: {counted(self.Xi.shape[1], 'column')}, {len(self.codes)} rows)"


class Rebuilt(NamedTuple):
    """The design on other data: ``X`` (m, p), ``offset`` (m,) or None, and the random ``terms``."""

    X: np.ndarray
    offset: np.ndarray | None
    terms: tuple[RebuiltTerm, ...]

    def __repr__(self) -> str:
        return f"Rebuilt(X: {len(self.X)} × {self.X.shape[1]}, terms: {self.terms!r})"

    @property
    def Z(self) -> sparse.csr_array:
        """(m, Σkℓ), sparse; the columns of a level that was not seen are zero."""
        blocks = [sparse.csr_array((len(self.X), 0))]
        blocks += [khatri_rao(term.codes, term.Xi, term.n_levels) for term in self.terms]
        return sparse.csr_array(sparse.hstack(blocks, format="csr"))

    @property
    def unseen(self) -> dict[str, np.ndarray]:
        """Group → (m,) of bool: the rows whose level of that factor was not seen."""
        return {term.group: term.codes < 0 for term in self.terms}


@dataclass(frozen=True, eq=False)
class Design:
    """y, X and Z of a mixed model, y = Xβ + Zb + e.

    Attributes
    ----------
    formula
        What it was built from.
    y
        (n,) the response.
    fixed
        The columns of X with their names, terms and recipe.
    terms
        The random terms, by falling number of levels (lme4's order); Z has their columns in this order.
    weights
        (n,) precision weights w, Var(e_i) = σ²/w_i; None for none.
    offset
        (n,) added to Xβ + Zb with coefficient one; None for none.
    aliased
        Names of columns of X that were dropped because they depend linearly on others.
    index
        The labels of the rows that were used.
    n_dropped
        How many rows were dropped because a variable of the model was missing.
    given
        What was given beside the formula and the data.
    """

    formula: Formula
    y: np.ndarray
    fixed: Columns
    terms: tuple[RandomTerm, ...]
    weights: np.ndarray | None
    offset: np.ndarray | None
    aliased: tuple[str, ...]
    index: pd.Index
    n_dropped: int
    given: Given

    @property
    def response(self) -> str:
        """The response as the formula writes it."""
        return self.formula.response

    @property
    def X(self) -> np.ndarray:
        """(n, p), the fixed-effects model matrix, read-only."""
        return self.fixed.matrix

    @property
    def sources(self) -> tuple[Source, ...]:
        """The p columns of X as the data hold them: what a pass over the rows reads without forming X."""
        return self.fixed.sources

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
        return sparse.csr_array(sparse.hstack([term.Z for term in self.terms], format="csr"))

    @property
    def n(self) -> int:
        """The number of observations."""
        return len(self.y)

    @property
    def p(self) -> int:
        """The number of fixed-effects coefficients."""
        return self.fixed.matrix.shape[1]

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
        return Cluster(self.y[rows], self.X[rows], np.hstack([term.Xi[rows] for term in terms]))

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
        if values.shape != (self.n,) or not np.isfinite(values).all() or np.ptp(values) == 0:
            kind = "not numbers" if values.size == 0 else f"an array of shape {values.shape}"
            if values.shape == (self.n,):
                kind = "the same in every row" if np.isfinite(values).all() else "not finite in places"
            raise DataError(
                f"the new values of '{self.response}' are {kind}",
                expected=f"{self.n} finite numbers that vary, one for each row of the model",
                advice="design.index has the labels of the rows that were used",
            )
        values.flags.writeable = False
        return replace(self, y=values)

    def rebuild(self, data: Any, *, groups: Collection[str] | None = None) -> Rebuilt:
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
        check_finite(self.names, X, complete)
        if offset is not None:
            check_finite(("offset",), offset[:, None], complete)
        terms = []
        for term in terms_wanted:
            Xi, _ = term.recipe.evaluate(frame)
            check_finite(term.columns, Xi, complete)
            terms.append(RebuiltTerm(term.group, len(term.factor), term.factor.recode(data), Xi))
        return Rebuilt(X, offset, tuple(terms))
