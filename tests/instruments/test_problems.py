"""
The problems are what they say: planted where they say planted, closed where they say closed, printed where they say printed.

What is printed is checked in ball arithmetic of 200 bits: Newton's iteration from the printed coefficients, on the
formulas of `spec.links` and `spec.families` alone, and then digit by digit.
"""

import importlib.util
import re
from collections import Counter
from dataclasses import FrozenInstanceError, replace
from decimal import Decimal
from fractions import Fraction
from math import log, sqrt
from pathlib import Path

import flint
import numpy as np
import pytest

from spec import problems
from spec.families import Binomial, Gamma, Gaussian, Multinomial, NegativeBinomial, Poisson
from spec.links import Identity, Inverse, Log, Logit, Probit, Softmax
from spec.model import PAIRS, Model, Params
from spec.problems import Data, Problem, ProblemError, Published, by_construction
from spec.problems.by_construction import DISPERSION, ETA_RANGE, GRID, PARAMETER_GRID
from spec.problems.published import FOLDER, MODECHOICE
from spec.problems.published.data import DELTA
from spec.problems.published.loader import answer
from spec.problems.published.loader import read as read_published

EPS = np.finfo(float).eps
BY_HAND = problems.where(kind="by-hand")
BY_CONSTRUCTION = problems.where(kind="by-construction")
PUBLISHED = problems.where(kind="published")
PLANTED_PAIRS = problems.where(tag="pair")
PLANTED_CLASSES = [problem for problem in BY_CONSTRUCTION if isinstance(problem.model.family, Binomial | Multinomial)]
PLANTED_SOFTMAX = problems.where(kind="by-construction", family=Multinomial)

OLS, COUNTS, LOGISTIC = Model(Gaussian(), Identity()), Model(Poisson(), Log()), Model(Binomial(), Logit())
SOFTMAX = Model(Multinomial(), Softmax())


def score(problem: Problem, params: Params) -> tuple[np.ndarray, np.ndarray]:
    """The score in each parameter of each output, and the sum of the absolute values of its terms."""
    model, eta = problem.model, problem.eta(params)
    mu = model.link.inverse(eta)
    residual = problem.row_weights * (problem.y - mu)
    if not isinstance(model.link, Softmax):
        residual = residual * model.link.inverse_derivative(eta) / model.family.variance(mu)
    return problem.design.T @ residual, np.abs(problem.design.T) @ (np.abs(residual) + np.abs(problem.row_weights * mu))


class TestRegistry:
    def test_names_are_unique_and_ascii_and_every_problem_says_what_it_is_about(self):
        names = [problem.name for problem in problems.ALL]

        assert len(set(names)) == len(names)
        for problem in problems.ALL:
            assert problem.name.isascii()
            assert problem.name == problem.name.strip().lower().replace(" ", "-") != ""
            assert problem.about == problem.about.strip() != ""
            assert "\n" not in problem.about

    def test_kinds_come_in_reading_order(self):
        assert [problem.kind for problem in problems.ALL] == (
            ["by-hand"] * len(BY_HAND) + ["by-construction"] * len(BY_CONSTRUCTION) + ["published"] * len(PUBLISHED)
        )

    @pytest.mark.parametrize("problem", problems.ALL, ids=str)
    def test_every_problem_loads_and_is_valid(self, problem):
        assert problem.X.shape == (problem.n, problem.p)
        assert problem.y.shape == (problem.n, problem.k)
        assert problem.design.shape == (problem.n, problem.q)
        assert problem.q == problem.p + problem.intercept
        assert problem.trials.shape == problem.row_weights.shape == (problem.n, 1)
        assert len(problem.data.columns) == len(set(problem.data.columns)) == problem.p
        assert problem.free_outputs == (problem.k - 1 if isinstance(problem.model.family, Multinomial) else 1)
        assert problem.model.family.response_domain.contains(problem.y).all()
        assert np.linalg.matrix_rank(problem.design / np.linalg.norm(problem.design, axis=0)) == problem.q

    @pytest.mark.parametrize("problem", problems.ALL, ids=str)
    def test_every_array_is_read_only(self, problem):
        for name in ("X", "y", "offset", "weights", "trials"):
            array = getattr(problem.data, name)
            if array is not None:
                assert array.dtype == np.float64
                with pytest.raises(ValueError, match="read-only"):
                    array[...] = 0

    def test_where_asks_by_everything_named(self):
        found = problems.where(family=Binomial, link=Logit, kind="published", tag="trials")

        assert [str(problem) for problem in found] == ["star98"]
        assert problems.where() == list(problems.ALL)
        assert all(isinstance(problem.model.family, Gamma) for problem in problems.where(family=Gamma))
        assert all(isinstance(problem.model.link, Inverse) for problem in problems.where(link=Inverse))
        assert {problem.kind for problem in problems.where(family=Gamma)} == {"by-hand", "by-construction", "published"}

    def test_where_refuses_to_find_nothing(self):
        with pytest.raises(
            LookupError, match=r"^no problem has family=.*Gamma'>, link=.*Probit'>, kind=given, tag=odd; the names are \['by-"
        ):
            problems.where(family=Gamma, link=Probit, kind="given", tag="odd")

    def test_get_is_by_name(self):
        names = r"\['by-hand-gaussian-identity-.*'multinomial-softmax-far'\]"
        assert problems.get("longley").name == "longley"
        with pytest.raises(LookupError, match=rf"^no problem is called 'long'; the names are {names}$"):
            problems.get("long")


# the formulas of the answers, number by number: rows are parameters (the intercept first), columns output neurons
CLOSED_FORMS = {
    "by-hand-gaussian-identity-intercept-only": [2],
    "by-hand-binomial-logit-intercept-only": [log(3 / 5)],
    "by-hand-poisson-log-intercept-only": [log(17 / 6)],
    "by-hand-gamma-inverse-intercept-only": [1 / 3],
    "by-hand-gamma-log-intercept-only": [log(3)],
    "by-hand-inverse-gaussian-inverse-squared-intercept-only": [1 / 9],
    "by-hand-negative-binomial(0.5)-log-intercept-only": [log(3)],
    "by-hand-negative-binomial(0.5)-negative-binomial-link(0.5)-intercept-only": [log(3 / 5)],
    "by-hand-tweedie(1.5)-log-intercept-only": [log(2)],
    "by-hand-tweedie(1.5)-power(-0.5)-intercept-only": [1 / sqrt(2)],
    "by-hand-multinomial-softmax-intercept-only": [[0, log(3 / 4), log(1 / 4), log(2 / 4)]],
    "by-hand-binomial-logit-two-groups": [log(2 / 6), log(3 / 2) - log(2 / 6)],
    "by-hand-binomial-probit-two-groups": [-0.6744897501960817, 0.25334710313579976 + 0.6744897501960817],
    "by-hand-poisson-log-two-groups": [log(6 / 4), log(5 / 1.5)],
    "by-hand-gaussian-identity-two-groups": [2, 4],
    "by-hand-gamma-inverse-two-groups": [1 / 3, 1 / 5 - 1 / 3],
    "by-hand-multinomial-softmax-two-groups": [
        [0, log(2 / 3), log(1 / 3)],
        [0, log((3 / 1) / (2 / 3)), log((4 / 1) / (1 / 3))],
    ],
    "by-hand-poisson-log-saturated-2x3": [
        log(4),
        log(3 / 4),
        log(7 / 4),
        log(2 / 4),
        log(11 * 4 / (3 * 7)),
        log(8 * 4 / (3 * 2)),
    ],
    "by-hand-binomial-logit-saturated-2x2": [
        log(3 / 5),
        log((20 / 12) / (3 / 5)),
        log((5 / 11) / (3 / 5)),
        log((1 / 3) * (3 / 5) / ((20 / 12) * (5 / 11))),
    ],
    "by-hand-poisson-log-independence-2x2": [log(18 * 32 / 43), log(25 / 18), log(11 / 32)],
    "by-hand-poisson-log-weights": [log((3 * 2 + 1 * 4 + 6 * 3) / 10)],
    "by-hand-gamma-log-weights": [log((1 * 2 + 4 + 2 * 3) / 6), log((3 + 8 + 5 * 4 + 6 * 2) / 8) - log(2)],
    "by-hand-poisson-log-offset": [log(14 / 19)],
}


class TestByHand:
    def test_every_problem_has_its_formula_here(self):
        assert [problem.name for problem in BY_HAND] == list(CLOSED_FORMS)

    @pytest.mark.parametrize("problem", BY_HAND, ids=str)
    def test_the_exact_answer_is_the_formula(self, problem):
        expected = np.reshape(CLOSED_FORMS[problem.name], (1 + problem.p, problem.k))

        assert np.allclose(problem.data.exact.matrix, expected, rtol=8 * EPS, atol=4 * EPS)

    @pytest.mark.parametrize("problem", BY_HAND, ids=str)
    def test_the_score_vanishes_at_the_exact_answer(self, problem):
        value, size = score(problem, problem.data.exact)

        assert (np.abs(value) <= 16 * EPS * size).all()

    @pytest.mark.parametrize("problem", [p for p in BY_HAND if not p.tags & {"offset", "independence-2x2"}], ids=str)
    def test_each_group_is_fitted_by_its_weighted_mean(self, problem):
        mu = problem.model.link.inverse(problem.eta(problem.data.exact))
        for row in np.unique(problem.design, axis=0):
            group = (problem.design == row).all(axis=1)
            mean = np.average(problem.y[group], axis=0, weights=problem.row_weights[group, 0])
            assert np.allclose(mu[group], mean, rtol=16 * EPS, atol=0)

    def test_a_table_of_independence_is_fitted_by_its_margins(self):
        problem = problems.get("by-hand-poisson-log-independence-2x2")
        fitted = problem.model.link.inverse(problem.eta(problem.data.exact)).reshape(2, 2)
        counts = problem.y.reshape(2, 2)

        assert np.allclose(fitted, np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum(), rtol=16 * EPS)
        assert problem.data.columns == ("row", "column")

    @pytest.mark.parametrize("problem", BY_HAND, ids=str)
    def test_an_optimum_exists_because_every_mean_is_inside_the_domain(self, problem):
        mu = problem.model.link.inverse(problem.eta(problem.data.exact))

        assert problem.model.family.mu_domain.contains(mu).all()
        assert problem.intercept
        assert problem.n <= 14
        assert "=" in problem.about

    def test_the_tags_say_what_is_special(self):
        assert Counter(tag for problem in BY_HAND for tag in problem.tags) == {
            "intercept-only": 13,
            "two-groups": 7,
            "saturated": 2,
            "saturated-2x2": 1,
            "saturated-2x3": 1,
            "independence-2x2": 1,
            "weights": 2,
            "offset": 1,
            "trials": 1,
        }
        assert all((problem.p == 0) == ("intercept-only" in problem.tags) for problem in BY_HAND)
        assert all((problem.data.weights is not None) == ("weights" in problem.tags) for problem in BY_HAND)
        assert all((problem.data.trials is not None) == ("trials" in problem.tags) for problem in BY_HAND)
        assert all((problem.offset is not None) == ("offset" in problem.tags) for problem in BY_HAND)

    def test_the_columns_have_names(self):
        columns = {problem.data.columns for problem in problems.where(kind="by-hand", tag="two-groups")}

        assert columns == {("group",)}
        assert problems.get("by-hand-poisson-log-saturated-2x3").data.columns == ("a", "b1", "b2", "a:b1", "a:b2")
        assert problems.get("by-hand-binomial-logit-saturated-2x2").data.columns == ("a", "b", "a:b")


def on_grid(values: np.ndarray, grid: float) -> bool:
    return bool((values / grid == np.round(values / grid)).all())


class TestByConstruction:
    def test_there_is_one_for_each_pair_of_family_and_link(self):
        assert [problem.model for problem in PLANTED_PAIRS] == list(PAIRS)
        assert [problem.name for problem in PLANTED_PAIRS] == [str(model) for model in PAIRS]
        assert set(ETA_RANGE) == {str(model) for model in PAIRS}

    def test_sizes(self):
        sizes = {p.name: (p.n, p.p, p.k, p.condition, sorted(p.tags)) for p in BY_CONSTRUCTION if p not in PLANTED_PAIRS}

        assert {(p.n, p.p, p.k, p.condition, p.tags) for p in PLANTED_PAIRS} == {(1000, 3, 1, 4.0, frozenset({"pair"}))}
        assert sizes == {
            "logistic-4-colours": (1000, 4, 1, 4.0, ["width"]),
            "logistic-1-column": (1000, 1, 1, 1.0, ["width"]),
            "logistic-32-columns": (4096, 32, 1, 1.0, ["width"]),
            "logistic-512-columns": (4096, 512, 1, 1.0, ["wide", "width"]),
            "softmax-32-to-16": (4096, 32, 16, 1.0, ["keras-sentence"]),
            "softmax-3-to-3": (1000, 3, 3, 4.0, ["small"]),
            "softmax-8-to-5": (1000, 8, 5, 4.0, ["small"]),
            "softmax-4-to-2": (1000, 4, 2, 4.0, ["small", "two-classes"]),
        }

    def test_columns_are_numbered_unless_named(self):
        assert problems.get("logistic-4-colours").data.columns == ("blue", "red", "purple", "grey")
        assert problems.get("softmax-3-to-3").data.columns == ("x1", "x2", "x3")

    @pytest.mark.parametrize("problem", BY_CONSTRUCTION, ids=str)
    def test_the_condition_number_is_the_stated_one(self, problem):
        singular = np.sqrt(np.linalg.eigvalsh(problem.design.T @ problem.design / problem.n))

        assert singular[-1] == pytest.approx(1, rel=1e-3)
        assert singular[-1] / singular[0] == pytest.approx(problem.condition, rel=1e-3)

    @pytest.mark.parametrize("problem", BY_CONSTRUCTION, ids=str)
    def test_eta_is_exact_in_whatever_order_it_is_summed(self, problem):
        planted = problem.data.planted
        eta = problem.eta(planted)
        backwards = planted.intercept + problem.X[:, ::-1] @ planted.coef[::-1]
        one_by_one = planted.intercept + sum(problem.X[:, [j]] * planted.coef[j] for j in reversed(range(problem.p)))

        assert (eta == backwards).all()
        assert (eta == one_by_one).all()
        for i in (0, problem.n // 2, problem.n - 1):
            for a in range(problem.k):
                terms = (Fraction(x) * Fraction(b) for x, b in zip(problem.X[i], planted.coef[:, a], strict=True))
                assert Fraction(eta[i, a]) == Fraction(planted.intercept[a]) + sum(terms)

    @pytest.mark.parametrize("problem", BY_CONSTRUCTION, ids=str)
    def test_entries_and_planted_parameters_lie_on_their_grids(self, problem):
        assert (GRID, PARAMETER_GRID) == (2.0**-16, 2.0**-12)
        assert on_grid(problem.X, GRID)
        assert not on_grid(problem.X, 2 * GRID)
        assert on_grid(problem.data.planted.matrix, PARAMETER_GRID)
        assert problem.data.exact is None
        assert np.abs(problem.X).max() < 16

    @pytest.mark.parametrize("problem", [problem for problem in BY_CONSTRUCTION if problem.k == 1], ids=str)
    def test_planted_eta_fills_its_interval(self, problem):
        low, high = ETA_RANGE[str(problem.model)]
        eta = problem.eta(problem.data.planted)
        snapped = PARAMETER_GRID / 2 * np.abs(problem.X).sum(axis=1).max()

        assert low - snapped <= eta.min()
        assert eta.max() <= high + snapped
        assert max(high - eta.max(), eta.min() - low) < (high - low) / 2
        assert min(high - eta.max(), eta.min() - low) <= snapped
        assert problem.model.link.eta_domain.contains(eta).all()
        assert problem.model.family.mu_domain.contains(problem.model.link.inverse(eta)).all()

    @pytest.mark.parametrize("problem", PLANTED_SOFTMAX, ids=str)
    def test_planted_softmax_keeps_to_its_interval_and_class_0_is_the_baseline(self, problem):
        planted = problem.data.planted
        reach = np.abs(problem.X @ planted.coef).max(axis=0)
        half_width = {"softmax-32-to-16": 4, "softmax-3-to-3": 3, "softmax-8-to-5": 4, "softmax-4-to-2": 3}[problem.name]

        assert (planted.matrix[:, 0] == 0).all()
        assert reach[1:] == pytest.approx(half_width, abs=PARAMETER_GRID / 2 * np.abs(problem.X).sum(axis=1).max())
        assert ((planted.intercept[1:] >= 0.5) & (planted.intercept[1:] <= 1)).all()
        assert (np.diff(planted.intercept) > 0).all()

    @pytest.mark.parametrize("problem", BY_CONSTRUCTION, ids=str)
    def test_the_planted_weights_are_of_like_size(self, problem):
        sizes = np.abs(problem.data.planted.coef[:, problem.k - problem.free_outputs :])

        assert (sizes.min(axis=0) >= 0.6 * sizes.max(axis=0) - PARAMETER_GRID).all()

    @pytest.mark.parametrize("problem", PLANTED_PAIRS, ids=str)
    def test_responses_have_the_planted_mean_and_the_family_s_variance(self, problem):
        mu = problem.model.link.inverse(problem.eta(problem.data.planted))
        standardised = (problem.y - mu) / np.sqrt(
            DISPERSION.get(str(problem.model.family), 1.0) * problem.model.family.variance(mu)
        )

        assert abs(standardised.mean()) < 5 / sqrt(problem.n)
        assert abs((standardised * problem.X).mean(axis=0)).max() < 6 / sqrt(problem.n)
        assert (standardised**2).mean() == pytest.approx(1, abs=0.4)
        assert problem.data.weights is problem.data.trials is problem.offset is None

    @pytest.mark.parametrize("problem", PLANTED_CLASSES, ids=str)
    def test_classes_are_balanced_about_the_planted_mean(self, problem):
        mu = problem.model.link.inverse(problem.eta(problem.data.planted))
        excess = problem.design.T @ (problem.y - mu)

        assert ((problem.y == 0) | (problem.y == 1)).all()
        assert np.abs(excess).max() < 2 * sqrt(problem.q)  # random draws would leave sqrt(n)

    def test_a_row_takes_the_class_that_lies_furthest_behind(self):
        shares = np.tile([0.3, 0.7], (4, 1))

        assert by_construction.balanced(np.empty((4, 0)), shares)[:, 0].tolist() == [0, 1, 0, 0]
        assert by_construction.balanced(np.array([[1.0], [-1.0]]), np.tile([0.4, 0.6], (2, 1)))[:, 1].tolist() == [1, 1]

    @pytest.mark.parametrize(
        "problem", [problems.get("gamma-log"), problems.get("binomial-log"), problems.get("softmax-3-to-3")], ids=str
    )
    def test_the_seed_draws_the_data_and_the_same_seed_the_same(self, problem, monkeypatch):
        monkeypatch.delenv("SPEC_SEED", raising=False)
        default = problem.load.__wrapped__()
        draws = {}
        for seed in ("0", "1", "0"):
            monkeypatch.setenv("SPEC_SEED", seed)
            data = problem.load.__wrapped__()  # what `cache` wraps
            assert (data.X == draws.setdefault(seed, data).X).all()
            assert (data.y == draws[seed].y).all()
            assert (data.planted.matrix == draws[seed].planted.matrix).all()

        assert (draws["0"].X == default.X).all()
        assert (draws["0"].y == default.y).all()
        assert (draws["1"].X != default.X).any()
        assert (draws["1"].y != default.y).any()

    def test_each_problem_has_a_stream_of_its_own(self):
        a, b = (by_construction.generator(name).uniform(size=4) for name in ("a", "b"))

        assert (a != b).all()
        assert (by_construction.generator("a").uniform(size=4) == a).all()

    def test_snap_is_to_the_nearest(self):
        assert by_construction.snap(np.array([0.3, -0.3, 0.5]), 0.25).tolist() == [0.25, -0.25, 0.5]

    def test_one_column_has_the_whole_condition_number(self):
        X = by_construction.design(256, 1, 8.0, np.random.default_rng(0))

        assert np.sqrt((X**2).mean()) == pytest.approx(1 / 8, rel=1e-3)
        assert abs(X.mean()) < GRID

    def test_a_family_without_a_way_to_draw_is_refused(self):
        class Cauchy(Gaussian):
            pass

        with pytest.raises(NotImplementedError, match=r"^no way to draw from cauchy: add an entry to DRAWS$"):
            by_construction.draw(Cauchy(), np.ones((1, 1)), np.random.default_rng(0))


class Balls:
    """As much of `spec.elementary.Elementary` as the published models need, on object arrays of balls."""

    exp = staticmethod(np.frompyfunc(flint.arb.exp, 1, 1))
    log = staticmethod(np.frompyfunc(flint.arb.log, 1, 1))
    log1p = staticmethod(np.frompyfunc(flint.arb.log1p, 1, 1))
    lgamma = staticmethod(np.frompyfunc(flint.arb.lgamma, 1, 1))
    xlogy = staticmethod(np.frompyfunc(lambda x, y: x * y.log() if x != 0 else flint.arb(0), 2, 1))
    xlog1py = staticmethod(np.frompyfunc(lambda x, y: x * y.log1p() if x != 0 else flint.arb(0), 2, 1))
    sigmoid = staticmethod(np.frompyfunc(lambda x: 1 / (1 + (-x).exp()), 1, 1))
    ndtr = staticmethod(np.frompyfunc(lambda x: (-x / flint.arb(2).sqrt()).erfc() / 2, 1, 1))

    normal = staticmethod(np.frompyfunc(lambda x: (-x * x / 2).exp() / (2 * flint.arb.pi()).sqrt(), 1, 1))

    sqrt = staticmethod(lambda x: flint.arb(x).sqrt())

    @property
    def pi(self):
        return flint.arb.pi()  # at the precision of this moment


BALLS = Balls()
ball, middle = np.frompyfunc(flint.arb, 1, 1), np.frompyfunc(flint.arb.mid, 1, 1)
STEP = 2.0**-50  # of the difference that gives the curvature: its square is the relative error, 1e-30


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.array((flint.arb_mat(a.tolist()) * flint.arb_mat(b.tolist())).tolist(), dtype=object)


def inverse(a: np.ndarray) -> np.ndarray:
    return np.array(flint.arb_mat(a.tolist()).inv().tolist(), dtype=object)


class Optimum:
    """
    The zero of the score nearest to the printed coefficients, and standard errors there, to some 30 digits.

    The information's rows and columns are the free parameters, output after output; the curvature is a difference.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem, self.m = problem, problem.free_outputs
        self.X, self.y, self.w = (ball(a) for a in (problem.design, problem.y, problem.row_weights))
        self.offset = 0 if problem.offset is None else ball(problem.offset)
        free = ball(np.array(problem.published.coefficients, dtype=object))
        for _ in range(10):
            inverted = inverse(self.information(free, expected=False))
            step = product(inverted, product(self.X.T, self.terms(self.eta(free))).T.reshape(-1, 1))
            free = middle(free + step.reshape(self.m, -1).T)
            if (steps := np.abs(step.astype(float))).max() < 1e-25 * np.abs(free.astype(float)).min():
                break
        else:
            raise AssertionError(f"{problem}: no optimum near the printed coefficients, the last step is {steps.max()}")
        self.coefficients, self.observed = free, inverted

    def eta(self, free: np.ndarray) -> np.ndarray:
        return product(self.X, free) + self.offset

    def mean(self, eta: np.ndarray) -> np.ndarray:
        if self.m == 1:
            return self.problem.model.link.inverse(eta, BALLS)
        odds = BALLS.exp(eta)
        return odds / (1 + odds.sum(axis=1, keepdims=True))

    def terms(self, eta: np.ndarray) -> np.ndarray:
        model, mu = self.problem.model, self.mean(eta)
        if self.m > 1:
            return self.w * (self.y[:, 1:] - mu)
        return self.w * (self.y - mu) * model.link.inverse_derivative(eta, BALLS) / model.family.variance(mu, BALLS)

    def information(self, free: np.ndarray, expected: bool) -> np.ndarray:
        model, eta, q = self.problem.model, self.eta(free), self.problem.q
        result = np.empty((self.m * q, self.m * q), dtype=object)
        for a in range(self.m):
            shift = np.array([STEP * (a == b) for b in range(self.m)])
            if expected and self.m == 1:
                slope = model.link.inverse_derivative(eta, BALLS)
                curvature = self.w * slope * slope / model.family.variance(self.mean(eta), BALLS)
            else:
                curvature = (self.terms(eta - shift) - self.terms(eta + shift)) / (2 * STEP)
            for b in range(self.m):
                block = product(self.X.T, middle(curvature[:, [b]]) * self.X)
                result[a * q : (a + 1) * q, b * q : (b + 1) * q] = block
        return middle(result)

    def standard_errors(self) -> np.ndarray:
        same = self.problem.model.is_canonical or "observed-information" in self.problem.tags
        covariance = np.diagonal(self.observed if same else inverse(self.information(self.coefficients, expected=True)))
        dispersion = self.dispersion()
        return np.array([(dispersion * v).sqrt() for v in covariance]).reshape(self.m, -1).T

    def dispersion(self) -> flint.arb:
        if not self.problem.has_dispersion:
            return flint.arb(1)
        mu = self.mean(self.eta(self.coefficients))
        pearson = self.w * (self.y - mu) * (self.y - mu) / self.problem.model.family.variance(mu, BALLS)
        return abs(flint.arb(pearson.sum().mid())) / (self.problem.n - self.problem.q)

    def statistics(self) -> dict[str, flint.arb]:
        """The rest, by the names in `spec.inference`; the null mean is the weighted mean of y, for want of an offset."""
        problem, family, phi = self.problem, self.problem.model.family, self.dispersion()
        mu = self.mean(self.eta(self.coefficients))
        if self.m > 1:
            mu = np.hstack([1 - mu.sum(axis=1, keepdims=True), mu])
        null = 0 * mu + (self.w * self.y).sum(axis=0) / self.w.sum()
        deviance, null_deviance = ((self.w * family.unit_deviance(self.y, mean, BALLS)).sum() for mean in (mu, null))
        kernel, size = (self.w * family.kernel(self.y, mu, BALLS)).sum(), self.coefficients.size
        if isinstance(family, Gaussian):
            log_likelihood = -(2 * BALLS.pi * deviance / problem.n).log() * problem.n / 2 - flint.arb(problem.n) / 2
        else:
            log_likelihood = kernel + self.orders()
        slopes = np.arange(size) % problem.q > 0 if problem.intercept else np.ones(size, dtype=bool)
        tested = self.coefficients.T.reshape(-1, 1)[slopes]
        wald = product(product(tested.T, inverse(self.observed[np.ix_(slopes, slopes)])), tested)[0, 0] / phi
        return {
            "dispersion": phi,
            "deviance": deviance,
            "null_deviance": null_deviance,
            "log_likelihood": log_likelihood,
            "aic": 2 * size - 2 * log_likelihood,
            "bic": flint.arb(problem.n).log() * size - 2 * log_likelihood,
            "likelihood_ratio": (null_deviance - deviance) / phi,
            "wald": wald,
        }

    def orders(self) -> flint.arb:
        """What factorials put into the log-likelihood; for the negative binomial at alpha = 1, and one-hot rows, nothing."""
        trials, one = ball(self.problem.trials), ball(np.ones((1, 1)))
        match self.problem.model.family:
            case Poisson():
                return -(self.w * BALLS.lgamma(self.y + one)).sum()
            case Binomial():
                failures = BALLS.lgamma(trials - trials * self.y + one)
                return (BALLS.lgamma(trials + one) - BALLS.lgamma(trials * self.y + one) - failures).sum()
            case Multinomial() | NegativeBinomial(alpha=1.0):
                return flint.arb(0)
        return flint.arb("nan")


def unit(printed: str) -> Decimal:
    """One unit of the last digit printed."""
    return Decimal(1).scaleb(Decimal(printed).as_tuple().exponent)


def printed_statistics(published: Published) -> dict[str, str]:
    """As they were printed: a departure says what the true one replaced."""
    found = (re.match(r"(\w+): printed (\S+), ", departure) for departure in published.departures)
    return {**published.true_statistics, **{match[1]: match[2] for match in found if match}}


def decimal(x: flint.arb) -> Decimal:
    return Decimal(x.mid().str(30, radius=False))


@pytest.fixture
def digits():
    before, flint.ctx.prec = flint.ctx.prec, 256
    yield
    flint.ctx.prec = before


INSTALLED = Path(importlib.util.find_spec("statsmodels").submodule_search_locations[0]).parent


CLOSED = [problem for problem in PUBLISHED if problem.name.startswith(("wampler", "noint"))]


class TestPublished:
    def test_the_data_sets(self):
        shapes = {problem.name: (problem.n, problem.p, problem.k, sorted(problem.tags)) for problem in PUBLISHED}

        assert shapes == {
            "longley": (16, 6, 1, ["nist"]),
            "spector-logit": (32, 3, 1, ["one-trial"]),
            "spector-probit": (32, 3, 1, ["observed-information", "one-trial"]),
            "star98": (303, 20, 1, ["trials"]),
            "anes96": (944, 5, 7, []),
            "scotland": (32, 7, 1, []),
            "cpunish": (17, 6, 1, []),
            "cpunish-weights": (17, 6, 1, ["weights"]),
            "cpunish-exposure": (17, 6, 1, ["offset"]),
            "committee": (20, 6, 1, ["quasi"]),
            "randhie": (20190, 9, 1, []),
            "fair": (6366, 3, 1, ["no-intercept"]),
            **{f"wampler{number}": (21, 5, 1, ["nist"]) for number in range(1, 6)},
            "noint1": (11, 1, 1, ["nist", "no-intercept"]),
            "noint2": (3, 1, 1, ["nist", "no-intercept"]),
        }

    @pytest.mark.parametrize("problem", PUBLISHED, ids=str)
    def test_an_answer_has_a_row_for_each_parameter_and_a_column_for_each_free_output(self, problem):
        for table in (problem.published.coefficients, problem.published.standard_errors):
            assert np.shape(table) == (problem.q, problem.free_outputs)
            assert all(re.fullmatch(r"-?\d*\.\d+([eE][-+]\d+)?", number) for row in table for number in row)
        assert problem.intercept == ("no-intercept" not in problem.tags)
        assert problem.data.planted is None
        assert not (np.ptp(problem.X, axis=0) == 0).any()

    @pytest.mark.parametrize("problem", PUBLISHED, ids=str)
    def test_weights_trials_and_offset_are_where_the_tags_say(self, problem):
        assert (problem.data.weights is not None) == ("weights" in problem.tags)
        assert (problem.data.trials is not None) == ("trials" in problem.tags)
        assert (problem.offset is not None) == ("offset" in problem.tags)
        assert (problem.data.exact is not None) == (problem in CLOSED)

    @pytest.mark.parametrize("problem", PUBLISHED, ids=str)
    def test_the_source_says_who_published_where_it_is_recorded_and_which_standard_errors(self, problem):
        who = r"NIST StRD, certified values, https://www\.itl\.nist\.gov/div898/strd/lls/data/\w+\.shtml|Stata (11 )?\w+|R glm"
        errors = r"standard errors: inverse (expected |observed )?information"

        assert re.match(who, problem.published.source)
        assert re.search(errors, problem.published.source)

    @pytest.mark.parametrize("problem", [p for p in PUBLISHED if "as recorded in" in p.published.source], ids=str)
    def test_every_number_stands_in_the_file_that_the_source_names(self, problem):
        path, place = re.search(r"as recorded in (\S+\.py), (?:class )?(\w+)", problem.published.source).groups()
        text = (INSTALLED / path).read_text(encoding="utf-8")
        recorded = set(re.findall(r"-?\d*\.\d+(?:[eE][-+]\d+)?", text))
        table = (*problem.published.coefficients, *problem.published.standard_errors)
        statistics = printed_statistics(problem.published).values()

        assert place in text
        assert {*statistics, *(number for row in table for number in row)} <= recorded

    @pytest.mark.usefixtures("digits")
    @pytest.mark.parametrize("problem", PUBLISHED, ids=str)
    def test_the_optimum_has_every_digit_printed_but_for_the_departures(self, problem):
        optimum = Optimum(problem)
        standard_errors, statistics = optimum.standard_errors(), optimum.statistics()
        names = (["const"] if problem.intercept else []) + list(problem.data.columns)
        departures = []
        for row, name in enumerate(names):
            for what, printed, exact in (
                ("coefficient", problem.published.coefficients, optimum.coefficients),
                ("standard error", problem.published.standard_errors, standard_errors),
            ):
                for j, number in enumerate(printed[row]):
                    true = decimal(exact[row, j])
                    if abs(Decimal(number) - true) > unit(number) / 2:
                        where = f" in class {j + 1}" if problem.free_outputs > 1 else ""
                        departures.append((f"{what} of {name}{where}: printed {number}, the optimum has ", true))
        for name, number in printed_statistics(problem.published).items():
            true = decimal(statistics[name])
            rounding = abs(true) * (problem.n + 64) / 2**53  # of a sum that was printed to its last bit
            if abs(Decimal(number) - true) > unit(number) / 2 + rounding:
                departures.append((f"{name}: printed {number}, the optimum has ", true))
            replaced = problem.published.true_statistics[name]
            assert abs(Decimal(replaced) - true) <= unit(replaced) / 2 + rounding

        assert len(problem.published.departures) == len(departures)
        for (claim, true), said in zip(departures, problem.published.departures, strict=True):
            assert said.startswith(claim)
            stated, _, cause = said.removeprefix(claim).partition("; ")
            assert abs(Decimal(stated) - true) <= unit(stated) / 2
            assert cause

    def test_most_digits_are_those_of_the_optimum(self):
        departures = {problem.name: len(problem.published.departures) for problem in PUBLISHED if problem.published.departures}

        assert departures == {
            "longley": 1,
            "spector-logit": 12,
            "spector-probit": 11,
            "anes96": 14,
            "cpunish": 8,
            "cpunish-weights": 17,
            "cpunish-exposure": 1,
            "committee": 17,
            "randhie": 24,
            "fair": 6,
            "wampler2": 7,
        }

    def test_each_file_is_a_problem_of_its_name(self):
        assert {path.stem for path in FOLDER.glob("*.toml")} == {problem.name for problem in (*PUBLISHED, MODECHOICE)}

    def test_an_answer_is_read_row_by_row(self):
        read = answer(
            {
                "source": "somewhere",
                "cause": "a reason",
                "parameter": [
                    {"name": "const", "coefficient": ["1.0", "2.0"], "standard_error": [".5", ".25"]},
                    {
                        "name": "x",
                        "coefficient": ["-3", "4"],
                        "standard_error": ["6e-1", "7"],
                        "optimum_coefficient": ["-3.1", "="],
                        "optimum_standard_error": ["=", "7.2"],
                    },
                ],
            }
        )

        assert read == Published(
            coefficients=(("1.0", "2.0"), ("-3", "4")),
            standard_errors=((".5", ".25"), ("6e-1", "7")),
            source="somewhere",
            departures=(
                "coefficient of x in class 1: printed -3, the optimum has -3.1; a reason",
                "standard error of x in class 2: printed 7, the optimum has 7.2; a reason",
            ),
            true_coefficients=(("1.0", "2.0"), ("-3.1", "4")),
            true_standard_errors=((".5", ".25"), ("6e-1", "7.2")),
        )
        single = {"name": "x", "coefficient": "1.5", "standard_error": "2.5"}
        both = {**single, "optimum_coefficient": "1.4", "optimum_standard_error": "2.6"}
        assert answer({"source": "", "cause": "why", "parameter": [both]}).departures == (
            "coefficient of x: printed 1.5, the optimum has 1.4; why",
            "standard error of x: printed 2.5, the optimum has 2.6; why",
        )
        statistics = {"deviance": "3.5", "aic": {"printed": "7.2", "optimum": "7.25"}}
        more = answer({"source": "", "cause": "why", "parameter": [single], "statistics": statistics})
        assert more.true_statistics == {"deviance": "3.5", "aic": "7.25"}
        assert more.departures == ("aic: printed 7.2, the optimum has 7.25; why",)
        assert (more.true_coefficients, more.true_standard_errors) == ((("1.5",),), (("2.5",),))

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("source =", "sauce =", "scotland.toml: source: missing."),
            ('name = "scotland"', 'name = "scotland"\nyear = 1997', "scotland.toml: year: unknown; there are about,"),
            ('model = "gamma-inverse"', 'model = "gamma"', "scotland.toml: model: 'gamma' is none of gaussian-identity,"),
            (
                'data = "plain"',
                'data = "votes"',
                "spec.problems.published.data has no function 'votes'; there are plain, star98,",
            ),
            ('data = "plain"', "data = 3", "scotland.toml: data: 3 is not a text."),
            ('data = "plain"', 'data = "dataset"', "has no function 'dataset'"),
            (
                "arguments = { name",
                "arguments = { title",
                "scotland.toml: arguments: missing a required argument: 'name' of plain.",
            ),
            ('name = "const", ', "", "scotland.toml: parameter 1: name missing."),
            ('coefficient = "-1.776527e-02", ', "", "scotland.toml: parameter const: coefficient missing."),
            (
                '"-1.776527e-02"',
                '["1", "2"]',
                "scotland.toml: parameter const: standard_error: its lists have different lengths.",
            ),
            ('"-1.776527e-02"', "-1.776527e-02", "parameter const: coefficient: -0.01776527 is not a number in quotes."),
            ('"-1.776527e-02"', '"="', "parameter const: coefficient: '=' is not a number in quotes."),
            ('name = "MOR"', 'name = "MOR", optimum = "1"', "parameter MOR: optimum: unknown; there are name, coefficient,"),
            ('name = "MOR"', 'name = "MOR", optimum_coefficient = "1"', "scotland.toml: cause: missing, though what is printed"),
            ('"0.536072"', '{ printed = "1" }', "scotland.toml: statistics null_deviance: {'printed': '1'} is neither a number"),
            ('data = "plain"', "data = plain", "scotland.toml is not TOML: "),
        ],
    )
    def test_a_file_that_is_wrong_is_named_with_its_fault(self, tmp_path, old, new, message):
        right = (FOLDER / "scotland.toml").read_text()
        assert old in right
        (tmp_path / "scotland.toml").write_text(right.replace(old, new, 1))

        with pytest.raises(ValueError, match=re.escape(message)):
            read_published(tmp_path / "scotland.toml")

    def test_wampler_s_disturbance_is_orthogonal_to_the_columns(self):
        assert len(DELTA) == 21
        assert [sum(d * x**k for x, d in enumerate(DELTA)) for k in range(6)] == [0] * 6
        assert sum(d * d for d in DELTA) == 83554268  # NIST's residual sum of squares for Wampler3

    def test_wampler_s_data_are_those_of_nist(self):
        first = {1: [1, 6, 63], 2: [1, 1.11111, 1.24992], 3: [760, -2042, 2111], 4: [75901, -204794, 204863]}
        last = {1: 3368421, 2: 63, 3: 3369180, 4: 3444321, 5: 10958421}
        for number in range(1, 6):
            problem = problems.get(f"wampler{number}")
            assert problem.y[:3, 0].tolist() == first.get(number, [7590001, -20479994, 20480063])
            assert problem.y[20, 0] == last[number]
            assert problem.X[:, 0].tolist() == list(range(21))
            assert np.array_equal(problem.X, problem.X[:, :1].astype(int) ** np.arange(1, 6))
            assert problem.data.columns == ("x", "x^2", "x^3", "x^4", "x^5")

    def test_wampler_s_second_polynomial_is_rounded_once(self):
        y = [Fraction(sum(10 ** (5 - k) * x**k for k in range(6)), 10**5) for x in range(21)]

        assert problems.get("wampler2").y[:, 0].tolist() == [float(value) for value in y]

    @pytest.mark.parametrize("problem", CLOSED, ids=str)
    def test_closed_forms_are_the_published_answers(self, problem):
        printed = np.array(problem.published.coefficients, dtype=float)

        assert np.allclose(problem.free(problem.data.exact), printed, rtol=1e-14, atol=0)

    def test_lines_through_the_origin(self):
        for name, slope, n, x, y in (("noint1", Fraction(251, 121), 11, 60, 130), ("noint2", Fraction(8, 11), 3, 4, 3)):
            problem = problems.get(name)
            rows = [(Fraction(a), Fraction(b)) for a, b in zip(problem.X[:, 0], problem.y[:, 0], strict=True)]
            assert sum(a * b for a, b in rows) / sum(a * a for a, _ in rows) == slope
            assert problem.data.exact.matrix.tolist() == [[0], [float(slope)]]
            assert (problem.n, *rows[0]) == (n, x, y)

    def test_the_columns_that_are_made_here(self):
        cpunish, weighted, exposed = (problems.get(name) for name in ("cpunish", "cpunish-weights", "cpunish-exposure"))
        committee, anes96, star98 = (problems.get(name) for name in ("committee", "anes96", "star98"))

        assert cpunish.data.columns == ("INCOME", "PERPOVERTY", "PERBLACK", "log(VC100k96)", "SOUTH", "DEGREE")
        assert cpunish.X[0, 3] == np.log(644)
        assert (exposed.X == cpunish.X).all()
        assert (exposed.offset == np.log(100)).all()
        assert weighted.data.weights.tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3, 1, 1, 1, 2, 2, 2, 3, 3]
        assert committee.data.columns == ("SIZE", "SUBS", "log(STAFF)", "PRESTIGE", "BILLS103", "SUBS:log(STAFF)")
        assert committee.X[0, [1, 2, 5]].tolist() == [13, np.log(109), 13 * np.log(109)]
        assert anes96.y[:2].argmax(axis=1).tolist() == [6, 1]
        assert star98.trials[0, 0] == 452 + 355
        assert star98.y[0, 0] == 452 / (452 + 355)
        assert problems.get("fair").data.columns == ("rate_marriage", "age", "yrs_married")


X, Y = np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [2.0], [4.0]])
Y3 = np.eye(3)
NAN = np.array([[0.0], [np.nan], [np.inf]])


class TestProblem:
    @pytest.mark.parametrize(
        ("model", "X", "y", "more", "message"),
        [
            (
                OLS,
                X[:, 0],
                Y,
                {},
                "bad: X (3,) and y (3, 1) must have two axes, (n, p) and (n, k); use y[:, None] for one output.",
            ),
            (
                OLS,
                X,
                Y[:, 0],
                {},
                "bad: X (3, 1) and y (3,) must have two axes, (n, p) and (n, k); use y[:, None] for one output.",
            ),
            (OLS, X[:2], Y, {}, "bad: X has shape (2, 1), but y has 3 rows and 1 columns: expected (3, 1)."),
            (OLS, X, Y, {"offset": Y[:, 0]}, "bad: offset has shape (3,), but y has 3 rows and 1 columns: expected (3, 1)."),
            (OLS, X, Y, {"weights": Y}, "bad: weights has shape (3, 1), but y has 3 rows and 1 columns: expected (3,)."),
            (OLS, X, Y, {"trials": Y[:2, 0]}, "bad: trials has shape (2,), but y has 3 rows and 1 columns: expected (3,)."),
            (OLS, X[:0], Y[:0], {}, "bad: there is nothing to fit: 0 rows, 1 columns, intercept True."),
            (OLS, X[:, :0], Y, {"intercept": False}, "bad: there is nothing to fit: 3 rows, 0 columns, intercept False."),
            (OLS, X, Y, {"columns": ("a", "b")}, "bad: 2 column names for 1 columns."),
            (SOFTMAX, X, Y, {}, "bad: the multinomial response has 1 columns; it takes one for each class, 2 or more."),
            (COUNTS, X, Y3, {}, "bad: the poisson response has 3 columns; it takes 1."),
            (OLS, NAN, Y, {}, "bad: X is NaN or infinite in 2 rows (the first: 1, 2). Drop or impute those rows first."),
            (OLS, X, NAN, {}, "bad: y is NaN or infinite in 2 rows (the first: 1, 2). Drop or impute those rows first."),
            (
                OLS,
                X,
                Y,
                {"offset": NAN},
                "bad: offset is NaN or infinite in 2 rows (the first: 1, 2). Drop or impute those rows first.",
            ),
            (
                OLS,
                X,
                Y,
                {"weights": [1, np.nan, 1]},
                "bad: weights is NaN or infinite in 1 row (the first: 1). Drop or impute those rows first.",
            ),
            (OLS, X, Y, {"weights": [1, 0, -1]}, "bad: weights are negative in 1 row (the first: 2). A weight is at least 0."),
            (OLS, X, Y, {"trials": [-1, -2, 3]}, "bad: trials are negative in 2 rows (the first: 0, 1). A weight is at least 0."),
            (
                COUNTS,
                X,
                Y / 2,
                {},
                "bad: the response is outside the domain {0, 1, 2, ...} of the poisson family in 1 row (the first: 0). "
                "Use a family whose responses can have these values.",
            ),
            (
                LOGISTIC,
                X,
                Y,
                {},
                "bad: the response is outside the domain [0, 1] of the binomial family in 2 rows (the first: 1, 2). "
                "Use a family whose responses can have these values.",
            ),
            (
                SOFTMAX,
                X,
                Y3 / 2,
                {},
                "bad: the response is outside the domain shares >= 0 that sum to 1 of the multinomial family in 3 rows "
                "(the first: 0, 1, 2). Use a family whose responses can have these values.",
            ),
        ],
    )
    def test_data_that_are_no_problem_say_what_is_wrong(self, model, X, y, more, message):
        with pytest.raises(ProblemError, match=f"^{re.escape(message)}$"):
            _ = Problem.of("bad", model, X, y, **more).data

    def test_five_bad_rows_are_shown_and_all_are_counted(self):
        with pytest.raises(ProblemError, match=r"in 9 rows \(the first: 0, 1, 2, 3, 4\)\."):
            _ = Problem.of("bad", OLS, np.full((9, 2), np.nan), np.ones((9, 1))).data

    def test_words_are_not_numbers(self):
        message = (
            r"^X is not numeric: could not convert string to float: 'red'\. Encode categories as columns of numbers first\.$"
        )
        with pytest.raises(ProblemError, match=message):
            Problem.of("bad", OLS, [["red"], ["blue"]], Y[:2])
        with pytest.raises(ProblemError, match=r"^weights is not numeric: "):
            Problem.of("bad", OLS, X, Y, weights=[1, None, {}])

    def test_a_problem_error_is_a_value_error(self):
        assert issubclass(ProblemError, ValueError)

    def test_zero_weights_and_the_ends_of_the_domain_are_fit(self):
        assert Problem.of("good", OLS, X, Y, weights=[0, 1, 1], trials=[0, 1, 1]).n == 3
        assert Problem.of("good", LOGISTIC, X, [[0], [1], [0.5]]).n == 3
        assert Problem.of("good", OLS, X[:, :0], Y).q == 1
        assert Problem.of("good", OLS, X, Y, intercept=False).q == 1

    def test_quasi_likelihood_asks_for_no_more_than_a_kernel_and_has_a_dispersion(self):
        rates = Problem.of("rates", COUNTS, X, Y / 2)
        below = "bad: the response is outside the domain [0, inf) of the poisson family in 1 row (the first: 0). "

        assert replace(rates, quasi=True).n == 3
        assert [replace(rates, quasi=quasi).has_dispersion for quasi in (False, True)] == [False, True]
        assert Problem.of("line", OLS, X, Y).has_dispersion
        assert not rates.quasi
        with pytest.raises(ProblemError, match=f"^{re.escape(below)}"):
            _ = replace(Problem.of("bad", COUNTS, X, Y - 1.5), quasi=True).data

    def test_data_are_copied_and_named(self):
        mine = X.copy()
        problem = Problem.of("mine", OLS, mine, Y, columns=("dose",))
        mine[0] = 7

        assert problem.X[0, 0] == 0
        assert problem.data.columns == ("dose",)
        assert Data(np.ones((2, 3)), np.ones((2, 1))).columns == ("x1", "x2", "x3")

    def test_what_a_problem_given_is(self):
        problem = Problem.of("mine", COUNTS, X, Y)

        assert (problem.kind, problem.about, problem.tags, problem.condition, problem.published) == (
            "given",
            "",
            frozenset(),
            None,
            None,
        )
        assert problem.intercept
        assert str(problem) == "mine"
        assert repr(problem) == "Problem('mine', poisson-log)"
        with pytest.raises(FrozenInstanceError):
            problem.name = "other"

    def test_data_are_loaded_when_first_asked_for_and_once(self):
        loads = []
        problem = Problem("lazy", OLS, lambda: loads.append(1) or Data(X, Y))

        assert (str(problem), loads) == ("lazy", [])
        assert problem.data is problem.data
        assert (problem.n, loads) == (3, [1])

    def test_the_design_has_the_intercept_first(self):
        assert Problem.of("with", OLS, X, Y).design.tolist() == [[1, 0], [1, 1], [1, 2]]
        assert Problem.of("without", OLS, X, Y, intercept=False).design.tolist() == [[0], [1], [2]]

    def test_a_row_counts_by_its_weight_times_its_trials(self):
        weights, trials = [1.0, 2.0, 0.5], [4.0, 3.0, 2.0]

        assert Problem.of("neither", OLS, X, Y).row_weights.tolist() == [[1], [1], [1]]
        assert Problem.of("weights", OLS, X, Y, weights=weights).row_weights.tolist() == [[1], [2], [0.5]]
        assert Problem.of("weights", OLS, X, Y, weights=weights).trials.tolist() == [[1], [1], [1]]
        assert Problem.of("trials", OLS, X, Y, trials=trials).row_weights.tolist() == [[4], [3], [2]]
        both = Problem.of("both", OLS, X, Y, weights=weights, trials=trials)
        assert (both.row_weights.tolist(), both.trials.tolist()) == ([[4], [6], [1]], [[4], [3], [2]])

    def test_eta_has_the_offset(self):
        params = Params([1.0], [[2.0]])

        assert Problem.of("without", OLS, X, Y).eta(params).tolist() == [[1], [3], [5]]
        assert Problem.of("with", OLS, X, Y, offset=[[10], [20], [30]]).eta(params).tolist() == [[11], [23], [35]]

    @pytest.mark.parametrize(
        ("problem", "shape"),
        [
            (Problem.of("one output", OLS, X, Y), (2, 1)),
            (Problem.of("no intercept", OLS, X, Y, intercept=False), (1, 1)),
            (Problem.of("no columns", OLS, X[:, :0], Y), (1, 1)),
            (Problem.of("three classes", SOFTMAX, X, Y3), (2, 2)),
            (Problem.of("three classes, no intercept", SOFTMAX, X, Y3, intercept=False), (1, 2)),
            (Problem.of("two classes", SOFTMAX, X[:2], np.eye(2)), (2, 1)),
        ],
        ids=str,
    )
    def test_free_parameters_and_params_are_inverse_of_each_other(self, problem, shape):
        free = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
        params = problem.params(free)

        assert (problem.q, problem.free_outputs) == shape
        assert problem.free(params).tolist() == free.tolist()
        assert params.matrix.shape == (1 + problem.p, problem.k)
        assert np.allclose(problem.eta(params)[:, problem.k - problem.free_outputs :], problem.design @ free)
        if problem.k > 1:
            assert (params.matrix[:, 0] == 0).all()
        if not problem.intercept:
            assert (params.intercept == 0).all()

    def test_free_parameters_of_softmax_are_less_those_of_class_0(self):
        problem = Problem.of("three classes", SOFTMAX, X, Y3)
        params = Params([1.0, 3.0, 7.0], [[2.0, 2.5, 1.0]])

        assert problem.free(params).tolist() == [[2, 6], [0.5, -1]]
        assert problem.params(problem.free(params)).matrix.tolist() == [[0, 2, 6], [0, 0.5, -1]]

    def test_an_answer_in_print_defaults_to_no_errors_and_no_departures(self):
        assert Published((("1.0",),)) == Published((("1.0",),), (), "", ())
        assert Published((("1.0",),)).true_coefficients == (("1.0",),)
        assert Published((("1.0",),)).true_standard_errors == ()
        assert Published((("1.0",),), (("0.5",),)).true_standard_errors == (("0.5",),)
        assert Published((("1.0",),), (("0.5",),), true_standard_errors=(("0.7",),)).true_standard_errors == (("0.7",),)
        assert Published((("1.0",),)).true_statistics == {}

    def test_published_families_are_all_there(self):
        assert NegativeBinomial(1.0) == problems.get("committee").model.family
        assert {str(problem.model) for problem in PUBLISHED} == {
            "gaussian-identity",
            "binomial-logit",
            "binomial-probit",
            "multinomial-softmax",
            "gamma-inverse",
            "poisson-log",
            "negative-binomial(1)-log",
            "tweedie(1.5)-log",
        }


class TestBesideThem:
    """The problems for claims about offsets, weights and trials, and about sizes."""

    @pytest.mark.parametrize("problem", [*problems.COMBINED, *problems.SIZED], ids=str)
    def test_each_can_be_had_by_its_name_and_is_not_among_all(self, problem):
        assert problems.get(problem.name) is problem
        assert problem not in problems.ALL
        assert problem.kind == "by-construction"
        assert str(problem.model) in problem.about

    @pytest.mark.parametrize("problem", problems.COMBINED, ids=str)
    def test_the_tags_say_which_parts_there_are(self, problem):
        parts = {part for part in ("offset", "weights", "trials") if getattr(problem.data, part) is not None}

        assert problem.tags == {"combined", *parts}
        assert problem.name.endswith("-".join(part for part in ("offset", "weights", "trials") if part in parts))
        assert (problem.n, problem.p) == (120, 2)

    def test_each_pair_and_softmax_has_one_with_all_of_its_parts(self):
        whole = [p for p in problems.COMBINED if {"offset", "weights"} <= p.tags and not p.quasi]

        assert {p.model for p in whole} >= {*PAIRS, *(p.model for p in problems.where(link=Softmax))}
        counted = [p for p in whole if isinstance(p.model.family, (Binomial, Multinomial))]
        assert all("trials" in p.tags for p in counted)

    def test_an_offset_is_no_combination_of_the_columns_and_every_class_has_one(self):
        for problem in problems.where(tag="offset", among=problems.COMBINED):
            design = np.hstack([problem.design, problem.offset])
            assert np.linalg.matrix_rank(design) == problem.q + problem.k
            assert (np.abs(problem.offset).max(axis=0) > 0).all()

    def test_some_predictors_pass_37_and_709(self):
        for problem in problems.where(tag="far", among=problems.SIZED):
            eta = np.abs(problem.eta(problem.data.planted))
            assert ((eta > 37) & (eta < 709)).any()
            assert (eta > 709).any()
