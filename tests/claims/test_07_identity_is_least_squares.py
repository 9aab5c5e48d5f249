"""
Identity is least squares (S9).

The answer counts ordinary least squares among the two-layer networks: the activation is the identity. With squared
error for the loss that is so, down to the data on which NIST certifies least-squares programs.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec import problems
from spec.evidence import tolerances
from spec.evidence.rungs import assert_same, assert_same_mean, assert_same_optimum, fitted
from spec.families import Gaussian
from spec.links import Identity
from spec.problems import Said

from .refusals import refusals
from .said import is_least_squares

LEAST_SQUARES = Said(problems.where(family=Gaussian, link=Identity), is_least_squares)
ORDINARY = Said(LEAST_SQUARES, lambda problem: is_least_squares(problem) and problem.data.weights is None)


@pytest.mark.claim("least-squares-mean", source="S9")
@pytest.mark.parametrize("problem", LEAST_SQUARES, ids=str)
def test_a_linear_output_is_the_fitted_value(problem, params, subject):
    r"""
    A linear output is the fitted value of a linear regression.

    .. math:: \mu = b + w \cdot x
    """
    assert_same_mean(problem, params, subject.evaluate(problem, params))


@pytest.mark.claim("least-squares-objective", source="S9")
@pytest.mark.parametrize("problem", LEAST_SQUARES, ids=str)
def test_mean_squared_error_is_twice_minus_the_log_likelihood(problem, params, subject, reference):
    r"""
    Mean squared error is minus twice the Gaussian log-likelihood over n, up to a constant.

    .. math:: L = \frac{1}{n} \sum_i (y_i - \mu_i)^2 = -\frac{2}{n}\,\ell - \log 2\pi \qquad (\phi = 1)
    """
    assert_same("objective", problem, params, subject, reference)


@pytest.mark.claim("least-squares-gradient", source="S9")
@pytest.mark.parametrize("problem", LEAST_SQUARES, ids=str)
def test_the_gradient_is_inputs_times_residuals(problem, params, subject, reference):
    r"""
    What a linear network back-propagates is twice the sum of inputs times residuals, over n.

    .. math:: -\frac{n}{2}\,\frac{\partial L}{\partial w_j} = \sum_i x_{ij}\,(y_i - \mu_i)
    """
    assert_same("gradient", problem, params, subject, reference)


@pytest.mark.claim("least-squares-curvature", source="S9")
@pytest.mark.parametrize("problem", LEAST_SQUARES, ids=str)
def test_the_hessian_is_the_cross_product_matrix(problem, params, subject, reference):
    r"""
    The Hessian of a linear network is the matrix of cross-products, whatever the weights.

    .. math:: \frac{n}{2}\,\frac{\partial^2 L}{\partial w\,\partial w^\top} = X^\top X
    """
    assert_same("curvature", problem, params, subject, reference)


@pytest.mark.claim("least-squares-optimum", source="S9", level="proven for this problem")
@pytest.mark.parametrize("problem", LEAST_SQUARES, ids=str)
def test_the_trained_linear_network_is_ordinary_least_squares(problem, subject, reference):
    r"""
    Trained to the end, a linear network holds the ordinary least-squares estimates.

    .. math:: \hat w = (X^\top X)^{-1} X^\top y

    On Longley's data and Wampler's polynomials too, as far as float64 can know their answers.
    """
    assert_same_optimum(problem, subject.fit(problem))
    assert_same_optimum(problem, reference.fit(problem))


@pytest.mark.claim("residuals-are-orthogonal", source="S9")
@pytest.mark.parametrize("problem", ORDINARY, ids=str)
def test_the_residuals_of_the_trained_network_are_orthogonal_to_every_input(problem, subject):
    r"""
    The residuals of the trained linear network are orthogonal to every input, and sum to zero where there is a bias.

    .. math:: \sum_i x_{ij}\,(y_i - \hat\mu_i) = 0
    """
    assert_orthogonal(problem, fitted(problem, subject).params)


@pytest.mark.control("residuals-are-orthogonal")
@pytest.mark.parametrize("problem", ORDINARY, ids=str)
def test_residuals_of_other_weights_are_refused(problem, reference):
    """The estimates, each a thousandth larger."""
    best = reference.fit(problem).params
    with pytest.raises(AssertionError):
        assert_orthogonal(problem, replace(best, intercept=best.intercept * 1.001, coef=best.coef * 1.001))


def assert_orthogonal(problem, params):
    """Within the rounding of the fit and of the sums."""
    residuals = problem.y - problem.eta(params)
    terms = np.abs(problem.y) + np.abs(problem.design) @ np.abs(problem.free(params))
    allowed = tolerances.orthogonality(problem.q).value * (np.abs(problem.design).T @ terms)
    assert (np.abs(problem.design.T @ residuals) <= allowed).all()


@pytest.mark.control("least-squares-*")
@pytest.mark.parametrize(("rung", "wrong", "problem"), refusals([problems.get("longley")], admits=is_least_squares))
def test_what_is_wrong_is_refused(rung, wrong, problem, params, reference):
    """The same assertions refuse each engine that is wrong on purpose, on every rung that it spoils."""
    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, wrong(reference), reference)
