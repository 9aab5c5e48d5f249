"""
A factor and its codings.

A category has many codings in numbers, and each is another set of coordinates for the same model. An embedding is one of them.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec.engines import answers
from spec.engines.contract import Recipe
from spec.engines.wrong import RUNGS
from spec.evidence.rungs import assert_same

from .coordinates import in_other_coordinates
from .factors import LEVELS, TREATMENT, factor
from .rest import ended_at

CODINGS = {  # a row for each level; the first column is the intercept's, where there is one
    "the last level for a baseline": [[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1], [1, 0, 0, 0]],
    "sum to zero": [[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1], [1, -1, -1, -1]],
    "one-hot, no intercept": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
}
TWO_WAY = [factor(model, 0.25, covariate=True) for model in ("binomial-logit", "poisson-log", "multinomial-softmax")]
FACTORS = [factor(model, 0.25, covariate=False) for model in ("binomial-logit", "multinomial-softmax")]
TRANSFORMED = ["mean", "objective", "gradient", "optimum"]  # the gradient at every point has the curvature in it


def change(problem, coding):
    """The matrix that makes the other coding's design of [1 X] in treatment coding: whole numbers."""
    matrix = np.eye(problem.q)
    matrix[:LEVELS, :LEVELS] = np.round(np.linalg.solve(TREATMENT, CODINGS[coding]))
    return matrix


@pytest.mark.claim(
    "a-coding-is-a-change-of-coordinates",
    source="S6",
    level="proven for this problem",
    symptom="Another coding of my factor gave other coefficients.",
)
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("problem", TWO_WAY, ids=str)
def test_another_coding_of_a_factor_maps_the_coefficients_and_does_nothing_else(problem, coding, params, subject, reference):
    r"""
    Another coding of a factor maps its coefficients by a known matrix; predictions and deviance stay as they are.

    .. math:: X' = X G \implies \beta' = G^{-1} \beta, \quad s' = G^\top s, \quad J' = G^\top J G

    Treatment, sum-to-zero and one-hot coding ask different questions of one model. The network is trained in the one, its
    answers are mapped to the other.
    """
    coded = in_other_coordinates(subject, problem, change(problem, coding), coding != "one-hot, no intercept")

    for rung in TRANSFORMED:
        assert_same(rung, problem, params, coded, reference)


@pytest.mark.control("a-coding-is-a-change-of-coordinates")
@pytest.mark.parametrize("rung", TRANSFORMED)
@pytest.mark.parametrize("problem", TWO_WAY, ids=str)
def test_coefficients_of_another_coding_are_refused_as_those_of_treatment_coding(problem, rung, params, reference):
    """Sum-to-zero coefficients, read as differences from the first level."""
    coded = in_other_coordinates(reference, problem, change(problem, "sum to zero"))

    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, replace(coded, change=np.eye(problem.q)), reference)


@pytest.mark.claim(
    "an-embedding-is-a-factor",
    source="S6",
    level="proven for this problem",
    symptom="What does an Embedding of a category have to do with a GLM?",
)
@pytest.mark.parametrize("problem", FACTORS, ids=str)
def test_an_embedding_is_a_factor(problem, params, network, reference):
    r"""
    An embedding of codes is a factor: a row of weights for each level is that level's linear predictor.

    .. math:: \eta_i = w_{\ell_i}, \qquad \beta_0 = w_0, \quad \beta_\ell = w_\ell - w_0

    The second line is treatment coding. Held to it on every rung, the last by the embedding's own gradient.
    """
    embedding = Embedded(network, problem)
    one_hot = in_other_coordinates(embedding, problem, change(problem, "one-hot, no intercept"), intercept=False)

    for rung in RUNGS:
        assert_same(rung, problem, params, one_hot, reference)


@pytest.mark.control("an-embedding-is-a-factor")
@pytest.mark.parametrize("problem", FACTORS[:1], ids=str)
def test_an_embedding_whose_codes_are_in_another_order_is_refused(problem, params, network, reference):
    """The levels numbered from the last to the first, the rows of weights as they were."""
    backwards = Embedded(network, problem, codes=range(LEVELS)[::-1])
    one_hot = in_other_coordinates(backwards, problem, change(problem, "one-hot, no intercept"), intercept=False)

    for rung in RUNGS:
        with pytest.raises(AssertionError, match=f"not the same {rung}"):
            assert_same(rung, problem, params, one_hot, reference)


class Embedded:
    """An engine that answers about a one-hot factor without intercept by an embedding; ``codes`` are those of the levels."""

    def __init__(self, network, problem, codes=range(LEVELS)):
        level = (problem.X @ np.arange(1, LEVELS)).astype(int)
        coded = problem.with_data(X=np.array(codes)[level][:, None], columns=("level",))
        self.layer = network(coded, Recipe(embedding=True))

    def evaluate(self, problem, params):
        return answers.evaluation(problem, self.layer, params)

    def fit(self, problem):
        """Newton's method: the layer's own gradient decides, its Hessian steers."""
        rows = np.zeros((problem.q, problem.k))
        for _ in range(8):
            self.layer.weights = [rows]
            (slopes,) = self.layer.gradient()
            rows = rows - (np.linalg.pinv(self.layer.hessian()) @ slopes.ravel()).reshape(rows.shape)
        return ended_at(problem, np.vstack([0 * rows[:1], rows]))
