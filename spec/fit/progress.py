"""The progress of a fit in the terminal: passes, the distance from the optimum, rows, and the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from spec.fit.maximise import Pass


@contextmanager
def shown(total: int | None, console: Console | None = None) -> Iterator[tuple[Callable[[Pass], None], Callable[[int], None]]]:
    """Yield (on_pass, on_rows), which show each pass and the rows done in it, of ``total`` where known; on stderr by default."""
    columns = (TextColumn("pass {task.fields[number]}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[ending]}"))
    with Progress(*columns, console=console or Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=total, number=1, ending="")

        def on_pass(state: Pass) -> None:
            progress.console.print(line(state), highlight=False)
            progress.reset(bar, total=total, number=state.number + 1, ending=ending(state))

        yield on_pass, lambda rows: progress.update(bar, completed=rows)


@contextmanager
def rows_shown(total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function of the rows that were just read, which shows them, pass after pass of ``total``; on stderr."""
    columns = (TextColumn("reading, pass {task.fields[number]}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar, read = progress.add_task("", total=total, number=1), 0

        def on_rows(rows: int) -> None:
            nonlocal read
            read += rows
            done, left = divmod(read, total) if total else (0, read)
            progress.update(bar, completed=left, number=done + 1)

        yield on_rows


def line(state: Pass) -> str:
    """The line printed after a pass."""
    distance = (
        f"{state.distance:.2g} standard errors from the optimum"
        if state.distance < float("inf")
        else "too far: the step is halved"
    )
    return f"pass {state.number}, {state.seconds:.1f} s{' with information' if state.information else ''}: {distance}"


def ending(state: Pass) -> str:
    """The passes and seconds still needed, in words, if they are known."""
    if state.left is None:
        return ""
    return (
        f"about {state.left} more pass{'es' * (state.left != 1)}, {state.left * state.seconds:.0f} s" if state.left else "there"
    )
