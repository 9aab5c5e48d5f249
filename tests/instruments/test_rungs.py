"""
The judge admits what is right and refuses what is off by a little more than its tolerance, wherever it is off.

The right answers come from an engine of a dozen lines, written on `spec.scoring`, for models with their canonical link.
"""

import math
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from dataclasses import FrozenInstanceError, replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from flint import arb

from spec import likelihood, problems, scoring
from spec.engines.checked import Checked
from spec.engines.contract import Declined, Description, Evaluation, Fit
from spec.engines.formulas import Formulas
from spec.evidence import judge, published, rungs, sizes, tolerances
from spec.evidence.enclosure import exact_mean
from spec.evidence.exact import Exact, exact_inference
from spec.evidence.judge import Measurement, assert_same_values, digits, recording
from spec.evidence.preconditions import PreconditionFailed
from spec.evidence.published import assert_as_published, assert_inference_as_published, assert_print_is_true, half_unit
from spec.evidence.rungs import (
    TEXTBOOK,
    assert_proven_inference,
    assert_same,
    assert_same_curvature,
    assert_same_gradient,
    assert_same_inference,
    assert_same_likelihood,
    assert_same_mean,
    assert_same_numbers,
    assert_same_objective,
    assert_same_optimum,
    fitted,
    given,
    inferred,
    proven_optimum,
    relative_errors,
    standard_errors_away,
)
from spec.evidence.sizes import attainable_digits, attainable_errors
from spec.evidence.tolerances import Tolerance
from spec.families import Binomial, Gamma, Gaussian, Multinomial, Poisson
from spec.inference import Inference
from spec.links import Identity, Inverse, Log, Logit, Probit, Softmax
from spec.model import Model, Params
from spec.problems import Problem, Published
from spec.problems.by_construction import GRID, PARAMETER_GRID
from tests.claims.points import anywhere

OLS, COUNTS, LOGISTIC = Model(Gaussian(), Identity()), Model(Poisson(), Log()), Model(Binomial(), Logit())
SOFTMAX = Model(Multinomial(), Softmax())
UNIT = 2.0**-53

X = np.array([[-0.75, 0.5], [0.25, -1.0], [1.0, 0.75], [-0.5, -0.25], [0.5, 1.0], [-1.0, -0.5], [0.125, 0.25], [0.625, -0.5]])
REALS = np.array([[1.5], [-0.5], [3.0], [0.5], [2.5], [-1.0], [0.25], [1.0]])
COUNTED = np.array([[1.0], [5.0], [0.0], [4.0], [3.0], [1.0], [2.0], [0.0]])
OFFSET = np.array([[0.25], [-0.125], [0.5], [0.0], [-0.25], [0.125], [0.375], [-0.5]])
WEIGHTS = [1.0, 2.0, 0.5, 3.0, 1.5, 0.75, 2.5, 1.0]
EYE = np.eye(3)[[0, 1, 1, 2, 2, 1, 1, 0]]

ONE, THREE = Params([0.5], [[0.25], [-0.75]]), Params([0.5, 0.25, -0.25], [[0.25, -0.5, 1.0], [-0.75, 0.125, 0.5]])
CASES = [
    (Problem.of("tiny poisson", COUNTS, X, COUNTED), ONE),
    (Problem.of("tiny least squares", OLS, X, REALS, weights=WEIGHTS, offset=OFFSET), ONE),
    (Problem.of("tiny logistic through the origin", LOGISTIC, X, np.sign(COUNTED), intercept=False), Params([0.0], ONE.coef)),
    (Problem.of("tiny softmax", SOFTMAX, X, EYE), THREE),
    (Problem.of("tiny softmax through the origin", SOFTMAX, X, EYE, intercept=False), Params(np.zeros(3), THREE.coef)),
]
each_case = pytest.mark.parametrize(("problem", "params"), CASES, ids=[str(problem) for problem, _ in CASES])


def close(mine, other, rtol=1e-8):
    """Relatively, however small: NumPy's own default would pass any two numbers below 1e-8."""
    return np.allclose(mine, other, rtol=rtol, atol=0)


class Right:
    """An engine that answers what is right, of models with their canonical link."""

    def describe(self) -> Description:
        return Description("right", {})

    def declines(self, problem: Problem) -> None:
        return None

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        mean, value = problem.model.link.inverse(problem.eta(params)), likelihood.log_likelihood(problem, params)
        score = problem.design.T @ (problem.row_weights * (problem.y - mean))
        if not problem.intercept:
            score = np.vstack([np.zeros((1, problem.k)), score])
        return Evaluation(mean, -value / problem.n, 1.0, value, score, lambda: likelihood.expected_information(problem, params))

    def fit(self, problem: Problem) -> Fit:
        optimum = proven_optimum(problem)
        return Fit(optimum.params, True, 5, "it is the optimum", optimum.standard_errors, 1.0, 1.0)


RIGHT = Right()


def places(array: np.ndarray) -> list[tuple[int, ...]]:
    return list(np.ndindex(array.shape))


def moved(array: np.ndarray, place: tuple[int, ...], by: float) -> np.ndarray:
    array = np.array(array)
    array[place] += by
    return array


def refused(measure: str, problem: Problem, *said: str):
    """The AssertionError that says what was measured, on what, and everything in ``said``."""
    pattern = rf"(?s)^not the same {measure}: \d+\.\d digits agree; the error is .*, .* is allowed\n  tolerance  .*"
    pattern += "".join(f".*{re.escape(text)}" for text in (f"  problem    {judge.describe(problem)}", *said))
    return pytest.raises(AssertionError, match=pattern)


class TestMean:
    @each_case
    def test_right_means_are_admitted(self, problem, params):
        with recording() as collected:
            assert_same_mean(problem, params, RIGHT.evaluate(problem, params))

        assert [m.measure for m in collected] == ["mean"]
        assert collected[0].digits >= 15
        assert math.isnan(collected[0].required)

    @each_case
    def test_a_mean_that_is_off_is_refused_in_each_place(self, problem, params):
        right = RIGHT.evaluate(problem, params)
        slack = sizes.mean_slack(problem, params)
        for place in places(right.mean):
            unit = np.spacing(np.abs(right.mean[place]))
            off = (tolerances.mean_ulps(problem.k) + 2) * unit + 1.01 * slack[place]
            for by in (off, -off, np.nan, np.inf, -np.inf):
                wrong = moved(right.mean, place, by)
                said = f"mean{list(place)} = {float(wrong[place])!r}, expected "
                with refused("mean", problem, said):
                    assert_same_mean(problem, params, replace(right, mean=wrong))
            assert_same_mean(problem, params, replace(right, mean=moved(right.mean, place, 2 * unit)))

    def test_means_on_the_grid_have_four_units_in_the_last_place_and_no_more(self):
        problem, params = CASES[1][0], ONE
        problem = Problem.of("tiny least squares on the grid", OLS, X, REALS)
        right = RIGHT.evaluate(problem, params)
        unit = np.spacing(np.abs(right.mean[3, 0]))

        assert_same_mean(problem, params, replace(right, mean=moved(right.mean, (3, 0), 4 * unit)))
        with refused("mean", problem):
            assert_same_mean(problem, params, replace(right, mean=moved(right.mean, (3, 0), 5 * unit)))

    def test_means_of_classes_have_half_a_unit_more_for_each_class_but_one(self):
        problem = Problem.of("tiny softmax on the grid", SOFTMAX, X, EYE)
        exact = np.array([[float(value) for value in row] for row in exact_mean(problem, THREE)])
        right = RIGHT.evaluate(problem, THREE)

        for units, admitted in ((4, True), (6, False)):
            moves = exact + units * np.spacing(exact)  # of which half a unit is the rounding of what is exact
            for place in places(exact):
                wrong = replace(right, mean=np.where(np.arange(24).reshape(8, 3) == 3 * place[0] + place[1], moves, exact))
                if admitted:
                    assert_same_mean(problem, THREE, wrong)
                else:
                    with refused("mean", problem):
                        assert_same_mean(problem, THREE, wrong)

    def test_digits_are_of_the_relative_error(self):
        problem = Problem.of("tiny least squares on the grid", OLS, X, REALS)
        right = RIGHT.evaluate(problem, ONE)
        wrong = replace(right, mean=moved(right.mean, (3, 0), 1e-5 * right.mean[3, 0]))

        with recording() as collected, refused("mean", problem):
            assert_same_mean(problem, ONE, wrong)

        assert collected[0].digits == pytest.approx(5, abs=1e-6)

    def test_exact_means_are_kept_apart_by_problem_and_parameters(self):
        one, other = (Problem.of(name, COUNTS, x, COUNTED) for name, x in (("one", X), ("other", 2 * X)))
        for problem in (one, other):
            for params in (ONE, Params([0.25], [[0.5], [0.5]])):
                assert_same_mean(problem, params, RIGHT.evaluate(problem, params))
                assert_same_mean(problem, params, RIGHT.evaluate(problem, params))

    def test_the_rounding_of_eta_is_nothing_on_the_grid_and_bounded_off_it(self):
        problem = Problem.of("on the grid", COUNTS, X, COUNTED)
        assert sizes.eta_error(problem, ONE).tolist() == [[0.0]] * 8

        size = 0.5 + np.abs(X) @ np.abs(ONE.coef)
        unit = 4 * UNIT / (1 - 4 * UNIT)
        with_offset = Problem.of("offset", COUNTS, X, COUNTED, offset=OFFSET)
        cases = [
            (with_offset, ONE, size + np.abs(OFFSET)),
            (Problem.of("off the grid", COUNTS, X + GRID / 2, COUNTED), ONE, 0.5 + np.abs(X + GRID / 2) @ np.abs(ONE.coef)),
            (problem, Params([0.5 + PARAMETER_GRID / 4], ONE.coef), size + PARAMETER_GRID / 4),
            (Problem.of("too large", COUNTS, X * 2.0**26, COUNTED), ONE, 0.5 + np.abs(X * 2.0**26) @ np.abs(ONE.coef)),
        ]
        for case, params, bound in cases:
            assert close(sizes.eta_error(case, params), unit * bound, rtol=1e-8)
        through_origin = Problem.of("no intercept", COUNTS, X / 3, COUNTED, intercept=False)
        assert close(sizes.eta_error(through_origin, ONE), 3 * UNIT * np.abs(X / 3) @ np.abs(ONE.coef), rtol=1e-8)
        just_below = Problem.of("just below", COUNTS, X[:, :1] * 0 + 2.0**25 - 1, COUNTED)
        assert (sizes.eta_error(just_below, Params([0.0], [[1.0]])) == 0).all()
        assert (sizes.eta_error(just_below, Params([1.0], [[1.0]])) > 0).all()

    def test_the_rounding_of_eta_moves_the_mean_by_the_slope(self):
        problem, third = Problem.of("off the grid", COUNTS, X / 3, COUNTED), ONE
        eta_error = sizes.eta_error(problem, third)
        assert close(sizes.mean_slack(problem, third), np.exp(problem.eta(third)) * eta_error)
        falling = Problem.of("falling", Model(Gamma(), Inverse()), X / 3, COUNTED + 1)
        eta = falling.eta(Params([1.0], ONE.coef))
        assert close(
            sizes.mean_slack(falling, Params([1.0], ONE.coef)),
            sizes.eta_error(falling, Params([1.0], ONE.coef)) / eta**2,
        )

        scaled = Problem.of("on the grid", Model(Binomial(), Probit()), X, np.sign(COUNTED))
        eta = scaled.eta(ONE)
        density = np.exp(-(eta**2) / 2) / math.sqrt(2 * math.pi)
        assert close(sizes.mean_slack(scaled, ONE), density * 2 * UNIT * np.abs(eta))

        classes = Problem.of("classes", SOFTMAX, X / 3, EYE)
        mu, error = classes.model.link.inverse(classes.eta(THREE)), sizes.eta_error(classes, THREE)
        by_class = [
            [sum(abs(mu[i, a] * ((a == b) - mu[i, b])) * error[i, b] for b in range(3)) for a in range(3)] for i in range(len(X))
        ]
        assert close(sizes.mean_slack(classes, THREE), by_class)


class TestObjective:
    @each_case
    def test_right_losses_are_admitted_at_any_scale(self, problem, params):
        null = likelihood.null_params(problem)
        for scale in (1.0, 2.0, 0.25):
            mine = tuple(
                replace(e, loss=scale * e.loss + 0.75, loss_scale=scale)
                for e in (RIGHT.evaluate(problem, params), RIGHT.evaluate(problem, null))
            )
            other = (RIGHT.evaluate(problem, params), RIGHT.evaluate(problem, null))
            with recording() as collected:
                assert_same_objective(problem, mine, other)
            assert [(m.measure, m.problem, m.required) for m in collected] == [
                ("objective", str(problem), tolerances.loss(problem.n).digits)
            ]

    @each_case
    def test_a_loss_that_is_off_is_refused_at_either_point(self, problem, params):
        null = likelihood.null_params(problem)
        right = RIGHT.evaluate(problem, params), RIGHT.evaluate(problem, null)
        n = problem.n
        size = max(abs(e.loss) for e in right) + max(abs(e.log_likelihood) for e in right) / n
        off = tolerances.loss(n).value * size
        for place in (0, 1):
            for sign in (1, -1):
                wrong, nearly = list(right), list(right)
                wrong[place] = replace(right[place], loss=right[place].loss + 1.1 * sign * off)
                nearly[place] = replace(right[place], loss=right[place].loss + 0.9 * sign * off)
                said = f"the loss changes by {wrong[1].loss - wrong[0].loss!r}, -1/n times the log-likelihood by "
                with refused("objective", problem, said):
                    assert_same_objective(problem, tuple(wrong), right)
                assert_same_objective(problem, tuple(nearly), right)
            for field in ("loss", "log_likelihood"):
                wrong = list(right)
                wrong[place] = replace(right[place], **{field: np.nan})
                mine, other = (wrong, right) if field == "loss" else (right, wrong)
                with refused("objective", problem):
                    assert_same_objective(problem, tuple(mine), tuple(other))

    @each_case
    def test_a_constant_hides_no_parameters(self, problem, params):
        """A loss that does not depend on them, beside a constant that leaves no digit for what they change."""
        right = RIGHT.evaluate(problem, params), RIGHT.evaluate(problem, likelihood.null_params(problem))
        blind = tuple(replace(e, loss=1e18, loss_scale=1e-3) for e in right)

        with refused("objective", problem):
            assert_same_objective(problem, blind, right)

    def test_a_wrong_scale_is_refused_and_said(self):
        problem, params = CASES[0]
        right = RIGHT.evaluate(problem, params), RIGHT.evaluate(problem, likelihood.null_params(problem))
        gained = right[1].loss - right[0].loss
        mine = tuple(replace(e, loss_scale=2.0) for e in right)

        with refused("objective", problem, f"the loss changes by {gained!r}, -2/n times the log-likelihood by "):
            assert_same_objective(problem, mine, right)

    def test_the_error_is_relative_to_the_two_losses_and_the_two_log_likelihoods(self):
        problem = CASES[0][0]
        right = RIGHT.evaluate(problem, ONE)
        mine = replace(right, loss=3.0, loss_scale=2.0), replace(right, loss=-1.0, loss_scale=2.0)
        other = replace(right, log_likelihood=-10.0), replace(right, log_likelihood=2.0)

        with recording() as collected, refused("objective", problem):
            assert_same_objective(problem, mine, other)

        # -4 gained, -2/8 * 12 = -3 expected, of a size 3 + 2/8 * 10
        assert collected[0].digits == pytest.approx(-math.log10(1 / 5.5))


class TestGradient:
    @each_case
    def test_right_scores_are_admitted(self, problem, params):
        right = RIGHT.evaluate(problem, params)
        with recording() as collected:
            assert_same_gradient(problem, params, right, right)

        assert collected == [
            Measurement(
                "gradient", str(problem), 16.0, tolerances.gradient(problem.n).digits, tolerances.gradient(problem.n).reason
            )
        ]

    @each_case
    def test_a_score_that_is_off_is_refused_in_each_place(self, problem, params):
        right = RIGHT.evaluate(problem, params)
        first = 0 if problem.intercept else 1
        off = tolerances.gradient(problem.n).value * contributions(problem, params)
        for j, a in places(off):
            place = (j + first, a)
            for by in (1.1 * off[j, a], -1.1 * off[j, a], np.nan, np.inf):
                wrong = moved(right.score, place, by)
                said = f"score[{j + first}, {a}] = {float(wrong[place])!r}, expected {float(right.score[place])!r}"
                with refused("gradient", problem, said):
                    assert_same_gradient(problem, params, replace(right, score=wrong), right)
            assert_same_gradient(problem, params, replace(right, score=moved(right.score, place, 0.9 * off[j, a])), right)

    def test_the_intercept_s_entry_of_a_problem_without_intercept_is_zero(self):
        problem, params = CASES[2]
        right = RIGHT.evaluate(problem, params)
        filled = replace(right, score=moved(right.score, (0, 0), 7.0))

        assert_same_gradient(problem, params, right, filled)
        with refused("gradient", problem, "score[0, 0] = 7.0, expected 0.0"):
            assert_same_gradient(problem, params, filled, right)

    def test_a_column_of_next_to_nothing_divides_by_no_zero(self):
        problem = Problem.of("zeros", OLS, np.zeros((3, 1)), [[0.0], [0.0], [0.0]], intercept=False)
        right = RIGHT.evaluate(problem, Params([0.0], [[0.0]]))

        assert_same_gradient(problem, Params([0.0], [[0.0]]), right, right)
        assert_same_curvature(problem, Params([0.0], [[0.0]]), right, right)


def row_contributions(problem: Problem, params: Params) -> np.ndarray:
    """(|y| + mu) + V times the terms of eta, row by row, for the canonical links; twice mu for the classes."""
    matrix = np.abs(params.matrix[0 if problem.intercept else 1 :])
    rows = []
    for i in range(problem.n):
        terms = np.abs(problem.design[i]) @ matrix + (0 if problem.offset is None else abs(problem.offset[i]))
        mu = problem.model.link.inverse(problem.eta(params))[i]
        if problem.k > 1:
            rows.append(problem.row_weights[i] * (problem.y[i] + mu + 2 * mu * terms.max()))
        else:
            rows.append(problem.row_weights[i] * (np.abs(problem.y[i]) + np.abs(mu) + problem.model.family.variance(mu) * terms))
    return np.array(rows)


def contributions(problem: Problem, params: Params) -> np.ndarray:
    return np.einsum("nj,nk->jk", np.abs(problem.design), row_contributions(problem, params))


class TestContributions:
    @each_case
    def test_the_size_of_a_score_is_what_its_rows_put_in_without_signs(self, problem, params):
        assert close(sizes.row_contributions(problem, params), row_contributions(problem, params), rtol=1e-13)
        assert close(sizes.contributions(problem, params), contributions(problem, params), rtol=1e-13)

    def test_a_link_that_is_not_canonical_has_its_slope_over_the_variance(self):
        problem, params = Problem.of("gamma", Model(Gamma(), Log()), X, COUNTED + 1, weights=WEIGHTS, offset=OFFSET), ONE
        mu = np.exp(problem.eta(params))
        terms = 0.5 + np.abs(X) @ np.abs(ONE.coef) + np.abs(OFFSET)
        expected = np.array(WEIGHTS)[:, None] * ((problem.y + mu) / mu + terms)

        assert close(sizes.row_contributions(problem, params), expected, rtol=1e-13)

        falling = Problem.of("gamma", Model(Gamma(), Inverse()), X, COUNTED + 1)
        params = Params([2.0], ONE.coef)
        mu, terms = 1 / falling.eta(params), 2.0 + np.abs(X) @ np.abs(ONE.coef)
        assert close(sizes.row_contributions(falling, params), falling.y + mu + mu**2 * terms, rtol=1e-13)


class TestCurvature:
    @each_case
    def test_right_information_is_admitted(self, problem, params):
        right = RIGHT.evaluate(problem, params)
        with recording() as collected:
            assert_same_curvature(problem, params, right, right)

        assert collected == [
            Measurement(
                "curvature", str(problem), 16.0, tolerances.curvature(problem.n).digits, tolerances.curvature(problem.n).reason
            )
        ]

    @each_case
    def test_information_that_is_off_is_refused_in_each_place(self, problem, params):
        right = RIGHT.evaluate(problem, params)
        weights = (
            np.abs(likelihood.expected_weights(problem, params)) + row_contributions(problem, params).sum(axis=1)[:, None, None]
        )
        size = np.einsum("nab,ni,nj->aibj", weights, np.abs(problem.design), np.abs(problem.design)).reshape(
            right.information.shape
        )
        off = tolerances.curvature(problem.n).value * size
        for place in places(size):
            for by in (1.1 * off[place], -1.1 * off[place], np.nan, np.inf):
                wrong = moved(right.information, place, by)
                said = f"information{list(place)} = {float(wrong[place])!r}, expected {float(right.information[place])!r}"
                with refused("curvature", problem, said):
                    assert_same_curvature(problem, params, replace(right, curvature=lambda wrong=wrong: wrong), right)
            nearly = moved(right.information, place, 0.9 * off[place])
            assert_same_curvature(problem, params, replace(right, curvature=lambda nearly=nearly: nearly), right)


class TestOptimum:
    @each_case
    def test_the_optimum_is_admitted(self, problem, params):
        with recording() as collected:
            assert_same_optimum(problem, RIGHT.fit(problem))

        assert collected[0].measure == "optimum"
        assert collected[0].digits > 15
        assert collected[0].required == pytest.approx(min(13, attainable_digits(problem, proven_optimum(problem))))
        assert collected[0].rule == "what a backward stable fit in float64 can know of the worst coefficient"

    @each_case
    def test_a_coefficient_that_is_off_is_refused_in_each_place(self, problem, params):
        right, optimum = RIGHT.fit(problem), proven_optimum(problem)
        free = problem.free(right.params)
        allowed = 10 ** -min(attainable_digits(problem, optimum), 13)
        for place in places(free):
            for by in (1.1 * allowed * abs(free[place]), -1.1 * allowed * abs(free[place])):
                wrong = moved(free, place, by)
                best = float((optimum.centre + optimum.shift)[place])
                said = f"coefficient{list(place)} = {float(wrong[place])!r}, expected {best!r}; "
                with refused(
                    "optimum",
                    problem,
                    said,
                    " standard errors away, ",
                    " nats lost; one optimum, the only one anywhere, known to ",
                ):
                    assert_same_optimum(problem, replace(right, params=problem.params(wrong)))
            with refused("optimum", problem, f"coefficient{list(place)} = "):
                assert_same_optimum(problem, replace(right, params=problem.params(moved(free, place, np.nan))))
            nearly = moved(free, place, 0.9 * allowed * free[place])
            assert_same_optimum(problem, replace(right, params=problem.params(nearly)))

    def test_problems_that_are_planted_or_by_hand_ask_for_thirteen_digits_and_wide_ones_do_not(self):
        for kind, tags, planted in (
            ("by-hand", "", True),
            ("by-construction", "", True),
            ("by-construction", "wide", False),
            ("given", "", False),
            ("published", "", False),
        ):
            problem = replace(CASES[0][0], name=f"{kind} {tags}", kind=kind, tags=frozenset(tags.split()))
            with recording() as collected:
                assert_same_optimum(problem, RIGHT.fit(problem))
            assert ("of a planted problem" in collected[0].rule) is planted
            assert collected[0].required <= 13.0

    def test_a_planted_coefficient_next_to_zero_is_worth_its_standard_error(self):
        """A slope of 5e-7 with a standard error of 0.6, moved by 1e-14: 8 digits of the one, 14 of the other."""
        model = problems.get("gaussian-identity").model
        flat = problems.Problem.of("flat", model, [[-1.0], [0.0], [1.0]], [[1.0], [0.0], [1.000001]])
        flat = replace(flat, kind="by-construction")
        right = RIGHT.fit(flat)
        near, far = (replace(right, params=Params(right.params.intercept, right.params.coef + by)) for by in (1e-14, 1e-12))

        assert_same_optimum(flat, near)
        with pytest.raises(AssertionError, match="not the same optimum"):
            assert_same_optimum(flat, far)

    def test_a_fit_that_did_not_converge_is_no_verdict(self):
        problem = CASES[0][0]
        fit = replace(RIGHT.fit(problem), converged=False, reason="tired")
        message = r"^precondition failed: convergence: tiny poisson: the fit did not converge after 5 iterations: tired$"

        with recording() as collected, pytest.raises(PreconditionFailed, match=message):
            assert_same_optimum(problem, fit)
        with pytest.raises(PreconditionFailed, match="did not converge after 5 iterations: tired"):
            assert_as_published(
                problems.get("noint1"), replace(RIGHT.fit(problems.get("noint1")), converged=False, reason="tired")
            )
        assert collected == []

    def test_so_is_one_of_an_engine_that_counts_no_iterations(self):
        """What an engine does not compute is no part of a verdict, nor of the words of one."""

        class Uncounted(Formulas):
            def fit(self, problem):
                return replace(super().fit(problem), converged=False, iterations=None, reason="tired")

        fit = Checked(Uncounted()).fit(CASES[0][0])
        with pytest.raises(PreconditionFailed, match="tiny poisson: the fit did not converge: tired"):
            assert_same_optimum(CASES[0][0], fit)
        assert repr(fit) == "PartialFit without iterations"

    def test_an_optimum_is_proven_once(self, monkeypatch):
        problem, proofs = Problem.of("once", COUNTS, X, COUNTED), []
        monkeypatch.setattr(rungs, "enclose", lambda problem: proofs.append(problem) or object())

        assert proven_optimum(problem) is proven_optimum(problem)
        assert proofs == [problem]

    def test_errors_are_relative_to_the_optimum_and_absolute_where_that_may_be_zero(self):
        optimum = proven_optimum(CASES[0][0])
        centred = replace(optimum, centre=np.array([[4.0], [0.0], [-0.5]]), shift=np.zeros((3, 1)), radius=np.zeros((3, 1)))

        errors = relative_errors(centred, Params([4.5], [[0.25], [-1.0]]))

        assert close(errors, [[0.125], [0.25], [1.0]], rtol=1e-8)
        assert (errors >= [[0.125], [0.25], [1.0]]).all()

    def test_distance_in_standard_errors_is_the_largest(self):
        optimum = proven_optimum(CASES[0][0])
        free = optimum.centre + optimum.shift

        away = optimum.problem.params(free + optimum.standard_errors * [[0.5], [-2.0], [1.0]])

        assert type(standard_errors_away(optimum, away)) is float
        assert standard_errors_away(optimum, away) == pytest.approx(2.0)

    def test_distance_from_a_perfect_fit_divides_by_no_zero(self):
        problem = Problem.of("a line", OLS, [[0.0], [1.0], [2.0]], [[1.0], [3.0], [5.0]])

        assert standard_errors_away(proven_optimum(problem), Params([1.0], [[2.0]])) == 0
        assert standard_errors_away(proven_optimum(problem), Params([1.0], [[2.5]])) > 1e300


class TestAttainable:
    def test_attainable_errors_are_what_the_rounding_of_rows_and_of_their_products_moves(self):
        for problem, _ in CASES:
            optimum = proven_optimum(problem)
            rows = row_contributions(problem, optimum.params)[:, problem.k - problem.free_outputs :]
            weights = likelihood.expected_weights(problem, optimum.params)
            length = math.sqrt(
                sum(rows[i, a] ** 2 / weights[i, a, a] for i in range(problem.n) for a in range(problem.free_outputs))
            )
            covariance = np.linalg.inv(likelihood.expected_information(problem, optimum.params))
            scores = likelihood.row_scores(problem, optimum.params)
            products = [
                sum(abs(problem.design[:, j] * scores[:, a])) for a in range(problem.free_outputs) for j in range(problem.q)
            ]
            carried = (np.abs(covariance) @ products).reshape(problem.free_outputs, problem.q).T
            expected = UNIT * (32 * problem.q * length * optimum.unit_standard_errors + carried)

            assert close(attainable_errors(problem, optimum), expected, rtol=1e-12)
            worst = (expected / np.abs(optimum.centre)).max()
            assert attainable_digits(problem, optimum) == pytest.approx(-math.log10(worst), rel=1e-9)

    def test_attainable_errors_are_in_the_units_of_the_response_and_of_the_columns(self):
        one = Problem.of("metres", OLS, X, REALS)
        other = Problem.of("inches", OLS, X * [4.0, 0.5], 8 * REALS)

        errors = attainable_errors(one, proven_optimum(one))
        rescaled = attainable_errors(other, proven_optimum(other))

        assert close(rescaled, errors * [[8.0], [2.0], [16.0]], rtol=1e-10)
        assert attainable_digits(one, proven_optimum(one)) == pytest.approx(attainable_digits(other, proven_optimum(other)))

    def test_in_whatever_order_the_rows_stand_a_fit_knows_as_much(self, rng):
        """Wampler5 has residuals of a thousand on columns of a condition of millions: of some orders 5.4 digits come out."""
        problem = problems.get("wampler5")
        optimum = proven_optimum(problem)
        for _ in range(24):
            order = rng.permutation(problem.n)
            shuffled = Problem.of("shuffled", OLS, problem.X[order], problem.y[order])

            def value_and_score(params, shuffled=shuffled):
                return likelihood.kernel(shuffled, params), likelihood.score(shuffled, params)

            fit = scoring.ascend(shuffled, value_and_score, likelihood.null_params(shuffled))

            assert (optimum.distance(fit.params) < attainable_errors(problem, optimum)).all()

    def test_rows_of_weight_zero_cost_nothing(self):
        one = Problem.of("one", COUNTS, X, COUNTED)
        more = Problem.of("more", COUNTS, np.vstack([X, X]), np.vstack([COUNTED, COUNTED]), weights=[1.0] * 8 + [0.0] * 8)

        assert close(attainable_errors(more, proven_optimum(more)), attainable_errors(one, proven_optimum(one)), rtol=1e-10)


class TestValues:
    PROBLEM = CASES[0][0]

    def test_entries_are_held_one_by_one_relative_to_the_other_s(self):
        other, tolerance = np.array([[4.0, -8.0], [0.5, 2.0]]), Tolerance(1e-6, "a millionth")
        for place in places(other):
            for by in (1.1e-6 * other[place], -1.1e-6 * other[place], np.nan, np.inf):
                wrong = moved(other, place, by)
                said = f"numbers{list(place)} = {float(wrong[place])!r}, expected {float(other[place])!r}"
                with refused("numbers", self.PROBLEM, said):
                    assert_same_values("numbers", self.PROBLEM, wrong, other, tolerance)
            with recording() as collected:
                assert_same_values("numbers", self.PROBLEM, moved(other, place, 0.9e-6 * other[place]), other, tolerance)
            assert collected[0] == Measurement("numbers", str(self.PROBLEM), pytest.approx(6.05, abs=0.01), 6.0, "a millionth")

    def test_or_relative_to_a_size(self):
        other, size, tolerance = np.array([4.0, 0.0]), np.array([100.0, 1.0]), Tolerance(1e-6, "")
        for place, by in (((0,), 1e-4), ((1,), 1e-6)):
            assert_same_values("numbers", self.PROBLEM, moved(other, place, 0.9 * by), other, tolerance, size)
            with refused("numbers", self.PROBLEM):
                assert_same_values("numbers", self.PROBLEM, moved(other, place, 1.1 * by), other, tolerance, size)

    def test_zero_is_zero_and_nothing_else_is(self):
        assert_same_values("numbers", self.PROBLEM, 0.0, 0.0, Tolerance(1e-6, ""))
        assert_same_values("numbers", self.PROBLEM, [0, 1], [0, 1], tolerances.unchanged())
        with refused("numbers", self.PROBLEM, "numbers[0] = 1e-300, expected 0.0"):
            assert_same_values("numbers", self.PROBLEM, 1e-300, 0.0, Tolerance(1e-6, ""))
        for mine, other in ((np.nan, np.nan), (None, 1.0)):
            with refused("numbers", self.PROBLEM, "numbers[0] = nan"):
                assert_same_values("numbers", self.PROBLEM, mine, other, Tolerance(1e-6, ""))

    def test_another_shape_is_refused(self):
        with pytest.raises(AssertionError, match=r"^not the same numbers: shape \(1,\), expected \(2, 1\)"):
            assert_same_values("numbers", self.PROBLEM, 1.0, [[1.0], [1.0]], Tolerance(1.0, ""))


SATURATED = Problem.of("saturated", COUNTS, np.eye(3)[:, 1:], [[1.0], [2.0], [5.0]])
INFERRED = [CASES[0][0], CASES[1][0], CASES[3][0], SATURATED]


class TestFitted:
    def test_what_did_not_converge_is_a_failed_precondition(self):
        """As its inference is: it is neither wrong nor broken."""

        class Hurried(Formulas):
            def fit(self, problem):
                return replace(super().fit(problem), converged=False, reason="it had no time")

        problem, engine = CASES[0][0], Hurried()
        with pytest.raises(PreconditionFailed, match=r"the fit did not converge.*: it had no time"):
            fitted(problem, engine)
        with pytest.raises(PreconditionFailed, match="the fit did not converge"):
            inferred(problem, engine)


each_inferred = pytest.mark.parametrize("problem", INFERRED, ids=str)


def entry_sizes(problem: Problem, right) -> dict[str, np.ndarray]:
    """What each entry is known relative to: residuals to what they are differences of, tails to what moves them."""
    mean = problem.y - right.response_residuals
    both = np.abs(problem.y) + np.abs(mean)
    standardised = both * np.sqrt(problem.row_weights / problem.model.family.variance(mean))
    known = {entry: np.abs(value) for entry, value in vars(right).items() if value is not None}
    known["response_residuals"] = both
    known["p_values"] = right.p_values * (1 + right.statistics**2)
    if problem.k == 1:
        known |= {"pearson_residuals": standardised, "deviance_residuals": standardised**2}
    if problem is SATURATED:  # one of its coefficients is zero, and known beside 1
        known["deviance"] = 3.0
        is_zero = np.abs(right.statistics) < 1e-12
        assert is_zero.any()
        known["statistics"] = np.where(is_zero, 1 / right.standard_errors, np.abs(right.statistics))
    return known


class TestInference:
    @each_inferred
    def test_each_entry_is_held_to_its_size_in_each_place(self, problem):
        right = inferred(problem, RIGHT)
        tolerance = tolerances.inference(attainable_digits(problem, proven_optimum(problem)))

        with recording() as collected:
            assert_same_inference(problem, right, right)
        assert [m.measure for m in collected] == [f"inference ({e})" for e, value in vars(right).items() if value is not None]
        assert {(m.digits, m.required, m.rule) for m in collected} == {(16.0, tolerance.digits, tolerance.reason)}
        for entry, size in entry_sizes(problem, right).items():
            value = np.asarray(getattr(right, entry), dtype=float)
            for place in places(value):
                if np.broadcast_to(size, value.shape)[place] == 0:
                    continue
                for factor, sign in ((0.8, 1), (0.8, -1), (1.2, 1), (1.2, -1)):
                    by = factor * sign * tolerance.value * np.broadcast_to(size, value.shape)[place]
                    wrong = moved(value, place, by)
                    if entry == "deviance_residuals":
                        square = np.sign(value[place]) * value[place] ** 2 + by
                        wrong[place] = np.sign(square) * np.sqrt(abs(square))
                    mine = replace(right, **{entry: wrong})
                    if factor < 1:
                        assert_same_inference(problem, mine, right)
                    else:
                        with refused(rf"inference \({entry}\)", problem):
                            assert_same_inference(problem, mine, right)
                with refused(rf"inference \({entry}\)", problem):
                    assert_same_inference(problem, replace(right, **{entry: moved(value, place, np.nan)}), right)

    def test_what_the_other_leaves_out_is_held_to_the_formulas(self):
        problem = CASES[0][0]
        right = inferred(problem, RIGHT)

        for entry in ("aic", "wald", "leverage", "mean_interval"):
            without, wrong = replace(right, **{entry: None}), replace(right, **{entry: getattr(right, entry) * 1.01})
            assert_same_inference(problem, right, without)
            with refused(rf"inference \({entry}\)", problem):
                assert_same_inference(problem, wrong, without)

    def test_the_statistic_of_a_coefficient_that_is_zero_is_held_as_one_of_1_is(self):
        """Counts with the mean 1: a program leaves 1e-17 of log 1 = 0, and has no digit of it."""
        y = np.resize([0.0, 1.0, 2.0], (30, 1))
        problem = Problem.of("counts with the mean 1", Model(Poisson(), Log()), np.ones((30, 1)), y, intercept=False)
        right = inferred(problem, RIGHT)
        zero = replace(right, statistics=np.zeros((1, 1)))

        assert_same_inference(problem, replace(right, statistics=np.full((1, 1), 1e-15)), zero)
        with refused(r"inference \(statistics\)", problem):
            assert_same_inference(problem, replace(right, statistics=np.full((1, 1), 1e-8)), zero)

    def test_what_i_leave_out_is_not_judged_and_the_rest_is(self):
        problem = CASES[0][0]
        right = inferred(problem, RIGHT)

        for entry in ("aic", "wald", "leverage", "dispersion"):
            assert_same_inference(problem, replace(right, **{entry: None}), right)
            with refused(r"inference \(p_values\)", problem):
                assert_same_inference(problem, replace(right, **{entry: None, "p_values": right.p_values * 1.01}), right)

    def test_who_leaves_out_all_declines(self):
        problem = CASES[0][0]
        nothing = Inference(**dict.fromkeys(vars(inferred(problem, RIGHT))))

        with pytest.raises(Declined, match=r"none of dispersion, .* is computed"):
            assert_same_inference(problem, nothing, inferred(problem, RIGHT))
        with pytest.raises(Declined, match=r"none of standard_errors, .* is computed"):
            assert_proven_inference(problem, nothing)

    def test_nobody_has_what_there_is_none_of(self):
        softmax = CASES[3][0]
        right = inferred(softmax, RIGHT)

        with pytest.raises(AssertionError, match=r"^not the same inference \(leverage\): .*, where tiny softmax has none$"):
            assert_same_inference(softmax, replace(right, leverage=1.0), right)

    def test_an_end_without_a_mean_is_none_for_both(self):
        problem = CASES[0][0]
        right = inferred(problem, RIGHT)
        without = replace(right, mean_interval=moved(right.mean_interval, (2, 0), np.nan))

        assert_same_inference(problem, without, without)
        for mine, other in ((without, right), (right, without)):
            with refused(r"inference \(mean_interval\)", problem, "mean_interval)[2, 0] = "):
                assert_same_inference(problem, mine, other)

    def test_ten_digits_or_what_the_problem_leaves(self):
        assert tolerances.inference() == tolerances.inference(12.0) == Tolerance(1e-10, "10 digits of each number")
        assert tolerances.inference(10.0) == tolerances.inference()
        reason = "10 digits of each number, or what float64 can know of the worst coefficient"
        assert tolerances.inference(7.5) == Tolerance(10**-7.5, reason)
        assert tolerances.INFERENCE_DIGITS == 10.0

    def test_an_engine_is_checked_once(self):
        problem, checked = CASES[0][0], Checked(RIGHT)

        assert inferred(problem, checked) is inferred(problem, checked)
        assert inferred(problem, RIGHT) is not inferred(problem, RIGHT)

    def test_singular_information_is_no_verdict(self):
        class Flat(Right):
            def evaluate(self, problem, params):
                return replace(super().evaluate(problem, params), curvature=lambda: np.zeros((3, 3)))

        message = "precondition failed: information: tiny poisson: the information at the fit of right is singular"
        for flat in (Flat(), Checked(Flat())):
            with pytest.raises(PreconditionFailed, match=f"^{message}$") as caught:
                inferred(CASES[0][0], flat)
            assert isinstance(caught.value.__cause__, np.linalg.LinAlgError)


class TestNumbersOfAnAnswer:
    @each_case
    def test_each_number_of_a_fit_is_held_to_the_proven_optimum(self, problem, params):
        right = TEXTBOOK.fit(problem)
        assert_same_numbers(problem, right)

        for entry in ("deviance", "log_likelihood", "standard_errors"):
            for factor in (1 + 1e-8, 1 - 1e-8, 2.0):
                with refused(f"{entry} of the fit", problem):
                    assert_same_numbers(problem, replace(right, **{entry: getattr(right, entry) * factor}))
        for count in (-1, 2.5):
            with pytest.raises(AssertionError, match=f"^not the same iterations of the fit: {count} is no count$"):
                assert_same_numbers(problem, replace(right, iterations=count))

    def test_what_is_not_computed_is_not_judged_and_who_computes_nothing_declines(self):
        problem, _ = CASES[0]
        right = TEXTBOOK.fit(problem)
        assert_same_numbers(problem, replace(right, deviance=None, standard_errors=None, iterations=None))
        with refused("log_likelihood of the fit", problem):
            assert_same_numbers(problem, replace(right, deviance=None, log_likelihood=0.0))

        nothing = dict.fromkeys(("deviance", "log_likelihood", "standard_errors", "iterations"))
        with pytest.raises(Declined, match=r"^none of iterations, deviance, .* is computed$"):
            assert_same_numbers(problem, replace(right, **nothing))
        with pytest.raises(Declined, match=r"^the engine gives no deviance and no iterations$"):
            given(replace(right, **nothing), "deviance", "iterations")
        assert given(right, "deviance", "converged") == (right.deviance, True)

    @each_case
    def test_a_log_likelihood_is_held_to_the_terms_that_it_is_summed_from(self, problem, params):
        right, size = TEXTBOOK.evaluate(problem, params), sizes.likelihood_size(problem, params)
        allowed = tolerances.loss(problem.n).value * float(size)

        for by in (0.9 * allowed, -0.9 * allowed):
            assert_same_likelihood(problem, params, replace(right, log_likelihood=right.log_likelihood + by))
        for by in (1.2 * allowed, -1.2 * allowed, np.nan):
            with refused("log-likelihood", problem):
                assert_same_likelihood(problem, params, replace(right, log_likelihood=right.log_likelihood + by))


class TestProvenInference:
    @each_inferred
    def test_errors_dispersion_and_deviance_have_ten_digits_in_each_place(self, problem):
        right = inferred(problem, RIGHT)
        known = entry_sizes(problem, right)

        with recording() as collected:
            assert_proven_inference(problem, right)
        entries = ("standard_errors", "observed_standard_errors", "dispersion", "deviance")
        assert [m.measure for m in collected] == [f"proven {entry}" for entry in entries]
        assert {(m.required, m.rule) for m in collected} == {(10.0, "10 digits of each number")}
        for entry in entries:
            value = np.asarray(getattr(right, entry), dtype=float)
            for place in places(value):
                size = np.broadcast_to(known[entry], value.shape)[place]
                for by in (1.1e-10 * size, -1.1e-10 * size, np.nan):
                    with refused(f"proven {entry}", problem):
                        assert_proven_inference(problem, replace(right, **{entry: moved(value, place, by)}))
                for by in (0.9e-10 * size, -0.9e-10 * size):
                    assert_proven_inference(problem, replace(right, **{entry: moved(value, place, by)}))

    def test_the_distance_is_to_the_far_side_of_the_ball(self, monkeypatch):
        problem = CASES[0][0]
        right, exact = inferred(problem, RIGHT), exact_inference(problem, proven_optimum(problem))
        ball = arb(4.0, 1e-10)
        monkeypatch.setattr(rungs, "exact_inference", lambda *_: Exact(*list(vars(exact).values())[:3], ball))

        for deviance, admitted in (
            (4.0, True),
            (4 + 2.9e-10, True),
            (4 - 2.9e-10, True),
            (4 + 3.1e-10, False),
            (4 - 3.1e-10, False),
        ):
            if admitted:
                assert_proven_inference(problem, replace(right, deviance=deviance))
            else:
                with refused("proven deviance", problem, "expected 4.0"):
                    assert_proven_inference(problem, replace(right, deviance=deviance))

    @pytest.mark.parametrize("ball", [arb("nan"), arb(4.0, 1.0)], ids=["nan", "wide"])
    def test_a_ball_that_is_wide_admits_nothing(self, ball, monkeypatch):
        problem = CASES[0][0]
        right, exact = inferred(problem, RIGHT), exact_inference(problem, proven_optimum(problem))
        monkeypatch.setattr(rungs, "exact_inference", lambda *_: Exact(*list(vars(exact).values())[:3], ball))

        with refused("proven deviance", problem):
            assert_proven_inference(problem, replace(right, deviance=4.0))


WRONG = {
    "mean": {"mean": lambda mean: mean * 1.01},
    "objective": {"loss": lambda loss: loss**2},
    "gradient": {"score": lambda score: score + 1},
    "curvature": {"curvature": lambda curvature: lambda: 1.01 * curvature()},
    "optimum": {"params": lambda params: Params(params.intercept + 1e-3, params.coef)},
}


class TestClimb:
    class Odd(Right):
        """Wrong in one answer only."""

        def __init__(self, **wrong):
            self.wrong = wrong

        def evaluate(self, problem, params):
            right = super().evaluate(problem, params)
            return replace(
                right, **{name: change(getattr(right, name)) for name, change in self.wrong.items() if name != "params"}
            )

        def fit(self, problem):
            fit = super().fit(problem)
            return replace(fit, params=self.wrong["params"](fit.params)) if "params" in self.wrong else fit

    @pytest.mark.parametrize("rung", WRONG)
    @pytest.mark.parametrize("spoiled", WRONG)
    def test_a_rung_refuses_what_spoils_it_and_nothing_else(self, rung, spoiled):
        problem, params = CASES[0]
        wrong = self.Odd(**WRONG[spoiled])

        assert_same(rung, problem, params, RIGHT, RIGHT)
        if rung == spoiled:
            with refused(rung, problem):
                assert_same(rung, problem, params, wrong, RIGHT)
        else:
            assert_same(rung, problem, params, wrong, RIGHT)
        if rung in ("gradient", "curvature") and rung == spoiled:
            with refused(rung, problem):
                assert_same(rung, problem, params, RIGHT, wrong)

    def test_the_objective_is_compared_between_the_point_and_the_null_model(self):
        asked = []

        class Watched(Right):
            def evaluate(self, problem, params):
                asked.append(params)
                return super().evaluate(problem, params)

        problem, params = CASES[0]
        assert_same("objective", problem, params, Watched(), RIGHT)

        null = likelihood.null_params(problem).matrix
        assert asked[0] is params
        assert np.array_equal(asked[1].matrix, (params.matrix + null) / 2)  # and the point halfway, where a bowl is lower
        assert np.array_equal(asked[2].matrix, null)

    @pytest.mark.parametrize("spoiled", WRONG)
    def test_the_last_rung_stands_on_means_curvature_and_optimum(self, spoiled):
        problem, params = CASES[0]
        wrong = self.Odd(**WRONG[spoiled])

        assert_same("inference", problem, params, RIGHT, RIGHT)
        for mine, other in ((wrong, RIGHT), (RIGHT, wrong)):
            if spoiled in ("mean", "curvature", "optimum"):
                with refused(r"inference \(\w+\)", problem):
                    assert_same("inference", problem, params, mine, other)
            else:
                assert_same("inference", problem, params, mine, other)

    def test_a_rung_of_another_name_is_an_error(self):
        message = "no rung is called 'means'; the rungs are mean, objective, gradient, curvature, optimum, inference"
        with pytest.raises(ValueError, match=f"^{message}$"):
            assert_same("means", *CASES[0], RIGHT, RIGHT)


class TestPrinted:
    def printed(self, *numbers, true=(), y=REALS, **more) -> Problem:
        problem = Problem.of("printed", OLS, X, y, **more)
        published = Published(tuple((n,) for n in numbers), true_coefficients=tuple((n,) for n in true))
        return replace(problem, published=published)

    def test_each_digit_in_print_is_required_and_no_more(self):
        optimum = proven_optimum(self.printed("0", "0", "0"))
        exact = [
            Decimal(c) + Decimal(s) for c, s in zip(optimum.centre[:, 0].tolist(), optimum.shift[:, 0].tolist(), strict=True)
        ]
        for places_ in (2, 5, 12):
            unit = Decimal(1).scaleb(-places_)
            rounded = [str(value.quantize(unit)) for value in exact]
            with recording() as collected:
                assert_as_published(self.printed(*rounded), RIGHT.fit(self.printed(*rounded)))
                assert_print_is_true(self.printed(*rounded))
            assert {m.measure for m in collected} == {"published digits"}
            assert {m.problem for m in collected} == {"printed"}
            for place in range(3):
                for step in (unit, -unit):
                    wrong = list(rounded)
                    wrong[place] = str(Decimal(rounded[place]) + step)
                    problem = self.printed(*wrong)
                    said = f"coefficient[{place}, 0] = "
                    with refused("published digits", problem, said, f"expected {float(wrong[place])!r}"):
                        assert_as_published(problem, RIGHT.fit(problem))
                    with refused("published digits", problem, said):
                        assert_print_is_true(problem)
                    corrected = self.printed(*wrong, true=rounded)
                    assert_as_published(corrected, RIGHT.fit(corrected))
                    assert_print_is_true(corrected)

    def test_a_fit_that_is_no_number_is_refused(self):
        problem = problems.get("noint1")
        fit = RIGHT.fit(problem)

        with refused("published digits", problem, "coefficient[0, 0] = nan"):
            assert_as_published(problem, replace(fit, params=Params([0.0], [[np.nan]])))

    def test_what_float64_cannot_know_is_not_asked_of_it_and_the_rule_says_so(self):
        values = np.array([[0.5], [-1.0], [2.0]])
        exact = ("0.5000000000000000000001", "-1", "2.00000000000000000000")
        problem = self.printed(*exact)
        slack = np.array([[1e-15], [1e-15], [1e-15]])
        for free, held in ((values, True), (moved(values, (0, 0), 1.5e-15), False), (moved(values, (1, 0), 0.4), True)):
            with recording() as collected:
                if held:
                    published.judge_printed(problem, "entry", free, problem.published.coefficients, slack)
                else:
                    with refused("published digits", problem, "entry[0, 0] = "):
                        published.judge_printed(problem, "entry", free, problem.published.coefficients, slack)
            assert collected[0].rule == "half a unit in the last printed digit, or what float64 can know"
            assert math.isnan(collected[0].required)
        with recording() as collected:
            published.judge_printed(problem, "entry", values, (("0.5",), ("-1.0",), ("2.0",)), slack)
            published.judge_printed(problem, "entry", values, (("0.5",), ("-1.0",), ("2.0",)), np.full((3, 1), 0.05))
        assert [m.rule.partition(",")[::2] for m in collected] == [
            ("half a unit in the last printed digit", ""),
            ("half a unit in the last printed digit", " or what float64 can know"),
        ]
        for found in (values[1:], values[:, :0]):
            with pytest.raises(ValueError, match=r"zip\(\)"):
                published.judge_printed(problem, "entry", found, problem.published.coefficients, slack)

    def test_digits_are_relative_to_what_is_printed_and_absolute_where_that_is_zero(self):
        slack = np.zeros((3, 1))
        for free, expected in (
            ([[100.1], [1.0], [0.0]], 3),
            ([[100.0], [1.01], [0.0]], 2),
            ([[100.0], [1.0], [0.1]], 1),
            ([[-100.0], [1.0], [0.0]], 0),
        ):
            with recording() as collected, suppress(AssertionError):
                printed = self.printed("100.00", "1.0", "0")
                published.judge_printed(printed, "entry", np.array(free), printed.published.coefficients, slack)
            assert collected[0].digits == pytest.approx(expected, abs=1e-9)

    def test_the_difference_from_the_print_is_taken_exactly(self):
        problem = self.printed("0.1000000000000000055511151231257827", "1.0", "1.0")
        table = problem.published.coefficients
        with refused("published digits", problem):
            published.judge_printed(problem, "", np.array([[0.1 + 2**-56], [1.0], [1.0]]), table, np.zeros((3, 1)))
        published.judge_printed(problem, "", np.array([[0.1], [1.0], [1.0]]), table, np.zeros((3, 1)))

    def test_a_problem_that_is_not_in_print_is_an_error(self):
        problem = CASES[0][0]
        asks = (
            lambda: assert_print_is_true(problem),
            lambda: assert_as_published(problem, RIGHT.fit(problem)),
            lambda: assert_inference_as_published(problem, inferred(problem, RIGHT)),
        )
        for ask in asks:
            with pytest.raises(AssertionError, match=r"^tiny poisson has no published answer"):
                ask()

    def test_a_print_is_held_to_the_optimum_and_its_radius(self, monkeypatch):
        seen = {}
        problem = problems.get("spector-logit")
        monkeypatch.setattr(
            published,
            "judge_printed",
            lambda _, what, found, printed, slack, by=None: seen.update(
                what=what, found=found, printed=printed, slack=slack, by=by
            ),
        )
        optimum = proven_optimum(problem)

        assert_print_is_true(problem)
        assert np.array_equal(seen["found"], optimum.centre + optimum.shift)
        assert close(seen["slack"], optimum.radius + 2 * UNIT * np.abs(optimum.centre), rtol=1e-12)

        fit = RIGHT.fit(problem)
        assert_as_published(problem, fit)
        assert (seen["what"], seen["printed"], seen["by"]) == ("coefficient", problem.published.true_coefficients, fit)
        assert np.array_equal(seen["found"], problem.free(optimum.params))
        assert close(seen["slack"], attainable_errors(problem, optimum))

    @pytest.mark.parametrize(("attainable", "relative"), [(10.0, 1e-10), (15.0, (32 + 64) * UNIT)])
    def test_inference_in_print_is_held_to_what_float64_knows(self, attainable, relative, monkeypatch):
        """The slack is that of the worst coefficient or of a sum over the rows, whichever is known less well."""
        problem, seen = problems.get("spector-logit"), []
        monkeypatch.setattr(published, "judge_printed", lambda problem, *seen_: seen.append(seen_))
        monkeypatch.setattr(published, "attainable_digits", lambda *_: attainable)
        inference = inferred(problem, RIGHT)

        assert_inference_as_published(problem, inference)

        statistics = problem.published.true_statistics
        assert [what for what, *_ in seen] == ["standard error", *statistics]
        assert [printed for _, _, printed, _ in seen[1:]] == [((number,),) for number in statistics.values()]
        assert seen[0][2] == problem.published.true_standard_errors
        for what, found, _, slack in seen:
            value = inference.standard_errors if what == "standard error" else np.array([[getattr(inference, what)]])
            assert np.array_equal(found, value)
            assert close(slack, relative * np.abs(value))

    def test_each_digit_of_inference_in_print_is_required(self):
        problem = problems.get("spector-logit")
        inference, published = inferred(problem, RIGHT), problem.published

        assert_inference_as_published(problem, inference)
        assert_inference_as_published(problem, inference, published)
        for name in published.true_statistics:
            with refused("published digits", problem, f"{name}[0, 0] = "):
                assert_inference_as_published(problem, replace(inference, **{name: getattr(inference, name) * (1 + 1e-9)}))
        for j in range(4):
            wrong = moved(inference.standard_errors, (j, 0), 1e-9)
            with refused("published digits", problem, f"standard error[{j}, 0] = "):
                assert_inference_as_published(problem, replace(inference, standard_errors=wrong))
            assert_inference_as_published(problem, replace(inference, observed_standard_errors=wrong))
        other = replace(published, true_statistics={"deviance": "7.5"})
        with refused("published digits", problem, "deviance[0, 0] = ", "expected 7.5"):
            assert_inference_as_published(problem, inference, other)

    def test_errors_printed_from_the_observed_information_are_held_to_that(self):
        problem = replace(problems.get("spector-logit"), tags=frozenset({"observed-information"}))
        inference = inferred(problem, RIGHT)
        wrong = inference.standard_errors + 1e-9

        assert_inference_as_published(problem, replace(inference, standard_errors=wrong))
        with refused("published digits", problem, "standard error["):
            assert_inference_as_published(problem, replace(inference, observed_standard_errors=wrong))

    @pytest.mark.parametrize(
        ("printed", "half"),
        [
            ("1.25", 0.005),
            ("-3.0", 0.05),
            ("7", 0.5),
            (".5", 0.05),
            ("1200", 0.5),
            ("6e-1", 0.05),
            ("1.5e3", 50.0),
            ("1.50E-10", 5e-13),
            ("2e2", 50.0),
            ("0.000", 0.0005),
        ],
    )
    def test_half_a_unit_is_of_the_last_digit_in_print(self, printed, half):
        assert half_unit(printed) == half
        assert type(half_unit(printed)) is float

    def test_half_a_unit_of_no_number_is_an_error(self):
        with pytest.raises(AssertionError, match=r"^'NaN' is not a number in print"):
            half_unit("NaN")


class TestRecord:
    @pytest.mark.parametrize(
        ("error", "found"),
        [
            (0.0, 16.0),
            (1e-300, 16.0),
            (1e-16, 16.0),
            (1.0000001e-16, pytest.approx(16, abs=1e-7)),
            (1e-13, 13.0),
            (0.1, 1.0),
            (0.5, -math.log10(0.5)),
            (1.0, 0.0),
            (2.0, 0.0),
            (float("inf"), 0.0),
            (float("nan"), 0.0),
        ],
    )
    def test_digits_are_those_of_the_relative_error_from_0_to_16(self, error, found):
        assert digits(error) == found
        assert type(digits(error)) is float
        assert digits(np.float64(error)) == found

    def test_measurements_are_collected_inside_the_block_and_nowhere_else(self):
        problem, tolerance = CASES[0][0], Tolerance(1e-3, "a thousandth")
        judge.judge("before", problem, 0.0, tolerance, "nothing")
        with recording() as outer:
            judge.judge("first", problem, 1e-4, tolerance, "nothing")
            with recording() as inner:
                judge.judge("second", problem, 1e-5, tolerance, "nothing", 1e-2)
            judge.judge("third", problem, 0.0, tolerance, "nothing")
        judge.judge("after", problem, 0.0, tolerance, "nothing")

        assert outer == [
            Measurement("first", "tiny poisson", 4.0, 3.0, "a thousandth"),
            Measurement("third", "tiny poisson", 16.0, 3.0, "a thousandth"),
        ]
        assert [(m.measure, m.digits, math.isnan(m.required), m.rule) for m in inner] == [("second", 2.0, True, "a thousandth")]
        with pytest.raises(FrozenInstanceError):
            outer[0].digits = 16.0

    def test_a_block_that_ends_in_an_error_is_over(self):
        problem, tolerance = CASES[0][0], Tolerance(1e-3, "a thousandth")
        with recording() as outer:
            with pytest.raises(AssertionError), recording() as inner:
                judge.judge("refused", problem, 1.0, tolerance, "nothing")
            judge.judge("admitted", problem, 0.0, tolerance, "nothing")

        assert [m.measure for m in inner] == ["refused"]
        assert [m.measure for m in outer] == ["admitted"]

    def test_a_refusal_says_both_values_the_tolerance_the_problem_and_a_line_to_run(self, monkeypatch):
        monkeypatch.delenv("PYTEST_CURRENT_TEST")
        problem = Problem.of("it's", COUNTS, X, COUNTED)
        message = (
            "not the same thing: 2.7 digits agree; the error is 0.002, 0.001 is allowed\n"
            "  tolerance  a thousandth\n"
            "  problem    it's: poisson-log, 8 rows, 2 columns, 1 output\n"
            "  found      this, expected that\n"
            "  reproduce  this problem is in no list: its data are those of the object that was judged"
        )

        with pytest.raises(AssertionError) as caught:
            judge.judge("thing", problem, 0.002, Tolerance(1e-3, "a thousandth"), "this, expected that")

        assert str(caught.value) == message

    def test_a_problem_says_what_it_has_beside_x_and_y(self):
        problem = Problem.of("all", COUNTS, X, COUNTED, intercept=False, offset=0.1 * COUNTED, weights=COUNTED[:, 0] + 1)

        assert judge.describe(problem) == (
            "all: poisson-log, 8 rows, 2 columns, 1 output, with offset, with weights, without an intercept"
        )
        assert judge.describe(replace(problem, quasi=True)).endswith(", without an intercept, quasi-likelihood")

    def test_the_line_that_reproduces_a_listed_problem_runs(self, monkeypatch):
        """With all that the problem has, and at the seed of the run."""
        monkeypatch.setenv("SPEC_SEED", "7")
        line = judge.reproduce(problems.get("by-hand-binomial-logit-saturated-2x2"))
        ran = subprocess.run(
            line.replace("python", shlex.quote(sys.executable), 1),
            shell=True,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )

        assert line.startswith("SPEC_SEED=7 python -c ")
        assert "p.data.X, p.data.y, p.data.trials" in line
        assert "[[" in ran.stdout

    def test_the_line_that_reproduces_a_derived_problem_is_that_of_its_test(self):
        """Also of one that has a listed problem's name."""
        listed = problems.get("poisson-log")
        for problem in (listed.with_data("totals", X=X), replace(listed, intercept=False)):
            assert judge.reproduce(problem) == "the test makes this problem of another: run it again"

    @pytest.mark.parametrize("error", [1.0000001e-3, 1.0, float("inf"), float("nan")])
    def test_an_error_above_its_tolerance_is_refused(self, error):
        with pytest.raises(AssertionError, match=r"^not the same thing: "):
            judge.judge("thing", CASES[0][0], error, Tolerance(1e-3, ""), "")

    def test_an_error_equal_to_its_tolerance_is_admitted(self):
        assert judge.judge("thing", CASES[0][0], 1e-3, Tolerance(1e-3, ""), "") is None

    @pytest.mark.parametrize(
        ("error", "place"),
        [
            ([[0.0, 1.0], [3.0, 2.0]], [1, 0]),
            ([[0.0, np.inf], [3.0, 2.0]], [0, 1]),
            ([[0.0, 1.0], [3.0, np.nan]], [1, 1]),
            ([[np.nan, np.nan], [np.nan, np.nan]], [0, 0]),
        ],
    )
    def test_the_worst_place_is_the_largest_error_or_else_what_is_no_number(self, error, place):
        mine, other = np.array([[1.5, 2.5], [3.5, 4.5]]), np.array([[10.0, 20.0], [30.0, 40.0]])

        said = judge.worst(np.array(error), mine, other, "entry")

        assert said == f"entry{place} = {float(mine[tuple(place)])!r}, expected {float(other[tuple(place)])!r}"


class TestTolerances:
    def test_values_are_what_the_reasons_say(self):
        reason = "(n + 64) u, relative to the sum of the rows' contributions taken without sign"
        assert tolerances.mean() == Tolerance(
            1.0,
            "4 units in the last place of the mean, plus h' times the rounding of eta "
            "(none on a dyadic grid, but for probit, which scales eta)",
        )
        assert tolerances.loss(1000) == Tolerance(
            1064 * 2.0**-53, "(n + 64) u: a sum of n terms in any order, each good to 64 roundings"
        )
        assert tolerances.gradient(1000) == Tolerance(1064 * 2.0**-53, reason)
        assert tolerances.curvature(1000) == Tolerance(1064 * 2.0**-53, reason)
        planted = "13 digits in the worst coefficient of a planted problem, or in its standard error if that is larger"
        assert tolerances.planted_optimum() == Tolerance(1e-13, planted)
        for attainable, value in ((10.5, 10**-10.5), (13.0, 1e-13), (15.0, 1e-13), (0.0, 1.0)):
            assert tolerances.optimum(attainable) == Tolerance(
                value, "what a backward stable fit in float64 can know of the worst coefficient"
            )
        assert [tolerances.mean_ulps(k) for k in (1, 2, 3, 16)] == [4, 4.5, 5, 11.5]
        assert (tolerances.UNIT, tolerances.MEAN_ULPS, tolerances.FULL_DIGITS) == (UNIT, 4, 13.0)
        assert judge.FLOAT64_DIGITS == 16.0

    @pytest.mark.parametrize(
        ("tolerance", "value"),
        [
            (tolerances.standard_errors(1000, 50.0), 1114 * UNIT),
            (tolerances.single_mean(), 8 * 2.0**-24),
            (tolerances.single_gradient(1000), 1064 * 2.0**-24),
            (tolerances.normalised(1000), 1064 * UNIT),
            (tolerances.descent(1000, 3.0), 2 * 1064 * 3 * UNIT),
            (tolerances.second_order(0.5, 0.125), 4.0),
            (tolerances.stopped(0.5), 1e-8 * 0.5001**2 / (1 - 0.5001**2)),
            (tolerances.cut(10), 74 * UNIT),
            (tolerances.differenced(100, 4), 32 * 20 * UNIT),
            (tolerances.two_zeros(1000, 7.0), 2 * 1064 * 7 * UNIT),
            (tolerances.unchanged(), UNIT),
        ],
        ids=lambda given: given.reason[:24] if isinstance(given, Tolerance) else "",
    )
    def test_values_of_the_others_are_what_their_reasons_say(self, tolerance, value):
        assert tolerance.value == pytest.approx(value, rel=1e-14)
        assert tolerance.digits == -math.log10(tolerance.value)
        assert tolerance.reason.strip() == tolerance.reason != ""

    def test_digits_are_those_of_the_value(self):
        assert Tolerance(1e-13, "").digits == 13.0
        assert Tolerance(0.5, "").digits == pytest.approx(math.log10(2))
        assert Tolerance(1.0, "").digits == 0

    def test_a_tolerance_does_not_change(self):
        with pytest.raises(FrozenInstanceError):
            tolerances.mean().value = 2.0


PLANTED = [
    problems.get(name) for name in ("binomial-logit", "gamma-inverse", "binomial-log", "softmax-3-to-3", "logistic-1-column")
]
GIVEN = [
    *(problem for problem, _ in CASES),
    Problem.of("intercept", COUNTS, np.empty((3, 0)), [[1.0], [2.0], [4.0]]),
    Problem.of("units", COUNTS, X * [1e8, 1e-8], COUNTED),
    Problem.of("a zero column", COUNTS, np.hstack([X, 0 * X[:, :1]]), COUNTED),
]


class TestAnywhere:
    @pytest.mark.parametrize("problem", PLANTED, ids=str)
    def test_points_of_planted_problems_are_near_the_planted_ones_on_the_grid_and_in_the_domain(self, problem, rng):
        params, planted = anywhere(problem, rng), problem.data.planted

        assert likelihood.in_domain(problem, params)
        assert np.array_equal(np.round(params.matrix / PARAMETER_GRID) * PARAMETER_GRID, params.matrix)
        assert (params.matrix != planted.matrix).all()
        assert np.abs(problem.eta(params) - problem.eta(planted)).max() <= 0.25 + 1e-3

    @pytest.mark.parametrize("problem", GIVEN, ids=str)
    def test_points_of_others_are_near_the_null_model_by_a_quarter_of_the_range_of_each_column(self, problem, rng):
        params = anywhere(problem, rng)

        assert likelihood.in_domain(problem, params)
        away = np.abs(params.matrix - likelihood.null_params(problem).matrix)
        largest = np.abs(problem.X).max(axis=0)
        away = away * np.concatenate([[1.0], np.where(largest > 0, largest, 1e-300)])[:, None] * 4 * (1 + problem.p)
        rows = slice(0 if problem.intercept else 1, None)
        assert (away[rows] >= 0.5 - 1e-9).all()
        assert (away[rows] <= 1 + 1e-9).all()
        if not problem.intercept:
            assert (params.intercept == 0).all()

    def test_points_are_the_generator_s_and_no_two_are_equal(self):
        problem = CASES[3][0]
        one, same, other = (anywhere(problem, np.random.default_rng(seed)).matrix for seed in (1, 1, 2))

        assert np.array_equal(one, same)
        assert (one != other).any()
        assert len({*np.sign(one - likelihood.null_params(problem).matrix).ravel()}) == 2

    def test_a_point_outside_the_domain_is_brought_nearer_by_halves(self, monkeypatch):
        problem, asked = CASES[0][0], []
        monkeypatch.setattr(likelihood, "in_domain", lambda problem, params: asked.append(params.matrix) or len(asked) > 3)
        base = likelihood.null_params(problem).matrix

        params = anywhere(problem, np.random.default_rng(0))

        assert np.array_equal(params.matrix, asked[3])
        for wide, near in pairwise(asked):
            assert close(wide - base, 2 * (near - base), rtol=1e-12)

    def test_a_problem_without_points_in_the_domain_says_so(self, monkeypatch):
        asked = []
        monkeypatch.setattr(likelihood, "in_domain", lambda problem, params: asked.append(1) and False)

        with pytest.raises(AssertionError, match=r"^tiny poisson: no parameters in the domain about \[\[0\.69"):
            anywhere(CASES[0][0], np.random.default_rng(0))
        assert len(asked) == 60
