"""p(y | λ, σ) with b and β integrated out, as a PyTensor operation with its gradient.

One operation gives the value and all derivatives, because a sampler asks for both at every point and they
share the factorization. Its inputs are λ, log σ and the two arrays that
:func:`bayesmm.blocks.packed.pack` makes, so that the operation itself holds nothing: it can be pickled,
and one compiled function serves models of any size. In numba's mode the compiled kernel is called directly,
without Python; in any other through ``perform``.

This module imports PyTensor; the rest of the package imports it within functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type, grad_not_implemented
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from bayesmm.blocks.kernels import density
from bayesmm.likelihood import IntegratedLikelihood


class MarginalLogLikelihood(Op):
    """(λ, log σ, whole, real) → log p(y | λ, σ), its gradient in λ, its derivative in log σ.

    λ are the groups' relative factors in the whitened coordinates, flat, (G k_max k_max,).
    Where the density can't be computed the value is −∞ and the derivatives are zero. Second derivatives are
    not to be had.
    """

    __props__ = ()

    def make_node(self, lam: Any, log_sigma: Any, whole: Any, real: Any) -> Apply:
        """The operation on its inputs; λ and log σ are taken in double precision."""
        inputs = [
            pt.cast(pt.as_tensor(lam), "float64"),
            pt.cast(pt.as_tensor(log_sigma), "float64"),
            pt.as_tensor(whole),
            pt.as_tensor(real),
        ]
        wanted = [(1, "float64"), (0, "float64"), (1, "int64"), (1, "float64")]
        if [(x.type.ndim, x.type.dtype) for x in inputs] != wanted:
            raise TypeError("λ flat, log σ, and the arrays of int64 and float64 that pack() makes")
        return Apply(self, inputs, [pt.dscalar(), inputs[0].type(), pt.dscalar()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: list[list[Any]]) -> None:
        """The values, by the compiled kernel."""
        lam, log_sigma, whole, real = inputs
        gradient = np.empty(len(lam) + 1)
        value = density.log_density(whole, real, np.array(lam), float(log_sigma), gradient)
        found = (np.asarray(value), gradient[:-1].copy(), np.asarray(gradient[-1]))
        for storage, output in zip(output_storage, found, strict=True):
            storage[0] = output

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """The outputs vary with λ and log σ; the arrays stand for the data."""
        return [[True] * 3, [True] * 3, [False] * 3, [False] * 3]

    def pullback(
        self, inputs: Sequence[Variable], outputs: Sequence[Variable], cotangents: Sequence[Variable]
    ) -> list[Variable]:
        """The value's derivatives are the other two outputs."""
        of_value, *of_derivatives = cotangents
        data = [disconnected_type(), disconnected_type()]
        if not all(isinstance(each.type, DisconnectedType) for each in of_derivatives):
            why = "second derivatives of the marginal likelihood"
            return [*(grad_not_implemented(self, i, inputs[i], why) for i in (0, 1)), *data]
        return [of_value * outputs[1], of_value * outputs[2], *data]


def log_likelihood(integrated: IntegratedLikelihood, lam: Any, log_sigma: Any) -> Any:
    """log p(y | λ, σ) as a scalar PyTensor variable.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.design import build_design
    >>> from bayesmm.likelihood import MarginalLikelihood
    >>> design = build_design("Yield ~ 1 + (1 | Batch)", load_data("Dyestuff"))
    >>> integrated = IntegratedLikelihood(MarginalLikelihood(design), np.array([1500.0]), np.eye(1) / 1e4)
    >>> value = log_likelihood(integrated, [0.8], np.log(50.0)).eval(mode="FAST_COMPILE")
    >>> bool(np.isclose(value, integrated.log_density(np.full((1, 1, 1), 0.8), np.log(50.0))[0]))
    True
    """
    whole, real = (pytensor.shared(array, borrow=True) for array in integrated.packed)
    return MarginalLogLikelihood()(lam, log_sigma, whole, real)[0]


@register_funcify_default_op_cache_key(MarginalLogLikelihood)
def _compile(op: MarginalLogLikelihood, node: Apply | None = None, **options: Any) -> tuple[Callable, int]:
    """What numba compiles in the operation's place, a call by the kernel's symbol, and its version."""
    log_density = density.external()

    @numba_njit
    def marginal_log_likelihood(lam, log_sigma, whole, real):  # noqa: ANN001, ANN202
        d = lam.shape[0]
        point, gradient, by_lam = np.empty(d), np.empty(d + 1), np.empty(d)
        for i in range(d):
            point[i] = lam[i]
        value = log_density(whole.ctypes, real.ctypes, point.ctypes, log_sigma.item(), gradient.ctypes)
        for i in range(d):
            by_lam[i] = gradient[i]
        return np.asarray(value), by_lam, np.asarray(gradient[d])

    return marginal_log_likelihood, 3
