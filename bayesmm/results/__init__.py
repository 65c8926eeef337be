"""What every fitted model can be asked, whichever way it was fitted, and the tables it answers with."""

from bayesmm.results.fitted import Fitted
from bayesmm.results.parameters import ScalarParameter, find_parameter, scalar_parameters
from bayesmm.results.values import Values

__all__ = ["Fitted", "ScalarParameter", "Values", "find_parameter", "scalar_parameters"]
