"""
The proof of an optimum on the edge holds the right place, and no other is proven.

The right places come from elsewhere: closed forms, roots by mpmath, R, and SciPy's optimiser under constraints.
"""

import re
from types import SimpleNamespace

import flint
import mpmath
import numpy as np
import pytest
from flint import arb, arb_mat
from scipy.optimize import LinearConstraint, minimize

from spec import likelihood, problems
from spec.evidence import edge as proof
from spec.evidence.edge import _pressed, climb, edge, prove, sides_of
from spec.evidence.enclosure import NotProven
from spec.evidence.preconditions import PreconditionFailed
from spec.families import Binomial, Gamma, InverseGaussian, NegativeBinomial, Poisson
from spec.fit import optimise
from spec.fit.rows import of_arrays
from spec.links import Identity, Inverse, Log, LogComplement, Sqrt
from spec.model import Model
from spec.problems import Problem
from tests.claims.test_11_whether_an_optimum_exists.at_the_edge import (
    AT_THE_EDGE,
    INSIDE,
    LINEAR,
    RELATIVE_RISKS,
    RISKS,
    THREE_LEVELS,
    levels,
)

COUNTS = Model(Poisson(), Identity())
MODELS = [
    Model(Binomial(), Log()),
    Model(Binomial(), LogComplement()),
    Model(Binomial(), Identity()),
    COUNTS,
    Model(Poisson(), Sqrt()),
    Model(NegativeBinomial(0.5), Identity()),
    Model(InverseGaussian(), Inverse()),
]


def values(optimum):
    return [float(value) for value in optimum.free]


def assert_holds(optimum, exact):
    """Each ball holds the exact parameter, to the digits that the exact one is given with, and is small."""
    with flint.ctx.workprec(256):
        errors = [float(abs(ball - arb(value))) for ball, value in zip(optimum.free, exact, strict=True)]
    assert max(errors) < 1e-36
    assert optimum.radius.max() < 1e-40


# -- known answers -------------------------------------------------------------------------------------------------------------
def test_relative_risks_have_the_maximum_that_r_finds():
    """R's constrOptim and glm(start =) agree with mpmath: on the edge one equation is left, in the slope."""
    x, y = RELATIVE_RISKS.X[:, 0], RELATIVE_RISKS.y[:, 0]
    optimum = edge(RELATIVE_RISKS)
    with mpmath.workdps(40):
        rest = [(mpmath.mpf(v) - mpmath.mpf(x.max()), seen) for v, seen in zip(x.tolist(), y, strict=True) if v < x.max()]

        def slope(b):
            return mpmath.fsum(d if seen else d / -mpmath.expm1(-b * d) for d, seen in rest)

        b = mpmath.findroot(slope, 0.37)
        exact = [mpmath.nstr(value, 38) for value in (-b * mpmath.mpf(x.max()), b)]

    assert_holds(optimum, exact)
    np.testing.assert_allclose(values(optimum), [-0.370327915064, 0.370818838703], rtol=0, atol=1e-12)
    np.testing.assert_allclose(float(optimum.log_likelihood), -161.880270, rtol=0, atol=1e-6)
    assert optimum.rows == [int(np.argmax(x))]
    assert optimum.is_global


def test_three_levels_have_a_maximum_in_closed_form():
    """On a line, exp(-slope) = u is the root of 75 u^2 + 10 u = 17; with a column for each level the risks are the shares."""
    with mpmath.workdps(40):
        slope = -mpmath.log((mpmath.sqrt(5200) - 10) / 150)
        low, middle = (mpmath.log(mpmath.mpf(each) / 50) for each in (2, 30))
        line, table = ([mpmath.nstr(v, 38) for v in each] for each in ((-2 * slope, slope), (low, middle - low, -low)))
    columns = np.repeat(np.eye(3)[:, 1:], 50, axis=0)
    saturated = edge(THREE_LEVELS.with_data("a column for each", X=columns))

    assert_holds(edge(THREE_LEVELS), line)
    assert_holds(saturated, table)
    assert saturated.rows == list(range(100, 150))
    np.testing.assert_allclose([float(value) for value in saturated.multipliers], [50.0])


def test_linear_probabilities_have_the_maximum_of_a_search_under_constraints():
    """SciPy's SLSQP, kept within means of 1e-9 and 1 - 1e-9."""
    optimum = edge(LINEAR)

    np.testing.assert_allclose(values(optimum), by_search(LINEAR), rtol=0, atol=1e-6)
    mean = LINEAR.eta(optimum.params)
    assert (abs(mean.max() - 1) < 1e-14) != (abs(mean.min()) < 1e-14)  # one end, not the other


def by_search(problem):
    """The constrained maximum to about seven digits, from the proof's own start."""
    sides = sides_of(problem)
    used = problem.row_weights[:, 0] > 0
    y, design, weights = problem.y[used], problem.design[used], problem.row_weights[used]

    def loss(b):
        value = (weights * problem.model.kernel(y, design @ b[:, None] + problem.free_offset[used])).sum()
        return -value if np.isfinite(value) else 1e10

    outward, level = np.array([side.outward for side in sides]), np.array([float(arb(side.level)) for side in sides])
    room = LinearConstraint(outward, -np.inf, level - 1e-9)
    options = {"ftol": 1e-14, "maxiter": 500}
    with np.errstate(all="ignore"):
        return minimize(loss, proof._start(problem, sides)[:, 0], method="SLSQP", constraints=room, options=options).x


@pytest.mark.parametrize("problem", AT_THE_EDGE, ids=str)
def test_the_place_satisfies_the_conditions(problem):
    """In float64 the score is the multipliers' sum, each positive, and no row is beyond the edge but for rounding."""
    optimum = edge(problem)
    inner = np.setdiff1d(np.arange(problem.n), optimum.rows)
    eta = problem.eta(optimum.params)
    scores = problem.model.row_score(problem.y[inner], eta[inner], problem.row_weights[inner])
    at_edge = sum(float(side.slope) * side.outward for side in optimum.sides)

    np.testing.assert_allclose(problem.design[inner].T @ scores[:, 0] + at_edge, optimum.score[:, 0], rtol=1e-8)
    assert all(value > 0 for value in optimum.multipliers)
    assert problem.model.eta_domain.contains(eta[inner]).all()
    assert likelihood.kernel(problem.with_data(), optimum.params) == pytest.approx(float(optimum.log_likelihood), rel=1e-12)
    assert optimum.is_global == problem.model.is_log_concave
    assert str(optimum).startswith("the one maximum, with row" if optimum.is_global else "the only maximum near, with row")


# -- no edge, or nothing on it -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("problem", INSIDE, ids=str)
def test_an_optimum_inside_is_none_on_the_edge(problem):
    """The same models with a maximum inside."""
    assert edge(problem) is None


@pytest.mark.parametrize("name", ["logistic-4-colours", "poisson-log", "softmax-3-to-3", "gamma-inverse"])
def test_most_models_have_nothing_on_an_edge(name):
    """Their domain has no edge, or the likelihood falls to nothing towards it."""
    assert edge(problems.get(name)) is None


@pytest.mark.parametrize("falling", [False, True])
def test_a_risk_that_falls_for_ever_is_separation(falling):
    """The first levels never have the event: their risk falls to 0, and the logarithm has no end there."""
    data = levels(0, 0, 50).data
    model, y = (Model(Binomial(), LogComplement()), 1 - data.y) if falling else (RISKS, data.y)
    with pytest.raises(PreconditionFailed, match="separated") as failed:
        edge(Problem.of("never", model, data.X, y))
    assert failed.value.which == "separated"


def test_collinear_columns_fail_by_name():
    """Rank comes first."""
    with pytest.raises(PreconditionFailed, match="linearly dependent"):
        edge(THREE_LEVELS.with_data(X=lambda data: np.hstack([data.X, 2 * data.X])))


# -- the same data in other clothes --------------------------------------------------------------------------------------------
def test_units_rows_and_offsets_do_not_matter():
    """Columns in other units and shifted, rows as shares of trials or as weights, an offset in place of a known coefficient."""
    slope = values(edge(THREE_LEVELS))[1]
    once = [[0.0], [1.0], [2.0]]
    shares = Problem.of("shares", RISKS, once, [[0.04], [0.6], [1.0]], trials=[50.0] * 3)
    halves = THREE_LEVELS.with_data("halves", weights=np.full(150, 0.5))
    ignored = THREE_LEVELS.with_data(
        "a row more",
        X=lambda data: np.vstack([data.X, [[9.0]]]),
        y=lambda data: np.vstack([data.y, [[1.0]]]),
        weights=np.append(np.ones(150), 0.0),
    )
    moved = THREE_LEVELS.with_data("an offset", offset=lambda data: 0.25 * data.X - 0.125)

    for unit in (1e-9, 0.3, 1e12):
        other = edge(THREE_LEVELS.with_data(f"times {unit}", X=lambda data, unit=unit: unit * data.X))
        np.testing.assert_allclose(values(other), [-2 * slope, slope / unit], rtol=1e-14)
    np.testing.assert_allclose(
        values(edge(THREE_LEVELS.with_data("from 1e6", X=lambda data: data.X + 1e6)))[1], slope, rtol=1e-14
    )
    for same in (shares, halves, ignored):
        np.testing.assert_allclose(values(edge(same)), [-2 * slope, slope], rtol=1e-14)
    np.testing.assert_allclose(values(edge(moved)), [-2 * slope + 0.125, slope - 0.25], rtol=1e-14)
    assert len(edge(shares).rows) == 1
    assert float(edge(halves).multipliers[0]) == pytest.approx(float(edge(THREE_LEVELS).multipliers[0]) / 2)


def drawn(model, seed):
    """A small random problem; every other one has a grid for columns, so that several rows may lie on one edge."""
    rng = np.random.default_rng([seed, MODELS.index(model)])
    n, p = int(rng.integers(15, 60)), int(rng.integers(1, 4))
    X = rng.uniform(-1, 1, (n, p)) if seed % 2 else rng.integers(-2, 3, (n, p)).astype(float)
    eta = X @ rng.normal(size=(p, 1)) / 2
    if isinstance(model.family, Binomial):
        mu = np.clip(0.6 + eta / 2, 0.02, 1)
        y = (rng.random((n, 1)) < (1 - mu if isinstance(model.link, LogComplement) else mu)).astype(float)
    elif isinstance(model.family, InverseGaussian):
        y = rng.gamma(2, np.maximum(0.5 + eta, 0.05)) + 1e-3
    else:
        y = rng.poisson(np.maximum(1 + 2 * eta, 0)).astype(float)
    data = {"weights": rng.integers(0, 3, n).astype(float)} if seed % 3 == 0 else {}
    if seed % 4 == 1:
        data["offset"] = rng.uniform(-0.1, 0.1, (n, 1))
    return Problem.of(f"drawn {model} {seed}", model, X, y, **data)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_random_problems_are_proven_on_the_edge_or_inside(model):
    """No search under constraints finds a better place, and it finds one as good where the log-likelihood is concave."""
    on_the_edge = 0
    for seed in range(8):
        problem = drawn(model, seed)
        try:
            optimum = edge(problem)
        except PreconditionFailed as failed:
            if failed.which not in ("separated", "rank"):
                raise
            continue
        if optimum is None:
            continue
        on_the_edge += 1
        found = likelihood.kernel(used_rows(problem), problem.params(by_search(problem)[:, None]))
        best = float(optimum.log_likelihood)
        assert found <= best + 1e-6, (str(problem), found, best)
        if optimum.is_global:
            assert found == pytest.approx(best, abs=1e-4), (str(problem), found, best)
    assert on_the_edge >= 2


def used_rows(problem):
    used = problem.row_weights[:, 0] > 0
    names = [name for name in ("X", "y", "offset", "weights") if getattr(problem.data, name) is not None]
    return problem.with_data(**{name: getattr(problem.data, name)[used] for name in names})


# -- what must not be proven ---------------------------------------------------------------------------------------------------
def flat():
    """Counts whose first three rows, on a line of the plane, are all 0, and the other three all 2."""
    X = [[0.0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]]
    return Problem.of("flat", COUNTS, X, [[0.0], [0], [0], [2], [2], [2]])


@pytest.mark.parametrize("problem", [*AT_THE_EDGE, flat()], ids=str)
def test_no_other_set_of_rows_is_proven(problem):
    """One side less, one more, or another in its place."""
    sides = sides_of(problem)
    free, held = climb(problem, sides)
    room = [float(arb(side.level)) - side.outward @ free[:, 0] for side in sides]
    others = [k for k in np.argsort(room).tolist() if k not in held][:4]
    wrong = [[*held[:at], *held[at + 1 :]] for at in range(len(held)) if len(held) > 1]
    wrong += [[*held, other] for other in others]
    wrong += [[*held[:at], other, *held[at + 1 :]] for at in range(len(held)) for other in others if room[other] > 1e-9]

    assert prove(problem, sides, free, held).rows
    for rows in wrong:
        with pytest.raises(NotProven, match=f"{re.escape(str(problem))}: with row"):
            prove(problem, sides, free, rows)


def test_of_sides_that_meet_those_with_positive_multipliers_hold():
    """The score points along the middle of three: the outer two share it, and with the middle one another has nothing."""
    outward = np.array([[-1.0, 0], [-1, -1], [-1, -2]])

    assert _pressed([0, 1], [0, 1, 2], outward, 3 * outward[1]) == [0, 2]
    assert _pressed([0, 1], [0, 1], outward, 3 * outward[1]) == [0, 1]


def test_rows_at_the_edge_because_others_are_hold_nothing():
    """The middle row is on the line between the two that hold, exactly; if it held too, no multipliers were determined."""
    problem = flat()
    optimum = edge(problem)

    np.testing.assert_allclose(values(optimum), [0, 0, 2], rtol=0, atol=1e-40)
    assert optimum.rows == [0, 1, 2]
    assert len(optimum.tied) == 1
    np.testing.assert_allclose([float(value) for value in optimum.multipliers], [1.5, 1.5])
    held = [k for k, side in enumerate(sides_of(problem)) if set(side.rows) <= {0, 1, 2}]
    with pytest.raises(NotProven, match="linearly dependent"):
        prove(problem, sides_of(problem), optimum.problem.free(optimum.params), held)


def test_a_multiplier_of_zero_is_not_proven():
    """At (0, 1) the score is exactly zero, and the first row is exactly at the edge."""
    problem = Problem.of("balanced", COUNTS, [[0.0], [1], [2]], [[0.0], [2], [1]], weights=[0.5, 1, 1])
    sides = sides_of(problem)
    first = [k for k, side in enumerate(sides) if side.rows == (0,)]

    with pytest.raises(NotProven, match="multiplier may be zero"):
        prove(problem, sides, np.array([[0.0], [1.0]]), first)
    with pytest.raises(NotProven, match=r"multiplier may be zero|too near it to tell"):
        edge(problem)


def test_a_row_without_likelihood_at_the_edge_cannot_be_there():
    """A count of 1 has no chance under a mean of 0: its side has no slope, and nothing is proven on it."""
    problem = Problem.of("one", COUNTS, [[0.0], [1], [2]], [[1.0], [2], [1]])
    sides = sides_of(problem)

    assert not any(side.slope.is_finite() for side in sides)
    with pytest.raises(NotProven, match="no box"):
        prove(problem, sides, np.array([[0.0], [1.0]]), [0])


def test_without_a_place_inside_nothing_is_proven():
    """Offsets that no parameters bring into the domain."""
    offset = [[0.5], [-3.0], [-3.0]]
    with pytest.raises(NotProven, match="no parameters give each row a mean inside"):
        edge(Problem.of("nowhere", Model(Binomial(), Identity()), [[1.0], [1.0], [2.0]], [[1.0], [0.0], [1.0]], offset=offset))


def test_a_start_inside_is_found_by_a_linear_program():
    """Offsets with which the null model is outside."""
    rng = np.random.default_rng(3)
    X = rng.uniform(-1, 1, (40, 1))
    problem = Problem.of("moved", RISKS, X, rng.integers(2, size=(40, 1)), offset=4 * X**2)
    assert not likelihood.in_domain(problem, likelihood.null_params(problem))

    start = proof._start(problem, sides_of(problem))

    assert likelihood.in_domain(problem, problem.params(start))
    edge(problem)


@pytest.mark.parametrize(("along", "expected"), [(1.0, True), (0.0, False), (-1.0, False)])
def test_the_curvature_counts_along_the_edge_only(along, expected):
    """Across the edge it may be of any sign."""
    system = SimpleNamespace(q=2, A=arb_mat([[1, 1]]))
    across = np.array([[-5.0, -5.0], [-5.0, -5.0]])
    information = across + along * np.array([[1.0, -1.0], [-1.0, 1.0]])
    slope = arb_mat([[*row, -1.0] for row in (-information).tolist()] + [[1.0, 1.0, 0.0]])

    assert proof._curves_downwards(system, slope) == expected


def test_gamma_means_never_lie_on_the_edge():
    """Neither of 0 nor of infinity: the likelihood is nothing there."""
    for link in (Identity(), Inverse()):
        data = Problem.of("gamma", Model(Gamma(), link), [[0.0], [1], [2], [3]], [[0.1], [3], [1], [0.2]])
        assert not any(side.slope.is_finite() for side in sides_of(data))
        assert edge(data) is None


@pytest.mark.parametrize("seed", range(8))
def test_a_fit_that_ends_between_two_edges_says_so(seed):
    """One row has a mean of 0 and another of 1; SciPy finds the same place under bounds on the two means."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, 300)
    y = (rng.uniform(size=len(x)) < np.clip(0.5 + 0.55 * x, 0, 1)).astype(float)
    share = (x - x.min()) / np.ptp(x)

    def loss(ends):
        mean = ends[0] + (ends[1] - ends[0]) * share
        return -np.log(np.maximum(np.where(y == 1, mean, 1 - mean), 1e-300)).sum()

    found = optimise(Model(Binomial(), Identity()), of_arrays(x[:, None], y[:, None]))
    best = minimize(loss, [0.1, 0.9], bounds=[(0, 1)] * 2, method="L-BFGS-B")
    ends = found.params.intercept + found.params.coef[0] * [x.min(), x.max()]

    assert np.allclose(ends, best.x, atol=1e-4)
    assert loss(ends) <= best.fun + 1e-6
    assert found.converged or "rises to the edge of the domain" in found.reason
    assert found.converged == bool((ends > 1e-8).all() and (ends < 1 - 1e-8).all())
