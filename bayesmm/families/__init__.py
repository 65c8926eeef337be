"""Response distributions and their links, grouped by kind of outcome."""

from bayesmm.families.continuous import Gaussian
from bayesmm.families.family import Family

FAMILIES: dict[str, type[Family]] = {family.name: family for family in (Gaussian,)}

__all__ = ["FAMILIES", "Family", "Gaussian"]
