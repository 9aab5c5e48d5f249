"""The matrix in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

from spec.report.matrix import MARKS, Matrix

LEGEND = ", ".join(f"{mark} {outcome}" for outcome, mark in MARKS.items())


def render(matrix: Matrix) -> Iterator[str]:
    """The lines: environments with their numbers, a column of marks for each group of them, and what the known gaps are."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("claim", no_wrap=True)
    for group in matrix.groups:
        table.add_column(matrix.numbers(group), justify="center", no_wrap=True)
    for chapter, claims in matrix.chapters:
        table.add_section()
        table.add_row(title(chapter))
        for claim in claims:
            table.add_row(f"  {claim['claim']}", *(MARKS[group[0].verdict(claim["claim"])] for group in matrix.groups))
    out = StringIO()
    Console(file=out, width=80 + 8 * len(matrix.groups), no_color=True).print(table)
    yield from (f"{number:>3}  {e.name:47} {e.libraries}" for number, e in enumerate(matrix.environments, 1))
    yield ""
    yield from (line.rstrip() for line in out.getvalue().rstrip().splitlines())
    yield ""
    yield LEGEND
    for cause, (departing, where) in matrix.gaps.items():
        yield f"g {', '.join(departing)} ({matrix.numbers(where)}): {cause}"
    yield total(matrix)


def title(chapter: str) -> str:
    """A file of claims in words: "03 softmax is multinomial logistic regression"."""
    return chapter.removesuffix(".py").removeprefix("test_").replace("_", " ")


def total(matrix: Matrix) -> str:
    """The closing sentence: of how many cells what became."""
    outcomes = [outcome for e in matrix.environments for found in e.cases.values() for outcome in found.values()]
    said = [f"{outcomes.count(name)} {name}" for name in MARKS if name in outcomes]
    cases = matrix.environments[0].record["expected"]
    return (
        f"{len(matrix.claims)} claims in {cases} cases and {len(matrix.environments)} environments "
        f"make {len(outcomes)} cells: {', '.join(said)}."
    )
