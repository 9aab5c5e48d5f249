"""
A model is a family and a link, a pair that statsmodels admits too; where it is said to be log-concave, that is proven.

The kernel of each family depends on mu through y A(mu) + B(mu), so its curvature in eta is a straight line in y: it is
never positive for any response if it is not at the ends of the responses. A range of shares has two ends, 0 and 1; the
counts and the positive numbers have the end 0 and a direction, in which the curvature changes by its slope in y.

Each such end is either 0 identically (SymPy says so) or negative on an interval of eta (ball arithmetic says so: a cover of
the interval, and on each of its cells Taylor's polynomial of the curvature with its remainder, everything in balls).
"""

import dataclasses
from functools import cache

import flint
import numpy as np
import pytest
import sympy as sp
from flint import arb, arb_series

from spec import links
from spec.domains import NEGATIVE, POSITIVE, REAL, UNIT
from spec.evidence.balls import BALLS
from spec.families import (
    FAMILIES,
    Binomial,
    Gamma,
    Gaussian,
    InverseGaussian,
    Multinomial,
    NegativeBinomial,
    Poisson,
    Tweedie,
)
from spec.model import ALPHA, LOG_CONCAVE, PAIRS, POWER, Model, Params
from tests.instruments.symbols import SYMBOLS, exactly

CANONICAL = {
    "gaussian-identity",
    "binomial-logit",
    "poisson-log",
    "gamma-inverse",
    "inverse-gaussian-inverse-squared",
    "negative-binomial(0.5)-negative-binomial-link(0.5)",
    "tweedie(1.5)-power(-0.5)",
}

# eta and y at which the log-likelihood curves upwards: one for each pair that is not log-concave
WITNESSES = {
    Model(Gaussian(), links.Log()): (-1.0, 2.0),
    Model(Gaussian(), links.Inverse()): (1.0, 2.0),
    Model(Binomial(), links.Cauchit()): (1.0, 0.0),
    Model(Gamma(), links.Identity()): (2.0, 0.5),
    Model(InverseGaussian(), links.Identity()): (1.0, 0.5),
    Model(InverseGaussian(), links.Log()): (1.0, 0.5),
    Model(NegativeBinomial(ALPHA), links.CLogLog()): (1.0, 0.0),
    Model(NegativeBinomial(ALPHA), links.Identity()): (1.0, 0.0),
    Model(NegativeBinomial(ALPHA), links.Power(0.5)): (2.0, 0.0),
}
CONCAVE = [model for model in PAIRS if model not in WITNESSES]


# --- which models there are -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def admitted():
    """The names of the links that statsmodels admits, by the name of its family."""
    # The list is statsmodels' own, so it is asked; imported here, so that the other tests do not wait for it
    from statsmodels.genmod import families

    return {type(f).__name__: {link.__name__ for link in getattr(families, type(f).__name__).links} for f in FAMILIES[:-1]}


def test_pairs_are_those_that_statsmodels_admits(admitted):
    """The registry holds the 28 pairs that statsmodels fits without a warning, each once, and the softplus that Keras has."""
    spelt = {"Cauchit": "Cauchy", "LogComplement": "LogC", "Inverse": "InversePower", "NegativeBinomialLink": "NegativeBinomial"}
    ours = {name: set() for name in admitted}
    for model in PAIRS:
        name = type(model.link).__name__
        ours[type(model.family).__name__].add(spelt.get(name, name))

    ours["Poisson"].remove("Softplus")
    assert ours == admitted
    assert len(PAIRS) == len(set(PAIRS)) == 29


def test_pairs_carry_these_parameters():
    """alpha is 0.5 and the power 1.5 wherever a pair has one, and the power links are mu^0.5 and mu^-0.5."""
    assert (ALPHA, POWER) == (0.5, 1.5)
    assert {model.family for model in PAIRS} == set(FAMILIES) - {Multinomial()}
    assert {model.link for model in PAIRS} == set(links.ELEMENTWISE)


def test_names_join_family_and_link():
    """A model is called by its family and its link."""
    assert str(Model(Binomial(), links.Probit())) == "binomial-probit"
    assert str(Model(Multinomial(), links.Softmax())) == "multinomial-softmax"
    assert len({str(model) for model in PAIRS}) == 29


def test_canonical_pairs_are_these():
    """Each family has one canonical link; another alpha, another power and another link of the same curve are not it."""
    assert {str(model) for model in PAIRS if model.is_canonical} == CANONICAL
    assert Model(Multinomial(), links.Softmax()).is_canonical
    assert not Model(NegativeBinomial(0.5), links.NegativeBinomialLink(1.0)).is_canonical
    assert not Model(Tweedie(1.5), links.Power(-0.4)).is_canonical
    assert Model(Tweedie(1.25), links.Power(-0.25)).is_canonical


def test_logistic_regression_is_of_two_classes_or_of_several():
    """The logit link of the binomial family, and the softmax: no other link, and no other family."""
    assert {str(model) for model in PAIRS if model.is_logistic} == {"binomial-logit"}
    assert Model(Multinomial(), links.Softmax()).is_logistic


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_multinomial_and_softmax_belong_together(family):
    """The multinomial with any other link, and the softmax with any other family, are refused and both are named."""
    link = links.Logit() if family == Multinomial() else links.Softmax()

    with pytest.raises(ValueError) as refusal:
        Model(family, link)

    assert str(refusal.value) == (f"{family} with {link}: the multinomial family and the softmax link go with each other only.")


def test_models_are_equal_by_value():
    """A model equals another of the same family and link, hashes alike, and cannot be changed."""
    model = Model(NegativeBinomial(0.5), links.Log())

    assert model == Model(NegativeBinomial(0.5), links.Log())
    assert hash(model) == hash(Model(NegativeBinomial(0.5), links.Log()))
    assert model != Model(NegativeBinomial(1.0), links.Log())
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.link = links.Identity()


# --- log-concavity --------------------------------------------------------------------------------------------------

PRECISION, ORDER = 512, 10  # bits, against the cancellation in 1 - mu; and of Taylor's polynomial


@pytest.fixture
def balls():
    """512 bits, and room for series of the curvature's order, for the test's duration."""
    cap, flint.ctx.cap = flint.ctx.cap, ORDER + 3
    with flint.ctx.workprec(PRECISION):
        yield
    flint.ctx.cap = cap


def predictors(model):
    """The interval of eta to cover, of all eta whose mean is the family's: wide, and short of the tails' 1 - mu = e^-150."""
    if isinstance(model.link, links.CLogLog):
        return -20.0, 5.0
    if isinstance(model.link, links.LogLog):
        return -5.0, 20.0
    if model == Model(Binomial(), links.Log()):
        return -20.0, -1e-3
    domain = model.family.mu_domain if model.link == links.Identity() else model.link.eta_domain
    return {REAL: (-20.0, 20.0), POSITIVE: (1e-3, 1e3), NEGATIVE: (-20.0, -1e-3), UNIT: (1e-3, 1 - 1e-3)}[domain]


def ends(family):
    """The responses' ends: of a curvature c(y) that is linear in y, these are nowhere positive iff c(y) <= 0 for all y."""
    if family == Binomial():
        return {"y = 0": lambda c: c(0), "y = 1": lambda c: c(1)}
    upwards = {"y = 0": lambda c: c(0), "rising y": lambda c: c(1) - c(0)}
    return {**upwards, "falling y": lambda c: c(0) - c(1)} if family == Gaussian() else upwards


ENDS = [pytest.param(model, end, id=f"{model}, {end}") for model in CONCAVE for end in ends(model.family)]


@cache
def is_zero(model, end):
    """Whether SymPy proves that the curvature is 0 for every eta, at this end of the responses."""
    eta = {"positive": True} if model.link.eta_domain == POSITIVE else {"real": True}
    eta = sp.Symbol("eta", **eta)
    family, link = exactly(model.family), exactly(model.link)
    curvature = ends(model.family)[end](
        lambda y: sp.diff(family.kernel(sp.Integer(y), link.inverse(eta, SYMBOLS), SYMBOLS), eta, 2)
    )
    return sp.simplify(curvature) == 0


def curvature_series(model, end, eta, length):
    """The curvature in eta of the kernel at this end of the responses: Taylor's series at eta, in balls."""

    def curvature(y):
        mean = model.link.inverse(arb_series([eta, 1], length + 2), BALLS)
        return model.family.kernel(float(y), mean, BALLS).derivative().derivative()

    return ends(model.family)[end](curvature)


def curvature_on(model, end, low, high):
    """A ball that holds the curvature at every eta from low to high: the polynomial at the centre, the remainder over all."""
    centre, offset = (low + high) / 2, arb(0, (high - low) / 2)
    polynomial = curvature_series(model, end, centre, ORDER)
    total = curvature_series(model, end, centre + offset, ORDER + 1)[ORDER]
    for order in reversed(range(ORDER)):
        total = total * offset + polynomial[order]
    return total


def is_negative_throughout(model, end, low, high):
    """Whether a cover of the interval, halved where it is too coarse, proves the curvature negative everywhere in it."""
    cells = [(arb(low), arb(high))]
    for _ in range(5000):
        if not cells:
            return True
        low, high = cells.pop()
        try:
            proven = curvature_on(model, end, low, high) < 0
        except ValueError:  # a quotient whose denominator is a ball around 0: no answer on so wide a cell
            proven = False
        if not proven:
            middle = (low + high) / 2
            cells += [(low, middle), (middle, high)]
    return False


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_curvature_is_linear_in_the_response(family):
    """What of the kernel depends on mu is linear in y, for every family: so its curvature in any eta is."""
    y, mu = sp.symbols("y mu", positive=True)

    assert sp.simplify(sp.diff(exactly(family).kernel(y, mu, SYMBOLS), mu, y, 2)) == 0


@pytest.mark.parametrize(("model", "end"), ENDS)
def test_log_concave_pairs_curve_downwards(model, end, balls):
    """At each end of the responses the curvature is identically 0, or negative on the whole of a wide interval of eta."""
    assert model.is_log_concave
    assert is_zero(model, end) or is_negative_throughout(model, end, *predictors(model))


def test_zero_curvature_is_rare():
    """No log-concave pair is flat at all ends of the responses, and those flat at one are these."""
    flat = {(str(model), end) for model in CONCAVE for end in ends(model.family) if is_zero(model, end)}

    # the kernel of a canonical pair is y eta - b(eta), which is straight in y
    straight = {(str(m), e) for m in CONCAVE if m.is_canonical for e in ends(m.family) if e in ("rising y", "falling y")}
    assert flat - straight == {
        ("binomial-log", "y = 1"),
        ("binomial-log-complement", "y = 0"),
        ("poisson-identity", "y = 0"),
        ("gamma-log", "y = 0"),
        ("inverse-gaussian-inverse", "y = 0"),
    }
    assert straight <= flat


@pytest.mark.parametrize(("model", "witness"), WITNESSES.items(), ids=str)
def test_other_pairs_curve_upwards_somewhere(model, witness, balls):
    """Each pair that is not log-concave has a predictor and a response at which the log-likelihood curves upwards."""
    eta, y = witness
    kernel = model.family.kernel(y, model.link.inverse(arb_series([eta, 1], 3), BALLS), BALLS)

    assert not model.is_log_concave
    assert model.link.eta_domain.contains(eta)
    assert model.family.mu_domain.contains(model.link.inverse(eta))
    assert model.family.response_domain.contains(y)
    assert kernel[2] > 0


@pytest.mark.parametrize("model", [Model(NegativeBinomial(ALPHA), links.Log()), Model(Tweedie(POWER), links.Log())], ids=str)
def test_log_link_is_log_concave_for_every_parameter(model):
    """With the log link the negative binomial is log-concave for every alpha, and the Tweedie for every power in (1, 2)."""
    eta, positive = sp.Symbol("eta", real=True), sp.Symbol("positive", positive=True)
    parameter = {"alpha": positive} if "alpha" in vars(model.family) else {"power": 1 + 1 / (1 + positive)}
    family = exactly(model.family, **parameter)

    def curvature(y):
        return sp.diff(family.kernel(sp.Integer(y), sp.exp(eta), SYMBOLS), eta, 2)

    assert sp.factor(sp.simplify(curvature(0))).is_negative
    assert sp.factor(sp.simplify(curvature(1) - curvature(0))).is_negative


def test_log_concave_table_is_this():
    """The table names each non-canonical pair that was proven, and no other: with it 20 of the 29 pairs are log-concave."""
    assert {(type(m.family), type(m.link)) for m in CONCAVE if not m.is_canonical} == LOG_CONCAVE
    assert [m.is_log_concave for m in PAIRS] == [m in CONCAVE for m in PAIRS]
    assert len(CONCAVE) == 20
    assert Model(Multinomial(), links.Softmax()).is_log_concave
    assert Model(NegativeBinomial(3.0), links.Log()).is_log_concave
    assert not Model(NegativeBinomial(0.5), links.NegativeBinomialLink(1.0)).is_log_concave


def test_all_links_are_met():
    """Between the proofs and the witnesses every link of the registry's pairs is met, so no pair is left unjudged."""
    kinds = {type(model.link) for model in (*CONCAVE, *WITNESSES)}

    assert kinds == {
        links.Cauchit,
        links.CLogLog,
        links.Identity,
        links.Inverse,
        links.InverseSquared,
        links.Log,
        links.LogComplement,
        links.Logit,
        links.LogLog,
        links.NegativeBinomialLink,
        links.Power,
        links.Probit,
        links.Softplus,
        links.Sqrt,
    }
    assert {type(model.family) for model in PAIRS} == {
        Gaussian,
        Binomial,
        Poisson,
        Gamma,
        InverseGaussian,
        NegativeBinomial,
        Tweedie,
    }


# --- parameters -----------------------------------------------------------------------------------------------------

MATRIX = np.array([[0.5, -1.0, 2.0], [1.0, 4.0, 7.0], [-3.0, 0.25, 8.0]])


def test_params_are_float64_arrays():
    """Intercepts and coefficients become float64 arrays, whatever sequence of numbers they were."""
    params = Params([1, 2], [[1, 2], [3, 4], [5, 6]])

    assert (params.intercept.dtype, params.coef.dtype) == (np.float64, np.float64)
    assert (params.intercept.tolist(), params.coef.tolist()) == ([1, 2], [[1, 2], [3, 4], [5, 6]])


@pytest.mark.parametrize(
    ("intercept", "coef"),
    [
        ((2,), (3, 1)),
        ((1,), (3, 2)),
        ((3,), (3,)),
        ((), (3, 1)),
        ((), (3,)),
        ((), ()),
        ((1, 1), (3, 1)),
        ((1,), (2, 3, 1)),
        ((3, 1), (2, 3, 1)),
    ],
    ids=str,
)
def test_params_that_do_not_fit_are_refused(intercept, coef):
    """One intercept for each column of a two-dimensional coef, or a ValueError that says both shapes."""
    with pytest.raises(ValueError) as refusal:
        Params(np.zeros(intercept), np.zeros(coef))

    assert str(refusal.value) == f"Params: intercept {intercept} and coef {coef} must be (k,) and (p, k)."


def test_params_may_have_no_columns_of_x():
    """A model of an intercept alone has a coef of shape (0, k)."""
    params = Params([0.5], np.empty((0, 1)))

    assert params.matrix.tolist() == [[0.5]]
    assert params.linear_predictor(np.empty((4, 0))).tolist() == [[0.5]] * 4


def test_matrix_has_the_intercepts_first():
    """The matrix is the intercepts above the coefficients, and from it the same parameters come back."""
    params = Params(MATRIX[0], MATRIX[1:])
    back = Params.from_matrix(MATRIX.tolist())

    assert (params.matrix == MATRIX).all()
    assert params.matrix.shape == (3, 3)
    assert (back.intercept == MATRIX[0]).all()
    assert (back.coef == MATRIX[1:]).all()


def test_contrast_takes_class_zero_off():
    """With several columns each loses column 0, intercepts too; the softmax's means do not change."""
    params = Params.from_matrix(MATRIX)
    contrast = params.contrast()
    X = np.array([[1.0, -2.0], [0.5, 0.25]])

    assert contrast.matrix.tolist() == [[0, -1.5, 1.5], [0, 3, 6], [0, 3.25, 11]]
    assert (params.matrix == MATRIX).all()
    np.testing.assert_allclose(
        links.Softmax().inverse(contrast.linear_predictor(X)), links.Softmax().inverse(params.linear_predictor(X)), rtol=1e-13
    )


def test_contrast_of_two_is_a_difference():
    """With two columns the contrast's second is their difference."""
    assert Params([1.0, 5.0], [[2.0, 7.0]]).contrast().matrix.tolist() == [[0, 4], [0, 5]]


def test_contrast_of_one_column_is_itself():
    """A single column is identified as it is."""
    params = Params([1.0], [[2.0], [3.0]])

    assert params.contrast() is params


def test_linear_predictor_is_intercept_plus_x_coef():
    """eta = intercept + X coef, a row for each row of X and a column for each output."""
    params = Params([0.5, -1.0], [[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    X = np.array([[1.0, 0.0, 0.0], [1.0, 2.0, 3.0]])

    assert params.linear_predictor(X).tolist() == [[1.5, 1.0], [321.5, 641.0]]


def test_params_cannot_be_changed_and_are_compared_by_identity():
    """Parameters are frozen; two equal arrays are two answers, so == asks whether they are the same object."""
    params = Params([1.0], [[2.0]])

    with pytest.raises(dataclasses.FrozenInstanceError):
        params.intercept = np.zeros(1)
    assert params == params
    assert params != Params([1.0], [[2.0]])
