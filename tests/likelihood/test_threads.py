"""Who else computes doesn't matter: one model in several threads, and BLAS as a user's process has it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from threadpoolctl import threadpool_info, threadpool_limits

import bayesmm as bmm
from bayesmm.blocks import layout_of
from bayesmm.blocks.kernels.batch import evaluate_many
from bayesmm.likelihood import Profiled
from bayesmm.parallel import one_thread

THREADS = 4


def school() -> pd.DataFrame:
    """Pupils in schools and in crossed neighbourhoods: the tail is large enough for BLAS to want threads."""
    rng = np.random.default_rng(1)
    n, schools, areas = 1500, 40, 70
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "school": rng.integers(0, schools, n),
            "area": rng.integers(0, areas, n),
        }
    )
    effects = rng.normal(0, [0.6, 0.3], (schools, 2))[frame["school"]]
    frame["y"] = effects[:, 0] + frame["x"] * (0.5 + effects[:, 1]) + rng.normal(0, 1, n)
    frame["y"] += rng.normal(0, 0.4, areas)[frame["area"]]
    return frame


FORMULA = "y ~ x + (x | school) + (1 | area)"


@pytest.fixture(scope="module")
def model() -> bmm.Model:
    return bmm.Model(FORMULA, school())


def together(call: Callable[[], Any]) -> list[Any]:
    """What each of several threads gets that call at the same moment."""
    barrier = Barrier(THREADS)

    def work(_: int) -> Any:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, range(THREADS)))


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_the_last_thread_out_sets_blas_back():
    """The first to enter leaves first, in a thread that lives on; threads of the user's hold it meanwhile."""
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
            first, second = one_thread(), one_thread()
            one.submit(first.__enter__).result()
            assert blas_threads() == {1}
            other.submit(second.__enter__).result()
            one.submit(first.__exit__, None, None, None).result()
            assert blas_threads() == {1}
            other.submit(second.__exit__, None, None, None).result()
            assert blas_threads() == before
            other.submit(lambda: threadpool_limits(limits=1, user_api="blas").__enter__()).result()
            assert blas_threads() == {1}  # nobody is kept from setting it
        threadpool_limits(limits=2, user_api="blas")


def fitted(estimate: bmm.Estimate) -> np.ndarray:
    return np.concatenate([[estimate.criterion, estimate.sigma], estimate.theta, estimate.beta])


def test_fits_of_one_model_in_threads_are_the_fit(model: bmm.Model):
    alone = fitted(model.fit())
    for estimate in together(model.fit):
        assert_array_equal(fitted(estimate), alone)


def test_profiles_of_one_estimate_in_threads_are_the_profile(model: bmm.Model):
    estimate = model.fit(reml=False)

    def ends() -> np.ndarray:
        return np.array(estimate.profile("sigma", prob=0.96).interval())

    alone = ends()
    for found in together(ends):
        assert_array_equal(found, alone)


def test_every_evaluation_in_threads_is_the_evaluation(model: bmm.Model):
    likelihood = model.likelihood
    rng = np.random.default_rng(2)
    points = np.abs(rng.normal(0.3, 0.2, (8, likelihood.size)))

    restricted, ml = Profiled(likelihood, reml=True), Profiled(likelihood, reml=False)

    def evaluated() -> np.ndarray:
        found = [restricted.values(points)]
        for phi in points:
            solution = restricted.solution(phi)
            found += [
                np.array([ml.value(phi), restricted.relative_sigma(phi)]),
                restricted.value_and_gradient(phi)[1],
                restricted.with_curvature(phi)[2],
                *ml.slopes(phi),
                likelihood.log_r2_gradient(phi),
                *likelihood.conditional_covariances(phi, sigma=1.0),
                solution.beta,
                solution.vcov,
                *solution.effects,
            ]
        return np.concatenate([np.ravel(part) for part in found])

    alone = evaluated()
    for found in together(evaluated):
        assert_array_equal(found, alone)


def test_posteriors_of_one_model_in_threads_are_the_posterior():
    model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))

    def sampled() -> np.ndarray:
        posterior = model.sample(draws=500, random_seed=1, progressbar=False)
        left_out = [posterior.loo("Batch").elpd, posterior.loo().elpd]
        return np.append(posterior.data["posterior"]["1|Batch_sigma"].to_numpy(), left_out)

    alone = sampled()
    for found in together(sampled):
        assert_array_equal(found, alone)


UNPINNED = """
from threadpoolctl import threadpool_info
import numpy as np
import bayesmm as bmm
from bayesmm.likelihood import marginal
from tests.likelihood.test_threads import FORMULA, fitted, school, together

def threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

def spied(call):
    def inner(*args, **options):
        seen.update(threads())
        return call(*args, **options)
    return inner

assert threads() == {2}, threads()
seen = set()
for name in ("one_pass", "coordinates_of", "cross_product_of", "layout_of", "Factorization"):
    setattr(marginal, name, spied(getattr(marginal, name)))
model = bmm.Model(FORMULA, school())
model.objective(reml=True).value(model.likelihood.start)
assert seen == {1}, seen
alone = fitted(model.fit())
for estimate in together(model.fit):
    assert np.array_equal(fitted(estimate), alone)
assert threads() == {2}, threads()
"""


def test_where_nothing_holds_blas_the_likelihood_does():
    """Forming it and each evaluation run on one thread; afterwards the process has as many as before."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", UNPINNED], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_threads_may_be_the_first_to_use_a_layout(model: bmm.Model):
    """Its arrays are laid out when they are first needed: by each of them, if they come at once."""
    cross = model.likelihood.cross
    lam = model.likelihood.group_factors_many(np.full((3, model.likelihood.size), 0.4))
    arguments = (lam, np.zeros((cross.p + 1, cross.p + 1)), np.ones(3))
    alone = evaluate_many(model.likelihood.layout, *arguments)
    for _ in range(30):
        layout = layout_of(cross)
        for found in together(lambda layout=layout: evaluate_many(layout, *arguments)):
            assert_array_equal(found, alone)
