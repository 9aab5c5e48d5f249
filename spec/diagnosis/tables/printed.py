"""
A table of coefficients that a program printed for people, as rows of cells: R, statsmodels, Stata, SAS, Julia, Markdown, LaTeX.

The rows have the headings of a file: a name, an estimate, a standard error. What is no such table is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_RATIO = r"(?-i:OR|IRR)|odds\s+ratios?"
_ESTIMATE = re.compile(
    rf"(?<![\w.])(estimates?|coef(?:s|\.|ficients?)?|b|beta|value(?=\s+std)|s\d+|{_RATIO})(?![\w(])\.?", re.IGNORECASE
)
_BAR = re.compile(r"([^|(>]*)\|(?=\s|$)")  # of Stata, between names and numbers
_ERROR = re.compile(r"\s*(?:robust\s+)?(?:(?:std\.?|standard)\s*err(?:or)?|error|s\.e\.|se\b)\.?", re.IGNORECASE)
_NUMBER = re.compile(r"[-+−]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?[a-z]?\**", re.IGNORECASE)
_BESIDE = re.compile(r"<?\s*[-+−]?[\d.]+(?:e[-+]?\d+)?|<|\.|NA|NaN|\(omitted\)|\(empty\)|\*+|-", re.IGNORECASE)
_MODEL = re.compile(r"^\W*\(1\)|^\W*dependent variable:", re.IGNORECASE)
_LATEX = re.compile(r"\\(?:hline|toprule|midrule|bottomrule|cline\{.*?\})")
_RULE = re.compile(r"[\s\-=+|:_─━┼]*")
_ENDS = re.compile(r"\s*(?:---|signif|residual|null\s+deviance|\(dispersion|number\s+of\s+fisher|aic|note)\b", re.IGNORECASE)
HEADINGS = ["term", "level1", "estimate", "stderror"]


def grid(text: str) -> list[list[str]] | None:
    """The table of a text as rows of cells, its headings first; None where there is no such table."""
    lines = [line.rstrip() for line in _LATEX.sub("", text).splitlines() if line.strip()]
    if (cells := _of_cells(lines)) is not None:
        return cells
    found: list[list[str]] = []
    for place, line in enumerate(lines):
        heading = _ESTIMATE.search(line)
        is_title = heading and not line[heading.end() :].strip(" :") and line[: heading.start()].strip()
        if heading and not is_title and not any(sign in line for sign in ",;\t:") and not _numbers(line)[1]:
            block = list(_block(line, heading, lines[place + 1 :]))
            found += block if len(block) > 1 else []
    return found or of_models(lines) or _of_pairs(lines)


def _of_cells(lines: Sequence[str]) -> list[list[str]] | None:
    """The rows of a table of Markdown or LaTeX."""
    for sign, ends in (("|", ("|", "|")), ("&", ("", "\\\\"))):
        rows = [line.strip() for line in lines if line.count(sign) > 1 and line.strip().endswith(ends[1])]
        rows = [row for row in rows if row.startswith(ends[0]) and not _RULE.fullmatch(row)]
        if len(rows) > 1:
            rows = [row.removeprefix(ends[0]).removesuffix(ends[1]) for row in rows]
            cells = [[re.sub(r"[`$]|\\(?=[_%&])", "", cell).strip() for cell in row.split(sign)] for row in rows]
            return cells if len({len(row) for row in cells}) == 1 else None
    return None


def _block(line: str, heading: re.Match[str], lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield the rows below a line of headings, up to what is no row."""
    before, after = line[: heading.start()].replace("|", " "), line[heading.end() :]
    skipped = len(re.findall(r"\bDF\b", before, re.IGNORECASE))  # of SAS, whose names have their level beside them
    has_error = bool(_ERROR.match(after))
    estimate = "or" if re.fullmatch(_RATIO, heading[1], re.IGNORECASE) else HEADINGS[2]
    yield [before.strip() if "=" in before else HEADINGS[0], HEADINGS[1], estimate, HEADINGS[3]]
    factor, rows = "", 0
    for row in lines:
        name, numbers = _numbers(row)
        level = ""
        if bar := _BAR.match(row):  # a line for an equation or a factor, and one for each of its levels
            left = bar[1]
            if not numbers:
                factor = left.strip()
                if factor and not row[0].isspace() and "(" not in row:
                    yield [f"equation={factor}", *HEADINGS[1:]]
                continue
            is_level = bool(factor) and left.endswith("  ")
            name, level, factor = (factor, left.strip(), factor) if is_level else (left.strip(), "", "")
        elif skipped:
            name, _, level = name.partition(" ")
        if numbers and name and not _ENDS.match(row):
            rows += 1
            value, error, *_ = [*numbers[skipped:], "", ""]
            yield [name, level.strip(), value, error if has_error else ""]
        elif rows:
            return


def _numbers(line: str) -> tuple[str, list[str]]:
    """Return (name, numbers): the numbers at the end of a line, without its stars, and what stands before them."""
    tokens = line.replace("|", " ").split()
    first = len(tokens)
    while (first and _BESIDE.fullmatch(tokens[first - 1])) or (first and _NUMBER.fullmatch(tokens[first - 1])):
        first -= 1
    return " ".join(tokens[:first]), [token for token in tokens[first:] if not re.fullmatch(r"\*+|<", token)]


def of_models(lines: Sequence[str]) -> list[list[str]] | None:
    """
    The rows of a table for a paper, with a column for a model and what is in parentheses below each number.

    Whether those are standard errors or t values is not known, and they are left out. Raises ValueError for several models.
    """
    if not any(_MODEL.search(line) for line in lines[:6]):
        return None
    plain = (re.sub(r"[(\[]\s*[-+−\d.]+\s*[)\]]\**", "", line) for line in lines)
    found = [(name, numbers) for name, numbers in map(_numbers, plain) if name and numbers and not _MODEL.search(name)]
    if len(found) > 1 and all(len(numbers) > 1 for _, numbers in found[:2]):
        raise ValueError(f"the table has {len(found[0][1])} models side by side: keep the one that is meant.")
    return [HEADINGS, *([name, "", numbers[0], ""] for name, numbers in found)] if found else None


def _of_pairs(lines: Sequence[str]) -> list[list[str]] | None:
    """The rows of a vector that R prints: a line of names above a line of as many numbers."""
    found = []
    for above, below in zip(lines, lines[1:]):
        names, numbers = above.split(), below.split()
        if len(names) == len(numbers) > 1 and all(map(_NUMBER.fullmatch, numbers)) and not any(map(_NUMBER.fullmatch, names)):
            found += [[name, "", number, ""] for name, number in zip(names, numbers)]
    return [HEADINGS, *found] if found else None
