"""
The diagnosis names the cause that was planted, with its number, and nothing else.

The truth comes from elsewhere: losses written out as plain formulas, their derivatives by complex steps, their minima by
`scipy.optimize`, least squares in closed form, statsmodels' own standard errors. The diagnosis is never asked for an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pyarrow
import pytest
import statsmodels.api as sm
from pyarrow import parquet
from scipy import optimize, special

from spec.diagnosis import context as contexts
from spec.diagnosis import proof
from spec.diagnosis.answer import Answer, Record
from spec.diagnosis.causes import CAUSES
from spec.diagnosis.context import Context
from spec.diagnosis.explain import explain
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.objective import CLIP, Clipped, Likelihood, Lowered, OneVersusRest, SquaredShares, Twice
from spec.diagnosis.question import Question
from spec.evidence.enclosure import enclose_near
from spec.families import Binomial, Gamma, Gaussian, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.fit.rows import Batch, of_pieces
from spec.fit.sources import source
from spec.links import Identity, Log, Logit, Probit, Softmax
from spec.model import Model, Params
from spec.problems import Problem

N = 90
LOGISTIC, PROBIT, COUNTS = Model(Binomial(), Logit()), Model(Binomial(), Probit()), Model(Poisson(), Log())
GAMMA, NORMAL, CLASSES = Model(Gamma(), Log()), Model(Gaussian(), Identity()), Model(Multinomial(), Softmax())


# -- the truth, from elsewhere -----------------------------------------------------------------------------------------


def sigmoid(eta):
    return 1 / (1 + np.exp(-eta))


def softmax(eta):
    return np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)


def cross_entropy(y, eta):
    return np.log(1 + np.exp(eta)) - y * eta


def of_classes(y, eta):
    return np.log(np.exp(eta).sum(axis=1, keepdims=True)) - (y * eta).sum(axis=1, keepdims=True)


def clipped(y, eta):
    """The cross-entropy of a mean that is kept 1e-7 from 0 and 1, but for a constant."""
    inside = np.abs(np.real(eta)) < np.log((1 - 1e-7) / 1e-7)
    return np.where(inside, cross_entropy(y, np.where(inside, eta, 0)), 0)


LOSSES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "logistic": cross_entropy,
    "probit": lambda y, eta: -y * np.log(special.erfc(-eta / 2**0.5) / 2) - (1 - y) * np.log(special.erfc(eta / 2**0.5) / 2),
    "counts": lambda y, eta: np.exp(eta) - y * eta,
    "lowered": lambda y, eta: np.exp(eta) - y * np.log(np.exp(eta) + 1e-7),
    "overdispersed": lambda y, eta: (y + 1 / 0.37) * np.log(1 + 0.37 * np.exp(eta)) - y * eta,
    "compound": lambda y, eta: y * np.exp(-0.63 * eta) / 0.63 + np.exp(0.37 * eta) / 0.37,
    "gamma": lambda y, eta: y * np.exp(-eta) + eta,
    "normal": lambda y, eta: (y - eta) ** 2 / 2,
    "classes": of_classes,
    "squared sigmoid": lambda y, eta: (y - sigmoid(eta)) ** 2 / 2,
    "squared softmax": lambda y, eta: ((y - softmax(eta)) ** 2).sum(axis=1, keepdims=True) / 2,
    "sigmoid twice": lambda y, eta: cross_entropy(y, sigmoid(eta)),
    "softmax twice": lambda y, eta: of_classes(y, softmax(eta)),
    "one by one": cross_entropy,
    "clipped": clipped,
}


def slope(function, at):
    """The gradient of a function of a vector, by complex steps: exact but for rounding."""
    return np.array([function(at + 1e-30j * axis).imag / 1e-30 for axis in np.eye(len(at))])


def bend(function, at):
    """The second derivatives of a function of a vector: differences of its gradient."""
    return np.array([(slope(function, at + 1e-6 * axis) - slope(function, at - 1e-6 * axis)) / 2e-6 for axis in np.eye(len(at))])


def design(X, intercept=True):
    return np.column_stack([np.ones(len(X)), X]) if intercept else X


def total(loss, X, y, weights=None, offset=0.0, penalty=None, intercept=True):
    """The sum of a loss over rows, as a function of flat coefficients."""
    columns, weight = design(X, intercept), 1.0 if weights is None else weights[:, None]

    def summed(flat):
        b = flat.reshape(columns.shape[1], -1)
        return (weight * LOSSES[loss](y, columns @ b + offset)).sum() + (0 if penalty is None else penalty(b))

    return summed


def minimum(loss, X, y, start=None, intercept=True, **given):
    """The coefficients (1 + p, k), the intercept first, at which a loss is least, by `scipy.optimize` and Newton's last steps."""
    summed = total(loss, X, y, intercept=intercept, **given)
    first = np.zeros((X.shape[1] + intercept) * y.shape[1]) if start is None else np.ravel(start)
    found = optimize.minimize(
        lambda b: float(summed(b)), first, jac=lambda b: slope(summed, b), method="BFGS", options={"gtol": 1e-7}
    ).x
    for _ in range(3):
        found = found - np.linalg.lstsq(bend(summed, found), slope(summed, found), rcond=1e-10)[0]
    b = found.reshape(-1, y.shape[1])
    return b if intercept else np.vstack([np.zeros((1, y.shape[1])), b])


def sparse(loss, X, y, l1, l2=0.0):
    """The coefficients at which a loss plus l1 |b| + l2 b^2 / 2 of the kernel is least: by bounds, then on the support."""
    penalty, q, k = (lambda b: l2 / 2 * (b[1:] ** 2).sum()), X.shape[1] + 1, y.shape[1]
    summed, force = total(loss, X, y, penalty=penalty), np.repeat(l1 * (np.arange(q) > 0), k)

    def both(halves):
        up, down = np.split(halves, 2)
        gradient = slope(summed, up - down)
        return float(summed(up - down)) + force @ (up + down), np.concatenate([gradient + force, force - gradient])

    bounds = [(0, None) if pulled else (None, None) for pulled in force] + [(0, None if pulled else 0) for pulled in force]
    found = optimize.minimize(
        both, np.zeros(2 * q * k), jac=True, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-9}
    ).x
    b = np.subtract(*np.split(found, 2))
    kept, sign = (np.abs(b) > 1e-6) | (force == 0), np.sign(b)
    b[~kept] = 0
    for _ in range(5):
        gradient = (slope(summed, b) + force * sign)[kept]
        b[kept] -= np.linalg.lstsq(bend(summed, b)[np.ix_(kept, kept)], gradient, rcond=1e-10)[0]
    assert (np.abs(slope(summed, b))[~kept] < force[~kept]).all()
    return b.reshape(q, k)


def ridge(strength, of_bias=False):
    """strength / 2 times the sum of squares of the kernel, or of the bias too."""
    return lambda b: strength / 2 * (b[0 if of_bias else 1 :] ** 2).sum()


# -- small problems ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Data:
    """Rows drawn once: three columns of numbers, a factor of four levels, an offset, weights, and a response of each kind."""

    X: np.ndarray
    level: np.ndarray
    offset: np.ndarray
    weights: np.ndarray
    trials: np.ndarray
    y: dict[str, np.ndarray]


@cache
def drawn():
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.normal(5, 2, N), rng.normal(0, 0.7, N), rng.uniform(-1, 4, N)])
    eta = X @ [[0.4], [-0.6], [0.3]] - 2
    trials = rng.integers(1, 9, N).astype(float)
    shares = softmax(np.column_stack([np.zeros(N), eta, X[:, 2:] / 2 - X[:, :1] / 2 + 1.5]))
    y = {
        "logistic": (rng.random((N, 1)) < sigmoid(eta)).astype(float),
        "shares": rng.binomial(trials[:, None].astype(int), sigmoid(eta)) / trials[:, None],
        "counts": rng.poisson(np.exp(eta / 2)).astype(float),
        "gamma": rng.gamma(3, np.exp(eta / 2) / 3),
        "normal": eta + rng.normal(size=(N, 1)),
        "classes": np.eye(3)[[rng.choice(3, p=share) for share in shares]],
    }
    return Data(X, rng.integers(0, 4, N), 0.3 * rng.normal(size=(N, 1)), rng.uniform(0.5, 3, N), trials, y)


MODELS = {"logistic": LOGISTIC, "probit": PROBIT, "counts": COUNTS, "gamma": GAMMA, "normal": NORMAL, "classes": CLASSES}
SMALL = ("logistic", "counts", "gamma", "normal", "classes")


def small(kind, X=None, y=None, intercept=True, **data):
    """A problem of a kind: of the rows that were drawn, or of others."""
    X, y = drawn().X if X is None else X, drawn().y[kind] if y is None else y
    return Problem.of("small", MODELS[kind], X, y, intercept, **data)


@cache
def best(kind):
    return minimum(kind, drawn().X, drawn().y[kind])


def asked(problem, matrix, **more):
    """The diagnosis of an answer (1 + p, k); the keywords are those of a question and of an answer."""
    of_question = {name: more.pop(name) for name in ("rows", "subsets") if name in more}
    return explain(replace(Question.of(problem), **of_question), Answer(Params.from_matrix(matrix), **more))


def said(diagnosis):
    return [(one.code, one.says) for one in (*diagnosis.found, *diagnosis.errors)]


# -- each objective is what its name says ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Meant:
    """An objective, the plain loss that it is meant to be minus, its mean of y, and where its optimum is sought."""

    objective: Any
    loss: str
    mean: Callable[[np.ndarray], np.ndarray]
    of: str
    start: Callable[[], np.ndarray] | None = None


OBJECTIVES = {
    "logistic": Meant(Likelihood(LOGISTIC), "logistic", sigmoid, "logistic"),
    "probit": Meant(Likelihood(PROBIT), "probit", special.ndtr, "logistic"),
    "counts": Meant(Likelihood(COUNTS), "counts", np.exp, "counts"),
    "gamma": Meant(Likelihood(GAMMA), "gamma", np.exp, "gamma"),
    "normal": Meant(Likelihood(NORMAL), "normal", lambda eta: eta, "normal"),
    "classes": Meant(Likelihood(CLASSES), "classes", softmax, "classes"),
    "squared sigmoid": Meant(
        Likelihood(Model(Gaussian(), Logit())), "squared sigmoid", sigmoid, "logistic", lambda: best("logistic")
    ),
    "squared softmax": Meant(SquaredShares(CLASSES), "squared softmax", softmax, "classes", lambda: best("classes")),
    "sigmoid twice": Meant(Twice(LOGISTIC), "sigmoid twice", lambda eta: sigmoid(sigmoid(eta)), "shares twice"),
    "softmax twice": Meant(Twice(CLASSES), "softmax twice", lambda eta: softmax(softmax(eta)), "classes twice"),
    "one by one": Meant(OneVersusRest(CLASSES), "one by one", sigmoid, "classes"),
    "clipped": Meant(Clipped(LOGISTIC), "clipped", sigmoid, "logistic"),
    "lowered": Meant(Lowered(COUNTS), "lowered", lambda eta: np.exp(eta) + 1e-7, "counts"),
}


def response(of):
    """The response of a kind; of activations that are applied twice shares that are near to theirs, where an optimum exists."""
    X, rng = drawn().X, np.random.default_rng(8)
    if of == "shares twice":
        return sigmoid(sigmoid(X @ [[0.4], [-0.6], [0.3]] - 2)) + rng.uniform(-0.02, 0.02, (N, 1))
    if of == "classes twice":
        shares = softmax(softmax(np.column_stack([np.zeros(N), X[:, 1], X[:, 2] - 1])))
        noise = rng.uniform(-0.02, 0.02, (N, 3))
        return shares + noise - noise.mean(axis=1, keepdims=True)
    return drawn().y[of]


@pytest.mark.parametrize("meant", OBJECTIVES.values(), ids=OBJECTIVES.keys())
def test_the_score_of_an_objective_is_the_derivative_of_a_plain_loss(meant):
    """In each row and each free output, times the weight."""
    rng, y = np.random.default_rng(1), response(meant.of)
    eta, weight = 1.5 * rng.normal(size=y.shape), rng.uniform(0.5, 3, (N, 1))
    if meant.loss == "clipped":
        eta[::3] *= 20
    found = meant.objective.score(y, eta, weight)

    k, m = y.shape[1], meant.objective.outputs(y.shape[1])
    steps = [1e-30j * np.eye(k)[column] for column in range(k - m, k)]
    expected = np.column_stack([-(weight * LOSSES[meant.loss](y, eta + step)).imag.sum(axis=1) / 1e-30 for step in steps])
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("meant", OBJECTIVES.values(), ids=OBJECTIVES.keys())
def test_the_information_of_an_objective_is_its_expected_curvature(meant):
    """Where each response is its mean the curvature is the expected one, for it is linear in y."""
    rng, k = np.random.default_rng(2), response(meant.of).shape[1]
    eta, weight = 1.5 * rng.normal(size=(N, k)), rng.uniform(0.5, 3, (N, 1))
    if meant.loss == "clipped":
        eta[::3] *= 20
    y, objective = meant.mean(eta), meant.objective
    found = objective.information(eta, weight)

    free = np.eye(k)[k - objective.outputs(k) :]
    expected = np.stack(
        [-(objective.score(y, eta + 1e-5 * d, weight) - objective.score(y, eta - 1e-5 * d, weight)) / 2e-5 for d in free], axis=-1
    )
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("meant", OBJECTIVES.values(), ids=OBJECTIVES.keys())
def test_the_optimum_of_an_objective_is_that_of_another_optimiser(meant):
    """Scoring on the objective ends where `scipy.optimize` ends on the plain loss."""
    X, y, objective = drawn().X, response(meant.of), meant.objective
    start = None if meant.start is None else meant.start()
    expected = minimum(meant.loss, X, y, start=start)
    context = Context(Question.of(Problem.of("small", objective.model, X, y)), Answer(Params.from_matrix(expected)))
    found = proof.nearest_optimum(context, Hypothesis(objective, expected + 1e-3, True))

    assert found is not None
    assert found[0].free == pytest.approx(objective.free(expected), rel=1e-7, abs=1e-8)


LN10 = np.array([np.log(10), 1, 1])


def robust_scaled(X):
    """As scikit-learn's RobustScaler."""
    low, middle, high = np.quantile(X, (0.25, 0.5, 0.75), axis=0)
    return (X - middle) / (high - low)


def squared(X):
    return np.column_stack([X[:, 0], X[:, 1] ** 2, X[:, 2]])


def jeffreys(X, information):
    """Minus half the logarithm of the determinant of the information, of a mean that is the sigmoid or the exponential."""

    def penalty(b):
        eta = design(X) @ b
        mu = sigmoid(eta) if information(0.5) < 0.5 else np.exp(eta)
        return -np.log(determinant((design(X) * information(mu)).T @ design(X))) / 2

    return penalty


def determinant(A):
    """By elimination, for complex numbers too, whose small imaginary parts LAPACK's pivots would not lose either."""
    A, found = A.copy(), 1.0
    for place in range(len(A)):
        found = found * A[place, place]
        A[place + 1 :] = A[place + 1 :] - np.outer(A[place + 1 :, place] / A[place, place], A[place])
    return found


# -- each cause names itself -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Planted:
    """A cause made to hold: the problem, the answer (1 + p, k), and what is said of it; the rest are keywords of `asked`."""

    problem: Problem
    answer: np.ndarray
    says: str
    more: dict[str, Any] = field(default_factory=dict)
    proven: bool = True


PLANTED: dict[str, Callable[[], Planted]] = {}


def plant(name):
    """Enter a cause by its code, and after a blank what is special about it."""

    def enter(function):
        PLANTED[name] = function
        return function

    return enter


def names(kind, code, says, fitted, proven=True):
    """Enter the cause that `fitted`, of the drawn X and the response, makes of a kind of problem."""
    PLANTED[f"{code} {kind}"] = lambda: Planted(small(kind), fitted(drawn().X, drawn().y[kind]), says, proven=proven)


names("logistic", "link", "the link is probit, not logit", lambda X, y: minimum("probit", X, y))
names("logistic", "squared-error", "", lambda X, y: minimum("squared sigmoid", X, y, start=best("logistic")))
names("classes", "squared-error", "", lambda X, y: minimum("squared softmax", X, y, start=best("classes")), proven=False)
names("gamma", "loss", "poisson family, not of the gamma", lambda X, y: minimum("counts", X, y))
names("classes", "one-vs-rest", "", lambda X, y: minimum("one by one", X, y), proven=False)
FLAT = np.array([[1.0], [1e-9], [-1e-9], [1e-9]])  # training ends near zeros
names("logistic", "flat-targets", "", lambda X, y: FLAT * [[np.log(y.mean() / (1 - y.mean()))], [1], [1], [1]])
names("logistic", "labels-flipped", "1 - y", lambda X, y: minimum("logistic", X, 1 - y))
names("classes", "classes-permuted", "in the order 2, 0, 1", lambda X, y: minimum("classes", X, y[:, [2, 0, 1]]))
names("logistic", "label-smoothing", "smoothed by 0.1", lambda X, y: minimum("logistic", X, 0.9 * y + 0.05))
names("classes", "label-smoothing", "smoothed by 0.3", lambda X, y: minimum("classes", X, 0.7 * y + 0.1))
names("normal", "response-units", "1000 y - 7", lambda X, y: minimum("normal", X, 1000 * y - 7))
names("logistic", "no-intercept", "", lambda X, y: minimum("logistic", X, y, intercept=False))
names("gamma", "columns-permuted", "those of x2, x3, x1, in this order", lambda X, y: minimum("gamma", X[:, [1, 2, 0]], y))
names("logistic", "class-weights", "1, 3", lambda X, y: minimum("logistic", X, y, weights=1 + 2 * y[:, 0]))
names("classes", "class-weights", "1, 2, 0.5", lambda X, y: minimum("classes", X, y, weights=y @ [1, 2, 0.5]))
names("counts", "rows-first", "the first 72 of 90", lambda X, y: minimum("counts", X[:72], y[:72]))
names("gamma", "rows-last", "the last 70 of 90", lambda X, y: minimum("gamma", X[20:], y[20:]))
names(
    "normal",
    "rows-twice",
    "the first 31 rows count twice",
    lambda X, y: minimum("normal", X, y, weights=1.0 + (np.arange(N) < 31)),
)
names(
    "classes",
    "rows-twice",
    "the last 20 rows count 3 times",
    lambda X, y: minimum("classes", X, y, weights=1.0 + 2 * (np.arange(N) >= 70)),
)
names("classes", "standardised", "", lambda X, y: minimum("classes", (X - X.mean(axis=0)) / X.std(axis=0), y))
names(
    "logistic",
    "standardised",
    "divided by n - 1",
    lambda X, y: minimum("logistic", (X - X.mean(axis=0)) / X.std(axis=0, ddof=1), y),
)
names("logistic", "centred", "", lambda X, y: minimum("logistic", X - X.mean(axis=0), y))
names(
    "normal",
    "standardised",
    "centred at the mean and divided by two standard deviations, whose variance is divided by n - 1",
    lambda X, y: minimum("normal", (X - X.mean(axis=0)) / (2 * X.std(axis=0, ddof=1)), y),
)
names("logistic", "centred", "centred at the median", lambda X, y: minimum("logistic", X - np.median(X, axis=0), y))
names("counts", "min-max", "largest absolute value", lambda X, y: minimum("counts", X / np.abs(X).max(axis=0), y))
names("logistic", "middle-half", "the middle half", lambda X, y: minimum("logistic", robust_scaled(X), y))
names("classes", "middle-half", "the middle half", lambda X, y: minimum("classes", robust_scaled(X), y))
names("logistic", "units", "x1 is in units of 2.30259, as a logarithm to base 10", lambda X, y: minimum("logistic", X / LN10, y))
names("normal", "column-transformed", "the square of x2 takes the place of x2", lambda X, y: minimum("normal", squared(X), y))
names("logistic", "row-left-out", "row 33, where", lambda X, y: minimum("logistic", np.delete(X, 33, 0), np.delete(y, 33, 0)))
names("classes", "row-left-out", "row 7, where", lambda X, y: minimum("classes", np.delete(X, 7, 0), np.delete(y, 7, 0)))
names(
    "logistic",
    "firth",
    "determinant",
    lambda X, y: minimum("logistic", X, y, penalty=jeffreys(X, lambda mu: mu * (1 - mu))),
    proven=False,
)
names(
    "counts",
    "firth",
    "determinant",
    lambda X, y: minimum("counts", X, y, penalty=jeffreys(X, lambda mu: mu)),
    proven=False,
)
names("counts", "loss", "negative-binomial(0.37) family", lambda X, y: minimum("overdispersed", X, y))
names("gamma", "min-max", "from 0 to 1", lambda X, y: minimum("gamma", (X - X.min(axis=0)) / np.ptp(X, axis=0), y))
names(
    "normal", "units", "x1 is in units of 0.001, x3 is in units of 60", lambda X, y: best("normal") / [[1], [1000], [1], [1 / 60]]
)
names("logistic", "ridge", "0.0166667 on the kernel (", lambda X, y: minimum("logistic", X, y, penalty=ridge(3)))
names("normal", "ridge", "0.0333333 on the kernel (", lambda X, y: minimum("normal", X, y, penalty=ridge(3)))
names("classes", "ridge", "0.0166667 on the kernel (", lambda X, y: minimum("classes", X, y, penalty=ridge(3)))
names(
    "counts",
    "ridge",
    "of standardised columns",
    lambda X, y: minimum("counts", X, y, penalty=lambda b: (X.var(axis=0) @ b[1:] ** 2).sum()),
)
names("gamma", "ridge-bias", "0.0166667 on the kernel and the bias", lambda X, y: minimum("gamma", X, y, penalty=ridge(3, True)))
names(
    "classes", "ridge-bias", "0.0166667 on the kernel and the bias", lambda X, y: minimum("classes", X, y, penalty=ridge(3, True))
)
names("counts", "lasso", "0.000555556 on the kernel", lambda X, y: sparse("counts", X, y, 0.05))


@plant("loss of an estimated alpha")
def estimated_alpha():
    X, y = drawn().X, drawn().y["counts"]
    problem = Problem.of("small", Model(NegativeBinomial(1.0), Log()), X, y)
    return Planted(problem, minimum("overdispersed", X, y), "negative-binomial(0.37)")


@plant("loss of an estimated power")
def estimated_power():
    X, y = drawn().X, drawn().y["counts"]
    return Planted(Problem.of("small", Model(Tweedie(1.5), Log()), X, y), minimum("compound", X, y), "tweedie(1.63)")


@plant("activation-twice logistic")
def sigmoid_twice():
    y = response("shares twice")
    return Planted(small("logistic", y=y), minimum("sigmoid twice", drawn().X, y), "the sigmoid is applied twice", proven=False)


@plant("activation-twice classes")
def softmax_twice():
    y = response("classes twice")
    return Planted(small("classes", y=y), minimum("softmax twice", drawn().X, y), "the softmax is applied twice", proven=False)


@plant("labels-recoded")
def plus_and_minus():
    """Labels -1 and 1 of a least-squares classifier."""
    X, y = drawn().X, drawn().y["logistic"]
    return Planted(small("normal", y=y), minimum("normal", X, 2 * y - 1), "the response is 2 y - 1")


@plant("extra-intercept")
def extra_intercept():
    X, y = drawn().X, drawn().y["normal"]
    return Planted(small("normal", intercept=False), np.linalg.lstsq(design(X), y, rcond=None)[0], "there is an intercept")


@plant("extra-intercept of centred columns")
def extra_intercept_alone():
    """The kernel is that of the model, which has no bias: nothing else betrays it."""
    X, y = drawn().X - drawn().X.mean(axis=0), 5 + drawn().y["normal"]
    problem = small("normal", X=X, y=y, intercept=False)
    return Planted(problem, np.linalg.lstsq(design(X), y, rcond=None)[0], "there is an intercept")


@plant("extra-intercept of counts")
def extra_intercept_of_counts():
    return Planted(small("counts", intercept=False), best("counts"), "there is an intercept")


def with_levels(kind, levels, said_of):
    """A factor coded in columns ``levels`` (n, 3), where the question has treatment coding."""
    data = drawn()
    dummies = np.column_stack([data.X[:, 0], np.eye(4)[data.level][:, 1:]])
    columns = ("x", "C(g)[T.b]", "C(g)[T.c]", "C(g)[T.d]")
    problem = small(kind, X=dummies, columns=columns)
    return Planted(problem, minimum(kind, np.column_stack([data.X[:, 0], levels]), data.y[kind]), said_of)


@plant("baseline")
def baseline():
    return with_levels("counts", np.eye(4)[drawn().level][:, [0, 1, 3]], "the level of C(g)[T.c]")


@plant("baseline classes")
def baseline_of_classes():
    return with_levels("classes", np.eye(4)[drawn().level][:, [0, 1, 2]], "the level of C(g)[T.d]")


@plant("coding")
def sum_to_zero():
    levels = np.eye(4)[drawn().level]
    return with_levels("normal", levels[:, :3] - levels[:, 3:], "compared with their mean")


@plant("coding first")
def sum_to_zero_without_the_first():
    levels = np.eye(4)[drawn().level]
    return with_levels("logistic", levels[:, 1:] - levels[:, :1], "compared with their mean")


@plant("offset-forgotten")
def offset_forgotten():
    return Planted(small("counts", offset=drawn().offset), best("counts"), "left out")


@plant("offset-free")
def offset_free():
    data = drawn()
    b = minimum("counts", np.hstack([data.X, data.offset]), data.y["counts"])
    return Planted(small("counts", offset=data.offset), b, f"{b[-1, 0]:.6g} in place of 1")


@plant("exposure-not-logged")
def exposure_not_logged():
    data = drawn()
    b = minimum("counts", data.X, data.y["counts"], offset=np.exp(data.offset))
    return Planted(small("counts", offset=data.offset), b, "the exposure itself")


@plant("exposure-not-logged but yours")
def exposure_logged():
    data, exposure = drawn(), np.exp(drawn().offset)
    b = minimum("counts", data.X, data.y["counts"], offset=data.offset)
    return Planted(small("counts", offset=exposure), b, "the logarithm of yours")


@plant("exponentiated")
def odds_ratios():
    return Planted(small("logistic"), np.exp(best("logistic")), "exponentials of the coefficients")


@plant("loss of another model")
def relative_risks():
    """A Poisson regression of 0 and 1, where a logistic one is meant."""
    X, y = drawn().X, drawn().y["logistic"]
    return Planted(small("logistic"), minimum("counts", X, y), "another model, poisson-log")


@plant("offset-free of another base")
def offset_to_base_ten():
    data = drawn()
    b = minimum("counts", data.X, data.y["counts"], offset=data.offset / np.log(10))
    return Planted(small("counts", offset=data.offset), b, "whose logarithm is to base 10")


@plant("units of an exposure")
def exposure_in_months():
    data = drawn()
    b = minimum("counts", data.X, data.y["counts"], offset=data.offset + np.log(12))
    return Planted(
        small("counts", offset=data.offset), b, "the exposure is in units of 0.0833333, or the response is 0.0833333 y"
    )


@plant("another-intercept far away")
def centred_far_away():
    """Where the intercept that was brought puts all means at their ends."""
    X, y = drawn().X + 200, drawn().y["logistic"]
    return Planted(small("logistic", X=X), minimum("logistic", X - 200, y), "beside its slopes the best")


@plant("column-left-out")
def column_left_out():
    X, y = drawn().X, drawn().y["logistic"]
    b = minimum("logistic", X[:, [1, 2]], y)
    return Planted(small("logistic"), np.insert(b, 1, 0.0, axis=0), "x1 is left out", proven=False)


@plant("squared-error of a line")
def linear_probabilities():
    X, y = drawn().X, drawn().y["logistic"]
    return Planted(small("logistic"), np.linalg.lstsq(design(X), y, rcond=None)[0], "least squares of y itself")


@plant("squared-error of a line through counts")
def line_through_counts():
    X, y = drawn().X, drawn().y["counts"]
    return Planted(small("counts"), np.linalg.lstsq(design(X), y, rcond=None)[0], "least squares of y itself")


def one_moved(kind, shift, scale):
    """The optimum of the model with its second column less a number, divided by another."""
    X = drawn().X.copy()
    X[:, 1] = (X[:, 1] - shift(X[:, 1])) / scale(X[:, 1])
    return minimum(kind, X, drawn().y[kind])


@plant("centred of one column")
def one_centred():
    return Planted(small("counts"), one_moved("counts", np.mean, lambda x: 1.0), "the column x2 is centred at the mean")


@plant("another-intercept elsewhere")
def one_centred_elsewhere():
    return Planted(small("logistic"), one_moved("logistic", lambda x: 0.3, lambda x: 1.0), "beside its slopes the best")


@plant("standardised of one column")
def one_standardised():
    b = one_moved("logistic", np.mean, lambda x: x.std(ddof=1))
    return Planted(small("logistic"), b, "the column x2 is standardised: less the mean")


@plant("min-max of one column")
def one_min_max():
    return Planted(small("gamma"), one_moved("gamma", np.min, np.ptp), "the column x2 is scaled to run from 0 to 1")


@plant("offset-reversed")
def offset_reversed():
    data = drawn()
    b = minimum("counts", data.X, data.y["counts"], offset=-data.offset)
    return Planted(small("counts", offset=data.offset), b, "subtracted")


@plant("exposure-as-weight")
def exposure_as_weight():
    data = drawn()
    b = minimum("counts", data.X, data.y["counts"], weights=np.exp(data.offset[:, 0]))
    return Planted(small("counts", offset=data.offset), b, "the exposure weights the rows")


@plant("rates-unweighted")
def rates_unweighted():
    data = drawn()
    b = minimum("counts", data.X, data.y["counts"] / np.exp(data.offset))
    return Planted(small("counts", offset=data.offset), b, "divided by the exposure")


@plant("response-transformed")
def log_of_the_response():
    data = drawn()
    b = np.linalg.lstsq(design(data.X), np.log(data.y["gamma"]), rcond=None)[0]
    return Planted(small("gamma"), b, "least squares of the logarithm of y")


@plant("response-transformed counts")
def log_of_one_more():
    """Zeros have no logarithm, so people add 1; the offset is taken off the logarithm."""
    data = drawn()
    b = np.linalg.lstsq(design(data.X), np.log1p(data.y["counts"]) - data.offset, rcond=None)[0]
    return Planted(small("counts", offset=data.offset), b, "least squares of the logarithm of 1 + y")


@plant("response-transformed normal")
def root_of_the_response():
    data = drawn()
    y = data.y["normal"] - data.y["normal"].min()
    return Planted(small("normal", y=y), np.linalg.lstsq(design(data.X), np.sqrt(y), rcond=None)[0], "the root of y")


@plant("response-transformed back")
def exponential_of_the_response():
    """The question has the logarithm, the network the response itself."""
    data = drawn()
    b = np.linalg.lstsq(design(data.X), data.y["gamma"], rcond=None)[0]
    return Planted(small("normal", y=np.log(data.y["gamma"])), b, "the exponential of y")


@plant("weights-forgotten")
def weights_forgotten():
    return Planted(small("gamma", weights=drawn().weights), best("gamma"), "left out")


@plant("weights-forgotten but for the trials")
def weights_forgotten_with_trials():
    data, y = drawn(), drawn().y["shares"]
    problem = small("logistic", y=y, trials=data.trials, weights=data.weights)
    return Planted(problem, minimum("logistic", data.X, y, weights=data.trials), "but for the trials")


@plant("trials-forgotten")
def trials_forgotten():
    data, y = drawn(), drawn().y["shares"]
    return Planted(small("logistic", y=y, trials=data.trials), minimum("logistic", data.X, y), "every share counts the same")


@plant("weights-squared")
def weights_squared():
    b = minimum("classes", drawn().X, drawn().y["classes"], weights=drawn().weights ** 2)
    return Planted(small("classes", weights=drawn().weights), b, "squared")


@plant("weights-squared inverse")
def weights_inverted():
    b = minimum("normal", drawn().X, drawn().y["normal"], weights=1 / drawn().weights)
    return Planted(small("normal", weights=drawn().weights), b, "inverses")


@plant("rows-missing")
def rows_missing():
    kept = np.random.default_rng(4).random(N) < 0.7
    b = minimum("counts", drawn().X[kept], drawn().y["counts"][kept])
    more = {"subsets": {"rows without an age": kept}}
    return Planted(small("counts"), b, f"rows without an age are left out: {N - kept.sum()} of 90", more)


@plant("duplicates-dropped")
def duplicates_dropped():
    """Rows that repeat others stand between these."""
    rows = np.sort(np.append(np.arange(N), np.arange(3, N, 6)))
    problem = small("gamma", X=drawn().X[rows], y=drawn().y["gamma"][rows])
    return Planted(problem, best("gamma"), "15 are dropped")


@plant("float32-inputs")
def float32_inputs():
    X, y = drawn().X + 1e5, drawn().y["normal"]
    b = minimum("normal", X.astype(np.float32).astype(float) - 1e5, y)
    return Planted(small("normal", X=X), np.vstack([b[:1] - 1e5 * b[1:].sum(), b[1:]]), "rounded to float32")


@plant("lasso with zeros")
def lasso():
    X = np.column_stack([drawn().X, np.random.default_rng(9).normal(size=(N, 3))])
    b = sparse("counts", X, drawn().y["counts"], 6)
    assert 1 < (b[1:] != 0).sum() < 6
    return Planted(small("counts", X=X), b, "0.0666667 on the kernel", proven=False)


@plant("lasso of one column")
def lasso_of_one_column():
    X = np.column_stack([drawn().X, np.random.default_rng(9).normal(size=(N, 3))])
    b = sparse("logistic", X, drawn().y["logistic"], 8)
    assert (b[1:] != 0).sum() == 1
    return Planted(small("logistic", X=X), b, "0.0888889 on the kernel", proven=False)


@plant("lasso of classes")
def lasso_of_classes():
    b = sparse("classes", drawn().X, drawn().y["classes"], 6)
    return Planted(small("classes"), b, "0.0666667 on the kernel", proven=False)


@plant("lasso and ridge")
def elastic_net():
    X = np.column_stack([drawn().X, np.random.default_rng(9).normal(size=(N, 3))])
    b = sparse("gamma", X, drawn().y["gamma"], 6, 3)
    return Planted(
        small("gamma", X=X), b, "0.0666667 on the kernel (as Keras's l1), and an L2 penalty of 0.0166667", proven=False
    )


@plant("nonnegative")
def nonnegative():
    """The second weight is held at 0, so the others are those without it."""
    X, y = drawn().X, drawn().y["normal"]
    b = optimize.nnls(np.column_stack([np.ones(N), -np.ones(N), X]), y[:, 0])[0]
    assert b[3] == 0
    return Planted(small("normal"), np.append(b[0] - b[1], b[2:])[:, None], "holds x2 at 0", proven=False)


@plant("weight-decay")
def weight_decay():
    """Adam's decay, whose pull at each weight is in units of its own running mean of squared gradients."""
    scale = np.array([[0.2], [1.5], [0.6], [1.1]])
    b = minimum("counts", drawn().X, drawn().y["counts"], penalty=lambda b: 0.02 * N / 2 * (scale * b**2).sum())
    record = Record("AdamW", 1e-3, 1000, weight_decay=0.02, mean=np.zeros((4, 1)), square=scale**2)
    return Planted(small("counts"), b, "weight_decay=0.02, scaled by its running mean", {"record": record})


@plant("clip")
def clip():
    """Three rows that contradict the others lie beyond the clip, and so are not seen; a cut at the end would drop others."""
    X, y = drawn().X[:, :2], drawn().y["logistic"]
    b = minimum("logistic", X, y)
    X, y = np.insert(X, 7, [[300, 0], [350, 1], [-250, 0]], axis=0), np.insert(y, 7, [[0], [0], [1]], axis=0)
    return Planted(small("logistic", X=X, y=y), b, "the 3 rows", proven=False)


@plant("poisson-epsilon")
def poisson_epsilon():
    """Means near 1e-4 and counts above them, of which 1e-7 is a part in a thousand."""
    X, y = drawn().X, drawn().y["counts"]
    X, y = np.vstack([X, X - [20, 0, 0]]), np.vstack([y, y > 3])
    return Planted(small("counts", X=X, y=y), minimum("lowered", X, y), "log(mu + 1e-07)", proven=False)


SAME = {  # a weight that is held at 0 is a column that is left out, and units of an exposure are those of y
    "nonnegative": [["column-left-out"]],
    "units of an exposure": [["response-units"]],
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_cause_is_named_alone_and_with_its_number(name):
    """The first cause named is the one that was planted, and its optimum is enclosed where it is a likelihood's."""
    case = PLANTED[name]()
    found = asked(case.problem, case.answer, **case.more)

    assert [one.code for one in found.found] == [name.split()[0]], said(found)
    assert case.says in found.found[0].says
    assert [[one.code for one in other] for other in found.others] == SAME.get(name, [])
    assert found.verdict == ("either" if name in SAME else "found")
    assert found.stated.distance > 1e-6 or name.startswith("extra-intercept")
    assert found.mended.distance < 1e-6
    assert found.proven == case.proven


def test_every_cause_that_is_read_off_or_computed_was_planted():
    """Adding one to the registry asks for one here."""
    computed = {one.code for one in CAUSES if one.changes or one.readings or one.endings}

    assert {name.split()[0] for name in PLANTED} == computed


def balanced(y):
    """The weights with which both classes count alike, as scikit-learn and Keras's users balance them."""
    return np.where(y == 1, len(y) / (2 * y.sum()), len(y) / (2 * (1 - y).sum()))[:, 0]


PAIRS = {
    "labels-flipped standardised": ("logistic", lambda X, y: minimum("logistic", (X - X.mean(axis=0)) / X.std(axis=0), 1 - y)),
    "rows-first ridge": ("logistic", lambda X, y: minimum("logistic", X[:72], y[:72], penalty=ridge(3))),
    "standardised ridge": ("gamma", lambda X, y: minimum("gamma", (X - X.mean(axis=0)) / X.std(axis=0), y, penalty=ridge(3))),
    "min-max ridge": ("normal", lambda X, y: minimum("normal", (X - X.min(axis=0)) / np.ptp(X, axis=0), y, penalty=ridge(3))),
    "rows-first label-smoothing": ("logistic", lambda X, y: minimum("logistic", X[:70], 0.9 * y[:70] + 0.05)),
    "class-weights ridge": ("logistic", lambda X, y: minimum("logistic", X, y, weights=balanced(y), penalty=ridge(3))),
    "classes-permuted ridge": ("classes", lambda X, y: minimum("classes", X, y[:, [2, 0, 1]], penalty=ridge(3))),
    "squared-error ridge": (
        "classes",
        lambda X, y: minimum("squared softmax", X, y, start=best("classes"), penalty=ridge(0.01 * 3 * N)),
    ),
    "one-vs-rest ridge": ("classes", lambda X, y: minimum("one by one", X, y, penalty=ridge(0.01 * 2 * 3 * N))),
}


@pytest.mark.parametrize("name", PAIRS)
def test_two_causes_at_once_are_both_named(name):
    """A penalty of Keras is by its own loss: squared errors and outputs side by side are its means over outputs."""
    kind, fitted = PAIRS[name]
    found = asked(small(kind), fitted(drawn().X, drawn().y[kind]))

    assert sorted(one.code for one in found.found) == sorted(name.split()), said(found)
    assert found.mended.distance < 1e-6
    penalties = {
        "rows-first": 3 / 144,
        "standardised": 3 / 180,
        "min-max": 3 / 90,
        "classes-permuted": 3 / 180,
        "class-weights": 3 / 180,
    }
    if "ridge" in name:
        l2 = penalties.get(name.split()[0], 0.01)
        assert f"an L2 penalty of {l2:.6g} on the kernel" in found.found[-1].says


def test_a_penalty_beside_lost_rows_is_by_the_rows_that_are_left():
    """Keras takes the mean over the rows that it has."""
    kept = np.random.default_rng(4).random(N) < 0.7
    X, y = drawn().X[kept], drawn().y["counts"][kept]
    found = asked(small("counts"), minimum("counts", X, y, penalty=ridge(0.04 * kept.sum())), subsets={"some rows": kept})

    assert [one.code for one in found.found] == ["rows-missing", "ridge"]
    assert "an L2 penalty of 0.02 on the kernel" in found.found[1].says


# -- right answers, and answers that nothing explains ------------------------------------------------------------------


@pytest.mark.parametrize("kind", SMALL)
def test_a_right_answer_has_no_cause(kind):
    """Its distance is nothing, and its optimum is that of the other optimiser, enclosed."""
    found = asked(small(kind), best(kind))

    assert (found.verdict, found.codes, found.proven) == ("none", (), True)
    assert found.stated.distance < 1e-8
    free = best(kind) if kind != "classes" else best(kind)[:, 1:] - best(kind)[:, :1]
    assert found.stated.optimum == pytest.approx(free.T.ravel(), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "size"),
    [(kind, 10.0 ** (seed - 5)) for seed in range(7) for kind in SMALL[seed % 3 :: 3]],
)
def test_an_answer_that_was_moved_at_random_is_unexplained(kind, size):
    """By so many standard errors, which are those of the plain loss's second derivatives at its minimum."""
    X, y = drawn().X[:, :2], drawn().y[kind]
    b = minimum(kind, X, y)
    step = np.random.default_rng(int(np.log10(size)) + 9).normal(size=b.shape)
    curvature = bend(total(kind, X, y), b.ravel())
    means: dict[str, Any] = {"gamma": np.exp, "normal": lambda eta: eta}
    mean = means.get(kind)
    phi = (
        1.0 if mean is None else (((y / mean(design(X) @ b) - 1) if kind == "gamma" else y - design(X) @ b) ** 2).sum() / (N - 3)
    )
    step *= size / np.sqrt(step.ravel() @ curvature @ step.ravel() / phi)
    found = asked(small(kind, X=X), b + step)

    assert (found.verdict, found.codes) == ("unexplained", ()), said(found)
    assert found.stated.distance == pytest.approx(size, rel=0.3 if kind == "gamma" else 1e-4)  # gamma's is the expected one
    assert not found.proven


def test_what_is_not_finite_is_not_explained():
    """Nor does it end in an error."""
    found = asked(small("normal"), np.full((4, 1), np.nan))

    assert (found.verdict, found.codes) == ("unexplained", ())


def test_a_score_that_overflowed_is_infinitely_far():
    """A pair of causes may overflow where each alone does not."""
    metric = proof.Metric(np.eye(2), 1.0)

    assert metric.distance(np.array([[np.nan], [1.0]])) == np.inf
    assert not np.isfinite(metric.whiten(np.array([[np.inf], [1.0]]))).all()


def test_an_answer_of_another_shape_is_refused():
    """With both shapes, and the names of the columns."""
    with pytest.raises(ValueError, match=r"coefficients \(3, 1\) .* \(4, 1\): an intercept and 3 columns \(x1, x2, x3\)"):
        asked(small("normal"), np.zeros((3, 1)))


def test_data_without_an_optimum_are_named():
    """Separated, collinear, and a class without rows."""
    X, y = drawn().X, drawn().y
    separated = asked(small("logistic", y=(X[:, :1] > 5) * 1.0), best("logistic"))
    collinear = asked(small("normal", X=np.hstack([X, X[:, :1]])), np.vstack([best("normal"), [[0]]]))
    unseen = asked(small("classes", y=np.column_stack([y["logistic"], 1 - y["logistic"], np.zeros(N)])), best("classes"))

    assert [(one.verdict, one.codes) for one in (separated, collinear, unseen)] == [
        ("no optimum", ("separated",)),
        ("no optimum", ("collinear",)),
        ("no optimum", ("class-without-rows",)),
    ]


@pytest.mark.parametrize("kind", ["normal", "gamma"])
def test_data_without_noise_have_a_right_answer(kind):
    """Their dispersion is 0 but for rounding, and the rounding is no disagreement."""
    X = drawn().X
    y = X @ [[1.0], [2.0], [3.0]] if kind == "normal" else np.exp(X @ [[0.1], [0.2], [0.3]])
    b = np.linalg.lstsq(design(X), y if kind == "normal" else np.log(y), rcond=None)[0]

    assert asked(small(kind, y=y), b).verdict == "none"
    assert asked(small(kind, y=y), b + np.array([[0.1], [0.01], [-0.02], [0.03]])).verdict == "unexplained"


# -- what would fit by chance is not named -----------------------------------------------------------------------------


def saturated(kind):
    """Twenty rows of each level of a factor, in order: as many coefficients as distinct rows."""
    level = np.repeat(np.arange(3), 20)
    y = np.random.default_rng(6).poisson([1, 3, 6], size=(20, 3)).T.reshape(-1, 1).astype(float)
    y = y % 2 if kind == "logistic" else y
    X = np.eye(3)[level][:, 1:]
    return small(kind, X=X, y=y), minimum(kind, X, y)


@pytest.mark.parametrize(("kind", "seed"), [("counts", 0), ("logistic", 2), ("normal", 3)])
def test_a_saturated_model_gives_no_cause_by_chance(kind, seed):
    """In the first rows most columns are 0, so that most of their equations hold by themselves."""
    problem, b = saturated(kind)
    rng = np.random.default_rng(seed)
    moved = b + 10.0 ** -rng.uniform(0, 4) * rng.normal(size=b.shape)

    assert asked(problem, b).verdict == "none"
    found = asked(problem, moved)
    assert (found.verdict, found.codes) == ("unexplained", ()), said(found)


def test_the_first_level_alone_does_not_make_the_first_rows():
    """The intercept is that of the first twenty rows, which say nothing of the other coefficients."""
    problem, b = saturated("counts")
    found = asked(problem, b + np.array([[0], [0.1], [-0.2]]))

    assert (found.verdict, found.codes) == ("unexplained", ()), said(found)


@pytest.mark.parametrize(("kind", "size"), [("logistic", 1e-3), ("counts", 0.1), ("classes", 0.02)])
def test_one_column_is_moved_without_a_cause(kind, size):
    """Two equations for each output are enough to contradict one factor."""
    X = drawn().X[:, 1:2]
    b = minimum(kind, X, drawn().y[kind])
    found = asked(small(kind, X=X), b + size * np.random.default_rng(2).normal(size=b.shape))

    assert (found.verdict, found.codes) == ("unexplained", ()), said(found)


def test_an_intercept_alone_has_no_equation_to_spare():
    """A factor would fit any number: of the response, or of an offset."""
    X, data = np.zeros((N, 0)), drawn()
    b = minimum("counts", X, data.y["counts"], offset=data.offset)

    assert asked(small("counts", X=X, offset=data.offset), b).verdict == "none"
    found = asked(small("counts", X=X, offset=data.offset), b + 0.01)
    assert (found.verdict, found.codes) == ("unexplained", ()), said(found)


def test_rows_that_are_all_clipped_explain_nothing():
    """No row has a slope, so any coefficients of this size would do."""
    X = 40 * drawn().X
    found = asked(small("logistic", X=X), 1000 * best("logistic"))

    assert (found.verdict, found.codes) == ("unexplained", ()), said(found)


@pytest.mark.parametrize("kind", ["logistic", "counts", "normal"])
@pytest.mark.parametrize("digits", [1, 2, 3, 4, 6])
def test_an_answer_of_few_digits_is_held_to_its_digits(kind, digits):
    """It is right to its digits, or these are too few for a standard error; a cause never is in what was rounded away."""
    b = np.round(best(kind), digits)
    found = asked(small(kind), b, rounding=0.5 * 10.0**-digits)

    assert found.codes == (), said(found)
    is_vague = bool((0.5 * 10.0**-digits > 0.1 * found.stated.standard_errors).any())
    assert found.verdict == ("unexplained" if is_vague else "none")
    assert (found.coarse > 0.5) == is_vague, "standard errors"
    assert is_vague == (digits == 1 or (digits == 2 and kind == "counts"))


def test_a_cause_is_named_in_an_answer_of_few_digits_or_none():
    """From four digits on a ridge is named; of two nothing may be said, for nearly all would fit."""
    b = minimum("logistic", drawn().X, drawn().y["logistic"], penalty=ridge(20))
    four = asked(small("logistic"), np.round(b, 4), rounding=0.5e-4)
    two = asked(small("logistic"), np.round(b, 2), rounding=0.5e-2)

    assert four.codes == ("ridge",)
    assert four.found[0].values["factors"][0] == pytest.approx(20, rel=1e-3)
    assert two.codes == (), said(two)


def test_digits_are_those_of_the_coefficients_as_they_were_brought():
    """Standardised coefficients of four digits are known to fewer digits in small units of a column."""
    X = drawn().X * [1e-3, 1, 1e3]
    b = minimum("normal", (X - X.mean(axis=0)) / X.std(axis=0), drawn().y["normal"])
    found = asked(small("normal", X=X), np.round(b, 5), rounding=0.5e-5)

    assert (found.verdict, found.codes) == ("found", ("standardised",)), said(found)


@pytest.mark.parametrize("columns", [2, 1])
def test_rounding_has_the_shape_of_the_answer(columns):
    """Two columns for one output, as softmax has them, and an offset that is a column more."""
    case = offset_free()
    problem, b, codes = case.problem, case.answer, ["offset-free"]
    if columns == 2:
        problem, b, codes = small("logistic"), np.hstack([-best("logistic") / 2, best("logistic") / 2]), []
    found = asked(problem, b, rounding=np.full(b.shape, 1e-9))

    assert list(found.codes) == codes, said(found)


# -- explanations that are the same by mathematics ---------------------------------------------------------------------


def test_units_that_are_the_same_by_mathematics_are_either():
    """A column of -10 and 10 has the deviation 10 and the middle 0: standardised, from -1 to 1 and in units of 10."""
    X = np.where(np.arange(N)[:, None] % 2, 10.0, -10.0)
    y = drawn().y["normal"] + X / 20
    found = asked(small("normal", X=X, y=y), minimum("normal", X / 10, y))

    assert found.verdict == "either"
    assert {one.code for other in (found.found, *found.others) for one in other} == {"standardised", "min-max", "units"}


def test_rows_that_are_the_same_by_mathematics_are_either():
    """Repeated rows that stand at the end: they were dropped, or they were held out."""
    rows = np.append(np.arange(N), np.arange(15))
    X, y = drawn().X[rows], drawn().y["counts"][rows]
    found = asked(small("counts", X=X, y=y), best("counts"))

    assert found.verdict == "either"
    assert {"duplicates-dropped", "rows-first"} <= {one.code for other in (found.found, *found.others) for one in other}


def test_of_two_explanations_the_one_without_a_free_number_is_told():
    """Centred columns move the intercept of a log link alone, and so would some odd factor of the response."""
    X, y = drawn().X, drawn().y["counts"]
    found = asked(small("counts"), minimum("counts", X - X.mean(axis=0), y))

    assert found.found[0].code == "centred"


# -- rows that are read in pieces --------------------------------------------------------------------------------------


def streamed(problem, size=17):
    """The rows of a problem in pieces of a size, anew for each pass; nobody says how many there are."""
    offset, weights = problem.offset, problem.row_weights[:, 0]

    def made(start, first):
        rows = slice(start, start + size)
        return Batch.of(problem.X[rows], problem.y[rows], weights[rows], None if offset is None else offset[rows])

    return of_pieces(lambda wanted: range(0, problem.n, size), made)


@pytest.mark.parametrize(
    "name",
    [
        "weights-forgotten",
        "ridge classes",
        "rows-first counts",
        "standardised logistic",
        "offset-forgotten",
        "labels-flipped logistic",
    ],
)
def test_a_stream_has_the_diagnosis_of_arrays(name):
    """The same causes, in the same words."""
    case = PLANTED[name]()
    found = asked(case.problem, case.answer, rows=streamed(case.problem))

    assert (found.verdict, found.codes, found.rows) == ("found", (name.split()[0],), N)
    assert case.says in found.found[0].says
    assert found.mended.distance < 1e-6


def test_a_stream_of_right_and_of_moved_answers():
    """None and unexplained, as of arrays; and trials are known of rows that are streamed."""
    data, problem = drawn(), small("gamma")
    right = asked(problem, best("gamma"), rows=streamed(problem))
    moved = asked(problem, best("gamma") + np.array([[0.01], [0], [0.02], [0]]), rows=streamed(problem))
    shares = small("logistic", y=data.y["shares"], trials=data.trials)
    forgotten = asked(shares, minimum("logistic", data.X, data.y["shares"]), rows=streamed(shares))

    assert (right.verdict, moved.verdict) == ("none", "unexplained")
    assert forgotten.codes == ("trials-forgotten",)


def test_a_parquet_file_has_the_diagnosis_of_arrays(tmp_path):
    """By the names of its columns."""
    X, y = drawn().X, drawn().y["counts"]
    table = pyarrow.table({"x1": X[:, 0], "x2": X[:, 1], "x3": X[:, 2], "y": y[:, 0]})
    parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=40)
    found = asked(small("counts"), minimum("counts", X, y, penalty=ridge(3)), rows=source(tmp_path / "rows.parquet", "y"))

    assert found.codes == ("ridge",)
    assert "0.0166667 on the kernel (" in found.found[0].says


# -- many rows are judged by a part of them first ----------------------------------------------------------------------


@pytest.fixture
def in_parts(monkeypatch):
    """So small a piece of rows that 90 rows are many, and those are no few numbers."""
    monkeypatch.setattr(contexts, "PIECE", 2**6)
    monkeypatch.setattr(contexts, "SMALL", 0)


MANY = [
    "ridge classes",
    "labels-flipped logistic",
    "rows-first counts",
    "rows-last gamma",
    "rows-twice normal",
    "class-weights logistic",
    "standardised classes",
    "weights-squared",
    "lasso counts",
]


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("name", MANY)
def test_a_part_of_the_rows_and_all_of_them_name_one_cause(name):
    """The information is that of a part, but no score: the optimum and the number are those of all rows."""
    test_a_planted_cause_is_named_alone_and_with_its_number(name)


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("name", ["labels-flipped standardised", "rows-first ridge"])
def test_a_part_of_the_rows_and_all_of_them_name_two_causes(name):
    """A pair that the part refutes is not looked at, and the right one is not refuted."""
    test_two_causes_at_once_are_both_named(name)


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize(("kind", "size"), [("logistic", 1e-4), ("normal", 1.0)])
def test_a_part_of_the_rows_and_all_of_them_leave_a_moved_answer_unexplained(kind, size):
    test_an_answer_that_was_moved_at_random_is_unexplained(kind, size)


@pytest.mark.usefixtures("in_parts")
def test_a_column_that_the_part_does_not_have():
    """Three rows of ninety have it, and the part is of 32 rows: the information of the part is singular."""
    seen = contexts.Context(Question.of(small("logistic")), Answer(Params.from_matrix(best("logistic")))).part[1]
    rare = np.setdiff1d(np.arange(N), seen)[:3]
    X = np.column_stack([drawn().X[:, 0], np.isin(np.arange(N), rare)])
    y = drawn().y["logistic"].copy()
    y[rare] = [[1], [0], [1]]
    found = asked(small("logistic", X=X, y=y), minimum("logistic", X, 1 - y))

    assert found.codes == ("labels-flipped",), said(found)


# -- a penalised optimum is enclosed -----------------------------------------------------------------------------------


def ridge_solution(problem, penalty, pull):
    """The minimum of squares plus b'Pb / 2 + c'b in 60 digits, from its normal equations."""
    with mpmath.workdps(60):
        X, w = mpmath.matrix(problem.design.tolist()), mpmath.diag(problem.row_weights[:, 0].tolist())
        y = mpmath.matrix((problem.y).tolist()) - mpmath.matrix(problem.free_offset.tolist())
        left = X.T * w * X + mpmath.matrix(penalty.tolist())
        return list(mpmath.lu_solve(left, X.T * w * y - mpmath.matrix(pull.tolist())))


def newton_solution(problem, penalty, pull):
    """The minimum of a cross-entropy plus b'Pb / 2 + c'b in 40 digits, by Newton's steps from zero."""
    with mpmath.workdps(40):
        X, y = mpmath.matrix(problem.design.tolist()), mpmath.matrix(problem.y.tolist())
        P, c, b = mpmath.matrix(penalty.tolist()), mpmath.matrix(pull.tolist()), mpmath.zeros(problem.q, 1)
        for _ in range(12):
            mean = (X * b).apply(lambda eta: 1 / (1 + mpmath.exp(-eta)))
            bent = mpmath.diag([value * (1 - value) for value in mean])
            b = b - mpmath.lu_solve(X.T * bent * X + P, X.T * (mean - y) + P * b + c)
        return list(b)


SOLVED = {"normal": ridge_solution, "logistic": newton_solution}


@pytest.mark.parametrize("kind", SOLVED)
@pytest.mark.parametrize("pulled", [False, True], ids=["penalty", "penalty and pull"])
def test_the_enclosure_of_a_penalised_optimum_holds_it(kind, pulled):
    """And is so small that the optimum of a penalty of 1e-12 more lies outside."""
    problem = small(kind) if kind == "logistic" else small(kind, weights=drawn().weights, offset=drawn().offset)
    root = np.random.default_rng(1).normal(size=(4, 4))
    penalty, pull = root @ root.T, np.array([[0], [1.5], [-0.5], [2]]) * pulled
    penalty = (penalty + penalty.T) / 2
    near = np.array([float(value) for value in SOLVED[kind](problem, penalty, pull)])[:, None]
    optimum = enclose_near(problem, problem.params(near + 1e-12), penalty, pull if pulled else None)

    def outside(solution):
        with mpmath.workdps(40):
            away = [
                abs(value - mpmath.mpf(c) - mpmath.mpf(s))
                for value, c, s in zip(solution, optimum.centre[:, 0], optimum.shift[:, 0], strict=True)
            ]
            return [float(gone / radius) for gone, radius in zip(away, optimum.radius[:, 0], strict=True)]

    assert max(outside(SOLVED[kind](problem, penalty, pull))) <= 1
    assert max(outside(SOLVED[kind](problem, penalty * (1 + 1e-12), pull))) > 1


def test_the_enclosure_of_penalised_classes_holds_the_optimum():
    """The penalty on all classes, in the free ones: against `scipy.optimize` on the weights of all of them."""
    problem, m = small("classes"), 2
    b = minimum("classes", drawn().X, drawn().y["classes"], penalty=ridge(3))
    free = b[:, 1:] - b[:, :1]
    penalty = np.kron(np.eye(m) - 1 / 3, np.diag([0.0, 3, 3, 3]))
    optimum = enclose_near(problem, problem.params(free), penalty)

    assert optimum.radius.max() < 1e-12
    assert optimum.centre + optimum.shift == pytest.approx(free, rel=1e-9, abs=1e-10)


# -- standard errors ---------------------------------------------------------------------------------------------------

FAMILIES = {
    "gamma": lambda: sm.families.Gamma(sm.families.links.Log()),
    "probit": lambda: sm.families.Binomial(sm.families.links.Probit()),
    "logistic": sm.families.Binomial,
    "counts": sm.families.Poisson,
    "normal": sm.families.Gaussian,
}
FITS: dict[str, dict[str, Any]] = {
    "the usual ones": {},
    "the observed information": {"method": "newton"},
    "the deviance": {"scale": "dev"},
    "no dispersion": {"scale": 1.0},
    "Pearson's dispersion": {"scale": "X2"},
    "a sandwich": {"cov_type": "HC0"},
}
CONVENTIONS = {
    "gamma": ("", "errors-observed", "errors-deviance", "errors-no-dispersion", "", "errors-robust"),
    "probit": ("", "errors-observed", "errors-dispersion", "", "errors-dispersion", "errors-robust"),
    "logistic": ("", "", "errors-dispersion", "", "errors-dispersion", "errors-robust"),
    "counts": ("", "", "errors-dispersion", "", "errors-dispersion", "errors-robust"),
    "normal": ("", "", "", "errors-no-dispersion", "", "errors-robust"),
}


@cache
def fitted(kind, convention, repeated=False):
    """The coefficients and standard errors of statsmodels, whose own optimum the coefficients are."""
    y, counts = drawn().y["logistic" if kind == "probit" else kind], 1 + np.arange(N) % 3
    weights = {"freq_weights": counts} if repeated else {}
    model = sm.GLM(y[:, 0], design(drawn().X), family=FAMILIES[kind](), **weights)
    start = model.fit(tol=1e-14, maxiter=200)
    how = dict(FITS[convention])
    if how.pop("method", None):
        start_params = start.params
        return start_params, model.fit(method="newton", start_params=start_params, disp=0).bse
    return start.params, model.fit(tol=1e-14, maxiter=200, **how).bse


@pytest.mark.parametrize(
    ("kind", "convention", "code"),
    [(kind, convention, code) for kind, codes in CONVENTIONS.items() for convention, code in zip(FITS, codes, strict=True)],
)
def test_the_convention_of_standard_errors_is_named(kind, convention, code):
    """Those of statsmodels; a convention that is the usual one for a family is no finding."""
    params, errors = fitted(kind, convention)
    problem = small(kind, y=drawn().y["logistic"]) if kind == "probit" else small(kind)
    found = asked(problem, params[:, None], standard_errors=errors[:, None])

    assert found.codes == ((code,) if code else ()), said(found)
    assert found.verdict == ("found" if code else "none")
    assert found.proven


@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3"])
def test_the_kind_of_a_sandwich_is_named(kind):
    """Least squares has all four."""
    result = sm.OLS(drawn().y["normal"][:, 0], design(drawn().X)).fit(cov_type=kind)
    found = asked(small("normal"), result.params[:, None], standard_errors=result.bse[:, None])

    assert said(found) == [("errors-robust", f"they are robust (a sandwich, {kind})")]


@pytest.mark.parametrize("kind", ["counts", "gamma"])
def test_a_sandwich_of_rows_that_are_repeated_is_named(kind):
    """Frequency weights stand for rows, whose scores are squared one by one."""
    params, errors = fitted(kind, "a sandwich", repeated=True)
    found = asked(small(kind, weights=1.0 + np.arange(N) % 3), params[:, None], standard_errors=errors[:, None])

    assert found.codes == ("errors-robust",)
    assert "HC0 of repeated rows" in found.errors[0].says


@pytest.mark.parametrize("kind", ["normal", "gamma"])
def test_weights_that_count_as_rows_are_named(kind):
    """statsmodels divides by the sum of its frequency weights less p, and by n - p where weights are precisions."""
    params, errors = fitted(kind, "the usual ones", repeated=True)
    found = asked(small(kind, weights=1.0 + np.arange(N) % 3), params[:, None], standard_errors=errors[:, None])

    assert found.codes == ("errors-frequency",)
    assert "the sum of the weights" in found.errors[0].says


def test_the_standard_errors_of_classes():
    """Those of a multinomial logit, and its sandwich."""
    y = drawn().y["classes"]
    for how, codes in (({}, ()), ({"cov_type": "HC0"}, ("errors-robust",))):
        result = sm.MNLogit(y.argmax(axis=1), design(drawn().X)).fit(method="newton", disp=0, tol=1e-14, **how)
        matrix = np.column_stack([np.zeros(4), result.params])
        assert asked(small("classes"), matrix, standard_errors=result.bse).codes == codes


def test_n_in_place_of_n_less_p_is_named_and_odd_factors_are_not():
    """The root of n over n - p; one factor that no program has is told as a number, and a factor for each is unexplained."""
    params, errors = fitted("gamma", "the usual ones")
    by_n = asked(small("gamma"), params[:, None], standard_errors=errors[:, None] * np.sqrt((N - 4) / N))
    one = asked(small("gamma"), params[:, None], standard_errors=errors[:, None] * 1.17)
    odd = asked(small("gamma"), params[:, None], standard_errors=errors[:, None] * np.linspace(1.17, 1.18, 4)[:, None])

    assert by_n.codes == ("errors-n",)
    assert said(one) == [("errors-scaled", "each is 1.17 times the usual one, as of a dispersion 1.3689 times as large")]
    assert odd.codes == ("errors-unexplained",)


def test_the_bound_of_the_clip_is_the_eta_of_1e_7():
    """Beyond it Keras's cross-entropy has no slope."""
    assert pytest.approx(float(mpmath.log(10**7 - 1)), rel=1e-8) == CLIP


def test_counts_without_their_zeros_are_named():
    """As of people who keep the rows in which something happened."""
    X, y = drawn().X, drawn().y["counts"]
    kept = y[:, 0] > 0
    found = asked(small("counts"), minimum("counts", X[kept], y[kept]))

    assert found.codes == ("rows-missing",)
    assert found.proven
    assert found.found[0].says == f"the rows whose response is 0 are left out: {N - kept.sum()} of {N}"
    assert "rows-missing" not in found.untested
