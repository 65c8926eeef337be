"""A search ends at a minimum, boundary included, and the certificate says truly where it ended."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import OptimizeResult, minimize

from bayesmm.datasets import load_data
from bayesmm.likelihood import Profiled
from bayesmm.search import minimise
from tests.estimate.made_up import growth, one_way, search, slopes_only, small_sample

GAP = 1e-6
"""Deviance units that an optimum may lie above a better one."""

both_criteria = pytest.mark.parametrize("reml", [False, True], ids=["ML", "REML"])

SLOPE = "y ~ x + (x | g)"

# what it is | formula | data | words of the singular directions
SINGULAR = {
    "correlation +1": (SLOPE, growth(1.0, 0.5, 1.0, 4), ["the correlation of Intercept and x is +1"]),
    "correlation -1": (SLOPE, growth(1.0, 0.5, -1.0, 4), ["the correlation of Intercept and x is -1"]),
    "no intercept variance": (
        "y ~ x + (x || g)",
        slopes_only(6, 30, 3.0),
        ["the variance of Intercept is zero"],
    ),
    "no slope variance": ("y ~ x + (x || g)", growth(1.0, 0.0, 0.0), ["the variance of x is zero"]),
    "no variance at all": ("y ~ 1 + (1 | g)", one_way(6, 5, 0.4), ["the variance of Intercept is zero"]),
}


@both_criteria
@pytest.mark.parametrize("name", SINGULAR)
def test_a_singular_optimum_is_certified_as_a_normal_answer(name: str, reml: bool):
    formula, data, directions = SINGULAR[name]
    objective, optimum, certificate = search(formula, data, reml=reml)
    assert certificate.ok
    assert certificate.singular
    assert certificate.distance_to_singular == 0.0
    assert "singular" in certificate.verdict
    assert "boundary" in certificate.verdict
    label = objective.likelihood.design.terms[0].label
    assert list(certificate.singular_directions) == [f"({label}): {words}" for words in directions]
    assert certificate.boundary_curvature.min() >= 0
    (advice,) = certificate.advice
    assert ("variances beyond zero" in advice) == ("zero" in directions[0])
    assert ("A correlation at ±1 is a singular covariance matrix" in advice) == (
        "correlation" in directions[0]
    )
    assert "right for this optimum" in advice
    assert_kuhn_tucker(objective, optimum.phi)


@both_criteria
def test_a_minimum_inside_is_certified_as_one(reml: bool):
    objective, optimum, certificate = search("y ~ x + (x | g)", growth(1.0, 0.8, 0.3), reml=reml)
    assert certificate.ok
    assert not certificate.singular
    assert certificate.singular_directions == ()
    assert certificate.distance_to_singular > 0.1
    assert certificate.verdict == "Converged to a minimum inside the parameter space."
    assert certificate.advice == ()
    assert len(certificate.boundary_curvature) == 0
    assert certificate.hessian_eigenvalues.min() > 0
    assert 0 <= certificate.expected_decrease < 1e-6
    assert certificate.gradient_norm < 1e-4
    assert certificate.evaluations < 60
    assert_kuhn_tucker(objective, optimum.phi)


def assert_kuhn_tucker(objective: Profiled, phi: np.ndarray) -> None:
    """At a minimum over covariances G ⪰ 0 the derivative D in G has DG = 0 and, in directions vv', v'Dv ≥ 0.

    For directions that a structure allows: each of the term's parameters moved a little, and, where columns
    may correlate, a little of every rank-one matrix added to each term's G.
    """
    here = objective.value(phi)
    assert np.abs(objective.value_and_gradient(phi)[1]).max() < 1e-3 * objective.n
    rng = np.random.default_rng(0)
    structures = objective.likelihood.variances.structures
    for (at, chart), structure in zip(objective.blocks, structures, strict=True):
        lam = chart.factor(phi[None, at])[0]
        for _ in range(50):
            v = rng.normal(size=structure.k)
            v /= np.linalg.norm(v)
            if not structure.correlated:
                v = np.eye(structure.k)[rng.integers(structure.k)]
            for size in (1e-2, 1e-3):
                G = lam @ lam.T + np.outer(size * v, size * v) + 1e-20 * np.eye(structure.k)
                trial = phi.copy()
                trial[at] = chart.parameters(np.linalg.cholesky(G)[None])[0]
                if structure.name != "identity":
                    assert objective.value(trial) >= here - GAP


@both_criteria
def test_with_columns_that_may_correlate_the_boundary_is_left_in_any_direction(reml: bool):
    """Slopes vary, intercepts don't: the optimum is a correlation of ±1 with a tiny intercept variance."""
    objective, optimum, certificate = search(SLOPE, slopes_only(68, 100, 10.0), reml=reml)
    assert certificate.ok
    assert_kuhn_tucker(objective, optimum.phi)
    assert optimum.criterion <= best_of_descents(objective, 10) + GAP


# The analysis of variance as a referee


@pytest.mark.parametrize(
    ("n_levels", "rows", "ratio"),
    [
        (6, 5, 1.5),
        (6, 5, 30.0),
        (6, 5, 1.01),
        (10, 20, 1.0001),
        (10, 20, 1.0 + 1e-9),
        (10, 20, 0.999),
        (4, 3, 1e8),
        (10, 20_000, 1.02),
        (10, 20_000, 1.5),
        (10, 20_000, 8.0),
        (5, 100_000, 4.0),
    ],
)
def test_the_reml_estimate_of_balanced_one_way_data_is_the_analysis_of_variances(
    n_levels: int, rows: int, ratio: float
):
    objective, optimum, certificate = search("y ~ 1 + (1 | g)", one_way(n_levels, rows, ratio))
    exact = np.sqrt(max(0.0, ratio - 1) / rows)
    assert optimum.criterion <= objective.value(np.array([exact])) + GAP
    assert optimum.phi[0] == pytest.approx(exact, rel=1e-3, abs=0.02 / np.sqrt(rows))
    assert certificate.ok
    if ratio <= 1:
        assert certificate.singular


@pytest.mark.parametrize("ratio", [0.3, 1.7])
def test_the_boundary_curvature_is_the_slope_in_the_variance(ratio: float):
    """For balanced data −2 log L_R = … + (J−1) log(1 + mλ²) + (N−1) log r²(λ²) in closed form."""
    J, m = 8, 6
    certificate = search("y ~ 1 + (1 | g)", one_way(J, m, ratio))[2]
    between, within = ratio * (J - 1), J * (m - 1)
    slope = (J - 1) * m - (J * m - 1) * m * between / (between + within)
    if slope > 0:
        assert certificate.boundary_curvature == pytest.approx([slope], rel=1e-3)
    else:
        assert len(certificate.boundary_curvature) == 0


# Where the search starts


STARTS = {
    "all small": lambda size, low: np.where(low, 1e-3, 0.0),
    "all zero": lambda size, low: np.zeros(size),
    "large": lambda size, low: np.where(low, 30.0, 10.0),
    "wrong sign": lambda size, low: np.where(low, 0.5, -3.0),
    "mixed": lambda size, low: np.where(low, np.resize([20.0, 0.02], size), 0.5),
}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(
    ("formula", "data"),
    [
        ("Reaction ~ Days + (Days | Subject)", "sleepstudy"),
        ("strength ~ 1 + (1 | batch/cask)", "Pastes"),
        ("score ~ Machine + (Machine | Worker)", "Machines"),
        ("Yield ~ 1 + (1 | Batch)", "Dyestuff2"),
        ("diameter ~ 1 + (1 | plate) + (1 | sample)", "Penicillin"),
    ],
)
def test_from_a_bad_start_the_search_comes_to_the_same_optimum(start: str, formula: str, data: str):
    objective, optimum, _ = search(formula, load_data(data))
    bad = STARTS[start](objective.size, objective.likelihood.nonnegative)
    other = minimise(objective, bad)
    assert other.criterion == pytest.approx(optimum.criterion, abs=GAP)
    np.testing.assert_allclose(other.phi, optimum.phi, rtol=0, atol=1e-3 * max(1, np.abs(optimum.phi).max()))


def test_the_given_start_is_not_written_to():
    objective, _, _ = search("y ~ 1 + (1 | g)", one_way(5, 4, 2.0))
    start = np.array([1e-5])
    minimise(objective, start)
    assert start.tolist() == [1e-5]


# Against a search that has nothing in common with ours


def descend(objective: Profiled, start: np.ndarray) -> OptimizeResult:
    """L-BFGS without bounds: the criterion is even in the diagonals, and smooth across zero."""
    return minimize(
        objective.value_and_gradient,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 2000},
    )


def best_of_descents(objective: Profiled, n_starts: int) -> float:
    """The best of L-BFGS from random starts, finished by Nelder and Mead."""
    rng = np.random.default_rng(1)
    starts = [rng.normal(size=objective.size) * np.exp(rng.normal() - 1) for _ in range(n_starts)]
    best = min((descend(objective, start) for start in starts), key=lambda found: found.fun)
    polished = minimize(
        objective.value,
        best.x,
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-11, "maxiter": 3000, "adaptive": True},
    )
    return min(best.fun, polished.fun)


@pytest.mark.parametrize(
    ("seed", "reml"),
    [
        pytest.param(
            seed,
            reml,
            id=f"{seed}-{'REML' if reml else 'ML'}",
        )
        for seed in range(18)
        for reml in (False, True)
    ],
)
def test_the_optimum_is_the_best_that_random_starts_find(seed: int, reml: bool):
    formula, data = small_sample(seed)
    objective, optimum, certificate = search(formula, data, reml=reml)
    assert optimum.criterion <= best_of_descents(objective, 5) + GAP, (formula, certificate.verdict)
    assert certificate.ok


@pytest.mark.slow
def test_among_500_small_samples_no_search_stops_short_and_no_certificate_is_wrong():
    """ML and REML of each; the referee is the best of ten random starts, each descended and polished."""
    short, wrong = [], []
    for seed in range(18, 518):
        formula, data = small_sample(seed)
        for reml in (False, True):
            objective, optimum, certificate = search(formula, data, reml=reml)
            gap = optimum.criterion - best_of_descents(objective, 10)
            if gap > GAP:
                (wrong if certificate.ok else short).append((seed, reml, formula, gap, certificate.verdict))
            elif not certificate.ok:
                wrong.append((seed, reml, formula, gap, certificate.verdict))
    assert short == []
    assert wrong == []
