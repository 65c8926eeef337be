"""A piece of a formula: some of its tokens, which know where they stand in the whole text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bayesmm.errors import FormulaError
from bayesmm.formula.tokens import (
    BARS,
    OPENERS,
    OPERAND_ENDS,
    OPERAND_STARTS,
    SIGNS,
    Token,
    scan,
    tidy,
)

_SPACED = {
    "PLUS",
    "MINUS",
    "STAR",
    "TILDE",
    "PIPE",
    "DOUBLE_PIPE",
    "EQUAL_EQUAL",
    "BANG_EQUAL",
    "LESS_EQUAL",
    "LESS",
    "GREATER_EQUAL",
    "GREATER",
}


@dataclass(frozen=True)
class Piece:
    """A run of tokens of the formula ``text``; it can be cut further, written out and pointed at.

    Examples
    --------
    >>> whole = Piece.of("y~x+(1|g)")
    >>> whole.written
    'y ~ x + (1 | g)'
    >>> print(whole[2:3].error("x is new", expected="z", advice="say z"))
    x is new.
    <BLANKLINE>
        y~x+(1|g)
          ^
    <BLANKLINE>
    Expected: z.
    Try: say z.
    """

    text: str
    tokens: tuple[Token, ...]

    @classmethod
    def of(cls, text: str) -> Piece:
        """The whole of a text, tidied."""
        text = tidy(text)
        return cls(text, scan(text))

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, where: slice) -> Piece:
        return Piece(self.text, self.tokens[where])

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def stop(self) -> int:
        return self.tokens[-1].stop

    @property
    def level(self) -> int:
        """How many brackets stand around the whole piece."""
        return min((token.depth for token in self.tokens), default=0)

    @property
    def written(self) -> str:
        """The piece with tidy spaces, so that formulas that differ in their spaces give one text."""
        return spell(self.tokens)

    @property
    def has_bar(self) -> bool:
        return any(token.kind in BARS for token in self.tokens)

    @property
    def is_parenthesised(self) -> bool:
        """Whether one pair of parentheses holds the whole piece."""
        return (
            len(self) > 1
            and self.tokens[0].kind == "LEFT_PAREN"
            and self.tokens[0].depth == self.tokens[-1].depth == self.level
            and all(token.depth > self.level for token in self.tokens[1:-1])
        )

    @property
    def bare(self) -> Piece:
        """The piece without the parentheses around the whole of it, however many."""
        piece = self
        while piece.is_parenthesised:
            piece = piece[1:-1]
        return piece

    def where(self, kinds: Iterable[str]) -> list[int]:
        """The places of tokens of these kinds that no bracket inside the piece holds."""
        wanted = set(kinds)
        level = self.level
        return [i for i, t in enumerate(self.tokens) if t.depth == level and t.kind in wanted]

    def summands(self) -> Iterator[tuple[Piece, Piece]]:
        """The sum taken apart into (signs, summand); the last summand is empty if the sum ends in signs."""
        cuts = [i for i in self.where(SIGNS) if i == 0 or self.tokens[i - 1].kind in OPERAND_ENDS | SIGNS]
        first = 0
        while first < len(self):
            body = first
            while body in cuts:
                body += 1
            after = next((i for i in cuts if i > body), len(self))
            yield self[first:body], self[body:after]
            first = after

    def error(self, got: str, *, expected: str, advice: str) -> FormulaError:
        """The error that points at this piece."""
        return FormulaError(
            got,
            expected=expected,
            advice=advice,
            text=self.text,
            start=self.start,
            stop=self.stop,
        )


def spell(tokens: Iterable[Token]) -> str:
    """Write tokens out: spaces around ``~ | + - *`` and comparisons, none around ``: / **``.

    Examples
    --------
    >>> spell(scan("y~0+a*b + f( x,df=3 )/-1"))
    'y ~ 0 + a * b + f(x, df=3)/-1'
    """
    written = ""
    before: Token | None = None
    for token in tokens:
        binary = before is not None and before.kind in OPERAND_ENDS
        if token.kind == "COMMA":
            written += ", "
        elif token.kind in _SPACED and (binary or token.kind not in SIGNS):
            written += f"{token.lexeme} " if written.endswith(" ") else f" {token.lexeme} "
        elif binary and token.kind in OPERAND_STARTS - set(OPENERS):
            written += f" {token.lexeme}"
        else:
            written += token.lexeme
        before = token
    return written.strip()
