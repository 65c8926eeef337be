"""From text to tokens: formulae's scanner, which forgets positions, made to keep them.

formulae's parser reads these tokens unchanged, so what is checked here is what formulae reads later.
The scanner's gaps are closed on the way: characters that it refuses without saying where, and those that
it accepts although no rule of its parser uses them (it stops there and drops the rest without a word).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from formulae.scanner import ScanError, Scanner

from bayesmm.errors import FormulaError

OPENERS = {"LEFT_PAREN": "RIGHT_PAREN", "LEFT_BRACKET": "RIGHT_BRACKET", "LEFT_BRACE": "RIGHT_BRACE"}
CLOSERS = {closer: opener for opener, closer in OPENERS.items()}
SIGNS = {"PLUS", "MINUS"}
BARS = {"PIPE", "DOUBLE_PIPE"}
# Whatever can end an operand: a sign or a parenthesis behind one of these is an operator or a call.
OPERAND_ENDS = {"IDENTIFIER", "NUMBER", "STRING", "BQNAME", "PYTHON_LITERAL", *CLOSERS}
OPERAND_STARTS = {"IDENTIFIER", "NUMBER", "STRING", "BQNAME", "PYTHON_LITERAL", *OPENERS}

_DEEPEST = 40  # each bracket costs formulae's recursive parser a dozen frames of Python's thousand
_QUOTED_OR_SPACE = re.compile(r"""("[^"]*"|'[^']*'|`[^`]*`)|\s+""")
_WORD = re.compile(r"[\w.]+")
_SCIENTIFIC = re.compile(r"(\d+(\.\d*)?|\.\d+)[eE][+-]?\d+(?![\w.])")

# What people paste from papers, type in R, or type in Python, and what to write here.
_ADVICE = {
    "^": "write a power with **, as in (a + b)**2 or I(x**2)",
    "%": "join variables with ':' or '/'; for arithmetic make a column first",
    "//": "write one '/' for nesting; for arithmetic make a column first",
    "!": "make a column first",
    "&": "make a column first",
    "$": "give the column's name alone and pass the data frame beside the formula",
    "#": "leave comments out of the formula",
    "−": "type the keyboard's minus, '-', here",
    "–": "type the keyboard's minus, '-', here",
    "—": "type the keyboard's minus, '-', here",
    "∼": "type the keyboard's tilde, '~', here",
    "˜": "type the keyboard's tilde, '~', here",
    "∣": "type the keyboard's bar, '|', here",
    "│": "type the keyboard's bar, '|', here",
    "×": "type '*' for main effects and interaction, ':' for the interaction alone",
    "·": "type '*' for main effects and interaction, ':' for the interaction alone",
    "‘": "type the keyboard's straight quotes here",
    "’": "type the keyboard's straight quotes here",
    "“": "type the keyboard's straight quotes here",
    "”": "type the keyboard's straight quotes here",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One token, ``text[start:stop]``, as formulae's parser wants it, and its place.

    ``depth`` counts the brackets around it; a bracket and its partner have the same depth.
    """

    kind: str
    lexeme: str
    literal: object
    start: int
    stop: int
    depth: int


class _Scanner(Scanner):
    """formulae's scanner, keeping positions and bracket depths."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.open: list[Token] = []

    def add_token(self, kind: str, literal: object = None) -> None:
        previous = self.tokens[-1] if self.tokens else None
        if kind == "PIPE" and previous and previous.kind == "PIPE" and previous.stop == self.start:
            self.tokens[-1] = Token("DOUBLE_PIPE", "||", None, previous.start, self.current, previous.depth)
            return
        if kind in CLOSERS:
            self._close(kind)
        token = Token(
            kind,
            self.code[self.start : self.current],
            literal,
            self.start,
            self.current,
            len(self.open),
        )
        if kind in OPENERS:
            self._open(token)
        self.tokens.append(token)

    def _open(self, token: Token) -> None:
        if len(self.open) == _DEEPEST:
            raise FormulaError(
                "the brackets are nested too deeply",
                expected=f"at most {_DEEPEST} brackets inside one another",
                advice="take redundant parentheses out",
                text=self.code,
                start=token.start,
                stop=token.stop,
            )
        self.open.append(token)

    def _close(self, kind: str) -> None:
        lexeme = self.code[self.start]
        if not self.open:
            raise FormulaError(
                f"'{lexeme}' closes nothing",
                expected=f"an opening '{_partner(lexeme)}' before it",
                advice="take it out, or open what it should close",
                text=self.code,
                start=self.start,
                stop=self.current,
            )
        opener = self.open.pop()
        if OPENERS[opener.kind] != kind:
            raise FormulaError(
                f"'{lexeme}' stands where '{opener.lexeme}' should be closed",
                expected=f"'{_partner(opener.lexeme)}'",
                advice=f"close '{opener.lexeme}' first",
                text=self.code,
                start=self.start,
                stop=self.current,
            )


def tidy(text: str) -> str:
    """The text on one line: runs of white space outside quotes become one space, none at the ends.

    Examples
    --------
    >>> tidy(" y ~ x\\n   + (1 | g) ")
    'y ~ x + (1 | g)'
    """
    return _QUOTED_OR_SPACE.sub(lambda found: found[1] or " ", text).strip()


def scan(text: str) -> tuple[Token, ...]:
    """Cut a formula into tokens.

    Examples
    --------
    >>> [token.lexeme for token in scan("log(y) ~ (x || `a b`)")]
    ['log', '(', 'y', ')', '~', '(', 'x', '||', '`a b`', ')']

    Raises
    ------
    FormulaError
        For brackets or quotes without a partner, and for characters that formulas don't have.
    """
    scanner = _Scanner(text)
    while not scanner.at_end():
        scanner.start = scanner.current
        try:
            scanner.scan_token()
        # formulae says ScanError for most, runs off the end at an open backquote, and int() refuses "²".
        except (ScanError, IndexError, ValueError) as error:
            if isinstance(error, FormulaError):
                raise
            raise _refused(text, scanner.start) from None
        _check(text, scanner.tokens)
    if scanner.open:
        opener = scanner.open[-1]
        raise FormulaError(
            f"'{opener.lexeme}' is never closed",
            expected=f"a '{_partner(opener.lexeme)}' after it",
            advice=f"add the '{_partner(opener.lexeme)}', or take the '{opener.lexeme}' out",
            text=text,
            start=opener.start,
            stop=opener.stop,
        )
    return tuple(scanner.tokens)


def _partner(bracket: str) -> str:
    pairs = "()[]{}"
    return pairs[pairs.index(bracket) ^ 1]


def _refused(text: str, at: int) -> FormulaError:
    """The error for a character at which formulae's scanner stops."""
    char = text[at]
    if char in "'\"`":
        return FormulaError(
            f"the quote {char} is never closed",
            expected=f"a second {char} after it",
            advice=f"add the closing {char}",
            text=text,
            start=at,
            stop=at + 1,
        )
    start, stop = _word_around(text, at)
    if char in _ADVICE or start == stop:
        return _unknown(text, at, at + 1)
    return _unreadable_word(text, start, stop)


def _word_around(text: str, at: int) -> tuple[int, int]:
    """The run of letters, digits, dots and underscores that holds ``text[at]``; empty if it isn't one."""
    for word in _WORD.finditer(text):
        if word.start() <= at < word.end():
            return word.span()
    return at, at


def _unknown(text: str, start: int, stop: int) -> FormulaError:
    piece = text[start:stop]
    return FormulaError(
        f"'{piece}' has no meaning in a formula",
        expected="names, numbers, calls and the operators ~ + - * / : ** |",
        advice=_ADVICE.get(piece, "take it out, or put backquotes around the name it belongs to"),
        text=text,
        start=start,
        stop=stop,
    )


def _unreadable_word(text: str, start: int, stop: int) -> FormulaError:
    """The error for a run of letters, digits, dots and underscores that is neither a name nor a number."""
    word = text[start:stop]
    scientific = _SCIENTIFIC.match(text, start)
    if word == ".":
        got = "'.' stands alone"
        expected = "names of columns; R's '.' for all the other columns isn't supported"
        advice = "write the names out, joined by '+'"
    elif scientific:
        stop = scientific.end()
        plain = f"{float(scientific[0]):.15f}".rstrip("0").rstrip(".")
        got = f"the number '{scientific[0]}' has an exponent, which formulas can't read"
        expected = "digits with at most one point between them"
        exact = float(plain) == float(scientific[0])
        advice = f"write it out: {plain}" if exact else "make a column first"
    elif set(word) <= set("0123456789."):
        got = f"'{word}' can't be read as a number"
        expected = "digits with at most one point between them"
        advice = f"write {word.strip('.')}" if word.count(".") == 1 else "take the extra points out"
    else:
        got = f"'{word}' can't be read as a name"
        expected = "a name that starts with a letter and has letters, digits, '.' and '_' only"
        advice = f"put backquotes around it: `{word}`"
    return FormulaError(got, expected=expected, advice=advice, text=text, start=start, stop=stop)


def _check(text: str, tokens: list[Token]) -> None:
    """Refuse the newest token where formulae would go on and misread the formula."""
    if not tokens:
        return
    token = tokens[-1]
    before = tokens[-2] if len(tokens) > 1 else None
    runs_on = before is not None and before.kind == "NUMBER" and before.stop == token.start
    if token.kind == "PERIOD" or (runs_on and token.kind in ("IDENTIFIER", "NUMBER")):
        raise _unreadable_word(text, *_word_around(text, token.start))
    if token.kind == "STRING" and token.lexeme[0] != token.lexeme[-1]:
        raise FormulaError(
            f"the quote {token.lexeme[0]} is closed by another kind, {token.lexeme[-1]}",
            expected="the same quote at both ends, and no other kind between them",
            advice="rename the level so that it has no quotes, or make a column first",
            text=text,
            start=token.stop - 1,
            stop=token.stop,
        )
    if token.kind == "BQNAME" and not token.lexeme.strip("` "):
        raise FormulaError(
            "there is no name between the backquotes",
            expected="the name of a column",
            advice="write the name between the backquotes, or take them out",
            text=text,
            start=token.start,
            stop=token.stop,
        )
    if token.kind in ("MODULO", "SLASH_SLASH", "BANG"):
        raise _unknown(text, token.start, token.stop)
