"""The model as mathematics: by levels, in one equation, in matrices; as text, LaTeX and MathML."""

from bayesmm.equations.display import Display
from bayesmm.equations.statement import Equations, equations_of

__all__ = ["Display", "Equations", "equations_of"]
