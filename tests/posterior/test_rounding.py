"""A summary is rounded by the Monte Carlo error, in the table and on the page alike."""

import numpy as np
import pandas as pd
import pytest

from bayesmm.posterior import Posterior, sample
from bayesmm.posterior.rounding import rounded
from tests.posterior.conftest import model_of


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    return sample(
        model_of("Reaction ~ Days + (Days | Subject)", "sleepstudy"), random_seed=1, progressbar=False
    )


def test_the_table_and_the_page_show_the_same_numbers(posterior):
    table, page = posterior.summary(), str(posterior).split("\nParameters\n")[1]
    for name, row in table.iterrows():
        line = next(line for line in page.splitlines() if line.split()[:1] == [str(name).split()[0]])
        for column in ("mean", "sd", "eti89_lb", "eti89_ub"):
            assert f"{row[column]:.3f}" in line, (name, column)


def test_an_interval_is_never_rounded_to_a_point(posterior):
    """Where the sd is small beside the mean, ArviZ's own rounding gives 150 – 150."""
    raw = posterior.summary("Intercept", round_to="none")
    narrow = raw.assign(mean=149.52, sd=1.61, eti89_lb=146.83, eti89_ub=152.12, mcse_mean=0.026, mcse_sd=0.02)
    shown = rounded(narrow)
    assert (shown["eti89_lb"].iloc[0], shown["eti89_ub"].iloc[0]) == (146.83, 152.12)
    both = posterior.summary("Intercept")
    assert both["eti89_lb"].iloc[0] < both["mean"].iloc[0] < both["eti89_ub"].iloc[0]


def test_digits_are_those_that_the_error_leaves():
    table = pd.DataFrame(
        {"mean": [1234.5678, 0.123456], "mcse_mean": [2.0, 3e-9], "ess_bulk": [1234.5, 99.9]}
    )
    shown = rounded(table)
    assert shown["mean"].tolist() == [1235.0, 0.123456]  # errors this far apart: each row has its own
    assert shown["ess_bulk"].tolist() == [1234.0, 100.0]
    close = rounded(table.assign(mcse_mean=[0.2, 0.003]))
    assert close["mean"].tolist() == [1234.568, 0.123]


def test_what_has_no_error_is_shown_all_the_same():
    table = pd.DataFrame({"mean": [1.23456, np.nan], "sd": [0.5, np.nan]})
    assert rounded(table)["mean"].iloc[0] == 1.235


def test_one_asks_for_other_digits(posterior):
    assert (
        posterior.summary("sigma", round_to="none")["mean"].iloc[0]
        != posterior.summary("sigma")["mean"].iloc[0]
    )
