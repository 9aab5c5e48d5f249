"""
Bring a Keras model without a hidden layer to its optimum: exactly, in a handful of passes over the data, with standard errors.

    model = keras.Sequential([keras.Input((32,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy")

    optimum = fit(model, X, y)
    optimum.params.coef, optimum.standard_errors, optimum.distance

Where the steps end is the network's own back-propagated gradient; Fisher's information makes them large (see `spec.passes`).
Everything is computed in float64, whatever the model's own precision; its weights are set to the optimum, rounded to that.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg
from threadpoolctl import ThreadpoolController

from spec import passes, scoring
from spec.engines.keras_backend import BACKEND
from spec.engines.keras_network import ACTIVATIONS, InverseLink, Network, NegativeLogLikelihood
from spec.engines.keras_versions import keras
from spec.families import Binomial, Family, Gaussian, Multinomial, Poisson
from spec.links import Identity, Link, Logit, Softmax
from spec.model import Model, Params
from spec.passes import Pass, Sums
from spec.problems import Problem
from spec.rows import Batch, Rows, of_arrays, of_arrow, of_stream

LINKS: dict[str, Link] = {name: link for link, name in ACTIVATIONS.items()}
FAMILIES: dict[str, Family] = {
    "MeanSquaredError": Gaussian(),
    "BinaryCrossentropy": Binomial(),
    "Poisson": Poisson(),
    "CategoricalCrossentropy": Multinomial(),
    "SparseCategoricalCrossentropy": Multinomial(),
}
CACHE = 8 * 2**20  # bytes of a batch: what it is multiplied with stays near the processor
_networks: dict[Any, tuple[Network, Any]] = {}
_threads = ThreadpoolController()


@dataclass(frozen=True, eq=False)
class Optimum:
    """
    Where a fit ended.

    ``params``, and ``standard_errors`` (q, m) shaped like `Problem.free`: a row for the intercept, where there is one, and for
    each column of X; a column for each output but class 0 of a softmax. From the expected information and, where the family
    has a dispersion, Pearson's estimate of it. ``distance`` is how far the parameters are from the optimum, in standard errors,
    as the last steps let expect; ``passes`` is how it got there. Where not ``converged`` the ``reason`` says why.
    """

    model: Model
    params: Params
    standard_errors: np.ndarray
    dispersion: float
    distance: float
    converged: bool
    reason: str
    passes: tuple[Pass, ...]
    rows: int
    _value: float = field(repr=False)
    _rows: Rows = field(repr=False)
    _size: int = field(repr=False)

    @cached_property
    def _constants(self) -> tuple[float, float]:
        """Of the log-likelihood: the terms free of the parameters, and what the saturated model's kernel is. One pass over y."""
        family = self.model.family
        normaliser = saturated = 0.0
        for batch in self._rows.batches(self._size):
            y, weights = batch.y, batch.weights[:, None]
            y, weights = y[weights[:, 0] > 0], weights[weights[:, 0] > 0]
            by_weight = family.normaliser(y, 1 / weights) if family.has_dispersion else weights * family.normaliser(y)
            inner = np.full_like(y, 1 / y.shape[1] if y.shape[1] > 1 else 0.5)
            normaliser += float(by_weight.sum())
            saturated += float((weights * (family.kernel(y, inner) + family.unit_deviance(y, inner) / 2)).sum())
        return normaliser, saturated

    @property
    def log_likelihood(self) -> float:
        """Constants included, at dispersion 1; the first time in a pass over y."""
        return self._value + self._constants[0]

    @property
    def deviance(self) -> float:
        """Twice what the saturated model gains, in units of the dispersion; the first time in a pass over y."""
        return 2 * (self._constants[1] - self._value)


# -- what a compiled model is -----------------------------------------------------------------------------------------------


def read(model: Any) -> tuple[Model, Any, bool]:
    """
    Of a compiled Keras model its family and link, its Dense layer, and whether the labels are codes of classes.

    Raises ValueError that says what makes it no generalized linear model.
    """
    layers = [layer for layer in model.layers if layer.weights]
    if len(layers) != 1 or not isinstance(layers[0], keras.layers.Dense):
        found = ", ".join(layer.name for layer in layers) or "none"
        raise ValueError(f"a generalized linear model has one layer with weights, a Dense; this model has: {found}.")
    (dense,) = layers
    if dense.kernel_regularizer or dense.bias_regularizer or dense.activity_regularizer:
        raise ValueError(f"{dense.name} has a penalty: the optimum of a penalised loss is no maximum-likelihood estimate.")
    others = [layer for layer in model.layers if layer is not dense]
    plain = (keras.layers.InputLayer, keras.layers.Activation, keras.layers.Add)
    if odd := [layer.name for layer in others if not isinstance(layer, plain)]:
        raise ValueError(f"beside its Dense layer a generalized linear model has an offset and an activation; not {', '.join(odd)}.")
    activations = [layer.activation for layer in (dense, *others) if hasattr(layer, "activation")]
    links = [link for link in map(_link, activations) if link != Identity()]
    if len(links) > 1:
        raise ValueError(f"one activation is one link; this model has several: {', '.join(map(str, links))}.")
    link = links[0] if links else Identity()
    family, codes = _family(model)
    if getattr(model.loss, "from_logits", False):
        if link != Identity():
            raise ValueError(f"the loss takes logits, and the activation {link} makes none: leave one of the two out.")
        link = Softmax() if isinstance(family, Multinomial) else Logit()
    return Model(family, link), dense, codes


def _link(activation: Any) -> Link:
    if isinstance(activation, InverseLink):
        return activation.link
    if (name := getattr(activation, "__name__", str(activation))) in LINKS:
        return LINKS[name]
    raise ValueError(
        f"the activation {name} is no inverse link that is known: those are {', '.join(LINKS)}, "
        "and spec.engines.keras_network.InverseLink of any link in spec.links."
    )


def _family(model: Any) -> tuple[Family, bool]:
    loss = getattr(model, "loss", None)
    if loss is None:
        raise ValueError("the model has no loss: compile it first; the loss says which family it is.")
    if isinstance(loss, NegativeLogLikelihood):
        return loss.family, False
    name = type(keras.losses.get(loss)).__name__
    if name == "function":
        name = "".join(word.capitalize() for word in keras.losses.get(loss).__name__.split("_"))
    if name not in FAMILIES:
        raise ValueError(
            f"the loss {name} is no likelihood that is known: those are {', '.join(FAMILIES)}, "
            "and spec.engines.keras_network.NegativeLogLikelihood of any family in spec.families."
        )
    if getattr(loss, "label_smoothing", 0):
        raise ValueError("label smoothing makes the loss of other labels: leave it out.")
    return FAMILIES[name], name.startswith("Sparse")


# -- fitting -------------------------------------------------------------------------------------------------------------------


def fit(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    weights: Any = None,
    offset: Any = None,
    start: Params | None = None,
    tolerance: float = 1e-6,
    max_passes: int = 50,
    progress: bool | Callable[[Pass], None] = False,
) -> Optimum:
    """
    The optimum of a compiled Keras model without a hidden layer; the model's weights are set to it.

    ``X`` (n, p) and ``y`` (n,) or (n, k) are arrays, or whatever is sliced like one (a memory map, HDF5); or X is a pyarrow
    Table or Dataset or the path of a Parquet file, and y, weights and offset are names of its columns; or X is a stream of
    batches (x, y) or (x, y, weights) that can be gone through again: tf.data, PyDataset, a list. ``weights`` (n,) are prior
    weights, ``offset`` (n, k) is added to eta (the second input of a model that has two).

    Ends when the estimated distance from the optimum is below ``tolerance`` standard errors. ``start`` goes on from the
    `Optimum.params` of an earlier fit. With ``progress`` each pass is shown, or told to a function; Ctrl-C ends the fit at the
    best parameters so far. Raises ValueError where the model is no GLM or the data do not fit it.
    """
    family_and_link, dense, codes = read(model)
    rows = source(X, y, weights, offset)
    k = int(model.output_shape[-1])
    if codes:
        rows = rows.map(lambda batch: Batch(batch.X, np.eye(k)[batch.y[:, 0].astype(int)], batch.weights, batch.offset))
    optimum = optimise(
        family_and_link, rows, dense.use_bias, start=start, tolerance=tolerance, max_passes=max_passes, told=_teller(progress, rows)
    )
    params = optimum.params
    dense.set_weights([params.coef, params.intercept] if dense.use_bias else [params.coef])
    return optimum


def source(X: Any, y: Any, weights: Any = None, offset: Any = None) -> Rows:
    """The rows, of whatever kind: see `fit`."""
    if isinstance(y, str):
        return of_arrow(X, y, weights, offset)
    if y is None:
        return of_stream(X)
    if not hasattr(X, "shape"):
        X = np.asarray(X, dtype=float)
    return of_arrays(X, y, weights, offset)


def _teller(progress: bool | Callable[[Pass], None], rows: Rows) -> Callable[[Pass], None]:
    if callable(progress):
        return progress
    return (lambda state: print(state)) if progress else (lambda state: None)


def optimise(
    model: Model,
    rows: Rows,
    intercept: bool = True,
    *,
    start: Params | None = None,
    tolerance: float = 1e-6,
    max_passes: int = 50,
    told: Callable[[Pass], None] = lambda state: None,
) -> Optimum:
    """The optimum of a model on rows: see `fit`."""
    p, k = rows.sample(1).X.shape[1], rows.sample(1).y.shape[1]
    q, m = p + intercept, max(k - 1, 1)
    size = int(2 ** np.clip(np.floor(np.log2(CACHE / (8 * q * m))), 8, 14))
    if rows.total is not None and rows.total < size:
        size = max(64, 1 << (rows.total - 1).bit_length())
    sample = rows.sample(max(size, 20 * q * m))
    known = Problem.of("a sample of the rows", model, sample.X, sample.y, intercept, weights=sample.weights, offset=sample.offset)
    network, program = _network(known, size)
    with _threads.limit(limits=1, user_api="blas"):
        basis, ill_conditioned = _basis(known.design)
    summing = basis if ill_conditioned or m > 1 else None

    def contribution(batch: Batch, wanted: str) -> Sums:
        X, y, weights, offset = batch.padded(size).parts
        loss, (kernel, *bias), (pearson, about_eta) = program(X if offset is None else [X, offset], y, weights)
        score = np.vstack([*bias, kernel])[:, k - m :]
        to_sums = -size / network.loss_scale
        return Sums(
            rows=len(batch),
            value=to_sums * loss,
            score=to_sums * score,
            information=None if wanted == "none" else passes.information(X, about_eta, intercept, summing, rough(wanted)),
            pearson=float(pearson),
        )

    def rough(wanted: str) -> bool:  # where it costs most, and its columns are those of the basis: of others float32 might lose all
        return wanted == "rough" and m > 1

    def over(some: Rows, pool: Executor) -> Callable[[np.ndarray, str], Sums]:
        def one_pass(free: np.ndarray, wanted: str) -> Sums:
            network.params = known.params(free)
            sums = passes.add_up(lambda batch: contribution(batch, wanted), some.batches(size), None if some.total is not None and some.total <= size else pool)
            if wanted != "none" and summing is None:  # into the basis
                blocks = basis.T @ sums.information.reshape(m, q, m, q).transpose(0, 2, 1, 3) @ basis
                sums = replace(sums, information=blocks.transpose(0, 2, 1, 3).reshape(m * q, m * q))
            return sums

        return one_pass

    settings = {
        "canonical": model.is_canonical,
        "quadratic": model == Model(Gaussian(), Identity()),
        "has_dispersion": known.has_dispersion,
    }
    with _threads.limit(limits=1, user_api="blas"), ThreadPoolExecutor(passes.CORES) as pool:
        near = False
        if start is not None:
            free = known.free(start)
        else:
            free = _null(known, basis)
            if rows.total is None or len(sample) <= rows.total / 3:
                part = Rows(lambda size: [sample], lambda size: sample, len(sample))
                guess = passes.climb(_with_prior(over(part, pool), sample, basis, intercept), free, basis, tolerance=0.1, max_passes=15, **settings)
                free, near = guess.free, True
        climbed = passes.climb(over(rows, pool), free, basis, near=near, tolerance=tolerance, max_passes=max_passes, told=told, **settings)
    errors = climbed.steer.standard_errors(climbed.dispersion) if climbed.steer else np.full((q, m), np.inf)
    return Optimum(
        model, known.params(climbed.free), errors, climbed.dispersion, climbed.distance, climbed.converged, climbed.reason,
        climbed.passes, climbed.sums.rows, climbed.sums.value, rows, size,
    )  # fmt: skip


def _network(problem: Problem, size: int) -> tuple[Network, Any]:
    """One for all problems of a model and a shape, and its compiled program."""
    key = (problem.model, problem.p, problem.k, problem.intercept, problem.offset is None, size)
    if key not in _networks:
        network = Network(problem)
        kernel, *bias = network.variables
        link, family, scored = problem.model.link, problem.model.family, isinstance(problem.model.family, Multinomial)

        def statistics(inputs: Any, y: Any, weights: Any) -> list[Any]:
            """Pearson's X^2, and what the information needs of each row: see `spec.passes.information`."""
            weights = weights[:, None]
            if scored:
                return [weights[0, 0] * 0, BACKEND.concatenate([weights, network.model(inputs)[:, 1:]], axis=1)]
            X, *offset = inputs if isinstance(inputs, (list, tuple)) else [inputs]
            eta = sum([*bias, *offset], X @ kernel)
            mu, slope = link.inverse(eta, BACKEND), link.inverse_derivative(eta, BACKEND)
            variance = family.variance(mu, BACKEND)
            pearson = BACKEND.row_sums(weights[:, 0] * ((y - mu) ** 2 / variance)[:, 0])
            return [pearson, weights * slope**2 / variance]

        _networks[key] = network, network.derivatives.program(statistics)
    return _networks[key]


def _basis(design: np.ndarray) -> tuple[np.ndarray, bool]:
    """In which a sample of the design is orthonormal, times the root of its rows; and whether sums in its own columns lose digits."""
    scale = np.sqrt((design**2).mean(axis=0))
    scale[scale == 0] = 1
    try:
        upper = linalg.cholesky(design.T @ design / np.outer(scale, scale) / len(design))
    except np.linalg.LinAlgError:
        upper = np.zeros((1, 1))
    if not (ill := np.linalg.cond(upper) > 1e4):
        return linalg.solve_triangular(upper, np.eye(len(scale))) / scale[:, None], False
    upper = np.linalg.qr(design / scale / np.sqrt(len(design)), mode="r")
    size = np.abs(np.diag(upper))
    if len(size) < len(scale) or size.min() <= 1e-13 * size.max():  # the sample lacks what all rows may have
        return np.diag(1 / scale), False
    return linalg.solve_triangular(upper, np.eye(len(scale))) / scale[:, None], bool(ill)


def _null(problem: Problem, basis: np.ndarray) -> np.ndarray:
    """`spec.scoring.start`; where there are an intercept and no offset it is known."""
    if problem.intercept and problem.offset is None and problem.k == 1:
        link = problem.model.link
        mean = np.average(problem.y, axis=0, weights=problem.row_weights[:, 0])
        if (link.mu_domain.contains(mean) & problem.model.family.mu_domain.contains(mean)).all():
            free = np.zeros((problem.q, 1))
            free[0] = link(mean)
            return free
    return problem.free(scoring.start(problem))


def _with_prior(one_pass: Any, sample: Batch, basis: np.ndarray, intercept: bool) -> Any:
    """
    As if the coefficient of a rare column had been seen once to be near 0: a sample may lack a level, or one of its outcomes.
    """
    there = (sample.X != 0).sum(axis=0)
    squares = (sample.X**2).sum(axis=0) / np.maximum(there, 1)
    rare = np.where(there == 0, 1.0, np.where(there < 100, squares, 0.0))
    prior = np.concatenate([np.zeros(int(intercept)), rare])[:, None]

    def penalised(free: np.ndarray, wanted: str) -> Sums:
        sums = one_pass(free, wanted)
        extra = None
        if sums.information is not None:
            extra = sums.information + np.kron(np.eye(free.shape[1]), basis.T @ (prior * basis))
        return Sums(
            sums.rows, sums.value - float((prior * free**2).sum()) / 2, sums.score - prior * free, extra, sums.pearson
        )

    return penalised
