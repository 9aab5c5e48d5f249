"""
A table of coefficients that a program printed for people, as rows of cells: R, statsmodels, Stata, SAS, Julia, Markdown, LaTeX.

The rows have the headings of a file: a name, an estimate, a standard error. What is no such table is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from spec.diagnosis.tables import marked

_RATIO = r"(?-i:OR|IRR)|odds\s+ratios?"
_ESTIMATE = re.compile(
    rf"(?<![\w.])(estimates?|coef(?:s|\.|ficients?)?|b|beta|value(?=\s+std)|s\d+|{_RATIO})(?![\w(])\.?", re.IGNORECASE
)
_BAR = re.compile(r"([^|(>]*)\|(?=\s|$)")  # of Stata, between names and numbers
_ERROR = re.compile(r"\s*(?:robust\s+)?(?:(?:std\.?|standard)\s*err(?:or)?|error|s\.e\.|se\b)\.?", re.IGNORECASE)
_NUMBER = re.compile(r"[-+−]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?[a-z]?\**", re.IGNORECASE)
_BESIDE = re.compile(r"<?\s*[-+−]?[\d.]+(?:e[-+]?\d+)?|<|\.|NA|NaN|\(omitted\)|\(empty\)|\*+|-", re.IGNORECASE)
_MODEL = re.compile(r"^\W*\(1\)|^\W*dependent variable:", re.IGNORECASE)
_ENDS = re.compile(r"\s*(?:---|signif|residual|null\s+deviance|\(dispersion|number\s+of\s+fisher|aic|note)\b", re.IGNORECASE)
_INTERCEPT = re.compile(r"\bintercept\b", re.IGNORECASE)  # a line that has it names coefficients, of which one may be b
_AGAINST = re.compile(r"\s*(.+) against .+")  # of our own summary, above the coefficients of a class
_OF_SPSS = re.compile(r"\bwald\s+df\b", re.IGNORECASE)
_STEP = re.compile(r"^\s*step\s+\d+\s*[a-z]?\s+", re.IGNORECASE)
_LINE = re.compile(
    rf"\s*(?P<name>(?:\([^()\t]*(?:\([^()\t]*\)[^()\t]*)*\)|[^,;\t])*?[^,;\t\s:=])\s*(?:[:=]\s*|\s)(?P<number>{_NUMBER.pattern}|NA|NaN)",
    re.IGNORECASE,
)
_PAIR = re.compile(rf"\s*[`\"']?(?P<name>.+?)[`\"']?\s*=\s*(?P<number>{_NUMBER.pattern}|NA)\s*", re.IGNORECASE)
HEADINGS = ["term", "level1", "estimate", "stderror"]


def grid(text: str) -> list[list[str]] | None:
    """The table of a text as rows of cells, its headings first; None where there is no such table."""
    if rows := marked.rows_of(text):
        return _of_marked(rows)
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    if not re.search(r"\d\.\d", text):  # of a program that writes decimal commas
        lines = [re.sub(r"(?<=\d),(?=\d)", ".", line) if "\t" not in line and ";" not in line else line for line in lines]
    found: list[list[str]] = []
    for place, line in enumerate(lines):
        heading = _ESTIMATE.search(line)
        is_last = heading and not line[heading.end() :].strip(" :") and line[: heading.start()].strip()
        is_title = is_last and not any(_numbers(below)[1] for below in lines[place + 1 : place + 2])
        if (
            heading
            and not is_title
            and not _INTERCEPT.search(line)
            and not any(sign in line for sign in ",;\t:")
            and not _numbers(line)[1]
        ):
            block = list(_block(line, heading, lines[place + 1 :]))
            found += _without_numbers(block) if len(block) > 1 else []
    return found or of_models(lines) or _of_pairs(lines) or _of_classes(lines) or _of_vector(text) or _of_lines(lines)


def _of_marked(rows: list[list[str]]) -> list[list[str]] | None:
    """The first table that has estimates by its headings; else a table for a paper, or the only one that there is."""
    found = [table for table in marked.tables(rows) if len(table) > 1]
    headed = (table for table in found if any(_ESTIMATE.fullmatch(cell) for row in table for cell in row))
    return next(headed, None) or of_models(["  ".join(row) for row in rows]) or (found[0] if len(found) == 1 else None)


def _block(line: str, heading: re.Match[str], lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield the rows below a line of headings, up to the first line that is no row."""
    before, after = line[: heading.start()].replace("|", " "), line[heading.end() :]
    degrees = list(re.finditer(r"\bDF\b", before, re.IGNORECASE))  # of SAS, whose names have their level beside them
    of_class = re.fullmatch(r"\s*parameter\s+(\S+)\s+", before[: degrees[0].start()], re.IGNORECASE) if degrees else None
    has_error = bool(_ERROR.match(after))
    estimate = "or" if re.fullmatch(_RATIO, heading[1], re.IGNORECASE) else HEADINGS[2]
    classes = ["class"] * bool(of_class)
    yield [before.strip() if "=" in before else HEADINGS[0], HEADINGS[1], estimate, HEADINGS[3], *classes]
    factor, rows, least = "", 0, 4 if _OF_SPSS.search(after) else 0
    for row in lines:
        bar = _BAR.match(row)
        name, numbers = _numbers(row[bar.end() :] if bar else _STEP.sub("", row))
        if 0 < len(numbers) < least or re.fullmatch(r"[-+]+", row):  # the test of a factor as a whole
            continue
        if (against := _AGAINST.fullmatch(row)) and not numbers:
            yield [f"equation={against[1]}", *HEADINGS[1:]]
            continue
        level = ""
        if bar:  # a line for an equation or a factor, and one for each of its levels
            left = bar[1]
            if not numbers:
                factor = left.strip()
                if factor and not row[0].isspace() and "(" not in row:
                    yield [f"equation={factor}", *HEADINGS[1:]]
                continue
            is_level = bool(factor) and left.endswith("  ")
            name, level, factor = (factor, left.strip(), factor) if is_level else (left.strip(), "", "")
        elif degrees:
            aligned = _of_sas(row, degrees[0].end())
            name, level, numbers = aligned or (*name.partition(" ")[::2], numbers[len(degrees) :])
            if of_class:  # its words are the last, and those that stand below its heading
                words = level.split()
                first = len(row[: of_class.start(1)].split()) - 1 if aligned else len(words) - 1
                level, classes = " ".join(words[:first]), [" ".join(words[first:])]
        if numbers and name and not _ENDS.match(row):
            rows += 1
            value, error, *_ = [*numbers, "", ""]
            yield [name, level.strip(), value, error if has_error else "", *classes]
        elif rows:
            return


def _of_sas(row: str, end: int) -> tuple[str, str, list[str]] | None:
    """Return (name, level, numbers) of a row whose degrees of freedom end where their heading does; None of another row."""
    *words, degrees = row[:end].split() or [""]
    if not words or not degrees.isdigit() or row[end : end + 1].strip():
        return None
    return words[0], " ".join(words[1:]), _numbers(row[end:])[1]


def _without_numbers(block: list[list[str]]) -> list[list[str]]:
    """A block whose rows a data frame of R has numbered, without these numbers."""
    heading, *rows = block
    if len(rows) < 2 or not all(row[0].startswith(f"{place} ") for place, row in enumerate(rows, start=1)):
        return block
    return [heading, *([row[0].partition(" ")[2].strip(), *row[1:]] for row in rows)]


def _numbers(line: str) -> tuple[str, list[str]]:
    """Return (name, numbers): the numbers at the end of a line, without its stars, and what stands before them."""
    tokens = re.sub(r"\|(?=\s|$)", " ", line).split()
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


def _of_classes(lines: Sequence[str]) -> list[list[str]] | None:
    """
    The rows of R's multinom: a line of names above a line for each class, for the coefficients and for their errors.

    R breaks a table that is wide: then the last line of names may hold one.
    """
    parts: dict[bool, dict[tuple[str, str], str]] = {False: {}, True: {}}
    names: list[str] = []
    is_error = False
    for line in lines:
        is_error = is_error or bool(_ERROR.match(line))
        label, *numbers = line.split()
        is_wide = len(names) > 1 or any(label == known for _, known in parts[False])
        if names and is_wide and len(numbers) == len(names) and all(map(_NUMBER.fullmatch, numbers)):
            parts[is_error].update(zip(((name, label) for name in names), numbers))
        else:
            names = [] if any(map(_NUMBER.fullmatch, line.split())) else line.split()
    rows = [[name, label, number, parts[True].get((name, label), "")] for (name, label), number in parts[False].items()]
    return [["term", "class", "estimate", "stderror"], *rows] if rows else None


def _of_pairs(lines: Sequence[str]) -> list[list[str]] | None:
    """The rows of a vector that R prints: a line of names above a line of as many numbers, of which the last may have one."""
    found: list[list[str]] = []
    is_headed = False
    for above, below in zip(lines, lines[1:]):
        numbers = below.split()
        names = above.split() if len(above.split()) == len(numbers) else _above(above, below)
        is_first = not found and len(names) > 1 and not names[0]  # MASS's lm.ridge has no name for the intercept
        names = ["(Intercept)", *names[1:]] if is_first else names
        are_numbers = all(_NUMBER.fullmatch(one) or one == "NA" for one in numbers) and any(map(_NUMBER.fullmatch, numbers))
        are_pairs = all(names) and are_numbers and not any(map(_NUMBER.fullmatch, names))
        if are_pairs and len(names) == len(numbers) > (0 if found or is_headed else 1):
            found += [[name, "", number, ""] for name, number in zip(names, numbers)]
        is_headed = above.strip() == "Coefficients:"
    return [HEADINGS, *found] if found else None


def _above(names: str, numbers: str) -> list[str]:
    """The names that end where the numbers below them end: they may have spaces, and the first may be none."""
    ends = [number.end() for number in re.finditer(r"\S+", numbers)]
    if len(names.rstrip()) != ends[-1] or any(names[end : end + 1].strip() for end in ends):
        return []
    if not all(names[end - 1].strip() for end in ends[1:]) or not (names[ends[0] - 1].strip() or not names[: ends[0]].strip()):
        return []
    return [names[start:end].strip() for start, end in zip([0, *ends], ends)]


def _of_vector(text: str) -> list[list[str]] | None:
    """The rows of R's dput: c(`(Intercept)` = 1, age = 2)."""
    inner = re.fullmatch(r"\s*c\((.*)\)\s*", text, re.DOTALL)
    pairs = [_PAIR.fullmatch(part) for part in re.split(r",\s", inner[1])] if inner else []
    return [HEADINGS, *([one["name"], "", one["number"], ""] for one in pairs if one)] if pairs and all(pairs) else None


def _of_lines(lines: Sequence[str]) -> list[list[str]] | None:
    """The rows of a text with a name and a number in each line, as pandas prints a series."""
    kept = [line for line in lines if not re.match(r"(?:dtype|name|length)\b.*:", line, re.IGNORECASE)]
    pairs = [_LINE.fullmatch(line) for line in kept]
    if len(pairs) < 2 or not all(pairs):
        return None
    return [HEADINGS, *([one["name"].strip(), "", one["number"], ""] for one in pairs if one)]
