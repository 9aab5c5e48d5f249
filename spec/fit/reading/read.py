"""
Read which generalized linear model a compiled Keras model is: names propose, computing decides.

The model is held to a candidate by the first three rungs of this specification, on a few of the user's rows at random
weights: the same mean, the same objective but for a factor and terms free of the weights, the same gradient of the model's own
loss. What passes is that model, however it is written; what does not pass is refused with the rung that broke.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from spec.domains import POSITIVE, REAL
from spec.engines.keras.versions import keras
from spec.fit.checks import refuse_not_finite
from spec.fit.inputs import Input
from spec.fit.penalty import Penalty
from spec.fit.reading.asked import ask
from spec.fit.reading.graph import graph_of, is_text
from spec.fit.reading.leaves import NotRead, leaves
from spec.fit.reading.license import GRADIENT, Candidate, license_model
from spec.fit.reading.linear import Linear, linear_of
from spec.fit.reading.loss import OwnLoss, loss_weights
from spec.fit.reading.objective import responses
from spec.fit.reading.twin import DROPPED, Twin, inputs_of
from spec.fit.reading.units import Units, units_of
from spec.fit.reading.weights import refuse_unheld, rounding, set_weights
from spec.fit.redundant import Made, made_of, there_of
from spec.fit.responses import indicators
from spec.fit.rows import Batch, Rows
from spec.model import Model, Params

SHOWN = 64  # rows that the rungs are asked of
LIBRARIES = ("keras", "tensorflow", "tf_keras", "builtins")
OWN = (*LIBRARIES, "spec")
EVERYWHERE = (  # activations and losses of Keras that are one function for all numbers
    *("linear", "sigmoid", "softmax", "softplus", "exponential", "exp"),
    *("meansquarederror", "poisson", "binarycrossentropy", "categoricalcrossentropy", "sparsecategoricalcrossentropy"),
)


@dataclass(frozen=True, eq=False)
class Reading:
    """
    What a compiled Keras model is: a family and a link, of the design that its ``linear`` part makes.

    eta is ``factor`` times the output of the linear part, plus the model's own offset, plus a ``constant`` (k,) that later layers
    add, which is part of the intercept. ``codes`` says that y is one column of the classes' codes; ``several`` that each output
    is a model of its own; ``plain`` that the design is the data themselves. ``known`` says that activation and loss are one
    formula for all inputs, so what was checked near 0 holds everywhere. ``units`` is the map from the data to the inputs of the
    Dense layers. Where columns were left out, ``whole`` is the reading with them, and ``made`` says how the others make them.
    """

    model: Model
    linear: Linear
    twin: Twin
    loss: OwnLoss
    candidate: Candidate
    plain: bool
    known: bool
    penalty: Penalty
    units: Units | None
    constant: np.ndarray
    whole: Reading | None = None
    made: Made | None = None

    @property
    def outputs(self) -> int:
        return self.linear.units

    @property
    def codes(self) -> bool:
        return self.candidate.codes

    @property
    def has_offset(self) -> bool:
        """Whether the model may have an offset of its own: one of several inputs may be zero on the rows that were shown."""
        return len(self.twin.inputs) > 1 or not self.candidate.is_free_of_offset

    @cached_property
    def caveats(self) -> tuple[str, ...]:
        """Sentences on optima that a fit may miss: of a likelihood that is not concave, or where eta is outside its domain."""
        found = []
        if not self.model.is_log_concave:
            found.append(
                f"The log-likelihood of {self.model} need not be concave: it may have a higher optimum elsewhere, which another "
                "start= may reach."
            )
        if self.has_means_beyond:
            found.append(
                f"The {self.model.link} link has eta in {self.model.eta_domain}, and so has this fit. The network has means for "
                "other eta too: with such, its loss may be lower."
            )
        return tuple(found)

    @property
    def has_means_beyond(self) -> bool:
        """Whether the outputs are means of the family where eta is outside the link's domain, as the square of -1 is."""
        domain = self.model.link.eta_domain
        if domain == REAL:
            return False
        twin = self.twin.with_linear(Linear.of(self.twin.linear.layers))  # of all levels: the row may have any
        row = np.ones((1, sum(one.width or 0 for one in twin.inputs)))
        features, eta = twin(row).features[0], -8.0 if domain == POSITIVE else 8.0
        kernel = np.outer(features, np.full(self.outputs, eta / self.candidate.factor)) / max(features @ features, 1e-300)
        with twin.at(kernel, -self.constant / self.candidate.factor):
            outputs = twin(row).outputs
        return bool(self.model.family.mu_domain.contains(outputs).all())

    @property
    def several(self) -> bool:
        return self.outputs > 1 and not self.model.has_classes

    @property
    def features(self) -> Callable[[Batch], Batch]:
        """A function that puts the design of the linear part in place of X, and adds the model's own offset."""
        return _same if self.plain else Features(self.twin, self.candidate, self.has_offset)

    def rows(self, given: Rows) -> Rows:
        """The rows of a fit with the design of the linear part. They raise ValueError for a number that is none: `Finite`."""
        if self.plain:
            return given
        names = self.columns(given.columns)
        own = given.columns or tuple(f"x{j}" for j in range(1, 1 + sum(one.width or 0 for one in self.twin.inputs)))
        return replace(given.map_numbered(Finite(self.features, own, names)), columns=names)

    def other_rows(self, rows: Rows, names: Sequence[str]) -> Rows:
        """
        Other rows with the design of the linear part. They raise ValueError where the fit tells no mean of a row: `Made.taken`.

        ``names`` are those of the fit's data.
        """
        if self.whole is None or self.made is None:
            return rows.map(self.features)
        return rows.map(self.whole.features).map_numbered(partial(self.made.taken, names=self.whole.columns(names)))

    def columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """Names for the columns of the design: of the data, if each is made of one column; of a factor's levels."""
        return self.linear.names(self._features_named(names))

    def told(self, names: Sequence[str]) -> tuple[str, ...]:
        """Sentences on the columns of the design without a coefficient, by their names; ``names`` are those of the data."""
        absent = self.linear.absent(self._features_named(names))
        found = [_of_absent(absent, of_data=self.units is not None and self.units.is_same)] if absent else []
        if self.whole is not None and self.made is not None:
            made, of_data = np.array(self.whole.columns(names), dtype=object), self.whole.is_of_data
            for of in (True, False):
                if some := made[~self.made.free & (of_data == of)].tolist():
                    found.insert(0, _of_made(some, of_data=of))
        return tuple(found)

    def _features_named(self, names: Sequence[str]) -> Iterable[str]:
        """Names for the inputs of the Dense layers, of all of them one after another."""
        return (f"feature {j}" for j in count(1)) if self.units is None else self.units.columns(names)

    def of_data(self, names: Sequence[str]) -> tuple[Any, ...] | None:
        """
        (matrix, shift, names) of the data's columns that the features are made of.

        None where the features are the data; empty where what makes them is no affine map, as where there are factors.
        """
        if self.plain:
            return None
        if self.units is None or self.linear.has_factors or not self.units.affine.all():
            return ()
        free = self.linear.free_inputs
        used = np.flatnonzero(self.units.matrix[:, free].any(axis=1))
        known = list(names) or [f"x{j}" for j in range(1, len(self.units.matrix) + 1)]
        return self.units.matrix[np.ix_(used, free)], self.units.shift[free], tuple(known[j] for j in used)

    def write(self, params: Params) -> None:
        """Set the weights of the user's model to a fit's. Raises ValueError if its precision has no such numbers."""
        weights = self.linear.weights(*self._weights(params))
        for layer, own in zip(self.linear.layers, weights):
            refuse_unheld(layer, own)
        for layer, own in zip(self.linear.layers, weights):
            set_weights(layer, own)

    def rounding(self, params: Params, rows: Batch) -> str | None:
        """The remark if the model's own precision takes the means of some rows far from the means of the fit."""
        return rounding(self.linear.layers, self.model, params, self.features(rows))

    def _weights(self, params: Params) -> tuple[np.ndarray, np.ndarray]:
        return params.coef / self.candidate.factor, (params.intercept - self.constant) / self.candidate.factor

    def settled(self, given: Rows, drop_redundant: bool = False) -> Reading:
        """
        This reading without redundant columns: see `spec.fit.redundant`.

        Columns that the model's own layers make are always left out. Columns of the data that other columns of the data make are
        left out if ``drop_redundant``.
        """
        if self.plain and not drop_redundant:
            return self
        units = Units.same(self.linear.width) if self.plain else self.units
        found = replace(self, plain=False, units=units)
        there = there_of(given.map(found.features))
        found = found._with_columns(there, there)
        if not self.penalty:  # which tells the coefficients of all columns
            made = made_of(given.map(found.features), self.linear.use_bias, as_r=found.is_of_data)
            if not drop_redundant:
                made = made.only(~(found.is_of_data & made.made_of(found.is_of_data)))
            if not made.free.all():
                found = replace(found._with_columns(np.ones(len(made.free), dtype=bool), made.free), whole=found, made=made)
        return self if found.linear.width == self.linear.width else found

    @property
    def is_of_data(self) -> np.ndarray:
        """Which columns (p,) of the design are a column of the data each, in whatever units."""
        found = self.linear.is_of_data
        if self.units is None:  # nothing tells it
            return np.zeros_like(found)
        found[found] = self.units.column_of[self.linear.free_inputs[found]] >= 0
        return found

    def _with_columns(self, there: np.ndarray, free: np.ndarray) -> Reading:
        smaller = partial(Linear.with_columns, there=there, free=free)
        return replace(self, linear=smaller(self.linear), twin=self.twin.with_linear(smaller(self.twin.linear)))

    def departure(self, params: Params, given: Rows) -> str | None:
        """
        Where back-propagation through the model's own loss gives another gradient than the likelihood on the rows given.

        The likelihood's vanishes at the optimum, and so the model's own does where they agree. It is asked of all rows, unless
        every part of the model is ``known``: then the rungs have shown it.
        """
        if self.known:
            return None
        candidate, k = self.candidate, self.outputs
        kernel, bias = self._weights(params)
        self.twin.set(np.zeros_like(kernel), -self.constant / candidate.factor)
        own = expected = size = np.zeros((len(kernel) + self.linear.use_bias, k))
        for batch in given.read():
            here = self.features(replace(batch, offset=None))
            y = indicators(batch.y, k) if self.codes else batch.y
            score = candidate.score(y, here.eta(params), batch.weights[:, None])
            design = here.design(self.linear.use_bias)
            expected = expected + candidate.slope(design, score)
            size = size + np.abs(candidate.slope(np.abs(design), np.abs(score)))
            with self.twin.at(kernel, bias):
                own = own + self.twin.gradient(self.loss.total, batch.X, batch.y, batch.weights)
        wrong = ~(np.abs(own - expected) <= GRADIENT * size)
        if not wrong.any():
            return None
        worst = np.unravel_index(
            np.argmax(np.where(size > 0, np.abs(own - expected) / np.where(size > 0, size, 1), 0)), size.shape
        )
        return (
            f"at the likelihood's optimum back-propagation through the model's own loss gives a slope of {own[worst]:.3g}, not "
            "0: on some rows the model is not what it was on those that it was read on."
        )


@dataclass(frozen=True, eq=False)
class Features:
    """`Reading.features`, in any process."""

    twin: Twin
    candidate: Candidate
    has_offset: bool

    def __call__(self, batch: Batch) -> Batch:
        seen = self.twin(batch.X)
        offset = batch.offset
        if self.has_offset:
            own = self.candidate.offset(seen)
            offset = own if offset is None else own + offset
        return replace(batch, X=np.ascontiguousarray(seen.features, dtype=float), offset=offset)


@dataclass(frozen=True, eq=False)
class Finite:
    """
    `Features` of the rows of a fit. Raises ValueError for the first number that is none, in the data or of what layers make.

    ``data`` are names for the columns of the data, ``made`` for those of the features.
    """

    features: Callable[[Batch], Batch]
    data: tuple[str, ...]
    made: tuple[str, ...]

    def __call__(self, batch: Batch, first: int) -> Batch:
        here = self.features(batch)
        refuse_not_finite(batch, here, first, self.data, self.made)
        return here


def _same(batch: Batch) -> Batch:
    return batch


def read(model: keras.Model, sample: Batch) -> Reading:
    """
    Read a compiled model that is built. Raises ValueError if it is no generalized linear model, and says why.

    A model of Keras's own parts alone is read once, until it is compiled anew or a layer of it is changed.
    """
    parts = _parts(model, sample)
    if model in _readings and _readings[model][0] == parts:
        return _readings[model][1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Keras has to say of a model it says in training
        reading = _read(model, sample)
    if reading.known and not reading.penalty:
        _readings[model] = parts, reading
    return reading


_readings: WeakKeyDictionary[keras.Model, tuple[list[Any], Reading]] = WeakKeyDictionary()


def _parts(model: keras.Model, sample: Batch) -> list[Any]:
    """The parts of a model of Keras's own layers that its reading depends on."""
    layers = [[getattr(layer, name, None) for name in ("trainable", "activation", *DROPPED)] for layer in leaves(model)]
    variables = [(id(one), getattr(one, "trainable", False)) for one in model.variables]  # a layer may replace or freeze one
    return [model.loss, loss_weights(model), sample.X.shape[1], sample.y.shape[1], variables, *layers]


NAMED = 5  # names of a sentence


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _of_made(names: Sequence[str], of_data: bool) -> str:
    s, they = ("s", "they are") if len(names) > 1 else ("", "it is")
    like = "where R's glm says NA" if of_data else "as of a reference level"
    return f"Nothing tells the coefficient{s} of {_named(names)} from those of the other columns: {they} 0, {like}."


def _of_absent(names: Sequence[str], of_data: bool) -> str:
    are, so = ("are", "their coefficients are") if len(names) > 1 else ("is", "its coefficient is")
    if of_data:
        return f"{_named(names)} {are} 0 in each row: {so} 0."
    return f"What the layers make of {_named(names)} is 0 in each row: {so} 0."


LARGEST = 1e150  # of y: squares of larger numbers, and of the inverse of larger ones, are no numbers of float64


def _check_size(y: np.ndarray) -> None:
    size = np.abs(y[np.isfinite(y)]).max(initial=0.0)
    if size and not 1 / LARGEST < size < LARGEST:
        beyond = "infinite" if size > 1 else "0"
        raise ValueError(f"y is of the size {size:.0e}, whose square is {beyond} in float64: give y in other units.")


def _read(model: keras.Model, sample: Batch) -> Reading:
    _check_size(sample.y)
    loss = OwnLoss(model)
    linear = linear_of(model)
    twin = Twin(model, linear)
    rows = _spread(sample)
    if odd := twin.acts_in_training(rows.X):
        raise NotRead(
            f"{', '.join(odd)} computes otherwise in training than in prediction, so no likelihood is maximised: leave it out."
        )
    if twin.added_losses():
        raise NotRead("a layer adds a loss of its own (add_loss), which is no part of a likelihood: leave it out.")
    if not _is_known(loss.loss):
        outputs = twin(rows.X).outputs
        loss.refuse_own_weights(model, rows.y, outputs)
        loss.refuse_joined_rows(rows.y, outputs)
    candidate = license_model(twin, loss, rows, _proposed(model, loss))
    penalty = _penalty(model, loss, linear, twin, rows, candidate)
    twin.set(np.zeros((linear.width, linear.units)), np.zeros(linear.units))
    constant = np.zeros(linear.units)  # with a penalty on the bias, which is on the bias without it
    is_free = linear.use_bias and not (penalty.bias_l1 or penalty.bias_l2)
    if is_free and not candidate.is_free_of_offset and not graph_of(model).reaches_inputs(without=linear.layers):
        constant = _constant(candidate.offset(twin(rows.X)))
        twin.set(np.zeros((linear.width, linear.units)), -constant / candidate.factor)
    plain = candidate.is_free_of_offset and _is_plain(model, linear)
    return Reading(
        model=candidate.model,
        linear=linear,
        twin=twin,
        loss=loss,
        candidate=candidate,
        plain=plain,
        known=plain and all(map(_is_known, _proposed(model, loss))),
        penalty=penalty,
        units=None if plain else units_of(twin, rows.X),
        constant=constant,
    )


def _constant(offset: np.ndarray) -> np.ndarray:
    """What an offset (b, k) that is made of no input is in all rows, (k,); 0 where it has no value."""
    is_same = np.isfinite(offset).all() and (np.ptp(offset, axis=0) <= 1e-12 * np.abs(offset).max(axis=0)).all()
    return offset[0] if is_same else np.zeros(offset.shape[1])


def _spread(sample: Batch) -> Batch:
    """A few rows from all over the sample: data are often sorted, and the first rows alike."""
    if len(sample) <= SHOWN:
        return sample
    places = np.linspace(0, len(sample) - 1, SHOWN).astype(int)
    return sample.each(lambda part: part[places])


def _is_known(part: Any) -> bool:
    """
    Whether an activation or a loss is one formula for all numbers: this specification's own, and some of Keras's.

    A hard sigmoid is the identity up to |eta| = 3, and a Huber loss a squared error up to its delta.
    """
    written = (getattr(part, "__module__", None) or type(part).__module__).split(".")[0]
    name = getattr(part, "__name__", type(part).__name__).lower().replace("_", "")
    return part is None or (written in OWN and (written not in LIBRARIES or name in EVERYWHERE))


def build(model: keras.Model, X: Any, given: Callable[[], Rows]) -> tuple[Input, ...]:
    """The inputs of a model, which is built of the shape of X where it is not built yet. A subclass is refused."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"the first argument is a {type(model).__name__}: give a compiled Keras model, then X and y.")
    if is_subclass(model):
        raise NotRead(
            f"{type(model).__name__} is a subclass with code of its own (call, train_step or compute_loss), which cannot be "
            "read: write the model as keras.Sequential, or as keras.Model(inputs, outputs)."
        )
    if len(getattr(model, "outputs", None) or [0]) > 1:
        raise NotRead(
            f"the model has {len(model.outputs)} outputs: fit takes a model of one. Fit each by itself, as "
            "keras.Model(inputs, output)."
        )
    _refuse_text(model)
    if not model.built or not model.inputs:
        if isinstance(next(leaves(model), None), keras.layers.StringLookup):
            raise NotRead("the model is not built, and takes text: begin it with keras.Input((1,), dtype='string').")
        model.build((None, *(_shape(X) or (given().sample(1).X.shape[1],))))
    return inputs_of(model)


def _refuse_text(model: keras.Model) -> None:
    """Raise NotRead where a model does more with text than to look it up."""
    if not any(is_text(one) for one in getattr(model, "inputs", None) or ()):
        return
    for call in graph_of(model).all():
        one = call.operation
        is_lookup = isinstance(one, keras.layers.StringLookup)
        if any(is_text(part.tensor) for part in call.given) and not (is_lookup and one.num_oov_indices < 2):
            does = f"tells {one.num_oov_indices} kinds of unknown texts apart" if is_lookup else f"is a {type(one).__name__}"
            raise NotRead(
                f"the layer {one.name} takes text, and {does}: fit reads text that a StringLookup with at most one index for "
                "unknown texts looks up. Apply the layer to the data first, and fit a model of what it gives."
            )


def _shape(X: Any) -> tuple[int, ...]:
    """The shape of a row, if it has more than one dimension: of arrays and lists, and of the first batch of a stream."""
    if hasattr(X, "element_spec"):
        X = next(iter(X))[0]
    elif hasattr(X, "num_batches") or (isinstance(X, (list, tuple)) and X and isinstance(X[0], tuple)):
        X = X[0][0]
    try:
        shape = tuple(X.shape) if hasattr(X, "shape") else np.shape(X)
    except ValueError:  # rows of several lengths
        return ()
    return shape[1:] if len(shape) > 2 else ()


def is_subclass(model: keras.Model) -> bool:
    """Whether the model computes or trains by code of its user's, which no configuration tells."""
    own = [kind for kind in type(model).__mro__ if kind.__module__.split(".")[0] not in LIBRARIES]
    return any(name in vars(kind) for kind in own for name in ("call", "train_step", "compute_loss"))


def _proposed(model: keras.Model, loss: OwnLoss) -> list[Any]:
    """The activations and losses that the model's own layers and loss name."""
    return [getattr(layer, "activation", None) for layer in leaves(model)] + [loss.loss]


def _is_plain(model: keras.Model, linear: Linear) -> bool:
    """Whether the design is the model's only input: that goes to its one Dense layer, which only activations follow."""
    dense, *more = linear.layers
    if more or linear.has_factors:
        return False
    operations = [one for one in getattr(model, "operations", model.layers) if not isinstance(one, keras.layers.InputLayer)]
    others = [one for one in operations if one is not dense and type(one) is not keras.layers.Activation]
    return not others and len(model.inputs) == 1 and len(model.inputs[0].shape) == 2 and operations[0] is dense


def _penalty(model: keras.Model, loss: OwnLoss, linear: Linear, twin: Twin, rows: Batch, candidate: Candidate) -> Penalty:
    """The penalty of the linear part, in the units of the weights of eta. Raises `NotRead` where its parts have several."""
    parts = {}
    for of in ("kernel", "bias"):
        l1, l2 = linear.penalties(of)
        parts.update({f"{of}_l1": l1 / candidate.factor, f"{of}_l2": l2 / candidate.factor**2})
    penalty = Penalty(**parts, scale=candidate.scale)
    if not penalty:
        return penalty
    y, *_ = next(responses(candidate.model, rows, linear.units, np.random.default_rng(3)))
    if not loss.is_compiled_as_a_mean(model, y, [one.seen.tensor for one in ask(twin, rows.X)]):
        raise NotRead(
            "the compiled loss is not the plain mean of the rows' losses (its reduction, or loss_weights), so what the penalty "
            "weighs depends on the batch: compile it with the default reduction and no loss_weights, and scale the penalty."
        )
    return penalty
