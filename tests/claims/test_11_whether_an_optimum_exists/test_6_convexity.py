"""
Convex, or not.

Where the loss is convex in the predictor, any place of rest is the lowest point. Where it is not, there may be several.
"""

import numpy as np
import pytest

from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.preconditions import PreconditionFailed
from spec.evidence.rungs import proven_optimum
from spec.families import Binomial, Gamma, Gaussian, InverseGaussian, NegativeBinomial, Poisson, Tweedie
from spec.links import Cauchit, CLogLog, Identity, Inverse, Log, Power
from spec.model import ALPHA, PAIRS, Model, Params
from spec.problems import Problem

from ..descent import descend

# eta and y at which the loss curves downwards: one for each pair of family and link whose loss is not convex
WITNESSES = {
    Model(Gaussian(), Log()): (0.0, 4.0),
    Model(Gaussian(), Inverse()): (0.5, 4.0),
    Model(Binomial(), Cauchit()): (-2.0, 1.0),
    Model(Gamma(), Identity()): (3.0, 1.0),
    Model(InverseGaussian(), Identity()): (4.0, 2.0),
    Model(InverseGaussian(), Log()): (2.0, 1.0),
    Model(NegativeBinomial(ALPHA), CLogLog()): (0.5, 0.0),
    Model(NegativeBinomial(ALPHA), Identity()): (2.0, 0.0),
    Model(NegativeBinomial(ALPHA), Power(0.5)): (4.0, 0.0),
}
CONVEX = [model for model in PAIRS if model not in WITNESSES]
RESPONSES = {
    Gaussian: (-64, 1, 64),
    Binomial: (0, 0.25, 1),
    Poisson: (0, 3, 1024),
    NegativeBinomial: (0, 3, 1024),
    Tweedie: (0, 0.25, 1024),
    Gamma: (2.0**-6, 1, 1024),
    InverseGaussian: (2.0**-6, 1, 1024),
}


@pytest.mark.claim("convex-losses", source="S6", symptom="Another initialisation, another network: may that be?")
@pytest.mark.parametrize("model", CONVEX, ids=str)
def test_the_loss_of_these_pairs_is_convex(model, subject):
    r"""
    For 20 of the 29 pairs of family and link the loss is convex, so that where training rests is the lowest point there is.

    .. math:: -\frac{\partial^2 k(y, h(\eta))}{\partial \eta^2} \ge 0 \text{ for all } \eta \text{ and } y
              \quad\Rightarrow\quad X^\top W X \succeq 0

    The instruments prove it for all; here it is the network's own curvature, of rows that span the predictors and responses.
    """
    assert model.is_log_concave
    assert_curves_upwards(*one_by_one(model), subject)


@pytest.mark.control("convex-losses")
@pytest.mark.parametrize("model", WITNESSES, ids=str)
def test_the_loss_of_the_other_pairs_is_not(model, reference):
    """The pairs that have a witness."""
    with pytest.raises(AssertionError, match="curves downwards"):
        assert_curves_upwards(*one_by_one(model), reference)


def one_by_one(model):
    """Predictors and responses, extreme ones too, each row with a column of its own: its curvature stands on the diagonal."""
    eta = np.array([-4, -1, 2.0**-6, 0.5, 4])
    eta = eta[model.link.eta_domain.contains(eta)]
    eta = eta[model.family.mu_domain.contains(model.link.inverse(eta))]
    eta, y = (grid.reshape(-1, 1) for grid in np.meshgrid(eta, RESPONSES[type(model.family)]))
    return Problem.of(f"{model}, row by row", model, np.eye(len(y)), y, intercept=False), Params([0], eta)


def assert_curves_upwards(problem, params, engine):
    """Each row's observed information is at least 0, to 65 u of what it is made of."""
    eta = problem.eta(params)
    mu, slope = problem.model.link.inverse(eta), np.abs(problem.model.link.inverse_derivative(eta))
    variance = problem.model.family.variance(mu)
    size = ((np.abs(problem.y) + np.abs(mu) + slope) * slope / variance * (1 + np.abs(eta)))[:, 0]
    relative = np.diag(engine.evaluate(problem, params).information) / size
    row = int(np.argmin(relative))
    assert relative[row] >= -tolerances.curvature(1).value, (
        f"the loss of {problem.model} curves downwards at eta = {eta[row, 0]}, y = {problem.y[row, 0]}: {relative[row]:.2g}"
    )


@pytest.mark.claim("losses-that-are-not-convex", source="S6", symptom="I thought that a GLM has but one optimum.")
@pytest.mark.parametrize(("model", "witness"), WITNESSES.items(), ids=str)
def test_each_other_pair_has_a_witness_against_convexity(model, witness, subject):
    r"""
    For the other 9 pairs a single row is witness that the loss is not convex: it curves downwards, and arches over a chord.

    .. math:: L(\eta) > \tfrac12 \left( L(\eta - \delta) + L(\eta + \delta) \right)
    """
    assert not model.is_log_concave
    assert_arches(model, *witness, subject)


@pytest.mark.control("losses-that-are-not-convex")
@pytest.mark.parametrize("model", CONVEX, ids=str)
def test_a_convex_loss_has_no_witness(model, reference):
    """The middle of the predictors and responses of each pair whose loss is convex."""
    problem, params = one_by_one(model)
    row = problem.n // 2

    with pytest.raises(AssertionError, match="does not arch"):
        assert_arches(model, params.coef[row, 0], problem.y[row, 0], reference)


def assert_arches(model, eta, y, engine):
    """At eta the loss of one row curves downwards, and it lies above the chord from eta - 1/8 to eta + 1/8."""
    problem = Problem.of("witness", model, [[1]], [[y]], intercept=False)
    left, middle, right = (engine.evaluate(problem, Params([0], [[eta + move]])) for move in (-0.125, 0, 0.125))
    assert middle.information[0, 0] < 0, f"the loss of {model} does not arch: curvature {middle.information[0, 0]}"
    assert middle.loss > (left.loss + right.loss) / 2, f"the loss of {model} does not arch over its chord"


GAUSSIAN_LOG = Model(Gaussian(), Log())


@pytest.mark.claim(
    "two-optima", source="S6", level="proven for this problem", symptom="Two trainings of one network end at different losses."
)
def test_a_loss_that_is_not_convex_may_have_two_optima(network):
    r"""
    A loss that is not convex may have two optima, each proven, and where training starts decides in which it ends.

    .. math:: (6 - e^w)^2 + (4 - e^{-w})^2 \quad\text{rests where}\quad t^4 - 6 t^3 + 4 t - 1 = 0, \; t = e^w

    Of its positive roots the outer two are optima, the better and the worse, and the middle one is the ridge between them.
    """
    worse, ridge, better = resting_places()

    losses = [assert_ends_at(end, start, network) for start, end in ((ridge - 0.5, worse), (ridge + 0.5, better))]

    # t < 1 at the worse, so its loss is at least (6 - 1)^2 / 2 = 12.5; 5 < t < 7 at the better: at most (1 + 4^2) / 2 = 8.5
    assert losses[0] > losses[1] + 1


@pytest.mark.control("two-optima")
def test_the_optimum_of_the_other_side_is_refused(network):
    """Held to the optimum on the other side of the ridge."""
    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_ends_at(resting_places()[0], 0.0, network)


def resting_places():
    """The logarithms of the positive roots of t^4 - 6 t^3 + 4 t - 1, in order."""
    roots = np.roots([1, -6, 0, 4, -1])
    return np.log(np.sort(roots[roots > 0]))


def assert_ends_at(end, start, network):
    """Gradient descent from ``start`` ends at the proven optimum near ``end``; returns the loss there."""
    problem = two_rows(GAUSSIAN_LOG, (6, 4), end)
    trained = network(problem)
    path = descend(trained, 2.0**-5, 96, [np.array([[start]])])
    assert_same_values("optimum", problem, path[-1][0], proven_optimum(problem).params.coef, tolerances.planted_optimum())
    return trained.objective()


def two_rows(model, responses, hint=None):
    """The problem of one weight without a bias, at x = 1 and x = -1; ``hint`` is where to look for an optimum to prove."""
    planted = None if hint is None else Params([0], [[hint]])
    return Problem.of("two-rows", model, [[1], [-1]], np.array(responses)[:, None], intercept=False, planted=planted)


@pytest.mark.claim("a-zero-gradient-is-no-optimum", source="S6", symptom="The gradient is exactly zero, yet the fit is bad.")
def test_where_the_loss_is_not_convex_a_zero_gradient_may_be_its_top(subject):
    r"""
    Where the loss is not convex a zero gradient may be a top: at weights of zero this network rests between two optima.

    .. math:: L = \tfrac12 \left( (4 - e^w)^2 + (4 - e^{-w})^2 \right), \quad L'(0) = 0, \quad L''(0) = -4,
              \quad \hat w = \pm \operatorname{arcosh} 2
    """
    problem = two_rows(GAUSSIAN_LOG, (4, 4))

    assert_rests_on_a_top(problem, subject)
    with pytest.raises(PreconditionFailed, match="not positive definite"):
        proven_optimum(problem)
    for side in (-np.arccosh(2), np.arccosh(2)):
        found = proven_optimum(two_rows(GAUSSIAN_LOG, (4, 4), side)).params.coef
        assert_same_values("optimum", problem, found, [[side]], tolerances.planted_optimum())


@pytest.mark.control("a-zero-gradient-is-no-optimum")
def test_where_the_loss_is_convex_a_zero_gradient_is_the_bottom(reference):
    """Poisson responses of the same two rows: the weight of zero is the optimum."""
    with pytest.raises(AssertionError, match="no top"):
        assert_rests_on_a_top(two_rows(Model(Poisson(), Log()), (4, 4)), reference)


def assert_rests_on_a_top(problem, engine):
    """At a weight of zero the slope is 0.0, the loss curves downwards, and it is lower on either side."""
    left, here, right = (engine.evaluate(problem, Params([0], [[w]])) for w in (-0.25, 0, 0.25))
    assert here.score[1, 0] == 0, here.score
    assert here.information[0, 0] < 0, f"no top: the information is {here.information[0, 0]}"
    assert max(left.loss, right.loss) < here.loss, f"no top: {left.loss}, {here.loss}, {right.loss}"
