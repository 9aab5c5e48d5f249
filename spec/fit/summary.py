"""The table of a fit, as users of statsmodels know it: in 80 columns in the terminal, and in HTML in a notebook."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH = 80
NAME = 24  # columns for the name of a term; a longer name is cut in its middle


@dataclass(frozen=True)
class Term:
    """A coefficient: its name, and coef, std err, statistic, p-value, lower and upper end."""

    name: str
    numbers: tuple[float, ...]


@dataclass(frozen=True)
class Block:
    """The coefficients of an output, under a title if there are several."""

    title: str
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Summary:
    """What is known of a fit, to print. ``facts`` are pairs of a name and a value, two to a line."""

    title: str
    converged: bool
    reason: str
    facts: Sequence[tuple[str, str | float]]
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
        lines = [self.title.center(WIDTH).rstrip(), "=" * WIDTH]
        if not self.converged:
            lines += [*textwrap.wrap(f"NOT CONVERGED: {self.reason}", WIDTH), "-" * WIDTH]
        for left, right in zip(self.facts[::2], [*self.facts[1::2], ("", "")]):
            lines.append(f"{_fact(*left)}  {_fact(*right)}".rstrip())
        lines += ["=" * WIDTH, f"{'':{NAME}}" + "".join(f"{head:>9}" for head in self.heads)]
        for block in self.blocks:
            lines += [block.title] * bool(block.title) + ["-" * WIDTH]
            lines += [f"{_short(term.name):{NAME}}" + "".join(f"{_number(x):>9}" for x in term.numbers) for term in block.terms]
        lines.append("=" * WIDTH)
        for note in self.notes:
            lines += textwrap.wrap(note, WIDTH, subsequent_indent="  ")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table for a notebook."""
        parts = [f"<table><caption>{escape(self.title)}</caption><tbody>"]
        if not self.converged:
            parts.append(f"<tr><td colspan='4'><strong>Not converged:</strong> {escape(self.reason)}</td></tr>")
        for left, right in zip(self.facts[::2], [*self.facts[1::2], ("", "")]):
            cells = [escape(text) for name, value in (left, right) for text in (name, _number(value))]
            parts.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        parts.append("</tbody></table><table><thead><tr><th></th>")
        parts += [f"<th>{escape(head)}</th>" for head in self.heads]
        parts.append("</tr></thead><tbody>")
        for block in self.blocks:
            if block.title:
                parts.append(f"<tr><th colspan='7'>{escape(block.title)}</th></tr>")
            for term in block.terms:
                numbers = "".join(f"<td>{_number(x)}</td>" for x in term.numbers)
                parts.append(f"<tr><th scope='row'>{escape(term.name)}</th>{numbers}</tr>")
        parts.append("</tbody></table>")
        parts += [f"<p>{escape(note)}</p>" for note in self.notes]
        return "".join(parts)


def _fact(name: str, value: str | float) -> str:
    text = _number(value)
    return f"{name + ':' if name else '':<17}{text:>{max(22, len(text))}}"


def _short(name: str) -> str:
    """The name, cut in its middle where it is too long."""
    if len(name) < NAME:
        return name
    end = (NAME - 2) // 2
    return f"{name[: NAME - 2 - end]}…{name[-end:]}"


def _number(value: str | float) -> str:
    """
    A number in at most 8 characters: 4 significant digits, or as many as a smaller number has room for.

    >>> [_number(x) for x in (0.5, -12.3456, 1234567.0, 1.2e-9, 0.0, float("inf"))]
    ['0.5000', '-12.346', '1.23e+06', '1.2e-09', '0.0000', 'inf']
    """
    if isinstance(value, str):
        return value
    size = abs(value)
    if not np.isfinite(size):
        return "nan" if np.isnan(size) else ("inf" if value > 0 else "-inf")
    if size != 0 and (size < 1e-4 or size >= 1e5):
        return f"{value:.2e}" if size >= 1e5 else f"{value:.1e}"
    return f"{value:.4f}" if size < 10 else f"{value:.{max(0, 4 - len(str(int(size))) + 1)}f}"
