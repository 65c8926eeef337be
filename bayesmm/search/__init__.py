"""The least value of an objective within bounds, boundary included, and what is known of the place."""

from bayesmm.search.minimise import judge, minimise
from bayesmm.search.objective import Objective
from bayesmm.search.optimum import Optimum
from bayesmm.search.profile import Profile

__all__ = ["Objective", "Optimum", "Profile", "judge", "minimise"]
