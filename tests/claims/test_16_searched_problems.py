"""
Any problem: claims searched for counterexamples (S8).

The other chapters choose their problems; here Hypothesis chooses them, and what it finds it makes as small as it can. Each
answer is held to the other engine where that has its digits, and to ball arithmetic everywhere. A run draws a few problems
for each model, others with --seed; `SPEC_EXAMPLES=1000 pytest tests/claims/test_16_searched_problems.py` searches in earnest.
"""

import os
import zlib
from dataclasses import dataclass
from functools import cached_property

import flint
import numpy as np
import pytest
from flint import arb, arb_mat, arb_series
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from spec.engines.engine import Evaluation
from spec.evidence.agreement import assert_same_curvature, assert_same_gradient, assert_same_mean, assert_same_objective
from spec.evidence.balls import BALLS
from spec.families import Binomial, Multinomial
from spec.model import PAIRS, Model, Params
from spec.problems import Problem
from spec.problems.by_construction import ETA_RANGE, SOFTMAX, draw

EXAMPLES = int(os.environ.get("SPEC_EXAMPLES", "4"))
MODELS = (*PAIRS, SOFTMAX)
NAMED = {str(model): model for model in MODELS}

# eta where the network has all its digits, beyond ETA_RANGE: see `assert_climbs`
WIDE = {
    "gaussian-identity": (-64, 64),
    "gaussian-log": (-16, 8),
    "binomial-logit": (-16, 16),
    "binomial-cauchit": (-64, 1.5),
    "binomial-log": (-30, -0.2),
    "binomial-log-complement": (-1.6, -(2**-10)),
    "binomial-cloglog": (-30, 0.5),
    "poisson-log": (-16, 8),
    "gamma-log": (-16, 8),
    "inverse-gaussian-log": (-8, 8),
    "negative-binomial(0.5)-log": (-16, 2),
    "negative-binomial(0.5)-cloglog": (-30, 1),
    "negative-binomial(0.5)-negative-binomial-link(0.5)": (-16, -0.25),
    "tweedie(1.5)-log": (-16, 8),
    "multinomial-softmax": (-16, 16),
}


@dataclass(frozen=True)
class Case:
    """
    A problem by its circumstances: what Hypothesis draws and shrinks, prints where it fails, and an @example repeats.

    ``level`` says what carries the middle of eta: the bias, the offset, or a constant column. Column j is in units of 2^units[j],
    with its weight in the inverse of that; a row's weight is 2 to a power between those of ``weights``. ``trials`` is the most
    that a row has. Entries of X are multiples of 1/grain; the rest is drawn from ``seed``.
    """

    model: str
    rows: int
    units: tuple[int, ...] = ()
    level: str = "bias"
    wide: bool = False
    between: tuple[int, int] = (0, 64)
    grain: int = 1
    weights: tuple[int, int] | None = None
    trials: int = 1
    offset: bool = False
    edges: bool = False
    classes: int = 1
    seed: int = 0

    @property
    def window(self) -> tuple[float, float]:
        """What eta keeps to."""
        low, high = (WIDE if self.wide else {"multinomial-softmax": (-2, 2)} | ETA_RANGE)[self.model]
        if low * high > 0:
            return tuple(low * (high / low) ** (place / 64) for place in self.between)
        return tuple(low + (high - low) * (place / 64) for place in self.between)

    @cached_property
    def drawn(self) -> tuple[Problem, Params, Params]:
        """The problem, and two points of its parameters."""
        rng, (low, high) = np.random.default_rng(self.seed), self.window
        n, p, k, model = self.rows, len(self.units), self.classes, NAMED[self.model]
        units = 2.0 ** np.array(self.units)
        X = np.round(rng.uniform(-1, 1, size=(n, p)) * self.grain) / self.grain
        middle, half = (low + high) / 2, (high - low) / 2
        offset = None
        if self.offset or self.level == "offset":
            offset = np.full((n, k), middle * (self.level == "offset"))
        if self.offset:
            half /= 2
            offset = offset + half * rng.uniform(-1, 1, size=(n, k))
        if self.level == "column":
            X[:, 0] = 1
        points = [self._point(p, middle, half, rng) for _ in range(2)]
        eta = points[0].linear_predictor(X) + (0 if offset is None else offset)
        weights = None
        if self.weights is not None:
            weights = np.exp2(rng.uniform(*self.weights, size=n))
        y, trials = self._response(model, model.link.inverse(eta), rng)
        problem = Problem.of(
            repr(self), model, X * units, y, intercept=self.level == "bias", offset=offset, weights=weights, trials=trials
        )
        return problem, *(Params(at.intercept, at.coef / units[:, None]) for at in points)

    def _point(self, p: int, middle: float, half: float, rng: np.random.Generator) -> Params:
        """|eta - middle| <= half, whatever the row of X."""
        level = ["bias", "column"].index(self.level) if self.level != "offset" else None
        matrix = rng.uniform(-1, 1, size=(1 + p, self.classes))
        matrix[0] *= level == 0
        matrix *= half / np.maximum(np.abs(matrix).sum(axis=0), 1)
        if level is not None:
            matrix[level] += middle
        return Params.from_matrix(matrix)

    def _response(self, model: Model, mu: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        n = self.rows
        if isinstance(model.family, Multinomial):
            classes = np.arange(n) % self.classes if not self.wide else rng.integers(self.classes, size=n)
            y = np.eye(self.classes)[classes]
            if self.edges and self.wide:
                y[: n // 2] = rng.dirichlet(np.ones(self.classes), size=n // 2)
            return y, None
        if isinstance(model.family, Binomial):
            trials = rng.integers(1, self.trials + 1, size=n)
            y = rng.binomial(trials[:, None], 0.5 if self.edges else mu) / trials[:, None]
            if self.trials == 1 and self.edges:
                y[: n // 2] = rng.uniform(size=(n // 2, 1))
            return y, trials if self.trials > 1 else None
        y = draw(model.family, mu, rng)
        if "gamma" in self.model or "inverse-gaussian" in self.model:
            y = np.maximum(y, 2.0**-10 * mu)
        if self.edges:
            extreme = {"gaussian": (0, 8), "gamma": (2**-6, 8), "inverse-gaussian": (2**-6, 8)}
            y = np.where(rng.uniform(size=y.shape) < 0.5, rng.choice(extreme.get(str(model.family), (0, 8)), size=y.shape), y)
        return y, None


@st.composite
def cases(draw, names):
    name = draw(st.sampled_from(names))
    units = draw(st.lists(st.integers(-26, 26), max_size=6))
    level = draw(st.sampled_from(["bias", "offset", "column"] if units else ["bias"]))
    rows = draw(st.integers(2, 40))
    softmax, binomial = name == "multinomial-softmax", name.startswith("binomial")
    classes = draw(st.integers(2, 5)) if softmax else 1
    wide = name in WIDE and draw(st.booleans())
    if rows < classes:
        wide = True
    plain = softmax and not wide
    most = 8 if "tweedie" in name else 40
    bounds = st.tuples(st.integers(-40, most), st.integers(-40, most)).map(sorted).map(tuple)
    return Case(
        name,
        rows,
        tuple(units),
        level,
        wide,
        draw(st.just((0, 64)) | st.tuples(st.integers(0, 64), st.integers(0, 64)).map(sorted).map(tuple)),
        grain=draw(st.sampled_from([1, 4, 2**16, 10**9])),
        weights=None if plain else draw(st.none() | bounds),
        trials=draw(st.sampled_from([1, 2, 50, 10**6])) if binomial else 1,
        offset=not plain and draw(st.booleans()),
        edges=draw(st.booleans()),
        classes=classes,
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def search(case, check, seed, found=(), shrink=True):
    """Hold every case to the check; raises what the smallest counterexample raises, with the case in a note."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if shrink else [])],
    )
    @seeded(seed)
    @given(case)
    def holds(case):
        check(case)

    for each in found:
        holds = example(each)(holds)
    try:
        holds()
    except Unsatisfiable:
        pytest.skip("every problem that was drawn is declined")


@pytest.fixture
def seed(request):
    return zlib.crc32(f"{request.config.getoption('--seed')} {request.node.nodeid}".encode())


@pytest.mark.claim("no-counterexample", source="S8 S6", symptom="Does it hold for my data too, or only for those that were chosen?")
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_no_problem_refutes_it(model, subject, reference, seed):
    r"""
    Of whatever data, at whatever weights, the network has the mean, the likelihood, the score and the information of its model.

    .. math:: \mu_i = h(\eta_i), \qquad L = -\frac{c}{n} \sum_i w_i\, k(y_i, \mu_i) + \text{const}, \qquad
              \frac{\partial L}{\partial w},\ \frac{\partial^2 L}{\partial w\,\partial w^\top} \text{ likewise}
    """
    search(cases([str(model)]), lambda case: assert_climbs(case, subject, reference), seed)


def assert_climbs(case, mine, other):
    """
    The first four rungs, held to balls, and to the other engine where eta keeps to ETA_RANGE.
    """
    __tracebackhide__ = True
    problem, here, there = case.drawn
    if mine.declines(problem) is not None:
        return
    found = [mine.evaluate(problem, at) for at in (here, there)]
    assert_same_mean(problem, here, found[0])
    held = [enclosed]
    if not case.wide and other.declines(problem) is None:
        held.append(other.evaluate)
    for evaluate in held:
        expected = [evaluate(problem, at) for at in (here, there)]
        assert_same_objective(problem, found, expected)
        assert_same_gradient(problem, here, found[0], expected[0])
        assert_same_curvature(problem, here, found[0], expected[0])


def enclosed(problem, params):
    """A model at these parameters in ball arithmetic, rounded once at the end; of the log-likelihood the kernel."""
    with flint.ctx.workprec(256):
        design = arb_mat(problem.design.tolist())
        matrix = params.matrix[1 - problem.intercept :]
        eta = (design * arb_mat(matrix.tolist())).tolist()
        if problem.offset is not None:
            eta = [[e + o for e, o in zip(*both, strict=True)] for both in zip(eta, problem.offset.tolist(), strict=True)]
        rows = softmax_row if isinstance(problem.model.family, Multinomial) else elementwise_row
        mean, kernels, scores, information = zip(*(rows(problem.model, *row) for row in zip(eta, problem.y.tolist(), strict=True)), strict=True)
        weights = problem.row_weights[:, 0].tolist()
        kernel = sum((w * k for w, k in zip(weights, kernels, strict=True)), arb(0))
        score = design.transpose() * arb_mat([[w * s for s in row] for w, row in zip(weights, scores, strict=True)])
        m, q = problem.free_outputs, problem.q
        whole = np.empty((m * q, m * q))
        for a in range(m):
            for b in range(m):
                scaled = arb_mat([[w * row[a][b] * x for x in at] for w, row, at in zip(weights, information, design.tolist(), strict=True)])
                whole[a * q : (a + 1) * q, b * q : (b + 1) * q] = floats((design.transpose() * scaled).tolist())
        score = np.vstack([np.zeros((1 - problem.intercept, problem.k)), floats(score.tolist())])
        return Evaluation(floats(mean), -float(kernel) / problem.n, 1.0, float(kernel), score, lambda: whole)


def elementwise_row(model, eta, y):
    """Mean, kernel, its derivative and minus its second derivative in eta."""
    mean = model.link.inverse(arb_series([eta[0], 1], 3), BALLS)
    kernel = model.family.kernel(arb(y[0]), mean, BALLS) + arb_series([0], 3)
    return [mean[0]], kernel[0], [kernel[1]], [[-2 * kernel[2]]]


def softmax_row(model, eta, y):
    odds = [(e - eta[0]).exp() for e in eta]
    mean = [value / sum(odds, arb(0)) for value in odds]
    kernel = sum((r * m.log() for r, m in zip(y, mean, strict=True) if r), arb(0))
    total = sum((arb(r) for r in y), arb(0))
    information = [[total * a * ((i == j) - b) for j, b in enumerate(mean[1:])] for i, a in enumerate(mean[1:])]
    return mean, kernel, [r - total * m for r, m in zip(y, mean, strict=True)], information


def floats(rows):
    return np.array([[float(value) for value in row] for row in rows])
