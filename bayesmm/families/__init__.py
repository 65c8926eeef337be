"""Response distributions and their links, one family a file."""

from bayesmm.families.contract import ByDispersion, Derivatives, Family, Response, Scales
from bayesmm.families.gaussian import Gaussian

FAMILIES: dict[str, type[Family]] = {family.name: family for family in (Gaussian,)}

__all__ = ["FAMILIES", "ByDispersion", "Derivatives", "Family", "Gaussian", "Response", "Scales"]
