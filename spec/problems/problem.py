"""A problem: data and a model, the question that every engine is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

import numpy as np

from spec.model import Model, Params


class ProblemError(ValueError):
    """The data are not a problem: says what is wrong, in which rows or columns, and what to do about it."""


class NotInstalled(Exception):
    """The data of a problem come with a library that is not installed: claims about them are declined."""


@dataclass(frozen=True, eq=False)
class Data:
    """
    What an engine is given, and what its maker knows of the answer.

    ``X`` (n, p) explanatory variables, without a column for the intercept; ``y`` (n, k) response, one column for each
    output neuron; ``offset`` (n, k) added to eta; ``weights`` (n,) prior weights; ``trials`` (n,) for shares of counts.
    ``columns`` names those of X, ``outputs`` those of y. ``planted`` are the parameters that generated y; ``exact`` the optimum
    in closed form.
    """

    X: np.ndarray
    y: np.ndarray
    offset: np.ndarray | None = None
    weights: np.ndarray | None = None
    trials: np.ndarray | None = None
    columns: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    planted: Params | None = None
    exact: Params | None = None

    def __post_init__(self) -> None:
        for name in ("X", "y", "offset", "weights", "trials"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _numbers(name, value))
        if not self.columns and self.X.ndim == 2:
            object.__setattr__(self, "columns", tuple(f"x{j}" for j in range(1, self.X.shape[1] + 1)))
        if not self.outputs and self.y.ndim == 2:
            object.__setattr__(self, "outputs", ("y",) if self.y.shape[1] == 1 else tuple(map(str, range(self.y.shape[1]))))


@dataclass(frozen=True)
class Published:
    """
    An answer in print: decimal strings, so that it is known how many digits were printed.

    A row for each parameter (the intercept first, where there is one), a column for each free output neuron.
    ``true_statistics`` are other numbers about the fit, by their names in `spec.inference.Inference`. ``departures`` says of each
    printed number that is not the optimum's, to the last digit printed, by how much and why; the tables called true are the
    printed ones with those replaced by the optimum's.
    """

    coefficients: tuple[tuple[str, ...], ...]
    standard_errors: tuple[tuple[str, ...], ...] = ()
    source: str = ""
    departures: tuple[str, ...] = ()
    true_coefficients: tuple[tuple[str, ...], ...] = ()
    true_standard_errors: tuple[tuple[str, ...], ...] = ()
    true_statistics: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.true_coefficients:
            object.__setattr__(self, "true_coefficients", self.coefficients)
        if not self.true_standard_errors:
            object.__setattr__(self, "true_standard_errors", self.standard_errors)


@dataclass(frozen=True, eq=False)
class Problem:
    """
    A name, a model, and data that are loaded when first asked for (so that listing problems costs nothing).

    ``kind`` is "by-hand", "by-construction", "published" or "given"; ``condition`` that of [1 X], where stated;
    ``quasi`` asks of the family no more than its mean and its variance up to a factor: the response may lie wherever the
    kernel is defined (rates in place of counts), and the dispersion is estimated whatever the family. ``about`` says in a
    line what the problem is and where it comes from. Raises ProblemError at first use where data are unfit.
    """

    name: str
    model: Model
    load: Callable[[], Data]
    kind: str = "given"
    intercept: bool = True
    quasi: bool = False
    condition: float | None = None
    published: Published | None = None
    about: str = ""
    tags: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        object.__setattr__(self, "load", cache(self.load))  # once, also for a problem made of this one by `replace`

    @classmethod
    def of(cls, name: str, model: Model, X: Any, y: Any, intercept: bool = True, **data: Any) -> Problem:
        """
        A problem made of arrays; the keywords are those of `Data`.

        >>> from spec.families import Poisson
        >>> from spec.links import Log
        >>> problem = Problem.of("visits", Model(Poisson(), Log()), X=[[0.0], [1.0]], y=[[2.0], [3.0]])
        >>> problem.n, problem.p, problem.q
        (2, 1, 2)
        """
        loaded = Data(X, y, **data)
        return cls(name, model, lambda: loaded, intercept=intercept)

    def with_data(self, what: str = "", **parts: Any) -> Problem:
        """
        The problem with other ``parts`` of its data, each a value or a function of the data as they were; loaded when asked for.

        ``what`` is added to the name. The planted and the exact answer are dropped unless they are named too, and so are the
        names of the columns where X or y is another.
        """

        def load() -> Data:
            other = {name: part(self.data) if callable(part) else part for name, part in parts.items()}
            named = {"X": "columns", "y": "outputs"}
            dropped: dict[str, Any] = {"planted": None, "exact": None, **{name: () for of, name in named.items() if of in parts}}
            return replace(self.data, **{**dropped, **other})

        return replace(self, name=f"{self.name}, {what}" if what else self.name, load=load)

    @cached_property
    def data(self) -> Data:
        data = self.load()
        _check(self, data)
        return data

    @property
    def X(self) -> np.ndarray:
        return self.data.X

    @property
    def y(self) -> np.ndarray:
        return self.data.y

    @property
    def offset(self) -> np.ndarray | None:
        return self.data.offset

    @property
    def n(self) -> int:
        """Rows."""
        return self.X.shape[0]

    @property
    def p(self) -> int:
        """Columns of X: input neurons."""
        return self.X.shape[1]

    @property
    def k(self) -> int:
        """Output neurons: 1, or the number of classes."""
        return self.y.shape[1]

    @property
    def free_outputs(self) -> int:
        """Columns of the identified parameters: classes less one, or 1."""
        return max(self.k - 1, 1)

    @property
    def freedom(self) -> int:
        """The degrees of freedom that the fit leaves, (n - q) for each free output."""
        return (self.n - self.q) * self.free_outputs

    @property
    def has_dispersion(self) -> bool:
        """True where the variance has a factor phi to be estimated; else phi is 1."""
        return self.quasi or self.model.family.has_dispersion

    @cached_property
    def design(self) -> np.ndarray:
        """[1 X], (n, q): the matrix whose product with the free parameters is eta less the offset."""
        return np.hstack([np.ones((self.n, 1)), self.X]) if self.intercept else self.X

    @property
    def q(self) -> int:
        """Columns of the design."""
        return self.p + self.intercept

    @cached_property
    def trials(self) -> np.ndarray:
        """(n, 1), ones where the response has no trials."""
        return np.ones((self.n, 1)) if self.data.trials is None else self.data.trials[:, None]

    @cached_property
    def row_weights(self) -> np.ndarray:
        """(n, 1), what multiplies a row's kernel: prior weight times trials."""
        return self.trials if self.data.weights is None else self.trials * self.data.weights[:, None]

    @cached_property
    def free_offset(self) -> np.ndarray:
        """The offset of the free outputs, (n, free_outputs): less that of class 0, and zeros where there is none."""
        if self.offset is None:
            return np.zeros((self.n, self.free_outputs))
        return self.offset[:, 1:] - self.offset[:, :1] if self.k > 1 else self.offset

    def free(self, params: Params) -> np.ndarray:
        """The identified parameters as a matrix (q, free_outputs): minus class 0, the intercepts first if there are any."""
        matrix = params.contrast().matrix
        return matrix[0 if self.intercept else 1 :, self.k - self.free_outputs :]

    def params(self, free: np.ndarray) -> Params:
        """The inverse of `free`: class 0 gets zeros, and so do the intercepts of a problem without any."""
        full = np.zeros((1 + self.p, self.k))
        full[0 if self.intercept else 1 :, self.k - self.free_outputs :] = free
        return Params.from_matrix(full)

    def eta(self, params: Params) -> np.ndarray:
        """The linear predictor with the offset, (n, k)."""
        eta = params.linear_predictor(self.X)
        return eta if self.offset is None else eta + self.offset

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Problem({self.name!r}, {self.model})"


def _numbers(name: str, value: Any) -> np.ndarray:
    try:
        array = np.array(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise ProblemError(f"{name} is not numeric: {error}. Encode categories as columns of numbers first.") from error
    array.flags.writeable = False  # problems are shared by all claims: no engine may change them
    return array


def _check(problem: Problem, data: Data) -> None:
    """Raise ProblemError for the first thing wrong: shapes, then NaN, then domains."""
    says = f"{problem.name}: "
    if data.X.ndim != 2 or data.y.ndim != 2:
        raise ProblemError(
            f"{says}X {data.X.shape} and y {data.y.shape} must have two axes, (n, p) and (n, k); use y[:, None] for one output."
        )
    n, k = data.y.shape
    shapes = {"X": (n, data.X.shape[1]), "offset": (n, k), "weights": (n,), "trials": (n,)}
    for name, shape in shapes.items():
        value = getattr(data, name)
        if value is not None and value.shape != shape:
            raise ProblemError(f"{says}{name} has shape {value.shape}, but y has {n} rows and {k} columns: expected {shape}.")
    if n == 0 or data.X.shape[1] + problem.intercept == 0:
        raise ProblemError(f"{says}there is nothing to fit: {n} rows, {data.X.shape[1]} columns, intercept {problem.intercept}.")
    if len(data.columns) != data.X.shape[1]:
        raise ProblemError(f"{says}{len(data.columns)} column names for {data.X.shape[1]} columns.")
    if problem.model.has_classes != (k > 1):
        raise ProblemError(
            f"{says}the {problem.model.family} response has {k} columns; "
            f"it takes {'one for each class, 2 or more' if problem.model.has_classes else '1'}."
        )
    for name in ("X", "y", "offset", "weights", "trials"):
        value = getattr(data, name)
        if value is not None and not np.isfinite(value).all():
            raise ProblemError(
                f"{says}{name} is NaN or infinite in {_rows(~np.isfinite(value))}. Drop or impute those rows first."
            )
    for name in ("weights", "trials"):
        value = getattr(data, name)
        if value is not None and (value < 0).any():
            raise ProblemError(f"{says}{name} are negative in {_rows(value < 0)}. A weight is at least 0.")
    domain = problem.model.family.quasi_domain if problem.quasi else problem.model.family.response_domain
    inside = domain.contains(data.y)
    if not inside.all():
        raise ProblemError(
            f"{says}the response is outside the domain {domain} of the "
            f"{problem.model.family} family in {_rows(~inside)}. Use a family whose responses can have these values."
        )


def name_rows(rows: Sequence[int], shown: int = 5) -> str:
    """
    Rows by their numbers, the first few of them.

    >>> name_rows([3]), name_rows([3, 7]), name_rows(range(9), shown=2)
    ('row 3', 'rows 3 and 7', 'rows 0, 1 and 7 more')
    """
    names = [str(row) for row in rows[:shown]]
    more = [f"{len(rows) - shown} more"] if len(rows) > shown else []
    *first, last = [*names, *more]
    return f"row{'s' if first else ''} {' and '.join(filter(None, [', '.join(first), last]))}"


def _rows(bad: np.ndarray) -> str:
    rows = np.flatnonzero(bad.reshape(len(bad), -1).any(axis=1))
    shown = ", ".join(str(row) for row in rows[:5])
    return f"{len(rows)} row{'s' if len(rows) > 1 else ''} (the first: {shown})"
