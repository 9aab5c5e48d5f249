"""Networks as Keras trained them: stopped on the way, wandering about the optimum, in single precision, with other layers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from scipy import optimize

from spec import likelihood, scoring
from spec.diagnosis.answer import Answer
from spec.diagnosis.estimator import Settings
from spec.diagnosis.network import answer_of_model
from spec.diagnosis.plants.networks import flat, network_of, settled, shaped, strength
from spec.diagnosis.plants.optima import keras_engine, stated_optimum
from spec.diagnosis.question import Question
from spec.engines import answers
from spec.engines.contract import Recipe
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.network import KerasNetwork, activation, loss
from spec.engines.keras.versions import compiled, keras, set_random_seed
from spec.families import Gaussian
from spec.links import Log
from spec.model import Model, Params
from spec.problems import Problem


def asked(model: keras.Model, problem: Problem) -> Answer:
    """The answer that a diagnosis reads in a network."""
    question = Question.of(problem)
    return answer_of_model(model, question.rows, question.columns, stated=problem.model)


def trained(
    network: KerasNetwork, optimizer: Any, epochs: int, rng: np.random.Generator, batch: int | None = None
) -> KerasNetwork:
    """The network after so many epochs of Keras's own training, on all rows at once or in batches."""
    set_random_seed(int(rng.integers(2**31)))
    network.trained.compile(optimizer=optimizer, loss=network.loss, **compiled(BACKEND.compiles_training))
    X, y, weights = network.data
    if batch is not None:
        network.trained.fit(X, y, sample_weight=weights, epochs=epochs, batch_size=batch, verbose=0)
    for _ in range(epochs if batch is None else 0):  # the same steps as by fit, whose epochs each cost as much as many of these
        network.trained.train_on_batch(X, y, sample_weight=weights)
    return network


def rate(problem: Problem) -> float | None:
    """The largest rate at which gradient descent on Keras's loss is stable near the optimum, halved."""
    best = stated_optimum(problem)
    if best is None:
        return None
    scale = 2.0 if problem.model.is_least_squares else 1.0  # Keras's squared error has no factor 1/2
    information = likelihood.expected_information(problem, best)
    return float(problem.n / (scale * np.linalg.eigvalsh(information).max()))


def stopped(problem: Problem, rng: np.random.Generator) -> Answer:
    """Too few epochs of Adam."""
    size = float(10 ** rng.uniform(-3, -1.5))
    network = network_of(problem, near=False)
    return asked(trained(network, keras.optimizers.Adam(size), int(rng.integers(5, 60)), rng).trained, problem)


def descent_path(problem: Problem, rng: np.random.Generator) -> Answer | None:
    """Too few steps of gradient descent from weights of zero; at times written in a table, without a record of the training."""
    largest = rate(problem)
    if largest is None or not likelihood.in_domain(problem, problem.params(np.zeros((problem.q, problem.free_outputs)))):
        return None
    network = network_of(problem, near=False)
    network.weights = [np.zeros_like(weight) for weight in network.weights]
    optimizer = keras.optimizers.SGD(largest * float(rng.uniform(0.05, 1)))
    network = trained(network, optimizer, int(10 ** rng.uniform(0.5, 2.3)), rng)
    return asked(network.trained, problem) if rng.uniform() < 0.7 else Answer(network.params)


def solver_tolerance(problem: Problem, rng: np.random.Generator) -> Answer | None:
    """The weights at which SciPy's L-BFGS stops on Keras's own loss: its slopes there are no larger than the tolerance."""
    network, slope = network_of(problem, near=False), float(10 ** rng.uniform(-5, -2.5))
    shapes = [weight.shape for weight in network.weights]
    weight = problem.row_weights.sum() / problem.n * network.loss_scale  # by which Keras's loss is larger than the mean

    def mean_loss(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        network.weights = shaped(numbers, shapes)
        value, gradient = network.backpropagate()
        return value / weight, flat(gradient) / weight

    found = optimize.minimize(
        mean_loss, flat(network.weights), jac=True, method="L-BFGS-B", options={"gtol": slope, "ftol": 1e-15}
    )
    if not found.success or not np.abs(mean_loss(found.x)[1]).max() <= slope:
        return None
    return Answer(network.params, settings=Settings(f"L-BFGS stops by its tolerance, {slope:g}", slope=slope))


def rate_too_large(problem: Problem, rng: np.random.Generator) -> Answer | None:
    """Gradient descent at a rate at which it swings about; None where it runs away."""
    largest = rate(problem)
    if largest is None:
        return None
    optimizer = keras.optimizers.SGD(largest * float(rng.uniform(1.2, 4)))
    network = trained(network_of(problem), optimizer, 200, rng)
    swings = np.abs(network.params.matrix).max() < 1e3  # false of NaN
    return asked(network.trained, problem) if swings else None


def minibatch_noise(problem: Problem, rng: np.random.Generator) -> Answer | None:
    """Gradient descent in batches at a constant rate, from the optimum on."""
    largest = rate(problem)
    if largest is None or problem.n < 60:
        return None
    network = network_of(problem)
    optimizer = keras.optimizers.SGD(largest * float(10 ** rng.uniform(-1.5, -0.5)))
    return asked(trained(network, optimizer, 20, rng, batch=int(rng.choice([16, 32, 64]))).trained, problem)


def weight_decay(problem: Problem, rng: np.random.Generator) -> Answer | None:
    """The weights at which gradient descent with weight decay rests: it is brought there, and makes some more steps."""
    share, largest = strength(problem, rng), rate(problem)
    if share is None or largest is None:
        return None
    network = network_of(problem)
    decay = 2 * share
    if settled(network, decay) is None:
        return None
    there = network.params.matrix
    trained(network, keras.optimizers.SGD(largest / 2, weight_decay=decay), 3, rng)
    rests = np.abs(network.params.matrix - there).max() < 1e-9 * np.abs(there).max()
    return asked(network.trained, problem) if rests else None


def in_float32(problem: Problem, rng: np.random.Generator) -> Answer | None:
    """A network in single precision, so near to the optimum that its steps no longer change a weight: it has come to rest."""
    best = stated_optimum(problem)
    if best is None or problem.model.has_classes:
        return None
    keras_engine()
    network = KerasNetwork(problem, Recipe(dtype="float32"))
    size = float(10 ** rng.uniform(-4, -2))
    direction = np.where(best.matrix == 0, 0.0, rng.normal(size=best.matrix.shape)) * np.abs(best.matrix)
    for halving in range(60):
        network.params = Params.from_matrix(best.matrix + direction / 2**halving)
        before = [weight.copy() for weight in network.weights]
        if all((weight - np.float32(size) * slope == weight).all() for weight, slope in zip(before, network.gradient())):
            break
    trained(network, keras.optimizers.SGD(size), 5, rng)
    rests = all((one == other).all() for one, other in zip(before, network.weights))
    return asked(network.trained, problem) if rests else None


def newton_steps(problem: Problem, rng: np.random.Generator) -> Params | None:
    """Some steps of scoring by Keras's gradient, from weights of zero or from the null model, and none of the last ones."""
    best = stated_optimum(problem)
    if best is None:
        return None
    start = (
        likelihood.null_params(problem) if rng.uniform() < 0.5 else problem.params(np.zeros((problem.q, problem.free_outputs)))
    )
    network, white, path = network_of(problem), scoring.White.of(problem), [start]
    for _ in range(20):
        if not likelihood.in_domain(problem, path[-1]):
            return None
        network.params = path[-1]
        score = answers.score(problem, network, network.gradient())
        free = score[1 - problem.intercept :, problem.k - problem.free_outputs :]
        step, decrement = white.direction(problem, path[-1], free)
        if decrement < 1e-8:
            break
        path.append(problem.params(problem.free(path[-1]) + step))
    return path[int(rng.integers(1, len(path)))] if len(path) > 1 else None


@cache
def _engine_of(steps: int) -> Any:
    engine = type(keras_engine())()
    engine.max_iterations = steps
    return engine


def stopped_short(problem: Problem, rng: np.random.Generator) -> Params:
    """The parameters at which a solver ends on data that have no optimum."""
    return _engine_of(int(rng.integers(4, 12))).fit(problem).params


def with_two_optima(problem: Problem, rng: np.random.Generator) -> Problem | None:
    """An exponential curve through two clouds, of which it can meet but one: see the claim that a loss may have two optima."""
    if problem.model != Model(Gaussian(), Log()):
        return None
    side = np.where(rng.uniform(size=(problem.n, 1)) < 0.5, -1.0, 1.0)
    y = np.where(side > 0, 6.0, 4.0) + rng.normal(size=side.shape) / 4
    X = np.hstack([side, rng.normal(size=side.shape) / 4])
    return replace(problem.with_data(X=X, y=y), intercept=False)


def local_optimum(problem: Problem, rng: np.random.Generator) -> Params | None:
    """Another optimum, found from other initial weights."""
    best = stated_optimum(problem)
    if best is None or problem.model.is_log_concave:
        return None
    network = network_of(problem)
    spread = np.abs(problem.free(best)).max() + 1
    lower = network.objective()
    for _ in range(12):
        start = problem.params(problem.free(best) + spread * rng.normal(size=(problem.q, 1)))
        if not likelihood.in_domain(problem, start):
            continue
        network.params = start
        found = settled(network)
        if found is not None and likelihood.in_domain(problem, found) and network.objective() > lower + 1e-6:
            return found
    return None


def activation_twice(problem: Problem, rng: np.random.Generator) -> Answer | None:
    """A softmax or sigmoid behind another, trained by Adam: often it has no optimum, and its weights grow."""
    if not problem.model.is_logistic or problem.offset is not None:
        return None
    network = network_of(problem, Recipe(mistake="softmax twice"), near=False)
    return asked(trained(network, keras.optimizers.Adam(0.05), 60, rng).trained, problem)


# -- with other layers -----------------------------------------------------------------------------------------------------------


def _with_layers(problem: Problem, rng: np.random.Generator, *layers: keras.layers.Layer) -> Answer | None:
    """The answer that is read in a network with more layers before its last one, after some epochs of training."""
    if problem.offset is not None or not problem.p:
        return None
    keras_engine()
    set_random_seed(int(rng.integers(2**31)))
    last = keras.layers.Dense(problem.k, activation=activation(problem.model.link), use_bias=problem.intercept)
    model = keras.Sequential([keras.Input((problem.p,)), *layers, last])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss(problem.model)[0], **compiled(BACKEND.compiles_training))
    model.fit(problem.X, problem.y, sample_weight=problem.row_weights[:, 0], epochs=20, batch_size=32, verbose=0)
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        return None
    return asked(model, problem)


def dropout(problem: Problem, rng: np.random.Generator) -> Answer | None:
    keras_engine()
    return _with_layers(problem, rng, keras.layers.Dropout(float(rng.choice([0.1, 0.2, 0.5]))))


def batch_normalization(problem: Problem, rng: np.random.Generator) -> Answer | None:
    keras_engine()
    return _with_layers(problem, rng, keras.layers.BatchNormalization())


def hidden_layer(problem: Problem, rng: np.random.Generator) -> Answer | None:
    keras_engine()
    kind = str(rng.choice(["relu", "tanh", "sigmoid"]))
    return _with_layers(problem, rng, keras.layers.Dense(int(rng.integers(2, 9)), activation=kind))
