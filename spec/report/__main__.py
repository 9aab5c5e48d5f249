"""
What became of the claims, where: ``python -m spec.report``.

    python -m spec.report                      the claims x environments of evidence/*.json, in the terminal
    python -m spec.report table FILE ...       of other files
    python -m spec.report stale                which evidence is older than the claims, and the command that refreshes it
    python -m spec.report changed OLD NEW      what is different in another environment, given as two files
    python -m spec.report badge FILE [SVG]     a badge of the evidence of an engine, beside it or where you say
    python -m spec.report write                docs/claims.md: all claims, the known gaps and the environments; README's numbers
    python -m spec.report pictures [FOLDER]    the pictures of the book, in docs/pictures or elsewhere
    python -m spec.report measure              what the pictures show of engines, by fitting them: docs/pictures/measured.json
    python -m spec.report accuracy [--write]   how many ulp each formula is off on NumPy and Keras's backend: docs/accuracy.md
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from spec import __version__
from spec.files import replace, unfit
from spec.report import matrix, page, record, source, terminal

ROOT = Path(__file__).parents[2]


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0, or 2 for evidence that cannot be read or compared, and for what cannot be written."""
    options = _parser().parse_args(arguments)
    try:
        lines = options.run(options)
    except (ValueError, OSError) as error:
        print(f"python -m spec.report: {error}", file=sys.stderr)
        return 2
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:  # of `| head`, which has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m spec.report", description="What became of the claims, where.")
    parser.set_defaults(run=_table, files=())
    commands = parser.add_subparsers(metavar="table | stale | changed | badge | write | pictures | measure | accuracy")

    def command(name: str, run: Callable[[Any], Iterable[str]], what: str) -> argparse.ArgumentParser:
        found = commands.add_parser(name, help=what)
        found.set_defaults(run=run)
        return found

    table = command("table", _table, "claims x environments, in the terminal (the default)")
    table.add_argument("files", nargs="*", type=Path, metavar="FILE", help="evidence (default: evidence/*.json)")
    command("stale", _stale, "which evidence is older than the claims, and the command that refreshes it")
    changed = command("changed", _changed, "what is different in another environment")
    changed.add_argument("files", nargs=2, type=Path, metavar="FILE", help="the evidence of the old one, and of the new one")
    badge = command("badge", _badge, "draw a badge of the evidence of an engine")
    badge.add_argument("evidence", type=Path, metavar="FILE", help="what --evidence FILE has written")
    badge.add_argument("drawn", nargs="?", type=Path, metavar="SVG", help="default: beside it, with .svg")
    command("write", _write, "write docs/claims.md: all claims, the known gaps and the environments")
    drawn = command("pictures", _pictures, "write the pictures of the book")
    drawn.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "pictures", help="default: docs/pictures")
    command("measure", _measure, "fit what the pictures show of engines")
    ulps = command("accuracy", _accuracy, "how many ulp each formula is off, on NumPy and the backend of Keras")
    ulps.add_argument(
        "--write", action="store_true", help="write docs/accuracy.md, with the columns of other backends as they are"
    )
    return parser


# -- the commands: each returns the lines that it prints ------------------------------------------------------------------------


def _table(options: Any) -> Iterable[str]:
    merged = matrix.load(options.files or page.evidence(ROOT))
    return [*terminal.render(merged), *([] if options.files else _outdated(merged))]


def _stale(options: Any) -> Iterable[str]:
    merged = matrix.load(page.evidence(ROOT))
    return [*_outdated(merged), *terminal.stale(merged)] or ["nothing is stale"]


def _changed(options: Any) -> Iterable[str]:
    old, new = (matrix.Environment(record.read(path)) for path in options.files)
    return list(matrix.changes(old, new)) or [f"{old.name} and {new.name} say the same"]


def _badge(options: Any) -> Iterable[str]:
    from spec.report import badge

    drawn = options.drawn or options.evidence.with_suffix(".svg")
    if why := unfit(drawn, ".svg"):
        raise ValueError(f"{drawn}: {why}")
    replace(drawn, badge.svg(record.read(options.evidence)))
    return [f"badge written to {drawn}"]


def _write(options: Any) -> Iterable[str]:
    merged = matrix.load(page.evidence(ROOT))
    return [page.write(merged, ROOT), page.write_readme(merged, ROOT)]


def _pictures(options: Any) -> Iterable[str]:
    from spec.report import pictures

    return pictures.write(options.folder)


def _measure(options: Any) -> Iterable[str]:
    from spec.report import measure

    return [measure.write()]


def _accuracy(options: Any) -> Iterable[str]:
    from spec.report import accuracy

    return [accuracy.report(ROOT, options.write)]


def _outdated(merged: matrix.Matrix) -> list[str]:
    """A line if the evidence of `newest` is not that of the claims as they stand in tests/claims."""
    slugs = {claim.slug for chapter in source.chapters() for claim in chapter.claims}
    return [f"stale: {said}"] if (said := merged.outdated(__version__, slugs)) else []


if __name__ == "__main__":
    sys.exit(main())
