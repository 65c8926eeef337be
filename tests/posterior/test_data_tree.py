"""Arrays + names → DataTree, for a sampler that isn't NUTS."""

import warnings

import numpy as np
import pandas as pd
import pytest

from bayesmm.design.naming import name_parameters
from bayesmm.errors import DesignNotice, ModelError
from bayesmm.model import MixedModel
from bayesmm.posterior import Posterior, build_tree

ODD = "log(y) ~ x * cond + I(x / 2 + x**2) + poly(z, 2) + (cond | a:b) + (0 + x | a) + offset(w)"


@pytest.fixture(scope="module")
def odd_model():
    """Names with every character that formulas bring along."""
    rng = np.random.default_rng(1)
    n = 120
    data = pd.DataFrame(
        {
            "y": rng.gamma(3, size=n),
            "x": rng.normal(size=n),
            "z": rng.normal(size=n),
            "w": rng.normal(size=n),
            "cond": np.resize(["ä/1", "b|2", "c:3"], n),
            "a": np.repeat(["u", "v", "w"], n // 3),
            "b": np.resize([True, False, False, True, True, False], n),
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DesignNotice)
        return MixedModel(ODD, data, weights=np.full(n, 2.0))


def made_up(model, chains=2, draws=10):
    names = name_parameters(model.design)
    rng = np.random.default_rng(2)
    sizes = {dim: len(labels) for dim, labels in names.coords.items()}
    return {
        name: rng.normal(size=(chains, draws, *(sizes[dim] for dim in dims)))
        for name, dims in names.dims.items()
    }


@pytest.fixture
def odd_tree(odd_model):
    return build_tree(odd_model, made_up(odd_model), method="marginal", seed=3, attributes={"extra": 1.5})


def test_everything_is_under_its_name(odd_model, odd_tree):
    names = name_parameters(odd_model.design)
    posterior = odd_tree["posterior"]
    assert list(posterior.data_vars) == list(names.dims)
    for name, dims in names.dims.items():
        assert posterior[name].dims == ("chain", "draw", *dims)
    assert posterior["cond|a:b"].coords["a:b__factor_dim"].to_numpy().tolist()[:2] == ["u:False", "u:True"]
    assert odd_tree["observed_data"]["log(y)"].sizes == {"__obs__": 120}
    constants = odd_tree["constant_data"]
    np.testing.assert_array_equal(constants["X"], odd_model.design.X)
    np.testing.assert_array_equal(constants["a:b__codes"], odd_model.design.factors["a:b"].codes)
    np.testing.assert_array_equal(constants["weights__data"], np.full(120, 2.0))
    assert "offset__data" in constants
    assert list(odd_tree["sample_stats"].data_vars) == []


def test_attributes_say_who_made_it(odd_model, odd_tree):
    attributes = odd_tree.attrs
    assert attributes["method"] == "marginal"
    assert attributes["seed"] == 3
    assert attributes["extra"] == 1.5
    assert attributes["formula"] == odd_model.formula.text
    assert attributes["bayesmm_version"]
    assert "seed" not in build_tree(odd_model, made_up(odd_model), method="marginal", seed=None).attrs


def test_a_posterior_of_them_shows_itself(odd_model, odd_tree):
    posterior = Posterior(odd_tree, odd_model)
    assert posterior.method == "marginal"
    text = repr(posterior)
    assert "Reference  cond = b|2" in text
    assert "I(x ÷ 2 + x ** 2)" in text
    assert "<table>" in posterior._repr_html_()


def test_missing_unknown_and_misshapen_draws(odd_model):
    good = made_up(odd_model)
    with pytest.raises(ModelError, match="among the draws 'x' is missing"):
        build_tree(odd_model, {k: v for k, v in good.items() if k != "x"}, method="m", seed=1)
    with pytest.raises(ModelError, match="among the draws 'q' is unknown"):
        build_tree(odd_model, good | {"q": good["x"]}, method="m", seed=1)
    with pytest.raises(ModelError, match=r"the draws of 'poly\(z, 2\)' have the shape"):
        build_tree(odd_model, good | {"poly(z, 2)": good["x"]}, method="m", seed=1)


def test_a_file_keeps_every_name_label_and_number(odd_model, odd_tree, tmp_path):
    posterior = Posterior(odd_tree, odd_model)
    again = Posterior.load(posterior.save(tmp_path / "odd.nc"), odd_model)
    assert again.data.identical(odd_tree)
    for group in odd_tree.children:
        for name, variable in odd_tree[group].dataset.variables.items():
            assert again.data[group].dataset.variables[name].dtype.kind == variable.dtype.kind
    assert again.model is odd_model
