"""The page on extending, done: its file is a structure that everything takes."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesmm as bmm
from bayesmm.covariance import STRUCTURES, Covariance
from tests.covariance import test_covariance_contract as contract
from tests.docs.test_docs import DOCS, cells

PAGE = Path(DOCS) / "extending.md"
PROMISES = [
    test
    for name, test in inspect.getmembers(contract, inspect.isfunction)
    if name.startswith("test_") and "zero" not in inspect.signature(test).parameters
]


def the_file() -> str:
    """The cell of the page that is a whole file."""
    (code,) = (cell for cell in cells(PAGE) if "class MovingAverage(Covariance)" in cell)
    return code


@pytest.fixture(scope="module")
def structure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Covariance]]:
    """The class, from a file of its own, in the list."""
    path = tmp_path_factory.mktemp("covariance") / "moving_average.py"
    path.write_text(the_file(), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("moving_average", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["moving_average"] = module
    spec.loader.exec_module(module)
    STRUCTURES["ma1"] = module.MovingAverage
    yield module.MovingAverage
    del STRUCTURES["ma1"], sys.modules["moving_average"]


@pytest.fixture(scope="module")
def model(structure: type[Covariance]) -> bmm.Model:
    machines = bmm.load_data("Machines")
    machines["order"] = machines["Machine"].cat.codes
    return bmm.Model("score ~ Machine + ma1(0 + order | Worker)", machines)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda test: test.__name__)
def test_it_keeps_the_contract(structure: type[Covariance], promise):
    for k in contract.SIZES:
        promise(structure(k, tuple(map(float, range(k)))))


def test_its_correlation_is_that_of_a_moving_average(structure: type[Covariance]):
    for c in (-0.9, 0.3):  # e_t + c e_{t−1}
        filtered = np.eye(5, 6) + c * np.eye(5, 6, 1)
        R = filtered @ filtered.T / (1 + c**2)
        L = structure(5).correlation_factor(np.array([[c / (1 + c**2)]]))[0]
        np.testing.assert_allclose(L @ L.T, R, atol=1e-14)


def test_it_is_fitted_between_those_that_it_lies_between(model: bmm.Model):
    """Toeplitz holds it, and it holds equal variances without correlation."""
    data = bmm.load_data("Machines")
    data["order"] = data["Machine"].cat.codes
    found = {
        word: bmm.Model(f"score ~ Machine + {word}(0 + {expr} | Worker)", data).fit(reml=False).criterion
        for word, expr in (("identity", "Machine"), ("toep", "order"))
    }
    fit = model.fit(reml=False)
    assert fit.certificate.ok
    assert found["toep"] <= fit.criterion <= found["identity"]
    G = fit.covariances[0].to_numpy()
    assert G[0, 2] == pytest.approx(0.0, abs=1e-12)
    assert G[0, 1] == pytest.approx(G[1, 2]) == pytest.approx(fit.varcorr["vcov"].iloc[3])


def test_it_is_sampled_compared_predicted_and_written(model: bmm.Model):
    fit, post = model.fit(), model.sample(draws=500, random_seed=1)
    table = bmm.compare(post, fit).table
    assert "corr|Worker" in table.index
    draws = post.data["posterior"]["corr|Worker"]
    most = 0.5 / np.cos(np.pi / 4)
    assert float(abs(draws).max()) < most
    new = pd.DataFrame({"Machine": ["A"], "order": [0], "Worker": ["new"]})
    both = fit.predict(new, new_levels="sample")["mean"].iloc[0]
    assert both == pytest.approx(float(fit.beta["Intercept"]))
    assert "⎢ρ  1  ρ⎥" in str(model.equations())
    assert "corr|Worker" in model.to_pymc().named_vars


def test_the_page_sends_to_places_that_exist():
    text = PAGE.read_text(encoding="utf-8")
    for name in (
        "power_of",
        "meaning",
        "reported",
        "labels",
        "correlation_pull_back",
        "takes_noise",
        "absorbs",
        "chart",
    ):
        assert f"`{name}`" in text
        assert hasattr(Covariance, name)
