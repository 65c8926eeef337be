"""Terms × data → y, X, Z, and their cross-product."""

from bayesmm.design.build import build_design
from bayesmm.design.columns import Columns, TermColumns
from bayesmm.design.design import Cluster, Design
from bayesmm.design.factor import Factor
from bayesmm.design.random_term import RandomTerm
from bayesmm.design.rows import Rows, TermRows

__all__ = [
    "Cluster",
    "Columns",
    "Design",
    "Factor",
    "RandomTerm",
    "Rows",
    "TermColumns",
    "TermRows",
    "build_design",
]
