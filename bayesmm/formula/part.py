"""A factor of a term: a name or a call, as formulae's algebra of terms wants it."""

from __future__ import annotations

from typing import Any

from formulae.terms import Variable
from formulae.terms.call_resolver import LazyCall, LazyOperator, LazyValue, LazyVariable


class Part(Variable):
    """A name or a call that a term is made of.

    formulae has a class for each, whose calls can't always be hashed, are equal to others that differ in
    parentheses, and may not stand in interactions. Its algebra needs a name and an equality only.

    Attributes
    ----------
    name
        What its columns are called: ``"x"``, ``"I(x ** 2)"``.
    node
        formulae's tree of what is to be computed.
    written
        The user's own text: ``"I(x**2)"``.
    reference
        The level in brackets, ``y["yes"]``, or None.
    """

    def __init__(self, node: Any, written: str, reference: str | None = None) -> None:
        super().__init__(str(node), reference)
        self.node = node
        self.written = written

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Part) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[str, bool, str | None]:
        return self.name, self.is_name, self.reference

    @property
    def is_name(self) -> bool:
        """Whether it is a name alone, which only a column of the data can have."""
        return isinstance(self.node, LazyVariable)

    @property
    def callee(self) -> str:
        """The name of the function that is called; empty for a name."""
        return self.node.callee if isinstance(self.node, LazyCall) else ""

    @property
    def var_names(self) -> set[str]:
        """The names used: of columns, and of constants."""
        return set(names_in(self.node))


class Grouped:
    """An operation in parentheses, which formulae forgets: ``I((a + b) * c)`` is not ``I(a + b * c)``."""

    def __init__(self, node: LazyOperator) -> None:
        self.node = node

    def __str__(self) -> str:
        return f"({self.node})"


def names_in(node: Any) -> list[str]:
    """The names of variables in a tree, in order; those of functions aside.

    Examples
    --------
    >>> names_in(LazyCall("f", [LazyVariable("x")], {"k": LazyVariable("m")}))
    ['x', 'm']
    """
    if isinstance(node, LazyVariable):
        return [node.name]
    if isinstance(node, LazyValue):
        return []
    if isinstance(node, Grouped):
        return names_in(node.node)
    inner = [*node.args, *node.kwargs.values()] if isinstance(node, LazyCall) else node.args
    return [name for argument in inner for name in names_in(argument)]
