"""Equations as presentation MathML Core, which browsers draw by themselves."""

from __future__ import annotations

import html
from itertools import pairwise

from bayesmm.equations.breaking import broken
from bayesmm.equations.page import Page, Section
from bayesmm.equations.tree import (
    Call,
    Dots,
    Equation,
    Expr,
    Infix,
    Matrix,
    Number,
    Phrase,
    Power,
    Product,
    Sum,
    Symbol,
    Under,
    Words,
    signed,
)
from bayesmm.equations.unicode import box

LINE = 90
"""How many characters of a right-hand side stand on one line."""
NAMESPACE = "http://www.w3.org/1998/Math/MathML"

_DOTS = {"low": "…", "across": "⋯", "down": "⋮", "diagonal": "⋱"}
_INFIX = {
    ",": "<mo>,</mo><mspace width='0.3em'></mspace>",
    "=": "<mo>=</mo>",
    "⊗": "<mo>⊗</mo>",
    "/": "<mo>/</mo>",
}
_THIN = "<mspace width='0.17em'></mspace>"
_LEFT = "text-align: left"
_CELL = "text-align: left; padding: 0.15em 1em 0.15em 0"
# Chromium heeds only its own keyword in the cells of a table of mathematics.
_LEFT_CELL, _RIGHT_CELL = (
    "text-align: left; text-align: -webkit-left",
    "text-align: right; text-align: -webkit-right",
)
_ROW = "padding: 0.35em 0.2em"
_STROKE = "0.07em"


def _strokes() -> str:
    """Six strokes in the colour of the text: two upright, and a short one at each of their ends."""
    ink, short = "linear-gradient(currentColor 0 0)", "0.3em"
    upright = [f"{ink} {x} 0/{_STROKE} 100%" for x in ("0", "100%")]
    ends = [f"{ink} {x} {y}/{short} {_STROKE}" for x in ("0", "100%") for y in ("0", "100%")]
    return ", ".join([*upright, *ends])


_EDGES = {
    "[]": f"margin: 0 0.1em; padding: 0.1em 0.35em; background: {_strokes()}; background-repeat: no-repeat; "
    "print-color-adjust: exact",
    "()": "margin: 0 0.05em; padding: 0 0.35em; border: 0 solid; border-width: 0 0.08em; "
    "border-radius: 0.6em / 50%",
}
"""How fences are drawn: square ones by their strokes, round ones by what is left of a rounded frame."""


def mathml(expression: Expr) -> str:
    """An expression as one element.

    Examples
    --------
    >>> mathml(Symbol("β", ("1", "j")))
    '<msub><mi>β</mi><mrow><mn>1</mn><mi>j</mi></mrow></msub>'
    """
    match expression:
        case Symbol(base, sub, style):
            name = _identifier(base, style)
            return f"<msub>{name}{_subscript(sub)}</msub>" if sub else name
        case Number(_, text):
            return _number(text)
        case Words(text):
            return f"<mtext>{html.escape(text)}</mtext>"
        case Dots(direction):
            return f"<mi>{_DOTS[direction]}</mi>"
        case Product(factors):
            pieces = [mathml(factors[0])]
            for before, factor in pairwise(factors):
                inner = mathml(factor)
                pieces += [
                    _between(before, factor),
                    _fenced(inner, "()") if isinstance(factor, Sum) else inner,
                ]
            return _row(*pieces)
        case Sum(terms):
            pieces = []
            for n, term in enumerate(terms):
                sign, body = signed(term)
                pieces += [f"<mo>{sign}</mo>"] if n or sign == "−" else []
                pieces.append(mathml(body))
            return _row(*pieces)
        case Power(Symbol(base, sub, style), exponent) if sub:
            return f"<msubsup>{_identifier(base, style)}{_subscript(sub)}{_raised(exponent)}</msubsup>"
        case Power(base, exponent):
            return f"<msup>{mathml(base)}{_raised(exponent)}</msup>"
        case Infix(operator, items):
            return _row(_INFIX[operator].join(mathml(item) for item in items))
        case Call(name, arguments):
            inside = _row(_INFIX[","].join(mathml(argument) for argument in arguments))
            letter = "𝒩" if name == "N" else name
            tall = any(isinstance(argument, Matrix) for argument in arguments)
            fenced = _drawn(inside, "()") if tall else _fenced(inside, "()")
            return _row(f"<mi>{html.escape(letter)}</mi>", fenced) if letter else fenced
        case Matrix(rows):
            return _matrix(rows)
        case Under(body, note):
            return f"<munder>{mathml(body)}<mtext>{html.escape(note)}</mtext></munder>"
    raise TypeError(type(expression).__name__)


def math(expression: Expr) -> str:
    """An expression in the middle of a sentence."""
    return f'<math xmlns="{NAMESPACE}">{mathml(expression)}</math>'


def phrase_html(words: Phrase) -> str:
    """Words with symbols among them."""
    return "".join(html.escape(word) if isinstance(word, str) else math(word) for word in words)


def equation_rows(equation: Equation) -> list[str]:
    """The rows of a table that one equation takes: left, relation, right."""
    rows = []
    for n, pieces in enumerate(broken(equation.right, LINE, lambda e: box(e).width)):
        parts = ["<mspace width='1.5em'></mspace>"] if n else []
        for sign, body in pieces:
            mark = "·" if sign == "·" else sign
            parts += [f"<mo>{mark}</mo>"] if mark else []
            parts.append(mathml(body))
        if equation.condition is not None and n == 0:
            parts.append(
                f"<mspace width='2em'></mspace><mtext>for</mtext>{_THIN}{mathml(equation.condition)}"
            )
        left = mathml(equation.left) if n == 0 else ""
        relation = f"<mo>{'∼' if equation.relation == '~' else '='}</mo>" if n == 0 else ""
        rows.append(_cells((left, _RIGHT_CELL), (relation, ""), (_row(*parts), _LEFT_CELL)))
    return rows


def section_mathml(section: Section) -> str:
    """The equations of a section as one ``<math>`` element, aligned at their relations."""
    rows = "".join(row for equation in section.equations for row in equation_rows(equation))
    return _block(rows)


def display_mathml(page: Page) -> str:
    """All equations as one ``<math>`` element, the titles of the sections between them."""
    rows = []
    for section in page.sections:
        title = f"<mtext style='font-weight: bold'>{html.escape(section.title)}</mtext>"
        rows.append(f"<mtr><mtd columnspan='3' style='{_LEFT_CELL}; {_ROW}'>{title}</mtd></mtr>")
        rows += [row for equation in section.equations for row in equation_rows(equation)]
    return _block("".join(rows))


def display_html(page: Page) -> str:
    """Headings, equations, notes and the table of symbols."""
    parts = [f"<h4>{html.escape(page.title)}</h4>"] if page.title else []
    if page.facts:
        parts.append(f"<table>{''.join(_fact(label, text) for label, text in page.facts)}</table>")
    for section in page.sections:
        parts.append(f"<h5>{html.escape(section.title)}</h5>")
        parts.append(f"<div style='overflow-x: auto'>{section_mathml(section)}</div>")
        parts += [f"<p>{phrase_html(note)}</p>" for note in section.notes]
    if page.entries:
        parts.append(f"<h5>Symbols</h5>{_table(page)}")
    return f"<div>{''.join(parts)}</div>"


def _fact(label: str, text: str) -> str:
    return (
        f"<tr><th style='{_LEFT}'>{html.escape(label)}</th><td style='{_LEFT}'>{html.escape(text)}</td></tr>"
    )


def _table(page: Page) -> str:
    valued = any(entry.value is not None for entry in page.entries)
    rows = []
    for entry in page.entries:
        cells = [math(entry.symbol), html.escape(entry.name)]
        if valued:
            cells.append("" if entry.value is None else math(entry.value))
        cells.append(phrase_html(entry.meaning))
        rows.append(f"<tr>{''.join(f'<td style="{_CELL}">{cell}</td>' for cell in cells)}</tr>")
    heads = ["symbol", "name", *(["value"] if valued else []), "meaning"]
    head = "".join(f"<th style='{_CELL}'>{label}</th>" for label in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _block(rows: str) -> str:
    place = "width: fit-content; margin: 0.3em 1.5em"
    return f'<math xmlns="{NAMESPACE}" display="block" style="{place}"><mtable>{rows}</mtable></math>'


def _cells(*cells: tuple[str, str]) -> str:
    """A row of the aligned equations; each cell with its alignment."""
    made = []
    for content, align in cells:
        style = f"{align}; {_ROW}" if align else _ROW
        made.append(f"<mtd style='{style}'>{content}</mtd>")
    return f"<mtr>{''.join(made)}</mtr>"


def _matrix(rows: tuple[tuple[Expr, ...], ...]) -> str:
    numeric = [all(isinstance(row[j], Number | Dots) for row in rows) for j in range(len(rows[0]))]
    body = []
    for row in rows:
        cells = []
        for entry, right in zip(row, numeric, strict=True):
            align = f" style='{_RIGHT_CELL}'" if right and not isinstance(entry, Dots) else ""
            cells.append(f"<mtd{align}>{mathml(entry)}</mtd>")
        body.append(f"<mtr>{''.join(cells)}</mtr>")
    return _drawn(f"<mtable>{''.join(body)}</mtable>", "[]")


def _fenced(inner: str, kind: str) -> str:
    return _row(f"<mo>{kind[0]}</mo>", inner, f"<mo>{kind[1]}</mo>")


def _drawn(inner: str, kind: str) -> str:
    """Between fences as tall as what they hold, whatever fonts there are.

    A browser stretches an ``<mo>`` only by a font with tables for mathematics. So the fences are drawn as
    edges of a row, and stand there as operators too, for programs that know no styles.
    """
    first, last = (f"<mo style='display: none'>{fence}</mo>" for fence in kind)
    return _row(first, f"<mrow style='{_EDGES[kind]}'>{inner}</mrow>", last)


def _row(*pieces: str) -> str:
    return f"<mrow>{''.join(pieces)}</mrow>"


def _identifier(base: str, style: str) -> str:
    if style == "bold":
        return f"<mi>{_bold(base)}</mi>"
    # One letter is italic unless it is said to be upright; several are upright by themselves.
    upright = " mathvariant='normal'" if style == "roman" and len(base) == 1 else ""
    return f"<mi{upright}>{html.escape(base)}</mi>"


def _bold(letter: str) -> str:
    """The letter among the mathematical bold ones, which MathML Core has in place of a variant."""
    if letter.isdigit():
        return chr(0x1D7CE + int(letter))
    if "A" <= letter <= "Z":
        return chr(0x1D400 + ord(letter) - ord("A"))
    if "a" <= letter <= "z":
        return chr(0x1D41A + ord(letter) - ord("a"))
    if "Α" <= letter <= "Ω":
        return chr(0x1D6A8 + ord(letter) - ord("Α"))
    return chr(0x1D6C2 + ord(letter) - ord("α"))


def _subscript(tokens: tuple[str, ...]) -> str:
    pieces = []
    for token in tokens:
        index, bracket, row = token.partition("[")
        if index.isdigit():
            pieces.append(f"<mn>{index}</mn>")
        elif index == ",":
            pieces.append("<mo>,</mo>")
        else:
            pieces.append(f"<mi>{html.escape(index)}</mi>")
        if bracket:
            inner = f"<mi>{html.escape(row.rstrip(']'))}</mi>"
            pieces.append(f"<mo stretchy='false'>[</mo>{inner}<mo stretchy='false'>]</mo>")
    return pieces[0] if len(pieces) == 1 else _row(*pieces)


def _raised(exponent: str) -> str:
    if exponent == "−1":
        return _row("<mo>−</mo>", "<mn>1</mn>")
    number = exponent.replace(".", "").isdigit()
    return f"<mn>{exponent}</mn>" if number else f"<mo>{exponent}</mo>"


def _number(text: str) -> str:
    digits, _, power = text.partition("e")
    sign, digits = ("<mo>−</mo>", digits[1:]) if digits.startswith("-") else ("", digits)
    number = f"<mn>{digits}</mn>"
    if power:
        exponent = f"<mn>{abs(int(power))}</mn>"
        exponent = _row("<mo>−</mo>", exponent) if int(power) < 0 else exponent
        number = f"{number}<mo>×</mo><msup><mn>10</mn>{exponent}</msup>"
    return _row(sign, number) if sign or power else number


def _between(before: Expr, after: Expr) -> str:
    kinds = (_kind(before), _kind(after))
    if isinstance(before, Under):
        return "<mspace width='0.7em'></mspace>"
    if kinds == ("name", "name"):
        return "<mo>·</mo>"
    return "" if kinds == ("bold", "bold") else _THIN


def _kind(expression: Expr) -> str:
    match expression:
        case Power(base, _):
            return _kind(base)
        case Symbol(_, _, "roman"):
            return "name"
        case Symbol(_, _, "bold"):
            return "bold"
    return "other"
