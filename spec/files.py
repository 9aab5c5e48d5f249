"""Where the claims lie, and files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
INSTALLED = ROOT / "spec" / "claims"  # in a wheel; in the repository there is no such folder
CLAIMS = INSTALLED if INSTALLED.is_dir() else ROOT / "tests" / "claims"

NAMED = ("tests/claims/", "spec/claims/")  # how the names of the claims' tests begin: in the repository, and in a wheel


def unfit(path: Path, *endings: str) -> str:
    """Why no file with one of these endings can be written there; empty if one can."""
    if path.suffix not in endings:
        return f"name a file that ends in {' or '.join(filter(None, (', '.join(endings[:-1]), endings[-1])))}."
    if path.is_dir():
        return "that is a folder: name a file in it."
    there = next(parent for parent in path.absolute().parents if parent.exists())
    if not there.is_dir():
        return f"{there} is a file, and no folder to write in."
    if not os.access(path if path.exists() else there, os.W_OK):
        return f"{path if path.exists() else there} may not be written by you: name another place."
    return ""


def replace(path: Path, text: str) -> None:
    """Write a file in one step, and its folder if need be: a run that is killed leaves the old file as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", text=True)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
