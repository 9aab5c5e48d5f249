"""
A diagnosis as a page: one sentence, the evidence with a picture, what to do, what was ruled out.

`fragment` is the part that stands in a notebook or in another page, `write` makes a page of it that stands alone: nothing is
fetched and nothing is scripted, and all that came with the data is escaped.
"""

from __future__ import annotations

from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from spec.diagnosis import picture, terminal, words
from spec.diagnosis.result import Diagnosis
from spec.files import replace, unfit

TEMPLATE = "page.html.jinja"
NEEDS = ("jinja2", "matplotlib")
ENDINGS = (".html", ".htm")
SHOWN = 20  # coefficients in the table


def fragment(diagnosis: Diagnosis) -> str:
    """
    The diagnosis as one element of HTML, for a notebook or a page.

    Without Jinja it is the text for a terminal, and without matplotlib it has no picture.
    """
    if find_spec("jinja2") is None:
        return f"<pre>{escape(terminal.text(diagnosis))}</pre>"
    return _rendered(words.read(diagnosis), "fragment")


def check(path: str | Path) -> Path:
    """The path of a page that can be written. Raises ValueError for one that cannot, ImportError where a library lacks."""
    path = Path(path)
    if fault := unfit(path, *ENDINGS):
        raise ValueError(f"{path}: {fault}")
    if absent := [name for name in NEEDS if find_spec(name) is None]:
        raise ImportError(f"a page needs {' and '.join(absent)}: pip install {' '.join(absent)}")
    return path


def write(path: str | Path, diagnosis: Diagnosis) -> None:
    """Write the page in one step. Raises as `check` does."""
    path = check(path)
    replace(path, _rendered(words.read(diagnosis), "page"))


def _rendered(reading: words.Reading, macro: str) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.globals.update(picture=_picture, short=words.short, finite=np.isfinite, SHOWN=SHOWN, NEAREST=words.NEAREST)
    macros: Any = made.get_template(TEMPLATE).module
    return str(getattr(macros, macro)(reading))


def _picture(reading: words.Reading) -> str:
    return picture.svg(reading) if find_spec("matplotlib") is not None else ""
