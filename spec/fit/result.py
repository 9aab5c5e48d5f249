"""The result of a fit: coefficients, their errors and tests, what the likelihood says, and predictions."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spec.fit.labels import refuse_reordered
from spec.fit.maximise import Pass
from spec.fit.numeric import reads_as_number
from spec.fit.robust import KINDS, cluster_codes, sandwich_root
from spec.fit.rows import Batch, Rows, of_arrays
from spec.fit.summary import Block, Summary, Term
from spec.fit.totals import Totals, deviance_without_columns, total
from spec.fit.workers import one_blas_thread
from spec.inference import Tail
from spec.model import Model, Params, quietly
from spec.scoring import Steer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike  # which NumPy has from 1.20 on

ROBUST = "Robust standard errors"  # a note about them begins so
NO_ERRORS = "none: not asked for"
LEAST_LEVEL = 0.5  # of an interval: a smaller one is what others call alpha
PIECE = 2**14  # rows that are predicted at a time
ALONE = 32  # columns: products of so few are never shared among threads


class Prediction(NamedTuple):
    """Means (n, k), and the ends (n, k) of their confidence intervals; NaN where an end is outside the link's domain."""

    mean: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


@dataclass(frozen=True, eq=False)
class Fitted:
    """
    The result of a fit.

    ``distance`` is the estimated distance from the optimum, in standard errors, extrapolated from the last steps. ``passes``
    are the passes over the data, in order. ``reason`` says why the fit ended, and so why it has not ``converged`` if it has
    not. ``columns`` name those of the design but the intercept, ``outputs`` the output neurons: the classes of a softmax, of
    which ``baseline`` is the one that the others are compared with. ``quasi`` says that it is a quasi-likelihood,
    ``is_penalised`` that a penalty is part of what was maximised, ``has_offset`` that the rows had an offset. ``errors`` is the
    kind of robust standard errors, "HC0" to "HC3" or "clustered", or `NO_ERRORS`; it is empty where they are those of the model.
    ``notes`` are sentences about what was fitted.

    Below, q counts the intercept, where there is one, and the columns; m the outputs, without the baseline of a softmax.
    """

    model: Model
    params: Params
    dispersion: float
    distance: float
    converged: bool
    reason: str
    passes: tuple[Pass, ...] = field(repr=False)
    rows: int
    intercept: bool = True
    columns: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ("y",)
    notes: tuple[str, ...] = ()
    quasi: bool = False
    is_penalised: bool = False
    has_offset: bool = False
    baseline: int = 0
    errors: str = ""
    network: Any = field(default=None, repr=False)  # the Keras model that was fitted
    _units: tuple[Any, ...] | None = field(default=None, repr=False)  # see `in_data_units`
    _value: float = field(default=np.nan, repr=False)  # the log-likelihood at dispersion 1, without its constants
    _rows: Rows | None = field(default=None, repr=False)  # those that were fitted
    _steer: Steer | None = field(default=None, repr=False)  # the information at the optimum, factored
    _prepared: Callable[[Any, Any], Rows] | None = field(default=None, repr=False)  # rows of other data: of their X and offset
    _root: np.ndarray | None = field(default=None, repr=False)  # a root of the covariance, where the steer does not give it
    _view: View | None = field(default=None, repr=False)  # the fit that the coefficients are made of, if they are

    # -- coefficients and their errors ------------------------------------------------------------------------------------------

    @property
    def terms(self) -> tuple[str, ...]:
        """The names of the q coefficients of an output: "intercept", where there is one, and the columns."""
        columns = self.columns or tuple(f"x{j}" for j in range(1, len(self.params.coef) + 1))
        return ("intercept", *columns) if self.intercept else columns

    @property
    def free_outputs(self) -> tuple[str, ...]:
        """The names of the m outputs that have coefficients of their own: without the baseline, where there is one."""
        return tuple(name for number, name in enumerate(self.outputs) if number != self.baseline or not self.has_baseline)

    @property
    def has_baseline(self) -> bool:
        """Whether coefficients compare classes with a baseline: those of a softmax do, unless a penalty tells all apart."""
        return self.model.has_classes and not self.is_penalised

    @cached_property
    def coefficients(self) -> np.ndarray:
        """(q, m), the intercept first, where there is one; of a softmax each class less the baseline. Units: see `Params`."""
        matrix = self.params.matrix[0 if self.intercept else 1 :]
        if not self.has_baseline:
            return matrix
        return np.delete(matrix - matrix[:, [self.baseline]], self.baseline, axis=1)

    @cached_property
    def _spread(self) -> np.ndarray | None:
        """(s, m, q), whose products, summed over s, are the covariance; None where it is infinite."""
        if self._view is not None:
            spread = self._view.fit._spread
            return None if spread is None else np.einsum("am,smq,tq->sat", self._view.outputs, spread, self._view.terms)
        if self._root is not None:
            return self._root if np.isfinite(self._root).all() else None
        if self._steer is None or self.errors == NO_ERRORS:
            return None
        # threads would take longer to wake than to compute; of few columns they are not woken
        with one_blas_thread if len(self._steer.lower) > ALONE else nullcontext():
            return np.sqrt(self.dispersion) * self._steer.root

    @property
    def _no_error(self) -> float:
        """The value in place of a missing standard error: infinite if the information is singular, else NaN."""
        return np.nan if self.is_penalised or self.errors == NO_ERRORS else np.inf

    @cached_property
    def covariance(self) -> np.ndarray:
        """
        The covariance of the free parameters, (m q, m q), output after output; the intercept first.

        It is the inverse of the expected information times the dispersion, unless the ``errors`` are robust; infinite where
        the information is singular, and NaN for a penalised fit.
        """
        size = self.coefficients.size
        if self._spread is None:
            return np.full((size, size), self._no_error)
        root = self._spread.reshape(-1, size)
        return root.T @ root

    @cached_property
    def standard_errors(self) -> np.ndarray:
        """
        (q, m): a row for the intercept, where there is one, and for each column of X.

        A column for each output but the baseline of a softmax. They are computed from the expected information and, where the
        family has a dispersion, Pearson's estimate of it, unless the ``errors`` are robust.
        """
        if self._spread is None:
            return np.full(self.coefficients.shape, self._no_error)
        return np.sqrt((self._spread**2).sum(axis=0)).T

    @property
    def statistics(self) -> np.ndarray:
        """(q, m), coefficients over standard errors: z, or t where the model's errors hold an estimated dispersion."""
        with np.errstate(all="ignore"):
            return self.coefficients / self.standard_errors

    @property
    def pvalues(self) -> np.ndarray:
        """(q, m), the two-sided tails of `statistics`: Student's t with n - q degrees of freedom for t, the normal for z."""
        return self._tail.two_sided(self.statistics)

    def conf_int(self, level: float = 0.95) -> np.ndarray:
        """
        (q, m, 2), the ends of confidence intervals of the coefficients.

        The ``level`` is what others call 1 - alpha. Raises ValueError for one that is below 0.5, or no share.
        """
        reach = self._reach(level)
        return np.stack([self.coefficients - reach * self.standard_errors, self.coefficients + reach * self.standard_errors], -1)

    @property
    def has_estimated_dispersion(self) -> bool:
        """Whether the dispersion is an estimate; else it is 1."""
        return self.model.family.has_dispersion or (self.quasi and self.dispersion != 1)

    @property
    def _is_t(self) -> bool:
        return self.has_estimated_dispersion and not self.errors

    @property
    def _tail(self) -> Tail:
        return Tail(self._freedom if self._is_t else None)

    @property
    def _freedom(self) -> int:
        """The degrees of freedom that the fit leaves, n - q for each free output."""
        q, m = self._origin.coefficients.shape
        return (self.rows - q) * m

    def _reach(self, level: float) -> float:
        if not 0 < level < 1:
            raise ValueError(f"level is {level}: it is a share between 0 and 1, such as 0.95.")
        if level < LEAST_LEVEL:
            raise ValueError(
                f"level is {level}: it is the share of the intervals that cover the true value, such as 0.95. "
                f"If you mean an alpha of {level}, give level={1 - level:.12g}."
            )
        return self._tail.reach(level)

    # -- what the likelihood says -----------------------------------------------------------------------------------------------

    @property
    def _origin(self) -> Fitted:
        """The fit of the rows themselves."""
        return self if self._view is None else self._view.fit._origin

    def _fitted_rows(self) -> Rows:
        if self._rows is None:
            raise ValueError("the rows of this fit were not kept.")
        if self._rows.have_changed:
            raise ValueError("the data are not those of the fit any more: they were changed in place. Fit again, or keep a copy.")
        return self._rows

    @cached_property
    def _totals(self) -> Totals:
        if self._view is not None:
            return self._origin._totals
        return total(self.model, self.params, self._fitted_rows(), self._stated_dispersion)

    @property
    def _stated_dispersion(self) -> float:
        """The dispersion at which the log-likelihood is stated, see `spec.inference.likelihood_dispersion`."""
        if self.quasi:
            return 1.0
        return self.dispersion * max(self._freedom, 1) / self.rows if self.model.is_least_squares else self.dispersion

    @property
    def log_likelihood(self) -> float:
        """
        The log-likelihood with its constants, at Pearson's estimate of the dispersion where the family has one.

        Least squares has it at RSS / n, a quasi-likelihood at 1; infinite where the fit is perfect. Of shares with their trials
        for weights it has the binomial coefficients of the counts, as R's; of other shares none. The first call makes a pass over
        the rows; it raises ValueError where they were changed in place since the fit (of many rows 256 are compared).
        """
        if self._stated_dispersion == 0:
            return np.inf
        return self._totals.kernel / self._stated_dispersion + self._totals.normaliser

    @property
    def deviance(self) -> float:
        """Twice the gain of the saturated model in log-likelihood, at dispersion 1. The first call makes a pass over the rows."""
        return self._totals.deviance

    @cached_property
    def null_deviance(self) -> float:
        """
        The deviance of the model with the intercept alone, and the same offset; NaN where there is no intercept.

        The first call makes a pass over the rows, and where there is an offset a few: the null model is fitted.
        """
        if self._view is not None:
            return self._origin.null_deviance
        if not self.intercept:
            return np.nan
        return deviance_without_columns(self.model, self._fitted_rows(), self._totals, self.has_estimated_dispersion)

    @property
    def aic(self) -> float:
        """
        Akaike's criterion, 2 q m less twice the log-likelihood: the dispersion is not counted.

        NaN for a quasi-likelihood, and for a penalised fit.
        """
        return self._criterion(2.0)

    @property
    def bic(self) -> float:
        """
        Schwarz's criterion, log(n) q m less twice the log-likelihood, with n rows: the dispersion is not counted.

        NaN for a quasi-likelihood, and for a penalised fit.
        """
        return self._criterion(float(np.log(self.rows)))

    def _criterion(self, each: float) -> float:
        """Minus twice the log-likelihood, and ``each`` for each coefficient."""
        if self.quasi or self.is_penalised:
            return np.nan
        return each * self._origin.coefficients.size - 2 * self.log_likelihood

    # -- tables -----------------------------------------------------------------------------------------------------------------

    def summary(self, level: float = 0.95) -> Summary:
        """A table in 80 columns when it is printed, or in HTML in a notebook, with intervals of a confidence ``level``."""
        none = "none: penalised" if self.is_penalised else "none: quasi-likelihood" if self.quasi else ""
        facts = (
            ("Family", str(self.model.family)),
            ("Log-likelihood", self.log_likelihood),
            ("Link", str(self.model.link)),
            ("Deviance", self.deviance),
            ("Rows", str(self.rows)),
            ("Null deviance", self.null_deviance),
            ("Converged", f"{'yes' if self.converged else 'NO'}, {len(self.passes)} pass{'es' * (len(self.passes) != 1)}"),
            ("Dispersion", self.dispersion if self.has_estimated_dispersion else "1 (fixed)"),
            ("Standard errors", "none: penalised" if self.is_penalised else self.errors or "of the model"),
            ("AIC", none or self.aic),
            ("Distance", "unknown" if np.isnan(self.distance) else f"{self.distance:.1e} std err"),
            ("BIC", none or self.bic),
        )
        numbers = self._numbers(level)
        blocks = tuple(
            Block(
                self._titled(name),
                tuple(Term(term, tuple(row)) for term, row in zip(self.terms, numbers[:, number].tolist())),
            )
            for number, name in enumerate(self.free_outputs)
        )
        title = f"{self.model}: {', '.join(self.outputs)}"
        return Summary(title, self.converged, self.reason, facts, blocks, self.notes, "t" if self._is_t else "z", level)

    def _titled(self, output: str) -> str:
        """The title of an output's coefficients: none where there is one output."""
        if self.has_baseline:
            return f"{output} against {self.outputs[self.baseline]}"
        return output if len(self.outputs) > 1 else ""

    def _numbers(self, level: float) -> np.ndarray:
        """(q, m, 6), the numbers of the tables."""
        parts = [self.coefficients, self.standard_errors, self.statistics, self.pvalues]
        return np.concatenate([np.stack(parts, axis=-1), self.conf_int(level)], axis=-1)

    def to_frame(self, level: float = 0.95) -> Any:
        """
        A pandas DataFrame with a row for each coefficient: coef, std_err, z (or t), p_value, lower, upper.

        Its index is the terms; of a softmax pairs (class, term).
        """
        import pandas

        names = ["coef", "std_err", "t" if self._is_t else "z", "p_value", "lower", "upper"]
        numbers = self._numbers(level)
        table = numbers.transpose(1, 0, 2).reshape(-1, len(names))
        terms = list(self.terms)
        if not self.model.has_classes:
            return pandas.DataFrame(table, index=pandas.Index(terms, name="term", dtype=object), columns=names)
        pairs = [(name, term) for name in self.free_outputs for term in terms]
        return pandas.DataFrame(table, index=pandas.MultiIndex.from_tuples(pairs, names=["class", "term"]), columns=names)

    # -- predictions ------------------------------------------------------------------------------------------------------------

    def predict(self, X: Any, offset: Any = None, interval: bool = False, level: float = 0.95) -> Any:
        """
        The means (n, k) for other X, in any form that a fit takes; in the response's units.

        With ``interval=True`` a `Prediction`: also the ends of intervals of the mean, those of eta carried over by the link.
        Raises ValueError where the fit had an offset and ``offset`` is missing, and for intervals of a softmax.
        """
        if interval not in (True, False):
            level = interval if isinstance(interval, float) else level
            asked = f", level={max(level, 1 - level):.12g}" if isinstance(interval, float) and 0 < level < 1 else ""
            raise ValueError(
                f"interval is {interval!r}: interval=True{asked} gives intervals of the mean, the only ones there are."
            )
        refuse_reordered({"X": X, "offset": offset})
        if self._view is not None:
            return self._view.fit.predict(X, offset, interval, level)
        if interval and self.model.has_classes:
            raise ValueError("there are no intervals for the probabilities of a softmax: each depends on all the classes' eta.")
        reach = self._reach(level) if interval else None
        rows = self._prepared(X, offset) if self._prepared else self._plainly(X, offset)
        parts = [self._predicted(self._of_known_offset(batch, offset), reach) for batch in rows.read()]
        means = [np.concatenate(some) for some in zip(*parts)] or [np.zeros((0, len(self.outputs)))] * (3 if interval else 1)
        return Prediction(*means) if interval else means[0]

    def _plainly(self, X: Any, offset: Any) -> Rows:
        X = np.asarray(X, dtype=float)
        X = X[:, None] if X.ndim == 1 else X
        width = len(self.params.coef)
        if X.ndim != 2 or X.shape[1] != width:
            raise ValueError(f"the fit had {width} columns of X, but X has the shape {X.shape}.")
        return of_arrays(X, None, None, None if offset is None else np.asarray(offset, dtype=float))

    def _of_known_offset(self, batch: Batch, offset: Any) -> Batch:
        """A batch as it is. Raises ValueError where its offset is none that the fit knows."""
        if batch.offset is None:
            if self.has_offset:
                raise ValueError("the fit had an offset: give offset= for these rows too, of zeros if they have none.")
            return batch
        if not self.has_offset and offset is None:
            raise ValueError(
                "X has two parts, of which the second would be an offset, and the fit had none: give X alone, without y, and "
                "batches of rows as one array."
            )
        if (width := batch.offset.shape[1]) not in (1, k := self.params.coef.shape[1]):
            raise ValueError(f"offset has {width} columns, and the model {k} output{'s' * (k > 1)}: give a column for each.")
        return batch

    @quietly
    def _predicted(self, batch: Batch, reach: float | None) -> list[np.ndarray]:
        """The means (b, k), and the ends of their intervals if a reach in standard errors is given."""
        eta, link = batch.eta(self.params), self.model.link
        mean = link.inverse(eta)
        if reach is None:
            return [mean]
        if self._spread is None:
            return [mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)]
        away = reach * np.linalg.norm(batch.design(self.intercept) @ self._spread[:, 0].T, axis=1)[:, None]
        falls = link.inverse_derivative(eta) < 0
        ends = [eta + np.where(falls, away, -away), eta - np.where(falls, away, -away)]
        return [mean, *(np.where(self.model.eta_domain.contains(end), link.inverse(end), np.nan) for end in ends)]

    # -- the same fit in other words --------------------------------------------------------------------------------------------

    def against(self, baseline: int | str) -> Fitted:
        """
        The fit of a softmax with another class for the baseline, by its number or its name in ``outputs``.

        Coefficients and errors (q, m) are then of the other classes, in their order. Raises ValueError where there is none such.
        """
        if not self.model.has_classes:
            raise ValueError(f"only a softmax has a baseline, and this is {self.model}.")
        if self.is_penalised:
            raise ValueError("a penalised softmax has no baseline: its penalty fixes the coefficients of every class.")
        number = self._class(baseline)
        classes = np.eye(len(self.outputs))
        change = classes - classes[number]
        kept = np.delete(np.delete(change, number, axis=0), self.baseline, axis=1)
        matrix = self.params.matrix
        params = Params.from_matrix(matrix - matrix[:, [number]])
        view = View(self, np.eye(len(self.terms)), kept)
        return replace(self, params=params, baseline=number, _view=view)

    def _class(self, baseline: int | str) -> int:
        if isinstance(baseline, str) or any(map(reads_as_number, self.outputs)):  # 1 is then the class called 1
            name = str(baseline)
            if self.outputs.count(name) != 1:
                raise ValueError(f"there is no class {name}: the classes are {', '.join(self.outputs)}.")
            return self.outputs.index(name)
        number = operator.index(baseline)
        if not 0 <= number < len(self.outputs):
            raise ValueError(f"there is no class {number}: the {len(self.outputs)} classes have the numbers from 0 on.")
        return number

    def in_units(self, matrix: ArrayLike, shift: ArrayLike, columns: Sequence[str] = ()) -> Fitted:
        """
        The fit with the coefficients of data X, where the layer's inputs are Z = X ``matrix`` (d, p) + ``shift`` (p,).

        ``columns`` names those of X (d). The coefficients are matrix @ coef, the intercept is intercept + shift @ coef; what is
        predicted, and from what, stays the same. Raises ValueError where the shapes do not fit, or where there is no
        intercept to take up a shift.
        """
        matrix, shift = np.asarray(matrix, dtype=float), np.asarray(shift, dtype=float)
        width = len(self.params.coef)
        if matrix.ndim != 2 or matrix.shape[1] != width or shift.shape != (width,):
            raise ValueError(
                f"matrix {matrix.shape} and shift {shift.shape} must be (d, {width}) and ({width},): the layer has {width} "
                "inputs."
            )
        if columns and len(columns) != len(matrix):
            raise ValueError(f"there are {len(columns)} names for {len(matrix)} columns.")
        if not self.intercept and shift.any():
            raise ValueError("without an intercept a shift of the inputs has no coefficient: it is an offset.")
        names = tuple(columns) or tuple(f"x{j}" for j in range(1, len(matrix) + 1))
        terms = np.block([[np.ones((1, 1)), shift[None]], [np.zeros((len(matrix), 1)), matrix]]) if self.intercept else matrix
        params = Params(self.params.intercept + shift @ self.params.coef, matrix @ self.params.coef)
        return replace(self, params=params, columns=names, _view=View(self, terms, np.eye(len(self.free_outputs))))

    def in_data_units(self) -> Fitted:
        """
        The fit with the coefficients of the data's own columns, where layers before the trained ones change their units.

        Raises ValueError where what those layers do is no affine map.
        """
        if self._units is None:
            return self
        if not self._units:
            raise ValueError(
                "what comes before the trained layers is no affine map: the columns of the data have no coefficients."
            )
        return self.in_units(*self._units)

    def noted(self, note: str) -> Fitted:
        """The fit with another note."""
        return replace(self, notes=(*self.notes, note))

    def robust(self, kind: str = "HC1") -> Fitted:
        """
        The fit with standard errors that are right also where the variance is not that of the family: a sandwich.

        ``kind`` is "HC0", or with a correction for few rows "HC1": n / (n - q m) times the covariance. "HC2" and "HC3" divide
        a row's score by the root of 1 - its leverage, or by 1 - its leverage (that of the expected information). The bread is the
        inverse of the observed information, as in statsmodels, which differs from the expected one where the link is not
        canonical; a prior weight multiplies a row's score. Statistics are compared with the normal distribution. It takes a pass
        over the rows, HC2 and HC3 two. Raises ValueError for HC2 and HC3 of a softmax, whose leverages are matrices, and
        for a penalised fit.
        """
        if kind not in KINDS:
            raise ValueError(f"there are no errors {kind!r}: they are {', '.join(KINDS)}.")
        note = f"{ROBUST} ({kind}): they hold whatever the variance of the response. Statistics are z."
        return self._with_errors(kind, note, lambda fit: fit._sandwich(kind))

    def clustered(self, groups: ArrayLike) -> Fitted:
        """
        The fit with standard errors that are right also where the rows of a group depend on each other.

        ``groups`` (n,) are labels of any kind, one for each row. The bread is that of `robust`; the covariance is multiplied by
        G / (G - 1) (n - 1) / (n - q m) for G groups, as in statsmodels. Statistics are compared with the normal distribution.
        Raises ValueError for another number of labels than rows, missing labels, a single group, or a penalised fit.
        """
        rows = self._fitted_rows()
        refuse_reordered({"X": rows.labels, "groups": groups})
        if not rows.keep_their_order:
            raise ValueError(
                "the rows come in another order in each pass, so labels cannot be theirs: fit a stream that does not shuffle."
            )
        codes = cluster_codes(groups, self.rows)
        note = f"{ROBUST} (clustered): rows may depend on each other within {codes.max() + 1} groups. Statistics are z."
        return self._with_errors("clustered", note, lambda fit: fit._sandwich("HC0", codes))

    def _sandwich(self, kind: str, codes: np.ndarray | None = None) -> np.ndarray:
        """A root of the covariance, see `_spread`."""
        if self.is_penalised:
            raise ValueError("a penalised fit has no standard errors, robust or not: its estimates are biased on purpose.")
        if self._steer is None:
            return np.full((1, len(self.free_outputs), len(self.terms)), np.inf)
        return sandwich_root(self.model, self.params, self._fitted_rows(), self._steer.basis, self.intercept, kind, codes)

    def _with_errors(self, errors: str, note: str, root: Callable[[Fitted], np.ndarray]) -> Fitted:
        notes = (*(one for one in self.notes if not one.startswith(ROBUST)), note)
        changed = replace(self, errors=errors, notes=notes)
        if self._view is None:
            return replace(changed, _root=root(self))
        return replace(changed, _view=replace(self._view, fit=self._view.fit._with_errors(errors, note, root)))


@dataclass(frozen=True, eq=False)
class View:
    """
    The coefficients of a fit after a linear change of its columns (``terms``) and of its classes (``outputs``).

    They are ``terms`` (q', q) @ the fit's own (q, m) @ ``outputs`` (m, m) transposed.
    """

    fit: Fitted
    terms: np.ndarray
    outputs: np.ndarray
