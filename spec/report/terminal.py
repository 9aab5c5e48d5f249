"""The matrix in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from io import StringIO

from spec.report.matrix import MARKS, NOT_RUN, Matrix

LEGEND = ", ".join(f"{mark} {outcome}" for outcome, mark in MARKS.items())


def render(matrix: Matrix) -> Iterator[str]:
    """
    The lines: environments with their numbers and the version of the claims that each ran, a column of marks for each group
    of them, what the known gaps are, and which evidence is stale.

    The head of a column names its version where not all environments ran the same one.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("claim", no_wrap=True)
    for group in matrix.groups:
        suite = f"\n{group[0].suite}" if len(matrix.suites) > 1 else ""
        table.add_column(f"{matrix.numbers(group)}{suite}", justify="center", no_wrap=True)
    for chapter, claims in matrix.chapters:
        table.add_section()
        table.add_row(title(chapter))
        for claim in claims:
            table.add_row(f"  {claim['claim']}", *(MARKS[group[0].verdict(claim["claim"])] for group in matrix.groups))
    out = StringIO()
    Console(file=out, width=80 + 8 * len(matrix.groups), no_color=True).print(table)
    for number, e in enumerate(matrix.environments, 1):
        yield f"{number:>3}  {e.name:47} claims {e.suite}, {e.libraries}"
    yield ""
    yield from (line.rstrip() for line in out.getvalue().rstrip().splitlines())
    yield ""
    yield LEGEND
    for cause, (departing, where) in matrix.gaps.items():
        yield f"g {', '.join(departing)} ({matrix.numbers(where)}): {cause}"
    yield from stale(matrix)
    yield total(matrix)


def stale(matrix: Matrix) -> Iterator[str]:
    """A line for each environment that ran an earlier version of the claims than `newest`."""
    yield from (f"stale: {said}" for said in matrix.stale.values())


def title(chapter: str) -> str:
    """A file of claims in words: "03 softmax is multinomial logistic regression"."""
    return chapter.removesuffix(".py").removeprefix("test_").replace("_", " ")


def total(matrix: Matrix) -> str:
    """The closing sentence: how many cells there are by outcome, and the versions of the claims if there are several."""
    cases, environments = matrix.newest.record["expected"], len(matrix.environments)
    outcomes = Counter(outcome for e in matrix.environments for found in e.cases.values() for outcome in found.values())
    outcomes[NOT_RUN] = cases * environments - sum(outcomes.values())
    said = [f"{outcomes[name]} {name}" for name in MARKS if outcomes[name]]
    return (
        f"{len(matrix.claims)} claims in {cases} cases and {environments} environments "
        f"make {cases * environments} cells: {', '.join(said)}.{versions(matrix)}"
    )


def versions(matrix: Matrix) -> str:
    """A sentence, after a space, on which versions of the claims were run; empty if all environments ran the same one."""
    if len(matrix.suites) == 1:
        return ""
    said = ", ".join(f"{suite} in {count} environment{'s' * (count != 1)}" for suite, count in matrix.suites.items())
    return f" Versions of the claims: {said}."
