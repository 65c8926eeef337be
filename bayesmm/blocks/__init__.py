"""One blocked factorization of K = Λ'[Z X y]'[Z X y]Λ + I: no statistics, no names, no formulas."""

from bayesmm.blocks.cross_product import CrossProduct, Group, Pair, Whitened
from bayesmm.blocks.describe import check_memory, describe_blocks
from bayesmm.blocks.factorization import Factorization
from bayesmm.blocks.layout import Layout, layout_of

__all__ = [
    "CrossProduct",
    "Factorization",
    "Group",
    "Layout",
    "Pair",
    "Whitened",
    "check_memory",
    "describe_blocks",
    "layout_of",
]
