"""Smoothing the weights of all rows at once gives what ArviZ gives row by row."""

import numpy as np
import pytest
import xarray as xr
from arviz_stats import loo as psis_loo
from arviz_stats.base import array_stats

from bayesmm.posterior import Posterior, sample
from bayesmm.posterior.leave_out import _worth_of_a_draw
from bayesmm.sampling.psis import smooth
from tests.posterior.conftest import model_of


@pytest.mark.parametrize(
    ("draws", "spread", "r_eff"),
    [(4000, 0.1, 1.0), (4000, 1.0, 0.7), (1000, 3.0, 1.3), (200, 1.0, 1.0), (200, 10.0, 0.3)],
)
def test_smoothed_weights_are_arvizs(draws, spread, r_eff):
    rng = np.random.default_rng(draws)
    log_p = rng.normal(size=(draws, 37)) * spread + 0.1 * rng.standard_t(3, size=(draws, 37)) - 50
    log_p = log_p[rng.integers(0, draws, draws)]  # a chain that repeats itself has ties
    log_p[:, 0] = np.round(log_p[:, 0])  # and its tail may be mostly ties
    found = smooth(log_p, r_eff)
    log_weights, khat = array_stats.psislw(log_p.T[:, None, :], r_eff=r_eff, axis=[1, 2])
    np.testing.assert_allclose(found.khat, khat, atol=1e-12)
    np.testing.assert_allclose(
        np.sort(found.log_weights, axis=1), np.sort(log_weights[:, 0], axis=1), atol=1e-12
    )
    for i in range(log_p.shape[1]):
        elpd, _, p = array_stats.loo(log_p[:, i][None], log_weights=log_weights[i], pareto_k=khat[i])
        assert found.elpd[i] == pytest.approx(elpd, abs=1e-12)
        assert found.lppd[i] - found.elpd[i] == pytest.approx(p, abs=1e-11)


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    return sample(
        model_of("Reaction ~ Days + (Days | Subject)", "sleepstudy"), random_seed=1, progressbar=False
    )


def test_a_draw_is_worth_what_arviz_says(posterior):
    from arviz_stats.loo.loo_helper import _get_r_eff

    draws = posterior.data["posterior"].to_dataset()
    tree = xr.DataTree.from_dict({"posterior": draws})
    assert _worth_of_a_draw(draws) == pytest.approx(_get_r_eff(tree, 4000), rel=1e-12)


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_the_whole_result_is_arvizs(posterior):
    ours = posterior.loo(integrated=False)
    theirs = psis_loo(posterior.log_likelihood().data, pointwise=True)
    assert type(ours) is type(theirs)
    for field in ("n_samples", "n_data_points", "scale", "warning", "good_k"):
        assert ours[field] == theirs[field], field
    for field in ("elpd", "se", "p"):
        assert ours[field] == pytest.approx(theirs[field], rel=1e-10), field
    np.testing.assert_allclose(ours.elpd_i, theirs.elpd_i, atol=1e-10)
    np.testing.assert_allclose(ours.pareto_k, theirs.pareto_k, atol=1e-10)
    weights = [np.sort(each.log_weights.to_numpy().reshape(180, -1), axis=1) for each in (ours, theirs)]
    np.testing.assert_allclose(
        *weights, atol=1e-10
    )  # sorted: of equal weights one may be taken for the other
    assert str(ours) == str(theirs)
    assert np.exp(ours.log_weights).sum(("chain", "draw")).to_numpy() == pytest.approx(1)


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_it_tells_how_far_it_is(posterior, monkeypatch):
    from bayesmm.posterior import leave_out

    told: list[tuple[str, int]] = []

    class Listening(leave_out.Progress):
        def advance(self, amount: int) -> None:
            told.append((self._stage, amount))

    monkeypatch.setattr(leave_out, "Progress", Listening)
    posterior.loo()
    posterior.loo("Subject", draws=200)
    for stage, total in (("densities", 180 * 4000 + 18 * 200), ("smoothing", 180 + 18)):
        assert sum(amount for which, amount in told if which == stage) == total
