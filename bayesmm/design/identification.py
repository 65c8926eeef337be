"""What the data alone can't tell apart, whatever the response is: a matter of Z."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesmm.design.design import Design
from bayesmm.design.random_term import RandomTerm
from bayesmm.design.rank import aliased_sources
from bayesmm.design.sources import ModelMatrix
from bayesmm.errors import DataError


def saturated_term(design: Design) -> RandomTerm | None:
    """A term with as many random effects as there are rows: its variances can't be told from σ².

    That is a grouping factor with one row a level, or columns that take all rows and whose covariance takes
    the residuals' variance in. (The correlations of ``ar1`` part the two: those of residuals don't fall.)
    """
    for term in design.terms:
        takes_noise = term.covariance.takes_noise and term.k * len(term.factor) >= design.n
        if takes_noise or len(term.factor) >= design.n:
            return term
    return None


def check_identified(design: Design) -> None:
    """Whether likelihoods alone can tell the variances apart; with priors there is nothing to check.

    Raises
    ------
    DataError
        If a term has as many random effects as there are rows.
    """
    term = saturated_term(design)
    if term is None:
        return
    sample = "model.sample(), where priors tell them apart"
    if len(term.factor) >= design.n:
        raise DataError(
            f"the grouping factor '{term.group}' has {len(term.factor)} levels in {design.n} rows",
            expected="fewer levels than rows, or its effects can't be told from the residuals",
            advice=f"a coarser grouping factor, or {sample}",
        )
    raise DataError(
        f"({term.label}) has {term.k} columns × {len(term.factor)} levels = {term.k * len(term.factor)} "
        f"random effects and {design.n} rows",
        expected="fewer random effects than rows, or the variances can't be told apart",
        advice=f"a simpler term, such as (1 | {term.group}), || for uncorrelated effects, or {sample}",
    )


def unidentified(design: Design) -> tuple[str, ...]:
    """Sentences on what only priors can tell apart.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.design import build_design
    >>> sleep = load_data("sleepstudy")
    >>> unidentified(build_design("Reaction ~ Days + (Days + I(2 * Days) | Subject)", sleep))
    ('The columns of (Days + I(2 * Days) | Subject) are linearly dependent: only priors tell their ...',)
    """
    found = []
    saturated = saturated_term(design)
    if saturated is not None:
        effects = saturated.k * len(saturated.factor)
        found.append(
            f"({saturated.label}) has {effects} random effects in {design.n} rows: only priors tell "
            "their variance from the residual variance."
        )
    found += [
        f"The columns of ({term.label}) are linearly dependent: only priors tell their variances apart."
        for term in design.terms
        if aliased_sources(term.matrix)
    ]
    found += [
        f"The variance of '{column}' in ({term.label}) can't be told from those of ({other.label}), whose "
        "columns add up to it, but by priors."
        for term, column, other in spanned_columns(design.terms)
    ]
    return tuple(found)


def spanned_columns(terms: Sequence[RandomTerm]) -> list[tuple[RandomTerm, str, RandomTerm]]:
    """(term, column, other): columns whose variance another term's covariance takes in.

    They have a variance of their own, and are linear combinations of the other term's columns. In lme4's
    ``(f || g)`` the intercept is one, beside the indicators of the factor f, which may have any covariance;
    ``cs`` and ``toep`` take an intercept in too.
    """
    found = []
    for other in terms:
        same = [term for term in terms if term is not other and term.group == other.group]
        if not other.covariance.correlated:
            continue
        for term in same:
            aliased = aliased_sources(ModelMatrix(other.matrix.n, (*other.sources, *term.sources)))
            for i in (i - other.k for i in aliased if i >= other.k):
                alone = term.covariance.sds.count(term.covariance.sds[i]) == 1
                weights = np.linalg.lstsq(other.Xi, term.Xi[:, i], rcond=None)[0]
                if alone and other.covariance.absorbs(weights):
                    found.append((term, term.columns[i], other))
    return found
