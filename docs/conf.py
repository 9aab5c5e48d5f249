"""The book of the claims: ``tox -e docs``. It reads the claims and the evidence, and needs neither Keras nor statsmodels."""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "_ext")]

from spec import __version__  # noqa: E402

project = "A network without a hidden layer is a generalized linear model"
author = "the contributors"
copyright = "the contributors; MIT licence"
version = release = __version__

extensions = ["myst_parser", "book", "mathml"]
myst_enable_extensions = ["dollarmath", "deflist", "attrs_inline"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["claims.md"]  # for those who read on a forge: the book has all of it
nitpicky = True

html_theme = "furo"
html_title = "Networks and GLMs"
html_static_path = ["_static"]
html_favicon = "_static/icon.svg"
html_css_files = ["book.css"]
html_js_files = ["matrix.js"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#00667a", "color-brand-content": "#00667a"},
    "dark_css_variables": {"color-brand-primary": "#5cc3d6", "color-brand-content": "#5cc3d6"},
}
pygments_style, pygments_dark_style = "friendly", "github-dark"
