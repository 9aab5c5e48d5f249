"""
Read which generalized linear model a compiled Keras model is: names propose, computing decides.

The model is held to a candidate by the first three rungs of this specification, on a few of the user's rows at random
weights: the same mean, the same objective but for a factor and terms free of the weights, the same gradient of the model's own
loss. What passes is that model, however it is written; what does not pass is refused with the rung that broke.
"""

from __future__ import annotations

import warnings
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from spec.engines.keras.versions import keras
from spec.fit.penalty import Penalty
from spec.fit.reading.asked import ask
from spec.fit.reading.built import LIBRARIES
from spec.fit.reading.graph import graph_of
from spec.fit.reading.leaves import NotRead, leaves
from spec.fit.reading.license import Candidate, license_model
from spec.fit.reading.linear import Linear, linear_of
from spec.fit.reading.loss import OwnLoss, loss_weights
from spec.fit.reading.objective import responses
from spec.fit.reading.reading import Reading
from spec.fit.reading.remade import DROPPED
from spec.fit.reading.twin import Twin
from spec.fit.reading.units import units_of
from spec.fit.rows import Batch

SHOWN = 64  # rows that the rungs are asked of
OWN = (*LIBRARIES, "spec")
EVERYWHERE = (  # activations and losses of Keras that are one function for all numbers
    *("linear", "sigmoid", "softmax", "softplus", "exponential", "exp"),
    *("meansquarederror", "poisson", "binarycrossentropy", "categoricalcrossentropy", "sparsecategoricalcrossentropy"),
)


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
