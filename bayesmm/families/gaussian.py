"""The normal distribution, by its identity link: the one family whose likelihood is closed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from bayesmm.errors import DataError, DesignNotice
from bayesmm.families.contract import ByDispersion, Derivatives, Family, Response, Scales

LOG_2PI = float(np.log(2 * np.pi))


class Gaussian(Family):
    """y_i ~ Normal(η_i, σ²/w_i).

    Examples
    --------
    >>> mean, variance = Gaussian("identity").moments(np.array([1.0]), 3.0, weights=np.array([9.0]))
    >>> mean.tolist(), variance.tolist()
    ([1.0], [1.0])
    """

    name: ClassVar[str] = "gaussian"
    parameters: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {"mu": ("identity",), "sigma": ("log",)}
    )
    symbols: ClassVar[Mapping[str, str]] = MappingProxyType({"mu": "μ", "sigma": "σ"})
    weighting: ClassVar[str] = "precision"
    exact: ClassVar[bool] = True

    def encode(self, name: str, values: np.ndarray | pd.Series) -> Response:
        """Finite numbers that vary; an array of float64 is taken as it is."""
        if isinstance(values, pd.Series):
            raise _not_numeric(name, str(values.dtype))
        if values.ndim != 1 or values.dtype.kind not in "biuf":
            raise _not_numeric(name, "not one number a row")
        if values.dtype.kind == "b":
            bare = name.strip("`")
            warnings.warn(
                f"the response '{bare}' is true or false, and counts as 1 or 0: its mean is a probability, "
                "and the Gaussian model takes its variance to be the same everywhere",
                DesignNotice,
                stacklevel=5,  # encode, two functions of the design, the model
            )
        y = np.ascontiguousarray(values, dtype=np.float64)
        fault = self.fault(y)
        if fault is not None:
            raise DataError(
                f"the response '{name}' is {fault}",
                expected="finite numbers, and a response that varies",
                advice="check that this is the right column, the transformation (log of 0?), and the filter "
                "that made the data",
            )
        return Response(y)

    def fault(self, y: np.ndarray) -> str | None:
        """Numbers that aren't finite, or don't vary."""
        with np.errstate(all="ignore"):
            finite = np.isfinite(np.dot(y, y)) or np.isfinite(y).all()
        if not finite:
            return f"infinite or not a number in {int((~np.isfinite(y)).sum())} rows"
        return f"{y[0]:g} in all {len(y)} rows" if y[0] == y[-1] and np.ptp(y) == 0 else None

    def log_density(
        self,
        y: np.ndarray,
        eta: np.ndarray,
        *dispersions: Any,
        weights: np.ndarray | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """−w(y − η)²/(2σ²) + ½ log w − log σ − ½ log 2π."""
        (sigma,) = dispersions
        root = 1.0 if weights is None else np.sqrt(weights)
        log_weights = 0.0 if weights is None else np.log(weights)
        found = np.subtract(y, eta, out=out)
        found = np.multiply(found, root / sigma, out=out)
        found = np.square(found, out=out)
        found = np.multiply(found, -0.5, out=out)
        return np.add(found, 0.5 * log_weights - np.log(sigma) - 0.5 * LOG_2PI, out=out)

    def derivatives(
        self, y: np.ndarray, eta: np.ndarray, *dispersions: Any, weights: np.ndarray | None = None
    ) -> Derivatives:
        """By η: w(y − η)/σ², −w/σ², 0; by log σ: −1 + w(y − η)²/σ², −2 w(y − η)/σ², 2 w/σ²."""
        (sigma,) = dispersions
        residual = y - eta
        precision = np.broadcast_to((1.0 if weights is None else weights) / sigma**2, residual.shape)
        first = precision * residual
        by_sigma = ByDispersion(first * residual - 1.0, -2.0 * first, 2.0 * precision)
        return Derivatives(first, -precision, np.zeros_like(first), (by_sigma,))

    def draw(
        self,
        rng: np.random.Generator,
        eta: np.ndarray,
        *dispersions: Any,
        weights: np.ndarray | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """η + (σ/√w) z.

        Examples
        --------
        >>> eta, w = np.zeros((1, 2)), np.array([1.0, 9.0])
        >>> y = Gaussian("identity").draw(np.random.default_rng(1), eta, 3.0, weights=w)
        >>> (y / np.random.default_rng(1).standard_normal((1, 2))).round(12).tolist()
        [[3.0, 1.0]]
        """
        (sigma,) = dispersions
        rows = () if weights is None else weights.shape
        noise = rng.standard_normal(np.broadcast_shapes(np.shape(eta), np.shape(sigma), rows))
        noise *= sigma
        if weights is not None:
            noise /= np.sqrt(weights)
        return np.add(eta, noise, out=out)

    def moments(
        self, eta: np.ndarray, *dispersions: Any, weights: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """η and σ²/w."""
        (sigma,) = dispersions
        return eta, np.broadcast_to(sigma**2 / (1.0 if weights is None else weights), np.shape(eta))

    def latent_variance(
        self, eta: np.ndarray, *dispersions: Any, weights: np.ndarray | None = None
    ) -> np.ndarray:
        """mean_i σ²/w_i."""
        (sigma,) = dispersions
        return sigma**2 * (1.0 if weights is None else float(np.mean(1.0 / weights)))

    def scales(self, y: np.ndarray, offset: np.ndarray | None = None) -> Scales:
        """mean(y − offset), sd(y), rms(y − offset)."""
        explained = y if offset is None else y - offset
        with np.errstate(over="ignore"):
            from_zero = float(np.sqrt(np.mean(explained**2)))
        return Scales(float(np.mean(explained)), float(np.std(y, ddof=1)), from_zero)

    def dispersion_priors(
        self, y: np.ndarray, weights: np.ndarray | None = None
    ) -> Mapping[str, tuple[str, Mapping[str, float]]]:
        """σ ~ HalfStudentT(4, sd(y) √mean(w))."""
        weight = 1.0 if weights is None else float(np.mean(weights))
        return {"sigma": ("HalfStudentT", {"nu": 4.0, "sigma": float(np.std(y, ddof=1)) * np.sqrt(weight)})}

    def pymc(
        self, eta: Any, *dispersions: Any, weights: np.ndarray | None = None
    ) -> tuple[str, dict[str, Any]]:
        """``Normal(mu=η, sigma=σ/√w)``."""
        (sigma,) = dispersions
        return "Normal", {"mu": eta, "sigma": sigma if weights is None else sigma / np.sqrt(weights)}


def _not_numeric(name: str, kind: str) -> DataError:
    return DataError(
        f"the response '{name}' is not numeric ({kind})",
        expected="a number for each row",
        advice="pandas.to_numeric(column), or an integer code; a Gaussian model needs numbers",
    )
