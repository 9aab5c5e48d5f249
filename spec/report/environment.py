"""Where a run took place: the suite, the interpreter, the platform, the libraries."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib import metadata
from typing import Any

from spec import __version__
from spec.engines.contract import Description

LIBRARIES = ("numpy", "scipy", "pandas", "python-flint", "pytest")  # beside those that the engines name


def describe(name: str, seed: int, engines: dict[str, Description]) -> dict[str, Any]:
    """The versions and settings that decide the figures of a run; no times and no paths."""
    return {
        "suite": __version__,
        "environment": name,
        "seed": seed,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "libraries": {library: metadata.version(library) for library in LIBRARIES if installed(library)},
        "engines": {role: asdict(engine) for role, engine in engines.items()},
    }


def installed(library: str) -> bool:
    """Whether there is such a distribution: a light installation lacks some."""
    try:
        metadata.version(library)
    except metadata.PackageNotFoundError:
        return False
    return True
