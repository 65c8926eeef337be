"""How the documentation is built: ``uv run --group docs sphinx-build -W -b html docs docs/_build``.

Every page with code is run from top to bottom, and an error or a warning in a cell is an error of the build.
Nothing is fetched: no inventories of other projects, no scripts or fonts from elsewhere.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

import bayesmm

logger = logging.getLogger(__name__)
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "bayesmm"
author = "the authors of bayesmm"
version = release = bayesmm.__version__
language = "en-GB"

extensions = ["mathml", "myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
exclude_patterns = ["_build", "jupyter_execute", ".jupyter_cache", "**.ipynb_checkpoints"]

# Pages
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence", "smartquotes"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

# Cells
nb_execution_mode = (
    "inline"  # each page from the top, while it is read: numbers in its sentences are computed too
)
nb_eval_name_regex = ".+"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_output_stderr = "error"

# API
autosummary_generate = False
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# Look
html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "bayesmm"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_sidebars = {"**": ["pages"]}
html_css_files = ["bayesmm.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "bayesmm"},
    "navbar_center": [],
    "navbar_end": ["theme-switcher"],
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
    "navigation_with_keys": False,
}


def refuse_warnings(app: Sphinx, doctree: nodes.document) -> None:
    """A warning that a cell shows otherwise than on stderr, as under a progress bar, is one of the build."""
    for node in doctree.findall(lambda node: isinstance(node, nodes.raw | nodes.literal_block)):
        if "Warning: " in node.astext() and "cell_input" not in node.parent.get("classes", ()):
            logger.warning("a cell shows a warning: %s", node.astext()[:200], location=node)


def setup(app: Sphinx) -> None:
    """Look for warnings; draw sharp pictures, by a profile of IPython that lives in the build folder."""
    profile = Path(app.doctreedir) / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text(
        'c.InlineBackend.figure_formats = {"svg"}\nc.IPKernelApp.log_level = "ERROR"\n'
    )
    os.environ["IPYTHONDIR"] = str(profile.parent)
    app.connect("doctree-read", refuse_warnings)
