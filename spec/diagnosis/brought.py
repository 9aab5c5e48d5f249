"""Diagnose a reader's own network, or coefficients of another program, on the reader's own data."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from spec.diagnosis.answer import Answer
from spec.diagnosis.estimator import meant_by
from spec.diagnosis.explain import explain, with_reference
from spec.diagnosis.given import are_counts, given_question
from spec.diagnosis.network import answer_of_model
from spec.diagnosis.network_file import is_network_name, load_network
from spec.diagnosis.network_opened import meant_model
from spec.diagnosis.pipeline import bare, coded, transformed
from spec.diagnosis.question import Question, name_of_offset
from spec.diagnosis.result import Diagnosis
from spec.diagnosis.tables import answer_of_table
from spec.engines.keras.versions import keras
from spec.families import Family
from spec.fit.checks import find_wrong
from spec.fit.frames import frames, table_of
from spec.fit.named import model_of
from spec.fit.progress import rows_shown
from spec.fit.responses import no_counts, of_codes, of_shares, one_of
from spec.fit.rows import Batch, Rows
from spec.fit.sources import source
from spec.links import Link
from spec.model import Model, Params

YOURS = "your coefficients"
SHOWN = 4096  # rows in which a constant column is looked for, before all of them are read


def diagnose(
    model: Any,
    X: Any = None,
    y: Any = None,
    *,
    weights: Any = None,
    offset: Any = None,
    sample_weight: Any = None,
    formula: str | None = None,
    data: Any = None,
    family: str | Family | Model | None = None,
    link: str | Link | None = None,
    trials: Any = None,
    reference: Any = None,
    intercept: bool | None = None,
    quasi: bool | None = None,
    clusters: Any = None,
    progress: bool | Callable[[int], None] = False,
) -> Diagnosis:
    """
    Why a network, or coefficients of another program, are not the optimum of the model that is meant; or that they are.

    ``model`` is a Keras model, its file, ``package.module:model``, or coefficients in any form that
    `spec.diagnosis.tables.answer_of_table` takes. The data are ``X`` and ``y``, as `spec.fit.fit` takes them; or ``data``, a
    frame or a file, with a ``formula``, or with the name of the response for ``y`` and all other columns. ``weights``,
    ``offset`` and ``trials`` are arrays, or names and expressions such as "log(exposure)" beside ``data``.

    ``family`` and ``link`` say which model is meant. Without a family it is that of the network's last activation, with the
    family whose canonical link it inverts: a sigmoid means binomial-logit, an exponential Poisson-log. With X and y the model
    has an intercept unless a column of X is constant, or ``intercept`` says otherwise. ``reference`` is another program's answer
    to the same question: its diagnosis is that of `Diagnosis.reference`. ``clusters`` (n,), or the name of a column, say which
    rows go together, for standard errors that are of clusters; a result of statsmodels tells them itself.

    >>> import numpy as np
    >>> X, y = np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([1.0, 3.0, 5.0, 7.0])
    >>> diagnose({"const": 2.0, "x1": 4.0}, X, y, family="gaussian").verdict
    'none'
    """
    weights = one_of(weights, sample_weight)
    model = load_network(model) if is_network_name(model) else model
    brought_X, (own, made) = X, transformed(model, X)
    if own is not X:
        y, weights, offset, trials = (X[name] if isinstance(name, str) else name for name in (y, weights, offset, trials))
    y, labels = coded(model, y)
    X, made = own, (*made, *labels)
    stated, notes = _stated(model, X, y, family, link)
    beside = {"weights": weights, "offset": offset, "trials": trials}
    if data is not None or formula is not None:
        if data is None or X is not None:
            raise ValueError("a formula needs data=, a frame or a file with the columns that it names, and no X.")
        case = _case_of_data(stated, data, formula, y, beside)
    else:
        case = _case_of_arrays(stated, model, X, y, beside, intercept)
    clusters = _own_clusters(model) if clusters is None else clusters
    case = _checked(case, quasi)
    if clusters is not None:
        of_rows = _clusters(clusters, brought_X if data is None else data, case.question.rows)
        case = replace(case, question=replace(case.question, clusters=of_rows))
    question, answer = case.question, _answer(model, case)
    answer = replace(answer, notes=(*made, *notes, *answer.notes))
    with rows_shown(question.rows.total) if progress is True else nullcontext(progress or None) as on_rows:
        found = explain(question, answer, progress=on_rows)
        if reference is None:
            return found
        reference = load_network(reference) if is_network_name(reference) else reference
        return with_reference(found, explain(question, _answer(reference, case, "the reference"), progress=on_rows))


def asked(
    data: Any, brought: Any, family: Any, link: Any = None, formula: Any = None, response: Any = None, **beside: Any
) -> tuple[Question, Answer]:
    """Return (question, answer) of a file or a frame and what is brought to it; the keywords are those of `diagnose`."""
    beside = {"weights": None, "offset": None, "trials": None, **beside}
    case = _checked(_case_of_data(model_of(family, link), data, formula, response, beside))
    brought = load_network(brought) if is_network_name(brought) else brought
    return case.question, _answer(brought, case)


def _checked(case: _Case, quasi: bool | None = None) -> _Case:
    """The case with its quasi-likelihood decided; raises ValueError for responses that the model cannot have."""
    question = case.question
    if quasi or (quasi is None and no_counts(question.model, question.rows).any()):
        question = replace(question, quasi=True)
    find_wrong(question.model, question.rows, question.quasi)
    return replace(case, question=question)


# -- the question --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Case:
    """A question; ``constant`` are its columns that have one value, with it."""

    question: Question
    constant: tuple[tuple[int, float], ...] = ()


def _stated(model: Any, X: Any, y: Any, family: Any, link: Any) -> tuple[Model, tuple[str, ...]]:
    """Return (stated, notes): the model that is meant, and how that is known where the reader does not say."""
    if isinstance(family, Model):
        return family, ()
    if family is not None:
        return model_of(family, link), ()
    if (own := meant_by(bare(model))) is not None:
        meant = own if link is None else model_of(own.family, link)
        return meant, (f"No family was given: {meant} is meant, by the estimator. Give family= if it is another.",)
    if not isinstance(model, keras.Model):
        raise ValueError(
            "say which model is meant: family='binomial', 'poisson', 'gaussian', ..., and link= if it is another (gamma: log)."
        )
    meant = meant_model(model) if model.built and model.inputs else meant_model(model, source(X, y))
    if link is not None:
        meant = model_of(meant.family, link)
    return meant, (f"No family was given: {meant} is meant, by the network's last activation. Give family= if it is another.",)


def _case_of_data(stated: Model, data: Any, formula: str | None, y: Any, beside: dict[str, Any]) -> _Case:
    """The question of a frame or a file, with a formula or the name of a response."""
    if formula is None and not isinstance(y, str):
        raise ValueError("data need a formula such as 'y ~ x + C(group)', or the name of the response for y.")
    if formula is not None and y is not None:
        raise ValueError("give a formula or a response, and not both: the formula begins with its response.")
    return _Case(given_question(data, family=stated.family, link=stated.link, formula=formula, response=y, **beside))


def _case_of_arrays(stated: Model, model: Any, X: Any, y: Any, beside: dict[str, Any], intercept: bool | None) -> _Case:
    """The question of X and y, which are what `spec.fit.fit` takes."""
    if X is None:
        raise ValueError("give the data: X and y, or formula= and data=.")
    rows = source(X, y, beside["weights"], beside["offset"])
    trials = None
    if beside["trials"] is not None:
        trials = np.asarray(X[beside["trials"]] if isinstance(beside["trials"], str) else beside["trials"], dtype=float).ravel()
        rows = _of_trials(rows, trials)
    names = tuple(map(str, getattr(y, "columns", ())))
    if stated.has_classes:
        k = rows.sample(1).y.shape[1]
        if k == 1:
            k = _classes(model, rows)
            rows = rows.map_numbered(partial(of_codes, k=k))
        else:
            rows = rows.map(of_shares)
        outputs = names if len(names) == k else tuple(map(str, range(k)))
    else:
        if (k := rows.sample(1).y.shape[1]) > 1:
            raise ValueError(f"y has {k} columns, but {stated} has one output: give one of them, or family='multinomial'.")
        outputs = (y,) if isinstance(y, str) else names or (str(getattr(y, "name", None) or "y"),)
    constant = _constant(rows)
    columns = rows.columns or _numbered(rows.sample(1).X.shape[1], [j for j, _ in constant[:1]])
    intercept = not constant if intercept is None else intercept
    question = Question(
        stated,
        replace(rows, columns=columns, outputs=outputs),
        intercept,
        columns,
        outputs,
        trials=trials,
        offset=name_of_offset(beside["offset"]),
    )
    return _Case(question, () if intercept else constant)


def _own_clusters(result: Any) -> Any:
    """The clusters of a result of statsmodels, by its cov_type or as a GEE; None of anything else."""
    groups = getattr(result, "cov_kwds", {}).get("groups")
    own: Any = getattr(result, "model", None)
    return own.groups if groups is None and hasattr(own, "cov_struct") else groups


def _clusters(given: Any, data: Any, rows: Rows) -> np.ndarray:
    """Clusters (n,), or the name of a column of data, as numbers 0, 1, ...; they are as many as rows, which are in memory."""
    if isinstance(given, str):
        if isinstance(data, np.ndarray):
            raise ValueError(f"clusters={given!r} is the name of a column, but X has no names: give the labels themselves, (n,).")
        if given not in (names := table_of(data).columns):
            raise ValueError(f"there is no column {given} for clusters: the columns are {', '.join(map(str, names))}.")
        given = np.concatenate([np.asarray(frame[given]) for frame in frames(table_of(data), [given])])
    of_rows, n = np.asarray(given), sum(len(batch) for batch in rows.read(2**16))
    if of_rows.shape != (n,):
        raise ValueError(f"clusters are one label for each row, ({n},), but have the shape {of_rows.shape}.")
    return np.unique(of_rows.astype(str) if of_rows.dtype == object else of_rows, return_inverse=True)[1].ravel()


def _of_trials(rows: Rows, trials: np.ndarray) -> Rows:
    """The rows with the trials as a factor of the weights, and shares for responses that are counts of successes."""
    y = np.concatenate([batch.y[:, 0] for batch in rows.read()])
    if len(y) != len(trials):
        raise ValueError(f"trials has {len(trials)} rows, but y has {len(y)}.")
    counts = are_counts(y, trials, "y", "trials")

    def taken(batch: Batch, first: int) -> Batch:
        own = trials[first : first + len(batch)]
        return replace(batch, weights=batch.weights * own, y=batch.y / own[:, None] if counts else batch.y)

    made = rows.map_numbered(taken)
    return replace(made, draw=None)  # a sample drawn by chance lacks its numbers


def _classes(model: Any, rows: Rows) -> int:
    """The number of classes: of the network's units, else of the codes."""
    if isinstance(model, keras.Model) and model.built and int(model.outputs[0].shape[-1]) > 1:
        return int(model.outputs[0].shape[-1])
    ends = [(batch.y.min(), batch.y.max()) for batch in rows.read()]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if low >= 1:
        raise ValueError(f"the codes of y run from {low:g} to {high:g}, and those of classes begin at 0: give y - {low:g}.")
    return 1 + int(high)


def _numbered(p: int, constant: list[int]) -> tuple[str, ...]:
    """Names for columns that have none, as statsmodels makes them: x1, x2, ..., and const for the constant one."""
    names = iter(f"x{j}" for j in range(1, p + 1))
    return tuple("const" if j in constant else next(names) for j in range(p))


def _constant(rows: Rows) -> tuple[tuple[int, float], ...]:
    """The columns that have one value in all rows, other than 0, with that value."""
    X = rows.sample(SHOWN).X
    found = {j: float(X[0, j]) for j in np.flatnonzero((X[:1] == X).all(axis=0) & (X[0] != 0)).tolist()}
    for batch in rows.read() if found else ():
        found = {j: value for j, value in found.items() if (batch.X[:, j] == value).all()}
    return tuple(found.items())


# -- the answer ----------------------------------------------------------------------------------------------------------------


def _answer(brought: Any, case: _Case, name: str = "") -> Answer:
    """What a reader brings, as an answer to the question; ``name`` is what sentences call it."""
    question = case.question
    name = name or ("your network" if isinstance(brought, keras.Model) else YOURS)
    if isinstance(brought, keras.Model):
        has_own = question.intercept or not case.constant
        answer = answer_of_model(
            brought,
            question.rows,
            question.columns,
            name,
            stated=question.model,
            intercept=question.intercept if has_own else None,
        )
    elif isinstance(brought, Params):
        answer = Answer(brought, name, np.abs(brought.matrix) * 2.0**-53)
    else:
        called = "your table" if name == YOURS else name
        found = answer_of_table(
            brought, question.columns, question.intercept, question.outputs, called, str(question.model), question.offset
        )
        answer = replace(found, name=name, readings=tuple(replace(one, name=name) for one in found.readings))
    return _folded(answer, case) if case.constant else answer


def _folded(answer: Answer, case: _Case) -> Answer:
    """An answer with an intercept beside a constant column, whose coefficient takes it over."""
    intercept = answer.params.intercept
    if not intercept.any() or answer.params.coef.shape[0] != len(case.question.columns):
        return answer
    column, value = case.constant[0]
    matrix = answer.params.matrix
    matrix[0], matrix[1 + column] = 0.0, matrix[1 + column] + intercept / value
    rounding = np.array(np.broadcast_to(answer.rounding, matrix.shape))
    rounding[1 + column], rounding[0] = rounding[1 + column] + rounding[0] / abs(value), 0.0
    note = (
        f"The column {case.question.columns[column]} is constant, and {answer.name} has an intercept too: the coefficient of the "
        "column is that of both."
    )
    program = {code: says for code, says in answer.program.items() if code != "extra-intercept"}
    notes = (*answer.notes, note)
    return replace(answer, params=Params.from_matrix(matrix), rounding=rounding, program=program, notes=notes, coded=None)
