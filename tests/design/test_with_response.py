"""A model of another response: everything else is shared, nothing is remembered."""

import numpy as np
import pytest

import bayesmm as bmm


@pytest.fixture
def model() -> bmm.Model:
    data = bmm.load_data("sleepstudy")
    data["w"] = 1.0 + data["Days"] % 3
    return bmm.Model("Reaction ~ Days + (Days | Subject)", data, weights="w", offset="Days")


def test_it_is_the_model_of_data_with_that_response(model: bmm.Model):
    model.fit()  # so that a likelihood of the old response is there to be mistaken for the new
    y = model.design.y[::-1] + np.arange(180.0)
    data = bmm.load_data("sleepstudy").assign(Reaction=y)
    data["w"] = 1.0 + data["Days"] % 3
    anew = bmm.Model("Reaction ~ Days + (Days | Subject)", data, weights="w", offset="Days")
    other = model.with_response(y)
    assert isinstance(other, bmm.Model)
    assert other.likelihood is not model.likelihood
    assert other.fit().criterion == pytest.approx(anew.fit().criterion, rel=1e-10)
    np.testing.assert_allclose(other.fit().beta, anew.fit().beta, rtol=1e-8)


def test_the_original_stays_as_it_was(model: bmm.Model):
    before, criterion = model.design.y.copy(), model.fit().criterion
    y = np.linspace(0.0, 1.0, 180)
    other = model.with_response(y)
    y[0] = 1e6
    np.testing.assert_array_equal(model.design.y, before)
    assert other.design.y[0] == 0.0
    assert not other.design.y.flags.writeable
    assert model.fit().criterion == criterion
    assert other.design.X is model.design.X
    assert other.design.weights is model.design.weights


def test_priors_are_not_scaled_anew(model: bmm.Model):
    assert model.with_response(1000.0 * model.design.y).priors == model.priors


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.arange(179.0), "an array of shape \\(179,\\)"),
        (np.ones((180, 1)), "an array of shape \\(180, 1\\)"),
        (np.ones(180), "1 in all 180 rows"),
        (np.append(np.arange(179.0), np.nan), "infinite or not a number in 1 rows"),
        (["a"] * 180, "not numbers"),
        (None, "an array of shape \\(\\)"),
    ],
)
def test_other_things_are_refused(model: bmm.Model, y: object, message: str):
    with pytest.raises(bmm.DataError, match=f"the new values of 'Reaction' are {message}"):
        model.with_response(y)
