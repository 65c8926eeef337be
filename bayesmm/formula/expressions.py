"""What formulae makes of an expression: its terms and the columns that it uses."""

from __future__ import annotations

from dataclasses import dataclass

from formulae.terms import Intercept, Model, Term

from bayesmm.formula.part import Part
from bayesmm.formula.piece import Piece
from bayesmm.formula.resolve import resolve
from bayesmm.formula.tokens import Token


@dataclass(frozen=True)
class Product:
    """One term of an expression: a main effect, or the interaction of its factors.

    Parameters
    ----------
    factors
        The factors as the user wrote them, such as ``("cses", "I(x**2)")``.
    name
        formulae's name for the term: ``"cses:I(x ** 2)"``.
    variables
        The names that it uses: of columns, inside calls of constants too.
    alone
        Those of the names that are factors by themselves.
    """

    factors: tuple[str, ...]
    name: str
    variables: frozenset[str]
    alone: frozenset[str]

    @property
    def written(self) -> str:
        """The term as text that formulae reads."""
        return ":".join(self.factors)


@dataclass(frozen=True)
class Expression:
    """What an expression says: the intercept, or not, and the terms in formulae's order."""

    intercept: bool
    products: tuple[Product, ...]

    @property
    def variables(self) -> frozenset[str]:
        """The columns that the expression uses."""
        return frozenset().union(*(product.variables for product in self.products))

    @property
    def is_empty(self) -> bool:
        """Whether no column can come of it, as in ``0``."""
        return not self.intercept and not self.products


def read_expression(piece: Piece) -> Expression:
    """Read the right-hand side of a formula, or the left side of a bar; the intercept is implied.

    Examples
    --------
    >>> expression = read_expression(Piece.of("a * log(b) - 1"))
    >>> expression.intercept, [product.written for product in expression.products]
    (False, ['a', 'log(b)', 'a:log(b)'])

    Raises
    ------
    FormulaError
        For what formulae can't read, and for what it would misread.
    """
    model = read_terms(piece)
    products = tuple(_product(term) for term in model.common_terms if isinstance(term, Term))
    return Expression(intercept=Intercept() in model.common_terms, products=products)


def read_terms(piece: Piece) -> Model:
    """The terms of a right-hand side as formulae's algebra makes them, of :class:`Part`; 1 is implied.

    Raises
    ------
    FormulaError
        For what formulae can't read, and for what it would misread.
    """
    at = piece.start
    # No lexeme: the implied "1 +" stands nowhere in the text, and no error should show it.
    implied = (Token("NUMBER", "", 1, at, at, piece.level), Token("PLUS", "", None, at, at, piece.level))
    model = resolve(Piece(piece.text, implied + piece.tokens), is_response=False)
    return model if isinstance(model, Model) else Model(model)


def read_response(piece: Piece) -> Product:
    """Read what stands left of the ``~``.

    Examples
    --------
    >>> read_response(Piece.of("log(y)")).variables
    frozenset({'y'})

    Raises
    ------
    FormulaError
        Unless it is one column or one call.
    """
    return _product(Term(response_part(piece)))


def response_part(piece: Piece) -> Part:
    """What stands left of the ``~``, which is one name or one call.

    Raises
    ------
    FormulaError
        If it isn't.
    """
    term = resolve(piece, is_response=True)
    if not isinstance(term, Term) or len(term.components) != 1:
        raise piece.error(
            f"the response '{piece.written}' isn't one column or one call",
            expected="a name such as y, or a call such as log(y)",
            advice=f"compute it with {{{piece.written}}}, or make a column first",
        )
    return term.components[0]


def _product(term: Term) -> Product:
    return Product(
        factors=tuple(part.written for part in term.components),
        name=term.name,
        variables=frozenset(term.var_names),
        alone=frozenset(part.name for part in term.components if part.is_name),
    )
