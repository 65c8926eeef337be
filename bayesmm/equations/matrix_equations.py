"""The model in matrices: y = Xβ + Zb + e with the sizes of everything, and G, R and V."""

from __future__ import annotations

from bayesmm.equations.elision import elided
from bayesmm.equations.filled import Values, filled_equation
from bayesmm.equations.level_equations import covariance_matrix
from bayesmm.equations.notation import Notation, RandomNotation
from bayesmm.equations.page import Section
from bayesmm.equations.tree import (
    Call,
    Dots,
    Equation,
    Expr,
    Infix,
    Matrix,
    Phrase,
    Power,
    Symbol,
    Under,
    bold,
    normal,
    product,
    total,
)

Y, X, BETA, Z, B, E, G, R, V, W = (
    bold(letter) for letter in ("y", "X", "β", "Z", "b", "e", "G", "R", "V", "W")
)
NOTHING = bold("0")


def matrix_section(notation: Notation, values: Values | None) -> Section:
    """The equation with sizes, β, the parts of Z and b, the distributions, V."""
    lines = [
        _main(notation),
        *_coefficients(notation),
        *_blocks(notation),
        Equation(B, "~", normal(NOTHING, G)),
        Equation(E, "~", normal(NOTHING, R)),
        Equation(G, "=", _covariance_of_effects(notation)),
        *(Equation(t.matrix, "=", covariance_matrix(t)) for t in notation.terms if t.k > 1),
        *_residual_covariance(notation),
        Equation(Call("Var", (Y,)), "=", Infix("=", (V, total(product(Z, G, Power(Z, "′")), R)))),
    ]
    return Section(
        "In matrices", tuple(filled_equation(line, notation, values) for line in lines), _notes(notation)
    )


def offset_vector(notation: Notation) -> Symbol | None:
    """The offset as a vector."""
    return None if notation.offset is None else bold("a")


def _notes(notation: Notation) -> tuple[Phrase, ...]:
    """What the numbered blocks belong to, and what the offset is called."""
    notes: list[Phrase] = []
    if len(notation.terms) > 1:
        words: list[str | Expr] = []
        for t, term in enumerate(notation.design.terms):
            number = str(t + 1)
            words += [", " if words else "", bold("Z", number), " and ", bold("b", number)]
            words.append(f"{' belong' if t == 0 else ''} to ({term.label})")
        notes.append((*words, "."))
    offset = offset_vector(notation)
    if offset is not None:
        notes.append((offset, " is the offset."))
    return tuple(notes)


def _main(notation: Notation) -> Equation:
    design = notation.design
    n, p, q = design.n, design.p, design.q
    terms: list[Expr] = []
    if p:
        terms.append(product(_sized(X, n, p), _sized(BETA, p, 1)))
    terms.append(product(_sized(Z, n, q), _sized(B, q, 1)))
    offset = offset_vector(notation)
    if offset is not None:
        terms.append(_sized(offset, n, 1))
    return Equation(_sized(Y, n, 1), "=", total(*terms, _sized(E, n, 1)))


def _sized(matrix: Symbol, rows: int, columns: int) -> Under:
    return Under(matrix, f"{rows}×{columns}")


def _coefficients(notation: Notation) -> list[Equation]:
    """β written out, as its transpose lies."""
    if not notation.fixed:
        return []
    row = elided(1, len(notation.fixed), lambda i, j: notation.fixed[j].coefficient, columns=8)
    return [Equation(Power(BETA, "′"), "=", row)]


def _blocks(notation: Notation) -> list[Equation]:
    """Z and b by terms, where there are several."""
    if len(notation.terms) == 1:
        return []
    design = notation.design
    numbered = [(bold("Z", str(t + 1)), bold("b", str(t + 1))) for t in range(len(notation.terms))]
    sizes = [term.k * len(term.factor) for term in design.terms]
    left = tuple(_sized(z, design.n, size) for (z, _), size in zip(numbered, sizes, strict=True))
    right = tuple(Power(b, "′") for _, b in numbered)
    return [Equation(Z, "=", Matrix((left,))), Equation(Power(B, "′"), "=", Matrix((right,)))]


def _covariance_of_effects(notation: Notation) -> Expr:
    blocks = tuple(_block(term) for term in notation.terms)
    return blocks[0] if len(blocks) == 1 else Call("blockdiag", blocks)


def _block(term: RandomNotation) -> Expr:
    """I ⊗ Σ; a variance times I for one column."""
    identity = bold("I", str(term.group.size))
    return product(term.entry(0, 0), identity) if term.k == 1 else Infix("⊗", (identity, term.matrix))


def _residual_covariance(notation: Notation) -> list[Equation]:
    n = notation.design.n
    if notation.weight is None:
        return [Equation(R, "=", product(notation.variance, bold("I", str(n))))]
    first, last = (Symbol(notation.weight.base, (str(i),)) for i in (1, n))
    weights = Call("diag", (first, Dots("low"), last))
    return [
        Equation(R, "=", product(notation.variance, Power(W, "−1"))),
        Equation(W, "=", weights),
    ]
