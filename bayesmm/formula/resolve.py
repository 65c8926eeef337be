"""formulae's parser and resolver, made to point at what they can't read.

formulae stops silently at the first token that doesn't fit (``x z`` is read as ``x``), takes any number or
string for the name of a column, and drops levels in brackets outside the response. Here each is an error.
"""

from __future__ import annotations

from typing import Any

from formulae import expr as ast
from formulae.parser import ParseError, Parser
from formulae.resolver import Resolver
from formulae.terms import Intercept, Model, Term, Variable
from formulae.terms.call_resolver import CallResolver, LazyOperator, LazyVariable

from bayesmm.errors import FormulaError
from bayesmm.formula.part import Grouped, Part
from bayesmm.formula.piece import Piece
from bayesmm.formula.tokens import OPERAND_ENDS, OPERAND_STARTS, Token

_ALLOWED = "names and calls joined by + - * / : or (…)**2, and 0 or 1 as summands"
_UNUSUAL = "keep 0 and 1 out of products and inner parentheses, and write an unusual product out"
_TERM_OPERATORS = {"PLUS", "MINUS", "STAR", "SLASH", "COLON", "STAR_STAR"}


def resolve(piece: Piece, *, is_response: bool) -> Any:
    """formulae's terms for a piece: a Term, an intercept or a Model of several.

    Raises
    ------
    FormulaError
        For what formulae can't read, and for what it would misread.
    """
    end = Token("EOF", "", None, piece.stop, piece.stop, piece.level)
    parser = _Parser([*piece.tokens, end])
    try:
        tree = parser.addition()
    except ParseError:
        raise _unexpected(piece, parser.current) from None
    if not parser.at_end():
        raise _unexpected(piece, parser.current)
    try:
        return _Resolver(tree, piece, parser.spans, is_response=is_response).resolve()
    except FormulaError:
        raise
    except RecursionError:  # three frames of Python for each summand
        raise piece.error(
            "the sum has too many terms for formulae",
            expected="some hundred terms at most in one sum",
            advice="put parentheses around parts of the sum: (a + b + …) + (c + d + …)",
        ) from None
    except Exception:  # formulae raises whatever the algebra of its terms runs into
        raise piece.error(
            f"'{piece.written}' can't be taken apart into terms", expected=_ALLOWED, advice=_UNUSUAL
        ) from None


def _has_offset(terms: Any) -> bool:
    """Whether formulae made an interaction with an offset in it."""
    products = terms.common_terms if isinstance(terms, Model) else [terms]
    interactions = [term for term in products if isinstance(term, Term) and len(term.components) > 1]
    return any(part.callee == "offset" for term in interactions for part in term.components)


def _unexpected(piece: Piece, at: int) -> FormulaError:
    """The error for the token at which formulae's parser can't go on."""
    before = piece[at - 1 : at]
    if at == len(piece):
        return before.error(
            f"nothing follows '{before.written}'",
            expected="a name or a call after it",
            advice=f"complete the expression, or take the '{before.written}' out",
        )
    token = piece[at : at + 1]
    kind = piece.tokens[at].kind
    after_operand = at > 0 and piece.tokens[at - 1].kind in OPERAND_ENDS
    if after_operand and kind in OPERAND_STARTS:
        return token.error(
            f"nothing joins '{before.written}' and '{token.written}'",
            expected="an operator between them",
            advice="put a '+' between them, or backquotes around a name with spaces",
        )
    if kind == "RIGHT_BRACKET" and before:
        return before.error(
            f"'{before.written}' isn't the name of a level",
            expected="a level's name or a quoted string between the brackets, in the response only",
            advice=f"put quotes around it: '{before.written}'",
        )
    if after_operand:
        return token.error(
            f"'{token.written}' can't stand here",
            expected=_ALLOWED,
            advice="compute inside {…} or I(…), or make a column first",
        )
    if at > 0 and kind == "RIGHT_PAREN" and piece.tokens[at - 1].kind == "LEFT_PAREN":
        return piece[at - 1 : at + 1].error(
            "there is nothing between the parentheses",
            expected="a name or a call",
            advice="take them out, or write what belongs there",
        )
    advice = f"write what belongs before it, or take the '{token.written}' out"
    if kind == "LEFT_BRACKET":
        advice = f"write several values as c(1, 2), or take the '{token.written}' out"
    return token.error(
        f"'{token.written}' stands where a name or a call should", expected=_ALLOWED, advice=advice
    )


class _Parser(Parser):
    """formulae's parser, noting which tokens each primary and each call came from."""

    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self.spans: dict[int, slice] = {}

    def call(self) -> Any:
        return self._noted(super().call)

    def primary(self) -> Any:
        return self._noted(super().primary)

    def _noted(self, production: Any) -> Any:
        first = self.current
        node = production()
        self.spans[id(node)] = slice(first, self.current)
        return node


class _Pointing:
    """What the two resolvers share: the way from a node of the tree to its piece of the formula."""

    piece: Piece
    spans: dict[int, slice]

    def piece_of(self, node: Any) -> Piece:
        span = self._span(node)
        tokens = self.piece.tokens[span]
        return Piece(self.piece.text, tuple(token for token in tokens if token.lexeme))

    def _span(self, node: Any) -> slice:
        if id(node) in self.spans:
            return self.spans[id(node)]
        if isinstance(node, ast.Binary):
            return slice(self._span(node.left).start, self._span(node.right).stop)
        if isinstance(node, ast.Unary):
            stop = self._span(node.right).stop
            return slice(self.piece.tokens.index(node.operator), stop)
        return slice(self._span(node.name).start, self._span(node.value).stop)


class _Resolver(_Pointing, Resolver):
    """formulae's resolver, with places in its errors and stricter on literals and levels."""

    def __init__(self, tree: Any, piece: Piece, spans: dict[int, slice], *, is_response: bool) -> None:
        super().__init__(tree)
        self.piece = piece
        self.spans = spans
        self.is_response = is_response

    def visitBinaryExpr(self, expr: Any) -> Any:
        if expr.operator.kind == "STAR_STAR":
            return self._power(expr)
        try:
            terms = super().visitBinaryExpr(expr)
        except (FormulaError, RecursionError):
            raise
        except Exception:  # formulae raises whatever the algebra of its terms runs into
            raise self._impossible(expr) from None
        if expr.operator.kind in ("COLON", "STAR", "SLASH") and _has_offset(terms):
            piece = self.piece_of(expr)
            raise piece.error(
                f"'{piece.written}' puts an offset into a product",
                expected="an offset as a summand of its own",
                advice="write … + offset(…), and multiply inside its parentheses",
            )
        return terms

    def _power(self, expr: Any) -> Any:
        base = expr.left.accept(self)
        piece = self.piece_of(expr)
        degree = expr.right.value if isinstance(expr.right, ast.Literal) else None
        if type(degree) is not int or degree < 2:
            raise self.piece_of(expr.right).error(
                "the power isn't a whole number above 1",
                expected="the highest order of interaction, as in (a + b + c)**2",
                advice=f"write I({piece.written}) for arithmetic",
            )
        if not isinstance(base, Model) or Intercept() in base.common_terms:
            raise piece.error(
                f"'{piece.written}' is no power of a sum of variables: in a formula ** makes interactions",
                expected="a sum of several variables in parentheses, as in (a + b)**2",
                advice=f"write I({piece.written}) for the number raised to a power",
            )
        return base ** Term(Variable(degree))

    def _impossible(self, expr: Any) -> FormulaError:
        piece = self.piece_of(expr)
        return piece.error(
            f"'{piece.written}' can't be taken apart into terms", expected=_ALLOWED, advice=_UNUSUAL
        )

    def visitUnaryExpr(self, expr: Any) -> Any:
        if expr.operator.kind == "MINUS" and not isinstance(expr.right, ast.Literal):
            piece = self.piece_of(expr)
            raise piece.error(
                f"'{piece.written}' takes a term away from nothing",
                expected="a minus before 1, or after the sum that holds the term",
                advice="leave the minus out: a coefficient may be negative",
            )
        return super().visitUnaryExpr(expr)

    def visitGroupingExpr(self, expr: Any) -> Any:
        inner = expr.expression
        compares = isinstance(inner, ast.Binary) and inner.operator.kind not in _TERM_OPERATORS
        if compares or isinstance(inner, ast.Assign):
            piece = self.piece_of(expr)
            raise piece.error(
                f"'{piece.written}' can't be taken apart into terms",
                expected=_ALLOWED,
                advice="compute inside {…} or I(…), or make a column first",
            )
        return super().visitGroupingExpr(expr)

    def visitCallExpr(self, expr: Any) -> Any:
        return Term(Part(_CallResolver(expr, self.piece, self.spans).resolve(), self.piece_of(expr).written))

    def visitVariableExpr(self, expr: Any) -> Any:
        if expr.level and not self.is_response:
            raise _level_outside_response(self.piece_of(expr))
        return self._named(expr.name.lexeme, expr, expr.level.value if expr.level else None)

    def visitQuotedNameExpr(self, expr: Any) -> Any:
        return self._named(expr.expression.lexeme[1:-1], expr)

    def _named(self, name: str, expr: Any, level: str | None = None) -> Any:
        return Term(Part(LazyVariable(name), self.piece_of(expr).written, level))

    def visitLiteralExpr(self, expr: Any) -> Any:
        if type(expr.value) is int and expr.value in (0, 1):
            return super().visitLiteralExpr(expr)
        piece = self.piece_of(expr)
        if isinstance(expr.value, str):
            advice = f"put backquotes around the name: `{expr.value}`"
        else:
            advice = "take it out; a known part of the prediction goes in offset(…)"
        raise piece.error(
            f"{piece.written} stands where a term should",
            expected="a name, a call, 0 or 1",
            advice=advice,
        )


class _CallResolver(_Pointing, CallResolver):
    """formulae's resolver of what stands inside a call, with places in its errors."""

    def __init__(self, tree: Any, piece: Piece, spans: dict[int, slice]) -> None:
        super().__init__(tree)
        self.piece = piece
        self.spans = spans

    def visitBinaryExpr(self, expr: Any) -> Any:
        if expr.operator.kind not in self.BINARY_OPERATORS:
            raise self._not_arithmetic(expr)
        return super().visitBinaryExpr(expr)

    def visitAssignExpr(self, expr: Any) -> Any:
        raise self._not_arithmetic(expr)

    def visitGroupingExpr(self, expr: Any) -> Any:
        inner = super().visitGroupingExpr(expr)
        return Grouped(inner) if isinstance(inner, LazyOperator) else inner

    def visitCallExpr(self, expr: Any) -> Any:
        if not isinstance(expr.callee, ast.Variable) or expr.callee.level:
            piece = self.piece_of(expr)
            raise piece.error(
                f"'{piece.written}' looks like a call, but no function is named before its parenthesis",
                expected="an operator, or the name of a function",
                advice="put a '+' before the parenthesis if it begins a new summand",
            )
        return super().visitCallExpr(expr)

    def visitVariableExpr(self, expr: Any) -> Any:
        if expr.level:
            raise _level_outside_response(self.piece_of(expr))
        return super().visitVariableExpr(expr)

    def _not_arithmetic(self, expr: Any) -> FormulaError:
        piece = self.piece_of(expr)
        return piece.error(
            f"'{piece.written}' can't be computed inside a call",
            expected="arithmetic or a comparison",
            advice="make a column first, or move it out of the call",
        )


def _level_outside_response(piece: Piece) -> FormulaError:
    return piece.error(
        f"'{piece.written}' picks a level, which only the response can",
        expected="the name of a column",
        advice=f"compare instead: {{{piece.written.split('[')[0]} == …}}",
    )
