"""How a result shows itself: facts, tables and notes; each way of writing them is one file."""

from bayesmm.sheet.sheet import Sheet
from bayesmm.sheet.table import Table
from bayesmm.sheet.text import LINE, broken

__all__ = ["LINE", "Sheet", "Table", "broken"]
