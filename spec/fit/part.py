"""The columns that a formula makes of any rows. Levels, knots and means are fixed once, on a frame."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from spec.fit.arithmetic import NAMES, meant, number
from spec.fit.frames import Frame, listed_levels, pandas_module
from spec.fit.numeric import reads_as_number
from spec.fit.parsed import formulaic, names_of

SPLINE = re.compile(r"^(c[rsc]\(.*)\)\[\d+\]$")  # natural and cyclic cubic splines
PLAIN, CENTRED = r"\1)", r"\1, constraints='center')"
ALONE = 4  # computed columns that are asked of rows by themselves
MANY = 10  # levels that read as numbers, beside a few that do not


@dataclass(frozen=True, eq=False)
class Part:
    """Columns that are made of data, by a formula whose levels and knots are fixed."""

    spec: Any
    needs: tuple[str, ...]  # the columns of the data
    numeric: tuple[str, ...]  # those that hold numbers
    booleans: tuple[str, ...]  # of these those that hold True and False

    @classmethod
    def fixed(cls, formula: Any, frame: Frame) -> tuple[Part, np.ndarray]:
        """The formula fixed on a frame, and its columns there."""
        spec, matrix = _materialised(formula, frame)
        needs = tuple(names_of(formula))
        numeric = tuple(name for name in needs if name in frame and is_number(frame[name]))
        part = cls(spec, needs, numeric, tuple(name for name in numeric if _is_boolean(frame[name])))
        for expr, levels in _leveled(spec).items():
            if len(levels) < 2:
                raise ValueError(f"{expr} has one level only ({listed_levels(levels)}): leave it out.")
            if expr in frame:
                _refuse_numbers(expr, levels, frame)
        if part.intercept and (whole := [name for name in part.names if SPLINE.match(name) and "constraints" not in name]):
            own, centred = (SPLINE.sub(form, whole[0]) for form in (PLAIN, CENTRED))
            raise ValueError(f"the columns of {own} contain the intercept: write {centred}.")
        part._check_rows_by_themselves(frame, matrix)
        return part, part._without_intercept(matrix)

    def __call__(self, frame: Frame) -> np.ndarray:
        for name in self.numeric:
            if not is_number(frame[name]) and any(texts := [isinstance(value, str) for value in frame[name]]):
                row = int(np.argmax(texts))
                raise ValueError(
                    f"column {name} is text, such as {frame[name].iloc[row]!r} in row {frame.index[row]}, and held numbers in "
                    "the fit: convert it, as by pandas.to_numeric."
                )
            frame = self._of_one_type(frame, name)
        return self._without_intercept(_materialised(self.spec, frame)[1])

    def _of_one_type(self, frame: Frame, name: str) -> Frame:
        """True and False as 1 and 0 where the fit had numbers, and the other way round: as levels they would not be the same."""
        column = frame[name]
        if _is_boolean(column) and name not in self.booleans:
            return frame.assign(**{name: column.astype(float)})
        if name in self.booleans and is_number(column) and not _is_boolean(column) and column.isin([0, 1]).all():
            return frame.assign(**{name: column.astype(bool)})
        return frame

    @property
    def intercept(self) -> bool:
        return "Intercept" in self.spec.column_names

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name in self.spec.column_names if name != "Intercept")

    def _without_intercept(self, matrix: np.ndarray) -> np.ndarray:
        return np.delete(matrix, self.spec.column_names.index("Intercept"), axis=1) if self.intercept else matrix

    def _check_rows_by_themselves(self, frame: Frame, matrix: np.ndarray) -> None:
        """
        Raise ValueError for a column that has other values where other rows are around, as ``x - x.mean()``.

        Half of the rows tell a mean. A maximum may be in that half, so rows are asked by themselves: those where a column that is
        computed is least or largest, and the next to the largest.
        """
        computed = [j for j, name in enumerate(self.spec.column_names) if "(" in name and not name.startswith("C(")]
        half = np.random.default_rng(0).permutation(len(frame))[: min(len(frame) // 2 + 1, 1000)]
        ends = np.unique(np.argsort(matrix[:, computed[:ALONE]], axis=0)[[0, -2, -1]]) if len(frame) > 1 else half
        for rows in (half, *ends[:, None]):
            made = _materialised(self.spec, frame.iloc[rows])[1]
            same = np.isclose(made, matrix[rows], rtol=1e-9, equal_nan=True).all(axis=0)
            if same.all():
                continue
            raise ValueError(
                f"{self.spec.column_names[int(np.argmin(same))]} is made of several rows, and so has no value for a new row: use "
                "center(...) or scale(...), which remember what they took from the data, or make it a column of the data first."
            )


def _materialised(formula: Any, frame: Frame) -> tuple[Any, np.ndarray]:
    """Return (spec, matrix): a formula's columns in a frame, and the formula fixed on it, if it was not before."""
    coded = [name for name in _leveled(formula) if name in frame and is_number(frame[name])]
    frame = frame.astype(dict.fromkeys(coded, object))  # numbers that were categories in the fit
    materializer = formulaic("formulaic.materializers").PandasMaterializer(frame, context=NAMES)
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


def is_number(column: Any) -> bool:
    return bool(pandas_module().api.types.is_numeric_dtype(column))


def _is_boolean(column: Any) -> bool:
    return bool(pandas_module().api.types.is_bool_dtype(column))


def _is_whole(column: Any) -> bool:
    """Whether a column holds whole numbers, whose products could overflow."""
    return bool(pandas_module().api.types.is_integer_dtype(column))


def _leveled(spec: Any) -> dict[str, list[Any]]:
    """The levels of each categorical factor of a fixed formula; empty if the formula is not fixed."""
    states = getattr(spec, "encoder_state", {}).items()
    return {expr: state["categories"] for expr, (_, state) in states if "categories" in state}


def _refuse_numbers(name: str, levels: list[Any], frame: Frame) -> None:
    """Raise ValueError for numbers that are text: all of them, or since one is none, or since their decimal sign is a comma."""
    odd = [level for level in levels if isinstance(level, str) and not reads_as_number(level)]
    is_text = not isinstance(frame[name].dtype, pandas_module().CategoricalDtype)
    if is_text and len(levels) >= MANY and not odd and all(isinstance(level, str) for level in levels):
        raise ValueError(
            f"column {name} holds numbers that are written as text, such as {levels[0]!r}: convert it, as by pandas.to_numeric; "
            f"or write C({name}), if its values are levels."
        )
    if len(levels) - len(odd) >= max(MANY, 9 * len(odd)) and odd:
        row = frame.index[int(np.argmax((frame[name] == odd[0]).to_numpy()))]
        raise ValueError(
            f"column {name} is text, since {odd[0]!r} in row {row} is no number: mend or drop such rows, then convert it, as by "
            f"pandas.to_numeric; or write C({name}), if its values are levels."
        )
    if len(odd) >= MANY and all(re.fullmatch(r"-?\d+,\d+", level) for level in odd):
        raise ValueError(
            f"column {name} is text, since its decimal sign is the comma: read it by pandas.read_csv(..., decimal=',')."
        )


def _typed(level: Any) -> tuple[bool, Any]:
    """A level, and whether it is True or False, which are 1 and 0 for Python, and no such levels."""
    return isinstance(level, (bool, np.bool_)), level


def _check_levels(spec: Any, materializer: Any, frame: Frame) -> None:
    """Raise ValueError for a value of a factor that is none of its levels."""
    for expr, levels in _leveled(spec).items():
        if expr not in materializer.factor_cache:
            continue
        column = pandas_module().Series(materializer.factor_cache[expr].values.__wrapped__)
        known = set(map(_typed, levels))
        if new := [value for value in column.unique().tolist() if _typed(value) not in known]:
            row = frame.index[int(np.argmax(column == new[0]))]
            kind = ""
            if str(new[0]) in map(str, levels):
                kind = f" Here it is of type {type(new[0]).__name__}, and in the fit of type {type(levels[0]).__name__}."
            raise ValueError(f"{expr} has the new level {new[0]!r} in row {row}: the levels are {listed_levels(levels)}.{kind}")
