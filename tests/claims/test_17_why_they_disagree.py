"""
Why they disagree (S6).

A cause makes another problem, and an answer that lies at its optimum shows the cause: to all its digits, or not at all.
`python -m spec.diagnose` asks this of your own network.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spec import problems, scoring
from spec.diagnosis.answer import Answer
from spec.evidence.rungs import proven_optimum
from spec.model import Params
from spec.problems import Said

from .said import MANY

LOGISTIC, COUNTS, SIZES, LINE = (
    problems.get(name) for name in ("binomial-logit", "poisson-log", "gamma-log", "gaussian-identity")
)
CLASSES, REAL = problems.get("softmax-3-to-3"), [problems.get("spector-logit"), problems.get("cpunish"), problems.get("scotland")]
ANSWERED = Said([LOGISTIC, COUNTS, SIZES, LINE, CLASSES, *REAL], most=MANY)
PLANTED = [
    (LOGISTIC, "labels-flipped"),
    (LOGISTIC, "link"),
    (LOGISTIC, "squared-error"),
    (LOGISTIC, "rows-first"),
    (LOGISTIC, "class-weights"),
    (COUNTS, "offset-forgotten"),
    (COUNTS, "exposure-not-logged"),
    (COUNTS, "loss"),
    (COUNTS, "no-intercept"),
    (SIZES, "weights-forgotten"),
    (SIZES, "weights-squared"),
    (SIZES, "rows-last"),
    (SIZES, "standardised"),
    (LINE, "columns-permuted"),
    (LINE, "centred"),
    (LINE, "min-max"),
    (LINE, "units"),
    (CLASSES, "classes-permuted"),
]
TOGETHER = [
    (LOGISTIC, ("labels-flipped", "standardised")),
    (COUNTS, ("offset-forgotten", "rows-first")),
    (SIZES, ("weights-forgotten", "columns-permuted")),
    (LINE, ("standardised", "rows-first")),
]
RIDGES = [problems.get(name) for name in ("gaussian-identity", "longley")]

pytestmark = pytest.mark.usefixtures("diagnosing")


@pytest.mark.claim(
    "the-optimum-has-no-cause",
    source="S6",
    level="proven for this problem",
    symptom="My network and my GLM disagree: which of the two is right?",
)
@pytest.mark.parametrize("problem", ANSWERED, ids=str)
def test_an_answer_at_the_proven_optimum_has_no_cause(problem, brought):
    r"""
    An answer is the maximum-likelihood estimate if it lies at the proven optimum, to the rounding of its own digits.

    .. math:: \sqrt{(b - \hat b)^\top J(\hat b) (b - \hat b) / \phi} \le 10^{-6}
    """
    assert_right(diagnosed(problem, brought(problem)))


@pytest.mark.control("the-optimum-has-no-cause")
@pytest.mark.parametrize("problem", ANSWERED, ids=str)
def test_an_answer_nearby_is_not_right(problem, rng):
    """The same answer, moved by 1e-4 standard errors at random."""
    with pytest.raises(AssertionError, match="unexplained"):
        assert_right(diagnosed(problem, Answer(moved(problem, 1e-4, rng))))


@pytest.mark.claim(
    "a-cause-is-another-optimum",
    source="S6",
    level="proven for this problem",
    symptom="Why does my network disagree with my GLM?",
)
@pytest.mark.parametrize(("problem", "code"), PLANTED, ids=str)
def test_the_cause_is_the_other_problem_at_whose_optimum_the_answer_lies(problem, code, subject, rng):
    r"""
    Fitted to another problem, the network's weights are the optimum of that one alone, and so its cause has a name.

    .. math:: \nabla \ell_h(b) = 0 \quad\text{for the cause } h, \qquad \nabla \ell(b) \ne 0
    """
    stated, answer = made(subject, problem, [code], rng)

    assert_named(diagnosed(stated, answer), code)


@pytest.mark.control("a-cause-is-another-optimum")
@pytest.mark.parametrize(("problem", "code"), PLANTED, ids=str)
def test_beside_that_optimum_nothing_is_named(problem, code, subject, rng):
    """The same answer, each coefficient moved by a ten-thousandth."""
    stated, answer = made(subject, problem, [code], rng)
    beside = answer.params.matrix * (1 + 1e-4 * rng.choice([-1, 1], size=answer.params.matrix.shape))

    with pytest.raises(AssertionError, match="not proven"):
        assert_named(diagnosed(stated, replace(answer, params=Params.from_matrix(beside))), code)


@pytest.mark.claim(
    "two-causes-have-two-names",
    source="S6",
    level="proven for this problem",
    symptom="I mended what was wrong, and they still disagree.",
)
@pytest.mark.parametrize(("problem", "codes"), TOGETHER, ids=str)
def test_two_causes_at_once_are_both_named(problem, codes, subject, rng):
    """Two mistakes at once make one other problem, and no other pair has its optimum."""
    stated, answer = made(subject, problem, codes, rng)

    assert_named(diagnosed(stated, answer), *codes)


@pytest.mark.control("two-causes-have-two-names")
@pytest.mark.parametrize(("problem", "codes"), TOGETHER, ids=str)
def test_one_of_two_causes_is_not_all(problem, codes, subject, rng):
    """One of the two mistakes alone."""
    stated, answer = made(subject, problem, codes, rng)

    with pytest.raises(AssertionError, match="named"):
        assert_named(diagnosed(stated, answer), codes[0])


@pytest.mark.claim("one-pass-tells-lambda", source="S6", symptom="My coefficients are smaller than those of my GLM, all of them.")
@pytest.mark.parametrize("problem", RIDGES, ids=str)
def test_the_score_at_a_ridge_estimate_tells_lambda(problem, subject, rng):
    r"""
    At a ridge estimate the score is lambda times the kernel and zero for the bias, so one pass tells lambda to all digits.

    .. math:: \nabla_w \ell(b, w) = \lambda w, \qquad \partial_b \ell(b, w) = 0
    """
    strength = float(problem.n * 2 ** rng.uniform(-8, -4))

    diagnosis = diagnosed(problem, Answer(ridge(subject, problem, strength)))

    assert_named(diagnosis, "ridge")
    assert abs(diagnosis.found[0].values["factors"][0] / strength - 1) < 1e-5


@pytest.mark.control("one-pass-tells-lambda")
@pytest.mark.parametrize("problem", RIDGES, ids=str)
def test_weights_that_are_only_smaller_are_no_ridge(problem):
    """The optimum with its weights smaller, the first by a tenth and the last by a fifth."""
    params = proven_optimum(problem).params
    smaller = params.coef * np.linspace(0.9, 0.8, problem.p)[:, None]

    with pytest.raises(AssertionError, match="unexplained"):
        assert_named(diagnosed(problem, Answer(Params(params.intercept, smaller))), "ridge")


# -- answers, and what is said of them ------------------------------------------------------------------------------------------


def diagnosed(problem, answer):
    """The diagnosis of an answer to a problem."""
    from spec.diagnosis.explain import explain  # it knows Keras, which is not imported to collect the claims
    from spec.diagnosis.question import Question

    return explain(Question.of(problem), answer)


def made(engine, problem, codes, rng):
    """The problem as it is stated, and the answer that an engine gives to what one mistake, or two, make of it."""
    from spec.diagnosis.plants import MISTAKES, pair

    mistake = MISTAKES[codes[0]] if len(codes) == 1 else pair(*codes)
    stated = mistake.state(problem, rng)
    other = mistake.change(stated, rng)
    return stated, Answer(other.back(engine.fit(other.problem).params))


def moved(problem, distance, rng):
    """Parameters at a distance of the optimum, in standard errors, in a random direction."""
    optimum = proven_optimum(problem).params
    steer = scoring.White.of(problem).fisher(problem, optimum)
    direction = rng.normal(size=steer.root.shape[0])
    step = np.einsum("s,smq->qm", direction / np.linalg.norm(direction), steer.root)
    return problem.params(problem.free(optimum) + distance * np.sqrt(scoring.White.scale(problem, optimum)) * step)


def ridge(engine, problem, strength):
    """The ridge estimate as least squares: a row for each column, with the root of lambda and the response 0."""
    extended = np.vstack([problem.design, np.sqrt(strength) * np.eye(problem.q)[1:]])
    response = np.vstack([problem.y, np.zeros((problem.p, 1))])
    fitted = engine.fit(replace(problem.with_data("a row for each column", X=extended, y=response), intercept=False))
    return Params.from_matrix(fitted.params.coef)


def assert_right(diagnosis):
    assert diagnosis.verdict == "none", f"{diagnosis.verdict}: {', '.join(diagnosis.codes)}"
    assert diagnosis.proven, "not proven"


def assert_named(diagnosis, *codes):
    """The causes are those named, and no others, and the answer lies at the proven optimum of what they make."""
    named = [sorted(one.code for one in found) for found in (diagnosis.found, *diagnosis.others)]
    assert diagnosis.proven, f"{diagnosis.verdict}, not proven: {named}"
    assert sorted(codes) in named, f"{named} are named, not {sorted(codes)}"
