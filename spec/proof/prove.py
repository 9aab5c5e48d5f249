"""
The proof of rungs 1 to 4 for all weights, inputs and responses: the program of a network is the claim, case by case.

`prove` reads the program that Keras traces, gives the sum b + x w (+ offset) the name eta, and compares the mean, the loss, what
is back-propagated, and that differentiated again, with the claim. Each comparison is decided: the difference is the polynomial 0,
or it is shown to differ from 0 at a point, in balls. What remains is the finding.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, product
from typing import Any

import numpy as np

from spec.engines.contract import Recipe
from spec.engines.keras.network import KerasNetwork
from spec.problems import Problem
from spec.proof import rows
from spec.proof.cases import Case, cases
from spec.proof.claimed import CUMULATIVE, PARAMETERS, Row, beyond, claimed, columns, names, penalty, points, row
from spec.proof.field import Approximation, Expr
from spec.proof.functions import put
from spec.proof.programs import Program, traced
from spec.proof.reading import Classes, Operations, Value
from spec.proof.rows import Tensor
from spec.proof.words import written

RUNGS = ("mean", "objective", "gradient", "curvature")


@dataclass(frozen=True)
class Remainder:
    """
    What is left of a rung under some conditions: the program's expression less the claimed one, or why there is none.

    ``size`` is its value at one point there, as a ball; a ball about 0 says that it is too small to be told from 0.
    """

    rung: str
    where: tuple[str, ...]
    left: Expr | str
    size: str

    @cached_property
    def formula(self) -> str:
        """What is left, in words; it may be very long, and is made when it is asked for."""
        return self.left if isinstance(self.left, str) else written(self.left)


@dataclass(frozen=True)
class Proof:
    """
    What was decided of a network: the remainders, the ``conditions`` of each case without one, and the cases that no point meets.

    ``read`` are the real numbers that rounded constants of the program were read as. ``everywhere`` says that all cases were
    decided.
    """

    name: str
    remainders: tuple[Remainder, ...]
    conditions: tuple[tuple[str, ...], ...]
    unmet: tuple[tuple[str, ...], ...]
    read: tuple[str, ...]
    seconds: float
    everywhere: bool
    program: Program = field(compare=False, repr=False)

    def of(self, rung: str) -> tuple[Remainder, ...]:
        return tuple(each for each in self.remainders if each.rung == rung)


def prove(problem: Problem, network: KerasNetwork | None = None, everywhere: bool = True) -> Proof:
    """
    Decide rungs 1 to 4 of the problem's network, or of another network that is said to be its.

    If not ``everywhere``, in one case alone, in which eta lies near 0: a clip of many classes makes too many to decide them all.

    Raises NoReader where the backend has none, UnknownPrimitive for a program that its reader does not know, and Meets where
    rows or inputs meet where those of a generalized linear model do not.
    """
    if not isinstance(problem, Problem):
        raise TypeError(f"prove takes a spec.problems.Problem, and not a {type(problem).__name__}: its network is made of it.")
    started = time.perf_counter()
    network = network or KerasNetwork(problem)
    program = traced(network)
    remainders, conditions, unmet, read = [], [], [], set()

    def run(case: Case) -> list[tuple[str, Expr]] | ArithmeticError:
        try:
            found = list(_differences(problem, network, program, case))
            for name, value in case.pinned.items():
                found = [(rung, put(difference, name, case.field.number(value))) for rung, difference in found]
            return found
        except Approximation as error:
            return error
        except ArithmeticError as error:
            if case.is_met:
                raise
            return error

    positive = frozenset({"n", "weight"} | ({"eta"} if getattr(problem.model.eta_domain, "low", -1) >= 0 else set()))
    for case, found in islice(cases(run, points(problem, network.recipe), positive), None if everywhere else 1):
        where = tuple(str(fact) for fact in case.facts)
        if isinstance(found, ArithmeticError):
            if case.is_met or isinstance(found, Approximation):
                remainders.append(Remainder("", where, str(found), ""))
            else:
                unmet.append(where)
            continue
        if not case.is_met and any(not difference.is_zero for _, difference in found):
            unmet.append(where)
            continue
        left = [(rung, difference) for rung, difference in found if not difference.is_zero]
        read |= case.field.read
        remainders += [Remainder(rung, where, difference, _size(difference)) for rung, difference in left]
        if not left:
            conditions.append(where)
    seconds = time.perf_counter() - started
    everywhere = everywhere or conditions == [()]
    return Proof(
        str(problem), tuple(remainders), tuple(conditions), tuple(unmet), tuple(sorted(read)), seconds, everywhere, program
    )


def _size(difference: Expr) -> str:
    at = ", ".join(f"{name} = {value:g}" for name, value in difference.place().items())
    return f"{difference.value().str(6)} at {at}"


def _differences(problem: Problem, network: KerasNetwork, program: Program, case: Case) -> Any:
    """(rung, what the program has less what is claimed) of each entry, in a case."""
    model, recipe, k = problem.model, network.recipe, problem.k
    at, m = row(model, k, case, recipe), columns(k, recipe)
    found = _read(problem, network, at, program, case)
    mean, loss, gradient, second = found[0], found[1], found[2 : 2 + (len(found) - 2) // 2], found[2 + (len(found) - 2) // 2 :]
    claim = claimed(model, k, case, recipe)
    scale = network.loss_scale * at.weight / at.n
    w, v, x = names("w", m), names("v", m), _inputs(recipe, case)
    penalties = [penalty(recipe, case.symbol(own), case.symbol(along), case) for own, along in zip(w, v)]

    for own, expected in zip(np.ravel(mean.entries), claim.mean):
        yield "mean", own - expected
    rest = _part(loss, rows.ROWS) + scale * claim.kernel
    yield "objective", rest if any(name.startswith(PARAMETERS) for name in rest.symbols) else case.field.number(0)
    yield "objective", _part(loss, rows.INPUTS) - sum((each[0] for each in penalties), case.field.number(0))
    yield "objective", _part(loss, "")
    for rung, variables, claims, own in (("gradient", gradient, claim.score, 1), ("curvature", second, claim.bend, 2)):
        for place, (tensor, factor, each) in enumerate(zip(variables, (x, np.ones_like(x)), claims)):
            expected = [factor @ each] if recipe.alternatives else factor * each
            for output in range(len(expected)):
                entry = {axes: array.reshape(-1)[output] for axes, array in tensor.parts.items()}
                yield rung, entry.get(rows.ROWS, 0) + scale * expected[output]
                rest = entry.get("", case.field.number(0))
                yield rung, beyond(rest, penalties[output][own], recipe.l1) if place == 0 else rest


def _inputs(recipe: Recipe, case: Case) -> np.ndarray:
    """The symbol of an input; with alternatives there is one for each of them."""
    return np.array([case.symbol(name) for name in names("x", recipe.alternatives or 1)], dtype=object)


def _part(tensor: Tensor, axes: str) -> Any:
    """The one entry of a part."""
    (array,) = [array for own, array in tensor.parts.items() if own == axes] or [np.array([None])]
    (entry,) = array.reshape(-1)
    if entry is None:
        some = next(iter(tensor.parts.values())).reshape(-1)[0]
        return some.field.number(0)
    return entry


def _read(problem: Problem, network: KerasNetwork, at: Row, program: Program, case: Case) -> Any:
    """The program's outputs, where the sum of a row's products, bias and offset has the name eta."""
    k, m, symbol = problem.k, columns(problem.k, network.recipe), case.symbol

    def vector(name: str) -> np.ndarray:
        return np.array([symbol(each) for each in names(name, m)], dtype=object)

    zero = np.array([case.field.number(0)] * m, dtype=object)
    ordered = network.recipe.head in CUMULATIVE
    bias, along = (vector("b"), vector("a")) if problem.intercept and not ordered else (zero, zero)
    offset = zero if problem.offset is None else vector("offset")
    x, w, v = _inputs(network.recipe, case), vector("w"), vector("v")
    products = _products(x, w, at.eta - bias - offset) | _products(x, v, at.t - along)
    ops = Operations(case, products)
    inputs = [rows.tensor(("n", rows.merged([len(x), "p"])), x)]
    if network.problem.offset is not None:
        inputs.append(rows.tensor(("n", k), offset))
    y: Value = rows.tensor(("n", k), at.y)
    if len(network.data[1].shape) == 1:
        y = Classes(y) if network.recipe.sparse else rows.reshape(y, ("n",))
    data = [*inputs, y, rows.tensor(("n",), at.weight)]
    pairs = ((w, at.theta), (v, at.d)) if ordered else ((w, bias), (v, along))
    weights, directions = ([rows.tensor(("p", m), kernel), rows.tensor((len(own),), own)] for kernel, own in pairs)
    if (count := len(network.variables)) > 2:
        raise rows.Meets(f"the inputs meet {count} variables, where a kernel and a bias or thresholds are known")
    return program.read(ops, data, weights[:count], directions[:count])


def _products(x: np.ndarray, kernel: np.ndarray, values: np.ndarray) -> dict[tuple[str, str], Expr]:
    """The names of the products of each input with each column of a kernel: one of the two is the only one."""
    return {(own.key, column.key): value for (own, column), value in zip(product(x, kernel), values)}
