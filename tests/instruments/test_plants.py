"""The plants: each answer is the optimum of the problem that it is said to be of, and not that of the problem that was asked."""

from functools import cache

import numpy as np
import pytest

from spec import likelihood, scoring
from spec.diagnosis.plants import MISTAKES, PAIRS, PLANTS, RIGHT, moved, pair
from spec.diagnosis.plants.mistake import Mistake, both, distance
from spec.diagnosis.plants.networks import network_of, settled
from spec.diagnosis.plants.optima import optimum, stated_optimum
from spec.engines.contract import Recipe
from spec.model import Params
from spec.problems import Problem
from tests.benchmarks import confusion

SAMPLES = ("gaussian-identity", "binomial-logit", "poisson-offset", "gamma-weights", "softmax-3-to-3", "probit-trials")
TRAINED = (
    "stopped",
    "descent-path",
    "minibatch-noise",
    "weight-decay",
    "dropout",
    "batch-normalization",
    "hidden-layer",
    "float32",
)
OPTIMA = [code for code, mistake in MISTAKES.items() if mistake.fit is optimum and mistake.exists]
WITHOUT_A_MOVE = [code for code, mistake in MISTAKES.items() if mistake.far < 0]


@cache
def sample(name):
    """The first data set of a problem of the matrix."""
    return confusion.problem(name, 0)


def planted(code, name, seed=0):
    """The plant of a code in a sample; None where it cannot be planted there."""
    return PLANTS[code](sample(name), np.random.default_rng(seed))


def anywhere(code, seed=0):
    """The plant of a code in the first sample in which it can be planted."""
    return next(found for name in (*SAMPLES, "gaussian-log", "gamma-log") if (found := planted(code, name, seed)) is not None)


def score_by_differences(problem, params):
    """The gradient of the log-likelihood in the free parameters by central differences, in standard errors (q m,)."""
    free, best = problem.free(params), []
    errors = np.sqrt(np.diag(np.linalg.inv(likelihood.expected_information(problem, params)))).reshape(free.T.shape).T
    for place in np.ndindex(free.shape):
        step = np.zeros_like(free)
        step[place] = 1e-4 * errors[place]
        up, down = (likelihood.kernel(problem, problem.params(free + sign * step)) for sign in (1, -1))
        best.append((up - down) / 2e-4)
    return np.array(best)


OTHERS = (
    "offset-free",
    "softmax-gauge",
    "float32-inputs",
    "column-left-out",
    "exponentiated",
    "another-intercept",
)  # of other columns, or of one optimum


@pytest.mark.parametrize("code", [code for code in OPTIMA if code not in OTHERS])
def test_an_answer_is_the_optimum_of_another_problem_and_far_from_that_of_the_stated(code):
    """Neither the score of the one nor the distance from the other is taken from where the plant was made."""
    made = [MISTAKES[code](sample(name), np.random.default_rng(0)) for name in SAMPLES]
    found = [one for one in made if one is not None]

    assert found
    for one in found:
        assert np.abs(score_by_differences(one.fitted, one.answer.params)).max() < 1e-5
        assert np.abs(score_by_differences(one.stated, one.answer.params)).max() > 1e-5


def test_a_column_that_is_left_out_has_a_score_of_its_own():
    """Beside a coefficient of 0 all others are at rest."""
    planted = anywhere("column-left-out")
    score = np.abs(score_by_differences(planted.stated, planted.answer.params)).reshape(-1, planted.stated.free_outputs)
    held = np.append(False, (planted.answer.params.coef == 0).all(axis=1))[-len(score) :]

    assert held.sum() == 1
    assert score[~held].max() < 1e-5 < score[held].max()


@pytest.mark.parametrize("code", [code for code in PLANTS if code not in TRAINED])
def test_each_cause_can_be_planted(code):
    """In one of the samples at least."""
    found = anywhere(code)

    assert found.question.columns == found.stated.data.columns
    assert found.answer.params.coef.shape[1] == found.stated.k


def test_a_plant_of_a_seed_is_always_the_same():
    """The generator decides all that is drawn."""
    first, again, other = (anywhere("units", seed).answer.params.matrix for seed in (0, 0, 1))

    assert (first == again).all()
    assert not (first == other).all()


def test_distances_are_those_of_the_score():
    """Near the optimum the length of a step and the root of the Newton decrement are one."""
    problem = sample("gamma-weights")
    best = stated_optimum(problem)
    near = Params.from_matrix(best.matrix * (1 + 1e-5))
    _, decrement = scoring.White.of(problem).direction(problem, near, likelihood.score(problem, near))

    assert distance(problem, best, near) == pytest.approx(np.sqrt(decrement), rel=1e-2)
    assert distance(problem, best, best) == 0


def test_a_settled_network_is_at_the_ridge_estimate():
    """The score is 2 n l2 / c times the kernel, and 0 for the bias."""
    problem = sample("softmax-3-to-3")
    found = settled(network_of(problem, Recipe(l2=2.0**-7)))
    residuals = problem.y - problem.model.link.inverse(problem.eta(found))

    assert problem.design.T @ residuals == pytest.approx(problem.n / 2**6 * np.vstack([np.zeros(3), found.coef]), abs=1e-9)


def test_a_lasso_has_the_same_score_on_its_support():
    """And a smaller one off it."""
    found = planted("lasso", "binomial-logit", 3)
    kernel, score = found.answer.params.coef, likelihood.score(found.stated, found.answer.params)[1:]
    scores = np.abs(score[kernel != 0])

    assert scores == pytest.approx(scores.mean(), rel=1e-6) or len(scores) > 1
    assert (np.sign(score) == np.sign(kernel))[kernel != 0].all()


def test_weights_that_are_not_negative_are_held_at_zero_by_the_score():
    """Where one is 0 the score points below, and elsewhere it vanishes."""
    found = anywhere("nonnegative")
    kernel, score = found.answer.params.coef, likelihood.score(found.stated, found.answer.params)[1:]

    assert (kernel >= 0).all()
    assert (score[kernel == 0] < 0).all()
    assert score[kernel > 0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("code", WITHOUT_A_MOVE)
def test_other_errors_stand_beside_the_optimum(code):
    """The coefficients of these mistakes are those of the optimum, or there are none."""
    found = anywhere(code)

    if code.startswith("errors-"):
        assert distance(found.stated, stated_optimum(found.stated), found.answer.params) < 1e-8
        assert found.answer.standard_errors.shape == found.stated.free(found.answer.params).shape
    elif code == "softmax-gauge":
        assert found.stated.free(found.answer.params) == pytest.approx(found.stated.free(stated_optimum(found.stated)))
    else:
        assert code in found.answer.program


@pytest.mark.parametrize("code", TRAINED)
def test_a_network_that_was_trained_keeps_the_record_of_its_optimizer(code):
    """The steps that Keras made."""
    found = anywhere(code, seed=2)

    assert found.answer.record is None or found.answer.record.steps > 0
    assert code in found.answer.program or found.answer.record is not None or code == "descent-path"


@pytest.mark.parametrize("codes", PAIRS[::4], ids="+".join)
def test_two_mistakes_are_made_at_once(codes):
    """The answer is the optimum of the stated problem after neither, and after neither mistake alone."""
    mistake = pair(*codes)
    found = next(made for name in SAMPLES if (made := mistake(sample(name), np.random.default_rng(1))) is not None)

    assert distance(found.stated, stated_optimum(found.stated), found.answer.params) > 1e-4
    if mistake.fit is optimum and "offset-free" not in codes:
        assert np.abs(score_by_differences(found.fitted, found.answer.params)).max() < 1e-5


def test_two_fits_cannot_be_made_at_once():
    """A network is trained once."""
    with pytest.raises(ValueError, match="cannot be made at once"):
        both(MISTAKES["ridge"], MISTAKES["lasso"])


def test_a_mistake_that_changes_nothing_is_not_planted():
    """The optimum itself is nobody's mistake."""
    assert Mistake()(sample("binomial-logit"), np.random.default_rng(0)) is None


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_are_right_to_their_rounding(name):
    """Each coefficient is that of the optimum, but for half a unit of its last digit."""
    for of in ("gamma-weights", "softmax-3-to-3"):
        found = RIGHT[name](sample(of), np.random.default_rng(0))
        best = stated_optimum(found.stated)
        rounding = np.broadcast_to(np.asarray(found.answer.rounding, dtype=float), best.matrix.shape)
        away = np.abs(found.stated.free(found.answer.params) - found.stated.free(best))

        assert (away <= 2 * rounding.max() + 1e-9 * np.abs(best.matrix).max()).all()


def test_random_moves_have_all_sizes():
    """From 10^-5.5 to 10 standard errors, as long as they are said to be."""
    problem = sample("binomial-logit")
    best = stated_optimum(problem)
    lengths = [distance(problem, best, moved(problem, np.random.default_rng(seed)).answer.params) for seed in range(40)]

    assert 10**-5.5 <= min(lengths) < 1e-4
    assert 1 < max(lengths) <= 10


@pytest.mark.parametrize("name", confusion.MAKERS)
def test_a_problem_of_the_matrix_has_an_optimum(name):
    """Two seeds are two data sets."""
    first, second = sample(name), confusion.problem(name, 1)

    assert first.n <= 400
    assert first.p <= 6
    assert stated_optimum(first) is not None
    assert not np.array_equal(first.y, second.y)


def test_at_least_twenty_problems_of_all_families():
    """Offsets, weights and trials in several."""
    made = [sample(name) for name in confusion.MAKERS]

    assert len(made) >= 20
    assert len({type(problem.model.family) for problem in made}) == 8
    assert {part for problem in made for part in ("offset", "weights", "trials") if getattr(problem.data, part) is not None} == {
        "offset",
        "weights",
        "trials",
    }


def cell(*planted, verdict="found", named=(), proven=False, distance=1.0):
    return confusion.Cell(planted, "a problem", 0, verdict, named, proven, distance, 0.1)


def test_what_is_right():
    """A single cause is named first, both of two and no other, and nothing of a right answer or a random move."""
    assert cell("ridge", named=("ridge",)).is_right
    assert cell("weight-decay", named=("ridge-bias",)).is_right  # the same by mathematics
    assert not cell("ridge", named=("lasso", "ridge")).is_right
    assert cell("ridge", "units", named=("units", "ridge")).is_right
    assert not cell("ridge", "units", named=("ridge",)).is_right
    assert cell("none", "exact", verdict="none").is_right
    assert not cell("none", "exact", named=("float32",)).is_right
    assert cell("moved", verdict="unexplained").is_right
    assert not cell("moved", named=("stopped",)).is_right
    assert cell("moved", verdict="none", distance=1e-7).is_right


def test_what_is_wrong_and_called_proven():
    """A cause that was not planted, with the stamp."""
    assert cell("ridge", named=("lasso",), proven=True).is_wrongly_proven
    assert not cell("ridge", named=("lasso",)).is_wrongly_proven
    assert not cell("ridge", named=("ridge",), proven=True).is_wrongly_proven
    assert cell("moved", named=("ridge",), proven=True).is_wrongly_proven


def test_the_table_counts_the_cells():
    """A line for each thing that was planted, and the totals beside their targets."""
    lines = "\n".join(confusion.table([cell("ridge", named=("ridge",)), cell("ridge", named=("lasso",)), cell("moved")]))

    assert "ridge" in lines
    assert "lasso 1" in lines
    assert "single: 50.0% of 2 (target 97 %)" in lines


def test_what_is_the_same_has_a_reason():
    """Each pair of codes is of plants."""
    for codes, reason in confusion.SAME.items():
        assert codes <= set(PLANTS)
        assert len(reason) > 20


def test_a_problem_without_an_optimum_is_not_stated():
    """Separated data are for the causes that are about them."""
    problem = Problem.of("separated", confusion.LOGIT, [[0.0], [1.0], [2.0], [3.0]], [[0.0], [0.0], [1.0], [1.0]])

    assert stated_optimum(problem) is None
    assert PLANTS["ridge"](problem, np.random.default_rng(0)) is None
