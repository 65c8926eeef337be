"""``Model``: the object users hold, a :class:`~bayesmm.model.MixedModel` with the verbs of every floor."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from bayesmm.estimate.estimate import Estimate
from bayesmm.estimate.fit import fit
from bayesmm.likelihood import MarginalLikelihood, describe_blocks
from bayesmm.model import MixedModel
from bayesmm.sheet import Sheet, Table

if TYPE_CHECKING:
    import pymc as pm

    from bayesmm.posterior import Posterior


class Model(MixedModel):
    __doc__ = (
        (MixedModel.__doc__ or "")
        + """
    Examples
    --------
    >>> import bayesmm as bmm
    >>> model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
    >>> model.design.X.shape, model.design.Z.shape
    ((180, 2), (180, 36))
    >>> model.fit().beta.round(3).to_dict()
    {'Intercept': 251.405, 'Days': 10.467}
    """
    )

    @cached_property
    def likelihood(self) -> MarginalLikelihood:
        """The exact marginal likelihood of the variance parameters; formed once, used by every fit.

        ``model.likelihood.criterion(phi, reml=True)`` and ``.criterion_and_gradient`` are open to any search
        or sampler; ``.internal(theta)`` and ``.external(phi)`` change between its parameters and lme4's θ.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> round(model.likelihood.criterion(model.likelihood.internal([0.7525807]), reml=False), 4)
        327.3271
        """
        return MarginalLikelihood(self.design)

    def blocks(self) -> Sheet:
        """How the model's matrices will be factored: order, kinds of block, memory and work."""
        return describe_blocks(self.likelihood.layout)

    def fit(self, *, reml: bool = True) -> Estimate:
        """The point estimate: REML, or ML with ``reml=False``.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> round(model.fit(reml=False).criterion, 4)
        327.3271
        """
        return fit(self, reml=reml, likelihood=self.likelihood)

    def sample(self, **options: Any) -> Posterior:
        """The posterior of the same model; see :func:`bayesmm.posterior.sample` for the options."""
        from bayesmm.posterior import sample

        return sample(self, likelihood=self.likelihood, **options)

    def to_pymc(self) -> pm.Model:
        """The hierarchical model as a PyMC model, to look at or to extend.

        y ~ N(Xβ + Zb, σ²W⁻¹), with the random effects of each bar multivariate normal through the Cholesky
        factor of their correlations, non-centred.
        """
        from bayesmm.posterior import to_pymc

        return to_pymc(self)

    def describe(self) -> Sheet:
        """The model as a page: formula, sizes, terms, priors."""
        return model_sheet(self)

    def __repr__(self) -> str:
        return str(self.describe())

    def _repr_html_(self) -> str:
        return self.describe()._repr_html_()


def model_sheet(model: MixedModel) -> Sheet:
    """Formula, sizes, random terms and priors of a model."""
    import pandas as pd

    design = model.design
    facts = [
        ("Formula", str(design.formula)),
        ("Family", f"{model.family.name}, {model.family.link} link"),
        ("X", f"{design.n} × {design.p}: {', '.join(design.names)}"),
        ("Z", f"{design.n} × {design.q}"),
    ]
    terms = pd.DataFrame(
        {
            "columns": [", ".join(term.columns) for term in design.terms],
            "levels": [len(term.factor) for term in design.terms],
            "effects": [term.k * len(term.factor) for term in design.terms],
            "covariance": [term.covariance.name for term in design.terms],
        },
        index=[f"({term.label})" for term in design.terms],
    )
    priors = pd.DataFrame(
        {"prior": [str(prior) for prior in model.priors.values()]}, index=list(model.priors)
    )
    return Sheet(
        title="Linear mixed model",
        facts=(*facts, *design.facts.items()),
        tables=(Table("Random terms", terms), Table("Priors", priors)),
    )
