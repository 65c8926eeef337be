"""The notation with bracketed indices, for grouping factors that don't form a chain.

Row i belongs to level j[i] of one factor and to level k[i] of another: y_i = β₀ + β₁ x_i + u_j[i] + v_k[i]
+ e_i (Gelman & Hill 2007, chapter 11 and section 13.5). A predictor that is constant within the levels of a
factor has that factor's index: w_j[i].
"""

from __future__ import annotations

from bayesmm.equations.notation import FixedColumn, Frame, Notation, RandomColumn, numbers
from bayesmm.equations.parts import INTERCEPT
from bayesmm.equations.tree import Symbol


def crossed_notation(frame: Frame) -> Notation:
    """The notation by bracketed indices."""
    design = frame.design
    numbered: dict[str, int] = {INTERCEPT: 0}
    for name in (*design.names, *(name for term in design.terms for name in term.columns)):
        numbered.setdefault(name, len(numbered))
    fixed = tuple(
        FixedColumn(j, name, Symbol("β", numbers((numbered[name],))), frame.fixed[j])
        for j, name in enumerate(design.names)
    )
    columns, labels = [], []
    for t, term in enumerate(design.terms):
        g, group = frame.group_of(t)
        alone = sum(other.k for other in design.terms_of(term.group)) == 1
        own, own_labels = [], []
        for c, name in enumerate(term.columns):
            label = () if alone else numbers((numbered[name],))
            comma = (",",) if label and len(label[0]) > 1 else ()
            effect = Symbol(group.effect, (*label, *comma, *frame.grouping.subscripts(g + 1)))
            plain = Symbol(group.effect, (*label, *comma, group.index))
            own.append(RandomColumn(name, effect, plain, frame.random[t][c], ()))
            own_labels.append(label)
        columns.append(tuple(own))
        labels.append(tuple(own_labels))
    return frame.finish(fixed, fixed, columns, labels, ())
