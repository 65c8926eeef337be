"""R-hat and effective sample sizes of all scalars at once are ArviZ's, one by one."""

import time

import numpy as np
import pytest
import xarray as xr
from arviz_stats.base import array_stats
from scipy.signal import lfilter

from bayesmm.posterior import certify
from bayesmm.sampling.mixing import mixing_of


def autoregressive(rho: float, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    return lfilter([1.0], [1.0, -rho], rng.normal(size=shape), axis=-1)


def with_repeats(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """As Metropolis–Hastings leaves them: draws that stay for some time."""
    draws = rng.normal(size=shape)
    stay = rng.random(shape) < 0.4
    for j in range(1, shape[-1]):
        draws[..., j] = np.where(stay[..., j], draws[..., j - 1], draws[..., j])
    return draws


def cases(chains: int, draws: int) -> np.ndarray:
    rng = np.random.default_rng(draws)
    shape = (3, chains, draws)
    found = [rng.normal(size=shape), rng.standard_cauchy(size=shape), with_repeats(rng, shape)]
    found += [autoregressive(rho, shape, rng) for rho in (0.3, 0.9, 0.999, -0.5, -0.95)]
    found.append(rng.normal(size=shape) + np.arange(chains)[:, None])  # chains that disagree
    found.append(rng.integers(0, 2, size=shape).astype(float))  # all but ties
    found.append(np.cumsum(rng.normal(size=shape), axis=-1))  # a random walk
    found.append(np.tile((-1.0) ** np.arange(draws), (1, chains, 1)))  # to and fro
    return np.concatenate(found)


@pytest.mark.parametrize(("chains", "draws"), [(4, 1000), (2, 251), (1, 400), (4, 8), (3, 9), (2, 10)])
@pytest.mark.parametrize("prob", [0.89, 0.5])
def test_they_are_arvizs(chains, draws, prob):
    x = cases(chains, draws)
    found = mixing_of(x, prob)
    for ess, method in ((found.ess_bulk, "bulk"), (found.ess_tail, "tail")):
        wanted = array_stats.ess(x, method=method, prob=prob if method == "tail" else None)
        np.testing.assert_allclose(ess, wanted, rtol=1e-12)
    if chains > 1:
        with np.errstate(all="ignore"):  # of what goes to and fro
            np.testing.assert_allclose(found.rhat, array_stats.rhat(x), rtol=1e-12)


def test_a_single_value_has_no_rhat():
    found = mixing_of(np.ones((1, 4, 100)), 0.89)
    assert np.isnan(found.rhat[0])
    assert found.ess_bulk[0] == 400


def test_a_certificate_of_320_effects_is_quick():
    draws = np.random.default_rng(1).normal(size=(4, 1000, 320))
    effects = xr.Dataset({"1|g": (("chain", "draw", "g__factor_dim"), draws)})
    data = xr.DataTree.from_dict({"posterior": effects})
    start = time.process_time()
    mixing_of(np.moveaxis(draws, -1, 0), 0.89)
    ours = time.process_time() - start
    start = time.process_time()
    array_stats.rhat(draws, chain_axis=0, draw_axis=1)
    array_stats.ess(draws, chain_axis=0, draw_axis=1)
    array_stats.ess(draws, chain_axis=0, draw_axis=1, method="tail", prob=0.89)
    assert ours < 0.6 * (time.process_time() - start)
    assert certify(data).ok
