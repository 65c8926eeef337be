"""Continuous outcomes."""

from __future__ import annotations

from typing import ClassVar

from bayesmm.families.family import Family


class Gaussian(Family):
    """y_i ~ Normal(μ_i, σ²/w_i), μ = Xβ + Zb + offset."""

    name: ClassVar[str] = "gaussian"
    links: ClassVar[tuple[str, ...]] = ("identity",)
