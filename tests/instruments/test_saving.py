"""A model with a link or a family of this specification is saved, loaded and cloned like any of Keras's own."""

import json
import pickle
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
import pyarrow
import pytest
from scipy import sparse

from spec.engines.keras.backend import BACKEND
from spec.engines.keras.network import BUILT_IN, InverseLink, NegativeLogLikelihood, activation
from spec.families import FAMILIES, Binomial, Family, Gamma, Gaussian, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.fit import fit
from spec.links import LINKS, Identity, Link, Log, NegativeBinomialLink, Power, Probit, Softmax, plain, restored
from spec.model import PAIRS, Model

OWN = (
    Model(NegativeBinomial(np.float64(0.3)), NegativeBinomialLink(0.3)),
    Model(Tweedie(1.2), Power(-0.2)),
    Model(Gamma(), Power(1 / 3)),
    Model(Poisson(), Power(2)),
    Model(Multinomial(), Softmax()),
)
MODELS = (*PAIRS, *OWN)
PARTS = (
    *LINKS,
    *FAMILIES,
    *dict.fromkeys(part for model in OWN[:4] for part in (model.link, model.family) if str(part)[-1] == ")"),
)


@dataclass(frozen=True)
class Doubled(Log):
    """A link of a user's own, with a parameter."""

    by: float = 2.0


class Plain(Gaussian):
    """A family of a user's own that is no dataclass."""


def compiled(model, loss, of_eta=False):
    """A model with weights inside the domain, compiled."""
    k = 3 if model.has_classes else 1
    last = None if of_eta else activation(model.link)
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(k, activation=last, name="dense")])
    sign = 1.0 if model.eta_domain.contains(0.5) else -1.0
    kernel = sign * np.random.default_rng(1).uniform(0.1, 0.3, (2, k))
    network.get_layer("dense").set_weights([kernel, np.full(k, sign * 0.1)])
    network.compile(optimizer=keras.optimizers.SGD(0.01), loss=loss)
    return network


def rows(model):
    X = np.random.default_rng(2).uniform(0.1, 0.9, (8, 2))
    return X, np.eye(3)[np.arange(8) % 3] if model.has_classes else np.tile([[0.0], [1.0]], (4, 1)) + (
        0 if model.family.response_domain.contains(0.0) else 0.5
    )


def computed(network, X):
    return BACKEND.numpy(network(BACKEND.tensor(X, "float32")))


def assert_same(one, other, model):
    """Weights, predictions and losses, to the last bit, and the optimizer."""
    X, y = rows(model)
    for first, second in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(computed(one, X), computed(other, X))
    assert np.isfinite(computed(one, X)).all()
    losses = [float(BACKEND.numpy(each.loss(BACKEND.tensor(y, "float32"), computed(each, X)))) for each in (one, other)]
    assert losses[0] == losses[1]
    assert np.isfinite(losses[0])
    assert one.optimizer.get_config() == other.optimizer.get_config()


class TestModels:
    @pytest.mark.parametrize("model", MODELS, ids=str)
    @pytest.mark.parametrize("of_eta", [False, True], ids=["of the mean", "of eta"])
    def test_a_saved_model_is_loaded_as_it_was(self, model, of_eta, tmp_path):
        """In safe mode, without custom objects; with its optimizer, its loss and the reduction of that."""
        loss = NegativeLogLikelihood(model.family, model.link if of_eta else None, reduction="sum", name="own")
        network = compiled(model, loss, of_eta)
        network.save(tmp_path / "m.keras")
        loaded = keras.saving.load_model(tmp_path / "m.keras")

        assert (loaded.loss.family, loaded.loss.link) == (loss.family, loss.link)
        assert (loaded.loss.reduction, loaded.loss.name) == ("sum", "own")
        assert_same(network, loaded, model)

    @pytest.mark.parametrize("model", MODELS, ids=str)
    def test_a_clone_and_a_model_of_the_configuration_compute_the_same(self, model):
        """From weights of their own, which are set."""
        network = compiled(model, NegativeLogLikelihood(model.family))
        X, _ = rows(model)
        for other in (keras.models.clone_model(network), keras.Sequential.from_config(network.get_config())):
            other.set_weights(network.get_weights())
            np.testing.assert_array_equal(computed(other, X), computed(network, X))

    def test_keras_own_losses_go_with_an_inverse_link(self, tmp_path):
        """As in a probit regression by binary cross-entropy."""
        model = Model(Binomial(), Probit())
        network = compiled(model, BUILT_IN[Binomial][0]())
        network.save(tmp_path / "m.keras")
        loaded = keras.saving.load_model(tmp_path / "m.keras")

        assert_same(network, loaded, model)
        X, y = rows(model)
        assert network.train_on_batch(X, y) == loaded.train_on_batch(X, y)
        assert_same(network, loaded, model)

    def test_a_link_of_a_user_is_loaded_where_it_is_defined(self, tmp_path):
        """By the name of its module too, so that no other takes its place."""
        layer = keras.layers.Dense(1, activation=InverseLink(Doubled(3.0)))
        keras.Sequential([keras.Input((2,)), layer]).save(tmp_path / "m.keras")
        loaded = keras.saving.load_model(tmp_path / "m.keras")

        assert loaded.layers[-1].activation.link == Doubled(3.0)

    def test_a_model_whose_link_is_unknown_is_not_loaded(self, tmp_path, monkeypatch):
        """And the error says what to import."""
        network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation=InverseLink(Probit()))])
        monkeypatch.setattr(InverseLink, "get_config", lambda self: {"link": {"name": "elsewhere.Own"}})
        network.save(tmp_path / "m.keras")

        with pytest.raises((TypeError, ValueError), match=r"no link called 'elsewhere\.Own': import the module"):
            keras.saving.load_model(tmp_path / "m.keras")


class TestPlainData:
    @pytest.mark.parametrize("part", PARTS, ids=str)
    def test_links_and_families_come_back_from_json(self, part):
        """With their parameters."""
        kind = Link if isinstance(part, Link) else Family
        data = json.loads(json.dumps(plain(part)))

        assert restored(kind, data) == part
        assert type(restored(kind, data)) is type(part)
        assert str(restored(kind, data)) == str(part)

    def test_own_kinds_have_the_name_of_their_module(self):
        """A user's Probit is not that of the specification."""
        assert plain(Doubled(3.0)) == {"name": f"{__name__}.Doubled", "by": 3.0}
        assert plain(Plain()) == {"name": f"{__name__}.Plain"}
        assert type(restored(Family, plain(Plain()))) is Plain

    @pytest.mark.parametrize(
        ("data", "says"),
        [
            (None, "no link can be made of None: expected its name"),
            ({"exponent": 2.0}, "expected its name and its parameters"),
            ({"name": "Gamma"}, "no link called 'Gamma'"),
            ({"name": "PowerLink"}, "no link called 'PowerLink'"),
            ({"name": "Power"}, "the link Power cannot be made of {'name': 'Power'}: .*exponent"),
            ({"name": "Power", "exponent": 0}, "a power link needs a finite exponent other than 0"),
            ({"name": "Identity", "exponent": 2}, "the link Identity cannot be made"),
        ],
    )
    def test_what_cannot_be_restored_is_said(self, data, says):
        """By its name, with what is known."""
        with pytest.raises(ValueError, match=says):
            restored(Link, data)

    def test_a_loss_saved_without_its_family_is_refused(self):
        """As earlier versions wrote it."""
        with pytest.raises(ValueError, match="no family can be made of None"):
            NegativeLogLikelihood.from_config({"name": "negative_log_likelihood", "reduction": "sum"})

    def test_a_loss_without_a_link_has_none(self):
        """It is a loss of the mean."""
        loss = NegativeLogLikelihood.from_config(NegativeLogLikelihood(Gaussian()).get_config())

        assert (loss.family, loss.link) == (Gaussian(), None)
        assert InverseLink.from_config(InverseLink(Identity()).get_config()).link == Identity()


# -- fits ----------------------------------------------------------------------------------------------------------------------

DATA = pd.DataFrame(np.random.default_rng(9).normal(size=(200, 2)), columns=["a", "b"])
DATA["y"] = np.random.default_rng(10).poisson(np.exp(0.3 * DATA.a))
A, Y = DATA[["a", "b"]], DATA["y"]


def counts(*inputs):
    layers = [keras.Input((width,), name=name) for name, width in inputs or (("X", 2),)]
    joined = layers[0] if len(layers) == 1 else keras.layers.Concatenate()(layers)
    model = keras.Model(layers, keras.layers.Dense(1, activation="exponential")(joined))
    model.compile(loss="poisson")
    return model


KEPT = {
    "arrays": lambda folder: fit(counts(), A.to_numpy(), Y.to_numpy()),
    "a frame": lambda folder: fit(counts(), A, Y),
    "names of columns": lambda folder: fit(counts(), DATA, "y"),
    "sparse": lambda folder: fit(counts(), sparse.csr_matrix(A.to_numpy()), Y),
    "several inputs": lambda folder: fit(counts(("a", 1), ("b", 1)), A, Y),
    "a table of pyarrow": lambda folder: fit(counts(), pyarrow.Table.from_pandas(DATA), "y"),
    "a file": lambda folder: fit(counts(), written(folder), "y"),
    "batches": lambda folder: fit(counts(), [(A.to_numpy()[rows::4], Y.to_numpy()[rows::4]) for rows in range(4)]),
    "a formula": lambda folder: fit(formula="y ~ a + b", data=DATA, family="poisson"),
    "a formula of a file": lambda folder: fit(formula="y ~ a + b", data=written(folder), family="poisson"),
}


def written(folder):
    DATA.to_parquet(folder / "data.parquet", index=False)
    return folder / "data.parquet"


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")  # of Keras, for a model that was never trained
@pytest.mark.parametrize("make", KEPT.values(), ids=KEPT)
def test_a_fit_can_be_pickled(make, tmp_path):
    """With its rows, so that it can still tell robust errors, the deviance and predictions."""
    found = make(tmp_path)
    again = pickle.loads(pickle.dumps(found))

    assert again.params.matrix.tolist() == found.params.matrix.tolist()
    assert again.robust("HC1").standard_errors.tolist() == found.robust("HC1").standard_errors.tolist()
    assert again.deviance == found.deviance
    assert again.predict(A).tolist() == found.predict(A).tolist()
