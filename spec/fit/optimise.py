"""The optimum of a model on rows: of one output, or of several that share a design, in one pass for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from spec import likelihood
from spec.engines.keras.backend import BACKEND
from spec.existence import NONE_INSIDE
from spec.fit.checks import find_wrong
from spec.fit.contribution import Contribution, in_float64
from spec.fit.convergence import Wanted
from spec.fit.ending import left_free, separated, why_not
from spec.fit.maximise import INTERRUPTED, Climb, Maximum, Pass, Question, climb, maximise, together
from spec.fit.penalised import PenalisedMaximum, maximise_penalised
from spec.fit.penalty import Penalty
from spec.fit.result import NO_ERRORS, Fitted
from spec.fit.rows import Batch, Rows
from spec.fit.sums import Sums, add_up
from spec.fit.task import Task, checked, null_free
from spec.fit.workers import HERE, one_blas_thread, threads
from spec.model import Model, Params
from spec.problems import Problem

UNSEEN: Callable[[Any], None] = lambda state: None  # noqa: E731


@dataclass(frozen=True)
class Settings:
    """How a fit is made: see `spec.fit.fit`. ``on_pass`` hears each pass, ``on_rows`` the number of its rows that are done."""

    start: Params | None = None
    standard_errors: bool = True
    tolerance: float = 1e-6
    max_passes: int = 50
    on_pass: Callable[[Pass], None] = field(default=UNSEEN)
    on_rows: Callable[[int], None] = field(default=UNSEEN)

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < np.inf:
            raise ValueError(f"tolerance is {self.tolerance}: give a number of standard errors, above 0, such as 1e-6.")
        if self.max_passes < 1:
            raise ValueError(f"max_passes is {self.max_passes}: a fit takes one pass at least.")


def optimise(model: Model, rows: Rows, intercept: bool = True, *, quasi: bool = False, **settings: Any) -> Fitted:
    """The optimum of a model on rows, found as `fit` finds it; the keywords are those of `Settings`."""
    return optimise_outputs(model, rows, intercept, 1, quasi=[quasi], **settings)[0]


def optimise_outputs(
    model: Model, rows: Rows, intercept: bool, outputs: int, *, quasi: Sequence[bool] = (), **settings: Any
) -> list[Fitted]:
    """The optima of as many models as there are ``outputs``, each of its own column of y, and each ``quasi`` or not."""
    BACKEND.enable_float64()
    chosen = Settings(**settings)
    with in_float64, one_blas_thread, at_work(rows) as rows:
        of_output = [_of_one(rows, number) for number in range(outputs)] if outputs > 1 else [rows]
        tasks = [Task.of(model, own, intercept, each) for own, each in zip(of_output, quasi or [False] * outputs)]
        try:
            maxima = together(
                [_climb(task, _of_output(chosen, number, outputs), number == 0) for number, task in enumerate(tasks)],
                partial(_pass, tasks, rows, chosen.on_rows),
            )
        except FloatingPointError as error:
            raise _not_finite(tasks, error, chosen.start) from error
        return [_fitted(task, own, maximum, chosen) for task, own, maximum in zip(tasks, of_output, maxima)]


@contextmanager
def at_work(rows: Rows) -> Iterator[Rows]:
    """The rows with workers: those that they have, or the threads of this process."""
    if rows.workers is not HERE:
        yield rows
        return
    with threads() as pool:
        yield replace(rows, workers=pool)


def output(batch: Batch, number: int) -> Batch:
    """The batch with one column of y, and of the offset."""
    of = slice(number, number + 1)
    offset = batch.offset if batch.offset is None or batch.offset.shape[1] == 1 else batch.offset[:, of]  # one is that of all
    return replace(batch, y=batch.y[:, of], offset=offset)


def _of_one(rows: Rows, number: int) -> Rows:
    outputs = rows.outputs[number : number + 1] or (f"column {number + 1} of y",)
    return replace(rows.map(partial(output, number=number)), outputs=outputs)


def _of_output(settings: Settings, number: int, outputs: int) -> Settings:
    if settings.start is None or settings.start.coef.shape[1] == 1 or outputs == 1:
        return settings
    of = slice(number, number + 1)
    return replace(settings, start=Params(settings.start.intercept[of], settings.start.coef[:, of]))


def _climb(task: Task, settings: Settings, is_heard: bool) -> Climb:
    """A climb to the optimum of a task, from what was given as the start, or from a guess made of a sample."""
    room = partial(task.room, task.rows)
    guess = None
    if settings.start is not None:
        _check_start(task.known, settings.start)
        free = task.known.free(settings.start)
    else:
        free = null_free(task.known)
        if task.guesses:
            guess = maximise(task.penalised_sample(), free, task.basis, task.kind, room=room, tolerance=0.1, max_passes=15)
            guess = guess if guess.converged else None
        elif task.few is not None and not task.kind.quadratic:
            guess = task.near(free)
        free = guess.free if guess else free
    return climb(
        free,
        task.basis,
        task.kind,
        room=room,
        guess=guess,
        standard_errors=settings.standard_errors,
        tolerance=settings.tolerance,
        max_passes=settings.max_passes,
        on_pass=settings.on_pass if is_heard else UNSEEN,
    )


def _check_start(known: Problem, start: Params) -> None:
    """Raise ValueError for a start of another model, or one that is no number."""
    if start.coef.shape != (known.p, known.k) or start.intercept.shape != (known.k,):
        p, k = start.coef.shape
        raise ValueError(
            f"start is of {p} columns and {k} outputs, but the model has {known.p} and {known.k}: give Fitted.params."
        )
    if not (np.isfinite(start.coef).all() and np.isfinite(start.intercept).all()):
        raise ValueError("start is NaN or infinite: give the params of a fit, or none.")


def _pass(tasks: list[Task], rows: Rows, on_rows: Callable[[int], None], asked: dict[int, Question]) -> dict[int, Sums]:
    """One pass over the rows, which answers the questions of all tasks that still climb."""
    if len(tasks) == 1:
        return {0: tasks[0].pass_over(*asked[0], on_rows)}
    contributions = {number: tasks[number].contribution(*question) for number, question in asked.items()}
    lenient = max((task.known for task in tasks), key=lambda known: known.quasi)
    found = add_up(partial(_of_outputs, contributions), checked(rows, lenient), tasks[0].size, on_rows)
    return {number: tasks[number].in_basis(sums) for number, sums in found.sums.items()}


def _of_outputs(contributions: dict[int, Contribution], batch: Batch) -> _Side:
    return _Side({number: contribution(output(batch, number)) for number, contribution in contributions.items()})


@dataclass(frozen=True)
class _Side:
    """The sums of several tasks over the same rows."""

    sums: dict[int, Sums]

    @property
    def rows(self) -> int:
        return next(iter(self.sums.values())).rows

    def __add__(self, other: _Side) -> _Side:
        return _Side({number: sums + other.sums[number] for number, sums in self.sums.items()})


def _not_finite(tasks: list[Task], error: FloatingPointError, start: Params | None) -> ValueError:
    for task in tasks:
        find_wrong(task.known.model, task.rows, task.known.quasi)
        if not likelihood.in_domain(task.known, task.known.params(null_free(task.known))):
            return ValueError(NONE_INSIDE)
    if start is not None:
        domain = tasks[0].known.model.eta_domain
        return ValueError(
            f"the log-likelihood is not finite at start: some rows have an eta outside of {domain}, or one whose mean no float64 "
            "has. Give the params of a fit, or none."
        )
    return ValueError(f"{error}: are columns of X very large? Standardise them.")


def _fitted(task: Task, rows: Rows, maximum: Maximum, settings: Settings) -> Fitted:
    reason, distance, converged = maximum.reason, maximum.distance, maximum.converged
    if not (converged or maximum.ending == INTERRUPTED):
        reason, distance = why_not(task, rows, maximum)
    elif converged and maximum.steer and maximum.steer.tells_little and (none := separated(task, rows)) is not None:
        reason, distance, converged = none, np.nan, False  # its score is zero by rounding alone
    spent = task.known.has_dispersion and maximum.sums.rows <= len(maximum.free)
    notes = ("There are as many coefficients as rows, so nothing tells the dispersion, nor standard errors.",) if spent else ()
    return Fitted(
        **_described(task, rows),
        params=task.known.params(maximum.free),
        dispersion=np.nan if spent else maximum.dispersion,
        notes=notes,
        distance=distance,
        converged=converged,
        reason=reason,
        passes=maximum.passes,
        rows=maximum.sums.rows,
        errors="" if settings.standard_errors else NO_ERRORS,
        _value=maximum.sums.value,
        _steer=maximum.steer,
    )


def _described(task: Task, rows: Rows) -> dict[str, Any]:
    """What a fit is of, beside its numbers: keywords of `Fitted`."""
    known = task.known
    return {
        "model": known.model,
        "intercept": known.intercept,
        "columns": known.data.columns,
        "outputs": ("y",) if known.k == 1 else tuple(f"class {j}" for j in range(known.k)),
        "quasi": known.quasi,
        "has_offset": known.offset is not None,
        "_rows": replace(rows, workers=HERE) if rows.workers.shares else rows,
    }


def optimise_penalised(
    model: Model, rows: Rows, intercept: bool, outputs: int, *, penalty: Penalty, quasi: Sequence[bool] = (), **settings: Any
) -> list[Fitted]:
    """The penalised optima of as many models as there are ``outputs``, one after another; they have no standard errors."""
    BACKEND.enable_float64()
    chosen = Settings(**settings)
    found = []
    with in_float64, one_blas_thread, at_work(rows) as rows:
        for number in range(outputs):
            own = _of_one(rows, number) if outputs > 1 else rows
            task, of_output = Task.of(model, own, intercept, bool(quasi and quasi[number])), _of_output(chosen, number, outputs)
            start = of_output.start or task.known.params(null_free(task.known))
            try:
                maximum = maximise_penalised(
                    partial(_one_pass, task, chosen.on_rows),
                    start.matrix[0 if intercept else 1 :],
                    penalty,
                    task.kind,
                    intercept=intercept,
                    basis=task.basis,
                    tolerance=min(chosen.tolerance, 1e-8),
                    max_passes=chosen.max_passes,
                    on_pass=chosen.on_pass,
                )
            except FloatingPointError as error:
                raise _not_finite([task], error, chosen.start) from error
            found.append(_penalised(task, own, maximum, penalty))
    return found


def _one_pass(task: Task, on_rows: Callable[[int], None], free: np.ndarray, wanted: Wanted) -> Sums:
    return task.pass_over(free, wanted, on_rows)


def _penalised(task: Task, rows: Rows, maximum: PenalisedMaximum, penalty: Penalty) -> Fitted:
    weights = maximum.weights
    none = left_free(task, rows, penalty) if maximum.converged else None
    intercept = weights[0] if task.known.intercept else np.zeros(weights.shape[1])
    notes = (
        "It is a penalised fit: not the maximum-likelihood estimate, and without standard errors, which are those of unbiased "
        "estimates.",
        *penalty.terms(task.known.model, maximum.sums.rows),
    )
    return Fitted(
        **_described(task, rows),
        params=Params(intercept, weights[int(task.known.intercept) :]),
        dispersion=maximum.dispersion,
        distance=np.nan if none else maximum.distance,
        converged=maximum.converged and not none,
        reason=none or maximum.reason,
        passes=maximum.passes,
        rows=maximum.sums.rows,
        is_penalised=True,
        notes=notes,
        _value=maximum.sums.value,
    )
