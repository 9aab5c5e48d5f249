"""
The rungs of the ladder as assertions: same mean, objective, gradient, curvature, optimum, inference.

Each measures an error, records the measurement, and raises AssertionError with both values where the error exceeds its
tolerance. None knows which library it judges. ``mine`` is the answer under judgement, ``other`` the one it is held to.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from weakref import WeakKeyDictionary

import numpy as np
from flint import arb

from spec import scoring
from spec.engines.engine import Checked, Engine, Evaluation, Fit
from spec.evidence import tolerances
from spec.evidence.enclosure import Optimum, enclose, exact_mean, gamma
from spec.evidence.exact import exact_inference
from spec.evidence.preconditions import PreconditionFailed, check_fit
from spec.evidence.tolerances import UNIT, Tolerance
from spec.families import Multinomial
from spec.inference import Inference
from spec.links import Probit
from spec.model import Params
from spec.problems import Problem, Published
from spec.problems.by_construction import GRID, PARAMETER_GRID
from spec.python39 import strict_zip

FLOAT64_DIGITS = 16.0
Table = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Measurement:
    """
    What was measured, on which problem: the digits found, the digits required, and the rule that requires them.

    ``engine`` is the name of the engine that answered, where the answer says it. Of a fit that is held to a proven optimum
    also its distance from it, and the radius of the ball that encloses the optimum, both in standard errors.
    """

    measure: str
    problem: str
    digits: float
    required: float
    rule: str
    engine: str = ""
    standard_errors: float | None = None
    radius: float | None = None


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


def _judge(
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
    measurement = Measurement(measure, str(problem), found_digits, required, tolerance.reason, engine, **more)
    collected = _measurements.get()
    if collected is not None:
        collected.append(measurement)
    if not error <= tolerance.value:
        raise AssertionError(
            f"not the same {measure}: {measurement.digits:.1f} digits agree; "
            f"the error is {error:.3g}, {tolerance.value:.3g} is allowed\n"
            f"  tolerance  {tolerance.reason}\n"
            f"  problem    {problem}: {problem.model}, {problem.n} rows, {problem.p} columns, {problem.k} outputs\n"
            f"  found      {found}\n"
            f'  reproduce  python -c "from spec import problems; p = problems.get({str(problem)!r}); print(p.about, p.X, p.y)"'
        )


def _worst(error: np.ndarray, mine: np.ndarray, other: np.ndarray, where: str) -> str:
    """The place of the largest error, or of the first that is no number, with both values."""
    place = tuple(int(i) for i in np.unravel_index(np.argmax(np.where(np.isnan(error), np.inf, error)), error.shape))
    return f"{where}{list(place)} = {float(mine[place])!r}, expected {float(other[place])!r}"


def assert_same_values(
    measure: str, problem: Problem, mine: np.ndarray, other: np.ndarray, tolerance: Tolerance, size: np.ndarray | None = None
) -> None:
    """Numbers of any shape agree entry by entry, relative to ``size`` (the other's, unless it is given), to the tolerance."""
    __tracebackhide__ = True
    mine, other = (np.atleast_1d(np.asarray(values, dtype=float)) for values in (mine, other))
    assert mine.shape == other.shape, f"not the same {measure}: shape {mine.shape}, expected {other.shape}"
    difference = np.abs(mine - other)
    error = np.where(difference == 0, 0.0, difference / np.maximum(np.abs(other) if size is None else size, np.finfo(float).tiny))
    _judge(measure, problem, float(np.max(error)), tolerance, _worst(error, mine, other, measure))


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
    allowed = tolerances.mean_ulps(problem.k) * np.spacing(np.abs(nearest)) + _mean_slack(problem, params)
    relative = (error / np.maximum(np.abs(nearest), np.finfo(float).tiny)).max()
    _judge(
        "mean",
        problem,
        float((error / allowed).max()),
        tolerances.mean(),
        _worst(error / allowed, mine.mean, nearest, "mean"),
        relative,
        by=mine,
    )


def _mean_slack(problem: Problem, params: Params) -> np.ndarray:
    """How far the rounding of eta may move the mean, (n, k): nothing where [1 X] and the parameters lie on dyadic grids."""
    eta, eta_error = problem.eta(params), _eta_error(problem, params)
    if problem.model.link == Probit():  # erfc takes eta / sqrt 2: a root and a quotient, each rounded
        eta_error = eta_error + 2 * UNIT * np.abs(eta)
    slope = problem.model.link.inverse_derivative(eta)
    if isinstance(problem.model.family, Multinomial):
        return np.einsum("nab,nb->na", np.abs(slope), eta_error)
    return np.abs(slope) * eta_error


def _eta_error(problem: Problem, params: Params) -> np.ndarray:
    """A bound of the rounding error of eta, (n, k), whatever the order of the sum."""
    matrix = params.matrix[0 if problem.intercept else 1 :]
    on_grid = problem.offset is None and _on_grid(problem.design, GRID) and _on_grid(matrix, PARAMETER_GRID)
    size = np.abs(problem.design) @ np.abs(matrix)
    if on_grid and size.max() < 2.0**53 * GRID * PARAMETER_GRID:
        return np.zeros_like(size)
    return gamma(problem.q + 1) * (size if problem.offset is None else size + np.abs(problem.offset))


def _on_grid(values: np.ndarray, grid: float) -> bool:
    return bool((np.round(values / grid) * grid == values).all())


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
    size = max(abs(e.loss) for e in mine) + scale / n * max(abs(e.log_likelihood) for e in other)
    found = f"the loss changes by {gained!r}, -{scale:g}/n times the log-likelihood by {expected!r}"
    _judge("objective", problem, abs(gained - expected) / size, tolerances.loss(n), found, by=mine[0])


def assert_same_gradient(problem: Problem, params: Params, mine: Evaluation, other: Evaluation) -> None:
    """The score has the other's entries, class by class, and an intercept's entry where there is an intercept."""
    __tracebackhide__ = True
    size = _contributions(problem, params)
    rows = slice(0 if problem.intercept else 1, None)
    error = np.abs(mine.score - other.score)[rows] / np.maximum(size, np.finfo(float).tiny)
    found = _worst(error, mine.score[rows], other.score[rows], "score")
    _judge("gradient", problem, float(error.max()), tolerances.gradient(problem.n), found, by=mine)


def assert_same_curvature(problem: Problem, params: Params, mine: Evaluation, other: Evaluation) -> None:
    """The observed information has the other's entries."""
    __tracebackhide__ = True
    W = scoring.expected_weights(problem, params)
    size = scoring.gram(np.abs(problem.design), np.abs(W) + _residual_weights(problem, params)[:, None, None])
    error = np.abs(mine.information - other.information) / np.maximum(size, np.finfo(float).tiny)
    found = _worst(error, mine.information, other.information, "information")
    _judge("curvature", problem, float(error.max()), tolerances.curvature(problem.n), found, by=mine)


def _row_contributions(problem: Problem, params: Params) -> np.ndarray:
    """
    For each row, what its score is made of, without signs: (n, k).

    (|y| + |mu|) |h'| / V, and the curvature times the sum that eta is; each is known to a few u of itself.
    """
    eta = problem.eta(params)
    mu = problem.model.link.inverse(eta)
    terms = np.abs(problem.design) @ np.abs(params.matrix[0 if problem.intercept else 1 :])
    if problem.offset is not None:
        terms = terms + np.abs(problem.offset)
    if isinstance(problem.model.family, Multinomial):
        return problem.row_weights * (problem.y + mu + 2 * mu * terms.max(axis=1, keepdims=True))
    slope = np.abs(problem.model.link.inverse_derivative(eta))
    variance = problem.model.family.variance(mu)
    return problem.row_weights * ((np.abs(problem.y) + np.abs(mu)) * slope / variance + slope**2 / variance * terms)


def _contributions(problem: Problem, params: Params) -> np.ndarray:
    """Summed over the rows for each parameter, (q, k)."""
    return np.abs(problem.design).T @ _row_contributions(problem, params)


def _residual_weights(problem: Problem, params: Params) -> np.ndarray:
    """A size for the part of the observed information that the residuals make, (n,)."""
    return _row_contributions(problem, params).sum(axis=1)


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
    planted = problem.kind in ("by-hand", "by-construction") and "wide" not in problem.tags
    if planted:  # responses are drawn: a coefficient may come out next to zero, and is then worth its standard error
        error = np.minimum(error, optimum.distance(mine.params) / np.maximum(optimum.standard_errors, np.finfo(float).tiny))
    tolerance = tolerances.planted_optimum() if planted else tolerances.optimum(attainable_digits(problem, optimum))
    away = standard_errors_away(optimum, mine.params)
    radius = float((optimum.radius / np.maximum(optimum.standard_errors, np.finfo(float).tiny)).max())
    found = (
        _worst(error, problem.free(mine.params), optimum.centre + optimum.shift, "coefficient")
        + f"; {away:.2g} standard errors away, {optimum.likelihood_gap(mine.params):.2g} nats lost; {optimum}"
    )
    _judge("optimum", problem, float(error.max()), tolerance, found, by=mine, standard_errors=away, radius=radius)


def relative_errors(optimum: Optimum, params: Params) -> np.ndarray:
    """Upper bounds of |parameter - optimum| / |optimum|, (q, m); the error itself where the optimum may be 0 (NIST's LRE)."""
    magnitude = optimum.magnitude()
    return optimum.distance(params) / np.where(magnitude > 0, magnitude, 1.0)


def standard_errors_away(optimum: Optimum, params: Params) -> float:
    """The largest distance of a parameter from the optimum, in its standard errors."""
    return float((optimum.distance(params) / np.maximum(optimum.standard_errors, np.finfo(float).tiny)).max())


def attainable_errors(problem: Problem, optimum: Optimum) -> np.ndarray:
    """
    How well a backward stable float64 fit can know each free parameter, (q, m), in the parameter's units.

    Such a fit solves a problem whose rows' scores are off by some u of what they are made of (`_row_contributions`). Its
    distance from the optimum, in standard errors, is at most the length of those errors, each in units of the root of its
    row's information. The factor is 32 q u: a q of Householder's elimination, 32 for what a row's score is computed with.

    Each column's product with a row's score is then rounded for itself, by u at least, which no row's error makes up for: the
    inverse information carries these to the parameters. They count where the residuals are large and the columns collinear.
    """
    m = problem.free_outputs
    rows = _row_contributions(problem, optimum.params)[:, problem.k - m :]
    root = np.sqrt(np.einsum("naa->na", scoring.expected_weights(problem, optimum.params)))
    length = np.linalg.norm(rows[root > 0] / root[root > 0])
    products = np.abs(problem.design).T @ np.abs(scoring.row_scores(problem, optimum.params))
    carried = np.abs(optimum.unit_covariance) @ products.T.ravel()
    return UNIT * (32 * problem.q * length * optimum.unit_standard_errors + carried.reshape(m, -1).T)


def attainable_digits(problem: Problem, optimum: Optimum) -> float:
    """`attainable_errors` of the worst coefficient, in digits."""
    magnitude = optimum.magnitude()
    return digits(float((attainable_errors(problem, optimum) / np.where(magnitude > 0, magnitude, 1.0)).max()))


# -- rung 6: the same inference ----------------------------------------------------------------------------------------


def inferred(problem: Problem, engine: Engine) -> Inference:
    """An engine's inference; a perfect fit, or one at which the information is singular, has none: a failed precondition."""
    checked = engine if isinstance(engine, Checked) else Checked(engine)
    try:
        return checked.infer(problem)
    except np.linalg.LinAlgError as error:
        raise PreconditionFailed(
            "information", f"{problem}: the information at the fit of {engine.describe().name} is singular"
        ) from error


def assert_same_inference(problem: Problem, mine: Inference, other: Inference) -> None:
    """Every entry that the other has agrees to 10 digits, or to what rounding leaves on this problem, on each side."""
    __tracebackhide__ = True
    tolerance = tolerances.inference(attainable_digits(problem, proven_optimum(problem)) - np.log10(2))
    for entry, value in vars(other).items():
        if value is None:
            continue
        ours, theirs = (np.atleast_1d(np.asarray(v, dtype=float)) for v in (getattr(mine, entry), value))
        undefined = np.isnan(ours) & np.isnan(theirs)  # an interval whose end leaves the link's domain
        if entry == "deviance_residuals":  # near zero the root of a deviance has half its digits: its square is judged
            ours, theirs = (np.sign(r) * r * r for r in (ours, theirs))
        size = _inference_size(problem, entry, theirs, other)
        ours, theirs = (np.where(undefined, 0.0, v) for v in (ours, theirs))
        assert_same_values(f"inference ({entry})", problem, ours, theirs, tolerance, size)


def _inference_size(problem: Problem, entry: str, value: np.ndarray, other: Inference) -> np.ndarray:
    """What an error is relative to: the number itself, but for those that are differences of larger ones."""
    if entry.endswith("residuals"):
        mean = problem.y - other.response_residuals
        size = np.abs(problem.y) + np.abs(mean)
        if entry == "response_residuals":
            return size
        pearson = size * np.sqrt(problem.row_weights / problem.model.family.variance(mean))
        return pearson if entry == "pearson_residuals" else pearson**2
    if entry == "p_values":  # of a tail, the statistic's relative error is multiplied by its square
        return value * (1 + other.statistics**2)
    if entry == "deviance" and problem.n == problem.q:  # of a saturated fit it is zero
        return np.array([float(problem.n)])
    return np.abs(value)


def assert_proven_inference(problem: Problem, mine: Inference) -> None:
    """Standard errors of both kinds, dispersion and deviance have 10 digits of the proven ones."""
    __tracebackhide__ = True
    exact, tolerance = exact_inference(problem, proven_optimum(problem)), tolerances.inference()
    for entry, balls in vars(exact).items():
        rows = balls if isinstance(balls, list) else [[balls]]
        middle, radius = (np.array([[float(part(ball)) for ball in row] for row in rows]) for part in (arb.mid, arb.rad))
        found = np.asarray(getattr(mine, entry), dtype=float).reshape(middle.shape)
        size = np.array([[float(problem.n)]]) if entry == "deviance" and problem.n == problem.q else np.abs(middle) - radius
        outward = found + np.where(found >= middle, radius, -radius)  # the ball's far side
        assert_same_values(f"proven {entry}", problem, outward, middle, tolerance, size)


def climb(rung: str, problem: Problem, params: Params, mine: Engine, other: Engine) -> None:
    """One rung of the ladder by name: "mean", "objective", "gradient", "curvature", "optimum" or "inference"."""
    __tracebackhide__ = True
    if rung == "mean":
        assert_same_mean(problem, params, mine.evaluate(problem, params))
    elif rung == "objective":
        null = scoring.start(problem)
        ours, theirs = ((engine.evaluate(problem, params), engine.evaluate(problem, null)) for engine in (mine, other))
        assert_same_objective(problem, ours, theirs)
    elif rung == "gradient":
        assert_same_gradient(problem, params, mine.evaluate(problem, params), other.evaluate(problem, params))
    elif rung == "curvature":
        assert_same_curvature(problem, params, mine.evaluate(problem, params), other.evaluate(problem, params))
    elif rung == "optimum":
        assert_same_optimum(problem, mine.fit(problem))
    elif rung == "inference":
        assert_same_inference(problem, inferred(problem, mine), inferred(problem, other))
    else:
        raise ValueError(f"no rung is called {rung!r}; the rungs are mean, objective, gradient, curvature, optimum, inference")


def assert_as_published(problem: Problem, mine: Fit) -> None:
    """
    Every printed digit of every published coefficient, as far as float64 can know it on this problem.

    A printed number that is not the optimum's (`Published.departures`) is replaced by the optimum's.
    """
    __tracebackhide__ = True
    check_fit(problem, mine)
    slack = attainable_errors(problem, proven_optimum(problem))
    _judge_printed(problem, "coefficient", problem.free(mine.params), _published(problem).true_coefficients, slack, mine)


def assert_print_is_true(problem: Problem) -> None:
    """The *proven optimum* has every printed digit, but for the departures listed, whatever any engine says."""
    __tracebackhide__ = True
    optimum = proven_optimum(problem)
    slack = optimum.radius + 2 * UNIT * np.abs(optimum.centre)
    _judge_printed(problem, "coefficient", optimum.centre + optimum.shift, _published(problem).true_coefficients, slack)


def assert_inference_as_published(problem: Problem, mine: Inference, published: Published | None = None) -> None:
    """
    Every printed digit of every published standard error and statistic, as far as float64 can know it on this problem.

    The standard errors are from the observed information where they were printed so. Of a sum of n terms float64 knows all
    but (n + 64) u, and no more than of the worst coefficient where that is less.
    """
    __tracebackhide__ = True
    published = published or _published(problem)
    known = max(tolerances.loss(problem.n).value, 10 ** -attainable_digits(problem, proven_optimum(problem)))
    errors = mine.observed_standard_errors if "observed-information" in problem.tags else mine.standard_errors
    _judge_printed(problem, "standard error", errors, published.true_standard_errors, known * errors)
    for name, printed in published.true_statistics.items():
        value = np.array([[float(getattr(mine, name))]])
        _judge_printed(problem, name, value, ((printed,),), known * np.abs(value))


def _published(problem: Problem) -> Published:
    assert problem.published is not None, f"{problem} has no published answer"
    return problem.published


def _judge_printed(problem: Problem, what: str, found: np.ndarray, printed: Table, slack: np.ndarray, by: object = None) -> None:
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
    said = _worst(excess, found, value, what)
    _judge("published digits", problem, float(excess.max()), tolerance, said, relative, by=by)


def half_unit(printed: str) -> float:
    """Half a unit in the last place of a decimal string."""
    exponent = Decimal(printed).as_tuple().exponent
    assert isinstance(exponent, int), f"{printed!r} is not a number in print"
    return float(Decimal(5).scaleb(exponent - 1))
