"""A search knows an objective and its charts, and nothing else: functions that are no likelihood of a model.

Each is a function of covariance matrices G = λ̃λ̃' and of nothing but G, with a minimum that is known without a
search: convex ones, whose minimum over the cone is a projection, and one with two valleys.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bayesmm.covariance import Diagonal, Identity, Unstructured
from bayesmm.errors import ModelError
from bayesmm.search import Objective, judge, minimise
from bayesmm.search.evaluations import Evaluations
from bayesmm.search.hessian import hessian
from bayesmm.search.region import Region


class OfMatrices:
    """f(G₁, G₂, …), given with its derivatives ∂f/∂G and its second derivatives in the direction of matrices.

    Gradient and curvature in x follow from the charts alone.
    """

    n = 1
    cost = 1.0

    def __init__(
        self,
        charts: list,
        f: Callable[[list[np.ndarray]], float],
        slopes: Callable[[list[np.ndarray]], list[np.ndarray]],
        second: Callable[[list[np.ndarray], list[np.ndarray], list[np.ndarray]], float],
        *,
        exact: bool = False,
        start: np.ndarray | None = None,
    ) -> None:
        ends = np.cumsum([chart.size for chart in charts])
        self.blocks = [(slice(end - chart.size, end), chart) for end, chart in zip(ends, charts, strict=True)]
        self.natural = np.concatenate([chart.natural(0.3) for chart in charts])
        self.start = np.concatenate([chart.start for chart in charts]) if start is None else start
        self.exact = exact
        self.asked: list[str] = []
        self._f, self._slopes, self._second = f, slopes, second

    def checked(self, x: np.ndarray) -> np.ndarray:
        if np.shape(x) != self.start.shape:
            raise ModelError("x has another length", expected="one number a parameter", advice="the start")
        return np.asarray(x, dtype=float)

    def matrices(self, x: np.ndarray) -> list[np.ndarray]:
        factors = [chart.factor(x[None, at])[0] for at, chart in self.blocks]
        return [lam @ lam.T for lam in factors]

    def value(self, x: np.ndarray) -> float:
        self.asked.append("value")
        return self._f(self.matrices(x))

    def values(self, x: np.ndarray) -> np.ndarray:
        self.asked.append("values")
        return np.array([self._f(self.matrices(each)) for each in x])

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        self.asked.append("gradient")
        return self._f(self.matrices(x)), self._derivatives(x)[0]

    def with_curvature(self, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        self.asked.append("curvature")
        return self._f(self.matrices(x)), *self._derivatives(x)

    def slopes(self, x: np.ndarray) -> list[np.ndarray]:
        self.asked.append("slopes")
        return self._slopes(self.matrices(x))

    def _derivatives(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        G, S = self.matrices(x), self.slopes(x)
        changes = []
        gradient, bent = np.zeros(len(x)), np.zeros((len(x), len(x)))
        for t, (at, chart) in enumerate(self.blocks):
            for change in chart.slopes(x[at]):
                along = [np.zeros_like(each) for each in G]
                along[t] = change
                changes.append(along)
            gradient[at] = np.einsum("pij,ij->p", chart.slopes(x[at]), S[t])
            bent[at, at] = chart.bend(x[at], S[t])
        second = [[self._second(G, a, b) for b in changes] for a in changes]
        return gradient, bent + np.array(second)


def nearest_to(targets: list[np.ndarray], charts: list, **options: object) -> OfMatrices:
    """½ Σ ‖G_t − target_t‖²: the minimum over the cone is the target without its negative eigenvalues."""
    return OfMatrices(
        charts,
        lambda G: 0.5 * sum(float(np.sum((a - b) ** 2)) for a, b in zip(G, targets, strict=True)),
        lambda G: [a - b for a, b in zip(G, targets, strict=True)],
        lambda G, a, b: sum(float(np.sum(u * v)) for u, v in zip(a, b, strict=True)),
        **options,
    )


def projected(target: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(target)
    return (vectors * np.maximum(values, 0.0)) @ vectors.T


def of_eigenvalues(*values: float, seed: int = 0) -> np.ndarray:
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), len(values))))[0]
    return (Q * np.array(values)) @ Q.T


exact_or_not = pytest.mark.parametrize("exact", [False, True], ids=["differences", "exact"])

TARGETS = {
    "inside": of_eigenvalues(3.0, 1.0, 0.4),
    "one direction beyond the boundary": of_eigenvalues(3.0, 1.0, -0.4),
    "two directions": of_eigenvalues(2.0, -1.0, -0.4),
    "all": of_eigenvalues(-2.0, -1.0, -0.4),
    "close to the boundary": of_eigenvalues(3.0, 1.0, 0.02),
}


@exact_or_not
@pytest.mark.parametrize("name", TARGETS)
def test_the_nearest_covariance_matrix_is_the_projection(name: str, exact: bool):
    target = TARGETS[name]
    objective = nearest_to([target], [Unstructured(3).chart(np.eye(3))], exact=exact)
    found = minimise(objective)
    best = projected(target)
    np.testing.assert_allclose(objective.matrices(found.phi)[0], best, rtol=0, atol=2e-6)
    assert found.criterion == pytest.approx(0.5 * np.sum((best - target) ** 2), abs=1e-9)
    assert not found.saddle
    inside = bool(np.linalg.eigvalsh(target)[0] > 0)
    assert (len(found.boundary_curvature) == 0) == inside
    if not inside:  # at a projection the slope S = G − target has the lost eigenvalues, sign turned
        lost = np.linalg.eigvalsh(target)
        assert found.boundary_curvature == pytest.approx([-lost[lost < 0].max()], abs=1e-5)


def test_diagonal_and_shared_variances_are_those_of_the_diagonal():
    target = np.diag([2.0, -1.0, 0.5])
    target[0, 1] = target[1, 0] = 0.7
    apart = nearest_to([target], [Diagonal(3).chart(np.eye(3))])
    np.testing.assert_allclose(minimise(apart).phi, np.sqrt([2.0, 0.0, 0.5]), atol=1e-7)
    shared = nearest_to([target], [Identity(3).chart(np.eye(3))])
    np.testing.assert_allclose(minimise(shared).phi, [np.sqrt(1.5 / 3)], atol=1e-7)


def test_blocks_are_searched_together_and_each_has_its_boundary():
    targets = [TARGETS["one direction beyond the boundary"], np.array([[-0.3]]), np.array([[1.7]])]
    charts = [Unstructured(3).chart(np.eye(3)), *(Unstructured(1).chart(np.eye(1)) for _ in range(2))]
    found = minimise(nearest_to(targets, charts))
    np.testing.assert_allclose(found.phi[-2:], [0.0, np.sqrt(1.7)], atol=1e-7)
    assert found.boundary_curvature == pytest.approx([0.4, 0.3], abs=1e-5)
    assert not found.saddle


@exact_or_not
def test_a_start_at_zero_is_left_where_a_variance_wants_to_grow(exact: bool):
    """At zero the gradient vanishes; the slope in the matrix says that it isn't a minimum."""
    objective = nearest_to([TARGETS["inside"]], [Unstructured(3).chart(np.eye(3))], exact=exact)
    there = judge(objective, np.zeros(6))
    np.testing.assert_array_equal(there.gradient, np.zeros(6))
    assert there.saddle
    assert there.boundary_curvature == pytest.approx([-3.0])
    found = minimise(objective, np.zeros(6))
    assert not found.saddle
    np.testing.assert_allclose(objective.matrices(found.phi)[0], TARGETS["inside"], atol=2e-6)


def two_valleys(exact: bool) -> OfMatrices:
    """g⁴/4 − (a + b + c)g³/3 + … of one variance g, with minima at a and c and a hill at b between them."""
    a, b, c = 0.1, 1.0, 4.0
    slope = np.polynomial.Polynomial.fromroots([a, b, c])
    whole, bend = slope.integ(), slope.deriv()
    return OfMatrices(
        [Unstructured(1).chart(np.eye(1))],
        lambda G: float(whole(G[0][0, 0])),
        lambda G: [np.array([[slope(G[0][0, 0])]])],
        lambda G, u, v: float(bend(G[0][0, 0]) * u[0][0, 0] * v[0][0, 0]),
        exact=exact,
        start=np.array([np.sqrt(0.2)]),
    )


@exact_or_not
def test_the_scan_finds_the_lower_of_two_valleys(exact: bool):
    objective = two_valleys(exact)
    near = minimise(objective, objective.start)
    assert near.phi[0] ** 2 == pytest.approx(0.1, rel=1e-6)  # a start that is given is followed downhill
    assert "values" not in objective.asked
    found = minimise(objective)
    assert found.phi[0] ** 2 == pytest.approx(4.0, rel=1e-6)
    assert found.starts == ("from another start the search found a lower minimum",)
    objective.cost = 1e9  # where a value is dear there is no scan
    assert minimise(objective).phi[0] ** 2 == pytest.approx(0.1, rel=1e-6)


def test_the_hessian_by_differences_is_the_exact_one():
    G = [TARGETS["inside"]]
    chart = Unstructured(3).chart(np.eye(3))
    x = chart.parameters(np.linalg.cholesky(G[0] + 0.1 * np.eye(3))[None])[0]
    for cost in (1.0, 1e9):  # central, and one-sided where an evaluation is dear
        found = []
        for exact in (True, False):
            objective = nearest_to(G, [chart], exact=exact)
            objective.cost = cost
            found.append(hessian(Evaluations(objective), Region(objective), x))
        np.testing.assert_allclose(found[1], found[0], rtol=0, atol=1e-6 if cost == 1.0 else 5e-3)  # h f‴/2


def test_an_exact_hessian_is_not_formed_by_differences():
    asked = []
    for exact in (True, False):
        objective = nearest_to([TARGETS["inside"]], [Unstructured(3).chart(np.eye(3))], exact=exact)
        found = minimise(objective, objective.start)
        asked.append([objective.asked.count(kind) for kind in ("curvature", "gradient")])
        assert found.evaluations == sum(asked[-1])
    assert asked[0][1] == 0
    assert asked[1][1] >= 2 * 6


def test_what_cannot_be_evaluated_is_a_wall():
    """f is infinite beyond a variance of 2, where its slope points on."""
    objective = OfMatrices(
        [Unstructured(1).chart(np.eye(1))],
        lambda G: -float(G[0][0, 0]) - np.log(2.0 - G[0][0, 0]) if G[0][0, 0] < 2 else np.inf,
        lambda G: [-1.0 + 1.0 / (2.0 - G[0])],
        lambda G, u, v: float(u[0][0, 0] * v[0][0, 0] / (2.0 - G[0][0, 0]) ** 2),
    )
    assert minimise(objective).phi[0] == pytest.approx(1.0, abs=1e-6)


def test_a_start_of_another_length_is_refused_by_the_objective():
    objective: Objective = nearest_to([np.eye(2)], [Unstructured(2).chart(np.eye(2))])
    with pytest.raises(ModelError, match="another length"):
        minimise(objective, np.ones(2))


def test_where_values_are_dear_the_hessian_is_formed_when_it_is_asked_for():
    chart, asked = Unstructured(3).chart(np.eye(3)), {}
    for cost in (1.0, 1e9):
        objective = nearest_to([TARGETS["inside"]], [chart])
        objective.cost = cost
        found = minimise(objective)
        asked[cost] = objective.asked.count("gradient")
        np.testing.assert_allclose(objective.matrices(found.phi)[0], TARGETS["inside"], atol=2e-6)
        exact = nearest_to([TARGETS["inside"]], [chart], exact=True).with_curvature(found.phi)[2]
        np.testing.assert_allclose(found.hessian, exact, rtol=0, atol=1e-6 if cost == 1.0 else 5e-3)
        assert found.expected_decrease < 1e-12
    assert asked[1e9] <= 3 < asked[1.0]


def test_a_saddle_is_told_by_a_hessian_that_is_formed_afterwards():
    """At the hill between two valleys the gradient is zero, and nothing is on the boundary."""
    for cost in (1.0, 1e9):
        objective = two_valleys(exact=False)
        objective.cost = cost
        there = judge(objective, np.array([1.0]))
        assert np.abs(there.gradient).max() < 1e-12
        assert len(there.boundary_curvature) == 0
        assert there.saddle
