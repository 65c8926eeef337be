"""Posteriors of made-up draws: predictions need draws, not a sampler."""

from __future__ import annotations

import warnings

import numpy as np

import bayesmm as bmm
from bayesmm.design.naming import name_parameters
from bayesmm.errors import DesignNotice
from bayesmm.posterior import build_tree
from tests.designs import CASES, simulated


def model_of(name: str) -> bmm.Model:
    """The model of a named case."""
    case = CASES[name]
    data = simulated() if case.data == "simulated" else bmm.load_data(case.data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DesignNotice)
        return bmm.Model(case.formula, data, **case.options)


def made_up_posterior(model: bmm.Model, chains: int = 2, draws: int = 5, seed: int = 3) -> bmm.Posterior:
    """Arbitrary draws under the right names: positive sds, correlations that go together."""
    names = name_parameters(model.design)
    rng = np.random.default_rng(seed)
    sizes = {dim: len(labels) for dim, labels in names.coords.items()}
    values = {
        name: rng.normal(size=(chains, draws, *(sizes[dim] for dim in dims)))
        for name, dims in names.dims.items()
    }
    values["sigma"] = rng.gamma(5.0, size=(chains, draws))
    for term in names.terms:
        k = len(term.sd_owner)
        for effect in term.effects:
            values[effect.sd] = rng.gamma(5.0, size=values[effect.sd].shape)
        if term.sd_shared:
            for effect in term.effects:
                values[effect.sd][:] = values[term.effects[0].sd].reshape(chains, draws, -1)[..., :1]
        if term.corr is not None:
            A = rng.normal(size=(chains, draws, k, k + 2))
            S = A @ A.swapaxes(-1, -2)
            d = np.sqrt(np.einsum("...ii->...i", S))
            R = S / d[..., :, None] / d[..., None, :]
            values[term.corr] = np.stack([R[..., i, j] for i, j in term.covariance.pairs], axis=-1)
    return bmm.Posterior(build_tree(model, values, method="marginal", seed=seed), model)


def flat(posterior: bmm.Posterior, name: str) -> np.ndarray:
    """(draws of all chains, …) of a variable."""
    array = posterior.data["posterior"][name].to_numpy()
    return array.reshape(-1, *array.shape[2:])


def beta_of(posterior: bmm.Posterior) -> np.ndarray:
    """(S, p) in the order of X, by the names of its columns."""
    design = posterior.model.design
    columns = []
    for term in name_parameters(design).fixed:
        values = flat(posterior, term.name)
        columns += [values] if values.ndim == 1 else list(values.T)
    return np.column_stack(columns) if columns else np.zeros((len(flat(posterior, "sigma")), 0))


def effects_of(posterior: bmm.Posterior) -> np.ndarray:
    """(S, q) in the order of Z: by term, level by level."""
    S = len(flat(posterior, "sigma"))
    parts = []
    for term in name_parameters(posterior.model.design).terms:
        rows = []
        for effect in term.effects:
            values = flat(posterior, effect.name)
            rows.append(values[:, None, :] if values.ndim == 2 else values)
        parts.append(np.concatenate(rows, axis=1).swapaxes(1, 2).reshape(S, -1))
    return np.hstack(parts)


def covariances_of(posterior: bmm.Posterior, term: int) -> np.ndarray:
    """(S, k, k) G of one term at each draw, from its named sds and correlations."""
    named = name_parameters(posterior.model.design).terms[term]
    sd = np.column_stack([flat(posterior, effect.sd) for effect in named.effects])
    R = np.tile(np.eye(sd.shape[1]), (len(sd), 1, 1))
    if named.corr is not None:
        for values, (i, j) in zip(flat(posterior, named.corr).T, named.covariance.pairs, strict=True):
            R[:, i, j] = R[:, j, i] = values
    return sd[:, :, None] * sd[:, None, :] * R
