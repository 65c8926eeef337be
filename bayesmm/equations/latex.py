"""Equations in LaTeX: aligned environments that need amsmath and amssymb, and that MathJax reads too."""

from __future__ import annotations

import unicodedata
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

LINE = 72
"""How many characters of a right-hand side stand on one line."""
ROWS_OF_TABLE = 36
"""A tabular doesn't break over pages, so the symbols are several where they are many."""

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ϵ": "epsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi",
    "π": "pi", "ρ": "rho", "σ": "sigma", "ς": "varsigma", "τ": "tau", "υ": "upsilon", "φ": "varphi",
    "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda",
    "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega", "µ": "mu",
}  # fmt: skip
_IN_NAMES = {
    " ": r"\ ", "_": r"\_", "%": r"\%", "#": r"\#", "&": r"\&", "$": r"\$", "{": r"\{", "}": r"\}",
    "\\": r"\backslash ", "^": r"{\wedge}", "~": r"{\sim}", "-": r"\text{-}", "'": r"\text{'}",
    '"': r"\text{''}", "*": "{*}", "+": "{+}", "=": "{=}", "<": "{<}", ">": "{>}", ":": "{:}", ",": "{,}",
    "|": r"{\vert}", "/": "{/}", "…": r"\ldots ", "′": "{'}", "·": r"{\cdot}", "×": r"{\times}",
    "°": r"{}^{\circ}",
    "²": "{}^{2}", "³": "{}^{3}", "≤": r"{\le}", "≥": r"{\ge}", "−": "{-}", "÷": r"{\div}", "±": r"{\pm}",
    ";": "{;}", "?": r"\text{?}", "!": r"\text{!}", "`": r"\text{`}",
}  # fmt: skip
_IN_TEXT = {
    "_": r"\_", "%": r"\%", "#": r"\#", "&": r"\&", "$": r"\$", "{": r"\{", "}": r"\}",
    "\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "…": r"\dots{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''", "×": r"$\times$",
    "′": "$'$", "·": r"$\cdot$", "°": r"$^{\circ}$", "²": "$^{2}$", "³": "$^{3}$", "≤": r"$\le$",
    "≥": r"$\ge$", "−": "$-$", "÷": r"$\div$", "±": r"$\pm$", "ℓ": r"$\ell$",
}  # fmt: skip
_DOTS = {"low": r"\ldots", "across": r"\cdots", "down": r"\vdots", "diagonal": r"\ddots"}
_INFIX = {",": r",\ ", "=": " = ", "⊗": r" \otimes ", "/": "/"}
_SUPERS = {"−1": "-1", "′": r"\prime"}


def latex(expression: Expr) -> str:
    """An expression for math mode.

    Examples
    --------
    >>> latex(Symbol("u", ("0", "j[i]")))
    'u_{0j[i]}'
    >>> latex(Symbol("my_column%", ("i", "j"), "roman"))
    '\\\\mathrm{my\\\\_column\\\\%}_{ij}'
    """
    match expression:
        case Symbol(base, sub, style):
            return _base(base, style) + (f"_{{{''.join(sub)}}}" if sub else "")
        case Number(_, text):
            digits, _, power = text.partition("e")
            return digits + (rf"\times 10^{{{int(power)}}}" if power else "")
        case Words(text):
            return rf"\text{{{escaped(text)}}}"
        case Dots(direction):
            return _DOTS[direction]
        case Product(factors):
            pieces = [latex(factors[0])]
            for before, factor in pairwise(factors):
                inner = latex(factor)
                pieces.append(
                    _between(before, factor)
                    + (rf"\left({inner}\right)" if isinstance(factor, Sum) else inner)
                )
            return "".join(pieces)
        case Sum(terms):
            pieces = []
            for n, term in enumerate(terms):
                sign, body = signed(term)
                pieces.append(latex(body) if n == 0 and sign == "+" else f" {_sign(sign)} {latex(body)}")
            return "".join(pieces).strip()
        case Power(base, exponent):
            return f"{_powered(base)}^{{{_SUPERS.get(exponent, exponent)}}}"
        case Infix(operator, items):
            return _INFIX[operator].join(latex(item) for item in items)
        case Call(name, arguments):
            inside = r",\ ".join(latex(argument) for argument in arguments)
            return rf"{_called(name)}\left({inside}\right)"
        case Matrix(rows):
            body = r" \\ ".join(" & ".join(latex(entry) for entry in row) for row in rows)
            if all(isinstance(entry, Number | Dots) for row in rows for entry in row):
                return rf"\left[\begin{{array}}{{{'r' * len(rows[0])}}} {body} \end{{array}}\right]"
            return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"
        case Under(body, note):
            return rf"\underset{{{note.replace('×', r' \times ')}}}{{{latex(body)}}}"
    raise TypeError(type(expression).__name__)


def escaped(text: str) -> str:
    """Plain text for text mode, Greek letters as mathematics."""
    return "".join(
        _IN_TEXT.get(c) or (f"${_greek(c)}$" if c in _GREEK else c)
        for c in unicodedata.normalize("NFC", text)
    )


def phrase_latex(words: Phrase) -> str:
    """Words for text mode with symbols among them."""
    return "".join(escaped(word) if isinstance(word, str) else f"${latex(word)}$" for word in words)


def equation_lines(equation: Equation) -> list[str]:
    """The rows of an aligned environment that one equation takes."""
    relation = r"\sim" if equation.relation == "~" else "="
    rows = []
    for n, pieces in enumerate(broken(equation.right, LINE, lambda e: box(e).width)):
        parts = []
        for m, (sign, body) in enumerate(pieces):
            if sign == "·":
                parts.append(r" \cdot ")
            elif sign:
                parts.append((" " if m else "" if n == 0 else "{} ") + _sign(sign) + " ")
            parts.append(latex(body))
        right = "".join(parts)
        rows.append(f"{latex(equation.left)} &{relation} {right}" if n == 0 else rf"&\quad {right}")
    if equation.condition is not None:
        rows[-1] += rf" \qquad \text{{for }} {latex(equation.condition)}"
    return rows


def section_latex(section: Section) -> str:
    """A section: its title in bold, its equations aligned at their relations, its notes."""
    rows = [row for equation in section.equations for row in equation_lines(equation)]
    body = " \\\\\n".join(rows)
    parts = [
        rf"\noindent\textbf{{{escaped(section.title)}}}",
        "\\[\n\\begin{aligned}\n" + body + "\n\\end{aligned}\n\\]",
    ]
    parts += [phrase_latex(note) for note in section.notes]
    return "\n".join(parts)


def display_latex(page: Page) -> str:
    """The whole display, for the body of a document."""
    parts = [section_latex(section) for section in page.sections]
    if page.entries:
        parts.append(_table(page))
    return "\n\n".join(parts) + "\n"


def notebook_latex(page: Page) -> str:
    """All the equations as one piece of mathematics, for MathJax."""
    blocks = []
    for section in page.sections:
        rows = [row for equation in section.equations for row in equation_lines(equation)]
        blocks.append(rf"&\textbf{{{_plain(section.title)}}}" + " \\\\\n" + " \\\\\n".join(rows))
    return "$$\n\\begin{aligned}\n" + " \\\\[1em]\n".join(blocks) + "\n\\end{aligned}\n$$"


def _table(page: Page) -> str:
    valued = any(entry.value is not None for entry in page.entries)
    rows = []
    for entry in page.entries:
        cells = [f"${latex(entry.symbol)}$", rf"\texttt{{{escaped(entry.name)}}}"]
        if valued:
            cells.append("" if entry.value is None else f"${latex(entry.value)}$")
        rows.append(" & ".join([*cells, phrase_latex(entry.meaning)]) + r" \\")
    layout = rf"@{{}}ll{'r' if valued else ''}p{{0.45\linewidth}}@{{}}"
    tables = [
        "\n".join([rf"\begin{{tabular}}{{{layout}}}", *rows[n : n + ROWS_OF_TABLE], r"\end{tabular}"])
        for n in range(0, len(rows), ROWS_OF_TABLE)
    ]
    return "\\noindent\\textbf{Symbols}\\nopagebreak\n\n\\smallskip\\noindent\n" + "\n\n\\noindent\n".join(
        tables
    )


def _base(base: str, style: str) -> str:
    if style == "roman":
        return rf"\mathrm{{{_name(base)}}}"
    if style == "bold":
        return rf"\boldsymbol{{{_greek(base)}}}" if base in _GREEK else rf"\mathbf{{{base}}}"
    return _greek(base) if base in _GREEK else _name(base)


def _greek(letter: str) -> str:
    return rf"\{_GREEK[letter]}"


def _name(name: str) -> str:
    """A name from the data within \\mathrm: specials escaped, operators without their spaces."""
    pieces = []
    for character in unicodedata.normalize("NFC", name):
        if character in _GREEK:
            pieces.append(f"{{{_greek(character)}}}")
        elif character in _IN_NAMES:
            pieces.append(_IN_NAMES[character])
        else:
            pieces.append(character if character.isascii() else rf"\text{{{character}}}")
    return "".join(pieces)


def _powered(base: Expr) -> str:
    """A base that can take a superscript: a roman name with subscripts keeps both."""
    inner = latex(base)
    return inner if isinstance(base, Symbol | Number) else rf"\left({inner}\right)"


def _called(name: str) -> str:
    if name == "N":
        return r"\mathcal{N}"
    return rf"\operatorname{{{name}}}" if name else ""


def _between(before: Expr, after: Expr) -> str:
    kinds = (_kind(before), _kind(after))
    if isinstance(before, Under):
        return r"\;\;"
    if kinds == ("name", "name"):
        return r" \cdot "
    return " " if kinds == ("bold", "bold") else r"\,"


def _kind(expression: Expr) -> str:
    match expression:
        case Power(base, _):
            return _kind(base)
        case Symbol(_, _, "roman"):
            return "name"
        case Symbol(_, _, "bold"):
            return "bold"
    return "other"


def _sign(sign: str) -> str:
    return "-" if sign == "−" else sign


def _plain(title: str) -> str:
    """A title that both TeX's and MathJax's text mode show as it is."""
    return title.replace("_", " ").replace("%", "").replace("#", "").replace("&", "and").replace("$", "")
