"""
A formula and data to a Keras model and the rows of its design: ``"claims ~ age + C(region) + bs(power, 4)"``.

The formulas are those of the package formulaic, which R and statsmodels know too. What a formula takes from the data (the levels
of a categorical column, the knots of a spline, the mean of ``center``) is fixed once, and then used for every row.
"""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any, Optional

import numpy as np

from spec.compat import first_line
from spec.engines.keras.network import BUILT_IN, NegativeLogLikelihood, activation
from spec.engines.keras.versions import keras
from spec.families import Binomial, Family, Multinomial
from spec.fit.arithmetic import NAMES, meant, number
from spec.fit.cluster import present_workers
from spec.fit.frames import Frame, Table, check_kind, frames, listed_levels, pandas_module, sample_of, seen_levels, table_of
from spec.fit.named import model_of
from spec.fit.numeric import reads_as_number
from spec.fit.rows import Batch, Rows, of_arrays, of_pieces
from spec.links import Link
from spec.model import Model

Take = Callable[[Frame], Optional[np.ndarray]]
BATCH = 2**23  # numbers of a design that are made at once
FOREIGN = {
    "offset": "give the offset beside the formula, such as offset='log(exposure)'",
    "cbind": "give the share of successes as the response, and weights= the trials",
    "factor": "write C(...)",
    "as.factor": "write C(...)",
    "relevel": "write C(x, contr.treatment('level'))",
    "ifelse": "write np.where(...)",
    "s": "write cr(..., df=4, constraints='center')",
    "ns": "write cr(..., df=4, constraints='center')",
}


@dataclass(frozen=True, eq=False)
class Designed:
    """
    A formula applied to data: the compiled Keras model that it asks for, and the rows of its design.

    ``outputs`` names the response, or the classes of a multinomial one. ``event`` is the level of a text response whose
    probability a binomial model gives, the second of two. ``notes`` are sentences about what was done with the data.
    """

    model: keras.Model
    rows: Rows
    response: str
    outputs: tuple[str, ...]
    event: str | None
    notes: tuple[str, ...]
    _design: _Part
    _offset: _Part | bool  # an expression, or whether there was an offset

    def prepared(self, data: Any, offset: Any = None) -> Rows:
        """
        The design of other data, with zeros for y. The offset is the formula's own expression, unless another is given.

        Raises ValueError where a column is missing, has missing values, or has a level that the fit did not see.
        """
        table = table_of(data)
        if offset is None and self._offset is True:
            raise ValueError("the fit had an array for its offset: give offset= for these rows too.")
        own = self._offset if offset is None and isinstance(self._offset, _Part) else None
        needed = _known([*self._design.needs, *(own.needs if own else needs(offset, table))], table)
        if not table.total:
            return replace(of_arrays(np.zeros((0, len(self.rows.columns))), None, None, None), columns=self.rows.columns)
        first = next(frames(table, needed)) if isinstance(offset, str) else None
        take_offset = own or _numbers("offset", offset, first, table)[0]
        k = len(self.outputs)

        return _rows(table, needed, _Made(self._design, partial(_zeros, k), _none, take_offset), self.rows.columns)


def designed(
    formula: str,
    data: Any,
    family: str | Family,
    link: str | Link | None = None,
    weights: Any = None,
    offset: Any = None,
) -> Designed:
    """
    The compiled Keras model of a formula, and the rows of its design.

    ``family`` and ``link`` are those of `spec.families` and `spec.links`, or their names, such as "negative-binomial(0.5)". The
    default link is the canonical one, but the log for gamma, negative binomial and Tweedie. ``weights`` and ``offset`` are
    columns, expressions such as "log(exposure)", or arrays. The response is numeric; for a binomial model also a column of two
    levels, the second of which is the event, or a share with the trials for weights; for a multinomial one a column of classes.

    The data are a data frame (pandas, Polars), a pyarrow Table, a dict of columns, a CSV file: all in memory. Or a Parquet or
    Feather file or a pyarrow Dataset: they are read in batches. Then a first pass finds the levels of categorical columns and
    the extremes of numeric ones, and the formula is fixed on a sample of the rows that has them all: knots at quantiles are
    those of the sample, and so are the mean and the spread in ``center``, ``scale`` and ``poly``.

    Missing values are an error. The levels of text are sorted, those of a categorical column keep their order; levels without
    rows are left out, and the first level is the baseline. A bool column is 0 or 1. The natural splines ``cr`` and ``cs`` contain
    the intercept: write ``cr(x, df=4, constraints='center')`` beside it.
    """
    table = table_of(data)
    if not table.total:
        raise ValueError("the data have no rows.")
    model = model_of(family, link)
    beside = [*needs(weights, table), *needs(offset, table)]
    lhs, rhs = _parsed(formula, [name for name in table.columns if name not in beside])
    needed = _known([*_names(lhs), *_names(rhs), *beside], table)
    if "Intercept" in needed:
        raise ValueError("a column is called Intercept, as formulas call their own: give it another name, or leave it out.")
    (factor,) = lhs[0].factors
    response = re.sub(r"^C\(`?([^(),`]+)`?\)$", r"\1", factor.expr)
    factors = {one.expr: one for term in rhs for one in term.factors}
    groups = [_known(_names(_formula(expr)), table) for expr in factors if expr.startswith("C(")]
    if response in needed and isinstance(model.family, Multinomial):
        groups.append([response])
    sample, chosen = (next(frames(table, needed)), None) if table.whole else sample_of(table, needed, groups)
    sample, notes = seen_levels(sample)
    for expr in factors:
        if expr in needed:
            check_kind(sample[expr], expr)

    design, X = _Part.fixed(rhs, sample)
    if design.intercept and (whole := [name for name in design.names if SPLINE.match(name) and "constraints" not in name]):
        raise ValueError(
            f"the columns of {SPLINE.sub(PLAIN, whole[0])} contain the intercept: write {SPLINE.sub(CENTRED, whole[0])}."
        )
    take_y, outputs, event = _response(response, model.family, sample)
    take_weights, _ = _numbers("weights", weights, sample, table)
    take_offset, own = _numbers("offset", offset, sample, table)
    if event is not None:
        notes = (*notes, f"the event is that {response} is {event}.")

    made = _Made(design, take_y, take_weights, take_offset)
    if chosen is None:
        rows = replace(of_arrays(*made(sample, X).parts), columns=design.names)
    else:
        rows = _rows(table, needed, made, design.names)
        rows = replace(rows, draw=partial(_drawn, made, sample.loc[chosen]))
    layers = _layers(model, len(design.names), len(outputs), design.intercept)
    return Designed(layers, rows, response, outputs, event, notes, design, own or offset is not None)


@dataclass(frozen=True, eq=False)
class _Made:
    """What makes a batch of a frame, in any process."""

    design: _Part
    y: Take
    weights: Take
    offset: Take

    def __call__(self, frame: Frame, X: np.ndarray | None = None) -> Batch:
        return Batch.of(self.design(frame) if X is None else X, self.y(frame), self.weights(frame), self.offset(frame))


def _rows(table: Table, needed: list[str], made: _Made, names: tuple[str, ...]) -> Rows:
    """The rows of a table, made batch by batch; those in memory are made once."""
    if table.whole:
        return replace(of_arrays(*made(next(frames(table, needed))).parts), columns=names)
    most = int(np.clip(BATCH // max(len(names), 1), 2**12, 2**16))
    if blocks := table.blocks(needed, made, most):
        return Rows(blocks, None, table.total, names, workers=present_workers(blocks))
    return of_pieces(partial(_frames, table, needed, most), partial(_of_frame, made), table.total, names)


def _frames(table: Table, needed: list[str], most: int, size: int) -> Iterator[Frame]:
    """Frames of at most ``most`` rows, however many are asked for."""
    return frames(table, needed, most)


def _of_frame(made: _Made, frame: Frame, first: int) -> Batch:
    return made(frame)


def _drawn(made: _Made, frame: Frame, size: int) -> Batch:
    return made(_fewer(frame, size))


def _fewer(frame: Frame, size: int) -> Frame:
    """About as many rows as ``size``, drawn by chance, in their order."""
    return frame if len(frame) <= size else frame.iloc[np.sort(np.random.default_rng(0).choice(len(frame), size, replace=False))]


# -- the model -----------------------------------------------------------------------------------------------------------------


def _layers(model: Model, p: int, k: int, intercept: bool) -> keras.Model:
    """The network of a model as its user would write it: Keras's own activation and loss where it has them."""
    inputs = keras.Input((p,))
    layer = keras.layers.Dense(k, activation=activation(model.link), use_bias=intercept, kernel_initializer="zeros")
    network = keras.Model(inputs, layer(inputs))
    own = model.is_canonical and type(model.family) in BUILT_IN
    network.compile(loss=BUILT_IN[type(model.family)][0]() if own else NegativeLogLikelihood(model.family))
    return network


# -- the formula ---------------------------------------------------------------------------------------------------------------


def _formulaic(module: str = "formulaic") -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError("formulas need the package formulaic: pip install formulaic") from error


def _formula(text: str, columns: Sequence[str] = ()) -> Any:
    """The formula that is written, for ``.`` to stand for all columns but the response."""
    context = {"__formulaic_variables_available__": list(columns)}
    try:
        return _formulaic().Formula(text, _context=context)
    except SyntaxError as error:
        raise ValueError(f"{text!r} has what is no expression of Python: {error.msg}.") from error
    except _formulaic("formulaic.errors").FormulaicError as error:
        shown = first_line(error)
        advice = "Write such as 'y ~ x + C(group)'."
        if "operator" in shown.lower():
            advice = (
                "A comparison stands in I(...), such as I(x > 0), and a name with other signs in backticks, such as `% white`."
            )
        raise ValueError(f"{text!r} is no formula: {shown} {advice}") from error


def _parsed(formula: str, columns: Sequence[str]) -> tuple[Any, Any]:
    """Return (lhs, rhs): the response and the terms of a formula."""
    for word, advice in FOREIGN.items():
        if re.search(rf"(?<![\w.]){re.escape(word)}\(", formula):
            raise ValueError(f"formulas have no {word}(): {advice}.")
    parsed = _formula(formula, columns)
    lhs: Any = getattr(parsed, "lhs", ())
    rhs: Any = getattr(parsed, "rhs", ())
    if not len(lhs) or lhs[0] == "1":
        raise ValueError(f"{formula!r} has no response: write it before the ~, as in 'y ~ x'.")
    if isinstance(lhs, tuple) or len(lhs) > 1 or len(lhs[0].factors) > 1 or isinstance(rhs, tuple):
        if isinstance(rhs, tuple):
            raise ValueError(f"{formula!r}: formulas have no |, for fixed effects or groups: write + C(g) for a factor g.")
        raise ValueError(
            f"{formula!r}: a formula has one response and one list of terms, as in 'y ~ x + z'; a quotient is I(n / exposure)."
        )
    if not len(rhs):
        raise ValueError(f"{formula!r} has no terms: without an intercept there is nothing to fit.")
    return lhs, rhs


def needs(expression: Any, table: Table) -> list[str]:
    """The columns that weights or an offset are made of; none if they are an array."""
    if not isinstance(expression, str):
        return []
    return [expression] if expression in table.columns else _names(_formula(f"0 + {{{expression}}}"))


def _names(formula: Any) -> list[str]:
    """The names in a formula that a column has to bear, and those of functions that there are not."""
    names: list[str] = []
    for factor in (factor for term in formula for factor in term.factors):
        if factor.eval_method.value == "lookup":
            names.append(factor.expr)
        elif factor.eval_method.value == "python":
            names += re.findall(r"`([^`]+)`|\bQ\([\"']([^\"']+)", factor.expr)  # quoted names, which are no Python
            nodes = list(ast.walk(_parsed_python(factor.expr)))
            called = [node.func for node in nodes if isinstance(node, ast.Call)]
            named = [node for node in nodes if isinstance(node, ast.Name) and not (node in called and _is_function(node.id))]
            names += [f"{node.id}()" if node in called else node.id for node in named]
    return list(dict.fromkeys(name if isinstance(name, str) else name[0] or name[1] for name in names))


def _parsed_python(expression: str) -> ast.Expression:
    try:
        return ast.parse(re.sub(r"`[^`]+`", "0", expression), mode="eval")
    except SyntaxError as error:
        raise ValueError(f"{expression!r} in the formula is no expression of Python: {error.msg}.") from error


def _is_function(name: str) -> bool:
    return hasattr(builtins, name) or name in _formulaic("formulaic.transforms").TRANSFORMS


def _known(names: Sequence[str], table: Table) -> list[str]:
    """Those names that are columns. Raises ValueError for one that is neither a column nor a function."""
    if unknown := [name for name in names if name not in table.columns and not _is_function(name)]:
        if functions := [name for name in unknown if name.endswith("()")]:
            of_numpy = (
                f"NumPy's is np.{functions[0]}" if callable(getattr(np, functions[0][:-2], None)) else "make a column of it"
            )
            raise ValueError(f"formulas have no function {functions[0]}, but such as log(), C(), bs() and poly(): {of_numpy}.")
        of_numpy = "".join(f" NumPy's function is np.{name}." for name in unknown if callable(getattr(np, name, None)))
        if "pd" in unknown or "pandas" in unknown:
            of_numpy = " What pandas makes, such as pd.cut, is made before: a column of the data, such as C(age_group)."
        odd = [column for column in table.columns if not column.isidentifier() and set(re.split(r"\W+", column)) & set(unknown)]
        quoted = f" In a formula the name of {odd[0]} stands in backticks: `{odd[0]}`." if odd else of_numpy
        raise ValueError(f"there is no column {', '.join(unknown)}: the columns are {', '.join(table.columns)}.{quoted}")
    return list(dict.fromkeys(name for name in names if name in table.columns))


@dataclass(frozen=True, eq=False)
class _Part:
    """Columns that are made of data, by a formula whose levels and knots are fixed."""

    spec: Any
    needs: tuple[str, ...]  # the columns of the data
    numeric: tuple[str, ...]  # those that hold numbers

    @classmethod
    def fixed(cls, formula: Any, frame: Frame) -> tuple[_Part, np.ndarray]:
        """The formula fixed on a frame, and its columns there."""
        spec, matrix = _materialised(formula, frame)
        needs = tuple(_names(formula))
        part = cls(spec, needs, tuple(name for name in needs if name in frame and _is_number(frame[name])))
        for expr, levels in _leveled(spec).items():
            if len(levels) < 2:
                raise ValueError(f"{expr} has one level only ({listed_levels(levels)}): leave it out.")
            if expr in frame:
                refuse_numbers(expr, levels, frame)
        part._check_rows_by_themselves(frame, matrix)
        return part, part._without_intercept(matrix)

    def __call__(self, frame: Frame) -> np.ndarray:
        for name in self.numeric:
            if not _is_number(frame[name]) and any(texts := [isinstance(value, str) for value in frame[name]]):
                row = int(np.argmax(texts))
                raise ValueError(
                    f"column {name} is text, such as {frame[name].iloc[row]!r} in row {frame.index[row]}, and held numbers in "
                    "the fit: convert it, as by pandas.to_numeric."
                )
        return self._without_intercept(_materialised(self.spec, frame)[1])

    @property
    def intercept(self) -> bool:
        return "Intercept" in self.spec.column_names

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name in self.spec.column_names if name != "Intercept")

    def _without_intercept(self, matrix: np.ndarray) -> np.ndarray:
        return np.delete(matrix, self.spec.column_names.index("Intercept"), axis=1) if self.intercept else matrix

    def _check_rows_by_themselves(self, frame: Frame, matrix: np.ndarray) -> None:
        """Raise ValueError for a column that has other values where other rows are around, as ``x - x.mean()``."""
        few = np.random.default_rng(0).permutation(len(frame))[: min(len(frame) // 2 + 1, 1000)]
        same = np.isclose(_materialised(self.spec, frame.iloc[few])[1], matrix[few], rtol=1e-9, equal_nan=True).all(axis=0)
        if not same.all():
            raise ValueError(
                f"{self.spec.column_names[int(np.argmin(same))]} is made of several rows, and so has no value for a new row: use "
                "center(...) or scale(...), which remember what they took from the data, or make it a column of the data first."
            )


def _materialised(formula: Any, frame: Frame) -> tuple[Any, np.ndarray]:
    """Return (spec, matrix): a formula's columns in a frame, and the formula fixed on it, if it was not before."""
    coded = [name for name in _leveled(formula) if name in frame and _is_number(frame[name])]
    frame = frame.astype(dict.fromkeys(coded, object))  # numbers that were categories in the fit
    materializer = _formulaic("formulaic.materializers").PandasMaterializer(frame, context=NAMES)
    evaluate, look_up = materializer._evaluate, materializer._lookup
    materializer._evaluate = lambda expr, metadata, spec: evaluate(meant(expr), metadata, spec)
    materializer._lookup = lambda name: (number(found[0]), *found[1:]) if _is_whole((found := look_up(name))[0]) else found
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of new levels, which are an error here
        try:
            matrix = materializer.get_model_matrix(formula, output="numpy", na_action="ignore")
            made = np.asarray(matrix, dtype=float)
        except Exception as error:
            _check_levels(formula, materializer, frame)
            raise ValueError(f"the formula cannot be computed: {error}") from error
    _check_levels(matrix.model_spec, materializer, frame)
    return matrix.model_spec, made


def _is_number(column: Any) -> bool:
    return bool(pandas_module().api.types.is_numeric_dtype(column))


def _is_whole(column: Any) -> bool:
    """Whether a column holds whole numbers, whose products could overflow."""
    return bool(pandas_module().api.types.is_integer_dtype(column))


def _leveled(spec: Any) -> dict[str, list[Any]]:
    """The levels of each categorical factor of a formula that is fixed; none if it is not."""
    states = getattr(spec, "encoder_state", {}).items()
    return {expr: state["categories"] for expr, (_, state) in states if "categories" in state}


SPLINE = re.compile(r"^(c[rsc]\(.*)\)\[\d+\]$")  # natural and cyclic cubic splines
PLAIN, CENTRED = r"\1)", r"\1, constraints='center')"
MANY = 10  # levels that read as numbers, beside a few that do not


def refuse_numbers(name: str, levels: list[Any], frame: Frame, least: int = MANY, times: int = 9) -> None:
    """
    Raise ValueError for numbers that are text: all of them, or since one is none, or since their decimal sign is a comma.

    One is none where at least so many levels read as numbers, and so many times as many as do not.
    """
    odd = [level for level in levels if isinstance(level, str) and not reads_as_number(level)]
    if len(levels) >= MANY and not odd and all(isinstance(level, str) for level in levels):
        raise ValueError(
            f"column {name} holds numbers that are written as text, such as {levels[0]!r}: convert it, as by pandas.to_numeric; "
            f"or write C({name}), if its values are levels."
        )
    if len(levels) - len(odd) >= max(least, times * len(odd)) and odd:
        row = frame.index[int(np.argmax((frame[name] == odd[0]).to_numpy()))]
        raise ValueError(
            f"column {name} is text, since {odd[0]!r} in row {row} is no number: mend or drop such rows, then convert it, as by "
            f"pandas.to_numeric; or write C({name}), if its values are levels."
        )
    if len(odd) >= MANY and all(re.fullmatch(r"-?\d+,\d+", level) for level in odd):
        raise ValueError(
            f"column {name} is text, since its decimal sign is the comma: read it by pandas.read_csv(..., decimal=',')."
        )


def _check_levels(spec: Any, materializer: Any, frame: Frame) -> None:
    """Raise ValueError for a value of a factor that is none of its levels."""
    for expr, levels in _leveled(spec).items():
        if expr not in materializer.factor_cache:
            continue
        column, known = pandas_module().Series(materializer.factor_cache[expr].values.__wrapped__), set(levels)
        if new := [value for value in column.unique().tolist() if value not in known]:
            row = frame.index[int(np.argmax(column == new[0]))]
            raise ValueError(f"{expr} has the new level {new[0]!r} in row {row}: the levels are {listed_levels(levels)}.")


def _numbers(part: str, given: Any, frame: Frame, table: Table) -> tuple[Take, _Part | None]:
    """Return (take, own): what gives the numbers of ``part`` for a frame, and the expression that it is, if it is one."""
    if given is None:
        return _none, None
    if isinstance(given, str):
        own = _expression(part, f"`{given}`" if given in table.columns else given, frame)
        return own, own
    array = np.asarray(given, dtype=float)
    if array.ndim == 0:
        raise ValueError(f"{part} is one number, {given}: give one for each row, or the name of a column.")
    if not table.numbered:
        raise ValueError(f"{part} is an array, but the data are partitions of Dask: make it a column of them.")
    if len(array) != table.total:
        raise ValueError(f"{part} has {len(array)} rows, but the data have {table.total}.")
    return partial(_numbered, array), None


def _expression(part: str, expression: str, frame: Frame) -> _Part:
    """An expression that gives one number for each row."""
    formula = _formula(f"0 + {{{expression}}}")
    found, matrix = _Part.fixed(formula, frame)
    if matrix.shape[1] != 1 or found.spec.factor_contrasts:
        what = "text or levels" if found.spec.factor_contrasts else f"{matrix.shape[1]} columns"
        raise ValueError(f"{part}: {expression.strip('`')} is {what}, and not one number for each row.")
    return found


def _response(name: str, family: Family, sample: Frame) -> tuple[Take, tuple[str, ...], str | None]:
    """Return (take, outputs, event): what gives y for a frame, and what its columns mean."""
    has_classes = isinstance(family, Multinomial)
    if name not in sample:
        if has_classes:
            raise ValueError(f"the response of a multinomial model is a column of classes, not {name}.")
        return _expression("the response", name, sample), (name,), None
    check_kind(sample[name], name)
    if _is_number(sample[name]) and not has_classes:
        return partial(_column, name), (name,), None
    levels = list(sample[name].astype("category").cat.categories)  # sorted, or in the order of a categorical column
    if has_classes and (len(levels) < 2 or any(isinstance(level, float) and level % 1 for level in levels)):
        raise ValueError(f"the response of a multinomial model is a column of classes, but {name} has {listed_levels(levels)}.")
    if not has_classes and not (isinstance(family, Binomial) and len(levels) == 2):
        wanted = "numbers, or two levels" if isinstance(family, Binomial) else "numbers"
        raise ValueError(f"the response of a {family} model is {wanted}, but {name} has the levels {listed_levels(levels)}.")
    indicators = partial(_indicators, name, levels, np.arange(len(levels)) if has_classes else 1)
    said = tuple(str(level) for level in levels)
    return indicators, (said if has_classes else (name,)), (None if has_classes else said[1])


# -- parts of a batch, made of a frame in any process --------------------------------------------------------------------------


def _none(frame: Frame) -> None:
    return None


def _zeros(k: int, frame: Frame) -> np.ndarray:
    return np.zeros((len(frame), k))


def _column(name: str, frame: Frame) -> np.ndarray:
    return np.asarray(frame[name].to_numpy(float))


def _numbered(array: np.ndarray, frame: Frame) -> np.ndarray:
    """The numbers of an array beside the data."""
    return array[frame.index]


def _indicators(name: str, levels: list[Any], wanted: Any, frame: Frame) -> np.ndarray:
    """Whether a column has the levels that are wanted, by their numbers."""
    codes = pandas_module().Categorical(frame[name], categories=levels).codes[:, None]
    return np.asarray((codes == wanted).astype(float))
