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

from functools import partial
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
NEEDED = {"name", "about", "model", "data", "source", "parameter"}
ALLOWED = NEEDED | {"arguments", "tags", "cause", "statistics"}
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
        partial(getattr(data, entry["data"]), **arguments),
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
    if unknown := sorted(set(entry) - ALLOWED):
        return f"{', '.join(unknown)}: unknown; there are {', '.join(sorted(ALLOWED))}"
    if entry["model"] not in MODELS:
        return f"model: {entry['model']!r} is none of {', '.join(MODELS)}"
    if not callable(getattr(data, entry["data"], None)):
        return f"data: spec.problems.published.data has no function {entry['data']!r}"
    for parameter in entry["parameter"]:
        if absent := [key for key in ("name", "coefficient", "standard_error") if key not in parameter]:
            return f"parameter {parameter.get('name', '?')}: {', '.join(absent)} missing"
        if len({len(_row(parameter[key])) for key in parameter if key != "name"}) > 1:
            return f"parameter {parameter['name']}: its lists have different lengths"
    return ""


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
    return (value,) if isinstance(value, str) else tuple(value)
