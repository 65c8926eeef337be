"""``Sheet``: what a result has to say, as facts, tables and notes."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bayesmm.errors import ModelError, near_matches
from bayesmm.sheet.latex import latex_of
from bayesmm.sheet.markdown import markdown_of
from bayesmm.sheet.markup import html_of
from bayesmm.sheet.table import Table
from bayesmm.sheet.text import text_of


@dataclass(frozen=True, eq=False)
class Sheet:
    """A result as it is shown to a person.

    Attributes
    ----------
    title
        One line.
    facts
        (label, text) pairs, shown one a line under the title.
    tables
        The tables, in order.
    notes
        Sentences for the end.

    Examples
    --------
    >>> frame = pd.DataFrame({"mean": [251.4, 10.47], "se": [6.82, 1.55]}, index=["Intercept", "Days"])
    >>> print(Sheet("A fit", (("Rows", "180"),), (Table("Fixed effects", frame),)).to_markdown())
    **A fit**
    <BLANKLINE>
    - Rows: 180
    <BLANKLINE>
    **Fixed effects**
    <BLANKLINE>
    |  | mean | se |
    | :-- | --: | --: |
    | Intercept | 251.40 | 6.8200 |
    | Days | 10.47 | 1.5500 |
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()

    def to_frame(self, title: str | None = None) -> pd.DataFrame:
        """The numbers of the tables, unrounded, as a frame.

        Parameters
        ----------
        title
            Which table, by its title. None takes all: a single one as it is; several under each other, with
            the title as first level of the index and what a table doesn't have missing.

        Returns
        -------
        DataFrame
            A copy; without rows where there is no table.

        Raises
        ------
        ModelError
            If there is no table of this title.

        Examples
        --------
        >>> import bayesmm as bmm
        >>> sheet = bmm.Model("Yield ~ 1 + (1 | Batch)", bmm.load_data("Dyestuff")).fit().summary()
        >>> sheet.to_frame("Random effects").round(2)
                          variance     sd
        Batch: Intercept   1764.05  42.00
        Residual           2451.25  49.51
        >>> sheet.to_frame().index.names
        FrozenList(['table', 'row'])
        """
        frames = {table.title: table.frame for table in self.tables}
        if title is not None:
            if title not in frames:
                raise ModelError(
                    f"the sheet has no table {title!r}",
                    expected=f"one of {', '.join(map(repr, frames))}" if frames else "a sheet with tables",
                    advice=near_matches(title, frames) if frames else "str(sheet) shows what it has",
                )
            return frames[title].copy()
        if len(frames) > 1:
            return pd.concat(frames, names=["table", "row"])
        return next(iter(frames.values()), pd.DataFrame()).copy()

    def to_latex(self, *, facts: bool = True) -> str:
        """The sheet in LaTeX: a table environment each, numbers to the right; it needs the package booktabs.

        What LaTeX would read as a command is escaped; Greek letters and mathematical signs become commands.
        Letters of other scripts want XeLaTeX or LuaLaTeX.

        Parameters
        ----------
        facts
            Whether the facts and notes are there too, or the tables alone.
        """
        return latex_of(self, facts=facts)

    def to_markdown(self, *, facts: bool = True) -> str:
        """The sheet in Markdown, with tables as GitHub and Pandoc read them, numbers to the right.

        Parameters
        ----------
        facts
            Whether the facts and notes are there too, or the tables alone.
        """
        return markdown_of(self, facts=facts)

    def __str__(self) -> str:
        return text_of(self)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return html_of(self)
