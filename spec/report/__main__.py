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
import sys
from pathlib import Path

from spec import __version__
from spec.report import matrix, page, record, source, terminal

ROOT = Path(__file__).parents[2]


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0, or 2 for evidence that cannot be read or compared."""
    parser = argparse.ArgumentParser(prog="python -m spec.report", description="What became of the claims, where.")
    commands = parser.add_subparsers(
        dest="command", metavar="table | stale | changed | badge | write | pictures | measure | accuracy"
    )
    table = commands.add_parser("table", help="claims x environments, in the terminal (the default)")
    table.add_argument("files", nargs="*", type=Path, metavar="FILE", help="evidence (default: evidence/*.json)")
    commands.add_parser("stale", help="which evidence is older than the claims, and the command that refreshes it")
    changed = commands.add_parser("changed", help="what is different in another environment")
    changed.add_argument("files", nargs=2, type=Path, metavar="FILE", help="the evidence of the old one, and of the new one")
    badge = commands.add_parser("badge", help="draw a badge of the evidence of an engine")
    badge.add_argument("evidence", type=Path, metavar="FILE", help="what --evidence FILE has written")
    badge.add_argument("drawn", nargs="?", type=Path, metavar="SVG", help="default: beside it, with .svg")
    commands.add_parser("write", help="write docs/claims.md: all claims, the known gaps and the environments")
    drawn = commands.add_parser("pictures", help="write the pictures of the book")
    drawn.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "pictures", help="default: docs/pictures")
    commands.add_parser("measure", help="fit what the pictures show of engines")
    ulps = commands.add_parser("accuracy", help="how many ulp each formula is off, on NumPy and the backend of Keras")
    ulps.add_argument(
        "--write", action="store_true", help="write docs/accuracy.md, with the columns of other backends as they are"
    )
    options = parser.parse_args(arguments)
    try:
        if options.command == "pictures":
            from spec.report import pictures

            print("\n".join(pictures.write(options.folder)))
            return 0
        if options.command == "measure":
            from spec.report import measure

            print(measure.write())
            return 0
        if options.command == "accuracy":
            from spec.report import accuracy

            print(accuracy.report(ROOT, options.write))
            return 0
        if options.command == "badge":
            from spec.files import replace
            from spec.report import badge as badges

            drawn = options.drawn or options.evidence.with_suffix(".svg")
            replace(drawn, badges.svg(record.read(options.evidence)))
            print(f"badge written to {drawn}")
            return 0
        if options.command == "changed":
            old, new = (matrix.Environment(record.read(path)) for path in options.files)
            lines = list(matrix.changes(old, new)) or [f"{old.name} and {new.name} say the same"]
        else:
            merged = matrix.load(getattr(options, "files", None) or page.evidence(ROOT))
            if options.command == "write":
                lines = [page.write(merged, ROOT), page.write_readme(merged, ROOT)]
            elif options.command == "stale":
                lines = [*_outdated(merged), *terminal.stale(merged)] or ["nothing is stale"]
            else:
                lines = list(terminal.render(merged))
                if not getattr(options, "files", None):
                    lines += _outdated(merged)
    except ValueError as error:
        print(f"python -m spec.report: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0


def _outdated(merged: matrix.Matrix) -> list[str]:
    """A line if the evidence of `newest` is not that of the claims as they stand in tests/claims."""
    slugs = {claim.slug for chapter in source.chapters() for claim in chapter.claims}
    return [f"stale: {said}"] if (said := merged.outdated(__version__, slugs)) else []


if __name__ == "__main__":
    sys.exit(main())
