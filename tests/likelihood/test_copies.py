"""Likelihoods go to other processes and are copied: what comes back computes the same numbers."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bayesmm.likelihood import IntegratedLikelihood, LeaveOut, MarginalLikelihood, Profiled
from tests.designs import design
from tests.likelihood.points import points

COPIES = {"pickle": lambda x: pickle.loads(pickle.dumps(x)), "deepcopy": copy.deepcopy}


@pytest.fixture(params=COPIES)
def copied(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    return COPIES[request.param]


@pytest.fixture(scope="module")
def integrated() -> IntegratedLikelihood:
    """Used before it is copied, so that all that it keeps is there."""
    d = design("chain with slopes, crossed with slopes")
    found = IntegratedLikelihood(MarginalLikelihood(d), np.zeros(d.p), np.eye(d.p))
    evaluated(found)
    return found


def evaluated(integrated: IntegratedLikelihood) -> np.ndarray:
    likelihood = integrated.likelihood
    phi = points(likelihood)[1]
    lam = likelihood.group_factors(phi)
    value, gradient, _ = integrated.log_density(lam, 0.1)
    return np.concatenate(
        [
            [value, Profiled(likelihood, reml=True).value(phi)],
            gradient.ravel(),
            Profiled(likelihood, reml=True).value_and_gradient(phi)[1],
            integrated.log_densities(lam[None], np.zeros(1)),
            LeaveOut(integrated).log_densities(lam[None], np.zeros(1))[0],
        ]
    )


def test_a_likelihood_survives(integrated: IntegratedLikelihood, copied: Callable[[Any], Any]):
    expected = evaluated(integrated)
    again = copied(integrated)
    assert_array_equal(evaluated(again), expected)
    assert_array_equal(evaluated(copied(again)), expected)


@pytest.mark.parametrize("unit", [None, "h"])
def test_leave_one_out_survives(
    integrated: IntegratedLikelihood, unit: str | None, copied: Callable[[Any], Any]
):
    left_out, likelihood = LeaveOut(integrated, unit), integrated.likelihood
    lam = likelihood.group_factors(points(likelihood)[1])[None]
    expected = left_out.log_densities(lam, np.zeros(1))
    assert_array_equal(copied(left_out).log_densities(lam, np.zeros(1)), expected)


def test_a_factorization_survives(integrated: IntegratedLikelihood, copied: Callable[[Any], Any]):
    f = integrated.likelihood.factorization(points(integrated.likelihood)[1])
    again = copied(f)
    assert again.r2 == f.r2
    assert_array_equal(again.gradient(0.3, with_fixed=True), f.gradient(0.3, with_fixed=True))
