"""Fits whose numbers stand in the literature."""

from __future__ import annotations

import numpy as np
import pytest

import bayesmm as bmm


@pytest.fixture(scope="module")
def three_subjects() -> bmm.Estimate:
    sleep = bmm.load_data("sleepstudy")
    return bmm.Model(
        "Reaction ~ Days + (Days | Subject)", sleep[sleep["Subject"].isin([309, 330, 371])]
    ).fit()


def test_the_conditional_modes_of_three_sleepers(three_subjects: bmm.Estimate):
    modes = three_subjects.ranef["Subject"]
    assert modes.index.tolist() == [309, 330, 371]
    assert modes.columns.tolist() == ["Intercept", "Days"]
    expected = [[-44.157, -2.412], [32.863, -0.400], [11.294, 2.812]]
    np.testing.assert_allclose(modes, expected, rtol=0, atol=5e-4)


def test_the_coefficients_of_three_sleepers(three_subjects: bmm.Estimate):
    expected = [[205.301, 2.408], [282.322, 4.420], [260.753, 7.631]]
    np.testing.assert_allclose(three_subjects.coef["Subject"], expected, rtol=0, atol=5e-4)
