"""The certificate on made-up chains, good and bad."""

import numpy as np
import pytest
import xarray as xr

from bayesmm.posterior import certify

RNG = np.random.default_rng(1)


def good(chains=4, draws=1000):
    return RNG.normal(size=(chains, draws))


def data_of(stats=None, **variables):
    dims = ("chain", "draw", "k")
    groups = {"posterior": xr.Dataset({n: (dims[: v.ndim], v) for n, v in variables.items()})}
    if stats is not None:
        groups["sample_stats"] = xr.Dataset({n: (dims[: v.ndim], v) for n, v in stats.items()})
    return xr.DataTree.from_dict(groups)


def stats_of(divergences=0, hits=0, chains=4, draws=1000):
    diverging, reached = (np.zeros((chains, draws), dtype=bool) for _ in range(2))
    diverging.ravel()[:divergences] = True
    reached.ravel()[:hits] = True
    return {"diverging": diverging, "reached_max_treedepth": reached, "energy": good(chains, draws)}


def test_good_chains():
    certificate = certify(data_of(stats_of(), x=good(), y=good()))
    assert certificate.ok
    assert certificate.divergences == 0
    assert certificate.rhat < 1.01
    assert min(certificate.ess_bulk, certificate.ess_tail) > 2000
    assert certificate.bfmi > 0.9
    assert certificate.advice == ()
    assert certificate.verdict.startswith("The draws can be used")
    assert "0 divergent transitions" in str(certificate)


def test_chains_that_disagree():
    moved = good() + np.array([0, 0, 0, 2.0])[:, None]
    certificate = certify(data_of(x=good(), y=moved))
    assert not certificate.ok
    assert certificate.rhat_at == "y"
    assert certificate.rhat > 1.1
    assert "the chains disagree on 'y'" in certificate.verdict
    assert certificate.advice == ("twice the tune and draws",)


def test_a_slow_walk_has_a_small_effective_sample_size():
    walk = np.cumsum(good(), axis=1)
    walk = walk - 0.9 * np.concatenate([np.zeros((4, 1)), walk[:, :-1]], axis=1)
    slow = np.stack([good(), walk], axis=-1)
    certificate = certify(data_of(slow=slow))
    assert not certificate.ok
    assert certificate.ess_bulk_at == "slow[1]"
    assert certificate.ess_bulk < 400
    assert "of 400 needed" in certificate.verdict


def test_the_threshold_follows_the_number_of_chains():
    assert "of 200 needed" in certify(data_of(x=good(2, 50))).verdict


@pytest.mark.parametrize(("count", "words"), [(1, "1 transition diverged"), (5, "5 transitions diverged")])
def test_divergences(count, words):
    certificate = certify(data_of(stats_of(divergences=count), x=good()))
    assert not certificate.ok
    assert certificate.divergences == count
    assert words in certificate.verdict
    assert any("target_accept" in advice for advice in certificate.advice)


def test_what_only_deserves_advice():
    stats = stats_of(hits=7)
    stats["energy"] = np.cumsum(good(), axis=1)
    certificate = certify(data_of(stats, x=good()))
    assert certificate.ok
    assert certificate.treedepth_hits == 7
    assert certificate.bfmi < 0.3
    assert len(certificate.advice) == 2


def test_labels_name_the_component_at_fault():
    values = np.stack([good(), good() + 3 * np.arange(4)[:, None]], axis=-1)
    tree = data_of(v=values)
    tree["posterior"] = xr.DataTree(tree["posterior"].dataset.assign_coords(k=["a", "b"]))
    assert certify(tree).rhat_at == "v[b]"


def test_constants_are_set_apart():
    certificate = certify(
        data_of(x=good(), one=np.ones((4, 1000)), v=np.stack([good(), np.ones((4, 1000))], -1))
    )
    assert certificate.ok, str(certificate)
    assert certificate.constant == ("one",)


def test_each_chain_stuck_at_its_own_place():
    certificate = certify(data_of(x=good(), stuck=np.ones((4, 1000)) * np.arange(4)[:, None]))
    assert not certificate.ok
    assert certificate.rhat_at == "stuck"


def test_nothing_moves():
    certificate = certify(data_of(x=np.ones((4, 1000))))
    assert not certificate.ok
    assert "no variable ever changed" in certificate.verdict


def test_values_that_are_not_finite():
    broken = good()
    broken[2, 3] = np.nan
    certificate = certify(data_of(x=good(), y=broken))
    assert not certificate.ok
    assert "'y' has values that are not finite" in certificate.verdict


def test_one_chain_is_judged_by_its_halves():
    assert certify(data_of(x=good(1, 1000))).ok
    drifting = good(1, 1000) + np.linspace(0, 3, 1000)
    certificate = certify(data_of(x=drifting))
    assert not certificate.ok
    assert certificate.rhat > 1.1


@pytest.mark.parametrize("chains", [1, 4])
def test_too_few_draws(chains):
    certificate = certify(data_of(x=good(chains, 5)))
    assert not certificate.ok
    assert "5 draws a chain are too few to tell" in certificate.verdict
    assert np.isnan(certificate.rhat)


@pytest.mark.parametrize("chains", [1, 4])
@pytest.mark.parametrize("draws", [8, 9, 15])
def test_few_draws_can_be_judged(chains, draws):
    certificate = certify(data_of(x=good(chains, draws)))
    assert not certificate.ok
    assert np.isfinite(certificate.rhat)


def test_a_sampler_without_statistics():
    certificate = certify(data_of(x=good()))
    assert certificate.ok
    assert (certificate.divergences, certificate.treedepth_hits, certificate.bfmi) == (None, None, None)
    assert "divergent" not in str(certificate)
