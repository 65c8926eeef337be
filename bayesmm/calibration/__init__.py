"""Whether the sampler is right for a model: simulation-based calibration, with a verdict."""

from bayesmm.calibration.result import Calibration
from bayesmm.calibration.simulation import verify

__all__ = ["Calibration", "verify"]
