"""Text to terms: a formula in lme4's language, or two-level equations, taken apart. No data, no numbers."""

from __future__ import annotations

from bayesmm.formula.levels import from_levels
from bayesmm.formula.parse import parse_formula
from bayesmm.formula.terms import Bar, Formula, LevelEquations

__all__ = ["Bar", "Formula", "LevelEquations", "from_levels", "parse_formula"]
