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
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from scipy import linalg
from threadpoolctl import ThreadpoolController

from spec import passes, scoring
from spec.engines.keras_backend import BACKEND
from spec.engines.keras_network import ACTIVATIONS, InverseLink, NegativeLogLikelihood, Network
from spec.engines.keras_versions import keras
from spec.families import Binomial, Family, Gaussian, Multinomial, Poisson
from spec.links import Identity, Link, Logit, Softmax
from spec.model import Model, Params
from spec.passes import Kind, Pass, Sums
from spec.problems.problem import Problem, ProblemError
from spec.progress import shown
from spec.rows import NAMES, Batch, Rows, of_arrays, of_arrow, of_stream

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

    @cached_property
    def _constants(self) -> tuple[float, float]:
        """Of the log-likelihood: the terms free of the parameters, and what the saturated model's kernel is. One pass over y."""
        family = self.model.family
        normaliser = saturated = 0.0
        for batch in self._rows.read(2**14):
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
        raise ValueError(
            f"beside its Dense layer a generalized linear model has an offset and an activation, not {', '.join(odd)}."
        )
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

    Ends when the estimated distance from the optimum is below ``tolerance`` standard errors. With ``progress`` each pass is
    shown, or told to a function. Ctrl-C ends the fit at the best parameters so far, and ``start`` goes on from the
    `Optimum.params` of an earlier fit. Raises ValueError where the model is no GLM or the data do not fit it.
    """
    family_and_link, dense, codes = read(model)
    rows = source(X, y, weights, offset)
    k = int(model.output_shape[-1])
    if codes:
        rows = rows.map(lambda batch: replace(batch, y=_indicators(batch.y, k)))
    with shown(rows.total) if progress is True else nullcontext((progress or None, None)) as (told, done):
        optimum = optimise(
            family_and_link,
            rows,
            dense.use_bias,
            shape=(int(dense.kernel.shape[0]), k),
            start=start,
            tolerance=tolerance,
            max_passes=max_passes,
            told=told,
            done=done,
        )
    params = optimum.params
    dense.set_weights([params.coef, params.intercept] if dense.use_bias else [params.coef])
    return optimum


def source(X: Any, y: Any, weights: Any = None, offset: Any = None) -> Rows:
    """The rows, of whatever kind: see `fit`."""
    if isinstance(y, str):
        return of_arrow(X, y, weights, offset)
    if y is None:
        if weights is not None or offset is not None:
            raise ValueError("a stream brings its weights and offset itself, in batches (x, y, weights) or ((X, offset), y).")
        return of_stream(X)
    return of_arrays(*(_sliced(column) for column in (X, y, weights, offset)))


def _sliced(column: Any) -> Any:
    """As it is if it is sliced like an array; a frame, a series or a list as an array."""
    if hasattr(column, "to_numpy"):
        return column.to_numpy()
    return column if column is None or hasattr(column, "shape") else np.asarray(column)


def _indicators(codes: np.ndarray, k: int) -> np.ndarray:
    """A column for each class, of one column of codes."""
    known = np.isin(codes, np.arange(k))
    if codes.shape[1] != 1 or not known.all():
        found = f"{codes.shape[1]} columns" if codes.shape[1] != 1 else f"the code {codes[~known][0]}"
        raise ValueError(f"the loss is sparse, so y is one column of the codes 0 to {k - 1}, but it has {found}.")
    return np.eye(k)[codes[:, 0].astype(int)]


def optimise(
    model: Model,
    rows: Rows,
    intercept: bool = True,
    *,
    shape: tuple[int, int] | None = None,
    start: Params | None = None,
    tolerance: float = 1e-6,
    max_passes: int = 50,
    told: Callable[[Pass], None] | None = None,
    done: Callable[[int], None] | None = None,
) -> Optimum:
    """
    The optimum of a model on rows: see `fit`.

    ``shape`` (p, k) is what the data must have. ``told`` hears of each pass, ``done`` how many rows of it are done.
    """
    task = _Task.of(model, rows, intercept, shape)
    settings: dict[str, Any] = {"kind": task.kind, "basis": task.basis}
    with _threads.limit(limits=1, user_api="blas"), ThreadPoolExecutor(passes.CORES) as pool:
        guess = None
        if start is not None:
            free = task.known.free(start)
        else:
            free = _null(task.known, task.basis)
            if rows.total is None or task.known.n <= rows.total / 3:
                guess = passes.climb(task.penalised_sample(), free, tolerance=0.1, max_passes=15, **settings)
                guess = guess if guess.converged else None
                free = guess.free if guess else free
        try:
            climbed = passes.climb(
                lambda at, wanted: task.sums(at, wanted, task.rows, pool, done or (lambda rows: None)),
                free,
                guess=guess,
                tolerance=tolerance,
                max_passes=max_passes,
                told=told or (lambda state: None),
                **settings,
            )
        except FloatingPointError as error:
            _find_what_is_not_finite(rows)
            raise ValueError(f"{error}: are columns of X very large? Standardise them.") from error
    steer, free = climbed.steer, climbed.free
    return Optimum(
        model=model,
        params=task.known.params(free),
        standard_errors=steer.standard_errors(climbed.dispersion) if steer else np.full(free.shape, np.inf),
        dispersion=climbed.dispersion,
        distance=climbed.distance,
        converged=climbed.converged,
        reason=climbed.reason,
        passes=climbed.passes,
        rows=climbed.sums.rows,
        _value=climbed.sums.value,
        _rows=rows,
    )


@dataclass(frozen=True, eq=False)
class _Task:
    """A model and rows made ready: a sample of the rows, a network compiled for batches of a size, and a basis of the columns."""

    known: Problem  # the sample
    rows: Rows
    size: int
    network: Network
    program: Callable[..., tuple[float, list[np.ndarray], list[np.ndarray]]]
    basis: np.ndarray
    ill_conditioned: bool

    @classmethod
    def of(cls, model: Model, rows: Rows, intercept: bool, shape: tuple[int, int] | None) -> _Task:
        first = rows.sample(1)
        p, k = first.X.shape[1], first.y.shape[1]
        if shape is not None and (p, k) != shape:
            raise ValueError(f"the model takes {shape[0]} columns to {shape[1]}, but X has {p} columns and y has {k}.")
        q, m = p + intercept, max(k - 1, 1)
        size = int(2 ** np.clip(np.floor(np.log2(CACHE / (8 * q * m))), 8, 14))
        if rows.total is not None and rows.total < size:
            size = max(64, 1 << (rows.total - 1).bit_length())
        sample = rows.sample(max(size, 20 * q * m))
        known = Problem.of("the data", model, sample.X, sample.y, intercept, weights=sample.weights, offset=sample.offset)
        try:
            design = known.design
        except ProblemError:
            _find_what_is_not_finite(rows)
            raise
        network, program = _network(known, size)
        with _threads.limit(limits=1, user_api="blas"):
            basis, ill_conditioned = _basis(design)
        return cls(known, rows.checked(partial(_check, model.family)), size, network, program, basis, ill_conditioned)

    @property
    def kind(self) -> Kind:
        model = self.known.model
        return Kind(model == Model(Gaussian(), Identity()), model.is_canonical, self.known.has_dispersion)

    def sums(
        self, free: np.ndarray, wanted: str, rows: Rows, pool: Executor | None, done: Callable[[int], None] = lambda rows: None
    ) -> Sums:
        """Over some rows, at free parameters; with the information that is wanted, of the columns that the basis makes."""
        known, basis, m = self.known, self.basis, self.known.free_outputs
        summing = basis if self.ill_conditioned or m > 1 else None  # columns of its own are cheaper
        rough = wanted == "rough" and m > 1  # where it costs most; of columns that are not the basis's, float32 might lose all
        self.network.params = known.params(free)

        def contribution(batch: Batch) -> Sums:
            full = batch.padded(self.size)
            inputs = full.X if full.offset is None else [full.X, full.offset]
            loss, (kernel, *bias), (pearson, about_eta) = self.program(inputs, full.y, full.weights)
            score = np.vstack([*bias, kernel])[:, known.k - m :]
            to_sums = -self.size / self.network.loss_scale
            with np.errstate(
                invalid="ignore", over="ignore"
            ):  # means at the ends of their domain have no information: see `Steer`
                found = None if wanted == "none" else passes.information(full.X, about_eta, known.intercept, summing, rough)
            return Sums(
                rows=len(batch),
                value=to_sums * loss,
                score=to_sums * score,
                information=found,
                pearson=float(pearson),
            )

        alone = rows.total is not None and rows.total <= self.size
        sums = passes.add_up(contribution, rows.batches(self.size), None if alone else pool, done)
        if sums.information is None or summing is not None:
            return sums
        with np.errstate(invalid="ignore"):
            return replace(sums, information=basis.T @ sums.information @ basis)

    def penalised_sample(self) -> Callable[[np.ndarray, str], Sums]:
        """
        Passes over the sample, as if the coefficient of a rare column had been seen once to be near 0.

        A sample may lack a level, or one of its outcomes.
        """
        data = self.known.data
        rows = of_arrays(data.X, data.y, data.weights, data.offset)
        there = (data.X != 0).sum(axis=0)
        squares = (data.X**2).sum(axis=0) / np.maximum(there, 1)
        rare = np.where(there == 0, 1.0, np.where(there < 100, squares, 0.0))
        prior = np.concatenate([np.zeros(int(self.known.intercept)), rare])[:, None]
        penalty = np.kron(np.eye(self.known.free_outputs), self.basis.T @ (prior * self.basis))

        def one_pass(free: np.ndarray, wanted: str) -> Sums:
            sums = self.sums(free, wanted, rows, None)
            return replace(
                sums,
                value=sums.value - float((prior * free**2).sum()) / 2,
                score=sums.score - prior * free,
                information=None if sums.information is None else sums.information + penalty,
            )

        return one_pass


# -- data that cannot be -------------------------------------------------------------------------------------------------------


def _check(family: Family, batch: Batch, first: int) -> None:
    """What costs little: X is looked through when something is not finite."""
    inside = family.response_domain.contains(batch.y).all(axis=1)
    if not inside.all():
        row = int(np.argmin(inside))
        raise ValueError(
            f"y is {', '.join(map(str, batch.y[row]))} in row {first + row}, outside the domain {family.response_domain} "
            f"of the {family} family. Drop the row, or use a family whose responses can have this value."
        )
    allowed = np.isfinite(batch.weights) & (batch.weights >= 0)
    if not allowed.all():
        row = int(np.argmin(allowed))
        raise ValueError(f"the weight in row {first + row} is {batch.weights[row]}; a weight is finite and at least 0.")


def _find_what_is_not_finite(rows: Rows) -> None:
    """Raise ValueError that says where, if something is not."""
    first = 0
    for batch in rows.read(2**14):
        for name, part in zip(NAMES, batch.parts):
            if part is not None and not np.isfinite(part).all():
                row = int(np.argmin(np.isfinite(part.reshape(len(part), -1)).all(axis=1)))
                raise ValueError(f"{name} is NaN or infinite in row {first + row}. Drop or impute such rows first.")
        first += len(batch)


# -- what is made once ---------------------------------------------------------------------------------------------------------


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
    """In which a sample's design is orthonormal, times the root of its rows; and whether sums in its own columns lose digits."""
    with np.errstate(over="ignore"):
        scale = np.sqrt((design**2).mean(axis=0))
    if not np.isfinite(scale).all():
        raise ValueError("columns of X are so large that their squares are infinite: standardise them first.")
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
