"""Estimates in files: as they were, and what is wrong with those that can't be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesmm as bmm
from tests.reference_models import fitted, model

SAVED = Path(__file__).parent.parent / "saved"
CASES = (
    "dyestuff",
    "dyestuff2_singular",
    "sleepstudy_slope",
    "sleepstudy_zerocorr",
    "pastes_nested",
    "orthodont_growth",
)


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("name", CASES)
def test_round_trip(name: str, method: str, tmp_path: Path):
    fit = fitted(name, method)
    path = fit.save(tmp_path / "fit.nc")
    again = bmm.Estimate.load(str(path), model(name))
    assert again.method == fit.method
    assert again.criterion == pytest.approx(fit.criterion, rel=1e-12)
    np.testing.assert_allclose(again.theta, fit.theta, rtol=1e-12, atol=1e-14)
    pd.testing.assert_series_equal(again.beta, fit.beta, rtol=1e-10)
    # a search takes the Hessian before its last step, 1e-5 standard errors away
    pd.testing.assert_series_equal(again.sdcor_se, fit.sdcor_se, rtol=1e-5)
    for group, effects in fit.ranef.items():
        pd.testing.assert_frame_equal(again.ranef[group], effects, rtol=1e-8, atol=1e-8)
    for part in ("ok", "verdict", "singular", "singular_directions", "restarts", "evaluations", "advice"):
        assert getattr(again.certificate, part) == getattr(fit.certificate, part)
    assert repr(again) == repr(fit)
    again.save(path)  # the file is closed after reading: it may be replaced


def test_a_file_of_the_first_version_still_loads():
    again = bmm.Estimate.load(SAVED / "estimate-0.1.0.nc", model("sleepstudy_slope"))
    assert again.criterion == pytest.approx(1743.628272, abs=1e-6)  # lme4's REML criterion
    assert again.certificate.ok
    assert again.predict({"Days": [9], "Subject": [308]})["mean"].iloc[0] == pytest.approx(430.7, abs=0.1)


def test_a_file_of_another_formula(tmp_path: Path):
    path = fitted("sleepstudy_slope", "REML").save(tmp_path / "fit.nc")
    with pytest.raises(
        bmm.ModelError, match=r"of 'Reaction ~ .*Intercept, Days; the model has 1, and Intercept"
    ):
        bmm.Estimate.load(path, model("dyestuff"))


def test_a_file_of_other_data(tmp_path: Path):
    formula, data = "Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy")
    path = bmm.Model(formula, data).fit().save(tmp_path / "fit.nc")
    other = bmm.Model(formula, data.assign(Reaction=data["Reaction"] + 1.0 * (data["Days"] == 3)))
    with pytest.raises(bmm.ModelError, match="has the criterion 1743"):
        bmm.Estimate.load(path, other)
    diagonal = bmm.Model(formula, data, covariance={"Subject": "diagonal"})
    with pytest.raises(bmm.ModelError, match="has 3 variance parameters"):
        bmm.Estimate.load(path, diagonal)


def test_a_file_of_a_posterior(tmp_path: Path):
    with pytest.raises(bmm.FileError, match=r"(?s)holds no estimate .*Posterior\.load reads this one"):
        bmm.Estimate.load(SAVED / "posterior-0.1.0.nc", model("sleepstudy_slope"))
    with pytest.raises(bmm.FileError, match=r"(?s)holds no posterior .*Estimate\.load reads this one"):
        bmm.Posterior.load(SAVED / "estimate-0.1.0.nc")


def test_no_file_no_folder_no_model(tmp_path: Path):
    with pytest.raises(bmm.FileError, match=r"(?s)there is no file .*Estimate\.save wrote"):
        bmm.Estimate.load(tmp_path / "none.nc", model("dyestuff"))
    with pytest.raises(bmm.FileError, match="can't be written"):
        fitted("dyestuff", "REML").save(tmp_path / "none" / "fit.nc")
    with pytest.raises(bmm.ModelError, match="the model that was fitted"):
        bmm.Estimate.load(SAVED / "estimate-0.1.0.nc", None)
