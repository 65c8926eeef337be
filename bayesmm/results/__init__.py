"""What every fitted model can be asked, whichever way it was fitted."""

from bayesmm.results.parameters import ScalarParameter, find_parameter, scalar_parameters

__all__ = ["ScalarParameter", "find_parameter", "scalar_parameters"]
