"""Sphinx: the documentation, built by ``sphinx-build -W docs build/site``."""

from __future__ import annotations

import contextlib
import pkgutil
import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.nodes import make_refnode
from sphinx.writers.html5 import HTML5Translator

import rbfnet

project = "rbfnet"
author = "rbfnet developers"
version = release = rbfnet.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
# docs/notebooks is a link to notebooks/.
exclude_patterns = ["notebooks/.ipynb_checkpoints"]

myst_enable_extensions = ["attrs_block", "deflist", "dollarmath"]
myst_heading_anchors = 3
# The outputs that are stored are shown: the tests execute notebooks.
nb_execution_mode = "off"
# Outputs that only a running notebook can show, such as widgets, have others beside them.
# Names of attributes that several classes have link to the first of them.
suppress_warnings = ["mystnb.unknown_mime_type", "ref.python"]

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = ["Warns"]

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_title = f"rbfnet {version}"
html_show_sphinx = False
html_copy_source = False

# References of docstrings that lead nowhere are warnings too. The letters are shapes in annotations.
nitpicky = True
nitpick_ignore_regex = [("py:class", r"Tensor|[A-Z]|'.*'")]

# What a class inherits from PyTorch or Lightning is documented there.
autodoc_inherit_docstrings = False


def escape_bars(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Keep |x| a norm: reStructuredText takes bars for substitutions. Code keeps its own."""
    code, depth = False, 0
    for at, line in enumerate(lines):
        if line.strip() and code and len(line) - len(line.lstrip()) <= depth and not line.lstrip().startswith((">>>", "...")):
            code = False
        if line.lstrip().startswith(">>>") or line.endswith("::"):
            code, depth = True, len(line) - len(line.lstrip()) - line.lstrip().startswith(">>>")
        if not code:
            lines[at] = re.sub(r"(``.*?``)|\|", lambda found: found[1] or r"\|", line)


def elsewhere(app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.Element) -> nodes.Element | None:
    """Link names that are defined in another module than the one they are named from; leave those without a page as code."""
    if node.get("refdomain") != "py":
        return None
    target, here = node["reftarget"].lstrip("."), node.get("py:module") or "rbfnet"
    documented = env.get_domain("py").objects
    last = target.rpartition(".")[2]
    places = {(entry.docname, entry.node_id) for full, entry in documented.items() if full.rpartition(".")[2] == last}
    if len(places) == 1:
        return make_refnode(app.builder, node["refdoc"], *places.pop(), shown, target)
    for name in (target, f"{here}.{target}", f"{here}.{node.get('py:class')}.{target}"):
        with contextlib.suppress(ImportError, AttributeError, ValueError):
            pkgutil.resolve_name(name)
            return shown
    return None


def through_the_link(app: Sphinx, tree: nodes.document) -> None:
    """Links between notebooks, which are resolved to where docs/notebooks leads to, outside of the site's pages."""
    outside = str(app.srcdir.parent / "notebooks")
    for node in tree.findall(pending_xref):
        if str(node.get("reftarget", "")).startswith(outside):
            node["reftarget"] = "notebooks" + node["reftarget"].removeprefix(outside)


# Formulas are MathML, which browsers show by themselves: no script, nothing from elsewhere, and a wrong formula is a warning.
html_math_renderer = "mathml"


def inline_math(self: HTML5Translator, node: nodes.math) -> None:
    """A formula in a line of text."""
    self.body.append(mathml(node, block=False))
    raise nodes.SkipNode


def block_math(self: HTML5Translator, node: nodes.math_block) -> None:
    """A formula on lines of its own."""
    self.body.append(f'<div class="formula">{mathml(node, block=True)}</div>')
    raise nodes.SkipNode


def mathml(node: nodes.Element, block: bool) -> str:
    """The formula of a node."""
    try:
        return tex2mathml(node.astext(), as_block=block)
    except MathError as error:
        logging.getLogger(__name__).warning("%s in the formula %s", error, node.astext(), location=node)
        return f"<code>{nodes.unescape(node.astext())}</code>"


def setup(app: Sphinx) -> None:
    """Connect to the events of Sphinx."""
    app.connect("autodoc-process-docstring", escape_bars, priority=400)
    app.connect("doctree-read", through_the_link)
    app.connect("missing-reference", elsewhere)
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
