"""``Model``: the object users hold, a :class:`~bayesmm.model.MixedModel` with the verbs of every floor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bayesmm.blocks import describe_blocks
from bayesmm.design.face import random_terms
from bayesmm.estimate.estimate import Estimate
from bayesmm.estimate.fit import fit
from bayesmm.model import MixedModel
from bayesmm.sheet import Sheet, Table

if TYPE_CHECKING:
    import numpy as np
    import pymc as pm
    import xarray as xr

    from bayesmm.equations import Equations
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
        return fit(self, reml=reml)

    def sample(
        self,
        draws: int = 1000,
        tune: int = 1000,
        chains: int = 4,
        random_seed: int | np.random.Generator | None = None,
        method: str = "auto",
        effects: str = "auto",
        progressbar: bool = True,
        target_accept: float = 0.9,
        cores: int | None = None,
    ) -> Posterior:
        """The posterior of the same model; :func:`bayesmm.posterior.sample` says what each option means."""
        from bayesmm.posterior import sample

        return sample(
            self,
            draws=draws,
            tune=tune,
            chains=chains,
            random_seed=random_seed,
            method=method,
            effects=effects,
            progressbar=progressbar,
            target_accept=target_accept,
            cores=cores,
        )

    def prior_predictive(self, draws: int = 500, random_seed: Any = None) -> xr.DataTree:
        """Draws of parameters and responses from the prior, by the names of the posterior; PyMC isn't used.

        Parameters
        ----------
        draws
            How many, in one chain.
        random_seed
            A whole number, a numpy Generator, or None.

        Returns
        -------
        DataTree
            With the groups ``prior``, ``prior_predictive`` and ``observed_data``.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> tree = model.prior_predictive(draws=200, random_seed=1)
        >>> list(tree.children), tree["prior"]["1|Batch"].dims
        (['prior', 'prior_predictive', 'observed_data'], ('chain', 'draw', 'Batch__factor_dim'))
        """
        from bayesmm.posterior.prior_draws import prior_predictive

        return prior_predictive(self, draws=draws, random_seed=random_seed)

    def to_pymc(self, *, marginal: bool = False) -> pm.Model:
        """The model as a PyMC model, to look at or to extend.

        Hierarchical: y ~ N(Xβ + Zb, σ²W⁻¹), with the random effects of each bar multivariate normal through
        the Cholesky factor of their correlations, non-centred.

        Parameters
        ----------
        marginal
            Whether b and β are integrated out, exactly: standard deviations, correlations and σ are left,
            with the same names. ``pm.sample`` in it, with terms of one's own if wanted, then
            :func:`bayesmm.recover` for β and b. It needs normal priors on the coefficients.

        Raises
        ------
        ModelError
            If ``marginal`` and the prior of a coefficient isn't normal.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff"))
        >>> [variable.name for variable in model.to_pymc(marginal=True).free_RVs]
        ['sigma', '1|Batch_sigma']
        """
        from bayesmm.posterior import to_pymc, to_pymc_marginal

        return to_pymc_marginal(self) if marginal else to_pymc(self)

    def equations(self, values: Estimate | Posterior | None = None, *, priors: bool = False) -> Equations:
        """The model as mathematics: by levels, in one equation, in matrices; one cluster's with its numbers.

        Parameters
        ----------
        values
            An estimate or a posterior of this model, whose numbers take the place of the symbols.
        priors
            Whether the priors are shown too.

        Raises
        ------
        ModelError
            If ``values`` is something else, or of another model.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
        >>> print(model.equations().levels)
        Level 1: rows (180)
        <BLANKLINE>
          Reactionᵢⱼ = β₀ⱼ + β₁ⱼ Daysᵢⱼ + eᵢⱼ
                 eᵢⱼ ~ N(0, σ²)
        <BLANKLINE>
        Level 2: Subject (18 levels)
        <BLANKLINE>
            β₀ⱼ = γ₀₀ + u₀ⱼ
            β₁ⱼ = γ₁₀ + u₁ⱼ
        <BLANKLINE>
          ⎡u₀ⱼ⎤    ⎛   ⎡τ₀²  τ₀₁⎤⎞
          ⎣u₁ⱼ⎦ ~ N⎝0, ⎣τ₀₁  τ₁²⎦⎠
        """
        from bayesmm.equations import equations_of

        return equations_of(self, values, priors=priors)

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
    priors = pd.DataFrame(
        {"prior": [str(prior) for prior in model.priors.values()]}, index=list(model.priors)
    )
    return Sheet(
        title="Linear mixed model",
        facts=(*facts, *design.facts.items()),
        tables=(Table("Random terms", random_terms(design)), Table("Priors", priors)),
    )
