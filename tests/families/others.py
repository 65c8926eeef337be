"""Two families that the package doesn't have: the contract tests run on them as on its own."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from scipy import special

from bayesmm.errors import DataError
from bayesmm.families import ByDispersion, Derivatives, Family, Response, Scales
from bayesmm.families.gaussian import Gaussian


class Poisson(Family):
    """Counts, y ~ Poisson(e^η); a row's weight is how often it stands there."""

    name: ClassVar[str] = "poisson"
    parameters: ClassVar[Mapping[str, tuple[str, ...]]] = {"mu": ("log",)}
    symbols: ClassVar[Mapping[str, str]] = {"mu": "μ"}
    discrete: ClassVar[bool] = True
    support: ClassVar[tuple[float, float]] = (0, np.inf)

    def encode(self, name, values):
        y = np.asarray(values)
        if y.ndim != 1 or y.dtype.kind not in "iuf" or self.fault(y) is not None:
            raise DataError(f"'{name}' isn't a count", expected="0, 1, 2, …", advice="another family")
        return Response(y.astype(float))

    def fault(self, y):
        return None if ((y >= 0) & (y == np.floor(y))).all() else "no count in places"

    def log_density(self, y, eta, *dispersions, weights=None, out=None):
        found = y * eta - np.exp(eta) - special.gammaln(y + 1)
        return np.multiply(found, 1.0 if weights is None else weights, out=out)

    def derivatives(self, y, eta, *dispersions, weights=None):
        w = 1.0 if weights is None else weights
        mu = np.exp(eta)
        return Derivatives(w * (y - mu), -w * mu, -w * mu, ())

    def draw(self, rng, eta, *dispersions, weights=None, out=None):
        drawn = rng.poisson(np.exp(eta)).astype(float)
        if out is None:
            return drawn
        out[...] = drawn
        return out

    def moments(self, eta, *dispersions, weights=None):
        return np.exp(eta), np.exp(eta)

    def latent_variance(self, eta, *dispersions, weights=None):
        return np.log1p(np.exp(-eta))

    def scales(self, y, offset=None):
        centre = float(np.log(np.mean(y)) - (0.0 if offset is None else np.mean(offset)))
        return Scales(centre, 1.0, abs(centre))

    def dispersion_priors(self, y, weights=None):
        return {}

    def pymc(self, eta, *dispersions, weights=None):
        return "Poisson", {"mu": np.exp(eta)}


class Student(Gaussian):
    """y ~ η + (σ/√w) t_ν: two dispersions, and a log density that isn't concave."""

    name: ClassVar[str] = "student"
    parameters: ClassVar[Mapping[str, tuple[str, ...]]] = Gaussian.parameters | {"nu": ("log",)}
    symbols: ClassVar[Mapping[str, str]] = Gaussian.symbols | {"nu": "ν"}
    exact: ClassVar[bool] = False

    def log_density(self, y, eta, *dispersions, weights=None, out=None):
        sigma, nu = dispersions
        scale = sigma if weights is None else sigma / np.sqrt(weights)
        constant = special.loggamma((nu + 1) / 2) - special.loggamma(nu / 2) - 0.5 * np.log(np.pi * nu)
        z2 = ((y - eta) / scale) ** 2
        return np.add(constant - np.log(scale), -(nu + 1) / 2 * np.log1p(z2 / nu), out=out)

    def derivatives(self, y, eta, *dispersions, weights=None):
        sigma, nu = dispersions
        scale2 = np.square(sigma) / (1.0 if weights is None else weights)
        r = y - eta
        a = nu * scale2  # log p = … − (ν + 1)/2 log(a + r²)
        q = a + r**2
        first = (nu + 1) * r / q
        second = (nu + 1) * (r**2 - a) / q**2
        third = (nu + 1) * 2 * r * (r**2 - 3 * a) / q**3
        by_sigma = ByDispersion(
            -1 + (nu + 1) * r**2 / q,
            -2 * a * first / q,
            (nu + 1) * 2 * a * (a - 3 * r**2) / q**3,
        )
        digammas = special.digamma((nu + 1) / 2) - special.digamma(nu / 2)
        own = 0.5 * digammas - 0.5 / nu - 0.5 * np.log1p(r**2 / a) + 0.5 * (nu + 1) / nu * r**2 / q
        by_nu = ByDispersion(
            nu * own,
            nu * (first / (nu + 1) - scale2 * first / q),
            nu * (second / (nu + 1) + (nu + 1) * scale2 * (a - 3 * r**2) / q**3),
        )
        return Derivatives(first, second, third, (by_sigma, by_nu))

    def draw(self, rng, eta, *dispersions, weights=None, out=None):
        sigma, nu = dispersions
        scale = sigma if weights is None else sigma / np.sqrt(weights)
        shape = np.broadcast_shapes(np.shape(eta), np.shape(scale), np.shape(nu))
        return np.add(eta, scale * rng.standard_t(nu, shape), out=out)

    def moments(self, eta, *dispersions, weights=None):
        sigma, nu = dispersions
        variance = np.square(sigma) * nu / (nu - 2) / (1.0 if weights is None else weights)
        return eta, np.broadcast_to(variance, np.shape(eta))

    def latent_variance(self, eta, *dispersions, weights=None):
        sigma, nu = dispersions
        return super().latent_variance(eta, sigma * np.sqrt(nu / (nu - 2)), weights=weights)

    def dispersion_priors(self, y, weights=None):
        return dict(super().dispersion_priors(y, weights)) | {"nu": ("Gamma", {"alpha": 2.0, "beta": 0.1})}

    def pymc(self, eta, *dispersions, weights=None):
        sigma, nu = dispersions
        _, scales = super().pymc(eta, sigma, weights=weights)
        return "StudentT", {"nu": nu} | scales
