"""What is written is what is fitted: the equations, evaluated, give the fitted values."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from bayesmm.equations.filled import filled_in, values_of
from bayesmm.equations.level_equations import written_equation
from bayesmm.equations.symbol_table import bindings
from bayesmm.equations.tree import Product, Symbol, evaluate, terms_of
from tests.equations.cases import CROSSED, NAMES, data_of, fitted, model, written

FITTED = tuple(name for name in NAMES if name != "insteval")
"""InstEval's fit takes seconds; its notation is that of the other crossed models."""
IN_WORDS = (
    "sleepstudy",
    "sleepstudy_zerocorr",
    "sleepstudy_slope_only",
    "no_fixed_intercept",
    "hsb",
    "hsb_levels",
    "group_slope",
    "exam",
    "orthodont",
    "penicillin",
    "pastes",
    "oats",
    "machines",
    "machines_full",
    "chem97_slopes",
    "cake_two_bars",
    "four_levels",
    "nested_and_crossed",
    "predictors_named_like_symbols",
)
"""Models whose names have no spaces, so that their text can be read back word by word."""


def assert_close(found: np.ndarray, wanted: np.ndarray) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * np.max(np.abs(wanted)))


@pytest.mark.parametrize("name", FITTED)
def test_the_one_equation_gives_the_fitted_values(name: str):
    notation, estimate = written(name)._notation, fitted(name)
    known = bindings(notation, values_of(model(name), estimate)) | {notation.residual: 0.0}
    assert_close(evaluate(notation.combined.right, known), estimate.fitted.to_numpy())


@pytest.mark.parametrize("name", FITTED)
def test_numbers_in_place_of_symbols_give_them_too(name: str):
    """Filled in, the equation needs values for predictors and random effects only."""
    notation, values = written(name)._notation, values_of(model(name), fitted(name))
    known = bindings(notation, values) | {notation.residual: 0.0}
    for column in notation.fixed:
        del known[column.coefficient]
    right = filled_in(notation.combined.right, notation, values)
    assert_close(evaluate(right, known), fitted(name).fitted.to_numpy())


@pytest.mark.parametrize("name", [name for name in FITTED if name not in CROSSED])
def test_the_levels_give_the_fitted_values(name: str):
    notation, estimate = written(name)._notation, fitted(name)
    known = bindings(notation, values_of(model(name), estimate)) | {notation.residual: 0.0}
    first = written_equation(notation.levels[0], notation)
    # Only the coefficients of level 1 may be used, which level 2 gives.
    of_level_1 = {coefficient for coefficient, _ in notation.levels[0].slots}
    used = {factor for term in terms_of(first.right) for factor in getattr(term, "factors", (term,))}
    assert used & {column.coefficient for column in notation.fixed} == set()
    assert of_level_1 <= used
    assert_close(evaluate(first.right, known), estimate.fitted.to_numpy())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "interactions_alone"])
def test_predictors_are_where_the_equations_say(name: str):
    """A symbol's subscripts are those of the coarsest factor within whose levels its column is constant."""
    notation = written(name)._notation
    for part in notation.parts:
        homes = [0]
        for g, group in enumerate(notation.grouping.groups):
            within = pd.Series(part.values).groupby(group.factor.codes)
            if (within.max() - within.min()).max() < 1e-9 * np.abs(part.values).max():
                homes.append(g + 1)
        wanted = min(homes[1:], key=lambda g: notation.grouping.groups[g - 1].size, default=0)
        assert part.home == wanted, part.name
        if isinstance(part.symbol, Symbol):
            assert part.symbol.sub == notation.grouping.subscripts(wanted)


@pytest.mark.parametrize("name", NAMES)
def test_products_of_parts_are_the_columns(name: str):
    notation = written(name)._notation
    design = model(name).design
    for column in notation.fixed:
        product = np.prod([part.values for part in column.parts], axis=0) * np.ones(design.n)
        assert_close(product, design.X[:, column.position])
    for term, random in zip(design.terms, notation.terms, strict=True):
        for c, column in enumerate(random.columns):
            product = np.prod([part.values for part in column.parts], axis=0) * np.ones(design.n)
            assert_close(product, term.Xi[:, c])


@pytest.mark.parametrize("name", NAMES)
def test_no_symbol_stands_for_two_things(name: str):
    symbols = [entry.symbol for entry in written(name)._entries]
    assert len(set(symbols)) == len(symbols)
    assert written(name).symbols.index.is_unique


@pytest.mark.parametrize("name", NAMES)
def test_every_symbol_of_the_one_equation_is_in_the_table(name: str):
    notation = written(name)._notation
    known = {entry.symbol for entry in written(name)._entries}
    known |= {column.effect for term in notation.terms for column in term.columns}
    for term in terms_of(notation.combined.right):
        for factor in term.factors if isinstance(term, Product) else (term,):
            assert getattr(factor, "base", None) in known or factor in known


@pytest.mark.parametrize("name", IN_WORDS)
def test_the_text_read_back_gives_the_fitted_values(name: str):
    """The printed equation, word by word, with the table of symbols and the user's own data."""
    estimate, data = fitted(name), data_of(name)
    table = written(name).symbols
    lines = written(name).combined.text.split("\n")[2:]
    left, right = " ".join(line.strip() for line in lines).split(" = ")
    assert table.loc[left, "kind"] == "response"
    total = np.zeros(len(data))
    for term in right.split(" + "):
        value = np.ones(len(data))
        for word in re.split(r"[ ·]", term):
            value = value * _value(word, table, data, estimate)
        total += value
    assert_close(total[: len(estimate.fitted)], estimate.fitted.to_numpy())


def _value(word: str, table: pd.DataFrame, data: pd.DataFrame, estimate) -> np.ndarray | float:
    """What one word of an equation is, row by row."""
    row = table.loc[word if word in table.index else word.replace("[ᵢ]", "")]
    if row["kind"] == "residual":
        return 0.0
    if row["kind"] == "coefficient":
        return estimate.beta[row["name"]]
    if row["kind"] == "effect":
        modes = estimate.ranef[row["group"]][row["name"]]
        variables = row["group"].split(":")
        keys = data[variables[0]] if len(variables) == 1 else pd.MultiIndex.from_frame(data[variables])
        return modes.reindex(keys).to_numpy()
    assert row["kind"] == "predictor"
    indicator = re.fullmatch(r"(\w+)\[(.+)\]", row["name"])
    if indicator:
        return (data[indicator[1]].astype(str) == indicator[2]).to_numpy(dtype=float)
    return data[row["name"]].to_numpy(dtype=float)
