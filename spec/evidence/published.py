"""Answers held to the digits in print, as far as float64 can know them."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from spec.compat import strict_zip
from spec.engines.contract import Fit
from spec.evidence import tolerances
from spec.evidence.judge import judge, worst
from spec.evidence.preconditions import check_fit
from spec.evidence.rungs import proven_optimum, told
from spec.evidence.sizes import attainable_digits, attainable_errors
from spec.evidence.tolerances import UNIT, Tolerance
from spec.inference import Inference
from spec.problems import Problem, Published

Table = tuple[tuple[str, ...], ...]


def assert_as_published(problem: Problem, mine: Fit) -> None:
    """
    Every printed digit of every published coefficient, as far as float64 can know it on this problem.

    A printed number that is not the optimum's (`Published.departures`) is replaced by the optimum's.
    """
    __tracebackhide__ = True
    check_fit(problem, mine)
    slack = attainable_errors(problem, proven_optimum(problem))
    judge_printed(problem, "coefficient", problem.free(mine.params), _published(problem).true_coefficients, slack, mine)


def assert_print_is_true(problem: Problem) -> None:
    """The *proven optimum* has every printed digit, but for the departures listed, whatever any engine says."""
    __tracebackhide__ = True
    optimum = proven_optimum(problem)
    slack = optimum.radius + 2 * UNIT * np.abs(optimum.centre)
    judge_printed(problem, "coefficient", optimum.centre + optimum.shift, _published(problem).true_coefficients, slack)


def assert_inference_as_published(problem: Problem, mine: Inference, published: Published | None = None) -> None:
    """
    Every printed digit of every published standard error and statistic, as far as float64 can know it on this problem.

    The standard errors are from the observed information where they were printed so. Of a sum of n terms float64 knows all
    but (n + 64) u, and no more than of the worst coefficient where that is less. What an engine leaves out is not judged.
    """
    __tracebackhide__ = True
    published = published or _published(problem)
    known = max(tolerances.loss(problem.n).value, 10 ** -attainable_digits(problem, proven_optimum(problem)))
    errors = "observed_standard_errors" if "observed-information" in problem.tags else "standard_errors"
    answered = told(mine, errors, *published.true_statistics)
    if errors in answered:
        judge_printed(problem, "standard error", answered[errors], published.true_standard_errors, known * answered[errors])
    for name, printed in published.true_statistics.items():
        if name in answered:
            value = np.array([[float(answered[name])]])
            judge_printed(problem, name, value, ((printed,),), known * np.abs(value))


def _published(problem: Problem) -> Published:
    assert problem.published is not None, f"{problem} has no published answer"
    return problem.published


def judge_printed(problem: Problem, what: str, found: np.ndarray, printed: Table, slack: np.ndarray, by: object = None) -> None:
    __tracebackhide__ = True
    value = np.array([[float(entry) for entry in row] for row in printed])
    half = np.array([[half_unit(entry) for entry in row] for row in printed])
    error = np.array(
        [
            [abs(float(Decimal(f) - Decimal(entry))) for f, entry in strict_zip(row, text)]
            for row, text in strict_zip(found.tolist(), printed)
        ]
    )
    excess = error / (half + slack)
    relative = float((error / np.where(value == 0, 1.0, np.abs(value))).max())
    tolerance = Tolerance(
        1.0, "half a unit in the last printed digit" + ("" if (slack < half).all() else ", or what float64 can know")
    )
    said = worst(excess, found, value, what)
    judge("published digits", problem, float(excess.max()), tolerance, said, relative, by=by)


def half_unit(printed: str) -> float:
    """Half a unit in the last place of a decimal string."""
    exponent = Decimal(printed).as_tuple().exponent
    assert isinstance(exponent, int), f"{printed!r} is not a number in print"
    return float(Decimal(5).scaleb(exponent - 1))
