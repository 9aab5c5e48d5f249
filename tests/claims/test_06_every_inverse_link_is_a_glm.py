"""
Every inverse link gives its generalized linear model (S8).

The answer goes further than the Keras documentation: the activation may be the inverse of any link. So it is, for each
of the 28 pairs of family and link that statsmodels admits, for the softplus that Keras has built in, and for a link that
nobody has heard of, *if the loss is the family's log-likelihood*: that part the answer leaves unsaid, and the claims below
put it in.
"""

from dataclasses import dataclass, replace

import pytest

from spec import likelihood, problems
from spec.domains import UNIT
from spec.elementary import FLOAT64
from spec.evidence.rungs import assert_same, assert_same_gradient, assert_same_mean, assert_same_optimum
from spec.families import Binomial
from spec.links import Link
from spec.model import Model
from spec.problems import Said

from .refusals import refusals
from .said import has_one_output

PAIRS = problems.where(tag="pair")
BY_HAND = problems.where(kind="by-hand")
ELSEWHERE = ("gaussian-identity", "binomial-logit", "multinomial-softmax")
OTHERS = [p for p in problems.where(kind="published") if str(p.model) not in ELSEWHERE]
ONE_OUTPUT = Said(PAIRS + OTHERS, has_one_output)


@pytest.mark.claim("glm-mean", source="S8")
@pytest.mark.parametrize("problem", ONE_OUTPUT, ids=str)
def test_an_activation_that_inverts_a_link_gives_the_mean_of_its_model(problem, params, subject):
    r"""
    With the inverse of a link for its activation, the network computes the mean of that link's model.

    .. math:: \mu = h(\eta) = g^{-1}(b + w \cdot x)
    """
    assert_same_mean(problem, params, subject.evaluate(problem, params))


@pytest.mark.claim("glm-objective", source="S8")
@pytest.mark.parametrize("problem", ONE_OUTPUT, ids=str)
def test_minus_the_kernel_of_a_family_is_its_log_likelihood(problem, params, subject, reference):
    r"""
    With minus the family's log-likelihood for its loss, the network minimises what the model maximises.

    .. math:: L = -\frac{c}{n}\,\ell + \text{const}, \qquad c = 2 \text{ for squared error, else } 1

    Squared error is the whole unit deviance of the Gaussian, cross-entropy and the others are half of theirs.
    """
    assert_same("objective", problem, params, subject, reference)


@pytest.mark.claim("glm-gradient", source="S8")
@pytest.mark.parametrize("problem", ONE_OUTPUT, ids=str)
def test_the_back_propagated_gradient_is_the_score_of_the_model(problem, params, subject, reference):
    r"""
    What the network back-propagates is the score of the generalized linear model.

    .. math:: -\frac{n}{c}\,\frac{\partial L}{\partial w_j}
              = \sum_i x_{ij}\,\frac{y_i - \mu_i}{V(\mu_i)}\,h'(\eta_i) = \frac{\partial \ell}{\partial w_j}
    """
    assert_same("gradient", problem, params, subject, reference)


@pytest.mark.claim("glm-curvature", source="S8")
@pytest.mark.parametrize("problem", ONE_OUTPUT, ids=str)
def test_the_hessian_is_the_observed_information_of_the_model(problem, params, subject, reference):
    r"""
    The network's Hessian is the observed information of the model.

    .. math:: \frac{n}{c}\,\frac{\partial^2 L}{\partial w\,\partial w^\top}
              = \sum_i \left( \frac{h'^2}{V} - (y_i - \mu_i)\,\frac{d}{d\eta}\frac{h'}{V} \right) x_i x_i^\top

    The second term has mean zero, and vanishes where the link is canonical: else Fisher's information is the first alone.
    """
    assert_same("curvature", problem, params, subject, reference)


@pytest.mark.claim("glm-optimum", source="S8", level="proven for this problem")
@pytest.mark.parametrize("problem", ONE_OUTPUT, ids=str)
def test_the_trained_network_is_the_maximum_likelihood_estimate_of_the_model(problem, subject, reference):
    r"""
    Trained to the end, the network holds the maximum-likelihood estimates of the generalized linear model.

    .. math:: \sum_i x_{ij}\,\frac{y_i - \hat\mu_i}{V(\hat\mu_i)}\,h'(\hat\eta_i) = 0, \qquad j = 0, \ldots, p
    """
    assert_same_optimum(problem, subject.fit(problem))
    assert_same_optimum(problem, reference.fit(problem))


@pytest.mark.control("glm-*")
@pytest.mark.parametrize(("rung", "wrong", "problem"), refusals(PAIRS, admits=has_one_output))
def test_what_is_wrong_is_refused(rung, wrong, problem, params, reference):
    """The same assertions refuse each engine that is wrong on purpose, on every rung that it spoils."""
    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, wrong(reference), reference)


# -- answers that need no computer --------------------------------------------------------------------------------------


@pytest.mark.claim("closed-forms", source="S8", level="proven for this problem")
@pytest.mark.parametrize("problem", BY_HAND, ids=str)
def test_the_network_finds_the_answer_that_algebra_finds(problem, subject, reference):
    r"""
    Where the estimate has a closed form, the network finds it: a bias alone is g of the mean, a group a difference of two.

    .. math:: \hat b = g(\bar y), \qquad \hat w = g(\bar y_1) - g(\bar y_0)
    """
    algebra = replace(reference.fit(problem), params=problem.data.exact)

    assert_same_optimum(problem, algebra)
    assert_same_optimum(problem, subject.fit(problem))


@pytest.mark.control("closed-forms")
@pytest.mark.parametrize("problem", BY_HAND, ids=str)
def test_a_millionth_of_a_standard_error_is_refused(problem, reference):
    """The closed form, moved by a millionth of a standard error."""
    fit = reference.fit(problem)
    moved = problem.free(problem.data.exact) + 1e-6 * fit.standard_errors

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(problem, replace(fit, params=problem.params(moved)))


# -- nothing is special about the list -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ArandaOrdaz(Link):
    """g(mu) = log(2 ((1 - mu)^(-1/2) - 1)), half way from the logit to the complementary log-log (Biometrika 68, 1981)."""

    mu_domain = UNIT

    def __call__(self, mu, xp=FLOAT64):
        return xp.log(2 * xp.expm1(-xp.log1p(-mu) / 2))

    def inverse(self, eta, xp=FLOAT64):
        x = xp.exp(eta) / 2
        return x * (2 + x) / ((1 + x) * (1 + x))

    def inverse_derivative(self, eta, xp=FLOAT64):
        x = xp.exp(eta) / 2
        return 2 * x / ((1 + x) * (1 + x) * (1 + x))

    def inverse_second_derivative(self, eta, xp=FLOAT64):
        x = xp.exp(eta) / 2
        return 2 * x * (1 - 2 * x) / ((1 + x) * (1 + x) * (1 + x) * (1 + x))


COLOURS = problems.get("logistic-4-colours")
INVENTED = replace(COLOURS, name="aranda-ordaz", model=Model(Binomial(), ArandaOrdaz()))


@pytest.mark.claim("a-link-of-your-own", source="S8", level="proven for this problem")
@pytest.mark.parametrize("problem", [INVENTED], ids=str)
def test_an_activation_of_your_own_is_a_link_of_your_own(problem, params, subject):
    r"""
    An activation that is on no list serves as well: its network is the model of its own link.

    .. math:: h(\eta) = 1 - \left(1 + e^{\eta}/2\right)^{-2}

    No library here knows this link. The mean and the optimum are held to ball arithmetic, the gradient to the formula.
    """
    network = subject.evaluate(problem, params)
    score = problem.params(likelihood.score(problem, params)).matrix

    assert_same_mean(problem, params, network)
    assert_same_gradient(problem, params, network, replace(network, score=score))
    assert_same_optimum(problem, subject.fit(problem))


@pytest.mark.control("a-link-of-your-own")
def test_the_logit_in_place_of_your_own_link_is_refused(reference):
    """Logistic regression of the same data, asked of the invented link."""
    params = COLOURS.data.planted

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(INVENTED, params, reference.evaluate(COLOURS, params))
    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(INVENTED, reference.fit(COLOURS))
