"""A page as a reader's program sees it: parsed strictly, its tables as numbers, its text without markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from xml.etree import ElementTree

import html5lib

import bayesmm as bmm
from bayesmm.reporting import Report, pictures
from tests.fits import fit_of, posterior_of

NAMESPACE = "{http://www.w3.org/1999/xhtml}"
PAGES = ("sleep", "sleep_bars", "hsb", "dyestuff", "dyestuff2", "pastes", "penicillin", "machines")
"""Models of which there is a page."""


@cache
def page_of(name: str, bayes: bool = False) -> Report:
    assert pictures.drawn.__name__ == "drawn", "a page without pictures would be kept for other tests"
    estimate = fit_of(name)
    return bmm.report(estimate.model, estimate, posterior_of(name) if bayes else None)


@cache
def tree_of(name: str, bayes: bool = False) -> ElementTree.Element:
    """A page, parsed once."""
    return parsed(page_of(name, bayes).html)


def parsed(page: str) -> ElementTree.Element:
    """The tree; any fault in the syntax is an error."""
    return html5lib.HTMLParser(strict=True).parse(page)


def every(tree: ElementTree.Element, tag: str) -> Iterator[ElementTree.Element]:
    return tree.iter(NAMESPACE + tag)


def text_of(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def table_of(tree: ElementTree.Element, caption: str) -> dict[str, dict[str, str]]:
    """The cells of the table whose caption starts so, by the row's and the column's heading."""
    (found,) = (
        one for one in every(tree, "table") if text_of(next(every(one, "caption"))).startswith(caption)
    )
    heads = [text_of(cell) for cell in list(next(every(found, "thead")))[-1]]
    rows = [[text_of(cell) for cell in row] for row in next(every(found, "tbody"))]
    return {row[0]: dict(zip(heads[1:], row[1:], strict=True)) for row in rows}


def number_of(cell: str) -> float:
    return float(cell.replace("−", "-").strip("\u2007\u2008 "))


def half_unit(cell: str) -> float:
    """Half of the last printed place."""
    digits = re.sub(r"[^\d.]", "", cell)
    return 0.5000001 * 10.0 ** -(len(digits.partition(".")[2]))
