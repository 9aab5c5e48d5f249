"""The table of a fit, as users of statsmodels know it: in 80 columns in the terminal, and in HTML in a notebook."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Union

import numpy as np
from rich.cells import cell_len, chop_cells

WIDTH = 80
NAME = 22  # columns for the name of a term; a longer name has a line of its own
WIDTHS = (10, 10, 9, 9, 10, 10)  # columns for the numbers
FAILED = "The numbers below are those of the last pass, and of no optimum."
Value = Union[str, float]


@dataclass(frozen=True)
class Term:
    """A coefficient: its name, and coef, std err, statistic, p-value, lower and upper end."""

    name: str
    numbers: tuple[float, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The numbers as they are printed."""
        coefficient, error, statistic, p, low, high = self.numbers
        return number(coefficient), number(error), in_tests(statistic, 3), in_tests(p, 4), number(low), number(high)


@dataclass(frozen=True)
class Block:
    """The coefficients of an output, under a title if there are several."""

    title: str
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Summary:
    """The summary of a fit, to print. ``facts`` are pairs of a name and a value, two to a line."""

    title: str
    converged: bool
    reason: str
    facts: Sequence[tuple[str, Value]]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]
    statistic: str
    level: float

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads of the columns of numbers."""
        tail = (1 - self.level) / 2
        return "coef", "std err", self.statistic, f"P>|{self.statistic}|", f"[{tail:.3g}", f"{1 - tail:.3g}]"

    def __str__(self) -> str:
        title = _wrapped(self.title)
        lines = [title[0].center(WIDTH).rstrip()] if len(title) == 1 else title
        lines.append("=" * WIDTH)
        if not self.converged:
            lines += [*_wrapped(f"NOT CONVERGED: {self.reason}"), *_wrapped(FAILED), "-" * WIDTH]
        for left, right in zip(self.facts[::2], self.facts[1::2]):
            lines.append(f"{_fact(*left)}  {_fact(*right)}")
        lines += ["=" * WIDTH, " " * NAME + _in_columns(self.heads)]
        for block in self.blocks:
            lines += ["-" * WIDTH, *(_wrapped(block.title) if block.title else [])]
            for term in block.terms:
                lines += _row(term)
        lines.append("=" * WIDTH)
        for note in self.notes:
            lines += _wrapped(note, indent="  ")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table for a notebook."""
        parts = [f"<table><caption>{escape(self.title)}</caption><tbody>"]
        if not self.converged:
            parts.append(f"<tr><td colspan='4'><strong>Not converged:</strong> {escape(self.reason)} {FAILED}</td></tr>")
        for left, right in zip(self.facts[::2], self.facts[1::2]):
            cells = [escape(text) for name, value in (left, right) for text in (name, _said(value))]
            parts.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        parts.append("</tbody></table><table><thead><tr><th></th>")
        parts += [f"<th>{escape(head)}</th>" for head in self.heads]
        parts.append("</tr></thead><tbody>")
        for block in self.blocks:
            if block.title:
                parts.append(f"<tr><th colspan='7'>{escape(block.title)}</th></tr>")
            for term in block.terms:
                cells = [f"<td>{escape(text)}</td>" for text in term.texts]
                parts.append(f"<tr><th scope='row'>{escape(term.name)}</th>{''.join(cells)}</tr>")
        parts.append("</tbody></table>")
        parts += [f"<p>{escape(note)}</p>" for note in self.notes]
        return "".join(parts)


def _row(term: Term) -> list[str]:
    """The lines of a coefficient; a long name stands above its numbers."""
    numbers = _in_columns(term.texts)
    *above, last = chop_cells(_plain(term.name), WIDTH) or [""]
    if above or cell_len(last) >= NAME:
        return [*above, last, " " * NAME + numbers]
    return [last + " " * (NAME - cell_len(last)) + numbers]


def _in_columns(texts: Sequence[str]) -> str:
    return "".join(f"{text:>{width}}" for text, width in zip(texts, WIDTHS))


def _wrapped(text: str, indent: str = "") -> list[str]:
    """The lines of a text, none wider than the table."""
    lines = textwrap.wrap(_plain(text), WIDTH, subsequent_indent=indent)
    return [part for line in lines for part in (chop_cells(line, WIDTH) if cell_len(line) > WIDTH else [line])]


def _plain(text: str) -> str:
    """The text with an escape for characters that are not printed, such as the end of a line."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _fact(name: str, value: Value) -> str:
    return f"{name + ':':<16}{_said(value):>23}"


def _said(value: Value) -> str:
    """A fact's value: 4 digits after the point, as many as 4 before them where it is small."""
    if isinstance(value, str):
        return value
    size = abs(value)
    return f"{value:.4f}" if size == 0 or 0.1 <= size < 1e12 or not np.isfinite(size) else f"{value:.4e}"


def number(value: float) -> str:
    """
    A number in at most 9 characters, with 3 significant digits or more, unless its exponent has 3 digits.

    >>> [number(x) for x in (0.5, -999.99999, 12345.678, 1234567.0, -1.234e-9, 0.0, float("inf"))]
    ['0.5000', '-1000.000', '12345.678', '1.23e+06', '-1.23e-09', '0.0000', 'inf']
    """
    size = abs(value)
    if not np.isfinite(size):
        return str(value)
    if size == 0 or 0.01 <= size < 1e6:
        return next(text for digits in (4, 3, 2, 1, 0) if len(text := f"{value:.{digits}f}") <= 9)
    return f"{value:.2e}" if 1e-99 <= size < 1e99 else f"{value:.1e}"


def in_tests(value: float, digits: int) -> str:
    """
    A statistic or a p-value in at most 8 characters, with ``digits`` digits after the point if they fit.

    >>> [in_tests(x, 3) for x in (2.5, -1234567.0)], [in_tests(p, 4) for p in (0.03, 1.2e-17, 0.0)]
    (['2.500', '-1.2e+06'], ['0.0300', '1.2e-17', '0.0000'])
    """
    text = f"{round(value, digits) + 0.0:.{digits}f}"  # and no -0
    small = digits == 4 and 0 < value < 10**-digits
    return text if len(text) <= 8 and not small else f"{value:.1e}"
