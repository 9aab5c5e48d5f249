"""Networks beyond one linear predictor: their weights as one vector, and their training to the end."""

from dataclasses import replace

import numpy as np
from scipy import optimize

from spec import problems
from spec.compat import strict_zip
from spec.engines.contract import Fit, Recipe
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.families import Binomial
from spec.links import Logit, Probit
from spec.model import Model, Params
from spec.problems.by_construction import generator

LINKS = {"logit": Logit(), "probit": Probit()}
SMALL = [problems.get(name) for name in ("softmax-3-to-3", "softmax-8-to-5")]
PARTIES = problems.get("anes96")
ORDERED = [*SMALL, PARTIES]  # their classes read as ordered: those of the last one are, from strong Democrat to strong Republican
HEADS = Recipe(head="location-scale")


def cumulative(link):
    """The recipe of ordered thresholds with this link."""
    return Recipe(head=f"cumulative-{link}")


def flat(arrays):
    """The entries of all arrays as one vector."""
    return np.concatenate([np.ravel(array) for array in arrays])


def put(network, values):
    """Set all weights from one vector, in the order of `flat`."""
    ends = np.cumsum([weight.size for weight in network.weights])[:-1]
    network.weights = [part.reshape(w.shape) for part, w in strict_zip(np.split(values, ends), network.weights)]


def to_the_end(network, start):
    """The weights at which the network's own gradient is zero, as one vector: Powell's method, then three steps of Newton's."""

    def slope(values):
        put(network, values)
        return flat(network.gradient())

    values = optimize.root(slope, start, tol=1e-7).x
    put(network, values)
    hessian = network.hessian()
    for _ in range(3):
        values = values - np.linalg.solve(hessian, slope(values))
    put(network, values)
    return values


def as_fit(params):
    """The parameters of a trained network as a fit, to be held to an optimum."""
    return Fit(params, True, 0, "the gradient is zero to rounding", np.full_like(params.matrix, np.nan), np.nan, np.nan)


def answer(subject, problem, params, network, **parts):
    """The subject's answer to an ordinary problem with the loss of this network, and the ``parts``, in place of its own."""
    return replace(subject.evaluate(problem, params), loss=network.objective(), loss_scale=1.0, **parts)


def drawn_weights(problem, rng):
    """A weight for each column, (p,), drawn so that eta stays within 2."""
    return rng.uniform(0.5, 1, problem.p) * rng.choice([-2, 2], problem.p) / (problem.p * np.abs(problem.X).max(axis=0))


def drawn_thresholds(problem, rng):
    """The first threshold and the logs of the increments, (k - 1,): increments between 0.4 and 1."""
    return np.append(-0.35 * (problem.k - 1), rng.uniform(-0.9, 0, problem.k - 2))


def assert_same_likelihood(problem, network, model, weights):
    """The loss is minus the log-likelihood by n, and its gradient the sum of the rows' scores."""
    scores = model.scores(weights)
    likelihood, gradient = -problem.n * network.objective(), -problem.n * flat(network.gradient())
    assert_same_values("objective", problem, likelihood, model.log_likelihood(weights), tolerances.loss(problem.n))
    size = np.abs(scores).sum(axis=0)
    assert_same_values("gradient", problem, gradient, scores.sum(axis=0), tolerances.gradient(problem.n), size)


def null_thresholds(problem, link):
    """The thresholds at weights of zero, g of the cumulated shares: the first of them, and the logs of the increments."""
    thresholds = link(np.cumsum(problem.y.mean(axis=0))[:-1])
    return np.append(thresholds[0], np.log(np.diff(thresholds)))


def assert_same_zero(problem, network, model):
    """Two zeros of one score, each known to what the inverse information makes of the score's own rounding."""
    other = model.optimum()
    carried = np.abs(np.linalg.inv(problem.n * network.hessian())) @ np.abs(model.scores(other)).sum(axis=0)
    tolerance = tolerances.two_zeros(problem.n, float((carried / np.abs(other)).max()))
    assert_same_values("weights", problem, flat(network.weights), other, tolerance)


def assert_cuts(problem, probabilities, link, w, d, reference):
    """For each class, the probability of it and those above is the mean of a binary GLM, to the rounding of its eta."""
    thresholds = np.cumsum(np.append(d[0], np.exp(d[1:])))
    for j, threshold in enumerate(thresholds, start=1):
        above = problem.with_data(f"class {j} and above", y=problem.y[:, j:].sum(axis=1, keepdims=True))
        cut = replace(above, model=Model(Binomial(), link))
        mean = reference.evaluate(cut, Params(np.array([-threshold]), w[:, None])).mean
        terms = 1 + np.abs(d[0]) + np.exp(d[1:]).sum() + np.abs(problem.X) @ np.abs(w)[:, None]
        found = probabilities[:, j:].sum(axis=1, keepdims=True)
        slope = link.inverse_derivative(link(mean)) / mean
        assert_same_values("mean", cut, found, mean, tolerances.cut(cut.q), mean * (1 + slope) * terms)


def noisy(data):
    """The response of the planted line with other noise: its log variance is linear too."""
    eta = np.array([[-2.0], [1.5], [-1.0], [2.0]])
    noise = generator("location-scale").normal(size=data.y.shape)
    return LINE.eta(data.planted) + np.exp(LINE.design @ eta / 2) * noise


LINE = problems.get("gaussian-identity")
LOCATION_SCALE = replace(LINE.with_data(y=noisy), name="location-scale", kind="given")
