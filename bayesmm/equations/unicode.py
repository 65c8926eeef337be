"""Equations in Unicode for the terminal: subscripts, brackets over several lines, at most 100 columns."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from bayesmm.equations.breaking import broken
from bayesmm.equations.page import Entry, Page, Section
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
from bayesmm.equations.width import columns_of, wrapped

WIDTH = 100
INDENT = 2
WIDEST_LEFT = 34
"""Wider left-hand sides don't push the others to the right."""

_PLAIN = "0123456789aehijklmnoprstuvxβγρφχ"
_SUBSCRIPTS = dict(zip(_PLAIN, "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True)) | {c: c for c in "[],′"}
_SUPERSCRIPTS = dict(zip("0123456789−-+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻⁺", strict=True)) | {"′": "′", "*": "*"}
_DOTS = {"low": "…", "across": "⋯", "down": "⋮", "diagonal": "⋱"}
_INFIX = {",": ", ", "=": " = ", "⊗": " ⊗ ", "/": "/"}


@dataclass(frozen=True)
class Box:
    """A rectangle of text; ``baseline`` is the line that stands beside other text."""

    lines: tuple[str, ...]
    baseline: int

    @property
    def width(self) -> int:
        return columns_of(self.lines[0])


def inline(expression: Expr) -> str:
    """An expression of one line, such as a symbol.

    Examples
    --------
    >>> inline(Power(Symbol("τ", ("0",)), "2")), inline(Symbol("u", ("0", "j[i]")))
    ('τ₀²', 'u₀ⱼ[ᵢ]')
    """
    return box(expression).lines[0]


def number_text(number: Number) -> str:
    """A number with a true minus sign, and powers of ten written as such."""
    digits, _, power = number.text.partition("e")
    if power:
        digits += "×10" + _raised(str(int(power)))
    return digits.replace("-", "−")


def box(expression: Expr) -> Box:
    """The expression laid out."""
    match expression:
        case Symbol(base, sub, _):
            return _line(base + subscript(sub))
        case Number():
            return _line(number_text(expression))
        case Words(text):
            return _line(text)
        case Dots(direction):
            return _line(_DOTS[direction])
        case Product(factors):
            pieces = [box(factors[0])]
            for before, factor in pairwise(factors):
                inner = box(factor)
                pieces += [
                    _line(_between(before, factor)),
                    _bracketed(inner) if isinstance(factor, Sum) else inner,
                ]
            return beside(*pieces)
        case Sum(terms):
            pieces = []
            for n, term in enumerate(terms):
                sign, body = signed(term)
                if n or sign == "−":
                    pieces.append(_line(f" {sign} " if n else sign))
                pieces.append(box(body))
            return beside(*pieces)
        case Power(base, exponent):
            return _at_top(box(base), _raised(exponent))
        case Infix(operator, items):
            pieces = [box(items[0])]
            for item in items[1:]:
                pieces += [_line(_INFIX[operator]), box(item)]
            return beside(*pieces)
        case Call(name, arguments):
            return beside(_line(name), _bracketed(box(Infix(",", arguments))))
        case Matrix(rows):
            return _matrix(rows)
        case Under(body, note):
            return _under(box(body), note)
    raise TypeError(type(expression).__name__)


def subscript(tokens: tuple[str, ...]) -> str:
    """Subscripts in Unicode where all of them exist, otherwise after an underscore."""
    text = "".join(tokens)
    if all(character in _SUBSCRIPTS for character in text):
        return "".join(_SUBSCRIPTS[character] for character in text)
    return f"_{text}"


def beside(*boxes: Box) -> Box:
    """Boxes from left to right, on one baseline."""
    above = max(b.baseline for b in boxes)
    below = max(len(b.lines) - b.baseline for b in boxes)
    lines = ["" for _ in range(above + below)]
    for b in boxes:
        start = above - b.baseline
        for n in range(len(lines)):
            inside = 0 <= n - start < len(b.lines)
            lines[n] += b.lines[n - start] if inside else " " * b.width
    return Box(tuple(lines), above)


def words_text(words: Phrase) -> str:
    """Words with symbols among them."""
    return "".join(word if isinstance(word, str) else inline(word) for word in words)


def right_boxes(equation: Equation, limit: int) -> list[Box]:
    """The lines of the right-hand side, none wider than ``limit``, with the relation before the first."""
    lines = []
    for n, pieces in enumerate(broken(equation.right, limit - 3, lambda e: box(e).width)):
        parts = [_line(f" {_relation(equation)} " if n == 0 else "   ")]
        for m, (sign, body) in enumerate(pieces):
            if sign == "·":
                parts.append(_line("·"))
            elif sign:
                parts.append(_line(f" {sign} " if m else f"{sign} " if n else sign))
            parts.append(box(body))
        lines.append(beside(*parts))
    if equation.condition is not None:
        lines[-1] = beside(lines[-1], _line("   for "), box(equation.condition))
    return lines


def section_text(section: Section, width: int = WIDTH) -> str:
    """A section: its title, its equations with their relations under each other, its notes."""
    room = width - INDENT
    lefts = [box(equation.left) for equation in section.equations]
    margin = max((left.width for left in lefts if left.width <= WIDEST_LEFT), default=0)
    blocks: list[list[str]] = []
    for equation, left in zip(section.equations, lefts, strict=True):
        shift = max(margin - left.width, 0)
        block: list[str] = []
        for n, line in enumerate(right_boxes(equation, room - left.width - shift)):
            head = left if n == 0 else _line(" " * left.width)
            block += [" " * (INDENT + shift) + row for row in beside(head, line).lines]
        blocks.append([row.rstrip() for row in block])
    rows: list[str] = []
    for before, block in zip([None, *blocks], blocks, strict=False):
        # Tall equations have air around them.
        if before is not None and (len(before) > 1 or len(block) > 1):
            rows.append("")
        rows += block
    notes = [line for note in section.notes for line in wrapped(words_text(note), width, INDENT)]
    return "\n".join([*wrapped(section.title, width), "", *rows, *([""] if notes else []), *notes])


def display_text(page: Page, width: int = WIDTH) -> str:
    """The whole page."""
    parts = []
    if page.title:
        parts.append(page.title)
    if page.facts:
        wide = max(len(label) for label, _ in page.facts) + INDENT + 2
        facts = (
            wrapped(f"{label:<{wide - INDENT}}{text}", width, INDENT, wide) for label, text in page.facts
        )
        parts.append("\n".join(line for lines in facts for line in lines))
    parts += [section_text(section, width) for section in page.sections]
    if page.entries:
        parts.append("Symbols\n\n" + _table(page.entries, width))
    return "\n\n".join(parts)


def _table(entries: tuple[Entry, ...], width: int) -> str:
    """Symbol, its name in the data or results, what it is; with its value where there is one."""
    valued = any(entry.value is not None for entry in entries)
    rows = [
        [
            inline(entry.symbol),
            entry.name,
            *([number_text(entry.value) if entry.value else ""] if valued else []),
            words_text(entry.meaning),
        ]
        for entry in entries
    ]
    most = (24, 30, 14)
    widths = [min(max(columns_of(row[i]) for row in rows), most[i]) for i in range(len(rows[0]) - 1)]
    lines = []
    for row in rows:
        cells = [wrapped(cell, w) for cell, w in zip(row, widths, strict=False)]
        rest = width - INDENT - sum(widths) - 2 * len(widths)
        cells.append(wrapped(row[-1], rest))
        for n in range(max(map(len, cells))):
            texts = [cell[n] if n < len(cell) else "" for cell in cells]
            padded = [t + " " * (w - columns_of(t)) for t, w in zip(texts, [*widths, 0], strict=True)]
            lines.append((" " * INDENT + "  ".join(padded)).rstrip())
    return "\n".join(lines)


def _relation(equation: Equation) -> str:
    return "~" if equation.relation == "~" else "="


def _line(text: str) -> Box:
    return Box((text,), 0)


def _raised(text: str) -> str:
    """Superscripts in Unicode, which has no decimal point there."""
    if not all(character in _SUPERSCRIPTS for character in text):
        return f"^{text}"
    return "".join(_SUPERSCRIPTS[character] for character in text)


def _between(before: Expr, after: Expr) -> str:
    """What separates two factors."""
    kinds = (_kind(before), _kind(after))
    if kinds == ("name", "name"):
        return "·"
    return "" if kinds == ("bold", "bold") else " "


def _kind(expression: Expr) -> str:
    match expression:
        case Power(base, _):
            return _kind(base)
        case Symbol(_, _, "roman"):
            return "name"
        case Symbol(_, _, "bold"):
            return "bold"
    return "other"


def _at_top(inner: Box, text: str) -> Box:
    padding = " " * columns_of(text)
    lines = tuple(line + (text if n == 0 else padding) for n, line in enumerate(inner.lines))
    return Box(lines, inner.baseline)


def _matrix(rows: tuple[tuple[Expr, ...], ...]) -> Box:
    cells = [[box(entry) for entry in row] for row in rows]
    if len(rows) == 1:
        # Notes under the entries stay outside the brackets.
        return beside(_line("["), *_spaced(cells[0]), _line("]"))
    numeric = [all(isinstance(row[j], Number | Dots) for row in rows) for j in range(len(rows[0]))]
    widths = [max(row[j].width for row in cells) for j in range(len(cells[0]))]
    lines = []
    for row, entries in zip(cells, rows, strict=True):
        texts = []
        for cell, entry, w, right in zip(row, entries, widths, numeric, strict=True):
            text, space = cell.lines[0], w - cell.width
            before = space // 2 if isinstance(entry, Dots) else space if right else 0
            texts.append(" " * before + text + " " * (space - before))
        lines.append("  ".join(texts))
    return _bracketed(Box(tuple(lines), len(lines) // 2), "[]")


def _spaced(boxes: list[Box]) -> list[Box]:
    return [piece for b in boxes for piece in (_line("  "), b)][1:]


def _bracketed(inner: Box, kind: str = "()") -> Box:
    height = len(inner.lines)
    if height == 1:
        return Box((f"{kind[0]}{inner.lines[0]}{kind[1]}",), 0)
    left, right = ("⎡⎢⎣", "⎤⎥⎦") if kind == "[]" else ("⎛⎜⎝", "⎞⎟⎠")
    lines = []
    for n, line in enumerate(inner.lines):
        at = 0 if n == 0 else 2 if n == height - 1 else 1
        lines.append(f"{left[at]}{line}{right[at]}")
    return Box(tuple(lines), inner.baseline)


def _under(inner: Box, note: str) -> Box:
    width = max(inner.width, columns_of(note))
    lines = [line + " " * (inner.width - columns_of(line)) for line in (*inner.lines,)]
    centred = [_centre(line, width) for line in [*lines, note]]
    return Box(tuple(centred), inner.baseline)


def _centre(text: str, width: int) -> str:
    space = width - columns_of(text)
    return " " * (space // 2) + text + " " * (space - space // 2)
