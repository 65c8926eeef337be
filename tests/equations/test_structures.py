"""Structured covariances as they are written: their entries are the estimate's, in every way of writing."""

from __future__ import annotations

from functools import cache
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

import bayesmm as bmm
from bayesmm.equations.filled import filled_in
from bayesmm.equations.level_equations import covariance_matrix
from bayesmm.equations.nested import nested_notation
from bayesmm.equations.notation import Frame
from bayesmm.equations.tree import Expr, Matrix, Product, evaluate
from bayesmm.likelihood.variances import sds_and_correlations

WORDS = ("cs", "csh", "ar1", "ar1h", "toep", "toeph")


@cache
def machines() -> pd.DataFrame:
    frame = bmm.load_data("Machines")
    return frame.assign(machine=frame["Machine"].cat.codes, when=frame["Machine"].cat.codes * 0.75)


@cache
def fitted(word: str, time: str = "machine") -> bmm.Estimate:
    expr = "factor(machine)" if word.startswith("cs") else time
    return bmm.Model(f"score ~ Machine + {word}(0 + {expr} | Worker)", machines()).fit()


def written(expression: Expr, bindings: dict[Expr, float]) -> np.ndarray:
    """The value of a matrix, or of a variance times one."""
    if isinstance(expression, Product):
        first, matrix = expression.factors
        return evaluate(first, bindings) * written(matrix, bindings)
    assert isinstance(expression, Matrix)
    return np.array([[evaluate(entry, bindings) for entry in row] for row in expression.rows])


@pytest.mark.parametrize("time", ["machine", "when"])
@pytest.mark.parametrize("word", WORDS)
def test_the_entries_are_those_of_the_estimate(word: str, time: str):
    if time == "when" and not word.startswith("ar1"):
        return
    estimate = fitted(word, time)
    structure = estimate.model.design.terms[0].covariance
    (term,) = nested_notation(Frame.of(estimate.model.design)).terms
    G = estimate.covariances[0].to_numpy()
    sd, R = sds_and_correlations(G)
    told = structure.reported_of(R[None])[0]
    bindings = dict(zip(term.sds, sd, strict=True)) | dict(zip(term.correlations, told, strict=True))
    np.testing.assert_allclose(written(covariance_matrix(term), bindings), G, rtol=1e-7)


@pytest.mark.parametrize("word", WORDS)
def test_numbers_take_the_place_of_all_symbols(word: str):
    estimate = fitted(word)
    equations = estimate.model.equations(estimate, priors=True)
    notation, values = equations._notation, equations._values
    found = filled_in(covariance_matrix(notation.terms[0]), notation, values)
    np.testing.assert_allclose(written(found, {}), estimate.covariances[0], rtol=2e-3)
    value = equations.symbols["value"]
    rows = equations.symbols[equations.symbols["kind"] == "correlation"]
    names = list(rows["name"])
    assert names == (
        ["corr|Worker[lag 1]", "corr|Worker[lag 2]"] if word.startswith("toep") else ["corr|Worker"]
    )
    assert value[rows.index].notna().all()


def test_an_autoregression_in_text_latex_and_mathml():
    model = fitted("ar1").model
    equations = model.equations(priors=True)
    assert "τ² ⎢ρ   1  ρ ⎥" in equations.text
    assert "(ρ + 1)/2 ~ Beta(α = 2, β = 2)" in equations.text
    assert r"\tau^{2}\,\begin{bmatrix} 1 & \rho & \rho^{2}" in equations.latex
    assert r"\left(\rho + 1\right)/2" in equations.latex
    assert "<msup><mi>ρ</mi><mn>2</mn></msup>" in equations.mathml
    ElementTree.fromstring(equations.mathml)


def test_the_bounds_and_partial_autocorrelations_are_in_the_priors():
    text = fitted("cs").model.equations().priors.text
    assert "(ρ + 0.5)/1.5 ~ Beta" in text
    text = fitted("toep").model.equations().priors.text
    assert "(r₁ + 1)/2, (r₂ + 1)/2 ~ Beta" in text
    assert "partial autocorrelations" in text


def test_in_continuous_time_exponents_are_not_whole():
    frame = machines().assign(when=machines()["Machine"].map({"A": 0.0, "B": 1.5, "C": 2.0}).astype(float))
    model = bmm.Model("score ~ Machine + ar1(0 + when | Worker)", frame)
    equations = model.equations(priors=True)
    assert "ρ^1.5" in equations.text
    assert r"\rho^{1.5}" in equations.latex
    assert "<mn>1.5</mn>" in equations.mathml
    assert "ρ ~ Beta(α = 2, β = 2)" in equations.text
