"""The parameters of a model one number at a time, and where an estimate and a posterior have each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bayesmm.design import Design
from bayesmm.design.naming import Names, name_parameters, posterior_name
from bayesmm.errors import ModelError, near_matches


@dataclass(frozen=True)
class ScalarParameter:
    """One number among the parameters of a model.

    Attributes
    ----------
    label
        As in a summary of the posterior: ``Days``, ``Machine[B]``, ``1|Subject_sigma``,
        ``corr|Subject[1, Days]``, ``sigma``.
    kind
        ``"fixed"``, ``"sd"``, ``"corr"`` or ``"dispersion"``.
    variable, component
        The variable of the posterior, and the position within it (None for a scalar variable).
    row
        The position in ``Estimate.beta`` for a coefficient, otherwise the row of ``Estimate.varcorr``.
    term
        The position of the random term in the design, for a standard deviation or a correlation.
    columns
        The column of the term, or the two columns that correlate; none for a correlation of many columns.
    """

    label: str
    kind: str
    variable: str
    component: int | None
    row: int
    term: int | None = None
    columns: tuple[int, ...] = ()


def scalar_parameters(design: Design) -> tuple[ScalarParameter, ...]:
    """All parameters but the random effects: coefficients, sds and correlations term by term, dispersions.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.design import build_design
    >>> design = build_design("Reaction ~ Days + (Days | Subject)", load_data("sleepstudy"))
    >>> [parameter.label for parameter in scalar_parameters(design)][2:]
    ['1|Subject_sigma', 'Days|Subject_sigma', 'corr|Subject[1, Days]', 'sigma']
    """
    names = name_parameters(design)
    found = [
        ScalarParameter(label, "fixed", fixed.name, component, fixed.positions[i])
        for fixed in names.fixed
        for i, (label, component) in enumerate(_labels(names, fixed.name, fixed.dim))
    ]
    row = 0
    for t, term in enumerate(names.terms):
        for effect in term.effects:
            labels = _labels(names, effect.sd, effect.expr_dim)
            for (label, component), column in zip(labels, effect.positions, strict=True):
                found.append(ScalarParameter(label, "sd", effect.sd, component, row + column, t, (column,)))
        row += len(term.sd_owner)
        if term.corr is not None:
            structure = design.terms[t].covariance
            for m, (label, component) in enumerate(_labels(names, term.corr, term.corr_dim)):
                columns = structure.columns_of(m)
                found.append(ScalarParameter(label, "corr", term.corr, component, row, t, columns))
                row += 1
    for name in names.dispersions:
        found.append(ScalarParameter(name, "dispersion", name, None, row))
        row += 1
    return tuple(found)


def find_parameter(design: Design, name: str, kinds: tuple[str, ...]) -> ScalarParameter:
    """The parameter with a label, or that of a variable with one component.

    Raises
    ------
    ModelError
        If no parameter of these kinds is called so, or several are.

    Examples
    --------
    >>> from bayesmm.datasets import load_data
    >>> from bayesmm.design import build_design
    >>> design = build_design("Reaction ~ Days + (Days | Subject)", load_data("sleepstudy"))
    >>> find_parameter(design, "corr|Subject", ("sd", "corr")).label
    'corr|Subject[1, Days]'
    """
    known = [parameter for parameter in scalar_parameters(design) if parameter.kind in kinds]
    wanted = posterior_name(name) if isinstance(name, str) else name
    exact = [parameter for parameter in known if parameter.label == wanted]
    found = exact or [parameter for parameter in known if parameter.variable == wanted]
    if len(found) == 1:
        return found[0]
    labels = [parameter.label for parameter in (found or known)]
    raise ModelError(
        f"'{name}' is {len(found)} parameters" if found else f"there is no such parameter as {name!r}",
        expected=f"one of {', '.join(map(repr, labels))}",
        advice=f"one of them, such as {labels[0]!r}" if found else near_matches(name, labels),
    )


def _labels(names: Names, name: str, dim: str | None) -> Iterator[tuple[str, int | None]]:
    if dim is None:
        yield name, None
    else:
        for i, level in enumerate(names.coords[dim]):
            yield f"{name}[{level}]", i
