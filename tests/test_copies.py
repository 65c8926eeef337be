"""Every public object can be pickled and copied: for processes, joblib, Dask and Streamlit."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesmm as bmm
from bayesmm.likelihood import Profiled

FORMULA = "y ~ poly(x, 2) + scale(w) + bs(z, df=4) + np.tanh(x) + double(x) + c + (center(x) | g) + (1 | g:c)"


def double(x: Any) -> Any:
    return 2 * x + x**3


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 240
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "z": rng.uniform(size=n),
            "w": rng.uniform(size=n),
            "c": rng.choice(["p", "q", "r"], size=n),
            "g": rng.integers(0, 12, size=n),
        }
    )
    frame["y"] = frame["x"] + rng.normal(size=12)[frame["g"]] + rng.normal(size=n)
    return frame


@pytest.fixture(scope="module")
def objects(data: pd.DataFrame) -> dict[str, Any]:
    model = bmm.Model(FORMULA, data, namespace={"double": double})
    estimate = model.fit()
    posterior = model.sample(draws=100, chains=2, random_seed=1, progressbar=False)
    return {
        "formula": model.formula,
        "design": model.design,
        "likelihood": model.likelihood,
        "model": model,
        "estimate": estimate,
        "profile": estimate.profile("sigma"),
        "posterior": posterior,
        "comparison": bmm.compare(estimate, posterior),
        "equations": bmm.Model("y ~ x + (x | g)", data).equations(),
        "summary": estimate.summary(),
    }


NAMES = (
    "formula",
    "design",
    "likelihood",
    "model",
    "estimate",
    "profile",
    "posterior",
    "comparison",
    "equations",
    "summary",
)
ways = pytest.mark.parametrize(
    "again",
    [lambda thing: pickle.loads(pickle.dumps(thing)), copy.deepcopy, copy.copy],
    ids=["pickle", "deepcopy", "copy"],
)
Again = Callable[[Any], Any]


@ways
@pytest.mark.parametrize("name", NAMES)
def test_a_copy_shows_what_the_original_shows(objects: dict[str, Any], name: str, again: Again):
    other = again(objects[name])
    assert type(other) is type(objects[name])
    if name not in ("design", "likelihood"):  # they show their arrays, or nothing
        assert repr(other) == repr(objects[name])


@ways
def test_a_copy_of_a_design_rebuilds_its_columns(objects: dict[str, Any], data: pd.DataFrame, again: Again):
    design, other = objects["design"], again(objects["design"])
    np.testing.assert_array_equal(other.rebuild(data).X, design.X)
    few = data.iloc[[5, 17, 200]]
    np.testing.assert_array_equal(other.rebuild(few).X, design.rebuild(few).X)


@ways
def test_a_copy_of_a_likelihood_gives_the_same_numbers(objects: dict[str, Any], again: Again):
    likelihood, other = objects["likelihood"], again(objects["likelihood"])
    for reml in (True, False):
        value, gradient = Profiled(likelihood, reml=reml).value_and_gradient(likelihood.start)
        assert Profiled(other, reml=reml).value(likelihood.start) == value
        np.testing.assert_array_equal(
            Profiled(other, reml=reml).value_and_gradient(likelihood.start)[1], gradient
        )


@ways
def test_a_copy_of_a_model_is_fitted_and_sampled_the_same(objects: dict[str, Any], again: Again):
    other = again(objects["model"])
    np.testing.assert_array_equal(other.fit().theta, objects["estimate"].theta)
    draws = other.sample(draws=100, chains=2, random_seed=1, progressbar=False)
    assert draws.data["posterior"].identical(objects["posterior"].data["posterior"])


@ways
def test_a_copy_predicts_the_same(objects: dict[str, Any], data: pd.DataFrame, again: Again):
    new = data.iloc[[0, 100]].assign(g=[3, 99])
    estimate, posterior = again(objects["estimate"]), again(objects["posterior"])
    pd.testing.assert_frame_equal(
        estimate.predict(new, new_levels="sample"), objects["estimate"].predict(new, new_levels="sample")
    )
    mu, expected = (
        draws.predict(new, new_levels="population", draws=True)["predictions"]["mu"]
        for draws in (posterior, objects["posterior"])
    )
    assert mu.identical(expected)
    assert estimate.profile("sigma").interval() == objects["profile"].interval()


@ways
def test_a_copy_of_a_profile_refines_its_ends(objects: dict[str, Any], again: Again):
    assert again(objects["profile"]).interval(0.8) == objects["profile"].interval(0.8)


def test_another_process_reads_a_pickle(data: pd.DataFrame, tmp_path):
    model = bmm.Model("y ~ poly(x, 2) + (1 | g)", data)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    code = (
        "import pickle, sys; model = pickle.load(open(sys.argv[1], 'rb')); "
        "print(repr(float(model.fit().criterion)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model.pickle")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) == pytest.approx(model.fit().criterion, rel=1e-14)
