"""
Neurons are columns (S3).

A second comment under the question says what a neuron is to a statistician: 32 input neurons are 32 explanatory
variables, 16 output neurons are 16 groups of the response. The claims below hold the layer to that, weight by weight.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec import problems
from spec.evidence.rungs import assert_same_mean
from spec.model import Params
from spec.problems import Said

from .said import has_classes, has_inputs

SENTENCE = problems.where(tag="keras-sentence")
SMALL = problems.where(tag="small")
COLUMNS = Said(SENTENCE + problems.where(tag="pair"), has_inputs)
REVERSED = Said(SENTENCE, lambda problem: problem.p > 1)
CLASSES = Said(SENTENCE + SMALL, has_classes)
TURNED = Said(SMALL, has_classes)


@pytest.mark.claim("input-neurons-are-columns", source="S3")
@pytest.mark.parametrize("problem", COLUMNS, ids=str)
def test_an_input_neuron_is_a_column_of_the_data(problem, params, subject, rng):
    r"""
    An input neuron is a column: neurons and columns in another order, together, give the same outputs.

    .. math:: \sum_j x_j w_j = \sum_j x_{\pi(j)} w_{\pi(j)}
    """
    order = rng.permutation(problem.p)
    shuffled = problem.with_data(X=lambda data: data.X[:, order])

    assert_same_mean(problem, params, subject.evaluate(shuffled, Params(params.intercept, params.coef[order])))


@pytest.mark.control("input-neurons-are-columns")
@pytest.mark.parametrize("problem", REVERSED, ids=str)
def test_columns_without_their_weights_are_refused(problem, params, reference):
    """Columns in reverse, weights as they were."""
    reversed_columns = problem.with_data(X=lambda data: data.X[:, ::-1])

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(problem, params, reference.evaluate(reversed_columns, params))


@pytest.mark.claim("output-neurons-are-classes", source="S3")
@pytest.mark.parametrize("problem", CLASSES, ids=str)
def test_an_output_neuron_is_a_group_of_the_response(problem, params, subject, rng):
    r"""
    An output neuron is a class: a permutation of the weights' columns permutes the probabilities, and does nothing else.

    .. math:: \mu_k(w_{\pi(0)}, \ldots, w_{\pi(K-1)}) = \mu_{\pi(k)}(w_0, \ldots, w_{K-1})
    """
    order = rng.permutation(problem.k)
    network = subject.evaluate(problem, Params(params.intercept[order], params.coef[:, order]))

    assert_same_mean(problem, params, replace(network, mean=network.mean[:, np.argsort(order)]))


@pytest.mark.control("output-neurons-are-classes")
@pytest.mark.parametrize("problem", TURNED, ids=str)
def test_permuted_weights_with_the_classes_as_they_were_are_refused(problem, params, reference):
    """Weights of the classes in reverse, probabilities as they were."""
    turned = Params(params.intercept[::-1], params.coef[:, ::-1])

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(problem, params, reference.evaluate(problem, turned))


@pytest.mark.claim("a-weight-for-each-pair", source="S3")
@pytest.mark.parametrize("problem", SENTENCE, ids=str)
def test_the_layer_has_a_weight_for_each_pair_and_a_bias_for_each_class(problem, params, subject):
    """From 32 inputs to 16 outputs there are (32 + 1) * 16 weights, and the loss has a slope along each."""
    score = subject.evaluate(problem, params).score

    assert score.shape == (32 + 1, 16)
    assert np.count_nonzero(score) == 528


@pytest.mark.control("a-weight-for-each-pair")
@pytest.mark.parametrize("problem", SENTENCE, ids=str)
def test_a_dead_input_is_noticed(problem, params, reference):
    """An input that is always zero has weights without a slope."""
    X = problem.X * (np.arange(problem.p) != 7)
    dead = problem.with_data(X=X)

    assert np.count_nonzero(reference.evaluate(dead, params).score) == 528 - 16


@pytest.mark.claim("one-class-is-redundant", source="S3")
@pytest.mark.parametrize("problem", SENTENCE + SMALL, ids=str)
def test_one_vector_added_to_all_classes_changes_nothing(problem, params, subject):
    r"""
    Free are (p + 1) (K - 1) of (p + 1) K weights, as 33 * 15 of 33 * 16: one vector added to every class changes no probability.

    .. math:: \frac{e^{\eta_k + c}}{\sum_j e^{\eta_j + c}} = \frac{e^{\eta_k}}{\sum_j e^{\eta_j}}
    """
    shift = np.arange(1 + problem.p)[:, None] % 3 / 4
    network = subject.evaluate(problem, Params.from_matrix(params.matrix + shift))

    assert_same_mean(problem, params, network)
    assert np.linalg.matrix_rank(network.information, hermitian=True) == (problem.p + 1) * (problem.k - 1)


@pytest.mark.control("one-class-is-redundant")
@pytest.mark.parametrize("problem", SENTENCE + SMALL, ids=str)
def test_a_vector_added_to_one_class_is_refused(problem, params, reference):
    """The same vector, added to the last class alone."""
    shift = np.eye(problem.k)[-1] / 4

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(problem, params, reference.evaluate(problem, Params.from_matrix(params.matrix + shift)))
