"""
The causes in the way to the optimum, each made here by a loop of its own in NumPy: descents, steps of few rows, Adam, a sample.

The losses and their gradients are those of `test_explain`, plain and by complex steps; nothing here asks a network.
"""

from __future__ import annotations

import numpy as np
import pytest

from spec.diagnosis import context as contexts
from spec.diagnosis.answer import Record
from tests.instruments.test_explain import N, asked, bend, drawn, minimum, said, sigmoid, slope, small, total

KINDS = ("logistic", "counts", "gamma", "normal", "classes")
SCALE = {"normal": 2.0}  # of Keras's squared error, which has no factor 1/2


def white(X):
    """Columns that are standardised, so that no direction is much flatter than another."""
    return (X - X.mean(axis=0)) / X.std(axis=0)


def fastest(kind, X, y, scale=1.0):
    """The rate at which gradient descent on the mean loss is no longer stable at the optimum, for columns X * scale."""
    sizes = np.repeat(np.append(1.0, np.ones(X.shape[1]) * scale), y.shape[1])
    information = sizes[:, None] * bend(total(kind, X, y), minimum(kind, X, y).ravel()) * sizes
    return 2 * len(X) / (SCALE.get(kind, 1.0) * np.linalg.eigvalsh(information).max())


def descent(kind, X, y, rate, steps, start=None, batch=None, rng=None):
    """The weights (1 + p, k) after steps of gradient descent on the mean loss of all rows, or of ``batch`` rows in each step."""
    b = np.zeros((X.shape[1] + 1) * y.shape[1]) if start is None else np.ravel(start)
    for _ in range(steps):
        rows = np.arange(len(X)) if batch is None else rng.choice(len(X), batch, replace=False)
        b = b - rate * SCALE.get(kind, 1.0) / len(rows) * slope(total(kind, X[rows], y[rows]), b)
    return b.reshape(-1, y.shape[1])


# -- the path of a descent ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("share", "steps", "recorded"),
    [(0.37, 5, False), (0.11, 23, False), (0.48, 4, False), (0.83, 9, False), (0.02, 150, False), (0.83, 9, True)],
)
def test_a_step_of_gradient_descent_from_zero_is_named_with_its_number_and_rate(kind, share, steps, recorded):
    """At no usual rate: where the answer has no record, the rate is found, and of large steps that jump over the optimum too."""
    X, y = white(drawn().X), drawn().y[kind]
    rate = share * fastest(kind, X, y)
    more = {"record": Record("SGD", rate, steps)} if recorded else {}
    found = asked(small(kind, X=X), descent(kind, X, y, rate, steps), **more)

    assert found.codes == ("descent-path",), said(found)
    assert found.found[0].says == f"it is step {steps} of gradient descent from zero with the rate {rate:.6g}"


@pytest.mark.parametrize("steps", [100, 101, 1000])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_steps_that_are_too_large_to_come_to_rest_are_named(steps, momentum):
    """However many there were: on a logistic loss they swing from one side of the optimum to the other."""
    X, y = white(drawn().X), drawn().y["logistic"]
    rate = 2.5 * (1 + momentum) * fastest("logistic", X, y)
    swinging = descent("logistic", X, y, 2.5 * fastest("logistic", X, y), steps)
    found = asked(small("logistic", X=X), swinging, record=Record("SGD", rate, steps, momentum=momentum))
    fine = asked(small("logistic", X=X), swinging, record=Record("SGD", 0.36 * rate, steps, momentum=momentum))

    assert found.codes == ("rate-too-large",), said(found)
    assert f"is {5 * (1 + momentum):.3g} times as long" in found.found[0].says
    assert "rate-too-large" not in fine.codes, said(fine)


def test_an_answer_far_nearer_than_batches_leave_it_is_not_called_noise():
    """All rows were in each step, and it was on its way still."""
    X, y = white(drawn().X), drawn().y["logistic"]
    rate = 0.4 * fastest("logistic", X, y)
    for steps in (20, 30, 40):
        found = asked(small("logistic", X=X), descent("logistic", X, y, rate, steps), record=Record("SGD", rate, steps + 1))

        assert "minibatch-noise" not in found.codes, said(found)


@pytest.mark.parametrize(("kind", "scale"), [("normal", (1e3, 1, 1)), ("logistic", (1e5, 1e4, 1e3))])
@pytest.mark.parametrize("share", [0.37, 0.05])
@pytest.mark.parametrize("steps", [2, 3, 7])
def test_one_cause_goes_before_two_that_come_as_near(kind, scale, share, steps):
    """Where columns have many sizes a penalty and a factor of the response come within 1e-6 errors of a few steps of descent."""
    X, y = 5 + drawn().X, drawn().y[kind]
    rate = share * fastest(kind, X, y, scale)
    with np.errstate(over="ignore", invalid="ignore"):  # of the plain losses
        b = descent(kind, X * scale, y, rate, steps)
    found = asked(small(kind, X=X * scale), b)

    assert (found.codes, found.proven) == (("descent-path",), False), said(found)


@pytest.mark.parametrize("kind", KINDS)
def test_beside_the_path_of_a_descent_nothing_is_named(kind):
    """By a thousandth of the way that is left, in another direction."""
    X, y = white(drawn().X), drawn().y[kind]
    b = descent(kind, X, y, 0.11 * fastest(kind, X, y), 23)
    away = np.random.default_rng(5).normal(size=b.shape)
    found = asked(small(kind, X=X), b + 1e-3 * np.linalg.norm(b - minimum(kind, X, y)) / np.linalg.norm(away) * away)

    assert (found.verdict, found.codes) == ("unexplained", ()), said(found)


# -- steps of few rows, and too few steps ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["logistic", "counts", "normal"])
@pytest.mark.parametrize("seed", range(3))
def test_steps_of_few_rows_wander_about_the_optimum(kind, seed):
    """After so many that nothing is left of the way from the first weights."""
    X, y, rng = white(drawn().X), drawn().y[kind], np.random.default_rng(seed)
    rate = 0.1 * fastest(kind, X, y)
    b = descent(kind, X, y, rate, 600, start=minimum(kind, X, y), batch=16, rng=rng)
    found = asked(small(kind, X=X), b, record=Record("SGD", rate, 600, init=1.0))

    assert found.codes == ("minibatch-noise",), said(found)
    assert not found.proven


@pytest.mark.parametrize("kind", ["logistic", "counts", "normal"])
@pytest.mark.parametrize("batch", [16, None])
def test_few_steps_from_random_weights_are_stopped(kind, batch):
    """In batches and with all rows: much more of the way is left than batches add."""
    X, y, rng = white(drawn().X), drawn().y[kind], np.random.default_rng(1)
    rate = 0.02 * fastest(kind, X, y)
    b = descent(kind, X, y, rate, 12, start=rng.uniform(-1, 1, size=(4, 1)), batch=batch, rng=rng)
    found = asked(small(kind, X=X), b, record=Record("SGD", rate, 12, init=1.0))

    assert found.codes == ("stopped",), said(found)


@pytest.mark.parametrize("kind", KINDS)
def test_adam_that_is_on_its_way_is_stopped_and_one_that_has_no_gradient_left_is_not(kind):
    """Its running mean is the gradient at the weights, or it is nothing like it."""
    X, y = drawn().X, drawn().y[kind]
    b, mean, square = np.zeros((4, y.shape[1])), 0.0, 0.0
    for step in range(1, 31):
        gradient = SCALE.get(kind, 1.0) / N * slope(total(kind, X, y), b.ravel()).reshape(b.shape)
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        b = b - 0.01 * mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-7)
    on_its_way = asked(small(kind), b, record=Record("Adam", 0.01, 30, mean=mean, square=square))
    at_rest = asked(small(kind), b, record=Record("Adam", 0.01, 30, mean=1e-9 * mean, square=1e-18 * square))

    assert on_its_way.codes == ("stopped",), said(on_its_way)
    assert at_rest.codes == (), said(at_rest)


@pytest.mark.parametrize("seed", range(3))
def test_adam_in_batches_wanders_about_the_optimum(seed):
    """Near it the gradient of all rows is next to nothing, and the running mean is of the rows of the last batches."""
    X, y, rng = drawn().X, drawn().y["logistic"], np.random.default_rng(seed)
    b, mean, square, steps = 1.001 * minimum("logistic", X, y), 0.0, 0.0, 300
    for _ in range(steps):
        rows = rng.choice(N, 16, replace=False)
        gradient = slope(total("logistic", X[rows], y[rows]), b.ravel()).reshape(b.shape) / 16
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
    found = asked(small("logistic"), b, record=Record("Adam", 1e-5, steps, mean=mean, square=square))

    assert found.codes == ("minibatch-noise",), said(found)


def test_a_loss_of_no_family_is_on_the_way_to_no_optimum_of_another():
    """What the optimizer kept says nothing then."""
    X, y = drawn().X, drawn().y["logistic"]
    b = 0.6 * minimum("logistic", X, y)
    gradient = SCALE.get("logistic", 1.0) / N * slope(total("logistic", X, y), b.ravel()).reshape(b.shape)
    more = {
        "record": Record("Adam", 1e-3, 30, mean=(1 - 0.9**30) * gradient, square=gradient**2),
        "program": {"loss": "It is hinge."},
    }
    known, unknown = (asked(small("logistic"), b, **more, has_unknown_loss=one) for one in (False, True))

    assert "stopped" in known.codes, said(known)
    assert unknown.codes == ("loss",), said(unknown)
    assert unknown.found[0].says == "It is hinge."


# -- a sample of one class ---------------------------------------------------------------------------------------------


def rare(seed, n=600):
    """Two columns, and a response that is seldom 1."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    return rng, X, (rng.random((n, 1)) < sigmoid(X @ [[0.8], [-0.5]] - 2)).astype(float)


@pytest.mark.parametrize("seed", range(4))
def test_as_many_rows_of_the_common_class_as_of_the_rare_one_are_named(seed):
    """With the shares that were kept."""
    rng, X, y = rare(seed)
    ones = np.flatnonzero(y[:, 0])
    kept = np.concatenate([ones, rng.choice(np.flatnonzero(1 - y[:, 0]), len(ones), replace=False)])
    found = asked(small("logistic", X=X, y=y), minimum("logistic", X[kept], y[kept]))

    assert found.codes == ("undersampled",), said(found)
    assert f"the shares {len(ones) / (600 - len(ones)):.3g}, 1 of their rows" in found.found[0].says
    assert not found.proven


@pytest.mark.parametrize("seed", range(4))
def test_answers_that_are_as_far_off_in_other_directions_are_no_sample(seed):
    rng, X, y = rare(seed)
    b = minimum("logistic", X, y)
    away = rng.normal(size=b.shape) * [[0.2], [1], [1]]
    length = np.sqrt(away.ravel() @ bend(total("logistic", X, y), b.ravel()) @ away.ravel())
    found = asked(small("logistic", X=X, y=y), b + 12 * away / length)

    assert (found.verdict, found.codes) == ("unexplained", ()), said(found)


# -- few rows, several causes of the columns, other units --------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lost", [1, 2, 5])
@pytest.mark.parametrize("code", ["rows-first", "rows-last"])
def test_few_rows_that_were_left_out_are_found(kind, lost, code):
    """One row that is lost leaves as many equations as many do."""
    X, y = drawn().X, drawn().y[kind]
    kept = slice(0, N - lost) if code == "rows-first" else slice(lost, N)
    found = asked(small(kind), minimum(kind, X[kept], y[kept]))

    assert (found.codes, found.proven) == ((code,), True), said(found)
    assert f"the {code.partition('-')[2]} {N - lost} of {N} rows" in found.found[0].says


@pytest.mark.parametrize("lost", [1, 4, 189])
def test_a_cut_is_found_to_the_row_where_few_places_are_noted(monkeypatch, lost):
    """Eight of 600 rows."""
    monkeypatch.setattr(contexts, "SMALL", 0)
    monkeypatch.setattr(contexts, "PLACES", 8)
    _, X, y = rare(0)
    found = asked(small("logistic", X=X, y=y), minimum("logistic", X[:-lost], y[:-lost]))

    assert found.codes == ("rows-first",), said(found)
    assert f"the first {600 - lost} of 600 rows" in found.found[0].says


@pytest.mark.parametrize("kind", ["logistic", "counts", "normal"])
def test_an_order_of_the_columns_and_no_intercept_are_found_together(kind):
    """Both are causes of the columns."""
    X, y = drawn().X, drawn().y[kind]
    found = asked(small(kind), minimum(kind, X[:, [2, 0, 1]], y, intercept=False))

    assert sorted(found.codes) == ["columns-permuted", "no-intercept"], said(found)
    assert found.proven


@pytest.mark.parametrize("kind", ["logistic", "counts", "gamma"])
def test_units_are_read_beside_weights_that_move_the_coefficients(kind):
    """By more than the units are apart from others: they are read at the optimum of the squared weights."""
    X, y, w = drawn().X, drawn().y[kind], drawn().weights ** 2
    b = minimum(kind, X, y, weights=w**2) * np.array([[1], [12], [1], [1 / 60]])
    found = asked(small(kind, weights=w), b)

    assert sorted(found.codes) == ["units", "weights-squared"], said(found)
    assert found.proven


def test_scores_that_overflow_are_no_second_optimum():
    """With a column in other units eta reaches hundreds, where y exp(-eta) is no number: its distance is NaN, and not small."""
    X, y = drawn().X, drawn().y["gamma"]
    found = asked(small("gamma"), minimum("gamma", X, y) * np.array([[1], [1], [1e4], [1]]))

    assert (found.codes, found.proven) == (("units",), True), said(found)
