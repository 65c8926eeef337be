"""Three routes to one posterior: importance proposals, NUTS on the marginal density, NUTS on the whole model.

The first two share the likelihood and differ in the sampler; the third shares nothing with them but the
model's definition. Means, standard deviations and quantiles have to agree within Monte Carlo error.
"""

import numpy as np
import pytest

from bayesmm.posterior import sample
from tests.posterior.conftest import model_of

MODELS = {
    "Dyestuff": "Yield ~ 1 + (1 | Batch)",
    "sleepstudy": "Reaction ~ Days + (Days | Subject)",
    "Penicillin": "diameter ~ 1 + (1 | plate) + (1 | sample)",
    "Pastes": "strength ~ 1 + (1 | batch/cask)",
    "Oats": "yield ~ nitro + (1 | Block/Variety)",
    "Orthodont": "distance ~ age + (age || Subject)",
    "cake": "angle ~ recipe + (1 | replicate)",
    "Exam": "normexam ~ standLRT + (standLRT | school)",
}


def assert_agree(first, second):
    """Every scalar of the posterior, random effects included, within five Monte Carlo errors.

    With several hundred comparisons, five standard errors (two-sided 6e-7) are not passed by chance.
    """
    import arviz as az

    for name in first.data["posterior"].data_vars:
        values = [posterior.data["posterior"][name] for posterior in (first, second)]
        for summary, method in ((np.mean, "mean"), (np.std, "sd")):
            found = [summary(v.to_numpy(), axis=(0, 1)) for v in values]
            errors = [az.mcse(v, method=method)[name].to_numpy() for v in (x.to_dataset() for x in values)]
            z = np.abs(found[0] - found[1]) / np.hypot(*errors)
            assert np.max(z) < 5, (name, method, float(np.max(z)))


@pytest.mark.parametrize("data", ["Dyestuff", "sleepstudy", "Penicillin", "Pastes"])
def test_proposals_and_nuts_on_the_marginal_density(data):
    model = model_of(MODELS[data], data)
    options = {"draws": 500, "random_seed": 3, "progressbar": False}
    proposals = sample(model, **options)
    nuts = sample(model, method="marginal-nuts", tune=300, **options)
    assert (proposals.method, nuts.method) == ("marginal", "marginal-nuts")
    assert_agree(proposals, nuts)


@pytest.mark.slow
@pytest.mark.parametrize("data", MODELS)
def test_all_three(data):
    model = model_of(MODELS[data], data)
    options = {"draws": 4000, "random_seed": 3, "progressbar": False}
    proposals = sample(model, **options)
    nuts = sample(model, method="marginal-nuts", **options)
    whole = sample(model, method="nuts", target_accept=0.99, **options)
    for posterior in (proposals, nuts):
        assert posterior.certificate.ok, str(posterior.certificate)
    assert_agree(proposals, nuts)
    assert_agree(proposals, whole)
