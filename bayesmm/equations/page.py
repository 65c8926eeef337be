"""What the writers write: equations under titles, and a table of their symbols."""

from __future__ import annotations

from dataclasses import dataclass

from bayesmm.equations.tree import Equation, Number, Phrase, Symbol


@dataclass(frozen=True)
class Section:
    """A title with equations under it, and sentences under these."""

    title: str
    equations: tuple[Equation, ...]
    notes: tuple[Phrase, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One line of the symbols table.

    Attributes
    ----------
    symbol
        The symbol.
    kind
        ``index``, ``response``, ``predictor``, ``coefficient``, ``level coefficient``, ``effect``, ``sd``,
        ``covariance``, ``residual``, ``weight`` or ``offset``.
    group
        The grouping factor it belongs to; "" for the rows.
    name
        Its name in the data or in the results: a column, a coefficient in ``estimate.beta``, a column of
        ``estimate.ranef[group]``, a parameter of the posterior.
    meaning
        The same in words, with other symbols among them.
    value
        Its number, where values are filled in and it has one.
    """

    symbol: Symbol
    kind: str
    group: str
    name: str
    meaning: Phrase
    value: Number | None = None


@dataclass(frozen=True)
class Page:
    """Sections of equations, with a title, facts and a table of symbols if there are any."""

    sections: tuple[Section, ...]
    title: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    entries: tuple[Entry, ...] = ()
