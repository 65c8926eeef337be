"""Covariance structures: one a file, all behind the contract of :class:`Covariance`."""

from bayesmm.covariance.autoregressive import Autoregressive, HeterogeneousAutoregressive
from bayesmm.covariance.chart import Chart
from bayesmm.covariance.compound_symmetry import CompoundSymmetry, HeterogeneousCompoundSymmetry
from bayesmm.covariance.contract import Covariance, Shape
from bayesmm.covariance.diagonal import Diagonal
from bayesmm.covariance.identity import Identity
from bayesmm.covariance.linear import Linear
from bayesmm.covariance.toeplitz import HeterogeneousToeplitz, Toeplitz
from bayesmm.covariance.unstructured import Unstructured

STRUCTURES: dict[str, type[Covariance]] = {
    structure.name: structure
    for structure in (
        Unstructured,
        Diagonal,
        Identity,
        CompoundSymmetry,
        HeterogeneousCompoundSymmetry,
        Autoregressive,
        HeterogeneousAutoregressive,
        Toeplitz,
        HeterogeneousToeplitz,
    )
}
"""The structures by name: a new one is a class in a file of its own, and its name here."""


def structure_called(word: str) -> type[Covariance] | None:
    """The structure of a name, or of a word that formulas write before a bar; None if there is none.

    Examples
    --------
    >>> structure_called("us").name, structure_called("unstructured").name
    ('unstructured', 'unstructured')
    """
    return STRUCTURES.get(word) or next((s for s in STRUCTURES.values() if s.word == word), None)


def words() -> list[str]:
    """What formulas write before a bar, ``us(x | group)``: a structure's word, or its name."""
    return [structure.word or structure.name for structure in STRUCTURES.values()]


__all__ = [
    "STRUCTURES",
    "Autoregressive",
    "Chart",
    "CompoundSymmetry",
    "Covariance",
    "Diagonal",
    "HeterogeneousAutoregressive",
    "HeterogeneousCompoundSymmetry",
    "HeterogeneousToeplitz",
    "Identity",
    "Linear",
    "Shape",
    "Toeplitz",
    "Unstructured",
    "structure_called",
    "words",
]
