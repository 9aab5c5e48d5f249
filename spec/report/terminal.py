"""The matrix in a terminal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from io import StringIO

from spec.report.matrix import MARKS, Matrix


def render(matrix: Matrix) -> Iterator[str]:
    """The lines: environments with their numbers, then a column of marks for each, then what the known gaps are."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0))
    table.add_column("claim ", no_wrap=True)
    for number in range(1, len(matrix.environments) + 1):
        table.add_column(f"{number:>3}", justify="right")
    for chapter, claims in matrix.chapters:
        table.add_section()
        table.add_row(chapter.removesuffix(".py").removeprefix("test_").replace("_", " "), style="bold")
        for claim in claims:
            marks = (MARKS[environment.verdict(claim["claim"])] for environment in matrix.environments)
            table.add_row(f"  {claim['claim']}  ", *marks)
    out = StringIO()
    width = max(shutil.get_terminal_size().columns, 60 + 4 * len(matrix.environments))
    Console(file=out, width=width, no_color=True).print(table)
    yield from (f"{number:>3}  {e.name:18} {e.libraries}" for number, e in enumerate(matrix.environments, 1))
    yield ""
    yield from (line.rstrip() for line in out.getvalue().rstrip().splitlines())
    yield ""
    yield "  ".join(f"{mark} {outcome}" for outcome, mark in MARKS.items())
    for (slug, cause), environments in matrix.gaps.items():
        numbers = ", ".join(str(matrix.environments.index(environment) + 1) for environment in environments)
        yield f"g {slug} ({numbers}): {cause}"
    yield total(matrix)


def total(matrix: Matrix) -> str:
    """The closing sentence: of how many cells what became."""
    outcomes = [outcome for e in matrix.environments for found in e.cases.values() for outcome in found.values()]
    said = [f"{outcomes.count(name)} {name}" for name in MARKS if name in outcomes]
    cases = matrix.environments[0].record["expected"]
    return (
        f"{len(matrix.claims)} claims in {cases} cases and {len(matrix.environments)} environments "
        f"make {len(outcomes)} cells: {', '.join(said)}."
    )
