"""
The enclosure holds the true optimum, is small, and is refused where nothing is proven.

The truth comes from elsewhere: rational arithmetic for least squares, closed forms and simplified Newton steps on the
textbook's score in balls of 256 bits for the others. The bounds are held against what they bound, at points drawn from
the boxes and computed exactly.
"""

import re
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import flint
import mpmath
import numpy as np
import pytest
from flint import arb, arb_mat, fmpq, fmpq_mat
from scipy import linalg

from spec import existence, likelihood, problems, scoring
from spec.evidence import enclosure
from spec.evidence.balls import BALLS
from spec.evidence.enclosure import BOXES, NotProven, Optimum, enclose, exact_mean, gamma, up
from spec.evidence.preconditions import PreconditionFailed, check, check_fit
from spec.existence import rank_deficiency, separating, separation
from spec.families import Binomial, Gamma, Gaussian, InverseGaussian, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.links import Cauchit, CLogLog, Identity, Inverse, Link, Log, Logit, LogLog, Probit, Softmax, Sqrt
from spec.model import Model, Params
from spec.problems import Problem
from tests.instruments.columns import HALVES, LADDER, OVERLAP, column

OLS, COUNTS, LOGISTIC = Model(Gaussian(), Identity()), Model(Poisson(), Log()), Model(Binomial(), Logit())
SOFTMAX = Model(Multinomial(), Softmax())
UNIT = Fraction(1, 2**53)
WIDEST = ("softmax-32-to-16", "logistic-512-columns")  # the two that take a minute


@pytest.fixture
def precise():
    """The working precision of the truth."""
    with flint.ctx.workprec(256):
        yield


# -- the truth, from elsewhere -----------------------------------------------------------------------------------------


def rational(value: float) -> fmpq:
    return fmpq(*float(value).as_integer_ratio())


def least_squares(problem: Problem) -> list[fmpq]:
    """The normal equations in rational arithmetic."""
    X = fmpq_mat(problem.n, problem.q, [rational(value) for value in problem.design.ravel()])
    weights = [rational(w) for w in problem.row_weights.ravel()]
    offset = np.zeros(problem.n) if problem.offset is None else problem.offset[:, 0]
    residual = fmpq_mat(problem.n, 1, [rational(y) - rational(o) for y, o in zip(problem.y[:, 0], offset, strict=True)])
    weighted = fmpq_mat(problem.q, problem.n, [X[i, j] * weights[i] for j in range(problem.q) for i in range(problem.n)])
    solution = (weighted * X).solve(weighted * residual)
    return [solution[j, 0] for j in range(problem.q)]


def textbook_score(problem: Problem, free: list[arb]) -> list[arb]:
    """sum_i c_i x_i (y_i - mu_i) h' / V in balls, output after output, of formulas the proof does not use."""
    m, q, model = problem.free_outputs, problem.q, problem.model
    total = [arb(0)] * (m * q)
    offsets = np.zeros((problem.n, problem.k)) if problem.offset is None else problem.offset
    for x, y, c, o in zip(
        problem.design.tolist(), problem.y.tolist(), problem.row_weights[:, 0].tolist(), offsets.tolist(), strict=True
    ):
        eta = [sum((free[a * q + j] * x[j] for j in range(q)), arb(0)) for a in range(m)]
        if m + 1 == problem.k > 1:
            odds = [arb(o[0]).exp(), *((value + o[a + 1]).exp() for a, value in enumerate(eta))]
            residual = [arb(y[a]) - odds[a] / sum(odds, arb(0)) for a in range(1, problem.k)]
        else:
            eta = [eta[0] + o[0]]
            mu = model.link.inverse(eta[0], BALLS)
            residual = [(y[0] - mu) * model.link.inverse_derivative(eta[0], BALLS) / model.family.variance(mu, BALLS)]
        for a in range(m):
            for j in range(q):
                total[a * q + j] += residual[a] * x[j] * c
    return total


def by_newton(problem: Problem, optimum: Optimum) -> list[arb]:
    """The optimum to 60 digits, output after output: steps with one fixed matrix, until the textbook's score is nothing."""
    eye = np.eye(problem.free_outputs)
    T = arb_mat((np.kron(eye, optimum.basis) @ optimum.whiten).tolist())
    x = [arb(value) for value in (optimum.centre + optimum.shift + 1e-9 * np.abs(optimum.centre)).T.ravel()]
    for _ in range(60):
        score = T.transpose() * arb_mat(len(x), 1, [value.mid() for value in textbook_score(problem, x)])
        step = (T * score).entries()
        x = [(value + move).mid() for value, move in zip(x, step, strict=True)]
        if max(abs(float(value)) for value in score.entries()) < 1e-60:
            return x
    raise AssertionError("the steps do not end")


def misses(optimum: Optimum, exact: list) -> list[float]:
    """For each parameter |exact - (centre + shift)| less the radius: at most 0 where the ball holds the exact value."""
    parts = zip(exact, *(part.T.ravel() for part in (optimum.centre, optimum.shift, optimum.radius)), strict=True)
    return [float(abs(arb(value) - arb(centre) - arb(shift)) - arb(radius)) for value, centre, shift, radius in parts]


def assert_encloses(optimum: Optimum, exact: list) -> None:
    """The ball holds the exact value, and is smaller than float64 could ever see."""
    assert max(misses(optimum, exact)) < 1e-60  # where the radius is 0, the truth is rounded at its own precision
    size = np.array([abs(float(arb(value))) for value in exact]).reshape(optimum.centre.T.shape).T
    assert (optimum.radius <= 1e-17 * np.maximum(size, 1e-3)).all()


X = np.array([[-0.75, 0.5], [0.25, -1.0], [1.0, 0.75], [-0.5, -0.25], [0.5, 1.0], [-1.0, -0.5], [0.125, 0.25], [0.625, -0.5]])
Y = {
    "reals": [1.5, -0.5, 3.0, 0.5, 2.5, -1.0, 0.0, 1.0],
    "counts": [1, 5, 0, 4, 3, 1, 2, 0],
    "shares": [0.25, 0.5, 0.75, 0.5, 0.0, 1.0, 0.25, 0.75],
    "positive": [1.5, 0.5, 3.0, 0.75, 2.5, 1.0, 2.0, 1.25],
    "amounts": [1.5, 0, 3.0, 0.75, 0, 1.0, 2.0, 1.25],
}
EYE = np.eye(3)[[0, 1, 1, 2, 2, 1, 1, 0]]
WEIGHTS, OFFSET = [1.0, 2.0, 0.5, 3.0, 1.5, 0.75, 2.5, 1.0], [0.25, -0.125, 0.5, 0.0, -0.25, 0.125, 0.375, -0.5]


def tiny(model: Model, y: str = "counts", **data) -> Problem:
    return Problem.of(
        f"tiny {model}{' with ' if data else ''}{' and '.join(data)}", model, X, np.array(Y[y], dtype=float)[:, None], **data
    )


def classes(name: str = "tiny classes", **data) -> Problem:
    return Problem.of(name, SOFTMAX, X, EYE, **data)


ALL_OFFSETS = np.array([OFFSET, OFFSET[::-1], [0.0] * 8]).T
TINY = [
    tiny(OLS, "reals", weights=WEIGHTS, offset=np.array(OFFSET)[:, None]),
    tiny(Model(Gaussian(), Log()), "positive"),
    tiny(LOGISTIC, "shares", trials=[4.0, 2, 4, 2, 3, 5, 8, 4], offset=np.array(OFFSET)[:, None]),
    tiny(Model(Binomial(), Probit()), "shares", weights=WEIGHTS, trials=[4.0, 2, 4, 2, 3, 5, 8, 4]),
    tiny(Model(Binomial(), Cauchit()), "shares", trials=[4.0, 2, 4, 2, 3, 5, 8, 4]),
    tiny(Model(Binomial(), CLogLog()), "shares", trials=[4.0, 2, 4, 2, 3, 5, 8, 4]),
    tiny(Model(Binomial(), LogLog()), "shares", trials=[4.0, 2, 4, 2, 3, 5, 8, 4]),
    tiny(COUNTS, weights=WEIGHTS, offset=np.array(OFFSET)[:, None]),
    tiny(Model(NegativeBinomial(0.5), Sqrt()), "counts"),
    tiny(Model(Gamma(), Log()), "positive", weights=WEIGHTS),
    tiny(Model(Gamma(), Inverse()), "positive", offset=np.array(OFFSET)[:, None]),
    tiny(Model(InverseGaussian(), Log()), "positive"),
    tiny(Model(NegativeBinomial(0.5), Log())),
    tiny(Model(Tweedie(1.5), Log()), "amounts"),
    classes(weights=WEIGHTS),
    classes("classes with an offset", offset=ALL_OFFSETS),
    Problem.of("shares of classes", SOFTMAX, X[:, :1], (EYE + 1) / 4, intercept=False, trials=[4.0] * 8),
]


class TestTruth:
    """The enclosure holds the optimum that is known otherwise."""

    @pytest.mark.parametrize("name", ["longley", *(f"wampler{i}" for i in range(1, 6)), "noint1", "noint2"])
    def test_least_squares_in_rational_arithmetic_lie_in_the_enclosure(self, name, precise):
        problem = problems.get(name)

        assert_encloses(enclose(problem), least_squares(problem))

    def test_least_squares_of_random_whole_numbers_lie_in_the_enclosure(self, rng, precise):
        for _ in range(20):
            n, p = int(rng.integers(5, 12)), int(rng.integers(1, 4))
            data = {"weights": rng.integers(1, 4, n), "offset": rng.integers(-3, 4, (n, 1)) / 8}
            X, y = rng.integers(-9, 10, (n, p)) + np.eye(n, p), rng.integers(-9, 10, (n, 1))
            problem = Problem.of("whole numbers", OLS, X, y, bool(rng.integers(2)), **data)
            if rank_deficiency(problem) is None:
                assert_encloses(enclose(problem), least_squares(problem))

    @pytest.mark.parametrize("problem", TINY, ids=str)
    def test_newton_s_steps_on_the_textbook_s_score_end_in_the_enclosure(self, problem, precise):
        optimum = enclose(problem)

        assert_encloses(optimum, by_newton(problem, optimum))
        assert optimum.contraction < 1e-4

    @pytest.mark.parametrize("problem", problems.where(kind="by-hand"), ids=str)
    def test_newton_s_steps_end_in_the_enclosure_of_each_problem_by_hand(self, problem, precise):
        optimum = enclose(problem)

        assert_encloses(optimum, by_newton(problem, optimum))

    @pytest.mark.parametrize(
        "problem", [p for p in problems.where(kind="by-hand") if {"intercept-only", "two-groups", "saturated"} & p.tags], ids=str
    )
    def test_closed_forms_lie_in_the_enclosure(self, problem, precise):
        if problem.offset is not None:  # the rate of an exposure
            exposures = sum((arb(o).exp() for o in problem.offset[:, 0].tolist()), arb(0))
            exact = [(problem.y.sum() / exposures).log()]
        else:  # the design tells groups apart: solve for g of their means
            groups, which = np.unique(problem.design, axis=0, return_inverse=True)
            weights = problem.row_weights * (which.ravel()[:, None] == np.arange(len(groups)))
            sums, sizes = weights.T @ problem.y, weights.sum(axis=0)
            inverse = fmpq_mat([[int(v) for v in row] for row in groups]).inv()
            means = [[arb(rational(s) / rational(size)) for s in row] for row, size in zip(sums, sizes, strict=True)]
            if problem.k > 1:
                etas = [[value.log() - row[0].log() for value in row[1:]] for row in means]
            elif isinstance(problem.model.link, Probit):
                with mpmath.workdps(80):
                    quantiles = [
                        mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(s) / mpmath.mpf(w) - 1)
                        for s, w in zip(sums[:, 0], sizes, strict=True)
                    ]
                    etas = [[arb(mpmath.nstr(value, 70))] for value in quantiles]
            else:
                etas = [[problem.model.link(row[0], BALLS)] for row in means]
            exact = [
                sum((arb(inverse[j, g]) * etas[g][a] for g in range(len(groups))), arb(0))
                for a in range(problem.free_outputs)
                for j in range(problem.q)
            ]

        assert_encloses(enclose(problem), exact)

    @pytest.mark.parametrize("problem", [p for p in problems.ALL if p.name not in WIDEST], ids=str)
    def test_each_problem_is_proven(self, problem):
        optimum = enclose(problem)

        assert optimum.contraction < 0.01
        assert optimum.box in BOXES[:2]
        assert optimum.is_global is problem.model.is_log_concave
        assert (optimum.radius <= 1e-17 * np.abs(optimum.centre)).all()
        assert optimum.problem is problem
        for known in (problem.data.exact, problem.published and problem.data.exact):
            if known is not None:
                assert np.allclose(problem.free(known), optimum.centre, rtol=1e-14, atol=1e-15)

    def test_a_bad_start_ends_in_the_same_optimum(self):
        for bad in (Params([4.0], [[-3.0], [2.0]]), Params([-6.0], [[1.0], [5.0]]), Params([np.nan], [[0.0], [0.0]])):
            for key in ("planted", "exact"):
                assert_same(enclose(tiny(COUNTS)), enclose(tiny(COUNTS, **{key: bad})))

    def test_a_start_outside_the_domain_is_not_used(self):
        model = Model(Gamma(), Inverse())

        assert_same(enclose(tiny(model, "positive")), enclose(tiny(model, "positive", planted=Params([-1.0], [[0.0], [0.0]]))))

    def test_the_closed_form_is_the_start_before_the_planted_one(self, monkeypatch):
        exact, planted = Params([0.5], [[0.0], [0.0]]), Params([0.25], [[0.0], [0.0]])
        starts = []
        monkeypatch.setattr(likelihood, "score", lambda problem, params: starts.append(params) or np.zeros((3, 1)))

        for known in ({"exact": exact, "planted": planted}, {"planted": planted}, {}):
            problem = tiny(COUNTS, **known)
            enclosure.polish(problem)

        assert starts[:2] == [exact, planted]
        assert np.array_equal(starts[2].matrix, likelihood.null_params(tiny(COUNTS)).matrix)


def assert_same(one: Optimum, other: Optimum) -> None:
    """Two enclosures of one optimum overlap."""
    gap = (one.centre - other.centre) + (one.shift - other.shift)
    assert (np.abs(gap) <= one.radius + other.radius + 1e-22).all()


class TestRows:
    """Weights, trials and offset mean what they say."""

    def test_a_weight_is_a_row_so_many_times(self):
        copies = np.array([1, 2, 1, 3, 1, 1, 2, 1])
        rows = np.repeat(np.arange(8), copies)
        for model, y in ((COUNTS, "counts"), (OLS, "reals"), (Model(Gamma(), Log()), "positive")):
            column = np.array(Y[y], dtype=float)[:, None]
            assert_same(enclose(tiny(model, y, weights=copies)), enclose(Problem.of("rows", model, X[rows], column[rows])))
        assert_same(enclose(classes(weights=copies)), enclose(Problem.of("rows", SOFTMAX, X[rows], EYE[rows])))

    def test_trials_are_rows_of_their_own(self):
        trials, successes = np.array([4, 2, 4, 2, 3, 5, 8, 4]), np.array([1, 1, 3, 1, 1, 4, 2, 3])
        rows = np.repeat(np.arange(8), trials)
        single = np.concatenate([np.arange(t) < s for t, s in zip(trials, successes, strict=True)]).astype(float)

        together = enclose(Problem.of("shares", LOGISTIC, X, (successes / trials)[:, None], trials=trials, weights=np.full(8, 2)))
        one_by_one = enclose(Problem.of("single", LOGISTIC, X[rows], single[:, None]))

        gap = together.centre - one_by_one.centre + (together.shift - one_by_one.shift)
        assert np.abs(gap).max() < 1e-15  # 1/3 is no float64
        assert np.abs(gap).max() > 0

    def test_an_offset_moves_the_intercept_and_nothing_else(self):
        plain, moved = enclose(tiny(COUNTS)), enclose(tiny(COUNTS, offset=np.full((8, 1), 0.5)))
        assert np.allclose(plain.params.matrix - moved.params.matrix, [[0.5], [0], [0]], rtol=0, atol=1e-15)

        shifts = np.array([[0.25, 0.75, -1.0]]).repeat(8, axis=0)
        plain, moved = enclose(classes()), enclose(classes(offset=shifts))
        assert np.allclose(plain.centre - moved.centre, [[0.5, -1.25], [0, 0], [0, 0]], rtol=0, atol=1e-14)

    def test_rows_of_weight_zero_count_for_nothing(self):
        more = Problem.of(
            "more", COUNTS, np.vstack([X, X + 1]), np.array(2 * Y["counts"])[:, None], weights=[1.0] * 8 + [0.0] * 8
        )

        assert_same(enclose(tiny(COUNTS)), enclose(more))


# -- what is returned ----------------------------------------------------------------------------------------------------


class TestOptimum:
    def optimum(self, **changes) -> Optimum:
        problem = Problem.of("two", OLS, [[0.0], [1.0], [3.0]], [[1.0], [2.0], [5.0]])
        given = {
            "problem": problem,
            "centre": np.array([[1.0], [-2.0]]),
            "shift": np.array([[2.0**-60], [2.0**-10]]),
            "radius": np.array([[2.0**-70], [2.0**-40]]),
            "box": 2.0**-10,
            "contraction": 0.25,
            "is_global": True,
            "basis": np.array([[1.0, 2.0], [0.0, 4.0]]),
            "whiten": np.array([[0.5, 0.25], [0.0, 3.0]]),
        }
        return Optimum(**given | changes)

    def test_params_are_the_nearest_floats(self):
        assert self.optimum().params.matrix.tolist() == [[1], [-2 + 2.0**-10]]

    def test_distance_is_a_tight_upper_bound(self):
        optimum = self.optimum()
        for values in ([1.0, -2.0], [1 + 2.0**-30, -3.0], [0.0, -2 + 2.0**-10], [1e10, -1e-10]):
            exact = [
                abs(Fraction(v) - Fraction(c) - Fraction(s)) + Fraction(r)
                for v, c, s, r in zip(
                    values, *(a[:, 0].tolist() for a in (optimum.centre, optimum.shift, optimum.radius)), strict=True
                )
            ]
            bound = optimum.distance(Params([values[0]], [[values[1]]]))[:, 0]
            for found, least in zip(bound.tolist(), exact, strict=True):
                assert (
                    least
                    <= Fraction(found)
                    <= least * (1 + Fraction(1, 2**29)) + 3 * UNIT * max(abs(Fraction(v)) for v in values)
                )

    def test_distance_counts_the_rounding_of_the_difference(self):
        optimum = self.optimum(shift=np.zeros((2, 1)), radius=np.zeros((2, 1)))

        bound = optimum.distance(Params([4.0], [[-2.0]]))

        assert bound.tolist() == [[(3 + 6 * 2.0**-53) * (1 + 2.0**-30)], [0]]

    def test_magnitude_is_a_tight_lower_bound_and_never_negative(self):
        assert self.optimum().magnitude()[:, 0].tolist() == [
            1 - 2.0**-40 - 2.0**-60 - 2.0**-70,
            2 * (1 - 2.0**-40) - 2.0**-10 - 2.0**-40,
        ]
        assert self.optimum(radius=np.array([[1.5], [2.5]])).magnitude().tolist() == [[0], [0]]
        assert self.optimum(shift=np.array([[1.5], [0.5]])).magnitude()[:, 0].tolist() == [
            0,
            1.5 - 3 * 2.0**-40,
        ]

    def test_unit_standard_errors_are_the_lengths_of_the_rows_of_t(self):
        T = np.array([[1.0, 2.0], [0.0, 4.0]]) @ np.array([[0.5, 0.25], [0.0, 3.0]])

        assert self.optimum().unit_standard_errors.tolist() == pytest.approx(np.sqrt((T**2).sum(axis=1, keepdims=True)))

    @pytest.mark.parametrize("problem", TINY, ids=str)
    def test_standard_errors_are_the_roots_of_the_inverse_observed_information(self, problem):
        optimum = enclose(problem)
        free, step = optimum.centre + optimum.shift, 1e-5
        columns = []
        for a, j in np.ndindex(free.T.shape):
            move = np.zeros_like(free)
            move[j, a] = step
            columns.append(
                (likelihood.score(problem, problem.params(free - move)) - likelihood.score(problem, problem.params(free + move)))
                / (2 * step)
            )
        inverse = np.linalg.inv([column.T.ravel() for column in columns])
        mu = problem.model.link.inverse(problem.eta(optimum.params))
        phi = likelihood.dispersion(problem, mu)
        unit = np.sqrt(np.diag(inverse)).reshape(free.T.shape).T

        assert np.allclose(optimum.unit_standard_errors, unit, rtol=1e-7, atol=0)
        assert np.allclose(optimum.standard_errors, np.sqrt(phi) * unit, rtol=1e-7, atol=0)
        assert (phi == 1) is not problem.has_dispersion

    @pytest.mark.parametrize("problem", TINY, ids=str)
    def test_likelihood_gap_is_what_the_log_likelihood_falls(self, problem, rng):
        optimum = enclose(problem)
        away = 1e-3 * optimum.unit_standard_errors * rng.choice([-1, 1], size=optimum.centre.shape)
        params = problem.params(optimum.centre + away)

        lost = likelihood.log_likelihood(problem, optimum.params) - likelihood.log_likelihood(problem, params)

        assert type(optimum.likelihood_gap(params)) is float
        assert optimum.likelihood_gap(params) == pytest.approx(lost, rel=2e-2, abs=1e-13)
        assert optimum.likelihood_gap(optimum.params) < 1e-25

    def test_likelihood_gap_is_half_the_square_of_the_way_in_u(self):
        optimum = self.optimum(shift=np.array([[0.5], [0.25]]))
        T = optimum.basis @ optimum.whiten
        free = optimum.centre + optimum.shift + T @ [[2.0], [-4.0]]

        assert optimum.likelihood_gap(optimum.problem.params(free)) == pytest.approx(10)

    def test_an_optimum_says_where_it_is_the_only_one_and_how_well_it_is_known(self):
        assert str(self.optimum()) == "one optimum, the only one anywhere, known to 9e-13"
        assert str(self.optimum(is_global=False)) == "one optimum, the only one within 0.001 standard errors, known to 9e-13"

    def test_an_optimum_does_not_change_and_is_equal_to_itself_only(self):
        optimum = self.optimum()
        rows = enclosure.RowBalls([], np.empty(0), lambda move: (move, move))

        for record, name in ((optimum, "box"), (rows, "scores")):
            with pytest.raises(FrozenInstanceError):
                setattr(record, name, 1.0)
            assert record == record
            assert record != replace(record)
            assert len({record, replace(record)}) == 2

    def test_t_whitens_the_observed_information(self):
        for problem in TINY:
            optimum = enclose(problem)
            T = np.kron(np.eye(problem.free_outputs), optimum.basis) @ optimum.whiten
            if problem.model.is_canonical:
                information = likelihood.expected_information(problem, optimum.params)
                assert np.allclose(T.T @ information @ T, np.eye(len(T)), rtol=0, atol=1e-12)


class TestMeans:
    """The exact means are exact."""

    PARAMS = Params([0.3], [[-0.7], [0.2]])

    @pytest.mark.parametrize(
        ("link", "h"),
        [
            (Logit(), lambda eta: 1 / (1 + mpmath.exp(-eta))),
            (Probit(), mpmath.ncdf),
            (Cauchit(), lambda eta: mpmath.atan(eta) / mpmath.pi + mpmath.mpf(1) / 2),
            (CLogLog(), lambda eta: 1 - mpmath.exp(-mpmath.exp(eta))),
            (LogLog(), lambda eta: mpmath.exp(-mpmath.exp(-eta))),
        ],
        ids=lambda value: str(value) if isinstance(value, Link | Problem) else "by-formula",
    )
    def test_exact_mean_is_h_of_the_exact_eta(self, link, h):
        problem = tiny(Model(Binomial(), link), "shares", offset=np.array(OFFSET)[:, None])

        means = exact_mean(problem, self.PARAMS)

        assert [len(row) for row in means] == [1] * 8
        with mpmath.workdps(60), flint.ctx.workprec(200):
            for (mean,), x, o in zip(means, X.tolist(), OFFSET, strict=True):
                eta = mpmath.mpf(0.3) - mpmath.mpf(0.7) * x[0] + mpmath.mpf(0.2) * x[1] + o
                assert_is(mean, h(eta))

    def test_exact_mean_of_classes_is_softmax_less_class_zero(self):
        problem = classes(offset=ALL_OFFSETS)
        params = Params([0.5, 0.25, -0.75], [[0.125, 1.0, 2.0], [-0.5, 0.25, 0.0]])

        means = exact_mean(problem, params)

        with mpmath.workdps(60), flint.ctx.workprec(200):
            for row, x, o in zip(means, X.tolist(), ALL_OFFSETS.tolist(), strict=True):
                odds = [
                    mpmath.exp(mpmath.mpf(b) + s * x[0] + t * x[1] + off)
                    for b, s, t, off in zip(*params.matrix.tolist(), o, strict=True)
                ]
                for mean, value in zip(row, odds, strict=True):
                    assert_is(mean, value / sum(odds))

    def test_exact_mean_leaves_the_working_precision_as_it_was(self):
        with flint.ctx.workprec(61):
            exact_mean(tiny(COUNTS), self.PARAMS)
            enclose(tiny(COUNTS))
            assert flint.ctx.prec == 61


def assert_is(ball: arb, value: mpmath.mpf) -> None:
    """The ball holds the value and is good to 34 digits, and so is no better than 128 bits can be."""
    distance = abs(ball - arb(mpmath.nstr(value, 55)))
    assert float(distance.mid()) <= float(ball.rad()) + 1e-50
    assert 1e-41 < float(ball.rad()) / abs(float(value)) < 1e-34


# -- what makes it rigorous ----------------------------------------------------------------------------------------------


class TestBounds:
    @pytest.mark.parametrize("n", [1, 2, 3, 10, 1000, 10**6, 10**8])
    def test_gamma_bounds_the_error_of_n_operations_tightly(self, n):
        exact = n * UNIT / (1 - n * UNIT)

        assert exact < Fraction(gamma(n)) < exact * (1 + Fraction(1, 2**29))

    def test_up_adds_a_billionth(self):
        assert up(1.0) == 1 + 2.0**-30
        assert up(np.array([0.0, 3.0, 2.0**-500])).tolist() == [0, 3 * (1 + 2.0**-30), 2.0**-500 * (1 + 2.0**-30)]

    def test_constants_are_what_the_proof_says(self):
        assert (enclosure.PRECISION, enclosure.UNIT, BOXES) == (128, 2.0**-53, (2.0**-10, 2.0**-20, 2.0**-30))

    @pytest.mark.parametrize(
        ("problem", "curvature"),
        [
            (tiny(LOGISTIC, "shares", weights=WEIGHTS), lambda y, eta: eta.exp() / (1 + eta.exp()) ** 2),
            (tiny(COUNTS, weights=WEIGHTS), lambda y, eta: eta.exp()),
            (tiny(OLS, "reals", weights=WEIGHTS), lambda y, eta: arb(1)),
            (tiny(Model(Gamma(), Log()), "positive", weights=WEIGHTS), lambda y, eta: y * (-eta).exp()),
            (tiny(Model(Poisson(), Identity()), weights=WEIGHTS), lambda y, eta: y / eta**2),
            (tiny(Model(Gaussian(), Log()), "positive", weights=WEIGHTS), lambda y, eta: (2 * eta.exp() - y) * eta.exp()),
        ],
        ids=lambda value: str(value) if isinstance(value, Link | Problem) else "by-formula",
    )
    def test_curvature_of_a_row_lies_within_its_bound_wherever_eta_moves(self, problem, curvature, rng, precise):
        params = Params([1.5], [[0.25], [-0.375]])
        eta = problem.eta(params)[:, 0]
        with flint.ctx.workprec(enclosure.PRECISION):
            rows = enclosure.elementwise_rows(problem, [[arb(value)] for value in eta.tolist()])
        y, weights = problem.y[:, 0].tolist(), [arb(w) for w in WEIGHTS]

        for reach in (0.0, 1e-9, 0.25):
            move = reach * np.linspace(1, 0.5, 8)
            W, dW = rows.weights(move)
            assert W.shape == dW.shape == (8, 1, 1)
            assert (dW <= (40 * reach + 1e-14) * np.abs(W).max()).all()
            for at in (-1.0, 0.0, 1.0, *rng.uniform(-1, 1, 5)):
                for i in range(8):
                    true = weights[i] * curvature(y[i], arb(eta[i]) + arb(at) * move[i])
                    assert abs(true - arb(W[i, 0, 0])) <= arb(dW[i, 0, 0])

    def test_scores_of_the_rows_are_the_textbook_s(self, precise):
        for problem in TINY:
            free = np.where(np.arange(problem.q)[:, None] == 0, 1.5, 0.25) + np.zeros(problem.free_outputs)
            with flint.ctx.workprec(enclosure.PRECISION):
                eta = enclosure.exact_eta(problem, free)
                make = enclosure.softmax_rows if problem.k > 1 else enclosure.elementwise_rows
                mid, rad = enclosure.enclosed_score(problem, make(problem, eta).scores)
            exact = textbook_score(problem, [arb(value) for value in free.T.ravel().tolist()])
            assert mid.shape == rad.shape == (problem.q, problem.free_outputs)
            for value, centre, radius in zip(exact, mid.T.ravel().tolist(), rad.T.ravel().tolist(), strict=True):
                assert abs(value - arb(centre)) <= arb(radius) + arb(2) ** -200
            assert (rad <= 1e-15 * np.abs(mid) + 1e-30).all()
            assert (rad >= 2.0**-52 * np.abs(mid)).all()

    @pytest.mark.parametrize("problem", [classes(weights=WEIGHTS), TINY[-1]], ids=str)
    def test_curvature_of_a_row_of_classes_lies_within_its_bound_wherever_eta_moves(self, problem, rng, precise):
        k, m = problem.k, problem.free_outputs
        eta = rng.normal(size=(problem.n, m))
        rows = enclosure.softmax_rows(problem, [[arb(value) for value in row] for row in eta.tolist()])

        for reach in (0.0, 1e-9, 0.125):
            move = reach * np.linspace(1, 0.5, problem.n)
            W, dW = rows.weights(move)
            assert W.shape == dW.shape == (problem.n, m, m)
            assert np.allclose(dW, np.abs(W) * (np.expm1(4 * move) + 8 * (3 + m) * 2.0**-53)[:, None, None], rtol=1e-8, atol=0)
            for signs in (*rng.choice([-1.0, 1.0], size=(6, problem.n, m)), rng.uniform(-1, 1, size=(problem.n, m))):
                for i in range(problem.n):
                    odds = [arb(1), *((arb(e) + arb(s) * move[i]).exp() for e, s in zip(eta[i], signs[i], strict=True))]
                    mu = [value / sum(odds, arb(0)) for value in odds]
                    for a, b in np.ndindex(m, m):
                        true = arb(problem.row_weights[i, 0]) * (mu[a + 1] * ((a == b) - mu[b + 1]))
                        assert abs(true - arb(W[i, a, b])) <= arb(dW[i, a, b])
        assert k == m + 1

    def test_curvature_of_classes_keeps_the_digits_of_a_share_near_one(self, precise):
        rows = enclosure.softmax_rows(Problem.of("sure", SOFTMAX, [[0.0]], [[0.0, 1.0]]), [[arb(60)]])
        W, _ = rows.weights(np.zeros(1))
        odds = arb(60).exp()

        assert float(abs(arb(W[0, 0, 0]) / (odds / (1 + odds) ** 2) - 1)) < 1e-15

    def test_curvature_that_cannot_be_bounded_is_infinite(self):
        for problem in (
            tiny(LOGISTIC, "shares"),
            tiny(Model(Gamma(), Inverse()), "positive"),
            tiny(Model(Poisson(), Identity())),
            classes(),
        ):
            with flint.ctx.workprec(enclosure.PRECISION):
                make = enclosure.softmax_rows if problem.k > 1 else enclosure.elementwise_rows
                rows = make(problem, [[arb(1)] * problem.free_outputs] * 8)
            white = scoring.White.of(problem)
            whiten = np.eye(problem.q * problem.free_outputs)
            bound = enclosure.contraction_over(rows, np.full(8, 1e4), white.design, np.abs(white.design), whiten)
            assert not bound < 1

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_contraction_is_infinite_where_either_bound_is_not_finite(self, bad):
        one, broken = np.ones((2, 1, 1)), np.array([1.0, bad])[:, None, None]
        for W, dW in ((one, broken), (broken, one)):
            rows = enclosure.RowBalls([], np.empty(0), lambda move, W=W, dW=dW: (W, dW))
            assert enclosure.contraction_over(rows, np.zeros(2), np.ones((2, 1)), np.ones((2, 1)), np.ones((1, 1))) == np.inf

    @pytest.mark.parametrize("size", [2.0**-20, 2.0**-4])
    def test_contraction_of_one_parameter_is_what_the_exponential_makes_of_the_box(self, size):
        problem = Problem.of("intercept", COUNTS, np.empty((4, 0)), [[1.0], [2.0], [4.0], [5.0]])
        rows, white, whiten, reach = parts(problem, np.array([[np.log(3)]]))
        move = size * reach

        bound = enclosure.contraction_over(rows, move, white.design, np.abs(white.design), whiten)

        assert type(bound) is float
        assert np.expm1(move[0]) <= bound <= 6 * move[0] + 1e-8

    @pytest.mark.parametrize(
        "problem",
        [tiny(COUNTS), tiny(LOGISTIC, "shares", weights=WEIGHTS), classes(), tiny(Model(Gamma(), Log()), "positive")],
        ids=str,
    )
    @pytest.mark.parametrize("size", [2.0**-30, 2.0**-10, 2.0**-5])
    def test_contraction_bounds_the_distance_from_the_identity_at_points_of_the_box(self, problem, size, rng, precise):
        centre = enclose(problem).centre
        rows, white, whiten, reach = parts(problem, centre)
        bound = enclosure.contraction_over(rows, size * reach, white.design, np.abs(white.design) * (1 + 1e-13), whiten)
        m, q = problem.free_outputs, problem.q
        T = arb_mat(np.kron(np.eye(m), white.basis).tolist()) * arb_mat(whiten.tolist())

        largest = 0.0
        for _ in range(6):
            u = arb_mat(m * q, 1, [arb(value) * size for value in rng.choice([-1.0, 1.0], size=m * q)])
            free = [arb(value) for value in centre.T.ravel().tolist()]
            free = [value + move for value, move in zip(free, (T * u).entries(), strict=True)]
            residual = T.transpose() * information(problem, free) * T
            norms = [sum((abs(residual[i, j] - (i == j)) for j in range(m * q)), arb(0)) for i in range(m * q)]
            assert all(norm <= arb(bound) for norm in norms)
            largest = max(largest, *(float(norm) for norm in norms))

        W, dW = rows.weights(size * reach)
        plain, wide = likelihood.gram(np.abs(white.design), np.abs(W)), likelihood.gram(np.abs(white.design), np.abs(W) + dW)
        spread, extent = wide - plain, np.abs(whiten)
        least = (
            (np.abs(whiten.T @ likelihood.gram(white.design, W) @ whiten - np.eye(m * q)) + extent.T @ spread @ extent)
            .sum(axis=1)
            .max()
        )
        assert largest <= bound <= least * (1 + 1e-6) + 1e-8 * (extent.T @ plain @ extent).sum(axis=1).max()


def parts(problem: Problem, centre: np.ndarray):
    """The rows, the white design, T's second factor and how far each eta moves for |u| <= 1."""
    with flint.ctx.workprec(enclosure.PRECISION):
        eta = enclosure.exact_eta(problem, centre)
        rows = enclosure.softmax_rows(problem, eta) if problem.k > 1 else enclosure.elementwise_rows(problem, eta)
    white, m = scoring.White.of(problem), problem.free_outputs
    lower = linalg.cholesky(likelihood.gram(white.design, rows.weights(np.zeros(problem.n))[0]), lower=True)
    whiten = np.linalg.inv(lower).T
    reach = (np.abs(white.design) @ np.abs(whiten).sum(axis=1).reshape(m, -1).T).max(axis=1) * (1 + 1e-9)
    return rows, white, whiten, reach


def information(problem: Problem, free: list[arb]) -> arb_mat:
    """The observed information by the textbook: of the canonical models, and of the gamma with log link."""
    m, q = problem.free_outputs, problem.q
    total = arb_mat(m * q, m * q)
    for x, y, c in zip(problem.design.tolist(), problem.y.tolist(), problem.row_weights[:, 0].tolist(), strict=True):
        eta = [sum((free[a * q + j] * x[j] for j in range(q)), arb(0)) for a in range(m)]
        if problem.k > 1:
            odds = [arb(1), *(value.exp() for value in eta)]
            mu = [value / sum(odds, arb(0)) for value in odds[1:]]
            weights = [[mu[a] * ((a == b) - mu[b]) for b in range(m)] for a in range(m)]
        elif isinstance(problem.model.family, Gamma):
            weights = [[y[0] * (-eta[0]).exp()]]
        elif isinstance(problem.model.family, Poisson):
            weights = [[eta[0].exp()]]
        else:
            weights = [[eta[0].exp() / (1 + eta[0].exp()) ** 2]]
        for a, b, i, j in np.ndindex(m, m, q, q):
            total[a * q + i, b * q + j] += weights[a][b] * x[i] * x[j] * c
    return total


class TestSoundness:
    """What is spoiled inside the proof moves it, widens it, or refuses it; it is never passed over."""

    @pytest.fixture
    def spoil_score(self, monkeypatch):
        original = enclosure.enclosed_score

        def spoil(change):
            monkeypatch.setattr(enclosure, "enclosed_score", lambda problem, scores: change(*original(problem, scores)))

        return spoil

    @pytest.fixture
    def spoil_weights(self, monkeypatch):
        original = enclosure.elementwise_rows

        def spoil(change):
            def rows(problem, eta):
                right = original(problem, eta)
                near, _ = change(right.information, np.zeros_like(right.information))
                return replace(right, information=near, weights=lambda move: change(*right.weights(move)))

            monkeypatch.setattr(enclosure, "elementwise_rows", rows)

        return spoil

    def test_a_score_that_is_off_moves_the_enclosure_by_what_it_promises(self, spoil_score):
        problem, right = tiny(COUNTS), enclose(tiny(COUNTS))
        off = np.array([[1e-6], [-2e-6], [3e-6]])
        spoil_score(lambda mid, rad: (mid + off, rad))

        moved = enclose(problem)

        inverse = np.linalg.inv(likelihood.expected_information(problem, right.params))
        assert np.allclose(moved.shift - right.shift, inverse @ off, rtol=1e-8, atol=0)
        assert (np.abs(moved.shift - right.shift) > moved.radius + right.radius).all()

    def test_a_score_less_well_known_widens_the_enclosure(self, spoil_score):
        right = enclose(tiny(COUNTS))
        spoil_score(lambda mid, rad: (mid, rad + 1e-9))

        wide = enclose(tiny(COUNTS))

        T = np.abs(right.basis @ right.whiten)
        least = T @ T.T @ np.full((3, 1), 1e-9)
        assert (wide.radius > 0.99e-9 * np.diag(T @ T.T)[:, None]).all()
        assert (wide.radius < 20 * least).all()

    def test_a_step_that_is_too_long_is_not_proven(self, spoil_score):
        spoil_score(lambda mid, rad: (mid + 5.0, rad))
        message = (
            r"^precondition failed: not proven: tiny poisson-log: the score at the best point found promises a step of "
            r"[\d.]+ standard errors, but the box of four times that does not contract \(kappa = [\d.e+]+\)\.$"
        )

        with pytest.raises(NotProven, match=message) as caught:
            enclose(tiny(COUNTS))

        assert caught.value.which == "not proven"

    def test_a_curvature_less_well_known_shrinks_the_box_and_then_refuses(self, spoil_weights):
        sizes = {}
        for extra in (1e-3, 0.02, 1.0):
            spoil_weights(lambda W, dW, extra=extra: (W, dW + extra * W))
            try:
                sizes[extra] = enclose(tiny(COUNTS)).contraction
            except NotProven as error:
                sizes[extra] = str(error)

        assert sizes[1e-3] < sizes[0.02] < 1
        assert sizes[1e-3] > 1e-3
        assert "does not contract" in sizes[1.0]

    def test_a_box_is_proven_where_it_is_mapped_into_its_interior(self, monkeypatch):
        for contraction, proven in ((0.0, True), (0.74, True), (0.76, False), (0.99, False), (1.0, False), (np.nan, False)):
            monkeypatch.setattr(enclosure, "contraction_over", lambda *args, contraction=contraction: contraction)
            if proven:
                assert enclose(tiny(COUNTS)).contraction == contraction
            else:
                with pytest.raises(NotProven, match=r"does not contract"):
                    enclose(tiny(COUNTS))

    def test_every_rounding_is_counted_in_the_radius(self, monkeypatch, spoil_score):
        asked = []
        monkeypatch.setattr(enclosure, "gamma", lambda n: n * 1e-3)
        monkeypatch.setattr(enclosure, "contraction_over", lambda *args: asked.append(args) or 0.125)
        score, radius = np.array([[3e-5], [-2e-5], [1e-5]]), np.array([[1e-6], [2e-6], [4e-6]])
        spoil_score(lambda mid, rad: (score, radius))
        problem = tiny(COUNTS)

        optimum = enclose(problem)

        B, W = np.abs(optimum.basis), np.abs(optimum.whiten)
        white = enclosure.white_at(problem, problem.params(optimum.centre))
        newton = optimum.whiten.T @ optimum.basis.T @ score
        error = W.T @ B.T @ (radius + 8e-3 * np.abs(score))
        first = (np.abs(newton) + error).max()
        rest = error + 0.125 * first / 0.875 + 8e-3 * np.abs(newton)
        assert np.allclose(optimum.radius, B @ W @ rest, rtol=1e-7, atol=0)
        assert np.allclose(optimum.shift, optimum.basis @ optimum.whiten @ newton, rtol=1e-7, atol=0)
        bound = np.abs(white.design) + 3e-3 * np.abs(problem.design) @ B
        reach = bound @ W.sum(axis=1)
        for size, (_, move, design, design_bound, whiten, _) in zip((4 * first, BOXES[0]), asked, strict=True):
            assert np.allclose(move, reach * size, rtol=1e-7, atol=0)
            assert (move >= reach * size).all()
            assert np.array_equal(design, white.design)
            assert np.allclose(design_bound, bound, rtol=1e-7, atol=0)
            assert (design_bound >= bound).all()
            assert whiten is optimum.whiten

    def test_every_rounding_is_counted_in_the_contraction(self, monkeypatch, rng):
        monkeypatch.setattr(enclosure, "gamma", lambda n: n * 1e-3)
        design, whiten = rng.normal(size=(5, 2)), np.array([[1.0, 0.5], [0.0, -2.0]])
        W, dW = rng.normal(size=(5, 1, 1)), rng.uniform(0.1, 0.2, size=(5, 1, 1))
        bound = np.abs(design) + 0.25

        found = enclosure.contraction_over(
            enclosure.RowBalls([], np.empty(0), lambda move: (W, dW)), np.zeros(5), design, bound, whiten
        )

        def gram(X, weights):
            return np.einsum("ni,n,nj->ij", X, weights[:, 0, 0], X)

        widest, J = gram(bound, np.abs(W) + dW), gram(design, W)
        error = widest - gram(np.abs(design), np.abs(W)) + 4 * 9e-3 * widest + 2 * 4e-3 * np.abs(J)
        total = np.abs(whiten.T @ J @ whiten - np.eye(2)) + np.abs(whiten).T @ error @ np.abs(whiten)
        assert found == pytest.approx(total.sum(axis=1).max(), rel=1e-7)
        assert found > total.sum(axis=1).max()

    def test_a_curvature_that_is_off_after_the_first_look_is_in_the_contraction(self, monkeypatch):
        original = enclosure.elementwise_rows

        def rows(problem, eta):
            right = original(problem, eta)
            return replace(
                right, weights=lambda move: tuple(part * (1.0 if (move == 0).all() else 1.25) for part in right.weights(move))
            )

        monkeypatch.setattr(enclosure, "elementwise_rows", rows)

        assert enclose(tiny(COUNTS)).contraction == pytest.approx(0.25, rel=1e-3)

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_a_curvature_that_is_no_number_is_not_proven(self, spoil_weights, bad):
        spoil_weights(lambda W, dW: (W, dW + bad))

        with pytest.raises(NotProven, match=r"\(kappa = inf\)\.$"):
            enclose(tiny(COUNTS))

    @pytest.mark.parametrize("limit", [2.0**-9, 2.0**-15, 2.0**-25, 2.0**-35])
    def test_the_box_is_the_widest_that_contracts(self, monkeypatch, limit):
        original = enclosure.elementwise_rows
        problem = Problem.of("intercept", COUNTS, np.empty((4, 0)), [[1.0], [2.0], [4.0], [5.0]])
        reach = parts(problem, np.array([[np.log(3)]]))[3].max()

        def rows(problem, eta):
            right = original(problem, eta)
            return replace(
                right,
                weights=lambda move: tuple(
                    part * (1.0 if move.max() <= limit * reach else np.inf) for part in right.weights(move)
                ),
            )

        monkeypatch.setattr(enclosure, "elementwise_rows", rows)

        box = enclose(problem).box

        assert box == max((b for b in BOXES if b < limit), default=box)
        assert box <= limit
        if limit < BOXES[-1]:
            assert 2.0**-60 <= box < 2.0**-40  # four times the step that is left, or 2^-60

    def test_a_curvature_that_is_negative_is_not_proven(self, spoil_weights):
        spoil_weights(lambda W, dW: (-W, dW))
        message = r"the observed information is not positive definite at the best point found\."

        with pytest.raises(NotProven, match=f"^precondition failed: not proven: tiny poisson-log: {message}$"):
            enclose(tiny(COUNTS))

    def test_an_exact_score_of_zero_leaves_a_box_all_the_same(self, monkeypatch):
        problem = Problem.of("exact", OLS, np.empty((3, 0)), [[1.0], [2.0], [3.0]])
        optimum = enclose(problem)

        assert optimum.centre.tolist() == [[2]]
        assert (optimum.shift, optimum.radius) == (0, 0)
        monkeypatch.setattr(enclosure, "contraction_over", lambda rows, move, *more: 0.0 if move.max() < 2.0**-50 else 1.0)
        assert enclose(problem).box == 2.0**-60


# -- preconditions -------------------------------------------------------------------------------------------------------


SHARES_OF_A_LINE = (Logit(), Probit(), CLogLog(), LogLog(), Cauchit())
NEGATIVE_BINOMIAL, TWEEDIE = Model(NegativeBinomial(0.5), Log()), Model(Tweedie(1.5), Log())


class TestSeparation:
    """Separated data are called separated, how far, and nothing else is."""

    @pytest.mark.parametrize(
        ("problem", "rows"),
        [
            *((Problem.of(f"{link}", Model(Binomial(), link), LADDER, HALVES), 6) for link in SHARES_OF_A_LINE),
            (Problem.of("all ones", LOGISTIC, LADDER, np.ones((6, 1))), 6),
            (Problem.of("all zeros", LOGISTIC, LADDER, np.zeros((6, 1))), 6),
            (Problem.of("tiny units", LOGISTIC, LADDER * 1e-9, HALVES), 6),
            (Problem.of("huge units", LOGISTIC, LADDER * 1e9, HALVES), 6),
            (Problem.of("falling", LOGISTIC, -LADDER, HALVES), 6),
            (Problem.of("but for weight zero", LOGISTIC, LADDER, column(1, 0, 0, 1, 1, 1), weights=[0.0, 1, 1, 1, 1, 1]), 5),
            (Problem.of("counts that are all zero", COUNTS, LADDER, np.zeros((6, 1))), 6),
            (Problem.of("three classes", SOFTMAX, LADDER, np.eye(3)[[0, 0, 1, 1, 2, 2]]), 6),
        ],
        ids=str,
    )
    def test_completely_separated_data_are_called_so_and_have_no_optimum(self, problem, rows):
        self.assert_separated(problem, "completely", rows)

    @pytest.mark.parametrize(
        ("problem", "rows"),
        [
            (Problem.of("a tie", LOGISTIC, column(0, 1, 1, 2), column(0, 0, 1, 1)), 2),
            (Problem.of("one group all ones", LOGISTIC, HALVES, column(0, 1, 0, 1, 1, 1)), 3),
            (Problem.of("shares of one", LOGISTIC, HALVES, column(0.5, 0.25, 0.5, 1, 1, 1), trials=[4.0] * 6), 3),
            (Problem.of("shares of zero", LOGISTIC, HALVES, column(0.5, 0.25, 0.5, 0, 0, 0), trials=[4.0] * 6), 3),
            (Problem.of("counts", COUNTS, HALVES, column(0, 0, 0, 1, 2, 1)), 3),
            (Problem.of("negative binomial", NEGATIVE_BINOMIAL, HALVES, column(0, 0, 0, 1, 2, 1)), 3),
            (Problem.of("tweedie", TWEEDIE, HALVES, column(0, 0, 0, 1, 2.5, 1)), 3),
            (Problem.of("an empty class", SOFTMAX, LADDER, np.eye(3)[[0, 1, 0, 1, 0, 1]]), 6),
            (Problem.of("an empty baseline", SOFTMAX, LADDER, np.eye(3)[[1, 2, 1, 2, 1, 2]]), 6),
            (Problem.of("shares of classes", SOFTMAX, LADDER[:2], [[0.5, 0.5, 0.0], [0.25, 0.75, 0.0]], trials=[4.0, 4]), 2),
        ],
        ids=str,
    )
    def test_data_with_ties_are_called_quasi_completely_separated(self, problem, rows):
        self.assert_separated(problem, "quasi-completely", rows)

    def assert_separated(self, problem, kind, rows):
        said = separation(problem)

        assert said.startswith(f"the data are {kind} separated: ")
        assert len(separating(problem).rows) == rows
        with pytest.raises(
            PreconditionFailed, match=f"^{re.escape(f'precondition failed: separated: {problem}: {said}')}$"
        ) as caught:
            enclose(problem)
        assert caught.value.which == "separated"
        assert not isinstance(caught.value, NotProven)

    @pytest.mark.parametrize(
        "problem",
        [
            *(Problem.of(f"{link}", Model(Binomial(), link), LADDER, OVERLAP) for link in SHARES_OF_A_LINE),
            Problem.of("in huge units", LOGISTIC, LADDER * 1e9, OVERLAP),
            Problem.of("shares", LOGISTIC, LADDER, np.arange(1, 7)[:, None] / 8, trials=[8.0] * 6),
            Problem.of("counts", COUNTS, HALVES, column(0, 0, 1, 0, 2, 1)),
            Problem.of("counts without zeros", COUNTS, LADDER, LADDER + 1),
            Problem.of("tweedie", TWEEDIE, HALVES, column(0, 0, 1.5, 0, 2, 1)),
            Problem.of("classes", SOFTMAX, LADDER, np.eye(3)[[0, 1, 2, 2, 1, 0]]),
            Problem.of(
                "shares of classes", SOFTMAX, LADDER[:3], np.array([[6, 3, 1], [3, 6, 1], [4, 2, 4]]) / 10, trials=[10.0] * 3
            ),
            tiny(OLS, "reals"),
            tiny(Model(Gamma(), Log()), "positive"),
            *TINY[:4],
        ],
        ids=str,
    )
    def test_data_that_overlap_are_not_called_separated(self, problem):
        assert separation(problem) is None
        assert enclose(problem).contraction < 1

    def test_models_whose_eta_is_bounded_are_not_asked(self):
        assert separation(Problem.of("log", Model(Binomial(), Log()), LADDER, HALVES)) is None
        assert separation(Problem.of("identity", Model(Poisson(), Identity()), HALVES, column(0, 0, 0, 1, 2, 1))) is None
        assert separation(Problem.of("gaussian", Model(Gaussian(), Log()), LADDER, HALVES)) is None

    def test_a_boundary_without_separation_is_not_proven(self):
        problem = Problem.of("at the boundary", Model(Poisson(), Identity()), LADDER, [[0.0], [0.0], [0.0], [5.0], [9.0], [20.0]])

        with pytest.raises(NotProven, match=r"^precondition failed: not proven: at the boundary: "):
            enclose(problem)

    def test_data_without_parameters_inside_the_domain_are_told_so(self):
        problem = Problem.of(
            "no start", Model(Gamma(), Inverse()), [[1.0], [-0.125], [1.0]], [[1.0], [2.0], [1.0]], intercept=False
        )

        with pytest.raises(PreconditionFailed, match=r"^precondition failed: edge: no start: no parameters give each row a mean"):
            enclose(problem)

    @pytest.mark.parametrize(
        ("seen", "other", "move"),
        [(0, 1, [-1, -2, 0, 0]), (1, 0, [1, 2, 0, 0]), (1, 2, [1, 2, -1, -2]), (2, 0, [0, 0, 1, 2])],
    )
    def test_a_comparison_is_of_the_free_parameters_class_after_class(self, seen, other, move):
        assert existence._contrast(np.array([1.0, 2.0]), seen, other, 3).tolist() == move


class TestRank:
    """The columns that leave the parameters undetermined are named."""

    @pytest.mark.parametrize(
        ("X", "more", "message"),
        [
            ([[0.0, 1.0], [0.0, 2.0], [0.0, 4.0]], {}, "column x1 is all zeros. Drop it."),
            (
                [[1.0, 0.0], [2.0, 0.0], [4.0, 0.0]],
                {"intercept": False, "columns": ("a", "b")},
                "column b is all zeros. Drop it.",
            ),
            ([[1.0, 1.0], [0.0, 2.0]], {}, "2 rows cannot determine 3 coefficients. Add rows or drop columns."),
            (
                [[1.0, 1.0], [0.0, 2.0], [4.0, 1.0], [3.0, 3.0]],
                {"weights": [1, 0, 1, 0]},
                "2 rows cannot determine 3 coefficients. Add rows or drop columns.",
            ),
            (
                [[1.0], [0.0], [0.0]],
                {"weights": [0, 1, 1]},
                "column x1 is all zeros in the rows that count, whose weight is not 0. Drop it.",
            ),
        ],
    )
    def test_zero_columns_and_too_few_rows_are_named(self, X, more, message):
        problem = Problem.of("bad", OLS, X, np.arange(len(X))[:, None], **more)

        assert rank_deficiency(problem) == message
        for function in (check, enclose):
            with pytest.raises(
                PreconditionFailed, match=f"^{re.escape(f'precondition failed: rank: bad: {message}')}$"
            ) as caught:
                function(problem)
            assert caught.value.which == "rank"

    @pytest.mark.parametrize(
        ("X", "intercept", "involved"),
        [
            ([[1.0, 2.0, 5.0], [3.0, 6.0, -1.0], [-1.0, -2.0, 2.0], [0.0, 0.0, 4.0], [1.0, 2.0, 3.0]], True, "x1, x2"),
            ([[1.0, 2.0, 5.0], [3.0, 6.0, -1.0], [-1.0, -2.0, 2.0], [0.0, 0.0, 4.0], [1.0, 2.0, 3.0]], False, "x1, x2"),
            (
                [[1.0, 0.0, 5.0], [0.0, 1.0, -1.0], [1.0, 0.0, 2.0], [0.0, 1.0, 4.0], [1.0, 0.0, 3.0]],
                True,
                "the intercept, x1, x2",
            ),
            ([[1e-8, 1e8], [2e-8, 2e8], [5e-8, 5e8]], False, "x1, x2"),
        ],
    )
    def test_dependent_columns_are_named(self, X, intercept, involved):
        problem = Problem.of("dependent", OLS, X, np.arange(len(X))[:, None], intercept)
        message = rf"^the columns {involved} are linearly dependent \(condition number (\de\+\d+|inf)\)\. Drop one of them\.$"

        assert re.match(message, rank_deficiency(problem))

    def test_columns_may_differ_in_units_and_be_nearly_dependent(self):
        for gap, determined in ((1e-12, True), (1e-17, False)):
            columns = np.array([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0 + 1e3 * gap], [3.0, 3.0]]) * [1e-12, 1e9]
            assert (rank_deficiency(Problem.of("near", OLS, columns, [[1.0], [2.0], [3.0], [5.0]])) is None) is determined
        assert check(tiny(COUNTS)) is None

    def test_saturated_designs_are_determined(self):
        assert rank_deficiency(Problem.of("saturated", OLS, [[0.0], [1.0]], [[1.0], [2.0]])) is None


def test_a_fit_that_did_not_converge_fails_a_precondition():
    class Fit:
        converged, iterations, reason = False, 17, "the steps still shrink"

    message = (
        "precondition failed: convergence: tiny poisson-log: the fit did not converge after 17 iterations: the steps still shrink"
    )
    with pytest.raises(PreconditionFailed, match=f"^{re.escape(message)}$") as caught:
        check_fit(tiny(COUNTS), Fit())
    assert caught.value.which == "convergence"

    Fit.converged = True
    assert check_fit(tiny(COUNTS), Fit()) is None
