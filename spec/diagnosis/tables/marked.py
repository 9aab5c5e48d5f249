"""Tables whose cells are marked, as rows of cells: HTML, LaTeX and Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import groupby

_COMMAND = re.compile(r"\\(?:multicolumn\{\d+\}\{[^{}]*\}|multirow\{\d+\}\{[^{}]*\}|(?!multi)[a-z]+)\{([^{}]*)\}")
_FRAME = re.compile(
    r"\\(?:begin|end)\{[^{}]*\}(?:\[[^\]]*\]|\{[^{}]*\})*|\\(?:[hc]line|(?:top|mid|bottom|cmid)rule)(?:\{.*?\})?|(?<!\\)%.*"
)
_RULE = re.compile(r"[\s\-=+|:]*")


def rows_of(text: str) -> list[list[str]]:
    """The rows of the tables of a text, one table after another; none where no cell is marked."""
    if re.search(r"<t[dh]\b", text, re.IGNORECASE):
        reader = _Html()
        reader.feed(text)
        rows = reader.rows
    elif re.search(r"&.*\\\\", text):
        rows = list(_of_latex(text))
    else:
        lines = [line.strip() for line in text.splitlines()]
        marked = [line for line in lines if re.fullmatch(r"\|.*\|.*\|", line) and not _RULE.fullmatch(line)]
        rows = [[re.sub(r"[`$]|\\(?=[_%&*])", "", cell).strip() for cell in line[1:-1].split("|")] for line in marked]
    return rows if len(rows) > 1 else []


def tables(rows: list[list[str]]) -> list[list[list[str]]]:
    """The rows in tables: a table's rows follow each other and have equally many cells."""
    return [list(group) for _, group in groupby(rows, len)]


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        self._in_cell = self._in_cell or tag in ("td", "th")
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_cell and self.rows:
            self.rows[-1][-1] = f"{self.rows[-1][-1]}{data}".strip()


def _of_latex(text: str) -> Iterator[list[str]]:
    text = _FRAME.sub("", text)
    while text != (text := _COMMAND.sub(r"\1", text)):
        pass
    for row in re.split(r"\\\\(?:\[[^\]]*\])?", text):
        cells = [re.sub(r"[$^{}]|\\(?=[_%&#])", "", cell).strip() for cell in re.split(r"(?<!\\)&", row)]
        if len(cells) > 1:
            yield [cells[0].splitlines()[-1].strip() if cells[0] else "", *cells[1:]]
