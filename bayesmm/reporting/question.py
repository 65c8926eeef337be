"""The question that a model answers, read off its formula."""

from __future__ import annotations

from bayesmm.design import Design
from bayesmm.design.naming import INTERCEPT
from bayesmm.reporting.layout import listed


def question_of(design: Design) -> str:
    """What the model asks, in a sentence.

    Examples
    --------
    >>> import bayesmm as bmm
    >>> question_of(bmm.Model("Reaction ~ Days + (Days | Subject)", bmm.load_data("sleepstudy")).design)
    'How does Reaction depend on Days, and how much do levels of Subject differ?'
    >>> question_of(bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")).design)
    'How much does Yield differ between levels of Batch?'
    """
    names = [term.name for term in design.fixed.terms if term.name != INTERCEPT]
    single = [name for name in names if ":" not in name] or names
    interactions = " and their interactions" if len(single) < len(names) else ""
    groups = listed([f"levels of {name}" for name in design.factors], most=4)
    response = design.response.strip("`")
    if not names:
        return f"How much does {response} differ between {groups}?"
    return (
        f"How does {response} depend on {listed(single, most=6)}{interactions}, "
        f"and how much do {groups} differ?"
    )
