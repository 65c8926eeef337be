"""Structured covariances against nlme and glmmTMB, where they fit the same model.

The files in ``tests/reference/structures`` say by which call of which version. A criterion may be lower than
theirs, never higher: their searches stop where ours goes on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesmm as bmm

FILES = sorted((Path(__file__).parents[1] / "reference" / "structures").glob("*.json"))
HIGHER = 1e-6
"""Deviance units that our criterion may be above theirs: rounding."""

every_reference = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
both_criteria = pytest.mark.parametrize("method", ["ml", "reml"])


def data_of(reference: dict[str, Any]) -> pd.DataFrame:
    data = bmm.load_data(reference["data"])
    for column in data.select_dtypes("category"):
        data[column] = pd.Categorical(data[column].astype(str))
    if "without" in reference:
        data = data[data["age"] != reference["without"]]
    if "times" in reference:
        times = reference["times"]
        data[times["column"]] = pd.Categorical(data[times["of"]].astype(str)).codes
    return data


@both_criteria
@every_reference
def test_estimates_are_those_of_the_peer_or_better(path: Path, method: str):
    reference = json.loads(path.read_text(encoding="utf-8"))
    expected = reference[method]
    fit = bmm.Model(reference["formula"], data_of(reference)).fit(reml=method == "reml")
    assert fit.certificate.ok
    assert not fit.singular
    assert fit.criterion <= expected["criterion"] + HIGHER
    assert fit.criterion == pytest.approx(expected["criterion"], abs=1e-4)
    assert fit.sigma == pytest.approx(expected["sigma"], rel=1e-3)
    np.testing.assert_allclose(fit.beta, list(expected["beta"].values()), rtol=1e-4, atol=1e-4)
    G = fit.covariances[0].to_numpy()
    sd = np.sqrt(np.diag(G))
    np.testing.assert_allclose(sd, expected["sd"], rtol=1e-3)
    np.testing.assert_allclose(G / np.outer(sd, sd), expected["correlation"], atol=1e-3)


def test_every_structure_that_a_peer_has_is_compared():
    formulas = [json.loads(path.read_text(encoding="utf-8"))["formula"] for path in FILES]
    for name in ("cs", "csh", "ar1", "toeph"):
        assert any(f" {name}(0 + " in formula for formula in formulas)
