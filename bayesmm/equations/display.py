"""``Display``: equations under titles, shown as text, as LaTeX and as MathML."""

from __future__ import annotations

from dataclasses import dataclass

from bayesmm.equations.latex import display_latex, notebook_latex
from bayesmm.equations.mathml import display_html, display_mathml
from bayesmm.equations.page import Page
from bayesmm.equations.unicode import display_text


@dataclass(frozen=True)
class Display(Page):
    """Sections of equations, with a table of their symbols if there is one.

    ``print(display)`` writes them in Unicode, at most 100 columns wide; a notebook shows MathML.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
    >>> print(model.equations().combined)
    In one equation
    <BLANKLINE>
      Reactionᵢⱼ = γ₀₀ + γ₁₀ Daysᵢⱼ + u₀ⱼ + u₁ⱼ Daysᵢⱼ + eᵢⱼ
    """

    @property
    def text(self) -> str:
        """Unicode, at most 100 columns wide."""
        return display_text(self)

    @property
    def latex(self) -> str:
        """A piece of a LaTeX document that needs amsmath and amssymb only: titles, equations, symbols.

        Names with letters beyond Latin and Greek need XeLaTeX or LuaLaTeX.
        """
        return display_latex(self)

    @property
    def mathml(self) -> str:
        """One ``<math>`` element of presentation MathML Core, with the titles between the equations."""
        return display_mathml(self)

    @property
    def html(self) -> str:
        """A ``<div>`` with titles, MathML and the table of symbols; it needs neither scripts nor styles."""
        return display_html(self)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html

    def _repr_latex_(self) -> str:
        return notebook_latex(self)
