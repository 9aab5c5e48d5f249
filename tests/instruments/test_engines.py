"""The engines of this package: what Keras and statsmodels are asked, and what is done where they differ from the contract."""

from dataclasses import replace

import flint
import numpy as np
import pytest

from spec import likelihood, problems, scoring
from spec.engines.checked import Checked
from spec.engines.contract import Recipe, Training
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.engine import KerasEngine
from spec.engines.keras.network import NegativeLogLikelihood
from spec.engines.statsmodels.engine import StatsmodelsEngine
from spec.evidence.balls import BALLS
from spec.evidence.rungs import proven_optimum, standard_errors_away
from spec.families import Binomial
from spec.model import Params
from spec.problems import Problem

ENGINES = (KerasEngine(), StatsmodelsEngine())
SMALL = [problems.get(name) for name in ("binomial-probit", "softmax-3-to-3", "gaussian-identity", "by-hand-poisson-log-offset")]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.describe().name)
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_a_fit_tells_standard_errors_deviance_and_likelihood(engine, problem):
    """Standard errors, deviance and log-likelihood of a fit are those of the formulas at the proven optimum."""
    fit, best = Checked(engine).fit(problem), proven_optimum(problem).params
    mu = problem.model.link.inverse(problem.eta(best))

    np.testing.assert_allclose(fit.standard_errors, scoring.White.of(problem).standard_errors(problem, best), rtol=1e-9)
    assert fit.deviance == pytest.approx(likelihood.deviance(problem, mu), rel=1e-10)
    assert fit.log_likelihood == pytest.approx(likelihood.log_likelihood(problem, best), rel=1e-12)
    assert fit.converged
    assert fit.reason


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.describe().name)
@pytest.mark.parametrize("problem", [p for p in problems.where(tag="pair") if p.name != "gaussian-identity"], ids=str)
def test_the_log_likelihood_has_its_constants(engine, problem):
    """An evaluation's log-likelihood is that of the formulas, constants included, at dispersion 1."""
    params = problem.data.planted

    assert engine.evaluate(problem, params).log_likelihood == pytest.approx(likelihood.log_likelihood(problem, params), rel=1e-12)


# -- Keras ----------------------------------------------------------------------------------------------------------------


def test_the_keras_sentence_is_built_as_its_documentation_builds_it():
    """
    The softmax problem is Input(32), Dense(16, "softmax") and categorical cross-entropy, in float64, and nothing more.

    Where the loss would not find the logits, the softmax stands apart, for predictions; the loss is told of logits.
    """
    network = KerasEngine().network(problems.get("softmax-32-to-16"))
    softmax = [] if BACKEND.finds_logits else ["Activation"]

    assert [type(layer).__name__ for layer in network.model.layers] == ["InputLayer", "Dense", *softmax]
    assert [type(layer).__name__ for layer in network.trained.layers] == ["InputLayer", "Dense"]
    assert network.model.layers[-1].activation.__name__ == "softmax"
    assert network.trained.layers[-1].activation.__name__ == ("softmax" if BACKEND.finds_logits else "linear")
    assert type(network.loss).__name__ == "CategoricalCrossentropy"
    assert network.model.count_params() == (32 + 1) * 16
    assert {str(weight.dtype) for weight in network.weights} == {"float64"}


@pytest.mark.parametrize(
    ("name", "activation", "loss"),
    [
        ("gaussian-identity", "linear", "MeanSquaredError"),
        ("binomial-logit", "sigmoid", "BinaryCrossentropy"),
        ("poisson-log", "exponential", "NegativeLogLikelihood"),
        ("binomial-probit", "probit", "NegativeLogLikelihood"),
        ("gaussian-log", "exponential", "MeanSquaredError"),
    ],
)
def test_keras_uses_its_own_activation_and_loss_where_it_has_them(name, activation, loss):
    """Where Keras has the inverse link or the likelihood, the network uses Keras's own."""
    network = KerasEngine().network(problems.get(name))

    assert network.model.layers[-1].activation.__name__ == activation
    assert type(network.loss).__name__ == loss


@pytest.mark.parametrize(
    ("formula", "low", "high", "ulps"),
    [
        pytest.param(lambda xp, x: xp.exp(x), -700, 700, 1.25, id="exp"),
        pytest.param(lambda xp, x: xp.expm1(x), -40, 40, 2, id="expm1"),
        pytest.param(lambda xp, x: xp.log(x), 1e-3, 1e3, 1, id="log"),
        pytest.param(lambda xp, x: xp.log1p(x), -0.999, 5, 2, id="log1p"),
        pytest.param(lambda xp, x: xp.sigmoid(x), -40, 40, 2, id="sigmoid"),
        pytest.param(lambda xp, x: xp.arctan2(1 + 0 * x, -x), -100, 100, 3, id="arctan2"),
        pytest.param(lambda xp, x: xp.ndtr(x), -2, 2, 8, id="ndtr"),
        pytest.param(lambda xp, x: xp.ndtr(x), -8, -2, 64, id="ndtr in its tail"),  # where half an ulp of x makes 32 of it
    ],
)
def test_the_functions_of_the_backend_are_good_to_a_few_ulps(formula, low, high, ulps):
    """The elementary functions of tensors, held to ball arithmetic; an ulp is 2^-52 of the value."""
    x = np.random.default_rng(0).uniform(low, high, 2000)
    found = BACKEND.numpy(formula(BACKEND, BACKEND.tensor(x, "float64")))

    with flint.ctx.workprec(128):
        exact = [formula(BALLS, flint.arb(entry)) for entry in x]
        errors = [float(abs((flint.arb(mine) - right) / right)) for mine, right in zip(found, exact, strict=True)]
    assert max(errors) <= ulps * 2.0**-52


def test_what_a_zero_multiplies_has_no_slope():
    """0 log(y) is 0 whatever y is, and so is its slope, also at y = 0."""
    loss = NegativeLogLikelihood(Binomial())
    rows, sure = (BACKEND.tensor(np.array([[0.0], [1.0]]), "float64") for _ in range(2))
    network = KerasEngine().network(Problem.of("sure", problems.get("binomial-probit").model, [[-50.0], [50.0]], [[0.0], [1.0]]))
    network.weights = [np.ones((1, 1)), np.zeros(1)]

    assert float(BACKEND.numpy(loss(rows, sure))) == 0
    assert all((part == 0).all() for part in network.gradient())


def test_the_poisson_loss_of_keras_is_not_the_likelihood():
    """Keras's own Poisson loss has 1e-7 in its logarithm: at mean 1e-2 its optimum is off by 1e-5, so it is not used."""
    rare = replace(problems.get("poisson-log"), load=lambda: problems.Data(np.zeros((100, 0)), np.eye(100)[:, :1]))
    right, theirs = (KerasEngine().network(rare, Recipe(built_in_loss=built_in)) for built_in in (False, True))
    for network in (right, theirs):
        network.params = Params([np.log(0.01)], np.zeros((0, 1)))

    assert abs(right.gradient()[-1][0]) < 1e-16
    assert theirs.gradient()[-1][0] == pytest.approx(0.01 * 1e-7 / (0.01 + 1e-7), rel=1e-6)


def test_plain_training_comes_near_and_does_not_arrive():
    """Adam brings the network near the optimum, more epochs nearer."""
    problem = problems.get("binomial-logit")
    network, optimum = KerasEngine().network(problem), proven_optimum(problem)
    path = network.train(Training(learning_rate=0.1, epochs=200))
    away = [standard_errors_away(optimum, Params(bias, kernel)) for kernel, bias in path]

    assert len(path) == 200
    assert away[199] < 0.1 < away[4]
    assert away[199] > 1e-6


def test_a_step_that_leaves_the_domain_is_halved():
    """From a start at the edge of the domain the fit still ends at the optimum: steps that leave it are halved."""
    problem = problems.get("binomial-identity")
    edge = replace(problem, load=lambda: replace(problem.data, X=8 * problem.X))
    fit = KerasEngine().fit(edge)

    assert fit.converged
    np.testing.assert_allclose(8 * fit.params.coef, proven_optimum(problem).params.coef, rtol=1e-12)


def test_too_few_iterations_are_not_called_converged():
    """A fit that was cut off says so."""
    engine = KerasEngine()
    engine.max_iterations = 2
    fit = engine.fit(problems.get("binomial-cauchit"))

    assert not fit.converged
    assert fit.iterations == 2
    assert fit.reason.startswith("not reached after 2 iterations, about ")


# -- statsmodels ------------------------------------------------------------------------------------------------------------


def test_statsmodels_loses_digits_of_small_means_under_cloglog():
    """statsmodels computes 1 - exp(-exp(eta)) without expm1: a mean of 1e-9 has 8 digits where the network's has 15."""
    problem = problems.get("binomial-cloglog")
    small = Params([-20.0], np.zeros((3, 1)))
    exact = -np.expm1(-np.exp(-20.0))
    network, glm = (engine.evaluate(problem, small).mean[0, 0] for engine in ENGINES)

    assert abs(network / exact - 1) < 1e-15
    assert 1e-10 < abs(glm / exact - 1) < 1e-7


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"weights": np.full(1000, 2.0)}, "MNLogit has no offset, no weights and no trials"),
        ({"offset": np.ones((1000, 3))}, "MNLogit has no offset, no weights and no trials"),
        ({"y": np.full((1000, 3), 1 / 3)}, "MNLogit takes one class for each row, not shares"),
        ({"y": np.eye(3)[np.arange(1000) % 2]}, "MNLogit knows only classes that occur"),
    ],
)
def test_statsmodels_declines_what_mnlogit_cannot_express(data, why):
    """Weights, offsets and shares of classes are declined, not ignored."""
    problem = problems.get("softmax-3-to-3")
    other = replace(problem, load=lambda: replace(problem.data, **data))

    assert ENGINES[1].declines(other) == why
    assert ENGINES[0].declines(other) is None


def test_statsmodels_does_not_report_an_unfinished_fit():
    """Separated data: IRLS runs away, and the fit is not called converged."""
    X = np.linspace(-1, 1, 20)[:, None]
    separated = problems.Problem.of("separated", problems.get("binomial-probit").model, X, (X > 0.05).astype(float))

    assert not StatsmodelsEngine().fit(separated).converged


@pytest.mark.parametrize("first", [True, False])
def test_an_offset_does_not_bend_a_line(first):
    """With and without it least squares have one curvature, and so one program, which takes data in two forms."""
    weighted = problems.get("gaussian-identity-weights")
    both = [weighted, weighted.with_data("and an offset", offset=lambda data: np.ones((len(data.y), 1)))]
    one, other = (KerasEngine().evaluate(p, weighted.data.planted).information for p in both[:: 1 if first else -1])

    np.testing.assert_allclose(one, other, rtol=1e-14)
