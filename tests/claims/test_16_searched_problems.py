"""
Any problem: claims searched for counterexamples (S8).

The other chapters choose their problems. Here Hypothesis draws them, of any shape and in any units, and makes what it finds
as small as it can. `SPEC_EXAMPLES=1000 pytest tests/claims/test_16_searched_problems.py` searches in earnest; --seed elsewhere.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pytest
from flint import arb, arb_mat, arb_series

from spec.compat import strict_zip
from spec.engines.checked import Checked
from spec.engines.contract import Evaluation
from spec.engines.wrong import (
    ClassesPermuted,
    Control,
    Float32,
    NoBias,
    Nudged,
    Ridge,
    StoppedEarly,
    WrongLink,
    WrongLoss,
    Zeros,
    forgets,
)
from spec.evidence import tolerances
from spec.evidence.balls import BALLS, working_precision
from spec.evidence.enclosure import PRECISION
from spec.evidence.judge import assert_same_values
from spec.evidence.preconditions import PreconditionFailed
from spec.evidence.rungs import (
    TEXTBOOK,
    assert_proven_inference,
    assert_same_curvature,
    assert_same_gradient,
    assert_same_inference,
    assert_same_likelihood,
    assert_same_mean,
    assert_same_numbers,
    assert_same_optimum,
    inferred,
    proven_optimum,
)
from spec.families import Binomial, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.inference import null_model
from spec.links import Softmax
from spec.model import PAIRS, Params
from spec.problems import Problem
from spec.problems.by_construction import ETA_RANGE, SOFTMAX, draw

EXAMPLES = int(os.environ.get("SPEC_EXAMPLES", "3"))
MODELS = {str(model): model for model in (*PAIRS, SOFTMAX)}

# Intervals of eta. In the near one every engine has its digits. The far one ends where float64 does: a step further a mean, a
# square of one that the curvature has, or a row's weight of 2^40 times that is no number of float64, or is zero.
NEAR = {**ETA_RANGE, "multinomial-softmax": (-2, 2)}
FAR = {
    "gaussian-identity": (-(2.0**450), 2.0**450),
    "gaussian-log": (-330, 330),
    "gaussian-inverse": (2.0**-200, 2.0**200),
    "binomial-logit": (-650, 650),
    "binomial-probit": (-36, 36),
    "binomial-cauchit": (-(2.0**150), 2.0**150),
    "binomial-log": (-650, -(2.0**-50)),
    "binomial-log-complement": (-650, -(2.0**-50)),
    "binomial-cloglog": (-650, 600),
    "binomial-loglog": (-600, 650),
    "binomial-identity": (2.0**-450, 1 - 2.0**-50),
    "poisson-log": (-650, 600),
    "poisson-identity": (2.0**-450, 2.0**450),
    "poisson-sqrt": (2.0**-450, 2.0**450),
    "poisson-softplus": (-650, 650),
    "gamma-inverse": (2.0**-300, 2.0**300),
    "gamma-log": (-600, 600),
    "gamma-identity": (2.0**-300, 2.0**300),
    "inverse-gaussian-inverse-squared": (2.0**-300, 2.0**300),
    "inverse-gaussian-inverse": (2.0**-300, 2.0**300),
    "inverse-gaussian-identity": (2.0**-200, 2.0**200),
    "inverse-gaussian-log": (-300, 300),
    "negative-binomial(0.5)-log": (-650, 600),
    "negative-binomial(0.5)-cloglog": (-650, 600),
    "negative-binomial(0.5)-identity": (2.0**-300, 2.0**300),
    "negative-binomial(0.5)-negative-binomial-link(0.5)": (-650, -(2.0**-50)),
    "negative-binomial(0.5)-power(0.5)": (2.0**-150, 2.0**150),
    "tweedie(1.5)-log": (-600, 600),
    "tweedie(1.5)-power(-0.5)": (2.0**-200, 2.0**200),
    "multinomial-softmax": (-800, 800),
}


# -- problems ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """
    A problem by its circumstances: what Hypothesis draws and shrinks, and prints where it fails.

    ``level`` says what carries the middle of eta: the bias, the offset, or a constant column. Eta runs ``between`` two
    64ths of its interval. Column j is in units of 2^units[j], and its weight in the inverse of that. The entries of X are
    multiples of 1/grain. A row's weight is 2 to a power within ``weights``, and ``trials`` the most that it has. With
    ``edges`` half of the responses are at the edge of their domain, or far from the mean; of ``quasi`` ones each is half way to
    the mean, and the dispersion is estimated. The rest comes from the ``seed``.
    """

    model: str
    rows: int
    units: tuple[int, ...] = ()
    level: str = "bias"
    far: bool = False
    between: tuple[int, int] = (0, 64)
    grain: int = 1
    weights: tuple[int, int] | None = None
    trials: int = 1
    offset: bool = False
    edges: bool = False
    quasi: bool = False
    classes: int = 1
    seed: int = 0

    @property
    def interval(self):
        """Where eta is; on a scale of ratios if it has one sign."""
        low, high = (FAR if self.far else NEAR)[self.model]
        shares = [place / 64 for place in self.between]
        return [low * (high / low) ** share if low * high > 0 else low + (high - low) * share for share in shares]

    @cached_property
    def drawn(self):
        """The problem, and two points of its parameters."""
        rng, (low, high) = np.random.default_rng(self.seed), self.interval
        n, p, k, model = self.rows, len(self.units), self.classes, MODELS[self.model]
        middle, half = (low + high) / 2, (high - low) / 2 * (1 - 2.0**-20)  # inside, whatever rounding adds
        X = np.round(rng.uniform(-1, 1, size=(n, p)) * self.grain) / self.grain
        if self.level == "column":
            X[:, 0] = 1
        offset = np.full((n, k), middle if self.level == "offset" else 0.0)
        if self.offset:
            half /= 2
            offset += half * rng.uniform(-1, 1, size=(n, k))
        points = [self.point(middle, half, rng) for _ in range(2)]
        mu = model.link.inverse(points[0].linear_predictor(X) + offset)
        y, trials = self.response(model.family, mu, rng)
        y = (y + mu) / 2 if self.quasi else y
        units = 2.0 ** np.array(self.units)
        problem = Problem.of(
            f"{self.model}, {n} x {p}",
            model,
            X * units,
            y,
            intercept=self.level == "bias",
            offset=offset if self.offset or self.level == "offset" else None,
            weights=None if self.weights is None else 2 ** rng.uniform(*self.weights, size=n),
            trials=trials,
        )
        problem = replace(problem, quasi=self.quasi)
        return problem, *(Params(at.intercept, at.coef / units[:, None]) for at in points)

    def point(self, middle, half, rng):
        """Parameters for which |eta - middle| <= half in every row."""
        carries = np.arange(1 + len(self.units))[:, None] == {"bias": 0, "column": 1, "offset": -1}[self.level]
        matrix = rng.uniform(-1, 1, size=(len(carries), self.classes))
        matrix[0] *= self.level == "bias"
        return Params.from_matrix(matrix * half / np.maximum(np.abs(matrix).sum(axis=0), 1) + middle * carries)

    def response(self, family, mu, rng):
        """Responses, and trials if there are any."""
        n, odd = self.rows, np.arange(self.rows)[:, None] % 2 == 1
        if isinstance(family, Multinomial):
            if self.trials > 1:
                trials = rng.integers(1, self.trials + 1, size=n)
                return np.array([rng.multinomial(*each) for each in strict_zip(trials, mu)]) / trials[:, None], trials
            each = rng.integers(self.classes, size=n) if self.far else np.arange(n) % self.classes
            y = np.eye(self.classes)[each]
            return np.where(odd & self.edges & self.far, rng.dirichlet(np.ones(self.classes), size=n), y), None
        if isinstance(family, Binomial):
            trials = rng.integers(1, self.trials + 1, size=(n, 1))
            y = rng.binomial(trials, mu) / trials
            if self.trials == 1:
                return np.where(odd & self.edges, rng.uniform(size=(n, 1)), y), None
            return np.where(odd & self.edges, rng.integers(2, size=(n, 1)), y), trials[:, 0]
        y = np.ldexp(mu, rng.integers(-3, 3, size=(n, 1))) if self.far else draw(family, mu, rng)
        if self.far and isinstance(family, (Poisson, NegativeBinomial)):
            y = np.floor(y)
        if self.far and isinstance(family, Tweedie):  # the series of its normaliser has as many terms as the root of y
            y = np.clip(y, 2.0**-10, 8) * (rng.uniform(size=(n, 1)) < 0.5)
        if str(family) in ("gamma", "inverse-gaussian"):
            return np.where(odd & self.edges, rng.choice([2.0**-6, 8.0], size=(n, 1)), np.maximum(y, 2.0**-10 * mu)), None
        return np.where(odd & self.edges, rng.choice([0.0, 8.0], size=(n, 1)), y), None


def cases(names, far=None):
    """Cases of these models, eta far from the usual or not."""
    from hypothesis import strategies as st

    return st.composite(case_of)(list(names), far)


def case_of(draw, names, far):
    """A case of one of these models, as Hypothesis draws it."""
    from hypothesis import strategies as st

    name = draw(st.sampled_from(names))
    units = tuple(draw(st.lists(st.integers(-26, 26), max_size=6)))
    rows, classes = draw(st.integers(2, 40)), 1
    if name == "multinomial-softmax":
        classes = draw(st.integers(2, 5))
        far = far or rows < classes or None  # near, every class has a row
    far = draw(st.booleans()) if far is None else far
    bare = classes > 1 and not far  # the reference has a multinomial logit without offset and weights
    most = 8 if name.startswith("tweedie") else 40  # the series of its normaliser has as many terms as the root of the weight
    return Case(
        name,
        rows,
        units,
        level=draw(st.sampled_from(["bias", *["column"] * bool(units), *["offset"] * (bool(units) and not bare)])),
        far=far,
        between=draw(st.just((0, 64)) | pairs(0, 64)),
        grain=draw(st.sampled_from([1, 4, 2**16, 10**9])),
        weights=None if bare else draw(st.none() | pairs(-40, most)),
        trials=draw(st.sampled_from([1, 2, 50, 10**6])) if name.startswith("binomial") else 1,
        offset=not bare and draw(st.booleans()),
        edges=draw(st.booleans()),
        classes=classes,
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def fitted(names):
    """Near cases that a fit is asked of."""
    from hypothesis import strategies as st

    return st.composite(fitted_case_of)(list(names))


def fitted_case_of(draw, names):
    """More rows than parameters, columns in like units, weights of like size, and any parts, as Hypothesis draws them."""
    from hypothesis import strategies as st

    name = draw(st.sampled_from(names))
    units = tuple(draw(st.lists(st.integers(-4, 4), max_size=3)))
    counted = name.startswith(("binomial", "multinomial"))
    return Case(
        name,
        draw(st.integers(24, 60)),
        units,
        level=draw(st.sampled_from(["bias", *["column", "offset"] * bool(units)])),
        grain=2**16,
        weights=draw(st.none() | pairs(-3, 3)),
        trials=draw(st.sampled_from([1, 2, 50])) if counted else 1,
        offset=draw(st.booleans()),
        quasi=draw(st.booleans()),
        classes=draw(st.integers(2, 4)) if name == "multinomial-softmax" else 1,
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def pairs(low, high):
    """Two whole numbers between these two, in order."""
    from hypothesis import strategies as st

    return st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted).map(tuple)


def search(drawn, holds, seed, examples=EXAMPLES, shrink=True):
    """Raise what the smallest counterexample raises, with the case in a note."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from hypothesis.errors import Unsatisfiable

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
    )
    @seeded(seed)
    @given(drawn)
    def searched(case):
        holds(case)

    try:
        searched()
    except Unsatisfiable:
        pytest.skip("declined, every problem that was drawn")


def leave_out_unless(can):
    """Have Hypothesis draw another case where the engine cannot express this one."""
    from hypothesis import assume

    assume(can)


@pytest.fixture
def seed(request):
    """The seed of a test's search, which is declined where nothing can search."""
    pytest.importorskip("hypothesis", reason="the search needs Hypothesis, which is not installed: pip install hypothesis")
    return zlib.crc32(f"{request.config.getoption('--seed')} {request.node.name}".encode())


# -- the ladder ---------------------------------------------------------------------------------------------------------------


@pytest.mark.claim(
    "no-counterexample", source="S8 S6", symptom="Do the claims hold for my data, or only for those that were chosen for them?"
)
@pytest.mark.parametrize("model", MODELS)
def test_no_problem_is_a_counterexample(model, subject, reference, seed):
    r"""
    Whatever the rows, units, weights and offsets, the network has the mean, likelihood, score and information of its model.

    .. math:: \mu = h(\eta), \qquad L = -\frac{c}{n}\,\ell + \text{const}, \qquad
              -\frac{n}{c}\,\frac{\partial L}{\partial w} = \frac{\partial \ell}{\partial w}, \qquad
              \frac{n}{c}\,\frac{\partial^2 L}{\partial w\,\partial w^\top}
              = -\frac{\partial^2 \ell}{\partial w\,\partial w^\top}

    Each is held to ball arithmetic, and to the reference where that has its digits.
    """
    search(cases([model]), lambda case: assert_climbs(case, subject, reference), seed)


ForgetsOffset, ForgetsWeights, ForgetsTrials = (forgets(part) for part in ("offset", "weights", "trials"))
WRONG = {
    Zeros: "tweedie(1.5)-log",
    WrongLink: "binomial-logit",
    WrongLoss: "gamma-log",
    NoBias: "poisson-log",
    Ridge: "binomial-probit",
    Float32: "gaussian-log",
    ClassesPermuted: "multinomial-softmax",
    ForgetsOffset: "inverse-gaussian-log",
    ForgetsWeights: "negative-binomial(0.5)-log",
    ForgetsTrials: "binomial-cloglog",
}


@pytest.mark.control("no-counterexample")
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_counterexamples_to_what_is_wrong_are_found(wrong, reference, seed):
    """Engines that are wrong on purpose, some of them only about data that the chosen problems do not have."""
    with pytest.raises(AssertionError, match="not the same"):
        search(cases([WRONG[wrong]], far=False), lambda case: assert_climbs(case, wrong(reference), reference), seed, 64, False)


@pytest.mark.claim(
    "no-counterexample-to-a-fit",
    source="S8 S6",
    level="proven for this problem",
    symptom="Are the standard errors right on my data, with offset and weights?",
)
def test_no_problem_is_a_counterexample_to_a_fit(subject, seed):
    r"""
    Whatever the offsets, weights and trials, a trained network has the optimum, the errors and the inference of its model.

    .. math:: \hat w = \arg\max_w \sum_i w_i m_i\, k\bigl( y_i,\, h(o_i + b + w \cdot x_i) \bigr)

    Each problem has an optimum that ball arithmetic proves, and so has its null model; others are not asked about.
    """
    search(fitted(MODELS), lambda case: assert_fits(case, subject), seed, 4 * EXAMPLES)


class UnweightedErrors(Control):
    """Divides by the sum of the weights where the rows should be counted."""

    def fit(self, problem):
        fit = self.inside.fit(problem)
        rows = problem.row_weights.sum() if problem.has_dispersion else problem.n
        return replace(fit, standard_errors=fit.standard_errors * np.sqrt(problem.n / rows))


class NullWithoutOffset(Control):
    """Its null model is another model."""

    def evaluate(self, problem, params):
        return self.inside.evaluate(problem if problem.p else problem.with_data(offset=None), params)


FITTED_WRONG = {
    Nudged: "binomial-logit",
    StoppedEarly: "gamma-log",
    Ridge: "poisson-log",
    ForgetsOffset: "multinomial-softmax",
    ForgetsWeights: "gaussian-identity",
    ForgetsTrials: "multinomial-softmax",
    UnweightedErrors: "gamma-inverse",
    NullWithoutOffset: "poisson-log",
}


@pytest.mark.control("no-counterexample-to-a-fit")
@pytest.mark.parametrize("wrong", FITTED_WRONG, ids=lambda wrong: wrong.__name__)
def test_counterexamples_to_wrong_fits_are_found(wrong, seed):
    """Fits that are wrong on purpose, some of them only about data that the chosen problems do not have."""
    with pytest.raises(AssertionError, match="not the same"):
        search(fitted([FITTED_WRONG[wrong]]), lambda case: assert_fits(case, Checked(wrong(TEXTBOOK))), seed, 64, False)


def assert_fits(case, mine):
    """The optimum, the numbers of the fit and the inference, where the problem and its null model have an optimum."""
    __tracebackhide__ = True
    problem, *_ = case.drawn
    leave_out_unless(mine.declines(problem) is None and problem.n > problem.q + 2)
    leave_out_unless(all(has_optimum(each) for each in [problem, *[null_model(problem)] * problem.intercept]))
    fit, inference = mine.fit(problem), inferred(problem, mine)
    assert_same_optimum(problem, fit)
    assert_same_numbers(problem, fit)
    assert_proven_inference(problem, inference)
    assert_same_inference(problem, inference, inferred(problem, TEXTBOOK))


def has_optimum(problem):
    """An optimum is proven."""
    try:
        proven_optimum(problem)
    except PreconditionFailed:
        return False
    return True


class Exactly(Control):
    """The model in ball arithmetic; a control around it can be wrong far out, where the reference has lost its digits."""

    def evaluate(self, problem, params):
        return self.spoilt(problem, params, enclosed(problem, params))

    def spoilt(self, problem, params, right):
        return right

    def declines(self, problem):
        return None


class SoftmaxUnshifted(Exactly):
    """Its softmax does not subtract the largest eta: exp(710) is infinite, and infinity over infinity counts as 0."""

    def spoilt(self, problem, params, right):
        with np.errstate(all="ignore"):
            odds = np.exp(problem.eta(params))
            return replace(right, mean=np.nan_to_num(odds / odds.sum(axis=1, keepdims=True)))


class ClipsEta(Exactly):
    """Keeps eta within 30 of 0, so that no exponential overflows."""

    def spoilt(self, problem, params, right):
        return replace(right, mean=problem.model.link.inverse(np.clip(problem.eta(params), -30, 30)))


class ClipsShares(Exactly):
    """Keeps shares within 1e-7 of 0 and 1 in its loss, as Keras does with probabilities."""

    def spoilt(self, problem, params, right):
        mean = np.clip(right.mean, 1e-7, 1 - 1e-7)
        total = float((problem.row_weights * problem.model.family.kernel(problem.y, mean)).sum())
        return replace(right, loss=-total / problem.n, log_likelihood=total)


class ScoresOfTheMean(Exactly):
    """Makes its score of y - mu, which is 0 where mu has rounded to y."""

    def spoilt(self, problem, params, right):
        eta = problem.eta(params)
        mu = problem.model.link.inverse(eta)
        score = problem.design.T @ (problem.row_weights * (problem.y - mu))
        return replace(right, score=problem.params(score).matrix)


ORDER = sorted(MODELS, key=lambda name: name == "poisson-softplus")  # a model that is added changes the draws of no other
PLACES = {"low": (0, 8), "high": (56, 64), "whole": (0, 64)}  # 64ths of the far interval
ENDS = [
    pytest.param(
        Case(name, 8, (0,), far=True, between=place, classes=3 if name == "multinomial-softmax" else 1, edges=True, seed=seed),
        id=f"{name}-{where}",
    )
    for seed, name in enumerate(ORDER)
    for where, place in PLACES.items()
]


@pytest.mark.claim(
    "to-the-ends-of-float64", source="S8 S6", symptom="In rows far out my loss, or its gradient, is NaN, infinite or exactly 0."
)
@pytest.mark.parametrize("case", ENDS)
def test_the_network_has_its_digits_to_the_ends_of_float64(case, subject, reference):
    r"""
    Wherever eta lies, as far as float64 has numbers, the network has the mean, likelihood, score and information of its model.

    .. math:: \ell = \sum_i \sum_t c_t(y_i)\, f_t(\eta_i), \qquad f_t \in \{\log\mu,\ \log(1 - \mu),\ \mu^a,\ \dots\}

    Each f is a function of eta with a form of its own where the mean is rounded. All is held to ball arithmetic.
    """
    if (why := subject.declines(case.drawn[0])) is not None:
        pytest.skip(f"declined by {subject.describe().name}: {why}")
    assert_climbs(case, subject, reference)


FAR_OUT = {
    SoftmaxUnshifted: "multinomial-softmax-whole",
    ClipsEta: "poisson-log-high",
    ClipsShares: "binomial-logit-high",
    ScoresOfTheMean: "binomial-probit-low",
}


@pytest.mark.control("to-the-ends-of-float64")
@pytest.mark.parametrize("wrong", FAR_OUT, ids=lambda wrong: wrong.__name__)
def test_what_is_wrong_only_far_out_is_refused(wrong, reference):
    """Engines that are right near 0: exponentials that overflow, and numbers that are kept from the ends of their domain."""
    case = next(parameter.values[0] for parameter in ENDS if parameter.id == FAR_OUT[wrong])

    with pytest.raises(AssertionError, match="not the same"):
        assert_climbs(case, wrong(reference), reference)


def intercept_only(model, y, *etas):
    """A problem without columns, and its parameters at each eta."""
    problem = Problem.of(f"{model} of {y}", MODELS[model], np.zeros((len(y), 0)), np.array(y)[:, None])
    return pytest.param(problem, [Params(np.array([eta]), np.zeros((0, 1))) for eta in etas], id=str(problem))


# what the search found when a loss was held to some u of itself
FOUND = [
    intercept_only("poisson-log", [3.0, 3.0], 0.6190612867359451, 0.619061287),  # 3 eta = e^eta: the kernel is zero
    intercept_only("gaussian-inverse", [256.375, 256.375], 0.0039, 0.003901),  # y - mu is small beside mu
    intercept_only("inverse-gaussian-identity", [2.0, 2.0], 1.0, 1.0000000001),  # 1 / mu = y / (2 mu^2): so it is here
]


@pytest.mark.claim(
    "a-loss-is-known-to-its-terms", source="S6", symptom="My loss is close to zero, and its last digits look like noise."
)
@pytest.mark.parametrize(("problem", "points"), FOUND)
def test_a_loss_is_known_to_some_units_of_its_terms(problem, points, subject):
    r"""
    A network knows its loss to some u of the terms it is summed from, however small the sum.

    .. math:: |\delta L| \lesssim \frac{u}{n} \sum_i \sum_t |c_t f_t(\eta_i)|, \qquad
              \ell_i = \sum_t c_t\, f_t(\eta_i)

    The terms are functions of eta, such as y log mu and (1 - y) log(1 - mu): a loss of the mean would have to make 1 - mu of it,
    which has lost its digits where mu is nearly one.
    """
    found, expected = ([each(problem, at) for at in points] for each in (subject.evaluate, enclosed))

    assert_same_gain(problem, points, found, expected)


@pytest.mark.control("a-loss-is-known-to-its-terms")
@pytest.mark.parametrize(("problem", "points"), FOUND)
def test_a_loss_is_not_known_to_units_of_itself(problem, points, subject):
    """Some u of the larger of the two losses."""
    found, expected = ([each(problem, at) for at in points] for each in (subject.evaluate, enclosed))
    losses = max(abs(each.log_likelihood) for each in expected)

    with pytest.raises(AssertionError, match="not the same objective"):
        assert_same_gain(problem, points, found, expected, size=losses)


def assert_climbs(case, mine, other):
    """The first four rungs, held to balls, and to the other engine in the near interval."""
    __tracebackhide__ = True
    problem, here, there = case.drawn
    if mine.declines(problem) is not None:
        leave_out_unless(False)
    found = [mine.evaluate(problem, at) for at in (here, there)]
    assert_same_mean(problem, here, found[0])
    assert_same_likelihood(problem, here, found[0])
    for evaluate in [enclosed] if case.far or other.declines(problem) else [enclosed, other.evaluate]:
        expected = [evaluate(problem, at) for at in (here, there)]
        of_eta = evaluate is enclosed
        assert_same_gain(problem, (here, there), found, expected)
        assert_same_gradient(problem, here, found[0], expected[0], of_eta)
        assert_same_curvature(problem, here, found[0], expected[0], of_eta)


def assert_same_gain(problem, points, mine, other, size=None):
    """
    Between two points my loss changes by -c/n times what the other's log-likelihood changes.

    To (n + 64) u of what the two are computed from, see `loss_contributions`, and of constants on either side, which cancel.
    """
    __tracebackhide__ = True
    found = -problem.n / mine[0].loss_scale * (mine[1].loss - mine[0].loss)
    expected = other[1].log_likelihood - other[0].log_likelihood
    if size is None:
        sums = [problem.n / e.loss_scale * e.loss for e in mine] + [e.log_likelihood for e in other]
        size = sum(loss_contributions(problem, at) for at in points) + np.abs(sums).sum()
    assert_same_values("objective", problem, found, expected, tolerances.loss(problem.n), size=size)


def loss_contributions(problem, params):
    r"""
    What the kernel is summed from, without signs, and what a rounding of mu and of eta's terms makes of it.

    .. math:: \sum_i w_i \sum_t \left( |c_t f_t(\eta_i)| + |c_t f_t'(\eta_i)| \sum_j |x_{ij} w_j| \right)

    The terms are those of `Family.terms`: of a share y log mu and (1 - y) log(1 - mu), each by its own function of eta.
    """
    model, y, eta = problem.model, problem.y, problem.eta(params)
    reach = np.abs(params.intercept) + np.abs(problem.X) @ np.abs(params.coef)
    reach = reach if problem.offset is None else reach + np.abs(problem.offset)
    value, slope = model.sizes(y, eta)[:2]
    reach = reach.max(axis=1, keepdims=True)
    return float((problem.row_weights * (value + slope * reach)).sum())


# -- the same in ball arithmetic ------------------------------------------------------------------------------------------


def enclosed(problem, params):
    """The model at these parameters, in balls and rounded once, at the end; its log-likelihood without the constants."""
    with working_precision(PRECISION):
        design, matrix = arb_mat(problem.design.tolist()), arb_mat(params.matrix[1 - problem.intercept :].tolist())
        eta = design * matrix + arb_mat((np.zeros_like(problem.y) if problem.offset is None else problem.offset).tolist())
        row = softmax_row if isinstance(problem.model.family, Multinomial) else elementwise_row
        rows = [row(problem.model, *each) for each in strict_zip(eta.tolist(), problem.y.tolist())]
        mean, kernel, score, information = strict_zip(*rows)
        weights = problem.row_weights[:, 0].tolist()
        total = sum((weight * value for weight, value in strict_zip(weights, kernel)), arb(0))
        gradient = floats(design.transpose() * scaled(weights, score))

    def block(a, b):
        factors = [weight * values[a][b] for weight, values in strict_zip(weights, information)]
        return floats(design.transpose() * scaled(factors, design.tolist()))

    def curvature():
        free = range(problem.free_outputs)
        with working_precision(PRECISION):
            return np.block([[block(a, b) for b in free] for a in free])

    score = np.vstack([np.zeros((1 - problem.intercept, problem.k)), gradient])
    return Evaluation(floats(arb_mat(mean)), -float(total) / problem.n, 1.0, float(total), score, curvature)


def elementwise_row(model, eta, y):
    """A row's mean, kernel, its derivative in eta, and minus its second, each as balls."""
    kernel = model.kernel(arb(*y), arb_series([*eta, 1], 3), BALLS)
    return [model.link.inverse(*eta, BALLS)], kernel[0], [kernel[1]], [[-2 * kernel[2]]]


def softmax_row(model, eta, y):
    """The same of the classes; the information of all but the first."""
    mu = Softmax().inverse(np.array(eta, dtype=object), BALLS).tolist()
    kernel = sum((share * value.log() for share, value in strict_zip(y, mu) if share), arb(0))
    total = sum((arb(share) for share in y), arb(0))
    score = [share - total * value for share, value in strict_zip(y, mu)]
    return mu, kernel, score, [[total * a * ((i == j) - b) for j, b in enumerate(mu[1:])] for i, a in enumerate(mu[1:])]


def scaled(factors, rows):
    """A matrix of balls: each row times its factor."""
    return arb_mat([[factor * value for value in row] for factor, row in strict_zip(factors, rows)])


def floats(matrix):
    """The midpoints of a matrix of balls, in float64."""
    return np.array([[float(value) for value in row] for row in matrix.tolist()])


# -- relations between problems ---------------------------------------------------------------------------------------------


@pytest.mark.claim(
    "powers-of-two-leave-no-trace", source="S6", symptom="I rescaled a column, and the last digits of my predictions changed."
)
def test_units_of_a_power_of_two_change_no_bit(subject, seed):
    r"""
    With columns in units of 2^a, weights of the network in their inverse, and rows weighted by 2^b, no bit changes.

    .. math:: \mu' = \mu, \qquad \Delta L' = 2^b\, \Delta L, \qquad
              \frac{\partial L'}{\partial w'_j} = 2^{a_j + b}\, \frac{\partial L}{\partial w_j}

    A power of two is no more than an exponent; any other unit rounds (which is all that it does). A loss may have a term free
    of the weights, and so what it gains between two points is held to rounding.
    """
    search(cases(MODELS), lambda case: assert_rescaled(case, subject, 2.0), seed, 3 * EXAMPLES)


@pytest.mark.control("powers-of-two-leave-no-trace")
def test_units_of_a_power_of_three_are_noticed(subject, seed):
    """Thirds round."""
    with pytest.raises(AssertionError, match="not the same"):
        search(cases(MODELS), lambda case: assert_rescaled(case, subject, 3.0), seed, 64, False)


def assert_rescaled(case, engine, base):
    """Bit for bit the means are equal and the scores so many times what they were; so is, to rounding, what the loss gains."""
    __tracebackhide__ = True
    problem, *points = case.drawn
    leave_out_unless(engine.declines(problem) is None)
    rng = np.random.default_rng(case.seed)
    units, weight = base ** rng.integers(-9, 10, size=problem.p), base ** rng.integers(-9, 10)
    weights = weight * (np.ones(problem.n) if problem.data.weights is None else problem.data.weights)
    other = problem.with_data(X=problem.X * units, weights=weights)
    here = [engine.evaluate(problem, at) for at in points]
    moved = [Params(at.intercept, at.coef / units[:, None]) for at in points]
    there = [engine.evaluate(other, at) for at in moved]
    exactly = tolerances.unchanged()
    for mine, theirs in strict_zip(there, here):
        assert_same_values("mean", problem, mine.mean, theirs.mean, exactly)
        assert_same_values("score", problem, mine.score, weight * np.append(1, units)[:, None] * theirs.score, exactly)
    assert_same_gain(other, moved, there, [replace(each, log_likelihood=weight * in_nats(problem, each)) for each in here])


def in_nats(problem, answer):
    """What an engine minimises, in units of the log-likelihood and with its sign; a term free of the parameters is in it."""
    return -problem.n / answer.loss_scale * answer.loss


@pytest.mark.claim("batches-add-up", source="S6", symptom="My loss over the epoch is not the mean of the losses of its batches.")
def test_batches_in_any_order_add_up_to_the_whole(subject, seed):
    r"""
    Whatever batches the rows are dealt into, their losses add up, each times its rows, and so do their gradients.

    .. math:: n\, \Delta L = \sum_B n_B\, \Delta L_B, \qquad n\, \nabla L = \sum_B n_B \nabla L_B,
              \qquad \sum_B n_B = n

    What a loss gains between two points is added, since a term free of the weights may count once in each batch. A row's mean
    does not depend on its batch at all.
    """
    search(cases(MODELS), lambda case: assert_adds_up(case, subject, lambda part: part.n), seed, 2 * EXAMPLES)


@pytest.mark.control("batches-add-up")
def test_batches_that_count_the_same_are_refused(subject, seed):
    """As many rows for each batch, whatever it has."""
    with pytest.raises(AssertionError, match="not the same"):
        search(cases(MODELS), lambda case: assert_adds_up(case, subject, lambda part: case.rows / 2), seed, 64, False)


def assert_adds_up(case, engine, size):
    """Two batches, a third of the rows and the rest, each counted as the size says: means, what the loss gains, and score."""
    __tracebackhide__ = True
    problem, *points = case.drawn
    leave_out_unless(engine.declines(problem) is None)
    order = np.random.default_rng(case.seed).permutation(problem.n)
    third = 1 + problem.n // 3
    parts = [rows_of(problem, order[:third]), rows_of(problem, order[third:])] if third < problem.n else [problem]
    whole = [engine.evaluate(problem, at) for at in points]
    each = [[engine.evaluate(part, at) for part in parts] for at in points]
    counts = [size(part) / part.n for part in parts]
    sums = [sum(c * in_nats(*of) for c, *of in strict_zip(counts, parts, answers)) for answers in each]
    score = sum(count * e.score for count, e in strict_zip(counts, each[0]))
    mean = np.concatenate([e.mean for e in each[0]])[np.argsort(order)]
    assert_same_mean(problem, points[0], replace(whole[0], mean=mean))
    together = [replace(answer, log_likelihood=total) for answer, total in strict_zip(whole, sums)]
    assert_same_gain(problem, points, whole, together)
    assert_same_gradient(problem, points[0], replace(whole[0], score=score), whole[0])


def rows_of(problem, rows):
    """The problem of these rows."""
    parts = {name: getattr(problem.data, name) for name in ("X", "y", "offset", "weights", "trials")}
    return problem.with_data(**{name: values if values is None else values[rows] for name, values in parts.items()})
