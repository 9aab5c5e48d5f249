"""What a compiled Keras model is, as it was read: its design, its family and link, and how a fit writes its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import count
from typing import Any

import numpy as np

from spec.domains import POSITIVE, REAL
from spec.fit.checks import refuse_not_finite
from spec.fit.penalty import Penalty
from spec.fit.reading.license import GRADIENT, Candidate
from spec.fit.reading.linear import Linear
from spec.fit.reading.loss import OwnLoss
from spec.fit.reading.twin import Twin
from spec.fit.reading.units import Units
from spec.fit.reading.weights import refuse_unheld, rounding, set_weights
from spec.fit.redundant import Made, made_of, there_of
from spec.fit.responses import indicators
from spec.fit.rows import Batch, Rows
from spec.model import Model, Params


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
