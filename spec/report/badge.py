"""A badge of the evidence of an engine, as SVG: how many of the cases that it can express hold, and how many it declined."""

from __future__ import annotations

from collections import Counter
from html import escape

from spec.report.record import Record
from spec.report.table import FEWEST

GOOD, KNOWN, BAD, HARDLY = "#2e7d32", "#8a6d00", "#c62828", "#616161"
LABEL, PER_CHARACTER, PADDING, HEIGHT = "glm-spec", 6.6, 12, 20


def outcomes(found: Record) -> Counter[str]:
    """The cases that judge the subject, by outcome."""
    subject = found["engines"]["subject"]["name"]
    cases = {(cell["claim"], cell["case"]): cell["outcome"] for cell in found["cells"] if cell["engine"] == subject}
    return Counter(cases.values())


def said(found: Record) -> tuple[str, str]:
    """
    The words of the badge, and its colour.

    >>> cells = [{"claim": "a", "case": str(i), "engine": "E", "outcome": "holds" if i else "known gap"} for i in range(9)]
    >>> said({"engines": {"subject": {"name": "E"}}, "cells": cells})
    ('8 of 9 cases hold, 1 known gap', '#8a6d00')
    """
    count = outcomes(found)
    total, declined = sum(count.values()), count["declined"]
    if total - declined < FEWEST * total:
        return f"{total - declined} of {total} cases answered", HARDLY
    gaps, bad = count["known gap"], total - declined - count["holds"] - count["known gap"]
    words = [f"{count['holds']} of {total - declined} cases hold"]
    words += [f"{gaps} known gap{'s' * (gaps > 1)}"] * (gaps > 0) + [f"{declined} declined"] * (declined > 0)
    return ", ".join(words), BAD if bad else KNOWN if gaps else GOOD


def svg(found: Record) -> str:
    """The badge. It fetches nothing; its words are its title, too."""
    words, colour = said(found)
    label = f"{LABEL} {found['suite']}"
    left, right = (round(PER_CHARACTER * len(text) + PADDING) for text in (label, words))
    title = escape(f"{label}: {words}")
    texts = "".join(
        f'<text x="{x}" y="14" text-anchor="middle">{escape(text)}</text>'
        for x, text in ((left / 2, label), (left + right / 2, words))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{HEIGHT}" role="img" aria-label="{title}">'
        f'<title>{title}</title><rect width="{left}" height="{HEIGHT}" fill="#444"/>'
        f'<rect x="{left}" width="{right}" height="{HEIGHT}" fill="{colour}"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{texts}</g></svg>\n'
    )
