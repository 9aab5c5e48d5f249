"""
Softmax as a Poisson model.

A softmax is the Poisson model of the cells of its table, with an effect for each row.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import assert_same_gradient, assert_same_optimum
from spec.families import Multinomial, Poisson
from spec.links import Log, Softmax
from spec.model import Model, Params
from spec.problems import Problem

DOSES = np.arange(5.0)[:, None]
COUNTS = np.array([[12, 5, 3], [10, 8, 4], [6, 9, 8], [5, 7, 14], [2, 6, 17]])  # of people with no, some, marked improvement
PEOPLE = Problem.of(
    "doses",
    Model(Multinomial(), Softmax()),
    np.repeat(DOSES, COUNTS.sum(axis=1), axis=0),
    np.repeat(np.tile(np.eye(3), (5, 1)), COUNTS.ravel(), axis=0),
)
EFFECTS, CONTRASTS = np.kron(np.eye(5), np.ones((3, 1))), np.kron(np.hstack([DOSES**0, DOSES]), np.eye(3)[:, 1:])
CELLS = Problem.of("cells", Model(Poisson(), Log()), np.hstack([EFFECTS, CONTRASTS]), COUNTS.reshape(-1, 1), intercept=False)


def contrasts(column):
    """The last four entries of a column of the cells' weights, in the shape of softmax's free parameters."""
    return column[-4:].reshape(2, 2)


@pytest.mark.claim(
    "softmax-is-poisson-with-row-effects", source="S6", symptom="A Poisson model of my table prints the softmax weights."
)
@pytest.mark.parametrize("problem", [PEOPLE], ids=str)
def test_softmax_is_the_poisson_model_of_its_cells(problem, params, subject):
    r"""
    Softmax is the Poisson model of the table's cells with an effect for each row: the contrasts have one score.

    .. math:: m_{ik} = e^{a_i + x_i w_k},\quad a_i = \log \frac{N_i}{\sum_k e^{x_i w_k}}
              \implies m_{ik} = N_i\,\mu_k(x_i), \quad \sum_i x_i\,(n_{ik} - m_{ik}) = \sum_i x_i\,(n_{ik} - N_i\,\mu_k(x_i))

    The effect of a row makes its fitted total the one that was seen: Poisson counts, given their total, are multinomial.
    """
    softmax, odds = subject.evaluate(problem, params), np.exp(params.contrast().linear_predictor(DOSES))
    effects = np.log(COUNTS.sum(axis=1) / odds.sum(axis=1))

    assert_same_gradient(problem, params, replace(softmax, score=in_cells(subject, effects, problem.free(params))), softmax)


@pytest.mark.control("softmax-is-poisson-with-row-effects")
@pytest.mark.parametrize("problem", [PEOPLE], ids=str)
def test_one_effect_for_all_rows_is_refused(problem, params, reference):
    """Poisson counts whose rows share one effect, which gives the right total of all."""
    softmax, odds = reference.evaluate(problem, params), np.exp(params.contrast().linear_predictor(DOSES))
    effects = np.full(5, np.log(COUNTS.sum() / odds.sum()))

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(problem, params, replace(softmax, score=in_cells(reference, effects, problem.free(params))), softmax)


def in_cells(engine, effects, free):
    """The cells' score for the contrasts, and minus their sum for class 0: (1 + p, 3)."""
    weights = Params(np.zeros(1), np.concatenate([effects, free.ravel()])[:, None])
    score = contrasts(engine.evaluate(CELLS, weights).score)
    return np.hstack([-score.sum(axis=1, keepdims=True), score])


@pytest.mark.claim(
    "softmax-fits-as-poisson",
    source="S6",
    level="proven for this problem",
    symptom="My log-linear model has a parameter for each row that nobody wants.",
)
@pytest.mark.parametrize("problem", [PEOPLE], ids=str)
def test_fitted_to_a_table_softmax_and_poisson_have_the_same_contrasts(problem, subject, reference):
    r"""
    Fitted to one table, softmax and the Poisson model with row effects have the same contrasts and standard errors.

    .. math:: \hat w_k^{\text{softmax}} - \hat w_0^{\text{softmax}} = \hat w_k^{\text{Poisson}}
    """
    softmax = subject.fit(problem)
    assert_same_optimum(problem, softmax)

    for engine in (subject, reference):
        cells = engine.fit(CELLS)
        tolerance = tolerances.standard_errors(CELLS.n, np.linalg.cond(engine.evaluate(CELLS, cells.params).information))
        assert_same_optimum(problem, replace(cells, params=problem.params(contrasts(cells.params.coef))))
        assert_same_values("standard errors", problem, contrasts(cells.standard_errors), softmax.standard_errors, tolerance)


@pytest.mark.control("softmax-fits-as-poisson")
@pytest.mark.parametrize("problem", [PEOPLE], ids=str)
def test_poisson_without_row_effects_is_refused(problem, reference):
    """A Poisson model of the same cells with an intercept and a slope for all rows, in place of an effect for each."""
    line = np.hstack([np.kron(np.hstack([DOSES**0, DOSES]), np.ones((3, 1))), CONTRASTS])
    cells = reference.fit(replace(CELLS.with_data(X=line), name="cells on a line"))

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(problem, replace(cells, params=problem.params(contrasts(cells.params.coef))))
