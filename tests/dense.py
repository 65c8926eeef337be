"""The model's algebra in dense matrices, as directly as it can be written: the twin of every fast form.

With V = Z G Z' + σ²W⁻¹ formed in full, y ~ N(Xβ + offset, V). Nothing here is shared with the package: a
design gives its arrays (y, X, the terms' Xi and codes), and Z is written out row by row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, stats

from bayesmm.design import Design

LOG_2PI = np.log(2 * np.pi)


@dataclass(frozen=True)
class DenseModel:
    """y (n,) without its offset, X (n, p), each term's Z (n, kℓ) level by level, k and ℓ, weights (n,)."""

    y: np.ndarray
    X: np.ndarray
    Z: tuple[np.ndarray, ...]
    k: tuple[int, ...]
    n_levels: tuple[int, ...]
    weights: np.ndarray

    @classmethod
    def of(cls, design: Design) -> DenseModel:
        offset = 0.0 if design.offset is None else design.offset
        return cls(
            y=design.y - offset,
            X=design.X,
            Z=tuple(row_by_row(t.factor.codes, t.Xi, len(t.factor)) for t in design.terms),
            k=tuple(t.k for t in design.terms),
            n_levels=tuple(len(t.factor) for t in design.terms),
            weights=np.ones(design.n) if design.weights is None else design.weights,
        )

    @property
    def n(self) -> int:
        return len(self.y)

    @property
    def p(self) -> int:
        return self.X.shape[1]

    def relative_covariance(self, factors: tuple[np.ndarray, ...]) -> np.ndarray:
        """V/σ² = Σ_t Z_t (I ⊗ λ_tλ_t') Z_t' + W⁻¹; complex if a factor is."""
        V = np.diag(1 / self.weights).astype(np.result_type(float, *factors))
        for Z, lam, n_levels in zip(self.Z, factors, self.n_levels, strict=True):
            V += Z @ np.kron(np.eye(n_levels), lam @ lam.T) @ Z.T
        return V

    def covariance(self, factors: tuple[np.ndarray, ...], sigma: float) -> np.ndarray:
        """V."""
        return sigma**2 * self.relative_covariance(factors)

    def coefficients(self, V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """β̂ = (X'V⁻¹X)⁻¹X'V⁻¹y and (X'V⁻¹X)⁻¹, through the Cholesky factor of V and a QR."""
        if self.p == 0:
            return np.zeros(0), np.zeros((0, 0))
        L = linalg.cholesky(V, lower=True)
        X, y = (linalg.solve_triangular(L, a, lower=True) for a in (self.X, self.y))
        Q, R = linalg.qr(X, mode="economic")
        inverse = linalg.solve_triangular(R, np.eye(self.p))
        return inverse @ (Q.T @ y), inverse @ inverse.T

    def loglik(self, V: np.ndarray, *, reml: bool) -> float:
        """log N(y; Xβ̂, V), or with β integrated out under a flat prior, log ∫ N(y; Xβ, V) dβ."""
        beta, inverse = self.coefficients(V)
        covariance = stats.Covariance.from_cholesky(linalg.cholesky(V, lower=True))
        loglik = float(stats.multivariate_normal(self.X @ beta, covariance).logpdf(self.y))
        if reml and self.p:
            loglik += 0.5 * self.p * LOG_2PI + 0.5 * float(np.linalg.slogdet(inverse)[1])
        return loglik

    def profiled(self, factors: tuple[np.ndarray, ...], *, reml: bool) -> complex:
        """−2 loglik with σ² at its best, for complex factors too: transposes only, no conjugates."""
        V = self.relative_covariance(factors)
        A = np.column_stack([self.X, self.y])
        gram = A.T @ np.linalg.solve(V, A)
        C, c = gram[:-1, :-1], gram[:-1, -1]
        r2 = gram[-1, -1] - (c @ np.linalg.solve(C, c) if self.p else 0.0)
        m = self.n - self.p if reml else self.n
        value = log_det(V) + m * (1 + LOG_2PI + np.log(r2 / m))
        return value + log_det(C) if reml and self.p else value

    def conditional(
        self, factors: tuple[np.ndarray, ...], sigma: float, beta: np.ndarray
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """E[b | y] (ℓ, k) and Var[b | y] (ℓ, k, k) of each term, β given: the normal's conditional law."""
        Z = np.hstack(self.Z)
        G = sigma**2 * linalg.block_diag(
            *(np.kron(np.eye(m), lam @ lam.T) for lam, m in zip(factors, self.n_levels, strict=True))
        )
        V = self.covariance(factors, sigma)
        gain = G @ Z.T @ np.linalg.inv(V)
        mean, covariance = gain @ (self.y - self.X @ beta), G - gain @ Z @ G
        means, covariances, at = [], [], 0
        for k, m in zip(self.k, self.n_levels, strict=True):
            means.append(mean[at : at + k * m].reshape(m, k))
            blocks = [covariance[i : i + k, i : i + k] for i in range(at, at + k * m, k)]
            covariances.append(np.array(blocks))
            at += k * m
        return means, covariances


def row_by_row(codes: np.ndarray, Xi: np.ndarray, n_levels: int) -> np.ndarray:
    """Z (n, kℓ), dense: row i holds Xi[i] in the k columns of its own level."""
    n, k = Xi.shape
    Z = np.zeros((n, k * n_levels))
    for i in range(n):
        Z[i, codes[i] * k : (codes[i] + 1) * k] = Xi[i]
    return Z


def log_det(A: np.ndarray) -> complex:
    """log|A| of a matrix that may be complex, near a positive definite real one."""
    lu, _ = linalg.lu_factor(A)
    pivots = np.diag(lu)
    # The determinant is positive, so the pivots with a negative sign (row exchanges make them) cancel.
    return np.sum(np.log(np.where(pivots.real < 0, -pivots, pivots)))
