"""The loss of a compiled Keras model, as it was compiled: row by row, and summed."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from typing import Any

import numpy as np

from spec.compat import strict_zip
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.derivatives import Tensor
from spec.engines.keras.versions import cast, keras
from spec.fit.reading.leaves import NotRead

JOINED = 1e-4  # of its size, by which the loss of a batch may differ from that of its rows: a loss may compute in float32


def setting(loss: Any, name: str) -> Any:
    """A setting of a loss, such as from_logits; None where it has none. Keras 2 has some in the loss's config alone."""
    found = getattr(loss, name, None)
    if found is None and isinstance(loss, keras.losses.Loss):
        try:
            return loss.get_config().get(name)
        except NotImplementedError:
            return None
    return found


class OwnLoss:
    """
    A model's own loss. ``by_row`` says that it gives a number for each row; else it gives one for all rows of a batch.

    The outputs of a model may be ``flat``, (b,): then y has no last axis either, and Keras's own losses are the mean over rows.
    Raises ValueError where the model has none, or several.
    """

    def __init__(self, model: keras.Model) -> None:
        loss = getattr(model, "loss", None)
        if isinstance(loss, (dict, list, tuple)):
            several = list(loss.values() if isinstance(loss, dict) else loss)
            if len(several) != 1:
                raise NotRead(
                    f"the model has {len(several)} losses; fit takes a model of one output and one loss: fit each by itself."
                )
            (loss,) = several
        if loss is None:
            raise NotRead("the model has no loss: compile it first. The loss stands for the family.")
        try:
            self.loss: Any = keras.losses.get(loss)
        except ValueError as error:
            raise NotRead(f"unknown loss {loss!r}: give one of keras.losses, or a function of (y_true, y_pred).") from error
        self._own = self.loss.call if isinstance(self.loss, keras.losses.Loss) else self.loss
        self.flat = len(model.outputs[0].shape) == 1
        self.by_row, self.in_float32 = True, False
        wrong = [weight for weight in loss_weights(model) if not weight > 0]
        if wrong:
            raise NotRead(
                f"the model is compiled with loss_weights of {wrong[0]:g}, so Keras "
                f"{'does not train it' if wrong[0] == 0 else 'does not minimise its loss'}: compile it without loss_weights."
            )

    @property
    def name(self) -> str:
        """The name of the loss as Keras writes it in a string, or of the user's own function or class."""
        if type(self.loss).__module__.startswith(("keras.", "tf_keras.")):
            return str(self.loss.name)
        return getattr(self.loss, "__name__", type(self.loss).__name__)

    def _of_rows(self, y: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of rows in float64; of a loss that has parts in float32, as Keras trains in it, it is computed there."""
        if self.flat:
            y, y_pred = (part[:, 0] if len(part.shape) == 2 else part for part in (y, y_pred))
        if not self.in_float32:
            try:
                return cast(self._own(y, y_pred), "float64")
            except Exception as error:  # whatever a user's own loss raises
                with suppress(Exception):
                    found = self._own(cast(y, "float32"), cast(y_pred, "float32"))
                    self.in_float32 = True
                    return cast(found, "float64")
                raise error
        return cast(self._own(cast(y, "float32"), cast(y_pred, "float32")), "float64")

    def rows(self, y: np.ndarray, y_pred: Tensor) -> np.ndarray:
        """The losses (b,) of the rows, for y (b, k) and the outputs; if a loss takes a batch, each row is a batch."""
        y_true = BACKEND.tensor(y, "float64")
        if self.by_row:
            found = BACKEND.numpy(self._of_rows(y_true, y_pred))
            if found.ndim:
                return found.reshape(len(y), -1).mean(axis=1)
            self.by_row = False
        return np.array([BACKEND.numpy(self._of_rows(y_true[i : i + 1], y_pred[i : i + 1])) for i in range(len(y))], dtype=float)

    def refuse_own_weights(self, model: keras.Model, y: np.ndarray, outputs: np.ndarray) -> None:
        """
        Raise `NotRead` if the loss of the same y and outputs changes with the weights of the model.

        A penalty inside of the loss does that, which a twin of the model does not see.
        """
        dtype = str(getattr(model.outputs[0].dtype, "name", model.outputs[0].dtype))
        outputs = np.nan_to_num(outputs, nan=0.5)  # of weights that are NaN: a mean of every family
        data = [BACKEND.tensor(y, dtype), BACKEND.tensor(outputs, dtype)]
        try:
            reads = _reads(self._of_rows, data, list(model.trainable_variables))
        except Exception:  # whatever the user's own loss raises: the rungs that follow say so
            return
        if reads:
            raise NotRead(
                f"the loss {self.name} reads the model's own weights, not y and the outputs alone: if that is a penalty, give it "
                "to the layer, such as kernel_regularizer=keras.regularizers.L2(0.01)."
            )

    def refuse_joined_rows(self, y: np.ndarray, outputs: np.ndarray) -> None:
        """
        Raise `NotRead` where the loss of rows together is neither the mean nor the sum of what it is of two parts of them.

        Two parts may have nearly the same loss by chance, so there are several, and each row also has the outputs of another.
        """
        n = len(y)
        least = max(1, min(2, n // 2))  # of rows in a part: a loss may squeeze one row to a number
        cuts = sorted({2, n // 4, n // 2, 3 * n // 4} & set(range(least, n - least + 1)))
        for cut, mu in product(cuts, (outputs, np.roll(outputs, 1, axis=0))):
            parts = [self._of_batch(y[rows], mu[rows]) for rows in (slice(None), slice(cut), slice(cut, None))]
            if any(part is None for part in parts):
                continue
            whole, *apart = parts
            share = cut / n
            if whole.ndim > 1 and whole.shape[-1] == n and apart[0].shape[-1] == cut:
                raise NotRead(
                    f"the loss {self.name} gives {whole.shape[0]} x {n} numbers for {n} rows: it compares each row "
                    "with all others, as where (n,) meets (n, 1). Take both in one shape, such as y[:, 0] and outputs[:, 0]."
                )
            if whole.ndim:
                allowed = [np.concatenate(apart)]
            else:
                allowed = [np.array(share * apart[0] + (1 - share) * apart[1]), np.array(apart[0] + apart[1])]
            if any(_is_near(whole, one) for one in allowed):
                continue
            if not whole.ndim and _is_near(whole**2, np.array(share * apart[0] ** 2 + (1 - share) * apart[1] ** 2)):
                raise NotRead(
                    f"the loss {self.name} is the square root of a mean over the rows of a batch, which is no log-likelihood: "
                    "compile the mean itself, such as mse. Of all rows in one batch it has the same optimum."
                )
            raise NotRead(
                f"the loss {self.name} of a row depends on the other rows of its batch (a mean, a variance or a correlation of "
                "the batch, for example), so its rows have no likelihood of their own: let it return one number for each row, "
                "made of that row's y and outputs alone."
            )

    def _of_batch(self, y: np.ndarray, outputs: np.ndarray) -> Any:
        """The loss of some rows; None if it cannot be computed: the rungs that follow then say why."""
        with np.errstate(all="ignore"):
            try:
                return np.asarray(BACKEND.numpy(self._of_rows(*(BACKEND.tensor(part, "float64") for part in (y, outputs)))))
            except Exception:  # whatever the user's own loss raises
                return None

    def is_compiled_as_a_mean(self, model: keras.Model, y: np.ndarray, outputs: list[Tensor]) -> bool:
        """
        Whether the compiled loss is the mean of the rows' losses, and of their products with weights.

        In the two of the outputs in which most rows have a loss, and of these rows: an output may be outside the loss's domain.
        """
        # without the penalty of the model's present weights, which may be NaN
        of_batch = _compiled_loss(model)
        of_rows = [self.rows(y, one) for one in outputs]
        known = [np.isfinite(one) for one in of_rows]
        first, second = sorted(range(len(outputs)), key=lambda place: -known[place].sum())[:2]
        used = known[first] & known[second]
        y_true = BACKEND.tensor(y[used], "float32")
        made = [BACKEND.tensor(BACKEND.numpy(outputs[place])[used], "float32") for place in (first, second)]

        def compiled(weight: float) -> float:
            weights = BACKEND.tensor(np.full(len(y_true), weight), "float32")
            one, other = (np.ravel(BACKEND.numpy(of_batch(y_true, one, weights))) for one in made)
            return float(other[0] - one[0]) if one.size == 1 else np.nan  # a number for each row is no mean

        own = float((of_rows[second] - of_rows[first])[used].mean())
        return all(abs(compiled(weight) - weight * own) <= 1e-3 * abs(own) for weight in (1.0, 2.0))

    def total(self, y: Tensor, outputs: Tensor, weights: Tensor) -> Tensor:
        """The weighted sum of the rows' losses, as a tensor."""
        found = self._of_rows(y, outputs)
        if not self.by_row:
            return found * BACKEND.row_sums(weights)
        if len(found.shape) > 1:
            found = BACKEND.row_sums(found) / float(found.shape[-1])
        return BACKEND.row_sums(found * weights)


def _is_near(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether losses agree where both are finite; losses that are finite nowhere count as the same."""
    if one.shape != other.shape:
        return False
    known = np.isfinite(one) & np.isfinite(other)
    return bool((np.abs(one - other)[known] <= JOINED * (np.abs(one) + np.abs(other))[known]).all())


def _reads(loss: Any, data: list[Tensor], variables: list[Any]) -> bool:
    """Whether a function of data depends on variables too; these are not changed."""
    if not hasattr(keras, "StatelessScope"):  # Keras 2, on TensorFlow
        tensorflow: Any = BACKEND
        with tensorflow.tf.GradientTape() as tape:
            found = loss(*data)
        return any(one is not None for one in tape.gradient(found, variables))

    def at(weight: float) -> np.ndarray:
        values = [BACKEND.tensor(np.full(one.shape, weight), one.dtype) for one in variables]  # their own may be NaN
        with keras.StatelessScope(state_mapping=list(strict_zip(variables, values))):
            return np.asarray(BACKEND.numpy(loss(*data)))

    return not np.array_equal(at(0.5), at(1.5), equal_nan=True)


def _compiled_loss(model: keras.Model) -> Any:
    """The function of y, outputs and weights that Keras made of the losses."""
    return getattr(model, "_compile_loss", None) or model.compiled_loss


def loss_weights(model: keras.Model) -> list[float]:
    """The factors of the losses that the model was compiled with, if there are any."""
    given = getattr(_compiled_loss(model), "_user_loss_weights", None)
    return [] if given is None else np.ravel(list(given.values()) if isinstance(given, dict) else given).astype(float).tolist()
