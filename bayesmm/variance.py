"""Shares of the variance: R² and the variance partition coefficients, from parameters to numbers.

With the parts

    fixed     Var_i(x_i'β),
    group g   mean_i z_ig'G_g z_ig = tr(G_g Z_g'Z_g/n), over all of the group's terms,
    residual  mean_i σ²/w_i,

averaged over the n rows of the data (Nakagawa & Schielzeth 2013; Johnson 2014 for random slopes; Nakagawa,
Johnson & Schielzeth 2017), the marginal R² is fixed/total, the conditional R² (fixed + groups)/total, and the
variance partition coefficient of a group its part of groups + residual. An offset is known: it counts neither
as explained nor as unexplained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bayesmm.design import Design

R2_KINDS = ("marginal", "conditional", "fitted")
"""What may count as explained: the fixed part; and the random effects; the fitted values themselves."""


@dataclass(frozen=True, eq=False)
class VarianceParts:
    """The parts of the response's variance at S draws or estimates.

    Attributes
    ----------
    fixed, residual
        (S,) the variance of Xβ over the rows, and the mean residual variance.
    groups
        Grouping factor → (S,) the mean variance of its effects.
    """

    fixed: np.ndarray
    groups: Mapping[str, np.ndarray]
    residual: np.ndarray

    @property
    def random(self) -> np.ndarray:
        """(S,) the parts of all groups together."""
        return np.sum(list(self.groups.values()), axis=0)

    @property
    def marginal_r2(self) -> np.ndarray:
        """(S,) the share of the fixed part."""
        return self.fixed / (self.fixed + self.random + self.residual)

    @property
    def conditional_r2(self) -> np.ndarray:
        """(S,) the share of the fixed part and the random effects."""
        explained = self.fixed + self.random
        return explained / (explained + self.residual)

    @property
    def icc(self) -> dict[str, np.ndarray]:
        """Grouping factor → (S,) its share of what the fixed part leaves."""
        left = self.random + self.residual
        return {group: part / left for group, part in self.groups.items()}


def variance_parts(
    design: Design, beta: np.ndarray, covariances: Sequence[np.ndarray], *dispersions: np.ndarray
) -> VarianceParts:
    """The parts of the variance.

    Parameters
    ----------
    design
        The rows over which variances are averaged.
    beta
        (S, p) coefficients.
    covariances
        G (S, k, k) of each term.
    *dispersions
        (S,) each, of the family: residual standard deviations.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.design import build_design
    >>> design = build_design("Yield ~ 1 + (1 | Batch)", load_data("Dyestuff"))
    >>> parts = variance_parts(design, np.array([[1500.0]]), [np.array([[[30.0]]])], np.array([3.0]))
    >>> parts.icc["Batch"].round(3), parts.marginal_r2
    (array([0.769]), array([0.]))
    """
    groups: dict[str, np.ndarray] = {}
    for term, G in zip(design.terms, covariances, strict=True):
        part = np.einsum("sij,ij->s", G, term.Xi.T @ term.Xi / design.n)
        groups[term.group] = groups[term.group] + part if term.group in groups else part
    means = design.X.mean(axis=0)
    away = design.X - means
    fixed = np.einsum("si,ij,sj->s", beta, away.T @ away / (design.n - 1), beta)
    return VarianceParts(fixed, groups, residual_variance(design, beta @ means, *dispersions))


def residual_variance(design: Design, linear: np.ndarray, *dispersions: np.ndarray) -> np.ndarray:
    """(S,) what the family adds, for the Gaussian mean_i σ²/w_i.

    Parameters
    ----------
    linear
        (S,) Xβ + Zb of an average row, without the offset.
    *dispersions
        (S,) each, of the family.
    """
    eta = linear + (0.0 if design.offset is None else float(design.offset.mean()))
    return design.family.latent_variance(eta, *dispersions, weights=design.weights)
