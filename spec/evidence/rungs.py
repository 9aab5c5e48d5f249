"""
The rungs of the ladder as assertions: same mean, objective, gradient, curvature, optimum, inference; and the numbers beside.

`assert_same` takes a rung by name and two engines. The others take answers, for claims that alter an answer first: ``mine`` is
the answer under judgement, ``other`` the one it is held to. Each raises AssertionError with both values where the error
exceeds its tolerance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from flint import arb

from spec import likelihood, scoring
from spec.compat import strict_zip
from spec.engines.checked import Checked
from spec.engines.contract import Declined, Engine, Evaluation, Fit
from spec.engines.formulas import Formulas
from spec.evidence import tolerances
from spec.evidence.enclosure import Optimum, enclose, exact_mean
from spec.evidence.exact import exact_inference
from spec.evidence.judge import assert_same_values, judge, relative, worst
from spec.evidence.preconditions import PreconditionFailed, check_fit
from spec.evidence.sizes import (
    attainable_digits,
    contributions,
    curvature_contributions,
    likelihood_size,
    mean_slack,
    row_contributions,
)
from spec.inference import Inference
from spec.model import Params
from spec.problems import Problem

CONSTANT = 1e6  # times the log-likelihood: a larger constant in a loss leaves float64 less than 10 of its 16 digits

# -- rung 1: the same function -----------------------------------------------------------------------------------------
_exact_means: WeakKeyDictionary[Problem, WeakKeyDictionary[Params, list[list[arb]]]] = WeakKeyDictionary()


def assert_same_mean(problem: Problem, params: Params, mine: Evaluation) -> None:
    """Every mean is within a few ulp of the exact h(eta), from ball arithmetic; further only where eta itself is rounded."""
    __tracebackhide__ = True
    kept = _exact_means.setdefault(problem, WeakKeyDictionary())
    if params not in kept:
        kept[params] = exact_mean(problem, params)
    exact = kept[params]
    nearest = np.array([[float(value) for value in row] for row in exact])
    error = np.array(
        [
            [abs(float(arb(m) - value)) for m, value in strict_zip(row, balls)]
            for row, balls in strict_zip(mine.mean.tolist(), exact)
        ]
    )
    allowed = tolerances.mean_ulps(problem.k) * np.spacing(np.abs(nearest)) + mean_slack(problem, params)
    shown, error = float(relative(error, np.abs(nearest)).max()), relative(error, allowed, least=0.0)
    found = worst(error, mine.mean, nearest, "mean")
    judge("mean", problem, float(error.max()), tolerances.mean(), found, shown, by=mine)


# -- rungs 2 to 4: the same loss, gradient and curvature, at any parameters ---------------------------------------------
def assert_same_objective(problem: Problem, mine: tuple[Evaluation, Evaluation], other: tuple[Evaluation, Evaluation]) -> None:
    """
    Between two points my loss changes by -loss_scale / n times what the other's log-likelihood changes.

    So the loss is -loss_scale / n times the log-likelihood plus a term free of the parameters.
    """
    __tracebackhide__ = True
    n, scale = problem.n, mine[0].loss_scale
    gained = mine[1].loss - mine[0].loss
    expected = -scale / n * (other[1].log_likelihood - other[0].log_likelihood)
    of_terms = scale / n * max(abs(e.log_likelihood) for e in other)
    size = of_terms + min(max(abs(e.loss) for e in mine), CONSTANT * (of_terms + abs(expected)))
    found = f"the loss changes by {gained!r}, -{scale:g}/n times the log-likelihood by {expected!r}"
    judge("objective", problem, abs(gained - expected) / size, tolerances.loss(n), found, by=mine[0])


def assert_same_gradient(problem: Problem, params: Params, mine: Evaluation, other: Evaluation, of_eta: bool = False) -> None:
    """
    The score has the other's entries, class by class; the first row is the intercepts', and zeros where there are none.

    ``of_eta`` asks of both the digits that a likelihood keeps if it is a function of eta, also where a mean is rounded.
    """
    __tracebackhide__ = True
    size = contributions(problem, params, of_eta)
    theirs = other.score
    if not problem.intercept:
        size, theirs = (np.vstack([np.zeros((1, problem.k)), rows]) for rows in (size, theirs[1:]))
    error = relative(np.abs(mine.score - theirs), size)
    found = worst(error, mine.score, theirs, "score")
    judge("gradient", problem, float(error.max()), tolerances.gradient(problem.n), found, by=mine)


def assert_same_curvature(problem: Problem, params: Params, mine: Evaluation, other: Evaluation, of_eta: bool = False) -> None:
    """The observed information has the other's entries; for ``of_eta`` see `assert_same_gradient`."""
    __tracebackhide__ = True
    if of_eta and not problem.model.has_classes:
        weights = curvature_contributions(problem, params)
    else:
        residuals = row_contributions(problem, params).sum(axis=1)
        weights = np.abs(likelihood.expected_weights(problem, params)) + residuals[:, None, None]
    size = likelihood.gram(np.abs(problem.design), weights)
    error = relative(np.abs(mine.information - other.information), size)
    found = worst(error, mine.information, other.information, "information")
    judge("curvature", problem, float(error.max()), tolerances.curvature(problem.n), found, by=mine)


def assert_same_likelihood(problem: Problem, params: Params, mine: Evaluation) -> None:
    """The log-likelihood is the family's at dispersion 1, with its constants, relative to the terms that it is summed from."""
    __tracebackhide__ = True
    expected, size = likelihood.log_likelihood(problem, params), likelihood_size(problem, params)
    tolerance = tolerances.loss(problem.n)
    assert_same_values("log-likelihood", problem, np.array(mine.log_likelihood), np.array(expected), tolerance, size)


# -- rung 5: the same optimum -----------------------------------------------------------------------------------------
_proven: WeakKeyDictionary[Problem, Optimum] = WeakKeyDictionary()


def proven_optimum(problem: Problem) -> Optimum:
    """`enclose`, once for each problem."""
    if problem not in _proven:
        _proven[problem] = enclose(problem)
    return _proven[problem]


def assert_same_optimum(problem: Problem, mine: Fit) -> None:
    """The worst coefficient agrees with the proven optimum to 13 digits, or to what rounding leaves on this problem."""
    __tracebackhide__ = True
    optimum = proven_optimum(problem)
    check_fit(problem, mine)
    error = relative_errors(optimum, mine.params)
    planted = is_planted(problem)
    if planted:  # responses are drawn: a coefficient may come out next to zero, and is then worth its standard error
        error = np.minimum(error, relative(optimum.distance(mine.params), optimum.standard_errors))
    tolerance = tolerances.planted_optimum() if planted else tolerances.optimum(attainable_digits(problem, optimum))
    away = standard_errors_away(optimum, mine.params)
    radius = float(relative(optimum.radius, optimum.standard_errors).max())
    found = (
        worst(error, problem.free(mine.params), optimum.centre + optimum.shift, "coefficient")
        + f"; {away:.2g} standard errors away, {optimum.likelihood_gap(mine.params):.2g} nats lost; {optimum}"
    )
    judge("optimum", problem, float(error.max()), tolerance, found, by=mine, standard_errors=away, radius=radius)


def is_planted(problem: Problem) -> bool:
    """The problem was built to be well conditioned, and is held to all digits."""
    return problem.kind in ("by-hand", "by-construction") and "wide" not in problem.tags


def assert_same_numbers(problem: Problem, mine: Fit) -> None:
    """
    Deviance, log-likelihood and standard errors are those of the proven optimum, and the iterations are a count.

    Each to 10 digits, or to what rounding leaves on this problem. Those that the engine does not compute are left out; if it
    computes none, it declines.
    """
    __tracebackhide__ = True
    optimum = proven_optimum(problem)
    check_fit(problem, mine)
    mean = problem.model.link.inverse(problem.eta(optimum.params))
    deviance = np.array(likelihood.deviance(problem, mean))
    errors = scoring.White.of(problem).standard_errors(problem, optimum.params)
    expected = {  # each with the size that its error is relative to
        "deviance": (deviance, np.array(float(problem.n)) if problem.n == problem.q else deviance),
        "log_likelihood": (
            np.array(likelihood.log_likelihood(problem, optimum.params)),
            likelihood_size(problem, optimum.params),
        ),
        "standard_errors": (errors, errors),
    }
    found = told(mine, "iterations", *expected)
    attainable = np.inf if is_planted(problem) else attainable_digits(problem, optimum) - np.log10(2)
    tolerance = tolerances.inference(attainable)
    for name, (value, size) in expected.items():
        if name in found:
            assert_same_values(f"{name} of the fit", problem, np.array(found[name]), value, tolerance, size)
    count = found.get("iterations", 0)
    assert count in range(int(max(count, 0)) + 1), f"not the same iterations of the fit: {count!r} is no count"


def told(answer: object, *names: str) -> dict[str, Any]:
    """Those of the fields that the engine computes. Raises Declined, with its reason, where it computes none of them."""
    found: dict[str, Any] = {}
    why = f"none of {', '.join(names)} is computed"
    for name in names:
        try:
            found[name] = getattr(answer, name)
        except Declined as declined:
            why = str(declined)
    found = {name: value for name, value in found.items() if value is not None}
    if not found:
        raise Declined(why)
    return found


def given(answer: object, *names: str) -> tuple[Any, ...]:
    """Those fields of an answer. Raises Declined where the engine does not give one of them."""
    values = tuple(getattr(answer, name) for name in names)
    if missing := [name for name, value in strict_zip(names, values) if value is None]:
        raise Declined(f"the engine gives no {' and no '.join(missing)}")
    return values


def relative_errors(optimum: Optimum, params: Params) -> np.ndarray:
    """Upper bounds of |parameter - optimum| / |optimum|, (q, m); the error itself where the optimum may be 0 (NIST's LRE)."""
    magnitude = optimum.magnitude()
    return optimum.distance(params) / np.where(magnitude > 0, magnitude, 1.0)


def standard_errors_away(optimum: Optimum, params: Params) -> float:
    """The largest distance of a parameter from the optimum, in its standard errors."""
    return float(relative(optimum.distance(params), optimum.standard_errors).max())


def fitted(problem: Problem, engine: Engine) -> Fit:
    """An engine's fit, of what it calls converged; another is a failed precondition."""
    fit = engine.fit(problem)
    check_fit(problem, fit)
    return fit


# -- rung 6: the same inference ----------------------------------------------------------------------------------------
def inferred(problem: Problem, engine: Engine) -> Inference:
    """An engine's inference; a perfect fit, or one at which the information is singular, has none: a failed precondition."""
    checked = engine if isinstance(engine, Checked) else Checked(engine)
    if not hasattr(checked.engine, "infer"):  # then it is made of the fit
        fitted(problem, checked)
    try:
        return checked.infer(problem)
    except np.linalg.LinAlgError as error:
        raise PreconditionFailed(
            "information", f"{problem}: the information at the fit of {engine.describe().name} is singular"
        ) from error


TEXTBOOK = Checked(Formulas())  # the specification's own formulas, for what no reference answers


def assert_same_inference(problem: Problem, mine: Inference, other: Inference) -> None:
    """
    Every entry agrees to 10 digits, or to what rounding leaves on this problem, on each side.

    An entry that the other leaves out is held to the specification's own; what that has none of, nobody has. Entries that I
    leave out are not judged; if I leave out all, I decline.
    """
    __tracebackhide__ = True
    tolerance = tolerances.inference(attainable_digits(problem, proven_optimum(problem)) - np.log10(2))
    for entry, found in told(mine, *vars(mine)).items():
        value = getattr(other, entry)
        if value is None and (value := getattr(inferred(problem, TEXTBOOK), entry)) is None:
            raise AssertionError(f"not the same inference ({entry}): {found!r}, where {problem} has none")
        ours, theirs = (np.atleast_1d(np.asarray(v, dtype=float)) for v in (found, value))
        undefined = np.isnan(ours) & np.isnan(theirs)  # an interval whose end leaves the link's domain
        if entry == "deviance_residuals":  # near zero the root of a deviance has half its digits: its square is judged
            ours, theirs = (np.sign(r) * r * r for r in (ours, theirs))
        size = inference_size(problem, entry, theirs, other)
        ours, theirs = (np.where(undefined, 0.0, v) for v in (ours, theirs))
        assert_same_values(f"inference ({entry})", problem, ours, theirs, tolerance, size)


def inference_size(problem: Problem, entry: str, value: np.ndarray, other: Inference) -> np.ndarray:
    """The size that an error is relative to: the number itself, except for numbers that are differences of larger ones."""
    if entry.endswith("residuals"):
        mean = problem.y - other.response_residuals
        size = np.abs(problem.y) + np.abs(mean)
        if entry == "response_residuals":
            return size
        pearson = size * np.sqrt(problem.row_weights / problem.model.family.variance(mean))
        return pearson if entry == "pearson_residuals" else pearson**2
    if entry == "p_values":  # of a tail, the statistic's relative error is multiplied by its square
        return value * (1 + other.statistics**2)
    if entry == "statistics":  # of a coefficient that is zero, an error is that of a coefficient of 1
        is_zero = proven_optimum(problem).magnitude() == 0
        return np.where(is_zero, 1 / np.asarray(other.standard_errors, dtype=float), np.abs(value))
    if entry == "deviance" and problem.n == problem.q:  # of a saturated fit it is zero
        return np.array([float(problem.n)])
    return np.abs(value)


def assert_proven_inference(problem: Problem, mine: Inference) -> None:
    """Standard errors of both kinds, dispersion and deviance have 10 digits of the proven ones; those given, see `told`."""
    __tracebackhide__ = True
    exact, tolerance = exact_inference(problem, proven_optimum(problem)), tolerances.inference()
    answered = told(mine, *vars(exact))
    for entry, balls in vars(exact).items():
        rows = balls if isinstance(balls, list) else [[balls]]
        middle, radius = (np.array([[float(part(ball)) for ball in row] for row in rows]) for part in (arb.mid, arb.rad))
        if entry not in answered:
            continue
        found = np.asarray(answered[entry], dtype=float).reshape(middle.shape)
        size = np.array([[float(problem.n)]]) if entry == "deviance" and problem.n == problem.q else np.abs(middle) - radius
        outward = found + np.where(found >= middle, radius, -radius)  # the ball's far side
        assert_same_values(f"proven {entry}", problem, outward, middle, tolerance, size)


def assert_same(rung: str, problem: Problem, params: Params, mine: Engine, other: Engine) -> None:
    """Hold two engines to one rung of `ASSERTIONS`, at ``params`` where the rung is about any parameters."""
    __tracebackhide__ = True
    if rung not in ASSERTIONS:
        raise ValueError(f"no rung is called {rung!r}; the rungs are {', '.join(ASSERTIONS)}")
    ASSERTIONS[rung](problem, params, mine, other)


def _mean(problem: Problem, params: Params, mine: Engine, other: Engine) -> None:
    __tracebackhide__ = True
    assert_same_mean(problem, params, mine.evaluate(problem, params))


def _objective(problem: Problem, params: Params, mine: Engine, other: Engine) -> None:
    __tracebackhide__ = True
    null = likelihood.null_params(problem)
    between = Params.from_matrix((params.matrix + null.matrix) / 2)  # a bowl may be as high at two places, and not between them
    here, halfway, there = ([engine.evaluate(problem, at) for engine in (mine, other)] for at in (params, between, null))
    for place in (here, halfway):
        assert_same_objective(problem, (place[0], there[0]), (place[1], there[1]))


def _gradient(problem: Problem, params: Params, mine: Engine, other: Engine) -> None:
    __tracebackhide__ = True
    assert_same_gradient(problem, params, mine.evaluate(problem, params), other.evaluate(problem, params))


def _curvature(problem: Problem, params: Params, mine: Engine, other: Engine) -> None:
    __tracebackhide__ = True
    assert_same_curvature(problem, params, mine.evaluate(problem, params), other.evaluate(problem, params))


def _optimum(problem: Problem, params: Params, mine: Engine, other: Engine) -> None:
    __tracebackhide__ = True
    assert_same_optimum(problem, mine.fit(problem))


def _inference(problem: Problem, params: Params, mine: Engine, other: Engine) -> None:
    __tracebackhide__ = True
    assert_same_inference(problem, inferred(problem, mine), inferred(problem, other))


ASSERTIONS: dict[str, Callable[[Problem, Params, Engine, Engine], None]] = {
    "mean": _mean,
    "objective": _objective,
    "gradient": _gradient,
    "curvature": _curvature,
    "optimum": _optimum,
    "inference": _inference,
}
