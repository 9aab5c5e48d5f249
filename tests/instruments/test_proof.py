"""
The proofs: the normal form decides, the readers compute what the backend computes, and what no table knows is named.

What is proven of the networks is claimed in tests/claims/test_18_for_all_weights.py, with networks that have no proof beside it.
"""

from __future__ import annotations

import json
import math
import re
from fractions import Fraction

import numpy as np
import pytest

from spec import problems
from spec.engines.contract import Recipe
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.network import KerasNetwork, use_float64
from spec.engines.keras.versions import keras
from spec.files import ROOT
from spec.model import PAIRS
from spec.problems.published import MODECHOICE
from spec.proof import functions, jaxpr, rows, tensorflow
from spec.proof.cases import Case, cases
from spec.proof.claimed import points, row
from spec.proof.field import Approximation, Field, Undecided
from spec.proof.functions import slope
from spec.proof.namespace import Expressions
from spec.proof.programs import traced
from spec.proof.prove import _differences, _read, prove
from spec.proof.reading import Classes, UnknownPrimitive
from spec.proof.rows import Meets
from spec.proof.table import DATA, PAGE, cell, page
from spec.proof.tensorflow_shapes import SHAPES
from spec.proof.words import bound, written

PROBLEMS = problems.where(tag="pair")
COUNTS = problems.get("poisson-log")


@pytest.fixture(scope="module", autouse=True)
def _float64():
    use_float64()


@pytest.fixture
def field():
    return Field({"eta": 0.3, "y": 0.37, "w": -1.5}, frozenset())


# -- the normal form --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("exp", lambda x, e, r: e(x) * e(-x), lambda x, e, r: x / x),
        ("log", lambda x, e, r: functions.log(1 + e(x)) - functions.log(1 + e(-x)), lambda x, e, r: x),
        (
            "log of a product",
            lambda x, e, r: functions.log(e(2 * x) - 1),
            lambda x, e, r: functions.log(e(x) - 1) + functions.log(1 + e(x)),
        ),
        ("root", lambda x, e, r: 1 / (r(2) - 1), lambda x, e, r: r(2) + 1 + 0 * x),
        ("roots", lambda x, e, r: r(2) * r(3), lambda x, e, r: r(6) + 0 * x),
        ("erfc", lambda x, e, r: functions.erfc(x) + functions.erfc(-x), lambda x, e, r: 2 + 0 * x),
        ("angle", lambda x, e, r: functions.arctan2(1 + 0 * x, x) + functions.arctan2(1 + 0 * x, -x), lambda x, e, r: x.field.pi),
        ("power", lambda x, e, r: e(x) ** Fraction(3, 2), lambda x, e, r: e(x * 3 / 2)),
        ("exp of log", lambda x, e, r: e(2 * functions.log(1 + e(x))), lambda x, e, r: (1 + e(x)) * (1 + e(x))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_equal_functions_are_one_expression(field, name, left, right):
    """Two ways to write a function have a difference that is the polynomial 0, and it differs from itself plus 1e-30."""
    x = field.symbol("eta")
    found = left(x, functions.exp, lambda n: field.number(n).root()) - right(x, functions.exp, lambda n: field.number(n).root())

    assert found.is_zero
    assert (found + Fraction(1, 10**30)).sign() == 1


@pytest.mark.parametrize("model", PAIRS, ids=str)
def test_the_textbook_score_is_the_slope_of_the_kernel(model):
    """(y - mu) h' / V is the derivative of k(y, h(eta)), for each pair, by the normal form and by the slopes of its atoms."""
    inside = 0.3 if model.eta_domain.contains(0.3) else -0.3
    field = Field({"eta": inside, "y": 0.37})
    xp, eta, y = Expressions(field), field.symbol("eta"), field.symbol("y")
    mu = model.link.inverse(eta, xp)
    score = (y - mu) * model.link.inverse_derivative(eta, xp) / model.family.variance(mu, xp)

    assert (slope(model.family.kernel(y, mu, xp), "eta") - score).is_zero
    assert not (slope(model.family.kernel(y, mu, xp), "eta") - 2 * score).is_zero


@pytest.mark.parametrize("name", sorted(functions.CONSTANTS))
def test_a_rounded_constant_is_read_as_the_real_number(field, name):
    """Within two units in the last place, and noted; a trillionth beside it is a number like any other."""
    nearest, make = functions.CONSTANTS[name]

    assert (functions.constant(field, -nearest) + make(field)).is_zero
    assert name in field.read
    assert abs(float(make(field).value()) - nearest) <= 2 * math.ulp(nearest)
    assert functions.constant(field, nearest * (1 + 1e-12)).constant == Fraction(nearest * (1 + 1e-12))


def test_what_is_beyond_the_normal_form_is_said(field):
    """The logarithm of what is negative, a quotient by 0, a degree that only approximations have."""
    x = field.symbol("eta")

    with pytest.raises(Undecided, match="not positive"):
        functions.log(-1 - functions.exp(x))
    with pytest.raises(ZeroDivisionError, match="quotient by 0"):
        x / (x - x)
    with pytest.raises(Approximation, match="degree 17 in eta"):
        x**17


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x: 3 - 2 * x, ("eta", -1, Fraction(3, 2))),
        (lambda x: functions.exp(x) - 2, ("eta", 1, math.log(2))),
        (lambda x: 1 / (1 + functions.exp(-x)) - Fraction(1, 4), ("eta", 1, math.log(1 / 3))),
        (lambda x: x * x - 2, None),
    ],
)
def test_a_condition_is_a_bound_of_a_symbol_where_it_is_one(field, make, expected):
    """Through exponentials and sigmoids; a square is no bound."""
    found = bound(make(field.symbol("eta")))

    assert found == (expected and (*expected[:2], pytest.approx(expected[2])))


def test_a_remainder_is_written_as_a_formula(field):
    """With the constant of the program as it stands there."""
    eta, y = field.symbol("eta"), field.symbol("y")

    assert written(y * functions.log(functions.exp(eta) + 1e-7)) == "y log(exp(eta) + 1e-07)"


# -- cases ------------------------------------------------------------------------------------------------------------------


def test_every_branch_is_a_case():
    """A program with two comparisons has the three cases that are possible, and their conditions are said."""

    def run(case: Case):
        return [case.holds(case.symbol("eta") - limit, ">") for limit in (0, 4)]

    found = {tuple(str(fact) for fact in case.facts): result for case, result in cases(run, [{"eta": 9.0}, {"eta": 1.0}])}

    assert found == {("eta > 0", "eta > 4"): [True, True], ("eta > 0", "eta <= 4"): [True, False], ("eta <= 0",): [False, False]}


def test_an_equality_puts_the_value_in_place_of_the_symbol():
    """Where y = 0, it is 0 in all that follows."""
    found = {
        str(case.facts[0]): case.symbol("y").constant for case, _ in cases(lambda c: c.holds(c.symbol("y"), "=="), [{"y": 2.0}])
    }

    assert found == {"y != 0": None, "y = 0": 0}


def test_a_value_in_place_of_a_symbol_takes_no_other_symbol_for_it():
    """Where y1 = 0 it is no symbol any more, and the next takes its place among the atoms: y2 is asked for all the same."""

    def run(case: Case):
        return [case.holds(case.symbol(name), "==") for name in ("y1", "y2")]

    found = {tuple(result) for _, result in cases(run, [{"y1": 2.0, "y2": 3.0}])}

    assert found == {(one, other) for one in (True, False) for other in (True, False)}


def test_a_multiple_of_a_symbol_is_0_where_the_symbol_is():
    """The weight is positive, so its product with y asks nothing that y has not asked."""

    def run(case: Case):
        return [case.holds(expr, "==") for expr in (case.symbol("y"), case.symbol("weight") * case.symbol("y") / 3)]

    found = [result for _, result in cases(run, [{"y": 2.0, "weight": 3.0}], frozenset({"weight"}))]

    assert found == [[False, False], [True, True]]


# -- rows -------------------------------------------------------------------------------------------------------------------


def test_rows_that_meet_are_refused(field):
    """A function of a sum, a sum times a row, a product of two sums, every row with every row, a sum of a sum."""
    each = rows.tensor(("n",), field.symbol("eta"))
    whole = rows.total(each, [0])

    with pytest.raises(Meets, match="not linear"):
        rows.apply(functions.exp, whole)
    with pytest.raises(Meets, match="multiplied"):
        rows.multiply(whole, each)
    with pytest.raises(Meets, match="multiplied"):
        rows.multiply(whole, whole)
    with pytest.raises(Meets, match="every row"):
        rows.add(each, rows.tensor(("n", 1), field.symbol("y")))
    with pytest.raises(Meets, match="again"):
        rows.total(rows.spread(whole, ("n",)), [0])


def test_inputs_that_meet_something_else_than_the_kernel_are_refused(field):
    """The product of X with anything that is not its kernel."""
    X, other = rows.tensor(("n", "p"), field.symbol("eta")), rows.tensor(("p", 1), field.symbol("y"))

    with pytest.raises(Meets, match="not the kernel"):
        rows.contract(X, other, {})


def test_what_is_cut_is_joined_again_and_rows_are_not(field):
    """Zeros around the entries, cumulative sums from either end, sums over the rows among them; along the rows neither."""
    eta, y, zero = field.symbol("eta"), field.symbol("y"), field.number(0)
    each = rows.tensor(("n", 2), [eta, y])
    whole = rows.total(each, [0])
    back = rows.running(whole, 0, backwards=True).parts["n"]
    both = rows.joined([whole, rows.tensor((1,), zero)], 0, zero)

    assert [entry.key for entry in back] == [(eta + y).key, y.key]
    assert [entry.key for entry in both.parts["n"]] == [eta.key, y.key, zero.key]
    assert [entry.key for entry in rows.padded(each, [0, 1], [0, 0], zero).entries[0]] == [zero.key, eta.key, y.key]
    for make in (
        lambda: rows.running(each, 0),
        lambda: rows.joined([each, each], 0, zero),
        lambda: rows.padded(each, [1, 0], [0, 0], zero),
    ):
        with pytest.raises(Meets):
            make()


def test_several_axes_are_made_one_and_taken_apart_again_where_none_changes_its_place():
    """The inputs of three alternatives, apart and as rows of their own: never those of another alternative."""
    names = ("x1", "x2", "x3")
    x = [*map(Field(dict.fromkeys(names, 0.3), frozenset()).symbol, names)]
    X = rows.tensor(("n", rows.merged([3, "p"])), x)
    apart = rows.reshape(X, ("n", 3, 4))  # the program has the number of the inputs, here 4
    as_rows = rows.reshape(apart, (rows.merged(["n", 3]), "p"))

    assert (apart.shape, as_rows.shape) == (("n", 3, "p"), ("n*3", "p"))
    assert [entry.key for entry in as_rows.entries[:, 0]] == [each.key for each in x]
    assert rows.reshape(as_rows, (-1, 3, "p")).shape == apart.shape
    assert rows.total(as_rows, [0]).parts["n"][0].key == sum(x[1:], x[0]).key
    assert rows.reshape(apart, ("n", 12)).shape == X.shape
    for shape in (("n", 4, 3), ("n*4", 3), (3, "n", "p"), ("n", 3, "p", 2)):
        with pytest.raises(Meets):
            rows.reshape(X, shape)
    with pytest.raises(Meets, match="made one"):
        rows.reshape(rows.transpose(apart, [1, 0, 2]), (3, rows.merged(["n", "p"])))


def test_classes_compared_with_other_numbers_than_theirs_are_refused(field):
    """As whole numbers they are 0, 1, ..., k - 1: shifted by one, or one fewer, is another loss."""
    y = rows.tensor(("n", 3), [field.symbol("y")] * 3)

    assert Classes(y).equal([[0, 1, 2]]) is y
    for others in ([1, 2, 3], [0, 1]):
        with pytest.raises(Meets, match="other numbers"):
            Classes(y).equal(others)


# -- the readers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_the_reader_computes_what_the_program_computes(problem, rng):
    """
    At one random row the expressions have the values of the program itself: the mean, the loss, and its gradient.

    So a table with a wrong entry does not pass because the claim has the same mistake.
    """
    network = KerasNetwork(problem)
    place = int(rng.integers(problem.n))
    one = problem.with_data(
        X=problem.X[place : place + 1], y=problem.y[place : place + 1], weights=problem.row_weights[place : place + 1, 0]
    )
    network.weights = [0.1 * rng.uniform(0.5, 1, size=w.shape) + (0.1 if w.ndim == 1 else 0) for w in network.weights]
    kernel, bias = network.weights
    eta = one.eta(network.params)
    if not problem.model.eta_domain.contains(float(eta[0, 0])):
        bias = bias - eta[0] - (0.4 if problem.model.eta_domain.contains(-0.4) else -0.4)
        network.weights = [kernel, bias]
        eta = one.eta(network.params)
    other = network.on(one)
    loss, gradient = other.backpropagate()
    mean = other.predict()

    point = {**next(points(problem)), "eta": float(eta[0, 0]), "y": float(one.y[0, 0]), "n": 1.0}
    point |= {"weight": float(one.row_weights[0, 0]), "x": 1.0, "b": float(bias[0])}
    case = Case([], {}, Field(point))
    if BACKEND.name == "jax" and str(problem) == "binomial-probit":
        with pytest.raises(Approximation, match="from the bits of another"):
            _read(problem, network, row(problem.model, 1, case), traced(network), case)
        return
    found = _read(problem, network, row(problem.model, 1, case), traced(network), case)

    # the program rounds some tens of times, the expressions in balls of 256 bits do not
    assert float(found[0].entries[0, 0].value()) == pytest.approx(float(mean[0, 0]), rel=1e-12)
    assert float(found[1].parts["n"].reshape(-1)[0].value()) == pytest.approx(loss, rel=1e-10, abs=1e-13)
    assert float(found[3].parts["n"].reshape(-1)[0].value()) == pytest.approx(gradient[1][0], rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_the_reader_computes_what_ordered_thresholds_compute(link, rng):
    """At one row the mean, the loss and what is back-propagated into the thresholds have the values of the program itself."""
    problem, recipe = problems.get("softmax-3-to-3"), Recipe(head=f"cumulative-{link}")
    one = problem.with_data(X=problem.X[:1], y=problem.y[:1], weights=problem.row_weights[:1, 0])
    network = KerasNetwork(problem, recipe)
    network.weights = [rng.uniform(0.1, 0.5, size=w.shape) for w in network.weights]
    kernel, (first, log_increment) = network.weights
    other = network.on(one)
    loss, gradient = other.backpropagate()

    point = {**next(points(problem, recipe)), "eta": float((one.X @ kernel)[0, 0]), "theta1": float(first), "n": 1.0}
    point |= {"delta2": float(log_increment), "weight": float(one.row_weights[0, 0])}
    point |= {f"y{place + 1}": float(y) for place, y in enumerate(one.y[0])}
    case = Case([], {}, Field(point))
    if BACKEND.name == "jax" and link == "probit":
        with pytest.raises(Approximation, match="from the bits of another"):
            _read(problem, network, row(problem.model, 3, case, recipe), traced(network), case)
        return
    mean, value, _, in_thresholds, *_ = _read(problem, network, row(problem.model, 3, case, recipe), traced(network), case)

    assert [float(share.value()) for share in mean.entries[0]] == pytest.approx(other.predict()[0], rel=1e-10)
    assert float(value.parts["n"].reshape(-1)[0].value()) == pytest.approx(loss, rel=1e-10)
    assert [float(each.value()) for each in in_thresholds.parts["n"]] == pytest.approx(gradient[1], rel=1e-9)


def test_the_reader_computes_what_a_shared_neuron_computes(rng):
    """At one row of two alternatives, with a column each, the mean, the loss and the gradient have the program's values."""
    problem, recipe = problems.get("softmax-4-to-2"), Recipe(alternatives=2)
    x = rng.normal(size=2)
    one = problem.with_data(X=x[None], y=problem.y[:1], weights=problem.row_weights[:1, 0])
    network = KerasNetwork(one, recipe)
    network.weights = [rng.uniform(0.1, 0.5, size=w.shape) for w in network.weights]
    (weight,), *bias = (np.ravel(w) for w in network.weights)
    loss, gradient = network.backpropagate()

    point = {**next(points(problem, recipe)), "n": 1.0, "weight": float(one.row_weights[0, 0]), "b": float(bias[0][0])}
    for place in range(2):
        point |= {f"x{place + 1}": x[place], f"eta{place + 1}": weight * x[place] + bias[0][0], f"y{place + 1}": one.y[0, place]}
    case = Case([], {}, Field({name: float(value) for name, value in point.items()}))
    mean, value, in_kernel, *_ = _read(one, network, row(problem.model, 2, case, recipe), traced(network), case)

    assert [float(share.value()) for share in mean.entries[0]] == pytest.approx(network.predict()[0], rel=1e-10)
    assert float(value.parts["n"].reshape(-1)[0].value()) == pytest.approx(loss, rel=1e-10)
    assert float(in_kernel.parts["n"].reshape(-1)[0].value()) == pytest.approx(float(gradient[0][0, 0]), rel=1e-9)


def test_columns_of_the_alternatives_in_another_order_have_no_proof():
    """The layer takes the columns apart as if the alternatives of each column came one after another."""
    network = KerasNetwork(MODECHOICE, Recipe(alternatives=4))
    inputs = keras.Input((24,))
    turned = keras.layers.Permute((2, 1))(keras.layers.Reshape((6, 4))(inputs))
    network.model = keras.Model(inputs, network.model(keras.layers.Flatten()(turned)))

    with pytest.raises(Meets):
        prove(MODECHOICE, network)


def test_an_order_of_axes_is_turned_back():
    """The gradient of a transposition asks for that, as in the cross-entropy of Keras 3.16."""
    order = np.array([2, 0, 3, 1], dtype=object)
    back = SHAPES["InvertPermutation"](None, None, order)

    assert order[back.astype(int)].tolist() == [0, 1, 2, 3]
    assert back[order.astype(int)].tolist() == [0, 1, 2, 3]


def test_an_unknown_primitive_is_named(monkeypatch):
    """Both readers say which primitive of the program is in no table."""
    table, name, said = {
        "tensorflow": (tensorflow.OPERATIONS, "Exp", "TensorFlow's Exp .* is in no table"),
        "jax": (jaxpr.PRIMITIVES, "exp", "JAX's exp is in no table"),
    }[BACKEND.name]
    monkeypatch.delitem(table, name)

    with pytest.raises(UnknownPrimitive, match=said):
        prove(COUNTS)


def test_a_table_with_a_wrong_entry_proves_nothing(monkeypatch):
    """The exponential read as another function is not the mean of the model."""
    table, name = {"tensorflow": (tensorflow.OPERATIONS, "Exp"), "jax": (jaxpr.PRIMITIVES, "exp")}[BACKEND.name]
    monkeypatch.setitem(table, name, lambda ops, node, x: ops.unary["square"](x))

    assert {left.rung for left in prove(COUNTS).remainders} >= {"mean", "objective", "gradient"}


def test_the_book_shows_the_operations_of_the_program():
    """Each operation that the page on how a proof works has is one of TensorFlow's program; of JAX there are its own lines."""
    lines = traced(KerasNetwork(COUNTS)).lines()
    shown = (ROOT / "docs" / "for_all_weights.md").read_text(encoding="utf-8").partition("```text")[2].partition("```")[0]
    operations = set(re.findall(r"\b([A-Z]\w+)\(", shown)) - {"Cast"}  # which makes a number of n

    assert len(operations) > 5
    assert BACKEND.name != "tensorflow" or operations <= {line.split(" = ")[1].partition("(")[0] for line in lines}
    assert any("exp" in line.lower() for line in lines)


def test_a_softmax_that_clips_leaves_what_the_clip_changes():
    """Keras's cross-entropy clips the shares of an activation that it does not know; beyond the clip its gradient is 0."""
    proof = prove(problems.get("binomial-cloglog"), KerasNetwork(problems.get("binomial-cloglog"), Recipe(built_in_loss=True)))

    assert proof.of("gradient")
    assert any("eta" in condition for left in proof.of("gradient") for condition in left.where)


def test_a_clip_of_many_classes_is_decided_where_none_is_clipped_and_has_no_slope_beyond():
    """Near eta = 0 the cross-entropy of shares is the likelihood; far out, on JAX, something remains of all but the mean."""
    problem = problems.get("softmax-3-to-3")
    near, *_, far = points(problem)
    network = KerasNetwork(problem, Recipe(built_in_loss=True))

    def left(point):
        case = Case([], {}, Field(point, frozenset({"n", "weight"}), 80))
        return {rung for rung, difference in _differences(problem, network, traced(network), case) if not difference.is_zero}

    assert prove(problem, network, everywhere=False).conditions
    assert left(near) == set()
    assert left(far) == (set() if BACKEND.finds_logits else {"objective", "gradient", "curvature"})


def test_the_table_says_of_each_rung_what_is_proven():
    """The mean is proven, whatever the loss; Keras's own Poisson loss leaves a formula, and a clip bounds eta."""
    poisson, clipped = (
        prove(problem, KerasNetwork(problem, Recipe(built_in_loss=True)))
        for problem in (COUNTS, problems.get("binomial-cloglog"))
    )

    assert cell(poisson, "mean") == cell(clipped, "mean") == cell(prove(COUNTS), "gradient") == "proven"
    assert cell(poisson, "objective") == "remains `(eta y weight - y weight log(exp(eta) + 1e-07)) / (n)`"
    assert re.fullmatch(r"proven but where eta < -16.1181 or eta >=? 2.77994", cell(clipped, "gradient"))


def test_the_page_of_the_book_is_that_of_its_data():
    """docs/proven.md is what the table's module makes of docs/proven.json."""
    assert PAGE.read_text() == page(json.loads(DATA.read_text()))
