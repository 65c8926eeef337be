"""What the parameters of a design are called."""

import numpy as np
import pandas as pd
import pytest

from bayesmm.datasets import load_data
from bayesmm.design import build_design
from bayesmm.design.naming import OBS, name_parameters
from bayesmm.errors import ModelError


def names_of(formula, data, **options):
    data = load_data(data) if isinstance(data, str) else data
    return name_parameters(build_design(formula, data, **options))


@pytest.fixture
def plain():
    rng = np.random.default_rng(1)
    n = 40
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "z": rng.normal(size=n),
            "cond": np.tile(["a", "b"], n // 2),
            "g": np.repeat(np.arange(4), n // 4),
            "h": np.tile(np.repeat(["u", "v", "w", "t"], 2), n // 8),
        }
    )


def test_sleepstudy():
    names = names_of("Reaction ~ Days + (Days | Subject)", "sleepstudy")
    assert names.response == "Reaction"
    assert names.dims == {
        "Intercept": (),
        "Days": (),
        "sigma": (),
        "1|Subject_sigma": (),
        "Days|Subject_sigma": (),
        "corr|Subject": ("corr|Subject_dim",),
        "1|Subject": ("Subject__factor_dim",),
        "Days|Subject": ("Subject__factor_dim",),
    }
    assert names.effects == ("1|Subject", "Days|Subject")
    assert names.coords["Subject__factor_dim"].dtype.kind == "i"
    assert names.coords["Subject__factor_dim"][:2].tolist() == [308, 309]
    assert names.coords["corr|Subject_dim"].tolist() == ["1, Days"]
    assert names.terms[0].covariance.pairs == ((0, 1),)
    assert len(names.coords[OBS]) == 180


def test_a_factors_slopes():
    names = names_of("score ~ Machine + (Machine | Worker)", "Machines")
    assert names.dims["Machine"] == ("Machine_dim",)
    assert names.dims["Machine|Worker"] == ("Machine__expr_dim", "Worker__factor_dim")
    assert names.dims["Machine|Worker_sigma"] == ("Machine__expr_dim",)
    assert names.coords["Machine_dim"].tolist() == ["B", "C"]
    assert names.coords["Machine__expr_dim"].tolist() == ["B", "C"]
    assert names.coords["corr|Worker_dim"].tolist() == [
        "1, Machine[B]",
        "1, Machine[C]",
        "Machine[B], Machine[C]",
    ]
    one, machine = names.terms[0].effects
    assert (one.positions, machine.positions) == ((0,), (1, 2))
    assert names.fixed[1].positions == (1, 2)


def test_nested_and_crossed_factors():
    names = names_of("strength ~ 1 + (1 | batch/cask)", "Pastes")
    assert names.effects == ("1|batch:cask", "1|batch")
    assert names.coords["batch:cask__factor_dim"][:2].tolist() == ["A:a", "A:b"]
    names = names_of("diameter ~ 1 + (1 | plate) + (1 | sample)", "Penicillin")
    assert names.effects == ("1|plate", "1|sample")


def test_uncorrelated_columns_have_no_correlation():
    names = names_of("Reaction ~ Days + (Days || Subject)", "sleepstudy")
    assert names.terms[0].corr is None
    assert [p.kind for p in names.parameters] == ["intercept", "fixed", "dispersion", "sd", "sd"]


def test_columns_that_share_an_sd():
    names = names_of("Reaction ~ Days + (Days | Subject)", "sleepstudy", covariance={"Subject": "identity"})
    assert names.terms[0].sd_shared
    assert names.terms[0].sd_owner == (0, 0)
    assert [p.name for p in names.parameters if p.kind == "sd"] == ["1|Subject_sigma"]
    assert "Days|Subject_sigma" in names.dims


def test_a_second_correlated_bar_on_a_factor_names_its_expression(plain):
    names = names_of("y ~ x + (x | g) + (0 + z + I(z**2) | g)", plain)
    assert [term.corr for term in names.terms] == ["corr|g", "corr|0 + z + I(z**2)|g"]
    assert names.dims["corr|0 + z + I(z**2)|g"] == ("corr|0 + z + I(z**2)|g_dim",)


def test_interactions_transforms_and_slashes(plain):
    names = names_of("log(exp(y)) ~ x * cond + poly(z, 2) + I(z / 2 + x**2) + (1 | g:h)", plain)
    assert names.response == "log(exp(y))"
    assert names.dims["x:cond"] == ("x:cond_dim",)
    assert names.dims["poly(z, 2)"] == ("poly(z, 2)_dim",)
    assert "I(z ÷ 2 + x ** 2)" in names.dims
    assert all("/" not in name for name in [*names.dims, *names.coords])


def test_one_factor_behind_two_bars_with_other_columns(plain):
    names = names_of("y ~ cond + (cond | g) + (0 + cond | h)", plain)
    dims = [names.dims["cond|g"][0], names.dims["cond|h"][0]]
    assert dims == ["cond__expr_dim", "cond|h__expr_dim"]
    assert [names.coords[dim].tolist() for dim in dims] == [["b"], ["a", "b"]]


@pytest.mark.parametrize(
    ("levels", "kind", "first"),
    [
        (np.repeat([3, 1], 20), "i", 1),
        (np.repeat([0.5, 1.5], 20), "f", 0.5),
        (np.repeat(["b", "a"], 20), "U", "a"),
        (np.repeat([True, False], 20), "U", "False"),
        (pd.Categorical(np.repeat(["lo", "hi"], 20), categories=["lo", "hi"]), "U", "lo"),
        (np.repeat(pd.to_datetime(["2024-01-02", "2024-01-01"]), 20), "U", "2024-01-01 00:00:00"),
    ],
    ids=["int", "float", "str", "bool", "categorical", "date"],
)
def test_levels_keep_what_a_file_can_keep(plain, levels, kind, first):
    labels = names_of("y ~ x + (1 | g)", plain.assign(g=levels)).coords["g__factor_dim"]
    assert labels.dtype.kind == kind
    assert labels[0] == first
    assert not labels.flags.writeable


def test_no_intercept():
    names = names_of("Reaction ~ 0 + Days + (0 + Days | Subject)", "sleepstudy")
    assert not names.has_intercept
    assert [p.name for p in names.parameters] == ["Days", "sigma", "Days|Subject_sigma"]


@pytest.mark.parametrize("name", ["sigma", "chain", "draw", "mu", "Intercept__centred", "weights__data"])
def test_a_column_with_a_reserved_name(plain, name):
    data = plain.assign(**{name: plain.x})
    with pytest.raises(ModelError, match=f"rename the column '{name}'"):
        names_of(f"y ~ {name} + (1 | g)", data)


def test_a_column_with_the_name_of_a_dimension(plain):
    with pytest.raises(ModelError, match="would be called 'cond_dim'"):
        names_of("y ~ cond + cond_dim + (1 | g)", plain.assign(cond_dim=plain.x))


def test_a_response_called_sigma(plain):
    with pytest.raises(ModelError, match="would be called 'sigma'"):
        names_of("sigma ~ x + (1 | g)", plain.assign(sigma=plain.y))


@pytest.mark.parametrize("name", ["mu", "chain", "Intercept__centred"])
def test_a_response_with_a_reserved_name(plain, name):
    with pytest.raises(ModelError, match=f"rename the column '{name}'"):
        names_of(f"{name} ~ x + (1 | g)", plain.assign(**{name: plain.y}))


@pytest.mark.parametrize("name", ["chain", "draw"])
def test_a_grouping_factor_with_a_reserved_name(plain, name):
    with pytest.raises(ModelError, match=f"rename the grouping factor '{name}'"):
        names_of(f"y ~ x + (1 | {name})", plain.assign(**{name: plain.g}))


def test_names_that_only_look_reserved(plain):
    """A function of mu, and a group of that name, are called otherwise in the posterior."""
    names = names_of("y ~ exp(mu) + (1 | g)", plain.assign(mu=plain.x))
    assert "exp(mu)" in names.dims
    assert "1|mu" in names_of("y ~ x + (1 | mu)", plain.assign(mu=plain.g)).dims
