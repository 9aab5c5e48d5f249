"""Mathematics as MathML, which browsers render themselves: no script, no font to fetch, and read aloud by screen readers."""

import html
import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.errors import ExtensionError

UNKNOWN = {r"\arg": r"\operatorname{arg}"}  # to the converter


def mathml(latex: str, display: bool) -> str:
    """Raises ValueError where a command is left over: what it means would be lost."""
    for command, known in UNKNOWN.items():
        latex = re.sub(re.escape(command) + r"(?![a-zA-Z])", lambda _, known=known: known, latex)
    found = convert(latex, display="block" if display else "inline")
    if left := re.findall(r"\\[a-zA-Z]+", html.unescape(found)):
        raise ValueError(f"{', '.join(left)} has no MathML, in {latex}")
    return found.replace("<math ", f'<math alttext="{html.escape(latex, quote=True)}" ', 1)


def visit(self, node):
    try:
        found = mathml(node.astext(), node.tagname == "math_block")
    except Exception as error:
        raise ExtensionError(f"{node.source}:{node.line}: no mathematics: {error}") from error
    self.body.append(f'<div class="math">{found}</div>' if node.tagname == "math_block" else found)
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", inline_renderers=(visit, None), block_renderers=(visit, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
