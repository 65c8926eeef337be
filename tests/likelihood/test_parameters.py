"""Variance parameters of a wrong length or kind are refused by every method that takes them."""

from __future__ import annotations

import numpy as np
import pytest

from bayesmm.errors import ModelError
from bayesmm.likelihood import IntegratedLikelihood, LeaveOut, MarginalLikelihood, Profiled
from bayesmm.search import minimise
from tests.designs import design

WRONG = [[], [1.0] * 9, 0.5, [[0.5]], ["a", "b"], None]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_parameters_of_a_wrong_length_are_refused_wherever_they_go(wrong: object):
    """One number too few or too many says so, with the terms that the numbers belong to."""
    d = design("several bars on one factor")
    likelihood = MarginalLikelihood(d)
    many = [np.zeros(0), np.ones((2, 9)), 0.5, np.full(likelihood.size, 0.5), ["a", "b"], None]
    one_point = [
        likelihood.internal,
        likelihood.external,
        likelihood.factors,
        likelihood.group_factors,
        likelihood.factorization,
        lambda phi: Profiled(likelihood, reml=True).value(phi),
        lambda phi: Profiled(likelihood, reml=True).value_and_gradient(phi),
        lambda phi: Profiled(likelihood, reml=True).with_curvature(phi),
        lambda phi: Profiled(likelihood, reml=True).relative_sigma(phi),
        lambda phi: Profiled(likelihood, reml=True).slopes(phi),
        likelihood.log_r2_gradient,
        lambda phi: Profiled(likelihood, reml=True).solution(phi),
        lambda phi: likelihood.conditional_covariances(phi, sigma=1.0),
        lambda phi: (
            minimise(Profiled(likelihood, reml=True), phi) if phi is not None else likelihood.factors(phi)
        ),
    ]
    many_points = [
        lambda phi: Profiled(likelihood, reml=True).values(phi),
        likelihood.group_factors_many,
    ]
    expected = rf"Expected: {likelihood.size} numbers: 1 for \(1 \| Subject\), 3 for"
    for call in one_point:
        with pytest.raises(ModelError, match=expected):
            call(wrong)
    for call in many_points:
        with pytest.raises(ModelError, match=expected):
            call(many[WRONG.index(wrong)])


@pytest.mark.parametrize("wrong", [0.5, np.ones(4), np.ones((2, 2)), ["a"], None], ids=repr)
def test_factors_of_a_wrong_shape_are_refused_wherever_they_go(wrong: object):
    likelihood = MarginalLikelihood(design("several bars on one factor"))
    p = likelihood.cross.p
    integrated = IntegratedLikelihood(likelihood, np.zeros(p), np.eye(p))
    shape = ", ".join(map(str, likelihood.group_factors(likelihood.start).shape))
    with pytest.raises(ModelError, match=rf"Expected: \({shape}\)"):
        integrated.log_density(wrong, 0.0)
    for call in (
        integrated.log_densities,
        lambda lam, log_sigma: integrated.draw(lam, log_sigma, np.random.default_rng(1)),
        LeaveOut(integrated).log_densities,
    ):
        with pytest.raises(ModelError, match=rf"Expected: \(S, {shape}\)"):
            call(wrong, np.zeros(2))


@pytest.mark.parametrize("wrong", [0.0, np.zeros(1), np.zeros((2, 1)), np.zeros(3)], ids=str)
def test_sigma_is_one_number_for_each_point(wrong: object):
    likelihood = MarginalLikelihood(design("one intercept"))
    integrated = IntegratedLikelihood(likelihood, np.zeros(1), np.eye(1))
    lam = np.ones((2, 1, 1, 1))
    for call in (integrated.log_densities, LeaveOut(integrated).log_densities):
        with pytest.raises(ModelError, match=r"Expected: \(2,\), one number for each point"):
            call(lam, wrong)


@pytest.mark.parametrize("reml", ["ML", "no", 0, 1, None])
def test_reml_is_true_or_false(reml: object):
    likelihood = MarginalLikelihood(design("one intercept"))
    with pytest.raises(ModelError, match="Expected: True or False"):
        Profiled(likelihood, reml=reml)
