"""
The evidence of a run as a file: the outcome of each case of each claim, the engine that answered, and the digits.

``evidence.schema.json`` describes the format. The order is the reading order and the figures are rounded, so that a file
changes where the facts do. A file is written whole or not at all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spec.files import replace
from spec.report.table import outcome

FORMAT = "glm-spec evidence 1"
SCHEMA = Path(__file__).with_name("evidence.schema.json")
CONTROLS = {"holds": "refused", "fails": "accepted", "known gap": "known gap", "declined": "declined"}  # by a test's outcome
COLUMNS = {  # of a cell, where cells are shown: its key, and its heading
    "case": "case",
    "engine": "engine",
    "outcome": "outcome",
    "digits": "digits",
    "required": "required",
    "standard_errors": "from the optimum (SE)",
    "radius": "radius of the proof (SE)",
    "found": "found",
}
PERFECT = "no standard error: the fit is perfect"
Record = dict[str, Any]


def fits_perfectly(cell: dict[str, Any]) -> bool:
    """
    Whether a cell's distance in standard errors means nothing, since the model fits its data perfectly.

    Such a fit has no standard error: it is zero, and the distance was divided by the smallest float instead. It shows in a
    distance above 1e100 of an answer that has the digits it needs. A wrong answer that far away keeps its distance.
    """
    meets = "digits" in cell and "required" in cell and cell["digits"] >= cell["required"]
    return meets and cell.get("standard_errors", 0.0) > 1e100


def shown(cell: dict[str, Any], key: str) -> Any:
    """What a table shows of a cell in the column ``key`` of COLUMNS, or why; empty if the cell has nothing there."""
    return PERFECT if key == "standard_errors" and fits_perfectly(cell) else cell.get(key, "")


def build(environment: dict[str, Any], reports: Iterable[Any]) -> Record:
    """The record of a complete run, from pytest's reports: each case of a claim as its cells, each control counted."""
    told = in_reading_order(reports)
    claims = {
        p["case"]["slug"]: {
            "claim": p["case"]["slug"],
            "chapter": p["case"]["place"][0],
            "source": p["case"]["source"],
            "level": p["case"]["level"],
            "sentence": p["case"]["sentence"],
            "cases": 0,
            "controls": dict.fromkeys(CONTROLS.values(), 0),
        }
        for p, _ in told
        if p["case"]["kind"] == "claim"
    }
    for properties, report in told:
        case = properties["case"]
        claim = claims[case["slug"]]
        if case["kind"] == "claim":
            claim["cases"] += 1
        else:
            claim["controls"][CONTROLS.get(outcome(report), "accepted")] += 1
    return {
        "format": FORMAT,
        **environment,
        "expected": sum(c["cases"] for c in claims.values()),
        "claims": list(claims.values()),
        "cells": [cell for properties, report in told for cell in cells(properties, report)],
    }


def in_reading_order(reports: Iterable[Any]) -> list[tuple[dict[str, Any], Any]]:
    """Return (properties, report) for each case and control that ran, or failed in its set-up, in reading order."""
    told = [(dict(report.user_properties), report) for report in reports]
    told = [(p, report) for p, report in told if "case" in p and (report.when == "call" or report.outcome != "passed")]
    return sorted(told, key=lambda pair: (*pair[0]["case"]["place"], pair[0]["case"]["id"]))


def cells(properties: dict[str, Any], report: Any) -> Iterator[dict[str, Any]]:
    """Yield the cells of one case of a claim: one for each engine that was measured, or one without figures."""
    case, subject = properties["case"], properties["judged"]
    if case["kind"] != "claim":
        return
    why = _why(report, properties)
    measured: dict[str, list[dict[str, Any]]] = {}
    for measurement in properties.get("measurements", ()):
        measured.setdefault(measurement["engine"] or subject, []).append(measurement)
    for engine, found in (measured or {subject: []}).items():
        yield {
            "claim": case["slug"],
            "case": case["id"],
            "engine": engine,
            "outcome": outcome(report),
            **_figures(found),
            **({"why": why} if why else {}),
            **({"found": said} if (said := _found(report, found, properties)) else {}),
        }


def _figures(found: list[dict[str, Any]]) -> dict[str, float]:
    """The fewest digits with the digits required there, the largest distance and the largest radius, where they exist."""
    if not found:
        return {}
    worst = min(found, key=lambda m: m["digits"])
    figures = {"digits": math.floor(10 * worst["digits"]) / 10}
    if not math.isnan(worst["required"]):
        figures["required"] = round(worst["required"], 1)
    for name in ("standard_errors", "radius"):
        if known := [m[name] for m in found if m[name] is not None]:
            figures[name] = float(f"{max(known):.0e}")
    return figures


def _found(report: Any, measured: list[dict[str, Any]], properties: dict[str, Any]) -> str:
    """Both values of a case that departs; or what was said, where no values were compared and a cause took its place."""
    said = properties.get("why", "") if hasattr(report, "wasxfail") else ""
    return next((m["found"] for m in measured if m["found"]), said)


def _why(report: Any, properties: dict[str, Any]) -> str:
    """One line that says why a case did not hold; empty where it held."""
    if hasattr(report, "wasxfail"):
        return str(report.wasxfail)
    if report.outcome == "skipped":
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    if report.outcome == "failed":
        return str(properties.get("why", ""))
    return ""


def text(record: Record) -> str:
    """The record as JSON, one line for each claim and each cell."""
    head = {key: value for key, value in record.items() if key not in ("claims", "cells")}
    lines = json.dumps(head, indent=1, ensure_ascii=False)[:-2]
    for key in ("claims", "cells"):
        rows = ",\n  ".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in record[key])
        lines += f',\n "{key}": [\n  {rows}\n ]'
    return lines + "\n}\n"


def write(path: Path, record: Record) -> None:
    """Write the whole file or nothing: a run that is killed leaves the old file as it was."""
    replace(path, text(record))


def read(path: Path) -> Record:
    """The record in a file. Raises ValueError that names the file and says what is wrong with it."""
    try:
        import jsonschema_rs
    except ImportError as error:
        raise ValueError(
            f"{path}: jsonschema-rs reads evidence, and it is not installed: pip install 'glm-spec[report]'."
        ) from error
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path}: damaged, not JSON ({error}); make it again with pytest tests/claims --evidence {path}."
        ) from error
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}.") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(f"{path}: not evidence of this specification: its format is not {FORMAT!r}.")
    if fault := next(jsonschema_rs.Draft202012Validator(schema()).iter_errors(record), None):
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fault.instance_path)
        raise ValueError(f"{path}: damaged at ${where}: {fault.message}.")
    found = {(cell["claim"], cell["case"]) for cell in record["cells"]}
    if len(found) != record["expected"] or record["expected"] != sum(claim["cases"] for claim in record["claims"]):
        raise ValueError(f"{path}: has {len(found)} cases, and {record['expected']} were expected; make it again.")
    if record["environment"] != path.stem:
        raise ValueError(f"{path}: is the evidence of {record['environment']}, and not of {path.stem}: rename or remove it.")
    return record


def schema() -> dict[str, Any]:
    """The JSON Schema of the format."""
    return json.loads(SCHEMA.read_text(encoding="utf-8"))
