"""A sheet in LaTeX: one table environment each for the facts and for every table, then the notes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bayesmm.sheet.table import Table

if TYPE_CHECKING:
    from bayesmm.sheet.sheet import Sheet

_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ"
_NAMES = (
    "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon "
    "varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
_GREEK = dict(zip(_LETTERS, _NAMES.split(), strict=True))
_SIGNS = {
    "×": "times", "÷": "div", "±": "pm", "≥": "geq", "≤": "leq", "≈": "approx", "≠": "neq", "∞": "infty",
    "→": "to", "←": "leftarrow", "∈": "in", "·": "cdot", "√": "surd", "∑": "sum", "ℓ": "ell",
}  # fmt: skip
_MATHEMATICS = {sign: rf"$\{name}$" for sign, name in (_GREEK | _SIGNS).items()}
_MATHEMATICS |= {"−": "$-$", "′": "$'$", "ŷ": r"$\hat{y}$", "⁻": "$^{-}$"}
_MATHEMATICS |= {digit: f"$^{{{i}}}$" for i, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
_MATHEMATICS |= {digit: f"$_{{{i}}}$" for i, digit in enumerate("₀₁₂₃₄₅₆₇₈₉")}
_ESCAPED = _MATHEMATICS | {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_",
    "$": r"\$", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}", '"': "{''}", "[": "{[}",
    "…": r"\ldots{}", "–": "--", "—": "---", "\u2007": " ", "\u2008": " ", "\u00a0": "~", "\n": " ",
}  # fmt: skip
_HAT = re.compile("(.)\u0302")
_NUMBER = re.compile(r"(-?)(\d+(?:\.\d+)?)(?:e([+-]\d+))?")


def latex_of(sheet: Sheet, *, facts: bool) -> str:
    """The whole sheet, or its tables alone."""
    blocks = []
    if facts and sheet.facts:
        rows = [[escaped(label), escaped(text)] for label, text in sheet.facts]
        blocks.append(_environment(sheet.title, r"lp{0.7\linewidth}", [], rows))
    elif facts:
        blocks.append(rf"\paragraph{{{escaped(sheet.title)}}}")
    blocks += [_table(table) for table in sheet.tables]
    if facts:
        blocks += [escaped(note) for note in sheet.notes]
    return "\n\n".join(blocks) + "\n"


def escaped(text: str) -> str:
    """Text that LaTeX prints as it stands.

    Examples
    --------
    >>> print(escaped("I(x**2) & 95% of a_b #1: k̂ ≥ σ²"))
    I(x**2) \\& 95\\% of a\\_b \\#1: $\\hat{k}$ $\\geq$ $\\sigma$$^{2}$
    """
    hats: list[str] = []

    def keep(match: re.Match[str]) -> str:
        hats.append(rf"$\hat{{{_MATHEMATICS.get(match[1], match[1]).strip('$')}}}$")
        return "\0"

    plain = "".join(_ESCAPED.get(character, character) for character in _HAT.sub(keep, text))
    for hat in hats:
        plain = plain.replace("\0", hat, 1)
    return plain


def number(text: str) -> str:
    """A number as it is typeset, with a true minus sign.

    Examples
    --------
    >>> number("-12.30"), number("1.2e-07"), number("")
    ('$-12.30$', '$1.2 \\\\times 10^{-7}$', '')
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return {"inf": r"$\infty$", "-inf": r"$-\infty$"}.get(text.strip(), escaped(text.strip()))
    minus, digits, power = found.groups()
    if power is not None:
        return rf"${minus}{digits} \times 10^{{{int(power)}}}$"
    return f"$-{digits}$" if minus else digits


def _table(table: Table) -> str:
    heads, rows = table.cells()
    cells = [
        [number(text) if right else escaped(text) for text, right in zip(row, table.numeric, strict=True)]
        for row in rows
    ]
    columns = "".join("r" if right else "l" for right in table.numeric)
    return _environment(table.title, columns, [escaped(head) for head in heads], cells)


def _environment(caption: str, columns: str, heads: list[str], rows: list[list[str]]) -> str:
    lines = [
        r"\begin{table}[ht]",
        r"\centering",
        rf"\caption{{{escaped(caption)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        *([" & ".join(heads) + r" \\", r"\midrule"] if heads else []),
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines)
