"""The exceptions: every message says what was got, what was expected and what to try."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BayesmmError(Exception):
    """A mistake that the user can mend.

    Parameters
    ----------
    got
        What was found, as a sentence without its full stop.
    expected
        What would have been right.
    advice
        What to try next.
    """

    def __init__(self, got: str, *, expected: str, advice: str) -> None:
        self.got = got
        self.expected = expected
        self.advice = advice
        super().__init__(f"{got}.\nExpected: {expected}.\nTry: {advice}.")

    @property
    def one_line(self) -> str:
        """The whole message on one line, for a terminal or a log."""
        return f"{self.got}; expected {self.expected}; try: {self.advice}"


class FormulaError(BayesmmError, ValueError):
    """A formula that can't be read; the message points into its text.

    Parameters
    ----------
    text
        The whole formula.
    start, stop
        The offending piece is ``text[start:stop]``; carets are drawn under it.
    """

    def __init__(self, got: str, *, expected: str, advice: str, text: str, start: int, stop: int) -> None:
        super().__init__(got, expected=expected, advice=advice)
        self.text = text
        self.start = start
        self.stop = max(stop, start + 1)

    def __str__(self) -> str:
        marks = " " * self.start + "^" * (self.stop - self.start)
        line = self.text.replace("\n", " ").replace("\t", " ")
        return f"{self.got}.\n\n    {line}\n    {marks}\n\nExpected: {self.expected}.\nTry: {self.advice}."


class DataError(BayesmmError, ValueError):
    """Data that the model can't be built from."""


class DatasetError(BayesmmError, LookupError):
    """A name that no embedded data set has."""


class ModelError(BayesmmError, ValueError):
    """An option of a model that doesn't fit the model."""


class PriorError(BayesmmError, ValueError):
    """A prior that names nothing, or whose distribution or parameters can't be."""


class FileError(BayesmmError, OSError):
    """A file that is missing, empty or malformed."""


class DesignNotice(UserWarning):
    """Something about the design that the user should know, such as aliased columns dropped."""


def near_matches(name: object, candidates: Iterable[object]) -> str:
    """Say which of the candidates a mistyped name may have meant.

    Returns ``"did you mean 'a' or 'b'?"`` for near matches, otherwise the list of what there is.

    Examples
    --------
    >>> near_matches("Subjct", ["Subject", "Days"])
    "did you mean 'Subject'?"
    """
    known = [str(c) for c in candidates]
    folded = {k.casefold(): k for k in known}
    close = difflib.get_close_matches(str(name).casefold(), folded, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(f"'{folded[c]}'" for c in close) + "?"
    shown = ", ".join(f"'{k}'" for k in known[:12])
    return f"one of {shown}" + (f" … ({len(known)} in all)" if len(known) > 12 else "")
