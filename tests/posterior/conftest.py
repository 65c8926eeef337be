"""Models that are compiled and sampled once for all tests of this folder."""

from functools import cache

import pytest

from bayesmm.datasets import load_data
from bayesmm.model import MixedModel
from bayesmm.posterior import Posterior, sample


@cache
def model_of(formula: str, data: str, **options) -> MixedModel:
    return MixedModel(formula, load_data(data), **options)


@pytest.fixture(scope="session")
def sleep_model() -> MixedModel:
    return model_of("Reaction ~ Days + (Days | Subject)", "sleepstudy")


@pytest.fixture(scope="session")
def machines_model() -> MixedModel:
    return model_of("score ~ Machine + (Machine | Worker)", "Machines")


@pytest.fixture(scope="session")
def sleep_posterior(sleep_model) -> Posterior:
    return sample(sleep_model, draws=2000, random_seed=1, method="nuts", progressbar=False)


@pytest.fixture(scope="session")
def machines_posterior(machines_model) -> Posterior:
    return sample(machines_model, draws=500, tune=500, random_seed=1, method="nuts", progressbar=False)
