"""What was asked for, checked before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bayesmm.design import Design, RandomTerm
from bayesmm.errors import ModelError, near_matches
from bayesmm.posterior import Posterior
from bayesmm.results.same_model import difference, difference_in_file


def check_posterior(posterior: Any, design: Design) -> None:
    """Whether it is a posterior, and of the model that the design belongs to."""
    if not isinstance(posterior, Posterior):
        raise ModelError(
            f"posterior is a {type(posterior).__name__}",
            expected="a Posterior of the same model, or None",
            advice="posterior=model.sample()",
        )
    if posterior.model is None:
        other = difference_in_file(design, posterior.data)
    else:
        other = difference(design, posterior.model.design)
    if other is not None:
        raise ModelError(
            f"the posterior is of {other}, the estimate of '{design.formula}'",
            expected="two answers for the same model",
            advice="take both from one Model",
        )


def chosen_group(design: Design, group: str | None, *, columns: int = 1) -> str:
    """The grouping factor asked for; the first one with so many columns of random effects where none is."""
    if group is not None:
        design.terms_of(group)
        return group
    rich = (name for name in design.factors if len(columns_of(design, name)) >= columns)
    return next(rich, next(iter(design.factors)))


def title_of(design: Design, group: str, rest: str = "") -> str:
    """A title that names the grouping factor where the model has several."""
    named = [group] if len(design.factors) > 1 else []
    return ": ".join([*named, *([rest] if rest else [])])


def columns_of(design: Design, group: str) -> list[tuple[RandomTerm, int]]:
    """The columns of random effects of a group: the term and the position in it, one after another."""
    return [(term, i) for term in design.terms_of(group) for i in range(term.k)]


def chosen_columns(design: Design, group: str, columns: Iterable[str] | None, n: int) -> list[str]:
    """The ``n`` columns of random effects asked for; the first ones where none are."""
    known = [term.columns[i] for term, i in columns_of(design, group)]
    wanted = known[:n] if columns is None else [columns] if isinstance(columns, str) else list(columns)
    for name in wanted:
        if name not in known:
            raise ModelError(
                f"'{group}' has no random effects of {name!r}",
                expected=f"columns among {', '.join(map(repr, known))}",
                advice=near_matches(name, known),
            )
    if len(wanted) != n or len(set(wanted)) != n:
        raise ModelError(
            f"{len(wanted)} columns of random effects of '{group}': {', '.join(map(repr, wanted))}",
            expected=f"{n} different ones",
            advice=f"among {', '.join(map(repr, known))}" if len(known) >= n else "plot_effects",
        )
    return wanted
