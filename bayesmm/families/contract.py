"""What a family promises: the distribution of a response given its linear predictor.

    y_i | η_i ~ p(y | η_i, φ, w_i),    η = Xβ + Zb + offset = g(μ),

with further parameters φ of its own, such as a residual standard deviation. A family is one class in one
file, which says

- which parameters there are, and by which links: the first is the location, the others are its dispersion,
  positive numbers that take a prior (:attr:`Family.parameters`);
- what a response is (:meth:`Family.encode`);
- log p with all constants, and its derivatives (:meth:`Family.log_density`, :meth:`Family.derivatives`);
- draws and moments (:meth:`Family.draw`, :meth:`Family.moments`, :meth:`Family.latent_variance`);
- what default priors are scaled to (:meth:`Family.scales`, :meth:`Family.dispersion_priors`);
- what it is called in PyMC (:meth:`Family.pymc`).

The rest follows: names, priors and prior draws, the PyMC model, predictions, the pointwise log-likelihood,
R². Nothing outside this room and :mod:`bayesmm.design.naming` asks what a family's parameters are.

All functions of η take it on the scale of the link, since that is where they can be computed without loss
(a logit of 40 is a probability of 1 − 4e-18, which is 1), and the dispersions after it, in order, on their
own scale. Arrays are broadcast: η (n,), or (S, n) with dispersions (S, 1) at S draws; y and w are (n,).

Weights mean what :attr:`Family.weighting` says:

``"precision"``
    Var(y_i) = φ²/w_i, for families with a scale: y_i is a mean of w_i observations.
``"trials"``
    y_i successes in w_i trials; the family takes them from the response.
``"replications"``
    Row i stands for w_i rows with the same response: w_i log p_i. A draw is of one of them.

How others would fill it (y, location; dispersions; s = ∂log p/∂η where it is short):

========== ===================================== ============== ==============================================
family     a response, links                     dispersions    remarks
========== ===================================== ============== ==============================================
poisson    counts; log                           none           s = y − μ; latent variance log(1 + 1/μ)
binomial   0/1, two levels, (successes,          none           ``"trials"``; log p by log(1 + e^−|η|);
           failures); logit, probit, cloglog                    s = y − w μ; latent variance π²/3, 1, π²/6
negbinomial counts; log                          alpha          s = (y − μ)α/(α + μ); prior scaled to nothing
gamma      positive; log                         alpha (shape)  s = α(y/μ − 1); ``"precision"``: shape w α
beta       within (0, 1); logit                  phi            second may be positive: see ``derivatives``
student    numbers; identity                     sigma, nu      two dispersions; second may be positive
ordinal    ordered levels; logit, probit         thresholds     ``encode`` gives codes and ``levels``. The
                                                                thresholds are no positive numbers: they are
                                                                coefficients that belong to X, and wait for
                                                                designs with several predictors
========== ===================================== ============== ==============================================
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from bayesmm.families.links import LINKS

WEIGHTINGS = MappingProxyType(
    {
        "precision": "precision weights, Var(e_i) = σ²/w_i",
        "trials": "numbers of trials",
        "replications": "how many rows each row stands for",
    }
)
"""What a family's weights may mean, and what they are then called."""


@dataclass(frozen=True, eq=False)
class Response:
    """A response as a family reads it.

    Attributes
    ----------
    y
        (n,) of float64: numbers, counts, successes, or codes of levels.
    weights
        (n,) where the response itself says how much a row counts, such as trials; otherwise None.
    levels
        The labels of codes, in order; None for numbers.
    """

    y: np.ndarray
    weights: np.ndarray | None = None
    levels: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class ByDispersion:
    """Derivatives by the logarithm of one dispersion, δ = log φ.

    Attributes
    ----------
    value, first, second
        ∂ log p/∂δ, ∂² log p/∂δ∂η and ∂³ log p/∂δ∂η², of the shape of η.
    """

    value: np.ndarray
    first: np.ndarray
    second: np.ndarray


@dataclass(frozen=True, eq=False)
class Derivatives:
    """Derivatives of log p at each row.

    Attributes
    ----------
    first, second, third
        By η, of its shape.
    dispersions
        By each dispersion, in order.
    """

    first: np.ndarray
    second: np.ndarray
    third: np.ndarray
    dispersions: tuple[ByDispersion, ...]


@dataclass(frozen=True)
class Scales:
    """What default priors are scaled to, on the scale of η.

    Attributes
    ----------
    centre
        Where η lies for an average row.
    spread
        How much η may be expected to vary: of coefficients of a column, and of random effects.
    from_zero
        The distance of η from zero, which a model without an intercept has to explain.
    """

    centre: float
    spread: float
    from_zero: float


@dataclass(frozen=True)
class Family(ABC):
    """A response distribution with one of its links.

    Attributes
    ----------
    link
        The link in use, of the location.
    name
        As users write it: ``"gaussian"``.
    parameters
        Name → the links it allows, its default first. The first is the location. The others are positive, and
        are called so in the posterior.
    symbols
        Name → the letter that equations have for it.
    weighting
        What weights mean, one of ``WEIGHTINGS``.
    exact
        Whether b and β can be integrated out in closed form: they can for the normal distribution with its
        identity link.
    discrete, support
        Whether responses are whole numbers, and the interval that they lie in.
    """

    link: str
    name: ClassVar[str]
    parameters: ClassVar[Mapping[str, tuple[str, ...]]]
    symbols: ClassVar[Mapping[str, str]]
    weighting: ClassVar[str] = "replications"
    exact: ClassVar[bool] = False
    discrete: ClassVar[bool] = False
    support: ClassVar[tuple[float, float]] = (-np.inf, np.inf)

    @classmethod
    def links(cls) -> tuple[str, ...]:
        """The links of the location, its default first."""
        return next(iter(cls.parameters.values()))

    @property
    def dispersions(self) -> tuple[str, ...]:
        """The names of the parameters after the location."""
        return tuple(self.parameters)[1:]

    def location(self, eta: Any) -> Any:
        """μ = g⁻¹(η)."""
        return LINKS[self.link].inverse(eta)

    @abstractmethod
    def encode(self, name: str, values: np.ndarray | pd.Series) -> Response:
        """The response as numbers.

        Parameters
        ----------
        name
            What the formula says it is.
        values
            (n,) or (n, m) what its expression gives; a column that isn't numeric as the data have it.

        Raises
        ------
        DataError
            If it can't be the family's, with what to try.
        """

    @abstractmethod
    def fault(self, y: np.ndarray) -> str | None:
        """What keeps numbers (n,) from being a response, to stand behind "is"; None for nothing."""

    @abstractmethod
    def log_density(
        self,
        y: np.ndarray,
        eta: np.ndarray,
        *dispersions: Any,
        weights: np.ndarray | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """log p(y | η, φ, w) with all its constants: −inf, and never nan, however far η is.

        Analytic in η and in the dispersions, so that a complex step can check derivatives.

        Parameters
        ----------
        y
            (n,) responses, as :meth:`encode` gives them.
        eta
            (n,) or (S, n).
        *dispersions
            Each (), (n,) or (S, 1).
        weights
            (n,), see :attr:`weighting`.
        out
            Where to write it; may be ``eta`` itself.
        """

    @abstractmethod
    def derivatives(
        self, y: np.ndarray, eta: np.ndarray, *dispersions: Any, weights: np.ndarray | None = None
    ) -> Derivatives:
        """The derivatives of :meth:`log_density` by η, and those by the dispersions.

        ``second`` is the observed one: it is what belongs into a Laplace approximation, and may be positive
        at some rows where the link isn't the canonical one.
        """

    @abstractmethod
    def draw(
        self,
        rng: np.random.Generator,
        eta: np.ndarray,
        *dispersions: Any,
        weights: np.ndarray | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Draws of responses, of the shape of η; ``out`` may be ``eta`` itself."""

    @abstractmethod
    def moments(
        self, eta: np.ndarray, *dispersions: Any, weights: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The mean and the variance of responses."""

    @abstractmethod
    def latent_variance(
        self, eta: np.ndarray, *dispersions: Any, weights: np.ndarray | None = None
    ) -> np.ndarray:
        """(S,) the variance that the response adds on the scale of η, averaged over the rows.

        What a variance partition sets beside the variances of Xβ and Zb (Nakagawa, Johnson & Schielzeth
        2017).

        Parameters
        ----------
        eta
            (S,) the predictor of an average row.
        *dispersions
            (S,) each.
        """

    @abstractmethod
    def scales(self, y: np.ndarray, offset: np.ndarray | None = None) -> Scales:
        """What default priors are scaled to; numbers of order 1 where η isn't on the response's scale."""

    @abstractmethod
    def dispersion_priors(
        self, y: np.ndarray, weights: np.ndarray | None = None
    ) -> Mapping[str, tuple[str, Mapping[str, float]]]:
        """The default prior of each dispersion: the name of a distribution and its parameters."""

    @abstractmethod
    def pymc(
        self, eta: Any, *dispersions: Any, weights: np.ndarray | None = None
    ) -> tuple[str, dict[str, Any]]:
        """The name of PyMC's distribution of y and its parameters, by arithmetic on arrays of either library.

        Weights that replicate rows aren't part of a distribution and are left to the caller.
        """
