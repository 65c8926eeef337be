"""Pictures of a model, its estimate and its posterior, on matplotlib.

Each function returns its figure and draws on the axes given as ``ax=``, if any. What ArviZ draws from a
DataTree (traces, forests, predictive checks, …) is left to ArviZ: ``arviz.plot_trace(posterior.data)``.
"""

from bayesmm.plots.correlation import plot_correlation
from bayesmm.plots.effects import plot_effects
from bayesmm.plots.lines import plot_lines
from bayesmm.plots.matrices import plot_matrices
from bayesmm.plots.posterior_and_estimate import plot_posterior_and_estimate
from bayesmm.plots.profile import plot_profile
from bayesmm.plots.residuals import plot_residuals
from bayesmm.plots.shrinkage import plot_shrinkage

__all__ = [
    "plot_correlation",
    "plot_effects",
    "plot_lines",
    "plot_matrices",
    "plot_posterior_and_estimate",
    "plot_profile",
    "plot_residuals",
    "plot_shrinkage",
]
