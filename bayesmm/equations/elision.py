"""Matrices too long or too wide to write out: the first rows and columns, dots, and the last."""

from __future__ import annotations

from collections.abc import Callable

from bayesmm.equations.tree import Dots, Expr, Matrix


def elided(
    n_rows: int, n_columns: int, entry: Callable[[int, int], Expr], *, rows: int = 6, columns: int = 6
) -> Matrix:
    """The matrix of ``entry(i, j)``, with dots where it has more than ``rows`` rows or ``columns`` columns.

    Examples
    --------
    >>> from bayesmm.equations.tree import whole
    >>> matrix = elided(10, 1, lambda i, j: whole(i), rows=4)
    >>> [row[0] for row in matrix.rows][2:]
    [Dots(direction='down'), Number(value=9.0, text='9')]
    """
    down, across = shown(n_rows, rows), shown(n_columns, columns)
    return Matrix(tuple(tuple(_entry(i, j, entry) for j in across) for i in down))


def shown(n: int, most: int) -> list[int | None]:
    """Which of n things are shown, in ``most`` places at most; None stands for the dots."""
    if n <= most:
        return list(range(n))
    return [*range(most - 2), None, n - 1]


def _entry(i: int | None, j: int | None, entry: Callable[[int, int], Expr]) -> Expr:
    if i is None:
        return Dots("down" if j is not None else "diagonal")
    return Dots("across") if j is None else entry(i, j)
