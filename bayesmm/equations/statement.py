"""``Equations``: a model as mathematics, and ``equations_of``, which writes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bayesmm.equations.cluster_equation import cluster_section
from bayesmm.equations.crossed import crossed_notation
from bayesmm.equations.display import Display
from bayesmm.equations.filled import Values, filled_equation, values_of
from bayesmm.equations.level_equations import level_sections, written_together
from bayesmm.equations.matrix_equations import matrix_section
from bayesmm.equations.nested import nested_notation
from bayesmm.equations.notation import Frame, Notation
from bayesmm.equations.page import Entry, Section
from bayesmm.equations.prior_lines import prior_section
from bayesmm.equations.symbol_table import symbol_entries
from bayesmm.equations.unicode import inline, words_text
from bayesmm.model import MixedModel

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Equations:
    """A model as mathematics: level by level, in one equation, in matrices.

    ``print(equations)`` writes it in Unicode, a notebook shows it as MathML; ``.latex``, ``.mathml``,
    ``.html`` and ``.text`` give it as text. Each of ``.levels``, ``.combined``, ``.matrix`` and ``.priors``
    is a part that has all these too.

    Attributes
    ----------
    model
        The model.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
    >>> equations = model.equations(model.fit())
    >>> print(equations.combined)
    In one equation
    <BLANKLINE>
      Reactionᵢⱼ = 251.4 + 10.47 Daysᵢⱼ + u₀ⱼ + u₁ⱼ Daysᵢⱼ + eᵢⱼ
    >>> equations.symbols["value"].dropna().round(2).to_dict()
    {'γ₀₀': 251.41, 'γ₁₀': 10.47, 'τ₀': 24.74, 'τ₁': 5.92, 'τ₀₁': 9.6, 'σ': 25.59}
    """

    model: MixedModel
    _notation: Notation
    _values: Values | None
    _with_priors: bool

    @property
    def values(self) -> str | None:
        """What numbers stand in the place of symbols: ``"REML estimates"``; None for none."""
        return None if self._values is None else self._values.source

    @cached_property
    def levels(self) -> Display:
        """An equation for the rows, and for each level one for every coefficient of the level below.

        Where grouping factors are crossed, the equation of the rows and the distributions by factor.
        """
        return Display(level_sections(self._notation, self._values))

    @cached_property
    def combined(self) -> Display:
        """The levels put into each other: one equation of the rows."""
        line = filled_equation(self._notation.combined, self._notation, self._values)
        return Display((Section("In one equation", (line,)),))

    @cached_property
    def matrix(self) -> Display:
        """y = Xβ + Zb + e with the sizes of everything, b ~ N(0, G), e ~ N(0, R), V = ZGZ′ + R."""
        return Display((matrix_section(self._notation, self._values),))

    @cached_property
    def priors(self) -> Display:
        """The prior of every parameter, as distributions of the symbols."""
        return Display((prior_section(self.model, self._notation),))

    @cached_property
    def symbols(self) -> pd.DataFrame:
        """What each symbol is: ``kind, group, name, meaning`` and, with values, ``value``, by symbol.

        ``name`` is what the data or the results call it: a column, a coefficient of ``estimate.beta``, a
        column of ``estimate.ranef[group]``, a standard deviation in the posterior.
        """
        import pandas as pd

        rows = {
            inline(entry.symbol): {
                "kind": entry.kind,
                "group": entry.group,
                "name": entry.name,
                "meaning": words_text(entry.meaning),
                "value": float("nan") if entry.value is None else entry.value.value,
            }
            for entry in self._entries
        }
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.index.name = "symbol"
        return frame if self._values is not None else frame.drop(columns="value")

    def cluster(self, group: str, level: Any) -> Display:
        """One cluster's own equation, y_j = X_j β + Z_j b_j + e_j, with its numbers.

        Parameters
        ----------
        group
            The name of a grouping factor.
        level
            One of its levels, in the type that the data have.

        Raises
        ------
        DataError
            If there is no such group, or no such level of it.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> model = bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy"))
        >>> print(model.equations().cluster("Subject", 309))
        Subject 309 (10 rows)
        <BLANKLINE>
               yⱼ  =  Xⱼ   β  +  Zⱼ  bⱼ  +  eⱼ
              10×1   10×2 2×1   10×2 2×1   10×1
        <BLANKLINE>
          ⎡222.73⎤   ⎡1  0⎤         ⎡1  0⎤         ⎡e₁ⱼ  ⎤
          ⎢205.27⎥   ⎢1  1⎥         ⎢1  1⎥         ⎢e₂ⱼ  ⎥
          ⎢202.98⎥   ⎢1  2⎥ ⎡γ₀₀⎤   ⎢1  2⎥ ⎡u₀ⱼ⎤   ⎢e₃ⱼ  ⎥
          ⎢204.71⎥ = ⎢1  3⎥ ⎣γ₁₀⎦ + ⎢1  3⎥ ⎣u₁ⱼ⎦ + ⎢e₄ⱼ  ⎥
          ⎢  ⋮   ⎥   ⎢⋮  ⋮⎥         ⎢⋮  ⋮⎥         ⎢  ⋮  ⎥
          ⎣237.31⎦   ⎣1  9⎦         ⎣1  9⎦         ⎣e₁₀,ⱼ⎦
        """
        return Display((cluster_section(self._notation, group, level, self._values),))

    @cached_property
    def display(self) -> Display:
        """All of it, with the table of symbols."""
        design = self.model.design
        facts = [("Formula", str(design.formula))]
        if self._values is not None:
            facts.append(("Numbers", self._values.source))
        hidden = written_together(self._notation, self._values)
        parts = [self.levels]
        if self._notation.grouping.nested:
            parts.append(self.combined)
        parts.append(self.matrix)
        if self._with_priors:
            parts.append(self.priors)
        return Display(
            tuple(section for part in parts for section in part.sections),
            title="Equations of a linear mixed model",
            facts=(*facts, *design.facts.items()),
            entries=tuple(entry for entry in self._entries if entry.symbol not in hidden),
        )

    @property
    def text(self) -> str:
        """Unicode, at most 100 columns wide."""
        return self.display.text

    @property
    def latex(self) -> str:
        """A piece of a LaTeX document that needs amsmath and amssymb only."""
        return self.display.latex

    @property
    def mathml(self) -> str:
        """One ``<math>`` element of presentation MathML Core."""
        return self.display.mathml

    @property
    def html(self) -> str:
        """A ``<div>`` with titles, MathML and the table of symbols."""
        return self.display.html

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html

    def _repr_latex_(self) -> str:
        return self.display._repr_latex_()

    @cached_property
    def _entries(self) -> tuple[Entry, ...]:
        return symbol_entries(self._notation, self._values)


def equations_of(model: MixedModel, values: Any = None, *, priors: bool = False) -> Equations:
    """Write a model as mathematics, from its own columns, terms and levels.

    Parameters
    ----------
    model
        The model.
    values
        An Estimate or a Posterior of it, whose numbers take the place of coefficients and variances.
    priors
        Whether the whole, when shown, has the priors in it.

    Raises
    ------
    ModelError
        If ``values`` is something else, or of another model.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> model = bmm.Model("diameter ~ 1 + (1 | plate) + (1 | sample)", bmm.load_data("Penicillin"))
    >>> print(equations_of(model).levels)
    Rows (144)
    <BLANKLINE>
      diameterᵢ = β₀ + uⱼ[ᵢ] + vₖ[ᵢ] + eᵢ
             eᵢ ~ N(0, σ²)
    <BLANKLINE>
    plate (24 levels)
    <BLANKLINE>
      uⱼ ~ N(0, τᵤ²)
    <BLANKLINE>
    sample (6 levels)
    <BLANKLINE>
      vₖ ~ N(0, τᵥ²)
    """
    frame = Frame.of(model.design)
    notation = nested_notation(frame) if frame.grouping.nested else crossed_notation(frame)
    return Equations(model, notation, None if values is None else values_of(model, values), priors)
