"""
A published problem, read from TOML.

``name``, ``about`` and ``model`` say what it is; ``data`` names a function of `spec.problems.published.data`, ``arguments`` are
its keywords; the tags "no-intercept" and "quasi" are properties of the problem. Each ``parameter`` has its ``coefficient`` and
its ``standard_error`` as printed in the ``source``: decimal strings, which keep the number of printed digits, or a list of
them where there are several free outputs. Where a printed number is not the optimum's, ``optimum_coefficient`` or
``optimum_standard_error`` has what the optimum has ("=" for the same), and ``cause`` says why. Other numbers about the fit are
``statistics``: a string, or ``printed`` and ``optimum`` where these differ.
"""

from __future__ import annotations

import re
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

from spec.compat import strict_zip, tomllib
from spec.families import Binomial, Gamma, Gaussian, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.links import Identity, Inverse, Log, Logit, Probit, Softmax
from spec.model import Model
from spec.problems.problem import Problem, Published
from spec.problems.published import data

MODELS = {
    str(model): model
    for model in (
        Model(Gaussian(), Identity()),
        Model(Binomial(), Logit()),
        Model(Binomial(), Probit()),
        Model(Multinomial(), Softmax()),
        Model(Poisson(), Log()),
        Model(Gamma(), Inverse()),
        Model(NegativeBinomial(1.0), Log()),
        Model(Tweedie(1.5), Log()),
    )
}
LOADERS = {name: found for name, found in vars(data).items() if getattr(found, "__annotations__", {}).get("return") == "Data"}
NEEDED = {"name", "about", "model", "data", "source", "parameter"}
TEXTS = ("name", "about", "model", "data", "source", "cause")
KINDS = {**dict.fromkeys(TEXTS, str), "arguments": dict, "tags": list, "parameter": list, "statistics": dict}
WORDS = {str: "a text", dict: "a table", list: "a list"}
PARAMETER = ("name", "coefficient", "standard_error", "optimum_coefficient", "optimum_standard_error")
Row = tuple[str, ...]


def read(path: Path) -> Problem:
    """The problem in a file; its data are loaded when asked for. Raises ValueError that names the file and the entry at fault."""
    try:
        entry = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is not TOML: {error}.") from error
    if fault := _fault(entry):
        raise ValueError(f"{path.name}: {fault}.")
    arguments = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.get("arguments", {}).items()}
    tags = frozenset(entry.get("tags", ()))
    return Problem(
        entry["name"],
        MODELS[entry["model"]],
        partial(LOADERS[entry["data"]], **arguments),
        kind="published",
        intercept="no-intercept" not in tags,
        quasi="quasi" in tags,
        published=answer(entry),
        about=entry["about"],
        tags=tags,
    )


def _fault(entry: dict[str, Any]) -> str:
    """A sentence that says what is wrong with an entry; empty where nothing is."""
    if missing := sorted(NEEDED - set(entry)):
        return f"{', '.join(missing)}: missing"
    if unknown := sorted(set(entry) - set(KINDS)):
        return f"{', '.join(unknown)}: unknown; there are {', '.join(sorted(KINDS))}"
    for key, value in entry.items():
        if not isinstance(value, KINDS[key]):
            return f"{key}: {value!r} is not {WORDS[KINDS[key]]}"
    if entry["model"] not in MODELS:
        return f"model: {entry['model']!r} is none of {', '.join(MODELS)}"
    if entry["data"] not in LOADERS:
        return f"data: spec.problems.published.data has no function {entry['data']!r}; there are {', '.join(LOADERS)}"
    try:
        signature(LOADERS[entry["data"]]).bind(**entry.get("arguments", {}))
    except TypeError as error:
        return f"arguments: {error} of {entry['data']}"
    for number, parameter in enumerate(entry["parameter"], 1):
        if not isinstance(parameter, dict) or "name" not in parameter:
            return f"parameter {number}: name missing"
        if fault := _parameter_fault(parameter, len(_row(entry["parameter"][0].get("coefficient", "")))):
            return f"parameter {parameter['name']}: {fault}"
    for name, value in entry.get("statistics", {}).items():
        both = value if isinstance(value, dict) else {"printed": value, "optimum": value}
        if sorted(both) != ["optimum", "printed"] or not all(_is_number(number) for number in both.values()):
            return f"statistics {name}: {value!r} is neither a number in quotes nor two of them, printed and optimum"
    departs = [p for p in entry["parameter"] if any(key.startswith("optimum") for key in p)]
    if "cause" not in entry and (departs or any(isinstance(value, dict) for value in entry.get("statistics", {}).values())):
        return "cause: missing, though what is printed is not the optimum's"
    return ""


def _parameter_fault(parameter: dict[str, Any], outputs: int) -> str:
    """What is wrong with one parameter, which has a number for each of so many outputs; empty where nothing is."""
    if absent := [key for key in ("coefficient", "standard_error") if key not in parameter]:
        return f"{', '.join(absent)} missing"
    for key, value in parameter.items():
        if key not in PARAMETER:
            return f"{key}: unknown; there are {', '.join(PARAMETER)}"
        row = () if key == "name" else _row(value)
        if not all(_is_number(number) or (number == "=" and key.startswith("optimum")) for number in row):
            return f"{key}: {value!r} is not a number in quotes"
        if key != "name" and len(row) != outputs:
            return f"{key}: its lists have different lengths"
    return ""


def _is_number(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", value) is not None


def answer(entry: dict[str, Any]) -> Published:
    """The printed numbers of an entry, those of the optimum, and a sentence for each number that differs."""
    departures: list[str] = []

    def departs(what: str, printed: str, optimum: str) -> None:
        departures.append(f"{what}: printed {printed}, the optimum has {optimum}; {entry['cause']}")

    tables: dict[str, list[Row]] = {"coefficient": [], "standard_error": []}
    true: dict[str, list[Row]] = {"coefficient": [], "standard_error": []}
    for parameter in entry["parameter"]:
        for what, table in tables.items():
            printed = _row(parameter[what])
            optimum = _row(parameter.get(f"optimum_{what}", ["="] * len(printed)))
            for output, (number, other) in enumerate(strict_zip(printed, optimum), 1):
                if other != "=":
                    where = f" in class {output}" if len(printed) > 1 else ""
                    departs(f"{what.replace('_', ' ')} of {parameter['name']}{where}", number, other)
            table.append(printed)
            true[what].append(tuple(n if o == "=" else o for n, o in strict_zip(printed, optimum)))
    statistics = {}
    for name, value in entry.get("statistics", {}).items():
        printed, optimum = (value["printed"], value["optimum"]) if isinstance(value, dict) else (value, value)
        statistics[name] = optimum
        if printed != optimum:
            departs(name, printed, optimum)
    return Published(
        tuple(tables["coefficient"]),
        tuple(tables["standard_error"]),
        entry["source"],
        tuple(departures),
        tuple(true["coefficient"]),
        tuple(true["standard_error"]),
        statistics,
    )


def _row(value: str | list[str]) -> Row:
    return tuple(value) if isinstance(value, list) else (value,)
