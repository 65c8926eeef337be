"""One blocked factorization of K = Λ'[Z X y]'[Z X y]Λ + I: no statistics, no names, no formulas."""

from bayesmm.blocks.cross_product import CrossProduct, Group, Pair, Whitened, combination
from bayesmm.blocks.describe import check_memory, describe_blocks
from bayesmm.blocks.factorization import Factorization
from bayesmm.blocks.layout import Layout
from bayesmm.blocks.order import layout_of
from bayesmm.blocks.pattern import Pattern

__all__ = [
    "CrossProduct",
    "Factorization",
    "Group",
    "Layout",
    "Pair",
    "Pattern",
    "Whitened",
    "check_memory",
    "combination",
    "describe_blocks",
    "layout_of",
]
