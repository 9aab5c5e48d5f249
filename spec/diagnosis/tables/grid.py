"""A table of coefficients as rows of cells of text, from a file, a frame or what was printed; and the headings that are known."""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from spec.diagnosis.tables import printed

ESTIMATES = (
    *("estimate", "estimates", "coef", "coefs", "coefficient", "coefficients", "b", "beta"),
    *("koeffizient", "koeffizienten", "regressionskoeffizientb", "schatzwert", "schatzer"),
    *("coeficiente", "estimacion", "coefficiente", "stima", "estimation"),
)
PERHAPS = ("value", "est", "params", "x", "s0")  # headings of estimates where nothing else is
EXPONENTIATED = ("or", "oddsratio", "oddsratios", "odds", "expb", "expcoef", "expbeta", "irr", "rr", "rateratio", "riskratio")
ERRORS = (
    *("stderror", "stderr", "se", "standarderror", "standarderrors", "bse", "robustse", "stdev"),
    *("standardfehler", "stdfehler", "errorestandar", "errorstandard", "erreurtype", "erroestandar", "erropadrao"),
)
TERMS = (
    *("term", "name", "names", "variable", "parameter", "param", "effect", "feature", "predictor", "rownames", "index"),
    *("unnamed0", "merkmal", "variables", "terme", "variabile"),
)
OUTPUTS = ("class", "response", "ylevel", "equation", "eq", "outcome", "category", "component")
LEVELS = re.compile(r"(level|classval)\d+")
DOUBLE = 2.0**-53  # half an ulp, relative
MISSING = ("", ".", "na", "nan", "none", "null", "-", "aliased", "omitted")


def is_grid(given: Any) -> bool:
    """Whether something is rows of cells of text."""
    return (
        isinstance(given, list)
        and bool(given)
        and all(isinstance(row, list) and all(isinstance(c, str) for c in row) for row in given)
    )


def heading(cell: str) -> str:
    """A heading in the form of the lists above: without accents, spaces and signs."""
    return re.sub(r"[^a-z0-9/]", "", unicodedata.normalize("NFKD", cell).lower())


def decimal(text: str) -> Decimal | None:
    """The number of a cell; None if it is none. Stars and quotes that a program puts around it are taken off."""
    cleaned = text.strip().strip('="').strip().rstrip("*").strip().replace("−", "-").replace("D", "e")
    cleaned = re.sub(r"^([01])[a-d]$", r"\1", cleaned)  # a number of SPSS that is set, with the letter of a note
    try:
        found = Decimal(cleaned)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def half_units(texts: Sequence[str]) -> np.ndarray:
    """
    Half a unit of the last digit that each number was printed with, but at least half an ulp.

    A program that drops zeros at the end writes fewer digits: they count as far as the other numbers have digits after the
    point, and digits in all. But a number lacks no zeros if most have as many digits after the point, or in all: so do numbers
    of one format. Those with an exponent are compared with one another, by their digits in all.

    >>> half_units(["1.2346", "0.5", "12"]).tolist()
    [5e-05, 5e-05, 0.0005]
    >>> half_units(["1.23", "0.0456", "789"]).tolist()
    [0.005, 5e-05, 0.5]
    """
    numbers = [decimal(text) or Decimal(0) for text in texts]
    last = [int(number.as_tuple().exponent) for number in numbers]
    digits = [len(number.as_tuple().digits) if number else 0 for number in numbers]
    exponents = ["e" in text.lower() for text in texts]
    half = []
    for number, own, count, has_exponent in zip(numbers, last, digits, exponents):
        alike = [place for place, one in enumerate(numbers) if one and exponents[place] == has_exponent]
        places, counts = [last[place] for place in alike], [digits[place] for place in alike]
        some = max(1, len(alike) / 2)
        is_whole = (places.count(own) + (not number) > some and not has_exponent) or counts.count(count) > some
        most = max(counts if has_exponent else digits, default=0)
        dropped = own if is_whole else max(min(last), number.adjusted() - most + 1) if number else min(last)
        half.append(max(float(Decimal(5).scaleb(min(own, dropped) - 1)), abs(float(number)) * DOUBLE))
    return np.array(half)


def is_missing(text: str) -> bool:
    return text.strip().strip('="').strip("()").lower() in MISSING


def is_number(text: str) -> bool:
    return decimal(text) is not None or is_missing(text)


def text_of(value: Any) -> str:
    """A value as the text of a cell, with all its digits."""
    if value is None:
        return ""
    return value if isinstance(value, str) else repr(value.item() if hasattr(value, "item") else value)


def label_of(name: Any) -> str:
    """A row's or a column's name in a frame as text; those of several levels are joined."""
    return ":".join(map(str, name)) if isinstance(name, tuple) else str(name)


def grid_of_frame(frame: Any) -> list[list[str]]:
    """A frame of pandas as text; its index is a column if it holds names."""
    named = not all(isinstance(one, (int, np.integer)) for one in frame.index)
    rows = [[text_of(one) for one in row] for row in frame.itertuples(index=False, name=None)]
    if named:
        rows = [[label_of(label), *row] for label, row in zip(frame.index, rows)]
    return [["", *map(label_of, frame.columns)] if named else list(map(label_of, frame.columns)), *rows]


def grid_of_mapping(given: Mapping[Any, Any]) -> list[list[str]] | None:
    """A mapping of mappings, by class or by column, or of columns; None of names to numbers."""
    if any(isinstance(value, Mapping) for value in given.values()):
        names = list(dict.fromkeys(name for value in given.values() for name in value))
        return [["", *map(str, given)], *([str(name), *(text_of(value.get(name)) for value in given.values())] for name in names)]
    if given and all(np.ndim(value) == 1 and not isinstance(value, str) for value in given.values()):
        parts = [list(value) for value in given.values()]
        return [[str(key) for key in given], *([text_of(one) for one in row] for row in zip(*parts))]
    return None


def content_of(path: Path) -> Any:
    """The content of a file: a mapping of JSON, else the rows of its table. Raises ValueError that says what is wrong with it."""
    if not path.exists():
        raise ValueError(f"there is no file {path}.")
    text = _decoded(path)
    if not text.strip():
        raise ValueError(f"{path} is empty.")
    if path.suffix.lower() != ".json":
        return grid_of_text(text)
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is no JSON: {error}.") from error
    is_table = isinstance(found, list) and bool(found) and all(isinstance(row, dict) for row in found)
    return [list(found[0]), *([text_of(row.get(key)) for key in found[0]] for row in found)] if is_table else found


def grid_of_text(text: str) -> list[list[str]]:
    """The rows of a text: what a program printed for people, else a table with a sign between its cells."""
    return printed.grid(text) or _separated(text)


def _decoded(path: Path) -> str:
    """The text of a file in UTF-8, in UTF-16 with its mark, or else in the old code of Western Windows."""
    raw = path.read_bytes()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace")
    if b"\0" not in raw:
        for encoding in ("utf-8-sig", "cp1252"):
            try:
                return raw.decode(encoding)
            except UnicodeDecodeError:
                continue
    raise ValueError(f"{path} is no text: give the coefficients as a CSV file.")


def _separated(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.strip()]
    delimiter = max("\t;,", key=lambda sign: sum(line.count(sign) > 0 for line in lines) * (2 if sign != "," else 1))
    rows = [[cell.strip() for cell in row] for row in csv.reader(StringIO("\n".join(lines)), delimiter=delimiter)]
    if delimiter != ",":  # then the comma may be the decimal point
        rows = [[re.sub(r"^(-?\d+),(\d+(?:[eE][-+]?\d+)?)$", r"\1.\2", cell) for cell in row] for row in rows]
    width = max(map(len, rows))
    if len(rows[0]) == width - 1 and all(len(row) == width for row in rows[1:]):  # R's write.table leaves the corner out
        rows[0] = ["", *rows[0]]
    rows = [[re.sub(r'^="?(.*?)"?$', r"\1", cell) for cell in row] + [""] * (width - len(row)) for row in rows]
    return printed.of_models(["  ".join(row) for row in rows]) or rows
