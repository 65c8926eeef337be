"""Equations as MathML, made while the pages are built: no script and no network in the reader's browser.

LaTeX that latex2mathml doesn't know would end up as its own source text in the page. That is looked for, and
is a warning, so that a build with ``-W`` fails on it.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)

ALIGNED = re.compile(r"\\(begin|end)\{aligned\}")
ROW_GAP = re.compile(r"\\\\\[[^\]]*\]")
NOT_CONVERTED = re.compile(r"<m[a-z]+[^>]*>(\\[^<]*|[^<]*&(?!#?\w+;)[^<]*)</m[a-z]+>")
SPELLED_OTHERWISE = {r"\lvert": r"\left|", r"\rvert": r"\right|"}
TILDE = "<mi>&#x0007E;</mi>"
DISTRIBUTED_AS = "<mo>&#x0223C;</mo>"
FUNCTION_NAME = re.compile(r"<mi>(log|exp|max|min|det)</mi>")
THIN = '<mspace width="0.17em"></mspace>'


def to_mathml(latex: str, *, display: bool) -> str:
    """LaTeX → one <math> element.

    ``aligned`` is written ``split``, which the converter knows, and the gaps in ``\\\\[2pt]`` are left
    out. The names of functions get the thin spaces that TeX gives them.

    Raises
    ------
    ValueError
        If a command was not understood.
    """
    known = ROW_GAP.sub(r"\\\\", ALIGNED.sub(r"\\\1{split}", latex.strip()))
    for theirs, ours in SPELLED_OTHERWISE.items():
        known = known.replace(theirs, ours)
    if display and r"\\" in known and r"\begin" not in known:
        known = rf"\begin{{split}}{known}\end{{split}}"
    markup = convert(known, display="block" if display else "inline").replace(TILDE, DISTRIBUTED_AS)
    markup = FUNCTION_NAME.sub(rf"{THIN}<mi>\1</mi>{THIN}", markup)
    left = NOT_CONVERTED.search(markup)
    if left:
        raise ValueError(f"not understood: {left.group(1)}")
    return markup


def visit_inline(self: Any, node: nodes.math) -> None:
    self.body.append(f'<span class="math">{_convert(node, display=False)}</span>')
    raise nodes.SkipNode


def visit_block(self: Any, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(f"{_convert(node, display=True)}</div>\n")
    raise nodes.SkipNode


def _convert(node: nodes.Element, *, display: bool) -> str:
    try:
        return to_mathml(node.astext(), display=display)
    except Exception as error:  # whatever the converter raises is a fault of this one equation
        logger.warning("equation %r: %s", node.astext(), error, location=node, type="mathml")
        return f"<code>{node.astext()}</code>"


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
