"""Two-level equations met with data: the design of the one formula, and level-2 predictors that are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesmm import Model, from_levels
from bayesmm.datasets import load_data
from bayesmm.design import build_design
from bayesmm.errors import DataError
from tests.reference_models import fitted

LEVEL_2 = {"1": "1 + M + (1)", "x": "1 + M + (1)"}


def test_the_equations_give_the_design_of_their_formula(frame: pd.DataFrame):
    frame["M"] = frame.groupby("g")["z"].transform("mean")
    ours = build_design(from_levels("y ~ 1 + x", LEVEL_2, group="g"), frame)
    expected = build_design("y ~ M + x + x:M + (x | g)", frame)
    np.testing.assert_array_equal(ours.X, expected.X)
    np.testing.assert_array_equal(ours.Z.toarray(), expected.Z.toarray())
    assert ours.names == expected.names


def test_the_textbooks_model_is_lme4s(frame: pd.DataFrame):
    """Raudenbush & Bryk's cross-level interactions, from two-level equations and from one formula."""
    levels = from_levels(
        "mAch ~ 1 + cses",
        {"1": "1 + meanses + sector + (1)", "cses": "1 + meanses + sector + (1)"},
        group="school",
    )
    fit = Model(levels, load_data("Hsb82")).fit()
    assert fit.criterion == pytest.approx(fitted("hsb_cross_level", "REML").criterion, abs=1e-6)


@pytest.mark.parametrize("level", ["1", "x"])
def test_a_level_2_predictor_that_varies_within_a_cluster_is_refused(frame: pd.DataFrame, level: str):
    frame["M"] = frame.groupby("g")["z"].transform("mean")
    frame.loc["r9", "M"] += 1
    equations = {"1": "1 + (1)", "x": "1 + (1)"} | {level: "1 + M + (1)"}
    with pytest.raises(DataError) as error:
        build_design(from_levels("y ~ 1 + x", equations, group="g"), frame)
    for words in ("'M' stands in a level-2 equation but varies within 'g'", "groupby('g')['M']", "level-1"):
        assert words in str(error.value)


def test_a_row_that_is_dropped_does_not_count_as_variation(frame: pd.DataFrame):
    frame["M"] = frame.groupby("g")["z"].transform("mean")
    frame.loc["r9", ["M", "x"]] = [5.0, np.nan]
    assert build_design(from_levels("y ~ 1 + x", LEVEL_2, group="g"), frame).n_dropped == 1


def test_a_factor_of_level_2_may_be_text(frame: pd.DataFrame):
    frame["kind"] = np.where(frame["g"] < 304, "small", "large")
    equations = {"1": "1 + kind + (1)"}
    assert build_design(from_levels("y ~ 1 + x", equations, group="g"), frame).names == (
        "Intercept",
        "kind[small]",
        "x",
    )
    frame.loc["r9", "kind"] = "huge"
    with pytest.raises(DataError, match="'kind'"):
        build_design(from_levels("y ~ 1 + x", equations, group="g"), frame)
