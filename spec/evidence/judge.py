"""
The judge: holds an error to its tolerance, records the measurement, and says what differs where it is too large.

Every assertion of `spec.evidence.rungs` and `spec.evidence.published` ends here. The judge does not know which library it judges.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from spec import problems
from spec.evidence.tolerances import Tolerance
from spec.problems import Problem

FLOAT64_DIGITS = 16.0


@dataclass(frozen=True)
class Measurement:
    """
    What was measured, on which problem: the digits found, the digits required, and the rule that requires them.

    ``engine`` is the name of the engine that answered, where the answer says it. Of a fit that is held to a proven optimum
    also its distance from it, and the radius of the ball that encloses the optimum, both in standard errors. ``found`` has both
    values, in words, where they are further apart than the rule allows.
    """

    measure: str
    problem: str
    digits: float
    required: float
    rule: str
    engine: str = ""
    standard_errors: float | None = None
    radius: float | None = None
    found: str = ""


_measurements: ContextVar[list[Measurement] | None] = ContextVar("measurements", default=None)


@contextmanager
def recording() -> Iterator[list[Measurement]]:
    """Collect the measurements that are made inside the block."""
    collected: list[Measurement] = []
    token = _measurements.set(collected)
    try:
        yield collected
    finally:
        _measurements.reset(token)


def digits(relative_error: float) -> float:
    """-log10 of a relative error, from 0 to 16; NaN counts as no digit at all."""
    if not relative_error < 1:
        return 0.0
    return FLOAT64_DIGITS if relative_error <= 10**-FLOAT64_DIGITS else float(-np.log10(relative_error))


def judge(
    measure: str,
    problem: Problem,
    error: float,
    tolerance: Tolerance,
    found: str,
    shown: float | None = None,
    by: object = None,
    **more: float,
) -> None:
    """
    Record, then raise where ``error`` exceeds the tolerance.

    ``shown`` is the error to report in digits, if another; ``by`` the answer that is judged, if it knows its engine;
    ``more`` are fields of `Measurement`.
    """
    __tracebackhide__ = True
    required = tolerance.digits if shown is None else float("nan")
    found_digits = digits(error if shown is None else shown)
    engine = getattr(by, "engine", "")
    departs = not error <= tolerance.value
    said = found if departs else ""
    measurement = Measurement(measure, str(problem), found_digits, required, tolerance.reason, engine, **more, found=said)
    collected = _measurements.get()
    if collected is not None:
        collected.append(measurement)
    if departs:
        raise AssertionError(
            f"not the same {measure}: {measurement.digits:.1f} digits agree; "
            f"the error is {error:.3g}, {tolerance.value:.3g} is allowed\n"
            f"  tolerance  {tolerance.reason}\n"
            f"  problem    {describe(problem)}\n"
            f"  found      {found}\n"
            f"  reproduce  {reproduce(problem)}"
        )


def describe(problem: Problem) -> str:
    """The problem's name, model and size, and what it has beside X and y."""
    size = f"{problem.n} rows, {problem.p} columns, {problem.k} output{'s' if problem.k > 1 else ''}"
    kind = {"without an intercept": not problem.intercept, "quasi-likelihood": problem.quasi}
    more = [*(f"with {name}" for name in _given(problem)), *(name for name, here in kind.items() if here)]
    return ", ".join([f"{problem}: {problem.model}", size, *more])


def reproduce(problem: Problem) -> str:
    """The command that shows the problem's data; of a problem that is in no list, the test that makes it again."""
    if any(problem is listed for listed in problems.LISTED):
        arrays = ", ".join(f"p.data.{name}" for name in ("X", "y", *_given(problem)))
        code = f"from spec import problems; p = problems.get({str(problem)!r}); print(p.about, {arrays})"
        return f"{_seed()}python -c {shlex.quote(code)}"
    if "PYTEST_CURRENT_TEST" in os.environ:
        return "the test makes this problem of another: run it again"
    return "this problem is in no list: its data are those of the object that was judged"


def _given(problem: Problem) -> list[str]:
    """The names of the data that a problem has beside X and y."""
    return [name for name in ("offset", "weights", "trials") if getattr(problem.data, name) is not None]


def _seed() -> str:
    """The seed of the planted problems, where it is not the usual one, as a shell sets it."""
    seed = os.environ.get("SPEC_SEED", "0")
    return "" if seed == "0" else f"SPEC_SEED={seed} "


def worst(error: np.ndarray, mine: np.ndarray, other: np.ndarray, where: str) -> str:
    """The place of the largest error, or of the first that is no number, with both values."""
    place = tuple(int(i) for i in np.unravel_index(np.argmax(np.where(np.isnan(error), np.inf, error)), error.shape))
    return f"{where}{list(place)} = {float(mine[place])!r}, expected {float(other[place])!r}"


def relative(error: np.ndarray, size: np.ndarray, least: float = float(np.finfo(float).tiny)) -> np.ndarray:
    """
    An error over the size that it is relative to, which is ``least`` or more; inf where that overflows, and no error is 0.

    >>> relative(np.array([1.0, 1.0, 0.0, 0.0]), np.array([4.0, 1e-310, 0.0, np.nan])).tolist()
    [0.25, 4.49423283715579e+307, 0.0, 0.0]
    """
    with np.errstate(over="ignore"):
        return np.where(error == 0, 0.0, error / np.maximum(size, least))


def assert_same_values(
    measure: str, problem: Problem, mine: np.ndarray, other: np.ndarray, tolerance: Tolerance, size: np.ndarray | None = None
) -> None:
    """Numbers of any shape agree entry by entry, relative to ``size`` (the other's, unless it is given), to the tolerance."""
    __tracebackhide__ = True
    mine, other = (np.atleast_1d(np.asarray(values, dtype=float)) for values in (mine, other))
    assert mine.shape == other.shape, f"not the same {measure}: shape {mine.shape}, expected {other.shape}"
    error = relative(np.abs(mine - other), np.abs(other) if size is None else size)
    judge(measure, problem, float(np.max(error)), tolerance, worst(error, mine, other, measure))
