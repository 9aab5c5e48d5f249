"""Read off a compiled Keras model which generalized linear model it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spec.engines.keras.network import ACTIVATIONS, InverseLink, NegativeLogLikelihood
from spec.engines.keras.versions import keras
from spec.families import Binomial, Family, Gaussian, Multinomial, Poisson
from spec.links import Identity, Link, Logit, Softmax
from spec.model import Model

LINKS: dict[str, Link] = {name: link for link, name in ACTIVATIONS.items()}


FAMILIES: dict[str, Family] = {
    "MeanSquaredError": Gaussian(),
    "BinaryCrossentropy": Binomial(),
    "Poisson": Poisson(),
    "CategoricalCrossentropy": Multinomial(),
    "SparseCategoricalCrossentropy": Multinomial(),
}


def read(model: keras.Model) -> tuple[Model, keras.layers.Dense, bool]:
    """
    Return (model, dense, codes): the family and link of a compiled Keras model, its Dense layer, and whether labels are codes.

    Raises ValueError if the model is no generalized linear model, and says why.
    """
    layers = [layer for layer in model.layers if layer.weights]
    if len(layers) != 1 or not isinstance(layers[0], keras.layers.Dense):
        names = ", ".join(layer.name for layer in layers) or "none"
        raise ValueError(f"a generalized linear model has one layer with weights, a Dense; this model has: {names}.")
    (dense,) = layers
    if dense.kernel_regularizer or dense.bias_regularizer or dense.activity_regularizer:
        raise ValueError(
            f"{dense.name} has a penalty: its optimum is not the maximum-likelihood estimate. Leave the penalty out."
        )
    others = [layer for layer in model.layers if layer is not dense]
    plain = (keras.layers.InputLayer, keras.layers.Activation, keras.layers.Add)
    if odd := [layer.name for layer in others if not isinstance(layer, plain)]:
        raise ValueError(
            f"beside its Dense layer a generalized linear model has only an offset and an activation, not {', '.join(odd)}."
        )
    activations = [layer.activation for layer in (dense, *others) if hasattr(layer, "activation")]
    links = [link for link in map(_link, activations) if link != Identity()]
    if len(links) > 1:
        raise ValueError(
            f"a generalized linear model has one link; the activations of this model have several: {', '.join(map(str, links))}."
        )
    link = links[0] if links else Identity()
    family, codes = _family(model)
    if getattr(model.loss, "from_logits", False):
        if link != Identity():
            raise ValueError(f"the loss takes logits, but the activation inverts the {link} link: leave one of the two out.")
        link = Softmax() if isinstance(family, Multinomial) else Logit()
    return Model(family, link), dense, codes


def _link(activation: Callable[..., Any]) -> Link:
    """The link whose inverse an activation is. Raises ValueError if there is none."""
    if isinstance(activation, InverseLink):
        return activation.link
    if (name := getattr(activation, "__name__", str(activation))) in LINKS:
        return LINKS[name]
    raise ValueError(
        f"unknown activation {name!r}: expected {', '.join(LINKS)}, or spec.engines.keras.network.InverseLink(link) "
        "of a link in spec.links."
    )


def _family(model: keras.Model) -> tuple[Family, bool]:
    """Return (family, codes): the family of a model's loss, and whether its labels are codes."""
    loss = getattr(model, "loss", None)
    if loss is None:
        raise ValueError("the model has no loss: compile it first. The loss stands for the family.")
    if isinstance(loss, NegativeLogLikelihood):
        return loss.family, False
    name = type(keras.losses.get(loss)).__name__
    if name == "function":
        name = "".join(word.capitalize() for word in keras.losses.get(loss).__name__.split("_"))
    if name not in FAMILIES:
        raise ValueError(
            f"unknown loss {name!r}: expected {', '.join(FAMILIES)}, or spec.engines.keras.network.NegativeLogLikelihood(family) "
            "of a family in spec.families."
        )
    if getattr(loss, "label_smoothing", 0):
        raise ValueError("label_smoothing changes the targets: compile the loss without it.")
    return FAMILIES[name], name.startswith("Sparse")
